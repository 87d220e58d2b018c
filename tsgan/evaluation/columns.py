"""How the judge reads one column: as numbers between the real data's smallest and largest, or as one 0/1 per level.

The real table alone decides the kind, the scale and the levels. What the synthetic table holds beyond them is a
finding, not an error: numbers outside the range come out below 0 or above 1, unknown levels share a channel of
their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError, SchemaError

Kind = Literal["numeric", "boolean", "datetime", "category"]
Doubles = NDArray[np.float64]

MAX_LEVELS = 30
DATE = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?"
OTHER = "(other)"
UNSEEN = "(not in the real table)"


@dataclass(frozen=True)
class Column:
    """One column of both tables.

    Attributes
    ----------
    name : str
    kind : {"numeric", "boolean", "datetime", "category"}
        Datetimes are judged as days since the first real one.
    start : int
        Its first channel.
    low, span : float
        Smallest real value, and the distance to the largest (1 where the column is constant).
    levels : tuple of str
        Of a category: one channel each.
    static : bool
        Whether it has one value per sequence.
    """

    name: str
    kind: Kind
    start: int
    low: float = 0.0
    span: float = 1.0
    levels: tuple[str, ...] = ()
    static: bool = False

    @property
    def channels(self) -> slice:
        """Where its numbers stand in a window's last axis."""
        return slice(self.start, self.start + max(len(self.levels), 1))

    @property
    def discrete(self) -> bool:
        """Whether it is judged by frequencies rather than by distances."""
        return self.kind in ("category", "boolean")

    def units(self, scaled: NDArray[np.floating]) -> Doubles:
        """Undo the scaling: `(..., channels)` to numbers in the column's unit, or to the position of the level."""
        if self.kind == "category":
            return np.asarray(np.argmax(scaled, axis=-1), dtype=np.float64)
        return np.asarray(scaled[..., 0], dtype=np.float64) * self.span + self.low


def read_column(
    name: str, real: pd.Series, synthetic: pd.Series, start: int, static: bool
) -> tuple[Column, Doubles, Doubles]:
    """Decide how to read a column and read both tables' values of it.

    Returns
    -------
    Column
    Two arrays of shape (rows, channels)
        Of the real and of the synthetic table.

    Raises
    ------
    InputError
        If a value is missing or infinite.
    SchemaError
        If the real column holds numbers or times and the synthetic one does not.
    """
    for side, series in (("real", real), ("synthetic", synthetic)):
        if missing := int(series.isna().sum()):
            raise InputError(
                f"column {name!r} of the {side} table has {missing} missing values, which the judge cannot read; "
                f"fill them or drop those rows in both tables"
            )
    kind = _kind(name, real)
    if kind == "category":
        levels, a, b = _indicators(real, synthetic)
        return Column(name, kind, start, levels=levels, static=static), a, b
    a, b = (_numbers(name, side, kind, series) for side, series in (("real", real), ("synthetic", synthetic)))
    if kind == "datetime":
        a, b = a - a.min(), b - a.min()
    low, span = (0.0, 1.0) if kind == "boolean" else (float(a.min()), float(a.max() - a.min()) or 1.0)
    column = Column(name, kind, start, low, span, static=static)
    return column, ((a - low) / span)[:, None], ((b - low) / span)[:, None]


def _kind(name: str, real: pd.Series) -> Kind:
    types = pd.api.types
    if types.is_complex_dtype(real):
        raise SchemaError(
            f"column {name!r} of the real table holds complex numbers; pass real and imaginary parts apart"
        )
    if types.is_bool_dtype(real):
        return "boolean"
    if types.is_numeric_dtype(real):
        return "numeric"
    if types.is_datetime64_any_dtype(real) or types.is_timedelta64_dtype(real):
        return "datetime"
    if isinstance(real.dtype, pd.PeriodDtype):
        return "datetime"
    text = real.drop_duplicates().astype(str)
    return "datetime" if text.str.fullmatch(DATE).all() else "category"


def _numbers(name: str, side: str, kind: Kind, series: pd.Series) -> Doubles:
    """Values as float64; times as days."""
    try:
        if kind == "datetime":
            times = series.dt.to_timestamp() if isinstance(series.dtype, pd.PeriodDtype) else series
            if pd.api.types.is_timedelta64_dtype(times):
                return np.asarray(times.dt.total_seconds(), dtype=np.float64) / 86_400
            since = pd.to_datetime(times, utc=True, format="ISO8601") - pd.Timestamp(0, tz="UTC")
            return np.asarray(since.dt.total_seconds(), dtype=np.float64) / 86_400
        values = np.asarray(series, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise SchemaError(
            f"column {name!r} is {kind} in the real table but its {side} values are of dtype {series.dtype} and "
            f"cannot be read as that ({error}); convert them first"
        ) from error
    if not np.isfinite(values).all():
        raise InputError(f"column {name!r} of the {side} table has infinite values; replace or drop them")
    return values


def _indicators(real: pd.Series, synthetic: pd.Series) -> tuple[tuple[str, ...], Doubles, Doubles]:
    """One 0/1 channel per level, the rarest of many levels taken together."""
    a, b = real.astype(str), synthetic.astype(str)
    counts = a.value_counts()
    levels = sorted(counts.index[:MAX_LEVELS])
    known = set(counts.index)
    if len(counts) > MAX_LEVELS:
        rare = known.difference(levels)
        a, b = (s.where(~s.isin(rare), OTHER) for s in (a, b))
        levels.append(OTHER)
    if not b.isin(levels).all():
        b = b.where(b.isin(levels), UNSEEN)
        levels.append(UNSEEN)
    index = pd.Index(levels)
    one_hot = np.eye(len(levels))
    return tuple(levels), one_hot[index.get_indexer(a)], one_hot[index.get_indexer(b)]
