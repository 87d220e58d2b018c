r"""Normal laws given some of their entries, or something that has a likelihood.

Given entries: a pattern of known entries a and unknown ones b of :math:`x \sim N(\mu, \Sigma)` has

.. math:: x_b \mid x_a \sim N(\mu_b + G (x_a - \mu_a), \Sigma_{bb} - G \Sigma_{ab}), \qquad
    G = \Sigma_{ba} \Sigma_{aa}^{-1},

by the Cholesky factor of whichever of the covariance of a and the precision of b is smaller. A draw from the prior is
moved by what it lacks (Matheron's rule; "Efficiently Sampling Functions from Gaussian Process Posteriors", Wilson et
al., 2020, https://arxiv.org/abs/2002.09309), or shocks are fitted to both the law and the known entries ("Gaussian
sampling by local perturbations", Papandreou & Yuille, 2010,
https://papers.neurips.cc/paper_files/paper/2010/hash/d09bf41544a3365a46c9077ebb5e35c3-Abstract.html), so that no factor
is larger than the smaller side. Linear combinations are conditioned on by Matheron's rule.

Given a likelihood: elliptical slice sampling ("Elliptical slice sampling", Murray, Adams & MacKay, 2010,
https://arxiv.org/abs/1001.0175), for many chains at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular

from ..panel import Bools, Floats, Ints

Doubles = NDArray[np.float64]
JITTER = 1e-6  # share of an entry's variance that is taken for rounding
FAR = 3.0  # standard deviations beyond which what no law explains is not followed, so that nothing runs away
TINY = 1e-12  # variance that is added to that, for entries that never vary
NEAR = 150  # known entries by which laws without a chance are told
HOPELESS = 14.0  # difference in log-density from which on a law has none
LARGE = 2e8  # products of numbers from which on it is worth telling
TRIES = 4  # draws of the prior that a chain starts from the best of
LOST = 200  # the same, where all of them are impossible
SHRINKS = 40  # times that a slice is narrowed


@dataclass(frozen=True)
class Normal:
    """A normal law that can be conditioned on any of its entries.

    Attributes
    ----------
    mean : float64 array of shape (P,)
    covariance : float64 array of shape (P, P)
    precision : float64 array of shape (P, P)
    determinant : float
        Logarithm of that of the covariance.
    """

    mean: Doubles
    covariance: Doubles
    precision: Doubles
    determinant: float

    @classmethod
    def of(cls, mean: Doubles, root: Doubles) -> Normal:
        """Return the law of `mean + root @ shocks`, a little widened so that collinear entries do no harm."""
        covariance = root @ root.T
        variance = np.diag(covariance)
        covariance[np.diag_indices_from(covariance)] += JITTER * np.maximum(variance, 1e-9 * variance.max(initial=1e-9))
        factor = cho_factor(covariance, lower=True)
        precision = cho_solve(factor, np.eye(len(mean)))
        return cls(mean, covariance, precision, 2 * float(np.log(np.diag(factor[0])).sum()))

    def given_linear(self, observed: Doubles, maps: Doubles, noise: float) -> tuple[Doubles, Doubles, Doubles]:
        """Condition on linear combinations `maps @ x + noise * shocks`.

        Parameters
        ----------
        observed : float64 array of shape (n, M)
        maps : float64 array of shape (M, P)
        noise : float

        Returns
        -------
        density : float64 array of shape (n,)
            Log-density of what was observed, up to a constant.
        mean : float64 array of shape (n, P)
        gain : float64 array of shape (M, P)
            What a prior draw is moved by, for each unit that it lacks.
        """
        spread = maps @ self.covariance
        inside = spread @ maps.T
        inside[np.diag_indices_from(inside)] += noise**2 + JITTER * np.diag(inside)
        factor = cho_factor(inside, lower=True)
        gain = cho_solve(factor, spread)
        off = observed - maps @ self.mean
        distance = (cho_solve(factor, off.T).T * off).sum(axis=1)
        pull = np.minimum(1, (np.sqrt(len(maps)) + FAR) / np.sqrt(distance.clip(1e-18)))
        determinant = 2 * np.log(np.diag(factor[0])).sum()
        return -0.5 * (distance + determinant), self.mean + pull[:, None] * (off @ gain), gain


@dataclass(frozen=True)
class Whitened:
    r"""A normal law on principal axes, known up to a little noise, that can be conditioned on any of its entries.

    :math:`x = A z + \epsilon` with :math:`z_{1..q} \sim N(\mu, F F'), z_{q+1..} \sim N(0, \operatorname{diag}(d^2))`.

    Attributes
    ----------
    axes : float64 array of shape (P, P)
        A; its columns are orthogonal.
    inverse : float64 array of shape (P, P)
        Of the axes, transposed.
    centre : float64 array of shape (q,)
    factor : float64 array of shape (q, q)
        Lower triangular.
    scale : float64 array of shape (P - q,)
    noise : float
        Variance of the noise.
    """

    axes: Doubles
    inverse: Doubles
    centre: Doubles
    factor: Doubles
    scale: Doubles
    noise: float

    @classmethod
    def of(cls, axes: Doubles, inverse: Doubles, centre: Doubles, factor: Doubles, scale: Doubles) -> Whitened:
        """Return the law widened by noise, so that entries that nearly follow from others do no harm."""
        lead, size = len(centre), (axes**2).sum(axis=0)
        noise = JITTER * float(size.mean()) + TINY
        wider = noise / size
        inner = cholesky(factor @ factor.T + np.diag(wider[:lead]), lower=True)
        return cls(axes, inverse, centre, inner, np.sqrt(scale**2 + wider[lead:]), noise)

    @property
    def mean(self) -> Doubles:
        """Of all entries, `(P,)`."""
        found: Doubles = self.axes[:, : len(self.centre)] @ self.centre
        return found

    def root(self, rows: Ints) -> Doubles:
        """Return `(len(rows), P)`, which makes these entries less their mean of standard normal shocks."""
        lead = len(self.centre)
        return np.concatenate([self.axes[rows, :lead] @ self.factor, self.axes[rows, lead:] * self.scale], axis=1)

    def density(self, known: Doubles, told: Ints) -> Doubles:
        """Return the log-density `(n,)` of entries `told`, up to a constant that depends on which they are."""
        root = self.root(told)
        factor = cholesky(root @ root.T, lower=True)
        inner = solve_triangular(factor, (known - self.mean[told]).T, lower=True)
        found: Doubles = -0.5 * (inner**2).sum(axis=0) - np.log(np.diag(factor)).sum()
        return found

    def given(self, known: Doubles, blank: Bools, rng: np.random.Generator) -> tuple[Doubles, Doubles]:
        """Condition on entries that are not blank.

        Parameters
        ----------
        known : float64 array of shape (n, P - B)
        blank : bool array of shape (P,)
            Which B entries are unknown.
        rng : numpy.random.Generator

        Returns
        -------
        density : float64 array of shape (n,)
            Log-density of what is known, up to a constant that depends on the pattern alone.
        drawn : float64 array of shape (n, B)
            The unknown; what lies too far out is pulled in first.
        """
        told, gone = np.flatnonzero(~blank), np.flatnonzero(blank)
        off = known - self.mean[told]
        shock = rng.standard_normal((len(off), len(blank)))
        if len(told) <= len(gone):
            root, other = self.root(told), self.root(gone)
            factor = cholesky(root @ root.T, lower=True)
            inner = solve_triangular(factor, off.T, lower=True)
            distance, determinant = (inner**2).sum(axis=0), 2 * np.log(np.diag(factor)).sum()
            lack = _pull(distance, len(told))[:, None] * off - shock @ root.T
            moved = (shock + cho_solve((factor, True), lack.T).T @ root) @ other.T
        else:
            change = self._white(gone)
            start = off @ self._white(told).T
            factor = cholesky(change.T @ change, lower=True)
            inner = solve_triangular(factor, change.T @ start.T, lower=True)
            distance = (start**2).sum(axis=1) - (inner**2).sum(axis=0)
            determinant = 2 * (np.log(np.diag(factor)).sum() + np.log(np.diag(self.factor)).sum())
            determinant += 2 * np.log(self.scale).sum() + np.log((self.axes**2).sum(axis=0)).sum()
            pulled = _pull(distance, len(told))[:, None] * start
            moved = cho_solve((factor, True), change.T @ (shock - pulled).T).T
        return -0.5 * (distance + determinant), self.mean[gone] + moved

    def _white(self, entries: Ints) -> Doubles:
        """Return `(P, len(entries))`: what each entry adds to the shocks."""
        lead = len(self.centre)
        inner = solve_triangular(self.factor, self.inverse[entries, :lead].T, lower=True)
        return np.concatenate([inner, self.inverse[entries, lead:].T / self.scale[:, None]])


def _pull(distance: Doubles, size: int) -> Doubles:
    """Return by how much values so many standard deviations from what is expected are pulled in, at most `FAR`."""
    pull: Doubles = np.minimum(1, (np.sqrt(size) + FAR) / np.sqrt(distance.clip(1e-18)))
    return pull


def mixture_given(laws: Sequence[Whitened], weights: Doubles, flat: Doubles, rng: np.random.Generator) -> Floats:
    """Draw the unknown entries of rows from a mixture of normal laws given the known ones.

    Rows with the same pattern share their factors, one for each law that has a chance: where factors are large, laws
    that explain the `NEAR` known entries next to the unknown ones far worse than the best are passed over. The largest
    of weight times density times a Gumbel shock chooses among the rest as a draw by posterior would.

    Parameters
    ----------
    laws : sequence of Whitened
    weights : float64 array of shape (K,)
    flat : float64 array of shape (n, P)
        NaN where unknown.
    rng : numpy.random.Generator

    Returns
    -------
    float32 array of shape (n, P)
        What is known is returned as it is.
    """
    blank = np.isnan(flat)
    out = flat.astype(np.float32)
    for rows in _alike(blank):
        mask = blank[rows[0]]
        if not mask.any():
            continue
        told, gone = np.flatnonzero(~mask), np.flatnonzero(mask)
        chosen = np.flatnonzero(weights > 0)
        if len(chosen) * len(mask) * min(len(told), len(gone)) ** 2 > LARGE:
            chosen = _likely(laws, weights, flat[rows], told, gone, chosen)
        best = np.full(len(rows), -np.inf)
        for k in map(int, chosen):
            density, drawn = laws[k].given(flat[np.ix_(rows, told)], mask, rng)
            score = np.log(weights[k]) + density + rng.gumbel(size=len(rows))
            better = score > best
            best[better] = score[better]
            out[np.ix_(rows[better], gone)] = drawn[better]
    return out


def _likely(laws: Sequence[Whitened], weights: Doubles, flat: Doubles, told: Ints, gone: Ints, chosen: Ints) -> Ints:
    """Return the laws that explain the known entries next to unknown ones about as well as the best, for some row."""
    after = np.searchsorted(gone, told)
    far = np.minimum(
        np.abs(gone[np.minimum(after, len(gone) - 1)] - told), np.abs(told - gone[np.maximum(after - 1, 0)])
    )
    near = np.sort(told[np.argsort(far, kind="stable")[:NEAR]])
    scores = np.stack([np.log(weights[k]) + laws[int(k)].density(flat[:, near], near) for k in chosen])
    kept: Ints = chosen[(scores > scores.max(axis=0) - HOPELESS).any(axis=1)]
    return kept


def mixture_given_linear(
    parts: Callable[[int], Normal],
    weights: Doubles,
    prior: Callable[[int, int], Doubles],
    maps: list[Doubles],
    observed: list[Doubles],
    rng: np.random.Generator,
    noise: float,
) -> Floats:
    """Draw rows from a mixture of normal laws given noisy linear combinations of each.

    Parameters
    ----------
    parts, weights, rng
        As in `mixture_given`.
    prior : callable
        `prior(k, n)` draws `(n, P)` from law k.
    maps : list of float64 arrays of shape (M_i, P)
        One per row; rows that share one array share its factor.
    observed : list of float64 arrays of shape (M_i,)
    noise : float
        Standard deviation of each observation.
    """
    shared: dict[int, list[int]] = {}
    for row, one in enumerate(maps):
        shared.setdefault(id(one), []).append(row)
    out, best = np.empty((len(maps), len(parts(0).mean)), dtype=np.float32), np.full(len(maps), -np.inf)
    for k, weight in enumerate(weights):
        if weight <= 0:
            continue
        law = parts(k)
        for group in shared.values():
            rows, one = np.array(group), maps[group[0]]
            density, mean, gain = law.given_linear(np.stack([observed[row] for row in group]), one, noise)
            score = np.log(weight) + density + rng.gumbel(size=len(rows))
            better = score > best[rows]
            best[rows[better]] = score[better]
            off = prior(k, int(better.sum())) - law.mean
            error = off @ one.T + noise * rng.standard_normal((len(off), len(one)))
            out[rows[better]] = mean[better] + off - error @ gain
    return out


def _alike(blank: Bools) -> list[Ints]:
    """Return the rows of each pattern."""
    if not len(blank):
        return []
    packed = np.packbits(blank, axis=1) if blank.shape[1] else np.zeros((len(blank), 1), dtype=np.uint8)
    kind = np.unique(packed, axis=0, return_inverse=True)[1].ravel()
    order = np.argsort(kind, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(kind[order])) + 1)


def elliptical(
    draw_prior: Callable[[int, np.random.Generator], Floats],
    log_likelihood: Callable[[Floats, Ints], Doubles],
    n: int,
    rng: np.random.Generator,
    sweeps: int = 20,
) -> Floats:
    """Draw standard normal shocks given a likelihood, one for each of `n` chains, each with a likelihood of its own.

    Parameters
    ----------
    draw_prior : callable
        `draw_prior(m, rng)` draws shocks `(m, P)` from a normal law of mean zero.
    log_likelihood : callable
        `log_likelihood(shocks, chains)` takes shocks `(m, P)` and the numbers `(m,)` of the chains that they are for,
        and returns `(m,)`; minus infinity where impossible.
    n : int
    rng : numpy.random.Generator
    sweeps : int
        Steps of each chain. They start from the best of a few draws from the prior.

    Returns
    -------
    float32 array of shape (n, P)
    """
    every = np.arange(n)
    state = draw_prior(n, rng)
    height = log_likelihood(state, every)
    for attempt in range(1, LOST):
        rows = every if attempt < TRIES else np.flatnonzero(height == -np.inf)
        if not len(rows):
            break
        other = draw_prior(len(rows), rng)
        told = log_likelihood(other, rows)
        better = told > height[rows]
        state[rows[better]], height[rows[better]] = other[better], told[better]
    for _ in range(sweeps):
        aim = draw_prior(n, rng)
        with np.errstate(divide="ignore"):
            level = height + np.log(rng.random(n))
        angle = rng.uniform(0, 2 * np.pi, n)
        low, high = angle - 2 * np.pi, angle.copy()
        open_ = every
        for _ in range(SHRINKS):
            turn = angle[open_, None].astype(np.float32)
            offer = state[open_] * np.cos(turn) + aim[open_] * np.sin(turn)
            told = log_likelihood(offer, open_)
            taken = (told > level[open_]) | (level[open_] == -np.inf)
            state[open_[taken]], height[open_[taken]] = offer[taken], told[taken]
            open_ = open_[~taken]
            if not len(open_):
                break
            below = angle[open_] < 0
            low[open_[below]], high[open_[~below]] = angle[open_[below]], angle[open_[~below]]
            angle[open_] = rng.uniform(low[open_], high[open_])
    return state
