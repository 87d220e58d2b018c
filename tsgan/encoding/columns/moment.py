"""Datetimes, durations and periods that are values, not the clock: numbers of their grain, through a scaler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...arrays import Doubles
from ...bundle import saved
from ...tables.dtypes import MISSING_TICK, Token, dump, label, load, spelled, ticks, untick
from ..schema import ColumnSchema, Kind
from .numeric import MOST_POINTS, ScaledColumn


@saved
class DatetimeColumn(ScaledColumn):
    """A column of datetimes; decoded ones fall on the grain of the real ones (whole days, whole minutes).

    A number is how many grains a moment lies after the first one. It is exact up to 2**53 of them, which for
    nanoseconds without any coarser grain is 104 days.
    """

    kind: ClassVar[Kind] = "datetime"

    @classmethod
    def token(cls, series: pd.Series[Any]) -> Token:
        """Return the column's own dtype."""
        return dump(series.dtype)

    @classmethod
    def learn_grain(cls, series: pd.Series[Any]) -> dict[str, Any]:
        """Return the first moment, and the largest step that all distances are multiples of (in units)."""
        counted = ticks(series)
        counted = counted[counted != MISSING_TICK]
        first = int(counted.min())
        return {"first": first, "quantum": max(1, int(np.gcd.reduce(counted - first)))}

    @classmethod
    def to_numbers(cls, series: pd.Series[Any], grain: Mapping[str, Any]) -> Doubles:
        """Return how many grains after the first moment, NaN where the value is missing."""
        counted = ticks(series)
        steps: Doubles = (counted - grain["first"]) / grain["quantum"]
        steps[counted == MISSING_TICK] = np.nan
        return steps

    def points(self, low: float, high: float) -> Doubles:
        """Return all whole numbers from `low` to `high`; none where they are too many to list."""
        return np.arange(low, high + 1) if high - low < MOST_POINTS else np.empty(0)

    def ends(self, x: Doubles) -> tuple[Doubles, Doubles]:
        """Return the ends of what is rounded to the same moments as `x`."""
        # A scaler of positive numbers has no image for the lower half of the cell of the smallest.
        return (np.maximum(x - 0.5, x / 2) if self.observed[0] > 0 else x - 0.5), x + 0.5

    def to_values(self, x: Doubles) -> Any:
        """Clip, round to the grain, and return values of the column's unit and zone."""
        quantum = self.grain["quantum"]
        limit = 2.0**62 / quantum
        steps: NDArray[np.int64] = np.round(np.clip(self.clip(x), -limit, limit)).astype(np.int64)
        return untick(steps * quantum + self.grain["first"], load(self.dtype))

    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""
        low, high = spelled(self.to_values(np.array(self.observed)))
        return ColumnSchema(
            self.name,
            self.role,
            self.kind,
            label(self.dtype),
            low=low,
            high=high,
            scaler=self.scaler.name,
            reason=self.reason,
        )


@saved
class TimedeltaColumn(DatetimeColumn):
    """A column of durations, counted from zero where zero is on their grid, so that a logarithm may fit them."""

    kind = "timedelta"

    @classmethod
    def learn_grain(cls, series: pd.Series[Any]) -> dict[str, Any]:
        """Return where counting begins, and the largest step that all distances are multiples of (in units)."""
        grain = super().learn_grain(series)
        return grain if grain["first"] % grain["quantum"] else {**grain, "first": 0}


@saved
class PeriodColumn(DatetimeColumn):
    """A column of periods of one frequency."""

    kind = "period"
