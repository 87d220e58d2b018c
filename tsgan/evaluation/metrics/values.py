"""Distributions as shares on a grid, and distances between them.

Every function takes shares whose last axis runs over outcomes, with any axes before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..columns import Column

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

QUANTILES, EVEN = 65, 25
MAX_READ = 200_000
NORMAL = 3.2897  # width of the middle 90 % of a normal distribution in standard deviations


@dataclass(frozen=True)
class Grid:
    """Knots at the quantiles of the real values, and evenly from one central 90 % width below the bulk to one above.

    A value's outcome says which knot it equals (odd) or between which it lies (even), so that shares below a knot and
    up to it are both exact.

    Attributes
    ----------
    knots : float64 array of shape (K,)
        Increasing.
    bulk : (float, float)
        The 1 % and the 99 % quantile of the real values.
    spread : float
        Real spread: width of the middle 90 % over 3.29; of narrower bulks the standard deviation; 1 for a constant.
    """

    knots: Doubles
    bulk: tuple[float, float]
    spread: float

    @classmethod
    def of(cls, real: NDArray[np.floating]) -> Grid:
        """Lay the grid by real values (quantiles of at most `MAX_READ` of them)."""
        values = np.sort(real[:: max(len(real) // MAX_READ, 1)])
        levels = np.r_[0.001, 0.005, np.linspace(0.01, 0.99, QUANTILES), 0.995, 0.999]
        # quantiles that are values of the table, so that atoms are knots
        found = values[np.floor(levels * (len(values) - 1)).astype(np.int64)].astype(np.float64)
        five, most = np.quantile(values, [0.05, 0.95])
        spread = float(most - five) / NORMAL
        if spread < 1e-9 * max(abs(float(five)), 1.0):
            spread = float(values.std(dtype=np.float64))
        if spread < 1e-9 * max(abs(float(five)), 1.0):
            spread = 1.0
        ends = found[2] - NORMAL * spread, found[-3] + NORMAL * spread
        inside = found[(found >= ends[0]) & (found <= ends[1])]
        return cls(np.unique(np.r_[inside, np.linspace(*ends, EVEN)]), (float(found[2]), float(found[-3])), spread)

    @property
    def low(self) -> float:
        """The first knot; what lies below counts as there where it is summed."""
        return float(self.knots[0])

    @property
    def high(self) -> float:
        """The last knot."""
        return float(self.knots[-1])

    @property
    def outcomes(self) -> int:
        """How many outcomes there are."""
        return 2 * len(self.knots) + 1

    def codes(self, values: NDArray[np.floating]) -> Ints:
        """Outcome of each value."""
        exact = self.knots.astype(values.dtype)
        place = np.searchsorted(exact, values, "left")
        return np.asarray(2 * place + (exact[np.minimum(place, len(exact) - 1)] == values), dtype=np.int64)

    def shares(self, values: NDArray[np.floating]) -> Doubles:
        """Share of each outcome, `(outcomes,)`."""
        return np.bincount(self.codes(values), minlength=self.outcomes) / max(len(values), 1)

    def uniform(self) -> Doubles:
        """Shares of values that are uniform over the bulk (of one value, where the bulk has no width)."""
        low, high = self.bulk
        if high <= low:
            return self.shares(np.array([low]))
        below = np.clip((self.knots - low) / (high - low), 0.0, 1.0)
        shares = np.zeros(self.outcomes)
        shares[::2] = np.diff(below, prepend=0.0, append=1.0)
        return shares

    def wasserstein(self, one: Doubles, two: Doubles) -> Doubles:
        """Mean distance that values must move, in real spreads, `(...)`."""
        apart = np.cumsum(one - two, axis=-1)
        after, before = np.abs(apart[..., 1:-1:2]), np.abs(apart[..., 2:-1:2])
        # between two knots the difference runs from that just after the one to that just before the other
        return np.asarray((after[..., :-1] + before) @ self._halves)

    @cached_property
    def _halves(self) -> Doubles:
        return np.diff(self.knots) / (2 * self.spread)


def levels_of(column: Column, values: NDArray[np.floating]) -> Ints:
    """Of all channels `(rows, D)`: the level of a category, or 0 and 1 of a boolean, in each row."""
    if column.kind == "category":
        return np.asarray(np.argmax(values[:, column.values], axis=1), dtype=np.int64)
    return np.asarray(values[:, column.start] > 0.5, dtype=np.int64)


def names_of(column: Column) -> tuple[str, ...]:
    """What the outcomes of `levels_of` are called."""
    return column.levels if column.kind == "category" else ("False", "True")


def kolmogorov_smirnov(one: Doubles, two: Doubles) -> Doubles:
    """Largest difference between shares up to any outcome, `(...)`."""
    return np.asarray(np.abs(np.cumsum(one - two, axis=-1)).max(axis=-1))


def total_variation(one: Doubles, two: Doubles) -> Doubles:
    """Share of rows that must change their outcome, `(...)`."""
    return np.asarray(np.abs(one - two).sum(axis=-1) / 2)
