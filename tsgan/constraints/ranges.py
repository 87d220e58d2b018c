"""`Range`: a column stays between two ends, or holds whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ..arrays import Bools
from ..bundle import saved
from ..errors import ConstraintError
from .base import Constraint, Name, Plan, Rows, names_of, numeric
from .inequality import Node
from .numbers import Grain, Scale, kind_of


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
        (self.column,) = names_of([column], "Range", 1)
        self.low, self.high, self.whole = _end(low, column), _end(high, column), bool(whole)
        if low is None and high is None and not whole:
            raise ConstraintError(f"Range({column!r}) allows everything; give low=, high= or whole=True")
        if low is not None and high is not None and _after(self.low, self.high):
            raise ConstraintError(f"Range({column!r}, {low!r}, {high!r}): the low end is above the high one; swap them")

    @property
    def columns(self) -> tuple[Name, ...]:
        """The column."""
        return (self.column,)

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

    def check(self, rows: Rows) -> None:
        """Refuse a column that is not of the ends' kind."""
        numeric(self, rows, ("whole", "real") if self.whole else ("whole", "real", "moment", "span"))
        series = rows.columns[self.column]
        kind = kind_of(series)
        for end in (self.low, self.high):
            if end is None:
                continue
            try:
                if (kind in ("whole", "real")) != isinstance(end, int | float):
                    raise TypeError
                stamp = pd.Timestamp(end) if kind == "moment" else None
                if stamp is not None and (stamp.tz is None) != (getattr(series.dtype, "tz", None) is None):
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
            if one.column not in plan.owned:
                grain = plan.grain(one.column)
                scale = Scale.of([grain])
                low, high = plan.limits(one.column, scale)
                static = one.column in plan.rows.statics
                plan.add(Node(one.column, static, "free", grain, scale, low=low, high=high))

    def ends(self, name: Name) -> tuple[Any, Any, bool]:
        """Return the ends, and whether the column is whole."""
        return (self.low, self.high, self.whole) if name == self.column else super().ends(name)

    def broken(self, rows: Rows) -> Bools:
        """Return which rows lie outside, or are not whole."""
        series = rows.spread(self.column)
        grain = Grain.fit(rows.columns[self.column].iloc[:1])
        scale = Scale.of([grain])
        x, missing = scale.read(series)
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
    if value is None:
        return None
    value = value.item() if isinstance(value, np.generic) and value.dtype.kind in "iuf" else value
    if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value):
        return value
    if isinstance(value, str):
        return value
    if isinstance(value, np.datetime64 | np.timedelta64) or hasattr(value, "isoformat") or hasattr(value, "days"):
        return str(value)
    raise ConstraintError(f"Range({column!r}): {value!r} is no end of a range; pass a finite number, a date or None")


def _after(low: Any, high: Any) -> bool:
    return isinstance(low, int | float) and isinstance(high, int | float) and low > high
