"""Filled columns have the variance, the memory and the ties of complete ones, where plain filling does not."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import solve_discrete_lyapunov

from tsgan.encoding import imputation
from tsgan.encoding.imputation import Imputer
from tsgan.encoding.sequences import follows

CLOSE = 0.05


def draws(seed=0):
    return np.random.default_rng(seed)


def panel(rng, lengths, memory=0.9, tie=0.8, columns=3):
    """Return AR(1) columns of unit variance with correlation `tie`, sequence after sequence."""
    sequences, steps = len(lengths), int(lengths.max())
    root = np.linalg.cholesky(np.full((columns, columns), tie) + (1 - tie) * np.eye(columns))
    x = rng.normal(size=(steps, sequences, columns)) @ root.T
    x[1:] *= np.sqrt(1 - memory**2)
    for step in range(1, steps):
        x[step] += memory * x[step - 1]
    return x.transpose(1, 0, 2)[np.arange(steps) < lengths[:, None]]


def at_random(rng, lengths, columns):
    return rng.random((lengths.sum(), columns)) < 0.3


def in_runs(rng, lengths, columns):
    starts = rng.random((lengths.sum(), columns)) < 0.3 / 15
    return np.logical_or.reduce([np.roll(starts, k, axis=0) for k in range(15)])


def in_runs_together(rng, lengths, columns):
    return np.repeat(in_runs(rng, lengths, 1), columns, axis=1)


def whole_sequences(rng, lengths, columns):
    mask = np.repeat(rng.random((len(lengths), columns)) < 0.3, lengths, axis=0)
    mask[:, -1] = False
    return mask


def figures(x, lengths):
    after = np.flatnonzero(follows(lengths))
    memory = [np.corrcoef(column[after - 1], column[after])[0, 1] for column in x.T]
    return x.var(axis=0), np.array(memory), np.corrcoef(x.T)[np.triu_indices(x.shape[1], 1)]


def off(x, filled, lengths):
    """Return the largest difference in variance, lag-1 autocorrelation and cross-correlation."""
    return [np.abs(a - b).max() for a, b in zip(figures(x, lengths), figures(filled, lengths), strict=True)]


def impute(x, lengths, seed=1):
    return Imputer.fit(x, lengths, draws(seed)).fill(x, lengths, draws(seed + 1))


EVEN, ONE, MIXED = np.full(400, 50), np.array([20_000]), np.resize([1, 2, 10, 80], 900)
CASES = [(holes, lengths) for holes in (at_random, in_runs, in_runs_together) for lengths in (EVEN, ONE, MIXED)]


@pytest.mark.parametrize(("holes", "lengths"), [*CASES, (whole_sequences, EVEN), (whole_sequences, MIXED)])
def test_filled_columns_are_like_complete_ones(holes, lengths):
    rng = draws()
    x = panel(rng, lengths)
    mask = holes(rng, lengths, x.shape[1])
    holed = np.where(mask, np.nan, x)
    filled = impute(holed, lengths)
    np.testing.assert_array_equal(filled[~mask], x[~mask])
    assert np.isfinite(filled).all()
    assert max(off(x, filled, lengths)) < CLOSE


@pytest.mark.parametrize("holes", [in_runs, in_runs_together, whole_sequences])
def test_plain_filling_is_not(holes):
    rng, lengths = draws(), np.full(400, 50)
    x = panel(rng, lengths)
    holed = pd.DataFrame(np.where(holes(rng, lengths, x.shape[1]), np.nan, x))
    means = holed.fillna(holed.mean())
    lines = holed.groupby(np.repeat(np.arange(400), 50)).transform(lambda s: s.interpolate(limit_direction="both"))
    for plain in (means, lines.fillna(holed.mean())):
        assert max(off(x, plain.to_numpy(), lengths)) > CLOSE


def test_statics_are_sequences_of_one_row():
    rng = draws()
    lengths = np.ones(4000, dtype=np.int64)
    x = panel(rng, lengths, columns=4)
    filled = impute(np.where(rng.random(x.shape) < 0.4, np.nan, x), lengths)
    assert max(np.abs(a - b).max() for a, b in zip(figures_of_rows(x), figures_of_rows(filled), strict=True)) < CLOSE


def figures_of_rows(x):
    return x.var(axis=0), np.corrcoef(x.T)


def test_gaps_that_depend_on_another_column_do_not_shift_the_mean():
    rng, lengths = draws(), np.full(400, 50)
    x = panel(rng, lengths, columns=2)
    holed = x.copy()
    holed[x[:, 0] > 0.5, 1] = np.nan
    assert np.nanmean(holed[:, 1]) < -0.3
    assert abs(impute(holed, lengths)[:, 1].mean() - x[:, 1].mean()) < CLOSE


def test_a_draw_has_the_law_of_the_gap_given_its_ends():
    """One gap in the middle of a bivariate series, many times over, against the conditional normal by hand."""
    memory, noise = np.array([[0.7, 0.2], [-0.1, 0.5]]), np.array([[1.0, 0.4], [0.4, 0.8]])
    lag0 = solve_discrete_lyapunov(memory, noise)
    steps, gap = 5, np.zeros((5, 2), dtype=bool)
    gap[1:3], gap[3, 0] = True, True
    powers = [np.linalg.matrix_power(memory, k) for k in range(steps)]
    full = np.block([[powers[i - j] @ lag0 if i >= j else lag0 @ powers[j - i].T for j in range(5)] for i in range(5)])
    x = draws().multivariate_normal(np.zeros(10), full).reshape(5, 2)
    inside, outside = np.flatnonzero(gap), np.flatnonzero(~gap)
    weights = np.linalg.solve(full[np.ix_(outside, outside)], full[np.ix_(outside, inside)])
    mean = weights.T @ x.reshape(-1)[outside]
    spread = full[np.ix_(inside, inside)] - full[np.ix_(inside, outside)] @ weights

    times = 20_000
    one = Imputer(*np.array([[0.0, 0], [1, 1], [-9, -9], [9, 9], [0, 0]]), lag0, lag0 @ memory.T, np.empty((0, 2)), [])
    many = one.fill(np.tile(np.where(gap, np.nan, x), (times, 1)), np.full(times, 5), draws(1))
    drawn = many.reshape(times, -1)[:, inside]
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), spread, atol=0.05)


def test_exact_dependences_hold_in_filled_rows():
    rng, lengths = draws(), np.full(200, 50)
    x = panel(rng, lengths, columns=2)
    x = np.column_stack([x, 2 * x[:, 0] - x[:, 1] + 3, x[:, 0] + 0.01 * rng.normal(size=len(x))])
    mask = np.zeros(x.shape, dtype=bool)
    mask[:, 2] = rng.random(len(x)) < 0.3
    mask[np.ix_(rng.random(len(x)) < 0.3, [0, 3])] = True
    mask[np.repeat(rng.random(200) < 0.2, 50)] = True
    filled = impute(np.where(mask, np.nan, x), lengths)
    np.testing.assert_allclose(filled[:, 2], 2 * filled[:, 0] - filled[:, 1] + 3, atol=1e-9)
    assert (filled[:, 3] - filled[:, 0]).std() < 0.03
    assert np.abs(filled.var(axis=0) / x.var(axis=0) - 1).max() < 3 * CLOSE


def test_without_gaps_nothing_is_done():
    x, lengths = draws().normal(size=(50, 3)), np.array([20, 30])
    imputer = Imputer.fit(x, lengths, draws())
    assert imputer.fill(x, lengths, draws()) is x


def test_the_same_generator_gives_the_same_numbers():
    rng, lengths = draws(), np.array([30, 20])
    x = panel(rng, lengths)
    x[rng.random(x.shape) < 0.3] = np.nan
    np.testing.assert_array_equal(impute(x, lengths), impute(x, lengths))
    assert (impute(x, lengths) != impute(x, lengths, seed=5)).any()


def test_state_round_trip():
    rng, lengths = draws(), np.array([30, 20])
    x = panel(rng, lengths)
    x[rng.random(x.shape) < 0.3] = np.nan
    imputer = Imputer.fit(x, lengths, draws())
    back = Imputer.from_state({key: array.copy() for key, array in imputer.state().items()})
    np.testing.assert_array_equal(back.fill(x, lengths, draws(3)), imputer.fill(x, lengths, draws(3)))


@pytest.mark.parametrize(("rows", "columns"), [(10, 5), (10, 30), (2, 2), (3, 1), (1, 1)])
@pytest.mark.parametrize("one", [True, False])
def test_few_rows(rows, columns, one):
    rng = draws()
    x = rng.normal(size=(rows, columns))
    x[rng.random(x.shape) < 0.4] = np.nan
    lengths = np.array([rows]) if one else np.ones(rows, dtype=np.int64)
    filled = impute(x, lengths)
    assert np.isfinite(filled).all()
    assert np.abs(filled).max() < 10


def test_no_columns_and_no_rows():
    empty = np.empty((5, 0))
    assert Imputer.fit(empty, np.array([5]), draws()).fill(empty, np.array([5]), draws()) is empty
    x = draws().normal(size=(20, 2))
    x[3, 1] = np.nan
    none = np.empty((0, 2))
    assert Imputer.fit(x, np.array([20]), draws()).fill(none, np.empty(0, dtype=np.int64), draws()) is none


def test_constant_columns_stay_constant():
    x = np.tile([3.0, -1.0], (100, 1))
    x[draws().random(x.shape) < 0.2] = np.nan
    np.testing.assert_allclose(impute(x, np.full(10, 10)), np.tile([3.0, -1.0], (100, 1)))


def test_odd_columns():
    """Constant where observed, observed once, never observed, two that are never observed together."""
    rng, lengths = draws(), np.full(20, 10)
    x = panel(rng, lengths, columns=6) + 5
    x[:, 0] = 7
    x[rng.random(200) < 0.5, 0] = np.nan
    x[1:, 1] = np.nan
    x[:, 2] = np.nan
    x[:100, 3], x[100:, 4] = np.nan, np.nan
    filled = impute(x, lengths)
    assert np.isfinite(filled).all()
    assert (filled[:, 0] == 7).all()
    assert (filled[:, 1] == x[0, 1]).all()
    assert np.abs(filled).max() < 30


def test_draws_stay_near_the_observed_range():
    lengths = np.full(50, 20)
    x = draws().random((1000, 2)) ** 4
    x[draws(1).random(x.shape) < 0.5] = np.nan
    filled = impute(x, lengths)
    low, high = np.nanmin(x, axis=0), np.nanmax(x, axis=0)
    assert (filled >= low - (high - low) * 0.5 - 1e-9).all()
    assert (filled <= high + (high - low) * 0.5 + 1e-9).all()


def test_explosive_columns_do_not_diverge():
    x = np.column_stack([np.exp(np.arange(200) / 10), np.arange(200.0)])
    x[50:150] = np.nan
    filled = impute(x, np.array([200]))
    assert np.isfinite(filled).all()
    assert filled.max() < 2 * np.nanmax(x)


def test_fitting_uses_part_of_many_rows(monkeypatch):
    rng, lengths = draws(), np.array([30_000, 100, 9900])
    x = panel(rng, lengths)
    x[rng.random(x.shape) < 0.2] = np.nan
    whole = Imputer.fit(x, lengths, draws())
    monkeypatch.setattr(imputation, "ROWS", 10_000)
    rows, joined = imputation._thin(follows(lengths), draws())
    assert len(rows) <= 10_000
    assert (np.diff(rows)[joined[1:]] == 1).all()
    assert joined.mean() > 0.9
    part = Imputer.fit(x, lengths, draws())
    np.testing.assert_allclose(part.lag0, whole.lag0, atol=0.25)


def test_many_rows_in_pieces_are_as_good(monkeypatch):
    rng, lengths = draws(), np.full(100, 50)
    x = panel(rng, lengths)
    holed = np.where(in_runs_together(rng, lengths, 3), np.nan, x)
    monkeypatch.setattr(imputation, "CHUNK", 300)
    assert max(off(x, impute(holed, lengths), lengths)) < 2 * CLOSE


@pytest.mark.slow
def test_large_tables_take_seconds():
    rng, lengths = draws(), np.full(4000, 50)
    x = panel(rng, lengths, columns=30)
    holed = np.where(rng.random(x.shape) < 0.1, np.nan, x)
    began = time.process_time()
    filled = impute(holed, lengths)
    assert time.process_time() - began < 40
    assert max(off(x, filled, lengths)) < 0.01
