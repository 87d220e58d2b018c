"""Generated tables of any columns, dtypes, gaps, indexes and roles: encoding and decoding the real rows returns them.

Everything comes back exactly, missing values and time among it.
"""

import numpy as np
import pandas as pd
from decoding import decoded
from hypothesis import given, settings
from hypothesis import strategies as st
from test_single_columns import columns
from through_json import through_json

from tsgan.encoding.encoder import Encoder

SCALERS = ["auto", "standard", "minmax", "robust", "power", "log", "quantile"]


@st.composite
def tables(draw, rows):
    count = draw(st.integers(1, 3))
    return pd.DataFrame({f"c{i}": draw(columns(rows)) for i in range(count)})


@st.composite
def indexes(draw, rows):
    """Return an index of one series: a clock of some rhythm, or counted rows."""
    name = draw(st.sampled_from([None, "when"]))
    kind = draw(st.sampled_from(["range", "numbers", "datetime", "zoned", "irregular", "period", "duration"]))
    if kind == "range":
        start, step = draw(st.integers(-5, 5)), draw(st.integers(1, 3))
        return pd.RangeIndex(start, start + step * rows, step, name=name)
    if kind == "numbers":
        start = draw(st.integers(0, 50))
        dtype = draw(st.sampled_from(["int32", "int64", "Int64"]))
        return pd.Index(np.arange(start, start + rows), dtype=dtype, name=name)
    if kind == "period":
        return pd.period_range("2019-11", periods=rows, freq=draw(st.sampled_from(["M", "W-SUN", "D", "h"])), name=name)
    if kind == "duration":
        return pd.timedelta_range("2h", periods=rows, freq=draw(st.sampled_from(["15min", "D"])), name=name)
    if kind == "irregular":
        gaps = draw(st.lists(st.integers(1, 5000), min_size=rows, max_size=rows))
        return pd.DatetimeIndex(pd.Timestamp("2020-03-01") + pd.to_timedelta(np.cumsum(gaps), unit="s"), name=name)
    freq = draw(st.sampled_from(["h", "D", "B", "ME", "W-WED", "90s", "QS-FEB"]))
    unit = draw(st.sampled_from(["s", "ms", "us", "ns"]))
    zone = "Europe/Paris" if kind == "zoned" else None
    made = pd.date_range("2020-03-28", periods=rows, freq=freq, tz=zone, unit=unit, name=name)
    return made if draw(st.booleans()) else pd.DatetimeIndex(made, freq=None)


def assert_same(made, real):
    """Hold the made table to the real one."""
    assert made.columns.equals(real.columns)
    assert made.dtypes.equals(real.dtypes)
    pd.testing.assert_index_equal(made.index, real.index, exact="equiv")
    assert getattr(made.index, "freq", None) == getattr(real.index, "freq", None)
    for name in real.columns:
        pd.testing.assert_series_equal(made[name], real[name], check_exact=True)


def again(encoder):
    """Return the encoder after the way through JSON."""
    return Encoder.of(through_json(encoder.stages))


@settings(max_examples=100)
@given(st.data())
def test_one_series(data):
    rows = data.draw(st.integers(2, 24))
    real = data.draw(tables(rows)).set_axis(data.draw(indexes(rows)))
    encoder = Encoder(scaler=data.draw(st.sampled_from(SCALERS))).fit(real)
    panel = encoder.encode(real)
    assert_same(decoded(encoder, panel, squeeze=True), real)
    assert_same(decoded(again(encoder), panel, squeeze=True), real)


KEYS = {
    "int": lambda n: pd.Index(np.arange(n) + 3),
    "Int16": lambda n: pd.Index(np.arange(n) + 3, dtype="Int16"),
    "text": lambda n: pd.Index([f"p{i:03d}" for i in range(n)]),
    "object": lambda n: pd.Index([f"{i}-x" for i in range(n)], dtype=object),
    "category": lambda n: pd.CategoricalIndex([f"unit {i}" for i in range(n)]),
}


@settings(max_examples=100)
@given(st.data())
def test_many_sequences(data):
    lengths = np.array(data.draw(st.lists(st.integers(1, 6), min_size=2, max_size=6)))
    rows, sequence = int(lengths.sum()), np.repeat(np.arange(len(lengths)), lengths)
    real = data.draw(tables(max(rows, 2)))
    statics = data.draw(tables(len(lengths))).add_prefix("s").iloc[sequence].reset_index(drop=True)
    keys = KEYS[data.draw(st.sampled_from(sorted(KEYS)))](len(lengths))
    step = np.arange(rows) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    clock = data.draw(indexes(int(lengths.max())))
    real = pd.concat([statics, real.iloc[:rows]], axis=1)
    real.insert(0, "who", keys.take(sequence))
    timed = data.draw(st.sampled_from(["column", "index", "both levels", "no"]))
    roles = {"entity": "who", "static": list(statics.columns)}
    if timed != "no":
        real.insert(1, "when", clock.take(step))
        roles["time"] = "when"
    if timed == "index":
        real = real.set_index("when")
    if timed == "both levels":
        real = real.set_index(data.draw(st.sampled_from([["who", "when"], ["when", "who"]])))
    encoder = Encoder(**roles).fit(real)
    panel = encoder.encode(real)
    assert panel.lengths.tolist() == lengths.tolist()
    made = decoded(encoder, panel)
    own = [name for name in real.index.names if name is not None]
    left, right = (frame.reset_index(own) if own else frame for frame in (made, real))
    assert not set(left["who"]) & set(right["who"])
    assert left["who"].dtype == right["who"].dtype or timed == "both levels" or str(right["who"].dtype) == "category"
    assert pd.factorize(left["who"])[0].tolist() == sequence.tolist()
    assert made.index.names == real.index.names
    assert_same(left.drop(columns="who"), right.drop(columns="who"))
