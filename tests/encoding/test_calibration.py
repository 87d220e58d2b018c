"""Final marginals: wanted shares and quantiles come back, order is kept, small differences stay."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from through_json import through_json
from told import everything

from tsgan.bundle import pack
from tsgan.encoding.calibration import MIDDLE_KNOTS, Marginal, on_lines, rougher, straightened
from tsgan.encoding.columns.base import Request
from tsgan.encoding.columns.numeric import FloatColumn


def draws(seed=0):
    return np.random.default_rng(seed)


def fitted(x, scaler="auto"):
    column = FloatColumn.fit(
        pd.Series(x), Request("x", "value", scaler, "observed", np.zeros(len(x), dtype=bool), everything(len(x)))
    )
    return column, column.encode(pd.Series(x))


RAIN = np.where(draws(1).random(6000) < 0.54, 0.0, draws(2).gamma(1, 8, 6000).round(1))
BLURRED = (0.7 * draws(3).normal(size=50_000) + 0.5) ** 3


def apply(one, drawn, starts=(0,)):
    """Return what a map makes of drawn numbers; they stay where there is none."""
    return drawn if one is None else one.apply(drawn, np.array(starts))


@pytest.mark.parametrize("scaler", ["auto", "standard", "log", "minmax"])
class TestDecoded:
    def test_zeros_come_back_at_their_share(self, scaler):
        column, z = fitted(RAIN, scaler)
        made = column.decode(apply(Marginal.fit(z, BLURRED, column.spread), BLURRED))
        assert abs((made == 0).mean() - (RAIN == 0).mean()) < 0.01
        assert ks_2samp(made, RAIN).statistic < 0.01
        assert np.quantile(made, 0.999) == pytest.approx(np.quantile(RAIN, 0.999), rel=0.05)

    def test_multiples_come_back_at_their_shares(self, scaler):
        x = 10.0 * draws(4).poisson(3, 5000)
        column, z = fitted(x, scaler)
        made = column.decode(apply(Marginal.fit(z, BLURRED, column.spread), BLURRED))
        for value in np.unique(x):
            assert abs((made == value).mean() - (x == value).mean()) < 0.01

    def test_order_is_kept(self, scaler):
        column, z = fitted(RAIN, scaler)
        after = apply(Marginal.fit(z, BLURRED, column.spread), BLURRED)
        assert (np.diff(after[np.argsort(BLURRED)]) >= 0).all()


class TestAtoms:
    """Atoms are an outcome of their own: their share is the generator's, the map is that of the other numbers."""

    ATOMS = (0.0, 2.0)

    def made(self):
        rng = draws(7)
        real = np.where(rng.random(5000) < 0.3, 0.0, rng.normal(3, 1, 5000))
        drawn = np.where(rng.random(9000) < 0.5, rng.choice([0.0, 2.0], 9000), rng.normal(-1, 2, 9000))
        return real, drawn

    def test_they_stay_where_they_are(self):
        real, drawn = self.made()
        after = apply(Marginal.fit(real, drawn, atoms=self.ATOMS), drawn)
        on = np.isin(drawn, self.ATOMS)
        np.testing.assert_array_equal(after[on], drawn[on])
        assert not np.isin(after[~on], self.ATOMS).any()

    def test_the_others_are_as_the_observed_others(self):
        real, drawn = self.made()
        after = apply(Marginal.fit(real, drawn, atoms=self.ATOMS), drawn)
        assert ks_2samp(after[~np.isin(drawn, self.ATOMS)], real[real != 0]).statistic < 0.02

    def test_single_precision_is_near_enough(self):
        real, drawn = self.made()
        one = Marginal.fit(real + 1 / 3, drawn + 1 / 3, atoms=(1 / 3, 7 / 3))
        near = np.array([1 / 3, 7 / 3], dtype=np.float32).astype(np.float64)
        np.testing.assert_array_equal(apply(one, near), near)


