"""Gaussian axes: the principal axes of all numeric columns together, each then made standard normal by its own ranks.

Whitening takes care of covariance, but a rotation mixes columns: an axis need not be normal even where every column is.
With `u` the whitened axes and `q_j` the rank-gaussian map of the j-th, the channels are `(q_j(u_j) - m_j) / d_j`, where
`m_j` and `d_j` bring an axis with atoms back to mean 0 and variance 1. An axis that moves slowly from row to row (the
level of prices) stays as it is: ranks would stretch its small steps where its values are rare, and tear apart what is
linear in them (today's opening and yesterday's close); what its values are like is left to regimes.

This is one layer of rotation-based Gaussianisation: "Iterative Gaussianization: From ICA to Random Rotations" (Laparra,
Camps-Valls & Malo, 2011, https://doi.org/10.1109/TNN.2011.2106511). The layer is monotone in each axis, so it has an
inverse, and dropped axes stay dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .scalers.quantile import Quantile
from .whitening import CHUNK, Doubles, Whitening

FEW = 30
SLOW = 0.95  # correlation of an axis with itself a row before, from which on it stays as it is
DIGITS = 9


@dataclass(frozen=True)
class GaussianAxes:
    """A map from columns to uncorrelated, nearly normal channels and back.

    Attributes
    ----------
    whitening : Whitening
    maps : tuple of Quantile or None, one per channel
        None where an axis has fewer than 30 distinct values, for ranks would say no more than these, or is slow.
    mean, scale : float64 arrays of shape (channels,)
        Of the mapped axes.
    """

    whitening: Whitening
    maps: tuple[Quantile | None, ...]
    mean: Doubles
    scale: Doubles

    @classmethod
    def fit(cls, x: Doubles, follows: NDArray[np.bool_] | None = None) -> GaussianAxes:
        """Learn the map.

        Parameters
        ----------
        x : float64 array of shape (rows, columns)
        follows : bool array of shape (rows,), optional
            Whether a row is the next step of the row before it; without it no axis counts as slow.
        """
        whitening = Whitening.fit(x)
        u = _axes(whitening, x)
        slow = np.zeros(u.shape[1], dtype=bool) if follows is None else _memory(u, follows) > SLOW
        maps = tuple(
            Quantile.fit(axis) if not still and len(np.unique(axis)) >= FEW else None
            for axis, still in zip(u.T, slow, strict=True)
        )
        for axis, one in zip(u.T, maps, strict=True):
            if one is not None:
                axis[:] = one.forward(axis)
        ranked = np.array([one is not None for one in maps], dtype=bool)
        return cls(whitening, maps, np.where(ranked, u.mean(axis=0), 0.0), np.where(ranked, u.std(axis=0), 1.0))

    @property
    def channels(self) -> int:
        """Number of axes that are kept."""
        return self.whitening.channels

    def forward(self, x: Doubles) -> Doubles:
        """Map columns `(rows, columns)` to channels `(rows, channels)`."""
        u = _axes(self.whitening, x)
        for j, one in enumerate(self.maps):
            if one is not None:
                u[:, j] = (one.forward(u[:, j]) - self.mean[j]) / self.scale[j]
        return u

    def inverse(self, z: NDArray[np.floating]) -> Doubles:
        """Map channels `(rows, channels)` to columns `(rows, columns)`, stored column by column."""
        out = np.empty((len(z), len(self.whitening.mean)), order="F")
        for a in range(0, len(z), CHUNK):
            part = np.asfortranarray(z[a : a + CHUNK], dtype=np.float64)
            part = part * self.scale + self.mean
            for j, one in enumerate(self.maps):
                if one is not None:
                    part[:, j] = one.inverse(part[:, j])
            out[a : a + CHUNK] = self.whitening.inverse(part)
        return out

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that define the map; the knots of all axes one after another, `knots` of each."""
        learned = [one for one in self.maps if one is not None]
        return {
            **self.whitening.state(),
            "knots": np.array([0 if one is None else len(one.z) for one in self.maps], dtype=np.int64),
            "rows": np.array([one.rows for one in learned[:1]], dtype=np.int64),
            "z": np.concatenate([np.empty(0), *(one.z for one in learned)]),
            "x": np.concatenate([np.empty(0), *(one.x for one in learned)]),
            "channel_mean": self.mean,
            "channel_scale": self.scale,
        }

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]]) -> GaussianAxes:
        """Rebuild the map from `state`."""
        ends = np.cumsum(arrays["knots"])
        z, x = (np.split(np.asarray(arrays[key], dtype=np.float64), ends) for key in ("z", "x"))
        maps = tuple(
            Quantile(z[j], x[j], int(arrays["rows"][0])) if knots else None for j, knots in enumerate(arrays["knots"])
        )
        mean, scale = (np.asarray(arrays[f"channel_{key}"], dtype=np.float64) for key in ("mean", "scale"))
        return cls(Whitening.from_state(arrays), maps, mean, scale)


def _memory(u: Doubles, follows: NDArray[np.bool_]) -> Doubles:
    """Return the correlation of each axis with itself a row before; 0 where no row follows another."""
    after = np.flatnonzero(follows)
    if not len(after):
        return np.zeros(u.shape[1])
    now, before = u[after] - u[after].mean(axis=0), u[after - 1] - u[after - 1].mean(axis=0)
    size = np.sqrt((now**2).sum(axis=0) * (before**2).sum(axis=0))
    return np.asarray((now * before).sum(axis=0) / np.where(size > 0, size, 1.0))


def _axes(whitening: Whitening, x: Doubles) -> Doubles:
    """Return the whitened axes, rounded so that equal rows are equal wherever the product is cut into blocks."""
    return np.asfortranarray(np.round(whitening.forward(x), DIGITS))
