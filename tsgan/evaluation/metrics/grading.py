"""How a figure becomes a verdict.

A figure stands between two ends: the same figure for one part of the real data against another (the control: nothing
better can be expected), and for a useless table. Whether it is worse than the control by more than chance is a test:
a distance between two samples of one source is about gamma distributed ("A Fast, Consistent Kernel Two-Sample Test",
Gretton, Fukumizu, Harchaoui & Sriperumbudur, 2009, https://papers.nips.cc/paper/3738), so a gamma distribution with
the controls' mean and spread gives the chance that another sample of the real source comes out as high. Figures
that chance puts on both sides of the control, as an area under a curve, are held against a normal distribution.
How much worse it is, is said by its share of the way from the control to the useless end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import stats

Grade = Literal["faithful", "close", "unclear", "visible", "far", "none found", "suspicious", "leak", "not available"]
Better = Literal["lower", "higher"]
Tone = Literal["good", "fair", "unsure", "warn", "bad", "none"]

GRADES: dict[Grade, str] = {
    "faithful": "faithful",
    "close": "close",
    "unclear": "unclear",
    "visible": "visible difference",
    "far": "far",
    "none found": "none found",
    "suspicious": "suspicious",
    "leak": "leak",
    "not available": "not available",
}
TONES: dict[Grade, Tone] = {
    "faithful": "good",
    "none found": "good",
    "close": "fair",
    "unclear": "unsure",
    "visible": "warn",
    "suspicious": "warn",
    "far": "bad",
    "leak": "bad",
    "not available": "none",
}
RANK: dict[Grade, int] = {"faithful": 0, "unclear": 1, "close": 2, "visible": 3, "far": 4}

ALPHA = 2e-4
NEGLIGIBLE, SMALL, LARGE = 0.005, 0.15, 0.5
LEAST_SPREAD = 0.3


def chance_of(
    values: Sequence[float],
    controls: Sequence[float],
    better: Better = "lower",
    zero_is_perfect: bool = True,
    noise: float = 0.0,
) -> float:
    """Return the chance that another sample of the real source comes out at least as bad as the mean of `values`.

    Parameters
    ----------
    values : sequence of float
        The figure for the synthetic table, one per repeat.
    controls : sequence of float
        The same for parts of the real data against each other. Few of them say little about their own spread, which
        is then taken to be larger.
    better : {"lower", "higher"}
    zero_is_perfect : bool
        Whether it is a distance (gamma) or a figure with chance on both sides (normal).
    noise : float
        Least standard deviation to reckon with, where the metric knows it.
    """
    value, mean = float(np.mean(values)), float(np.mean(controls))
    distance = zero_is_perfect and better == "lower"
    spread = max(float(np.std(controls)) * (1 + 2 / len(controls)), noise, LEAST_SPREAD * mean if distance else 0.0)
    spread = float(np.hypot(spread, np.std(values) / np.sqrt(len(values))))
    beyond = (value - mean) if better == "lower" else (mean - value)
    if spread <= 0 or (distance and mean <= 0):
        return 1.0 if beyond <= 1e-9 else 0.0
    if distance:
        return float(stats.gamma.sf(max(value, 0.0), (mean / spread) ** 2, scale=spread**2 / mean))
    return float(stats.norm.sf(beyond / spread))


def grade(value: float, control: float, worst: float, chance: float, better: Better = "lower", tests: int = 1) -> Grade:
    """Place a value between its two ends.

    Parameters
    ----------
    value, control, worst : float
        Of the synthetic table, of real against real, of a useless table.
    chance : float
        From `chance_of`.
    better : {"lower", "higher"}
    tests : int
        How many such figures are looked at together (the columns, say): the more, the less is left to chance.

    Returns
    -------
    {"faithful", "close", "unclear", "visible", "far"}
        "faithful" where chance explains the difference (it is above 2 in 10,000 over all tests), or it is below half a
        percent of the scale; "close" up to 15 % of the way to the useless end, "visible" up to half of it, beyond
        that "far". What chance explains, but so far along the scale that chance explains too much, is "unclear".
        Where the useless table is hardly worse than real against real the scale says nothing: beyond chance it is
        "visible", and "far" beyond twice the control; within chance, but beyond twice the control, "unclear".
    """
    sign = 1 if better == "lower" else -1
    beyond, scale = sign * (value - control), max(sign * (worst - control), 0.0)
    telling = scale > 0.5 * abs(control) or (better == "higher" and scale > 0.1)
    share = beyond / scale if scale else 0.0
    if chance > ALPHA / tests or beyond <= NEGLIGIBLE * scale:
        doubtful = share >= SMALL if telling else beyond > abs(control) > 0
        return "unclear" if doubtful else "faithful"
    if not telling:
        return "far" if beyond > abs(control) else "visible"
    return "close" if share < SMALL else "visible" if share < LARGE else "far"
