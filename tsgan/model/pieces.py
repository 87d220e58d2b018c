"""Pieces of a panel: consecutive rows of sequences, with the rows before them, cut when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..layout import Layout
from ..panel import Bools, Ints, Panel
from .heads import Coded, code

if TYPE_CHECKING:
    from .base import Terms

SPARE = 2  # rows before, beyond the base's, that say what the last of them did
BLOCKS = 5  # of which one is held back


@dataclass(frozen=True)
class Piece:
    """T rows of each of B sequences, after P rows of context.

    Attributes
    ----------
    values : float64 Tensor of shape (B, P + T, C)
    age : int64 Tensor of shape (B, P + T)
        Rows of the stretch before each; negative where there is no row.
    known : float32 Tensor of shape (B, T, covariates)
    statics : float64 Tensor of shape (B, statics)
    inside : bool Tensor of shape (B, T)
        False after a sequence's end, and on rows that are not to count.
    last : float32 Tensor of shape (B, covariates), optional
        The covariates of the row before the first; those of the first if not given.
    new : bool Tensor of shape (B, C), optional
        Cells of which nothing was known in the stretch before the first row; all if not given.
    """

    values: Tensor
    age: Tensor
    known: Tensor
    statics: Tensor
    inside: Tensor
    last: Tensor | None = None
    new: Tensor | None = None

    def __getitem__(self, some: Tensor) -> Piece:
        """Return some of the sequences, in that order."""
        parts = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(self, **{name: part[some] for name, part in parts.items() if part is not None})

    def coded(self, layout: Layout, behind: Tensor | None = None) -> Coded:
        """Return what each cell did; see `heads.code`."""
        return code(self.values, self.age, layout.cells, behind, self.new)

    def before(self, fixed: Terms) -> Tensor:
        """Return the covariates and the terms of the statics on every row, `(B, T, ...)` float64."""
        known = self.known.to(torch.float64)
        if not fixed.size:
            return known
        return torch.cat([known, static_terms(self.statics, fixed)[:, None].expand(-1, known.shape[1], -1)], 2)


def static_terms(statics: Tensor, fixed: Terms) -> Tensor:
    """Return what the regressions see of statics `(B, S)`, `(B, terms)`."""
    age = torch.zeros((len(statics), 1), dtype=torch.int64)
    return fixed(code(statics[:, None], age, fixed.cells))[:, 0]


class Source:
    """Pieces of a panel.

    Parameters
    ----------
    panel : Panel
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.offsets = panel.offsets
        self.begins = _begins(panel)

    def cut(self, start: Ints, sequence: Ints, fresh: Bools, steps: int, before: int) -> Piece:
        """Return pieces.

        Parameters
        ----------
        start, sequence : int64 arrays of shape (B,)
            First row, in the panel, and the sequence it belongs to.
        fresh : bool array of shape (B,)
            Where the stretch starts with the piece, and not with the sequence.
        steps, before : int
            T and P.
        """
        row = start[:, None] + np.arange(-before, steps)
        first, end = self.offsets[sequence][:, None], self.offsets[sequence + 1][:, None]
        origin = np.where(fresh[:, None], start[:, None], first)
        safe = np.clip(row, first, end - 1)
        age = np.where(row >= origin, row - origin, -1)
        panel = self.panel
        return Piece(
            torch.from_numpy(np.asarray(panel.values[safe])),
            torch.from_numpy(age),
            torch.from_numpy(np.asarray(panel.covariates[safe[:, before:]])),
            torch.from_numpy(np.asarray(panel.statics[sequence])),
            torch.from_numpy((row < end)[:, before:]),
            torch.from_numpy(np.asarray(panel.covariates[safe[:, max(before - 1, 0)]])),
            torch.from_numpy(fresh[:, None] | (row[:, :1] <= self.begins[sequence])),
        )

    def sweep(self, steps: int, before: int, size: int) -> Iterator[tuple[Piece, Tensor]]:
        """Return all rows once, with the rows before them, and which rows are held back."""
        panel = self.panel
        count = -(-panel.lengths // steps)
        sequence = np.repeat(np.arange(len(panel)), count)
        number = np.arange(len(sequence)) - np.repeat(np.cumsum(count) - count, count)
        start = self.offsets[sequence] + number * steps
        batch = max(1, 200_000 // max(steps * (panel.values.shape[1] + 1), 1))
        for at in range(0, len(start), batch):
            some = slice(at, at + batch)
            fresh = np.zeros(len(start[some]), dtype=bool)
            piece = self.cut(start[some], sequence[some], fresh, steps, before)
            row = start[some][:, None] + np.arange(steps)
            yield piece, torch.from_numpy(self.held(row, sequence[some][:, None], size))

    def held(self, row: Ints, sequence: Ints, size: int) -> Bools:
        """Return which rows are held back: whole sequences, or blocks of time of one long series."""
        if len(self.panel) >= 2 * BLOCKS:
            return np.array(np.broadcast_to(sequence % BLOCKS == 2, row.shape))
        return np.asarray(row // self.block(size) % BLOCKS == 2)

    def block(self, size: int) -> int:
        """Return the rows of a block of time."""
        return min(3 * size, max(len(self.panel.values) // (2 * BLOCKS), 1))


def _begins(panel: Panel) -> Ints:
    """Return the row at which each cell of each sequence is known first, `(sequences, cells)`; its end if never."""
    out = np.empty((len(panel), panel.values.shape[1]), dtype=np.int64)
    for j in range(panel.values.shape[1]):
        known = np.append(np.flatnonzero(~np.isnan(panel.values[:, j])), len(panel.values))
        out[:, j] = known[np.searchsorted(known, panel.offsets[:-1])]
    return np.minimum(out, panel.offsets[1:, None])
