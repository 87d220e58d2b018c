"""Tables of which a part is to be drawn: a past that goes on, holes that are filled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..arrays import Bools, Doubles, Floats, Ints, first_rows, steps_within
from ..constraints.base import Columns, previous
from ..constraints.checking import violations
from ..constraints.monotone import Increments
from ..constraints.numbers import Scale
from ..panel import Panel
from ..tables.dtypes import Name
from ..tables.form import SplitTable, free_name
from ..tables.frames import give_back, read_frame
from .assembling import Decoded, assemble
from .clocks.clock import GAP
from .columns.constant import ConstantColumn
from .encoder import Encoder
from .sequences import encode_lengths
from .stages import Stages, parts_of, readable, stamps_of

FUTURE = "future"
RECENT = 8  # windows of a past that are looked at; what lies before is out of reach of any memory


@dataclass(frozen=True)
class Past:
    """Sequences that are to go on, each as often as futures are wanted.

    Attributes
    ----------
    panel : Panel
        The last rows of each sequence and the new ones, whose cells are NaN; all sequences once for each future. NaN in
        an old row is a value that is missing.
    new : bool array of shape (rows,)
    last : array of shape (sequences,)
        Tick of the last row of each sequence, once.
    statics : float64 array of shape (sequences, static cells)
        What rows that come after the last are decoded by, once: a meter goes on from there.
    begun : dict of name to Series of shape (sequences,)
        The last known value of each meter, by the part that starts it, literally.
    fixed : dict of name to Series
        What is taken over as it is, one value per sequence: static columns, columns that count sequences.
    counts : dict of name to int64 array of shape (sequences,)
        What columns that count steps or rows count from.
    keys : Index or None
    rows : int
        Rows before the new ones, by the labels of an index that counts them.
    """

    panel: Panel
    new: Bools
    last: NDArray[Any]
    statics: Doubles
    begun: Columns
    fixed: dict[Name, Any]
    counts: dict[Name, Ints]
    keys: pd.Index[Any] | None
    rows: int


def read_past(stages: Stages, data: Any, steps: int, n: int, rng: np.random.Generator) -> Past:
    """Return a past, made ready to be continued `n` times by `steps` rows of each sequence; errors as `Stages.encode`.

    How long sequences would be in the end is drawn.
    """
    table, order, lengths = stages.take_apart(data)
    stages.check_text(data, exact=True)
    full = stages.encode(data, learn=True)
    stamps, parts = stamps_of(table, order), parts_of(table, order, lengths)
    final = np.cumsum(lengths) - 1
    last = _ticks(stages, table, stamps, final)
    old = np.tile(lengths, n)
    total = old + steps
    ends = _ends(stages, total, rng)
    step = steps_within(total)
    new = step >= np.repeat(old, total)
    values = np.full((len(new), full.values.shape[1]), np.nan)
    values[~new] = np.tile(full.values, (n, 1))
    places = stages.cells.positions(ends)[steps_within(ends) < np.repeat(total, ends)]
    covariates = np.hstack([_seasons(stages, full, new, steps, last), places])
    statics = np.tile(full.statics, (n, 1))
    if stages.layout.lengths:
        statics[:, -1] = encode_lengths(ends, stages.layout)
    keep = step >= np.repeat(old - RECENT * stages.window, total)
    total = np.minimum(total, RECENT * stages.window + steps)
    counters = [alias for alias in stages.aliases.found if alias.of in ("step", "start", "sequence", "row")]
    fixed = {name: parts[name] for name in stages.form.static}
    fixed |= {one.name: parts[one.name].take(final) for one in counters if one.of == "sequence" and not one.static}
    counts = {
        one.name: parts[one.name].take(final).to_numpy(dtype=np.int64) for one in counters if one.of != "sequence"
    }
    panel = Panel(values[keep], total, statics, covariates[keep])
    seam, begun = _seam(stages, parts, stamps, lengths, full.statics)
    return Past(panel, new[keep], last, seam, begun, fixed, counts, table.keys, _counted(stages, table))


def _counted(stages: Stages, table: SplitTable) -> int:
    """Return how many rows there were by the labels of an index that counts them."""
    start, step = stages.form.counted
    if stages.form.kind != "frame" or not step or not pd.api.types.is_integer_dtype(table.index.dtype):
        return 0
    return max(int(((np.asarray(table.index) - start) // step).max()) + 1, 0)


def _ticks(stages: Stages, table: SplitTable, stamps: pd.Index[Any] | None, at: Ints) -> NDArray[Any]:
    """Return the ticks of some rows; where rows are only counted, their labels if these are whole numbers."""
    clock = stages.clock
    if stamps is not None:
        ticks: NDArray[Any] = clock.ticks(stamps)[at]
        return ticks
    labels = table.index
    if len(at) == 1 and pd.api.types.is_integer_dtype(labels.dtype) and stages.form.kind == "frame":
        return np.array([labels[at[0]]], dtype=np.int64)
    return np.full(len(at), clock.start)


def _ends(stages: Stages, least: Ints, rng: np.random.Generator) -> Ints:
    """Return how long sequences that have reached a length may be in the end, drawn from those that were seen."""
    seen = np.sort(stages.lengths)
    first = np.searchsorted(seen, least)
    drawn = first + ((len(seen) - first) * rng.random(len(least))).astype(np.int64)
    return np.where(first < len(seen), seen[np.minimum(drawn, len(seen) - 1)], least)


def _seasons(stages: Stages, full: Panel, new: Bools, steps: int, last: NDArray[Any]) -> Floats:
    """Return the calendar and the trend of each row, past and new, as the clock goes on."""
    wide = full.covariates.shape[1] - stages.layout.places
    out = np.zeros((len(new), wide), dtype=np.float32)
    if wide:
        ahead = np.full(len(full), steps + 1)
        later = stages.covariates(ahead, last)[steps_within(ahead) > 0, :wide]
        out[~new] = np.tile(full.covariates[:, :wide], (int((~new).sum()) // len(full.values), 1))
        out[new] = np.tile(later, (int(new.sum()) // len(later), 1))
    return out


def _seam(
    stages: Stages, parts: Columns, stamps: pd.Index[Any] | None, lengths: Ints, statics: Doubles
) -> tuple[Doubles, Columns]:
    """Return statics by which a meter starts from its last known value, and these values."""
    meters = [step for step in stages.chain.steps if isinstance(step, Increments)]
    if not meters:
        return statics, {}
    final = np.cumsum(lengths) - 1
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    ends: dict[Name, pd.Series[Any]] = {}
    for name, series in parts.items():
        if name not in stages.form.static:
            filled = series.groupby(sequence).ffill() if name in {step.name for step in meters} else series
            series = filled.take(final).reset_index(drop=True)
        ends[name] = series
    ones = np.ones(len(lengths), dtype=np.int64)
    last = None if stamps is None else stamps.take(final)
    learned = stages.chain.forward(
        stages.aliases.forward(ends, ones), ones, given=readable(stages.form, stages.aliases, last, ones)
    )
    made = stages.panel(learned, last, ones).statics
    out = statics.copy()
    begun = {name: learned[name].reset_index(drop=True) for step in meters for name in step.statics}
    for place in (place for place in map(stages.cells.place, begun) if place is not None):
        out[:, place] = made[:, place]
    return out, begun


def decode_futures(encoder: Encoder, past: Past, panel: Panel, n: int, rng: np.random.Generator) -> Any:
    """Return only the new rows of a past whose panel was drawn, each of `n` futures under an outer level `future`."""
    stages, lengths, count = encoder.stages, panel.lengths, len(past.last)
    steps = int(past.new.sum()) // len(lengths)
    size = np.full(len(lengths), steps + 1)
    take = np.repeat(panel.offsets[1:] - size, size) + steps_within(size)
    joined = Panel(panel.values[take], size, np.tile(past.statics, (n, 1)), panel.covariates[take])
    dates = {
        one.name: pd.concat([past.fixed[one.name]] * n, ignore_index=True)
        for one in stages.durations.found
        if one.name in past.fixed
    }
    dates |= {name: pd.concat([start] * n, ignore_index=True) for name, start in past.begun.items()}
    rows = encoder.decode(joined, np.tile(past.last, n), rng, drawn=past.new[take], known=dates)
    new = past.new[take]
    keys = None if stages.keys is None else past.keys
    tables = []
    for future in range(n):
        some = slice(future * count * (steps + 1), (future + 1) * count * (steps + 1))
        kept = np.flatnonzero(new[some]) + some.start
        sequences = np.arange(future * count, (future + 1) * count)
        statics = {*stages.form.static, *stages.aliases.starts}
        values = {
            name: pd.Series(array, copy=False).take(sequences if name in statics else kept).array
            for name, array in rows.values.items()
        }
        values |= {name: past.fixed[name].array for name in stages.form.static if name in values}
        stamps = None if rows.stamps is None else rows.stamps[kept]
        tables.append(_composed(stages, past, Decoded(values, np.full(count, steps), stamps), keys))
    form = stages.frame.format
    if n > 1 and form is not None and not form.framed:
        return [give_back(table, stages.frame) for table in tables]
    if stages.form.kind == "frame":
        level = free_name(FUTURE, stages.form.columns)
        made = tables[0] if n == 1 else pd.concat(tables, keys=range(n), names=[level])
        if n > 1 and stages.frame.library != "pandas":
            made = made.reset_index(level)  # other libraries have no index
        return give_back(made, stages.frame)
    return tables[0] if n == 1 else np.stack(tables)


def _composed(stages: Stages, past: Past, rows: Decoded, keys: pd.Index[Any] | None) -> Any:
    """Return rows as a table, counters going on."""
    values = stages.restored(rows, keys)
    steps = int(rows.lengths[0])
    step = np.tile(np.arange(1, steps + 1), len(rows.lengths))
    for alias in stages.aliases.found:
        dtype = values[alias.name].dtype
        if alias.name in past.counts:
            within = alias.of in ("step", "start")
            number = step if within else np.arange(1, len(step) + 1)
            since = np.repeat(past.counts[alias.name], steps) if within else past.counts[alias.name][-1]
            values[alias.name] = pd.Series(since + alias.step * number).astype(dtype).array
        elif alias.name in past.fixed:
            values[alias.name] = past.fixed[alias.name].repeat(steps).array
    return assemble(values, rows.lengths, stages.form, rows.stamps, keys, squeeze=True, before=(0, past.rows))


def read_holes(stages: Stages, table: Any) -> tuple[Panel, NDArray[Any], Bools]:
    """Return a table with holes as a panel, where its clocks start, and which value cells are to be drawn.

    Returns
    -------
    panel : Panel
        NaN where a value is missing; a NaN among the statics is to be drawn, too.
    starts : array of shape (sequences,)
    unknown : bool array of shape (rows, cells)
    """
    taken, order, lengths = stages.take_apart(table)
    taken = _known_once(replace(taken, values=stages.aliases.fill_sources(taken.values, taken.stamps)))
    if stages.constraints:
        given = readable(stages.form, stages.aliases, taken.stamps, np.array([len(order)]))
        taken = replace(taken, values=stages.chain.release(stages.chain.infer(taken.values, given), given))
    stamps = stamps_of(taken, order)
    panel = stages.panel(stages.learned(taken, order, lengths), stamps, lengths, learn=True)
    starts = _ticks(stages, taken, stamps, first_rows(lengths))
    for column in stages.cells.columns:
        place = stages.cells.place(column.name)
        if isinstance(column, ConstantColumn) and place is not None:  # what is filled has the one value that there is
            (panel.statics if column.role == "static" else panel.values)[:, place] = 0
    unknown = np.isnan(panel.values)
    gap = stages.cells.place(GAP)
    if gap is not None:  # the first row of a sequence follows none
        unknown[:, gap] = False
    return panel, starts, unknown


def _known_once(table: SplitTable) -> SplitTable:
    """Return the table with static values that are missing on some rows of a sequence taken from its other rows."""
    values = table.values
    for name in table.form.static:
        there = np.flatnonzero(values[name].notna())
        if table.codes is None or len(there) in (0, len(values)):
            continue
        codes, first = np.unique(table.codes[there], return_index=True)
        source = np.arange(len(values))
        place = np.searchsorted(codes, table.codes).clip(max=len(codes) - 1)
        gone = values[name].isna().to_numpy(dtype=bool) & (codes[place] == table.codes)
        source[gone] = there[first[place[gone]]]
        filled = values[name].take(source).set_axis(values.index)
        values = values.copy()
        values[name] = filled
    return replace(table, values=values)


def fill_holes(stages: Stages, data: Any, rows: Decoded) -> Any:
    """Return a table with its missing values taken from rows; all other values are untouched."""
    frame, kind = read_frame(data, stages.frame)
    table, order, _ = stages.take_apart(data)
    names, form = stages.form.names, stages.form
    back = np.argsort(order, kind="stable")
    if stages.durations.found:
        rows = _before_known(stages, parts_of(_known_once(table), order, rows.lengths), rows)
    values = stages.restored(rows, table.keys)
    for step in stages.chain.steps:
        if isinstance(step, Increments) and table.values[step.name].isna().any():
            own = table.values[step.name].take(order).reset_index(drop=True)
            values[step.name] = _between(step, pd.Series(values[step.name], copy=False), own, rows.lengths)
    drawn = {name: pd.Series(values[name], copy=False).take(back).reset_index(drop=True) for name in names}
    if form.kind != "frame":
        flat = np.column_stack([drawn[name].to_numpy(dtype=np.float64) for name in names])
        if isinstance(frame, list):
            ends = np.cumsum([len(part) for part in frame])[:-1]
            return [np.where(np.isnan(old), new, old) for old, new in zip(frame, np.split(flat, ends), strict=True)]
        array = np.asarray(frame, dtype=np.float64)
        return np.where(np.isnan(array), flat.reshape(array.shape), array)
    reads = readable(form, stages.aliases, table.stamps, np.array([len(order)]))
    known = stages.chain.infer(frame, reads)
    out = known.copy()
    for name in names:
        missing = out[name].isna().to_numpy(dtype=bool)
        if missing.any():
            new = drawn[name].set_axis(out.index)
            out[name] = out[name].where(~missing, new.astype(out[name].dtype))
    out = stages.chain.enforce(out, known, reads)
    if table.codes is not None:
        out = _held_once(stages, out, known, table.codes, reads)
    return give_back(out, kind)


def _before_known(stages: Stages, given: Columns, rows: Decoded) -> Decoded:
    """Return drawn rows, a missing date set as far from a known one, which is learned from it, as they were drawn."""
    values = dict(rows.values)
    for one in reversed(stages.durations.found):
        if one.of != "column" or one.source is None or len(values[one.name]) != len(values[one.source]):
            continue
        own, source = given[one.name], given[one.source]
        here = (own.notna() & source.isna()).to_numpy(dtype=bool)
        if here.any():
            drawn, base = (pd.Series(values[name], copy=False) for name in (one.name, one.source))
            moved = (base + (own - drawn)).astype(base.dtype)
            values[one.name] = drawn.mask(here, own).array
            values[one.source] = base.mask(here, moved).array
    return replace(rows, values=values)


def _held_once(
    stages: Stages, out: pd.DataFrame, known: pd.DataFrame, codes: NDArray[Any], given: Columns
) -> pd.DataFrame:
    """Return a filled table with one value per sequence where rules moved static ones row by row."""
    for name in stages.form.static:
        if not known[name].isna().any() or not (out[name].groupby(codes).nunique() > 1).any():
            continue
        groups, tries = out[name].groupby(codes), [out.copy(), out.copy()]
        tries[0][name], tries[1][name] = groups.transform("min"), groups.transform("max")
        roles = stages.form.entity, stages.form.time
        out = min(tries, key=lambda made: sum(violations(stages.constraints, made, *roles).values()))
        known = known.copy()
        known[name] = out[name]
        out = stages.chain.enforce(out, known, given)
    return out


def _between(step: Increments, drawn: pd.Series[Any], given: pd.Series[Any], lengths: Ints) -> Any:
    """Return a meter's drawn values moved so that they lie between the readings that are known."""
    scale = Scale.of([step.format])
    path, (x, gone) = scale.read(drawn)[0], scale.read(given)
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    before, last = previous(~gone, sequence), len(x) - 1
    after = last - previous(~gone[::-1], sequence[::-1])[::-1]
    some, other = before >= 0, after <= last
    left, right = np.maximum(before, 0), np.minimum(after, last)
    rise = (path[right] - path[left]).astype(np.float64)
    share = np.where(rise != 0, (path - path[left]) / np.where(rise != 0, rise, 1), 0.5)
    inner = x[left] + share * (x[right] - x[left])
    alone = np.where(some, x[left] + (path - path[left]), np.where(other, x[right] - (path[right] - path), path))
    moved = np.where(some & other, inner, alone)
    moved = step.format.round(moved.astype(x.dtype) if x.dtype.kind == "f" else np.round(moved).astype(x.dtype), scale)
    low, high = np.where(some, x[left], moved), np.where(other, x[right], moved)
    moved = np.clip(moved, np.minimum(low, high), np.maximum(low, high))
    return step.format.write(np.where(gone, moved, x), np.zeros(len(x), dtype=bool), scale)
