"""Columns that are a combination of others with small whole coefficients: sums, differences, averages of doubles.

A column is dependent if nothing of it is left once the columns before it (and a constant) are taken out by least
squares; with whole coefficients the relation is written down, and verified in every row to the last decimals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .base import Constraint
from .derived import Derived
from .fixed_sum import FixedSum
from .pairs import LEAST_ROWS, Found, quoted, sampled
from .rows import Name, Rows

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
