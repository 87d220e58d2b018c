"""Tables of which a part is to be drawn: a past that goes on, holes that are filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..panel import Bools, Ints, Panel
from .encoder import Encoder
from .frames import give_back, read_frame
from .intake import Table
from .rows import Rows

FUTURE = "future"


def known(encoder: Encoder, past: Any) -> tuple[Panel, NDArray[Any], pd.Index[Any] | None]:
    """Return a past as a panel, where the clock of each sequence starts, and the keys.

    Raises
    ------
    InputError, SchemaError
        As `Encoder.encode`.
    """
    table, order, lengths = encoder._take_apart(past)
    return encoder.encode(past), _starts(encoder, table, order, lengths), table.keys


def _starts(encoder: Encoder, table: Table, order: NDArray[np.intp], lengths: Ints) -> NDArray[Any]:
    """Return the tick at which each sequence of a table starts."""
    stamps, timing = encoder._stamps(table, order), encoder._timing
    if stamps is None:
        return timing.first_stamps(lengths, None, np.random.default_rng(0))
    ticks: NDArray[Any] = timing.clock.ticks(stamps)[np.cumsum(lengths) - lengths]
    return ticks


def put_together(encoder: Encoder, parts: Sequence[Rows], new: Bools, keys: pd.Index[Any] | None) -> Any:
    """Return only the new rows of sequences, a table for each of several futures under an outer level `future`.

    Parameters
    ----------
    encoder : Encoder
    parts : sequence of Rows
        Past and future together, one for each of the futures.
    new : bool array of shape (rows,)
    keys : Index or None
        Of the sequences.
    """
    keys = None if encoder._keys is None else keys
    made = [encoder.frame([rows], squeeze=True, keys=keys) for rows in parts]
    if encoder._form.kind == "frame":
        frames = [frame.iloc[np.flatnonzero(new)] for frame in made]
        if len(frames) == 1:
            return give_back(frames[0], encoder._frame)
        return give_back(pd.concat(frames, keys=range(len(frames)), names=[FUTURE]), encoder._frame)
    lengths, steps = parts[0].lengths, int(new.sum()) // len(parts[0].lengths)
    if len(lengths) == 1:
        cut = [np.asarray(array).reshape(-1, np.shape(array)[-1])[-steps:] for array in made]
        return cut[0] if len(cut) == 1 else np.stack(cut)
    cut = [np.stack([array[-steps:] for array in arrays]) for arrays in made]
    return cut[0] if len(cut) == 1 else np.stack(cut)


def holes(encoder: Encoder, table: Any, rng: np.random.Generator) -> tuple[Panel, NDArray[Any], Bools]:
    """Return a table with holes as a panel, where its clocks start, and the rows of which no number is known.

    Numbers that are missing beside others that are there are drawn in the panel already, given these and the rows
    beside them; levels that are missing are NaN.
    """
    taken, order, lengths = encoder._take_apart(table)
    stamps = encoder._stamps(taken, order)
    parts = encoder._learned(taken, order, lengths)
    parts = {**parts, **encoder._missing.none(lengths), **encoder._timing.forward(stamps, lengths)}
    panel = encoder._channels.encode(parts, lengths, encoder._moments(stamps), rng)
    return panel, _starts(encoder, taken, order, lengths), encoder._channels.empty(parts, int(lengths.sum()))


def patched(encoder: Encoder, data: Any, rows: Rows) -> Any:
    """Return a table with its missing values taken from rows; all other values are untouched."""
    frame, kind = read_frame(data)
    table, order, _ = encoder._take_apart(data)
    names, form = encoder._form.names, encoder._form
    back = np.argsort(order, kind="stable")
    values = encoder.restored(rows, table.keys)
    drawn = {name: pd.Series(values[name], copy=False).take(back).reset_index(drop=True) for name in names}
    if form.kind != "frame":
        flat = np.column_stack([drawn[name].to_numpy(dtype=np.float64) for name in names])
        if isinstance(frame, list):
            ends = np.cumsum([len(part) for part in frame])[:-1]
            return [np.where(np.isnan(old), new, old) for old, new in zip(frame, np.split(flat, ends), strict=True)]
        array = np.asarray(frame, dtype=np.float64)
        return np.where(np.isnan(array), flat.reshape(array.shape), array)
    out = frame.copy()
    for name in names:
        missing = out[name].isna().to_numpy(dtype=bool)
        if missing.any():
            new = drawn[name].set_axis(out.index)
            out[name] = out[name].where(~missing, new.astype(out[name].dtype))
    return give_back(out, kind)
