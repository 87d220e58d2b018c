"""The strong judge: what it must see, and what it must not."""

from __future__ import annotations

import numpy as np
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.two_sample import TwoSample

JUDGE = TwoSample()


def shots(seed: int, count: int = 600) -> np.ndarray:
    """`(count, 16, 2)`: a column that jumps up and decays, so that time has a direction, and a plain one beside it."""
    rng = np.random.default_rng(seed)
    jumps = (rng.random((count, 36)) < 0.15) * rng.exponential(size=(count, 36))
    for t in range(1, 36):
        jumps[:, t] += 0.8 * jumps[:, t - 1]
    return np.stack([jumps[:, 20:], 0.5 * jumps[:, 20:] + rng.normal(size=(count, 16))], axis=2)


def look(real: np.ndarray, synthetic: np.ndarray, repeats: int = 2):
    return JUDGE.measure(prepare(real, synthetic), repeats)


def test_does_not_see_another_sample_of_the_source() -> None:
    for seed in range(3):
        result = look(shots(2 * seed), shots(2 * seed + 1))
        assert result.grade == "faithful"
        assert result.interval[0] < result.value < result.interval[1]


def test_sees_time_reversed() -> None:
    assert look(shots(0), shots(1)[:, ::-1].copy()).grade == "far"


def test_sees_rough_steps() -> None:
    rough = shots(1)
    steps = np.diff(rough, axis=1).std(axis=(0, 1))
    rough += np.random.default_rng(2).normal(size=rough.shape) * steps * np.sqrt((1.3**2 - 1) / 2)
    assert look(shots(0), rough).grade == "far"


def test_sees_a_mean_that_moved_a_little() -> None:
    moved = shots(1, 1500)
    moved[:, :, 1] += 0.15 * moved[:, :, 1].std()
    assert look(shots(0, 1500), moved).grade in ("close", "visible")


def test_sees_columns_torn_apart() -> None:
    torn = shots(1)
    torn[:, :, 1] = torn[::-1, :, 1]
    assert look(shots(0), torn).grade in ("visible", "far")


def test_sees_a_missing_mode() -> None:
    rng = np.random.default_rng(0)
    real, other = (rng.choice([-3, 0, 3], (600, 1, 1)) + rng.normal(size=(600, 8, 1)) for _ in range(2))
    assert look(real, other[other.mean(axis=(1, 2)) < 1.5]).grade in ("visible", "far")


def test_accuracy_of_each_side_stands_in_the_verdict() -> None:
    result = look(shots(0), 9 + shots(1))
    assert result.detail["accuracy_real"] == result.detail["accuracy_synthetic"] == 1
    assert "right on 100% of the real and 100% of the synthetic windows." in result.verdict
    assert result.interval == (1.0, 1.0)


def test_what_cannot_be_told_is_right_on_half_of_each_side() -> None:
    detail = look(shots(0), np.concatenate([shots(1), shots(2)])).detail
    assert 0.3 < detail["accuracy_real"] < 0.6
    assert 0.4 < detail["accuracy_synthetic"] < 0.8


def test_worse_than_guessing_is_not_read_as_perfect_without_a_word() -> None:
    real = shots(0, 120)
    result = look(real, real.copy(), 3)
    assert result.value < 0.45
    assert "worse than guessing, as happens where synthetic windows repeat real ones" in result.verdict


def test_overlapping_windows_are_not_taken_for_independent() -> None:
    rng = np.random.default_rng(0)
    series = [np.convolve(rng.normal(size=1500), np.ones(40) / 40, "valid")[:, None] for _ in range(2)]
    result = JUDGE.measure(prepare(*series), 2)
    assert result.interval[1] - result.interval[0] > 0.1
    assert result.grade in ("faithful", "unclear")


def test_too_few_sequences_are_said_in_words() -> None:
    assert look(shots(0, 6), shots(1)).verdict.startswith(
        "not available: the 6 sequences of at most 16 steps are too few"
    )


def test_missing_values_that_only_one_side_has() -> None:
    gaps = shots(1)
    gaps[np.random.default_rng(0).random(gaps.shape) < 0.1] = np.nan
    assert look(shots(0), gaps).grade == "far"


@pytest.mark.parametrize("repeats", [1, 3])
def test_one_figure_per_repeat(repeats: int) -> None:
    result = look(shots(0, 60), shots(1, 60), repeats)
    assert len(result.detail["values"]) == len(result.detail["real_against_real"]) == repeats


def test_few_stretches_that_fall_apart_are_unclear_and_more_are_far() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(1000, 1)), rng.normal(size=(1000, 1)) + 5
    short = TwoSample().measure(prepare(one[:300], two[:300]), 2)
    assert (short.value, short.grade) == (1.0, "unclear")
    assert short.interval[0] < 0.6
    assert TwoSample().measure(prepare(one, two), 2).grade == "far"
