"""Two distributions of numbers, compared by shares and by distances, with what chance does to both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .figures import Figure
from .units import Bools, Pair, Sample, Shares
from .values import Doubles, Grid, kolmogorov_smirnov

Numbers = NDArray[np.floating]

LEAST_WORST = 0.1


def distribution(
    pair: Pair,
    sides: tuple[Numbers, Numbers],
    where: tuple[Bools, Bools],
    useless: Doubles | None = None,
) -> dict[str, Figure]:
    """Kolmogorov-Smirnov ("ks") and Wasserstein-1 in real spreads ("wasserstein").

    Parameters
    ----------
    pair : Pair
    sides : two arrays of shape (rows,)
        Values of the real and of the other table.
    where : two bool arrays of shape (rows,)
        Rows that count; some in each table.
    useless : array, optional
        Values of a useless table, by default uniform over the bulk. One nearer than 0.1 counts as 0.1.
    """
    grid = Grid.of(sides[0][where[0]])
    even = grid.uniform() if useless is None else grid.shares(useless)
    found = pair.shares(grid.codes(sides[0]), grid.codes(sides[1]), grid.outcomes, where)
    figures = {}
    for name, distance in (("ks", kolmogorov_smirnov), ("wasserstein", grid.wasserstein)):
        worst = max(float(distance(even, found.real)), LEAST_WORST)
        figures[name] = Figure.of(partial(distance, two=found.real), found, worst)
    # a whole distribution is weak at seeing its centre or its width move, and must move about as far as they do
    moved = figures["wasserstein"]
    middle = float(np.median(sides[0][where[0]]))
    clipped = [np.clip(side, grid.low, grid.high).astype(np.float64) for side in sides]
    widths = [np.abs(side - middle) for side in clipped]
    likely = [_chance_of_mean(pair, both, where, found) for both in (clipped, widths)]
    chance = min(moved.likely, 2 * min(likely))
    return figures | {"wasserstein": replace(moved, chance=chance)}


def _chance_of_mean(pair: Pair, sides: Sequence[Numbers], where: tuple[Bools, Bools], found: Shares) -> float:
    """Chance that the mean of another sample of the real source is as far off, by Student's t over units."""
    means, errors = [], []
    for sample, values, rows in zip((pair.real, pair.other), sides, where, strict=True):
        mean, error = _mean(sample, values, rows)
        means.append(mean)
        errors.append(error)
    ratio = found.counted[0] / found.counted[1]
    error = max(float(np.sqrt(1 + ratio)) * errors[0], float(np.hypot(errors[0], errors[1])))
    if error == 0:
        return 1.0
    return float(2 * stats.t.sf(abs(means[0] - means[1]) / error, max(pair.real.count - 1, 1)))


def _mean(sample: Sample, values: Numbers, where: Bools) -> tuple[float, float]:
    """Mean of the chosen rows and its standard error, rows of a unit depending on each other in any way."""
    units, chosen = sample.units[where], np.asarray(values[where], dtype=np.float64)
    sums, sizes = (np.bincount(units, weights, minlength=sample.count) for weights in (chosen, None))
    mean = float(chosen.mean())
    scatter = float(np.square(sums - mean * sizes).sum()) * sample.count / max(sample.count - 1, 1)
    return mean, float(np.sqrt(scatter)) / len(chosen)
