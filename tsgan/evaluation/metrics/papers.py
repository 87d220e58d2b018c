"""Discriminative and predictive score, by the papers' protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ...arrays import Ints
from ...errors import InputError
from ..case import Case
from ..judges.papers import discriminative_score, predictive_score
from ..splits import CannotMeasureError, parts
from .base import SMALL, Grade, Metric, Reference, Result, Scores
from .draws import useless


class Discriminative(Metric):
    """`|accuracy - 1/2|` of a small GRU taught to tell real from synthetic windows."""

    name = "discriminative"
    section = "apart"
    zero_is_perfect = False
    title = "Discriminative score"
    question = "Can a small recurrent judge tell synthetic from real?"
    definition = (
        "|accuracy - 0.5| on held-out windows of a one-layer GRU with half as many units as there are channels, "
        "taught for 2000 steps on 128 real and 128 synthetic windows each. 0: it can only guess. 0.5: it is "
        "always right. Windows are split at random (the papers' protocol), so that test windows overlap training "
        "windows: a copy of the real data scores best, so does a judge that gives every window the same answer, and "
        "another sample of the real source, whose sequences the judge learns by heart, does not. Real against real is "
        "judged the same way on halves that share no sequence, or no stretch of time, and so holds what learning by "
        "heart adds. Use it to compare with published figures."
    )
    references = (
        Reference(
            "Time-series Generative Adversarial Networks (Yoon, Jarrett & van der Schaar, 2019)",
            "https://papers.nips.cc/paper/8789-time-series-generative-adversarial-networks",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "A small judge cannot tell synthetic from real windows.",
        "close": "A small judge does little better than guessing.",
        "visible": "A small judge recognises many synthetic windows.",
        "far": "A small judge recognises most synthetic windows.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Train all judges, synthetic against real and real against real, side by side."""
        real, synthetic = case.real.values(), case.synthetic.values()
        seed = int(case.rng(self.name).integers(2**31))
        try:
            halves = apart(case, self.name, repeats)
            score = discriminative_score(real, synthetic, repeats=repeats, control=halves, random_state=seed)
        except InputError as reason:
            raise CannotMeasureError(str(reason)) from reason
        assert score.control is not None
        right = float(np.mean(score.accuracy_real)), float(np.mean(score.accuracy_synthetic))
        lazy = np.mean(np.abs(np.subtract(score.accuracy_real, score.accuracy_synthetic)) > 0.9) >= 0.5
        note = f"It was right on {right[0]:.0%} of the real and {right[1]:.0%} of the synthetic windows."
        if lazy:
            note += " It gave nearly every window the same answer, so this score says little."
        detail = {
            "accuracy_real": list(score.accuracy_real),
            "accuracy_synthetic": list(score.accuracy_synthetic),
            "always_the_same_answer": bool(lazy),
        }
        noise = float(np.sqrt(0.25 / max(0.4 * min(len(real), len(synthetic)), 1)))
        return self.result(Scores(score.values, score.control.values, 0.5, noise), detail, note)

    def judge(self, scores: Scores) -> Grade:
        """Call unclear what the judge tells apart as well as it does two real halves, both learned by heart."""
        found = super().judge(scores)
        return "unclear" if found == "faithful" and scores.value >= SMALL * scores.worst else found


def apart(case: Case, purpose: str, repeats: int) -> list[tuple[Ints, Ints]]:
    """Window numbers of two parts of the real data that share no row, for each repeat.

    Raises
    ------
    CannotMeasureError
        If the real data are too few to be cut in two.
    """
    pairs = []
    for repeat in range(repeats):
        one, two = parts(case.real, 2, case.rng(f"{purpose} halves", repeat))
        pairs.append((one, two))
    return pairs


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
        return self.result(Scores(score.values, score.control.values, worst, least), detail)


def _target(case: Case) -> int:
    """Choose the channel to foretell: of the last column of numbers that change in time, else the very last."""
    numbers = [column.start for column in case.columns if not column.discrete and not column.static]
    varying = [start for start in numbers if np.ptp(case.real.panel.values[:, start]) > 0]
    return (varying or numbers or [case.channels - 1])[-1]


def _owner(case: Case, channel: int) -> str:
    return next(column.name for column in case.columns if channel in range(column.channels.start, column.channels.stop))
