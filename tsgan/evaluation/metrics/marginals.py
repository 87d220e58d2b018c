"""Distance of each column's distribution, whatever the order in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ..prepare import Case
from .base import Doubles, Metric, Reference, Result, furthest
from .draws import Floats, distances
from .grading import Grade

MAX_ROWS = 20_000


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
        "average, in real standard deviations."
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
        """Compare row by row, on equally many rows."""
        rng = case.rng("marginal rows")

        def both(real: Floats, other: Floats) -> Doubles:
            sides = [windows.reshape(-1, windows.shape[-1]) for windows in (real, other)]
            keep = rng.permutation(len(sides[0]))[:MAX_ROWS]
            return _distances(case, sides[0][keep], sides[1][keep])

        synthetic, control, worst = distances(case, self.name, repeats, both)
        names = [column.name for column in case.columns]
        table = self.by_column(names, synthetic[:, :, 0], control[:, :, 0], worst[:, :, 0])
        for row, column, moved in zip(table, case.columns, synthetic[:, :, 1].mean(axis=0), strict=True):
            row["measure"] = "total variation" if column.discrete else "Kolmogorov-Smirnov"
            row["wasserstein"] = None if column.discrete else float(moved)
        values, controls = (list(map(float, part[:, :, 0].mean(axis=1))) for part in (synthetic, control))
        return self.result(values, controls, float(worst[:, :, 0].mean()), {"columns": table}, furthest(table))


def _distances(case: Case, real: Floats, other: Floats) -> Doubles:
    """Distances of each column, `(columns, 2)`: KS or total variation, Wasserstein in real standard deviations."""
    found = np.zeros((len(case.columns), 2))
    for i, column in enumerate(case.columns):
        a, b = real[:, column.values], other[:, column.values]
        if column.discrete:
            moved = np.abs(a.mean(axis=0) - b.mean(axis=0)).sum()
            found[i, 0] = moved / 2 if column.kind == "category" else moved
            continue
        x, y = np.sort(a[:, 0]), np.sort(b[:, 0])
        grid = np.concatenate([x, y])
        found[i, 0] = np.abs(np.searchsorted(x, grid, "right") - np.searchsorted(y, grid, "right")).max() / len(x)
        found[i, 1] = np.abs(x - y).mean(dtype=np.float64) / (x.std(dtype=np.float64) or 1.0)
    return found
