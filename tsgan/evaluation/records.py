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
from typing import NamedTuple, TypeVar

import numpy as np

from ..arrays import Doubles, Floats, Ints, steps_within
from ..panel import Panel, Windows
from .case import Case
from .columns import Column

Shared = TypeVar("Shared")

MAX_QUERIES = 2000  # records of a table that are looked for
MAX_REFERENCES = 20_000  # records of a table that are searched, and windows of them
MAX_NUMBERS = 2**24  # in the windows that are searched: 64 MiB
MIN_PERSONS = 30  # sequences; fewer long ones are taken for blocks of one series
LONG = 4  # windows that a sequence must hold to be called long
EVEN = 1.25  # ratio of mean lengths up to which training and holdout sequences are alike
MIN_CLUSTERED = 6  # sequences; of fewer each is cut in several clusters
CLUSTERS = 20  # of a table of few sequences
MIN_VARIANCE = 0.05  # of levels and booleans, so that a rare one does not outweigh all else
ROUNDING = 1e-11  # of a squared distance, relative to the squares it is the difference of
BLOCK = 2**22  # distances at a time: 32 MiB


@dataclass(frozen=True)
class RecordIndex:
    """Where all records of one table lie."""

    panel: Panel
    first: Ints  # (records,): first row of each record's first window
    count: Ints  # (records,): windows of each record, each one step after the other
    cluster: Ints  # (records,): those of one cluster are not independent, being stretches of one series
    size: int  # steps of a window
    blocks: bool  # whether records are stretches of time instead of entities

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
        count = -(-self.count[names] // stride)
        owner = np.repeat(np.arange(len(names)), count)
        return self.first[names][owner] + steps_within(count) * stride[owner], owner


@dataclass(frozen=True)
class Records:
    """Some records of a table, their windows scaled for distances."""

    points: Floats  # (windows, numbers)
    starts: Ints  # (windows,): first row of each window
    owner: Ints  # (windows,): place of its record in `names`, never falling
    names: Ints  # (records,): their numbers in the `RecordIndex`, increasing
    rows: int  # of the whole table
    size: int
    blocks: bool

    def __len__(self) -> int:
        return len(self.names)


class Neighbours(NamedTuple):
    """The nearest and the second nearest other record of each record, `(records, 2)`."""

    distance: Doubles  # infinite where there is none
    name: Ints  # numbers of the neighbours in their `RecordIndex`


def remembered(case: Case, key: str, make: Callable[[], Shared]) -> Shared:
    """Compute something once per case, so that metrics share it; it lives and dies with the case."""
    if key not in case.shared:
        case.shared[key] = make()
    found: Shared = case.shared[key]
    return found


def record_index(case: Case, side: str) -> RecordIndex:
    """Return all records of one side ("real", "synthetic" or "holdout") of a case."""
    return remembered(case, f"index of {side}", lambda: _record_index(case, side))


def _record_index(case: Case, side: str) -> RecordIndex:
    panel, size = getattr(case, side).panel, case.window
    outside = case.real if case.holdout is None else case.holdout
    mean = float(case.real.panel.lengths.mean())
    few = min(len(case.real.panel), len(outside.panel)) < MIN_PERSONS
    # the longer of two sequences comes nearer to everything
    uneven = not 1 / EVEN <= mean / float(outside.panel.lengths.mean()) <= EVEN
    blocks = bool((few or uneven) and mean >= LONG * size)
    if side == "synthetic" and len(panel) < MIN_CLUSTERED and panel.lengths.mean() >= LONG * size:
        blocks = True
    windows = np.maximum(panel.lengths - size + 1, 0)
    number = -(-windows // size) if blocks else (windows > 0).astype(np.int64)
    sequence = np.repeat(np.arange(len(panel)), number)
    inside = steps_within(number) * size
    first = panel.offsets[:-1][sequence] + inside
    count, cluster = windows[sequence], np.arange(len(sequence))
    if blocks:
        count = np.minimum(count - inside, size)
        rows = len(panel.values)
        stretch = rows if len(panel) >= MIN_CLUSTERED else max(LONG * size, rows // CLUSTERS)
        pairs = np.stack([sequence, inside // stretch])
        cluster = np.unique(pairs, axis=1, return_inverse=True)[1].ravel()
    return RecordIndex(panel, first, count, cluster, size, blocks)


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
    index, scaling = record_index(case, side), _scaling(case, without)
    numbers = sum(1 if one.static else case.window for one in scaling)
    most = max(min(MAX_REFERENCES, MAX_NUMBERS // max(numbers, 1)), 2)
    names = chosen(case, side, most) if names is None else names
    starts, owner = index.windows(names, min(most, 2 * MAX_QUERIES) if apart else most, apart)
    cut = Windows(index.panel, starts, np.full(len(starts), case.window), owner, case.window).values()
    points = np.empty((len(starts), numbers), dtype=np.float32)
    place = 0
    for one in scaling:
        x = (cut[:, :1, one.channel] if one.static else cut[:, :, one.channel]) - np.float32(one.middle)
        x = np.arcsinh(x * np.float32(one.factor)) if one.curved else x * np.float32(one.factor)
        points[:, place : place + x.shape[1]] = x * np.float32(np.sqrt(case.window)) if one.static else x
        place += x.shape[1]
    return Records(points, starts, owner, names, len(index.panel.values), case.window, index.blocks)


def chosen(case: Case, side: str, most: int = MAX_QUERIES) -> Ints:
    """Return the numbers of at most `most` records of a side, drawn at random."""
    count = len(record_index(case, side))
    if count <= most:
        return np.arange(count)
    return np.sort(case.rng(f"records {side} {most}").choice(count, most, replace=False))


class _Scale(NamedTuple):
    """How a channel becomes numbers to compare."""

    channel: int
    middle: float
    factor: float
    static: bool  # looked at once
    curved: bool  # taken through the inverse hyperbolic sine


def _scaling(case: Case, without: Column | None) -> list[_Scale]:
    """How each channel that counts is scaled."""
    values = case.real.panel.values
    values = values[:: max(len(values) // 100_000, 1)].astype(np.float64)
    found = []
    for column in case.columns:
        if without is not None and column.name == without.name:
            continue
        indicators = []  # channels of zeros and ones that weigh together as one value
        if column.discrete:
            indicators.append(column.values)
        else:
            x = values[column.present(values), column.start]
            low, middle, high = np.quantile(x, [0.25, 0.5, 0.75]) if len(x) else (0.0, 0.0, 0.0)
            spread = (high - low) / 1.349 or (float(x.std()) if len(x) else 0.0) or 1.0
            found.append(_Scale(column.start, float(middle), 1 / spread, column.static, True))
        if column.missing is not None and column.kind != "category":
            indicators.append(slice(column.missing, column.missing + 1))
        for each in indicators:
            factor = 1 / np.sqrt(max(float(values[:, each].var(0).sum()), MIN_VARIANCE))
            found += [_Scale(channel, 0.0, factor, column.static, False) for channel in range(each.start, each.stop)]
    return found


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

    Of `references` that are stretches of one series, the second shares no row with the first. With `itself` both are of
    one table: a record, and whatever overlaps it, is then no neighbour of itself.
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
        squares[squares <= ROUNDING * sizes] = 0
        yield slice(at, end), squares
        at = end
