"""Small panels with known ties in time and between columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.metrics import frechet, papers


def panel(seed: int, count: int = 300, steps: int = 8) -> np.ndarray:
    """`(count, steps, 2)`: a persistent AR(1) and a second column that follows it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, steps))
    for t in range(1, steps):
        x[:, t] = 0.9 * x[:, t - 1] + np.sqrt(1 - 0.81) * x[:, t]
    y = 0.9 * x + np.sqrt(1 - 0.81) * rng.normal(size=x.shape)
    return np.stack([x, y], axis=2)


def mixed(seed: int, count: int = 60) -> pd.DataFrame:
    """Long format with an entity, a clock, two numbers, a category, a boolean, a date and a static category."""
    rng = np.random.default_rng(seed)
    values = panel(seed, count, 12).reshape(-1, 2)
    level = values[:, 0]
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.tile(np.arange(12), count), unit="D")
    site = np.repeat(rng.choice(["north", "south"], count), 12)
    return pd.DataFrame(
        {
            "id": np.repeat([f"{seed}-{i}" for i in range(count)], 12),
            "day": days,
            "level": level,
            "follows": values[:, 1],
            "weather": np.where(level > 0.5, "sun", np.where(level > -0.5, "fog", "rain")),
            "open": level > 0,
            "due": days + pd.to_timedelta(rng.integers(1, 20, len(days)), unit="D"),
            "site": site,
        }
    )


ROLES = {"entity": "id", "time": "day", "static": ["site"]}


@pytest.fixture(scope="session")
def make_panel():
    return panel


@pytest.fixture(scope="session")
def make_mixed():
    return mixed


@pytest.fixture(scope="session")
def roles():
    return ROLES


@pytest.fixture
def quick_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the metrics' judges learn for fewer steps than the papers' protocol asks."""
    monkeypatch.setattr(frechet, "UPDATES", 20)
    monkeypatch.setattr(papers.Discriminative, "steps", 800)
    monkeypatch.setattr(papers.Predictive, "steps", 1200)
