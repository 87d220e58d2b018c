"""Chunks of a panel: consecutive rows of sequences, with the rows before them, cut when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Annotated

import numpy as np
from torch import Tensor

from ..arrays import Bools, Doubles, Ints
from ..bundle import Held, saved
from ..layout import Layout
from ..panel import Panel
from .heads import Coded, code
from .periods import MAX_PERIOD
from .runtime import to_tensor
from .spells import MAX_DURATIONS

MAX_ORDER = 3  # rows before a row that the base sees: what lies farther back is the network's
EXTRA_ROWS = 2  # of context beyond the base's: they say whether the last of them stayed or went straight on
FOLDS = 5  # blocks of time or sequences, of which one is held back
MAX_SWEPT = 250_000  # numbers that are swept over at once: two megabytes, whatever the size of the panel


@saved
@dataclass(frozen=True)
class Lookback:
    """Which rows before a row the base sees: the last ones, and those of a season ago.

    Rows at the start of a stretch have fewer rows before them, so that the base has stages: with 0 ... `order` rows
    before, then with one season after the other.
    """

    order: Annotated[int, Held(0, MAX_ORDER)]
    # rows, increasing, above `order`; the row a season ago and the one before are seen
    seasons: Annotated[tuple[int, ...], Held(1, MAX_PERIOD, "increasing")] = ()
    # rows up to which it counts for how long a state has lasted, see `spells`; 0 if it does not
    spells: Annotated[int, Held(0, MAX_DURATIONS[-1])] = 0

    @property
    def rows(self) -> int:
        """Rows of context that a chunk needs."""
        return max(self.order, self.spells) + EXTRA_ROWS

    @property
    def lags(self) -> tuple[int, ...]:
        """How many rows ago the rows of a season ago are."""
        return tuple(lag for season in self.seasons for lag in (season, season + 1))

    @property
    def last(self) -> int:
        """The last stage."""
        return self.order + len(self.seasons)

    def lags_at(self, stage: int) -> tuple[int, ...]:
        """Return which of the `lags` a stage sees."""
        return self.lags[: 2 * max(stage - self.order, 0)]

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
class Chunk:
    """T rows of each of B sequences, after P rows of context."""

    values: Tensor  # (B, P + T, C) float64, NaN where missing
    age: Tensor  # (B, P + T) int64, rows of the stretch before each; negative where there is no row
    known: Tensor  # (B, T, covariates) float32
    statics: Tensor  # (B, statics) float64
    inside: Tensor  # (B, T) bool, False after a sequence's end and on rows that are not to count
    last: Tensor | None = None  # (B, covariates) float32 of the row before the first; those of the first if None
    new: Tensor | None = None  # (B, C) bool, cells not known in the stretch before the first row; all if None
    ago: Tensor | None = None  # (B, 1 + T, lags, C) float64, values a season before the last row of context and the T

    def __getitem__(self, some: Tensor | slice) -> Chunk:
        """Return some of the sequences, in that order."""
        parts = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(self, **{name: part[some] for name, part in parts.items() if part is not None})

    @property
    def steps(self) -> int:
        """T."""
        return self.known.shape[1]

    @property
    def own_values(self) -> Tensor:
        """The values of the T rows."""
        return self.values[:, -self.steps :]

    @property
    def own_age(self) -> Tensor:
        """The age of the T rows."""
        return self.age[:, -self.steps :]

    @property
    def lengths(self) -> Tensor:
        """Rows inside, `(B,)`."""
        return self.inside.sum(1)

    def coded(self, layout: Layout, behind: Tensor | None = None) -> Coded:
        """Return what each cell did; see `heads.code`."""
        return code(self.values, self.age, layout.cells, behind, self.new)


class ChunkSource:
    """A panel, of which chunks are cut."""

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

    def cut(self, start: Ints, sequence: Ints, fresh: Bools | bool, steps: int, lookback: Lookback) -> Chunk:
        """Return the chunk of so many `steps` from rows `start` `(B,)` of the panel on, of sequences `(B,)`.

        `fresh` says where the stretch starts with the chunk, and not with the sequence.
        """
        before, panel = lookback.rows, self.panel
        fresh = np.broadcast_to(fresh, start.shape)
        row = start[:, None] + np.arange(-before, steps)
        first, end = self.offsets[sequence][:, None], self.offsets[sequence + 1][:, None]
        origin = np.where(fresh[:, None], start[:, None], first)
        safe = np.clip(row, first, end - 1)
        ago = None
        if lookback.lags:
            back = row[:, before - 1 :, None] - np.array(lookback.lags)
            ago = to_tensor(self.filled[np.clip(back, first[:, :, None], end[:, :, None] - 1)])
        return Chunk(
            to_tensor(np.asarray(panel.values[safe])),
            to_tensor(np.where(row >= origin, row - origin, -1)),
            to_tensor(np.asarray(panel.covariates[safe[:, before:]])),
            to_tensor(np.asarray(panel.statics[sequence])),
            to_tensor((row < end)[:, before:]),
            to_tensor(np.asarray(panel.covariates[safe[:, before - 1]])),
            to_tensor(fresh[:, None] | (row[:, :1] <= self.begins[sequence])),
            ago,
        )

    def sweep(self, steps: int, lookback: Lookback, size: int) -> Iterator[tuple[Chunk, Tensor]]:
        """Return all rows once, in chunks, and which rows are held back in blocks of `size` windows."""
        panel = self.panel
        count = -(-panel.lengths // steps)
        sequence = np.repeat(np.arange(len(panel)), count)
        number = np.arange(len(sequence)) - np.repeat(np.cumsum(count) - count, count)
        start = self.offsets[sequence] + number * steps
        rows = steps * (1 + len(lookback.lags)) + lookback.rows
        batch = max(1, MAX_SWEPT // (rows * (panel.values.shape[1] + 1)))
        for at in range(0, len(start), batch):
            some = slice(at, at + batch)
            row = start[some][:, None] + np.arange(steps)
            held = to_tensor(self.held(row, sequence[some][:, None], size))
            yield self.cut(start[some], sequence[some], False, steps, lookback), held

    def held(self, row: Ints, sequence: Ints, size: int) -> Bools:
        """Return which rows are held back: whole sequences, or blocks of time of one long series."""
        if len(self.panel) >= 2 * FOLDS:
            return np.array(np.broadcast_to(sequence % FOLDS == 2, row.shape))
        block = min(3 * size, max(len(self.panel.values) // (2 * FOLDS), 1))
        return np.asarray(row // block % FOLDS == 2)


def _begins(panel: Panel) -> Ints:
    """Return the row at which each cell of each sequence is known first, `(sequences, cells)`; its end if never."""
    out = np.empty((len(panel), panel.values.shape[1]), dtype=np.int64)
    for j in range(panel.values.shape[1]):
        known = np.append(np.flatnonzero(~np.isnan(panel.values[:, j])), len(panel.values))
        out[:, j] = known[np.searchsorted(known, panel.offsets[:-1])]
    return np.minimum(out, panel.offsets[1:, None])
