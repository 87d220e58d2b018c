"""What each column of a table is: its role, its kind, its range, and how it is scaled and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..errors import InputError
from ..tables.dtypes import Name, Token, label, load, plain
from ..tables.form import Form
from ..tables.keys import Keys
from .clocks.clock import Clock

Role = Literal["entity", "time", "static", "value"]
Kind = Literal[
    "float",
    "integer",
    "boolean",
    "category",
    "datetime",
    "timedelta",
    "period",
    "constant",
    "restored",
    "key",
    "clock",
]


@dataclass(frozen=True)
class ColumnSchema:
    """One line of a schema.

    Attributes
    ----------
    name : str, int or None
        None for an index without a name.
    role : {"entity", "time", "static", "value"}
    kind : str
        "float", "integer", "boolean", "category", "datetime", "timedelta", "period" or "constant" for static and value
        columns, "key" for the entity and "clock" for the time.
    dtype : str
    decimals : int or None
        Digits after the point that decoded values have; None where they are not rounded.
    low, high : float, int, str or None
        Observed range; for a category None.
    levels : int or None
        Number of observed levels of a category, of entities, or of boolean values.
    scaler, reason : str
        The scaler of a numeric column, and why it was chosen; otherwise how the column is represented.
    token : str, dict or None
        The dtype, as `dtypes.dump` gives it; None where it depends on what is drawn.
    nullable : bool
        Whether values may be missing.
    values : tuple or None
        All that may be drawn, where these are known levels.
    kept : tuple
        Ends that no drawn number is beyond, None where a side is open.
    """

    name: Name | None
    role: Role
    kind: Kind
    dtype: str
    decimals: int | None = None
    low: float | int | str | None = None
    high: float | int | str | None = None
    levels: int | None = None
    scaler: str = ""
    reason: str = ""
    token: Token | None = None
    nullable: bool = True
    values: tuple[Any, ...] | None = None
    kept: tuple[Any, Any] = (None, None)

    @property
    def range(self) -> str:
        """The observed range, or the number of levels, as text."""
        if self.role == "time":
            return f"from {_number(self.low)}"
        if self.low is not None:
            return f"{_number(self.low)} .. {_number(self.high)}" if self.low != self.high else _number(self.low)
        return (
            "" if self.levels is None else f"{self.levels} levels" if self.role != "entity" else f"{self.levels} keys"
        )


def _number(value: float | int | str | None) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Schema:
    """The columns of a table in their order, roles that live in the index first."""

    columns: tuple[ColumnSchema, ...]
    named: tuple[Name, ...] = ()  # the columns of the table: not those roles that live in its index
    key: tuple[Name, ...] = ()  # the columns that tell rows apart

    def __iter__(self) -> Iterator[ColumnSchema]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, name: Name | None) -> ColumnSchema:
        """Return the line of a column by its name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def to_pandera(self) -> Any:
        """Return a pandera schema that each drawn table passes, to check one in another pipeline.

        It knows columns, dtypes, where values may be missing, levels, the ranges that are kept to, and that entity and
        time tell rows apart; of the index it knows nothing. The fitted table passes as well, unless `protect` keeps
        levels or ends of it back. Data of `tsgan.formats` are checked as their long table (`formats.read(x).frame`).

        Returns
        -------
        pandera.pandas.DataFrameSchema

        Raises
        ------
        InputError
            If pandera is not installed.
        """
        try:
            from pandera import pandas as pandera
        except ImportError as error:
            raise InputError(
                f"to_pandera() needs pandera, which is not installed ({error}): pip install 'tsgan[pandera]'"
            ) from error
        columns = {}
        for one in (line for line in self.columns if line.name in self.named):
            low, high = (_in_dtype(end, one) for end in one.kept)
            checks = [] if one.values is None else [pandera.Check.isin(list(one.values))]
            checks += [] if low is None else [pandera.Check.ge(low)]
            checks += [] if high is None else [pandera.Check.le(high)]
            columns[one.name] = pandera.Column(
                None if one.token is None else load(one.token), checks, nullable=one.nullable
            )
        return pandera.DataFrameSchema(columns, strict=True, unique=list(self.key) or None)

    def __str__(self) -> str:
        head = ("column", "role", "kind", "dtype", "decimals", "range", "scaler", "reason")
        rows = [head]
        for c in self.columns:
            name = "(index)" if c.name is None else str(c.name)
            decimals = "" if c.decimals is None else str(c.decimals)
            rows.append((name, c.role, c.kind, c.dtype, decimals, c.range, c.scaler, c.reason))
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join(lines)


