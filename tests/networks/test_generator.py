"""The generator: untrained on coloured noise it is the process itself; any size of noise works."""

import numpy as np
import pytest
import torch
from scipy.special import ndtri

from tsgan.layout import Block, Layout
from tsgan.networks import CELLS
from tsgan.networks.generator import LOGIT, Generator, Noise

PLAIN = Layout((Block("x", "continuous", 3),))
CATEGORY = Block("kind", "softmax", 3, tuple(ndtri([0.2, 0.7])))
RICH = Layout(
    (Block("x", "continuous", 2), CATEGORY),
    (Block("sex", "softmax", 2, (0.0,)), Block("size", "continuous", 1), Block("steps", "length", 1, (0.0,), (4, 9))),
    2,
)


def _make(layout, cell="lstm", layers=1, sequence=4, step=2, coloured=True):
    torch.manual_seed(0)
    return Generator(CELLS[cell], layout, 8, layers, sequence, step, coloured)


def _noise(layout, n=6, length=9, sequence=4, step=2, coloured=True, seed=1):
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=draw)

    latents = normal(n, length, layout.latents) * coloured
    return Noise(
        latents,
        normal(n, layout.static_channels),
        normal(n, length, layout.covariates),
        normal(n, length, step),
        normal(n, 1, sequence).expand(-1, length, -1),
    )


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("layers", [1, 2])
def test_untrained_on_coloured_noise_it_is_the_process(cell, layers):
    noise = _noise(PLAIN)
    x, correction = _make(PLAIN, cell, layers)(noise)
    assert torch.equal(x, noise.latents)
    assert not correction.any()


def test_untrained_levels_are_those_of_the_process():
    noise = _noise(RICH, n=200)
    x, correction = _make(RICH)(noise)
    assert torch.equal(x[:, :, :2], noise.latents[:, :, :2])
    assert not correction.any()
    level = np.searchsorted(CATEGORY.cuts, noise.latents[:, :, 2].numpy())
    assert (x[:, :, 2:].argmax(2).numpy() == level).all()


def test_white_noise_makes_something_of_nothing():
    noise = _noise(RICH, coloured=False)
    x, correction = _make(RICH, coloured=False)(noise)
    assert x.shape == (6, 9, 5)
    assert correction.std() > 0.01
    assert x[:, :, :2].std() > 0.01


@pytest.mark.parametrize("coloured", [True, False])
@pytest.mark.parametrize(("sequence", "step"), [(0, 0), (0, 3), (3, 0)])
@pytest.mark.parametrize("layout", [PLAIN, RICH], ids=["plain", "rich"])
def test_noise_may_have_no_size(layout, sequence, step, coloured):
    maker = _make(layout, sequence=sequence, step=step, coloured=coloured)
    x, correction = maker(_noise(layout, sequence=sequence, step=step, coloured=coloured))
    assert x.shape == correction.shape == (6, 9, layout.channels)
    assert torch.isfinite(x).all()


def test_each_noise_is_used():
    maker = _make(RICH, coloured=False)
    noise = _noise(RICH)
    before = maker(noise)[1]
    for name in ("latents", "statics", "covariates", "step", "sequence"):
        parts = dict(vars(noise))
        parts[name] = parts[name] + 0.7
        assert (maker(Noise(**parts))[1] - before).abs().max() > 1e-4, name


def test_a_correction_of_a_logit_costs_less():
    """The transport cost counts a logit in units of LOGIT, a number in standard deviations."""
    maker, noise = _make(RICH, coloured=True), _noise(RICH)
    with torch.no_grad():
        maker.out.bias.copy_(torch.tensor([2.0, -1.0, 5.0, 10.0, 0.0]))
    x, correction = maker(noise)
    told = torch.tensor([2.0, -1.0, 5.0 / LOGIT, 10.0 / LOGIT, 0.0])
    torch.testing.assert_close(correction, told.expand(6, 9, 5))
    torch.testing.assert_close(x[:, :, 0], noise.latents[:, :, 0] + 2)
    assert (x[:, :, 3] > 0.5).float().mean() > 0.7


def test_the_sequence_noise_sets_the_start():
    maker = _make(PLAIN, coloured=False)
    noise = _noise(PLAIN)
    maker.start.weight.data.zero_()
    maker.start.bias.data.zero_()
    without = maker(noise)[1]
    maker.start.bias.data.fill_(2.0)
    assert (maker(noise)[1] - without)[:, 0].abs().max() > 1e-3


@pytest.mark.parametrize("coloured", [True, False])
def test_gradient_reaches_what_can_move(coloured):
    """At zero correction the output layers move first; all the others as soon as these have."""
    maker, noise = _make(RICH, coloured=coloured), _noise(RICH)

    def grads():
        maker.zero_grad()
        x, _ = maker(noise)
        weights = torch.randn(x.shape, generator=torch.Generator().manual_seed(3))
        (x * weights).sum().backward()
        return {name: parameter.grad for name, parameter in maker.named_parameters()}

    first = grads()
    for name in ("out.weight", "out.bias", "skip.weight"):
        assert first[name].abs().max() > 0, name
    torch.optim.SGD(maker.parameters(), lr=0.01).step()
    for name, grad in grads().items():
        assert grad is not None, name
        assert grad.abs().max() > 0, name


def test_a_later_step_does_not_change_an_earlier_one():
    maker = _make(RICH, coloured=False)
    noise = _noise(RICH)
    latents = noise.latents.clone()
    latents[:, 5:] += 1
    x = maker(noise)[0]
    y = maker(Noise(**{**vars(noise), "latents": latents}))[0]
    assert torch.equal(x[:, :5], y[:, :5])
    assert not torch.equal(x[:, 5:], y[:, 5:])


def test_any_length():
    maker = _make(RICH)
    for length in (1, 50):
        assert maker(_noise(RICH, length=length))[0].shape == (6, length, 5)


def test_levels_of_an_untrained_generator_have_their_shares():
    noise = _noise(RICH, n=400, length=50)
    shares = _make(RICH)(noise)[0][:, :, 2:].mean((0, 1)).detach().numpy()
    np.testing.assert_allclose(shares, [0.2, 0.5, 0.3], atol=0.02)
