"""What sampled sequences have to fulfil: values of static columns, and levels of categories on every row.

A condition is taken through the stages as a value would be: copies are looked up in what they copy, columns of a
`Fixed` constraint become the combinations that fit. Categories are then known as the set of levels that are allowed,
numbers as values. On the way out the values are put in literally, so that they come back as they were given. `where`
and `static` are read column by column, through copies and combinations to what is learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..arrays import Bools, Doubles, Ints
from ..constraints.fixed import Joint
from ..errors import ParameterError, nearest_name
from ..panel import Panel
from ..tables.dtypes import Name, Token, load, plain, spelled, ticks, untick
from .cells import Cells
from .columns.category import CategoryColumn
from .columns.constant import ConstantColumn
from .columns.numeric import ScaledColumn
from .durations import Duration
from .stages import Stages

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
        statics, values = np.where(np.isnan(self.statics), panel.statics, self.statics), np.array(panel.values)
        for column in cells.columns:
            place, share = cells.place(column.name), np.array(getattr(column, "share", (1.0, 0.0)))
            if place is None:
                continue
            fits = (self.static_allowed if column.role == "static" else self.allowed)[place]
            if fits is None:
                continue
            table = statics if column.role == "static" else values
            every = np.broadcast_to(fits, (len(table), fits.shape[-1]))
            asked = ~every.all(axis=1) if column.role == "static" else np.ones(len(table), dtype=bool)
            table[asked, place] = _allowed_codes(table[asked, place], every[asked], share, rng)
        return replace(panel, values=values, statics=statics)


def _allowed_codes(codes: Doubles, fits: Bools, share: Doubles, rng: np.random.Generator) -> Doubles:
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


def refuse_strangers(cells: Cells, condition: Condition) -> None:
    """Refuse levels of static columns that never come together.

    Raises
    ------
    ParameterError
        Naming both columns and what comes with one of them.
    """
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
            given = _text(columns[one], first[row])
            levels = columns[two].levels
            there = [levels[k] for k in np.flatnonzero(reached[row]) if k < len(levels)][:SHOWN]
            raise ParameterError(
                f"{given} never comes with {_text(columns[two], second[row])} in the fitted table"
                f"{f' (row {row} of static)' if len(condition.statics) > 1 else ''}; with {given}, "
                f"{_label(two)} is one of {there}"
            )


def _label(name: Name) -> str:
    text = str(name).removeprefix("\0")
    return repr(name) if text == str(name) else text.removeprefix("joint ")


def _text(column: CategoryColumn, open_: Bools) -> str:
    levels = [*column.levels, "a rare level"]
    return f"{_label(column.name)} = {' or '.join(repr(levels[k]) for k in np.flatnonzero(open_)[:5])}"


SEVERAL = (list, tuple, set, frozenset, np.ndarray, pd.Series, pd.Index)


def read_condition(stages: Stages, where: Mapping[Any, Any] | None, static: pd.DataFrame | None) -> Condition | None:
    """Return the condition that `where` and `static` say, None where they say nothing.

    Parameters
    ----------
    stages : Stages
    where : mapping of column to value, or to a list of values of which any will do
    static : DataFrame
        One row per sequence; missing values are free. The entity's column is left out of account: keys are new.

    Raises
    ------
    ParameterError
        Naming the column and the value, if there is no such column, level or value; it lists what exists.
    """
    if where is not None and not isinstance(where, Mapping):
        raise ParameterError(f"where={where!r} must map columns to values, such as where={{'sex': 'f'}}")
    if static is not None and not isinstance(static, pd.DataFrame):
        raise ParameterError(f"static must be a DataFrame with one row per sequence, got {type(static).__name__}")
    if static is not None and not len(static):
        raise ParameterError("static has no rows; it needs one for each sequence")
    builder = ConditionBuilder(stages, 1 if static is None else len(static))
    form = stages.form
    if static is not None:
        for name in static.columns:
            if name == form.entity:
                continue
            if name not in form.static:
                raise ParameterError(f"static: {name!r} is not a static column{nearest_name(name, form.static)}")
            series = static[name].reset_index(drop=True)
            held = np.flatnonzero(series.notna().to_numpy(dtype=bool))
            builder.require("static", name, [series.iloc[i] for i in held], held)
    for name, value in (where or {}).items():
        values = list(value) if isinstance(value, SEVERAL) else [value]
        if not values or any(pd.api.types.is_scalar(v) and pd.isna(v) for v in values):
            raise ParameterError(f"where: {name!r} has no value, {value!r}; give one, or leave the column out")
        if name not in form.names:
            raise ParameterError(f"where: {_no_column(stages, name)}")
        builder.require("where", name, values, None)
    return builder.build() if static is not None or where else None


def _no_column(stages: Stages, name: Any) -> str:
    form = stages.form
    if name is not None and name == form.entity:
        return f"{name!r} is the entity, and keys are always new; static=, n= say how many sequences are drawn"
    if name is not None and name == form.time:
        return f"{name!r} is the time; use start= to choose where sequences begin"
    if name in form.exclude:
        return f"{name!r} was left out by exclude=, so nothing is known of it"
    return f"{name!r} is neither a static column nor a category{nearest_name(name, form.names)}"


class ConditionBuilder:
    """A condition in the making, for `rows` sequences."""

    def __init__(self, stages: Stages, rows: int) -> None:
        self.stages, self.rows = stages, rows
        self.columns = {column.name: column for column in stages.cells.columns}
        self.fits: dict[Name, Bools] = {}
        self.exact: dict[Name, pd.Series[Any]] = {}
        self.named: dict[Name, list[Name]] = {}

    def require(self, option: str, name: Name, values: list[Any], rows: Any) -> None:
        """Take in values of a column: one for each of `rows`, or with None any of them for all rows."""
        name, values = self._source(option, name, values)
        joint = next((s for s in self.stages.chain.steps if isinstance(s, Joint) and name in s.makes), None)
        if joint is not None:
            self._allow(option, joint.part, name, self._combinations(option, joint, name, values), rows)
            return
        column, learned = self.columns.get(name), self.stages.durations[name]
        if learned is not None and learned.static:
            self._date(option, learned, values, rows)
            return
        if column is None:
            rule = next((one.text for one in self.stages.constraints if name in one.operands([name])), "a constraint")
            raise ParameterError(
                f"{option}: {name!r} is put back from the constraint {rule}, so that it cannot be given; leave it "
                "out of the condition, or fit without the constraint"
            )
        if isinstance(column, ConstantColumn):
            self._constant(option, column, values)
            self._require_present(column, rows)
        elif isinstance(column, CategoryColumn):
            found = _places(option, name, column.levels, values, column.dropped)
            self._allow(option, name, name, np.eye(len(column.levels), dtype=bool)[found], rows)
        elif column.role == "static" and isinstance(column, ScaledColumn):
            self._number(option, column, values, rows)
        else:
            raise ParameterError(
                f"{option}: {name!r} holds {column.kind} values that change from row to row; a condition takes static "
                "columns and categories"
            )

    def _source(self, option: str, name: Name, values: list[Any]) -> tuple[Name, list[Any]]:
        """Return the column that another repeats, and what the values are there."""
        aliases = self.stages.aliases
        while name in aliases.names:
            alias = aliases[name]
            if not alias.two_ways:
                raise ParameterError(
                    f"{option}: {name!r} {alias.describe()}, and so follows from the rest; a condition takes static "
                    "columns and categories"
                )
            if alias.pairs is not None:
                places = _places(option, name, [own for _, own in alias.pairs], values)
                values = [alias.pairs[i][0] for i in places]
            assert alias.source is not None
            name = alias.source
        return name, values

    def _combinations(self, option: str, joint: Joint, name: Name, values: list[Any]) -> Bools:
        """Return which combinations hold each value, `(values, levels of the joint category)`."""
        levels, column = joint.levels[name], self.columns[joint.part]
        _places(option, name, [plain(v) for v in levels.dropna().unique()], values)
        held = np.stack([(levels == value).fillna(False).to_numpy(dtype=bool) for value in values])
        if not isinstance(column, CategoryColumn):  # there is one combination
            return np.ones((len(values), 1), dtype=bool)
        place = pd.Index(joint.labels).get_indexer(pd.Index(column.levels))
        return np.asarray(held[:, place])

    def _allow(self, option: str, part: Name, name: Name, found: Bools, rows: Any) -> None:
        """Allow only levels that fit, `(values, levels)`."""
        column = self.columns[part]
        if isinstance(column, ConstantColumn):
            self._require_present(column, rows)
            return
        rows_asked = self.rows if column.role == "static" else 1
        before = self.fits.get(part, np.ones((rows_asked, found.shape[1]), dtype=bool))
        new = np.ones_like(before)
        if rows is None:
            new &= found.any(axis=0)
        else:
            new[rows] = found
        both = before & new
        lost = np.flatnonzero(~both.any(axis=1))
        if len(lost):
            assert isinstance(column, CategoryColumn)
            there = [column.levels[i] for i in np.flatnonzero(before[lost[0]])][:SHOWN]
            others = [other for other in self.named.get(part, []) if other != name] or [name]
            raise ParameterError(
                f"{option}: what is asked of {name!r} never comes with what is asked of {', '.join(map(repr, others))}"
                f"{f' (row {lost[0]})' if self.rows > 1 else ''}; with it there are {there}"
            )
        self.fits[part] = both
        self.named.setdefault(part, []).append(name)

    def _require_present(self, column: ConstantColumn, rows: Any) -> None:
        """Ask for the one value of a column that is missing on some rows."""
        if column.cell() is not None:
            count = self.rows if column.role == "static" else 1
            fit = self.fits.setdefault(column.name, np.ones((count, 2), dtype=bool))
            fit[slice(None) if rows is None else rows, 1] = False

    def _number(self, option: str, column: ScaledColumn, values: list[Any], rows: Any) -> None:
        if rows is None and len(values) > 1:
            raise ParameterError(f"{option}: {column.name!r} holds {column.kind} values; give one, not {values!r}")
        if not values:
            return
        series = _cast(option, column.name, column.kind, column.dtype, values)
        low, high = column.observed
        x = column.to_numbers(series, column.grain)
        outside = np.flatnonzero((x < low) | (x > high))
        if len(outside):
            line = column.describe()
            raise ParameterError(
                f"{option}: {column.name!r} is never {plain(values[outside[0]])!r} in the fitted table; it lies "
                f"between {line.low} and {line.high}"
            )
        self._hold(option, column.name, series, rows)

    def _date(self, option: str, learned: Duration, values: list[Any], rows: Any) -> None:
        """Take in dates that are learned from others: these move with them, as far as they can."""
        name, stages = learned.name, self.stages
        if rows is None and len(values) > 1:
            raise ParameterError(f"{option}: {name!r} holds dates; give one, not {values!r}")
        if learned.of == "last" and not stages.clock.regular:
            raise ParameterError(
                f"{option}: {name!r} is {learned.describe()}, which is not known before the steps are drawn, so "
                "that it cannot be given; leave it out of the condition"
            )
        if not values:
            return
        series = _cast(option, name, "datetime", learned.dtype, values)
        low, high = learned.seen
        outside = np.flatnonzero((ticks(series) < low) | (ticks(series) > high))
        if len(outside):
            ends = spelled(untick(np.array([low, high]), load(learned.dtype)))
            raise ParameterError(
                f"{option}: {name!r} is never {plain(values[outside[0]])!r} in the fitted table; it lies between "
                f"{ends[0]} and {ends[1]}"
            )
        self._hold(option, name, series, rows)

    def _hold(self, option: str, name: Name, series: pd.Series[Any], rows: Any) -> None:
        """Hold a static number to values: one for each of `rows`, or with None one for all."""
        new = series.take(np.zeros(self.rows, dtype=np.intp)).reset_index(drop=True)
        if rows is not None:
            place = np.full(self.rows, -1)
            place[rows] = np.arange(len(series))
            new = pd.Series(series.astype(object).to_numpy()[place]).mask(place < 0)
        old = self.exact.get(name)
        if old is not None:  # `where` comes after the rows of `static`, and fills what they leave free
            both = old.notna() & new.notna()
            if (old[both].astype(object) != new[both].astype(object)).any():
                raise ParameterError(f"{option}: {name!r} has another value in static=; give it once")
            new = old.astype(object).where(old.notna(), new.astype(object))
        self.exact[name] = new.astype(object)

    def _constant(self, option: str, column: ConstantColumn, values: list[Any]) -> None:
        only = pd.Series(column.decode(np.zeros(1)))
        for value in values:
            try:
                same = bool((pd.Series([value], dtype=only.dtype) == only).iloc[0])
            except (TypeError, ValueError):
                same = False
            if not same:
                raise ParameterError(
                    f"{option}: {column.name!r} is always {plain(only.iloc[0])!r} in the fitted table, not {value!r}"
                )

    def build(self) -> Condition:
        """Return the condition."""
        cells = self.stages.cells
        layout = cells.layout
        statics = np.full((self.rows, len(layout.statics)), np.nan)
        fixed: list[Bools | None] = [None] * len(layout.statics)
        allowed: list[Bools | None] = [None] * len(layout.cells)
        for name, series in self.exact.items():
            place, held = cells.place(name), series.notna().to_numpy(dtype=bool)
            column = self.columns[name]
            if place is not None and held.any() and self.stages.durations[name] is None:
                own = pd.Series(series[held].to_list(), dtype=load(column.dtype))
                statics[held, place] = column.encode(own)
        for name, fit in self.fits.items():
            column, place = self.columns[name], cells.place(name)
            if place is None:
                continue
            if isinstance(column, CategoryColumn) and column.dropped:  # the last code, "other", is none of the levels
                fit = np.column_stack([fit, fit.all(axis=1)])
            if column.role == "value":
                allowed[place] = fit[0]
                continue
            fixed[place], one = fit, fit.sum(axis=1) == 1
            statics[one, place] = fit[one].argmax(axis=1)
        return Condition(statics, tuple(fixed), tuple(allowed), self.exact)


def _places(option: str, name: Name, known: list[Any], values: list[Any], dropped: int = 0) -> Ints:
    """Return the positions of values among the levels; one that is not there is refused, and what is there named."""
    text = bool(known) and all(type(level) in (int, float) for level in known)
    found = []
    for value in map(plain, values):
        levels = [str(level) for level in known] if text and isinstance(value, str) else known  # as a command has them
        place = next((i for i, level in enumerate(levels) if level == value), None)
        if place is None:
            rare = f", but for {dropped} that too few hold and that are not kept" if dropped else ""
            hint = nearest_name(value, known[: SHOWN * 100])
            raise ParameterError(f"{option}: {name!r} is never {value!r} in the fitted table{rare}{hint}")
        found.append(place)
    return np.array(found, dtype=np.int64)


def _cast(option: str, name: Name, kind: str, dtype: Token, values: list[Any]) -> pd.Series[Any]:
    """Return values in a column's dtype."""
    numeric = kind in ("float", "integer")
    for value in values:
        odd = isinstance(value, str | bool | np.bool_) if numeric else isinstance(value, bool | int | float | np.number)
        try:
            one = pd.Series([value], dtype=load(dtype))
            odd = odd or bool(one.isna().any()) or (numeric and float(one.iloc[0]) != float(value))
        except (TypeError, ValueError, AttributeError, OverflowError):
            odd = True
        if odd and not (kind == "float" and isinstance(value, float | int | np.number)):
            raise ParameterError(f"{option}: {name!r} holds {kind} values, not {value!r}")
    made: pd.Series[Any] = pd.Series([plain(v) if numeric else v for v in values], dtype=load(dtype))
    return made
