r"""Which values are missing, as columns of their own: masks that are learned like any other boolean column.

Columns that are always missing together share one mask. A group that some sequences miss throughout has two: a static
one, *absent*, for these sequences, and a *missing* one for the steps of the others (in an absent sequence it is true on
every row). A cell is blank where either says so.

Short sequences also miss a column throughout by chance. With gaps that follow a Markov chain, which starts in a gap
with probability s and stays in it with probability q, a sequence of n rows that is all gap is absent for a reason with
odds :math:`w : (1 - w) s q^{n-1}`; w, s and q are found by expectation-maximisation from a small w on (sequences of one
or two rows cannot tell), and a sequence counts as absent where the odds are above one.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, MutableMapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError, SchemaError, TsganWarning
from ..panel import Ints
from .dtypes import Name
from .sequences import follows

Bools = NDArray[np.bool_]
MISSING, ABSENT = "\0missing:", "\0absent:"
FEW, ITERATIONS = 0.05, 200


@dataclass(frozen=True)
class Gaps:
    """What the gaps of one column are like.

    Attributes
    ----------
    share : float
        Of the rows (for a static column: of the sequences) without a value.
    longest : int
        Rows of the longest run of gaps within a sequence; 1 for a static column with gaps.
    throughout : int
        Number of sequences without any value.
    together : tuple of str or int
        Other columns with the same gaps.
    """

    share: float
    longest: int
    throughout: int
    together: tuple[Name, ...] = ()

    def __str__(self) -> str:
        if self.share == 1:
            return "always missing"
        told = [f"{100 * self.share:.3g} % missing"]
        if self.longest > 1:
            told.append(f"runs of up to {self.longest}")
        if self.throughout and self.longest > 1:
            told.append(f"throughout in {self.throughout} sequences")
        if self.together:
            told.append("together with " + ", ".join(map(repr, self.together)))
        return ", ".join(told)


@dataclass(frozen=True)
class Group:
    """Columns whose gaps are the same, and what stands for these gaps.

    Attributes
    ----------
    columns : tuple of str or int
    static : bool
    steps : bool
        Whether there is a mask with one value per row (for statics: per sequence).
    shortest : int or None
        Rows from which on a sequence without any value counts as absent; None where that is not modelled.
    """

    columns: tuple[Name, ...]
    static: bool
    steps: bool
    shortest: int | None = None

    @property
    def missing(self) -> str:
        """Name of the mask of steps."""
        return f"{MISSING}{self.columns[0]!r}"

    @property
    def absent(self) -> str:
        """Name of the mask of sequences."""
        return f"{ABSENT}{self.columns[0]!r}"


@dataclass(frozen=True)
class Missing:
    """The masks of a table.

    Attributes
    ----------
    groups : tuple of Group
        Of columns with gaps and values; a column without gaps, or without any value, is in none.
    empty : tuple of str or int
        Columns without any value.
    gaps : dict
        By column, for all columns with gaps.
    """

    groups: tuple[Group, ...]
    empty: tuple[Name, ...]
    gaps: dict[Name, Gaps]

    @classmethod
    def fit(cls, parts: Mapping[Name, pd.Series[Any]], statics: Collection[Name], lengths: Ints) -> Missing:
        """Learn which columns have gaps, and which share them.

        Parameters
        ----------
        parts : mapping of Series
            Value columns of `lengths.sum()` rows in sequence and time order, static ones of one row per sequence.
        statics : collection of names
        lengths : int64 array of shape (sequences,)

        Raises
        ------
        SchemaError
            If a column has a name that is kept for masks.
        """
        patterns: dict[tuple[bool, bytes], list[Name]] = {}
        masks = {name: _mask(series) for name, series in parts.items()}
        for name, mask in masks.items():
            if str(name).startswith((MISSING, ABSENT)):
                raise SchemaError(f"column {name!r} has a name that tsgan keeps for its own use; rename it")
            if mask.any():
                patterns.setdefault((name in statics, np.packbits(mask).tobytes()), []).append(name)
        groups: list[Group] = []
        gaps: dict[Name, Gaps] = {}
        for (static, _), names in patterns.items():
            mask = masks[names[0]]
            runs, whole = (mask.astype(np.int64), mask) if static else (_runs(mask, lengths), _whole(mask, lengths))
            for name in names:
                others = tuple(other for other in names if other != name)
                gaps[name] = Gaps(float(mask.mean()), int(runs.max()), int(whole.sum()), others)
            if mask.all():
                continue
            shortest = None if static else _shortest(mask, lengths)
            absent = np.zeros(len(lengths), dtype=bool) if shortest is None else whole & (lengths >= shortest)
            steps = static or bool((mask & ~np.repeat(absent, lengths)).any())
            groups.append(Group(tuple(names), static, steps, shortest))
        empty = tuple(name for name, mask in masks.items() if len(mask) and mask.all())
        return cls(tuple(groups), empty, {name: gaps[name] for name in masks if name in gaps})

    def forward(self, parts: Mapping[Name, pd.Series[Any]], lengths: Ints) -> dict[Name, pd.Series[Any]]:
        """Return the masks as boolean columns: one value per row, or per sequence for statics and absence.

        Where a fitted group falls apart in another table, its columns count as missing wherever one of them is: a
        value that is not there is never shown, at the price of some that are.

        Raises
        ------
        InputError
            Naming column and row, if a value is missing that no mask stands for, or present where none ever was.

        Warns
        -----
        TsganWarning
            If columns that were always missing together are not.
        """
        masks = {name: _mask(series) for name, series in parts.items()}
        self._check(masks)
        made: dict[Name, pd.Series[Any]] = {}
        for group in self.groups:
            stack = np.stack([masks[name] for name in group.columns])
            mask: Bools = np.asarray(stack.any(axis=0))
            lost = int((mask & ~stack).sum())
            if lost:
                warnings.warn(
                    f"the columns {', '.join(map(repr, group.columns))} were always missing together when fitted, but "
                    f"are not here; {lost} values count as missing because another of these columns is",
                    TsganWarning,
                    stacklevel=4,
                )
            absent = np.zeros(len(lengths), dtype=bool)
            if group.shortest is not None:
                absent = _whole(mask, lengths) & (lengths >= group.shortest)
                made[group.absent] = pd.Series(absent)
            if group.steps:
                made[group.missing] = pd.Series(mask)
            elif (mask & ~np.repeat(absent, lengths)).any():
                row = int(np.flatnonzero(mask & ~np.repeat(absent, lengths))[0])
                raise InputError(
                    f"column {group.columns[0]!r} is missing in {_place(row, lengths)}, but when fitted it was missing "
                    f"only in whole sequences; fill it, or fit a table with such gaps"
                )
        return made

    def _check(self, masks: Mapping[Name, Bools]) -> None:
        known = {*self.empty, *(name for group in self.groups for name in group.columns)}
        for name, mask in masks.items():
            if name not in known and mask.any():
                raise InputError(
                    f"column {name!r} is missing in {int(mask.sum())} of {len(mask)} rows, first in row "
                    f"{int(mask.argmax())}, but had no gaps when fitted; fill it (interpolate(), ffill()), or fit a "
                    "table with such gaps"
                )
            if name in self.empty and not mask.all():
                raise InputError(
                    f"column {name!r} has a value in row {int(mask.argmin())}, but had none at all when fitted; "
                    "set it to missing, or fit a table with such values"
                )

    def inverse(self, decoded: MutableMapping[Name, Any], lengths: Ints) -> dict[Name, Bools]:
        """Return by column which cells to blank; the masks are taken out of `decoded`.

        Parameters
        ----------
        decoded : dict of arrays
            Boolean ones under the names of `forward`.
        lengths : int64 array of shape (sequences,)

        Returns
        -------
        dict of bool arrays of shape (rows,), for static columns (sequences,)
            Columns without gaps are left out. Columns of a group share one array.
        """
        out: dict[Name, Bools] = {}
        for group in self.groups:
            mask = np.zeros(len(lengths) if group.static else int(lengths.sum()), dtype=bool)
            if group.steps:
                mask = np.asarray(decoded.pop(group.missing), dtype=bool)
            if group.shortest is not None:
                mask = mask | np.repeat(np.asarray(decoded.pop(group.absent), dtype=bool), lengths)
            out |= dict.fromkeys(group.columns, mask)
        for name in self.empty:
            if name in decoded:
                out[name] = np.ones(len(decoded[name]), dtype=bool)
        return out

    def none(self, lengths: Ints) -> dict[Name, pd.Series[Any]]:
        """Return the masks of a table without gaps."""
        sizes = dict.fromkeys(self.names, int(lengths.sum())) | dict.fromkeys(self.static_names, len(lengths))
        return {name: pd.Series(np.zeros(size, dtype=bool)) for name, size in sizes.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the masks of one value per row."""
        return tuple(group.missing for group in self.groups if group.steps and not group.static)

    @property
    def static_names(self) -> tuple[str, ...]:
        """Names of the masks of one value per sequence."""
        gone = [group.missing for group in self.groups if group.static]
        return (*gone, *(group.absent for group in self.groups if group.shortest is not None))

    def describe(self) -> dict[Name, Gaps]:
        """Return what the gaps are like, by column; `str()` of one is a text for a schema."""
        return dict(self.gaps)

    def to_dict(self) -> dict[str, Any]:
        """Return the masks as JSON-ready values."""
        groups = [{**asdict(group), "columns": list(group.columns)} for group in self.groups]
        gaps = [[name, {**asdict(gap), "together": list(gap.together)}] for name, gap in self.gaps.items()]
        return {"groups": groups, "empty": list(self.empty), "gaps": gaps}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Missing:
        """Rebuild from `to_dict`."""
        groups = tuple(Group(**{**group, "columns": tuple(group["columns"])}) for group in data["groups"])
        gaps = {name: Gaps(**{**gap, "together": tuple(gap["together"])}) for name, gap in data["gaps"]}
        return cls(groups, tuple(data["empty"]), gaps)


