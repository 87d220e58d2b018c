r"""Free runs, and the gradient of their numbers.

Nothing is learned through the rollout, which is long. A free run is drawn as sampling draws it, without a gradient;
then the network reads the drawn rows in one pass, and a number e that was drawn from a mixture with distribution
function F and density f moves with its parameters by

.. math:: \delta e = -\delta F(e) / f(e)

("Implicit reparameterization gradients", Figurnov et al., 2018, https://arxiv.org/abs/1805.08498). What moves one
number moves all that come after it: exactly through the base, which is linear, and through the network as often as
it is asked to read the moved rows anew (`hops`; with as many as there are numbers in a window the gradient is exact).
Outcomes do not bend: a value that stayed moves with the one before, an atom not at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .generator import Generator
from .heads import Coded
from .pieces import Piece, Reach
from .rollout import free_run

THIN = 1e-6  # density of a residual below which it is taken to be this
LEAP = 5.0  # base residuals by which a number may move with the weight of a normal


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
        return cls.of(values, like, generator.reach)

    @classmethod
    def of(cls, values: Tensor, like: Piece, reach: Reach) -> Runs:
        """Return windows as the first rows of stretches, after rows of nothing."""
        before = reach.rows
        blank = values.new_zeros((len(values), before, values.shape[2]))
        age = torch.arange(-before, values.shape[1]).clamp_min(-1).expand(len(values), -1)
        return cls(values, Piece(torch.cat([blank, values], 1), age, like.known, like.statics, like.inside))

    def __getitem__(self, some: Tensor) -> Runs:
        return Runs(self.values[some], self.piece[some])


def implicit_shift(e: Tensor, weight: Tensor, mean: Tensor, log_sigma: Tensor) -> Tensor:
    """Return how draws of a mixture of normals move with its parameters: zero, with the gradient.

    Parameters
    ----------
    e : Tensor of shape (...)
        What was drawn.
    weight, mean, log_sigma : Tensor of shape (..., K)
        Logits of the weights, means, logarithms of the standard deviations.
    """
    with torch.no_grad():
        share, u = torch.softmax(weight, -1), (e[..., None] - mean) * torch.exp(-log_sigma)
        below, density = torch.special.ndtr(u), torch.exp(-0.5 * u.square() - log_sigma) / math.sqrt(2 * math.pi)
        whole = (share * density).sum(-1, keepdim=True).clamp_min(THIN)
        owner = share * density / whole
        # a gap between two normals is crossed by a leap
        leap = (((share * below).sum(-1, keepdim=True) - below) / whole).clamp(-LEAP, LEAP)
    moved = (owner * (mean + u * torch.exp(log_sigma)) + leap * torch.softmax(weight, -1)).sum(-1)
    shift: Tensor = moved - moved.detach()
    return shift


class Spreading:
    """How a shift of residuals spreads over the numbers after them, through the base; linear, and exact.

    Parameters
    ----------
    generator : Generator
    """

    def __init__(self, generator: Generator) -> None:
        linear, self.reach = generator.linear, generator.reach
        terms = linear.vector.terms
        self.own = [generator.heads.own[j] for j in terms.numbers]
        self.numbers, at, known = terms.numbers, torch.from_numpy(terms.of_numbers), linear.vector.known
        self.inner, self.outer, self.spread, self.inverse = [], [], [], []
        self.free = all(own.count == 1 for own in self.own)
        seasonal = known + self.reach.order * terms.size
        for k in range(self.reach.last + 1):
            inner, outer = linear.part("inner", k)[:, at], linear.part("outer", k)
            self.inner.append(inner.float())
            lags = [outer[:, known + i * terms.size + at] for i in range(min(k, self.reach.order))]
            self.outer.append(torch.cat([*lags, outer[:, seasonal:]], 1).float())
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
            k = self.reach.stage(t)
            change = self.spread[k] * shift[:, t]
            if k:
                order = min(k, self.reach.order)
                ago = [*range(1, order + 1), *self.reach.lags[: 2 * (k - order)]]
                change = change + torch.cat([rows[t - lag] for lag in ago], 1) @ self.outer[k].T
            if self.free:
                change = change @ self.inverse[k].T
            else:
                change = drawn[:, t] * change
                if t:
                    change = change - fixed[:, t] * rows[t - 1]
                if t > 1:
                    change = change + straight[:, t] * (rows[t - 1] - rows[t - 2])
                factor = self.unit - drawn[:, t, :, None] * self.inner[k]
                change = change[..., None]
                change = torch.linalg.solve_triangular(factor, change, upper=False, unitriangular=True)[..., 0]
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
        read, _ = generator.read(at_rest, piece, None)
        e = (read.told.e[:, 1:].detach() + jitter / read.told.spread[:, 1:]).float()
        shift = implicit_shift(e, *generator.mixture(read))
        moved = spreading(shift, outcome[:, :, numbers])
        now = torch.zeros_like(x[:, -steps:])
        now[:, :, numbers] = moved.to(x.dtype)
        at_rest = Coded(x + torch.cat([torch.zeros_like(x[:, :-steps]), now], 1), coded.outcome, coded.state)
    log_prob = torch.zeros(outcome.shape[:2])
    for (mine, _), part in zip(generator.heads.groups, generator.outcome_logits(coded, piece, read), strict=True):
        log_prob = log_prob + torch.log_softmax(part, -1).gather(3, outcome[:, :, mine][..., None])[..., 0].sum(2)
    return at_rest.x[:, -steps:], log_prob
