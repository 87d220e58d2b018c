"""The generator against its slow twins: drawn rows have the likelihood that they were drawn with."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich_panels import SMALL, made, rich_layout, rich_panel

from tsgan.layout import Category, Layout, Number
from tsgan.model.chunks import ChunkSource
from tsgan.model.generator import Generator
from tsgan.model.heads import Outcomes
from tsgan.model.rollout import Rollout, free_run
from tsgan.panel import Panel


def replayed(generator, panel, number):
    """Return the log-probability of the rows of one sequence, told to a rollout cell by cell."""
    a, b = panel.offsets[number : number + 2]
    rollout = Rollout(generator, torch.from_numpy(panel.statics[[number]]), torch.Generator().manual_seed(0))
    out = []
    for row in range(a, b):
        values = torch.from_numpy(panel.values[[row]])
        known = torch.ones_like(values, dtype=torch.bool)
        drawn, weight = rollout.step(torch.from_numpy(panel.covariates[[row]]), known, values)
        torch.testing.assert_close(drawn, values, equal_nan=True)
        out.append(float(weight))
    return out


def whole(generator, panel, number):
    source = ChunkSource(panel)
    start, length = panel.offsets[[number]], int(panel.lengths[number])
    chunk = source.cut(start, np.array([number]), np.array([False]), length, generator.lookback)
    with torch.no_grad():
        return generator(chunk)[0][0].sum(1)


def seasonal_panel(rows=900):
    """Return one long series whose numbers are those of 7 and of 30 rows ago, with holes in one of them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows + 31, 2))
    for t in range(31, len(x)):
        x[t] = 0.5 * x[t - 7] + 0.4 * x[t - 30] + 0.3 * rng.normal(size=2)
    x[:, 1] += 0.3 * x[:, 0]
    x[rng.random(len(x)) < 0.1, 1] = np.nan
    return Panel(x[31:], np.array([rows]), np.zeros((1, 0))), Layout((Number("a"), Number("b", missing=True)), (), 0)


def test_a_rollout_sees_the_seasons_that_one_pass_sees():
    panel, layout = seasonal_panel()
    generator = made(panel, layout, periods=(30, 12, 7))
    assert generator.lookback.seasons == (7, 30)
    short = Panel(panel.values[:80], np.array([80]), panel.statics)
    np.testing.assert_allclose(replayed(generator, short, 0), whole(generator, short, 0), rtol=2e-3, atol=2e-3)


