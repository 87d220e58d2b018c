"""Reading any table as rows in sequence and time order, with its clock beside it, and checking that two tables match.

Nothing here is shared with the generator's own encoding: the judge reads the tables afresh.

Arrays `(windows, time, columns)` are often all windows of one long series, shuffled or not. Taken as so many separate
sequences they fool a judge: a test window differs from a training window by one step. So they are put back together:
two windows follow one another where all steps of the one but the first are all steps of the other but the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..arrays import Doubles, Ints
from ..errors import InputError, SchemaError
from ..tables.form import OUTER, free_name, told_apart
from ..tables.frames import read_frame
from .columns import days

TableLike = pd.DataFrame | pd.Series | NDArray[np.generic] | list[NDArray[np.generic]]

MIN_SEQUENCES_FOR_KEYS = 10  # from which on a column that repeats the key, or counts, cannot do so by chance
MIN_SHARE_FOLLOWING = 0.5  # of windows that follow another, for them to be windows of one series


@dataclass(frozen=True)
class OrderedTable:
    """A table in sequence and time order."""

    frame: pd.DataFrame  # the columns that are judged
    lengths: Ints  # steps of each sequence; they add up to the rows
    clock: Doubles | None  # time of each row, in days where it is a date, else in its own unit
    note: str = ""  # what the reader did to the table, where that must be said
    keys: tuple[Any, ...] = ()  # columns that repeat the entity's key on every row
    stamps: pd.Series | None = None  # the clock as it came, under its name
    counters: tuple[Any, ...] = ()  # columns that number the rows of the whole table, or its sequences


def read(table: TableLike, side: str, entity: str | None, time: str | None) -> OrderedTable:
    """Read one table, which errors call by its side; `entity` and `time` are columns or index levels.

    Raises
    ------
    SchemaError
        If a role names a column that is not there, or two columns have one name.
    InputError
        If the table is empty or no table at all, or a role column has missing values.
    """
    note = ""
    if isinstance(table, np.ndarray) and table.ndim == 3 and (series := joined(table)):
        note = (
            f"the {len(table)} windows of the {side} array overlap; they were put together again to {len(series)} "
            f"long series"
        )
        table = series
    frame = as_frame(table, side)
    levels = [n for n in (entity, time) if n is not None and n not in frame.columns and n in frame.index.names]
    frame = frame.reset_index(level=levels) if levels else frame
    _check(frame, side, entity, time)
    return replace(_in_order(frame, side, entity, time), note=note)


def plainly(tables: Mapping[str, Any], entity: Any, time: Any) -> tuple[dict[str, Any], Any, Any, list[Any]]:
    """Return tables of any library as pandas frames, in the form of the real one; arrays as they are; and the roles.

    Entity, time and further static columns are those of the real table's format, where it has one (`tables.formats`).
    Where the real table is one sequence, columns that number the sequences, and the steps, of another table that was
    written by way of a file or another library are its index again.
    """
    real, kind = read_frame(tables["real"], roles=(entity, time))
    own, static = kind.format, list[Any]()
    if own is not None:
        entity, time, static = own.entity, own.time, list(own.static)
    made = {"real": real}
    for side, table in tables.items():
        if side == "real":
            continue
        frame = read_frame(table, kind, (entity, time))[0]
        if isinstance(frame, pd.DataFrame) and isinstance(real, pd.DataFrame) and entity is None:
            names = [free_name(name, real.columns) for name in (OUTER, "step")]
            levels = [name for name in names if name in frame]
            frame = frame.set_index(levels) if levels[:1] == names[:1] else frame
        made[side] = frame
    return made, entity, time, static


def as_frame(table: TableLike, side: str) -> pd.DataFrame:
    """Return a table as a DataFrame; the sequences of an array or a list of arrays become an outer index level."""
    if isinstance(table, pd.DataFrame):
        return table
    if isinstance(table, pd.Series):
        return table.to_frame("value" if table.name is None else table.name)
    if isinstance(table, list) and table and all(np.ndim(item) == 2 for item in table):
        return pd.concat([as_frame(item, side) for item in table], keys=range(len(table)), names=["sequence", None])
    try:
        values = np.asarray(table)
    except ValueError:
        values = np.empty(0, dtype=object)  # rows of different lengths
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


def check_columns(real: pd.DataFrame, other: pd.DataFrame, side: str, roles: Mapping[str, Sequence[str]]) -> None:
    """Refuse tables whose columns differ, and roles that name no column.

    Raises
    ------
    SchemaError
    """
    missing = [name for name in real.columns if name not in other.columns]
    extra = [name for name in other.columns if name not in real.columns]
    if missing or extra:
        raise SchemaError(
            f"the two tables must have the same columns; the {side} table lacks {missing} and has {extra} beyond "
            f"those of the real one"
        )
    for role, names in roles.items():
        for name in names:
            if name not in real.columns:
                raise SchemaError(
                    f"{role}={name!r} is not a column of the tables; their columns are {list(real.columns)}"
                )


def _check(frame: pd.DataFrame, side: str, entity: str | None, time: str | None) -> None:
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


def _in_order(frame: pd.DataFrame, side: str, entity: str | None, time: str | None) -> OrderedTable:
    """Sort rows by sequence and time and count each sequence's steps."""
    # a time level that was named is a column by now, so the outer one may stand alone
    outer = frame.index.names[0] == free_name(OUTER, frame.columns) and (
        frame.index.nlevels > 1 or frame.index.has_duplicates
    )
    if entity is not None:
        codes = told_apart(frame[entity], entity)[0]
    elif outer:
        codes = pd.factorize(frame.index.get_level_values(0))[0]
    else:
        codes = np.zeros(len(frame), dtype=np.int64)
    if (codes < 0).any():
        raise InputError(f"entity column {entity!r} of the {side} table has missing values; drop or name those rows")
    clock: Doubles | None = None
    stamps = frame.index.get_level_values(-1)
    if time is not None:
        if frame[time].isna().any():
            raise InputError(f"time column {time!r} of the {side} table has missing values; drop those rows")
        clock = clock_of(frame[time])
        if not np.isfinite(clock).all():
            raise InputError(f"time column {time!r} of the {side} table has infinite values; drop those rows")
    elif isinstance(stamps, pd.DatetimeIndex) and (outer or frame.index.nlevels == 1):
        clock = clock_of(stamps.to_series())
    order = np.lexsort((np.zeros(len(frame)) if clock is None else clock, codes))
    dropped = [name for name in (entity, time) if name is not None]
    lengths = np.bincount(codes).astype(np.int64)
    rows = frame.iloc[order].drop(columns=dropped).reset_index(drop=True)
    keys: tuple[Any, ...] = ()
    counters: tuple[Any, ...] = ()
    if entity is not None and len(lengths) >= MIN_SEQUENCES_FOR_KEYS:
        keys = tuple(n for n in rows if _repeats(frame[n], frame[entity]))
        counters = tuple(n for n in rows if _counts(frame[n], codes))
    named = frame[time] if time is not None else None if clock is None else pd.Series(stamps)
    named = None if named is None or named.name is None else named.iloc[order].reset_index(drop=True)
    clock = None if clock is None else clock[order]
    return OrderedTable(rows, lengths, clock, keys=keys, stamps=named, counters=counters)


