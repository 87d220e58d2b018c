"""Fan charts: several futures of a past as bands."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError, ParameterError, SchemaError, nearest_name
from ...tables.frames import read_frame

FUTURE = "future"
ENDINGS = (".png", ".svg", ".html")
MOST = 6  # entities that are shown
BEFORE = 3  # steps of the past that are shown, for each step ahead


def fan_chart(
    past: Any,
    futures: Any,
    column: str,
    path: str | PathLike[str] | None = None,
    *,
    entity: str | None = None,
    time: str | None = None,
    truth: Any = None,
) -> Any:
    """Draw a past and what may come after it: the median, bands that hold 50 and 90 % of the futures, a few of them.

    Parameters
    ----------
    past : DataFrame
        What the futures were drawn from; its last rows are shown.
    futures : DataFrame
        Of `continue_from(past, steps, n)` with `n` above 1: with an index level (or a column) `future`.
    column : str
        Numbers.
    path : str or path, optional
        Where to write it: a name that ends in .png, .svg or .html.
    entity : str, optional
        Column or index level that tells sequences apart; the first 6 are drawn one below the other.
    time : str, optional
        Column of time stamps; by default those of the index, else rows are counted. Where futures have stamps of their
        own, each step stands at its middle one.
    truth : DataFrame, optional
        What came in truth.

    Returns
    -------
    matplotlib.figure.Figure or None
        None where it was written to `path`.

    Raises
    ------
    SchemaError
        If a column is not there, or does not hold numbers.
    InputError
        If there are no futures to draw, or no entity is in both tables.
    ParameterError
        If `path` has another ending.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from tsgan import RecurrentGAN, datasets, fan_chart
    >>> df = datasets.load("seattle_weather")
    >>> model = RecurrentGAN(time="date", steps=0, random_state=0).fit(df)
    >>> futures = model.continue_from(df.tail(60), steps=14, n=50)
    >>> figure = fan_chart(df.tail(60), futures, "temp_max", time="date")
    """
    target = None if path is None else Path(path)
    if target is not None and target.suffix.lower() not in ENDINGS:
        raise ParameterError(f"path={str(path)!r} must end in one of {', '.join(ENDINGS)}")
    ahead = _read(futures, "futures", column, entity, time)
    if FUTURE not in ahead:
        raise InputError(
            f"the futures have no level {FUTURE!r}: a fan needs several of them; draw them by "
            "continue_from(past, steps, n=200)"
        )
    before = _read(past, "past", column, entity, time)
    after = None if truth is None else _read(truth, "truth", column, entity, time)
    keys = [key for key in pd.unique(ahead["key"]) if (before["key"] == key).any()]
    if not keys:
        raise InputError(f"no {entity!r} of the futures is in the past; pass the past that they were drawn from")
    try:
        from .by_column import Fan, paint
    except ImportError as error:
        raise ImportError(f"a fan chart needs {error.name}; install it with: pip install tsgan[report]") from error
    fans = []
    for key in keys[:MOST]:
        part = ahead[ahead["key"] == key]
        table = part.pivot(index=FUTURE, columns="step", values="value").to_numpy(dtype=np.float64)
        own = before[before["key"] == key].tail(BEFORE * table.shape[1])
        true = None if after is None else after[after["key"] == key]
        counted = time is None and not isinstance(part["when"].iloc[0], pd.Timestamp)
        moved = 0 if not counted else len(before[before["key"] == key])
        fans.append(
            Fan(
                str(key) if entity is not None else "",
                (own["when"].to_numpy(), own["value"].to_numpy(dtype=np.float64)),
                _middles(part) + moved,
                table,
                None if true is None else (true["when"].to_numpy() + moved, true["value"].to_numpy(dtype=np.float64)),
            )
        )
    return paint(fans, str(column), time or "" if time or not counted else "row", target)


def _middles(part: pd.DataFrame) -> NDArray[Any]:
    """Return when each step is, in the middle of the futures."""
    when = part.groupby("step")["when"].quantile(0.5)
    return when.to_numpy()


def _read(data: Any, what: str, column: str, entity: str | None, time: str | None) -> pd.DataFrame:
    """Return the key, the future, the number, the time and the value of each row."""
    frame = read_frame(data)[0]
    if not isinstance(frame, pd.DataFrame):
        raise SchemaError(f"{what} must be a DataFrame, got {type(data).__name__}; a fan chart names its column")
    index = frame.index
    levels = {name: index.get_level_values(place) for place, name in enumerate(index.names) if name is not None}
    there = [*frame.columns, *levels]

    def take(name: str, role: str) -> pd.Series[Any]:
        if name in frame.columns:
            return frame[name].reset_index(drop=True)
        if name in levels:
            return pd.Series(levels[name]).reset_index(drop=True)
        raise SchemaError(f"{role}={name!r} is not in {what}{nearest_name(name, there)}")

    value = take(column, "column")
    if not pd.api.types.is_numeric_dtype(value.dtype):
        numbers = [name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name].dtype)]
        raise SchemaError(f"column {column!r} holds no numbers but {value.dtype}; there are {numbers}")
    out = pd.DataFrame({"value": value.astype("float64")})
    out["key"] = 0 if entity is None else take(entity, "entity")
    groups = ["key"]
    if FUTURE in there:
        out[FUTURE] = take(FUTURE, "level")
        groups = [FUTURE, "key"]
    out["step"] = out.groupby(groups, observed=True).cumcount()
    when = take(time, "time") if time is not None else pd.Series(index.get_level_values(-1)).reset_index(drop=True)
    if isinstance(when.dtype, pd.PeriodDtype):
        when = when.dt.to_timestamp()
    elif time is not None and not pd.api.types.is_numeric_dtype(when.dtype):
        when = pd.to_datetime(when)
    stamped = time is not None or pd.api.types.is_datetime64_any_dtype(when.dtype)
    out["when"] = when if stamped else out["step"]
    return out
