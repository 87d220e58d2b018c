"""The arrays that signatures name, by what they hold, and the numbering of items that lie in groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Reals = NDArray[np.floating]  # of any precision


def numbered(counts: NDArray[np.integer]) -> tuple[Ints, Ints]:
    """Return the group of each item, and its place in it, of groups that follow one another with so many items each."""
    group = np.repeat(np.arange(len(counts)), counts)
    return group, np.arange(len(group)) - np.repeat(np.cumsum(counts) - counts, counts)
