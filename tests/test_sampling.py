"""Noise of unit variance, conditions of real windows, no global state."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tsgan.encoding.windows import cut
from tsgan.laws.process import LinearGaussianProcess
from tsgan.layout import Block, Layout
from tsgan.networks import CELLS
from tsgan.networks.generator import Generator
from tsgan.panel import Given, Panel
from tsgan.sampling import Faker, NoiseSource, generate

CPU = torch.device("cpu")
LAYOUT = Layout(
    (Block("x", "continuous", 2), Block("kind", "softmax", 3, (-0.5, 0.5))),
    (Block("sex", "softmax", 2, (0.0,)), Block("steps", "length", 1, (-0.5, 0.5), (3, 5, 8))),
)
PLAIN = Layout((Block("x", "continuous", 2),))


def _rng(seed=0):
    return np.random.default_rng(seed)


def _source(layout=LAYOUT, process=None, sequence=4, step=3, window=8):
    return NoiseSource(process, layout, sequence, step, window)


def _process():
    values = np.cumsum(_rng().normal(size=(300, 8, 2)), axis=1)
    return LinearGaussianProcess.fit(cut(Panel.from_dense(values), 8, 1), PLAIN, _rng(), 1)


def _given(n, length, layout=LAYOUT, levels=None):
    """Return statics at random and no covariates."""
    sex = np.eye(2, dtype=np.float32)[_rng(9).integers(2, size=n)]
    statics = np.column_stack([sex, _rng(8).normal(size=n)]).astype(np.float32)
    return Given(statics[:, : layout.static_channels], np.zeros((n, length, 0), np.float32), levels)


class TestNoise:
    def test_shapes(self):
        noise = _source().draw(_given(6, 8), _rng(), CPU)
        shapes = {name: tuple(part.shape) for name, part in vars(noise).items()}
        assert shapes == {
            "latents": (6, 8, 3),
            "statics": (6, 3),
            "covariates": (6, 8, 0),
            "step": (6, 8, 3),
            "sequence": (6, 8, 4),
        }
        assert all(part.dtype == torch.float32 for part in vars(noise).values())

    def test_without_a_process_only_discrete_latents_are_drawn(self):
        noise = _source().draw(_given(3000, 8), _rng(), CPU)
        assert not noise.latents[:, :, :2].any()
        assert float(noise.latents[:, :, 2].std()) == pytest.approx(1, abs=0.02)

    def test_latents_are_those_of_the_process(self):
        process = _process()
        noise = _source(PLAIN, process).draw(_given(5, 8, PLAIN), _rng(3), CPU)
        assert np.array_equal(noise.latents.numpy(), process.draw(_given(5, 8, PLAIN), _rng(3)))

    def test_noise_per_step_is_fresh_at_each(self):
        step = _source().draw(_given(2000, 8), _rng(), CPU).step
        assert float(step.std()) == pytest.approx(1, abs=0.02)
        assert abs(float((step[:, 1:] * step[:, :-1]).mean())) < 0.03

    @pytest.mark.parametrize("length", [1, 5, 8])
    def test_noise_per_sequence_is_constant_within_a_window(self, length):
        sequence = _source().draw(_given(3000, length), _rng(), CPU).sequence
        assert (sequence == sequence[:, :1]).all()
        assert float(sequence.std()) == pytest.approx(1, abs=0.03)

    def test_and_turns_slowly_at_unit_variance_beyond(self):
        sequence = _source().draw(_given(6000, 200), _rng(), CPU).sequence
        np.testing.assert_allclose(sequence.var((0, 2)), 1, atol=0.05)
        assert float(sequence.mean((0, 2)).abs().max()) < 0.03
        change = (sequence[:, 1:] - sequence[:, :-1]).std((0, 2))
        assert float(change.min()) > 0.01
        assert float(change.max()) < 0.08  # a quarter turn takes four windows
        assert float((sequence[:, 0] * sequence[:, 8]).mean()) == pytest.approx(np.cos(np.pi / 8), abs=0.04)
        assert abs(float((sequence[:, 0] * sequence[:, 100]).mean())) < 0.04

    def test_every_size_may_be_zero(self):
        for length in (8, 40):
            noise = _source(sequence=0, step=0).draw(_given(3, length), _rng(), CPU)
            assert noise.step.shape == noise.sequence.shape == (3, length, 0)

    def test_the_stream_decides(self):
        one, two, other = (_source().draw(_given(3, 20), _rng(seed), CPU) for seed in (1, 1, 2))
        for name in vars(one):
            assert torch.equal(getattr(one, name), getattr(two, name))
        for name in ("latents", "step", "sequence"):
            assert not torch.equal(getattr(one, name)[:, -1], getattr(other, name)[:, -1])


def _generator(layout=LAYOUT, coloured=False):
    torch.manual_seed(0)
    return Generator(CELLS["gru"], layout, 8, 1, 4, 3, coloured)


def _windows(layout=LAYOUT, lengths=(2, 4, 4, 8), covariates=0):
    """Return windows of one sequence each, its number among the covariates."""
    n = len(lengths)
    values = np.zeros((n, max(lengths), layout.channels), np.float32)
    known = np.tile(np.arange(n, dtype=np.float32)[:, None, None], (1, max(lengths), covariates))
    given = _given(n, max(lengths), layout)
    return cut(Panel.from_dense(values, np.array(lengths), given.statics, known), 8, 1)


class TestFaker:
    def test_lengths_are_drawn_from_real_ones(self):
        batch, correction = Faker(_source(PLAIN), _windows(PLAIN), _rng(), CPU)(_generator(PLAIN), 2000)
        assert batch.x.shape == correction.shape == (2000, 8, 2)
        shares = np.bincount(batch.lengths, minlength=9) / 2000
        np.testing.assert_allclose(shares[[2, 4, 8]], [0.25, 0.5, 0.25], atol=0.04)

    def test_conditions_are_those_of_one_real_window(self):
        layout = replace(LAYOUT, covariates=1)
        windows = _windows(layout, covariates=1)
        batch, _ = Faker(_source(layout), windows, _rng(), CPU)(_generator(layout), 300)
        number = batch.x[:, 0, -1].long().numpy()
        assert set(number) == {0, 1, 2, 3}
        assert np.array_equal(batch.statics.numpy(), windows.panel.statics[number])
        assert np.array_equal(batch.lengths.numpy(), windows.lengths[number])

    def test_gradients_reach_the_generator(self):
        generator = _generator()
        batch, _ = Faker(_source(), _windows(), _rng(), CPU)(generator, 20)
        batch.x.square().sum().backward()
        assert all(part.grad is not None for part in generator.parameters())

    def test_goes_on_in_its_stream(self):
        faker, generator = Faker(_source(), _windows(), _rng(), CPU), _generator()
        assert not torch.equal(faker(generator, 5)[0].x, faker(generator, 5)[0].x)


class TestGenerate:
    def test_untrained_on_coloured_noise_gives_the_process(self):
        process = _process()
        generator = _generator(PLAIN, coloured=True)
        for length in (3, 8, 30):
            x = generate(generator, _source(PLAIN, process), _given(7, length, PLAIN), _rng(2), CPU)
            assert np.array_equal(x, process.draw(_given(7, length, PLAIN), _rng(2)))

    def test_arrays_come_back(self):
        x = generate(_generator(), _source(), _given(6, 11), _rng(), CPU)
        assert isinstance(x, np.ndarray)
        assert (x.shape, x.dtype) == ((6, 11, 5), np.float32)

    def test_no_global_random_state_is_touched(self):
        generator = _generator()
        torch.manual_seed(5)
        np.random.seed(5)  # noqa: NPY002
        theirs, ours = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002

        first = generate(generator, _source(), _given(30, 8), _rng(1), CPU)
        assert torch.equal(torch.get_rng_state(), theirs)
        assert np.array_equal(np.random.get_state()[1], ours)  # noqa: NPY002
        torch.manual_seed(99)
        np.random.seed(99)  # noqa: NPY002
        assert np.array_equal(first, generate(generator, _source(), _given(30, 8), _rng(1), CPU))
