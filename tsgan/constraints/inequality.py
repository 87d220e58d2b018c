"""`Inequality`: one column is never above another; a partial order of columns, kept by construction.

Columns are put back one after the other along the order. What a column must not fall below is the largest of those
below it that are already there, L; what it must not rise above is the smallest of those above it that are given before
(computed ones, meters, statics), U. With L alone the gap x - L >= 0 is learned in its place, with U alone U - x >= 0,
with both the share (x - L) / (U - L) in [0, 1], with neither the column itself. So any partial order (Low <= Open, Low
<= Close, Open <= High, Close <= High) has an exact bijection onto free parts: Open, Close, min(Open, Close) - Low, High
- max(Open, Close). The largest set of unrelated columns comes first, for they are tied to each other and to the days
before; columns of real numbers that seldom touch their bound are learned as they are, and drawn ones that lie on
the wrong side of it are put on it.

Where an operand is missing it bounds nothing. Where all are, L is the last one of the sequence that is known (else the
next one, else their median over the table), which the way back finds again, so that the column still comes back.

Columns in a narrow order (the four prices of a day) belong together linearly, from step to step too: today's opening is
yesterday's close and a little. A gap learned in a column's place, positive and skewed, loses that; numbers that never
cross are held to their side while they are drawn anyway (see `encoding.columns.orders`), so that few have to be moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from ..arrays import Bools
from ..bundle import saved
from .base import Constraint, Name, Parts, Rows, Step, last_known, merged, names_of, numeric, reserved
from .numbers import Grain, Numbers, Scale


@saved
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


def _kind_unit(rows: Rows, name: Name) -> tuple[Any, None, str]:
    grain = Grain.fit(rows.columns[name].iloc[:1])
    return grain.kind, None, grain.unit


Mode = Literal["free", "up", "down", "share"]
Edges = tuple[tuple[Name, Any], ...]
Pair = tuple[Name, Name, bool]  # the lower, the higher, whether strictly


@saved
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

    @property
    def part(self) -> Name:
        """Name of what is learned."""
        if self.mode == "free":
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
        if self.mode == "free" and not (self.lowers or self.uppers or self.caps) and self.low is self.high is None:
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
        else:
            x, missing = (self.scale if self.mode == "free" else self.scale.gaps).read(series)
            x = {"free": x, "up": low + x, "down": high - x}[self.mode]
        settled = self._settle(x, low, floor, high, ceiling, parts)
        if self.mode == "free" and bool((missing | (settled == x)).all()):
            return {self.name: series}
        return {self.name: self.grain.write(settled, missing, self.scale)}

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


def components(constraints: Sequence[Constraint]) -> list[tuple[tuple[Name, ...], list[Pair]]]:
    """Return the columns that inequalities tie together, and the pairs (low, high, whether strictly) among each."""
    pairs = [
        (low, high, one.strict)
        for one in constraints
        if isinstance(one, Inequality)
        for low, high in zip(one.chain, one.chain[1:], strict=False)
    ]
    return [
        (names, [pair for pair in pairs if pair[0] in names])
        for names in merged([(low, high) for low, high, _ in pairs])
    ]


def closure(names: Sequence[Name], pairs: Sequence[Pair]) -> tuple[Bools, Bools]:
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
