"""The original loss (Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from .base import Batch, Loss, Scorer


class Original(Loss):
    """Binary cross-entropy on the sigmoid probability that a sequence is real; non-saturating generator.

    A positive `weight` adds the zero-centred penalty on real windows, R1 (Mescheder et al., 2018,
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
