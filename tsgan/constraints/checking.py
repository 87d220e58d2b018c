"""Whether constraints fit a table, how many of its rows break them, and the repair of drawn rows that do.

Rows that break what cannot be kept by construction (a range on a computed column, a second rule for one column) take
the columns concerned from the nearest row that does not. The row before it in its sequence comes first, then the row
after, then (where no meter and no static column is concerned) a row of another sequence of the same drawn table: this
is rejection, with a neighbour in place of another draw. No real row is kept for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..arrays import Bools, Ints, steps_within
from ..errors import ConstraintError, TsganWarning
from .base import Constraint, Name, Parts, Places, Rows, last_known, nearest, shown
from .derived import Formula

SHOWN = 5


def check(constraints: Sequence[Constraint], rows: Rows, keys: Sequence[Any] | None = None) -> None:
    """Refuse constraints that do not fit a table.

    Raises
    ------
    ConstraintError
        Naming the constraint, the column or the first rows that break it, and what to do.
    """
    for constraint in constraints:
        if not isinstance(constraint, Constraint):
            raise ConstraintError(
                f"constraints holds {constraint!r}; pass Inequality, FixedSum, Monotone, Fixed, Derived or Range"
            )
        for name in constraint.unknown(rows.columns):
            raise ConstraintError(
                f"{constraint!r} names {name!r}, which is not a static or value column{nearest(name, rows.columns)}"
            )
        constraint.check(rows)
    for first in {type(one): one for one in constraints}.values():
        first.check_together([one for one in constraints if type(one) is type(first)], constraints)
    for constraint in constraints:
        found = np.flatnonzero(constraint.broken(rows))
        if len(found):
            raise ConstraintError(tell(constraint, rows, found, keys))


def tell(constraint: Constraint, rows: Rows, found: Places, keys: Sequence[Any] | None) -> str:
    """Return the message about rows that break a constraint: the first ones, with their values, and what to do."""
    names = constraint.operands(rows.columns)[:8]
    table = {name: rows.spread(name) for name in names}
    step = steps_within(rows.lengths)
    lines = []
    for row in found[:SHOWN]:
        number = int(rows.sequence[row])
        who = "" if len(rows.lengths) == 1 and keys is None else f"{number if keys is None else keys[number]!r}, "
        values = ", ".join(f"{name}={shown(series, row)}" for name, series in table.items())
        lines.append(f"{f'entity {who}' if who else ''}row {int(step[row])}: {values}{constraint.context(rows, row)}")
    more = f"; ... ({len(found)} such rows in all)" if len(found) > 1 else " (the only such row)"
    return (
        f"{constraint!r} does not hold in the table: {'; '.join(lines)}{more}. Rows count from 0 within a sequence, in "
        "time order. Correct or drop these rows, or leave the constraint out; suggest_constraints(df) lists what holds"
    )


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
    return constraint.broken(rows) if like is None else constraint.unlike(rows, like)


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


def repair(constraints: Sequence[Constraint], formulas: Sequence[Formula], rows: Rows) -> Parts:
    """Return the columns, with every constraint kept.

    Warns
    -----
    TsganWarning
        If rows are left that break one.
    """
    columns = dict(rows.columns)
    for _ in range(2):
        rows = Rows(columns, rows.statics, rows.lengths)
        bad, named = _bad(constraints, formulas, rows)
        if not bad.any():
            return columns
        group = _connected(constraints, named, list(columns))
        place = last_known(~bad, rows.sequence)
        bound = any(one.sequential and set(one.columns) & group for one in constraints)
        if (place < 0).any() and not bad.all() and not bound and not group & rows.statics:
            place = np.where(place < 0, last_known(~bad, np.zeros(len(bad), dtype=np.intp)), place)
        take = np.where(bad & (place >= 0), place, np.arange(len(bad)))
        for name in group - rows.statics:
            dtype = next((step.dtype for step in formulas if step.rule.column == name), columns[name].dtype)
            columns[name] = columns[name].take(take).reset_index(drop=True)
            if columns[name].dtype != dtype and not (bad & (place < 0)).any():
                columns[name] = columns[name].astype(dtype)
    rows = Rows(columns, rows.statics, rows.lengths)
    bad, named = _bad(constraints, formulas, rows)
    if bad.any():
        warnings.warn(
            f"{int(bad.sum())} of {len(bad)} rows break constraints on {sorted(map(str, named))} that are not kept by "
            "construction, and their sequences have no row to repair them by; see them by constraints.violations",
            TsganWarning,
            stacklevel=3,
        )
    return columns


def _bad(constraints: Sequence[Constraint], formulas: Sequence[Formula], rows: Rows) -> tuple[Bools, set[Name]]:
    """Return which rows break a constraint or hold what could not be computed, and the columns concerned."""
    bad, named = np.zeros(rows.size(False), dtype=bool), set[Name]()
    for constraint in constraints:
        found = constraint.broken(rows)
        if found.any():
            bad |= found
            named |= set(constraint.operands(rows.columns))
    for step in formulas:
        if step.kept or step.dtype_allows_gaps:
            continue
        gone = rows.spread(step.rule.column).isna().to_numpy(dtype=bool)
        if gone.any():
            used = [rows.spread(name).notna().to_numpy(dtype=bool) for name in step.uses]
            found = gone & np.logical_and.reduce([np.ones(len(gone), dtype=bool), *used])
            bad |= found
            named |= {step.rule.column, *step.uses} if found.any() else set()
    return bad, named


def _connected(constraints: Sequence[Constraint], start: set[Name], columns: Sequence[Name]) -> set[Name]:
    """Return all columns that hang together with some by constraints."""
    group, before = set(start), 0
    while len(group) > before:
        before = len(group)
        for constraint in constraints:
            names = set(constraint.operands(columns))
            group |= names if names & group else set()
    return group
