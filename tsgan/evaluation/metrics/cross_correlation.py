"""How the columns depend on one another, at once and with a delay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ..prepare import Case
from ..splits import CannotMeasureError
from .base import Doubles, Metric, Reference, Result, furthest
from .draws import Floats, distances
from .grading import Grade

LAGS = (0, 1, 2, 4, 8)


class CrossCorrelation(Metric):
    """Mean over pairs of columns of the difference in correlation, at lag 0."""

    name = "cross_correlation"
    section = "joint"
    title = "Columns together"
    question = "Do the columns depend on one another as they should?"
    definition = (
        "The correlation of every pair of columns (for categories: of the 0/1 indicators of their levels) over "
        "all steps. The score is the absolute difference between real and synthetic, averaged over pairs; the "
        "detail adds the same with one column some steps behind the other, and the sum over pairs divided by 10 "
        "that papers call correlational score."
    )
    references = (
        Reference(
            "Conditional Sig-Wasserstein GANs for Time Series Generation (Ni et al., 2020)",
            "https://arxiv.org/abs/2006.05421",
        ),
        Reference(
            "Diffusion-TS: Interpretable Diffusion for General Time Series Generation (Yuan & Qiao, 2024)",
            "https://arxiv.org/abs/2403.01742",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "The columns depend on one another as in the real data.",
        "close": "The columns depend on one another almost as in the real data.",
        "visible": "Some columns depend on one another differently from the real data.",
        "far": "The ties between the columns are not those of the real data.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the correlation matrices."""
        if len(case.columns) < 2:
            raise CannotMeasureError("it needs at least 2 columns, and there is one")
        owner = np.concatenate([[i] * (c.channels.stop - c.start) for i, c in enumerate(case.columns)])
        pairs = owner[:, None] != owner[None]
        lags = [lag for lag in LAGS if lag < case.window]

        def gap(real: Floats, other: Floats) -> Doubles:
            return np.abs(cross_correlation(real, lags) - cross_correlation(other, lags))

        found = distances(case, self.name, repeats, gap)
        by_lag = [part[:, :, pairs].mean(axis=2) for part in found]
        apart = [
            np.stack([_with_others(part, owner, i).mean(axis=(1, 2)) for i in range(len(case.columns))], axis=1)
            for part in found
        ]
        table = self.by_column([column.name for column in case.columns], apart[0], apart[1], apart[2])
        detail = {
            "columns": table,
            "lags": lags,
            "by_lag": list(map(float, by_lag[0].mean(axis=0))),
            "by_lag_real_against_real": list(map(float, by_lag[1].mean(axis=0))),
            "correlational_score": float(np.tril(found[0][:, 0].mean(axis=0)).sum() / 10),
        }
        values = [list(map(float, part[:, 0])) for part in by_lag]
        note = furthest(table, " with the others")
        return self.result(values[0], values[1], float(np.mean(values[2])), detail, note)


def _with_others(gaps: Doubles, owner: Doubles, column: int) -> Doubles:
    """Differences at lag 0 between one column's channels and all others' channels."""
    return gaps[:, 0][:, owner == column][:, :, owner != column]


def cross_correlation(windows: Floats, lags: list[int]) -> Doubles:
    """Return the correlation of channel j so many steps after channel i, pooled over windows.

    Parameters
    ----------
    windows : array of shape (n, W, D)
    lags : list of int

    Returns
    -------
    array of shape (lags, D, D)
        Zero where a channel does not vary.
    """
    _, steps, channels = windows.shape
    flat = windows.reshape(-1, channels).astype(np.float64)
    mean, std = flat.mean(axis=0), flat.std(axis=0)
    varies = std > 1e-6
    scaled = (windows - mean) / np.where(varies, std, 1) * varies
    found = []
    for lag in lags:
        early, late = scaled[:, : steps - lag].reshape(-1, channels), scaled[:, lag:].reshape(-1, channels)
        found.append(early.T @ late / len(early))
    return np.stack(found)
