"""The training loop: the one place that steps an optimiser.

Per generator step the critic steps `critic_steps` times; the penalty is taken every `penalty_every`-th critic step with
that many times its weight. What is kept is an exponential moving average of the generator, at the moment when the
held-back statistic liked it best; if that never came, the untrained start.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..errors import TrainingError
from ..losses.base import Batch, Loss
from .callbacks import Callback, Progress
from .history import History, Row

Fake = Callable[[nn.Module, int], tuple[Batch, Tensor]]
Real = Callable[[int], Batch]
Measure = Callable[[nn.Module], float]


@dataclass
class Trainer:
    """Trains a generator against a critic.

    Attributes
    ----------
    generator, critic : torch.nn.Module
        The critic is called as `critic(x, statics, lengths)`.
    loss : Loss
    real : callable
        Returns a random batch of so many training windows.
    fake : callable
        Runs a generator on fresh noise: returns a batch of so many windows, and their correction `(B, T, C)`.
    matching : callable or None
        A second loss of the generator: takes a batch of windows that it made.
    matching_weight, adversarial_weight : float
        Weights of the two in what the generator minimises.
    measure : callable or None
        The held-back statistic of a generator; lower is better. None keeps the last generator.
    steps : int
        Generator steps in all.
    max_time : float or None
        Seconds of wall-clock time after which training ends, with its schedules run through.
    batch, generator_batch, critic_steps, penalty_every : int
    generator_rate, critic_rate : float
        Learning rates of Adam with betas (0, 0.9): constant for the first half, then falling to 5 %.
    transport : float
        Weight of the transport cost `mean |correction|^2`.
    average : float
        Decay of the moving average of the generator, 0 for none.
    input_noise : float
        Standard deviation of the noise on the critic's inputs at the start, falling linearly to 0.
    clip : float or None
        Largest norm of the generator's gradient, and of the critic's where no penalty holds it.
    checks : int
        How many times the held-back statistic is measured on the way.
    windows : int
        Number of training windows, for the count of epochs.
    share : torch.Generator
        Random stream of the penalty's points and the input noise.
    callbacks : sequence of Callback
    progress : bool
        Show a progress bar.
    gain : float
        By which the held-back judge's probability of being right has to fall before training is believed.
    """

    generator: nn.Module
    critic: nn.Module
    loss: Loss
    real: Real
    fake: Fake
    matching: Callable[[Batch], Tensor] | None
    matching_weight: float
    adversarial_weight: float
    measure: Measure | None
    steps: int
    max_time: float | None
    batch: int
    generator_batch: int
    critic_steps: int
    penalty_every: int
    generator_rate: float
    critic_rate: float
    transport: float
    average: float
    input_noise: float
    clip: float | None
    checks: int
    windows: int
    share: torch.Generator
    callbacks: Sequence[Callback] = ()
    progress: bool = False
    gain: float = 0.0
    history: History = field(default_factory=History)
    interrupted: bool = False

    def run(self) -> nn.Module:
        """Train, and return the generator to keep.

        Raises
        ------
        TrainingError
            If losses or scores are no longer finite.
        """
        self.averaged = copy.deepcopy(self.generator)
        self.best = copy.deepcopy(self.generator.state_dict())
        self.best_value = self.start_value = self.measure(self.generator) if self.measure else math.inf
        self.kept_step = self.taken = 0
        self.last_value = self.start_value
        adam = torch.optim.Adam
        self._makers = adam(self.generator.parameters(), lr=self.generator_rate, betas=(0.0, 0.9))
        self._critics = adam(self.critic.parameters(), lr=self.critic_rate, betas=(0.0, 0.9))
        bar, began = Progress(self.progress), time.perf_counter()
        try:
            self._loop(bar, began)
        except KeyboardInterrupt:
            self.interrupted = True
            if self.measure is not None and self.taken:
                self._keep_best(self.taken)
        finally:
            bar.close()
        if self.measure is None:
            return self.averaged
        self.generator.load_state_dict(self.best)
        return self.generator

    def _loop(self, bar: Progress, began: float) -> None:
        every = max(1, min(self.steps // 200, 10))
        sums, counted, checked, last = torch.zeros(4), 0, 0, 0.0
        penalty = torch.zeros(())  # the last one that was taken
        for step in range(1, self.steps + 1):
            seconds = time.perf_counter() - began
            done = step / self.steps
            if self.max_time is not None:
                done = max(done, seconds / self.max_time)
            self._schedule(done)
            critic = torch.zeros(())
            for inner in range(self.critic_steps):
                number = (step - 1) * self.critic_steps + inner
                critic, found = self._critic_step(done, penalise=number % self.penalty_every == 0)
                penalty = found if found is not None else penalty
            generator, correction = self._generator_step(done)
            self._follow(step)
            self.taken = step
            sums, counted = sums + torch.stack([critic, generator, penalty, correction]), counted + 1
            ends = done >= 1 or step == self.steps
            if not (step % every == 0 or ends):
                continue
            mean = (sums / counted).tolist()
            sums, counted = torch.zeros(4), 0
            self._check_finite(mean, step)
            value = None
            if self.measure is not None and (done * self.checks >= checked + 1 or ends):
                checked = int(done * self.checks)
                value = self._keep_best(step)
            seconds = time.perf_counter() - began
            epoch = step * self.batch * self.critic_steps / self.windows
            row = Row(step, epoch, seconds, mean[0], mean[1], mean[2], math.sqrt(max(mean[3], 0.0)), value)
            self.history.entries.append(row)
            if seconds - last > 0.2 or ends:
                bar.update(min(done, 1.0), row)
                last = seconds
            if any([callback(row) for callback in self.callbacks]) or ends:
                if value is None and self.measure is not None:
                    self._keep_best(step)
                return

    def _schedule(self, done: float) -> None:
        factor = min(1.0, 0.05 + 0.95 * max(0.0, (1 - done) / 0.5))
        for optimiser, rate in ((self._makers, self.generator_rate), (self._critics, self.critic_rate)):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor

    def _score(self, batch: Batch, done: float = 1.0) -> Tensor:
        x = batch.x
        if self.input_noise:
            noise = torch.randn(x.shape, generator=self.share).to(x)
            x = x + self.input_noise * max(0.0, 1 - done) * noise
        score: Tensor = self.critic(x, batch.statics, batch.lengths)
        return score

    def _critic_step(self, done: float, penalise: bool) -> tuple[Tensor, Tensor | None]:
        real = self.real(self.batch)
        with torch.no_grad():
            fake, _ = self.fake(self.generator, self.batch)
        both = Batch(
            *(
                torch.cat(pair)
                for pair in ((real.x, fake.x), (real.statics, fake.statics), (real.lengths, fake.lengths))
            )
        )
        loss = self.loss.critic(*self._score(both, done).chunk(2))
        total, penalty = loss, None
        if penalise and self.loss.weight:
            share = torch.rand(self.batch, generator=self.share).to(real.x)
            penalty = self.loss.penalty(lambda batch: self._score(batch), real, fake, share)
            total = loss + self.penalty_every * penalty
        self._step(self._critics, self.critic, total)
        return loss.detach().cpu(), None if penalty is None else penalty.detach().cpu()

    def _generator_step(self, done: float) -> tuple[Tensor, Tensor]:
        fake, correction = self.fake(self.generator, self.generator_batch)
        with torch.no_grad():
            real = (
                self._score(self.real(self.generator_batch), done)
                if self.loss.relativistic
                else fake.x.new_zeros(len(fake.x))
            )
        for parameter in self.critic.parameters():
            parameter.requires_grad_(False)
        loss = self.loss.generator(real, self._score(fake, done))
        cost = correction.square().flatten(1).sum(1).mean()
        total = self.adversarial_weight * loss + self.transport * cost
        if self.matching is not None:
            total = total + self.matching_weight * self.matching(fake)
        self._step(self._makers, self.generator, total)
        for parameter in self.critic.parameters():
            parameter.requires_grad_(True)
        return loss.detach().cpu(), correction.detach().square().mean().cpu()

    def _step(self, optimiser: torch.optim.Optimizer, module: nn.Module, loss: Tensor) -> None:
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.clip is not None and (module is self.generator or not self.loss.weight):
            nn.utils.clip_grad_norm_(module.parameters(), self.clip)
        optimiser.step()

    def _follow(self, step: int) -> None:
        decay = min(self.average, (1 + step) / (10 + step))
        with torch.no_grad():
            for ours, theirs in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
                ours.lerp_(theirs, 1 - decay)

    def _keep_best(self, step: int) -> float:
        assert self.measure is not None
        value = self.last_value = self.measure(self.averaged)
        wanted = chance_of_right(self.start_value) - self.gain
        if value < self.best_value and chance_of_right(value) <= wanted:
            self.best_value, self.kept_step = value, step
            self.best = copy.deepcopy(self.averaged.state_dict())
        return value

    def _check_finite(self, mean: list[float], step: int) -> None:
        if all(math.isfinite(value) and abs(value) < 1e6 for value in mean):
            return
        raise TrainingError(
            f"training diverged at step {step} (critic {mean[0]:.3g}, generator {mean[1]:.3g}, penalty {mean[2]:.3g}); "
            "lower generator_rate and critic_rate, set clip=1.0, or use loss='wgan-gp'"
        )


def chance_of_right(separation: float) -> float:
    """Return the area under the ROC curve of two normal laws `separation` standard deviations apart, 0.5 to 1."""
    return 0.5 * (1 + math.erf(separation / 2))
