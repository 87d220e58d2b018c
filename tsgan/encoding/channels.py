"""From parts (one series per column, values per row and statics per sequence) to the channels of a panel, and back.

::

    parts -> columns (scaled numbers, one-hot levels) -> season out -> holes filled -> gaussianised axes -> Panel
    parts <- columns (rounded, clipped) <- observed marginals <- season in <------------ gaussianised axes <- Panel
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..layout import Block, Layout
from ..panel import Bools, Floats, Ints, Panel
from .calibration import Marginals
from .clocks.calendar import Calendar
from .clocks.timing import GAP, START
from .columns import COLUMNS
from .columns.base import Column, Request
from .columns.infer import infer_kind
from .dtypes import Name
from .gaussianise import GaussianAxes
from .imputation import Imputer
from .levels import LevelMaps, Levels
from .options import bounds_for, scalers_for
from .positions import POSITIONS, positions
from .schema import Role
from .sequences import encode_lengths, follows, length_block
from .whitening import Doubles, Whitening

Parts = Mapping[Name, "pd.Series[Any]"]
SEED = 0  # of what is drawn behind missing numbers, so that the same rows give the same channels


class Channels:
    """The columns of a table as channels.

    Attributes
    ----------
    layout : Layout
    columns : list of Column
        In the order of the parts.
    calendar : Calendar or None
    marginals : Marginals or None
        What carries drawn numbers to the observed marginals; None until `settle`.
    tied : LevelMaps
        What carries them to those within levels of categories.
    """

    layout: Layout
    columns: list[Column]
    calendar: Calendar | None
    marginals: Marginals | None
    tied: LevelMaps
    _observed: tuple[Doubles, Levels]
    _imputer: Imputer
    _static_imputer: Imputer
    _axes: GaussianAxes
    _standard: Whitening

    @classmethod
    def fit(
        cls,
        parts: Parts,
        statics: set[Name],
        lengths: Ints,
        moments: pd.DatetimeIndex | None,
        *,
        whole: Ints,
        own: Sequence[Name],
        scaler: Any,
        bounds: Any,
        calendar: Any,
    ) -> Self:
        """Learn the columns.

        Parameters
        ----------
        parts : mapping of name to Series
            Value columns with one row per row, static ones with one row per sequence.
        statics : set of names
            Which parts are static.
        lengths : int64 array of shape (sequences,)
        moments : DatetimeIndex or None
            What the clock on the wall shows at each row; None where there are no dates.
        whole : int64 array of shape (sequences,)
            Rows of all sequences, where the parts are an excerpt.
        own : sequence of names
            Columns of the user, which `scaler` and `bounds` may name.
        scaler, bounds, calendar
            As the encoder got them.
        """
        self = cls()
        kinds = {name: infer_kind(series, name) for name, series in parts.items()}
        times = [name for name in own if kinds.get(name) in ("datetime", "timedelta", "period")]
        numbers = [name for name in own if kinds.get(name, "float") in ("float", "integer", "constant")]
        scalers = dict.fromkeys(parts, "auto") | scalers_for(scaler, own, numbers + times)
        limits = dict.fromkeys(parts, "observed") | bounds_for(bounds, own, numbers)
        steps, alone = follows(lengths), np.zeros(len(lengths), dtype=bool)
        self.columns, self.marginals, self.tied = [], None, LevelMaps()
        for name, series in parts.items():
            role: Role = "static" if name in statics else "value"
            request = Request(name, role, scalers[name], limits[name], alone if role == "static" else steps)
            self.columns.append(COLUMNS[kinds[name]].fit(series, request))
        scaled = self._scale(parts)
        rng = np.random.default_rng(SEED)
        rows = int(lengths.sum())
        values, fixed = self._numbers("value", scaled, rows), self._numbers("static", scaled, len(lengths))
        self._observed = values, self._grouped(scaled, lengths)
        some = values[:, : values.shape[1] - self._has_gap]
        self.calendar = Calendar.fit(moments, some, self.numbers[: some.shape[1]], self._levels(scaled), calendar)
        values = self._deseason(values, moments)
        self._imputer = Imputer.fit(values, lengths, rng)
        self._static_imputer = Imputer.fit(fixed, np.ones(len(lengths), dtype=np.int64), rng)
        self._axes = GaussianAxes.fit(self._imputer.fill(values, lengths, np.random.default_rng(SEED)), steps)
        self._standard = Whitening.fit(self._fill_statics(fixed), rotate=False)
        self._finish(whole)
        return self

    @property
    def _has_gap(self) -> int:
        """1 if the last number is the time since the row before: it decides the stamps, so it has no season."""
        continuous = self._continuous("value")
        return int(bool(continuous) and continuous[-1].name == GAP)

    def _levels(self, scaled: Mapping[Name, NDArray[np.floating]]) -> dict[Name, Ints]:
        """Return the level of each category on each row, -1 where it is missing."""
        own = [c for c in self.columns if c.role == "value" and not c.continuous and c.width]
        return {
            c.name: np.where(np.isnan(scaled[c.name][:, 0]), -1, scaled[c.name].argmax(axis=1))
            for c in own
            if c.block()
        }

    def _deseason(self, values: Doubles, moments: pd.DatetimeIndex | None) -> Doubles:
        if self.calendar is None or moments is None:
            return values
        cut = values.shape[1] - self._has_gap
        return np.hstack([self.calendar.remove(values[:, :cut], moments), values[:, cut:]])

    def _fill_statics(self, fixed: Doubles) -> Doubles:
        return self._static_imputer.fill(fixed, np.ones(len(fixed), dtype=np.int64), np.random.default_rng(SEED))

    def _finish(self, lengths: Ints) -> None:
        """Lay out the channels: numbers, then one block per category; statics one by one, the length last."""
        blocks = [Block("numeric", "continuous", self._axes.channels)] if self._axes.channels else []
        statics: list[Block] = []
        self._places: dict[Name, slice] = {}
        ends = {"value": self._axes.channels, "static": 0}
        for column in self.columns:
            if column.role == "value" and column.continuous:
                continue
            at = ends[column.role]
            ends[column.role] = at + column.width
            self._places[column.name] = slice(at, at + column.width)
            block = Block(str(column.name), "continuous", 1) if column.continuous else column.block()
            if block is not None:
                (statics if column.role == "static" else blocks).append(block)
        length = length_block(lengths)
        uneven = length is not None or any(block.kind == "softmax" for block in blocks)
        self._positions = POSITIONS if len(lengths) > 1 and uneven else 0
        known = 0 if self.calendar is None else self.calendar.covariates
        self.layout = Layout(
            tuple(blocks), tuple(statics if length is None else [*statics, length]), known + self._positions
        )

    def _scale(self, parts: Parts) -> dict[Name, NDArray[np.floating]]:
        """Encode each column by itself."""
        return {column.name: column.encode(parts[column.name]) for column in self.columns}

    def _continuous(self, role: Role) -> list[Column]:
        return [column for column in self.columns if column.role == role and column.continuous]

    def _numbers(self, role: Role, scaled: Mapping[Name, NDArray[np.floating]], rows: int) -> Doubles:
        """Return the scaled continuous columns of one role side by side."""
        return np.hstack([np.empty((rows, 0)), *(scaled[c.name] for c in self._continuous(role))])

    @property
    def numbers(self) -> list[Name]:
        """Names of the parts that are numbers on every row, in the order of their columns."""
        return [column.name for column in self._continuous("value")]

    def empty(self, parts: Parts, rows: int) -> Bools:
        """Return the rows of which no number is known (and there are some), the time since the row before apart."""
        names = [name for name in self.numbers if name != GAP]
        missing = [parts[name].isna().to_numpy(dtype=bool) for name in names]
        return np.logical_and.reduce(missing) if missing else np.zeros(rows, dtype=bool)

    def covariates(self, lengths: Ints, moments: pd.DatetimeIndex | None) -> Floats:
        """Return what is known of each row beforehand, `(rows, covariates)`: calendar, then position."""
        rows = int(lengths.sum())
        season = np.zeros((rows, 0)) if self.calendar is None or moments is None else self.calendar.features(moments)
        place = positions(lengths) if self._positions else np.zeros((rows, 0))
        return np.hstack([season, place]).astype(np.float32)

    def encode(
        self,
        parts: Parts,
        lengths: Ints,
        moments: pd.DatetimeIndex | None,
        rng: np.random.Generator | None = None,
    ) -> Panel:
        """Return parts as a panel; levels that are missing are NaN, numbers behind missing ones are drawn."""
        rng = np.random.default_rng(SEED) if rng is None else rng
        scaled = self._scale(parts)
        rows = int(lengths.sum())
        values = np.empty((rows, self.layout.channels), dtype=np.float32)
        statics = np.empty((len(lengths), self.layout.static_channels), dtype=np.float32)
        numbers = self._numbers("value", scaled, rows)
        numbers = self._imputer.fill(self._deseason(numbers, moments), lengths, rng)
        values[:, : self._axes.channels] = self._axes.forward(numbers)
        fixed = self._numbers("static", scaled, len(lengths))
        standard = self._standard.forward(self._fill_statics(fixed))
        scaled.update({c.name: standard[:, i : i + 1] for i, c in enumerate(self._continuous("static"))})
        for column in self.columns:
            if column.name in self._places:
                target = statics if column.role == "static" else values
                target[:, self._places[column.name]] = scaled[column.name]
        self._fill_levels(statics)
        length = self.layout.length_block
        if length is not None:
            statics[:, -1] = encode_lengths(lengths, length)
        return Panel(values, lengths, statics, self.covariates(lengths, moments))

    def _fill_levels(self, statics: Floats) -> None:
        """Draw static levels that are missing from the observed shares, in place; a mask beside hides them."""
        rng = np.random.default_rng(SEED)
        for column in self.columns:
            if column.role == "static" and not column.continuous and column.name in self._places:
                place = self._places[column.name]
                if place.start == place.stop:
                    continue
                holes = np.flatnonzero(np.isnan(statics[:, place.start]))
                share = np.nanmean(statics[:, place], axis=0) if len(holes) else np.empty(0)
                if len(holes):
                    levels = rng.choice(len(share), len(holes), p=share / share.sum())
                    statics[holes, place] = np.eye(len(share), dtype=np.float32)[levels]

    def place(self, name: Name) -> slice | None:
        """Return where a static column or a category has its channels; None if it has none."""
        return self._places.get(name)

    def encode_static(self, column: Column, series: pd.Series[Any]) -> NDArray[np.floating]:
        """Return the channels of values of one static column."""
        code = column.encode(series)
        if not column.continuous:
            return code
        numbers = self._continuous("static")
        table = np.tile(self._standard.mean, (len(series), 1))
        at = [c.name for c in numbers].index(column.name)
        table[:, at] = code[:, 0]
        return self._standard.forward(table)[:, at : at + 1]

    def early(self, statics: Floats, name: Name) -> Any:
        """Return the decoded static part of a name, `(sequences,)`; None if there is no such part."""
        column = next((c for c in self.columns if c.name == name), None)
        if column is None:
            return None
        if not column.continuous:
            return column.decode(statics[:, self._places[name]] if name in self._places else statics[:, :0])
        at = [c.name for c in self._continuous("static")].index(name)
        return column.decode(self._static_numbers(statics)[:, at : at + 1])

    def decode(
        self,
        panel: Panel,
        wall: Callable[[Any], pd.DatetimeIndex | None],
        rng: np.random.Generator,
        drawn: bool | Bools,
    ) -> tuple[Doubles, dict[Name, Any]]:
        """Return the channels of a panel as scaled numbers and as values by name.

        Parameters
        ----------
        panel : Panel
        wall : callable
            Returns what the clock on the wall shows at each row, of the decoded gaps (None where there are none).
        rng : numpy.random.Generator
            Chooses among rare levels that share a channel.
        drawn : bool, or bool array of shape (rows,)
            Which rows come from a generator, and so have to be carried to the observed marginals.
        """
        numbers = self._axes.inverse(panel.values[:, : self._axes.channels])
        fixed = self._static_numbers(panel.statics)
        cut = numbers.shape[1] - self._has_gap
        numbers[:, cut:] = self._carried(numbers, drawn, panel)[:, cut:]
        moments = wall(self._gaps(numbers, rng))
        if self.calendar is not None and moments is not None:
            numbers[:, :cut] = self.calendar.restore(numbers[:, :cut], moments)
        numbers[:, :cut] = self._carried(numbers, drawn, panel)[:, :cut]
        which: dict[Name, NDArray[np.floating]] = {}
        for role, table in (("value", numbers), ("static", fixed)):
            which |= {c.name: table[:, i : i + 1] for i, c in enumerate(self._continuous(role))}  # type: ignore[arg-type]
        decoded: dict[Name, Any] = {}
        for column in self.columns:
            if column.name in (GAP, START):
                continue
            source = panel.statics if column.role == "static" else panel.values
            place = self._places.get(column.name, slice(0, 0))
            channels = which[column.name] if column.continuous else source[:, place]
            decoded[column.name] = column.decode(channels, rng)
        return numbers, decoded

    def gaps(self, panel: Panel, rng: np.random.Generator) -> Any:
        """Return the decoded time since the row before of a drawn panel, `(rows,)`; None where the clock is regular."""
        return self._gaps(self._carried(self._axes.inverse(panel.values[:, : self._axes.channels]), True, panel), rng)

    def _gaps(self, numbers: Doubles, rng: np.random.Generator) -> Any:
        gap = next((column for column in self.columns if column.name == GAP), None)
        return None if gap is None else gap.decode(numbers[:, numbers.shape[1] - self._has_gap :], rng)

    def _static_numbers(self, statics: Floats) -> Doubles:
        return self._standard.inverse(statics[:, [self._places[c.name].start for c in self._continuous("static")]])

    def _carried(self, numbers: Doubles, drawn: bool | Bools, panel: Panel) -> Doubles:
        """Return drawn rows with the observed marginals, over all and within levels."""
        if self.marginals is None or drawn is False:
            return numbers
        carried = self.tied.apply(self.marginals.apply(numbers), self.levels(panel))
        return carried if drawn is True else np.where(np.asarray(drawn)[:, None], carried, numbers)

    def levels(self, panel: Panel) -> Levels:
        """Return the levels of all categories on the rows of a panel."""
        coded: dict[Name, NDArray[np.floating]] = {}
        for column in self.columns:
            if not column.continuous and column.name in self._places:
                source = panel.statics if column.role == "static" else panel.values
                coded[column.name] = source[:, self._places[column.name]]
        return self._grouped(coded, panel.lengths)

    def _grouped(self, coded: Mapping[Name, NDArray[np.floating]], lengths: Ints) -> Levels:
        codes: dict[int, Ints] = {}
        sizes, fixed = {}, set()
        for number, column in enumerate(self.columns):
            if column.continuous or column.width < 2:
                continue
            code = coded[column.name]
            level = np.where(np.isnan(code[:, 0]), -1, code.argmax(axis=1))
            codes[number] = np.repeat(level, lengths) if column.role == "static" else level
            sizes[number] = column.width
            fixed |= {number} if column.role == "static" else set()
        return Levels(codes, sizes, follows(lengths), frozenset(fixed))

    def settle(self, drawn: Doubles, levels: Levels) -> None:
        """Learn what carries drawn numbers `(rows, columns)`, NaN where missing, to the observed marginals."""
        spreads = [getattr(column, "spread", None) for column in self._continuous("value")]
        observed, known = self._observed
        self.marginals = Marginals.fit(observed, drawn, spreads)
        self.tied = LevelMaps.fit(observed, self.marginals.apply(drawn), spreads, known, levels)
        del self._observed

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return all that was learned: JSON-ready values, and arrays by name."""
        arrays = {f"axes.{key}": array for key, array in self._axes.state().items()}
        arrays |= {f"standard.{key}": array for key, array in self._standard.state().items()}
        arrays |= {f"imputer.{key}": array for key, array in self._imputer.state().items()}
        arrays |= {f"statics.{key}": array for key, array in self._static_imputer.state().items()}
        if self.marginals is not None:
            arrays |= {f"marginals.{key}": array for key, array in self.marginals.state().items()}
        tied, own = self.tied.state()
        arrays |= {f"tied.{key}": array for key, array in own.items()}
        columns = []
        for i, column in enumerate(self.columns):
            data, own = column.state()
            columns.append({"kind": column.kind, **data})
            arrays |= {f"column.{i}.{key}": array for key, array in own.items()}
        calendar = None
        if self.calendar is not None:
            calendar, own = self.calendar.state()
            arrays |= {f"calendar.{key}": array for key, array in own.items()}
        return {"columns": columns, "calendar": calendar, "settled": self.marginals is not None, "tied": tied}, arrays

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], lengths: Ints) -> Self:
        """Rebuild from `state` and the lengths of the fitted sequences."""

        def under(prefix: str) -> dict[str, NDArray[Any]]:
            return {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}

        self = cls()
        self.columns = [COLUMNS[c["kind"]].from_state(c, under(f"column.{i}.")) for i, c in enumerate(data["columns"])]
        self.calendar = None
        if data["calendar"] is not None:
            self.calendar = Calendar.from_state(data["calendar"], under("calendar."))
        self.marginals = Marginals.from_state(under("marginals.")) if data["settled"] else None
        self.tied = LevelMaps.from_state(data["tied"], under("tied."))
        self._axes, self._standard = GaussianAxes.from_state(under("axes.")), Whitening.from_state(under("standard."))
        self._imputer = Imputer.from_state(under("imputer."))
        self._static_imputer = Imputer.from_state(under("statics."))
        self._finish(lengths)
        return self
