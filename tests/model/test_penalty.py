"""The penalty at first order against its exact twin: the same value, the same gradient for every parameter."""

import pytest
import torch

from tsgan.layout import Category, Layout, Number
from tsgan.model.cells import CELLS
from tsgan.model.critic import Critic
from tsgan.model.losses import LOSSES, Batch, gradient_penalty

LENGTHS = torch.tensor([8, 3, 8, 5, 1, 7])
SHAPES = {
    "wgan-gp": lambda norm: 10 * (norm - 1).square(),
    "wgan-lp": lambda norm: 10 * (norm - 1).clamp_min(0).square(),
    "r1": lambda norm: 0.5 * norm.square(),
}


def _critic(cell, statics=2, layers=1, gain=1.0):
    torch.manual_seed(7)
    layout = Layout((Number("a"), Number("b"), Number("c")), tuple(Number(f"s{k}") for k in range(statics)))
    critic = Critic(layout, torch.tensor([1.0, 4.0, 15.0]), 8, layers, CELLS[cell]).double()
    with torch.no_grad():
        for parameter in critic.head.parameters():
            parameter.mul_(gain)
    return critic


def _points(statics=2, seed=1):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(6, 8, 6, generator=draw, dtype=torch.float64)
    return x, torch.randn(6, statics, generator=draw, dtype=torch.float64)


def _penalty(critic, points, shape, exact):
    def score(x, statics):
        return critic(x, statics, LENGTHS)

    value = gradient_penalty(score, points, shape, exact=exact)
    return value, torch.autograd.grad(value, list(critic.parameters()), allow_unused=True)


def _norms(critic, points):
    points = tuple(part.clone().requires_grad_() for part in points)
    slopes = torch.autograd.grad(critic(*points, LENGTHS).sum(), points)
    return torch.sqrt(sum(slope.flatten(1).square().sum(1) for slope in slopes))


def _agree(critic, points, shape):
    (value, ours), (truth, theirs) = (_penalty(critic, points, shape, exact) for exact in (False, True))
    torch.testing.assert_close(value, truth, rtol=1e-10, atol=0)
    # the bias of the output layer does not touch a gradient: unused when exact, zero at first order
    pairs = [(a, torch.zeros_like(a) if b is None else b) for a, b in zip(ours, theirs, strict=True)]
    largest = max(float(b.norm()) for _, b in pairs)
    assert largest > 0
    for a, b in pairs:
        assert float((a - b).norm()) <= 1e-5 * max(float(b.norm()), 1e-4 * largest)


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("shape", sorted(SHAPES))
@pytest.mark.parametrize("statics", [0, 2])
def test_first_order_is_exact(cell, shape, statics):
    _agree(_critic(cell, statics, gain=12.0), _points(statics), SHAPES[shape])


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_first_order_is_exact_with_two_layers(cell):
    _agree(_critic(cell, layers=2, gain=12.0), _points(), SHAPES["wgan-gp"])


def test_one_sided_with_norms_on_both_sides():
    critic, points = _critic("lstm", gain=12.0), _points()
    middle = float(_norms(critic, points).median())
    with torch.no_grad():
        critic.head[-1].weight.div_(middle)
    norms = _norms(critic, points)
    assert norms.min() < 0.9
    assert norms.max() > 1.1
    _agree(critic, points, SHAPES["wgan-lp"])
    told = 10 * (norms - 1).clamp_min(0).square().mean()
    torch.testing.assert_close(_penalty(critic, points, SHAPES["wgan-lp"], False)[0], told)


def test_one_sided_below_1_is_free():
    critic = _critic("lstm", gain=0.1)
    value, gradients = _penalty(critic, _points(), SHAPES["wgan-lp"], False)
    assert value == 0
    assert not any(gradient.any() for gradient in gradients)


