"""Numbers, moments and durations as arrays to compute with, and back in the column's dtype and decimals.

Whole numbers and moments are computed with as int64, so that a sum or a difference of them is exact; floats as float64,
rounded to the decimals that a column shows. `agree` says when a computed number is the one that a table shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ..arrays import Bools, Doubles
from ..bundle import PLACES, saved

Numbers = NDArray[Any]
Kind = Literal["whole", "real", "moment", "span"]
KINDS: tuple[Kind, ...] = ("whole", "real", "moment", "span")
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DIGITS = {8: 12, 4: 6, 2: 3}  # decimal digits that a float of so many bytes shows for certain, less a few
EPS = 4 * float(np.finfo(np.float64).eps)
RELATIVE, RELATIVE_SHORT = 1e-9, 1e-5  # error of a sum of doubles, or of shorter floats, as a share of its terms
PILE_ROWS, PILE_RATIO, PILE_BESIDE = 4, 3.0, 2  # of a natural limit, as an atom has them: see `columns.habits`
MISSING_TICK = np.iinfo(np.int64).min  # what pandas stores for NaT


def kind_of(series: pd.Series[Any]) -> Kind | None:
    """Return what kind of number a column holds, None where it holds none."""
    dtype = series.dtype
    if types.is_bool_dtype(dtype) or isinstance(dtype, pd.CategoricalDtype):
        return None
    if types.is_integer_dtype(dtype):
        return "whole"
    if types.is_float_dtype(dtype):
        return "real"
    if types.is_datetime64_any_dtype(dtype):
        return "moment"
    return "span" if types.is_timedelta64_dtype(dtype) or str(dtype).startswith("duration") else None


def bytes_of_short_float(dtype: Any) -> int:
    """Return the bytes of a float of half or single precision, 0 for any other dtype."""
    name = str(getattr(dtype, "numpy_dtype", dtype)).lower()
    return 4 if "float32" in name or name.startswith("float[") else 2 if "float16" in name or "half" in name else 0


def decimals_of(series: pd.Series[Any]) -> int | None:
    """Return how many digits after the point a column of numbers shows; None where they are too many to count."""
    if kind_of(series) == "whole":
        return 0
    size = bytes_of_short_float(series.dtype) or 8
    x = series.to_numpy(dtype=np.float64, na_value=np.nan)
    x = x[np.isfinite(x)]
    if not len(x):
        return None
    largest = float(np.abs(x).max())
    whole = int(np.floor(np.log10(largest))) + 1 if largest > 0 else 1
    near = np.abs(x) * (EPS if size == 8 else 2.0 ** (-22 if size == 4 else -9))
    few = slice(0, 256)  # most columns with more decimals show it within these, before all rows are rounded
    for decimals in range(max(0, min(DIGITS[size] - whole, 18)) + 1):
        if all((np.abs(np.round(x[part], decimals) - x[part]) <= near[part]).all() for part in (few, slice(None))):
            return decimals
    return None


def observed_ends(x: Numbers, way: int = 0, told: tuple[Any, Any] | None = None) -> tuple[Any, Any]:
    """Return where numbers `(rows,)` end: at the smallest and the largest that was seen, None where they go on.

    They go on where they rise (`way` 1) or fall (-1), unless they pile up at that end, which is then a natural limit;
    and not across zero if they never did. Where not all may be `told`, they end there instead.
    """
    ends: list[Any] = [x.min().item(), x.max().item()] if told is None else list(told)
    if way and not _piled(np.unique(x, return_counts=True)[1][::-way]):
        end = int(way > 0)
        ends[end] = None if ends[end] * way > 0 else type(ends[end])(0)
    return ends[0], ends[1]


def _piled(counts: NDArray[np.int64]) -> bool:
    """Return whether the first of values holds many more rows than those beside it."""
    beside = counts[1 : 1 + PILE_BESIDE].max(initial=1)
    return bool(counts[0] >= max(PILE_ROWS, PILE_RATIO * beside))


def finest(decimals: Iterable[int | None]) -> int | None:
    """Return the most decimals among several columns', None where one shows too many to count."""
    counts = list(decimals)
    return None if None in counts else max(one for one in counts if one is not None)


