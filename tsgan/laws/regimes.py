r"""A mixture of normal laws of a window, on the principal axes of all windows, whitened to z.

.. math:: z_{1..q} \sim \sum_k \pi_k N(\mu_k, \Sigma_k), \qquad z_{q+1..} \mid k \sim N(0, \operatorname{diag}(d_k)).

The leading q axes carry the regimes' means and covariances, the rest their scales ("Mixtures of Probabilistic Principal
Component Analysers", Tipping & Bishop, 1999, https://doi.org/10.1162/089976699300016728).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cholesky, eigh, solve_triangular
from scipy.special import logsumexp, ndtr

from ..panel import Floats
from .autoregression import Doubles
from .conditioning import FAR, Normal, Whitened, mixture_given, mixture_given_linear

LEADING = 20  # axes that carry the regimes
KEPT = 4_000_000  # numbers in the covariances of all regimes, up to which they are kept for the next condition
SMALL = 300  # numbers in a window up to which its triangles are cheap
PRIOR = 30.0  # windows that a regime's scales are shrunk by


@dataclass(frozen=True)
class Regimes:
    """A mixture of normal laws on the whitened axes of a window.

    Attributes
    ----------
    axes : float64 array of shape (P, P)
        Column j is principal axis j times its standard deviation, largest first.
    weights : float64 array of shape (K,)
    means : float64 array of shape (K, q)
    factors : float64 array of shape (K, q, q)
        Lower triangular.
    scales : float64 array of shape (K, P - q)
        Standard deviations along the other axes.
    """

    axes: Doubles
    weights: Doubles
    means: Doubles
    factors: Doubles
    scales: Doubles

    @classmethod
    def fit(cls, flat: Doubles, axes: Doubles, count: int, rng: np.random.Generator) -> Regimes:
        """Fit `count` regimes to flattened windows `(N, P)` by expectation-maximisation."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        white = _whiten(flat, axes)
        lead = min(LEADING, white.shape[1])
        if count == 1:
            return cls(axes, np.ones(1), np.zeros((1, lead)), np.eye(lead)[None], np.ones((1, white.shape[1] - lead)))
        features = white[:, :lead]
        rest = white[:, lead:]
        if rest.shape[1]:
            energy = np.log(np.mean(rest**2, axis=1) + 1e-12)
            features = np.column_stack([features, (energy - energy.mean()) / max(float(energy.std()), 1e-9)])
        mixture = GaussianMixture(
            count,
            reg_covar=1e-3,
            max_iter=60,
            init_params="k-means++",
            random_state=int(rng.integers(2**31)),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            share = mixture.fit(features).predict_proba(features)
        size = share.sum(axis=0)[:, None]
        scales = np.sqrt((share.T @ rest**2 + PRIOR) / (size + PRIOR))
        factors = np.stack([cholesky(part[:lead, :lead], lower=True) for part in mixture.covariances_])
        return cls(axes, mixture.weights_ / mixture.weights_.sum(), mixture.means_[:, :lead], factors, scales)

    @classmethod
    def normal(cls, covariance: Doubles) -> Regimes:
        """Return the one regime of a normal law with mean zero and this covariance `(P, P)`."""
        variance, vectors = eigh(covariance)
        axes = (vectors * np.sqrt(np.maximum(variance, 1e-9 * variance[-1])))[:, ::-1]
        lead = min(LEADING, len(axes))
        return cls(axes, np.ones(1), np.zeros((1, lead)), np.eye(lead)[None], np.ones((1, len(axes) - lead)))

    def likelihood(self, flat: Doubles) -> float:
        """Return the mean log-likelihood of flattened windows, up to a constant that no regime changes."""
        white = _whiten(flat, self.axes)
        lead = self.means.shape[1]
        parts = []
        for weight, mean, factor, scale in zip(self.weights, self.means, self.factors, self.scales, strict=True):
            inner = solve_triangular(factor, (white[:, :lead] - mean).T, lower=True)
            outer = white[:, lead:] / scale
            logs = np.log(np.diag(factor)).sum() + np.log(scale).sum()
            parts.append(np.log(weight + 1e-300) - 0.5 * (inner**2).sum(0) - 0.5 * (outer**2).sum(1) - logs)
        return float(logsumexp(np.stack(parts), axis=0).mean())

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw `n` flattened windows, `(n, P)`."""
        regime = rng.choice(len(self.weights), n, p=self.weights)
        white = rng.standard_normal((n, len(self.axes)), dtype=np.float32)
        lead = self.means.shape[1]
        means, factors, scales, axes = self._single
        white[:, lead:] *= scales[regime]
        white[:, :lead] = np.einsum("nij,nj->ni", factors[regime], white[:, :lead]) + means[regime]
        return white @ axes

    @cached_property
    def _single(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Means, factors, scales and transposed axes in single precision."""
        parts = (self.means, self.factors, self.scales, np.ascontiguousarray(self.axes.T))
        means, factors, scales, axes = (part.astype(np.float32) for part in parts)
        return means, factors, scales, axes

    @cached_property
    def triangles(self) -> tuple[Floats, Floats]:
        """Mean `(K, P)` and lower triangular factor `(K, P, P)` of each regime's windows, to condition on the past."""
        lead, size = self.means.shape[1], len(self.axes)
        roots = np.empty((len(self.weights), size, size), dtype=np.float32)
        for k, (factor, scale) in enumerate(zip(self.factors, self.scales, strict=True)):
            root = np.concatenate([self.axes[:, :lead] @ factor, self.axes[:, lead:] * scale], axis=1)
            upper: Doubles = np.asarray(np.linalg.qr(root.T)[1])
            roots[k] = (upper * np.where(np.diag(upper) < 0, -1.0, 1.0)[:, None]).T
        return (self.means @ self.axes[:, :lead].T).astype(np.float32), roots

    def follow(self, past: Floats, rng: np.random.Generator) -> Floats:
        """Draw the rest of flattened windows given their leading part `(n, known)`; `(n, P - known)`."""
        means, factors = self.triangles
        known = past.shape[1]
        white, logs = [], []
        for k, weight in enumerate(self.weights):
            inner = solve_triangular(factors[k, :known, :known], (past - means[k, :known]).T, lower=True).T
            white.append(inner)
            logs.append(
                np.log(weight + 1e-300) - 0.5 * (inner**2).sum(1) - np.log(np.diag(factors[k])[:known] + 1e-30).sum()
            )
            inner *= np.minimum(1, (np.sqrt(known) + FAR) / np.linalg.norm(inner, axis=1, keepdims=True).clip(1e-9))
        table = np.stack(logs, axis=1)
        gumbel = -np.log(-np.log(rng.random(table.shape).clip(1e-12, 1 - 1e-12)))
        regime = (table + gumbel).argmax(axis=1)
        shock = rng.standard_normal((len(past), len(self.axes) - known), dtype=np.float32)
        out = np.empty_like(shock)
        for k in np.unique(regime):
            rows = regime == k
            out[rows] = means[k, known:] + white[k][rows] @ factors[k, known:, :known].T
            out[rows] += shock[rows] @ factors[k, known:, known:].T
        return out

    def given(self, flat: Floats | Doubles, rng: np.random.Generator) -> Floats:
        """Draw the unknown entries of flattened windows `(n, P)`, NaN, given the known ones, which stay as they are.

        A regime is drawn by its posterior, the unknown from its conditional law (`conditioning.mixture_given`). The
        cost for each pattern of unknown entries is one factor for each likely regime, of as many rows as there are
        known or unknown ones, whichever are fewer. Windows that no regime explains are followed only so far, see
        `conditioning.FAR`.
        """
        known = np.isfinite(flat[:1]).sum() if len(flat) else 0
        if 0 < known < flat.shape[1] and ("triangles" in self.__dict__ or len(self.axes) <= SMALL):
            blank = np.isnan(flat)
            if blank[:, known:].all() and not blank[:, :known].any():
                past = np.ascontiguousarray(flat[:, :known], dtype=np.float32)
                return np.concatenate([past, self.follow(past, rng)], axis=1)
        return mixture_given(self._whitened, self.weights, np.asarray(flat, dtype=np.float64), rng)

    @cached_property
    def _whitened(self) -> list[Whitened]:
        inverse = self.axes / (self.axes**2).sum(axis=0)
        parts = zip(self.means, self.factors, self.scales, strict=True)
        return [Whitened.of(self.axes, inverse, mean, factor, scale) for mean, factor, scale in parts]

    def given_linear(
        self, maps: list[Doubles], observed: list[Doubles], rng: np.random.Generator, noise: float = 1e-3
    ) -> Floats:
        """Draw flattened windows `(n, P)` of which only linear combinations are known, up to a little noise.

        Parameters
        ----------
        maps : list of float64 arrays of shape (M_i, P)
            One per window; windows that share one array share its factor.
        observed : list of float64 arrays of shape (M_i,)
        rng : numpy.random.Generator
        noise : float
            Standard deviation of each combination.
        """

        def prior(k: int, n: int) -> Doubles:
            root = self._root(k)
            drawn: Doubles = self._mean(k) + rng.standard_normal((n, root.shape[1])) @ root.T
            return drawn

        return mixture_given_linear(self._normal, self.weights, prior, maps, observed, rng, noise)

    def shaped(self, shocks: Floats) -> Floats:
        """Turn standard normal shocks `(n, 1 + P)` into flattened windows `(n, P)`; the first chooses the regime."""
        means, factors, scales, axes = self._single
        lead = means.shape[1]
        regime = np.searchsorted(np.cumsum(self.weights)[:-1], ndtr(shocks[:, 0].astype(np.float64)), side="right")
        white = shocks[:, 1:].copy()
        white[:, lead:] *= scales[regime]
        white[:, :lead] = np.einsum("nij,nj->ni", factors[regime], white[:, :lead]) + means[regime]
        return white @ axes

    def _root(self, k: int) -> Doubles:
        """Return a root `(P, P)` of the covariance of regime k."""
        lead = self.means.shape[1]
        return np.concatenate([self.axes[:, :lead] @ self.factors[k], self.axes[:, lead:] * self.scales[k]], axis=1)

    def _mean(self, k: int) -> Doubles:
        mean: Doubles = self.axes[:, : self.means.shape[1]] @ self.means[k]
        return mean

    @cached_property
    def _normals(self) -> dict[int, Normal]:
        return {}

    def _normal(self, k: int) -> Normal:
        """Return regime k as a normal law; kept where all together are small."""
        found = self._normals.get(k)
        if found is None:
            found = Normal.of(self._mean(k), self._root(k))
            if len(self.weights) * len(self.axes) ** 2 <= KEPT:
                self._normals[k] = found
        return found


def _whiten(flat: Doubles, axes: Doubles) -> Doubles:
    """Return flattened windows on whitened axes; the columns of `axes` are orthogonal."""
    white: Doubles = flat @ (axes / (axes**2).sum(axis=0))
    return white
