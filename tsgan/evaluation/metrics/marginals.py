"""Distance of each column's distribution, whatever the order in time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import numpy as np

from ..columns import MISSING, UNSEEN, Column
from ..prepare import Case
from ..splits import CannotMeasureError
from .base import Metric, Reference, Result
from .distribution import distribution
from .figures import Figure, Row, difference, result
from .grading import Grade
from .units import Bools, Pair
from .values import levels_of, names_of, total_variation

LEAST_WORST_LEVELS = 0.25


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
        "graded by whichever sees more of the two, the second helped by tests of the mean and of the mean distance "
        "from the median. All rows of both tables are compared (of more than 300,000, whole sequences drawn at random "
        "up to that number), missing values left out, a static column once per sequence; chance is told by dealing "
        "the real sequences into halves. The useless table is uniform over the middle 98 % of the real values, or "
        "over the levels; where that is near the real one, a distance of 0.1 (of levels 0.25) counts as useless."
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
            if not (where[0].any() and where[1].any()):
                continue
            if column.discrete:
                rows.append(_levels(column, pair, where))
            else:
                sides = pair.real.values[:, column.start], pair.other.values[:, column.start]
                remarks = {"measure": "Kolmogorov-Smirnov", "tv": None}
                rows.append(Row(column.name, distribution(pair, sides, where), remarks))
        if not rows:
            raise CannotMeasureError("every column is missing throughout one of the tables; it needs values in both")
        return result(self, rows, repeats)


def _levels(column: Column, pair: Pair, where: tuple[Bools, Bools]) -> Row:
    levels = names_of(column)
    codes = levels_of(column, pair.real.values), levels_of(column, pair.other.values)
    found = pair.shares(codes[0], codes[1], len(levels), where)
    known = np.array([level not in (MISSING, UNSEEN) for level in levels], dtype=np.float64)
    worst = max(float(total_variation(known / known.sum(), found.real)), LEAST_WORST_LEVELS)
    if len(levels) == 2:
        figure = difference(float(found.other[1]), float(found.real[1]), found.chance[..., 1], worst)
    else:
        figure = Figure.of(partial(total_variation, two=found.real), found, worst)
    return Row(column.name, {"tv": figure}, {"measure": "total variation", "ks": None, "wasserstein": None})
