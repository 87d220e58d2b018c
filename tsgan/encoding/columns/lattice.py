"""Lattices, the values that a column can take where these are fewer than its decimals would allow; and atoms.

Three lattices are told apart, in this order:

1. *Regular*: all values are `offset + step * k` with `step` larger than the last decimal (multiples of 10, of 0.25, of
   60 seconds). The step is the greatest common divisor of all distances.
2. *Rounded*: all values are `round(offset + step * k, decimals)` where `step` has more decimals than are shown: whole
   degrees Fahrenheit written as Celsius with one decimal, hundredths of an inch as millimetres. The step is the period
   of the highest peak in the Fourier transform of the set of values, and the line is the one with the smallest
   largest residual (a linear programme); it counts only if it gives every value back.
3. *Listed*: few values, nearly all of them repeated, on a coarser pattern than the decimals. The values that at least
   two rows hold are the lattice. A value that came once is not on it, so that no row is given back by heart; the gap
   it lies in stays open, which means that there every number with the column's decimals may come.

Each needs evidence beyond chance: the odds that as many numbers of the decimal grid fall on such a lattice by chance
must be below 2 ** -20; a listed one needs on average 8 rows a value.

Atoms are single values that hold far more rows than the values around them: zeros of a rain gauge, a detection limit, a
cap, round prices in a shop. A value is an atom if it holds at least half a percent of the rows (and 5 of them), and 3
times as many as the most frequent of its two neighbours on either side, atoms already found aside; or 10 times as many
as the second of them, so that two atoms may stand side by side. A rounded column, whose values all hold a few percent,
has none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len, rfft
from scipy.optimize import linprog

from ...arrays import Doubles
from ...bundle import saved

BITS, REPEATS, LONE, FULL = 20.0, 8, 0.01, 0.6
CELLS, PEAKS, PAD, COARSE = 2**18, 6, 8, 2**53
NEAR = 1e-9


@saved
@dataclass(frozen=True)
class Lattice:
    """The values that exist.

    Attributes
    ----------
    decimals : int or None
        Of the column; None where values are not rounded.
    offset, step : float
        Values are `round(offset + step * k, decimals)` for whole `k`; `step` is 0 for a listed lattice.
    values : tuple of float
        Of a listed lattice, increasing; else empty.
    open : tuple of int
        Gaps of a listed lattice that hold values that came once: gap `i` lies below `values[i]`.
    """

    decimals: int | None
    offset: float = 0.0
    step: float = 0.0
    values: tuple[float, ...] = ()
    open: tuple[int, ...] = ()

    @classmethod
    def fit(cls, values: Doubles, counts: NDArray[np.int64], decimals: int | None) -> Self | None:
        """Return the lattice of a column, None if its values are only rounded.

        Parameters
        ----------
        values : float64 array of shape (levels,)
            Distinct values, increasing, rounded to `decimals`.
        counts : int64 array of shape (levels,)
            Rows that hold each.
        decimals : int or None
        """
        if len(values) < 2:
            return None
        unit = 1.0 if decimals is None else 10.0**decimals
        if decimals is None or max(abs(values[0]), abs(values[-1])) * unit > COARSE:
            return cls._listed(values, counts, decimals, None)
        ticks = np.rint(values * unit).astype(np.int64)
        gap = int(np.gcd.reduce(np.diff(ticks)))
        if gap > 1 and len(ticks) > 4 and (len(ticks) - 2) * np.log2(gap) >= BITS:
            first = int(ticks[0]) % gap
            return cls(decimals, round(first / unit, decimals), round(gap / unit, decimals))
        cells = _crowded(ticks, counts)
        if cells < FULL:
            line = _rounded(ticks)
            if line is not None:
                made = cls(decimals, float((line[0] + ticks[0]) / unit), line[1] / unit)
                if np.array_equal(made.snap(values), values):
                    return made
        return cls._listed(values, counts, decimals, cells)

    @classmethod
    def _listed(
        cls, values: Doubles, counts: NDArray[np.int64], decimals: int | None, cells: float | None
    ) -> Self | None:
        often = counts > 1
        rows, lone = int(counts.sum()), int((~often).sum())
        few = often.sum() >= 2 and len(values) * REPEATS <= rows and lone <= LONE * rows
        if not few or (cells is not None and cells >= FULL):
            return None
        kept = values[often]
        gaps = np.unique(np.searchsorted(kept, values[~often]))
        return cls(decimals, values=tuple(kept.tolist()), open=tuple(int(i) for i in gaps))

    def snap(self, x: Doubles) -> Doubles:
        """Return the nearest value of the lattice; in an open gap, `x` rounded to the decimals."""
        if self.step:
            return self._round(self.offset + self.step * np.rint((x - self.offset) / self.step))
        values = np.array(self.values)
        place = np.searchsorted(values, x)
        below, above = values[np.maximum(place - 1, 0)], values[np.minimum(place, len(values) - 1)]
        near = np.where(x - below <= above - x, below, above)
        return np.where(np.isin(place, self.open), self._round(x), near) if self.open else near

    def ends(self, x: Doubles) -> tuple[Doubles, Doubles]:
        """Return the ends of what `snap` sends to the same value as `x`."""
        y = self.snap(x)
        if self.step:
            middle = self.offset + self.step * np.rint((x - self.offset) / self.step)
            return middle - self.step / 2, middle + self.step / 2
        values = np.array(self.values)
        place = np.minimum(np.searchsorted(values, y), len(values) - 1)
        half = 0.0 if self.decimals is None else 0.5 * 10.0**-self.decimals
        low = (y + values[np.maximum(place - 1, 0)]) / 2
        high = (y + values[np.minimum(place + 1, len(values) - 1)]) / 2
        low = np.where((place == 0) | np.isin(place, self.open), y - half, low)
        high = np.where((place == len(values) - 1) | np.isin(place + 1, self.open), y + half, high)
        free = values[place] != y
        return np.where(free, y - half, low), np.where(free, y + half, high)

    def points(self, low: float, high: float, most: int) -> Doubles:
        """Return all values from `low` to `high`, increasing; none if there are more than `most`.

        What lies between two values of a listed lattice is left out where it is too much to list.
        """
        if self.step:
            if high - low > most * self.step:
                return np.empty(0)
            first, last = np.floor((low - self.offset) / self.step), np.ceil((high - self.offset) / self.step)
            found = [self._round(self.offset + self.step * np.arange(first, last + 1))]
        else:
            found, edges = [np.array(self.values)], np.array([low, *self.values, high])
            if self.decimals is not None:
                ends, most_here = [(edges[gap], edges[gap + 1]) for gap in self.open], most // max(len(self.open), 1)
                found += [decimal_points(*pair, self.decimals, most_here) for pair in ends]
        points = np.unique(np.concatenate(found))
        points = points[(points >= low) & (points <= high)]
        return points if len(points) <= most else np.empty(0)

    def within(self, low: float | None, high: float | None) -> Lattice | None:
        """Return the lattice between bounds; None if too little is left of a listed one, so that bounds go first."""
        if self.step or (low is None and high is None):
            return self
        values = np.array(self.values)
        a = 0 if low is None else int(np.searchsorted(values, low))
        b = len(values) if high is None else int(np.searchsorted(values, high, side="right"))
        if b <= a:
            return None
        return replace(self, values=self.values[a:b], open=tuple(i - a for i in self.open if a <= i <= b))

    def hold(self, x: Doubles, low: float | None, high: float | None) -> Doubles:
        """Return snapped values, those beyond a bound moved to the last value of the lattice within it."""
        y = self.snap(x)
        if self.step and low is not None:
            y = np.maximum(y, -self._last(-self.offset, -low))
        if self.step and high is not None:
            y = np.minimum(y, self._last(self.offset, high))
        return y

    def _last(self, offset: float, high: float) -> float:
        """Return the largest value not above `high`, which may be one whose sum before rounding is."""
        half = 0.0 if self.decimals is None else 0.5 * 10.0**-self.decimals
        k = np.floor((high + half - offset) / self.step + NEAR)
        last = float(self._round(offset + self.step * k))
        return last if last <= high else float(self._round(offset + self.step * (k - 1)))

    def _round(self, x: Doubles | float) -> Doubles:
        return np.asarray(x if self.decimals is None else np.round(x, self.decimals))

    def describe(self) -> str:
        """Return the lattice in a few words."""
        if not self.step:
            return f"{len(self.values)} known values"
        if self.decimals is not None and round(self.step, self.decimals) == self.step:
            start = f"{self.offset:g} + " if self.offset else ""
            return f"{start}multiples of {self.step:g}"
        return f"steps of {self.step:.4g}, rounded"


def decimal_points(low: float, high: float, decimals: int, most: int) -> Doubles:
    """Return all numbers with these decimals from `low` to `high`; none if there are more than `most`."""
    unit = 10.0**decimals
    # Products are off by a rounding error, so that the outermost numbers may lie a little outside: they are cut after.
    first, last = np.floor(low * unit), np.ceil(high * unit)
    if last - first > most:
        return np.empty(0)
    points = np.round(np.arange(first, last + 1) / unit, decimals)
    return points[(points >= low) & (points <= high)]


def _crowded(ticks: NDArray[np.int64], counts: NDArray[np.int64]) -> float:
    """Return which share of the decimal grid is taken by the middle 95 % of the rows, the most frequent value aside."""
    others = counts.copy()
    others[counts.argmax()] = 0
    reach = np.cumsum(others) / max(others.sum(), 1)
    a, b = np.searchsorted(reach, [0.025, 0.975])
    return float((b - a + 1) / (ticks[b] - ticks[a] + 1))


def _rounded(ticks: NDArray[np.int64]) -> tuple[float, float] | None:
    """Return offset and step of a line that gives, rounded, all of `ticks - ticks[0]`; None if there is none."""
    u = ticks - ticks[0]
    size = int(u[-1]) + 1
    if size > CELLS or len(u) < 12:
        return None
    taken = np.zeros(next_fast_len(PAD * size, real=True))
    taken[u] = 1.0
    power = np.abs(rfft(taken))
    frequency = np.arange(len(power)) / len(taken)
    # A period below two cells cannot be seen, one above an eighth of the range cannot be told from a bump.
    power[(frequency < 8 / size) | (frequency > 0.5)] = 0.0
    power[1:-1][(power[1:-1] < power[:-2]) | (power[1:-1] < power[2:])] = 0.0
    for peak in np.argsort(-power)[:PEAKS]:
        if power[peak] < 0.5 * len(u):
            return None
        step = 1.0 / frequency[peak]
        if (len(u) - 3) * np.log2(step) - 2 * np.log2(size) < BITS:
            continue
        turn = np.angle(np.exp(2j * np.pi * u / step).sum()) / (2 * np.pi)
        start, slope = turn * step, step
        for _ in range(3):
            slope, start = np.polyfit(np.rint((u - start) / slope), u, 1)
        found = _tightest(u, np.rint((u - start) / slope))
        if found is not None and found[1] > 1:
            return found
    return None


def _tightest(u: NDArray[np.int64], k: Doubles) -> tuple[float, float] | None:
    """Return the line through `(k, u)` with the smallest largest residual, None if that is above one half."""
    one = np.ones(len(u))
    above, below = np.column_stack([one, k, -one]), np.column_stack([-one, -k, -one])
    solved = linprog(
        [0, 0, 1], np.vstack([above, below]), np.concatenate([u, -u]), bounds=[(None, None)] * 2 + [(0, None)]
    )
    if not solved.success:
        return None
    offset, step, residual = np.asarray(solved.x, dtype=np.float64)
    return (float(offset), float(step)) if residual <= 0.5 + 1e-6 else None


SHARE, ROWS, TIMES, PAIR, NEIGHBOURS, ROUNDS = 0.005, 5, 3.0, 10.0, 2, 3


def find_atoms(counts: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the positions of the atoms among distinct values.

    Parameters
    ----------
    counts : int64 array of shape (levels,)
        Rows that hold each distinct value, in increasing order of the values.
    """
    large = counts >= max(ROWS, SHARE * counts.sum())
    if len(counts) < 2 * NEIGHBOURS + 1 or not large.any():
        return np.empty(0, dtype=np.intp)
    found = np.zeros(len(counts), dtype=bool)
    for _ in range(ROUNDS):
        rest = np.flatnonzero(~found)
        if len(rest) < 2 * NEIGHBOURS + 1:
            break
        padded = np.pad(counts[rest], NEIGHBOURS)
        around = np.sort([padded[i : i + len(rest)] for i in range(2 * NEIGHBOURS + 1) if i != NEIGHBOURS], axis=0)
        tall = (counts[rest] >= TIMES * around[-1]) | (counts[rest] >= PAIR * around[-2])
        more = rest[large[rest] & tall]
        if not len(more):
            break
        found[more] = True
    return np.flatnonzero(found)


def tell(values: Doubles, counts: NDArray[np.int64], atoms: NDArray[np.intp], most: int = 3) -> str:
    """Return the atoms in a few words, the largest first: "54 % at 0, 3 % at 100"."""
    order = atoms[np.argsort(-counts[atoms], kind="stable")]
    told = [f"{_percent(counts[i] / counts.sum())} at {values[i]:g}" for i in order[:most]]
    return ", ".join(told) + (f", {len(order) - most} more atoms" if len(order) > most else "")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1f} %"
