"""The contract of a column kind: one column of a table to one cell of a row, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...layout import Cell
from ...tables.dtypes import Name, Token
from ..scalers.base import Bools, Doubles, State
from ..schema import ColumnSchema, Kind, Role

Bounds = tuple[float | None, float | None]


@dataclass(frozen=True)
class Request:
    """What is asked of a column when it is fitted.

    Attributes
    ----------
    name : str or int
    role : {"static", "value"}
    scaler : str
        "auto" or a name in SCALERS.
    bounds : "observed", None or (low, high)
        Where decoded numbers are clipped; None in a pair leaves that side open.
    follows : bool array of shape (rows,)
        Whether a row is the next step of the row before it, so that steps never cross from one sequence to the next.
    """

    name: Name
    role: Role
    scaler: str
    bounds: str | Bounds | None
    follows: Bools


class Column(ABC):
    """A reversible map of one column to the numbers of one cell, NaN where its value is missing.

    Attributes
    ----------
    name, role, dtype
        As in the table; `dtype` as `dtypes.dump` gives it.
    missing : bool
        Whether values were missing when it was fitted.
    marker : str
        How it writes a missing value, see `dtypes.marker`.
    """

    kind: ClassVar[Kind]
    name: Name
    role: Role
    dtype: Token
    missing: bool
    marker: str

    @classmethod
    @abstractmethod
    def fit(cls, series: pd.Series[Any], request: Request) -> Self:
        """Learn a column; its rows are in sequence and time order."""

    @abstractmethod
    def cell(self) -> Cell | None:
        """Return what its cell means; None where there is nothing to draw."""

    @abstractmethod
    def encode(self, series: pd.Series[Any]) -> Doubles:
        """Return the numbers of the cell, `(rows,)`.

        Raises
        ------
        InputError
            Naming the column, if a value has no code.
        """

    @abstractmethod
    def decode(self, values: Doubles, rng: np.random.Generator | None = None) -> Any:
        """Return numbers `(rows,)` as an array of the column's dtype (numpy, or a pandas array).

        Where a number leaves a choice (levels that are not kept), `rng` makes it; without one it is made in the same
        way each time.
        """

    @abstractmethod
    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""

    @abstractmethod
    def state(self) -> State:
        """Return what was learned: JSON-ready values, and arrays."""

    @classmethod
    @abstractmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild from `state`."""