def test_pieces_see_the_seasons_that_one_pass_sees():
    panel, layout = seasonal_panel()
    generator, source, state, parts = made(panel, layout, periods=(7, 30)), ChunkSource(panel), None, []
    for at in range(0, 90, 9):
        chunk = source.cut(np.array([at]), np.array([0]), np.array([False]), 9, generator.lookback)
        with torch.no_grad():
            log_prob, state = generator(chunk, state)
        parts.append(log_prob[0].sum(1))
    torch.testing.assert_close(torch.cat(parts), whole(generator, panel, 0)[:90], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("number", [0, 3, 11])
def test_telling_a_rollout_the_rows_gives_the_likelihood_of_one_pass(rich, number):
    panel, _, generator = rich
    np.testing.assert_allclose(
        replayed(generator, panel, number), whole(generator, panel, number), rtol=2e-3, atol=2e-3
    )


def test_a_line_goes_on_through_points_of_the_grid_and_between_them():
    layout = Layout((Number("x", straight=1e-3, grid=np.array([0.0, 1.0, 2.0005, 5.0])),), stretches=True)
    values = np.random.default_rng(0).choice(layout.cells[0].grid, (60, 1))
    generator = made(Panel(values, np.array([60]), np.zeros((1, 0))), layout)
    rollout = Rollout(generator, torch.zeros((2, 0), dtype=torch.float64), torch.Generator())
    ends = torch.tensor([[0.0, 1.0], [1.0, 2.0005]], dtype=torch.float64)
    rollout.x_before, rollout.x = ends[:, :1], ends[:, 1:]
    assert rollout._straight_on(0, layout.cells[0]).tolist() == pytest.approx([2.0005, 3.001], abs=1e-9)


def smooth_panel(count=60, steps=24):
    rng = np.random.default_rng(0)
    speed, phase = rng.uniform(0, 0.1, (2, count, 1))
    x = np.sin(speed * np.arange(steps) + phase).reshape(-1, 1) / 0.4
    return Panel(np.column_stack([x, rng.normal(size=len(x))]), np.full(count, steps), np.zeros((count, 0)))


def test_of_smooth_paths_the_past_is_shaken_in_training_and_what_comes_next_is_not():
    panel, layout = smooth_panel(), Layout((Number("smooth"), Number("noisy")))
    generator = made(panel, layout)
    assert generator.smooth == [0]
    source = ChunkSource(panel)
    chunk = source.cut(panel.offsets[:-1], np.arange(60), np.zeros(60, dtype=bool), 24, generator.lookback)
    coded, rng = chunk.coded(layout), torch.Generator().manual_seed(0)
    shaken = generator.perturbed(coded, rng)
    moved = (shaken.x - coded.x) / generator.linear.stage(generator.lookback.order).spread
    assert (moved[:, :, 1] == 0).all()
    sizes = moved[:, :, 0].square().mean(1).sqrt()
    assert 0.7 < (sizes > 0).double().mean() < 0.9
    assert 0.05 < sizes[sizes > 0].min() < sizes.max() < 1.5
    row = generator.lookback.rows + 20
    past = coded.x.clone()
    past[:, :row] = shaken.x[:, :row]
    with torch.no_grad():
        generator.perturbed = lambda *_: replace(coded, x=past)
        clean = generator.eval()(chunk, None, rng)[0]
        learned = generator.train()(chunk, None, rng)[0]
        expected = generator.eval()(replace(chunk, values=past), None, rng)[0]
    torch.testing.assert_close(learned[:, 20:], expected[:, 20:], rtol=1e-4, atol=1e-4)
    assert (learned[:, 5:20, 0] != clean[:, 5:20, 0]).any()
    with torch.no_grad():
        generator.perturbed = lambda *_: shaken  # the row itself, too, whose true value is what counts
        whole_shaken = generator.train()(chunk, None, rng)[0]
    torch.testing.assert_close(whole_shaken[:, 20, 0], expected[:, 20, 0], rtol=1e-3, atol=1e-3)


def test_one_long_series_too():
    panel, layout = rich_panel(1, 60, stretches=True), rich_layout(stretches=True)
    generator = made(panel, layout)
    np.testing.assert_allclose(replayed(generator, panel, 0), whole(generator, panel, 0), rtol=2e-3, atol=2e-3)


def test_pieces_with_the_state_carried_are_one_pass(rich):
    panel, _, generator = rich
    number = int(panel.lengths.argmax())
    source, length = ChunkSource(panel), int(panel.lengths[number])
    state, parts = None, []
    for at in range(0, length, 7):
        start = panel.offsets[[number]] + at
        chunk = source.cut(start, np.array([number]), np.array([False]), 7, generator.lookback)
        with torch.no_grad():
            log_prob, state = generator(chunk, state)
        parts.append(log_prob[0].sum(1)[chunk.inside[0]])
    torch.testing.assert_close(torch.cat(parts), whole(generator, panel, number), rtol=1e-4, atol=1e-4)


def test_a_stretch_knows_nothing_of_the_rows_before_it():
    panel, layout = rich_panel(1, 60, stretches=True), rich_layout(stretches=True)
    generator = made(panel, layout)
    other = Panel(panel.values.copy(), panel.lengths, panel.statics, panel.covariates)
    other.values[:30, 0] += 5
    with torch.no_grad():
        one, two = (
            generator(ChunkSource(p).cut(np.array([30]), np.array([0]), np.array([True]), 10, generator.lookback))[0]
            for p in (panel, other)
        )
    assert torch.equal(one, two)


@pytest.fixture(scope="module")
def drawn(rich):
    """Return many rows drawn from the rich generator, with the outcomes that they stand for."""
    panel, layout, generator = rich
    rng = np.random.default_rng(1)
    statics = panel.statics[rng.integers(0, len(panel), 400)]
    covariates = rng.normal(size=(400, 15, 2)).astype(np.float32)
    return layout, free_run(generator, statics, covariates, torch.Generator().manual_seed(3)), statics, covariates


def test_drawn_cells_keep_to_their_description(drawn):
    layout, rows, _, _ = drawn
    x = rows.reshape(-1, rows.shape[2])
    grid = layout.cells[1].grid
    assert np.isin(np.round(x[:, 1], 10), np.round(grid, 10)).all()
    for j, cell in enumerate(layout.cells):
        own = x[~np.isnan(x[:, j]), j]
        assert cell.missing == bool(np.isnan(x[:, j]).any())
        if isinstance(cell, Category):
            assert set(own) <= set(range(cell.levels))
    np.testing.assert_array_equal(np.isnan(x[:, 4]), np.isnan(x[:, 5]))  # missing together
    assert (np.isin(x[:, 4], [0.0, 1.5]).mean()) > 0.2
    stays = (np.diff(rows[:, :, 1], axis=1) == 0).mean()
    assert 0.2 < stays < 0.8


def test_first_rows_start_where_many_did_and_later_ones_do_not_jump_there(drawn, rich):
    layout, rows, statics, covariates = drawn
    _, _, generator = rich
    line, starts = rows[:, :, 3], layout.cells[3].starts
    assert np.isin(line[:, 0], starts).mean() > 0.2
    panel = Panel.from_dense(rows, None, statics, covariates)
    chunk = ChunkSource(panel).cut(panel.offsets[:-1], np.arange(400), np.zeros(400, bool), 15, generator.lookback)
    outcome, own = chunk.coded(layout).outcome[:, -15:, 3], Outcomes.of(layout.cells[3])
    assert set(own.starts) <= set(outcome[:, 0].tolist())
    eager = copy.deepcopy(generator)  # one that would jump there on any row
    for table in (eager.outcomes(3).after, eager.outcomes(3).durations):
        if table is not None:
            table[..., list(own.starts)] = 5.0
    x = free_run(eager, statics, covariates, torch.Generator().manual_seed(3))[:, :, 3]
    straight = np.abs(x[:, 2:] - 2 * x[:, 1:-1] + x[:, :-2]) < 1e-6
    come = np.isin(x[:, 2:], starts) & (x[:, 2:] != x[:, 1:-1]) & ~straight
    assert not come.any()


def test_shares_of_drawn_outcomes_are_the_predicted_ones(drawn, rich):
    layout, rows, statics, covariates = drawn
    _, _, generator = rich
    panel = Panel.from_dense(rows, None, statics, covariates)
    source = ChunkSource(panel)
    chunk = source.cut(panel.offsets[:-1], np.arange(len(panel)), np.zeros(len(panel), bool), 15, generator.lookback)
    coded = chunk.coded(layout)
    assert Outcomes.of(layout.cells[4]).count == 4
    shares = np.bincount(coded.outcome[:, -15:, 4].flatten().numpy(), minlength=4) / rows[:, :, 4].size
    with torch.no_grad():
        log_prob = generator(chunk)[0]
    assert torch.isfinite(log_prob).all()
    # nothing that was drawn is what the model holds to be impossible
    assert float(log_prob[:, :, 2].min()) > -25
    assert (shares > 0.02).all()


def test_the_same_seed_gives_the_same_rows(rich, drawn):
    _, rows, statics, covariates = drawn
    _, _, generator = rich
    again = free_run(generator, statics, covariates, torch.Generator().manual_seed(3))
    np.testing.assert_array_equal(rows, again)
    other = free_run(generator, statics, covariates, torch.Generator().manual_seed(4))
    assert not np.array_equal(rows, other, equal_nan=True)


def test_taken_sequences_go_on_as_themselves(rich):
    panel, _, generator = rich
    one = Rollout(generator, torch.from_numpy(panel.statics[:4]), torch.Generator().manual_seed(0))
    covariates = torch.zeros((4, 2))
    first, _ = one.step(covariates)
    one.take(torch.tensor([2, 2, 0]))
    torch.testing.assert_close(one.x[0], one.x[1])
    known = torch.ones((3, first.shape[1]), dtype=torch.bool)
    values = torch.from_numpy(np.tile(panel.values[:1], (3, 1)))
    _, weight = one.step(covariates[:3], known, values)
    assert float(weight[0]) == pytest.approx(float(weight[1]), rel=1e-5)
    assert float(weight[0]) != pytest.approx(float(weight[2]), rel=1e-3)


def test_allowed_levels_hold_and_weigh_their_share():
    layout = Layout((Category("c", 4), Number("x")), stretches=True)
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.integers(0, 4, 500), rng.normal(size=500)]).astype(float)
    generator = made(Panel(values, np.array([500]), np.zeros((1, 0))), layout, jitter=0.0)
    rollout = Rollout(generator, torch.zeros((200, 0), dtype=torch.float64), torch.Generator().manual_seed(0))
    allowed = (torch.tensor([True, False, True, False]), None)
    rows, weight = rollout.step(torch.zeros((200, 0)), allowed=allowed)
    assert set(rows[:, 0].tolist()) == {0.0, 2.0}
    np.testing.assert_allclose(weight.exp().numpy(), 0.5, atol=0.07)


