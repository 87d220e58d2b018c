"""The Fréchet distance in the fixed embedding."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import sqrtm

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.frechet import Frechet, frechet

METRIC = Frechet()


def plain(one: np.ndarray, two: np.ndarray) -> float:
    """The readable twin: the formula with a matrix root."""
    gap = ((one.mean(axis=0) - two.mean(axis=0)) ** 2).sum()
    a, b = np.cov(one.T), np.cov(two.T)
    return float(gap + np.trace(a + b - 2 * sqrtm(a @ b).real))


def test_equals_the_formula() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4)), 1 + rng.normal(size=(60, 4))
    assert frechet(one, two) == pytest.approx(plain(one, two))
    assert frechet(one, one) == pytest.approx(0, abs=1e-10)


def test_of_normal_laws_by_hand() -> None:
    rng = np.random.default_rng(0)
    assert frechet(rng.normal(size=(100_000, 1)), 3 + 2 * rng.normal(size=(100_000, 1))) == pytest.approx(10, rel=0.01)


def test_few_windows_and_a_single_axis() -> None:
    assert frechet(np.zeros((2, 1)), np.ones((2, 1))) == pytest.approx(1)
    assert frechet(np.zeros((3, 0)), np.zeros((3, 0))) == 0


def test_sees_order_lost_and_not_another_sample(make_panel) -> None:
    for seed in range(3):
        assert METRIC.measure(prepare(make_panel(2 * seed), make_panel(2 * seed + 1)), 2).grade == "faithful"
    shuffled = np.random.default_rng(0).permuted(make_panel(1), axis=1)
    assert METRIC.measure(prepare(make_panel(0), shuffled), 2).grade in ("visible", "far")


def test_sees_columns_torn_apart(make_panel) -> None:
    torn = make_panel(1)
    torn[:, :, 1] = torn[::-1, :, 1]
    result = METRIC.measure(prepare(make_panel(0), torn), 2)
    assert result.grade in ("visible", "far")
    assert [row["grade"] for row in result.detail["columns"]] == ["faithful", "faithful"]


def test_a_mode_that_one_of_many_columns_lacks_is_seen() -> None:
    rng = np.random.default_rng(0)
    real, other = rng.normal(size=(2, 500, 12, 8))
    for side, modes in ((real, 3), (other, 2)):
        period = np.array([3, 6, 12])[rng.integers(modes, size=(500, 1))]
        side[:, :, 3] = 3 * np.sin(2 * np.pi * (np.arange(12) / period + rng.random((500, 1))))
    result = METRIC.measure(prepare(real, other), 2)
    assert result.grade in ("close", "visible")
    assert "Furthest: x3" in result.verdict


def test_missing_values_categories_and_a_constant_column() -> None:
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(2):
        level = rng.normal(size=1200)
        frame = pd.DataFrame({"id": np.repeat(np.arange(100), 12), "a": level, "b": np.where(level > 0, "up", "down")})
        frame.loc[rng.random(1200) < 0.1, "a"] = np.nan
        frames.append(frame.assign(still=7.0))
    result = METRIC.measure(prepare(*frames, entity="id"), 2)
    assert result.grade == "faithful"
    assert [row["column"] for row in result.detail["columns"]] == ["a", "b"]


def test_too_few_sequences_are_said_in_words() -> None:
    panel = np.random.default_rng(0).normal(size=(3, 6, 1))
    verdict = METRIC.measure(prepare(panel, panel), 2).verdict
    assert verdict.startswith("not available: the 3 sequences of at most 6 steps are too few or short")


def test_nothing_varies() -> None:
    result = METRIC.measure(prepare(np.ones((40, 6, 2)), np.ones((40, 6, 2))), 2)
    assert (result.value, result.grade) == (0, "faithful")
