"""How each column of numbers moves from one step to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..columns import Column
from ..prepare import Case
from ..splits import CannotMeasureError
from .base import Doubles, Metric, Reference, Result, furthest
from .draws import Floats, contrasts, far_end
from .grading import Grade

PARTS = ("size of the steps", "heavy tails of the steps", "rises against falls", "large rises against large falls")
FAR, FAR_PARTS = 0.1, np.array([0.5, 0.2, 0.2, 0.2])


class Increments(Metric):
    """Mean over columns of the difference in size, tails and signs of the steps."""

    name = "increments"
    section = "time"
    title = "Steps from one moment to the next"
    question = "Does each column move as far, as wildly and as lopsidedly as it should?"
    definition = (
        "Of the differences d between neighbouring steps of a column of numbers, four figures: their mean size E|d|, "
        "of which real and synthetic are compared as 1 - smaller / larger; their tails, E|d| / sqrt(E d^2) (0.80 for "
        "a normal distribution, less for heavy tails); rises against falls, the share of d > 0 less that of d < 0; "
        "and large rises against large falls, E(d|d|) / E(d^2). Tails are compared by their difference, the last two "
        "by half of it, so that each runs from 0 to 1. The score is the mean over the four and over columns. The last "
        "two change their sign when time is reversed. Steps into or out of a missing value are left out. The far end "
        "of the scale is that of the useless table, 0.1 or six times real against real, whichever is most (of the "
        "four figures: steps twice too large, and 0.2, for 0.1)."
    )
    references = (
        Reference(
            "The ratio of the mean deviation to the standard deviation as a test of normality (Geary, 1935)",
            "https://doi.org/10.1093/biomet/27.3-4.310",
        ),
        Reference(
            "Time Irreversibility and Business Cycle Asymmetry (Ramsey & Rothman, 1996)",
            "https://doi.org/10.2307/2077963",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "From step to step the columns move as in the real data.",
        "close": "From step to step the columns move almost as in the real data.",
        "visible": "Some columns move too far, too little or too lopsidedly from step to step.",
        "far": "From step to step the columns do not move as the real ones do.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the four figures of all columns of numbers that may change from step to step."""
        columns = moving_numbers(case)
        found = contrasts(case, self.name, repeats, lambda windows: _figures(windows, columns), _gaps)
        by_column = [side.mean(axis=1) for side in found]
        by_column[2] = far_end(by_column[2], by_column[1], FAR)
        by_part = [side.mean(axis=2) for side in found]
        detail = {
            "columns": self.by_column([column.name for column in columns], *by_column),
            "parts": self.by_column(
                PARTS, by_part[0], by_part[1], far_end(by_part[2], by_part[1], FAR_PARTS), key="part"
            ),
        }
        for row, size, tails, rises, large in zip(detail["columns"], *found[0].mean(axis=0), strict=True):
            row |= {"size": float(size), "tails": float(tails), "rises": float(rises), "large_rises": float(large)}
        values = [list(map(float, side.mean(axis=1))) for side in by_column]
        note = furthest(detail["columns"])
        return self.result(values[0], values[1], float(np.mean(values[2])), detail, note)


def moving_numbers(case: Case) -> list[Column]:
    """Return the columns of numbers or times that may change from step to step.

    Raises
    ------
    CannotMeasureError
        If there are none, or all are constant in the real table.
    """
    columns = [column for column in case.columns if not column.static and not column.discrete]
    if not columns:
        raise CannotMeasureError("no column holds numbers that change from step to step; it needs at least one")
    if not any(np.ptp(case.real.panel.values[:, column.start]) > 0 for column in columns):
        raise CannotMeasureError("no column of numbers of the real table varies; it needs at least one that does")
    return columns


def steps(windows: Floats, columns: Sequence[Column]) -> tuple[Floats, NDArray[np.bool_] | None]:
    """Return the differences between neighbouring steps, and where both of their values are present.

    Parameters
    ----------
    windows : array of shape (n, W, D)
    columns : sequence of Column
        Of numbers.

    Returns
    -------
    differences : array of shape (columns, n, W - 1)
        Zero where a value is missing.
    known : bool array of the same shape, or None
        None where nothing is missing in any table.
    """
    values = np.ascontiguousarray(windows[:, :, [column.start for column in columns]].transpose(2, 0, 1))
    found = np.diff(values, axis=2)
    if all(column.missing is None for column in columns):
        return found, None
    present = np.stack([column.present(windows) for column in columns])
    known = present[:, :, 1:] & present[:, :, :-1]
    return np.where(known, found, np.float32(0)), known


def _figures(windows: Floats, columns: Sequence[Column]) -> Doubles:
    """Mean size, tails, rises less falls, large rises less large falls; `(4, columns)`."""
    moved, known = steps(windows, columns)
    size = np.abs(moved)
    count = moved[0].size if known is None else np.maximum(known.sum(axis=(1, 2)), 1)

    def mean(values: Floats) -> Doubles:
        return np.asarray(values.sum(axis=(1, 2), dtype=np.float64) / count)

    first, second, signed = mean(size), mean(size * size), mean(moved * size)
    lopsided = mean(np.sign(moved))
    still = second <= 1e-14
    second = np.where(still, 1.0, second)
    tails = np.where(still, 1.0, first / np.sqrt(second))
    return np.stack([np.where(still, 0.0, first), tails, lopsided / 2, np.where(still, 0.0, signed / second / 2)])


def _gaps(real: Doubles, other: Doubles) -> Doubles:
    """Differences of the four figures, `(4, columns)`; the first relative to the larger one."""
    gaps = np.abs(real - other)
    larger = np.maximum(real[0], other[0])
    gaps[0] /= np.where(larger > 0, larger, 1)
    return gaps
