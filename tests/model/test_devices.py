"""Another device learns and draws what the CPU does, but for rounding: a stand-in, and a GPU if there is one."""

from __future__ import annotations

import re
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich_panels import made, rich_layout, rich_panel
from second_device import KIND, Away, standing_in

import tsgan.model
from tsgan.model import likelihood, validation
from tsgan.model.adversary import AdversarialSettings, AdversarialSteps
from tsgan.model.callbacks import History
from tsgan.model.chunks import ChunkSource
from tsgan.model.generator import Sizes
from tsgan.model.likelihood import LikelihoodSettings, Split
from tsgan.model.losses import LOSSES
from tsgan.model.model import Model, Network, Options
from tsgan.model.runtime import CPU, Joined, among, generator_of, in_use, normal, on, places, some_bytes, uniform
from tsgan.panel import Given

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use is here")
OTHERS = [KIND, pytest.param("cuda", marks=needs_gpu)]
SECOND = AdversarialSettings(warm=2, check=2, critic_steps=2, hidden=8)
FIRST = LikelihoodSettings(steps=10, average=0.0)
OPTIONS = Options(hidden=8, units=16, mixture=3, batch=20, first=FIRST, adversarial_steps=4, second=SECOND)


@contextmanager
def there_is(device):
    """Have a device for a while; yield what counts, of the stand-in."""
    with standing_in() if device == KIND else nullcontext() as counter:
        yield counter


def alike(one, other, device, most=1e-3):
    """Assert that two arrays are the same but for rounding; on a GPU a draw in two hundred may fall on another side."""
    one, other = np.asarray(one), np.asarray(other)
    assert one.shape == other.shape
    apart = ~np.isclose(one, other, rtol=most, atol=most, equal_nan=True)
    assert apart.sum() <= (0.0 if device == KIND else 0.005) * apart.size, np.abs(one - other)[apart][:5]


