"""What a moment computes: the parts of its date, their names, dates and periods that hold it, and what repeats by them.

A part is a number of the date (`NUMBERS`) plus a constant, a text of such numbers and names, the start or end of the
hour, day or month, a period, or whatever else has one value for each hour, weekday, month .. (a lookup, of which every
key must have been seen). The moment may be shifted first by a constant number of months (fiscal years) or hours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ...arrays import Ints
from ...bundle import saved
from ...tables.dtypes import plain, temporal

SAMPLE = 64  # rows by which nearly all that does not fit is left out
MAX_PAIRS = 200  # keys of a lookup
DAY = 86_400
MONTH_SHIFTS = tuple(range(1, 12)) + tuple(range(-11, 0))
HOUR_SHIFTS = tuple(range(1, 24)) + tuple(range(-23, 0))

NUMBERS: dict[str, Callable[[pd.DatetimeIndex], Any]] = {
    "year": lambda w: w.year,
    "month": lambda w: w.month,
    "day": lambda w: w.day,
    "hour": lambda w: w.hour,
    "minute": lambda w: w.minute,
    "second": lambda w: w.second,
    "microsecond": lambda w: w.microsecond,
    "quarter": lambda w: w.quarter,
    "day of week": lambda w: w.day_of_week,
    "day of year": lambda w: w.day_of_year,
    "days in month": lambda w: w.days_in_month,
    "ISO week": lambda w: w.isocalendar()["week"].to_numpy(),
    "ISO year": lambda w: w.isocalendar()["year"].to_numpy(),
    "half of year": lambda w: (w.month + 5) // 6,
    "week of month": lambda w: (w.day + 6) // 7,
    "is weekend": lambda w: w.day_of_week >= 5,
    "is month start": lambda w: w.is_month_start,
    "is month end": lambda w: w.is_month_end,
    "is quarter start": lambda w: w.is_quarter_start,
    "is quarter end": lambda w: w.is_quarter_end,
    "is year start": lambda w: w.is_year_start,
    "is year end": lambda w: w.is_year_end,
    "is leap year": lambda w: w.is_leap_year,
    "year and month": lambda w: w.year * 100 + w.month,
    "year, month and day": lambda w: w.year * 10_000 + w.month * 100 + w.day,
    "hour and minute": lambda w: w.hour * 100 + w.minute,
    "hour of 12": lambda w: (w.hour + 11) % 12 + 1,
    "hour of week": lambda w: w.day_of_week * 24 + w.hour,
    "minute of day": lambda w: w.hour * 60 + w.minute,
    "second of day": lambda w: w.hour * 3600 + w.minute * 60 + w.second,
    "months": lambda w: w.year * 12 + w.month,
    "weeks": lambda w: (_seconds(w) // DAY + 3) // 7,
    "days": lambda w: _seconds(w) // DAY,
    "hours": lambda w: _seconds(w) // 3600,
    "minutes": lambda w: _seconds(w) // 60,
    "seconds": lambda w: _seconds(w),
    "milliseconds": lambda w: w.as_unit("ms").asi8,
    "microseconds": lambda w: w.as_unit("us").asi8,
    "nanoseconds": lambda w: w.as_unit("ns").asi8,
}
NS_YEARS = 1677, 2262  # between which nanoseconds fit 64 bits
# cycles, with how many keys each has
CYCLES = {"day of week": 7, "hour": 24, "month": 12, "quarter": 4, "is weekend": 2, "is month start": 2, "day": 31}
CYCLES |= {"is month end": 2, "is quarter start": 2, "is quarter end": 2, "minute": 60, "second": 60}
CYCLES |= {"hour of week": 168, "minute of day": 1440}
OF_MONTHS = ("year", "quarter", "month", "half of year", "year and month", "months")
OF_HOURS = (
    "hour",
    "day of week",
    "day",
    "month",
    "year",
    "is weekend",
    "day of year",
    "hour of 12",
    "days",
    "ISO week",
)

NAMES: dict[str, Callable[[pd.DatetimeIndex], Any]] = {"A": lambda w: w.day_name(), "B": lambda w: w.month_name()}
DIGITS = {"Y": ("year", "{}"), "y": ("year", "{:02d}"), "q": ("quarter", "{}"), "h": ("half of year", "{}")}
DIGITS |= {"m": ("month", "{:02d}"), "-m": ("month", "{}"), "d": ("day", "{:02d}"), "-d": ("day", "{}")}
DIGITS |= {"H": ("hour", "{:02d}"), "-H": ("hour", "{}"), "M": ("minute", "{:02d}"), "S": ("second", "{:02d}")}
DIGITS |= {"I": ("hour of 12", "{:02d}"), "-I": ("hour of 12", "{}"), "j": ("day of year", "{:03d}")}
DIGITS |= {"-j": ("day of year", "{}"), "V": ("ISO week", "{:02d}"), "-V": ("ISO week", "{}"), "G": ("ISO year", "{}")}
DIGITS |= {"w": ("day of week", "{}"), "Ym": ("year and month", "{}"), "Ymd": ("year, month and day", "{}")}
DIGITS |= {"HM": ("hour and minute", "{:04d}")}
CASES: dict[str, Callable[[str], str]] = {"": str, "upper": str.upper, "lower": str.lower}
TOKEN = re.compile(r"[^\W\d_]+|\d+|[\W_]+")

STEPS = ("s", "min", "5min", "10min", "15min", "30min", "h", "2h", "3h", "4h", "6h", "12h")
Floor = Callable[[pd.DatetimeIndex], Any]


def _floored(step: str, wall: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return wall.floor(step)


FLOORS: dict[str, Floor] = {
    "moment": lambda w: w,
    **{f"start of {many}": partial(_floored, many) for many in STEPS},
    "day": lambda w: w.normalize(),
    "start of week": lambda w: w.normalize() - pd.to_timedelta(w.day_of_week, unit="D"),
    "start of month": lambda w: w.to_period("M").to_timestamp(),
    "start of quarter": lambda w: w.to_period("Q").to_timestamp(),
    "start of year": lambda w: w.to_period("Y").to_timestamp(),
    "end of month": lambda w: (w.to_period("M") + 1).to_timestamp(),
    "end of quarter": lambda w: (w.to_period("Q") + 1).to_timestamp(),
    "end of year": lambda w: (w.to_period("Y") + 1).to_timestamp(),
}


@saved
@dataclass(frozen=True)
class Part:
    """How a column is computed of moments.

    Attributes
    ----------
    name : str
        Of `NUMBERS` or `FLOORS`; of a text its tokens, "=" before what always stands there.
    plus : int
        A constant that is added: to numbers and periods 1s, to moments microseconds.
    months, hours : int
        By which moments are shifted first.
    pairs : list of [number, own value] or None
        Of a lookup.
    """

    kind: Literal["number", "text", "moment", "period", "lookup"]
    name: str | tuple[str, ...] = ""
    plus: int = 0
    months: int = 0
    hours: int = 0
    pairs: list[list[Any]] | None = None

    def describe(self, source: str) -> str:
        """Return what it is in a few words."""
        what = str(self.name)
        if self.kind == "text":
            what = "text of " + "".join(one[1:] if one[0] == "=" else f"%{one}" for one in self.name)
        elif self.kind == "lookup":
            what = f"one value for each {self.name}"
        elif self.kind == "period":
            what = "period"
        shift = [f"{count:+d} {unit}" for count, unit in ((self.months, "months"), (self.hours, "hours")) if count]
        plus = f" {self.plus:+d}{' us' if self.kind == 'moment' else ''}" if self.plus else ""
        return f"computed from {source}{' shifted by ' if shift else ''}{', '.join(shift)}: {what}{plus}"

    def compute(self, moments: pd.DatetimeIndex, dtype: Any) -> pd.Series[Any]:
        """Return the column, missing where a moment is."""
        gone = np.asarray(moments.isna())
        there = moments[~gone] if gone.any() else moments
        made = self._of(self.shifted(there.tz_localize(None)), there, dtype)
        if gone.any():
            place = np.where(gone, -1, np.cumsum(~gone) - 1)
            made = pd.Series(pd.Series(made).array.take(place, allow_fill=True) if len(there) else [pd.NA] * len(gone))
        return cast(pd.Series(made).reset_index(drop=True), dtype)

    def shifted(self, wall: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return moments shifted."""
        if self.months:
            wall = pd.DatetimeIndex(wall.to_period("M").to_timestamp() + pd.DateOffset(months=self.months))
        return wall + pd.Timedelta(self.hours, "h") if self.hours else wall

    def _of(self, wall: pd.DatetimeIndex, there: pd.DatetimeIndex, dtype: Any) -> Any:
        if self.kind == "text":
            return written(self.name, wall)
        if self.kind == "moment":
            return self._moment(wall, there, dtype)
        if self.kind == "period":
            return wall.to_period(dtype.freq) + self.plus
        numbers = number(str(self.name), wall)
        if self.pairs is None:
            return numbers + self.plus
        keys = np.array([key for key, _ in self.pairs])
        values = pd.Series([value for _, value in self.pairs])
        found = np.searchsorted(keys, numbers).clip(max=len(keys) - 1)
        return values.take(found).reset_index(drop=True).where(keys[found] == numbers)

    def _moment(self, wall: pd.DatetimeIndex, there: pd.DatetimeIndex, dtype: Any) -> Any:
        made = pd.DatetimeIndex(FLOORS[str(self.name)](wall.as_unit("us"))) + pd.Timedelta(self.plus, "us")
        zone = getattr(temporal(pd.Series([], dtype=dtype)).dtype, "tz", None)
        if zone is None:
            return made
        if there.tz is not None and str(there.tz) == str(zone) and str(self.name) in SHORT:
            return there.as_unit("us") + (made - there.tz_localize(None))  # an hour that comes twice stays itself
        first = np.ones(len(made), dtype=bool)
        return made.tz_localize(zone, nonexistent="shift_forward", ambiguous=first)


