"""Columns that hold the time between two dates of their row, in some unit: computed, so that they agree in every row.

``stay = (left - admitted).dt.days`` is whole days, rounded down; ``hours = (end - start).dt.total_seconds() / 3600`` is
a number of hours, as it is or rounded; a duration is the difference itself. Each of the dates may be the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pandas.api import types

from ..arrays import Doubles
from ..bundle import PLACES, saved
from ..constraints.numbers import decimals_of
from ..tables.dtypes import PER_SECOND, Name, temporal

DAY = 86_400
UNITS = {"days": DAY, "hours": 3_600, "minutes": 60, "seconds": 1, "weeks": 7 * DAY, "years of 365 days": 365 * DAY}
UNITS |= {"years of 365.25 days": DAY * 1461 // 4}
CLOSE = 1e-9  # relative error of dividing twice
Mode = Literal["down", "near", "up", "exact"]


@saved
@dataclass(frozen=True)
class Difference:
    """The time from one date to another.

    Attributes
    ----------
    earlier, later : str, int or None
        The dates; None for the clock.
    unit : str
        A name in UNITS; "" where it is a duration itself.
    mode : {"down", "near", "up", "exact"}
        How it is rounded.
    decimals : int
        To which.
    """

    earlier: Name | None
    later: Name | None
    unit: str = ""
    mode: Mode = "exact"
    decimals: Annotated[int, PLACES] = 0

    def describe(self) -> str:
        """Return what it is in a few words."""
        one, two = ("the clock" if name is None else repr(name) for name in (self.earlier, self.later))
        rounded = {"down": ", rounded down", "near": ", rounded", "up": ", rounded up"}.get(self.mode, "")
        return f"the {self.unit or 'time'} from {one} to {two}{rounded}"

    def compute(self, earlier: pd.Series[Any], later: pd.Series[Any], dtype: Any) -> pd.Series[Any]:
        """Return the column from its dates; a TypeError where one has a zone and the other has none."""
        lasting = pd.TimedeltaIndex(pd.DatetimeIndex(temporal(later)) - pd.DatetimeIndex(temporal(earlier)))
        if not self.unit:
            return pd.Series(lasting).astype(dtype)
        x = amount(lasting, self.unit)
        if self.mode == "near":
            x = np.round(x, self.decimals)
        elif self.mode != "exact":
            x = np.floor(x) if self.mode == "down" else np.ceil(x)
        if types.is_integer_dtype(dtype):
            whole = pd.Series(x).astype("Int64")
            return whole.astype(dtype) if not np.isnan(x).any() or not isinstance(dtype, np.dtype) else pd.Series(x)
        return pd.Series(x).astype(dtype)

    def added(self, earlier: pd.Series[Any], own: pd.Series[Any]) -> pd.Series[Any]:
        """Return a later date that lies as far after the earlier one as the column says."""
        if not self.unit:
            return earlier + own
        seconds = own.astype("Float64") * UNITS[self.unit]
        return pd.Series(temporal(earlier)) + pd.to_timedelta(seconds.astype("float64").round(3), unit="s")


def amount(lasting: pd.TimedeltaIndex, unit: str) -> Doubles:
    """Return durations in a unit, weeks and years of whole days, NaN where they are missing."""
    gone, one = np.asarray(lasting.isna()), PER_SECOND[str(lasting.unit)]
    if UNITS[unit] > DAY:
        return np.where(gone, np.nan, lasting.asi8 // (DAY * one) / (UNITS[unit] / DAY))
    return np.where(gone, np.nan, lasting.asi8 / (UNITS[unit] * one))


def forms(series: pd.Series[Any], earlier: pd.Series[Any], later: pd.Series[Any]) -> Iterator[tuple[str, Mode, int]]:
    """Yield the units and roundings in which a column of numbers may be the time between two dates.

    They are those that fit where the column is largest.
    """
    x = series.to_numpy(dtype=np.float64, na_value=np.nan)
    row = int(np.nanargmax(np.abs(x)))
    ends = (pd.DatetimeIndex(temporal(one.iloc[row : row + 1])) for one in (later, earlier))
    lasting = pd.TimedeltaIndex(next(ends) - next(ends))
    decimals = decimals_of(series)
    for unit in UNITS:
        apart = np.abs(amount(lasting, unit)[0] - x[row])
        if apart >= 1:
            continue
        if decimals is None or apart <= CLOSE * abs(x[row]):
            yield unit, "exact", 0
        if decimals is not None:
            yield unit, "near", decimals
        if decimals == 0:
            yield unit, "down", 0
            yield unit, "up", 0


def near(made: pd.Series[Any], series: pd.Series[Any]) -> bool:
    """Return whether two columns hold the same values and gaps, but for what dividing leaves."""
    gone = series.isna().to_numpy(dtype=bool)
    if not np.array_equal(made.isna().to_numpy(dtype=bool), gone):
        return False
    if types.is_float_dtype(series.dtype):
        one, two = (x[~gone].to_numpy(dtype=np.float64) for x in (made, series))
        return bool((np.abs(one - two) <= CLOSE * np.abs(two)).all())
    return bool((made[~gone] == series[~gone]).to_numpy(dtype=bool).all())


def lasts(series: pd.Series[Any]) -> bool:
    """Return whether a column may hold the time between dates."""
    dtype = series.dtype
    number = types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype) and not types.is_complex_dtype(dtype)
    return number or types.is_timedelta64_dtype(temporal(series.iloc[:0]).dtype)


def dated(series: pd.Series[Any]) -> bool:
    """Return whether a column holds dates."""
    return types.is_datetime64_any_dtype(temporal(series.iloc[:0]).dtype)
