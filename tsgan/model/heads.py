r"""Outcomes: what a cell can do, what it did in real rows, and how it is drawn.

A `Number` is *continuous* (outcome 0), or it *stays* as it was, goes *straight* on by the step before, sits on an
*atom*, *starts* on a value that holds many first rows, or is *missing*; a `Category` has one of its levels or is
missing. So every cell has one distribution,

.. math:: p(x_j \mid \cdot) = \pi_o \; \big[ \textstyle\sum_k w_k \, N(e_j; \mu_k, \sigma_k) / s_j \big]^{[o = 0]},

with `e` the residual of the base in its units `s`. An atom goes before "stays", "stays" before "straight". Values on
a grid are dequantised by uniform noise within their cell ("A note on the evaluation of generative models", Theis et
al., 2016, https://arxiv.org/abs/1511.01844) when they are learned, and rounded to the grid when they are drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..layout import Category, Cell, Number
from .runtime import Noise, places, to_tensor, uniform

CLOSE = 1e-9  # scaled values that differ by less are equal: what scaling there and back may add
NEVER = -30.0  # logit of an outcome that cannot be: finite, so that its likelihood and gradient are
MAX_TABLE = 64  # outcomes up to which it is counted which follows which: a table of more would be empty
MAX_LOGITS = 2**22  # of the rows of a step: 16 megabytes for each thing that is said of every outcome
LOG_SIGMA = (-7.0, 3.0)  # bounds of the log sigma of normals, in units of the base's residual: none on one value alone


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of one cell, by number; -1 where the cell has no such outcome."""

    count: int
    stay: int = -1
    straight: int = -1
    atoms: tuple[int, ...] = ()
    missing: int = -1
    starts: tuple[int, ...] = ()

    @property
    def states(self) -> int:
        """How many states the next outcome is counted after: the outcomes, and "not known yet, since the start"."""
        return self.count + (self.missing >= 0 and self.has_table)

    @property
    def has_table(self) -> bool:
        """Whether it is counted which outcome follows which."""
        return self.count <= MAX_TABLE

    @classmethod
    def of(cls, cell: Cell) -> Outcomes:
        """Return the outcomes of a cell."""
        if isinstance(cell, Category):
            return cls(cell.levels + cell.missing, missing=cell.levels if cell.missing else -1)
        at, stay, straight = 1, -1, -1
        if cell.stays:
            stay, at = at, at + 1
        if cell.straight:
            straight, at = at, at + 1
        atoms = tuple(range(at, at + len(cell.atoms)))
        at += len(atoms)
        starts = tuple(range(at, at + len(cell.starts)))
        at += len(starts)
        return cls(at + cell.missing, stay, straight, atoms, at if cell.missing else -1, starts)

    def places(self, cell: Number) -> dict[int, float]:
        """Return the outcomes of a cell that are at one place, and where."""
        return dict(zip((*self.atoms, *self.starts), (*cell.atoms, *cell.starts), strict=True))


@dataclass(frozen=True)
class Coded:
    """Rows as the network reads them, `(B, R, C)` each: R rows of context and steps."""

    x: Tensor  # float64, values and codes; behind a missing one stands the last that was known (0 before the first)
    outcome: Tensor  # int64
    state: Tensor  # int64, the outcome, or one beyond all where the cell was missing since the start of the stretch

    def last(self, steps: int, lag: int = 0) -> Coded:
        """Return the last rows, so many `steps`, or the rows `lag` rows before each of them."""
        end = self.x.shape[1] - lag
        return Coded(*(part[:, end - steps : end] for part in (self.x, self.outcome, self.state)))

    def outcome_before(self, age: Tensor) -> Tensor:
        """Return the outcomes of the rows before the last ones, of which `age` `(B, T)` is; 0 where there is none."""
        return torch.where((age > 0)[:, :, None], self.last(age.shape[1], 1).outcome, 0)


