"""Bad tables, from the outside: `fit` refuses each with the column, the entity, the value, and what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN
from tsgan.errors import InputError, NotAModelError, NotFittedError, ParameterError, SchemaError, TsganWarning

QUICK = {"steps": 0, "hidden": 4, "units": 8, "verbose": False, "random_state": 0}
PANEL = {"entity": "who", "time": "day"}


def table(rows: int = 40, **columns) -> pd.DataFrame:
    half = rows // 2
    base = {
        "who": np.repeat(["ann", "bob"], half),
        "day": np.tile(np.arange(half), 2),
        "x": np.random.default_rng(0).normal(size=rows),
        "c": np.resize(["red", "green"], rows),
    }
    return pd.DataFrame({**base, **columns})


def but(frame: pd.DataFrame, column: str, rows, value) -> pd.DataFrame:
    out = frame.copy()
    out.loc[rows, column] = value
    return out


CASES = {
    "empty": (
        table().iloc[:0],
        {},
        InputError,
        r"the table is empty: 0 rows and 4 columns; at least 2 rows are needed",
    ),
    "no columns": (pd.DataFrame(index=range(9)), {}, SchemaError, r"no value column is left: 0 feature\(s\)"),
    "one row": (table().iloc[:1], {}, InputError, r"the table has 1 sample \(row\); at least 2 rows are needed"),
    "window too long": (
        table(),
        {**PANEL, "window": 21},
        ParameterError,
        r"window=21 is longer than every sequence: the longest has 20 rows. Choose a window of at most 20, or None",
    ),
    "infinite time": (
        but(table(day=np.tile(np.arange(20.0), 2)), "day", [3], np.inf),
        PANEL,
        InputError,
        r"infinite values \(inf\) in the time 'day', in 1 of 40 rows \(3, counted from 0\); replace them",
    ),
    "time too large": (
        table(day=np.tile(np.arange(20) * 1e299, 2)),
        PANEL,
        InputError,
        r"the time 'day' holds 1.9e\+300; rescale it below 1e\+150",
    ),
    "infinite key": (
        table(who=np.repeat([1.0, np.inf], 20)),
        PANEL,
        InputError,
        r"the entity 'who' is infinite \(inf\) in some rows; give them a key of their own",
    ),
    "lists as keys": (
        table(who=[[1], [2]] * 20),
        PANEL,
        SchemaError,
        r"the entity 'who' holds list objects such as \[1\], which do not tell sequences apart; make them text",
    ),
    "broken text": (
        table(c=pd.Series(["a", "\udcff"] * 20, dtype=object)),
        {},
        SchemaError,
        r"column 'c': '\\udcff' is broken text \(half of a surrogate pair\); read the file in its encoding",
    ),
    "a name of ours": (
        table().rename(columns={"x": "\0gap"}),
        {},
        SchemaError,
        r"column names must not start with a zero character; got \['\\x00gap'\]. Rename them",
    ),
    "rows of different lengths": (
        [[1.0, 2.0], [3.0]],
        {},
        SchemaError,
        r"the rows are of different lengths .*; pass a DataFrame or an array",
    ),
    "dates in an array": (
        np.zeros((9, 2), dtype="M8[D]"),
        {},
        SchemaError,
        r"an array must hold numbers, got datetime64\[D\]; pass a DataFrame for dates",
    ),
    "keys missing": (
        but(table(), "who", [3], None),
        PANEL,
        InputError,
        r"entity 'who' is missing \(NaN\) in 1 of 40 rows \(3, counted from 0\); fill or drop",
    ),
    "time missing": (
        but(table(), "day", [3, 4], np.nan),
        PANEL,
        InputError,
        r"the time 'day' is missing \(NaN, NaT\) in 2 of 40 rows \(3, 4, counted from 0\); fill or drop",
    ),
    "infinite": (
        but(table(), "x", [4], -np.inf),
        {},
        InputError,
        r"infinite values \(inf\) in column 'x', in 1 of 40 rows \(4, counted from 0\); replace them by finite numbers",
    ),
    "columns of one name": (
        table().set_axis(["a", "b", "a", "c"], axis=1),
        {},
        SchemaError,
        r"column names must be unique; more than once there: \['a'\]",
    ),
    "unknown entity": (
        table(),
        {"entity": "woh"},
        SchemaError,
        r"entity='woh' is not a column; there are \['who', 'day', 'x', 'c'\]. Did you mean 'who'\?",
    ),
    "unknown time": (table(), {"time": "dy"}, SchemaError, r"time='dy' is not a column; .*Did you mean 'day'\?"),
    "unknown static": (
        table(),
        {**PANEL, "static": ["cc"]},
        SchemaError,
        r"static='cc' is not a column; there are .* Did you mean 'c'\?",
    ),
    "static that changes": (
        table(),
        {**PANEL, "static": ["c"]},
        SchemaError,
        r"static column 'c' is not constant within 'who'='ann': it holds 'red', 'green'; leave it out of static=",
    ),
    "static without entity": (
        table(),
        {"static": ["c"]},
        SchemaError,
        r"static=\['c'\] needs entity=, the column that",
    ),
    "time twice": (
        but(table(), "day", [23], 4),
        PANEL,
        InputError,
        r"the time 'day' is duplicated: '4' comes more than once in the entity 'bob' \(1 such rows in all\); drop",
    ),
    "time index twice": (
        table(rows=4).set_axis(pd.DatetimeIndex(["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-03"]), axis=0),
        {},
        InputError,
        r"the time index is duplicated: '2024-01-01 00:00:00' comes more than once .*or name .* with entity=",
    ),
    "mixed types": (
        table(c=[1, "one"] * 20),
        {},
        SchemaError,
        r"column 'c' holds mixed types \(20 int, 20 str\)",
    ),
    "complex": (table(x=1 + 2j), {}, SchemaError, r"Complex data not supported: column 'x'"),
    "complex array": (np.ones((9, 2)) * 1j, {}, SchemaError, r"Complex data not supported"),
    "one axis": (np.ones(9), {}, SchemaError, r"got an array of shape \(9,\); .*Reshape your data"),
    "scaler for no number": (
        table(),
        {"scaler": {"c": "power"}},
        ParameterError,
        r"scaler names 'c', which holds no numbers; it applies to \['day', 'x'\]",
    ),
}


@pytest.mark.parametrize(("data", "options", "error", "text"), CASES.values(), ids=CASES)
def test_refused(data, options, error, text):
    gan = RecurrentGAN(**QUICK, **options)
    with pytest.raises(error, match=text):
        gan.fit(data)
    with pytest.raises(NotFittedError, match=r"this RecurrentGAN is not fitted yet; call fit\(df\) first"):
        gan.sample(1)


def test_a_refused_table_ends_an_earlier_fit():
    gan = RecurrentGAN(**QUICK).fit(table())
    with pytest.raises(InputError, match="the table is empty"):
        gan.fit(table().iloc[:0])
    with pytest.raises(NotFittedError):
        gan.sample(1)


def test_missing_values_are_taken():
    """What is missing in all rows stays so; what is missing in some is missing in some."""
    real = but(but(table(y=np.nan), "x", slice(0, 9), np.nan), "c", slice(20, 36), None)
    gan = RecurrentGAN(**QUICK, **PANEL).fit(real)
    made = gan.sample(60)
    assert made["y"].isna().all()
    assert made.dtypes.equals(real.dtypes)
    for name in ("x", "c"):
        assert 0 < made[name].isna().mean() < 1
    assert set(made["c"].dropna()) <= {"red", "green"}


def test_masked_values_are_missing_and_any_order_of_bytes_is_read():
    values = np.random.default_rng(0).normal(size=(40, 2))
    hidden = RecurrentGAN(**QUICK).fit(np.ma.masked_array(values, values > 1)).sample(1, length=400)
    assert np.isnan(hidden).any()
    assert np.nanmax(hidden) <= 1
    made = [RecurrentGAN(**QUICK).fit(values.astype(order)).sample(1) for order in ("<f8", ">f8")]
    np.testing.assert_array_equal(*made)
    frames = [pd.DataFrame({"x": values[:, 0].astype(order)}) for order in ("<f8", ">f8")]
    pd.testing.assert_frame_equal(*(RecurrentGAN(**QUICK).fit(frame).sample(1) for frame in frames))


@pytest.mark.parametrize("first", ["-18000-01-01", "0500-01-01", "20000-01-01"])
def test_clocks_beyond_nanoseconds_are_taken(first):
    days = np.datetime64(first, "s") + np.arange(200) * np.timedelta64(4000, "D")
    real = pd.DataFrame({"x": np.random.default_rng(0).normal(size=200), "k": range(200)}, index=days)
    made = RecurrentGAN(**QUICK).fit(real).sample(1, length=5)
    pd.testing.assert_index_equal(made.index, real.index[:5], check_exact=True)


def test_a_clock_of_nanoseconds_that_floats_merge_has_no_trend():
    real = table().drop(columns=["who", "day"]).set_index(pd.DatetimeIndex(np.arange(40) + 10**18))
    assert RecurrentGAN(**QUICK).fit(real).sample(1, length=40).index.equals(real.index)


def test_a_constant_column_is_no_error():
    made = RecurrentGAN(**QUICK, **PANEL).fit(table(x=7.25)).sample(3)
    assert (made["x"] == 7.25).all()


def test_unsorted_time_is_sorted_with_a_warning():
    mixed = table().sample(frac=1, random_state=0)
    with pytest.warns(
        TsganWarning, match=r"the time 'day' does not increase in the entity '\w+'; rows were sorted by it"
    ):
        gan = RecurrentGAN(**QUICK, **PANEL).fit(mixed)
    whole = RecurrentGAN(**QUICK, **PANEL).fit(mixed.sort_values("day"))
    pd.testing.assert_frame_equal(gan.sample(2)[["x", "c"]], whole.sample(2)[["x", "c"]], check_exact=False, atol=1)


def test_a_clock_that_was_not_named_is_noticed():
    days = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=40), "x": np.sin(np.arange(40))})
    with pytest.warns(TsganWarning, match=r"column 'date' increases with every row, like a clock, .*pass time='date'"):
        RecurrentGAN(**QUICK).fit(days)


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (table().drop(columns="x"), SchemaError, r"the columns are not the fitted ones: missing \['x'\]; pass \['who'"),
        (table().assign(y=1), SchemaError, r"the columns are not the fitted ones: not known \['y'\]"),
        (np.ones((9, 4)), SchemaError, r"fitted on a DataFrame, got ndarray; pass the same kind"),
        (
            table().iloc[:2],
            InputError,
            r"only 1 window of 2 steps; at least 2 are needed: pass more or longer sequences",
        ),
    ],
    ids=["missing column", "extra column", "array", "too short"],
)
def test_score_refuses(data, error, text):
    gan = RecurrentGAN(**QUICK, **PANEL).fit(table())
    with pytest.raises(error, match=text):
        gan.score(data)


def test_levels_that_were_never_seen_are_refused_row_by_row_and_lower_the_score():
    gan = RecurrentGAN(**QUICK, **PANEL).fit(table(120))
    strange = but(table(120), "c", slice(0, 120, 2), "blue")
    with pytest.raises(
        InputError, match=r"column 'c' holds 'blue', never seen when fitting; known are ..red', 'green'"
    ):
        gan.score_samples(strange)
    assert gan.score(strange) < 0.2 < gan.score(table(120))


def test_score_names_the_number_of_features():
    gan = RecurrentGAN(**QUICK).fit(np.random.default_rng(0).normal(size=(40, 3)))
    with pytest.raises(SchemaError, match=r"X has 2 features, but tsgan is expecting 3 features as input"):
        gan.score(np.ones((40, 2)))


def test_loading_what_is_no_model(tmp_path):
    table().to_csv(tmp_path / "data.csv")
    with pytest.raises(
        NotAModelError, match=r"is no saved model: it has no model.json; pass the directory that save\(\)"
    ):
        RecurrentGAN.load(tmp_path)
    with pytest.raises(NotAModelError, match=r"data.csv is no saved model"):
        RecurrentGAN.load(tmp_path / "data.csv")
