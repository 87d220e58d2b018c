r"""Numbers given the categories beside them: within each level, a monotone map from what is drawn to what was observed.

A number of several modes (the wait after one event and after another, the price of one ware and of another) is tied to
its category more closely than normal latents can say. Once levels are drawn, the numbers of each level are carried to
the observed ones of that level by the map of `calibration.py`, Q(F(z)) with F and Q of the level; the order of numbers
within a level stays, and with it their dependence on other columns and on time. A level may be that of a category on
the row, of a static one, or that of a category together with the one on the row before. The grouping in which drawn
and observed numbers are furthest apart comes first, then the next, as in iterative proportional fitting ("On a least
squares adjustment of a sampled frequency table", Deming & Stephan, 1940, https://doi.org/10.1214/aoms/1177731829), and
none where they agree as well as chance lets them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..panel import Bools, Ints
from .calibration import Spread, knots, quantiles_of
from .scalers.base import Doubles

ROWS = 20  # of a level, drawn and observed, for a map of its own
ALONE, PAIRED = 200, 30  # levels up to which a category is looked at by itself, and with the row before
LOOKED_AT = 100_000  # rows
ROUNDS = 3  # groupings of one number
KEPT = 0.7  # share of a distance, below which it must fall
GAIN = 0.02  # mean distance, in standard deviations and beyond chance, that is worth a map
PAIR = 1.1  # times that the level before must gain what the level alone does
CHANCE = 1.3  # mean distance of two normal samples of n and m rows, times (1/n + 1/m) ** -0.5
PER_KNOT, MOST = 4, 128  # rows of a level for each knot, and how many knots there may be
BEYOND = 0.05  # of the range of a level, that a number may lie beyond its knots


@dataclass(frozen=True)
class Levels:
    """The levels of categories on rows.

    Attributes
    ----------
    codes : dict of int to int64 array of shape (rows,)
        By the number of the column: the level, -1 where it is not known.
    sizes : dict of int to int
        How many levels each column has.
    follows : bool array of shape (rows,)
        Which rows come next after the row before.
    fixed : frozenset of int
        Columns that hold one level per sequence.
    """

    codes: dict[int, Ints]
    sizes: dict[int, int]
    follows: Bools
    fixed: frozenset[int]

    @classmethod
    def join(cls, parts: Sequence[Levels]) -> Levels:
        """Put rows one after another."""
        first = parts[0]
        codes = {key: np.concatenate([part.codes[key] for part in parts]) for key in first.codes}
        return cls(codes, first.sizes, np.concatenate([part.follows for part in parts]), first.fixed)

    def groupings(self) -> list[tuple[int, bool]]:
        """Return what rows can be grouped by: a column's level alone, or with the one on the row before."""
        alone = [(key, False) for key, size in self.sizes.items() if 1 < size <= ALONE]
        return alone + [(key, True) for key, size in self.sizes.items() if 1 < size <= PAIRED and key not in self.fixed]

    def of(self, column: int, paired: bool) -> Ints:
        """Return the group of each row, -1 where it has none; before a first row stands a level of its own."""
        now, size = self.codes[column], self.sizes[column]
        if not paired:
            return now
        before = np.where(self.follows, np.roll(now, 1), size)
        return np.where((now < 0) | (before < 0), -1, before * size + now)


@dataclass(frozen=True)
class Maps:
    """The maps of one number within the groups of one grouping.

    Attributes
    ----------
    number, column : int
        Which number is mapped, and whose levels group it.
    paired : bool
        Whether the level on the row before counts.
    groups : int64 array of shape (groups,)
    drawn, wanted : tuple of float64 arrays
        Knots of each group.
    """

    number: int
    column: int
    paired: bool
    groups: Ints
    drawn: tuple[Doubles, ...]
    wanted: tuple[Doubles, ...]

    def apply(self, x: Doubles, codes: Ints) -> Doubles:
        """Return numbers `(rows,)` as their groups have them; rows of other groups stay."""
        out = x.copy()
        order = np.argsort(codes, kind="stable")
        ends = np.searchsorted(codes[order], [self.groups, self.groups + 1])
        for low, high, have, wanted in zip(*ends, self.drawn, self.wanted, strict=True):
            rows = order[low:high]
            z = x[rows]
            most = BEYOND * (wanted[-1] - wanted[0])
            beyond = np.minimum(z - have[0], 0) + np.maximum(z - have[-1], 0)
            out[rows] = np.interp(z, have, wanted) + np.clip(beyond, -most, most)
        return np.where(np.isnan(x), x, out)


