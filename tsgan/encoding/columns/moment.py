"""Datetimes, durations and periods that are values, not the clock: numbers of their grain, through a scaler.

A date that stands for "never" or "not known" (9999-12-31, 1900-01-01) lies far outside the others, and many rows share
it. It is told by that, not by a list: one or two values at either end, each held by at least 2 % of the rows, which lie
as far from the rest as a quarter of its range and as five of its widest gaps. Such a *far* value says nothing of where
the others are. It gets a number just outside theirs, an atom, and all numbers between decode to one or the other: no
date comes between.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...arrays import Doubles
from ...bundle import saved
from ...holders import Holders
from ...tables.dtypes import load, spelled, ticks, untick
from ..schema import Kind
from .lattice import Lattice
from .numeric import ScaledColumn

FAR_SHARE, FAR_ROWS, MAX_FAR = 0.02, 3, 2  # of the rows that share a far value, and how many there may be on a side
FAR_RANGE, FAR_GAPS = 0.25, 5.0  # ranges of the others, and widest gaps among them, that it lies away from them


def find_far(counted: NDArray[np.int64], holders: Holders) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the values far below all others that many rows share, and those far above, increasing; see above."""
    values, counts = np.unique(counted, return_counts=True)
    heavy = counts >= max(FAR_ROWS, FAR_SHARE * len(counted))
    heavy &= holders.count(np.searchsorted(values, counted), len(values)) >= holders.least
    best = 0, 0
    for below, above in itertools.product(range(MAX_FAR + 1), repeat=2):
        inner = slice(below, len(values) - above)
        core, outer = values[inner].astype(np.float64), np.delete(values, np.arange(len(values))[inner])
        if len(core) < 2 or below + above <= sum(best) or not np.delete(heavy, np.arange(len(values))[inner]).all():
            continue
        away = max(FAR_RANGE * np.ptp(core), FAR_GAPS * np.diff(core).max())
        if (np.maximum(core[0] - outer, outer - core[-1]) >= away).all():
            best = below, above
    return values[: best[0]], values[len(values) - best[1] :]


def told_ends(counted: NDArray[np.int64], holders: Holders, quantum: int = 1) -> tuple[int, int]:
    """Return where moments end that enough hold, as `Holders.ends` says, on their grid."""
    if holders.least < 2:
        return int(counted.min()), int(counted.max())
    first = holders.grid(counted)[0]
    low, high = holders.ends((counted - first).astype(np.float64) / quantum)
    begin = int(np.ceil(low - 1e-9))
    return first + begin * quantum, first + max(begin, int(np.floor(high + 1e-9))) * quantum


@saved
class DatetimeColumn(ScaledColumn):
    """A column of datetimes; decoded ones fall on the grain of the real ones (whole days, whole minutes).

    A number is how many grains a moment lies after the first one. It is exact up to 2**53 of them, which for
    nanoseconds without any coarser grain is 104 days.
    """

    kind: ClassVar[Kind] = "datetime"

    @classmethod
    def learn_grain(cls, series: pd.Series[Any], holders: Holders) -> dict[str, Any]:
        """Return the first moment, the largest step that all distances are multiples of (in units), and far values.

        `ends` are the numbers of the first and last that are not far, `far` each far moment, its number and its text.
        """
        counted = ticks(series)
        low, high = find_far(counted, holders)
        usual = ~np.isin(counted, [*low, *high])
        counted, holders = counted[usual], holders.at(usual)
        quantum = holders.grid(counted)[1]
        begin, end = told_ends(counted, holders, quantum)
        first = cls.origin(begin, quantum)
        grain: dict[str, Any] = {"first": first, "quantum": quantum}
        if len(low) or len(high):
            ends = [int((one - first) // quantum) for one in (begin, end)]
            away = max(2, (ends[1] - ends[0]) // 2)
            shelves = [ends[0] - away * (len(low) - i) for i in range(len(low))]
            shelves += [ends[1] + away * (i + 1) for i in range(len(high))]
            far = np.concatenate([low, high])
            named = [text.removesuffix(" 00:00:00") for text in spelled(untick(far, series.dtype))]
            grain |= {"ends": ends, "far": [list(one) for one in zip(far.tolist(), shelves, named, strict=True)]}
        return grain

    @classmethod
    def origin(cls, begin: int, quantum: int) -> int:
        """Return where counting begins, from the earliest moment on."""
        return begin

    @classmethod
    def learn_lattice(cls, x: Doubles, grain: Mapping[str, Any], holders: Holders) -> tuple[Lattice | None, str]:
        """Return the whole numbers, and whether there are far values."""
        far = [f"{100 * np.mean(x == shelf):.0f} % at {name}" for _, shelf, name in grain.get("far", ())]
        return Lattice.of(0), ", ".join(far) + (", far from the others" if far else "")

    @classmethod
    def outcomes(cls, grain: Mapping[str, Any]) -> tuple[float, ...]:
        """Return the numbers of far values."""
        return tuple(float(shelf) for _, shelf, _ in grain.get("far", ()))

    @classmethod
    def to_numbers(cls, series: pd.Series[Any], grain: Mapping[str, Any]) -> Doubles:
        """Return how many grains after the first moment; for a far one its number."""
        counted = ticks(series)
        x = np.asarray((counted - grain["first"]) / grain["quantum"])
        if "far" in grain:
            x = cls.near_or_far(x, grain)[0]
            for value, shelf, _ in grain["far"]:
                x[counted == value] = shelf
        return x

    @staticmethod
    def near_or_far(x: Doubles, grain: Mapping[str, Any]) -> tuple[Doubles, NDArray[np.intp]]:
        """Return numbers held on the side of the far ones where they lie, and which far one each is; -1 for none."""
        low, high = grain["ends"]
        room = max(2, (high - low) // 2) / 2
        near, place = np.clip(x, low - room * 0.9, high + room * 0.9), np.full(len(x), -1, dtype=np.intp)
        for i, (_, shelf, _) in enumerate(grain["far"]):
            place[x >= shelf - room if shelf > high else (x <= shelf + room) & (place < 0)] = i
        return near, place

    def to_values(self, x: Doubles, rng: np.random.Generator | None = None) -> Any:
        """Return values of the column's unit and zone."""
        first, quantum = self.grain["first"], self.grain["quantum"]
        limit = 2.0**62 / quantum
        counted = np.round(np.clip(x, -limit, limit)).astype(np.int64) * quantum + first
        if "far" in self.grain:
            ends, (near, place) = self.grain["ends"], self.near_or_far(x, self.grain)
            near = np.clip(np.round(near), *ends) if self.bounds != (None, None) else np.round(near)
            far = np.array([value for value, *_ in self.grain["far"]], dtype=np.int64)
            counted = np.where(place >= 0, far[place], near.astype(np.int64) * quantum + first)
        return untick(counted, load(self.dtype))

    def observed_values(self) -> tuple[Any, Any]:
        """Return the first and the last moment as text."""
        low, high = spelled(self.to_values(np.array(self.observed)))
        return low, high


@saved
class TimedeltaColumn(DatetimeColumn):
    """A column of durations, counted from zero where zero is on their grid, so that a logarithm may fit them."""

    kind = "timedelta"

    @classmethod
    def origin(cls, begin: int, quantum: int) -> int:
        """Return zero where it is on the grid, else the earliest."""
        return begin if begin % quantum else 0


@saved
class PeriodColumn(DatetimeColumn):
    """A column of periods of one frequency."""

    kind = "period"
