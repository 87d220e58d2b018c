"""How the judge reads one column: as numbers between the real data's smallest and largest, or as one 0/1 per level.

The real table alone decides the kind, the scale and the levels. What another table holds beyond them is a finding, not
an error: numbers outside the range come out below 0 or above 1, unknown levels share a channel of their own, and so do
missing values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api import types

from ..arrays import Bools, Doubles, Reals
from ..errors import InputError, SchemaError

Kind = Literal["numeric", "boolean", "datetime", "category"]

MAX_LEVELS = 30  # with channels of their own; rarer ones share one, so that identifiers do not fill the memory
DATE = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?"
SECONDS_A_DAY = 86_400
OTHER = "(other)"
UNSEEN = "(not in the real table)"
MISSING = "(missing)"


@dataclass(frozen=True)
class Column:
    """One column of the tables, and which channels it has in the last axis of a window."""

    name: str
    kind: Kind  # datetimes are judged as days since the first real one
    start: int  # its first channel
    low: float = 0.0  # smallest real value
    span: float = 1.0  # from there to the largest; 1 where the column is constant
    levels: tuple[str, ...] = ()  # of a category: a channel each; a missing value is a level of its own, `MISSING`
    static: bool = False
    # Values are missing in some table. Unless it is a category, a second channel is 1 where they are, and the first has
    # the real mean there.
    gaps: bool = False

    @property
    def values(self) -> slice:
        """Channels of its values: one, or one per level."""
        return slice(self.start, self.start + max(len(self.levels), 1))

    @property
    def missing(self) -> int | None:
        """Channel that is 1 where the value is missing; None where there is none (categories have a level)."""
        if self.kind == "category":
            return self.start + self.levels.index(MISSING) if MISSING in self.levels else None
        return self.start + 1 if self.gaps else None

    @property
    def channels(self) -> slice:
        """All its channels in a window's last axis."""
        return slice(self.start, self.values.stop + (self.gaps and self.kind != "category"))

    @property
    def discrete(self) -> bool:
        """Whether it is judged by frequencies rather than by distances."""
        return self.kind in ("category", "boolean")

    def present(self, scaled: Reals) -> Bools:
        """Of all channels `(..., D)`: where the column's value is not missing, `(...)`."""
        if self.missing is None:
            return np.ones(scaled.shape[:-1], dtype=np.bool_)
        return np.asarray(scaled[..., self.missing] < 0.5)

    def units(self, scaled: Reals) -> Doubles:
        """Undo the scaling: the column's channels `(..., channels)` to its unit, or to the position of the level."""
        if self.kind == "category":
            return np.asarray(np.argmax(scaled, axis=-1), dtype=np.float64)
        return np.asarray(scaled[..., 0], dtype=np.float64) * self.span + self.low


def read_column(
    name: str, tables: Mapping[str, pd.Series], start: int, static: bool
) -> tuple[Column, dict[str, Doubles]]:
    """Decide by the real table how to read a column, and read every table's values of it, `(rows, channels)`.

    Raises
    ------
    InputError
        If a value is infinite.
    SchemaError
        If the real column holds numbers or times and another does not.
    """
    real = tables["real"]
    kind = _kind(name, real)
    if kind == "category":
        levels, shown = _indicators(tables)
        return Column(name, kind, start, levels=levels, static=static), shown
    absent = {side: np.asarray(series.isna()) for side, series in tables.items()}
    gaps = any(array.any() for array in absent.values())
    low, span, mean = 0.0, 1.0, 0.0
    values = {side: np.zeros(int((~array).sum())) for side, array in absent.items()}
    if not absent["real"].all():
        values = {side: _numbers(name, side, kind, series[~absent[side]]) for side, series in tables.items()}
        if kind == "datetime":
            values = {side: array - array.min(initial=np.inf) for side, array in values.items()}
        if kind != "boolean":
            low, span = float(values["real"].min()), float(np.ptp(values["real"])) or 1.0
        mean = float(values["real"].mean() - low) / span
    found = {}
    for side, array in values.items():
        column = np.full((len(absent[side]), 1 + gaps), mean)
        column[~absent[side], 0] = (array - low) / span
        if gaps:
            column[:, 1] = absent[side]
        found[side] = column
    return Column(name, kind, start, low, span, static=static, gaps=gaps), found


def _kind(name: str, real: pd.Series) -> Kind:
    if real.isna().all():
        return "numeric"
    if types.is_complex_dtype(real):
        raise SchemaError(
            f"column {name!r} of the real table holds complex numbers; pass real and imaginary parts apart"
        )
    if types.is_bool_dtype(real):
        return "boolean"
    if types.is_numeric_dtype(real):
        return "numeric"
    timed = types.is_datetime64_any_dtype(real) or types.is_timedelta64_dtype(real)
    if timed or isinstance(real.dtype, pd.PeriodDtype):
        return "datetime"
    text = real.dropna().drop_duplicates().astype(str)
    return "datetime" if text.str.fullmatch(DATE).all() else "category"


def days(times: pd.Series) -> Doubles:
    """Dates, periods, durations or texts of dates as days.

    Raises
    ------
    ValueError, TypeError
        If they are nothing of the kind.
    """
    if isinstance(times.dtype, pd.PeriodDtype):
        times = times.dt.to_timestamp()
    if not types.is_timedelta64_dtype(times):
        times = pd.to_datetime(times, utc=True, format="ISO8601") - pd.Timestamp(0, tz="UTC")
    return np.asarray(times.dt.total_seconds(), dtype=np.float64) / SECONDS_A_DAY


def _numbers(name: str, side: str, kind: Kind, series: pd.Series) -> Doubles:
    try:
        values = days(series) if kind == "datetime" else np.asarray(series, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise SchemaError(
            f"column {name!r} is {kind} in the real table but its {side} values are of dtype {series.dtype} and "
            f"cannot be read as that ({error}); convert them first"
        ) from error
    if not np.isfinite(values).all():
        raise InputError(f"column {name!r} of the {side} table has infinite values; replace or drop them")
    return values


def _indicators(tables: Mapping[str, pd.Series]) -> tuple[tuple[str, ...], dict[str, Doubles]]:
    """One 0/1 channel per level, the rarest of many levels taken together; missing values are a level too."""
    text = {side: series.astype(str).where(series.notna(), MISSING) for side, series in tables.items()}
    counts = text["real"][text["real"] != MISSING].value_counts()
    levels = sorted(counts.index[:MAX_LEVELS])
    if len(counts) > MAX_LEVELS:
        rare = counts.index.difference(levels)
        text = {side: series.where(~series.isin(rare), OTHER) for side, series in text.items()}
        levels.append(OTHER)
    if any((series == MISSING).any() for series in text.values()):
        levels.append(MISSING)
    if not all(series.isin(levels).all() for series in text.values()):
        text = {side: series.where(series.isin(levels), UNSEEN) for side, series in text.items()}
        levels.append(UNSEEN)
    index, one_hot = pd.Index(levels), np.eye(len(levels))
    return tuple(levels), {side: one_hot[index.get_indexer(series)] for side, series in text.items()}
