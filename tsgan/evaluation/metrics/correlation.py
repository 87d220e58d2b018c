"""How columns depend on one another: numbers at once and with a delay, categories with one another and with numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...arrays import Doubles, Floats, Ints
from ...panel import Windows
from ..case import Case
from ..columns import Column
from ..splits import CannotMeasureError
from .base import Grade, Metric, Reference, Result
from .dependence import BOX_JENKINS, Channels
from .draws import MAX_COLUMNS, MIN_FAR_CORRELATION, contrasts, result_of_draws, some_columns

SIG_WASSERSTEIN = Reference(
    "Conditional Sig-Wasserstein GANs for Time Series Generation (Ni et al., 2020)",
    "https://arxiv.org/abs/2006.05421",
)
MAX_ROWS = 20_000  # of a side: ranks need sorting, and correlations are known to 0.01
PAPER_DRAWS = 5  # as in the papers' code
MAX_PAIRS_SHOWN, MAX_ROWS_OF_PAIRS = 10, 100_000  # in the report
PARTS = ("Pearson", "Spearman")
WIDE = f"Of more than {MAX_COLUMNS} columns so many are drawn at random. "


class Correlation(Metric):
    """Mean over pairs of columns of the difference in correlation at the same moment."""

    name = "correlation"
    section = "joint"
    title = "Correlation of columns"
    question = "Do columns of numbers go together at the same moment as they should?"
    definition = (
        "The correlation matrix of all columns of numbers and times over the rows of the windows (at most 20,000 a "
        "side): of values (Pearson) and of ranks (Spearman), each pair on the rows in which both values are present. "
        "The score is the absolute difference between real and synthetic, averaged over pairs and over both. "
        f"{WIDE}The far "
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
        SIG_WASSERSTEIN,
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
        columns, note = some_columns(columns, case.rng("correlated columns"))
        rng = case.rng("correlated rows")

        def matrices(windows: Floats) -> Doubles:
            values, present = _read(_some_rows(windows, rng), columns)
            return np.stack([pearson(values, present), spearman(values, present)])

        found = contrasts(case, self.name, repeats, matrices, _gap)
        apart = ~np.eye(len(columns), dtype=np.bool_)
        by_column = found.map(lambda side: (side * apart).sum(axis=3).mean(axis=1) / (len(columns) - 1))
        by_part = found.map(lambda side: side[:, :, apart].mean(axis=2)).far_from(MIN_FAR_CORRELATION)
        return result_of_draws(
            self,
            columns,
            by_column.far_from(MIN_FAR_CORRELATION),
            by_part,
            parts=(PARTS, by_part),
            more={"pairs": _furthest_pairs(case, columns), **_papers_score(case, columns)},
            among=" with the others",
            note=note,
        )


def _some_rows(windows: Floats, rng: np.random.Generator) -> Floats:
    """Windows `(n, W, D)` to at most `MAX_ROWS` of their rows."""
    rows = windows.reshape(-1, windows.shape[-1])
    return rows[rng.choice(len(rows), MAX_ROWS, replace=False)] if len(rows) > MAX_ROWS else rows


def _gap(real: Doubles, other: Doubles) -> Doubles:
    return np.asarray(np.abs(real - other))


def pearson(values: Doubles, present: NDArray[np.bool_] | None = None) -> Doubles:
    """Correlations `(C, C)` of columns `(rows, C)`, of each pair over the rows in which both are `present`.

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
    """Return the papers' score of windows `(n, W, C)`: the sum over pairs of |difference in correlation|, over 10.

    As in their code each side is standardised by its own means and (unbiased) standard deviations over all windows and
    steps, and the sum runs over the lower triangle with its diagonal.
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
    one, two = (pearson(*_read(values[:: len(values) // MAX_ROWS_OF_PAIRS + 1], columns)) for values in rows)
    first, second = np.tril_indices(len(columns), -1)
    most = np.argsort(-np.abs(one - two)[first, second], kind="stable")[:MAX_PAIRS_SHOWN]
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

    found = []
    for _ in range(PAPER_DRAWS):
        real, other, again = (drawn(windows) for windows in (case.real, case.synthetic, case.real))
        found.append((correlational_score(real, other), correlational_score(real, again)))
    score, control = np.mean(found, axis=0).tolist()
    return {"correlational_score": score, "correlational_score_real_against_real": control}


LAGS = (0, 1, 2, 4, 8)  # each twice as late: delays are seen roughly, at little cost


class CrossCorrelation(Metric):
    """Mean over pairs of columns and lags of the difference in correlation."""

    name = "cross_correlation"
    section = "joint"
    least_steps = 2
    title = "Columns over time"
    question = "Do the columns follow one another as they should?"
    definition = (
        "The correlation of every column with every other so many steps later, for 0, 1, 2, 4 and 8 steps (as far as "
        "the window reaches), over all windows: which column leads and which follows shows in that each pair is "
        "looked at in both orders. A category stands for the 0/1 indicators of its most frequent levels, so many that "
        "all columns together have about 64. The score is the absolute difference between real and synthetic, "
        "averaged over ordered pairs and lags; that of one column is the root mean square over its pairs. "
        f"{WIDE}Above 200,000 rows a side windows are drawn. The far end of the scale is that of the useless table, "
        "0.05 or six times real against real, whichever is most."
    )
    references = (
        BOX_JENKINS,
        SIG_WASSERSTEIN,
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
        columns, note = some_columns(case.columns, case.rng("cross-correlated columns"))
        channels = Channels.of(case, columns)
        lags = [lag for lag in LAGS if lag < case.window]
        sizes, count = channels.members.sum(axis=1), len(columns)
        apart = ~np.eye(count, dtype=np.bool_)

        def correlations(windows: Floats) -> Doubles:
            return cross_correlation(channels.values(windows), lags)

        def gap(real: Doubles, other: Doubles) -> Doubles:
            """Mean over the channels of each ordered pair of columns, `(lags, columns, columns)`."""
            sums = channels.members @ np.abs(real - other) @ channels.members.T
            return np.asarray(sums / np.outer(sizes, sizes) * apart)

        def of_column(pairs: Doubles) -> Doubles:
            """Root mean square: one pair that is far off must not drown among the others."""
            squares = pairs**2
            return np.asarray(np.sqrt((squares.sum(axis=2) + squares.sum(axis=3)).mean(axis=1) / (2 * (count - 1))))

        found = contrasts(case, self.name, repeats, correlations, gap)
        by_lag = found.map(lambda side: side.sum(axis=(2, 3)) / apart.sum()).far_from(MIN_FAR_CORRELATION)
        by_column = found.map(of_column).far_from(MIN_FAR_CORRELATION)
        lines = {
            "lags": lags,
            "by_lag": list(map(float, by_lag.synthetic.mean(axis=0))),
            "by_lag_real_against_real": list(map(float, by_lag.control.mean(axis=0))),
        }
        return result_of_draws(self, columns, by_column, by_lag, more=lines, among=" with the others", note=note)


def cross_correlation(windows: Floats, lags: Sequence[int]) -> Doubles:
    """Correlation of channel j so many steps (below W) after channel i, pooled over windows `(n, W, D)`.

    Of shape (lags, D, D); zero where a channel does not vary.
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


