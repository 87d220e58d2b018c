"""`Derived`: a column that is computed from others, and so is not learned.

Where the real column is missing exactly where it cannot be computed, nothing is learned of it. Otherwise the column
stays among the learned parts, and says where it is missing and what it is where an operand is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ..arrays import Bools
from ..bundle import saved
from ..errors import ConstraintError
from .base import Constraint, Name, Parts, Plan, Rows, Step, check_gaps, names_of, put_back
from .expression import Expression, resolve
from .numbers import Grain, Scale, agree, decimals_of, kind_of


@saved
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
            used = {name: rows.at(name, static) for name in names}
            found = self.formula(used)
            gone = np.logical_or.reduce(
                [np.zeros(count, dtype=bool), *(one.isna().to_numpy(dtype=bool) for one in used.values())]
            )
            if isinstance(found, pd.Series) and gone.any():  # a comparison with what is missing is not False
                found = found.reset_index(drop=True).mask(gone)
        else:
            frame = pd.DataFrame({name: rows.at(name, static) for name in names})
            assert callable(self.function)
            found = self.function(frame)
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

    @classmethod
    def steps(cls, own: Sequence[Self], plan: Plan) -> None:
        """Let columns be computed, one after the other."""
        for i, one in enumerate(own):
            _formula(plan, one, [before.column for before in own[:i]])

    def complete(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the table with what the formula says of its column where that is missing."""
        if not frame[self.column].isna().any():
            return frame

        plain = frame.reset_index(drop=True)
        rows = Rows({name: plain[name] for name in plain.columns}, frozenset(), np.array([len(plain)], dtype=np.int64))
        said = self.compute(rows).set_axis(frame.index)
        gone = frame[self.column].isna() & said.notna()
        if not gone.any():
            return frame
        out = frame.copy()
        out[self.column] = out[self.column].where(~gone, said.astype(out[self.column].dtype))
        return out

    @classmethod
    def hold(cls, own: Sequence[Self], drawn: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
        """Return the table with computed values missing again, so that they follow from the others as they now are."""
        out = drawn.copy()
        for one in own:
            out[one.column] = out[one.column].where(told[one.column].notna())
        return out

    def packed(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
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
        return self.arguments()


@saved
@dataclass(frozen=True, eq=False)
class Formula(Step):
    """A derived column.

    Attributes
    ----------
    rule : Derived
    uses : tuple of str or int
        The columns that it is computed from.
    static : bool
    grain : Grain or None
        Of numbers; None for categories, texts and booleans.
    dtype : dtype
    kept : bool
        Whether the column stays among the learned parts.
    """

    rule: Derived
    uses: tuple[Name, ...]
    static: bool
    grain: Grain | None
    dtype: Any
    kept: bool

    @classmethod
    def fit(cls, rows: Rows, rule: Derived, uses: tuple[Name, ...]) -> Formula:
        """Learn the column's dtype, and where it is missing."""
        series = rows.columns[rule.column]
        grain = None if kind_of(series) is None else Grain.fit(series)
        there = rule.compute(rows).notna().to_numpy(dtype=bool)
        kept = bool((series.isna().to_numpy(dtype=bool) == there).any())
        return cls(rule, uses, rule.column in rows.statics, grain, series.dtype, kept)

    @property
    def makes(self) -> tuple[Name, ...]:
        """The column."""
        return (self.rule.column,)

    @property
    def needs(self) -> tuple[Name, ...]:
        """What it is computed from."""
        return self.uses

    @property
    def statics(self) -> frozenset[Name]:
        """The column itself, where it is static and kept."""
        return frozenset(self.makes if self.static and self.kept else ())

    @property
    def dtype_allows_gaps(self) -> bool:
        """Whether a value that cannot be computed may stay missing."""
        return not (isinstance(self.dtype, np.dtype) and self.dtype.kind in "iub")

    def forward(self, rows: Rows) -> Parts:
        """Return nothing, or the column where it is kept."""
        series = rows.columns[self.rule.column]
        if not self.kept:
            check_gaps(self.rule.column, self.kept, series, self.rule.compute(rows).notna().to_numpy(dtype=bool))
        return {self.rule.column: series} if self.kept else {}

    def inverse(self, parts: Mapping[Name, pd.Series[Any]], rows: Rows) -> Parts:
        """Return the computed column in its dtype and decimals."""
        name = self.rule.column
        used = {one: rows.columns[one] for one in self.uses}
        target = pd.Series([0] * rows.size(self.static))
        statics = set(rows.statics) | ({name} if self.static else set())
        computed = self.rule.compute(Rows({**used, name: target}, statics, rows.lengths))
        there = computed.notna().to_numpy(dtype=bool)
        if self.grain is not None:
            scale = Scale.of([self.grain])
            wide = Scale.of([self.grain, Grain.fit(computed.iloc[:1])]) if kind_of(computed) else scale
            x, missing = wide.read(computed)
            shown = self.grain.write(self.grain.snap(x, wide), missing, wide)
        else:
            shown = computed if (~there).any() and self.dtype == bool else computed.astype(self.dtype)
        return {name: put_back(name, self.kept, shown, there, parts)}


def _formula(plan: Plan, one: Derived, earlier: Sequence[Name]) -> None:
    """Let a column be computed, unless another step puts it back or it would need itself."""
    rows = plan.rows
    uses = one.operands(rows.columns)[1:]
    if one.formula is None:
        later = {o.column for o in plan.constraints if isinstance(o, Derived)} - set(earlier)
        static = one.column in rows.statics
        uses = tuple(name for name in uses if name not in later and (not static or name in rows.statics))
    if one.column in plan.owned or any(plan.reaches(name, {one.column}) for name in uses):
        return
    plan.add(Formula.fit(rows, one, uses))
