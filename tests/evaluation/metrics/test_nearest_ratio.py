"""Nearest-neighbour distance ratio: by hand, and of equal records."""

from __future__ import annotations

import numpy as np
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics import METRICS
from tsgan.evaluation.metrics.closest_record import ratio
from tsgan.evaluation.records import records


def panel(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 5, 2)).cumsum(1)


def slow(points: np.ndarray, searched: np.ndarray) -> np.ndarray:
    found = [np.sort(np.linalg.norm(searched - point, axis=1))[:2] for point in points]
    return np.array([one / two for one, two in found])


def test_the_figure_by_hand() -> None:
    case = prepare(panel(0, 60), panel(1, 80), panel(2, 40))
    points = {side: records(case, side).points for side in ("real", "synthetic", "holdout")}
    unseen, made = (slow(points[side], points["real"]) for side in ("holdout", "synthetic"))
    result = METRICS["nearest_ratio"].measure(case, 2)
    assert result.value == pytest.approx((made < np.quantile(unseen, 0.05)).mean())
    assert result.real_against_real == pytest.approx(0.05)
    assert result.detail["median_ratio"]["synthetic"] == pytest.approx(np.median(made), rel=1e-5)


def test_a_copy_scores_1() -> None:
    real = panel(0, 200)
    assert METRICS["nearest_ratio"].measure(prepare(real, real, panel(1, 100)), 1).value == 1


def test_two_equal_neighbours_point_at_nobody() -> None:
    assert ratio(np.array([[0.0, 0.0], [0.0, 2.0], [1.0, 2.0], [1.0, np.inf]])).tolist() == [1, 0, 0.5, 1]
