"""Discriminative and predictive score, by the papers' protocol, within a stated budget.

What a judge costs grows with its rows (steps of all windows of a batch), its units, the columns and the steps of
training: `rows * (units + columns / 10) * steps`. Above `BUDGET` of it units are cut first, to no fewer than 4, then
steps of training, to no fewer than 300; from there on the cost grows with the columns and the steps of a window. Named
in `metrics=`, both scores are taught by the published recipe in full (`in_full`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from ...arrays import Floats
from ...errors import InputError
from ..case import Case
from ..judges.papers import (
    BATCH,
    DISCRIMINATIVE_STEPS,
    PREDICTIVE_STEPS,
    Score,
    discriminative_score,
    predictive_score,
    published_units,
)
from ..splits import CannotMeasureError, parts
from .base import SMALL, Grade, Metric, Reference, Result, Scores
from .draws import useless

BUDGET = 20_000_000  # of a judge's cost: the ten judges of five repeats take 5 to 10 s on one core
OF_A_COLUMN = 0.1  # what a column of the input costs, where a unit costs 1
LEAST_UNITS, LEAST_STEPS = 4, 300  # that are left: a judge of fewer sees nothing
WITHIN_LIMITS = (
    "Its cost is limited: from about 4 columns of 24 steps on fewer units learn (no fewer than 4), for fewer steps (no "
    "fewer than 300), so that five repeats take about 10 seconds on one core, and in proportion to the columns beyond "
    "100. The detail says what was used; named in metrics=, the score follows the published recipe in full."
)


class Recipe(NamedTuple):
    """Units of a judge, and steps for which it is taught."""

    units: int
    steps: int

    @classmethod
    def within(cls, budget: float, published: Recipe, rows: int, columns: int) -> Recipe:
        """Cut the published recipe to a budget of `rows * (units + columns / 10) * steps`."""
        shown = OF_A_COLUMN * columns
        units = int(np.clip(budget / (rows * published.steps) - shown, LEAST_UNITS, None))
        units = min(units, published.units)
        steps = int(np.clip(budget / (rows * (units + shown)), LEAST_STEPS, None))
        return cls(units, min(steps, published.steps))


class Classic(Metric):
    """A score of the papers: small judges, taught by the published recipe or what the budget leaves of it."""

    zero_is_perfect = False
    least_steps = 2
    quick = False
    weight = 20
    steps: ClassVar[int]  # of the published recipe
    examples: ClassVar[int]  # windows of a batch

    def __init__(self, limited: bool = True) -> None:
        self.limited = limited

    def in_full(self) -> Self:
        """The same by the published recipe in full."""
        return type(self)(limited=False)

    def judged(self, case: Case, real: Floats, synthetic: Floats, repeats: int) -> tuple[Score, Score, Cut]:
        """Score of synthetic against real windows, of parts of the real ones that share no row, and what was cut."""
        published = Recipe(published_units(case.channels), self.steps)
        used = published
        if self.limited:
            used = Recipe.within(BUDGET, published, self.examples * case.window, case.channels)
        seed = int(case.rng(self.name).integers(2**31))
        halves = [parts(case.real, 2, case.rng(f"{self.name} halves", repeat)) for repeat in range(repeats)]
        options: dict[str, Any] = {"units": used.units, "iterations": used.steps, "progress": case.progress}
        try:
            score = self.teach()(real, synthetic, repeats=repeats, control=halves, random_state=seed, **options)
        except InputError as reason:
            raise CannotMeasureError(str(reason)) from reason
        assert score.control is not None
        return score, score.control, Cut(used, published)

    @abstractmethod
    def teach(self) -> Callable[..., Score]:
        """Return the judges' score."""


class Cut(NamedTuple):
    """The recipe by which judges were taught, and the published one."""

    used: Recipe
    published: Recipe

    @property
    def note(self) -> str:
        """What was cut, in a sentence; empty if nothing was."""
        if self.used == self.published:
            return ""
        pairs = zip(("units", "steps"), self.used, self.published, strict=True)
        few = " and ".join(f"{one} of {all} {word}" for word, one, all in pairs if one < all)
        return f"To keep its cost within limits the judge had {few}; name it in metrics= for the published recipe."

    @property
    def detail(self) -> dict[str, int]:
        """For the result's detail."""
        used, published = self.used, self.published
        now = {"units": used.units, "steps": used.steps}
        return {**now, "published_units": published.units, "published_steps": published.steps}


