r"""How the outcomes of a cell depend on what is known beside it: covariates, statics, the cells before it in the row.

Of earlier cells it is known which level they have, or what numbers did, and of all numbers what they did in the row
before: whether they stayed, went straight on, are missing.

The base's tables say which outcome follows which. What the context u adds is a multinomial logistic regression on top
of them,

.. math:: p(o \mid p, u) \propto p(o \mid p) \, \exp(w_o^T u + b_o),

so that it snows in winter, and a label has its code. Its ridge is the one, or there is no regression at all, with which
outcomes that were held back are likeliest. What never was on one side of a moment at which something switches (see
`encoding.clocks.trend`) cannot be there: a sensor that was installed later is missing before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from ..arrays import Bools, Doubles, Ints
from ..layout import Category, Layout, Number
from .heads import Outcomes
from .runtime import to_array, to_tensor

MAX_OUTCOMES = 64  # of a cell that has a context: no more than the base has a table for
MAX_CONTEXT = 400  # numbers of a context
MAX_ROWS, MAX_WORK = 12_000, 2e8  # rows that are looked at, and products of all regressions: bound its time
RIDGES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.001)  # shares of an outcome's rows; tried from the strongest on, while it helps
MIN_RIDGE = 0.1  # rows: what an outcome of hardly any row pays
MAX_TURNS = 60  # of the optimiser: what is left to gain is the network's
BARRED = 15.0  # logits that bar an outcome from a side of a moment
MIN_SIDE = 16  # rows on either side of a moment, from which it is no chance that an outcome is not there
MIN_OUTCOME = 8  # rows below which an outcome is not worth a regression


class Context:
    """Where the context of a cell lies among what is known of a row and its terms.

    Where a row stands in its sequence is not among it: what comes last is bound to what comes before it in ways that
    are the network's, and not a sum of two logits. `at` are the first terms of cells, see `regression.Terms`; `known`
    counts what is known of a row: covariates, and terms of the statics.
    """

    def __init__(self, layout: Layout, at: NDArray[np.int64], known: int) -> None:
        owner = np.repeat(np.arange(len(layout.cells)), np.diff(at))
        terms = np.flatnonzero([isinstance(layout.cells[j], Category) for j in owner])
        number = np.arange(known)
        some = number[(number < layout.covariates - layout.places) | (number >= layout.covariates)]
        flags = [
            (j, number)
            for j, cell in enumerate(layout.cells)
            for number in range(1, Outcomes.of(cell).count)
            if isinstance(cell, Number)
        ]
        if len(some) + len(terms) + 2 * len(flags) > MAX_CONTEXT:
            flags = []
        if len(some) + len(terms) > MAX_CONTEXT:
            some, terms = some[:MAX_CONTEXT], terms[:0]
        self.known, self.terms = to_tensor(some), to_tensor(terms)
        cells, numbers = np.array(flags, dtype=np.int64).reshape(-1, 2).T
        self.cells, self.numbers = to_tensor(cells.copy()), to_tensor(numbers.copy())
        self.owner = np.concatenate([np.full(len(some), -1), owner[terms], cells, np.full(len(cells), -1)])
        self.moments = np.flatnonzero(some < layout.covariates)  # of which may say whether one has passed
        self.size = len(self.owner)

    def __call__(self, known: Tensor, terms: Tensor, now: Tensor, old: Tensor) -> Tensor:
        """Return the context `(..., K)` of rows: by what is known of them, their terms, what cells do and did."""
        did = [(part[..., self.cells] == self.numbers).to(known.dtype) for part in (now, old)]
        return torch.cat([known[..., self.known], terms[..., self.terms], *did], -1)

    def by_outcome(self, j: int, outcomes: int, weights: Tensor) -> Tensor:
        """Return what cell j adds to R regressions on the context `(K, R)`, by what it does: `(outcomes, R)`."""
        out = weights.new_zeros((outcomes, weights.shape[1]))
        mine, first_flag = to_tensor(np.flatnonzero(self.owner == j)), len(self.known) + len(self.terms)
        levels, flags = mine[mine < first_flag], mine[mine >= first_flag]
        out[: len(levels)] += weights[levels]
        out[self.numbers[flags - first_flag]] += weights[flags]
        return out

    def rows(self, counts: Sequence[int]) -> float:
        """Return how many rows are enough to look at, of cells with so many outcomes."""
        work = sum(counts[j] * int((self.owner < j).sum()) for j in self.cells_with(counts))
        return min(MAX_ROWS, MAX_WORK / max(work, 1))

    def cells_with(self, counts: Sequence[int]) -> list[int]:
        """Return the cells that have a context, of cells with so many outcomes."""
        return [j for j, n in enumerate(counts) if 1 < n <= MAX_OUTCOMES and (self.owner < j).any()]


@dataclass(frozen=True)
class ContextWeights:
    """What the context adds to the logits of one cell's outcomes, `u @ weights + offset`: on first rows, on others."""

    weights: Doubles  # (2, K, outcomes)
    offset: Doubles  # (2, outcomes)

    @classmethod
    def none(cls, size: int, outcomes: int) -> ContextWeights:
        """Return one that adds nothing."""
        return cls(np.zeros((2, size, outcomes)), np.zeros((2, outcomes)))


