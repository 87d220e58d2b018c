"""The encoder: a DataFrame or array to a Panel of channels, and back.

::

    rows -> sequences in time order -> column kinds (scaled numbers, one-hot levels) -> gaussianised axes -> Panel
    rows <- clock, keys, dtypes     <- column kinds (rounded, clipped)               <- gaussianised axes <- Panel
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import NotFittedError, ParameterError, SchemaError
from ..layout import Block, Layout
from ..panel import Ints, Panel, Windows
from .clock import Clock
from .columns import COLUMNS
from .columns.base import Column, Request
from .columns.infer import infer_kind
from .compose import compose, schema_of
from .dtypes import Name
from .gaussianise import GaussianAxes
from .intake import Form, Table, read
from .keys import Keys
from .options import bounds_for, limits_of, scalers_for
from .schema import Role, Schema
from .sequences import arrange, encode_lengths, follows, length_block, one_per_sequence, warn_of_clocks
from .whitening import Doubles, Whitening
from .windows import cut, resolve, whole

Scaled = NDArray[np.floating]


class Encoder:
    """Learn how a table becomes channels and how channels become a table.

    Parameters
    ----------
    entity : str, optional
        Column or index level that tells sequences apart; an outer level named ``sequence`` does so unnamed.
    time : str, optional
        Column or index level of time stamps; a DatetimeIndex or PeriodIndex is the clock without being named.
    static : sequence of str, optional
        Columns with one value per entity.
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

    schema: Schema
    layout: Layout
    window: int
    lengths: Ints

    def __init__(
        self,
        *,
        entity: str | None = None,
        time: str | None = None,
        static: Sequence[str] | None = None,
        window: int | None = None,
        stride: int = 1,
        scaler: str | Mapping[str, str] = "auto",
        bounds: str | Mapping[str, tuple[float | None, float | None]] | None = "observed",
    ) -> None:
        if isinstance(static, str):
            raise ParameterError(f"static={static!r} must be a list of columns; write static=[{static!r}]")
        self._entity, self._time, self._static = entity, time, tuple(static or ())
        self._requested, self._stride = window, whole("stride", stride)
        self._scaler, self._bounds = scaler, bounds

    def fit(self, data: Any) -> Self:
        """Learn from a DataFrame, an array `(time, features)` or an array `(sequences, time, features)`.

        Raises
        ------
        InputError, SchemaError
            If the table cannot be used; see `intake.read`, `sequences.arrange` and `columns.infer.infer_kind`.
        ParameterError
            If a scaler, a bound or the window does not fit.
        """
        table = read(data, self._entity, self._time, self._static)
        order, self.lengths = arrange(table)
        self.window = resolve(self._requested, self.lengths)
        self._form = table.form
        self._keys = None if table.keys is None or table.form.entity is None else Keys.fit(table.keys)
        self._clock = Clock.rows(table.index)
        if table.stamps is not None:
            stamps = table.stamps if table.codes is None and _ordered(order) else table.stamps.take(order)
            self._clock = Clock.fit(stamps, self.lengths, table.form.time)
        self._fit_columns(table, order)
        self._finish()
        return self

    def _fit_columns(self, table: Table, order: NDArray[np.intp]) -> None:
        names = table.form.names
        kinds = {name: infer_kind(table.values[name], name) for name in names}
        moments = [name for name in names if kinds[name] in ("datetime", "timedelta")]
        numbers = [name for name in names if kinds[name] in ("float", "integer", "constant")]
        scalers = scalers_for(self._scaler, names, numbers + moments)
        bounds = bounds_for(self._bounds, names, numbers)
        parts = self._parts(table, names, order, self.lengths)
        if table.stamps is None:
            warn_of_clocks(parts, self.lengths)
        steps, alone = follows(self.lengths), np.zeros(len(self.lengths), dtype=bool)
        self._columns: list[Column] = []
        for name, series in parts.items():
            role: Role = "static" if name in table.form.static else "value"
            request = Request(name, role, scalers[name], bounds[name], alone if role == "static" else steps)
            self._columns.append(COLUMNS[kinds[name]].fit(series, request))
        scaled = self._scale(parts)
        self._axes = GaussianAxes.fit(self._numbers("value", scaled, len(order)))
        self._standard = Whitening.fit(self._numbers("static", scaled, len(self.lengths)), rotate=False)

    def _finish(self) -> None:
        """Lay out the channels: numbers, then one block per category; statics one by one, the length last."""
        blocks = [Block("numeric", "continuous", self._axes.channels)] if self._axes.channels else []
        statics: list[Block] = []
        self._places: dict[Name, slice] = {}
        ends = {"value": self._axes.channels, "static": 0}
        for column in self._columns:
            if column.role == "value" and column.continuous:
                continue
            at = ends[column.role]
            ends[column.role] = at + column.width
            self._places[column.name] = slice(at, at + column.width)
            block = Block(str(column.name), "continuous", 1) if column.continuous else column.block()
            if block is not None:
                (statics if column.role == "static" else blocks).append(block)
        length = length_block(self.lengths, self.window)
        self.layout = Layout(tuple(blocks), tuple(statics if length is None else [*statics, length]))
        self.schema = schema_of(self._form, self._columns, self._clock, self._keys)

    def _parts(
        self, table: Table, names: Sequence[Name], order: NDArray[np.intp], lengths: Ints
    ) -> dict[Name, pd.Series[Any]]:
        """Return each column in sequence and time order, a static one with one row per sequence."""
        parts: dict[Name, pd.Series[Any]] = {}
        for name in names:
            series = table.values[name].take(order).reset_index(drop=True)
            if name in table.form.static:
                series = one_per_sequence(series, lengths, name, table.form.entity, table.keys)
            parts[name] = series
        return parts

    def _scale(self, parts: Mapping[Name, pd.Series[Any]]) -> dict[Name, Scaled]:
        """Encode each column by itself."""
        return {column.name: column.encode(parts[column.name]) for column in self._columns}

    def _numbers(self, role: Role, scaled: Mapping[Name, Scaled], rows: int) -> Doubles:
        """Return the scaled continuous columns of one role side by side."""
        return np.hstack([np.empty((rows, 0)), *(scaled[c.name] for c in self._continuous(role))])

    def _continuous(self, role: Role) -> list[Column]:
        return [column for column in self._columns if column.role == role and column.continuous]

    def encode(self, data: Any) -> Panel:
        """Return the fitted table, or one with the same columns, as a panel; the same rows give the same numbers.

        Parameters
        ----------
        data : DataFrame or array

        Raises
        ------
        SchemaError
            Naming missing and extra columns.
        InputError
            If the table cannot be used, or holds a category that was never seen.
        """
        self._check_columns(data)
        table = read(data, self._entity, self._time, self._static)
        order, lengths = arrange(table)
        scaled = self._scale(self._parts(table, [column.name for column in self._columns], order, lengths))
        values = np.empty((len(order), self.layout.channels), dtype=np.float32)
        statics = np.empty((len(lengths), self.layout.static_channels), dtype=np.float32)
        values[:, : self._axes.channels] = self._axes.forward(self._numbers("value", scaled, len(order)))
        own = self._standard.forward(self._numbers("static", scaled, len(lengths)))
        scaled.update({c.name: own[:, i : i + 1] for i, c in enumerate(self._continuous("static"))})
        for column in self._columns:
            if column.name in self._places:
                target = statics if column.role == "static" else values
                target[:, self._places[column.name]] = scaled[column.name]
        length = self.layout.length_block
        if length is not None:
            statics[:, -1] = encode_lengths(lengths, length)
        return Panel(values, lengths, statics)

    def _check_columns(self, data: Any) -> None:
        self._check_fitted()
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
        extra = [name for name in data.columns if name not in form.columns]
        if missing or extra:
            told = [f"missing {missing}"] * bool(missing) + [f"not known {extra}"] * bool(extra)
            raise SchemaError(f"the columns are not the fitted ones: {', '.join(told)}; pass {list(form.columns)}")

    def _check_fitted(self) -> None:
        if not hasattr(self, "layout"):
            raise NotFittedError("this Encoder is not fitted yet; call fit(data) first")

    def windows(self, panel: Panel) -> Windows:
        """Cut a panel into windows."""
        self._check_fitted()
        return cut(panel, self.window, self._stride)

    def decode(self, panel: Panel, *, start: Any = None, squeeze: bool = False) -> Any:
        """Return a panel as rows of the kind that was fitted: DataFrame or array.

        Parameters
        ----------
        panel : Panel
            Channels as `layout` says; its `lengths` rule, a length channel among the statics is ignored.
        start : Timestamp, str or number, optional
            First time stamp of each sequence; by default the earliest observed one.
        squeeze : bool
            Leave out the outer index level (or array axis) `sequence` if there is one sequence.

        Raises
        ------
        ParameterError
            If `start` is no stamp of the fitted clock, or is given where there is no clock.
        """
        self._check_fitted()
        got = panel.values.shape[1], panel.statics.shape[1]
        if got != (self.layout.channels, self.layout.static_channels):
            raise ValueError(
                f"got {got} channels; the layout has {(self.layout.channels, self.layout.static_channels)}"
            )
        own = [self._places[c.name].start for c in self._continuous("static")]
        numbers = {
            "value": self._axes.inverse(panel.values[:, : self._axes.channels]),
            "static": self._standard.inverse(panel.statics[:, own]),
        }
        which: dict[Name, tuple[str, int]] = {
            c.name: (role, i) for role in ("value", "static") for i, c in enumerate(self._continuous(role))
        }
        decoded: dict[Name, Any] = {}
        sequence = np.repeat(np.arange(len(panel)), panel.lengths)
        for column in self._columns:
            if column.continuous:
                role, i = which[column.name]
                channels: NDArray[np.floating] = numbers[role][:, i : i + 1]
            else:
                source = panel.statics if column.role == "static" else panel.values
                channels = source[:, self._places[column.name]]
            rows = column.decode(channels)
            decoded[column.name] = rows.take(sequence) if column.role == "static" else rows
        return compose(decoded, panel.lengths, self._form, self._clock, self._keys, start=start, squeeze=squeeze)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return all that was asked and learned: JSON-ready values, and arrays by name."""
        self._check_fitted()
        arrays: dict[str, NDArray[Any]] = {"lengths": self.lengths}
        arrays |= {f"axes.{key}": array for key, array in self._axes.state().items()}
        arrays |= {f"statics.{key}": array for key, array in self._standard.state().items()}
        columns = []
        for i, column in enumerate(self._columns):
            data, own = column.state()
            columns.append({"kind": column.kind, **data})
            arrays |= {f"column.{i}.{key}": array for key, array in own.items()}
        scaler, bounds = self._scaler, self._bounds
        by_name = {
            "scaler": list(map(list, scaler.items())) if isinstance(scaler, Mapping) else scaler,
            "bounds": [[name, list(limits_of(name, pair))] for name, pair in bounds.items()]
            if isinstance(bounds, Mapping)
            else bounds,
        }
        data = {
            "entity": self._entity,
            "time": self._time,
            "static": list(self._static),
            "requested": self._requested,
            "stride": self._stride,
            **by_name,
            "window": self.window,
            "form": asdict(self._form),
            "clock": self._clock.to_dict(),
            "keys": None if self._keys is None else self._keys.to_dict(),
            "columns": columns,
        }
        return data, arrays

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Encoder:
        """Rebuild a fitted encoder from `state`; it decodes to the same rows."""
        options: dict[str, Any] = {
            key: {name: tuple(v) if isinstance(v, list) else v for name, v in data[key]}
            if isinstance(data[key], list)
            else data[key]
            for key in ("scaler", "bounds")
        }
        made = cls(
            entity=data["entity"],
            time=data["time"],
            static=data["static"],
            window=data["requested"],
            stride=data["stride"],
            **options,
        )

        def under(prefix: str) -> dict[str, NDArray[Any]]:
            return {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}

        form: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in data["form"].items()}
        made._form, made._clock = Form(**form), Clock.from_dict(data["clock"])
        made._keys = None if data["keys"] is None else Keys.from_dict(data["keys"])
        made.window, made.lengths = int(data["window"]), np.asarray(arrays["lengths"], dtype=np.int64)
        made._columns = [COLUMNS[c["kind"]].from_state(c, under(f"column.{i}.")) for i, c in enumerate(data["columns"])]
        made._axes = GaussianAxes.from_state(under("axes."))
        made._standard = Whitening.from_state(under("statics."))
        made._finish()
        return made


def _ordered(order: NDArray[np.intp]) -> bool:
    return bool((order == np.arange(len(order))).all())
