"""How one column is restored from others, the time or the entity; see `aliases`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api import types

from ..bundle import saved
from ..errors import TsganError
from ..tables.dtypes import (
    Name,
    Token,
    dump,
    load,
    temporal,
)
from ..tables.text import Text, read_text
from .clocks.parts import Part, moments_of
from .differences import Difference


@saved
@dataclass(frozen=True)
class Alias:
    """How one column is restored.

    Attributes
    ----------
    static : bool
        Whether it holds one value per sequence.
    of : {"entity", "time", "column", "step", "sequence", "row", "start", "difference"}
        What it repeats or counts.
    source : str, int or None
        The other column.
    text : Text or None
        How a moment is written as text.
    zone : str or None
        Of the clock that shows it.
    pairs : list of [source value, own value] or None
        Of a renaming.
    offset, step : int
        Of a counter.
    between : Difference or None
        The dates that it is the difference of.
    part : Part or None
        How it is computed of the time or of the other column.
    """

    name: Name
    static: bool
    dtype: Token
    of: Literal["entity", "time", "column", "step", "sequence", "row", "start", "difference"]
    source: Name | None = None
    text: Text | None = None
    zone: str | None = None
    pairs: list[list[Any]] | None = None
    offset: int = 0
    step: int = 1
    between: Difference | None = None
    part: Part | None = None

    @property
    def two_ways(self) -> bool:
        """Whether it says what the other column is."""
        return self.of == "column" and self.text is None and self.part is None

    def describe(self) -> str:
        """Return what the column is in a few words."""
        if self.part is not None:
            return self.part.describe("the time" if self.of == "time" else repr(self.source))
        if self.of in ("entity", "time"):
            return f"repeats the {self.of}"
        if self.of == "column":
            return f"{'renames' if self.pairs else 'repeats'} {self.source!r}"
        if self.of == "start":
            return f"counts the steps of a sequence by {self.step} from where the sequence starts"
        if self.between is not None:
            return self.between.describe()
        what = {"step": "steps of a sequence", "sequence": "sequences", "row": "rows"}[self.of]
        by = f" by {self.step}" if self.step != 1 else ""
        return f"counts the {what} from {self.offset}{by}"


def restore(alias: Alias, source: pd.Series[Any]) -> pd.Series[Any]:
    """Return the source's values as the alias writes them."""
    dtype = load(alias.dtype)
    if alias.part is not None:
        return alias.part.compute(read_moments(source), dtype)
    if alias.pairs is not None:
        renamed = source.astype(object).map(dict(map(tuple, alias.pairs)))
        return renamed.astype(dtype)
    if alias.text is not None:
        moments, zone = read_moments(source), alias.zone
        if moments.tz is None and zone is not None:
            raise TypeError("the text has a time zone, the moments have none")
        local = moments if zone is None else moments.tz_convert(zone)
        return pd.Series(alias.text.write(local)).astype(dtype)
    if types.is_datetime64_any_dtype(dtype) and not types.is_datetime64_any_dtype(temporal(source).dtype):
        return pd.Series(read_moments(source)).astype(dtype)
    if isinstance(source.dtype, pd.CategoricalDtype):
        source = source.astype(source.dtype.categories.dtype)
    if isinstance(dtype, pd.CategoricalDtype):
        plain_source = source.astype(load(dump(dtype.categories.dtype)))
        if alias.of == "entity":  # New keys are categories of their own.
            return plain_source.astype("category")
        if not plain_source.dropna().isin(dtype.categories).all():
            raise ValueError("some values are no categories")
        return plain_source.astype(dtype)
    if isinstance(dtype, pd.PeriodDtype) and types.is_numeric_dtype(source.dtype):
        raise TypeError("numbers are no periods")
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit is not restored from it
        return source.astype(dtype)


def read_moments(source: pd.Series[Any]) -> pd.DatetimeIndex:
    """Return datetimes, read from text where they are text."""
    values = temporal(source)
    dated = moments_of(values)
    if dated is not None:
        return dated
    found = read_text(pd.Index(values), None) if types.is_string_dtype(values.dtype) else None
    if found is None:
        raise TypeError("these are no moments")
    return found[0]


def moments_or_none(source: pd.Series[Any]) -> pd.DatetimeIndex | None:
    """Return moments, None where there are none."""
    try:
        return read_moments(source)
    except (TypeError, ValueError, TsganError):
        return None
