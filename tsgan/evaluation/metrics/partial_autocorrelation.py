"""How strongly a column's value depends on one step of its past, given the steps in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ..prepare import Case
from .autocorrelation import channels_of, moving, pooled, second_moments, some
from .base import Doubles, Metric, Reference, Result, furthest
from .draws import Floats, contrasts, far_end
from .grading import Grade

LAGS = 10
FAR = 0.05
NOISE = 1e-4


class PartialAutocorrelation(Metric):
    """Mean over columns and lags of the difference in partial autocorrelation."""

    name = "partial_autocorrelation"
    section = "time"
    title = "Direct memory"
    question = "How many steps back does each column look, and how hard?"
    definition = (
        "The correlation between a column's value and its value some steps later that is left when the steps in "
        "between are known, for lags up to 10: by least squares over all windows, with a noise of one hundredth of a "
        "standard deviation added to each column so that perfectly smooth curves have a finite answer. The score is "
        "the absolute difference between real and synthetic, averaged over lags and columns (categories as for the "
        "memory of the past). The far end of the scale is that of the useless table, 0.05 or six times real against "
        "real, whichever is most."
    )
    references = (
        Reference("The fitting of time-series models (Durbin, 1960)", "https://doi.org/10.2307/1401322"),
        Reference(
            "Time Series Analysis: Forecasting and Control (Box & Jenkins, 1970)",
            "https://doi.org/10.1002/9781118619193",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Each column builds on its last steps as in the real data.",
        "close": "Each column builds on its last steps almost as in the real data.",
        "visible": "Some columns build on their last steps differently from the real data.",
        "far": "What the columns make of their last steps is not what the real ones do.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the curves of all columns that vary in time."""
        columns = moving(case)
        channels, members = channels_of(case, columns)

        def curves(windows: Floats) -> Doubles:
            return _partial(pooled(second_moments(some(windows)[:, :, channels]), members), LAGS)

        def gap(real: Doubles, other: Doubles) -> Doubles:
            return np.asarray(np.abs(real - other)[:, 1:].mean(axis=1))

        found = contrasts(case, self.name, repeats, curves, gap)
        found = found[0], found[1], far_end(found[2], found[1], FAR)
        table = self.by_column([column.name for column in columns], *found)
        values = [list(map(float, side.mean(axis=1))) for side in found]
        return self.result(values[0], values[1], float(np.mean(values[2])), {"columns": table}, furthest(table))


def partial_autocorrelation(windows: Floats, lags: int = LAGS) -> Doubles:
    """Return the partial autocorrelation of each channel at lags 0 to `lags`, pooled over windows.

    Parameters
    ----------
    windows : array of shape (n, W, D)
    lags : int
        At most W - 1 are used.

    Returns
    -------
    array of shape (D, min(lags, W - 1) + 1)
        1 at lag 0; zero for a channel that does not vary.
    """
    return _partial(second_moments(windows), lags)


def _partial(moments: Doubles, lags: int) -> Doubles:
    """Second moments `(D, W, W)` to partial autocorrelations `(D, min(lags, W - 1) + 1)`.

    The moments of all runs of lag + 1 steps are averaged; in the inverse of their matrix stands how the first and the
    last step go together when those between are known. Moments of runs, unlike separate autocorrelations, always have
    an inverse that makes sense.
    """
    steps = moments.shape[1]
    lags = min(lags, steps - 1)
    variance = np.trace(moments, axis1=1, axis2=2) / steps
    varies = variance > 1e-12
    scaled = moments / np.where(varies, variance, 1)[:, None, None]
    found = np.zeros((len(moments), lags + 1))
    found[:, 0] = varies
    for lag in range(1, lags + 1):
        at = np.arange(steps - lag)[:, None] + np.arange(lag + 1)
        runs = scaled[:, at[:, :, None], at[:, None, :]].mean(axis=1)
        inverse = np.linalg.inv(runs[varies] + NOISE * np.eye(lag + 1))
        found[varies, lag] = -inverse[:, 0, lag] / np.sqrt(inverse[:, 0, 0] * inverse[:, lag, lag])
    return found
