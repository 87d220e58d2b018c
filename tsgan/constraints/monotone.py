"""`Monotone`: a column never falls (or never rises) within a sequence.

It is kept as a meter: its start, one value per sequence, and its increments, which are never negative. The first known
value of a sequence has no increment; the next one's stands in its place (or the median), and is not looked at on the
way back, so that the increments are missing exactly where the meter is. After a gap the increment is the whole rise
since the last known value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ..arrays import Bools
from ..bundle import saved
from ..errors import ConstraintError
from .base import (
    Columns,
    Constraint,
    Name,
    Places,
    Plan,
    SequenceTable,
    Step,
    last_known,
    part_name,
    previous,
    value_text,
)
from .numbers import NumberFormat, Numbers, Scale, read_together


@saved
class Monotone(Constraint):
    """A meter reading, a counter, a cumulative sum: each value of a sequence is at least the one before.

    Missing values are passed over: a value is compared with the last one that is there.

    Parameters
    ----------
    column : str or int
        Numbers, datetimes or timedeltas; not static.
    increasing : bool
        False for a column that never rises.
    strict : bool
        Whether it must change with every step; synthetic steps are then at least the smallest observed.
    """

    kind: ClassVar[str] = "monotone"
    sequential: ClassVar[bool] = True
    ordering: ClassVar[bool] = True

    def __init__(self, column: Name, increasing: bool = True, strict: bool = False) -> None:
        self.columns = (self.column,) = self._named([column])
        self.increasing, self.strict = bool(increasing), bool(strict)

    @property
    def text(self) -> str:
        """Such as ``meter never falls``."""
        if self.strict:
            return f"{self.column} {'rises' if self.increasing else 'falls'} with every step"
        return f"{self.column} never {'falls' if self.increasing else 'rises'}"

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the column, the direction and `strict`."""
        names = {"increasing": False} if not self.increasing else {}
        return self.columns, names | ({"strict": True} if self.strict else {})

    def check(self, table: SequenceTable) -> None:
        """Refuse a column that holds no numbers, or one value per sequence."""
        self._check_kinds(table)
        if self.column in table.statics:
            raise ConstraintError(
                f"{self!r}: column {self.column!r} is static, one value per sequence, and cannot rise or fall in it; "
                "leave it out of static=, or leave the constraint out"
            )

    @classmethod
    def steps(cls, own: Sequence[Self], plan: Plan) -> None:
        """Let each column be a start and increments."""
        for one in own:
            if one.column not in plan.owned:
                strict = any(o.strict for o in own if (o.column, o.increasing) == (one.column, one.increasing))
                plan.add(Increments.fit(plan, one.column, 1 if one.increasing else -1, strict))

    @classmethod
    def check_together(cls, own: Sequence[Self], others: Sequence[Constraint]) -> None:
        """Refuse a column that always rises below an end: a longer sequence would have nowhere to go."""
        for one in own:
            for other in others:
                end = other.ends(one.column)[1 if one.increasing else 0]
                if one.strict and end is not None:
                    raise ConstraintError(
                        f"{one!r} and {other!r} contradict each other: a column that changes with every step reaches "
                        f"{end!r} in the end; drop strict=True or the end"
                    )

    def context(self, table: SequenceTable, row: int) -> str:
        """Return the value before."""
        series = table.columns[self.column]
        before = previous(series.notna().to_numpy(dtype=bool), table.sequence)[row]
        return f" after {value_text(series, int(before))}"

    def broken(self, table: SequenceTable) -> Bools:
        """Return which rows go back behind the last value before them."""
        _, ((x, missing),) = read_together([table.columns[self.column]])
        rises, follows = _rises(x if self.increasing else -x, missing, table)
        return np.asarray(((rises <= 0) if self.strict else (rises < 0)) & follows)


def _rises(x: Numbers, missing: Bools, table: SequenceTable) -> tuple[Numbers, Bools]:
    """Return the rise of each value since the last known one of its sequence, and which values follow one."""
    before = previous(~missing, table.sequence)
    return x - x[np.maximum(before, 0)], (before >= 0) & ~missing


@saved
@dataclass(frozen=True, eq=False)
class Increments(Step):
    """A column that never falls (`sign` 1) or never rises (`sign` -1) within a sequence."""

    sign: int
    format: NumberFormat
    least: Any  # increment: zero, or the smallest observed
    usual: Any  # increment, the median
    low: Any  # end of the column's declared range, or None
    high: Any

    @classmethod
    def fit(cls, plan: Plan, name: Name, sign: int, strict: bool) -> Increments:
        """Learn from a column that holds it."""
        found = NumberFormat.fit(plan.table.columns[name])
        scale = Scale.of([found])
        rises, follows = _rises(*scale.read(plan.table.columns[name]), plan.table)
        rises = np.sort(sign * rises[follows])
        least = rises[0].item() if strict and len(rises) else 0
        usual = rises[len(rises) // 2].item() if len(rises) else least
        statics = frozenset([part_name("start", name)])
        return cls((name,), (), statics, sign, found, least, usual, *plan.declared(name, scale))

    @property
    def _parts(self) -> tuple[str, str]:
        return part_name("start", self.name), part_name("step", self.name)

    def forward(self, table: SequenceTable) -> Columns:
        """Return starts `(sequences,)` and increments `(rows,)`."""
        series, scale = table.columns[self.name], Scale.of([self.format])
        x, missing = scale.read(series)
        rises, follows = _rises(x, missing, table)
        after = last_known(follows, table.sequence)
        next_rise = np.where(after >= 0, self.sign * rises[np.maximum(after, 0)], self.usual)
        rises = np.where(follows | missing, self.sign * rises, next_rise)
        place = self._first(~missing, table)
        start = series.take(np.maximum(place, 0)).reset_index(drop=True)
        start = start.mask(place < 0) if (place < 0).any() else start
        decimals = self.format.decimals if self.format.kind == "real" else None
        return dict(zip(self._parts, (start, scale.gaps.part(rises, missing, decimals)), strict=True))

    @staticmethod
    def _first(known: Bools, table: SequenceTable) -> Places:
        """Return the position of each sequence's first known value, -1 where it has none."""
        place = np.full(len(table.lengths), -1, dtype=np.intp)
        here = np.flatnonzero(known)[::-1]
        place[table.sequence[here]] = here
        return place

    def inverse(self, parts: Mapping[Name, pd.Series[Any]], table: SequenceTable) -> Columns:
        """Return the start and the sum of the increments so far."""
        scale = Scale.of([self.format])
        start, unknown = scale.read(parts[self._parts[0]])
        rises, missing = scale.gaps.read(parts[self._parts[1]])
        rises = np.maximum(rises, self.least)
        if self.format.kind == "real" and self.format.decimals is not None:
            rises = np.round(rises, self.format.decimals)
        first = self._first(~missing, table)
        rises = np.where(missing, 0, rises)
        rises[first[first >= 0]] = 0
        total = pd.Series(rises).groupby(table.sequence).cumsum().to_numpy()
        x = self.format.round_inside(start[table.sequence] + self.sign * total, scale, self.low, self.high)
        return {self.name: self.format.write(x, missing | unknown[table.sequence], scale)}
