"""What outcomes owe to their context: found where it is there, nothing where it is not."""

import numpy as np
import pytest
import torch

from tsgan.layout import Category, Layout, Number
from tsgan.model.base import fit_base
from tsgan.model.chunks import ChunkSource, Lookback
from tsgan.model.context import MAX_CONTEXT, MAX_OUTCOMES, Context, ContextRows, fit_context
from tsgan.model.generator import Generator, Sizes
from tsgan.model.regression import Vector
from tsgan.panel import Panel

ROWS = 6000


def context_of(layout):
    return Vector(layout, Lookback(0)).context


def sample(seed=0, weight=2.0, rows=ROWS):
    """Return rows of two categories after a covariate: the first follows it, the second the first."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=rows)
    one = (rng.random(rows) < 1 / (1 + np.exp(-weight * z))).astype(np.int64)
    two = np.where(rng.random(rows) < 0.8, one, rng.integers(0, 3, rows))
    return z, one, two


LAYOUT = Layout((Category("one", 2), Category("two", 3), Number("x")), covariates=1, stretches=True)


def looked_at(z, one, two):
    u = np.column_stack([z, np.eye(2)[one], np.eye(3)[two]])
    now = np.column_stack([one, two, np.zeros(len(z), dtype=np.int64)])
    return ContextRows(u, now, np.zeros_like(now), np.zeros_like(now), np.arange(len(z)) % 5 == 2)


def shares(lift, logs, u, side=1):
    return np.exp(torch.log_softmax(torch.from_numpy(logs + u @ lift.weights[side] + lift.offset[side]), -1).numpy())


def test_a_level_follows_a_covariate():
    z, one, two = sample()
    context, rows = context_of(LAYOUT), looked_at(z, one, two)
    flat = np.log(np.full((2, 2), 0.5))
    lift = fit_context(context, 0, 2, (None, rows), (flat[0], flat[:, None]))
    u = np.array([[at, 0, 0, 0, 0, 0] for at in (-2.0, 0.0, 1.0)])
    np.testing.assert_allclose(shares(lift, flat[0], u)[:, 1], 1 / (1 + np.exp([4.0, 0.0, -2.0])), atol=0.03)
    assert not lift.weights[0].any()
    assert not lift.weights[1][1:].any(), "a cell may not see itself or what comes after it"


def test_a_level_follows_another_of_its_row():
    z, one, two = sample()
    flat = np.log(np.full((3, 3), 1 / 3))
    lift = fit_context(context_of(LAYOUT), 1, 3, (looked_at(z, one, two), None), (flat[0], flat[:, None]))
    told = shares(lift, flat[0], np.array([[0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]], dtype=float), side=0)
    np.testing.assert_allclose(told, [[0.867, 0.067, 0.067], [0.067, 0.867, 0.067]], atol=0.03)


def test_chance_adds_nothing():
    z, one, two = sample(weight=0.0, rows=600)
    flat = np.log(np.full((2, 2), 0.5))
    lift = fit_context(context_of(LAYOUT), 0, 2, (looked_at(z, one, two),) * 2, (flat[0], flat[:, None]))
    assert np.abs(lift.weights).max() < 0.15


def test_an_outcome_of_few_rows_gets_no_regression():
    z, one, two = sample(rows=200)
    one = (np.arange(200) < 6).astype(np.int64)
    flat = np.log(np.full((2, 2), 0.5))
    lift = fit_context(context_of(LAYOUT), 0, 2, (looked_at(z, one, two),) * 2, (flat[0], flat[:, None]))
    assert not lift.weights.any()
    assert not lift.offset.any()


@pytest.mark.parametrize("known", [1, MAX_CONTEXT + 5])
def test_what_is_too_wide_is_cut(known):
    context = Context(LAYOUT, Vector(LAYOUT, Lookback(0)).terms.at, known)
    assert context.size == (6 if known == 1 else MAX_CONTEXT)
    terms, none = Vector(LAYOUT, Lookback(0)).terms.size, torch.zeros((4, 3), dtype=torch.int64)
    assert context(torch.zeros((4, known)), torch.zeros((4, terms)), none, none).shape == (4, context.size)


def test_what_numbers_do_and_did_is_known():
    layout = Layout((Number("x", stays=True), Category("c", 2), Number("y", missing=True)), stretches=True)
    context = context_of(layout)
    assert context.owner.tolist() == [1, 1, 0, 2, -1, -1]
    now, old = torch.tensor([[1, 0, 0], [0, 1, 1]]), torch.tensor([[0, 0, 1], [1, 0, 0]])
    u = context(torch.zeros((2, 0)), torch.zeros((2, 5)), now, old)
    assert u[:, 2:].tolist() == [[1, 0, 0, 1], [0, 1, 1, 0]]


def test_where_a_row_stands_is_left_out():
    layout = Layout((Category("one", 2),), (Category("sex", 2),), covariates=6, places=4)
    assert context_of(layout).known.tolist() == [0, 1, 6, 7]


def test_only_cells_with_few_outcomes_have_one():
    layout = Layout((Category("one", 2), Category("many", 5000)), stretches=True)
    context = context_of(layout)
    assert context.cells_with([2, MAX_OUTCOMES + 1]) == []
    assert context.cells_with([2, 3]) == [1]
    assert context.rows([2, 3]) == 12_000


def test_a_generator_draws_what_the_context_says():
    z, one, two = sample(rows=3000)
    panel = Panel(
        np.column_stack([one, two, z]).astype(float), np.array([3000]), np.zeros((1, 0)), z[:, None].astype(np.float32)
    )
    source = ChunkSource(panel)
    base = fit_base(LAYOUT, lambda seen: source.sweep(64, seen, 24), 2, np.random.default_rng(0))
    assert [one.context is not None for one in base.shares] == [True, True, False]
    generator = Generator(LAYOUT, base, Sizes(hidden=4, units=8, mixture=2))
    u = torch.zeros((2, 6))
    u[:, 0] = torch.tensor([-2.0, 2.0])
    none = torch.zeros(2, dtype=torch.int64)
    for start in (True, False):
        begins = torch.full((2,), start)
        logits = (
            generator.outcomes(0)(none, none, begins)
            + generator.context_logits([0], torch.nonzero(begins, as_tuple=True), u)[:, 0]
        )
        assert torch.softmax(logits, 1)[:, 1].tolist() == pytest.approx([0.018, 0.982], abs=0.02)
