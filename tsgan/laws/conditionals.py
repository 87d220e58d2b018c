r"""Categories given the numbers: one multinomial logistic regression per category, drawn step by step.

.. math:: P(c_t = k) \propto \exp(w_k \cdot (1, h(x_t)) + v_{k, c_{t-1}} + u_{k, c_{t-2}} + d_{k, c_{t-1}} \cdot
    (1, h(x_t)))

with x_t the features of a step (numbers now, one step before and one after, statics, categories drawn before this one),
h the features and those hinges of them that pay, v and u what the two levels before add, d what a level before changes
in the weights. Hinges, u and d stay only where the likelihood of held-back rows gains ("Discrete Choice Methods with
Simulation", Train, 2009, https://eml.berkeley.edu/books/choice2.html). The numbers one step after belong to it: a level
drawn from the past alone does not know what its numbers say of it next, and switches too often ("Conditional Random
Fields", Lafferty, McCallum & Pereira, 2001, section 2, https://repository.upenn.edu/cis_papers/159).

A transition that the data never show is forbidden where the level before was seen at least `OFTEN` times; after a rarer
one any level that exists may come. First and last levels are those of the data where there are at least `OFTEN`
sequences. Levels that are prescribed are looked ahead to, by the backward messages of a hidden Markov model ("A
tutorial on hidden Markov models", Rabiner, 1989, https://doi.org/10.1109/5.18626).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..panel import Floats, Ints
from .interactions import Learner, widen
from .multinomial import choose, log_softmax

OFTEN = 5  # times that a level must have been seen, for what never came after it to be forbidden
NEVER, DEAD = -1e5, -1e4  # scores of forbidden transitions and of levels from which no way leads on
MANY = 64  # levels above which prescribed ones are looked ahead to by what is possible, not by how likely it is
CELLS = 4_000_000  # scores of all transitions of one step, held at a time
ROUNDS, ENOUGH = 12, 30  # of calibration; times that a level must be left for its transitions to be calibrated

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Conditional:
    """The law of one category of K levels, given F features and its levels before.

    Attributes
    ----------
    weights : float32 array of shape (H + 1, K)
        The constant comes first, then F features, then the hinges.
    before, second : float32 arrays of shape (K, K)
        What the level before, and the one before that, add to each level.
    first : float32 array of shape (H + 1, K)
        The weights where there is no level before.
    deltas : float32 array of shape (J + 1, H + 1, K)
        What some levels before change in the weights; the last is zero.
    slots : int64 array of shape (K,)
        Which of the deltas belongs to each level before.
    hinges : float32 array of shape (H - F, 2)
        Feature, and the knot above which the hinge rises.
    pairs : int64 array of shape (K, K)
        How often each level followed each other in the data.
    firsts, lasts : int64 arrays of shape (K,)
        How often each level began and ended a sequence.
    """

    weights: Floats
    before: Floats
    first: Floats
    second: Floats
    deltas: Floats
    slots: Ints
    hinges: Floats
    pairs: Ints
    firsts: Ints
    lasts: Ints

    @classmethod
    def fit(cls, features: Floats, levels: Ints, count: int, follows: Bools, known: Bools | None = None) -> Conditional:
        """Fit to rows.

        Parameters
        ----------
        features : float32 array of shape (rows, F)
        levels : int64 array of shape (rows,)
        count : int
            K.
        follows : bool array of shape (rows,)
            Rows that come next after the row before.
        known : bool array of shape (rows,) or None
            Rows whose level is known. An unknown one is neither learned from nor, as the level before, used.
        """
        sure = np.ones(len(levels), dtype=bool) if known is None else known
        follows = follows.copy()
        follows[:1] = False
        ends = np.append(~follows[1:], True)[: len(levels)]
        learner = Learner(features, np.where(sure, levels, -1), count, follows)
        return cls(
            **learner.learn(), firsts=_counts(levels[~follows & sure], count), lasts=_counts(levels[ends & sure], count)
        )

    @property
    def count(self) -> int:
        """Number of levels."""
        return len(self.before)

    @cached_property
    def exists(self) -> Bools:
        """Which levels the data show."""
        seen: Bools = (self.pairs.sum(axis=0) + self.pairs.sum(axis=1) + self.firsts + self.lasts) > 0
        return seen | ~seen.any()

    @cached_property
    def allowed(self) -> Bools:
        """Which levels (second axis) may come after each (first axis); none after one that only ends sequences."""
        often = (self.pairs.sum(axis=1) + self.lasts)[:, None] >= OFTEN
        return np.where(often, self.pairs > 0, self.exists)

    def _edge(self, counts: Ints) -> Bools:
        return counts > 0 if counts.sum() >= OFTEN else self.exists

    @cached_property
    def _scores(self) -> tuple[Floats, Floats]:
        """What the level before adds `(K, K)`, forbidden transitions included, and the same for a first level."""
        barred = np.where(self.allowed, 0, NEVER).astype(np.float32)
        return self.before + barred, np.where(self._edge(self.firsts), 0, NEVER).astype(np.float32)

    @cached_property
    def _changes(self) -> Floats:
        """The deltas as one matrix, `(H + 1, (J + 1) * K)`."""
        return np.ascontiguousarray(self.deltas.transpose(1, 0, 2).reshape(self.deltas.shape[1], -1))

    def draw(
        self,
        features: Floats,
        rng: np.random.Generator,
        fixed: Ints | None = None,
        lengths: Ints | None = None,
        several: Bools | None = None,
    ) -> Ints:
        """Draw levels `(n, T)`.

        Parameters
        ----------
        features : float32 array of shape (n, T, F)
        rng : numpy.random.Generator
        fixed : int64 array of shape (n, T) or None
            Levels that are prescribed; -1 where they are not, K where any of `several` will do. What is left open is
            drawn given all of them.
        lengths : int64 array of shape (n,) or None
            Where sequences end: no level is drawn that leads nowhere before, and the last is one that ended sequences.
            None for sequences that go on.
        several : bool array of shape (K,) or None
            A set of levels.
        """
        n, length, _ = features.shape
        wide = widen(features, self.hinges)
        uniform = 1 - rng.random((n, length), dtype=np.float32)
        after, start = self._scores
        ahead = self._ahead(wide, fixed, lengths, several)
        levels = np.empty((n, length), dtype=np.int64)
        changed, rows, size = len(self.deltas) > 1, np.arange(n), self.count
        twice = bool(self.second.any())
        own = wide @ self.weights[1:] + self.weights[0]
        if ahead is not None:
            own += ahead
        for step in range(length):
            if step == 0:
                scores = wide[:, 0] @ self.first[1:] + self.first[0] + start
                scores = scores if ahead is None else scores + ahead[:, 0]
            else:
                last = levels[:, step - 1]
                scores = own[:, step] + after[last]
                if changed:
                    moved = (wide[:, step] @ self._changes[1:] + self._changes[0]).reshape(n, -1, size)
                    scores += moved[rows, self.slots[last]]
                if twice and step > 1:
                    scores += self.second[levels[:, step - 2]]
            if several is not None:
                scores = scores + _told(fixed, step, size, several)
            level = choose(scores, uniform[:, step])
            told = np.full(n, -1) if fixed is None else fixed[:, step]
            levels[:, step] = np.where((told >= 0) & (told < size), told, level)
        return levels

    def _ahead(
        self, wide: Floats, fixed: Ints | None, lengths: Ints | None, several: Bools | None = None
    ) -> Floats | None:
        """Return the log-probability `(n, T, K)` of what is prescribed after each level, were it drawn at that step.

        The level two steps before is left out of account here. None where nothing is prescribed.
        """
        if fixed is None and lengths is None:
            return None
        n, length, _ = wide.shape
        most = max(1, CELLS // self.count**2)
        if n > most:
            parts = [slice(at, at + most) for at in range(0, n, most)]
            told = [(None if fixed is None else fixed[p], None if lengths is None else lengths[p]) for p in parts]
            found = [self._ahead(wide[part], *one, several) for part, one in zip(parts, told, strict=True)]
            return np.concatenate([part for part in found if part is not None])
        ahead = np.zeros((n, length, self.count), dtype=np.float32)
        passable = self.allowed.T.astype(np.float32)
        ending = np.where(self._edge(self.lasts), 0, DEAD).astype(np.float32)
        exact = fixed is not None and bool((fixed >= 0).any()) and self.count <= MANY
        for step in range(length - 1, -1, -1):
            if step + 1 < length:
                onward = ahead[:, step + 1] + _told(fixed, step + 1, self.count, several)
                if exact:
                    ways = self._transitions(wide[:, step + 1]) + onward[:, None]
                    top = ways.max(axis=2, keepdims=True)
                    message = (np.log(np.exp(ways - top).sum(axis=2)) + top[..., 0]).astype(np.float32)
                    ahead[:, step] = np.maximum(message, DEAD)
                else:
                    ahead[:, step] = np.where((onward > DEAD / 2) @ passable > 0, 0, DEAD)
            if lengths is not None:
                ahead[:, step] = np.where((lengths - 1 == step)[:, None], ending, ahead[:, step])
                ahead[lengths - 1 < step, step] = 0
        return ahead

    def _transitions(self, wide: Floats) -> Floats:
        """Return log-probabilities `(n, K, K)` of each level after each level, at one step `(n, H)`."""
        own = wide @ self.weights[1:] + self.weights[0]
        scores = own[:, None] + self._scores[0]
        if len(self.deltas) > 1:
            moved = (wide @ self._changes[1:] + self._changes[0]).reshape(len(wide), -1, self.count)
            scores += moved[:, self.slots]
        return log_softmax(scores).astype(np.float32)

    def log_likelihood(self, features: Floats, fixed: Ints, several: Bools | None = None) -> NDArray[np.float64]:
        """Return the log-probability `(n, T)` of the level prescribed at each step, given those prescribed before.

        Parameters
        ----------
        features : float32 array of shape (n, T, F)
        fixed : int64 array of shape (n, T)
        several : bool array of shape (K,) or None
            As in `draw`. What is left open is summed over. The level two steps before is left out of account.
        """
        most = max(1, CELLS // self.count**2)
        if len(fixed) > most:
            parts = [slice(at, at + most) for at in range(0, len(fixed), most)]
            return np.concatenate([self.log_likelihood(features[part], fixed[part], several) for part in parts])
        wide = widen(features, self.hinges)
        start = wide[:, 0] @ self.first[1:] + self.first[0] + self._scores[1]
        told = (fixed >= 0) & (fixed < self.count)
        if told[:, 0].all() and (told[:, 1:] <= told[:, :-1]).all() and not (fixed[~told] >= 0).any():
            return self._along(wide, start, fixed, told)
        total = np.zeros(fixed.shape)
        state = log_softmax(start).astype(np.float64)
        final = int(np.flatnonzero(np.append((fixed >= 0).sum(axis=0), 0)).max(initial=0))
        for step in range(final + 1):
            if step:
                ways = state[:, :, None] + self._transitions(wide[:, step])
                top = ways.max(axis=1)
                state = np.log(np.exp(ways - top[:, None]).sum(axis=1)) + top
            state = state + _told(fixed, step, self.count, several)
            top = state.max(axis=1)
            total[:, step] = np.log(np.exp(state - top[:, None]).sum(axis=1)) + top
            state -= total[:, step, None]
        return total

    def _along(self, wide: Floats, start: Floats, fixed: Ints, told: Bools) -> NDArray[np.float64]:
        """Return log-probabilities `(n, T)` of levels of which none is open before the last that is told."""
        levels = np.where(told, fixed, 0)
        total = np.zeros(fixed.shape)
        total[:, :1] = np.take_along_axis(log_softmax(start), levels[:, :1], axis=1)
        if fixed.shape[1] > 1:
            last = levels[:, :-1]
            scores = wide[:, 1:] @ self.weights[1:] + self.weights[0] + self._scores[0][last]
            if len(self.deltas) > 1:
                slots = self.slots[last]
                for slot in np.unique(slots):
                    mine = slots == slot
                    scores[mine] += wide[:, 1:][mine] @ self.deltas[slot, 1:] + self.deltas[slot, 0]
            found = np.take_along_axis(log_softmax(scores), levels[:, 1:, None], axis=2)[:, :, 0]
            total[:, 1:] = np.where(told[:, 1:], found, 0)
        return total

    def calibrate(self, features: Floats, rng: np.random.Generator, lengths: Ints | None = None) -> Conditional:
        """Return the same law with transitions that, drawn on these features, come as often as in the data.

        Numbers as drawn are never quite those of the data, and what they say of a level is a little wrong. Here the
        constants of each transition are moved until the transition matrix of levels drawn on them is the observed one
        (iterative proportional fitting; "Maximum likelihood estimation of a multivariate linear functional", Csiszar's
        I-projection, 1975, https://doi.org/10.1214/aop/1176996454).

        Parameters
        ----------
        features : float32 array of shape (n, T, F)
            Of drawn sequences.
        rng : numpy.random.Generator
        lengths : int64 array of shape (n,) or None
            Steps of each that count.
        """
        law = self
        wanted = _rates(self.pairs)
        inside = np.ones(features.shape[:2], dtype=bool)
        if lengths is not None:
            inside = np.arange(features.shape[1]) < lengths[:, None]
        for _ in range(ROUNDS):
            levels = law.draw(features, rng, lengths=lengths)
            code = levels[:, :-1] * self.count + levels[:, 1:]
            drawn = np.bincount(code[inside[:, 1:]], minlength=self.count**2).reshape(self.pairs.shape)
            enough = (self.pairs.sum(axis=1) >= ENOUGH) & (drawn.sum(axis=1) >= ENOUGH)
            step = np.where(enough[:, None] & self.allowed, np.log(wanted / _rates(drawn)), 0)
            law = replace(law, before=law.before + (0.7 * step.clip(-1, 1)).astype(np.float32))
        return law

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what was learned as named arrays."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Conditional:
        """Rebuild from `arrays`."""
        return cls(**{field.name: np.ascontiguousarray(arrays[field.name]) for field in fields(cls)})


def _counts(levels: Ints, count: int) -> Ints:
    return np.bincount(levels, minlength=count).astype(np.int64)


def _rates(pairs: Ints) -> NDArray[np.float64]:
    """Return transition rates, half a count added to each."""
    more = pairs + 0.5
    rates: NDArray[np.float64] = more / more.sum(axis=1, keepdims=True)
    return rates


def _told(fixed: Ints | None, step: int, count: int, several: Bools | None) -> Floats:
    """Return scores `(n, K)` that bar all but the prescribed levels of a step."""
    if fixed is None:
        return np.zeros((1, count), dtype=np.float32)
    told = fixed[:, step, None]
    open_ = (told < 0) | (told == np.arange(count))
    if several is not None:
        open_ |= (told == count) & several
    return np.where(open_, 0, 2 * DEAD).astype(np.float32)


def features_of(
    values: Floats, statics: Floats, continuous: Bools, others: list[Floats], follows: Bools | None = None
) -> Floats:
    """Return the features `(n, T, F)` of sequences: numbers now, one step before and one after, and what is fixed.

    Parameters
    ----------
    values : float32 array of shape (n, T, D)
    statics : float32 array of shape (n, S)
    continuous : bool array of shape (D,)
        Which latents are numbers.
    others : list of float32 arrays of shape (n, T, K)
        Categories that are known already, one-hot; covariates, positions.
    follows : bool array of shape (n, T) or None
        Which steps come next after the step before: where one does not, the numbers before it are taken to be its own,
        as are those after a last step. None if all but the first do.
    """
    numbers = values[:, :, continuous]
    joined = np.ones(values.shape[:2], dtype=bool) if follows is None else follows
    before, after = numbers.copy(), numbers.copy()
    before[:, 1:] = np.where(joined[:, 1:, None], numbers[:, :-1], numbers[:, 1:])
    after[:, :-1] = np.where(joined[:, 1:, None], numbers[:, 1:], numbers[:, :-1])
    fixed = np.broadcast_to(statics[:, None], (*values.shape[:2], statics.shape[1]))
    return np.concatenate([numbers, before, after, fixed, *others], axis=2)