class Association(Metric):
    """Mean over pairs with a category of the difference in Theil's U or in the correlation ratio."""

    name = "association"
    section = "joint"
    title = "Ties of categories"
    question = "Do categories go together with the other columns as they should?"
    definition = (
        "For two columns of categories or booleans Theil's U in both directions: the share of the one's uncertainty "
        "(entropy) that knowing the other takes away. For a category and a number the correlation ratio: the square "
        "root of the share of the number's variance that lies between the category's levels. Both run from 0 (no tie) "
        "to 1 (one determines the other). The score is the absolute difference between real and synthetic, averaged "
        "over all pairs of columns with at least one category or boolean, on at most 20,000 rows a side; static "
        "columns count like others, a missing category is a level, and rows where the number is missing are left out. "
        f"{WIDE}The far end of the scale is that of the useless table, 0.05 or six times real against real, whichever "
        "is most."
    )
    references = (
        Reference(
            "On the Estimation of Relationships Involving Qualitative Variables (Theil, 1970)",
            "https://doi.org/10.1086/224909",
        ),
        Reference("An Unbiased Correlation Ratio Measure (Kelley, 1935)", "https://doi.org/10.1073/pnas.21.9.554"),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Categories go together with the other columns as in the real data.",
        "close": "Categories go together with the other columns almost as in the real data.",
        "visible": "Some categories go together with other columns more, or less, than in the real data.",
        "far": "The ties of the categories are not those of the real data.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the ties of all pairs with at least one category or boolean."""
        if not any(column.discrete for column in case.columns):
            raise CannotMeasureError("no column holds categories or booleans; it needs at least one")
        if len(case.columns) < 2:
            raise CannotMeasureError("it needs at least 2 columns, and there is one")
        rng = case.rng("associated rows")
        columns, note = _with_categories(case)
        discrete = np.array([column.discrete for column in columns])
        counted = (discrete[:, None] | discrete) & ~np.eye(len(discrete), dtype=np.bool_)

        def ties(windows: Floats) -> Doubles:
            return associations(_some_rows(windows, rng), columns)

        def of_column(pairs: Doubles) -> Doubles:
            return np.asarray(((pairs + pairs.transpose(0, 2, 1)) / 2).sum(axis=2) / counted.sum(axis=1))

        found = contrasts(case, self.name, repeats, ties, _gap)
        by_column = found.map(of_column).far_from(MIN_FAR_CORRELATION)
        whole = found.map(lambda side: side[:, counted].mean(axis=1, keepdims=True)).far_from(MIN_FAR_CORRELATION)
        return result_of_draws(self, columns, by_column, whole, among=" with the others", note=note)


def _with_categories(case: Case) -> tuple[list[Column], str]:
    """Columns to look at, of which one is discrete, and a word on it."""
    columns, note = some_columns(case.columns, case.rng("associated columns"))
    if not any(column.discrete for column in columns):
        columns[0] = next(column for column in case.columns if column.discrete)
    return sorted(columns, key=lambda column: column.start), note


def associations(rows: Floats, columns: Sequence[Column]) -> Doubles:
    """Return how much each column tells of each other, from rows `(rows, D)` of all channels, `(columns, columns)`.

    Theil's U of the row's column given the column's, for two discrete ones; the correlation ratio for a discrete one
    and a number, in both places; zero elsewhere.
    """
    found = np.zeros((len(columns), len(columns)))
    discrete = [i for i, column in enumerate(columns) if column.discrete]
    numbers = [i for i, column in enumerate(columns) if not column.discrete]
    codes = {i: _codes(rows, columns[i]) for i in discrete}
    sizes = {i: max(len(columns[i].levels), 3) for i in discrete}
    entropies = {i: _entropy(np.bincount(codes[i])) for i in discrete}
    for place, i in enumerate(discrete):
        for j in discrete[:place]:
            joint = _entropy(np.bincount(codes[i] * sizes[j] + codes[j]))
            shared = max(entropies[i] + entropies[j] - joint, 0.0)
            for one, other in ((i, j), (j, i)):
                found[one, other] = shared / entropies[one] if entropies[one] > 1e-9 else 0.0
    if numbers:
        shown = np.stack([columns[j].present(rows) for j in numbers], axis=1).astype(np.float64)
        values = rows[:, [columns[j].start for j in numbers]].astype(np.float64)
        centred = (values - (values * shown).sum(axis=0) / np.maximum(shown.sum(axis=0), 1)) * shown
        for i in discrete:
            ratio = correlation_ratio(np.eye(sizes[i])[codes[i]], centred, shown)
            found[i, numbers] = found[numbers, i] = ratio
    return found


def correlation_ratio(indicators: Doubles, centred: Doubles, shown: Doubles) -> Doubles:
    """Correlation ratio `(C,)` of each column of numbers given 0/1 indicators `(rows, levels)`; zero if it is constant.

    `centred` are the numbers' distances from their means `(rows, C)`, 0 where they are not `shown` (0/1).
    """
    total = (centred * centred).sum(axis=0)
    sums = indicators.T @ centred
    between = (sums**2 / np.maximum(indicators.T @ shown, 1)).sum(axis=0)
    varies = total > 1e-12 * len(centred)
    return np.asarray(np.sqrt(np.clip(np.where(varies, between / np.where(varies, total, 1), 0.0), 0, 1)))


def _codes(rows: Floats, column: Column) -> Ints:
    """Number of each row's level; a boolean's are 0 and 1, and 2 where it is missing."""
    if column.kind == "category":
        return np.asarray(np.argmax(rows[:, column.values], axis=1), dtype=np.int64)
    return np.where(column.present(rows), rows[:, column.start] > 0.5, 2).astype(np.int64)


def _entropy(counts: Ints) -> float:
    """Of the distribution with these counts, in nats."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())
