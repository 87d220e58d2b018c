"""The contract of a column kind: one column of a table to one cell of a row, and back.

Which kind a column is, is told from its dtype and, for objects, from its observed values; what is asked of each column
(its scaler, its bounds) is checked against the names that there are.
"""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from pandas.api import types

from ...arrays import Bools, Doubles
from ...errors import ParameterError, SchemaError, choose, nearest_name
from ...holders import Holders
from ...layout import Cell
from ...tables.dtypes import Name, Token, label, load, temporal, ticks, zones
from ..schema import ColumnSchema, Kind, Role
from .choose import SCALERS

Bounds = tuple[float | None, float | None]


@dataclass(frozen=True)
class Request:
    """What is asked of a column when it is fitted.

    Attributes
    ----------
    scaler : str
        "auto" or a name in SCALERS.
    bounds : "observed", None or (low, high)
        Where decoded numbers are clipped; None in a pair leaves that side open.
    follows : bool array of shape (rows,)
        Whether a row is the next step of the row before it, so that steps never cross from one sequence to the next.
    holders : Holders
        Of the rows: what only a few of them hold is not learned.
    other : str, optional
        What levels of text that are not learned come back as.
    hidden : frozenset
        Levels that are not kept although enough hold them.
    way : int
        1 where values rise with time and -1 where they fall: then what was observed is no bound on that side.
    """

    name: Name
    role: Role
    scaler: str
    bounds: str | Bounds | None
    follows: Bools
    holders: Holders
    other: str | None = None
    hidden: frozenset[Any] = frozenset()
    way: int = 0


class Column(ABC):
    """A reversible map of one column to the numbers of one cell, NaN where its value is missing.

    Attributes
    ----------
    name, role, dtype
        As in the table; `dtype` as `dtypes.dump` gives it.
    missing : bool
        Whether values were missing when it was fitted.
    marker : str
        How it writes a missing value, see `dtypes.marker`.
    """

    kind: ClassVar[Kind]
    name: Name
    role: Role
    dtype: Token
    missing: bool
    marker: str

    def __post_init__(self) -> None:
        load(self.dtype)  # refuses what is none

    @classmethod
    @abstractmethod
    def fit(cls, series: pd.Series[Any], request: Request) -> Self:
        """Learn a column; its rows are in sequence and time order."""

    @abstractmethod
    def cell(self) -> Cell | None:
        """Return what its cell means; None where there is nothing to draw."""

    @abstractmethod
    def encode(self, series: pd.Series[Any]) -> Doubles:
        """Return the numbers of the cell, `(rows,)`.

        Raises
        ------
        InputError
            Naming the column, if a value has no code.
        """

    def learned(self, series: pd.Series[Any]) -> Doubles:
        """Return the numbers of the cell to learn from, without what only a few hold; see `encode`."""
        return self.encode(series)

    @abstractmethod
    def decode(self, values: Doubles, rng: np.random.Generator | None = None) -> Any:
        """Return numbers `(rows,)` as an array of the column's dtype (numpy, or a pandas array).

        Where a number leaves a choice (levels that are not kept), `rng` makes it; without one it is made in the same
        way each time.
        """

    @abstractmethod
    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""

    def line(self, **details: Any) -> ColumnSchema:
        """Return a line of the schema with the column's name, role, kind and dtype, and these details."""
        return ColumnSchema(self.name, self.role, self.kind, label(self.dtype), nullable=self.missing, **details)


OBJECTS: dict[str, Kind] = {
    "string": "category",
    "boolean": "boolean",
    "integer": "integer",
    "floating": "float",
    "mixed-integer-float": "float",
}
SPREAD = {
    "dict": "spread it over columns with pd.json_normalize(), or drop it",
    "list": "give each item a row of its own with explode() or a column of its own, or drop it",
    "tuple": "give each item a row of its own with explode() or a column of its own, or drop it",
    "set": "give each member a column of True and False, or drop it",
}
CONVERTERS = {
    **dict.fromkeys(("datetime", "date", "datetime64"), "pd.to_datetime"),
    **dict.fromkeys(("timedelta", "timedelta64", "time"), "pd.to_timedelta"),
    "period": "pd.PeriodIndex",
}


