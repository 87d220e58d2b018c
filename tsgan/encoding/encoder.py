"""The encoder: a table to a Panel of cells, and back, through stages that each have an inverse.

::

    frame -> roles out, sequences in time order -> copies out -> constraints -> durations -> gaps, starts -> cells
    frame <- roles in, form, dtypes             <- copies in  <- constraints <- durations <- clock        <- cells
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..arrays import Bools, Ints, first_rows, steps_within
from ..constraints.base import Constraint, SequenceTable
from ..constraints.chain import Chain
from ..constraints.naming import named_numbers, names_in
from ..constraints.suggesting import suggest
from ..errors import NotFittedError, ParameterError, choose, number
from ..holders import Sharing
from ..panel import Panel, Windows
from ..tables.dtypes import Name, dump
from ..tables.form import read
from ..tables.frames import give_back, read_frame
from ..tables.keys import Keys
from ..tables.rewriting import flat
from .aliases import Aliases
from .assembling import Decoded, assemble
from .cells import Cells
from .clocks.clock import GAP, START, Clock
from .clocks.trend import ways_of
from .columns.base import infer_kind, kinds_for
from .columns.category import are_ids, count_holders
from .conditions import Condition, read_condition, refuse_strangers
from .durations import Durations
from .missing import Missing
from .sequences import arrange, cut, resolve_window, warn_of_clocks, whole_number
from .stages import Options, Stages, parts_of, readable, stamps_of, walls_of


class Encoder:
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
        Steps of a window; see `sequences.resolve_window` for the default.
    stride : int
        Steps between the starts of windows.
    scaler : str or mapping
        A name in SCALERS or "auto" (see `choose`), for all numeric columns, or by name with the others "auto".
    bounds : "observed", None or mapping
        Clip decoded numbers to the observed range, or not at all, or by name to `(low, high)` with the others as
        observed; None in a pair leaves that side open. What rises or falls with time is open there, see
        `numbers.observed_ends`.
    kinds : mapping, optional
        "category" or "number" by column, for columns of numbers that are to be taken as the one or the other.
    protect : int
        How many entities have to share what is learned of single values, 0 for no matter how many; see `holders`.
    other : str, optional
        What levels of text that too few entities have come back as; by default as levels that are kept.
    metadata : tsgan.metadata.Metadata, optional
        What is said of the table, which is compared with it first.

    Attributes
    ----------
    stages : Stages
        What was learned.
    """

    _stages: Stages | None = None

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
        kinds: Mapping[str, str] | None = None,
        protect: int = 0,
        other: str | None = None,
        metadata: Any = None,
    ) -> None:
        for option, names in (("static", static), ("exclude", exclude)):
            if isinstance(names, str):
                raise ParameterError(f"{option}={names!r} must be a list of columns; write {option}=[{names!r}]")
        if isinstance(constraints, str):
            choose("constraints", constraints, ["suggest"])
        elif isinstance(constraints, Constraint):
            raise ParameterError(f"constraints={constraints!r} must be a list; write constraints=[{constraints!r}]")
        self._rules = constraints if isinstance(constraints, str) else tuple(constraints or ())
        stride = whole_number("stride", stride)
        lists = tuple(map(flat, static or ())), tuple(map(flat, exclude or ()))
        number("protect", protect, 0, whole=True)
        if other is not None and not (isinstance(other, str) and other):
            raise ParameterError(f"other={other!r} must be a word, or None")
        asked: Any = (calendar, window, stride, scaler, bounds, kinds, int(protect), other)
        self._metadata = metadata
        self._options = Options(flat(entity), flat(time), *lists, *asked)

    def fit(self, data: Any, *, stretches: Ints | None = None, whole: Ints | None = None) -> Self:
        """Learn from a DataFrame, an array `(time, features)` or an array `(sequences, time, features)`.

        Parameters
        ----------
        data : DataFrame or array
            The table, or an excerpt of one that is larger than memory.
        stretches : int64 array of shape (stretches,), optional
            Decoded of each stretch of an excerpt that is not made of whole sequences.
        whole : int64 array of shape (sequences,), optional
            Decoded of each sequence of the table that an excerpt was taken from.

        Raises
        ------
        InputError, SchemaError
            If the table cannot be used; see `form.read`, `sequences.arrange` and `columns.base.infer_kind`.
        ConstraintError
            If the table breaks a constraint.
        ParameterError
            If a scaler, a bound or the window does not fit.
        """
        options = self._options
        frame, library = read_frame(data, roles=(options.entity, options.time))
        if self._metadata is not None and isinstance(frame, pd.DataFrame):
            self._metadata.check(frame)
        if (own := library.format) is not None:
            static = tuple(dict.fromkeys((*own.static, *options.static)))
            options = replace(options, entity=own.entity, time=own.time, static=static)
        table = read(frame, options.entity, options.time, options.static, options.exclude)
        form = table.form
        dates = [name for name in form.names if pd.api.types.infer_dtype(table.values[name], skipna=True) == "date"]
        # refuses what no column can hold
        inferred = {name: infer_kind(table.values[name], name) for name in form.names if name not in dates}
        kinds = kinds_for(options.kinds, inferred)
        order, lengths = arrange(table)
        lengths = lengths if stretches is None else stretches
        every = lengths if whole is None else whole
        single = len(every) == 1
        sharing = Sharing(lengths, options.protect)
        told = Sharing(every, options.protect).told_lengths()
        window = resolve_window(options.window, told if options.window is None else every)
        keys = None if table.keys is None or form.entity is None else Keys.fit(table.keys)
        stamps = stamps_of(table, order)
        clock = Clock.counting(table.index)
        if stamps is not None:
            clock = Clock.fit(stamps, lengths, form.time, single=single, sharing=sharing)
        parts = parts_of(table, order, lengths)
        if stamps is None:
            warn_of_clocks(parts, lengths)
        rules = () if isinstance(self._rules, str) else self._rules
        real = [one for one in rules if isinstance(one, Constraint)]
        keep = {name for one in real for name in one.puts_back()}
        reads = {name for one in real for name in one.operands(parts)}
        of = parts, table.keys, stamps, lengths
        aliases = Aliases.fit(*of, static=form.static, order=order, keep=keep, read=reads, sharing=sharing)
        asked = {option: getattr(options, option) for option in ("scaler", "bounds")}
        numeric = {*named_numbers(rules), *(name for one in asked.values() if isinstance(one, Mapping) for name in one)}
        names = _names(parts, frozenset(form.static), lengths, kinds, numeric)
        parts = aliases.forward(parts, lengths)
        for name in (name for name in dates if name in parts):  # dates that do not follow from the time
            infer_kind(table.values[name], name)
        fixed = frozenset(form.static) & set(parts) | aliases.starts
        entities = None if table.keys is None else list(table.keys)
        walls = walls_of(clock, options.calendar, stamps)
        given = readable(form, aliases, stamps, lengths) if self._rules else {}
        if isinstance(self._rules, str):
            rules = tuple(suggest(SequenceTable({**given, **parts}, fixed, lengths, frozenset(given)), names))
        ways: dict[Name, int] = {}
        if rules:
            ways = ways_of(
                {name: parts[name] for name in parts if name not in fixed}, lengths, walls[1] if single else None
            )
        chain = Chain.fit(rules, parts, fixed, lengths, options.bounds, entities, given, ways, sharing)
        parts = chain.forward(parts, lengths, entities, given) if rules else parts
        missing = Missing.fit(parts, chain.statics, np.array([len(order)]) if single else lengths, sharing)
        durations = Durations.fit(parts, chain.statics, clock, stamps, lengths, form.time, sharing)
        parts = durations.forward(parts, clock, stamps, lengths)
        parts = {**parts, **clock.encode(stamps, lengths)}
        statics = {*chain.statics, START}
        asked |= {"calendar": options.calendar, "names": names, "other": options.other}
        cells = Cells.fit(parts, statics, lengths, *walls, whole=every, sharing=sharing, own=form.names, **asked)
        if library.rewriting is not None:
            library = replace(library, rewriting=library.rewriting.told(cells.told_levels(library.rewriting.columns)))
        rewritten = {} if library.rewriting is None else library.rewriting.columns
        given_columns = frame if isinstance(frame, pd.DataFrame) else table.values
        kept = {name: given_columns[name].dtype for name in form.columns if name not in rewritten}
        dtypes = {name: dump(kind) for name, kind in kept.items() if not isinstance(kind, pd.CategoricalDtype)}
        learned = clock, aliases, chain, missing, durations, cells, names, dtypes
        self._stages = Stages(options, window, form, library, keys, *learned, excerpt=whole is not None)
        return self

    @property
    def stages(self) -> Stages:
        """What was fitted.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        if self._stages is None:
            raise NotFittedError("this Encoder is not fitted yet; call fit(data) first")
        return self._stages

    def take_keys(self, keys: Keys) -> None:
        """Make new keys in another form, where there is an entity."""
        self._stages = replace(self.stages, keys=None if self.stages.keys is None else keys)

    def encode(self, data: Any) -> Panel:
        """Return the fitted table, or one with the same columns, as a panel; see `Stages.encode`."""
        return self.stages.encode(data)

    def learn(self, data: Any) -> Panel:
        """Return the fitted table, or a part of it, as a panel to learn from, without what only a few hold."""
        return self.stages.encode(data, learn=True)

    def placed(self, data: Any) -> tuple[Panel, NDArray[np.intp]]:
        """Return `encode(data)`, and for each row of the panel the row of the table that it comes from."""
        _, order, _ = self.stages.take_apart(data)
        self.stages.check_text(data)
        return self.encode(data), order

    @property
    def columns(self) -> list[Name]:
        """Names of all columns of the fitted table; those that were left out come last."""
        return [*self.stages.form.columns, *self.stages.options.exclude]

    def windows(self, panel: Panel) -> Windows:
        """Cut a panel into windows."""
        return cut(panel, self.stages.window, self.stages.options.stride)

    def condition(self, where: Mapping[Any, Any] | None, static: Any) -> Condition | None:
        """Return what sampled sequences are to fulfil, None if nothing; see `conditions.read_condition`."""
        known = self.stages.frame
        if known.rewriting is not None and isinstance(where, Mapping):
            where = known.rewriting.asked(where)
        condition = read_condition(self.stages, where, None if static is None else read_frame(static, known)[0])
        if condition is not None:
            refuse_strangers(self.stages.cells, condition)
        return condition

    def decode(
        self,
        panel: Panel,
        starts: NDArray[Any],
        rng: np.random.Generator,
        *,
        drawn: bool | Bools = False,
        condition: Condition | None = None,
        known: Mapping[Name, pd.Series[Any]] | None = None,
    ) -> Decoded:
        """Return the rows of a panel.

        Parameters
        ----------
        panel : Panel
            Cells as `layout` says; its `lengths` rule, a length among the statics is ignored.
        starts : array of shape (sequences,)
            As `Stages.starts` returned them.
        rng : numpy.random.Generator
            Chooses among levels where a code leaves a choice.
        drawn : bool, or bool array of shape (rows,) or (rows, cells)
            What a generator drew: all of it, so that its marginals are carried to the observed ones, or some beside
            known values, where they are not.
        condition : Condition, optional
            Of these sequences, which then holds literally.
        known : mapping of name to Series of shape (sequences,), optional
            Values of static parts that are known, missing where they are not.
        """
        stages = self.stages
        got = panel.values.shape[1], panel.statics.shape[1]
        wanted = len(stages.layout.cells), len(stages.layout.statics)
        if got != wanted:
            raise ValueError(f"got {got} cells; the layout has {wanted}")
        if condition is not None:
            panel = condition.held(panel, stages.cells, rng)
        decoded = stages.cells.decode(panel, rng, drawn is True)
        gaps = decoded.pop(GAP, None)
        clock, stamps = stages.clock, None
        if stages.stamped and (clock.kind != "rows" or (starts != clock.start).any()):
            stamps = stages.clock.stamps_for(starts, panel.lengths, gaps)
        held = {**(known or {}), **({} if condition is None else condition.exact)}
        stages.durations.inverse(decoded, clock, stamps, panel.lengths, held)
        if stages.constraints:
            parts = {name: pd.Series(array, copy=False) for name, array in decoded.items()}
            given = readable(stages.form, stages.aliases, stamps, panel.lengths)
            made = stages.chain.inverse(parts, panel.lengths, given)
            decoded = {name: series.array for name, series in made.items()}
        return Decoded(decoded, panel.lengths, stamps)

    def assemble(self, parts: Sequence[Decoded], *, squeeze: bool = False, before: tuple[int, int] = (0, 0)) -> Any:
        """Return decoded rows as a table of the kind that was fitted, with new keys.

        Parameters
        ----------
        parts : sequence of Decoded
        squeeze : bool
            Leave out the outer index level (or array axis) `sequence` if there is one sequence.
        before : tuple of int
            Sequences and rows that were given back before.
        """
        stages, rows = self.stages, Decoded.join(parts)
        keys = None if stages.keys is None else stages.keys.make(len(rows.lengths), before[0])
        values = stages.restored(rows, keys, before)
        made = assemble(values, rows.lengths, stages.form, rows.stamps, keys, squeeze=squeeze, before=before)
        return give_back(made, stages.frame)

    def calibrate(self, panels: Sequence[Panel]) -> None:
        """Learn what carries the marginals of drawn panels to the observed ones."""
        lengths = np.concatenate([panel.lengths for panel in panels])
        self.stages.cells.calibrate(np.concatenate([panel.values for panel in panels]), first_rows(lengths))

    @classmethod
    def of(cls, stages: Stages) -> Self:
        """Return an encoder that has learned these stages."""
        made = cls()
        made._stages, made._options, made._rules = stages, stages.options, stages.constraints
        return made


def _names(
    parts: Mapping[Name, pd.Series[Any]],
    static: Set[Name],
    lengths: Ints,
    kinds: Mapping[Name, str],
    numeric: Collection[Name],
) -> dict[Name, str]:
    """Return the columns of numbers that name things, and why: as asked, else as the table shows, ids left out."""
    found: dict[Name, str] = {name: "asked for" for name, kind in kinds.items() if kind == "category"}
    steps = steps_within(lengths) > 0
    for fixed in (False, True):
        own = {name: series for name, series in parts.items() if (name in static) == fixed}
        follows = np.zeros(len(lengths), dtype=bool) if fixed else steps
        for name, why in names_in(own, np.cumsum(~follows) - 1).items():
            codes, levels = pd.factorize(own[name])
            counts = np.bincount(codes[codes >= 0], minlength=len(levels))
            ids = are_ids(counts, count_holders(codes, follows, len(levels)))
            if not ids and name not in numeric and name not in kinds:
                found[name] = why
    return found
