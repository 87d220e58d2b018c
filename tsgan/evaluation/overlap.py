"""Putting windows of one series back together.

Arrays `(windows, time, columns)` are often all windows of one long series, shuffled or not. Taken as so many
separate sequences they fool a judge: a test window differs from a training window by one step. Two windows follow one
another where all steps of the one but the first are all steps of the other but the last.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ENOUGH = 0.5


def joined(values: NDArray[np.generic]) -> list[NDArray[np.generic]] | None:
    """Return the series that windows were cut from, or None if fewer than half of the windows follow another.

    Parameters
    ----------
    values : array of shape (windows, time, columns)

    Returns
    -------
    list of arrays of shape (steps, columns), or None
    """
    count, steps, _ = values.shape
    if count < 3 or steps < 3:
        return None
    keys = [_key(part) for part in (values[:, :-1], values[:, 1:])]
    _, codes = np.unique(np.concatenate(keys), return_inverse=True)
    (head, tail), kinds = codes.reshape(2, count), int(codes.max()) + 1
    once = (np.bincount(head, minlength=kinds) == 1) & (np.bincount(tail, minlength=kinds) == 1)
    owner = np.full(kinds, -1)
    owner[head] = np.arange(count)
    after = np.where(once[tail], owner[tail], -1)
    if (after >= 0).mean() < ENOUGH:
        return None
    before = np.full(count, -1)
    before[after[after >= 0]] = np.flatnonzero(after >= 0)
    # each window's first ancestor and its distance from it, by jumps of 1, 2, 4, ... steps
    first, rank = np.where(before < 0, np.arange(count), before), (before >= 0).astype(np.int64)
    for _ in range(int(np.ceil(np.log2(count))) + 1):
        rank, first = rank + rank[first], first[first]
    if (before[first] >= 0).any():
        return None
    order = np.lexsort((rank, first))
    chains = np.split(order, np.flatnonzero(np.diff(first[order])) + 1)
    return [np.concatenate([values[chain[0]], values[chain[1:], -1]]) for chain in chains]


def _key(part: NDArray[np.generic]) -> NDArray[np.void]:
    """Return one comparable item per window: its bytes."""
    flat = np.ascontiguousarray(part).reshape(len(part), -1)
    return flat.view(np.dtype((np.void, flat.dtype.itemsize * flat.shape[1])))[:, 0]
