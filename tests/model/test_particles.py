"""What is unknown is drawn as the exact law has it: a linear-Gaussian table, and all kinds of cells against their twin.

The twin is importance sampling without any guide: very many rollouts, each weighted by the likelihood of what is known.
"""

import numpy as np
import pytest
import torch

from tsgan.layout import Category, Layout, Number
from tsgan.model.base import fit_base
from tsgan.model.chunks import ChunkSource
from tsgan.model.generator import Generator, Sizes
from tsgan.model.particles import block_size, complete
from tsgan.model.rollout import Rollout
from tsgan.panel import Given, Panel

STEP = np.array([[0.8, 0.2], [-0.3, 0.9]])
NOISE = np.array([[0.09, 0.04], [0.04, 0.06]])
TIME = 20
DRAWS = 1500


def _stationary():
    cov = np.eye(2)
    for _ in range(500):
        cov = STEP @ cov @ STEP.T + NOISE
    return cov


def _simulate(n, time, seed):
    rng = np.random.default_rng(seed)
    x = np.empty((n, time, 2))
    x[:, 0] = rng.standard_normal((n, 2)) @ np.linalg.cholesky(_stationary()).T
    for t in range(1, time):
        x[:, t] = x[:, t - 1] @ STEP.T + rng.standard_normal((n, 2)) @ np.linalg.cholesky(NOISE).T
    return x


def _taught(layout, values, mixture=3):
    source, time = ChunkSource(Panel.from_dense(values)), values.shape[1]
    base = fit_base(layout, lambda seen: source.sweep(time, seen, time), mixture, np.random.default_rng(0))
    torch.manual_seed(0)
    return Generator(layout, base, Sizes("lstm", 8, 1, 8, mixture)).eval()


def _given(known, values, n, allowed=(), lengths=None):
    time = len(known)
    tiled = np.broadcast_to(values, (n, *values.shape)), np.broadcast_to(known, (n, *known.shape))
    return Given(np.zeros((n, 0)), np.zeros((n, time, 0), dtype=np.float32), lengths, *tiled, tuple(allowed))


def _conditional(known, values):
    """Mean and covariance of the unknown numbers, from the joint covariance of the whole table."""
    cov = np.zeros((TIME, 2, TIME, 2))
    for t in range(TIME):
        block = _stationary()
        for s in range(t, TIME):
            cov[s, :, t], cov[t, :, s] = block, block.T
            block = STEP @ block
    cov, k = cov.reshape(2 * TIME, 2 * TIME), known.ravel()
    gain = cov[np.ix_(~k, k)] @ np.linalg.inv(cov[np.ix_(k, k)])
    return gain @ values.ravel()[k], cov[np.ix_(~k, ~k)] - gain @ cov[np.ix_(k, ~k)]


@pytest.fixture(scope="module")
def linear():
    return _taught(Layout((Number("a"), Number("b"))), _simulate(12_000, 16, 0), mixture=1)


@pytest.fixture(scope="module")
def table():
    return 1.5 * _simulate(1, TIME, 5)[0]


def _without(rows=(), cells=()):
    known = np.ones((TIME, 2), dtype=bool)
    known[list(rows)] = False
    for cell in cells:
        known[cell] = False
    return known


HOLES = {
    "one row": _without([6]),
    "five rows": _without(range(6, 11)),
    "twelve rows": _without(range(4, 16)),
    "the start": _without(range(5)),
    "the end": _without(range(15, TIME)),
    "the first column of single rows": _without(cells=[(7, 0), (12, 0)]),
    "the second column of single rows": _without(cells=[(7, 1), (12, 1)]),
    "columns in turn": _without(cells=[(7, 0), (8, 0), (9, 0), (9, 1), (10, 1)]),
}


@pytest.mark.parametrize("hole", sorted(HOLES))
def test_a_hole_is_filled_with_the_exact_conditional_law(linear, table, hole):
    known = HOLES[hole]
    out = complete(linear, _given(known, table, DRAWS), np.random.default_rng(1))
    assert np.array_equal(out[:, known], np.tile(table[known], (DRAWS, 1)))
    drawn = out[:, ~known]
    mean, cov = _conditional(known, table)
    spread = np.sqrt(np.diag(cov))
    # Monte Carlo error, and what the base misses by having been learned from 192,000 rows
    assert np.abs((drawn.mean(0) - mean) / spread).max() < 4 / np.sqrt(DRAWS) + 0.02
    assert np.abs((np.cov(drawn.T) - cov) / np.outer(spread, spread)).max() < 5 / np.sqrt(DRAWS) + 0.02


