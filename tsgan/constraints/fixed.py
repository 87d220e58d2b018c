"""`Fixed`: only combinations of categories that exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ..errors import ConstraintError
from .base import Constraint, names_of
from .combinations import combine
from .rows import Bools, Name, Rows


class Fixed(Constraint):
    """``Fixed("city", "country")``: a synthetic row holds only a pair that a real row holds.

    By itself it says nothing of the real table, which holds its own combinations; where a table is judged, the
    combinations of the real one are given by `like`.

    Parameters
    ----------
    *columns : str or int
        At least two, all static or none.
    """

    kind: ClassVar[str] = "fixed"

    def __init__(self, *columns: Name) -> None:
        self.together = names_of(columns, "Fixed", 2)

    @property
    def columns(self) -> tuple[Name, ...]:
        """The columns whose values belong together."""
        return self.together

    @property
    def text(self) -> str:
        """Such as ``only known pairs of city, country``."""
        return f"only known combinations of {', '.join(map(str, self.together))}"

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the columns."""
        return self.together, {}

    def check(self, rows: Rows) -> None:
        """Refuse static columns beside others."""
        static = [name for name in self.together if name in rows.statics]
        if static and len(static) < len(self.together):
            raise ConstraintError(
                f"{self!r}: {static} are static, one value per sequence, and "
                f"{[name for name in self.together if name not in static]} are not; "
                "name columns of one role, or change static="
            )

    def broken(self, rows: Rows) -> Bools:
        """Return no row: alone, a table holds its own combinations."""
        return np.zeros(rows.size(False), dtype=bool)

    def unlike(self, rows: Rows, real: Rows) -> Bools:
        """Return which rows hold a combination that the real rows do not hold; one with a missing value counts not."""
        sides = [real, rows]
        known = np.concatenate([_complete(side, self.together) for side in sides])
        both = [
            pd.concat([side.spread(name).astype(object) for side in sides], ignore_index=True) for name in self.together
        ]
        codes = combine(both)
        size = real.size(False)
        held = np.zeros(codes.max(initial=0) + 1, dtype=bool)
        held[codes[:size][known[:size]]] = True
        return np.asarray(~held[codes[size:]] & known[size:])

    def to_dict(self) -> dict[str, Any]:
        """Return the columns."""
        return {"kind": self.kind, "columns": list(self.together)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        return cls(*data["columns"])


def _complete(rows: Rows, names: tuple[Name, ...]) -> Bools:
    known = np.ones(rows.size(False), dtype=bool)
    for name in names:
        known &= rows.spread(name).notna().to_numpy(dtype=bool)
    return known
