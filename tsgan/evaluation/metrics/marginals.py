"""Distance of each column's distribution, whatever the order in time; and values and levels that the real table does
not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar

import numpy as np

from ...arrays import Bools, Floats
from ..case import Case
from ..columns import MISSING, OTHER, UNSEEN, Column
from ..splits import CannotMeasureError
from .base import Grade, Metric, Reference, Result
from .figures import (
    KOLMOGOROV,
    Figure,
    Grid,
    Row,
    difference_of_shares,
    distribution,
    levels_of,
    names_of,
    result_of_rows,
    rows_of,
    total_variation,
)
from .units import Pair, chance_of_extremes, chance_of_new, in_one_unit

MIN_WORST_LEVELS = 0.25  # of a total variation, which sums over levels and so is larger than one share's difference


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
        KOLMOGOROV,
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
        return result_of_rows(self, _rows(case, self.name, _distance), repeats)


def _rows(case: Case, purpose: str, measure: Callable[[Column, Pair, tuple[Bools, Bools]], Row]) -> list[Row]:
    """Rows of all columns, of which there must be one."""
    rows = rows_of(case, purpose, case.columns, measure)
    if not rows:
        raise CannotMeasureError("every column is missing throughout one of the tables; it needs values in both")
    return rows


def _distance(column: Column, pair: Pair, where: tuple[Bools, Bools]) -> Row:
    if column.discrete:
        return _levels(column, pair, where)
    sides = pair.real.values[:, column.start], pair.other.values[:, column.start]
    remarks = {"measure": "Kolmogorov-Smirnov", "tv": None}
    return Row(column.name, distribution(pair, sides, where), remarks)


def _levels(column: Column, pair: Pair, where: tuple[Bools, Bools]) -> Row:
    levels = names_of(column)
    codes = levels_of(column, pair.real.values), levels_of(column, pair.other.values)
    found = pair.shares(codes[0], codes[1], len(levels), where)
    known = np.array([level not in (MISSING, UNSEEN) for level in levels], dtype=np.float64)
    worst = max(float(total_variation(known / known.sum(), found.real)), MIN_WORST_LEVELS)
    if len(levels) == 2:
        figure = difference_of_shares(found, worst)
    else:
        figure = Figure.of(partial(total_variation, two=found.real), found, worst)
    return Row(column.name, {"tv": figure}, {"measure": "total variation", "ks": None, "wasserstein": None})


WIDER = 0.1  # of the real range, on either side: of the useless table
NOISE = 1.0  # each column has its own law, so that the headline shows nothing beyond what the columns do


class Unseen(Metric):
    """Share of rows with a level or a value outside what the real table holds."""

    name = "unseen"
    section = "columns"
    title = "Values never seen"
    question = "Does it stay within the levels and the range of the real data?"
    definition = (
        "The share of synthetic rows whose level occurs nowhere in the real table, or whose number lies below the "
        "smallest or above the largest real one; the mean over columns. Real against real is the share of real rows "
        "outside what all other sequences hold. Chance is told by counting sequences: if both tables have one source, "
        "each is as likely to hold the extremes, and new levels come as often as real levels are found in a single "
        "sequence (Good 1953). The table by columns adds how far the furthest value lies outside, in real spreads. "
        "The useless table is uniform over a range a tenth wider on either side, and over one level too many."
    )
    references = (
        Reference(
            "The Population Frequencies of Species and the Estimation of Population Parameters (Good, 1953)",
            "https://doi.org/10.1093/biomet/40.3-4.237",
        ),
        Reference(
            "Modelling Extremal Events (Embrechts, Klüppelberg & Mikosch, 1997)",
            "https://doi.org/10.1007/978-3-642-33483-2",
        ),
    )
    zero_is_perfect = False
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "What lies outside the levels and ranges of the real data is no more than chance brings.",
        "close": "A few values lie outside the levels or ranges of the real data.",
        "visible": "Many values lie outside the levels or ranges of the real data.",
        "far": "Much of the table lies outside the levels or ranges of the real data.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Count column by column, on all rows."""
        return result_of_rows(self, _rows(case, self.name, _outside), repeats, noise=NOISE)


def _outside(column: Column, pair: Pair, where: tuple[Bools, Bools]) -> Row:
    return _unseen_levels(column, pair, where) if column.kind == "category" else _range(column, pair, where)


def _unseen_levels(column: Column, pair: Pair, where: tuple[Bools, Bools]) -> Row:
    levels, size = column.levels, len(column.levels)
    codes = levels_of(column, pair.real.values)
    alone, holders = in_one_unit(codes, pair.real.units, where[0], size)
    if OTHER in levels:  # many rare levels: any unit that holds one may be the only one
        rare = (codes == levels.index(OTHER)) & where[0]
        holders = max(holders, len(np.unique(pair.real.units[rare])))
    new = np.zeros(len(pair.other.values), dtype=np.bool_)
    if UNSEEN in levels:
        new = levels_of(column, pair.other.values) == levels.index(UNSEEN)
    brought = len(np.unique(pair.other.units[new]))
    chance = chance_of_new(brought, holders, pair.real.count, pair.other.count)
    control = float(alone[codes[where[0]]].mean())
    return _row(column, float(new[where[1]].mean()), control, 1 / (size + (UNSEEN not in levels)), chance, None)


def _range(column: Column, pair: Pair, where: tuple[Bools, Bools]) -> Row:
    sides = pair.real.values[:, column.start][where[0]], pair.other.values[:, column.start][where[1]]
    units = pair.real.units[where[0]], pair.other.units[where[1]]
    if column.kind == "boolean":
        new = (sides[1] != 0) & (sides[1] != 1)
        chance = chance_of_new(len(np.unique(units[1][new])), 0, pair.real.count, pair.other.count)
        return _row(column, float(new.mean()), 0.0, 1 / 3, chance, float(np.abs(sides[1] - 0.5).max()) - 0.5)
    shares, controls, chances, furthest = [], [], [], []
    for sign in (-1, 1):
        real, other = sign * sides[0], sign * sides[1]
        tops = np.sort(_tops(real, units[0]))
        outside = other > tops[-1]
        brought = len(np.unique(units[1][outside]))
        shares.append(float(outside.mean()))
        controls.append(float((real > tops[-2]).mean()) if len(tops) > 1 else 0.0)
        chances.append(chance_of_extremes(brought, pair.real.count, pair.other.count))
        furthest.append(float(other.max() - tops[-1]))
    spread = Grid.of(sides[0]).spread
    worst = 2 * WIDER / (1 + 2 * WIDER)
    far = max(*furthest, 0.0) / spread
    return _row(column, sum(shares), sum(controls), worst, min(1.0, 2 * min(chances)), far)


def _tops(values: Floats, units: np.ndarray) -> Floats:
    """Largest value of each unit that has any; units increase."""
    return np.asarray(np.maximum.reduceat(values, np.flatnonzero(np.r_[True, np.diff(units) > 0])))


def _row(column: Column, share: float, control: float, worst: float, chance: float, far: float | None) -> Row:
    figure = Figure.counted(share, control, worst, chance)
    return Row(column.name, {"share": figure}, {"furthest": far, "chance": chance})
