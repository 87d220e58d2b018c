"""Drawn gaps between ordered columns, carried to the observed ones.

Columns in a narrow order (the four prices of a day) belong together linearly, from step to step too: today's opening is
yesterday's close and a little. A gap learned in a column's place, positive and skewed, loses that; so each column is
learned as it is, and where its draw falls too low or too high, all draws are moved: by the monotone map `Q(F(gap))`
from the distribution of drawn gaps to that of observed ones, which lies on the right side by construction and moves the
draws least of all maps that give the observed gaps. Gaps grow with the level (of a price), so that there is a map for
each of up to eight intervals of the level, and in between a mean of two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Doubles = NDArray[np.float64]
Table = tuple[tuple[float, ...], ...]
LEVELS, LEAST, FEW = 8, 200, 50
TOUCHING = 0.05
PROBABILITIES = ndtr(np.linspace(-3.2, 3.2, 97))


@dataclass(frozen=True)
class Carry:
    """Monotone maps of gaps, one for each interval of the level.

    Attributes
    ----------
    edges : tuple of float
        Between the intervals.
    middles : tuple of float
        Median level of each; between two the maps are mixed.
    wanted : tuple of tuple of float
        Quantiles of the observed gaps in each interval.
    drawn : tuple of tuple of float
        Those of drawn gaps; empty until `settled`.
    """

    edges: tuple[float, ...]
    middles: tuple[float, ...]
    wanted: Table
    drawn: Table = ()

    @classmethod
    def fit(cls, level: Doubles, gap: Doubles) -> Self | None:
        """Learn the observed gaps `(rows,)` at levels `(rows,)`.

        Returns
        -------
        Carry or None
            None where there are fewer than 200 rows, or more than 5 % of the gaps are zero: where columns touch often,
            how often is better learned as a gap's own zeros.
        """
        if len(gap) < LEAST or (gap == 0).mean() > TOUCHING:
            return None
        many = min(LEVELS, len(gap) // LEAST)
        edges = np.unique(np.quantile(level, np.arange(1, many) / many))
        place = np.searchsorted(edges, level, side="right")
        held = [np.flatnonzero(place == number) for number in range(len(edges) + 1)]
        if min(map(len, held)) < FEW:
            edges, held = edges[:0], [np.arange(len(level))]
        middles = tuple(float(np.median(level[rows])) for rows in held)
        return cls(tuple(edges.tolist()), middles, tuple(_quantiles(gap[rows]) for rows in held))

    def settled(self, level: Doubles, gap: Doubles) -> Self:
        """Return maps from drawn gaps, which may be negative, to the observed ones."""
        if len(gap) < FEW:
            return self
        place = np.searchsorted(np.array(self.edges), level, side="right")
        held = [gap[place == number] for number in range(len(self.middles))]
        return replace(self, drawn=tuple(_quantiles(one if len(one) >= FEW else gap) for one in held))

    def apply(self, level: Doubles, gap: Doubles) -> Doubles:
        """Return drawn gaps as observed ones: never below the smallest of these, and free above the largest."""
        if not self.drawn:
            return gap
        middles = np.array(self.middles)
        place = np.interp(level, middles, np.arange(len(middles)))
        lower = np.floor(place).astype(np.intp)
        part, out = place - lower, np.zeros(len(gap))
        for number, (have, want) in enumerate(zip(self.drawn, self.wanted, strict=True)):
            weight = np.where(lower == number, 1 - part, np.where(lower + 1 == number, part, 0.0))
            rows = np.flatnonzero(weight)
            x, first, ties = np.unique(have, return_index=True, return_counts=True)
            y = (np.array(want)[first] + np.array(want)[first + ties - 1]) / 2
            out[rows] += weight[rows] * (np.interp(gap[rows], x, y) + np.maximum(gap[rows] - x[-1], 0.0))
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return the maps as JSON-ready values."""
        return vars(self).copy()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        tables = (tuple(tuple(row) for row in data[key]) for key in ("wanted", "drawn"))
        return cls(tuple(data["edges"]), tuple(data["middles"]), *tables)


def _quantiles(x: Doubles) -> tuple[float, ...]:
    return tuple(np.quantile(x, PROBABILITIES, method="hazen").tolist())
