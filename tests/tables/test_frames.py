"""Tables of other libraries come back as what they were."""

import datetime
import sys
from decimal import Decimal

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal
from through_json import through_json

from tsgan.encoding.columns.base import infer_kind
from tsgan.errors import InputError, SchemaError
from tsgan.tables.frames import FrameKind, give_back, read_frame

DAYS = [datetime.date(2020, 2, 28), datetime.date(2020, 2, 29), datetime.date(1960, 1, 1)]
MOMENTS = [datetime.datetime(2020, 3, 29, 1, 30), datetime.datetime(1960, 1, 1), datetime.datetime(2020, 7, 1)]
GAPS = [datetime.timedelta(hours=1), datetime.timedelta(days=-3), datetime.timedelta(0)]
TIMES = [datetime.time(3, 15), datetime.time(0), datetime.time(23, 59, 59)]
MONEY = [Decimal("1.25"), Decimal("-3.10"), Decimal("0.00")]
WHOLE = ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"]
POLARS = {
    **{name: pl.Series([1, 2, 100], dtype=getattr(pl, name)) for name in WHOLE},
    "big": pl.Series([2**53 + 1, -(2**62), 3]),
    "f32": pl.Series([0.1, 0.2, 0.3], dtype=pl.Float32),
    "f64": pl.Series([0.1, 0.2, 1e-9]),
    "bool": pl.Series([True, False, True]),
    "text": pl.Series(["a", "ü", ""]),
    "category": pl.Series(["b", "a", "b"], dtype=pl.Categorical),
    "enum": pl.Series(["b", "a", "b"], dtype=pl.Enum(["c", "b", "a"])),
    "day": pl.Series(DAYS),
    "time": pl.Series(TIMES),
    "money": pl.Series(MONEY, dtype=pl.Decimal(10, 2)),
    **{f"naive {unit}": pl.Series(MOMENTS, dtype=pl.Datetime(unit)) for unit in ("ms", "us", "ns")},
    "zoned": pl.Series(MOMENTS, dtype=pl.Datetime("us", "Europe/Paris")),
    **{f"gap {unit}": pl.Series(GAPS, dtype=pl.Duration(unit)) for unit in ("ms", "us", "ns")},
}
FULL = pl.DataFrame(POLARS)
HOLES = FULL.with_columns(pl.when(pl.arange(pl.len()) != 1).then(pl.all())).with_columns(nothing=None)
ARROW = {
    "narrow": pa.array([1, None, 3], pa.int8()),
    "text": pa.array(["a", None, "c"]),
    "large": pa.array(["a", None, "c"], pa.large_string()),
    "dictionary": pa.array(["a", None, "c"]).dictionary_encode(),
    "ordered": pa.DictionaryArray.from_arrays(
        pa.array([1, None, 0], pa.int8()), pa.array(["x", "y", "z"]), ordered=True
    ),
    "numbered": pa.array([7, None, 5]).dictionary_encode(),
    "day": pa.array(DAYS, pa.date32()),
    "day64": pa.array([DAYS[0], None, DAYS[2]], pa.date64()),
    "second": pa.array([MOMENTS[0], None, MOMENTS[2]], pa.timestamp("s")),
    "zoned": pa.array([MOMENTS[0], None, MOMENTS[2]], pa.timestamp("us", "Europe/Paris")),
    "gap": pa.array([GAPS[0], None, GAPS[2]], pa.duration("s")),
    "time": pa.array([TIMES[0], None, TIMES[2]], pa.time32("s")),
    "time64": pa.array([TIMES[0], None, TIMES[2]], pa.time64("us")),
    "money": pa.array([MONEY[0], None, MONEY[2]], pa.decimal128(7, 2)),
    "bool": pa.array([True, None, False]),
    "view": pa.array(["a", None, "c"], pa.string_view()),
    "half": pa.array([np.float16(0.5), None, np.float16(1.5)], pa.float16()),
    "single": pa.array([0.5, None, 1.5], pa.float32()),
    "nothing": pa.nulls(3),
}


def again(data):
    frame, kind = read_frame(data)
    assert isinstance(frame, pd.DataFrame)
    return give_back(frame, through_json(kind))


@pytest.mark.parametrize("data", [FULL, HOLES, FULL.clear()], ids=["full", "holes", "empty"])
def test_polars(data):
    assert_frame_equal(again(data), data, check_exact=True, check_dtypes=True, check_column_order=True)


