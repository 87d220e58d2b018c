"""Values and levels that the real table does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ..columns import OTHER, UNSEEN, Column
from ..prepare import Case
from ..splits import CannotMeasureError
from .base import Metric, Reference, Result
from .figures import Figure, Row, result
from .grading import Grade
from .novelty import chance_of_news, chance_of_records, singles
from .units import DEALS, Bools, Floats, Pair
from .values import Grid, levels_of

WIDER = 0.1
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
        moving = Pair.of(case, self.name)
        static = moving.firsts(case.rng(f"{self.name} static"))
        rows = []
        for column in case.columns:
            pair = static if column.static else moving
            where = column.present(pair.real.values), column.present(pair.other.values)
            if where[0].any() and where[1].any():
                rows.append(_levels(column, pair, where) if column.kind == "category" else _range(column, pair, where))
        if not rows:
            raise CannotMeasureError("every column is missing throughout one of the tables; it needs values in both")
        return result(self, rows, repeats, noise=NOISE)


def _levels(column: Column, pair: Pair, where: tuple[Bools, Bools]) -> Row:
    levels, size = column.levels, len(column.levels)
    codes = levels_of(column, pair.real.values)
    alone, holders = singles(codes, pair.real.units, where[0], size)
    if OTHER in levels:  # many rare levels: any unit that holds one may be the only one
        rare = (codes == levels.index(OTHER)) & where[0]
        holders = max(holders, len(np.unique(pair.real.units[rare])))
    new = np.zeros(len(pair.other.values), dtype=np.bool_)
    if UNSEEN in levels:
        new = levels_of(column, pair.other.values) == levels.index(UNSEEN)
    brought = len(np.unique(pair.other.units[new]))
    chance = chance_of_news(brought, holders, pair.real.count, pair.other.count)
    control = float(alone[codes[where[0]]].mean())
    return _row(column, float(new[where[1]].mean()), control, 1 / (size + (UNSEEN not in levels)), chance, None)


def _range(column: Column, pair: Pair, where: tuple[Bools, Bools]) -> Row:
    sides = pair.real.values[:, column.start][where[0]], pair.other.values[:, column.start][where[1]]
    units = pair.real.units[where[0]], pair.other.units[where[1]]
    if column.kind == "boolean":
        new = (sides[1] != 0) & (sides[1] != 1)
        chance = chance_of_news(len(np.unique(units[1][new])), 0, pair.real.count, pair.other.count)
        return _row(column, float(new.mean()), 0.0, 1 / 3, chance, float(np.abs(sides[1] - 0.5).max()) - 0.5)
    shares, controls, chances, furthest = [], [], [], []
    for sign in (-1, 1):
        real, other = sign * sides[0], sign * sides[1]
        tops = np.sort(_tops(real, units[0]))
        outside = other > tops[-1]
        brought = len(np.unique(units[1][outside]))
        shares.append(float(outside.mean()))
        controls.append(float((real > tops[-2]).mean()) if len(tops) > 1 else 0.0)
        chances.append(chance_of_records(brought, pair.real.count, pair.other.count))
        furthest.append(float(other.max() - tops[-1]))
    spread = Grid.of(sides[0]).spread
    worst = 2 * WIDER / (1 + 2 * WIDER)
    far = max(*furthest, 0.0) / spread
    return _row(column, sum(shares), sum(controls), worst, min(1.0, 2 * min(chances)), far)


def _tops(values: Floats, units: np.ndarray) -> Floats:
    """Largest value of each unit that has any; units increase."""
    return np.asarray(np.maximum.reduceat(values, np.flatnonzero(np.r_[True, np.diff(units) > 0])))


def _row(column: Column, share: float, control: float, worst: float, chance: float, far: float | None) -> Row:
    figure = Figure(share, np.full((2, DEALS), control), max(worst, 2 * control), chance)
    return Row(column.name, {"share": figure}, {"furthest": far, "chance": chance})
