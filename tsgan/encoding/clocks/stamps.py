"""Time stamps as integers, and back in exactly the form in which they came.

A stamp becomes a *tick*: the integer behind a datetime, a duration or a period, or the number itself. Decimal fractions
are counted in their last digit (0.25 is 25 hundredths), so that sums of steps are exact; only numbers that are no short
decimals stay floating.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ...bundle import saved
from ...errors import SchemaError
from ...tables.dtypes import INT64_MAX, PER_SECOND, Token, datetimes, dump, load, periods, plain, ticks
from ...tables.text import Text, read_text

Ticks = NDArray[np.int64] | NDArray[np.float64]
Kind = Literal["number", "datetime", "timedelta", "period"]
PER_DAY = {unit: 86_400 * ticks for unit, ticks in PER_SECOND.items()}
MAX_DECIMALS = 9  # of numbers that are counted in their last digit
CALENDAR = np.array(["0001-01-01", "9999-12-31T23:59:59"], dtype="M8[s]").astype(np.int64)  # what text can hold


@saved
@dataclass(frozen=True)
class Stamps:
    """The form of time stamps."""

    kind: Kind
    dtype: Token  # of the stamps as they came (also for text)
    unit: str | None = None  # of datetimes and durations
    zone: str | None = None  # of datetimes
    period: str | None = None  # frequency of periods
    scale: int = 1  # ticks per 1 for numbers; 0 for numbers that stay floating
    objects: str | None = None  # in an object column: "date", "datetime", "timestamp", "timedelta" or "period"
    text: Text | None = None  # how stamps given as text are written

    @classmethod
    def read(cls, stamps: pd.Index[Any], name: Hashable) -> tuple[Stamps, Ticks]:
        """Return the form of the stamps and their ticks.

        SchemaError, naming the column, if the stamps are neither datetimes, durations, periods, numbers nor text that
        is a date; if they have several time zones, are written in several ways, or are too large for 64 bits.
        """
        parsed, text = _parse(stamps, name)
        dtype = dump(stamps.dtype)
        objects = None
        if stamps.dtype == object and text is None:
            inferred = types.infer_dtype(stamps, skipna=False)
            exact = inferred == "datetime" and all(type(v) is not pd.Timestamp for v in stamps[:1000])
            objects = {"datetime": "datetime" if exact else "timestamp", "datetime64": "timestamp"}.get(
                inferred, "timedelta" if inferred.startswith("timedelta") else inferred
            )
        if isinstance(parsed, pd.PeriodIndex):
            return cls("period", dtype, period=str(parsed.freqstr), objects=objects), ticks(parsed)
        if isinstance(parsed, pd.DatetimeIndex):
            zone = None if parsed.tz is None else _zone(parsed, name)
            return cls("datetime", dtype, str(parsed.unit), zone, objects=objects, text=text), ticks(parsed)
        if isinstance(parsed, pd.TimedeltaIndex):
            return cls("timedelta", dtype, str(parsed.unit), objects=objects), ticks(parsed)
        if types.is_integer_dtype(parsed.dtype):
            if int(parsed.max()) > INT64_MAX:
                raise SchemaError(
                    f"the time {name!r} holds {parsed.max()}, beyond 64-bit integers; count from a later 0"
                )
            return cls("number", dtype), parsed.to_numpy(dtype=np.int64)
        digits = _decimals(parsed)
        floats = parsed.to_numpy(dtype=np.float64)
        if digits is None:
            return cls("number", dtype, scale=0), floats
        return cls("number", dtype, scale=10**digits), np.round(floats * 10**digits).astype(np.int64)

    @property
    def whole(self) -> bool:
        """Whether ticks are integers."""
        return self.scale > 0

    @property
    def kept_as(self) -> Any:
        """The type of ticks."""
        return np.int64 if self.whole else np.float64

    def check(self, low: float, high: float) -> None:
        """Raise an OverflowError if ticks from `low` to `high` cannot be written."""
        least, most = -float(INT64_MAX), float(INT64_MAX)
        if self.kind == "datetime" and (self.text is not None or self.objects is not None):
            least, most = (float(end) * PER_SECOND[str(self.unit)] for end in CALENDAR)
        elif self.kind == "number":
            of = _plain(load(self.dtype))
            most = float(np.iinfo(of).max) if of.kind in "iu" else float(np.finfo(of).max) * max(self.scale, 1)
            least = float(np.iinfo(of).min) if of.kind in "iu" else -most
            if self.whole:
                least, most = max(least, -float(INT64_MAX)), min(most, float(INT64_MAX))
        if not (low >= least and high <= most):
            raise OverflowError(f"from {low:g} to {high:g} ticks, of at most {most:g}")

    def moments(self, ticks: Ticks) -> pd.DatetimeIndex | None:
        """Return wall-clock moments (without zone), or None where stamps have no dates."""
        made = self._made(ticks) if self.kind in ("datetime", "period") else None
        if isinstance(made, pd.PeriodIndex):
            return made.to_timestamp()
        return made if made is None else pd.DatetimeIndex(made).tz_localize(None)

    def local(self, ticks: Ticks) -> NDArray[np.int64]:
        """Return ticks of the wall clock."""
        if self.zone is None:
            return np.asarray(ticks, dtype=np.int64)
        return np.asarray(self._made(ticks).tz_localize(None).asi8)

    def universal(self, local: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the ticks behind those of the wall clock.

        An hour that is skipped when clocks are put forward counts as its end, one that comes twice as the first.
        """
        if self.zone is None:
            return local
        first = np.ones(len(local), dtype=bool)
        wall = datetimes(local, self.unit)
        return np.asarray(wall.tz_localize(self.zone, nonexistent="shift_forward", ambiguous=first).asi8)

    def write(self, ticks: Ticks) -> pd.Index[Any]:
        """Return the stamps of `ticks`; an OverflowError if they cannot be written."""
        dtype: Any = load(self.dtype)
        if len(ticks):
            self.check(float(ticks.min()), float(ticks.max()))
        made: Any = ticks if types.is_integer_dtype(dtype) or self.scale < 2 else ticks / self.scale
        if self.kind != "number":
            made = self._made(ticks)
        if self.text is not None:
            made = self.text.write(made)
        elif self.objects == "date":
            made = made.date
        elif self.objects == "datetime":
            made = made.to_pydatetime()
        elif self.objects == "timedelta":
            made = made.to_pytimedelta()
        elif self.objects is not None:
            made = made.astype(object)
        index: pd.Index[Any] = pd.Index(made, dtype=None if self.kind == "period" and not self.objects else dtype)
        return index

    def _made(self, ticks: Ticks) -> Any:
        """Return the datetimes, durations or periods at ticks."""
        whole = np.asarray(ticks, dtype=np.int64)
        if self.kind == "period":
            return pd.Index(periods(whole, self.period))
        if self.kind == "timedelta":
            return pd.TimedeltaIndex(whole.view(f"m8[{self.unit}]"))
        return datetimes(whole, self.unit, self.zone)

    def tick(self, value: Any) -> int | float:
        """Return the tick of a start that a user gives; a TypeError or ValueError if it is no such stamp."""
        unit: Any = self.unit
        if self.kind == "period":
            return int(pd.Period(value, self.period).ordinal)
        if self.kind == "timedelta":
            return int(pd.TimedeltaIndex([pd.Timedelta(value)]).as_unit(unit).asi8[0])
        if self.kind == "datetime":
            if isinstance(plain(value), int | float):
                raise TypeError("a moment is needed, such as '2024-01-31'")
            found = None if self.text is None or not isinstance(value, str) else self.text.read(value)
            moment = pd.Timestamp(value) if found is None else found
            if pd.isna(moment):
                raise ValueError("it is missing")
            if moment.tz is not None and self.zone is None:
                raise TypeError("they have no time zone")
            if self.zone is not None:
                moment = moment.tz_localize(self.zone) if moment.tz is None else moment.tz_convert(self.zone)
            return int(pd.DatetimeIndex([moment]).as_unit(unit).asi8[0])
        first = plain(value)
        if isinstance(first, bool) or not isinstance(first, int | float) or not np.isfinite(first):
            raise TypeError("a number is needed")
        if types.is_integer_dtype(load(self.dtype)) and first != int(first):
            raise TypeError("a whole number is needed")
        return round(first * self.scale) if self.whole else float(first)