def _mask(series: pd.Series[Any]) -> Bools:
    return np.asarray(series.isna().to_numpy(dtype=bool))


def _place(row: int, lengths: Ints) -> str:
    """Return where a row is, in words."""
    ends = np.cumsum(lengths)
    sequence = int(np.searchsorted(ends, row, side="right"))
    return f"step {row - int(ends[sequence] - lengths[sequence])} of sequence {sequence}"


def _whole(mask: Bools, lengths: Ints) -> Bools:
    """Return which sequences are missing throughout."""
    return np.asarray(np.add.reduceat(mask, np.cumsum(lengths) - lengths, dtype=np.int64) == lengths)


def _runs(mask: Bools, lengths: Ints) -> Ints:
    """Return the lengths of the runs of True within sequences."""
    starts = np.flatnonzero(mask & ~(follows(lengths) & np.r_[False, mask[:-1]]))
    return np.add.reduceat(mask, starts, dtype=np.int64) if len(starts) else np.zeros(1, dtype=np.int64)


def _shortest(mask: Bools, lengths: Ints) -> int | None:
    """Return the number of rows from which on a sequence that is all gap is absent for a reason; None if none is."""
    whole = _whole(mask, lengths)
    if not whole.any() or (lengths == 1).all():
        return None
    n = lengths[whole]
    others = ~np.repeat(whole, lengths)
    if not mask[others].any():
        return int(n.min())
    joined = follows(lengths)
    after = joined & np.r_[False, mask[:-1]]
    begun = (mask & ~joined & others).sum()
    stayed, left = (after & mask & others).sum(), (after & ~mask).sum()
    odd = np.full(len(n), FEW)
    for _ in range(ITERATIONS):
        share = odd.sum() / len(lengths)
        start = (begun + (1 - odd).sum()) / (len(lengths) - odd.sum())
        kept = stayed + ((1 - odd) * (n - 1)).sum()
        by_chance = (1 - share) * start * (kept / max(kept + left, 1)) ** (n - 1)
        odd = share / np.maximum(share + by_chance, 1e-300)
    absent = odd > 0.5
    return int(n[absent].min()) if absent.any() else None
