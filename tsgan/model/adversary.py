r"""Second stage: the generator meets a critic of its free runs (WGAN-GP), and likelihood holds it where it is.

.. math:: \min_\theta \; -\tfrac1T \log p_\theta(\text{real}) + w \, L(C(\text{free run}_\theta)), \qquad
    \max_C \; E[C(\text{real})] - E[C(\text{free run})] - \text{penalty}.

The gradient through a free run is that of `freeruns`; outcomes do not bend. What came of it is believed only if free
runs came nearer to real windows (`validation`) by more than chance, and held-back likelihood did not fall; else the
generator of the first stage comes back.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .callbacks import History
from .cells import CELLS
from .checkpoints import UNKEPT, Keeper
from .chunks import Chunk
from .critic import Critic, difference_scale
from .freeruns import Propagation, Runs, differentiable
from .generator import Generator
from .likelihood import Gradient, Split, Streams, added, follow, next_gradient
from .losses import LOSSES, Batch, Loss
from .runtime import Noise, halves, in_use, isolated, seeded, side_by_side, to_tensor, uniform
from .validation import DRAWS, Validation, improved

MAX_NORM = 5.0  # of the generator's gradient; the critic's is ten times as large
MAX_FALL = 0.01  # nats per cell that held-back likelihood may fall by
LOOKS = 2  # free runs by which a measurement on the way is made
MIN_WINDOWS = 8  # on either side, below which the stage is left out
MAX_LOSS = 1e6  # of a critic that has not exploded
LOWER_RATE = 0.3  # share to which the rate falls after a divergence
WARM_UP = 20  # steps in which the generator's rate rises
LAST_RATE = 0.1  # share to which rates fall
POOL = 4  # batches that are drawn at once: the rows of many sequences cost little more than those of few
WARM_POOL = 16  # batches that are drawn at once for the critic alone: the generator stays as it is
PATIENCE = 0.6  # share of the steps after which something must have been better
MAX_DIVERGENCES = 2  # after one more the stage ends
MEASUREMENT = 1.3  # time for a last measurement and the verdict, in units of what the first one took


@dataclass(frozen=True)
class AdversarialSettings:
    """How the second stage is run; dropout is as the generator has it."""

    loss: Loss = field(default_factory=lambda: LOSSES["wgan-gp"]())
    # length of the adversarial loss's gradient, in units of the likelihood's: of what size losses are differs from
    # table to table, and from loss to loss
    weight: float = 1.0
    hidden: int = 64  # of the critic
    batch: int = 128  # windows of a step
    critic_steps: int = 8  # per step of the generator
    penalty_every: int = 4  # steps of the critic per penalty, which has as many times its weight
    warm: int = 200  # steps of the critic before the first of the generator
    renew: int = 4  # steps of the generator after which free runs are drawn anew
    rate: float = 2e-4  # of Adam with betas (.5, .9)
    critic_rate: float = 2e-3
    average: float = 0.98  # decay of the moving average of the generator's weights, which is measured and kept
    check: int = 25  # steps of the generator from one measurement to the next


@dataclass(frozen=True)
class AdversarialResult:
    """What came of the second stage."""

    kept: bool  # whether the generator is the finished one; else it is as it was
    diverged: bool  # whether training diverged on the way and went back, with a lower rate
    steps: int  # that the generator took
    before: tuple[float, ...]  # distances of free runs from groups of windows held back, then of others, at the start
    after: tuple[float, ...]  # the same of the best generator
    noise: float  # standard error of the difference of their means; NaN if nothing was better


class AdversarialSteps:
    """A generator, its critic, and the steps that they take."""

    KEPT = ("g", "critic", "optimiser", "critic_optimiser", "state", "streams", "rng", "noise", "taken", "penalty")

    def __init__(
        self, generator: Generator, split: Split, how: AdversarialSettings, seed: np.random.SeedSequence
    ) -> None:
        self.g, self.how, self.split = generator, how, split
        self.rng = np.random.default_rng(seed)
        self.noise = seeded(self.rng)
        self.windows = split.windows(False)
        self.streams = Streams(split, generator.lookback, how.batch, self.rng)
        self.propagation = Propagation(generator)
        some = self.real(4 * how.batch)
        scale = difference_scale(some.own_values, some.lengths).cpu()
        with isolated(np.random.SeedSequence(int(self.rng.integers(2**62)))):
            self.critic = Critic(generator.layout, scale, how.hidden, cell=CELLS[generator.sizes.cell])
        self.critic.to(in_use())
        self.untrained = copy.deepcopy(self.critic.state_dict())
        self.taken, self.penalty = 0, 0.0
        self.restart()

    def restart(self) -> None:
        """Start the critic and the optimisers anew."""
        self.critic.load_state_dict(self.untrained)
        adam = torch.optim.Adam
        self.optimiser = adam(self.g.parameters(), lr=self.how.rate, betas=(0.5, 0.9))
        self.critic_optimiser = adam(self.critic.parameters(), lr=self.how.critic_rate, betas=(0.5, 0.9))
        self.state = self.g.start(self.how.batch)
        self.pool: Runs | None = None

    def set_rates(self, generator: float, critic: float) -> None:
        """Set the rates to shares of what they are to be."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.how.rate * generator
        for group in self.critic_optimiser.param_groups:
            group["lr"] = self.how.critic_rate * critic

    def step(self, number: int) -> tuple[float, float]:
        """Take the steps of the critic and one of the generator; return the losses of both."""
        critic = 0.0
        if number % self.how.renew == 0:
            self.draw(POOL)
        for _ in range(self.how.critic_steps):
            critic = self.critic_step(self.runs())
        return self.generator_step(self.runs()), critic

    def warm_up(self) -> None:
        """Take a step of the critic alone, while the generator stays as it is."""
        if self.pool is None:
            self.draw(WARM_POOL)
        self.critic_step(self.runs())

    def draw(self, batches: int) -> None:
        """Draw free runs anew, so many batches at once."""
        self.pool = Runs.draw(self.g, self.real(batches * self.how.batch), self.noise)

    def runs(self) -> Runs:
        """Return a batch of the free runs that were drawn last."""
        assert self.pool is not None
        order = self.rng.permutation(len(self.pool.values))[: self.how.batch]
        return self.pool[to_tensor(order)]

    def real(self, count: int) -> Chunk:
        """Return real windows."""
        starts, sequences = self.windows
        some = self.rng.integers(len(starts), size=count)
        return self.split.cut(starts[some], sequences[some], self.g.lookback)

    def seen(self, chunk: Chunk, values: Tensor, drawn: Tensor | None = None) -> Batch:
        """Return windows as the critic sees them, see `Critic.batch`."""
        return self.critic.batch(values, chunk.statics, chunk.known, chunk.lengths, drawn)

    def critic_step(self, runs: Runs) -> float:
        """Take a step of the critic; return its loss."""
        how, score, chunk = self.how, self.critic.score, self.real(self.how.batch)
        pays = how.loss.weight > 0 and self.taken % how.penalty_every == 0
        self.taken += 1
        parameters = list(self.critic.parameters())

        def learn(some: slice, noise: Noise) -> tuple[float, float, Gradient]:
            one, other = chunk[some], runs[some]
            real, fake = self.seen(one, one.own_values), self.seen(other.chunk, other.values)
            share = len(other.values) / how.batch
            loss = how.loss.critic(score(real), score(fake)) * share
            penalty = loss.new_zeros(())
            if pays:
                between = uniform((len(other.values),), noise)
                penalty = how.loss.penalty(score, real, fake, between) * share
            total = loss + how.penalty_every * penalty
            return float(loss.detach()), float(penalty.detach()), _gradient(total, parameters)

        losses, penalties, gradients = zip(*side_by_side(learn, halves(how.batch, self.noise)), strict=True)
        if pays:
            self.penalty = sum(penalties)
        return _moved(self.critic_optimiser, self.critic, added(gradients), 10 * MAX_NORM, sum(losses))

    def generator_step(self, runs: Runs) -> float:
        """Take a step of the generator; return minus the log-likelihood of real rows."""
        g, how, score = self.g, self.how, self.critic.score
        g.train()
        loss, anchor, self.state = next_gradient(g, self.streams, self.state, self.noise)
        g.eval()
        if not how.weight:
            return _moved(self.optimiser, g, anchor, MAX_NORM, loss)
        real, parameters = self.real(how.batch) if how.loss.relativistic else None, list(g.parameters())

        def pull(some: slice, noise: Noise) -> Gradient:
            own = runs[some]
            fake = score(self.seen(own.chunk, differentiable(g, self.propagation, own, noise), own.values))
            true = fake.detach()
            if real is not None:
                true = score(self.seen(real[some], real[some].own_values)).detach()
            return _gradient(how.loss.generator(true, fake) * (len(fake) / how.batch), parameters)

        self.critic.requires_grad_(False)
        adverse = added(side_by_side(pull, halves(how.batch, self.noise)))
        self.critic.requires_grad_(True)
        share = how.weight * _norm(anchor) / _norm(adverse).clamp_min(1e-12)
        gradient = added([anchor, [None if part is None else share * part for part in adverse]])
        return _moved(self.optimiser, g, gradient, MAX_NORM, loss)


