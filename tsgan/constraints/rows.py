"""Columns in sequence order, as the constraints see them: one row per row, or one row per sequence where static."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Name = str | int
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Places = NDArray[np.intp]
Snap = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Rows:
    """Columns by name.

    Attributes
    ----------
    columns : mapping of name to Series
        Value columns of shape (rows,), in sequence and time order; static ones of shape (sequences,).
    statics : set of names
    lengths : int64 array of shape (sequences,)
        Steps of each sequence; they add up to the rows.
    drawn : bool, or bool array of shape (rows,)
        Which rows a generator drew.
    snaps : mapping of name to callable
        Of columns that can take some numbers only: what moves numbers to the nearest of these.
    """

    columns: Mapping[Name, pd.Series[Any]]
    statics: Set[Name]
    lengths: Ints
    drawn: bool | Bools = False
    snaps: Mapping[Name, Snap] = field(default_factory=dict)

    @cached_property
    def sequence(self) -> Places:
        """Number of each row's sequence, `(rows,)`."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def size(self, static: bool) -> int:
        """Return how many sequences or rows there are."""
        return len(self.lengths) if static else int(self.lengths.sum())

    def spread(self, name: Name) -> pd.Series[Any]:
        """Return a column with one value per row, `(rows,)`."""
        series = self.columns[name]
        return series.take(self.sequence).reset_index(drop=True) if name in self.statics else series

    def at(self, name: Name, static: bool) -> pd.Series[Any]:
        """Return a column with one value per row, or per sequence (which only a static column has)."""
        return self.columns[name] if static else self.spread(name)

    def groups(self, static: bool) -> Places:
        """Return the number of the sequence that each value belongs to; static values are alone."""
        return np.arange(len(self.lengths)) if static else self.sequence


def last_known(known: Bools, groups: Places) -> Places:
    """Return the position of the nearest known value of the same group, the last before if there is one, else after.

    Parameters
    ----------
    known : bool array of shape (rows,)
    groups : int array of shape (rows,)
        Increasing.

    Returns
    -------
    int array of shape (rows,)
        -1 where the group has none.
    """
    count = len(known)
    here = np.arange(count)
    before = np.maximum.accumulate(np.where(known, here, -1)) if count else here
    after = np.minimum.accumulate(np.where(known, here, count)[::-1])[::-1] if count else here
    good = (before >= 0) & (groups[np.maximum(before, 0)] == groups)
    fine = (after < count) & (groups[np.minimum(after, count - 1)] == groups)
    return np.where(good, before, np.where(fine, after, -1))
