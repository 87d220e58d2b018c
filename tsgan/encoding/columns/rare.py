"""Rare levels of a category: which share one channel, and how one of them is drawn again.

A category of many levels gives a channel of its own to the most frequent ones, and one channel, "other", to all the
rest together (a frequency cut-off). On the way back a rare level is drawn by the observed shares among those that at
least two sequences hold, or two rows where there is one sequence. A level that a single one holds names it, so it is
counted but not kept: no id is learned by heart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SchemaError
from ..dtypes import Name
from ..scalers.base import Bools

MOST, LARGEST = 200, 5000
HEADS, COVERED = 100, 0.99
IDS, ALONE, MOSTLY = 30, 0.9, 0.5

Codes = NDArray[np.intp]


def refuse_ids(counts: NDArray[np.int64], holders: NDArray[np.intp], name: Name) -> None:
    """Refuse columns that name rows or sequences rather than group them.

    Parameters
    ----------
    counts : int64 array of shape (levels,)
        Rows of each level.
    holders : int array of shape (levels,)
        As `count_holders` gives them.
    name : str or int
        Of the column, for the message.

    Raises
    ------
    SchemaError
        If at least 30 levels have one holder each and together 90 % of the rows; for more than 200 levels if those with
        one holder have half of the rows; and for more than 5000 levels in any case.
    """
    rows, levels, alone = int(counts.sum()), len(counts), holders == 1
    lone, held = int(alone.sum()), int(counts[alone].sum())
    ids = (lone >= IDS and held >= ALONE * rows) or (levels > MOST and held >= MOSTLY * rows)
    if not ids and levels <= LARGEST:
        return
    why = "like ids or free text" if ids else f"more than the {LARGEST} that a category may have"
    raise SchemaError(
        f"column {name!r} holds {levels} distinct values in {rows} rows, {why}; they are never learned by heart. "
        f"Leave it out with exclude=[{name!r}]; or pass it as entity= if it names the sequence, as time= if it is the "
        "date or time; or group its rare values"
    )


def split(counts: NDArray[np.int64], holders: NDArray[np.intp]) -> tuple[Codes, Codes, int]:
    """Return which levels have a channel of their own, which share one, and how many levels are not kept.

    Parameters
    ----------
    counts : int64 array of shape (levels,)
        Rows of each level.
    holders : int array of shape (levels,)
        As `count_holders` gives them.

    Returns
    -------
    heads, tail : int arrays
        Positions of levels, most frequent first: all levels and none for at most 200; else the at most 100 most
        frequent, no more than hold 99 % of the rows, and the rest, both without levels of a single holder.
    dropped : int
    """
    order = np.argsort(-counts, kind="stable")
    if len(counts) <= MOST:
        return order, order[:0], 0
    reach = np.cumsum(counts[order]) / counts.sum()
    shared = holders[order] > 1
    heads = shared & (np.cumsum(shared) <= HEADS) & (np.append(0.0, reach[:-1]) < COVERED)
    return order[heads], order[shared & ~heads], int((~shared).sum())


def count_holders(codes: Codes, follows: Bools, levels: int) -> NDArray[np.intp]:
    """Return how many sequences hold each level; how many rows, where there is one sequence.

    Parameters
    ----------
    codes : int array of shape (rows,)
        Level of each row, -1 where it is missing.
    follows : bool array of shape (rows,)
        Whether a row is the next step of the row before it.
    levels : int
    """
    number = np.cumsum(~follows)
    observed = codes >= 0
    if number[-1] - number[0] == 0:
        return np.bincount(codes[observed], minlength=levels)
    pairs = np.unique(number[observed] * levels + codes[observed])
    return np.bincount(pairs % levels, minlength=levels)


def resolve(other: NDArray[np.bool_], first: int, shares: list[float], rng: np.random.Generator | None) -> Any:
    """Return a level for each row of "other": `first` plus a position, drawn by `shares`."""
    rng = np.random.default_rng(0) if rng is None else rng
    reach = np.cumsum(shares)
    drawn = np.searchsorted(reach, rng.random(int(other.sum())) * reach[-1], side="right")
    return first + np.minimum(drawn, len(shares) - 1)
