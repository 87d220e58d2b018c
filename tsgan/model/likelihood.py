"""First stage: the generator is taught by likelihood, told the real past at each step.

Streams walk along the sequences, a piece of a window's length at a time; the recurrent state is carried from piece to
piece, so that what is learned is not cut off at the window. In one long series a stream begins anywhere and goes on
with probability one half after each piece.

What ends training is the likelihood of rows that are held back: blocks of time of one long series, whole sequences
where there are ten or more. It is measured on a moving average of the weights. Where it does not rise any more,
training goes back to the best weights with a lower rate, once. Dropout follows the distance between the likelihood of
rows that are learned from and of those that are not. At last the rows that were held back are learned from, too, for
half as many steps as were best: on data split in three this raised the likelihood of the third part each time.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..arrays import Bools, Ints
from ..errors import TrainingError
from .callbacks import History
from .cells import State, detach
from .generator import Generator
from .pieces import Piece, Reach, Source

GOES_ON = 0.5  # probability that a stream of one long series goes on after a piece
MOST_HELD = 768  # windows that a likelihood is measured on, and no more: enough to tell hundredths of a nat apart
FEW_HELD = 4  # windows below which nothing can be told
MOST_PIECES = 8  # of one sequence that a likelihood is measured on
STRIDE = 4  # held-back windows of one long series overlap by all but a quarter of a window


@dataclass(frozen=True)
class Split:
    """What is learned from, and what is held back.

    Attributes
    ----------
    source : Source
    starts, sequences : int64 arrays of shape (candidates,)
        Where a stream may begin: rows of the panel, and the sequence of each.
    held_starts, held_sequences : int64 arrays
        The same of what is held back.
    held : bool array of shape (rows of the panel,)
        Rows that are held back.
    stretches : bool
    window : int
    every : int64 array
        Where streams may begin if nothing is held back.
    """

    source: Source
    starts: Ints
    sequences: Ints
    held_starts: Ints
    held_sequences: Ints
    held: Bools
    stretches: bool
    window: int
    every: Ints

    @classmethod
    def of(cls, source: Source, starts: Ints, window: int, stretches: bool) -> Split:
        """Split a panel.

        Parameters
        ----------
        source : Source
        starts : int64 array of shape (windows,)
            Rows at which windows of one long series begin.
        window : int
        stretches : bool
        """
        panel, number = source.panel, np.arange(len(source.panel), dtype=np.int64)
        owner = np.repeat(number, panel.lengths)
        held = np.array(source.held(np.arange(len(owner)), owner, window))
        if stretches:
            count = np.concatenate([[0], np.cumsum(held)])
            inside = count[np.minimum(starts + window, len(held))] - count[starts]
            train, kept = starts[inside == 0], starts[inside == window]
            kept = kept[(kept - kept[:1]) % max(1, window // STRIDE) == 0] if len(kept) else kept
            both = np.zeros(len(train), np.int64), np.zeros(len(kept), np.int64)
            return cls(source, train, both[0], kept, both[1], held, stretches, window, starts)
        first, count = source.offsets[:-1], np.bincount(owner, held, len(panel))
        whole, some = count == panel.lengths, count > 0
        return cls(source, first[~whole], number[~whole], first[some], number[some], held, stretches, window, first)

    def only(self, piece: Piece, start: Ints, held: bool) -> Piece:
        """Return a piece that starts at some rows, of which rows count that are held back, or that are not."""
        row = np.minimum(start[:, None] + np.arange(self.window), len(self.held) - 1)
        return replace(piece, inside=piece.inside & torch.from_numpy(self.held[row] == held))

    def whole(self) -> Split:
        """Return the same with nothing held back."""
        count = 1 if self.stretches else len(self.source.panel)
        sequences = np.resize(np.arange(count, dtype=np.int64), len(self.every))
        return replace(self, starts=self.every, sequences=sequences, held=np.zeros_like(self.held))

    @property
    def possible(self) -> bool:
        """Whether there is enough on either side."""
        return min(len(self.starts), len(self.held_starts)) >= (FEW_HELD if self.stretches else 1)

    def walks(self, held: bool, reach: Reach, rng: np.random.Generator) -> list[list[Piece]]:
        """Return pieces to measure a likelihood on: lists of which each goes on from piece to piece."""
        starts = self.held_starts if held else self.starts
        sequences = self.held_sequences if held else self.sequences
        pick = np.sort(rng.permutation(len(starts))[:MOST_HELD])
        walks = []
        for at in range(0, len(pick), 256):
            some = pick[at : at + 256]
            begin, sequence = starts[some], sequences[some]
            if self.stretches:
                fresh = np.ones(len(some), dtype=bool)
                walks.append([self.source.cut(begin, sequence, fresh, self.window, reach)])
                late = begin >= self.window
                if reach.seasons and late.any():  # the same windows, with all that was before them
                    begin, sequence, fresh = begin[late], sequence[late], fresh[late]
                    first = self.source.cut(begin - self.window, sequence, fresh, self.window, reach)
                    first = replace(first, inside=torch.zeros_like(first.inside))
                    walks.append([first, self.source.cut(begin, sequence, ~fresh, self.window, reach)])
                continue
            length = self.source.panel.lengths[sequence]
            fresh = np.zeros(len(some), dtype=bool)
            pieces = []
            for step in range(0, int(length.max()), self.window):
                if step >= MOST_PIECES * self.window:
                    break
                piece = self.source.cut(begin + step, sequence, fresh, self.window, reach)
                pieces.append(self.only(piece, begin + step, held))
            walks.append(pieces)
        return walks


class Streams:
    """Batches of pieces that go on where the last ones ended.

    Parameters
    ----------
    split : Split
    reach : Reach
        What a piece shows of earlier rows.
    batch : int
        Pieces.
    rng : numpy.random.Generator
    """

    def __init__(self, split: Split, reach: Reach, batch: int, rng: np.random.Generator) -> None:
        self.split, self.source, self.steps, self.reach = split, split.source, split.window, reach
        self.batch, self.rng = batch, rng
        self.at = np.full(batch, -1)
        self.sequence = np.zeros(batch, dtype=np.int64)
        self.order, self.used = rng.permutation(len(split.starts)), 0
        self.count = np.concatenate([[0], np.cumsum(split.held)])

    def next(self) -> tuple[Piece, Tensor]:
        """Return the next pieces, without the rows that are held back, and which go on from the piece before."""
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
        begins = ~goes_on if split.stretches else np.zeros(self.batch, dtype=bool)
        piece = self.source.cut(self.at, self.sequence, begins, self.steps, self.reach)
        return split.only(piece, self.at, held=False), torch.from_numpy(goes_on)

    def _draw(self, count: int) -> Ints:
        out = []
        while count:
            some = self.order[self.used : self.used + count]
            out.append(some)
            count -= len(some)
            self.used += len(some)
            if self.used >= len(self.order):
                self.order, self.used = self.rng.permutation(len(self.split.starts)), 0
        return np.concatenate(out) if out else np.zeros(0, dtype=np.int64)


def measure(generator: Generator, walks: list[list[Piece]], noise: int) -> float:
    """Return the log-likelihood of pieces, in nats a row; `noise` is the seed of what dequantises them."""
    was = generator.training
    generator.eval()
    total, rows = 0.0, 0
    gen = torch.Generator().manual_seed(noise)
    with torch.no_grad():
        for walk in walks:
            state = None
            for piece in walk:
                log_prob, state = generator(piece, state, gen)
                total += float(log_prob.sum())
                rows += int(piece.inside.sum())
    generator.train(was)
    return total / max(rows, 1)


@dataclass(frozen=True)
class Teaching:
    """How the first stage goes.

    Attributes
    ----------
    steps : int
        At most; the held-back likelihood ends it earlier where data are few.
    batch : int
        Pieces of a step.
    rate, decay, clip, average : float
        Learning rate, weight decay, largest norm of the gradient (0 for any), decay of the moving average.
    dropout : float or None
        None lets it follow what is held back.
    deadline : float
        Of `time.monotonic()`.
    """

    steps: int = 1000
    batch: int = 128
    rate: float = 4e-3
    decay: float = 0.1
    clip: float = 5.0
    average: float = 0.99
    dropout: float | None = None
    deadline: float = math.inf


WARM_UP = 50  # steps in which the rate rises
CHECK = 50  # steps between two measurements
PATIENCE, DROPS, LOWER = 2, 1, 0.15  # measurements without a gain; times that the rate then falls, and to what share
POLISH, GENTLE = 0.5, 0.3  # steps on all rows, as a share of those that were best; their rate
GAIN = 1e-4  # nats a cell by which the likelihood has to rise
FIRST_DROPOUT, LEAST_DROPOUT, MOST_DROPOUT = 0.3, 0.0, 0.5
NEAR, APART = 0.01, 0.04  # nats a cell between learned and held-back rows: dropout falls below, rises above


@dataclass
class Best:
    """The best weights yet.

    Attributes
    ----------
    value : float
        Held-back log-likelihood, in nats a row.
    weights : dict of name to Tensor
    step : int
        At which they were; 0 before training.
    dropout : float
        Then.
    taken : int
        Steps taken in all.
    interrupted : bool
    """

    value: float
    weights: dict[str, Tensor]
    step: int
    dropout: float
    taken: int = 0
    interrupted: bool = False


def teach(generator: Generator, split: Split, how: Teaching, seed: np.random.SeedSequence, history: History) -> Best:
    """Teach a generator; it ends with the best weights.

    Parameters
    ----------
    generator : Generator
        Untrained.
    split : Split
    how : Teaching
    seed : numpy.random.SeedSequence
    history : History
        Gets a row at each measurement.

    Returns
    -------
    Best
        `step` is 0 where the untrained generator was best.

    Raises
    ------
    TrainingError
        If the likelihood of the real rows is not finite before training; names the column.
    """
    rng = np.random.default_rng(seed)
    fixed = int(rng.integers(2**62))
    held = split.walks(True, generator.reach, rng)
    learned = split.walks(False, generator.reach, rng)
    start = measure(generator, held, fixed)
    if not math.isfinite(start):
        refuse(generator, held)
    dropout = FIRST_DROPOUT if how.dropout is None else how.dropout
    best = Best(start, _copy(generator), 0, dropout)
    history.add("likelihood", 0, 0.0, held_back=start, kept=True)
    learner, cells = _Learner(generator, split, how, rng), max(len(generator.layout.cells), 1)
    average = copy.deepcopy(generator)
    rate, without, drops, since = how.rate, 0, 0, 0
    losses: list[float] = []
    generator.train()
    try:
        for step in range(1, how.steps + 1):
            for module in (generator, average):
                module.set_dropout(dropout)
            losses.append(learner.step(rate * min(1.0, step / WARM_UP)))
            since, best.taken = since + 1, step
            follow(average, generator, min(how.average, (1 + since) / (10 + since)))
            late = time.monotonic() >= how.deadline
            if step % CHECK and step < how.steps and not late and math.isfinite(losses[-1]):
                continue
            value = measure(average, held, fixed)
            better = math.isfinite(value) and value > best.value + GAIN * cells
            mean = float(np.mean(losses))
            losses.clear()
            stop = history.add("likelihood", step, step / how.steps, loss=mean, held_back=value, kept=better)
            if how.dropout is None and math.isfinite(value):
                gap = (measure(average, learned, fixed) - value) / cells
                dropout += 0.1 * ((gap > APART) - (gap < NEAR))
                dropout = min(max(dropout, LEAST_DROPOUT), MOST_DROPOUT)
            if better:
                best, without = Best(value, _copy(average), step, dropout, step), 0
            else:
                without += 1
            if without >= PATIENCE or not (math.isfinite(value) and math.isfinite(mean)):
                drops, without, rate, since = drops + 1, 0, rate * LOWER, 0
                for module in (generator, average):
                    module.load_state_dict(best.weights)
                learner.restart()
            if drops > DROPS or stop or late:
                break
    except KeyboardInterrupt:
        best.interrupted = True
    generator.load_state_dict(best.weights)
    generator.set_dropout(best.dropout)
    generator.eval()
    return best


def polish(generator: Generator, split: Split, how: Teaching, best: Best, seed: np.random.SeedSequence) -> None:
    """Teach a generator on all rows, held back ones too, at a low rate; it ends with the average of the weights.

    Raises
    ------
    KeyboardInterrupt
        If interrupted; the generator is then as it was.
    """
    first, average = _copy(generator), copy.deepcopy(generator)
    learner = _Learner(generator, split.whole(), how, np.random.default_rng(seed))
    generator.train()
    try:
        for step in range(1, round(POLISH * best.step) + 1):
            loss = learner.step(GENTLE * how.rate * min(1.0, step / WARM_UP))
            follow(average, generator, min(how.average, (1 + step) / (10 + step)))
            if time.monotonic() >= how.deadline or not math.isfinite(loss):
                break
        first = _copy(average) if all(bool(part.isfinite().all()) for part in average.parameters()) else first
    finally:
        generator.load_state_dict(first)
        generator.eval()


class _Learner:
    """Steps of learning by likelihood, one after the other."""

    def __init__(self, generator: Generator, split: Split, how: Teaching, rng: np.random.Generator) -> None:
        self.generator, self.how = generator, how
        self.noise = torch.Generator().manual_seed(int(rng.integers(2**62)))
        self.streams = Streams(split, generator.reach, how.batch, rng)
        self.restart()

    def restart(self) -> None:
        """Forget what the optimiser and the recurrent state know."""
        self.optimiser = _optimiser(self.generator, self.how)
        self.state = self.generator.start(self.how.batch)

    def step(self, rate: float) -> float:
        """Take a step at a rate; return the loss, in nats a row."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        loss, self.state = next_loss(self.generator, self.streams, self.state, self.noise)
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.generator.parameters(), self.how.clip or math.inf)
        self.optimiser.step()
        return float(loss.detach())


