"""`suggest_constraints`: what holds exactly in a table, and says something.

Candidates are found on a sample of rows, all pairs of columns at once, and then verified on every row: which columns
are equal, which are never in the wrong order, which categories determine others, which columns are combinations of
others with small whole coefficients. A column is such a combination if nothing of it is left once the columns before it
(and a constant) are taken out by least squares; with whole coefficients the relation is verified to the last decimals.

What holds only because the columns lie far apart, or in too few rows to tell, is left out; yet what holds in one sample
of a source may fail in another, so look at the list before you declare it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ..arrays import Doubles
from ..printing import aligned
from .base import Constraint, Name, SequenceTable, previous
from .checking import arranged
from .derived import Derived
from .fixed import Fixed
from .fixed_sum import FixedSum
from .inequality import Inequality, closure
from .monotone import Monotone
from .naming import names_in
from .numbers import kind_of, read_together
from .ranges import Range

MIN_ROWS = 100  # to tell a rule from chance
SAMPLE = 5000  # rows that candidates are looked for on
MIN_CHANGES = 20  # of a meter: as many one way by chance in 1 of 500,000 columns
MIN_BROKEN_IF_MOVED = 0.05  # share of rows that would break an order were they moved, for it to say something
MIN_LEVELS, MAX_LEVELS = 2, 1000  # of a category that may determine another
MIN_ROWS_PER_LEVEL = 5
MAX_COEFFICIENT, MAX_TERMS = 10, 8  # of a linear relation that somebody may have meant
UNEXPLAINED = 1e-7  # share of a column's spread that rounding may leave of it
NEARLY_WHOLE = 1e-4  # distance of a coefficient from a whole number
Table = Mapping[Name, "pd.Series[Any]"]
Found = Iterator[tuple[Constraint, str]]  # constraints that hold, and why each says something


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
        reasons = self.reasons if len(self.reasons) == len(self) else [""] * len(self)
        rows = [("constraint", "in words", "evidence")]
        rows += [(repr(one), one.text, why) for one, why in zip(self, reasons, strict=True)]
        return "\n".join(aligned(rows))

    __repr__ = __str__


def suggest_constraints(
    df: pd.DataFrame, entity: Name | None = None, time: Name | None = None, static: Sequence[Name] = ()
) -> Suggestions:
    """Return the constraints that hold exactly in a table and are not trivial.

    There are equal columns, sums and other combinations of columns with small whole coefficients, orders (without those
    that follow from others; of dates also with the clock), ranges from zero that the column's spread would cross, whole
    numbers in float columns, columns that never fall or never rise within a sequence, and categories (numbers that name
    things among them) that determine others.

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
    table = arranged(df, entity, time)
    return suggest(table.with_statics(static) if static else table)


def suggest(table: SequenceTable, names: Collection[Name] | None = None) -> Suggestions:
    """Return what holds in columns that are in sequence and time order; see `suggest_constraints`.

    `names` are the columns of numbers that name things, by default those that `names_in` finds.
    """
    if names is None:
        names = _named(table)
    found: list[tuple[Constraint, str]] = []
    copies: set[Name] = set()
    clock = {name: series for name, series in table.columns.items() if name in table.given}
    clock = {name: series for name, series in clock.items() if kind_of(series) == "moment"}
    table = replace(table, columns={name: one for name, one in table.columns.items() if name not in table.given})
    for static in (False, True):
        columns = {name: series for name, series in table.columns.items() if (name in table.statics) == static}
        if table.size(static) < MIN_ROWS or not columns:
            continue
        same = list(_copies(columns))
        found += same
        pairs = {frozenset(one.operands(list(columns))) for one, _ in same}
        copies |= {one.columns[0] for one, _ in same}
        own = {name: series for name, series in columns.items() if name not in copies}
        numbers = {name: series for name, series in own.items() if kind_of(series) in ("whole", "real")}
        numbers = {name: series for name, series in numbers.items() if name not in names}
        found += _relations(numbers)
        columns_of_numbers = {name: series for name, series in columns.items() if name not in names}
        found += _all_orders({**({} if static else clock), **columns_of_numbers}, pairs)
        found += _ranges(numbers)
        named = {name: series for name, series in own.items() if _is_category(series) or name in names}
        found += _combinations(named)
    timed = {name for one, _ in found if set(one.columns) & set(clock) for name in one.columns}
    found += _meters(table, {*copies, *table.statics, *names, *timed})  # a date that the clock bounds rises with it
    return Suggestions([one for one, _ in found], [reason for _, reason in found])


