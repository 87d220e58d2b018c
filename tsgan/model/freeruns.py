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
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .chunks import Chunk, Lookback
from .generator import Generator
from .rollout import free_run
from .runtime import Noise, places, to_array, to_tensor

MIN_DENSITY = 1e-6  # of a residual: in a gap between two normals the gradient would be without end
MAX_LEAP = 5.0  # base residuals by which a number may move with the weight of a normal


@dataclass(frozen=True)
class Runs:
    """Free runs, and what they were given."""

    values: Tensor  # (B, T, C) float64, NaN where missing
    chunk: Chunk  # the same, as the network reads them

    @classmethod
    def draw(cls, generator: Generator, like: Chunk, noise: torch.Generator) -> Runs:
        """Draw free runs with the statics, covariates and lengths of some chunks."""
        was = generator.training
        generator.eval()
        values = to_tensor(free_run(generator, to_array(like.statics), to_array(like.known), noise))
        generator.train(was)
        return cls.of(values, like, generator.lookback)

    @classmethod
    def of(cls, values: Tensor, like: Chunk, lookback: Lookback) -> Runs:
        """Return windows as the first rows of stretches, after rows of nothing."""
        before = lookback.rows
        blank = values.new_zeros((len(values), before, values.shape[2]))
        age = torch.arange(-before, values.shape[1]).clamp_min(-1).expand(len(values), -1)
        return cls(values, Chunk(torch.cat([blank, values], 1), age, like.known, like.statics, like.inside))

    def __getitem__(self, some: Tensor | slice) -> Runs:
        return Runs(self.values[some], self.chunk[some])


def implicit_shift(e: Tensor, weight: Tensor, mean: Tensor, log_sigma: Tensor) -> Tensor:
    """Return how draws e `(...)` of mixtures of normals `(..., K)` move with these: zero, with the gradient."""
    with torch.no_grad():
        share, u = torch.softmax(weight, -1), (e[..., None] - mean) * torch.exp(-log_sigma)
        below, density = torch.special.ndtr(u), torch.exp(-0.5 * u.square() - log_sigma) / math.sqrt(2 * math.pi)
        whole = (share * density).sum(-1, keepdim=True).clamp_min(MIN_DENSITY)
        owner = share * density / whole
        # a gap between two normals is crossed by a leap
        leap = (((share * below).sum(-1, keepdim=True) - below) / whole).clamp(-MAX_LEAP, MAX_LEAP)
    moved = (owner * (mean + u * torch.exp(log_sigma)) + leap * torch.softmax(weight, -1)).sum(-1)
    shift: Tensor = moved - moved.detach()
    return shift


class Propagation:
    """How a shift of residuals moves the numbers after them, through the base; linear, and exact."""

    def __init__(self, generator: Generator) -> None:
        linear, self.lookback = generator.linear, generator.lookback
        terms = linear.vector.terms
        self.own = [generator.heads.own[j] for j in terms.numbers]
        self.free = all(own.count == 1 for own in self.own)
        at = to_tensor(terms.of_numbers)
        seasonal = linear.vector.known + self.lookback.order * terms.size
        self.unit = torch.eye(len(at))
        self.inner, self.outer, self.spread, self.inverse = [], [], [], []
        for k in range(self.lookback.last + 1):
            inner = linear.weights(k, 0)[:, at]
            lags = [linear.weights(k, lag)[:, at] for lag in range(1, min(k, self.lookback.order) + 1)]
            self.inner.append(inner.float())
            self.outer.append(torch.cat([*lags, linear.stage(k).outer[:, seasonal:]], 1).float())
            self.spread.append(linear.stage(k).spread.float())
            self.inverse.append(torch.linalg.inv(torch.eye(len(at), dtype=inner.dtype) - inner).float())

    def __call__(self, shift: Tensor, outcome: Tensor) -> Tensor:
        """Return how values move, `(B, T, numbers)` float32, by shifts of residuals where a number was continuous."""
        drawn = (outcome == 0).float()
        straight, fixed = torch.zeros_like(drawn), torch.zeros_like(drawn)
        for i, own in enumerate(self.own):
            if own.straight > 0:
                straight[:, :, i] = outcome[:, :, i] == own.straight
            for atom in own.atoms:
                fixed[:, :, i] += outcome[:, :, i] == atom
        rows: list[Tensor] = []
        for t in range(shift.shape[1]):
            k = self.lookback.stage(t)
            change = self.spread[k] * shift[:, t]
            if k:
                ago = [*range(1, min(k, self.lookback.order) + 1), *self.lookback.lags_at(k)]
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


def differentiable(generator: Generator, propagation: Propagation, runs: Runs, noise: Noise, hops: int = 1) -> Tensor:
    """Return free runs with the gradient of their numbers, `(B, T, C)` float64 as drawn, 0 where missing.

    The generator is in `eval` mode, as it was when it drew: dropout would be another law. The gradient runs through the
    network so many `hops`. `noise` says where in its cell of the grid a number was before it was rounded.
    """
    chunk, steps, numbers = runs.chunk, runs.chunk.steps, places(generator.heads.numbers)
    coded = chunk.coded(generator.layout)
    rows = coded.last(steps)
    jitter = generator.grids.noise(rows.x, noise)[:, :, numbers]
    moving = coded
    for _ in range(hops):
        outputs, _ = generator.read(moving, chunk, None)
        e = (outputs.base.e[:, 1:].detach() + jitter / outputs.base.spread[:, 1:]).float()
        moved = propagation(implicit_shift(e, *generator.mixture(outputs)), rows.outcome[:, :, numbers])
        now = torch.zeros_like(rows.x)
        now[:, :, numbers] = moved.to(now.dtype)
        moving = replace(coded, x=coded.x + torch.cat([torch.zeros_like(coded.x[:, :-steps]), now], 1))
    return moving.last(steps).x
