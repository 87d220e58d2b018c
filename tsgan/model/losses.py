r"""Adversarial losses: what the critic and the generator minimise, and what the critic's gradient pays.

A loss never sees a network. It is handed scores, and for the penalty a callable that scores a `Batch`. Add one as a
`Loss` and a line in `LOSSES`.

A penalty is :math:`P = \frac1B \sum_i \phi(|g_i|)` with :math:`g_i = \nabla_x C(x_i)`. It depends on the critic's
parameters only through g, so with :math:`v_i = g_i / |g_i|` and :math:`w_i = \phi'(|g_i|) / B` held constant,

.. math::
    \nabla_\theta P = \sum_i w_i \nabla_\theta \langle v_i, \nabla_x C(x_i) \rangle
    = \sum_i w_i \nabla_\theta \frac{C(x_i + \epsilon v_i) - C(x_i - \epsilon v_i)}{2 \epsilon} + O(\epsilon^2):

one pass for g and one ordinary forward and backward on 2B windows, instead of double backward. It needs a smooth
critic. The penalty itself is that of "Improved Training of Wasserstein GANs" (Gulrajani et al., 2017,
https://arxiv.org/abs/1704.00028) and its kin.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

STEP = {torch.float32: 1e-2, torch.float64: 1e-4}  # epsilon: errors of rounding and of order two are about alike

Shape = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Batch:
    """Windows as a critic sees them."""

    x: Tensor  # (B, T, features) all that is seen of each step, as numbers that may lie between those of two windows
    statics: Tensor  # (B, static_features)
    lengths: Tensor  # (B,) int64, steps that count

    def mixed(self, other: Batch, share: Tensor) -> Batch:
        """Return the points that lie `share` of the way from here to `other`; `share` is `(B,)` in 0 to 1."""
        return Batch(
            torch.lerp(self.x, other.x, share[:, None, None]),
            torch.lerp(self.statics, other.statics, share[:, None]),
            torch.where(share < 0.5, self.lengths, other.lengths),
        )


Scorer = Callable[[Batch], Tensor]


class Loss(ABC):
    """An adversarial loss.

    Parameters
    ----------
    weight : float, optional
        Weight of the gradient penalty; the loss's own default if not given, 0 for none.
    exact : bool
        Take the penalty's gradient by double backward instead of at first order (slow; to check by).
    """

    default_weight: ClassVar[float]
    relativistic: ClassVar[bool] = False

    def __init__(self, weight: float | None = None, exact: bool = False) -> None:
        self.weight = self.default_weight if weight is None else weight
        self.exact = exact

    @abstractmethod
    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the critic minimises, from its scores `(B,)` of real and of synthetic windows."""

    @abstractmethod
    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the generator minimises; only a relativistic loss looks at `real`."""

    def penalty(self, score: Scorer, real: Batch, fake: Batch, share: Tensor) -> Tensor:
        """Return the weighted gradient penalty; `share` `(B,)` places points between real and synthetic ones."""
        return real.x.new_zeros(())

    def _penalise(self, score: Scorer, at: Batch, shape: Shape) -> Tensor:
        """Return the mean of `shape(|gradient|)` at the points of a batch."""

        def critic(x: Tensor, statics: Tensor) -> Tensor:
            return score(Batch(x, statics, at.lengths))

        return gradient_penalty(critic, (at.x, at.statics), shape, exact=self.exact)


def gradient_penalty(
    critic: Callable[..., Tensor], inputs: tuple[Tensor, ...], shape: Shape, *, exact: bool = False
) -> Tensor:
    """Return the penalty, with the gradient that a training step needs.

    `critic` takes tensors like `inputs` and returns scores `(B,)`; `shape` is the function of the gradient's
    norm `(B,)` that is averaged over the batch. `exact` uses double backward: slow, the twin to check by.
    """
    points = tuple(part.detach().requires_grad_() for part in inputs)
    if exact:
        with torch.backends.cudnn.flags(enabled=False):  # whose recurrent layers have no second derivative
            return shape(_norm(torch.autograd.grad(critic(*points).sum(), points, create_graph=True))).mean()
    gradient = torch.autograd.grad(critic(*points).sum(), points)
    norm = _norm(gradient).detach().requires_grad_()
    value = shape(norm).mean()
    (weight,) = torch.autograd.grad(value, norm)
    step = STEP[points[0].dtype]
    pairs = []
    for part, slope in zip(points, gradient, strict=True):
        by = step * slope / norm.detach().view(-1, *[1] * (slope.ndim - 1))
        pairs.append((part.detach() + by, part.detach() - by))
    # one side after the other: on a CPU a recurrent layer takes more than twice as long for twice the batch
    ahead, behind = (critic(*side) for side in zip(*pairs, strict=True))
    surrogate = (weight * (ahead - behind)).sum() / (2 * step)
    return surrogate + (value - surrogate).detach()


def _norm(gradient: tuple[Tensor, ...]) -> Tensor:
    """Return the length of each sample's gradient over all inputs, `(B,)`."""
    square = sum(part.flatten(1).square().sum(1) for part in gradient)
    return torch.sqrt(torch.as_tensor(square) + 1e-12)