def _innermost(which: Callable[..., Any], ends: Iterable[Any], own: Any) -> Any:
    """Return the narrowest of ends that are numbers; an own one where there is none."""
    numbers = [end for end in (*ends, own) if isinstance(end, int | float)]
    return which(numbers) if numbers else own


def _in_dtype(end: Any, one: ColumnSchema) -> Any:
    """Return an end of a column as its dtype holds it, None where it is none that values are compared with."""
    if one.dtype.lower() == "float32" and isinstance(end, int | float):
        return float(np.float32(end))  # no number of double precision
    if isinstance(end, str):
        make: Any = {"datetime": pd.Timestamp, "timedelta": pd.Timedelta}.get(one.kind)
        return None if make is None else make(end)
    return end


def schema_of(
    form: Form,
    columns: Iterable[ColumnSchema],
    clock: Clock,
    keys: Keys | None,
    texts: Mapping[Name | None, Sequence[str]],
    restored: Mapping[Name, str],
    dtypes: Mapping[Name, Token],
    ruled: Mapping[Name, Sequence[tuple[Any, Any]]],
) -> Schema:
    """Return the schema: roles that live in the index first, then the columns in their order.

    `columns` are those that are learned, `texts` what there is to say of a column beyond its kind (gaps, seasons,
    trend, constraints), `restored` the columns that are not learned, and what they follow from, `dtypes` those of the
    columns that are the same in each table, `ruled` the ends that constraints give them.
    """
    lines: dict[Any, ColumnSchema] = {line.name: line for line in columns}
    for name in form.columns:
        role: Role = "static" if name in form.static else "value"
        if name in restored:
            lines[name] = ColumnSchema(name, role, "restored", "", reason=restored[name])
        elif name not in lines and name not in (form.entity, form.time):
            lines[name] = ColumnSchema(name, role, "restored", "", reason="from what its constraints leave free")
        if name in lines:
            lows, highs = ([pair[side] for pair in ruled.get(name, ())] for side in (0, 1))
            own = _innermost(max, lows, lines[name].kept[0]), _innermost(min, highs, lines[name].kept[1])
            lines[name] = replace(lines[name], token=dtypes.get(name), kept=own)
        if name in lines and texts.get(name):
            reasons = [text for text in (lines[name].reason, *texts[name]) if text]
            lines[name] = replace(lines[name], reason="; ".join(reasons))
    first: list[ColumnSchema] = []

    def add(line: ColumnSchema, where: str | None) -> None:
        line = replace(line, token=None if line.name is None else dtypes.get(line.name), nullable=False)
        if where == "column":
            lines[line.name] = line
        else:
            first.append(line)

    if keys is not None:
        reason = keys.describe()
        add(
            ColumnSchema(form.entity, "entity", "key", label(keys.dtype), levels=keys.real, reason=reason),
            form.entity_in,
        )
    if clock.kind != "rows":
        low = plain(clock.stamps.write(np.array([clock.start]))[0])
        low = low if isinstance(low, int | float) else str(low)
        reason = "; ".join([clock.describe(), *texts.get(form.time, ())])
        add(ColumnSchema(form.time, "time", "clock", label(clock.dtype), low=low, reason=reason), form.time_in)
    roles = ((form.entity, form.entity_in), (form.time, form.time_in))
    key = tuple(name for name, place in roles if name is not None and place == "column")
    key = key if clock.regular and len(key) == 2 else ()
    return Schema((*first, *(lines[name] for name in form.columns)), form.columns, key)
