"""The closed form: what it finds in processes that are known."""

import numpy as np
import pytest
import torch

from tsgan.layout import Category, Layout, Number
from tsgan.model.base import FINE_RIDGE, fit_base, fit_mixture
from tsgan.model.chunks import Chunk, ChunkSource, Lookback
from tsgan.model.generator import Generator, Sizes
from tsgan.model.likelihood import Split
from tsgan.model.regression import Linear, Moments, Regressions, Vector
from tsgan.panel import Panel

A = np.array([[0.7, 0.2], [-0.1, 0.5]])
NOISE = np.array([[1.0, 0.0], [0.6, 0.5]])


def process(rows, seed=0):
    rng = np.random.default_rng(seed)
    x = np.zeros((rows + 100, 2))
    e = rng.normal(size=x.shape) @ NOISE.T
    for t in range(1, len(x)):
        x[t] = A @ x[t - 1] + e[t]
    return x[100:]


def panel_of(values):
    return Panel(values, np.array([len(values)]), np.zeros((1, 0)))


def fitted(values, layout, components=3, periods=()):
    source = ChunkSource(panel_of(values))
    base = fit_base(layout, lambda seen: source.sweep(64, seen, 24), components, np.random.default_rng(0), periods)
    return source, base


def looked_at(layout, base, chunk):
    law = Linear(layout, base.lookback, base.regressions)
    return law(law.vector.rows(chunk.coded(layout), chunk, chunk.steps), chunk.own_age)


def residuals(source, layout, base, rows):
    chunk = source.cut(np.array([10]), np.array([0]), np.array([False]), rows, base.lookback)
    return chunk, looked_at(layout, base, chunk)


LAYOUT = Layout((Number("a"), Number("b")), stretches=True)


def test_residuals_are_those_of_the_true_process():
    values = process(20_000)
    source, base = fitted(values, LAYOUT)
    chunk, told = residuals(source, LAYOUT, base, 2000)
    x = values[9 : 10 + 2000]
    innovation = x[1:] - x[:-1] @ A.T
    expected = np.linalg.solve(NOISE, innovation.T).T  # triangular: b's residual given a's
    np.testing.assert_allclose(told.e[0].numpy(), expected, atol=0.06)
    np.testing.assert_allclose(told.spread[0, 0].numpy(), [1.0, 0.5], rtol=0.03)
    assert base.lookback.order == 1
    assert chunk.inside.all()


def test_first_rows_have_the_law_of_one_row():
    values = process(20_000)
    source, base = fitted(values, LAYOUT)
    chunk = source.cut(np.array([50]), np.array([0]), np.array([True]), 5, base.lookback)
    told = looked_at(LAYOUT, base, chunk)
    cov = np.cov(values.T)
    expected = np.linalg.solve(np.linalg.cholesky(cov), values[50] - values.mean(0))
    np.testing.assert_allclose(told.e[0, 0].numpy(), expected, atol=0.02)


def test_a_longer_memory_is_chosen_where_it_foretells():
    rng = np.random.default_rng(0)
    x = np.zeros(8000)
    for t in range(3, len(x)):
        x[t] = 0.2 * x[t - 1] + 0.6 * x[t - 3] + rng.normal()
    _, base = fitted(x[:, None], Layout((Number("x"),), stretches=True))
    assert base.lookback.order == 3


def test_moments_of_pieces_add_up():
    rows = np.random.default_rng(0).normal(size=(100, 4))
    whole, one, two = (Moments.none(4) for _ in range(3))
    whole.add(rows)
    one.add(rows[:37])
    two.add(rows[37:])
    both = one + two
    np.testing.assert_allclose(both.squares, whole.squares)
    np.testing.assert_allclose(both.about(rows.mean(0)), np.cov(rows.T, bias=True))