class WassersteinGP(Loss):
    """Wasserstein loss with gradient penalty (Gulrajani et al., 2017, https://arxiv.org/abs/1704.00028).

    The critic maximises `E[C(real)] - E[C(fake)]`; its gradient's norm is drawn to 1 between the two.
    """

    default_weight = 10.0

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return minus the estimated Wasserstein distance."""
        return fake.mean() - real.mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return minus the mean score of synthetic windows."""
        return -fake.mean()

    def penalty(self, score: Scorer, real: Batch, fake: Batch, share: Tensor) -> Tensor:
        """Return `weight * mean((|g| - 1)^2)` at points between real and synthetic windows."""
        return self._penalise(score, real.mixed(fake, share), self.shape)

    def shape(self, norm: Tensor) -> Tensor:
        """Return the price of a gradient's norm."""
        return self.weight * (norm - 1).square()


class WassersteinLP(WassersteinGP):
    """As `wgan-gp`, but only a gradient longer than 1 is penalised (Petzka et al., 2018, https://arxiv.org/abs/1709.08894)."""

    def shape(self, norm: Tensor) -> Tensor:
        """Return the price of a gradient's norm."""
        return self.weight * (norm - 1).clamp_min(0).square()


class Original(Loss):
    """The original loss (Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661).

    Binary cross-entropy on the sigmoid probability that a sequence is real; non-saturating generator. A positive
    `weight` adds the zero-centred penalty on real windows, R1 (Mescheder et al., 2018,
    https://arxiv.org/abs/1801.04406).
    """

    default_weight = 0.0

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the cross-entropy of real against synthetic; scores are logits."""
        return softplus(-real).mean() + softplus(fake).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return minus the log-probability that synthetic windows are real."""
        return softplus(-fake).mean()

    def penalty(self, score: Scorer, real: Batch, fake: Batch, share: Tensor) -> Tensor:
        """Return `weight / 2 * mean(|g|^2)` at real windows."""
        if not self.weight:
            return real.x.new_zeros(())
        return self._penalise(score, real, lambda norm: 0.5 * self.weight * norm.square())


class Hinge(Original):
    """Hinge loss ("Geometric GAN", Lim & Ye, 2017, https://arxiv.org/abs/1705.02894).

    The critic asks for a margin of 1 on both sides; a positive `weight` adds R1, as for `gan`.
    """

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the hinge loss of both sides."""
        return relu(1 - real).mean() + relu(1 + fake).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return minus the mean score of synthetic windows."""
        return -fake.mean()


class Relativistic(Loss):
    """Relativistic pairing loss with zero-centred penalties on both sides.

    Each synthetic window is scored against a real one; R1 and R2 keep the critic flat at both (R3GAN, "The GAN is dead;
    long live the GAN!", Huang et al., 2024, https://arxiv.org/abs/2501.05441).
    """

    default_weight = 1.0
    relativistic = True

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the loss of "real scores above synthetic", pair by pair."""
        return softplus(fake - real).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the loss of "synthetic scores above real", pair by pair."""
        return softplus(real - fake).mean()

    def penalty(self, score: Scorer, real: Batch, fake: Batch, share: Tensor) -> Tensor:
        """Return `weight / 2 * (mean(|g|^2) at real + mean(|g|^2) at synthetic windows)`."""

        def shape(norm: Tensor) -> Tensor:
            return 0.5 * self.weight * norm.square()

        return self._penalise(score, real, shape) + self._penalise(score, fake, shape)


LOSSES: dict[str, Callable[..., Loss]] = {
    "wgan-gp": WassersteinGP,
    "wgan-lp": WassersteinLP,
    "gan": Original,
    "hinge": Hinge,
    "relativistic": Relativistic,
}
