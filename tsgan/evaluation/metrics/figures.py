"""Distributions compared by shares on a grid and by distances, with what chance does to both; and from figures per
column, each with its law of chance, to a table and a result.

Every function on shares takes shares whose last axis runs over outcomes, with any axes before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ...arrays import Bools, Doubles, Ints, Reals
from ..case import Case
from ..columns import Column
from .base import RANK, Interval, Metric, Reference, Result, Scores, Table, chance_of, furthest, grade
from .units import DEALS, Pair, Sample, Shares

Found = TypeVar("Found")

KOLMOGOROV = Reference(
    "On the empirical determination of a distribution law (Kolmogorov, 1933)",
    "https://doi.org/10.1007/978-1-4612-0919-5_10",
)
MIN_WORST = 0.1  # of a share of rows: a useless table nearer than that would make a scale of noise


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

    @classmethod
    def counted(cls, value: float, control: float, worst: float, chance: float) -> Figure:
        """Take a share whose chance is told by counting units, and that is useless at twice the control at least."""
        return cls(value, np.full((2, DEALS), control), max(worst, 2 * control), chance)

    @property
    def likely(self) -> float:
        """Chance that real against real comes out as high."""
        if self.chance is not None:
            return self.chance
        return max(chance_of([self.value], law) for law in self.control)


def difference(other: float, real: float, draws: Doubles, worst: float) -> Figure:
    """Absolute difference of single numbers, which chance moves to either side.

    `draws`, of shape (2, draws), are what chance makes of the real number by either law. It is judged by Student's t,
    for a spread known from so many.
    """
    spread = float(np.sqrt(np.square(draws - real).mean(axis=1)).max())
    apart = abs(other - real)
    chance = 2 * stats.t.sf(apart / spread, draws.shape[1] - 1) if spread > 0 else float(apart <= 1e-9)
    return Figure(apart, np.abs(draws - real), worst, float(chance), np.abs(other + draws[1] - 2 * real))


def difference_of_shares(found: Shares, worst: float) -> Figure:
    """Absolute difference in the share of the second of two outcomes."""
    return difference(float(found.other[1]), float(found.real[1]), found.chance[..., 1], worst)


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


def rows_of(
    case: Case, purpose: str, columns: Sequence[Column], measure: Callable[[Column, Pair, tuple[Bools, Bools]], Found]
) -> list[Found]:
    """Return what is measured of each column that has values in both tables, statics on one row of a sequence.

    `measure` takes the column, all rows of both tables, and where they hold a value.
    """
    moving = Pair.of(case, purpose)
    static = moving.firsts(case.rng(f"{purpose} static"))
    found = []
    for column in columns:
        pair = static if column.static else moving
        where = column.present(pair.real.values), column.present(pair.other.values)
        if where[0].any() and where[1].any():
            found.append(measure(column, pair, where))
    return found


def result_of_rows(
    metric: Metric, rows: Sequence[Row], repeats: int, key: Literal["column", "part"] = "column", noise: float = 0.0
) -> Result:
    """Put a metric's result together: the headline is the mean of the leading figures, with `noise` as of `Scores`.

    The whole tables are compared, so each repeat has the same value.
    """
    table = graded(rows, key)
    values = [float(np.mean([row.lead.value for row in rows]))] * repeats
    laws = np.mean([row.lead.control for row in rows], axis=0)
    controls = max(laws, key=lambda law: chance_of(values, law))
    worst = float(np.mean([row.lead.worst for row in rows]))
    scores = Scores(values, controls, worst, noise)
    return metric.result(scores, {f"{key}s": table}, furthest(table), _interval(values[0], rows))


def graded(rows: Sequence[Row], key: str) -> Table:
    """Return a mapping per row, with its grade.

    A row is graded by the figure that shows most, and each figure must pass chance for all figures of all rows.
    """
    tests = sum(len(row.figures) for row in rows)
    table = []
    for row in rows:
        grades = []
        for figure in row.figures.values():
            control = float(figure.control[0].mean())
            grades.append(grade(figure.value, control, figure.worst, figure.likely, tests=tests))
        line = {
            key: row.name,
            "value": row.lead.value,
            "real_against_real": float(row.lead.control[0].mean()),
            "worst": row.lead.worst,
            "grade": max(grades, key=lambda one: RANK[one]),
        }
        table.append(line | {name: figure.value for name, figure in row.figures.items()} | row.remarks)
    return table


def _interval(value: float, rows: Sequence[Row]) -> Interval | None:
    """95 % bootstrap interval of the headline: 1.96 standard deviations on either side."""
    again = [row.lead.again for row in rows if row.lead.again is not None]
    if len(again) < len(rows):
        return None
    width = 1.96 * float(np.mean(again, axis=0).std())
    return max(value - width, 0.0), value + width


def distribution(
    pair: Pair,
    sides: tuple[Reals, Reals],
    where: tuple[Bools, Bools],
    useless: Doubles | None = None,
) -> dict[str, Figure]:
    """Kolmogorov-Smirnov ("ks") and Wasserstein-1 in real spreads ("wasserstein").

    `sides` are the values of the real and of the other table, `(rows,)`, `where` says which rows count, some in each.
    The useless table holds `useless` values, by default uniform over the bulk; one nearer than 0.1 counts as 0.1.
    """
    grid = Grid.of(sides[0][where[0]])
    even = grid.uniform() if useless is None else grid.shares(useless)
    found = pair.shares(grid.codes(sides[0]), grid.codes(sides[1]), grid.outcomes, where)
    figures = {}
    for name, distance in (("ks", kolmogorov_smirnov), ("wasserstein", grid.wasserstein)):
        worst = max(float(distance(even, found.real)), MIN_WORST)
        figures[name] = Figure.of(partial(distance, two=found.real), found, worst)
    # a whole distribution is weak at seeing its centre or its width move, and must move about as far as they do
    moved = figures["wasserstein"]
    middle = float(np.median(sides[0][where[0]]))
    clipped = [np.clip(side, grid.low, grid.high).astype(np.float64) for side in sides]
    widths = [np.abs(side - middle) for side in clipped]
    likely = [_chance_of_mean(pair, both, where, found) for both in (clipped, widths)]
    chance = min(moved.likely, 2 * min(likely))
    return figures | {"wasserstein": replace(moved, chance=chance)}


def _chance_of_mean(pair: Pair, sides: Sequence[Reals], where: tuple[Bools, Bools], found: Shares) -> float:
    """Chance that the mean of another sample of the real source is as far off, by Student's t over units."""
    means, errors = [], []
    for sample, values, rows in zip((pair.real, pair.other), sides, where, strict=True):
        mean, error = _mean(sample, values, rows)
        means.append(mean)
        errors.append(error)
    ratio = found.counted[0] / found.counted[1]
    error = max(float(np.sqrt(1 + ratio)) * errors[0], float(np.hypot(errors[0], errors[1])))
    if error == 0:
        return 1.0
    return float(2 * stats.t.sf(abs(means[0] - means[1]) / error, max(pair.real.count - 1, 1)))


