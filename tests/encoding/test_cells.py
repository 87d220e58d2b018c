"""Cells say what numbers do: atoms, grids, staying, going straight on; and what is known of a row by its position."""

import numpy as np
import pandas as pd
import pytest
from through_json import through_json
from told import everything

from tsgan.encoding.columns import COLUMNS
from tsgan.encoding.columns.base import Request, infer_kind
from tsgan.encoding.columns.habits import Habits
from tsgan.encoding.encoder import Encoder
from tsgan.layout import Category, snap
from tsgan.panel import Panel

ROWS = 3000
STEPS = np.arange(ROWS) > 0


def draws(seed=0):
    return np.random.default_rng(seed)


def column(x, **changes):
    series = pd.Series(x)
    asked = {
        "scaler": "auto",
        "bounds": "observed",
        "follows": np.arange(len(series)) > 0,
        "holders": everything(len(series)),
    }
    return COLUMNS[infer_kind(series, "x")].fit(series, Request("x", "value", **{**asked, **changes}))


def raw(made, z):
    return made.unscaled(np.asarray(z)).round(9).tolist()


class TestAtoms:
    def test_values_that_hold_rows_by_themselves(self):
        x = draws().normal(50, 20, ROWS)
        x[draws(1).random(ROWS) < 0.2] = 0.0
        x[draws(2).random(ROWS) < 0.04] = 100.0
        x[draws(3).random(ROWS) < 0.02] = 70.0
        made = column(x)
        assert raw(made, made.cell().atoms) == [0, 100]

    def test_six_at_most_the_largest_ones(self):
        x = draws().normal(size=ROWS)
        for at in range(9):
            x[300 * at : 300 * at + 120 + 10 * at] = at - 4.0
        made = column(x)
        assert raw(made, made.cell().atoms) == [-1, 0, 1, 2, 3, 4]

    @pytest.mark.parametrize(
        "x",
        [
            draws().normal(size=ROWS).round(1),
            draws().integers(0, 40, ROWS),
            draws().normal(size=ROWS),
        ],
        ids=["rounded", "integers", "free"],
    )
    def test_a_grid_of_many_values_has_none(self, x):
        assert column(x).cell().atoms == ()

    @pytest.mark.parametrize("x", [draws().integers(0, 12, ROWS), draws().choice([0.0, 1.0], ROWS, p=[0.9, 0.1])])
    def test_few_values_that_repeat_are_atoms_all(self, x):
        made = column(x)
        assert raw(made, made.cell().atoms) == sorted(set(x))
        assert not made.cell().stays

    def test_a_count_with_many_zeros_has_one(self):
        x = np.where(draws().random(ROWS) < 0.6, 0, 1 + draws(1).poisson(60, ROWS))
        made = column(x)
        assert raw(made, made.cell().atoms) == [0]


class TestGrid:
    def test_decimals(self):
        x = draws().normal(size=ROWS).round(2)
        made = column(x)
        points = np.round(np.arange(round(x.min() * 100), round(x.max() * 100) + 1) / 100, 2)
        np.testing.assert_allclose(made.unscaled(made.cell().grid), points, atol=1e-12)
        assert set(made.encode(pd.Series(x))) <= set(made.cell().grid)

    def test_a_lattice(self):
        made = column(10 * draws().integers(0, 60, ROWS))
        assert raw(made, made.cell().grid) == list(range(0, 600, 10))

    def test_moments(self):
        x = pd.Timestamp("2020-01-01") + pd.to_timedelta(draws().integers(0, 400, ROWS), unit="D")
        assert len(column(x).cell().grid) == 400

    @pytest.mark.parametrize("x", [draws().normal(size=ROWS), draws().normal(size=ROWS).round(5)])
    def test_none_where_it_cannot_be_listed(self, x):
        assert len(column(x).cell().grid) == 0

    def test_open_bounds_leave_room_and_narrow_ones_keep_what_was_seen(self):
        x = draws().integers(10, 21, ROWS)
        for bounds, ends in ((None, (0, 30)), ((0, None), (0, 30)), ((12, 15), (10, 20)), ((-3, 50), (-3, 50))):
            made = column(x, bounds=bounds)
            assert raw(made, made.cell().grid) == list(range(ends[0], ends[1] + 1))

    def test_a_logarithm_has_no_points_below_zero(self):
        made = column(np.ceil(draws().lognormal(2, 1, ROWS)), scaler="log", bounds=None)
        assert raw(made, made.cell().grid)[:3] == [1, 2, 3]
        assert made.cell().low == -np.inf


