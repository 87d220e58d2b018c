"""What each column of a table is: its role, its kind, its range, and how it is scaled and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..printing import aligned
from ..tables.dtypes import Name

Role = Literal["entity", "time", "static", "value"]
Kind = Literal[
    "float",
    "integer",
    "boolean",
    "category",
    "datetime",
    "timedelta",
    "period",
    "constant",
    "restored",
    "key",
    "clock",
]


@dataclass(frozen=True)
class ColumnSchema:
    """One line of a schema.

    Attributes
    ----------
    name : str, int or None
        None for an index without a name.
    role : {"entity", "time", "static", "value"}
    kind : str
        "float", "integer", "boolean", "category", "datetime", "timedelta", "period" or "constant" for static and value
        columns, "key" for the entity and "clock" for the time.
    dtype : str
    decimals : int or None
        Digits after the point that decoded values have; None where they are not rounded.
    low, high : float, int, str or None
        Observed range; for a category None.
    levels : int or None
        Number of observed levels of a category, of entities, or of boolean values.
    scaler, reason : str
        The scaler of a numeric column, and why it was chosen; otherwise how the column is represented.
    """

    name: Name | None
    role: Role
    kind: Kind
    dtype: str
    decimals: int | None = None
    low: float | int | str | None = None
    high: float | int | str | None = None
    levels: int | None = None
    scaler: str = ""
    reason: str = ""

    @property
    def range(self) -> str:
        """The observed range, or the number of levels, as text."""
        if self.role == "time":
            return f"from {_number(self.low)}"
        if self.low is not None:
            return f"{_number(self.low)} .. {_number(self.high)}" if self.low != self.high else _number(self.low)
        return (
            "" if self.levels is None else f"{self.levels} levels" if self.role != "entity" else f"{self.levels} keys"
        )


def _number(value: float | int | str | None) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Schema:
    """The columns of a table in their order, roles that live in the index first."""

    columns: tuple[ColumnSchema, ...]

    def __iter__(self) -> Iterator[ColumnSchema]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, name: Name | None) -> ColumnSchema:
        """Return the line of a column by its name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def __str__(self) -> str:
        rows = [("column", "role", "kind", "dtype", "decimals", "range", "scaler", "reason")]
        for c in self.columns:
            name = "(index)" if c.name is None else str(c.name)
            decimals = "" if c.decimals is None else str(c.decimals)
            rows.append((name, c.role, c.kind, c.dtype, decimals, c.range, c.scaler, c.reason))
        return "\n".join(aligned(rows))
