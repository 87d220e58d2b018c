r"""What is unknown, drawn given what is known: a past, a hole, a cell of a row, levels that may come.

Sequences are drawn row by row and cell by cell, N times side by side; what is known is put in its place, and each of
the N (a *particle*) is weighted by the likelihood of it. Where weights become unequal, particles are drawn anew by
weight ("Novel approach to nonlinear/non-Gaussian Bayesian state estimation", Gordon, Salmond & Smith, 1993,
https://doi.org/10.1049/ip-f-2.1993.0015), systematically ("Monte Carlo filter and smoother for non-Gaussian nonlinear
state space models", Kitagawa, 1996, https://doi.org/10.1080/10618600.1996.10474692). At the end one is drawn by weight.

A particle that walks into a long hole blindly misses what comes after it. So it is told ("Twisted particle filters",
Whiteley & Lee, 2014, https://arxiv.org/abs/1210.0220): with :math:`\psi(z)` what some simpler law says of all that is
known ahead, given the cells `z` so far, the cell x is drawn from :math:`p(x \mid z) \, \psi(z, x)` instead of `p`, and
the weight grows by

.. math:: \frac{\int p(x \mid z) \, \psi(z, x) \, dx}{\psi(z)}, \qquad \text{known: } \;
    \frac{p(x \mid z) \, \psi(z, x)}{\psi(z)}.

Whatever :math:`\psi` is, these weights are right; they do not vary at all where the simpler law is the law itself.
Ours is the base. Its regressions are one Gaussian :math:`x_i = a_i^T z + b_i + s_i \varepsilon` for each number of a
row, so that :math:`\psi` is Gaussian in the numbers of the row and of the last p rows; it is carried from the end to
the start, cell by cell (`_eliminate`). As a function of x alone it is :math:`\exp(-\lambda x^2 / 2 + h x)`, whose product
with a mixture of normals is one. For categories :math:`\psi` is carried through the base's table of which level follows
which ("A tutorial on hidden Markov models", Rabiner, 1989, https://doi.org/10.1109/5.18626), each column by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..layout import Category, Number
from ..panel import Bools, Doubles, Given, Ints
from .base import TABLE
from .generator import LOG_SIGMA, Generator
from .heads import CLOSE
from .pieces import static_terms
from .rollout import AGAIN, Rollout

PARTICLES = 32  # of a sequence: the filled values of a linear-Gaussian table are exact with any number of them
MOST = 16_000_000  # numbers that a block of sequences keeps
MOST_SIDE = 4096  # particles side by side in a block
SETTLED = 16  # wholly known rows after which particles do not differ any more in what they say of rows to come
WIDEST = 640  # numbers of a row and the rows before it that Gaussians ahead are carried over
TINY = 1e-300


def complete(generator: Generator, given: Given, rng: np.random.Generator, particles: int = PARTICLES) -> Doubles:
    """Draw what is unknown of sequences, given what is known.

    Parameters
    ----------
    generator : Generator
    given : Given
        What is known. Known cells hold even where `allowed` forbids their level; NaN in a cell that can be missing is
        known to be missing, in another it is unknown. Nothing known beyond a sequence's end counts.
    rng : numpy.random.Generator
    particles : int
        N. Sequences of which nothing is known after their first unknown cell need but one, and are drawn exactly.

    Returns
    -------
    float64 array of shape (n, T, C)
        NaN where missing, and after the end of a sequence.

    Notes
    -----
    Sequences are drawn in blocks of `block_size`, each with a stream of its own that is taken from `rng` when its turn
    comes: a call in parts that end where blocks do gives what one call gives.
    """
    n, steps = given.shape
    out = np.full((n, steps, len(generator.layout.cells)), np.nan)
    size = block_size(generator, steps, particles)
    for at in range(0, n if steps else 0, size):
        some = slice(at, at + size)
        out[some] = _Block(generator, _part(given, some), int(rng.integers(2**62)), particles).run()
    return out


def block_size(generator: Generator, steps: int, particles: int = PARTICLES) -> int:
    """Return how many sequences of so many steps are drawn side by side."""
    cells, numbers = len(generator.layout.cells), len(generator.heads.numbers)
    lags = _lags(generator)
    side = (lags + 1) * numbers if lags else 0
    kept = steps * (cells * max(particles, 1) + numbers * side) + 4 * side**2
    return max(1, min(MOST_SIDE // max(particles, 1), MOST // max(kept, 1)))


def _part(given: Given, some: slice) -> Given:
    """Return some sequences, of which nothing is known where nothing is told."""
    covariates, n = given.covariates[some], len(given.covariates[some])
    steps = covariates.shape[1]
    lengths = np.full(n, steps, dtype=np.int64) if given.lengths is None else given.lengths[some]
    if given.values is None or given.known is None:
        return Given(given.statics[some], covariates, lengths, None, None, given.allowed)
    return Given(given.statics[some], covariates, lengths, given.values[some], given.known[some], given.allowed)


def _lags(generator: Generator) -> int:
    """Return how many rows before the Gaussians are carried over; 0 where the row alone is too wide."""
    numbers, most = len(generator.heads.numbers), max(generator.order, 1)
    return max((k for k in range(1, most + 1) if (k + 1) * numbers <= WIDEST), default=0) if numbers else 0


@dataclass(frozen=True)
class Messages:
    r"""What the rows ahead say of each number of one row, :math:`\exp(-\lambda x^2/2 + (\eta - r^T z) x)`.

    Here z is the row as far as it is drawn (zero from there on), and the rows before it. n sequences have U patterns of
    what is known; m numbers, d in z.

    Attributes
    ----------
    precision : float64 Tensor of shape (U, m)
    linear : float64 Tensor of shape (n, m)
    cross : float64 Tensor of shape (U, m, d)
    weights : float64 Tensor of shape (m, d)
        The base's law of each number: `weights @ z + offset`, with a standard deviation of `spread`.
    offset : float64 Tensor of shape (n, m)
    spread : float64 Tensor of shape (m,)
    active : bool Tensor of shape (U,)
        Where known cells of this row are part of what was said before it.
    """

    precision: Tensor
    linear: Tensor
    cross: Tensor
    weights: Tensor
    offset: Tensor
    spread: Tensor
    active: Tensor


@dataclass(frozen=True)
class Levels:
    """What the rows from this one on say of a category.

    Attributes
    ----------
    log : float64 Tensor of shape (n, outcomes)
        Log-probability of what is known of this row and of the rows ahead, by outcome.
    before : float64 Tensor of shape (n, outcomes) or (n, 1)
        The same by the outcome of the row before.
    """

    log: Tensor
    before: Tensor


class LookAhead:
    """What the base says of all that is known ahead, for n sequences.

    Parameters
    ----------
    generator : Generator
    given : Given
        With lengths.
    known : bool array of shape (n, T, C)
    values : float64 array of shape (n, T, C)

    Attributes
    ----------
    pattern : int64 Tensor of shape (n,)
        Which sequences have the same cells known.
    numbers : list of (Messages or None)
        By row.
    levels : list of dict of int to Levels
        By row and cell.
    """

    def __init__(self, generator: Generator, given: Given, known: Bools, values: Doubles) -> None:
        self.g, self.given, self.known, self.values = generator, given, known, values
        self.n, self.steps = known.shape[:2]
        self.lags = _lags(generator)
        self.pattern = torch.zeros(self.n, dtype=torch.int64)
        self.numbers: list[Messages | None] = [None] * self.steps
        self.levels: list[dict[int, Levels]] = [{} for _ in range(self.steps)]
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
        mask[: len(levels)] = torch.from_numpy(np.asarray(levels, dtype=bool))
        return mask

    def _carry_levels(self, j: int) -> None:
        known, asked = torch.from_numpy(self.known[:, :, j]), self._asked(j)
        if (asked is None and not bool(known.any())) or bool(known.all()):
            return
        own = self.g.heads.own[j]
        inside = torch.arange(self.steps) < torch.from_numpy(np.asarray(self.given.lengths))[:, None]
        told = torch.from_numpy(self.values[:, :, j])
        told = torch.where(told.isnan(), float(own.missing), told).long().clamp_min(0)
        after, first = getattr(self.g, f"after{j}").double(), getattr(self.g, f"first{j}").double()
        ahead = torch.zeros((self.n, own.count), dtype=torch.float64)
        for t in reversed(range(self.steps)):
            log = ahead.clone()
            if asked is not None:
                log[(inside[:, t] & ~known[:, t])[:, None] & ~asked] = -math.inf
            only = torch.full_like(log, -math.inf).scatter_(1, told[:, t, None], 0.0)
            log = torch.where(known[:, t, None], log + only, log)
            if own.count > TABLE:  # no table to carry it through
                before = torch.zeros((self.n, 1), dtype=torch.float64)
            elif t == 0:
                before = torch.logsumexp(first + log, 1, keepdim=True)
            else:
                before = torch.logsumexp(after + log[:, None], 2)
            self.levels[t][j] = Levels(log, before)
            ahead = before.expand_as(ahead)

    def _carry_numbers(self) -> None:
        g, numbers = self.g, self.g.heads.numbers
        told = self.known[:, :, numbers]
        state = np.where(told, 1 + np.isnan(self.values[:, :, numbers]), 0).astype(np.int8)
        patterns, of = np.unique(state.reshape(self.n, -1), axis=0, return_inverse=True)
        state = patterns.reshape(-1, self.steps, len(numbers))
        self.pattern = torch.from_numpy(of.reshape(-1).astype(np.int64))
        unknown = (state == 0).any(2)
        recent = unknown.copy()
        for k in range(1, min(max(g.order, 1), self.steps - 1) + 1):
            recent[:, k:] |= unknown[:, :-k]
        later = np.flip(np.logical_or.accumulate(np.flip((state == 1).any(2), 1), 1), 1)
        active = torch.from_numpy(recent & later)
        laws = {k: self._law(k) for k in range(g.order + 1)}
        flags = self._flags() if g.linear.vector.terms.size > len(numbers) else None
        m, d = len(numbers), (self.lags + 1) * len(numbers)
        square = torch.zeros((len(state), d, d), dtype=torch.float64)
        line = torch.zeros((self.n, d), dtype=torch.float64)
        y = torch.from_numpy(np.nan_to_num(self.values[:, :, numbers]))
        fixed = g.linear.vector.fixed
        statics = torch.from_numpy(self.given.statics)
        terms = static_terms(statics, fixed) if fixed.size else statics.new_zeros((self.n, 0))
        for t in reversed(range(self.steps)):
            now = active[:, t]
            if t + 1 < self.steps and bool(now.any()):
                square = torch.nn.functional.pad(square[:, m:, m:], (0, m, 0, m))
                line = torch.nn.functional.pad(line[:, m:], (0, m))
            square = square * now[:, None, None]
            line = line * now[self.pattern][:, None]
            if not bool(now.any()):
                continue
            k = min(t, g.order)
            a, spread = laws[k], g.linear.part("spread", k)
            covariates = torch.from_numpy(self.given.covariates[:, t]).double()
            offset = self._offset(k, torch.cat([covariates, terms], 1), None if flags is None else flags[:, : t + 1])
            known = torch.from_numpy(state[:, t])
            precision, cross = torch.zeros((len(state), m)).double(), torch.zeros((len(state), m, d)).double()
            linear = torch.zeros((self.n, m), dtype=torch.float64)
            for i in reversed(range(m)):
                precision[:, i], cross[:, i], linear[:, i] = square[:, i, i].clamp_min(0), square[:, i], line[:, i]
                cross[:, i, i:m] = 0.0
                back = m + i if t else -1
                self._eliminate(square, line, i, a[i], offset[:, i], float(spread[i]), known[:, i], y[:, t, i], back)
            self.numbers[t] = Messages(precision, linear, cross, a, offset, spread, now)

    def _eliminate(
        self,
        square: Tensor,
        line: Tensor,
        i: int,
        a: Tensor,
        b: Tensor,
        spread: float,
        known: Tensor,
        y: Tensor,
        back: int,
    ) -> None:
        r"""Take number i out of :math:`\exp(-z^T \Lambda z / 2 + \eta^T z)`, in place.

        With :math:`\lambda = \Lambda_{ii}`, r the rest of that row, :math:`\mu = a^T z + b` and
        :math:`h = \eta_i - r^T z`, an unknown number is integrated over,

        .. math:: \int N(x; \mu, s^2) \, e^{-\lambda x^2 / 2 + h x} dx \propto
            \exp \frac{-\lambda \mu^2 / 2 + h \mu + s^2 h^2 / 2}{1 + \lambda s^2},

        a known one is put in, times :math:`N(y; \mu, s^2)`, and a missing one is what it was in the row before (`back`).
        Each adds :math:`c_1 a a^T + c_2 (r a^T + a r^T) + c_3 r r^T` and :math:`l_a a + l_r r`.
        """
        of, s2 = self.pattern, spread**2
        lam = square[:, i, i].clone()
        r = square[:, i].clone()
        r[:, i] = 0.0
        eta = line[:, i].clone()
        told, gone = known == 1, known == 2
        v = 1 + lam * s2
        zero = torch.zeros_like(lam)
        c1 = torch.where(told, 1 / s2, torch.where(gone, lam, lam / v))
        c2 = torch.where(told, zero, torch.where(gone, 1.0, 1 / v))
        c3 = torch.where(told | gone, zero, -s2 / v)
        along = a.expand(len(r), -1)
        if bool(gone.any()):
            old = torch.zeros_like(a)
            if back >= 0:
                old[back] = 1.0
            along = torch.where(gone[:, None], old, along)
        on_a = torch.where(
            told[of], (y - b) / s2, torch.where(gone[of], eta, (eta - lam[of] * b) / v[of])
        )
        on_r = torch.where(told[of], -y, torch.where(gone[of], 0.0, -(b + s2 * eta) / v[of]))
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
        linear, terms = self.g.linear, self.g.linear.vector.terms
        at = torch.from_numpy(terms.of_numbers)
        m = len(at)
        a = torch.zeros((m, (self.lags + 1) * m), dtype=torch.float64)
        inner = linear.part("inner", k)[:, at]
        a[:, :m] = inner
        if k:
            a[:, m : 2 * m] += torch.eye(m, dtype=torch.float64) - inner
        for lag in range(1, k + 1):
            place = min(lag, self.lags)  # older ones than are kept count as the oldest
            first = linear.vector.known + (lag - 1) * terms.size
            a[:, place * m : (place + 1) * m] += linear.part("outer", k)[:, first + at]
        return a

    def _flags(self) -> Tensor:
        """Return the terms of all rows that are no numbers, `(n, T, terms)`: as known, or what is to be expected."""
        terms, own = self.g.linear.vector.terms, self.g.heads.own
        out = torch.zeros((self.n, self.steps, terms.size), dtype=torch.float64)
        for j, cell in enumerate(self.g.layout.cells):
            at, end = int(terms.at[j]) + isinstance(cell, Number), int(terms.at[j + 1])
            if end <= at:
                continue
            asked, share = self._asked(j) if isinstance(cell, Category) else None, getattr(self.g, f"marginal{j}").double()
            share = torch.softmax(share if asked is None else share.masked_fill(~asked, -math.inf), 0)
            told = torch.from_numpy(self.values[:, :, j])
            if isinstance(cell, Number):
                real, share = told.isnan().double()[:, :, None], share[own[j].missing :]
            else:
                code = torch.where(told.isnan(), float(own[j].missing), told).long().clamp_min(0)
                real = torch.nn.functional.one_hot(code, own[j].count).double()
            out[:, :, at:end] = torch.where(torch.from_numpy(self.known[:, :, j])[:, :, None], real, share)
        return out

    def _offset(self, k: int, known: Tensor, flags: Tensor | None) -> Tensor:
        """Return what the base adds to each number but for other numbers, `(n, m)`."""
        linear, terms = self.g.linear, self.g.linear.vector.terms
        outer = linear.part("outer", k)
        offset = linear.part("constant", k) + known @ outer[:, : linear.vector.known].T
        if flags is not None:
            offset = offset + flags[:, -1] @ linear.part("inner", k).T
            for lag in range(1, k + 1):
                first = linear.vector.known + (lag - 1) * terms.size
                offset = offset + flags[:, -1 - lag] @ outer[:, first : first + terms.size].T
        return offset


class GuidedRollout(Rollout):
    """A rollout whose cells are drawn towards what is known ahead.

    Before each step, `guide` says of which sequence each row in the making is; without it rows are drawn freely.
    """

    extra: Tensor
    owner: Tensor
    row: Tensor
    pattern: Tensor
    messages: Messages | None = None
    levels: dict[int, Levels] | None = None

    def guide(self, ahead: LookAhead | None, t: int, owner: Tensor) -> None:
        """Say what comes after row t; `owner` `(B,)` numbers the sequences of the look-ahead."""
        self.owner = owner
        self.messages, self.levels = (None, None) if ahead is None else (ahead.numbers[t], ahead.levels[t])
        if ahead is None or self.messages is None:
            return
        self.pattern = ahead.pattern[owner]
        m = len(self.g.heads.numbers)
        before = self.lags[:, : ahead.lags, self.g.linear.vector.terms.of_numbers].flatten(1)
        self.row = torch.cat([before.new_zeros((self.size, m)), before], 1)

    @torch.no_grad()
    def step(
        self,
        covariates: Tensor,
        known: Tensor | None = None,
        values: Tensor | None = None,
        allowed: tuple[Tensor | None, ...] = (),
    ) -> tuple[Tensor, Tensor]:
        """Draw one row as `Rollout.step` does; weights are float64, relative to what was said before the row."""
        self.extra = torch.zeros(self.size, dtype=torch.float64)
        x, weight = super().step(covariates, known, values, allowed)
        return x, weight.double() + self.extra

    def _logits(self, j: int, params: Tensor, gone: Tensor) -> Tensor:
        logits = super()._logits(j, params, gone)
        if not self.levels or j not in self.levels:
            return logits
        ahead = self.levels[j]
        joint = torch.log_softmax(logits.double(), 1) + ahead.log[self.owner]
        before = ahead.before[self.owner]
        if before.shape[1] > 1:
            before = before.gather(1, self.outcome[:, j, None])
        self.extra += torch.logsumexp(joint, 1) - before[:, 0]
        return joint

    def _number(
        self,
        j: int,
        cell: Number,
        params: Tensor,
        centre: Tensor,
        spread: Tensor,
        gone: Tensor,
        told: Tensor | None,
        values: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        if self.messages is None:
            return super()._number(j, cell, params, centre, spread, gone, told, values)
        own, i = self.g.heads.own[j], self.g.heads.numbers.index(j)
        say, z = self.messages, self.row
        mu = z @ say.weights[i] + say.offset[self.owner, i] - centre  # all values count from the centre
        lam = say.precision[self.pattern, i]
        h = say.linear[self.owner, i] - (say.cross[self.pattern, i] * z).sum(1) - lam * centre
        expected = _log_integral(lam, h, mu, say.spread[i])
        logits = None
        if own.count > 1:
            logits = torch.log_softmax(self._logits(j, params, gone).double(), 1)
        at = own.count if own.count > 1 else 0
        raw = params[:, at:].reshape(self.size, 3, -1) + self.g.bias[min(self.age, 1), i]
        w, mean, log_sigma = raw.double().unbind(1)
        w, mean, sigma = torch.log_softmax(w, 1), mean * spread, log_sigma.clamp(*LOG_SIGMA).exp() * spread
        bounds = cell.low - centre[:, None], cell.high - centre[:, None]
        bounded = math.isfinite(cell.low) or math.isfinite(cell.high)
        v = 1 + lam[:, None] * sigma.square()
        near, close = (mean + sigma.square() * h[:, None]) / v, sigma / v.sqrt()
        product = w + _log_integral(lam[:, None], h[:, None], mean, sigma)
        free = product
        if bounded:
            free = product + _log_between(*bounds, near, close)
        total = torch.logsumexp(free, 1)
        if bounded:
            total = total - torch.logsumexp(w + _log_between(*bounds, mean, sigma), 1)
        o = torch.zeros(self.size, dtype=torch.int64)
        points = {}
        if logits is not None:
            joint = logits.clone()
            joint[:, 0] += total
            for number, point in self._points(j, cell).items():
                points[number] = point
                joint[:, number] += (h - lam * (point - centre) / 2) * (point - centre)
            o = self._choose(joint)
            total = torch.logsumexp(joint, 1)
        drawn, moved = self._towards(j, cell, free, near, close, centre, h, lam)
        weight = total - expected + torch.where(o == 0, moved, 0.0)
        for number, point in points.items():
            drawn = torch.where(o == number, point, drawn)
        if told is not None and values is not None:
            real = torch.where(told, values, math.nan)
            o_told = self._outcome_of(j, cell, real)
            e = real - centre
            u = (e[:, None] - mean) / sigma
            log_p = torch.logsumexp(w - 0.5 * u.square() - sigma.log(), 1) - 0.5 * math.log(2 * math.pi)
            log_p = torch.where(o_told == 0, log_p + self._cell_width(j, real), 0.0)
            if logits is not None:
                log_p = log_p + logits.gather(1, o_told[:, None])[:, 0]
            base = -0.5 * ((e - mu) / say.spread[i]).square()
            counted = say.active[self.pattern] & ~real.isnan()
            log_p = log_p - torch.where(counted, base, 0.0)
            weight, o = torch.where(told, log_p, weight), torch.where(told, o_told, o)
            drawn = torch.where(told, torch.where(values.isnan(), self.x[:, j], values), drawn)
        self.extra += weight
        self.row[:, i] = drawn
        return drawn, o, o == own.missing, torch.zeros(self.size)

    def _points(self, j: int, cell: Number) -> dict[int, Tensor]:
        """Return what a number is, `(B,)`, under each of its outcomes that leaves no choice."""
        own, old = self.g.heads.own[j], self.x[:, j]
        out = {number: torch.full_like(old, atom) for number, atom in zip(own.atoms, cell.atoms, strict=True)}
        if own.stay > 0:
            out[own.stay] = old
        if own.straight > 0:
            on = self.g.grids.snap(j, 2 * old - self.x_before[:, j])
            out[own.straight] = on.clamp(cell.low, cell.high)
        if own.missing > 0:
            out[own.missing] = old
        return out

    def _cell_width(self, j: int, real: Tensor) -> Tensor:
        """Return the log width of the grid's cell around values, 0 without a grid: so densities count as shares."""
        points = self.g.grids.points.get(j)
        if points is None:
            return torch.zeros_like(real)
        width = torch.cat([points[1:2] - points[:1], (points[2:] - points[:-2]) / 2, points[-1:] - points[-2:-1]])
        return width[torch.bucketize(real.nan_to_num(), self.g.grids.edges[j])].log()

    def _towards(
        self, j: int, cell: Number, free: Tensor, near: Tensor, close: Tensor, centre: Tensor, h: Tensor, lam: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Draw from normals within the bounds, on no place that an outcome has; tell what rounding did to the message."""
        share = torch.softmax(free, 1).cumsum(1)
        out, moved = torch.empty_like(centre), torch.zeros_like(centre)
        left = torch.arange(self.size)
        own, grid = self.g.heads.own[j], j in self.g.grids.points
        for _ in range(AGAIN):
            c = centre[left]
            k = (share[left] < torch.rand((len(left), 1), generator=self.noise) * share[left, -1:]).sum(1, keepdim=True)
            k = k.clamp_max(share.shape[1] - 1)
            m, s = near[left].gather(1, k)[:, 0], close[left].gather(1, k)[:, 0]
            if math.isfinite(cell.low) or math.isfinite(cell.high):
                low, high = (torch.special.ndtr((bound - c - m) / s) for bound in (cell.low, cell.high))
                u = torch.rand(len(left), generator=self.noise, dtype=torch.float64)
                e = m + s * torch.special.ndtri((low + u * (high - low)).clamp(1e-16, 1 - 1e-16))
                e = torch.minimum(torch.maximum(e, cell.low - c), cell.high - c)
            else:
                e = m + s * torch.randn(len(left), generator=self.noise, dtype=torch.float64)
            drawn = self.g.grids.snap(j, c + e).clamp(cell.low, cell.high)
            if grid:
                f = drawn - c
                moved[left] = (h[left] - lam[left] * (f + e) / 2) * (f - e)
            out[left] = drawn
            wrong = torch.zeros_like(left, dtype=torch.bool)
            if own.stay > 0 and self.age:
                wrong |= ((drawn - self.x[left, j]).abs() <= CLOSE) & ~self.gone[left, j]
            for atom in cell.atoms:
                wrong |= (drawn - atom).abs() <= CLOSE
            left = left[wrong]
            if not len(left):
                break
        return out, moved


def _log_integral(lam: Tensor, h: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
    r"""Return the logarithm of :math:`\int N(x; \mu, \sigma^2) \, e^{-\lambda x^2 / 2 + h x} dx`."""
    v = 1 + lam * sigma.square()
    return ((h - lam * mu / 2) * mu + (sigma * h).square() / 2) / v - 0.5 * v.log()


def _log_between(low: Tensor, high: Tensor, mean: Tensor, sigma: Tensor) -> Tensor:
    """Return the log share of normals between two bounds."""
    a, b = (low - mean) / sigma, (high - mean) / sigma
    # on the side where the tail is small, so that nothing is lost
    swap = a > 0
    a, b = torch.where(swap, -b, a), torch.where(swap, -a, b)
    return (torch.special.ndtr(b) - torch.special.ndtr(a)).clamp_min(TINY).log()


class _Block:
    """Some sequences, each as one particle or as N, side by side.

    Parameters
    ----------
    generator : Generator
    given : Given
        With lengths.
    seed : int
    particles : int
    """

    def __init__(self, generator: Generator, given: Given, seed: int, particles: int) -> None:
        cells = generator.layout.cells
        self.g, self.given, self.particles = generator, given, particles
        self.n, self.steps = given.shape
        self.noise, self.rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
        shape = (self.n, self.steps, len(cells))
        self.lengths = np.asarray(given.lengths)
        inside = (np.arange(self.steps) < self.lengths[:, None])[:, :, None]
        known = np.zeros(shape, dtype=bool) if given.known is None else given.known & inside
        values = np.full(shape, np.nan) if given.values is None else given.values
        self.known = known & (~np.isnan(values) | np.array([cell.missing for cell in cells], dtype=bool))
        self.values = np.where(self.known, values, np.nan)
        levels = [None if not given.allowed else given.allowed[j] for j in range(len(cells))]
        asked = np.array([some is not None and not bool(np.all(some)) for some in levels], dtype=bool)
        single = np.array([some is not None and int(np.sum(some)) == 1 for some in levels], dtype=bool)
        self.asked = bool(np.array([some is not None for some in levels]).any())
        self.many = self._spread_out(~self.known & inside & ~single, self.known | (inside & asked))

    def _spread_out(self, unknown: Bools, told: Bools) -> Bools:
        """Return on which rows each sequence needs N particles: near unknown cells that known ones come after."""
        n, steps, cells = unknown.shape
        place = np.arange(steps * cells).reshape(steps, cells)
        last = np.where(told, place, -1).reshape(n, -1).max(1, initial=-1)
        first = np.where(unknown, place, steps * cells).min(2, initial=steps * cells)
        row = np.arange(steps)
        recent = np.maximum.accumulate(np.where(first < last[:, None], row, -SETTLED - 1), 1)
        return (row - recent <= SETTLED) & (row <= last[:, None] // max(cells, 1)) & (self.particles > 1)

    def run(self) -> Doubles:
        """Return the rows, `(n, T, C)`."""
        ahead = None
        if bool(self.many.any()) or self.asked:
            ahead = LookAhead(self.g, self.given, self.known, self.values)
        rollout = GuidedRollout(self.g, torch.from_numpy(self.given.statics), self.noise)
        counts = np.ones(self.n, dtype=np.int64)
        weight: Doubles = np.zeros(self.n)
        ends: Ints = np.full(self.n, -1)
        rows: list[Doubles] = []
        origins: list[Ints] = []
        covariates, known = torch.from_numpy(self.given.covariates), torch.from_numpy(self.known)
        values = torch.from_numpy(self.values)
        everything = np.arange(self.n)
        for t in range(int(self.lengths.max(initial=0))):
            wanted = np.where(t >= self.lengths, 0, np.where(self.many[:, t], self.particles, 1))
            index, chosen = self._select(counts, wanted, weight)
            over = (counts > 0) & (wanted == 0)
            ends[over] = chosen[over]
            if len(index) != len(weight) or (index != np.arange(len(index))).any():
                rollout.take(torch.from_numpy(index))
                weight = weight[index]
            fresh = np.repeat(chosen >= 0, wanted)
            weight = np.where(fresh, 0.0, weight)
            counts = wanted
            owner = torch.from_numpy(np.repeat(everything, counts))
            rollout.guide(ahead, t, owner)
            told = (known[owner, t], values[owner, t]) if bool(known[:, t].any()) else (None, None)
            row, log = rollout.step(covariates[owner, t], *told)
            weight = weight + np.nan_to_num(log.numpy(), nan=-np.inf, neginf=-np.inf, posinf=0.0)
            rows.append(row.numpy())
            origins.append(index)
        _, chosen = self._select(counts, np.zeros_like(counts), weight)
        ends = np.where(counts > 0, chosen, ends)
        out = np.full(self.known.shape, np.nan)
        for t in reversed(range(len(rows))):
            live = np.flatnonzero(t < self.lengths)
            out[live, t] = rows[t][ends[live]]
            ends[live] = origins[t][ends[live]]
        return np.where(self.known, self.values, out)

    def _select(self, counts: Ints, wanted: Ints, weight: Doubles) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return which particles go on, sequence by sequence.

        Where as many are wanted as there are, they stay unless their effective number falls below half; where fewer
        (one, or none: the sequence has ended) one is drawn by weight; where more, the one is repeated.

        Returns
        -------
        index : int64 array of shape (wanted particles,)
        chosen : int64 array of shape (n,)
            The first that was drawn where particles were drawn anew or repeated, else -1.
        """
        start, begin = np.cumsum(counts) - counts, np.cumsum(wanted) - wanted
        index = np.zeros(int(wanted.sum()), dtype=np.int64)
        chosen = np.full(len(counts), -1, dtype=np.int64)
        alone = np.flatnonzero(counts == 1)
        for s in alone[wanted[alone] != 1]:
            chosen[s] = start[s]
            index[begin[s] : begin[s] + wanted[s]] = start[s]
        same = alone[wanted[alone] == 1]
        index[begin[same]] = start[same]
        group = np.flatnonzero(counts > 1)
        if not len(group):
            return index, chosen
        size = int(counts[group[0]])
        own = start[group][:, None] + np.arange(size)
        log = weight[own]
        top = log.max(1, keepdims=True)
        share = np.where(np.isfinite(top), np.exp(log - np.where(np.isfinite(top), top, 0.0)), 1.0)
        share /= share.sum(1, keepdims=True)
        edges = np.cumsum(share, 1)
        stays = wanted[group] == size
        poor = 1 / np.square(share).sum(1) < size / 2
        u = self.rng.random(len(group))
        for g, s in enumerate(group):
            if stays[g] and not poor[g]:
                index[begin[s] : begin[s] + size] = own[g]
                continue
            points = (u[g] + np.arange(size)) / size if stays[g] else u[g : g + 1]
            drawn = np.minimum(np.searchsorted(edges[g], points * edges[g, -1], side="right"), size - 1)
            chosen[s] = own[g, drawn[0]]
            if wanted[s]:
                index[begin[s] : begin[s] + wanted[s]] = own[g, drawn]
        return index, chosen
