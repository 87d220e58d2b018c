"""Decoded columns, stamps and keys put together in the form in which the table came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ParameterError
from ..panel import Ints
from .clock import Clock
from .columns.base import Column
from .dtypes import Name, label, load
from .intake import OUTER, Form
from .keys import Keys
from .schema import ColumnSchema, Schema


def compose(
    decoded: Mapping[Name, Any],
    lengths: Ints,
    form: Form,
    clock: Clock,
    keys: Keys | None,
    *,
    start: Any = None,
    squeeze: bool = False,
) -> Any:
    """Return the rows of all sequences as the DataFrame or array that `form` describes.

    Raises
    ------
    ParameterError
        If `start` is given where nothing is stamped, or is no stamp of the clock.
    """
    squeeze = squeeze and len(lengths) == 1
    stamped = form.kind == "frame" and (clock.kind != "rows" or form.entity is None)
    if start is not None and not stamped:
        raise ParameterError(f"start={start!r} needs time stamps, and the fitted data had none")
    if form.kind != "frame":
        return _array(decoded, lengths, form, squeeze)
    rows = int(lengths.sum())
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    step = np.arange(rows) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    stamps = clock.make(int(lengths.max(initial=0)), start) if stamped else None
    data: dict[Name, Any] = dict(decoded)
    if form.entity_in == "column" and keys is not None and form.entity is not None:
        data[form.entity] = keys.make(len(lengths)).take(sequence)
    if form.time_in == "column" and form.time is not None and stamps is not None:
        data[form.time] = stamps.array if squeeze else stamps.take(step).array
    # The dtype is named because pandas 3 would turn text objects into strings.
    parts = {name: pd.Series(data[name], dtype=data[name].dtype, copy=False) for name in form.columns}
    frame = pd.DataFrame(parts, copy=False)
    frame.columns = pd.RangeIndex(len(form.columns)) if form.ranged else frame.columns
    frame.columns.name = form.axis
    frame.index = _index(lengths, sequence, step, form, stamps, keys, squeeze)
    return frame


def _index(lengths: Ints, sequence: Ints, step: Ints, form: Form, stamps: Any, keys: Keys | None, squeeze: bool) -> Any:
    """Return the index: stamps, keys, or counted rows, under an outer level of sequences where no key tells them."""
    inner = stamps
    if form.time_in == "column" or inner is None:
        inner = pd.RangeIndex(int(lengths.max(initial=0)))
    if form.entity_in == "index" and keys is not None:
        outer = keys.make(len(lengths))
        if len(form.index) == 1:
            return outer.take(sequence).set_names(form.index[0])
        pairs = [(outer, sequence) if name == form.entity else (inner, step) for name in form.index]
        return _levels([p[0] for p in pairs], [p[1] for p in pairs], form.index)
    if form.entity is not None:
        if form.time_in == "index":
            return inner.take(step).set_names(form.index[0])
        return pd.RangeIndex(len(sequence), name=form.index[0])
    if squeeze:
        return inner.set_names(form.index[0])
    return _levels([pd.RangeIndex(len(lengths)), inner], [sequence, step], (OUTER, form.index[0]))


def _levels(levels: list[Any], codes: list[Any], names: Sequence[Any]) -> pd.MultiIndex:
    """Return a MultiIndex without looking its values up again."""
    return pd.MultiIndex(levels=levels, codes=codes, names=list(names), verify_integrity=False)


def _array(decoded: Mapping[Name, Any], lengths: Ints, form: Form, squeeze: bool) -> Any:
    """Return `(sequences, time, features)`, or a list of `(time, features)` where lengths differ."""
    flat = np.column_stack([np.asarray(decoded[name]) for name in form.columns]).astype(load(form.dtype), copy=False)
    if squeeze and form.kind == "series":
        return flat
    if len(lengths) and (lengths == lengths[0]).all():
        return flat.reshape(len(lengths), int(lengths[0]), len(form.columns))
    return np.split(flat, np.cumsum(lengths)[:-1])


def schema_of(form: Form, columns: Sequence[Column], clock: Clock, keys: Keys | None) -> Schema:
    """Return the schema: roles that live in the index first, then the columns in their order."""
    lines: dict[Any, ColumnSchema] = {column.name: column.describe() for column in columns}
    first: list[ColumnSchema] = []
    if keys is not None:
        form_of_keys = (
            "new numbers" if keys.prefix is None else f"new keys {keys.prefix}{keys.first:0{keys.digits}d} .."
        )
        line = ColumnSchema(form.entity, "entity", "key", label(keys.dtype), levels=keys.real, reason=form_of_keys)
        if form.entity_in == "column":
            lines[form.entity] = line
        else:
            first.append(line)
    if clock.kind != "rows":
        span = clock.make(1)[0]
        low = span if isinstance(span, int | float) else str(span)
        line = ColumnSchema(form.time, "time", "clock", label(clock.dtype), low=low, reason=clock.describe())
        if form.time_in == "column":
            lines[form.time] = line
        else:
            first.append(line)
    return Schema((*first, *(lines[name] for name in form.columns)))
