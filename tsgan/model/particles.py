r"""What is unknown, drawn given what is known: a past, a hole, a cell of a row, levels that may come.

Sequences are drawn row by row and cell by cell, N times side by side; what is known is put in its place, and each of
the N (a *particle*) is weighted by the likelihood of it. Where weights become unequal, particles are drawn anew by
weight ("Novel approach to nonlinear/non-Gaussian Bayesian state estimation", Gordon, Salmond & Smith, 1993,
https://doi.org/10.1049/ip-f-2.1993.0015), systematically ("Monte Carlo filter and smoother for non-Gaussian nonlinear
state space models", Kitagawa, 1996, https://doi.org/10.1080/10618600.1996.10474692). At the end one is drawn by weight.

A particle that walks into a long hole blindly misses what comes after it. So it is guided ("Twisted particle filters",
Whiteley & Lee, 2014, https://arxiv.org/abs/1210.0220): with :math:`\psi(z)` what some simpler law says of all that is
known ahead, given the cells `z` so far, the cell x is drawn from :math:`p(x \mid z) \, \psi(z, x)` instead of `p`, and
the weight grows by

.. math:: \frac{\int p(x \mid z) \, \psi(z, x) \, dx}{\psi(z)}, \qquad \text{known: } \;
    \frac{p(x \mid z) \, \psi(z, x)}{\psi(z)}.

Whatever :math:`\psi` is, these weights are right; they do not vary at all where the simpler law is the law itself.
Ours is the base's (`ahead`). As a function of one number it is :math:`\exp(-\lambda x^2 / 2 + h x)`, whose product with
a mixture of normals is such a mixture.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..arrays import Bools, Doubles, Ints
from ..layout import Number
from ..panel import Given
from .backward import BackwardFilter, LevelMessages, NumberMessages, lags_of
from .generator import Generator
from .heads import LOG_SIGMA, NEVER
from .rollout import MAX_REDRAWS, KnownCells, Rollout
from .runtime import among, cores, generator_of, normal, places, to_array, to_tensor, uniform

PARTICLES = 32  # of a sequence: the filled values of a linear-Gaussian table are exact with any number of them
MAX_BLOCK = 16_000_000  # numbers that a block of sequences keeps: 128 MB
MAX_SIDE_BY_SIDE = 4096  # particles in a block: bounds what a step holds in memory
SETTLED = 16  # wholly known rows after which particles do not differ any more in what they say of rows to come
MIN_SHARE = 1e-300  # of a normal between two bounds: its logarithm is finite


def complete(generator: Generator, given: Given, rng: np.random.Generator, particles: int = PARTICLES) -> Doubles:
    """Draw what is unknown of sequences, given what is known.

    Known cells hold even where `allowed` forbids their level; NaN in a cell that can be missing is known to be missing,
    in another it is unknown. Nothing known beyond a sequence's end counts. Sequences of which nothing is known after
    their first unknown cell need but one of the N particles, and are drawn exactly. Returns rows `(n, T, C)`, NaN where
    missing and after the end of a sequence.

    Sequences are drawn in blocks of `block_size`, each with a stream of its own that is taken from `rng` when its turn
    comes: a call in parts that end where blocks do gives what one call gives.
    """
    n, steps = given.shape
    out = np.full((n, steps, len(generator.layout.cells)), np.nan)
    size = block_size(generator, steps, particles)
    with cores():
        for at in range(0, n if steps else 0, size):
            some = slice(at, at + size)
            out[some] = _Block(generator, _part(given, some), int(rng.integers(2**62)), particles).run()
    return out


def block_size(generator: Generator, steps: int, particles: int = PARTICLES) -> int:
    """Return how many sequences of so many steps are drawn side by side."""
    cells, numbers = len(generator.layout.cells), len(generator.heads.numbers)
    lags = lags_of(generator)
    side = (lags + 1) * numbers if lags else 0
    kept = steps * (cells * max(particles, 1) + numbers * side) + 4 * side**2
    return max(1, min(MAX_SIDE_BY_SIDE // max(particles, 1), MAX_BLOCK // max(kept, 1)))


def _part(given: Given, some: slice) -> Given:
    """Return some sequences, with lengths, as arrays of their own."""
    covariates, statics = np.array(given.covariates[some]), np.array(given.statics[some])
    n, steps = covariates.shape[:2]
    lengths = np.full(n, steps, dtype=np.int64) if given.lengths is None else given.lengths[some]
    if given.values is None or given.known is None:
        return Given(statics, covariates, lengths, None, None, given.allowed)
    return Given(statics, covariates, lengths, given.values[some], given.known[some], given.allowed, given.filled)


class GuidedRollout(Rollout):
    """A rollout whose cells are drawn towards what is known ahead.

    Before each step, `guide` says of which sequence each row in the making is; without it rows are drawn freely.
    """

    extra: Tensor
    owner: Tensor
    cells: Tensor
    pattern: Tensor
    alone: bool = False
    messages: NumberMessages | None = None
    levels: dict[int, LevelMessages] | None = None
    filled: bool = False  # whether nothing is drawn as missing

    def guide(self, ahead: BackwardFilter | None, t: int, owner: Tensor, alone: bool) -> None:
        """Say what comes after row t, of which sequence each row is `(B,)`, and whether each is the only one of its.

        The weight of the next step, relative to what was said before the row, is that of `step` and `extra` (float64).
        """
        self.extra = torch.zeros(self.size, dtype=torch.float64)
        self.owner, self.alone = owner, alone
        self.messages, self.levels = (None, None) if ahead is None else (ahead.numbers[t], ahead.levels[t])
        if ahead is None or self.messages is None:
            return
        self.pattern = ahead.pattern[owner]
        m = len(self.g.heads.numbers)
        before = self.lags[:, : ahead.lags, places(self.g.linear.vector.terms.of_numbers)].flatten(1)
        self.cells = torch.cat([before.new_zeros((self.size, m)), before], 1)

    def logits(self, j: int, params: Tensor) -> Tensor:
        """Return the logits of cell j's outcomes, of which some may be ruled out."""
        logits = super().logits(j, params)
        missing = self.g.heads.own[j].missing
        if self.filled and missing >= 0:
            logits = logits.index_fill(1, torch.full((1,), missing), NEVER)
        if not self.levels or j not in self.levels:
            return logits
        ahead = self.levels[j]
        joint = torch.log_softmax(logits.double(), 1) + ahead.log[self.owner]
        before = ahead.before[self.owner]
        if before.shape[1] > 1:
            before = before.gather(1, self.outcome[:, j, None])
        self.extra += torch.logsumexp(joint, 1) - before[:, 0]
        return joint

    def number(
        self, j: int, cell: Number, params: Tensor, centre: Tensor, spread: Tensor, given: KnownCells | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a number as `Rollout.number` does, by what messages from later known rows say of it."""
        own, i = self.g.heads.own[j], self.g.heads.place[j]
        every = given is not None and bool(given[0].all())
        if every and self.alone and given is not None:  # nothing is drawn, and nothing to compare weights with
            values, nothing = given[1], torch.zeros(self.size)
            return torch.where(values.isnan(), self.x[:, j], values), self._outcome_of(j, cell, values), nothing
        if self.messages is None:
            return super().number(j, cell, params, centre, spread, given)
        say, z = self.messages, self.cells
        mu = z @ say.weights[i] + say.offset[self.owner, i] - centre  # all values count from the centre
        variance = say.variance[self.pattern, i]
        logits = torch.log_softmax(self.logits(j, params).double(), 1) if own.count > 1 else None
        w, mean, log_sigma = self._mixture(j, params).double().unbind(1)
        w, mean, sigma = torch.log_softmax(w, 1), mean * spread, log_sigma.clamp(*LOG_SIGMA).exp() * spread
        o, drawn, weight = torch.zeros(self.size, dtype=torch.int64), centre, torch.zeros_like(centre)
        if not every:
            lam = say.precision[self.pattern, i]
            h = say.linear[self.owner, i] - (say.cross[self.pattern, i] * z).sum(1) - lam * centre
            o, drawn, weight = self._draw(j, cell, logits, (w, mean, sigma), centre, h, lam)
            weight = weight - _log_integral(lam, h, mu, variance.sqrt())
        if given is not None:
            known, values = given
            real = torch.where(known, values, math.nan)
            o_known, e = self._outcome_of(j, cell, real), real - centre
            u = (e[:, None] - mean) / sigma
            log_p = torch.logsumexp(w - 0.5 * u.square() - sigma.log(), 1) - 0.5 * math.log(2 * math.pi)
            log_p = torch.where(o_known == 0, log_p + self.g.grids.log_width(j, real), 0.0)
            if logits is not None:
                log_p = log_p + logits.gather(1, o_known[:, None])[:, 0]
            base = -0.5 * (e - mu).square() / variance
            log_p = log_p - torch.where(say.counted[self.pattern, i], base, 0.0)
            weight, o = torch.where(known, log_p, weight), torch.where(known, o_known, o)
            drawn = torch.where(known, torch.where(values.isnan(), self.x[:, j], values), drawn)
        self.extra += weight
        self.cells[:, i] = drawn
        return drawn, o, torch.zeros(self.size)

    def _draw(
        self,
        j: int,
        cell: Number,
        logits: Tensor | None,
        normals: tuple[Tensor, Tensor, Tensor],
        centre: Tensor,
        h: Tensor,
        lam: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return outcomes and numbers drawn from their law times the message, and the log integral of that product."""
        w, mean, sigma = normals
        v = 1 + lam[:, None] * sigma.square()
        near, close = (mean + sigma.square() * h[:, None]) / v, sigma / v.sqrt()
        free = w + _log_integral(lam[:, None], h[:, None], mean, sigma)
        if math.isfinite(cell.low) or math.isfinite(cell.high):
            bounds = cell.low - centre[:, None], cell.high - centre[:, None]
            free = free + _log_between(*bounds, near, close)
            w = w + _log_between(*bounds, mean, sigma)
        total = torch.logsumexp(free, 1) - torch.logsumexp(w, 1)
        o = torch.zeros(self.size, dtype=torch.int64)
        points = {} if logits is None else self._points(j, cell)
        if logits is not None:
            joint = logits.clone()
            joint[:, 0] += total
            for number, point in points.items():
                joint[:, number] += (h - lam * (point - centre) / 2) * (point - centre)
            o, total = self._choose(joint), torch.logsumexp(joint, 1)
        drawn, moved = self._towards(j, cell, (free, near, close), centre, h, lam)
        for number, point in points.items():
            drawn = torch.where(o == number, point, drawn)
        low, high = self._ends(j, cell)
        drawn = torch.minimum(torch.maximum(drawn, low), high)
        return o, drawn, total + torch.where(o == 0, moved, 0.0)

    def _points(self, j: int, cell: Number) -> dict[int, Tensor]:
        """Return what a number is, `(B,)`, under each of its outcomes that leaves no choice."""
        own, old = self.g.heads.own[j], self.x[:, j]
        out = {number: torch.full_like(old, place) for number, place in own.places(cell).items()}
        if own.stay > 0:
            out[own.stay] = old
        if own.straight > 0:
            out[own.straight] = self._straight_on(j, cell)
        if own.missing > 0:
            out[own.missing] = old
        return out

    def _towards(
        self,
        j: int,
        cell: Number,
        normals: tuple[Tensor, Tensor, Tensor],
        centre: Tensor,
        h: Tensor,
        lam: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Draw from normals within the bounds, on no outcome's place; return what rounding does to the message, too."""
        free, near, close = normals
        share = torch.softmax(free, 1).cumsum(1)
        out, moved = torch.empty_like(centre), torch.zeros_like(centre)
        left = torch.arange(self.size)
        for _ in range(MAX_REDRAWS):
            c, noise = centre[left], among(self.noise, left)
            k = (share[left] < uniform((len(left), 1), noise) * share[left, -1:]).sum(1, keepdim=True)
            k = k.clamp_max(share.shape[1] - 1)
            m, s = near[left].gather(1, k)[:, 0], close[left].gather(1, k)[:, 0]
            if math.isfinite(cell.low) or math.isfinite(cell.high):
                low, high = (torch.special.ndtr((bound - c - m) / s) for bound in (cell.low, cell.high))
                u = uniform((len(left),), noise, torch.float64)
                e = m + s * torch.special.ndtri((low + u * (high - low)).clamp(1e-16, 1 - 1e-16))
                e = torch.minimum(torch.maximum(e, cell.low - c), cell.high - c)
            else:
                e = m + s * normal((len(left),), noise, torch.float64)
            drawn = self.g.grids.snap(j, c + e).clamp(cell.low, cell.high)
            if j in self.g.grids.points:
                f = drawn - c
                moved[left] = (h[left] - lam[left] * (f + e) / 2) * (f - e)
            out[left] = drawn
            wrong = self._taken(j, cell, drawn, left, None)
            if wrong is None:
                break
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
    share: Tensor = torch.special.ndtr(b) - torch.special.ndtr(a)
    return share.clamp_min(MIN_SHARE).log()


class _Block:
    """Some sequences of given lengths, each as one particle or as N, side by side."""

    def __init__(self, generator: Generator, given: Given, seed: int, particles: int) -> None:
        cells = generator.layout.cells
        self.g, self.given, self.particles = generator, given, particles
        self.n, self.steps = given.shape
        self.noise, self.rng = generator_of(seed), np.random.default_rng(seed)
        shape = (self.n, self.steps, len(cells))
        self.lengths = np.asarray(given.lengths)
        inside = (np.arange(self.steps) < self.lengths[:, None])[:, :, None]
        known = np.zeros(shape, dtype=bool) if given.known is None else given.known & inside
        values = np.full(shape, np.nan) if given.values is None else given.values
        self.known = known & (~np.isnan(values) | np.array([cell.missing for cell in cells], dtype=bool))
        self.values = np.where(self.known, values, np.nan)
        levels = given.allowed or (None,) * len(cells)
        asked = np.array([some is not None and not bool(np.all(some)) for some in levels], dtype=bool)
        single = np.array([some is not None and int(np.sum(some)) == 1 for some in levels], dtype=bool)
        self.asked = any(some is not None for some in levels)
        self.many = self._needing_particles(~self.known & inside & ~single, self.known | (inside & asked))

    def _needing_particles(self, unknown: Bools, known: Bools) -> Bools:
        """Return on which rows each sequence needs N particles: near unknown cells that known ones come after."""
        n, steps, cells = unknown.shape
        place = np.arange(steps * cells).reshape(steps, cells)
        last = np.where(known, place, -1).reshape(n, -1).max(1, initial=-1)
        first = np.where(unknown, place, steps * cells).min(2, initial=steps * cells)
        row = np.arange(steps)
        recent = np.maximum.accumulate(np.where(first < last[:, None], row, -SETTLED - 1), 1)
        near: Bools = (row - recent <= SETTLED) & (row <= last[:, None] // max(cells, 1))
        return near

    def run(self) -> Doubles:
        """Return the rows, `(n, T, C)`."""
        ahead = None
        if bool(self.many.any()) or self.asked:
            ahead = BackwardFilter(self.g, self.given, self.known, self.values)
        rollout = GuidedRollout(self.g, to_tensor(self.given.statics), self.noise)
        rollout.filled = self.given.filled
        counts = np.ones(self.n, dtype=np.int64)
        weight: Doubles = np.zeros(self.n)
        ends: Ints = np.full(self.n, -1)
        rows: list[Doubles] = []
        origins: list[Ints] = []
        covariates, known = to_tensor(self.given.covariates), to_tensor(self.known)
        values = to_tensor(self.values)
        everything = np.arange(self.n)
        for t in range(int(self.lengths.max(initial=0))):
            wanted = np.where(t >= self.lengths, 0, np.where(self.many[:, t], self.particles, 1))
            index, chosen = self._select(counts, wanted, weight)
            over = (counts > 0) & (wanted == 0)
            ends[over] = chosen[over]
            if len(index) != len(weight) or (index != np.arange(len(index))).any():
                rollout.take(to_tensor(index))
                weight = weight[index]
            fresh = np.repeat(chosen >= 0, wanted)
            weight = np.where(fresh, 0.0, weight)
            counts = wanted
            owner = to_tensor(np.repeat(everything, counts))
            rollout.guide(ahead, t, owner, bool((counts <= 1).all()))
            given = (known[owner, t], values[owner, t]) if self.known[:, t].any() else (None, None)
            row, log = rollout.step(covariates[owner, t], *given)
            log = log.double() + rollout.extra
            weight = weight + np.nan_to_num(to_array(log), nan=-np.inf, neginf=-np.inf, posinf=0.0)
            rows.append(to_array(row))
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

        Returns the particles `(wanted particles,)`, and by sequence the first that was drawn where particles were drawn
        anew or repeated, else -1.
        """
        start, begin = np.cumsum(counts) - counts, np.cumsum(wanted) - wanted
        index = np.repeat(start, wanted)
        chosen = np.where((counts == 1) & (wanted != 1), start, -1)
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
