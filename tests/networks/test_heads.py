"""Heads: channels from latents; a category's levels come as often as its cuts say."""

import numpy as np
import pytest
import torch
from scipy.special import ndtri

from tsgan.layout import Block
from tsgan.networks.heads import TRUST, Heads

SHARES = np.array([0.1, 0.25, 0.6, 0.05])
CATEGORY = Block("kind", "softmax", 4, tuple(ndtri(np.cumsum(SHARES)[:-1])))
LAYOUT = (Block("a", "continuous", 2), CATEGORY, Block("b", "continuous", 1), Block("c", "softmax", 2, (0.3,)))


def _noise(heads, n, seed=0):
    draw = torch.Generator().manual_seed(seed)
    latents = torch.randn(n, sum(block.latents for block in heads.blocks), generator=draw)
    return latents, torch.zeros(n, heads.channels)


def test_counts():
    assert Heads(LAYOUT).channels == 9


def test_continuous_channels_are_latent_plus_correction():
    heads = Heads(LAYOUT)
    latents, correction = _noise(heads, 50)
    correction = torch.randn(correction.shape, generator=torch.Generator().manual_seed(9))
    out = heads(latents, correction)
    assert torch.equal(out[:, :2], latents[:, :2] + correction[:, :2])
    assert torch.equal(out[:, 6], latents[:, 3] + correction[:, 6])


def test_categories_are_one_hot():
    heads = Heads(LAYOUT)
    out = heads(*_noise(heads, 500))
    for part in (out[:, 2:6], out[:, 7:9]):
        assert torch.allclose(part, part.round(), atol=1e-6)
        assert torch.equal(part.round().sum(1), torch.ones(500))


def test_levels_come_as_often_as_the_cuts_say():
    n = 40_000
    heads = Heads((CATEGORY,))
    shares = heads(*_noise(heads, n)).mean(0).numpy()
    assert (np.abs(shares - SHARES) < 4 * np.sqrt(SHARES * (1 - SHARES) / n)).all(), shares


@pytest.mark.parametrize("levels", [1, 2, 4, 9])
def test_a_level_is_that_of_its_latent_where_nothing_is_learned(levels):
    cuts = tuple(ndtri(np.arange(1, levels) / levels))
    heads = Heads((Block("kind", "softmax", levels, cuts),))
    latents, correction = _noise(heads, 2000)
    level = np.searchsorted(cuts, latents[:, 0].numpy())
    assert (heads(latents, correction).argmax(1).numpy() == level).all()


def test_a_level_changes_once_the_correction_passes_the_trust_in_it():
    heads = Heads((Block("kind", "softmax", 2, (0.0,)),))
    latents = torch.tensor([[-1.0]])
    for extra, level in ((-0.1, 0), (0.1, 1)):
        assert heads(latents, torch.tensor([[0.0, TRUST + extra]])).argmax() == level


def test_a_correction_moves_a_level():
    heads = Heads((CATEGORY,))
    latents, correction = _noise(heads, 500)
    correction[:, 3] = 30.0
    assert heads(latents, correction)[:, 3].mean() > 0.999


def test_gradients_pass_straight_through_to_the_correction():
    heads = Heads((CATEGORY,))
    latents, correction = _noise(heads, 640)
    correction.requires_grad_()
    heads(latents, correction)[:, 2].sum().backward()
    own, others = correction.grad[:, 2], correction.grad[:, [0, 1, 3]]
    assert own.sum() > 1
    assert (own >= 0).all()
    assert (others <= 0).all()
    torch.testing.assert_close(correction.grad.sum(1), torch.zeros(640), atol=1e-5, rtol=0)  # as of a softmax


def test_extreme_corrections_and_latents_stay_finite():
    heads = Heads((CATEGORY,))
    correction = torch.tensor([[1e4, -1e4, 0.0, 0.0]] * 2, requires_grad=True)
    out = heads(torch.tensor([[-40.0], [40.0]]), correction)
    out.square().sum().backward()
    assert torch.isfinite(out).all()
    assert torch.isfinite(correction.grad).all()


def test_no_blocks_make_no_channels():
    assert Heads(())(torch.zeros(3, 0), torch.zeros(3, 0)).shape == (3, 0)


def test_nothing_of_a_head_is_saved():
    """Cuts come from the layout, so a saved generator does not hold them twice."""
    assert not Heads(LAYOUT).state_dict()
