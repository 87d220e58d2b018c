r"""How the outcomes of a cell depend on what is known beside it: covariates, statics, the levels before it in the row.

The base's tables say which outcome follows which. What the context u adds is a multinomial logistic regression on top
of them,

.. math:: p(o \mid p, u) \propto p(o \mid p) \, \exp(w_o^T u + b_o),

so that it snows in winter, a sensor that was installed later is missing before, and a label has its code. Its ridge is
the one, or there is no regression at all, with which outcomes that were held back are likeliest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from ..layout import Category, Layout

Doubles = NDArray[np.float64]
Codes = NDArray[np.int64]
MOST = 64  # outcomes of a cell that are told apart by their context: no more than the base has a table for
WIDEST = 400  # numbers of a context that are looked at
SEEN = 15_000  # rows that are looked at, about
RIDGES = (1.0, 0.3, 0.1, 0.03, 0.01)  # shares of an outcome's rows; tried from the strongest on
TURNS = 60


class Context:
    """Where the context of a cell lies among what is known of a row and its terms.

    Parameters
    ----------
    layout : Layout
    at : int64 array of shape (cells + 1,)
        First term of each cell, see `base.Terms`.
    known : int
        Numbers that are known of a row: covariates, and terms of the statics.
    """

    def __init__(self, layout: Layout, at: NDArray[np.int64], known: int) -> None:
        owner = np.repeat(np.arange(len(layout.cells)), np.diff(at))
        self.terms = np.flatnonzero([isinstance(layout.cells[j], Category) for j in owner])
        if known + len(self.terms) > WIDEST:
            self.terms = self.terms[:0]
        self.owner = np.concatenate([np.full(known, -1), owner[self.terms]])[: WIDEST if known <= WIDEST else 0]
        self.size = len(self.owner)

    def __call__(self, known: Tensor, terms: Tensor) -> Tensor:
        """Return the context of rows, `(..., K)`, of what is known of them and of their own terms."""
        return torch.cat([known, terms[..., self.terms]], -1) if self.size else known[..., :0]

    def lifted(self, counts: Sequence[int]) -> list[int]:
        """Return the cells that have a context, of cells with so many outcomes."""
        return [j for j, n in enumerate(counts) if 1 < n <= MOST and (self.owner < j).any()]


@dataclass(frozen=True)
class Lift:
    """What the context adds to the logits of one cell's outcomes, `u @ weights + offset`: on first rows, on others.

    Attributes
    ----------
    weights : float64 array of shape (2, K, outcomes)
    offset : float64 array of shape (2, outcomes)
    """

    weights: Doubles
    offset: Doubles

    @classmethod
    def none(cls, size: int, outcomes: int) -> Lift:
        """Return one that adds nothing."""
        return cls(np.zeros((2, size, outcomes)), np.zeros((2, outcomes)))


@dataclass
class Rows:
    """Some rows: contexts `(rows, K)`, outcomes and states before `(rows, cells)`, whether they are held back."""

    u: list[Doubles]
    now: list[Codes]
    old: list[Codes]
    held: list[NDArray[np.bool_]]

    def joined(self) -> tuple[Doubles, Codes, Codes, NDArray[np.bool_]]:
        """Return them all."""
        return np.concatenate(self.u), np.concatenate(self.now), np.concatenate(self.old), np.concatenate(self.held)


def fit_lift(context: Context, cell: int, outcomes: int, samples: Sequence[Rows], logs: Sequence[Doubles]) -> Lift:
    """Fit the regressions of one cell.

    Parameters
    ----------
    context : Context
    cell, outcomes : int
    samples : two Rows
        First rows, and others.
    logs : two arrays of shape (outcomes,) and (states, outcomes)
        The base's log shares: of first rows, and given the state before.
    """
    made = Lift.none(context.size, outcomes)
    before = np.flatnonzero(context.owner < cell)
    for side, (rows, log) in enumerate(zip(samples, logs, strict=True)):
        if not rows.u:
            continue
        u, now, old, held = rows.joined()
        base = np.broadcast_to(log, (len(u), outcomes)) if side == 0 else log[old[:, cell]]
        if held.sum() < outcomes or (~held).sum() < 2 * outcomes:
            continue
        mean, size = u[~held][:, before].mean(0), u[~held][:, before].std(0)
        size = np.where(size > 1e-6, size, np.inf)  # what never changes says nothing
        z, o = np.column_stack([(u[:, before] - mean) / size, np.ones(len(u))]), now[:, cell]
        at = np.zeros(z.shape[1] * outcomes)
        best, ridge = _loss(at, z[held], base[held], o[held], 0.0)[0], None
        for tried in RIDGES:
            at = _fitted(at, z[~held], base[~held], o[~held], tried)
            loss = _loss(at, z[held], base[held], o[held], 0.0)[0]
            if loss < best:
                best, ridge = loss, tried
        if ridge is not None:
            w = _fitted(at, z, base, o, ridge).reshape(-1, outcomes)
            made.weights[side][before] = w[:-1] / size[:, None]
            made.offset[side] = w[-1] - (mean / size) @ w[:-1]
    return made


def _fitted(at: Doubles, z: Doubles, base: Doubles, now: Codes, ridge: float) -> Doubles:
    """Return the best weights, `(K * outcomes,)`; each outcome's ridge is a share of its own rows, and one more."""
    price = ridge * np.bincount(now, minlength=base.shape[1]) + 1.0
    found = minimize(_loss, at, (z, base, now, price), method="L-BFGS-B", jac=True, options={"maxiter": TURNS})
    return np.asarray(found.x, dtype=np.float64)


def _loss(at: Doubles, z: Doubles, base: Doubles, now: Codes, ridge: Doubles | float) -> tuple[float, Doubles]:
    """Return minus the mean log-likelihood of outcomes with the ridge's price, and its gradient."""
    w, rows = at.reshape(z.shape[1], -1), max(len(z), 1)
    logits = base + z @ w
    logits = logits - logits.max(1, keepdims=True)
    share = np.exp(logits)
    share /= share.sum(1, keepdims=True)
    told = np.arange(len(z)), now
    loss = -np.log(np.maximum(share[told], 1e-300)).sum() / rows
    share[told] -= 1.0
    price = w.copy()
    price[-1] = 0.0
    return float(loss + 0.5 * (ridge * price**2).sum() / rows), ((z.T @ share + ridge * price) / rows).ravel()
