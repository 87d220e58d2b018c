"""Forecasters taught on synthetic windows and tested on real ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.usefulness import Forecast

METRIC = Forecast()


def ar(seed: int, persistence: float = 0.8, count: int = 400) -> np.ndarray:
    """`(count, 16, 2)`: an AR(1) of unit variance, and its value of two steps ago with noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 18))
    for t in range(1, 18):
        x[:, t] = persistence * x[:, t - 1] + np.sqrt(1 - persistence**2) * x[:, t]
    return np.stack([x[:, 2:], x[:, :-2] + 0.5 * rng.normal(size=(count, 16))], axis=2)


def test_skill_is_that_of_the_best_linear_forecast() -> None:
    result = METRIC.measure(prepare(ar(0, count=4000), ar(1, count=4000)), 2)
    first, second = result.detail["columns"]
    assert result.grade == "faithful"
    assert first["value"] == pytest.approx(np.mean([0.8 ** (2 * h) for h in (1, 2, 4, 8)]), abs=0.03)
    # the second column's next two values are known but for their noise
    assert second["value"] == pytest.approx(np.mean([1, 1, 0.8**4, 0.8**12]) / 1.25, abs=0.03)
    steps = [row["steps"] for row in result.detail["horizons"]]
    skills = [row["value"] for row in result.detail["horizons"]]
    assert steps == [1, 2, 4, 8]
    assert skills == sorted(skills, reverse=True)


def test_sees_wrong_dynamics_and_names_the_column() -> None:
    other = ar(1)
    other[:, :, 0] = np.random.default_rng(0).permuted(other[:, :, 0], axis=1)
    result = METRIC.measure(prepare(ar(0), other), 2)
    assert result.grade in ("visible", "far")
    assert "Worst for x" in result.verdict


def test_does_not_see_another_sample_or_a_shift_that_changes_no_forecast() -> None:
    for seed in range(4):
        assert METRIC.measure(prepare(ar(2 * seed), ar(2 * seed + 1)), 2).grade == "faithful"
    assert METRIC.measure(prepare(ar(0), ar(1) + 0.05), 2).grade == "faithful"


def test_noise_is_far() -> None:
    noise = np.random.default_rng(0).uniform(-3, 3, (400, 16, 2))
    assert METRIC.measure(prepare(ar(0), noise), 2).grade == "far"


def test_what_nobody_can_foretell_is_no_fault() -> None:
    rng = np.random.default_rng(0)
    result = METRIC.measure(prepare(*(rng.normal(size=(300, 8, 2)) for _ in range(2))), 2)
    assert result.grade == "faithful"
    assert result.value == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(("steps", "horizons"), [(2, [1]), (5, [1, 2]), (24, [1, 2, 4, 8])])
def test_horizons_fit_the_window(steps: int, horizons: list[int]) -> None:
    rng = np.random.default_rng(0)
    result = METRIC.measure(prepare(*(rng.normal(size=(100, steps, 1)) for _ in range(2))), 2)
    assert [row["steps"] for row in result.detail["horizons"]] == horizons


def test_missing_values_are_not_asked_for_and_categories_are() -> None:
    frames = []
    for seed in range(2):
        values, rng = ar(seed), np.random.default_rng(seed)
        frame = pd.DataFrame({"id": np.repeat(np.arange(400), 16), "a": values[:, :, 0].ravel(), "still": 1.0})
        frame["b"] = np.where(frame["a"] > 0, "up", "down")
        frame.loc[rng.random(len(frame)) < 0.2, "a"] = np.nan
        frames.append(frame)
    result = METRIC.measure(prepare(*frames, entity="id"), 2)
    assert result.grade == "faithful"
    assert [row["column"] for row in result.detail["columns"]] == ["a", "b"]
    assert all(row["value"] > 0.1 for row in result.detail["columns"])


def test_nothing_that_moves_is_said_in_words() -> None:
    verdict = METRIC.measure(prepare(np.ones((40, 6, 2)), np.ones((40, 6, 2))), 2).verdict
    assert verdict == "not available: no column varies in time, so there is nothing to foretell"


def test_too_few_sequences_are_said_in_words() -> None:
    verdict = METRIC.measure(prepare(ar(0, count=4), ar(1)), 2).verdict
    assert verdict.startswith(
        "not available: the 4 sequences of at most 16 steps are too few or short to be cut into 3"
    )
