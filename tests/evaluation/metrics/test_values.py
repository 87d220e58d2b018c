"""Distances on a grid, against the exact ones of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tsgan.evaluation.metrics.figures import Grid, kolmogorov_smirnov, total_variation

RNG = np.random.default_rng(0)
PAIRS = {
    "normal": (RNG.normal(size=4000), RNG.normal(0.3, 1.2, 3000)),
    "whole numbers": (RNG.poisson(3, 4000).astype(float), RNG.poisson(3.4, 3000).astype(float)),
    "many zeros": (np.maximum(RNG.normal(size=4000), 0), np.maximum(RNG.normal(0.2, 1, 3000), 0)),
    "two humps": (RNG.normal(RNG.choice([-4, 4], 4000), 1), RNG.normal(size=3000)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_near_the_exact_distances(name: str) -> None:
    real, other = PAIRS[name]
    grid = Grid.of(real)
    shares = grid.shares(real), grid.shares(other)
    np.testing.assert_allclose([side.sum() for side in shares], 1)
    assert kolmogorov_smirnov(*shares) == pytest.approx(stats.ks_2samp(real, other).statistic, abs=0.012)
    exact = stats.wasserstein_distance(real, other) / grid.spread
    assert grid.wasserstein(*shares) == pytest.approx(exact, rel=0.03, abs=0.01)


def test_every_value_has_its_place() -> None:
    grid = Grid(np.array([0.0, 1.0, 3.0]), (0.0, 3.0), 1.0)
    assert grid.codes(np.array([-1, 0, 0.5, 1, 2, 3, 9])).tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_spread_is_robust_and_never_zero() -> None:
    heavy = np.r_[np.random.default_rng(1).normal(2, 3, 5000), 1e9]
    assert Grid.of(heavy).spread == pytest.approx(3, rel=0.05)
    assert Grid.of(np.full(50, 7.0)).spread == 1
    assert Grid.of(np.r_[np.zeros(99), 1.0]).spread == pytest.approx(0.0995, rel=0.01)


def test_what_lies_far_out_counts_once_a_width_beyond() -> None:
    real = np.random.default_rng(2).normal(size=5000)
    grid = Grid.of(real)
    far, further = (
        grid.wasserstein(grid.shares(real + 0 * real + k * (real > 1.5)), grid.shares(real)) for k in (9, 900)
    )
    assert far == pytest.approx(further)


def test_uniform_over_the_bulk() -> None:
    real = np.random.default_rng(3).normal(size=20_000)
    grid = Grid.of(real)
    drawn = grid.shares(np.random.default_rng(4).uniform(*grid.bulk, 100_000))
    assert kolmogorov_smirnov(drawn, grid.uniform()) < 0.01
    one = Grid.of(np.full(50, 7.0))
    assert total_variation(one.uniform(), one.shares(np.full(9, 7.0))) == 0