def _gradient(loss: Tensor, parameters: list[nn.Parameter]) -> Gradient:
    """Return the gradient of a loss, also of one that no parameter moves: a window without any number."""
    if not loss.requires_grad:
        return [None] * len(parameters)
    return list(torch.autograd.grad(loss, parameters, allow_unused=True))


def _norm(gradient: Gradient) -> Tensor:
    squares = [part.square().sum() for part in gradient if part is not None]
    return torch.stack(squares).sum().sqrt() if squares else torch.zeros(())


def _moved(optimiser: torch.optim.Optimizer, module: nn.Module, gradient: Gradient, clip: float, loss: float) -> float:
    """Take a step if the gradient is finite; return the loss, or NaN."""
    for part, one in zip(module.parameters(), gradient, strict=True):
        part.grad = one
    norm = nn.utils.clip_grad_norm_(module.parameters(), clip)
    if not bool(norm.isfinite()):
        return math.nan
    optimiser.step()
    return loss


def fit_adversarial(
    generator: Generator,
    split: Split,
    how: AdversarialSettings,
    steps: int,
    seed: np.random.SeedSequence,
    history: History,
    deadline: float = math.inf,
    since: float = 0.0,
    keeper: Keeper = UNKEPT,
) -> AdversarialResult:
    """Finish a generator against a critic; it ends with the weights that are believed.

    It takes so many `steps` of the generator at most, until the `deadline` of `time.monotonic()`; `history` gets a row
    at each measurement, and a bar that begins at the share `since`.

    Raises
    ------
    KeyboardInterrupt
        If interrupted; the generator is then as it was.
    """
    few = any(len(split.windows(held)[0]) < MIN_WINDOWS for held in (True, False))
    if few or steps <= 0:
        return AdversarialResult(False, False, 0, (), (), math.nan)
    end, end_keeper = _End(), keeper.at("end")
    if end_keeper.resume({"end": end, "generator": generator}):
        return AdversarialResult(**end.result)
    ours, theirs = seed.spawn(2)
    result = _Stage(generator, split, how, (ours, theirs), deadline).run(steps, history, keeper, since)
    end_keeper.done({"end": _End(asdict(result)), "generator": generator})
    return result