SHORT = {name for name in FLOORS if name == "moment" or name[-1] in "sn" or name.endswith("h")}


def _seconds(wall: pd.DatetimeIndex) -> Ints:
    return np.asarray(wall.as_unit("s").asi8)


def number(name: str, wall: pd.DatetimeIndex) -> Ints:
    """Return a number of each moment."""
    return np.asarray(NUMBERS[name](wall)).astype(np.int64)


def written(tokens: Any, wall: pd.DatetimeIndex) -> NDArray[np.object_]:
    """Return moments as text."""
    made = np.full(len(wall), "", dtype=object)
    for token in tokens:
        made = made + (token[1:] if token[0] == "=" else _written(token, wall))
    return made


def _written(token: str, wall: pd.DatetimeIndex) -> NDArray[np.object_]:
    """Return one part of each moment as text."""
    word, _, case = token.partition("|")
    if word in ("A", "a", "B", "b"):
        codes, levels = pd.factorize(NAMES[word.upper()](wall))
        texts = [CASES[case](name if word.isupper() else name[:3]) for name in levels]
    elif word == "p":
        codes, texts = np.asarray(wall.hour >= 12).astype(np.int64), [CASES[case](one) for one in ("AM", "PM")]
    else:
        name, form = DIGITS[word]
        numbers = number(name, wall) % (100 if word == "y" else 10**9)
        codes, levels = pd.factorize(numbers)
        texts = [form.format(int(level)) for level in levels]
    return np.array(texts, dtype=object)[codes] if len(codes) else np.empty(0, dtype=object)