@pytest.mark.parametrize("name", sorted(LOSSES))
@pytest.mark.parametrize("cell", sorted(CELLS))
def test_every_loss_has_the_gradient_of_its_exact_twin(name, cell):
    critic = _critic(cell, gain=12.0)
    real, fake = (Batch(*_points(seed=seed), LENGTHS.roll(seed)) for seed in (0, 1))
    share = torch.rand(6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = []
    for exact in (False, True):
        penalty = LOSSES[name](2.0, exact).penalty(critic.score, real, fake, share)
        gradients = torch.autograd.grad(penalty, list(critic.parameters()), allow_unused=True)
        found.append((penalty, torch.cat([g.flatten() for g in gradients[:-1]])))
    (value, ours), (truth, theirs) = found
    torch.testing.assert_close(value, truth, rtol=1e-10, atol=0)
    assert float((ours - theirs).norm()) < 1e-5 * float(theirs.norm())


def test_single_precision_is_close_enough_to_train_by():
    critic, points = _critic("lstm").float(), tuple(part.float() for part in _points())
    ours, theirs = (
        torch.cat([g.flatten() for g in _penalty(critic, points, SHAPES["wgan-gp"], exact)[1][:-1]])
        for exact in (False, True)
    )
    assert float((ours - theirs).norm()) < 5e-3 * float(theirs.norm())


@pytest.mark.parametrize("exact", [False, True])
def test_gradients_outside_are_left_alone(exact):
    critic = _critic("lstm")
    points = tuple(part.requires_grad_() for part in _points())
    gradient_penalty(lambda x, s: critic(x, s, LENGTHS), points, SHAPES["r1"], exact=exact)
    assert all(part.grad is None for part in (*points, *critic.parameters()))
    gradient_penalty(lambda x, s: critic(x, s, LENGTHS), points, SHAPES["r1"], exact=exact).backward()
    assert all(part.grad is None for part in points)
    assert critic.head[0].weight.grad.abs().max() > 0


@pytest.mark.parametrize("exact", [False, True])
def test_a_flat_critic_has_a_finite_gradient(exact):
    critic = _critic("rnn")
    with torch.no_grad():
        critic.head[-1].weight.zero_()
    value, gradients = _penalty(critic, _points(), SHAPES["wgan-gp"], exact)
    assert value.item() == pytest.approx(10, rel=1e-4)
    assert all(torch.isfinite(gradient).all() for gradient in gradients if gradient is not None)


def test_windows_of_every_kind_of_cell_are_penalised_between_the_two():
    """Codes of levels are learned outside of the penalty: it reaches every weight of the network, and no code."""
    cells = (Number("a", atoms=(0.0,), stays=True, missing=True), Category("b", 3), Category("c", 30, missing=True))
    torch.manual_seed(2)
    critic = Critic(Layout(cells, (Category("d", 2), Number("e"))), torch.ones(3), 8).double()
    draw = torch.Generator().manual_seed(3)

    def batch():
        kinds = [torch.randint(0, n, (6, 8), generator=draw).double() for n in (3, 30)]
        values = torch.stack([torch.randn(6, 8, generator=draw, dtype=torch.float64).relu(), *kinds], dim=2)
        values[torch.rand(6, 8, generator=draw) < 0.2, 0] = torch.nan
        statics = torch.stack([torch.randint(0, 2, (6,), generator=draw).double(), torch.randn(6, generator=draw)], 1)
        return critic.batch(values, statics, torch.zeros(6, 8, 0), LENGTHS)

    real, fake = batch(), batch()
    share = torch.rand(6, generator=draw, dtype=torch.float64)
    found = []
    for exact in (False, True):
        critic.zero_grad()
        LOSSES["wgan-gp"](exact=exact).penalty(critic.score, real, fake, share).backward()
        assert critic.steps.codes.grad is None
        found.append(torch.cat([part.grad.flatten() for part in critic.cell.parameters()]))
    assert float((found[0] - found[1]).norm()) < 1e-5 * float(found[1].norm())