def _cells(seed, stays=0.0, gone=0.0, grid=0.0):
    """Sequences of a state that mostly stays, and two numbers of which the first moves with it."""
    rng = np.random.default_rng(seed)
    x = _simulate(4000, 5, seed)
    state = np.repeat(rng.integers(0, 3, (4000, 1)), 5, 1)
    for t in range(1, 5):
        state[:, t] = np.where(rng.random(4000) < 0.7, state[:, t - 1], rng.integers(0, 3, 4000))
    x[:, :, 0] += 0.8 * (state - 1)
    for t in range(1, 5):
        same = rng.random(4000) < stays
        x[same, t, 0] = x[same, t - 1, 0]
    x = np.round(x / grid) * grid if grid else x
    x[rng.random((4000, 5)) < gone, 1] = np.nan
    return np.concatenate([state[:, :, None], x], 2)


def _twin(generator, given, n):
    """Return rows of n rollouts, and their weights."""
    known, values = (torch.from_numpy(part[0].copy()) for part in (given.known, given.values))
    asked = tuple(None if levels is None else torch.from_numpy(levels) for levels in given.allowed)
    rollout = Rollout(generator, torch.zeros((n, 0), dtype=torch.float64), torch.Generator().manual_seed(0))
    rows, total = [], torch.zeros(n, dtype=torch.float64)
    for t in range(known.shape[0]):
        told = known[t].expand(n, -1), values[t].expand(n, -1)
        row, weight = rollout.step(torch.zeros((n, 0)), *told, asked)
        rows.append(row)
        total += weight.double()
    return torch.stack(rows, 1).numpy(), torch.softmax(total, 0).numpy()


