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
from ..holders import Holders, without_levels
from .base import Columns, Constraint, Name, Places, Plan, SequenceTable, Step, merged, part_name, without


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
        self.columns = self._named(columns, 2)

    @property
    def text(self) -> str:
        """Such as ``only known pairs of city, country``."""
        return f"only known combinations of {', '.join(map(str, self.columns))}"

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the columns."""
        return self.columns, {}

    def check(self, table: SequenceTable) -> None:
        """Refuse static columns beside others."""
        self._check_roles(self.columns, table, "name columns of one role, or change static=")

    @classmethod
    def steps(cls, own: Sequence[Self], plan: Plan) -> None:
        """Let columns come back together; those that share one are one combination."""
        for one in own:
            dtypes = [plan.table.columns[name].dtype for name in one.columns]
            if any(dtype.kind in "mM" or isinstance(dtype, pd.PeriodDtype) for dtype in dtypes):
                raise ConstraintError(f"{one!r}: dates and durations are no categories; convert them to texts")
        for names in merged(one.columns for one in own):
            plan.add(Joint.fit(plan.table, names, plan.holders(names[0])))

    def broken(self, table: SequenceTable) -> Bools:
        """Return no row: alone, a table holds its own combinations."""
        return np.zeros(table.size(False), dtype=bool)

    def broken_beside(self, table: SequenceTable, real: SequenceTable) -> Bools:
        """Return which rows hold a combination that the real rows do not hold; one with a missing value counts not."""
        rows, known = (
            pd.DataFrame({name: one.per_row(name).astype(object) for name in self.columns}) for one in (table, real)
        )
        found = places([known.dropna()[name] for name in self.columns], [rows[name] for name in self.columns])
        return np.asarray((found < 0) & rows.notna().all(axis=1).to_numpy())


@saved
@dataclass(frozen=True, eq=False)
class Joint(Step):
    """Combinations of the values of some columns; a missing value is a value of its own beside others."""

    part: str  # name of the joint category
    levels: dict[Name, Any]  # the columns' values, Series of shape (combinations,)
    labels: tuple[str, ...]  # one text per combination, which is learned as a category
    withheld: int = 0  # combinations that too few have; rows of one count as the most similar that is told

    @classmethod
    def fit(cls, table: SequenceTable, names: tuple[Name, ...], holders: Holders) -> Joint:
        """Learn which combinations exist, in order of appearance."""
        columns = [table.columns[name] for name in names]
        codes = _combine(columns)
        first = np.unique(codes, return_index=True)[1]
        shared = (holders.count(codes, len(first)) >= holders.least) & ~_all_missing(columns)[first]
        withheld = int((~_all_missing(columns)[first] & ~shared).sum())
        if not shared.any():
            raise ConstraintError(
                f"Fixed({', '.join(map(repr, names))}): none of {withheld} combinations is in {holders.least} entities "
                "(of few entities: stretches of rows), so that none may be told; leave Fixed out, or pass protect=0"
            )
        first = first[shared]
        levels = {}
        for name, column in zip(names, columns, strict=True):
            kept = column.take(first).reset_index(drop=True)
            levels[name] = kept.astype(without_levels(column.dtype, column[~column.isin(kept)].unique()))
        labels = pd.Series([" | ".join(map(str, row)) for row in zip(*levels.values(), strict=True)], dtype=object)
        before = labels.groupby(labels).cumcount()  # values that differ may look alike
        labels = labels.where(before == 0, labels + " (" + (before + 1).astype(str) + ")")
        part = part_name("joint", names)
        statics = frozenset([part] if names[0] in table.statics else [])
        return cls(names, (), statics, part, levels, tuple(labels), withheld)

    def forward(self, table: SequenceTable) -> Columns:
        """Return the joint category; refuse a combination that was never seen."""
        columns = [table.columns[name] for name in self.makes]
        found, missing = self._places(table.columns), _all_missing(columns)
        new = np.flatnonzero((found < 0) & ~missing)
        if len(new) and self.withheld:
            found[new] = self._most_similar(table, new)
        elif len(new):
            row = {name: table.columns[name].iloc[new[0]] for name in self.makes}
            raise ConstraintError(
                f"row {new[0]} (in sequence and time order) holds the combination {row}, never seen when fitting "
                f"({len(new)} such rows in all); fit on a table that has it, or leave Fixed out"
            )
        labels = np.array([*self.labels, None], dtype=object)[np.where(missing, len(self.labels), found)]
        return {self.part: pd.Series(labels, dtype="str")}

    def _most_similar(self, table: SequenceTable, rows: Places) -> Places:
        """Return which combination shares the most values with each of some rows, the first of several."""
        own = [table.columns[name].take(rows).reset_index(drop=True) for name in self.makes]
        codes, first = np.unique(_combine(own), return_index=True)
        alike = np.zeros((len(first), len(self.labels)), dtype=np.int64)
        for series, name in zip(own, self.makes, strict=True):
            both = pd.concat([self.levels[name], series.take(first)], ignore_index=True)
            numbers = pd.factorize(both, use_na_sentinel=False)[0]
            alike += numbers[len(self.labels) :, None] == numbers[: len(self.labels)]
        return np.asarray(alike.argmax(axis=1)[np.searchsorted(codes, _combine(own))])

    def inverse(self, parts: Mapping[Name, pd.Series[Any]], table: SequenceTable) -> Columns:
        """Return the columns of each combination."""
        place = pd.Index(self.labels).get_indexer(pd.Index(parts[self.part].astype(object)))
        missing = place < 0
        found: Columns = {}
        for name, levels in self.levels.items():
            column = levels.take(np.maximum(place, 0)).reset_index(drop=True)
            found[name] = column.mask(missing) if missing.any() else column
        return found

    def _fitting(self, frame: pd.DataFrame) -> tuple[Places, Bools]:
        """Return rows with a part of a combination, and which combinations fit each, `(rows, combinations)`."""
        gone = frame[list(self.makes)].isna()
        rows = np.flatnonzero(gone.any(axis=1) & ~gone.all(axis=1))
        rows = rows[self._places(frame.iloc[rows]) < 0]  # unless it was seen with that gap
        count = len(self.labels)
        fits = np.ones((len(rows), count), dtype=bool)
        for name, levels in self.levels.items():
            codes = pd.factorize(pd.concat([levels, frame[name].iloc[rows]], ignore_index=True))[0]
            fits &= (codes[count:, None] == codes[:count]) | (codes[count:, None] < 0)
        return rows, fits

    def _places(self, table: Mapping[Name, Any] | pd.DataFrame) -> Places:
        return places([self.levels[name] for name in self.makes], [table[name] for name in self.makes])

    def _with(self, frame: pd.DataFrame, rows: Places, combinations: Places) -> pd.DataFrame:
        out = frame.copy()
        for name, levels in self.levels.items():
            column = out[name].array.copy()
            column[rows] = levels.take(combinations).astype(column.dtype).array
            out[name] = pd.Series(column, index=out.index)
        return out

    def infer(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the table with rows completed that only one combination fits."""
        rows, fits = self._fitting(frame)
        only = fits.sum(axis=1) == 1
        return self._with(frame, rows[only], fits[only].argmax(axis=1)) if only.any() else frame

    def release(self, frame: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """Return the table without combinations of which a part is missing: they are drawn as a whole."""
        rows, fits = self._fitting(frame)
        some = np.isin(np.arange(len(frame)), rows[fits.any(axis=1)])
        out = frame
        for name in self.makes:
            out = without(out, name, pd.Series(some, index=out.index))
        return out

    def enforce(self, drawn: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """Return the table with combinations that fit the known parts, as often as they come in it.

        What was drawn stays where it fits. The others are spread over the combinations by an additive recurrence (the
        golden ratio's), which needs no chance; the rows of a sequence, which share a static one, take the middle.
        """
        rows, fits = self._fitting(known)
        place = self._places(drawn)
        odd = fits.any(axis=1) & (place[rows] < 0)
        if not odd.any():
            return drawn
        often = np.bincount(place[place >= 0], minlength=len(self.labels))
        weights = fits[odd] * (often + 1e-9)
        share = np.full(odd.sum(), 0.5) if self.statics else (np.arange(odd.sum()) + 1) * (np.sqrt(1.25) - 0.5) % 1
        heights = weights.cumsum(axis=1)
        return self._with(drawn, rows[odd], (heights < share[:, None] * heights[:, -1:]).sum(axis=1))


def _all_missing(columns: Sequence[pd.Series[Any]]) -> Bools:
    return np.asarray(np.logical_and.reduce([column.isna().to_numpy() for column in columns]))


def _combine(columns: Sequence[pd.Series[Any]]) -> Ints:
    """Return the number of each row's combination of values, in order of appearance."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        codes = pd.factorize(codes * (len(codes) + 1) + pd.factorize(column, use_na_sentinel=False)[0])[0]
    return codes.astype(np.int64)


def places(known: Sequence[pd.Series[Any]], rows: Sequence[pd.Series[Any]]) -> Places:
    """Return where among known combinations of values that of each row is, -1 where it is not, `(rows,)`."""
    count = len(known[0])
    codes = _combine([pd.concat(pair, ignore_index=True) for pair in zip(known, rows, strict=True)])
    place = np.full(codes.max(initial=0) + 1, -1, dtype=np.intp)
    place[codes[:count]] = np.arange(count)
    return place[codes[count:]]
