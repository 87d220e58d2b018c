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
from .base import Constraint, Name, Parts, Places, Plan, Rows, Step, last_known, names_of, numeric, reserved, shown
from .numbers import Grain, Scale


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
        (self.column,) = names_of([column], "Monotone", 1)
        self.increasing, self.strict = bool(increasing), bool(strict)

    @property
    def columns(self) -> tuple[Name, ...]:
        """The column."""
        return (self.column,)

    @property
    def text(self) -> str:
        """Such as ``meter never falls``."""
        if self.strict:
            return f"{self.column} {'rises' if self.increasing else 'falls'} with every step"
        return f"{self.column} never {'falls' if self.increasing else 'rises'}"

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the column, the direction and `strict`."""
        names = {"increasing": False} if not self.increasing else {}
        return (self.column,), names | ({"strict": True} if self.strict else {})

    def check(self, rows: Rows) -> None:
        """Refuse a column that holds no numbers, or one value per sequence."""
        numeric(self, rows)
        if self.column in rows.statics:
            raise ConstraintError(
                f"{self!r}: column {self.column!r} is static, one value per sequence, and cannot rise or fall in it; "
                "leave it out of static=, or leave the constraint out"
            )

    @classmethod
    def steps(cls, own: Sequence[Self], plan: Plan) -> None:
        """Let each column be a start and increments."""
        for one in own:
            if one.column in plan.owned:
                continue
            low, high = plan.declared(one.column, Scale.of([plan.grain(one.column)]))
            strict = any(o.strict for o in own if o.column == one.column and o.increasing == one.increasing)
            plan.add(Increments.fit(plan.rows, one.column, one.increasing, strict, low, high))

    @classmethod
    def check_together(cls, own: Sequence[Self], others: Sequence[Constraint]) -> None:
        """Refuse a column that always rises below an end: a longer sequence would have nowhere to go.

        Raises
        ------
        ConstraintError
        """
        for one in own:
            for other in others:
                end = other.ends(one.column)[1 if one.increasing else 0]
                if one.strict and end is not None:
                    raise ConstraintError(
                        f"{one!r} and {other!r} contradict each other: a column that changes with every step reaches "
                        f"{end!r} in the end; drop strict=True or the end"
                    )

    def context(self, rows: Rows, row: int) -> str:
        """Return the value before."""
        series = rows.columns[self.column]
        before = previous(series.notna().to_numpy(dtype=bool), rows.sequence)[row]
        return f" after {shown(series, int(before))}"

    def broken(self, rows: Rows) -> Bools:
        """Return which rows go back behind the last value before them."""
        series = rows.columns[self.column]
        scale = Scale.of([Grain.fit(series.iloc[:1])])
        x, missing = scale.read(series)
        before = previous(~missing, rows.sequence)
        x = x if self.increasing else -x
        rise = x - x[np.maximum(before, 0)]
        return np.asarray(((rise <= 0) if self.strict else (rise < 0)) & (before >= 0) & ~missing)


def previous(known: Bools, groups: Places) -> Places:
    """Return the position of the last known value before each row in its sequence, -1 where there is none."""
    here = np.where(known, np.arange(len(known)), -1)
    before = np.r_[-1, np.maximum.accumulate(here)[:-1]] if len(here) else here
    return np.where((before >= 0) & (groups[np.maximum(before, 0)] == groups), before, -1)


@saved
@dataclass(frozen=True)
class Increments(Step):
    """A column that never falls (`sign` 1) or never rises (`sign` -1) within a sequence.

    Attributes
    ----------
    name : str or int
    sign : int
    grain : Grain
    least : number
        Smallest increment: zero, or the smallest observed.
    usual : number
        Median increment.
    low, high : number or None
        Ends of the column's declared range.
    """

    name: Name
    sign: int
    grain: Grain
    least: Any
    usual: Any
    low: Any = None
    high: Any = None

    @classmethod
    def fit(cls, rows: Rows, name: Name, increasing: bool, strict: bool, low: Any, high: Any) -> Increments:
        """Learn from a column that holds it."""
        grain, sign = Grain.fit(rows.columns[name]), 1 if increasing else -1
        x, missing = Scale.of([grain]).read(rows.columns[name])
        before = previous(~missing, rows.sequence)
        rises = sign * (x - x[np.maximum(before, 0)])[(before >= 0) & ~missing]
        least = rises.min().item() if strict and len(rises) else 0
        usual = np.sort(rises)[len(rises) // 2].item() if len(rises) else least
        return cls(name, sign, grain, least, usual, low, high)

    @property
    def makes(self) -> tuple[Name, ...]:
        """The column."""
        return (self.name,)

    @property
    def needs(self) -> tuple[Name, ...]:
        """None."""
        return ()

    @property
    def statics(self) -> frozenset[Name]:
        """The start."""
        return frozenset([reserved("start", self.name)])

    def forward(self, rows: Rows) -> Parts:
        """Return increments `(rows,)` and starts `(sequences,)`."""
        series, scale = rows.columns[self.name], Scale.of([self.grain])
        x, missing = scale.read(series)
        before = previous(~missing, rows.sequence)
        rises = self.sign * (x - x[np.maximum(before, 0)])
        first = ~missing & (before < 0)
        after = last_known(~missing & ~first, rows.sequence)
        rises = np.where(first, np.where(after >= 0, rises[np.maximum(after, 0)], self.usual), rises)
        place = self._first(~missing, rows)
        start = series.take(np.maximum(place, 0)).reset_index(drop=True)
        start = start.mask(place < 0) if (place < 0).any() else start
        decimals = self.grain.decimals if self.grain.kind == "real" else None
        return {
            reserved("start", self.name): start,
            reserved("step", self.name): scale.gaps.part(rises, missing, decimals),
        }

    @staticmethod
    def _first(known: Bools, rows: Rows) -> Places:
        """Return the position of each sequence's first known value, -1 where it has none."""
        place = np.full(len(rows.lengths), -1, dtype=np.intp)
        here = np.flatnonzero(known)[::-1]
        place[rows.sequence[here]] = here
        return place

    def inverse(self, parts: Mapping[Name, pd.Series[Any]], rows: Rows) -> Parts:
        """Return the start and the sum of the increments so far."""
        scale = Scale.of([self.grain])
        start, unknown = scale.read(parts[reserved("start", self.name)])
        rises, missing = scale.gaps.read(parts[reserved("step", self.name)])
        rises = np.maximum(rises, self.least)
        if self.grain.kind == "real" and self.grain.decimals is not None:
            rises = np.round(rises, self.grain.decimals)
        first = self._first(~missing, rows)
        rises = np.where(missing, 0, rises)
        rises[first[first >= 0]] = 0
        total = pd.Series(rises).groupby(rows.sequence).cumsum().to_numpy()
        x = self.grain.snap(start[rows.sequence] + self.sign * total, scale)
        if self.low is not None:
            x = np.maximum(x, self.low)
        if self.high is not None:
            x = np.minimum(x, self.high)
        return {self.name: self.grain.write(x, missing | unknown[rows.sequence], scale)}
