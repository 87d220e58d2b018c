"""Lattices: the values that a column can take, so that drawn numbers come back on them.

Most columns are *rounded to decimals*: their lattice is all multiples of the last one. Some are coarser, told apart in
this order:

1. *Regular*: all values are `offset + step * k` with `step` larger than the last decimal (multiples of 10, of 0.25, of
   60 seconds). The step is the greatest common divisor of all distances.
2. *Rounded*: all values are `round(offset + step * k, decimals)` where `step` has more decimals than are shown: whole
   degrees Fahrenheit written as Celsius with one decimal, hundredths of an inch as millimetres. The step is the period
   of the highest peak in the Fourier transform of the set of values, and the line is the one with the smallest
   largest residual (a linear programme); it counts only if it gives every value back.
3. *Listed*: few values, nearly all of them repeated, on a coarser pattern than the decimals. The values that at least
   two rows, and enough holders, have are the lattice. Others are not on it, so that no row is given back by heart; the
   gap of one that came once stays open, which means that there every number with the column's decimals may come.

Each needs evidence beyond chance: the odds that as many numbers of the decimal grid fall on such a lattice by chance
must be below 2 ** -20; a listed one needs on average 8 rows a value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len, rfft
from scipy.optimize import linprog

from ...arrays import Bools, Doubles
from ...bundle import PLACES, saved

MIN_BITS = 20.0  # of evidence against chance
MIN_ROWS_PER_VALUE, MAX_LONE = 8, 0.01  # of a listed lattice: rows, and share of the rows whose value came once
MAX_FEW = 0.05  # share of the rows whose repeated value too few holders have: they count as the nearest
FULL = 0.6  # share of the decimal grid that is taken, from which values are only rounded
MAX_CELLS, MAX_PEAKS, PADDING = 2**18, 6, 8  # of the transform: its size, peaks tried, and how finely periods are told
MAX_EXACT = 2**53  # whole numbers beyond it are no longer exact as float64


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

    decimals: Annotated[int | None, PLACES]
    offset: float = 0.0
    step: float = 0.0
    values: tuple[float, ...] = ()
    open: tuple[int, ...] = ()

    @classmethod
    def of(cls, decimals: int | None) -> Self | None:
        """Return the lattice of all numbers with these decimals; None where numbers are not rounded."""
        return None if decimals is None else cls(decimals, step=10.0**-decimals)

    @classmethod
    def fit(cls, values: Doubles, counts: NDArray[np.int64], decimals: int | None, shared: Bools) -> Self | None:
        """Return the lattice of a column; None if its values are not even rounded.

        Parameters
        ----------
        values : float64 array of shape (levels,)
            Distinct values, increasing, rounded to `decimals`.
        counts : int64 array of shape (levels,)
            Rows that hold each.
        decimals : int or None
        shared : bool array of shape (levels,)
            Whether enough holders have each.
        """
        if len(values) < 2:
            return cls.of(decimals)
        unit = 1.0 if decimals is None else 10.0**decimals
        if decimals is None or max(abs(values[0]), abs(values[-1])) * unit > MAX_EXACT:
            return cls._listed(values, counts, decimals, shared)
        ticks = np.rint(values * unit).astype(np.int64)
        gap = int(np.gcd.reduce(np.diff(ticks)))
        if gap > 1 and len(ticks) > 4 and (len(ticks) - 2) * np.log2(gap) >= MIN_BITS:
            first = int(ticks[0]) % gap
            return cls(decimals, round(first / unit, decimals), round(gap / unit, decimals))
        if _crowded(ticks, counts) >= FULL:
            return cls.of(decimals)
        line = _rounded(ticks)
        if line is not None:
            made = cls(decimals, float((line[0] + ticks[0]) / unit), line[1] / unit)
            if np.array_equal(made.snap(values), values):
                return made
        return cls._listed(values, counts, decimals, shared)

    @classmethod
    def _listed(cls, values: Doubles, counts: NDArray[np.int64], decimals: int | None, shared: Bools) -> Self | None:
        often = (counts > 1) & shared
        rows, lone, few = int(counts.sum()), int((counts == 1).sum()), int(counts[(counts > 1) & ~shared].sum())
        scarce = lone > MAX_LONE * rows or few > MAX_FEW * rows
        if often.sum() < 2 or len(values) * MIN_ROWS_PER_VALUE > rows or scarce:
            return cls.of(decimals)
        kept = values[often]
        gaps = np.unique(np.searchsorted(kept, values[counts == 1]))
        return cls(decimals, values=tuple(kept.tolist()), open=tuple(gaps.tolist()))

    def within(self, low: float | None, high: float | None) -> Lattice | None:
        """Return the lattice between bounds; that of the decimals if nothing is left of a listed one."""
        if self.step:
            return self
        a = 0 if low is None else int(np.searchsorted(self.values, low))
        b = len(self.values) if high is None else int(np.searchsorted(self.values, high, side="right"))
        if b <= a:
            return Lattice.of(self.decimals)
        return replace(self, values=self.values[a:b], open=tuple(i - a for i in self.open if a <= i <= b))

    def snap(self, x: Doubles) -> Doubles:
        """Return the nearest value of the lattice; in an open gap, `x` rounded to the decimals."""
        if self.step:
            return self._round(self._line(x))
        values = np.array(self.values)
        place = np.searchsorted(values, x)
        below, above = values[np.maximum(place - 1, 0)], values[np.minimum(place, len(values) - 1)]
        near = np.where(x - below <= above - x, below, above)
        return np.where(np.isin(place, self.open), self._round(x), near) if self.open else near

    def hold(self, x: Doubles, low: float | None, high: float | None) -> Doubles:
        """Return snapped values, those beyond a bound moved to the last value of the lattice within it."""
        y = self.snap(x)
        if self.step and low is not None:
            y = np.maximum(y, self._inside(low, 1))
        if self.step and high is not None:
            y = np.minimum(y, self._inside(high, -1))
        return y if low is None and high is None else np.clip(y, low, high)

    def reaching(self, low: float, high: float) -> Lattice:
        """Return a listed lattice that ends at two numbers, open between them and its outermost values."""
        values, gaps = list(self.values), set(self.open)
        if low < values[0]:
            values, gaps = [low, *values], {1, *(gap + 1 for gap in gaps)}
        if high > values[-1]:
            gaps.add(len(values))
            values.append(high)
        return replace(self, values=tuple(values), open=tuple(sorted(gaps)))

    def inside(self, low: float, high: float) -> tuple[float, float]:
        """Return the outermost values of the lattice between two numbers; these, if none lies between them."""
        if not self.step:
            values = np.array([v for v in self.values if low <= v <= high])
            return (float(values[0]), float(values[-1])) if len(values) else (low, high)
        ends = float(self._inside(low, 1)), float(self._inside(high, -1))
        return ends if ends[0] <= ends[1] else (low, high)

    def _inside(self, bound: float, way: int) -> Doubles:
        """Return the value of the lattice at a bound, or the next one above (`way` 1) or below (-1)."""
        near = self.snap(np.array(bound))
        return near if way * (near - bound) >= 0 else self.snap(near + way * self.step)

    def ends(self, x: Doubles) -> tuple[Doubles, Doubles]:
        """Return the ends of what `snap` sends to the same value as `x`."""
        if self.step:
            middle = self._line(x)
            return middle - self.step / 2, middle + self.step / 2
        y, values = self.snap(x), np.array(self.values)
        place = np.minimum(np.searchsorted(values, y), len(values) - 1)
        half = 0.0 if self.decimals is None else 0.5 * 10.0**-self.decimals
        low = (y + values[np.maximum(place - 1, 0)]) / 2
        high = (y + values[np.minimum(place + 1, len(values) - 1)]) / 2
        free = values[place] != y
        low = np.where(free | (place == 0) | np.isin(place, self.open), y - half, low)
        high = np.where(free | (place == len(values) - 1) | np.isin(place + 1, self.open), y + half, high)
        return low, high

    def points(self, low: float, high: float, most: int) -> Doubles:
        """Return all values from `low` to `high`, increasing; none if there are more than `most`.

        What lies between two values of a listed lattice is left out where it is too much to list.
        """
        if not self.step:
            edges, free = [low, *self.values, high], Lattice.of(self.decimals)
            gaps = () if free is None else self.open
            inside = [free.points(edges[i], edges[i + 1], most // len(gaps)) for i in gaps if free]
            points = np.unique(np.concatenate([self.values, *inside]))
        elif high - low > most * self.step:
            return np.empty(0)
        else:
            # Products are off by a rounding error, so that the outermost may lie a little outside: they are cut after.
            first, last = np.floor((low - self.offset) / self.step), np.ceil((high - self.offset) / self.step)
            points = np.unique(self._round(self.offset + self.step * np.arange(first, last + 1)))
        points = points[(points >= low) & (points <= high)]
        return points if len(points) <= most else np.empty(0)

    def _line(self, x: Doubles) -> Doubles:
        """Return the nearest `offset + step * k`."""
        return np.asarray(self.offset + self.step * np.rint((x - self.offset) / self.step))

    def _round(self, x: Doubles) -> Doubles:
        return x if self.decimals is None else np.round(x, self.decimals)

    def describe(self) -> str:
        """Return the lattice in a few words; none where it is that of the decimals."""
        if not self.step:
            return f"{len(self.values)} known values"
        if self == Lattice.of(self.decimals):
            return ""
        if self.decimals is not None and round(self.step, self.decimals) == self.step:
            start = f"{self.offset:g} + " if self.offset else ""
            return f"{start}multiples of {self.step:g}"
        return f"steps of {self.step:.4g}, rounded"


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
    if size > MAX_CELLS or len(u) < 12:
        return None
    taken = np.zeros(next_fast_len(PADDING * size, real=True))
    taken[u] = 1.0
    power = np.abs(rfft(taken))
    frequency = np.arange(len(power)) / len(taken)
    # A period below two cells cannot be seen, one above an eighth of the range cannot be told from a bump.
    power[(frequency < 8 / size) | (frequency > 0.5)] = 0.0
    power[1:-1][(power[1:-1] < power[:-2]) | (power[1:-1] < power[2:])] = 0.0
    for peak in np.argsort(-power)[:MAX_PEAKS]:
        if power[peak] < 0.5 * len(u):
            return None
        step = 1.0 / frequency[peak]
        if (len(u) - 3) * np.log2(step) - 2 * np.log2(size) < MIN_BITS:
            continue
        start = np.angle(np.exp(2j * np.pi * u / step).sum()) / (2 * np.pi) * step
        for _ in range(3):
            step, start = np.polyfit(np.rint((u - start) / step), u, 1)
        found = _tightest(u, np.rint((u - start) / step))
        if found is not None and found[1] > 1:
            return found
    return None


def _tightest(u: NDArray[np.int64], k: Doubles) -> tuple[float, float] | None:
    """Return the line through `(k, u)` with the smallest largest residual, None if that is above one half."""
    one = np.ones(len(u))
    sides = np.vstack([np.column_stack([one, k, -one]), np.column_stack([-one, -k, -one])])
    solved = linprog([0, 0, 1], sides, np.concatenate([u, -u]), bounds=[(None, None)] * 2 + [(0, None)])
    if not solved.success:
        return None
    offset, step, residual = np.asarray(solved.x, dtype=np.float64)
    return (float(offset), float(step)) if residual <= 0.5 + 1e-6 else None
