"""A table that is taken apart and put together again is what it was: columns, dtypes, index and names."""

import numpy as np
import pandas as pd
import pytest
from through_json import through_json

from tsgan.encoding.assembling import assemble
from tsgan.errors import SchemaError
from tsgan.tables.dtypes import dump
from tsgan.tables.form import Form, read
from tsgan.tables.keys import Keys

HOURS = pd.date_range("2020-03-28 22:00", periods=6, freq="h", tz="Europe/Paris", name="when")


def values(rows=6):
    return pd.DataFrame({"x": np.arange(rows) + 0.5, "c": pd.Categorical(["a", "b"] * (rows // 2))})


def again(data, entity=None, time=None, static=(), exclude=(), squeeze=True):
    """Return the table by way of its form as JSON; its rows are in order already."""
    table = read(data, entity, time, static, exclude)
    form = through_json(table.form)
    assert form == table.form
    codes = np.zeros(len(table.values), dtype=np.int64) if table.codes is None else table.codes
    decoded = {name: table.values[name].array for name in form.names}
    lengths = np.bincount(codes)
    keys = None if table.keys is None or form.entity is None else Keys.fit(table.keys).make(len(lengths))
    return assemble(decoded, lengths, form, table.stamps, keys, squeeze=squeeze)


INDEXES = {
    "range": pd.RangeIndex(6),
    "range from 10 by 5": pd.RangeIndex(10, 40, 5, name="row"),
    "whole numbers": pd.Index(np.arange(6) * 2 + 7, name="n"),
    "falling": pd.Index([5, 4, 3, 2, 1, 0], dtype="int32"),
    "nullable": pd.Index([1, 2, 3, 4, 5, 6], dtype="Int16"),
    "hours": HOURS,
    "hours without frequency": pd.DatetimeIndex(HOURS, freq=None),
    "seconds": pd.date_range("2020", periods=6, freq="D", unit="s"),
    "business days": pd.bdate_range("2020-01-02", periods=6),
    "periods": pd.period_range("2020-01", periods=6, freq="M", name="month"),
    "durations": pd.timedelta_range("1h", periods=6, freq="15min"),
    "arrow": pd.Index(pd.Series(HOURS).astype("timestamp[us, tz=Europe/Paris][pyarrow]"), name="when"),
}


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_one_series_keeps_its_index(index):
    data = values().set_axis(index)
    pd.testing.assert_frame_equal(again(data), data, check_freq=True, check_index_type="exact")


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_two_series_have_an_outer_level(index):
    data = pd.concat({0: values().set_axis(index), 1: values().set_axis(index)}, names=["sequence"])
    made = again(data)
    assert made.index.names == ["sequence", index.name]
    assert made.index.levels[1].dtype == index.dtype
    pd.testing.assert_index_equal(made.index.get_level_values(1), data.index.get_level_values(1))


def test_labels_that_count_no_rows_are_counted_anew():
    assert again(values().set_axis(list("uvwxyz"))).index.equals(pd.RangeIndex(6))
    made = again(values().set_axis([9, 3, 7, 1, 4, 2])).index
    assert made.tolist() == [1, 2, 3, 4, 5, 6]
    assert not isinstance(made, pd.RangeIndex)


def panel(**columns):
    who = pd.Series(["p1", "p1", "p1", "p2", "p3", "p3"], dtype=columns.pop("dtype", "str"))
    return pd.DataFrame({"who": who, "when": HOURS[[0, 1, 2, 0, 0, 1]], **values(), **columns})


NEW = ["p10", "p10", "p10", "p11", "p12", "p12"]


@pytest.mark.parametrize("dtype", ["str", "string", "object", "category", "string[python]"])
def test_entities_in_a_column_have_new_keys_of_its_dtype(dtype):
    data = panel(dtype=dtype)
    made = again(data, "who", "when")
    expected = data.assign(who=pd.Series(NEW, dtype=dtype))
    pd.testing.assert_frame_equal(made, expected)


@pytest.mark.parametrize("levels", [["who", "when"], ["when", "who"]])
def test_entities_and_times_as_levels(levels):
    data = panel().set_index(levels)
    expected = panel(who=NEW).set_index(levels)
    pd.testing.assert_frame_equal(again(data, "who"), expected)


def test_an_entity_as_the_only_level():
    data = panel().set_index("who")
    pd.testing.assert_frame_equal(again(data, "who", "when"), panel(who=NEW).set_index("who"))


def test_a_time_as_the_only_level():
    data = panel().set_index("when")
    pd.testing.assert_frame_equal(again(data, "who"), panel(who=NEW).set_index("when"))
    data.index.name = None
    assert again(data, "who").index.name is None


@pytest.mark.parametrize(
    "columns",
    [
        pd.RangeIndex(2),
        pd.RangeIndex(3, 1, -1, name="axis"),
        pd.Index([7, 3], dtype="int16"),
        pd.Index(["x", "c"], name="field"),
        pd.Index(["x", "c"], dtype=object),
        pd.Index(["x", "c"], dtype="string"),
        pd.CategoricalIndex(["x", "c"], categories=["c", "x"], ordered=True),
        pd.Index(["x", 3], dtype=object),
    ],
    ids=repr,
)
def test_the_columns_keep_their_index(columns):
    data = values().set_axis(columns, axis=1)
    pd.testing.assert_frame_equal(again(data), data, check_column_type="exact")
    assert again(data).columns.dtype == columns.dtype


def test_arrays_come_back_as_arrays():
    rng = np.random.default_rng(0)
    for array in (rng.normal(size=(5, 2)).astype("float32"), rng.integers(0, 9, (3, 4, 2))):
        made = again(array)
        np.testing.assert_array_equal(made, array)
        assert made.dtype == array.dtype
    pair = [rng.normal(size=(3, 2)), rng.normal(size=(4, 2))]
    table = read(pair, None, None, ())
    made = assemble(table.values, np.array([3, 4]), table.form, None, None)
    for left, right in zip(made, pair, strict=True):
        np.testing.assert_array_equal(left, right)


def test_missing_values_pass():
    data = values()
    data.loc[[1, 2], "x"] = np.nan
    data["none"] = None
    pd.testing.assert_frame_equal(again(data), data)
    array = np.full((4, 2), np.nan)
    np.testing.assert_array_equal(again(array), array)


def test_columns_are_left_out_on_request():
    data = panel(note=[{"a": 1}] * 6)
    made = again(data, "who", "when", exclude=["note", "c"])
    assert made.columns.tolist() == ["who", "when", "x"]
    assert read(data, "who", "when", (), ("note",)).form.exclude == ("note",)


@pytest.mark.parametrize(
    ("exclude", "text"),
    [
        (["nota"], r"exclude='nota' is not a column; there are \['who', .*Did you mean 'note'\?"),
        (["when"], r"column 'when' cannot be both time and left out by exclude; drop one of them"),
        (["x", "c", "note"], r"no value column is left beside the roles"),
    ],
)
def test_what_cannot_be_left_out(exclude, text):
    with pytest.raises(SchemaError, match=text):
        read(panel(note=1), "who", "when", (), exclude)


def test_an_array_has_no_columns_to_leave_out():
    with pytest.raises(SchemaError, match=r"exclude=\('a',\) needs a DataFrame"):
        read(np.zeros((4, 2)), None, None, (), ["a"])


def test_labels_that_outgrow_their_dtype_become_wider():
    form = Form("frame", ("x",), index=(None,), counted=(120, 1), labels=dump(np.dtype("int8")))
    made = assemble({"x": np.zeros(20)}, np.array([20]), form, None, None, squeeze=True)
    assert made.index[-1] == 139
