"""Datetimes, durations and periods that are values, not the clock: numbers of their grain, through a scaler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ...arrays import Doubles
from ...bundle import saved
from ...tables.dtypes import load, spelled, ticks, untick
from ..schema import Kind
from .numeric import ScaledColumn


@saved
class DatetimeColumn(ScaledColumn):
    """A column of datetimes; decoded ones fall on the grain of the real ones (whole days, whole minutes).

    A number is how many grains a moment lies after the first one. It is exact up to 2**53 of them, which for
    nanoseconds without any coarser grain is 104 days.
    """

    kind: ClassVar[Kind] = "datetime"

    @classmethod
    def learn_grain(cls, series: pd.Series[Any]) -> dict[str, Any]:
        """Return the first moment, and the largest step that all distances are multiples of (in units)."""
        counted = ticks(series)
        first = int(counted.min())
        return {"first": first, "quantum": max(1, int(np.gcd.reduce(counted - first)))}

    @classmethod
    def to_numbers(cls, series: pd.Series[Any], grain: Mapping[str, Any]) -> Doubles:
        """Return how many grains after the first moment."""
        return np.asarray((ticks(series) - grain["first"]) / grain["quantum"])

    def to_values(self, x: Doubles, rng: np.random.Generator | None = None) -> Any:
        """Return values of the column's unit and zone."""
        first, quantum = self.grain["first"], self.grain["quantum"]
        limit = 2.0**62 / quantum
        return untick(np.round(np.clip(x, -limit, limit)).astype(np.int64) * quantum + first, load(self.dtype))

    def observed_values(self) -> tuple[Any, Any]:
        """Return the first and the last moment as text."""
        low, high = spelled(self.to_values(np.array(self.observed)))
        return low, high


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
