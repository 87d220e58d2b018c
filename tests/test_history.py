"""Futures of a past and filled holes, from table to table."""

import time

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tsgan import RecurrentGAN, datasets
from tsgan.constraints.inequality import Inequality
from tsgan.constraints.monotone import Monotone
from tsgan.errors import InputError, ParameterError, SchemaError, TsganWarning

PHI = 0.9


def planted(n, phi=PHI, seed=0):
    rng = np.random.default_rng(seed)
    shock = np.sqrt(1 - phi**2) * rng.normal(size=n + 200)
    x = np.zeros(n + 200)
    for at in range(1, len(x)):
        x[at] = phi * x[at - 1] + shock[at]
    return x[200:]


@pytest.fixture(scope="module")
def hours():
    """Return a table with a clock: an AR(1), and a column that goes with it at .9."""
    x = planted(6000)
    other = 0.9 * x + np.sqrt(0.19) * np.random.default_rng(1).normal(size=len(x))
    return pd.DataFrame({"x": x, "y": other}, index=pd.date_range("2020-01-01", periods=len(x), freq="h"))


@pytest.fixture(scope="module")
def model(hours):
    return RecurrentGAN(steps=0, random_state=0).fit(hours)


@pytest.fixture(scope="module")
def pairs():
    """Return sequences of the same two columns, as an array."""
    x = np.stack([planted(40, seed=seed) for seed in range(400)])
    other = 0.9 * x + np.sqrt(0.19) * np.random.default_rng(1).normal(size=x.shape)
    return np.stack([x, other], axis=-1)


@pytest.fixture(scope="module")
def paired(pairs):
    return RecurrentGAN(steps=0, random_state=0).fit(pairs)


@pytest.fixture(scope="module")
def weather():
    return datasets.load("seattle_weather")


@pytest.fixture(scope="module")
def sky(weather):
    return RecurrentGAN(steps=0, time="date", random_state=0).fit(weather)


@pytest.fixture(scope="module")
def gappy(weather):
    """Return a table with missing values, and what was fitted to it."""
    holed = weather.mask(np.random.default_rng(0).random(weather.shape) < 0.1).assign(date=weather["date"])
    return holed, RecurrentGAN(steps=0, time="date", random_state=0).fit(holed)


@pytest.fixture(scope="module")
def ordered():
    """Return columns of which each is at least the one before, and what was fitted to them under that rule."""
    rng = np.random.default_rng(0)
    low = planted(1500)
    mid = low + rng.gamma(2, 0.5, len(low))
    table = pd.DataFrame({"low": low, "mid": mid, "high": mid + rng.gamma(2, 0.5, len(low))})
    rules = [Inequality("low", "mid", "high")]
    return table, RecurrentGAN(steps=0, constraints=rules, random_state=0).fit(table)