class Discriminative(Classic):
    """`|accuracy - 1/2|` of a small GRU taught to tell real from synthetic windows."""

    name = "discriminative"
    section = "apart"
    steps, examples = DISCRIMINATIVE_STEPS, 2 * BATCH
    title = "Discriminative score"
    question = "Can a small recurrent judge tell synthetic from real?"
    definition = (
        "|accuracy - 0.5| on held-out windows of a one-layer GRU with half as many units as there are channels, "
        "taught for 2000 steps on 128 real and 128 synthetic windows each. 0: it can only guess. 0.5: it is "
        "always right. Windows are split at random (the papers' protocol), so that test windows overlap training "
        "windows: a copy of the real data scores best, so does a judge that gives every window the same answer, and "
        "another sample of the real source, whose sequences the judge learns by heart, does not. Real against real is "
        "judged the same way on halves that share no sequence, or no stretch of time, and so holds what learning by "
        f"heart adds. {WITHIN_LIMITS} Use it to compare with published figures."
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
        score, control, cut = self.judged(case, real, synthetic, repeats)
        right = float(np.mean(score.accuracy_real)), float(np.mean(score.accuracy_synthetic))
        lazy = np.mean(np.abs(np.subtract(score.accuracy_real, score.accuracy_synthetic)) > 0.9) >= 0.5
        note = f"It was right on {right[0]:.0%} of the real and {right[1]:.0%} of the synthetic windows."
        if lazy:
            note += " It gave nearly every window the same answer, so this score says little."
        note = f"{note} {cut.note}".strip()
        detail = {
            **cut.detail,
            "accuracy_real": list(score.accuracy_real),
            "accuracy_synthetic": list(score.accuracy_synthetic),
            "always_the_same_answer": bool(lazy),
        }
        noise = float(np.sqrt(0.25 / max(0.4 * min(len(real), len(synthetic)), 1)))
        return self.result(Scores(score.values, control.values, 0.5, noise), detail, note)

    def judge(self, scores: Scores) -> Grade:
        """Call unclear what the judge tells apart as well as it does two real halves, both learned by heart."""
        found = super().judge(scores)
        return "unclear" if found == "faithful" and scores.value >= SMALL * scores.worst else found

    def teach(self) -> Callable[..., Score]:
        """Return the discriminative score."""
        return discriminative_score


MIN_NOISE = 0.02  # of the error: what one judge's training and one sample's draw may change


class Predictive(Classic):
    """Error on real windows of a small GRU taught on synthetic ones to foretell the last column."""

    name = "predictive"
    section = "use"
    steps, examples = PREDICTIVE_STEPS, BATCH
    title = "Predictive score"
    question = "Does what is learned on synthetic data hold on real data?"
    definition = (
        "Mean absolute error, in units of the last column's range, of a one-layer GRU that foretells the last "
        "column one step ahead from all others (from its own past if it is the only one; the last column is the "
        "last one of numbers that change in time, if there is one), taught on synthetic windows for 5000 steps of "
        "128 and tested on real ones; real against real is taught on one half of the real data and tested on "
        "another that shares no sequence, or no stretch of time, with it. Most good generators reach the error of "
        f"real data: a pass mark, not a ranking. {WITHIN_LIMITS} The useless end is the error of a judge taught on "
        "uniform noise, who always answers the middle of the range."
    )
    references = (
        Reference(
            "Time-series Generative Adversarial Networks (Yoon, Jarrett & van der Schaar, 2019)",
            "https://papers.nips.cc/paper/8789-time-series-generative-adversarial-networks",
        ),
    )
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
        score, control, cut = self.judged(case, real, synthetic, repeats)
        noise = useless(case, min(len(real), 1000), case.rng(self.name))[:, :, target]
        worst = float(np.abs(real[:, 1:, -1] - np.median(noise)).mean())
        column = next(column.name for column in case.columns if target < column.channels.stop)
        scores = Scores(score.values, control.values, worst, MIN_NOISE * control.mean)
        return self.result(scores, {**cut.detail, "target": column}, cut.note)

    def teach(self) -> Callable[..., Score]:
        """Return the predictive score."""
        return predictive_score


def _target(case: Case) -> int:
    """Choose the channel to foretell: of the last column of numbers that change in time, else the very last."""
    numbers = [column.start for column in case.columns if not column.discrete and not column.static]
    varying = [start for start in numbers if np.ptp(case.real.panel.values[:, start]) > 0]
    return (varying or numbers or [case.channels - 1])[-1]
