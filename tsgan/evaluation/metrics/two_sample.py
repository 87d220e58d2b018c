"""The strong judge: random convolutions, tested on windows that share nothing with those it learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import ClassVar

import numpy as np
from scipy import stats

from ...arrays import Bools, Doubles, Ints
from ..case import Case
from ..judges.rocket import KERNELS, judge_features, suspicion
from ..splits import parts
from .base import SMALL, Grade, Interval, Metric, Reference, Result, Scores
from .draws import FEW_SEQUENCES, areas, clusters, redrawn

MAX_WINDOWS = 2000  # of a half: more change the area by less than chance does
BELOW_CHANCE = 0.45  # an area below which guessing wrong is worth a word
WIDENING = 2  # over the clusters of a side: how much wider few of them make the interval
MAX_EXACT = 100  # clusters a side for which the chance of no mistake is counted out
NORMAL_95 = 1.96  # standard deviations to either side that hold 95 % of a normal distribution


class TwoSample(Metric):
    """AUC of a ridge classifier on random convolutions (ROCKET) and plain summaries."""

    name = "two_sample"
    section = "apart"
    least_steps = 2
    quick = False
    weight = 2
    title = "Strong judge"
    question = "Can a strong judge tell synthetic from real?"
    definition = (
        "Area under the ROC curve of a ridge classifier that sees 500 random convolutions over whitened values and "
        "their differences, and plain summaries of each channel: the probability that it finds a synthetic window "
        "more suspicious than a real one. 0.5: it can only guess. 1: it is always right. It is tested on "
        "sequences, or on time blocks with a gap of one window between them, that it did not learn from, so that "
        "what it has learned by heart does not count. Up to 4000 windows of each table are looked at per repeat. The "
        "interval draws whole sequences, or time blocks, anew."
    )
    references = (
        Reference(
            "ROCKET: exceptionally fast and accurate time series classification using random convolutional kernels "
            "(Dempster, Petitjean & Webb, 2020)",
            "https://arxiv.org/abs/1910.13051",
        ),
        Reference(
            "Revisiting Classifier Two-Sample Tests (Lopez-Paz & Oquab, 2017)", "https://arxiv.org/abs/1610.06545"
        ),
    )
    zero_is_perfect = False
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Even a strong judge cannot tell synthetic from real windows.",
        "close": "A strong judge does little better than guessing.",
        "visible": "A strong judge recognises many synthetic windows.",
        "far": "A strong judge recognises most synthetic windows.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Judge synthetic against real, and one part of the real data against another."""
        trials = [_trial(case, case.rng(self.name, repeat)) for repeat in range(repeats)]
        values, controls = [trial.value for trial in trials], [trial.control for trial in trials]
        interval, noise = _spread(case, trials, case.rng(self.name + " redrawn"))
        right = np.mean([_right(*pair) for trial in trials for pair in trial.scores], axis=0).tolist()
        note = f"It was right on {right[0]:.0%} of the real and {right[1]:.0%} of the synthetic windows."
        if interval[1] < 0.5 and np.mean(values) < BELOW_CHANCE:
            note += (
                " It did worse than guessing, as happens where synthetic windows repeat real ones: see what is given "
                "away."
            )
        detail = {"kernels": KERNELS, "accuracy_real": right[0], "accuracy_synthetic": right[1]}
        return self.result(Scores(values, controls, 1.0, noise), detail, note, interval)

    def judge(self, scores: Scores) -> Grade:
        """Grade by the bootstrap's spread: the controls, of half as many windows, would overstate it.

        Real against real is held to be no less than 0.5: what lies below is chance.
        """
        expected = max(scores.control, 0.5)
        found = super().judge(replace(scores, controls=[expected]))
        far_along = scores.value >= max(expected, 0.5 + SMALL * (scores.worst - 0.5))
        return "unclear" if found == "faithful" and far_along else found


@dataclass(frozen=True)
class _Trial:
    """One repeat: its figures, and the scores of each side's test windows with their numbers, in both directions."""

    value: float
    control: float
    scores: tuple[tuple[Doubles, Doubles], ...]
    index: tuple[tuple[Ints, Ints], ...]