STATE, A, B = Category("state", 3), Number("a"), Number("b")
LAST = np.array([[1, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]], dtype=bool)
STATES = np.array([[1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 0, 0], [1, 0, 0]], dtype=bool)
NONE = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0]], dtype=bool)
GRID = np.arange(-16, 17) * 0.25
KINDS = {
    "levels and numbers": ({}, (STATE, A, B), LAST, ()),
    "levels are known ahead": ({}, (STATE, A, B), STATES, ()),
    "one level is allowed": ({}, (STATE, A, B), NONE, (np.array([False, False, True]), None, None)),
    "two levels are allowed": ({}, (STATE, A, B), NONE, (np.array([True, False, True]), None, None)),
    "numbers that stay": ({"stays": 0.4}, (STATE, Number("a", stays=True), B), LAST, ()),
    "numbers that are missing": ({"gone": 0.2}, (STATE, A, Number("b", missing=True)), STATES, ()),
    "numbers on a grid": ({"grid": 0.25}, (STATE, Number("a", grid=GRID), Number("b", grid=GRID)), LAST, ()),
    "numbers with bounds": ({}, (STATE, Number("a", low=-2.5, high=2.5), B), LAST, ()),
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_cell_has_the_law_of_weighted_rollouts(kind):
    how, cells, known, allowed = KINDS[kind]
    x = _cells(3, **how)
    generator = _taught(Layout(cells), x)
    with torch.no_grad():  # a network that says something
        for chain in (generator.chain, generator.first):
            chain.direct.weight.normal_().mul_(0.15)
            chain.out.normal_().mul_(0.15)
    whole = x[~np.isnan(x).any((1, 2))][3]
    twin, weight = _twin(generator, _given(known, whole, 1, allowed), 60_000)
    drawn = complete(generator, _given(known, whole, DRAWS, allowed), np.random.default_rng(1))
    assert np.array_equal(drawn[:, known], np.tile(whole[known], (DRAWS, 1)))
    share = 1 / DRAWS + np.square(weight).sum()
    for t, j in np.argwhere(~known):
        one, other = twin[:, t, j], drawn[:, t, j]
        if isinstance(cells[j], Category):
            told = [(one == level, other == level) for level in range(3)]
        else:
            told = [(np.isnan(one), np.isnan(other)), (np.nan_to_num(one), np.nan_to_num(other))]
            told.append((twin[:, t, j] == twin[:, t - 1, j], drawn[:, t, j] == drawn[:, t - 1, j]))
        for a, b in told:
            mean = weight @ a
            error = np.sqrt(weight @ np.square(a - mean) * share)
            assert abs(b.mean() - mean) < 4.5 * error + 0.01, (t, j)


def test_allowed_levels_hold_on_every_row():
    generator = _taught(Layout((STATE, A, B)), _cells(3))
    given = Given(np.zeros((50, 0)), np.zeros((50, 30, 0), dtype=np.float32))
    for levels in ([2], [0, 2]):
        mask = np.isin(np.arange(3), levels)
        asked = Given(given.statics, given.covariates, allowed=(mask, None, None))
        out = complete(generator, asked, np.random.default_rng(0))
        assert np.isin(out[:, :, 0], levels).all()
        assert set(np.unique(out[:, :, 0])) == set(levels)
        assert np.isfinite(out).all()


def test_a_past_goes_on_as_a_plain_rollout_does(linear, table):
    known = _without(range(12, TIME))
    out = complete(linear, _given(known, table, DRAWS), np.random.default_rng(2))
    assert np.array_equal(out[:, :12], np.tile(table[:12], (DRAWS, 1, 1)))
    rollout = Rollout(linear, torch.zeros((DRAWS, 0), dtype=torch.float64), torch.Generator().manual_seed(3))
    rows = []
    for t in range(TIME):
        told = torch.from_numpy(known[t]).expand(DRAWS, 2), torch.from_numpy(table[t]).expand(DRAWS, 2)
        rows.append(rollout.step(torch.zeros((DRAWS, 0)), *told)[0].numpy())
    plain = np.stack(rows, 1)[:, 12:].reshape(DRAWS, -1)
    own = out[:, 12:].reshape(DRAWS, -1)
    assert np.abs((own.mean(0) - plain.mean(0)) / plain.std(0)).max() < 5 / np.sqrt(DRAWS / 2)
    assert np.abs(own.std(0) / plain.std(0) - 1).max() < 5 / np.sqrt(DRAWS)


def test_the_same_seed_gives_the_same_rows(linear, table):
    given = _given(HOLES["five rows"], table, 5)
    first, second, other = (complete(linear, given, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_blocks_do_not_change_what_is_drawn(linear, table):
    size = block_size(linear, TIME)
    n = 2 * size + 3
    given = _given(HOLES["five rows"], table, n)
    whole = complete(linear, given, np.random.default_rng(6))
    rng, parts = np.random.default_rng(6), []
    for at in range(0, n, size):
        some = slice(at, at + size)
        part = Given(given.statics[some], given.covariates[some], None, given.values[some], given.known[some])
        parts.append(complete(linear, part, rng))
    assert np.array_equal(whole, np.concatenate(parts))
    assert len(np.unique(whole[:, 8, 0])) == n


def test_blocks_are_smaller_where_sequences_are_longer(linear):
    assert block_size(linear, 24) == 128
    assert 1 <= block_size(linear, 20_000) < 16
    assert block_size(linear, 10**7) == 1


def test_what_is_known_to_be_missing_stays_missing():
    generator = _taught(Layout((STATE, A, Number("b", missing=True))), _cells(3, gone=0.2))
    known, values = STATES.copy(), np.zeros((5, 3))
    known[[1, 4], 2], values[[1, 4], 2] = True, np.nan
    known[3, 1], values[3, 1] = True, np.nan  # this one cannot be missing, so that nothing is known of it
    out = complete(generator, _given(known, values, 200), np.random.default_rng(0))
    assert np.isnan(out[:, [1, 4], 2]).all()
    assert np.isfinite(out[:, :, :2]).all()
    assert 0 < np.isnan(out[:, 2, 2]).mean() < 0.6


def test_rows_after_the_end_are_empty_and_tell_nothing(linear, table):
    known, lengths = HOLES["five rows"], np.array([9, TIME, 3, 0, 14])
    out = complete(linear, _given(known, table, 5, lengths=lengths), np.random.default_rng(0))
    inside = np.arange(TIME) < lengths[:, None]
    assert np.isfinite(out[inside]).all()
    assert np.isnan(out[~inside]).all()
    cut = known.copy()
    cut[9:] = False
    values = np.where(cut, table, 50.0)
    again = complete(linear, _given(known, values, 1, lengths=lengths[:1]), np.random.default_rng(0))
    alone = complete(linear, _given(known, table, 1, lengths=lengths[:1]), np.random.default_rng(0))
    assert np.array_equal(again, alone, equal_nan=True)


def test_particles_come_together_after_a_long_known_stretch(linear):
    values = _simulate(1, 120, 8)[0]
    known = np.ones((120, 2), dtype=bool)
    known[[10, 11, 12, 60, 61, 90]] = False
    out = complete(linear, _given(known, values, 40), np.random.default_rng(0))
    assert np.array_equal(out[:, known], np.tile(values[known], (40, 1)))
    assert all(len(np.unique(out[:, t, 0])) == 40 for t in (10, 11, 12, 60, 61, 90))
    assert np.abs(out - values).max() < 2
