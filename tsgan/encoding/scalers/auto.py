"""Which scaler suits a column, by stated rules.

1. Atoms: some value holds at least 5 % of the rows, or there are fewer than 30 distinct values: `quantile`, which keeps
   them.
2. The size of a step depends on the level: over the tenths of a column without negative values, `log mean |dx|` grows
   with `log level` by a slope above 0.5, levels span at least a factor of 3, and after the power transform the slope is
   at most half of it: `power`.
3. Heavy tails (excess kurtosis above 3 in size) or skew (above 1.5 in size): `quantile`.
4. Otherwise `standard`.

Rule 2 is what keeps a price's 1 % move a 1 % move; rule 1 is what keeps a rain gauge's dry days dry.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import kurtosis, skew

from .base import Bools, Doubles
from .power import Power

SHARE, FEW, PAIRS = 0.05, 30, 60
SPAN, SLOPE = 3.0, 0.5


def choose_scaler(x: Doubles, follows: Bools) -> tuple[str, str]:
    """Return the name of the scaler and the reason in a few words.

    Parameters
    ----------
    x : float64 array of shape (rows,)
    follows : bool array of shape (rows,)
        Whether a row is the next step of the row before it.
    """
    values, counts = np.unique(x, return_counts=True)
    top = int(counts.argmax())
    if len(values) < FEW and 2 * len(values) <= len(x):
        return "quantile", f"{len(values)} distinct values"
    if counts[top] >= max(3.0, SHARE * len(x)):
        return "quantile", f"atom: {values[top]:g} holds {100 * counts[top] / len(x):.0f} % of rows"
    if values[0] >= 0:
        raw, powered = step_slopes(x, follows)
        if raw > SLOPE and abs(powered) <= raw / 2:
            return "power", f"steps grow with level^{raw:.1f}"
    heavy, lean = float(kurtosis(x)), float(skew(x))
    if abs(heavy) > 3:
        return "quantile", f"excess kurtosis {heavy:.1f}"
    if abs(lean) > 1.5:
        return "quantile", f"skew {lean:.1f}"
    return "standard", "even steps, light tails"


def step_slopes(x: Doubles, follows: Bools) -> tuple[float, float]:
    """Return the slope of log mean |step| on log level before and after the power transform; zeros if not measurable.

    Measurable means: at least 60 steps, and tenths of the levels whose middles span a factor of 3.
    """
    after = np.flatnonzero(follows)
    before = after - 1
    if len(after) < PAIRS:
        return 0.0, 0.0
    level = x[before]
    tenth = np.searchsorted(np.quantile(level, np.arange(0.1, 0.95, 0.1)), level, side="right")
    size = np.bincount(tenth, minlength=10)
    if size.min() == 0:
        return 0.0, 0.0
    middle = np.bincount(tenth, level, 10) / size
    if middle[0] <= 0 or middle[-1] < SPAN * middle[0]:
        return 0.0, 0.0
    log_level = np.log(middle)
    scaled = Power.fit(x).forward(x, np.random.default_rng(0))

    def slope(y: Doubles) -> float:
        step = np.bincount(tenth, np.abs(y[after] - y[before]), 10) / size
        return float(np.polyfit(log_level, np.log(step), 1)[0]) if step.min() > 0 else 0.0

    return slope(x), slope(scaled)
