"""Dtypes of a table as JSON-ready values, and back; and missing values as each dtype writes them.

Most dtypes are named by `str(dtype)`, which pandas parses again. A string dtype also needs its storage and its missing
value, a category dtype its categories and their order, and an Arrow one the type that pandas would not parse.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..bundle import foreign
from ..errors import SchemaError

Name = str | int
Token = str | dict[str, Any]
PLAIN = {"string": "string", "integer": "integer", "floating": "float", "boolean": "boolean"}
MARKERS: dict[str, Any] = {"None": None, "nan": np.nan, "NA": pd.NA, "NaT": pd.NaT}
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
INT64_MAX = 2**63 - 1
MISSING_TICK = -(2**63)  # what stands behind NaT
_DICTIONARY = re.compile(r"dictionary<values=(.+), indices=(\w+), ordered=([01])>")
_TEMPORAL = re.compile(r"(timestamp|duration|date32|date64)\[(\w+)(?:, tz=(.+))?\]")


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
    if isinstance(dtype, pd.ArrowDtype):
        return {"arrow": str(dtype.pyarrow_dtype)}
    return str(dtype)


def load(token: Token) -> Any:
    """Return the dtype that `dump` described (text where this pandas, or its storage, does not have it)."""
    if isinstance(token, str):
        with warnings.catch_warnings():
            # Periods of business days are deprecated, of which whoever made the column has been told.
            warnings.filterwarnings("ignore", category=FutureWarning)
            return pd.api.types.pandas_dtype(token)
    if "arrow" in token:
        return pd.ArrowDtype(_arrow_type(token["arrow"]))
    if "categories" in token:
        return pd.CategoricalDtype(pd.Index(token["categories"], dtype=load(token["of"])), ordered=token["ordered"])
    missing: Any = pd.NA if token["missing"] == "NA" else np.nan
    for storage in (token["storage"], "python"):
        try:
            return pd.StringDtype(storage) if missing is pd.NA else pd.StringDtype(storage, na_value=missing)
        except ImportError:
            continue
        except TypeError:
            break
    return np.dtype(object)


def _arrow_type(text: str) -> Any:
    """Return the Arrow type of this name: by way of pandas, whose parser leaves out plain text and dictionaries."""
    parse: Any = pd.ArrowDtype.construct_from_string
    if text == "string":
        return _arrow_array(parse("large_string[pyarrow]").pyarrow_dtype).cast("string").type
    found = _DICTIONARY.fullmatch(text)
    if found is None:
        return parse(f"{text}[pyarrow]").pyarrow_dtype
    values, indices = (_arrow_array(_arrow_type(name)).combine_chunks() for name in found.group(1, 2))
    return type(values.dictionary_encode()).from_arrays(indices, values, ordered=found[3] == "1").type


def _arrow_array(kind: Any) -> Any:
    dtype: Any = pd.ArrowDtype(kind)
    made: Any = pd.array([], dtype=dtype)
    return made.__arrow_array__()


def label(token: Token) -> str:
    """Return the few words that stand for a dtype in a printed schema."""
    if isinstance(token, str):
        return token
    if "arrow" in token:
        return f"{token['arrow']}[pyarrow]"
    if "categories" in token:
        return "category (ordered)" if token["ordered"] else "category"
    return "string" if token["missing"] == "NA" else "str"


def marker(series: pd.Series[Any]) -> str:
    """Return how a column of objects writes most of its missing values: "None", "nan", "NA" or "NaT".

    "" for every other dtype, which has one way only, and for objects of which none is missing.
    """
    missing = series[series.isna()]
    if series.dtype != object or not len(missing):
        return ""
    names = missing.map(lambda v: "None" if v is None else "NA" if v is pd.NA else "NaT" if v is pd.NaT else "nan")
    return str(names.value_counts().index[0])


def blank(array: Any, mask: NDArray[np.bool_], marker: str = "") -> Any:
    """Return a decoded column (numpy or pandas array) with missing values put in, written as `marker` says.

    It is a copy if anything is missing. TypeError if the dtype holds no missing values (plain integers and booleans),
    which a real column of it did not either.
    """
    if not mask.any():
        return array
    if not isinstance(array, np.ndarray):
        return array.take(np.where(mask, -1, np.arange(len(array))), allow_fill=True)
    made = array.copy()
    if made.dtype.kind in "iub":
        raise TypeError(f"{made.dtype} holds no missing values; {int(mask.sum())} were asked for")
    made[mask] = MARKERS[marker or "nan"] if made.dtype == object else np.array(None, dtype=made.dtype)
    return made


def whole_numbers(series: pd.Series[Any]) -> NDArray[Any]:
    """Return a column of whole numbers, none missing, as int64, or as uint64 where only that holds them.

    Raises
    ------
    OverflowError
        If neither does.
    """
    if series.dtype != object:
        name = str(getattr(series.dtype, "numpy_dtype", series.dtype)).lower()
        return np.asarray(series.to_numpy(dtype=np.uint64 if name.startswith("uint64") else np.int64))
    values = series.to_list()
    low, high = min(values, default=0), max(values, default=0)
    if low < -(2**63) or high >= 2 ** (64 if low >= 0 else 63):
        raise OverflowError(f"{low if low < -(2**63) else high} is beyond the whole numbers of 64 bits")
    return np.array(values, dtype=np.uint64 if high > INT64_MAX else np.int64)


def distances(numbers: NDArray[Any], first: int) -> NDArray[np.int64]:
    """Return how far whole numbers lie from one, exactly; those that are farther than int64 reaches at its limits."""
    above = numbers >= first
    apart = numbers.astype(np.uint64) - np.uint64(first % 2**64)  # of 64 bits, as all sums of whole numbers here
    size = np.minimum(np.where(above, apart, ~apart), np.uint64(INT64_MAX)).astype(np.int64)
    return np.where(above, size, ~size)


def from_distances(apart: NDArray[np.int64], first: int, unsigned: bool) -> NDArray[Any]:
    """Return the whole numbers that lie so far from one, where 64 bits hold them: the inverse of `distances`."""
    numbers = apart.view(np.uint64) + np.uint64(first % 2**64)
    return numbers if unsigned else numbers.view(np.int64)


def without_minus_zero(array: Any) -> Any:
    """Return a column with each -0.0, which rounding and differences make, as 0.0."""
    if not pd.api.types.is_float_dtype(array.dtype):
        return array
    made = array + 0.0
    return made if made.dtype == array.dtype else made.astype(array.dtype)  # Arrow makes wider floats of narrow ones


def ticks(values: Any) -> NDArray[np.int64]:
    """Return the whole numbers behind datetimes, durations or periods (of a missing one the smallest int64)."""
    index: Any = pd.Index(temporal(values))
    return np.asarray(index.asi8)


def temporal(values: Any) -> Any:
    """Return Arrow timestamps, dates and durations as pandas' own, at their own unit and zone; others as they are."""
    dtype = getattr(values, "dtype", None)
    if not isinstance(dtype, pd.ArrowDtype):
        return values
    found = _TEMPORAL.fullmatch(str(dtype.pyarrow_dtype))
    if found is None:
        return values
    kind, unit, zone = found.group(1, 2, 3)
    whole: Any = pd.Series(values).array
    chunks = whole.__arrow_array__()
    numbers = (chunks.cast("int32") if kind == "date32" else chunks).cast("int64").fill_null(MISSING_TICK)
    counted = np.array(numbers.to_numpy())
    if unit == "day":
        counted, unit = counted.view("M8[D]").astype("M8[s]").view(np.int64), "s"
    index: Any = (
        pd.TimedeltaIndex(counted.view(f"m8[{unit}]")) if kind == "duration" else datetimes(counted, unit, zone)
    )
    if isinstance(values, pd.Series):
        return pd.Series(index, index=values.index, name=values.name)
    return index.set_names(values.names) if isinstance(values, pd.Index) else index


