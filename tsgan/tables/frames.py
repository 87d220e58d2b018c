"""Tables of other dataframe libraries: to pandas, and back to what they were.

Libraries are told apart, and reached, through narwhals (https://narwhals-dev.github.io/narwhals). Columns become pandas
columns that can hold everything: nullable integers and booleans, strings, categories, datetimes of their own unit and
zone. A table in pandas passes through, rewritten where need be (`rewriting`). Other libraries have no index: its outer
level ``sequence``, where there is one, comes back as the first column.
"""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..bundle import saved
from ..errors import InputError, SchemaError
from . import strings
from .dialect import ATTRIBUTE
from .dtypes import MISSING_TICK, datetimes, ticks
from .form import OUTER, free_name
from .formats import FORMATS
from .formats.base import Format, Long
from .rewriting import Rewriting

LIBRARIES = {"polars", "pyarrow", "modin", "cudf", "dask", "duckdb", "ibis", "sqlframe", "pyspark", "narwhals"}
PROTOCOLS = ("__narwhals_dataframe__", "__narwhals_lazyframe__", "__dataframe__", "__arrow_c_stream__")
DAY = 86_400
# What narwhals does not know of Arrow, and as what it is read.
PLAINER = {"date64[ms]": "Date", "string_view": "String", "halffloat": "Float32"}
WHOLE = {f"{sign}Int{size}" for sign in ("", "U") for size in (8, 16, 32, 64)}
DO = {
    **dict.fromkeys(("List", "Array"), "give each item a row of its own with explode(), or a column of its own"),
    "Struct": "spread its fields over columns with unnest()",
    "Int128": "cast it to Int64 or Float64",
    "UInt128": "cast it to UInt64 or Float64",
}


@saved
@dataclass(frozen=True)
class FrameKind:
    """What a table was."""

    library: str = "pandas"  # (and for arrays), "polars", "pyarrow", or another that is made of pandas frames
    lazy: bool = False  # whether it was a polars LazyFrame
    # For each column its narwhals dtype (`of`), what belongs to it (unit, zone, categories, precision, scale), and for
    # floats whether missing ones are NaN instead of null.
    columns: dict[str, dict[str, Any]] | None = None
    schema: str = ""  # of an Arrow table, its serialised schema as base64
    rewriting: Rewriting | None = None  # what of a table of pandas was rewritten
    text: strings.Text = ""  # whether it was text, see `strings`
    format: Format | None = None  # of data of another library, how they were laid out
    csv: dict[str, Any] | None = None  # how the csv was written that a table of pandas was read from, see `Dialect.put`


def read_frame(data: Any, known: FrameKind | None = None, roles: Collection[Any] = ()) -> tuple[Any, FrameKind]:
    """Return a table that narwhals understands, or text, as a pandas DataFrame, and what it was; arrays as they are.

    Data in one of the `formats` become the long table that they stand for. A table of pandas is rewritten where its
    columns are of forms that are learned as plainer ones, or as a table that is `known` was; not so columns with
    `roles` (entity and time, as they were asked for). Lazy ones are collected. Only those of polars come back lazy;
    what DuckDB and the like collect to (Arrow) stays so.

    Raises
    ------
    InputError
        If narwhals is needed and not there, or `data` is a single column.
    SchemaError
        Naming the column, if it is nested or otherwise of a dtype that tables of time series do not have.
    """
    table, own = opened(data, roles, known)
    taken = roles if own is None else (own.entity, own.time)
    frame, kind = _plainly(table, known, taken)
    if own is None and kind.library != "pandas":
        frame, own = opened(frame, roles, known)
    return frame, kind if own is None else replace(kind, format=own)


def opened(data: Any, roles: Collection[Any] = (), known: FrameKind | None = None) -> tuple[Any, Format | None]:
    """Return data of a format as a long table, and how they were laid out; all else as it is, and None.

    A frame is of a format only where no `roles` (entity, time) are asked for. Once something is `known`, nothing but
    its format is, and a long table with the same columns goes for one.
    """
    if isinstance(data, Long):
        return data.frame, data.format
    was = None if known is None else known.format
    entity, time = tuple(roles) or (None, None)
    if was is not None and not was.framed:
        entity, time = was.entity, was.time
    kinds = list(FORMATS.values()) if known is None else [] if was is None else [type(was)]
    for one in kinds:
        free = one.fits(data) and (not one.framed or (entity is None and time is None))
        if free if was is None else one.may_be(data):
            table, made = one.read(data, entity, time)
            made.agree(entity, time)
            return table, made
    return data, was if isinstance(data, pd.DataFrame | pd.Series) else None


