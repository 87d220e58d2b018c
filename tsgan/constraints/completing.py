"""What rules say of values that are missing: sums and formulas that leave only one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from .base import Constraint, Name, Rows
from .derived import Derived
from .fixed_sum import FixedSum
from .inequality import closure, components
from .numbers import Grain, Scale, decimals_of


def completed(constraints: Sequence[Constraint], frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the missing values that follow from the others: the one that a sum lacks, derived ones.

    Parameters
    ----------
    constraints : sequence of Constraint
    frame : DataFrame
        One row per row, static columns included.
    """
    out = frame
    for _ in constraints:  # one rule's answer may be what another lacks
        before = int(out.isna().to_numpy().sum())
        for rule in constraints:
            if isinstance(rule, FixedSum):
                out = _summed(rule, out)
            elif isinstance(rule, Derived) and out[rule.column].isna().any():
                out = _derived(rule, out)
        if int(out.isna().to_numpy().sum()) == before:
            break
    return out


def loosened(constraints: Sequence[Constraint], frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose totals are missing, too, where more than one part is: they are then drawn with the parts."""
    out = frame
    for rule in constraints:
        total = None if not isinstance(rule, FixedSum) else _total(rule, frame)
        if isinstance(rule, FixedSum) and total is not None:
            several = frame[list(rule.parts)].isna().sum(axis=1).gt(1)
            if several.any():
                out = out.copy()
                out[total] = out[total].where(~several)
    return out


def balanced(constraints: Sequence[Constraint], drawn: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Return a filled table whose drawn parts make up what a known total and the known parts leave.

    Parameters
    ----------
    constraints : sequence of Constraint
    drawn : DataFrame
        Without missing values in the columns concerned.
    told : DataFrame
        As it was, with the same rows.
    """
    out = drawn
    for rule in constraints:
        if not isinstance(rule, FixedSum) or not all(types.is_numeric_dtype(told[name].dtype) for name in rule.parts):
            continue
        total, parts = _total(rule, told), list(rule.parts)
        gone = told[parts].isna().to_numpy(dtype=bool)
        known = np.ones(len(told), dtype=bool) if total is None else told[total].notna().to_numpy(dtype=bool)
        rows = np.flatnonzero(known & (gone.sum(axis=1) > 1))
        if not len(rows):
            continue
        x = out[parts].to_numpy(dtype=np.float64)[rows]
        holes = gone[rows]
        sums = np.full(len(rows), float(rule.total)) if total is None else out[total].to_numpy(dtype=np.float64)[rows]
        left = sums - np.where(holes, 0, x).sum(axis=1)
        own = np.where(holes, x, 0)
        size = own.sum(axis=1)
        even = left[:, None] / holes.sum(axis=1)[:, None]
        same = (own >= 0).all(axis=1) & (size > 0) & (left >= 0)
        scaled = own * np.where(same, left / np.where(size == 0, 1, size), 1)[:, None]
        moved = np.where(same[:, None], scaled, own + even - (size / holes.sum(axis=1))[:, None])
        for j, name in enumerate(parts):
            moved[:, j] = _rounded(moved[:, j], told[name])
        last = holes.shape[1] - 1 - holes[:, ::-1].argmax(axis=1)
        rest = np.where(holes, moved, 0).sum(axis=1) - moved[np.arange(len(rows)), last]
        moved[np.arange(len(rows)), last] = left - rest
        x = np.where(holes, moved, x)
        out = out.copy()
        for j, name in enumerate(parts):
            column = out[name].to_numpy(dtype=np.float64, na_value=np.nan).copy()
            column[rows] = _rounded(x[:, j], told[name])
            out[name] = pd.Series(column, index=out.index).astype(out[name].dtype)
        out = _computed_again(constraints, out, told)
    return out


def ordered(constraints: Sequence[Constraint], drawn: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Return a filled table whose drawn values lie between those that inequalities set them beside.

    Known values stay. A drawn one is moved to where the known ones below and above it, and the drawn ones below it,
    leave room. Strict pairs are as far apart as the nearest that the table shows; in a closer gap, in its middle.

    Parameters
    ----------
    constraints : sequence of Constraint
    drawn, told : DataFrame
        With the values that were drawn, and without.
    """
    out = drawn.copy()
    for names, pairs in components(constraints):
        known = told[list(names)].notna().to_numpy(dtype=bool)
        if known.all():
            continue
        below, strict = closure(names, pairs)
        grains = [Grain.fit(told[name]) for name in names]
        places = [grain.decimals for grain in grains]
        finest = None if None in places else max(one for one in places if one is not None)
        grains = [replace(grain, decimals=finest) if grain.kind == "real" else grain for grain in grains]
        scale = Scale.of(grains)
        x = [scale.read(out[name])[0] for name in names]
        rooms = np.zeros(below.shape, dtype=x[0].dtype)
        for i, j in zip(*np.nonzero(strict), strict=True):
            both = known[:, i] & known[:, j]
            rooms[i, j] = (x[j] - x[i])[both].min() if both.any() else grains[j].least(scale)
        for k in range(len(names)):
            through = below[:, k, None] & below[None, k, :]
            rooms = np.where(through, np.maximum(rooms, rooms[:, k, None] + rooms[None, k, :]), rooms)
        far = np.inf if scale.kind == "real" else np.iinfo(np.int64).max
        there = out[list(names)].notna().to_numpy(dtype=bool)
        for j in np.argsort(below.sum(axis=0), kind="stable"):
            under, above = np.flatnonzero(below[:, j]), np.flatnonzero(below[j])
            low, least = (
                np.max(
                    [x[j] * 0 - far, *(np.where(there[:, i], x[i] + share * rooms[i, j], -far) for i in under)], axis=0
                )
                for share in (0, 1)
            )
            high, most = (
                np.min(
                    [x[j] * 0 + far, *(np.where(known[:, i], x[i] - share * rooms[j, i], far) for i in above)], axis=0
                )
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
    return _computed_again(constraints, out, told)


def _computed_again(constraints: Sequence[Constraint], drawn: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Return a filled table with what was computed from values as they were drawn computed from them as they are."""
    out = drawn.copy()
    for one in constraints:
        if isinstance(one, Derived):
            out[one.column] = out[one.column].where(told[one.column].notna())
    return completed(constraints, out)


def _total(rule: FixedSum, frame: pd.DataFrame) -> Name | None:
    return rule.total if rule.total in frame.columns else None  # type: ignore[return-value]


def _rounded(x: Any, like: pd.Series[Any]) -> Any:
    decimals = decimals_of(like)
    return x if decimals is None else np.round(x, decimals)


def _summed(rule: FixedSum, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the one value that a sum lacks."""
    total = _total(rule, frame)
    names: list[Name] = [*([] if total is None else [total]), *rule.parts]
    if not all(types.is_numeric_dtype(frame[name].dtype) for name in names):
        return frame
    x = frame[names].to_numpy(dtype=np.float64, na_value=np.nan)
    gone = np.isnan(x)
    alone = gone.sum(axis=1) == 1
    if not alone.any():
        return frame
    sign = np.ones(len(names))
    sign[: total is not None] = -1
    constant = float(rule.total) if total is None else 0.0
    left = constant - np.where(gone, 0, x * sign).sum(axis=1)
    shown = [decimals_of(frame[name]) for name in names]
    digits = None if None in shown else max(shown)  # type: ignore[type-var]
    out = frame.copy()
    for j, name in enumerate(names):
        rows = alone & gone[:, j]
        if rows.any():
            made = np.where(rows, left * sign[j] if digits is None else np.round(left * sign[j], digits), x[:, j])
            out[name] = pd.Series(made, index=out.index).astype(out[name].dtype)
    return out


def _derived(rule: Derived, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with what a formula says of its column where that is missing."""
    plain = frame.reset_index(drop=True)
    rows = Rows({name: plain[name] for name in plain.columns}, frozenset(), np.array([len(plain)], dtype=np.int64))
    said = rule.compute(rows).set_axis(frame.index)
    gone = frame[rule.column].isna() & said.notna()
    if not gone.any():
        return frame
    out = frame.copy()
    out[rule.column] = out[rule.column].where(~gone, said.astype(out[rule.column].dtype))
    return out
