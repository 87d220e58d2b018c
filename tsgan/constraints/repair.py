"""Rows that break what cannot be kept by construction take the columns concerned from the nearest row that does not.

Such are a range on a computed column, or a second rule for one column. The row before it in its sequence comes first,
then the row after, then (where no meter and no static column is concerned) a row of another sequence of the same drawn
table: this is rejection, with a neighbour in place of another draw. No real row is kept for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from ..errors import TsganWarning
from .base import Constraint
from .computed import Formula
from .monotone import Monotone
from .rows import Bools, Name, Rows, last_known
from .step import Parts


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
        bound = any(isinstance(one, Monotone) and one.column in group for one in constraints)
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
