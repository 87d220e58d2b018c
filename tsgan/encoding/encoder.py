"""The encoder: a table to a Panel of cells, and back, through stages that each have an inverse.

::

    frame -> roles out, sequences in time order -> copies out -> constraints -> gaps and starts -> cells
    frame <- roles in, form, dtypes             <- copies in  <- constraints <- clock           <- cells
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..arrays import Ints
from ..constraints.base import Constraint, Rows
from ..constraints.chain import Chain
from ..constraints.suggesting import suggest
from ..errors import ParameterError, choose
from ..panel import Panel, Windows
from ..tables.dtypes import Name
from ..tables.form import read
from ..tables.frames import read_frame
from ..tables.keys import Keys
from .aliases import Aliases
from .cells import Cells
from .clocks.clock import START, Clock
from .columns.base import infer_kind
from .conditions import Condition, ask, refuse_strangers
from .decoder import Decoder
from .missing import Missing
from .sequences import arrange, warn_of_clocks
from .stages import Asked, Stages, parts_of, stamps_of, walls_of
from .windows import cut, resolve, whole


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
    stages : Stages
        What was learned.
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
        if isinstance(constraints, str):
            choose("constraints", constraints, ["suggest"])
        elif isinstance(constraints, Constraint):
            raise ParameterError(f"constraints={constraints!r} must be a list; write constraints=[{constraints!r}]")
        self._rules = constraints if isinstance(constraints, str) else tuple(constraints or ())
        stride = whole("stride", stride)
        lists = tuple(static or ()), tuple(exclude or ())
        self._asked = Asked(entity, time, *lists, calendar, window, stride, scaler, bounds)

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
        asked = self._asked
        frame, library = read_frame(data)
        table = read(frame, asked.entity, asked.time, asked.static, asked.exclude)
        form = table.form
        for name in form.names:
            infer_kind(table.values[name], name)  # refuses what no column can hold
        order, lengths = arrange(table)
        lengths = lengths if pieces is None else pieces
        every = lengths if whole is None else whole
        single = len(every) == 1
        window = resolve(asked.window, every)
        keys = None if table.keys is None or form.entity is None else Keys.fit(table.keys)
        stamps = stamps_of(table, order)
        clock = Clock.counting(table.index)
        if stamps is not None:
            clock = Clock.fit(stamps, lengths, form.time, single=single)
        parts = parts_of(table, order, lengths)
        if stamps is None:
            warn_of_clocks(parts, lengths)
        rules = () if isinstance(self._rules, str) else self._rules
        named = [name for one in rules if isinstance(one, Constraint) for name in one.operands(parts)]
        aliases = Aliases.fit(parts, table.keys, stamps, lengths, static=form.static, order=order, keep=named)
        parts = aliases.forward(parts, lengths)
        fixed = frozenset(form.static) & set(parts) | aliases.starts
        told = None if table.keys is None else list(table.keys)
        if isinstance(self._rules, str):
            rules = tuple(suggest(Rows(parts, fixed, lengths)))
        chain = Chain.fit(rules, parts, fixed, lengths, asked.bounds, told)
        parts = chain.forward(parts, lengths, told) if rules else parts
        missing = Missing.fit(parts, chain.statics, np.array([len(order)]) if single else lengths)
        parts = {**parts, **clock.encode(stamps, lengths)}
        walls, statics = walls_of(clock, asked.calendar, stamps), {*chain.statics, START}
        options: dict[str, Any] = {"scaler": asked.scaler, "bounds": asked.bounds, "calendar": asked.calendar}
        cells = Cells.fit(parts, statics, lengths, *walls, whole=every, own=form.names, **options)
        self._stages = Stages(asked, window, form, library, keys, clock, aliases, chain, missing, cells)
        return self

    def encode(self, data: Any) -> Panel:
        """Return the fitted table, or one with the same columns, as a panel; see `Stages.encode`."""
        return self.stages.encode(data)

    def placed(self, data: Any) -> tuple[Panel, NDArray[np.intp]]:
        """Return `encode(data)`, and for each row of the panel the row of the table that it comes from."""
        _, order, _ = self.stages.take_apart(data)
        return self.encode(data), order

    @property
    def columns(self) -> list[Name]:
        """Names of all columns of the fitted table; those that were left out come last."""
        return [*self.stages.form.columns, *self.stages.asked.exclude]

    def windows(self, panel: Panel) -> Windows:
        """Cut a panel into windows."""
        return cut(panel, self.stages.window, self.stages.asked.stride)

    def condition(self, where: Mapping[Any, Any] | None, static: Any) -> Condition | None:
        """Return what sampled sequences are to fulfil, None if nothing; see `conditions.ask`.

        Parameters
        ----------
        where : mapping of column to value, or to a list of values of which any will do
        static : DataFrame of any library

        Raises
        ------
        ParameterError
            If a column, value or combination does not exist in the fitted table; it lists what does.
        """
        condition = ask(self.stages, where, None if static is None else read_frame(static)[0])
        if condition is not None:
            refuse_strangers(self.stages.cells, condition)
        return condition

    @classmethod
    def of(cls, stages: Stages) -> Self:
        """Return an encoder that has learned these stages."""
        made = cls()
        made._stages, made._asked, made._rules = stages, stages.asked, stages.constraints
        return made
