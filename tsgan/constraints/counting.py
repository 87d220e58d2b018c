"""How many rows of a table break each constraint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ConstraintError
from .base import Constraint, nearest
from .fixed import Fixed
from .rows import Bools, Ints, Name, Rows


def violations(
    constraints: Sequence[Constraint],
    frame: pd.DataFrame,
    entity: Name | None = None,
    time: Name | None = None,
    like: pd.DataFrame | None = None,
) -> dict[str, int]:
    """Count the rows that break each constraint; a row in which an operand is missing breaks nothing.

    Parameters
    ----------
    constraints : sequence of Constraint
    frame : DataFrame
    entity, time : str or int, optional
        Columns or index levels that tell sequences apart and order their rows; without them the table is one sequence
        in its own order.
    like : DataFrame, optional
        Table whose combinations are allowed by `Fixed`; without it, each combination is.

    Returns
    -------
    dict of str to int
        By the constraint in words, such as ``low <= high``.

    Raises
    ------
    ConstraintError
        For an unknown column or one of a wrong dtype.
    """
    rows = arranged(frame, entity, time)
    real = None if like is None else arranged(like, entity, time)
    return {constraint.text: int(broken(constraint, rows, real).sum()) for constraint in constraints}


def broken(constraint: Constraint, rows: Rows, like: Rows | None = None) -> Bools:
    """Return which rows break a constraint, `(rows,)`.

    Raises
    ------
    ConstraintError
        For an unknown column or one of a wrong dtype.
    """
    for name in constraint.unknown(rows.columns):
        raise ConstraintError(f"{constraint!r} names {name!r}, which is not a column{nearest(name, rows.columns)}")
    constraint.check(rows)
    if isinstance(constraint, Fixed) and like is not None:
        return constraint.unlike(rows, like)
    return constraint.broken(rows)


def arranged(frame: pd.DataFrame, entity: Name | None = None, time: Name | None = None) -> Rows:
    """Return a table's columns in sequence and time order, all with one value per row."""
    levels = [name for name in (entity, time) if name is not None and name not in frame.columns]
    for name in levels:
        if name not in frame.index.names:
            raise ConstraintError(f"{name!r} is neither a column nor an index level{nearest(name, frame.columns)}")
    table = frame.reset_index(level=levels) if levels else frame
    codes: Any = np.zeros(len(table), dtype=np.int64)
    if entity is not None:
        codes = pd.factorize(table[entity])[0]
    elif frame.index.nlevels == 2 and frame.index.names[0] == "sequence":
        codes = pd.factorize(frame.index.get_level_values(0))[0]
    ranks: Any = None
    if time is not None:
        ranks = table[time].rank(method="first").to_numpy()
    elif isinstance(clock := frame.index.get_level_values(-1), pd.DatetimeIndex | pd.PeriodIndex):
        ranks = clock.argsort(kind="stable").argsort(kind="stable")
    order = np.argsort(codes, kind="stable") if ranks is None else np.lexsort((ranks, codes))
    names = [name for name in table.columns if name not in (entity, time) or name is None]
    lengths: Ints = np.bincount(codes).astype(np.int64) if len(table) else np.zeros(0, dtype=np.int64)
    return Rows({name: table[name].take(order).reset_index(drop=True) for name in names}, frozenset(), lengths)
