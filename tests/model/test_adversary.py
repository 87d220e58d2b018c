"""The second stage: the gradient through free runs is that of finite differences, and what is kept is believed."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from tsgan.layout import Category, Layout, Number
from tsgan.model.adversary import AdversarialSettings, fit_adversarial
from tsgan.model.base import fit_base
from tsgan.model.callbacks import History
from tsgan.model.chunks import Chunk, ChunkSource
from tsgan.model.freeruns import Propagation, Runs, differentiable, implicit_shift
from tsgan.model.generator import Generator, Sizes
from tsgan.model.likelihood import Split
from tsgan.model.losses import LOSSES
from tsgan.model.validation import GROUPS, Distance, improved
from tsgan.panel import Panel

STEPS = 4


def panel(cells: int = 2, rows: int = 600) -> Panel:
    """One long series of autoregressions that push one another."""
    rng = np.random.default_rng(0)
    x = np.zeros((rows, cells))
    for t in range(1, rows):
        x[t] = 0.7 * x[t - 1] + 0.2 * x[t - 1, ::-1] + rng.normal(size=cells) * (0.5 + 0.3 * np.arange(cells))
        x[t, -1] += 0.4 * (x[t, 0] - x[t - 1, 0])
    return Panel(x, np.array([rows]), np.zeros((1, 0)))


def made(
    layout: Layout, data: Panel, mixture: int = 1, window: int = STEPS, periods: tuple[int, ...] = ()
) -> tuple[Generator, Split]:
    torch.manual_seed(0)
    source = ChunkSource(data)
    rng = np.random.default_rng(0)
    base = fit_base(layout, lambda seen: source.sweep(50, seen, window), mixture, rng, periods)
    sizes = Sizes(hidden=6, units=8, mixture=mixture)
    generator = Generator(layout, base, sizes)
    starts = np.arange(len(data.values) - window + 1) if layout.stretches else source.offsets[:-1]
    return generator.eval(), Split.of(source, starts, window, layout.stretches)


def stirred(generator: Generator, size: float = 0.2) -> Generator:
    """Give the network's last layers weights, so that it does something."""
    gen = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for chain in (generator.chain, generator.first):
            for part in (chain.out, chain.direct.weight, chain.direct.bias):
                part.copy_(size * torch.randn(part.shape, generator=gen))
    return generator


def like(count: int, layout: Layout, steps: int = STEPS) -> Chunk:
    return Chunk(
        torch.zeros((count, steps, len(layout.cells)), dtype=torch.float64),
        torch.zeros((count, steps), dtype=torch.int64),
        torch.zeros((count, steps, layout.covariates)),
        torch.zeros((count, len(layout.statics)), dtype=torch.float64),
        torch.ones((count, steps), dtype=torch.bool),
    )


def smooth(values: Tensor) -> Tensor:
    return (values[:, -1].sin() + 0.3 * values.square().sum(1)).sum(1).mean()


def drawn(generator: Generator, seed: int, count: int = 64, steps: int = STEPS) -> Runs:
    return Runs.draw(generator, like(count, generator.layout, steps), torch.Generator().manual_seed(seed))


def gradient(generator: Generator, hops: int, part: Tensor) -> Tensor:
    runs = drawn(generator, 5)
    values = differentiable(generator, Propagation(generator), runs, torch.Generator().manual_seed(1), hops)
    (found,) = torch.autograd.grad(smooth(values), part)
    return found


def slope(generator: Generator, part: Tensor, direction: Tensor, step: float = 2e-3) -> float:
    """Central difference of what `gradient` differentiates, along a direction."""
    out = []
    for sign in (1, -1):
        with torch.no_grad():
            part.add_(sign * step * direction)
            out.append(float(smooth(drawn(generator, 5).values)))
            part.sub_(sign * step * direction)
    return (out[0] - out[1]) / (2 * step)


NUMBERS = Layout((Number("a"), Number("b")), stretches=True)


def test_one_hop_is_exact_where_heads_do_not_look_back() -> None:
    generator, _ = made(NUMBERS, panel())
    for chain in (generator.chain, generator.first):
        part = chain.direct.bias
        found = gradient(generator, 1, part)
        for k in range(len(part)):
            way = torch.zeros_like(part)
            way[k] = 1
            assert float(found[k]) == pytest.approx(slope(generator, part, way), rel=0.02, abs=2e-3)