def infer_kind(series: pd.Series[Any], name: Name) -> Kind:
    """Return the kind of a column, told from its observed values.

    A column without any observed value, or with one only, is a constant.

    Raises
    ------
    SchemaError
        For complex numbers, nested objects, mixed types, several time zones, and dtypes that have no kind.
    """
    dtype: Any = series.dtype
    if types.is_complex_dtype(dtype):
        raise SchemaError(
            f"Complex data not supported: column {name!r} holds complex numbers; split it into real and imaginary part"
        )
    observed = series[series.notna().to_numpy(dtype=bool)]
    objects = isinstance(dtype, np.dtype) and dtype.kind == "O"
    kind = _of_objects(observed, name) if objects and len(observed) else _of_dtype(dtype, name)
    if not len(observed):
        return "constant"
    compared: Any = ticks(observed) if kind == "period" else observed.array
    return "constant" if bool(np.asarray(compared == compared[0], dtype=bool).all()) else kind


def _of_dtype(dtype: Any, name: Name) -> Kind:
    dictionary = isinstance(dtype, pd.ArrowDtype) and str(dtype).startswith("dictionary<")
    if isinstance(dtype, pd.CategoricalDtype) or types.is_string_dtype(dtype) or dictionary:
        return "category"
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_integer_dtype(dtype):
        return "integer"
    if types.is_float_dtype(dtype):
        return "float"
    if isinstance(dtype, pd.PeriodDtype):
        return "period"
    sample = temporal(pd.Series([], dtype=dtype)).dtype
    if types.is_datetime64_any_dtype(sample):
        return "datetime"
    if types.is_timedelta64_dtype(sample):
        return "timedelta"
    if str(dtype) in ("object", "null[pyarrow]"):
        return "constant"
    what = "convert it by .astype('float64')" if str(dtype).startswith("decimal") else "convert or drop it"
    raise SchemaError(
        f"column {name!r} has dtype {dtype}, which is not supported; use numbers, booleans, strings, categories, "
        f"datetimes, durations or periods: {what}"
    )


