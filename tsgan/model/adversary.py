r"""Second stage: the generator meets a critic of its free runs (WGAN-GP), and likelihood holds it where it is.

.. math:: \min_\theta \; -\tfrac1T \log p_\theta(\text{real}) + w \, L(C(\text{free run}_\theta)), \qquad
    \max_C \; E[C(\text{real})] - E[C(\text{free run})] - \text{penalty}.

Nothing is learned through the rollout, which is long. A free run is drawn as sampling draws it, without a gradient;
then the network reads the drawn rows in one pass, and a number e that was drawn from a mixture with distribution
function F and density f moves with its parameters by

.. math:: \delta e = -\delta F(e) / f(e)

("Implicit reparameterization gradients", Figurnov et al., 2018, https://arxiv.org/abs/1805.08498). What moves one
number moves all that come after it: exactly through the base, which is linear, and through the network as often as
it is asked to read the moved rows anew (`hops`; with as many as there are numbers in a window the gradient is exact).
Outcomes do not bend: a value that stayed moves with the one before, an atom not at all. Their own gradient is that of
their log-probability, weighted by the critic's score ("Simple statistical gradient-following algorithms", Williams,
1992, https://doi.org/10.1007/BF00992696), where `outcome_weight` asks for it.

What came of it is believed only if free runs came nearer to windows that were held back (`Judge`) by more than chance,
and held-back likelihood did not fall; else the generator of the first stage comes back.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from ..layout import Category, Layout
from .callbacks import History
from .cells import detach
from .critic import Critic, Discrete, difference_scale
from .generator import Generator
from .heads import Coded, code
from .likelihood import Streams, measure
from .losses import LOSSES, Batch, Loss
from .pieces import Piece
from .rollout import free_run

THIN = 0.01  # density of a residual below which it is taken to be this: a gap between normals would throw it far
CLIP = 5.0  # largest norm of the generator's gradient
GIVE = 0.005  # nats per cell that held-back likelihood may fall by: its noise
SURE = 2.0  # standard errors by which the held-back statistic has to fall
DRAWS = 4  # free runs by which the verdict is reached, and the noise of the statistic known
LAGS = 8  # of the autocovariances that are compared
WIDE = 48  # features of one kind that are compared; more are mixed into as many
SHOWN = 12  # levels of a category that are compared one by one
RETRIES = 2  # divergences after which the stage ends


@dataclass(frozen=True)
class Settings:
    """How the second stage is run.

    Attributes
    ----------
    loss : Loss
    weight : float
        Of the adversarial loss beside the negative log-likelihood of real rows, in nats a row.
    outcome_weight : float
        Of the outcomes' share of the adversarial gradient; 0 for none.
    hops : int
        Times that the gradient runs through the network.
    batch, critic_steps, penalty_every, warm : int
        Windows of a step; steps of the critic per step of the generator; how often the penalty is taken (with as many
        times its weight); steps of the critic before the first of the generator.
    rate, critic_rate : float
        Of Adam with betas (.5, .9).
    average : float
        Decay of the moving average of the generator's weights, which is what is measured and kept.
    check : int
        Steps of the generator from one measurement to the next.
    """

    loss: Loss = field(default_factory=lambda: LOSSES["wgan-gp"]())
    weight: float = 0.1
    outcome_weight: float = 0.0
    hops: int = 1
    batch: int = 128
    critic_steps: int = 3
    penalty_every: int = 4
    warm: int = 50
    rate: float = 2e-4
    critic_rate: float = 1e-3
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
    before, after, noise : float
        The statistic of free runs at the start and of the best generator, and the standard error of their difference.
    floor : float
        The statistic of real windows that were learned from.
    """

    kept: bool
    diverged: bool
    steps: int
    before: float
    after: float
    noise: float
    floor: float


@dataclass(frozen=True)
class Runs:
    """Free runs, and what they were given.

    Attributes
    ----------
    values : float64 Tensor of shape (B, T, C)
        NaN where missing.
    piece : Piece
        The same, as the network reads them.
    """

    values: Tensor
    piece: Piece

    @classmethod
    def draw(cls, generator: Generator, like: Piece, noise: torch.Generator) -> Runs:
        """Draw free runs with the statics, covariates and lengths of some pieces."""
        was = generator.training
        generator.eval()
        values = torch.from_numpy(free_run(generator, like.statics.numpy(), like.known.numpy(), noise))
        generator.train(was)
        return cls(values, _as_piece(values, like, generator.before))

    def __getitem__(self, some: slice) -> Runs:
        piece = self.piece
        parts = (piece.values, piece.age, piece.known, piece.statics, piece.inside)
        return Runs(self.values[some], Piece(*(part[some] for part in parts)))


def _as_piece(values: Tensor, like: Piece, before: int) -> Piece:
    """Return windows as the first rows of stretches."""
    blank = values.new_zeros((len(values), before, values.shape[2]))
    age = torch.arange(-before, values.shape[1]).clamp_min(-1).expand(len(values), -1)
    return Piece(torch.cat([blank, values], 1), age, like.known, like.statics, like.inside)


