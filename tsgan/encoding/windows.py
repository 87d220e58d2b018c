"""How long the windows are, and where they start."""

from __future__ import annotations

import numbers

import numpy as np

from ..arrays import Ints
from ..errors import ParameterError
from ..panel import Panel, Windows

SERIES, PANEL = 24, 64


def whole(name: str, value: object) -> int:
    """Return `value` as an integer of at least 1.

    Raises
    ------
    ParameterError
        Naming the argument if it is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise ParameterError(f"{name}={value!r} is not allowed; it must be an integer of at least 1")
    return int(value)


def resolve(window: int | None, lengths: Ints) -> int:
    """Return the number of steps of a window.

    By default, several sequences are taken whole if the longest has at most 64 steps, and cut into windows of 24
    otherwise; one series is cut into windows of 24, or of half its rows if it has fewer than 48.

    Raises
    ------
    ParameterError
        If `window` is not a positive integer or longer than every sequence.
    """
    longest = int(lengths.max())
    if window is None:
        if len(lengths) == 1:
            return max(1, min(SERIES, longest // 2))
        return longest if longest <= PANEL else SERIES
    window = whole("window", window)
    if window > longest:
        raise ParameterError(
            f"window={window} is longer than every sequence: the longest has {longest} rows. "
            f"Choose a window of at most {longest}, or None"
        )
    return window


def cut(panel: Panel, window: int, stride: int) -> Windows:
    """Return windows of `window` steps that start `stride` steps apart and reach the end of each sequence.

    A sequence that is shorter than the window gives one shorter window. The last window of a longer one ends with it,
    so its distance to the one before may be less than `stride`.
    """
    last = np.maximum(panel.lengths - window, 0)
    count = 1 + -(-last // stride)
    sequences = np.repeat(np.arange(len(panel), dtype=np.int64), count)
    number = np.arange(len(sequences), dtype=np.int64) - np.repeat(np.cumsum(count) - count, count)
    within = np.minimum(number * stride, last[sequences])
    lengths = np.minimum(panel.lengths, window)[sequences]
    return Windows(panel, panel.offsets[:-1][sequences] + within, lengths, sequences, window)
