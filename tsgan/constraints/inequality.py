"""`Inequality`: one column is never above another; a partial order of columns, kept by construction.

Columns are put back one after the other along the order. What a column must not fall below is the largest of those
below it that are already there, L; what it must not rise above is the smallest of those above it that are given before
(computed ones, meters, statics), U. With L alone the gap x - L >= 0 is learned in its place, with U alone U - x >= 0,
with both the share (x - L) / (U - L) in [0, 1], with neither the column itself. So any partial order (Low <= Open, Low
<= Close, Open <= High, Close <= High) has an exact bijection onto free parts: Open, Close, min(Open, Close) - Low, High
- max(Open, Close). The largest set of unrelated columns comes first, for they are tied to each other and to the days
before; columns of real numbers that seldom touch their bound are learned as they are, and drawn ones are carried to the
right side of it (`Carry`).

Where an operand is missing it bounds nothing. Where all are, L is the last one of the sequence that is known (else the
next one, else their median over the table), which the way back finds again, so that the column still comes back.

Columns in a narrow order (the four prices of a day) belong together linearly, from step to step too: today's opening is
yesterday's close and a little. A gap learned in a column's place, positive and skewed, loses that; so each column is
learned as it is, and where its draw falls too low or too high, all draws are moved: by the monotone map `Q(F(gap))`
from the distribution of drawn gaps to that of observed ones, which lies on the right side by construction and moves the
draws least of all maps that give the observed gaps. Gaps grow with the level (of a price), so that there is a map for
each of up to eight intervals of the level, and in between a mean of two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from scipy.special import ndtr

from ..arrays import Bools, Doubles
from .base import Constraint, Dump, Name, Parts, Rows, Step, last_known, names_of, numeric, reserved
from .numbers import Grain, Numbers, Scale


class Inequality(Constraint):
    """A chain of columns in rising order: ``Inequality("low", "open", "high")`` says low <= open <= high.

    Several chains may share columns; together they are a partial order. Columns are numbers, datetimes or timedeltas.

    Parameters
    ----------
    *columns : str or int
        At least two, the smallest first.
    strict : bool
        Whether equality is not allowed; synthetic gaps are then at least the smallest observed.
    """

    kind: ClassVar[str] = "inequality"

    def __init__(self, *columns: Name, strict: bool = False) -> None:
        self.chain, self.strict = names_of(columns, "Inequality", 2), bool(strict)

    @property
    def columns(self) -> tuple[Name, ...]:
        """The chain."""
        return self.chain

    @property
    def text(self) -> str:
        """Such as ``low <= high``."""
        return (" < " if self.strict else " <= ").join(map(str, self.chain))

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the columns, and `strict`."""
        return self.chain, {"strict": True} if self.strict else {}

    def check(self, rows: Rows) -> None:
        """Refuse columns that cannot be compared."""
        numeric(self, rows)

    def broken(self, rows: Rows) -> Bools:
        """Return which rows have a pair of present values in the wrong order."""
        scale = Scale.of(Grain(rows.columns[name].dtype, *_kind_unit(rows, name)) for name in self.chain)
        read = [scale.read(rows.spread(name)) for name in self.chain]
        found = np.zeros(rows.size(False), dtype=bool)
        for (low, no_low), (high, no_high) in combinations(read, 2):
            found |= ((low >= high) if self.strict else (low > high)) & ~no_low & ~no_high
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return columns and strictness."""
        return {"kind": self.kind, "columns": list(self.chain), "strict": self.strict}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        return cls(*data["columns"], strict=data["strict"])


def _kind_unit(rows: Rows, name: Name) -> tuple[Any, None, str]:
    grain = Grain.fit(rows.columns[name].iloc[:1])
    return grain.kind, None, grain.unit


Mode = Literal["free", "up", "down", "share"]
Edges = tuple[tuple[Name, Any], ...]


@dataclass(frozen=True)
class Node(Step):
    """One column of a partial order, or one with a range alone.

    Attributes
    ----------
    name : str or int
    static : bool
    mode : {"free", "up", "down", "share"}
        What is learned: the column, x - L, U - x, or (x - L) / (U - L).
    grain : Grain
    scale : Scale
        Of all columns that are compared.
    lowers, uppers : tuple of (name, number)
        Columns that bound it, and by how much it keeps away from them.
    low, high : number or None
        Ends of the column's own range; the order is above them.
    caps : tuple of (name, number)
        Parts of columns above it that have an end: it stays below where that part is not missing.
    fallback : (number, number)
        What stands for L and U in sequences where no operand is known.
    decimals : int or None
        To which gaps are rounded.
    carry : Carry or None
        Of a column that is learned as it is: what brings drawn gaps to observed ones.
    """

    kind: ClassVar[str] = "node"
    name: Name
    static: bool
    mode: Mode
    grain: Grain
    scale: Scale
    lowers: Edges = ()
    uppers: Edges = ()
    low: Any = None
    high: Any = None
    caps: Edges = ()
    fallback: tuple[Any, Any] = (0, 0)
    decimals: int | None = None
    carry: Carry | None = None

    @property
    def part(self) -> Name:
        """Name of what is learned."""
        if self.mode == "free" or self.carry is not None:
            return self.name
        return reserved("share" if self.mode == "share" else "gap", self.name)

    @property
    def makes(self) -> tuple[Name, ...]:
        """The column."""
        return (self.name,)

    @property
    def needs(self) -> tuple[Name, ...]:
        """The columns that bound it."""
        return tuple(name for name, _ in (*self.lowers, *self.uppers))

    @property
    def statics(self) -> frozenset[Name]:
        """Its part, where the column is static."""
        return frozenset([self.part] if self.static else [])

    def bound(self, rows: Rows, side: Literal["low", "high"]) -> tuple[Numbers, Bools]:
        """Return L or U, each with a stand-in where no operand is known, and where one is."""
        return bound(self, rows, side, self.fallback[side == "high"])

    def forward(self, rows: Rows) -> Parts:
        """Return the column, its gap or its share."""
        series = rows.columns[self.name]
        if self.part == self.name:
            return {self.name: series}
        x, missing = self.scale.read(series)
        if self.mode == "up":
            return {self.part: self.scale.gaps.part(x - self.bound(rows, "low")[0], missing, self.decimals)}
        if self.mode == "down":
            return {self.part: self.scale.gaps.part(self.bound(rows, "high")[0] - x, missing, self.decimals)}
        low, high = self.bound(rows, "low")[0], self.bound(rows, "high")[0]
        share = (x - low) / np.where(high > low, high - low, 1)
        return {self.part: pd.Series(np.where(missing, np.nan, share))}

    def inverse(self, parts: Mapping[Name, pd.Series[Any]], rows: Rows) -> Parts:
        """Return the column, between its bounds and on its grain."""
        series = parts[self.part]
        if self.mode == "free" and not self.caps and self.low is None and self.high is None:
            return {self.name: series}
        count = len(series)
        nothing = np.zeros(count), np.zeros(count, dtype=bool)
        low, floor = self.bound(rows, "low") if self.lowers else nothing
        high, ceiling = self.bound(rows, "high") if self.uppers else nothing
        if self.mode == "share":
            share = series.to_numpy(dtype=np.float64, na_value=np.nan)
            missing = np.isnan(share)
            share = np.where(missing, 0.0, share)
            share = np.where(floor & ceiling, np.clip(share, 0, 1), share)
            apart = share * np.where(high > low, high - low, 1)
            x = low + (apart if self.scale.kind == "real" else np.round(apart).astype(np.int64))
        elif self.carry is not None:
            x, missing = self.scale.read(series)
            x = self._carried(x, low, floor, high, ceiling, rows)
        else:
            x, missing = (self.scale if self.mode == "free" else self.scale.gaps).read(series)
            x = {"free": x, "up": low + x, "down": high - x}[self.mode]
        settled = self._settle(x, low, floor, high, ceiling, parts)
        if self.mode == "free" and bool((missing | (settled == x)).all()):
            return {self.name: series}
        return {self.name: self.grain.write(settled, missing, self.scale)}

    def _carried(self, x: Numbers, low: Numbers, floor: Bools, high: Numbers, ceiling: Bools, rows: Rows) -> Numbers:
        """Return a drawn column with gaps as observed; other rows stay."""
        assert self.carry is not None
        level, known, sign = (low, floor, 1.0) if self.mode == "up" else (high, ceiling, -1.0)
        which = np.flatnonzero(known & rows.drawn)
        if len(which) and self.carry.drawn:
            x, level = x.copy(), level[which]
            moved = level + sign * self.carry.apply(level, sign * (x[which] - level))
            x[which] = rows.snaps[self.name](moved) if self.name in rows.snaps else moved
        return x

    def settled(self, parts: Mapping[Name, pd.Series[Any]], rows: Rows) -> Self:
        """Return the node with the gaps between drawn columns learned."""
        if self.carry is None:
            return self
        x, missing = self.scale.read(parts[self.part])
        level, known = self.bound(rows, "low" if self.mode == "up" else "high")
        there = known & ~missing
        gap = (x - level if self.mode == "up" else level - x)[there]
        return replace(self, carry=self.carry.settled(level[there], gap))

    def _settle(
        self, x: Numbers, low: Numbers, floor: Bools, high: Numbers, ceiling: Bools, parts: Mapping[Name, Any]
    ) -> Numbers:
        """Round to the grain, then clip to the range, to the caps, to the order; what comes later is above."""
        snap = self.grain.snap
        x = snap(x, self.scale)
        if self.low is not None:
            x = np.maximum(x, snap(np.full(len(x), self.low, dtype=x.dtype), self.scale, "up"))
        if self.high is not None:
            x = np.minimum(x, snap(np.full(len(x), self.high, dtype=x.dtype), self.scale, "down"))
        for part, most in self.caps:
            there = parts[part].notna().to_numpy(dtype=bool)
            x = np.where(there & (x > most), snap(np.full(len(x), most, dtype=x.dtype), self.scale, "down"), x)
        x = np.where(floor & (x < low), snap(low, self.scale, "up"), x)
        return np.where(ceiling & (x > high), snap(high, self.scale, "down"), x)

    def to_dict(self, dump: Dump) -> dict[str, Any]:
        """Return the node as JSON-ready values."""
        return {
            **{key: value for key, value in vars(self).items() if key not in ("grain", "scale", "carry")},
            "kind": self.kind,
            "grain": self.grain.to_dict(dump),
            "scale": self.scale.to_dict(),
            "carry": None if self.carry is None else self.carry.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], load: Dump) -> Self:
        """Rebuild from `to_dict`."""
        made = {key: value for key, value in data.items() if key != "kind"}
        made |= {key: tuple((one, apart) for one, apart in data[key]) for key in ("lowers", "uppers", "caps")}
        made |= {"grain": Grain.from_dict(data["grain"], load), "scale": Scale(**data["scale"])}
        carry = None if data["carry"] is None else Carry.from_dict(data["carry"])
        return cls(**{**made, "fallback": tuple(data["fallback"]), "carry": carry})


def bound(node: Node, rows: Rows, side: Literal["low", "high"], fallback: Any) -> tuple[Numbers, Bools]:
    """Return the largest operand below (or the smallest above), with a stand-in where none is known, and where one is.

    Returns
    -------
    array of shape (rows,) or (sequences,)
    bool array of the same shape
    """
    edges, sign = (node.lowers, 1) if side == "low" else (node.uppers, -1)
    count = rows.size(node.static)
    best, known = (
        np.zeros(count, dtype=np.float64 if node.scale.kind == "real" else np.int64),
        np.zeros(count, dtype=bool),
    )
    for name, apart in edges:
        x, missing = node.scale.read(rows.at(name, node.static))
        x = x + sign * apart
        x = x if node.decimals is None or not apart else np.round(x, node.decimals)
        better = ~missing & (~known | (x > best if side == "low" else x < best))
        best, known = np.where(better, x, best), known | ~missing
    if known.all():
        return best, known
    place = last_known(known, rows.groups(node.static))
    return np.where(place >= 0, best[np.maximum(place, 0)], fallback), known


def closure(names: Sequence[Name], pairs: Sequence[tuple[Name, Name, bool]]) -> tuple[Bools, Bools]:
    """Return which column is below which, directly or by others between, and where it is strictly.

    Returns
    -------
    below, strict : bool arrays of shape (names, names)
    """
    place = {name: i for i, name in enumerate(names)}
    below, strict = (np.zeros((len(names), len(names)), dtype=bool) for _ in range(2))
    for low, high, firm in pairs:
        below[place[low], place[high]] = True
        strict[place[low], place[high]] |= firm
    for k in range(len(names)):
        through = below[:, k, None] & below[None, k, :]
        strict |= through & (strict[:, k, None] | strict[None, k, :])
        below |= through
    return below, strict


Table = tuple[tuple[float, ...], ...]
LEVELS, LEAST, FEW = 8, 200, 50
TOUCHING = 0.05
PROBABILITIES = ndtr(np.linspace(-3.2, 3.2, 97))


@dataclass(frozen=True)
class Carry:
    """Monotone maps of gaps, one for each interval of the level.

    Attributes
    ----------
    edges : tuple of float
        Between the intervals.
    middles : tuple of float
        Median level of each; between two the maps are mixed.
    wanted : tuple of tuple of float
        Quantiles of the observed gaps in each interval.
    drawn : tuple of tuple of float
        Those of drawn gaps; empty until `settled`.
    """

    edges: tuple[float, ...]
    middles: tuple[float, ...]
    wanted: Table
    drawn: Table = ()

    @classmethod
    def fit(cls, level: Doubles, gap: Doubles) -> Self | None:
        """Learn the observed gaps `(rows,)` at levels `(rows,)`.

        Returns
        -------
        Carry or None
            None where there are fewer than 200 rows, or more than 5 % of the gaps are zero: where columns touch often,
            how often is better learned as a gap's own zeros.
        """
        if len(gap) < LEAST or (gap == 0).mean() > TOUCHING:
            return None
        many = min(LEVELS, len(gap) // LEAST)
        edges = np.unique(np.quantile(level, np.arange(1, many) / many))
        place = np.searchsorted(edges, level, side="right")
        held = [np.flatnonzero(place == number) for number in range(len(edges) + 1)]
        if min(map(len, held)) < FEW:
            edges, held = edges[:0], [np.arange(len(level))]
        middles = tuple(float(np.median(level[rows])) for rows in held)
        return cls(tuple(edges.tolist()), middles, tuple(_quantiles(gap[rows]) for rows in held))

    def settled(self, level: Doubles, gap: Doubles) -> Self:
        """Return maps from drawn gaps, which may be negative, to the observed ones."""
        if len(gap) < FEW:
            return self
        place = np.searchsorted(np.array(self.edges), level, side="right")
        held = [gap[place == number] for number in range(len(self.middles))]
        return replace(self, drawn=tuple(_quantiles(one if len(one) >= FEW else gap) for one in held))

    def apply(self, level: Doubles, gap: Doubles) -> Doubles:
        """Return drawn gaps as observed ones: never below the smallest of these, and free above the largest."""
        if not self.drawn:
            return gap
        middles = np.array(self.middles)
        place = np.interp(level, middles, np.arange(len(middles)))
        lower = np.floor(place).astype(np.intp)
        part, out = place - lower, np.zeros(len(gap))
        for number, (have, want) in enumerate(zip(self.drawn, self.wanted, strict=True)):
            weight = np.where(lower == number, 1 - part, np.where(lower + 1 == number, part, 0.0))
            rows = np.flatnonzero(weight)
            x, first, ties = np.unique(have, return_index=True, return_counts=True)
            y = (np.array(want)[first] + np.array(want)[first + ties - 1]) / 2
            out[rows] += weight[rows] * (np.interp(gap[rows], x, y) + np.maximum(gap[rows] - x[-1], 0.0))
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return the maps as JSON-ready values."""
        return vars(self).copy()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        tables = (tuple(tuple(row) for row in data[key]) for key in ("wanted", "drawn"))
        return cls(tuple(data["edges"]), tuple(data["middles"]), *tables)


def _quantiles(x: Doubles) -> tuple[float, ...]:
    return tuple(np.quantile(x, PROBABILITIES, method="hazen").tolist())