def _of_objects(observed: pd.Series[Any], name: Name) -> Kind:
    inferred = types.infer_dtype(observed, skipna=False)
    if inferred in OBJECTS:
        return OBJECTS[inferred]
    counts = observed.map(lambda value: type(value).__name__).value_counts()
    found = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    if inferred == "complex":
        raise SchemaError(f"Complex data not supported: column {name!r} holds complex numbers")
    nested = [value for value in observed if types.is_list_like(value)]
    if nested:
        kind = type(nested[0]).__name__
        do = SPREAD.get("set" if kind == "frozenset" else kind, "spread it over columns of single values, or drop it")
        raise SchemaError(f"column {name!r} holds nested objects ({found}) such as {_short(nested[0])}; {do}")
    clocks = zones(observed)
    if inferred in ("datetime", "datetime64") and len(clocks) > 1:
        raise SchemaError(
            f"column {name!r} holds moments of several time zones ({', '.join(clocks[:5])}); bring them to one, "
            f"for instance by pd.to_datetime(..., utc=True)"
        )
    if inferred in CONVERTERS:
        raise SchemaError(f"column {name!r} holds {found} objects; convert it, for instance by {CONVERTERS[inferred]}")
    if len(counts) > 1:
        raise SchemaError(
            f"column {name!r} holds mixed types ({found}); make it one type, for instance by .astype(str) or "
            "pd.to_numeric"
        )
    do = "for instance by .astype('float64')" if inferred == "decimal" else "or drop it"
    raise SchemaError(
        f"column {name!r} holds {found} objects, which are not supported, such as {_short(observed.iloc[0])}; "
        f"convert it to numbers or strings, {do}"
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def scalers_for(asked: str | Mapping[Any, str], names: Sequence[Name], numbers: Sequence[Name]) -> dict[Name, str]:
    """Return the scaler that is asked for, "auto" or a name in SCALERS, by column; unknown ones are refused."""
    allowed = ["auto", *SCALERS]
    if not isinstance(asked, Mapping):
        return dict.fromkeys(names, choose("scaler", asked, allowed))
    _check_names("scaler", asked, names, numbers)
    return {name: choose(f"scaler[{name!r}]", asked.get(name, "auto"), allowed) for name in names}


def bounds_for(
    asked: str | Mapping[Any, Any] | None, names: Sequence[Name], numbers: Sequence[Name]
) -> dict[Name, str | Bounds | None]:
    """Return "observed", None or a pair by column; anything else is refused, and columns that hold no numbers."""
    if asked is None or asked == "observed":
        return dict.fromkeys(names, asked)
    if not isinstance(asked, Mapping):
        raise ParameterError(
            f"bounds={asked!r} is not known; use 'observed', None or a mapping of column to (low, high)"
        )
    _check_names("bounds", asked, names, numbers)
    limits: dict[Name, str | Bounds | None] = dict.fromkeys(names, "observed")
    return limits | {name: _limits(name, pair) for name, pair in asked.items()}


def kinds_for(asked: Mapping[Any, str] | None, inferred: Mapping[Name, Kind]) -> dict[Name, str]:
    """Return which columns are asked to be categories or numbers, by what they hold; what does not fit is refused."""
    if asked is None:
        return {}
    if not isinstance(asked, Mapping):
        raise ParameterError(f"kinds={asked!r} must be a mapping of column to kind, such as {{'code': 'category'}}")
    for name, kind in asked.items():
        if name not in inferred:
            hint = nearest_name(name, list(inferred))
            raise ParameterError(f"kinds names {name!r}, which is not a static or value column{hint}")
        choose(f"kinds[{name!r}]", kind, ["category", "number"])
        held = inferred[name]
        if held in ("datetime", "timedelta", "period"):
            do = "leave it out of kinds, or convert the column, by .astype(str) for categories"
        elif kind == "number" and held in ("category", "boolean"):
            do = "leave it out of kinds, or convert the column, by pd.to_numeric or .astype(int) for numbers"
        else:
            continue
        raise ParameterError(f"kinds[{name!r}]={kind!r} does not fit a column that holds {held} values; {do}")
    return dict(asked)


def _limits(name: Name, pair: Any) -> Bounds:
    """Return a pair of numbers as bounds; an infinite end is none, what is no such pair an error."""
    try:
        low, high = (None if end is None or math.isinf(end) else _exact(end) for end in pair)
        ends = [end for end in (low, high) if end is not None]
        if any(map(math.isnan, ends)):
            raise ValueError("NaN is no bound")
    except (TypeError, ValueError) as error:
        raise ParameterError(f"bounds[{name!r}]={pair!r} must be a pair (low, high) of numbers or None") from error
    if ends != sorted(ends):
        raise ParameterError(f"bounds[{name!r}]={pair!r}: the lower bound is above the upper one")
    return low, high


def _exact(end: Any) -> float:
    """Return a number as a float, a whole one as an integer of any size."""
    return int(end) if isinstance(end, numbers.Integral) else float(end)


def _check_names(option: str, asked: Mapping[Any, Any], names: Sequence[Name], numbers: Sequence[Name]) -> None:
    for name in asked:
        if name not in names:
            raise ParameterError(
                f"{option} names {name!r}, which is not a static or value column{nearest_name(name, names)}"
            )
        if name not in numbers:
            raise ParameterError(f"{option} names {name!r}, which holds no numbers; it applies to {list(numbers)}")
