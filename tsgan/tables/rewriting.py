"""Forms of pandas tables that are learned as plainer ones and written back: what goes in comes out in kind.

A Series is learned as a table of one column, levels of column names as one name ("A.open"), decimals as floats on their
own grid, intervals and categories of moments as categories of text, and numbers that are written with thousands
separators ("1,234.50", "1.234,50 EUR") as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pandas.api import types

from ..bundle import PLACES, saved
from .dtypes import Name, Token, blank, dump, load, marker

# What parts groups of three digits, and the decimal marks that may stand beside it.
SEPARATORS = {",": ".", ".": ",", "'": ".,", "\u2019": ".,", " ": ",.", "\u00a0": ",.", "\u202f": ",."}
MAX_TRIED = 100  # values that are looked at before all are
_AROUND = re.compile(r"(?s)([^\d+-]*)([+-]?\d.*?)(\D*)")


def flat(name: Any) -> Any:
    """Return a name of several levels as one name."""
    return ".".join(map(str, name)) if isinstance(name, tuple) else name


@saved
@dataclass(frozen=True)
class Decimals:
    """Decimals of one scale, objects or of Arrow."""

    scale: Annotated[int, PLACES]
    precision: int = 0  # of Arrow; 0 for objects
    marker: str = ""  # how objects write a missing value

    @classmethod
    def of(cls, column: pd.Series[Any]) -> Decimals | None:
        """Return the form of a column, None if it is another."""
        if isinstance(column.dtype, pd.ArrowDtype):
            found = re.fullmatch(r"decimal128\((\d+), (-?\d+)\)", str(column.dtype.pyarrow_dtype))
            return None if found is None else cls(int(found[2]), int(found[1]))
        if column.dtype != object or types.infer_dtype(column, skipna=True) != "decimal":
            return None
        exponents = (-int(value.as_tuple().exponent) for value in column.dropna() if value.is_finite())
        return cls(max(exponents, default=0), marker=marker(column))

    def forward(self, column: pd.Series[Any]) -> pd.Series[Any]:
        """Return floats."""
        known = column.astype(object)
        return known.where(known.notna(), np.nan).astype("float64")

    def back(self, column: pd.Series[Any]) -> pd.Series[Any]:
        """Return decimals, exact in their scale."""
        gone = column.isna().to_numpy(dtype=bool)
        spell = f"%.{max(self.scale, 0)}f"
        made = np.array([Decimal(spell % value) for value in column.where(~gone, 0.0).tolist()], dtype=object)
        if not self.precision:
            return pd.Series(blank(made, gone, self.marker), index=column.index, dtype=object)
        import pyarrow

        made[gone] = None
        dtype: Any = pd.ArrowDtype(pyarrow.decimal128(self.precision, self.scale))
        return pd.Series(pd.array(made.tolist(), dtype=dtype), index=column.index)


@saved
@dataclass(frozen=True, eq=False)
class Levels:
    """Intervals, or categories that are intervals, moments, durations or periods."""

    left: Any  # a Series: their left ends, or the levels themselves
    right: Any  # a Series or None: their right ends
    closed: str  # at which end intervals are closed
    category: bool  # whether the column is a category
    ordered: bool

    @classmethod
    def of(cls, column: pd.Series[Any]) -> Levels | None:
        """Return the form of a column, None if it is another."""
        dtype = column.dtype
        category = isinstance(dtype, pd.CategoricalDtype)
        found: Any = dtype.categories if isinstance(dtype, pd.CategoricalDtype) else None
        if isinstance(dtype, pd.IntervalDtype):
            found = pd.Index(column.dropna().unique()).sort_values()
        if not len(column) or found is None:
            return None
        ordered = bool(dtype.ordered) if isinstance(dtype, pd.CategoricalDtype) else True
        if isinstance(found, pd.IntervalIndex):
            return cls(pd.Series(found.left), pd.Series(found.right), str(found.closed), category, ordered)
        if isinstance(found, pd.DatetimeIndex | pd.TimedeltaIndex | pd.PeriodIndex):
            return cls(pd.Series(found), None, "", category, ordered)
        return None

    @property
    def index(self) -> Any:
        """The levels in their order."""
        if self.right is None:
            return pd.Index(self.left)
        closed: Any = self.closed
        return pd.IntervalIndex.from_arrays(pd.Index(self.left), pd.Index(self.right), closed=closed)

    def told(self, texts: Collection[str]) -> Levels:
        """Return only the levels of these texts."""
        kept = np.flatnonzero([str(level) in texts for level in self.index])
        left, right = (
            None if end is None else end.iloc[kept].reset_index(drop=True) for end in (self.left, self.right)
        )
        return replace(self, left=left, right=right)

    def forward(self, column: pd.Series[Any]) -> pd.Series[Any]:
        """Return a category of text."""
        codes, found = pd.factorize(column)
        texts = np.array([*map(str, found), None], dtype=object)[codes]
        known = [str(level) for level in self.index]
        known += [text for text in map(str, found) if text not in set(known)]
        return pd.Series(pd.Categorical(texts, categories=known, ordered=self.ordered), index=column.index)

    def back(self, column: pd.Series[Any]) -> pd.Series[Any]:
        """Return intervals, or what the categories were."""
        levels = self.index
        codes = pd.Index([str(level) for level in levels]).get_indexer(pd.Index(column.astype(object)))
        if self.category:
            kind = pd.CategoricalDtype(levels, ordered=self.ordered)
            return pd.Series(pd.Categorical.from_codes(codes, dtype=kind), index=column.index)
        return pd.Series(levels.array.take(codes, allow_fill=True), index=column.index)


@saved
@dataclass(frozen=True)
class Grouped:
    """Numbers written with thousands separators."""

    dtype: Token
    group: str
    point: str
    digits: Annotated[int, PLACES]  # after the point
    same: bool  # whether all numbers have as many, zeros included
    prefix: str = ""
    suffix: str = ""
    marker: str = ""

    @classmethod
    def of(cls, column: pd.Series[Any]) -> Grouped | None:
        """Return the form of a column, None if it is another, or none of its numbers has a separator."""
        if isinstance(column.dtype, pd.CategoricalDtype) or not types.is_string_dtype(column.dtype):
            return None
        known = column.dropna()
        found = _AROUND.fullmatch(str(known.iloc[0])) if len(known) else None
        if found is None:
            return None
        prefix, suffix = found.group(1, 3)
        for group, points in SEPARATORS.items():
            whole = rf"[+-]?\d{{1,3}}(?:{re.escape(group)}\d{{3}})*"
            pattern = rf"{re.escape(prefix)}({whole})(?:([{points}])(\d+))?{re.escape(suffix)}"
            if not all(isinstance(value, str) and re.fullmatch(pattern, value) for value in known.iloc[:MAX_TRIED]):
                continue
            parts = known.astype(object).str.extract(f"^(?:{pattern})$")
            if parts[0].isna().any() or not parts[0].str.contains(group, regex=False).any():
                continue
            marks = parts[1].dropna().unique().tolist()
            # 1.234 alone is rather a number with decimals
            if len(marks) > 1 or (group == "." and not marks and not (parts[0].str.count(r"\.") > 1).any()):
                continue
            digits = parts[2].str.len().fillna(0).astype(int)
            same = bool((digits == digits.iloc[0]).all())
            more: Any = {"prefix": prefix, "suffix": suffix, "marker": marker(column)}
            return cls(dump(column.dtype), group, marks[0] if marks else "", int(digits.max()), same, **more)
        return None

    def forward(self, column: pd.Series[Any]) -> pd.Series[Any]:
        """Return numbers; what cannot be read as one stays text, which the column then refuses."""
        text = column.astype(object)
        text = text.str.removeprefix(self.prefix).str.removesuffix(self.suffix).str.replace(self.group, "", regex=False)
        text = text.str.replace(self.point, ".", regex=False) if self.point else text
        try:
            if not self.digits:
                return text.astype("Int64") if text.isna().any() else text.astype("int64")
            return text.where(text.notna(), np.nan).astype("float64")
        except (ValueError, TypeError):
            return column

    def back(self, column: pd.Series[Any]) -> pd.Series[Any]:
        """Return text."""
        gone = column.isna().to_numpy(dtype=bool)
        spell, mark = f"{{:,.{self.digits}f}}", self.point or "."
        texts = [spell.format(value) for value in column.where(~gone, 0).tolist()]
        if not self.same:
            texts = [text.rstrip("0").rstrip(".") if "." in text else text for text in texts]
        table = str.maketrans({",": self.group, ".": mark})
        made = np.array([f"{self.prefix}{text.translate(table)}{self.suffix}" for text in texts], dtype=object)
        dtype = load(self.dtype)
        if isinstance(dtype, np.dtype) and dtype.kind == "O":
            return pd.Series(blank(made, gone, self.marker), index=column.index, dtype=object)
        made[gone] = None
        return pd.Series(pd.array(made, dtype=dtype), index=column.index)


FORMS: tuple[Any, ...] = (Decimals, Levels, Grouped)


@saved
@dataclass(frozen=True, eq=False)
class Rewriting:
    """What of a table is rewritten."""

    kind: Literal["frame", "series"] = "frame"
    name: Any = None  # of a Series
    levels: tuple[Any, ...] = ()  # the names of columns that have levels, in their order
    axes: tuple[Any, ...] = ()  # and the names of these levels
    columns: dict[Name, Any] = field(default_factory=dict)  # the form of each column that is rewritten

    def told(self, levels: Mapping[Name, Collection[str]]) -> Rewriting:
        """Return what is rewritten with only these levels of some columns."""
        own = {name: form.told(levels[name]) for name, form in self.columns.items() if name in levels}
        return replace(self, columns={**self.columns, **own})

    @classmethod
    def read(cls, data: Any, roles: Collection[Any], known: Rewriting | None) -> tuple[pd.DataFrame, Rewriting | None]:
        """Return a table as it is learned, and how it was rewritten, as `known` says if it does; None where it was not.

        Columns with a role (keys, times) stay as they are: they have forms of their own.
        """
        kind, name = "frame", None
        levels: tuple[Any, ...] = ()
        axes: tuple[Any, ...] = ()
        if isinstance(data, pd.Series):
            kind, name = "series", data.name
            data = data.to_frame("value" if data.name is None else flat(data.name))
        elif isinstance(data.columns, pd.MultiIndex):
            levels, axes = tuple(data.columns), tuple(data.columns.names)
            data = data.set_axis([flat(one) for one in levels], axis=1)
        for place, dtype in enumerate(data.dtypes):
            if isinstance(dtype, np.dtype) and not dtype.isnative:  # of another machine's order of bytes
                data = data.copy(deep=False)
                data.isetitem(place, data.iloc[:, place].astype(dtype.newbyteorder("=")))
        own = {} if known is None else known.columns
        unique = data.columns[~data.columns.duplicated(keep=False)]
        if known is None:
            every = ((column, (form.of(data[column]) for form in FORMS)) for column in unique if column not in roles)
            own = {column: form for column, tries in every if (form := next(filter(None, tries), None)) is not None}
        some = {column: form for column, form in own.items() if column in unique}
        if some:
            data = data.copy(deep=False)
            for column, form in some.items():
                data[column] = form.forward(data[column])
        made = cls(kind, name, levels, axes, own)  # type: ignore[arg-type]
        return data, made if own or levels or kind == "series" else None

    def back(self, frame: pd.DataFrame) -> pd.DataFrame | pd.Series[Any]:
        """Return a table of this form."""
        some = {column: form for column, form in self.columns.items() if column in frame.columns}
        for column, form in some.items():
            frame[column] = form.back(frame[column])
        if self.levels:
            whole = {flat(level): level for level in self.levels}
            frame.columns = pd.MultiIndex.from_tuples([whole[name] for name in frame.columns], names=self.axes)
        if self.kind == "series":
            return frame[frame.columns[0]].rename(self.name)
        return frame

    def asked(self, where: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return conditions, names and values as they are learned."""
        made = {}
        for name, value in where.items():
            column = flat(name)
            form = self.columns.get(column)
            many = isinstance(value, list | tuple | set | frozenset)
            values = list(value) if many else [value]
            if form is not None and not all(isinstance(one, str) for one in values):
                values = form.forward(pd.Series(values)).tolist()
            made[column] = values if many else values[0]
        return made
