"""Pieces of a panel: consecutive rows of sequences, with the rows before them, cut when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..arrays import Bools, Doubles, Ints
from ..bundle import saved
from ..layout import Layout
from ..panel import Panel
from .heads import Coded, code

SPARE = 2  # rows before, beyond the base's, that say what the last of them did
BLOCKS = 5  # of which one is held back
SWEPT = 250_000  # numbers that are swept over at once


@saved
@dataclass(frozen=True)
class Reach:
    """Which rows before a row the base sees: the last ones, and those of a season ago.

    Rows at the start of a stretch have fewer rows before them, so that the base has stages: with 0 ... `order` rows
    before, then with one season after the other.

    Attributes
    ----------
    order : int
    seasons : tuple of int
        In rows, increasing, each more than `order`. Of each, the row a season ago and the one before it are seen.
    spells : int
        Rows up to which it is told for how long a state has lasted, see `spells`; 0 if it is not.
    """

    order: int
    seasons: tuple[int, ...] = ()
    spells: int = 0

    @property
    def rows(self) -> int:
        """Rows of context that a piece needs."""
        return max(self.order, self.spells) + SPARE

    @property
    def lags(self) -> tuple[int, ...]:
        """How many rows ago the rows of a season ago are."""
        return tuple(lag for season in self.seasons for lag in (season, season + 1))

    @property
    def last(self) -> int:
        """The last stage."""
        return self.order + len(self.seasons)

    def stage(self, age: int) -> int:
        """Return the stage of a row with so many rows before it."""
        return min(age, self.order) + sum(age > season for season in self.seasons)

    def stages(self, age: Tensor) -> Tensor:
        """Return the same of many rows; negative where there is no row."""
        out = age.clamp_max(self.order)
        for season in self.seasons:
            out = out + (age > season)
        return out


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
    ago : float64 Tensor of shape (B, 1 + T, lags, C), optional
        Numbers a season before the last row of context and each of the T rows; see `Reach`. What lies in the piece
        itself, if not given.
    """

    values: Tensor
    age: Tensor
    known: Tensor
    statics: Tensor
    inside: Tensor
    last: Tensor | None = None
    new: Tensor | None = None
    ago: Tensor | None = None

    def __getitem__(self, some: Tensor) -> Piece:
        """Return some of the sequences, in that order."""
        parts = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(self, **{name: part[some] for name, part in parts.items() if part is not None})

    def coded(self, layout: Layout, behind: Tensor | None = None) -> Coded:
        """Return what each cell did; see `heads.code`."""
        return code(self.values, self.age, layout.cells, behind, self.new)


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

    @cached_property
    def filled(self) -> Doubles:
        """The panel's values, and behind a missing one the last that was known (0 before the first)."""
        values = np.asarray(self.panel.values)
        gone = np.isnan(values)
        if not gone.any():
            return values
        first = np.repeat(self.offsets[:-1], self.panel.lengths)[:, None]
        last = np.maximum.accumulate(np.where(gone, -1, np.arange(len(values))[:, None]), axis=0)
        return np.where(last >= first, np.take_along_axis(values, np.maximum(last, 0), 0), 0.0)

    def cut(self, start: Ints, sequence: Ints, fresh: Bools, steps: int, reach: Reach) -> Piece:
        """Return pieces.

        Parameters
        ----------
        start, sequence : int64 arrays of shape (B,)
            First row, in the panel, and the sequence it belongs to.
        fresh : bool array of shape (B,)
            Where the stretch starts with the piece, and not with the sequence.
        steps : int
            T.
        reach : Reach
            Says P, and what of earlier rows is needed.
        """
        before = reach.rows
        row = start[:, None] + np.arange(-before, steps)
        first, end = self.offsets[sequence][:, None], self.offsets[sequence + 1][:, None]
        origin = np.where(fresh[:, None], start[:, None], first)
        safe = np.clip(row, first, end - 1)
        age = np.where(row >= origin, row - origin, -1)
        panel, ago = self.panel, None
        if reach.lags:
            back = row[:, before - 1 :, None] - np.array(reach.lags)
            ago = torch.from_numpy(self.filled[np.clip(back, first[:, :, None], end[:, :, None] - 1)])
        return Piece(
            torch.from_numpy(np.asarray(panel.values[safe])),
            torch.from_numpy(age),
            torch.from_numpy(np.asarray(panel.covariates[safe[:, before:]])),
            torch.from_numpy(np.asarray(panel.statics[sequence])),
            torch.from_numpy((row < end)[:, before:]),
            torch.from_numpy(np.asarray(panel.covariates[safe[:, max(before - 1, 0)]])),
            torch.from_numpy(fresh[:, None] | (row[:, :1] <= self.begins[sequence])),
            ago,
        )

    def sweep(self, steps: int, reach: Reach, size: int) -> Iterator[tuple[Piece, Tensor]]:
        """Return all rows once, with the rows before them, and which rows are held back."""
        panel = self.panel
        count = -(-panel.lengths // steps)
        sequence = np.repeat(np.arange(len(panel)), count)
        number = np.arange(len(sequence)) - np.repeat(np.cumsum(count) - count, count)
        start = self.offsets[sequence] + number * steps
        rows = steps * (1 + len(reach.lags)) + reach.rows
        batch = max(1, SWEPT // (rows * (panel.values.shape[1] + 1)))
        for at in range(0, len(start), batch):
            some = slice(at, at + batch)
            fresh = np.zeros(len(start[some]), dtype=bool)
            piece = self.cut(start[some], sequence[some], fresh, steps, reach)
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
