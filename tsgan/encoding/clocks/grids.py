"""The grid that time stamps lie on, and in steps of how much; grids that are no fixed span of time are the calendar's.

Every grid maps ticks of the wall clock to *positions*, whole numbers counted from its first moment, and back. Months
and business days are computed without a loop; only rare frequencies are listed by pandas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from ...arrays import Bools, Ints
from ...bundle import saved
from ...tables.dtypes import datetimes
from .stamps import PER_DAY, Stamps

Space = Literal["ticks", "wall", "grid"]
Rule = Literal["start", "end", "bstart", "bend"]
WEEK = "Mon Tue Wed Thu Fri"
MAX_LISTED = 10_000_000  # moments of a frequency: 80 MB
MIN_COMMON = 0.25  # share of steps that are one unit, so that a frequency is named and the rest are gaps in it
MIN_BUSINESS_ROWS = 10  # fewer stamps miss all weekends by chance
MAX_INFERRED = 100_000  # stamps of a sequence that pandas is shown
MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_PREFIX = {"start": ("", "S"), "end": ("", "E"), "bstart": ("B", "S"), "bend": ("B", "E")}
_MONTHS: dict[str, tuple[Any, int]] = {
    f"{business}{length}{end}": (("b" if business else "") + ("start" if end == "Begin" else "end"), months)
    for business in ("", "Business", "B")
    for length, months in (("Month", 1), ("Quarter", 3), ("Year", 12))
    for end in ("Begin", "End")
}


@saved
@dataclass(frozen=True)
class Months:
    """The first or last (business) day of every month, at one time of day."""

    unit: str  # of the ticks
    month: int  # months since 1970 of position 0
    rule: Rule
    time: int  # ticks after midnight

    def _days(self, months: Ints) -> Ints:
        first = months.view("M8[M]").astype("M8[D]")
        if self.rule in ("end", "bend"):
            first = (months + 1).view("M8[M]").astype("M8[D]") - 1
        if self.rule[0] == "b":
            first = np.busday_offset(first, 0, roll="forward" if self.rule == "bstart" else "backward")
        return np.asarray(first.view(np.int64))

    def positions(self, ticks: Ints) -> Ints:
        """Return the position of the last moment that is not after each tick."""
        days = (ticks - self.time) // PER_DAY[self.unit]
        months = days.view("M8[D]").astype("M8[M]").view(np.int64)
        return np.asarray(months - (self._days(months) > days) - self.month)

    def ticks(self, positions: Ints) -> Ints:
        """Return the ticks at positions."""
        return self._days(positions + self.month) * PER_DAY[self.unit] + self.time


@saved
@dataclass(frozen=True)
class Business:
    """Every business day at one time of day."""

    unit: str  # of the ticks
    day: int  # days since 1970 of position 0, a business day
    time: int  # ticks after midnight
    week: str = WEEK  # the days that count, as numpy writes them
    holidays: tuple[str, ...] = ()  # days that do not count

    @property
    def _calendar(self) -> np.busdaycalendar:
        return np.busdaycalendar(weekmask=self.week, holidays=np.array(self.holidays, dtype="M8[D]"))

    def positions(self, ticks: Ints) -> Ints:
        """Return the position of the last moment that is not after each tick."""
        days = ((ticks - self.time) // PER_DAY[self.unit]).view("M8[D]")
        count = np.busday_count(np.datetime64(self.day, "D"), days + 1, busdaycal=self._calendar) - 1
        return np.asarray(count, dtype=np.int64)

    def ticks(self, positions: Ints) -> Ints:
        """Return the ticks at positions."""
        days = np.busday_offset(np.datetime64(self.day, "D"), positions, busdaycal=self._calendar)
        return np.asarray(days.view(np.int64) * PER_DAY[self.unit] + self.time)


@saved
@dataclass(frozen=True)
class Listed:
    """The moments of any other pandas frequency, listed from `origin` on."""

    unit: str
    origin: int
    freq: str

    def _list(self, low: int, high: int) -> tuple[Ints, int]:
        """Return the moments from position `low` to `high`, and how many of them come before position 0."""
        if high - low > MAX_LISTED:
            raise OverflowError(f"{high - low} moments of the frequency {self.freq}, of at most {MAX_LISTED}")
        unit: Any = self.unit
        first = datetimes(np.array([self.origin]), unit)[0]
        after = pd.date_range(first, periods=high + 1, freq=self.freq, unit=unit)
        before = pd.date_range(end=first, periods=1 - low, freq=self.freq, unit=unit)
        return np.concatenate([before.asi8[:-1], after.asi8]), len(before) - 1

    def positions(self, ticks: Ints) -> Ints:
        """Return the position of the last moment that is not after each tick."""
        if not len(ticks):
            return ticks
        high = low = 1
        known, zero = self._list(-low, high)
        while known[-1] <= ticks.max():
            high *= 2
            known, zero = self._list(-low, high)
        while known[0] > ticks.min():
            low *= 2
            known, zero = self._list(-low, high)
        return np.searchsorted(known, ticks, side="right").astype(np.int64) - 1 - zero

    def ticks(self, positions: Ints) -> Ints:
        """Return the ticks at positions."""
        if not len(positions):
            return positions
        known, zero = self._list(min(0, int(positions.min())), max(0, int(positions.max())))
        return known[positions + zero]


Grid = Months | Business | Listed  # whole numbers to ticks of the wall clock, and back


@saved
@dataclass(frozen=True)
class Spacing:
    """Positions on the axis of time, and how far apart they are."""

    # Whether a position is an elapsed tick, a tick of the wall clock (where days sometimes have 23 hours), or a moment
    # of the grid.
    space: Space = "ticks"
    unit: int | float = 1  # from one position that counts to the next; 1.0 where ticks are floating
    grid: Grid | None = None
    freq: str | None = None  # a pandas frequency that names the unit

    def positions(self, stamps: Stamps, ticks: Any) -> Any:
        """Return where ticks lie, int64 but for floating ticks."""
        if self.space == "ticks":
            return ticks
        wall = stamps.local(ticks)
        return wall if self.grid is None else self.grid.positions(wall)

    def ticks(self, stamps: Stamps, positions: Any) -> Any:
        """Return the ticks at positions."""
        if self.space == "ticks":
            return positions
        return stamps.universal(positions if self.grid is None else self.grid.ticks(positions))

    def units(self, distances: Any) -> Any:
        """Return distances of positions in units."""
        return distances // self.unit if isinstance(self.unit, int) else distances

    def fits(self, stamps: Stamps, ticks: Ints) -> bool:
        """Return whether all ticks are positions."""
        return bool((self.ticks(stamps, self.positions(stamps, ticks)) == ticks).all())

    def regular(self, stamps: Stamps, ticks: Ints, within: Bools) -> bool:
        """Return whether all ticks are positions, and all steps `within` sequences one unit."""
        return self.fits(stamps, ticks) and bool(
            (np.diff(self.positions(stamps, ticks))[within[1:]] == self.unit).all()
        )


def spacing_of(freq: Any, origin: int, unit: str) -> Spacing | None:
    """Return how a pandas frequency steps from the wall-clock tick `origin` on; None if pandas cannot name it again."""
    offset: Any = to_offset(freq)
    name = freq if isinstance(freq, str) else str(offset.freqstr)
    day, kind, n = PER_DAY[unit], type(offset).__name__, int(getattr(offset, "n", 0))
    if n < 1:
        return None
    if kind in ("Day", "Week"):
        return Spacing("wall", day * n * (7 if kind == "Week" else 1), None, name)
    if isinstance(offset, pd.offsets.Tick):
        span = int(pd.Timedelta(offset).as_unit("ns").value) * day
        return None if span % PER_DAY["ns"] else Spacing("ticks", span // PER_DAY["ns"], None, name)
    days, time = divmod(origin, day)
    if kind in _MONTHS:
        rule, months = _MONTHS[kind]
        return Spacing("grid", n * months, Months(unit, _month(days), rule, time), name)
    if kind == "BusinessDay" and offset.offset == pd.Timedelta(0):
        return Spacing("grid", n, Business(unit, days, time), name)
    if kind == "CustomBusinessDay" and offset.offset == pd.Timedelta(0):
        holidays = tuple(str(np.datetime64(holiday, "D")) for holiday in offset.holidays)
        return Spacing("grid", n, Business(unit, days, time, str(offset.weekmask), holidays), name)
    try:
        if to_offset(offset.freqstr) != offset:
            return None
    except ValueError:
        return None
    return Spacing("grid", 1, Listed(unit, origin, str(offset.freqstr)), name)


def declared(stamps: Stamps, ticks: Ints, freq: Any) -> Spacing | None:
    """Return the spacing of an index that carries its frequency; None where that cannot be named or does not fit."""
    unit: Any = stamps.unit
    if stamps.kind == "timedelta":
        span = int(pd.Timedelta(to_offset(freq)) // pd.Timedelta(1, unit))
        return Spacing("ticks", span, None, str(freq.freqstr))
    found = spacing_of(freq, int(stamps.local(ticks[:1])[0]), unit)
    return found if found is not None and found.regular(stamps, ticks, np.ones(len(ticks), dtype=bool)) else None


def find(stamps: Stamps, ticks: Ints, within: Bools) -> Spacing:
    """Return the spacing of stamps in sequence and time order; `within` is whether a row follows the one before it."""
    steps = np.diff(ticks)[within[1:]]
    if stamps.kind != "datetime":
        size = gcd(steps) or (PER_DAY[stamps.unit] if stamps.unit else stamps.scale)
        return _elapsed(size, stamps.unit if common(steps, size) else None)
    unit, day = str(stamps.unit), PER_DAY[str(stamps.unit)]
    wall, daily = stamps.local(ticks), Spacing("wall", day, None, "D")
    days = np.diff(wall)[within[1:]]
    on_wall = bool((days % day == 0).all()) and daily.fits(stamps, ticks)
    if not len(steps):
        return daily if on_wall else Spacing("ticks", day, None, "D")
    if on_wall:
        return _of_days(stamps, ticks, wall, days, within)
    step = gcd(steps) or 1
    if (steps == step).all():
        return _elapsed(step, unit)
    return _inferred(stamps, ticks, wall, within) or _elapsed(step, unit if common(steps, step) else None)


def _of_days(stamps: Stamps, ticks: Ints, wall: Ints, days: Ints, within: Bools) -> Spacing:
    """Return the spacing of stamps whose distances are whole days on the wall."""
    unit, day = str(stamps.unit), PER_DAY[str(stamps.unit)]
    first, time = divmod(int(wall.min()), day)
    rules: tuple[Rule, ...] = ("start", "end", "bstart", "bend")
    for rule in rules if days.min() >= 28 * day else ():
        months = Months(unit, _month(first), rule, time)
        if Spacing("grid", 1, months).fits(stamps, ticks):
            places = months.positions(wall)
            step = gcd(np.diff(places)[within[1:]]) or 1
            return Spacing("grid", step, months, _month_name(rule, step, (months.month + int(places[0])) % 12))
    step = gcd(days) or day
    even = bool((days == step).all())
    other = None if even else _inferred(stamps, ticks, wall, within)
    if other is not None:
        return other
    if step == day and not even and len(ticks) >= MIN_BUSINESS_ROWS and np.is_busday(np.datetime64(first, "D")):
        business = Business(unit, first, time)
        gaps = np.diff(business.positions(wall))[within[1:]]
        size = gcd(gaps)
        if Spacing("grid", 1, business).fits(stamps, ticks) and common(gaps, size):
            return Spacing("grid", size, business, "B" if size == 1 else f"{size}B")
    return Spacing("wall", step, None, _day_name(step // day, wall, day) if common(days, step) else None)


def _inferred(stamps: Stamps, ticks: Ints, wall: Ints, within: Bools) -> Spacing | None:
    """Return the grid that pandas finds in the longest sequence, if all stamps are on it without a gap."""
    edges = np.flatnonzero(np.append(~within, True))
    longest = int(np.diff(edges).argmax())
    shown = wall[edges[longest] : min(edges[longest + 1], edges[longest] + MAX_INFERRED)]
    if len(shown) < 4:
        return None
    seen = datetimes(shown, stamps.unit)
    name = pd.DatetimeIndex(seen, freq="infer").freqstr
    guesses = ["SMS-15", "SME-15"] if len(seen.day.unique()) <= 5 else []
    if len(seen.day_of_week.unique()) == 1:
        guesses.append(f"LWOM-{_weekday(seen)}")
    guesses += [] if name is None else [name]
    for freq in guesses:
        found = spacing_of(freq, int(wall[0]), str(stamps.unit))
        if found is not None and found.space == "grid" and found.regular(stamps, ticks, within):
            return found
    return None


def _month(day: int) -> int:
    return int(np.array([day]).view("M8[D]").astype("M8[M]").view(np.int64)[0])


def gcd(steps: Ints) -> int:
    """Return the largest number that divides all steps, 0 if there is none but 0."""
    return int(np.gcd.reduce(steps)) if len(steps) else 0


def common(steps: Ints, unit: int) -> bool:
    """Return whether a frequency may be named: at least a quarter of the steps are one unit."""
    return not len(steps) or float(np.mean(steps == unit)) >= MIN_COMMON


def _elapsed(step: int, unit: Any) -> Spacing:
    """Return steps of elapsed ticks, named if their unit is given."""
    return Spacing("ticks", step, None, str(to_offset(pd.Timedelta(step, unit)).freqstr) if unit else None)


def _weekday(moments: pd.DatetimeIndex) -> str:
    return str(moments.day_name()[0][:3].upper())


def _day_name(days: int, wall: Ints, day: int) -> str:
    weeks, rest = divmod(days, 7)
    if rest:
        return "D" if days == 1 else f"{days}D"
    return f"{'' if weeks == 1 else weeks}W-{_weekday(datetimes(wall[:1] // day * 86_400, 's'))}"


def _month_name(rule: str, step: int, month: int) -> str:
    before, after = _PREFIX[rule]
    for length, letter in ((12, "Y"), (3, "Q")):
        if step % length == 0:
            many = "" if step == length else str(step // length)
            return f"{many}{before}{letter}{after}-{MONTH_NAMES[month]}"
    return f"{'' if step == 1 else step}{before}M{after}"
