"""Which kind a column is, told from its dtype and, for objects, from its observed values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from ...errors import SchemaError
from ...tables.dtypes import Name, temporal, ticks, zones
from ..schema import Kind

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
    compared = ticks(observed) if kind == "period" else observed
    same = compared == (compared[0] if kind == "period" else observed.iloc[0])
    return "constant" if bool(np.asarray(same, dtype=bool).all()) else kind


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
    told = zones(observed)
    if inferred in ("datetime", "datetime64") and len(told) > 1:
        raise SchemaError(
            f"column {name!r} holds moments of several time zones ({', '.join(told[:5])}); bring them to one, "
            f"for instance by pd.to_datetime(..., utc=True)"
        )
    if inferred in ("datetime", "date", "datetime64", "timedelta", "timedelta64", "time", "period"):
        by = "pd.to_timedelta" if inferred.startswith("time") else "pd.to_datetime"
        by = "pd.PeriodIndex" if inferred == "period" else by
        raise SchemaError(f"column {name!r} holds {found} objects; convert it, for instance by {by}")
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
