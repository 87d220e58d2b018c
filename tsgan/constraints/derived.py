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
from .base import Columns, Constraint, Name, Plan, SequenceTable, Step, check_gaps, put_back, without
from .expression import Expression, resolve
from .numbers import NumberFormat, Scale, agree, decimals_of, kind_of, read_together


@saved
class Derived(Constraint):
    """``Derived("amount", "price * quantity")``: computed, and so never learned.

    Parameters
    ----------
    column : str or int
    function : str or callable
        A formula over the other columns (see `expression.Expression`), or a function of the DataFrame of all other
        columns that returns one value per row. The clock is one of them, under its name. A model with a function
        cannot be saved: write a formula for that.
    """

    kind: ClassVar[str] = "derived"

    def __init__(self, column: Name, function: str | Callable[[pd.DataFrame], Any]) -> None:
        (self.column,) = self._named([column])
        if not isinstance(function, str) and not callable(function):
            raise ConstraintError(f"Derived({column!r}): function={function!r} must be a formula as text or a function")
        self.function = function
        self.formula = Expression(function) if isinstance(function, str) else None
        if self.formula is not None and str(column) in self.formula.names:
            raise ConstraintError(f"Derived({column!r}): {function!r} names the column itself; compute it from others")
        self.columns = (self.column, *(() if self.formula is None else self.formula.names))

    @property
    def text(self) -> str:
        """Such as ``amount = price * quantity``."""
        formula = self.function if isinstance(self.function, str) else getattr(self.function, "__name__", "a function")
        return f"{self.column} = {formula}"

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the column and the function."""
        return (self.column, self.function), {}

    def operands(self, known: Iterable[Name]) -> tuple[Name, ...]:
        """Return the column and all that it is computed from; a function may look at every column."""
        names = list(known)
        others = names if self.formula is None else [resolve(name, names) for name in self.formula.names]
        return tuple(dict.fromkeys([self.column, *others]))

    def puts_back(self) -> tuple[Name, ...]:
        """Return the column; it only reads the others."""
        return (self.column,)

    def unknown(self, known: Iterable[Name]) -> list[Name]:
        """Return the columns that it names and that are not there."""
        there = set(known)
        return [name for name in self.columns if resolve(name, there) not in there]

    def check(self, table: SequenceTable) -> None:
        """Refuse operands that vary within a sequence for a static column, and dtypes that cannot be computed with."""
        others = [name for name in self.operands(table.columns)[1:] if name not in table.statics]
        if self.formula is not None and self.column in table.statics and others:
            raise ConstraintError(
                f"{self!r}: column {self.column!r} is static, one value per sequence, and {others} are not; "
                "compute a static column from static ones"
            )
        computed = self.compute(table)
        target = table.columns[self.column]
        if kind_of(target) != kind_of(computed) and {kind_of(target), kind_of(computed)} - {"whole", "real"}:
            bools = {pd.api.types.is_bool_dtype(series.dtype) for series in (target, computed)}
            if kind_of(target) is not None or (kind_of(computed) is not None and bools != {True}):
                raise ConstraintError(
                    f"{self!r}: the result is of dtype {computed.dtype}, and column {self.column!r} of {target.dtype}; "
                    "change the formula or the column"
                )

    def compute(self, table: SequenceTable) -> pd.Series[Any]:
        """Return the computed values, one per row, or per sequence for a static column; infinite ones are missing."""
        static = self.column in table.statics
        names = [name for name in self.operands(table.columns)[1:] if not static or name in table.statics]
        used, count = {name: table.at(name, static) for name in names}, table.size(static)
        found: Any
        if self.formula is not None:
            found = self.formula(used)
            gone = np.zeros(count, dtype=bool)
            for series in used.values():
                gone |= series.isna().to_numpy(dtype=bool)
            if isinstance(found, pd.Series) and gone.any():  # a comparison with what is missing is not False
                found = found.reset_index(drop=True).mask(gone)
        else:
            found = self._called(pd.DataFrame(used))
            if not np.isscalar(found) and len(found) != count:
                raise ConstraintError(f"{self!r}: the function returned {len(found)} values for {count} rows")
        if isinstance(found, str | np.generic) or not hasattr(found, "__len__"):
            return pd.Series([found]).take(np.zeros(count, dtype=np.intp)).reset_index(drop=True)
        series = pd.Series(found).reset_index(drop=True)
        return series.where(np.isfinite(series)) if series.dtype.kind == "f" else series

    def _called(self, frame: pd.DataFrame) -> Any:
        """Return what the function makes of a table; a column that is not there is named, beside those that are."""
        assert callable(self.function)
        try:
            return self.function(frame)
        except (KeyError, AttributeError) as error:
            raise ConstraintError(
                f"{self!r}: the function raised {type(error).__name__}: {error}; it is given the columns "
                f"{list(frame.columns)}, the clock among them if it has a name (time=, or df.rename_axis('time') where "
                "it is the index)"
            ) from error

    def broken(self, table: SequenceTable) -> Bools:
        """Return which rows hold another value, in the decimals that are shown."""
        found = _differ(self.compute(table), table.columns[self.column])
        return found[table.sequence] if self.column in table.statics else found

    @classmethod
    def steps(cls, own: Sequence[Self], plan: Plan) -> None:
        """Let columns be computed, unless another step puts them back or they would need themselves."""
        table = plan.table
        for i, one in enumerate(own):
            uses = one.operands(table.columns)[1:]
            if one.formula is None:
                later = {other.column for other in own} - {before.column for before in own[:i]}
                static = one.column in table.statics
                uses = tuple(name for name in uses if name not in later and (not static or name in table.statics))
            if one.column not in plan.owned and not any(plan.reaches(name, {one.column}) for name in uses):
                plan.add(Formula.fit(table, one, uses))

    def infer(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the table with what the formula says of its column where that is missing."""
        gone = frame[self.column].isna()
        if not gone.any():
            return frame
        plain = frame.reset_index(drop=True)
        columns: Columns = {name: plain[name] for name in plain.columns}
        computed = self.compute(SequenceTable(columns, frozenset(), np.array([len(frame)], dtype=np.int64)))
        computed = computed.set_axis(frame.index)
        gone &= computed.notna()
        if not gone.any():
            return frame
        out = frame.copy()
        out[self.column] = out[self.column].where(~gone, computed.astype(out[self.column].dtype))
        return out

    @classmethod
    def enforce(cls, own: Sequence[Self], drawn: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """Return the table with computed values missing again, so that they follow from the others as they now are."""
        out = drawn.copy()
        for one in own:
            out[one.column] = out[one.column].where(known[one.column].notna())
        return out

    def packed(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return column and formula; refuse a function, which cannot be written down."""
        if not isinstance(self.function, str):
            raise ConstraintError(
                f"{self!r} holds a function, which cannot be saved; write it as a formula, such as "
                f"Derived({self.column!r}, 'price * quantity')"
            )
        return self.arguments()


def _differ(computed: pd.Series[Any], target: pd.Series[Any]) -> Bools:
    """Return where two columns differ, both being there."""
    there = computed.notna().to_numpy(dtype=bool) & target.notna().to_numpy(dtype=bool)
    if kind_of(target) is None or kind_of(computed) is None:
        pair = computed.astype(object).to_numpy()[there], target.astype(object).to_numpy()[there]
        there[there] = np.asarray(pair[0] != pair[1], dtype=bool)
        return there
    scale, ((one, _), (two, _)) = read_together([computed, target])
    if scale.kind != "real":
        return np.asarray((one != two) & there)
    decimals = decimals_of(target)
    decimals = None if decimals == decimals_of(computed) else decimals
    return np.asarray(~agree(one, two, np.zeros(len(one)), decimals, target.dtype) & there)


@saved
@dataclass(frozen=True, eq=False)
class Formula(Step):
    """A derived column."""

    rule: Derived
    static: bool
    format: NumberFormat | None  # of numbers; None for categories, texts and booleans
    dtype: Any
    kept: bool  # whether the column stays among the learned parts

    @classmethod
    def fit(cls, table: SequenceTable, rule: Derived, uses: tuple[Name, ...]) -> Formula:
        """Learn the column's dtype, and where it is missing."""
        series = table.columns[rule.column]
        found = None if kind_of(series) is None else NumberFormat.fit(series)
        kept = bool((series.isna() == rule.compute(table).notna()).any())
        static = rule.column in table.statics
        own = frozenset(rule.columns[:1] if static and kept else ())
        return cls(rule.columns[:1], uses, own, rule, static, found, series.dtype, kept)

    @property
    def dtype_allows_gaps(self) -> bool:
        """Whether a value that cannot be computed may stay missing."""
        return not (isinstance(self.dtype, np.dtype) and self.dtype.kind in "iub")

    def forward(self, table: SequenceTable) -> Columns:
        """Return nothing, or the column where it is kept."""
        series = table.columns[self.name]
        if self.kept:
            return {self.name: series}
        check_gaps(self.name, series, self.rule.compute(table).notna().to_numpy(dtype=bool))
        return {}

    def inverse(self, parts: Mapping[Name, pd.Series[Any]], table: SequenceTable) -> Columns:
        """Return the computed column in its dtype and decimals."""
        name = self.name
        used = {one: table.columns[one] for one in self.needs} | {name: pd.Series(dtype=object)}
        statics = {*table.statics, *(self.makes if self.static else ())}
        computed = self.rule.compute(SequenceTable(used, statics, table.lengths))
        there = computed.notna().to_numpy(dtype=bool)
        if self.format is not None:
            wide = Scale.of([self.format])
            if kind_of(computed):
                wide = Scale.of([self.format, NumberFormat.fit(computed.iloc[:1])])
            x, missing = wide.read(computed)
            shown = self.format.write(self.format.round(x, wide), missing, wide)
        else:
            shown = computed if not there.all() and self.dtype == bool else computed.astype(self.dtype)
        return {name: put_back(name, self.kept, shown, there, parts)}

    def release(self, frame: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """Return the table with computed values missing where an operand was released."""
        names = list(self.needs)
        return without(frame, self.name, (frame[names].isna() & known[names].notna()).any(axis=1))
