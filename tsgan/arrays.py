"""The arrays that signatures name, by what they hold; and where sequences lie that follow one another in one array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Reals = NDArray[np.floating]  # of any precision


def first_rows(lengths: NDArray[np.integer]) -> Ints:
    """Return the row at which each of several sequences of these lengths begins, `(sequences,)`."""
    return np.cumsum(lengths, dtype=np.int64) - lengths


def steps_within(lengths: NDArray[np.integer]) -> Ints:
    """Return the position of each row within its sequence, from 0, `(rows,)`."""
    return np.arange(int(lengths.sum()), dtype=np.int64) - np.repeat(first_rows(lengths), lengths)