@pytest.fixture(scope="module", autouse=True)
def few_runs():
    """Let free runs be judged by few of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "RUNS", 200)
        yield


def learned(device, stretches=False):
    panel = rich_panel(*((1, 600) if stretches else (60, 20)), stretches=stretches)
    starts = np.arange(600 - 8) if stretches else np.zeros(0, np.int64)
    history = History()
    seed = np.random.SeedSequence(0)
    model = Model.learn(panel, rich_layout(stretches), 8, starts, OPTIONS, seed, history, device=device)
    return model, history.rows


@pytest.fixture(scope="module", params=[False, True], ids=["panel", "series"])
def on_cpu(request):
    """Return whether it is of one long series, the model that the CPU learns, and its history."""
    return request.param, *learned("cpu", request.param)


@pytest.mark.parametrize("device", OTHERS)
def test_both_stages_learn_the_same(on_cpu, device):
    stretches, ours, rows = on_cpu
    with there_is(device):
        theirs, others = learned(device, stretches)
        networks = theirs.networks()
    assert theirs.device.type == device
    assert [row["stage"] for row in rows].count("adversarial") == 3
    assert theirs.training.first.step == ours.training.first.step == (10 if stretches else 0)
    assert theirs.training.second.steps == ours.training.second.steps == 4
    for row, other in zip(rows, others, strict=True):
        for name in ("loss", "held_back", "critic", "penalty", "distance"):
            assert other[name] == (None if row[name] is None else pytest.approx(row[name], rel=1e-3, abs=1e-3)), name
    for name, network in ours.networks().items():
        for key, numbers in network.numbers.items() if network else ():
            alike(numbers, networks[name].numbers[key], device)


@pytest.fixture(scope="module")
def model():
    """Return a model that was not taught, with networks that are not zero, and its panel."""
    panel, layout = rich_panel(60), rich_layout()
    steps = made(panel, layout)
    statics = learned("cpu")[0].statics
    return Model(layout, steps, statics), panel


def asked(model, panel, **more):
    """Return what is asked of 25 sequences of 6 rows, with statics drawn."""
    n, length = 25, 6
    rng = np.random.default_rng(5)
    covariates = rng.normal(size=(n, length, 2)).astype(np.float32)
    return Given(panel.statics[:n], covariates, **more)


def past(panel, n=25, length=6):
    """Return the first rows of sequences, of which the last three rows and a tenth of the rest are not known."""
    starts = panel.offsets[:-1][panel.lengths >= length][:n]
    values = np.asarray(panel.values)[starts[:, None] + np.arange(length)]
    known = np.random.default_rng(6).random(values.shape) < 0.9
    known[:, -3:] = False
    known[:, -1, 0] = True  # something lies ahead
    return values, known


def each_door(model, panel):
    """Return what comes of all that a model draws and says."""
    rng = [np.random.default_rng(k) for k in range(9)]
    values, known = past(panel)
    n = len(values)
    every = (*[None] * 6, np.arange(40) < 9)
    given = asked(model, panel)
    levels = np.array([[True, False]] * 10 + [[True, True]] * 10)
    yield "statics", model.draw_statics(30, rng[0])
    yield "statics given", model.draw_statics_given(np.full((20, 2), np.nan), (levels, None), rng[1])
    yield "freely", model.draw((given, rng[2]))[0]
    yield "where", model.draw((replace(given, allowed=every), rng[3]))[0]
    yield "chance", model.chance(replace(given, allowed=every), rng[4])
    around = replace(asked(model, panel), statics=panel.statics[:n], values=values, known=known)
    yield "fill", model.draw((replace(around, covariates=around.covariates[:n], filled=True), rng[5]))[0]
    yield "scores", model.score(panel)


@pytest.mark.parametrize("device", OTHERS)
def test_every_door_gives_the_same(model, device):
    ours, panel = model
    expected = dict(each_door(ours, panel))
    with there_is(device):
        theirs = ours.at(device)
        assert theirs.steps.bias.device.type == device
        for name, found in each_door(theirs, panel):
            assert not np.isnan(expected[name]).all(), name
            alike(expected[name], found, device)


@pytest.mark.parametrize("device", OTHERS)
def test_blocks_at_once_are_the_blocks_alone(model, device):
    ours, panel = model
    counts, lengths = (1030, 3, 1100), (3, 2, 3)  # the larger ones are halved
    blocks = []
    for n, length in zip(counts, lengths, strict=True):
        statics = np.resize(panel.statics, (n, 2))
        blocks.append(Given(statics, np.zeros((n, length, 2), dtype=np.float32)))
    with there_is(device):
        theirs = ours.at(device)
        assert (ours.at_once, theirs.at_once) == (1, 8)
        found = theirs.draw(*((given, np.random.default_rng(k)) for k, given in enumerate(blocks)))
    for k, (given, rows) in enumerate(zip(blocks, found, strict=True)):
        alike(ours.draw((given, np.random.default_rng(k)))[0], rows, device)


def game(device, cell, loss):
    """Return the losses of three steps of the second stage, and the weights after them."""
    panel, layout = rich_panel(60), rich_layout()
    split = Split.of(ChunkSource(panel), np.zeros(0, np.int64), 8, False)
    generator = made(panel, layout, Sizes(cell, 8, 2 if cell == "gru" else 1, 16, 3))
    how = replace(SECOND, loss=loss, batch=20, penalty_every=1, critic_steps=1, renew=2)
    with on(torch.device(device)):
        players = AdversarialSteps(generator.moved(), split, how, np.random.SeedSequence(1))
        losses = [(*players.step(number), players.penalty) for number in range(3)]
    return losses, [part.detach().cpu().numpy() for part in (*generator.parameters(), *players.critic.parameters())]


GAMES = [("lstm", LOSSES[name]()) for name in LOSSES] + [("gru", LOSSES["wgan-gp"]()), ("rnn", LOSSES["gan"](1.0))]
GAMES += [(cell, LOSSES["wgan-gp"](exact=True)) for cell in ("lstm", "gru", "rnn")]


@pytest.mark.slow
@pytest.mark.parametrize("device", OTHERS)
@pytest.mark.parametrize(("cell", "loss"), GAMES, ids=lambda one: one if isinstance(one, str) else type(one).__name__)
def test_every_cell_and_loss_plays_the_same(device, cell, loss):
    losses, weights = game("cpu", cell, loss)
    with there_is(device):
        found, others = game(device, cell, loss)
    np.testing.assert_allclose(found, losses, rtol=1e-3, atol=1e-4)
    for one, other in zip(weights, others, strict=True):
        alike(one, other, device)


def test_a_step_of_training_moves_data_and_noise_alone(model):
    ours, panel = model
    with standing_in() as counter, on(torch.device(KIND)):
        generator = ours.at(KIND).steps
        split = Split.of(ChunkSource(panel), np.zeros(0, np.int64), 8, False)
        rng = np.random.default_rng(0)
        learner = likelihood.Learner(generator.train(), split, LikelihoodSettings(batch=20), rng)
        learner.step(1e-3)
        copies, waits = counter.copies, counter.waits
        learner.step(1e-3)
    assert counter.copies - copies <= 16  # nine of a chunk and of where it goes on, the rest is noise
    assert counter.waits - waits <= 10


class TestInUse:
    def test_the_cpu_changes_nothing(self):
        with on(torch.device("cpu")):
            assert torch._C._len_torch_function_stack() == 0
            assert in_use() is CPU

    def test_it_is_left_as_it_was_found(self):
        def fail():
            with on(torch.device(KIND)):
                assert torch.zeros(1).device.type == in_use().type == KIND
                assert not torch.backends.cudnn.allow_tf32
                with on(CPU):
                    assert torch.zeros(1).device == in_use() == CPU
                assert torch.zeros(1).device.type == KIND
                raise ZeroDivisionError

        with standing_in():
            before = torch._C._len_torch_function_stack(), torch.backends.cudnn.allow_tf32
            with pytest.raises(ZeroDivisionError):
                fail()
            assert before == (torch._C._len_torch_function_stack(), torch.backends.cudnn.allow_tf32)
        assert in_use() is CPU

    def test_places_are_kept_for_each_device(self):
        assert places([3, 1]) is places((3, 1))
        assert places(np.array([3, 1])).tolist() == [3, 1]
        assert places([]).dtype == torch.int64
        with standing_in(), on(torch.device(KIND)):
            assert places([3, 1]).device.type == KIND

    def test_places_of_a_drawing_do_for_training(self):
        with torch.inference_mode():
            assert not places([977, 3]).is_inference()

    def test_no_other_file_knows_the_way(self):
        banned = re.compile(r"from_numpy|\.numpy\(|generator=|Generator\(\)|\.cuda|\.random_\(|torch\.rand")
        folder = Path(tsgan.model.__file__).parent
        found = [
            f"{path.name}: {line.strip()}"
            for path in sorted(folder.glob("*.py"))
            for line in path.read_text().splitlines()
            if path.name != "runtime.py" and banned.search(line)
        ]
        # initialisers, which `isolated` holds on the CPU
        assert found == [
            "critic.py: self.codes = nn.Parameter(torch.randn(sum(levels), MAX_ONE_HOT)) if wide else None"
        ]


class TestJoinedNoise:
    @pytest.mark.parametrize("draw", [uniform, normal, some_bytes])
    def test_each_part_gets_its_own(self, draw):
        joined = draw((7, 3), Joined((generator_of(1), generator_of(2)), (4, 7)))
        alone = torch.cat([draw((4, 3), generator_of(1)), draw((3, 3), generator_of(2))])
        assert torch.equal(joined, alone)

    def test_so_do_some_of_the_rows(self):
        noise = Joined((generator_of(1), generator_of(2), generator_of(3)), (4, 7, 9))
        some = among(noise, torch.tensor([0, 0, 3, 7]))
        assert some.ends == (3, 3, 4)
        alone = torch.cat([normal((3,), generator_of(1)), normal((1,), generator_of(3))])
        assert torch.equal(normal((4,), some), alone)
        one = generator_of(1)
        assert among(one, torch.tensor([1])) is one


class TestStandIn:
    """It refuses what a GPU refuses; else nothing above would show anything."""

    @pytest.fixture
    def counter(self):
        with standing_in() as counter:
            yield counter

    def test_values_are_computed_there_and_come_back(self, counter):
        x = torch.arange(4.0).to(KIND).requires_grad_()
        y = (x.square() * 2).sum()
        y.backward()
        assert isinstance(x.grad, Away)
        assert (counter.copies, counter.waits) == (1, 0)
        assert float(y.detach()) == 28.0
        assert x.grad.tolist() == [0, 4, 8, 12]
        assert counter.waits == 2

    @pytest.mark.parametrize(
        "mixed",
        [
            lambda far, near: far + near,
            lambda far, near: near + far,
            lambda far, near: far @ near,
            lambda far, near: torch.cat([far, near]),
            lambda far, near: torch.where(far > 0, near, far),
            lambda far, near: far.index_select(0, near.long()),
            lambda far, near: far[near.long()],
            lambda far, near: far.add_(near),
            lambda far, near: torch.addmm(far[None], far[:, None].T, near[:, None]),
        ],
    )
    def test_two_devices_do_not_mix(self, counter, mixed):
        with pytest.raises(RuntimeError, match="all tensors to be on the same device"):
            mixed(torch.ones(3, device=KIND), torch.ones(3))

    def test_a_lone_number_does(self, counter):
        assert (torch.ones(3, device=KIND) * torch.tensor(2.0)).tolist() == [2, 2, 2]
        with pytest.raises(RuntimeError, match="all tensors to be on the same device"):
            torch.stack([torch.ones((), device=KIND), torch.tensor(2.0)])

    def test_it_is_no_array(self, counter):
        with pytest.raises((RuntimeError, TypeError)):
            torch.ones(3, device=KIND).numpy()
        with pytest.raises((RuntimeError, TypeError)):
            np.asarray(torch.ones(3, device=KIND))

    @pytest.mark.parametrize(
        "drawn",
        [
            lambda: torch.rand(3, generator=generator_of(0), device=KIND),
            lambda: torch.rand(3, device=KIND),
            lambda: torch.ones(3, device=KIND).normal_(),
            lambda: torch.randint(3, (3,), generator=generator_of(0), device=KIND),
        ],
    )
    def test_nothing_is_drawn_there(self, counter, drawn):
        with pytest.raises(RuntimeError, match=f"Expected a '{KIND}' device type for generator but found 'cpu'"):
            drawn()

    @pytest.mark.parametrize("cell", [torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN])
    def test_recurrent_layers_are_as_those_of_cudnn(self, counter, cell):
        layer, x = cell(2, 3).to(KIND), torch.ones((4, 1, 2), device=KIND, requires_grad=True)
        (slope,) = torch.autograd.grad(layer(x)[0].square().sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="once_differentiable"):
            slope.square().sum().backward()
        with pytest.raises(RuntimeError, match="cudnn RNN backward can only be called in training mode"):
            layer.eval()(x)[0].sum().backward()

    def test_an_index_of_numbers_is_a_copy(self, counter):
        assert torch.arange(4, device=KIND)[[3, 1]].tolist() == [3, 1]
        assert counter.copies == 1

    def test_outside_nothing_can_be_done_with_it(self):
        with standing_in():
            x = torch.ones(3, device=KIND)
        with pytest.raises(RuntimeError, match=r"outside of standing_in\(\)"):
            x + 1


def test_a_network_is_saved_alike_from_anywhere(model):
    ours, _ = model
    with standing_in():
        theirs = ours.at(KIND)
        assert theirs.at(KIND) is theirs
        for name, network in theirs.networks().items():
            assert isinstance(network, Network)
            for key, numbers in ours.networks()[name].numbers.items():
                assert np.array_equal(numbers, network.numbers[key])
        again = theirs.at("cpu")
        assert again.steps.bias.device == again.steps.linear.vector.context.known.device == CPU
    assert again.training is ours.training


def test_the_recurrent_weights_of_a_copy_are_put_in_one_piece(model, monkeypatch):
    seen = []
    monkeypatch.setattr(torch.nn.LSTM, "flatten_parameters", lambda self: seen.append(self))
    steps = model[0].steps
    again = steps.copied()
    assert again.cell.core in seen
    assert all(torch.equal(part, again.state_dict()[name]) for name, part in steps.state_dict().items())
