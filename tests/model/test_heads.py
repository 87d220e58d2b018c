"""What cells did, grids, and the mixture's density."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from tsgan.layout import Category, Layout, Number
from tsgan.model.chunks import ChunkSource, Lookback
from tsgan.model.heads import Grids, Outcomes, code, mixture_log_prob
from tsgan.panel import Panel

nan = math.nan


def coded(values, *cells, start=0):
    values = torch.tensor(values, dtype=torch.float64)[None]
    age = torch.arange(values.shape[1])[None] + start
    return code(values, age, cells)


def test_a_number_numbers_its_outcomes_in_order():
    own = Outcomes.of(Number("x", atoms=(0.0, 1.0), stays=True, straight=0.1, missing=True))
    assert (own.count, own.stay, own.straight, own.atoms, own.missing) == (6, 1, 2, (3, 4), 5)
    assert Outcomes.of(Number("x")).count == 1
    assert Outcomes.of(Category("c", 3, missing=True)).missing == 3


def test_each_outcome_is_seen_and_atoms_go_first():
    cell = Number("x", atoms=(0.0,), stays=True, straight=1e-9, missing=True)
    own = Outcomes.of(cell)
    found = coded([[2.0], [2.0], [3.0], [4.0], [0.0], [0.0], [math.nan], [5.0]], cell)
    names = [0, own.stay, 0, own.straight, own.atoms[0], own.atoms[0], own.missing, 0]
    assert found.outcome[0, :, 0].tolist() == names
    assert found.x[0, :, 0].tolist() == [2, 2, 3, 4, 0, 0, 0, 5]  # the last known stands behind a missing value


def test_a_stretch_sees_nothing_before_its_start():
    cell = Number("x", stays=True)
    values = [[2.0], [2.0], [2.0]]
    assert coded(values, cell, start=0).outcome[0, :, 0].tolist() == [0, 1, 1]
    assert coded(values, cell, start=-1).outcome[0, 1:, 0].tolist() == [0, 1]


def test_straight_needs_two_rows_before():
    cell = Number("x", straight=1e-9)
    assert coded([[1.0], [2.0], [3.0], [5.0]], cell).outcome[0, :, 0].tolist() == [0, 0, 1, 0]


def test_a_category_is_its_level_or_missing():
    found = coded([[1.0], [math.nan], [0.0]], Category("c", 2, missing=True))
    assert found.outcome[0, :, 0].tolist() == [1, 2, 0]


def test_what_was_never_known_is_told_from_what_is_missing_now():
    number, level = Number("x", missing=True), Category("c", 2, missing=True)
    found = coded([[nan, nan], [nan, 1.0], [3.0, nan], [nan, nan]], number, level)
    assert found.outcome[0].tolist() == [[1, 2], [1, 1], [0, 2], [1, 2]]
    assert found.state[0].tolist() == [[2, 3], [2, 1], [0, 2], [1, 2]]
    assert (Outcomes.of(number).states, Outcomes.of(Number("y")).states) == (3, 1)
    assert Outcomes.of(Category("many", 5000, missing=True)).states == 5001


def test_what_was_known_before_a_piece_counts():
    sequences = np.array([[nan, 1.0, nan, nan], [nan, nan, nan, nan]]).reshape(-1, 1)
    source = ChunkSource(Panel(sequences, np.array([4, 4]), np.zeros((2, 0))))
    layout = Layout((Number("x", missing=True),))
    chunk = source.cut(np.array([3, 7]), np.array([0, 1]), np.zeros(2, dtype=bool), 1, Lookback(0))
    assert chunk.coded(layout).state[:, 1:, 0].tolist() == [[1, 1], [2, 2]]
    fresh = source.cut(np.array([3, 7]), np.array([0, 1]), np.ones(2, dtype=bool), 1, Lookback(0))
    assert fresh.coded(layout).state[:, 2, 0].tolist() == [2, 2]


def test_noise_stays_within_the_cell_of_the_grid():
    grid = np.array([-1.0, 0.0, 0.5, 2.0])
    grids = Grids((Number("x", grid=grid), Number("y")))
    x = torch.from_numpy(np.stack([np.tile(grid, 500), np.ones(2000)], 1))[None]
    noisy = x + grids.noise(x, torch.Generator().manual_seed(0))
    assert torch.equal(grids.snap(0, noisy[0, :, 0].contiguous()), x[0, :, 0])
    assert (noisy[0, :, 0] != x[0, :, 0]).float().mean() > 0.99
    assert torch.equal(noisy[0, :, 1], x[0, :, 1])


@pytest.mark.parametrize("e", [-3.0, 0.0, 1.7])
def test_the_mixture_has_the_density_of_scipy(e):
    weight, mean, sigma = torch.tensor([0.1, 0.7, -1.0]), torch.tensor([-1.0, 0.0, 2.0]), torch.tensor([0.5, 1.0, 0.1])
    got = mixture_log_prob(torch.tensor(e), weight, mean, sigma.log())
    want = np.log((torch.softmax(weight, 0).numpy() * stats.norm.pdf(e, mean.numpy(), sigma.numpy())).sum())
    assert float(got) == pytest.approx(want, rel=1e-5)
