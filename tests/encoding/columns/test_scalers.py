"""One contract for every member of SCALERS, and what each of them promises beyond it."""

import re

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import kstest, skew, spearmanr
from through_json import through_json

from tsgan.encoding.columns.choose import SCALERS, choose_scaler, distance_to_normal, step_slopes
from tsgan.encoding.columns.scalers import MAX_KNOTS, Log, Power, Quantile
from tsgan.errors import InputError


def draws(seed=0):
    return np.random.default_rng(seed)


COLUMNS = {
    "normal": draws().normal(size=500),
    "two_values": np.array([3.0, 7.0]),
    "constant": np.full(20, 4.0),
    "few_values": draws().integers(0, 5, 300).astype(float),
    "integers": draws().integers(-400, 5000, 300).astype(float),
    "heavy_tails": draws().standard_t(1.1, 800),
    "positive_skewed": draws().lognormal(0, 2, 600),
    "zero_inflated": np.where(draws().random(400) < 0.6, 0.0, draws(1).gamma(1.0, 5.0, 400)),
    "large_offset": 1e9 + draws().normal(size=300),
    "tiny_scale": 1e-9 * draws().normal(size=300),
    "huge_scale": 1e30 * draws().normal(size=300),
    "many_rows": draws().normal(size=20_000).round(3),
}


@pytest.mark.parametrize("name", SCALERS)
@pytest.mark.parametrize("column", COLUMNS)
class TestContract:
    def test_round_trip(self, name, column):
        x = COLUMNS[column]
        scaler = SCALERS[name].fit(x)
        z = scaler.forward(x)
        np.testing.assert_array_equal(scaler.forward(x[::-1])[::-1], z)
        assert z.shape == x.shape
        assert np.isfinite(z).all()
        np.testing.assert_allclose(scaler.inverse(z), x, rtol=1e-7, atol=1e-6 * np.std(x))

    def test_order_is_kept(self, name, column):
        x = COLUMNS[column]
        z = SCALERS[name].fit(x).forward(x)
        lower, upper = x[:-1] < x[1:], x[:-1] > x[1:]
        assert (z[:-1][lower] < z[1:][lower]).all()
        assert (z[:-1][upper] > z[1:][upper]).all()

    def test_every_number_comes_back_finite(self, name, column):
        back = SCALERS[name].fit(COLUMNS[column]).inverse(np.linspace(-9, 9, 2001))
        assert np.isfinite(back).all()
        assert (np.diff(back) >= 0).all()

    def test_state_round_trip_is_exact(self, name, column):
        x = COLUMNS[column]
        scaler = SCALERS[name].fit(x)
        again = through_json(scaler)
        z = np.linspace(-5, 5, 101)
        np.testing.assert_array_equal(again.inverse(z), scaler.inverse(z))
        np.testing.assert_array_equal(again.forward(x), scaler.forward(x))

    def test_single_precision_between_the_two_ways_is_enough(self, name, column):
        x = COLUMNS[column]
        scaler = SCALERS[name].fit(x)
        z = scaler.forward(x).astype(np.float32).astype(np.float64)
        np.testing.assert_allclose(scaler.inverse(z), x, rtol=2e-4, atol=1e-4 * np.std(x))


def test_names_are_the_keys_of_the_table():
    assert all(member.name == name for name, member in SCALERS.items())


class TestQuantile:
    def test_values_of_a_column_of_few_come_back_exactly_also_in_single_precision(self):
        whole = np.round(150 * draws().normal(size=5_000))
        assert (np.unique(whole, return_counts=True)[1] == 1).sum() > 100
        rain = COLUMNS["zero_inflated"].round(1)
        for x in (whole, rain, COLUMNS["few_values"]):
            scaler = Quantile.fit(x)
            z = scaler.forward(x).astype(np.float32)
            np.testing.assert_array_equal(scaler.inverse(z.astype(np.float64)), x)

    def test_an_atom_is_put_in_the_middle_of_its_interval(self):
        x = np.repeat([0.0, 1.0, 5.0], [600, 300, 100])
        z = Quantile.fit(x).forward(np.array([5.0, 0.0, 1.0]))
        np.testing.assert_allclose(ndtr(z), [0.95, 0.3, 0.75], atol=1e-12)

    def test_an_atom_among_many_values_is_put_in_the_middle_of_its_interval(self):
        rest = draws().gamma(2.0, size=3_000)
        z = Quantile.fit(np.append(np.zeros(7_000), rest)).forward(np.append(np.zeros(5), rest))
        np.testing.assert_allclose(ndtr(z[:5]), 0.35, atol=1e-12)
        assert ndtr(z[5:]).min() >= 0.7

    def test_values_beside_an_atom_are_not_drawn_into_it(self):
        x = np.append(np.zeros(600), 1 + draws().random(400))
        scaler = Quantile.fit(x)
        assert scaler.inverse(scaler.forward(np.array([0.5])))[0] == pytest.approx(0.5)

    def test_a_value_that_came_once_does_not_stand_for_its_neighbourhood(self):
        x = np.append(np.repeat(np.arange(10.0), 50), [20.0, 30.0])
        back = Quantile.fit(x).inverse(np.linspace(2, 3.5, 1000))
        assert set(x[x >= 9]) <= set(back)
        assert ((back > 21) & (back < 29)).any()
        assert back.max() > 30

    def test_atoms_keep_their_probability(self):
        x = np.repeat([0.0, 1.0, 5.0], [600, 300, 100])
        back = Quantile.fit(x).inverse(draws().normal(size=100_000))
        for value, share in ((0, 0.6), (1, 0.3), (5, 0.1)):
            assert abs((back == value).mean() - share) < 0.01

    def test_knots_are_bounded_and_atoms_among_many_values_stay_exact(self):
        x = np.concatenate([draws().normal(size=50_000), np.full(1_000, 0.25)])
        scaler = Quantile.fit(x)
        assert len(scaler.x) <= MAX_KNOTS
        back = scaler.inverse(draws().normal(size=50_000))
        assert abs((back == 0.25).mean() - 1 / 51) < 0.004

    def test_tails_go_on_and_stay_finite(self):
        x = draws().normal(size=1000)
        scaler = Quantile.fit(x)
        assert scaler.inverse(np.array([6.0]))[0] > x.max()
        assert scaler.inverse(np.array([-6.0]))[0] < x.min()
        assert scaler.forward(np.array([1e6]))[0] < 7

    def test_values_beyond_an_atom_at_the_end_stay_with_it(self):
        scaler = Quantile.fit(np.repeat([0.0, 1.0], 50))
        assert scaler.inverse(np.array([-30.0, 30.0])).tolist() == [0.0, 1.0]
        assert np.abs(scaler.forward(np.array([-5.0, 7.0]))).max() < 5


