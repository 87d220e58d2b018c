"""Random batches of windows, cut when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..losses.base import Batch
from ..panel import Windows


@dataclass(frozen=True)
class Batches:
    """Draws batches of windows, uniformly and with replacement; what is known of each step stands after the values.

    Attributes
    ----------
    windows : Windows
    rng : numpy.random.Generator
    device : torch.device
    """

    windows: Windows
    rng: np.random.Generator
    device: torch.device

    def __call__(self, count: int) -> Batch:
        """Return `count` random windows."""
        return self.at(self.rng.integers(len(self.windows), size=count))

    def at(self, index: NDArray[np.integer]) -> Batch:
        """Return the chosen windows."""
        x = np.concatenate([self.windows.values(index), self.windows.covariates(index)], axis=2)
        parts = (x, self.windows.statics(index), self.windows.lengths[index])
        return Batch(*(torch.from_numpy(np.ascontiguousarray(part)).to(self.device) for part in parts))

    def sample(self, index: NDArray[np.integer], most: int) -> Batch:
        """Return at most `most` of the chosen windows, evenly spaced."""
        return self.at(index[np.linspace(0, len(index) - 1, min(len(index), most)).astype(np.int64)])