def test_outcomes_follow_one_another_as_observed():
    rng = np.random.default_rng(0)
    stay = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.0, 0.5, 0.5]])
    state = [0]
    for _ in range(20_000):
        state.append(rng.choice(3, p=stay[state[-1]]))
    _, base = fitted(np.array(state, dtype=float)[:, None], Layout((Category("c", 3),), stretches=True))
    np.testing.assert_allclose(np.exp(base.shares[0].after), stay, atol=0.02)


def test_a_number_explained_by_a_level_is_predicted_from_it():
    rng = np.random.default_rng(0)
    level = rng.integers(0, 3, 5000).astype(float)
    x = np.array([-1.0, 0.0, 2.0])[level.astype(int)] + 0.1 * rng.normal(size=5000)
    layout = Layout((Category("c", 3), Number("x")), stretches=True)
    source, base = fitted(np.column_stack([level, x]), layout)
    _, told = residuals(source, layout, base, 500)
    assert float(told.spread[0, 0, 0]) == pytest.approx(0.1, rel=0.05)


def test_mixtures_find_two_bumps():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(-3, 0.5, 4000), rng.normal(3, 0.5, 6000)])
    weight, mean, sigma = fit_mixture(x, 2, rng)
    share = np.exp(weight) / np.exp(weight).sum()
    order = np.argsort(mean)
    np.testing.assert_allclose(mean[order], [-3, 3], atol=0.1)
    np.testing.assert_allclose(share[order], [0.4, 0.6], atol=0.02)
    np.testing.assert_allclose(np.exp(sigma), [0.5, 0.5], atol=0.05)


def test_the_untrained_generator_is_the_closed_form():
    values = process(6000)
    source, base = fitted(values, LAYOUT)
    generator = Generator(LAYOUT, base, Sizes(hidden=8, units=16, mixture=3)).eval()
    chunk = source.cut(np.array([100]), np.array([0]), np.array([False]), 500, generator.lookback)
    with torch.no_grad():
        got = float(generator(chunk)[0].sum())
    x = values[99:600]
    e = np.linalg.solve(NOISE, (x[1:] - x[:-1] @ A.T).T)
    want = (-0.5 * e**2).sum() - 500 * (np.log(2 * np.pi) + np.log(0.5))
    assert got / 500 == pytest.approx(want / 500, abs=0.03)


def test_wide_tables_of_few_rows_are_held_back_by_the_ridge():
    rng = np.random.default_rng(0)
    layout = Layout(tuple(Number(f"x{i}") for i in range(60)), stretches=True)
    _, base = fitted(rng.normal(size=(80, 60)), layout)
    assert base.regressions[1].ridge >= 0.1
    assert (base.regressions[1].spread < 3).all()


def arcs(count=400, steps=24, seed=0):
    """Return a panel of sine waves, each of its own frequency and phase."""
    rng = np.random.default_rng(seed)
    speed, phase = rng.uniform(0, 0.1, (2, count, 1))
    x = np.sin(speed * np.arange(steps) + phase).reshape(-1, 1) / 0.4
    return Panel(x, np.full(count, steps), np.zeros((count, 0)))


def test_smooth_paths_are_foretold_by_a_fine_ridge_and_noise_is_not():
    source = ChunkSource(arcs())
    layout = Layout((Number("a"),))
    base = fit_base(layout, lambda seen: source.sweep(24, seen, 24), 3, np.random.default_rng(0))
    assert base.regressions[-1].ridge == FINE_RIDGE
    assert base.regressions[-1].spread[0] < 0.05 * base.jumps[0]
    assert Generator(layout, base, Sizes(hidden=4, units=4, mixture=3)).smooth == [0]
    _, rough = fitted(process(3000), LAYOUT)
    assert FINE_RIDGE not in [one.ridge for one in rough.regressions]
    steps, noise = np.zeros((6000, 2)), np.random.default_rng(0).normal(size=(6000, 2))
    for t in range(1, len(steps)):
        steps[t] = 0.5 * steps[t - 1] + noise[t]
    slow = np.cumsum(steps, 0)
    slow = (slow - slow.mean(0)) / slow.std(0)
    assert FINE_RIDGE not in [
        one.ridge for one in fitted(slow, LAYOUT)[1].regressions
    ]  # where it is better, but by a little
    assert Generator(LAYOUT, rough, Sizes(hidden=4, units=4, mixture=3)).smooth == []