class TestPower:
    def test_positive_values_take_logarithms(self):
        x = COLUMNS["positive_skewed"]
        z = Power.fit(x).forward(x)
        np.testing.assert_allclose(z - z[0], np.log(x) - np.log(x[0]))

    def test_other_values_lose_their_skew(self):
        x = draws().gamma(0.7, 1.0, 2000)
        x[0] = 0.0
        z = Power.fit(x).forward(x)
        assert abs(skew(z)) < 0.5 * abs(skew(x))

    def test_a_logarithm_refuses_zero(self):
        scaler = Power.fit(np.array([1.0, 2.0, 3.0]))
        with pytest.raises(InputError, match=r"all positive and are scaled by their logarithm; got -1"):
            scaler.forward(np.array([-1.0]))


class TestLog:
    def test_positive_values_take_logarithms(self):
        x = COLUMNS["positive_skewed"]
        z = Log.fit(x).forward(x)
        np.testing.assert_allclose(z - z[0], np.log(x / x[0]))
        assert abs(np.median(z)) < 0.1

    def test_zeros_and_signs_take_the_inverse_hyperbolic_sine(self):
        x = draws().standard_t(1.5, 1000)
        x[::10] = 0.0
        z = Log.fit(x).forward(x)
        np.testing.assert_allclose(np.arcsinh(x / Log.fit(x).scale), z)
        assert Log.fit(x).scale == pytest.approx(np.median(np.abs(x[x != 0])), rel=0.05)
        np.testing.assert_allclose(Log.fit(-x).forward(-x), -z)

    def test_a_logarithm_refuses_what_is_not_positive(self):
        with pytest.raises(InputError, match=r"all positive and are scaled by their logarithm; got -1"):
            Log.fit(np.array([1.0, 2.0, 3.0])).forward(np.array([2.0, -1.0]))


