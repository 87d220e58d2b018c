"""What a long series does once: a line that it rises or falls by, and switches, both covariates of the generator.

The line is 0 at the first row that was fitted and 1 at the last, and goes on beyond in the future. It is believed of a
number if it foretells stretches of time that were held back, alternating ones as well as both ends, better than their
mean does: a walk by chance seldom goes on at either end as a line through the rest of it says.

A column switches where it is missing, or has a level, at one end of the series in a run far longer than any other: a
sensor that was installed later, a version that was replaced. Whether that moment has passed is a covariate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...arrays import Doubles, Floats, Ints, steps_within
from ...bundle import saved
from ...constraints.base import Columns
from ...constraints.numbers import kind_of
from ...tables.dtypes import Name
from .calendar import means, ridge
from .stamps import Ticks

MIN_EXPLAINED = 0.05  # of the variance that is held back
MIN_EXPLAINED_ROWS = 16.0  # rows times the share: a line through noise of few rows explains as much
BLOCKS = 12  # of which every other one is held back in turn
END = 0.25  # of the time, which is held back at either end
MIN_RUN = 16  # rows that a state lasts before or after it switches
MIN_RATIO = 5  # times that a run at an end is as long as the longest other
MAX_ELSEWHERE = 0.1  # of the other rows may be in the same state
MAX_SWITCHES = 16  # moments that are told apart


@saved
@dataclass(frozen=True)
class Trend:
    """Where time begins and ends, what it explains, and what switches when."""

    first: float  # tick of the first row
    last: float  # and of the last
    explained: dict[str, float]  # share of the held-back variance by column, negative where the column falls
    switched: dict[str, list[float]]  # ticks at which columns switch

    @classmethod
    def fit(
        cls,
        ticks: Ticks,
        scaled: Doubles,
        names: Sequence[Name],
        calendar: Floats | None = None,
        states: Mapping[Name, Ints] | None = None,
    ) -> Trend | None:
        """Return the trend if it explains something beyond the calendar, else None.

        Parameters
        ----------
        ticks : array of shape (rows,)
            Increasing.
        scaled : float64 array of shape (rows, columns)
            Scaled numbers, NaN where missing; `names` are those of the columns.
        calendar : float32 array of shape (rows, covariates), optional
        states : dict of name to int64 array of shape (rows,), optional
            Levels of categories, -1 where missing; of numbers -1 and 0.
        """
        if len(ticks) < BLOCKS or float(ticks[-1]) <= float(ticks[0]):  # floats merge nanoseconds
            return None
        switched = {str(name): _switches(state) for name, state in (states or {}).items()}
        moments = {name: [float(ticks[row]) for row in rows] for name, rows in switched.items() if rows}
        made = cls(float(ticks[0]), float(ticks[-1]), {}, moments)
        time = made._place(ticks)
        rest = scaled - means(scaled)
        if calendar is not None:
            x = np.column_stack([np.ones(len(time)), calendar]).astype(np.float64)
            rest = rest - x @ ridge(x, rest)
        made.explained.update(
            {str(name): share for name, share in zip(names, believed(time, rest), strict=True) if share}
        )
        return made if made.explained or made.switched else None

    @property
    def moments(self) -> list[float]:
        """Return the moments at which something switches, the earliest first."""
        return sorted({moment for moments in self.switched.values() for moment in moments})[:MAX_SWITCHES]

    @property
    def covariates(self) -> int:
        """Number of covariates per step."""
        return bool(self.explained) + len(self.moments)

    def features(self, ticks: Ticks) -> Floats:
        """Return the line, if it explains something, and which moments each tick has reached, `(rows, covariates)`."""
        line = [self._place(ticks)] if self.explained else []
        passed = [np.asarray(ticks, dtype=np.float64) >= moment for moment in self.moments]
        return np.column_stack([*line, *passed]).astype(np.float32)

    def _place(self, ticks: Ticks) -> Doubles:
        return np.asarray((np.asarray(ticks, dtype=np.float64) - self.first) / (self.last - self.first))

    def describe(self) -> str:
        """Return in words what rises and falls."""
        best = sorted(self.explained.items(), key=lambda item: -abs(item[1]))
        words = [f"{name} {'falls' if share < 0 else 'rises'} with time ({abs(share):.0%})" for name, share in best]
        words += [f"{name} switches once" for name in self.switched]
        return ", ".join(words[:5]) + (f" and {len(words) - 5} more" if len(words) > 5 else "")


def believed(time: Doubles, values: Doubles) -> list[float]:
    """Return the share of the held-back variance of each column that its line explains, negative where it falls.

    It is 0 where the line is not believed. `time` goes from 0 to 1, `values` `(rows, columns)` have the mean 0.
    """
    shares, odd = [], np.minimum((time * BLOCKS).astype(np.int64), BLOCKS - 1) % 2 == 1
    for y in values.T:
        seen = ~np.isnan(y)
        t, known, held = time[seen], y[seen], odd[seen]
        shares.append(0.0)
        if len(t) < BLOCKS or known.std() == 0:
            continue
        share = 1 - (_errors(t, known, held)[0] + _errors(t, known, ~held)[0]) / float((known**2).sum())
        ends = [_errors(t, known, end) for end in (t < END, t > 1 - END)]
        if share >= max(MIN_EXPLAINED, MIN_EXPLAINED_ROWS / len(t)) and all(line < mean for line, mean in ends):
            shares[-1] = share * float(np.sign(np.polyfit(t, known, 1)[0]))
    return shares


def shares_of_lines(values: Doubles, lengths: Ints, ticks: Ticks | None) -> list[float]:
    """Return what `believed` says of columns `(rows, columns)`: of one series by its clock, of several by the step.

    Levels of sequences are taken out, so that what rises or falls does so within them.
    """
    time = steps_within(lengths) / max(1, int(lengths.max()) - 1) if ticks is None else np.asarray(ticks, np.float64)
    if len(time) < BLOCKS or np.ptp(time) <= 0:
        return [0.0] * values.shape[1]
    owner = np.zeros(len(time), np.int64) if ticks is not None else np.repeat(np.arange(len(lengths)), lengths)
    level = pd.DataFrame(values).groupby(owner).transform("mean").to_numpy()
    return believed((time - time.min()) / np.ptp(time), values - level)


def ways_of(columns: Columns, lengths: Ints, ticks: Ticks | None) -> dict[Name, int]:
    """Return which columns of numbers rise (1) or fall (-1) by a line that is believed; see `shares_of_lines`."""
    numbers = [name for name, series in columns.items() if kind_of(series) in ("whole", "real")]
    arrays = [columns[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in numbers]
    shares = shares_of_lines(np.column_stack([np.empty((int(lengths.sum()), 0)), *arrays]), lengths, ticks)
    return {name: int(np.sign(share)) for name, share in zip(numbers, shares, strict=True) if share}


def _switches(state: Ints) -> list[int]:
    """Return the rows of `(rows,)` at which a state begins or ends that lasts at one end far longer than elsewhere."""
    begins = np.flatnonzero(np.diff(state, prepend=state[0] - 1))
    runs, found = np.diff(np.append(begins, len(state))), []
    for end, row in ((0, 1), (-1, -1)) if len(runs) > 1 else ():
        same = state[begins] == state[begins[end]]
        same[end] = False
        outside = len(state) - runs[end]
        lasts = min(runs[end], outside) >= MIN_RUN and runs[end] >= MIN_RATIO * runs[same].max(initial=0)
        if lasts and runs[same].sum() <= MAX_ELSEWHERE * outside:
            found.append(int(begins[row]))
    return sorted(set(found))


def _errors(t: Doubles, y: Doubles, held: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the squared errors on held rows of a line through the others, and of the mean of the others."""
    others = ~held
    if others.sum() < 3 or np.ptp(t[others]) == 0:
        return float((y[held] ** 2).sum()), 0.0
    line = np.polyval(np.polyfit(t[others], y[others], 1), t[held])
    return float(((y[held] - line) ** 2).sum()), float(((y[held] - y[others].mean()) ** 2).sum())
