"""One-sided Wasserstein penalty (Petzka et al., 2018, https://arxiv.org/abs/1709.08894)."""

from __future__ import annotations

from torch import Tensor

from .wgan_gp import WassersteinGP


class WassersteinLP(WassersteinGP):
    """As `wgan-gp`, but only a gradient longer than 1 is penalised."""

    def shape(self, norm: Tensor) -> Tensor:
        """Return the price of a gradient's norm."""
        return self.weight * (norm - 1).clamp_min(0).square()
