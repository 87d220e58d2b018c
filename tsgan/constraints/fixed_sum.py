"""`FixedSum`: parts that add up to a total."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import ConstraintError
from .agreement import agree
from .base import Constraint, names_of, numeric
from .grain import Grain, Scale, decimals_of
from .rows import Bools, Name, Rows


class FixedSum(Constraint):
    """``FixedSum("total", ["a", "b"])`` says total = a + b; ``FixedSum(100, ["a", "b", "c"])`` says that they make 100.

    A text is the name of a column; a number is the name of a column only where the table has one of that name.

    Parameters
    ----------
    total : str or number
        Column of the sums, or the sum of every row.
    parts : sequence of str or int
        Columns that are added: numbers, or timedeltas with a column of timedeltas as total.
    """

    kind: ClassVar[str] = "fixed_sum"

    def __init__(self, total: Name | float, parts: Sequence[Name]) -> None:
        if isinstance(parts, str) or not isinstance(parts, Sequence):
            raise ConstraintError(f"FixedSum: parts={parts!r} must be a list of columns; write [{parts!r}]")
        total = total.item() if isinstance(total, np.generic) else total
        if isinstance(total, bool) or not isinstance(total, str | int | float) or total != total:
            raise ConstraintError(f"FixedSum: total={total!r} must be the name of a column or a number")
        self.total, self.parts = total, names_of(parts, "FixedSum", 2)
        if total in self.parts:
            raise ConstraintError(f"FixedSum: {total!r} is the total and one of the parts; name it once")

    def column(self, rows: Rows) -> Name | None:
        """Return the column of the totals, None where the total is a number."""
        return self.total if isinstance(self.total, str) or self.total in rows.columns else None  # type: ignore[return-value]

    @property
    def columns(self) -> tuple[Name, ...]:
        """Parts, and the total where it is a name."""
        return (self.total, *self.parts) if isinstance(self.total, str) else self.parts

    def operands(self, known: Iterable[Name]) -> tuple[Name, ...]:
        """Return parts, and the total where it is a column."""
        there = set(known)
        return tuple(name for name in dict.fromkeys([self.total, *self.parts]) if name in there)  # type: ignore[misc]

    @property
    def text(self) -> str:
        """Such as ``total = a + b``."""
        return f"{self.total} = {' + '.join(map(str, self.parts))}"

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return total and parts."""
        return (self.total, list(self.parts)), {}

    def check(self, rows: Rows) -> None:
        """Refuse columns that cannot be added, and a static among values."""
        numeric(self, rows, ("whole", "real", "span"))
        names = (*self.parts, *([] if self.column(rows) is None else [self.column(rows)]))
        static = [name for name in names if name in rows.statics]
        if static and len(static) < len(names):
            raise ConstraintError(
                f"{self!r}: {static} are static, one value per sequence, and "
                f"{[name for name in names if name not in static]} are not; a sum is made of columns of one role"
            )
        if self.column(rows) is None and Grain.fit(rows.columns[self.parts[0]].iloc[:1]).kind == "span":
            raise ConstraintError(f"{self!r}: timedeltas do not add up to a number; name a column of timedeltas")

    def broken(self, rows: Rows) -> Bools:
        """Return which rows have parts that do not add up, in the decimals that are shown."""
        name = self.column(rows)
        names = [*self.parts, *([] if name is None else [name])]
        scale = Scale.of(Grain.fit(rows.columns[one].iloc[:1]) for one in names)
        read = [scale.read(rows.spread(one)) for one in names]
        missing = np.logical_or.reduce([one for _, one in read])
        values = [np.asarray(x, dtype=np.float64) for x, _ in read[: len(self.parts)]]
        size = np.sum(np.abs(values), axis=0)
        if name is None:
            goal, rounded, dtype = np.full(len(missing), float(self.total)), None, rows.columns[self.parts[-1]].dtype
        elif scale.kind == "real":
            goal, dtype = read[-1][0], rows.columns[name].dtype
            rounded = shown(rows, name, self.parts)
        else:
            return np.asarray((np.sum([x for x, _ in read[:-1]], axis=0) != read[-1][0]) & ~missing)
        return np.asarray(~agree(np.sum(values, axis=0), goal, size, rounded, dtype) & ~missing)

    def to_dict(self) -> dict[str, Any]:
        """Return total and parts."""
        return {"kind": self.kind, "total": self.total, "parts": list(self.parts)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        return cls(data["total"], data["parts"])


def shown(rows: Rows, total: Name, parts: Sequence[Name]) -> int | None:
    """Return the decimals that the total was rounded to, None where it shows as many as its parts."""
    own, others = decimals_of(rows.columns[total]), [decimals_of(rows.columns[name]) for name in parts]
    if own is None or all(one is not None and one <= own for one in others):
        return None
    return own
