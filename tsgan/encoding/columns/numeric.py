"""Floats and integers. Decoded values have the decimals, the dtype and the range of the real ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ...tables.dtypes import Token, dump, label, load
from ..atoms import find_atoms, tell
from ..lattice import Lattice, decimal_points
from ..scalers.base import Doubles
from ..schema import ColumnSchema, Kind
from .scaled import MOST_POINTS, ScaledColumn

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
        size = int(getattr(series.dtype, "itemsize", 8)) if series.dtype != object else 8
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
        """Return the values as float64, rounded to the decimals that are known of the column."""
        x = np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
        decimals = grain.get("decimals")
        return x if decimals is None else np.round(x, decimals)

    @classmethod
    def learn_lattice(cls, x: Doubles, grain: Mapping[str, Any]) -> tuple[Lattice | None, str]:
        """Return the lattice of the values, and it and the atoms in a few words."""
        values, counts = np.unique(x, return_counts=True)
        lattice, atoms = Lattice.fit(values, counts, grain["decimals"]), find_atoms(counts)
        told = [tell(values, counts, atoms)] * bool(len(atoms)) + ([lattice.describe()] if lattice else [])
        return lattice, "; ".join(told)

    def to_values(self, x: Doubles) -> Any:
        """Put on the lattice or round, clip and cast."""
        return cast(self.snap(x), load(self.dtype))

    def snap(self, x: Doubles) -> Doubles:
        """Return numbers put on the lattice or rounded, and clipped."""
        lattice = None if self.lattice is None else self.lattice.within(*self.bounds)
        if lattice is not None:
            x = lattice.hold(x, *self.bounds)
        elif self.grain["decimals"] is not None:
            x = np.round(x, self.grain["decimals"])
        return self.clip(x)

    def points(self, low: float, high: float) -> Doubles:
        """Return all numbers from `low` to `high` on the lattice or with the decimals; none where they are too many."""
        decimals = self.grain["decimals"]
        if self.lattice is not None:
            return self.lattice.points(low, high, MOST_POINTS)
        return np.empty(0) if decimals is None else decimal_points(low, high, decimals, MOST_POINTS)

    def ends(self, x: Doubles) -> tuple[Doubles, Doubles]:
        """Return the ends of what is rounded, or put on the lattice, to the same values as `x`."""
        if self.lattice is not None:
            low, high = self.lattice.ends(x)
        elif self.grain["decimals"] is not None:
            half = 0.5 * 10.0 ** -self.grain["decimals"]
            low, high = x - half, x + half
        else:
            return x, x
        # A scaler of positive numbers has no image for the lower half of the cell of the smallest.
        return (np.maximum(low, x / 2) if self.observed[0] > 0 else low), high

    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""
        low, high = self.observed
        return ColumnSchema(
            self.name,
            self.role,
            self.kind,
            label(self.dtype),
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