def _index(values: Any, kind: Kind) -> Any:
    return pd.DatetimeIndex(values) if kind == "moment" else pd.TimedeltaIndex(values)


@saved
@dataclass(frozen=True)
class Scale:
    """In what several columns are computed with together."""

    kind: Kind  # real where any of them is
    unit: Any = ""  # the finest, of moments and durations

    @classmethod
    def of(cls, formats: Iterable[NumberFormat]) -> Scale:
        """Return the scale that holds all of these columns; they are all numbers, all moments or all durations."""
        formats = list(formats)
        kinds = {one.kind for one in formats}
        if kinds <= {"whole", "real"}:
            return cls("whole" if kinds == {"whole"} else "real")
        return cls(formats[0].kind, max((one.unit for one in formats), key=PER_SECOND.__getitem__))

    @property
    def gaps(self) -> Scale:
        """The scale of differences."""
        return replace(self, kind="span") if self.kind == "moment" else self

    def read(self, series: pd.Series[Any]) -> tuple[Numbers, Bools]:
        """Return the numbers of a column, zero where one is missing, and where one is."""
        missing = series.isna().to_numpy(dtype=bool)
        if self.kind in ("moment", "span"):
            return np.where(missing, 0, _index(series, self.kind).as_unit(self.unit).asi8), missing
        if self.kind == "whole" and types.is_integer_dtype(series.dtype):
            return series.to_numpy(dtype=np.int64, na_value=0), missing
        x = np.where(missing, 0.0, series.to_numpy(dtype=np.float64, na_value=np.nan))
        if self.kind == "whole":
            return np.round(x).astype(np.int64), missing
        decimals = decimals_of(series) if bytes_of_short_float(series.dtype) else None
        return (x if decimals is None else np.round(x, decimals)), missing  # a float32 .1 is to be the .1 that it shows

    def bound(self, value: Any, side: Literal["low", "high"]) -> Any:
        """Return the end of a range in this scale; whole numbers lie inside it."""
        if self.kind == "moment":
            return int(pd.DatetimeIndex([pd.Timestamp(value)]).as_unit(self.unit).asi8[0])
        if self.kind == "span":
            return int(pd.TimedeltaIndex([pd.Timedelta(value)]).as_unit(self.unit).asi8[0])
        if self.kind == "whole":
            return int(np.ceil(value)) if side == "low" else int(np.floor(value))
        return float(value)

    def part(self, x: Numbers, missing: Bools, decimals: int | None = None) -> pd.Series[Any]:
        """Return numbers of this scale as a column to learn from."""
        if self.kind == "span":
            return pd.Series(np.where(missing, MISSING_TICK, x).astype(np.int64).view(f"m8[{self.unit}]"))
        if self.kind == "whole":
            x = x.astype(np.int64)
            return pd.Series(pd.array(x, dtype="Int64")).mask(missing) if missing.any() else pd.Series(x)
        return pd.Series(np.where(missing, np.nan, x if decimals is None else np.round(x, decimals)))


