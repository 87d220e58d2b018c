"""Whether constraints fit a table, how many of its rows break them, and the repair of drawn rows that do.

Rows that break what cannot be kept by construction (a range on a computed column, a second rule for one column) take
the columns concerned from the nearest row that does not. The row before it in its sequence comes first, then the row
after, then (where no meter and no static column is concerned) a row of another sequence of the same drawn table: this
is rejection, with a neighbour in place of another draw. No real row is kept for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..arrays import Bools, Ints, steps_within
from ..errors import ConstraintError, TsganWarning, nearest_name
from .base import Columns, Constraint, Name, Places, SequenceTable, last_known, merged, value_text
from .derived import Formula

MAX_ROWS_SHOWN = 5  # of those that break a rule, in a message
MAX_COLUMNS_SHOWN = 8
DATED = pd.DatetimeIndex | pd.PeriodIndex


def check(constraints: Sequence[Constraint], table: SequenceTable, keys: Sequence[Any] | None = None) -> None:
    """Refuse constraints that do not fit a table, naming the column or the first rows that break it, and what to do."""
    for constraint in constraints:
        if not isinstance(constraint, Constraint):
            raise ConstraintError(
                f"constraints holds {constraint!r}; pass Inequality, FixedSum, Monotone, Fixed, Derived or Range"
            )
        held = [name for name in constraint.puts_back() if name in table.given]
        if held:
            raise ConstraintError(
                f"{constraint!r} would change {held[0]!r}, which is the clock or follows from it, and which rules only "
                "read; name other columns, or compute one of them from it by Derived"
            )
        _check_columns(constraint, table, "a static or value column")
    for first in {type(one): one for one in constraints}.values():
        first.check_together([one for one in constraints if type(one) is type(first)], constraints)
    for constraint in constraints:
        found = np.flatnonzero(constraint.broken(table))
        if len(found):
            raise ConstraintError(_explain(constraint, table, found, keys))


def _check_columns(constraint: Constraint, table: SequenceTable, known_as: str) -> None:
    for name in constraint.unknown(table.columns):
        raise ConstraintError(
            f"{constraint!r} names {name!r}, which is not {known_as}{nearest_name(name, table.columns)}"
        )
    constraint.check(table)


def _explain(constraint: Constraint, table: SequenceTable, found: Places, keys: Sequence[Any] | None) -> str:
    """Return the message about rows that break a constraint: the first ones, with their values, and what to do."""
    columns = {name: table.per_row(name) for name in constraint.operands(table.columns)[:MAX_COLUMNS_SHOWN]}
    steps = steps_within(table.lengths)
    lines = []
    for row in found[:MAX_ROWS_SHOWN]:
        number = int(table.sequence[row])
        step = int(steps[row])
        values = ", ".join(f"{name}={value_text(series, row)}" for name, series in columns.items())
        one = len(table.lengths) == 1 and keys is None
        entity = "" if one else f"entity {number if keys is None else keys[number]!r}, "
        lines.append(f"{entity}row {step}: {values}{constraint.context(table, row)}")
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
    table = arranged(frame, entity, time)
    real = None if like is None else arranged(like, entity, time)
    return {constraint.text: int(broken(constraint, table, real).sum()) for constraint in constraints}


def broken(constraint: Constraint, table: SequenceTable, like: SequenceTable | None = None) -> Bools:
    """Return which rows break a constraint, `(rows,)`; refuse an unknown column or one of a wrong dtype."""
    _check_columns(constraint, table, "a column")
    return constraint.broken(table) if like is None else constraint.broken_beside(table, like)


def arranged(frame: pd.DataFrame, entity: Name | None = None, time: Name | None = None) -> SequenceTable:
    """Return a table's columns in sequence and time order, all with one value per row."""
    levels = [name for name in (entity, time) if name is not None and name not in frame.columns]
    for name in levels:
        if name not in frame.index.names:
            raise ConstraintError(f"{name!r} is neither a column nor an index level{nearest_name(name, frame.columns)}")
    table = frame.reset_index(level=levels) if levels else frame
    codes: Any = np.zeros(len(table), dtype=np.int64)
    if entity is not None:
        codes = pd.factorize(table[entity])[0]
    elif frame.index.nlevels == 2 and frame.index.names[0] == "sequence":
        codes = pd.factorize(frame.index.get_level_values(0))[0]
    ranks: Any = np.arange(len(table))
    clock: pd.Index[Any] = frame.index.get_level_values(-1)
    if time is not None:
        ranks = table[time].rank(method="first").to_numpy()
    elif isinstance(clock, DATED):
        ranks = clock.argsort(kind="stable").argsort(kind="stable")
    order = np.lexsort((ranks, codes))
    names = [name for name in table.columns if name != entity or name is None]
    clock_name: Any = frame.index.names[-1] if isinstance(clock, DATED) else None
    given: frozenset[Name] = frozenset({time, clock_name} - {None})
    lengths: Ints = np.bincount(codes).astype(np.int64)
    columns: Columns = {name: table[name].take(order).reset_index(drop=True) for name in names}
    if clock_name is not None and clock_name not in table.columns:
        columns[clock_name] = pd.Series(clock.take(order)).reset_index(drop=True)
    return SequenceTable(columns, frozenset(), lengths, given)


