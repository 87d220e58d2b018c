r"""Unknown steps of series, drawn given the known ones: what futures and filled holes have in common.

What is known of a series is taken back to the process: its centred latents. Unknown steps are drawn from the law of a
window given all that is known in it, before and after, at most half a window at a time, and what was drawn is known to
the next window ("Gaussian Processes for Machine Learning", Rasmussen & Williams, 2006, section 2.2,
http://gaussianprocess.org/gpml/). So a long series grows, too: its blocks have no seams but those that windows have
within.

A hole longer than half a window is bridged first: the vector autoregression

.. math:: x_t = F x_{t-1} + \varepsilon_t, \qquad \varepsilon_t \sim N(0, Q),

is run from the near side to the far one, and moved by what it lacks there, the noise of each step by
:math:`Q F'^{m-t} P_m^{-1} (x_{far} - \tilde{x}_{far})` ("A simple and efficient simulation smoother for state space
time series analysis", Durbin & Koopman, 2002, https://doi.org/10.1093/biomet/89.3.603). Windows then draw it anew,
piece by piece, between what is beside. Where windows are too large for a law of their own, the bridge is all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ..panel import Bools, Floats, Ints
from .autoregression import Autoregression, Doubles
from .regimes import Regimes

if TYPE_CHECKING:
    from .process import LinearGaussianProcess

RIDGE = 1e-5  # share of a variance that is taken for rounding


def complete(
    process: LinearGaussianProcess, steps: Floats, wanted: Bools, fixed: Floats, rng: np.random.Generator
) -> Floats:
    """Draw the unknown steps of series.

    Parameters
    ----------
    process : LinearGaussianProcess
    steps : float32 array of shape (n, T, D)
        Centred latents (`LinearGaussianProcess.centred`); NaN where unknown.
    wanted : bool array of shape (n, T)
        Steps whose unknown latents are drawn. Others may have some, too (after a series has ended, say), which then
        stay so.
    fixed : float32 array of shape (n, S)
        What the statics say, centred.
    rng : numpy.random.Generator

    Returns
    -------
    float32 array of shape (n, T, D)
        The known latents as they were.
    """
    out = steps.copy()
    if not steps.shape[2] or not wanted.any():
        return out
    lack = np.isnan(steps) & wanted[:, :, None]
    size, law = len(process.mean), process.regimes
    if law is None:
        _bridge(process.autoregression, out, lack, _runs(wanted), fixed, rng)
    elif process.aligned:
        rows = np.flatnonzero(wanted[:, :size].any(axis=1))
        starts = np.zeros(len(rows), dtype=np.int64)
        _draw_windows(law, size, out, lack, fixed, rows, starts, starts, starts + size, rng)
        later = wanted.copy()
        later[:, :size] = False
        _bridge(process.autoregression, out, lack, _runs(later), fixed, rng)
    else:
        fresh, runs = max(size // 2, 1), _runs(wanted)
        known = ~np.isnan(steps).any(axis=2) * np.arange(1, wanted.shape[1] + 1)
        last = known.max(axis=1)  # the step after which nothing is known
        wide = runs[(runs[:, 2] - runs[:, 1] > fresh) & (runs[:, 2] < last[runs[:, 0]])]
        _bridge(process.autoregression, out, lack, wide, fixed, rng)
        _sweep(law, size, out, lack, wanted, last, fixed, rng)
        if len(wide):
            later = _marks(np.column_stack([wide[:, 0], wide[:, 1] + fresh // 2, wide[:, 2]]), wanted.shape)
            _sweep(law, size, out, lack, later, last, fixed, rng)
    return out


def _runs(wanted: Bools) -> Ints:
    """Return series, first step and step after the last of each run, `(runs, 3)`, in this order."""
    edges = np.diff(np.pad(wanted, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    series, first = np.nonzero(edges == 1)
    return np.column_stack([series, first, np.nonzero(edges == -1)[1]])


def _marks(runs: Ints, shape: tuple[int, int]) -> Bools:
    """Return which steps `(n, T)` lie in some run."""
    edges = np.zeros((shape[0], shape[1] + 1), dtype=np.int64)
    np.add.at(edges, (runs[:, 0], runs[:, 1]), 1)
    np.add.at(edges, (runs[:, 0], runs[:, 2]), -1)
    inside: Bools = edges.cumsum(axis=1)[:, :-1] > 0
    return inside


def _sweep(
    law: Regimes,
    size: int,
    out: Floats,
    lack: Bools,
    wanted: Bools,
    last: Ints,
    fixed: Floats,
    rng: np.random.Generator,
) -> None:
    """Draw steps in place, at most half a window of each piece at a time; pieces lie a window or more apart."""
    length, fresh = wanted.shape[1], max(size // 2, 1)
    series, step = np.nonzero(wanted)
    at = series * (length + size + 1) + step  # so that no window reaches from one series to the next
    first = np.flatnonzero(np.diff(at, prepend=-2 * size) > size)
    ends = np.append(first[1:], len(at))
    while len(first):
        after = np.minimum(np.searchsorted(at, at[first] + fresh), ends)
        span = step[after - 1] + 1 - step[first]
        row, begin = series[first], step[first]
        right = np.where(begin + span >= last[row], 0, (size - span) // 2)
        starts = np.clip(begin + span + right - size, 0, max(length - size, 0))
        _draw_windows(law, size, out, lack, fixed, row, starts, begin, begin + span, rng)
        first, ends = after[after < ends], ends[after < ends]


def _draw_windows(
    law: Regimes,
    size: int,
    out: Floats,
    lack: Bools,
    fixed: Floats,
    series: Ints,
    starts: Ints,
    first: Ints,
    end: Ints,
    rng: np.random.Generator,
) -> None:
    """Draw in place what windows lack between two steps, given all else that is known in them."""
    if not len(series):
        return
    length = out.shape[1]
    step = starts[:, None] + np.arange(size)
    inside = step < length
    step = np.minimum(step, length - 1)
    mine = inside & (step >= first[:, None]) & (step < end[:, None])
    drawn = lack[series[:, None], step] & mine[:, :, None]
    part = out[series[:, None], step]
    part[drawn | ~inside[:, :, None]] = np.nan
    flat = np.concatenate([fixed[series], part.reshape(len(part), -1)], axis=1)
    made = law.given(flat, rng)[:, fixed.shape[1] :].reshape(part.shape)
    window, place, latent = np.nonzero(drawn)
    out[series[window], step[window, place], latent] = made[window, place, latent]


def _bridge(
    autoregression: Autoregression, out: Floats, lack: Bools, runs: Ints, fixed: Floats, rng: np.random.Generator
) -> None:
    """Draw runs of unknown steps in place, those of each series from left to right, given what lies on both sides."""
    order, length = autoregression.order, out.shape[1]
    if not len(runs):
        return
    turn = np.arange(len(runs)) - np.searchsorted(runs[:, 0], runs[:, 0])
    ahead = runs[:, 2, None] + np.arange(order)
    beyond = ahead < length
    far = ~np.isnan(out[runs[:, :1], np.minimum(ahead, length - 1)]).any(axis=2) & beyond
    kinds = np.column_stack([turn, runs[:, 2] - runs[:, 1], np.minimum(runs[:, 1], order), far])
    which = np.unique(kinds, axis=0, return_inverse=True)[1].ravel()
    laws: dict[tuple[int, bool], tuple[Doubles, Doubles]] = {}
    for kind in range(int(which.max()) + 1):
        some = runs[which == kind]
        series, first, steps = some[:, 0], some[:, 1], int(some[0, 2] - some[0, 1])
        if first[0]:
            near = out[series[:, None], np.maximum(first[:, None] - np.arange(order, 0, -1), 0)]
            near = np.nan_to_num(near)
        else:
            near = autoregression.first(fixed[series], order, rng)
        told = np.flatnonzero(far[which == kind][0])
        total = order + steps + (order if len(told) else 0)
        path = autoregression.extend(near, fixed[series], total, rng)
        if len(told):
            known = out[series[:, None], some[:, 2, None] + told]
            open_ = not first[0]
            if (steps, open_) not in laws:
                laws[steps, open_] = _reach(autoregression, steps + order, open_)
            path += _moved(autoregression, *laws[steps, open_], known - path[:, order + steps + told], told, total)
        at = first[:, None] + np.arange(steps)
        part = lack[series[:, None], at]
        out[series[:, None], at] = np.where(part, path[:, order : order + steps], out[series[:, None], at])


def _matrices(autoregression: Autoregression) -> tuple[Doubles, Doubles]:
    """Return how the last p steps, oldest first, follow from those one step before, and the noise's covariance."""
    lags = autoregression.coefficients[autoregression.statics :]
    size, dims = lags.shape
    move, noise = np.eye(size, k=dims), np.zeros((size, size))
    move[-dims:] = lags.T
    noise[-dims:, -dims:] = autoregression.innovation @ autoregression.innovation.T
    return move, noise


