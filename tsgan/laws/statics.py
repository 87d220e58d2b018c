r"""The joint law of what a sequence holds once: categories, numbers and its length, drawn given any of them.

Each variable has a law given all others: a multinomial logistic regression for a category, a linear one with residuals
of their own spread and shape for a number. Drawn in turns from these (Gibbs sampling), the variables come from their
joint law ("Dependency Networks for Inference, Collaborative Filtering, and Data Visualization", Heckerman et al., 2000,
https://www.jmlr.org/papers/v1/heckerman00a.html). The turns start from the *location model*: a combination of
categories that exists, as often as it does and as well as it fits what is given, and normal numbers given it
("Multivariate correlation models with mixed discrete and continuous variables", Olkin & Tate, 1961,
https://doi.org/10.1214/aoms/1177705052). No number of a real row is kept or returned.

Two levels of different categories that never meet in the data never meet in a draw, unless what is given leaves no
other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layout import Block
from ..panel import Floats, Ints
from .multinomial import Doubles, choose, independent, regress

MOST = 20_000  # rows that regressions learn from
CELLS = 2_000_000  # rows times levels that they learn from
MANY = 100  # levels above which a category's law takes the others as independent given it
COMBINATIONS = 5_000  # of categories to start from
SWEEPS = 3
NEVER = 1e4  # penalty on each pair of levels that never meet
RIDGE = 1e-3
BENDS = (-0.8, 0.8)  # where the effect of a number may change its slope
BEYOND = 0.5  # standard deviations that a number may lie beyond the observed ones
SHAPE = np.linspace(0.5, 99.5, 100) / 100  # probabilities at which residuals are kept
KNOTS = np.linspace(0.2, 99.8, 129) / 100  # probabilities at which marginals are compared
PROBE = 10_000  # draws that marginals are compared on


@dataclass(frozen=True)
class StaticLaw:
    """The joint law of V categories, with L levels in all, and D numbers (the length's latent among them).

    The F features are the one-hot codes of all categories, the numbers, and how far each is from each of `BENDS`.

    Attributes
    ----------
    blocks : tuple of Block
    category : float32 array of shape (1 + F, L)
        Weights of each level's score, constant first; zero for features of the category itself.
    meets : float32 array of shape (L, L)
        1 where two levels of different categories never meet.
    number : float64 array of shape (1 + F, D)
        Weights of each number's mean; zero for features of the number itself.
    spread : float64 array of shape (1 + F, D)
        Weights of the logarithm of its standard deviation.
    shape : float64 array of shape (100, D)
        Quantiles of its standardised residuals.
    combinations : int64 array of shape (M, V)
        Of levels, that exist.
    counts : float64 array of shape (M,)
    location : float64 array of shape (1 + L, D)
        Weights of the numbers' means given the categories.
    covariance : float64 array of shape (D, D)
        Of the numbers given the categories.
    limits : float64 array of shape (2, D)
        Between which numbers are drawn, so that none runs away.
    marginals : float64 array of shape (2, 129, D)
        Quantiles as drawn, and as observed.
    """

    blocks: tuple[Block, ...]
    category: Floats
    meets: Floats
    number: Doubles
    spread: Doubles
    shape: Doubles
    combinations: Ints
    counts: Doubles
    location: Doubles
    covariance: Doubles
    limits: Doubles
    marginals: Doubles

    @classmethod
    def fit(cls, statics: Floats, blocks: tuple[Block, ...], rng: np.random.Generator) -> StaticLaw:
        """Fit to static channels `(n, S)`, of which there may be none.

        Parameters
        ----------
        statics : float32 array of shape (n, S)
            One-hot codes and numbers, none missing.
        blocks : tuple of Block
            What the channels mean.
        rng : numpy.random.Generator
            For the draws whose marginals are compared with the observed ones.
        """
        starts, at = _places(blocks)
        rows = np.linspace(0, len(statics) - 1, min(len(statics), MOST)).astype(np.int64)
        codes, values = statics[rows][:, starts >= 0], statics[rows][:, at].astype(np.float64)
        sizes = [block.size for block in blocks if block.kind == "softmax"]
        levels = np.stack([part.argmax(1) for part in np.split(codes, np.cumsum(sizes)[:-1], 1)], 1) if sizes else None
        levels = np.zeros((len(rows), 0), dtype=np.int64) if levels is None else levels
        width, dims = sum(sizes), values.shape[1]
        features = _features(codes, values)
        category = np.zeros((1 + features.shape[1], width))
        edges = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        for index, (low, high) in enumerate(pairwise(edges)):
            others = np.delete(np.arange(features.shape[1]), np.arange(low, high))
            if high - low > MANY:
                kept = others[others < width + dims]
                weights = independent(codes[:, kept[kept < width]], values, levels[:, index], high - low)
                category[np.concatenate([[0], 1 + kept]), low:high] = weights
                continue
            some = np.linspace(0, len(rows) - 1, min(len(rows), CELLS // (high - low))).astype(np.int64)
            category[np.concatenate([[0], 1 + others]), low:high] = regress(
                features[some][:, others], levels[some, index], high - low
            )[0]
        together = (codes.T @ codes) > 0
        owner = np.repeat(np.arange(len(sizes)), sizes)
        number, spread = np.zeros((2, 1 + features.shape[1], dims))
        shape = np.zeros((len(SHAPE), dims))
        for dim in range(dims):
            others = np.delete(np.arange(features.shape[1]), np.arange(width + dim, features.shape[1], dims))
            own = np.concatenate([[0], 1 + others])
            number[own, dim], spread[own, dim], shape[:, dim] = _number(features[:, others], values[:, dim])
        location = _ridge(codes, values)
        rest = values - codes @ location[1:] - location[0]
        covariance = rest.T @ rest / len(rows) + 1e-8 * np.eye(dims)
        unique, counts = np.unique(levels, axis=0, return_counts=True)
        chosen = np.sort(rng.permutation(len(unique))[:COMBINATIONS])
        limits = np.stack([values.min(0) - BEYOND, values.max(0) + BEYOND])
        wanted = np.quantile(values, KNOTS, axis=0) if dims else np.zeros((len(KNOTS), 0))
        law = cls(
            blocks,
            category.astype(np.float32),
            (~together & (owner[:, None] != owner)).astype(np.float32),
            number,
            spread,
            shape,
            unique[chosen].astype(np.int64),
            counts[chosen].astype(np.float64),
            location,
            covariance,
            limits,
            np.stack([wanted, wanted]),
        )
        if not dims:
            return law
        made = law._draw(PROBE, rng, None)[1]
        parts = {field.name: getattr(law, field.name) for field in fields(cls)}
        return cls(**{**parts, "marginals": np.stack([np.quantile(made, KNOTS, axis=0), wanted])})

    def draw(self, n: int, rng: np.random.Generator, given: Floats | None = None) -> Floats:
        """Draw static channels `(n, S)`.

        Parameters
        ----------
        n : int
        rng : numpy.random.Generator
        given : float32 array of shape (n, S) or None
            What is known; NaN where it is not. A category is known as a whole or not at all. What is known is returned
            as it is, the rest is drawn given it.

        Raises
        ------
        ValueError
            If `given` has another shape, or knows some levels of a category and not others.
        """
        starts, at = _places(self.blocks)
        if given is not None:
            self._check(given, n)
        codes, values = self._draw(n, rng, given)
        for dim in range(values.shape[1]):
            told, wanted = self.marginals[:, :, dim]
            values[:, dim] += np.interp(values[:, dim], told, wanted - told)
        out = np.empty((n, len(starts)), dtype=np.float32)
        out[:, starts >= 0], out[:, at] = codes, values
        return out if given is None else np.where(np.isnan(given), out, given)

    def _check(self, given: Floats, n: int) -> None:
        if given.shape != (n, sum(block.size for block in self.blocks)):
            raise ValueError(f"given has shape {given.shape}, which is not {(n, sum(b.size for b in self.blocks))}")
        at = 0
        for block in self.blocks:
            blank = np.isnan(given[:, at : at + block.size])
            if block.kind == "softmax" and (blank.any(axis=1) != blank.all(axis=1)).any():
                raise ValueError(f"given knows only some levels of {block.name!r}; a category is known as a whole")
            at += block.size

    def _draw(self, n: int, rng: np.random.Generator, given: Floats | None) -> tuple[Floats, Doubles]:
        """Draw one-hot codes `(n, L)`, and numbers `(n, D)` before their marginals are mapped."""
        starts, at = _places(self.blocks)
        told = np.full((n, len(starts)), np.nan, dtype=np.float32) if given is None else given
        known, numbers = told[:, starts >= 0], told[:, at].astype(np.float64)
        for dim in range(numbers.shape[1]):  # back from the observed marginal to the drawn one
            made, wanted = self.marginals[:, :, dim]
            wanted, place, ties = np.unique(wanted, return_inverse=True, return_counts=True)
            shift = wanted - np.bincount(place, made) / ties
            numbers[:, dim] -= np.interp(numbers[:, dim], wanted, shift)
        codes, values = self._start(known, numbers, rng)
        sizes = [block.size for block in self.blocks if block.kind == "softmax"]
        edges = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        free = np.isnan(numbers)
        for _ in range(SWEEPS):
            for low, high in pairwise(edges):
                rows = np.flatnonzero(np.isnan(known[:, low]))
                features = _features(codes[rows], values[rows])
                scores = features @ self.category[1:, low:high] + self.category[0, low:high]
                scores -= NEVER * (codes[rows] @ self.meets[:, low:high])
                level = choose(scores, 1 - rng.random(len(rows)))
                codes[rows, low:high] = np.eye(high - low, dtype=np.float32)[level]
            for dim in range(values.shape[1]):
                rows = np.flatnonzero(free[:, dim])
                features = _features(codes[rows], values[rows]).astype(np.float64)
                mean = features @ self.number[1:, dim] + self.number[0, dim]
                scale = np.exp((features @ self.spread[1:, dim] + self.spread[0, dim]).clip(-12, 2))
                shock = np.interp(rng.random(len(rows)), SHAPE, self.shape[:, dim])
                low_end, high_end = self.limits[:, dim]
                values[rows, dim] = (mean + scale * shock).clip(low_end, high_end)
        return codes, values

    def _start(self, known: Floats, numbers: Doubles, rng: np.random.Generator) -> tuple[Floats, Doubles]:
        """Draw codes and numbers from the location model given known codes `(n, L)` and numbers `(n, D)`."""
        width = known.shape[1]
        sizes = [block.size for block in self.blocks if block.kind == "softmax"]
        codes, values = known.copy(), numbers.copy()
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)[:-1]
        hot = np.zeros((len(self.combinations), width), dtype=np.float32)
        np.put_along_axis(hot, self.combinations + offsets, 1, axis=1)
        means = hot @ self.location[1:] + self.location[0]
        patterns, kind = np.unique(np.isnan(numbers), axis=0, return_inverse=True)
        for index, blank in enumerate(patterns):
            told = ~blank
            factor = np.asarray(np.linalg.inv(self.covariance[np.ix_(told, told)]))
            gain = self.covariance[np.ix_(blank, told)] @ factor
            spread = self.covariance[np.ix_(blank, blank)] - gain @ self.covariance[np.ix_(told, blank)]
            root = np.linalg.cholesky(spread + 1e-9 * np.eye(len(spread)))
            every = np.flatnonzero(kind.ravel() == index)
            for at in range(0, len(every), max(1, CELLS // max(len(hot), 1))):
                rows = every[at : at + max(1, CELLS // max(len(hot), 1))]
                scores = np.log(self.counts) - NEVER * (
                    np.nan_to_num(known[rows]).sum(axis=1)[:, None] - np.nan_to_num(known[rows]) @ hot.T
                )
                if told.any():
                    apart = numbers[rows][:, told], means[:, told]
                    scores = scores - 0.5 * _distances(*apart, factor)
                chosen = choose(scores, 1 - rng.random(len(rows)))
                codes[rows] = np.where(np.isnan(known[rows]), hot[chosen], known[rows])
                mean = codes[rows] @ self.location[1:] + self.location[0]
                off = (numbers[rows][:, told] - mean[:, told]) @ gain.T
                shock = rng.standard_normal((len(rows), int(blank.sum()))) @ root.T
                values[np.ix_(rows, np.flatnonzero(blank))] = mean[:, blank] + off + shock
        return codes, values

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what was learned as named arrays; the blocks are the layout's."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "blocks"}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], blocks: tuple[Block, ...]) -> StaticLaw:
        """Rebuild from `arrays` and the blocks that the law was fitted with."""
        names = [field.name for field in fields(cls) if field.name != "blocks"]
        return cls(blocks, *(np.ascontiguousarray(arrays[name]) for name in names))


def _places(blocks: tuple[Block, ...]) -> tuple[Ints, Ints]:
    """Return for each channel its category (-1 for a number), and the channels that are numbers."""
    owner = [index if block.kind == "softmax" else -1 for index, block in enumerate(blocks) for _ in range(block.size)]
    starts = np.array(owner, dtype=np.int64)
    return starts, np.flatnonzero(starts < 0)


def _features(codes: Floats, values: Doubles) -> Floats:
    return np.concatenate([codes, values, *(np.abs(values - bend) for bend in BENDS)], axis=1, dtype=np.float32)


def _ridge(features: Floats, target: Doubles) -> Doubles:
    """Return slightly ridged least-squares weights `(F + 1, ...)`, the constant first."""
    centre, middle = features.mean(axis=0, dtype=np.float64), target.mean(axis=0)
    design = features - centre
    gram = design.T @ design / len(design) + RIDGE * np.eye(features.shape[1])
    slopes = np.linalg.solve(gram, design.T @ (target - middle) / len(design))
    return np.concatenate([(middle - centre @ slopes)[None], slopes])


def _number(features: Floats, target: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Return weights of a number's mean and log-spread, and the quantiles of its standardised residuals."""
    mean = _ridge(features, target)
    rest = target - features @ mean[1:] - mean[0]
    size = max(float(rest.std()), 1e-6)
    spread = np.zeros_like(mean)
    if len(target) >= 10 * features.shape[1]:
        spread = _ridge(features, np.log(np.abs(rest) + 0.01 * size))
    else:
        spread[0] = np.log(size)
    shape = rest / np.exp(features @ spread[1:] + spread[0])
    return mean, spread, np.quantile(shape, SHAPE)


def _distances(values: Doubles, means: Doubles, precision: Doubles) -> Doubles:
    """Return squared Mahalanobis distances `(n, M)` of values to means."""
    cross = values @ precision @ means.T
    own, theirs = ((part @ precision) * part for part in (values, means))
    far: Doubles = own.sum(axis=1)[:, None] - 2 * cross + theirs.sum(axis=1)
    return far