def test_vectors_of_less_reach_are_parts_of_longer_ones():
    values = torch.from_numpy(process(50))[None]
    empty = torch.zeros((1, 40, 0)), torch.zeros((1, 0), dtype=torch.float64), torch.ones((1, 40), dtype=torch.bool)
    chunk = Chunk(values, torch.arange(50)[None], *empty)

    def vector(*lookback):
        found = Vector(LAYOUT, Lookback(*lookback))
        rows = found.rows(chunk.coded(LAYOUT), chunk, 40)
        return found, torch.cat([rows.outer, rows.change], 2)

    whole, v = vector(3, (5, 7))
    for part in ((1,), (3, (7,)), (2, (5,)), (1, (5, 7))):
        found, expected = vector(*part)
        keep, targets = whole.places(Lookback(*part), whole.lookback.last)
        torch.testing.assert_close(v[:, :, keep], expected)
        np.testing.assert_array_equal(targets, found.targets(found.lookback.last))


def test_a_season_is_seen_where_it_foretells_and_nowhere_else():
    rng = np.random.default_rng(0)
    x = rng.normal(size=4000)
    for t in range(12, len(x)):
        x[t] = 0.8 * x[t - 12] + 0.6 * rng.normal()
    layout = Layout((Number("x"),), stretches=True)
    source, base = fitted(x[:, None], layout, periods=(24, 12, 9))
    assert base.lookback == Lookback(1, (12,))
    _, told = residuals(source, layout, base, 2000)
    assert float(base.regressions[2].spread[0]) == pytest.approx(0.6, rel=0.05)
    np.testing.assert_allclose(told.e[0, 10:, 0] * told.spread[0, 10:, 0], x[20:2010] - 0.8 * x[8:1998], atol=0.15)
    assert fitted(rng.normal(size=(4000, 1)), layout, periods=(24, 12, 9))[1].lookback.seasons == ()


def test_held_back_blocks_are_the_same_for_base_and_network():
    source = ChunkSource(panel_of(process(600)))
    split = Split.of(source, np.arange(600 - 23), 24, stretches=True)
    held = [rows[chunk.inside] for chunk, rows in source.sweep(64, Lookback(1), 24)]
    assert torch.cat(held).sum() == split.held.sum()


def test_what_hardly_varies_about_its_mean_is_regressed_on_without_noise():
    rng, moments = np.random.default_rng(0), Moments.none(3)
    moments.add(np.array([100.0, 0.1, 0.0]) + np.array([1e-6, 1e-9, 1.0]) * rng.normal(size=(3, 1)))
    for ridge in (0.0, 1e-6):
        found, _ = Regressions.fit(moments, Moments.none(3), np.array([2]), ridge)
        assert np.isfinite(found.weights).all()


def test_where_no_cell_is_a_number_nothing_is_regressed(monkeypatch):
    rng, layout = np.random.default_rng(0), Layout(tuple(Category(f"p{j}", 2) for j in range(300)), stretches=True)
    monkeypatch.setattr(Moments, "none", lambda size: pytest.fail("moments are square in the columns"))
    _, base = fitted(rng.integers(2, size=(200, 300)).astype(float), layout)
    assert [one.weights.shape[0] for one in base.regressions] == [0, 0]
    assert (base.lookback.order, base.bias.shape, base.jumps.shape) == (1, (2, 0, 3, 3), (0,))
    assert np.exp(base.shares[0].marginal).sum() == pytest.approx(1.0)
