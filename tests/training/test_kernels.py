"""Random convolutions and the feature matching built on them."""

import numpy as np
import pytest
import torch

from tsgan.losses.base import Batch
from tsgan.training.kernels import SIZES, Kernels
from tsgan.training.matching import KERNELS, SETS, Matching

SCALE = torch.tensor([1.0, 4.0])


def _rng(seed=0):
    return np.random.default_rng(seed)


def _batch(n=300, time=16, seed=0, phi=0.8, shift=0.0, lengths=None, statics=1):
    rng = _rng(seed)
    x = rng.normal(size=(n, time, 2))
    for at in range(1, time):
        x[:, at] = phi * x[:, at - 1] + np.sqrt(1 - phi**2) * x[:, at]
    fixed = rng.normal(size=(n, statics))
    lengths = np.full(n, time) if lengths is None else lengths
    return Batch(torch.tensor(x + shift).float(), torch.tensor(fixed).float(), torch.tensor(lengths))


class TestKernels:
    def test_three_features_each_and_the_statics(self):
        batch = _batch(statics=2)
        kernels = Kernels.random(batch, SCALE, 50, _rng())
        features = kernels.features(batch)
        assert features.shape == (300, 152)
        assert torch.isfinite(features).all()
        assert torch.equal(features[:, :2], batch.statics)

    def test_groups_are_consistent(self):
        kernels = Kernels.random(_batch(), SCALE, 60, _rng())
        assert sum(len(weight) for weight in kernels.weights) == 60
        for weight, dilation, bias, spread in zip(
            kernels.weights, kernels.dilations, kernels.biases, kernels.spreads, strict=True
        ):
            assert weight.shape[1:] in {(4, size) for size in SIZES}
            assert (weight.shape[2] - 1) * dilation < 16
            assert bias.shape == spread.shape == (len(weight),)
            if weight.shape[2] > 1:  # a kernel with a length looks at shape, not at level
                assert weight.sum(2).abs().max() < 1e-5

    def test_about_half_of_all_responses_are_positive(self):
        """Biases are quantiles of the responses, uniform over them."""
        batch = _batch()
        features = Kernels.random(batch, SCALE, 200, _rng()).features(batch)[:, 1:]
        positive = torch.cat([part[:, : part.shape[1] // 3] for part in self._groups(batch, features)], dim=1)
        assert ((positive >= 0) & (positive <= 1)).all()
        assert float(positive.mean()) == pytest.approx(0.5, abs=0.06)

    @staticmethod
    def _groups(batch, features):
        sizes = [3 * len(weight) for weight in Kernels.random(batch, SCALE, 200, _rng()).weights]
        return torch.split(features, sizes, dim=1)

    def test_the_same_stream_the_same_kernels(self):
        batch = _batch()
        one, two, other = (Kernels.random(batch, SCALE, 30, _rng(seed)).features(batch) for seed in (1, 1, 2))
        assert torch.equal(one, two)
        assert not torch.equal(one, other)

    def test_what_comes_after_the_end_is_not_seen(self):
        lengths = _rng().integers(1, 17, 300)
        batch = _batch(lengths=lengths)
        kernels = Kernels.random(batch, SCALE, 50, _rng())
        wild = torch.where((torch.arange(16) < batch.lengths[:, None])[:, :, None], batch.x, 1e6)
        assert torch.equal(kernels.features(Batch(wild, batch.statics, batch.lengths)), kernels.features(batch))

    def test_gradients_reach_every_step_and_static(self):
        batch = _batch(40)
        batch.x.requires_grad_()
        batch.statics.requires_grad_()
        Kernels.random(_batch(), SCALE, 50, _rng()).features(batch).sum().backward()
        assert (batch.x.grad.abs().amax((0, 2)) > 0).all()
        assert torch.equal(batch.statics.grad, torch.ones(40, 1))

    @pytest.mark.parametrize("time", [1, 2, 3])
    def test_windows_of_few_steps(self, time):
        batch = _batch(50, time)
        features = Kernels.random(batch, SCALE, 20, _rng()).features(batch)
        assert features.shape == (50, 61)
        assert torch.isfinite(features).all()

    def test_constant_windows(self):
        batch = Batch(torch.zeros(20, 8, 2), torch.zeros(20, 0), torch.full((20,), 8))
        assert torch.isfinite(Kernels.random(batch, SCALE, 20, _rng()).features(batch)).all()


@pytest.fixture(scope="module")
def sets():
    return Matching.fit(_batch(5000, seed=1), SCALE, _rng(3)).sets


class TestMatching:
    @staticmethod
    def _mean(sets, calls=150, **changes):
        matching = Matching(sets, _rng(4))
        values = torch.stack([matching(_batch(128, seed=100 + call, **changes)) for call in range(calls)])
        return float(values.mean()), float(values.std()) / calls**0.5

    def test_is_zero_on_average_for_what_is_alike(self, sets):
        mean, error = self._mean(sets)
        assert abs(mean) < 4 * error + 0.03  # the real features' own mean is known to about that much
        assert error < 0.05

    @pytest.mark.parametrize("change", [{"shift": 0.3}, {"phi": 0.4}], ids=["level", "persistence"])
    def test_is_positive_for_what_is_not(self, sets, change):
        mean, error = self._mean(sets, 40, **change)
        assert mean > 0.2
        assert mean > 8 * error

    def test_the_same_streams_the_same_values(self, sets):
        one, two = (Matching.fit(_batch(), SCALE, _rng(5)) for _ in range(2))
        fake = _batch(64, seed=9)
        values = [[float(matching(fake)) for _ in range(SETS)] for matching in (one, two)]
        assert values[0] == values[1]
        assert len(set(values[0])) > SETS / 3  # sets take turns

    def test_its_gradient_draws_to_the_real_mean(self, sets):
        matching = Matching(sets, _rng(4))
        shift = torch.tensor(1.0, requires_grad=True)
        total = 0.0
        for call in range(10):
            fake = _batch(128, seed=call)
            total = total + matching(Batch(fake.x + shift, fake.statics, fake.lengths))
        total.backward()
        assert shift.grad > 0

    def test_an_odd_batch(self):
        matching = Matching.fit(_batch(), SCALE, _rng())
        assert torch.isfinite(matching(_batch(7)))
        assert len(matching.sets) == SETS
        assert matching.sets[0][1].shape == (3 * KERNELS + 1,)
