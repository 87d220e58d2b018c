"""Overlapping windows are one series again, and what only looks alike is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.reading import joined


def windows(series: np.ndarray, steps: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(series, steps, axis=0).transpose(0, 2, 1)


@pytest.mark.parametrize("shuffle", [False, True])
def test_one_series(shuffle: bool) -> None:
    rng = np.random.default_rng(0)
    walk = rng.normal(size=(300, 3)).cumsum(axis=0)
    cut = windows(walk, 10)
    if shuffle:
        cut = rng.permutation(cut)
    (series,) = joined(cut)
    np.testing.assert_array_equal(series, walk)


def test_several_series_and_gaps() -> None:
    rng = np.random.default_rng(1)
    long, short = rng.normal(size=(100, 2)), rng.normal(size=(40, 2))
    cut = rng.permutation(np.concatenate([windows(long, 8), windows(short, 8), rng.normal(size=(5, 8, 2))]))
    found = sorted(joined(cut), key=len, reverse=True)
    np.testing.assert_array_equal(found[0], long)
    np.testing.assert_array_equal(found[1], short)
    assert [len(one) for one in found[2:]] == [8] * 5


def test_what_is_left_alone() -> None:
    rng = np.random.default_rng(2)
    assert joined(rng.normal(size=(50, 8, 2))) is None
    assert joined(np.ones((50, 8, 2))) is None
    assert joined(rng.integers(2, size=(500, 4, 1))) is None
    circle = np.arange(12.0).reshape(12, 1)
    assert joined(windows(np.concatenate([circle, circle[:7]]), 8)) is None
    assert joined(rng.normal(size=(2, 8, 2))) is None
    assert joined(rng.normal(size=(50, 2, 2))) is None


def test_the_judge_reads_the_series_and_says_so() -> None:
    rng = np.random.default_rng(3)
    walk = rng.normal(size=(400, 2)).cumsum(axis=0)
    case = prepare(rng.permutation(windows(walk, 12)), rng.normal(size=(200, 12, 2)))
    assert case.notes[0] == ("the 389 windows of the real array overlap; they were put together again to 1 long series")
    assert (case.window, len(case.real.panel), len(case.real), len(case.synthetic)) == (12, 1, 389, 200)
