"""Which pairs of columns are equal, which are never in the wrong order, and which categories determine others."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .base import Constraint
from .derived import Derived
from .fixed import Fixed
from .grain import Grain, Scale, kind_of
from .inequality import Inequality
from .order import closure
from .rows import Name

LEAST_ROWS, SAMPLE = 100, 5000
CHANCE, CLOSE = 0.05, 1.0
FEWEST, MOST_LEVELS, EACH = 2, 1000, 5
Table = Mapping[Name, "pd.Series[Any]"]


@dataclass(frozen=True)
class Found:
    """A constraint that holds, and why that says something."""

    constraint: Constraint
    reason: str


def quoted(name: Name) -> str:
    """Return a column's name as a formula writes it."""
    return str(name) if str(name).isidentifier() and isinstance(name, str) else f"`{name}`"


def sampled(count: int) -> NDArray[np.intp]:
    """Return the positions of at most 5,000 rows, spread evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, SAMPLE)).astype(np.intp))


def equals(table: Table) -> list[Found]:
    """Return columns that repeat an earlier one of their dtype, in all values and gaps."""
    names = list(table)
    if not names:
        return []
    few = sampled(len(table[names[0]]))
    seen: dict[tuple[Any, ...], list[Name]] = {}
    found: list[Found] = []
    for name, series in table.items():
        if series.nunique() < FEWEST or "`" in str(name):
            continue
        part = series.iloc[few]
        codes = pd.util.hash_pandas_object(part.astype(object).where(part.notna(), None).astype(str), index=False)
        key = (str(series.dtype)[:8], int(codes.sum()), int(codes.iloc[0]))
        twin = next((other for other in seen.get(key, []) if table[other].equals(series)), None)
        if twin is None:
            seen.setdefault(key, []).append(name)
        else:
            found.append(Found(Derived(name, quoted(twin)), f"equal in all {len(series)} rows"))
    return found


def orders(table: Table, equal: Set[frozenset[Name]]) -> list[Found]:
    """Return pairs of columns of one kind in which one is never above the other, without those that follow from others.

    A pair says something if the columns' values would often be in the wrong order were the rows of one moved against
    those of the other (in at least 5 % of rows), and lie closer together than then.
    """
    found: list[Found] = []
    families: dict[str, list[Name]] = {}
    for name, series in table.items():
        kind = kind_of(series)
        if kind is not None and series.nunique() >= FEWEST:
            zone = str(getattr(series.dtype, "tz", "")) if kind == "moment" else ""
            families.setdefault({"whole": "number", "real": "number"}.get(kind, kind) + zone, []).append(name)
    for names in families.values():
        found += _orders({name: table[name] for name in names}, equal)
    return found


def _orders(table: Table, equal: Set[frozenset[Name]]) -> list[Found]:
    names = list(table)
    scale = Scale.of(Grain.fit(series.iloc[:1]) for series in table.values())
    read = {name: scale.read(series) for name, series in table.items()}
    few = sampled(len(table[names[0]]))
    x = np.stack([np.where(read[name][1][few], np.nan, read[name][0][few]) for name in names])
    kept: dict[tuple[Name, Name], str] = {}
    for i, low in enumerate(names):
        with np.errstate(invalid="ignore"):
            holds = ~(x[i] > x).any(axis=1)
        for j in np.flatnonzero(holds):
            high = names[j]
            if i == j or frozenset((low, high)) in equal:
                continue
            there = ~read[low][1] & ~read[high][1]
            one, two = read[low][0][there], read[high][0][there]
            if len(one) < LEAST_ROWS or (one > two).any() or (one == two).all():
                continue
            chance, apart = _moved(one, two)
            close = float(np.median((two - one).astype(np.float64)))
            if chance >= CHANCE and close <= CLOSE * apart:
                kept[low, high] = f"{len(one)} rows; were the rows moved, {chance:.0%} would break it"
    inner = list(dict.fromkeys(name for pair in kept for name in pair))
    below, _ = closure(inner, [(low, high, False) for low, high in kept])
    place = {name: i for i, name in enumerate(inner)}
    direct = {(low, high) for low, high in kept}
    return [
        Found(Inequality(low, high), reason)
        for (low, high), reason in kept.items()
        if not any((low, mid) in direct and below[place[mid], place[high]] for mid in inner if mid not in (low, high))
    ]


def _moved(low: NDArray[Any], high: NDArray[Any]) -> tuple[float, float]:
    """Return how often the order would break were rows moved against each other, and how far apart values would lie."""
    few = sampled(len(low))
    one, two = low[few], high[few]
    shifts = [len(few) // 3, len(few) // 2, 2 * len(few) // 3]
    gaps = np.concatenate([np.roll(two, shift) - one for shift in shifts]).astype(np.float64)
    return float((gaps < 0).mean()), float(np.median(np.abs(gaps)))


def combinations(table: Table) -> list[Found]:
    """Return pairs of categories of which one determines the other, though its levels come up often enough to tell."""
    found: list[Found] = []
    counts = {name: series.nunique() for name, series in table.items()}
    names = [name for name in table if FEWEST <= counts[name] <= MOST_LEVELS]
    if not names:
        return found
    few = sampled(len(table[names[0]]))
    codes = {name: pd.factorize(table[name])[0] for name in names}
    for fine in names:
        for coarse in names:
            if fine == coarse or counts[fine] < counts[coarse] or (counts[fine] == 2 and counts[coarse] == 2):
                continue
            both = (codes[fine] >= 0) & (codes[coarse] >= 0)
            if both.sum() < max(LEAST_ROWS, EACH * counts[fine]):
                continue
            if counts[fine] == counts[coarse] and names.index(fine) > names.index(coarse):
                continue
            if not _determines(codes[fine][few], codes[coarse][few]) or not _determines(codes[fine], codes[coarse]):
                continue
            told = f"each of {counts[fine]} levels of {fine} goes with one of {counts[coarse]} of {coarse}"
            found.append(Found(Fixed(fine, coarse), f"{told}, in {int(both.sum())} rows"))
    return found


def _determines(fine: NDArray[np.intp], coarse: NDArray[np.intp]) -> bool:
    """Return whether each level of one goes with one of the other; missing ones say nothing."""
    there = (fine >= 0) & (coarse >= 0)
    if not there.any():
        return False
    pairs = np.unique(fine[there].astype(np.int64) * (coarse.max() + 1) + coarse[there])
    return len(pairs) == len(np.unique(fine[there]))
