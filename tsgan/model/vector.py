"""What the base's regressions see: terms of the cells of a row, and how rows make up the vector `v`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..layout import Cell, Layout, Number
from .context import Context
from .heads import Coded, Outcomes, code
from .pieces import Piece, Reach

LEVELS = 32  # levels of a category that the regressions tell apart


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


def static_terms(statics: Tensor, fixed: Terms) -> Tensor:
    """Return what the regressions see of statics `(B, S)`, `(B, terms)`."""
    age = torch.zeros((len(statics), 1), dtype=torch.int64)
    return fixed(code(statics[:, None], age, fixed.cells))[:, 0]


class Vector:
    """How `v` is made of rows: covariates, statics, rows before, numbers of a season ago, changes in this row."""

    def __init__(self, layout: Layout, reach: Reach) -> None:
        self.reach, self.terms = reach, Terms(layout.cells)
        self.fixed = Terms(layout.statics)
        self.known = layout.covariates + self.fixed.size
        self.context = Context(layout, self.terms.at, self.known)

    def width(self, stage: int) -> int:
        """Return how much of `v` stands before the row's own cells."""
        order = min(stage, self.reach.order)
        return self.known + order * self.terms.size + 2 * len(self.terms.numbers) * (stage - order)

    def size(self, stage: int) -> int:
        """Return the length of `v`."""
        return self.width(stage) + self.terms.size

    def targets(self, stage: int) -> NDArray[np.intp]:
        """Return the places of the numbers' changes in `v`."""
        return self.width(stage) + self.terms.of_numbers.astype(np.intp)

    def places(self, part: Reach) -> NDArray[np.intp]:
        """Return which places of `v` at the last stage make that of a smaller reach."""
        seasonal, both = self.width(self.reach.order), 2 * len(self.terms.numbers)
        kept = [seasonal + both * i for i, season in enumerate(self.reach.seasons) if season in part.seasons]
        parts = [
            np.arange(self.known + part.order * self.terms.size),
            *(np.arange(at, at + both) for at in kept),
            np.arange(self.width(self.reach.last), self.size(self.reach.last)),
        ]
        return np.concatenate(parts)

    def before(self, piece: Piece) -> Tensor:
        """Return the covariates and the terms of the statics on every row of a piece, `(B, T, ...)` float64."""
        known = piece.known.to(torch.float64)
        if not self.fixed.size:
            return known
        statics = static_terms(piece.statics, self.fixed)
        return torch.cat([known, statics[:, None].expand(-1, known.shape[1], -1)], 2)

    def __call__(self, terms: Tensor, known: Tensor, ago: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Return what stands before the row's own cells, `(B, T, ...)`, and the row's changes, `(B, T, terms)`.

        Parameters
        ----------
        terms : float64 Tensor of shape (B, R, terms)
            Of all rows; the last `steps` are wanted.
        known : float64 Tensor of shape (B, T, known)
        ago : float64 Tensor of shape (B, T, lags * numbers)
        steps : int
        """
        rows, order = terms.shape[1], self.reach.order
        if rows < steps + order:
            terms = torch.cat([terms.new_zeros((len(terms), steps + order - rows, terms.shape[2])), terms], 1)
            rows = steps + order
        lags = [terms[:, rows - steps - k : rows - k] for k in range(1, order + 1)]
        return torch.cat([known, *lags, ago], 2), self.changes(terms, steps)

    def ago(self, x: Tensor, piece: Piece, steps: int) -> Tensor:
        """Return the numbers of a season ago, given the values x of a piece's rows: `(B, T, lags * numbers)`."""
        if not self.reach.lags:
            return x.new_zeros((len(x), steps, 0))
        if piece.ago is not None:
            return piece.ago[:, -steps:, :, self.terms.numbers].flatten(2)
        x = x[:, :, self.terms.numbers]
        blank = x.new_zeros((len(x), self.reach.lags[-1], x.shape[2]))
        rows = blank.shape[1] + x.shape[1]
        wide = torch.cat([blank, x], 1)
        return torch.cat([wide[:, rows - steps - lag : rows - lag] for lag in self.reach.lags], 2)

    def changes(self, terms: Tensor, steps: int) -> Tensor:
        """Return the terms of the last rows, numbers as their change."""
        rows = terms.shape[1]
        own = terms[:, rows - steps :].clone()
        if rows > steps:
            own[:, :, self.terms.of_numbers] -= terms[:, rows - steps - 1 : rows - 1][:, :, self.terms.of_numbers]
        else:
            own[:, 1:, self.terms.of_numbers] -= terms[:, : steps - 1][:, :, self.terms.of_numbers]
        return own
