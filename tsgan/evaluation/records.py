"""What a record is, and how near the records of one table come to those of another.

What is given away is given away about someone, so a record is one entity, however many windows it has: the distance
between two records is the smallest between a window of the one and a window of the other. Where sequences are long
and fewer than 30, or longer in training than in holdout, they are blocks of one series rather than persons; records
are then stretches of one window's length, and those of one sequence are not taken to be independent.

Distances are Euclidean over all steps and columns of a window. Numbers are centred on the real median, divided by the
real interquartile range and taken through the inverse hyperbolic sine, so that a heavy tail does not drown the rest;
levels, booleans and missing values are weighted so that two independent values are as far apart as two independent
numbers. Every column weighs the same, a static one too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..arrays import Doubles, Floats, Ints
from ..panel import Panel, Windows
from .case import Case
from .columns import Column

Kept = TypeVar("Kept")

MAX_QUERIES, MAX_REFERENCES, MAX_NUMBERS = 2000, 20_000, 2**24
FEW, LONG, EVEN, ALONE, PIECES = 30, 4, 1.25, 6, 20
RARE, EQUAL, BLOCK = 0.05, 1e-11, 2**22


@dataclass(frozen=True)
class Census:
    """All records of one table.

    Attributes
    ----------
    panel : Panel
    first, count : int64 arrays of shape (records,)
        First row of each record's first window, and how many windows follow, each one step later.
    cluster : int64 array of shape (records,)
        Records of one cluster are not independent of each other: pieces of one long series. Else one each.
    size : int
        Steps of a window.
    blocks : bool
        Whether records are stretches of time instead of entities.
    """

    panel: Panel
    first: Ints
    count: Ints
    cluster: Ints
    size: int
    blocks: bool

    def __len__(self) -> int:
        return len(self.first)

    @property
    def word(self) -> str:
        """How a result calls records."""
        return f"stretches of {self.size} steps" if self.blocks else "sequences"

    def windows(self, names: Ints, most: int, apart: bool = False) -> tuple[Ints, Ints]:
        """Return first rows of windows of the named records, and whose they are (place in `names`).

        Records with more windows than their share of `most` are thinned evenly; `apart` leaves out windows that
        overlap.
        """
        share = max(most // max(len(names), 1), 1)
        stride = np.maximum(self.size if apart else 1, -(-self.count[names] // share))
        number = -(-self.count[names] // stride)
        owner = np.repeat(np.arange(len(names)), number)
        place = np.arange(len(owner)) - np.repeat(np.cumsum(number) - number, number)
        return self.first[names][owner] + place * stride[owner], owner


@dataclass(frozen=True)
class Records:
    """Some records of a table, their windows scaled for distances.

    Attributes
    ----------
    points : float32 array of shape (windows, numbers)
    starts, owner : int64 arrays of shape (windows,)
        First row of each window, and the place of its record in `names` (never falling).
    names : int64 array of shape (records,)
        Numbers of the records in their `Census`, increasing.
    rows : int
        Of the whole table.
    size : int
    blocks : bool
    """

    points: Floats
    starts: Ints
    owner: Ints
    names: Ints
    rows: int
    size: int
    blocks: bool

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Neighbours:
    """The nearest and the second nearest other record of each record.

    Attributes
    ----------
    distance : float64 array of shape (records, 2)
        Infinite where there is none.
    name : int64 array of shape (records, 2)
        Numbers of the neighbours in their `Census`.
    """

    distance: Doubles
    name: Ints


def remembered(case: Case, key: str, make: Callable[[], Kept]) -> Kept:
    """Compute something once per case, so that metrics share it; it lives and dies with the case."""
    kept: dict[str, Kept] = case.__dict__.setdefault("_remembered", {})
    if key not in kept:
        kept[key] = make()
    return kept[key]


def census(case: Case, side: str) -> Census:
    """Return all records of one side ("real", "synthetic" or "holdout") of a case."""
    return remembered(case, f"census {side}", lambda: _census(case, side))


def _census(case: Case, side: str) -> Census:
    panel, size = getattr(case, side).panel, case.window
    outside = case.real if case.holdout is None else case.holdout
    mean = float(case.real.panel.lengths.mean())
    few = min(len(case.real.panel), len(outside.panel)) < FEW
    # the longer of two sequences comes nearer to everything
    uneven = not 1 / EVEN <= mean / float(outside.panel.lengths.mean()) <= EVEN
    blocks = bool((few or uneven) and mean >= LONG * size)
    if side == "synthetic" and len(panel) < ALONE and panel.lengths.mean() >= LONG * size:
        blocks = True
    windows = np.maximum(panel.lengths - size + 1, 0)
    per = -(-windows // size) if blocks else (windows > 0).astype(np.int64)
    sequence = np.repeat(np.arange(len(panel)), per)
    inside = (np.arange(len(sequence)) - np.repeat(np.cumsum(per) - per, per)) * size
    first = panel.offsets[:-1][sequence] + inside
    count = np.minimum(windows[sequence] - inside, size) if blocks else windows[sequence]
    cluster = np.arange(len(sequence))
    if blocks:
        piece = len(panel.values)
        if len(panel) < ALONE:
            piece = max(LONG * size, piece // PIECES)
        cluster = np.unique(np.stack([sequence, inside // piece]), axis=1, return_inverse=True)[1].ravel()
    return Census(panel, first, count, cluster, size, blocks)


def records(
    case: Case,
    side: str,
    names: Ints | None = None,
    *,
    apart: bool = False,
    without: Column | None = None,
) -> Records:
    """Return records of a side, ready for distances.

    Parameters
    ----------
    case : Case
    side : {"real", "synthetic", "holdout"}
    names : int array, optional
        Which; by default all, or as many as are searched at most, drawn at random.
    apart : bool
        Leave out windows that overlap another of the same record: what is looked for, not what is searched.
    without : Column, optional
        A column that does not count.
    """
    everyone, parts = census(case, side), _scaling(case, without)
    numbers = sum(case.window if not one[3] else 1 for one in parts)
    most = max(min(MAX_REFERENCES, MAX_NUMBERS // max(numbers, 1)), 2)
    names = chosen(case, side, most) if names is None else names
    starts, owner = everyone.windows(names, min(most, 2 * MAX_QUERIES) if apart else most, apart)
    cut = Windows(everyone.panel, starts, np.full(len(starts), case.window), owner, case.window).values()
    points = np.empty((len(starts), numbers), dtype=np.float32)
    place = 0
    for channel, middle, factor, static, curved in parts:
        x = (cut[:, :1, channel] if static else cut[:, :, channel]) - np.float32(middle)
        x = np.arcsinh(x * np.float32(factor)) if curved else x * np.float32(factor)
        points[:, place : place + x.shape[1]] = x * np.float32(np.sqrt(case.window)) if static else x
        place += x.shape[1]
    return Records(points, starts, owner, names, len(everyone.panel.values), case.window, everyone.blocks)


def chosen(case: Case, side: str, most: int = MAX_QUERIES) -> Ints:
    """Return the numbers of at most `most` records of a side, drawn at random."""
    count = len(census(case, side))
    if count <= most:
        return np.arange(count)
    return np.sort(case.rng(f"records {side} {most}").choice(count, most, replace=False))


def _scaling(case: Case, without: Column | None) -> list[tuple[int, float, float, bool, bool]]:
    """Channel, middle, factor, whether it is looked at once only, whether it is bent; of every channel that counts."""
    values = case.real.panel.values
    values = values[:: max(len(values) // 100_000, 1)].astype(np.float64)
    parts = []
    for column in case.columns:
        if without is not None and column.name == without.name:
            continue
        channels = range(column.values.start, column.values.stop)
        if column.discrete:
            factor = 1 / np.sqrt(max(float(values[:, column.values].var(0).sum()), RARE))
            parts += [(channel, 0.0, factor, column.static, False) for channel in channels]
        else:
            x = values[column.present(values), column.start]
            low, middle, high = np.quantile(x, [0.25, 0.5, 0.75]) if len(x) else (0.0, 0.0, 0.0)
            spread = (high - low) / 1.349 or (float(x.std()) if len(x) else 0.0) or 1.0
            parts.append((column.start, float(middle), 1 / spread, column.static, True))
        if column.missing is not None and column.kind != "category":
            factor = 1 / np.sqrt(max(float(values[:, column.missing].var()), RARE))
            parts.append((column.missing, 0.0, factor, column.static, False))
    return parts


def join(one: Records, two: Records) -> Records:
    """Put the records of two tables together; those of the second are numbered after the first's."""
    shift, later = int(one.names.max(initial=-1)) + 1, one.rows + one.size
    return Records(
        np.concatenate([one.points, two.points]),
        np.concatenate([one.starts, two.starts + later]),
        np.concatenate([one.owner, two.owner + len(one)]),
        np.concatenate([one.names, two.names + shift]),
        later + two.rows,
        one.size,
        one.blocks,
    )


