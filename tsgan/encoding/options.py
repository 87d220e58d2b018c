"""What is asked of each column: its scaler and its bounds, checked against the names that there are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ParameterError, choose
from ..tables.dtypes import Name
from ..tables.form import nearest
from .columns.base import Bounds
from .scalers import SCALERS


def scalers_for(asked: str | Mapping[Any, str], names: Sequence[Name], numbers: Sequence[Name]) -> dict[Name, str]:
    """Return the scaler that is asked for, "auto" or a name in SCALERS, by column.

    Raises
    ------
    ParameterError
        For an unknown scaler or column, or one that holds no numbers.
    """
    allowed = ["auto", *SCALERS]
    if not isinstance(asked, Mapping):
        return dict.fromkeys(names, choose("scaler", asked, allowed))
    _check_names("scaler", asked, names, numbers)
    return {name: choose(f"scaler[{name!r}]", asked.get(name, "auto"), allowed) for name in names}


def bounds_for(
    asked: str | Mapping[Any, Any] | None, names: Sequence[Name], numbers: Sequence[Name]
) -> dict[Name, str | Bounds | None]:
    """Return "observed", None or a pair by column.

    Raises
    ------
    ParameterError
        For anything that is no such bound, an unknown column, or one that is neither float nor integer.
    """
    if asked is None or asked == "observed":
        return dict.fromkeys(names, asked)
    if not isinstance(asked, Mapping):
        raise ParameterError(
            f"bounds={asked!r} is not known; use 'observed', None or a mapping of column to (low, high)"
        )
    _check_names("bounds", asked, names, numbers)
    limits: dict[Name, str | Bounds | None] = dict.fromkeys(names, "observed")
    return limits | {name: limits_of(name, pair) for name, pair in asked.items()}


def limits_of(name: Name, pair: Any) -> Bounds:
    """Return a pair of numbers as bounds; an infinite end is none.

    Raises
    ------
    ParameterError
        Naming the column, if it is no such pair, holds NaN, or is the wrong way round.
    """
    try:
        low, high = (None if end is None or math.isinf(end) else float(end) for end in pair)
        ends = [end for end in (low, high) if end is not None]
        if any(map(math.isnan, ends)):
            raise ValueError("NaN is no bound")
    except (TypeError, ValueError) as error:
        raise ParameterError(f"bounds[{name!r}]={pair!r} must be a pair (low, high) of numbers or None") from error
    if ends != sorted(ends):
        raise ParameterError(f"bounds[{name!r}]={pair!r}: the lower bound is above the upper one")
    return low, high


def _check_names(option: str, asked: Mapping[Any, Any], names: Sequence[Name], numbers: Sequence[Name]) -> None:
    for name in asked:
        if name not in names:
            raise ParameterError(
                f"{option} names {name!r}, which is not a static or value column{nearest(name, names)}"
            )
        if name not in numbers:
            raise ParameterError(f"{option} names {name!r}, which holds no numbers; it applies to {list(numbers)}")
