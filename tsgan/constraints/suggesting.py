"""`suggest_constraints`: what holds exactly in a table, and says something.

Candidates are found on a sample of rows, all pairs of columns at once, and then verified on every row. What holds only
because the columns lie far apart, or in too few rows to tell, is left out; yet what holds in one sample of a source may
fail in another, so look at the list before you declare it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from .base import Constraint
from .counting import arranged
from .grain import kind_of
from .monotone import Monotone, previous
from .pairs import Found, combinations, equals, orders
from .ranges import Range
from .relations import relations
from .rows import Name, Rows

LEAST_ROWS = 100
SAMPLE = 5000
CERTAIN = 20
LEVELS = 2


class Suggestions(list[Constraint]):
    """Constraints that hold exactly in a table: a list that prints as a table.

    Parameters
    ----------
    constraints : sequence of Constraint
    reasons : sequence of str
        Why each is worth saying.
    """

    def __init__(self, constraints: Sequence[Constraint] = (), reasons: Sequence[str] = ()) -> None:
        super().__init__(constraints)
        self.reasons = list(reasons) or [""] * len(self)

    def __str__(self) -> str:
        if not self:
            return "no constraint that says something holds exactly"
        rows = [("constraint", "in words", "evidence")]
        reasons = self.reasons if len(self.reasons) == len(self) else [""] * len(self)
        rows += [(repr(one), one.text, why) for one, why in zip(self, reasons, strict=True)]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])

    def __repr__(self) -> str:
        return str(self)


def suggest_constraints(
    df: pd.DataFrame, entity: Name | None = None, time: Name | None = None, static: Sequence[Name] = ()
) -> Suggestions:
    """Return the constraints that hold exactly in a table and are not trivial.

    There are equal columns, sums and other combinations of columns with small whole coefficients, orders (without those
    that follow from others), ranges from zero that the column's spread would cross, whole numbers in float columns,
    columns that never fall or never rise within a sequence, and categories that determine others.

    Parameters
    ----------
    df : DataFrame
    entity, time : str or int, optional
        Columns or index levels that tell sequences apart and order their rows.
    static : sequence of str or int
        Columns with one value per sequence.

    Returns
    -------
    Suggestions
        A list of constraints, to print, to choose from, or to pass on as ``RecurrentGAN(constraints=...)``.
    """
    rows = arranged(df, entity, time)
    columns = dict(rows.columns)
    if static:
        begin = np.cumsum(rows.lengths) - rows.lengths
        columns |= {name: columns[name].take(begin).reset_index(drop=True) for name in static if name in columns}
        rows = Rows(columns, frozenset(name for name in static if name in columns), rows.lengths)
    return suggest(rows)


def suggest(rows: Rows) -> Suggestions:
    """Return what holds in columns that are in sequence and time order; see `suggest_constraints`."""
    found: list[Found] = []
    copies: set[Name] = set()
    for static in (False, True):
        names = [name for name in rows.columns if (name in rows.statics) == static]
        table = {name: rows.columns[name] for name in names}
        if rows.size(static) < LEAST_ROWS or not table:
            continue
        same = equals(table)
        found += same
        copies |= {one.constraint.columns[0] for one in same}
        own = {name: series for name, series in table.items() if name not in copies}
        numbers = {name: series for name, series in own.items() if kind_of(series) in ("whole", "real")}
        found += relations(numbers)
        found += orders(table, {frozenset(one.constraint.operands(list(table))) for one in same})
        found += [one for name, series in numbers.items() if (one := _range(name, series)) is not None]
        found += combinations({name: series for name, series in own.items() if _category(series)})
    moving = {name: rows.columns[name] for name in rows.columns if name not in rows.statics and name not in copies}
    found += [one for name, series in moving.items() if (one := _meter(name, series, rows)) is not None]
    return Suggestions([one.constraint for one in found], [one.reason for one in found])


def _category(series: pd.Series[Any]) -> bool:
    return kind_of(series) is None and (
        isinstance(series.dtype, pd.CategoricalDtype)
        or types.is_string_dtype(series.dtype)
        or types.is_bool_dtype(series)
    )


def _range(name: Name, series: pd.Series[Any]) -> Found | None:
    """Return non-negative and whole, where a column of that mean and spread would often be otherwise."""
    x = series.to_numpy(dtype=np.float64, na_value=np.nan)
    x = x[np.isfinite(x)]
    if len(x) < LEAST_ROWS or np.ptp(x) == 0:
        return None
    whole = kind_of(series) == "real" and bool((x == np.round(x)).all()) and len(np.unique(x[:SAMPLE])) > LEVELS
    spread, low, mean = float(x.std()), float(x.min()), float(x.mean())
    floor = low >= 0 and mean < 2 * spread
    if not whole and not floor:
        return None
    told = [f"{len(x)} values from {low:g}, mean {mean:.4g}, spread {spread:.4g}"] if floor else []
    told += [f"{len(x)} whole numbers in a column of floats"] if whole else []
    return Found(Range(name, 0 if floor else None, whole=whole), "; ".join(told))


def _meter(name: Name, series: pd.Series[Any], rows: Rows) -> Found | None:
    """Return a column that never falls or never rises within its sequences, though it changes often."""
    if kind_of(series) is None:
        return None
    known = series.notna().to_numpy(dtype=bool)
    x = pd.Series(series).rank(method="dense").to_numpy(dtype=np.float64, na_value=np.nan)
    before = previous(known, rows.sequence)
    rises = (x - x[np.maximum(before, 0)])[(before >= 0) & known]
    up, down = int((rises > 0).sum()), int((rises < 0).sum())
    if len(rises) < LEAST_ROWS or max(up, down) < CERTAIN or min(up, down):
        return None
    return Found(Monotone(name, up > 0), f"{max(up, down)} changes in {len(rises)} steps, all one way")
