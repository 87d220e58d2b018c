"""How long windows are by default, and that they cover every row."""

import numpy as np
import pytest

from tsgan.encoding.sequences import cut, resolve_window
from tsgan.errors import ParameterError
from tsgan.panel import Panel


def panel(*lengths):
    rows = sum(lengths)
    values = np.arange(rows, dtype=np.float32)[:, None]
    return Panel(values, np.array(lengths), np.zeros((len(lengths), 0), np.float32))


@pytest.mark.parametrize(
    ("lengths", "window"),
    [([1000], 24), ([48], 24), ([47], 23), ([10], 5), ([2], 1), ([3, 7], 7), ([64, 2], 64), ([65, 2], 24), ([1, 1], 1)],
)
def test_default(lengths, window):
    assert resolve_window(None, np.array(lengths)) == window


def test_longer_than_every_sequence():
    with pytest.raises(ParameterError, match=r"window=30 is longer than every sequence: the longest has 29 rows"):
        resolve_window(30, np.array([7, 29]))


@pytest.mark.parametrize("window", [0, -1, 2.5, "24", True])
def test_no_window(window):
    with pytest.raises(ParameterError, match=r"window=.* is not allowed; it must be an integer of at least 1"):
        resolve_window(window, np.array([100]))


@pytest.mark.parametrize("stride", [1, 2, 3, 5])
def test_windows_against_a_slow_twin(stride):
    source = panel(3, 11, 5, 12, 1)
    windows = cut(source, 5, stride)
    slow = []
    for i, (start, length) in enumerate(zip(source.offsets[:-1], source.lengths, strict=True)):
        if length <= 5:
            slow.append((start, length, i))
            continue
        at = list(range(0, length - 5 + 1, stride))
        if at[-1] != length - 5:
            at.append(length - 5)
        slow += [(start + a, 5, i) for a in at]
    got = list(zip(windows.starts, windows.lengths, windows.sequences, strict=True))
    assert got == slow
    covered = {row for start, length, _ in got for row in range(start, start + length)}
    assert covered == set(range(32))


def test_windows_do_not_cross_sequences():
    windows = cut(panel(6, 6), 4, 1)
    assert len(windows) == 6
    assert windows.values()[2, :, 0].tolist() == [2, 3, 4, 5]
    assert windows.values()[3, :, 0].tolist() == [6, 7, 8, 9]
