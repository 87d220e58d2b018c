"""Distance of each column's distribution, whatever the order in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from scipy import stats

from ..columns import MISSING, UNSEEN, Column
from ..prepare import Case
from ..splits import CannotMeasureError
from .base import Metric, Reference, Result
from .figures import Figure, Row, result
from .grading import Grade
from .units import Bools, Doubles, Floats, Pair, Sample, Shares
from .values import Grid, kolmogorov_smirnov, levels_of, names_of, total_variation

LEAST_WORST = 0.1


class Marginals(Metric):
    """Mean over columns of Kolmogorov-Smirnov (numbers) or total variation (categories)."""

    name = "marginals"
    section = "columns"
    title = "Single columns"
    question = "Does each column have the right values, in the right shares?"
    definition = (
        "For a column of numbers the Kolmogorov-Smirnov distance: the largest difference between the shares of "
        "real and of synthetic values below any threshold. For categories and booleans the total variation: the "
        "share of rows that would have to change their level. Both run from 0 to 1; the score is their mean over "
        "columns. The table by columns adds the Wasserstein-1 distance of numbers: how far values must move on "
        "average, in real spreads (the width of the real middle 90 %, over 3.29, which is the standard deviation of "
        "a normal distribution; values more than one such width beyond the bulk are counted as there). A column is "
        "graded by whichever of the two, or of a test of the mean, sees more. All rows of both tables are "
        "compared, missing values left out, a static column once per sequence; chance is told by dealing the real "
        "sequences into halves. The useless table is uniform over the middle 98 % of the real values, or over the "
        "levels; where that is near the real one, a distance of 0.1 counts as useless."
    )
    references = (
        Reference(
            "On the empirical determination of a distribution law (Kolmogorov, 1933)",
            "https://doi.org/10.1007/978-1-4612-0919-5_10",
        ),
        Reference(
            "On Wasserstein two-sample testing (Ramdas, Garcia & Cuturi, 2017)", "https://doi.org/10.3390/e19020047"
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Each column by itself is distributed as in the real data.",
        "close": "Columns by themselves are distributed almost as in the real data.",
        "visible": "Some columns are distributed differently from the real data.",
        "far": "The columns' values have little to do with the real ones.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare column by column, on all rows."""
        moving = Pair.of(case, self.name)
        static = moving.firsts(case.rng(f"{self.name} static"))
        rows = []
        for column in case.columns:
            pair = static if column.static else moving
            where = column.present(pair.real.values), column.present(pair.other.values)
            if where[0].any() and where[1].any():
                rows.append(_levels(column, pair, where) if column.discrete else _numbers(column, pair, where))
        if not rows:
            raise CannotMeasureError("every column is missing throughout one of the tables; it needs values in both")
        return result(self, rows, repeats)


def _levels(column: Column, pair: Pair, where: tuple[Bools, Bools]) -> Row:
    levels = names_of(column)
    codes = (levels_of(column, side.values) for side in (pair.real, pair.other))
    found = pair.shares(*codes, len(levels), where)
    known = np.array([level not in (MISSING, UNSEEN) for level in levels], dtype=np.float64)
    figure = Figure(
        float(total_variation(found.other, found.real)),
        total_variation(found.chance, found.real),
        max(float(total_variation(known / known.sum(), found.real)), LEAST_WORST),
    )
    return Row(column.name, {"tv": figure}, {"measure": "total variation", "ks": None, "wasserstein": None})


def _numbers(column: Column, pair: Pair, where: tuple[Bools, Bools]) -> Row:
    sides = [side.values[:, column.start] for side in (pair.real, pair.other)]
    grid = Grid.of(sides[0][where[0]])
    found = pair.shares(grid.codes(sides[0]), grid.codes(sides[1]), grid.outcomes, where)
    even = grid.uniform()
    figures = {}
    for name, distance in (("ks", kolmogorov_smirnov), ("wasserstein", grid.wasserstein)):
        figures[name] = Figure(
            float(distance(found.other, found.real)),
            distance(found.chance, found.real),
            max(float(distance(even, found.real)), LEAST_WORST),
        )
    # the mean is what a test of the whole distribution is weakest at seeing move; by it the distance is at least so far
    moved = figures["wasserstein"]
    likely = min(moved.likely, _chance_of_mean(pair, sides, where, grid, found))
    figures["wasserstein"] = Figure(moved.value, moved.control, moved.worst, likely)
    return Row(column.name, figures, {"measure": "Kolmogorov-Smirnov", "tv": None})


def _chance_of_mean(pair: Pair, sides: list[Floats], where: tuple[Bools, Bools], grid: Grid, found: Shares) -> float:
    """Chance that the mean of another sample of the real source is as far off, by Student's t over units."""
    means, errors = [], []
    for sample, values, rows in zip((pair.real, pair.other), sides, where, strict=True):
        mean, error = _mean(sample, np.clip(values, grid.low, grid.high), rows)
        means.append(mean)
        errors.append(error)
    counted = found.counted
    error = max(np.sqrt(1 + counted[0] / counted[1]) * errors[0], float(np.hypot(*errors)))
    if error == 0:
        return 1.0
    return float(2 * stats.t.sf(abs(means[0] - means[1]) / error, max(pair.real.count - 1, 1)))


def _mean(sample: Sample, values: Doubles | Floats, where: Bools) -> tuple[float, float]:
    """Mean of the chosen rows and its standard error, rows of a unit depending on each other in any way."""
    units, chosen = sample.units[where], np.asarray(values[where], dtype=np.float64)
    sums, sizes = (np.bincount(units, weights, minlength=sample.count) for weights in (chosen, None))
    mean = float(chosen.mean())
    scatter = float(np.square(sums - mean * sizes).sum()) * sample.count / max(sample.count - 1, 1)
    return mean, float(np.sqrt(scatter)) / len(chosen)
