"""From two or three tables to what the judge looks at: windows of numbers, scaled alike.

Tables become sequences (by entity, by an outer index level named ``sequence``, by the first axis of an array, or one
long one), their columns become channels scaled by the **real** table's range, and each sequence is cut into all its
windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..arrays import Doubles, Ints
from ..constraints.base import Constraint
from ..errors import InputError, ParameterError, SchemaError
from ..panel import Panel, Windows
from .columns import Column, read_column
from .reading import OrderedTable, TableLike, check_columns, read

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
    holdout : Windows or None
        Real data that the generator has not seen.
    clocks : mapping of str to float64 array of shape (rows,)
        Time of each row of `real.panel` ("real"), `synthetic.panel` ("synthetic"), in days or the clock's own unit;
        empty where a table has no clock.
    target, sensitive : Column or None
        The columns to foretell (usefulness) and to infer (disclosure), where the user named them.
    frames : mapping of str to DataFrame
        The columns of each table ("real", "synthetic", "holdout") as they came, in sequence and time order.
    constraints : tuple of Constraint or None
        What the tables must hold, where the user said so.
    """

    columns: tuple[Column, ...]
    real: Windows
    synthetic: Windows
    window: int
    notes: tuple[str, ...]
    random_state: int
    holdout: Windows | None = None
    clocks: dict[str, Doubles] | None = None
    target: Column | None = None
    sensitive: Column | None = None
    frames: Mapping[str, pd.DataFrame] | None = None
    constraints: tuple[Constraint, ...] | None = None

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.real.panel.values.shape[1])

    @cached_property
    def bulk(self) -> Doubles:
        """The 1 % and the 99 % quantile of each channel's real values, `(2, channels)`."""
        values = self.real.panel.values
        step = max(len(values) // 100_000, 1)
        return np.quantile(values[::step], [0.01, 0.99], axis=0).astype(np.float64)

    def rng(self, purpose: str, repeat: int = 0) -> np.random.Generator:
        """Return a generator of its own for each purpose and repeat, so that no figure depends on another's draws."""
        return np.random.default_rng([self.random_state, repeat, *purpose.encode()])


def prepare(
    real: TableLike,
    synthetic: TableLike,
    holdout: TableLike | None = None,
    *,
    entity: str | None = None,
    time: str | None = None,
    static: Sequence[str] | None = None,
    target: str | None = None,
    sensitive: str | None = None,
    window: int | None = None,
    random_state: int = 0,
    constraints: Sequence[Constraint] | None = None,
) -> Case:
    """Read the tables into a `Case`.

    Parameters
    ----------
    real, synthetic : DataFrame, Series, array or list of arrays
        With the same columns. An array is one series `(time, columns)` or a panel `(sequences, time, columns)`.
    holdout : the same, optional
        Real data that the generator has not seen.
    entity, time : str, optional
        Columns or index levels that name the sequence and order its rows; they are not judged as columns, and neither
        is one that repeats the entity's key on every row of every table, or numbers all rows or entities.
    static : sequence of str, optional
        Columns with one value per sequence.
    target, sensitive : str, optional
        Columns that some metrics ask for.
    window : int, optional
        Steps of a window. By default whole sequences where all have one length of at most 256, else 24, or less
        where the sequences are shorter.
    random_state : int
        Chooses which windows are kept when there are more than 20,000 of a table.
    constraints : sequence of Constraint, optional
        What the tables must hold.

    Raises
    ------
    SchemaError
        If the columns of the tables differ, or a role names a column that is not there.
    InputError
        If a table is empty or too short for a window, or holds infinite values.
    ParameterError
        If `window` is not a whole number of at least 2.
    """
    tables = {"real": real, "synthetic": synthetic} | ({} if holdout is None else {"holdout": holdout})
    rows = {side: read(table, side, entity, time) for side, table in tables.items()}
    roles = {
        "static": list(static or ()),
        "target": [] if target is None else [target],
        "sensitive": [] if sensitive is None else [sensitive],
    }
    for side in list(rows)[1:]:
        check_columns(rows["real"].frame, rows[side].frame, side, roles)
    if not len(rows["real"].frame.columns):
        raise SchemaError("the tables hold no column to judge beside the entity and the time")
    kept = {target, sensitive} | {
        n for one in constraints or () for n in one.operands(tuple(rows["real"].frame.columns))
    }
    keys = [name for name in rows["real"].keys if all(name in one.keys for one in rows.values()) and name not in kept]
    counters = [n for n in rows["real"].counters if all(n in one.counters for one in rows.values()) and n not in kept]
    if len({*keys, *counters}) == len(rows["real"].frame.columns):
        keys = counters = []
    if keys or counters:
        left = list({*keys, *counters})
        rows = {side: replace(one, frame=one.frame.drop(columns=left)) for side, one in rows.items()}
    if window is None:
        window = _steps(real) if rows["real"].note else _steps(synthetic) if rows["synthetic"].note else None
    size = _window(rows["real"].lengths, rows["synthetic"].lengths, window)
    if holdout is not None and (most := int(rows["holdout"].lengths.max())) < size:
        raise InputError(
            f"the holdout table is too short: its longest sequence has {most} steps and a window needs {size}; pass "
            f"longer sequences, or a smaller window"
        )
    columns, channels, notes = _columns(rows, static or ())
    notes[:0] = [table.note for table in rows.values() if table.note]
    notes += [f"column {name!r} repeats the entity {entity!r}, and like it is not judged" for name in keys]
    notes += [f"column {name!r} only counts, and is not judged" for name in counters if name not in keys]
    cut = {}
    for side, values in channels.items():
        panel = Panel(values, rows[side].lengths, np.zeros((len(rows[side].lengths), 0), dtype=np.float32))
        rng = np.random.default_rng([random_state, *side.encode()])
        cut[side], remarks = _windows(panel, size, side, rng)
        notes += remarks
    by_name = {column.name: column for column in columns}
    return Case(
        columns,
        cut["real"],
        cut["synthetic"],
        size,
        tuple(notes),
        random_state,
        cut.get("holdout"),
        {side: table.clock for side, table in rows.items() if table.clock is not None},
        None if target is None else by_name[str(target)],
        None if sensitive is None else by_name[str(sensitive)],
        {side: table.frame for side, table in rows.items()},
        None if constraints is None else tuple(constraints),
    )


def _steps(table: TableLike) -> int:
    """Steps of each window of an array of windows."""
    return int(np.shape(table)[1])


def _columns(
    rows: dict[str, OrderedTable], static: Sequence[str]
) -> tuple[tuple[Column, ...], dict[str, NDArray[np.float32]], list[str]]:
    """Read every column of every table; returns them, the channels of each table, and what must be said."""
    columns: list[Column] = []
    parts: dict[str, list[Doubles]] = {side: [] for side in rows}
    notes, start = [], 0
    for name in rows["real"].frame.columns:
        series = {side: table.frame[name] for side, table in rows.items()}
        column, values = read_column(str(name), series, start, static=name in static)
        columns.append(column)
        for side, array in values.items():
            parts[side].append(array.astype(np.float32))
        if series["real"].isna().all():
            notes.append(f"column {column.name!r} is missing throughout the real table; only that can be compared")
        start = column.channels.stop
    return tuple(columns), {side: np.concatenate(part, axis=1) for side, part in parts.items()}, notes


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
