"""Rows in sequence and time order, how many steps each sequence has, and windows of them."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..arrays import Doubles, Ints, first_rows, steps_within
from ..errors import InputError, ParameterError, SchemaError, TsganWarning
from ..layout import Layout, Number
from ..panel import Panel, Windows
from ..tables.dtypes import Name, plain, ticks
from ..tables.form import SplitTable
from .clocks.clock import GAP, Clock
from .clocks.stamps import Stamps

MIN_EVEN = 0.9  # share of the steps between different stamps that are alike where a clock beats


def arrange(table: SplitTable, clock: Clock | None = None) -> tuple[NDArray[np.intp], Ints]:
    """Return the order of the rows and the length of each sequence, sequences by first appearance.

    Rows of one stamp keep the order of the table: so do events that were written down with the same minute.

    Parameters
    ----------
    clock : Clock, optional
        That was fitted; without it, a stamp may come twice unless those that differ beat evenly.

    Raises
    ------
    InputError
        If a stamp comes twice within a sequence where none may, naming both.

    Warns
    -----
    TsganWarning
        If time does not increase within a sequence; the rows are sorted.
    """
    rows = len(table.values)
    codes = np.zeros(rows, dtype=np.int64) if table.codes is None else table.codes
    lengths = np.bincount(codes).astype(np.int64)
    if table.stamps is None:
        return np.argsort(codes, kind="stable"), lengths
    when = Stamps.read(table.stamps, table.form.time)[1]
    order = np.lexsort((when, codes))
    name = "index" if table.form.time is None else repr(table.form.time)
    same = codes[order][1:] == codes[order][:-1]
    tied = same & (when[order][1:] == when[order][:-1])
    twice = np.flatnonzero(tied)
    if len(twice) and not (_events(table, codes, order[np.append(True, ~tied)]) if clock is None else clock.tied):
        row = order[twice[0]]
        raise InputError(
            f"the time {name} is duplicated: {str(table.stamps[row])!r} comes more than once"
            f"{_whose(table, codes[row])} ({len(twice)} such rows in all); drop or average them"
            + ("" if table.keys is not None else ", or name the column that tells sequences apart with entity=")
        )
    before = np.argsort(codes, kind="stable")
    back = np.flatnonzero((codes[before][1:] == codes[before][:-1]) & (when[before][1:] < when[before][:-1]))
    if len(back):
        warnings.warn(
            f"the time {name} does not increase{_whose(table, codes[before[back[0]]])}; rows were sorted by it",
            TsganWarning,
            stacklevel=4,
        )
    return order, lengths


def _events(table: SplitTable, codes: Ints, rows: NDArray[np.intp]) -> bool:
    """Return whether rows of different stamps, in order, come unevenly, as events do; a clock that beats does not."""
    assert table.stamps is not None
    stamps, lengths = table.stamps.take(rows), np.bincount(codes[rows]).astype(np.int64)
    clock = Clock.fit(stamps, lengths, table.form.time)
    gaps = clock.encode(stamps, lengths).get(GAP)
    return gaps is not None and float((gaps.dropna() == clock.step).mean()) < MIN_EVEN


def _whose(table: SplitTable, code: int) -> str:
    return "" if table.keys is None else f" in the entity {plain(table.keys[int(code)])!r}"


def warn_of_clocks(parts: Mapping[Name, pd.Series[Any]], lengths: Ints) -> None:
    """Warn of datetime columns that are learned as values although they increase with every one of 10 steps or more."""
    inner = steps_within(lengths)[1:] > 0
    for name, series in parts.items():
        if not pd.api.types.is_datetime64_any_dtype(series.dtype) or len(series) != len(inner) + 1 or inner.sum() < 10:
            continue
        if (np.diff(ticks(series))[inner] > 0).all():
            warnings.warn(
                f"column {name!r} increases with every row, like a clock, but is learned as a value; "
                f"pass time={name!r} to get regular new time stamps",
                TsganWarning,
                stacklevel=5,
            )


def one_per_sequence(
    series: pd.Series[Any], lengths: Ints, name: Name, entity: Name | None, keys: pd.Index[Any] | None
) -> pd.Series[Any]:
    """Return the one value of each sequence; several are refused, naming column and entity."""
    first = first_rows(lengths)
    codes = pd.factorize(series)[0]
    changed = np.flatnonzero(codes != np.repeat(codes[first], lengths))
    if len(changed):
        number = int(np.searchsorted(np.cumsum(lengths), changed[0], side="right"))
        held = series.iloc[first[number] : first[number] + lengths[number]].unique()[:3]
        key = number if keys is None else plain(keys[number])
        raise SchemaError(
            f"static column {name!r} is not constant within {entity!r}={key!r}: it holds "
            f"{', '.join(repr(plain(v)) for v in held)}; leave it out of static= or make it one value per {entity!r}"
        )
    return series.iloc[first].reset_index(drop=True)


def length_cell(lengths: Ints) -> tuple[Number | None, tuple[int, ...]]:
    """Return the cell that stands for a sequence's length, and the lengths of its grid; none where all are equal.

    Its numbers are the logarithms of one more than the lengths, standardised over the sequences.
    """
    levels, counts = np.unique(lengths, return_counts=True)
    if len(levels) < 2:
        return None, ()
    logs = np.log1p(levels)
    mean = np.average(logs, weights=counts)
    grid = (logs - mean) / np.sqrt(np.average((logs - mean) ** 2, weights=counts))
    return Number("length", float(grid[0]), float(grid[-1]), grid=grid), tuple(int(n) for n in levels)


def encode_lengths(lengths: Ints, layout: Layout) -> Doubles:
    """Return one number per sequence, that of its length or, where it was never seen, of the nearest one."""
    cell, levels = layout.statics[-1], np.array(layout.lengths)
    assert isinstance(cell, Number)
    return cell.grid[np.searchsorted((levels[1:] + levels[:-1]) / 2, lengths, side="right")]


WINDOW = 24  # steps by default: a day of hours
MAX_WHOLE = 64  # steps up to which sequences are taken whole


def whole_number(name: str, value: object) -> int:
    """Return `value` as an integer of at least 1; anything else is refused."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise ParameterError(f"{name}={value!r} is not allowed; it must be an integer of at least 1")
    return int(value)


