"""`FixedSum`: parts that add up to a total; one of them is computed, and not learned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from pandas.api import types

from ..arrays import Bools
from ..bundle import saved
from ..errors import ConstraintError
from .base import Constraint, Limits, Name, Parts, Plan, Rows, Step, check_gaps, names_of, numeric, put_back
from .numbers import PER_SECOND, Grain, Numbers, Scale, agree, decimals_of


@saved
class FixedSum(Constraint):
    """``FixedSum("total", ["a", "b"])`` says total = a + b; ``FixedSum(100, ["a", "b", "c"])`` says that they make 100.

    A text is the name of a column; a number is the name of a column only where the table has one of that name.

    Parameters
    ----------
    total : str or number
        Column of the sums, or the sum of every row.
    parts : sequence of str or int
        Columns that are added: numbers, or timedeltas with a column of timedeltas as total.
    """

    kind: ClassVar[str] = "fixed_sum"

    def __init__(self, total: Name | float, parts: Sequence[Name]) -> None:
        if isinstance(parts, str) or not isinstance(parts, Sequence):
            raise ConstraintError(f"FixedSum: parts={parts!r} must be a list of columns; write [{parts!r}]")
        total = total.item() if isinstance(total, np.generic) else total
        if isinstance(total, bool) or not isinstance(total, str | int | float) or total != total:
            raise ConstraintError(f"FixedSum: total={total!r} must be the name of a column or a number")
        self.total, self.parts = total, names_of(parts, "FixedSum", 2)
        if total in self.parts:
            raise ConstraintError(f"FixedSum: {total!r} is the total and one of the parts; name it once")

    def column(self, known: Iterable[Name]) -> Name | None:
        """Return the column of the totals, None where the total is a number."""
        total = self.total
        return total if isinstance(total, str) or (isinstance(total, int) and total in set(known)) else None

    @property
    def columns(self) -> tuple[Name, ...]:
        """Parts, and the total where it is a name."""
        return (self.total, *self.parts) if isinstance(self.total, str) else self.parts

    def operands(self, known: Iterable[Name]) -> tuple[Name, ...]:
        """Return parts, and the total where it is a column."""
        there = set(known)
        total = self.column(there)
        return tuple(name for name in (total, *self.parts) if name is not None and name in there)

    @property
    def text(self) -> str:
        """Such as ``total = a + b``."""
        return f"{self.total} = {' + '.join(map(str, self.parts))}"

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return total and parts."""
        return (self.total, list(self.parts)), {}

    def check(self, rows: Rows) -> None:
        """Refuse columns that cannot be added, and a static among values."""
        numeric(self, rows, ("whole", "real", "span"))
        names = (*self.parts, *([] if self.column(rows.columns) is None else [self.column(rows.columns)]))
        static = [name for name in names if name in rows.statics]
        if static and len(static) < len(names):
            raise ConstraintError(
                f"{self!r}: {static} are static, one value per sequence, and "
                f"{[name for name in names if name not in static]} are not; a sum is made of columns of one role"
            )
        if self.column(rows.columns) is None and Grain.fit(rows.columns[self.parts[0]].iloc[:1]).kind == "span":
            raise ConstraintError(f"{self!r}: timedeltas do not add up to a number; name a column of timedeltas")

    @classmethod
    def steps(cls, own: Sequence[Self], plan: Plan) -> None:
        """Let one column of each sum be computed."""
        orders = {name for one in plan.constraints if one.ordering for name in one.columns}
        for one in own:
            _plan(plan, one, orders)

    def complete(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the table with the one value that the sum lacks."""
        total = self.column(frame.columns)
        names: list[Name] = [*([] if total is None else [total]), *self.parts]
        if not all(types.is_numeric_dtype(frame[name].dtype) for name in names):
            return frame
        x = frame[names].to_numpy(dtype=np.float64, na_value=np.nan)
        gone = np.isnan(x)
        alone = gone.sum(axis=1) == 1
        if not alone.any():
            return frame
        sign = np.ones(len(names))
        sign[: total is not None] = -1
        constant = float(self.total) if total is None else 0.0
        left = constant - np.where(gone, 0, x * sign).sum(axis=1)
        shown = [decimals_of(frame[name]) for name in names]
        digits = None if None in shown else max(one for one in shown if one is not None)
        out = frame.copy()
        for j, name in enumerate(names):
            rows = alone & gone[:, j]
            if rows.any():
                made = np.where(rows, left * sign[j] if digits is None else np.round(left * sign[j], digits), x[:, j])
                out[name] = pd.Series(made, index=out.index).astype(out[name].dtype)
        return out

    def _summed_again(self, drawn: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
        """Return the table with totals that were drawn computed from the parts as they now are."""
        total = self.column(told.columns)
        out = drawn.copy()
        out[total] = out[total].where(told[total].notna())
        return self.complete(out)

    def loosen(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the table with totals missing, too, where more than one part is: they are drawn with the parts."""
        total, several = self.column(frame.columns), frame[list(self.parts)].isna().sum(axis=1).gt(1)
        if total is None or not several.any():
            return frame
        out = frame.copy()
        out[total] = out[total].where(~several)
        return out

    @classmethod
    def hold(cls, own: Sequence[Self], drawn: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
        """Return the table with drawn parts that make up what a known total and the known parts leave."""
        out = drawn
        for rule in own:
            if not all(types.is_numeric_dtype(told[name].dtype) for name in rule.parts):
                continue
            total, parts = rule.column(told.columns), list(rule.parts)
            if total is not None and told[total].isna().any():
                out = rule._summed_again(out, told)
            gone = told[parts].isna().to_numpy(dtype=bool)
            known = np.ones(len(told), dtype=bool) if total is None else told[total].notna().to_numpy(dtype=bool)
            rows = np.flatnonzero(known & (gone.sum(axis=1) > 1))
            if not len(rows):
                continue
            x = out[parts].to_numpy(dtype=np.float64)[rows]
            holes = gone[rows]
            sums = (
                np.full(len(rows), float(rule.total)) if total is None else out[total].to_numpy(dtype=np.float64)[rows]
            )
            left = sums - np.where(holes, 0, x).sum(axis=1)
            parted = np.where(holes, x, 0)
            size = parted.sum(axis=1)
            even = left[:, None] / holes.sum(axis=1)[:, None]
            same = (parted >= 0).all(axis=1) & (size > 0) & (left >= 0)
            scaled = parted * np.where(same, left / np.where(size == 0, 1, size), 1)[:, None]
            moved = np.where(same[:, None], scaled, parted + even - (size / holes.sum(axis=1))[:, None])
            for j, name in enumerate(parts):
                moved[:, j] = _rounded(moved[:, j], told[name])
            last = holes.shape[1] - 1 - holes[:, ::-1].argmax(axis=1)
            rest = np.where(holes, moved, 0).sum(axis=1) - moved[np.arange(len(rows)), last]
            moved[np.arange(len(rows)), last] = left - rest
            x = np.where(holes, moved, x)
            out = out.copy()
            for j, name in enumerate(parts):
                column = out[name].to_numpy(dtype=np.float64, na_value=np.nan).copy()
                column[rows] = _rounded(x[:, j], told[name])
                out[name] = pd.Series(column, index=out.index).astype(out[name].dtype)
        return out

    def broken(self, rows: Rows) -> Bools:
        """Return which rows have parts that do not add up, in the decimals that are shown."""
        name = self.column(rows.columns)
        names = [*self.parts, *([] if name is None else [name])]
        scale = Scale.of(Grain.fit(rows.columns[one].iloc[:1]) for one in names)
        read = [scale.read(rows.spread(one)) for one in names]
        missing = np.logical_or.reduce([one for _, one in read])
        values = [np.asarray(x, dtype=np.float64) for x, _ in read[: len(self.parts)]]
        size = np.sum(np.abs(values), axis=0)
        if name is None:
            goal, rounded, dtype = np.full(len(missing), float(self.total)), None, rows.columns[self.parts[-1]].dtype
        elif scale.kind == "real":
            goal, dtype = read[-1][0], rows.columns[name].dtype
            rounded = shown(rows, name, self.parts)
        else:
            return np.asarray((np.sum([x for x, _ in read[:-1]], axis=0) != read[-1][0]) & ~missing)
        return np.asarray(~agree(np.sum(values, axis=0), goal, size, rounded, dtype) & ~missing)


def shown(rows: Rows, total: Name, parts: Sequence[Name]) -> int | None:
    """Return the decimals that the total was rounded to, None where it shows as many as its parts."""
    own, others = decimals_of(rows.columns[total]), [decimals_of(rows.columns[name]) for name in parts]
    if own is None or all(one is not None and one <= own for one in others):
        return None
    return own


@saved
@dataclass(frozen=True, eq=False)
class Total(Step):
    """A sum: one of its columns is computed, and the others give way where it would leave its range.

    The others take up what is left over in proportion to the room that each has in its own range (and one after the
    other for what rounding leaves), so that the sum holds in the decimals that are shown.

    Attributes
    ----------
    name : str or int
        The computed column: the total, or one of the parts.
    total : str, int or None
        Column of the totals; None where the total is `constant`.
    constant : float
    addends : tuple of str or int
    static, kept : bool
    grains : mapping of name to Grain
        Of all columns of the sum.
    limits : mapping of name to (low, high)
        Ends of the columns' ranges, in the scale of the sum; None is open.
    yielding : tuple of str or int
        The addends that may give way, because nothing else depends on how they were drawn.
    """

    name: Name
    total: Name | None
    constant: float
    addends: tuple[Name, ...]
    static: bool
    kept: bool
    grains: Mapping[Name, Grain]
    limits: Mapping[Name, Limits]
    yielding: tuple[Name, ...]

    @property
    def scale(self) -> Scale:
        """In what is added."""
        return Scale.of(self.grains.values())

    @property
    def makes(self) -> tuple[Name, ...]:
        """The computed column, and those that may give way."""
        return (self.name, *self.yielding)

    @property
    def needs(self) -> tuple[Name, ...]:
        """The others."""
        others = [*self.addends, *([] if self.total is None else [self.total])]
        return tuple(name for name in others if name not in self.makes)

    @property
    def statics(self) -> frozenset[Name]:
        """Its parts, where the columns are static."""
        return frozenset((*self.yielding, *((self.name,) if self.kept else ())) if self.static else ())

    def forward(self, rows: Rows) -> Parts:
        """Return the columns that may give way, and the computed one where it is kept."""
        columns = rows.columns
        if not self.kept:
            others = [columns[name].notna().to_numpy(dtype=bool) for name in self._others()]
            check_gaps(self.name, self.kept, columns[self.name], np.logical_and.reduce(others))
        return {name: columns[name] for name in (*self.yielding, *((self.name,) if self.kept else ()))}

    def _others(self) -> list[Name]:
        return [name for name in (*self.addends, self.total) if name is not None and name != self.name]

    def inverse(self, parts: Mapping[Name, pd.Series[Any]], rows: Rows) -> Parts:
        """Return the sum and what gave way to it."""
        scale, found = self.scale, {}
        read = {name: scale.read(parts[name] if name in parts else rows.columns[name]) for name in self._others()}
        there = ~np.logical_or.reduce([missing for _, missing in read.values()])
        values = {name: x for name, (x, _) in read.items()}
        for name in self.yielding:
            x = self._inside(name, values[name])
            if (x != values[name])[~read[name][1]].any():
                found[name] = self.grains[name].write(x, read[name][1], scale)
                values[name] = scale.read(found[name])[0]
        computed = self._compute(values)
        low, high = self.limits.get(self.name, (None, None))
        aim = computed if low is None else np.maximum(computed, low)
        aim = aim if high is None else np.minimum(aim, high)
        asked = there & parts[self.name].notna().to_numpy(dtype=bool) if self.kept else there
        left = np.where(asked, aim - computed if self.name == self.total else computed - aim, 0)
        if self.yielding and left.any():
            moved = self._give_way(values, left)
            for name in self.yielding:
                if (moved[name] != values[name]).any():
                    found[name] = self.grains[name].write(moved[name], read[name][1], scale)
                    values[name] = scale.read(found[name])[0]
            computed = self._compute(values)
        grain = self.grains[self.name]
        shown = grain.write(grain.snap(computed, scale), ~there, scale)
        own = {name: parts[name] for name in self.yielding}
        return {**own, **found, self.name: put_back(self.name, self.kept, shown, there, parts)}

    def _inside(self, name: Name, x: Numbers) -> Numbers:
        """Round and clip an addend."""
        low, high = self.limits.get(name, (None, None))
        snapped: Numbers = self.grains[name].snap(x, self.scale)
        snapped = snapped if low is None else np.maximum(snapped, low)
        return snapped if high is None else np.minimum(snapped, high)

    def _compute(self, values: Mapping[Name, Numbers]) -> Numbers:
        added = sum(values[name] for name in self.addends if name != self.name)
        if self.name == self.total:
            return np.asarray(added)
        if self.total is not None:
            return np.asarray(values[self.total] - added)
        if self.scale.kind == "whole":
            return np.asarray(round(self.constant) - added)
        return np.asarray(self.constant - added)

    def _give_way(self, values: Mapping[Name, Numbers], left: Numbers) -> dict[Name, Numbers]:
        """Add what is left to the addends, within their ranges."""
        moved, scale = dict(values), self.scale
        ends = {name: self.limits.get(name, (None, None)) for name in self.yielding}
        huge = np.abs(left).max() if scale.kind == "real" else int(np.abs(left).max())

        def room(name: Name) -> Numbers:
            low, high = ends[name]
            up = huge if high is None else np.maximum(high - moved[name], 0)
            down = huge if low is None else np.maximum(moved[name] - low, 0)
            return np.asarray(np.where(left > 0, np.minimum(up, huge), np.minimum(down, huge)))

        rooms = {name: room(name) for name in self.yielding}
        total = np.maximum(sum(np.asarray(one, dtype=np.float64) for one in rooms.values()), 1e-300)
        for name, one in rooms.items():
            share = np.minimum(np.abs(left) * (one / total), one)
            grain, sign = self.grains[name], np.sign(left)
            if scale.kind == "real":
                places = grain.decimals
                step = share if places is None else np.floor(share * 10.0**places) / 10.0**places
                moved[name] = (
                    moved[name] + sign * step if places is None else np.round(moved[name] + sign * step, places)
                )
            else:
                unit = grain.step * (PER_SECOND[scale.unit] // PER_SECOND[grain.unit] if grain.unit else 1)
                moved[name] = moved[name] + sign * (share // unit).astype(np.int64) * unit
        for name in self.yielding:
            left = left - sum(moved[one] - values[one] for one in self.yielding)
            take = np.minimum(np.abs(left), room(name)) * np.sign(left)
            moved[name] = grain_of(self.grains[name], moved[name] + take, scale)
            left = left + sum(moved[one] - values[one] for one in self.yielding)
        return moved


def grain_of(grain: Grain, x: Numbers, scale: Scale) -> Numbers:
    """Round floats to their decimals; whole numbers and durations are exact."""
    rounded: Numbers = grain.snap(x, scale) if scale.kind == "real" else x
    return rounded


def _rounded(x: Any, like: pd.Series[Any]) -> Any:
    decimals = decimals_of(like)
    return x if decimals is None else np.round(x, decimals)


def _plan(plan: Plan, one: FixedSum, orders: set[Name]) -> None:
    """Let one column of a sum be computed: the total, else the last part that nothing else puts back."""
    rows, total = plan.rows, one.column(plan.rows.columns)
    names = [*([] if total is None else [total]), *reversed(one.parts)]
    free = [name for name in names if name not in plan.owned]
    free.sort(key=lambda name: name in orders)
    for name in free:
        others = [other for other in names if other != name]
        if not any(plan.reaches(other, {name}) for other in others):
            break
    else:
        return
    scale = Scale.of(plan.grain(other) for other in names)
    sums = [o for o in plan.constraints if o is not one and o.ends(o.columns[0]) == (None, None, False)]
    used = {other for o in sums for other in o.operands(rows.columns)}
    yielding = tuple(part for part in one.parts if part != name and part not in used)
    gone = {other: rows.columns[other].isna().to_numpy(dtype=bool) for other in names}
    kept = bool((gone[name] != np.logical_or.reduce([gone[other] for other in others])).any())
    step = Total(
        name,
        total,
        0.0 if total is not None else float(one.total),
        one.parts,
        name in rows.statics,
        kept,
        {other: plan.grain(other) for other in names},
        {other: plan.limits(other, scale) for other in names},
        yielding,
    )
    plan.add(step)
    for other in yielding:
        plan.needs[other] = set(step.needs)
