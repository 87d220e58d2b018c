"""When a computed number is the one that a table shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .grain import short
from .rows import Bools

Doubles = NDArray[np.float64]
EXACT, SINGLE = 1e-9, 1e-5


def agree(computed: Doubles, shown: Doubles, size: Doubles, decimals: int | None, dtype: object) -> Bools:
    """Return where two numbers are the same but for rounding.

    Parameters
    ----------
    computed, shown : float64 arrays of shape (rows,)
    size : float64 array of shape (rows,)
        Magnitude of what was computed with: float arithmetic errs by a share of it.
    decimals : int or None
        Decimals that the shown number was rounded to; None where it was not.
    dtype : dtype
        Of the shown number; half and single precision carry fewer digits.
    """
    share = SINGLE if short(dtype) else EXACT
    room = share * np.maximum(np.maximum(np.abs(computed), np.abs(shown)), size)
    room += 0.0 if decimals is None else 0.5 * 10.0**-decimals * (1 + 1e-6)
    return np.asarray(np.abs(computed - shown) <= room)
