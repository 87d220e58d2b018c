"""Hinge loss ("Geometric GAN", Lim & Ye, 2017, https://arxiv.org/abs/1705.02894)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu

from .gan import Original


class Hinge(Original):
    """The critic asks for a margin of 1 on both sides; a positive `weight` adds R1, as for `gan`."""

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the hinge loss of both sides."""
        return relu(1 - real).mean() + relu(1 + fake).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return minus the mean score of synthetic windows."""
        return -fake.mean()
