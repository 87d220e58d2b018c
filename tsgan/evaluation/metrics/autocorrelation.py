"""How strongly a column's value depends on its own past."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ..prepare import Case
from ..splits import CannotMeasureError
from .base import Doubles, Metric, Reference, Result, furthest
from .draws import Floats, distances
from .grading import Grade


class Autocorrelation(Metric):
    """Mean over columns and lags of the difference in autocorrelation."""

    name = "autocorrelation"
    section = "time"
    title = "Memory of the past"
    question = "Does each column depend on its own past as it should?"
    definition = (
        "For every lag up to the window's length less one, the correlation between a column's value and its value "
        "so many steps later, over all windows. The score is the absolute difference between real and synthetic, "
        "averaged over lags and columns (for categories: over the 0/1 indicators of their levels)."
    )
    references = (
        Reference(
            "Time Series Analysis: Forecasting and Control (Box & Jenkins, 1970)",
            "https://doi.org/10.1002/9781118619193",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Each column remembers its past as in the real data.",
        "close": "Each column remembers its past almost as in the real data.",
        "visible": "Some columns remember their past more, or less, than in the real data.",
        "far": "The columns' memory of their past is not that of the real data.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the curves of all channels that vary in time."""
        moving = [column for column in case.columns if not column.static]
        if not moving:
            raise CannotMeasureError("every column is static")
        if not np.ptp(case.real.panel.values, axis=0).any():
            raise CannotMeasureError("no column of the real table varies")

        def gap(real: Floats, other: Floats) -> Doubles:
            return np.abs(autocorrelation(real) - autocorrelation(other))[:, 1:]

        by_column = [
            np.stack([part[:, column.values].mean(axis=(1, 2)) for column in moving], axis=1)
            for part in distances(case, self.name, repeats, gap)
        ]
        table = self.by_column([column.name for column in moving], by_column[0], by_column[1], by_column[2])
        values = [list(map(float, part.mean(axis=1))) for part in by_column]
        return self.result(values[0], values[1], float(np.mean(values[2])), {"columns": table}, furthest(table))


def autocorrelation(windows: Floats) -> Doubles:
    """Return the autocorrelation of each channel at lags 0 to W - 1, pooled over windows.

    Parameters
    ----------
    windows : array of shape (n, W, D)

    Returns
    -------
    array of shape (D, W)
        Zero for a channel that does not vary.
    """
    count, steps, _ = windows.shape
    centred = windows - windows.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    by_channel = np.ascontiguousarray(centred.transpose(2, 1, 0))
    products = (by_channel @ by_channel.transpose(0, 2, 1)).astype(np.float64)
    sums = np.stack([np.trace(products, offset=lag, axis1=1, axis2=2) for lag in range(steps)], axis=1)
    covariance = sums / (count * (steps - np.arange(steps)))
    variance = covariance[:, :1]
    varies = variance > 1e-12
    return np.where(varies, covariance / np.where(varies, variance, 1), 0.0)
