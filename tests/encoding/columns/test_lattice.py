"""Lattices and atoms: what is planted is found, what is not is not, and values come back on it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from through_json import through_json
from told import everything

from tsgan import datasets
from tsgan.encoding.columns.base import Request
from tsgan.encoding.columns.habits import describe_atoms, find_atoms
from tsgan.encoding.columns.lattice import Lattice
from tsgan.encoding.columns.numeric import FloatColumn, IntegerColumn


def draws(seed=0):
    return np.random.default_rng(seed)


def learn(x, decimals):
    values, counts = np.unique(np.asarray(x, dtype=float), return_counts=True)
    return Lattice.fit(values, counts, decimals, np.ones(len(values), dtype=bool))


def fitted(x, kind=FloatColumn, **changes):
    series = pd.Series(x)
    asked = {
        "scaler": "auto",
        "bounds": "observed",
        "follows": np.zeros(len(series), dtype=bool),
        "holders": everything(len(series)),
    }
    return kind.fit(series, Request("x", "value", **{**asked, **changes}))


FAHRENHEIT = np.round((np.round(draws().normal(60, 15, 3000)) - 32) / 1.8, 1)
ZEROS = np.where(draws(1).random(4000) < 0.54, 0.0, 10 * np.rint(1 + draws(2).gamma(2, 5, 4000)))
LIMITED = np.clip(draws(3).normal(0, 1, 6000), -1.0, 1.8)
CASES = {
    "multiples of 10": (ZEROS, {0.0: 0.54}),
    "limits": (LIMITED, {-1.0: 0.1587, 1.8: 0.0359}),
    "heaped": (np.where(draws(4).random(8000) < 0.3, 40.0, draws(5).normal(50, 20, 8000)).round(2), {40.0: 0.30}),
    "rare": (np.where(draws(4).random(8000) < 0.02, 0.0, draws(5).gamma(2, 5, 8000)), {0.0: 0.02}),
    "minutes": (60.0 * draws(6).geometric(0.02, 5000), {}),
    "fahrenheit": (FAHRENHEIT, {}),
}


class TestRegular:
    @pytest.mark.parametrize(
        ("x", "decimals", "offset", "step", "told"),
        [
            (10.0 * draws().integers(0, 60, 500), 0, 0, 10, "multiples of 10"),
            (0.25 * draws().integers(-60, 60, 500), 2, 0, 0.25, "multiples of 0.25"),
            (3 + 7.0 * draws().integers(0, 50, 300), 0, 3, 7, "3 + multiples of 7"),
            (60.0 * draws().geometric(0.01, 200), 0, 0, 60, "multiples of 60"),
        ],
    )
    def test_the_step_is_found(self, x, decimals, offset, step, told):
        found = learn(x, decimals)
        assert (found.offset, found.step, found.describe()) == (offset, step, told)
        np.testing.assert_array_equal(found.snap(x + 0.4 * step), x)

    def test_few_values_that_happen_to_share_a_step_say_nothing(self):
        assert learn([10.0, 30.0, 20.0, 70.0], 0) == Lattice.of(0)

    def test_values_beyond_a_bound_move_to_the_last_one_within(self):
        found = learn(10.0 * draws().integers(0, 60, 500), 0)
        assert found.hold(np.array([-3.0, 97.0, 400.0]), 5, 85).tolist() == [10, 80, 80]


class TestRounded:
    def test_fahrenheit_in_celsius(self):
        found = learn(FAHRENHEIT, 1)
        assert found.step == pytest.approx(5 / 9, abs=1e-3)
        assert found.describe() == "steps of 0.5556, rounded"
        every = np.round((np.arange(40, 80) - 32) / 1.8, 1)
        np.testing.assert_array_equal(found.snap(every + 0.1), every)

    def test_hundredths_of_an_inch_in_millimetres(self):
        rain = datasets.load("seattle_weather")["precipitation"].to_numpy()
        found = learn(rain, 1)
        assert found.step == pytest.approx(0.254, abs=1e-4)
        np.testing.assert_array_equal(found.snap(rain), rain)

    @pytest.mark.parametrize("x", [draws().gamma(1, 20, 3000).round(1), draws().normal(size=3000).round(2)])
    def test_numbers_that_are_only_rounded_lie_on_their_decimals(self, x):
        decimals = 1 + int(x.std() < 2)
        found = learn(x, decimals)
        assert found == Lattice.of(decimals)
        assert found.describe() == ""
        wild = draws().normal(scale=100, size=3000)
        np.testing.assert_array_equal(found.snap(wild), wild.round(decimals))

    def test_numbers_that_are_not_rounded_have_none(self):
        assert learn(draws().normal(size=3000), None) is None


class TestListed:
    def test_few_repeated_values_without_decimals(self):
        x = draws().integers(0, 40, 1000) / 3
        found = learn(x, None)
        assert found.describe() == "40 known values"
        assert set(found.snap(draws().uniform(-1, 15, 500))) <= set(x)

    def test_seattle_temperatures(self):
        weather = datasets.load("seattle_weather")
        for name in ("temp_max", "temp_min"):
            x = weather[name].to_numpy()
            found = learn(x, 1)
            np.testing.assert_array_equal(found.snap(x), x)
            inside = found.snap(draws().uniform(0, 15, 2000))
            assert set(inside) <= set(x)
        assert learn(weather["wind"], 1) == Lattice.of(1)

    def test_a_value_that_came_once_is_not_kept_and_its_gap_stays_open(self):
        x = np.append(np.repeat([0.0, 10.0, 20.0, 31.0, 44.0], 100), 13.7)
        found = learn(x, 1)
        assert 13.7 not in found.values
        assert found.snap(np.array([13.7, 13.26, 4.0, 25.0, 50.0])).tolist() == [13.7, 13.3, 0.0, 20.0, 44.0]

    def test_all_its_values_are_listed(self):
        assert learn(10.0 * draws().integers(0, 60, 500), 0).points(35, 70, 99).tolist() == [40, 50, 60, 70]
        assert learn(10.0 * draws().integers(0, 60, 500), 0).points(0, 1e9, 99).tolist() == []
        x = np.append(np.repeat([0.0, 10.0, 20.0, 31.0, 44.0], 100), 13.7)
        points = learn(x, 1).points(0, 44, 200)
        assert points[points <= 10].tolist() == [0, 10]
        assert points[points >= 20].tolist() == [20, 31, 44]
        assert len(points) == 5 + 99
        # too much between two of them to be listed
        assert learn(x, 1).points(0, 44, 50).tolist() == [0, 10, 20, 31, 44]
        found = learn(FAHRENHEIT, 1)
        assert set(FAHRENHEIT) <= set(found.points(FAHRENHEIT.min(), FAHRENHEIT.max(), 999))

    def test_bounds_cut_the_list(self):
        found = learn(np.repeat([0.0, 10.0, 20.0, 31.0], 100), 0)
        assert found.within(5, None).values == (10.0, 20.0, 31.0)
        assert found.within(12, 15) == Lattice.of(0)
        assert found.within(None, None) == found


@given(
    st.floats(-500, 500).map(lambda v: round(v, 1)),
    st.sampled_from([0.2, 0.5, 2.5, 3.0, 40.0]),
    st.integers(20, 200),
    st.integers(0, 2**20),
)
@settings(max_examples=40, deadline=None)
def test_every_value_of_a_lattice_comes_back(offset, step, levels, seed):
    x = np.round(offset + step * draws(seed).integers(0, levels, 12 * levels), 1)
    found = learn(x, 1)
    if found is not None:
        np.testing.assert_array_equal(found.snap(x), x)
        low, high = found.ends(x)
        inside = found.snap(low + draws(seed).uniform(0.01, 0.99, len(x)) * (high - low))
        np.testing.assert_allclose(inside, x, atol=1e-9)
    again = through_json(found)
    assert again == found


class TestAtoms:
    def test_zeros_a_cap_and_round_values_stand_out(self):
        values, counts = np.unique(LIMITED, return_counts=True)
        atoms = find_atoms(counts)
        assert values[atoms].tolist() == [-1.0, 1.8]
        assert describe_atoms(values, counts, atoms) == "16 % at -1, 4 % at 1.8"

    def test_atoms_side_by_side(self):
        counts = np.array([900, 700, 3, 4, 2, 3, 5, 4])
        assert find_atoms(counts).tolist() == [0, 1]

    def test_a_rounded_column_has_none(self):
        for x in (draws().normal(size=2000).round(1), draws().integers(0, 60, 2000), draws().poisson(4, 2000)):
            assert len(find_atoms(np.unique(x, return_counts=True)[1])) == 0

    def test_many_are_told_in_short(self):
        values, counts = np.arange(9.0), np.array([900, 1, 300, 1, 200, 1, 100, 1, 1])
        assert describe_atoms(values, counts, np.array([0, 2, 4, 6])).endswith("13 % at 4, 1 more atoms")


@pytest.mark.parametrize("name", CASES)
class TestColumns:
    def test_atoms_are_told_on_the_way_there(self, name):
        x, shares = CASES[name]
        column = fitted(x)
        wanted = sorted(value for value, share in shares.items() if share >= 0.03)
        assert column.unscaled(np.array(column.cell().atoms)).round(9).tolist() == wanted
        assert set(column.cell().atoms) <= set(column.encode(pd.Series(x)))

    def test_the_rows_come_back(self, name):
        x, _ = CASES[name]
        column = fitted(x)
        np.testing.assert_allclose(column.decode(column.encode(pd.Series(x))), x, rtol=1e-9, atol=1e-9)

    def test_spread_numbers_decode_to_the_same_values(self, name):
        x, _ = CASES[name]
        for scaler in ("auto", "standard", "log"):
            column = fitted(x, scaler=scaler)
            z = column.encode(pd.Series(x))
            moved = column.spread(z, draws(8).uniform(0.01, 0.99, len(z)))
            np.testing.assert_allclose(column.decode(moved), x, rtol=1e-9, atol=1e-9)


class TestDrawn:
    def test_no_value_between_multiples_of_ten(self):
        for scaler in ("auto", "standard"):
            made = fitted(ZEROS, scaler=scaler).decode(3 * draws().normal(size=5000))
            assert (made % 10 == 0).all()

    def test_between_atoms_values_stay_continuous_with_their_decimals(self):
        made = fitted(CASES["heaped"][0]).decode(draws().normal(size=5000))
        assert len(np.unique(made)) > 2000
        np.testing.assert_array_equal(made, made.round(2))

    def test_the_schema_tells(self):
        share = round(100 * (ZEROS == 0).mean())
        assert fitted(ZEROS).describe().reason == f"{share} % at 0; multiples of 10"
        assert fitted(ZEROS, scaler="standard").describe().reason == f"{share} % at 0; multiples of 10; asked for"
        assert fitted(FAHRENHEIT).describe().reason.startswith("steps of 0.5556, rounded; near normal")

    def test_integers_on_a_lattice(self):
        column = fitted(5 * draws().integers(-20, 40, 400).astype("int16"), IntegerColumn)
        made = column.decode(draws().normal(size=500))
        assert made.dtype == "int16"
        assert (made % 5 == 0).all()

    def test_declared_bounds_hold_on_the_lattice(self):
        column = fitted(ZEROS, bounds=(5.0, 44.0))
        made = column.decode(4 * draws().normal(size=500))
        assert set(made) <= {10.0, 20.0, 30.0, 40.0}
