"""`FixedSum`: parts that add up to a total; one of them is computed, and not learned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ..arrays import Bools
from ..bundle import saved
from ..errors import ConstraintError
from .base import Columns, Constraint, Limits, Name, Plan, SequenceTable, Step, check_gaps, put_back, without
from .numbers import NumberFormat, Numbers, Scale, agree, decimals_of, finest, kind_of, read_together


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
        self.total, self.parts = total, self._named(parts, 2)
        if total in self.parts:
            raise ConstraintError(f"FixedSum: {total!r} is the total and one of the parts; name it once")
        self.columns = (total, *self.parts) if isinstance(total, str) else self.parts

    def total_column(self, known: Iterable[Name]) -> Name | None:
        """Return the column of the totals, None where the total is a number."""
        total = self.total
        return total if isinstance(total, str) or (isinstance(total, int) and total in set(known)) else None

    def operands(self, known: Iterable[Name]) -> tuple[Name, ...]:
        """Return parts, and the total where it is a column."""
        there = set(known)
        return tuple(name for name in (self.total_column(there), *self.parts) if name is not None and name in there)

    @property
    def text(self) -> str:
        """Such as ``total = a + b``."""
        return f"{self.total} = {' + '.join(map(str, self.parts))}"

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return total and parts."""
        return (self.total, list(self.parts)), {}

    def check(self, table: SequenceTable) -> None:
        """Refuse columns that cannot be added, and a static among values."""
        self._check_kinds(table, ("whole", "real", "span"))
        total = self.total_column(table.columns)
        names = self.parts if total is None else (*self.parts, total)
        self._check_roles(names, table, "a sum is made of columns of one role")
        if total is None and kind_of(table.columns[self.parts[0]]) == "span":
            raise ConstraintError(f"{self!r}: timedeltas do not add up to a number; name a column of timedeltas")

    @classmethod
    def steps(cls, own: Sequence[Self], plan: Plan) -> None:
        """Let one column of each sum be computed: the total, else the last part that nothing else puts back."""
        ordered = {name for one in plan.constraints if one.ordering for name in one.columns}
        for one in own:
            names = one.operands(plan.table.columns)
            names = (*names[: len(names) - len(one.parts)], *reversed(one.parts))
            free = [name for name in names if name not in plan.owned]
            for name in sorted(free, key=lambda name: name in ordered):
                others = [other for other in names if other != name]
                if not any(plan.reaches(other, {name}) for other in others):
                    _add_total(plan, one, name, others)
                    break

    def infer(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the table with the one value that the sum lacks."""
        names = list(self.operands(frame.columns))
        scale, x, gone, formats = _read(frame, names)
        alone = gone & (gone.sum(axis=1) == 1)[:, None]
        if not alone.any():
            return frame
        signs = np.ones(len(names), dtype=x.dtype)
        signs[: len(names) - len(self.parts)] = -1
        constant = x.dtype.type(0 if signs[0] < 0 else float(self.total))
        left = (constant - (x * signs).sum(axis=1))[:, None] * signs
        decimals = finest(one.decimals for one in formats)
        x = np.where(alone, left if decimals is None else np.round(left, decimals), x)
        out = frame.copy()
        for j in np.flatnonzero(alone.any(axis=0)):
            out[names[j]] = formats[j].write(x[:, j], gone[:, j] & ~alone[:, j], scale).set_axis(out.index)
        return out

    @classmethod
    def enforce(cls, own: Sequence[Self], drawn: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """Return the table with drawn parts that make up what a known total and the known parts leave."""
        for rule in own:
            total = rule.total_column(known.columns)
            if total is not None and known[total].isna().any():  # computed from the parts as they now are
                drawn = drawn.copy()
                drawn[total] = drawn[total].where(known[total].notna())
                drawn = rule.infer(drawn)
            drawn = rule._share(drawn, known, total)
        return drawn

    def _share(self, drawn: pd.DataFrame, known: pd.DataFrame, total: Name | None) -> pd.DataFrame:
        """Return the table with drawn parts scaled (moved, where signs differ) to what their known total leaves."""
        names = list(self.operands(known.columns))
        _, _, holes, formats = _read(known, names)
        first = len(names) - len(self.parts)
        summed = ~holes[:, :first].any(axis=1)
        holes, formats, parts = holes[:, first:], formats[first:], names[first:]
        rows = np.flatnonzero(summed & (holes.sum(axis=1) > 1))
        if not len(rows):
            return drawn
        scale, table, gone, _ = _read(drawn, names)
        x, holes, each = table[rows, first:], holes[rows], np.arange(len(rows))
        sums = np.full(len(rows), float(self.total)).astype(x.dtype) if total is None else table[rows, 0]
        left = sums - np.where(holes, 0, x).sum(axis=1)
        own = np.where(holes, x, 0)
        size, count = own.sum(axis=1), holes.sum(axis=1)
        shares = (own >= 0).all(axis=1) & (size > 0) & (left >= 0)
        scaled = own * (left / np.where(size == 0, 1, size))[:, None]
        moved = own + (left / count)[:, None] - (size / count)[:, None]
        moved = _rounded(np.where(shares[:, None], scaled, moved), formats, scale).astype(x.dtype)
        last = holes.shape[1] - 1 - holes[:, ::-1].argmax(axis=1)
        rest = np.where(holes, moved, 0).sum(axis=1) - moved[each, last]
        moved[each, last] = left - rest
        table[rows, first:] = _rounded(np.where(holes, moved, x), formats, scale)
        out = drawn.copy()
        for j in np.flatnonzero(holes.any(axis=0)):
            out[parts[j]] = formats[j].write(table[:, first + j], gone[:, first + j], scale).set_axis(out.index)
        return out

    def broken(self, table: SequenceTable) -> Bools:
        """Return which rows have parts that do not add up, in the decimals that are shown."""
        columns, total = table.columns, self.total_column(table.columns)
        names = self.parts if total is None else (*self.parts, total)
        scale, read = read_together([table.per_row(one) for one in names])
        missing = np.logical_or.reduce([gone for _, gone in read])
        parts, decimals = [x for x, _ in read[: len(self.parts)]], None
        if total is not None and scale.kind != "real":
            return np.asarray((np.sum(parts, axis=0) != read[-1][0]) & ~missing)
        goal = np.full(len(missing), float(self.total)) if total is None else read[-1][0]
        if total is not None:  # that shows fewer decimals than its parts was rounded
            decimals, exact = decimals_of(columns[total]), finest(decimals_of(columns[name]) for name in self.parts)
            decimals = None if decimals is None or (exact is not None and exact <= decimals) else decimals
        values = np.asarray(parts, dtype=np.float64)
        size = np.abs(values).sum(axis=0)
        return np.asarray(~agree(values.sum(axis=0), goal, size, decimals, columns[names[-1]].dtype) & ~missing)


def _read(frame: pd.DataFrame, names: Sequence[Name]) -> tuple[Scale, Numbers, Bools, list[NumberFormat]]:
    """Return the scale of columns, their numbers and which are missing, `(rows, columns)`, and how they are written."""
    formats = [replace(NumberFormat.fit(frame[name]), origin=0, step=1) for name in names]
    scale = Scale.of(formats)
    read = [scale.read(frame[name]) for name in names]
    return scale, np.column_stack([x for x, _ in read]), np.column_stack([gone for _, gone in read]), formats


def _rounded(x: Numbers, formats: Sequence[NumberFormat], scale: Scale) -> Numbers:
    return np.column_stack([one.round(x[:, j], scale) for j, one in enumerate(formats)])


@saved
@dataclass(frozen=True, eq=False)
class Total(Step):
    """A sum: one of its columns is computed, and the others give way where it would leave its range.

    The others take up what is left over in proportion to the room that each has in its own range (and one after the
    other for what rounding leaves), so that the sum holds in the decimals that are shown.
    The computed column, the total or one of the parts, is the first that the step makes; then come the addends that may
    give way, because nothing else depends on how they were drawn.
    """

    total: Name | None  # column of the totals, None where the total is `constant`
    constant: float
    addends: tuple[Name, ...]
    kept: bool  # whether the computed column stays among the learned parts
    formats: Mapping[Name, NumberFormat]  # of all columns of the sum
    limits: Mapping[Name, Limits]  # ends of their ranges, in the scale of the sum

    @property
    def scale(self) -> Scale:
        """In what is added."""
        return Scale.of(self.formats.values())

    @property
    def yielding(self) -> tuple[Name, ...]:
        """The addends that may give way."""
        return self.makes[1:]

    @property
    def _others(self) -> list[Name]:
        return [name for name in (*self.addends, self.total) if name is not None and name != self.name]

    def forward(self, table: SequenceTable) -> Columns:
        """Return the columns that may give way, and the computed one where it is kept."""
        columns = table.columns
        if not self.kept:
            others = [columns[name].notna().to_numpy(dtype=bool) for name in self._others]
            check_gaps(self.name, columns[self.name], np.logical_and.reduce(others))
        return {name: columns[name] for name in (*self.yielding, *([self.name] if self.kept else []))}

    def inverse(self, parts: Mapping[Name, pd.Series[Any]], table: SequenceTable) -> Columns:
        """Return the sum and what gave way to it."""
        scale = self.scale
        read = {name: scale.read(parts[name] if name in parts else table.columns[name]) for name in self._others}
        there = ~np.logical_or.reduce([missing for _, missing in read.values()])
        values = {name: x for name, (x, _) in read.items()}
        found: Columns = {name: parts[name] for name in self.yielding}

        def move(name: Name, x: Numbers, missing: Bools) -> None:
            found[name] = self.formats[name].write(x, missing, scale)
            values[name] = scale.read(found[name])[0]

        for name in self.yielding:
            missing = read[name][1]
            x = self.formats[name].round_inside(values[name], scale, *self.limits[name])
            if (x != values[name])[~missing].any():
                move(name, x, missing)
        computed = self._compute(values)
        low, high = self.limits[self.name]
        inside = np.clip(computed, low, high) if low is not None or high is not None else computed
        asked = there & parts[self.name].notna().to_numpy(dtype=bool) if self.kept else there
        left = np.where(asked, inside - computed if self.name == self.total else computed - inside, 0)
        if self.yielding and left.any():
            for name, x in self._give_way(values, left).items():
                if (x != values[name]).any():
                    move(name, x, read[name][1])
            computed = self._compute(values)
        own = self.formats[self.name]
        shown = own.write(own.round(computed, scale), ~there, scale)
        return found | {self.name: put_back(self.name, self.kept, shown, there, parts)}

    def release(self, frame: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """Return the table with computed values missing where others are: they are drawn with them."""
        return frame if self.kept else without(frame, self.name, frame[self._others].isna().any(axis=1))

    def _compute(self, values: Mapping[Name, Numbers]) -> Numbers:
        added = sum(values[name] for name in self.addends if name != self.name)
        if self.name == self.total:
            return np.asarray(added)
        constant = round(self.constant) if self.scale.kind == "whole" else self.constant
        return np.asarray((constant if self.total is None else values[self.total]) - added)

    def _give_way(self, values: Mapping[Name, Numbers], left: Numbers) -> dict[Name, Numbers]:
        """Return the addends that may give way with what is left added to them, within their ranges."""
        moved, scale, most = {name: values[name] for name in self.yielding}, self.scale, np.abs(left).max()

        def room(name: Name, left: Numbers) -> Numbers:
            low, high = self.limits[name]
            up = most if high is None else np.clip(high - moved[name], 0, most)
            down = most if low is None else np.clip(moved[name] - low, 0, most)
            return np.asarray(np.where(left > 0, up, down))

        rooms = {name: room(name, left) for name in self.yielding}
        total = np.maximum(sum(np.asarray(one, dtype=np.float64) for one in rooms.values()), 1e-300)
        for name, one in rooms.items():
            share = np.minimum(np.abs(left) * (one / total), one)
            own, sign = self.formats[name], np.sign(left)
            if scale.kind != "real":
                step = own.smallest_step(scale)
                moved[name] = moved[name] + sign * (share // step).astype(np.int64) * step
            elif own.decimals is None:
                moved[name] = moved[name] + sign * share
            else:
                step = np.floor(share * 10.0**own.decimals) / 10.0**own.decimals
                moved[name] = np.round(moved[name] + sign * step, own.decimals)
        for name in self.yielding:  # what rounding left
            rest = left - sum(moved[one] - values[one] for one in self.yielding)
            x = moved[name] + np.minimum(np.abs(rest), room(name, rest)) * np.sign(rest)
            moved[name] = self.formats[name].round(x, scale) if scale.kind == "real" else x
        return moved


def _add_total(plan: Plan, one: FixedSum, name: Name, others: Sequence[Name]) -> None:
    """Let a column of a sum be computed from the others."""
    columns, total = plan.table.columns, one.total_column(plan.table.columns)
    formats = {other: plan.format(other) for other in (name, *others)}
    formats[name] = replace(formats[name], origin=0, step=1)  # a sum may leave the grid of the values that were seen
    scale = Scale.of(formats.values())
    ties = [o for o in plan.constraints if o is not one and o.ends(o.columns[0]) == (None, None, False)]
    tied = {other for o in ties for other in o.operands(columns)}
    yielding = tuple(part for part in one.parts if part != name and part not in tied)
    missing = np.logical_or.reduce([columns[other].isna().to_numpy(dtype=bool) for other in others])
    kept = bool((columns[name].isna().to_numpy(dtype=bool) != missing).any())
    needs = tuple(other for other in others if other not in yielding)
    parts = {*yielding, *([name] if kept else [])}
    limits = {other: plan.limits(other, scale) for other in formats}
    statics = frozenset(parts & set(plan.table.statics))
    constant = 0.0 if total is not None else float(one.total)
    plan.add(Total((name, *yielding), needs, statics, total, constant, one.parts, kept, formats, limits))
