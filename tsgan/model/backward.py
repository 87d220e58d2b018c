r"""What the base says of all that is known ahead of a cell, carried from the end of a sequence to its start.

The base's regressions are one Gaussian :math:`x_i = a_i^T z + b_i + s_i \varepsilon` for each number of a row, given
the cells z before it: earlier ones of the row and those of the last p rows (seasons are left out). So
:math:`\psi(z) = p(\text{known ahead} \mid z)` is Gaussian in z, and numbers are taken out of it one by one, last
first: a backward information filter, in which a row is as many steps as it has numbers. What are no numbers (levels,
flags) enter as they are known, else as they are to be expected.

For categories :math:`\psi` is carried through the base's table of which level follows which, each column by itself ("A
tutorial on hidden Markov models and selected applications in speech recognition", Rabiner, 1989,
https://doi.org/10.1109/5.18626).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..arrays import Bools, Doubles
from ..layout import Category, Number
from ..panel import Given
from .generator import Generator
from .heads import code
from .runtime import to_array, to_tensor

KNOWN, MISSING, POINT = 1, 2, 3  # what may be known of a cell: it is a number, missing, a number by another outcome
MAX_WIDTH = 640  # numbers of a row and the rows before it that Gaussians are carried over: matrices of 3 MB each
MIN_KURTOSIS, MAX_KURTOSIS = 1.5, 4.0  # bounds of what the variance of a residual is multiplied by: see below


def lags_of(generator: Generator) -> int:
    """Return how many rows before the Gaussians are carried over; 0 where the row alone is too wide."""
    numbers, most = len(generator.heads.numbers), max(generator.lookback.order, 1)
    return max((k for k in range(1, most + 1) if (k + 1) * numbers <= MAX_WIDTH), default=0) if numbers else 0


@dataclass(frozen=True)
class NumberMessages:
    r"""What the rows ahead say of each number of one row, :math:`\exp(-\lambda x^2/2 + (\eta - r^T z) x)`.

    Here z is the row as far as it is drawn (zero from there on), and the rows before it. n sequences have U patterns of
    what is known; m numbers, d in z. All float64. The law of each number that was reckoned with is normal with mean
    `weights @ z + offset` and this `variance`.
    """

    precision: Tensor  # (U, m)
    linear: Tensor  # (n, m)
    cross: Tensor  # (U, m, d)
    weights: Tensor  # (m, d)
    offset: Tensor  # (n, m)
    variance: Tensor  # (U, m)
    counted: Tensor  # (U, m) bool, where this law of the number, which is known, is part of what was said before it


@dataclass(frozen=True)
class LevelMessages:
    """What the rows from this one on say of a category: log-probabilities of what is known of them."""

    log: Tensor  # (n, outcomes) float64, by outcome
    before: Tensor  # (n, outcomes) or (n, 1), by the outcome of the row before


class BackwardFilter:
    r"""What the base says of all that is known ahead, for n sequences.

    A guide that is narrower than the law leaves out what it should only make rarer: weights have no variance any more
    where the law's variance is three times the guide's. So the variance of residuals is taken times their kurtosis over
    3, which is :math:`E[\sigma^4] / E[\sigma^2]^2` if they are normal with a :math:`\sigma` of changing size, within
    `MIN_KURTOSIS` and `MAX_KURTOSIS`; and what levels that are not known would add to it is added.

    Attributes
    ----------
    pattern : int64 Tensor of shape (n,)
        Which sequences have the same cells known.
    numbers : list of (NumberMessages or None)
        By row.
    levels : list of dict of int to LevelMessages
        By row and cell.
    """

    def __init__(self, generator: Generator, given: Given, known: Bools, values: Doubles) -> None:
        self.g, self.given, self.known, self.values = generator, given, known, values
        self.n, self.steps = known.shape[:2]
        self.lags = lags_of(generator)
        self.pattern = torch.zeros(self.n, dtype=torch.int64)
        self.numbers: list[NumberMessages | None] = [None] * self.steps
        self.levels: list[dict[int, LevelMessages]] = [{} for _ in range(self.steps)]
        for j in generator.heads.several:
            if isinstance(generator.layout.cells[j], Category):
                self._carry_levels(j)
        if self.lags:
            self._carry_numbers()

    def _asked(self, j: int) -> Tensor | None:
        """Return which outcomes of a category are asked for on every row, if any are."""
        levels = self.given.allowed[j] if self.given.allowed else None
        if levels is None:
            return None
        mask = torch.zeros(self.g.heads.own[j].count, dtype=torch.bool)
        mask[: len(levels)] = to_tensor(np.asarray(levels, dtype=bool))
        return mask

    def _carry_levels(self, j: int) -> None:
        """Carry what is known of a category from the last row to the first."""
        known, asked = to_tensor(self.known[:, :, j]), self._asked(j)
        if (asked is None and not bool(known.any())) or bool(known.all()):
            return
        own, base = self.g.heads.own[j], self.g.outcomes(j)
        after, first = base.after.double(), base.first.double()
        inside = torch.arange(self.steps) < to_tensor(np.asarray(self.given.lengths))[:, None]
        level = self._levels_of(j)
        ahead = torch.zeros((self.n, own.count), dtype=torch.float64)
        for t in reversed(range(self.steps)):
            log = ahead.clone()
            if asked is not None:
                log[(inside[:, t] & ~known[:, t])[:, None] & ~asked] = -math.inf
            only = torch.full_like(log, -math.inf).scatter_(1, level[:, t, None], 0.0)
            log = torch.where(known[:, t, None], log + only, log)
            if not own.has_table:  # nothing to carry it through
                before = torch.zeros((self.n, 1), dtype=torch.float64)
            elif t == 0:
                before = torch.logsumexp(first + log, 1, keepdim=True)
            else:
                before = torch.logsumexp(after[: own.count] + log[:, None], 2)
            self.levels[t][j] = LevelMessages(log, before)
            ahead = before.expand_as(ahead)

    def _levels_of(self, j: int) -> Tensor:
        """Return the outcomes of a category as known, `(n, T)`; missing or 0 where it is not."""
        values, missing = to_tensor(self.values[:, :, j]), self.g.heads.own[j].missing
        return torch.where(values.isnan(), float(missing), values).long().clamp_min(0)

    def _carry_numbers(self) -> None:
        """Carry what is known of the numbers from the last row to the first."""
        g, numbers = self.g, self.g.heads.numbers
        # a number that is what it is by another outcome (an atom, as before) says next to nothing of the others
        age = torch.arange(self.steps).expand(self.n, -1)
        point = to_array(code(to_tensor(self.values), age, g.layout.cells).outcome) > 0
        every = np.where(self.known, np.where(np.isnan(self.values), MISSING, np.where(point, POINT, KNOWN)), 0)
        every = every.astype(np.int8)
        patterns, of = np.unique(every.reshape(self.n, -1), axis=0, return_inverse=True)
        every = patterns.reshape(-1, *self.known.shape[1:])
        state = every[:, :, numbers]
        doubtful = to_tensor(every == 0).double()
        self.pattern = to_tensor(of.reshape(-1).astype(np.int64))
        unknown = (state == 0).any(2)
        recent = unknown.copy()
        for k in range(1, min(max(g.lookback.order, 1), self.steps - 1) + 1):
            recent[:, k:] |= unknown[:, :-k]
        later = np.flip(np.logical_or.accumulate(np.flip((state == KNOWN).any(2), 1), 1), 1)
        active = to_tensor(recent & later)
        laws = {k: self._law(k) for k in range(g.lookback.order + 1)}
        flags, shares = self._flags()
        m, d = len(numbers), (self.lags + 1) * len(numbers)
        square = torch.zeros((len(state), d, d), dtype=torch.float64)
        line = torch.zeros((self.n, d), dtype=torch.float64)
        y = to_tensor(np.nan_to_num(self.values[:, :, numbers]))
        vector, at = g.linear.vector, g.linear.vector.terms.at
        statics = vector.static_terms(to_tensor(self.given.statics))
        for t in reversed(range(self.steps)):
            now = active[:, t]
            if t + 1 < self.steps and bool(now.any()):
                square = torch.nn.functional.pad(square[:, m:, m:], (0, m, 0, m))
                line = torch.nn.functional.pad(line[:, m:], (0, m))
            square = square * now[:, None, None]
            line = line * now[self.pattern][:, None]
            if not bool(now.any()):
                continue
            k = min(t, g.lookback.order)
            a, variance = laws[k], self._variance(k).expand(len(state), -1)
            covariates = to_tensor(self.given.covariates[:, t]).double()
            stage = g.linear.stage(k)
            offset = stage.constant + torch.cat([covariates, statics], 1) @ stage.outer[:, : vector.known].T
            for lag in range(k + 1 if shares else 0):
                weight = g.linear.weights(k, lag)
                offset = offset + flags[:, t - lag] @ weight.T
                for j, share in shares.items():
                    own = weight[:, int(at[j + 1]) - len(share) : int(at[j + 1])]
                    doubt = own.square() @ share - (own @ share).square()
                    variance = variance + doubtful[:, t - lag, j, None] * doubt
            known = to_tensor(state[:, t])
            precision, cross = torch.zeros((len(state), m)).double(), torch.zeros((len(state), m, d)).double()
            linear = torch.zeros((self.n, m), dtype=torch.float64)
            for i in reversed(range(m)):
                precision[:, i], cross[:, i], linear[:, i] = square[:, i, i].clamp_min(0), square[:, i], line[:, i]
                cross[:, i, i:m] = 0.0
                back = m + i if t else -1
                self._eliminate(square, line, i, a[i], offset[:, i], variance[:, i], known[:, i], y[:, t, i], back)
            counted = now[:, None] & (known == KNOWN)
            self.numbers[t] = NumberMessages(precision, linear, cross, a, offset, variance, counted)

    def _eliminate(
        self,
        square: Tensor,
        line: Tensor,
        i: int,
        a: Tensor,
        b: Tensor,
        s2: Tensor,
        known: Tensor,
        y: Tensor,
        back: int,
    ) -> None:
        r"""Take number i out of :math:`\exp(-z^T \Lambda z / 2 + \eta^T z)`, in place.

        With :math:`\lambda = \Lambda_{ii}`, r the rest of that row, :math:`\mu = a^T z + b` and
        :math:`h = \eta_i - r^T z`, an unknown number is integrated over,

        .. math:: \int N(x; \mu, s^2) \, e^{-\lambda x^2 / 2 + h x} dx \propto
            \exp \frac{-\lambda \mu^2 / 2 + h \mu + s^2 h^2 / 2}{1 + \lambda s^2},

        a known one is put in, times :math:`N(y; \mu, s^2)` unless it is a `POINT`, and a missing one is what it was in
        the row before (`back`).
        Each adds :math:`c_1 a a^T + c_2 (r a^T + a r^T) + c_3 r r^T` and :math:`l_a a + l_r r`.
        """
        of = self.pattern
        lam = square[:, i, i].clone()
        r = square[:, i].clone()
        r[:, i] = 0.0
        eta = line[:, i].clone()
        is_known, gone, point = known == KNOWN, known == MISSING, known == POINT
        v = 1 + lam * s2
        zero = torch.zeros_like(lam)
        c1 = torch.where(is_known, 1 / s2, torch.where(gone, lam, torch.where(point, zero, lam / v)))
        c2 = torch.where(is_known | point, zero, torch.where(gone, 1.0, 1 / v))
        c3 = torch.where(is_known | gone | point, zero, -s2 / v)
        along = a.expand(len(r), -1)
        if bool(gone.any()):
            old = torch.zeros_like(a)
            if back >= 0:
                old[back] = 1.0
            along = torch.where(gone[:, None], old, along)
        is_known, gone, point, v, s2 = is_known[of], gone[of], point[of], v[of], s2[of]
        on_a = torch.where(is_known, (y - b) / s2, torch.where(gone, eta, (eta - lam[of] * b) / v))
        on_a = torch.where(point, 0.0, on_a)
        on_r = torch.where(is_known | point, -y, torch.where(gone, 0.0, -(b + s2 * eta) / v))
        # c1 a a' + c2 (r a' + a r') + c3 r r' as the product of two thin matrices
        left = torch.stack([along, r], 2)
        right = torch.stack([c1[:, None] * along + c2[:, None] * r, c2[:, None] * along + c3[:, None] * r], 1)
        square.baddbmm_(left, right)
        line += on_a[:, None] * along[of] + on_r[:, None] * r[of]
        square[:, i] = 0.0
        square[:, :, i] = 0.0
        line[:, i] = 0.0

    def _law(self, k: int) -> Tensor:
        """Return the weights `(m, d)` of the row and the rows before in each number's value, k rows after a start."""
        linear = self.g.linear
        at = to_tensor(linear.vector.terms.of_numbers)
        m = len(at)
        a = torch.zeros((m, (self.lags + 1) * m), dtype=torch.float64)
        inner = linear.weights(k, 0)[:, at]
        a[:, :m] = inner
        if k:
            a[:, m : 2 * m] += torch.eye(m, dtype=torch.float64) - inner
        for lag in range(1, k + 1):
            place = min(lag, self.lags)  # older ones than are kept count as the oldest
            a[:, place * m : (place + 1) * m] += linear.weights(k, lag)[:, at]
        return a

    def _variance(self, k: int) -> Tensor:
        """Return the variance of each number's residual that is reckoned with, `(m,)`."""
        weight, mean, log_sigma = self.g.get_buffer("bias")[min(k, 1)].double().unbind(1)
        spread = self.g.linear.stage(k).spread
        share, var = torch.softmax(weight, 1), torch.exp(2 * log_sigma)
        off = (mean - (share * mean).sum(1, keepdim=True)).square()
        second = (share * (var + off)).sum(1)
        fourth = (share * (3 * var.square() + 6 * var * off + off.square())).sum(1)
        return spread.square() * (fourth / second.square() / 3).clamp(MIN_KURTOSIS, MAX_KURTOSIS)

    def _flags(self) -> tuple[Tensor, dict[int, Tensor]]:
        """Return the terms of all rows that are no numbers, `(n, T, terms)`, as known or expected; shares by cell."""
        terms, own = self.g.linear.vector.terms, self.g.heads.own
        out = torch.zeros((self.n, self.steps, terms.size), dtype=torch.float64)
        shares: dict[int, Tensor] = {}
        for j, cell in enumerate(self.g.layout.cells):
            at, end = int(terms.at[j]) + isinstance(cell, Number), int(terms.at[j + 1])
            if end <= at:
                continue
            share = self.g.outcomes(j).marginal.double()
            asked = self._asked(j) if isinstance(cell, Category) else None
            share = torch.softmax(share if asked is None else share.masked_fill(~asked, -math.inf), 0)
            if isinstance(cell, Number):
                real = to_tensor(np.isnan(self.values[:, :, j])).double()[:, :, None]
                share = share[own[j].missing :]
            else:
                real = torch.nn.functional.one_hot(self._levels_of(j), own[j].count).double()
            out[:, :, at:end] = torch.where(to_tensor(self.known[:, :, j])[:, :, None], real, share)
            shares[j] = share
        return out, shares
