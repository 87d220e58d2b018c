"""Ridge regression whose strength is chosen on left-out folds.

scikit-learn's `RidgeCV` leaves out single rows; windows overlap their neighbours, so here whole folds are left out.
Where rows are more than features, what each fold adds to the normal equations is summed once and taken away again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Fit = tuple[Doubles, Doubles]


def ridge(features: Doubles, target: Doubles, folds: Ints) -> Fit:
    """Ridge regression with the strength that foretells left-out folds best, for each target by itself.

    Folds must be chosen so that none overlaps another: leaving out single windows would reward learning by heart, since
    their neighbours stay.

    Parameters
    ----------
    features : array of shape (n, p)
    target : array of shape (n,) or (n, k)
    folds : array of shape (n,)
        Number of the fold of each row, from 0.

    Returns
    -------
    weights : array of shape (p,) or (p, k)
    intercept : array of shape () or (k,)
    """
    goals = target.reshape(len(target), -1)
    mean, level = features.mean(axis=0), goals.mean(axis=0)
    centred, answers = features - mean, goals - level
    strengths = np.logspace(-3, 2, 7) * max(float(np.mean(centred.var(axis=0))), 1e-12) * len(centred)
    outs = [folds == fold for fold in range(int(folds.max()) + 1)]
    tall = len(centred) * (len(outs) - 1) >= centred.shape[1] * len(outs)
    parts = [_Sums.of(centred[out], answers[out]) for out in outs] if tall else []
    whole = sum(parts[1:], parts[0]) if tall else None
    errors = np.zeros((len(strengths), goals.shape[1]))
    for number, out in enumerate(outs):
        fits = (
            _wide(centred[~out], answers[~out], strengths)
            if whole is None
            else (whole - parts[number]).solve(strengths)
        )
        for i, (weights, intercept) in enumerate(fits):
            errors[i] += ((centred[out] @ weights + intercept - answers[out]) ** 2).sum(axis=0)
    best = np.argmin(errors, axis=0)
    weights, intercept = np.zeros((centred.shape[1], goals.shape[1])), np.zeros(goals.shape[1])
    for chosen in np.unique(best):
        mine, strength = best == chosen, strengths[[chosen]]
        fits = _wide(centred, answers, strength) if whole is None else whole.solve(strength)
        found, shift = next(iter(fits))
        weights[:, mine], intercept[mine] = found[:, mine], shift[mine]
    intercept = intercept + level - mean @ weights
    return weights.reshape(-1, *target.shape[1:]), intercept.reshape(target.shape[1:])


@dataclass(frozen=True)
class _Sums:
    """Sums over rows from which a ridge regression is solved."""

    count: int
    total: Doubles
    answer: Doubles
    gram: Doubles
    products: Doubles

    @classmethod
    def of(cls, features: Doubles, target: Doubles) -> _Sums:
        total, answer = features.sum(axis=0), target.sum(axis=0)
        return cls(len(features), total, answer, features.T @ features, features.T @ target)

    def __add__(self, other: _Sums) -> _Sums:
        gram, products = self.gram + other.gram, self.products + other.products
        return _Sums(self.count + other.count, self.total + other.total, self.answer + other.answer, gram, products)

    def __sub__(self, other: _Sums) -> _Sums:
        gram, products = self.gram - other.gram, self.products - other.products
        return _Sums(self.count - other.count, self.total - other.total, self.answer - other.answer, gram, products)

    def solve(self, strengths: Doubles) -> Iterator[Fit]:
        """Weights and intercept for each strength."""
        mean, level = self.total / self.count, self.answer / self.count
        gram = self.gram - np.outer(self.total, mean)
        for weights in _strengthened(gram, self.products - np.outer(self.total, level), strengths):
            yield weights, level - mean @ weights


def _wide(features: Doubles, target: Doubles, strengths: Doubles) -> Iterator[Fit]:
    """Weights and intercept for each strength, where features are more than rows."""
    mean, level = features.mean(axis=0), target.mean(axis=0)
    centred = features - mean
    for solved in _strengthened(centred @ centred.T, target - level, strengths):
        weights = centred.T @ solved
        yield weights, level - mean @ weights


def _strengthened(gram: Doubles, right: Doubles, strengths: Doubles) -> Iterator[Doubles]:
    """Solve `(gram + strength I) x = right` for each strength; `gram` is overwritten."""
    diagonal = gram.diagonal().copy()
    for strength in strengths:
        np.fill_diagonal(gram, diagonal + strength)
        yield np.asarray(cho_solve(cho_factor(gram, check_finite=False), right, check_finite=False))