def code(
    values: Tensor,
    age: Tensor,
    cells: tuple[Cell, ...],
    behind: Tensor | None = None,
    new: Tensor | None = None,
) -> Coded:
    """Return what each cell of some rows did.

    Parameters
    ----------
    values : float64 Tensor of shape (B, R, C)
        NaN where missing; rows before the start of a stretch hold anything.
    age : int64 Tensor of shape (B, R)
        Rows of the stretch before each; negative before its start.
    cells : tuple of Cell
    behind : float64 Tensor of shape (B, C), optional
        What was last known before the first row; 0 if not given.
    new : bool Tensor of shape (B, C), optional
        Where nothing was known before the first row; everywhere if not given.
    """
    gone = values.isnan()
    x, never = values, gone
    if bool(gone.any()):
        there = age >= 0
        place = torch.arange(values.shape[1])[None, :, None].expand_as(values)
        last = torch.where(gone | ~there[:, :, None], -1, place).cummax(1).values
        old = 0.0 if behind is None else behind[:, None]
        x = torch.where(last >= 0, values.nan_to_num().gather(1, last.clamp_min(0)), old)
        never = (last < 0) if new is None else (last < 0) & new[:, None]
    outcome = torch.zeros(values.shape, dtype=torch.int64)
    before = torch.cat([x[:, :1], x[:, :-1]], 1)
    known = ~gone & (age >= 1)[:, :, None] & ~torch.cat([gone[:, :1], gone[:, :-1]], 1)
    twice = known & (age >= 2)[:, :, None] & torch.cat([known[:, :1], known[:, :-1]], 1)
    for j, cell in enumerate(cells):
        own = Outcomes.of(cell)
        if isinstance(cell, Category):
            outcome[:, :, j] = x[:, :, j].long()
        else:
            now = x[:, :, j]
            if own.straight > 0:
                earlier = torch.cat([before[:, :1, j], before[:, :-1, j]], 1)
                bend = (now - 2 * before[:, :, j] + earlier).abs()
                outcome[:, :, j].masked_fill_(twice[:, :, j] & (bend <= cell.straight), own.straight)
            if own.stay > 0:
                outcome[:, :, j].masked_fill_(known[:, :, j] & ((now - before[:, :, j]).abs() <= CLOSE), own.stay)
            for number, atom in zip(own.atoms, cell.atoms, strict=True):
                outcome[:, :, j].masked_fill_((now - atom).abs() <= CLOSE, number)
            for number, start in zip(own.starts, cell.starts, strict=True):
                outcome[:, :, j].masked_fill_(((now - start).abs() <= CLOSE) & (age == 0), number)
        if own.missing >= 0:
            outcome[:, :, j].masked_fill_(gone[:, :, j], own.missing)
    state = outcome
    if never is not gone:
        more = places(o.states - 1 if o.states > o.count else -1 for o in map(Outcomes.of, cells))
        state = torch.where(never & gone & (more >= 0), more, outcome)
    return Coded(x, outcome, state)