def _parse(stamps: pd.Index[Any], name: Hashable) -> tuple[pd.Index[Any], Text | None]:
    """Return stamps that can be compared and subtracted, and how they were written if they were text."""
    dtype = stamps.dtype
    if isinstance(stamps, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex):
        return stamps, None
    if types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype) and not types.is_complex_dtype(dtype):
        return stamps, None
    inferred = types.infer_dtype(stamps, skipna=False) if len(stamps) else "empty"
    try:
        if inferred in ("date", "datetime", "datetime64"):
            return pd.DatetimeIndex(stamps), None
        if inferred in ("timedelta", "timedelta64"):
            return pd.TimedeltaIndex(stamps), None
        if inferred == "period":
            return pd.Index(pd.PeriodIndex(stamps)), None
    except (ValueError, TypeError) as error:
        raise SchemaError(
            f"the time {name!r} mixes time zones, or stamps with and without one ({error}); bring it to one by "
            "pd.to_datetime(..., utc=True)"
        ) from error
    if inferred == "string" and not isinstance(dtype, pd.CategoricalDtype):
        found = read_text(stamps, name)
        if found is not None:
            return found
    shown = f" such as {stamps[0]!r}" if len(stamps) else ""
    raise SchemaError(
        f"the time {name!r} holds {dtype} values{shown}, which are no time stamps; "
        "use datetimes (pd.to_datetime), periods or numbers"
    )


def _decimals(numbers: pd.Index[Any]) -> int | None:
    """Return how many decimals all numbers have, None if more than 9 or so large that counting them is not exact."""
    given = numbers.to_numpy(dtype=_plain(numbers.dtype))
    floats = given.astype(np.float64)
    for digits in range(MAX_DECIMALS + 1):
        ticks = np.round(floats * 10**digits)
        if np.abs(ticks).max(initial=0) >= 2**53:
            return None
        if bool(((ticks / 10**digits).astype(given.dtype) == given).all()):
            return digits
    return None


def _plain(dtype: Any) -> np.dtype[Any]:
    found: np.dtype[Any] = np.dtype(getattr(dtype, "numpy_dtype", dtype))
    return found


def _zone(parsed: pd.DatetimeIndex, name: Hashable) -> str:
    zone = str(parsed.tz)
    try:
        again = parsed[:1000].tz_convert(zone).tz_localize(None)
        same = bool((again == parsed[:1000].tz_localize(None)).all())
    except (KeyError, ValueError, TypeError, LookupError):
        same = False
    if not same:
        raise SchemaError(
            f"the time {name!r} has the time zone {zone!r}, which cannot be found by that name; name it by "
            ".dt.tz_convert('Europe/Berlin')"
        )
    return zone