@saved
@dataclass(frozen=True)
class NumberFormat:
    """What a column's values look like: floats have decimals, all others are `origin` plus a multiple of `step`."""

    dtype: Any
    kind: Kind
    decimals: Annotated[int | None, PLACES] = None  # None where they are too many to count
    unit: Any = ""  # of moments and durations
    origin: int = 0
    step: int = 1

    @classmethod
    def fit(cls, series: pd.Series[Any]) -> NumberFormat:
        """Learn from a column of numbers, moments or durations."""
        kind = kind_of(series)
        if kind is None:
            raise TypeError(f"{series.dtype} holds no numbers")
        if kind == "real":
            return cls(series.dtype, kind, decimals_of(series))
        unit = "" if kind == "whole" else str(_index(series, kind).unit)
        x, missing = Scale(kind, unit).read(series)
        x = x[~missing]
        origin = int(x[0]) if len(x) else 0
        return cls(series.dtype, kind, 0, unit, origin, max(1, int(np.gcd.reduce(x - origin))) if len(x) else 1)

    def _ratio(self, scale: Scale) -> int:
        return PER_SECOND[scale.unit] // PER_SECOND[self.unit] if self.unit else 1

    def smallest_step(self, scale: Scale) -> Any:
        """Return the smallest distance of two values of this column, in a scale; 0 where decimals are not known."""
        if self.kind == "real":
            return 0.0 if self.decimals is None else 10.0**-self.decimals
        return self.step * self._ratio(scale)

    def round(self, x: Numbers, scale: Scale, way: Literal["near", "up", "down"] = "near") -> Numbers:
        """Return the nearest values that this column can hold, or the next ones above or below."""
        turn: Any = {"near": np.round, "up": np.ceil, "down": np.floor}[way]
        if self.kind == "real":
            places = self.decimals
            near = x if places is None else np.round(x, places)
            if places is None or way == "near":
                return near
            far = np.round(turn(x * 10.0**places) / 10.0**places, places)
            return np.where(np.abs(near - x) <= EPS * np.abs(x), near, far)
        step, origin = self.smallest_step(scale), self.origin * self._ratio(scale)
        if x.dtype.kind == "i":
            more = {"near": step // 2, "up": step - 1, "down": 0}[way]
            return np.asarray(origin + (x - origin + more) // step * step)
        return np.asarray(origin + turn((x - origin) / step) * step)

    def round_inside(self, x: Numbers, scale: Scale, low: Any, high: Any) -> Numbers:
        """Return the nearest values that this column can hold, clipped to a range; None is an open end."""
        x = self.round(x, scale)
        x = x if low is None else np.maximum(x, low)
        return x if high is None else np.minimum(x, high)

    def write(self, x: Numbers, missing: Bools, scale: Scale) -> pd.Series[Any]:
        """Return numbers of a scale as a column of this dtype."""
        if self.kind in ("moment", "span"):
            ticks = np.where(missing, MISSING_TICK, x).astype(np.int64)
            index = _index(ticks.view(f"{'M' if self.kind == 'moment' else 'm'}8[{scale.unit}]"), self.kind)
            index = index.as_unit(self.unit)
            zone = getattr(self.dtype, "tz", None) or getattr(getattr(self.dtype, "pyarrow_dtype", None), "tz", None)
            return pd.Series(index if zone is None else index.tz_localize("UTC").tz_convert(zone)).astype(self.dtype)
        plain = isinstance(self.dtype, np.dtype)
        if self.kind == "whole":
            name = str(getattr(self.dtype, "numpy_dtype", self.dtype)).lower()
            limits = np.iinfo(name.removesuffix("[pyarrow]"))
            x = np.round(np.clip(x, max(limits.min, -(2**63)), min(limits.max, 2**63 - 1))).astype(np.int64)
            if plain:
                return pd.Series(x).mask(missing) if missing.any() else pd.Series(x.astype(self.dtype))
        elif plain:
            return pd.Series(np.where(missing, np.nan, x).astype(self.dtype))
        else:
            x = x.astype(np.float64)
        return pd.Series(pd.array(x, dtype=self.dtype)).mask(missing)


def read_together(columns: Sequence[pd.Series[Any]]) -> tuple[Scale, list[tuple[Numbers, Bools]]]:
    """Return the scale that holds columns of one kind, and the numbers of each in it and where it has none."""
    scale = Scale.of([NumberFormat.fit(series.iloc[:1]) for series in columns])
    return scale, [scale.read(series) for series in columns]


def agree(computed: Doubles, shown: Doubles, size: Doubles, decimals: int | None, dtype: object) -> Bools:
    """Return where two numbers are the same but for rounding, `(rows,)`.

    Float arithmetic errs by a share of the `size` of what was computed with, more where the `dtype` of the shown number
    has few digits; and it may have been rounded to `decimals`.
    """
    share = RELATIVE_SHORT if bytes_of_short_float(dtype) else RELATIVE
    room = share * np.maximum(np.maximum(np.abs(computed), np.abs(shown)), size)
    room += 0.0 if decimals is None else 0.5 * 10.0**-decimals * (1 + 1e-6)
    return np.asarray(np.abs(computed - shown) <= room)
