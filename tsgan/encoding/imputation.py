r"""Plausible numbers behind missing values, so that what is learned from filled columns is what was observed.

Filling with means or with straight lines shrinks variance and inflates autocorrelation. Here the missing cells are
*drawn*, given all observed cells of their sequence, from the Gaussian vector autoregression

.. math:: x_t = A x_{t-1} + \varepsilon_t, \quad A = \Gamma_1' \Gamma_0^{-1}, \quad
          \varepsilon_t \sim N(0, \Gamma_0 - A \Gamma_0 A'), \quad x_1 \sim N(0, \Gamma_0),

which of all processes with these covariances within a step and across one step assumes the least. As its density is
:math:`\exp(-|F x|^2 / 2)` with a banded F, a joint draw of all missing cells is the solution of
:math:`\min_{x_{mis}} |F x - \eta|` with standard normal :math:`\eta`: "Gaussian sampling by local perturbations"
(Papandreou & Yuille, 2010,
https://papers.neurips.cc/paper_files/paper/2010/hash/d09bf41544a3365a46c9077ebb5e35c3-Abstract.html), found by
conjugate gradients over all rows at once. Fitting and drawing alternate, as in "mice: Multivariate Imputation by
Chained Equations" (van Buuren & Groothuis-Oudshoorn, 2011, https://doi.org/10.18637/jss.v045.i03); its sweeps over one
cell after the other would hardly move within long runs and between nearly equal columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, cg

from ..panel import Ints
from .sequences import follows
from .whitening import CHUNK, DROP, Doubles

Bools = NDArray[np.bool_]

ROUNDS = 4
ROWS, BLOCK = 50_000, 250
RIDGE = 1e-4
STRONGEST = 0.9995  # largest canonical correlation between successive steps
TOLERANCE = 1e-4
ITERATIONS, WORK = 300, 100_000_000  # iterations, and cells of work up to which there may be more of them
PATTERNS = 64  # patterns of gaps in a row that are solved exactly within the row
BEYOND = 0.5


@dataclass(frozen=True)
class Imputer:
    """A Gaussian autoregression of order 1 that fills gaps.

    Attributes
    ----------
    mean, scale : float64 arrays of shape (columns,)
        The unit of what follows: standard deviations from the mean of the observed values.
    low, high : float64 arrays of shape (columns,)
        Limits of what is filled in: the observed range, and half of it on either side.
    centre : float64 array of shape (columns,)
        Mean of all values, the missing ones among them.
    lag0, lag1 : float64 arrays of shape (columns, columns)
        Covariance within a step, and of one step (rows) with the next (columns).
    exact, level : float64 arrays of shape (dependences, columns) and (dependences,)
        Combinations of columns that do not vary, and what they are.
    """

    mean: Doubles
    scale: Doubles
    low: Doubles
    high: Doubles
    centre: Doubles
    lag0: Doubles
    lag1: Doubles
    exact: Doubles
    level: Doubles

    @classmethod
    def fit(cls, x: Doubles, lengths: Ints, rng: np.random.Generator) -> Imputer:
        """Learn from at most 50,000 rows, in stretches of up to 250 steps.

        Parameters
        ----------
        x : float64 array of shape (rows, columns)
            NaN where missing; rows in sequence and time order.
        lengths : int64 array of shape (sequences,)
            All 1 for statics.
        rng : numpy.random.Generator
        """
        width = x.shape[1]
        missing = np.isnan(x)
        mean, scale, low, high = _units(x, missing)
        none, zeros, eye = np.empty((0, width)), np.zeros((width, width)), np.eye(width)
        made = cls(mean, scale, low, high, np.zeros(width), eye, zeros, none, np.empty(0))
        if not width or not len(x):
            return made
        rows, joined = _thin(follows(lengths), rng)
        missing = missing[rows]
        z = np.where(missing, 0.0, (x[rows] - mean) / scale)
        made = replace(made, **_dependences(z[~missing.any(axis=1)]), **_moments(z, ~missing, joined))
        for _ in range(ROUNDS if missing.any() else 0):
            z = made._draw(z, missing, joined, rng)
            made = replace(made, **_moments(z, np.ones_like(missing), joined))
        return made

    def fill(self, x: Doubles, lengths: Ints, rng: np.random.Generator) -> Doubles:
        """Return `x` with draws in place of NaN; observed cells are untouched.

        Parameters
        ----------
        x : float64 array of shape (rows, columns)
            Returned itself if nothing is missing.
        lengths : int64 array of shape (sequences,)
        rng : numpy.random.Generator
        """
        missing = np.isnan(x)
        if not missing.any():
            return x
        z = np.where(missing, 0.0, (x - self.mean) / self.scale)
        return np.where(missing, self._draw(z, missing, follows(lengths), rng) * self.scale + self.mean, x)

    def _draw(self, z: Doubles, missing: Bools, joined: Bools, rng: np.random.Generator) -> Doubles:
        """Return standardised rows with the missing cells drawn anew; `joined` rows follow the one before them."""
        holed: Bools = np.asarray(missing.any(axis=1))
        keep = holed.copy()
        keep[:-1] |= holed[1:] & joined[1:]
        keep[1:] |= holed[:-1] & joined[1:]
        rows = np.flatnonzero(keep)
        bound = joined[rows] & (np.diff(rows, prepend=-2) == 1)
        breaks = np.append(np.flatnonzero(~bound), len(rows))
        cuts = np.unique(np.append(breaks[np.searchsorted(breaks, np.arange(0, len(rows), CHUNK))], len(rows)))
        field = _Field(self.lag0, self.lag1)
        out = z.copy()
        for a, b in pairwise(cuts):
            part = rows[a:b]
            drawn = field.draw(z[part] - self.centre, missing[part], bound[a:b], rng) + self.centre
            out[part] = np.where(missing[part], self._confine(drawn, missing[part]), z[part])
        return out

    def _confine(self, z: Doubles, missing: Bools) -> Doubles:
        """Return rows moved within the limits, and onto the exact dependences as far as the missing cells allow."""
        z = np.where(missing, z.clip(self.low, self.high), z)
        if not len(self.exact):
            return z
        patterns, which = np.unique(missing, axis=0, return_inverse=True)
        back = np.linalg.pinv(self.exact[None] * patterns[:, None, :], rcond=1e-3)[which.reshape(-1)]
        off = self.level - z @ self.exact.T
        return np.asarray((z + np.einsum("rck,rk->rc", back, off)).clip(self.low, self.high))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that define the process."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]]) -> Imputer:
        """Rebuild from `state`."""
        return cls(**{field.name: np.asarray(arrays[field.name], dtype=np.float64) for field in fields(cls)})


class _Field:
    """The map F from centred rows to independent standard normal residuals, its transpose, and draws given a part."""

    def __init__(self, lag0: Doubles, lag1: Doubles) -> None:
        solved = np.linalg.solve(lag0, lag1)
        self.first, self.own = _root(lag0), _root(lag0 - lag1.T @ solved)
        self.before = solved @ self.own
        self.block = self.own @ self.own + self.before @ self.before.T

    def forward(self, x: Doubles, joined: Bools) -> Doubles:
        out = x @ self.own
        out[~joined] = x[~joined] @ self.first
        out[1:] -= np.where(joined[1:, None], x[:-1] @ self.before, 0.0)
        return np.asarray(out)

    def transpose(self, e: Doubles, joined: Bools) -> Doubles:
        out = e @ self.own
        out[~joined] = e[~joined] @ self.first
        out[:-1] -= np.where(joined[1:, None], e[1:] @ self.before.T, 0.0)
        return np.asarray(out)

    def draw(self, x: Doubles, missing: Bools, joined: Bools, rng: np.random.Generator) -> Doubles:
        """Return `x` with the missing cells drawn given the others, `(rows, columns)`."""
        cells = np.flatnonzero(missing)
        buffer = np.zeros(x.shape)

        def spread(values: Doubles) -> Doubles:
            buffer.reshape(-1)[cells] = values
            return buffer

        def precision(values: Doubles) -> Doubles:
            return self.transpose(self.forward(spread(values), joined), joined).reshape(-1)[cells]

        groups = self._blocks(missing)

        def scaled(values: Doubles) -> Doubles:
            out = spread(values) / np.sqrt(self.block.diagonal())
            for rows, root in groups:
                out[rows] = buffer[rows] @ root
            return out.reshape(-1)[cells]

        wanted = rng.standard_normal(x.shape) - self.forward(x, joined)
        system = LinearOperator(
            (len(cells), len(cells)), matvec=lambda values: scaled(precision(scaled(values))), dtype=np.float64
        )
        target = scaled(self.transpose(wanted, joined).reshape(-1)[cells])
        steps, _ = cg(system, target, rtol=TOLERANCE, maxiter=max(ITERATIONS, WORK // x.size))
        return x + spread(scaled(steps))

    def _blocks(self, missing: Bools) -> list[tuple[NDArray[np.intp], Doubles]]:
        """Return the rows of the most frequent patterns of several gaps, and the inverse root of their precision."""
        several = np.flatnonzero(missing.sum(axis=1) > 1)
        patterns, which, counts = np.unique(missing[several], axis=0, return_inverse=True, return_counts=True)
        groups = []
        for number in np.argsort(-counts)[:PATTERNS]:
            gone = np.flatnonzero(patterns[number])
            root = np.zeros_like(self.block)
            root[np.ix_(gone, gone)] = _root(self.block[np.ix_(gone, gone)])
            groups.append((several[which.reshape(-1) == number], root))
        return groups


def _root(covariance: Doubles) -> Doubles:
    """Return the symmetric inverse square root."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors / np.sqrt(np.maximum(values, RIDGE**2))) @ vectors.T)


