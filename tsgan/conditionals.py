r"""Categories given the numbers: one multinomial logistic regression per category.

.. math:: P(c_t = k) \propto \exp(w_k \cdot (1, x_t, x_{t-1}, s, a_t) + v_{k, c_{t-1}}),

with x the continuous latents, s the static ones, a the categories drawn before this one at the same step (one-hot), and
the category's own level one step ago. Drawn step by step after the numbers, a category keeps what ties it to them and
how long it lasts ("Discrete Choice Methods with Simulation", Train, 2009, https://eml.berkeley.edu/books/choice2.html).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .panel import Floats, Ints

MOST = 20_000  # rows that a regression learns from


@dataclass(frozen=True)
class Conditional:
    """The law of one category of K levels, given F features and its level before.

    Attributes
    ----------
    weights : float32 array of shape (F + 1, K)
        The constant comes first.
    before : float32 array of shape (K, K)
        What the level before adds to each level.
    first : float32 array of shape (F + 1, K)
        The weights where there is no level before.
    """

    weights: Floats
    before: Floats
    first: Floats

    @classmethod
    def fit(cls, features: Floats, levels: Ints, count: int, follows: NDArray[np.bool_]) -> Conditional:
        """Fit to rows `(rows, F)` and their levels; `follows` marks rows that come next after the row before."""
        some = np.linspace(0, len(levels) - 1, min(len(levels), MOST)).astype(np.int64)
        after = some[follows[some]]
        first = _regress(features[some], levels[some], count)
        if len(after) < 2:
            return cls(first, np.zeros((count, count), dtype=np.float32), first)
        known = np.eye(count, dtype=np.float32)[levels[after - 1]]
        both = _regress(np.concatenate([features[after], known], axis=1), levels[after], count)
        return cls(both[: features.shape[1] + 1], both[features.shape[1] + 1 :], first)

    def draw(self, features: Floats, rng: np.random.Generator) -> Ints:
        """Draw levels `(n, T)` for features `(n, T, F)`."""
        n, length, _ = features.shape
        uniform = rng.random((n, length, self.before.shape[0]), dtype=np.float32).clip(1e-7, 1 - 1e-7)
        scores = features @ self.weights[1:] + self.weights[0] - np.log(-np.log(uniform))
        levels = np.empty((n, length), dtype=np.int64)
        start = features[:, 0] @ self.first[1:] + self.first[0] - np.log(-np.log(uniform[:, 0]))
        levels[:, 0] = start.argmax(axis=1)
        for step in range(1, length):
            levels[:, step] = (scores[:, step] + self.before[levels[:, step - 1]]).argmax(axis=1)
        return levels


def _regress(features: Floats, levels: Ints, count: int) -> Floats:
    """Return the weights `(F + 1, count)` of a multinomial logistic regression; the constant comes first."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    weights = np.zeros((features.shape[1] + 1, count), dtype=np.float32)
    seen = np.unique(levels)
    weights[0] = -20.0
    weights[0, seen] = np.log(np.bincount(levels, minlength=count)[seen] / len(levels))
    if len(seen) > 1 and features.shape[1]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LogisticRegression(C=10.0, max_iter=300).fit(features.astype(np.float64), levels)
        slopes, constants = model.coef_, model.intercept_
        if len(seen) == 2:
            slopes, constants = np.concatenate([0 * slopes, slopes]), np.array([0.0, constants[0]])
        weights[1:, seen], weights[0, seen] = slopes.T, constants
    return weights


def features_of(values: Floats, statics: Floats, continuous: NDArray[np.bool_], others: list[Floats]) -> Floats:
    """Return the features `(n, T, F)` of sequences.

    Parameters
    ----------
    values : float32 array of shape (n, T, D)
    statics : float32 array of shape (n, S)
    continuous : bool array of shape (D,)
        Which latents are numbers.
    others : list of float32 arrays of shape (n, T, K)
        Categories that are known already, one-hot.
    """
    numbers = values[:, :, continuous]
    before = np.concatenate([numbers[:, :1], numbers[:, :-1]], axis=1)
    fixed = np.broadcast_to(statics[:, None], (*values.shape[:2], statics.shape[1]))
    return np.concatenate([numbers, before, fixed, *others], axis=2)
