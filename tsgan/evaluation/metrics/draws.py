"""Equal draws for a distance: two separate parts of the real data, the synthetic data, and a useless table.

The bootstrap is over what is independent: whole sequences, or time blocks of a long series. Windows of one sequence
overlap and resemble each other, so that drawing single windows anew would make every interval too narrow. Here whole
clusters of windows are drawn ("Bootstrap Methods: Another Look at the Jackknife", Efron, 1979,
https://doi.org/10.1214/aos/1176344552; "The Jackknife and the Bootstrap for General Stationary Observations", Kuensch,
1989, https://doi.org/10.1214/aos/1176347265).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ...arrays import Doubles, Floats, Ints
from ...panel import Windows
from ..case import Case
from ..splits import parts

Summary = TypeVar("Summary")

MAX_COMPARED = 4000
CONTROLS = 16
BEYOND_CHANCE = 6


@dataclass(frozen=True)
class Draw:
    """Equally many windows `(n, W, D)` of each side, and their numbers in the case's `Windows`."""

    real: Floats
    other: Floats
    synthetic: Floats
    useless: Floats
    real_index: Ints
    other_index: Ints
    synthetic_index: Ints


def draw(case: Case, purpose: str, repeat: int, real_only: bool = False) -> Draw:
    """Draw what a distance is computed on, the same number of windows for each of its four sides.

    With `real_only` the synthetic and the useless side stay empty, which saves their time; the real ones are the same.

    Raises
    ------
    CannotMeasureError
        If the real data are too few to be cut in two.
    """
    rng = case.rng(purpose, repeat)
    one, two = parts(case.real, 2, rng)
    size = min(len(one), len(two), len(case.synthetic), MAX_COMPARED)
    one, two, drawn = (
        rng.choice(index, size, replace=False) for index in (one, two, np.arange(len(case.synthetic), dtype=np.int64))
    )
    drawn = drawn[: 0 if real_only else size]
    sides = case.real.values(one), case.real.values(two), case.synthetic.values(drawn)
    return Draw(*sides, useless(case, len(drawn), rng), one, two, drawn)


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


def contrasts(
    case: Case,
    purpose: str,
    repeats: int,
    describe: Callable[[Floats], Summary],
    distance: Callable[[Summary, Summary], Doubles],
) -> tuple[Doubles, Doubles, Doubles]:
    """Apply a distance to summaries of synthetic, other real and useless windows against those of real ones.

    Real against real is drawn at least `CONTROLS` times, so that its spread is known.

    Parameters
    ----------
    case : Case
    purpose : str
        Seeds the draws.
    repeats : int
    describe : callable
        Maps windows `(n, W, D)` to their summary.
    distance : callable
        Maps two summaries to any array of distances.

    Returns
    -------
    synthetic, control, useless : arrays
        As of `distances`.
    """
    found: tuple[list[Doubles], list[Doubles], list[Doubles]] = ([], [], [])
    for repeat in range(max(repeats, CONTROLS)):
        sides = draw(case, purpose, repeat, real_only=repeat >= repeats)
        real = describe(sides.real)
        found[1].append(distance(real, describe(sides.other)))
        if repeat < repeats:
            found[0].append(distance(real, describe(sides.synthetic)))
            found[2].append(distance(real, describe(sides.useless)))
    return np.stack(found[0]), np.stack(found[1]), np.stack(found[2])


def far_end(useless: Doubles, control: Doubles, least: float | Doubles) -> Doubles:
    """Return where "far" begins at the latest, for a distance by which the useless table may happen to be right.

    Parameters
    ----------
    useless, control : arrays of shape (repeats, ...)
        Distances of the useless table and of real against real.
    least : float or array
        What is far whatever the data.

    Returns
    -------
    array of the shape of `useless`
        The useless table's distances, but at least `least`, and at least six times the control's mean: where
        few data let real against real differ much, nothing less is far.
    """
    return np.asarray(np.maximum(useless, np.maximum(least, BEYOND_CHANCE * control.mean(axis=0))))


DRAWS = 200
FEW_SEQUENCES = 20
BLOCKS = 30


def clusters(windows: Windows) -> Ints:
    """Return the cluster of each window, numbered from 0: its sequence, or its time block where sequences are few.

    Blocks last four windows, or longer where that would make more than about 30 of them: in a long series what is far
    apart may still be tied.
    """
    present = np.unique(windows.sequences)
    found = windows.sequences
    if len(present) < FEW_SEQUENCES:
        block = max(4 * windows.size, int(windows.panel.lengths[present].sum()) // BLOCKS)
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

    Parameters
    ----------
    one, two : arrays of shape (n,) and (m,)
        Scores; a tie counts one half.
    weights_one, weights_two : arrays of shape (draws, n) and (draws, m)

    Returns
    -------
    array of shape (draws,)
        0.5 where all of a side's weights are 0.
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