def _units(x: Doubles, missing: Bools) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Return mean and standard deviation of what is observed, and the limits in these units."""
    count = np.maximum((~missing).sum(axis=0), 1)
    mean = np.where(missing, 0.0, x).sum(axis=0) / count
    scale = np.sqrt((np.where(missing, 0.0, x - mean) ** 2).sum(axis=0) / count)
    scale = np.where(scale > 0, scale, 1.0)
    within = (np.where(missing, mean, x) - mean) / scale
    low, high = within.min(axis=0), within.max(axis=0)
    spare = BEYOND * (high - low)
    return mean, scale, low - spare, high + spare


def _thin(joined: Bools, rng: np.random.Generator) -> tuple[NDArray[np.intp], Bools]:
    """Return at most ROWS rows in whole stretches of at most BLOCK steps, and which of them follow the one before."""
    if len(joined) <= ROWS:
        return np.arange(len(joined)), joined
    step = np.arange(len(joined))
    step = step - np.maximum.accumulate(np.where(joined, 0, step))
    joined = joined & (step % BLOCK > 0)
    block = np.cumsum(~joined) - 1
    sizes = np.bincount(block)
    order = rng.permutation(len(sizes))
    chosen = np.zeros(len(sizes), dtype=bool)
    chosen[order[np.cumsum(sizes[order]) <= ROWS]] = True
    rows = np.flatnonzero(chosen[block])
    return rows, joined[rows]


def _dependences(z: Doubles) -> dict[str, Doubles]:
    """Return the combinations that do not vary over rows without a gap, if there are enough rows to tell."""
    width = z.shape[1]
    if len(z) < 3 * width + 10:
        return {}
    level = z.mean(axis=0)
    values, vectors = np.linalg.eigh((z - level).T @ (z - level) / len(z))
    exact = vectors[:, values <= DROP * values[-1]].T
    return {"exact": exact, "level": exact @ level}


def _moments(z: Doubles, seen: Bools, joined: Bools) -> dict[str, Doubles]:
    """Return mean and covariances from the pairs of seen cells, shrunk and made those of a stable process."""
    weight = seen.astype(np.float64)
    centre = (z * weight).sum(axis=0) / np.maximum(weight.sum(axis=0), 1)
    d = (z - centre) * weight
    after = np.flatnonzero(joined)
    few = z.shape[1] / (z.shape[1] + len(z))
    lag0 = d.T @ d / np.maximum(weight.T @ weight, 1)
    lag1 = (1 - few) * (d[after - 1].T @ d[after] / np.maximum(weight[after - 1].T @ weight[after], 1))
    own = np.maximum(np.diag(lag0), RIDGE)
    values, vectors = np.linalg.eigh((1 - few) * lag0 + np.diag(own - (1 - few) * np.diag(lag0)))
    lag0 = (vectors * np.maximum(values, RIDGE)) @ vectors.T
    back = np.sqrt(own / np.diag(lag0))
    lag0 = back[:, None] * lag0 * back
    white = _root(lag0)
    left, strength, right = np.linalg.svd(white @ lag1 @ white)
    lag1 = np.linalg.solve(white, (left * strength.clip(max=STRONGEST)) @ right) @ np.linalg.inv(white)
    return {"centre": centre, "lag0": lag0, "lag1": lag1}
