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
from types import MappingProxyType
from typing import Any

import pandas as pd

from ..arrays import Ints
from ..bundle import saved
from ..holders import Sharing
from .base import Bounds, Columns, Constraint, Name, Plan, SequenceTable, Step
from .checking import check, repair
from .derived import Derived, Formula
from .fixed import Fixed
from .fixed_sum import FixedSum
from .inequality import Inequality
from .monotone import Monotone
from .ranges import Range

NONE: Mapping[Name, pd.Series[Any]] = MappingProxyType({})
# in the order in which they say what puts a column back; what the last ones say is kept first beside known values
CONSTRAINTS: dict[str, type[Constraint]] = {
    member.kind: member for member in (Fixed, Derived, FixedSum, Monotone, Inequality, Range)
}


def _beside(frame: pd.DataFrame, given: Mapping[Name, pd.Series[Any]]) -> pd.DataFrame:
    """Return a table with the columns that are given and not there, row by row."""
    lacking = [name for name in given if name not in frame.columns]
    frame = frame.copy() if lacking else frame
    for name in lacking:
        frame[name] = given[name].array
    return frame


def _numbered(columns: Mapping[Name, pd.Series[Any]]) -> Columns:
    return {name: pd.Series(series).reset_index(drop=True) for name, series in columns.items()}


@saved
@dataclass(frozen=True)
class Chain:
    """Constraints of a table, learned."""

    constraints: tuple[Constraint, ...]
    steps: tuple[Step, ...]  # in the order of the way back
    columns: tuple[Name, ...]
    fixed: frozenset[Name]  # columns with one value per sequence
    given: tuple[Name, ...] = ()  # columns that rules only read

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
        given: Mapping[Name, pd.Series[Any]] = NONE,
        ways: Mapping[Name, int] | None = None,
        sharing: Sharing | None = None,
    ) -> Chain:
        """Check every constraint against a table as `SequenceTable` holds it, and learn how to keep it.

        What is `given`, such as the clock, rules may read, here and on the way back. Columns that are put back are
        clipped to `bounds`, the constraints being above it; those observed are open where a column rises or falls, as
        `ways` says (1 or -1). What too few share, as `sharing` says, is not learned. Errors name an unknown column, a
        wrong dtype, a contradiction, or rows that break a constraint, with their entities from `keys`.
        """
        both = _numbered({**columns, **given})
        table = SequenceTable(both, frozenset(statics), lengths, frozenset(given))
        check(constraints, table, keys)
        plan = Plan(constraints, table, bounds, ways or {}, sharing or Sharing(lengths, 0))
        for kind in CONSTRAINTS.values():
            kind.steps([one for one in constraints if type(one) is kind], plan)
        owner = {name: i for i, step in enumerate(plan.steps) for name in step.makes}
        graph = {i: {owner[name] for name in step.needs if name in owner} for i, step in enumerate(plan.steps)}
        steps = [plan.steps[i] for i in TopologicalSorter(graph).static_order()]
        return cls(tuple(constraints), tuple(steps), tuple(columns), frozenset(statics), tuple(given))

    @property
    def statics(self) -> frozenset[Name]:
        """The parts that have one value per sequence."""
        return (self.fixed - self._made).union(*(step.statics for step in self.steps))

    def forward(
        self,
        columns: Mapping[Name, pd.Series[Any]],
        lengths: Ints,
        keys: Sequence[Any] | None = None,
        given: Mapping[Name, pd.Series[Any]] = NONE,
    ) -> Columns:
        """Return the parts that are learned; refuse rows that break a constraint or hold what was never seen."""
        table = SequenceTable(_numbered({**columns, **given}), self.fixed, lengths, frozenset(self.given))
        check(self.constraints, table, keys)
        makers = {step.makes[0]: step for step in self.steps}
        found: Columns = {}
        for name in self.columns:
            if name in makers:
                found |= makers[name].forward(table)
            elif name not in self._made:
                found[name] = table.columns[name]
        return found

    def inverse(
        self, parts: Mapping[Name, pd.Series[Any]], lengths: Ints, given: Mapping[Name, pd.Series[Any]] = NONE
    ) -> Columns:
        """Return the columns, in their order, dtypes and decimals, of parts with any values and gaps.

        Every constraint holds; there is a warning for rows that no other row is there to repair by.
        """
        parts = _numbered(parts)
        done = _numbered(given) | {name: parts[name] for name in self.columns if name not in self._made}
        table = SequenceTable(done, self.fixed, lengths, frozenset(self.given))
        for step in self.steps:
            done |= step.inverse(parts, table)
        formulas = [step for step in self.steps if isinstance(step, Formula)]
        done = repair(self.constraints, formulas, table)
        return {name: done[name] for name in self.columns}

    def infer(self, frame: pd.DataFrame, given: Mapping[Name, pd.Series[Any]] = NONE) -> pd.DataFrame:
        """Return a table with the missing values that follow from others: the one that a sum lacks, computed ones.

        What rules only read and the table lacks is `given`, row by row; it does not come back.
        """
        members: list[Constraint | Step] = [*self.constraints, *self.steps]
        names, frame = frame.columns, _beside(frame, given)
        for _ in self.constraints:  # one rule's answer may be what another lacks
            before = int(frame.isna().to_numpy().sum())
            for one in members:
                frame = one.infer(frame)
            if int(frame.isna().to_numpy().sum()) == before:
                break
        return frame if len(frame.columns) == len(names) else frame[names]

    def release(self, frame: pd.DataFrame, given: Mapping[Name, pd.Series[Any]] = NONE) -> pd.DataFrame:
        """Return a table without the known values that could not be kept beside drawn ones."""
        out = known = _beside(frame, given)
        for step in self.steps:
            out = step.release(out, known)
        return out if out is frame else out[frame.columns]

    def enforce(
        self, drawn: pd.DataFrame, known: pd.DataFrame, given: Mapping[Name, pd.Series[Any]] = NONE
    ) -> pd.DataFrame:
        """Return a table filled with drawn values that keeps all constraints; values that were known stay."""
        names, drawn, known = drawn.columns, _beside(drawn, given), _beside(known, given)
        for step in self.steps:
            drawn = step.enforce(drawn, known)
        for kind in reversed(CONSTRAINTS.values()):
            own = [one for one in self.constraints if type(one) is kind]
            drawn = kind.enforce(own, drawn, known) if own else drawn
        return self.infer(drawn)[names]