def _reach(autoregression: Autoregression, steps: int, open_: bool) -> tuple[Doubles, Doubles]:
    """Return the covariances of the last p steps at the start, zero unless it is open, and so many steps later."""
    step, wide = _matrices(autoregression)
    own = slice(autoregression.statics, None)
    start = np.zeros_like(wide)
    if open_:
        root = autoregression.start[own, own]
        start = root @ root.T
    end, left = start, steps
    while left:
        if left % 2:
            end = wide + step @ end @ step.T
        wide, step, left = wide + step @ wide @ step.T, step @ step, left // 2
    return start, end


def _moved(autoregression: Autoregression, start: Doubles, end: Doubles, off: Floats, told: Ints, total: int) -> Floats:
    """Return what paths `(n, total, D)` are moved by so that their last p steps lack nothing of what is known."""
    move, noise = _matrices(autoregression)
    dims, size = len(autoregression.innovation), len(move)
    cells = (told[:, None] * dims + np.arange(dims)).ravel()
    inside = end[np.ix_(cells, cells)]
    inside[np.diag_indices_from(inside)] += RIDGE * np.diag(inside) + 1e-12
    pull = np.zeros((len(off), size))
    pull[:, cells] = cho_solve(cho_factor(inside, lower=True), off.reshape(len(off), -1).T).T
    order = size // dims
    shocks = np.empty((total - order, len(off), dims))
    for at in range(total - order - 1, -1, -1):
        shocks[at] = pull[:, -dims:] @ noise[-dims:, -dims:]
        pull = pull @ move
    state = pull @ start
    moved = np.empty((len(off), total, dims), dtype=np.float32)
    moved[:, :order] = state.reshape(len(off), order, dims)
    for at, shock in enumerate(shocks, order):
        state = state @ move.T
        state[:, -dims:] += shock
        moved[:, at] = state[:, -dims:]
    return moved
