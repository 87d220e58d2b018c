"""What puts columns back: one step makes one column, or a few, from learned parts and columns already put back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import pandas as pd

from .rows import Name, Rows

Dump = Callable[[Any], Any]
Parts = dict[Name, "pd.Series[Any]"]


class Step(ABC):
    """Some columns, and the parts that are learned in their place.

    `forward` and `inverse` are inverse to each other on rows that hold the constraints; `inverse` gives rows that hold
    them whatever the parts are.
    """

    kind: ClassVar[str]

    @property
    @abstractmethod
    def makes(self) -> tuple[Name, ...]:
        """The columns that it puts back."""

    @property
    @abstractmethod
    def needs(self) -> tuple[Name, ...]:
        """The columns that must be there before."""

    @property
    @abstractmethod
    def statics(self) -> frozenset[Name]:
        """Those of its parts that have one value per sequence."""

    @abstractmethod
    def forward(self, rows: Rows) -> Parts:
        """Return the parts that are learned in place of the columns."""

    @abstractmethod
    def inverse(self, parts: Mapping[Name, pd.Series[Any]], rows: Rows) -> Parts:
        """Return the columns; `rows` holds those that are already there."""

    def settled(self, parts: Mapping[Name, pd.Series[Any]], rows: Rows) -> Self:
        """Return the step as it has to be for parts as they are drawn; most are as they were."""
        return self

    @abstractmethod
    def to_dict(self, dump: Dump) -> dict[str, Any]:
        """Return the step as JSON-ready values; `dump` turns a dtype into one."""

    @classmethod
    @abstractmethod
    def from_dict(cls, data: Mapping[str, Any], load: Dump) -> Self:
        """Rebuild the step from `to_dict`."""


def reserved(what: str, name: object) -> str:
    """Return the name of a part that stands for a column; no column of a table has such a name."""
    return f"\0{what} {name!r}"
