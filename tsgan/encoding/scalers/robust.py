"""Median 0, interquartile range 1."""

from __future__ import annotations

from typing import Self

from sklearn.preprocessing import RobustScaler

from .base import AffineScaler, Doubles


class Robust(AffineScaler):
    """Subtract the median, divide by the interquartile range (`sklearn.preprocessing.RobustScaler`)."""

    name = "robust"

    @classmethod
    def fit(cls, x: Doubles) -> Self:
        """Learn median and interquartile range."""
        learned = RobustScaler().fit(x[:, None])
        return cls(float(learned.center_[0]), float(learned.scale_[0]))
