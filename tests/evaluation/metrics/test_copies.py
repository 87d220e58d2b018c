"""Copies: what counts as one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics import METRICS

COPIES = METRICS["copies"]


def panel(seed: int, count: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 6, 2)).cumsum(1)


def test_counts_exact_and_near_copies_by_hand() -> None:
    real, synthetic = panel(0), panel(1)
    synthetic[:20] = real[:20]
    synthetic[20:50] = real[:30] + 1e-3
    result = COPIES.measure(prepare(real, synthetic), 3)
    assert result.grade == "leak"
    assert result.value == pytest.approx(50 / 200)
    assert result.worst == 1
    assert result.real_against_real == 0
    exact, near = result.detail["parts"]
    assert (exact["value"], near["value"]) == pytest.approx((0.1, 0.15))
    assert result.detail["exact_copies"] == result.detail["real_records_copied"] == 20
    assert len(result.detail["values"]) == len(result.detail["real_against_real"]) == 3
    assert result.verdict.startswith("The synthetic table holds copies of real records: do not share it. 20 of 200 are")


def test_a_single_copy_is_suspicious_where_chance_cannot_make_one() -> None:
    real, synthetic = panel(0), panel(1)
    synthetic[5] = real[9]
    result = COPIES.measure(prepare(real, synthetic), 1)
    assert result.grade == "suspicious"
    assert "1 of 200 are exact copies, of 1 real ones." in result.verdict


def test_real_records_that_repeat_by_nature_are_no_copies() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = (
        pd.DataFrame({"who": np.repeat(range(400), 4), "x": rng.choice(list("aaab"), 1600)}) for _ in range(2)
    )
    result = COPIES.measure(prepare(real, synthetic, entity="who"), 1)
    assert result.grade == "none found"
    assert result.value < 0.1


def test_where_real_records_come_in_pairs_another_of_a_pair_is_no_copy() -> None:
    both = np.repeat(panel(0, 200), 2, axis=0)
    order = np.random.default_rng(0).permutation(400)
    assert COPIES.measure(prepare(both[order[:300]], both[order[300:]]), 1).grade == "none found"


def test_halves_of_overlapping_windows_do_not_copy_each_other() -> None:
    windows = np.lib.stride_tricks.sliding_window_view(np.random.default_rng(0).normal(size=900).cumsum(), 24)
    order = np.random.default_rng(1).permutation(len(windows))
    halves = (windows[half][:, :, None] for half in (order[::2], order[1::2]))
    assert COPIES.measure(prepare(*halves), 1).grade == "none found"


def test_a_cluster_of_many_synthetic_records_in_a_dense_place_is_no_copy() -> None:
    real = panel(0, 400)
    real[:200] *= 0.01
    dense = 0.01 * panel(1, 400)
    assert COPIES.measure(prepare(real, dense), 1).grade == "none found"


def test_records_that_are_all_alike_say_so() -> None:
    result = COPIES.measure(prepare(np.ones((40, 5, 1)), np.ones((40, 5, 1))), 1)
    assert result.verdict == "not available: all real records are alike, so that a copy cannot be told from any other"