def _plainly(data: Any, known: FrameKind | None, roles: Collection[Any]) -> tuple[Any, FrameKind]:
    """Return a table of any library, or text, as a pandas DataFrame, and what it was."""
    if (text := strings.spread(data, None if known is None else known.text)) is not None:
        return text[0], FrameKind(text=text[1])
    if not _foreign(data):
        if not isinstance(data, pd.DataFrame | pd.Series):
            return _plain_array(data), FrameKind()
        _refuse_broken_text(data)
        frame, rewriting = Rewriting.read(data, roles, None if known is None else known.rewriting or Rewriting())
        return frame, FrameKind(rewriting=rewriting, csv=data.attrs.get(ATTRIBUTE))
    nw = _narwhals(type(data).__module__.split(".")[0])
    try:
        frame = nw.from_native(data)
    except TypeError as error:
        raise InputError(
            f"got a {type(data).__module__}.{type(data).__name__}, which is no dataframe; pass one, for instance a "
            "column by to_frame()"
        ) from error
    lazy = isinstance(frame, nw.LazyFrame)
    if lazy:
        frame = frame.collect()
    library = str(frame.implementation.value)
    if library == "pandas":
        return frame.to_native(), FrameKind()
    if frame.implementation.is_pandas_like():
        return frame.to_pandas(), FrameKind(library)
    made, kinds = {}, {}
    for name in frame.columns:
        made[name], kinds[name] = _read_column(frame[name], nw)
    # The dtype is named because pandas 3 would turn missing objects into strings.
    columns = {name: pd.Series(array, dtype=array.dtype) for name, array in made.items()}
    schema = ""
    if library == "pyarrow":
        schema = base64.b64encode(frame.to_native().schema.remove_metadata().serialize().to_pybytes()).decode()
    table = pd.DataFrame(columns, index=pd.RangeIndex(len(frame)), copy=False)
    return table, FrameKind(library, lazy and library == "polars", kinds, schema)


def give_back(frame: Any, kind: FrameKind) -> Any:
    """Return a pandas DataFrame with the columns of the one that was read as what it came from: library and format.

    Arrays come back as they are, like all that came from pandas. InputError if narwhals or the library is not there.
    """
    made = _to_library(frame, kind)
    return made if kind.format is None or kind.library != "pandas" else kind.format.write(made)


def _to_library(frame: Any, kind: FrameKind) -> Any:
    if kind.text:
        return strings.joined(frame, kind.text)
    if kind.library == "pandas" or not isinstance(frame, pd.DataFrame):
        if kind.csv is not None:
            frame.attrs[ATTRIBUTE] = kind.csv
        return frame if kind.rewriting is None or not isinstance(frame, pd.DataFrame) else kind.rewriting.back(frame)
    nw = _narwhals(kind.library)
    try:
        native = nw.Implementation.from_string(kind.library).to_native_namespace()
    except ImportError as error:
        raise InputError(f"the model was fitted on a table of {kind.library}, which is not installed") from error
    outer = free_name(OUTER, frame.columns)
    if outer in frame.index.names and frame.index.nlevels > 1:
        frame = frame.reset_index(outer)
    if kind.columns is None:
        make = getattr(native, "from_pandas", None) or native.DataFrame
        return make(frame)
    columns = {str(name): _to_column(frame[name], kind.columns.get(str(name))) for name in frame.columns}
    if kind.library == "pyarrow":
        return _to_arrow(columns, kind, native)
    made = native.DataFrame([_to_polars(name, *column, native) for name, column in columns.items()])
    return made.lazy() if kind.lazy else made


def _foreign(data: Any) -> bool:
    if isinstance(data, np.ndarray | list | tuple | pd.DataFrame | pd.Series | pd.Index):
        return False
    return type(data).__module__.split(".")[0] in LIBRARIES or any(hasattr(type(data), name) for name in PROTOCOLS)