WORDS = tuple(f"{word}|{case}" if case else word for word in ("A", "a", "B", "b", "p") for case in CASES)


def cast(made: pd.Series[Any], dtype: Any) -> pd.Series[Any]:
    """Return values in a column's dtype; a category gets the levels that it lacks."""
    if isinstance(dtype, pd.CategoricalDtype):
        values = cast(made, dtype.categories.dtype)
        new = pd.Index(values.dropna().unique()).difference(dtype.categories)
        return values.astype(pd.CategoricalDtype(dtype.categories.append(new), ordered=dtype.ordered))
    if str(dtype) == "object" and types.is_datetime64_any_dtype(made.dtype):
        return pd.Series(made.dt.date, dtype=object)
    if types.is_bool_dtype(dtype) and types.is_integer_dtype(made.dtype):
        return made.astype("boolean").astype(dtype) if made.hasnans else made.astype(bool).astype(dtype)
    return made.astype(dtype)


def moments_of(values: Any) -> pd.DatetimeIndex | None:
    """Return what datetimes, dates and periods show; None for anything else."""
    found = temporal(pd.Series(values))
    if isinstance(found.dtype, pd.PeriodDtype):
        return pd.DatetimeIndex(found.dt.to_timestamp())
    if found.dtype == object and types.infer_dtype(found, skipna=True) in ("date", "datetime", "datetime64"):
        try:
            return pd.DatetimeIndex(pd.to_datetime(found))
        except (ValueError, TypeError, OverflowError):
            return None
    return pd.DatetimeIndex(found) if types.is_datetime64_any_dtype(found.dtype) else None


