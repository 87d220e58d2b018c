"""How long the sequences are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ..prepare import Case
from ..splits import CannotMeasureError
from .base import Metric, Reference, Result
from .distribution import distribution
from .figures import Row, result
from .grading import Grade
from .units import Pair, Sample


class Lengths(Metric):
    """Kolmogorov-Smirnov distance of the distributions of sequence lengths."""

    name = "lengths"
    section = "time"
    title = "Lengths of sequences"
    question = "Are the sequences as long as they should be?"
    definition = (
        "The Kolmogorov-Smirnov distance between the numbers of steps of the real and the synthetic sequences: the "
        "largest difference between the shares of sequences up to any length, from 0 to 1. All sequences count, those "
        "shorter than a window too. It is also graded by the Wasserstein-1 distance (by how many steps lengths must "
        "change on average, in real spreads). Real against real are random halves of the sequences. The useless "
        "table has any length up to the longest real one alike; where that is near the real one, 0.1 counts as useless."
    )
    references = (
        Reference(
            "On the empirical determination of a distribution law (Kolmogorov, 1933)",
            "https://doi.org/10.1007/978-1-4612-0919-5_10",
        ),
        Reference(
            "Using GANs for Sharing Networked Time Series Data: Challenges, Initial Promise, and Open Questions "
            "(Lin, Jain, Wang, Fanti & Sekar, 2020)",
            "https://arxiv.org/abs/1909.13403",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Sequences are as long as in the real data.",
        "close": "Sequences are almost as long as in the real data.",
        "visible": "Sequences are too long, too short or too much alike in length.",
        "far": "The lengths of the sequences have little to do with the real ones.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the lengths of all sequences."""
        both = case.real.panel.lengths, case.synthetic.panel.lengths
        for side, lengths in zip(("real", "synthetic"), both, strict=True):
            if len(lengths) < 2:
                raise CannotMeasureError(
                    f"the {side} table is one sequence of {int(lengths[0])} steps; it needs at least 2 sequences in "
                    f"each table (name the column that tells them apart: entity=...)"
                )
        pair = Pair.dealt(_sample(both[0]), _sample(both[1]), case.rng(self.name))
        sides = both[0].astype(np.float64), both[1].astype(np.float64)
        longest = int(both[0].max())
        useless = np.arange(1, longest + 1, dtype=np.float64)
        figures = distribution(pair, sides, (np.ones(len(both[0]), bool), np.ones(len(both[1]), bool)), useless)
        remarks = {
            f"{part}_{side}": float(function(lengths))
            for side, lengths in zip(("real", "synthetic"), both, strict=True)
            for part, function in (("shortest", np.min), ("median", np.median), ("longest", np.max))
        }
        return result(self, [Row("lengths", figures, remarks)], repeats, key="part", note="")


def _sample(lengths: np.ndarray) -> Sample:
    """Sequences as rows and units at once."""
    count = len(lengths)
    alone = np.zeros(count, dtype=np.bool_)
    values = lengths[:, None].astype(np.float32)
    return Sample(values, np.arange(count), alone, ~alone, np.arange(count), count)
