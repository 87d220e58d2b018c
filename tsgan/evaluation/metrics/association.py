"""How categories go together with one another and with numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ...arrays import Doubles, Floats, Ints
from ..case import Case
from ..columns import Column
from ..splits import CannotMeasureError
from .base import Grade, Metric, Reference, Result, Scores, furthest
from .draws import contrasts, far_end

MAX_ROWS = 20_000
FAR = 0.05


class Association(Metric):
    """Mean over pairs with a category of the difference in Theil's U or in the correlation ratio."""

    name = "association"
    section = "joint"
    title = "Ties of categories"
    question = "Do categories go together with the other columns as they should?"
    definition = (
        "For two columns of categories or booleans Theil's U in both directions: the share of the one's uncertainty "
        "(entropy) that knowing the other takes away. For a category and a number the correlation ratio: the square "
        "root of the share of the number's variance that lies between the category's levels. Both run from 0 (no tie) "
        "to 1 (one determines the other). The score is the absolute difference between real and synthetic, averaged "
        "over all pairs of columns with at least one category or boolean, on at most 20,000 rows a side; static "
        "columns count like others, a missing category is a level, and rows where the number is missing are left out. "
        "The far end of the scale is that of the useless table, 0.05 or six times real against real, whichever is "
        "most."
    )
    references = (
        Reference(
            "On the Estimation of Relationships Involving Qualitative Variables (Theil, 1970)",
            "https://doi.org/10.1086/224909",
        ),
        Reference("An Unbiased Correlation Ratio Measure (Kelley, 1935)", "https://doi.org/10.1073/pnas.21.9.554"),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Categories go together with the other columns as in the real data.",
        "close": "Categories go together with the other columns almost as in the real data.",
        "visible": "Some categories go together with other columns more, or less, than in the real data.",
        "far": "The ties of the categories are not those of the real data.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the ties of all pairs with at least one category or boolean."""
        if not any(column.discrete for column in case.columns):
            raise CannotMeasureError("no column holds categories or booleans; it needs at least one")
        if len(case.columns) < 2:
            raise CannotMeasureError("it needs at least 2 columns, and there is one")
        rng = case.rng("associated rows")
        discrete = np.array([column.discrete for column in case.columns])
        counted = (discrete[:, None] | discrete) & ~np.eye(len(discrete), dtype=np.bool_)

        def ties(windows: Floats) -> Doubles:
            rows = windows.reshape(-1, windows.shape[-1])
            rows = rows[rng.choice(len(rows), MAX_ROWS, replace=False)] if len(rows) > MAX_ROWS else rows
            return associations(rows, case.columns)

        def gap(real: Doubles, other: Doubles) -> Doubles:
            return np.asarray(np.abs(real - other))

        found = contrasts(case, self.name, repeats, ties, gap)
        both = [(side + side.transpose(0, 2, 1)) / 2 for side in found]
        by_column = [side.sum(axis=2) / counted.sum(axis=1) for side in both]
        by_column[2] = far_end(by_column[2], by_column[1], FAR)
        table = self.by_column([column.name for column in case.columns], *by_column)
        whole = [side[:, counted].mean(axis=1) for side in found]
        whole[2] = far_end(whole[2], whole[1], FAR)
        scores = Scores(whole[0], whole[1], float(whole[2].mean()))
        return self.result(scores, {"columns": table}, furthest(table, " with the others"))


def associations(rows: Floats, columns: tuple[Column, ...]) -> Doubles:
    """Return how much each column tells of each other.

    Parameters
    ----------
    rows : array of shape (rows, D)
    columns : tuple of Column

    Returns
    -------
    array of shape (columns, columns)
        Theil's U of the row's column given the column's, for two discrete ones; the correlation ratio for a discrete
        one and a number, in both places; zero elsewhere.
    """
    found = np.zeros((len(columns), len(columns)))
    discrete = [i for i, column in enumerate(columns) if column.discrete]
    numbers = [i for i, column in enumerate(columns) if not column.discrete]
    codes = {i: _codes(rows, columns[i]) for i in discrete}
    sizes = {i: max(len(columns[i].levels), 3) for i in discrete}
    entropies = {i: _entropy(np.bincount(codes[i])) for i in discrete}
    for place, i in enumerate(discrete):
        for j in discrete[:place]:
            joint = _entropy(np.bincount(codes[i] * sizes[j] + codes[j]))
            shared = max(entropies[i] + entropies[j] - joint, 0.0)
            for one, other in ((i, j), (j, i)):
                found[one, other] = shared / entropies[one] if entropies[one] > 1e-9 else 0.0
    if numbers:
        shown = np.stack([columns[j].present(rows) for j in numbers], axis=1).astype(np.float64)
        values = rows[:, [columns[j].start for j in numbers]].astype(np.float64)
        centred = (values - (values * shown).sum(axis=0) / np.maximum(shown.sum(axis=0), 1)) * shown
        for i in discrete:
            ratio = correlation_ratio(np.eye(sizes[i])[codes[i]], centred, shown)
            found[i, numbers] = found[numbers, i] = ratio
    return found


def correlation_ratio(indicators: Doubles, centred: Doubles, shown: Doubles) -> Doubles:
    """Return the correlation ratio of each column of numbers given the levels, on the rows that are shown.

    Parameters
    ----------
    indicators : array of shape (rows, levels)
        0/1.
    centred : array of shape (rows, C)
        Distances of the numbers from their means, 0 where they are not shown.
    shown : array of shape (rows, C)
        0/1.

    Returns
    -------
    array of shape (C,)
        Zero for a column that does not vary.
    """
    total = (centred * centred).sum(axis=0)
    sums = indicators.T @ centred
    between = (sums**2 / np.maximum(indicators.T @ shown, 1)).sum(axis=0)
    varies = total > 1e-12 * len(centred)
    return np.asarray(np.sqrt(np.clip(np.where(varies, between / np.where(varies, total, 1), 0.0), 0, 1)))


def _codes(rows: Floats, column: Column) -> Ints:
    """Number of each row's level; a boolean's are 0 and 1, and 2 where it is missing."""
    if column.kind == "category":
        return np.asarray(np.argmax(rows[:, column.values], axis=1), dtype=np.int64)
    return np.where(column.present(rows), rows[:, column.start] > 0.5, 2).astype(np.int64)


def _entropy(counts: Ints) -> float:
    """Of the distribution with these counts, in nats."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())
