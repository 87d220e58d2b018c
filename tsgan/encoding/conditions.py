"""What sampled sequences have to fulfil: values of static columns, and levels of categories on every row.

A condition is taken through the stages as a value would be: copies are looked up in what they copy, columns of a
`Fixed` constraint become the combinations that fit. Categories are then known as the set of levels that are allowed,
numbers as values. On the way out the values are put in literally, so that they come back as they were given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import ParameterError
from ..panel import Bools, Floats, Ints
from .columns.base import Column
from .columns.category import CategoryColumn
from .dtypes import Name

if TYPE_CHECKING:
    from .decoder import Decoder

SHOWN = 50  # levels that a message lists


@dataclass(frozen=True)
class Condition:
    """What m sequences have to fulfil, or with m = 1 all sequences.

    Attributes
    ----------
    statics : float32 array of shape (m, static_channels)
        Numbers that are known; NaN elsewhere.
    allowed : bool array of shape (m, static_channels)
        Levels that are allowed; true where a category is free.
    levels : tuple of (bool array of shape (channels of the category,) or None)
        Which levels of each category of a step are allowed on every row; None where all are.
    fits : mapping of name to bool array of shape (m, levels)
        The same for parts that are categories, static or not, and all their levels, rare ones too.
    exact : mapping of name to Series of shape (m,)
        Values of static parts that are numbers, missing where they are free.
    """

    statics: Floats
    allowed: Bools
    levels: tuple[Bools | None, ...]
    fits: Mapping[Name, Bools]
    exact: Mapping[Name, pd.Series[Any]]

    def some(self, at: int, count: int) -> Condition:
        """Return the condition of sequences `at` to `at + count`."""
        rows = np.zeros(count, dtype=np.intp) if len(self.statics) == 1 else np.arange(at, at + count)
        fits = {name: fit if len(fit) == 1 else fit[rows] for name, fit in self.fits.items()}
        exact = {name: series.take(rows).reset_index(drop=True) for name, series in self.exact.items()}
        return Condition(self.statics[rows], self.allowed[rows], self.levels, fits, exact)

    def put(self, decoded: dict[Name, Any], columns: Sequence[Column], lengths: Ints, rng: np.random.Generator) -> None:
        """Put the values into decoded parts, in place: one of the allowed levels by its share where there is another.

        Parameters
        ----------
        decoded : dict of name to array
        columns : sequence of Column
        lengths : int64 array of shape (m,)
        rng : numpy.random.Generator
        """
        for column in columns:
            if column.name in self.fits and isinstance(column, CategoryColumn):
                decoded[column.name] = _settled(column, decoded[column.name], self.fits[column.name], lengths, rng)
        for name, series in self.exact.items():
            values = pd.Series(decoded[name]).reset_index(drop=True)
            held = series.notna().to_numpy(dtype=bool)
            values[held] = series[held].astype(values.dtype)
            decoded[name] = values.array if not isinstance(decoded[name], np.ndarray) else values.to_numpy()


def _settled(column: CategoryColumn, values: Any, fits: Bools, lengths: Ints, rng: np.random.Generator) -> Any:
    known = pd.Index(column.known, dtype=object)
    codes = known.get_indexer(pd.Index(pd.Series(values).astype(object)))
    row = np.arange(len(codes)) if column.role == "static" else np.repeat(np.arange(len(lengths)), lengths)
    row = np.zeros(len(codes), dtype=np.intp) if len(fits) == 1 else row
    wrong = np.flatnonzero(~fits[row, codes])
    if not len(wrong):
        return values
    share = np.array([*column.share[: len(column.levels)], *column.tail_share]) + 1e-12
    kinds, kind = np.unique(fits[row[wrong]], axis=0, return_inverse=True)
    reach = np.cumsum(kinds * share, axis=1)
    drawn = rng.random(len(wrong)) * reach[kind.ravel(), -1]
    for number in range(len(kinds)):
        mine = kind.ravel() == number
        codes[wrong[mine]] = np.searchsorted(reach[number], drawn[mine], side="right")
    return column.take(codes)


def refuse_strangers(encoder: Decoder, condition: Condition, meets: Floats) -> None:
    """Refuse levels of static columns that never come together.

    Parameters
    ----------
    encoder : Decoder
    condition : Condition
    meets : float32 array of shape (L, L)
        1 where two levels of different categories never meet, see `statics.StaticLaw`.

    Raises
    ------
    ParameterError
        Naming both columns and what comes with one of them.
    """
    own = [c for c in encoder._channels.columns if isinstance(c, CategoryColumn) and c.role == "static"]
    ends = np.concatenate([[0], np.cumsum([c.width for c in own])]).astype(np.int64)
    asked = [i for i, column in enumerate(own) if column.name in condition.fits]
    open_ = {i: condition.allowed[:, encoder._channels.place(own[i].name)] for i in asked}
    for one in asked:
        for two in (other for other in asked if other > one):
            never = meets[ends[one] : ends[one + 1], ends[two] : ends[two + 1]] > 0
            reached = (open_[one].astype(np.float32) @ ~never) > 0
            lost = np.flatnonzero(~(reached & open_[two]).any(axis=1))
            if len(lost):
                row = lost[0]
                first, second = ([_text(own[i], open_[i][row])] for i in (one, two))
                there = [own[two].levels[k] for k in np.flatnonzero(reached[row]) if k < len(own[two].levels)][:SHOWN]
                raise ParameterError(
                    f"{first[0]} never comes with {second[0]} in the fitted table"
                    f"{f' (row {row} of static)' if len(condition.allowed) > 1 else ''}; with {first[0]}, "
                    f"{_label(own[two].name)} is one of {there}"
                )


def _label(name: Name) -> str:
    text = str(name).removeprefix("\0")
    return repr(name) if text == str(name) else text.removeprefix("joint ").replace("missing:", "gap of ")


def _text(column: CategoryColumn, open_: Bools) -> str:
    levels = [*column.levels, "a rare level"]
    return f"{_label(column.name)} = {' or '.join(repr(levels[k]) for k in np.flatnonzero(open_)[:5])}"