def _repeats(series: pd.Series, keys: pd.Series) -> bool:
    """Whether a column is the key on every row, perhaps of another dtype."""
    if bool(series.isna().any()) or any(str(series.iloc[i]) != str(keys.iloc[i]) for i in (0, -1)):
        return False
    return bool((series.astype(str).to_numpy() == keys.astype(str).to_numpy()).all())


def _counts(series: pd.Series, codes: Ints) -> bool:
    """Whether a column numbers all rows as they stand, or the sequences in the order in which they come."""
    if not pd.api.types.is_integer_dtype(series) or bool(series.isna().any()):
        return False
    number = series.to_numpy(dtype=np.float64) - float(series.iloc[0])
    return bool((number == np.arange(len(number))).all() or (number == codes).all())


def clock_of(times: pd.Series) -> Doubles:
    """Times as numbers: days for dates and durations, their own unit for numbers, their rank for anything else."""
    if pd.api.types.is_numeric_dtype(times):
        return np.asarray(times, dtype=np.float64)
    try:
        return days(times)
    except (ValueError, TypeError):
        return np.asarray(pd.factorize(times, sort=True)[0], dtype=np.float64)


def joined(values: NDArray[np.generic]) -> list[NDArray[np.generic]] | None:
    """Return the series that windows were cut from, or None if fewer than half of the windows follow another.

    Parameters
    ----------
    values : array of shape (windows, time, columns)

    Returns
    -------
    list of arrays of shape (steps, columns), or None
    """
    count, steps, _ = values.shape
    if count < 3 or steps < 3:
        return None
    keys = [_key(part) for part in (values[:, :-1], values[:, 1:])]
    _, codes = np.unique(np.concatenate(keys), return_inverse=True)
    (head, tail), kinds = codes.reshape(2, count), int(codes.max()) + 1
    once = (np.bincount(head, minlength=kinds) == 1) & (np.bincount(tail, minlength=kinds) == 1)
    owner = np.full(kinds, -1)
    owner[head] = np.arange(count)
    after = np.where(once[tail], owner[tail], -1)
    if (after >= 0).mean() < MIN_SHARE_FOLLOWING:
        return None
    before = np.full(count, -1)
    before[after[after >= 0]] = np.flatnonzero(after >= 0)
    # each window's first ancestor and its distance from it, by jumps of 1, 2, 4, ... steps
    first, rank = np.where(before < 0, np.arange(count), before), (before >= 0).astype(np.int64)
    for _ in range(int(np.ceil(np.log2(count))) + 1):
        rank, first = rank + rank[first], first[first]
    if (before[first] >= 0).any():
        return None
    order = np.lexsort((rank, first))
    chains = np.split(order, np.flatnonzero(np.diff(first[order])) + 1)
    return [np.concatenate([values[chain[0]], values[chain[1:], -1]]) for chain in chains]


def _key(part: NDArray[np.generic]) -> NDArray[np.void]:
    """Return one comparable item per window: its bytes."""
    flat = np.ascontiguousarray(part).reshape(len(part), -1)
    return flat.view(np.dtype((np.void, flat.dtype.itemsize * flat.shape[1])))[:, 0]
