"""Calendar grids: the moments that a frequency names which is no fixed span of time.

Every grid maps ticks of the wall clock to *positions*, whole numbers counted from its first moment, and back. Months
and business days are computed without a loop; only rare frequencies are listed by pandas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.frequencies import to_offset

from .stamps import PER_DAY

Ints = NDArray[np.int64]
Space = Literal["ticks", "wall", "grid"]
Rule = Literal["start", "end", "bstart", "bend"]
WEEK = "Mon Tue Wed Thu Fri"
MOST = 10_000_000
_MONTHS: dict[str, tuple[Rule, int]] = {
    f"{business}{length}{end}": ("b" * (business != "") + ("start" if end == "Begin" else "end"), months)  # type: ignore[misc]
    for business in ("", "Business", "B")
    for length, months in (("Month", 1), ("Quarter", 3), ("Year", 12))
    for end in ("Begin", "End")
}


class Grid(Protocol):
    """What every grid can do."""

    def positions(self, ticks: Ints) -> Ints:
        """Return the position of the last moment of the grid that is not after each tick."""

    def ticks(self, positions: Ints) -> Ints:
        """Return the ticks at positions."""

    def to_dict(self) -> dict[str, Any]:
        """Return the grid as JSON-ready values."""


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

    def to_dict(self) -> dict[str, Any]:
        """Return the grid as JSON-ready values."""
        return {"grid": "months", **asdict(self)}


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

    def to_dict(self) -> dict[str, Any]:
        """Return the grid as JSON-ready values."""
        return {"grid": "business", **asdict(self), "holidays": list(self.holidays)}


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

    def to_dict(self) -> dict[str, Any]:
        """Return the grid as JSON-ready values."""
        return {"grid": "listed", **asdict(self)}


def grid_from_dict(data: Mapping[str, Any]) -> Grid:
    """Rebuild a grid from its `to_dict`."""
    kind, rest = data["grid"], {key: value for key, value in data.items() if key != "grid"}
    if kind == "business":
        rest["holidays"] = tuple(rest["holidays"])
    made: Grid = {"months": Months, "business": Business, "listed": Listed}[kind](**rest)
    return made


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
