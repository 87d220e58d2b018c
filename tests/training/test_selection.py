"""The held-back statistic: near zero for what is alike, large for noise, the same each time it is asked."""

import numpy as np
import pytest
import torch
from torch import nn

from tsgan.losses.base import Batch
from tsgan.panel import Panel
from tsgan.training.batches import Batches
from tsgan.training.kernels import Kernels
from tsgan.training.selection import HELD, KERNELS, TRAIN, HeldBack, _features, separation

SCALE = torch.ones(2)


def _values(n, seed, phi=0.8, time=12):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, time, 2))
    for at in range(1, time):
        x[:, at] = phi * x[:, at - 1] + np.sqrt(1 - phi**2) * x[:, at]
    return x


def _batch(n, seed, phi=0.8):
    return Batch(torch.tensor(_values(n, seed, phi)).float(), torch.zeros(n, 0), torch.full((n,), 12))


def _windows(n, seed=0):
    from tsgan.encoding.windows import cut

    return cut(Panel.from_dense(_values(n, seed)), 12, 1)


@pytest.fixture(scope="module")
def held():
    windows = _windows(2500)
    batches = Batches(windows, np.random.default_rng(0), torch.device("cpu"))

    def fake(generator, count):
        return _batch(count, 77, generator.phi)

    return HeldBack.fit(batches, windows.split(), SCALE, fake, np.random.default_rng(1))


class Persistent(nn.Module):
    def __init__(self, phi):
        super().__init__()
        self.phi = phi


def test_what_is_alike_is_near_zero_and_worse_is_larger(held):
    values = [held(Persistent(phi)) for phi in (0.8, 0.7, 0.5, 0.0)]
    assert 0 <= values[0] < 0.15
    assert values == sorted(values)
    assert values[1] > 2 * values[0]
    assert values[-1] > 4


def test_the_same_value_each_time(held):
    state = torch.get_rng_state()
    assert held(Persistent(0.6)) == held(Persistent(0.6))
    assert torch.equal(torch.get_rng_state(), state)


def test_no_graph_is_kept(held):
    seen = []

    def fake(generator, count):
        seen.append(torch.is_grad_enabled())
        return _batch(count, 1)

    HeldBack(held.kernels, held.train, held.held, fake)(Persistent(0.8))
    assert seen == [False]


def test_sets_are_kept_apart(held):
    """The direction is learned on other windows than it is measured on."""
    windows = _windows(2500)
    train, kept = windows.split()
    assert (len(held.train.x), len(held.held.x)) == (len(train), len(kept))
    np.testing.assert_array_equal(held.held.x.numpy(), windows.values(kept))
    np.testing.assert_array_equal(held.train.x.numpy(), windows.values(train))


def test_sets_are_bounded():
    windows = _windows(20_000)
    batches = Batches(windows, np.random.default_rng(0), torch.device("cpu"))
    found = HeldBack.fit(batches, windows.split(), SCALE, lambda g, n: _batch(n, 0), np.random.default_rng(1))
    assert (len(found.train.x), len(found.held.x)) == (TRAIN, HELD)
    assert sum(len(weight) for weight in found.kernels.weights) == KERNELS


class TestSeparation:
    def test_has_a_sign(self):
        """Swapping what is measured turns it round; a mere chance direction gives about zero, on either side."""
        kernels = Kernels.random(_batch(200, 0), SCALE, 40, np.random.default_rng(0))
        real, fake, other = _batch(800, 1), _batch(800, 2, 0.3), _batch(800, 3)
        apart = separation(kernels, real, _batch(400, 4), fake, _batch(400, 5, 0.3))
        assert apart > 2
        assert separation(kernels, real, _batch(400, 5, 0.3), fake, _batch(400, 4)) == pytest.approx(-apart)
        assert abs(separation(kernels, real, _batch(400, 4), other, _batch(400, 6))) < 0.35

    def test_is_in_standard_deviations(self):
        """Statics of unit variance two apart, and nothing else to see: d' is 2."""
        draw = torch.Generator().manual_seed(0)

        def made(n, at):
            return Batch(torch.zeros(n, 4, 2), torch.randn(n, 1, generator=draw) + at, torch.full((n,), 4))

        kernels = Kernels.random(made(50, 0.0), SCALE, 5, np.random.default_rng(0))
        found = separation(kernels, made(3000, 2.0), made(3000, 2.0), made(3000, 0.0), made(3000, 0.0))
        assert found == pytest.approx(2, abs=0.1)

    def test_a_constant_generator_is_finite(self):
        kernels = Kernels.random(_batch(200, 0), SCALE, 20, np.random.default_rng(0))
        still = Batch(torch.zeros(300, 12, 2), torch.zeros(300, 0), torch.full((300,), 12))
        assert 2 < separation(kernels, _batch(300, 1), _batch(300, 2), still, still) < 1e9

    def test_features_in_pieces_are_the_same(self):
        batch = _batch(250, 0)
        kernels = Kernels.random(batch, SCALE, 20, np.random.default_rng(0))
        found = _features(kernels, batch, chunk=64)
        assert found.dtype == torch.float64
        torch.testing.assert_close(found.float(), kernels.features(batch))
