"""Equal draws for a distance: two separate parts of the real data, the synthetic data, and a useless table.

The bootstrap is over what is independent: whole sequences, or time blocks of a long series. Windows of one sequence
overlap and resemble each other, so that drawing single windows anew would make every interval too narrow. Here whole
clusters of windows are drawn ("Bootstrap Methods: Another Look at the Jackknife", Efron, 1979,
https://doi.org/10.1214/aos/1176344552; "The Jackknife and the Bootstrap for General Stationary Observations", Kuensch,
1989, https://doi.org/10.1214/aos/1176347265).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ...arrays import Doubles, Floats, Ints
from ...panel import Windows
from ..case import Case
from ..columns import Column
from ..splits import parts
from .base import Metric, Result, Scores, furthest

Summary = TypeVar("Summary")

MAX_COMPARED = 4000  # windows of a side: more cost time and show no smaller difference than chance leaves
CONTROLS = 16  # draws of real against real, whose spread is then known to a fifth
BEYOND_CHANCE = 6  # times the mean of real against real: farther than chance ever takes it
MIN_FAR_CORRELATION = 0.05  # less is not seen in a picture of the two tables


def useless(case: Case, count: int, rng: np.random.Generator) -> Floats:
    """Windows of a generator that learned nothing: independent, and uniform over the bulk (98 %) of each column.

    Levels, booleans and missing values are as likely as not; a static column keeps its value within a window.
    """
    low, high = case.bulk.astype(np.float32)
    noise: Floats = low + (high - low) * rng.random((count, case.window, case.channels), dtype=np.float32)
    for column in case.columns:
        if column.discrete:
            levels = max(len(column.levels), 2)
            picked = rng.integers(levels, size=(count, case.window))
            noise[:, :, column.values] = np.eye(levels, dtype=np.float32)[picked][..., -max(len(column.levels), 1) :]
        if column.missing is not None and column.kind != "category":
            noise[:, :, column.missing] = rng.integers(2, size=(count, case.window))
        if column.static:
            noise[:, :, column.channels] = noise[:, :1, column.channels]
    return noise


MAX_COLUMNS = 100  # held against one another: pairs grow with their square
ColumnSizes = Callable[[Column], int]


def some_columns(
    columns: Sequence[Column], rng: np.random.Generator, most: int = MAX_COLUMNS, size: ColumnSizes = lambda one: 1
) -> tuple[list[Column], str]:
    """Return columns of at most so much `size` together, drawn at random, in their order; and a word on it, if few.

    At least two are kept.
    """
    order = rng.permutation(len(columns))
    fits = np.cumsum([size(columns[i]) for i in order]) <= most
    fits[:2] = True
    if fits.all():
        return list(columns), ""
    kept = [columns[i] for i in np.sort(order[fits])]
    return kept, f"Of {len(columns)} columns, {len(kept)} drawn at random were looked at."


class Distances(NamedTuple):
    """Distances of three kinds of windows from real ones, each of shape (repeats, ...).

    Of synthetic windows, of other real ones (at least `CONTROLS` repeats, so that their spread is known), and of
    those of a useless table.
    """

    synthetic: Doubles
    control: Doubles
    useless: Doubles

    @staticmethod
    def stacked(several: Iterable[Distances]) -> Distances:
        """Set those of several columns side by side, `(repeats, columns)`."""
        return Distances(*(np.stack(side, axis=1) for side in zip(*several, strict=True)))

    def map(self, function: Callable[[Doubles], Doubles]) -> Distances:
        """Apply a function of an array to each."""
        return Distances(*map(function, self))

    def mean(self, axis: int) -> Distances:
        """Mean of each over an axis."""
        return self.map(lambda side: np.asarray(side.mean(axis=axis)))

    def far_from(self, least: float | Doubles) -> Distances:
        """Say where "far" begins at the latest, for a distance by which the useless table may happen to be right.

        That is at the useless table's distance, but at no less than `least` and six times the control's mean: where
        few data let real against real differ much, nothing less is far.
        """
        ends = np.maximum(self.useless, np.maximum(least, BEYOND_CHANCE * self.control.mean(axis=0)))
        return self._replace(useless=ends)


def contrasts(
    case: Case,
    purpose: str,
    repeats: int,
    describe: Callable[[Floats], Summary],
    distance: Callable[[Summary, Summary], Doubles],
) -> Distances:
    """Describe equally many windows `(n, W, D)` of each side, and measure how far descriptions are from a real one.

    `purpose` seeds the draws, `distance` may return any array.

    Raises
    ------
    CannotMeasureError
        If the real data are too few to be cut in two.
    """
    found: tuple[list[Doubles], list[Doubles], list[Doubles]] = ([], [], [])
    for repeat in range(max(repeats, CONTROLS)):
        rng = case.rng(purpose, repeat)
        one, two = parts(case.real, 2, rng)
        size = min(len(one), len(two), len(case.synthetic), MAX_COMPARED)
        one, two = (rng.choice(half, size, replace=False) for half in (one, two))
        real = describe(case.real.values(one))
        found[1].append(distance(real, describe(case.real.values(two))))
        if repeat < repeats:
            drawn = rng.choice(len(case.synthetic), size, replace=False)
            found[0].append(distance(real, describe(case.synthetic.values(drawn))))
            found[2].append(distance(real, describe(useless(case, size, rng))))
    return Distances(*map(np.stack, found))


class Draw(NamedTuple):
    """Numbers of equally many windows of two separate real parts and of the synthetic table; `each` of a group."""

    one: Ints
    two: Ints
    synthetic: Ints
    each: int = 1


def compared(
    places: Sequence[Doubles] | Sequence[Floats],
    draws: Sequence[Draw],
    repeats: int,
    figures: Callable[[Any, list[Any], int], list[Any]],
) -> Distances:
    """Figures of synthetic, other real and useless windows, `(draws, ...)` each, against those of one real part.

    Parameters
    ----------
    places : three arrays of shape (n, p)
        Features of real, synthetic and useless windows.
    draws : sequence of Draw
    repeats : int
        In how many of the draws synthetic and useless windows are looked at.
    figures : callable
        Maps features of the first real part, those of the sides to compare with it, and `Draw.each` to a figure, or
        array of figures, of each side.
    """
    found: tuple[list[Doubles], list[Doubles], list[Doubles]] = ([], [], [])
    for repeat, draw in enumerate(draws):
        others = [places[0][draw.two]]
        if repeat < repeats:
            others += [places[1][draw.synthetic], places[2][: len(draw.one)]]
        for side, figure in zip((1, 0, 2), figures(places[0][draw.one], others, draw.each), strict=False):
            found[side].append(figure)
    return Distances(*map(np.stack, found))


def result_of_draws(
    metric: Metric,
    columns: Sequence[Column],
    by_column: Distances,
    whole: Distances | None = None,
    parts: tuple[Sequence[str], Distances] | None = None,
    more: Mapping[str, Any] | None = None,
    among: str = "",
    note: str = "",
) -> Result:
    """Put a metric's result together from distances of each column, `(repeats, columns)`.

    The headline is the mean of `whole`, by default of the columns; `parts` are names and distances `(repeats, parts)`
    of further figures, `more` is further detail, `among` goes on after the name of the furthest column, and `note`
    after that.
    """
    table = metric.by_column([column.name for column in columns], *by_column)
    detail = {"columns": table}
    if parts is not None:
        detail["parts"] = metric.by_column(parts[0], *parts[1], key="part")
    values, controls, worst = (by_column if whole is None else whole).mean(1)
    scores = Scores(values, controls, float(worst.mean()))
    return metric.result(scores, {**detail, **(more or {})}, f"{furthest(table, among)} {note}".strip())


DRAWS = 200  # enough for the ends of a 95 % interval
FEW_SEQUENCES = 20  # too few to be drawn anew as wholes
MAX_BLOCKS = 30


def clusters(windows: Windows) -> Ints:
    """Return the cluster of each window, numbered from 0: its sequence, or its time block where sequences are few.

    Blocks last four windows, or longer where that would make more than about 30 of them: in a long series what is far
    apart may still be tied.
    """
    present = np.unique(windows.sequences)
    found = windows.sequences
    if len(present) < FEW_SEQUENCES:
        block = max(4 * windows.size, int(windows.panel.lengths[present].sum()) // MAX_BLOCKS)
        inside = windows.starts - windows.panel.offsets[:-1][windows.sequences]
        found = windows.sequences * (int(windows.panel.lengths.max()) // block + 1) + inside // block
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def stretches(windows: Windows) -> Ints:
    """Return the group of each window: its sequence, or where these are few the stretch of one window's length."""
    if len(np.unique(windows.sequences)) >= FEW_SEQUENCES:
        return windows.sequences
    inside = windows.starts - windows.panel.offsets[:-1][windows.sequences]
    most = int(windows.panel.lengths.max()) // windows.size + 1
    return np.asarray(windows.sequences * most + inside // windows.size, dtype=np.int64)


def thinned(windows: Windows, most: int, rng: np.random.Generator) -> Windows:
    """Keep at most so many windows, drawn at random."""
    if len(windows) <= most:
        return windows
    return windows.subset(np.sort(rng.choice(len(windows), most, replace=False)))


def redrawn(count: int, rng: np.random.Generator, draws: int = DRAWS) -> Doubles:
    """How often each of `count` clusters is taken in each draw with replacement, `(draws, count)`."""
    return rng.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float64)


def areas(one: Doubles, two: Doubles, weights_one: Doubles, weights_two: Doubles) -> Doubles:
    """Area under the ROC curve for several weightings at once: how often `two` scores higher than `one`.

    Scores are of shape (n,) and (m,), a tie counts one half; weights are `(draws, n)` and `(draws, m)`, and the areas
    `(draws,)`: 0.5 where all of a side's weights are 0.
    """
    scores = np.concatenate([one, two])
    order = np.argsort(scores, kind="stable")
    first = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)
    heavy = [
        np.concatenate(pair, axis=1)[:, order]
        for pair in ((weights_one, np.zeros_like(weights_two)), (np.zeros_like(weights_one), weights_two))
    ]
    a, b = (np.add.reduceat(part, first, axis=1) for part in heavy)
    below = np.cumsum(a, axis=1) - a / 2
    total = a.sum(axis=1) * b.sum(axis=1)
    return np.asarray(np.where(total > 0, (b * below).sum(axis=1) / np.where(total > 0, total, 1), 0.5))
