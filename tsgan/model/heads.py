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

CLOSE = 1e-9  # scaled values that differ by less are equal
NEVER = -30.0  # logit of an outcome that cannot be
TABLE = 64  # outcomes up to which it is counted which follows which


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of one cell, by number.

    Attributes
    ----------
    count : int
    stay, straight, missing : int
        -1 where the cell has no such outcome.
    atoms, starts : tuple of int
    """

    count: int
    stay: int = -1
    straight: int = -1
    atoms: tuple[int, ...] = ()
    missing: int = -1
    starts: tuple[int, ...] = ()

    @property
    def states(self) -> int:
        """How many states the next outcome is counted after: the outcomes, and "not known yet, since the start"."""
        return self.count + (self.missing >= 0 and self.count <= TABLE)

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
    """Rows as the network reads them; R rows of context and steps.

    Attributes
    ----------
    x : float64 Tensor of shape (B, R, C)
        Values and codes; behind a missing one stands the last that was known (0 before the first).
    outcome : int64 Tensor of shape (B, R, C)
    state : int64 Tensor of shape (B, R, C)
        The outcome, or one beyond all outcomes where the cell was missing since the start of the stretch; see
        `Outcomes.states`.
    """

    x: Tensor
    outcome: Tensor
    state: Tensor

    def before(self, age: Tensor) -> Tensor:
        """Return the outcomes of the rows before the last ones, of which `age` `(B, T)` is; 0 where there is none."""
        return torch.where((age > 0)[:, :, None], self.outcome[:, -age.shape[1] - 1 : -1], 0)


def code(
    values: Tensor,
    age: Tensor,
    cells: tuple[Cell, ...],
    behind: Tensor | None = None,
    new: Tensor | None = None,
) -> Coded:
    """Tell what each cell of some rows did.

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
        place = torch.arange(values.shape[1], device=values.device)[None, :, None].expand_as(values)
        last = torch.where(gone | ~there[:, :, None], -1, place).cummax(1).values
        old = 0.0 if behind is None else behind[:, None]
        x = torch.where(last >= 0, values.nan_to_num().gather(1, last.clamp_min(0)), old)
        never = (last < 0) if new is None else (last < 0) & new[:, None]
    outcome = torch.zeros(values.shape, dtype=torch.int64, device=values.device)
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
        more = torch.tensor([o.states - 1 if o.states > o.count else -1 for o in map(Outcomes.of, cells)])
        state = torch.where(never & gone & (more >= 0), more, outcome)
    return Coded(x, outcome, state)


class Grids:
    """The grids of the numbers of a row: rounding, and noise within a grid's cell.

    Parameters
    ----------
    cells : tuple of Cell
    """

    def __init__(self, cells: tuple[Cell, ...]) -> None:
        self.points = {
            j: torch.from_numpy(np.array(cell.grid, dtype=np.float64))
            for j, cell in enumerate(cells)
            if isinstance(cell, Number) and len(cell.grid) > 1
        }
        self.edges = {j: (grid[1:] + grid[:-1]) / 2 for j, grid in self.points.items()}

    def snap(self, j: int, z: Tensor) -> Tensor:
        """Return the nearest points of the grid of cell `j`; `z` (float64) as it is where it has none."""
        return self.points[j][torch.bucketize(z, self.edges[j])] if j in self.points else z

    def noise(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Return, for values `(B, T, C)`, uniform noise within the grid's cell of each; 0 without a grid."""
        out = torch.zeros_like(x)
        for j, points in self.points.items():
            place = torch.bucketize(x[:, :, j].contiguous(), self.edges[j])
            low = torch.where(place > 0, points[place] - self.edges[j][(place - 1).clamp_min(0)], 0.0)
            last = len(self.edges[j]) - 1
            high = torch.where(place <= last, self.edges[j][place.clamp_max(last)] - points[place], 0.0)
            low, high = torch.where(place > 0, low, high), torch.where(place <= last, high, low)
            share = torch.rand(x.shape[:2], generator=generator, dtype=x.dtype)
            out[:, :, j] = share * (low + high) - low
        return out


def mixture_log_prob(e: Tensor, weight: Tensor, mean: Tensor, log_sigma: Tensor) -> Tensor:
    """Return the log density of a mixture of normals; `e` (...), logits of weights, means, log sigmas (..., K)."""
    u = (e[..., None] - mean) * torch.exp(-log_sigma)
    return torch.logsumexp(
        torch.log_softmax(weight, -1) - 0.5 * u.square() - log_sigma - 0.5 * math.log(2 * math.pi), -1
    )
