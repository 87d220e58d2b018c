"""Predictive score, the papers' protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ...errors import InputError
from ..classic import predictive_score
from ..prepare import Case
from ..splits import CannotMeasureError
from .base import Metric, Reference, Result
from .discriminative import apart
from .draws import useless
from .grading import Grade

LEAST_NOISE = 0.02  # of the error: what one judge's training and one sample's draw may change


class Predictive(Metric):
    """Error on real windows of a small GRU taught on synthetic ones to foretell the last column."""

    name = "predictive"
    section = "use"
    title = "Predictive score"
    question = "Does what is learned on synthetic data hold on real data?"
    definition = (
        "Mean absolute error, in units of the last column's range, of a one-layer GRU that foretells the last "
        "column one step ahead from all others (from its own past if it is the only one; the last column is the "
        "last one of numbers that change in time, if there is one), taught on synthetic windows for 5000 steps of "
        "128 and tested on real ones; real against real is taught on one half of the real data and tested on "
        "another that shares no sequence, or no stretch of time, with it. Most good generators reach the error of "
        "real data: a pass mark, not a ranking. The useless end is the error of a judge taught on uniform noise, who "
        "always answers the middle of the range."
    )
    references = (
        Reference(
            "Time-series Generative Adversarial Networks (Yoon, Jarrett & van der Schaar, 2019)",
            "https://papers.nips.cc/paper/8789-time-series-generative-adversarial-networks",
        ),
    )
    zero_is_perfect = False
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "A forecaster taught on synthetic data errs no more on real data than one taught on real data.",
        "close": "A forecaster taught on synthetic data errs slightly more on real data than one taught on real data.",
        "visible": "A forecaster taught on synthetic data errs clearly more on real data than one taught on real data.",
        "far": "What a forecaster learns on synthetic data hardly helps it on real data.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Train all forecasters, on synthetic and on real data, side by side."""
        target = _target(case)
        order = np.r_[np.delete(np.arange(case.channels), target), target]
        real, synthetic = case.real.values()[:, :, order], case.synthetic.values()[:, :, order]
        seed = int(case.rng(self.name).integers(2**31))
        try:
            score = predictive_score(
                real, synthetic, repeats=repeats, control=apart(case, self.name, repeats), random_state=seed
            )
        except InputError as reason:
            raise CannotMeasureError(str(reason)) from reason
        assert score.control is not None
        noise = useless(case, min(len(real), 1000), case.rng(self.name))[:, :, target]
        worst = float(np.abs(real[:, 1:, -1] - np.median(noise)).mean())
        detail = {"target": _owner(case, target)}
        least = LEAST_NOISE * score.control.mean
        return self.result(score.values, score.control.values, worst, detail, noise=least)


def _target(case: Case) -> int:
    """Choose the channel to foretell: of the last column of numbers that change in time, else the very last."""
    numbers = [column.start for column in case.columns if not column.discrete and not column.static]
    varying = [start for start in numbers if np.ptp(case.real.panel.values[:, start]) > 0]
    return (varying or numbers or [case.channels - 1])[-1]


def _owner(case: Case, channel: int) -> str:
    return next(column.name for column in case.columns if channel in range(column.channels.start, column.channels.stop))
