"""`Derived`: a column that is computed from others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ..errors import ConstraintError
from .agreement import agree
from .base import Constraint, names_of
from .expression import Expression, resolve
from .grain import Grain, Scale, decimals_of, kind_of
from .rows import Bools, Name, Rows


class Derived(Constraint):
    """``Derived("amount", "price * quantity")``: computed, and so never learned.

    Parameters
    ----------
    column : str or int
    function : str or callable
        A formula over the other columns (see `expression.Expression`), or a function of the DataFrame of all other
        columns that returns one value per row. A model with a function cannot be saved: write a formula for that.
    """

    kind: ClassVar[str] = "derived"

    def __init__(self, column: Name, function: str | Callable[[pd.DataFrame], Any]) -> None:
        (self.column,) = names_of([column], "Derived", 1)
        if not isinstance(function, str) and not callable(function):
            raise ConstraintError(f"Derived({column!r}): function={function!r} must be a formula as text or a function")
        self.function = function
        self.formula = Expression(function) if isinstance(function, str) else None
        if self.formula is not None and str(column) in self.formula.names:
            raise ConstraintError(f"Derived({column!r}): {function!r} names the column itself; compute it from others")

    @property
    def columns(self) -> tuple[Name, ...]:
        """The column, and those that the formula names."""
        return (self.column, *(() if self.formula is None else self.formula.names))

    @property
    def text(self) -> str:
        """Such as ``amount = price * quantity``."""
        told = self.function if isinstance(self.function, str) else getattr(self.function, "__name__", "a function")
        return f"{self.column} = {told}"

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the column and the function."""
        return (self.column, self.function), {}

    def operands(self, known: Iterable[Name]) -> tuple[Name, ...]:
        """Return the column and all that it is computed from; a function may look at every column."""
        names = list(known)
        others = names if self.formula is None else [resolve(name, names) for name in self.formula.names]
        return tuple(dict.fromkeys([self.column, *others]))

    def unknown(self, known: Iterable[Name]) -> list[Name]:
        """Return the columns that it names and that are not there."""
        there = set(known)
        return [name for name in self.columns if resolve(name, there) not in there]

    def check(self, rows: Rows) -> None:
        """Refuse operands that vary within a sequence for a static column, and dtypes that cannot be computed with."""
        others = [name for name in self.operands(rows.columns)[1:] if name not in rows.statics]
        if self.formula is not None and self.column in rows.statics and others:
            raise ConstraintError(
                f"{self!r}: column {self.column!r} is static, one value per sequence, and {others} are not; "
                "compute a static column from static ones"
            )
        computed = self.compute(rows)
        target = rows.columns[self.column]
        if kind_of(target) != kind_of(computed) and {kind_of(target), kind_of(computed)} - {"whole", "real"}:
            bools = {pd.api.types.is_bool_dtype(series.dtype) for series in (target, computed)}
            if kind_of(target) is not None or (kind_of(computed) is not None and bools != {True}):
                raise ConstraintError(
                    f"{self!r}: the result is of dtype {computed.dtype}, and column {self.column!r} of {target.dtype}; "
                    "change the formula or the column"
                )

    def compute(self, rows: Rows) -> pd.Series[Any]:
        """Return the computed values, one per row, or per sequence for a static column; infinite ones are missing."""
        static = self.column in rows.statics
        names = [name for name in self.operands(rows.columns)[1:] if not static or name in rows.statics]
        count = rows.size(static)
        if self.formula is not None:
            found = self.formula({name: rows.at(name, static) for name in names})
        else:
            frame = pd.DataFrame({name: rows.at(name, static) for name in names})
            found = self.function(frame)  # type: ignore[operator]
            if not np.isscalar(found) and len(found) != count:
                raise ConstraintError(f"{self!r}: the function returned {len(found)} values for {count} rows")
        if isinstance(found, str | int | float | np.generic) or not hasattr(found, "__len__"):
            return pd.Series([found]).take(np.zeros(count, dtype=np.intp)).reset_index(drop=True)
        series = found if isinstance(found, pd.Series) else pd.Series(found)
        series = series.reset_index(drop=True)
        return series.where(np.isfinite(series)) if series.dtype.kind == "f" else series

    def broken(self, rows: Rows) -> Bools:
        """Return which rows hold another value, in the decimals that are shown."""
        static = self.column in rows.statics
        found = self.differs(self.compute(rows), rows.columns[self.column])
        return found[rows.sequence] if static else found

    @staticmethod
    def differs(computed: pd.Series[Any], target: pd.Series[Any]) -> Bools:
        """Return where two columns differ, both being there."""
        there = (computed.notna() & target.notna()).to_numpy(dtype=bool)
        kind = kind_of(target)
        if kind is None or kind_of(computed) is None:
            same = np.zeros(len(target), dtype=bool)
            pair = computed.astype(object).to_numpy()[there], target.astype(object).to_numpy()[there]
            same[there] = np.asarray(pair[0] == pair[1], dtype=bool)
            return there & ~same
        scale = Scale.of(Grain.fit(one.iloc[:1]) for one in (computed, target))
        one, two = scale.read(computed)[0], scale.read(target)[0]
        if scale.kind != "real":
            return np.asarray((one != two) & there)
        shown = decimals_of(target)
        shown = None if shown == decimals_of(computed) else shown
        return np.asarray(~agree(one, two, np.zeros(len(one)), shown, target.dtype) & there)

    def to_dict(self) -> dict[str, Any]:
        """Return column and formula.

        Raises
        ------
        ConstraintError
            For a function, which cannot be written down.
        """
        if not isinstance(self.function, str):
            raise ConstraintError(
                f"{self!r} holds a function, which cannot be saved; write it as a formula, such as "
                f"Derived({self.column!r}, 'price * quantity')"
            )
        return {"kind": self.kind, "column": self.column, "function": self.function}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        return cls(data["column"], data["function"])
