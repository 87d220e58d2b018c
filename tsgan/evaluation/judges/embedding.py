"""A fixed embedding of windows: what random convolutions see in them, on the leading axes of real windows.

The kernels are those of "ROCKET: exceptionally fast and accurate time series classification using random
convolutional kernels" (Dempster, Petitjean & Webb, 2020, https://arxiv.org/abs/1910.13051). They are drawn from a
constant seed, so that figures of different reports of one table compare.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...arrays import Doubles, Floats
from ..columns import Column
from .rocket import MAX_SPREADS, Kernels, Scale, principal, spread_of_steps

SEED = 20_200_713
KERNELS, KERNELS_BY_COLUMN = 150, 50  # more tell hardly more apart; one column has fewer ways to look
MAX_FITTED_BY_COLUMN = 1600  # windows: enough for the scales of one column
MAX_PLAIN_NUMBERS = 96  # of a window that are seen as they are; more are cast to as many random directions
MIN_VARIANCE = 0.02  # of an axis, of unit variance in all: a smaller one is not known well enough to be blown up


class Embedding:
    """Features of windows, scaled by real ones.

    Channels are brought to unit variance and rotated to nearly uncorrelated axes: an axis along which real data hardly
    vary is not blown up to more than seven times, since its scale is known too badly for that. The features are the
    share of positive answers and the largest answer of random kernels over values and steps, and the windows
    themselves, cast to 96 random directions where they have more numbers than that. The two groups weigh the same.

    Parameters
    ----------
    real : float32 array of shape (n, W, D)
    kernels : int
    """

    def __init__(self, real: Floats, kernels: int = KERNELS) -> None:
        rng = np.random.default_rng(SEED)
        _, size, channels = real.shape
        self._mean, self._scale, variance, directions = principal(real, least=1e-6)
        self._axes = self._scale[:, None] * directions / np.sqrt(variance + MIN_VARIANCE)
        steps = spread_of_steps((real - self._mean) @ self._axes)
        self._rate = 1 / np.where(steps > 1e-6, steps, 1)
        self._kernels = Kernels(kernels, 2 * channels, size, rng)
        numbers = size * channels
        self._cast: Doubles | None = None
        if numbers > MAX_PLAIN_NUMBERS:
            self._cast = rng.normal(size=(numbers, MAX_PLAIN_NUMBERS)) / np.sqrt(MAX_PLAIN_NUMBERS)
        self._groups = [Scale.fit(group) for group in self._raw(real)]

    def apply(self, windows: Floats) -> Doubles:
        """Map `(n, W, D)` to `(n, p)`."""
        raw = self._raw(windows)
        return np.concatenate([scale.apply(group) for scale, group in zip(self._groups, raw, strict=True)], axis=1)

    def scaled(self, windows: Floats) -> Doubles:
        """Bring channels `(..., D)` to nearly uncorrelated ones of at most unit variance."""
        return np.asarray(np.clip((windows - self._mean) @ self._axes, -MAX_SPREADS, MAX_SPREADS))

    def _raw(self, windows: Floats) -> tuple[Doubles, Doubles]:
        values = self.scaled(windows)
        steps = np.clip(np.diff(values, axis=1, prepend=values[:, :1]) * self._rate, -MAX_SPREADS, MAX_SPREADS)
        both = np.concatenate([values, steps], axis=2).astype(np.float32).transpose(0, 2, 1)
        convolved = self._kernels.features(torch.from_numpy(np.ascontiguousarray(both)))
        flat = np.clip((windows - self._mean) * self._scale, -MAX_SPREADS, MAX_SPREADS).reshape(len(windows), -1)
        return convolved, flat if self._cast is None else flat @ self._cast


def embedded_columns(columns: Sequence[Column], sides: Sequence[Floats]) -> Iterator[tuple[str, list[Doubles]]]:
    """Yield the name of each column that moves, and what a fixed embedding of it alone shows of each side's windows."""
    for column in columns:
        shown = [side[:, :, column.channels] for side in sides]
        if not column.static and np.ptp(shown[0], axis=(0, 1)).any():
            embedding = Embedding(shown[0][:MAX_FITTED_BY_COLUMN], KERNELS_BY_COLUMN)
            yield column.name, [embedding.apply(side) for side in shown]


@dataclass(frozen=True)
class Axes:
    """The leading principal axes of some windows' features.

    Attributes
    ----------
    mean : array of shape (p,)
    directions : array of shape (p, k)
    spread : array of shape (k,)
        Standard deviation along each axis, the largest first; axes without any are left out.
    """

    mean: Doubles
    directions: Doubles
    spread: Doubles

    @classmethod
    def of(cls, features: Doubles, most: int) -> Axes:
        """Find the first `most` axes of `(n, p)`."""
        mean = features.mean(axis=0)
        centred = features - mean
        if len(centred) < centred.shape[1]:
            variance, left = np.linalg.eigh(centred @ centred.T / len(centred))
            right = centred.T @ left / np.sqrt(np.maximum(variance, 1e-300) * len(centred))
        else:
            variance, right = np.linalg.eigh(centred.T @ centred / len(centred))
        variance, right = variance[::-1][:most], right[:, ::-1][:, :most]
        kept = variance > 1e-10
        return cls(mean, right[:, kept], np.sqrt(variance[kept]))

    def apply(self, features: Doubles) -> Doubles:
        """Map `(n, p)` to places along the axes, `(n, k)`."""
        return np.asarray((features - self.mean) @ self.directions)
