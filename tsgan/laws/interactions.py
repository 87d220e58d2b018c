"""What a category's law needs beyond features and the level before: hinges, memory, interactions.

Each addition is tried on held-back rows and stays if their likelihood gains more than chance would give. Hinges make a
feature's effect piecewise linear; the most promising are found by their slope of the likelihood (a score test).
Interactions are a regression per level before, shrunk towards the pooled one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from ..panel import Floats, Ints
from .multinomial import Doubles, log_softmax, one_hot, regress

MOST, CELLS = 20_000, 1_500_000  # rows that a regression learns from, and rows times levels
TRIAL, TESTED = 6_000, 100  # rows that additions are tried on, and how many must be held back for it
MANY = 64  # levels above which nothing is added: too dear, and too few rows for each
FIRSTS = 30  # sequences from which on first levels are learned from first rows alone
QUANTILES, HINGES = (0.1, 0.35, 0.65, 0.9), 60  # knots of hinges, and how many hinges there may be
FEW = 20  # distinct values of a feature up to which each is a knot
OWN = 40  # rows after a level, for it to have weights of its own
STRENGTHS = (30.0, 3.0)  # of the shrinkage of interactions
EDGE_RIDGE = 1.0  # of first levels: few rows
GAIN = 1e-3  # log-likelihood per row that an addition must give

Bools = NDArray[np.bool_]


def widen(features: Floats, hinges: Floats) -> Floats:
    """Append hinges `max(0, x - knot)` to the last axis of features."""
    if not len(hinges):
        return features
    place = hinges[:, 0].astype(np.int64)
    return np.concatenate([features, np.maximum(features[..., place] - hinges[:, 1], 0)], axis=-1)


class Learner:
    """Fits the parts of a `Conditional` to rows.

    Parameters
    ----------
    features : float32 array of shape (rows, F)
    levels : int64 array of shape (rows,)
        -1 where unknown.
    count : int
        K.
    follows : bool array of shape (rows,)
        False for the first row.
    """

    def __init__(self, features: Floats, levels: Ints, count: int, follows: Bools) -> None:
        self.features, self.levels, self.count, self.follows = features, levels, count, follows
        past = np.where(follows, np.roll(levels, 1), -1)
        self.past = past
        self.older = np.where(follows & (past >= 0), np.roll(past, 1), -1)
        sequence = np.cumsum(~follows)
        self.several = int(sequence[-1]) if len(sequence) else 0
        block = max(len(levels) // 50, 1)
        part = sequence if self.several >= 10 else np.arange(len(levels)) // block
        self.held = part % 5 == 2

    def learn(self) -> dict[str, Any]:
        """Return the fields of a `Conditional` but for `firsts` and `lasts`."""
        count, known = self.count, self.levels >= 0
        after = np.flatnonzero(known & (self.past >= 0))
        pairs = np.bincount(self.past[after] * count + self.levels[after], minlength=count**2).reshape(count, count)
        self.barred = np.where((pairs > 0) | (pairs.sum(axis=1, keepdims=True) == 0), 0.0, -1e4)
        hinges, memory, strength = self._choose(after)
        some = _thin(after, min(MOST, CELLS // max(count, 1)))
        zero = np.zeros((count, count), dtype=np.float32)
        wide = widen(self.features, hinges)
        found: dict[str, Any] = {"hinges": hinges, "pairs": pairs.astype(np.int64), "second": zero, "before": zero}
        found["first"] = self._first(wide, known)
        found["weights"] = found["first"]
        found["slots"] = np.zeros(count, dtype=np.int64)
        found["deltas"] = np.zeros((1, wide.shape[1] + 1, count), dtype=np.float32)
        if len(some) < 2:
            return found
        weights, extra, offset = self._fit(wide[some], some, memory)
        found["weights"], found["before"] = weights.astype(np.float32), extra[:count].astype(np.float32)
        if memory:
            found["second"] = extra[count:].astype(np.float32)
        if strength is not None:
            found["slots"], deltas = self._interact(wide[some], some, offset, strength)
            found["deltas"] = deltas.astype(np.float32)
        return found

    def _first(self, wide: Floats, known: Bools) -> Floats:
        """Return the weights of a level that has none before it."""
        rows = np.flatnonzero(known & ~self.follows)
        ridge = EDGE_RIDGE
        if len(rows) < FIRSTS:
            rows, ridge = np.flatnonzero(known), EDGE_RIDGE / 10
        rows = _thin(rows, min(MOST, CELLS // max(self.count, 1)))
        if not len(rows):
            return np.zeros((wide.shape[1] + 1, self.count), dtype=np.float32)
        return regress(wide[rows], self.levels[rows], self.count, ridge=ridge)[0].astype(np.float32)

    def _memory(self, rows: Ints, memory: bool) -> csr_array:
        codes = [one_hot(self.past[rows], self.count)]
        if memory:
            codes.append(one_hot(self.older[rows], self.count))
        return csr_array(hstack(codes))

    def _fit(self, wide: Floats, rows: Ints, memory: bool) -> tuple[Doubles, Doubles, Doubles]:
        """Return weights, what levels before add, and the scores of the rows."""
        codes = self._memory(rows, memory)
        barred = self.barred[self.past[rows]]
        weights, extra = regress(wide, self.levels[rows], self.count, codes, barred)
        return weights, extra, wide @ weights[1:] + weights[0] + codes @ extra + barred

    def _interact(self, wide: Floats, rows: Ints, offset: Doubles, strength: float) -> tuple[Ints, Doubles]:
        """Return the slot of each level before, and the changes of weights it points to; the last are zero."""
        past = self.past[rows]
        found: list[Doubles] = []
        slots = np.full(self.count, -1, dtype=np.int64)
        for level in np.flatnonzero(np.bincount(past, minlength=self.count) >= OWN):
            own = past == level
            target = self.levels[rows[own]]
            if len(np.unique(target)) < 2:
                continue
            slots[level] = len(found)
            change = regress(wide[own], target, self.count, None, offset[own], strength, constants=False)[0]
            found.append(change)
        slots[slots < 0] = len(found)
        return slots, np.stack([*found, np.zeros((wide.shape[1] + 1, self.count))])

    def _choose(self, after: Ints) -> tuple[Floats, bool, float | None]:
        """Return the hinges, whether the level two steps before counts, and how far interactions are shrunk."""
        none = np.zeros((0, 2), dtype=np.float32)
        if self.count > MANY:
            return none, False, None
        some = _thin(after, min(TRIAL, CELLS // 2 // max(self.count, 1)))
        train, test = some[~self.held[some]], some[self.held[some]]
        if len(test) < TESTED or len(train) < 2 * TESTED or len(np.unique(self.levels[train])) < 2:
            return none, False, None
        rows, split = np.concatenate([train, test]), len(train)

        def score(hinges: Floats, memory: bool, strength: float | None) -> tuple[Doubles, Doubles]:
            """Return the log-likelihood of the held-back rows, and the residuals of the others."""
            wide = widen(self.features[rows], hinges)
            weights, extra, told = self._fit(wide[:split], train, memory)
            scores = wide @ weights[1:] + weights[0] + self._memory(rows, memory) @ extra
            scores += self.barred[self.past[rows]]
            if strength is not None:
                slots, deltas = self._interact(wide[:split], train, told, strength)
                for level in np.unique(self.past[test]):
                    own = np.flatnonzero(self.past[rows] == level)
                    change = deltas[slots[level]]
                    scores[own] += wide[own] @ change[1:] + change[0]
            share = log_softmax(scores)
            rest = np.eye(self.count)[self.levels[train]] - np.exp(share[:split])
            return share[split:][np.arange(len(test)), self.levels[test]].clip(-20), rest

        best, rest = score(none, False, None)
        hinges, memory = none, False
        strength: float | None = None
        offered = _offer(self.features[train], rest)
        if len(offered):
            told = score(offered, False, None)[0]
            if _better(told, best):
                best, hinges = told, offered
        if (self.older[train] >= 0).any():
            told = score(hinges, True, None)[0]
            if _better(told, best):
                best, memory = told, True
        for one in STRENGTHS:
            told = score(hinges, memory, one)[0]
            if _better(told, best):
                best, strength = told, one
        return hinges, memory, strength


def _offer(features: Floats, rest: Doubles) -> Floats:
    """Return the hinges `(H, 2)` along which the likelihood rises most, given the residuals `(rows, K)` of a fit."""
    found = []
    for at in range(features.shape[1]):
        values = np.unique(features[:, at])
        if len(values) > FEW:
            values = np.unique(np.quantile(features[:, at], QUANTILES).astype(np.float32))
        elif len(values):
            values = values[1:-1]
        found += [(at, knot) for knot in values]
    if not found:
        return np.zeros((0, 2), dtype=np.float32)
    offered = np.array(found, dtype=np.float32)
    rising = widen(features, offered)[:, features.shape[1] :].astype(np.float64)
    rising = (rising - rising.mean(axis=0)) / np.maximum(rising.std(axis=0), 1e-9)
    slope = ((rising.T @ rest) ** 2).sum(axis=1)
    return offered[np.sort(np.argsort(-slope, kind="stable")[:HINGES])]


def _better(told: Doubles, best: Doubles) -> bool:
    """Whether held-back rows gain more than chance would give."""
    gain = told - best
    return bool(gain.mean() > GAIN + 2 * gain.std() / np.sqrt(len(gain)))


def _thin(rows: Ints, most: int) -> Ints:
    """Return at most `most` of the rows, spread evenly."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), max(most, 1))).astype(np.int64)] if len(rows) else rows
