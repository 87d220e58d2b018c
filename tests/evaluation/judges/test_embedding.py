"""The fixed embedding of windows and its principal axes."""

from __future__ import annotations

import numpy as np
import pytest

from tsgan.evaluation.judges.embedding import Axes, Embedding


@pytest.mark.parametrize("shape", [(300, 8, 2), (100, 24, 9), (40, 2, 1)])
def test_features_have_unit_weight_in_two_groups_and_are_always_the_same(shape: tuple[int, int, int]) -> None:
    windows = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    features = Embedding(windows, 30).apply(windows)
    assert features.shape == (shape[0], 60 + min(shape[1] * shape[2], 96))
    for group in (features[:, :60], features[:, 60:]):
        assert group.mean() == pytest.approx(0, abs=1e-2)
        assert group.var(axis=0).sum() == pytest.approx(1, abs=0.1)
    np.testing.assert_array_equal(features, Embedding(windows, 30).apply(windows))


def test_constant_and_wild_windows_stay_finite() -> None:
    real = np.zeros((30, 6, 2), dtype=np.float32)
    real[:, :, 0] = np.random.default_rng(0).normal(size=(30, 6))
    wild = np.full((5, 6, 2), 1e9, dtype=np.float32)
    found = Embedding(real).apply(wild)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 10


@pytest.mark.parametrize("count", [50, 8])
def test_axes_are_those_of_the_covariance(count: int) -> None:
    features = np.random.default_rng(0).normal(size=(count, 12)) * np.r_[5, 3, np.ones(10)]
    axes = Axes.of(features, 3)
    want = np.linalg.svd(features - features.mean(axis=0), compute_uv=True)
    np.testing.assert_allclose(axes.spread, want[1][:3] / np.sqrt(count))
    np.testing.assert_allclose(np.abs(axes.directions), np.abs(want[2][:3].T), atol=1e-8)
    np.testing.assert_allclose(axes.apply(features).std(axis=0), axes.spread)


def test_axes_without_spread_are_left_out() -> None:
    line = np.outer(np.random.default_rng(0).normal(size=20), [1.0, 2.0, 0.0])
    assert Axes.of(line, 3).directions.shape == (3, 1)
