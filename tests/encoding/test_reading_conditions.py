"""Conditions become known cells and allowed levels, what does not exist is refused, what is asked holds literally."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from through_json import through_json

from tsgan.constraints import Fixed
from tsgan.encoding.encoder import Encoder
from tsgan.errors import ParameterError

STATIC = ["sex", "age", "born", "country", "city", "planet", "note"]
CITIES = {"de": ["berlin", "bonn"], "fr": ["paris", "lyon"], "it": ["rome", "turin"]}


def table(n=200):
    rng = np.random.default_rng(0)
    country = rng.choice(list(CITIES), n)
    one = pd.DataFrame(
        {
            "id": np.arange(n),
            "sex": rng.choice(["f", "m"], n, p=[0.4, 0.6]),
            "age": rng.integers(20, 80, n),
            "born": pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(0, 9000, n), unit="D"),
            "country": country,
            "city": [rng.choice(CITIES[c]) for c in country],
            "planet": "earth",
            "note": pd.Series("seen", index=range(n)).mask(rng.random(n) < 0.3),
        }
    )
    one.loc[:1, "age"] = [20, 79]
    frame = one.loc[one.index.repeat(3)].reset_index(drop=True)
    frame["x"] = rng.normal(size=len(frame))
    frame["state"] = pd.Series(rng.choice(["a", "b", "c"], len(frame))).mask(rng.random(len(frame)) < 0.2)
    frame["flag"] = pd.Series("on", index=frame.index).mask(rng.random(len(frame)) < 0.5)
    return frame


@pytest.fixture(scope="module")
def fitted():
    return Encoder(entity="id", static=STATIC).fit(table())


def place(encoder, name):
    return encoder.stages.cells.place(name)


def code(encoder, name, level):
    return next(c for c in encoder.stages.cells.columns if c.name == name).levels.index(level)


class TestKnown:
    def test_nothing_asked(self, fitted):
        assert fitted.condition(None, None) is None

    def test_numbers_are_scaled_and_levels_coded(self, fitted):
        asked = fitted.condition({"sex": "f", "age": 40, "born": "1960-02-29"}, None)
        assert asked.statics.shape == (1, len(fitted.stages.layout.statics))
        known = dict(zip([cell.name for cell in fitted.stages.layout.statics], asked.statics[0], strict=True))
        assert known["sex"] == code(fitted, "sex", "f")
        age = next(c for c in fitted.stages.cells.columns if c.name == "age")
        assert age.decode(np.array([known["age"]])).tolist() == [40]
        assert {name for name, z in known.items() if np.isnan(z)} == {"country", "city", "note"}
        allowed = asked.static_allowed[place(fitted, "sex")]
        assert allowed.tolist() == [[level == code(fitted, "sex", "f") for level in range(2)]]
        assert asked.allowed == (None,) * len(fitted.stages.layout.cells)

    def test_any_of_several_levels(self, fitted):
        asked = fitted.condition({"country": ["de", "fr"], "state": ["a", "c"]}, None)
        assert asked.static_allowed[place(fitted, "country")].sum() == 2
        assert np.isnan(asked.statics).all()
        state = asked.allowed[place(fitted, "state")]
        assert np.flatnonzero(state).tolist() == sorted(code(fitted, "state", level) for level in "ac")

    def test_each_row_of_a_frame(self, fitted):
        asked = fitted.condition(None, pd.DataFrame({"sex": ["f", None, "m"], "age": [30, 40, None]}))
        sex = place(fitted, "sex")
        np.testing.assert_array_equal(np.isnan(asked.statics[:, sex]), [False, True, False])
        np.testing.assert_array_equal(np.isnan(asked.statics[:, place(fitted, "age")]), [False, False, True])
        assert asked.static_allowed[sex].sum(axis=1).tolist() == [1, 2, 1]
        part = asked.some(1, 2)
        np.testing.assert_array_equal(part.statics, asked.statics[1:])
        np.testing.assert_array_equal(part.static_allowed[sex], asked.static_allowed[sex][1:])

    def test_the_one_value_of_a_column_with_gaps(self, fitted):
        asked = fitted.condition({"note": "seen", "flag": "on", "planet": "earth"}, None)
        assert asked.static_allowed[place(fitted, "note")].tolist() == [[True, False]]
        assert asked.allowed[place(fitted, "flag")].tolist() == [True, False]
        assert place(fitted, "planet") is None

    def test_levels_that_are_not_kept_are_none_of_those_asked_for(self):
        rng = np.random.default_rng(0)
        site = rng.zipf(1.3, 3000).clip(max=900)
        encoder = Encoder().fit(pd.DataFrame({"site": [f"s{k}" for k in site], "x": rng.normal(size=3000)}))
        column = next(c for c in encoder.stages.cells.columns if c.name == "site")
        assert column.dropped
        allowed = encoder.condition({"site": column.levels[-1]}, None).allowed[0]
        assert np.flatnonzero(allowed).tolist() == [len(column.levels) - 1]
        assert len(allowed) == encoder.stages.layout.cells[0].levels
        assert not encoder.condition({"site": column.levels[:-1]}, None).allowed[0][-1]


class TestHeld:
    """Whatever is in the panel, what was asked for comes back."""

    def rows(self, encoder, asked, frame):
        panel = encoder.encode(frame)
        rng = np.random.default_rng(1)
        starts = encoder.stages.starts(panel.statics, panel.lengths, None, rng)
        some = asked.some(0, len(panel))
        return encoder.decode(panel, starts, rng, drawn=True, condition=some).values

    def test_levels_and_numbers(self, fitted):
        frame = table()
        where = {"sex": "f", "age": 40, "born": "1960-02-29", "note": "seen", "flag": "on", "state": ["a", "c"]}
        made = self.rows(fitted, fitted.condition(where, None), frame)
        assert set(made["sex"]) == {"f"}
        assert set(made["age"]) == {40}
        assert set(made["born"]) == {pd.Timestamp("1960-02-29")}
        assert set(made["note"]) == {"seen"}
        assert set(made["flag"]) == {"on"}
        kept = frame["state"].isin(["a", "c"]).to_numpy()
        assert (made["state"][kept] == frame["state"][kept]).all()
        drawn = pd.Series(made["state"][~kept])
        assert set(drawn) == {"a", "c"}
        assert 0.3 < (drawn == "a").mean() < 0.7

    def test_free_rows_stay_as_they_are(self, fitted):
        frame = table()
        asked = fitted.condition(None, pd.DataFrame({"sex": pd.Series(["f", None] * 100, dtype=object)}))
        made = self.rows(fitted, asked, frame)["sex"]
        assert (made[::2] == "f").all()
        assert (made[1::2] == frame["sex"][::3].to_numpy()[1::2]).all()

    def test_the_panel_is_left_alone(self, fitted):
        panel = fitted.encode(table())
        before = replace(panel, values=panel.values.copy(), statics=panel.statics.copy())
        asked = fitted.condition({"sex": "f", "state": "a"}, None).some(0, 200)
        asked.held(panel, fitted.stages.cells, np.random.default_rng(0))
        np.testing.assert_array_equal(panel.values, before.values)
        np.testing.assert_array_equal(panel.statics, before.statics)


def test_columns_of_a_combination_are_one_category():
    encoder = Encoder(entity="id", static=STATIC, constraints=[Fixed("country", "city")]).fit(table())
    asked = encoder.condition({"country": "de"}, None)
    joint = next(c for c in encoder.stages.cells.columns if "country" in str(c.name))
    assert asked.static_allowed[place(encoder, joint.name)].sum() == 2
    with pytest.raises(ParameterError, match="never comes with what is asked of 'country'; with it there are"):
        encoder.condition({"country": "de", "city": "rome"}, None)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"where": {"sex": "q"}}, "where: 'sex' is never 'q' in the fitted table; there are ["),
        ({"where": {"state": "d"}}, "where: 'state' is never 'd' in the fitted table; there are ["),
        ({"where": {"city": "berlim"}}, "Did you mean 'berlin'?"),
        ({"where": {"age": 7}}, "where: 'age' is never 7 in the fitted table; it lies between 20 and 79"),
        ({"where": {"age": 40.5}}, "where: 'age' holds integer values, not 40.5"),
        ({"where": {"planet": "mars"}}, "where: 'planet' is always 'earth' in the fitted table, not 'mars'"),
        ({"where": {"flag": "off"}}, "where: 'flag' is always 'on' in the fitted table, not 'off'"),
        ({"where": {"x": 1.0}}, "where: 'x' holds float values that change from row to row; a condition takes"),
        ({"where": {"country": "fr", "city": "rome"}}, "'country' = 'fr' never comes with 'city' = 'rome' in the"),
        ({"where": {"country": "fr", "city": "rome"}}, "'city' is one of ['"),
        ({"static": pd.DataFrame({"country": ["de", "fr"], "city": ["bonn", "rome"]})}, "(row 1 of static); with"),
        ({"static": pd.DataFrame({"age": [30]}), "where": {"age": 40}}, "'age' has another value in static="),
    ],
)
def test_refusals(fitted, asked, text):
    with pytest.raises(ParameterError, match=re.escape(text)):
        fitted.condition(asked.get("where"), asked.get("static"))


def test_what_meets_survives_the_state(fitted):
    again = Encoder.of(through_json(fitted.stages))
    with pytest.raises(ParameterError, match="never comes with"):
        again.condition({"country": "fr", "city": "rome"}, None)
    assert again.condition({"country": "fr", "city": "lyon"}, None) is not None
