"""How columns of numbers depend on one another, at once and with a delay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...arrays import Doubles, Floats
from ...panel import Windows
from ..case import Case
from ..columns import Column
from ..splits import CannotMeasureError
from .base import Grade, Metric, Reference, Result, Scores, furthest
from .dependence import channels_of, some
from .draws import contrasts, far_end

MAX_ROWS = 20_000
FAR = 0.05
PAPER_DRAWS = 5
PAIRS_SHOWN, MAX_SHOWN = 10, 100_000
PARTS = ("Pearson", "Spearman")


class Correlation(Metric):
    """Mean over pairs of columns of the difference in correlation at the same moment."""

    name = "correlation"
    section = "joint"
    title = "Correlation of columns"
    question = "Do columns of numbers go together at the same moment as they should?"
    definition = (
        "The correlation matrix of all columns of numbers and times over the rows of the windows (at most 20,000 a "
        "side): of values (Pearson) and of ranks (Spearman), each pair on the rows in which both values are present. "
        "The score is the absolute difference between real and synthetic, averaged over pairs and over both. The far "
        "end of the scale is that of the useless table, 0.05 or six times real against real, whichever is most. The "
        "detail adds the correlational score of the papers as they compute it, so that published figures compare: a "
        "fifth of the windows of each side drawn with replacement, the sum over pairs of the absolute difference "
        "divided by 10, and the mean of 5 such draws; beside it the same for draws of real against real."
    )
    references = (
        Reference(
            "The proof and measurement of association between two things (Spearman, 1904)",
            "https://doi.org/10.2307/1412159",
        ),
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
        "faithful": "Columns of numbers go together as in the real data.",
        "close": "Columns of numbers go together almost as in the real data.",
        "visible": "Some columns of numbers go together more, or less, than in the real data.",
        "far": "The correlations of the columns are not those of the real data.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the matrices of all columns of numbers."""
        columns = [column for column in case.columns if not column.discrete]
        if len(columns) < 2:
            raise CannotMeasureError(f"it needs at least 2 columns of numbers, and there is {len(columns) or 'none'}")
        rng = case.rng("correlated rows")

        def matrices(windows: Floats) -> Doubles:
            rows = windows.reshape(-1, windows.shape[-1])
            rows = rows[rng.choice(len(rows), MAX_ROWS, replace=False)] if len(rows) > MAX_ROWS else rows
            values, present = _read(rows, columns)
            return np.stack([pearson(values, present), spearman(values, present)])

        def gap(real: Doubles, other: Doubles) -> Doubles:
            return np.asarray(np.abs(real - other))

        found = contrasts(case, self.name, repeats, matrices, gap)
        count = len(columns) - 1
        apart = ~np.eye(len(columns), dtype=np.bool_)
        by_part = [side[:, :, apart].mean(axis=2) for side in found]
        by_column = [(side * apart).sum(axis=3).mean(axis=1) / count for side in found]
        for side in (by_part, by_column):
            side[2] = far_end(side[2], side[1], FAR)
        table = self.by_column([column.name for column in columns], *by_column)
        detail = {
            "columns": table,
            "parts": self.by_column(PARTS, by_part[0], by_part[1], by_part[2], key="part"),
            "pairs": _furthest_pairs(case, columns),
            **_papers_score(case, columns),
        }
        whole = [side.mean(axis=1) for side in by_part]
        note = furthest(table, " with the others")
        return self.result(Scores(whole[0], whole[1], float(whole[2].mean())), detail, note)