def repair(constraints: Sequence[Constraint], formulas: Sequence[Formula], table: SequenceTable) -> Columns:
    """Return the columns, with every constraint kept; warn if rows are left that break one."""
    columns, statics = dict(table.columns), table.statics
    movable = [name for name in columns if name not in table.given]
    connected = merged([constraint.operands(movable) for constraint in constraints])
    for _ in range(2):
        bad, named = _bad(constraints, formulas, replace(table, columns=columns))
        if not bad.any():
            return columns
        group = {name for names in connected if named & set(names) for name in names}
        place = last_known(~bad, table.sequence)
        bound = any(one.sequential and set(one.columns) & group for one in constraints)
        if (place < 0).any() and not bad.all() and not bound and not group & statics:
            place = np.where(place < 0, last_known(~bad, np.zeros(len(bad), dtype=np.intp)), place)
        take = np.where(bad & (place >= 0), place, np.arange(len(bad)))
        for name in group - statics - table.given:
            dtype = next((step.dtype for step in formulas if step.name == name), columns[name].dtype)
            columns[name] = columns[name].take(take).reset_index(drop=True)
            if columns[name].dtype != dtype and not (bad & (place < 0)).any():
                columns[name] = columns[name].astype(dtype)
    bad, named = _bad(constraints, formulas, replace(table, columns=columns))
    if bad.any():
        warnings.warn(
            f"{int(bad.sum())} of {len(bad)} rows break constraints on {sorted(map(str, named))} that are not kept by "
            "construction, and their sequences have no row to repair them by; see them by constraints.violations",
            TsganWarning,
            stacklevel=3,
        )
    return columns


def _bad(
    constraints: Sequence[Constraint], formulas: Sequence[Formula], table: SequenceTable
) -> tuple[Bools, set[Name]]:
    """Return which rows break a constraint or hold what could not be computed, and the columns concerned."""
    found = [(constraint.operands(table.columns), constraint.broken(table)) for constraint in constraints]
    for step in formulas:
        if not step.kept and not step.dtype_allows_gaps:
            names = (step.name, *step.needs)
            gone, *others = (table.per_row(name).isna().to_numpy(dtype=bool) for name in names)
            found.append((names, gone & ~np.logical_or.reduce([np.zeros_like(gone), *others])))
    bad = np.logical_or.reduce([np.zeros(table.size(False), dtype=bool), *(rows for _, rows in found)])
    return bad, {name for names, rows in found if rows.any() for name in names}
