"""The time between one row and the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ..prepare import Case
from ..splits import CannotMeasureError
from .base import Metric, Reference, Result
from .distribution import LEAST_WORST, distribution
from .figures import Row, difference, result
from .grading import Grade
from .units import Doubles, Pair

ROUNDED = 1e-6
HEAVY = 20.0
USELESS = 10_000


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
        Reference(
            "On the empirical determination of a distribution law (Kolmogorov, 1933)",
            "https://doi.org/10.1007/978-1-4612-0919-5_10",
        ),
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
        useless = (np.arange(USELESS) + 0.5) / USELESS * max(float(bulk[1]), 2 * float(bulk[0]))
        still = pair.shares((sides[0] <= 0).astype(np.int64), (sides[1] <= 0).astype(np.int64), 2, where)
        heavy = bulk[1] > HEAVY * max(bulk[0], ROUNDED)
        if heavy:
            sides, useless = (_log(sides[0]), _log(sides[1])), _log(useless)
        figures = distribution(pair, sides, where, useless)
        share = float(still.real[1])
        figures["still"] = difference(float(still.other[1]), share, still.chance[..., 1], max(share, LEAST_WORST))
        remarks = {"median_real": unit, "logarithms": bool(heavy), "still_synthetic": float(still.other[1])}
        return result(self, [Row("gaps", figures, remarks)], repeats, key="part", note="")


def _log(gaps: Doubles) -> Doubles:
    return np.log(np.maximum(gaps, ROUNDED))