def numbers_of(series: pd.Series[Any]) -> Ints | None:
    """Return a column of whole numbers or truth values without gaps as integers; None for any other."""
    dtype: Any = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        series, dtype = series.astype(dtype.categories.dtype), dtype.categories.dtype
    if types.is_bool_dtype(dtype) or types.is_integer_dtype(dtype):
        return np.asarray(series.astype("int64"))
    if not types.is_float_dtype(dtype):
        return None
    x = series.to_numpy(dtype=np.float64)
    return x.astype(np.int64) if bool((np.abs(x) < 2**53).all() and (x == np.round(x)).all()) else None


class Computed:
    """What moments compute, tried one after another: plain parts first, then shifted ones, then lookups."""

    def __init__(self, moments: pd.DatetimeIndex) -> None:
        self.moments = moments
        self.gone = np.asarray(moments.isna())
        self.there = np.flatnonzero(~self.gone)
        last = max(len(self.there) - 1, 0)
        self.some = self.there[np.unique(np.linspace(0, last, SAMPLE).astype(np.intp))[: len(self.there)]]
        self.wall = moments[self.some].tz_localize(None)

    @cached_property
    def numbers(self) -> tuple[list[Part], NDArray[np.int64]]:
        """Numbers, shifted and not, and their values in the sample, `(parts, sample)`."""
        near = bool(((self.wall.year > NS_YEARS[0]) & (self.wall.year < NS_YEARS[1])).all())
        parts = [Part("number", name) for name in NUMBERS if near or name != "nanoseconds"]
        parts += [Part("number", name, months=count) for count in MONTH_SHIFTS for name in OF_MONTHS]
        parts += [Part("number", name, hours=count) for count in HOUR_SHIFTS for name in OF_HOURS]
        found, walls = [], dict[tuple[int, int], pd.DatetimeIndex]()
        for part in parts:
            key = part.months, part.hours
            walls.setdefault(key, part.shifted(self.wall))
            found.append(number(str(part.name), walls[key]))
        return parts, np.stack(found)

    def tries(self, series: pd.Series[Any]) -> Iterator[Part]:
        """Yield the parts that a column may be, by the rows of the sample."""
        if not len(self.some):
            return
        dtype: Any = series.dtype
        sample = series.iloc[self.some]
        if bool(sample.isna().any()):
            return
        if isinstance(dtype, pd.PeriodDtype):
            freq: Any = dtype.freq
            steps = np.asarray(pd.PeriodIndex(sample).asi8) - np.asarray(self.wall.to_period(freq).asi8)
            yield Part("period", plus=int(steps[0]))
        own = moments_of(sample)
        if own is not None and not isinstance(dtype, pd.PeriodDtype):
            yield from self._floors(own.tz_localize(None))
            return
        levels = dtype.categories if isinstance(dtype, pd.CategoricalDtype) else sample
        if types.infer_dtype(levels, skipna=True) == "string":
            yield from self._texts(sample.astype(object).to_numpy())
        x = numbers_of(sample)
        if x is not None:
            parts, values = self.numbers
            steps = x - values
            fits = np.flatnonzero((steps == steps[:, :1]).all(axis=1))
            for i in sorted(fits, key=lambda i: (steps[i, 0] != 0, i)):
                yield replace(parts[i], plus=int(steps[i, 0]))
        yield from self._lookups(series)

    def _floors(self, own: pd.DatetimeIndex) -> Iterator[Part]:
        for part in [Part("moment", name) for name in FLOORS] + [
            Part("moment", name, hours=count) for count in HOUR_SHIFTS for name in ("day", "start of month")
        ]:
            made = pd.DatetimeIndex(FLOORS[str(part.name)](part.shifted(self.wall)))
            steps = own.as_unit("us").asi8 - made.as_unit("us").asi8
            if (steps == steps[0]).all():
                yield replace(part, plus=int(steps[0]))

    def _texts(self, texts: NDArray[np.object_]) -> Iterator[Part]:
        split = [TOKEN.findall(text) for text in texts]
        if len({len(one) for one in split}) != 1 or not split[0]:
            return
        columns = [np.array(one, dtype=object) for one in zip(*split, strict=True)]
        shifts = [Part("text"), *(Part("text", months=count) for count in MONTH_SHIFTS)]
        for part in [*shifts, *(Part("text", hours=count) for count in HOUR_SHIFTS)]:
            wall, tokens = part.shifted(self.wall), []
            for column in columns:
                known: str | None
                if (column == column[0]).all():
                    known = _constant(column[0], wall)
                else:
                    options = DIGITS if column[0].isdigit() else WORDS
                    known = next((one for one in options if (_written(one, wall) == column).all()), None)
                if known is None:
                    break
                tokens.append(known)
            if len(tokens) == len(columns) and any(one[0] != "=" for one in tokens):
                yield replace(part, name=tuple(tokens))
                if "Y" in tokens:  # the year of the ISO week differs on few days
                    yield replace(part, name=tuple("G" if one == "Y" else one for one in tokens))

    def _lookups(self, series: pd.Series[Any]) -> Iterator[Part]:
        there = series.iloc[self.there]
        codes, levels = pd.factorize(there)
        wall = self.moments[self.there].tz_localize(None)
        if len(levels) > MAX_PAIRS or len(levels) < 2 or (codes < 0).any():
            return
        for name, count in CYCLES.items():
            keys = number(name, wall)
            known, first = np.unique(keys, return_index=True)
            if name == "minute of day":
                count //= int(np.gcd.reduce(keys) or count)
            if len(known) == count <= MAX_PAIRS and bool((codes[first[np.searchsorted(known, keys)]] == codes).all()):
                yield Part(
                    "lookup", name, pairs=[[int(k), plain(levels[codes[i]])] for k, i in zip(known, first, strict=True)]
                )


def _constant(text: str, wall: pd.DatetimeIndex) -> str:
    """Return the token of what never changes in the sample: a year that is the same in all of it is one still."""
    for token in ("Y", "G", "Ym", "Ymd") if text.isdigit() and len(text) >= 4 else ():
        if (_written(token, wall) == text).all():
            return token
    return "m" if len(text) == 2 and text.isdigit() and (_written("m", wall) == text).all() else f"={text}"


def bits_of(levels: pd.Series[Any], part: Part) -> float:
    """Return how many bits of a column's values are foretold: by the length of each in a code for whole numbers."""
    if part.kind == "lookup":
        return 0.0
    if part.kind in ("moment", "period"):
        return 20.0 * (len(levels) - (part.plus != 0))
    if part.kind == "text":
        return 3.0 * float(levels.astype(str).str.len().sum())
    x = numbers_of(levels)
    if x is None:
        return 0.0
    size = np.abs(x - x[0] if part.plus else x).astype(np.float64)
    return float((2 * np.floor(np.log2(np.maximum(size, 1))) + 1).sum())
