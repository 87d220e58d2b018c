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

from .errors import InputError, ParameterError, choose
from .tables.dtypes import Name
from .tables.formats import FORMATS
from .tables.formats.base import Long

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
    frame, made = FORMATS[choose("format", format, FORMATS)].read(data, entity, time)
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
        If the format cannot hold the table.
    InputError
        If its library is not installed.
    """
    kind = FORMATS[choose("format", format, FORMATS)]
    if isinstance(table, Long):
        entity, time, static = (table.roles[role] for role in ("entity", "time", "static"))
        table = table.frame
    if entity is None or time is None:
        raise ParameterError(
            f"write(..., {format!r}) needs entity= and time=, the columns that tell sequences and steps"
        )
    return kind.of(table, entity, time, static).write(table)


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
