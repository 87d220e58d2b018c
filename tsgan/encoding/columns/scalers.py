"""Scalers: one numeric column to numbers that a network likes, and back.

`Standard` gives mean 0 and variance 1, `MinMax` the observed range to [0, 1], `Robust` median 0 and interquartile
range 1.

`Log` is for positive columns `z = log(x / m)` with `m` their median, so that equal ratios are equal distances and a
heavy right tail (incomes, waiting times, sizes) becomes a light one; and for others `z = arsinh(x / m)` with `m` the
median of `|x|` over the values that are not zero; it is linear near zero, a signed logarithm far from it, and needs no
shift: "Alternative transformations to handle extreme values of the dependent variable" (Burbidge, Magee & Robb, 1988,
https://doi.org/10.1080/01621459.1988.10478575).

`Power` takes a power of the values, so that the size of a step no longer depends on the level. Positive columns take
logarithms: a 1 % move is as large at 1000 as at 10. Others take the transform of Yeo & Johnson, "A new family of power
transformations to improve normality or symmetry" (2000, https://doi.org/10.1093/biomet/87.4.954), its exponent found by
maximum likelihood (`sklearn.preprocessing.PowerTransformer`) and kept within [0, 2], where the inverse is defined for
every number.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, RobustScaler, StandardScaler

from ...arrays import Doubles
from ...bundle import saved
from ...errors import InputError


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


@dataclass(frozen=True)
class AffineScaler(Scaler):
    """`z = (x - centre) / scale`."""

    centre: float
    scale: float

    def forward(self, x: Doubles) -> Doubles:
        """Scale."""
        return (x - self.centre) / self.scale

    def inverse(self, z: Doubles) -> Doubles:
        """Scale back."""
        return z * self.scale + self.centre


LARGEST = 700.0


@saved
@dataclass(frozen=True)
class Log(Scaler):
    """`log(x / scale)` or, where `signed`, `arsinh(x / scale)`."""

    name = "log"

    scale: float
    signed: bool

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


@saved
class MinMax(AffineScaler):
    """Subtract the minimum, divide by the range (`sklearn.preprocessing.MinMaxScaler`)."""

    name = "minmax"

    @classmethod
    def fit(cls, x: Doubles) -> Self:
        """Learn minimum and range."""
        learned = MinMaxScaler().fit(x[:, None])
        return cls(float(learned.data_min_[0]), float(1.0 / learned.scale_[0]))


@saved
class Robust(AffineScaler):
    """Subtract the median, divide by the interquartile range (`sklearn.preprocessing.RobustScaler`)."""

    name = "robust"

    @classmethod
    def fit(cls, x: Doubles) -> Self:
        """Learn median and interquartile range."""
        learned = RobustScaler().fit(x[:, None])
        return cls(float(learned.center_[0]), float(learned.scale_[0]))


@saved
class Standard(AffineScaler):
    """Subtract the mean, divide by the standard deviation (`sklearn.preprocessing.StandardScaler`)."""

    name = "standard"

    @classmethod
    def fit(cls, x: Doubles) -> Self:
        """Learn mean and standard deviation."""
        learned = StandardScaler().fit(x[:, None])
        return cls(float(learned.mean_[0]), float(learned.scale_[0]))


@saved
@dataclass(frozen=True)
class Power(Scaler):
    """`log(x / scale)`, or Yeo-Johnson of `(x - centre) / scale` with an exponent."""

    name = "power"

    exponent: float | None
    centre: float
    scale: float

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


def _bend(y: Doubles, exponent: float) -> Doubles:
    """Return `((1 + y) ** exponent - 1) / exponent` for y >= 0, precisely also near exponent 0."""
    log = np.log1p(y)
    return np.asarray(log if exponent < 1e-8 else np.expm1(exponent * log) / exponent)


def _unbend(z: Doubles, exponent: float) -> Doubles:
    log = z if exponent < 1e-8 else np.log1p(exponent * z) / exponent
    return np.asarray(np.expm1(np.minimum(log, LARGEST)))
