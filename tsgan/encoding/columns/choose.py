"""The scalers by name, and which of them suits a column, by stated rules.

1. Few distinct values (fewer than 30): `standard`.
2. Zeros with a heavy right tail: no value is negative, zero holds at least 5 % of the rows, and the skewness of the
   rest is above 2: `log`, which is an arsinh where there are zeros.
3. The size of a step depends on the level: over the tenths of a column without negative values, `log mean |dx|` grows
   with `log level` by a slope above 0.5, levels span at least a factor of 3, and after the power transform the slope is
   at most half of it: `power`.
4. A heavy right tail: all values are positive, their skewness is above 2, and their logarithm is near normal (the
   Kolmogorov-Smirnov distance is at most .02 + 1 / sqrt(rows)): `log`, which goes on beyond the largest value as the
   tail does.
5. Very heavy tails: between the outer hundredths lie more than 12 interquartile ranges (3.5 in a normal column), and
   either no value is negative, or both sides reach out from a median near zero: `log`, an arsinh where not all values
   are positive.
6. Otherwise `standard`.

Rule 3 is what keeps a price's 1 % move a 1 % move.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import skew

from ...arrays import Bools, Doubles
from .habits import describe_atoms
from .scalers import Log, MinMax, Power, Quantile, Robust, Scaler, Standard

ATOM_SHARE = 0.05  # of the rows, from which one value stands out
FEW_VALUES = 30
MIN_STEPS = 60  # from which how they depend on the level can be told
MIN_SPAN, MIN_SLOPE = 3.0, 0.5  # of the levels, and of the steps over them, on logarithmic axes
HEAVY = 2.0  # skewness of a heavy tail
NEAR_NORMAL, NEAR_LOGNORMAL = 0.04, 0.02  # Kolmogorov-Smirnov distances, beside what chance makes
WIDE, MIN_WIDE_ROWS = 12.0, 100  # interquartile ranges between the outer hundredths, and rows that can tell
SLOW = 0.95  # correlation with the step before


def choose_scaler(x: Doubles, follows: Bools) -> tuple[str, str]:
    """Return the name of the scaler and the reason in a few words.

    Parameters
    ----------
    x : float64 array of shape (rows,)
    follows : bool array of shape (rows,)
        Whether a row is the next step of the row before it.
    """
    values, counts = np.unique(x, return_counts=True)
    if len(values) < FEW_VALUES and 2 * len(values) <= len(x):
        return "standard", f"{len(values)} distinct values"
    if values[0] == 0 and counts[0] >= max(3.0, ATOM_SHARE * len(x)) and _skewness(x[x > 0]) > HEAVY:
        return "log", "zeros with a heavy right tail"
    if values[0] >= 0:
        raw, powered = step_slopes(x, follows)
        if raw > MIN_SLOPE and abs(powered) <= raw / 2:
            return "power", f"steps grow with level^{raw:.1f}"
    chance = 1 / np.sqrt(len(x))
    if values[0] > 0 and _skewness(x) > HEAVY:
        after = distance_to_normal(np.log(values), counts)
        if after <= NEAR_LOGNORMAL + chance:
            return "log", f"heavy right tail, its logarithm near normal (KS {after:.2f})".replace("0.", ".")
    if _wide(x):
        return "log", "very heavy tail" if values[0] >= 0 else "very heavy tails on both sides"
    top = int(counts.argmax())
    if counts[top] >= max(3.0, ATOM_SHARE * len(x)):
        return "standard", describe_atoms(values, counts, np.array([top]))
    memory = step_memory(x, follows)
    if memory > SLOW:
        return "standard", f"slow (correlation {memory:.3f} with the step before)".replace("0.", ".")
    distance = distance_to_normal(values, counts)
    near = "near" if distance <= NEAR_NORMAL + chance else "far from"
    return "standard", f"{near} normal (KS {distance:.2f})".replace("0.", ".")


def _skewness(x: Doubles) -> float:
    """Return the skewness of positive numbers; of their shares of the largest, whose cubes are finite."""
    return float(skew(x / x.max()))


def _wide(x: Doubles) -> bool:
    """Return whether the tails are very heavy, as rule 5 says."""
    low, first, median, third, high = np.quantile(x, [0.01, 0.25, 0.5, 0.75, 0.99])
    middle = third - first
    both = min(median - low, high - median) > WIDE / 4 * middle and abs(median) <= middle
    return bool(len(x) >= MIN_WIDE_ROWS and high - low > WIDE * middle > 0 and (both or x.min() >= 0))


def distance_to_normal(values: Doubles, counts: NDArray[np.int64]) -> float:
    """Return the Kolmogorov-Smirnov distance between a standardised column and the normal law.

    It is the largest difference of the two distribution functions, with mean and variance from the column: the
    statistic of "On the Kolmogorov-Smirnov test for normality with mean and variance unknown" (Lilliefors, 1967,
    https://doi.org/10.1080/01621459.1967.10482916), whose 99 % point for independent normal rows is about
    1.03 / sqrt(rows).

    Parameters
    ----------
    values : float64 array of shape (levels,)
        Distinct values, increasing, at least two.
    counts : int64 array of shape (levels,)
        Rows that hold each.
    """
    mean = np.average(values, weights=counts)
    normal = ndtr((values - mean) / np.sqrt(np.average((values - mean) ** 2, weights=counts)))
    after = np.cumsum(counts) / counts.sum()
    return float(max((after - normal).max(), (normal - after + counts / counts.sum()).max()))


def step_memory(x: Doubles, follows: Bools, least: int = MIN_STEPS) -> float:
    """Return the correlation of a value and the one a step before; 0 where fewer than `least` steps are known."""
    after = np.flatnonzero(follows & np.isfinite(x) & np.append(False, np.isfinite(x[:-1])))
    if len(after) < least or x[after].std() == 0 or x[after - 1].std() == 0:
        return 0.0
    return float(np.corrcoef(x[after], x[after - 1])[0, 1])


def step_slopes(x: Doubles, follows: Bools) -> tuple[float, float]:
    """Return the slope of log mean |step| on log level before and after the power transform; zeros if not measurable.

    Measurable means: at least 60 steps, and tenths of the levels whose middles span a factor of 3.
    """
    after = np.flatnonzero(follows)
    before = after - 1
    if len(after) < MIN_STEPS:
        return 0.0, 0.0
    level = x[before]
    tenth = np.searchsorted(np.quantile(level, np.arange(0.1, 0.95, 0.1)), level, side="right")
    size = np.bincount(tenth, minlength=10)
    if size.min() == 0:
        return 0.0, 0.0
    middle = np.bincount(tenth, level, 10) / size
    if middle[0] <= 0 or middle[-1] < MIN_SPAN * middle[0]:
        return 0.0, 0.0
    log_level = np.log(middle)
    scaled = Power.fit(x).forward(x)

    def slope(y: Doubles) -> float:
        step = np.bincount(tenth, np.abs(y[after] - y[before]), 10) / size
        return float(np.polyfit(log_level, np.log(step), 1)[0]) if step.min() > 0 else 0.0

    return slope(x), slope(scaled)


SCALERS: dict[str, type[Scaler]] = {
    "standard": Standard,
    "minmax": MinMax,
    "robust": Robust,
    "log": Log,
    "power": Power,
    "quantile": Quantile,
}
