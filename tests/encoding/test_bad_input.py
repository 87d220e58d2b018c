"""What cannot be used is refused with the column, the entity, the value, and what to do."""

import numpy as np
import pandas as pd
import pytest
from decoding import decoded

from tsgan.encoding.encoder import Encoder
from tsgan.errors import InputError, NotFittedError, ParameterError, SchemaError, TsganWarning


def frame(rows=20, **columns):
    base = {
        "who": np.repeat(["ann", "bob"], rows // 2),
        "day": np.tile(np.arange(rows // 2), 2),
        "sex": np.repeat(["f", "m"], rows // 2),
        "x": np.random.default_rng(0).normal(size=rows),
        "c": np.resize(["red", "green", "blue"], rows),
    }
    return pd.DataFrame({**base, **columns})


def gaps(frame, column, rows, value=np.nan):
    out = frame.copy()
    out.loc[rows, column] = value
    return out


PANEL = {"entity": "who", "time": "day"}
STATIC = {**PANEL, "static": ["sex"]}
DAYS = pd.date_range("2020-01-01", periods=20)


@pytest.mark.parametrize(
    ("data", "options", "error", "text"),
    [
        (frame().iloc[:0], {}, InputError, r"the table is empty: 0 rows and 5 columns; at least 2 rows"),
        (frame().iloc[:1], {}, InputError, r"1 sample \(row\); at least 2 rows are needed"),
        (pd.DataFrame(index=range(5)), {}, SchemaError, r"0 feature\(s\) \(shape=\(5, 0\)\) while a minimum of 1 is"),
        (frame()[["who", "day", "sex"]], STATIC, SchemaError, r"no value column is left beside the roles, .*'sex'"),
        (
            gaps(frame(), "who", [3], None),
            PANEL,
            InputError,
            r"entity 'who' is missing \(NaN\) in 1 of 20 rows \(3, counted from 0\); fill or drop",
        ),
        (
            gaps(frame(), "who", slice(None), None),
            PANEL,
            InputError,
            r"entity 'who' is missing \(NaN\) in all of 20 rows; fill or drop",
        ),
        (
            gaps(frame(), "day", [3, 4, 5, 6, 7, 8]),
            PANEL,
            InputError,
            r"the time 'day' is missing \(NaN, NaT\) in 6 of 20 rows \(3, 4, 5, 6, 7, ..., counted from 0\); fill or",
        ),
        (
            frame().set_index(DAYS.where(DAYS.day != 4)),
            {},
            InputError,
            r"the time index is missing \(NaN, NaT\) in 1 of 20 rows \(3, counted from 0\)",
        ),
        (frame(x=np.inf), {}, InputError, r"infinite values \(inf\) in column 'x', in all of 20 rows; replace them"),
        (
            frame(x=pd.Series([1.5, -np.inf, None] + [2] * 17, dtype=object)),
            {},
            InputError,
            r"infinite values \(inf\) in column 'x', in 1 of 20 rows \(1, counted from 0\); .*NaN where there is no",
        ),
        (gaps(frame(), "x", [0], 1e200), {}, InputError, r"column 'x' holds 1e\+200; rescale it below 1e\+150"),
        (
            frame(x=np.arange(20) * 1e-200),
            {},
            InputError,
            r"column 'x' varies by no more than 1.9e-199; rescale it above",
        ),
        (frame().set_axis(["a", "a", "b", "c", "b"], axis=1), {}, SchemaError, r"more than once there: \['a', 'b'\]"),
        (frame().set_axis([1.5, 2.5, 3.5, 4.5, 5.5], axis=1), {}, SchemaError, r"column names must be strings or int"),
        (
            frame().set_axis(
                pd.MultiIndex.from_tuples([("a.b", "c"), ("a", "b.c"), ("d", ""), ("e", ""), ("f", "")]), axis=1
            ),
            {},
            SchemaError,
            r"column names must be unique; more than once there: \['a.b.c'\]",
        ),
        (
            frame(),
            {"entity": "whoo"},
            SchemaError,
            r"entity='whoo' is not a column; there are \[.*Did you mean 'who'\?",
        ),
        (frame(), {"time": "date"}, SchemaError, r"time='date' is not a column; there are"),
        (frame(), {**PANEL, "static": ["sexx"]}, SchemaError, r"static='sexx' is not a column.*Did you mean 'sex'"),
        (frame(), {"entity": "who", "time": "who"}, SchemaError, r"column 'who' cannot be both entity and time"),
        (frame(), {**PANEL, "static": ["day"]}, SchemaError, r"column 'day' cannot be both time and static"),
        (frame(), {**PANEL, "static": ["sex", "sex"]}, SchemaError, r"'sex' cannot be both static and static"),
        (frame(), {"static": ["sex"]}, SchemaError, r"static=\['sex'\] needs entity="),
        (frame(), {"static": "sex"}, ParameterError, r"static='sex' must be a list of columns; write static=\['sex'\]"),
        (
            gaps(frame(), "sex", [12, 13], "x"),
            STATIC,
            SchemaError,
            r"static column 'sex' is not constant within 'who'='bob': it holds 'm', 'x'; leave it out of static=",
        ),
        (
            frame(day=np.repeat([1, 2], 10)),
            PANEL,
            InputError,
            r"time 'day' is duplicated: '1' comes more than once in the entity 'ann' \(18 such rows in all\); drop",
        ),
        (
            frame().set_index(DAYS.repeat(2)[:20]),
            {},
            InputError,
            r"the time index is duplicated: '2020-01-01 00:00:00' comes more than once \(10 .*with entity=",
        ),
        (frame(c=[1, "a"] * 10), {}, SchemaError, r"column 'c' holds mixed types \(10 int, 10 str\)"),
        (frame(x=1j), {}, SchemaError, r"Complex data not supported: column 'x'"),
        (frame(c=[[1]] * 20), {}, SchemaError, r"column 'c' holds nested objects"),
        (frame(c=[f"k{i}" for i in range(250)], rows=250), {}, SchemaError, r"column 'c' holds 250 distinct values"),
        (frame(day="soon"), {"time": "day"}, SchemaError, r"the time 'day' holds .* such as 'soon', which are no time"),
        (frame().set_index(["day", "who"]), {}, SchemaError, r"index has 2 levels \['day', 'who'\]; with entity= name"),
        (
            frame().set_index(["who", "sex"]),
            {"entity": "who", "time": "day"},
            SchemaError,
            r"time='day' is a column, but the index has a level beside the entity",
        ),
        (np.zeros(5), {}, SchemaError, r"got an array of shape \(5,\); .*Reshape your data"),
        (np.zeros((2, 2, 2, 2)), {}, SchemaError, r"got an array of shape \(2, 2, 2, 2\)"),
        (np.zeros((5, 0)), {}, SchemaError, r"0 feature\(s\) \(shape=\(5, 0\)\) while a minimum of 1 is required"),
        (np.zeros((0, 3)), {}, InputError, r"the table is empty"),
        (np.zeros((1, 3)), {}, InputError, r"1 sample"),
        (np.zeros((0, 4, 3)), {}, InputError, r"the table is empty"),
        (np.zeros((5, 2)) * 1j, {}, SchemaError, r"Complex data not supported"),
        (np.array([["a", "b"]] * 3), {}, SchemaError, r"an array must hold numbers .*pass a DataFrame for categories"),
        (np.zeros((5, 2)), {"entity": "who"}, SchemaError, r"entity='who' needs a DataFrame"),
        (
            [np.zeros((3, 2)), np.zeros((5, 2)), np.zeros((4, 3))],
            {},
            SchemaError,
            r"different numbers of features: number 2 \(counted from 0\) is an array of shape \(4, 3\), 2 of 3 have 2",
        ),
        (frame(), {**PANEL, "window": 11}, ParameterError, r"window=11 is longer than every sequence: .* 10 rows"),
        (frame(), {"stride": 0}, ParameterError, r"stride=0 is not allowed"),
        (frame(), {"scaler": "quantil"}, ParameterError, r"scaler='quantil' is not known.*Did you mean 'quantile'"),
        (frame(), {"scaler": {"x": "root"}}, ParameterError, r"scaler\['x'\]='root' is not known"),
        (frame(), {"scaler": {"xx": "power"}}, ParameterError, r"scaler names 'xx', which is not .*Did you mean 'x'"),
        (
            frame(),
            {"scaler": {"c": "power"}},
            ParameterError,
            r"scaler names 'c', which holds no numbers; .*\['day', 'x'",
        ),
        (frame(), {"bounds": "seen"}, ParameterError, r"bounds='seen' is not known; use 'observed', None or a mapping"),
        (frame(), {"bounds": {"y": (0, 1)}}, ParameterError, r"bounds names 'y', which is not"),
        (frame(), {"bounds": {"c": (0, 1)}}, ParameterError, r"bounds names 'c', which holds no numbers"),
        (frame(), {"bounds": {"x": 3}}, ParameterError, r"bounds\['x'\]=3 must be a pair"),
        (
            frame(),
            {"bounds": {"x": (0, np.nan)}},
            ParameterError,
            r"bounds\['x'\]=\(0, nan\) must be a pair .* of numbers",
        ),
        (frame(), {"bounds": {"x": (2, 1)}}, ParameterError, r"bounds\['x'\]=\(2, 1\): the lower bound is above"),
    ],
)
def test_refused(data, options, error, text):
    with pytest.raises(error, match=text):
        Encoder(**options).fit(data)


def test_sparse_data_are_named():
    from scipy.sparse import csr_array

    with pytest.raises(SchemaError, match="sparse data are not supported"):
        Encoder().fit(csr_array(np.eye(3)))


def test_an_array_of_dictionaries_is_a_type_error():
    data = np.ones((4, 2), dtype=object)
    data[0, 0] = {"foo": "bar"}
    with pytest.raises(TypeError, match=r"argument must be .*string.* number"):
        Encoder().fit(data)


def test_unsorted_time_is_sorted_with_a_warning():
    data = frame()
    mixed = data.sample(frac=1, random_state=0).reset_index(drop=True)
    with pytest.warns(TsganWarning, match=r"the time 'day' does not increase in the entity '\w+'; rows were sorted"):
        encoder = Encoder(**PANEL).fit(mixed)
    with pytest.warns(TsganWarning):
        again = decoded(encoder, encoder.encode(mixed))
    assert again["day"].tolist() == data["day"].tolist()


def test_a_clock_that_was_not_named_is_noticed():
    data = pd.DataFrame({"date": DAYS, "x": np.arange(20) % 7})
    with pytest.warns(TsganWarning, match=r"column 'date' increases with every row, like a clock, .* pass time='date'"):
        Encoder().fit(data)
    Encoder(time="date").fit(data)


class TestEncode:
    def test_before_fit(self):
        encoder = Encoder()
        with pytest.raises(NotFittedError, match=r"not fitted yet; call fit\(data\) first"):
            encoder.encode(frame())
        with pytest.raises(NotFittedError):
            encoder.stages.check()

    @pytest.mark.parametrize(
        ("data", "text"),
        [
            (frame().drop(columns=["x", "c"]), r"not the fitted ones: missing \['x', 'c'\]; pass \['who'"),
            (frame().assign(z=1), r"not the fitted ones: not known \['z'\]"),
            (frame().rename(columns={"x": "y"}), r"missing \['x'\], not known \['y'\]"),
            (np.zeros((5, 5)), r"fitted on a DataFrame, got ndarray; pass the same kind"),
        ],
    )
    def test_other_columns(self, data, text):
        with pytest.raises(SchemaError, match=text):
            Encoder(**PANEL).fit(frame()).encode(data)

    def test_other_features(self):
        encoder = Encoder().fit(np.random.default_rng(0).normal(size=(9, 3)))
        with pytest.raises(SchemaError, match=r"X has 2 features, but tsgan is expecting 3 features as input"):
            encoder.encode(np.zeros((9, 2)))
        with pytest.raises(SchemaError, match=r"fitted on an array, got DataFrame"):
            encoder.encode(frame())

    def test_an_unseen_category(self):
        with pytest.raises(InputError, match=r"column 'c' holds 'pink', never seen when fitting; known are"):
            Encoder(**PANEL).fit(frame()).encode(frame(c="pink"))

    def test_an_array_where_the_layout_differs(self):
        encoder = Encoder(**PANEL).fit(frame())
        other = Encoder().fit(np.random.default_rng(0).normal(size=(9, 4)))
        panel = other.encode(np.random.default_rng(0).normal(size=(9, 4)))
        with pytest.raises(ValueError, match=r"got \(4, 0\) cells; the layout has \(3, 0\)"):
            decoded(encoder, panel)

    def test_start_without_a_clock(self):
        encoder = Encoder(entity="who").fit(frame())
        with pytest.raises(ParameterError, match=r"start=3 needs time stamps, and the fitted data had none"):
            decoded(encoder, encoder.encode(frame()), start=3)
