r"""Second stage: the generator meets a critic of its free runs (WGAN-GP), and likelihood holds it where it is.

.. math:: \min_\theta \; -\tfrac1T \log p_\theta(\text{real}) + w \, L(C(\text{free run}_\theta)), \qquad
    \max_C \; E[C(\text{real})] - E[C(\text{free run})] - \text{penalty}.

The gradient through a free run is that of `freeruns`. Outcomes do not bend; their own gradient is that of their
log-probability, weighted by the critic's score ("Simple statistical gradient-following algorithms", Williams, 1992,
https://doi.org/10.1007/BF00992696), where `outcome_weight` asks for it.

What came of it is believed only if free runs came nearer to real windows (`belief`) by more than chance, and held-back
likelihood did not fall; else the generator of the first stage comes back.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from ..arrays import Doubles
from .belief import DRAWS, Belief, nearer, whole_windows
from .callbacks import History
from .cells import CELLS
from .critic import Critic, difference_scale
from .freeruns import Runs, Spreading, differentiable
from .generator import Generator
from .likelihood import Split, Streams, follow, next_loss
from .losses import LOSSES, Batch, Loss
from .pieces import Piece
from .runtime import isolated

CLIP = 5.0  # largest norm of the generator's gradient
GIVE = 0.01  # nats per cell that held-back likelihood may fall by
LOOKS = 2  # free runs by which a measurement on the way is made
FEW = 8  # windows on either side below which the stage is left out
HUGE = 1e6  # loss of a critic that has exploded
LOWER = 0.3  # share to which the rate falls after a divergence
RISE = 20  # steps in which the generator's rate rises
LAST = 0.1  # share to which rates fall
POOL = 4  # batches that are drawn at once: the rows of many sequences cost little more than those of few
WARM_POOL = 25  # steps of the critic alone for which a pool serves: the generator stays as it is
HOPE = 0.6  # share of the steps after which something must have been better
RETRIES = 2  # divergences after which the stage ends


@dataclass(frozen=True)
class Settings:
    """How the second stage is run; dropout is as the generator has it.

    Attributes
    ----------
    loss : Loss
    weight : float
        Length of the adversarial loss's gradient, in units of the likelihood's: of what size losses are differs from
        table to table, and from loss to loss.
    outcome_weight : float
        Of the outcomes' share of the adversarial gradient; 0 for none.
    hops : int
        Times that the gradient runs through the network.
    hidden : int
        Of the critic.
    batch, critic_steps, penalty_every, warm : int
        Windows of a step; steps of the critic per step of the generator; how often the penalty is taken (with as many
        times its weight); steps of the critic before the first of the generator.
    renew : int
        Steps of the generator after which free runs are drawn anew.
    rate, critic_rate : float
        Of Adam with betas (.5, .9).
    average : float
        Decay of the moving average of the generator's weights, which is what is measured and kept.
    check : int
        Steps of the generator from one measurement to the next.
    """

    loss: Loss = field(default_factory=lambda: LOSSES["wgan-gp"]())
    weight: float = 1.0
    outcome_weight: float = 0.0
    hops: int = 1
    hidden: int = 64
    batch: int = 128
    critic_steps: int = 8
    penalty_every: int = 4
    warm: int = 200
    renew: int = 4
    rate: float = 2e-4
    critic_rate: float = 2e-3
    average: float = 0.98
    check: int = 25


@dataclass(frozen=True)
class Verdict:
    """What came of the second stage.

    Attributes
    ----------
    kept : bool
        Whether the generator is the finished one; else it is as it was.
    diverged : bool
        Whether training diverged on the way and went back, with a lower rate.
    steps : int
        Steps that the generator took.
    before, after : tuple of float
        Distances of free runs from groups of windows that were held back, then of others, at the start and of the best
        generator.
    noise : float
        Standard error of the difference of their means; NaN if nothing was better.
    """

    kept: bool
    diverged: bool
    steps: int
    before: tuple[float, ...]
    after: tuple[float, ...]
    noise: float


class Contest:
    """A generator, its critic, and the steps that they take."""

    def __init__(self, generator: Generator, split: Split, how: Settings, seed: np.random.SeedSequence) -> None:
        self.g, self.how, self.split = generator, how, split
        self.rng = np.random.default_rng(seed)
        self.noise = torch.Generator().manual_seed(int(self.rng.integers(2**62)))
        self.starts = whole_windows(split, False)
        self.streams = Streams(split, generator.reach, how.batch, self.rng)
        self.state = generator.start(how.batch)
        self.spreading = Spreading(generator)
        some = self.real(4 * how.batch)
        scale = difference_scale(some.values[:, generator.reach.rows :], some.inside.sum(1))
        with isolated(np.random.SeedSequence(int(self.rng.integers(2**62)))):
            self.critic = Critic(generator.layout, scale, how.hidden, cell=CELLS[generator.sizes.cell])
        self.begun = copy.deepcopy(self.critic.state_dict())
        self.pool: Runs | None = None
        self.taken, self.penalty = 0, 0.0
        self.restart()

    def restart(self) -> None:
        """Start the critic and the optimisers anew."""
        self.critic.load_state_dict(self.begun)
        adam = torch.optim.Adam
        self.makers = adam(self.g.parameters(), lr=self.how.rate, betas=(0.5, 0.9))
        self.critics = adam(self.critic.parameters(), lr=self.how.critic_rate, betas=(0.5, 0.9))
        self.state, self.pool = self.g.start(self.how.batch), None

    def pace(self, maker: float, critic: float) -> None:
        """Set the rates to shares of what they are to be."""
        for optimiser, rate in ((self.makers, self.how.rate * maker), (self.critics, self.how.critic_rate * critic)):
            for group in optimiser.param_groups:
                group["lr"] = rate

    def step(self, number: int) -> tuple[float, float]:
        """Take the steps of the critic and one of the generator; return the losses of both."""
        critic = 0.0
        for k in range(self.how.critic_steps):
            critic = self.judge(self.runs(k == 0 and number % self.how.renew == 0))
        return self.make(self.runs(False)), critic

    def warm_up(self, number: int) -> None:
        """Take a step of the critic alone."""
        self.judge(self.runs(number % WARM_POOL == 0))

    def runs(self, anew: bool) -> Runs:
        """Return a batch of free runs; some batches are drawn at once, and taken from as long as not `anew`."""
        if anew or self.pool is None:
            self.pool = Runs.draw(self.g, self.real(POOL * self.how.batch), self.noise)
        order = self.rng.permutation(len(self.pool.values))[: self.how.batch]
        return self.pool[torch.from_numpy(order)]

    def real(self, count: int) -> Piece:
        """Return real windows."""
        starts, sequences = self.starts
        some = self.rng.integers(len(starts), size=count)
        fresh = np.full(count, self.split.stretches)
        return self.split.source.cut(starts[some], sequences[some], fresh, self.split.window, self.g.reach)

    def seen(self, piece: Piece, values: Tensor, drawn: Tensor) -> Batch:
        """Return windows as the critic sees them: `values` have the gradient, `drawn` says what cells did."""
        lengths = piece.inside.sum(1)
        discrete = self.critic.discrete(drawn, piece.statics, piece.known, lengths)
        return self.critic.dense(values, piece.statics, discrete)

    def judge(self, runs: Runs) -> float:
        """Take a step of the critic; return its loss."""
        real = self.real(self.how.batch)
        theirs = real.values[:, self.g.reach.rows :]
        true, fake = self.seen(real, theirs, theirs), self.seen(runs.piece, runs.values, runs.values)
        loss = self.how.loss.critic(self.critic.score(true), self.critic.score(fake))
        total = loss
        if self.how.loss.weight and self.taken % self.how.penalty_every == 0:
            share = torch.rand(self.how.batch, generator=self.noise)
            penalty = self.how.loss.penalty(self.critic.score, true, fake, share)
            total = total + self.how.penalty_every * penalty
            self.penalty = float(penalty.detach())
        self.taken += 1
        self.critics.zero_grad()
        torch.autograd.backward(total)
        return _moved(self.critics, self.critic, 10 * CLIP, loss)

    def make(self, runs: Runs) -> float:
        """Take a step of the generator; return minus the log-likelihood of real rows."""
        g, how = self.g, self.how
        g.train()
        loss, self.state = next_loss(g, self.streams, self.state, self.noise)
        g.eval()
        self.critic.requires_grad_(False)
        values, did = differentiable(g, self.spreading, runs, how.hops, self.noise)
        score = self.critic.score(self.seen(runs.piece, values, runs.values))
        rival = score.detach()
        if how.loss.relativistic:
            real = self.real(how.batch)
            theirs = real.values[:, g.reach.rows :]
            rival = self.critic.score(self.seen(real, theirs, theirs)).detach()
        adverse = how.loss.generator(rival, score)
        if how.outcome_weight and g.heads.groups:
            advantage = (score - score.mean()).detach()
            told = (did * runs.piece.inside).sum(1)
            adverse = adverse - how.outcome_weight * (advantage * told).mean()
        self.critic.requires_grad_(True)
        parameters = list(g.parameters())
        anchor = _gradient(loss, parameters)
        pull = _gradient(adverse, parameters) if how.weight else [torch.zeros_like(part) for part in parameters]
        share = how.weight * _norm(anchor) / _norm(pull).clamp_min(1e-12)
        for part, one, other in zip(parameters, anchor, pull, strict=True):
            part.grad = one + share * other
        return _moved(self.makers, g, CLIP, loss)


def _gradient(loss: Tensor, parameters: list[nn.Parameter]) -> list[Tensor]:
    if not loss.requires_grad:
        return [torch.zeros_like(part) for part in parameters]
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return [torch.zeros_like(part) if one is None else one for part, one in zip(parameters, found, strict=True)]


def _norm(parts: list[Tensor]) -> Tensor:
    square: Tensor = torch.stack([part.square().sum() for part in parts]).sum()
    return square.sqrt()


def _moved(optimiser: torch.optim.Optimizer, module: nn.Module, clip: float, loss: Tensor) -> float:
    """Take a step if the gradient is finite; return the loss, or NaN."""
    norm = nn.utils.clip_grad_norm_(module.parameters(), clip)
    if not bool(norm.isfinite()):
        return math.nan
    optimiser.step()
    return float(loss.detach())


def finish(
    generator: Generator,
    split: Split,
    how: Settings,
    steps: int,
    seed: np.random.SeedSequence,
    history: History,
    deadline: float = math.inf,
    since: float = 0.0,
) -> Verdict:
    """Finish a generator against a critic; it ends with the weights that are believed.

    Parameters
    ----------
    generator : Generator
        Taught by likelihood.
    split : Split
    how : Settings
    steps : int
        Steps of the generator, at most.
    seed : numpy.random.SeedSequence
    history : History
        Gets a row at each measurement.
    deadline : float
        Of `time.monotonic()`.
    since : float
        Share of the whole budget that was used before, for the progress bar.

    Returns
    -------
    Verdict

    Raises
    ------
    KeyboardInterrupt
        If interrupted; the generator is then as it was.
    """
    if not (len(whole_windows(split, True)[0]) >= FEW and len(whole_windows(split, False)[0]) >= FEW and steps > 0):
        return Verdict(False, False, 0, (), (), math.nan)
    ours, theirs, drops = seed.spawn(3)
    with isolated(drops):
        return _Stage(generator, split, how, ours, theirs).run(steps, history, deadline, since)


class _Stage:
    """The second stage under way."""

    def __init__(
        self,
        generator: Generator,
        split: Split,
        how: Settings,
        ours: np.random.SeedSequence,
        theirs: np.random.SeedSequence,
    ) -> None:
        began = time.monotonic()
        self.g, self.how = generator, how
        self.belief = Belief(generator, split, theirs)
        self.reserve = 1.3 * (time.monotonic() - began)  # seconds that a measurement and the verdict take
        self.first = _copy(generator)
        self.best, self.best_step = self.first, 0
        self.best_value = float(self.belief.draws[:LOOKS].mean())
        self.lowest = self.belief.start - GIVE * max(len(generator.layout.cells), 1)
        self.contest, self.average = Contest(generator, split, how, ours), copy.deepcopy(generator)
        self.deadline = math.inf
        self.slowest = 0.0

    @property
    def late(self) -> bool:
        """Whether there is no time for another step."""
        return time.monotonic() + self.reserve + self.slowest >= self.deadline

    def run(self, steps: int, history: History, deadline: float, since: float) -> Verdict:
        """Take steps, and judge."""
        self.deadline = deadline
        at_start = self.belief.draws.mean(0)
        history.add("adversarial", 0, since, held_back=self.belief.start, distance=float(at_start.mean()), kept=False)
        taken = diverged = 0
        try:
            taken, diverged = self._steps(steps, history, since)
        finally:
            self.g.load_state_dict(self.first)
            self.g.eval()
        return self._verdict(at_start, taken, diverged)

    def _verdict(self, at_start: Doubles, taken: int, diverged: int) -> Verdict:
        belief = self.belief
        before = tuple(at_start.tolist())
        if not self.best_step:
            return Verdict(False, diverged > 0, taken, before, before, math.nan)
        self.g.load_state_dict(self.best)
        # drawn afresh: the best of many measurements is partly luck
        again = np.array([belief(self.g, DRAWS + draw) for draw in range(DRAWS)])
        kept, noise = nearer(belief.draws, again)
        if not kept:
            self.g.load_state_dict(self.first)
        return Verdict(kept, diverged > 0, taken, before, tuple(again.mean(0).tolist()), noise)

    def _steps(self, steps: int, history: History, since: float) -> tuple[int, int]:
        """Take steps; return how many, and how often they diverged."""
        how, contest, average, belief = self.how, self.contest, self.average, self.belief
        self._warm_up()
        taken = diverged = counted = back = 0
        sums, share, began = np.zeros(2), 1.0, time.monotonic()
        while taken < steps and not self.late:
            tick = time.monotonic()
            # of steps or of time, what is used up more; rates fall in the second half
            done = max(taken / steps, (tick - began) / max(self.deadline - self.reserve - began, 1e-9))
            fall = share * min(1.0, LAST + 2 * (1 - LAST) * max(1 - done, 0.0))
            contest.pace(fall * min(1.0, (1 + back) / RISE), fall)
            loss, critic = contest.step(taken)
            taken, back, counted = taken + 1, back + 1, counted + 1
            follow(average, self.g, min(how.average, (1 + back) / (10 + back)))
            sums += loss, critic
            sound = math.isfinite(loss) and math.isfinite(critic) and abs(critic) < HUGE
            self.slowest = max(self.slowest, time.monotonic() - tick)
            if sound and taken % how.check and taken < steps and not self.late:
                continue
            mean, counted, sums = sums / counted, 0, np.zeros(2)
            held_back = belief.likelihood(average) if sound else None
            distance = float(np.mean([belief(average, draw) for draw in range(LOOKS)])) if sound else None
            better = False
            if held_back is not None and distance is not None:
                better = held_back >= self.lowest and distance < self.best_value
            if better and distance is not None:
                self.best_value, self.best_step, self.best = distance, taken, _copy(average)
            stop = history.add(
                "adversarial",
                taken,
                since + (1 - since) * taken / steps,
                loss=float(mean[0]),
                held_back=held_back,
                critic=float(mean[1]),
                penalty=contest.penalty,
                distance=distance,
                kept=better,
            )
            if not sound:
                diverged, share, back = diverged + 1, share * LOWER, 0
                for module in (self.g, average):
                    module.load_state_dict(self.best)
                contest.restart()
                self._warm_up()
            hopeless = not self.best_step and taken >= max(HOPE * steps, 2 * how.check)
            if stop or diverged > RETRIES or hopeless:
                break
        return taken, diverged

    def _warm_up(self) -> None:
        """Let the critic learn alone."""
        for number in range(self.how.warm):
            if not self.late:
                self.contest.warm_up(number)


def _copy(generator: Generator) -> dict[str, Tensor]:
    return {name: part.detach().clone() for name, part in generator.state_dict().items()}
