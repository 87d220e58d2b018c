"""What sampled sequences have to fulfil: values of static columns, and levels of categories on every row.

A condition is taken through the stages as a value would be: copies are looked up in what they copy, columns of a
`Fixed` constraint become the combinations that fit. Categories are then known as the set of levels that are allowed,
numbers as values. On the way out the values are put in literally, so that they come back as they were given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import ParameterError
from ..panel import Bools, Doubles, Panel
from ..tables.dtypes import Name
from .columns.category import CategoryColumn

if TYPE_CHECKING:
    from .cells import Cells
    from .decoder import Decoder

SHOWN = 50  # levels that a message lists


@dataclass(frozen=True)
class Condition:
    """What m sequences have to fulfil, or with m = 1 all sequences.

    Attributes
    ----------
    statics : float64 array of shape (m, static cells)
        Scaled numbers and codes that are known; NaN elsewhere.
    static_allowed : tuple of (bool array of shape (m, levels) or None)
        By static cell: levels that are allowed, all where a sequence is free; None where all are, and for numbers.
    allowed : tuple of (bool array of shape (levels,) or None)
        By value cell: levels that are allowed on every row; None where all are, and for numbers. What is asked of a
        category is not missing.
    exact : mapping of name to Series of shape (m,)
        Values of static parts that are numbers, missing where they are free.
    """

    statics: Doubles
    static_allowed: tuple[Bools | None, ...]
    allowed: tuple[Bools | None, ...]
    exact: Mapping[Name, pd.Series[Any]]

    def some(self, at: int, count: int) -> Condition:
        """Return the condition of sequences `at` to `at + count`."""
        rows = np.zeros(count, dtype=np.intp) if len(self.statics) == 1 else np.arange(at, at + count)
        exact = {name: series.take(rows).reset_index(drop=True) for name, series in self.exact.items()}
        fixed = tuple(None if some is None else some[rows] for some in self.static_allowed)
        return Condition(self.statics[rows], fixed, self.allowed, exact)

    def held(self, panel: Panel, cells: Cells, rng: np.random.Generator) -> Panel:
        """Return a panel of m sequences with what is known in its place, and an allowed level where there is another.

        Such a level is drawn by the observed shares.
        """
        statics = np.where(np.isnan(self.statics), panel.statics, self.statics)
        values = np.array(panel.values)
        for column in cells.columns:
            place, share = cells.place(column.name), np.array(getattr(column, "share", (1.0, 0.0)))
            if place is None:
                continue
            if column.role == "static":
                fits = self.static_allowed[place]
                if fits is not None:
                    free = fits.all(axis=1)
                    statics[~free, place] = _settled(statics[~free, place], fits[~free], share, rng)
            elif (fit := self.allowed[place]) is not None:
                every = np.broadcast_to(fit, (len(values), len(fit)))
                values[:, place] = _settled(values[:, place], every, share, rng)
        return replace(panel, values=values, statics=statics)

    def put(self, decoded: dict[Name, Any]) -> None:
        """Put values of static numbers into decoded parts, in place, so that they come back as they were given."""
        for name, series in self.exact.items():
            values = pd.Series(decoded[name]).reset_index(drop=True)
            held = series.notna().to_numpy(dtype=bool)
            values[held] = series[held].astype(values.dtype)
            decoded[name] = values.array if not isinstance(decoded[name], np.ndarray) else values.to_numpy()


def _settled(codes: Doubles, fits: Bools, share: Doubles, rng: np.random.Generator) -> Doubles:
    """Return codes, a fitting one drawn by its share in place of those that do not fit or are missing."""
    known = np.where(np.isnan(codes), 0, codes).astype(np.intp)
    wrong = np.flatnonzero(np.isnan(codes) | ~fits[np.arange(len(codes)), known])
    if not len(wrong):
        return codes
    reach = np.cumsum(fits[wrong] * (share + 1e-12), axis=1)
    drawn = rng.random(len(wrong)) * reach[:, -1]
    out = codes.copy()
    out[wrong] = (reach <= drawn[:, None]).sum(axis=1)
    return out


def refuse_strangers(encoder: Decoder, condition: Condition) -> None:
    """Refuse levels of static columns that never come together.

    Raises
    ------
    ParameterError
        Naming both columns and what comes with one of them.
    """
    cells = encoder._cells
    columns = {column.name: column for column in cells.columns if isinstance(column, CategoryColumn)}
    for (one, two), meets in cells.meets.items():
        if columns[one].role != "static":
            continue
        first, second = (condition.static_allowed[cells.place(name) or 0] for name in (one, two))
        if first is None or second is None:
            continue
        reached = (first.astype(np.float32) @ meets) > 0
        lost = np.flatnonzero(~(reached & second).any(axis=1))
        if len(lost):
            row = lost[0]
            told = _text(columns[one], first[row])
            levels = columns[two].levels
            there = [levels[k] for k in np.flatnonzero(reached[row]) if k < len(levels)][:SHOWN]
            raise ParameterError(
                f"{told} never comes with {_text(columns[two], second[row])} in the fitted table"
                f"{f' (row {row} of static)' if len(condition.statics) > 1 else ''}; with {told}, "
                f"{_label(two)} is one of {there}"
            )


def _label(name: Name) -> str:
    text = str(name).removeprefix("\0")
    return repr(name) if text == str(name) else text.removeprefix("joint ")


def _text(column: CategoryColumn, open_: Bools) -> str:
    levels = [*column.levels, "a rare level"]
    return f"{_label(column.name)} = {' or '.join(repr(levels[k]) for k in np.flatnonzero(open_)[:5])}"
