"""The time between one row and the next, and how long the sequences are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ...arrays import Doubles
from ..case import Case
from ..splits import CannotMeasureError
from .base import Grade, Metric, Reference, Result
from .figures import KOLMOGOROV, MIN_WORST, Row, difference_of_shares, distribution, result_of_rows
from .units import Pair, Sample

ROUNDED = 1e-6  # of the median gap: beyond that a clock's digits end
HEAVY = 20.0  # times the median: longer gaps would drown the others in a mean distance
USELESS_GAPS = 10_000


class Gaps(Metric):
    """Kolmogorov-Smirnov distance of the distributions of gaps between time stamps."""

    name = "gaps"
    section = "time"
    title = "Time between rows"
    question = "Do the rows follow each other at the intervals at which they should?"
    definition = (
        "The Kolmogorov-Smirnov distance between the gaps from each row's time stamp to the next one's in its "
        "sequence: the largest difference between the shares of real and of synthetic gaps up to any length, from 0 "
        "to 1. Gaps are compared to a millionth of the median real one, so that a clock that should tick evenly is "
        "seen to jitter. It is also graded by the Wasserstein-1 distance (how far gaps must move on average, in real "
        "spreads; of their logarithms, where the longest are more than 20 times the median), and by the share of rows "
        "that have the time stamp of the row before. The useless table has any gap alike, up to the 99 % quantile of "
        "the real ones or twice their median; where that is near the real one, 0.1 counts as useless."
    )
    references = (
        KOLMOGOROV,
        Reference(
            "Modeling irregular time series with continuous recurrent units (Schirmer et al., 2022)",
            "https://arxiv.org/abs/2111.11344",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Rows follow each other at the intervals of the real data.",
        "close": "Rows follow each other almost at the intervals of the real data.",
        "visible": "The intervals between rows are visibly not those of the real data.",
        "far": "The intervals between rows have little to do with the real ones.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the gaps within sequences."""
        clocks = case.clocks or {}
        lacking = [side for side in ("real", "synthetic") if side not in clocks]
        if lacking:
            raise CannotMeasureError(
                f"the {' and the '.join(lacking)} table {'have' if len(lacking) > 1 else 'has'} no clock; name its "
                f"column (time=...), or give the table an index of dates"
            )
        pair = Pair.of(case, self.name)
        real, other = (
            np.diff(clocks[side][sample.rows], prepend=0.0)
            for side, sample in (("real", pair.real), ("synthetic", pair.other))
        )
        where = pair.real.follows, pair.other.follows
        if not (where[0].any() and where[1].any()):
            raise CannotMeasureError("no sequence of one of the tables has two rows; a gap needs two")
        ahead = real[where[0] & (real > 0)]
        unit = float(np.median(ahead)) if len(ahead) else 1.0
        sides = np.round(real / unit / ROUNDED) * ROUNDED, np.round(other / unit / ROUNDED) * ROUNDED
        bulk = np.quantile(sides[0][where[0]], [0.5, 0.99])
        useless = (np.arange(USELESS_GAPS) + 0.5) / USELESS_GAPS * max(float(bulk[1]), 2 * float(bulk[0]))
        still = pair.shares(sides[0] <= 0, sides[1] <= 0, 2, where)
        heavy = bulk[1] > HEAVY * max(bulk[0], ROUNDED)
        if heavy:
            sides, useless = (_log(sides[0]), _log(sides[1])), _log(useless)
        figures = distribution(pair, sides, where, useless)
        figures["still"] = difference_of_shares(still, max(float(still.real[1]), MIN_WORST))
        remarks = {"median_real": unit, "logarithms": bool(heavy), "still_synthetic": float(still.other[1])}
        return result_of_rows(self, [Row("gaps", figures, remarks)], repeats, "part")


def _log(gaps: Doubles) -> Doubles:
    return np.log(np.maximum(gaps, ROUNDED))


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
        KOLMOGOROV,
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
        samples = [Sample.of_units(lengths[:, None].astype(np.float32), np.arange(len(lengths))) for lengths in both]
        pair = Pair.dealt(samples[0], samples[1], case.rng(self.name))
        sides = both[0].astype(np.float64), both[1].astype(np.float64)
        longest = int(both[0].max())
        useless = np.arange(1, longest + 1, dtype=np.float64)
        figures = distribution(pair, sides, (samples[0].begins, samples[1].begins), useless)
        remarks = {
            f"{part}_{side}": float(function(lengths))
            for side, lengths in zip(("real", "synthetic"), both, strict=True)
            for part, function in (("shortest", np.min), ("median", np.median), ("longest", np.max))
        }
        return result_of_rows(self, [Row("lengths", figures, remarks)], repeats, "part")