def next_loss(generator: Generator, streams: Streams, state: State, noise: torch.Generator) -> tuple[Tensor, State]:
    """Return minus the log-likelihood of the next pieces of streams, in nats a row, and the state after them."""
    piece, goes_on = streams.next()
    state = tuple(part * goes_on[None, :, None] for part in detach(state))
    log_prob, state = generator(piece, state, noise)
    return -log_prob.sum() / piece.inside.sum().clamp_min(1), state


def refuse(generator: Generator, walks: list[list[Piece]]) -> None:
    """Say which column has no finite likelihood.

    Raises
    ------
    TrainingError
    """
    generator.eval()
    with torch.no_grad():
        for walk in walks:
            for piece in walk:
                log_prob, _ = generator(piece, None, None)
                odd = (~log_prob.isfinite()).any(1).any(0)
                if bool(odd.any()):
                    name = generator.layout.cells[int(torch.nonzero(odd)[0])].name
                    raise TrainingError(
                        f"column {name!r} has rows without a finite likelihood before training has begun; look for "
                        "values far outside all others, rescale it (scaler=), or leave it out (exclude=)"
                    )
    raise TrainingError("the held-back likelihood is not finite; look for values far outside all others")


def _copy(generator: Generator) -> dict[str, Tensor]:
    return {name: part.detach().clone() for name, part in generator.state_dict().items()}


def _optimiser(generator: Generator, how: Teaching) -> torch.optim.Optimizer:
    """Return AdamW ("Decoupled weight decay", Loshchilov & Hutter, 2019, https://arxiv.org/abs/1711.05101)."""
    parameters = list(generator.parameters())
    matrices = [part for part in parameters if part.ndim > 1]
    rest = [part for part in parameters if part.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": how.decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=how.rate)


@torch.no_grad()
def follow(average: Generator, generator: Generator, share: float) -> None:
    """Move an average of weights towards a generator's: `share` of it stays."""
    for old, new in zip(average.parameters(), generator.parameters(), strict=True):
        old.lerp_(new, 1 - share)
