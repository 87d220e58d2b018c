"""From figures per column, each with its law of chance, to a table and a result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .base import Interval, Metric, Result, furthest
from .grading import RANK, chance_of, grade
from .units import Shares

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """One distance between the tables.

    Attributes
    ----------
    value : float
        Synthetic against real.
    control : float64 array of shape (2, draws)
        Real against real, by each of the two laws of chance of `Shares`: the first is shown, and both must be passed.
    worst : float
        Useless against real.
    chance : float or None
        Chance that real against real comes out as high, where it is known better than by the spread of `control`.
    again : float64 array of shape (draws,) or None
        `value` with the units of both tables drawn again.
    """

    value: float
    control: Doubles
    worst: float
    chance: float | None = None
    again: Doubles | None = None

    @classmethod
    def of(cls, distance: Callable[[Doubles], Doubles], found: Shares, worst: float) -> Figure:
        """Measure how far shares are from the real ones: the other table's, and those that chance makes."""
        again = distance(found.other + found.chance[1] - found.real)
        return cls(float(distance(found.other)), distance(found.chance), worst, again=again)

    @property
    def likely(self) -> float:
        """Chance that real against real comes out as high."""
        if self.chance is not None:
            return self.chance
        return max(chance_of([self.value], list(law)) for law in self.control)


def difference(other: float, real: float, draws: Doubles, worst: float) -> Figure:
    """Absolute difference of single numbers, which chance moves to either side.

    Parameters
    ----------
    other, real : float
    draws : float64 array of shape (2, draws)
        What chance makes of the real number, by either law; Student's t, for a spread known from so many.
    worst : float
        Useless against real.
    """
    spread = float(np.sqrt(np.square(draws - real).mean(axis=1)).max())
    apart = abs(other - real)
    chance = 2 * stats.t.sf(apart / spread, draws.shape[1] - 1) if spread > 0 else float(apart <= 1e-9)
    return Figure(apart, np.abs(draws - real), worst, float(chance), np.abs(other + draws[1] - 2 * real))


@dataclass(frozen=True)
class Row:
    """What was found of one column (or one part): the figure that leads, the others, and further remarks."""

    name: str
    figures: dict[str, Figure]
    remarks: dict[str, Any]

    @property
    def lead(self) -> Figure:
        """The figure that goes into the headline."""
        return next(iter(self.figures.values()))


def result(
    metric: Metric, rows: Sequence[Row], repeats: int, key: str = "column", note: str | None = None, noise: float = 0.0
) -> Result:
    """Put a metric's result together: the headline is the mean of the leading figures.

    A row is graded by the figure that shows most, and each figure must pass chance for all figures of all rows.

    Parameters
    ----------
    metric : Metric
    rows : sequence of Row
    repeats : int
        The whole tables are compared, so each repeat has the same value.
    key : {"column", "part"}
    note : str, optional
        Ends the verdict; by default it names the column that is furthest.
    noise : float
        Least standard deviation of the headline to reckon with.
    """
    tests = sum(len(row.figures) for row in rows)
    table = []
    for row in rows:
        graded = []
        for figure in row.figures.values():
            control = float(figure.control[0].mean())
            graded.append(grade(figure.value, control, figure.worst, figure.likely, tests=tests))
        line: dict[str, Any] = {
            key: row.name,
            "value": row.lead.value,
            "real_against_real": float(row.lead.control[0].mean()),
            "worst": row.lead.worst,
            "grade": max(graded, key=lambda one: RANK[one]),
        }
        table.append(line | {name: figure.value for name, figure in row.figures.items()} | row.remarks)
    values = [float(np.mean([row.lead.value for row in rows]))] * repeats
    laws = np.mean([row.lead.control for row in rows], axis=0)
    controls = max(laws, key=lambda law: chance_of(values, list(law)))
    worst = float(np.mean([row.lead.worst for row in rows]))
    detail = {f"{key}s": table}
    text = furthest(table) if note is None else note
    return metric.result(values, list(map(float, controls)), worst, detail, text, _interval(values[0], rows), noise)


def _interval(value: float, rows: Sequence[Row]) -> Interval | None:
    """95 % bootstrap interval of the headline: 1.96 standard deviations on either side."""
    again = [row.lead.again for row in rows if row.lead.again is not None]
    if len(again) < len(rows):
        return None
    width = 1.96 * float(np.mean(again, axis=0).std())
    return max(value - width, 0.0), value + width
