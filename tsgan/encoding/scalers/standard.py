"""Mean 0, variance 1."""

from __future__ import annotations

from typing import Self

from sklearn.preprocessing import StandardScaler

from .base import AffineScaler, Doubles


class Standard(AffineScaler):
    """Subtract the mean, divide by the standard deviation (`sklearn.preprocessing.StandardScaler`)."""

    name = "standard"

    @classmethod
    def fit(cls, x: Doubles) -> Self:
        """Learn mean and standard deviation."""
        learned = StandardScaler().fit(x[:, None])
        return cls(float(learned.mean_[0]), float(learned.scale_[0]))
