"""The strong judge: random convolutions, tested on windows that share nothing with those it learned from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ..prepare import Case
from ..rocket import separation
from ..splits import parts
from .base import Metric, Reference, Result
from .grading import Grade

MAX_WINDOWS = 3000


class TwoSample(Metric):
    """AUC of a ridge classifier on random convolutions (ROCKET) and plain summaries."""

    name = "two_sample"
    section = "apart"
    title = "Strong judge"
    question = "Can a strong judge tell synthetic from real?"
    definition = (
        "Area under the ROC curve of a ridge classifier that sees 500 random convolutions over whitened values and "
        "their differences, and plain summaries of each channel: the probability that it finds a synthetic window "
        "more suspicious than a real one. 0.5: it can only guess. 1: it is always right. It is tested on "
        "sequences, or on time blocks with a gap of one window between them, that it did not learn from, so that "
        "what it has learned by heart does not count."
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
        values, controls = [], []
        for repeat in range(repeats):
            rng = case.rng(self.name, repeat)
            quarters = parts(case.real, 4, rng)
            halves, others = parts(case.real, 2, rng), parts(case.synthetic, 2, rng)
            values.append(separation(case.real, case.synthetic, (*halves, *others), rng, MAX_WINDOWS))
            controls.append(separation(case.real, case.real, tuple(quarters), rng, MAX_WINDOWS))
        return self.result(values, controls, 1.0, {"kernels": 500})
