"""How strongly a column's value depends on its own past."""

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

Ints = NDArray[np.int64]

MAX_ROWS = 200_000
MOST_CHANNELS = 64
FAR = 0.05
PARTS = ("around the column's mean", "around each window's own mean")


class Autocorrelation(Metric):
    """Mean over columns of the difference in autocorrelation, as its root mean square over lags."""

    name = "autocorrelation"
    section = "time"
    title = "Memory of the past"
    question = "Does each column depend on its own past as it should?"
    definition = (
        "For every lag up to the window's length less one, the correlation between a column's value and its value so "
        "many steps later, over all windows: once of the distances from the column's mean, and once of the distances "
        "from each window's own mean, which shows what happens inside a window where levels differ widely. The score "
        "is the root mean square over lags of the difference between real and synthetic, averaged over both ways and "
        "columns (a category stands for the 0/1 indicators of its levels taken together: of the most frequent ones "
        "where all columns have more than 64). Above 200,000 rows a side windows are drawn. The far end of the scale "
        "is that of the useless table, 0.05 or six times real against real, whichever is most."
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
        """Compare the curves of all columns that vary in time."""
        columns = moving(case)
        channels, members = channels_of(case, columns)

        def curves(windows: Floats) -> Doubles:
            products = second_moments(some(windows)[:, :, channels])
            inside = _around_window_means(products)
            return np.stack([correlations(pooled(part, members)) for part in (products, inside)])

        def gap(real: Doubles, other: Doubles) -> Doubles:
            return np.asarray(np.sqrt(np.square(real - other)[:, :, 1:].mean(axis=2)))

        found = contrasts(case, self.name, repeats, curves, gap)
        found = found[0], found[1], far_end(found[2], found[1], FAR)
        by_column = [side.mean(axis=1) for side in found]
        by_part = [side.mean(axis=2) for side in found]
        table = self.by_column([column.name for column in columns], *by_column)
        parts = self.by_column(PARTS, by_part[0], by_part[1], by_part[2], key="part")
        detail = {"columns": table, "parts": parts}
        values = [list(map(float, side.mean(axis=1))) for side in by_column]
        return self.result(values[0], values[1], float(np.mean(values[2])), detail, furthest(table))


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
    return correlations(second_moments(windows))


def moving(case: Case) -> list[Column]:
    """Return the columns that may change from step to step.

    Raises
    ------
    CannotMeasureError
        If every column is static, or constant in the real table.
    """
    columns = [column for column in case.columns if not column.static]
    if not columns:
        raise CannotMeasureError("every column is static; it needs one that changes from step to step")
    if not any(np.ptp(case.real.panel.values[:, column.values], axis=0).any() for column in columns):
        raise CannotMeasureError("no column of the real table varies; it needs one that changes from step to step")
    return columns


def channels_of(case: Case, columns: Sequence[Column]) -> tuple[Ints, Doubles]:
    """Choose the channels that stand for columns: all, or of categories with many levels the most frequent ones.

    Parameters
    ----------
    case : Case
    columns : sequence of Column

    Returns
    -------
    channels : int64 array of shape (K,)
        About 64 at most, and at least one of each column.
    members : float64 array of shape (columns, K)
        1 where the channel is the column's.
    """
    most = max(MOST_CHANNELS // len(columns), 1)
    chosen = []
    for column in columns:
        shares = case.real.panel.values[:, column.values].mean(axis=0, dtype=np.float64)
        chosen.append(column.start + np.sort(np.argsort(-shares, kind="stable")[:most]))
    owner = np.repeat(np.arange(len(columns)), [len(part) for part in chosen])
    return np.concatenate(chosen).astype(np.int64), np.eye(len(columns))[:, owner]


def some(windows: Floats, rows: int = MAX_ROWS) -> Floats:
    """Return as many of the windows, which stand in random order, as have that many rows together, but at least 2."""
    return windows[: max(rows // windows.shape[1], 2)]


def second_moments(windows: Floats) -> Doubles:
    """Return the mean product of each channel's distances from its mean at any two steps, `(D, W, W)`."""
    centred = windows - windows.mean(axis=(0, 1), dtype=np.float64)
    by_channel = np.ascontiguousarray(centred.transpose(2, 1, 0))
    return np.asarray(by_channel @ by_channel.transpose(0, 2, 1) / len(windows))


def pooled(moments: Doubles, members: Doubles) -> Doubles:
    """Add up the second moments of each column's channels, `(D, ...)` to `(columns, ...)`."""
    return np.asarray(np.tensordot(members, moments, axes=1))


def correlations(products: Doubles) -> Doubles:
    """Second moments `(D, W, W)` to autocorrelations `(D, W)`; zero where nothing varies."""
    steps = products.shape[1]
    covariance = np.stack([np.trace(products, lag, axis1=1, axis2=2) / (steps - lag) for lag in range(steps)], axis=1)
    variance = covariance[:, :1]
    varies = variance > 1e-12
    return np.where(varies, covariance / np.where(varies, variance, 1), 0.0)


def _around_window_means(products: Doubles) -> Doubles:
    """Second moments of distances from each window's own mean."""
    steps = products.shape[1]
    centring = np.eye(steps) - 1 / steps
    return np.asarray(centring @ products @ centring)