def pearson(values: Doubles, present: NDArray[np.bool_] | None = None) -> Doubles:
    """Return the correlation of every pair of columns over the rows in which both are present.

    Parameters
    ----------
    values : array of shape (rows, C)
    present : bool array of shape (rows, C), optional

    Returns
    -------
    array of shape (C, C)
        Zero where a column does not vary on those rows.
    """
    shown = np.ones_like(values) if present is None else present.astype(values.dtype)
    known = np.maximum(shown.sum(axis=0), 1)
    centred = (values - (values * shown).sum(axis=0) / known) * shown
    count = np.maximum(shown.T @ shown, 1)
    mean = centred.T @ shown / count  # of the row's column over the rows that the other column has too
    square = (centred * centred).T @ shown / count
    variance = square - mean**2
    covariance = centred.T @ centred / count - mean * mean.T
    scale = np.sqrt(np.maximum(variance * variance.T, 0))
    varies = (variance > 1e-12) & (variance.T > 1e-12)
    return np.clip(np.where(varies, covariance / np.where(varies, scale, 1), 0.0), -1, 1)


def spearman(values: Doubles, present: NDArray[np.bool_] | None = None) -> Doubles:
    """Return `pearson` of the ranks of each column among its present values, scaled to 0 to 1."""
    kept = values if present is None else np.where(present, values, np.inf)
    return pearson(np.stack([_ranks(column) for column in kept.T], axis=1) / len(values), present)


def _ranks(values: Doubles) -> Doubles:
    """Ranks from 1, ties at their mean: as `scipy.stats.rankdata`, in a third of its time."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place], dtype=np.float64)


def correlational_score(real: Doubles, other: Doubles) -> float:
    """Return the papers' score: sum over pairs of the absolute difference in correlation, divided by 10.

    Parameters
    ----------
    real, other : arrays of shape (n, W, C)
        Each is standardised by its own means and (unbiased) standard deviations over all windows and steps; the sum
        runs over the lower triangle with its diagonal, as in the papers' code.
    """
    sides = []
    for side in (real, other):
        rows = np.asarray(side, dtype=np.float64).reshape(-1, side.shape[-1])
        sides.append(pearson(rows) * (len(rows) - 1) / len(rows))
    return float(np.tril(np.abs(sides[0] - sides[1])).sum() / 10)


def _read(rows: Floats, columns: list[Column]) -> tuple[Doubles, NDArray[np.bool_] | None]:
    """Values `(rows, C)`, and where they are present; None where nothing is missing in any table."""
    values = rows[:, [column.start for column in columns]].astype(np.float64)
    if all(column.missing is None for column in columns):
        return values, None
    return values, np.stack([column.present(rows) for column in columns], axis=1)


def _furthest_pairs(case: Case, columns: list[Column]) -> list[dict[str, Any]]:
    """Return the pairs whose Pearson correlation differs most between real and synthetic rows."""
    rows = [side.panel.values for side in (case.real, case.synthetic)]
    one, two = (pearson(*_read(values[:: len(values) // MAX_SHOWN + 1], columns)) for values in rows)
    first, second = np.tril_indices(len(columns), -1)
    most = np.argsort(-np.abs(one - two)[first, second], kind="stable")[:PAIRS_SHOWN]
    return [
        {
            "pair": f"{columns[j].name} and {columns[i].name}",
            "real": float(one[i, j]),
            "synthetic": float(two[i, j]),
        }
        for i, j in zip(first[most], second[most], strict=True)
    ]


def _papers_score(case: Case, columns: list[Column]) -> dict[str, float]:
    """Return the correlational score, and that of real against real, as means of the papers' draws."""
    rng = case.rng("correlational score")
    size = max(len(case.real) // PAPER_DRAWS, 2)
    chosen = [column.start for column in columns]

    def drawn(windows: Windows) -> Doubles:
        return windows.values(rng.integers(len(windows), size=size))[:, :, chosen].astype(np.float64)

    pairs = [(drawn(case.real), drawn(case.synthetic), drawn(case.real)) for _ in range(PAPER_DRAWS)]
    return {
        "correlational_score": float(np.mean([correlational_score(real, other) for real, other, _ in pairs])),
        "correlational_score_real_against_real": float(
            np.mean([correlational_score(real, again) for real, _, again in pairs])
        ),
    }


LAGS = (0, 1, 2, 4, 8)


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
        whole = [side.mean(axis=1) for side in by_lag]
        note = furthest(table, " with the others")
        return self.result(Scores(whole[0], whole[1], float(whole[2].mean())), detail, note)


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