@pytest.mark.parametrize("name", ["out", "features", "direct.weight"])
def test_gradient_is_exact_with_as_many_hops_as_numbers(name: str) -> None:
    generator = stirred(made(NUMBERS, panel())[0])
    part = generator.chain.get_parameter(name)
    way = torch.randn(part.shape, generator=torch.Generator().manual_seed(2))
    true = slope(generator, part, way)
    errors = [abs(float((gradient(generator, hops, part) * way).sum()) - true) for hops in (1, 2, 2 * STEPS)]
    assert errors[2] < 0.01 * abs(true) + 2e-3
    assert errors[2] <= errors[1] + 1e-3
    assert errors[2] <= errors[0] + 1e-3


def test_gradient_reaches_the_recurrent_cell() -> None:
    generator = stirred(made(NUMBERS, panel())[0])
    part = generator.cell.core.get_parameter("weight_ih_l0")
    way = torch.randn(part.shape, generator=torch.Generator().manual_seed(2))
    found = float((gradient(generator, 2 * STEPS, part) * way).sum())
    assert found == pytest.approx(slope(generator, part, way), rel=0.02, abs=1e-3)


@pytest.mark.parametrize("of", range(3))
def test_draws_of_a_mixture_move_so_that_expectations_have_their_gradient(of: int) -> None:
    parts = [torch.tensor(p, requires_grad=True) for p in ([0.3, -0.2, 0.5], [-1.0, 0.2, 1.5], [-0.5, -1.0, -0.2])]
    weight, mean, log_sigma = parts
    gen = torch.Generator().manual_seed(0)
    k = torch.multinomial(torch.softmax(weight.detach(), 0), 200_000, replacement=True, generator=gen)
    e = (mean[k] + log_sigma[k].exp() * torch.randn(len(k), generator=gen)).detach()
    moving = e + implicit_shift(e, *(part.expand(len(e), 3) for part in parts))
    (found,) = torch.autograd.grad(moving.square().mean(), parts[of])
    exact = (torch.softmax(weight, 0) * (mean.square() + (2 * log_sigma).exp())).sum()
    (true,) = torch.autograd.grad(exact, parts[of])
    torch.testing.assert_close(found, true, rtol=0.03, atol=0.02)


def doing(rows: int = 900) -> tuple[Layout, Panel]:
    """Numbers that stay, sit on an atom, go straight on, are missing, lie on a grid; and a category."""
    rng = np.random.default_rng(1)
    x = np.zeros((rows, 4))
    for t in range(1, rows):
        x[t] = 0.8 * x[t - 1] + rng.normal(size=4)
        if rng.random() < 0.3:
            x[t, 0] = x[t - 1, 0]
        if rng.random() < 0.3:
            x[t, 1] = 0.5
        if t > 1 and rng.random() < 0.4:
            x[t, 2] = 2 * x[t - 1, 2] - x[t - 2, 2]
        x[t, 2] = np.clip(x[t, 2], -6, 6)
    x[:, 3] = np.round(x[:, 3] * 4) / 4
    x[rng.random(rows) < 0.1, 3] = np.nan
    level = (np.cumsum(rng.random(rows) < 0.2) % 3).astype(float)
    cells = (
        Number("stays", stays=True),
        Number("atom", atoms=(0.5,)),
        Number("straight", straight=1e-6),
        Number("grid", grid=np.arange(-40, 41) / 4, missing=True),
        Category("level", 3),
    )
    values = np.concatenate([x, level[:, None]], 1)
    return Layout(cells, stretches=True), Panel(values, np.array([rows]), np.zeros((1, 0)))


def test_values_are_those_that_were_drawn() -> None:
    layout, data = doing()
    generator = stirred(made(layout, data, 2)[0])
    runs = drawn(generator, 0)
    values = differentiable(generator, Propagation(generator), runs, torch.Generator().manual_seed(0), 2)
    there = ~runs.values.isnan()
    assert bool((~there).any())
    assert torch.equal(values[there], runs.values[there])


