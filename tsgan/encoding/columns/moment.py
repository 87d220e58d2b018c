"""Datetimes and durations that are values, not the clock: seconds since the first, through a scaler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ..dtypes import Token, dump, load
from ..scalers.base import Doubles
from ..schema import ColumnSchema, Kind
from .scaled import ScaledColumn

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


class DatetimeColumn(ScaledColumn):
    """A column of datetimes; decoded ones fall on the grain of the real ones (whole days, whole minutes)."""

    kind: ClassVar[Kind] = "datetime"

    @classmethod
    def token(cls, series: pd.Series[Any]) -> Token:
        """Return the column's own dtype."""
        return dump(series.dtype)

    @classmethod
    def learn_grain(cls, series: pd.Series[Any]) -> dict[str, Any]:
        """Return the unit, the first moment, and the largest step that all distances are multiples of (in units)."""
        unit = str(series.dt.unit)
        ticks = cls._ticks(series, unit)
        first = int(ticks.min())
        return {"unit": unit, "first": first, "quantum": max(1, int(np.gcd.reduce(ticks - first)))}

    @classmethod
    def _ticks(cls, series: pd.Series[Any], unit: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.asarray(pd.DatetimeIndex(series).as_unit(unit).asi8)  # type: ignore[arg-type]

    @classmethod
    def to_numbers(cls, series: pd.Series[Any], grain: Mapping[str, Any]) -> Doubles:
        """Return seconds since the first moment."""
        ticks = cls._ticks(series, grain["unit"]) - grain["first"]
        return np.asarray(ticks / PER_SECOND[grain["unit"]], dtype=np.float64)

    def _units(self, x: Doubles) -> np.ndarray[Any, np.dtype[np.int64]]:
        quantum = self.grain["quantum"]
        limit = 2.0**62 / quantum
        steps = np.round(np.clip(self.clip(x) * (PER_SECOND[self.grain["unit"]] / quantum), -limit, limit))
        return np.asarray(steps.astype(np.int64) * quantum + self.grain["first"])

    def to_values(self, x: Doubles) -> Any:
        """Clip, round to the grain, and return datetimes of the column's unit and zone."""
        dtype = load(self.dtype)
        stamps = pd.DatetimeIndex(self._units(x).view(f"M8[{self.grain['unit']}]"))
        zone = getattr(dtype, "tz", None)
        return (stamps if zone is None else stamps.tz_localize("UTC").tz_convert(zone)).array

    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""
        low, high = self.to_values(np.array(self.observed))
        return ColumnSchema(
            self.name,
            self.role,
            self.kind,
            str(self.dtype),
            low=str(low),
            high=str(high),
            scaler=self.scaler.name,
            reason=self.reason,
        )


class TimedeltaColumn(DatetimeColumn):
    """A column of durations."""

    kind = "timedelta"

    @classmethod
    def _ticks(cls, series: pd.Series[Any], unit: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.asarray(pd.TimedeltaIndex(series).as_unit(unit).asi8)  # type: ignore[arg-type]

    def to_values(self, x: Doubles) -> Any:
        """Clip, round to the grain, and return durations of the column's unit."""
        return pd.TimedeltaIndex(self._units(x).view(f"m8[{self.grain['unit']}]")).array