class TestBounds:
    def test_where_values_end(self):
        x = draws().normal(size=ROWS)
        for bounds, low, high in (("observed", x.min(), x.max()), ((-1, None), -1, np.inf), (None, -np.inf, np.inf)):
            cell = column(x, bounds=bounds).cell()
            np.testing.assert_allclose([cell.low, cell.high], (np.array([low, high]) - x.mean()) / x.std())

    def test_known_values_are_not_clipped(self):
        x = draws().normal(size=ROWS)
        z = column(x, bounds=(-1, 1)).encode(pd.Series(x))
        assert z.min() < -2
        assert z.max() > 2


class TestHabits:
    def test_values_that_stay(self):
        x = np.repeat(draws().normal(size=ROWS), 3)[:ROWS]
        assert column(x).cell().stays
        assert not column(draws().normal(size=ROWS)).cell().stays
        assert not column(x, follows=np.arange(ROWS) % 3 > 3).cell().stays

    def test_staying_on_an_atom_is_not_staying(self):
        dry = np.repeat(draws().random(ROWS // 10) < 0.5, 10)
        assert not column(np.where(dry, 0.0, draws(1).gamma(2, 1, ROWS))).cell().stays

    def test_values_that_go_straight_on(self):
        slope = np.repeat(draws().normal(size=ROWS // 10), 10)
        x = np.cumsum(slope)
        made = column(x)
        tolerance = made.cell().straight
        assert tolerance * x.std() == pytest.approx(1e-5 * np.abs(x).max())
        assert (np.abs(np.diff(made.encode(pd.Series(x)), 2)) <= tolerance).mean() > 0.8
        assert column(draws().normal(size=ROWS)).cell().straight == 0
        assert column(np.cumsum(draws().normal(size=ROWS))).cell().straight == 0

    def test_a_value_on_the_way_is_no_atom(self):
        """Whole numbers of every tenth row, lines between them: each whole number is passed, or stayed at."""
        knots = draws().integers(0, 15, ROWS // 10 + 1).astype(float)
        knots[::2] = np.where(draws(1).random(len(knots[::2])) < 0.5, 3.0, knots[::2])
        x = np.interp(np.arange(ROWS) / 10, np.arange(len(knots)), knots)
        assert (x == 3).mean() > 0.05
        cell = column(x).cell()
        assert cell.atoms == ()
        assert 3 in raw(column(x), cell.starts)
        jumps = np.where(draws(2).random(ROWS) < 0.05, 20.0, x)
        made = column(jumps)
        assert made.cell().straight > 0
        assert raw(made, made.cell().atoms) == [20]

    def test_of_rounded_values_two_last_digits_count(self):
        x = np.cumsum(np.repeat(draws().normal(size=ROWS // 10), 10)).round(2)
        assert column(x).cell().straight * x.std() == pytest.approx(0.02)

    def test_what_stands_still_is_not_straight(self):
        assert column(np.repeat(draws().normal(size=ROWS // 10), 10)).cell().straight == 0

    def test_a_column_that_goes_straight_keeps_its_scale(self):
        level = 50 * np.exp(np.cumsum(np.repeat(0.02 * draws(7).normal(size=ROWS // 10), 10)))
        x = level[::10].repeat(10) + np.tile(np.arange(10), ROWS // 10) * np.repeat(level[::10] / 100, 10)
        assert column(x, follows=np.zeros(ROWS, dtype=bool)).scaler.name != "standard"
        made = column(x)
        assert (made.scaler.name, made.reason) == ("standard", "goes straight on from step to step")
        assert made.cell().straight > 0
        assert column(x, scaler="log").cell().straight == 0

    def test_steps_never_cross_a_gap_or_a_sequence(self):
        pairs = np.repeat(draws().normal(size=100), 2)
        apart = np.insert(pairs, np.arange(1, 200, 2), np.nan)
        assert Habits.fit(pairs, np.arange(200) > 0, None, everything(200)).stays
        assert not Habits.fit(pairs, np.arange(200) % 2 == 0, None, everything(200)).stays
        assert not Habits.fit(apart, np.arange(300) > 0, None, everything(300)).stays

    def test_they_survive_the_state(self):
        x = np.where(draws().random(ROWS) < 0.2, 0.0, np.repeat(draws(1).normal(9, 1, ROWS // 2), 2))
        made = column(x)
        cell = through_json(made).cell()
        assert cell == made.cell()
        assert cell.atoms
        assert cell.stays


class TestPositions:
    def panel(self, lengths):
        frame = pd.DataFrame({"who": np.repeat(np.arange(len(lengths)), lengths)})
        return Encoder(entity="who").fit(frame.assign(x=draws().normal(size=len(frame)))), frame

    def test_before_after_last_and_share_of_the_longest(self):
        encoder, _ = self.panel([3, 1, 5])
        known = encoder.stages.covariates(np.array([3, 1]), np.zeros(2))
        wanted = [[0, 2, 0, 0], [1, 1, 0, 1], [2, 0, 1, 2], [0, 0, 1, 0]]
        np.testing.assert_allclose(np.expm1(known[:, :2]), np.array(wanted)[:, :2], atol=1e-6)
        np.testing.assert_array_equal(known[:, 2], np.array(wanted)[:, 2])
        np.testing.assert_allclose(known[:, 3] * 5, np.array(wanted)[:, 3], atol=1e-6)

    def test_sequences_of_one_length_have_them_too(self):
        encoder, frame = self.panel([4, 4, 4])
        assert encoder.stages.layout.covariates == 4
        assert encoder.encode(frame.assign(x=0.5)).covariates.shape == (12, 4)

    def test_one_long_series_has_none(self):
        assert Encoder().fit(pd.DataFrame({"x": draws().normal(size=50)})).stages.layout.covariates == 0

    def test_they_stand_beside_the_calendar(self):
        hours = pd.date_range("2020-01-01", periods=24 * 60, freq="h")
        x = np.sin(2 * np.pi * hours.hour / 24)
        frame = pd.concat(
            [pd.DataFrame({"who": who, "t": hours, "x": x + draws(who).normal(size=1440)}) for who in (0, 1)]
        )
        encoder = Encoder(entity="who", time="t").fit(frame)
        waves = encoder.stages.cells.calendar.covariates
        assert waves >= 2
        assert encoder.stages.layout.covariates == waves + 4
        assert encoder.stages.layout.places == 4
        panel = encoder.encode(frame)
        starts = encoder.stages.clock.ticks(pd.Index([hours[0], hours[0]]))
        np.testing.assert_array_equal(encoder.stages.covariates(panel.lengths, starts), panel.covariates)


class TestMarginals:
    def test_drawn_numbers_get_the_observed_marginals_and_atoms_stay(self):
        x = np.where(draws().random(ROWS) < 0.3, 0.0, draws(1).gamma(4, 2, ROWS))
        frame = pd.DataFrame({"x": x, "k": draws().choice(["a", "b"], ROWS)})
        encoder = Encoder().fit(frame)
        panel = encoder.encode(frame)
        place = encoder.stages.cells.place("x")
        atom = encoder.stages.layout.cells[place].atoms[0]
        values = panel.values.copy()
        moved = values[:, place] != atom
        values[moved, place] = 0.5 * values[moved, place] + 3
        drawn = type(panel)(values, panel.lengths, panel.statics, panel.covariates)
        encoder.calibrate([drawn])
        rows = encoder.decode(drawn, np.zeros(1), draws(), drawn=True).values
        assert ((rows["x"] == 0) == (x == 0)).all()
        assert abs(np.mean(rows["x"]) - x.mean()) < 0.05
        np.testing.assert_array_equal(rows["k"], frame["k"])
        as_it_is = encoder.decode(drawn, np.zeros(1), draws()).values["x"]
        assert np.mean(as_it_is) > x.mean() + 2
        half = np.zeros(values.shape, dtype=bool)
        half[:100] = True
        beside = encoder.decode(drawn, np.zeros(1), draws(), drawn=half).values["x"]
        np.testing.assert_array_equal(beside, as_it_is, "what known values stand beside stays where it is")

    def test_a_map_that_would_roughen_smooth_curves_is_left_out(self):
        speed, phase = draws().uniform(0, 0.1, (2, 400, 1))
        wave = np.sin(speed * np.arange(24) + phase).ravel()
        at = np.linspace(-0.1, 1.1, 60)
        jagged = np.interp(wave, at, at + np.where(np.arange(60) % 2, 0.009, -0.009))
        noisy = draws(1).normal(size=9600)
        frame = pd.DataFrame({"id": np.repeat(np.arange(400), 24), "smooth": jagged, "noisy": noisy})
        encoder = Encoder(entity="id").fit(frame)
        panel = encoder.encode(frame)
        column = encoder.stages.cells.columns[encoder.stages.cells.place("smooth")]
        values = panel.values.copy()
        values[:, 0], values[:, 1] = column.encode(pd.Series(wave**3)), values[:, 1] + 0.5
        encoder.calibrate([Panel(values, panel.lengths, panel.statics, panel.covariates)])
        assert list(encoder.stages.cells.marginals) == [1]


def test_each_level_is_a_code_and_numbers_lie_on_their_grid():
    frame = pd.DataFrame({"k": draws().choice(list("abc"), 300, p=[0.2, 0.5, 0.3]), "n": draws().integers(0, 9, 300)})
    encoder = Encoder().fit(frame)
    assert encoder.stages.layout.cells[0] == Category("k", 3)
    z = encoder.encode(frame).values
    np.testing.assert_array_equal(z[:, 0], frame["k"].map({"b": 0, "c": 1, "a": 2}))
    np.testing.assert_array_equal(snap(encoder.stages.layout.cells[1].grid, z[:, 1]), z[:, 1])