def _named(table: SequenceTable) -> set[Name]:
    """Return the columns of numbers that name things."""
    found: set[Name] = set()
    for static in (False, True):
        own = {name: series for name, series in table.columns.items() if (name in table.statics) == static}
        found |= set(names_in(own, table.groups(static)))
    return found


def _sampled(count: int) -> NDArray[np.intp]:
    """Return the positions of at most `SAMPLE` rows, spread evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, SAMPLE)).astype(np.intp))


def _floats(series: pd.Series[Any]) -> Doubles:
    return series.to_numpy(dtype=np.float64, na_value=np.nan)


def _is_category(series: pd.Series[Any]) -> bool:
    text = isinstance(series.dtype, pd.CategoricalDtype) or types.is_string_dtype(series.dtype)
    return kind_of(series) is None and (text or types.is_bool_dtype(series))


def _quoted(name: Name) -> str:
    """Return a column's name as a formula writes it."""
    return str(name) if str(name).isidentifier() and isinstance(name, str) else f"`{name}`"


def _ranges(table: Table) -> Found:
    """Yield non-negative and whole columns, where one of that mean and spread would often be otherwise."""
    for name, series in table.items():
        x = _floats(series)
        x = x[np.isfinite(x)]
        if len(x) < MIN_ROWS or np.ptp(x) == 0:
            continue
        real = kind_of(series) == "real"
        whole = real and bool((x == np.round(x)).all()) and len(np.unique(x[:SAMPLE])) > MIN_LEVELS
        spread, low, mean = float(x.std()), float(x.min()), float(x.mean())
        floor = low >= 0 and mean < 2 * spread
        reasons = [f"{len(x)} values from {low:g}, mean {mean:.4g}, spread {spread:.4g}"] if floor else []
        reasons += [f"{len(x)} whole numbers in a column of floats"] if whole else []
        if reasons:
            yield Range(name, 0 if floor else None, whole=whole), "; ".join(reasons)


def _meters(table: SequenceTable, without: Set[Name]) -> Found:
    """Yield columns that never fall or never rise within their sequences, though they change often."""
    for name, series in table.columns.items():
        if name in without or kind_of(series) is None:
            continue
        known = series.notna().to_numpy(dtype=bool)
        x = _floats(series.rank(method="dense"))
        before = previous(known, table.sequence)
        rises = (x - x[np.maximum(before, 0)])[(before >= 0) & known]
        up, down = int((rises > 0).sum()), int((rises < 0).sum())
        if len(rises) >= MIN_ROWS and max(up, down) >= MIN_CHANGES and not min(up, down):
            yield Monotone(name, up > 0), f"{max(up, down)} changes in {len(rises)} steps, all one way"


def _copies(table: Table) -> Found:
    """Yield columns that repeat an earlier one of their dtype, in all values and gaps."""
    seen: dict[tuple[Any, ...], list[Name]] = {}
    for name, series in table.items():
        if series.nunique() < MIN_LEVELS or "`" in str(name):
            continue
        part = series.iloc[_sampled(len(series))]
        codes = pd.util.hash_pandas_object(part.astype(object).where(part.notna(), None).astype(str), index=False)
        alike = seen.setdefault((str(series.dtype)[:8], int(codes.sum()), int(codes.iloc[0])), [])
        twin = next((other for other in alike if table[other].equals(series)), None)
        if twin is None:
            alike.append(name)
        else:
            yield Derived(name, _quoted(twin)), f"equal in all {len(series)} rows"


