"""Closest records: the figure by hand, and its two ends."""

from __future__ import annotations

import numpy as np
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics import METRICS
from tsgan.evaluation.metrics.closest_record import share
from tsgan.evaluation.records import record_index, records

CLOSEST = METRICS["closest_record"]


def panel(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 5, 2)).cumsum(1)


def test_the_figure_is_votes_per_record_by_hand() -> None:
    real, synthetic, held = panel(0, 60), panel(1, 80), panel(2, 30)
    case = prepare(real, synthetic, held)
    result = CLOSEST.measure(case, 2)
    points = {side: records(case, side).points for side in ("real", "synthetic", "holdout")}
    both = np.concatenate([points["real"], points["holdout"]])
    first = np.array([np.linalg.norm(both - point, axis=1).argmin() for point in points["synthetic"]])
    seen, unseen = (first < 60).sum() / 60, (first >= 60).sum() / 30
    assert result.value == pytest.approx(seen / (seen + unseen))
    assert result.interval[0] < result.value < result.interval[1]
    assert result.real_against_real == pytest.approx(0.5, abs=0.25)
    assert result.worst == 1
    assert len(record_index(case, "holdout")) == 30


def test_a_copy_scores_1_and_equal_distances_count_half() -> None:
    real, held = panel(0, 200), panel(1, 80)
    assert CLOSEST.measure(prepare(real, real, held), 1).value == 1
    both = CLOSEST.measure(prepare(real, real, real.copy()), 1)
    assert both.value == 0.5
    assert both.grade == "none found"
    assert share(np.zeros(3), np.zeros(2)) == 0.5


def test_the_share_of_very_close_ones_is_5_percent_for_the_holdout() -> None:
    part = CLOSEST.measure(prepare(panel(0, 300), panel(1, 300), panel(2, 200)), 1).detail["parts"][0]
    assert part["real_against_real"] == pytest.approx(0.05)
    assert part["value"] == pytest.approx(0.05, abs=0.04)
