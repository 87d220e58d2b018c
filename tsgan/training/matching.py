r"""Feature matching: a second, steady teacher beside the critic.

The mean features of generated windows are drawn to those of real ones ("Improved Techniques for Training GANs",
Salimans et al., 2016, https://arxiv.org/abs/1606.03498), here in random convolutions, measured as a linear judge would:

.. math:: d^2 = (\bar\phi - m)^T (S + \lambda I)^{-1} (\bar\phi - m),

m and S the mean and covariance of real features. The square is taken between two halves of the batch, so that its
expectation is zero for a perfect generator. No network is chased: what it asks for does not move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..losses.base import Batch
from .kernels import Kernels

RIDGE, SETS, KERNELS = 0.02, 20, 100


@dataclass(frozen=True)
class Matching:
    """Sets of kernels with the mean and the whitening of their features on real windows.

    Attributes
    ----------
    sets : list of (Kernels, mean, spread, factor)
        One set is taken at a time.
    rng : numpy.random.Generator
        Takes it.
    """

    sets: list[tuple[Kernels, Tensor, Tensor, Tensor]]
    rng: np.random.Generator

    @classmethod
    def fit(cls, real: Batch, scale: Tensor, rng: np.random.Generator) -> Matching:
        """Draw sets of kernels and measure them on real windows."""
        some = Batch(real.x[:1000], real.statics[:1000], real.lengths[:1000])
        made = []
        with torch.no_grad():
            for _ in range(SETS):
                chosen = Kernels.random(some, scale, KERNELS, rng)
                features = chosen.features(real)
                mean, spread = features.mean(0), features.std(0).clamp_min(1e-4)
                white = (features - mean) / spread
                correlation = white.T @ white / len(white) + RIDGE * torch.eye(white.shape[1]).to(white)
                made.append((chosen, mean, spread, torch.linalg.cholesky(correlation)))
        return cls(made, rng)

    def __call__(self, fake: Batch) -> Tensor:
        """Return the squared distance of a batch's mean features to the real ones; negative by chance."""
        kernels, mean, spread, factor = self.sets[int(self.rng.integers(len(self.sets)))]
        features = (kernels.features(fake) - mean) / spread
        half = len(features) // 2
        means = torch.stack([features[:half].mean(0), features[half:].mean(0)], dim=1)
        white = torch.linalg.solve_triangular(factor, means, upper=False)
        square: Tensor = (white[:, 0] * white[:, 1]).sum()
        return square
