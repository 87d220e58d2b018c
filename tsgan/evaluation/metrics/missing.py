"""Missing values: how many, in how long runs, and in which columns at once."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import ClassVar

import numpy as np

from ...arrays import Bools, Doubles, Ints
from ..case import Case
from ..columns import Column
from ..splits import CannotMeasureError
from .base import Grade, Metric, Reference, Result
from .figures import MIN_WORST, Figure, Row, difference_of_shares, result_of_rows
from .units import Pair, Sample, Shares

MAX_TOGETHER = 12  # columns: pairs grow with their square


class Missing(Metric):
    """Mean over columns of the difference in the share of missing values."""

    name = "missing"
    section = "columns"
    title = "Missing values"
    question = "Are as many values missing, in runs as long, and in the same columns at once?"
    definition = (
        "For each column with missing values in either table, the absolute difference between the shares of rows "
        "where its value is missing; the score is the mean over these columns. A column is also graded by its runs "
        "(how often a value is missing where the one before was) and by what is missing together (the correlation "
        "between its gaps and those of each other column, the mean difference over at most 12 columns). The useless "
        "table has gaps in half of all rows, whatever came before and whatever else is missing; where that is "
        "near the real one, a difference of 0.1 counts as useless."
    )
    references = (
        Reference("Inference and Missing Data (Rubin, 1976)", "https://doi.org/10.1093/biomet/63.3.581"),
        Reference(
            "Recurrent Neural Networks for Multivariate Time Series with Missing Values (Che et al., 2018)",
            "https://doi.org/10.1038/s41598-018-24271-9",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Values are missing as in the real data.",
        "close": "Values are missing almost as in the real data.",
        "visible": "Values are missing too often or too rarely, in other runs, or in other columns at once.",
        "far": "Gaps in the data have little to do with those of the real data.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare column by column, on all rows."""
        holed = [column for column in case.columns if column.missing is not None]
        if not holed:
            raise CannotMeasureError("no value is missing in either table")
        moving = Pair.of(case, self.name)
        found = {}
        for pair, static in ((moving, False), (moving.firsts(case.rng(f"{self.name} static")), True)):
            mine = [column for column in holed if column.static == static]
            together = _together(mine[:MAX_TOGETHER], pair)
            for column in mine:
                figures = _alone(column, pair) | together.get(column.name, {})
                absent = {name: None for name in ("runs", "together") if name not in figures}
                found[column.name] = Row(column.name, figures, absent)
        return result_of_rows(self, [found[column.name] for column in holed], repeats)


def missing_marks(column: Column, sample: Sample) -> Ints:
    """1 where the column's value is missing, `(rows,)`."""
    return (~column.present(sample.values)).astype(np.int64)


def _alone(column: Column, pair: Pair) -> dict[str, Figure]:
    """Figures of the column's own gaps."""
    sides = missing_marks(column, pair.real), missing_marks(column, pair.other)
    found = pair.shares(sides[0], sides[1], 2)
    share = float(found.real[1])
    figures = {"share": _difference(found, 0.5)}
    after: list[Bools] = [
        sample.follows & np.r_[False, marks[:-1] == 1]
        for sample, marks in zip((pair.real, pair.other), sides, strict=True)
    ]
    if after[0].any() and after[1].any():
        figures["runs"] = _difference(pair.shares(sides[0], sides[1], 2, (after[0], after[1])), share)
    return figures


def _difference(found: Shares, useless: float) -> Figure:
    return difference_of_shares(found, max(abs(useless - float(found.real[1])), MIN_WORST))


def _together(columns: list[Column], pair: Pair) -> dict[str, dict[str, Figure]]:
    """By column, the figure of how its gaps go with those of others, where there are others."""
    ties: dict[str, list[tuple[float, Doubles, float]]] = {column.name: [] for column in columns}
    sides = [[missing_marks(column, sample) for column in columns] for sample in (pair.real, pair.other)]
    for i, j in combinations(range(len(columns)), 2):
        both = [2 * side[i] + side[j] for side in sides]
        found = pair.shares(both[0], both[1], 4)
        tie = float(correlation(found.real))
        moved = abs(float(correlation(found.other)) - tie), np.abs(correlation(found.chance) - tie), abs(tie)
        ties[columns[i].name].append(moved)
        ties[columns[j].name].append(moved)
    figures = {}
    for name, pairs in ties.items():
        if pairs:
            values, controls, worst = (np.mean(part, axis=0) for part in zip(*pairs, strict=True))
            figures[name] = {"together": Figure(float(values), controls, max(float(worst), MIN_WORST))}
    return figures


def correlation(shares: Doubles) -> Doubles:
    """Correlation of two marks from the shares of rows with neither, the second, the first, both `(..., 4)`; `(...)`.

    Zero where one of them does not vary.
    """
    first, second = shares[..., 2] + shares[..., 3], shares[..., 1] + shares[..., 3]
    scale = np.clip(first * (1 - first), 0, None) * np.clip(second * (1 - second), 0, None)
    varies = scale > 1e-12
    covariance = shares[..., 3] - first * second
    return np.asarray(np.clip(np.where(varies, covariance / np.sqrt(np.where(varies, scale, 1.0)), 0.0), -1, 1))
