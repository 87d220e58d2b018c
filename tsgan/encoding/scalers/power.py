"""A power of the values, so that the size of a step no longer depends on the level.

Positive columns take logarithms: a 1 % move is as large at 1000 as at 10. Others take the transform of Yeo & Johnson,
"A new family of power transformations to improve normality or symmetry" (2000, https://doi.org/10.1093/biomet/87.4.954),
its exponent found by maximum likelihood (`sklearn.preprocessing.PowerTransformer`) and kept within [0, 2], where the
inverse is defined for every number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import PowerTransformer

from ...errors import InputError
from .base import Doubles, Scaler, State

LARGEST = 700.0


class Power(Scaler):
    """`log(x / scale)`, or Yeo-Johnson of `(x - centre) / scale` with an exponent."""

    name = "power"

    def __init__(self, exponent: float | None, centre: float, scale: float) -> None:
        self.exponent, self.centre, self.scale = exponent, centre, scale

    @classmethod
    def fit(cls, x: Doubles) -> Self:
        """Take logarithms if every value is positive, else learn the exponent of Yeo and Johnson."""
        if x.min() > 0:
            return cls(None, 0.0, float(np.median(x)))
        centre = 0.0 if x.min() == 0 else float(np.median(x))
        scale = float(np.std(x)) or float(np.abs(x - centre).max())
        learned = PowerTransformer("yeo-johnson", standardize=False).fit(((x - centre) / scale)[:, None])
        return cls(float(np.clip(learned.lambdas_[0], 0.0, 2.0)), centre, scale)

    def forward(self, x: Doubles) -> Doubles:
        """Scale.

        Raises
        ------
        InputError
            If a logarithm meets a value that is not positive.
        """
        if self.exponent is None:
            if len(x) and x.min() <= 0:
                raise InputError(
                    f"the fitted values were all positive and are scaled by their logarithm; got {x.min():g}"
                )
            return np.asarray(np.log(x / self.scale))
        y = (x - self.centre) / self.scale
        return np.where(y >= 0, _bend(np.maximum(y, 0), self.exponent), -_bend(np.maximum(-y, 0), 2 - self.exponent))

    def inverse(self, z: Doubles) -> Doubles:
        """Scale back."""
        if self.exponent is None:
            return np.asarray(np.exp(np.minimum(z, LARGEST)) * self.scale)
        up = _unbend(np.maximum(z, 0), self.exponent)
        down = _unbend(np.maximum(-z, 0), 2 - self.exponent)
        return np.where(z >= 0, up, -down) * self.scale + self.centre

    def state(self) -> State:
        """Return exponent, centre and scale."""
        return {"exponent": self.exponent, "centre": self.centre, "scale": self.scale}, {}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild from `state`."""
        exponent = data["exponent"]
        return cls(None if exponent is None else float(exponent), float(data["centre"]), float(data["scale"]))


def _bend(y: Doubles, exponent: float) -> Doubles:
    """Return `((1 + y) ** exponent - 1) / exponent` for y >= 0, precisely also near exponent 0."""
    log = np.log1p(y)
    return np.asarray(log if exponent < 1e-8 else np.expm1(exponent * log) / exponent)


def _unbend(z: Doubles, exponent: float) -> Doubles:
    log = z if exponent < 1e-8 else np.log1p(exponent * z) / exponent
    return np.asarray(np.expm1(np.minimum(log, LARGEST)))
