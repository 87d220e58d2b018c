r"""What is drawn where levels are prescribed: static categories of a set, and numbers behind the levels of their steps.

Categories follow numbers, so that numbers behind prescribed levels have a posterior: their law times the likelihood of
the levels. It is drawn from by elliptical slice sampling (`conditioning.elliptical`) of the normal shocks that make a
window; a longer series grows by half windows, each given the half before it and its own levels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import ndtr

from ..panel import Bools, Floats, Given, Ints
from .autoregression import Autoregression, Doubles
from .conditioning import FAR, elliptical
from .regimes import Regimes

if TYPE_CHECKING:
    from ..layout import Block
    from .statics import StaticLaw

SWEEPS = 32  # steps of each chain
ROUNDS = 40  # draws of statics until one is of the sets asked for

Shaper = Callable[[Floats, Ints], Floats]


class Likely(Protocol):
    """What says how likely levels are, see `categories.Categories`."""

    def log_likelihood(self, values: Floats, given: Given, rng: np.random.Generator) -> Doubles:
        """Return log-probabilities `(n, T)`."""


class Process(Protocol):
    """What numbers are drawn from, see `process.LinearGaussianProcess`."""

    mean: Doubles
    aligned: bool
    regimes: Regimes | None
    autoregression: Autoregression

    @property
    def categories(self) -> Likely:
        """What the levels follow."""

    def said(self, statics: Floats) -> Floats:
        """Return what static channels say, `(n, S)`."""

    def coloured(self, steps: Floats, covariates: Floats, start: int = 0) -> Floats:
        """Return steps `(n, T, D)` with their mean and their marginals."""


def numbers_given_levels(process: Process, given: Given, rng: np.random.Generator) -> Floats:
    """Return latents `(n, T, D)`, categories not yet tied to them, as they are behind the prescribed levels.

    Parameters
    ----------
    process : Process
    given : Given
        With levels.
    rng : numpy.random.Generator
    """
    (n, length), (size, dims) = given.shape, process.mean.shape
    fixed = process.said(given.statics)
    law, order = process.regimes, process.autoregression.order
    by_window = law is not None and not process.aligned and size > 1 and dims > 0
    fresh = max(1, size // 2)
    kept = size - fresh if by_window else order
    steps = np.zeros((n, length, dims), dtype=np.float32)
    at = 0
    while at < length:
        count = min(size if at == 0 else fresh, length - at)
        if at == 0:
            shape, width = _first(process, fixed, count)
        elif by_window:
            assert law is not None
            past = np.concatenate([fixed, steps[:, at - kept : at].reshape(n, -1)], axis=1)
            shape, width = follower(law, past, count * dims), 1 + count * dims
        else:
            lack = max(order - at, 0)
            past = np.concatenate([np.repeat(steps[:, :1], lack, axis=1), steps[:, max(at - order, 0) : at]], axis=1)
            shape, width = _extender(process.autoregression, past, fixed, count), count * dims
        begin = max(0, at - max(kept, 1))
        part = Given(
            given.statics,
            given.covariates[:, begin : at + count],
            None if given.levels is None else given.levels[:, begin : at + count],
            None if given.lengths is None else given.lengths - begin,
            given.sets,
        )

        def whole(
            shocks: Floats, chains: Ints, shape: Shaper = shape, begin: int = begin, at: int = at, count: int = count
        ) -> Floats:
            new = shape(shocks, chains).reshape(len(chains), count, dims)
            return np.concatenate([steps[chains, begin:at], new], axis=1)

        def likely(shocks: Floats, chains: Ints, part: Given = part, begin: int = begin) -> Doubles:
            values = process.coloured(whole(shocks, chains), part.covariates[chains], begin)
            told: Doubles = process.categories.log_likelihood(values, _some(part, chains), rng).sum(axis=1)
            return told

        def prior(m: int, stream: np.random.Generator, width: int = width) -> Floats:
            return stream.standard_normal((m, width), dtype=np.float32)

        every = np.arange(n)
        if part.levels is None or not (part.levels[:, at - begin :] >= 0).any():
            shocks = prior(n, rng)
        else:
            shocks = elliptical(prior, likely, n, rng, SWEEPS)
        steps[:, at : at + count] = whole(shocks, every)[:, at - begin :]
        at += count
    return process.coloured(steps, given.covariates)


def _some(given: Given, rows: Ints) -> Given:
    lengths = None if given.lengths is None else given.lengths[rows]
    levels = None if given.levels is None else given.levels[rows]
    return Given(given.statics[rows], given.covariates[rows], levels, lengths, given.sets)


def _first(process: Process, fixed: Floats, count: int) -> tuple[Shaper, int]:
    """Return what makes the first `count` steps of shocks, and how many shocks it takes."""
    dims = process.mean.shape[1]
    if process.regimes is not None:
        return follower(process.regimes, fixed, count * dims), 1 + count * dims
    law = process.autoregression

    def shape(shocks: Floats, chains: Ints) -> Floats:
        return law.first(fixed[chains], count, _Told(shocks))  # type: ignore[arg-type]

    return shape, max(count, law.order) * dims


def _extender(law: Autoregression, past: Floats, fixed: Floats, count: int) -> Shaper:
    def shape(shocks: Floats, chains: Ints) -> Floats:
        known = past.shape[1]
        return law.extend(past[chains], fixed[chains], known + count, _Told(shocks))[:, known:]  # type: ignore[arg-type]

    return shape


@dataclass
class _Told:
    """Gives out shocks that are there already, in the place of a random generator."""

    shocks: Floats
    at: int = 0

    def standard_normal(self, shape: tuple[int, int], dtype: Any = None) -> Floats:
        """Return the next ones, `(n, shape[1])`."""
        self.at += shape[1]
        return self.shocks[:, self.at - shape[1] : self.at]


def follower(law: Regimes, past: Floats, width: int) -> Shaper:
    """Return what makes the next `width` entries of windows of shocks `(m, 1 + width)`, given leading entries.

    Parameters
    ----------
    law : Regimes
    past : float32 array of shape (n, known)
        Chain i goes on after row i; see `Regimes.follow`.
    width : int
    """
    means, factors = law.triangles
    known = past.shape[1]
    inner, logs = [], []
    for k, weight in enumerate(law.weights):
        white = solve_triangular(factors[k, :known, :known], (past - means[k, :known]).T, lower=True).T
        scale = np.log(np.diag(factors[k])[:known] + 1e-30).sum()
        logs.append(np.log(weight + 1e-300) - 0.5 * (white**2).sum(axis=1) - scale)
        white *= np.minimum(1, (np.sqrt(known) + FAR) / np.linalg.norm(white, axis=1, keepdims=True).clip(1e-9))
        inner.append(white)
    table = np.stack(logs, axis=1)
    reach = np.cumsum(np.exp(table - table.max(axis=1, keepdims=True)), axis=1)
    reach /= reach[:, -1:]
    end = known + width

    def shape(shocks: Floats, chains: Ints) -> Floats:
        regime = (ndtr(shocks[:, :1].astype(np.float64)) > reach[chains, :-1]).sum(axis=1)
        out = np.empty((len(shocks), width), dtype=np.float32)
        for k in np.unique(regime):
            rows = regime == k
            out[rows] = means[k, known:end] + inner[k][chains[rows]] @ factors[k, known:end, :known].T
            out[rows] += shocks[rows, 1:] @ factors[k, known:end, known:end].T
        return out

    return shape


def statics_given(law: StaticLaw, known: Floats, allowed: Bools, rng: np.random.Generator) -> Floats:
    """Draw static channels `(n, S)`, of which numbers are known and categories are of a set.

    Parameters
    ----------
    law : StaticLaw
    known : float32 array of shape (n, S)
        Numbers; NaN where free.
    allowed : bool array of shape (n, S)
        Levels that each category may have.
    rng : numpy.random.Generator
    """
    given = known.copy()
    spans = _spans(law.blocks)
    several = np.zeros((len(given), len(spans)), dtype=bool)
    for number, span in enumerate(spans):
        count = allowed[:, span].sum(axis=1)
        one = count == 1
        given[one, span] = allowed[one, span]
        several[:, number] = (count > 1) & (count < allowed[:, span].shape[1])
    left = np.flatnonzero(several.any(axis=1))
    for _ in range(ROUNDS):
        if not len(left):
            break
        drawn = law.draw(len(left), rng, given[left])
        fits = np.stack([(drawn[:, span] * allowed[left][:, span]).sum(axis=1) > 0 for span in spans], axis=1)
        good = (fits | ~several[left]).all(axis=1)
        _take(given, left[good], drawn[good], several, spans)
        left = left[~good]
    if len(left):  # so rare that no draw is of the set: one by the observed shares
        offer = np.zeros((len(left), given.shape[1]), dtype=np.float32)
        for span, share in zip(spans, (_share(block) for block in law.blocks if block.kind == "softmax"), strict=True):
            reach = np.cumsum(allowed[left, span] * (share + 1e-12), axis=1)
            level = (rng.random((len(left), 1)) * reach[:, -1:] >= reach).sum(axis=1)
            offer[:, span] = np.eye(len(share), dtype=np.float32)[level.clip(max=len(share) - 1)]
        _take(given, left, offer, several, spans)
    return law.draw(len(given), rng, given)


def _take(given: Floats, rows: Ints, drawn: Floats, several: Bools, spans: list[slice]) -> None:
    for number, span in enumerate(spans):
        mine = several[rows, number]
        given[rows[mine], span] = drawn[mine, span]


def _spans(blocks: tuple[Block, ...]) -> list[slice]:
    """Return the channels of each category."""
    ends = np.cumsum([0, *(block.size for block in blocks)])
    return [slice(int(a), int(a) + b.size) for a, b in zip(ends[:-1], blocks, strict=True) if b.kind == "softmax"]


def _share(block: Block) -> Doubles:
    share: Doubles = np.diff(ndtr(np.concatenate([[-np.inf], block.cuts, [np.inf]])))
    return share
