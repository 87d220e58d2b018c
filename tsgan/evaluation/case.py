"""From two or three tables to what the judge looks at: windows of numbers, scaled alike.

Tables become sequences (by entity, by an outer index level named ``sequence``, by the first axis of an array, or one
long one), their columns become channels scaled by the **real** table's range, and each sequence is cut into all its
windows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ..arrays import Doubles, Floats, Ints, steps_within
from ..constraints.base import Constraint
from ..errors import InputError, ParameterError, SchemaError
from ..panel import Panel, Windows
from ..tables.rewriting import flat
from .columns import Column, read_column
from .excerpts import Drawn, frames_of, notes_of
from .reading import OrderedTable, TableLike, check_columns, plainly, read

WINDOW = 24  # steps that are looked at together where sequences are longer: a day of hours, two years of months
# Sequences of 2 rows, and windows of 2 steps, in a table of short sequences: with fewer its rows are judged one by one.
ENOUGH_LONGER, ENOUGH_PAIRS = 10, 40
MAX_WHOLE = 256  # steps of sequences that are judged whole
MAX_WINDOWS = 20_000  # of a table; more would cost time and change no score visibly


def silent(share: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Case:
    """What is judged: real and synthetic windows of the same channels, scaled by the real table's range."""

    columns: tuple[Column, ...]
    real: Windows
    synthetic: Windows
    window: int  # steps of each window
    notes: tuple[str, ...]  # what was left out on the way, in plain words
    random_state: int
    holdout: Windows | None  # real data that the generator has not seen
    clocks: Mapping[str, Doubles]  # "real", "synthetic": time of each row of the panel, in days or its own unit, if any
    target: Column | None  # to foretell (usefulness)
    sensitive: Column | None  # to infer (disclosure)
    frames: Mapping[str, pd.DataFrame]  # "real", "synthetic", "holdout": columns as they came, rows as in the panel
    constraints: tuple[Constraint, ...] | None  # what the tables must hold, where the user said so
    # the clock of each table as it came, if it has a name
    stamps: Mapping[str, pd.Series[Any]] = field(default_factory=dict)
    drawn: Mapping[str, Drawn] = field(default_factory=dict)  # what is judged of each table in parts
    progress: Callable[[float], None] = silent  # is told the share of the present metric that is done
    shared: dict[str, Any] = field(default_factory=dict, init=False, repr=False)  # see `records.remembered`

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
    real: TableLike | Drawn,
    synthetic: TableLike | Drawn,
    holdout: TableLike | Drawn | None = None,
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
    """Read the tables into a `Case`; arguments and errors are those of `evaluate`.

    Not judged are the entity, the time, and columns that repeat the entity's key on every row of every table, or number
    all rows or entities.
    """
    given = {"real": real, "synthetic": synthetic} | ({} if holdout is None else {"holdout": holdout})
    given, drawn = frames_of(given)
    entity, time, target, sensitive = (flat(name) for name in (entity, time, target, sensitive))
    tables, entity, time, own = plainly(given, entity, time)
    static = [flat(name) for name in [*own, *(name for name in static or () if name not in own)]]
    rows = {side: read(table, side, entity, time) for side, table in tables.items()}
    single = {"target": target, "sensitive": sensitive}
    roles = {"static": static or (), **{role: [name] for role, name in single.items() if name is not None}}
    for side in list(rows)[1:]:
        check_columns(rows["real"].frame, rows[side].frame, side, roles)
    if not len(rows["real"].frame.columns):
        raise SchemaError("the tables hold no column to judge beside the entity and the time")
    names = tuple(rows["real"].frame.columns)
    needed = {target, sensitive, *(name for one in constraints or () for name in one.operands(names))}
    keys = [n for n in names if n not in needed and all(n in table.keys for table in rows.values())]
    counters = [n for n in names if n not in needed and all(n in table.counters for table in rows.values())]
    if len({*keys, *counters}) == len(names):
        keys = counters = []
    if left_out := list({*keys, *counters}):
        rows = {side: replace(table, frame=table.frame.drop(columns=left_out)) for side, table in rows.items()}
    if window is None:
        arrays: list[Any] = [table for side, table in (("real", real), ("synthetic", synthetic)) if rows[side].note]
        window = int(np.shape(arrays[0])[1]) if arrays else None  # what was put together came in windows
    if window is None and (cut_out := [rows[side].lengths for side, part in drawn.items() if part.blocks]):
        window = min(WINDOW, *(int(lengths.min()) for lengths in cut_out))  # a block is no sequence to be judged whole
    size = _window(rows["real"].lengths, rows["synthetic"].lengths, window)
    if holdout is not None and (most := int(rows["holdout"].lengths.max())) < size:
        raise InputError(
            f"the holdout table is too short: its longest sequence has {_steps(most)} and a window needs {size}; pass "
            f"longer sequences, or a smaller window"
        )
    columns, channels, notes = _columns(rows, static or ())
    if size == 1 and window is None:
        notes.append(
            "one of the tables has hardly any sequence of 2 rows, so that rows are judged one by one, and time is not"
        )
    notes[:0] = notes_of(drawn)
    notes[:0] = [table.note for table in rows.values() if table.note]
    notes += [f"column {name!r} repeats the entity {entity!r}, and like it is not judged" for name in keys]
    notes += [f"column {name!r} only counts, and is not judged" for name in counters if name not in keys]
    cut = {}
    for side, values in channels.items():
        lengths = rows[side].lengths
        panel = Panel(values, lengths, np.zeros((len(lengths), 0), dtype=np.float32))
        cut[side], remarks = _windows(panel, size, side, np.random.default_rng([random_state, *side.encode()]))
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
        {side: table.stamps for side, table in rows.items() if table.stamps is not None},
        drawn,
    )


