"""Rare levels of a category: which are refused, which are not kept, and what comes back in their place.

A level that a single sequence holds (a single row, where there is one sequence) names it. A category of few levels
keeps them all; one of many keeps only those that two hold, so that no id is learned by heart, and the others count as
one, "other". On the way back "other" is one of the levels that are kept, drawn by the observed shares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import SchemaError
from ...tables.dtypes import Name
from ..scalers.base import Bools

MOST, LARGEST = 200, 5000
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


def kept_levels(counts: NDArray[np.int64], holders: NDArray[np.intp]) -> tuple[Codes, int]:
    """Return which levels are kept, most frequent first, and how many are not.

    Parameters
    ----------
    counts : int64 array of shape (levels,)
        Rows of each level.
    holders : int array of shape (levels,)
        As `count_holders` gives them.

    Returns
    -------
    kept : int array
        Positions of all levels for at most 200 of them, else of those with more than one holder.
    dropped : int
    """
    order = np.argsort(-counts, kind="stable")
    kept = order if len(counts) <= MOST else order[holders[order] > 1]
    return kept, len(order) - len(kept)


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


def draw_levels(count: int, shares: list[float], rng: np.random.Generator | None) -> Codes:
    """Return so many codes, drawn by `shares`."""
    rng = np.random.default_rng(0) if rng is None else rng
    reach = np.cumsum(shares)
    drawn = np.searchsorted(reach, rng.random(count) * reach[-1], side="right")
    return np.asarray(np.minimum(drawn, len(shares) - 1))
