"""The observed range to [0, 1]."""

from __future__ import annotations

from typing import Self

from sklearn.preprocessing import MinMaxScaler

from .base import AffineScaler, Doubles


class MinMax(AffineScaler):
    """Subtract the minimum, divide by the range (`sklearn.preprocessing.MinMaxScaler`)."""

    name = "minmax"

    @classmethod
    def fit(cls, x: Doubles) -> Self:
        """Learn minimum and range."""
        learned = MinMaxScaler().fit(x[:, None])
        return cls(float(learned.data_min_[0]), float(1.0 / learned.scale_[0]))
