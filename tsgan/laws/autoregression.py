r"""A vector autoregression of data-chosen order, the part of a process that knows no window.

.. math:: x_t = \sum_{k=1}^{p} A_k x_{t-k} + B s + \varepsilon_t, \qquad \varepsilon_t \sim N(0, \Sigma),

over centred rows x of D latents with statics s, started from the covariance of the statics and the first p steps. The
order is the one with the best one-step likelihood on held-back rows (Lütkepohl, "New Introduction to Multiple Time
Series Analysis", 2005, https://doi.org/10.1007/978-3-540-27752-1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, eigh, solve_triangular

from ..panel import Floats, Ints

ORDERS = (1, 2, 3, 4, 6, 8)
RADIUS = 0.9995  # roots are pulled inside this circle

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Autoregression:
    """A stable linear recursion.

    Attributes
    ----------
    statics : int
        Number of static latents S.
    coefficients : float64 array of shape (S + p * D, D)
        Rows for the statics, then for lag p down to lag 1.
    innovation : float64 array of shape (D, D)
        Lower triangular factor of the covariance of one step's innovation.
    start : float64 array of shape (S + p * D, S + p * D)
        Lower triangular factor of the covariance of the statics and the first p steps.
    """

    statics: int
    coefficients: Doubles
    innovation: Doubles
    start: Doubles

    @property
    def order(self) -> int:
        """Number p of steps that the next one depends on."""
        return (len(self.coefficients) - self.statics) // max(len(self.innovation), 1)

    @classmethod
    def fit(cls, rows: Doubles, lengths: Ints, statics: int, held: NDArray[np.bool_]) -> Autoregression:
        """Fit by least squares.

        Parameters
        ----------
        rows : float64 array of shape (rows, S + D)
            Centred latents of all sequences one after the other, statics first and repeated on each row.
        lengths : int64 array of shape (sequences,)
        statics : int
            S.
        held : bool array of shape (rows,)
            Rows to choose the order by.
        """
        dims = rows.shape[1] - statics
        order = _choose_order(rows, lengths, statics, held)
        past, target, at = _lagged(rows, lengths, statics, order)
        if len(at) < 2:
            factor = positive_factor(np.atleast_2d(np.cov(rows.T)) if len(rows) > 1 else np.eye(rows.shape[1]))
            blocks = np.zeros((statics + order * dims, statics + order * dims))
            blocks[:statics, :statics] = factor[:statics, :statics]
            own = factor[statics:, statics:]
            for lag in range(order):
                span = slice(statics + lag * dims, statics + (lag + 1) * dims)
                blocks[span, span] = own
            return cls(statics, np.zeros((statics + order * dims, dims)), own, blocks)
        coefficients, covariance = _regress(past, target)
        firsts = np.cumsum(lengths) - lengths
        start = past[np.isin(at, firsts + order)]
        if len(start) < 5 * past.shape[1]:
            start = past
        return cls(
            statics,
            _stable(coefficients, statics, order, dims),
            positive_factor(covariance),
            positive_factor(start.T @ start / len(start)),
        )

    def implied(self, size: int) -> Doubles:
        """Return the covariance of statics and the first `size` steps, `(S + size * D, S + size * D)`."""
        dims, total = len(self.innovation), self.statics + size * len(self.innovation)
        known = min(len(self.start), total)
        root = np.zeros((total, total))  # rows: latents, columns: independent shocks
        root[:known, :known] = self.start[:known, :known]
        for at in range(known, total, max(dims, 1)):
            before = np.concatenate([root[: self.statics], root[at - self.order * dims : at]])
            root[at : at + dims] = self.coefficients.T @ before
            root[at : at + dims, at : at + dims] = self.innovation
        implied: Doubles = root @ root.T
        return implied

    def first(self, statics: Floats, length: int, rng: np.random.Generator) -> Floats:
        """Draw sequences of `length` steps from their start, given the statics `(n, S)`: centred `(n, length, D)`."""
        dims, known, n = len(self.innovation), self.statics, len(statics)
        white = rng.standard_normal((n, len(self.start) - known), dtype=np.float32)
        steps = white @ self.start[known:, known:].T.astype(np.float32)
        if known:
            inner = solve_triangular(self.start[:known, :known], statics.T, lower=True).T
            steps += (inner @ self.start[known:, :known].T).astype(np.float32)
        return self.extend(steps.reshape(n, self.order, dims)[:, :length], statics, length, rng)

    def extend(self, steps: Floats, statics: Floats, length: int, rng: np.random.Generator) -> Floats:
        """Carry centred steps `(n, known, D)`, with `known >= p`, on to `(n, length, D)`."""
        n, known, dims = steps.shape
        if known >= length:
            return steps[:, :length]
        if not dims:
            return np.zeros((n, length, 0), dtype=np.float32)
        coefficients, innovation = self.coefficients.astype(np.float32), self.innovation.T.astype(np.float32)
        drift, lags = statics @ coefficients[: self.statics], coefficients[self.statics :]
        out = np.empty((n, length, dims), dtype=np.float32)
        out[:, :known] = steps
        for at in range(known, length):
            shock = rng.standard_normal((n, dims), dtype=np.float32) @ innovation
            out[:, at] = out[:, at - self.order : at].reshape(n, -1) @ lags + drift + shock
        return out


def _lagged(rows: Doubles, lengths: Ints, statics: int, order: int) -> tuple[Doubles, Doubles, Ints]:
    """Return regressors (statics, lag p ... lag 1), targets, and the row of each target: every row with a full past."""
    step = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = np.flatnonzero(step >= order)
    past = [rows[at - lag, statics:] for lag in range(order, 0, -1)]
    return np.concatenate([rows[at, :statics], *past], axis=1), rows[at, statics:], at


def _regress(past: Doubles, target: Doubles) -> tuple[Doubles, Doubles]:
    """Return least-squares coefficients (slightly ridged) and the residual covariance."""
    gram = past.T @ past / len(past)
    ridge = 1e-6 * max(float(np.trace(gram)) / max(len(gram), 1), 1e-12)
    coefficients = np.linalg.solve(gram + ridge * np.eye(len(gram)), past.T @ target / len(past))
    residual = target - past @ coefficients
    covariance: Doubles = residual.T @ residual / max(len(past) - past.shape[1], 1)
    return np.asarray(coefficients, dtype=np.float64), covariance


def _choose_order(rows: Doubles, lengths: Ints, statics: int, held: NDArray[np.bool_]) -> int:
    """Return the order with the best one-step likelihood on the held-back rows.

    A larger order must gain more than chance would give it, on the rows where both have a full past.
    """
    dims, best, scores = rows.shape[1] - statics, 1, None
    for order in (p for p in ORDERS if p < lengths.max() and p * dims <= 400):
        past, target, at = _lagged(rows, lengths, statics, order)
        test = held[at]
        if (~test).sum() < 2 * past.shape[1] + 2 or test.sum() < 2:
            continue
        coefficients, covariance = _regress(past[~test], target[~test])
        factor = positive_factor(covariance)
        white = solve_triangular(factor, (target[test] - past[test] @ coefficients).T, lower=True)
        found = np.full(len(rows), np.nan)
        found[at[test]] = -0.5 * (white**2).sum(0) - float(np.log(np.diag(factor)).sum())
        if scores is None:
            best, scores = order, found
            continue
        gain = (found - scores)[at[test]]
        if gain.mean() > 1e-3 * dims + gain.std() / np.sqrt(len(gain)):
            best, scores = order, found
    return best


def _stable(coefficients: Doubles, statics: int, order: int, dims: int) -> Doubles:
    """Pull the roots inside the circle of `RADIUS`: the coefficients of lag k times shrink ** k."""
    companion = np.zeros((order * dims, order * dims))
    companion[:-dims, dims:] = np.eye((order - 1) * dims)
    companion[-dims:] = coefficients[statics:].T
    largest = float(np.abs(np.linalg.eigvals(companion)).max(initial=0.0))
    if largest > RADIUS:
        coefficients = coefficients.copy()
        coefficients[statics:] *= np.repeat((RADIUS / largest) ** np.arange(order, 0, -1), dims)[:, None]
    return coefficients


def positive_factor(covariance: Doubles) -> Doubles:
    """Return a lower triangular factor of the nearest positive definite matrix with the same variances."""
    scale = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    correlation = covariance / scale[:, None] / scale
    try:
        lower: Doubles = cholesky(correlation + 1e-7 * np.eye(len(scale)), lower=True)
    except np.linalg.LinAlgError:
        values, vectors = eigh(correlation)
        root = vectors * np.sqrt(np.maximum(values, 1e-6))
        nearest = root @ root.T
        norm = np.sqrt(np.diag(nearest))
        lower = cholesky(nearest / norm[:, None] / norm + 1e-7 * np.eye(len(scale)), lower=True)
    return scale[:, None] * lower
