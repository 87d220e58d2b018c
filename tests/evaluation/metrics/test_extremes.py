"""The outermost values: how far out, and how rare."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.extremes import Tails, beyond, quantiles
from tsgan.evaluation.metrics.figures import Grid

GOOD = ("faithful", "unclear")


def heavy(seed: int, count: int = 600) -> np.ndarray:
    """`(count, 12, 2)`: Student's t with 3 degrees, and normal."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.standard_t(3, (count, 12)), rng.normal(size=(count, 12))], axis=2)


def measure(real, synthetic, **roles):
    return Tails().measure(prepare(real, synthetic, **roles), 5)


def test_quantiles_and_shares_beyond() -> None:
    values = np.arange(1, 1001) / 10
    grid = Grid.of(values)
    shares = grid.shares(values)
    np.testing.assert_allclose(quantiles(grid, shares), np.quantile(values, [0.01, 0.99]), atol=0.1)
    np.testing.assert_allclose(beyond(grid, shares), [0.01, 0.01], atol=0.0011)
    stacked = quantiles(grid, np.stack([shares, shares]))
    np.testing.assert_array_equal(stacked[0], stacked[1])


def test_tails_cut_off_are_seen_and_named() -> None:
    cut = heavy(1)
    cut[..., 0] = np.clip(cut[..., 0], -3, 3)
    result = measure(heavy(0), cut)
    first, second = result.detail["columns"]
    assert first["grade"] in ("visible", "far")
    assert second["grade"] in GOOD
    assert first["share_above"] == 0
    assert first["low"] > 0.1
    assert first["high"] < -0.1
    assert "Furthest: x0" in result.verdict


def test_a_normal_with_the_same_spread_is_seen() -> None:
    normal = heavy(1, 2000)
    normal[..., 0] = normal[..., 1] * np.sqrt(3)
    assert measure(heavy(0, 2000), normal).grade in ("close", "visible", "far")


@pytest.mark.parametrize("seed", range(5))
def test_another_sample_of_the_source_passes(seed: int) -> None:
    assert measure(heavy(seed, 200), heavy(seed + 100, 200)).grade in GOOD


def test_the_middle_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    flat = heavy(1)
    inside = np.abs(flat) < 1
    flat[inside] = rng.uniform(-1, 1, inside.sum())
    assert measure(heavy(0), flat).grade in GOOD


def test_missing_values_and_constants() -> None:
    real, synthetic = heavy(0), heavy(1)
    real[:, :, 1] = synthetic[:, :, 1] = 3
    synthetic[:, ::2, 0] = np.nan
    assert measure(real, synthetic).grade in GOOD
    synthetic[:, :, 1] = 4
    assert measure(real, synthetic).detail["columns"][1]["grade"] == "far"


def test_not_available_in_words() -> None:
    table = pd.DataFrame({"c": ["a", "b"] * 60})
    assert "no column holds numbers or dates" in measure(table, table).verdict
    gone = np.full((20, 6, 1), np.nan)
    assert "every column of numbers is missing throughout one of the tables" in measure(gone, gone).verdict