def implicit_shift(e: Tensor, weight: Tensor, mean: Tensor, log_sigma: Tensor) -> Tensor:
    """Return how draws of a mixture of normals move with its parameters: zero, with the gradient.

    Parameters
    ----------
    e : Tensor of shape (...)
        What was drawn.
    weight, mean, log_sigma : Tensor of shape (..., K)
        Logits of the weights, means, logarithms of the standard deviations.
    """
    share, u = torch.softmax(weight, -1), (e.detach()[..., None] - mean) * torch.exp(-log_sigma)
    below = (share * torch.special.ndtr(u)).sum(-1)
    density = (share * torch.exp(-0.5 * u.square() - log_sigma)).sum(-1).detach() / math.sqrt(2 * math.pi)
    return (below.detach() - below) / density.clamp_min(THIN)


class Spreading:
    """How a shift of residuals spreads over the numbers after them, through the base; linear, and exact.

    Parameters
    ----------
    generator : Generator
    """

    def __init__(self, generator: Generator) -> None:
        linear, self.order = generator.linear, generator.order
        terms = linear.vector.terms
        self.own = [generator.heads.own[j] for j in terms.numbers]
        self.numbers, at, known = terms.numbers, torch.from_numpy(terms.of_numbers), linear.vector.known
        self.inner, self.lags, self.spread, self.inverse = [], [], [], []
        self.free = all(own.count == 1 for own in self.own)
        for k in range(self.order + 1):
            inner, outer = linear.part("inner", k)[:, at], linear.part("outer", k)
            self.inner.append(inner.float())
            lags = [outer[:, known + i * terms.size + at] for i in range(k)]
            self.lags.append(torch.cat(lags, 1).float() if k else None)
            self.spread.append(linear.part("spread", k).float())
            self.inverse.append(torch.linalg.inv(torch.eye(len(at), dtype=inner.dtype) - inner).float())
        self.unit = torch.eye(len(at))

    def __call__(self, shift: Tensor, outcome: Tensor) -> Tensor:
        """Return how values move.

        Parameters
        ----------
        shift : float32 Tensor of shape (B, T, numbers)
            Of the residuals; counts where a number was continuous.
        outcome : int64 Tensor of shape (B, T, numbers)

        Returns
        -------
        float32 Tensor of shape (B, T, numbers)
        """
        drawn = (outcome == 0).float()
        straight, fixed = torch.zeros_like(drawn), torch.zeros_like(drawn)
        for i, own in enumerate(self.own):
            if own.straight > 0:
                straight[:, :, i] = outcome[:, :, i] == own.straight
            for atom in own.atoms:
                fixed[:, :, i] += outcome[:, :, i] == atom
        rows: list[Tensor] = []
        for t in range(shift.shape[1]):
            k = min(t, self.order)
            change = self.spread[k] * shift[:, t]
            if k:
                change = change + torch.cat([rows[t - 1 - i] for i in range(k)], 1) @ self.lags[k].T
            if self.free:
                change = change @ self.inverse[k].T
            else:
                change = drawn[:, t] * change
                if t:
                    change = change - fixed[:, t] * rows[t - 1]
                if t > 1:
                    change = change + straight[:, t] * (rows[t - 1] - rows[t - 2])
                factor = self.unit - drawn[:, t, :, None] * self.inner[k]
                change = torch.linalg.solve_triangular(factor, change[..., None], upper=False, unitriangular=True)[..., 0]
            rows.append(rows[t - 1] + change if t else change)
        return torch.stack(rows, 1)


def differentiable(
    generator: Generator, spreading: Spreading, runs: Runs, hops: int, noise: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return free runs with the gradient of their numbers, and the log-probability of their outcomes.

    Parameters
    ----------
    generator : Generator
        In `eval` mode, as it was when it drew: dropout would be another law.
    spreading : Spreading
    runs : Runs
    hops : int
        Times that the gradient runs through the network.
    noise : torch.Generator
        Says where in its cell of the grid a number was before it was rounded.

    Returns
    -------
    values : float64 Tensor of shape (B, T, C)
        As drawn, 0 where missing.
    log_prob : float32 Tensor of shape (B, T)
        Of the outcomes of each row.
    """
    piece, steps = runs.piece, runs.piece.known.shape[1]
    coded = piece.coded(generator.layout)
    numbers = generator.heads.numbers
    jitter = generator.grids.noise(coded.x[:, -steps:], noise)[:, :, numbers]
    outcome = coded.outcome[:, -steps:]
    x, at_rest = coded.x, coded
    for _ in range(hops):
        reading = generator.read(at_rest, piece, None)
        e = (reading.e.detach() + jitter / reading.spread).float()
        shift = implicit_shift(e, *generator.mixture(reading.params, reading.starts))
        moved = spreading(shift, outcome[:, :, numbers])
        moves = torch.zeros_like(x).index_put(
            (torch.arange(len(x))[:, None, None], torch.arange(x.shape[1] - steps, x.shape[1])[:, None], torch.tensor(numbers)),
            moved.to(x.dtype),
        )
        at_rest = Coded(x + moves, coded.outcome)
    log_prob = torch.zeros(outcome.shape[:2])
    for (mine, _), part in zip(
        generator.heads.groups, generator.outcome_logits(coded, piece, reading.params), strict=True
    ):
        log_prob = log_prob + torch.log_softmax(part, -1).gather(3, outcome[:, :, mine][..., None])[..., 0].sum(2)
    return at_rest.x[:, -steps:], log_prob
