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
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special, stats

from ...arrays import Bools, Doubles, Floats, Ints
from ...panel import Panel, Windows
from ..case import Case
from ..splits import MANY_SEQUENCES, CannotMeasureError

DEALS = 100
LEAST_UNITS = 8
BLOCKS, FEW_BLOCKS, LONGEST_BLOCK = 24, 10, 8192
MAX_ROWS = 300_000
LEAST_FREEDOM = 4


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

    def firsts(self) -> Sample:
        """Return the first row of each sequence, each a unit of its own: what static columns are judged on."""
        if self.begins.all():
            return self
        count = int(self.begins.sum())
        alone = np.zeros(count, dtype=np.bool_)
        return Sample(self.values[self.begins], np.arange(count), alone, ~alone, self.rows[self.begins], count)

    def steps(self, where: Bools) -> Bools:
        """Rows that count and whose step before counts too, `(rows,)`."""
        return np.asarray(self.follows & where & np.r_[False, where[:-1]])

    def deal(self, rng: np.random.Generator) -> Floats:
        """Deal the units into halves, `(DEALS, units)` of -1 and 1; few units say little, and are given more spread."""
        half = np.where(np.arange(self.count) % 2, 1.0, -1.0)
        freedom = max(self.count - 1, LEAST_FREEDOM)
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
            If the real table has fewer than `LEAST_UNITS` units.
        """
        sides = [_sample(windows, case.rng(f"{purpose} {i}")) for i, windows in enumerate((case.real, case.synthetic))]
        if sides[0].count < LEAST_UNITS:
            raise CannotMeasureError(
                f"the real table gives {sides[0].count} separate sequences or blocks of time, and chance can be told "
                f"from difference with at least {LEAST_UNITS}; pass more sequences, or longer ones"
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
        real: NDArray[np.integer],
        other: NDArray[np.integer],
        outcomes: int,
        where: tuple[Bools, Bools] | None = None,
    ) -> Shares:
        """Count outcomes in both tables.

        Parameters
        ----------
        real, other : int arrays of shape (rows,)
            Outcome of each row, from 0 to `outcomes` - 1.
        outcomes : int
        where : two bool arrays of shape (rows,), optional
            Rows that count.
        """
        kept = where or (None, None)
        tallies = [
            _tally(sample, codes, outcomes, rows)
            for sample, codes, rows in zip((self.real, self.other), (real, other), kept, strict=True)
        ]
        counted = tallies[0].total, tallies[1].total
        shares = [one.shares for one in tallies]
        moved = [one.moved(deals) for one, deals in zip(tallies, self.deals, strict=True)]
        chance = np.stack([moved[0] * np.sqrt(1 + counted[0] / max(counted[1], 1.0)), moved[0] + moved[1]])
        return Shares(shares[0], shares[1], shares[0] + chance, counted)


@dataclass(frozen=True)
class _Tally:
    """Counts of each outcome in each unit, `(units, outcomes)`, dense or sparse, and rows counted in each."""

    counts: Any
    of_units: Doubles

    @property
    def total(self) -> float:
        return float(self.of_units.sum())

    @property
    def shares(self) -> Doubles:
        return np.asarray(self.counts.sum(axis=0, dtype=np.float64)).ravel() / max(self.total, 1.0)

    def moved(self, deals: Floats) -> Doubles:
        """By how much chance moves the shares, `(DEALS, outcomes)`."""
        moved = np.asarray((self.counts.T @ deals.T).T) - np.outer(deals @ self.of_units, self.shares)
        return np.asarray(moved / max(self.total, 1.0))


def _tally(sample: Sample, codes: NDArray[np.integer], outcomes: int, where: Bools | None) -> _Tally:
    units = sample.units if where is None else sample.units[where]
    codes = codes if where is None else codes[where]
    of_units = np.bincount(units, minlength=sample.count).astype(np.float64)
    size = sample.count * outcomes
    if size <= max(8 * len(codes), 1_000_000):
        counts = np.bincount(units * outcomes + codes, minlength=size).reshape(sample.count, outcomes)
        return _Tally(counts.astype(np.float32), of_units)
    shape = (sample.count, outcomes)
    return _Tally(sparse.csr_array((np.ones(len(codes), np.float32), (units, codes)), shape=shape), of_units)


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
    block = int(np.clip(total // BLOCKS, min(2 * size, max(total // FEW_BLOCKS, 1)), LONGEST_BLOCK))
    step = np.arange(len(sequence)) - panel.offsets[:-1][sequence]
    blocks = np.maximum(lengths // block, 1)
    place = np.minimum(step // block, blocks[sequence] - 1)
    return np.asarray((np.cumsum(blocks) - blocks)[sequence] + place)


def chance_of_records(count: int, real: int, other: int) -> float:
    """Return the chance that as many of the other table's units go beyond all real ones.

    If both have one source, all orders of the units' extremes are equally likely, and the outermost `count` must all
    be of the other table ("Modelling Extremal Events", Embrechts, Klüppelberg & Mikosch, 1997,
    https://doi.org/10.1007/978-3-642-33483-2).

    Parameters
    ----------
    count : int
        Units of the other table that go beyond every real one.
    real, other : int
        Units of each.
    """
    total = real + other
    count = min(count, other)
    log = special.gammaln([other + 1, total - count + 1]) - special.gammaln([other - count + 1, total + 1])
    return float(min(np.exp(log.sum()), 1.0))


def chance_of_news(count: int, singles: int, real: int, other: int) -> float:
    """Return the chance that as many units of the other table hold what no real unit holds.

    By the rule of Good and Turing, a further unit brings something new about as often as real units hold something
    found in no other unit ("The Population Frequencies of Species and the Estimation of Population Parameters", Good,
    1953, https://doi.org/10.1093/biomet/40.3-4.237); one more is added for what chance left out.
    """
    return float(stats.poisson.sf(count - 1, other / real * (singles + 1)))


def singles(codes: NDArray[np.integer], units: Ints, where: Bools, outcomes: int) -> tuple[Bools, int]:
    """Find what occurs in one unit only.

    Parameters
    ----------
    codes : int array of shape (rows,)
        From 0 to `outcomes` - 1.
    units : int64 array of shape (rows,)
    where : bool array of shape (rows,)
        Rows that count.
    outcomes : int

    Returns
    -------
    bool array of shape (outcomes,)
    int
        How many units hold such an outcome.
    """
    pairs = np.unique(units[where] * outcomes + codes[where])
    alone = np.bincount(pairs % outcomes, minlength=outcomes) == 1
    return alone, len(np.unique(pairs[alone[pairs % outcomes]] // outcomes))
