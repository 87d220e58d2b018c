"""Batches cut windows when they are asked for."""

from dataclasses import replace

import numpy as np
import torch

from tsgan.encoding.windows import cut
from tsgan.panel import Panel
from tsgan.training.batches import Batches

CPU = torch.device("cpu")


def _batches(seed=0):
    rng = np.random.default_rng(1)
    panel = Panel(rng.normal(size=(14, 2)).astype(np.float32), np.array([9, 2, 3]), np.eye(3, dtype=np.float32))
    return Batches(cut(panel, 4, 1), np.random.default_rng(seed), CPU)


def test_chosen_windows():
    batches = _batches()
    batch = batches.at(np.array([5, 6, 7]))
    assert batch.x.shape == (3, 4, 2)
    assert batch.lengths.tolist() == [4, 2, 3]
    assert batch.lengths.dtype == torch.int64
    assert torch.equal(batch.statics, torch.eye(3))
    values = batches.windows.panel.values
    np.testing.assert_array_equal(batch.x[0], values[5:9])
    np.testing.assert_array_equal(batch.x[1, :2], values[9:11])
    assert not batch.x[1, 2:].any()
    assert not batch.x[2, 3:].any()


def test_what_is_known_of_each_step_stands_after_the_values():
    batches = _batches()
    panel = batches.windows.panel
    known = np.arange(len(panel.values), dtype=np.float32)[:, None] + 1
    full = replace(batches.windows, panel=replace(panel, covariates=known))
    batch = replace(batches, windows=full).at(np.array([5, 6, 7]))
    assert batch.x.shape == (3, 4, 3)
    assert torch.equal(batch.x[:, :, :2], batches.at(np.array([5, 6, 7])).x)
    assert batch.x[:, :, 2].tolist() == [[6, 7, 8, 9], [10, 11, 0, 0], [12, 13, 14, 0]]


def test_random_windows_cover_all_of_them():
    batches = _batches()
    seen = {tuple(row) for row in batches(500).x.flatten(1).tolist()}
    assert len(seen) == len(batches.windows) == 8
    assert batches(3).x.shape == (3, 4, 2)


def test_the_stream_decides():
    one, two, other = (_batches(seed) for seed in (4, 4, 5))
    first = one(20).x
    assert torch.equal(first, two(20).x)
    assert not torch.equal(first, other(20).x)
    assert not torch.equal(first, one(20).x)


def test_a_sample_is_evenly_spaced():
    batches = _batches()
    index = np.arange(8)
    assert torch.equal(batches.sample(index, 3).x, batches.at(np.array([0, 3, 7])).x)
    assert torch.equal(batches.sample(index, 100).x, batches.at(index).x)
