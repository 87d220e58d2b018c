"""From two tables to what the judge looks at: windows of numbers, scaled alike.

Both tables become sequences (by entity, by an outer index level named ``sequence``, by the first axis of an
array, or one long one), their columns become channels scaled by the **real** table's range, and each sequence is cut
into all its windows. Nothing here is shared with the generator's own encoding: the judge reads the tables afresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError, ParameterError, SchemaError
from ..panel import Panel, Windows
from .columns import Column, Doubles, read_column

Table = pd.DataFrame | pd.Series | NDArray[np.generic] | list[NDArray[np.generic]]
Ints = NDArray[np.int64]

WINDOW = 24
LONGEST_WHOLE = 256
MAX_WINDOWS = 20_000


@dataclass(frozen=True)
class Case:
    """What is judged: real and synthetic windows of the same channels.

    Attributes
    ----------
    columns : tuple of Column
    real, synthetic : Windows
        Every window has `window` steps; channels are scaled by the real table's range.
    window : int
        Steps of a window.
    notes : tuple of str
        What was left out on the way, in plain words.
    random_state : int
    """

    columns: tuple[Column, ...]
    real: Windows
    synthetic: Windows
    window: int
    notes: tuple[str, ...]
    random_state: int

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.real.panel.values.shape[1])

    def rng(self, purpose: str, repeat: int = 0) -> np.random.Generator:
        """Return a generator of its own for each purpose and repeat, so that no figure depends on another's draws."""
        return np.random.default_rng([self.random_state, repeat, *purpose.encode()])


@dataclass(frozen=True)
class _Rows:
    """A table in sequence and time order."""

    frame: pd.DataFrame
    lengths: Ints


def prepare(
    real: Table,
    synthetic: Table,
    *,
    entity: str | None = None,
    time: str | None = None,
    static: Sequence[str] | None = None,
    window: int | None = None,
    random_state: int = 0,
) -> Case:
    """Read two tables into a `Case`.

    Parameters
    ----------
    real, synthetic : DataFrame, Series, array or list of arrays
        With the same columns. An array is one series `(time, columns)` or a panel `(sequences, time, columns)`.
    entity, time : str, optional
        Columns or index levels that name the sequence and order its rows; they are not judged.
    static : sequence of str, optional
        Columns with one value per sequence.
    window : int, optional
        Steps of a window. By default whole sequences where all have one length of at most 256, else 24, or less
        where the sequences are shorter.
    random_state : int
        Chooses which windows are kept when there are more than 20,000 of a table.

    Raises
    ------
    SchemaError
        If the columns of the two tables differ, or a role names a column that is not there.
    InputError
        If a table is empty or too short for a window, or holds missing or infinite values.
    ParameterError
        If `window` is not a whole number of at least 2.
    """
    sides = {"real": _frame(real, "real"), "synthetic": _frame(synthetic, "synthetic")}
    for side, frame in sides.items():
        roles = [name for name in (entity, time) if name is not None and name not in frame.columns]
        levels = [name for name in roles if name in frame.index.names]
        sides[side] = frame.reset_index(level=levels) if levels else frame
    for side, frame in sides.items():
        _check_frame(frame, side, entity, time)
    _check_columns(sides["real"], sides["synthetic"], static or ())
    rows = {side: _in_order(frame, side, entity, time) for side, frame in sides.items()}
    names = list(rows["real"].frame.columns)
    if not names:
        raise SchemaError("the tables hold no column to judge beside the entity and the time")
    size = _window(rows["real"].lengths, rows["synthetic"].lengths, window)

    columns: list[Column] = []
    parts: tuple[list[Doubles], list[Doubles]] = ([], [])
    start = 0
    for name in names:
        pair = (rows["real"].frame[name], rows["synthetic"].frame[name])
        column, a, b = read_column(str(name), *pair, start, static=name in (static or ()))
        columns.append(column)
        parts[0].append(a)
        parts[1].append(b)
        start = column.channels.stop

    notes: list[str] = []
    cut = []
    for side, part in zip(rows, parts, strict=True):
        panel = Panel(
            np.concatenate(part, axis=1).astype(np.float32),
            rows[side].lengths,
            np.zeros((len(rows[side].lengths), 0), dtype=np.float32),
        )
        rng = np.random.default_rng([random_state, *side.encode()])
        windows, remarks = _windows(panel, size, side, rng)
        cut.append(windows)
        notes += remarks
    return Case(tuple(columns), cut[0], cut[1], size, tuple(notes), random_state)


def _frame(table: Table, side: str) -> pd.DataFrame:
    """Return a table as a DataFrame; the sequences of an array or a list of arrays become an outer index level."""
    if isinstance(table, pd.DataFrame):
        return table
    if isinstance(table, pd.Series):
        return table.to_frame("value" if table.name is None else table.name)
    if isinstance(table, list) and table and all(np.ndim(item) == 2 for item in table):
        return pd.concat([_frame(item, side) for item in table], keys=range(len(table)), names=["sequence", None])
    values = np.asarray(table)
    if values.ndim not in (1, 2, 3) or values.dtype == object:
        raise InputError(
            f"the {side} data must be a DataFrame or a numeric array (time, columns) or (sequences, time, columns); "
            f"got {type(table).__name__} of shape {values.shape} and dtype {values.dtype}"
        )
    values = values[:, None] if values.ndim == 1 else values
    columns = [f"x{i}" for i in range(values.shape[-1])]
    if values.ndim == 2:
        return pd.DataFrame(values, columns=columns)
    index = pd.MultiIndex.from_product([range(values.shape[0]), range(values.shape[1])], names=["sequence", None])
    return pd.DataFrame(values.reshape(-1, values.shape[-1]), index=index, columns=columns)