def test_what_cells_did_says_how_they_move() -> None:
    layout, data = doing()
    generator = made(layout, data, 2)[0]
    spreading = Propagation(generator)
    shift = torch.randn((1, 3, 4), generator=torch.Generator().manual_seed(0))
    outcome = torch.zeros((1, 3, 4), dtype=torch.int64)
    outcome[:, 1:, 0] = generator.heads.own[0].stay
    outcome[:, 1, 1] = generator.heads.own[1].atoms[0]
    outcome[:, 2, 2] = generator.heads.own[2].straight
    outcome[:, 1, 3] = generator.heads.own[3].missing
    moved = spreading(shift, outcome)[0]
    torch.testing.assert_close(moved[1:, 0], moved[0, 0].expand(2))
    assert float(moved[1, 1]) == pytest.approx(0, abs=1e-6)
    assert float(moved[2, 1]) != 0
    torch.testing.assert_close(moved[2, 2], 2 * moved[1, 2] - moved[0, 2])
    torch.testing.assert_close(moved[1, 3], moved[0, 3])


@pytest.mark.parametrize("periods", [(), (4, 6)])
def test_shifts_spread_as_finite_differences_of_the_base_do(periods: tuple[int, ...]) -> None:
    """Residuals of moved rows are the old ones and the shift."""
    data = panel()
    for t in range(max(periods, default=len(data.values)), len(data.values)):
        data.values[t] += sum(0.4 * data.values[t - season] for season in periods)
    generator = made(NUMBERS, data, periods=periods)[0]
    assert generator.lookback.seasons == periods
    runs = drawn(generator, 1, 8, 12)
    shift = torch.randn((8, 12, 2), generator=torch.Generator().manual_seed(4))
    moved = Propagation(generator)(shift, torch.zeros((8, 12, 2), dtype=torch.int64))

    def residuals(values: Tensor) -> Tensor:
        chunk = Runs.of(values, like(8, NUMBERS, 12), generator.lookback).chunk
        rows = generator.linear.vector.rows(chunk.coded(NUMBERS), chunk, 12)
        found: Tensor = generator.linear(rows, chunk.own_age).e
        return found

    torch.testing.assert_close(
        residuals(runs.values + moved) - residuals(runs.values), shift.double(), rtol=1e-3, atol=1e-4
    )


def test_distance_is_small_between_halves_and_grows_with_what_differs() -> None:
    layout, data = doing(12_000)
    windows = torch.from_numpy(data.values.reshape(-1, 12, 5))
    inside = torch.ones(windows.shape[:2], dtype=torch.bool)
    third = len(windows) // 3
    sides = [(windows[part], inside[part]) for part in (slice(0, third), slice(third, 2 * third))]
    distance = Distance(layout, *sides, 0)
    alike = distance(windows[2 * third :], inside[2 * third :])
    first = torch.tensor([1.0, 0, 0, 0, 0], dtype=torch.float64)
    mixed = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    changes: list[Callable[[Tensor], Tensor]] = [
        lambda x: x + first,
        lambda x: x + torch.linspace(-1, 1, 12)[:, None] * first,
        lambda x: x[:, mixed],
        lambda x: torch.cat([x[..., :4], torch.where(x[..., 4:] == 2, 1.0, x[..., 4:])], 2),
    ]
    assert alike.shape == (2 * GROUPS,)
    assert abs(alike.mean()) < 0.1
    for change in changes:
        assert distance(change(windows[2 * third :]), inside[2 * third :]).mean() > alike.mean() + 0.12


@pytest.fixture(scope="module")
def poor() -> tuple[Generator, Split]:
    """A generator that is wrong on purpose: all numbers come out too high."""
    generator, split = made(NUMBERS, panel(rows=3000), 2, 12)
    with torch.no_grad():
        for chain in (generator.chain, generator.first):
            _, means, _ = np.split(np.array(generator.heads.order[generator.heads.logits :]), 3)
            chain.direct.bias[means] += 0.4
    return generator, split


def fresh(poor: tuple[Generator, Split]) -> tuple[Generator, Split]:
    return copy.deepcopy(poor[0]), poor[1]


@pytest.mark.parametrize("loss", list(LOSSES))
def test_free_runs_come_nearer(poor: tuple[Generator, Split], loss: str) -> None:
    generator, split = fresh(poor)
    how = AdversarialSettings(LOSSES[loss](), weight=1.0, batch=32, rate=5e-3, check=15, warm=30)
    history = History()
    verdict = fit_adversarial(generator, split, how, 45, np.random.SeedSequence(0), history)
    assert verdict.kept
    assert np.mean(verdict.after) < np.mean(verdict.before) - 2 * verdict.noise
    assert [row["stage"] for row in history.rows] == ["adversarial"] * 4
    assert history.rows[-1]["distance"] is not None
    assert history.rows[-1]["held_back"] is not None


