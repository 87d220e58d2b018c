"""Whitening: all numeric columns together become uncorrelated channels of unit variance.

Each column is centred and divided by its standard deviation, `s = (x - m) / d`. With `cov(s) = V diag(l) V'` the
channels are `s V / sqrt(l)`. Axes whose variance is below a millionth of the largest stand for an exact linear
dependence between columns: they are dropped, and the inverse map, which puts zero on them, restores the dependence.
So nearly equal columns (open, high, low, close) differ by a channel of their own instead of by a rounding error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
DROP = 1e-6
CHUNK = 1 << 16


@dataclass(frozen=True)
class Whitening:
    """A linear map from columns to whitened channels and back.

    Attributes
    ----------
    mean, scale : float64 arrays of shape (columns,)
    axes : float64 array of shape (columns, channels)
        Principal axes, orthonormal columns, largest variance first.
    spread : float64 array of shape (channels,)
        Standard deviation along each axis.
    """

    mean: Doubles
    scale: Doubles
    axes: Doubles
    spread: Doubles

    @classmethod
    def fit(cls, x: Doubles, *, rotate: bool = True) -> Whitening:
        """Learn the map from `x` of shape (rows, columns); without `rotate` each column is only standardised."""
        mean = x.mean(axis=0)
        scale = x.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        columns = x.shape[1]
        if not rotate or columns < 2:
            return cls(mean, scale, np.eye(columns), np.ones(columns))
        standard = (x - mean) / scale
        variance, axes = np.linalg.eigh(standard.T @ standard / len(x))
        variance, axes = variance[::-1], axes[:, ::-1]
        keep = variance > DROP * variance[0]
        axes = axes[:, keep]
        # An axis is only known up to its sign: make the largest entry positive, whatever the linear algebra library.
        largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
        return cls(mean, scale, np.ascontiguousarray(axes * np.sign(largest)), np.sqrt(variance[keep]))

    @property
    def channels(self) -> int:
        """Number of axes that are kept."""
        return len(self.spread)

    def forward(self, x: Doubles) -> Doubles:
        """Map columns `(rows, columns)` to channels `(rows, channels)`."""
        return np.asarray(((x - self.mean) / self.scale) @ (self.axes / self.spread))

    def inverse(self, z: NDArray[np.floating]) -> Doubles:
        """Map channels `(rows, channels)` to columns `(rows, columns)`, stored column by column."""
        back = (self.axes * self.spread).T * self.scale
        out = np.empty((len(z), len(self.mean)), order="F")
        for a in range(0, len(z), CHUNK):
            out[a : a + CHUNK] = z[a : a + CHUNK].astype(np.float64) @ back + self.mean
        return out

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that define the map."""
        return {"mean": self.mean, "scale": self.scale, "axes": self.axes, "spread": self.spread}

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]]) -> Whitening:
        """Rebuild the map from `state`."""
        return cls(*(np.asarray(arrays[key], dtype=np.float64) for key in ("mean", "scale", "axes", "spread")))