def _mean(sample: Sample, values: Reals, where: Bools) -> tuple[float, float]:
    """Mean of the chosen rows and its standard error, rows of a unit depending on each other in any way."""
    units, chosen = sample.units[where], np.asarray(values[where], dtype=np.float64)
    sums, sizes = (np.bincount(units, weights, minlength=sample.count) for weights in (chosen, None))
    mean = float(chosen.mean())
    scatter = float(np.square(sums - mean * sizes).sum()) * sample.count / max(sample.count - 1, 1)
    return mean, float(np.sqrt(scatter)) / len(chosen)


QUANTILES, EVEN_KNOTS = 65, 25  # a distance is then exact to a hundredth
MAX_READ = 200_000  # values that quantiles are read from
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
        return cls(
            np.unique(np.r_[inside, np.linspace(*ends, EVEN_KNOTS)]), (float(found[2]), float(found[-3])), spread
        )

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


def levels_known(column: Column, values: NDArray[np.floating]) -> Bools:
    """Of all channels `(rows, D)`: rows in which a level is known; of a category a gap is one."""
    return column.present(values) if column.kind == "boolean" else np.ones(len(values), dtype=np.bool_)


def names_of(column: Column) -> tuple[str, ...]:
    """What the outcomes of `levels_of` are called."""
    return column.levels if column.kind == "category" else ("False", "True")


def kolmogorov_smirnov(one: Doubles, two: Doubles) -> Doubles:
    """Largest difference between shares up to any outcome, `(...)`."""
    return np.asarray(np.abs(np.cumsum(one - two, axis=-1)).max(axis=-1))


def total_variation(one: Doubles, two: Doubles) -> Doubles:
    """Share of rows that must change their outcome, `(...)`."""
    return np.asarray(np.abs(one - two).sum(axis=-1) / 2)
