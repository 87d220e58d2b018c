"""A held-back two-sample statistic: which generator to keep.

Random convolutions turn windows into features; a ridge regression learns to tell training windows from generated ones;
on windows that it has not seen, the statistic is how far apart it pushes the two, in standard deviations (d'). It is
never the judge that reports.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..losses.base import Batch
from ..panel import Ints
from .batches import Batches
from .kernels import Kernels

RIDGE, KERNELS, TRAIN, HELD = 0.01, 300, 4000, 2000


def _features(kernels: Kernels, batch: Batch, chunk: int = 1000) -> Tensor:
    """Return the features in pieces, in double precision where the device has it."""
    parts = []
    for at in range(0, len(batch.x), chunk):
        span = slice(at, at + chunk)
        parts.append(kernels.features(Batch(batch.x[span], batch.statics[span], batch.lengths[span])))
    features = torch.cat(parts)
    return features if features.device.type == "mps" else features.double()


@torch.no_grad()
def separation(kernels: Kernels, train: Batch, held: Batch, fake_train: Batch, fake_held: Batch) -> float:
    """Return d' of held-back windows against generated ones along the direction learned on the other two sets.

    0 means that they cannot be told apart; below 0 happens by chance.
    """
    real, fake = _features(kernels, train), _features(kernels, fake_train)
    both = torch.cat([real, fake])
    centre, spread = both.mean(0), both.std(0).clamp_min(1e-6)
    both = (both - centre) / spread
    label = torch.cat([torch.ones(len(real)), -torch.ones(len(fake))]).to(both)
    label = label - label.mean()
    gram = both.T @ both + RIDGE * len(both) * torch.eye(both.shape[1]).to(both)
    direction = torch.linalg.solve(gram, both.T @ label)
    a = ((_features(kernels, held) - centre) / spread) @ direction
    b = ((_features(kernels, fake_held) - centre) / spread) @ direction
    pooled = torch.sqrt(0.5 * (a.var() + b.var())).clamp_min(1e-9)
    return float((a.mean() - b.mean()) / pooled)


@dataclass(frozen=True)
class HeldBack:
    """Measures generators on windows that training does not see, always with the same kernels and the same noise.

    Attributes
    ----------
    kernels : Kernels
    train, held : Batch
        Real windows to learn the difference on, and to measure it on.
    fake : callable
        Returns a batch of so many generated windows, the same noise each time.
    """

    kernels: Kernels
    train: Batch
    held: Batch
    fake: Callable[[nn.Module, int], Batch]

    @classmethod
    def fit(
        cls,
        batches: Batches,
        split: tuple[Ints, Ints],
        scale: Tensor,
        fake: Callable[[nn.Module, int], Batch],
        rng: np.random.Generator,
    ) -> HeldBack:
        """Draw kernels and set real windows aside; `split` holds the indices to learn on and to measure on."""
        train, held = batches.sample(split[0], TRAIN), batches.sample(split[1], HELD)
        some = Batch(train.x[::4], train.statics[::4], train.lengths[::4])
        return cls(Kernels.random(some, scale, KERNELS, rng), train, held, fake)

    def __call__(self, generator: nn.Module) -> float:
        """Return the separation of a generator, 0 or more; lower is better."""
        first, second = len(self.train.x), len(self.held.x)
        with torch.no_grad():
            made = self.fake(generator, first + second)
        parts = [
            Batch(made.x[span], made.statics[span], made.lengths[span])
            for span in (slice(0, first), slice(first, None))
        ]
        return abs(separation(self.kernels, self.train, self.held, *parts))
