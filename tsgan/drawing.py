"""From a learned law to rows: statics first, then lengths, clocks, what is known of each step, and the steps.

Sequences are drawn in blocks with random streams of their own, so that a table is the same whether it is drawn at once
or piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .history import draw_unknown
from .layout import Layout
from .panel import Bools, Floats, Given, Ints, Panel

if TYPE_CHECKING:
    from .encoding.encoder import Encoder
    from .encoding.rows import Rows
    from .history import Correct
    from .process import LinearGaussianProcess
    from .statics import StaticLaw

BLOCK_VALUES = 2_000_000  # numbers that one block may hold
BLOCK = 256
TURNS = 2  # draws until the season and the gaps that lead to it agree


@dataclass(frozen=True)
class Order:
    """What is asked for.

    Attributes
    ----------
    n : int
        Number of sequences.
    length : int or None
        Steps of each; None as learned.
    start
        See `Encoder.starts`.
    statics : float32 array of shape (n, static_channels) or (1, static_channels), or None
        What is prescribed, NaN where free.
    levels : int64 array of shape (categories,) or None
        Levels that hold on every row, -1 where free.
    """

    n: int
    length: int | None = None
    start: Any = None
    statics: Floats | None = None
    levels: Ints | None = None


@dataclass(frozen=True)
class Drawer:
    """Draws rows.

    Attributes
    ----------
    encoder : Encoder
    law : StaticLaw
    channels : callable
        Makes channels `(n, T, C)` of what is given and a random generator.
    """

    encoder: Encoder
    law: StaticLaw
    channels: Callable[[Given, np.random.Generator], Floats]

    def longest(self, length: int | None) -> int:
        """Return the largest number of steps that a sequence may have."""
        if length is not None:
            return length
        block = self.encoder.layout.length_block
        if block is not None:
            return block.levels[-1]
        return int(self.encoder.lengths[0]) if len(self.encoder.lengths) > 1 else self.encoder.window

    def panels(self, order: Order, seed: np.random.SeedSequence) -> Iterator[tuple[Panel, Any, np.random.Generator]]:
        """Draw block by block: panels, the starts of their clocks, and the stream that goes on with each.

        Blocks hold at most `BLOCK` sequences.
        """
        layout, longest = self.encoder.layout, self.longest(order.length)
        width = layout.channels + layout.covariates + 32
        size = max(1, min(BLOCK, BLOCK_VALUES // max(width * longest, 1)))
        for number, at in enumerate(range(0, order.n, size)):
            rng = np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, number)))
            count = min(size, order.n - at)
            given = order.statics
            if given is not None:
                given = np.repeat(given, count, axis=0) if len(given) == 1 else given[at : at + count]
            statics = self.law.draw(count, rng, given)
            lengths = np.full(count, longest, dtype=np.int64)
            if order.length is None and layout.length_block is not None:
                lengths = layout.lengths_of(statics)
            starts = self.encoder.starts(statics, lengths, order.start, rng)
            known = spread(self.encoder.covariates(lengths, starts), lengths)
            levels = None
            if order.levels is not None:
                levels = np.broadcast_to(order.levels, (*known.shape[:2], len(order.levels)))
            ends = lengths if order.length is None and len(self.encoder.lengths) > 1 else None
            state = rng.bit_generator.state
            values = self.channels(Given(statics, known, levels, ends), rng)
            for _ in range(TURNS if self.encoder.wandering else 0):  # the same noise again, at the season it led to
                first = Panel.from_dense(values, lengths, statics, known)
                known = spread(self.encoder.covariates(lengths, starts, first), lengths)
                rng.bit_generator.state = state
                values = self.channels(Given(statics, known, levels, ends), rng)
            yield Panel.from_dense(values, lengths, statics, known), starts, rng

    def rows(self, order: Order, seed: np.random.SeedSequence) -> Iterator[Rows]:
        """Draw rows, block by block."""
        for panel, starts, rng in self.panels(order, seed):
            yield self.encoder.rows(panel, starts, rng, drawn=True)


def spread(rows: Floats, lengths: Ints) -> Floats:
    """Return rows of sequences one after another as `(n, T, K)`, zero after the end of a short one."""
    out = np.zeros((len(lengths), int(lengths.max(initial=0)), rows.shape[1]), dtype=np.float32)
    out[np.arange(out.shape[1]) < lengths[:, None]] = rows
    return out


def at_random(panel: Panel, layout: Layout, rng: np.random.Generator) -> Panel:
    """Return a panel whose unknown levels (NaN) are drawn from the observed shares."""
    values, at = panel.values.copy(), 0
    for block in layout.blocks:
        span = slice(at, at + block.size)
        holes = np.flatnonzero(np.isnan(values[:, at]))
        if block.kind == "softmax" and len(holes):
            levels = np.searchsorted(block.cuts, rng.standard_normal(len(holes)))
            values[holes, span] = np.eye(block.size, dtype=np.float32)[levels]
        at += block.size
    return replace(panel, values=values)


def futures(
    encoder: Encoder,
    process: LinearGaussianProcess,
    past: Any,
    steps: int,
    n: int,
    seed: np.random.SeedSequence,
    correct: Correct | None,
) -> Any:
    """Return `n` futures of `steps` rows of each sequence of a table; see `Synthesizer.continue_from`."""
    from .encoding.past import goes_on, known

    rng = np.random.default_rng(seed)
    told = known(encoder, past, steps, n, process.aligned, rng)
    panel = draw_unknown(process, encoder.layout, told.panel, told.new, correct, seed)
    return goes_on(encoder, told, panel, n, rng)


def filled(
    encoder: Encoder,
    process: LinearGaussianProcess,
    table: Any,
    seed: np.random.SeedSequence,
    correct: Correct | None,
) -> Any:
    """Return a table with its missing values drawn; see `Synthesizer.fill`."""
    from .encoding.past import holes, patched

    rng = np.random.default_rng(seed)
    panel, starts, unknown = holes(encoder, table, rng)
    panel = draw_unknown(process, encoder.layout, panel, unknown, correct, seed)
    return patched(encoder, table, encoder.rows(panel, starts, rng, drawn=unknown, blanks=False))
