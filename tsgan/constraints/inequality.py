"""`Inequality`: one column is never above another."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, ClassVar, Self

import numpy as np

from .base import Constraint, names_of, numeric
from .grain import Grain, Scale
from .rows import Bools, Name, Rows


class Inequality(Constraint):
    """A chain of columns in rising order: ``Inequality("low", "open", "high")`` says low <= open <= high.

    Several chains may share columns; together they are a partial order. Columns are numbers, datetimes or timedeltas.

    Parameters
    ----------
    *columns : str or int
        At least two, the smallest first.
    strict : bool
        Whether equality is not allowed; synthetic gaps are then at least the smallest observed.
    """

    kind: ClassVar[str] = "inequality"

    def __init__(self, *columns: Name, strict: bool = False) -> None:
        self.chain, self.strict = names_of(columns, "Inequality", 2), bool(strict)

    @property
    def columns(self) -> tuple[Name, ...]:
        """The chain."""
        return self.chain

    @property
    def text(self) -> str:
        """Such as ``low <= high``."""
        return (" < " if self.strict else " <= ").join(map(str, self.chain))

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the columns, and `strict`."""
        return self.chain, {"strict": True} if self.strict else {}

    def check(self, rows: Rows) -> None:
        """Refuse columns that cannot be compared."""
        numeric(self, rows)

    def broken(self, rows: Rows) -> Bools:
        """Return which rows have a pair of present values in the wrong order."""
        scale = Scale.of(Grain(rows.columns[name].dtype, *_kind_unit(rows, name)) for name in self.chain)
        read = [scale.read(rows.spread(name)) for name in self.chain]
        found = np.zeros(rows.size(False), dtype=bool)
        for (low, no_low), (high, no_high) in combinations(read, 2):
            found |= ((low >= high) if self.strict else (low > high)) & ~no_low & ~no_high
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return columns and strictness."""
        return {"kind": self.kind, "columns": list(self.chain), "strict": self.strict}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        return cls(*data["columns"], strict=data["strict"])


def _kind_unit(rows: Rows, name: Name) -> tuple[Any, None, str]:
    grain = Grain.fit(rows.columns[name].iloc[:1])
    return grain.kind, None, grain.unit
