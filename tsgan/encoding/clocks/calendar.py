"""The calendar: what the hour, the weekday and the season explain, taken out of the numbers and told to the generator.

With `f(t)` the sines and cosines of a moment, each number is `m(t) + s(t) * r`, where `m = b'f` is a ridge regression,
`log s = c'f` a second one of the logarithm of its squared residual, and `r` is what the rest of the model learns. A
cycle is used only where it foretells stretches of time that were held back: it must explain a hundredth of the
variance there, in most stretches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import ParameterError, choose
from ...panel import Floats, Ints
from ..dtypes import Name
from ..whitening import Doubles
from .seasons import SEASONS, Season, blocks_of, gather, harmonics_of, waves

EXPLAINED = 0.01
SURE = 3.5
FEW_CYCLES = {2: 0.3, 3: 0.1, 4: 0.05, 5: 0.03}
LIKELIHOOD = 0.01
RIDGE = 1e-3
LEVELS = 20
WIDEST = 2.0
STEPS = 4


@dataclass(frozen=True)
class Calendar:
    """What of a table follows from its place in the calendar.

    Attributes
    ----------
    harmonics : dict of str to int
        By the cycle's name, in the order of the covariates.
    columns : tuple of str or int
    mean : float64 array of shape (covariates + 1, columns)
        Coefficients, the intercept first; zero where a cycle does not explain the column.
    spread : float64 array of shape (covariates + 1, columns)
        Of the logarithm of the standard deviation.
    explained : dict of str to dict
        Share of the held-back variance by cycle and column.
    """

    harmonics: dict[str, int]
    columns: tuple[Name, ...]
    mean: Doubles
    spread: Doubles
    explained: dict[str, dict[str, float]]

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
            Of the wall clock, see `Timing.moments`; None where stamps have no dates.
        scaled : float64 array of shape (rows, columns)
            Scaled numbers, NaN where missing.
        names : sequence of str or int
            Of the columns.
        levels : mapping of name to int array of shape (rows,), optional
            Codes of categories, -1 where missing. They only help to choose.
        asked : "auto", False or a sequence of "hour", "weekday", "season"
            Cycles that are named are used without a test.

        Raises
        ------
        ParameterError
            If `asked` names an unknown cycle, one that the stamps cannot tell, or stamps have no dates.
        """
        wanted = _asked(asked, moments)
        if moments is None or not wanted or not len(moments):
            return None
        forced = not isinstance(asked, str | bool)
        chances, owners = _with_levels(scaled, names, levels or {})
        rest, used = chances - _means(chances), np.zeros((len(SEASONS), chances.shape[1]), dtype=bool)
        harmonics: dict[str, int] = {}
        explained: dict[str, dict[str, float]] = {}
        total = _means(rest**2)
        for place, season in enumerate(SEASONS.values()):
            most = harmonics_of(season, moments) if season.name in wanted else 0
            if not most:
                if forced and season.name in wanted:
                    raise ParameterError(
                        f"calendar names {season.name!r}, which the time stamps cannot tell: they must span "
                        f"{season.least} cycles of {season.days:g} days and differ within one; leave it out"
                    )
                continue
            many, shares, good = _best(season, moments, rest, total, most)
            good |= forced & (total > 0)
            good &= total > 0
            if not good.any():
                continue
            harmonics[season.name], used[place] = many, good
            explained[season.name] = _told(owners, shares, good)
            x = _design([waves(season, moments, many)], len(rest))
            fitted = x @ _ridge(x, rest)
            rest = rest - np.where(good, fitted, 0.0)
        if not harmonics:
            return None
        return cls._finish(harmonics, tuple(names), moments, scaled, used, explained)

    @classmethod
    def _finish(
        cls,
        harmonics: dict[str, int],
        names: tuple[Name, ...],
        moments: pd.DatetimeIndex,
        scaled: Doubles,
        used: NDArray[np.bool_],
        explained: dict[str, dict[str, float]],
    ) -> Calendar:
        parts = [waves(SEASONS[name], moments, many) for name, many in harmonics.items()]
        rows = [
            used[list(SEASONS).index(name)][: len(names)] for name, many in harmonics.items() for _ in range(2 * many)
        ]
        kept = np.array(rows, dtype=bool).reshape(len(rows), len(names))
        x = _design(parts, len(moments))
        mean, spread = np.zeros((x.shape[1], len(names))), np.zeros((x.shape[1], len(names)))
        season = SEASONS[next(reversed(harmonics))]
        blocks = blocks_of(season, moments)
        for j in np.flatnonzero(kept.any(axis=0)):
            at = np.append(True, kept[:, j])
            mean[at, j] = _ridge(x[:, at], scaled[:, [j]])[:, 0]
            mean[0, j] = 0.0  # The columns keep their means: only what varies is taken out.
            spread[at, j] = _spread(x[:, at], scaled[:, j] - x @ mean[:, j], blocks)
        return cls(harmonics, names, mean, spread, explained)

    @property
    def covariates(self) -> int:
        """Number of covariates per step."""
        return 2 * sum(self.harmonics.values())

    def features(self, moments: pd.DatetimeIndex) -> Floats:
        """Return the covariates of wall-clock moments, float32 `(rows, covariates)` of variance about 1."""
        return gather([waves(SEASONS[name], moments, many) for name, many in self.harmonics.items()], len(moments))

    def remove(self, scaled: Doubles, moments: pd.DatetimeIndex) -> Doubles:
        """Return scaled numbers `(rows, columns)` without what the calendar says of them."""
        mean, spread = self._expected(moments)
        return np.asarray((scaled - mean) / spread)

    def restore(self, scaled: NDArray[np.floating], moments: pd.DatetimeIndex) -> Doubles:
        """Undo `remove`, at the same or at other moments."""
        mean, spread = self._expected(moments)
        return np.asarray(scaled * spread + mean, dtype=np.float64)

    def _expected(self, moments: pd.DatetimeIndex) -> tuple[Doubles, Doubles]:
        x = _design([waves(SEASONS[name], moments, many) for name, many in self.harmonics.items()], len(moments))
        return x @ self.mean, np.exp(np.clip(x @ self.spread, -WIDEST, WIDEST))

    def describe(self) -> str:
        """Return in words what each cycle explains of held-back stretches."""
        told = []
        for name, shares in self.explained.items():
            best = sorted(shares.items(), key=lambda item: -item[1])
            words = ", ".join(f"{share:.0%} of {column}" for column, share in best[:5])
            more = f" and something of {len(best) - 5} more" if len(best) > 5 else ""
            told.append(f"{SEASONS[name].title} explains {words}{more}")
        return "; ".join(told) + "; known to the generator"

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what is JSON-ready, and the arrays."""
        data = {"harmonics": self.harmonics, "columns": list(self.columns), "explained": self.explained}
        return data, {"mean": self.mean, "spread": self.spread}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Calendar:
        """Rebuild the calendar from `state`."""
        mean, spread = (np.asarray(arrays[key], dtype=np.float64) for key in ("mean", "spread"))
        return cls(dict(data["harmonics"]), tuple(data["columns"]), mean, spread, dict(data["explained"]))


def _asked(asked: Any, moments: pd.DatetimeIndex | None) -> list[str]:
    if asked is False or asked is None:
        return []
    if isinstance(asked, str | bool) and asked != "auto":
        raise ParameterError(f"calendar={asked!r} is not known; use 'auto', False or a list of {list(SEASONS)}")
    if asked == "auto":
        return list(SEASONS)
    wanted = [choose("calendar", name, SEASONS) for name in asked]
    if wanted and moments is None:
        raise ParameterError(f"calendar={list(wanted)} needs dates, and the time stamps have none; leave it out")
    return wanted


def _with_levels(scaled: Doubles, names: Sequence[Name], levels: Mapping[Name, Ints]) -> tuple[Doubles, list[Name]]:
    """Return numbers and, for each category, indicators of its most frequent levels; and whose each column is."""
    parts, owners = [np.asarray(scaled, dtype=np.float64)], list(names)
    for name, codes in levels.items():
        seen, counts = np.unique(codes[codes >= 0], return_counts=True)
        top = seen[np.argsort(-counts, kind="stable")[:LEVELS]]
        parts.append(np.where(codes[:, None] < 0, np.nan, (codes[:, None] == top).astype(np.float64)))
        owners += [name] * len(top)
    return np.concatenate(parts, axis=1), owners


def _told(owners: list[Name], shares: Doubles, good: NDArray[np.bool_]) -> dict[str, float]:
    told: dict[str, float] = {}
    for owner, share, fine in zip(owners, shares.tolist(), good.tolist(), strict=True):
        if fine:
            told[str(owner)] = max(told.get(str(owner), 0.0), float(share))
    return told


def _best(
    season: Season, moments: pd.DatetimeIndex, rest: Doubles, total: Doubles, most: int
) -> tuple[int, Doubles, NDArray[np.bool_]]:
    """Return the harmonics that explain most, the share of variance they explain, and the columns where it is sure."""
    blocks = blocks_of(season, moments)
    count = int(blocks.max()) + 1
    found: tuple[float, int, Doubles, NDArray[np.bool_]] | None = None
    for many in range(1, most + 1):
        gains, rows = _gains(_design([waves(season, moments, many)], len(rest)), rest, blocks)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.nan_to_num(gains.sum(axis=0) / (rows.sum(axis=0) * total))
            sure = (
                gains.mean(axis=0) / (gains.std(axis=0, ddof=1) / np.sqrt(count)) if count > 1 else np.zeros_like(total)
            )
        good = shares >= EXPLAINED
        if count in FEW_CYCLES:
            good &= (shares >= FEW_CYCLES[count]) & (gains > 0).all(axis=0)
        else:
            good &= (np.nan_to_num(sure) >= SURE) & (count > 1)
        value = float(shares[good].sum()) if good.any() else float(shares.sum()) - 1e9
        # A further harmonic must be worth its two numbers.
        if found is None or value > found[0] + 0.002 * max(1, int(good.sum())):
            found = (value, many, shares, good)
    assert found is not None
    return found[1:]


def _gains(x: Doubles, y: Doubles, blocks: Ints) -> tuple[Doubles, Doubles]:
    """Return by how much a regression on the other blocks lowers the squared error in each, and the rows there.

    Levels of the blocks are set apart in both, so that a slow drift neither hides nor feigns a cycle.
    """
    count, k = int(blocks.max()) + 1, x.shape[1] - 1
    gains, rows = np.zeros((count, y.shape[1])), np.zeros((count, y.shape[1]))
    for group in _groups(y):
        there = ~np.isnan(y[:, group[0]])
        xx, xy, yy = np.zeros((count, k, k)), np.zeros((count, k, len(group))), np.zeros((count, len(group)))
        for b in range(count):
            at = there & (blocks == b)
            if at.sum() < 2:
                continue
            px, py = x[at, 1:] - x[at, 1:].mean(axis=0), y[np.ix_(at, group)]
            py = py - py.mean(axis=0)
            xx[b], xy[b], yy[b] = px.T @ px, px.T @ py, (py**2).sum(axis=0)
            rows[b, group] = at.sum()
        for b in range(count):
            others_xx, others_xy = xx.sum(axis=0) - xx[b], xy.sum(axis=0) - xy[b]
            beta = np.linalg.solve(others_xx + RIDGE * max(1, int(there.sum())) * np.eye(k), others_xy)
            gains[b, group] = 2 * (beta * xy[b]).sum(axis=0) - (beta * (xx[b] @ beta)).sum(axis=0)
    return gains, rows


def _design(parts: list[Doubles], rows: int) -> Doubles:
    return np.concatenate([np.ones((rows, 1)), *parts], axis=1)


def _groups(y: Doubles) -> list[Ints]:
    """Return which columns can be regressed together: all that miss nothing, and each other one alone."""
    whole = ~np.isnan(y).any(axis=0)
    groups = [np.flatnonzero(whole), *np.split(np.flatnonzero(~whole), int((~whole).sum()) or 1)]
    return [group for group in groups if len(group)]


def _means(y: Doubles) -> Doubles:
    there = ~np.isnan(y)
    return np.asarray(np.where(there, y, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1))


def _ridge(x: Doubles, y: Doubles) -> Doubles:
    """Return coefficients `(covariates + 1, columns)` of a ridge regression on the rows where `y` is known."""
    out = np.zeros((x.shape[1], y.shape[1]))
    for group in _groups(y):
        there = ~np.isnan(y[:, group[0]])
        if there.any():
            penalty = np.diag(np.append(0.0, np.full(x.shape[1] - 1, RIDGE * there.sum())))
            out[:, group] = np.linalg.solve(x[there].T @ x[there] + penalty, x[there].T @ y[np.ix_(there, group)])
    return out


def _spread(x: Doubles, rest: Doubles, blocks: Ints) -> Doubles:
    """Return coefficients of the log standard deviation, zero unless they raise the likelihood of held-back blocks."""
    there = ~np.isnan(rest)
    x, rest, blocks = x[there], rest[there], blocks[there]
    scale = rest.std()
    none: Doubles = np.zeros(x.shape[1])
    if scale == 0:
        return none
    r = rest / scale
    gains = []
    for b in np.unique(blocks):
        held = blocks == b
        if held.all():
            return none
        beta = _scoring(x[~held], r[~held])
        wide, narrow = (np.clip(x[at] @ beta, -WIDEST, WIDEST) for at in (held, ~held))
        level = np.log(np.mean((r[~held] / np.exp(narrow)) ** 2)) / 2
        plain = np.log(np.mean(r[~held] ** 2)) / 2
        fit = -(wide + level) - (r[held] / np.exp(wide + level)) ** 2 / 2
        gains.append(float(np.mean(fit + plain + (r[held] / np.exp(plain)) ** 2 / 2)))
    sure = np.mean(gains) / (np.std(gains, ddof=1) / np.sqrt(len(gains)) + 1e-12)
    if np.mean(gains) < LIKELIHOOD or sure < (2.0 if len(gains) in FEW_CYCLES else SURE):
        return none
    return _scoring(x, r)


def _scoring(x: Doubles, r: Doubles) -> Doubles:
    """Return coefficients of the log standard deviation (its level left at 0) by Fisher scoring, outliers held down."""
    beta = _ridge(x, np.log(r**2 + 0.05)[:, None] / 2)[:, 0]
    for _ in range(STEPS):
        ratio = np.minimum((r / np.exp(np.clip(x @ beta, -WIDEST, WIDEST))) ** 2, 16.0)
        beta = beta + _ridge(x, (ratio[:, None] - 1) / 2)[:, 0]
    beta[0] = 0.0
    return beta
