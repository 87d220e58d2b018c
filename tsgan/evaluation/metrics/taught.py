"""Metrics that teach one model on synthetic and its twins on real windows, and test all of them on the same others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from .base import Doubles, Metric
from .grading import Better, Grade, grade

LEAST_NOISE, LEAST_SCALE = 0.002, 0.2


class Taught(Metric):
    """A metric whose figure is a skill: the share of what can be known that a model knows."""

    better = "higher"
    zero_is_perfect = False

    def judge(
        self,
        values: Sequence[float],
        controls: Sequence[float],
        worst: float,
        tests: int = 1,
        noise: float = 0.0,
        better: Better | None = None,
    ) -> Grade:
        """Grade by the noise between twins tested alike, which is less than that between tests.

        Where even real data teach hardly anything, a loss is held against a fifth.
        """
        value, control = float(np.mean(values)), float(np.mean(controls))
        chance = float(stats.norm.sf((control - value) / max(noise, LEAST_NOISE)))
        return grade(value, control, min(worst, control - LEAST_SCALE), chance, "higher", tests)


def between_twins(one: Doubles, two: Doubles) -> float:
    """Spread of a model's skill over what it is taught on, by twins taught on separate parts and tested on a third."""
    return float(np.sqrt(np.mean((one - two) ** 2) / 2))