def test_a_generator_of_many_levels_has_no_channel_for_each():
    layout = Layout((Category("c", 3000), Number("x")), stretches=True)
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.integers(0, 3000, 900), rng.normal(size=900)]).astype(float)
    generator = made(Panel(values, np.array([900]), np.zeros((1, 0))), layout, jitter=0.0)
    assert generator.features.size < 30
    assert isinstance(generator, Generator)
    assert SMALL.mixture == generator.sizes.mixture


def test_an_atom_at_the_end_of_a_column_is_drawn_to_the_last_bit():
    rng = np.random.default_rng(0)
    low, high = -0.4794754758826765, 1 / 3  # of which float32 has neither
    x = rng.uniform(low, high, 600)
    x[rng.random(600) < 0.4] = low
    x[rng.random(600) < 0.2] = high
    layout = Layout((Number("x", low, high, atoms=(low, high)),))
    generator = made(Panel(x[:, None], np.full(50, 12), np.zeros((50, 0))), layout)
    drawn = free_run(generator, np.zeros((50, 0)), np.zeros((50, 12, 0), np.float32), torch.Generator().manual_seed(0))
    assert (drawn == low).mean() > 0.2
    assert (drawn == high).mean() > 0.1
    assert np.unique(drawn).min() == low
    near = np.minimum(abs(drawn - low), abs(drawn - high))
    assert not ((near > 0) & (near < 1e-6)).any()


