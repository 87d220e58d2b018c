"""Rows of a table in parts that columns can be learned from as from the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..panel import Ints
from .table import Parts

AROUND = 8  # rows kept at each side of a needed row where whole sequences would be too many
STRETCHES = 50  # by chance, of a long series


@dataclass(frozen=True)
class Excerpt:
    """Rows of a table in parts, in their order.

    Attributes
    ----------
    frame : DataFrame
    lengths : int64 array of shape (stretches,)
        Rows of each sequence; of a long series, of each stretch without a gap.
    whole : bool
        Whether each of them is a sequence from its first to its last row.
    """

    frame: pd.DataFrame
    lengths: Ints
    whole: bool


def sample_of(parts: Parts, rows: int, rng: np.random.Generator) -> Excerpt:
    """Draw rows that columns can be learned from as from the whole table.

    They are the needed ones (see `census`: extremes, levels, missing values, forms of keys) and about `rows` more, as
    whole sequences, or as stretches of one long series; the whole table if it has no more than `rows` rows. Where the
    sequences of the needed rows alone would be more than `rows` rows, stretches of sequences are taken.

    Parameters
    ----------
    parts : Parts
    rows : int
    rng : numpy.random.Generator
    """
    if parts.rows <= rows:
        return Excerpt(pd.concat(list(parts)), parts.lengths, whole=True)
    offsets = np.concatenate([[0], np.cumsum(parts.lengths)])
    sequence = np.searchsorted(offsets, parts.needed, side="right") - 1
    needed = np.unique(sequence)
    whole = parts.entity is not None and int(parts.lengths[needed].sum()) <= rows
    if whole:
        chance = rng.permutation(np.setdiff1d(np.arange(len(parts.lengths)), needed))
        chosen = np.append(needed, chance[np.cumsum(parts.lengths[chance]) <= rows])
        starts, ends = offsets[chosen], offsets[chosen + 1]
    else:
        starts, ends = _stretches(parts.lengths, offsets, rows, rng)
        starts = np.append(starts, np.maximum(parts.needed - AROUND, offsets[sequence]))
        ends = np.append(ends, np.minimum(parts.needed + AROUND + 1, offsets[sequence + 1]))
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
