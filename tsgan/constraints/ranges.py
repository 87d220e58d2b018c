"""`Range`: a column stays between two ends, or holds whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ..arrays import Bools
from ..bundle import saved
from ..errors import ConstraintError
from .base import Constraint, Name, Plan, SequenceTable
from .inequality import Node
from .numbers import KINDS, Scale, kind_of, read_together


@saved
class Range(Constraint):
    """``Range("x", 0)`` says x >= 0, ``Range("x", 0, 1)`` 0 <= x <= 1, ``Range("x", whole=True)`` whole numbers.

    Parameters
    ----------
    column : str or int
    low, high : number, or text or Timestamp or Timedelta for datetimes and timedeltas, optional
        Smallest and largest value allowed.
    whole : bool
        Whether only whole numbers are allowed, also where the column's dtype is float.
    """

    kind: ClassVar[str] = "range"

    def __init__(self, column: Name, low: Any = None, high: Any = None, *, whole: bool = False) -> None:
        self.columns = (self.column,) = self._named([column])
        self.low, self.high, self.whole = _end(low, column), _end(high, column), bool(whole)
        if low is None and high is None and not whole:
            raise ConstraintError(f"Range({column!r}) allows everything; give low=, high= or whole=True")
        if isinstance(self.low, int | float) and isinstance(self.high, int | float) and self.low > self.high:
            raise ConstraintError(f"Range({column!r}, {low!r}, {high!r}): the low end is above the high one; swap them")

    @property
    def text(self) -> str:
        """Such as ``0 <= x <= 1, whole``."""
        ends = [f"{self.low} <= " if self.low is not None else "", f" <= {self.high}" if self.high is not None else ""]
        between = f"{ends[0]}{self.column}{ends[1]}"
        return f"{between}{', whole' if any(ends) else ' is whole'}" if self.whole else between

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the column, the ends and `whole`."""
        ends = [self.low, self.high][: 2 if self.high is not None else 1 if self.low is not None else 0]
        return (self.column, *ends), {"whole": True} if self.whole else {}

    def puts_back(self) -> tuple[Name, ...]:
        """Return nothing: a column that can only be read is looked at, every other one is clipped."""
        return ()

    def check(self, table: SequenceTable) -> None:
        """Refuse a column that is not of the ends' kind."""
        self._check_kinds(table, ("whole", "real") if self.whole else KINDS)
        series = table.columns[self.column]
        kind = kind_of(series)
        for end in (self.low, self.high):
            if end is None:
                continue
            try:
                if (kind in ("whole", "real")) != isinstance(end, int | float):
                    raise TypeError
                if kind == "moment" and (pd.Timestamp(end).tz is None) != (getattr(series.dtype, "tz", None) is None):
                    raise TypeError
                Scale(kind or "real", "ns").bound(end, "low")
            except (TypeError, ValueError) as error:
                raise ConstraintError(
                    f"{self!r}: the end {end!r} does not fit column {self.column!r} of dtype {series.dtype}; "
                    "pass a number for numbers, a Timestamp of the same zone for datetimes, a Timedelta for timedeltas"
                ) from error

    @classmethod
    def steps(cls, own: Sequence[Self], plan: Plan) -> None:
        """Clip what nothing else puts back."""
        for one in own:
            if one.column not in plan.owned | plan.table.given:
                found = plan.format(one.column)
                scale = Scale.of([found])
                low, high = plan.limits(one.column, scale)
                statics = frozenset({one.column} & set(plan.table.statics))
                plan.add(Node((one.column,), (), statics, "free", found, scale, low=low, high=high))

    def ends(self, name: Name) -> tuple[Any, Any, bool]:
        """Return the ends, and whether the column is whole."""
        return (self.low, self.high, self.whole) if name == self.column else super().ends(name)

    def broken(self, table: SequenceTable) -> Bools:
        """Return which rows lie outside, or are not whole."""
        scale, ((x, missing),) = read_together([table.per_row(self.column)])
        found = np.zeros(len(x), dtype=bool)
        if self.low is not None:
            found |= x < scale.bound(self.low, "low")
        if self.high is not None:
            found |= x > scale.bound(self.high, "high")
        if self.whole:
            found |= x != np.round(x)
        return np.asarray(found & ~missing)


def _end(value: Any, column: Name) -> Any:
    """Return an end of a range as a plain number or as text."""
    value = value.item() if isinstance(value, np.generic) and value.dtype.kind in "iuf" else value
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value):
        return value
    if isinstance(value, np.datetime64 | np.timedelta64) or hasattr(value, "isoformat") or hasattr(value, "days"):
        return str(value)
    raise ConstraintError(f"Range({column!r}): {value!r} is no end of a range; pass a finite number, a date or None")
