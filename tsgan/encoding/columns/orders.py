"""Numbers that never cross: temp_min below temp_max, low below high, on every row of a table.

Nobody need declare such an order (`Inequality` does, and keeps it to the letter): where one column of numbers was never
above another although their ranges overlap, a drawn number is held to the side on which it was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...arrays import Doubles
from ...bundle import saved
from ...holders import Holders
from ...layout import Bound
from ...tables.dtypes import Name
from .numeric import FloatColumn

MIN_ROWS = 200  # that an order has to hold on, all there are
MAX_COLUMNS = 64  # of numbers, beyond which pairs are too many to look at
MAX_ORDERS = 4  # of a column on either side, the tightest
SAME = 1e-9  # of the largest value: what scaling there and back may move one that touches another
MAP_KNOTS = 65  # of the map from one column's scale to another's
REACH = 8.0  # ranges that the map goes on where there is no bound
NEAREST, PILED = 0.1, 0.4  # share of the distances, and of these what the nearer half of their range holds at least

Side = tuple[tuple[Name, float], ...]


@saved
@dataclass(frozen=True)
class Order:
    """Which earlier columns one is never below, and never above.

    Attributes
    ----------
    floors, ceilings : tuple of (name, float)
        The columns, and by how much this one kept away from them at least.
    piled : (bool, bool)
        Whether values are as frequent at the edge that floors, and that ceilings, set as a little away from it.
    """

    floors: Side
    ceilings: Side
    piled: tuple[bool, bool]


def find_orders(columns: Sequence[FloatColumn], numbers: Doubles, holders: Holders) -> dict[Name, Order]:
    """Return the orders of columns, by the later one.

    Parameters
    ----------
    columns : sequence of FloatColumn
    numbers : float64 array of shape (rows, columns)
        Scaled, NaN where missing.
    holders : Holders
        Of the rows: how near columns came is told by its order of magnitude, unless enough holders share it.
    """
    if len(columns) > MAX_COLUMNS:
        return {}
    origin = columns[0].counting[0] if columns else 0  # large numbers are compared by how far they lie from one
    x = np.column_stack(
        [np.empty((len(numbers), 0)), *(_from(origin, c, c.unscaled(numbers[:, i])) for i, c in enumerate(columns))]
    )
    found: dict[Name, Order] = {}
    low, high = (np.array([_from(origin, c, c.observed[side]) for c in columns]) for side in (0, 1))
    for j in range(1, len(columns)):
        sides: dict[int, list[tuple[float, int, float]]] = {1: [], -1: []}
        for i in range(j):
            if low[j] >= high[i] or low[i] >= high[j]:
                continue
            gap = x[:, j] - x[:, i]
            known = ~np.isnan(gap)
            gap = gap[known]
            if len(gap) < MIN_ROWS or not gap.any():
                continue
            same = SAME * float(np.abs(x[:, i]).max(initial=0.0, where=~np.isnan(x[:, i])))
            sign = 1 if gap.min() >= -same else -1
            if (sign * gap).min() >= -same:
                apart = max(float((sign * gap).min()), 0.0)
                if apart and len(np.unique(holders.of[known][sign * gap == apart])) < holders.least:
                    apart = 2.0 ** np.floor(np.log2(apart))
                sides[sign].append((float(sign * gap.mean()), i, apart))
        near = {sign: sorted(side)[:MAX_ORDERS] for sign, side in sides.items()}
        if near[1] or near[-1]:
            floors, ceilings = (tuple((columns[i].name, apart) for _, i, apart in side) for side in near.values())
            above, below = (
                _piled([sign * (x[:, j] - x[:, i]) - apart for _, i, apart in side]) for sign, side in near.items()
            )
            found[columns[j].name] = Order(floors, ceilings, (above, below))
    return found


def _piled(distances: Sequence[Doubles]) -> bool:
    """Return whether numbers lie close to the nearest of their bounds as often as a little farther from it."""
    if not distances:
        return False
    nearest = np.fmin.reduce(distances)
    nearest = np.sort(nearest[~np.isnan(nearest)])
    nearest = nearest[: max(1, int(NEAREST * len(nearest)))]
    return bool(np.mean(nearest <= nearest[-1] / 2) >= PILED)


def bound(own: FloatColumn, other: FloatColumn, cell: int, apart: float) -> Bound:
    """Return how a value of another column, in cell `cell`, bounds one's own, `apart` away from it."""
    ends = [end for end in other.reach(REACH) if end not in other.observed and (end > 0 or not other.positive)]
    raw, (first, step) = np.sort(np.append(np.linspace(*other.observed, MAP_KNOTS), ends)), own.counting
    there, beside = other.scaled(raw), (_from(first, other, raw) + apart) / step
    low, high = own.reach(REACH)
    here = own.scaled(np.clip(beside, own.observed[0] if own.positive else low, high))
    return Bound(cell, tuple(there.tolist()), tuple(here.tolist()))


def _from(origin: int, column: FloatColumn, x: Any) -> Any:
    """Return a column's numbers as how far their values lie from an origin."""
    first, step = column.counting
    return x * step + float(first - origin) if step > 1 or first != origin else x