def _all_orders(table: Table, equal: Set[frozenset[Name]]) -> Found:
    """Yield pairs of columns of one kind in which one is never above the other, without those that follow from others.

    A pair says something if the columns' values would often be in the wrong order were the rows of one moved against
    those of the other (in at least 5 % of rows), and lie closer together than then.
    """
    families: dict[str, list[Name]] = {}
    for name, series in table.items():
        kind = kind_of(series)
        if kind is not None and series.nunique() >= MIN_LEVELS:
            family = f"{kind} {series.dtype.tz}" if isinstance(series.dtype, pd.DatetimeTZDtype) else kind
            families.setdefault("number" if kind in ("whole", "real") else family, []).append(name)
    for names in families.values():
        yield from _orders({name: table[name] for name in names}, equal)


def _orders(table: Table, equal: Set[frozenset[Name]]) -> Found:
    names = list(table)
    _, read = read_together(list(table.values()))
    few = _sampled(len(read[0][0]))
    x = np.stack([np.where(missing[few], np.nan, values[few]) for values, missing in read])
    kept: dict[tuple[Name, Name], str] = {}
    with np.errstate(invalid="ignore"):
        holds = np.stack([~(low > x).any(axis=1) for low in x])
    for i, j in np.argwhere(holds & ~np.eye(len(names), dtype=bool)):
        there = ~read[i][1] & ~read[j][1]
        low, high = read[i][0][there], read[j][0][there]
        if frozenset((names[i], names[j])) in equal or len(low) < MIN_ROWS or (low > high).any() or (low == high).all():
            continue
        chance, apart = _moved(low, high)
        if chance >= MIN_BROKEN_IF_MOVED and float(np.median((high - low).astype(np.float64))) <= apart:
            kept[names[i], names[j]] = f"{len(low)} rows; were the rows moved, {chance:.0%} would break it"
    inner = list(dict.fromkeys(name for pair in kept for name in pair))
    below, _ = closure(inner, [(low, high, False) for low, high in kept])
    for (low_name, high_name), reason in kept.items():
        after = below[:, inner.index(high_name)]
        between = [mid for mid, under in zip(inner, after, strict=True) if under and (low_name, mid) in kept]
        if not set(between) - {low_name, high_name}:
            yield Inequality(low_name, high_name), reason


