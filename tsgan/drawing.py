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
from .laws.prescribed import statics_given
from .layout import Layout
from .panel import Bools, Floats, Given, Ints, Panel

if TYPE_CHECKING:
    from .encoding.conditions import Condition
    from .encoding.encoder import Encoder
    from .encoding.rows import Rows
    from .history import Correct
    from .laws.process import LinearGaussianProcess
    from .laws.statics import StaticLaw

BLOCK_VALUES = 2_000_000  # numbers that one block may hold
BLOCK = 256
TRIES = 64  # draws of statics and starts that one is taken of, where levels are prescribed
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
    condition : Condition or None
        What the sequences have to fulfil.
    """

    n: int
    length: int | None = None
    start: Any = None
    condition: Condition | None = None


@dataclass(frozen=True)
class Drawer:
    """Draws rows.

    Attributes
    ----------
    encoder : Encoder
    law : StaticLaw
    channels : callable
        Makes channels `(n, T, C)` of what is given and a random generator.
    process : LinearGaussianProcess or None
        Says how likely prescribed levels are; None if nothing does.
    """

    encoder: Encoder
    law: StaticLaw
    channels: Callable[[Given, np.random.Generator], Floats]
    process: LinearGaussianProcess | None = None

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
            some = None if order.condition is None else order.condition.some(at, count)
            given, starts = self._known(order, some, count, longest, rng)
            statics, known = given.statics, given.covariates
            lengths = np.full(count, longest) if given.lengths is None else given.lengths
            state = rng.bit_generator.state
            values = self.channels(given, rng)
            for _ in range(TURNS if self.encoder.wandering else 0):  # the same noise again, at the season it led to
                first = Panel.from_dense(values, lengths, statics, known)
                known = spread(self.encoder.covariates(lengths, starts, first), lengths)
                rng.bit_generator.state = state
                values = self.channels(replace(given, covariates=known), rng)
            if some is not None:
                hold(values, layout, some.levels)
            yield Panel.from_dense(values, lengths, statics, known), starts, rng

    def _known(
        self, order: Order, some: Condition | None, count: int, longest: int, rng: np.random.Generator
    ) -> tuple[Given, Any]:
        """Draw what is known of sequences before their steps, and the starts of their clocks.

        Where levels are prescribed, statics and starts are one of several draws, by how likely they make the levels;
        lengths are drawn without regard to them.
        """
        layout = self.encoder.layout
        told = some is not None and any(allowed is not None for allowed in some.levels)
        best: tuple[Given, Any] | None = None
        top = np.full(count, -np.inf)
        length: Floats | None = None
        for _ in range(TRIES if told and self.process is not None else 1):
            statics = self._statics(some, count, length, rng)
            if layout.length_block is not None:
                length = statics[:, -1]
            lengths = np.full(count, longest, dtype=np.int64)
            if order.length is None and layout.length_block is not None:
                lengths = layout.lengths_of(statics)
            starts = self.encoder.starts(statics, lengths, order.start, rng)
            known = spread(self.encoder.covariates(lengths, starts), lengths)
            ends = lengths if order.length is None and len(self.encoder.lengths) > 1 else None
            given = Given(statics, known, lengths=ends)
            if some is None or not told:
                return given, starts
            given = replace(given, levels=_levels(some, known.shape[1], lengths), sets=some.levels)
            if self.process is None or not (len(statics[0]) or layout.covariates):
                return given, starts
            score = self.process.chance(given, rng) + rng.gumbel(size=count)
            if best is None:
                best, top = (given, starts), score
                continue
            better = score > top
            top = np.where(better, score, top)
            best = _of_both(best[0], given, better), np.where(better, starts, best[1])
        assert best is not None
        return best

    def _statics(self, some: Condition | None, count: int, length: Floats | None, rng: np.random.Generator) -> Floats:
        if some is None:
            return self.law.draw(count, rng)
        known = some.statics
        if length is not None:
            known = known.copy()
            known[:, -1] = length
        return statics_given(self.law, known, some.allowed, rng)

    def rows(self, order: Order, seed: np.random.SeedSequence) -> Iterator[Rows]:
        """Draw rows, block by block."""
        at = 0
        for panel, starts, rng in self.panels(order, seed):
            some = None if order.condition is None else order.condition.some(at, len(panel))
            yield self.encoder.rows(panel, starts, rng, drawn=True, condition=some)
            at += len(panel)


def _levels(some: Condition, length: int, lengths: Ints) -> Ints:
    """Return the levels that hold on every row as `Given` has them."""
    code = [-1 if a is None else int(a.argmax()) if a.sum() == 1 else len(a) for a in some.levels]
    inside = np.arange(length) < lengths[:, None]
    return np.where(inside[:, :, None], np.array(code, dtype=np.int64), -1)


def _of_both(one: Given, two: Given, better: Bools) -> Given:
    """Return the second where it is better."""
    statics = np.where(better[:, None], two.statics, one.statics)
    covariates = np.where(better[:, None, None], two.covariates, one.covariates)
    return replace(one, statics=statics, covariates=covariates)


def hold(values: Floats, layout: Layout, levels: tuple[Bools | None, ...]) -> None:
    """Set each category of channels `(n, T, C)` to the best of its allowed levels, in place."""
    ends = np.cumsum([0, *(block.size for block in layout.blocks)])
    spans = [
        slice(int(a), int(a) + b.size) for a, b in zip(ends[:-1], layout.blocks, strict=True) if b.kind == "softmax"
    ]
    for span, allowed in zip(spans, levels, strict=True):
        if allowed is not None:
            best = np.where(allowed, values[:, :, span], -np.inf).argmax(axis=2)
            values[:, :, span] = np.eye(len(allowed), dtype=np.float32)[best]


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
