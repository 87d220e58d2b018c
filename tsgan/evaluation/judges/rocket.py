"""A strong two-sample judge: random convolutions and a ridge classifier.

Features of a window are what random one-dimensional kernels see in it: the share of steps at which the kernel's answer
is positive, and its largest answer ("ROCKET", Dempster, Petitjean & Webb, 2020, https://arxiv.org/abs/1910.13051).
Kernels look at whitened values, so that small consistent differences between nearly equal columns count as much as
large ones, and at first differences, so that roughness is seen beside level.

Beside them stand plain summaries of each channel (mean, spread, range, spread and size of its steps). With few
windows the ridge cannot find the useful ones among a thousand random features; a few good ones it can. The two groups
have equal weight.

The strength of the ridge is chosen on left-out folds. scikit-learn's `RidgeCV` leaves out single rows; windows overlap
their neighbours, so here whole folds are left out. Where rows are more than features, what each fold adds to the normal
equations is summed once and taken away again, which is three to four times as fast as its `Ridge` for each fold.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.linalg import cho_factor, cho_solve
from sklearn.metrics import roc_auc_score

from ...arrays import Doubles, Floats, Ints
from ...panel import Windows

KERNELS = 500  # more tell no more apart
CHUNK = 512  # windows whose convolutions are in memory at once
FOLDS = 3  # left out in turn to choose the strength of the ridge
MAX_SPREADS = 10.0  # from the mean: what lies further is cut, so that one wild window does not steer the judge


def principal(windows: Floats, least: float) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Find the principal axes of the channels `(n, W, D)`, each brought to unit variance if it varies at least so much.

    Returns their mean and scale `(D,)`, the variance along each axis `(D,)`, growing, and the axes as columns `(D, D)`.
    """
    flat = windows.reshape(-1, windows.shape[-1]).astype(np.float64)
    mean, std = flat.mean(axis=0), flat.std(axis=0)
    scale = 1 / np.where(std > least, std, 1)
    flat = (flat - mean) * scale
    variance, directions = np.linalg.eigh(flat.T @ flat / len(flat))
    return mean, scale, np.maximum(variance, 0), directions


def spread_of_steps(values: Doubles) -> Doubles:
    """Standard deviation of each channel's steps, `(n, W, D)` to `(D,)`; zero where windows have one row."""
    if values.shape[1] == 1:
        return np.zeros(values.shape[2])
    return np.asarray(np.diff(values, axis=1).std(axis=(0, 1)), dtype=np.float64)


@dataclass(frozen=True)
class Whitening:
    """Rotates channels onto uncorrelated axes of unit variance, and sets the scaled first differences beside them.

    An axis along which real data do not vary (a column that copies another) is kept at the smallest scale that float32
    can carry, so that a synthetic table which breaks such a rule is seen.

    Attributes
    ----------
    mean : array of shape (D,)
    axes : array of shape (D, D)
    rate : array of shape (D,)
        One over the standard deviation of each axis's differences.
    """

    mean: Doubles
    axes: Doubles
    rate: Doubles

    @classmethod
    def fit(cls, windows: Floats) -> Whitening:
        """Fit on windows `(n, W, D)`."""
        mean, scale, spectrum, directions = principal(windows, least=1e-9)
        deviation = np.sqrt(spectrum)
        axes = scale[:, None] * directions / np.maximum(deviation, max(1e-5 * deviation[-1], 1e-5))
        steps = spread_of_steps((windows - mean) @ axes)
        return cls(mean, axes, 1 / np.where(steps > 1e-9, steps, 1))

    def apply(self, windows: Floats) -> torch.Tensor:
        """Map `(n, W, D)` to `(n, 2 D, W)`: values, then differences (0 at the first step)."""
        values = (windows - self.mean) @ self.axes
        steps = np.diff(values, axis=1, prepend=values[:, :1]) * self.rate
        both = np.concatenate([values, steps], axis=2).astype(np.float32)
        return torch.from_numpy(np.ascontiguousarray(both.transpose(0, 2, 1)))