def _moved(low: NDArray[Any], high: NDArray[Any]) -> tuple[float, float]:
    """Return how often the order would break were rows moved against each other, and how far apart values would lie."""
    few = _sampled(len(low))
    one, two, count = low[few], high[few], len(few)
    gaps = np.concatenate([np.roll(two, shift) - one for shift in (count // 3, count // 2, 2 * count // 3)])
    gaps = gaps.astype(np.float64)
    return float((gaps < 0).mean()), float(np.median(np.abs(gaps)))


def _combinations(table: Table) -> Found:
    """Yield pairs of categories of which one determines the other, though its levels come up often enough to tell."""
    counts = {name: series.nunique() for name, series in table.items()}
    names = [name for name in table if MIN_LEVELS <= counts[name] <= MAX_LEVELS]
    codes = {name: pd.factorize(table[name])[0] for name in names}
    for fine, coarse in permutations(names, 2):
        more, less = counts[fine], counts[coarse]
        there = (codes[fine] >= 0) & (codes[coarse] >= 0)
        if more < less or more == less == 2 or there.sum() < max(MIN_ROWS, MIN_ROWS_PER_LEVEL * more):
            continue
        if more == less and names.index(fine) > names.index(coarse):
            continue
        few = _sampled(len(there))
        if all(_determines(codes[fine][rows], codes[coarse][rows]) for rows in (few, slice(None))):
            reason = f"each of {more} levels of {fine} goes with one of {less} of {coarse}, in {int(there.sum())} rows"
            yield Fixed(fine, coarse), reason


def _determines(fine: NDArray[np.intp], coarse: NDArray[np.intp]) -> bool:
    """Return whether each level of one goes with one of the other; missing ones say nothing."""
    there = (fine >= 0) & (coarse >= 0)
    if not there.any():
        return False
    pairs = np.unique(fine[there].astype(np.int64) * (coarse.max() + 1) + coarse[there])
    return len(pairs) == len(np.unique(fine[there]))


def _relations(table: Table) -> Found:
    """Yield the linear relations among columns of numbers."""
    names = [name for name, series in table.items() if series.nunique() > 1 and "`" not in str(name)]
    if len(names) < 2:
        return
    few = _sampled(len(table[names[0]]))
    values = np.stack([_floats(table[name].iloc[few]) for name in names], axis=1)
    gaps = ~np.isfinite(values)
    if (~gaps.any(axis=1)).sum() < MIN_ROWS:
        keep = np.flatnonzero(gaps.mean(axis=0) <= 0.5)
        names, values, gaps = [names[i] for i in keep], values[:, keep], gaps[:, keep]
    values = values[~gaps.any(axis=1)]
    if len(values) < max(MIN_ROWS, 2 * len(names)):
        return
    basis: list[int] = []
    spread = values.std(axis=0)
    for i in np.flatnonzero(spread):
        name, others = names[i], [names[j] for j in basis]
        scaled = (values[:, basis] - values[:, basis].mean(axis=0)) / spread[basis]
        left = np.column_stack([np.ones(len(values)), scaled])
        weights, *_ = np.linalg.lstsq(left, values[:, i], rcond=None)
        rest = values[:, i] - left @ weights
        largest = max(float(np.nanmax(np.abs(_floats(table[one])))) for one in [*others, name])
        if np.abs(rest).max() > max(UNEXPLAINED * spread[i], 1e-11 * largest):  # what representing floats leaves
            basis.append(int(i))
            continue
        slopes = weights[1:] / spread[basis]
        constant = float(np.median(values[:, i] - values[:, basis] @ np.round(slopes)))
        one = _relation(name, others, slopes, constant)
        rows = SequenceTable(table, frozenset(), np.array([len(table[name])]))
        if one is not None and not one.broken(rows).any():
            yield one, f"exact in all {len(table[name])} rows"


def _relation(name: Name, others: list[Name], slopes: Doubles, constant: float) -> Constraint | None:
    """Return a relation with whole coefficients as a constraint, None where it has others or too many."""
    whole = np.round(slopes)
    terms = [(other, int(weight)) for other, weight in zip(others, whole, strict=True) if weight]
    too_many = not 0 < len(terms) <= MAX_TERMS or np.abs(whole).max() > MAX_COEFFICIENT
    if too_many or np.abs(slopes - whole).max() > NEARLY_WHOLE:
        return None
    constant = round(constant, 6) if abs(constant) > 1e-6 else 0.0
    less, more = ([other for other, weight in terms if weight == sign] for sign in (-1, 1))
    if len(terms) > 1 and constant == 0 and len(more) == len(terms):
        return FixedSum(name, more)
    if len(terms) > 1 and constant == 0 and len(more) == 1 and len(less) == len(terms) - 1:
        return FixedSum(more[0], [*less, name])
    if constant != 0 and len(less) == len(terms):
        return FixedSum(int(constant) if constant == int(constant) else constant, [*less, name])
    return Derived(name, _formula(terms, constant))


def _formula(terms: list[tuple[Name, int]], constant: float) -> str:
    terms = sorted(terms, key=lambda term: term[1] < 0)
    text = ""
    for other, weight in terms:
        size = _quoted(other) if abs(weight) == 1 else f"{abs(weight)} * {_quoted(other)}"
        text += (f" {'-' if weight < 0 else '+'} " if text else "-" if weight < 0 else "") + size
    if constant:
        text += f" {'-' if constant < 0 else '+'} {abs(constant):g}"
    return text
