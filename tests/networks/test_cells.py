"""One contract over every member of CELLS: what `forward` computes is what `equations` writes out."""

import pytest
import torch

from tsgan.networks import CELLS
from tsgan.networks.base import Cell

BATCH, TIME, INPUTS, HIDDEN = 3, 7, 4, 5


@pytest.fixture(params=sorted(CELLS))
def name(request):
    return request.param


@pytest.fixture(params=[1, 2])
def cell(name, request):
    torch.manual_seed(3)
    return CELLS[name](INPUTS, HIDDEN, request.param).double()


def _inputs(cell):
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(BATCH, TIME, INPUTS, generator=draw, dtype=torch.float64)
    return x, torch.randn(cell.layers, BATCH, HIDDEN, generator=draw, dtype=torch.float64)


def test_forward_is_what_the_equations_say(cell):
    x, start = _inputs(cell)
    torch.testing.assert_close(cell(x, start), cell.equations(x, start), atol=1e-10, rtol=0)


def test_gradients_are_those_of_the_equations(cell):
    x, start = _inputs(cell)
    weights = list(cell.parameters())
    ours = torch.autograd.grad(cell(x, start).square().sum(), weights)
    theirs = torch.autograd.grad(cell.equations(x, start).square().sum(), weights)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-10)


def test_shape_is_one_hidden_state_per_step(cell):
    x, start = _inputs(cell)
    assert isinstance(cell, Cell)
    assert cell(x, start).shape == (BATCH, TIME, HIDDEN)
    assert cell(x[:, :1], start).shape == (BATCH, 1, HIDDEN)


def test_no_start_means_zero(cell):
    x, start = _inputs(cell)
    torch.testing.assert_close(cell(x), cell(x, torch.zeros_like(start)), atol=0, rtol=0)


def test_each_layer_begins_from_its_own_start(cell):
    x, start = _inputs(cell)
    for layer in range(cell.layers):
        moved = start.clone()
        moved[layer] += 0.5
        assert (cell(x, moved) - cell(x, start)).abs().max() > 1e-3


def test_a_state_depends_on_the_past_and_not_on_the_future(cell):
    x, start = _inputs(cell)
    moved = x.clone()
    moved[:, 3] += 1.0
    change = (cell(moved, start) - cell(x, start)).abs().amax((0, 2))
    assert (change[:3] == 0).all()
    assert (change[3:] > 0).all()


def test_gradient_flows_to_input_start_and_every_weight(cell):
    x, start = (part.requires_grad_() for part in _inputs(cell))
    cell(x, start)[:, -1].sum().backward()
    for part in (x, start, *cell.parameters()):
        assert part.grad is not None
        assert torch.isfinite(part.grad).all()
        assert part.grad.abs().max() > 0


def test_cells_are_smooth(cell):
    """The first-order penalty needs it: a second difference shrinks with the square of the step."""
    x, start = _inputs(cell)
    way = torch.randn(x.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)

    def bend(step):
        ahead, behind = cell(x + step * way, start), cell(x - step * way, start)
        return float((ahead - 2 * cell(x, start) + behind).detach().abs().max())

    assert bend(1e-2) / bend(1e-3) == pytest.approx(100, rel=0.1)