class Kernels:
    """Random kernels over `(n, C, W)`, grouped by length, dilation and padding.

    Parameters
    ----------
    count : int
    channels, steps : int
    rng : Generator
    """

    def __init__(self, count: int, channels: int, steps: int, rng: np.random.Generator) -> None:
        lengths = [length for length in (7, 9, 11) if length <= steps] or [min(steps, 3)]
        groups: dict[tuple[int, int, int], list[tuple[Floats, float]]] = {}
        for _ in range(count):
            length = int(rng.choice(lengths))
            reach = max((steps - 1) / max(length - 1, 1), 1)
            dilation = int(2 ** rng.uniform(0, np.log2(reach)))
            padding = (length - 1) * dilation // 2 if rng.random() < 0.5 else 0
            width = int(2 ** rng.uniform(0, np.log2(min(channels, length) + 1)))
            weights = np.zeros((channels, length), dtype=np.float32)
            chosen = rng.choice(channels, min(width, channels), replace=False)
            draw = rng.normal(size=(len(chosen), length))
            weights[chosen] = draw - draw.mean(axis=1, keepdims=True) if length > 1 else draw
            groups.setdefault((length, dilation, padding), []).append((weights, rng.uniform(-1, 1)))
        self.groups = [
            (
                torch.from_numpy(np.stack([weights for weights, _ in members])),
                torch.tensor([bias for _, bias in members], dtype=torch.float32),
                dilation,
                padding,
            )
            for (_, dilation, padding), members in sorted(groups.items())
        ]

    def features(self, x: torch.Tensor) -> Doubles:
        """Return the share of positive answers and the largest answer of every kernel, `(n, 2 count)`."""
        rows = []
        for chunk in torch.split(x, CHUNK):
            found = []
            for weights, bias, dilation, padding in self.groups:
                answer = torch.nn.functional.conv1d(chunk, weights, bias, dilation=dilation, padding=padding)
                found += [(answer > 0).float().mean(dim=2), answer.amax(dim=2)]
            rows.append(torch.cat(found, dim=1))
        return torch.cat(rows).numpy().astype(np.float64)


def summaries(windows: Floats, whitening: Whitening) -> Doubles:
    """Mean, spread, extremes, and spread and largest size of the steps of each column and each axis, `(n, 12 D)`."""
    found = []
    for values in (windows.astype(np.float64), (windows - whitening.mean) @ whitening.axes):
        steps = np.diff(values, axis=1) if values.shape[1] > 1 else np.zeros_like(values)
        found += [values.mean(axis=1), values.std(axis=1), values.min(axis=1), values.max(axis=1)]
        found += [steps.std(axis=1), np.abs(steps).max(axis=1)]
    return np.concatenate(found, axis=1)


def separation(
    one: Windows, two: Windows, split: tuple[Ints, ...], rng: np.random.Generator, most: int = 3000
) -> float:
    """Area under the ROC curve of the judge on the test windows, and with the parts exchanged; the mean of both.

    Parameters
    ----------
    one, two : Windows
        The two samples (the first is the real one: it sets the scales).
    split : four int arrays
        Training and test windows of the first, training and test windows of the second.
    rng : Generator
        Draws kernels and sub-samples.
    most : int
        Windows taken from each part at most; the larger part is cut to the smaller.

    Returns
    -------
    float
        0.5 where the two cannot be told apart, 1 where they always can.
    """
    sizes = [min(len(split[0]), len(split[2]), most), min(len(split[1]), len(split[3]), most)]
    chosen = [np.sort(rng.choice(part, sizes[i % 2], replace=False)) for i, part in enumerate(split)]
    train, test = one.values(chosen[0]), one.values(chosen[1])
    a, a_test, b, b_test = judge_features([train, test, two.values(chosen[2]), two.values(chosen[3])], rng)
    return (_auc(a, b, a_test, b_test) + _auc(a_test, b_test, a, b)) / 2


def judge_features(sides: list[Floats], rng: np.random.Generator) -> list[Doubles]:
    """What the judge sees in windows `(n, W, D)` of each side, `(n, features)`, scaled by the first side.

    Random convolutions, whose kernels the generator draws, and summaries.
    """
    whitening = Whitening.fit(sides[0])
    kernels = Kernels(KERNELS, 2 * whitening.axes.shape[1], sides[0].shape[1], rng)
    convolved = [kernels.features(whitening.apply(side)) for side in sides]
    scaled = []
    for group in (convolved, [summaries(side, whitening) for side in sides]):
        scale = Scale.fit(group[0])
        scaled.append([scale.apply(side) for side in group])
    return [np.concatenate(pair, axis=1) for pair in zip(*scaled, strict=True)]


