"""The contract of an adversarial loss: what the critic and the generator minimise, and what the critic's gradient pays.

A loss never sees a network. It is handed scores, and for the penalty a callable that scores a `Batch`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .penalty import Shape, gradient_penalty


@dataclass(frozen=True)
class Batch:
    """Windows as a critic sees them.

    Attributes
    ----------
    x : Tensor of shape (B, T, channels)
    statics : Tensor of shape (B, static_channels)
    lengths : int64 Tensor of shape (B,)
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
