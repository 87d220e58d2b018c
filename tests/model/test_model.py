"""The model of a panel: statics and steps, drawn, scored, saved."""

import math
from dataclasses import replace

import numpy as np
import pytest
from rich_panels import rich_layout, rich_panel
from through_json import through_json

from tsgan.layout import Category, Layout, Number
from tsgan.model import likelihood
from tsgan.model.callbacks import History
from tsgan.model.likelihood import LikelihoodSettings
from tsgan.model.model import Model, Options
from tsgan.panel import Given, Panel


def learned(panel, layout, steps=0, callbacks=(), **options):
    seed, options = np.random.SeedSequence(0), Options(first=LikelihoodSettings(steps=steps), **options)
    return Model.learn(panel, layout, 8, np.zeros(0, np.int64), options, seed, History(callbacks))


@pytest.fixture(scope="module")
def model():
    """Return a closed form of the rich panel, whose statics depend on one another."""
    panel = rich_panel(300)
    panel.statics[:, 1] += 3 * panel.statics[:, 0]
    return panel, learned(panel, rich_layout(), steps=0)


def test_statics_are_drawn_with_what_they_owe_one_another(model):
    panel, made = model
    drawn = made.draw_statics(4000, np.random.default_rng(0))
    for level in (0, 1):
        real, own = (s[s[:, 0] == level, 1] for s in (panel.statics, drawn))
        assert own.mean() == pytest.approx(real.mean(), abs=0.3)
    assert drawn[:, 0].mean() == pytest.approx(panel.statics[:, 0].mean(), abs=0.04)


def test_a_known_static_shapes_the_others(model):
    panel, made = model
    known = np.full((2000, 2), np.nan)
    known[:1000, 1] = 3.5
    drawn = made.draw_statics_given(known, (), np.random.default_rng(0))
    assert (drawn[:1000, 1] == 3.5).all()
    assert drawn[:1000, 0].mean() > 0.9
    assert 0.3 < drawn[1000:, 0].mean() < 0.7
    assert panel.statics[:, 0].mean() < 0.7


def test_allowed_statics_hold_row_by_row(model):
    _, made = model
    allowed = np.array([[True, False]] * 50 + [[False, True]] * 50 + [[True, True]] * 50)
    drawn = made.draw_statics_given(np.full((150, 2), np.nan), (allowed, None), np.random.default_rng(0))
    assert (drawn[:50, 0] == 0).all()
    assert (drawn[50:100, 0] == 1).all()
    assert set(drawn[100:, 0]) == {0.0, 1.0}


def test_the_score_is_the_same_in_any_company(model):
    panel, made = model
    scores = made.score(panel)
    assert scores.shape == panel.values.shape
    assert np.isfinite(scores).all()
    one = Panel(
        *(
            part[: panel.lengths[0]] if i != 1 else part[:1]
            for i, part in enumerate((panel.values, panel.lengths, panel.statics[:1], panel.covariates))
        )
    )
    np.testing.assert_allclose(made.score(one), scores[: panel.lengths[0]], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_model_comes_back_from_its_arrays(model):
    panel = model[0]
    made = learned(panel, rich_layout(), steps=50, hidden=8, units=16)
    again = Model.of(through_json(made.networks()), rich_layout())
    given = Given(panel.statics[:20], np.zeros((20, 6, 2), np.float32))
    (one,), (two,) = (m.draw((given, np.random.default_rng(1))) for m in (made, again))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda jumps: jumps[:1],
            r"model.steps: numbers.jumps must be float64 of shape \(\d,\), not float64 of \(1,\)",
        ),
        (lambda jumps: jumps[:, None], r"model.steps: numbers.jumps must be float64 of shape \(\d,\), not"),
        (np.float32, r"model.steps: numbers.jumps must be float64 of shape \(\d,\), not float32"),
        (lambda jumps: jumps * np.nan, "model.steps: numbers.jumps must be finite"),
        (None, "model.steps: numbers.jumps is missing"),
    ],
)
def test_tensors_of_another_network_are_refused(change, text, model):
    networks = model[1].networks()
    numbers = networks["steps"].numbers
    jumps = numbers.pop("jumps")
    if change is not None:
        numbers["jumps"] = change(jumps)
    with pytest.raises(ValueError, match=text):
        Model.of(networks, rich_layout())


@pytest.mark.parametrize("size", ["hidden", "layers", "units", "mixture"])
def test_sizes_beyond_all_tensors_are_refused_before_anything_is_built(size, model):
    networks = model[1].networks()
    sizes = replace(networks["steps"].sizes, **{size: 10**6})
    networks["steps"] = replace(networks["steps"], sizes=sizes)
    with pytest.raises(ValueError, match=rf"model.steps: sizes.{size}=1000000, and no tensor has more than \d+"):
        Model.of(networks, rich_layout())


def test_networks_are_there_where_cells_are(model):
    with pytest.raises(ValueError, match=r"model.steps: \d cells need a network"):
        Model.of(model[1].networks() | {"steps": None}, rich_layout())
    with pytest.raises(ValueError, match=r"model.steps: 0 cells need no network"):
        Model.of(model[1].networks(), Layout(()))


def test_a_panel_without_cells_or_statics_is_drawn_empty():
    panel = Panel(np.zeros((12, 0)), np.array([6, 6]), np.zeros((2, 0)))
    made = learned(panel, Layout(()))
    given = Given(np.zeros((3, 0)), np.zeros((3, 4, 0), np.float32))
    assert made.draw((given, np.random.default_rng(0)))[0].shape == (3, 4, 0)
    assert made.draw_statics(3, np.random.default_rng(0)).shape == (3, 0)


def test_sizes_follow_the_rows_and_what_is_asked():
    assert Options().sizes(500).hidden < Options().sizes(50_000).hidden
    assert Options(hidden=7, units=9).sizes(500).units == 9
    assert Options(first=LikelihoodSettings(steps=0)).sizes(50_000).hidden == 1


def test_nothing_is_finished_where_nothing_was_learned():
    """White noise of unit variance: the closed form is the truth."""
    panel = Panel(np.random.default_rng(0).normal(size=(2400, 2)), np.full(100, 24), np.zeros((100, 0)))
    made = learned(panel, Layout((Number("a"), Number("b"))), steps=120, hidden=8, units=8)
    assert made.training.first.step == 0
    assert made.training.first.taken >= 100
    assert made.training.second is None


def test_statics_alone_are_a_model():
    rng = np.random.default_rng(0)
    statics = np.column_stack([rng.normal(size=200), rng.integers(0, 3, 200)]).astype(float)
    panel = Panel(np.zeros((200, 0)), np.ones(200, np.int64), statics)
    made = learned(panel, Layout((), (Number("a"), Category("b", 3))), steps=0)
    assert made.draw_statics(5, rng).shape == (5, 2)


def test_an_interrupt_while_statics_are_taught_keeps_the_closed_form(monkeypatch):
    panel, taken = rich_panel(300), []

    def stop(*given):
        taken.append(given)
        raise KeyboardInterrupt

    monkeypatch.setattr(likelihood, "follow", stop)
    made = learned(panel, rich_layout(), steps=50)
    assert len(taken) == 1  # and the steps are not taught
    assert made.training.interrupted
    assert made.steps.sizes.hidden == 1


def test_windows_of_a_step_make_as_many_rows_whatever_their_length():
    assert [Options().windows(window) for window in (1, 24, 32, 64, 128, 256, 4096)] == [128, 128, 128, 64, 32, 16, 16]
    assert Options(batch=5).teaching(300, math.inf).batch == 5
