"""How columns of numbers move from one step to the next, and whether calm and stormy times follow one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...arrays import Doubles, Floats
from ..case import Case
from ..columns import Column
from ..splits import CannotMeasureError
from .base import Grade, Metric, Reference, Result
from .dependence import capped
from .draws import MIN_FAR_CORRELATION, contrasts, result_of_draws

PARTS = ("size of the steps", "heavy tails of the steps", "rises against falls", "large rises against large falls")
MIN_FAR = 0.1  # of a column: a mean of four figures, of which one may be right
MIN_FAR_PARTS = np.array([0.5, 0.2, 0.2, 0.2])  # steps twice too large; a tenth more rises than falls


class Increments(Metric):
    """Mean over columns of the difference in size, tails and signs of the steps."""

    name = "increments"
    section = "time"
    least_steps = 2
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
        parts = PARTS, found.mean(2).far_from(MIN_FAR_PARTS)
        made = result_of_draws(self, columns, found.mean(1).far_from(MIN_FAR), parts=parts)
        for row, figures in zip(made.detail["columns"], found.synthetic.mean(axis=0).T, strict=True):
            row |= dict(zip(("size", "tails", "rises", "large_rises"), map(float, figures), strict=True))
        return made


def moving_numbers(case: Case) -> list[Column]:
    """Columns of numbers or times that may change from step to step, of which one must in the real table."""
    columns = [column for column in case.columns if not column.static and not column.discrete]
    if not columns:
        raise CannotMeasureError("no column holds numbers that change from step to step; it needs at least one")
    if not any(np.ptp(case.real.panel.values[:, column.start]) > 0 for column in columns):
        raise CannotMeasureError("no column of numbers of the real table varies; it needs at least one that does")
    return columns


def steps(windows: Floats, columns: Sequence[Column]) -> tuple[Floats, NDArray[np.bool_] | None]:
    """Differences between neighbouring steps of columns of numbers, `(columns, n, W - 1)`, and where both are present.

    A difference is 0 where a value is missing; no mask (None) where nothing is missing in any table.
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


MAX_LAG = 8  # storms last for a few steps
MAX_STEP = 5.0  # times the mean size: one outlier must not make the correlation
PARTS_VOLATILITY = ("large steps after large steps", "large steps after falls", "falls after large steps")
MIN_FAR_PARTS_VOLATILITY = 0.2  # of one of three correlations


class Volatility(Metric):
    """Mean over columns of the difference in correlations between the sizes and signs of steps."""

    name = "volatility"
    section = "time"
    least_steps = 2
    title = "Calm and stormy times"
    question = "Do calm and stormy times follow one another as they should?"
    definition = (
        "Of the differences d between neighbouring steps of a column of numbers, divided by their mean size and cut "
        "at 5 of it, three correlations: of |d| with |d| so many steps later (clustering: large steps follow large "
        "ones), of d with |d| so many steps later (leverage: falls are followed by storms) and of |d| with d so many "
        "steps later. Real and synthetic are compared at the next step, and by the mean over lags 2 to 8; the score "
        "is the root of the mean square of these six differences, averaged over columns. Reversing time exchanges the "
        "last two correlations. The far end of the scale is that of the useless table, 0.05 or six times real against "
        "real, whichever is most (of each of the three: 0.2 for 0.05)."
    )
    references = (
        Reference(
            "Empirical properties of asset returns: stylized facts and statistical issues (Cont, 2001)",
            "https://doi.org/10.1080/713665670",
        ),
        Reference(
            "Leverage effect in financial markets: the retarded volatility model (Bouchaud, Matacz & Potters, 2001)",
            "https://doi.org/10.1103/PhysRevLett.87.228701",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Calm and stormy times alternate as in the real data.",
        "close": "Calm and stormy times alternate almost as in the real data.",
        "visible": "Calm and stormy times of some columns alternate differently from the real data.",
        "far": "Calm and stormy times do not alternate as the real ones do.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the correlations of all columns of numbers that may change from step to step."""
        columns = moving_numbers(case)
        if case.window < 3:
            raise CannotMeasureError("windows of 2 steps hold one difference each; it needs windows of 3 steps or more")
        lags = min(MAX_LAG, case.window - 2)

        def figures(windows: Floats) -> Doubles:
            return _next_and_later(step_correlations(capped(windows), columns, lags))

        def gap(real: Doubles, other: Doubles) -> Doubles:
            return np.asarray(np.square(real - other).mean(axis=2))

        found = contrasts(case, self.name, repeats, figures, gap)
        by_column = found.mean(1).map(np.sqrt).far_from(MIN_FAR_CORRELATION)
        by_part = found.map(np.sqrt).mean(2).far_from(MIN_FAR_PARTS_VOLATILITY)
        return result_of_draws(self, columns, by_column, parts=(PARTS_VOLATILITY, by_part))


def step_correlations(windows: Floats, columns: Sequence[Column], lags: int) -> Doubles:
    """Return how the sizes and signs of steps of columns of numbers go together with those of later steps.

    Of size with later size, of step with later size, of size with later step, for lags of at most W - 2, as an array
    `(3, columns, lags)`; zero where nothing varies.
    """
    moved, known = steps(windows, columns)
    shown = np.ones(moved.shape, dtype=np.float32) if known is None else known.astype(np.float32)
    counts = np.maximum(shown.sum(axis=(1, 2), keepdims=True, dtype=np.float64), 1)
    typical = np.abs(moved).sum(axis=(1, 2), keepdims=True, dtype=np.float64) / counts
    varies = typical > 1e-7
    moved = np.clip(moved / np.where(varies, typical, 1).astype(np.float32), -MAX_STEP, MAX_STEP) * varies
    size, moved = (_standardised(values, shown, counts) for values in (np.abs(moved), moved))
    pairs = np.maximum(_sums(shown, shown, lags), 1)
    return np.stack([_sums(*pair, lags) / pairs for pair in ((size, size), (moved, size), (size, moved))])


def _standardised(values: Floats, shown: Floats, counts: Doubles) -> Floats:
    """Mean 0 and standard deviation 1 over the values that are shown, 0 elsewhere and where nothing varies."""
    mean = values.sum(axis=(1, 2), keepdims=True, dtype=np.float64) / counts
    centred = (values - mean.astype(np.float32)) * shown
    spread = np.sqrt((centred * centred).sum(axis=(1, 2), keepdims=True, dtype=np.float64) / counts)
    varies = spread > 1e-4
    return np.asarray(centred / np.where(varies, spread, 1).astype(np.float32) * varies, dtype=np.float32)


def _sums(early: Floats, late: Floats, lags: int) -> Doubles:
    """Sums of products of `early` with `late` so many steps after it, `(columns, lags)`."""
    products = early.transpose(0, 2, 1) @ late
    return np.stack([np.trace(products, lag, axis1=1, axis2=2, dtype=np.float64) for lag in range(1, lags + 1)], axis=1)


def _next_and_later(found: Doubles) -> Doubles:
    """Correlations at the next step, and their mean over later ones where there are any; `(3, columns, 1 or 2)`."""
    parts = [found[:, :, :1]]
    if found.shape[2] > 1:
        parts.append(found[:, :, 1:].mean(axis=2, keepdims=True))
    return np.concatenate(parts, axis=2)