def _check_frame(frame: pd.DataFrame, side: str, entity: str | None, time: str | None) -> None:
    if frame.shape[0] == 0:
        raise InputError(f"the {side} table is empty; there is nothing to judge")
    doubled = list(frame.columns[frame.columns.duplicated()].unique())
    if doubled:
        raise SchemaError(f"the {side} table has several columns named {doubled}; give each its own name")
    for role, name in (("entity", entity), ("time", time)):
        if name is not None and name not in frame.columns:
            raise SchemaError(
                f"{role}={name!r} is not a column of the {side} table; its columns are {list(frame.columns)}"
            )


def _check_columns(real: pd.DataFrame, synthetic: pd.DataFrame, static: Sequence[str]) -> None:
    missing = [name for name in real.columns if name not in synthetic.columns]
    extra = [name for name in synthetic.columns if name not in real.columns]
    if missing or extra:
        raise SchemaError(
            f"the two tables must have the same columns; the synthetic table lacks {missing} and has {extra} beyond "
            f"those of the real one"
        )
    for name in static:
        if name not in real.columns:
            raise SchemaError(f"static={name!r} is not a column of the tables; their columns are {list(real.columns)}")


def _in_order(frame: pd.DataFrame, side: str, entity: str | None, time: str | None) -> _Rows:
    """Sort rows by sequence and time and count each sequence's steps."""
    outer = isinstance(frame.index, pd.MultiIndex) and frame.index.names[0] == "sequence"
    if entity is not None:
        codes = pd.factorize(frame[entity])[0]
    elif outer:
        codes = pd.factorize(frame.index.get_level_values(0))[0]
    else:
        codes = np.zeros(len(frame), dtype=np.int64)
    if (codes < 0).any():
        raise InputError(f"entity column {entity!r} of the {side} table has missing values; drop or name those rows")
    if time is not None:
        clock = pd.factorize(frame[time], sort=True)[0]
        if (clock < 0).any():
            raise InputError(f"time column {time!r} of the {side} table has missing values; drop those rows")
    elif isinstance(frame.index, pd.DatetimeIndex):
        clock = frame.index.asi8
    else:
        clock = np.zeros(len(frame), dtype=np.int64)
    order = np.lexsort((clock, codes))
    dropped = [name for name in (entity, time) if name is not None]
    lengths = np.bincount(codes).astype(np.int64)
    return _Rows(frame.iloc[order].drop(columns=dropped).reset_index(drop=True), lengths)


def _window(real: Ints, synthetic: Ints, window: int | None) -> int:
    """Choose the window's length, or check the one that was asked for."""
    if window is not None and (isinstance(window, bool) or not isinstance(window, int | np.integer) or window < 2):
        raise ParameterError(
            f"window={window!r} is not allowed; it counts steps: a whole number of at least 2, or None"
        )
    longest = {"real": int(real.max()), "synthetic": int(synthetic.max())}
    for side, steps in longest.items():
        need = 2 if window is None else int(window)
        if steps < need:
            raise InputError(
                f"the {side} table is too short: its longest sequence has {steps} steps and a window needs {need}; "
                f"pass longer sequences" + ("" if window is None or steps < 2 else f" or window={steps} or less")
            )
    if window is not None:
        return int(window)
    whole = len(real) > 1 and len(synthetic) > 1 and len(np.unique(np.concatenate([real, synthetic]))) == 1
    if whole and longest["real"] <= LONGEST_WHOLE:
        return longest["real"]
    usual = int(real.min()) if len(real) > 1 and real.min() >= WINDOW // 2 else int(np.quantile(real, 0.1))
    if len(real) == 1:
        usual = longest["real"] // 4
    return max(min(WINDOW, usual, longest["synthetic"]), 2)


def _windows(panel: Panel, size: int, side: str, rng: np.random.Generator) -> tuple[Windows, list[str]]:
    """Cut all windows of a panel, at most `MAX_WINDOWS` of them."""
    counts = np.maximum(panel.lengths - size + 1, 0)
    sequences = np.repeat(np.arange(len(panel)), counts)
    inside = np.arange(len(sequences)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = panel.offsets[:-1][sequences] + inside
    notes = []
    if short := int((counts == 0).sum()):
        notes.append(f"{short} of {len(panel)} {side} sequences are shorter than {size} steps and were left out")
    if len(starts) < 2:
        raise InputError(
            f"the {side} table gives only {len(starts)} window of {size} steps; at least 2 are needed: pass more or "
            f"longer sequences, or a smaller window"
        )
    if len(starts) > MAX_WINDOWS:
        notes.append(f"{MAX_WINDOWS} of {len(starts)} {side} windows were drawn at random to be judged")
        keep = np.sort(rng.choice(len(starts), MAX_WINDOWS, replace=False))
        starts, sequences = starts[keep], sequences[keep]
    return Windows(panel, starts, np.full(len(starts), size, dtype=np.int64), sequences, size), notes
