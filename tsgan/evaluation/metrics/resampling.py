"""Bootstrap over what is independent: whole sequences, or time blocks of a long series.

Windows of one sequence overlap and resemble each other, so that drawing single windows anew would make every interval
too narrow. Here whole clusters of windows are drawn ("Bootstrap Methods: Another Look at the Jackknife", Efron, 1979,
https://doi.org/10.1214/aos/1176344552; "The Jackknife and the Bootstrap for General Stationary Observations", Kuensch,
1989, https://doi.org/10.1214/aos/1176347265).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...panel import Windows

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

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
