"""Adversarial losses: what the critic and the generator minimise, and what the critic's gradient pays.

A loss never sees a network. It is handed scores, and for the penalty a callable that scores a `Batch`. Add one as a
`Loss` and a line in `LOSSES`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from .penalty import Shape, gradient_penalty


@dataclass(frozen=True)
class Batch:
    """Windows as a critic sees them.

    Attributes
    ----------
    x : Tensor of shape (B, T, features)
        All that is seen of each step, as numbers that may lie between those of two windows.
    statics : Tensor of shape (B, static_features)
        All that is seen of each sequence.
    lengths : int64 Tensor of shape (B,)
        Steps that count.
    """

    x: Tensor
    statics: Tensor
    lengths: Tensor

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
            return score(Batch(x, statics, at.lengths.repeat(len(x) // len(at.x))))

        return gradient_penalty(critic, (at.x, at.statics), shape, exact=self.exact)


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
