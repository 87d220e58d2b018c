"""The outermost values of each column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..columns import Column
from ..prepare import Case
from ..splits import CannotMeasureError
from .base import Metric, Reference, Result
from .figures import Figure, Row, result
from .grading import Grade
from .units import Bools, Doubles, Pair
from .values import NORMAL, Grid

TAIL = 0.01
NEAR = np.array([0.0002, 0.0005, 0.001, 0.002, 0.004, 0.006, 0.008, TAIL, 0.012, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25])
BEYOND = np.array([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0])
LEAST_WORST = 0.1


class Tails(Metric):
    """Distance of the 1 % and 99 % quantiles, and of the shares of values beyond the real ones."""

    name = "tails"
    section = "columns"
    title = "Rare values"
    question = "Do the smallest and the largest values come out as far, and as often, as they should?"
    definition = (
        "For each column of numbers or dates, the distance between the real and the synthetic 1 % quantile, and "
        "between the 99 % quantiles, over the width of the middle 90 % of the real values; the score is their mean "
        "over both tails and all columns. The table by columns adds the share of synthetic values beyond the real 1 % "
        "and 99 % quantiles and grades by it too: the difference between the shares over the larger of them (at least "
        "1 %). The useless table has no tails: it is uniform over the middle half of the real values. Missing values "
        "are left out."
    )
    references = (
        Reference("A Note on Quantiles in Large Samples (Bahadur, 1966)", "https://doi.org/10.1214/aoms/1177699450"),
        Reference(
            "Tail-GAN: Learning to Simulate Tail Risk Scenarios (Cont, Cucuringu, Xu & Zhang, 2022)",
            "https://arxiv.org/abs/2203.01664",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "The rarest values lie as far out, and are as rare, as in the real data.",
        "close": "The rarest values lie almost where they do in the real data.",
        "visible": "In some columns the rarest values lie too far out, or not far enough.",
        "far": "The synthetic data do not have the real data's rare values.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare column by column, on all rows."""
        numbers = [column for column in case.columns if not column.discrete]
        if not numbers:
            raise CannotMeasureError("no column holds numbers or dates; tails are those of numbers")
        moving = Pair.of(case, self.name)
        static = moving.firsts(case.rng(f"{self.name} static"))
        rows = []
        for column in numbers:
            pair = static if column.static else moving
            where = column.present(pair.real.values), column.present(pair.other.values)
            if where[0].any() and where[1].any():
                rows.append(_row(column, pair, where))
        if not rows:
            raise CannotMeasureError("every column of numbers is missing throughout one of the tables")
        return result(self, rows, repeats)


def _row(column: Column, pair: Pair, where: tuple[Bools, Bools]) -> Row:
    sides = pair.real.values[:, column.start], pair.other.values[:, column.start]
    grid, middle = _grid(sides[0][where[0]])
    found = pair.shares(grid.codes(sides[0]), grid.codes(sides[1]), grid.outcomes, where)
    width = NORMAL * grid.spread
    ends = quantiles(grid, found.real)
    bare = np.array([middle[0] + TAIL * (middle[1] - middle[0]), middle[1] - TAIL * (middle[1] - middle[0])])

    def apart(shares: Doubles) -> Doubles:
        return np.asarray(np.abs(quantiles(grid, shares) - ends).mean(axis=-1) / width)

    outside = beyond(grid, found.real)

    def ratio(shares: Doubles) -> Doubles:
        share = beyond(grid, shares)
        return np.asarray((np.abs(share - outside) / np.maximum(np.maximum(share, outside), TAIL)).mean(axis=-1))

    flat = float(np.abs(bare - ends).mean() / width)
    none = float((outside / np.maximum(outside, TAIL)).mean())
    figures = {
        "quantiles": Figure.of(apart, found, max(flat, LEAST_WORST)),
        "shares": Figure.of(ratio, found, max(none, 0.5)),
    }
    low, high = map(float, beyond(grid, found.other))
    moved = (quantiles(grid, found.other) - ends) / width
    remarks = {"low": float(moved[0]), "high": float(moved[1]), "share_below": low, "share_above": high}
    return Row(column.name, figures, remarks)


def _grid(real: NDArray[np.floating]) -> tuple[Grid, tuple[float, float]]:
    """Knots that lie close in the tails and reach far beyond, and the quartiles."""
    usual = Grid.of(real)
    values = np.sort(real)
    levels = np.r_[NEAR, 0.5, 1 - NEAR[::-1]]
    inside = values[np.floor(levels * (len(values) - 1)).astype(np.int64)].astype(np.float64)
    reach = BEYOND * NORMAL * usual.spread
    knots = np.unique(np.r_[values[0] - reach, inside, values[[0, -1]].astype(np.float64), values[-1] + reach])
    at = int(np.searchsorted(NEAR, TAIL))
    bulk = float(inside[at]), float(inside[-1 - at])
    return Grid(knots, bulk, usual.spread), (float(inside[len(NEAR) - 1]), float(inside[-len(NEAR)]))


def quantiles(grid: Grid, shares: Doubles) -> Doubles:
    """The 1 % and the 99 % quantile, straight between knots, `(..., 2)`."""
    upto = np.maximum.accumulate(np.cumsum(shares, axis=-1)[..., 1::2], axis=-1)
    found = []
    for level in (TAIL, 1 - TAIL):
        after = np.minimum((upto < level - 1e-12).sum(axis=-1), len(grid.knots) - 1)
        before = np.maximum(after - 1, 0)
        low, high = (np.take_along_axis(upto, k[..., None], axis=-1)[..., 0] for k in (before, after))
        part = np.clip((level - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
        found.append(grid.knots[before] + part * (grid.knots[after] - grid.knots[before]))
    return np.stack(found, axis=-1)


def beyond(grid: Grid, shares: Doubles) -> Doubles:
    """Share below the real 1 % quantile, and above the real 99 % quantile, `(..., 2)`."""
    upto = np.cumsum(shares, axis=-1)
    low, high = np.searchsorted(grid.knots, grid.bulk)
    outside = np.stack([upto[..., 2 * low], 1 - upto[..., 2 * high + 1]], axis=-1)
    return np.where(outside > 1e-12, outside, 0.0)
