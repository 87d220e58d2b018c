"""What goes in comes out: every form of a table, its statics, lengths, clock and keys."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from decoding import decoded
from through_json import through_json

from tsgan.bundle import pack
from tsgan.encoding.columns.choose import SCALERS
from tsgan.encoding.encoder import Encoder
from tsgan.layout import Category
from tsgan.panel import Panel


def draws(seed=0):
    return np.random.default_rng(seed)


def series(rows=60, **index):
    rng = draws()
    return pd.DataFrame(
        {
            "price": np.exp(np.cumsum(0.1 * rng.normal(size=rows))).round(4),
            "rain": np.where(rng.random(rows) < 0.6, 0, rng.gamma(1, 5, rows)).round(1),
            "count": rng.integers(0, 9, rows).astype("int16"),
            "ratio": rng.normal(size=rows).round(3).astype("float32"),
            "sky": rng.choice(["sun", "rain", "fog"], rows),
            "grade": pd.Categorical(rng.choice(["lo", "hi"], rows), categories=["lo", "mid", "hi"], ordered=True),
            "open": rng.random(rows) < 0.5,
            "unit": "mm",
            "seen": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 99, rows), unit="D"),
        },
        **index,
    )


def people(lengths=(5, 8, 3, 8), dtype=object):
    rng = draws(1)
    rows = sum(lengths)
    who = np.repeat([f"p{i:03d}" for i in range(len(lengths))], lengths)
    return pd.DataFrame(
        {
            "x": rng.normal(size=rows).round(2),
            "who": pd.Series(who, dtype=dtype),
            "sex": np.repeat(rng.permutation(np.resize(["f", "m"], len(lengths))), lengths),
            "visit": np.concatenate([np.arange(n) + 1 for n in lengths]),
            "kind": rng.choice(["a", "b"], rows),
            "age": np.repeat(rng.integers(20, 90, len(lengths)), lengths),
            "height": np.repeat(rng.normal(170, 9, len(lengths)).round(1), lengths),
        }
    )


ROLES = {"entity": "who", "time": "visit", "static": ["sex", "age", "height"]}


def there_and_back(data, **options):
    encoder = Encoder(**options).fit(data)
    return encoder, decoded(encoder, encoder.encode(data), squeeze=True)


def same(left, right):
    pd.testing.assert_frame_equal(left, right, rtol=1e-14, atol=1e-14)


def wild(encoder, size, rows=500):
    """Return a panel of one series with numbers of any size and any level."""
    rng = draws(9)
    values = size * rng.normal(size=(rows, len(encoder.stages.layout.cells)))
    for j, cell in enumerate(encoder.stages.layout.cells):
        if isinstance(cell, Category):
            values[:, j] = rng.integers(0, cell.levels, rows)
    return Panel(values, np.array([rows]), np.zeros((1, 0)))


class TestOneSeries:
    @pytest.mark.parametrize(
        "index",
        [
            pd.RangeIndex(60),
            pd.RangeIndex(10, 130, 2, name="row"),
            pd.date_range("2020-01-31", periods=60, freq="ME", name="month"),
            pd.DatetimeIndex(list(pd.date_range("2020-01-01", periods=60, freq="h", tz="Europe/Paris"))),
            pd.period_range("2001Q1", periods=60, freq="Q", name="quarter"),
        ],
    )
    def test_the_index_comes_back(self, index):
        data = series(index=index)
        same(there_and_back(data)[1], data)

    def test_labels_become_counted_rows(self):
        data = series(index=pd.Index([f"r{i}" for i in range(60)], name="label"))
        same(there_and_back(data)[1], data.set_axis(pd.RangeIndex(60, name="label")))

    @pytest.mark.parametrize("stamps", [pd.date_range("2020", periods=60, freq="D"), np.arange(60) * 5 + 3])
    def test_a_time_column_comes_back_in_its_place(self, stamps):
        data = series()
        data.insert(2, "t", stamps)
        same(there_and_back(data, time="t")[1], data)

    def test_several_series_get_an_outer_level(self):
        data = series(index=pd.date_range("2020", periods=60, name="day"))
        encoder = Encoder().fit(data)
        panel = encoder.encode(data)
        both = Panel(np.tile(panel.values, (2, 1)), np.array([60, 60]), np.zeros((2, 0)))
        out = decoded(encoder, both, start="2030-01-01")
        assert out.index.names == ["sequence", "day"]
        same(out.loc[1], data.set_axis(pd.date_range("2030-01-01", periods=60, name="day")))
        assert decoded(encoder, panel).index.names == ["sequence", "day"]
        assert decoded(encoder, both, squeeze=True).index.nlevels == 2

    def test_series_of_different_lengths(self):
        data = series()
        encoder = Encoder(time=None).fit(data)
        panel = encoder.encode(data)
        cut = Panel(panel.values, np.array([10, 50]), np.zeros((2, 0)))
        out = decoded(encoder, cut)
        assert out.index.tolist()[9:11] == [(0, 9), (1, 0)]

    def test_more_steps_than_were_seen(self):
        data = series(index=pd.date_range("2020", periods=60))
        encoder = Encoder().fit(data)
        out = decoded(encoder, wild(encoder, 1.0), squeeze=True)
        assert out.index[-1] == pd.Timestamp("2020-01-01") + pd.Timedelta(days=499)
        assert out.dtypes.equals(data.dtypes)
        for name in ("price", "rain", "count"):
            assert out[name].between(data[name].min(), data[name].max()).all()
        np.testing.assert_array_equal(out["rain"], out["rain"].round(1))

    def test_integer_column_names(self):
        data = pd.DataFrame(draws().normal(size=(30, 3)))
        same(there_and_back(data)[1], data)
        data.columns = pd.Index([7, 3, 5], name="sensor")
        same(there_and_back(data)[1], data)

    def test_ten_rows_work(self):
        encoder, out = there_and_back(series(10))
        assert encoder.stages.window == 5
        same(out, series(10))

    def test_two_rows_work(self):
        encoder, out = there_and_back(pd.DataFrame({"x": [1.5, 2.5]}))
        assert encoder.stages.window == 1
        same(out, pd.DataFrame({"x": [1.5, 2.5]}))

    def test_a_table_of_categories_only(self):
        data = series()[["sky", "open"]]
        encoder, out = there_and_back(data)
        assert encoder.stages.layout.cells == (Category("sky", 3), Category("open", 2))
        same(out, data)

    def test_a_table_of_constants_only(self):
        data = pd.DataFrame({"a": [1] * 6, "b": ["x"] * 6})
        encoder, out = there_and_back(data)
        assert encoder.stages.layout.cells == ()
        same(out, data)


class TestEntities:
    @pytest.mark.parametrize("dtype", [object, "str", "string", "category"])
    def test_rows_come_back_under_new_keys(self, dtype):
        data = people(dtype=dtype)
        encoder, out = there_and_back(data, **ROLES)
        assert list(dict.fromkeys(out["who"])) == ["p010", "p011", "p012", "p013"]
        assert dtype == "category" or out["who"].dtype == data["who"].dtype
        assert encoder.stages.lengths.tolist() == [3, 5, 8, 8]
        same(out.drop(columns="who"), data.drop(columns="who"))
        assert out.columns.tolist() == data.columns.tolist()

    def test_rows_of_an_entity_need_not_stand_together(self):
        data = people()
        mixed = data.sort_values(["visit", "who"]).reset_index(drop=True)
        out = there_and_back(mixed, **ROLES)[1]
        same(out.drop(columns="who"), data.drop(columns="who"))

    @pytest.mark.parametrize("levels", [["who", "visit"], ["visit", "who"]])
    def test_an_index_of_entity_and_time(self, levels):
        data = people().set_index(levels)
        out = there_and_back(data, entity="who", static=["sex", "age", "height"])[1]
        assert out.index.names == levels
        assert out.index.get_level_values("who")[0] == "p010"
        assert out.index.get_level_values("visit").tolist() == data.index.get_level_values("visit").tolist()
        same(out.reset_index(drop=True), data.reset_index(drop=True))

    def test_an_index_of_entities(self):
        data = people().set_index("who")
        out = there_and_back(data, entity="who", time="visit")[1]
        assert out.index.name == "who"
        assert out.index[0] == "p010"
        same(out.reset_index(drop=True), data.reset_index(drop=True))

    def test_an_index_of_times_beside_an_entity_column(self):
        data = people()
        data.index = pd.DatetimeIndex(pd.Timestamp("2020-01-01") + pd.to_timedelta(data["visit"], unit="D"), name="day")
        out = there_and_back(data, entity="who")[1]
        pd.testing.assert_index_equal(out.index, data.index)

    def test_no_clock(self):
        data = people()
        _, out = there_and_back(data.drop(columns="visit"), entity="who")
        same(out.drop(columns="who"), data.drop(columns=["who", "visit"]))
        assert isinstance(out.index, pd.RangeIndex)

    def test_statics_have_cells_of_their_own(self):
        data = people((4,) * 40)
        encoder = Encoder(**ROLES).fit(data)
        sex, age, height = encoder.stages.layout.statics
        assert (sex, age.name, height.name) == (Category("sex", 2), "age", "height")
        assert [cell.name for cell in encoder.stages.layout.cells] == ["kind", "x"]  # numbers are drawn given levels
        panel = encoder.encode(data)
        assert panel.statics.shape == (40, 3)
        np.testing.assert_allclose(panel.statics[:, 1:].std(axis=0), 1)
        assert not encoder.stages.layout.stretches

    def test_statics_of_one_value_have_no_cell(self):
        data = people().assign(sex="f")
        encoder, out = there_and_back(data, **ROLES)
        assert [cell.name for cell in encoder.stages.layout.statics] == ["age", "height", "length"]
        assert (out["sex"] == "f").all()

    def test_start_is_the_same_for_all(self):
        data = people()
        encoder = Encoder(**ROLES).fit(data)
        out = decoded(encoder, encoder.encode(data), start=100)
        assert out.groupby("who")["visit"].min().tolist() == [100] * 4


class TestLengths:
    def test_a_length_is_a_point_of_the_grid_of_the_last_static(self):
        data = people((5, 8, 3, 8) * 25)
        encoder = Encoder(**ROLES).fit(data)
        cell = encoder.stages.layout.statics[-1]
        assert (cell.name, encoder.stages.layout.lengths) == ("length", (3, 5, 8))
        z = encoder.encode(data).statics[:, -1]
        np.testing.assert_allclose([z.mean(), z.std()], [0, 1], atol=1e-12)
        steps = np.diff(np.log1p([3, 5, 8]))
        np.testing.assert_allclose(np.diff(cell.grid) / np.diff(cell.grid)[0], steps / steps[0])

    def test_a_length_never_seen_is_put_with_the_nearest(self):
        encoder = Encoder(**ROLES).fit(people((5, 8, 3, 8)))
        panel = encoder.encode(people((4, 9, 2, 6)))
        assert encoder.stages.layout.lengths_of(panel.statics).tolist() == [5, 8, 3, 5]

    def test_no_cell_where_lengths_are_equal(self):
        layout = Encoder(**ROLES).fit(people((6, 6, 6))).stages.layout
        assert (layout.lengths, len(layout.statics)) == ((), 3)

    def test_lengths_beyond_the_window_are_learned_too(self):
        data = people((5, 8, 3, 8))
        encoder = Encoder(**ROLES, window=6).fit(data)
        assert encoder.stages.layout.lengths == (3, 5, 8)
        panel = encoder.encode(data)
        assert encoder.stages.layout.lengths_of(panel.statics).tolist() == panel.lengths.tolist() == [5, 8, 3, 8]

    def test_windows(self):
        data = people((5, 8, 3, 8))
        encoder = Encoder(**ROLES, window=6, stride=2).fit(data)
        windows = encoder.windows(encoder.encode(data))
        assert windows.size == encoder.stages.window == 6
        assert windows.lengths.tolist() == [5, 6, 6, 3, 6, 6]


class TestArrays:
    @pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint8", "bool"])
    def test_one_series(self, dtype):
        data = (4 * draws().random((40, 3))).astype(dtype)
        encoder = Encoder().fit(data)
        panel = encoder.encode(data)
        out = decoded(encoder, panel)
        assert out.shape == (1, 40, 3)
        assert out.dtype == dtype
        np.testing.assert_allclose(out[0], data, rtol=1e-5, atol=1e-5)
        assert decoded(encoder, panel, squeeze=True).shape == (40, 3)

    def test_sequences(self):
        data = draws().normal(size=(7, 12, 2))
        encoder = Encoder().fit(data)
        assert encoder.stages.window == 12
        out = decoded(encoder, encoder.encode(data))
        np.testing.assert_allclose(out, data, rtol=1e-5, atol=1e-5)

    def test_sequences_of_different_lengths(self):
        data = [draws().normal(size=(n, 2)) for n in (3, 6, 4)]
        encoder = Encoder().fit(data)
        assert encoder.stages.layout.lengths == (3, 4, 6)
        out = decoded(encoder, encoder.encode(data))
        for one, two in zip(out, data, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)

    def test_lists_and_objects_that_hold_numbers(self):
        data = draws().normal(size=(20, 2))
        for form in (data.tolist(), data.astype(object)):
            encoder = Encoder().fit(form)
            np.testing.assert_allclose(decoded(encoder, encoder.encode(form), squeeze=True), data, rtol=1e-5)


class TestCells:
    def test_there_is_one_cell_a_column_and_numbers_have_unit_variance(self):
        data = series(400)
        encoder = Encoder().fit(data)
        panel = encoder.encode(data)
        assert panel.values.dtype == panel.statics.dtype == np.float64
        names = [cell.name for cell in encoder.stages.layout.cells]
        assert sorted(names) == sorted(name for name in data if name != "unit")
        kinds = [isinstance(cell, Category) for cell in encoder.stages.layout.cells]
        assert kinds == sorted(kinds, reverse=True)  # categories first
        assert encoder.stages.layout.stretches
        for cell, z in zip(encoder.stages.layout.cells, panel.values.T, strict=True):
            if isinstance(cell, Category):
                assert set(z) == set(range(cell.levels))
            else:
                np.testing.assert_allclose([z.mean(), z.std()], [0, 1], atol=1e-9)

    @pytest.mark.parametrize("scaler", SCALERS)
    def test_under_every_scaler(self, scaler):
        data = series(400)[["price", "ratio"]]
        encoder = Encoder(scaler=scaler).fit(data)
        np.testing.assert_allclose(encoder.encode(data).values.std(axis=0), 1)

    def test_encoding_twice_gives_the_same(self):
        data = people((5, 8, 3, 8) * 5)
        encoder = Encoder(**ROLES).fit(data)
        one, two = encoder.encode(data), encoder.encode(data)
        np.testing.assert_array_equal(one.values, two.values)
        np.testing.assert_array_equal(one.statics, two.statics)

    def test_equal_rows_are_equal_cells(self):
        data = series(40)
        data = pd.concat([data] * 50, ignore_index=True)
        values = Encoder().fit(data).encode(data).values
        np.testing.assert_array_equal(values, np.tile(values[:40], (50, 1)))

    def test_fitting_twice_gives_the_same(self):
        one, two = (pack(Encoder().fit(series()).stages) for _ in range(2))
        assert json.dumps(one[0]) == json.dumps(two[0])
        for key, array in one[1].items():
            np.testing.assert_array_equal(array, two[1][key])

    def test_the_table_is_left_as_it_was(self):
        data = people()
        before = data.copy()
        there_and_back(data, **ROLES)
        pd.testing.assert_frame_equal(data, before)

    def test_a_scaler_and_bounds_by_name(self):
        data = series()
        encoder = Encoder(scaler={"ratio": "minmax"}, bounds={"price": (0.5, None), "count": (None, 3)}).fit(data)
        assert encoder.stages.schema["ratio"].scaler == "minmax"
        assert encoder.stages.schema["ratio"].reason == "asked for"
        panel = wild(encoder, 9.0)
        out = decoded(encoder, panel)
        assert out["price"].min() == 0.5
        assert out["price"].max() > data["price"].max()
        assert out["count"].max() == 3
        assert out["ratio"].max() == data["ratio"].max()
        free = decoded(Encoder(bounds=None).fit(data), panel)
        assert free["ratio"].max() > data["ratio"].max()


class TestState:
    @pytest.mark.parametrize(
        ("data", "options"),
        [
            (series(), {}),
            (series(index=pd.date_range("2020", periods=60, tz="UTC")), {"scaler": {"price": "power"}}),
            (series(), {"scaler": "quantile", "bounds": {"price": (0, None)}}),
            (people(), ROLES),
            (people(dtype="category"), {**ROLES, "window": 4, "stride": 2, "bounds": None}),
            (people().set_index(["who", "visit"]), {"entity": "who"}),
            (pd.DataFrame(draws().normal(size=(30, 3))), {"bounds": {1: (0, 1)}, "scaler": {2: "robust"}}),
            (draws().normal(size=(6, 9, 2)).astype("float32"), {}),
        ],
    )
    def test_round_trip_is_exact(self, data, options):
        encoder = Encoder(**options).fit(data)
        values, arrays = pack(encoder.stages)
        assert all(array.dtype.kind in "fi" for array in arrays.values())
        again = Encoder.of(through_json(encoder.stages))
        panel = encoder.encode(data)
        other = again.encode(data)
        for one, two in ((panel.values, other.values), (panel.statics, other.statics), (panel.lengths, other.lengths)):
            np.testing.assert_array_equal(one, two)
        one, two = decoded(encoder, panel), decoded(again, panel)
        if isinstance(one, pd.DataFrame):
            pd.testing.assert_frame_equal(one, two)
        else:
            np.testing.assert_array_equal(one, two)
        assert again.stages.layout == encoder.stages.layout
        assert again.stages.schema == encoder.stages.schema
        assert (again.stages.window, again.stages.lengths.tolist()) == (
            encoder.stages.window,
            encoder.stages.lengths.tolist(),
        )
        assert len(again.windows(panel)) == len(encoder.windows(panel))
        assert json.dumps(pack(again.stages)[0]) == json.dumps(values)

    def test_no_real_key_is_kept(self):
        encoder = Encoder(**ROLES).fit(people().replace({"who": {"p001": "alice"}}))
        assert "alice" not in json.dumps(pack(encoder.stages)[0])


def test_torch_is_not_imported():
    code = "import sys, tsgan.encoding.encoder; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
