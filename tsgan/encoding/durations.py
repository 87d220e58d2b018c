"""Dates that are learned as the time since the clock or since another date.

Admission and discharge, order and delivery, birth and first visit lie on their days by themselves, and close to each
other. Drawn apart, the second falls before the first; learned as the time between, it cannot. At fit each date that is
a value gets a *reference* if one explains it: a value the clock of its row, a date before it in the table or a static
one; a static column the first or the last stamp of its sequence or a static date before it. A reference explains a date

- if the differences spread at most half as wide as the date does (from its 5th to its 95th hundredth), or
- if they keep one sign in every row, though the date moved to other rows would break it in at least 5 % of them,

and if the date does not stay where the reference moves (a date of birth that is repeated in every row), and is nowhere
known where the reference is missing. Of several that explain it, the narrowest is taken (by the mean distance from the
median and the range, multiplied), those that keep a sign being preferred up to twice its width.

Differences are taken on the wall, or in elapsed time where clocks have zones and the date shows no whole days. The
reference is brought to the date's own grid (days, hours, minutes, seconds) first, away from a side that the date never
lies on, so that what comes back is on the grid, and on its side. Far dates (see `columns.moment`), which mean "never",
stand for themselves: they become one far duration.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..arrays import Bools, Doubles, Ints, first_rows, steps_within
from ..bundle import saved
from ..constraints.base import Columns
from ..errors import InputError
from ..holders import Holders, Sharing
from ..tables.dtypes import (
    MISSING_TICK,
    PER_SECOND,
    Name,
    Token,
    datetimes,
    dump,
    label,
    load,
    spelled,
    temporal,
    untick,
)
from .clocks.clock import Clock
from .columns.moment import find_far, told_ends
from .differences import dated
from .schema import ColumnSchema

MIN_ROWS = 12  # with both dates, from which how they lie to each other can be told
NARROW = 0.5  # spread of the differences, as a share of that of the date
MIN_BROKEN_IF_MOVED = 0.05  # share of rows that would break a sign were the rows moved
LOOSE = 2.0  # times as wide a reference that keeps a sign may be as one that does not
STAYS = 0.5  # share of the reference's moves with which the date moves at least
FAR_AWAY = 8  # ranges of the others that a far duration lies away from them
GRIDS = (86_400, 3_600, 60, 1)  # seconds
Of = Literal["time", "first", "last", "column"]
Moments = pd.DatetimeIndex


@saved
@dataclass(frozen=True)
class Duration:
    """How one date follows from another.

    Attributes
    ----------
    name : str or int
    of : {"time", "first", "last", "column"}
        The row's stamp, the sequence's first or last, or another column's value.
    source : str, int or None
        The other column, the time for stamps.
    static : bool
        Whether it has one value per sequence.
    dtype : str or dict
        Of the date.
    unit, zone : str or None
        In which its ticks are counted, and its zone.
    wall : bool
        Whether differences are those of clocks on the wall.
    grid : int
        Ticks of the date's own grid, to which the reference is brought.
    up : bool
        Whether it is brought up to it, not down.
    sign : int
        1 where the date is never before its reference, -1 where it is never after, else 0.
    far : tuple of (int, int)
        Ticks of each far date, and the duration that stands for it.
    ends : tuple of int
        The smallest and the largest other duration.
    seen : tuple of int
        Ticks of the earliest and the latest date.
    """

    name: Name
    of: Of
    source: Name | None
    static: bool
    dtype: Token
    unit: str
    zone: str | None
    wall: bool
    grid: int
    up: bool
    sign: int
    far: tuple[tuple[int, int], ...]
    ends: tuple[int, int]
    seen: tuple[int, int]

    def describe(self) -> str:
        """Return what is learned, in a few words."""
        what = {"time": "", "first": "first ", "last": "last "}.get(self.of, "")
        place = {"time": "of the row", "first": "of the sequence", "last": "of the sequence"}
        stamp = f"the {what}time stamp {place.get(self.of, '')}" if self.source is None else f"{what}{self.source!r}"
        side = {1: ", never before it", -1: ", never after it"}.get(self.sign, "")
        far = [text.removesuffix(" 00:00:00") for text in spelled(untick(self._far, load(self.dtype)))]
        beside = f", {' and '.join(far)} by itself" if far else ""
        return f"learned as the time since {stamp}{side}{beside}"

    @property
    def _far(self) -> NDArray[np.int64]:
        return np.array([value for value, _ in self.far], dtype=np.int64)

    def base(self, reference: Moments) -> tuple[NDArray[np.int64], Bools]:
        """Return the reference on the date's grid, and where it is missing."""
        counted = _counted(reference, self.unit, self.zone, self.wall, self.up)
        return _on_grid(counted, self.grid, self.up), np.asarray(reference.isna())

    def forward(self, series: pd.Series[Any], reference: Moments) -> pd.Series[Any]:
        """Return the durations of a date; missing where it or its reference is."""
        own = _moments(series)
        base, gone = self.base(reference)
        gone = gone | np.asarray(own.isna())
        lasting = _counted(own, self.unit, self.zone, self.wall) - base
        for value, stand_in in self.far:
            lasting[own.asi8 == value] = stand_in
        return pd.Series(np.where(gone, MISSING_TICK, lasting).view(f"m8[{self.unit}]"))

    def inverse(self, durations: pd.Series[Any], reference: Moments) -> Any:
        """Return the dates, an array of their dtype."""
        base, gone = self.base(reference)
        index = pd.TimedeltaIndex(durations).as_unit(self.unit)  # type: ignore[arg-type]
        gone = gone | np.asarray(index.isna())
        lasting = np.where(gone, 0, index.asi8)
        counted = self.universal(np.where(gone, 0, base) + lasting)
        low, high = self.ends
        for value, stand_in in self.far:
            beyond = lasting > (high + stand_in) // 2 if stand_in > high else lasting < (low + stand_in) // 2
            counted = np.where(beyond, value, counted)
        return untick(np.where(gone, MISSING_TICK, counted), load(self.dtype))

    def shift(self, dates: pd.Series[Any], durations: pd.Series[Any], reference: Moments) -> NDArray[np.int64]:
        """Return by how many ticks a reference has to move for dates to follow it by durations; 0 where one is none."""
        base, gone = self.base(reference)
        own, lasting = _moments(dates), pd.TimedeltaIndex(durations).as_unit(self.unit)  # type: ignore[arg-type]
        gone = gone | np.asarray(own.isna()) | np.asarray(lasting.isna())
        gone |= np.isin(own.asi8, self._far)
        wanted = _counted(own, self.unit, self.zone, self.wall) - lasting.asi8
        return np.where(gone, 0, wanted - base)

    def universal(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the ticks of the date behind those of the wall."""
        if self.zone is None or not self.wall:
            return numbers
        wall = datetimes(numbers, self.unit)
        first = np.ones(len(numbers), dtype=bool)
        return np.asarray(wall.tz_localize(self.zone, nonexistent="shift_forward", ambiguous=first).asi8)


@saved
@dataclass(frozen=True)
class Durations:
    """All dates of a table that are learned as durations, in the order in which they are put back."""

    found: tuple[Duration, ...] = ()

    @classmethod
    def fit(
        cls,
        parts: Mapping[Name, pd.Series[Any]],
        statics: Collection[Name],
        clock: Clock,
        stamps: pd.Index[Any] | None,
        lengths: Ints,
        time: Name | None,
        sharing: Sharing,
    ) -> Self:
        """Choose a reference for each date among the parts: static ones first, then in the order of the table."""
        dates = sorted((name for name, one in parts.items() if _is_date(one)), key=lambda name: name not in statics)
        if not dates:
            return cls()
        sources = _References(parts, statics, wall_clock(clock, stamps), lengths)
        found: list[Duration] = []
        for i, name in enumerate(dates):
            static = name in statics
            tries: list[tuple[Of, Name | None]] = []
            if sources.stamps is not None:
                tries += [("first", time), ("last", time)] if static else [("time", time)]
            ends = {one.name for one in found if one.of == "last"}
            tries += [("column", one) for one in dates[:i] if one not in ends and (not static or one in statics)]
            best: tuple[float, Duration] | None = None
            for of, source in tries:
                one = _explained(name, static, of, source, sources, sharing.sequences if static else sharing.rows)
                if one is not None and (best is None or one[0] < best[0]):
                    best = one
            found += [] if best is None else [best[1]]
        return cls(tuple(found))

    def __getitem__(self, name: Name) -> Duration | None:
        """Return what a date is learned as, None if it is learned as it is."""
        return next((one for one in self.found if one.name == name), None)

    def line(self, line: ColumnSchema) -> ColumnSchema:
        """Return a line of the schema, that of a duration as the date's: its range is that of the durations."""
        one = self[line.name] if line.name is not None else None
        if one is None:
            return line
        low, high = (str(pd.Timedelta(end, one.unit)) for end in one.ends)  # type: ignore[arg-type]
        return replace(line, kind="datetime", dtype=label(one.dtype), low=low, high=high)

    def forward(self, parts: Columns, clock: Clock, stamps: pd.Index[Any] | None, lengths: Ints) -> Columns:
        """Return the parts, durations in the place of dates."""
        if not self.found:
            return parts
        sources = _References(parts, self._statics(parts), wall_clock(clock, stamps), lengths)
        return {**parts, **{one.name: one.forward(parts[one.name], sources.of(one)) for one in self.found}}

    def inverse(
        self,
        decoded: dict[Name, Any],
        clock: Clock,
        stamps: pd.Index[Any] | None,
        lengths: Ints,
        known: Mapping[Name, pd.Series[Any]],
    ) -> None:
        """Put dates back in the place of durations, in place, and static values that are `known`, as they are."""
        moments = wall_clock(clock, stamps) if self.found else None
        given = dict(known)
        if any(one.name in known and one.of == "column" for one in self.found):
            first = dict(decoded)
            self._put_back(first, moments, lengths, {})
            for one in reversed(self.found):  # what a given date is learned from lies as far before it as was drawn
                if one.name in given and one.static and one.source is not None and one.of == "column":
                    drawn, source = (pd.Series(first[name], copy=False) for name in (one.name, one.source))
                    own = given[one.name].astype(drawn.dtype)
                    moved = (source + (own - drawn)).mask(np.isin(_moments(own).asi8, one._far)).astype(source.dtype)
                    old = given.get(one.source, pd.Series([None] * len(moved), dtype=object))
                    given[one.source] = old.astype(object).where(old.notna(), moved.astype(object))
        put({name: one for name, one in given.items() if self[name] is None}, decoded)
        self._put_back(decoded, moments, lengths, given)

    def _put_back(
        self, decoded: dict[Name, Any], moments: Moments | None, lengths: Ints, known: Mapping[Name, pd.Series[Any]]
    ) -> None:
        for one in self.found:
            series = {name: pd.Series(array, copy=False) for name, array in decoded.items()}
            sources = _References(series, self._statics(series), moments, lengths)
            decoded[one.name] = one.inverse(series[one.name], sources.of(one))
            put({one.name: known[one.name]} if one.name in known else {}, decoded)

    def started(
        self, one: Duration, dates: pd.Series[Any], durations: pd.Series[Any], starts: Any, clock: Clock, lengths: Ints
    ) -> NDArray[Any]:
        """Return starts of clocks so that known static dates follow them by durations."""
        ends = starts
        if one.of == "last":
            ends = np.asarray(clock.ticks_for(starts, lengths))[np.cumsum(lengths) - 1]
        form = clock.stamps
        dtype: Any = load(one.dtype)
        moments = datetimes(np.asarray(ends, dtype=np.int64), form.unit, form.zone)
        moved = one.shift(dates.astype(dtype), durations, moments)
        more, less = PER_SECOND[str(form.unit)], PER_SECOND[one.unit]
        moved = moved * (more // less) if more >= less else moved // (less // more)
        return np.asarray(form.universal(form.local(starts) + moved))

    def check(self, parts: Mapping[Name, pd.Series[Any]]) -> None:
        """Refuse a table that lacks the reference of a date that is there."""
        for one in self.found:
            if one.of != "column" or one.source is None:
                continue
            series, source = parts[one.name], parts[one.source]
            if len(series) != len(source):
                continue
            bad = np.flatnonzero(series.notna().to_numpy(dtype=bool) & source.isna().to_numpy(dtype=bool))
            if len(bad):
                raise InputError(
                    f"column {one.name!r} is {one.describe()}, which is missing in row {bad[0]} (in sequence and time "
                    f"order; {len(bad)} such rows) where {one.name!r} is {series.iloc[bad[0]]}; fill {one.source!r}, "
                    f"set {one.name!r} to missing there, or fit a table with such rows"
                )

    def _statics(self, parts: Mapping[Name, Any]) -> set[Name]:
        return {one.name for one in self.found if one.static} & set(parts)


def put(known: Mapping[Name, pd.Series[Any]], decoded: dict[Name, Any]) -> None:
    """Put known values of static columns into decoded parts, in place, so that they come back as they were given."""
    for name, series in known.items():
        values = pd.Series(decoded[name]).reset_index(drop=True)
        held = series.notna().to_numpy(dtype=bool)
        values[held] = series[held].astype(values.dtype)
        decoded[name] = values.array if not isinstance(decoded[name], np.ndarray) else values.to_numpy()


class _References:
    """The moments that a date may be learned from."""

    def __init__(
        self, parts: Mapping[Name, pd.Series[Any]], statics: Collection[Name], stamps: Moments | None, lengths: Ints
    ) -> None:
        self.parts, self.statics, self.stamps, self.lengths = parts, statics, stamps, lengths
        self.sequence = np.repeat(np.arange(len(lengths)), lengths)
        self.steps = steps_within(lengths) > 0

    def moments(self, of: Of, source: Name | None, static: bool) -> Moments:
        """Return the reference, one for each row, or for each sequence."""
        if of == "column":
            assert source is not None
            own = _moments(self.parts[source])
            wide = not static and len(own) == len(self.lengths) and len(own) != len(self.sequence)
            return own.take(self.sequence) if wide or (not static and source in self.statics) else own
        assert self.stamps is not None
        if of == "time":
            return self.stamps
        first = first_rows(self.lengths)
        return self.stamps.take(first if of == "first" else first + self.lengths - 1)

    def of(self, one: Duration) -> Moments:
        """Return the reference of a date."""
        return self.moments(one.of, one.source, one.static)


def wall_clock(clock: Clock, stamps: pd.Index[Any] | None) -> Moments | None:
    """Return the moments of a clock that shows dates, with its zone; None where it shows none."""
    if stamps is None or clock.kind not in ("datetime", "period"):
        return None
    counted = clock.ticks(stamps)
    if clock.kind == "period":
        return clock.stamps.moments(counted)
    return datetimes(np.asarray(counted, dtype=np.int64), clock.stamps.unit, clock.stamps.zone)


def _is_date(series: pd.Series[Any]) -> bool:
    return dated(series) and series.nunique() > 1


def _moments(series: pd.Series[Any]) -> Moments:
    return pd.DatetimeIndex(temporal(series))


def _counted(moments: Moments, unit: str, zone: str | None, wall: bool, up: bool = False) -> NDArray[np.int64]:
    """Return moments as ticks, on the wall (of a zone; without one, of their own) or elapsed; finer ones rounded."""
    if moments.tz is not None and wall:
        moments = moments.tz_convert(zone or moments.tz).tz_localize(None)
    more = PER_SECOND[str(moments.unit)] // PER_SECOND[unit]
    if more > 1:
        return _on_grid(np.asarray(moments.asi8), more, up) // more
    fine: Any = unit
    return np.asarray(moments.as_unit(fine).asi8)


def _on_grid(numbers: NDArray[np.int64], grid: int, up: bool) -> NDArray[np.int64]:
    return (numbers + (grid - 1 if up else 0)) // grid * grid


def _explained(
    name: Name, static: bool, of: Of, source: Name | None, sources: _References, holders: Holders
) -> tuple[float, Duration] | None:
    """Return how a date follows from a reference, with its rank, if that explains it."""
    series = sources.parts[name]
    own, reference = _moments(series), sources.moments(of, source, static)
    zone, unit = None if own.tz is None else str(own.tz), str(own.unit)
    there = np.asarray(own.notna())
    if (zone is not None and reference.tz is None) or bool((there & np.asarray(reference.isna())).any()):
        return None
    low, high = find_far(own.asi8[there], holders.at(there))
    usual = there & ~np.isin(own.asi8, [*low, *high])
    if usual.sum() < MIN_ROWS or any(len(side) for side in find_far(reference[there].asi8, holders.at(there))):
        return None
    sizes = [size * PER_SECOND[unit] for size in GRIDS]
    x = _counted(own, unit, zone, wall=True)
    wall = zone is None or not (x[usual] % sizes[0]).any()
    x = x if wall else own.asi8
    grid = next((size for size in sizes if not (x[usual] % size).any()), 1)
    try:
        after, before = (_counted(reference, unit, zone, wall, up) for up in (True, False))
    except pd.errors.OutOfBoundsDatetime:
        return None
    sign = 1 if (x >= after)[usual].all() else -1 if (x <= before)[usual].all() else 0
    base = _on_grid(after if sign > 0 else before, grid, sign > 0)
    lasting = (x - base)[usual]
    if not static and not _moves_with(x, base, usual & np.append(False, usual[:-1]) & sources.steps):
        return None
    spread, own_spread = (float(np.ptp(np.quantile(v.astype(np.float64), [0.05, 0.95]))) for v in (lasting, x[usual]))
    kept = bool(sign) and _broken_if_moved(x[usual], base[usual], sign) >= MIN_BROKEN_IF_MOVED
    if not kept and not spread <= NARROW * own_spread:
        return None
    ends = told_ends(lasting, holders.at(usual), grid)
    away = min(FAR_AWAY * max(ends[1] - ends[0], grid), 2**61)
    far = [(int(value), ends[0] - away * (len(low) - i)) for i, value in enumerate(low)]
    far += [(int(value), ends[1] + away * (i + 1)) for i, value in enumerate(high)]
    form = static, dump(series.dtype), unit, zone, wall, grid, sign > 0, sign
    found = Duration(name, of, source, *form, tuple(far), ends, _seen(own.asi8[there], holders.at(there), low, high))
    wide = float(np.abs(lasting - np.median(lasting)).mean()) * float(ends[1] - ends[0])
    return float(np.sqrt(wide)) * (1.0 if kept else LOOSE), found


def _seen(
    counted: NDArray[np.int64], holders: Holders, low: NDArray[np.int64], high: NDArray[np.int64]
) -> tuple[int, int]:
    """Return the earliest and the latest date, far ones among them."""
    usual = ~np.isin(counted, [*low, *high])
    begin, end = told_ends(counted[usual], holders.at(usual))
    return int(low[0]) if len(low) else begin, int(high[-1]) if len(high) else end


def _moves_with(x: NDArray[np.int64], base: NDArray[np.int64], steps: Bools) -> bool:
    """Return whether a date moves from step to step where its reference does."""
    rows = np.flatnonzero(steps)
    moved = base[rows] != base[rows - 1]
    return not moved.any() or float((x[rows] != x[rows - 1])[moved].mean()) >= STAYS


def _broken_if_moved(x: NDArray[np.int64], base: NDArray[np.int64], sign: int) -> float:
    """Return the share of rows that would break a sign were the rows of the date moved against its reference's."""
    count = len(x)
    gaps: Doubles = np.concatenate([np.roll(x, by) - base for by in (count // 3, count // 2, 2 * count // 3)])
    return float((sign * gaps < 0).mean())
