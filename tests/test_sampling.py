"""Drawing: streams of their own for each block, noise of unit variance, bounded memory, no global state."""

import numpy as np
import pytest
import torch

from tsgan.encoding.windows import cut
from tsgan.layout import Block, Layout
from tsgan.networks import CELLS
from tsgan.networks.generator import Generator
from tsgan.panel import Panel
from tsgan.process import LinearGaussianProcess
from tsgan.sampling import BLOCK, BLOCK_VALUES, Faker, NoiseSource, draw, generate

CPU = torch.device("cpu")
LAYOUT = Layout(
    (Block("x", "continuous", 2), Block("kind", "softmax", 3, (-0.5, 0.5))),
    (Block("sex", "softmax", 2, (0.0,)), Block("steps", "length", 1, (-0.5, 0.5), (3, 5, 8))),
)
PLAIN = Layout((Block("x", "continuous", 2),))
SEED = np.random.SeedSequence(7)


def _rng(seed=0):
    return np.random.default_rng(seed)


def _source(layout=LAYOUT, process=None, sequence=4, step=3, window=8):
    return NoiseSource(process, layout, sequence, step, window)


def _process():
    values = np.cumsum(_rng().normal(size=(300, 8, 2)), axis=1)
    return LinearGaussianProcess.fit(cut(Panel.from_dense(values), 8, 1), PLAIN, _rng(), 1)


def _numbers(n, length=5, width=2, seed=SEED):
    """Return what `draw` gives where a maker uses its stream up as far as it was asked."""

    def make(count, steps, rng):
        return Panel.from_dense(rng.normal(size=(count, steps, width)))

    return Panel.join(list(draw(make, n, length, width, seed)))


class TestDraw:
    @pytest.mark.parametrize("n", [257, 300, 512, 700])
    def test_a_block_does_not_depend_on_how_many_follow(self, n):
        first, more = _numbers(BLOCK), _numbers(n)
        assert len(more) == n
        assert np.array_equal(more.values[: BLOCK * 5], first.values)

    def test_blocks_differ(self):
        values = _numbers(2 * BLOCK).values.reshape(2, -1)
        assert np.abs(values[0] - values[1]).mean() > 0.5
        assert abs(np.corrcoef(values)[0, 1]) < 0.1

    def test_the_seed_decides(self):
        assert np.array_equal(_numbers(9).values, _numbers(9).values)
        assert not np.array_equal(_numbers(9).values, _numbers(9, seed=np.random.SeedSequence(8)).values)
        assert not np.array_equal(
            _numbers(9).values, _numbers(9, seed=np.random.SeedSequence(7, spawn_key=(1,))).values
        )

    def test_drawing_leaves_the_seed_as_it_was(self):
        before = SEED.n_children_spawned
        _numbers(600)
        assert SEED.n_children_spawned == before

    @pytest.mark.parametrize(
        ("length", "width", "block"),
        [(24, 6, BLOCK), (1000, 10, 200), (10_000, 100, 2), (10**7, 3, 1), (1, 0, BLOCK)],
    )
    def test_blocks_are_bounded(self, length, width, block):
        asked = []

        def make(count, steps, rng):
            asked.append((count, steps))
            return Panel(np.zeros((0, 1), np.float32), np.zeros(0, np.int64), np.zeros((0, 0), np.float32))

        list(draw(make, 300, length, width, SEED))
        assert asked[0] == (min(block, 300), length)
        assert sum(count for count, _ in asked) == 300
        assert max(count for count, _ in asked) * length * width <= max(BLOCK_VALUES, length * width)

    def test_is_lazy(self):
        made = draw(lambda *_: pytest.fail("too early"), 10**9, 10, 2, SEED)
        assert iter(made) is made