@pytest.fixture(scope="module")
def visits():
    """Return entities of different lengths at odd times, with a meter, a category and a static column."""
    rng = np.random.default_rng(0)
    parts = []
    for key in range(120):
        n = int(rng.integers(5, 30))
        stay = rng.random(n) < 0.8
        level = np.zeros(n, dtype=int)
        for t in range(1, n):
            level[t] = level[t - 1] if stay[t] else (level[t - 1] + 1) % 3
        parts.append(
            pd.DataFrame(
                {
                    "who": f"P{key:04d}",
                    "when": pd.Timestamp("2024-01-01")
                    + pd.to_timedelta(np.cumsum(1 + rng.exponential(20, n)).round(), unit="h"),
                    "sex": "fm"[key % 2],
                    "visit": np.arange(1, n + 1),
                    "meter": 100 * key + np.cumsum(rng.gamma(2, 2, n)).round(1),
                    "ward": np.array(["a", "b", "c"])[level],
                    "pulse": (70 + 8 * planted(n, 0.9, key)).round(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def clinic(visits):
    return RecurrentGAN(
        steps=0, entity="who", time="when", static=["sex"], constraints=[Monotone("meter")], random_state=0
    ).fit(visits)


def _work(run):
    """Return how long the process works on something, whatever else the machine does."""
    begun = time.process_time()
    run()
    return time.process_time() - begun


class TestFutures:
    def test_of_an_autoregression(self, model, hours):
        """Mean and variance at each horizon, by the book."""
        made = model.continue_from(hours.iloc[:3007], 20, 1500, random_state=1)
        assert made.index.names == ["future", None]
        assert (made.xs(3).index == hours.index[3007:3027]).all()
        x, ahead = made["x"].to_numpy().reshape(1500, 20), np.arange(1, 21)
        np.testing.assert_allclose(x.mean(axis=0), PHI**ahead * hours["x"].iloc[3006], atol=0.13)
        np.testing.assert_allclose(x.var(axis=0), 1 - PHI ** (2 * ahead), atol=0.13)
        both = made.corr().iloc[0, 1]
        assert abs(both - 0.9) < 0.05

    def test_of_a_vector_autoregression(self):
        rng = np.random.default_rng(0)
        turn = 0.9 * np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
        x = np.zeros((6000, 2))
        for t in range(1, len(x)):
            x[t] = turn @ x[t - 1] + rng.normal(size=2)
        model = RecurrentGAN(steps=0, bounds=None, scaler="standard", random_state=0).fit(x)
        made = model.continue_from(x[:400], 12, 1500)
        assert made.shape == (1500, 12, 2)
        wanted = np.stack([np.linalg.matrix_power(turn, h) @ x[399] for h in range(1, 13)])
        np.testing.assert_allclose(made.mean(axis=0), wanted, atol=0.25)
        spread = sum(np.linalg.matrix_power(turn, h) @ np.linalg.matrix_power(turn, h).T for h in range(12))
        np.testing.assert_allclose(np.cov(made[:, -1].T), spread, atol=0.5)

    def test_one_future_is_the_next_rows(self, model, hours):
        made = model.continue_from(hours, 5, random_state=0)
        assert list(made.columns) == list(hours.columns)
        assert (made.index == pd.date_range(hours.index[-1], periods=6, freq="h")[1:]).all()
        assert made.index.freq == hours.index.freq
        assert made.equals(model.continue_from(hours, 5, random_state=0))
        assert not made.equals(model.continue_from(hours, 5, random_state=1))

    @pytest.mark.parametrize("rows", [1, 2, 10, 500])
    def test_pasts_of_any_length(self, model, hours, rows):
        made = model.continue_from(hours.iloc[1000 - rows : 1000], 3, 400)
        step = made["x"].to_numpy().reshape(400, 3)[:, 0]
        assert abs(step.mean() - PHI * hours["x"].iloc[999]) < 0.15
        assert abs(step.std() - np.sqrt(1 - PHI**2)) < 0.15

    def test_an_unsorted_past(self, model, hours):
        past = hours.iloc[700:800]
        with pytest.warns(TsganWarning, match="rows were sorted"):
            made = model.continue_from(past.sample(frac=1, random_state=0), 4, random_state=0)
        assert made.equals(model.continue_from(past, 4, random_state=0))

    def test_a_long_past_costs_no_more_than_its_length(self, model):
        long = pd.DataFrame({"x": planted(100_000, seed=3)}, index=pd.date_range("1990", periods=100_000, freq="h"))
        long["y"] = long["x"]
        few = _work(lambda: model.continue_from(long.tail(10_000), 24, 100))
        assert _work(lambda: model.continue_from(long, 24, 100)) < 20 * few

    def test_categories_go_on_from_the_last(self):
        rng = np.random.default_rng(0)
        matrix = np.array([[0.8, 0.2, 0.0], [0.1, 0.6, 0.3], [0.5, 0.0, 0.5]])
        state = [0]
        for _ in range(5000):
            state.append(rng.choice(3, p=matrix[state[-1]]))
        table = pd.DataFrame({"s": np.array(list("abc"))[state], "x": rng.normal(size=len(state))})
        model = RecurrentGAN(steps=0, random_state=0).fit(table)
        for level, row in zip("abc", matrix, strict=True):
            past = table.iloc[: table.index[table["s"] == level][50] + 1].tail(40)
            first = model.continue_from(past, 1, 1000)["s"].value_counts(normalize=True)
            np.testing.assert_allclose(first.reindex(list("abc"), fill_value=0), row, atol=0.08)

    def test_the_calendar_goes_on(self, sky, weather):
        """A January after a December, and a July after a June."""
        for month, after in ((12, 1), (6, 7)):
            past = weather[weather["date"].dt.year == 2013]
            past = past[past["date"].dt.month <= month]
            made = sky.continue_from(past, 31, 20)
            assert (made["date"].dt.month == after).all() or month == 6
            assert made["date"].iloc[0] == past["date"].iloc[-1] + pd.Timedelta("1D")
            real = weather[weather["date"].dt.month == after]["temp_max"].mean()
            assert abs(made["temp_max"].mean() - real) < 3

    def test_labels_of_rows_go_on(self, sky, weather):
        assert list(sky.continue_from(weather.iloc[30:60], 3).index) == [60, 61, 62]

    @pytest.mark.parametrize("entities", [1, 40])
    def test_a_meter_goes_on_from_its_last_value(self, entities):
        rng, steps = np.random.default_rng(0), 480 // entities
        days = pd.date_range("2020-01-01", periods=steps)
        table = pd.DataFrame({"who": np.repeat(np.arange(entities), steps), "day": np.tile(days, entities)})
        table["meter"] = rng.poisson(3, entities * steps)
        table["meter"] = table.groupby("who").meter.cumsum()
        roles = {"entity": "who"} if entities > 1 else {"exclude": ["who"]}
        model = RecurrentGAN(**roles, time="day", constraints=[Monotone("meter")], steps=0, random_state=0).fit(table)
        made = model.continue_from(table if entities > 1 else table.drop(columns="who"), 3, random_state=0)
        after = made.groupby(made.who if entities > 1 else np.zeros(len(made))).meter
        risen = after.first().to_numpy() - table.groupby("who").meter.last().to_numpy()
        assert risen.min() >= 0
        assert risen.max() < 20
        assert after.diff().min() >= 0

    def test_of_entities(self, clinic, visits):
        """Keys, statics, counters and meters of each go on; time goes on and rises."""
        who = [f"P{key:04d}" for key in range(10, 40)]
        past = visits[visits["who"].isin(who)]
        made = clinic.continue_from(past, 6, 3)
        assert made.index.names[0] == "future"
        assert list(made.columns) == list(past.columns)
        assert made.dtypes.equals(past.dtypes)
        last = past.groupby("who").last()
        for _, table in made.groupby(level="future"):
            groups = table.groupby("who")
            assert list(groups.size().index) == who
            assert (groups.size() == 6).all()
            assert (groups["sex"].first() == last["sex"]).all()
            assert (groups["visit"].first() == last["visit"] + 1).all()
            assert (groups["visit"].last() == last["visit"] + 6).all()
            assert (groups["meter"].first() >= last["meter"]).all()
            assert (groups["meter"].first() <= last["meter"] + 60).all()
            assert groups["meter"].is_monotonic_increasing.all()
            assert (groups["when"].first() > last["when"]).all()
            assert groups["when"].apply(lambda x: bool((x.diff().dropna() > pd.Timedelta(0)).all())).all()

    def test_of_missing_values(self, gappy):
        holed, model = gappy
        made = model.continue_from(holed.tail(40), 20, 20)
        assert 0.05 < made["wind"].isna().mean() < 0.15
        assert made["date"].notna().all()

    def test_of_arrays(self):
        x = np.stack([planted(30, seed=seed) for seed in range(60)])[:, :, None]
        model = RecurrentGAN(steps=0, random_state=0).fit(x)
        assert model.continue_from(x[:4, :20], 5).shape == (4, 5, 1)
        made = model.continue_from(x[:4, :20], 5, 300)
        assert made.shape == (300, 4, 5, 1)
        np.testing.assert_allclose(made[:, :, 0, 0].mean(axis=0), PHI * x[:4, 19, 0], atol=0.3)

    def test_of_polars(self, sky, weather):
        model = RecurrentGAN(steps=0, time="date", random_state=0).fit(pl.from_pandas(weather))
        made = model.continue_from(pl.from_pandas(weather.tail(40)), 5, 3)
        assert isinstance(made, pl.DataFrame)
        assert made.columns == ["future", *weather.columns]
        assert made.shape == (15, 7)
        assert isinstance(model.continue_from(pl.from_pandas(weather.tail(40)), 5), pl.DataFrame)


class TestBadPasts:
    def test_wrong_columns(self, sky, weather):
        with pytest.raises(SchemaError, match=r"missing \['wind'\], not known \['breeze'\]"):
            sky.continue_from(weather.rename(columns={"wind": "breeze"}).tail(), 3)

    def test_a_level_that_was_never_seen(self, sky, weather):
        past = weather.tail(10).replace({"weather": {"sun": "hail", "rain": "hail"}})
        with pytest.raises(InputError, match="hail"):
            sky.continue_from(past, 3)

    def test_no_rows(self, sky, weather):
        with pytest.raises(InputError, match="row"):
            sky.continue_from(weather.head(0), 3)

    @pytest.mark.parametrize(("steps", "n"), [(0, 1), (3, 0), (2.5, 1), (3, "many")])
    def test_arguments(self, sky, weather, steps, n):
        with pytest.raises(ParameterError, match="steps" if steps != 3 else "n"):
            sky.continue_from(weather.tail(), steps, n)


class TestFill:
    def test_what_is_there_is_untouched(self, sky, weather):
        weather = weather.head(400)
        gone = np.random.default_rng(0).random(weather.shape) < 0.2
        gone[100:160] = True  # longer than a window
        gone[:5] = gone[-5:] = True
        holed = weather.mask(gone).assign(date=weather["date"])
        shuffled = holed.sample(frac=1, random_state=0)
        with pytest.warns(TsganWarning, match="sorted"):
            made = sky.fill(shuffled, random_state=0)
        assert made.index.equals(shuffled.index)
        assert made.dtypes.equals(weather.dtypes)
        assert not made.isna().any(axis=None)
        for name in weather:
            there = shuffled[name].notna()
            assert made.loc[there, name].equals(shuffled.loc[there, name])
        assert made.sort_index().equals(sky.fill(holed, random_state=0))

    def test_nothing_missing(self, sky, weather):
        assert sky.fill(weather).equals(weather)

    def test_nothing_there(self, sky, weather):
        empty = weather.head(300).mask(np.ones((300, 6), bool)).assign(date=weather["date"])
        made = sky.fill(empty)
        assert not made.isna().any(axis=None)
        assert abs(made["temp_max"].mean() - weather["temp_max"].head(300).mean()) < 3

    def test_bridges_as_the_book_says(self, pairs, paired):
        """Mean, spread and calibration over holes of both columns, each filled many times."""
        some, holed, times = pairs[:60], pairs[:60].copy(), 40
        holed[:, 15:20] = np.nan
        filled = paired.fill(np.repeat(holed, times, axis=0), random_state=0).reshape(60, times, 40, 2)
        made, truth = filled[:, :, 15:20, 0], some[:, 15:20, 0]
        low, high = np.quantile(made, [0.05, 0.95], axis=1)
        assert 0.85 < ((truth >= low) & (truth <= high)).mean() < 0.95
        assert np.sqrt(np.mean((made.mean(axis=1) - truth) ** 2)) < 0.6
        side = PHI**3 / (1 + PHI**6)  # weight of either side in the middle of a bridge of 6 steps
        middle = side * (some[:, 14, 0] + some[:, 20, 0])
        np.testing.assert_allclose(made[:, :, 2].mean(axis=1), middle, atol=0.5)
        assert abs(made[:, :, 2].mean(axis=1) - middle).mean() < 0.15
        assert abs(made[:, :, 2].std(axis=1).mean() - np.sqrt((1 - PHI**6) / (1 + PHI**6))) < 0.06

    def test_rows_known_in_part(self, pairs, paired):
        """The other column tells the rest: the error is what it leaves open, beside both neighbours."""
        some, holed = pairs[:60], pairs[:60].copy()
        holed[:, 10:30, 0] = np.nan
        filled = paired.fill(np.repeat(holed, 20, axis=0), random_state=0).reshape(60, 20, 40, 2)
        made, truth = filled[:, :, 10:30, 0], some[:, 10:30, 0]
        assert np.sqrt(np.mean((made.mean(axis=1) - truth) ** 2)) < 0.45
        assert ((truth >= made.min(axis=1)) & (truth <= made.max(axis=1))).mean() > 0.8

    def test_levels_between_levels(self):
        """A chain that stays: one level missing between two equal ones is nearly always that one."""
        rng = np.random.default_rng(0)
        state = np.repeat(rng.integers(0, 3, 200), rng.integers(4, 9, 200))
        table = pd.DataFrame({"s": np.array(list("abc"))[state], "x": rng.normal(size=len(state))})
        model = RecurrentGAN(steps=0, random_state=0).fit(table)
        gone = np.zeros(len(table), dtype=bool)
        gone[5::10] = True
        made = model.fill(table.assign(s=table["s"].mask(gone)))["s"]
        same = gone & (table["s"].shift() == table["s"].shift(-1)).to_numpy()
        assert (made[same] == table["s"].shift()[same]).mean() > 0.9

    def test_numbers_heed_the_level_beside_them(self):
        rng = np.random.default_rng(0)
        state = np.repeat(rng.integers(0, 2, 400), 6)
        table = pd.DataFrame({"s": np.array(["low", "high"])[state], "x": 4.0 * state + rng.normal(size=len(state))})
        model = RecurrentGAN(steps=0, random_state=0).fit(table)
        gone = rng.random(len(table)) < 0.1
        made = model.fill(table.assign(x=table["x"].mask(gone)))["x"][gone]
        assert made[state[gone] == 1].mean() - made[state[gone] == 0].mean() > 2.5

    def test_entities(self, clinic, visits):
        """A static value that one row tells holds for all; a whole one is drawn; a meter stays within what it reads."""
        holed = visits.copy()
        rng = np.random.default_rng(0)
        holed.loc[rng.random(len(holed)) < 0.3, ["pulse", "ward"]] = np.nan
        holed.loc[holed["who"] == "P0003", "sex"] = np.nan
        holed.loc[holed.index[holed["who"] == "P0004"][1:], "sex"] = np.nan
        inner = holed["who"].eq(holed["who"].shift()) & holed["who"].eq(holed["who"].shift(-1))
        holed.loc[inner & (rng.random(len(holed)) < 0.2), "meter"] = np.nan
        made = clinic.fill(holed)
        assert not made.isna().any(axis=None)
        assert (made.groupby("who")["sex"].nunique() == 1).all()
        assert (made.loc[made["who"] == "P0004", "sex"] == "f").all()
        assert made.groupby("who")["meter"].is_monotonic_increasing.all()

    @pytest.mark.parametrize(
        "names", [["low"], ["mid"], ["high"], ["low", "mid"], ["low", "high"], ["low", "mid", "high"]]
    )
    def test_columns_in_order_stay_so(self, ordered, names):
        table, model = ordered
        holed = table.tail(300).copy()
        holed.loc[np.random.default_rng(1).random(len(holed)) < 0.2, names] = np.nan
        made = model.fill(holed)
        assert ((made["low"] <= made["mid"]) & (made["mid"] <= made["high"])).all()
        there = holed.notna()
        assert made[there].equals(holed[there])

    def test_gaps_that_come_naturally_are_filled_too(self, gappy):
        holed, model = gappy
        assert not model.fill(holed.head(400)).isna().any(axis=None)

    def test_whole_numbers_and_other_dtypes(self):
        n = 600
        table = pd.DataFrame(
            {
                "i": pd.array((10 * planted(n)).round().astype(int), dtype="Int64"),
                "f": planted(n, seed=1).astype("float32"),
                "c": pd.Categorical(np.where(planted(n, seed=2) > 0, "up", "down"), ["down", "up"], ordered=True),
                "b": pd.array(planted(n, seed=4) > 0, dtype="boolean"),
            }
        )
        model = RecurrentGAN(steps=0, random_state=0).fit(table)
        holed = table.mask(np.random.default_rng(0).random(table.shape) < 0.1)
        holed = holed.astype(table.dtypes.to_dict())
        made = model.fill(holed)
        assert made.dtypes.equals(table.dtypes)
        assert not made.isna().any(axis=None)

    def test_arrays(self):
        x = np.stack([planted(30, seed=seed) for seed in range(60)])[:, :, None]
        model = RecurrentGAN(steps=0, random_state=0).fit(x)
        holed = x[:3].copy()
        holed[:, 10:14] = np.nan
        made = model.fill(holed)
        assert made.shape == holed.shape
        assert np.array_equal(made[:, :10], x[:3, :10])
        assert np.isfinite(made).all()

    def test_polars(self, weather):
        model = RecurrentGAN(steps=0, time="date", random_state=0).fit(pl.from_pandas(weather))
        some = weather.head(300)
        made = model.fill(pl.from_pandas(some.assign(wind=some["wind"].mask(some["wind"] > 5))))
        assert isinstance(made, pl.DataFrame)
        assert made.null_count().sum_horizontal().item() == 0

    def test_many_holes_in_many_columns_cost_no_more_than_they_are(self):
        """A table of thirty columns, a hole in every fourth window."""
        x = np.cumsum(np.random.default_rng(0).normal(size=(800, 30)), axis=0)
        x = x - np.linspace(x[0], x[-1], len(x))
        model = RecurrentGAN(steps=0, window=24, random_state=0).fit(x)
        holed = x.copy()
        for at in range(50, 750, 100):
            holed[at : at + 1 + at % 7] = np.nan
        few = _work(lambda: model.fill(holed[:300]))
        assert _work(lambda: np.isfinite(model.fill(holed)).all() or pytest.fail("holes are left")) < 8 * few
