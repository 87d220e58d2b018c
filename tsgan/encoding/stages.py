"""What a fitted table becomes on its way to cells and back: one value that all who read or write tables take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..arrays import Doubles, Floats, Ints
from ..bundle import Held, saved
from ..constraints.base import Columns, Constraint
from ..constraints.chain import Chain
from ..errors import ParameterError, SchemaError
from ..layout import Layout
from ..panel import Panel
from ..tables.dtypes import Name, Token, without_minus_zero
from ..tables.form import Form, SplitTable, read
from ..tables.frames import FrameKind, read_frame
from ..tables.keys import Keys
from ..tables.strings import CHARACTER, refuse_strangers
from .aliases import Aliases
from .assembling import Decoded
from .cells import Cells
from .clocks.clock import START, Clock
from .clocks.stamps import Ticks
from .columns.category import CategoryColumn
from .columns.constant import ConstantColumn
from .durations import Durations
from .missing import Missing
from .schema import ColumnSchema, Schema, schema_of
from .sequences import arrange, one_per_sequence

NOTHING: Mapping[Name, pd.Series[Any]] = MappingProxyType({})


@saved
@dataclass(frozen=True)
class Options:
    """What an encoder was asked to do; see `Encoder` for each."""

    entity: Name | None
    time: Name | None
    static: tuple[Name, ...]
    exclude: tuple[Name, ...]
    calendar: Any
    window: int | None
    stride: int
    scaler: Any
    bounds: Any
    kinds: Any = None
    protect: int = 0
    other: str | None = None


@saved
@dataclass(frozen=True)
class Stages:
    """All that was learned of a table's form: what is undone one after another on the way to cells, and done again.

    Attributes
    ----------
    window : int
        Resolved.
    chain : Chain
        Constraints and their steps.
    names : dict of name to str
        The columns of numbers that name things, and why.
    dtypes : dict of name to str or dict
        Those of the static and value columns, and of entity and time; not of categories, which depend on their levels.
    excerpt : bool
        Whether `clock` and all that follow were learned from some rows of a larger table; `lengths` are of all.
    """

    options: Options
    window: Annotated[int, Held(1)]
    form: Form
    frame: FrameKind
    keys: Keys | None
    clock: Clock
    aliases: Aliases
    chain: Chain
    missing: Missing
    durations: Durations
    cells: Cells
    names: dict[Name, str] = field(default_factory=dict)
    dtypes: dict[Name, Token] = field(default_factory=dict)
    excerpt: bool = False

    def __post_init__(self) -> None:
        rows = int(self.lengths.sum())
        if rows != self.clock.rows and not self.excerpt and (len(self.lengths) == 1 or not self.options.protect):
            raise ValueError(f"Cells.lengths are of {rows} rows, and Clock.rows={self.clock.rows}")
        longest = self.clock.rows if self.options.protect and self.options.window else self.lengths.max()
        if self.window > longest:
            raise ValueError(f"Stages.window={self.window} is longer than every sequence of Cells.lengths")

    @property
    def lengths(self) -> Ints:
        """Decoded of each sequence of the fitted table."""
        return self.cells.lengths

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """What every row keeps to."""
        return self.chain.constraints

    @property
    def layout(self) -> Layout:
        """The cells of a row."""
        return self.cells.layout

    @cached_property
    def schema(self) -> Schema:
        """The columns as they were understood."""
        texts: dict[Name | None, list[str]] = {name: [str(gaps)] for name, gaps in self.missing.gaps.items()}
        learned = {column.name: column.kind for column in self.cells.columns}
        for name, why in self.names.items():
            if learned.get(name) == "category":
                texts.setdefault(name, []).append(why)
        for rule in self.constraints:
            for name in rule.operands(self.form.names):
                texts.setdefault(name, []).append(rule.text)
        for step in self.chain.steps:
            if withheld := getattr(step, "withheld", 0):
                text = f"{withheld} combinations that too few have are not given back"
                texts |= {name: [*texts.get(name, ()), text] for name in step.makes}
        for known in (self.cells.calendar, self.cells.trend):
            if known is not None:
                texts.setdefault(self.form.time, []).append(known.describe())
        for one in self.durations.found:
            texts.setdefault(one.name, []).append(one.describe())
        restored = {alias.name: alias.describe() for alias in self.aliases.found}
        lines = [self._kept(self.durations.line(column.describe())) for column in self.cells.columns]
        ruled = {name: [one.ends(name)[:2] for one in self.constraints] for name in self.form.names}
        more = texts, restored, self.dtypes, ruled
        return schema_of(self.form, lines, self.clock, self.keys, *more)

    def _kept(self, line: ColumnSchema) -> ColumnSchema:
        """Return a line without the ends and levels of what is learned in the place of its column."""
        line = replace(line, nullable=line.nullable or line.name in self.missing.gaps)
        rewritten = () if self.frame.rewriting is None else self.frame.rewriting.columns
        made = {name for step in self.chain.steps for name in step.makes}
        if line.name in made.union(rewritten, [one.name for one in self.durations.found]):
            return replace(line, values=None, kept=(None, None))
        return line

    def encode(self, data: Any, *, learn: bool = False) -> Panel:
        """Return the fitted table, or one with the same columns, as a panel; NaN where a value is missing.

        Raises
        ------
        SchemaError
            Naming missing and extra columns.
        InputError
            If the table cannot be used, holds a category that was never seen, or has gaps where there were none.
        """
        table, order, lengths = self.take_apart(data)
        parts = self.learned(table, order, lengths)
        self.missing.check(parts)
        self.durations.check(parts)
        return self.panel(parts, stamps_of(table, order), lengths, learn=learn)

    def take_apart(self, data: Any) -> tuple[SplitTable, NDArray[np.intp], Ints]:
        """Return a table of the fitted form, the rows of its sequences in time order, and how many each has."""
        frame, _ = read_frame(data, self.frame)
        self.check_columns(frame)
        exclude = self.options.exclude
        if isinstance(frame, pd.DataFrame):
            exclude = tuple(name for name in exclude if name in frame.columns)
        table = read(frame, self.options.entity, self.options.time, self.options.static, exclude, least=1)
        return table, *arrange(table, self.clock)

    def check_text(self, data: Any, *, exact: bool = False) -> None:
        """Refuse text with characters that are not known; where rare ones are withheld, too, only if `exact`."""
        column = next((one for one in self.cells.columns if one.name == CHARACTER), None)
        if self.frame.text and isinstance(column, ConstantColumn):
            refuse_strangers(data, str(column.value))
        if self.frame.text and isinstance(column, CategoryColumn) and (exact or not column.dropped):
            refuse_strangers(data, column.levels)

    def check_columns(self, data: Any) -> None:
        """Refuse a table of another kind or with other columns than the fitted one."""
        form = self.form
        if isinstance(data, pd.DataFrame) != (form.kind == "frame"):
            was = "a DataFrame" if form.kind == "frame" else "an array"
            raise SchemaError(f"the encoder was fitted on {was}, got {type(data).__name__}; pass the same kind")
        if form.kind != "frame":
            width = np.shape(data[0] if isinstance(data, list) and len(data) else data)[-1:]
            if width and width[0] != len(form.columns):
                raise SchemaError(
                    f"X has {width[0]} features, but tsgan is expecting {len(form.columns)} features as input"
                )
            return
        missing = [name for name in form.columns if name not in data.columns]
        extra = [name for name in data.columns if name not in form.columns and name not in self.options.exclude]
        if missing or extra:
            wrong = [f"{what} {names}" for what, names in (("missing", missing), ("not known", extra)) if names]
            raise SchemaError(f"the columns are not the fitted ones: {', '.join(wrong)}; pass {list(form.columns)}")

    def learned(self, table: SplitTable, order: NDArray[np.intp], lengths: Ints) -> Columns:
        """Return the parts that are learned: without copies, constraints taken out."""
        parts = self.aliases.forward(parts_of(table, order, lengths), lengths)
        keys = None if table.keys is None else list(table.keys)
        if not self.constraints:
            return parts
        given = readable(self.form, self.aliases, stamps_of(table, order), lengths)
        return self.chain.forward(parts, lengths, keys, given)

    def panel(self, parts: Columns, stamps: pd.Index[Any] | None, lengths: Ints, *, learn: bool = False) -> Panel:
        """Return learned parts as a panel; to `learn` from, without what only a few hold."""
        parts = self.durations.forward(parts, self.clock, stamps, lengths)
        parts = {**parts, **self.clock.encode(stamps, lengths)}
        return self.cells.encode(parts, lengths, *walls_of(self.clock, self.options.calendar, stamps), learn)

    @property
    def stamped(self) -> bool:
        """Whether rows carry time stamps."""
        return self.form.kind == "frame" and (self.clock.kind != "rows" or self.form.entity is None)

    def starts(
        self,
        statics: Doubles,
        lengths: Ints,
        start: Any,
        rng: np.random.Generator,
        known: Mapping[Name, pd.Series[Any]] = NOTHING,
    ) -> NDArray[Any]:
        """Return where the clock of each sequence starts, see `Clock.first_ticks`.

        Where static dates are `known` that are learned from the first or last stamp, it starts as far from them as was
        drawn, unless a start is asked for or all start at once.
        """
        if start is not None and not self.stamped:
            raise ParameterError(f"start={start!r} needs time stamps, and the fitted data had none")
        ticks = self.clock.first_ticks(lengths, start, rng, self.cells.early(statics, START))
        if start is None and self.clock.starts is not None:
            for one in self.durations.found:
                if one.name in known and one.of in ("first", "last"):
                    lasting = pd.Series(self.cells.early(statics, one.name), copy=False)
                    ticks = self.durations.started(one, known[one.name], lasting, ticks, self.clock, lengths)
        return ticks

    def covariates(self, lengths: Ints, starts: Any, drawn: Panel | None = None) -> Floats:
        """Return what is known of each row before it is drawn, `(rows, covariates)`.

        `drawn` is a first draw, whose gaps a clock with gaps ticks by; without it, it ticks evenly.
        """
        cells = self.cells
        if not cells.timed:
            return cells.covariates(lengths, None, None)
        ticks = self.clock.ticks_for(starts, lengths, None if drawn is None else cells.gaps(drawn))
        return cells.covariates(lengths, self.clock.stamps.moments(ticks), ticks)

    @property
    def wandering(self) -> bool:
        """Whether what is known of a row (its season, the trend) depends on gaps that are themselves drawn."""
        return self.cells.timed and not self.clock.regular

    def restored(self, rows: Decoded, keys: pd.Index[Any] | None, before: tuple[int, int] = (0, 0)) -> dict[Name, Any]:
        """Return all columns, one value per row, with those that repeat others."""
        values: dict[Name, Any] = self.aliases.inverse(
            rows.values, keys, rows.stamps, rows.lengths, sequences_before=before[0], rows_before=before[1]
        )
        sequence = np.repeat(np.arange(len(rows.lengths)), rows.lengths)
        values |= {name: values[name].take(sequence) for name in self.form.static}
        return {name: without_minus_zero(array) for name, array in values.items()}


def stamps_of(table: SplitTable, order: NDArray[np.intp]) -> pd.Index[Any] | None:
    """Return the stamps in sequence and time order; as they came, where that is so already."""
    if table.stamps is None:
        return None
    sorted_already = table.codes is None and bool((order == np.arange(len(order))).all())
    return table.stamps if sorted_already else table.stamps.take(order)


def readable(form: Form, aliases: Aliases, stamps: pd.Index[Any] | None, lengths: Ints) -> Columns:
    """Return what rules read and nothing puts back, one value per row: what the time computes, and the time itself.

    The time is there if it has a name of its own.
    """
    if stamps is None:
        return {}
    clock = {} if form.time is None or form.time in form.names else {form.time: pd.Series(stamps)}
    return aliases.timed(stamps, lengths) | {name: series.reset_index(drop=True) for name, series in clock.items()}


def parts_of(table: SplitTable, order: NDArray[np.intp], lengths: Ints) -> Columns:
    """Return each column in sequence and time order, a static one with one row per sequence."""
    parts: Columns = {}
    for name in table.form.names:
        series = table.values[name].take(order).reset_index(drop=True)
        if name in table.form.static:
            series = one_per_sequence(series, lengths, name, table.form.entity, table.keys)
        parts[name] = series
    return parts


def walls_of(clock: Clock, calendar: Any, stamps: pd.Index[Any] | None) -> tuple[pd.DatetimeIndex | None, Ticks | None]:
    """Return what the clock on the wall shows at each row, and its ticks; None where there is no such clock.

    The wall has no dates that count where they follow from drawn gaps of any size and nobody asked.
    """
    if stamps is None:
        return None, None
    ticks = clock.ticks(stamps)
    odd = calendar == "auto" and not clock.regular and clock.spacing.freq is None
    return None if odd else clock.stamps.moments(ticks), ticks
