"""Tables as units that chance deals as wholes, and what chance does to shares counted on them.

Rows of one sequence depend on each other, so a sequence counts as one draw (a block of time, where the table is one or
few long series). For shares of rows (of a category, of values below a threshold, of pairs of neighbours) both tables
are then compared whole, and real against real is had by dealing the real units into two random halves: the difference
between the halves, times the root of what the sizes ask for, is how far another sample of the real source, as large as
the synthetic table, falls from the real one. This is the multiplier bootstrap over clusters ("Weak Convergence and
Empirical Processes", van der Vaart & Wellner, 1996, chapter 2.9, https://doi.org/10.1007/978-1-4757-2545-2; "A
Practitioner's Guide to Cluster-Robust Inference", Cameron & Miller, 2015, https://doi.org/10.3368/jhr.50.2.317), and it
sees half as small a difference as comparing one half of the data would. The same says how much of what a real table
does not hold another sample of its source would bring.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special, stats

from ...arrays import Bools, Doubles, Floats, Ints
from ...panel import Panel, Windows
from ..case import Case
from ..splits import MANY_SEQUENCES, CannotMeasureError

DEALS = 100  # a chance is told from their spread, which is then known to a fourteenth
MIN_UNITS = 8  # fewer have no spread to speak of
USUAL_BLOCKS, MIN_BLOCKS = 24, 10  # of few long series: what is far apart in time may still be tied
MAX_BLOCK = 8192  # rows: ties reach no farther, and more blocks see smaller differences
MAX_ROWS = 300_000  # of a side
MIN_FREEDOM = 4  # with fewer degrees of freedom single deals would swamp the others


@dataclass(frozen=True)
class Sample:
    """Rows of one table, in sequence and time order.

    Attributes
    ----------
    values : float32 array of shape (rows, channels)
    units : int64 array of shape (rows,)
        The unit of each row, from 0 to `count` - 1, increasing.
    follows : bool array of shape (rows,)
        Whether the row before is the step before, in the same unit.
    begins : bool array of shape (rows,)
        Whether the row is the first of its sequence.
    rows : int64 array of shape (rows,)
        Row numbers in the table's panel.
    count : int
        How many units there are.
    """

    values: Floats
    units: Ints
    follows: Bools
    begins: Bools
    rows: Ints
    count: int

    @classmethod
    def of_units(cls, values: Floats, rows: Ints) -> Sample:
        """Rows that are each a unit of its own."""
        follows = np.zeros(len(rows), dtype=np.bool_)
        return cls(values, np.arange(len(rows)), follows, ~follows, rows, len(rows))

    def firsts(self) -> Sample:
        """Return the first row of each sequence, each a unit of its own: what static columns are judged on."""
        return Sample.of_units(self.values[self.begins], self.rows[self.begins])

    def steps(self, where: Bools) -> Bools:
        """Rows that count and whose step before counts too, `(rows,)`."""
        return np.asarray(self.follows & where & np.r_[False, where[:-1]])

    def deal(self, rng: np.random.Generator) -> Floats:
        """Deal the units into halves, `(DEALS, units)` of -1 and 1; few units say little, and are given more spread."""
        half = np.where(np.arange(self.count) % 2, 1.0, -1.0)
        freedom = max(self.count - 1, MIN_FREEDOM)
        spread = np.sqrt(freedom / rng.chisquare(freedom, size=(DEALS, 1)))
        return np.asarray(rng.permuted(np.tile(half, (DEALS, 1)), axis=1) * spread, dtype=np.float32)


@dataclass(frozen=True)
class Shares:
    """Shares of outcomes that exclude one another, in both tables.

    Attributes
    ----------
    real, other : float64 arrays of shape (outcomes,)
        Zeros where nothing was counted.
    chance : float64 array of shape (2, DEALS, outcomes)
        What further samples of the real source, as large as the other table, come out with: first by how the units of
        the real table differ among themselves, then by how those of either table do (what is rare in the real one by
        chance would else be taken for certain). Single shares may come out just below 0.
    counted : (float, float)
        Rows counted in the real and in the other table.
    """

    real: Doubles
    other: Doubles
    chance: Doubles
    counted: tuple[float, float]


@dataclass(frozen=True)
class Pair:
    """Both tables, and their units dealt into halves."""

    real: Sample
    other: Sample
    deals: tuple[Floats, Floats]

    @classmethod
    def of(cls, case: Case, purpose: str) -> Pair:
        """All rows of the real and of the synthetic table (units drawn at random above `MAX_ROWS` rows a side).

        Raises
        ------
        CannotMeasureError
            If the real table has fewer than `MIN_UNITS` units.
        """
        sides = [_sample(windows, case.rng(f"{purpose} {i}")) for i, windows in enumerate((case.real, case.synthetic))]
        if sides[0].count < MIN_UNITS:
            raise CannotMeasureError(
                f"the real table gives {sides[0].count} separate sequences or blocks of time, and chance can be told "
                f"from difference with at least {MIN_UNITS}; pass more sequences, or longer ones"
            )
        return cls.dealt(sides[0], sides[1], case.rng(purpose))

    @classmethod
    def dealt(cls, real: Sample, other: Sample, rng: np.random.Generator) -> Pair:
        """Deal the units of two samples."""
        return cls(real, other, (real.deal(rng), other.deal(rng)))

    def firsts(self, rng: np.random.Generator) -> Pair:
        """Return the first row of each sequence, each a unit of its own: what static columns are judged on."""
        return self.dealt(self.real.firsts(), self.other.firsts(), rng)

    def shares(
        self,
        real: Ints | Bools,
        other: Ints | Bools,
        outcomes: int,
        where: tuple[Bools, Bools] | None = None,
    ) -> Shares:
        """Count outcomes, from 0 to `outcomes` - 1, of each row `(rows,)` of both tables that counts (`where`)."""
        kept = where or (None, None)
        one, two = (
            _count(sample, codes, outcomes, rows, deals)
            for sample, codes, rows, deals in zip((self.real, self.other), (real, other), kept, self.deals, strict=True)
        )
        ratio = one.total / max(two.total, 1.0)
        chance = np.stack([one.moved * np.sqrt(1 + ratio), one.moved + two.moved])
        return Shares(one.shares, two.shares, one.shares + chance, (one.total, two.total))


class _Counted(NamedTuple):
    """Rows that count, the share of each outcome, and by how much chance moves it, `(DEALS, outcomes)`."""

    total: float
    shares: Doubles
    moved: Doubles


def _count(sample: Sample, codes: Ints | Bools, outcomes: int, where: Bools | None, deals: Floats) -> _Counted:
    """Count outcomes in each unit, in a dense matrix or, where that would be mostly empty, in a sparse one."""
    units = sample.units if where is None else sample.units[where]
    codes = codes if where is None else codes[where]
    of_units = np.bincount(units, minlength=sample.count).astype(np.float64)
    shape, size = (sample.count, outcomes), sample.count * outcomes
    counts: Any
    if size <= max(8 * len(codes), 1_000_000):
        counts = np.bincount(units * outcomes + codes, minlength=size).reshape(shape).astype(np.float32)
    else:
        counts = sparse.csr_array((np.ones(len(codes), np.float32), (units, codes)), shape=shape)
    total = float(of_units.sum())
    shares = np.asarray(counts.sum(axis=0, dtype=np.float64)).ravel() / max(total, 1.0)
    moved = np.asarray((counts.T @ deals.T).T) - np.outer(deals @ of_units, shares)
    return _Counted(total, shares, np.asarray(moved / max(total, 1.0)))


def _sample(windows: Windows, rng: np.random.Generator) -> Sample:
    panel = windows.panel
    units, begins = _units(panel, windows.size), np.zeros(len(panel.values), dtype=np.bool_)
    begins[panel.offsets[:-1][panel.lengths > 0]] = True
    rows, count = np.arange(len(units)), int(units[-1]) + 1
    if len(units) > MAX_ROWS:
        sizes, order = np.bincount(units), rng.permutation(count)
        chosen = np.zeros(count, dtype=np.bool_)
        chosen[order[np.cumsum(sizes[order]) <= MAX_ROWS]] = True
        rows = np.flatnonzero(chosen[units])
        units, begins, count = (np.cumsum(chosen) - 1)[units[rows]], begins[rows], int(chosen.sum())
    follows = ~begins & np.r_[False, np.diff(units) == 0]
    return Sample(panel.values[rows], units, follows, begins, rows, count)


def _units(panel: Panel, size: int) -> Ints:
    """Unit of each row: its sequence, or where there are few and long ones its block of time."""
    lengths = panel.lengths
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    if len(lengths) >= 2 * MANY_SEQUENCES or lengths.mean() < 4 * size:
        return sequence
    total = int(lengths.sum())
    # a short series gives few blocks, which deal() knows, rather than none
    block = int(np.clip(total // USUAL_BLOCKS, min(2 * size, max(total // MIN_BLOCKS, 1)), MAX_BLOCK))
    step = np.arange(len(sequence)) - panel.offsets[:-1][sequence]
    blocks = np.maximum(lengths // block, 1)
    place = np.minimum(step // block, blocks[sequence] - 1)
    return np.asarray((np.cumsum(blocks) - blocks)[sequence] + place)


def chance_of_extremes(count: int, real: int, other: int) -> float:
    """Return the chance that `count` of so many other units go beyond all of so many real ones.

    If both have one source, all orders of the units' extremes are equally likely, and the outermost `count` must all
    be of the other table ("Modelling Extremal Events", Embrechts, Klüppelberg & Mikosch, 1997,
    https://doi.org/10.1007/978-3-642-33483-2).
    """
    total = real + other
    count = min(count, other)
    log = special.gammaln([other + 1, total - count + 1]) - special.gammaln([other - count + 1, total + 1])
    return float(min(np.exp(log.sum()), 1.0))


def chance_of_new(count: int, singles: int, real: int, other: int) -> float:
    """Return the chance that `count` of so many other units hold what none of so many real ones does.

    By the rule of Good and Turing, a further unit brings something new about as often as real units hold something
    found in no other unit (`singles` of them): "The Population Frequencies of Species and the Estimation of Population
    Parameters" (Good, 1953), https://doi.org/10.1093/biomet/40.3-4.237. One is added for what chance left out.
    """
    return float(stats.poisson.sf(count - 1, other / real * (singles + 1)))


def in_one_unit(codes: NDArray[np.integer], units: Ints, where: Bools, outcomes: int) -> tuple[Bools, int]:
    """Find the outcomes that occur in one unit only, `(outcomes,)`, and how many units hold such a one.

    `codes` and `units` are of each row, `(rows,)`, and rows count `where` it says so.
    """
    pairs = np.unique(units[where] * outcomes + codes[where])
    alone = np.bincount(pairs % outcomes, minlength=outcomes) == 1
    return alone, len(np.unique(pairs[alone[pairs % outcomes]] // outcomes))
