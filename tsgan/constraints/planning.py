"""Which step puts back which column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays import Bools
from .base import Constraint, Name, Rows, Step, merged
from .derived import Derived, Formula
from .fixed import Fixed, Joint
from .fixed_sum import FixedSum, Limits, Total
from .inequality import Edges, Inequality, Mode, Node, Pair, bound, closure, components
from .monotone import Increments, Monotone
from .numbers import Grain, Scale
from .ranges import Range

CONSTRAINTS: dict[str, type[Constraint]] = {
    member.kind: member for member in (Inequality, FixedSum, Monotone, Fixed, Derived, Range)
}
LEAST = 200  # rows at least of a column in order that is learned as it is, and not by its gap
TOUCHING = 0.05  # of them that touch what bounds them, at most
Bounds = str | Mapping[Name, Any] | None


class Plan:
    """The steps so far, and who needs whom.

    Attributes
    ----------
    steps : list of Step
    owned : set of names
        Columns that a step puts back.
    """

    def __init__(self, constraints: Sequence[Constraint], rows: Rows, bounds: Bounds) -> None:
        self.constraints, self.rows, self.bounds = constraints, rows, bounds
        self.steps: list[Step] = []
        self.needs: dict[Name, set[Name]] = {}

    @property
    def owned(self) -> set[Name]:
        """Columns that a step puts back."""
        return {name for step in self.steps for name in step.makes}

    def reaches(self, start: Name, goals: set[Name]) -> bool:
        """Return whether a column needs one of others, directly or by others between."""
        seen, left = set[Name](), [start]
        while left:
            name = left.pop()
            if name in goals:
                return True
            if name not in seen:
                seen.add(name)
                left += self.needs.get(name, ())
        return False

    def add(self, step: Step) -> None:
        """Add a step."""
        self.steps.append(step)
        for name in step.makes:
            self.needs.setdefault(name, set()).update(step.needs)

    def declared(self, name: Name, scale: Scale) -> Limits:
        """Return the ends of a column by its `Range` constraints and by the bounds asked for."""
        found: Limits = (None, None)
        for one in self.constraints:
            if isinstance(one, Range) and one.column == name:
                found = _inner(found, _scaled((one.low, one.high), scale))
        asked = self.bounds.get(name, "observed") if isinstance(self.bounds, Mapping) else self.bounds
        if isinstance(asked, tuple | list) and scale.kind in ("whole", "real"):
            found = _inner(found, _scaled((asked[0], asked[1]), scale))
        return found

    def limits(self, name: Name, scale: Scale) -> Limits:
        """Return the ends of a column: declared, and observed where that is asked for."""
        asked = self.bounds.get(name, "observed") if isinstance(self.bounds, Mapping) else self.bounds
        if asked != "observed":
            return self.declared(name, scale)
        x, missing = scale.read(self.rows.columns[name])
        seen = x[~missing]
        observed = (seen.min().item(), seen.max().item()) if len(seen) else (None, None)
        return _inner(self.declared(name, scale), observed)

    def grain(self, name: Name) -> Grain:
        """Return what a column's values look like; without decimals where whole numbers are asked for."""
        grain = Grain.fit(self.rows.columns[name])
        if any(isinstance(one, Range) and one.column == name and one.whole for one in self.constraints):
            return Grain(grain.dtype, grain.kind, 0, grain.unit, grain.origin, grain.step)
        return grain


