"""The contract of a scaler: one numeric column to numbers that a network likes, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Bools = NDArray[np.bool_]
State = tuple[dict[str, Any], dict[str, NDArray[Any]]]


class Scaler(ABC):
    """A reversible map of one column of finite, not all equal numbers.

    Channels are standardised afterwards, so a scaler need not give unit variance; it shapes.
    """

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def fit(cls, x: Doubles) -> Self:
        """Learn from `x` of shape (rows,)."""

    @abstractmethod
    def forward(self, x: Doubles) -> Doubles:
        """Scale; equal values become equal numbers.

        Raises
        ------
        InputError
            If a value has no image, for instance a negative one under a logarithm.
        """

    @abstractmethod
    def inverse(self, z: Doubles) -> Doubles:
        """Scale back; defined and finite for every finite `z` (up to overflow of the numbers themselves)."""

    def spread(self, z: Doubles, ends: tuple[Doubles, Doubles], share: Doubles) -> Doubles:
        """Return the number `share` of the way through all that decodes to the same value as `z`.

        Parameters
        ----------
        z : float64 array of shape (rows,)
            Scaled values.
        ends : two float64 arrays of shape (rows,)
            In values: what is rounded to the value of `z`.
        share : float64 array of shape (rows,)
            From 0 to 1.
        """
        low, high = self.forward(ends[0]), self.forward(ends[1])
        return np.asarray(low + share * (high - low))

    @abstractmethod
    def state(self) -> State:
        """Return what was learned: JSON-ready values, and arrays."""

    @classmethod
    @abstractmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild from `state`."""


class AffineScaler(Scaler):
    """`z = (x - centre) / scale`."""

    def __init__(self, centre: float, scale: float) -> None:
        self.centre, self.scale = centre, scale

    def forward(self, x: Doubles) -> Doubles:
        """Scale."""
        return (x - self.centre) / self.scale

    def inverse(self, z: Doubles) -> Doubles:
        """Scale back."""
        return z * self.scale + self.centre

    def state(self) -> State:
        """Return the centre and the scale."""
        return {"centre": self.centre, "scale": self.scale}, {}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild from `state`."""
        return cls(float(data["centre"]), float(data["scale"]))
