"""Which kind a column is, told from its dtype and, for objects, from its values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from ...errors import SchemaError
from ..dtypes import Name
from ..schema import Kind

OBJECTS: dict[str, Kind] = {
    "string": "category",
    "boolean": "boolean",
    "integer": "integer",
    "floating": "float",
    "mixed-integer-float": "float",
}


def infer_kind(series: pd.Series[Any], name: Name) -> Kind:
    """Return the kind of a column without missing values.

    Raises
    ------
    SchemaError
        For complex numbers, nested objects, mixed types, and dtypes that have no kind.
    """
    dtype: Any = series.dtype
    objects = isinstance(dtype, np.dtype) and dtype.kind == "O"
    kind: Kind
    if types.is_complex_dtype(dtype):
        raise SchemaError(
            f"Complex data not supported: column {name!r} holds complex numbers; split it into real and imaginary part"
        )
    if isinstance(dtype, pd.CategoricalDtype) or (types.is_string_dtype(dtype) and not objects):
        kind = "category"
    elif types.is_bool_dtype(dtype) and not objects:
        kind = "boolean"
    elif types.is_integer_dtype(dtype):
        kind = "integer"
    elif types.is_float_dtype(dtype):
        kind = "float"
    elif types.is_datetime64_any_dtype(dtype):
        kind = "datetime"
    elif types.is_timedelta64_dtype(dtype):
        kind = "timedelta"
    elif objects:
        kind = _of_objects(series, name)
    else:
        raise SchemaError(
            f"column {name!r} has dtype {dtype}, which is not supported; use numbers, booleans, strings, categories "
            "or datetimes"
        )
    first = series.iloc[0]
    return "constant" if bool(np.all(series == first)) else kind


def _of_objects(series: pd.Series[Any], name: Name) -> Kind:
    inferred = types.infer_dtype(series, skipna=False)
    if inferred in OBJECTS:
        return OBJECTS[inferred]
    counts = series.map(lambda value: type(value).__name__).value_counts()
    found = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    if inferred == "complex":
        raise SchemaError(f"Complex data not supported: column {name!r} holds complex numbers")
    if any(types.is_list_like(value) for value in series):
        raise SchemaError(f"column {name!r} holds nested objects ({found}); spread them over columns of single values")
    if inferred in ("datetime", "date", "datetime64", "timedelta", "time", "period"):
        raise SchemaError(f"column {name!r} holds {found} objects; convert it, for instance by pd.to_datetime")
    if len(counts) > 1:
        raise SchemaError(
            f"column {name!r} holds mixed types ({found}); make it one type, for instance by .astype(str) or "
            "pd.to_numeric"
        )
    raise SchemaError(
        f"column {name!r} holds {found} objects, which are not supported; convert them to numbers or strings"
    )
