"""How much of what a real table does not hold another sample of its source would bring, by chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from .units import Bools, Ints


def chance_of_records(count: int, real: int, other: int) -> float:
    """Return the chance that as many of the other table's units go beyond all real ones.

    If both have one source, all orders of the units' extremes are equally likely, and the outermost `count` must all
    be of the other table ("Modelling Extremal Events", Embrechts, Klüppelberg & Mikosch, 1997,
    https://doi.org/10.1007/978-3-642-33483-2).

    Parameters
    ----------
    count : int
        Units of the other table that go beyond every real one.
    real, other : int
        Units of each.
    """
    total = real + other
    count = min(count, other)
    log = special.gammaln([other + 1, total - count + 1]) - special.gammaln([other - count + 1, total + 1])
    return float(min(np.exp(log.sum()), 1.0))


def chance_of_news(count: int, singles: int, real: int, other: int) -> float:
    """Return the chance that as many units of the other table hold what no real unit holds.

    By the rule of Good and Turing, a further unit brings something new about as often as real units hold something
    found in no other unit ("The Population Frequencies of Species and the Estimation of Population Parameters", Good,
    1953, https://doi.org/10.1093/biomet/40.3-4.237); one more is added for what chance left out.
    """
    return float(stats.poisson.sf(count - 1, other / real * (singles + 1)))


def singles(codes: NDArray[np.integer], units: Ints, where: Bools, outcomes: int) -> tuple[Bools, int]:
    """Find what occurs in one unit only.

    Parameters
    ----------
    codes : int array of shape (rows,)
        From 0 to `outcomes` - 1.
    units : int64 array of shape (rows,)
    where : bool array of shape (rows,)
        Rows that count.
    outcomes : int

    Returns
    -------
    bool array of shape (outcomes,)
    int
        How many units hold such an outcome.
    """
    pairs = np.unique(units[where] * outcomes + codes[where])
    alone = np.bincount(pairs % outcomes, minlength=outcomes) == 1
    return alone, len(np.unique(pairs[alone[pairs % outcomes]] // outcomes))
