r"""The base: a vector autoregression in triangular form, and how often each outcome follows each.

With `v` the vector of the covariates, the statics, the last p rows and then, cell by cell, what changes in this row,
every number is predicted by least squares from all that stands before it. One Cholesky factor of the covariance of `v`
holds all these regressions: with :math:`\mathrm{cov}(v) = L L^T` the residuals in units of their standard deviation are
:math:`L^{-1} (v - \bar v)`. Rows at the start of a stretch have fewer rows before them, so that there is one factor for
each number of rows 0 ... p. Moments are sums over rows, so that they can be taken piece by piece.

The order p and the ridge (a share of each variance) are those with the largest likelihood of rows that were held back.
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

from ..layout import Cell, Layout, Number
from .context import Context, Lift, Sample, fit_lift
from .heads import TABLE, Coded, Outcomes
from .pieces import SPARE, Piece

Doubles = NDArray[np.float64]
ORDERS = (1, 2, 3)
RIDGES = (1e-4, 1e-2, 1e-1, 1.0)
WIDEST = 1500  # numbers in `v`, beyond which the order stays at 1
LEVELS = 32  # levels of a category that the regressions tell apart
FLOOR = 1e-4  # least standard deviation of a residual, scaled
EM_ROWS, EM_TURNS = 8_000, 30


class Terms:
    """What the regressions see of the cells of a row, by position.

    Parameters
    ----------
    cells : tuple of Cell

    Attributes
    ----------
    size : int
    numbers : list of int
        Positions of the cells that are numbers.
    at : int64 array of shape (cells,)
        First term of each cell.
    """

    def __init__(self, cells: tuple[Cell, ...]) -> None:
        self.cells = cells
        self.numbers = [j for j, cell in enumerate(cells) if isinstance(cell, Number)]
        self.at = np.zeros(len(cells) + 1, dtype=np.int64)
        for j, cell in enumerate(cells):
            self.at[j + 1] = self.at[j] + isinstance(cell, Number) + len(self._values(cell))
        self.size = int(self.at[-1])
        self.of_numbers = self.at[:-1][self.numbers]
        self._flags = [
            (int(self.at[j]) + (k + 1 if isinstance(cell, Number) else k), j, value)
            for j, cell in enumerate(cells)
            for k, value in enumerate(self._values(cell))
        ]

    @staticmethod
    def _values(cell: Cell) -> list[int]:
        own = Outcomes.of(cell)
        if isinstance(cell, Number):
            return [own.missing] if own.missing >= 0 else []
        return list(range(own.count)) if own.count <= LEVELS else []

    def __call__(self, coded: Coded) -> Tensor:
        """Return the terms of rows, `(B, R, size)` float64."""
        out = coded.x.new_zeros((*coded.x.shape[:2], self.size))
        if self.numbers:
            out[:, :, self.of_numbers] = coded.x[:, :, self.numbers]
        if self._flags:
            place, cell, value = (list(part) for part in zip(*self._flags, strict=True))
            same = coded.outcome[:, :, cell] == torch.tensor(value, device=out.device)
            out[:, :, place] = same.to(out.dtype)
        return out


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
    """The regressions of all numbers at one number of rows before.

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
    order : int
        Rows before that the regressions see.
    ridge : tuple of float
        Chosen, for each number of rows before.
    regressions : tuple of Regressions
        For 0 ... order rows before.
    bias : float64 array of shape (2, numbers, 3, K)
        Mixtures of the residuals: of first rows, of others.
    first, marginal : list of float64 arrays of shape (outcomes,)
        Log shares of each cell's outcomes on first rows and on others.
    after : list of float64 arrays of shape (states, outcomes) or (1,)
        Log shares of outcomes given the state before, see `Outcomes`; of a cell with many outcomes the log share of
        "the same again" beyond chance.
    lifts : dict of int to Lift
        What the context adds, by cell.
    jumps : float64 array of shape (numbers,)
        Standard deviation of a number's change from row to row.
    """

    order: int
    ridge: tuple[float, ...]
    regressions: tuple[Regressions, ...]
    bias: Doubles
    first: list[Doubles]
    marginal: list[Doubles]
    after: list[Doubles]
    lifts: dict[int, Lift]
    jumps: Doubles

    @classmethod
    def blank(cls, layout: Layout, order: int, components: int) -> Base:
        """Return a base of which nothing is known but its shape."""
        vector = Vector(layout)
        numbers, own = len(vector.terms.numbers), [Outcomes.of(cell) for cell in layout.cells]
        counts = [o.count for o in own]

        def none(k: int) -> Regressions:
            return Regressions(np.zeros(vector.size(k)), np.zeros((numbers, vector.size(k))), np.ones(numbers))

        return cls(
            order,
            (),
            tuple(none(k) for k in range(order + 1)),
            np.zeros((2, numbers, 3, components)),
            [np.zeros(n) for n in counts],
            [np.zeros(n) for n in counts],
            [np.zeros((o.states, o.count)) if o.count <= TABLE else np.zeros(1) for o in own],
            {j: Lift.none(vector.context.size, counts[j]) for j in vector.context.lifted(counts)},
            np.ones(numbers),
        )


class Vector:
    """How `v` is made of rows: covariates, statics, rows before, changes in this row."""

    def __init__(self, layout: Layout) -> None:
        self.terms = Terms(layout.cells)
        self.fixed = Terms(layout.statics)
        self.known = layout.covariates + self.fixed.size
        self.context = Context(layout, self.terms.at, self.known)

    def size(self, order: int) -> int:
        """Return the length of `v`."""
        return self.known + (order + 1) * self.terms.size

    def targets(self, order: int) -> NDArray[np.intp]:
        """Return the places of the numbers' changes in `v`."""
        return self.known + order * self.terms.size + self.terms.of_numbers.astype(np.intp)

    def lower(self, order: int, to: int) -> NDArray[np.intp]:
        """Return which places of `v` of one order make that of a lower one."""
        own = np.arange(self.known + to * self.terms.size)
        return np.concatenate([own, self.known + order * self.terms.size + np.arange(self.terms.size)])

    def __call__(self, terms: Tensor, known: Tensor, order: int, steps: int) -> tuple[Tensor, Tensor]:
        """Return what stands before the row's own cells, `(B, T, ...)`, and the row's changes, `(B, T, terms)`.

        Parameters
        ----------
        terms : float64 Tensor of shape (B, R, terms)
            Of all rows; the last `steps` are wanted.
        known : float64 Tensor of shape (B, T, known)
        order, steps : int
        """
        rows = terms.shape[1]
        if rows < steps + order:
            terms = torch.cat([terms.new_zeros((len(terms), steps + order - rows, terms.shape[2])), terms], 1)
            rows = steps + order
        lags = [terms[:, rows - steps - k : rows - k] for k in range(1, order + 1)]
        return torch.cat([known, *lags], 2), self.changes(terms, steps)

    def changes(self, terms: Tensor, steps: int) -> Tensor:
        """Return the terms of the last rows, numbers as their change."""
        rows = terms.shape[1]
        own = terms[:, rows - steps :].clone()
        if rows > steps:
            own[:, :, self.terms.of_numbers] -= terms[:, rows - steps - 1 : rows - 1][:, :, self.terms.of_numbers]
        else:
            own[:, 1:, self.terms.of_numbers] -= terms[:, : steps - 1][:, :, self.terms.of_numbers]
        return own


