"""Dtypes of a table as JSON-ready values, and back.

Everything but strings and categories is named by `str(dtype)`, which pandas parses again. A string dtype also needs its
storage and its missing value, a category dtype its categories and their order.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from ..errors import SchemaError

Name = str | int
Token = str | dict[str, Any]
PLAIN = {"string": "string", "integer": "integer", "floating": "float", "boolean": "boolean"}


def plain(value: Any) -> Any:
    """Return a numpy or pandas scalar as the Python value that JSON can hold."""
    return value.item() if isinstance(value, np.generic) else value


def dump(dtype: Any, column: Hashable = None) -> Token:
    """Return `dtype` as a JSON-ready value.

    Raises
    ------
    SchemaError
        For categories that are not strings, integers, floats or booleans.
    """
    if isinstance(dtype, pd.CategoricalDtype):
        categories = dtype.categories
        if pd.api.types.infer_dtype(categories, skipna=False) not in (*PLAIN, "empty"):
            raise SchemaError(
                f"column {column!r} has categories of type {pd.api.types.infer_dtype(categories)!r}; "
                "use strings, integers, floats or booleans, for instance by .astype(str)"
            )
        return {
            "categories": [plain(v) for v in categories],
            "of": dump(categories.dtype),
            "ordered": bool(dtype.ordered),
        }
    if isinstance(dtype, pd.StringDtype):
        return {"storage": dtype.storage, "missing": "NA" if dtype.na_value is pd.NA else "nan"}
    return str(dtype)


def load(token: Token) -> Any:
    """Return the dtype that `dump` described (the object dtype where this pandas does not have it)."""
    if isinstance(token, str):
        return pd.api.types.pandas_dtype(token)
    if "categories" in token:
        return pd.CategoricalDtype(pd.Index(token["categories"], dtype=load(token["of"])), ordered=token["ordered"])
    if token["missing"] == "NA":
        return pd.StringDtype(token["storage"])
    try:
        return pd.StringDtype(token["storage"], na_value=np.nan)
    except TypeError:
        return np.dtype(object)


def label(token: Token) -> str:
    """Return the few words that stand for a dtype in a printed schema."""
    if isinstance(token, str):
        return token
    if "categories" in token:
        return "category (ordered)" if token["ordered"] else "category"
    return "string" if token["missing"] == "NA" else "str"
