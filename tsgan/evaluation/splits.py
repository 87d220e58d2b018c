"""Cutting the real data in parts that share no row, so that what is learned on one can be tested on another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..panel import Windows

Ints = NDArray[np.int64]

MANY_SEQUENCES = 10


class CannotMeasureError(Exception):
    """A score cannot be computed on these data; the text says why. It ends in the report, never at the user."""


def parts(windows: Windows, count: int, rng: np.random.Generator) -> list[Ints]:
    """Divide windows into parts that share no row.

    Many sequences (at least `10 * count`) or short ones (under four windows) are dealt out whole, at random. Few long
    ones are each cut into time blocks that are dealt out in turn, with a gap of one window between neighbours, so that
    a test window never touches a training one. Where one way leaves a part empty, the other is tried.

    Parameters
    ----------
    windows : Windows
    count : int
        How many parts.
    rng : Generator
        Deals the sequences, or shifts the blocks.

    Returns
    -------
    list of int arrays
        Window numbers of each part, increasing.

    Raises
    ------
    CannotMeasureError
        If there are too few sequences or steps for every part to hold at least two windows.
    """
    present, lengths = np.unique(windows.sequences), windows.panel.lengths
    label = np.full(len(lengths), -1)
    label[rng.permutation(present)] = np.arange(len(present)) % count
    dealt, cut = label[windows.sequences], _blocks(windows, count, rng)
    long = lengths.mean() >= 4 * windows.size and len(present) < MANY_SEQUENCES * count
    for mine in (cut, dealt) if long else (dealt, cut):
        found = [np.flatnonzero(mine == part) for part in range(count)]
        if min(map(len, found)) >= 2:
            return found
    raise CannotMeasureError(
        f"the {len(present)} sequences of at most {int(lengths.max())} steps are too few or short "
        f"to be cut into {count} parts of separate windows of {windows.size} steps"
    )


def _blocks(windows: Windows, count: int, rng: np.random.Generator) -> Ints:
    """Part of each window, -1 for those in a gap."""
    size, lengths = windows.size, windows.panel.lengths
    block = int(np.clip(lengths.sum() // 30 - size, 2 * size, 8 * size))
    period = block + size
    inside = windows.starts - windows.panel.offsets[:-1][windows.sequences]
    shifted = inside + rng.integers(period, size=len(lengths))[windows.sequences]
    number, place = np.divmod(shifted, period)
    number = number + (np.cumsum(lengths // period + 2) - (lengths // period + 2))[windows.sequences]
    used = place + size <= block
    # blocks that hold windows are numbered anew and dealt so that each round of `count` of them has every part once
    _, rank = np.unique(number[used], return_inverse=True)
    rounds = rng.permuted(np.tile(np.arange(count), (int(rank.max(initial=0)) // count + 1, 1)), axis=1).ravel()
    mine = np.full(len(windows), -1)
    mine[used] = rounds[rank]
    return mine
