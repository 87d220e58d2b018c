"""How the columns depend on one another, at once and with a delay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from ..prepare import Case
from ..splits import CannotMeasureError
from .autocorrelation import channels_of, some
from .base import Doubles, Metric, Reference, Result, furthest
from .draws import Floats, contrasts, far_end
from .grading import Grade

LAGS = (0, 1, 2, 4, 8)
FAR = 0.05


class CrossCorrelation(Metric):
    """Mean over pairs of columns and lags of the difference in correlation."""

    name = "cross_correlation"
    section = "joint"
    title = "Columns over time"
    question = "Do the columns follow one another as they should?"
    definition = (
        "The correlation of every column with every other so many steps later, for 0, 1, 2, 4 and 8 steps (as far as "
        "the window reaches), over all windows: which column leads and which follows shows in that each pair is "
        "looked at in both orders. A category stands for the 0/1 indicators of its most frequent levels, so many that "
        "all columns together have about 64. The score is the absolute difference between real and synthetic, "
        "averaged over ordered pairs and lags; that of one column is the root mean square over its pairs. Above "
        "200,000 rows a side windows are drawn. The far end of the scale is that of the useless table, 0.05 or six "
        "times real against real, whichever is most."
    )
    references = (
        Reference(
            "Time Series Analysis: Forecasting and Control (Box & Jenkins, 1970)",
            "https://doi.org/10.1002/9781118619193",
        ),
        Reference(
            "Conditional Sig-Wasserstein GANs for Time Series Generation (Ni et al., 2020)",
            "https://arxiv.org/abs/2006.05421",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "The columns follow one another as in the real data.",
        "close": "The columns follow one another almost as in the real data.",
        "visible": "Some columns follow others differently from the real data.",
        "far": "The ties between the columns over time are not those of the real data.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the correlations of all pairs at all lags."""
        if len(case.columns) < 2:
            raise CannotMeasureError("it needs at least 2 columns, and there is one")
        channels, members = channels_of(case, case.columns)
        lags = [lag for lag in LAGS if lag < case.window]

        def correlations(windows: Floats) -> Doubles:
            return cross_correlation(some(windows)[:, :, channels], lags)

        def gap(real: Doubles, other: Doubles) -> Doubles:
            """Sums over the channels of each ordered pair of columns, `(lags, columns, columns)`."""
            return np.asarray(members @ np.abs(real - other) @ members.T)

        sizes = members.sum(axis=1)
        apart = ~np.eye(len(case.columns), dtype=np.bool_)
        found = [
            side / np.outer(sizes, sizes) * apart for side in contrasts(case, self.name, repeats, correlations, gap)
        ]
        count = len(case.columns) - 1
        by_lag = [side.sum(axis=(2, 3)) / apart.sum() for side in found]
        squares = [side**2 for side in found]  # one pair that is far off must not drown among the others
        by_column = [np.sqrt((side.sum(axis=2) + side.sum(axis=3)).mean(axis=1) / (2 * count)) for side in squares]
        for side in (by_lag, by_column):
            side[2] = far_end(side[2], side[1], FAR)
        table = self.by_column([column.name for column in case.columns], *by_column)
        detail = {
            "columns": table,
            "lags": lags,
            "by_lag": list(map(float, by_lag[0].mean(axis=0))),
            "by_lag_real_against_real": list(map(float, by_lag[1].mean(axis=0))),
        }
        values = [list(map(float, side.mean(axis=1))) for side in by_lag]
        note = furthest(table, " with the others")
        return self.result(values[0], values[1], float(np.mean(values[2])), detail, note)


def cross_correlation(windows: Floats, lags: Sequence[int]) -> Doubles:
    """Return the correlation of channel j so many steps after channel i, pooled over windows.

    Parameters
    ----------
    windows : array of shape (n, W, D)
    lags : sequence of int
        Below W.

    Returns
    -------
    array of shape (lags, D, D)
        Zero where a channel does not vary.
    """
    count, steps, channels = windows.shape
    flat = windows.reshape(-1, channels)
    mean = flat.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = (flat - mean).astype(np.float32)
    spread = np.sqrt((centred * centred).mean(axis=0, dtype=np.float64))
    varies = spread > 1e-6
    scaled = centred * np.where(varies, 1 / np.where(varies, spread, 1), 0).astype(np.float32)
    by_step = np.ascontiguousarray(scaled.reshape(count, steps, channels).transpose(1, 0, 2))
    found = []
    for lag in lags:
        products = by_step[: steps - lag].transpose(0, 2, 1) @ by_step[lag:]
        found.append(products.sum(axis=0, dtype=np.float64) / (count * (steps - lag)))
    return np.stack(found)
