"""A trend of time is found where there is one, goes on beyond the fitted rows, and is seldom seen in a walk."""

import numpy as np
import pandas as pd
from through_json import through_json

from tsgan.encoding.clocks.trend import Trend
from tsgan.encoding.encoder import Encoder

TICKS = np.arange(1000, dtype=np.int64) * 60 + 5
TIME = np.linspace(0, 1, 1000)


def draws(seed=0):
    return np.random.default_rng(seed)


def test_what_rises_and_what_falls_is_told():
    x = draws().normal(size=(1000, 3))
    x[:, 0] += 3 * TIME
    x[:, 1] -= 9 * TIME
    found = Trend.fit(TICKS, x, ["up", "down", "noise"])
    assert found.describe().startswith("down falls with time (8")
    assert set(found.explained) == {"up", "down"}
    assert "up rises with time (4" in found.describe()
    assert through_json(found) == found


def test_it_is_0_at_the_first_row_1_at_the_last_and_goes_on():
    found = Trend.fit(TICKS, (draws().normal(size=1000) + 9 * TIME)[:, None], ["x"])
    ticks = np.array([TICKS[0], TICKS[-1], 2 * TICKS[-1] - TICKS[0]])
    np.testing.assert_allclose(found.features(ticks)[:, 0], [0, 1, 2])
    assert found.features(ticks).dtype == np.float32


def test_noise_has_none():
    for seed in range(40):
        assert Trend.fit(TICKS, draws(seed).normal(size=(1000, 3)), list("abc")) is None
        assert Trend.fit(TICKS[:40], draws(seed).normal(size=(40, 3)), list("abc")) is None


def test_a_walk_seldom_has_one():
    walks = [np.cumsum(draws(seed).normal(size=1000))[:, None] for seed in range(60)]
    assert sum(Trend.fit(TICKS, walk, ["x"]) is not None for walk in walks) < 30


def test_what_the_calendar_explains_is_none():
    wave = np.sin(TIME * np.pi / 2)[:, None]
    assert Trend.fit(TICKS, 5 * wave + draws().normal(size=(1000, 1)), ["x"]) is not None
    assert Trend.fit(TICKS, 5 * wave + draws().normal(size=(1000, 1)), ["x"], wave.astype(np.float32)) is None


def test_missing_values_are_left_out():
    x = (draws().normal(size=1000) + 9 * TIME)[:, None]
    x[::3] = np.nan
    assert list(Trend.fit(TICKS, np.hstack([x, x + np.nan]), ["x", "none"]).explained) == ["x"]


def test_what_lasts_at_one_end_only_switches_there():
    late, old = np.zeros(1000, dtype=np.int64), np.zeros(1000, dtype=np.int64)
    late[:200], late[500] = -1, -1
    old[900:] = 1
    often = (np.arange(1000) // 40) % 2
    found = Trend.fit(TICKS, draws().normal(size=(1000, 1)), ["x"], None, {"late": late, "old": old, "often": often})
    assert found.switched == {"late": [float(TICKS[200])], "old": [float(TICKS[900])]}
    assert found.describe() == "late switches once, old switches once"
    assert found.covariates == 2
    np.testing.assert_array_equal(found.features(TICKS)[[199, 200, 899, 900]], [[0, 0], [1, 0], [1, 0], [1, 1]])
    assert through_json(found) == found


def test_a_short_stretch_at_an_end_is_chance():
    for gone in (np.arange(1000) < 10, np.abs(np.arange(1000) - 20) < 2, np.abs(np.arange(1000) - 300) < 9):
        states = {"gap": -gone.astype(np.int64)}
        assert Trend.fit(TICKS, draws().normal(size=(1000, 1)), ["x"], None, states) is None


class TestEncoder:
    def fitted(self, **changes):
        index = pd.date_range("2024-01-01", periods=1000, freq="h")
        frame = pd.DataFrame({"x": 9 * TIME + draws().normal(size=1000), **changes}, index=index)
        return Encoder(calendar=False).fit(frame), frame

    def test_it_is_a_covariate_of_every_row(self):
        encoder, frame = self.fitted()
        assert encoder.stages.layout.covariates == 1
        np.testing.assert_allclose(encoder.encode(frame).covariates[:, 0], TIME, atol=1e-6)
        np.testing.assert_allclose(encoder.encode(frame.iloc[300:]).covariates[:, 0], TIME[300:], atol=1e-6)

    def test_drawn_rows_have_it_by_their_starts(self):
        encoder, frame = self.fitted()
        starts = encoder.stages.clock.ticks(frame.index[[0, 500, 999]])
        made = encoder.stages.covariates(np.array([2, 1, 1000]), starts)[:, 0]
        np.testing.assert_allclose(made[[0, 1, 2, 3, -1]], np.array([0, 1, 500, 999, 1998]) / 999, atol=1e-6)

    def test_it_is_told_on_the_line_of_the_time(self):
        encoder, _ = self.fitted()
        assert encoder.stages.schema[None].reason.endswith("; x rises with time (87%)")

    def test_without_a_clock_there_is_none(self):
        _, frame = self.fitted()
        assert Encoder().fit(frame.reset_index(drop=True)).stages.layout.covariates == 0

    def test_it_survives_the_state(self):
        encoder, frame = self.fitted()
        again = Encoder.of(through_json(encoder.stages))
        np.testing.assert_array_equal(again.encode(frame).covariates, encoder.encode(frame).covariates)
        assert again.stages.schema == encoder.stages.schema
