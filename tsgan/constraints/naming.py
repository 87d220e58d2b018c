"""Whole numbers that name things: codes of places, states, articles, with which nobody computes.

A column of whole numbers counts as names if it has few values (at most 200, each held by 3 rows on average, hardly any
by one alone), and

1. *a label says so*: each value goes with one level of a column of text and each level with one value; or with one
   level that neighbouring values do not share, so that no order is behind it (a grade and "passed", a month and its
   season are in order, the number of a shop and its city are not); or the values are uneven and each level of a text
   goes with one of them; or
2. *no arithmetic is in sight*: the values are uneven (they hold less than half of the places of their grid, unlike
   counts, grades, hours, tens), steps from row to row are not smaller than chance makes them, and either what they do
   to another column of numbers is not monotone, or they do nothing, lie far apart and have three digits or more each.

The first needs evidence beyond chance, as a renaming does: 40 bits. The share of variance that the levels of a column
explain in the ranks of another is the correlation ratio; that of the best monotone function of the values comes by
isotonic regression.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from sklearn.isotonic import isotonic_regression

from ..arrays import Doubles, Ints
from .numbers import kind_of

Name = str | int
MAX_LEVELS, MIN_ROWS = 200, 50
ROWS_PER_LEVEL, MAX_LONE = 3, 0.1  # on average, and share of the rows that are alone in their level
MIN_BITS = 40.0  # of evidence that a label goes with a code
SCATTERED, MIN_LABELS = 1.5, 3  # runs of equal labels along the values, for each label, and labels that can tell
ROWS_PER_CODE, MIN_CODES = 8, 3  # where no label says so
EVEN = 0.5  # share of the grid that values hold from which they are counts, grades or round numbers
SPARSE = 0.1  # the same, below which values lie so far apart that nobody counts by them (years do not)
MIN_STEPS = 30  # changes from which their size can tell
SMALLER = 0.2  # correlation of ranks before and after from which steps are small
DIGITS, LONG = 3, 0.5  # digits, trailing zeros aside, that show no round number, and share of the values with them
MOST_ZERO = 0.5  # share of the rows at zero, from which the others are amounts
SMOOTH_VALUES, SAMPLE = 24, 20_000  # more distinct values than of which a column is an effect; rows looked at
CHANCE, VISIBLE, BENT = 4.0, 0.02, 0.05  # times what chance explains, more than that, and share of it out of order


def names_in(columns: Mapping[Name, pd.Series[Any]], sequence: Ints) -> dict[Name, str]:
    """Return the columns of whole numbers that name things, and why.

    Parameters
    ----------
    columns : mapping of name to Series
        Of equal length, in sequence and time order.
    sequence : int array of shape (rows,)
        Number of each row's sequence.
    """
    found: dict[Name, str] = {}
    labels = {name: pd.factorize(series)[0] for name, series in columns.items() if _is_text(series)}
    for name, series in columns.items():
        if not _whole(series) or len(series) < MIN_ROWS:
            continue
        codes, values = pd.factorize(series, sort=True)
        counts = np.bincount(codes[codes >= 0], minlength=len(values))
        if not 2 <= len(values) <= MAX_LEVELS or counts.sum() < max(MIN_ROWS, ROWS_PER_LEVEL * len(values)):
            continue
        if (counts == 1).sum() > MAX_LONE * counts.sum():
            continue
        levels = [int(value) for value in values]
        density = _density(levels, counts)
        why = _by_label(codes, labels, sequence, density < EVEN)
        if not why and density < EVEN and len(levels) >= MIN_CODES and counts.sum() >= ROWS_PER_CODE * len(levels):
            others = {one: other for one, other in columns.items() if one != name}
            why = _alone(codes, levels, counts, others, sequence, density < SPARSE)
        if why:
            found[name] = f"numbers that name things: {why}"
    return found


def _whole(series: pd.Series[Any]) -> bool:
    """Return whether a column holds whole numbers, as floats where some are missing."""
    if kind_of(series) == "real" and series.hasnans:
        x = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return bool((np.isnan(x) | (x == np.round(x))).all())
    return kind_of(series) == "whole"


def _is_text(series: pd.Series[Any]) -> bool:
    if isinstance(series.dtype, pd.CategoricalDtype):
        return not types.is_numeric_dtype(series.dtype.categories.dtype)
    return types.is_string_dtype(series.dtype) and (
        series.dtype != object or types.infer_dtype(series, skipna=True) == "string"
    )


def _density(levels: list[int], counts: Ints) -> float:
    """Return which share of the grid of their common step the values of the middle 95 % of the rows hold."""
    reach = np.cumsum(counts) / counts.sum()
    a, b = (int(place) for place in np.searchsorted(reach, [0.025, 0.975]))
    middle = levels[a : b + 1]
    step = math.gcd(*(high - low for low, high in itertools.pairwise(levels)))
    return len(middle) / ((middle[-1] - middle[0]) // step + 1)


def _changes(codes: NDArray[np.intp], sequence: Ints) -> NDArray[np.intp]:
    """Return the known rows that are the first of their sequence or differ from the known row before."""
    known = np.flatnonzero(codes >= 0)
    new = np.ones(len(known), dtype=bool)
    new[1:] = (codes[known[1:]] != codes[known[:-1]]) | (sequence[known[1:]] != sequence[known[:-1]])
    return known[new]


def _by_label(codes: NDArray[np.intp], labels: Mapping[Name, NDArray[np.intp]], sequence: Ints, uneven: bool) -> str:
    """Return which text shows that values name things, and how; none if none does."""
    for name, text in labels.items():
        both = (codes >= 0) & (text >= 0)
        pairs = np.unique(np.column_stack([codes[both], text[both]]), axis=0)
        if len(pairs) < 2:
            continue
        fine, coarse = (len(np.unique(pairs[:, side])) for side in (0, 1))
        if coarse < 2 or len(pairs) != max(fine, coarse):
            continue
        rows = _changes(np.where(both, codes * (int(text.max()) + 1) + text, -1), sequence)
        share = np.bincount((text if fine > coarse else codes)[rows]) / len(rows)
        if -np.log2((share**2).sum()) * (len(rows) - len(pairs)) < MIN_BITS:
            continue
        if fine == coarse:
            return f"one for each {name!r}"
        if fine < coarse:
            if uneven:
                return f"uneven, and each {name!r} has one"
            continue
        along = pairs[:, 1]  # the label of each value, in the order of the values
        runs = int((along != np.roll(along, 1)).sum())  # around a circle: months and hours begin where they end
        if coarse >= MIN_LABELS and runs > SCATTERED * coarse:
            return f"each has one {name!r}, which its neighbours do not share"
    return ""


def _alone(
    codes: NDArray[np.intp],
    levels: list[int],
    counts: Ints,
    others: Mapping[Name, pd.Series[Any]],
    sequence: Ints,
    sparse: bool,
) -> str:
    """Return how uneven values show by themselves that they name things; none if they do not."""
    rows = _changes(codes, sequence)
    if len(rows) < ROWS_PER_LEVEL * len(levels):  # values that stay for long have not been seen often
        return ""
    inner = np.flatnonzero(sequence[rows[1:]] == sequence[rows[:-1]])
    before, after = codes[rows[inner]], codes[rows[inner + 1]]
    moving = len(inner) >= MIN_STEPS and before.std() > 0 and after.std() > 0
    if moving and np.corrcoef(before, after)[0, 1] > SMALLER:
        return ""
    if 0 in levels and counts[levels.index(0)] > MOST_ZERO * counts.sum():
        return ""
    share, bent = 0.0, 0.0
    of: Name = ""
    for name, series in others.items():
        found = _effect(codes, series, len(rows))
        if found[0] > share:
            (share, bent), of = found, name
    if share:
        return f"uneven, steps in no order, effect on {of!r} not monotone" if bent >= BENT else ""
    long = np.mean([len(str(abs(level)).rstrip("0")) >= DIGITS for level in levels])
    return "uneven, steps in no order, no effect" if sparse and levels[0] >= 10 ** (DIGITS - 1) and long >= LONG else ""


def _effect(codes: NDArray[np.intp], series: pd.Series[Any], changes: int) -> tuple[float, float]:
    """Return the share of variance that levels explain in the ranks of a column, and how much of it is out of order.

    Zeros where the column is no smooth number, or chance explains as much.
    """
    if kind_of(series) not in ("whole", "real"):
        return 0.0, 0.0
    some = np.unique(np.linspace(0, len(codes) - 1, min(len(codes), SAMPLE)).astype(np.intp))
    some = some[(codes[some] >= 0) & series.notna().to_numpy(dtype=bool)[some]]
    if len(some) < MIN_ROWS:
        return 0.0, 0.0
    ranks: Doubles = np.asarray(series.iloc[some].rank(), dtype=np.float64)
    if len(np.unique(ranks)) <= SMOOTH_VALUES:
        return 0.0, 0.0
    _, level = np.unique(codes[some], return_inverse=True)
    size = np.bincount(level)
    means = np.bincount(level, ranks - ranks.mean()) / size
    total = float(((ranks - ranks.mean()) ** 2).sum())
    share = float((size * means**2).sum()) / total
    chance = CHANCE * (1 - share) * (len(size) - 1) / max(min(changes, len(some)) - 1, 1)
    if share < VISIBLE + chance:
        return 0.0, 0.0
    lines = (isotonic_regression(means, sample_weight=size, increasing=up) for up in (True, False))
    left = share - max(float((size * line**2).sum()) / total for line in lines)
    return share, left / share if left > chance else 0.0


def named_numbers(rules: Iterable[Any]) -> set[Name]:
    """Return the columns that rules compute with, compare or bound: what they hold are numbers."""
    return {name for one in rules if getattr(one, "kind", "fixed") != "fixed" for name in one.columns}
