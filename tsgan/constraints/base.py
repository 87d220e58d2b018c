"""What every constraint is, the table that it looks at, and the steps that keep it by construction.

What a rule says of itself:

- `check` and `check_together` refuse columns and other rules that it cannot go with; `broken` finds rows against it.
- `steps` adds to a plan the `Step` that keeps it where whole tables are made: columns are taken out (`forward`), parts
  are learned in their place, and put back (`inverse`) so that the rule holds whatever the parts are.
- Where holes of a table are filled, `infer` (of rules and of steps, for what only the learned table says) gives the
  missing values that follow from known ones, `release` of a step leaves out known values that are made together with
  drawn ones, and `enforce` moves drawn values so that the rule holds beside all known ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..arrays import Bools, Ints
from ..errors import ConstraintError
from ..holders import Holders, Sharing
from .numbers import KINDS, Kind, NumberFormat, Scale, kind_of, observed_ends

Name = str | int
Columns = dict[Name, "pd.Series[Any]"]
Places = NDArray[np.intp]
Limits = tuple[Any, Any]  # two ends, None where one is open
Bounds = str | Mapping[Name, Any] | None  # "observed", None, or either or (low, high) for each column


class Constraint(ABC):
    """Something that holds in every row of a table, by the names of its columns.

    A member is a plain object: two with the same arguments are equal, `repr` shows how to write it, and its arguments
    are what is saved. A row in which an operand is missing breaks nothing.
    """

    kind: ClassVar[str]
    sequential: ClassVar[bool] = False  # whether it compares a row with those before it
    ordering: ClassVar[bool] = False  # whether its columns are put back by an order: a sum rather computes others
    columns: tuple[Name, ...]  # that it names

    @abstractmethod
    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments that make this constraint: by position, and by name where they differ from the usual."""

    def packed(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments that make it again, or raise a ConstraintError if one cannot be written down."""
        return self.arguments()

    @abstractmethod
    def check(self, table: SequenceTable) -> None:
        """Refuse columns of a wrong kind: a ConstraintError names the column, its dtype and what is allowed."""

    @abstractmethod
    def broken(self, table: SequenceTable) -> Bools:
        """Return which rows break it, `(rows,)`."""

    def broken_beside(self, table: SequenceTable, real: SequenceTable) -> Bools:
        """Return which rows break it, given what the real table holds, `(rows,)`."""
        return self.broken(table)

    @classmethod
    @abstractmethod
    def steps(cls, own: Sequence[Self], plan: Plan) -> None:
        """Add to a plan the steps that keep all constraints of this kind; kinds come in the order of `CONSTRAINTS`."""

    def puts_back(self) -> tuple[Name, ...]:
        """Return the columns that are changed to keep it; others it only reads, as the clock can only be read."""
        return self.columns

    @classmethod
    def check_together(cls, own: Sequence[Self], others: Sequence[Constraint]) -> None:
        """Refuse constraints of this kind that contradict each other, or others, by a ConstraintError."""
        return None

    def ends(self, name: Name) -> tuple[Any, Any, bool]:
        """Return the range that it allows a column by itself: two ends or None, and whether only whole numbers."""
        return None, None, False

    def infer(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a table with the missing values that follow from others."""
        return frame

    @classmethod
    def enforce(cls, own: Sequence[Self], drawn: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """Return a filled table whose drawn values, missing in `known`, keep all constraints of this kind."""
        return drawn

    def context(self, table: SequenceTable, row: int) -> str:
        """Return what a message about a row that breaks it has to say beside its values."""
        return ""

    @property
    def text(self) -> str:
        """The constraint in the words of mathematics."""
        return repr(self)

    def operands(self, known: Iterable[Name]) -> tuple[Name, ...]:
        """Return the columns that it looks at, of those that are there."""
        there = set(known)
        return tuple(name for name in self.columns if name in there)

    def unknown(self, known: Iterable[Name]) -> list[Name]:
        """Return the columns that it names and that are not there."""
        there = set(known)
        return [name for name in self.columns if name not in there]

    def _named(self, columns: Iterable[Any], least: int = 1) -> tuple[Name, ...]:
        """Return column names; refuse what is neither a string nor an integer, comes twice, and too few."""
        names, kind = tuple(columns), type(self).__name__
        for name in names:
            if isinstance(name, bool) or not isinstance(name, str | int):
                raise ConstraintError(f"{kind}: {name!r} is no column name; pass strings or integers, one by one")
        if len(names) < least:
            raise ConstraintError(f"{kind}: {len(names)} columns {list(names)} are too few; it needs at least {least}")
        if len(set(names)) < len(names):
            raise ConstraintError(f"{kind}: a column comes twice in {list(names)}; name each once")
        return names

    def _check_kinds(self, table: SequenceTable, allowed: Sequence[Kind] = KINDS) -> None:
        """Refuse columns that hold no numbers, and columns of kinds that cannot be compared."""
        kinds: dict[Name, str] = {}
        words = {"whole": "numbers", "real": "numbers", "moment": "datetimes", "span": "timedeltas"}
        good = ", ".join(dict.fromkeys(words[kind] for kind in allowed))
        for name in self.operands(table.columns):
            dtype, kind = table.columns[name].dtype, kind_of(table.columns[name])
            if kind is None or kind not in allowed:
                raise ConstraintError(
                    f"{self!r}: column {name!r} is of dtype {dtype}; allowed are {good}. Convert it, or leave the "
                    "constraint out"
                )
            zone = " with a zone" if (kind == "moment" and "," in str(dtype)) or "tz=" in str(dtype) else ""
            kinds[name] = words[kind] + zone
        if len(set(kinds.values())) > 1:
            each = ", ".join(f"{name!r} holds {kind}" for name, kind in kinds.items())
            raise ConstraintError(f"{self!r}: {each}, which cannot be compared; convert them to one kind")

    def _check_roles(self, names: Sequence[Name], table: SequenceTable, advice: str) -> None:
        """Refuse static columns beside others."""
        static = [name for name in names if name in table.statics]
        if static and len(static) < len(names):
            others = [name for name in names if name not in static]
            raise ConstraintError(
                f"{self!r}: {static} are static, one value per sequence, and {others} are not; {advice}"
            )

    def __repr__(self) -> str:
        places, names = self.arguments()
        return f"{type(self).__name__}({', '.join([*map(repr, places), *(f'{k}={v!r}' for k, v in names.items())])})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.arguments() == other.arguments()

    def __hash__(self) -> int:
        return hash(repr(self))


def put_back(name: Name, kept: bool, computed: pd.Series[Any], there: Bools, parts: Mapping[Name, Any]) -> Any:
    """Return the computed column, and where it was kept its own value or gap in rows that cannot be computed."""
    if not kept:
        return computed
    own = parts[name].reset_index(drop=True)
    return computed.mask(own.isna().to_numpy(dtype=bool) | ~there, own)


def without(frame: pd.DataFrame, name: Name, rows: pd.Series[Any]) -> pd.DataFrame:
    """Return a table with a column missing in some rows."""
    if not (rows & frame[name].notna()).any():
        return frame
    out = frame.copy()
    out[name] = out[name].where(~rows)
    return out


def check_gaps(name: Name, series: pd.Series[Any], there: Bools) -> None:
    """Refuse rows whose gaps are not those of the fitted table, for they would not come back."""
    bad = np.flatnonzero(series.isna().to_numpy(dtype=bool) == there)
    if len(bad):
        raise ConstraintError(
            f"column {name!r} is computed from others, and when fitting it was missing exactly where one of those was; "
            f"row {bad[0]} (in sequence and time order) is not so ({len(bad)} such rows in all); fit on such a table"
        )


@dataclass(frozen=True)
class SequenceTable:
    """Columns of one or several sequences, by name."""

    columns: Mapping[Name, pd.Series[Any]]  # (rows,), in sequence and time order; static ones (sequences,)
    statics: Set[Name]
    lengths: Ints  # steps of each sequence, which add up to the rows
    given: Set[Name] = frozenset()  # columns that rules may read and nothing puts back, such as the clock

    @cached_property
    def sequence(self) -> Places:
        """Number of each row's sequence, `(rows,)`."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def size(self, static: bool) -> int:
        """Return how many sequences or rows there are."""
        return len(self.lengths) if static else int(self.lengths.sum())

    def per_row(self, name: Name) -> pd.Series[Any]:
        """Return a column with one value per row, `(rows,)`."""
        series = self.columns[name]
        return series.take(self.sequence).reset_index(drop=True) if name in self.statics else series

    def at(self, name: Name, static: bool) -> pd.Series[Any]:
        """Return a column with one value per row, or per sequence (which only a static column has)."""
        return self.columns[name] if static else self.per_row(name)

    def groups(self, static: bool) -> Places:
        """Return the number of the sequence that each value belongs to; static values are alone."""
        return np.arange(len(self.lengths)) if static else self.sequence

    def with_statics(self, names: Iterable[Name]) -> SequenceTable:
        """Return a table whose columns of these names have one value per sequence, that of its first row."""
        begin = np.cumsum(self.lengths) - self.lengths
        own = {name: self.columns[name].take(begin).reset_index(drop=True) for name in names if name in self.columns}
        return replace(self, columns={**self.columns, **own}, statics=frozenset(own))


def previous(known: Bools, groups: Places) -> Places:
    """Return the position of the last known value before each row in its group, -1 where there is none.

    Both arrays are of shape (rows,); rows of one group stand together.
    """
    here = np.where(known, np.arange(len(known)), -1)
    before = np.r_[-1, np.maximum.accumulate(here)[:-1]] if len(here) else here
    return np.where((before >= 0) & (groups[np.maximum(before, 0)] == groups), before, -1)


def last_known(known: Bools, groups: Places) -> Places:
    """Return the position of the nearest known value of the same group: at or before each row, if none there, after it.

    It is -1 where the group has none.
    """
    here, count = np.arange(len(known)), len(known)
    before = np.where(known, here, previous(known, groups))
    after = count - 1 - previous(known[::-1], groups[::-1])[::-1]
    return np.where(before >= 0, before, np.where(after < count, after, -1))


@dataclass(frozen=True, eq=False)
class Step(ABC):
    """Some columns, and the parts that are learned in their place.

    `forward` and `inverse` are inverse to each other on rows that hold the constraints; `inverse` gives rows that hold
    them whatever the parts are.
    """

    makes: tuple[Name, ...]  # the columns that it puts back
    needs: tuple[Name, ...]  # the columns that must be there before
    statics: frozenset[Name]  # those of its parts that have one value per sequence

    @property
    def name(self) -> Name:
        """The column, or the first of them."""
        return self.makes[0]

    @abstractmethod
    def forward(self, table: SequenceTable) -> Columns:
        """Return the parts that are learned in place of the columns."""

    @abstractmethod
    def inverse(self, parts: Mapping[Name, pd.Series[Any]], table: SequenceTable) -> Columns:
        """Return the columns; `table` holds those that are already there."""

    def infer(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a table with the missing values that follow from others."""
        return frame

    def release(self, frame: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """Return a table without values, known at first, that cannot be kept while others are drawn."""
        return frame

    def enforce(self, drawn: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
        """Return a filled table with drawn values, missing in `known`, moved to what the known ones allow."""
        return drawn


class Plan:
    """Which step puts back which column of the table that is learned: the steps so far, and who needs whom."""

    def __init__(
        self,
        constraints: Sequence[Constraint],
        table: SequenceTable,
        bounds: Bounds,
        ways: Mapping[Name, int],
        sharing: Sharing,
    ) -> None:
        self.constraints, self.table, self.bounds, self.ways = constraints, table, bounds, ways
        self.sharing = sharing
        self.steps: list[Step] = []
        self.needs: dict[Name, set[Name]] = {}

    @property
    def owned(self) -> set[Name]:
        """Columns that a step puts back."""
        return {name for step in self.steps for name in step.makes}

    def reaches(self, start: Name, goals: set[Name]) -> bool:
        """Return whether a column needs one of others, directly or by others between."""
        seen, left = set[Name](), [start]
        while left:
            name = left.pop()
            if name in goals:
                return True
            if name not in seen:
                seen.add(name)
                left += self.needs.get(name, ())
        return False

    def add(self, step: Step) -> None:
        """Add a step."""
        self.steps.append(step)
        for name in step.makes:
            self.needs.setdefault(name, set()).update(step.needs)

    def _asked(self, name: Name) -> Any:
        return self.bounds.get(name, "observed") if isinstance(self.bounds, Mapping) else self.bounds

    def declared(self, name: Name, scale: Scale) -> Limits:
        """Return the ends of a column by its `Range` constraints and by the bounds asked for."""
        ends = [one.ends(name)[:2] for one in self.constraints]
        asked = self._asked(name)
        if isinstance(asked, tuple | list) and scale.kind in ("whole", "real"):
            ends.append((asked[0], asked[1]))
        lows = [scale.bound(low, "low") for low, _ in ends if low is not None]
        highs = [scale.bound(high, "high") for _, high in ends if high is not None]
        return max(lows, default=None), min(highs, default=None)

    def limits(self, name: Name, scale: Scale) -> Limits:
        """Return the ends of a column: declared, and observed (as `observed_ends` says) where that is asked for."""
        low, high = self.declared(name, scale)
        x, missing = scale.read(self.table.columns[name])
        seen = x[~missing]
        if self._asked(name) != "observed" or not len(seen):
            return low, high
        holders, told = self.holders(name).at(~missing), None
        if holders.least > 1:
            first = seen.min()
            ends = holders.ends((seen - first).astype(np.float64))
            inside = self.format(name).round(first + np.array(ends).astype(seen.dtype), scale)
            told = tuple(np.clip(inside, first, seen.max()).tolist())
        least, most = observed_ends(seen, self.ways.get(name, 0), told)
        lows, highs = ([end for end in ends if end is not None] for ends in ((low, least), (high, most)))
        return max(lows, default=None), min(highs, default=None)

    def holders(self, name: Name) -> Holders:
        """Return who holds the values of a column."""
        return self.sharing.sequences if name in self.table.statics else self.sharing.rows

    def format(self, name: Name) -> NumberFormat:
        """Return what a column's values look like; without decimals where whole numbers are asked for."""
        found = NumberFormat.fit(self.table.columns[name])
        return replace(found, decimals=0) if any(one.ends(name)[2] for one in self.constraints) else found


def value_text(series: pd.Series[Any], row: int) -> str:
    """Return a value of a column as a message shows it."""
    value = series.iloc[row]
    value = value.item() if isinstance(value, np.generic) else value
    return repr(str(value) if hasattr(value, "isoformat") else value)


def merged(groups: Iterable[tuple[Name, ...]]) -> list[tuple[Name, ...]]:
    """Put groups that share a column together."""
    found: list[tuple[Name, ...]] = []
    for group in groups:
        touching = [other for other in found if set(other) & set(group)]
        found = [other for other in found if other not in touching]
        found.append(tuple(dict.fromkeys(name for other in [*touching, group] for name in other)))
    return found


def part_name(what: str, name: object) -> str:
    """Return the name of a part that stands for a column; no column of a table has such a name."""
    return f"\0{what} {name!r}"
