"""First stage: the generator is taught by likelihood, given the real past at each step.

Streams walk along the sequences, a chunk of a window's length at a time; the recurrent state is carried from chunk to
chunk, so that what is learned is not cut off at the window. In one long series a stream begins anywhere and goes on
with probability one half after each chunk.

What ends training is the likelihood of rows that are held back: blocks of time of one long series, whole sequences
where there are ten or more. It is measured on a moving average of the weights. Where it does not rise any more,
training goes back to the best weights with a lower rate, once. Dropout follows the distance between the likelihood of
rows that are learned from and of those that are not. At last the rows that were held back are learned from, too, for
half as many steps as were best: on data split in three this raised the likelihood of the third part each time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from ..arrays import Bools, Ints
from ..errors import TrainingError
from .callbacks import History
from .cells import State, detach
from .checkpoints import UNKEPT, Keeper
from .chunks import Chunk, ChunkSource, Lookback
from .generator import Generator
from .runtime import Noise, generator_of, halves, seeded, side_by_side, to_tensor

GOES_ON = 0.5  # probability that a stream of one long series goes on after a chunk
MAX_HELD = 768  # windows that a likelihood is measured on: enough to resolve hundredths of a nat apart
MAX_HELD_ROWS = 24 * MAX_HELD  # of longer windows fewer are measured, and of rows with very many outcomes
MEASURED = 4  # steps of learning that as many rows as are measured, or scored at once, would be at least
BATCH_HELD = 256  # of them that are read at once
MIN_HELD = 4  # windows of one long series below which there is no judgement
MAX_HELD_CHUNKS = 8  # of one sequence that a likelihood is measured on
STRIDES = 4  # held-back windows of one long series overlap by all but a quarter of a window
WARM_UP = 50  # steps in which the rate rises
CHECK = 50  # steps between two measurements
PATIENCE = 2  # measurements without a gain, after which the rate falls
MAX_DROPS, LOWER_RATE = 1, 0.15  # how often the rate falls before training ends, and to what share
REFIT_STEPS, REFIT_RATE = 0.5, 0.3  # steps on all rows, as a share of those that were best, and of their rate
MIN_GAIN = 1e-4  # nats a cell by which the likelihood has to rise
FIRST_DROPOUT, MAX_DROPOUT, DROPOUT_STEP = 0.3, 0.5, 0.1  # where it begins and ends, and what it moves by at a time
LOW_GAP, HIGH_GAP = 0.01, 0.04  # nats a cell between learned and held-back rows: dropout falls below, rises above


@dataclass(frozen=True)
class Split:
    """What is learned from, and what is held back."""

    source: ChunkSource
    starts: Ints  # rows of the panel at which a stream may begin
    sequences: Ints  # the sequence of each
    held_starts: Ints  # the same of what is held back
    held_sequences: Ints
    held: Bools  # (rows of the panel,)
    stretches: bool
    window: int
    every: Ints  # where streams may begin if nothing is held back

    @classmethod
    def of(cls, source: ChunkSource, starts: Ints, window: int, stretches: bool) -> Split:
        """Split a panel; `starts` are rows at which windows of one long series begin."""
        panel, number = source.panel, np.arange(len(source.panel), dtype=np.int64)
        owner = np.repeat(number, panel.lengths)
        held = np.array(source.held(np.arange(len(owner)), owner, window))
        if stretches:
            count = np.concatenate([[0], np.cumsum(held)])
            inside = count[np.minimum(starts + window, len(held))] - count[starts]
            train, kept = starts[inside == 0], starts[inside == window]
            kept = kept[(kept - kept[:1]) % max(1, window // STRIDES) == 0] if len(kept) else kept
            both = np.zeros(len(train), np.int64), np.zeros(len(kept), np.int64)
            return cls(source, train, both[0], kept, both[1], held, stretches, window, starts)
        first, count = source.offsets[:-1], np.bincount(owner, held, len(panel))
        whole, some = count == panel.lengths, count > 0
        return cls(source, first[~whole], number[~whole], first[some], number[some], held, stretches, window, first)

    def side(self, held: bool) -> tuple[Ints, Ints]:
        """Return the starts and the sequences of what is held back, or of what is not."""
        return (self.held_starts, self.held_sequences) if held else (self.starts, self.sequences)

    def only(self, chunk: Chunk, start: Ints, held: bool) -> Chunk:
        """Return a chunk that starts at some rows, of which rows count that are held back, or that are not."""
        row = np.minimum(start[:, None] + np.arange(self.window), len(self.held) - 1)
        return replace(chunk, inside=chunk.inside & to_tensor(self.held[row] == held))

    def whole(self) -> Split:
        """Return the same with nothing held back."""
        count = 1 if self.stretches else len(self.source.panel)
        sequences = np.resize(np.arange(count, dtype=np.int64), len(self.every))
        return replace(self, starts=self.every, sequences=sequences, held=np.zeros_like(self.held))

    @property
    def possible(self) -> bool:
        """Whether there is enough on either side."""
        return min(len(self.starts), len(self.held_starts)) >= (MIN_HELD if self.stretches else 1)

    def windows(self, held: bool) -> tuple[Ints, Ints]:
        """Return where windows start, and in which sequence, all of whose rows are held back, or none."""
        starts, sequences = self.side(held)
        count = np.concatenate([[0], np.cumsum(self.held)])
        end = np.minimum(starts + self.window, self.source.offsets[sequences + 1])
        good = count[end] - count[starts] == (end - starts if held else 0)
        return starts[good], sequences[good]

    def cut(self, starts: Ints, sequences: Ints, lookback: Lookback) -> Chunk:
        """Return windows, each a stretch of its own where the table is one long series."""
        return self.source.cut(starts, sequences, self.stretches, self.window, lookback)

    def walks(
        self, held: bool, lookback: Lookback, rng: np.random.Generator, rows: int = MAX_HELD_ROWS
    ) -> list[list[Chunk]]:
        """Return chunks to measure a likelihood on: lists of which each goes on from chunk to chunk."""
        starts, sequences = self.side(held)
        most = max(1, min(MAX_HELD, rows // self.window))
        pick = np.sort(rng.permutation(len(starts))[:most])
        walks = []
        for at in range(0, len(pick), BATCH_HELD):
            some = pick[at : at + BATCH_HELD]
            begin, sequence = starts[some], sequences[some]
            if self.stretches:
                walks.append([self.cut(begin, sequence, lookback)])
                late = begin >= self.window
                if lookback.seasons and late.any():  # the same windows, with all that was before them
                    begin, sequence = begin[late], sequence[late]
                    first = self.cut(begin - self.window, sequence, lookback)
                    first = replace(first, inside=torch.zeros_like(first.inside))
                    walks.append([first, self.source.cut(begin, sequence, False, self.window, lookback)])
                continue
            length = min(int(self.source.panel.lengths[sequence].max()), MAX_HELD_CHUNKS * self.window)
            chunks = []
            for step in range(0, length, self.window):
                chunks.append(self.only(self.cut(begin + step, sequence, lookback), begin + step, held))
            walks.append(chunks)
        return walks


class Streams:
    """Batches of chunks that go on where the last ones ended."""

    KEPT = ("at", "sequence", "order", "used")

    def __init__(self, split: Split, lookback: Lookback, batch: int, rng: np.random.Generator) -> None:
        self.split, self.source, self.steps, self.lookback = split, split.source, split.window, lookback
        self.batch, self.rng = batch, rng
        self.at = np.full(batch, -1)
        self.sequence = np.zeros(batch, dtype=np.int64)
        self.order, self.used = rng.permutation(len(split.starts)), 0
        self.count = np.concatenate([[0], np.cumsum(split.held)])

    def next(self) -> tuple[Chunk, Tensor]:
        """Return the next chunks, without the rows that are held back, and which go on from the chunk before."""
        ahead, split = self.at + self.steps, self.split
        end = self.source.offsets[self.sequence + 1]
        goes_on = (self.at >= 0) & (ahead < end)
        if split.stretches:
            goes_on &= (self.rng.random(self.batch) < GOES_ON) & (ahead + self.steps <= end)
            last = np.minimum(ahead + self.steps, len(split.held))
            goes_on &= self.count[last] == self.count[np.minimum(ahead, len(split.held))]
        fresh = np.flatnonzero(~goes_on)
        chosen = self._draw(len(fresh))
        self.at = np.where(goes_on, ahead, 0)
        self.at[fresh], self.sequence[fresh] = split.starts[chosen], split.sequences[chosen]
        chunk = self.source.cut(self.at, self.sequence, ~goes_on & split.stretches, self.steps, self.lookback)
        return split.only(chunk, self.at, held=False), to_tensor(goes_on)

    def _draw(self, count: int) -> Ints:
        """Return where streams begin: each start once, then each once more in another order."""
        out = [np.zeros(0, dtype=np.int64)]
        while count:
            some = self.order[self.used : self.used + count]
            out.append(some)
            count -= len(some)
            self.used += len(some)
            if self.used >= len(self.order):
                self.order, self.used = self.rng.permutation(len(self.split.starts)), 0
        return np.concatenate(out)


def measure(generator: Generator, walks: list[list[Chunk]], noise: int) -> float:
    """Return the log-likelihood of chunks, in nats a row; `noise` is the seed of what dequantises them."""
    was = generator.training
    generator.eval()
    total, rows = 0.0, 0
    gen = generator_of(noise)
    with torch.no_grad():
        for walk in walks:

            def read(some: slice, noise: Noise, walk: list[Chunk] = walk) -> float:
                state, found = None, 0.0
                for chunk in walk:
                    log_prob, state = generator(chunk[some], state, noise)
                    found += float(log_prob.sum())
                return found

            total += sum(side_by_side(read, halves(len(walk[0].inside), gen)))
            rows += sum(int(chunk.inside.sum()) for chunk in walk)
    generator.train(was)
    return total / max(rows, 1)


@dataclass(frozen=True)
class LikelihoodSettings:
    """How the first stage goes."""

    steps: int = 1000  # at most; the held-back likelihood ends it earlier where data are few
    batch: int = 128  # chunks of a step
    rate: float = 4e-3
    decay: float = 0.1  # of weights
    clip: float = 5.0  # largest norm of the gradient; 0 for any
    average: float = 0.99  # decay of the moving average
    dropout: float | None = None  # None lets it follow what is held back
    deadline: float = math.inf  # of `time.monotonic()`


@dataclass
class Best:
    """The best weights yet."""

    value: float  # held-back log-likelihood, in nats a row
    weights: dict[str, Tensor]
    step: int  # at which they were; 0 before training
    dropout: float  # then
    taken: int = 0  # steps in all
    interrupted: bool = False


@dataclass
class _Course:
    """How far the first stage is."""

    dropout: float
    rate: float
    step: int = 0
    without: int = 0  # measurements without a gain since the last one, or since the rate fell
    drops: int = 0
    since: int = 0  # steps that the average is of
    losses: list[float] = field(default_factory=list)  # since the last measurement
    done: bool = False


def fit_likelihood(
    generator: Generator,
    split: Split,
    how: LikelihoodSettings,
    seed: np.random.SeedSequence,
    history: History,
    keeper: Keeper = UNKEPT,
) -> Best:
    """Teach an untrained generator; it ends with the best weights, `step` 0 where those are the untrained ones.

    Raises
    ------
    TrainingError
        If the likelihood of the real rows is not finite before training; names the column.
    """
    rng = np.random.default_rng(seed)
    fixed = int(rng.integers(2**62))
    rows = generator.heads.rows(MAX_HELD_ROWS, MEASURED)
    held, learned = (split.walks(side, generator.lookback, rng, rows) for side in (True, False))
    began = time.monotonic()
    start = measure(generator, held, fixed)
    checking = 2 * (time.monotonic() - began)  # seconds
    if not math.isfinite(start):
        _refuse(generator, held)
    now = _Course(FIRST_DROPOUT if how.dropout is None else how.dropout, how.rate)
    best = Best(start, generator.weights(), 0, now.dropout)
    learner, cells = Learner(generator, split, how, rng), max(len(generator.layout.cells), 1)
    average = generator.copied()
    parts = {"course": now, "best": best, "average": average, "learner": learner}
    if not keeper.resume(parts):
        history.add("likelihood", 0, 0.0, held_back=start, kept=True)
    now.done |= began + 2 * checking >= how.deadline
    generator.train()
    try:
        while not now.done and now.step < how.steps:
            keeper.offer(parts)
            now.step = step = now.step + 1
            for module in (generator, average):
                module.set_dropout(now.dropout)
            now.losses.append(learner.step(now.rate * min(1.0, step / WARM_UP)))
            now.since, best.taken = now.since + 1, step
            follow(average, generator, how.average, now.since)
            history.move("likelihood", step, step / how.steps)
            began = time.monotonic()
            late = began + checking >= how.deadline
            if step % CHECK and step < how.steps and not late and math.isfinite(now.losses[-1]):
                continue
            value = measure(average, held, fixed)
            better = math.isfinite(value) and value > best.value + MIN_GAIN * cells
            mean = float(np.mean(now.losses))
            now.losses.clear()
            stop = history.add("likelihood", step, step / how.steps, loss=mean, held_back=value, kept=better)
            if how.dropout is None and math.isfinite(value):
                gap = (measure(average, learned, fixed) - value) / cells
                dropout = now.dropout + DROPOUT_STEP * ((gap > HIGH_GAP) - (gap < LOW_GAP))
                now.dropout = min(max(dropout, 0.0), MAX_DROPOUT)
            checking = time.monotonic() - began
            if better:
                best.value, best.weights, best.step, best.dropout = value, average.weights(), step, now.dropout
                now.without = 0
            else:
                now.without += 1
            if now.without >= PATIENCE or not (math.isfinite(value) and math.isfinite(mean)):
                now.drops, now.without, now.rate, now.since = now.drops + 1, 0, now.rate * LOWER_RATE, 0
                for module in (generator, average):
                    module.load_state_dict(best.weights)
                learner.restart()
            now.done = now.drops > MAX_DROPS or stop or late
        now.done = True
        keeper.done({"course": now, "best": best})
    except KeyboardInterrupt:
        best.interrupted = True
    generator.load_state_dict(best.weights)
    generator.set_dropout(best.dropout)
    generator.eval()
    return best


@dataclass
class _Refit:
    """How far the learning from all rows is."""

    step: int = 0
    done: bool = False


def refit(
    generator: Generator,
    split: Split,
    how: LikelihoodSettings,
    best: Best,
    seed: np.random.SeedSequence,
    keeper: Keeper = UNKEPT,
) -> None:
    """Teach a generator on all rows, held back ones too, at a low rate; it ends with the average of the weights.

    Raises
    ------
    KeyboardInterrupt
        If interrupted; the generator is then as it was.
    """
    weights, average = best.weights, generator.copied()
    learner, now = Learner(generator, split.whole(), how, np.random.default_rng(seed)), _Refit()
    parts = {"refit": now, "average": average, "learner": learner}
    keeper.resume(parts)
    generator.train()
    try:
        while not now.done and now.step < round(REFIT_STEPS * best.step):
            keeper.offer(parts)
            now.step += 1
            loss = learner.step(REFIT_RATE * how.rate * min(1.0, now.step / WARM_UP))
            follow(average, generator, how.average, now.step)
            now.done = time.monotonic() >= how.deadline or not math.isfinite(loss)
        now.done = True
        keeper.done({"refit": now, "average": average})
        if all(bool(part.isfinite().all()) for part in average.parameters()):
            weights = average.weights()
    finally:
        generator.load_state_dict(weights)
        generator.eval()


class Learner:
    """Steps of learning by likelihood, one after the other."""

    KEPT = ("generator", "optimiser", "state", "streams", "rng", "noise")

    def __init__(self, generator: Generator, split: Split, how: LikelihoodSettings, rng: np.random.Generator) -> None:
        self.generator, self.how, self.rng = generator, how, rng
        self.noise = seeded(rng)
        self.streams = Streams(split, generator.lookback, how.batch, rng)
        self.restart()

    def restart(self) -> None:
        """Forget what the optimiser and the recurrent state know.

        The optimiser is AdamW ("Decoupled weight decay", Loshchilov & Hutter, 2019, https://arxiv.org/abs/1711.05101).
        """
        parameters = list(self.generator.parameters())
        matrices, rest = ([part for part in parameters if (part.ndim > 1) == wide] for wide in (True, False))
        groups = [{"params": matrices, "weight_decay": self.how.decay}, {"params": rest, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=self.how.rate)
        self.state = self.generator.start(self.how.batch)

    def step(self, rate: float) -> float:
        """Take a step at a rate; return the loss, in nats a row."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        loss, gradient, self.state = next_gradient(self.generator, self.streams, self.state, self.noise)
        for part, found in zip(self.generator.parameters(), gradient, strict=True):
            part.grad = found
        torch.nn.utils.clip_grad_norm_(self.generator.parameters(), self.how.clip or math.inf)
        self.optimiser.step()
        return loss


Gradient = list[Tensor | None]  # by parameter; None where it was not used


def next_gradient(
    generator: Generator, streams: Streams, state: State, noise: torch.Generator
) -> tuple[float, Gradient, State]:
    """Return minus the log-likelihood of the next chunks of streams, in nats a row; its gradient; the state after."""
    chunk, goes_on = streams.next()
    before = tuple(part * goes_on[None, :, None] for part in state)
    rows, parameters = chunk.inside.sum().clamp_min(1), list(generator.parameters())

    def learn(some: slice, noise: Noise) -> tuple[float, Gradient, State]:
        log_prob, after = generator(chunk[some], tuple(part[:, some] for part in before), noise)
        loss = -log_prob.sum() / rows
        return float(loss.detach()), list(torch.autograd.grad(loss, parameters, allow_unused=True)), detach(after)

    losses, gradients, states = zip(*side_by_side(learn, halves(len(goes_on), noise)), strict=True)
    return sum(losses), added(gradients), tuple(torch.cat(parts, 1) for parts in zip(*states, strict=True))


def added(gradients: Sequence[Gradient]) -> Gradient:
    """Return the sum of gradients."""
    out = []
    for parts in zip(*gradients, strict=True):
        used = [part for part in parts if part is not None]
        out.append(torch.stack(used).sum(0) if len(used) > 1 else used[0] if used else None)
    return out


def _refuse(generator: Generator, walks: list[list[Chunk]]) -> None:
    """Raise a TrainingError that names the column without a finite likelihood."""
    generator.eval()
    with torch.no_grad():
        for chunk in (chunk for walk in walks for chunk in walk):
            odd = (~generator(chunk)[0].isfinite()).any(1).any(0)
            if bool(odd.any()):
                name = generator.layout.cells[int(torch.nonzero(odd)[0])].name
                raise TrainingError(
                    f"column {name!r} has rows without a finite likelihood before training has begun; look for "
                    "values far outside all others, rescale it (scaler=), or leave it out (exclude=)"
                )
    raise TrainingError("the held-back likelihood is not finite; look for values far outside all others")


@torch.no_grad()
def follow(average: Generator, generator: Generator, decay: float, steps: int) -> None:
    """Move an average of weights over so many `steps` towards a generator's: at most the decay of it stays."""
    share = min(decay, (1 + steps) / (10 + steps))
    for old, new in zip(average.parameters(), generator.parameters(), strict=True):
        old.lerp_(new, 1 - share)
