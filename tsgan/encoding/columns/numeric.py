"""Floats and integers. Decoded values have the decimals, the dtype and the range of the real ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ..dtypes import Token, dump, load
from ..scalers.base import Doubles
from ..schema import ColumnSchema, Kind
from .scaled import ScaledColumn

DIGITS = {4: 6, 2: 3}


def count_decimals(x: Doubles, digits: int = 12) -> int | None:
    """Return the smallest number of decimals that all of `x` have, None if they take more than `digits` digits."""
    largest = float(np.abs(x).max())
    whole = math.floor(math.log10(largest)) + 1 if largest > 0 else 1
    eps = 4 * np.finfo(np.float64).eps * np.abs(x)
    few = slice(0, 256)
    for decimals in range(max(0, min(digits - whole, 18)) + 1):
        if (np.abs(np.round(x[few], decimals) - x[few]) <= eps[few]).all() and (
            np.abs(np.round(x, decimals) - x) <= eps
        ).all():
            return decimals
    return None


class FloatColumn(ScaledColumn):
    """A column of real numbers."""

    kind: ClassVar[Kind] = "float"

    @classmethod
    def token(cls, series: pd.Series[Any]) -> Token:
        """Return the column's own dtype."""
        return dump(series.dtype)

    @classmethod
    def learn_grain(cls, series: pd.Series[Any]) -> dict[str, Any]:
        """Count the decimals; single precision carries about six digits."""
        x = cls.to_numbers(series, {})
        size = getattr(series.dtype, "itemsize", 8) if series.dtype != object else 8
        if size < 8:
            # A float32 .1 is not the float64 .1: compare what both look like in single precision.
            short = x.astype(f"f{size}")
            for decimals in range(DIGITS.get(size, 6) + 1):
                if (np.round(x, decimals).astype(short.dtype) == short).all():
                    return {"decimals": decimals}
            return {"decimals": None}
        return {"decimals": count_decimals(x)}

    @classmethod
    def to_numbers(cls, series: pd.Series[Any], grain: Mapping[str, Any]) -> Doubles:
        """Return the values as float64."""
        return np.asarray(series.to_numpy(dtype=np.float64))

    def to_values(self, x: Doubles) -> Any:
        """Round, clip and cast."""
        if self.grain["decimals"] is not None:
            x = np.round(x, self.grain["decimals"])
        return cast(self.clip(x), load(self.dtype))

    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""
        low, high = self.observed
        return ColumnSchema(
            self.name,
            self.role,
            self.kind,
            str(self.dtype),
            decimals=self.grain["decimals"],
            low=low,
            high=high,
            scaler=self.scaler.name,
            reason=self.reason,
        )


class IntegerColumn(FloatColumn):
    """A column of whole numbers of an integer dtype."""

    kind = "integer"

    @classmethod
    def learn_grain(cls, series: pd.Series[Any]) -> dict[str, Any]:
        """Return zero decimals."""
        return {"decimals": 0}

    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""
        low, high = (int(v) for v in self.observed)
        line = super().describe()
        return ColumnSchema(**{**line.__dict__, "low": low, "high": high})


def cast(x: Doubles, dtype: Any) -> Any:
    """Return `x` as `dtype`; an integer dtype clips at its own limits instead of wrapping around."""
    name = str(getattr(dtype, "numpy_dtype", dtype))
    if name.startswith(("int", "uint")):
        limits = np.iinfo(name)
        high = float(limits.max)
        x = np.clip(x, float(limits.min), np.nextafter(high, 0) if high > limits.max else high).astype(name)
    if isinstance(dtype, np.dtype):
        return x.astype(dtype, copy=False)
    return pd.array(x, dtype=dtype)
