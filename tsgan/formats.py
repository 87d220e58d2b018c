"""Time series in the formats of other libraries, from and to long tables.

`fit` recognises what is of Nixtla (a frame with `unique_id`, `ds` and `y`), sktime and aeon (a frame whose index has
the levels instance and time), GluonTS, Darts and xarray by itself, and `sample`, `fill` and `continue_from` give it
back in kind. These functions are for all else: arrays (instances, channels, time), which nothing tells from tsgan's
own, a pair of frames, or a table that is to come out in another format than it came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from .errors import InputError, ParameterError, SchemaError, choose, nearest_name
from .tables.dtypes import Name
from .tables.formats import FORMATS
from .tables.formats.base import Long
from .tables.formats.frame import MultiIndex

__all__ = ["FORMATS", "Long", "from_numpy3d", "read", "to_numpy3d", "write"]


def read(data: Any, format: str | None = None, *, entity: Name | None = None, time: Name | None = None) -> Long:
    """Return data as a long table that knows the way back; `fit` takes it, too, and gives back the format.

    Parameters
    ----------
    data : object
        Of one of the formats; for "nixtla" also a pair of frames, the second with static features.
    format : str, optional
        A name in `FORMATS`: "nixtla", "pd-multiindex", "numpy3D", "gluonts", "darts", "xarray"; as recognised if not
        given.
    entity, time : str, optional
        Dimensions of xarray's data that are the sequences and the time, where this is not plain.

    Returns
    -------
    Long
        With `frame`, `roles` (``RecurrentGAN(**long.roles)``) and `back(table)`.

    Raises
    ------
    InputError
        If the data are of no format that is recognised.
    SchemaError
        Naming the place, if a long table cannot hold them.
    """
    if format is None:
        format = next((name for name, one in FORMATS.items() if one.fits(data)), None)
        if format is None:
            raise InputError(f"a {type(data).__name__} is not recognised; name its format, one of {list(FORMATS)}")
    kind = FORMATS[choose("format", format, FORMATS)]
    if not kind.may_be(data):
        raise InputError(f"data of the format {format!r} are {kind.looks}; got {_came(data)}")
    frame, made = kind.read(data, entity, time)
    made.agree(entity, time)
    return Long(frame, made)


def write(
    table: pd.DataFrame | Long,
    format: str,
    *,
    entity: Name | None = None,
    time: Name | None = None,
    static: Sequence[Name] = (),
) -> Any:
    """Return a long table in a format.

    Parameters
    ----------
    table : DataFrame or Long
        One row for each sequence and step.
    format : str
        A name in `FORMATS`.
    entity, time, static : str and list of str
        Roles of the columns, or of index levels; those of a `Long` are known. Arrays have no place for static columns:
        numpy3D leaves them out.

    Raises
    ------
    ParameterError
        If `format` is not known, or a role is not given.
    SchemaError
        If the format cannot hold the table, a role is no column of it, or a sequence has two rows of one time.
    InputError
        If the table is not of pandas, or the library of the format is not installed.
    """
    kind = FORMATS[choose("format", format, FORMATS)]
    if isinstance(table, Long):
        entity, time, static = (table.roles[role] for role in ("entity", "time", "static"))
        table = table.frame
    if entity is None or time is None:
        raise ParameterError(
            f"write(..., {format!r}) needs entity= and time=, the columns that tell sequences and steps"
        )
    if not isinstance(table, pd.DataFrame) and not (isinstance(table, pd.Series) and kind is MultiIndex):
        raise InputError(
            f"write(...) takes a DataFrame of pandas, or what read(...) returned; got {_came(table)}: convert it, by "
            f"{'to_frame' if isinstance(table, pd.Series) else 'to_pandas'}()"
        )
    _sound(table, entity, time, static)
    return kind.of(table, entity, time, static).write(table)


def _came(data: Any) -> str:
    """Return what came, with its library, as an error says it."""
    if isinstance(data, tuple):
        return f"a tuple of {', '.join(_came(one) for one in data) or 'nothing'}"
    library = type(data).__module__.split(".")[0]
    came = f"a {type(data).__name__}" + ("" if library == "builtins" else f" of {library}")
    columns = list(data.columns) if isinstance(data, pd.DataFrame) else []
    return f"{came} with the columns {columns[:8]}" if columns else came


def _sound(table: pd.DataFrame, entity: Name, time: Name, static: Sequence[Name]) -> None:
    """Refuse a table without its roles, or with two rows of one sequence and time."""
    columns = list(getattr(table, "columns", ()))
    for role, name, allowed in (
        ("entity", entity, [*columns, *table.index.names]),
        ("time", time, [*columns, *table.index.names]),
        *(("static", name, columns) for name in static),
    ):
        if name not in allowed:
            raise SchemaError(f"{role}={name!r} is not a column of the table{nearest_name(name, allowed)}")
    if entity == time:
        raise SchemaError(f"entity and time are both {entity!r}; they are two columns")
    keys = pd.DataFrame(
        {
            role: table[name].array if name in columns else table.index.get_level_values(name)
            for role, name in (("entity", entity), ("time", time))
        }
    )
    if (twice := keys.duplicated()).any():
        who, when = keys.iloc[int(twice.to_numpy().argmax())]
        raise SchemaError(
            f"{entity}={who!r} has more than one row at {time}={str(when)!r}; a sequence has one row for each step: "
            "drop or join the others"
        )


def from_numpy3d(x: Any) -> Long:
    """Return an array (instances, channels, time), or a list of arrays (channels, time), for `fit`; see `read`."""
    return read(x, "numpy3D")


def to_numpy3d(x: Any) -> Any:
    """Return tsgan's own arrays, (sequences, time, features), (time, features) or a list of them, as numpy3D.

    Returns
    -------
    array of shape (instances, channels, time), or list of arrays of shape (channels, time)

    Raises
    ------
    InputError
        If `x` is no such array.
    """
    if isinstance(x, list):
        return [one.T for one in x]
    if not isinstance(x, np.ndarray) or x.ndim not in (2, 3):
        raise InputError(
            f"got a {type(x).__name__}; pass an array (sequences, time, features), or call write(table, 'numpy3D')"
        )
    return (x if x.ndim == 3 else x[None]).transpose(0, 2, 1)