def _trial(case: Case, rng: np.random.Generator) -> _Trial:
    """Learn on one half and test on the other, and the other way round; the real halves are two quarters each."""
    (first, second), one = _halves(parts(case.real, 4, rng), rng)
    (third, fourth), _ = _halves(parts(case.synthetic, 2, rng), rng)
    sides = [case.real.values(first), case.real.values(second), case.synthetic.values(third)]
    a, a_test, b, b_test = judge_features([*sides, case.synthetic.values(fourth)], rng)
    scores = tuple((x, y) for x, y in (suspicion(a, b, a_test, b_test), suspicion(a_test, b_test, a, b)))
    four = [side[mask] for side, half in ((a, one[0]), (a_test, one[1])) for mask in (half, ~half)]
    control = (_auc(*suspicion(*four)), _auc(*suspicion(four[2], four[3], four[0], four[1])))
    value = float(np.mean([_auc(x, y) for x, y in scores]))
    return _Trial(value, float(np.mean(control)), scores, ((second, fourth), (first, third)))


def _halves(quarters: list[Ints], rng: np.random.Generator) -> tuple[list[Ints], list[Bools]]:
    """Join parts to two ordered halves of at most `MAX_WINDOWS`; and which windows of a half are of its first part."""
    most = MAX_WINDOWS * 2 // len(quarters)
    cut = [rng.choice(part, min(len(part), most), replace=False) for part in quarters]
    halves = [cut[: len(cut) // 2], cut[len(cut) // 2 :]]
    joined = [np.sort(np.concatenate(half)) for half in halves]
    return joined, [np.isin(whole, half[0]) for whole, half in zip(joined, halves, strict=True)]


def _auc(one: Doubles, two: Doubles) -> float:
    return float(areas(one, two, np.ones((1, len(one))), np.ones((1, len(two))))[0])


def _right(real: Doubles, synthetic: Doubles) -> tuple[float, float]:
    """Return the shares of either side that are named right, if as many windows are called real as there are."""
    cut = np.quantile(np.concatenate([real, synthetic]), len(real) / (len(real) + len(synthetic)))
    return float((real <= cut).mean()), float((synthetic > cut).mean())


def _spread(case: Case, trials: Sequence[_Trial], rng: np.random.Generator) -> tuple[Interval, float]:
    """Bootstrap interval and standard deviation of the mean over trials.

    What one half shows by chance is what the judge learns there and is tested on in the other, and the same product of
    chances decides the other direction. Redrawing the tests of fixed judges takes the two directions for independent
    and so finds half the variance: both are widened by the root of two.
    """
    numbers = [clusters(windows) for windows in (case.real, case.synthetic)]
    counts = [int(number.max()) + 1 for number in numbers]
    redraws = [redrawn(count, rng)[:, number] for count, number in zip(counts, numbers, strict=True)]
    drawn = np.stack(
        [
            _redrawn(scores, redraws[0][:, real], redraws[1][:, synthetic])
            for trial in trials
            for scores, (real, synthetic) in zip(trial.scores, trial.index, strict=True)
        ]
    )
    means = np.nanmean(drawn[:, np.isfinite(drawn).any(axis=0)], axis=0)
    value = float(np.mean([trial.value for trial in trials]))
    widen = np.sqrt(2) * (1 + WIDENING / min(counts))
    low, high = value + widen * (np.quantile(means, [0.025, 0.975]) - value)
    # few clusters fall apart by chance: k and k of them, without one mistake, once in (2k choose k) times
    few = int(np.clip(min(counts), 2, MAX_EXACT))
    least = abs(value - 0.5) / float(stats.norm.isf(1 / comb(2 * few, few)))
    noise = max(float(widen * means.std()), least)
    if few < FEW_SEQUENCES:
        low, high = min(low, value - NORMAL_95 * least), max(high, value + NORMAL_95 * least)
    return (float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))), noise


def _redrawn(scores: tuple[Doubles, Doubles], real: Doubles, synthetic: Doubles) -> Doubles:
    """Areas for several weightings, NaN where one took no cluster of a side."""
    found = areas(*scores, real, synthetic)
    return np.where((real.sum(axis=1) > 0) & (synthetic.sum(axis=1) > 0), found, np.nan)