class TestNoise:
    def test_shapes(self):
        noise = _source().draw(6, 8, _rng(), CPU)
        shapes = {name: tuple(part.shape) for name, part in vars(noise).items()}
        assert shapes == {
            "latents": (6, 8, 3),
            "static_latents": (6, 2),
            "step": (6, 8, 3),
            "sequence": (6, 8, 4),
            "uniform": (6, 8, 3),
            "static_uniform": (6, 2),
        }
        assert all(part.dtype == torch.float32 for part in vars(noise).values())

    def test_without_a_process_only_discrete_latents_are_drawn(self):
        noise = _source().draw(3000, 8, _rng(), CPU)
        assert not noise.latents[:, :, :2].any()
        assert float(noise.latents[:, :, 2].std()) == pytest.approx(1, abs=0.02)
        assert float(noise.static_latents.std()) == pytest.approx(1, abs=0.03)

    def test_latents_are_those_of_the_process(self):
        process = _process()
        noise = _source(PLAIN, process).draw(5, 8, _rng(3), CPU)
        assert np.array_equal(noise.latents.numpy(), process.draw(5, 8, _rng(3))[0])

    def test_noise_per_step_is_fresh_at_each(self):
        step = _source().draw(2000, 8, _rng(), CPU).step
        assert float(step.std()) == pytest.approx(1, abs=0.02)
        assert abs(float((step[:, 1:] * step[:, :-1]).mean())) < 0.03

    @pytest.mark.parametrize("length", [1, 5, 8])
    def test_noise_per_sequence_is_constant_within_a_window(self, length):
        sequence = _source().draw(3000, length, _rng(), CPU).sequence
        assert (sequence == sequence[:, :1]).all()
        assert float(sequence.std()) == pytest.approx(1, abs=0.03)

    def test_and_turns_slowly_at_unit_variance_beyond(self):
        sequence = _source().draw(6000, 200, _rng(), CPU).sequence
        np.testing.assert_allclose(sequence.var((0, 2)), 1, atol=0.05)
        assert float(sequence.mean((0, 2)).abs().max()) < 0.03
        change = (sequence[:, 1:] - sequence[:, :-1]).std((0, 2))
        assert float(change.min()) > 0.01
        assert float(change.max()) < 0.08  # a quarter turn takes four windows
        assert float((sequence[:, 0] * sequence[:, 8]).mean()) == pytest.approx(np.cos(np.pi / 8), abs=0.04)
        assert abs(float((sequence[:, 0] * sequence[:, 100]).mean())) < 0.04

    def test_every_size_may_be_zero(self):
        for length in (8, 40):
            noise = _source(sequence=0, step=0).draw(3, length, _rng(), CPU)
            assert noise.step.shape == noise.sequence.shape == (3, length, 0)

    def test_the_stream_decides(self):
        one, two, other = (_source().draw(3, 20, _rng(seed), CPU) for seed in (1, 1, 2))
        for name in vars(one):
            assert torch.equal(getattr(one, name), getattr(two, name))
            assert not torch.equal(getattr(one, name)[:, -1], getattr(other, name)[:, -1])


def _generator(layout=LAYOUT, coloured=False):
    torch.manual_seed(0)
    return Generator(CELLS["gru"], layout, 8, 1, 4, 3, coloured)


class TestFaker:
    def test_lengths_are_drawn_from_real_ones(self):
        real = np.array([2, 4, 4, 8])
        batch, correction = Faker(_source(PLAIN), real, _rng(), CPU)(_generator(PLAIN), 2000)
        assert batch.x.shape == correction.shape == (2000, 8, 2)
        shares = np.bincount(batch.lengths, minlength=9) / 2000
        np.testing.assert_allclose(shares[[2, 4, 8]], [0.25, 0.5, 0.25], atol=0.04)

    def test_learned_lengths_are_those_of_the_statics(self):
        batch, _ = Faker(_source(), np.array([1]), _rng(), CPU)(_generator(), 300)
        told = LAYOUT.lengths_of(batch.statics.detach().numpy())
        assert set(told) <= {3, 5, 8}
        assert len(set(told)) > 1
        assert batch.lengths.tolist() == told.tolist()

    def test_gradients_reach_the_generator(self):
        generator = _generator()
        batch, _ = Faker(_source(), np.array([1]), _rng(), CPU)(generator, 20)
        (batch.x.square().sum() + batch.statics.square().sum()).backward()
        assert all(part.grad is not None for part in generator.parameters())

    def test_goes_on_in_its_stream(self):
        faker, generator = Faker(_source(), np.array([1]), _rng(), CPU), _generator()
        assert not torch.equal(faker(generator, 5)[0].x, faker(generator, 5)[0].x)


class TestGenerate:
    def test_untrained_on_coloured_noise_gives_the_process(self):
        process = _process()
        generator = _generator(PLAIN, coloured=True)
        for length in (3, 8, 30):
            x, statics = generate(generator, _source(PLAIN, process), 7, length, _rng(2), CPU)
            assert np.array_equal(x, process.draw(7, length, _rng(2))[0])
            assert statics.shape == (7, 0)

    def test_arrays_come_back(self):
        x, statics = generate(_generator(), _source(), 6, 11, _rng(), CPU)
        assert isinstance(x, np.ndarray)
        assert (x.shape, x.dtype, statics.shape) == ((6, 11, 5), np.float32, (6, 3))

    def test_no_global_random_state_is_touched(self):
        generator = _generator()
        torch.manual_seed(5)
        np.random.seed(5)  # noqa: NPY002
        theirs, ours = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002

        def make(count, steps, rng):
            return Panel.from_dense(generate(generator, _source(), count, steps, rng, CPU)[0])

        first = Panel.join(list(draw(make, 300, 8, 5, SEED)))
        assert torch.equal(torch.get_rng_state(), theirs)
        assert np.array_equal(np.random.get_state()[1], ours)  # noqa: NPY002
        torch.manual_seed(99)
        np.random.seed(99)  # noqa: NPY002
        again = Panel.join(list(draw(make, 300, 8, 5, SEED)))
        assert np.array_equal(first.values, again.values)
