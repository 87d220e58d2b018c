"""The clock: what is learned about time stamps, and regular new ones.

A stamp is turned into a *tick*: the integer behind a datetime or a period, or the number itself. Where there are no
stamps, rows are simply counted.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from pandas.tseries.api import guess_datetime_format

from ..errors import ParameterError, SchemaError
from ..panel import Ints
from .dtypes import Token, dump, label, load, plain

Ticks = NDArray[np.int64] | NDArray[np.float64]
PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


@dataclass(frozen=True)
class Clock:
    """What is known about the time stamps of a table.

    Attributes
    ----------
    kind : {"rows", "number", "datetime", "period"}
        "rows": there are no stamps.
    dtype : str or dict
        Of the stamps as they came (also for text).
    start : int or float
        Tick of the earliest sequence start.
    step : int or float
        Median distance of successive ticks, used where there is no `freq`.
    freq : str or None
        A pandas frequency.
    unit, zone : str or None
        Of datetimes.
    regular : bool
        Whether all distances are alike, or all stamps lie on `freq` without a gap.
    form : str or None
        How stamps given as text are written.
    declared : bool
        Whether the index carried its frequency, so that the new one does too.
    """

    kind: Literal["rows", "number", "datetime", "period"]
    dtype: Token = "int64"
    start: int | float = 0
    step: int | float = 1
    freq: str | None = None
    unit: str | None = None
    zone: str | None = None
    regular: bool = True
    form: str | None = None
    declared: bool = False

    @classmethod
    def rows(cls, index: pd.Index[Any]) -> Clock:
        """Return the clock that counts rows, as `index` does if that is a range."""
        return cls("rows", start=index.start, step=index.step) if isinstance(index, pd.RangeIndex) else cls("rows")

    @classmethod
    def fit(cls, stamps: pd.Index[Any], lengths: Ints, name: Hashable) -> Clock:
        """Learn from stamps in sequence and time order.

        Parameters
        ----------
        stamps : Index of length `lengths.sum()`
            As `parse` accepts them.
        lengths : int64 array of shape (sequences,)
        name : str or int
            Of the column or index level, for messages.
        """
        parsed, form = parse(stamps, name)
        ticks = to_ticks(parsed)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        within = np.ones(len(ticks), dtype=bool)
        within[offsets[:-1]] = False
        steps = np.diff(ticks)[within[1:]]
        even = bool(len(steps) == 0 or np.ptp(steps) <= 1e-9 * np.abs(steps).max())
        start, dtype = plain(ticks[offsets[:-1]].min()), dump(stamps.dtype)
        if isinstance(parsed, pd.PeriodIndex):
            return cls("period", dtype, start, _median(steps, 1), freq=str(parsed.freqstr), regular=even)
        if not isinstance(parsed, pd.DatetimeIndex):
            return cls("number", dtype, start, _median(steps, 1), regular=even)
        declared = isinstance(stamps, pd.DatetimeIndex) and stamps.freq is not None
        longest = int(lengths.argmax())
        piece = parsed[offsets[longest] : offsets[longest + 1]]
        freq, regular = (parsed.freqstr, True) if declared else infer_frequency(piece)
        return cls(
            "datetime",
            dtype,
            start,
            _median(steps, PER_DAY[parsed.unit]),
            freq=freq,
            unit=parsed.unit,
            zone=None if parsed.tz is None else str(parsed.tz),
            regular=regular or even,
            form=form,
            declared=declared,
        )

    def make(self, steps: int, start: Any = None) -> pd.Index[Any]:
        """Return `steps` regular increasing stamps from `start` on (default: the first observed start).

        Raises
        ------
        ParameterError
            If `start` is no such stamp, or the stamps would pass the last moment that can be written.
        """
        try:
            if self.kind == "datetime":
                return self._datetimes(steps, start)
            if self.kind == "period":
                first = pd.Period(start, self.freq).ordinal if start is not None else self.start
                ordinals = first + int(self.step) * np.arange(steps)
                return pd.Index(pd.PeriodIndex.from_ordinals(ordinals, freq=self.freq))  # type: ignore[attr-defined]
            return self._numbers(steps, start)
        except (OverflowError, pd.errors.OutOfBoundsDatetime) as error:
            raise ParameterError(
                f"{steps} steps from {'the first observed start' if start is None else repr(start)} on go beyond what "
                f"{label(self.dtype)} can hold ({error}); choose an earlier start or fewer steps"
            ) from error
        except (TypeError, ValueError) as error:
            raise ParameterError(
                f"start={start!r} does not fit the time stamps, which are {label(self.dtype)}: {error}"
            ) from error

    def _datetimes(self, steps: int, start: Any) -> pd.Index[Any]:
        unit: Any = self.unit
        made: Any
        if start is None:
            first = _stamps(np.array([self.start]), unit, self.zone)[0]
        else:
            first = pd.Timestamp(start)
            if (first.tz is not None) and self.zone is None:
                raise TypeError("they have no time zone")
            if self.zone is not None:
                first = first.tz_localize(self.zone) if first.tz is None else first.tz_convert(self.zone)
        if self.freq is not None:
            made = pd.date_range(first, periods=steps, freq=self.freq, unit=unit)
        else:
            made = _stamps(
                int(pd.DatetimeIndex([first]).as_unit(unit).asi8[0]) + int(self.step) * np.arange(steps),
                unit,
                self.zone,
            )
        if self.form is not None:
            made = pd.Index(made.strftime(self.form), dtype=load(self.dtype))
        elif not self.declared:
            made.freq = None
        index: pd.Index[Any] = pd.Index(made)
        return index

    def _numbers(self, steps: int, start: Any) -> pd.Index[Any]:
        dtype = load(self.dtype)
        first = self.start if start is None else plain(start)
        if isinstance(first, bool) or not isinstance(first, int | float):
            raise TypeError("a number is needed")
        if types.is_integer_dtype(dtype):
            if first != int(first):
                raise TypeError("a whole number is needed")
            first = int(first)
        if self.kind == "rows":
            return pd.RangeIndex(first, first + steps * self.step, self.step)  # type: ignore[arg-type]
        numbers: pd.Index[Any] = pd.Index(first + self.step * np.arange(steps), dtype=dtype)
        return numbers

    def describe(self) -> str:
        """Return the rhythm in a few words."""
        if self.kind == "rows":
            return "rows are counted"
        step = f"{self.step:g}" if self.kind == "number" else str(self.freq)
        if self.kind == "datetime" and self.freq is None:
            step = str(pd.Timedelta(int(self.step), self.unit))  # type: ignore[arg-type]
        return f"every {step}" + ("" if self.regular else " (with gaps)" if self.freq else " (median, irregular)")

    def to_dict(self) -> dict[str, Any]:
        """Return the clock as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Clock:
        """Rebuild a clock from `to_dict`."""
        return cls(**data)


