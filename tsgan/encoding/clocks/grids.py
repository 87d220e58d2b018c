"""The grid that time stamps lie on, and in steps of how much; grids that are no fixed span of time are the calendar's.

Every grid maps ticks of the wall clock to *positions*, whole numbers counted from its first moment, and back. Months
and business days are computed without a loop; only rare frequencies are listed by pandas.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.frequencies import to_offset

from ...arrays import Ints
from ...bundle import saved
from .stamps import PER_DAY, Stamps

Space = Literal["ticks", "wall", "grid"]
Rule = Literal["start", "end", "bstart", "bend"]
WEEK = "Mon Tue Wed Thu Fri"
MOST = 10_000_000
_MONTHS: dict[str, tuple[Any, int]] = {
    f"{business}{length}{end}": ("b" * (business != "") + ("start" if end == "Begin" else "end"), months)
    for business in ("", "Business", "B")
    for length, months in (("Month", 1), ("Quarter", 3), ("Year", 12))
    for end in ("Begin", "End")
}


@saved
@dataclass(frozen=True)
class Months:
    """The first or last (business) day of every month, at one time of day.

    Attributes
    ----------
    unit : str
        Of the ticks.
    month : int
        Months since 1970 of position 0.
    rule : {"start", "end", "bstart", "bend"}
    time : int
        Ticks after midnight.
    """

    unit: str
    month: int
    rule: Rule
    time: int

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
    """Every business day at one time of day.

    Attributes
    ----------
    unit : str
    day : int
        Days since 1970 of position 0, a business day.
    time : int
        Ticks after midnight.
    week : str
        The days that count, as numpy writes them.
    holidays : tuple of str
        Days that do not count.
    """

    unit: str
    day: int
    time: int
    week: str = WEEK
    holidays: tuple[str, ...] = field(default=())

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
        """Return the moments from position `low` to `high`, and how many come before position 0."""
        if high - low > MOST:
            raise OverflowError(f"{high - low} moments of the frequency {self.freq}, of at most {MOST}")
        unit: Any = self.unit
        first = pd.DatetimeIndex(np.array([self.origin]).view(f"M8[{self.unit}]"))[0]
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


def grid_of(freq: Any, origin: int, unit: str) -> tuple[Space, Grid | None, int] | None:
    """Return how a pandas frequency steps from the wall-clock tick `origin` on.

    Returns
    -------
    space, grid, step
        Steps of so many elapsed ticks, ticks of the wall clock (days that are sometimes 23 hours), or positions of the
        grid. None if pandas cannot name the frequency again.
    """
    offset: Any = to_offset(freq)
    day, kind, n = PER_DAY[unit], type(offset).__name__, int(getattr(offset, "n", 0))
    if n < 1:
        return None
    if kind in ("Day", "Week"):
        return "wall", None, day * n * (7 if kind == "Week" else 1)
    if isinstance(offset, pd.offsets.Tick):
        span = int(pd.Timedelta(offset).as_unit("ns").value) * day
        return None if span % PER_DAY["ns"] else ("ticks", None, span // PER_DAY["ns"])
    days, time = divmod(origin, day)
    if kind in _MONTHS:
        rule, months = _MONTHS[kind]
        return "grid", Months(unit, _month(days), rule, time), n * months
    if kind == "BusinessDay" and offset.offset == pd.Timedelta(0):
        return "grid", Business(unit, days, time), n
    if kind == "CustomBusinessDay" and offset.offset == pd.Timedelta(0):
        holidays = tuple(str(np.datetime64(holiday, "D")) for holiday in offset.holidays)
        return "grid", Business(unit, days, time, str(offset.weekmask), holidays), n
    try:
        if to_offset(offset.freqstr) != offset:
            return None
    except ValueError:
        return None
    return "grid", Listed(unit, origin, str(offset.freqstr)), 1


def _month(day: int) -> int:
    return int(np.array([day]).view("M8[D]").astype("M8[M]").view(np.int64)[0])


def months_of(local: Ints, unit: str) -> Months | None:
    """Return the monthly grid that all moments (at one time of day) lie on, if there is one."""
    days, time = np.divmod(local, PER_DAY[unit])
    if np.ptp(time):
        return None
    for rule in ("start", "end", "bstart", "bend"):
        grid = Months(unit, _month(int(days.min())), rule, int(time[0]))
        if (grid.ticks(grid.positions(local)) == local).all():
            return grid
    return None


def business_of(local: Ints, unit: str) -> Business | None:
    """Return the grid of business days that all moments (at one time of day) lie on, if there is one."""
    days, time = np.divmod(local, PER_DAY[unit])
    if np.ptp(time) or not np.is_busday(days.view("M8[D]")).all():
        return None
    return Business(unit, int(days.min()), int(time[0]))


COMMON = 0.25
ENOUGH = 10
LONGEST = 100_000
MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_PREFIX = {"start": ("", "S"), "end": ("", "E"), "bstart": ("B", "S"), "bend": ("B", "E")}


@dataclass(frozen=True)
class Rhythm:
    """Steps of `unit` elapsed ticks, ticks of the wall clock, or positions of a calendar grid; `freq` is its name."""

    space: Space
    grid: Grid | None
    unit: int
    freq: str | None = None


def positions(stamps: Stamps, space: Space, grid: Grid | None, ticks: Ints) -> Ints:
    """Return where ticks lie, in the units of the space."""
    if space == "ticks":
        return ticks
    wall = stamps.local(ticks)
    return wall if grid is None else grid.positions(wall)


def ticks_at(stamps: Stamps, space: Space, grid: Grid | None, places: Ints) -> Ints:
    """Return the ticks at `positions`."""
    if space == "ticks":
        return places
    return stamps.universal(places if grid is None else grid.ticks(places))


def fits(stamps: Stamps, space: Space, grid: Grid | None, ticks: Ints) -> bool:
    """Return whether all ticks lie on the grid exactly."""
    return bool((ticks_at(stamps, space, grid, positions(stamps, space, grid, ticks)) == ticks).all())


def gcd(steps: Ints) -> int:
    """Return the largest number that divides all steps, 0 if there is none but 0."""
    return int(np.gcd.reduce(steps)) if len(steps) else 0


def declared(stamps: Stamps, ticks: Ints, freq: Any) -> Rhythm | None:
    """Return the rhythm of an index that carries its frequency; None where that cannot be named or does not fit."""
    unit: Any = stamps.unit
    if stamps.kind == "timedelta":
        span = int(pd.Timedelta(to_offset(freq)) // pd.Timedelta(1, unit))
        return Rhythm("ticks", None, span, str(freq.freqstr))
    found = grid_of(freq, int(stamps.local(ticks[:1])[0]), unit)
    if found is None or not fits(stamps, *found[:2], ticks):
        return None
    if not (np.diff(positions(stamps, *found[:2], ticks)) == found[2]).all():
        return None
    return Rhythm(*found, str(freq.freqstr))


def find(stamps: Stamps, ticks: Ints, within: NDArray[np.bool_]) -> Rhythm:
    """Return the rhythm of stamps in sequence and time order.

    Parameters
    ----------
    ticks : int64 array of shape (rows,)
    within : bool array of shape (rows,)
        Whether a row follows the row before it.
    """
    steps = np.diff(ticks)[within[1:]]
    if stamps.kind != "datetime":
        size = gcd(steps) or (PER_DAY[stamps.unit] if stamps.unit else stamps.scale)
        return Rhythm("ticks", None, size, _span(size, stamps.unit) if stamps.unit and _common(steps, size) else None)
    unit, day = str(stamps.unit), PER_DAY[str(stamps.unit)]
    if not len(steps):
        return Rhythm("wall" if fits(stamps, "wall", None, ticks) else "ticks", None, day, "D")
    wall = stamps.local(ticks)
    days = np.diff(wall)[within[1:]]
    if (days % day == 0).all() and fits(stamps, "wall", None, ticks):
        return _calendar(stamps, ticks, wall, days, within)
    step = gcd(steps) or 1
    if (steps == step).all():
        return Rhythm("ticks", None, step, _span(step, unit))
    return _inferred(stamps, ticks, wall, within) or Rhythm(
        "ticks", None, step, _span(step, unit) if _common(steps, step) else None
    )


def _calendar(stamps: Stamps, ticks: Ints, wall: Ints, days: Ints, within: NDArray[np.bool_]) -> Rhythm:
    """Return the rhythm of stamps whose distances are whole days on the wall."""
    unit, day = str(stamps.unit), PER_DAY[str(stamps.unit)]
    months = months_of(wall, unit) if days.min() >= 28 * day else None
    if months is not None and fits(stamps, "grid", months, ticks):
        step = gcd(np.diff(months.positions(wall))[within[1:]]) or 1
        return Rhythm("grid", months, step, _month_name(months.rule, step, (months.month + _first(months, wall)) % 12))
    step = gcd(days) or day
    even = bool((days == step).all())
    if not even:
        other = _inferred(stamps, ticks, wall, within)
        if other is not None:
            return other
    business = business_of(wall, unit) if step == day and len(ticks) >= ENOUGH and not even else None
    if business is not None and fits(stamps, "grid", business, ticks):
        gaps = np.diff(business.positions(wall))[within[1:]]
        if _common(gaps, gcd(gaps)):
            return Rhythm("grid", business, gcd(gaps), "B" if gcd(gaps) == 1 else f"{gcd(gaps)}B")
    name = _day_name(step // day, wall, day) if _common(days, step) else None
    return Rhythm("wall", None, step, name)


def _first(months: Any, wall: Ints) -> int:
    return int(months.positions(wall[:1])[0])


def _inferred(stamps: Stamps, ticks: Ints, wall: Ints, within: NDArray[np.bool_]) -> Rhythm | None:
    """Return the rhythm that pandas finds in the longest sequence, if all stamps have it without a gap."""
    edges = np.flatnonzero(np.append(~within, True))
    longest = int(np.diff(edges).argmax())
    piece = wall[edges[longest] : min(edges[longest + 1], edges[longest] + LONGEST)]
    if len(piece) < 4:
        return None
    seen: pd.DatetimeIndex = pd.DatetimeIndex(piece.view(f"M8[{stamps.unit}]"))
    name = pd.DatetimeIndex(seen, freq="infer").freqstr
    guesses = ["SMS-15", "SME-15"] if len(seen.day.unique()) <= 5 else []
    if len(seen.day_of_week.unique()) == 1:
        guesses.append(f"LWOM-{seen.day_name()[0][:3].upper()}")
    guesses += [] if name is None else [name]
    for freq in guesses:
        found = grid_of(freq, int(wall[0]), str(stamps.unit))
        if found is None or found[0] != "grid" or not fits(stamps, *found[:2], ticks):
            continue
        if (np.diff(positions(stamps, *found[:2], ticks))[within[1:]] == found[2]).all():
            return Rhythm(*found, freq)
    return None


def _common(steps: Ints, unit: int) -> bool:
    """Return whether a frequency may be named: at least a quarter of the steps are one unit."""
    return not len(steps) or float(np.mean(steps == unit)) >= COMMON


def _span(step: int, unit: Any) -> str:
    return str(to_offset(pd.Timedelta(step, unit)).freqstr)


def _day_name(days: int, wall: Ints, day: int) -> str:
    weeks, rest = divmod(days, 7)
    if rest:
        return "D" if days == 1 else f"{days}D"
    weekday = pd.DatetimeIndex((wall[:1] // day).view("M8[D]")).day_name()[0][:3].upper()
    return f"{'' if weeks == 1 else weeks}W-{weekday}"


def _month_name(rule: str, step: int, month: int) -> str:
    before, after = _PREFIX[rule]
    for length, letter in ((12, "Y"), (3, "Q")):
        if step % length == 0:
            many = "" if step == length else str(step // length)
            return f"{many}{before}{letter}{after}-{MONTH_NAMES[month]}"
    return f"{'' if step == 1 else step}{before}M{after}"
