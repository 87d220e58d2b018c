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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd

from ..arrays import Bools
from ..bundle import saved
from ..errors import ConstraintError
from .base import Constraint, Limits, Name, Parts, Plan, Rows, Step, last_known, merged, names_of, numeric, reserved
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
    ordering: ClassVar[bool] = True

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

    @classmethod
    def steps(cls, own: Sequence[Self], plan: Plan) -> None:
        """Put back what inequalities tie together, one order after the other."""
        for names, pairs in components(own):
            _plan(plan, names, pairs)

    @classmethod
    def check_together(cls, own: Sequence[Self], others: Sequence[Constraint]) -> None:
        """Refuse inequalities that go in a circle.

        Raises
        ------
        ConstraintError
            Naming the columns.
        """
        for names, pairs in components(own):
            circle = [names[i] for i in np.flatnonzero(closure(names, pairs)[0].diagonal())]
            if circle:
                raise ConstraintError(
                    f"the inequalities go in a circle through {circle}, so that these would all have to be equal; turn "
                    f"one of them round, or say Derived({circle[0]!r}, {str(circle[-1])!r})"
                )

    @classmethod
    def hold(cls, own: Sequence[Self], drawn: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
        """Return the table with drawn values between those that they are set beside; known values stay.

        A drawn one is moved to where the known ones below and above it, and the drawn ones below it, leave room.
        Strict pairs are as far apart as the nearest that the table shows; in a closer gap, in its middle.
        """
        out = drawn.copy()
        for names, pairs in components(own):
            known = told[list(names)].notna().to_numpy(dtype=bool)
            if not known.all():
                _hold(out, told, known, names, pairs)
        return out

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
LEAST = 200  # rows at least of a column in order that is learned as it is, and not by its gap
TOUCHING = 0.05  # of them that touch what bounds them, at most
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


def components(constraints: Sequence[Inequality]) -> list[tuple[tuple[Name, ...], list[Pair]]]:
    """Return the columns that inequalities tie together, and the pairs (low, high, whether strictly) among each."""
    pairs = [
        (low, high, one.strict) for one in constraints for low, high in zip(one.chain, one.chain[1:], strict=False)
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


def _plan(plan: Plan, names: Sequence[Name], pairs: Sequence[Pair]) -> None:
    rows = plan.rows
    below, strict = closure(names, pairs)
    place = {name: i for i, name in enumerate(names)}
    given = [name for name in names if name in plan.owned]
    inner = {name for name in names if name not in given}
    given = [name for name in given if not plan.reaches(name, inner)]
    grains = {name: plan.grain(name) for name in names}
    scale = Scale.of(grains.values())
    read = {name: scale.read(rows.spread(name)) for name in names}
    ranked = sorted(inner, key=lambda name: (name not in rows.statics, below[:, place[name]].sum(), place[name]))
    ends = {name: plan.limits(name, scale) for name in ranked}
    shown = [grain.decimals for grain in grains.values()]
    decimals = None if scale.kind != "real" or None in shown else max(one for one in shown if one is not None)

    def apart(low: Name, high: Name) -> Any:
        """Smallest observed distance of a strict pair."""
        if not strict[place[low], place[high]]:
            return 0
        there = ~read[low][1] & ~read[high][1]
        return (read[high][0] - read[low][0])[there].min().item() if there.any() else 0

    if not given and not set(ranked) & rows.statics:
        ranked = _from_the_middle(ranked, below, place, lambda one, start: _holds(ends, one, start, apart(one, start)))
    nodes: list[Node] = []
    for i, name in enumerate(ranked):
        static = name in rows.statics
        there = [one for one in [*given, *ranked[:i]] if not static or one in rows.statics]
        lowers: Edges = tuple((one, apart(one, name)) for one in there if below[place[one], place[name]])
        uppers: Edges = tuple((one, apart(name, one)) for one in there if below[place[name], place[one]])
        mode: Mode = "share" if lowers and uppers else "up" if lowers else "down" if uppers else "free"
        low, high = ends[name]
        node = Node(name, static, mode, grains[name], scale, lowers, uppers, low, high, decimals=decimals)
        bounds = {side: bound(node, rows, side, 0) for side in ("low", "high")}
        fallback = _middle(*bounds["low"]), _middle(*bounds["high"])
        if mode in ("up", "down") and not static and scale.kind == grains[name].kind == "real":
            level, known = bounds["low" if mode == "up" else "high"]
            touches = (read[name][0] == level)[known & ~read[name][1]]
            if len(touches) >= LEAST and touches.mean() <= TOUCHING:
                node = replace(node, mode="free")
        nodes.append(replace(node, fallback=fallback))
    parts = {node.name: node.part for node in nodes}
    for node in nodes:
        caps = tuple(
            (parts[one], ends[one][1] - apart(node.name, one))
            for one in ranked
            if below[place[node.name], place[one]]
            and ends[one][1] is not None
            and (one in rows.statics) == node.static
            and (node.high is None or ends[one][1] - apart(node.name, one) < node.high)
        )
        plan.add(replace(node, caps=caps))


def _from_the_middle(
    ranked: list[Name], below: Bools, place: Mapping[Name, int], holds: Callable[[Name, Name], bool]
) -> list[Name]:
    """Return the columns so that the largest set of unrelated ones of one height comes first, then those below.

    These stay free: opening and close are tied to each other and to the days before more closely than to the low.
    """
    height: dict[Name, int] = {}
    for name in ranked:
        height[name] = 1 + max((height[one] for one in height if below[place[one], place[name]]), default=-1)
    heights = list(height.values())
    top = max(range(max(heights) + 1), key=lambda level: (heights.count(level), -level))
    start = [name for name in ranked if height[name] == top]
    under = [name for name in reversed(ranked) if any(below[place[name], place[one]] for one in start)]
    if not all(holds(one, other) for one in under for other in start if below[place[one], place[other]]):
        return ranked
    return [*start, *under, *(name for name in ranked if name not in (*start, *under))]


def _holds(ends: Mapping[Name, Limits], one: Name, start: Name, apart: Any) -> bool:
    """Return whether a column stays above its lower end wherever the one above it stays above its own."""
    low, floor = ends[one][0], ends[start][0]
    return low is None or (floor is not None and floor - apart >= low)


def _middle(x: Any, known: Any) -> Any:
    """Return the median of what is known, zero where nothing is."""
    return np.sort(x[known])[known.sum() // 2].item() if known.any() else 0


def _hold(out: pd.DataFrame, told: pd.DataFrame, known: Bools, names: Sequence[Name], pairs: Sequence[Pair]) -> None:
    """Move drawn values, in place, between those that `pairs` of the columns set them beside."""
    below, strict = closure(names, pairs)
    grains = [Grain.fit(told[name]) for name in names]
    places = [grain.decimals for grain in grains]
    finest = None if None in places else max(one for one in places if one is not None)
    grains = [replace(grain, decimals=finest) if grain.kind == "real" else grain for grain in grains]
    scale = Scale.of(grains)
    x = [scale.read(out[name])[0] for name in names]
    rooms = _rooms(x, known, strict, below, [grain.least(scale) for grain in grains])
    there = out[list(names)].notna().to_numpy(dtype=bool)
    far = np.full(len(out), np.inf if scale.kind == "real" else np.iinfo(np.int64).max, dtype=x[0].dtype)
    for j in np.argsort(below.sum(axis=0), kind="stable"):
        under, above = np.flatnonzero(below[:, j]), np.flatnonzero(below[j])
        low, least = (
            np.max([-far, *(np.where(there[:, i], x[i] + share * rooms[i, j], -far) for i in under)], axis=0)
            for share in (0, 1)
        )
        high, most = (
            np.min([far, *(np.where(known[:, i], x[i] - share * rooms[j, i], far) for i in above)], axis=0)
            for share in (0, 1)
        )
        raised, lowered = ~known[:, j] & (x[j] < least), ~known[:, j] & (x[j] > most)
        x[j][raised] = grains[j].snap(least[raised], scale, "up")
        x[j][lowered] = grains[j].snap(most[lowered], scale, "down")
        tight = ~known[:, j] & (least > most)  # closer than any that the table shows
        apart = high[tight] - low[tight]
        middle = low[tight] + (apart / 2 if scale.kind == "real" else apart // 2)
        shown = grains[j].snap(middle, scale)
        x[j][tight] = np.where((shown > low[tight]) & (shown < high[tight]), shown, middle)
        moved = raised | lowered | tight
        if moved.any():
            new = grains[j].write(x[j], np.zeros(len(out), dtype=bool), scale).set_axis(out.index)
            out[names[j]] = out[names[j]].where(~moved, new.astype(out[names[j]].dtype))


def _rooms(x: Sequence[Numbers], known: Bools, strict: Bools, below: Bools, least: Sequence[Any]) -> Numbers:
    """Return how far apart strict pairs are at least, `(columns, columns)`.

    As near as known values come, the least step where there are none, and no less than by way of others between.
    """
    rooms = np.zeros(below.shape, dtype=x[0].dtype)
    for i, j in zip(*np.nonzero(strict), strict=True):
        both = known[:, i] & known[:, j]
        rooms[i, j] = (x[j] - x[i])[both].min() if both.any() else least[j]
    for k in range(len(x)):
        through = below[:, k, None] & below[None, k, :]
        rooms = np.where(through, np.maximum(rooms, rooms[:, k, None] + rooms[None, k, :]), rooms)
    return rooms
