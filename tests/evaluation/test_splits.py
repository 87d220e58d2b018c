"""Parts of the real data share no row, and long series leave a gap of a window between them."""

from __future__ import annotations

import numpy as np
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.splits import CannotMeasureError, parts


def rows(windows, index) -> np.ndarray:
    return np.unique(windows.starts[index][:, None] + np.arange(windows.size))


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("seed", range(5))
def test_time_blocks_keep_a_gap(count: int, seed: int) -> None:
    values = np.random.default_rng(0).normal(size=(1500, 1))
    windows = prepare(values, values).real
    found = [rows(windows, part) for part in parts(windows, count, np.random.default_rng(seed))]
    for i, one in enumerate(found):
        for two in found[i + 1 :]:
            assert np.abs(one[:, None] - two[None]).min() > windows.size
    sizes = [len(part) for part in found]
    assert min(sizes) > 0.5 * max(sizes)
    assert sum(sizes) > 0.5 * 1500


def test_few_long_sequences_are_cut_in_time_and_many_are_dealt_whole() -> None:
    few, many = (np.random.default_rng(0).normal(size=shape) for shape in ((3, 600, 1), (40, 30, 1)))
    windows = prepare(few, few, window=20).real
    a, b = parts(windows, 2, np.random.default_rng(0))
    assert set(windows.sequences[a]) == set(windows.sequences[b]) == {0, 1, 2}
    assert not np.intersect1d(rows(windows, a), rows(windows, b)).size
    windows = prepare(many, many, window=20).real
    a, b = parts(windows, 2, np.random.default_rng(0))
    assert set(windows.sequences[a]).isdisjoint(windows.sequences[b])
    assert len(a) + len(b) == len(windows)


def test_few_short_sequences_are_dealt_whole() -> None:
    values = np.random.default_rng(0).normal(size=(12, 24, 1))
    windows = prepare(values, values).real
    found = parts(windows, 4, np.random.default_rng(0))
    assert sorted(np.concatenate(found)) == list(range(12))


def test_too_short_says_so() -> None:
    values = np.random.default_rng(0).normal(size=(40, 1))
    with pytest.raises(CannotMeasureError, match=r"1 sequences of at most 40 steps are too few or short .* 2 parts"):
        parts(prepare(values, values, window=20).real, 2, np.random.default_rng(0))