def fit_base(
    layout: Layout, pieces: Callable[[int], Iterator[tuple[Piece, Tensor]]], components: int, rng: np.random.Generator
) -> Base:
    """Learn the base.

    Parameters
    ----------
    layout : Layout
    pieces : callable
        Of a number of context rows, returns all rows once, piece by piece, each with a bool `(B, T)` of the rows held
        back.
    components : int
        Normals in each mixture.
    rng : numpy.random.Generator
    """
    vector = Vector(layout)
    most = max(order for order in ORDERS if order == 1 or vector.size(order) <= WIDEST)
    # by number of rows before, then whether held back
    moments = [[Moments.none(vector.size(k)) for _ in range(2)] for k in range(most + 1)]
    counts = _Counts(layout.cells)
    for piece, held in pieces(most + 1):
        coded, steps = piece.coded(layout), piece.known.shape[1]
        terms, known = vector.terms(coded), piece.before(vector.fixed)
        age = piece.age[:, -steps:]
        counts.add(coded, _begun(layout, coded.outcome), piece.age, piece.inside, layout.stretches)
        for k in range(most + 1):
            if k == 0:
                use = piece.inside & (torch.ones_like(age, dtype=torch.bool) if layout.stretches else age == 0)
                v = torch.cat([known, terms[:, -steps:]], 2)
            else:
                use = piece.inside & (age >= k)
                v = torch.cat(vector(terms, known, k, steps), 2)
            for side in range(2):
                rows = v[use & (held == bool(side))]
                if len(rows):
                    moments[k][side].add(rows.numpy())
    full = moments[most]
    order, several = 1, full[0].rows + full[1].rows >= 4 * vector.size(most)
    best = np.inf
    for k in range(1, most + 1) if several else ():
        keep = vector.lower(most, k)
        part = [side.part(keep) for side in full]
        loss = min(Regressions.fit(part[0], part[1], vector.targets(k), ridge)[1] for ridge in RIDGES)
        if loss < best - 1e-3 * len(vector.terms.numbers):
            order, best = k, loss
    found, ridges = [], []
    for k in range(order + 1):
        (train, kept), targets = moments[k], vector.targets(k)
        losses = [Regressions.fit(train, kept, targets, ridge)[1] for ridge in RIDGES]
        ridge = RIDGES[int(np.argmin(losses))]
        tried, _ = Regressions.fit(train, kept, targets, ridge)
        whole, _ = Regressions.fit(train + kept, Moments.none(vector.size(k)), targets, ridge)
        found.append(replace(whole, spread=tried.spread))
        ridges.append(ridge)
    moved, at = moments[1][0] + moments[1][1], vector.targets(1)
    jumps = np.sqrt(np.maximum(np.diag(moved.squares)[at] / max(moved.rows, 1.0), 0))
    jumps = np.where(jumps > FLOOR, jumps, 1.0)
    bias = np.zeros((2, len(at), 3, components))
    base = Base(order, tuple(ridges), tuple(found), bias, *counts.logs(), {}, jumps)
    enough = vector.context.rows(counts.sizes)
    shares = [min(1.0, enough / max(one[0].rows + one[1].rows, 1.0)) for one in moments[:2]]
    residuals, samples = _second_look(layout, base, pieces, shares, rng)
    base.bias = np.stack([mixtures(e, components, rng) for e in residuals])
    for j in vector.context.lifted(counts.sizes):
        base.lifts[j] = fit_lift(vector.context, j, counts.sizes[j], samples, (base.first[j], base.after[j]))
    return base