@dataclass(frozen=True)
class ContextRows:
    """Some rows that regressions are fitted to."""

    u: Doubles  # (rows, K) contexts
    outcome: Ints  # (rows, cells)
    state: Ints  # (rows, cells), before
    duration: Ints  # (rows, cells), for how long the state had lasted
    held: Bools  # (rows,) whether they are held back


def fit_context(
    context: Context, cell: int, outcomes: int, samples: Sequence[ContextRows | None], logs: Sequence[Doubles]
) -> ContextWeights:
    """Fit the regressions of one cell to first rows and to others.

    `logs` are the base's log shares: of first rows `(outcomes,)`, and given the state before and for how long it had
    lasted `(states, lengths, outcomes)`.
    """
    made = ContextWeights.none(context.size, outcomes)
    before = np.flatnonzero(context.owner < cell)
    for side, (rows, log) in enumerate(zip(samples, logs, strict=True)):
        if rows is None:
            continue
        now, duration = rows.outcome[:, cell], rows.duration[:, cell]
        if side == 0:
            base = np.tile(log, (len(now), 1))
        else:
            base = log[rows.state[:, cell], np.minimum(duration, log.shape[1] - 1)]
        counts = np.bincount(now[~rows.held], minlength=outcomes)
        if rows.held.any() and np.sort(counts)[-2] >= MIN_OUTCOME:
            _regress(made, side, before, rows.u, base, now, rows.held)
        _bar(made, side, context.moments, rows.u, now)
    return made


def _regress(
    made: ContextWeights, side: int, before: NDArray[np.intp], u: Doubles, base: Doubles, now: Ints, held: Bools
) -> None:
    """Fit the regression of one side, if there is one that held-back rows speak for."""
    mean, size = u[~held][:, before].mean(0), u[~held][:, before].std(0)
    size = np.where(size > 1e-6, size, np.inf)  # what never changes says nothing
    z = np.column_stack([(u[:, before] - mean) / size, np.ones(len(u))])
    every = [to_tensor(part) for part in (z, base, now)]
    outside, inside = ([part[to_tensor(some)] for part in every] for some in (held, ~held))
    at, ridge = np.zeros(z.shape[1] * base.shape[1]), None
    best = _loss(at, outside, 0.0)[0]
    for tried in RIDGES:
        at = _fitted(at, inside, tried)
        loss = _loss(at, outside, 0.0)[0]
        if loss < best:
            best, ridge = loss, tried
        elif ridge is not None:
            break
    if ridge is not None:
        w = _fitted(at, every, ridge).reshape(-1, base.shape[1])
        made.weights[side][before] = w[:-1] / size[:, None]
        made.offset[side] = w[-1] - (mean / size) @ w[:-1]


def _bar(made: ContextWeights, side: int, moments: NDArray[np.intp], u: Doubles, now: Ints) -> None:
    """Bar outcomes from the side of each moment on which they never were."""
    seen = np.bincount(now, minlength=made.offset.shape[1]) > 0
    for k in moments:
        passed = u[:, k] == 1
        if not ((passed | (u[:, k] == 0)).all() and MIN_SIDE <= passed.sum() <= len(u) - MIN_SIDE):
            continue
        before, after = (np.bincount(now[some], minlength=len(seen)) == 0 for some in (~passed, passed))
        made.weights[side, k, seen & after] -= BARRED
        made.offset[side, seen & before] -= BARRED
        made.weights[side, k, seen & before] += BARRED


def _fitted(at: Doubles, rows: list[Tensor], ridge: float) -> Doubles:
    """Return the best weights, `(K * outcomes,)`; the ridge is in shares of each outcome's rows."""
    price = ridge * torch.bincount(rows[2], minlength=rows[1].shape[1]) + MIN_RIDGE
    found = minimize(_loss, at, (rows, price), method="L-BFGS-B", jac=True, options={"maxiter": MAX_TURNS})
    return np.asarray(found.x, dtype=np.float64)


def _loss(at: Doubles, rows: list[Tensor], ridge: Tensor | float) -> tuple[float, Doubles]:
    """Return minus the mean log-likelihood of outcomes with the ridge's price, and its gradient.

    `rows` are contexts with a 1 behind `(n, K)`, the base's logits `(n, outcomes)`, outcomes `(n,)`.
    """
    z, base, now = rows
    w, n = to_tensor(at.reshape(z.shape[1], -1)), max(len(z), 1)
    log_share = torch.log_softmax(torch.addmm(base, z, w), 1)
    loss = -log_share.gather(1, now[:, None]).sum() / n
    slope = log_share.exp_()
    slope[torch.arange(len(now)), now] -= 1.0
    price = w.clone()
    price[-1] = 0.0
    loss = loss + 0.5 * (ridge * price.square()).sum() / n
    return float(loss), to_array(((z.T @ slope + ridge * price) / n).flatten())
