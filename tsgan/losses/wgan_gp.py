"""Wasserstein loss with gradient penalty (Gulrajani et al., 2017, https://arxiv.org/abs/1704.00028)."""

from __future__ import annotations

from torch import Tensor

from .base import Batch, Loss, Scorer


class WassersteinGP(Loss):
    """The critic maximises `E[C(real)] - E[C(fake)]`; its gradient's norm is drawn to 1 between the two."""

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
