"""Gaussian axes are normal one by one, uncorrelated, and come back as the rows they were."""

import numpy as np
import pytest
from scipy.stats import kstest

from tsgan.encoding.gaussianise import FEW, GaussianAxes
from tsgan.encoding.scalers.quantile import KNOTS
from tsgan.encoding.whitening import CHUNK, Whitening


def draws(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture
def table():
    """Heavy tails, two humps and an exact dependence."""
    rng = draws()
    humps = np.where(rng.random(3000) < 0.5, -2.0, 2.0) + 0.3 * rng.normal(size=3000)
    x = np.column_stack([humps, humps + 0.1 * rng.standard_t(3, 3000), 1e6 * rng.exponential(size=3000)])
    return np.column_stack([x, x[:, 0] - 2 * x[:, 1]])


def test_axes_are_normal_with_unit_variance(table):
    assert kstest(Whitening.fit(table).forward(table)[:, 0], "norm").statistic > 0.1
    z = GaussianAxes.fit(table).forward(table)
    assert z.shape == (3000, 3)
    assert max(kstest(axis, "norm").statistic for axis in z.T) < 0.005
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-9)


def test_round_trip_in_single_precision(table):
    axes = GaussianAxes.fit(table)
    back = axes.inverse(axes.forward(table).astype(np.float32))
    assert (np.abs(back - table).max(axis=0) < 2e-5 * table.std(axis=0)).all()


def test_extreme_rows_are_not_cut(table):
    table[7] *= 1000
    axes = GaussianAxes.fit(table)
    back = axes.inverse(axes.forward(table))
    np.testing.assert_allclose(back[7], table[7], rtol=1e-6)


def test_normal_draws_have_the_axes_own_law(table):
    axes = GaussianAxes.fit(table)
    made = axes.whitening.forward(axes.inverse(draws(1).normal(size=(20_000, 3))))
    real = axes.whitening.forward(table)
    for one, two in zip(made.T, real.T, strict=True):
        assert kstest(one, two).statistic < 0.03


def test_dropped_axes_stay_dropped(table):
    made = GaussianAxes.fit(table).inverse(draws(1).normal(size=(100, 3)))
    np.testing.assert_allclose(made[:, 3], made[:, 0] - 2 * made[:, 1], rtol=1e-9, atol=1e-6)


def test_an_axis_of_few_values_stays_as_it_is():
    x = (np.arange(600) % (FEW - 1)).astype(float)[:, None]
    axes = GaussianAxes.fit(x)
    assert axes.maps == (None,)
    np.testing.assert_allclose(axes.forward(x), Whitening.fit(x).forward(x), atol=1e-8)
    np.testing.assert_allclose(axes.inverse(axes.forward(x)), x, atol=1e-7)


def test_an_axis_with_an_atom_has_unit_variance_and_keeps_the_atom():
    x = np.append(np.zeros(600), draws().gamma(2.0, size=400))[:, None]
    axes = GaussianAxes.fit(x)
    z = axes.forward(x).astype(np.float32)
    assert (z[:600] == z[0]).all()
    assert z.std() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(axes.inverse(z), x, atol=1e-6)


def test_equal_rows_are_equal_however_many_are_mapped_at_once():
    x = np.repeat(draws().normal(size=(60, 5)), 20, axis=0)
    axes = GaussianAxes.fit(x)
    alone = np.concatenate([axes.forward(x[i : i + 1]) for i in range(0, 1200, 7)])
    np.testing.assert_allclose(axes.forward(x)[::7], alone, atol=1e-9)


def test_blocks_of_rows_agree_with_one_by_one(table):
    axes = GaussianAxes.fit(table)
    z = draws(2).normal(size=(CHUNK + 50, 3))
    made = axes.inverse(z)
    for at in (0, CHUNK - 1, CHUNK, CHUNK + 49):
        np.testing.assert_allclose(made[at], axes.inverse(z[at : at + 1])[0], rtol=1e-12)


@pytest.mark.parametrize("columns", [0, 1])
def test_few_columns(columns):
    x = draws().gamma(1.0, size=(100, columns))
    axes = GaussianAxes.fit(x)
    assert axes.channels == columns
    np.testing.assert_allclose(axes.inverse(axes.forward(x)), x, atol=1e-8)


def test_two_rows():
    x = np.array([[1.5, 3.0], [2.5, 1.0]])
    axes = GaussianAxes.fit(x)
    np.testing.assert_allclose(axes.inverse(axes.forward(x)), x)


def test_state_round_trip(table):
    mixed = np.column_stack([table, 5e6 * (np.arange(3000) % 3)])
    for x in (table, mixed, mixed[:, 4:], table[:, :0]):
        axes = GaussianAxes.fit(x)
        state = axes.state()
        assert all(array.dtype.kind in "fi" for array in state.values())
        assert len(state["z"]) <= KNOTS * max(axes.channels, 1)
        again = GaussianAxes.from_state(state)
        assert [one is None for one in again.maps] == [one is None for one in axes.maps]
        np.testing.assert_array_equal(again.forward(x), axes.forward(x))
        z = draws(3).normal(size=(50, axes.channels))
        np.testing.assert_array_equal(again.inverse(z), axes.inverse(z))


def test_a_slow_axis_stays_as_it_is_so_that_its_steps_do():
    rng = draws(3)
    walk = np.cumsum(rng.normal(size=4000)) + 100 * (np.arange(4000) > 2000)  # two levels, nothing in between
    x = np.column_stack([walk, walk + rng.standard_t(3, 4000)])
    axes = GaussianAxes.fit(x, np.arange(4000) > 0)
    assert [one is None for one in axes.maps] == [True, False]
    plain = axes.whitening.forward(x)[:, 0]
    np.testing.assert_allclose(axes.forward(x)[:, 0], plain, atol=1e-8)
    ranked = GaussianAxes.fit(x).forward(x)[:, 0]  # what would be: the leap between the levels shrinks
    assert np.abs(np.diff(plain))[2000] > 20 * np.median(np.abs(np.diff(plain)))
    assert np.abs(np.diff(ranked))[2000] < 0.7 * np.abs(np.diff(plain))[2000]
    np.testing.assert_allclose(axes.inverse(axes.forward(x)), x, rtol=1e-9, atol=1e-6)


def test_no_axis_is_slow_across_sequences():
    x = np.sort(draws(4).exponential(size=500))[:, None]
    assert GaussianAxes.fit(x, np.zeros(500, dtype=bool)).maps[0] is not None
    assert GaussianAxes.fit(x).maps[0] is not None
    assert GaussianAxes.fit(x, np.arange(500) > 0).maps[0] is None
