"""Conditions: what is asked for holds, what is left open follows it, what does not exist is refused."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from tsgan import Fixed, Inequality, RecurrentGAN, datasets
from tsgan.errors import ParameterError, TsganWarning

STATIC = ["sex", "age", "born", "ill", "grade", "country", "city", "capital", "planet", "mode", "income"]
CITIES = {"de": ["berlin", "bonn"], "fr": ["paris", "lyon"], "it": ["rome", "turin"]}
SHIFT = {"low": -2.0, "mid": 0.0, "high": 4.0}
STEPS = 6


def chain(rows: int, rng: np.random.Generator, stay: float = 0.8) -> np.ndarray:
    """A class of three that stays as it is for a while."""
    moves = np.where(rng.random(rows) < stay, 0, rng.integers(3, size=rows))
    moves[0] = 0
    return np.array(["a", "b", "c"])[np.cumsum(moves) % 3]


def planted(n: int = 500) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], n, p=[0.4, 0.6])
    country = rng.choice(list(CITIES), n, p=[0.5, 0.3, 0.2])
    mode = rng.choice(list(SHIFT), n, p=[0.5, 0.3, 0.2])
    one = pd.DataFrame(
        {
            "id": np.arange(n) + 1000,
            "sex": pd.Categorical(sex, categories=["m", "f", "x"]),
            "age": rng.integers(20, 80, n),
            "born": pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(0, 9000, n), unit="D"),
            "ill": rng.random(n) < np.where(sex == "f", 0.7, 0.2),
            "grade": pd.array(rng.integers(1, 5, n), dtype="Int16"),
            "country": country,
            "city": [rng.choice(CITIES[c], p=[0.7, 0.3]) for c in country],
            "capital": pd.Series(country).map({"de": "Berlin", "fr": "Paris", "it": "Rome"}),
            "planet": "earth",
            "mode": mode,
            "income": pd.Series(rng.normal(3000, 300, n).round(2)).mask(rng.random(n) < 0.2),
        }
    )
    frame = one.loc[one.index.repeat(STEPS)].reset_index(drop=True)
    frame.insert(1, "t", np.tile(np.arange(STEPS), n))
    frame["x"] = (frame["mode"].map(SHIFT) + rng.normal(size=len(frame))).round(2)
    frame["state"] = pd.Series(chain(len(frame), rng)).mask(rng.random(len(frame)) < 0.05)
    return frame


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    return planted()


@pytest.fixture(scope="module")
def model(real) -> RecurrentGAN:
    gan = RecurrentGAN(
        entity="id", time="t", static=STATIC, steps=300, adversarial_steps=0, verbose=False, random_state=0
    )
    with pytest.warns(TsganWarning, match="the untrained start is kept"):  # of the steps; the statics are learned
        return gan.fit(real)


@pytest.fixture(scope="module")
def series() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    state = chain(6000, rng, 0.6)
    x = 3.0 * (state == "c") + pd.Series(rng.normal(size=6001)).rolling(2).sum().to_numpy()[1:] / 2**0.5
    return pd.DataFrame({"x": x.round(3), "state": state})


@pytest.fixture(scope="module")
def fitted(series):
    return RecurrentGAN(steps=0, random_state=0).fit(series)


@pytest.fixture(scope="module")
def ruled(real):
    frame = real.assign(top=real["x"] + 1.5, room=real["state"].fillna("a") + np.where(real["x"] > 0, "1", "2"))
    frame["state"] = frame["state"].fillna("a")
    rules = [Fixed("country", "city", "capital"), Fixed("state", "room"), Inequality("x", "top")]
    return RecurrentGAN(steps=0,
        entity="id", time="t", static=STATIC, constraints=rules, random_state=0
    ).fit(frame)  # fmt: skip


class TestStatics:
    @pytest.mark.parametrize(
        "where",
        [
            {"sex": "f", "age": 40},
            {"born": pd.Timestamp("1960-02-29")},
            {"born": "1960-02-29"},
            {"ill": True, "grade": 3},
            {"ill": np.bool_(False), "age": np.int64(33)},
            {"income": 3000.25, "country": "it"},
            {"planet": "earth", "mode": "high"},
        ],
    )
    def test_they_come_back_as_they_were_given(self, model, real, where):
        made = model.sample(60, where=where)
        for name, value in where.items():
            value = pd.Timestamp(value) if name == "born" else value
            assert (made[name] == value).all()
        pd.testing.assert_series_equal(made.dtypes, real.dtypes)

    @pytest.mark.parametrize("where", [{"sex": "f"}, {"ill": True}, {"country": ["fr", "it"], "sex": "m"}])
    def test_what_is_open_follows_them(self, model, real, where):
        made = model.sample(2000, length=1, where=where)
        alike = np.logical_and.reduce([real[name].isin(v if isinstance(v, list) else [v]) for name, v in where.items()])
        for name in ("sex", "ill", "country"):
            wanted, got = (table[name].astype(str).value_counts(normalize=True) for table in (real[alike], made))
            assert (wanted - got).abs().max() < 0.03

    def test_a_capital_renames_its_country(self, model):
        assert set(model.sample(30, where={"capital": "Paris"})["country"]) == {"fr"}

    @pytest.mark.parametrize("mode", SHIFT)
    def test_the_sequence_follows_them(self, model, real, mode):
        made, alike = model.sample(400, where={"mode": mode}), real[real["mode"] == mode]
        assert abs(made["x"].mean() - alike["x"].mean()) < 0.1 * real["x"].std()

    def test_cities_stay_in_their_country(self, model, real):
        made = model.sample(300, where={"country": "fr"})
        assert set(made["city"]) == {"paris", "lyon"}

    def test_a_frame_gives_a_sequence_for_each_row(self, model):
        asked = pd.DataFrame({"age": [30, None, 50], "city": ["bonn", "rome", None], "id": [1000, 1001, 1002]})
        made = model.sample(static=asked, random_state=1).groupby("id", sort=False).first()
        assert made["age"].iloc[[0, 2]].tolist() == [30, 50]
        assert made["city"].iloc[:2].tolist() == ["bonn", "rome"]
        assert made["country"].iloc[:2].tolist() == ["de", "it"]
        assert not set(made.index) & set(asked["id"])

    def test_a_frame_in_pieces_is_the_same(self, model):
        asked = pd.DataFrame({"age": np.resize(np.arange(20, 80), 300)})
        whole = model.sample(static=asked, where={"mode": ["low", "high"], "state": "a"}, random_state=1)
        parts = list(
            model.sample_iter(300, 100, static=asked, where={"mode": ["low", "high"], "state": "a"}, random_state=1)
        )
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole.reset_index(drop=True))
        assert whole.groupby("id", sort=False)["age"].first().tolist() == asked["age"].tolist()
        assert set(whole["mode"]) == {"low", "high"}

    def test_polars(self, model):
        polars = pytest.importorskip("polars")
        made = model.sample(static=polars.DataFrame({"sex": ["f", "m"], "age": [30, 31]}))
        assert made.groupby("id", sort=False)["sex"].first().tolist() == ["f", "m"]

    def test_a_value_is_not_missing(self, model, real):
        assert real["income"].isna().any()
        assert model.sample(80, where={"income": 3100.5})["income"].notna().all()


class TestClasses:
    @pytest.mark.parametrize(("length", "n"), [(1, 1500), (5, 400), (24, 100), (60, 50)])
    @pytest.mark.parametrize("state", ["a", "c"])
    def test_numbers_are_those_of_the_class(self, fitted, series, length, n, state):
        made = fitted.sample(n, length=length, where={"state": state}, random_state=1)
        assert (made["state"] == state).all()
        wanted = series.loc[series["state"] == state, "x"].mean()
        assert abs(made["x"].mean() - wanted) < 0.1 * series["x"].std()

    def test_any_of_several(self, fitted):
        made = fitted.sample(200, length=10, where={"state": ["a", "c"]})["state"]
        assert set(made) == {"a", "c"}
        assert 0.3 < (made == "a").mean() < 0.7

    def test_a_level_is_not_missing(self, model):
        assert (model.sample(50, where={"state": "b", "sex": "m"})["state"] == "b").all()

    def test_snow_falls_in_winter(self):
        weather = datasets.load("seattle_weather")
        model = RecurrentGAN(steps=150, adversarial_steps=0, time="date", random_state=0, verbose=False).fit(weather)
        snow = weather[weather["weather"] == "snow"]
        made = model.sample(300, length=1, where={"weather": "snow"}, random_state=0)
        assert abs(made["temp_max"].mean() - snow["temp_max"].mean()) < 1.5
        months = made.index.get_level_values(-1).month if "date" not in made else made["date"].dt.month
        assert np.isin(months, snow["date"].dt.month.unique()).mean() > 0.75

    def test_a_trained_model_holds_them_exactly(self, real):
        gan = RecurrentGAN(
            entity="id",
            time="t",
            static=STATIC,
            steps=3,
            adversarial_steps=1,
            hidden=8,
            units=16,
            verbose=False,
            random_state=0,
        )
        with warnings.catch_warnings(action="ignore"):  # so few steps need not help
            gan.fit(real.iloc[: 100 * STEPS])
        made = gan.sample(40, where={"state": "c", "sex": "f", "age": 44})
        assert (made["state"] == "c").all()
        assert (made["sex"] == "f").all()
        assert (made["age"] == 44).all()


def test_rare_levels_come_back():
    rng = np.random.default_rng(0)
    n = 3000
    site = rng.zipf(1.3, n).clip(max=400)
    frame = pd.DataFrame(
        {"id": np.repeat(np.arange(n), 2), "site": np.repeat([f"s{k}" for k in site], 2), "x": rng.normal(size=2 * n)}
    )
    frame["kind"] = np.resize(np.array([f"k{k}" for k in rng.zipf(1.3, 2 * n).clip(max=400)]), 2 * n)
    model = RecurrentGAN(steps=0, entity="id", static=["site"], protect=2, random_state=0).fit(frame)
    rare = {}
    for name in ("site", "kind"):
        counts = frame.drop_duplicates("id")[name].value_counts() if name == "site" else frame[name].value_counts()
        rare[name] = counts[counts == 2].index.tolist()
        assert len(rare[name]) > 5
    made = model.sample(50, where={"site": rare["site"][-1], "kind": rare["kind"][-1]})
    assert set(made["site"]) == {rare["site"][-1]}
    assert set(made["kind"]) == {rare["kind"][-1]}
    both = rare["site"][:2]
    assert set(model.sample(50, where={"site": both})["site"]) == set(both)


class TestConstraints:
    def test_one_column_of_a_combination(self, ruled):
        made = ruled.sample(300, where={"country": "de", "state": "b"})
        assert set(made["country"]) == {"de"}
        assert set(made["state"]) == {"b"}
        assert set(made["room"]) <= {"b1", "b2"}
        assert abs((made["city"] == "berlin").mean() - 0.7) < 0.1

    def test_each_row_of_a_frame(self, ruled):
        asked = pd.DataFrame({"country": ["de", None, "it"], "city": [None, "lyon", "rome"]})
        made = ruled.sample(static=asked).groupby("id", sort=False).first()
        assert made["country"].tolist() == ["de", "fr", "it"]
        assert made["city"].tolist()[1:] == ["lyon", "rome"]
        assert made["capital"].tolist() == ["Berlin", "Paris", "Rome"]

    @pytest.mark.parametrize(
        ("where", "text"),
        [
            (
                {"country": "de", "city": "rome"},
                "never comes with what is asked of 'country'; with it there are ['de |",
            ),
            ({"country": "es"}, "'country' is never 'es' in the fitted table; there are ['"),
        ],
    )
    def test_refusals(self, ruled, where, text):
        with pytest.raises(ParameterError, match=re.escape(text)):
            ruled.sample(2, where=where)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"where": {"sex": "q"}}, "where: 'sex' is never 'q' in the fitted table; there are ["),
        ({"where": {"state": "d"}}, "where: 'state' is never 'd' in the fitted table; there are ["),
        ({"where": {"city": "berlim"}}, "Did you mean 'berlin'?"),
        ({"where": {"age": 7}}, "where: 'age' is never 7 in the fitted table; it lies between 20 and 79"),
        ({"where": {"age": 40.5}}, "where: 'age' holds integer values, not 40.5"),
        ({"where": {"age": "40"}}, "where: 'age' holds integer values, not '40'"),
        ({"where": {"age": True}}, "where: 'age' holds integer values, not True"),
        ({"where": {"ill": 2}}, "where: 'ill' is never 2 in the fitted table; there are [False, True]"),
        ({"where": {"born": 3}}, "where: 'born' holds datetime values, not 3"),
        ({"where": {"born": "2050-01-01"}}, "it lies between 1950-"),
        ({"where": {"planet": "mars"}}, "where: 'planet' is always 'earth' in the fitted table, not 'mars'"),
        ({"where": {"x": 1.0}}, "where: 'x' holds float values that change from row to row; a condition takes"),
        ({"where": {"id": 1000}}, "where: 'id' is the entity, and keys are always new"),
        ({"where": {"t": 1}}, "where: 't' is the time; use start= to choose where sequences begin"),
        ({"where": {"sxe": "f"}}, "where: 'sxe' is neither a static column nor a category; there are ["),
        ({"where": {"sxe": "f"}}, "Did you mean 'sex'?"),
        ({"where": {"sex": None}}, "where: 'sex' has no value, None; give one, or leave the column out"),
        ({"where": {"sex": []}}, "where: 'sex' has no value, []"),
        ({"where": {"age": [30, 40]}}, "where: 'age' holds integer values; give one, not [30, 40]"),
        ({"where": "sex"}, "where='sex' must map columns to values, such as where={'sex': 'f'}"),
        ({"where": {"country": "fr", "city": "rome"}}, "'city' is one of ['"),
        ({"where": {"country": "fr", "city": "rome"}}, "'country' = 'fr' never comes with 'city' = 'rome'"),
        ({"where": {"country": "fr", "capital": "Rome"}}, "what is asked of"),
        ({"static": pd.DataFrame({"sexx": ["f"]})}, "static: 'sexx' is not a static column; there are ["),
        ({"static": pd.DataFrame({"x": [1.0]})}, "static: 'x' is not a static column"),
        ({"static": pd.DataFrame({"sex": []})}, "static has no rows; it needs one for each sequence"),
        ({"static": [1, 2]}, "static must be a DataFrame with one row per sequence, got list"),
        ({"static": pd.DataFrame({"age": [30, 300]})}, "static: 'age' is never 300"),
        ({"static": pd.DataFrame({"country": ["de", "fr"], "city": ["bonn", "rome"]})}, "(row 1 of static); with"),
        ({"static": pd.DataFrame({"age": [30]}), "where": {"age": 40}}, "'age' has another value in static="),
        ({"static": pd.DataFrame({"age": [30, 31]}), "n": 3}, "n=3 and static= with 2 rows do not agree; leave n out"),
    ],
)
def test_refusals(model, asked, text):
    with pytest.raises(ParameterError, match=re.escape(text)):
        model.sample(**{"n": None, **asked})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::tsgan.errors.TsganWarning")
def test_training_keeps_what_depends_on_the_condition(real):
    gan = RecurrentGAN(
        entity="id", time="t", static=STATIC, steps=100, adversarial_steps=2, hidden=16, verbose=False, random_state=0
    )
    gan.fit(real)
    for mode in SHIFT:
        made, alike = gan.sample(300, where={"mode": mode}, random_state=0), real[real["mode"] == mode]
        assert abs(made["x"].mean() - alike["x"].mean()) < 0.15 * real["x"].std()
