"""Columns that are computed from others, and so are not learned: formulas and totals.

Where the real column is missing exactly where it cannot be computed, nothing is learned of it. Otherwise the column
stays among the learned parts, and says where it is missing and what it is where an operand is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ..errors import ConstraintError
from .derived import Derived
from .grain import PER_SECOND, Grain, Numbers, Scale, kind_of
from .rows import Bools, Name, Rows
from .step import Dump, Parts, Step

Limits = tuple[Any, Any]


def put_back(
    name: Name, kept: bool, computed: pd.Series[Any], there: Bools, parts: Mapping[Name, pd.Series[Any]]
) -> pd.Series[Any]:
    """Return the computed column, and where it was kept its own value or gap in rows that cannot be computed."""
    if not kept:
        return computed
    own = parts[name].reset_index(drop=True)
    gone = own.isna().to_numpy(dtype=bool)
    return computed.mask(gone | ~there, own)


def check_gaps(name: Name, kept: bool, series: pd.Series[Any], there: Bools) -> None:
    """Refuse rows whose gaps are not those of the fitted table, for they would not come back.

    Raises
    ------
    ConstraintError
    """
    bad = np.flatnonzero(series.isna().to_numpy(dtype=bool) == there)
    if not kept and len(bad):
        raise ConstraintError(
            f"column {name!r} is computed from others, and when fitting it was missing exactly where one of those was; "
            f"row {bad[0]} (in sequence and time order) is not so ({len(bad)} such rows in all); fit on such a table"
        )


@dataclass(frozen=True, eq=False)
class Formula(Step):
    """A derived column.

    Attributes
    ----------
    rule : Derived
    uses : tuple of str or int
        The columns that it is computed from.
    static : bool
    grain : Grain or None
        Of numbers; None for categories, texts and booleans.
    dtype : dtype
    kept : bool
        Whether the column stays among the learned parts.
    """

    kind: ClassVar[str] = "formula"
    rule: Derived
    uses: tuple[Name, ...]
    static: bool
    grain: Grain | None
    dtype: Any
    kept: bool

    @classmethod
    def fit(cls, rows: Rows, rule: Derived, uses: tuple[Name, ...]) -> Formula:
        """Learn the column's dtype, and where it is missing."""
        series = rows.columns[rule.column]
        grain = None if kind_of(series) is None else Grain.fit(series)
        there = rule.compute(rows).notna().to_numpy(dtype=bool)
        kept = bool((series.isna().to_numpy(dtype=bool) == there).any())
        return cls(rule, uses, rule.column in rows.statics, grain, series.dtype, kept)

    @property
    def makes(self) -> tuple[Name, ...]:
        """The column."""
        return (self.rule.column,)

    @property
    def needs(self) -> tuple[Name, ...]:
        """What it is computed from."""
        return self.uses

    @property
    def statics(self) -> frozenset[Name]:
        """The column itself, where it is static and kept."""
        return frozenset(self.makes if self.static and self.kept else ())

    @property
    def dtype_allows_gaps(self) -> bool:
        """Whether a value that cannot be computed may stay missing."""
        return not (isinstance(self.dtype, np.dtype) and self.dtype.kind in "iub")

    def forward(self, rows: Rows) -> Parts:
        """Return nothing, or the column where it is kept."""
        series = rows.columns[self.rule.column]
        if not self.kept:
            check_gaps(self.rule.column, self.kept, series, self.rule.compute(rows).notna().to_numpy(dtype=bool))
        return {self.rule.column: series} if self.kept else {}

    def inverse(self, parts: Mapping[Name, pd.Series[Any]], rows: Rows) -> Parts:
        """Return the computed column in its dtype and decimals."""
        name = self.rule.column
        used = {one: rows.columns[one] for one in self.uses}
        target = pd.Series([0] * rows.size(self.static))
        statics = set(rows.statics) | ({name} if self.static else set())
        computed = self.rule.compute(Rows({**used, name: target}, statics, rows.lengths))
        there = computed.notna().to_numpy(dtype=bool)
        if self.grain is not None:
            scale = Scale.of([self.grain])
            wide = Scale.of([self.grain, Grain.fit(computed.iloc[:1])]) if kind_of(computed) else scale
            x, missing = wide.read(computed)
            shown = self.grain.write(self.grain.snap(x, wide), missing, wide)
        else:
            shown = computed if (~there).any() and self.dtype == bool else computed.astype(self.dtype)
        return {name: put_back(name, self.kept, shown, there, parts)}

    def to_dict(self, dump: Dump) -> dict[str, Any]:
        """Return the step as JSON-ready values."""
        made = {"rule": self.rule.to_dict(), "uses": list(self.uses), "static": self.static, "kept": self.kept}
        grain = None if self.grain is None else self.grain.to_dict(dump)
        return {"kind": self.kind, **made, "grain": grain, "dtype": dump(self.dtype)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], load: Dump) -> Self:
        """Rebuild from `to_dict`."""
        grain = None if data["grain"] is None else Grain.from_dict(data["grain"], load)
        rule = Derived.from_dict(data["rule"])
        return cls(rule, tuple(data["uses"]), data["static"], grain, load(data["dtype"]), data["kept"])


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

    kind: ClassVar[str] = "total"
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
        read = {name: scale.read(parts.get(name, rows.columns.get(name))) for name in self._others()}  # type: ignore[arg-type]
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

    def to_dict(self, dump: Dump) -> dict[str, Any]:
        """Return the step as JSON-ready values."""
        return {
            **vars(self),
            "kind": self.kind,
            "grains": [[name, grain.to_dict(dump)] for name, grain in self.grains.items()],
            "limits": [[name, list(ends)] for name, ends in self.limits.items()],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], load: Dump) -> Self:
        """Rebuild from `to_dict`."""
        made = {key: value for key, value in data.items() if key != "kind"}
        made |= {key: tuple(data[key]) for key in ("addends", "yielding")}
        made["grains"] = {name: Grain.from_dict(grain, load) for name, grain in data["grains"]}
        return cls(**{**made, "limits": {name: tuple(ends) for name, ends in data["limits"]}})


def grain_of(grain: Grain, x: Numbers, scale: Scale) -> Numbers:
    """Round floats to their decimals; whole numbers and durations are exact."""
    rounded: Numbers = grain.snap(x, scale) if scale.kind == "real" else x
    return rounded