@dataclass
class _End:
    """The result, as it is kept."""

    result: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Course:
    """How far the second stage is."""

    taken: int = 0  # steps of the generator
    diverged: int = 0
    counted: int = 0  # steps since the last measurement
    back: int = 0  # steps since the start, or since going back to the best weights
    generator_loss: float = 0.0  # sums of these
    critic_loss: float = 0.0
    share: float = 1.0  # of the rates
    done: bool = False


class _Stage:
    """The second stage under way."""

    KEPT = ("g", "average", "players", "course", "best", "best_step", "best_value")

    def __init__(
        self,
        generator: Generator,
        split: Split,
        how: AdversarialSettings,
        seeds: tuple[np.random.SeedSequence, np.random.SeedSequence],
        deadline: float,
    ) -> None:
        began = time.monotonic()
        self.g, self.how, self.deadline = generator, how, deadline
        self.validation = Validation(generator, split, seeds[1])
        self.reserve = MEASUREMENT * (time.monotonic() - began)
        self.first = generator.weights()
        self.best, self.best_step = self.first, 0
        self.best_value = float(self.validation.draws[:LOOKS].mean())
        self.lowest = self.validation.start - MAX_FALL * max(len(generator.layout.cells), 1)
        self.players, self.average = AdversarialSteps(generator, split, how, seeds[0]), generator.copied()
        self.course = _Course()
        self.slowest = 0.0  # seconds of a step

    @property
    def late(self) -> bool:
        """Whether there is no time for another step."""
        return time.monotonic() + self.reserve + self.slowest >= self.deadline

    def run(self, steps: int, history: History, keeper: Keeper, since: float) -> AdversarialResult:
        """Take steps, and judge."""
        validation = self.validation
        at_start = validation.draws.mean(0)
        course, start = self.course, validation.start
        try:
            if not keeper.resume({"stage": self}):
                history.add("adversarial", 0, since, held_back=start, distance=float(at_start.mean()), kept=False)
                self._warm_up(keeper)
            self._steps(steps, history, keeper, since)
        finally:
            self.g.load_state_dict(self.first)
            self.g.eval()
        before = tuple(at_start.tolist())
        if not self.best_step:
            return AdversarialResult(False, course.diverged > 0, course.taken, before, before, math.nan)
        self.g.load_state_dict(self.best)
        # drawn afresh: the best of many measurements is partly luck
        again = validation(self.g, DRAWS, DRAWS)
        kept, noise = improved(validation.draws, again)
        if not kept:
            self.g.load_state_dict(self.first)
        after = tuple(again.mean(0).tolist())
        return AdversarialResult(kept, course.diverged > 0, course.taken, before, after, noise)

    def _steps(self, steps: int, history: History, keeper: Keeper, since: float) -> None:
        """Take steps."""
        how, players, average, validation = self.how, self.players, self.average, self.validation
        now, began = self.course, time.monotonic()
        while now.taken < steps and not self.late and not now.done:
            if now.taken % how.renew == 0:  # where free runs are drawn anew: they are not kept
                keeper.offer({"stage": self})
            tick = time.monotonic()
            # of steps or of time, what is used up more; rates fall in the second half
            done = max(now.taken / steps, (tick - began) / max(self.deadline - self.reserve - began, 1e-9))
            fall = now.share * min(1.0, LAST_RATE + 2 * (1 - LAST_RATE) * max(1 - done, 0.0))
            players.set_rates(fall * min(1.0, (1 + now.back) / WARM_UP), fall)
            loss, critic = players.step(now.taken)
            now.taken, now.back, now.counted = now.taken + 1, now.back + 1, now.counted + 1
            taken = now.taken
            follow(average, self.g, how.average, now.back)
            history.move("adversarial", taken, since + (1 - since) * taken / steps)
            now.generator_loss += loss
            now.critic_loss += critic
            sound = math.isfinite(loss) and math.isfinite(critic) and abs(critic) < MAX_LOSS
            self.slowest = max(self.slowest, time.monotonic() - tick)
            if sound and taken % how.check and taken < steps and not self.late:
                continue
            means = now.generator_loss / now.counted, now.critic_loss / now.counted
            now.generator_loss, now.critic_loss, now.counted = 0.0, 0.0, 0
            held_back = validation.likelihood(average) if sound else None
            distance = float(validation(average, LOOKS).mean()) if sound else None
            better = False
            if held_back is not None and distance is not None:
                better = held_back >= self.lowest and distance < self.best_value
            if better and distance is not None:
                self.best_value, self.best_step, self.best = distance, taken, average.weights()
            stop = history.add(
                "adversarial",
                taken,
                since + (1 - since) * taken / steps,
                loss=means[0],
                held_back=held_back,
                critic=means[1],
                penalty=players.penalty,
                distance=distance,
                kept=better,
            )
            if not sound:
                now.diverged, now.share, now.back = now.diverged + 1, now.share * LOWER_RATE, 0
                for module in (self.g, average):
                    module.load_state_dict(self.best)
                players.restart()
                self._warm_up(keeper)
            hopeless = not self.best_step and taken >= max(PATIENCE * steps, 2 * how.check)
            now.done = stop or now.diverged > MAX_DIVERGENCES or hopeless

    def _warm_up(self, keeper: Keeper) -> None:
        """Let the critic learn alone."""
        for _ in range(self.how.warm):
            keeper.pause()
            if not self.late:
                self.players.warm_up()
