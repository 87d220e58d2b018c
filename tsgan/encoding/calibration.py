"""Final marginals in closed form: a monotone map of a scaled column from what is drawn to what was observed.

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
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from scipy.interpolate import PchipInterpolator

from ..arrays import Bools, Doubles, Ints
from ..bundle import Held, saved
from ..layout import snap
from .columns.choose import step_memory

Spread = Callable[[Doubles, Doubles], Doubles]
MIDDLE_KNOTS, TAIL_KNOTS = 257, 16  # of a map at most, evenly spaced, and in either tail beside them
MIN_ROWS = 20  # that a map is learned from
ATOM_SHARE = 0.005  # of the rows, from which a value has knots on either side
CHANCE = 1.0  # of the distance of two samples, in 1 / sqrt(independent values): the middle is .83
VALUES_PER_KNOT, MIN_KNOTS = 4, 9  # independent values to a knot, and knots at least
COARSE_KNOTS = (5, 9, 17, 33, 65, 129)  # that are tried first: the fewer, the less a path is bent
SEEN, SEEN_IN_TAIL = 0.01, 0.05  # shares of a standard deviation: what moves less cannot be seen
MEMORY = 16  # part of the rows that an independent value stands for, on either side of which a level is taken
SOLID_SHARE, SOLID_WIDTH = 0.03, 0.5  # of the rows, or of the way to the next value: then a value has its own place
NEGLIGIBLE = 1e-6  # single precision


def _itself(z: Doubles, share: Doubles) -> Doubles:
    return z


@saved
@dataclass(frozen=True)
class Marginal:
    """The monotone map of one column: a curve through knots that has no bends between them.

    Attributes
    ----------
    drawn, wanted : float64 arrays of shape (knots,)
        `drawn` increasing, `wanted` not decreasing. Beyond the outermost knots the map goes on with slope 1.
    atoms : float64 array of shape (atoms,)
        Numbers that stay.
    around : int
        Rows on either side whose mean says how far a number is moved; 0 for the number alone.
    """

    drawn: Annotated[Doubles, Held(order="increasing", shape=("knots",), least=1)]
    wanted: Annotated[Doubles, Held(order="rising", shape=("knots",))]
    atoms: Annotated[Doubles, Held(order="rising", shape=("atoms",))]
    around: Annotated[int, Held(0)]

    @classmethod
    def fit(
        cls,
        real: Doubles,
        drawn: Doubles,
        spread: Spread = _itself,
        atoms: Sequence[float] = (),
        independent: float | None = None,
        sequences: int = 1,
    ) -> Self | None:
        """Learn the map; None where the column stays as it is.

        It does with fewer than 20 observed or drawn numbers, and where the map would nowhere move one by more than .01
        of the column's standard deviation (.05 in the outer hundredths). A column whose entities keep levels of their
        own has few independent values: a map with more knots than these would learn the places of single entities by
        heart, and stretch every small step that passes there. In one long series the maps of columns that belong
        together (prices of a day) have to follow one another closely, and knots are many.

        Parameters
        ----------
        real : float64 array of shape (rows,)
            The scaled column, NaN where unobserved.
        drawn : float64 array of shape (any,)
            The same as the model draws it; NaN where it will be missing.
        spread : callable
            `ScaledColumn.spread` of the column; by default numbers stand for themselves.
        atoms : sequence of float
            Numbers that stay.
        independent : float
            Independent values, see `independent_values`; by default as many as there are rows.
        sequences : int
            Of the table. Those of several are a sample of more, so that what chance explains is not mapped.
        """
        independent = float(len(real)) if independent is None else independent
        around, sampled, fixed = int(len(real) / independent / MEMORY), sequences > 1, np.array(atoms, dtype=np.float64)
        real, drawn = (np.sort(x[np.isfinite(x) & ~_on(x, fixed)]) for x in (real, drawn))
        if min(len(real), len(drawn)) < MIN_ROWS or drawn[0] == drawn[-1]:
            return None
        independent *= len(drawn) / (len(drawn) + len(real))  # what was drawn is a sample, too
        chance = CHANCE / np.sqrt(independent)
        if sampled and _distance(real, drawn) < chance:
            return None
        most = int(np.clip(independent / VALUES_PER_KNOT, MIN_KNOTS, MIDDLE_KNOTS)) if sampled else MIDDLE_KNOTS
        for knots in [*(n for n in COARSE_KNOTS if sampled and n < most), most]:
            p, have, wanted = _quantiles_of(real, drawn, spread, knots)
            moved, middle = np.abs(wanted - have), (p > 0.01) & (p < 0.99)
            size = float(real.std())
            if moved[middle].max() <= SEEN * size and moved.max() <= SEEN_IN_TAIL * size:
                return None
            # drawn numbers that are equal go to the middle of what is wanted of them
            x, first, ties = np.unique(have, return_index=True, return_counts=True)
            y = (wanted[first] + wanted[first + ties - 1]) / 2
            if sampled and _distance(real, _along(x, y, drawn)) < chance:
                break
        return cls(x, y, fixed, around)

    def apply(self, z: Doubles, starts: Ints) -> Doubles:
        """Return drawn numbers `(rows,)` of sequences that begin at `starts` with the wanted marginal; NaN stays."""
        x = self.drawn
        free = np.isfinite(z) & ~_on(z, self.atoms)
        level = _level(z, free, starts, self.around) if self.around else z
        beyond = np.minimum(level - x[0], 0) + np.maximum(level - x[-1], 0)
        return np.where(free, z + (_along(x, self.wanted, level) + beyond - level), z)


def _on(z: Doubles, atoms: Doubles) -> Bools:
    """Return which numbers are atoms, up to single precision."""
    if not len(atoms):
        return np.zeros(len(z), dtype=bool)
    near = snap(atoms, z)
    return np.abs(z - near) <= NEGLIGIBLE * (1 + np.abs(near))


def _level(z: Doubles, free: Bools, starts: Ints, around: int) -> Doubles:
    """Return the mean of the free numbers of so many rows on either side; of a value that stays, where it came."""
    rows, lengths = np.arange(len(z)), np.diff(np.append(starts, len(z)))
    first, end = np.repeat(starts, lengths), np.repeat(starts + lengths, lengths)
    low, high = np.maximum(rows - around, first), np.minimum(rows + around + 1, end)
    sums = np.append(0.0, np.cumsum(np.where(free, z, 0.0)))
    counts = np.append(0, np.cumsum(free))
    level = (sums[high] - sums[low]) / np.maximum(counts[high] - counts[low], 1)
    same = np.append(False, z[1:] == z[:-1]) & (rows > first)
    return np.asarray(level[np.maximum.accumulate(np.where(same, 0, rows))])


def rougher(drawn: Doubles, carried: Doubles, starts: Ints) -> float:
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
    bends = sizes[0] > NEGLIGIBLE * spreads[0]
    if not bends.any() or not min(spreads):
        return 1.0
    before, after = (float(np.median(size[bends])) / spread for size, spread in zip(sizes, spreads, strict=True))
    return after / before


def on_lines(z: Doubles, starts: Ints, bend: float) -> Bools:
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


def independent_values(x: Doubles, follows: Bools, sequences: int) -> float:
    """Return about how many independent values a column `(rows,)` has: `rows (1 - r) / (1 + r)`, or the sequences.

    `follows` says whether a row is the next step of the row before it; r is the correlation of the two.
    """
    memory = max(step_memory(x, follows, 3), 0.0)
    return max(len(x) * (1 - memory) / (1 + memory), float(sequences))


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


def _quantiles_of(real: Doubles, drawn: Doubles, spread: Spread, most: int) -> tuple[Doubles, Doubles, Doubles]:
    """Return probabilities, more of them in the tails and at ties, and the quantiles drawn and wanted.

    Both samples are sorted and hold no NaN. Of the wanted quantiles, rows of a value that has a place of its own are
    spread over its cell, others are joined by straight lines.
    """
    values, counts = np.unique(real, return_counts=True)
    ends = np.append(0.0, np.cumsum(counts) / len(real))
    solid = _solid(values, counts, spread)
    p = _probabilities(counts, ends, min(len(real), len(drawn)), most, solid)
    place = np.clip(np.searchsorted(ends, p, side="right") - 1, 0, len(values) - 1)
    share = np.clip((p - ends[place]) / (counts[place] / len(real)), 0.0, 1.0)
    line = np.interp(p, (ends[1:] + ends[:-1]) / 2, values)
    wanted = np.where((counts[place] > 1) & solid[place], spread(values[place], share), line)
    return p, np.quantile(drawn, p, method="hazen"), np.maximum.accumulate(wanted)


def _solid(values: Doubles, counts: Ints, spread: Spread) -> Bools:
    """Return which values have a place of their own: on a lattice, at an end, or by the rows that they hold.

    Others are single readings that came more than once. A map with a step at each would make smooth paths jump.
    """
    solid: Bools = counts >= SOLID_SHARE * counts.sum()
    solid[[0, -1]] |= counts[[0, -1]] >= ATOM_SHARE * counts.sum()
    width = spread(values, np.ones(len(values))) - spread(values, np.zeros(len(values)))
    gaps = np.pad(np.diff(values), 1, constant_values=np.inf)
    return solid | (width >= SOLID_WIDTH * np.minimum(gaps[1:], gaps[:-1]))


def _probabilities(counts: Ints, ends: Doubles, rows: int, most: int, solid: Bools) -> Doubles:
    """Return where the quantiles are taken: evenly, finer in both tails, and on either side of the ends of each tie."""
    tail = np.geomspace(max(0.5, rows / most**2) / rows, max(1 / most, 0.5 / rows), min(TAIL_KNOTS, most // 4 + 1))
    large = np.flatnonzero(solid & (counts >= max(2.0, ATOM_SHARE * counts.sum())))
    edges = np.unique(np.append(ends[large], ends[large + 1]))
    nudge = 0.1 / rows
    p = np.concatenate([np.linspace(0, 1, most), tail, 1 - tail, edges - nudge, edges + nudge])
    return np.unique(p[(p >= tail[0]) & (p <= 1 - tail[0])])
