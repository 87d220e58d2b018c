"""From a learned model to rows: statics first, then lengths, clocks, what is known of each step, and the steps.

Sequences are drawn in blocks with random streams of their own, so that a table is the same whether it is drawn at once
or piece by piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Bools, Doubles, Floats, Ints
from ..panel import Given, Panel

if TYPE_CHECKING:
    from ..encoding.assembling import Decoded
    from ..encoding.conditions import Condition
    from ..encoding.encoder import Encoder
    from ..model.model import Model


BLOCK_VALUES = 2_000_000  # numbers that one block may hold
BLOCK = 4096
TRIES = 16  # draws of statics and starts that one is taken of, where levels are asked of the steps
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
    model : Model
    """

    encoder: Encoder
    model: Model

    def longest(self, length: int | None) -> int:
        """Return the largest number of steps that a sequence may have."""
        if length is not None:
            return length
        stages = self.encoder.stages
        if stages.layout.lengths:
            return stages.layout.lengths[-1]
        return int(stages.lengths[0]) if len(stages.lengths) > 1 else stages.window

    def size(self, order: Order) -> int:
        """Return how many sequences a block holds, but for the last."""
        layout, longest = self.encoder.stages.layout, self.longest(order.length)
        width = len(layout.cells) + layout.covariates + 8
        return max(1, min(BLOCK, BLOCK_VALUES // max(width * longest, 1)))

    def panels(
        self, order: Order, seed: np.random.SeedSequence, blocks: range | None = None
    ) -> Iterator[tuple[Panel, Any, np.random.Generator]]:
        """Draw block by block, all or some `blocks`: panels, starts of their clocks, the stream that goes on with each.

        Blocks hold at most `BLOCK` sequences; the model may like several at once.
        """
        numbers = range(-(-order.n // self.size(order))) if blocks is None else blocks
        for at in range(0, len(numbers), self.model.at_once):
            yield from self._drawn(
                [self._begun(order, seed, number) for number in numbers[at:][: self.model.at_once]], order
            )

    def _drawn(
        self, begun: list[tuple[Given, Any, np.random.Generator]], order: Order
    ) -> Iterator[tuple[Panel, Any, np.random.Generator]]:
        """Draw the steps of some blocks at once."""
        stages = self.encoder.stages
        given, starts, streams = (list(part) for part in zip(*begun, strict=True))
        lengths = [self._lengths(one, order) for one in given]
        states = [rng.bit_generator.state for rng in streams]
        values = self.model.draw(*zip(given, streams, strict=True))
        for _ in range(TURNS if stages.wandering else 0):  # the same noise again, at the season it led to
            for i, rng in enumerate(streams):
                first = Panel.from_dense(values[i], lengths[i], given[i].statics, given[i].covariates)
                known = spread(stages.covariates(lengths[i], starts[i], first), lengths[i])
                given[i] = replace(given[i], covariates=known)
                rng.bit_generator.state = states[i]
            values = self.model.draw(*zip(given, streams, strict=True))
        for i, rng in enumerate(streams):
            yield Panel.from_dense(values[i], lengths[i], given[i].statics, given[i].covariates), starts[i], rng

    def count(self, order: Order, seed: np.random.SeedSequence, number: int) -> int:
        """Return the rows of a block, without drawing them: lengths are drawn before."""
        given, _, _ = self._begun(order, seed, number)
        return int(self._lengths(given, order).sum())

    def _begun(self, order: Order, seed: np.random.SeedSequence, number: int) -> tuple[Given, Any, np.random.Generator]:
        """Draw what comes before the steps of a block; return it, the starts of clocks, and the block's stream."""
        size = self.size(order)
        at, count = number * size, min(size, order.n - number * size)
        rng = np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, number)))
        some = None if order.condition is None else order.condition.some(at, count)
        given, starts = self._known(order, some, count, self.longest(order.length), rng)
        return given, starts, rng

    def _lengths(self, given: Given, order: Order) -> Ints:
        if given.lengths is not None:
            return given.lengths
        return np.full(len(given.statics), self.longest(order.length))

    def _known(
        self, order: Order, some: Condition | None, count: int, longest: int, rng: np.random.Generator
    ) -> tuple[Given, Any]:
        """Draw what is known of sequences before their steps, and the starts of their clocks.

        Where levels are asked of the steps, these are one of several draws, by how likely they make the levels.
        """
        stages = self.encoder.stages
        layout = stages.layout
        told = some is not None and any(levels is not None for levels in some.allowed)
        free = bool(layout.statics or layout.covariates)
        best, top = None, np.full(count, -np.inf)
        for _ in range(TRIES if told and free else 1):
            if some is None:
                statics = self.model.draw_statics(count, rng)
            else:
                statics = self.model.draw_statics_given(some.statics, some.static_allowed, rng)
            lengths = np.full(count, longest, dtype=np.int64)
            if order.length is None and layout.lengths:
                lengths = layout.lengths_of(statics)
            held = {} if some is None else some.exact
            starts = stages.starts(statics, lengths, order.start, rng, held)
            known = spread(stages.covariates(lengths, starts), lengths, longest)
            ends = lengths if order.length is None and len(stages.lengths) > 1 else None
            given = Given(statics, known, ends, allowed=() if some is None else some.allowed)
            if not told or not free:
                return given, starts
            score = self.model.chance(given, rng) + rng.gumbel(size=count)
            if best is None:
                best, top = (given, starts), score
                continue
            better = score > top
            top = np.where(better, score, top)
            best = _of_both(best[0], given, better), np.where(better, starts, best[1])
        assert best is not None
        return best

    def rows(self, order: Order, seed: np.random.SeedSequence, blocks: range | None = None) -> Iterator[Decoded]:
        """Draw rows, block by block."""
        at = 0 if blocks is None else blocks.start * self.size(order)
        for panel, starts, rng in self.panels(order, seed, blocks):
            some = None if order.condition is None else order.condition.some(at, len(panel))
            yield self.encoder.decode(panel, starts, rng, drawn=True, condition=some)
            at += len(panel)


@dataclass(frozen=True)
class Blocks:
    """A sample that has been asked for, as blocks that can be drawn apart, in any order and on any machine.

    Attributes
    ----------
    drawer : Drawer
    order : Order
    seed : numpy.random.SeedSequence
        Of which each block has a stream of its own.
    """

    drawer: Drawer
    order: Order
    seed: np.random.SeedSequence

    def __len__(self) -> int:
        """Return how many there are."""
        return -(-self.order.n // self.size)

    @property
    def size(self) -> int:
        """Sequences of each block, but for the last."""
        return self.drawer.size(self.order)

    @property
    def longest(self) -> int:
        """The most steps that a sequence has."""
        return self.drawer.longest(self.order.length)

    @property
    def counted(self) -> bool:
        """Whether a column counts the rows of the whole table."""
        return any(alias.of == "row" for alias in self.drawer.encoder.stages.aliases.found)

    def rows(self, blocks: range) -> int:
        """Return how many rows some blocks have. Their lengths are drawn, and nothing else: a hundredth of the work."""
        return sum(self.drawer.count(self.order, self.seed, number) for number in blocks)

    def pieces(
        self, chunk: int | None = None, blocks: range | None = None, *, sequences: int = 0, rows: int = 0
    ) -> Iterator[Any]:
        """Draw all or some blocks that follow one another, as tables of at most about `chunk` sequences; None: as one.

        Keys and counted sequences go on from the blocks before, and from `sequences` before the first one; counted rows
        from the `rows` before these blocks.
        """
        encoder, squeeze = self.drawer.encoder, self.order.n == 1
        before = sequences + (0 if blocks is None else blocks.start * self.size), rows
        held: list[Decoded] = []
        count = 0
        for drawn in self.drawer.rows(self.order, self.seed, blocks):
            if held and chunk is not None and count + len(drawn.lengths) > chunk:
                yield encoder.assemble(held, squeeze=squeeze, before=before)
                before = before[0] + count, before[1] + sum(int(part.lengths.sum()) for part in held)
                held, count = [], 0
            held.append(drawn)
            count += len(drawn.lengths)
        yield encoder.assemble(held, squeeze=squeeze, before=before)


def _of_both(one: Given, two: Given, better: Bools) -> Given:
    """Return the second where it is better."""
    statics = np.where(better[:, None], two.statics, one.statics)
    covariates = np.where(better[:, None, None], two.covariates, one.covariates)
    lengths = None if one.lengths is None or two.lengths is None else np.where(better, two.lengths, one.lengths)
    return replace(one, statics=statics, covariates=covariates, lengths=lengths)


def spread(rows: Floats | Doubles | Bools, lengths: Ints, longest: int | None = None) -> Any:
    """Return rows of sequences one after another as `(n, T, K)`, zero after the end of a short one."""
    longest = int(lengths.max(initial=0)) if longest is None else longest
    out = np.zeros((len(lengths), longest, rows.shape[1]), dtype=rows.dtype)
    out[np.arange(longest) < lengths[:, None]] = rows
    return out


def futures(encoder: Encoder, model: Model, past: Any, steps: int, n: int, seed: np.random.SeedSequence) -> Any:
    """Return `n` futures of `steps` rows of each sequence of a table; see `Synthesizer.continue_from`."""
    from ..encoding.past import decode_futures, read_past

    rng = np.random.default_rng(seed)
    known = read_past(encoder.stages, past, steps, n, rng)
    unknown = np.broadcast_to(known.new[:, None], known.panel.values.shape)
    return decode_futures(encoder, known, completed(model, known.panel, unknown, rng), n, rng)


def filled(encoder: Encoder, model: Model, table: Any, seed: np.random.SeedSequence) -> Any:
    """Return a table with its missing values drawn; see `Synthesizer.fill`."""
    from ..encoding.past import fill_holes, read_holes

    rng = np.random.default_rng(seed)
    panel, starts, unknown = read_holes(encoder.stages, table)
    panel = completed(model, panel, unknown, rng, filled=True)
    return fill_holes(encoder.stages, table, encoder.decode(panel, starts, rng, drawn=unknown))


def completed(model: Model, panel: Panel, unknown: Bools, rng: np.random.Generator, *, filled: bool = False) -> Panel:
    """Return a panel with its unknown cells `(rows, C)` drawn, sequences of about one length at a time.

    With `filled` none of them is drawn as missing.
    """
    values, statics = np.array(panel.values), np.array(panel.statics)
    if np.isnan(statics).any():
        statics = model.draw_statics_given(statics, (), rng, filled=filled)
    holed = np.bincount(np.repeat(np.arange(len(panel)), panel.lengths), unknown.any(axis=1), len(panel)) > 0
    order = np.argsort(-panel.lengths, kind="stable")
    order = order[holed[order]]
    width = values.shape[1] + panel.covariates.shape[1] + 8
    at = 0
    while at < len(order):
        some = order[at : at + max(1, BLOCK_VALUES // (width * int(panel.lengths[order[at]])))]
        at += len(some)
        lengths = panel.lengths[some]
        row = np.concatenate([np.arange(panel.offsets[i], panel.offsets[i + 1]) for i in some])
        given = Given(
            statics[some],
            spread(panel.covariates[row], lengths),
            lengths,
            spread(values[row], lengths),
            spread(~unknown[row], lengths),
            filled=filled,
        )
        (drawn,) = model.draw((given, rng))
        values[row] = drawn[np.arange(drawn.shape[1]) < lengths[:, None]]
    return replace(panel, values=values, statics=statics)