def suspicion(a: Doubles, b: Doubles, *tests: Doubles) -> list[Doubles]:
    """Learn to tell `b` from `a`, whose rows are in order of sequence and time, and rate the rows of each test.

    About 0 where a row is like `a`, 1 where it is like `b`.
    """
    folds = np.concatenate([folds_in_order(len(side)) for side in (a, b)])
    weights, intercept = ridge(np.concatenate([a, b]), np.repeat([0.0, 1.0], [len(a), len(b)]), folds)
    return [test @ weights + intercept for test in tests]


def _auc(a: Doubles, b: Doubles, a_test: Doubles, b_test: Doubles) -> float:
    scores = np.concatenate(suspicion(a, b, a_test, b_test))
    return float(roc_auc_score(np.repeat([0, 1], [len(a_test), len(b_test)]), scores))


@dataclass(frozen=True)
class Scale:
    """Brings a group of features to unit spread each and unit weight together; wild ones are cut."""

    mean: Doubles
    rate: Doubles

    @classmethod
    def fit(cls, group: Doubles) -> Scale:
        """Fit on features `(n, p)`."""
        spread = group.std(axis=0)
        spread = np.maximum(spread, max(1e-3 * float(spread.mean()), 1e-6))
        return cls(group.mean(axis=0), 1 / spread / np.sqrt(group.shape[1]))

    def apply(self, group: Doubles) -> Doubles:
        """Scale features `(n, p)`."""
        furthest = MAX_SPREADS / np.sqrt(group.shape[1])
        return np.clip((group - self.mean) * self.rate, -furthest, furthest)


Fit = tuple[Doubles, Doubles]  # weights and intercept


def folds_in_order(rows: int) -> Ints:
    """Return the fold of each row: rows that follow each other, and may overlap, are in one."""
    return np.arange(rows) * FOLDS // rows


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
    parts = [_sums(centred[out], answers[out]) for out in outs] if tall else []
    whole = [sum(part) for part in zip(*parts, strict=True)]

    def fits(left_out: int | None, strengths: Doubles) -> Iterator[Fit]:
        if tall:
            sums = whole if left_out is None else map(operator.sub, whole, parts[left_out])
            return _tall(strengths, *sums)
        rows = slice(None) if left_out is None else ~outs[left_out]
        return _wide(centred[rows], answers[rows], strengths)

    errors = np.zeros((len(strengths), goals.shape[1]))
    for fold, out in enumerate(outs):
        for i, (weights, intercept) in enumerate(fits(fold, strengths)):
            errors[i] += ((centred[out] @ weights + intercept - answers[out]) ** 2).sum(axis=0)
    best = np.argmin(errors, axis=0)
    weights, intercept = np.zeros((centred.shape[1], goals.shape[1])), np.zeros(goals.shape[1])
    for strength in np.unique(best):
        mine = best == strength
        ((found, shift),) = fits(None, strengths[[strength]])
        weights[:, mine], intercept[mine] = found[:, mine], shift[mine]
    intercept = intercept + level - mean @ weights
    return weights.reshape(-1, *target.shape[1:]), intercept.reshape(target.shape[1:])


def _sums(features: Doubles, target: Doubles) -> tuple[Any, ...]:
    """Sums over rows from which a ridge regression is solved by `_tall`."""
    return len(features), features.sum(axis=0), target.sum(axis=0), features.T @ features, features.T @ target


def _tall(
    strengths: Doubles, count: int, total: Doubles, answer: Doubles, gram: Doubles, products: Doubles
) -> Iterator[Fit]:
    """Fit for each strength from `_sums`, where rows are more than features."""
    mean, level = total / count, answer / count
    gram = gram - np.outer(total, mean)
    for weights in _solved(gram, products - np.outer(total, level), strengths):
        yield weights, level - mean @ weights


def _wide(features: Doubles, target: Doubles, strengths: Doubles) -> Iterator[Fit]:
    """Fit for each strength, where features are more than rows."""
    mean, level = features.mean(axis=0), target.mean(axis=0)
    centred = features - mean
    for solved in _solved(centred @ centred.T, target - level, strengths):
        weights = centred.T @ solved
        yield weights, level - mean @ weights


def _solved(gram: Doubles, right: Doubles, strengths: Doubles) -> Iterator[Doubles]:
    """Solve `(gram + strength I) x = right` for each strength; `gram` is overwritten."""
    diagonal = gram.diagonal().copy()
    for strength in strengths:
        np.fill_diagonal(gram, diagonal + strength)
        yield np.asarray(cho_solve(cho_factor(gram, check_finite=False), right, check_finite=False))
