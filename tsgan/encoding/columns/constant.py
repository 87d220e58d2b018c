"""A column that holds one value: nothing to learn, no channels, the value comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..dtypes import Name, Token, dump, label, load, plain
from ..scalers.base import Doubles, State
from ..schema import ColumnSchema, Role
from .base import Column, Request


class ConstantColumn(Column):
    """One value; a datetime or duration is kept as its number of units."""

    kind = "constant"

    def __init__(self, name: Name, role: Role, dtype: Token, value: Any) -> None:
        self.name, self.role, self.dtype, self.value = name, role, dtype, value

    @classmethod
    def fit(cls, series: pd.Series[Any], request: Request) -> Self:
        """Learn the value."""
        dtype = series.dtype
        if pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
            value = int(pd.Index(series.iloc[:1]).asi8[0])
        else:
            value = plain(series.iloc[0])
        return cls(request.name, request.role, dump(dtype, request.name), value)

    @property
    def width(self) -> int:
        """No channel."""
        return 0

    def encode(self, series: pd.Series[Any]) -> Doubles:
        """Return no channels: `(rows, 0)`."""
        return np.empty((len(series), 0))

    def decode(self, channels: NDArray[np.floating]) -> Any:
        """Return the value on every row."""
        dtype = load(self.dtype)
        if isinstance(dtype, pd.DatetimeTZDtype):
            utc = pd.DatetimeIndex(np.array([self.value]).view(f"M8[{dtype.unit}]")).tz_localize("UTC")
            one: Any = utc.tz_convert(dtype.tz).array
        elif isinstance(dtype, np.dtype) and dtype.kind in "mM":
            one = np.array([self.value]).view(dtype)
        elif isinstance(dtype, np.dtype):
            one = np.array([self.value], dtype=dtype)
        else:
            one = pd.array([self.value], dtype=dtype)
        return one.take(np.zeros(len(channels), dtype=np.intp))

    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""
        value = self.decode(np.empty((1, 0)))[0]
        low = plain(value) if isinstance(plain(value), int | float | str) else str(value)
        return ColumnSchema(
            self.name, self.role, self.kind, label(self.dtype), low=low, high=low, scaler="", reason="one value"
        )

    def state(self) -> State:
        """Return the value."""
        return {"name": self.name, "role": self.role, "dtype": self.dtype, "value": self.value}, {}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild from `state`."""
        return cls(data["name"], data["role"], data["dtype"], data["value"])
