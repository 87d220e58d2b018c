"""Fan charts: several futures of a past as bands."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...arrays import Doubles
from ...errors import InputError, SchemaError, nearest_name
from ...tables.frames import read_frame
from ...unfinished import write_text
from .training import target_of

Curve = tuple[NDArray[Any], Doubles]  # when, and what

FUTURE = "future"
ENDINGS = (".png", ".svg", ".html")
MAX_ENTITIES = 6  # that are drawn; more would not fit a screen
PAST_STEPS = 3  # of the past that are shown, for each step ahead
BANDS = ((0.05, 0.95, 0.18), (0.25, 0.75, 0.32))  # from and to which quantile, and how opaque
PATHS = 4  # single futures that are drawn; more would hide the bands
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<body style="max-width:60rem;margin:1rem auto;padding:0 1rem;background:canvas;color:canvastext">{svg}</body></html>
"""


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
        If `path` has another ending, or its folder does not exist.
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
    target = target_of("path", path, ENDINGS)
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
        from .pictures import REAL, SYNTHETIC, draw, draw_on_white, short
    except ImportError as error:
        raise ImportError(f"a fan chart needs {error.name}; install it with: pip install tsgan[report]") from error
    # without stamps rows are counted, and go on where the past ends
    counted = time is None and not isinstance(ahead["when"].iloc[0], pd.Timestamp)
    fans: list[tuple[str, Curve, Curve, Curve | None]] = []
    for key in keys[:MAX_ENTITIES]:
        known, future = (table[table["key"] == key] for table in (before, ahead))
        shift = len(known) if counted else 0
        middle = _moments(future.groupby("step")["when"].quantile(0.5), shift)
        values = future.pivot(index=FUTURE, columns="step", values="value").to_numpy(dtype=np.float64)
        came = None if after is None else _curve(after[after["key"] == key], shift)
        title = "" if entity is None else str(key)
        fans.append((title, _curve(known.tail(PAST_STEPS * values.shape[1])), (middle, values), came))

    def plot(figure: Any) -> None:
        axes = figure.subplots(len(fans), 1, squeeze=False)[:, 0]
        for axis, (title, past_curve, future, came) in zip(axes, fans, strict=True):
            _fan(axis, past_curve, future, came, (REAL, SYNTHETIC))
            axis.set_ylabel(short(str(column), 24))
            if title:
                axis.set_title(title, fontsize=8, loc="left")
        above = 1.08 if fans[0][0] else 1.0
        axes[0].legend(frameon=False, fontsize=7, ncols=5, loc="lower left", bbox_to_anchor=(0, above))
        axes[-1].set_xlabel(time or ("row" if counted else ""))

    size = 6.4, 0.5 + 2.3 * len(fans)
    if target is None or target.suffix.lower() == ".png":
        return draw_on_white(plot, *size, target)
    svg = draw(plot, *size)
    page = svg if target.suffix.lower() == ".svg" else PAGE.format(title=short(str(column), 60), svg=svg)
    write_text(target, page)
    return None


def _moments(when: pd.Series[Any], shift: int) -> NDArray[Any]:
    return when.to_numpy() + shift if shift else when.to_numpy()


def _curve(rows: pd.DataFrame, shift: int = 0) -> Curve:
    return _moments(rows["when"], shift), rows["value"].to_numpy(dtype=np.float64)


def _fan(axis: Any, past: Curve, futures: Curve, came: Curve | None, colours: tuple[str, str]) -> None:
    """Draw what was, what may come (its values are `(futures, steps)`) and what came."""
    real, drawn = colours
    (times, values), (ahead, paths) = past, futures
    axis.plot(times, values, color=real, label="past")
    times = np.concatenate([times[-1:], ahead])
    paths = np.hstack([np.full((len(paths), 1), values[-1]), paths])
    for low, high, ink in BANDS:
        edges = np.nanquantile(paths, [low, high], axis=0)
        axis.fill_between(times, *edges, color=drawn, alpha=ink, linewidth=0, label=f"{round(100 * (high - low))} %")
    picked = np.linspace(0, len(paths) - 1, min(PATHS, len(paths))).astype(int)
    axis.plot(times, paths[picked].T, color=drawn, alpha=0.5, linewidth=0.5)
    axis.plot(times, np.nanmedian(paths, axis=0), color=drawn, label="median")
    if came is not None:
        axis.plot(*came, color=real, linestyle=(0, (3, 1.5)), label="what came")
    axis.margins(x=0.01)


def _read(data: Any, what: str, column: str, entity: str | None, time: str | None) -> pd.DataFrame:
    """Return the key, the future, the number, the time and the value of each row."""
    frame = read_frame(data)[0]
    if not isinstance(frame, pd.DataFrame):
        raise SchemaError(f"{what} must be a DataFrame, got {type(data).__name__}; a fan chart names its column")
    flat = frame.reset_index(drop=True)
    for place, name in enumerate(frame.index.names):
        if name is not None and name not in flat:
            flat[name] = frame.index.get_level_values(place)
    for role, named in (("column", column), ("entity", entity), ("time", time)):
        if named is not None and named not in flat:
            raise SchemaError(f"{role}={named!r} is not in {what}{nearest_name(named, list(flat.columns))}")
    if not pd.api.types.is_numeric_dtype(flat[column].dtype):
        numbers = [name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name].dtype)]
        raise SchemaError(f"column {column!r} holds no numbers but {flat[column].dtype}; there are {numbers}")
    out = pd.DataFrame({"value": flat[column].astype("float64"), "key": 0 if entity is None else flat[entity]})
    if FUTURE in flat:
        out[FUTURE] = flat[FUTURE]
    out["step"] = out.groupby([name for name in (FUTURE, "key") if name in out], observed=True).cumcount()
    when = pd.Series(frame.index.get_level_values(-1)).reset_index(drop=True) if time is None else flat[time]
    if isinstance(when.dtype, pd.PeriodDtype):
        when = when.dt.to_timestamp()
    elif time is not None and not pd.api.types.is_numeric_dtype(when.dtype):
        when = pd.to_datetime(when)
    stamped = time is not None or pd.api.types.is_datetime64_any_dtype(when.dtype)
    out["when"] = when if stamped else out["step"]
    return out