def _columns(
    rows: dict[str, OrderedTable], static: Sequence[str]
) -> tuple[tuple[Column, ...], dict[str, Floats], list[str]]:
    """Read every column of every table; returns them, the channels of each table, and what must be said."""
    columns: list[Column] = []
    parts: dict[str, list[Floats]] = {side: [] for side in rows}
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
    channels = {side: np.concatenate(part, axis=1) for side, part in parts.items()}
    return tuple(columns), channels, notes


def _window(real: Ints, synthetic: Ints, window: int | None) -> int:
    """Choose the window's length, or check the one that was asked for."""
    if window is not None and (isinstance(window, bool) or not isinstance(window, int | np.integer) or window < 1):
        raise ParameterError(
            f"window={window!r} is not allowed; it counts steps: a whole number of at least 1, or None"
        )
    for side, lengths in (("real", real), ("synthetic", synthetic)):
        longest = int(lengths.max())
        need = (1 if len(lengths) > 1 else 2) if window is None else int(window)
        if longest < need:
            raise InputError(
                f"the {side} table is too short: its longest sequence has {_steps(longest)} and a window needs {need}; "
                f"pass longer sequences"
                + (", or several of them, told apart by entity=" if longest == 1 and len(lengths) == 1 else "")
                + ("" if window is None or longest < 2 else f" or window={longest} or less")
            )
    if window is not None:
        return int(window)
    lengths = np.unique(np.concatenate([real, synthetic]))
    many = len(real) > 1 and len(synthetic) > 1
    if many and len(lengths) == 1 and lengths[0] <= MAX_WHOLE:
        return int(lengths[0])
    if len(real) == 1:
        usual = int(real.max()) // 4
    else:
        usual = int(real.min()) if real.min() >= WINDOW // 2 else int(np.quantile(real, 0.1))
    usual = min(WINDOW, usual, int(synthetic.max()))
    few = any((side > 1).sum() < ENOUGH_LONGER or (side - 1).sum() < ENOUGH_PAIRS for side in (real, synthetic))
    if many and usual < 2 and few:
        return 1
    return max(usual, 2)


def _steps(count: int) -> str:
    return f"{count} step{'s' * (count != 1)}"


def _windows(panel: Panel, size: int, side: str, rng: np.random.Generator) -> tuple[Windows, list[str]]:
    """Cut all windows of a panel, at most `MAX_WINDOWS` of them."""
    counts = np.maximum(panel.lengths - size + 1, 0)
    sequences = np.repeat(np.arange(len(panel)), counts)
    starts = panel.offsets[:-1][sequences] + steps_within(counts)
    notes = []
    if short := int((counts == 0).sum()):
        notes.append(f"{short} of {len(panel)} {side} sequences are shorter than {size} steps and were left out")
    if len(starts) < 2:
        raise InputError(
            f"the {side} table gives only {len(starts)} window of {_steps(size)}; at least 2 are needed: pass more or "
            f"longer sequences, or a smaller window"
        )
    if len(starts) > MAX_WINDOWS:
        notes.append(f"{MAX_WINDOWS} of {len(starts)} {side} windows were drawn at random to be judged")
        keep = np.sort(rng.choice(len(starts), MAX_WINDOWS, replace=False))
        starts, sequences = starts[keep], sequences[keep]
    return Windows(panel, starts, np.full(len(starts), size, dtype=np.int64), sequences, size), notes