def parse(stamps: pd.Index[Any], name: Hashable) -> tuple[pd.Index[Any], str | None]:
    """Return stamps that can be compared and subtracted, and how they were written if they were text.

    Raises
    ------
    SchemaError
        Naming the column, if the stamps are neither datetimes, periods, numbers nor text that is a date.
    """
    dtype = stamps.dtype
    if isinstance(stamps, pd.DatetimeIndex | pd.PeriodIndex):
        return stamps, None
    if types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype) and not types.is_complex_dtype(dtype):
        return stamps, None
    if types.infer_dtype(stamps, skipna=False) == "string":
        for dayfirst in (False, True):
            form = guess_datetime_format(str(stamps[0]), dayfirst=dayfirst)
            if form is not None:
                try:
                    return pd.DatetimeIndex(pd.to_datetime(stamps, format=form)), form
                except (ValueError, TypeError):
                    continue
    raise SchemaError(
        f"the time {name!r} holds {dtype} values such as {stamps[0]!r}, which are no time stamps; "
        "use datetimes (pd.to_datetime), periods or numbers"
    )


def to_ticks(parsed: pd.Index[Any]) -> Ticks:
    """Return the numbers behind parsed stamps: int64 for datetimes, periods and integers, else float64."""
    if isinstance(parsed, pd.DatetimeIndex | pd.PeriodIndex):
        return np.asarray(parsed.asi8)
    if types.is_integer_dtype(parsed.dtype):
        return parsed.to_numpy(dtype=np.int64)
    return parsed.to_numpy(dtype=np.float64)


def infer_frequency(piece: pd.DatetimeIndex) -> tuple[str | None, bool]:
    """Return the frequency of one sequence's stamps and whether they have no gap; None if there is no frequency.

    Days that leave out every weekend, and some more, are business days with gaps (a stock exchange).
    """
    if len(piece) < 3:
        return None, False
    freq = pd.DatetimeIndex(piece, freq="infer").freqstr
    if freq is not None:
        return freq, True
    daily = (piece.normalize() == piece).all() and np.median(np.diff(piece.asi8)) == PER_DAY[piece.unit]
    if daily and len(piece) >= 10 and bool((piece.day_of_week < 5).all()):
        return "B", False
    if daily:
        return "D", False
    return None, False


def _median(steps: Ticks, default: int) -> int | float:
    if len(steps) == 0:
        return default
    middle = float(np.median(steps))
    return max(1, round(middle)) if steps.dtype.kind == "i" else middle


def _stamps(ticks: NDArray[np.integer], unit: str, zone: str | None) -> pd.DatetimeIndex:
    made = pd.DatetimeIndex(ticks.astype(np.int64).view(f"M8[{unit}]"))
    return made if zone is None else made.tz_localize("UTC").tz_convert(zone)
