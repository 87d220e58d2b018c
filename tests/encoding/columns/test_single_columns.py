"""Every dtype of one column, with and without missing values: fit, encode and decode give it back exactly."""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from through_json import through_json
from told import everything

from tsgan.encoding.columns import COLUMNS
from tsgan.encoding.columns.base import Request, infer_kind

WORDS = ["a", "b", "", "ü", "long word", "0", "None", "nan"]
SPAN = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def arrow(name):
    return pd.ArrowDtype(name)


INTEGERS = [
    *(f"{sign}int{size}" for sign in ("", "u") for size in (8, 16, 32, 64)),
    *(f"{sign}Int{size}" for sign in ("", "U") for size in (8, 16, 32, 64)),
    *map(arrow, (pa.int8(), pa.uint16(), pa.int64())),
    "object",
]
FLOATS = ["float32", "float64", "Float32", "Float64", arrow(pa.float32()), arrow(pa.float64()), "object"]
BOOLEANS = ["bool", "boolean", arrow(pa.bool_()), "object"]
TEXTS = [
    *("str", "string", "object", "category", pd.CategoricalDtype(WORDS, ordered=True)),
    pd.StringDtype("python"),
    pd.StringDtype("python", na_value=np.nan),
    *map(arrow, (pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string()))),
]
MOMENTS = [
    *(f"datetime64[{unit}]" for unit in SPAN),
    *(f"datetime64[{unit}, {zone}]" for unit in ("s", "ns") for zone in ("UTC", "Europe/Paris")),
    *map(arrow, (pa.date32(), pa.timestamp("ms"), pa.timestamp("us", "America/New_York"))),
]
DURATIONS = [*(f"timedelta64[{unit}]" for unit in SPAN), arrow(pa.duration("ms"))]
PERIODS = [f"period[{freq}]" for freq in ("Y-DEC", "Q-MAR", "M", "W-TUE", "D", "h", "15min", "2h")]


@st.composite
def columns(draw, rows=None):
    """Return a column of so many rows, by default 1 to 30, of any dtype, with missing values or without."""
    rows = draw(st.integers(1, 30)) if rows is None else rows

    def many(strategy):
        return draw(st.lists(strategy, min_size=rows, max_size=rows))

    family = draw(st.sampled_from(["integer", "float", "boolean", "text", "moment", "duration", "period", "numbers"]))
    if family == "integer":
        dtype = draw(st.sampled_from(INTEGERS))
        name = str(getattr(dtype, "numpy_dtype", dtype)).lower()
        most = 100 if name in ("object", "int8", "uint8") else draw(st.sampled_from([100, 30_000]))
        values = many(st.integers(0 if name.startswith("u") else -most, most))
    elif family == "float":
        dtype = draw(st.sampled_from(FLOATS))
        decimals = draw(st.integers(0, 3))
        values = [v / 10**decimals for v in many(st.integers(-9999, 9999))]
    elif family == "boolean":
        dtype, values = draw(st.sampled_from(BOOLEANS)), many(st.booleans())
    elif family == "text":
        dtype, values = draw(st.sampled_from(TEXTS)), many(st.sampled_from(WORDS))
    elif family == "numbers":
        levels = draw(st.sampled_from([[3, 1, 2], [0.5, 1.5], [False, True]]))
        dtype, values = pd.CategoricalDtype(levels, ordered=draw(st.booleans())), many(st.sampled_from(levels))
    else:
        grain = draw(st.sampled_from([1, 60, 3600, 86_400]))
        days = pd.to_timedelta([grain * v for v in many(st.integers(-900, 900))], unit="s")
        dtype = draw(st.sampled_from({"moment": MOMENTS, "duration": DURATIONS, "period": PERIODS}[family]))
        if family == "duration":
            values = days
        elif family == "period":
            values = (pd.Timestamp("2001-05-03") + days).to_period(dtype[7:-1])
        else:
            moments = pd.Timestamp("2001-05-03 02:00") + (days.round("D") if str(dtype).startswith("date32") else days)
            zoned = "tz=" in str(dtype) or ", " in str(dtype)
            values = moments.tz_localize("UTC") if zoned else moments
            values = values.normalize() if str(dtype).startswith("date32") else values
    full = pd.Series(list(values) if dtype == "object" else values, dtype=None if family == "period" else dtype)
    if not draw(st.booleans()) or (full.dtype.kind in "iub" and isinstance(full.dtype, np.dtype)):
        return full
    missing = np.array(many(st.booleans()))
    if full.dtype == object:
        holes = full.copy()
        holes[missing] = draw(st.sampled_from([None, np.nan, pd.NA]))
        return holes
    return full.mask(missing).astype(full.dtype)


def request(series):
    return Request("x", "value", "auto", "observed", np.arange(len(series)) > 0, everything(len(series)))


def again(series):
    """Return the column after the way through its cell, and through JSON."""
    kind = infer_kind(series, "x")
    fitted = COLUMNS[kind].fit(series, request(series))
    column = through_json(fitted)
    values = column.encode(series)
    if kind != "constant":
        np.testing.assert_array_equal(np.isnan(values), series.isna())
    made = column.decode(values)
    return pd.Series(made, dtype=made.dtype)


@given(columns())
def test_a_column_comes_back(series):
    made = again(series)
    assert made.dtype == series.dtype
    pd.testing.assert_series_equal(made, series, check_exact=True)
    if series.dtype == object and series.isna().any():
        assert made[series.isna()].iloc[0] is series[series.isna()].iloc[0]


@pytest.mark.parametrize(
    "dtype", [*INTEGERS[8:], *FLOATS, *BOOLEANS[1:], *TEXTS, *MOMENTS, *DURATIONS, *PERIODS], ids=str
)
def test_a_column_of_missing_values_is_a_constant_of_its_dtype(dtype):
    series = pd.Series([None] * 4, dtype=dtype)
    assert infer_kind(series, "x") == "constant"
    made = again(series)
    pd.testing.assert_series_equal(made, series)
    line = COLUMNS["constant"].fit(series, request(series)).describe()
    assert (line.reason, line.range) == ("all missing", "")


def test_missing_values_do_not_make_a_constant_vary():
    assert infer_kind(pd.Series([3.5, None, 3.5]), "x") == "constant"
    assert infer_kind(pd.Series([None, "a", None], dtype=object), "x") == "constant"
    assert infer_kind(pd.Series([None, "a", "b"], dtype=object), "x") == "category"
    assert infer_kind(pd.Series([None, True, False], dtype=object), "x") == "boolean"
    assert infer_kind(pd.Series([None, 1, 2], dtype=object), "x") == "integer"
    assert infer_kind(pd.Series([pd.NA, 1.5, 2], dtype=object), "x") == "float"


def test_periods_of_business_days():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        series = pd.Series(pd.PeriodIndex(["2020-01-03", "2020-01-06", None, "2020-01-08"], freq="B"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = again(series)
    pd.testing.assert_series_equal(made, series)


def test_a_year_of_nanoseconds_is_exact_up_to_its_grain():
    rng = np.random.default_rng(0)
    series = pd.Series(pd.to_datetime(1_577_836_800_000_000_000 + 1_000 * rng.integers(0, 3 * 10**13, 50)))
    pd.testing.assert_series_equal(again(series.astype("M8[ns]")), series.astype("M8[ns]"))
