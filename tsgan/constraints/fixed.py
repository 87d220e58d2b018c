"""`Fixed`: only combinations of categories that exist, kept by one joint category of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ..arrays import Bools, Ints
from ..bundle import saved
from ..errors import ConstraintError
from .base import Constraint, Name, Parts, Plan, Rows, Step, merged, names_of, reserved


@saved
class Fixed(Constraint):
    """``Fixed("city", "country")``: a synthetic row holds only a pair that a real row holds.

    By itself it says nothing of the real table, which holds its own combinations; where a table is judged, the
    combinations of the real one are given by `like`.

    Parameters
    ----------
    *columns : str or int
        At least two, all static or none.
    """

    kind: ClassVar[str] = "fixed"

    def __init__(self, *columns: Name) -> None:
        self.together = names_of(columns, "Fixed", 2)

    @property
    def columns(self) -> tuple[Name, ...]:
        """The columns whose values belong together."""
        return self.together

    @property
    def text(self) -> str:
        """Such as ``only known pairs of city, country``."""
        return f"only known combinations of {', '.join(map(str, self.together))}"

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the columns."""
        return self.together, {}

    def check(self, rows: Rows) -> None:
        """Refuse static columns beside others."""
        static = [name for name in self.together if name in rows.statics]
        if static and len(static) < len(self.together):
            raise ConstraintError(
                f"{self!r}: {static} are static, one value per sequence, and "
                f"{[name for name in self.together if name not in static]} are not; "
                "name columns of one role, or change static="
            )

    @classmethod
    def steps(cls, own: Sequence[Self], plan: Plan) -> None:
        """Let columns come back together; those that share one are one combination."""
        for one in own:
            if any(_temporal(plan.rows.columns[name].dtype) for name in one.columns):
                raise ConstraintError(f"{one!r}: dates and durations are no categories; convert them to texts")
        for names in merged([one.together for one in own]):
            plan.add(Joint.fit(plan.rows, names))

    def broken(self, rows: Rows) -> Bools:
        """Return no row: alone, a table holds its own combinations."""
        return np.zeros(rows.size(False), dtype=bool)

    def unlike(self, rows: Rows, real: Rows) -> Bools:
        """Return which rows hold a combination that the real rows do not hold; one with a missing value counts not."""
        sides = [real, rows]
        known = np.concatenate([_complete(side, self.together) for side in sides])
        both = [
            pd.concat([side.spread(name).astype(object) for side in sides], ignore_index=True) for name in self.together
        ]
        codes = combine(both)
        size = real.size(False)
        held = np.zeros(codes.max(initial=0) + 1, dtype=bool)
        held[codes[:size][known[:size]]] = True
        return np.asarray(~held[codes[size:]] & known[size:])


def _temporal(dtype: Any) -> bool:
    return dtype.kind in "mM" or isinstance(dtype, pd.PeriodDtype)


def _complete(rows: Rows, names: tuple[Name, ...]) -> Bools:
    known = np.ones(rows.size(False), dtype=bool)
    for name in names:
        known &= rows.spread(name).notna().to_numpy(dtype=bool)
    return known


@saved
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

    names: tuple[Name, ...]
    static: bool
    levels: dict[Name, Any]
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


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def combine(columns: Sequence[pd.Series[Any]]) -> Ints:
    """Return the number of each row's combination of values, in order of appearance."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        codes = pd.factorize(codes * (len(codes) + 1) + pd.factorize(column, use_na_sentinel=False)[0])[0]
    return codes.astype(np.int64)
