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

`Quantile` is rank-gaussian: the column's own distribution function, then the normal quantile function. Values that
several rows share (zeros of a rain gauge, integers, rounded numbers) have no single rank. Each such row is put in the
middle, by probability, of the interval of ranks that its value holds, and the inverse maps the whole interval back to
exactly that value, so that an atom keeps its probability. (Random places would fill the interval, but blur how the
column depends on the others.) Between distinct values the map is linear, and beyond the outermost it goes on with the
slope of the tail.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import numpy as np
from scipy.special import boxcox1p, inv_boxcox1p, ndtr, ndtri
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, StandardScaler

from ...arrays import Doubles
from ...bundle import Held, saved
from ...errors import InputError
from ...holders import Holders


class Scaler(ABC):
    """A reversible map of one column of finite, not all equal numbers.

    Channels are standardised afterwards, so a scaler need not give unit variance; it shapes.
    """

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def fit(cls, x: Doubles) -> Self:
        """Learn from `x` of shape (rows,)."""

    @classmethod
    def learn(cls, x: Doubles, holders: Holders) -> Self:
        """Learn from `x` what its holders share."""
        return cls.fit(x)

    @abstractmethod
    def forward(self, x: Doubles) -> Doubles:
        """Scale; equal values become equal numbers. A value without an image is an `InputError`."""

    @abstractmethod
    def inverse(self, z: Doubles) -> Doubles:
        """Scale back; defined and finite for every finite `z` (up to overflow of the numbers themselves)."""

    def spread(self, z: Doubles, ends: tuple[Doubles, Doubles], share: Doubles) -> Doubles:
        """Return the number `share` (0 to 1) of the way through all that decodes to the same value as `z`.

        `ends` are, in values, the ends of what is rounded to the value of `z`.
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
    """Subtract the median, divide by the interquartile range; each a mean over the tenth of the numbers around it."""

    name = "robust"

    @classmethod
    def fit(cls, x: Doubles) -> Self:
        """Learn median and interquartile range."""
        return cls(_middle(x), (_middle(x, 0.75) - _middle(x, 0.25)) or 1.0)


@saved
class Standard(AffineScaler):
    """Subtract the mean, divide by the standard deviation (`sklearn.preprocessing.StandardScaler`)."""

    name = "standard"

    @classmethod
    def fit(cls, x: Doubles) -> Self:
        """Learn mean and standard deviation."""
        learned = StandardScaler().fit(x[:, None])
        return cls(float(learned.mean_[0]), float(learned.scale_[0]))


def _middle(x: Doubles, share: float = 0.5) -> float:
    """Return the mean of the tenth of the numbers around a quantile, by default the median: no single one of them."""
    first, last = (len(x) - 1) * (share - 0.05), (len(x) - 1) * (share + 0.05)
    return float(np.sort(x)[int(first) : int(np.ceil(last)) + 1].mean())


MAX_LOG = 700.0  # the exponential of more overflows


def _log(x: Doubles, scale: float) -> Doubles:
    if len(x) and x.min() <= 0:
        raise InputError(f"the fitted values were all positive and are scaled by their logarithm; got {x.min():g}")
    return np.asarray(np.log(x / scale))


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
        return cls(_middle(sizes) if len(sizes) else 1.0, bool(x.min() <= 0))

    def forward(self, x: Doubles) -> Doubles:
        """Scale; a logarithm refuses values that are not positive."""
        return np.asarray(np.arcsinh(x / self.scale)) if self.signed else _log(x, self.scale)

    def inverse(self, z: Doubles) -> Doubles:
        """Scale back."""
        z = np.clip(z, -MAX_LOG, MAX_LOG)
        return np.asarray((np.sinh(z) if self.signed else np.exp(z)) * self.scale)


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
            return cls(None, 0.0, _middle(x))
        centre = 0.0 if x.min() == 0 else _middle(x)
        scale = float(np.std(x)) or float(np.abs(x - centre).max())
        learned = PowerTransformer("yeo-johnson", standardize=False).fit(((x - centre) / scale)[:, None])
        return cls(float(np.clip(learned.lambdas_[0], 0.0, 2.0)), centre, scale)

    def forward(self, x: Doubles) -> Doubles:
        """Scale; a logarithm refuses values that are not positive."""
        if self.exponent is None:
            return _log(x, self.scale)
        y = (x - self.centre) / self.scale
        exponent = np.where(y >= 0, self.exponent, 2 - self.exponent)
        return np.asarray(np.copysign(boxcox1p(np.abs(y), exponent), y))

    def inverse(self, z: Doubles) -> Doubles:
        """Scale back."""
        if self.exponent is None:
            return np.asarray(np.exp(np.minimum(z, MAX_LOG)) * self.scale)
        exponent = np.where(z >= 0, self.exponent, 2 - self.exponent)
        size = np.minimum(inv_boxcox1p(np.abs(z), exponent), np.exp(MAX_LOG))
        return np.asarray(np.copysign(size, z) * self.scale + self.centre)


MAX_KNOTS, TAIL_KNOTS = 2000, 50  # of a map, and among them every value of either tail
ATOM_SHARE = 0.005  # of the rows, from which a value among many is an atom
MAX_DEVIATIONS = 40.0  # standard deviations at which the normal distribution function is 0 or 1


@saved
@dataclass(eq=False)
class Quantile(Scaler):
    """A piecewise linear map given by knots.

    Attributes
    ----------
    z, x : float64 arrays of shape (knots,)
        Knots in Gaussian space and in values, neither decreasing. An atom holds two: the same value at both ends of
        its interval. So does a value that came once in a column of few values, with half of its interval.
    rows : int
        Rows that were learned from; they limit how far out a value is put.
    """

    name = "quantile"

    z: Annotated[Doubles, Held(order="rising", shape=("knots",), least=1)]
    x: Annotated[Doubles, Held(order="rising", shape=("knots",))]
    rows: Annotated[int, Held(1)]

    def __post_init__(self) -> None:
        z, x, rows = self.z, self.x, self.rows
        self._atom = np.flatnonzero(x[1:] == x[:-1])
        self._middle = ndtri((ndtr(z[self._atom]) + ndtr(z[self._atom + 1])) / 2)
        self._slopes = _tail(z, x), _tail(-z[::-1], -x[::-1])
        self._reach = float(-ndtri(0.25 / rows)) + 1.0

    @classmethod
    def fit(cls, x: Doubles) -> Self:
        """Learn the knots: every distinct value if there are few, else atoms, tails and evenly spaced ranks."""
        return cls.learn(x, Holders(np.arange(len(x)), 1))

    @classmethod
    def learn(cls, x: Doubles, holders: Holders) -> Self:
        """Learn the knots; of values that too few share, means of neighbours."""
        values, counts, exact = holders.pooled(x)
        after = np.cumsum(counts)
        if 2 * len(values) <= MAX_KNOTS:
            atom, chosen = exact & (counts > 1), np.ones(len(values), dtype=bool)
        else:
            atom = exact & (counts > max(1.0, ATOM_SHARE * len(x)))
            chosen = atom.copy()
            chosen[:TAIL_KNOTS] = chosen[-TAIL_KNOTS:] = True
            left = MAX_KNOTS - 2 * TAIL_KNOTS - 2 * int(atom.sum())
            chosen[np.linspace(0, len(values) - 1, left).astype(np.int64)] = True
        # Between atoms a value that came once has steep sides: half its interval keeps it exact in single precision.
        lone = ~atom & exact & (2 * len(values) <= min(MAX_KNOTS, len(x)))
        half = np.where(atom, counts / 2, np.where(lone, 0.25, 0.0))
        low, high = (after - counts / 2 - half)[chosen], (after - counts / 2 + half)[chosen]
        twice = np.where(half > 0, 2, 1)[chosen]
        ends = np.stack([low, high], axis=1).ravel()
        keep = np.stack([np.ones_like(twice, dtype=bool), twice == 2], axis=1).ravel()
        z = np.clip(ndtri(ends[keep] / len(x)), -MAX_DEVIATIONS, MAX_DEVIATIONS)
        return cls(z, np.repeat(values[chosen], twice), len(x))

    def forward(self, x: Doubles) -> Doubles:
        """Scale; a value that is an atom falls in the middle of its interval."""
        below, above = np.minimum(x - self.x[0], 0), np.maximum(x - self.x[-1], 0)
        left, right = self._slopes
        z = np.interp(x, self.x, self.z)
        z += (below / left if left > 0 else 0) + (above / right if right > 0 else 0)
        if len(self._atom):
            values = self.x[self._atom]
            place = np.minimum(np.searchsorted(values, x), len(values) - 1)
            z = np.where(values[place] == x, self._middle[place], z)
        return np.clip(z, -self._reach, self._reach)

    def inverse(self, z: Doubles) -> Doubles:
        """Scale back."""
        left, right = self._slopes
        x = np.interp(z, self.z, self.x)
        return np.asarray(x + left * np.minimum(z - self.z[0], 0) + right * np.maximum(z - self.z[-1], 0))

    def spread(self, z: Doubles, ends: tuple[Doubles, Doubles], share: Doubles) -> Doubles:
        """Return the number `share` of the way, by probability, through the interval of an atom; others stay."""
        if not len(self._atom):
            return z
        last = self.z[self._atom + 1]
        at = self._atom[np.minimum(np.searchsorted(last, z), len(last) - 1)]
        low, high = ndtr(self.z[at]), ndtr(self.z[at + 1])
        inside = (z > self.z[at]) & (z < self.z[at + 1])
        place = np.clip(ndtri(low + share * (high - low)), -self._reach, self._reach)
        return np.asarray(np.where(inside, place, z))


def _tail(z: Doubles, x: Doubles) -> float:
    """Return the slope over the first half of a standard deviation; 0 if the tail is an atom."""
    if z[0] <= -MAX_DEVIATIONS or len(z) < 2:
        return 0.0
    inner = min(int(np.searchsorted(z, z[0] + 0.5)), len(z) - 1)
    return float((x[inner] - x[0]) / (z[inner] - z[0]))
