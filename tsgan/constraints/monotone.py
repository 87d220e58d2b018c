"""`Monotone`: a column never falls (or never rises) within a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import ConstraintError
from .base import Constraint, names_of, numeric
from .grain import Grain, Scale
from .rows import Bools, Name, Places, Rows


class Monotone(Constraint):
    """A meter reading, a counter, a cumulative sum: each value of a sequence is at least the one before.

    Missing values are passed over: a value is compared with the last one that is there.

    Parameters
    ----------
    column : str or int
        Numbers, datetimes or timedeltas; not static.
    increasing : bool
        False for a column that never rises.
    strict : bool
        Whether it must change with every step; synthetic steps are then at least the smallest observed.
    """

    kind: ClassVar[str] = "monotone"

    def __init__(self, column: Name, increasing: bool = True, strict: bool = False) -> None:
        (self.column,) = names_of([column], "Monotone", 1)
        self.increasing, self.strict = bool(increasing), bool(strict)

    @property
    def columns(self) -> tuple[Name, ...]:
        """The column."""
        return (self.column,)

    @property
    def text(self) -> str:
        """Such as ``meter never falls``."""
        if self.strict:
            return f"{self.column} {'rises' if self.increasing else 'falls'} with every step"
        return f"{self.column} never {'falls' if self.increasing else 'rises'}"

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the column, the direction and `strict`."""
        names = {"increasing": False} if not self.increasing else {}
        return (self.column,), names | ({"strict": True} if self.strict else {})

    def check(self, rows: Rows) -> None:
        """Refuse a column that holds no numbers, or one value per sequence."""
        numeric(self, rows)
        if self.column in rows.statics:
            raise ConstraintError(
                f"{self!r}: column {self.column!r} is static, one value per sequence, and cannot rise or fall in it; "
                "leave it out of static=, or leave the constraint out"
            )

    def broken(self, rows: Rows) -> Bools:
        """Return which rows go back behind the last value before them."""
        series = rows.columns[self.column]
        scale = Scale.of([Grain.fit(series.iloc[:1])])
        x, missing = scale.read(series)
        before = previous(~missing, rows.sequence)
        x = x if self.increasing else -x
        rise = x - x[np.maximum(before, 0)]
        return np.asarray(((rise <= 0) if self.strict else (rise < 0)) & (before >= 0) & ~missing)

    def to_dict(self) -> dict[str, Any]:
        """Return column, direction and strictness."""
        return {"kind": self.kind, "column": self.column, "increasing": self.increasing, "strict": self.strict}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        return cls(data["column"], data["increasing"], data["strict"])


def previous(known: Bools, groups: Places) -> Places:
    """Return the position of the last known value before each row in its sequence, -1 where there is none."""
    here = np.where(known, np.arange(len(known)), -1)
    before = np.r_[-1, np.maximum.accumulate(here)[:-1]] if len(here) else here
    return np.where((before >= 0) & (groups[np.maximum(before, 0)] == groups), before, -1)
