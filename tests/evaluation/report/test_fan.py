"""Fan charts: what is drawn, where it is written, and what is refused."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tsgan import fan_chart
from tsgan.errors import InputError, ParameterError, SchemaError


def _futures(n=30, steps=8, entities=("u",), seed=0):
    rng = np.random.default_rng(seed)
    days = pd.date_range("2024-02-01", periods=steps)
    one = pd.concat([pd.DataFrame({"who": who, "day": days, "x": 0.0, "kind": "a"}) for who in entities])
    made = pd.concat([one] * n, keys=range(n), names=["future", None])
    made["x"] = rng.normal(size=len(made))
    return made


def _past(entities=("u",), rows=40):
    days = pd.date_range("2024-01-31", periods=rows, freq="-1D")[::-1]
    return pd.concat(
        [pd.DataFrame({"who": who, "day": days, "x": np.arange(rows) / 9, "kind": "a"}) for who in entities],
        ignore_index=True,
    )


def test_the_figure_shows_past_bands_paths_and_truth():
    futures = _futures(400)
    figure = fan_chart(_past(), futures, "x", time="day", truth=_past().tail(8).assign(day=futures.xs(0)["day"].array))
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.get_legend().get_texts()] == [
        "past",
        "90 %",
        "50 %",
        "median",
        "what came",
    ]
    assert axis.get_ylabel() == "x"
    assert axis.get_xlabel() == "day"
    past, median = axis.lines[0], axis.lines[-2]
    assert len(past.get_ydata()) == 24  # three times the horizon
    assert len(median.get_ydata()) == 9  # from the last known step on
    assert median.get_ydata()[0] == past.get_ydata()[-1]
    wide = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert 1.3 < wide[np.abs(wide) < 4].max() < 2.2 or wide.max() == past.get_ydata()[-1]


@pytest.mark.parametrize(("ending", "start"), [(".png", b"\x89PNG"), (".svg", b"<svg"), (".html", b"<!doctype html>")])
def test_written_by_ending(tmp_path, ending, start):
    path = tmp_path / f"fan{ending}"
    assert fan_chart(_past(), _futures(), "x", path, time="day") is None
    assert path.read_bytes().startswith(start)


def test_entities_are_drawn_below_one_another():
    many = [f"e{i}" for i in range(8)]
    figure = fan_chart(_past(many), _futures(entities=many), "x", entity="who", time="day")
    assert [axis.get_title(loc="left") for axis in figure.axes] == many[:6]


def test_stamps_of_the_index():
    figure = fan_chart(
        _past().set_index("day"), _futures().reset_index(1, drop=True).set_index("day", append=True), "x"
    )
    assert figure.axes[0].lines[0].get_xdata()[-1] == np.datetime64("2024-01-31")


def test_rows_are_counted_where_there_is_no_time():
    figure = fan_chart(_past().drop(columns="day"), _futures().drop(columns="day"), "x")
    (axis,) = figure.axes
    assert axis.get_xlabel() == "row"
    assert list(axis.lines[0].get_xdata())[-1] == 39
    assert list(axis.lines[-1].get_xdata()) == list(range(39, 48))


def test_periods_and_polars():
    past, futures = _past(), _futures()
    as_periods = fan_chart(
        past.assign(day=past["day"].dt.to_period("D")),
        futures.assign(day=futures["day"].dt.to_period("D")),
        "x",
        time="day",
    )
    assert len(as_periods.axes) == 1
    foreign = fan_chart(
        pl.from_pandas(past), pl.from_pandas(futures.reset_index("future").reset_index(drop=True)), "x", time="day"
    )
    assert len(foreign.axes) == 1


def test_stamps_with_a_zone():
    past, futures = (table.assign(day=table["day"].dt.tz_localize("Europe/Berlin")) for table in (_past(), _futures()))
    figure = fan_chart(past, futures, "x", time="day")
    assert len(figure.axes[0].lines[0].get_xdata()) == 24


def test_missing_values_are_left_out():
    futures = _futures()
    futures.loc[futures.index[::5], "x"] = np.nan
    assert fan_chart(_past(), futures, "x", time="day") is not None


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"column": "xx"}, SchemaError, r"column='xx' is not in futures; there are .* Did you mean 'x'\?"),
        ({"column": "kind"}, SchemaError, r"column 'kind' holds no numbers but .*; there are \['x'\]"),
        ({"time": "dy"}, SchemaError, r"time='dy' is not in futures; .* Did you mean 'day'\?"),
        ({"entity": "whom"}, SchemaError, r"entity='whom' is not in futures"),
        ({"futures": _futures().xs(0)}, InputError, r"no level 'future'.*continue_from\(past, steps, n=200\)"),
        (
            {"futures": _futures(entities=("v",)), "entity": "who"},
            InputError,
            r"no 'who' of the futures is in the past",
        ),
        ({"past": np.zeros((4, 2))}, SchemaError, r"past must be a DataFrame, got ndarray"),
        ({"path": "fan.gif"}, ParameterError, r"path='fan.gif' must end in one of .png, .svg, .html"),
        ({"path": "nowhere/fan.png"}, ParameterError, r"the folder nowhere does not exist; make it first"),
    ],
)
def test_refusals(change, error, text):
    asked = {"past": _past(), "futures": _futures(), "column": "x", "time": "day"} | change
    with pytest.raises(error, match=text):
        fan_chart(**asked)


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tsgan.evaluation.report.pictures", None)
    with pytest.raises(ImportError, match=r"pip install tsgan\[report\]"):
        fan_chart(_past(), _futures(), "x", time="day")
