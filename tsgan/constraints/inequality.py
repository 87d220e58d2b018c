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
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd

from ..arrays import Bools, first_rows
from ..bundle import PLACES, saved
from ..errors import ConstraintError
from .base import Columns, Constraint, Name, Plan, SequenceTable, Step, last_known, merged, part_name
from .numbers import NumberFormat, Numbers, Scale, finest, read_together

Mode = Literal["free", "up", "down", "share"]
MIN_ROWS_WITHOUT_GAP = 200  # of a column in order that is learned as it is: a share of touches is known to about 2 %
MAX_TOUCHING = 0.05  # share of them that touch what bounds them: more would be an atom that the column lacks
Edges = tuple[tuple[Name, Any], ...]
Pair = tuple[Name, Name, bool]  # the lower, the higher, whether strictly


@saved
class Inequality(Constraint):
    """A chain of columns in rising order: ``Inequality("low", "open", "high")`` says low <= open <= high.

    Several chains may share columns; together they are a partial order. Columns are numbers, datetimes or timedeltas.
    The clock may be one of them: the others keep to it. A static column below it is not above the first stamp of its
    sequence, one above it not below the last.

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
        self.columns, self.strict = self._named(columns, 2), bool(strict)

    @property
    def text(self) -> str:
        """Such as ``low <= high``."""
        return (" < " if self.strict else " <= ").join(map(str, self.columns))

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the columns, and `strict`."""
        return self.columns, {"strict": True} if self.strict else {}

    def puts_back(self) -> tuple[Name, ...]:
        """Return nothing: a column that can only be read is a bound of the others."""
        return ()

    def check(self, table: SequenceTable) -> None:
        """Refuse columns that cannot be compared."""
        self._check_kinds(table)

    @classmethod
    def steps(cls, own: Sequence[Self], plan: Plan) -> None:
        """Put back what inequalities tie together, one order after the other."""
        for names, pairs in _orders(own):
            _add_nodes(plan, names, pairs)

    @classmethod
    def check_together(cls, own: Sequence[Self], others: Sequence[Constraint]) -> None:
        """Refuse inequalities that go in a circle, naming the columns."""
        for names, pairs in _orders(own):
            circle = [names[i] for i in np.flatnonzero(closure(names, pairs)[0].diagonal())]
            if circle:
                raise ConstraintError(
                    f"the inequalities go in a circle through {circle}, so that these would all have to be equal; turn "
                    f"one of them round, or say Derived({circle[0]!r}, {str(circle[-1])!r})"
                )

    @classmethod
    def enforce(cls, own: Sequence[Self], drawn: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """Return the table with drawn values between those that they are set beside; known values stay.

        A drawn one is moved to where the known ones below and above it, and the drawn ones below it, leave room.
        Strict pairs are as far apart as the nearest that the table shows; in a closer gap, in its middle.
        """
        out = drawn.copy()
        for names, pairs in _orders(own):
            there = known[list(names)].notna().to_numpy(dtype=bool)
            if not there.all():
                _move_between(out, known, there, names, pairs)
        return out

    def broken(self, table: SequenceTable) -> Bools:
        """Return which rows have a pair of present values in the wrong order."""
        _, read = read_together([table.per_row(name) for name in self.columns])
        found = np.zeros(table.size(False), dtype=bool)
        for (low, no_low), (high, no_high) in combinations(read, 2):
            found |= ((low >= high) if self.strict else (low > high)) & ~no_low & ~no_high
        return found


@saved
@dataclass(frozen=True, eq=False)
class Node(Step):
    """One column of a partial order, or one with a range alone."""

    mode: Mode  # what is learned: the column, x - L, U - x, or (x - L) / (U - L)
    format: NumberFormat
    scale: Scale  # of all columns that are compared
    lowers: Edges = ()  # columns below it that are there before, and by how much it keeps away from them
    uppers: Edges = ()
    low: Any = None  # end of the column's own range, or None; the order is above it
    high: Any = None
    caps: Edges = ()  # parts of columns above it that have an end: it stays below where that part is not missing
    fallback: tuple[Any, Any] = (0, 0)  # what stands for L and U in sequences where no operand is known
    decimals: Annotated[int | None, PLACES] = None  # to which gaps are rounded

    @property
    def part(self) -> Name:
        """Name of what is learned."""
        return _part(self.mode, self.name)

    @property
    def static(self) -> bool:
        """Whether it has one value per sequence."""
        return bool(self.statics)

    def bound(self, table: SequenceTable, side: Literal["low", "high"]) -> tuple[Numbers, Bools]:
        """Return L or U, with a stand-in where no operand is known, and where one is, `(rows,)` or `(sequences,)`."""
        edges, sign = (self.lowers, 1) if side == "low" else (self.uppers, -1)
        count = table.size(self.static)
        best = np.zeros(count, dtype=np.float64 if self.scale.kind == "real" else np.int64)
        known = np.zeros(count, dtype=bool)
        for name, apart in edges:
            x, missing = self._read(name, table, sign)
            x = x + sign * apart
            x = x if self.decimals is None or not apart else np.round(x, self.decimals)
            better = ~missing & (~known | (x > best if side == "low" else x < best))
            best, known = np.where(better, x, best), known | ~missing
        if known.all():
            return best, known
        place = last_known(known, table.groups(self.static))
        return np.where(place >= 0, best[np.maximum(place, 0)], self.fallback[side == "high"]), known

    def _read(self, name: Name, table: SequenceTable, sign: int) -> tuple[Numbers, Bools]:
        """Return an operand; beside a static column, one with a value per row as its largest (sign 1) or smallest."""
        if not self.static or name in table.statics:
            return self.scale.read(table.at(name, self.static))
        x, missing = self.scale.read(table.columns[name])
        end = np.inf if self.scale.kind == "real" else np.iinfo(np.int64).max
        of: Any = np.maximum if sign > 0 else np.minimum
        first = first_rows(table.lengths)
        gone = np.logical_and.reduceat(missing, first)
        return np.where(gone, 0, of.reduceat(np.where(missing, -sign * end, x), first)), gone

    def forward(self, table: SequenceTable) -> Columns:
        """Return the column, its gap or its share."""
        series = table.columns[self.name]
        if self.mode == "free":
            return {self.name: series}
        x, missing = self.scale.read(series)
        if self.mode == "up":
            return {self.part: self.scale.gaps.part(x - self.bound(table, "low")[0], missing, self.decimals)}
        if self.mode == "down":
            return {self.part: self.scale.gaps.part(self.bound(table, "high")[0] - x, missing, self.decimals)}
        low, high = self.bound(table, "low")[0], self.bound(table, "high")[0]
        share = (x - low) / np.where(high > low, high - low, 1)
        return {self.part: pd.Series(np.where(missing, np.nan, share))}

    def inverse(self, parts: Mapping[Name, pd.Series[Any]], table: SequenceTable) -> Columns:
        """Return the column, between its bounds and in its format."""
        series = parts[self.part]
        if self.mode == "free" and not (self.lowers or self.uppers or self.caps) and self.low is self.high is None:
            return {self.name: series}
        low, floor = self.bound(table, "low")
        high, ceiling = self.bound(table, "high")
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
        inside = self.format.round(
            x, self.scale
        )  # then into the range, below the caps, in order: the last is above all
        if self.low is not None:
            inside = np.maximum(inside, self._next(np.full(len(x), self.low, dtype=x.dtype), "up"))
        if self.high is not None:
            inside = np.minimum(inside, self._next(np.full(len(x), self.high, dtype=x.dtype), "down"))
        for part, most in self.caps:
            there = parts[part].notna().to_numpy(dtype=bool)
            cap = self._next(np.full(len(x), most, dtype=x.dtype), "down")
            inside = np.where(there & (inside > most), cap, inside)
        inside = np.where(floor & (inside < low), self._next(low, "up"), inside)
        inside = np.where(ceiling & (inside > high), self._next(high, "down"), inside)
        if self.mode == "free" and bool((missing | (inside == x)).all()):
            return {self.name: series}
        return {self.name: self.format.write(inside, missing, self.scale)}

    def _next(self, x: Numbers, way: Literal["up", "down"]) -> Numbers:
        return self.format.round(x, self.scale, way)


def _part(mode: Mode, name: Name) -> Name:
    return name if mode == "free" else part_name("share" if mode == "share" else "gap", name)


def _orders(constraints: Sequence[Inequality]) -> list[tuple[tuple[Name, ...], list[Pair]]]:
    """Return the columns that inequalities tie together, and the pairs (low, high, whether strictly) among each."""
    pairs = [(low, high, one.strict) for one in constraints for low, high in pairwise(one.columns)]
    groups = merged((low, high) for low, high, _ in pairs)
    return [(names, [pair for pair in pairs if pair[0] in names]) for names in groups]


def closure(names: Sequence[Name], pairs: Sequence[Pair]) -> tuple[Bools, Bools]:
    """Return which column is below which, directly or by others between, and where strictly, `(names, names)` each."""
    place = {name: i for i, name in enumerate(names)}
    direct, strict = (np.zeros((len(names), len(names)), dtype=bool) for _ in range(2))
    for low, high, firm in pairs:
        direct[place[low], place[high]] = True
        strict[place[low], place[high]] |= firm
    paths = np.linalg.matrix_power(direct | np.eye(len(names), dtype=bool), len(names))
    return paths @ direct @ paths, paths @ strict @ paths


def _distances(x: Numbers, known: Bools, strict: Bools, otherwise: Sequence[Any]) -> Numbers:
    """Return how near strict pairs come where both are known, `(columns, columns)`; zero for other pairs.

    `x` and `known` are of shape (rows, columns); where no row has both, it is `otherwise` by the higher column.
    """
    found = np.zeros(strict.shape, dtype=x.dtype)
    for i, j in np.argwhere(strict):
        both = known[:, i] & known[:, j]
        found[i, j] = (x[both, j] - x[both, i]).min() if both.any() else otherwise[j]
    return found


def _add_nodes(plan: Plan, names: Sequence[Name], pairs: Sequence[Pair]) -> None:
    """Add a node for each column of a partial order that no other step puts back."""
    table = plan.table
    below, strict = closure(names, pairs)
    formats = [plan.format(name) for name in names]
    scale = Scale.of(formats)
    decimals = finest(one.decimals for one in formats) if scale.kind == "real" else None
    read = [scale.read(table.per_row(name)) for name in names]
    x, known = np.column_stack([one for one, _ in read]), ~np.column_stack([missing for _, missing in read])
    apart = _distances(x, known, strict, [0] * len(names))
    static = [name in table.statics for name in names]
    owned = plan.owned | table.given
    inner = [i for i, name in enumerate(names) if name not in owned]
    goals = {names[i] for i in inner}
    given = [i for i, name in enumerate(names) if name in owned and not plan.reaches(name, goals)]
    ranked = sorted(inner, key=lambda i: (not static[i], below[:, i].sum(), i))
    ends = {i: plan.limits(names[i], scale) for i in ranked}
    if not given and not any(static[i] for i in ranked):
        lows = {i: low for i, (low, _) in ends.items()}
        ranked = _from_the_middle(ranked, below, apart, lows)
    nodes: dict[int, Node] = {}
    for i in ranked:
        there = [j for j in [*given, *nodes] if not static[i] or static[j] or names[j] in table.given]
        lowers: Edges = tuple((names[j], apart[j, i].item()) for j in there if below[j, i])
        uppers: Edges = tuple((names[j], apart[i, j].item()) for j in there if below[i, j])
        mode: Mode = "share" if lowers and uppers else "up" if lowers else "down" if uppers else "free"
        needs = tuple(name for name, _ in (*lowers, *uppers))
        statics = frozenset([_part(mode, names[i])] if static[i] else [])
        edges = lowers, uppers, *ends[i]
        node = Node((names[i],), needs, statics, mode, formats[i], scale, *edges, decimals=decimals)
        low, high = node.bound(table, "low"), node.bound(table, "high")
        if mode in ("up", "down") and not static[i] and scale.kind == formats[i].kind == "real":
            level, there_too = low if mode == "up" else high
            touches = (x[:, i] == level)[there_too & known[:, i]]
            if len(touches) >= MIN_ROWS_WITHOUT_GAP and touches.mean() <= MAX_TOUCHING:
                node = replace(node, mode="free")
        nodes[i] = replace(node, fallback=(_median(*low), _median(*high)))
    for i, node in nodes.items():
        above = [j for j in ranked if below[i, j] and static[j] == static[i] and ends[j][1] is not None]
        caps = [(nodes[j].part, ends[j][1] - apart[i, j].item()) for j in above]
        plan.add(replace(node, caps=tuple(cap for cap in caps if node.high is None or cap[1] < node.high)))


def _from_the_middle(ranked: list[int], below: Bools, apart: Numbers, lows: Mapping[int, Any]) -> list[int]:
    """Return columns so that the largest set of unrelated ones of one height comes first, then those below.

    These stay free: opening and close are tied to each other and to the days before more closely than to the low. Yet
    where a column below has an end of its own that those above it would not keep it from crossing, nothing changes.
    """
    height: dict[int, int] = {}
    for i in ranked:
        height[i] = 1 + max((height[j] for j in height if below[j, i]), default=-1)
    heights = list(height.values())
    top = max(range(max(heights) + 1), key=lambda level: (heights.count(level), -level))
    start = [i for i in ranked if height[i] == top]
    under = [i for i in reversed(ranked) if below[i, start].any()]
    for i in under:
        for j in start:
            if below[i, j] and lows[i] is not None and (lows[j] is None or lows[j] - apart[i, j] < lows[i]):
                return ranked
    return [*start, *under, *(i for i in ranked if i not in (*start, *under))]


def _median(x: Numbers, known: Bools) -> Any:
    """Return the median of what is known, zero where nothing is."""
    return np.sort(x[known])[known.sum() // 2].item() if known.any() else 0


def _move_between(
    out: pd.DataFrame, table: pd.DataFrame, known: Bools, names: Sequence[Name], pairs: Sequence[Pair]
) -> None:
    """Move drawn values, in place, between those that `pairs` of the columns set them beside."""
    below, strict = closure(names, pairs)
    formats = [NumberFormat.fit(table[name]) for name in names]
    decimals = finest(one.decimals for one in formats)
    formats = [replace(one, decimals=decimals) if one.kind == "real" else one for one in formats]
    scale = Scale.of(formats)
    x = np.column_stack([scale.read(out[name])[0] for name in names])
    rooms = _distances(x, known, strict, [one.smallest_step(scale) for one in formats])
    for k in range(len(names)):  # no less than by way of others between
        through = below[:, k, None] & below[None, k, :]
        rooms = np.where(through, np.maximum(rooms, rooms[:, k, None] + rooms[None, k, :]), rooms)
    there = out[list(names)].notna().to_numpy(dtype=bool)
    far = np.inf if scale.kind == "real" else np.iinfo(np.int64).max
    for j in np.argsort(below.sum(axis=0), kind="stable"):
        under, above, own, free = below[:, j], below[j], formats[j], ~known[:, j]
        low = np.where(there[:, under], x[:, under], -far).max(axis=1, initial=-far)
        least = np.where(there[:, under], x[:, under] + rooms[under, j], -far).max(axis=1, initial=-far)
        high = np.where(known[:, above], x[:, above], far).min(axis=1, initial=far)
        most = np.where(known[:, above], x[:, above] - rooms[j, above], far).min(axis=1, initial=far)
        raised, lowered, tight = free & (x[:, j] < least), free & (x[:, j] > most), free & (least > most)
        x[raised, j] = own.round(least[raised], scale, "up")
        x[lowered, j] = own.round(most[lowered], scale, "down")
        gap = high[tight] - low[tight]  # closer than any that the table shows: to its middle
        middle = low[tight] + (gap / 2 if scale.kind == "real" else gap // 2)
        rounded = own.round(middle, scale)
        x[tight, j] = np.where((rounded > low[tight]) & (rounded < high[tight]), rounded, middle)
        moved = raised | lowered | tight
        if moved.any():
            new = own.write(x[:, j], np.zeros(len(out), dtype=bool), scale).set_axis(out.index)
            out[names[j]] = out[names[j]].where(~moved, new.astype(out[names[j]].dtype))
