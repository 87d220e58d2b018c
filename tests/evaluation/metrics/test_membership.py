"""Membership attack: areas by hand, density, the most suspected."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics import METRICS
from tsgan.evaluation.metrics.attacks import area

ATTACK = METRICS["membership"]


def panel(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 5, 2)).cumsum(1)


def test_the_area_is_that_of_the_roc_curve() -> None:
    rng = np.random.default_rng(0)
    train, held = rng.integers(9, size=40).astype(float), rng.integers(2, 11, size=25).astype(float)
    label = np.repeat([1, 0], [40, 25])
    assert area(train, held) == pytest.approx(roc_auc_score(label, -np.concatenate([train, held])))


def test_a_copy_is_told_with_certainty() -> None:
    real = panel(0, 200)
    result = ATTACK.measure(prepare(real, real, panel(1, 100)), 2)
    assert result.value == 1
    assert result.interval == (1, 1)
    assert result.real_against_real == pytest.approx(0.5, abs=0.15)
    by_name = {part["part"]: part for part in result.detail["parts"]}
    assert by_name["AUC by plain distance"]["value"] == 1
    most = by_name["among the 5 % most suspected by plain distance"]
    assert most["value"] == pytest.approx(most["worst"]) == pytest.approx(0.05 * 300 / 200)


def test_fresh_records_are_told_by_guessing() -> None:
    result = ATTACK.measure(prepare(panel(0, 200), panel(1, 200), panel(2, 100)), 2)
    assert result.value == pytest.approx(0.5, abs=0.1)
    assert result.interval[0] < 0.5 < result.interval[1]


def test_a_few_copies_are_found_among_the_most_suspected() -> None:
    real, fresh = panel(0, 400), panel(1, 400)
    fresh[:24] = real[:24]
    result = ATTACK.measure(prepare(real, fresh, panel(2, 300)), 1)
    assert result.value < 0.57
    assert result.grade in ("suspicious", "leak")


def test_distance_relative_to_other_records_sees_what_plain_distance_does_not() -> None:
    rng = np.random.default_rng(0)
    scale = np.exp(2 * rng.normal(size=(700, 1, 1)))
    real, fresh, held = np.split(scale * panel(0, 700), [300, 500])
    near = real + 0.6 * scale[:300] * rng.normal(size=real.shape)
    plain, relative = (
        next(p["value"] for p in ATTACK.measure(prepare(real, near, held), 1).detail["parts"] if p["part"] == part)
        for part in ("AUC by plain distance", "AUC by relative distance")
    )
    assert relative > plain + 0.05
    assert len(fresh) == 200