def test_same_seed_same_weights(poor: tuple[Generator, Split]) -> None:
    found = []
    for _ in range(2):
        generator, split = fresh(poor)
        how = AdversarialSettings(batch=16, check=4, warm=8, rate=5e-3)
        fit_adversarial(generator, split, how, 8, np.random.SeedSequence(1), History())
        found.append(generator.state_dict())
        torch.rand(3)
    assert all(torch.equal(a, b) for a, b in zip(found[0].values(), found[1].values(), strict=True))


def test_what_does_not_help_is_not_kept() -> None:
    generator, split = made(NUMBERS, panel(rows=3000), 2, 12)
    before = {name: part.clone() for name, part in generator.state_dict().items()}
    verdict = fit_adversarial(
        generator, split, AdversarialSettings(batch=16, check=4, warm=4), 4, np.random.SeedSequence(1), History()
    )
    assert not verdict.kept
    assert all(torch.equal(part, before[name]) for name, part in generator.state_dict().items())
    assert not generator.training


def test_what_does_not_help_is_given_up_half_way() -> None:
    generator, split = made(NUMBERS, panel(rows=3000), 2, 12)
    how = AdversarialSettings(batch=16, check=4, warm=4, rate=0.05)  # so fast that it can only get worse
    verdict = fit_adversarial(generator, split, how, 40, np.random.SeedSequence(1), History())
    assert not verdict.kept
    assert verdict.steps == 24


def test_divergence_goes_back_and_says_so(poor: tuple[Generator, Split]) -> None:
    generator, split = fresh(poor)
    how = AdversarialSettings(weight=1.0, batch=16, critic_rate=1e8, check=5, warm=4)
    verdict = fit_adversarial(generator, split, how, 10, np.random.SeedSequence(0), History())
    assert verdict.diverged
    assert all(bool(part.isfinite().all()) for part in generator.parameters())


def test_deadline_holds(poor: tuple[Generator, Split]) -> None:
    generator, split = fresh(poor)
    deadline = time.monotonic() + 4
    verdict = fit_adversarial(
        generator, split, AdversarialSettings(batch=32), 100_000, np.random.SeedSequence(0), History(), deadline
    )
    assert verdict.steps < 100_000


def test_too_little_held_back_leaves_the_stage_out() -> None:
    generator, split = made(NUMBERS, panel(rows=40), 1, 12)
    verdict = fit_adversarial(generator, split, AdversarialSettings(batch=8), 5, np.random.SeedSequence(0), History())
    assert not verdict.kept
    assert verdict.steps == 0
    assert verdict.before == ()


def test_a_level_that_never_came_does_not_outweigh_all_else() -> None:
    layout = Layout((Category("c", 3), Number("x")), stretches=True)
    rng = np.random.default_rng(0)

    def windows(rare: float) -> torch.Tensor:
        level = rng.choice(3, (600, 12), p=[0.6, 0.4 - rare, rare])
        return torch.from_numpy(np.stack([level, rng.normal(size=level.shape)], 2).astype(float))

    inside = torch.ones((600, 12), dtype=torch.bool)
    distance = Distance(layout, (windows(0.0), inside), (windows(0.0), inside), 0)
    assert distance(windows(0.001), inside).mean() < 0.2
    assert distance(windows(0.2), inside).mean() > 0.5


def test_what_is_nearer_by_more_than_chance_is_believed() -> None:
    rng = np.random.default_rng(0)
    before = 1 + 0.01 * rng.normal(size=(4, 2 * GROUPS))
    assert not improved(before, before - 0.001)[0], "as much differs from draw to draw"
    assert improved(before, before - 0.1)[0]
    # nearer to what was learned from, farther from what was held back: in each group, or in one by chance
    side, chance = np.repeat([0.05, -0.3], GROUPS), np.append([0.2, -0.1, -0.05, -0.05], np.full(GROUPS, -0.3))
    assert not improved(before, before + side)[0]
    assert improved(before, before + chance)[0]
