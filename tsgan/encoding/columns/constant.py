"""A column that holds one value: nothing to learn, no channels, the value comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..dtypes import Name, Token, blank, dump, label, load, marker, plain, spelled, ticks, untick
from ..scalers.base import Doubles, State
from ..schema import ColumnSchema, Role
from .base import Column, Request


class ConstantColumn(Column):
    """One value, observed on all rows or on some; or none at all, so that all rows are missing.

    Attributes
    ----------
    value
        What JSON can hold: a datetime, a duration or a period is kept as its number of units.
    missing : str or None
        None if there is a value, else how missing ones are written (`dtypes.marker`).
    """

    kind = "constant"

    def __init__(self, name: Name, role: Role, dtype: Token, value: Any, missing: str | None = None) -> None:
        self.name, self.role, self.dtype, self.value, self.missing = name, role, dtype, value, missing

    @classmethod
    def fit(cls, series: pd.Series[Any], request: Request) -> Self:
        """Learn the value, if any is observed."""
        token = dump(series.dtype, request.name)
        observed = series[series.notna().to_numpy(dtype=bool)]
        if not len(observed):
            return cls(request.name, request.role, token, None, marker(series))
        one = observed.iloc[:1]
        value = int(ticks(one)[0]) if _counted(load(token)) else plain(one.iloc[0])
        return cls(request.name, request.role, token, value)

    @property
    def width(self) -> int:
        """No channel."""
        return 0

    def encode(self, series: pd.Series[Any]) -> Doubles:
        """Return no channels: `(rows, 0)`."""
        return np.empty((len(series), 0))

    def decode(self, channels: NDArray[np.floating], rng: np.random.Generator | None = None) -> Any:
        """Return the value on every row."""
        dtype = load(self.dtype)
        if self.missing is not None:
            return self._nothing(dtype, len(channels))
        one: Any
        if _counted(dtype):
            one = untick(np.array([self.value]), dtype)
        elif isinstance(dtype, np.dtype):
            one = np.array([self.value], dtype=dtype)
        else:
            one = pd.array([self.value], dtype=dtype)
        return one.take(np.zeros(len(channels), dtype=np.intp))

    def _nothing(self, dtype: Any, rows: int) -> Any:
        if isinstance(dtype, np.dtype):
            return blank(np.empty(rows, dtype=dtype), np.ones(rows, dtype=bool), self.missing or "")
        made: Any = pd.array([], dtype=dtype)
        return made.take(np.full(rows, -1), allow_fill=True)

    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""
        line: dict[str, Any] = {
            "name": self.name,
            "role": self.role,
            "kind": self.kind,
            "dtype": label(self.dtype),
            "scaler": "",
        }
        if self.missing is not None:
            return ColumnSchema(**line, reason="all missing")
        shown = spelled(self.decode(np.empty((1, 0))))[0] if _counted(load(self.dtype)) else self.value
        return ColumnSchema(**line, low=shown, high=shown, reason="one value")

    def state(self) -> State:
        """Return the value."""
        data = {"name": self.name, "role": self.role, "dtype": self.dtype}
        return {**data, "value": self.value, "missing": self.missing}, {}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild from `state`."""
        return cls(data["name"], data["role"], data["dtype"], data["value"], data["missing"])


def _counted(dtype: Any) -> bool:
    """Return whether values of this dtype are kept as a number of units."""
    arrow = isinstance(dtype, pd.ArrowDtype) and str(dtype.pyarrow_dtype).startswith(("timestamp", "duration", "date"))
    return arrow or isinstance(dtype, pd.DatetimeTZDtype | pd.PeriodDtype) or getattr(dtype, "kind", "") in "mM"