def _plain_array(data: Any) -> Any:
    """Return an array in the order of bytes of this machine, NaN where values are masked; all else as it is."""
    if isinstance(data, np.ma.MaskedArray) and data.dtype.kind in "fiub":
        data = np.where(np.ma.getmaskarray(data), np.nan, data.data)
    native = not isinstance(data, np.ndarray) or data.dtype.isnative
    return data if native else data.astype(data.dtype.newbyteorder("="))


def _refuse_broken_text(data: pd.DataFrame | pd.Series[Any]) -> None:
    """Refuse text that no file can hold: halves of a surrogate pair, which a wrong encoding leaves."""
    columns: list[tuple[str, Any]] = [("the column names", data.columns)] if isinstance(data, pd.DataFrame) else []
    columns += [(f"column {name!r}", column) for name, column in data.items()] if columns else [("the column", data)]
    columns += [(f"index level {name!r}", data.index.get_level_values(at)) for at, name in enumerate(data.index.names)]
    for what, column in columns:
        held: Any = column.dtype.categories if isinstance(column.dtype, pd.CategoricalDtype) else column
        if held.dtype != object:
            continue
        texts = {value for value in held if isinstance(value, str)}
        try:
            "".join(texts).encode()
        except UnicodeEncodeError:
            broken = next(text for text in sorted(texts) if any("\ud800" <= sign <= "\udfff" for sign in text))
            raise SchemaError(
                f"{what}: {broken!r} is broken text (half of a surrogate pair); read the file in its encoding, or "
                "replace it by .str.encode('utf-8', 'replace').str.decode('utf-8')"
            ) from None


def _narwhals(library: str) -> Any:
    try:
        import narwhals
    except ImportError as error:
        raise InputError(
            f"a table of {library} needs narwhals; install it with: pip install tsgan[frames] (or pass a pandas "
            "DataFrame)"
        ) from error
    return narwhals


def _read_column(column: Any, nw: Any) -> tuple[Any, dict[str, Any]]:
    """Return a narwhals Series as a pandas array, and what it was."""
    plainer = PLAINER.get(str(getattr(column.to_native(), "type", "")))
    if plainer is not None:
        column = column.cast(getattr(nw, plainer)())
    dtype = column.dtype
    of = type(dtype).__name__
    mask: NDArray[np.bool_] = np.array(column.is_null().to_numpy(), dtype=bool)
    kind: dict[str, Any] = {"of": of}
    if of in WHOLE or of == "Boolean":
        values = np.array(column.fill_null(0 if of in WHOLE else False).to_numpy())
        values = values.astype(bool if of == "Boolean" else of.lower())
        return (pd.arrays.BooleanArray if of == "Boolean" else pd.arrays.IntegerArray)(values, mask), kind
    if of in ("Float32", "Float64", "Decimal"):
        floats = np.array(column.cast(nw.Float64()).fill_null(np.nan).to_numpy(), dtype=np.float64)
        if of == "Decimal":
            return floats, {**kind, "precision": dtype.precision, "scale": dtype.scale}
        return floats.astype(of.lower()), {**kind, "nan": bool(not mask.any() and np.isnan(floats).any())}
    if of == "String":
        return pd.array(column.to_list(), dtype="string"), kind
    if of in ("Categorical", "Enum"):
        return _read_category(column, kind)
    if of in ("Datetime", "Duration", "Date", "Time"):
        return _read_moments(column, kind, mask, nw)
    if mask.all():
        return np.full(len(column), None, dtype=object), {"of": "Null"}
    raise SchemaError(
        f"column {column.name!r} has dtype {dtype}, which is not supported; "
        f"{DO.get(of, 'cast it to numbers, booleans, strings, categories, dates or times')}, or drop it"
    )