class TestMap:
    def test_without_ties_the_observed_quantiles_are_taken(self):
        real, drawn = draws().standard_t(3, 4000), draws(1).uniform(-1, 1, 20_000)
        after = apply(Marginal.fit(real, drawn), drawn)
        assert ks_2samp(real, after).statistic < 0.015
        assert after.max() == pytest.approx(real.max(), rel=0.2)

    def test_missing_numbers_are_left_out_and_left_alone(self):
        real, drawn = draws().normal(3, 1, 2000), draws(1).normal(size=5000)
        real[::3], drawn[::4] = np.nan, np.nan
        after = apply(Marginal.fit(real, drawn), drawn)
        np.testing.assert_array_equal(np.isnan(after), np.isnan(drawn))
        assert np.nanmean(after) == pytest.approx(3, abs=0.06)

    def test_what_cannot_be_seen_stays(self):
        real = draws().normal(size=100_000)
        assert Marginal.fit(real, real + 0.002) is None

    def test_few_rows_stay(self):
        assert Marginal.fit(draws().normal(size=19), BLURRED) is None

    def test_drawn_ties_go_to_the_middle_of_what_is_wanted(self):
        drawn = np.repeat([-1.0, 1.0], 500)
        after = apply(Marginal.fit(draws().uniform(size=1000), drawn), drawn)
        np.testing.assert_allclose(np.unique(after), [0.25, 0.75], atol=0.05)

    def test_beyond_the_knots_distances_are_kept(self):
        one = Marginal.fit(draws().normal(5, 1, 500), draws(1).normal(size=500))
        ends = apply(one, np.array([-20.0, -19.0, 19.0, 20.0]))
        np.testing.assert_allclose(np.diff(ends)[[0, 2]], 1)

    @pytest.mark.parametrize("atoms", [(), (1.0, 2.0)])
    def test_state_round_trip_and_size(self, atoms):
        column, z = fitted(RAIN)
        one = Marginal.fit(z, BLURRED, column.spread, atoms)
        again = through_json(one)
        np.testing.assert_array_equal(apply(again, BLURRED), apply(one, BLURRED))
        assert len(one.drawn) <= 3 * MIDDLE_KNOTS
        assert json.dumps({key: array.tolist() for key, array in pack(one)[1].items()})


@given(st.integers(0, 2**20), st.integers(20, 400), st.floats(0, 0.9))
@settings(max_examples=40, deadline=None)
def test_it_is_monotone_and_finite(seed, rows, share):
    rng = draws(seed)
    real = np.where(rng.random(rows) < share, 0.0, rng.standard_t(2, rows))
    after = apply(Marginal.fit(real, rng.standard_t(2, rows)), np.linspace(-50, 50, 999))
    assert np.isfinite(after).all()
    assert (np.diff(after) >= 0).all()


def test_what_lies_on_a_line_lies_on_one_after_the_map():
    knots = draws().normal(size=(40, 6))
    z = np.stack([np.interp(np.arange(31) / 6, np.arange(6), row) for row in knots])  # 40 sequences of 31 rows
    lines = on_lines(z.ravel(), np.arange(40) * 31, 1e-6)
    assert lines.reshape(40, 31)[:, [0, 6, 12, 18, 24, 30]].mean() < 0.02
    assert lines.mean() == pytest.approx(25 / 31, abs=0.01)
    bent = straightened(z.ravel() ** 3, lines).reshape(40, 31)
    np.testing.assert_allclose(bent[:, ::6], z[:, ::6] ** 3)
    np.testing.assert_allclose(
        bent, [np.interp(np.arange(31) / 6, np.arange(6), row) for row in z[:, ::6] ** 3], atol=1e-9
    )


def test_lines_end_at_holes_and_sequences():
    z = np.array([0.0, 1, 2, 3, np.nan, 5, 6, 7, 8, 9, 10])
    assert on_lines(z, np.array([0, 8]), 1e-9).tolist() == [False, True, True] + [False] * 3 + [True] + [False] * 2 + [
        True,
        False,
    ]
    assert straightened(np.array([np.nan, 1.0]), np.zeros(2, dtype=bool))[1] == 1
    assert on_lines(np.zeros(0), np.array([0]), 1e-9).size == 0
    assert on_lines(np.zeros(1), np.array([0]), 1e-9).tolist() == [False]


def slow(rows=6000, seed=0):
    """Return a slow walk that stays in a third of its rows."""
    steps = np.where(draws(seed).random(rows) < 0.3, 0.0, 0.01 * draws(seed + 1).normal(size=rows))
    x = np.cumsum(steps)
    return (x - x.mean()) / x.std()


