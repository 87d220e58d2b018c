"""What many entities share, and what only a few of them hold, so that it is not told.

A *holder* is an entity: a sequence of the table. A table of one long series, or of so few entities that none could hide
among the others, has stretches of rows in their place. What is *told* of a table (levels, ends, knots, starts, lengths,
combinations) is what at least `least` holders have in common, or a mean over as many. The number is the k of
"k-anonymity: a model for protecting privacy" (Sweeney, 2002, https://doi.org/10.1142/S0218488502001648); of values the
mean of k, as in microaggregation, "Ordinal, continuous and heterogeneous k-anonymity through microaggregation"
(Domingo-Ferrer & Torra, 2005, https://doi.org/10.1007/s10618-005-0007-5).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .arrays import Bools, Doubles, Ints, steps_within

ENOUGH = 2  # times the number that must share something, from which entities, not stretches, are counted
STRETCH, STRETCHES = 24, 200  # rows of a stretch at most, and how many a shorter table has
PER_SHARED = 4  # stretches of a small table for each that has to share something
MAX_STEPS = 50  # of single holders that are tried for a grid
BEYOND = 8.0  # distances of two groups of holders that the ends of the outermost may lie away


@dataclass(frozen=True, eq=False)
class Holders:
    """Who holds each of some values.

    Attributes
    ----------
    of : int64 array of shape (rows,)
        The number of each row's holder.
    least : int
        How many have to share what is told; 1 where everything is.
    """

    of: Ints
    least: int

    def at(self, rows: Bools | NDArray[np.intp]) -> Self:
        """Return the holders of some of the rows."""
        return type(self)(self.of[rows], self.least)

    def count(self, codes: NDArray[np.integer], levels: int) -> Ints:
        """Return how many hold each level, by the codes of rows, which are -1 where there is none."""
        some = codes >= 0
        pairs = np.unique(self.of[some] * np.int64(levels) + codes[some]) if levels else np.empty(0, dtype=np.int64)
        return np.bincount(pairs % max(levels, 1), minlength=levels)

    def share(self, values: Doubles, x: Doubles) -> Bools:
        """Return which of increasing distinct `values` enough holders have, by the numbers of rows."""
        if self.least < 2:
            return np.ones(len(values), dtype=bool)
        return np.asarray(self.count(np.searchsorted(values, x), len(values)) >= self.least)

    def grid(self, counted: Ints) -> tuple[int, int]:
        """Return a number, and the largest step at whose multiples from it all lie but those of too few holders."""
        values, counts = np.unique(counted, return_counts=True)
        first = int(values[counts.argmax()]) if self.least > 1 else int(counted.min())
        away = np.abs(counted - first)
        step = int(np.gcd.reduce(away))
        if self.least < 2 or step == 0:
            return first, max(step, 1)
        order = np.argsort(self.of, kind="stable")
        own = np.gcd.reduceat(away[order], np.flatnonzero(np.diff(self.of[order], prepend=-1)))
        tries, held = np.unique(own[own > 0], return_counts=True)
        tries = tries[np.argsort(-held, kind="stable")[:MAX_STEPS]]
        shared = [int(one) for one in tries if (own % one != 0).sum() < self.least]
        return first, max([step, *shared]) if (own > 0).sum() >= self.least else 1

    def ends(self, x: Doubles) -> tuple[float, float]:
        """Return where numbers of rows end.

        Each end is the mean of those of the outermost `least` holders, and beyond it as far as these lie from the next
        ones, at most half of the way to the outermost. One that lies much farther out tells nothing of how far.
        """
        return 0.0 - self._end(-x), self._end(x)

    def _end(self, x: Doubles) -> float:
        k, largest = self.least, np.full(int(self.of.max(initial=-1)) + 1, -np.inf)
        if k < 2:
            return float(x.max())
        np.maximum.at(largest, self.of, x)
        largest = np.sort(largest[np.isfinite(largest)])[::-1]
        inner, farther = largest[k - 1 : 2 * k - 1], largest[2 * k - 1 : 3 * k - 1]
        if not len(farther):
            inner = farther = largest[len(largest) // 2 :]
        most = inner.mean() + BEYOND * (inner.mean() - farther.mean())
        outer = np.minimum(largest[:k], most)
        beyond = min(outer.mean() - inner.mean(), (outer[0] - outer.mean()) / 2)
        return float(outer.mean() + beyond)

    def pooled(self, x: Doubles) -> tuple[Doubles, Ints, Bools]:
        """Return the increasing values that rows are told by, how many rows each stands for, and which are exact.

        A value that enough holders have is told as it is; the others by the means of groups of neighbours, each of
        enough holders. Where even all the others have too few, they count as the nearest value that is exact.
        """
        values, place, counts = np.unique(x, return_inverse=True, return_counts=True)
        exact = self.share(values, x)
        if exact.all():
            return values, counts, exact
        rest = np.flatnonzero(~exact[place])
        rest = rest[np.argsort(x[rest], kind="stable")]
        group = self._groups(self.of[rest])
        size = np.bincount(group)
        if exact.any() and len(np.unique(self.of[rest])) < self.least:
            held, more = values[exact], counts[exact].copy()
            nearest = np.searchsorted((held[1:] + held[:-1]) / 2, x[rest])
            np.add.at(more, nearest, 1)
            return held, more, np.ones(len(held), dtype=bool)
        told = np.append(values[exact], np.bincount(group, x[rest]) / size)
        order = np.argsort(told, kind="stable")
        alone = np.arange(len(told)) < exact.sum()
        return told[order], np.append(counts[exact], size)[order], alone[order]

    def _groups(self, of: Ints) -> Ints:
        """Return groups of neighbouring rows, each with enough holders, as far as there are so many."""
        group = np.arange(len(of)) // self.least
        while group[-1] > 0:
            few = np.bincount(np.unique(group * (of.max() + 1) + of) // (of.max() + 1)) < self.least
            if not few.any():
                break
            joined = np.append(False, few[:-1])  # to the group before
            joined[-1] |= few[-1]
            group = (np.cumsum(~joined) - 1)[group]
        return group


@dataclass(frozen=True, eq=False)
class Sharing:
    """The holders of the rows and of the sequences of a table.

    Attributes
    ----------
    lengths : int64 array of shape (sequences,)
    protect : int
        How many have to share what is told, 0 for no matter how many.
    """

    lengths: Ints
    protect: int

    @property
    def by_entity(self) -> bool:
        """Whether entities are counted, not stretches."""
        return len(self.lengths) >= ENOUGH * self.protect

    @cached_property
    def rows(self) -> Holders:
        """The holders of rows."""
        sequence = np.repeat(np.arange(len(self.lengths)), self.lengths)
        if self.protect < 2 or self.by_entity:
            return Holders(sequence, max(self.protect, 1))
        size = max(1, min(STRETCH, len(sequence) // STRETCHES))
        begins = np.diff(sequence, prepend=-1) > 0
        begins |= steps_within(self.lengths) % size == 0
        of = np.cumsum(begins) - 1
        return Holders(of, max(1, min(self.protect, (int(of.max(initial=0)) + 1) // PER_SHARED)))

    @cached_property
    def sequences(self) -> Holders:
        """The holders of what each sequence has one of."""
        return Holders(np.arange(len(self.lengths)), max(self.protect, 1) if self.by_entity else 1)

    def told_lengths(self) -> Ints:
        """Return the lengths of sequences, increasing, as they may be told."""
        lengths = self.lengths.astype(np.float64)
        values, counts, _ = self.sequences.pooled(np.clip(lengths, *self.sequences.ends(lengths)))
        return np.repeat(np.rint(values).astype(np.int64), counts)


def without_levels(dtype: Any, hidden: Any, other: str | None = None) -> Any:
    """Return the dtype of a category without some of its levels, and with another one; other dtypes as they are."""
    if not isinstance(dtype, pd.CategoricalDtype):
        return dtype
    left = dtype.categories[~dtype.categories.isin(hidden)]
    more = [] if other is None or other in left else [other]
    return pd.CategoricalDtype(left.append(pd.Index(more, dtype=left.dtype)) if more else left, dtype.ordered)
