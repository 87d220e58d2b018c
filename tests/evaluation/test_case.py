"""Reading two tables: what becomes a window, and what every refusal says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.errors import InputError, ParameterError, SchemaError
from tsgan.evaluation import case as prepare_module
from tsgan.evaluation.case import prepare
from tsgan.evaluation.columns import MAX_LEVELS, MISSING, OTHER, UNSEEN
from tsgan.tables import files
from tsgan.tables.form import free_name


def series(rows: int = 200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.normal(5, 2, rows), "b": rng.integers(0, 9, rows)})


def test_real_range_scales_both() -> None:
    case = prepare(pd.DataFrame({"a": [0.0, 5.0, 10.0] * 20}), pd.DataFrame({"a": [20.0, -10.0] * 20}))
    assert case.real.panel.values.min() == 0
    assert case.real.panel.values.max() == 1
    assert case.synthetic.panel.values[:2, 0].tolist() == [2, -1]
    assert case.columns[0].units(case.synthetic.panel.values)[:2].tolist() == [20, -10]


def test_long_series_gives_all_windows() -> None:
    real = series()
    case = prepare(real, series(150, 1))
    assert case.window == 24
    assert (len(case.real), len(case.synthetic)) == (177, 127)
    scaled = (real["a"] - real["a"].min()) / (real["a"].max() - real["a"].min())
    np.testing.assert_allclose(case.real.values()[10, :, 0], scaled[10:34], rtol=1e-5)


def test_forms_agree() -> None:
    rng = np.random.default_rng(0)
    array = rng.normal(size=(30, 10, 2))
    long = pd.DataFrame(array.reshape(-1, 2), columns=["x0", "x1"])
    by_level = long.set_axis(pd.MultiIndex.from_product([range(30), range(10)], names=["sequence", None]), axis=0)
    by_entity = long.assign(who=np.repeat(np.arange(30), 10), t=np.tile(np.arange(10), 30)).sample(
        frac=1, random_state=0
    )
    expected = prepare(array, array).real.values()
    assert expected.shape == (30, 10, 2)
    np.testing.assert_array_equal(prepare(by_level, array).real.values(), expected)
    case = prepare(by_entity, by_entity, entity="who", time="t")
    np.testing.assert_array_equal(np.sort(case.real.values().ravel()), np.sort(expected.ravel()))
    assert {tuple(w.ravel()) for w in case.real.values()} == {tuple(w.ravel()) for w in expected}


def test_a_series_and_a_vector_are_one_column() -> None:
    assert prepare(series()["a"], series(seed=1)["a"]).columns[0].name == "a"
    assert prepare(np.arange(100.0), np.arange(90.0)).channels == 1


def test_unsorted_time_index_is_sorted() -> None:
    days = pd.date_range("2024-01-01", periods=100)
    frame = pd.DataFrame({"a": np.arange(100.0)}, index=days)
    case = prepare(frame.sample(frac=1, random_state=0), frame)
    assert (np.diff(case.real.panel.values[:, 0]) > 0).all()


def test_kinds_and_channels(make_mixed, roles) -> None:
    case = prepare(make_mixed(0), make_mixed(1), **roles)
    kinds = {column.name: column.kind for column in case.columns}
    assert kinds == {
        "level": "numeric",
        "follows": "numeric",
        "weather": "category",
        "open": "boolean",
        "due": "datetime",
        "site": "category",
    }
    weather = case.columns[2]
    assert weather.levels == ("fog", "rain", "sun")
    assert (case.real.panel.values[:, weather.channels].sum(axis=1) == 1).all()
    assert case.columns[-1].static
    assert case.channels == 9


def test_unseen_level_is_a_finding() -> None:
    real = pd.DataFrame({"c": ["a", "b"] * 30})
    case = prepare(real, real.replace("b", "z"))
    assert case.columns[0].levels == ("a", "b", UNSEEN)
    assert case.synthetic.panel.values.mean(axis=0).tolist() == [0.5, 0, 0.5]


def test_many_levels_are_gathered() -> None:
    real = pd.DataFrame({"c": [f"level {i % 50}" for i in range(500)]})
    levels = prepare(real, real).columns[0].levels
    assert len(levels) == MAX_LEVELS + 1
    assert levels[-1] == OTHER


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(pd.Categorical(["a", "b"] * 30)),
        pd.Series(["a", "b"] * 30, dtype="string"),
        pd.Series([1, 2] * 30, dtype="Int64"),
        pd.Series([0.5, 2] * 30, dtype="float32"),
        pd.Series([True, False] * 30, dtype="boolean"),
        pd.Series(pd.to_timedelta([1, 2] * 30, unit="h")),
        pd.Series(pd.date_range("2024", periods=60, tz="Europe/Rome")),
        pd.Series(pd.period_range("2024", periods=60, freq="M")),
    ],
    ids=lambda values: str(values.dtype),
)
def test_dtypes(values: pd.Series) -> None:
    case = prepare(values.to_frame("c"), values.to_frame("c"))
    assert np.isfinite(case.real.panel.values).all()
    assert case.real.panel.values.max() == 1


def test_dates_as_text_are_times_and_years_are_not() -> None:
    days = pd.Series(pd.date_range("2024-01-01", periods=60).astype(str))
    case = prepare(pd.DataFrame({"d": days, "y": ["2023", "2024"] * 30}), pd.DataFrame({"d": days, "y": "2024"}))
    assert [column.kind for column in case.columns] == ["datetime", "category"]
    assert case.columns[0].span == 59
    with pytest.raises(SchemaError, match="'d' is datetime in the real table but its synthetic values"):
        prepare(days.to_frame("d"), pd.DataFrame({"d": ["soon", "later"] * 30}))


def test_default_windows() -> None:
    rng = np.random.default_rng(0)
    assert prepare(rng.normal(size=(9, 60, 1)), rng.normal(size=(9, 60, 1))).window == 60
    assert prepare(rng.normal(size=(9, 300, 1)), rng.normal(size=(9, 300, 1))).window == 24
    assert prepare(rng.normal(size=(9, 60, 1)), rng.normal(size=(9, 30, 1))).window == 24
    assert prepare(rng.normal(size=(9, 60, 1)), rng.normal(size=(9, 16, 1))).window == 16
    assert prepare(series(40), series(40)).window == 10


def test_short_sequences_are_left_out_and_noted() -> None:
    who = np.repeat(np.arange(20), 30)[: 19 * 30 + 3]
    frame = pd.DataFrame({"who": who, "a": np.arange(len(who)) % 7})
    case = prepare(frame, frame, entity="who", window=10)
    assert case.notes[0] == "1 of 20 real sequences are shorter than 10 steps and were left out"


def test_too_many_windows_are_sampled_and_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_module, "MAX_WINDOWS", 50)
    case = prepare(series(), series(seed=1))
    assert len(case.real) == 50
    assert case.notes[0] == "50 of 177 real windows were drawn at random to be judged"


COLUMNS = r"synthetic table lacks \['b'\] and has \['c'\] beyond those of the real one"


@pytest.mark.parametrize(
    ("change", "options", "error", "text"),
    [
        (lambda s: s.rename(columns={"b": "c"}), {}, SchemaError, COLUMNS),
        (lambda s: s.iloc[:0], {}, InputError, "synthetic table is empty"),
        (
            lambda s: s.iloc[:1],
            {},
            InputError,
            "longest sequence has 1 step and a window needs 2; .* several of them, told apart by entity=",
        ),
        (lambda s: s.iloc[:9], {"window": 12}, InputError, "longest sequence has 9 steps .* window=9 or less"),
        (lambda s: s.iloc[:12], {"window": 12}, InputError, "only 1 window of 12 steps; at least 2 are needed"),
        (lambda s: s.assign(a=s["a"].replace(s["a"][0], np.inf)), {}, InputError, "'a' of the synthetic .* infinite"),
        (lambda s: s.assign(a="x"), {}, SchemaError, "'a' is numeric in the real table but its synthetic values"),
        (
            lambda s: s.set_axis(["a", "a"], axis=1),
            {},
            SchemaError,
            r"synthetic table has several columns named \['a'\]",
        ),
        (lambda s: s, {"entity": "who"}, SchemaError, "entity='who' is not a column of the real table"),
        (
            lambda s: s.assign(b=np.inf),
            {"time": "b"},
            InputError,
            "time column 'b' of the synthetic table has infinite",
        ),
        (lambda s: s, {"time": "when"}, SchemaError, "time='when' is not a column"),
        (lambda s: s, {"static": ["sex"]}, SchemaError, "static='sex' is not a column"),
        (lambda s: s, {"entity": "a", "time": "b"}, SchemaError, "no column to judge"),
        (lambda s: s, {"window": 0}, ParameterError, "window=0 is not allowed; .* at least 1"),
        (lambda s: s, {"window": 2.5}, ParameterError, "window=2.5 is not allowed"),
        (lambda s: "table", {}, InputError, "synthetic data must be a DataFrame or a numeric array"),
        (lambda s: [[1.0, 2.0], [3.0]], {}, InputError, "synthetic data must be a DataFrame or a numeric array"),
        (lambda s: np.zeros((2, 2, 2, 2)), {}, InputError, r"got ndarray of shape \(2, 2, 2, 2\)"),
    ],
)
def test_refusals(change, options, error, text) -> None:
    with pytest.raises(error, match=text):
        prepare(series(), change(series(seed=1)), **options)


def test_keys_that_cannot_be_compared_are_named() -> None:
    lists = series().assign(who=[[1], [2]] * (len(series()) // 2))
    with pytest.raises(SchemaError, match=r"the entity 'who' holds list objects such as \[1\], which do not tell"):
        prepare(lists, lists, entity="who")


def test_missing_keys_are_named() -> None:
    frame = series().assign(who="x", when=1.0)
    broken = frame.assign(who=frame["who"].where(frame.index > 0), when=1.0)
    with pytest.raises(InputError, match="entity column 'who' of the synthetic table has missing values"):
        prepare(frame, broken, entity="who")
    broken = frame.assign(when=frame["when"].where(frame.index > 0))
    with pytest.raises(InputError, match="time column 'when' of the synthetic table has missing values"):
        prepare(frame, broken, time="when")


def test_complex_numbers_are_refused() -> None:
    with pytest.raises(SchemaError, match="column 'a' of the real table holds complex numbers"):
        prepare(series().assign(a=1j), series())


def test_missing_numbers_stand_at_the_real_mean_with_a_channel_beside() -> None:
    real = pd.DataFrame({"a": [0.0, 10.0, np.nan, 2.0] * 20, "b": 1.0})
    case = prepare(real, real.fillna(5.0))
    a, b = case.columns
    assert (a.channels, a.values, a.missing) == (slice(0, 2), slice(0, 1), 1)
    assert (b.channels, b.missing) == (slice(2, 3), None)
    np.testing.assert_allclose(case.real.panel.values[:4, :2], [[0, 0], [1, 0], [0.4, 1], [0.2, 0]], rtol=1e-6)
    assert a.present(case.real.panel.values).mean() == 0.75
    assert a.present(case.synthetic.panel.values).all()
    assert b.present(case.real.panel.values).all()


def test_missing_is_a_level_of_a_category() -> None:
    real = pd.DataFrame({"c": ["a", None, "b", "a"] * 20})
    case = prepare(real, real.fillna("a"))
    (column,) = case.columns
    assert column.levels == ("a", "b", MISSING)
    assert column.missing == 2
    assert column.present(case.real.panel.values).mean() == 0.75


@pytest.mark.parametrize("dtype", ["float64", "object", "Int64", "datetime64[ns]", "category"])
def test_missing_throughout_is_said(dtype: str) -> None:
    real = pd.DataFrame({"a": np.arange(80.0), "b": pd.Series([None] * 80, dtype=dtype)})
    case = prepare(real, real)
    assert case.notes == ("column 'b' is missing throughout the real table; only that can be compared",)
    assert (case.real.panel.values[:, case.columns[1].missing] == 1).all()
    assert np.isfinite(case.real.panel.values).all()


def test_missing_throughout_the_synthetic_table_only() -> None:
    real = pd.DataFrame({"a": np.arange(80.0), "d": pd.date_range("2024", periods=80)})
    case = prepare(real, real.assign(a=np.nan, d=pd.NaT))
    assert np.isfinite(case.synthetic.panel.values).all()
    assert (case.synthetic.panel.values[:, [1, 3]] == 1).all()


def test_holdout_is_scaled_by_the_real_table() -> None:
    case = prepare(series(), series(seed=1), series(seed=2) * 2)
    assert case.holdout is not None
    assert len(case.holdout) == len(case.real)
    assert case.holdout.panel.values.max() > 1.5
    assert prepare(series(), series()).holdout is None


@pytest.mark.parametrize(
    ("holdout", "error", "text"),
    [
        (series().rename(columns={"b": "c"}), SchemaError, r"holdout table lacks \['b'\] and has \['c'\]"),
        (series().iloc[:0], InputError, "the holdout table is empty"),
        (series().iloc[:9], InputError, "holdout table is too short: its longest sequence has 9 steps .* needs 24"),
        (series().assign(a="x"), SchemaError, "'a' is numeric in the real table but its holdout values"),
    ],
)
def test_holdout_refusals(holdout, error, text) -> None:
    with pytest.raises(error, match=text):
        prepare(series(), series(), holdout)


def test_target_and_sensitive_must_be_columns() -> None:
    case = prepare(series(), series(), target="a", sensitive="b")
    assert case.target is case.columns[0]
    assert case.sensitive is case.columns[1]
    with pytest.raises(SchemaError, match="target='z' is not a column of the tables; their columns are"):
        prepare(series(), series(), target="z")
    with pytest.raises(SchemaError, match="sensitive='z' is not a column"):
        prepare(series(), series(), sensitive="z")


@pytest.mark.parametrize(
    ("times", "gap"),
    [
        (pd.date_range("2024", periods=60, freq="6h"), 0.25),
        (pd.period_range("2024-01-01", periods=60, freq="D"), 1.0),
        (pd.to_timedelta(np.arange(60), unit="D"), 1.0),
        (pd.date_range("2024", periods=60, tz="Europe/Rome").astype(str), 1.0),
        (np.arange(60) * 3, 3.0),
        ([f"step {i:03d}" for i in range(60)], 1.0),
    ],
)
def test_clock_in_days_or_its_own_unit(times, gap) -> None:
    frame = pd.DataFrame({"t": times, "a": np.arange(60.0)})
    clocks = prepare(frame, frame, time="t").clocks
    np.testing.assert_allclose(np.diff(clocks["real"]), gap)
    assert prepare(series(), series()).clocks == {}


def test_a_zoned_index_is_a_clock() -> None:
    frame = series().set_axis(pd.date_range("2024-03-30", periods=200, freq="h", tz="Europe/Rome"))
    np.testing.assert_allclose(np.diff(prepare(frame, frame).clocks["synthetic"]), 1 / 24)


def test_column_that_repeats_the_key_is_not_judged():
    def table(first):
        keys = np.repeat(np.arange(first, first + 12), 5)
        value = np.random.default_rng(first).normal(size=60)
        return pd.DataFrame({"who": keys, "copy": keys.astype(str), "x": value})

    case = prepare(table(0), table(100), entity="who")
    assert [column.name for column in case.columns] == ["x"]
    assert "column 'copy' repeats the entity 'who', and like it is not judged" in case.notes
    other = table(100).assign(copy="7")
    assert [column.name for column in prepare(table(0), other, entity="who").columns] == ["copy", "x"]


def test_columns_that_only_count_are_not_judged():
    def table(first, rows=60):
        keys = np.repeat(np.arange(first, first + 12) * 3, 5)[:rows]
        value = np.random.default_rng(first).normal(size=rows)
        return pd.DataFrame({"who": keys, "row": np.arange(rows) + 7, "case": pd.factorize(keys)[0], "x": value})

    case = prepare(table(0), table(100, 58), entity="who")
    assert [column.name for column in case.columns] == ["x"]
    assert "column 'row' only counts, and is not judged" in case.notes
    broken = table(100).assign(row=lambda frame: frame["row"].where(frame["row"] != 30, 31))
    assert [column.name for column in prepare(table(0), broken, entity="who").columns] == ["row", "x"]


@pytest.mark.parametrize("name", ["x", "step", "sequence"])
def test_what_was_written_beside_columns_of_such_names_is_read_as_it_was_drawn(tmp_path, name) -> None:
    real = pd.DataFrame({name: np.arange(40) % 7, "y": np.arange(40) % 5.0})
    drawn = pd.concat([real.head(9)] * 3, keys=range(3), names=[free_name("sequence", real.columns), None])
    files.write(drawn, tmp_path / "made.csv")
    case = prepare(real, files.read(tmp_path / "made.csv"), window=3)
    assert case.synthetic.panel.lengths.tolist() == [9, 9, 9]
