r"""The base: a vector autoregression in triangular form, and how often each outcome follows each.

With `v` the vector of the covariates, the statics, the last p rows and then, cell by cell, what changes in this row,
every number is predicted by least squares from all that stands before it. One Cholesky factor of the covariance of `v`
holds all these regressions: with :math:`\mathrm{cov}(v) = L L^T` the residuals in units of their standard deviation are
:math:`L^{-1} (v - \bar v)`. Where a season explains more, the numbers of a season ago are part of `v`. Rows at the
start of a stretch have fewer rows before them, so that there is one factor for each stage (see `pieces.Reach`). Moments
are sums over rows, so that they can be taken piece by piece.

The order p, the seasons and the ridge (a share of each variance) are those with the largest held-back likelihood.
What the residuals are like is a mixture of normals for each number, by expectation-maximisation ("Maximum likelihood
from incomplete data via the EM algorithm", Dempster, Laird & Rubin, 1977,
https://doi.org/10.1111/j.2517-6161.1977.tb01600.x).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..arrays import Doubles
from ..layout import Cell, Layout, Number
from .context import Lift, Sample, fit_lift
from .heads import CLOSE, TABLE, Coded, Outcomes, mixture_log_prob
from .pieces import Piece, Reach
from .spells import LONGEST, Spells, lasted, timed
from .vector import Vector

Pieces = Callable[[Reach], Iterator[tuple[Piece, Tensor]]]
ORDERS = (1, 2, 3)
RIDGES = (1e-4, 1e-2, 1e-1, 1.0)
FINE, FINER = 1e-6, 0.1  # a ridge for smooth paths, and nats a number that it has to gain
WIDEST = 1500  # numbers in `v`, beyond which the order stays at 1, and seasons are not looked at
SEASON = 5e-3  # nats a number that a season has to gain
FLOOR = 1e-4  # least standard deviation of a residual, scaled
EM_ROWS, EM_TURNS = 8_000, 30


@dataclass
class Moments:
    """Sums over rows: how many, of `v`, and of its squares."""

    rows: float
    sums: Doubles
    squares: Doubles

    @classmethod
    def none(cls, size: int) -> Moments:
        """Return the moments of no row."""
        return cls(0.0, np.zeros(size), np.zeros((size, size)))

    def add(self, v: Doubles) -> None:
        """Take in rows `(rows, size)`."""
        self.rows += len(v)
        self.sums += v.sum(0)
        self.squares += v.T @ v

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.rows + other.rows, self.sums + other.sums, self.squares + other.squares)

    def part(self, keep: NDArray[np.intp]) -> Moments:
        """Return the moments of some variables."""
        return Moments(self.rows, self.sums[keep], self.squares[np.ix_(keep, keep)])

    def about(self, mean: Doubles) -> Doubles:
        """Return the mean square around a point, `(size, size)`."""
        n = max(self.rows, 1.0)
        cross = np.outer(self.sums / n, mean)
        return self.squares / n - cross - cross.T + np.outer(mean, mean)


@dataclass
class Regressions:
    """The regressions of all numbers at one stage.

    Attributes
    ----------
    mean : float64 array of shape (size,)
        Of `v`.
    weights : float64 array of shape (numbers, size)
        What each number's change is predicted by; zero from its own place on.
    spread : float64 array of shape (numbers,)
        Standard deviation of the residuals.
    """

    mean: Doubles
    weights: Doubles
    spread: Doubles

    @classmethod
    def fit(cls, moments: Moments, held: Moments, targets: NDArray[np.intp], ridge: float) -> tuple[Regressions, float]:
        """Return the regressions, and minus the mean log-likelihood of the rows held back, in nats a row."""
        mean = moments.sums / max(moments.rows, 1.0)
        cov = moments.about(mean)
        size = np.sqrt(np.maximum(np.diag(cov), 0))
        scale = np.where(size > 1e-9, size, 1.0)
        unit = cov / np.outer(scale, scale)
        np.fill_diagonal(unit, np.where(size > 1e-9, 1.0 + ridge, 1.0))
        factor = np.linalg.cholesky(unit + 1e-9 * np.eye(len(unit)))
        inverse = np.linalg.solve(factor, np.eye(len(unit)))[targets]
        inverse /= inverse[np.arange(len(targets)), targets][:, None]
        weights = -inverse / scale * scale[targets][:, None]
        weights[np.arange(len(targets)), targets] = 0.0
        whole = -weights
        whole[np.arange(len(targets)), targets] = 1.0
        inside = np.maximum(np.einsum("ij,jk,ik->i", whole, cov, whole), 0)
        outside = inside
        if held.rows:
            outside = np.maximum(np.einsum("ij,jk,ik->i", whole, held.about(mean), whole), 0)
        share = held.rows / max(held.rows + moments.rows, 1.0)
        spread = np.maximum(np.sqrt((1 - share) * inside + share * outside), FLOOR)
        tried = np.maximum(np.sqrt(inside), FLOOR)
        loss = float((0.5 * outside / tried**2 + np.log(tried)).sum())
        return cls(mean, weights, spread), loss


def mixtures(e: list[Doubles], components: int, rng: np.random.Generator) -> Doubles:
    """Fit a mixture of normals to each of several samples.

    Returns
    -------
    float64 array of shape (samples, 3, components)
        Logits of the weights, means, logarithms of the standard deviations.
    """
    out = np.zeros((len(e), 3, components))
    for i, sample in enumerate(e):
        x = sample if len(sample) <= EM_ROWS else rng.choice(sample, EM_ROWS, replace=False)
        if len(x) < 4 * components:
            spread = float(np.sqrt(np.mean(x**2))) if len(x) else 1.0
            out[i, 1] = np.linspace(-0.5, 0.5, components) * spread
            out[i, 2] = np.log(max(spread, 1e-3))
            continue
        share = (np.arange(components) + 0.5) / components
        mean = np.quantile(x, share)
        sigma = np.full(components, max(x.std() / 2, 1e-4))
        sigma[components // 2] = max(np.subtract(*np.quantile(x, [0.75, 0.25])) / 4, 1e-4)
        weight = np.full(components, 1 / components)
        for _ in range(EM_TURNS):
            u = (x[:, None] - mean) / sigma
            logs = np.log(weight) - 0.5 * u**2 - np.log(sigma)
            logs -= logs.max(1, keepdims=True)
            r = np.exp(logs)
            r /= r.sum(1, keepdims=True)
            total = r.sum(0) + 1e-3
            weight = total / total.sum()
            mean = (r * x[:, None]).sum(0) / total
            sigma = np.sqrt(((r * (x[:, None] - mean) ** 2).sum(0) + 1e-3 * sigma**2) / total)
            sigma = np.maximum(sigma, 1e-3)
        out[i] = np.log(weight), mean, np.log(sigma)
    return out


@dataclass
class Base:
    """The closed form that the network corrects.

    Attributes
    ----------
    reach : Reach
        Which rows before the regressions see.
    ridge : tuple of float
        Chosen, for each stage.
    regressions : tuple of Regressions
        For each stage.
    bias : float64 array of shape (2, numbers, 3, K)
        Mixtures of the residuals: of first rows, of others.
    first, marginal : list of float64 arrays of shape (outcomes,)
        Log shares of each cell's outcomes on first rows and on others.
    after : list of float64 arrays of shape (states, outcomes) or (1,)
        Log shares of outcomes given the state before, see `Outcomes`; of a cell with many outcomes the log share of
        "the same again" beyond chance.
    lasting : dict of int to float64 arrays of shape (states, lengths, outcomes)
        Log shares of outcomes given the state before and for how long it had lasted, by cell; see `spells`.
    lifts : dict of int to Lift
        What the context adds, by cell.
    jumps : float64 array of shape (numbers,)
        Standard deviation of a number's change from row to row.
    """

    reach: Reach
    ridge: tuple[float, ...]
    regressions: tuple[Regressions, ...]
    bias: Doubles
    first: list[Doubles]
    marginal: list[Doubles]
    after: list[Doubles]
    lasting: dict[int, Doubles]
    lifts: dict[int, Lift]
    jumps: Doubles

    @classmethod
    def blank(cls, layout: Layout, reach: Reach, components: int) -> Base:
        """Return a base of which nothing is known but its shape."""
        vector = Vector(layout, reach)
        numbers, own = len(vector.terms.numbers), [Outcomes.of(cell) for cell in layout.cells]
        counts = [o.count for o in own]

        def none(k: int) -> Regressions:
            return Regressions(np.zeros(vector.size(k)), np.zeros((numbers, vector.size(k))), np.ones(numbers))

        return cls(
            reach,
            (),
            tuple(none(k) for k in range(reach.last + 1)),
            np.zeros((2, numbers, 3, components)),
            [np.zeros(n) for n in counts],
            [np.zeros(n) for n in counts],
            [np.zeros((o.states, o.count)) if o.count <= TABLE else np.zeros(1) for o in own],
            {j: np.zeros((own[j].states, reach.spells + 1, counts[j])) for j in timed(layout.cells) if reach.spells},
            {j: Lift.none(vector.context.size, counts[j]) for j in vector.context.lifted(counts)},
            np.ones(numbers),
        )


def fit_base(
    layout: Layout,
    pieces: Pieces,
    components: int,
    rng: np.random.Generator,
    periods: tuple[int, ...] = (),
    spells: bool = True,
) -> Base:
    """Learn the base.

    Parameters
    ----------
    layout : Layout
    pieces : callable
        Of a reach, returns all rows once, piece by piece, each with a bool `(B, T)` of the rows held back.
    components : int
        Normals in each mixture.
    rng : numpy.random.Generator
    periods : tuple of int
        Seasons that may be, see `periods.find_periods`.
    spells : bool
        Whether it is looked at for how long states last.
    """
    narrow = Vector(layout, Reach(0))
    most = max(order for order in ORDERS if order == 1 or narrow.known + (order + 1) * narrow.terms.size <= WIDEST)
    spare = WIDEST - narrow.known - (most + 1) * narrow.terms.size
    room = max(spare // max(2 * len(narrow.terms.numbers), 1), 0)
    counts, lengths = _Counts(layout.cells), Spells(layout.cells if spells else ())
    vector = Vector(layout, Reach(most, tuple(sorted(periods[:room])), LONGEST[-1] if lengths.counts else 0))
    # by stage (seasons all at once), then whether held back
    last = vector.reach.last
    stages = [*range(most + 1), *([last] if last > most else [])]
    moments = {k: [Moments.none(vector.size(k)) for _ in range(2)] for k in stages}
    for piece, held in pieces(vector.reach):
        coded, steps = piece.coded(layout), piece.known.shape[1]
        terms, known = vector.terms(coded), vector.before(piece)
        age = piece.age[:, -steps:]
        counts.add(coded, _begun(layout, coded), piece.age, piece.inside, layout.stretches)
        if lengths.counts:
            length = lasted(coded.state, piece.age, LONGEST[-1], layout.stretches)
            use = piece.inside & (age >= 1)
            old, length = (part[:, -steps - 1 : -1][use] for part in (coded.state, length))
            lengths.add(old, length, coded.outcome[:, -steps:][use], held[use])
        outer, change = vector(terms, known, vector.ago(coded.x, piece, steps), steps)
        stage = vector.reach.stages(age)
        for k in stages:
            if k == 0:
                use = piece.inside & (torch.ones_like(age, dtype=torch.bool) if layout.stretches else age == 0)
                v = torch.cat([known, terms[:, -steps:]], 2)
            else:
                use = piece.inside & (stage >= k)
                v = torch.cat([outer[:, :, : vector.width(k)], change], 2)
            for side in range(2):
                rows = v[use & (held == bool(side))]
                if len(rows):
                    moments[k][side].add(rows.numpy())
    reach = Reach(_best_order(layout, vector, moments[most]))
    first, marginal, after = counts.logs()
    longest, lasting = lengths.learn(after)
    reach = Reach(reach.order, _best_seasons(layout, vector, moments[last], reach.order), longest)
    found, ridges = [], []
    for k in range(reach.last + 1):
        seen = Reach(min(k, reach.order), reach.seasons[: max(k - reach.order, 0)])
        train, kept = moments[last if seen.seasons else k]
        if seen.seasons:
            keep = vector.places(seen)
            train, kept = train.part(keep), kept.part(keep)
        targets = Vector(layout, seen).targets(k)
        ridge, _ = _best_ridge(train, kept, targets)
        tried, _ = Regressions.fit(train, kept, targets, ridge)
        whole, _ = Regressions.fit(train + kept, Moments.none(len(train.sums)), targets, ridge)
        found.append(replace(whole, spread=tried.spread))
        ridges.append(ridge)
    moved, at = moments[1][0] + moments[1][1], vector.targets(1)
    jumps = np.sqrt(np.maximum(np.diag(moved.squares)[at] / max(moved.rows, 1.0), 0))
    jumps = np.where(jumps > FLOOR, jumps, 1.0)
    bias = np.zeros((2, len(at), 3, components))
    base = Base(reach, tuple(ridges), tuple(found), bias, first, marginal, after, lasting, {}, jumps)
    if reach.seasons:
        short = replace(base, reach=replace(reach, seasons=()), regressions=tuple(found[: reach.order + 1]))
        base = base if _season_pays(layout, base, short, pieces, components, rng) else short
    enough = vector.context.rows(counts.sizes)
    shares = [min(1.0, enough / max(moments[k][0].rows + moments[k][1].rows, 1.0)) for k in range(2)]
    residuals, samples = _second_look(layout, base, pieces, shares, rng)
    base.bias = np.stack([mixtures(e, components, rng) for e in residuals])
    for j in vector.context.lifted(counts.sizes):
        logs = base.first[j], lasting.get(j, after[j][:, None])
        base.lifts[j] = fit_lift(vector.context, j, counts.sizes[j], samples, logs)
    return base


def _best_order(layout: Layout, vector: Vector, moments: list[Moments]) -> int:
    """Return the order with the largest held-back likelihood, given the moments of the rows that have all before."""
    most = vector.reach.order
    best, order = np.inf, 1
    if moments[0].rows + moments[1].rows < 4 * vector.size(most):
        return order
    whole = Vector(layout, Reach(most))
    for k in range(1, most + 1):
        loss = _loss(layout, whole, moments, Reach(k))
        if loss < best - 1e-3 * len(vector.terms.numbers):
            order, best = k, loss
    return order


def _best_seasons(layout: Layout, vector: Vector, moments: list[Moments], order: int) -> tuple[int, ...]:
    """Return the seasons that add to the held-back likelihood, each the one that adds most."""
    chosen: tuple[int, ...] = ()
    if moments[0].rows + moments[1].rows < 4 * vector.size(vector.reach.last) or not moments[1].rows:
        return chosen
    best = _loss(layout, vector, moments, Reach(order))
    while left := [season for season in vector.reach.seasons if season not in chosen]:
        tried = [tuple(sorted((*chosen, season))) for season in left]
        losses = [_loss(layout, vector, moments, Reach(order, seasons)) for seasons in tried]
        first = int(np.argmin(losses))
        if losses[first] > best - SEASON * len(vector.terms.numbers):
            break
        chosen, best = tried[first], losses[first]
    return chosen


def _season_pays(
    layout: Layout, base: Base, short: Base, pieces: Pieces, components: int, rng: np.random.Generator
) -> bool:
    """Return whether the seasons of a base also add to the held-back likelihood of mixtures.

    What falls slowly and rises at once has steps of two kinds; a season that is not always as long mixes them.
    """
    laws, numbers = [Linear(layout, one) for one in (base, short)], Vector(layout, base.reach).terms.numbers
    found: list[list[list[Doubles]]] = [[[] for _ in numbers] for _ in laws]
    held: list[list[NDArray[np.bool_]]] = [[] for _ in numbers]
    taken = 0
    for piece, outside in pieces(base.reach):
        coded, steps = piece.coded(layout), piece.known.shape[1]
        age = piece.age[:, -steps:]
        use = piece.inside & (base.reach.stages(age) == base.reach.last)
        told = [law(coded, piece, age) for law in laws]
        for i, j in enumerate(numbers):
            some = use & (coded.outcome[:, -steps:, j] == 0)
            held[i].append(outside[some].numpy())
            for side, one in zip(found, told, strict=True):
                side[i].append((one.e * one.spread)[:, :, i][some].numpy())
        taken += int(use.sum())
        if taken > 2 * EM_ROWS:
            break
    gain = 0.0
    for i in range(len(numbers)):
        out = np.concatenate(held[i])
        if out.all() or not out.any():
            continue
        each = []
        for side in found:
            e = np.concatenate(side[i])
            size = max(float(np.sqrt(np.mean(e[~out] ** 2))), FLOOR)
            law = torch.from_numpy(mixtures([e[~out] / size], components, rng)[0])
            each.append(float(mixture_log_prob(torch.from_numpy(e[out] / size), *law).mean()) - np.log(size))
        gain += each[0] - each[1]
    return gain >= SEASON * len(numbers)


def _loss(layout: Layout, vector: Vector, moments: list[Moments], reach: Reach) -> float:
    """Return minus the held-back log-likelihood of the regressions of a reach, in nats a row."""
    keep, targets = vector.places(reach), Vector(layout, reach).targets(reach.last)
    train, kept = (side.part(keep) for side in moments)
    return _best_ridge(train, kept, targets)[1]


def _best_ridge(train: Moments, kept: Moments, targets: NDArray[np.intp]) -> tuple[float, float]:
    """Return the ridge with the largest held-back likelihood, and minus that likelihood in nats a row."""
    losses = {ridge: Regressions.fit(train, kept, targets, ridge)[1] for ridge in (FINE, *RIDGES)}
    best = min(RIDGES, key=losses.__getitem__)
    best = FINE if losses[FINE] < losses[best] - FINER * len(targets) else best
    return best, losses[best]


def _second_look(
    layout: Layout,
    base: Base,
    pieces: Pieces,
    shares: list[float],
    rng: np.random.Generator,
) -> tuple[list[list[Doubles]], tuple[Sample, Sample]]:
    """Return residuals of each number where it is continuous, and contexts, of first rows and of others: samples."""
    law, numbers = Linear(layout, base), [j for j, c in enumerate(layout.cells) if isinstance(c, Number)]
    found: list[list[list[Doubles]]] = [[[] for _ in numbers] for _ in range(2)]
    samples, taken = (Sample(), Sample()), [0, 0]
    for piece, held in pieces(base.reach):
        coded, steps = piece.coded(layout), piece.known.shape[1]
        age = piece.age[:, -steps:]
        known, terms = law.vector.before(piece), law.vector.terms(coded)[:, -steps:]
        length = lasted(coded.state, piece.age, base.reach.spells, layout.stretches)[:, -steps - 1 : -1]
        for side, (start, rows) in enumerate(zip((True, False), samples, strict=True)):
            young = torch.zeros_like(age) if start and layout.stretches else age
            use = piece.inside & ((young == 0) if start else (young >= 1))
            old = coded.state[:, -steps - 1 : -1]
            now = (_begun(layout, coded) if start else coded.outcome)[:, -steps:]
            u = law.vector.context(known, terms, now, torch.zeros_like(now) if start else coded.before(age))
            if taken[side] <= 2 * EM_ROWS:
                e = law(coded, piece, young).e
                taken[side] += int(use.sum())
                for i, j in enumerate(numbers):
                    found[side][i].append(e[:, :, i][use & (now[:, :, j] == 0)].numpy())
            if law.vector.context.size:
                some = use & torch.from_numpy(rng.random(use.shape) < shares[side])
                rows.u.append(u[some].numpy())
                rows.now.append(now[some].numpy())
                rows.old.append(old[some].numpy())
                rows.length.append(length[some].numpy())
                rows.held.append(held[some].numpy())
    return [[np.concatenate(parts) if parts else np.zeros(0) for parts in side] for side in found], samples


def _begun(layout: Layout, coded: Coded) -> Tensor:
    """Return outcomes `(B, R, C)` as they would be on first rows, where nothing stays as it was."""
    out = coded.outcome.clone()
    for j, cell in enumerate(layout.cells):
        own = Outcomes.of(cell)
        for number in (own.stay, own.straight):
            if number > 0:
                out[:, :, j].masked_fill_(coded.outcome[:, :, j] == number, 0)
        if isinstance(cell, Number):
            there = coded.outcome[:, :, j] != own.missing
            for number, start in zip(own.starts, cell.starts, strict=True):
                out[:, :, j].masked_fill_(there & ((coded.x[:, :, j] - start).abs() <= CLOSE), number)
    return out


@dataclass(frozen=True)
class Expected:
    """What the base says of the numbers of some rows, `(B, T, numbers)` each.

    Attributes
    ----------
    e : float64 Tensor
        Residuals in units of `spread`.
    spread : float64 Tensor
    change : float64 Tensor
        From the row before (on first rows the values themselves).
    """

    e: Tensor
    spread: Tensor
    change: Tensor


class Linear(nn.Module):
    """The regressions as tensors."""

    def __init__(self, layout: Layout, base: Base) -> None:
        super().__init__()
        self.vector, self.reach = Vector(layout, base.reach), base.reach
        for k, one in enumerate(base.regressions):
            cut = self.vector.width(k)
            self.register_buffer(f"outer{k}", torch.from_numpy(one.weights[:, :cut].copy()))
            self.register_buffer(f"inner{k}", torch.from_numpy(one.weights[:, cut:].copy()))
            constant = one.mean[self.vector.targets(k)] - one.weights @ one.mean
            self.register_buffer(f"constant{k}", torch.from_numpy(constant))
            self.register_buffer(f"spread{k}", torch.from_numpy(one.spread.copy()))

    def part(self, name: str, k: int) -> Tensor:
        """Return one of outer, inner, constant, spread at a stage."""
        found: Tensor = getattr(self, f"{name}{k}")
        return found

    def forward(self, coded: Coded, piece: Piece, age: Tensor) -> Expected:
        """Return residuals of the last rows of pieces; `age` `(B, T)` says how many rows before each count."""
        steps = age.shape[1]
        terms, known = self.vector.terms(coded), self.vector.before(piece)
        outer, change = self.vector(terms, known, self.vector.ago(coded.x, piece, steps), steps)
        own, order = change[:, :, self.vector.terms.of_numbers], self.reach.order
        e = (own - self._predict(outer[:, :, : self.vector.width(order)], change, order)) / self.part("spread", order)
        spread = self.part("spread", order).expand_as(e).clone()
        moved, stage = own.clone(), self.reach.stages(age)
        for k in range(self.reach.last + 1):
            b, t = torch.nonzero(stage == k, as_tuple=True)
            if k == order or not len(b):
                continue
            some = outer[b, t, : self.vector.width(k)]
            inner = change[b, t] if k else terms[:, -steps:][b, t]
            mine = inner[:, self.vector.terms.of_numbers]
            e[b, t] = (mine - self._predict(some, inner, k)) / self.part("spread", k)
            spread[b, t], moved[b, t] = self.part("spread", k), mine
        return Expected(e, spread, moved)

    def _predict(self, outer: Tensor, inner: Tensor, k: int) -> Tensor:
        return outer @ self.part("outer", k).T + inner @ self.part("inner", k).T + self.part("constant", k)


class _Counts:
    """How often outcomes come, and which follows which."""

    def __init__(self, cells: tuple[Cell, ...]) -> None:
        own = [Outcomes.of(cell) for cell in cells]
        self.sizes = [o.count for o in own]
        self.first = [np.zeros(n) for n in self.sizes]
        self.marginal = [np.zeros(n) for n in self.sizes]
        self.after = [np.zeros((o.states, o.count)) if o.count <= TABLE else np.zeros((2, 1)) for o in own]

    def add(self, coded: Coded, begun: Tensor, age: Tensor, inside: Tensor, stretches: bool) -> None:
        """Take in a piece, and its outcomes as of first rows, `(B, R, C)`: each is one if stretches begin anywhere."""
        steps = inside.shape[1]
        fresh = begun[:, -steps:].numpy()
        now = coded.outcome[:, -steps:].numpy()
        old = coded.state[:, -steps - 1 : -1].numpy()
        starts = (inside if stretches else inside & (age[:, -steps:] == 0)).numpy()
        goes_on = (inside & (age[:, -steps:] >= 1)).numpy()
        for j, n in enumerate(self.sizes):
            self.first[j] += np.bincount(fresh[:, :, j][starts], minlength=n)
            a, b = old[:, :, j][goes_on], now[:, :, j][goes_on]
            self.marginal[j] += np.bincount(b, minlength=n)
            if n <= TABLE:
                self.after[j] += np.bincount(a * n + b, minlength=self.after[j].size).reshape(-1, n)
            else:
                self.after[j] += np.array([[(a == b).sum()], [len(a)]])

    def logs(self) -> tuple[list[Doubles], list[Doubles], list[Doubles]]:
        """Return log shares: of first rows, of others, of each after each."""
        first, marginal, after = [], [], []
        for j, n in enumerate(self.sizes):
            seen = self.marginal[j] if self.marginal[j].any() else self.first[j]
            share = (seen + 0.5 / n) / (seen.sum() + 0.5)
            begun = (self.first[j] + share) / (self.first[j].sum() + 1)
            first.append(np.log(begun))
            marginal.append(np.log(share))
            if n <= TABLE:
                after.append(np.log((self.after[j] + share) / (self.after[j].sum(1, keepdims=True) + 1)))
            else:
                same, rows = self.after[j][:, 0]
                again, chance = (same + 1) / (rows + 2), float((share**2).sum())
                after.append(np.array([np.log(max((again - chance) / max(1 - again, 1e-6), 1e-6))]))
        return first, marginal, after
