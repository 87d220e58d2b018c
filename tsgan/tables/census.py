"""What one pass over a table in parts finds: how long sequences are, and which rows an excerpt must hold.

A row is needed if it holds the lowest or highest number (or moment) of a column, or the first occurrence of a
category's level, of a missing value or of a form of entity key. An excerpt with these rows, and others drawn by
chance, lets columns, ranges and keys be learned as the whole table would.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ..arrays import Ints
from ..errors import InputError

LEVELS = 10_000  # of one column that are looked for; of a column with more, an excerpt holds those that come


class Census:
    """Counts and needed rows, frame after frame.

    Parameters
    ----------
    entity, time : str, int or None
        Columns or index levels with a role.

    Attributes
    ----------
    rows : int
        Seen so far.
    dtypes : dict
        By column, the dtypes seen; of a column that was all missing as objects, none.
    """

    def __init__(self, entity: Any, time: Any) -> None:
        self._entity, self._time = entity, time
        self.rows = 0
        self.dtypes: dict[Any, list[Any]] = {}
        self._starts: list[Ints] = []
        self._hashes: list[NDArray[np.uint64]] = []
        self._last: Any = None
        self._ends: dict[Any, tuple[Any, int]] = {}
        self._levels: dict[Any, dict[Any, int]] = {}

    def add(self, name: str, frame: pd.DataFrame) -> None:
        """Count the rows of a frame, of the part that is called `name`.

        Raises
        ------
        InputError
            If an entity key is missing, or time does not increase where there is no entity.
        """
        for column, kind in frame.dtypes.items():
            seen = self.dtypes.setdefault(column, [])
            if kind not in seen and not (kind == np.dtype(object) and frame[column].isna().all()):
                seen.append(kind)
        if self._entity is None:
            self._check_time(name, frame)
        else:
            self._add_keys(name, frame)
        for column in frame.columns:
            if column != self._entity:
                self._need(column, frame[column])
        for at, level in enumerate(frame.index.names):
            if not isinstance(frame.index, pd.RangeIndex) and (level is None or level != self._entity):
                self._need(("index", at), level_of(frame, at))
        self.rows += len(frame)

    def _need(self, column: Any, series: pd.Series[Any], at: Ints | None = None) -> None:
        """Note the rows with extremes or new levels; `at` are the row numbers, by default of this frame."""
        missing = series.isna().to_numpy()
        levels = self._levels.setdefault(column, {})
        if missing.any() and None not in levels:
            levels[None] = self._row(int(missing.argmax()), at)
        if missing.all():
            return
        if _ranked(series.dtype):
            for end, place in ((-1, int(series.argmin())), (1, int(series.argmax()))):
                value, known = series.iloc[place], self._ends.get((column, end))
                if known is None or (value < known[0] if end < 0 else value > known[0]):
                    self._ends[column, end] = (value, self._row(place, at))
            return
        if len(levels) > LEVELS or column == self._time:
            return
        try:
            codes, found = pd.factorize(series)
        except TypeError:
            return  # objects such as dicts: the encoder refuses them in its own words
        numbers, first = np.unique(codes, return_index=True)
        for level, place in zip(found, first[numbers >= 0], strict=True):
            levels.setdefault(level, self._row(int(place), at))
            if len(levels) > LEVELS:
                break

    def _row(self, place: int, at: Ints | None) -> int:
        return self.rows + place if at is None else int(at[place])

    def _add_keys(self, name: str, frame: pd.DataFrame) -> None:
        keys = keys_of(frame, self._entity)
        missing = int(keys.isna().sum())
        if missing:
            raise InputError(
                f"{name}: the entity {self._entity!r} is missing (NaN) in {missing} rows; fill or drop them"
            )
        begin = run_starts(keys, self._last if self.rows else None, self.rows == 0)
        self._last = keys.iloc[-1] if len(keys) else self._last
        starts, firsts = begin + self.rows, keys.iloc[begin]
        self._starts.append(starts)
        if not len(firsts):
            return
        self._hashes.append(hashes(firsts))
        if types.is_numeric_dtype(firsts.dtype):
            self._need("key", firsts, starts)
            return
        digits = firsts.astype(str).str.extract(r"(?s)^(?P<prefix>.*?)(?P<number>[0-9]*)\Z")
        number = digits["number"].str.lstrip("0")
        self._need("key prefix", digits["prefix"].where(digits["number"] != "", "no number"), starts)
        self._need("key digits", digits["number"].str.len(), starts)
        self._need("key taken", firsts.astype(str).str.startswith("synthetic_"), starts)
        ordered = (number.str.len().astype(str).str.zfill(6) + number).reset_index(drop=True)
        highest = ordered.sort_values().index[-1]
        known = self._ends.get(("key number", 1))
        if known is None or ordered[highest] > known[0]:
            self._ends["key number", 1] = (ordered[highest], int(starts[highest]))

    def _check_time(self, name: str, frame: pd.DataFrame) -> None:
        stamps = clock_of(frame, self._time)
        if stamps is None or not _ranked(stamps.dtype):
            return
        line = pd.concat([self._last, stamps], ignore_index=True) if self._last is not None else stamps
        self._last = line.iloc[[-1]] if len(line) else self._last
        back = np.flatnonzero(
            (line.iloc[1:].reset_index(drop=True) <= line.iloc[:-1].reset_index(drop=True)).to_numpy()
        )
        if len(back):
            before, after = (str(line.iloc[int(back[0]) + step]) for step in (0, 1))
            clock = "index" if self._time is None else repr(self._time)
            raise InputError(
                f"{name}: the time {clock} does not increase: {after!r} comes after {before!r}; the parts of one long "
                "series must be in time order, each moment once, or name the column that tells sequences apart with "
                "entity="
            )

    @property
    def lengths(self) -> Ints:
        """Rows of each sequence."""
        starts = np.concatenate(self._starts) if self._starts else np.zeros(1, dtype=np.int64)
        return np.diff(np.append(starts, self.rows)).astype(np.int64)

    @property
    def needed(self) -> Ints:
        """Numbers of the needed rows, increasing."""
        rows = {0, *(row for _, row in self._ends.values())}
        rows |= {row for levels in self._levels.values() if len(levels) <= LEVELS for row in levels.values()}
        return np.array(sorted(rows), dtype=np.int64)

    @property
    def suspects(self) -> set[int]:
        """Hashes of entity keys that seem to begin more than one run of rows."""
        every = np.concatenate([np.zeros(0, dtype=np.uint64), *self._hashes])
        values, counts = np.unique(every, return_counts=True)
        return set(values[counts > 1].tolist())


def _ranked(kind: Any) -> bool:
    """Return whether a dtype holds numbers, moments or durations."""
    moments = types.is_datetime64_any_dtype(kind) or types.is_timedelta64_dtype(kind)
    return (
        moments or isinstance(kind, pd.PeriodDtype) or (types.is_numeric_dtype(kind) and not types.is_bool_dtype(kind))
    )


def hashes(keys: pd.Series[Any]) -> NDArray[np.uint64]:
    """Return a hash of each key; the same key has the same one in every part."""
    plain = keys.astype(object) if isinstance(keys.dtype, pd.CategoricalDtype) else keys
    return np.asarray(pd.util.hash_pandas_object(plain, index=False), dtype=np.uint64)


def level_of(frame: pd.DataFrame, level: int) -> pd.Series[Any]:
    """Return a level of the index as a column."""
    return pd.Series(frame.index.get_level_values(level)).reset_index(drop=True)


def keys_of(frame: pd.DataFrame, entity: Any) -> pd.Series[Any]:
    """Return the entity of each row, from its column or index level."""
    if entity in frame.columns:
        column: pd.Series[Any] = frame[entity].reset_index(drop=True)
        return column
    return level_of(frame, list(frame.index.names).index(entity))


def clock_of(frame: pd.DataFrame, time: Any) -> pd.Series[Any] | None:
    """Return the time of each row: a column, a level, or an index of moments; None if there is none."""
    if time is not None and time in frame.columns:
        column: pd.Series[Any] = frame[time].reset_index(drop=True)
        return column
    if time is not None and time in frame.index.names:
        return level_of(frame, list(frame.index.names).index(time))
    return level_of(frame, 0) if isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex) else None


def run_starts(keys: pd.Series[Any], last: Any, first: bool) -> Ints:
    """Return the places where another key begins; `last` is the key of the row before, none if `first`."""
    if not len(keys):
        return np.zeros(0, dtype=np.int64)
    codes = pd.factorize(keys)[0]
    begins = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    fresh = first or bool(keys.iloc[0] != last)
    return np.concatenate([[0], begins]).astype(np.int64) if fresh else begins.astype(np.int64)
