"""A column that holds one value: what there is to learn of it is where it is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from ...arrays import Doubles
from ...bundle import saved
from ...holders import without_levels
from ...layout import Category
from ...tables.dtypes import Name, Token, blank, dump, load, marker, plain, spelled, ticks, untick
from ..schema import ColumnSchema, Role
from .base import Column, Request


@saved
@dataclass(eq=False)
class ConstantColumn(Column):
    """One value, observed on all rows or on some; or none at all, so that all rows are missing.

    Where some rows have the value and others not, there is a cell of two levels: 0 for the value, 1 for none.

    Attributes
    ----------
    value
        What JSON can hold: a datetime, a duration or a period is kept as its number of units.
    empty : bool
        Whether there is no value at all.
    """

    kind = "constant"
    name: Name
    role: Role
    dtype: Token
    value: Any
    empty: bool
    missing: bool
    marker: str

    @classmethod
    def fit(cls, series: pd.Series[Any], request: Request) -> Self:
        """Learn the value, if enough rows have it or all."""
        some = series.notna().to_numpy(dtype=bool)
        observed, rest = series[some], (not some.all(), marker(series))
        if not some.all() and len(np.unique(request.holders.of[some])) < request.holders.least:
            token = dump(without_levels(series.dtype, observed.unique()), request.name)
            return cls(request.name, request.role, token, None, True, *rest)
        token = dump(series.dtype, request.name)
        one = observed.iloc[:1]
        value = int(ticks(one)[0]) if _counted(load(token)) else plain(one.iloc[0])
        return cls(request.name, request.role, token, value, False, *rest)

    def cell(self) -> Category | None:
        """Return a cell of two levels where the value is there on some rows only, else None."""
        return Category(str(self.name), 2) if self.missing and not self.empty else None

    def encode(self, series: pd.Series[Any]) -> Doubles:
        """Return 0 where the value is, 1 where it is missing."""
        return np.asarray(series.isna(), dtype=np.float64)

    def decode(self, values: Doubles, rng: np.random.Generator | None = None) -> Any:
        """Return the value, missing where the number is 1."""
        dtype = load(self.dtype)
        one: Any
        if self.empty:
            one = np.empty(1, dtype=dtype) if isinstance(dtype, np.dtype) else pd.array([None], dtype=dtype)
        elif _counted(dtype):
            one = untick(np.array([self.value]), dtype)
        elif isinstance(dtype, np.dtype):
            one = np.array([self.value], dtype=dtype)
        else:
            one = pd.array([self.value], dtype=dtype)
        return blank(one.take(np.zeros(len(values), dtype=np.intp)), (values == 1) | self.empty, self.marker)

    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""
        if self.empty:
            return self.line(reason="all missing")
        shown = spelled(self.decode(np.zeros(1)))[0] if _counted(load(self.dtype)) else self.value
        return self.line(low=shown, high=shown, reason="one value")


def _counted(dtype: Any) -> bool:
    """Return whether values of this dtype are kept as a number of units."""
    arrow = isinstance(dtype, pd.ArrowDtype) and str(dtype.pyarrow_dtype).startswith(("timestamp", "duration", "date"))
    return arrow or isinstance(dtype, pd.DatetimeTZDtype | pd.PeriodDtype) or getattr(dtype, "kind", "") in "mM"
