"""The calendar: which cycles of the hour, the weekday and the season the numbers follow, for the generator to know.

A cycle is used only where its sines and cosines foretell stretches of time that were held back: they must explain a
hundredth of the variance there, in most stretches. A smooth function of the place in a cycle is a short Fourier series
("Forecasting at Scale", Taylor & Letham, 2018, https://doi.org/10.1080/00031305.2017.1380080); three harmonics of seven
days are every function of the weekday.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd

from ...arrays import Bools, Doubles, Floats, Ints
from ...bundle import Held, saved
from ...errors import ParameterError, choose
from ...tables.dtypes import Name

MIN_EXPLAINED = 0.01  # share of the held-back variance
MIN_T = 3.5  # standard errors that the mean gain of a block is above 0: one time in 4,000 by chance
MIN_EXPLAINED_BY_BLOCKS = {2: 0.3, 3: 0.1, 4: 0.05, 5: 0.03}  # too few for a standard error: the share must be larger
MIN_GAIN = 0.002  # of explained variance per column by a further harmonic, which costs two numbers
RIDGE = 1e-3  # of the rows: against sines and cosines that are alike on the places that occur
MAX_LEVELS = 20  # of a category whose indicators are looked at
MAX_BLOCKS = 12
SHORT = 0.005  # Two years of days end a little before the second cycle does.
DAY = 86_400


@dataclass(frozen=True)
class Season:
    """A cycle of the calendar, of so many days."""

    name: str  # in arguments
    title: str  # in descriptions
    days: float
    max_harmonics: int
    min_cycles: int  # that the data must span

    def phase(self, moments: pd.DatetimeIndex) -> Doubles:
        """Return the place in the cycle of wall-clock moments, from 0 to 1."""
        seconds = moments.as_unit("s").asi8 % DAY / DAY
        if self.name == "hour":
            return np.asarray(seconds, dtype=np.float64)
        if self.name == "weekday":
            return np.asarray(moments.day_of_week, dtype=np.float64) / 7
        length = np.where(moments.is_leap_year, 366.0, 365.0)
        return np.asarray((moments.day_of_year - 1 + seconds) / length, dtype=np.float64)

    def waves(self, moments: pd.DatetimeIndex, harmonics: int) -> Doubles:
        """Return `(rows, 2 * harmonics)` sines and cosines of variance about 1."""
        angle = 2 * np.pi * self.phase(moments)[:, None] * np.arange(1, harmonics + 1)
        pairs = np.sqrt(2) * np.stack([np.sin(angle), np.cos(angle)], axis=2)
        return np.asarray(pairs.reshape(len(moments), 2 * harmonics), dtype=np.float64)

    def harmonics(self, moments: pd.DatetimeIndex) -> int:
        """Return how many the places that occur can tell apart, 0 if none or if the data are too short."""
        if self._cycles(moments).max() < self.min_cycles - SHORT:
            return 0
        places = len(np.unique(np.round(self.phase(moments) * (96 if self.name == "hour" else 52))))
        return int(min(self.max_harmonics, places // 2))

    def _cycles(self, moments: pd.DatetimeIndex) -> Doubles:
        """Return how many cycles after the first moment each is; in seconds, which hold more years than durations."""
        seconds = moments.as_unit("s").asi8
        return np.asarray((seconds - seconds.min()) / (self.days * DAY), dtype=np.float64)

    def blocks(self, moments: pd.DatetimeIndex) -> Ints:
        """Return the block of time of each row: at most `MAX_BLOCKS` stretches of whole cycles."""
        cycles = self._cycles(moments)
        whole = max(self.min_cycles, round(float(cycles.max())))
        size = -(-whole // MAX_BLOCKS)
        return np.asarray(np.minimum(cycles // size, max(whole // size - 1, 0)), dtype=np.int64)


SEASONS = {
    season.name: season
    for season in (
        Season("season", "season of the year", 365.2425, 4, 2),
        Season("weekday", "day of the week", 7.0, 3, 4),
        Season("hour", "hour of the day", 1.0, 6, 4),
    )
}


@saved
@dataclass(frozen=True)
class Calendar:
    """Which cycles of the calendar a table follows."""

    harmonics: Annotated[dict[str, int], Held(1, 6)]  # by the cycle's name, in the order of the covariates
    explained: dict[str, dict[str, float]]  # share of the held-back variance by cycle and column

    @classmethod
    def fit(
        cls,
        moments: pd.DatetimeIndex | None,
        scaled: Doubles,
        names: Sequence[Name],
        levels: Mapping[Name, Ints] | None = None,
        asked: str | bool | Sequence[str] = "auto",
    ) -> Calendar | None:
        """Choose the cycles that explain something; None if there are none.

        Parameters
        ----------
        moments : DatetimeIndex of length rows, or None
            Of the wall clock, see `Stamps.moments`; None where stamps have no dates.
        scaled : float64 array of shape (rows, columns)
            Scaled numbers, NaN where missing; `names` are those of the columns.
        levels : mapping of name to int array of shape (rows,), optional
            Codes of categories, -1 where missing. They only help to choose.
        asked : "auto", False or a sequence of "hour", "weekday", "season"
            Cycles that are named are used without a test.

        Raises
        ------
        ParameterError
            If `asked` names an unknown cycle, one that the stamps cannot tell, or stamps have no dates.
        """
        wanted = _wanted(asked, moments)
        if moments is None or not wanted or not len(moments):
            return None
        forced = not isinstance(asked, str)
        columns, owners = _with_levels(scaled, names, levels or {})
        rest = columns - means(columns)
        total = means(rest**2)
        harmonics: dict[str, int] = {}
        explained: dict[str, dict[str, float]] = {}
        for season in (season for name, season in SEASONS.items() if name in wanted):
            most = season.harmonics(moments)
            if not most and forced:
                raise ParameterError(
                    f"calendar names {season.name!r}, which the time stamps cannot tell: they must span "
                    f"{season.min_cycles} cycles of {season.days:g} days and differ within one; leave it out"
                )
            if not most:
                continue
            count, shares, good = _best(season, moments, rest, total, most)
            good = (good | forced) & (total > 0)
            if not good.any():
                continue
            harmonics[season.name] = count
            best: dict[str, float] = {}
            for at in np.flatnonzero(good):
                best[str(owners[at])] = max(best.get(str(owners[at]), 0.0), float(shares[at]))
            explained[season.name] = best
            x = _design(season, moments, count)
            rest = rest - np.where(good, x @ ridge(x, rest), 0.0)
        return cls(harmonics, explained) if harmonics else None

    @property
    def covariates(self) -> int:
        """Number of covariates per step."""
        return 2 * sum(self.harmonics.values())

    def features(self, moments: pd.DatetimeIndex) -> Floats:
        """Return the covariates of wall-clock moments, float32 `(rows, covariates)` of variance about 1."""
        waves = [SEASONS[name].waves(moments, count) for name, count in self.harmonics.items()]
        return np.concatenate(waves, axis=1).astype(np.float32)

    def describe(self) -> str:
        """Return in words what each cycle explains of held-back stretches."""
        lines = []
        for name, shares in self.explained.items():
            best = sorted(shares.items(), key=lambda item: -item[1])
            words = ", ".join(f"{share:.0%} of {column}" for column, share in best[:5])
            more = f" and something of {len(best) - 5} more" if len(best) > 5 else ""
            lines.append(f"{SEASONS[name].title} explains {words}{more}")
        return "; ".join(lines) + "; known to the generator"


def _wanted(asked: Any, moments: pd.DatetimeIndex | None) -> list[str]:
    if asked is False or asked is None:
        return []
    if asked == "auto":
        return list(SEASONS)
    if isinstance(asked, str | bool):
        raise ParameterError(f"calendar={asked!r} is not known; use 'auto', False or a list of {list(SEASONS)}")
    wanted = [choose("calendar", name, SEASONS) for name in asked]
    if wanted and moments is None:
        raise ParameterError(f"calendar={list(wanted)} needs dates, and the time stamps have none; leave it out")
    return wanted


def _with_levels(scaled: Doubles, names: Sequence[Name], levels: Mapping[Name, Ints]) -> tuple[Doubles, list[Name]]:
    """Return numbers and, for each category, indicators of its most frequent levels; and whose each column is."""
    parts, owners = [np.asarray(scaled, dtype=np.float64)], list(names)
    for name, codes in levels.items():
        seen, counts = np.unique(codes[codes >= 0], return_counts=True)
        top = seen[np.argsort(-counts, kind="stable")[:MAX_LEVELS]]
        parts.append(np.where(codes[:, None] < 0, np.nan, (codes[:, None] == top).astype(np.float64)))
        owners += [name] * len(top)
    return np.concatenate(parts, axis=1), owners


def _best(
    season: Season, moments: pd.DatetimeIndex, rest: Doubles, total: Doubles, most: int
) -> tuple[int, Doubles, Bools]:
    """Return the harmonics that explain most, the share of variance they explain, and the columns where it is sure."""
    blocks = season.blocks(moments)
    count = int(blocks.max()) + 1
    found, best = (0, total, total > 0), -np.inf
    for harmonics in range(1, most + 1):
        gains, rows = _gains(_design(season, moments, harmonics), rest, blocks)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.nan_to_num(gains.sum(axis=0) / (rows.sum(axis=0) * total))
            error = gains.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else np.inf
            sure = np.nan_to_num(gains.mean(axis=0) / error) >= MIN_T
        if count in MIN_EXPLAINED_BY_BLOCKS:
            sure = (shares >= MIN_EXPLAINED_BY_BLOCKS[count]) & (gains > 0).all(axis=0)
        good = sure & (shares >= MIN_EXPLAINED)
        value = float(shares[good].sum()) if good.any() else float(shares.sum()) - 1e9
        if value > best + MIN_GAIN * max(1, int(good.sum())):
            found, best = (harmonics, shares, good), value
    return found


def _gains(x: Doubles, y: Doubles, blocks: Ints) -> tuple[Doubles, Doubles]:
    """Return by how much a regression on the other blocks lowers the squared error in each, and the rows there.

    Levels of the blocks are set apart in both, so that a slow drift neither hides nor feigns a cycle.
    """
    count, k = int(blocks.max()) + 1, x.shape[1] - 1
    gains, rows = np.zeros((count, y.shape[1])), np.zeros((count, y.shape[1]))
    for group in _groups(y):
        there = ~np.isnan(y[:, group[0]])
        xx, xy = np.zeros((count, k, k)), np.zeros((count, k, len(group)))
        for b in range(count):
            at = there & (blocks == b)
            if at.sum() < 2:
                continue
            px, py = x[at, 1:] - x[at, 1:].mean(axis=0), y[np.ix_(at, group)]
            xx[b], xy[b] = px.T @ px, px.T @ (py - py.mean(axis=0))
            rows[b, group] = at.sum()
        penalty = RIDGE * max(1, int(there.sum())) * np.eye(k)
        beta = np.linalg.solve(xx.sum(axis=0) - xx + penalty, xy.sum(axis=0) - xy)
        gains[:, group] = (beta * (2 * xy - xx @ beta)).sum(axis=1)
    return gains, rows


def _design(season: Season, moments: pd.DatetimeIndex, harmonics: int) -> Doubles:
    return np.column_stack([np.ones(len(moments)), season.waves(moments, harmonics)])


def _groups(y: Doubles) -> list[Ints]:
    """Return which columns can be regressed together: all that miss nothing, and each other one alone."""
    whole = ~np.isnan(y).any(axis=0)
    groups = [np.flatnonzero(whole), *np.flatnonzero(~whole)[:, None]]
    return [group for group in groups if len(group)]


def means(y: Doubles) -> Doubles:
    """Return the mean of each column, of what is known of it."""
    there = ~np.isnan(y)
    return np.asarray(np.where(there, y, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1))


def ridge(x: Doubles, y: Doubles) -> Doubles:
    """Return coefficients `(covariates + 1, columns)` of a ridge regression on the rows where `y` is known."""
    out = np.zeros((x.shape[1], y.shape[1]))
    for group in _groups(y):
        there = ~np.isnan(y[:, group[0]])
        if there.any():
            penalty = np.diag(np.append(0.0, np.full(x.shape[1] - 1, RIDGE * there.sum())))
            out[:, group] = np.linalg.solve(x[there].T @ x[there] + penalty, x[there].T @ y[np.ix_(there, group)])
    return out
