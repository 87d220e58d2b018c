"""Tables as files and engines hold them: named columns and nothing beside them, in the types of Arrow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..arrays import steps_within
from .form import free_name
from .formats.base import Format
from .frames import read_frame


def as_frame(table: Any, before: int, *, single: bool, format: Format | None = None) -> tuple[pd.DataFrame, int]:
    """Return a drawn table or a piece of it as a frame, and how many sequences of arrays there are with it.

    A model of bare arrays gives arrays, which get columns x0, x1, ... and, unless one sequence was asked for, an outer
    level that goes on counting after the `before` sequences of earlier pieces; so do the numbers of sequences without
    keys, of what is in another library's `format`. A frame of another library becomes one of pandas.
    """
    if format is not None and (isinstance(table, tuple) or not format.framed):
        long = format.read(table, format.entity, format.time)[0]
        if not format.numbered:
            return long, before
        long = long.reset_index([name for name in (format.entity, format.time) if name in long.index.names])
        long[format.entity] += before
        return long, int(long[format.entity].iloc[-1]) + 1
    if isinstance(table, pd.DataFrame):
        return table, before
    if not isinstance(table, np.ndarray | list):
        frame: pd.DataFrame = read_frame(table)[0]
        return frame, before
    arrays = [table] if isinstance(table, np.ndarray) and table.ndim == 2 else list(table)
    lengths = np.array([len(array) for array in arrays], dtype=np.int64)
    flat = pd.DataFrame(np.concatenate(arrays), columns=[f"x{column}" for column in range(arrays[0].shape[-1])])
    if single:
        return flat, before
    sequence = np.repeat(np.arange(before, before + len(arrays)), lengths)
    flat.index = pd.MultiIndex.from_arrays([sequence, steps_within(lengths)], names=["sequence", "step"])
    return flat, before + len(arrays)


def informative(index: pd.Index[Any]) -> bool:
    """Return whether an index carries something: a name, moments, or several levels."""
    return isinstance(index, pd.MultiIndex | pd.DatetimeIndex | pd.PeriodIndex) or index.name is not None


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with an informative index as its first columns, each with a name of its own."""
    if not informative(frame.index):
        return frame
    given, names = [*frame.columns, *(name for name in frame.index.names if name is not None)], list[Any]()
    for level, name in enumerate(frame.index.names):
        if name is None:
            moments = isinstance(frame.index.get_level_values(level), pd.DatetimeIndex | pd.PeriodIndex)
            names.append(free_name("time" if moments else "step", [*given, *names]))
        else:
            names.append(free_name(str(name), [*given, *names]) if name in [*frame.columns, *names] else name)
    levels = [frame.index.get_level_values(at).to_series(name=name) for at, name in enumerate(names)]
    return pd.concat([*(level.reset_index(drop=True) for level in levels), frame.reset_index(drop=True)], axis=1)


def schema_of(frame: pd.DataFrame, *, spark: bool = False) -> Any:
    """Return the Arrow schema of a flat table: categories as what they hold, periods and intervals as text.

    What only a table in full shows is taken generously: a column without any value is text, decimals have all digits.
    With `spark` it has types that Spark knows.
    """
    import pyarrow as pa
    from pyarrow import types

    fields = []
    for field in pa.Schema.from_pandas(_plain(frame), preserve_index=False).remove_metadata():
        kind = field.type.value_type if types.is_dictionary(field.type) else field.type
        if types.is_null(kind) or types.is_large_string(kind) or types.is_string_view(kind):
            kind = pa.string()
        elif types.is_decimal(kind):
            kind = pa.decimal128(38, kind.scale)
        elif spark and types.is_unsigned_integer(kind):
            kind = {8: pa.int16(), 16: pa.int32(), 32: pa.int64(), 64: pa.decimal128(20, 0)}[kind.bit_width]
        elif spark and types.is_timestamp(kind):
            kind = pa.timestamp("us", None if kind.tz is None else "UTC")
        elif spark and types.is_duration(kind):
            kind = pa.duration("us")
        elif spark and types.is_float16(kind):
            kind = pa.float32()
        fields.append(pa.field(field.name, kind))
    return pa.schema(fields)


def to_arrow(frame: pd.DataFrame, schema: Any) -> Any:
    """Return a flat table in the types that `schema_of` told of another one."""
    import pyarrow as pa

    table = pa.Table.from_pandas(_plain(frame), preserve_index=False)
    columns = zip(table.columns, schema, strict=True)
    return pa.Table.from_arrays([column.cast(field.type, safe=False) for column, field in columns], schema=schema)


def text_table(texts: list[str]) -> Any:
    """Return texts as an Arrow table of one column, `text`."""
    import pyarrow as pa

    return pa.table({"text": pa.array(texts, pa.string())})


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with names of text, and as text what Arrow has no type of its own for."""
    plain = frame.set_axis([str(name) for name in frame.columns], axis=1)
    for place, kind in enumerate(frame.dtypes):
        if isinstance(kind, pd.PeriodDtype | pd.IntervalDtype):
            plain.isetitem(place, plain.iloc[:, place].astype("string").array)
    return plain