def resolve_window(window: int | None, lengths: Ints) -> int:
    """Return the number of steps of a window.

    By default, several sequences are taken whole if the longest has at most 64 steps, and cut into windows of 24
    otherwise; one series is cut into windows of 24, or of half its rows if it has fewer than 48.

    Raises
    ------
    ParameterError
        If `window` is not a positive integer or longer than every sequence.
    """
    longest = int(lengths.max())
    if window is None:
        if len(lengths) == 1:
            return max(1, min(WINDOW, longest // 2))
        return longest if longest <= MAX_WHOLE else WINDOW
    window = whole_number("window", window)
    if window > longest:
        raise ParameterError(
            f"window={window} is longer than every sequence: the longest has {longest} rows. "
            f"Choose a window of at most {longest}, or None"
        )
    return window


def cut(panel: Panel, window: int, stride: int) -> Windows:
    """Return windows of `window` steps that start `stride` steps apart and reach the end of each sequence.

    A sequence that is shorter than the window gives one shorter window. The last window of a longer one ends with it,
    so its distance to the one before may be less than `stride`.
    """
    last = np.maximum(panel.lengths - window, 0)
    count = 1 + -(-last // stride)
    sequences = np.repeat(np.arange(len(panel)), count)
    within = np.minimum(steps_within(count) * stride, last[sequences])
    lengths = np.minimum(panel.lengths, window)[sequences]
    return Windows(panel, panel.offsets[:-1][sequences] + within, lengths, sequences, window)
