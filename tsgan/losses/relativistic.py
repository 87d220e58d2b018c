"""Relativistic pairing loss with zero-centred penalties on both sides (R3GAN, "The GAN is dead; long live the GAN!",
Huang et al., 2024, https://arxiv.org/abs/2501.05441).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from .base import Batch, Loss, Scorer


class Relativistic(Loss):
    """Each synthetic window is scored against a real one; R1 and R2 keep the critic flat at both."""

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
