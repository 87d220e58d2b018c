"""The logarithm, also of columns that hold zeros or both signs.

Positive columns: `z = log(x / m)` with `m` their median, so that equal ratios are equal distances and a heavy right
tail (incomes, waiting times, sizes) becomes a light one. Others: `z = arsinh(x / m)` with `m` the median of `|x|` over
the values that are not zero; it is linear near zero, a signed logarithm far from it, and needs no shift: "Alternative
transformations to handle extreme values of the dependent variable" (Burbidge, Magee & Robb, 1988,
https://doi.org/10.1080/01621459.1988.10478575).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .base import Doubles, Scaler, State

LARGEST = 700.0


class Log(Scaler):
    """`log(x / scale)` or, where `signed`, `arsinh(x / scale)`."""

    name = "log"

    def __init__(self, scale: float, signed: bool) -> None:
        self.scale, self.signed = scale, signed

    @classmethod
    def fit(cls, x: Doubles) -> Self:
        """Learn the scale, and whether there are values that have no logarithm."""
        sizes = np.abs(x[x != 0])
        return cls(float(np.median(sizes)) if len(sizes) else 1.0, bool(x.min() <= 0))

    def forward(self, x: Doubles) -> Doubles:
        """Scale.

        Raises
        ------
        InputError
            If a logarithm meets a value that is not positive.
        """
        if self.signed:
            return np.asarray(np.arcsinh(x / self.scale))
        if len(x) and x.min() <= 0:
            raise InputError(f"the fitted values were all positive and are scaled by their logarithm; got {x.min():g}")
        return np.asarray(np.log(x / self.scale))

    def inverse(self, z: Doubles) -> Doubles:
        """Scale back."""
        z = np.clip(z, -LARGEST, LARGEST)
        return np.asarray((np.sinh(z) if self.signed else np.exp(z)) * self.scale)

    def state(self) -> State:
        """Return the scale and whether signs are kept."""
        return {"scale": self.scale, "signed": self.signed}, {}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild from `state`."""
        return cls(float(data["scale"]), bool(data["signed"]))
