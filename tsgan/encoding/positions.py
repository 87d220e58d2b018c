"""Where in its sequence a step stands: known before its values are, since lengths are drawn first."""

from __future__ import annotations

import numpy as np

from ..panel import Floats, Ints

POSITIONS = 3


def positions(lengths: Ints) -> Floats:
    """Return for each row the logarithms of the steps before and after it (1 added), and whether it is the last.

    Parameters
    ----------
    lengths : int64 array of shape (sequences,)

    Returns
    -------
    float32 array of shape (rows, 3)
    """
    step = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    left = np.repeat(lengths, lengths) - 1 - step
    return np.column_stack([np.log1p(step), np.log1p(left), left == 0]).astype(np.float32)
