"""Whether constraints fit a table: its columns, their dtypes, each other, and every row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ConstraintError
from .base import Constraint, nearest
from .fixed import Fixed
from .inequality import Inequality
from .monotone import Monotone, previous
from .order import closure
from .ranges import Range
from .rows import Name, Places, Rows

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
    check_order(constraints)
    check_meters(constraints)
    for constraint in constraints:
        found = np.flatnonzero(constraint.broken(rows))
        if len(found):
            raise ConstraintError(tell(constraint, rows, found, keys))
        if isinstance(constraint, Fixed) and any(
            rows.columns[name].dtype.kind in "mM" or isinstance(rows.columns[name].dtype, pd.PeriodDtype)
            for name in constraint.columns
        ):
            raise ConstraintError(f"{constraint!r}: dates and durations are no categories; convert them to texts")


def check_order(constraints: Sequence[Constraint]) -> None:
    """Refuse inequalities that go in a circle.

    Raises
    ------
    ConstraintError
        Naming the columns.
    """
    pairs = [
        (low, high, one.strict)
        for one in constraints
        if isinstance(one, Inequality)
        for low, high in zip(one.chain, one.chain[1:], strict=False)
    ]
    names = list(dict.fromkeys(name for low, high, _ in pairs for name in (low, high)))
    below, _ = closure(names, pairs)
    circle = [names[i] for i in np.flatnonzero(below.diagonal())]
    if circle:
        raise ConstraintError(
            f"the inequalities go in a circle through {circle}, so that these would all have to be equal; turn one of "
            f"them round, or say Derived({circle[0]!r}, {str(circle[-1])!r})"
        )


def check_meters(constraints: Sequence[Constraint]) -> None:
    """Refuse a column that always rises below an end: a longer sequence would have nowhere to go.

    Raises
    ------
    ConstraintError
    """
    for one in constraints:
        for other in constraints:
            if isinstance(one, Monotone) and one.strict and isinstance(other, Range) and one.column == other.column:
                end = other.high if one.increasing else other.low
                if end is not None:
                    raise ConstraintError(
                        f"{one!r} and {other!r} contradict each other: a column that changes with every step reaches "
                        f"{end!r} in the end; drop strict=True or the end"
                    )


def tell(constraint: Constraint, rows: Rows, found: Places, keys: Sequence[Any] | None) -> str:
    """Return the message about rows that break a constraint: the first ones, with their values, and what to do."""
    names = constraint.operands(rows.columns)[:8]
    table = {name: rows.spread(name) for name in names}
    step = np.arange(len(rows.sequence)) - (np.cumsum(rows.lengths) - rows.lengths)[rows.sequence]
    lines = []
    for row in found[:SHOWN]:
        number = int(rows.sequence[row])
        who = "" if len(rows.lengths) == 1 and keys is None else f"{number if keys is None else keys[number]!r}, "
        values = ", ".join(f"{name}={_value(series, row)}" for name, series in table.items())
        lines.append(f"{f'entity {who}' if who else ''}row {int(step[row])}: {values}{_before(constraint, rows, row)}")
    more = f"; ... ({len(found)} such rows in all)" if len(found) > 1 else " (the only such row)"
    return (
        f"{constraint!r} does not hold in the table: {'; '.join(lines)}{more}. Rows count from 0 within a sequence, in "
        "time order. Correct or drop these rows, or leave the constraint out; suggest_constraints(df) lists what holds"
    )


def _value(series: pd.Series[Any], row: int) -> str:
    value = series.iloc[row]
    return repr(
        value.item() if isinstance(value, np.generic) else value if not hasattr(value, "isoformat") else str(value)
    )


def _before(constraint: Constraint, rows: Rows, row: int) -> str:
    if not isinstance(constraint, Monotone):
        return ""
    series = rows.columns[constraint.column]
    before = previous(series.notna().to_numpy(dtype=bool), rows.sequence)[row]
    return f" after {_value(series, int(before))}"


def named(constraints: Sequence[Constraint], columns: Sequence[Name]) -> frozenset[Name]:
    """Return the columns that constraints look at, so that other stages leave them alone."""
    return frozenset(name for constraint in constraints for name in constraint.operands(columns))
