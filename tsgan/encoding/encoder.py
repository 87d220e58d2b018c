"""The encoder: a table to a Panel of cells, and back, through stages that each have an inverse.

::

    frame -> roles out, sequences in time order -> copies out -> constraints -> gaps and starts -> cells
    frame <- roles in, form, dtypes             <- copies in  <- constraints <- clock           <- cells
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..arrays import Ints
from ..constraints.base import Constraint, Rows
from ..constraints.chain import Chain
from ..constraints.suggesting import suggest
from ..errors import ParameterError, SchemaError, choose
from ..panel import Panel, Windows
from ..tables.dtypes import Name
from ..tables.form import Table, read
from ..tables.frames import read_frame
from ..tables.keys import Keys
from .aliases import Aliases
from .cells import Cells
from .clocks.clock import Clock
from .clocks.stamps import Ticks
from .clocks.timing import START, Timing
from .columns.base import infer_kind
from .compose import schema_of
from .conditions import Condition, ask, refuse_strangers
from .decoder import Decoder
from .missing import Missing
from .sequences import arrange, one_per_sequence, warn_of_clocks
from .stages import restore, state_of
from .windows import cut, resolve, whole

Parts = dict[Name, "pd.Series[Any]"]


class Encoder(Decoder):
    """Learn how a table becomes cells and how cells become a table.

    Parameters
    ----------
    entity : str, optional
        Column or index level that tells sequences apart; an outer level named ``sequence`` does so unnamed.
    time : str, optional
        Column or index level of time stamps; a DatetimeIndex or PeriodIndex is the clock without being named.
    static : sequence of str, optional
        Columns with one value per entity.
    exclude : sequence of str, optional
        Columns that are left out: identifiers, free text.
    constraints : sequence of Constraint or "suggest", optional
        What every row keeps to; "suggest" takes what `suggest_constraints` finds in the table.
    calendar : "auto", False or sequence of str
        Which parts of the calendar are known of each step: "hour", "weekday", "season"; "auto" for those that explain
        variance.
    window : int, optional
        Steps of a window; see `windows.resolve` for the default.
    stride : int
        Steps between the starts of windows.
    scaler : str or mapping
        A name in SCALERS or "auto" (see `scalers.auto`), for all numeric columns, or by name with the others "auto".
    bounds : "observed", None or mapping
        Clip decoded numbers to the observed range, or not at all, or by name to `(low, high)` with the others as
        observed; None in a pair leaves that side open.

    Attributes
    ----------
    schema : Schema
    layout : Layout
    window : int
        Resolved.
    lengths : int64 array of shape (sequences,)
        Of the fitted table.
    """

    def __init__(
        self,
        *,
        entity: str | None = None,
        time: str | None = None,
        static: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        constraints: Sequence[Constraint] | str | None = None,
        calendar: Any = "auto",
        window: int | None = None,
        stride: int = 1,
        scaler: str | Mapping[str, str] = "auto",
        bounds: str | Mapping[str, tuple[float | None, float | None]] | None = "observed",
    ) -> None:
        for option, names in (("static", static), ("exclude", exclude)):
            if isinstance(names, str):
                raise ParameterError(f"{option}={names!r} must be a list of columns; write {option}=[{names!r}]")
        self._entity, self._time = entity, time
        self._static, self._exclude = tuple(static or ()), tuple(exclude or ())
        if isinstance(constraints, str):
            choose("constraints", constraints, ["suggest"])
        elif isinstance(constraints, Constraint):
            raise ParameterError(f"constraints={constraints!r} must be a list; write constraints=[{constraints!r}]")
        self._suggest = constraints == "suggest"
        self._constraints = () if isinstance(constraints, str) else tuple(constraints or ())
        self._calendar = calendar
        self._requested, self._stride = window, whole("stride", stride)
        self._scaler, self._bounds = scaler, bounds

    def fit(self, data: Any, *, pieces: Ints | None = None, whole: Ints | None = None) -> Self:
        """Learn from a DataFrame, an array `(time, features)` or an array `(sequences, time, features)`.

        Parameters
        ----------
        data : DataFrame or array
            The table, or an excerpt of one that is larger than memory.
        pieces : int64 array of shape (stretches,), optional
            Rows of each stretch of an excerpt that is not made of whole sequences.
        whole : int64 array of shape (sequences,), optional
            Rows of each sequence of the table that an excerpt was taken from.

        Raises
        ------
        InputError, SchemaError
            If the table cannot be used; see `form.read`, `sequences.arrange` and `columns.base.infer_kind`.
        ConstraintError
            If the table breaks a constraint.
        ParameterError
            If a scaler, a bound or the window does not fit.
        """
        frame, self._frame = read_frame(data)
        table = read(frame, self._entity, self._time, self._static, self._exclude)
        for name in table.form.names:
            infer_kind(table.values[name], name)  # refuses what no column can hold
        order, lengths = arrange(table)
        lengths = lengths if pieces is None else pieces
        self.lengths = lengths if whole is None else whole
        single = len(self.lengths) == 1
        self.window = resolve(self._requested, self.lengths)
        self._form = form = table.form
        self._keys = None if table.keys is None or form.entity is None else Keys.fit(table.keys)
        stamps = self._stamps(table, order)
        clock = Clock.rows(table.index) if stamps is None else Clock.fit(stamps, lengths, form.time)
        clock = replace(clock, apart=0) if single else clock
        self._timing = Timing.fit(clock, stamps, np.array([len(order)]) if single else lengths)
        parts = self._parts(table, order, lengths)
        if stamps is None:
            warn_of_clocks(parts, lengths)
        named = [name for one in self._constraints if isinstance(one, Constraint) for name in one.operands(parts)]
        self._aliases = Aliases.fit(parts, table.keys, stamps, lengths, static=form.static, order=order, keep=named)
        parts = self._aliases.forward(parts, lengths)
        fixed = frozenset(form.static) & set(parts) | self._aliases.starts
        keys = None if table.keys is None else list(table.keys)
        if self._suggest:
            self._constraints = tuple(suggest(Rows(parts, fixed, lengths)))
        bounds: Any = self._bounds
        self._chain = Chain.fit(self._constraints, parts, fixed, lengths, bounds, keys)
        parts = self._chain.forward(parts, lengths, keys) if self._constraints else parts
        self._missing = Missing.fit(parts, self._chain.statics, np.array([len(order)]) if single else lengths)
        parts = {**parts, **self._timing.forward(stamps, lengths)}
        asked = {"scaler": self._scaler, "bounds": self._bounds, "calendar": self._calendar}
        statics = {*self._chain.statics, START}
        walls = self._walls(stamps)
        self._cells = Cells.fit(parts, statics, lengths, *walls, whole=self.lengths, own=form.names, **asked)
        self._finish()
        return self

    def _finish(self) -> None:
        self.layout = self._cells.layout
        told: dict[Name | None, list[str]] = {name: [str(gaps)] for name, gaps in self._missing.gaps.items()}
        for one in self._constraints:
            for name in one.operands(self._form.names):
                told.setdefault(name, []).append(one.text)
        for known in (self._cells.calendar, self._cells.trend):
            if known is not None:
                told.setdefault(self._form.time, []).append(known.describe())
        restored = {alias.name: alias.describe() for alias in self._aliases.found}
        self.schema = schema_of(self._form, self._cells.columns, self._timing.clock, self._keys, told, restored)

    def _stamps(self, table: Table, order: NDArray[np.intp]) -> pd.Index[Any] | None:
        """Return the stamps in sequence and time order; as they came, where that is so already."""
        if table.stamps is None:
            return None
        sorted_already = table.codes is None and bool((order == np.arange(len(order))).all())
        return table.stamps if sorted_already else table.stamps.take(order)

    def _parts(self, table: Table, order: NDArray[np.intp], lengths: Ints) -> Parts:
        """Return each column in sequence and time order, a static one with one row per sequence."""
        parts: Parts = {}
        for name in self._form.names:
            series = table.values[name].take(order).reset_index(drop=True)
            if name in table.form.static:
                series = one_per_sequence(series, lengths, name, table.form.entity, table.keys)
            parts[name] = series
        return parts

    def encode(self, data: Any) -> Panel:
        """Return the fitted table, or one with the same columns, as a panel; NaN where a value is missing.

        Parameters
        ----------
        data : DataFrame or array

        Raises
        ------
        SchemaError
            Naming missing and extra columns.
        InputError
            If the table cannot be used, holds a category that was never seen, or has gaps where there were none.
        """
        table, order, lengths = self._take_apart(data)
        parts = self._learned(table, order, lengths)
        self._missing.check(parts)
        return self._panel(parts, self._stamps(table, order), lengths)

    def _panel(self, parts: Parts, stamps: pd.Index[Any] | None, lengths: Ints) -> Panel:
        """Return learned parts as a panel."""
        parts = {**parts, **self._timing.forward(stamps, lengths)}
        return self._cells.encode(parts, lengths, *self._walls(stamps))

    def _walls(self, stamps: pd.Index[Any] | None) -> tuple[pd.DatetimeIndex | None, Ticks | None]:
        """Return what the clock on the wall shows at each row, and its ticks; None where there is no such clock.

        The wall has no dates that count where they follow from drawn gaps of any size and nobody asked.
        """
        clock = self._timing.clock
        if stamps is None:
            return None, None
        ticks = clock.ticks(stamps)
        odd = self._calendar == "auto" and not self._timing.known and clock.freq is None
        return None if odd else self._timing.moments(ticks), ticks

    def placed(self, data: Any) -> tuple[Panel, NDArray[np.intp]]:
        """Return `encode(data)`, and for each row of the panel the row of the table that it comes from."""
        _, order, _ = self._take_apart(data)
        return self.encode(data), order

    def _take_apart(self, data: Any) -> tuple[Table, NDArray[np.intp], Ints]:
        self._check_fitted()
        frame, _ = read_frame(data)
        self._check_columns(frame)
        absent = [] if not isinstance(frame, pd.DataFrame) else [n for n in self._exclude if n not in frame.columns]
        left = [name for name in self._exclude if name not in absent]
        table = read(frame, self._entity, self._time, self._static, left, least=1)
        return table, *arrange(table)

    def _learned(self, table: Table, order: NDArray[np.intp], lengths: Ints) -> Parts:
        """Return the parts that are learned: without copies, constraints taken out."""
        parts = self._aliases.forward(self._parts(table, order, lengths), lengths)
        keys = None if table.keys is None else list(table.keys)
        return self._chain.forward(parts, lengths, keys) if self._constraints else parts

    def _check_columns(self, data: Any) -> None:
        form = self._form
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
        extra = [name for name in data.columns if name not in form.columns and name not in self._exclude]
        if missing or extra:
            told = [f"missing {missing}"] * bool(missing) + [f"not known {extra}"] * bool(extra)
            raise SchemaError(f"the columns are not the fitted ones: {', '.join(told)}; pass {list(form.columns)}")

    @property
    def columns(self) -> list[Name]:
        """Names of all columns of the fitted table; those that were left out come last."""
        self._check_fitted()
        return [*self._form.columns, *self._exclude]

    def windows(self, panel: Panel) -> Windows:
        """Cut a panel into windows."""
        self._check_fitted()
        return cut(panel, self.window, self._stride)

    def condition(self, where: Mapping[Any, Any] | None, static: Any) -> Condition | None:
        """Return what sampled sequences are to fulfil, None if nothing; see `questions.ask`.

        Parameters
        ----------
        where : mapping of column to value, or to a list of values of which any will do
        static : DataFrame of any library

        Raises
        ------
        ParameterError
            If a column, value or combination does not exist in the fitted table; it lists what does.
        """
        self._check_fitted()
        condition = ask(self, where, None if static is None else read_frame(static)[0])
        if condition is not None:
            refuse_strangers(self, condition)
        return condition

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return all that was asked and learned: JSON-ready values, and arrays by name; see `stored.state_of`."""
        self._check_fitted()
        return state_of(self)

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild a fitted encoder from `state`; it decodes to the same rows."""
        return restore(cls, data, arrays)
