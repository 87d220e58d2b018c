r"""Linear regressions of each number on the rows before it, and on what stands before it in its own row.

With `v` the vector of covariates, statics, the last p rows, the numbers of a season ago and then, cell by cell, what
changes in this row, one Cholesky factor of its covariance holds the regressions of all numbers: with
:math:`\mathrm{cov}(v) = L L^T` the residuals in units of their standard deviation are :math:`L^{-1} (v - \bar v)`. Rows
at the start of a stretch have fewer rows before them, so that there is one factor for each stage (`chunks.Lookback`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..arrays import Doubles
from ..layout import Cell, Layout, Number
from .chunks import Chunk, Lookback
from .context import Context
from .heads import Coded, Outcomes, code
from .runtime import places, to_tensor

MAX_LEVELS = 32  # of a category that gets a term for each: more would crowd out the numbers
MIN_SPREAD = 1e-4  # of a residual, scaled: below it a likelihood is that of rounding errors


class Terms:
    """What the regressions see of the cells of a row: numbers, flags of missing ones, levels one-hot.

    Attributes
    ----------
    size : int
    numbers : list of int
        Positions of the cells that are numbers.
    at : int64 array of shape (cells + 1,)
        First term of each cell.
    of_numbers : int64 array
        Terms that are numbers.
    """

    def __init__(self, cells: tuple[Cell, ...]) -> None:
        self.cells = cells
        self.numbers = [j for j, cell in enumerate(cells) if isinstance(cell, Number)]
        flags = [self._flagged(cell) for cell in cells]
        widths = [isinstance(cell, Number) + len(own) for cell, own in zip(cells, flags, strict=True)]
        self.at = np.concatenate([[0], np.cumsum(widths)]).astype(np.int64)
        self.size = int(self.at[-1])
        self.of_numbers = self.at[:-1][self.numbers]
        self._flags = [
            (int(self.at[j]) + isinstance(cells[j], Number) + k, j, outcome)
            for j, own in enumerate(flags)
            for k, outcome in enumerate(own)
        ]

    @staticmethod
    def _flagged(cell: Cell) -> list[int]:
        """Return the outcomes of a cell that have a term."""
        own = Outcomes.of(cell)
        if isinstance(cell, Number):
            return [own.missing] if own.missing >= 0 else []
        return list(range(own.count)) if own.count <= MAX_LEVELS else []

    def __call__(self, coded: Coded) -> Tensor:
        """Return the terms of rows, `(B, R, size)` float64."""
        out = coded.x.new_zeros((*coded.x.shape[:2], self.size))
        if self.numbers:
            out[:, :, places(self.of_numbers)] = coded.x[:, :, places(self.numbers)]
        if self._flags:
            place, cell, outcome = (places(part) for part in zip(*self._flags, strict=True))
            out[:, :, place] = (coded.outcome[:, :, cell] == outcome).to(out.dtype)
        return out


@dataclass(frozen=True)
class VectorRows:
    """The parts of `v` on T rows of each of B sequences, float64."""

    outer: Tensor  # (B, T, width) all that stands before the row's own cells, at the last stage
    change: Tensor  # (B, T, terms) the row's own terms, numbers as their change from the row before
    terms: Tensor  # (B, T, terms) the row's own terms
    known: Tensor  # (B, T, known) covariates and terms of the statics: where `outer` begins


class Vector:
    """How `v` is made of rows: covariates, statics, rows before, numbers of a season ago, changes in this row."""

    def __init__(self, layout: Layout, lookback: Lookback) -> None:
        self.lookback, self.terms = lookback, Terms(layout.cells)
        self.statics = Terms(layout.statics)
        self.known = layout.covariates + self.statics.size
        self.context = Context(layout, self.terms.at, self.known)

    def width(self, stage: int) -> int:
        """Return how much of `v` stands before the row's own cells."""
        order = min(stage, self.lookback.order)
        return self.known + order * self.terms.size + 2 * len(self.terms.numbers) * (stage - order)

    def size(self, stage: int) -> int:
        """Return the length of `v`."""
        return self.width(stage) + self.terms.size

    def targets(self, stage: int) -> NDArray[np.intp]:
        """Return the places of the numbers' changes in `v`."""
        return self.width(stage) + self.terms.of_numbers.astype(np.intp)

    def places(self, part: Lookback, stage: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return which places of `v` at a stage make that of a smaller lookback, and where its targets are then."""
        seasonal, both = self.width(self.lookback.order), 2 * len(self.terms.numbers)
        kept = [seasonal + both * i for i, season in enumerate(self.lookback.seasons) if season in part.seasons]
        parts = [
            np.arange(self.known + part.order * self.terms.size),
            *(np.arange(at, at + both) for at in kept),
            np.arange(self.width(stage), self.size(stage)),
        ]
        keep = np.concatenate(parts)
        return keep, np.searchsorted(keep, self.targets(stage))

    def static_terms(self, statics: Tensor) -> Tensor:
        """Return the terms of statics `(B, S)`, `(B, terms)`."""
        if not self.statics.size:
            return statics.new_zeros((len(statics), 0))
        age = torch.zeros((len(statics), 1), dtype=torch.int64)
        return self.statics(code(statics[:, None], age, self.statics.cells))[:, 0]

    def rows(self, coded: Coded, chunk: Chunk, steps: int) -> VectorRows:
        """Return the parts of `v` on the last rows of a chunk."""
        terms, order = self.terms(coded), self.lookback.order
        end = terms.shape[1]
        statics = self.static_terms(chunk.statics)[:, None].expand(-1, chunk.known.shape[1], -1)
        known = torch.cat([chunk.known.to(torch.float64), statics], 2)
        lags = [terms[:, end - steps - k : end - k] for k in range(1, order + 1)]
        own = terms[:, end - steps :]
        change = own.clone()
        numbers = places(self.terms.of_numbers)
        change[:, :, numbers] -= terms[:, end - steps - 1 : end - 1][:, :, numbers]
        return VectorRows(torch.cat([known, *lags, self._seasonal(coded.x, chunk, steps)], 2), change, own, known)

    def _seasonal(self, x: Tensor, chunk: Chunk, steps: int) -> Tensor:
        """Return the numbers of a season ago, `(B, T, lags * numbers)`; the chunk's own rows if it says no other."""
        if not self.lookback.lags:
            return x.new_zeros((len(x), steps, 0))
        if chunk.ago is not None:
            return chunk.ago[:, -steps:, :, places(self.terms.numbers)].flatten(2)
        x = x[:, :, places(self.terms.numbers)]
        wide = torch.cat([x.new_zeros((len(x), self.lookback.lags[-1], x.shape[2])), x], 1)
        end = wide.shape[1]
        return torch.cat([wide[:, end - steps - lag : end - lag] for lag in self.lookback.lags], 2)


@dataclass
class Moments:
    """Sums over rows: how many, of `v`, and of its squares; so they can be taken chunk by chunk."""

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
    """The regressions of all numbers at one stage."""

    mean: Doubles  # (size,) of `v`
    weights: Doubles  # (numbers, size) what predicts each number's change; zero from its own place on
    spread: Doubles  # (numbers,) standard deviation of the residuals
    ridge: float = 0.0

    @classmethod
    def fit(cls, moments: Moments, held: Moments, targets: NDArray[np.intp], ridge: float) -> tuple[Regressions, float]:
        """Return the regressions, and minus the mean log-likelihood of the rows held back, in nats a row."""
        mean = moments.sums / max(moments.rows, 1.0)
        cov = moments.about(mean)
        size = np.sqrt(np.maximum(np.diag(cov), 0))
        scale = np.where(size > 1e-9, size, 1.0)
        unit = cov / np.outer(scale, scale)
        noise = 4 * np.finfo(np.float64).eps * len(mean) * (mean / scale) ** 2  # what taking means away leaves at most
        np.fill_diagonal(unit, np.where(size > 1e-9, 1.0 + ridge + noise, 1.0))
        factor = np.linalg.cholesky(unit + 1e-9 * np.eye(len(unit)))
        inverse = np.linalg.solve(factor, np.eye(len(unit)))[targets]
        each = np.arange(len(targets))
        inverse /= inverse[each, targets][:, None]
        weights = -inverse / scale * scale[targets][:, None]
        weights[each, targets] = 0.0
        whole = -weights
        whole[each, targets] = 1.0
        inside = np.maximum(((whole @ cov) * whole).sum(axis=1), 0)
        outside = inside
        if held.rows:
            outside = np.maximum(((whole @ held.about(mean)) * whole).sum(axis=1), 0)
        share = held.rows / max(held.rows + moments.rows, 1.0)
        spread = np.maximum(np.sqrt((1 - share) * inside + share * outside), MIN_SPREAD)
        tried = np.maximum(np.sqrt(inside), MIN_SPREAD)
        loss = float((0.5 * outside / tried**2 + np.log(tried)).sum())
        return cls(mean, weights, spread, ridge), loss

    @classmethod
    def blank(cls, numbers: int, size: int) -> Regressions:
        """Return regressions of which nothing is known but their shape."""
        return cls(np.zeros(size), np.zeros((numbers, size)), np.ones(numbers))


@dataclass(frozen=True)
class Residuals:
    """What the regressions leave of the numbers of some rows, `(B, T, numbers)` float64 each."""

    e: Tensor  # residuals in units of `spread`
    spread: Tensor
    change: Tensor  # from the row before; on first rows the values themselves


class LinearStage(nn.Module):
    """The regressions of one stage as tensors."""

    outer: Tensor
    inner: Tensor
    constant: Tensor
    spread: Tensor

    def __init__(self, fitted: Regressions, width: int, targets: NDArray[np.intp]) -> None:
        super().__init__()
        constant = fitted.mean[targets] - fitted.weights @ fitted.mean
        for name, part in {
            "outer": fitted.weights[:, :width],
            "inner": fitted.weights[:, width:],
            "constant": constant,
            "spread": fitted.spread,
        }.items():
            self.register_buffer(name, to_tensor(part.copy()))

    def forward(self, outer: Tensor, inner: Tensor) -> Tensor:
        """Return the change of each number that is expected; `outer` may go on beyond what this stage sees."""
        return outer[..., : self.outer.shape[1]] @ self.outer.T + inner @ self.inner.T + self.constant


class Linear(nn.Module):
    """The regressions of all stages as tensors."""

    def __init__(self, layout: Layout, lookback: Lookback, fitted: tuple[Regressions, ...]) -> None:
        super().__init__()
        self.vector = vector = Vector(layout, lookback)
        self._stages = nn.ModuleList(
            LinearStage(one, vector.width(k), vector.targets(k)) for k, one in enumerate(fitted)
        )

    def stage(self, k: int) -> LinearStage:
        """Return the regressions of a stage."""
        found = self._stages[k]
        assert isinstance(found, LinearStage)
        return found

    def weights(self, k: int, lag: int) -> Tensor:
        """Return the weights `(numbers, terms)` of the row `lag` rows before in each number, at stage k."""
        if lag == 0:
            return self.stage(k).inner
        first = self.vector.known + (lag - 1) * self.vector.terms.size
        return self.stage(k).outer[:, first : first + self.vector.terms.size]

    def forward(self, rows: VectorRows, age: Tensor) -> Residuals:
        """Return residuals; `age` `(B, T)` says how many rows before each row count."""
        order, numbers = self.vector.lookback.order, places(self.vector.terms.of_numbers)
        usual = self.stage(order)
        change = rows.change[:, :, numbers]
        e = (change - usual(rows.outer, rows.change)) / usual.spread
        spread, moved = usual.spread.expand_as(e).clone(), change.clone()
        stages = self.vector.lookback.stages(age)
        for k in range(self.vector.lookback.last + 1):
            b, t = torch.nonzero(stages == k, as_tuple=True)
            if k == order or not len(b):
                continue
            stage, inner = self.stage(k), (rows.change if k else rows.terms)[b, t]
            own = inner[:, numbers]
            e[b, t] = (own - stage(rows.outer[b, t], inner)) / stage.spread
            spread[b, t], moved[b, t] = stage.spread, own
        return Residuals(e, spread, moved)
