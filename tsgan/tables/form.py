"""What was passed, told apart: values, entity, time; and the form in which decoded rows are given back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ..arrays import Ints
from ..bundle import saved
from ..errors import InputError, SchemaError, nearest_name
from .dtypes import Name, Token, dump, plain, temporal

Where = Literal["column", "index"]
MAX_MAGNITUDE = 1e150  # squares of larger numbers are infinite
OUTER = "sequence"


def free_name(name: str, taken: Collection[Any]) -> str:
    """Return the name of a new index level, with the first number behind it that makes it none of the columns."""
    numbers = (f"{name}_{number}" for number in range(1, len(taken) + 1))
    return next(one for one in (name, *numbers) if one not in taken)


@saved
@dataclass(frozen=True)
class Form:
    """In which form a table came."""

    # A DataFrame, an array of shape (time, features), an array of shape (sequences, time, features).
    kind: Literal["frame", "series", "panel"]
    columns: tuple[Name, ...]  # all columns in their order, roles included
    ranged: bool = False  # whether the columns are a RangeIndex
    axis: Name | None = None  # name of the columns' index
    axis_dtype: Token = "object"  # and its dtype
    index: tuple[Name | None, ...] = (None,)  # names of the index levels
    counted: tuple[int, int] = (0, 1)  # start and step of an index that counts rows; (0, 1) for any other, no clock
    labels: Token = "range"  # "range" if the index that counts rows is a RangeIndex, else its dtype
    entity: Name | None = None  # names of the columns or levels with a role
    time: Name | None = None  # None where the index without a name is the clock, too
    static: tuple[Name, ...] = ()
    entity_in: Where | None = None  # where they live
    time_in: Where | None = None
    dtype: str = "float64"  # of an array
    freq: str | None = None  # of a DatetimeIndex or TimedeltaIndex that carried one
    exclude: tuple[Name, ...] = ()  # columns that were left out: not among `columns`, they do not come back

    @property
    def names(self) -> list[Name]:
        """The static and value columns."""
        roles = ((self.entity, self.entity_in), (self.time, self.time_in))
        return [name for name in self.columns if (name, "column") not in roles]


@dataclass(frozen=True)
class SplitTable:
    """A table that was passed, its values and its roles apart."""

    form: Form
    values: pd.DataFrame  # static and value columns
    codes: Ints | None  # number of each row's sequence, in order of appearance
    keys: pd.Index[Any] | None  # the entity keys by that number
    stamps: pd.Index[Any] | None  # time stamps of the rows
    index: pd.Index[Any]  # as passed


def read(
    data: Any,
    entity: Name | None,
    time: Name | None,
    static: Sequence[Name],
    exclude: Sequence[Name] = (),
    least: int = 2,
) -> SplitTable:
    """Take a table (a DataFrame or array of at least `least` rows) apart by its roles, without excluded columns.

    Values may be missing, and a sequence may have one row only: it then says nothing of how steps follow one another,
    but counts for lengths, statics and levels.

    Raises
    ------
    InputError
        If there are no rows, fewer than `least`, infinite values, or rows whose entity or time is missing.
    SchemaError
        If columns, roles or shapes do not fit.
    """
    if isinstance(data, pd.DataFrame):
        table = _frame(data, entity, time, static, tuple(exclude))
    else:
        table = _array(data, entity, time, static, tuple(exclude))
    rows, columns = table.values.shape
    if rows == 0:
        raise InputError(f"the table is empty: 0 rows and {columns} columns; at least {least} rows are needed")
    if not [name for name in table.form.names if name not in table.form.static]:
        taken = "" if not table.form.columns else f" beside the roles, of the columns {list(table.form.columns)}"
        raise SchemaError(
            f"no value column is left{taken}: 0 feature(s) (shape=({rows}, 0)) while a minimum of 1 is required."
        )
    if rows < least:
        raise InputError(f"the table has {rows} sample (row); at least {least} rows are needed")
    missing = np.flatnonzero([] if table.stamps is None else table.stamps.isna())
    if len(missing):
        name = "index" if table.form.time is None else repr(table.form.time)
        raise InputError(f"the time {name} is missing (NaN, NaT) in {_rows(missing, rows)}; fill or drop them")
    _check_finite(table)
    return table


def _frame(
    data: pd.DataFrame, entity: Name | None, time: Name | None, static: Sequence[Name], exclude: tuple[Name, ...]
) -> SplitTable:
    data = _without(data, exclude, {entity: "entity", time: "time"} | dict.fromkeys(static, "static"))
    names = _names(data)
    levels = [plain(name) for name in data.index.names]
    index = data.index
    if entity is None and index.nlevels == 2 and levels[0] == free_name(OUTER, names):
        entity = levels[0]
    entity_in = _place("entity", entity, names, levels)
    time_in = _place("time", time, names, levels)
    for name in static:
        if _place("static", name, names, []) and entity is None:
            raise SchemaError(f"static={list(static)!r} needs entity=, the column that says whose value it is")
    _check_roles(entity, time, static)
    if index.nlevels > 2 or (index.nlevels == 2 and entity_in != "index"):
        raise SchemaError(
            f"the index has {index.nlevels} levels {levels}; with entity= name the one that identifies the sequences, "
            "so that the other one is the time, or use reset_index()"
        )
    inner = index
    if index.nlevels == 2:
        other = 1 - levels.index(entity)
        inner = index.get_level_values(other)
        if time_in != "column":
            time, time_in = levels[other], "index"
        elif levels[other] is not None or _is_clock(inner):
            raise SchemaError(f"time={time!r} is a column, but the index has a level beside the entity; drop one")
    elif time is None and entity_in != "index" and _is_clock(index):
        time, time_in = levels[0], "index"
    clock = pd.Index(data[time]) if time_in == "column" else inner if time_in == "index" else None
    form = Form(
        "frame",
        tuple(names),
        isinstance(data.columns, pd.RangeIndex),
        plain(data.columns.name),
        dump(data.columns.dtype),
        tuple(levels),
        *_counted(index),
        entity,
        time,
        tuple(static),
        entity_in,
        time_in,
        freq=getattr(index, "freqstr", None) if not isinstance(index, pd.PeriodIndex) else None,
        exclude=exclude,
    )
    who = None if entity is None else data[entity] if entity_in == "column" else index.get_level_values(str(entity))
    values = data[form.names] if form.names != names else data
    if values.columns.tolist() != form.names:
        values = values.set_axis(form.names, axis=1)
    if who is None:
        return SplitTable(form, values, None, None, clock, index)
    missing = np.flatnonzero(pd.isna(who))
    if len(missing):
        raise InputError(f"the entity {entity!r} is missing (NaN) in {_rows(missing, len(data))}; fill or drop them")
    codes, keys = told_apart(who, entity)
    return SplitTable(form, values, codes, pd.Index(keys), clock, index)


def told_apart(keys: Any, entity: Name | None) -> tuple[Ints, Any]:
    """Return the number of each row's key in order of appearance, -1 where it is missing, and the keys by number.

    Raises
    ------
    SchemaError
        If keys cannot be compared, as lists cannot.
    InputError
        If a key is infinite.
    """
    try:
        codes, found = pd.factorize(keys)
    except TypeError as error:
        nested = next(key for key in keys if types.is_list_like(key) or isinstance(key, dict))
        raise SchemaError(
            f"the entity {entity!r} holds {type(nested).__name__} objects such as {nested!r}, which do not tell "
            "sequences apart; make them text, for instance by .astype(str)"
        ) from error
    if types.is_float_dtype(found.dtype) and bool(np.isinf(np.asarray(found, dtype=np.float64)).any()):
        raise InputError(f"the entity {entity!r} is infinite (inf) in some rows; give them a key of their own")
    return codes.astype(np.int64), found


def _without(data: pd.DataFrame, exclude: tuple[Name, ...], roles: Mapping[Any, str]) -> pd.DataFrame:
    """Return the table without some columns."""
    for name in exclude:
        if name not in data.columns:
            raise SchemaError(f"exclude={name!r} is not a column{nearest_name(name, list(data.columns))}")
        if name in roles:
            raise SchemaError(f"column {name!r} cannot be both {roles[name]} and left out by exclude; drop one of them")
    return data.drop(columns=list(exclude)) if exclude else data


def _counted(index: pd.Index[Any]) -> tuple[tuple[int, int], Token]:
    """Return start and step of an index that counts rows, and its kind."""
    if isinstance(index, pd.RangeIndex):
        return (index.start, index.step), "range"
    if index.nlevels > 1 or not types.is_integer_dtype(index.dtype) or not len(index) or index.hasnans:
        return (0, 1), "range"
    labels = [int(label) for label in index[:2]]
    step = labels[1] - labels[0] if len(labels) > 1 else 1
    even = step != 0 and labels[0] + step * (len(index) - 1) == int(index[-1])
    if not even or not (index[:-1] + step == index[1:]).all():
        return (int(index.min()), 1), dump(index.dtype)
    return (labels[0], step), dump(index.dtype)


def _array(
    data: Any, entity: Name | None, time: Name | None, static: Sequence[Name], exclude: tuple[Name, ...]
) -> SplitTable:
    asked = (("entity", entity), ("time", time), ("static", static), ("exclude", exclude))
    given = [f"{role}={value!r}" for role, value in asked if value]
    if given:
        raise SchemaError(f"{', '.join(given)} needs a DataFrame, whose columns have names; got {type(data).__name__}")
    if hasattr(data, "toarray"):
        raise SchemaError("sparse data are not supported; pass a dense array by .toarray()")
    lengths = None
    if isinstance(data, list) and data and all(isinstance(item, np.ndarray) and item.ndim == 2 for item in data):
        widths = np.array([item.shape[1] for item in data])
        usual = int(np.bincount(widths).argmax())
        if (odd := np.flatnonzero(widths != usual)).size:
            raise SchemaError(
                f"the sequences have different numbers of features: number {odd[0]} (counted from 0) is an array of "
                f"shape {data[odd[0]].shape}, {len(data) - len(odd)} of {len(data)} have {usual} features. Bring all "
                "to one size (frames), or resample them to one rate (spectra of sounds)"
            )
        lengths = np.array([len(item) for item in data], dtype=np.int64)
        array, kind = np.concatenate(data), "panel"
    else:
        try:
            array = np.asarray(data)
        except ValueError as error:
            raise SchemaError(f"the rows are of different lengths ({error}); pass a DataFrame or an array") from error
        kind = "panel" if array.ndim == 3 else "series"
        if array.ndim == 3:
            lengths = np.full(array.shape[0], array.shape[1], dtype=np.int64)
            array = array.reshape(-1, array.shape[2])
    if array.ndim != 2:
        raise SchemaError(
            f"got an array of shape {array.shape}; pass a DataFrame, an array (time, features) or an array "
            "(sequences, time, features). Reshape your data, for instance one column by .reshape(-1, 1)"
        )
    if array.dtype.kind == "c":
        raise SchemaError("Complex data not supported: split it into real and imaginary parts")
    if array.dtype.kind in "mM":
        raise SchemaError(f"an array must hold numbers, got {array.dtype}; pass a DataFrame for dates and durations")
    if array.dtype.kind not in "fiub":
        try:
            array = array.astype(np.float64)
        except ValueError as error:
            raise SchemaError(f"an array must hold numbers ({error}); pass a DataFrame for categories") from error
    names = tuple(range(array.shape[1]))
    codes = None if lengths is None else np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    form = Form("panel" if kind == "panel" else "series", names, ranged=True, dtype=str(array.dtype))
    frame = pd.DataFrame(array)
    return SplitTable(form, frame, codes, None if lengths is None else pd.RangeIndex(len(lengths)), None, frame.index)


def _names(data: pd.DataFrame) -> list[Name]:
    """Return the column names as plain strings and integers, checked."""
    names = [plain(name) for name in data.columns]
    odd = [name for name in names if isinstance(name, bool) or not isinstance(name, str | int)]
    if odd:
        raise SchemaError(f"column names must be strings or integers; got {odd[:3]}. Rename them")
    own = [name for name in names if isinstance(name, str) and name.startswith("\0")]
    if own:
        raise SchemaError(f"column names must not start with a zero character; got {own[:3]}. Rename them")
    double = sorted({str(name) for name in data.columns[data.columns.duplicated()]})
    if double:
        raise SchemaError(f"column names must be unique; more than once there: {double}")
    return names


def _place(role: str, name: Name | None, columns: list[Name], levels: list[Any]) -> Where | None:
    if name is None:
        return None
    if name in columns:
        return "column"
    if name in levels:
        return "index"
    raise SchemaError(f"{role}={name!r} is not a column{nearest_name(name, [*columns, *levels])}")


def _check_roles(entity: Name | None, time: Name | None, static: Sequence[Name]) -> None:
    roles: dict[Name, str] = {}
    for role, names in (("entity", [entity]), ("time", [time]), ("static", static)):
        for name in names:
            if name is not None and name in roles:
                raise SchemaError(f"column {name!r} cannot be both {roles[name]} and {role}; give it one role")
            if name is not None:
                roles[name] = role


def _is_clock(index: pd.Index[Any]) -> bool:
    return isinstance(temporal(index), pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex)


def _rows(places: NDArray[np.intp], rows: int) -> str:
    """Return how many rows, and which ones, counted from 0."""
    if len(places) == rows:
        return f"all of {rows} rows"
    shown = ", ".join(str(place) for place in places[:5])
    return f"{len(places)} of {rows} rows ({shown}{', ...' if len(places) > 5 else ''}, counted from 0)"


def _check_finite(table: SplitTable) -> None:
    """Refuse infinite values, and such as are too large or too small to be reckoned with; in the time, too."""
    rows = len(table.values)
    columns = [(f"column {name!r}", table.values[name]) for name in table.values.columns]
    if table.stamps is not None:
        named = "index" if table.form.time is None else repr(table.form.time)
        columns.append((f"the time {named}", pd.Series(table.stamps)))
    for name, column in columns:
        x = _floats(column)
        if x is None:
            continue
        infinite = np.flatnonzero(np.isinf(x))
        if len(infinite):
            raise InputError(
                f"infinite values (inf) in {name}, in {_rows(infinite, rows)}; replace them by finite "
                "numbers, or by NaN where there is no value"
            )
        x = x[~np.isnan(x)]
        if len(x) and np.abs(x).max() > MAX_MAGNITUDE:
            raise InputError(f"{name} holds {x[np.abs(x).argmax()]:g}; rescale it below {MAX_MAGNITUDE:g}")
        if len(x) and 0 < np.ptp(x) < 1 / MAX_MAGNITUDE:
            raise InputError(f"{name} varies by no more than {np.ptp(x):g}; rescale it above {1 / MAX_MAGNITUDE:g}")


def _floats(column: pd.Series[Any]) -> NDArray[np.float64] | None:
    """Return a column of floats as such, None for other columns."""
    if types.is_float_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if column.dtype == object and types.infer_dtype(column, skipna=True) in ("floating", "mixed-integer-float"):
        return column.where(column.notna(), np.nan).to_numpy(dtype=np.float64)
    return None