class Grids:
    """The grids of the numbers of a row: rounding, and noise within a grid's cell."""

    def __init__(self, cells: tuple[Cell, ...]) -> None:
        self.points = {
            j: to_tensor(np.array(cell.grid, dtype=np.float64))
            for j, cell in enumerate(cells)
            if isinstance(cell, Number) and len(cell.grid) > 1
        }
        self.edges = {j: (grid[1:] + grid[:-1]) / 2 for j, grid in self.points.items()}
        self._sides = {}  # by cell: how far it goes below and above each point; the first and the last are symmetric
        self._listed = {}  # by cell: where what is listed ends although values go on
        for j, points in self.points.items():
            below, above = points[1:] - self.edges[j], self.edges[j] - points[:-1]
            self._sides[j] = torch.cat([above[:1], below]), torch.cat([above, below[-1:]])
            low, high = points[0] - above[0], points[-1] + below[-1]
            cell = cells[j]
            assert isinstance(cell, Number)
            self._listed[j] = low if cell.low < low else -math.inf, high if cell.high > high else math.inf

    def snap(self, j: int, z: Tensor) -> Tensor:
        """Return the nearest points of the grid of cell `j`; `z` (float64) as it is where it has none.

        So it is beyond what is listed of a grid that goes on.
        """
        if j not in self.points:
            return z
        near, (low, high) = self.points[j][torch.bucketize(z, self.edges[j])], self._listed[j]
        return torch.where((z < low) | (z > high), z, near)

    def noise(self, x: Tensor, source: Noise) -> Tensor:
        """Return, for values `(B, T, C)`, uniform noise within the grid's cell of each; 0 without a grid."""
        out = torch.zeros_like(x)
        for j, sides in self._sides.items():
            place = torch.bucketize(x[:, :, j].contiguous(), self.edges[j])
            low, high = (side[place] for side in sides)
            share = uniform(x.shape[:2], source, x.dtype)
            out[:, :, j] = share * (low + high) - low
        return out

    def log_width(self, j: int, z: Tensor) -> Tensor:
        """Return the log width of the grid's cell around values, 0 without a grid: so densities count as shares."""
        points = self.points.get(j)
        if points is None:
            return torch.zeros_like(z)
        width = torch.cat([points[1:2] - points[:1], (points[2:] - points[:-2]) / 2, points[-1:] - points[-2:-1]])
        return width[torch.bucketize(z.nan_to_num(), self.edges[j])].log()


class Heads:
    """Where in the chain's output the parameters of each cell's head lie."""

    def __init__(self, cells: tuple[Cell, ...], mixture: int) -> None:
        self.own = [Outcomes.of(cell) for cell in cells]
        self.widths = [
            (o.count if o.count > 1 else 0) + (3 * mixture if isinstance(cell, Number) else 0)
            for cell, o in zip(cells, self.own, strict=True)
        ]
        ends = np.concatenate([[0], np.cumsum(self.widths)]).astype(int)
        self.several = [j for j, o in enumerate(self.own) if o.count > 1]
        self.numbers = [j for j, cell in enumerate(cells) if isinstance(cell, Number)]
        self.place = {j: number for number, j in enumerate(self.numbers)}
        # networks give logits first, of cells with as many outcomes together, then weights, means and sigmas
        self.groups: list[tuple[list[int], slice]] = []
        order: list[int] = []
        for count in sorted({self.own[j].count for j in self.several}):
            mine = [j for j in self.several if self.own[j].count == count]
            self.groups.append((mine, slice(len(order), len(order) + len(mine) * count)))
            order += [int(ends[j]) + k for j in mine for k in range(count)]
        self.logits = len(order)  # of a row
        skipped = [int(ends[j]) + (self.own[j].count if self.own[j].count > 1 else 0) for j in self.numbers]
        order += [at + part * mixture + k for part in range(3) for at in skipped for k in range(mixture)]
        self.order = order
        self.masked = [
            j
            for j, (cell, o) in enumerate(zip(cells, self.own, strict=True))
            if o.stay > 0 or o.straight > 0 or o.starts or cell.together >= 0
        ]

    def rows(self, most: int, steps: int = 1) -> int:
        """Return so many rows, or as many as may be learned in so many steps: very many levels take no more memory."""
        return max(1, min(most, steps * MAX_LOGITS // max(self.logits, 1)))


def mixture_log_prob(e: Tensor, weight: Tensor, mean: Tensor, log_sigma: Tensor) -> Tensor:
    """Return the log density of a mixture of normals; `e` (...), logits of weights, means, log sigmas (..., K)."""
    u = (e[..., None] - mean) * torch.exp(-log_sigma)
    return torch.logsumexp(
        torch.log_softmax(weight, -1) - 0.5 * u.square() - log_sigma - 0.5 * math.log(2 * math.pi), -1
    )
