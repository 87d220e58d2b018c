"""A straight line in time: what of a long series rises or falls over all of it, told to the generator as a covariate.

It is 0 at the first row that was fitted and 1 at the last, and goes on beyond in the future. A line is believed of a
number if it foretells stretches of time that were held back, alternating ones as well as both ends, better than their
mean does: a walk by chance seldom goes on at either end as a line through the rest of it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...panel import Doubles, Floats
from ..dtypes import Name
from .calendar import means, ridge
from .stamps import Ticks

EXPLAINED = 0.05  # of the variance that is held back
CHANCE = 16.0  # rows times the share: a line through noise of few rows explains as much
BLOCKS = 12
END = 0.25


@dataclass(frozen=True)
class Trend:
    """Where time begins and ends, and what it explains.

    Attributes
    ----------
    first, last : float
        Ticks of the first and the last row.
    explained : dict of str to float
        Share of the held-back variance by column, negative where the column falls.
    """

    first: float
    last: float
    explained: dict[str, float]

    @classmethod
    def fit(cls, ticks: Ticks, scaled: Doubles, names: Sequence[Name], calendar: Floats | None = None) -> Trend | None:
        """Return the trend if it explains something beyond the calendar, else None.

        Parameters
        ----------
        ticks : array of shape (rows,)
            Increasing.
        scaled : float64 array of shape (rows, columns)
            Scaled numbers, NaN where missing.
        names : sequence of str or int
        calendar : float32 array of shape (rows, covariates), optional
        """
        if len(ticks) < BLOCKS or ticks[-1] <= ticks[0]:
            return None
        made = cls(float(ticks[0]), float(ticks[-1]), {})
        time = made.features(ticks)[:, 0].astype(np.float64)
        rest = scaled - means(scaled)
        if calendar is not None:
            x = np.column_stack([np.ones(len(time)), calendar]).astype(np.float64)
            rest = rest - x @ ridge(x, rest)
        odd = np.minimum((time * BLOCKS).astype(np.int64), BLOCKS - 1) % 2 == 1
        for name, y in zip(names, rest.T, strict=True):
            seen = ~np.isnan(y)
            t, told, held = time[seen], y[seen], odd[seen]
            if len(t) < BLOCKS or told.std() == 0:
                continue
            share = 1 - (_errors(t, told, held)[0] + _errors(t, told, ~held)[0]) / float((told**2).sum())
            ends = [_errors(t, told, end) for end in (t < END, t > 1 - END)]
            if share >= max(EXPLAINED, CHANCE / len(t)) and all(line < mean for line, mean in ends):
                made.explained[str(name)] = share * float(np.sign(np.polyfit(t, told, 1)[0]))
        return made if made.explained else None

    def features(self, ticks: Ticks) -> Floats:
        """Return how far each tick is on the way from the first to the last, `(rows, 1)`."""
        way = (np.asarray(ticks, dtype=np.float64) - self.first) / (self.last - self.first)
        return way.astype(np.float32)[:, None]

    def describe(self) -> str:
        """Return in words what rises and falls."""
        best = sorted(self.explained.items(), key=lambda item: -abs(item[1]))
        told = [f"{name} {'falls' if share < 0 else 'rises'} with time ({abs(share):.0%})" for name, share in best[:5]]
        more = f" and {len(best) - 5} more" if len(best) > 5 else ""
        return ", ".join(told) + more

    def to_dict(self) -> dict[str, Any]:
        """Return the trend as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Trend:
        """Rebuild from `to_dict`."""
        return cls(float(data["first"]), float(data["last"]), dict(data["explained"]))


def _errors(t: Doubles, y: Doubles, held: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the squared errors on held rows of a line through the others, and of the mean of the others."""
    others = ~held
    if others.sum() < 3 or np.ptp(t[others]) == 0:
        return float((y[held] ** 2).sum()), 0.0
    line = np.polyval(np.polyfit(t[others], y[others], 1), t[held])
    return float(((y[held] - line) ** 2).sum()), float(((y[held] - y[others].mean()) ** 2).sum())
