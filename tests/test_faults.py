"""What tables of this kind of tool bring: switches, long profiles, faults, late columns, trends, codes."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN, evaluate
from tsgan.constraints import Inequality, Monotone, Range
from tsgan.errors import TsganWarning

SHORT = {"adversarial_steps": 0, "verbose": False, "random_state": 0}
TRAINED = {**SHORT, "steps": 200, "hidden": 32, "units": 64}
unimproved = pytest.mark.filterwarnings("ignore:training did not improve:tsgan.errors.TsganWarning")


def hours(n: int) -> pd.DatetimeIndex:
    return pd.date_range("2021-03-01", periods=n, freq="h")


@unimproved
class TestOneSwitch:
    """A flag, a level or a gap that switches once near an end of a long series."""

    @pytest.mark.parametrize("steps", [0, pytest.param(100, marks=pytest.mark.slow)])
    @pytest.mark.parametrize("kind", ["level", "flag", "gap"])
    @pytest.mark.parametrize("at", [60, 440])
    def test_training_survives_and_both_states_come_back(self, steps, kind, at):
        n = 500
        rng, early = np.random.default_rng(0), np.arange(n) < at
        x = rng.normal(size=n)
        other = {
            "level": np.where(early, "1.0", "1.1"),
            "flag": early,
            "gap": np.where(early, rng.normal(size=n), np.nan),
        }
        real = pd.DataFrame({"x": x, "other": other[kind]}, index=hours(n))
        gan = RecurrentGAN(**SHORT, steps=steps, hidden=16, units=32).fit(real)
        made = gan.sample(10, length=n, start=real.index[0], random_state=0)
        state = {"level": made["other"] == "1.0", "flag": made["other"] == 1, "gap": made["other"].notna()}[kind]
        assert made["x"].notna().all()
        assert (state.to_numpy() == np.tile(early, 10)).mean() > 0.95


class TestLongProfiles:
    """A profile over the sequence, at lengths about the longest window and beyond."""

    @pytest.mark.parametrize("length", [64, 65, 90, 150])
    @pytest.mark.parametrize("steps", [0, pytest.param(100, marks=pytest.mark.slow)])
    @unimproved
    def test_there_is_no_cliff(self, length, steps):
        rng, n = np.random.default_rng(0), 60
        arch = np.sin(np.arange(length) / length * np.pi)
        real = pd.DataFrame({"id": np.repeat(np.arange(n), length), "step": np.tile(np.arange(length), n)})
        real["p"] = np.concatenate([arch * rng.uniform(50, 90) + rng.normal(size=length) / 2 for _ in range(n)])
        gan = RecurrentGAN(**SHORT, entity="id", time="step", steps=steps, hidden=32, units=64).fit(real)
        made = gan.sample(200, random_state=1)
        means = [table.groupby("step")["p"].mean() for table in (real, made)]
        assert (means[0] - means[1]).abs().max() < 6
        if not steps:
            return
        spread = [table.groupby("step")["p"].std().iloc[length // 2] for table in (real, made)]
        assert spread[1] == pytest.approx(spread[0], rel=0.35)


def test_a_rare_state_and_its_extreme_number_come_together():
    rng = np.random.default_rng(0)
    n, x = 6000, np.zeros(6000)
    for at in range(1, n):
        x[at] = 0.8 * x[at - 1] + rng.normal()
    fails = np.zeros(n, dtype=bool)
    fails[rng.choice(n, 60, replace=False)] = True
    real = pd.DataFrame({"x": np.where(fails, x - 25, x), "state": np.where(fails, "fail", "ok")}, index=hours(n))
    made = RecurrentGAN(**SHORT, steps=0).fit(real).sample(300, length=100, random_state=1)
    fail, far = made["state"] == "fail", made["x"] < -14
    assert fail.mean() == pytest.approx(0.01, abs=0.004)
    assert (~far[fail]).mean() < 0.02
    assert (~fail[far]).mean() < 0.02


@pytest.mark.parametrize("count", [2, 6])
def test_columns_that_start_later_are_missing_where_they_were(count):
    rng, n = np.random.default_rng(0), 500
    real = pd.DataFrame(rng.normal(size=(n, count)), columns=[f"s{j}" for j in range(count)], index=hours(n))
    for j in range(count):
        real.iloc[: 60 * j, j] = np.nan
    gan = RecurrentGAN(**SHORT, steps=0).fit(real)
    whole = gan.sample(30, length=n, start=real.index[0], random_state=1)
    gone = [table.isna() for table in (real, whole)]
    assert (gone[0].mean() - gone[1].mean()).abs().max() < 0.05
    place = whole.groupby(level=0).cumcount().to_numpy()
    for j in range(1, count):
        assert gone[1][f"s{j}"].to_numpy()[place < 30 * j].mean() > 0.9
        assert gone[1][f"s{j}"].to_numpy()[place > 60 * j + 60].mean() < 0.1


@pytest.fixture(scope="module")
def rising() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = 100 + 0.3 * np.arange(1000) + 8 * rng.normal(size=1000)
    return pd.DataFrame({"x": x}, index=pd.date_range("2018-01-01", periods=1000))


@pytest.fixture(scope="module", params=[0, pytest.param(100, marks=pytest.mark.slow)])
def riser(rising, request) -> RecurrentGAN:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TsganWarning)
        return RecurrentGAN(**SHORT, hidden=16, units=32, steps=request.param).fit(rising)


class TestTrend:
    def test_the_line_goes_on(self, rising, riser):
        made = riser.continue_from(rising.tail(60), 200, n=20, random_state=0)["x"].to_numpy().reshape(20, 200)
        line = 100 + 0.3 * np.arange(1000, 1200)
        assert abs(made.mean(axis=0) - line).mean() < 8
        assert made[:, -20:].mean() == pytest.approx(line[-20:].mean(), abs=16)

    def test_a_series_of_the_same_length_rises(self, rising, riser):
        made = riser.sample(1, length=1000, random_state=1)
        real_r, made_r = (np.corrcoef(np.arange(1000), table["x"])[0, 1] for table in (rising, made))
        assert abs(real_r - made_r) < 0.1

    def test_a_longer_series_goes_on_and_a_saved_model_too(self, riser, tmp_path):
        riser.save(tmp_path / "model")
        made = [one.sample(1, length=1400, random_state=1) for one in (riser, RecurrentGAN.load(tmp_path / "model"))]
        pd.testing.assert_frame_equal(*made)
        assert made[0]["x"].iloc[-50:].mean() == pytest.approx(100 + 0.3 * 1375, abs=16)
        assert "goes on above its range" in str(riser.schema_)

    def test_all_that_moves_goes_on_with_its_gaps_and_its_order(self):
        rng, t = np.random.default_rng(1), np.arange(800)
        real = pd.DataFrame(index=pd.date_range("2020-01-01", periods=800, tz="Europe/Berlin"))
        real["falls"] = 600 - 0.4 * t + 4 * rng.normal(size=800)
        real["many"] = (20_000 + 30 * t + 100 * rng.normal(size=800)).round().astype(np.int64)
        real["few"] = pd.array((300 - 0.2 * t + 6 * rng.normal(size=800)).round(), dtype="Int64")
        real = real.mask(rng.random(real.shape) < 0.05)
        real["below"] = 50 + 0.5 * t + 5 * rng.normal(size=800)
        real["above"] = real["below"] + rng.gamma(2, 3, 800)
        gan = RecurrentGAN(**SHORT, steps=0, constraints=[Inequality("below", "above")]).fit(real)
        made = gan.continue_from(real.tail(60), 400, n=5, random_state=0)
        last = made.groupby(level=1).mean().iloc[-20:].mean().astype(float)
        for name, line in {"falls": 124, "many": 55_700, "few": 62, "below": 645, "above": 651}.items():
            assert last[name] == pytest.approx(line, abs=0.06 * float(real[name].max() - real[name].min()))
        assert (made["above"] >= made["below"]).all()

    def test_declared_and_natural_limits_hold(self):
        rng, t = np.random.default_rng(1), np.arange(800)
        real = pd.DataFrame(index=pd.date_range("2020-01-01", periods=800))
        real["percent"] = np.minimum(100, 40 + 0.1 * t + 3 * rng.normal(size=800)).round(1)
        real["declared"] = 510 + 0.1 * t + rng.normal(size=800)
        real["ruled"] = 910 + 0.1 * t + rng.normal(size=800)
        gan = RecurrentGAN(**SHORT, steps=0, constraints=[Range("ruled", 0, 1000)], bounds={"declared": (None, 600)})
        made = gan.fit(real).continue_from(real.tail(60), 400, n=5, random_state=0)
        assert made.max().to_list() == pytest.approx([100, 600, 1000])

    def test_sequences_that_rise_go_on_beyond_the_longest(self):
        rng, n, length = np.random.default_rng(2), 60, 30
        real = pd.DataFrame({"id": np.repeat(np.arange(n), length), "step": np.tile(np.arange(length), n)})
        real["height"] = np.repeat(rng.normal(50, 3, n), length) + 2 * real["step"] + rng.normal(size=n * length)
        real["noise"] = rng.uniform(size=n * length)
        gan = RecurrentGAN(**SHORT, entity="id", time="step", steps=0).fit(real)
        made = gan.continue_from(real, 20, random_state=0)
        assert made[made["step"] == 49]["height"].mean() == pytest.approx(148, abs=4)
        assert made["noise"].between(real["noise"].min(), real["noise"].max()).all()


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    rng, n, length = np.random.default_rng(0), 120, 8
    waits = np.where(rng.random((n, length)) < 0.3, 0, rng.integers(1, 90, (n, length))).cumsum(axis=1).ravel()
    real = pd.DataFrame({"id": np.repeat(np.arange(n), length)})
    real["at"] = pd.Timestamp("2022-03-26", tz="Europe/Berlin") + pd.to_timedelta(waits, unit="min")
    real["event"] = rng.choice(list("abc"), n * length)
    real["meter"] = rng.integers(0, 5, (n, length)).cumsum(axis=1).ravel()
    real["no"] = np.tile(np.arange(length), n)
    return real


@pytest.fixture(scope="module")
def logger(events) -> RecurrentGAN:
    return RecurrentGAN(**SHORT, entity="id", time="at", steps=0, constraints=[Monotone("meter")]).fit(events)


class TestEventsThatShareAStamp:
    @staticmethod
    def ties(table) -> float:
        return float((table.groupby("id")["at"].diff().dropna() == pd.Timedelta(0)).mean())

    def test_they_come_as_often_as_in_the_data(self, events, logger, tmp_path):
        made = logger.sample(200, random_state=1)
        assert self.ties(made) == pytest.approx(self.ties(events), abs=0.05)
        for name in ("at", "meter"):
            assert made.groupby("id")[name].is_monotonic_increasing.all()
        assert (made["no"] == made.groupby("id").cumcount()).all()
        logger.save(tmp_path / "model")
        again = RecurrentGAN.load(tmp_path / "model").sample_iter(200, chunk=60, random_state=1)
        pd.testing.assert_frame_equal(pd.concat(list(again), ignore_index=True), made)

    def test_a_past_goes_on_with_them_and_holes_are_filled_beside_them(self, events, logger):
        for past in (events.groupby("id").head(5), events[events["id"] == 3].iloc[:2]):
            made = pd.concat([past, logger.continue_from(past, 3, random_state=0)])
            assert made.groupby("id")["at"].is_monotonic_increasing.all()
            assert len(past) == 2 or self.ties(made) == pytest.approx(0.3, abs=0.05)
        holes = events.copy()
        holes.loc[holes.index[::5], "event"] = None
        filled = logger.fill(holes)
        assert filled["event"].notna().all()
        pd.testing.assert_frame_equal(filled.drop(columns="event"), events.drop(columns="event"))

    def test_the_judge_reads_them(self, events, logger):
        made = logger.sample(120, random_state=1)
        report = evaluate(events, made, entity="id", time="at", metrics=["gaps"], repeats=1)
        assert "gaps" in str(report)


@unimproved
@pytest.mark.slow
@pytest.mark.parametrize("order", [["code", "seconds", "label"], ["label", "seconds", "code"], ["code", "seconds"]])
def test_a_code_means_what_its_label_means_in_any_order(order):
    rng, n, length = np.random.default_rng(0), 120, 15
    labels = {101: "start", 205: "run", 310: "stop", 999: "err"}
    code = rng.choice(list(labels), n * length, p=[0.5, 0.3, 0.15, 0.05])
    mean = pd.Series(code).map({101: 1, 205: 10, 310: 2, 999: 50})
    real = pd.DataFrame({"id": np.repeat(np.arange(n), length), "k": np.tile(np.arange(length), n), "code": code})
    real["seconds"], real["label"] = rng.gamma(2, mean), pd.Series(code).map(labels)
    made = RecurrentGAN(**TRAINED, entity="id", time="k").fit(real[["id", "k", *order]]).sample(600)
    if "label" in order:
        assert (made["code"].map(labels) == made["label"]).all()
    wanted, got = (table.groupby("code")["seconds"].mean() for table in (real, made))
    assert set(got.index) == set(labels)
    assert ((got - wanted).abs() < 0.2 * wanted).all()


@pytest.mark.slow
def test_members_with_levels_of_their_own_step_as_finely():
    rng, n, length = np.random.default_rng(0), 50, 40
    real = pd.DataFrame({"m": np.repeat(np.arange(n), length), "k": np.tile(np.arange(length), n)})
    real["temp"] = np.repeat(rng.normal(200, 60, n), length) + rng.normal(size=n * length)
    gan = RecurrentGAN(**TRAINED, entity="m", time="k").fit(real)
    made = gan.sample(800, random_state=1)
    for figure in (
        lambda table: table.groupby("m")["temp"].diff().std(),
        lambda table: table.groupby("m")["temp"].std().mean(),
        lambda table: table.groupby("m")["temp"].mean().std(),
    ):
        assert figure(made) == pytest.approx(figure(real), rel=0.15)


@pytest.mark.slow
def test_a_tank_that_fills_slowly_and_is_emptied_at_once():
    rng, x = np.random.default_rng(0), np.zeros(3000)
    for at in range(1, 3000):
        x[at] = 0 if x[at - 1] > 100 else x[at - 1] + rng.uniform(0, 5)
    real = pd.DataFrame({"fill": x}, index=hours(3000))
    made = RecurrentGAN(**TRAINED).fit(real).sample(30, length=100, random_state=1)
    fall = made["fill"].groupby(level=0).diff()
    assert fall.between(-50, 0, inclusive="neither").mean() < 0.02
    assert (fall < -50).mean() == pytest.approx((np.diff(x) < -50).mean(), rel=0.4)


def test_twenty_labels_keep_their_numbers():
    rng = np.random.default_rng(0)
    level = rng.integers(0, 20, 1500)
    names = [f"L{number:02d}" for number in level]
    real = pd.DataFrame({"label": names, "x": rng.normal(size=1500)}, index=hours(1500))
    real["code"] = rng.permutation(1000)[:20][level] + 0.5
    codes = dict(zip(real["label"], real["code"], strict=True))
    real.loc[real.index[rng.random(1500) < 0.2], ["label", "code"]] = np.nan
    made = RecurrentGAN(**SHORT, steps=0).fit(real).sample(1, length=1500, random_state=0)
    assert made["label"].isna().mean() == pytest.approx(0.2, abs=0.05)
    made = made.dropna()
    assert (made["label"].map(codes) != made["code"]).mean() < 0.01


@unimproved
def test_columns_of_a_coarser_clock_keep_its_rhythm_together():
    """Hourly readings in a table of ten minutes: two are repeated, one is interpolated."""
    rng, n = np.random.default_rng(0), 6000
    hourly = np.zeros((n // 6 + 1, 3))
    for at in range(1, len(hourly)):
        hourly[at] = 0.95 * hourly[at - 1] + rng.normal(size=3)
    columns = {
        "fast": rng.normal(size=n),
        "one": np.repeat(hourly[:, 0], 6)[:n].round(2),
        "two": np.repeat(hourly[:, 0] + hourly[:, 1], 6)[:n].round(2),
        "line": np.interp(np.arange(n) / 6, np.arange(len(hourly)), hourly[:, 2]),
    }
    real = pd.DataFrame(columns, index=pd.date_range("2021-03-01", periods=n, freq="10min"))
    made = RecurrentGAN(**SHORT, steps=0).fit(real).sample(1, length=3000, random_state=3)
    one, two = (made[name].diff().iloc[1:].ne(0).to_numpy() for name in ("one", "two"))
    bends = made["line"].diff().diff().iloc[2:].abs().to_numpy() > 1e-3
    assert (np.diff(np.flatnonzero(one)) == 6).mean() > 0.95
    assert (one & two).sum() / one.sum() > 0.8
    assert (np.diff(np.flatnonzero(bends)) == 6).mean() > 0.6


@unimproved
def test_a_season_that_no_calendar_knows_goes_on_and_is_saved(tmp_path):
    """Every 13 rows alike, the shape drifts: what was 13 rows ago says more than the row before."""
    rng, n = np.random.default_rng(0), 4000
    x = rng.normal(size=n)
    for at in range(13, n):
        x[at] = 0.95 * x[at - 13] + 0.3 * rng.normal()
    model = RecurrentGAN(**SHORT, steps=0).fit(pd.DataFrame({"x": x}))
    model.save(tmp_path / "model")
    drawn = [one.sample(1, length=2000, random_state=1) for one in (model, RecurrentGAN.load(tmp_path / "model"))]
    pd.testing.assert_frame_equal(*drawn)
    assert [drawn[0]["x"].autocorr(lag) for lag in (13, 26)] == pytest.approx([0.95, 0.9], abs=0.06)
    assert abs(drawn[0]["x"].autocorr(5)) < 0.15


@unimproved
def test_lines_are_straight_in_drawn_tables_whose_marginals_were_carried():
    rng, n = np.random.default_rng(0), 6000
    knots = np.exp(0.5 * rng.normal(size=n // 5 + 2))
    real = pd.DataFrame({"x": np.interp(np.arange(n) / 5, np.arange(len(knots)), knots)})
    model = RecurrentGAN(**SHORT, steps=0).fit(real)
    cells = model._encoder.stages.cells
    assert 0 in cells.marginals

    def bends():
        return np.abs(np.diff(model.sample(1, length=4000, random_state=1)["x"], 2)) > 1e-3

    carried = bends()
    parts = pd.concat(list(model.sample_iter(6, chunk=2, length=40, random_state=1)))
    whole = model.sample(6, length=40, random_state=1)
    np.testing.assert_array_equal(parts["x"], whole["x"])
    cells.marginals = None
    assert abs(carried.mean() - bends().mean()) < 0.01