def _read_category(column: Any, kind: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    native = column.to_native()
    if hasattr(native, "combine_chunks"):
        levels = native.type.value_type
        if getattr(levels, "storage_type", levels).num_fields:
            raise SchemaError(f"column {column.name!r} has nested levels ({native.type}); cast it to text, or drop it")
        return native.to_pandas().array, kind
    values = np.array(column.to_list(), dtype=object)
    if kind["of"] == "Enum":
        levels = list(column.dtype.categories)
        return pd.Categorical(values, categories=levels, ordered=True), {**kind, "categories": levels}
    return pd.Categorical(values, categories=pd.unique(values[pd.notna(values)])), kind


def _read_moments(column: Any, kind: dict[str, Any], mask: NDArray[np.bool_], nw: Any) -> tuple[Any, dict[str, Any]]:
    of, dtype = kind["of"], column.dtype
    if of == "Date":
        column, unit = column.cast(nw.Datetime("ms")), "ms"
    elif of == "Time":
        column, unit = column.cast(nw.Time()), "ns"
    else:
        unit = dtype.time_unit
        kind["unit"] = unit
    counted = np.array(column.cast(nw.Int64()).fill_null(0).to_numpy(), dtype=np.int64)
    counted[mask] = MISSING_TICK
    if of in ("Duration", "Time"):
        return pd.TimedeltaIndex(counted.view(f"m8[{unit}]")).array, kind
    if of == "Date":
        return datetimes(counted, unit).as_unit("s").array, kind
    kind["zone"] = dtype.time_zone
    return datetimes(counted, unit, dtype.time_zone).array, kind


def _to_column(column: pd.Series[Any], kind: dict[str, Any] | None) -> tuple[Any, NDArray[np.bool_], dict[str, Any]]:
    """Return values without missing ones, which rows are missing, and what the column shall be."""
    mask = column.isna().to_numpy(dtype=bool)
    if kind is None:
        kind = {"of": "Int64"}
    of = kind["of"]
    if of in WHOLE:
        return column.fillna(0).to_numpy(dtype=of.lower()), mask, kind
    if of == "Boolean":
        return column.fillna(False).to_numpy(dtype=bool), mask, kind
    if of in ("Float32", "Float64", "Decimal"):
        values = column.to_numpy(dtype="float64" if of == "Decimal" else of.lower(), na_value=np.nan)
        if of == "Decimal":
            return np.where(mask, 0.0, values).round(kind["scale"]), mask, kind
        return values, mask & (not kind["nan"]), kind
    if of in ("Datetime", "Duration", "Date", "Time"):
        unit = {"Date": "s", "Time": "ns"}.get(of) or kind["unit"]
        counted = np.where(mask, 0, ticks(column.dt.as_unit(unit)))
        counted = counted // DAY if of == "Date" else counted % (DAY * 10**9) if of == "Time" else counted
        return counted, mask, kind
    if isinstance(column.dtype, pd.CategoricalDtype) and of == "Categorical":
        return column.array, mask, kind
    return column.astype(object).where(~mask, None).tolist(), np.zeros(len(column), dtype=bool), kind


def _to_polars(name: str, values: Any, mask: NDArray[np.bool_], kind: dict[str, Any], polars: Any) -> Any:
    of = kind["of"]
    if of == "Categorical":
        values, mask = np.asarray(values, dtype=object).tolist(), np.zeros(len(mask), dtype=bool)
        values = [None if value is None or value != value else value for value in values]
    if of == "Null":
        return polars.Series(name, values, dtype=polars.Null)
    made = polars.Series(name, values, dtype=polars.String if isinstance(values, list) else None)
    if mask.any():
        made = made.scatter(np.flatnonzero(mask), None)
    if of == "Date":
        made = made.cast(polars.Int32)
    arguments = {
        "Datetime": ("unit", "zone"),
        "Duration": ("unit",),
        "Enum": ("categories",),
        "Decimal": ("precision", "scale"),
    }
    return made.cast(getattr(polars, of)(*(kind[key] for key in arguments.get(of, ()))))


def _to_arrow(columns: dict[str, Any], kind: FrameKind, arrow: Any) -> Any:
    schema = arrow.ipc.read_schema(arrow.py_buffer(base64.b64decode(kind.schema)))
    fields, arrays = [], []
    between = {"Date": ("int32", arrow.date32()), "Time": (arrow.time64("ns"),)}
    for name, (values, mask, own) in columns.items():
        field = schema.field(name) if name in schema.names else arrow.field(name, arrow.int64())
        if isinstance(values, pd.Categorical):
            codes = arrow.array(np.asarray(values.codes, dtype=np.int32), mask=values.codes < 0)
            ordered = bool(values.ordered)
            made = arrow.DictionaryArray.from_arrays(codes, arrow.array(values.categories.tolist()), ordered=ordered)
        elif isinstance(values, list):
            made = arrow.array(values)
        else:
            made = arrow.array(values, mask=mask)
        for step in (*between.get(own["of"], ()), field.type):
            made = made.cast(step, safe=False)
        fields.append(field)
        arrays.append(made)
    return arrow.Table.from_arrays(arrays, schema=arrow.schema(fields))
