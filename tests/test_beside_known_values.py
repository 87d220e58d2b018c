"""What is drawn beside known values fits them: no seam, no step, nothing left out."""

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN

ROWS = 1200
CLOSED = {"steps": 0, "verbose": False, "random_state": 0}
TIME = pd.date_range("2023", periods=ROWS, freq="10min")


def test_a_future_begins_where_the_past_ends():
    walk = np.sin(np.arange(ROWS) / 40) * 10 + np.cumsum(np.random.default_rng(0).normal(0, 0.02, ROWS))
    real = pd.DataFrame({"t": TIME, "x": walk.round(3)})
    made = RecurrentGAN(time="t", **CLOSED).fit(real).continue_from(real[:800], steps=1, n=50, random_state=0)
    assert made["x"].mean() - real["x"][799] == pytest.approx(real["x"][800] - real["x"][799], abs=0.15)


def test_a_hole_within_values_that_stay_is_filled_with_them():
    real = pd.DataFrame({"t": TIME, "x": np.repeat(np.cumsum(np.random.default_rng(0).normal(size=200)), 6).round(2)})
    holes = np.arange(8, ROWS - 6, 24)
    table = real.copy()
    table.loc[holes, "x"] = np.nan
    made = RecurrentGAN(time="t", **CLOSED).fit(real).fill(table, random_state=0)
    assert (made["x"] != real["x"]).mean() < 0.005


def test_statics_are_filled_like_cells():
    rng = np.random.default_rng(0)
    real = pd.DataFrame(
        {"id": np.repeat(np.arange(30), 12), "day": np.tile(np.arange(12), 30), "x": rng.normal(size=360)}
    )
    real["site"] = real["id"].map(lambda number: ["a", "b", None][number % 3])
    model = RecurrentGAN(entity="id", time="day", static=["site"], **CLOSED).fit(real)
    assert model.sample(60)["site"].isna().any()
    made = model.fill(real, random_state=0)
    assert set(made["site"]) == {"a", "b"}
    assert (made.groupby("id")["site"].nunique() == 1).all()


@pytest.mark.parametrize("codes", [[10, 40, 20, 70], ["x", "y", "z", "w"]])
def test_a_hole_is_filled_by_the_column_that_says_the_same(codes):
    level = np.random.default_rng(0).integers(0, 4, 600)
    real = pd.DataFrame({"t": TIME[:600], "label": np.array(list("abcd"))[level], "code": np.array(codes)[level]})
    real["twin"] = real["label"]
    table = real.copy()
    table.loc[100:200, "label"] = None
    made = RecurrentGAN(time="t", **CLOSED).fit(real).fill(table, random_state=0)
    pd.testing.assert_frame_equal(made, real)


@pytest.mark.parametrize("seed", range(4))
def test_a_switch_happens_once_and_at_its_moment(seed):
    real = pd.DataFrame({"t": pd.date_range("2023", periods=600, freq="h"), "on": np.arange(600) >= 400})
    real["x"] = np.random.default_rng(0).normal(size=600)
    model = RecurrentGAN(time="t", **CLOSED).fit(real)
    made = model.sample(1, length=600, random_state=seed)["on"]
    assert np.flatnonzero(made.astype(int).diff().fillna(0)).tolist() == [400]
    assert not model.sample(1, length=50, start="2020-01-01", random_state=seed)["on"].any()
    assert model.sample(1, length=50, start="2025-01-01", random_state=seed)["on"].all()
