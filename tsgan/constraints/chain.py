"""All constraints of a table together: checked, ordered, and taken out and put back as one stage.

Each column is put back by at most one step. `Fixed` columns come back together; then a `Derived` column is computed, a
`FixedSum` computes one of its columns, a `Monotone` one is a start and increments, the columns of inequalities follow
their order (around those that are computed otherwise), and what has only a range is clipped. Steps run in the order in
which they need each other. What a step cannot keep by construction (a range of a computed column, two rules for one
column) is looked at last: rows that break it take the columns concerned from the nearest row that does not (`repair`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any

import pandas as pd

from ..arrays import Ints
from ..bundle import saved
from .base import Bounds, Columns, Constraint, Name, Plan, SequenceTable, Step
from .checking import check, repair
from .derived import Derived, Formula
from .fixed import Fixed
from .fixed_sum import FixedSum
from .inequality import Inequality
from .monotone import Monotone
from .ranges import Range

# in the order in which they say what puts a column back; what the last ones say is kept first beside known values
CONSTRAINTS: dict[str, type[Constraint]] = {
    member.kind: member for member in (Fixed, Derived, FixedSum, Monotone, Inequality, Range)
}


def _numbered(columns: Mapping[Name, pd.Series[Any]]) -> Columns:
    return {name: pd.Series(series).reset_index(drop=True) for name, series in columns.items()}


@saved
@dataclass(frozen=True)
class Chain:
    """Constraints of a table, learned.

    Attributes
    ----------
    constraints : tuple of Constraint
    steps : tuple of Step
        In the order of the way back.
    columns : tuple of names
        All columns, in their order.
    fixed : set of names
        Those with one value per sequence.
    """

    constraints: tuple[Constraint, ...]
    steps: tuple[Step, ...]
    columns: tuple[Name, ...]
    fixed: frozenset[Name]

    @cached_property
    def _made(self) -> frozenset[Name]:
        return frozenset(name for step in self.steps for name in step.makes)

    @classmethod
    def fit(
        cls,
        constraints: Sequence[Constraint],
        columns: Mapping[Name, pd.Series[Any]],
        statics: Set[Name],
        lengths: Ints,
        bounds: Bounds = "observed",
        keys: Sequence[Any] | None = None,
    ) -> Chain:
        """Check every constraint against the table, and learn how to keep it.

        Parameters
        ----------
        constraints : sequence of Constraint
        columns : mapping of name to Series
            In sequence and time order, static ones with one row per sequence.
        statics : set of names
        lengths : int64 array of shape (sequences,)
        bounds : "observed", None, or mapping of name to either or to (low, high)
            Where columns that are put back are clipped; the constraints are above it.
        keys : sequence, optional
            The entity of each sequence, for errors.

        Raises
        ------
        ConstraintError
            For an unknown column, a wrong dtype, a contradiction, or rows that break a constraint.
        """
        table = SequenceTable(_numbered(columns), frozenset(statics), lengths)
        check(constraints, table, keys)
        plan = Plan(constraints, table, bounds)
        for kind in CONSTRAINTS.values():
            kind.steps([one for one in constraints if type(one) is kind], plan)
        owner = {name: i for i, step in enumerate(plan.steps) for name in step.makes}
        graph = {i: {owner[name] for name in step.needs if name in owner} for i, step in enumerate(plan.steps)}
        steps = [plan.steps[i] for i in TopologicalSorter(graph).static_order()]
        return cls(tuple(constraints), tuple(steps), tuple(columns), frozenset(statics))

    @property
    def statics(self) -> frozenset[Name]:
        """The parts that have one value per sequence."""
        return (self.fixed - self._made).union(*(step.statics for step in self.steps))

    def forward(
        self, columns: Mapping[Name, pd.Series[Any]], lengths: Ints, keys: Sequence[Any] | None = None
    ) -> Columns:
        """Return the parts that are learned, in the columns' order.

        Raises
        ------
        ConstraintError
            If rows break a constraint, or hold a combination or gap that was never seen.
        """
        table = SequenceTable(_numbered(columns), self.fixed, lengths)
        check(self.constraints, table, keys)
        makers = {step.makes[0]: step for step in self.steps}
        found: Columns = {}
        for name in self.columns:
            if name in makers:
                found |= makers[name].forward(table)
            elif name not in self._made:
                found[name] = table.columns[name]
        return found

    def inverse(self, parts: Mapping[Name, pd.Series[Any]], lengths: Ints) -> Columns:
        """Return the columns, in their order, dtypes and decimals; every constraint holds.

        Parameters
        ----------
        parts : mapping of name to Series
            As `forward` gives them, with any values and gaps.
        lengths : int64 array of shape (sequences,)

        Warns
        -----
        TsganWarning
            If rows break what cannot be kept by construction, and no row is there to repair them by.
        """
        parts = _numbered(parts)
        done: Columns = {name: parts[name] for name in self.columns if name not in self._made}
        table = SequenceTable(done, self.fixed, lengths)
        for step in self.steps:
            done |= step.inverse(parts, table)
        formulas = [step for step in self.steps if isinstance(step, Formula)]
        done = repair(self.constraints, formulas, table)
        return {name: done[name] for name in self.columns}

    def infer(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a table with the missing values that follow from others: the one that a sum lacks, computed ones."""
        for _ in self.constraints:  # one rule's answer may be what another lacks
            before = int(frame.isna().to_numpy().sum())
            for rule in self.constraints:
                frame = rule.infer(frame)
            if int(frame.isna().to_numpy().sum()) == before:
                break
        return frame

    def release(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a table without the known values that could not be kept beside drawn ones."""
        for rule in self.constraints:
            frame = rule.release(frame)
        return frame

    def enforce(self, drawn: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """Return a filled table that keeps all constraints; known values stay.

        Parameters
        ----------
        drawn, known : DataFrame
            With the values that were drawn, and without.
        """
        for kind in reversed(CONSTRAINTS.values()):
            own = [one for one in self.constraints if type(one) is kind]
            drawn = kind.enforce(own, drawn, known) if own else drawn
        return self.infer(drawn)
