"""What sampled sequences have to fulfil, as static channels and levels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError, ParameterError
from ..panel import Floats, Ints
from .channels import Channels
from .columns.base import Column
from .columns.category import CategoryColumn
from .columns.constant import ConstantColumn
from .columns.scaled import ScaledColumn
from .dtypes import Name, plain
from .intake import nearest


def given_statics(channels: Channels, asked: pd.DataFrame, masks: Mapping[Name, Name], option: str) -> Floats:
    """Return static channels `(rows, static_channels)`, NaN where a row leaves them free.

    Parameters
    ----------
    channels : Channels
    asked : DataFrame
        One row per sequence; missing values are free.
    masks : mapping of column to part
        The part that says whether a static column is missing; a value that is given is not.
    option : str
        What to call `asked` in messages.

    Raises
    ------
    ParameterError
        Naming the column and the value, if there is no such static column, level or value; it lists what exists.
    """
    by_name = {column.name: column for column in channels.columns if column.role == "static"}
    out = np.full((len(asked), channels.layout.static_channels), np.nan, dtype=np.float32)
    for name in asked.columns:
        if name not in by_name:
            raise ParameterError(
                f"{option}: {name!r} is not a static column{nearest(name, [n for n in by_name if own(n)])}"
            )
        column, series = by_name[name], asked[name].reset_index(drop=True)
        held = ~series.isna().to_numpy(dtype=bool)
        _check(column, series[held], option)
        place = channels.place(name)
        if place is None or not held.any():
            continue
        out[held, place] = channels.encode_static(column, series[held].reset_index(drop=True))
        if name in masks:
            there = channels.place(masks[name])
            if there is not None:
                out[held, there] = np.array([1, 0], dtype=np.float32)  # False comes first
    return out


def given_levels(channels: Channels, where: Mapping[Name, Any]) -> Ints:
    """Return the level that each category of a step must have, -1 where it is free; `(categories,)`.

    Raises
    ------
    ParameterError
        If a column is no category of the rows, or has no such level; it lists the levels.
    """
    laws = [c for c in channels.columns if c.role == "value" and c.block() is not None]
    out = np.full(len(laws), -1, dtype=np.int64)
    for name, value in where.items():
        number = next((i for i, column in enumerate(laws) if column.name == name), None)
        if number is None:
            raise ParameterError(
                f"where: {name!r} is neither a static column nor a category"
                f"{nearest(name, [c.name for c in laws if own(c.name)])}"
            )
        column = laws[number]
        _check(column, pd.Series([value], dtype=object), "where")
        out[number] = int(column.encode(pd.Series([value], dtype=object))[0].argmax())
    return out


def own(name: Name) -> bool:
    """Whether a part is a column of the user, not one of ours."""
    return not str(name).startswith("\0")


def _check(column: Column, values: pd.Series[Any], option: str) -> None:
    """Refuse values that do not exist in the fitted table."""
    if isinstance(column, ConstantColumn):
        only = column.decode(np.empty((1, 0)))[0]
        odd = [plain(v) for v in values if v != only]
        if odd:
            raise ParameterError(
                f"{option}: {column.name!r} is always {plain(only)!r} in the fitted table, not {odd[0]!r}"
            )
    elif isinstance(column, CategoryColumn):
        try:
            column.encode(values.astype(object).reset_index(drop=True))
        except InputError as error:
            odd = [plain(v) for v in values if v not in column.levels]
            raise ParameterError(
                f"{option}: {column.name!r} is never {odd[0]!r} in the fitted table; it is one of {column.levels[:50]}"
            ) from error
    elif isinstance(column, ScaledColumn) and len(values):
        try:
            x = column.to_numbers(values, column.grain)
        except (TypeError, ValueError, AttributeError) as error:
            raise ParameterError(
                f"{option}: {column.name!r} holds {column.kind} values, not {values.iloc[0]!r}"
            ) from error
        low, high = column.observed
        outside = np.flatnonzero((x < low) | (x > high))
        if len(outside):
            raise ParameterError(
                f"{option}: {column.name!r} is never {plain(values.iloc[outside[0]])!r} in the fitted table; "
                f"it lies between {low:g} and {high:g}"
            )
