"""Dtypes survive JSON."""

import json
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tsgan.tables.dtypes import MARKERS, blank, dump, label, load, marker, temporal, ticks, untick, zones

ARROW = [
    *(pa.int8(), pa.uint64(), pa.float32(), pa.float64(), pa.bool_(), pa.string(), pa.large_string(), pa.null()),
    *(pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("us", "Europe/Paris"), pa.duration("ms")),
    *(pa.dictionary(pa.int8(), pa.string(), ordered=True), pa.dictionary(pa.int32(), pa.int64())),
]


@pytest.mark.parametrize(
    "dtype",
    [
        np.dtype("float32"),
        np.dtype("int8"),
        np.dtype("O"),
        np.dtype("bool"),
        np.dtype("M8[us]"),
        np.dtype("m8[s]"),
        pd.Int16Dtype(),
        pd.BooleanDtype(),
        pd.DatetimeTZDtype("ms", "Europe/Paris"),
        pd.StringDtype("python"),
        pd.Series(["a"]).dtype,
        pd.CategoricalDtype(["b", "a"], ordered=True),
        pd.CategoricalDtype([3, 1]),
        pd.CategoricalDtype([0.5, 1.5]),
        pd.CategoricalDtype([False, True]),
        pd.CategoricalDtype([]),
        pd.PeriodDtype("W-SUN"),
        pd.PeriodDtype("2h"),
        *(np.dtype(f"{kind}8[{unit}]") for kind in "mM" for unit in ("s", "ms", "us", "ns")),
        pd.StringDtype("pyarrow"),
        pd.StringDtype("python", na_value=np.nan),
        *map(pd.ArrowDtype, ARROW),
    ],
    ids=str,
)
def test_round_trip(dtype):
    again = load(json.loads(json.dumps(dump(dtype))))
    assert again == dtype
    assert getattr(again, "ordered", None) == getattr(dtype, "ordered", None)


def test_periods_of_business_days_do_not_warn_again():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dtype = pd.PeriodDtype("B")
    assert load(dump(dtype)) == dtype


def test_labels():
    assert label(dump(np.dtype("float32"))) == "float32"
    assert label(dump(pd.CategoricalDtype(["b"], ordered=True))) == "category (ordered)"
    assert label(dump(pd.StringDtype("python"))) == "string"
    assert label(dump(pd.ArrowDtype(pa.string()))) == "string[pyarrow]"


MASK = np.array([False, True, False])
BLANKS = [
    pd.Series([1.5, np.nan, 2.5]),
    pd.Series([1.5, np.nan, 2.5], dtype="float32"),
    pd.Series([1, None, 2], dtype="Int8"),
    pd.Series([1, None, 2], dtype="UInt64"),
    pd.Series([1.5, None, 2], dtype="Float32"),
    pd.Series([True, None, False], dtype="boolean"),
    pd.Series(["a", None, "b"]),
    pd.Series(["a", None, "b"], dtype="string"),
    pd.Series(["a", None, "b"], dtype=pd.StringDtype("python")),
    pd.Series(["a", None, "b"], dtype="category"),
    pd.Series(pd.to_datetime(["2020", None, "2021"])),
    pd.Series(pd.to_datetime(["2020", None, "2021"])).dt.as_unit("s").dt.tz_localize("Asia/Tokyo"),
    pd.Series(pd.to_timedelta([3, None, 4], unit="s")),
    pd.Series(pd.PeriodIndex(["2020", None, "2021"], freq="M")),
    *(pd.Series(["a", missing, "b"], dtype=object) for missing in MARKERS.values()),
    *(pd.Series([3, None, 4], dtype=pd.ArrowDtype(kind)) for kind in (pa.int8(), pa.float64(), pa.duration("s"))),
    pd.Series(["a", None, "b"], dtype=pd.ArrowDtype(pa.string())),
    pd.Series(["a", None, "b"], dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
]


@pytest.mark.parametrize("real", BLANKS, ids=lambda real: f"{real.dtype}-{real.iloc[1]}")
def test_missing_values_are_put_in_as_the_column_wrote_them(real):
    full = real.iloc[[0, 0, 2]].reset_index(drop=True)
    array = full.to_numpy() if isinstance(real.dtype, np.dtype) and real.dtype.kind in "fO" else full.array
    made = blank(array, MASK, marker(real))
    again = pd.Series(made, dtype=made.dtype)
    pd.testing.assert_series_equal(again, real)
    assert real.dtype != object or again.iloc[1] is real.iloc[1]
    assert not pd.isna(array).any()


def test_where_nothing_is_missing_nothing_is_copied():
    array = np.arange(3)
    assert blank(array, np.zeros(3, dtype=bool)) is array
    with pytest.raises(TypeError, match="int64 holds no missing values; 1 were asked for"):
        blank(array, MASK)


def test_the_marker_is_the_most_frequent_one():
    assert marker(pd.Series([None, np.nan, "a", None], dtype=object)) == "None"
    assert marker(pd.Series(["a", 1], dtype=object)) == ""
    assert marker(pd.Series([np.nan, 1.0])) == ""


@pytest.mark.parametrize(
    "dtype",
    [
        *("M8[s]", "M8[ms]", "M8[us]", "M8[ns]", "m8[s]", "m8[ns]", "datetime64[us, Europe/Paris]", "period[M]"),
        *(kind for kind in ARROW if str(kind).startswith(("timestamp", "duration", "date"))),
    ],
    ids=str,
)
def test_moments_are_numbers_and_come_back(dtype):
    dtype = pd.api.types.pandas_dtype(dtype) if isinstance(dtype, str) else pd.ArrowDtype(dtype)
    unit = 86_400_000 if str(dtype).startswith("date64") else 1
    counted = np.array([0, 5 * unit, np.iinfo(np.int64).min]) * (86_400 if str(dtype).startswith("date32") else 1)
    counted[2] = np.iinfo(np.int64).min
    made = untick(counted, dtype)
    assert made.dtype == dtype
    assert pd.isna(made).tolist() == [False, False, True]
    assert ticks(pd.Series(made)).tolist() == counted.tolist()
    assert temporal(pd.Index(made, name="t")).name == "t"


def test_zones_of_objects():
    moments = [pd.Timestamp("2020", tz="UTC"), pd.NaT, None, pd.Timestamp("2020")]
    assert zones(moments) == ["UTC", "none"]
    assert zones(moments[:3]) == ["UTC"]
