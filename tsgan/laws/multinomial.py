r"""Multinomial logistic regression with offsets, the law of a category given anything.

.. math:: P(c = k \mid x) \propto \exp(w_k \cdot (1, x) + v_k \cdot s + o_k),

with x dense features, s sparse ones (one-hot codes) and o a known offset. Fitted by L-BFGS on the ridged likelihood.
scikit-learn's `LogisticRegression` takes no offsets, which forbidden levels and shrinkage towards a pooled fit need.

For very many levels `independent` is the cheaper twin, a naive Bayes law ("The Elements of Statistical Learning",
Hastie, Tibshirani & Friedman, 2009, section 6.6.3, https://doi.org/10.1007/978-0-387-84858-7): linear in the same
features, one pass over the rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_array

from ..panel import Floats, Ints

Doubles = NDArray[np.float64]
RARE = -20.0  # constant of a level that was never seen
RIDGE = 0.1  # on weights of standardised features, against the summed log-likelihood
STEPS = 120
SHRINK = 5.0  # rows that the mean of a level is shrunk by


def one_hot(levels: Ints, count: int) -> csr_array:
    """Return sparse one-hot codes `(rows, count)`; a level of -1 gives a row of zeros."""
    rows = np.flatnonzero(levels >= 0)
    return csr_array((np.ones(len(rows)), (rows, levels[rows])), shape=(len(levels), count))


def regress(
    features: Floats | Doubles,
    levels: Ints,
    count: int,
    sparse: csr_array | None = None,
    offset: Doubles | None = None,
    ridge: float = RIDGE,
    constants: bool = True,
) -> tuple[Doubles, Doubles]:
    """Fit a multinomial logistic regression.

    Parameters
    ----------
    features : float array of shape (rows, F)
    levels : int64 array of shape (rows,)
    count : int
        Number of levels K, some of which may be absent.
    sparse : sparse array of shape (rows, S) or None
        Further features.
    offset : float64 array of shape (rows, K) or None
        Added to the scores; very negative where a level is impossible.
    ridge : float
        Strength of the penalty on all weights but the constants.
    constants : bool
        Whether levels have a free constant, started from their shares; without, all weights start at zero, absent
        levels keep zero weights, and constants are ridged too.

    Returns
    -------
    weights : float64 array of shape (F + 1, K)
        The constant comes first; `RARE` for absent levels.
    extra : float64 array of shape (S, K)
    """
    rows, width = features.shape
    sizes = np.bincount(levels, minlength=count)
    seen = np.flatnonzero(sizes)
    extras = 0 if sparse is None else int(sparse.shape[1])
    weights, extra = np.zeros((width + 1, count)), np.zeros((extras, count))
    if constants:
        weights[0] = RARE
        weights[0, seen] = np.log(sizes[seen] / rows)
    if len(seen) < 2 or not (width or extras or offset is not None):
        return weights, extra
    mean = features.mean(axis=0, dtype=np.float64)
    scale = features.std(axis=0, dtype=np.float64)
    scale = np.where(scale > 1e-9, scale, np.inf)
    design = np.concatenate([np.ones((rows, 1)), (features - mean) / scale], axis=1)
    target, at = np.searchsorted(seen, levels), np.arange(rows)
    known = None if offset is None else offset[:, seen]
    penalty = np.full((1 + width + extras, 1), ridge / rows)
    if constants:
        penalty[0] = 1e-9
    start = np.zeros((1 + width + extras, len(seen)))
    if constants and offset is None:
        start[0] = weights[0, seen]

    def objective(flat: Doubles) -> tuple[float, Doubles]:
        current = flat.reshape(start.shape)
        scores = design @ current[: width + 1]
        if sparse is not None:
            scores += sparse @ current[width + 1 :]
        if known is not None:
            scores += known
        scores -= scores.max(axis=1, keepdims=True)
        own = scores[at, target]
        np.exp(scores, out=scores)
        total = scores.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - own).mean() + 0.5 * float((penalty * current**2).sum())
        scores /= total
        scores[at, target] -= 1
        slope = design.T @ scores
        if sparse is not None:
            slope = np.concatenate([slope, sparse.T @ scores])
        return loss, (slope / rows + penalty * current).ravel()

    found = minimize(
        objective, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "ftol": 1e-7, "gtol": 1e-6}
    ).x.reshape(start.shape)
    slopes = found[1 : width + 1] / scale[:, None]
    weights[1:, seen], weights[0, seen] = slopes, found[0] - mean @ slopes
    extra[:, seen] = found[width + 1 :]
    return weights, extra


def independent(codes: Floats, values: Doubles, levels: Ints, count: int) -> Doubles:
    """Return weights `(1 + L + D, K)` of a level's score as if one-hot codes and numbers were independent given it.

    Parameters
    ----------
    codes : float32 array of shape (rows, L)
        One-hot codes of other categories.
    values : float64 array of shape (rows, D)
    levels : int64 array of shape (rows,)
    count : int
        K.
    """
    rows = len(levels)
    sizes = np.bincount(levels, minlength=count).astype(np.float64)[:, None]
    own = one_hot(levels, count).T
    share = np.maximum(codes.mean(axis=0, dtype=np.float64), 0.5 / rows)
    told = np.log(((own @ codes) + 0.5 * share) / (sizes + 0.5))
    centre = values.mean(axis=0)
    means = (own @ (values - centre)) / (sizes + SHRINK)
    within = np.maximum(((values - centre - means[levels]) ** 2).mean(axis=0), 1e-6)
    slopes = means / within
    constant = np.where(sizes > 0, np.log(np.maximum(sizes, 1) / rows), RARE)
    constant -= (slopes * (0.5 * means + centre)).sum(axis=1, keepdims=True)
    weights: Doubles = np.concatenate([constant, told, slopes], axis=1).T
    return weights


def log_softmax(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return normalised log-probabilities along the last axis."""
    shifted: NDArray[np.floating] = scores - scores.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted


def choose(scores: NDArray[np.floating], uniform: NDArray[np.floating]) -> Ints:
    """Draw one level per row of scores `(rows, K)` by inverting the distribution at `uniform` in (0, 1]."""
    share = np.exp(scores - scores.max(axis=1, keepdims=True)).cumsum(axis=1)
    level: Ints = (share < uniform[:, None] * share[:, -1:]).sum(axis=1)
    return level