def plan(constraints: Sequence[Constraint], rows: Rows, bounds: Bounds) -> list[Step]:
    """Return the steps that keep the constraints of a table that holds them."""
    made = Plan(constraints, rows, bounds)
    for names in merged([one.together for one in constraints if isinstance(one, Fixed)]):
        made.add(Joint.fit(rows, names))
    earlier: list[Name] = []
    for one in constraints:
        if isinstance(one, Derived):
            _formula(made, one, earlier)
            earlier.append(one.column)
    orders = {name for one in constraints if isinstance(one, Inequality | Monotone) for name in one.columns}
    for one in constraints:
        if isinstance(one, FixedSum):
            _total(made, one, orders)
    for one in constraints:
        if isinstance(one, Monotone) and one.column not in made.owned:
            low, high = made.declared(one.column, Scale.of([made.grain(one.column)]))
            same = [
                o
                for o in constraints
                if isinstance(o, Monotone) and o.column == one.column and o.increasing == one.increasing
            ]
            strict = any(o.strict for o in same)
            made.add(Increments.fit(rows, one.column, one.increasing, strict, low, high))
    _order(made)
    for one in constraints:
        if isinstance(one, Range) and one.column not in made.owned:
            grain = made.grain(one.column)
            scale = Scale.of([grain])
            low, high = made.limits(one.column, scale)
            made.add(Node(one.column, one.column in rows.statics, "free", grain, scale, low=low, high=high))
    return made.steps


def _scaled(ends: Limits, scale: Scale) -> Limits:
    low, high = ends
    return None if low is None else scale.bound(low, "low"), None if high is None else scale.bound(high, "high")


def _inner(one: Limits, two: Limits) -> Limits:
    """Return the narrower of two ranges."""
    lows, highs = ([end for end in ends if end is not None] for ends in zip(one, two, strict=True))
    return (max(lows) if lows else None), (min(highs) if highs else None)


def _formula(made: Plan, one: Derived, earlier: Sequence[Name]) -> None:
    """Let a column be computed, unless another step puts it back or it would need itself."""
    rows = made.rows
    uses = one.operands(rows.columns)[1:]
    if one.formula is None:
        later = {o.column for o in made.constraints if isinstance(o, Derived)} - set(earlier)
        static = one.column in rows.statics
        uses = tuple(name for name in uses if name not in later and (not static or name in rows.statics))
    if one.column in made.owned or any(made.reaches(name, {one.column}) for name in uses):
        return
    made.add(Formula.fit(rows, one, uses))


def _total(made: Plan, one: FixedSum, orders: set[Name]) -> None:
    """Let one column of a sum be computed: the total, else the last part that nothing else puts back."""
    rows, total = made.rows, one.column(made.rows)
    names = [*([] if total is None else [total]), *reversed(one.parts)]
    free = [name for name in names if name not in made.owned]
    free.sort(key=lambda name: name in orders)
    for name in free:
        others = [other for other in names if other != name]
        if not any(made.reaches(other, {name}) for other in others):
            break
    else:
        return
    scale = Scale.of(made.grain(other) for other in names)
    sums = [o for o in made.constraints if o is not one and not isinstance(o, Range)]
    used = {other for o in sums for other in o.operands(rows.columns)}
    yielding = tuple(part for part in one.parts if part != name and part not in used)
    gone = {other: rows.columns[other].isna().to_numpy(dtype=bool) for other in names}
    kept = bool((gone[name] != np.logical_or.reduce([gone[other] for other in others])).any())
    step = Total(
        name,
        total,
        0.0 if total is not None else float(one.total),
        one.parts,
        name in rows.statics,
        kept,
        {other: made.grain(other) for other in names},
        {other: made.limits(other, scale) for other in names},
        yielding,
    )
    made.add(step)
    for other in yielding:
        made.needs[other] = set(step.needs)


def _order(made: Plan) -> None:
    """Put back what inequalities tie together, one order after the other."""
    for names, pairs in components(made.constraints):
        _component(made, names, pairs)


def _component(made: Plan, names: Sequence[Name], pairs: Sequence[Pair]) -> None:
    rows = made.rows
    below, strict = closure(names, pairs)
    place = {name: i for i, name in enumerate(names)}
    given = [name for name in names if name in made.owned]
    inner = {name for name in names if name not in given}
    given = [name for name in given if not made.reaches(name, inner)]
    grains = {name: made.grain(name) for name in names}
    scale = Scale.of(grains.values())
    read = {name: scale.read(rows.spread(name)) for name in names}
    ranked = sorted(inner, key=lambda name: (name not in rows.statics, below[:, place[name]].sum(), place[name]))
    ends = {name: made.limits(name, scale) for name in ranked}
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
        made.add(Node(**{**vars(node), "caps": caps}))


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
