"""The contract of a column kind: one column of a table to numbers, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...layout import Block
from ..dtypes import Name, Token
from ..scalers.base import Bools, State
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
    """A reversible map of one column to channels.

    Missing values are carried by channels of their own, which another stage makes. So here a column is learned from its
    observed rows only, a missing value has NaN in all channels, and decoding gives a value on every row; missing ones
    are put in afterwards (`dtypes.blank`).

    Attributes
    ----------
    name, role, dtype
        As in the table; `dtype` as `dtypes.dump` gives it.
    width : int
        Number of channels: 0 for a constant, 1 for a number, K for a category of K levels.
    continuous : bool
        Whether its one channel is a real number, to be whitened with the others, rather than a block of its own.
    """

    kind: ClassVar[Kind]
    continuous: ClassVar[bool] = False
    name: Name
    role: Role
    dtype: Token

    @classmethod
    @abstractmethod
    def fit(cls, series: pd.Series[Any], request: Request) -> Self:
        """Learn from the observed rows of a column; its rows are in sequence and time order."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Number of channels."""

    @abstractmethod
    def encode(self, series: pd.Series[Any]) -> NDArray[np.floating]:
        """Return the channels, `(rows, width)`, NaN on rows whose value is missing.

        Raises
        ------
        InputError
            Naming the column, if a value has no code.
        """

    @abstractmethod
    def decode(self, channels: NDArray[np.floating], rng: np.random.Generator | None = None) -> Any:
        """Return `(rows, width)` channels, none NaN, as an array of the column's dtype (numpy, or a pandas array).

        Where channels leave a choice (the rare levels of a category), `rng` makes it; without one it is made in the
        same way each time.
        """

    def block(self) -> Block | None:
        """Return the block of channels, for a column that is not continuous and not constant."""
        return None

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