def spelled(values: Any) -> list[str]:
    """Return values as text, without the warning that periods of business days are deprecated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        return [str(value) for value in values]


def datetimes(numbers: NDArray[np.int64], unit: Any, zone: Any = None) -> pd.DatetimeIndex:
    """Return the moments of a zone by their units since 1970 in UTC; without a zone, on the wall."""
    made = pd.DatetimeIndex(numbers.view(f"M8[{unit}]"))
    return made if zone is None else made.tz_localize("UTC").tz_convert(zone)


def periods(numbers: NDArray[np.int64], freq: Any) -> pd.PeriodIndex:
    """Return periods by their numbers since 1970."""
    kind: Any = pd.PeriodIndex  # its stubs lack this
    made: pd.PeriodIndex = kind.from_ordinals(numbers, freq=freq)
    return made


def untick(numbers: NDArray[np.int64], dtype: Any) -> Any:
    """Return an array of datetimes, durations or periods of this dtype: the inverse of `ticks`."""
    if isinstance(dtype, pd.PeriodDtype):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning)
            return periods(numbers, dtype.freq).array
    if isinstance(dtype, pd.ArrowDtype):
        return pd.Series(untick(numbers, temporal(pd.Series([], dtype=dtype)).dtype)).astype(dtype).array
    if isinstance(dtype, pd.DatetimeTZDtype):
        return datetimes(numbers, dtype.unit, dtype.tz).array
    index: pd.Index[Any] = pd.Index(numbers.view(dtype))
    return index.array


def zones(values: Any) -> list[str]:
    """Return the time zones of datetime objects, "none" for those without."""
    found = {str(v.tzinfo or "none") for v in values if hasattr(v, "tzinfo") and v is not pd.NaT}
    return sorted(found)


def _listed(series: pd.Series[Any]) -> list[Any]:
    """Return the dtype of a column, and its values as JSON can hold them, None where one is missing."""
    gone = series.isna().to_numpy(dtype=bool)
    values = [None if no else plain(value) for value, no in zip(series, gone, strict=True)]
    lasting = bool | int | float | str | None
    return [series.dtype, [value if isinstance(value, lasting) else str(value) for value in values]]


foreign("dtype", lambda value: isinstance(value, np.dtype | pd.api.extensions.ExtensionDtype), dump, load)
foreign("series", lambda value: isinstance(value, pd.Series), _listed, lambda made: pd.Series(made[1], dtype=made[0]))