def numbers_held(levels):
    """Return how many numbers a generator of one category holds, and the generator."""
    layout, rng = Layout((Category("word", levels),), stretches=True), np.random.default_rng(0)
    values = rng.integers(levels, size=(400, 1)).astype(float)
    generator = made(Panel(values, np.array([400]), np.zeros((1, 0))), layout)
    return sum(part.numel() for part in (*generator.parameters(), *generator.buffers())), generator


def test_a_wide_vocabulary_holds_nothing_that_is_square_in_it():
    few, many = numbers_held(500)[0], numbers_held(5000)[0]
    assert many < 10 * few
    assert many < 5000 * 200  # a table of which follows which would have 25 million


def test_rows_of_a_step_are_fewer_where_rows_have_many_outcomes():
    usual, wide = (numbers_held(levels)[1].heads for levels in (100, 5000))
    assert (usual.rows(4096), wide.rows(4096), wide.rows(4096, 4)) == (4096, 838, 3355)


def test_the_same_level_again_is_likelier_by_what_it_was():
    generator = numbers_held(500)[1]
    outcomes = generator.outcomes(0)
    old = torch.tensor([[3, 499]])
    found = outcomes(old, torch.zeros_like(old), torch.zeros_like(old, dtype=torch.bool))
    usual = outcomes.marginal.expand(1, 2, -1).clone()
    for t, level in enumerate((3, 499)):
        usual[0, t, level] = torch.logaddexp(outcomes.marginal[level], outcomes.after[0])
    torch.testing.assert_close(found, usual)