def nearest(queries: Records, references: Records, itself: bool = False) -> Neighbours:
    """Return the two nearest reference records of each query record.

    Of `references` that are stretches of one series, the second shares no row with the first.

    Parameters
    ----------
    queries, references : Records
    itself : bool
        Whether both are of one table: a record (and whatever overlaps it) is then no neighbour of itself.
    """
    distance = np.full((len(queries), 2), np.inf)
    name = np.zeros((len(queries), 2), dtype=np.int64)
    single = len(references) == len(references.owner)
    edges = np.searchsorted(references.owner, np.arange(len(references)))
    for rows, squares in _squares(queries, references):
        asked, firsts = np.unique(queries.owner[rows], return_index=True)
        if itself and references.blocks:
            near = np.abs(queries.starts[rows][:, None] - references.starts) < queries.size
            squares[near] = np.inf
        if len(asked) < len(squares):
            squares = np.minimum.reduceat(squares, firsts, axis=0)
        if not references.blocks and not single:
            squares = np.minimum.reduceat(squares, edges, axis=1)
        if itself and not references.blocks:
            own = np.searchsorted(references.names, queries.names[asked])
            own[own == len(references)] = 0
            there = references.names[own] == queries.names[asked]
            squares[np.flatnonzero(there), own[there]] = np.inf
        line = np.arange(len(squares))
        for rank in range(2):
            best = squares.argmin(1)
            distance[asked, rank] = np.sqrt(squares[line, best])
            name[asked, rank] = references.names[references.owner[best] if references.blocks else best]
            if references.blocks:
                near = np.abs(references.starts[best][:, None] - references.starts) < references.size
                squares[near] = np.inf
            else:
                squares[line, best] = np.inf
    return Neighbours(distance, name)


def nearest_windows(queries: Records, references: Records) -> Ints:
    """Return for each query window the number of the nearest reference window."""
    return np.concatenate([squares.argmin(1) for _, squares in _squares(queries, references)]).astype(np.int64)


def _squares(queries: Records, references: Records) -> Iterator[tuple[slice, Doubles]]:
    """Yield squared distances of query windows, whole records at a time, to all reference windows.

    What is below the rounding error of the product is 0: those windows are equal.
    """
    searched = references.points.astype(np.float64)
    other = (searched**2).sum(1)
    ends = np.searchsorted(queries.owner, np.arange(len(queries)), side="right")
    at, many = 0, BLOCK // max(len(other), 1)
    while at < len(queries.owner):
        last = np.searchsorted(ends, at + many, side="right") - 1
        end = int(ends[max(last, np.searchsorted(ends, at, side="right"))])
        points = queries.points[at:end].astype(np.float64)
        sizes = (points**2).sum(1)[:, None] + other
        squares = sizes - 2 * (points @ searched.T)
        squares[squares <= EQUAL * sizes] = 0
        yield slice(at, end), squares
        at = end
