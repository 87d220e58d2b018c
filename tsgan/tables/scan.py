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

MAX_NAMES = 200  # whole numbers of one column that may name things
MAX_LEVELS = 10_000  # of one column that are looked for; of a column with more, an excerpt holds those that come


class Scan:
    """Counts and needed rows, frame after frame; `entity` and `time` are columns or index levels."""

    def __init__(self, entity: Any, time: Any) -> None:
        self._entity, self._time = entity, time
        self.rows = 0
        self.dtypes: dict[Any, list[Any]] = {}  # by column; of one that was all missing as objects, none
        self._starts: list[Ints] = []  # first rows of sequences, by frame
        self._hashes: list[NDArray[np.uint64]] = []  # of their keys
        self._last: Any = None  # key, or time, of the last row
        self._ends: dict[Any, tuple[Any, int]] = {}  # by column and end, the extreme and its row
        self._levels: dict[Any, dict[Any, int]] = {}  # by column, the first row of each level
        self._many: set[Any] = set()  # columns with too many levels

    def add(self, name: str, frame: pd.DataFrame) -> None:
        """Count the rows of a frame, of the part that is called `name`.

        InputError if an entity key is missing, or time does not increase where there is no entity.
        """
        for column, kind in frame.dtypes.items():
            seen = self.dtypes.setdefault(column, [])
            if kind not in seen and not (kind == np.dtype(object) and frame[column].isna().all()):
                seen.append(kind)
        if self._entity is None:
            self._check_time(name, frame)
        else:
            self._add_keys(name, frame)
        numbers = np.arange(self.rows, self.rows + len(frame))
        for column in frame.columns:
            if column != self._entity:
                self._need(column, frame[column], numbers)
        for at, level in enumerate(frame.index.names):
            if not isinstance(frame.index, pd.RangeIndex) and (level is None or level != self._entity):
                self._need(("index", at), level_of(frame, at), numbers)
        self.rows += len(frame)

    def _need(self, column: Any, series: pd.Series[Any], numbers: Ints) -> None:
        """Note which of these rows have extremes or new levels."""
        missing = series.isna().to_numpy()
        levels = self._levels.setdefault(column, {})
        if missing.any():
            levels.setdefault(None, int(numbers[missing.argmax()]))
        if missing.all():
            return
        if _ranked(series.dtype):
            for end, place in ((-1, int(series.argmin())), (1, int(series.argmax()))):
                value, known = series.iloc[place], self._ends.get((column, end))
                if known is None or (value < known[0] if end < 0 else value > known[0]):
                    self._ends[column, end] = (value, int(numbers[place]))
            if not types.is_integer_dtype(series.dtype):
                return
        most = MAX_NAMES if _ranked(series.dtype) else MAX_LEVELS
        if len(levels) > most or column == self._time:
            return
        try:
            codes, found = pd.factorize(series)
        except TypeError:
            return  # objects such as dicts: the encoder refuses them in its own words
        known_codes, first = np.unique(codes, return_index=True)
        for level, place in zip(found, first[known_codes >= 0], strict=True):
            levels.setdefault(level, int(numbers[place]))
            if len(levels) > most:
                self._many.add(column)
                break

    def _add_keys(self, name: str, frame: pd.DataFrame) -> None:
        keys = values_of(frame, self._entity)
        if missing := int(keys.isna().sum()):
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
        if self._time is None and not isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex):
            return
        stamps = level_of(frame, 0) if self._time is None else values_of(frame, self._time)
        if not _ranked(stamps.dtype):
            return
        line = pd.concat([self._last, stamps], ignore_index=True) if self._last is not None else stamps
        self._last = line.iloc[[-1]] if len(line) else self._last
        back = np.flatnonzero(np.asarray(line.array[1:] <= line.array[:-1]))
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
        return np.diff(starts, append=self.rows).astype(np.int64)

    @property
    def needed(self) -> Ints:
        """Numbers of the needed rows, increasing."""
        rows = {0, *(row for _, row in self._ends.values())}
        rows |= {row for column, levels in self._levels.items() if column not in self._many for row in levels.values()}
        return np.array(sorted(rows), dtype=np.int64)

    @property
    def suspects(self) -> set[int]:
        """Hashes of entity keys that seem to begin more than one run of rows."""
        every = np.concatenate([np.zeros(0, dtype=np.uint64), *self._hashes])
        values, counts = np.unique(every, return_counts=True)
        return set(values[counts > 1].tolist())


def _ranked(kind: Any) -> bool:
    """Return whether a dtype holds numbers, moments, durations or periods."""
    if types.is_datetime64_any_dtype(kind) or types.is_timedelta64_dtype(kind) or isinstance(kind, pd.PeriodDtype):
        return True
    return types.is_numeric_dtype(kind) and not types.is_bool_dtype(kind)


def hashes(keys: pd.Series[Any]) -> NDArray[np.uint64]:
    """Return a hash of each key; the same key has the same one in every part."""
    plain = keys.astype(object) if isinstance(keys.dtype, pd.CategoricalDtype) else keys
    return np.asarray(pd.util.hash_pandas_object(plain, index=False), dtype=np.uint64)


def level_of(frame: pd.DataFrame, level: int) -> pd.Series[Any]:
    """Return a level of the index as a column."""
    return pd.Series(frame.index.get_level_values(level)).reset_index(drop=True)


def values_of(frame: pd.DataFrame, name: Any) -> pd.Series[Any]:
    """Return the entity, or the time, of each row, from its column or index level."""
    if name in frame.columns:
        column: pd.Series[Any] = frame[name].reset_index(drop=True)
        return column
    return level_of(frame, list(frame.index.names).index(name))


def run_starts(keys: pd.Series[Any], last: Any, first: bool) -> Ints:
    """Return the places where another key begins; `last` is the key of the row before, none if `first`."""
    codes = pd.factorize(keys)[0]
    begins = np.diff(codes, prepend=-1) != 0
    if len(keys) and not first:
        begins[0] = keys.iloc[0] != last
    return np.flatnonzero(begins).astype(np.int64)
