"""Generated tables of every mixture of kinds come back from their channels."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tsgan.encoding.encoder import Encoder

WORDS = ["a", "b", "", "ü", "long word", "0"]


@st.composite
def columns(draw, rows):
    kind = draw(st.sampled_from(["float", "money", "single", "integer", "small", "bool", "text", "category", "date"]))

    def many(strategy):
        return draw(st.lists(strategy, min_size=rows, max_size=rows))

    if kind == "float":
        scale = 10.0 ** draw(st.integers(-9, 9))
        return pd.Series(many(st.floats(-1, 1, allow_subnormal=False)), dtype=float).round(25) * scale
    if kind == "money":
        return pd.Series(many(st.integers(-9999, 9999)), dtype=float) / 100
    if kind == "single":
        return pd.Series(many(st.floats(-100, 100, width=32, allow_subnormal=False)), dtype="float32")
    if kind == "integer":
        return pd.Series(many(st.integers(-5000, 5000)), dtype="int64")
    if kind == "small":
        return pd.Series(many(st.integers(0, 3)), dtype=draw(st.sampled_from(["int8", "uint16", "Int32"])))
    if kind == "bool":
        return pd.Series(many(st.booleans()), dtype=draw(st.sampled_from(["bool", "boolean"])))
    words = many(st.sampled_from(WORDS))
    if kind == "text":
        return pd.Series(words, dtype=draw(st.sampled_from(["object", "string"])))
    if kind == "category":
        return pd.Series(pd.Categorical(words, categories=WORDS, ordered=draw(st.booleans())))
    days = many(st.integers(0, 3000))
    zone = draw(st.sampled_from([None, "Europe/Paris"]))
    return pd.Series(pd.Timestamp("2011-05-01") + pd.to_timedelta(days, unit="D")).dt.tz_localize(zone)


@st.composite
def tables(draw):
    rows = draw(st.integers(2, 40))
    count = draw(st.integers(1, 6))
    return pd.DataFrame({f"c{i}": draw(columns(rows)) for i in range(count)})


def assert_same(made, real, slack):
    assert made.columns.tolist() == real.columns.tolist()
    assert made.dtypes.equals(real.dtypes)
    for name in real.columns:
        left, right = made[name], real[name]
        if pd.api.types.is_float_dtype(right.dtype):
            close = slack * np.ptp(right.to_numpy(float)) + 1e-6 * np.abs(right).max()
            assert (left - right).abs().max() <= close, name
        elif pd.api.types.is_datetime64_any_dtype(right.dtype):
            assert (left - right).abs().max() <= slack * (right.max() - right.min()), name
        elif slack < 1e-3 or not pd.api.types.is_integer_dtype(right.dtype):
            pd.testing.assert_series_equal(left, right)
        else:
            assert (left - right).abs().max() <= slack * (right.max() - right.min()), name


@given(tables(), st.sampled_from(["auto", "standard", "minmax", "robust", "power", "quantile"]))
def test_one_series(data, scaler):
    encoder = Encoder(scaler=scaler).fit(data)
    made = encoder.decode(encoder.encode(data), squeeze=True)
    # An axis below a millionth of the largest variance is dropped on purpose, which costs a thousandth at most.
    kept = encoder.layout.channels == sum(column.width for column in encoder._columns)
    assert_same(made, data, 1e-5 if kept else 2e-2)


@given(tables(), st.integers(1, 5))
def test_many_sequences(data, entities):
    data.insert(0, "who", np.arange(len(data)) % entities)
    encoder = Encoder(entity="who").fit(data)
    panel = encoder.encode(data)
    made = encoder.decode(panel)
    real = data.sort_values("who", kind="stable").reset_index(drop=True)
    assert made["who"].min() > data["who"].max()
    assert panel.lengths.tolist() == real.groupby("who").size().tolist()
    kept = encoder.layout.channels == sum(column.width for column in encoder._columns)
    assert_same(made.drop(columns="who"), real.drop(columns="who"), 1e-5 if kept else 2e-2)
