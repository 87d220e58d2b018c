"""Rank-gaussian scaling: the column's own distribution function, then the normal quantile function.

Values that several rows share (zeros of a rain gauge, integers, rounded numbers) have no single rank. Each such row is
put in the middle, by probability, of the interval of ranks that its value holds, and the inverse maps the whole
interval back to exactly that value, so that an atom keeps its probability. (Random places would fill the interval, but
blur how the column depends on the others.) Between distinct values the map is linear, and beyond the outermost it goes
on with the slope of the tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import ndtr, ndtri

from ...arrays import Doubles
from ...bundle import saved
from .scalers import Scaler

KNOTS, TAIL, ATOM = 2000, 50, 0.005
FAR = 40.0


@saved
@dataclass(eq=False)
class Quantile(Scaler):
    """A piecewise linear map given by knots.

    Attributes
    ----------
    z, x : float64 arrays of shape (knots,)
        Knots in Gaussian space and in values, neither decreasing. An atom holds two: the same value at both ends of
        its interval. So does a value that came once in a column of few values, with half of its interval.
    rows : int
        Rows that were learned from; they limit how far out a value is put.
    """

    name = "quantile"

    z: Doubles
    x: Doubles
    rows: int

    def __post_init__(self) -> None:
        z, x, rows = self.z, self.x, self.rows
        self._atom = np.flatnonzero(x[1:] == x[:-1])
        self._middle = ndtri((ndtr(z[self._atom]) + ndtr(z[self._atom + 1])) / 2)
        self._slopes = _tail(z, x), _tail(-z[::-1], -x[::-1])
        self._reach = float(-ndtri(0.25 / rows)) + 1.0

    @classmethod
    def fit(cls, x: Doubles) -> Self:
        """Learn the knots: every distinct value if there are few, else atoms, tails and evenly spaced ranks."""
        values, counts = np.unique(x, return_counts=True)
        after = np.cumsum(counts)
        if 2 * len(values) <= KNOTS:
            atom, chosen = counts > 1, np.ones(len(values), dtype=bool)
        else:
            atom = counts > max(1.0, ATOM * len(x))
            chosen = atom.copy()
            chosen[:TAIL] = chosen[-TAIL:] = True
            chosen[np.linspace(0, len(values) - 1, KNOTS - 2 * TAIL - 2 * int(atom.sum())).astype(np.int64)] = True
        # Between atoms a value that came once has steep sides: half its interval keeps it exact in single precision.
        lone = ~atom & (2 * len(values) <= min(KNOTS, len(x)))
        half = np.where(atom, counts / 2, np.where(lone, 0.25, 0.0))
        low, high = (after - counts / 2 - half)[chosen], (after - counts / 2 + half)[chosen]
        twice = np.where(half > 0, 2, 1)[chosen]
        ends = np.stack([low, high], axis=1).ravel()
        keep = np.stack([np.ones_like(twice, dtype=bool), twice == 2], axis=1).ravel()
        z = np.clip(ndtri(ends[keep] / len(x)), -FAR, FAR)
        return cls(z, np.repeat(values[chosen], twice), len(x))

    def forward(self, x: Doubles) -> Doubles:
        """Scale; a value that is an atom falls in the middle of its interval."""
        below, above = np.minimum(x - self.x[0], 0), np.maximum(x - self.x[-1], 0)
        left, right = self._slopes
        z = np.interp(x, self.x, self.z)
        z += (below / left if left > 0 else 0) + (above / right if right > 0 else 0)
        if len(self._atom):
            values = self.x[self._atom]
            place = np.minimum(np.searchsorted(values, x), len(values) - 1)
            z = np.where(values[place] == x, self._middle[place], z)
        return np.clip(z, -self._reach, self._reach)

    def inverse(self, z: Doubles) -> Doubles:
        """Scale back."""
        left, right = self._slopes
        x = np.interp(z, self.z, self.x)
        if left > 0:
            x += left * np.minimum(z - self.z[0], 0)
        if right > 0:
            x += right * np.maximum(z - self.z[-1], 0)
        return x

    def spread(self, z: Doubles, ends: tuple[Doubles, Doubles], share: Doubles) -> Doubles:
        """Return the number `share` of the way, by probability, through the interval of an atom; others stay."""
        if not len(self._atom):
            return z
        last = self.z[self._atom + 1]
        at = self._atom[np.minimum(np.searchsorted(last, z), len(last) - 1)]
        low, high = ndtr(self.z[at]), ndtr(self.z[at + 1])
        inside = (z > self.z[at]) & (z < self.z[at + 1])
        place = np.clip(ndtri(low + share * (high - low)), -self._reach, self._reach)
        return np.asarray(np.where(inside, place, z))


def _tail(z: Doubles, x: Doubles) -> float:
    """Return the slope over the first half of a standard deviation; 0 if the tail is an atom."""
    if z[0] <= -FAR or len(z) < 2:
        return 0.0
    inner = min(int(np.searchsorted(z, z[0] + 0.5)), len(z) - 1)
    return float((x[inner] - x[0]) / (z[inner] - z[0]))
