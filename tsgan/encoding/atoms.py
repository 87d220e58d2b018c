"""Atoms: single values that hold far more rows than the values around them.

Zeros of a rain gauge, a detection limit, a cap, round prices in a shop. A value is an atom if it holds at least
half a percent of the rows (and 5 of them), and 3 times as many as the most frequent of its two neighbours on either
side, atoms already found aside; or 10 times as many as the second of them, so that two atoms may stand side by side.
A rounded column, whose values all hold a few percent, has none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
SHARE, ROWS, TIMES, PAIR, NEAR, ROUNDS = 0.005, 5, 3.0, 10.0, 2, 3


def find_atoms(counts: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the positions of the atoms among distinct values.

    Parameters
    ----------
    counts : int64 array of shape (levels,)
        Rows that hold each distinct value, in increasing order of the values.
    """
    large = counts >= max(ROWS, SHARE * counts.sum())
    if len(counts) < 2 * NEAR + 1 or not large.any():
        return np.empty(0, dtype=np.intp)
    found = np.zeros(len(counts), dtype=bool)
    for _ in range(ROUNDS):
        rest = np.flatnonzero(~found)
        if len(rest) < 2 * NEAR + 1:
            break
        padded = np.pad(counts[rest], NEAR)
        around = np.sort([padded[i : i + len(rest)] for i in range(2 * NEAR + 1) if i != NEAR], axis=0)
        tall = (counts[rest] >= TIMES * around[-1]) | (counts[rest] >= PAIR * around[-2])
        more = rest[large[rest] & tall]
        if not len(more):
            break
        found[more] = True
    return np.flatnonzero(found)


def tell(values: Doubles, counts: NDArray[np.int64], atoms: NDArray[np.intp], most: int = 3) -> str:
    """Return the atoms in a few words, the largest first: "54 % at 0, 3 % at 100"."""
    order = atoms[np.argsort(-counts[atoms], kind="stable")]
    told = [f"{_percent(counts[i] / counts.sum())} at {values[i]:g}" for i in order[:most]]
    return ", ".join(told) + (f", {len(order) - most} more atoms" if len(order) > most else "")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1f} %"
