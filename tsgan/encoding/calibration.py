"""Final marginals in closed form: a monotone map of each scaled column from what is drawn to what was observed.

With `F` the distribution function of the drawn numbers of a column and `Q` the quantile function that is wanted, the
map is `Q(F(z))`, the monotone rearrangement, which moves the drawn numbers least of all maps with that result
("Computational Optimal Transport", Peyre & Cuturi, 2019, section 2.6, https://arxiv.org/abs/1803.00567). It keeps the
order of the numbers and so their ranks' dependence within and across columns.

What is wanted is the observed marginal *after decoding*. Rows of one value (zeros, multiples of 10, rounded
numbers) are therefore spread over all numbers that decode to it (`ScaledColumn.spread`), so that the map has no steps.
A cell's atoms (see `layout.Number`) are an outcome of their own: they stay where they are, and the map is that of the
other numbers.

Where numbers change slowly it is their level that is carried: each is moved as far as the mean of the numbers around
it. So a path keeps its steps, however steep or flat the map is where it passes, a value that stays goes on to stay,
and columns that belong together (prices of a day) keep their distances.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from ..arrays import Bools, Doubles
from ..bundle import saved
from ..layout import snap

Spread = Callable[[Doubles, Doubles], Doubles]
MIDDLE, TAIL, SMALLEST, ATOM = 257, 16, 20, 0.005
CHANCE = 1.0  # of the distance of two samples, in 1 / sqrt(independent values): the middle is .83
PER_KNOT, FEWEST = 4, 9  # independent values to a knot, and knots at least
COARSE = (5, 9, 17, 33, 65, 129)  # knots that are tried first: the fewer, the less a path is bent
SEEN, SEEN_TAIL = 0.01, 0.05
MEMORY = 16  # part of the rows that an independent value stands for, on either side of which a level is taken
LARGE, WIDE = 0.03, 0.5  # share of the rows, or of the way to the next value, from which a value has a place of its own
NEAR = 1e-6


@saved
@dataclass(frozen=True)
class Marginals:
    """Monotone maps, one per column: curves through knots that have no bends between them.

    Attributes
    ----------
    drawn, wanted : tuple of float64 arrays of shape (knots,)
        Knots of each column, `drawn` increasing, `wanted` not decreasing; none where the column stays as it is. Beyond
        the outermost knots the map goes on with slope 1.
    atoms : tuple of float64 arrays of shape (atoms,)
        Numbers of each column that stay.
    around : tuple of int
        Rows on either side whose mean says how far a number is moved; 0 for the number alone.
    """

    drawn: tuple[Doubles, ...]
    wanted: tuple[Doubles, ...]
    atoms: tuple[Doubles, ...]
    around: tuple[int, ...]

    @classmethod
    def fit(
        cls,
        real: Doubles,
        drawn: Doubles,
        spreads: Sequence[Spread | None] | None = None,
        atoms: Sequence[Sequence[float]] | None = None,
        independent: Sequence[float] | None = None,
        sequences: int = 1,
        rows: int = 0,
    ) -> Self:
        """Learn the maps.

        Parameters
        ----------
        real : float64 array of shape (rows, columns)
            Scaled columns, NaN where unobserved.
        drawn : float64 array of shape (any, columns)
            Scaled columns as the model draws them; NaN where they will be missing.
        spreads : sequence of callables or None
            `ScaledColumn.spread` of each column; None for a column whose numbers stand for themselves.
        atoms : sequence of sequences of float
            Numbers of each column that stay; none by default.
        independent : sequence of float
            Independent values of each column, see `independent_values`; as many as there are rows by default.
        sequences : int
            Of the table. Those of several are a sample of more, so that what chance explains is not mapped.
        rows : int
            Of the table that has so many independent values, if these are fewer than all.

        Returns
        -------
        Marginals
            Columns with fewer than 20 observed or drawn rows stay as they are, and so do those whose map would nowhere
            move a number by more than .01 of the column's standard deviation (.05 in the outer hundredths).
        """
        ways: list[Spread | None] = [None] * real.shape[1] if spreads is None else list(spreads)
        held = tuple(np.array(some, dtype=np.float64) for some in ([()] * real.shape[1] if atoms is None else atoms))
        many = [float(len(real))] * real.shape[1] if independent is None else list(independent)
        pairs = [
            _learn(_free(real[:, j], some), _free(drawn[:, j], some), way, own, sequences > 1)
            for j, (way, some, own) in enumerate(zip(ways, held, many, strict=True))
        ]
        around = tuple(int(rows / own / MEMORY) for own in many)
        return cls(tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs), held, around)

    def only(self, kept: Sequence[bool]) -> Self:
        """Return the maps of some columns; the others stay as they are."""
        none = np.empty(0)
        drawn, wanted = (
            tuple(knots if keep else none for knots, keep in zip(side, kept, strict=True))
            for side in (self.drawn, self.wanted)
        )
        return replace(self, drawn=drawn, wanted=wanted)

    def apply(self, drawn: Doubles, starts: NDArray[np.int64] | None = None) -> Doubles:
        """Return drawn columns `(rows, columns)` with the wanted marginals; NaN stays.

        Parameters
        ----------
        drawn : float64 array of shape (rows, columns)
        starts : int64 array, optional
            First rows of sequences; one sequence by default.
        """
        out = np.array(drawn, dtype=np.float64, order="F")
        first = np.zeros(1, dtype=np.int64) if starts is None else starts
        for j, (x, y, atoms) in enumerate(zip(self.drawn, self.wanted, self.atoms, strict=True)):
            if len(x):
                z = out[:, j]
                free = np.isfinite(z) & ~_on(z, atoms)
                level = _level(z, free, first, self.around[j]) if self.around[j] else z
                beyond = np.minimum(level - x[0], 0) + np.maximum(level - x[-1], 0)
                out[:, j] = np.where(free, z + (_along(x, y, level) + beyond - level), z)
        return out


def _level(z: Doubles, free: Bools, starts: NDArray[np.int64], around: int) -> Doubles:
    """Return the mean of the free numbers of so many rows on either side; of a value that stays, where it came."""
    rows, lengths = np.arange(len(z)), np.diff(np.append(starts, len(z)))
    first, end = np.repeat(starts, lengths), np.repeat(starts + lengths, lengths)
    low, high = np.maximum(rows - around, first), np.minimum(rows + around + 1, end)
    sums = np.append(0.0, np.cumsum(np.where(free, z, 0.0)))
    counts = np.append(0, np.cumsum(free))
    level = (sums[high] - sums[low]) / np.maximum(counts[high] - counts[low], 1)
    same = np.append(False, z[1:] == z[:-1]) & (rows > first)
    return np.asarray(level[np.maximum.accumulate(np.where(same, 0, rows))])


def rougher(drawn: Doubles, carried: Doubles, starts: NDArray[np.int64]) -> float:
    """Return how many times as rough paths are once they are carried, for their spread; 1 where there is no path.

    Roughness is the median size of third differences, which no parabola explains; straight lines are left out.
    """
    sizes, spreads = [], []
    for z in (drawn, carried):
        third = np.abs(np.diff(z, n=3))
        for back in range(3):
            ends = starts[1:] - 1 - back
            third[ends[(ends >= 0) & (ends < len(third))]] = np.nan
        sizes.append(third)
        low, high = np.nanquantile(z, [0.25, 0.75]) if np.isfinite(z).any() else (0.0, 0.0)
        spreads.append(float(high - low))
    bends = sizes[0] > NEAR * spreads[0]
    if not bends.any() or not min(spreads):
        return 1.0
    before, after = (float(np.median(size[bends])) / spread for size, spread in zip(sizes, spreads, strict=True))
    return after / before


def on_lines(z: Doubles, starts: NDArray[np.int64], bend: float) -> Bools:
    """Return which rows lie between the row before and the row after on a line.

    Parameters
    ----------
    z : float64 array of shape (rows,)
    starts : int64 array
        First rows of sequences.
    bend : float
        Largest second difference of what goes straight on.
    """
    out = np.zeros(len(z), dtype=bool)
    out[1:-1] = np.abs(z[2:] - 2 * z[1:-1] + z[:-2]) <= bend
    ends = np.concatenate([starts, starts - 1])
    out[ends[(ends >= 0) & (ends < len(z))]] = False
    return out


def straightened(z: Doubles, lines: Bools) -> Doubles:
    """Return numbers with those that lie on lines put between the ends of these."""
    if not lines.any():
        return z
    ends = np.flatnonzero(~lines)
    return np.where(lines, np.interp(np.arange(len(z)), ends, z[ends]), z)


def _on(z: Doubles, atoms: Doubles) -> NDArray[np.bool_]:
    """Return which numbers are atoms, up to single precision."""
    if not len(atoms):
        return np.zeros(len(z), dtype=bool)
    near = snap(atoms, z)
    return np.abs(z - near) <= NEAR * (1 + np.abs(near))


def _free(x: Doubles, atoms: Doubles) -> Doubles:
    """Return the numbers that are no atoms, sorted."""
    return np.sort(x[np.isfinite(x) & ~_on(x, atoms)])


def independent_values(x: Doubles, follows: Bools, sequences: int) -> float:
    """Return about how many independent values a column has: `rows (1 - r) / (1 + r)`, or the number of sequences.

    Parameters
    ----------
    x : float64 array of shape (rows,)
    follows : bool array of shape (rows,)
        Whether a row is the next step of the row before it; r is the correlation of the two.
    sequences : int
    """
    after = np.flatnonzero(follows & np.isfinite(x) & np.append(False, np.isfinite(x[:-1])))
    memory = 0.0
    if len(after) > 2 and x[after].std() > 0 and x[after - 1].std() > 0:
        memory = max(float(np.corrcoef(x[after], x[after - 1])[0, 1]), 0.0)
    return max(len(x) * (1 - memory) / (1 + memory), float(sequences))


def _learn(
    real: Doubles, drawn: Doubles, spread: Spread | None, independent: float, sampled: bool
) -> tuple[Doubles, Doubles]:
    """Return the knots of one column, drawn and wanted, given its sorted numbers.

    A column whose entities keep levels of their own has few independent values: a map with more knots than these would
    learn the places of single entities by heart, and stretch every small step that passes there. In one long series the
    maps of columns that belong together (prices of a day) have to follow one another closely, and knots are many.
    """
    nothing = np.empty(0), np.empty(0)
    rows = min(len(real), len(drawn))
    if rows < SMALLEST or drawn[0] == drawn[-1]:
        return nothing
    independent *= len(drawn) / (len(drawn) + len(real))  # what was drawn is a sample, too
    chance = CHANCE / np.sqrt(independent)
    if sampled and _distance(real, drawn) < chance:
        return nothing
    most = int(np.clip(independent / PER_KNOT, FEWEST, MIDDLE)) if sampled else MIDDLE
    for knots in [*(n for n in COARSE if sampled and n < most), most]:
        p, have, wanted = _quantiles_of(real, drawn, spread, knots)
        moved, middle = np.abs(wanted - have), (p > 0.01) & (p < 0.99)
        size = float(real.std())
        if moved[middle].max() <= SEEN * size and moved.max() <= SEEN_TAIL * size:
            return nothing
        x, y = _knots(have, wanted)
        if sampled and _distance(real, _along(x, y, drawn)) < chance:
            break
    return x, y


def _along(x: Doubles, y: Doubles, at: Doubles) -> Doubles:
    """Return the curve through knots, level beyond the outermost ("Monotone piecewise cubic interpolation", Fritsch &
    Carlson, 1980, https://doi.org/10.1137/0717021).
    """
    if len(x) == 1:
        return np.full(len(at), y[0])
    return np.asarray(PchipInterpolator(x, y)(np.clip(at, x[0], x[-1])))


def _distance(one: Doubles, two: Doubles) -> float:
    """Return the Kolmogorov-Smirnov distance of two sorted samples."""
    at = np.concatenate([one, two])
    shares = (np.searchsorted(side, at, side="right") / len(side) for side in (one, two))
    return float(np.abs(next(shares) - next(shares)).max())


def _quantiles_of(real: Doubles, drawn: Doubles, spread: Spread | None, most: int) -> tuple[Doubles, Doubles, Doubles]:
    """Return probabilities, more of them in the tails and at ties, and the quantiles drawn and wanted.

    Both samples are sorted and hold no NaN.
    """
    values, counts = np.unique(real, return_counts=True)
    ends = np.append(0.0, np.cumsum(counts) / len(real))
    solid = _solid(values, counts, spread)
    p = _probabilities(counts, ends, min(len(real), len(drawn)), most, solid)
    wanted = np.maximum.accumulate(_quantiles(values, counts, ends, p, spread, solid))
    return p, np.quantile(drawn, p, method="hazen"), wanted


def _solid(values: Doubles, counts: NDArray[np.int64], spread: Spread | None) -> Bools:
    """Return which values have a place of their own: on a lattice, at an end, or by the rows that they hold.

    Others are single readings that came more than once. A map with a step at each would make smooth paths jump.
    """
    rows = counts.sum()
    solid: Bools = counts >= LARGE * rows
    solid[[0, -1]] |= counts[[0, -1]] >= ATOM * rows
    if spread is not None:
        width = spread(values, np.ones(len(values))) - spread(values, np.zeros(len(values)))
        gaps = np.pad(np.diff(values), 1, constant_values=np.inf)
        solid |= width >= WIDE * np.minimum(gaps[1:], gaps[:-1])
    return solid


def _knots(have: Doubles, wanted: Doubles) -> tuple[Doubles, Doubles]:
    """Return the knots of a map; drawn numbers that are equal go to the middle of what is wanted of them."""
    x, first, ties = np.unique(have, return_index=True, return_counts=True)
    return x, (wanted[first] + wanted[first + ties - 1]) / 2


def _probabilities(counts: NDArray[np.int64], ends: Doubles, rows: int, most: int, solid: Bools) -> Doubles:
    """Return where the quantiles are taken: evenly, finer in both tails, and on either side of the ends of each tie."""
    tail = np.geomspace(max(0.5, rows / most**2) / rows, max(1 / most, 0.5 / rows), min(TAIL, most // 4 + 1))
    large = np.flatnonzero(solid & (counts >= max(2.0, ATOM * counts.sum())))
    edges = np.unique(np.append(ends[large], ends[large + 1]))
    nudge = 0.1 / rows
    p = np.concatenate([np.linspace(0, 1, most), tail, 1 - tail, edges - nudge, edges + nudge])
    return np.unique(p[(p >= tail[0]) & (p <= 1 - tail[0])])


def _quantiles(
    values: Doubles, counts: NDArray[np.int64], ends: Doubles, p: Doubles, spread: Spread | None, solid: Bools
) -> Doubles:
    """Return the wanted quantiles: rows of a solid value spread over its cell, others joined by straight lines."""
    place = np.clip(np.searchsorted(ends, p, side="right") - 1, 0, len(values) - 1)
    share = (p - ends[place]) / (counts[place] / counts.sum())
    spreading = np.clip(share, 0.0, 1.0)
    tied = (counts[place] > 1) & solid[place]
    line = np.interp(p, (ends[1:] + ends[:-1]) / 2, values)
    inside = values[place] if spread is None else spread(values[place], spreading)
    return np.where(tied, inside, line)
