"""One contract over every member of CELLS: `forward`, `step` and the equations written out say the same."""

import pytest
import torch

from tsgan.model.cells import CELLS, RecurrentCell, detach, take

BATCH, TIME, INPUTS, HIDDEN = 3, 7, 4, 5


@pytest.fixture(params=sorted(CELLS))
def name(request):
    return request.param


@pytest.fixture(params=[1, 2])
def cell(name, request):
    torch.manual_seed(3)
    return CELLS[name](INPUTS, HIDDEN, request.param).double()


def _inputs(cell, seed=1):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(BATCH, TIME, INPUTS, generator=draw, dtype=torch.float64)
    shape = (cell.layers, BATCH, HIDDEN)
    return x, tuple(torch.randn(shape, generator=draw, dtype=torch.float64) for _ in range(cell.parts))


def _lstm(into, back, state):
    i, f, g, o = (into + back).chunk(4, dim=-1)
    memory = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(memory), memory


def _gru(into, back, state):
    (ri, zi, ni), (rh, zh, nh) = into.chunk(3, dim=-1), back.chunk(3, dim=-1)
    update = torch.sigmoid(zi + zh)
    return ((1 - update) * torch.tanh(ni + torch.sigmoid(ri + rh) * nh) + update * state[0],)


def _rnn(into, back, state):
    return (torch.tanh(into + back),)


EQUATIONS = {"lstm": _lstm, "gru": _gru, "rnn": _rnn}


def _written_out(cell, name, x, state):
    """Compute what `forward` does, one step after the other: the readable twin."""
    after = []
    for layer in range(cell.layers):
        weight = {
            key: getattr(cell.core, f"{key}_l{layer}") for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        own, outputs = tuple(part[layer] for part in state), []
        for step in x.unbind(1):
            into = step @ weight["weight_ih"].T + weight["bias_ih"]
            back = own[0] @ weight["weight_hh"].T + weight["bias_hh"]
            own = EQUATIONS[name](into, back, own)
            outputs.append(own[0])
        x = torch.stack(outputs, dim=1)
        after.append(own)
    return x, tuple(torch.stack(parts) for parts in zip(*after, strict=True))


def _close(ours, theirs, **tolerance):
    for one, other in zip((ours[0], *ours[1]), (theirs[0], *theirs[1]), strict=True):
        torch.testing.assert_close(one, other, **{"atol": 1e-10, "rtol": 0, **tolerance})


def test_every_cell_has_its_equations_here():
    assert sorted(EQUATIONS) == sorted(CELLS)


def test_forward_is_what_the_equations_say(cell, name):
    x, state = _inputs(cell)
    _close(cell(x, state), _written_out(cell, name, x, state))


def test_gradients_are_those_of_the_equations(cell, name):
    x, state = _inputs(cell)
    weights = list(cell.parameters())
    ours = torch.autograd.grad(cell(x, state)[0].square().sum(), weights)
    theirs = torch.autograd.grad(_written_out(cell, name, x, state)[0].square().sum(), weights)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-10)


def test_step_after_step_is_forward(cell):
    x, state = _inputs(cell)
    outputs, now = [], state
    for step in x.unbind(1):
        output, now = cell.step(step, now)
        outputs.append(output)
    _close((torch.stack(outputs, dim=1), now), cell(x, state))


def test_step_is_forward_in_single_precision_too(cell):
    x, state = _inputs(cell.float())
    x, state = x.float(), tuple(part.float() for part in state)
    ours, theirs = cell.step(x[:, 0], state), cell(x[:, :1], state)
    _close((ours[0][:, None], ours[1]), theirs, atol=1e-6)


def test_step_asks_for_no_gradient_and_leaves_its_state_as_it_was(cell):
    x, state = _inputs(cell)
    before = tuple(part.clone() for part in state)
    output, after = cell.step(x[:, 0], state)
    assert not any(part.requires_grad for part in (output, *after))
    assert all(torch.equal(one, other) for one, other in zip(state, before, strict=True))
    kept = tuple(part.clone() for part in after)
    cell.step(x[:, 1], after)
    assert all(torch.equal(one, other) for one, other in zip(after, kept, strict=True))


def test_chunk_after_chunk_is_the_whole(cell):
    x, state = _inputs(cell)
    first, middle = cell(x[:, :3], state)
    second, end = cell(x[:, 3:], middle)
    _close((torch.cat([first, second], dim=1), end), cell(x, state))


def test_shapes(cell):
    x, state = _inputs(cell)
    assert isinstance(cell, RecurrentCell)
    outputs, after = cell(x, state)
    assert outputs.shape == (BATCH, TIME, HIDDEN)
    torch.testing.assert_close(outputs[:, -1], after[0][-1])
    assert (
        [part.shape for part in after] == [part.shape for part in state] == [part.shape for part in cell.start(BATCH)]
    )
    assert cell(x[:, :1], state)[0].shape == (BATCH, 1, HIDDEN)


def test_one_layer_is_the_default(name):
    assert CELLS[name](INPUTS, HIDDEN).layers == 1


def test_no_state_means_zero(cell):
    x, _ = _inputs(cell)
    start = cell.start(BATCH)
    assert not any(part.any() for part in start)
    assert all(part.dtype == torch.float64 for part in start)
    _close(cell(x), cell(x, start), atol=0)


def test_each_layer_and_part_begins_from_its_own(cell):
    x, state = _inputs(cell)
    before = cell(x, state)[0]
    for number, part in enumerate(state):
        for layer in range(cell.layers):
            moved = [*state]
            moved[number] = part.clone()
            moved[number][layer] += 0.5
            assert (cell(x, tuple(moved))[0] - before).abs().max() > 1e-3


def test_an_output_depends_on_the_past_and_not_on_the_future(cell):
    x, state = _inputs(cell)
    moved = x.clone()
    moved[:, 3] += 1.0
    change = (cell(moved, state)[0] - cell(x, state)[0]).abs().amax((0, 2))
    assert (change[:3] == 0).all()
    assert (change[3:] > 0).all()


def test_gradient_flows_to_input_state_and_every_weight(cell):
    x, state = _inputs(cell)
    parts = [part.requires_grad_() for part in (x, *state)]
    cell(x, state)[0][:, -1].sum().backward()
    for part in (*parts, *cell.parameters()):
        assert part.grad is not None
        assert torch.isfinite(part.grad).all()
        assert part.grad.abs().max() > 0


def test_a_detached_state_carries_no_gradient(cell):
    x, state = _inputs(cell)
    x.requires_grad_()
    middle = detach(cell(x[:, :3], state)[1])
    cell(x[:, 3:], middle)[0].sum().backward()
    assert not x.grad[:, :3].any()
    assert x.grad[:, 3:].any()


def test_taken_sequences_go_on_as_they_would(cell):
    x, state = _inputs(cell)
    order = torch.tensor([2, 0, 0, 1, 2])
    outputs, after = cell(x, state)
    _close(cell(x[order], take(state, order)), (outputs[order], take(after, order)))


def test_cells_are_smooth(cell):
    """The first-order penalty needs it: a second difference shrinks with the square of the step."""
    x, state = _inputs(cell)
    way = torch.randn(x.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)

    def bend(step):
        ahead, behind = cell(x + step * way, state)[0], cell(x - step * way, state)[0]
        return float((ahead - 2 * cell(x, state)[0] + behind).detach().abs().max())

    assert bend(1e-2) / bend(1e-3) == pytest.approx(100, rel=0.1)
