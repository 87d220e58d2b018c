"""`suggest_constraints`: what holds exactly in a table, and says something.

Candidates are found on a sample of rows, all pairs of columns at once, and then verified on every row: which columns
are equal, which are never in the wrong order, which categories determine others, which columns are combinations of
others with small whole coefficients. A column is such a combination if nothing of it is left once the columns before it
(and a constant) are taken out by least squares; with whole coefficients the relation is verified to the last decimals.

What holds only because the columns lie far apart, or in too few rows to tell, is left out; yet what holds in one sample
of a source may fail in another, so look at the list before you declare it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ..printing import aligned
from .base import Constraint, Name, Rows
from .checking import arranged
from .derived import Derived
from .fixed import Fixed
from .fixed_sum import FixedSum
from .inequality import Inequality, closure
from .monotone import Monotone, previous
from .numbers import Grain, Scale, kind_of
from .ranges import Range

LEAST_ROWS = 100
SAMPLE = 5000
CERTAIN = 20
LEVELS = 2


class Suggestions(list[Constraint]):
    """Constraints that hold exactly in a table: a list that prints as a table.

    Parameters
    ----------
    constraints : sequence of Constraint
    reasons : sequence of str
        Why each is worth saying.
    """

    def __init__(self, constraints: Sequence[Constraint] = (), reasons: Sequence[str] = ()) -> None:
        super().__init__(constraints)
        self.reasons = list(reasons) or [""] * len(self)

    def __str__(self) -> str:
        if not self:
            return "no constraint that says something holds exactly"
        rows = [("constraint", "in words", "evidence")]
        reasons = self.reasons if len(self.reasons) == len(self) else [""] * len(self)
        rows += [(repr(one), one.text, why) for one, why in zip(self, reasons, strict=True)]
        return "\n".join(aligned(rows))

    def __repr__(self) -> str:
        return str(self)


def suggest_constraints(
    df: pd.DataFrame, entity: Name | None = None, time: Name | None = None, static: Sequence[Name] = ()
) -> Suggestions:
    """Return the constraints that hold exactly in a table and are not trivial.

    There are equal columns, sums and other combinations of columns with small whole coefficients, orders (without those
    that follow from others), ranges from zero that the column's spread would cross, whole numbers in float columns,
    columns that never fall or never rise within a sequence, and categories that determine others.

    Parameters
    ----------
    df : DataFrame
    entity, time : str or int, optional
        Columns or index levels that tell sequences apart and order their rows.
    static : sequence of str or int
        Columns with one value per sequence.

    Returns
    -------
    Suggestions
        A list of constraints, to print, to choose from, or to pass on as ``RecurrentGAN(constraints=...)``.
    """
    rows = arranged(df, entity, time)
    columns = dict(rows.columns)
    if static:
        begin = np.cumsum(rows.lengths) - rows.lengths
        columns |= {name: columns[name].take(begin).reset_index(drop=True) for name in static if name in columns}
        rows = Rows(columns, frozenset(name for name in static if name in columns), rows.lengths)
    return suggest(rows)


def suggest(rows: Rows) -> Suggestions:
    """Return what holds in columns that are in sequence and time order; see `suggest_constraints`."""
    found: list[Found] = []
    copies: set[Name] = set()
    for static in (False, True):
        names = [name for name in rows.columns if (name in rows.statics) == static]
        table = {name: rows.columns[name] for name in names}
        if rows.size(static) < LEAST_ROWS or not table:
            continue
        same = equals(table)
        found += same
        copies |= {one.constraint.columns[0] for one in same}
        own = {name: series for name, series in table.items() if name not in copies}
        numbers = {name: series for name, series in own.items() if kind_of(series) in ("whole", "real")}
        found += relations(numbers)
        found += orders(table, {frozenset(one.constraint.operands(list(table))) for one in same})
        found += [one for name, series in numbers.items() if (one := _range(name, series)) is not None]
        found += combinations({name: series for name, series in own.items() if _category(series)})
    moving = {name: rows.columns[name] for name in rows.columns if name not in rows.statics and name not in copies}
    found += [one for name, series in moving.items() if (one := _meter(name, series, rows)) is not None]
    return Suggestions([one.constraint for one in found], [one.reason for one in found])


def _category(series: pd.Series[Any]) -> bool:
    return kind_of(series) is None and (
        isinstance(series.dtype, pd.CategoricalDtype)
        or types.is_string_dtype(series.dtype)
        or types.is_bool_dtype(series)
    )


def _range(name: Name, series: pd.Series[Any]) -> Found | None:
    """Return non-negative and whole, where a column of that mean and spread would often be otherwise."""
    x = series.to_numpy(dtype=np.float64, na_value=np.nan)
    x = x[np.isfinite(x)]
    if len(x) < LEAST_ROWS or np.ptp(x) == 0:
        return None
    whole = kind_of(series) == "real" and bool((x == np.round(x)).all()) and len(np.unique(x[:SAMPLE])) > LEVELS
    spread, low, mean = float(x.std()), float(x.min()), float(x.mean())
    floor = low >= 0 and mean < 2 * spread
    if not whole and not floor:
        return None
    told = [f"{len(x)} values from {low:g}, mean {mean:.4g}, spread {spread:.4g}"] if floor else []
    told += [f"{len(x)} whole numbers in a column of floats"] if whole else []
    return Found(Range(name, 0 if floor else None, whole=whole), "; ".join(told))


def _meter(name: Name, series: pd.Series[Any], rows: Rows) -> Found | None:
    """Return a column that never falls or never rises within its sequences, though it changes often."""
    if kind_of(series) is None:
        return None
    known = series.notna().to_numpy(dtype=bool)
    x = pd.Series(series).rank(method="dense").to_numpy(dtype=np.float64, na_value=np.nan)
    before = previous(known, rows.sequence)
    rises = (x - x[np.maximum(before, 0)])[(before >= 0) & known]
    up, down = int((rises > 0).sum()), int((rises < 0).sum())
    if len(rises) < LEAST_ROWS or max(up, down) < CERTAIN or min(up, down):
        return None
    return Found(Monotone(name, up > 0), f"{max(up, down)} changes in {len(rises)} steps, all one way")


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


LARGEST, MOST = 10, 8
LEFT, WHOLE = 1e-7, 1e-4


def relations(table: Mapping[Name, pd.Series[Any]]) -> list[Found]:
    """Return the linear relations among columns of numbers."""
    names = [name for name, series in table.items() if series.nunique() > 1 and "`" not in str(name)]
    if len(names) < 2:
        return []
    few = sampled(len(table[names[0]]))
    values = np.stack([table[name].iloc[few].to_numpy(dtype=np.float64, na_value=np.nan) for name in names], axis=1)
    gaps = ~np.isfinite(values)
    if (~gaps.any(axis=1)).sum() < LEAST_ROWS:
        keep = gaps.mean(axis=0) <= 0.5
        names, values, gaps = [n for n, k in zip(names, keep, strict=True) if k], values[:, keep], gaps[:, keep]
    values = values[~gaps.any(axis=1)]
    if len(values) < max(LEAST_ROWS, 2 * len(names)):
        return []
    found: list[Found] = []
    basis: list[int] = []
    spread = values.std(axis=0)
    for i, name in enumerate(names):
        if spread[i] == 0:
            continue
        left = np.column_stack(
            [np.ones(len(values)), (values[:, basis] - values[:, basis].mean(axis=0)) / spread[basis]]
        )
        weights, *_ = np.linalg.lstsq(left, values[:, i], rcond=None)
        rest = values[:, i] - left @ weights
        room = max(LEFT * spread[i], _rounding([table[names[j]] for j in [*basis, i]]))
        if np.abs(rest).max() > room:
            basis.append(i)
            continue
        slopes = weights[1:] / spread[basis]
        constant = float(np.median(values[:, i] - values[:, basis] @ np.round(slopes)))
        one = _written(name, [names[j] for j in basis], slopes, constant)
        rows = Rows(table, frozenset(), np.array([len(table[name])]))
        if one is not None and not one.broken(rows).any():
            found.append(Found(one, f"exact in all {len(table[name])} rows"))
    return found


def _rounding(columns: list[pd.Series[Any]]) -> float:
    """Return how far floats of these sizes may miss each other, by representation alone."""
    largest = max(float(np.abs(column.to_numpy(dtype=np.float64, na_value=0.0)).max()) for column in columns)
    return 1e-11 * largest


def _written(name: Name, others: list[Name], slopes: NDArray[np.float64], constant: float) -> Constraint | None:
    """Return a relation with whole coefficients as a constraint, None where it has others or too many."""
    whole = np.round(slopes)
    used = np.flatnonzero(whole)
    if np.abs(slopes - whole).max() > WHOLE or not 0 < len(used) <= MOST or np.abs(whole).max() > LARGEST:
        return None
    constant = round(constant, 6) if abs(constant) > 1e-6 else 0.0
    terms = [(others[j], int(whole[j])) for j in used]
    signs = [weight for _, weight in terms]
    if len(terms) > 1 and constant == 0 and set(signs) == {1}:
        return FixedSum(name, [other for other, _ in terms])
    if len(terms) > 1 and constant == 0 and sorted(signs) == [*[-1] * (len(signs) - 1), 1]:
        total = next(other for other, weight in terms if weight == 1)
        return FixedSum(total, [*(other for other, weight in terms if weight == -1), name])
    if constant != 0 and set(signs) == {-1}:
        whole_sum = int(constant) if constant == int(constant) else constant
        return FixedSum(whole_sum, [*(other for other, _ in terms), name])
    return Derived(name, _formula(terms, constant))


def _formula(terms: list[tuple[Name, int]], constant: float) -> str:
    terms = sorted(terms, key=lambda term: term[1] < 0)
    text = ""
    for other, weight in terms:
        size = quoted(other) if abs(weight) == 1 else f"{abs(weight)} * {quoted(other)}"
        text += (f" {'-' if weight < 0 else '+'} " if text else "-" if weight < 0 else "") + size
    if constant:
        text += f" {'-' if constant < 0 else '+'} {abs(constant):g}"
    return text
