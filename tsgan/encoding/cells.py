"""From parts (one series per column, values per row and statics per sequence) to the cells of a panel, and back.

::

    parts -> columns (scaled numbers, codes of levels, NaN where missing)         -> Panel
    parts <- columns (rounded, clipped) <- observed marginals (drawn numbers only) <- Panel
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd

from ..arrays import Bools, Doubles, Floats, Ints, steps_within
from ..bundle import Held, saved
from ..constraints.base import Columns
from ..holders import Holders, Sharing
from ..layout import Bound, Category, Cell, Layout, Number
from ..panel import Panel
from ..tables.dtypes import Name, load
from .calibration import NEGLIGIBLE, Marginal, independent_values, on_lines, rougher, straightened
from .clocks.calendar import Calendar
from .clocks.clock import GAP, START
from .clocks.stamps import Ticks
from .clocks.trend import Trend, shares_of_lines
from .columns import COLUMNS
from .columns.base import Column, Request, bounds_for, infer_kind, scalers_for
from .columns.category import CategoryColumn
from .columns.numeric import FloatColumn, ScaledColumn
from .columns.orders import Order, bound, find_orders
from .schema import Role
from .sequences import encode_lengths, length_cell

POSITIONS = 4  # numbers that say where in its sequence a row stands
MAX_PAIRED_LEVELS, MAX_PAIRED = 200, 24  # of a category, and categories, that are looked at in pairs
MIN_EXPECTED = 8.0  # times that levels should have come together by chance, so that "never" means something
MAX_CROSSED = 1e-3  # share of the rows that may come to cross another column
MAX_CROSSED_REPEATED = 1e-2  # the same where values are repeated; below it those that cross are put where they meet
MAX_ROUGHER = 2.0  # times, that what carries marginals may make paths


@saved
@dataclass(eq=False)
class Cells:
    """The columns of a table as cells.

    Attributes
    ----------
    columns : list of Column
        In the order of the parts.
    lengths : int64 array of shape (sequences,)
        Of the fitted table.
    calendar : Calendar or None
    trend : Trend or None
    marginals : dict of int to Marginal, or None
        What carries drawn numbers to the observed marginals, by value cell; None until `calibrate`.
    meets : dict of pairs of names to bool arrays of shape (levels of one, levels of the other)
        Which levels of categories of one role come together.
    together : dict of name to int
        By column the earlier cell that is missing where it is.
    orders : dict of name to Order
        Columns that one is never below, and never above.
    led : dict of int to (int, array, array)
        The cells that move with another one when marginals are carried: which, and the knots there and here.
    layout : Layout
    """

    columns: list[Column]
    lengths: Annotated[Ints, Held(1, shape=("sequences",), least=1)]
    calendar: Calendar | None = None
    trend: Trend | None = None
    marginals: dict[int, Marginal] | None = None
    meets: dict[tuple[Name, Name], Bools] = field(default_factory=dict)
    together: dict[Name, int] = field(default_factory=dict)
    orders: dict[Name, Order] = field(default_factory=dict)
    led: dict[int, tuple[int, Doubles, Doubles]] = field(default_factory=dict)
    layout: Layout = field(init=False)

    def __post_init__(self) -> None:
        self._observed, self._independent = np.empty((0, 0)), list[float]()
        self._finish()
        self._agree()

    @classmethod
    def fit(
        cls,
        parts: Columns,
        statics: set[Name],
        lengths: Ints,
        moments: pd.DatetimeIndex | None,
        ticks: Ticks | None,
        *,
        whole: Ints,
        sharing: Sharing,
        own: Sequence[Name],
        scaler: Any,
        bounds: Any,
        calendar: Any,
        names: Collection[Name] = (),
        other: str | None = None,
    ) -> Self:
        """Learn the columns.

        Parameters
        ----------
        parts : mapping of name to Series
            Value columns with one row per row, static ones, of the names in `statics`, with one row per sequence.
        moments : DatetimeIndex or None
            What the clock on the wall shows at each row; None where there are no dates.
        ticks : array of shape (rows,) or None
            Of the clock at each row; None where there is none.
        whole : int64 array of shape (sequences,)
            Rows of all sequences, where the parts are an excerpt.
        sharing : Sharing
            Who holds the rows, and the sequences of the parts.
        own : sequence of names
            Columns of the user, which `scaler` and `bounds` may name.
        scaler, bounds, calendar
            As the encoder got them.
        names : collection of names
            Columns of numbers that name things.
        other : str, optional
            What levels of text that too few hold come back as.
        """
        kinds = {name: infer_kind(series, name) for name, series in parts.items()}
        kinds |= {name: "category" for name in names if kinds.get(name) in ("integer", "float")}
        times = [name for name in own if kinds.get(name) in ("datetime", "timedelta", "period")]
        numbers = [name for name in own if kinds.get(name, "float") in ("float", "integer", "constant")]
        scalers = dict.fromkeys(parts, "auto") | scalers_for(scaler, own, numbers + times)
        limits = dict.fromkeys(parts, "observed") | bounds_for(bounds, own, numbers)
        steps, alone = steps_within(lengths) > 0, np.zeros(len(lengths), dtype=bool)
        asked: list[Request] = []
        for name in parts:
            role: Role = "static" if name in statics else "value"
            rows = (alone, sharing.sequences) if role == "static" else (steps, sharing.rows)
            asked.append(Request(name, role, scalers[name], limits[name], rows[0], rows[1], other))
        lengths_told = Sharing(whole, sharing.protect).told_lengths()
        columns = [COLUMNS[kinds[one.name]].fit(parts[one.name], one) for one in asked]
        partnerless = _partnerless(columns, parts)
        for place, one in enumerate(asked):
            if one.name in partnerless:
                asked[place] = replace(one, hidden=partnerless[one.name])
                columns[place] = COLUMNS[kinds[one.name]].fit(parts[one.name], asked[place])
        self = cls(columns, lengths_told)
        values, fixed = self._learned("value", parts, len(steps)), self._learned("static", parts, len(lengths))
        self.together = {**_together(self._named("value"), values), **_together(self._named("static"), fixed)}
        ordered = [(j, c) for j, c in enumerate(self._named("value")) if isinstance(c, FloatColumn) and c.name != GAP]
        self.orders = find_orders([column for _, column in ordered], values[:, [j for j, _ in ordered]], sharing.rows)
        self._observed = np.column_stack(
            [np.empty((len(steps), 0)), *(_told(values[:, j], sharing.rows) for j in self._numbers())]
        )
        self._independent = [independent_values(values[:, j], steps, len(whole)) for j in self._numbers()]
        self.meets = self._pairs("static", parts, names, sharing.sequences)
        self.meets |= self._pairs("value", parts, names, sharing.rows)
        named = [column.name for column in self._named("value")]
        some = [j for j in self._numbers() if named[j] != GAP]
        names = [named[j] for j in some]
        codes = {named[j]: values[:, j] for j, cell in enumerate(self.layout.cells) if isinstance(cell, Category)}
        levels = {name: np.where(np.isnan(code), -1, code).astype(np.int64) for name, code in codes.items()}
        self.calendar = Calendar.fit(moments, values[:, some], names, levels, calendar)
        if ticks is not None and len(whole) == 1:
            known = None if self.calendar is None or moments is None else self.calendar.features(moments)
            gaps = {named[j]: -np.isnan(values[:, j]).astype(np.int64) for j in some}
            self.trend = Trend.fit(ticks, values[:, some], names, known, gaps | levels)
            lines = [0.0 if self.trend is None else self.trend.explained.get(str(name), 0.0) for name in names]
        else:
            lines = shares_of_lines(values[:, some], lengths, None)
        ways = {name: int(np.sign(share)) for name, share in zip(names, lines, strict=True) if share}
        for place, one in enumerate(asked):
            if one.name in ways:
                moving = replace(one, way=ways[one.name])
                self.columns[place] = COLUMNS[kinds[one.name]].fit(parts[one.name], moving)
        self._finish()
        return self

    def _finish(self) -> None:
        """Lay out the cells: categories first, so that numbers can be drawn given levels; the length last."""
        cells: dict[Role, list[Cell]] = {"value": [], "static": []}
        self._places: dict[Name, int] = {}
        described = [(column, column.cell()) for column in self.columns]
        for column, cell in sorted(described, key=lambda pair: isinstance(pair[1], Number)):
            if cell is not None:
                self._places[column.name] = len(cells[column.role])
                cells[column.role].append(replace(cell, together=self.together.get(column.name, -1)))
        for name, order in self.orders.items():
            own, place = self._column(name), self._places[name]
            number = cells["value"][place]
            assert isinstance(number, Number)
            low = tuple(bound(own, self._column(one), self._places[one], apart) for one, apart in order.floors)
            high = tuple(bound(own, self._column(one), self._places[one], -apart) for one, apart in order.ceilings)
            cells["value"][place] = replace(number, floors=low, ceilings=high, piled=order.piled)
        roles = {column.name: column.role for column in self.columns}
        levels = {column.name: cell.levels for column, cell in described if isinstance(cell, Category)}
        for (one, two), met in self.meets.items():
            category = cells[roles[two]][self._places[two]]
            assert isinstance(category, Category)
            if met.shape != (levels[one], levels[two]):
                raise ValueError(f"Cells.meets[{one!r}, {two!r}] is of shape {met.shape}, not of their levels")
            together = (*category.meets, (self._places[one], met))
            cells[roles[two]][self._places[two]] = replace(category, meets=together)
        length, every = length_cell(self.lengths)
        self._longest = int(self.lengths.max()) if len(self.lengths) > 1 else 0
        places = POSITIONS if self._longest else 0
        known = places + sum(one.covariates for one in (self.calendar, self.trend) if one is not None)
        statics = (*cells["static"], *([] if length is None else [length]))
        single = len(self.lengths) == 1
        self.layout = Layout(tuple(cells["value"]), statics, known, every, stretches=single, places=places)

    def _agree(self) -> None:
        """Refuse what is said of cells that are not there, or of others in a shape that does not fit them."""
        numbers, size = set(self._numbers()), len(self.layout.cells)
        for j in (*(self.marginals or ()), *self.led, *(lead for lead, _, _ in self.led.values())):
            if j not in numbers:
                raise ValueError(f"Cells.marginals and Cells.led: cell {j} is no number")
        for j, (_, there, here) in self.led.items():
            if there.ndim != 1 or there.shape != here.shape or not np.isfinite([there, here]).all():
                raise ValueError(f"Cells.led[{j}]: knots must be two rows of as many finite numbers")
        for name, j in self.together.items():
            if not 0 <= j < self._places.get(name, size):
                raise ValueError(f"Cells.together[{name!r}]: cell {j} is not before it")

    def _column(self, name: Name) -> FloatColumn:
        found = next(column for column in self.columns if column.name == name)
        assert isinstance(found, FloatColumn)
        return found

    def _named(self, role: Role) -> list[Column]:
        """Return the columns of one role that have a cell, in the order of the cells."""
        named = [column for column in self.columns if column.role == role and column.name in self._places]
        return sorted(named, key=lambda column: self._places[column.name])

    def _numbers(self) -> list[int]:
        """Return which value cells are numbers."""
        return [j for j, cell in enumerate(self.layout.cells) if isinstance(cell, Number)]

    def _encoded(self, role: Role, parts: Columns, rows: int) -> Doubles:
        return np.column_stack([np.empty((rows, 0)), *(c.encode(parts[c.name]) for c in self._named(role))])

    def _learned(self, role: Role, parts: Columns, rows: int) -> Doubles:
        return np.column_stack([np.empty((rows, 0)), *(c.learned(parts[c.name]) for c in self._named(role))])

    def _pairs(
        self, role: Role, parts: Columns, names: Collection[Name], holders: Holders
    ) -> dict[tuple[Name, Name], Bools]:
        """Return which levels of categories come together, in enough holders, for pairs of which some never do.

        Of static ones all that never met count, and of numbers that name things beside what each of them determines;
        of others those that should have by chance at least `MIN_EXPECTED` times.
        """
        named = [c for c in self._named(role) if isinstance(c, CategoryColumn) and len(c.share) <= MAX_PAIRED_LEVELS]
        found: dict[tuple[Name, Name], Bools] = {}
        codes = {column.name: column.encode(parts[column.name]) for column in named[:MAX_PAIRED]}
        for one, two in itertools.combinations(named[:MAX_PAIRED], 2):
            both: Any = np.column_stack([codes[one.name], codes[two.name]])
            known = np.flatnonzero(~np.isnan(both).any(axis=1))
            both = both[known].astype(np.intp)
            shape = len(one.share), len(two.share)
            pairs, size = both[:, 0] * shape[1] + both[:, 1], shape[0] * shape[1]
            count = np.bincount(pairs, minlength=size).reshape(shape)
            met: Bools = (holders.at(known).count(pairs, size) >= holders.least).reshape(shape)
            met |= ~met.any(axis=0)  # a level that is told comes with something
            met |= ~met.any(axis=1, keepdims=True)
            own = met[: len(one.levels), : len(two.levels)]
            determined = max(own.shape) == np.count_nonzero(own) and not {one.name, two.name}.isdisjoint(names)
            if role == "value" and not determined:
                met |= np.outer(count.sum(1), count.sum(0)) < MIN_EXPECTED * len(both)
            if role == "static" or not met.all():
                found[one.name, two.name] = met
        return found

    @property
    def timed(self) -> bool:
        """Whether something that is known of a row follows from its time stamp."""
        return self.calendar is not None or self.trend is not None

    def seasons(self, rows: int, moments: pd.DatetimeIndex | None, ticks: Ticks | None) -> Floats:
        """Return what time stamps tell of each row, `(rows, covariates)`: the calendar, then the trend."""
        found = [np.zeros((rows, 0), dtype=np.float32)]
        if self.calendar is not None and moments is not None:
            found.append(self.calendar.features(moments))
        if self.trend is not None and ticks is not None:
            found.append(self.trend.features(ticks))
        return np.hstack(found)

    def positions(self, lengths: Ints) -> Floats:
        """Return where in its sequence each row stands, `(rows, 4)`; `(rows, 0)` for a table of one long series.

        It is known before values are, since lengths are drawn first: the logarithms of the steps before and after it
        (1 added), whether it is the last, and the steps before it as a share of the longest sequence.
        """
        step = steps_within(lengths)
        left = np.repeat(lengths, lengths) - 1 - step
        if not self._longest:
            return np.zeros((len(step), 0), dtype=np.float32)
        place = np.log1p(step), np.log1p(left), left == 0, step / self._longest
        return np.column_stack(place).astype(np.float32)

    def covariates(self, lengths: Ints, moments: pd.DatetimeIndex | None, ticks: Ticks | None) -> Floats:
        """Return what is known of each row beforehand, `(rows, covariates)`: calendar, trend, position."""
        return np.hstack([self.seasons(int(lengths.sum()), moments, ticks), self.positions(lengths)])

    def encode(
        self, parts: Columns, lengths: Ints, moments: pd.DatetimeIndex | None, ticks: Ticks | None, learn: bool
    ) -> Panel:
        """Return parts as a panel; to `learn` from, without what only a few hold."""
        encoded = self._learned if learn else self._encoded
        values = encoded("value", parts, int(lengths.sum()))
        statics = encoded("static", parts, len(lengths))
        if self.layout.lengths:
            statics = np.column_stack([statics, encode_lengths(lengths, self.layout)])
        return Panel(values, lengths, statics, self.covariates(lengths, moments, ticks))

    def told_levels(self, names: Collection[Name]) -> dict[Name, list[str]]:
        """Return the levels of some columns that are categories, those that the dtype declares among them."""
        own = [c for c in self.columns if isinstance(c, CategoryColumn) and c.name in names]
        dtypes = {c.name: load(c.dtype) for c in own}
        return {
            name: list(dtype.categories) for name, dtype in dtypes.items() if isinstance(dtype, pd.CategoricalDtype)
        }

    def place(self, name: Name) -> int | None:
        """Return which cell of its role a column has; None if it has none."""
        return self._places.get(name)

    def early(self, statics: Doubles, name: Name) -> Any:
        """Return the decoded static part of a name, `(sequences,)`; None if there is no such part."""
        column = next((c for c in self.columns if c.name == name), None)
        return None if column is None else column.decode(self._cell_of(statics, column))

    def _cell_of(self, table: Doubles, column: Column) -> Doubles:
        place = self._places.get(column.name)
        return np.zeros(len(table)) if place is None else table[:, place]

    def decode(self, panel: Panel, rng: np.random.Generator, drawn: bool) -> dict[Name, Any]:
        """Return the cells of a panel as values by name, the time since the row before under `GAP`.

        Parameters
        ----------
        panel : Panel
        rng : numpy.random.Generator
            Chooses among levels where a code leaves a choice.
        drawn : bool
            Whether all comes from a generator, and so has to be carried to the observed marginals. What was drawn
            beside known values stays where it is: they would not move with it.
        """
        values, decoded = self._carried(panel.values, panel.offsets[:-1]) if drawn else panel.values, {}
        for column in self.columns:
            if column.name != START:
                table = panel.statics if column.role == "static" else values
                decoded[column.name] = column.decode(self._cell_of(table, column), rng)
        return decoded

    def gaps(self, panel: Panel) -> Any:
        """Return the decoded time since the row before of a drawn panel, `(rows,)`; None where the clock is regular."""
        gap = next((column for column in self.columns if column.name == GAP), None)
        return None if gap is None else gap.decode(self._cell_of(self._carried(panel.values, panel.offsets[:-1]), gap))

    def _carried(self, values: Doubles, starts: Ints) -> Doubles:
        """Return drawn values with the observed marginals, in their orders."""
        out = self._mapped(values, starts)
        if self.marginals is None:
            return out
        for j, sides in self._orders().items():  # the few that crossed are put where they meet
            for one, sign in sides if j not in self.led else ():
                edge = np.interp(out[:, one.cell], one.there, one.here)
                crossed = sign * (edge - out[:, j]) > NEGLIGIBLE
                out[crossed, j] = edge[crossed]
        return out

    def _orders(self) -> dict[int, list[tuple[Bound, int]]]:
        """Return the bounds of each number, 1 for floors and -1 for ceilings.

        Those that are repeated keep to theirs while marginals are carried only if they pile up there.
        """
        return {
            j: [(one, 1) for one in cell.floors] + [(one, -1) for one in cell.ceilings]
            for j, cell in enumerate(self.layout.cells)
            if isinstance(cell, Number) and (not _repeats(cell) or any(cell.piled))
        }

    def _mapped(self, values: Doubles, starts: Ints) -> Doubles:
        """Return drawn values with the observed marginals; what goes straight on does so after it."""
        if self.marginals is None:
            return values
        out = np.array(values)
        for j, marginal in self.marginals.items():
            out[:, j] = marginal.apply(values[:, j], starts)
        for j, (lead, there, here) in self.led.items():
            moved = np.interp(out[:, lead], there, here) - np.interp(values[:, lead], there, here)
            out[:, j] = values[:, j] + np.where(np.isnan(moved), 0.0, moved)
        for j, cell in enumerate(self.layout.cells):
            if isinstance(cell, Number) and cell.straight:
                lines = on_lines(values[:, j], starts, cell.straight)
                out[:, j] = straightened(out[:, j], lines)
        return out

    def calibrate(self, drawn: Doubles, starts: Ints) -> None:
        """Learn what carries drawn values `(rows, cells)` to the observed marginals; sequences start at some rows.

        A column whose paths would be much rougher after it than they are drawn is left as it is: of smooth curves the
        map's own bends tell more than their marginals. All columns of an order (the prices of a day) move with its
        first where one would cross another otherwise; they stay as they are drawn, in order, where values of one are
        repeated, which moving with another would undo, and pile up where they meet.
        """
        self.marginals, columns = {}, self._named("value")
        for j, observed, independent in zip(self._numbers(), self._observed.T, self._independent, strict=True):
            column, cell = columns[j], self.layout.cells[j]
            assert isinstance(column, ScaledColumn)
            assert isinstance(cell, Number)
            found = Marginal.fit(
                observed, drawn[:, j], column.spread, cell.atoms, independent, max(1, len(self.lengths))
            )
            if found is not None:
                self.marginals[j] = found
        carried = self._mapped(drawn, starts)
        for j in list(self.marginals):
            if rougher(drawn[:, j], carried[:, j], starts) > MAX_ROUGHER:
                del self.marginals[j]
        self.led, left = self._leads(self._mapped(drawn, starts))
        for j in left:
            self.marginals.pop(j, None)
        self._observed = self._observed[:0]

    def _leads(self, carried: Doubles) -> tuple[dict[int, tuple[int, Doubles, Doubles]], set[int]]:
        """Return what moves with another, and what is left as it is drawn, of orders of which some would cross."""
        group, orders = list(range(len(self.layout.cells))), self._orders()
        crossed: dict[int, float] = {}
        for j, sides in orders.items():
            for one, sign in sides:
                old, new = group[one.cell], group[j]
                group = [old if number == new else number for number in group]
                apart = sign * (carried[:, j] - np.interp(carried[:, one.cell], one.there, one.here))
                crossed[j] = max(float(np.mean(apart < -NEGLIGIBLE)), crossed.get(j, 0.0))
        crossing = {group[j] for j, share in crossed.items() if share > MAX_CROSSED}
        many = {group[j] for j, share in crossed.items() if share > MAX_CROSSED_REPEATED}
        repeated = {group[j] for j in orders if _repeats(self.layout.cells[j])}
        left = {j for j in self._numbers() if group[j] in many & repeated}
        led: dict[int, tuple[int, Doubles, Doubles]] = {}
        for j, sides in orders.items():
            if sides and group[j] in crossing - repeated:
                lead = min((one for one, _ in sides), key=lambda one: one.cell)
                led[j] = lead.cell, np.array(lead.there), np.array(lead.here)
        return led, left


def _partnerless(columns: Sequence[Column], parts: Columns) -> dict[Name, frozenset[Any]]:
    """Return levels of categories that come with none that is kept, where each level of the others has one only.

    Of a city of which no code of a place is kept there is nothing to draw beside it.
    """
    named = [c for c in columns if isinstance(c, CategoryColumn)][:MAX_PAIRED]
    found: dict[Name, frozenset[Any]] = {}
    if not any(c.dropped for c in named):
        return found
    for fine, coarse in itertools.permutations(named, 2):
        if fine.role != coarse.role or not fine.dropped or len(fine.levels) + fine.dropped > MAX_PAIRED_LEVELS:
            continue
        pairs = pd.DataFrame({"fine": parts[fine.name], "coarse": parts[coarse.name]}).dropna().drop_duplicates()
        pairs = pairs.astype(object)
        if not pairs["fine"].duplicated().any() and pairs["coarse"].nunique() < len(pairs):
            kept = set(pairs["coarse"][pairs["fine"].isin(fine.levels)])
            found[coarse.name] = found.get(coarse.name, frozenset()) | (frozenset(coarse.levels) - kept)
    return {name: levels for name, levels in found.items() if levels}


def _told(x: Doubles, holders: Holders) -> Doubles:
    """Return numbers, NaN where missing, as they are told: on lines between the means of neighbours that share them."""
    known = np.flatnonzero(~np.isnan(x))
    if holders.least < 2 or not len(known):
        return x
    values, counts, exact = holders.at(known).pooled(x[known])
    rank, after = np.arange(len(known)), np.cumsum(counts)
    middle = np.concatenate([[-0.5], after - (counts + 1) / 2, [len(known) - 0.5]])
    line = np.interp(rank, middle, np.concatenate([[x[known].min()], values, [x[known].max()]]))
    out = np.full(len(x), np.nan)
    out[known[np.argsort(x[known], kind="stable")]] = np.where(
        np.repeat(exact, counts), np.repeat(values, counts), line
    )
    return out


def _repeats(cell: Cell) -> bool:
    return isinstance(cell, Number) and (cell.stays or bool(cell.atoms))


def _together(columns: Sequence[Column], values: Doubles) -> dict[Name, int]:
    """Return by column the earlier cell of the same role that is missing where it is, and only there."""
    first: dict[bytes, int] = {}
    found: dict[Name, int] = {}
    for j, column in enumerate(columns):
        gone = np.isnan(values[:, j])
        if column.missing and gone.any():
            place = first.setdefault(np.packbits(gone).tobytes(), j)
            found |= {column.name: place} if place != j else {}
    return found