@dataclass(frozen=True)
class LevelMaps:
    """Maps of numbers within levels, in the order in which they are applied.

    Attributes
    ----------
    maps : tuple of Maps
    """

    maps: tuple[Maps, ...] = ()

    @classmethod
    def fit(cls, real: Doubles, drawn: Doubles, spreads: Sequence[Spread | None], levels: Levels, made: Levels) -> Self:
        """Learn the maps.

        Parameters
        ----------
        real : float64 array of shape (rows, columns)
            Scaled columns as observed; NaN where missing.
        drawn : float64 array of shape (any, columns)
            As the model draws them, with the observed marginals; NaN where they will be missing.
        spreads : sequence of callables or None
            As `Marginals.fit` takes them.
        levels, made : Levels
            Of the observed and of the drawn rows.
        """
        some, few = (np.linspace(0, len(x) - 1, min(len(x), LOOKED_AT)).astype(np.int64) for x in (real, drawn))
        groups = {key: (levels.of(*key)[some], made.of(*key)[few]) for key in levels.groupings()}
        found: list[Maps] = []
        for number, spread in enumerate(spreads):
            observed, current = real[some, number], drawn[few, number]
            size = float(np.nanstd(observed)) if np.isfinite(observed).any() else 0.0
            if size > 0:
                found += _chosen(observed, current, groups, spread, size, number)
        return cls(tuple(found))

    def apply(self, numbers: Doubles, levels: Levels) -> Doubles:
        """Return drawn columns `(rows, columns)` as the levels beside them have them; NaN stays."""
        out = np.array(numbers, dtype=np.float64, order="F")
        for one in self.maps:
            out[:, one.number] = one.apply(out[:, one.number], levels.of(one.column, one.paired))
        return out

    def state(self) -> tuple[list[dict[str, Any]], dict[str, NDArray[Any]]]:
        """Return what is JSON-ready, and the arrays: knots of all groups one after another."""
        data, arrays = [], {}
        for i, one in enumerate(self.maps):
            data.append({"number": one.number, "column": one.column, "paired": one.paired})
            arrays[f"{i}.groups"] = one.groups
            arrays[f"{i}.knots"] = np.array([len(x) for x in one.drawn], dtype=np.int64)
            arrays[f"{i}.drawn"], arrays[f"{i}.wanted"] = np.concatenate(one.drawn), np.concatenate(one.wanted)
        return data, arrays

    @classmethod
    def from_state(cls, data: Sequence[Mapping[str, Any]], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild the maps from `state`."""
        found = []
        for i, head in enumerate(data):
            ends = np.cumsum(arrays[f"{i}.knots"])[:-1]
            drawn, wanted = (
                np.split(np.asarray(arrays[f"{i}.{key}"], np.float64), ends) for key in ("drawn", "wanted")
            )
            groups = np.asarray(arrays[f"{i}.groups"], dtype=np.int64)
            found.append(Maps(**head, groups=groups, drawn=tuple(drawn), wanted=tuple(wanted)))
        return cls(tuple(found))


def _chosen(
    real: Doubles,
    drawn: Doubles,
    groups: Mapping[tuple[int, bool], tuple[Ints, Ints]],
    spread: Spread | None,
    size: float,
    number: int,
) -> list[Maps]:
    """Return the maps of one number, that of the grouping which explains most of it last.

    Where another map follows it, it is learned and applied again, and both stay if the other has not come undone.
    """
    found: list[Maps] = []

    def best(current: Doubles, keys: Collection[tuple[int, bool]]) -> tuple[Maps | None, float]:
        chosen, most = None, GAIN
        for key in keys:
            if _visible(real, current, groups[key], size):
                maps, gain = _learn(real, current, groups[key], spread, size, (number, *key))
                gain /= PAIR if key[1] else 1
                if gain > most:
                    chosen, most = maps, gain
        return chosen, most

    tried: set[tuple[int, bool]] = set()
    for _ in range(ROUNDS):
        new, before = best(drawn, [key for key in groups if key not in tried])
        if new is None:
            break
        own = new.column, new.paired
        tried.add(own)
        moved, more = new.apply(drawn, groups[own][1]), [new]
        closest = max([own, *((one.column, one.paired) for one in found)], key=lambda key: _tied(real, groups[key][0]))
        if closest != own:
            again, _ = _learn(real, moved, groups[closest], spread, size, (number, *closest))
            moved, more = again.apply(moved, groups[closest][1]), [new, again]
            if best(moved, [own])[1] > KEPT * before:
                continue
        drawn, found = moved, found + more
    return found


def _tied(x: Doubles, codes: Ints) -> float:
    """Return the share of variance that groups explain, less what as many groups would by chance."""
    seen = np.isfinite(x) & (codes >= 0)
    if not seen.any():
        return 0.0
    n, sums = np.bincount(codes[seen]), np.bincount(codes[seen], x[seen])
    groups, rows = int((n > 0).sum()), int(seen.sum())
    within = ((x[seen] - (sums / np.maximum(n, 1))[codes[seen]]) ** 2).sum() / max(rows - groups, 1)
    return float(1 - within / max(float(x[seen].var()), 1e-300))


def _visible(real: Doubles, drawn: Doubles, pair: tuple[Ints, Ints], size: float) -> bool:
    """Whether mean or spread within some groups differ: a cheap look before the quantiles are compared."""
    count = 1 + int(max(codes.max(initial=-1) for codes in pair))
    if count < 1:
        return False
    moments = []
    for x, codes in zip((real, drawn), pair, strict=True):
        seen = np.isfinite(x) & (codes >= 0)
        n, sums, squares = (np.bincount(codes[seen], w, count) for w in (None, x[seen], x[seen] ** 2))
        mean = sums / np.maximum(n, 1)
        moments.append((n, mean, np.sqrt(np.maximum(squares / np.maximum(n, 1) - mean**2, 0))))
    (n, mean, spread), (m, other, wide) = moments
    share = np.where((n >= ROWS) & (m >= ROWS), n, 0) / max(n.sum(), 1)
    return bool((share * (np.abs(mean - other) + np.abs(spread - wide))).sum() > 0.5 * GAIN * size)


def _learn(
    real: Doubles,
    drawn: Doubles,
    pair: tuple[Ints, Ints],
    spread: Spread | None,
    size: float,
    head: tuple[int, int, bool],
) -> tuple[Maps, float]:
    """Return the maps of one number in one grouping, and by how much more than chance they move it on average."""
    observed, made = dict(_grouped(real, pair[0])), dict(_grouped(drawn, pair[1]))
    rows = sum(len(x) for x in observed.values())
    groups, have, wanted, gain = [], [], [], 0.0
    for group in sorted(observed.keys() & made.keys()):
        x, z = observed[group], made[group]
        if min(len(x), len(z)) < ROWS or z[0] == z[-1]:
            continue
        p, told, aim = quantiles_of(x, z, spread, min(len(x) // PER_KNOT, MOST))
        apart = float(np.trapezoid(np.abs(aim - told), p))
        gain += len(x) / rows * max(apart - CHANCE * float(aim.std()) * np.sqrt(1 / len(x) + 1 / len(z)), 0) / size
        low, high = knots(told, aim)
        groups.append(group)
        have.append(low)
        wanted.append(high)
    return Maps(*head, np.array(groups, dtype=np.int64), tuple(have), tuple(wanted)), gain


def _grouped(x: Doubles, codes: Ints) -> Iterator[tuple[int, Doubles]]:
    """Yield each group with its finite numbers, sorted."""
    seen = np.flatnonzero(np.isfinite(x) & (codes >= 0))
    order = seen[np.lexsort((x[seen], codes[seen]))]
    groups, first = np.unique(codes[order], return_index=True)
    return zip(groups.tolist(), np.split(x[order], first[1:]), strict=True)