def test_of_slow_columns_the_level_is_carried_and_steps_stay_as_they_are():
    drawn = slow()
    real = drawn**3 + 2 * drawn
    one = Marginal.fit(real, drawn, independent=10.0)
    assert one.around == 37
    starts = np.arange(0, 6000, 24)
    made = one.apply(drawn, starts)
    inside = np.arange(6000)[1:] % 24 > 0
    assert ks_2samp(made, real).statistic < 0.03
    np.testing.assert_allclose(np.diff(made)[inside], np.diff(drawn)[inside], atol=1e-9)
    again = one.apply(drawn[:48], starts[:2])
    np.testing.assert_allclose(again, made[:48])  # a sequence is carried by itself


def test_what_stays_goes_on_to_stay_also_where_levels_move():
    drawn = slow()
    one = Marginal.fit(drawn**3 + 2 * drawn, drawn, independent=100.0)
    assert one.around == 3
    np.testing.assert_array_equal(np.diff(apply(one, drawn))[np.diff(drawn) == 0], 0)


def test_holes_and_atoms_are_no_part_of_a_level():
    drawn = slow()
    one = Marginal.fit(drawn + 1, drawn, atoms=(50.0,), independent=10.0)
    some = drawn[:10].copy()
    some[3], some[6] = np.nan, 50.0
    moved = apply(one, some) - some
    assert np.isnan(moved[3])
    assert moved[6] == 0
    np.testing.assert_allclose(np.delete(moved, [3, 6]), 1, atol=1e-3)
    assert np.isnan(apply(one, np.full(3, np.nan))).all()


def test_single_readings_that_came_again_are_no_steps():
    """A reading of 1.0 that 2 % of the rows hold by chance, on no lattice: the map has no flat part there."""
    x = draws().normal(size=5000)
    x[:100] = 1.0
    wave = 0.9 * np.sort(draws(1).normal(size=5000))
    made = apply(Marginal.fit(x, wave, lambda value, share: value + 1e-9 * share), wave)
    assert (np.diff(made) > 0).all()


def test_a_map_has_as_few_knots_as_bring_the_marginal_within_chance():
    real, drawn = draws().normal(size=20_000), draws(1).normal(0.2, 1, 20_000)
    one = Marginal.fit(real, drawn, sequences=20_000)
    assert len(one.drawn) < 30
    assert ks_2samp(apply(one, drawn), real).statistic < 0.015
    bent = np.sign(drawn) * np.abs(drawn) ** 0.2
    assert len(Marginal.fit(real, bent, sequences=20_000).drawn) > 40


def test_a_map_is_not_learned_from_the_chance_of_what_was_drawn():
    """Of many real sequences and few drawn ones the distance is that of the few."""
    real, drawn = np.repeat(draws().normal(size=8000), 5), np.repeat(draws(3).normal(size=300), 5)
    assert ks_2samp(real, drawn).statistic > 1.5 / np.sqrt(8000)
    assert Marginal.fit(real, drawn, independent=8000.0, sequences=8000) is None
    assert Marginal.fit(real, drawn + 0.3, independent=8000.0, sequences=8000) is not None


class TestRougher:
    STARTS = np.arange(0, 2400, 24)

    def waves(self):
        speed, phase = draws().uniform(0, 0.1, (2, 100, 1))
        return np.sin(speed * np.arange(24) + phase).ravel()

    def test_a_smooth_curve_with_kinks_is(self):
        z = self.waves()
        at = np.linspace(-0.1, 1.1, 30)
        assert rougher(z, np.interp(z, at, at + 0.01 * draws(1).normal(size=30)), self.STARTS) > 3

    def test_a_shift_and_a_scale_are_not(self):
        z = self.waves()
        assert rougher(z, 3 * z + 5, self.STARTS) == pytest.approx(1)

    def test_noise_is_not_by_the_same_kinks(self):
        z = draws().uniform(size=2400)
        at = np.linspace(-0.1, 1.1, 30)
        assert rougher(z, np.interp(z, at, at + 0.01 * draws(1).normal(size=30)), self.STARTS) < 1.1

    def test_lines_and_constants_and_holes_say_nothing(self):
        line = np.tile(np.arange(24.0), 100)
        assert rougher(line, line**2, self.STARTS) == 1
        assert rougher(np.zeros(2400), np.zeros(2400), self.STARTS) == 1
        assert rougher(np.full(2400, np.nan), np.full(2400, np.nan), self.STARTS) == 1
