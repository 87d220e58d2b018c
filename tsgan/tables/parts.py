"""A table larger than memory: read part by part, a bounded frame at a time.

The way of a fit, in the order of the calls::

    with Parts(source, entity, time) as parts:          # pass 1: checks, counts, needed rows
        excerpt = draw_excerpt(parts, 500_000, rng)      # pass 2: the rows that columns are learned from
        ...fit the encoder on excerpt.frame, its sequences being excerpt.lengths long; take lengths, window and the
           number of rows from parts.lengths...
        panel = encode_to_disk(parts, encoder.learn)    # pass 3: cells in files, mapped into memory
        ...cut windows, train...

The files behind the panel, and what an iterator gave, lie in `parts.folder`, a temporary folder (of `TMPDIR`). It is
there until `close`, the end of the `with` block, or until the `Parts` is garbage collected, so that must outlive every
use of the panel. In memory are at most: some frames of `ROWS` rows and one sequence, the excerpt, the levels of
columns, and eight bytes per sequence (twice that with entity keys).
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..arrays import Doubles, Ints
from ..errors import InputError, SchemaError
from ..panel import Panel
from .engines import engine_of, frames_of_engine
from .form import OUTER, free_name
from .formats.frame import MultiIndex, Nixtla
from .scan import Scan, hashes, run_starts, values_of
from .sources import frames_of

CHUNK = 131_072  # rows that are encoded at once
MARGIN = 64  # rows of context at each side of a stretch of a long series


@dataclass(frozen=True)
class Chunk:
    """Rows to be encoded together: whole sequences, or a stretch of a long series between rows of context."""

    frame: pd.DataFrame
    before: int = 0  # rows at the beginning of the frame that are context alone
    after: int = 0  # and at its end


class Parts:
    """A table in parts that can be read again and again, a bounded frame at a time.

    It is read once when it is made, and its parts are checked to make one table.

    Parameters
    ----------
    source : path, list of paths, iterable of DataFrames, table of Dask, Spark or Ray
        A folder of parquet files, such files in order, or frames; an iterator that can be read once only, and what an
        engine holds, is written to the temporary folder first.
    entity : str, int or None
        Column or index level that tells sequences apart; the rows of each lie in one stretch, over as many parts as
        need be. None: the parts are one long series, or an outer index level called ``sequence`` is the entity.
    time : str, int or None
        Column or index level of time stamps. In one long series it must increase from row to row; the rows of an
        entity may come in any order.

    Attributes
    ----------
    rows : int
    lengths : int64 array of shape (sequences,)
        Rows of each sequence, in order.
    needed : int64 array
        Numbers of the rows that an excerpt must hold, see `scan`.

    Raises
    ------
    InputError
        Naming the part: it cannot be read, an entity comes back after others or has no key, or time goes back.
    SchemaError
        Naming the part: its columns or their types are not those of the others, or a role is no column.
    """

    def __init__(self, source: Any, entity: Any = None, time: Any = None) -> None:
        self.entity, self.time = entity, time
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        try:
            source = frames_of_engine(source, entity, time) if engine_of(source) else source
            self._read = frames_of(source, lambda: self.folder)
            scan = self._scan()
            if scan.suspects:
                self._check_once(scan.suspects)
        except BaseException:
            self.close()
            raise
        self.rows, self.lengths, self.needed = scan.rows, scan.lengths, scan.needed
        self._dtypes = {column: _common(column, seen) for column, seen in scan.dtypes.items() if seen}

    def _scan(self) -> Scan:
        scan: Scan | None = None
        for part, frame in self._read():
            if scan is None:
                levels = list(frame.index.names)
                own = [one for one in (Nixtla, MultiIndex) if one.fits(frame)]
                if self.entity is None and self.time is None and own:
                    made = own[0].read(frame)[1]
                    self.entity, self.time = made.entity, made.time
                if self.entity is None and len(levels) == 2 and levels[0] == free_name(OUTER, frame.columns):
                    self.entity = levels[0]
                for role, name in (("entity", self.entity), ("time", self.time)):
                    if name is not None and name not in frame.columns and name not in levels:
                        raise SchemaError(f"{role}={name!r} is not a column; the parts have {list(frame.columns)}")
                scan = Scan(self.entity, self.time)
            scan.add(part, frame)
        if scan is None or not scan.rows:
            raise InputError("the parts hold no rows")
        return scan

    def _check_once(self, suspects: set[int]) -> None:
        """Find the entity that comes back, among those whose hashes come more than once."""
        seen: set[Any] = set()
        last: Any = None
        first = True
        for name, frame in self._read():
            keys = values_of(frame, self.entity)
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

    def chunks(self, rows: int = CHUNK, margin: int = MARGIN) -> Iterator[Chunk]:
        """Yield what is encoded together: whole sequences, or stretches of `rows` rows of one long series."""
        margin = margin if self.entity is None else 0
        frames, held = iter(self), list[pd.DataFrame]()
        base = end = 0  # rows before the held ones, and before those that are still to be read
        for start, stop in itertools.pairwise(self._edges(rows, margin)):
            low, high = max(start - margin, 0), min(stop + margin, self.rows)
            while end < high:
                held.append(next(frames))
                end += len(held[-1])
            whole = pd.concat(held)
            yield Chunk(whole.iloc[low - base : high - base], start - low, high - stop)
            following = max(stop - margin, 0)
            held, base = [whole.iloc[following - base :]], following
        for _ in frames:  # to its end, where the rows are counted
            pass

    def _edges(self, rows: int, margin: int) -> list[int]:
        """Return the rows at which chunks begin, and how many there are."""
        if self.entity is None:
            last = max(self.rows - max(margin - 1, 0), 1)  # a stretch has a whole margin after it, or none
            return [*range(0, last, rows), self.rows]
        offsets, edges = np.cumsum(self.lengths), [0]
        rows = max(rows, 2)  # a table of one row is no table
        while edges[-1] + rows <= self.rows:
            edges.append(int(offsets[np.searchsorted(offsets, edges[-1] + rows)]))
        return [*(edge for edge in edges if edge == 0 or self.rows - edge >= 2), self.rows]

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
            shown = " and ".join(str(kind.categories.tolist()[:10]) for kind in seen[:2])
            raise SchemaError(
                f"column {column!r} is an ordered category with levels that differ: {shown}; set them all"
            )
        return pd.CategoricalDtype(pd.Index(list(levels), dtype=seen[0].categories.dtype))
    if all(isinstance(kind, np.dtype) and kind.kind in "iuf" for kind in seen):
        return np.dtype(np.float64)
    return np.dtype(object)


AROUND = 8  # rows kept at each side of a needed row where whole sequences would be too many
STRETCHES = 50  # by chance, of a long series
FEW_WHOLE = 10  # sequences that must fit, on average, where they are drawn whole by chance alone


@dataclass(frozen=True)
class Excerpt:
    """Rows of a table in parts, in their order."""

    frame: pd.DataFrame
    lengths: Ints  # rows of each sequence; of a long series, of each stretch without a gap
    whole: bool  # whether each of them is a sequence from its first to its last row


def draw_excerpt(parts: Parts, rows: int, rng: np.random.Generator, *, by_chance: bool = False) -> Excerpt:
    """Draw rows that columns can be learned from as from the whole table.

    They are the needed ones (see `scan`: extremes, levels, missing values, forms of keys) and about `rows` more, as
    whole sequences, or as stretches of one long series; the whole table if it has no more than `rows` rows. Where the
    sequences of the needed rows alone would be more than `rows` rows, stretches of sequences are taken. `by_chance`
    leaves the needed ones to chance, so that shares are those of the table.
    """
    if parts.rows <= rows:
        return Excerpt(pd.concat(list(parts)), parts.lengths, whole=True)
    offsets = np.concatenate([[0], np.cumsum(parts.lengths)])
    rare = parts.needed[:0] if by_chance else parts.needed
    sequence = np.searchsorted(offsets, rare, side="right") - 1
    needed = np.unique(sequence)
    least = FEW_WHOLE * parts.lengths.mean() if by_chance else parts.lengths[needed].sum()
    whole = parts.entity is not None and bool(least <= rows)
    if whole:
        chance = rng.permutation(np.setdiff1d(np.arange(len(parts.lengths)), needed))
        chosen = np.append(needed, chance[np.cumsum(parts.lengths[chance]) <= rows])
        starts, ends = offsets[chosen], offsets[chosen + 1]
    else:
        starts, ends = _stretches(parts.lengths, offsets, rows, rng)
        starts = np.append(starts, np.maximum(rare - AROUND, offsets[sequence]))
        ends = np.append(ends, np.minimum(rare + AROUND + 1, offsets[sequence + 1]))
    starts, ends = _joined(starts, ends, offsets)
    found, at = [], 0
    for frame in parts:
        number = np.arange(at, at + len(frame))
        at += len(frame)
        which = np.searchsorted(starts, number, side="right") - 1
        found.append(frame[(which >= 0) & (number < ends[which])])
    return Excerpt(pd.concat(found), (ends - starts).astype(np.int64), whole)


def _stretches(lengths: Ints, offsets: Ints, rows: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return where stretches by chance begin and end: spread over one series, or one in each of some sequences."""
    size = max(rows // (STRETCHES if len(lengths) == 1 else min(STRETCHES, len(lengths))), 1)
    if len(lengths) == 1:
        edges = np.linspace(0, int(lengths[0]), min(STRETCHES, rows) + 1).astype(np.int64)
        starts = edges[:-1] + rng.integers(0, np.maximum(np.diff(edges) - size, 0) + 1)
        return starts, np.minimum(starts + size, edges[1:])
    order = rng.permutation(len(lengths))
    order = order[np.cumsum(np.minimum(lengths[order], size)) <= rows]
    take = np.minimum(lengths[order], size)
    starts = offsets[order] + rng.integers(0, lengths[order] - take + 1)
    return starts, starts + take


def _joined(starts: Ints, ends: Ints, offsets: Ints) -> tuple[Ints, Ints]:
    """Return stretches in order, those of one sequence that overlap or touch made one."""
    order = np.lexsort((ends, starts))
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    touch = (starts[1:] == ends[:-1]) & np.isin(starts[1:], offsets)
    fresh = np.append(True, (starts[1:] > ends[:-1]) | touch)
    return starts[fresh], ends[np.append(np.flatnonzero(fresh)[1:] - 1, len(ends) - 1)]


def encode_to_disk(parts: Parts, encode: Callable[[pd.DataFrame], Panel], folder: Path | None = None) -> Panel:
    """Encode all parts into files; the panel reads them where windows are cut, so it is never whole in memory.

    `encode` makes a panel of a frame: with an entity, of whole sequences, which come back in the order of their first
    rows; of one long series, of a stretch with up to `MARGIN` rows of context at each side, whose cells are dropped.
    The files lie in a folder, by default `parts.folder`, so that the panel lives as long as `parts` is open. `values`
    (float64) and `covariates` (float32) are read-only memory maps; lengths and statics are in memory, of one long
    series those of its first stretch. InputError if the folder has no room left.
    """
    folder = parts.folder if folder is None else folder
    lengths: list[Ints] = []
    statics: list[Doubles] = []
    values = _File(folder / "values.npy", parts.rows, "<f8")
    covariates = _File(folder / "covariates.npy", parts.rows, "<f4")
    with values, covariates:
        for chunk in parts.chunks():
            panel = encode(chunk.frame)
            if len(panel.values) != len(chunk.frame):
                raise ValueError(f"encoding {len(chunk.frame)} rows gave {len(panel.values)}")
            kept = slice(chunk.before, len(chunk.frame) - chunk.after)
            values.append(panel.values[kept])
            covariates.append(panel.covariates[kept])
            lengths.append(panel.lengths)
            statics.append(panel.statics)
    if parts.entity is None:
        return Panel(values.mapped(), parts.lengths, statics[0], covariates.mapped())
    return Panel(values.mapped(), np.concatenate(lengths), np.concatenate(statics), covariates.mapped())


class _File:
    """A `.npy` file of rows that is appended to, and then mapped into memory.

    It is written as a stream, since pages of a map that is written to count as memory of the process.
    """

    def __init__(self, path: Path, rows: int, kind: str) -> None:
        self._path, self._rows, self._shape, self._kind = path, rows, (rows, 0), np.dtype(kind)
        self._file: BinaryIO | None = None

    def append(self, values: NDArray[Any]) -> None:
        try:
            if self._file is None:
                self._file = self._path.open("wb")
                self._shape = (self._rows, values.shape[1])
                head = {"descr": self._kind.str, "fortran_order": False, "shape": self._shape}
                np.lib.format.write_array_header_1_0(self._file, head)
            np.ascontiguousarray(values, dtype=self._kind).tofile(self._file)
        except OSError as error:
            raise InputError(
                f"{self._path.parent}: the encoded table cannot be written: {error.strerror or error}; "
                "let TMPDIR name a folder with more room"
            ) from error

    def mapped(self) -> NDArray[Any]:
        if 0 in self._shape:
            return np.zeros(self._shape, dtype=self._kind)
        loaded: NDArray[Any] = np.load(self._path, mmap_mode="r")
        return loaded

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()