def test_polars_lazy():
    made = again(HOLES.lazy())
    assert isinstance(made, pl.LazyFrame)
    assert_frame_equal(made.collect(), HOLES)


@pytest.mark.parametrize("values", [[0.5, None, 1.5], [0.5, float("nan"), 1.5]], ids=["null", "nan"])
def test_floats_tell_null_from_nan(values):
    data = pl.DataFrame({"x": values})
    assert again(data)["x"].is_null().to_list() == data["x"].is_null().to_list()
    assert read_frame(data)[0]["x"].dtype == np.float64


def test_arrow():
    data = pa.table(ARROW, metadata={"who": "secret"})
    made = again(data)
    assert made.schema.equals(data.schema)
    assert made.schema.metadata is None
    assert made.to_pydict() == data.to_pydict()
    assert made["ordered"].chunk(0).dictionary.to_pylist() == ["x", "y", "z"]


def test_columns_are_of_the_kinds_that_they_look_like():
    frame, _ = read_frame(HOLES)
    kinds = {name: infer_kind(read_frame(FULL)[0][name], name) for name in FULL.columns}
    assert {kinds[name] for name in WHOLE} == {"integer"}
    told = {"bool": "boolean", "text": "category", "enum": "category", "zoned": "datetime", "time": "timedelta"}
    assert {name: kinds[name] for name in told} == told
    assert infer_kind(frame["nothing"], "nothing") == "constant"
    assert frame["enum"].cat.ordered
    assert str(frame["zoned"].dtype) == "datetime64[us, Europe/Paris]"


def test_sequences_come_back_as_a_column():
    data = pl.DataFrame({"x": [0.5, 1.5]})
    frame, kind = read_frame(data)
    many = pd.concat({0: frame, 1: frame}, names=["sequence", None])
    made = give_back(many, kind)
    assert made.columns == ["sequence", "x"]
    assert made["sequence"].to_list() == [0, 0, 1, 1]
    arrow, kind = read_frame(pa.table({"sequence": [1, 2]}))
    assert give_back(pd.concat({0: arrow}, names=["sequence_1", None]), kind).column_names == ["sequence_1", "sequence"]


@pytest.mark.parametrize("data", [pd.DataFrame({"x": [1]}), np.zeros((3, 2)), [np.zeros((3, 2))], None])
def test_what_is_no_other_table_passes_untouched(data):
    same, kind = read_frame(data)
    assert same is data
    assert kind == FrameKind()
    assert give_back(data, kind) is data


def test_arrays_of_a_model_of_another_library_pass():
    array = np.zeros((3, 2))
    assert give_back(array, read_frame(FULL)[1]) is array


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([[1, 2], [3]], r"column 'x' has dtype List\(Int64\), which is not supported; .*explode\(\)"),
        ([{"a": 1}, {"a": 2}], r"column 'x' has dtype Struct\(.*unnest\(\), or drop it"),
        ([b"a", b"b"], r"column 'x' has dtype Binary, which is not supported; cast it"),
        (pl.Series([1, 2], dtype=pl.Int128), r"column 'x' has dtype Int128, .*cast it to Int64 or Float64"),
    ],
)
def test_columns_that_no_time_series_has(values, text):
    with pytest.raises(SchemaError, match=text):
        read_frame(pl.DataFrame({"x": values}))


def test_a_single_column():
    with pytest.raises(InputError, match=r"got a polars\..*Series, which is no dataframe; .*to_frame\(\)"):
        read_frame(pl.Series([1, 2]))


def test_without_narwhals(monkeypatch):
    monkeypatch.setitem(sys.modules, "narwhals", None)
    with pytest.raises(InputError, match=r"a table of polars needs narwhals; .*: pip install tsgan\[frames\]"):
        read_frame(FULL)
    assert read_frame(pd.DataFrame())[1] == FrameKind()


def test_without_the_library(monkeypatch):
    frame, kind = read_frame(FULL)

    def absent(self):
        raise ModuleNotFoundError("No module named 'polars'")

    monkeypatch.setattr(nw.Implementation, "to_native_namespace", absent)
    with pytest.raises(InputError, match="fitted on a table of polars, which is not installed"):
        give_back(frame, kind)
