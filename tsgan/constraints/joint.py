"""Columns of categories that belong together: one joint category of the combinations that exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ..errors import ConstraintError
from .combinations import combine
from .rows import Name, Rows
from .step import Dump, Parts, Step, reserved


@dataclass(frozen=True, eq=False)
class Joint(Step):
    """Combinations of the values of some columns; a missing value is a value of its own beside others.

    Attributes
    ----------
    names : tuple of str or int
    static : bool
    levels : mapping of name to Series of shape (combinations,)
    labels : tuple of str
        One text per combination, which is learned as a category.
    """

    kind: ClassVar[str] = "joint"
    names: tuple[Name, ...]
    static: bool
    levels: Mapping[Name, pd.Series[Any]]
    labels: tuple[str, ...]

    @classmethod
    def fit(cls, rows: Rows, names: Sequence[Name]) -> Joint:
        """Learn which combinations exist, in order of appearance."""
        columns = [rows.columns[name] for name in names]
        codes = combine(columns)
        first = np.unique(codes, return_index=True)[1]
        first = first[~np.logical_and.reduce([column.isna().to_numpy()[first] for column in columns])]
        levels = {name: column.take(first).reset_index(drop=True) for name, column in zip(names, columns, strict=True)}
        labels = [" | ".join(map(str, row)) for row in zip(*levels.values(), strict=True)]
        seen: dict[str, int] = {}
        for i, label in enumerate(labels):
            seen[label] = seen.get(label, 0) + 1
            labels[i] = label if seen[label] == 1 else f"{label} ({seen[label]})"
        return cls(tuple(names), names[0] in rows.statics, levels, tuple(labels))

    @property
    def part(self) -> str:
        """Name of the joint category."""
        return reserved("joint", self.names)

    @property
    def makes(self) -> tuple[Name, ...]:
        """The columns."""
        return self.names

    @property
    def needs(self) -> tuple[Name, ...]:
        """None."""
        return ()

    @property
    def statics(self) -> frozenset[Name]:
        """The joint category, where the columns are static."""
        return frozenset([self.part] if self.static else [])

    def forward(self, rows: Rows) -> Parts:
        """Return the joint category.

        Raises
        ------
        ConstraintError
            Naming the first combination that was never seen.
        """
        count = len(self.labels)
        both = [pd.concat([self.levels[name], rows.columns[name]], ignore_index=True) for name in self.names]
        codes = combine(both)
        place = np.full(codes.max(initial=0) + 1, -1, dtype=np.intp)
        place[codes[:count]] = np.arange(count)
        found = place[codes[count:]]
        missing = np.logical_and.reduce([rows.columns[name].isna().to_numpy() for name in self.names])
        new = np.flatnonzero((found < 0) & ~missing)
        if len(new):
            row = {name: rows.columns[name].iloc[new[0]] for name in self.names}
            raise ConstraintError(
                f"row {new[0]} (in sequence and time order) holds the combination {row}, never seen when fitting "
                f"({len(new)} such rows in all); fit on a table that has it, or leave Fixed out"
            )
        labels = np.array([*self.labels, None], dtype=object)[np.where(missing, count, found)]
        return {self.part: pd.Series(labels, dtype="str")}

    def inverse(self, parts: Mapping[Name, pd.Series[Any]], rows: Rows) -> Parts:
        """Return the columns of each combination."""
        series = parts[self.part]
        place = pd.Index(self.labels).get_indexer(pd.Index(series.astype(object)))
        missing = place < 0
        found: Parts = {}
        for name, levels in self.levels.items():
            column = levels.take(np.maximum(place, 0)).reset_index(drop=True)
            found[name] = column.mask(missing) if missing.any() else column
        return found

    def to_dict(self, dump: Dump) -> dict[str, Any]:
        """Return the combinations as JSON-ready values."""
        levels = {
            i: [None if gone else _plain(value) for value, gone in zip(column, column.isna(), strict=True)]
            for i, column in enumerate(self.levels.values())
        }
        return {
            "kind": self.kind,
            "names": list(self.names),
            "static": self.static,
            "levels": list(levels.values()),
            "dtypes": [dump(column.dtype) for column in self.levels.values()],
            "labels": list(self.labels),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], load: Dump) -> Self:
        """Rebuild from `to_dict`."""
        columns = zip(data["names"], data["levels"], data["dtypes"], strict=True)
        levels = {name: pd.Series(values, dtype=load(dtype)) for name, values, dtype in columns}
        return cls(tuple(data["names"]), data["static"], levels, tuple(data["labels"]))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
