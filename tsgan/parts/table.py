"""A table larger than memory: read part by part, a bounded frame at a time.

The way of a fit, in the order of the calls::

    with Parts.open(source, entity, time) as parts:     # pass 1: checks, counts, needed rows
        excerpt = sample_of(parts, 500_000, rng)         # pass 2: the rows that columns are learned from
        ...fit the encoder on excerpt.frame, its sequences being excerpt.lengths long; take lengths, window and the
           number of rows from parts.lengths...
        panel = spool(parts, encoder.encode)             # pass 3: cells in files, mapped into memory
        ...cut windows, train...

The files behind the panel, and what an iterator gave, lie in `parts.folder`, a temporary folder (of `TMPDIR`). It is
there until `close`, the end of the `with` block, or until the `Parts` is garbage collected, so that must outlive every
use of the panel. In memory are at most: some frames of `ROWS` rows and one sequence, the excerpt, the census of levels,
and eight bytes per sequence (twice that with entity keys).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd

from ..errors import InputError, SchemaError
from ..panel import Ints
from .census import Census, hashes, keys_of, run_starts
from .sources import Named, frames_of

PIECE = 131_072  # rows that are encoded at once
MARGIN = 64  # rows of context at each side of a stretch of a long series
OUTER = "sequence"


@dataclass(frozen=True)
class Piece:
    """Rows to be encoded together: whole sequences, or a stretch of a long series between rows of context.

    Attributes
    ----------
    frame : DataFrame
    before, after : int
        Rows at the beginning and the end of the frame that are context alone.
    """

    frame: pd.DataFrame
    before: int = 0
    after: int = 0


class Parts:
    """A table in parts that can be read again and again, a bounded frame at a time; made by `open`.

    Attributes
    ----------
    rows : int
    lengths : int64 array of shape (sequences,)
        Rows of each sequence, in order.
    entity, time : str, int or None
        As given; an outer index level called ``sequence`` is the entity without being named.
    """

    rows: int
    lengths: Ints

    def __init__(self, entity: Any = None, time: Any = None) -> None:
        self.entity, self.time = entity, time
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._dtypes: dict[Any, Any] = {}
        self._read: Callable[[], Named]
        self.needed: Ints

    @classmethod
    def open(cls, source: Any, entity: Any = None, time: Any = None) -> Parts:
        """Read a table in parts once, and check that its parts make one table.

        Parameters
        ----------
        source : path, list of paths, iterable of DataFrames
            A folder of parquet files, such files in order, or frames; an iterator that can be read once only is written
            to the temporary folder first.
        entity : str, int or None
            Column or index level that tells sequences apart; the rows of each lie in one stretch, over as many parts
            as need be. None: the parts are one long series.
        time : str, int or None
            Column or index level of time stamps. In one long series it must increase from row to row; the rows of an
            entity may come in any order.

        Raises
        ------
        InputError
            Naming the part: it cannot be read, an entity comes back after others or has no key, or time goes back.
        SchemaError
            Naming the part: its columns or their types are not those of the others, or a role is no column.
        """
        self = cls(entity, time)
        try:
            self._read = frames_of(source, lambda: self.folder)
            self._take_census()
        except BaseException:
            self.close()
            raise
        return self

    def _take_census(self) -> None:
        census: Census | None = None
        for name, frame in self._read():
            if census is None:
                self._check_roles(frame)
                census = Census(self.entity, self.time)
            census.add(name, frame)
        if census is None or not census.rows:
            raise InputError("the parts hold no rows")
        if census.suspects:
            self._check_once(census.suspects)
        self.rows, self.lengths, self.needed = census.rows, census.lengths, census.needed
        self._dtypes = {column: _common(column, seen) for column, seen in census.dtypes.items() if seen}

    def _check_roles(self, frame: pd.DataFrame) -> None:
        levels = list(frame.index.names)
        if self.entity is None and len(levels) == 2 and levels[0] == OUTER:
            self.entity = OUTER
        for role, name in (("entity", self.entity), ("time", self.time)):
            if name is not None and name not in frame.columns and name not in levels:
                raise SchemaError(f"{role}={name!r} is not a column; the parts have {list(frame.columns)}")

    def _check_once(self, suspects: set[int]) -> None:
        """Find the entity that comes back, among those whose hashes come more than once."""
        seen: set[Any] = set()
        last: Any = None
        first = True
        for name, frame in self._read():
            keys = keys_of(frame, self.entity)
            firsts = keys.iloc[run_starts(keys, last, first)]
            for key in firsts[np.isin(hashes(firsts), list(suspects))] if len(firsts) else ():
                if key in seen:
                    raise InputError(
                        f"{name}: the entity {self.entity!r}={key!r} comes back after other entities; the rows of a "
                        f"sequence must follow each other: sort by {self.entity!r} before writing the parts"
                    )
                seen.add(key)
            if len(keys):
                last, first = keys.iloc[-1], False

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield bounded frames with the same dtypes; plain row numbers go on from one to the next."""
        at = 0
        for _, frame in self._read():
            wrong = {c: kind for c, kind in self._dtypes.items() if frame[c].dtype != kind}
            frame = frame.astype(wrong) if wrong else frame
            if isinstance(frame.index, pd.RangeIndex):
                frame = frame.set_axis(pd.RangeIndex(at, at + len(frame), name=frame.index.name), axis=0)
            at += len(frame)
            if len(frame):
                yield frame
        if at != self.rows:
            raise InputError(f"the parts had {self.rows} rows when first read and have {at} now; pass them unchanging")

    def pieces(self, rows: int = PIECE, margin: int = MARGIN) -> Iterator[Piece]:
        """Yield what is encoded together: whole sequences, or stretches of `rows` rows of one long series."""
        return self._stretches(rows, margin) if self.entity is None else self._sequences(rows)

    def _sequences(self, rows: int) -> Iterator[Piece]:
        offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        held: list[pd.DataFrame] = []
        start = end = 0
        for frame in self:
            held.append(frame)
            end += len(frame)
            if end - start < rows:
                continue
            cut = int(offsets[np.searchsorted(offsets, end, side="right") - 1])
            if self.rows - cut == 1:  # a table of one row is no table
                cut = int(offsets[np.searchsorted(offsets, cut) - 1])
            if cut - start < 2:
                continue
            whole = pd.concat(held)
            yield Piece(whole.iloc[: cut - start])
            held, start = [whole.iloc[cut - start :]], cut
        if end > start:
            yield Piece(pd.concat(held))

    def _stretches(self, rows: int, margin: int) -> Iterator[Piece]:
        held: list[pd.DataFrame] = []
        base = at = end = 0  # rows before the held ones, before the next piece, before what is still to be read
        for frame in self:
            held.append(frame)
            end += len(frame)
            while end - at >= rows + margin:
                whole = pd.concat(held)
                yield Piece(whole.iloc[: at + rows + margin - base], at - base, margin)
                at += rows
                held, base = [whole.iloc[max(at - margin - base, 0) :]], max(at - margin, base)
        if end > at:
            yield Piece(pd.concat(held), at - base)

    @property
    def folder(self) -> Path:
        """The temporary folder, made when first asked for."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="tsgan-")
        return Path(self._folder.name)

    def close(self) -> None:
        """Remove the temporary folder and all in it."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _common(column: Any, seen: list[Any]) -> Any:
    """Return the dtype that holds a column of all parts; it differs by levels, and where parquet has missing values."""
    if len(seen) == 1:
        return seen[0]
    if all(isinstance(kind, pd.CategoricalDtype) for kind in seen):
        levels = dict.fromkeys(level for kind in seen for level in kind.categories)
        if any(kind.ordered for kind in seen):
            told = " and ".join(str(kind.categories.tolist()[:10]) for kind in seen[:2])
            raise SchemaError(f"column {column!r} is an ordered category with levels that differ: {told}; set them all")
        return pd.CategoricalDtype(pd.Index(list(levels), dtype=seen[0].categories.dtype))
    if all(isinstance(kind, np.dtype) and kind.kind in "iuf" for kind in seen):
        return np.dtype(np.float64)
    return np.dtype(object)