class TestAuto:
    def test_a_heavy_right_tail_takes_logarithms(self):
        x = draws().lognormal(3, 1, 3000)
        name, reason = choose_scaler(x, np.zeros(3000, dtype=bool))
        assert name == "log"
        assert re.fullmatch(r"heavy right tail, its logarithm near normal \(KS \.0\d\)", reason)

    def test_zeros_with_a_heavy_right_tail_take_an_arsinh(self):
        rain = np.where(draws().random(3000) < 0.5, 0.0, draws(1).lognormal(1, 1.2, 3000))
        name, reason = choose_scaler(rain, np.arange(3000) > 0)
        assert (name, reason) == ("log", "zeros with a heavy right tail")
        assert Log.fit(rain).signed
        light = np.where(draws().random(3000) < 0.5, 0.0, draws(1).gamma(4, 1, 3000))
        assert choose_scaler(light, np.zeros(3000, dtype=bool))[0] == "standard"

    @pytest.mark.parametrize(
        ("x", "reason"),
        [
            (1 + draws().pareto(1.5, 3000), "very heavy tail"),
            (np.append(draws().lognormal(3, 2, 2990), np.zeros(10)), "very heavy tail"),
            (draws().standard_t(1.5, 3000), "very heavy tails on both sides"),
        ],
    )
    def test_very_heavy_tails_take_an_arsinh(self, x, reason):
        assert choose_scaler(x, np.zeros(3000, dtype=bool)) == ("log", reason)

    def test_numbers_near_the_largest_are_chosen_for_alike(self):
        x = np.exp(np.random.default_rng(0).normal(size=3000))
        for none in (x, np.where(x < 0.5, 0.0, x)):
            assert choose_scaler(none * 1e147, x < 0) == choose_scaler(none, x < 0)

    def test_lighter_tails_and_tails_far_from_zero_do_not(self):
        for x in (draws().standard_t(4, 3000), 30 + draws().standard_t(1.5, 3000)):
            assert x.min() < 0
            assert choose_scaler(x, np.zeros(3000, dtype=bool))[0] == "standard"

    def test_atoms_and_few_values_are_told(self):
        x = np.where(draws().random(500) < 0.1, 0.0, draws(1).normal(size=500))
        assert choose_scaler(x, np.arange(500) > 0) == ("standard", f"{100 * (x == 0).mean():.0f} % at 0")
        assert choose_scaler(np.arange(500) % 25.0, np.arange(500) > 0) == ("standard", "25 distinct values")

    def test_a_short_column_of_distinct_values_has_no_atoms(self):
        assert choose_scaler(np.arange(12.0), np.arange(12) > 0)[0] == "standard"

    def test_multiplicative_steps_take_a_power(self):
        x = 50 * np.exp(np.cumsum(0.03 * draws(7).normal(size=3000)))
        assert x.max() / x.min() > 5
        name, reason = choose_scaler(x, np.arange(3000) > 0)
        assert name == "power"
        assert reason.startswith("steps grow with level^")

    def test_additive_steps_do_not(self):
        x = np.cumsum(draws(2).normal(size=3000))
        x += 5 - x.min()
        assert x.max() / x.min() > 5
        assert choose_scaler(x, np.arange(3000) > 0)[0] != "power"

    def test_slow_columns_stay_as_they_are(self):
        walk = np.cumsum(draws(5).normal(size=2000)) + 100.0 * (np.arange(2000) > 900) - 400
        name, reason = choose_scaler(walk, np.arange(2000) > 0)
        assert name == "standard"
        assert re.fullmatch(r"slow \(correlation \.9\d+ with the step before\)", reason)
        assert choose_scaler(walk, np.zeros(2000, dtype=bool))[1].startswith("far from normal")

    def test_steps_across_sequences_do_not_count(self):
        levels = np.repeat(np.geomspace(1, 1000, 200), 3)
        x = levels + 0.01 * draws().normal(size=600)
        jumps, none = step_slopes(x, np.arange(600) > 0), step_slopes(x, np.arange(600) % 3 > 0)
        assert jumps[0] > 0.05
        assert abs(none[0]) < 0.2
        assert choose_scaler(x, np.zeros(600, dtype=bool))[0] != "power"

    def test_what_is_far_from_normal_is_told(self):
        follows = np.arange(3000) > 0
        both = np.append(draws().normal(-2, 1, 1500), draws(1).normal(2, 1, 1500))
        for x in (draws().standard_t(3, 3000), -draws().beta(0.3, 1.6, size=3000), both, draws().random(3000)):
            distance = kstest((x - x.mean()) / x.std(), "norm").statistic
            assert distance_to_normal(*np.unique(x, return_counts=True)) == pytest.approx(distance)
            told = f"far from normal (KS {distance:.2f})".replace("0.", ".")
            assert choose_scaler(x, follows) == ("standard", told)

    def test_the_distance_counts_ties(self):
        x = draws().integers(0, 40, 500).astype(float)
        distance = kstest((x - x.mean()) / x.std(), "norm").statistic
        assert distance_to_normal(*np.unique(x, return_counts=True)) == pytest.approx(distance)

    @pytest.mark.parametrize("rows", [30, 100, 1000])
    def test_what_chance_does_to_normal_rows_is_allowed_for(self, rows):
        follows = np.arange(rows) > 0
        told = [choose_scaler(draws(seed).normal(size=rows), follows)[1] for seed in range(50)]
        assert all(reason.startswith("near normal") for reason in told)

    def test_the_allowance_shrinks_with_the_rows(self):
        x = np.sort(draws().random(100))
        assert choose_scaler(x, np.zeros(100, dtype=bool))[1].startswith("near normal")
        assert choose_scaler(draws().random(2000), np.arange(2000) > 0)[1].startswith("far from normal")

    @pytest.mark.parametrize("x", list(COLUMNS.values())[3:], ids=list(COLUMNS)[3:])
    def test_quantiles_are_never_chosen(self, x):
        assert choose_scaler(x, np.arange(len(x)) > 0)[0] != "quantile"

    def test_the_rest_is_standard(self):
        name, reason = choose_scaler(draws().normal(size=1000), np.arange(1000) > 0)
        assert name == "standard"
        assert re.fullmatch(r"near normal \(KS \.0\d\)", reason)


def test_power_makes_steps_even():
    x = 50 * np.exp(np.cumsum(0.03 * draws(7).normal(size=3000)))
    before, after = step_slopes(x, np.arange(3000) > 0)
    assert before > 0.8
    assert abs(after) < 0.3
    assert spearmanr(x, Power.fit(x).forward(x))[0] == pytest.approx(1)