def _second_look(
    layout: Layout,
    base: Base,
    pieces: Callable[[int], Iterator[tuple[Piece, Tensor]]],
    shares: list[float],
    rng: np.random.Generator,
) -> tuple[list[list[Doubles]], tuple[Sample, Sample]]:
    """Return residuals of each number where it is continuous, and contexts, of first rows and of others: samples."""
    law, numbers = Linear(layout, base), [j for j, c in enumerate(layout.cells) if isinstance(c, Number)]
    found: list[list[list[Doubles]]] = [[[] for _ in numbers] for _ in range(2)]
    samples, taken = (Sample([], [], [], []), Sample([], [], [], [])), [0, 0]
    for piece, held in pieces(base.order + SPARE):
        coded, steps = piece.coded(layout), piece.known.shape[1]
        age = piece.age[:, -steps:]
        u = law.vector.context(piece.before(law.vector.fixed), law.vector.terms(coded)[:, -steps:])
        for side, (start, rows) in enumerate(zip((True, False), samples, strict=True)):
            young = torch.zeros_like(age) if start and layout.stretches else age
            use = piece.inside & ((young == 0) if start else (young >= 1))
            now, old = coded.outcome[:, -steps:], coded.state[:, -steps - 1 : -1]
            if taken[side] <= 2 * EM_ROWS:
                e = law(coded, piece, young).e
                taken[side] += int(use.sum())
                for i, j in enumerate(numbers):
                    found[side][i].append(e[:, :, i][use & (now[:, :, j] == 0)].numpy())
            if u.shape[2]:
                some = use & torch.from_numpy(rng.random(use.shape) < shares[side])
                rows.u.append(u[some].numpy())
                rows.now.append(_begun(layout, now)[some].numpy() if start else now[some].numpy())
                rows.old.append(old[some].numpy())
                rows.held.append(held[some].numpy())
    return [[np.concatenate(parts) if parts else np.zeros(0) for parts in side] for side in found], samples


def _begun(layout: Layout, outcome: Tensor) -> Tensor:
    """Return outcomes `(B, T, C)` as they would be on first rows, where nothing stays as it was."""
    out = outcome.clone()
    for j, cell in enumerate(layout.cells):
        own = Outcomes.of(cell)
        for number in (own.stay, own.straight):
            if number > 0:
                out[:, :, j].masked_fill_(outcome[:, :, j] == number, 0)
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
        self.vector, self.order = Vector(layout), base.order
        for k, one in enumerate(base.regressions):
            cut = self.vector.size(k) - self.vector.terms.size
            self.register_buffer(f"outer{k}", torch.from_numpy(one.weights[:, :cut].copy()))
            self.register_buffer(f"inner{k}", torch.from_numpy(one.weights[:, cut:].copy()))
            constant = one.mean[self.vector.targets(k)] - one.weights @ one.mean
            self.register_buffer(f"constant{k}", torch.from_numpy(constant))
            self.register_buffer(f"spread{k}", torch.from_numpy(one.spread.copy()))

    def part(self, name: str, k: int) -> Tensor:
        """Return one of outer, inner, constant, spread for k rows before."""
        found: Tensor = getattr(self, f"{name}{k}")
        return found

    def forward(self, coded: Coded, piece: Piece, age: Tensor) -> Expected:
        """Return residuals of the last rows of pieces; `age` `(B, T)` says how many rows before each count."""
        steps = age.shape[1]
        terms, known = self.vector.terms(coded), piece.before(self.vector.fixed)
        outer, change = self.vector(terms, known, self.order, steps)
        own = change[:, :, self.vector.terms.of_numbers]
        e = (own - self._predict(outer, change, self.order)) / self.part("spread", self.order)
        spread = self.part("spread", self.order).expand_as(e).clone()
        moved = own.clone()
        for k in range(self.order):
            b, t = torch.nonzero(age == k, as_tuple=True)
            if not len(b):
                continue
            some = outer[b, t, : self.vector.known + k * self.vector.terms.size]
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
