"""Decoded columns, stamps and keys put together in the form in which the table came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..arrays import Ints, steps_within
from ..tables.dtypes import Name, load
from ..tables.form import OUTER, Form, free_name
from ..tables.keys import as_index


def assemble(
    decoded: Mapping[Name, Any],
    lengths: Ints,
    form: Form,
    stamps: pd.Index[Any] | None,
    keys: pd.Index[Any] | None,
    *,
    squeeze: bool = False,
    before: tuple[int, int] = (0, 0),
) -> Any:
    """Return the rows of all sequences as the DataFrame or array that `form` describes.

    Parameters
    ----------
    decoded : mapping of name to array of shape (rows,)
        The static and value columns, missing values in place.
    lengths : int64 array of shape (sequences,)
    form : Form
    stamps : Index of length rows, or None
        The time of each row in the dtype of the real ones; None where rows are only counted.
    keys : Index of length sequences, or None
    squeeze : bool
        Leave out the outer index level (or array axis) `sequence` (`sequence_1` beside a column of that name) if there
        is one sequence. Where the stamps are the
        index, they are it as they come, frequency included.
    before : tuple of int
        Sequences and rows that came in earlier pieces: numbers go on from there.
    """
    squeeze = squeeze and len(lengths) == 1
    if form.kind != "frame":
        return _array(decoded, lengths, form, squeeze)
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    data: dict[Name, Any] = dict(decoded)
    if form.entity_in == "column" and keys is not None and form.entity is not None:
        data[form.entity] = keys.take(sequence)
    if form.time_in == "column" and form.time is not None and stamps is not None:
        data[form.time] = stamps.array
    # The dtype is named because pandas 3 would turn text objects into strings.
    parts = {name: pd.Series(data[name], dtype=data[name].dtype, copy=False) for name in form.columns}
    frame = pd.DataFrame(parts, copy=False)
    frame.columns = _axis(form)
    frame.index = _index(lengths, sequence, form, stamps, keys, squeeze, before)
    return frame


def _axis(form: Form) -> pd.Index[Any]:
    """Return the columns' index."""
    names = form.columns
    made: pd.Index[Any]
    if form.ranged and names:
        first = int(names[0])
        step = int(names[1]) - first if len(names) > 1 else 1
        made = pd.RangeIndex(first, first + step * len(names), step or 1, name=form.axis)
        if tuple(made) == names:
            return made
    made = pd.Index(list(names), dtype=np.dtype("int64") if form.ranged else load(form.axis_dtype), name=form.axis)
    return made


def _index(
    lengths: Ints,
    sequence: Ints,
    form: Form,
    stamps: pd.Index[Any] | None,
    keys: pd.Index[Any] | None,
    squeeze: bool,
    before: tuple[int, int],
) -> pd.Index[Any]:
    """Return the index: stamps, keys, or counted rows, under an outer level of sequences where no key tells them."""
    made: pd.Index[Any]
    names: Sequence[Any]
    inner = None if form.time_in == "column" else stamps
    if form.entity_in == "index" and keys is not None:
        if len(form.index) == 1:
            made = keys.take(sequence).set_names(form.index[0])
            return made
        names = form.index
        pairs = [(keys, sequence) if name == form.entity else _inner(inner, lengths, form) for name in names]
    elif form.entity is not None or squeeze:
        made = _labels(len(sequence), form, before[1]) if inner is None else inner
        made = _with_freq(made, form.freq) if squeeze else made
        made = made.set_names(form.index[0])
        return made
    else:
        names = free_name(OUTER, form.columns), form.index[0]
        numbers = pd.RangeIndex(before[0], before[0] + len(lengths))
        pairs = [(numbers, sequence), _inner(inner, lengths, form)]
    levels, codes = zip(*pairs, strict=True)  # whose values need not be looked up again
    return pd.MultiIndex(levels=list(levels), codes=list(codes), names=list(names), verify_integrity=False)


def _inner(stamps: pd.Index[Any] | None, lengths: Ints, form: Form) -> tuple[pd.Index[Any], Any]:
    """Return the level that tells the rows of a sequence apart, and each row's place in it."""
    if stamps is None:
        return _labels(int(lengths.max(initial=0)), form), steps_within(lengths)
    codes, level = stamps.factorize(sort=True)
    return _with_freq(pd.Index(level), form.freq), codes


def _labels(rows: int, form: Form, before: int = 0) -> pd.Index[Any]:
    """Return labels that count rows as the real ones did, after those `before`."""
    start, step = form.counted
    start += before * step
    if form.labels == "range":
        return pd.RangeIndex(start, start + rows * step, step)
    return as_index(start + step * np.arange(rows), load(form.labels))


def _with_freq(index: pd.Index[Any], freq: str | None) -> pd.Index[Any]:
    """Return regular stamps with the frequency that the real index carried."""
    if freq is None or not isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) or index.freq is not None:
        return index
    try:
        made: pd.Index[Any] = type(index)(index, freq=freq)
    except ValueError:
        return index
    return made


def _array(decoded: Mapping[Name, Any], lengths: Ints, form: Form, squeeze: bool) -> Any:
    """Return `(sequences, time, features)`, or a list of `(time, features)` where lengths differ."""
    flat = np.column_stack([np.asarray(decoded[name]) for name in form.columns]).astype(load(form.dtype), copy=False)
    if squeeze and form.kind == "series":
        return flat
    if len(lengths) and (lengths == lengths[0]).all():
        return flat.reshape(len(lengths), int(lengths[0]), len(form.columns))
    return np.split(flat, np.cumsum(lengths)[:-1])


@dataclass(frozen=True)
class Decoded:
    """Decoded rows.

    Attributes
    ----------
    values : dict of name to array
        One value per row, of static columns one per sequence.
    lengths : int64 array of shape (sequences,)
    stamps : Index or None
        One per row.
    """

    values: dict[Name, Any]
    lengths: Ints
    stamps: pd.Index[Any] | None

    @classmethod
    def join(cls, parts: Sequence[Decoded]) -> Decoded:
        """Put the rows of several parts one after the other."""
        if len(parts) == 1:
            return parts[0]
        values = {
            name: pd.concat([pd.Series(part.values[name], copy=False) for part in parts], ignore_index=True).array
            for name in parts[0].values
        }
        stamps = [part.stamps for part in parts if part.stamps is not None]
        joined = stamps[0].append(stamps[1:]) if stamps else None
        return cls(values, np.concatenate([part.lengths for part in parts]), joined)
