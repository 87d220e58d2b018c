"""Whether calm and stormy times follow one another as they should."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from ..columns import Column
from ..prepare import Case
from ..splits import CannotMeasureError
from .autocorrelation import some
from .base import Doubles, Metric, Reference, Result, furthest
from .draws import Floats, contrasts, far_end
from .grading import Grade
from .increments import moving_numbers, steps

LAGS = 8
LARGEST = 5.0
PARTS = ("large steps after large steps", "large steps after falls", "falls after large steps")
FAR, FAR_PARTS = 0.05, 0.2


class Volatility(Metric):
    """Mean over columns of the difference in correlations between the sizes and signs of steps."""

    name = "volatility"
    section = "time"
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
        lags = min(LAGS, case.window - 2)

        def figures(windows: Floats) -> Doubles:
            return _next_and_later(step_correlations(some(windows), columns, lags))

        def gap(real: Doubles, other: Doubles) -> Doubles:
            return np.asarray(np.square(real - other).mean(axis=2))

        found = contrasts(case, self.name, repeats, figures, gap)
        by_column = [np.sqrt(side.mean(axis=1)) for side in found]
        by_column[2] = far_end(by_column[2], by_column[1], FAR)
        by_part = [np.sqrt(side).mean(axis=2) for side in found]
        detail = {
            "columns": self.by_column([column.name for column in columns], *by_column),
            "parts": self.by_column(
                PARTS, by_part[0], by_part[1], far_end(by_part[2], by_part[1], FAR_PARTS), key="part"
            ),
        }
        values = [list(map(float, side.mean(axis=1))) for side in by_column]
        note = furthest(detail["columns"])
        return self.result(values[0], values[1], float(np.mean(values[2])), detail, note)


def step_correlations(windows: Floats, columns: Sequence[Column], lags: int) -> Doubles:
    """Return how the sizes and signs of steps go together with those of later steps.

    Parameters
    ----------
    windows : array of shape (n, W, D)
    columns : sequence of Column
        Of numbers.
    lags : int
        At most W - 2.

    Returns
    -------
    array of shape (3, columns, lags)
        Of size with later size, of step with later size, of size with later step; zero where nothing varies.
    """
    moved, known = steps(windows, columns)
    shown = np.ones(moved.shape, dtype=np.float32) if known is None else known.astype(np.float32)
    counts = np.maximum(shown.sum(axis=(1, 2), keepdims=True, dtype=np.float64), 1)
    typical = np.abs(moved).sum(axis=(1, 2), keepdims=True, dtype=np.float64) / counts
    varies = typical > 1e-7
    moved = np.clip(moved / np.where(varies, typical, 1).astype(np.float32), -LARGEST, LARGEST) * varies
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
