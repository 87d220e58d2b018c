"""The first stage: what is held back, what is learned, how it ends."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich_panels import made, rich_layout, rich_panel

from tsgan.errors import TrainingError
from tsgan.layout import Layout, Number
from tsgan.model import likelihood
from tsgan.model.callbacks import History
from tsgan.model.chunks import ChunkSource, Lookback
from tsgan.model.likelihood import LikelihoodSettings, Split, Streams, fit_likelihood, follow, measure, refit
from tsgan.panel import Panel

LAYOUT = Layout((Number("x"),), stretches=True)
HOW = LikelihoodSettings(steps=100, batch=32, rate=5e-3)


def threshold(rows=4000, seed=0):
    """Return a series that no linear law foretells: it turns sign where it is large."""
    rng = np.random.default_rng(seed)
    x = np.zeros(rows)
    for t in range(1, rows):
        x[t] = (-0.9 if abs(x[t - 1]) > 1 else 0.9) * x[t - 1] + 0.3 * rng.normal()
    return Panel(x[:, None], np.array([rows]), np.zeros((1, 0)))


def start(panel=None, layout=LAYOUT, seed=0):
    panel = threshold() if panel is None else panel
    split = Split.of(ChunkSource(panel), np.arange(len(panel.values) - 15), 16, layout.stretches)
    return split, made(panel, layout, jitter=0.0, seed=seed)


def test_no_window_that_is_learned_from_holds_a_row_that_is_held_back():
    split, generator = start()
    streams = Streams(split, generator.lookback, 50, np.random.default_rng(0))
    for _ in range(30):
        chunk, goes_on = streams.next()
        rows = streams.at[:, None] + np.arange(16)
        assert not split.held[rows].any()
        assert chunk.inside.all()
    assert goes_on.any()
    assert split.held[split.held_starts[:, None] + np.arange(16)].all()
    assert 0.15 < split.held.mean() < 0.25


def test_a_stream_that_goes_on_has_the_rows_before_as_its_past():
    split, generator = start()
    streams = Streams(split, generator.lookback, 50, np.random.default_rng(0))
    before, _ = streams.next()
    at = streams.at.copy()
    chunk, goes_on = streams.next()
    on = goes_on.numpy()
    np.testing.assert_array_equal(streams.at[on], at[on] + 16)
    assert (chunk.age[on, 0] >= 0).all()
    assert (chunk.age[~on][:, generator.lookback.rows] == 0).all()
    assert before.values.shape == chunk.values.shape


def test_sequences_are_held_back_whole():
    panel, layout = rich_panel(), rich_layout()
    split = Split.of(ChunkSource(panel), np.zeros(0, np.int64), 8, stretches=False)
    owner = np.repeat(np.arange(len(panel)), panel.lengths)
    whole = np.bincount(owner, split.held) / panel.lengths
    assert set(whole) == {0.0, 1.0}
    generator = made(panel, layout, jitter=0.0)
    walks = split.walks(True, generator.lookback, np.random.default_rng(0))
    counted = sum(int(chunk.inside.sum()) for walk in walks for chunk in walk)
    assert counted == split.held.sum()


def test_few_sequences_are_held_back_by_time():
    panel = rich_panel(sequences=3, length=300)
    split = Split.of(ChunkSource(panel), np.zeros(0, np.int64), 8, stretches=False)
    generator = made(panel, rich_layout(), jitter=0.0)
    for held in (True, False):
        walks = split.walks(held, generator.lookback, np.random.default_rng(0))
        counted = sum(int(chunk.inside.sum()) for walk in walks for chunk in walk)
        assert 0 < counted < len(panel.values)
    assert split.possible


def split_of(lengths, size, stretches):
    lengths = np.array(lengths, dtype=np.int64)
    rows = int(lengths.sum())
    panel = Panel(np.arange(float(rows))[:, None], lengths, np.zeros((len(lengths), 0)))
    return Split.of(ChunkSource(panel), np.arange(max(rows - size + 1, 1)), size, stretches)


@given(lengths=st.lists(st.integers(1, 120), min_size=1, max_size=30), size=st.integers(1, 40))
def test_no_row_is_learned_from_and_measured_on(lengths, size):
    split = split_of(lengths, size, len(lengths) == 1)
    streams = Streams(split, Lookback(0), 8, np.random.default_rng(0)) if len(split.starts) else None
    learned, measured = set(), set()
    for _ in range(20 if streams else 0):
        chunk, _ = streams.next()
        learned |= set(chunk.values[:, 2:, 0][chunk.inside].tolist())
    for walk in split.walks(True, Lookback(0), np.random.default_rng(0)):
        for chunk in walk:
            measured |= set(chunk.values[:, 2:, 0][chunk.inside].tolist())
    assert not learned & measured


@pytest.mark.parametrize("lengths", [[400], [300, 50, 90], [9] * 50, list(range(3, 60))])
@pytest.mark.parametrize("size", [1, 5, 9])
def test_most_is_to_learn_on_and_some_to_measure_on(lengths, size):
    split = split_of(lengths, size, len(lengths) == 1)
    assert 0.08 < split.held.mean() < 0.3
    assert split.possible


def test_held_blocks_are_spread_over_a_long_series():
    split = split_of([1000], 10, True)
    assert split.held_starts.min() < 200
    assert split.held_starts.max() > 800


def test_a_series_too_short_holds_nothing_back():
    assert not split_of([12], 6, True).possible


@pytest.mark.slow
def test_what_is_not_linear_is_learned_and_the_best_is_kept():
    split, generator = start()
    history = History()
    best = fit_likelihood(generator, split, HOW, np.random.SeedSequence(0), history)
    held = [row["held_back"] for row in history.rows]
    assert best.step > 0
    assert best.value == max(held)
    assert best.value > held[0] + 0.2
    walks = split.walks(True, generator.lookback, np.random.default_rng(5))
    assert measure(generator, walks, 0) > held[0] + 0.2
    assert [row["stage"] for row in history.rows] == ["likelihood"] * len(held)


@pytest.mark.slow
def test_the_same_seed_teaches_the_same():
    weights = []
    for _ in range(2):
        torch.manual_seed(0)
        split, generator = start()
        with torch.random.fork_rng():
            torch.manual_seed(1)
            fit_likelihood(generator, split, replace(HOW, steps=50), np.random.SeedSequence(0), History())
        weights.append(torch.cat([part.flatten() for part in generator.parameters()]))
    assert torch.equal(*weights)


def test_linear_noise_keeps_the_closed_form_or_little_more():
    rng = np.random.default_rng(0)
    panel = Panel(rng.normal(size=(600, 1)), np.array([600]), np.zeros((1, 0)))
    split, generator = start(panel)
    history = History()
    best = fit_likelihood(generator, split, replace(HOW, steps=50), np.random.SeedSequence(0), history)
    assert best.value >= history.rows[0]["held_back"]
    if best.step == 0:
        assert not any(bool(part.any()) for part in (generator.chain.out, generator.first.out))


def test_a_deadline_that_has_passed_leaves_the_untrained_start():
    split, generator = start()
    best = fit_likelihood(
        generator, split, replace(HOW, deadline=time.monotonic()), np.random.SeedSequence(0), History()
    )
    assert (best.taken, best.step) == (0, 0)


def test_a_callback_ends_training():
    split, generator = start()
    history = History([lambda row: row["step"] >= 50])
    best = fit_likelihood(generator, split, replace(HOW, steps=500), np.random.SeedSequence(0), history)
    assert best.taken == 50


def test_an_interrupt_keeps_the_best_weights():
    split, generator = start()

    def stop(row):
        if row["step"] == 50:
            raise KeyboardInterrupt

    best = fit_likelihood(generator, split, replace(HOW, steps=500), np.random.SeedSequence(0), History([stop]))
    assert best.interrupted
    assert best.taken == 50


def test_training_that_diverges_goes_back_to_the_best_with_a_lower_rate():
    split, generator = start()
    how = replace(HOW, steps=300, rate=1e4, clip=0.0)
    best = fit_likelihood(generator, split, how, np.random.SeedSequence(0), History())
    assert math.isfinite(best.value)
    assert all(bool(part.isfinite().all()) for part in generator.parameters())


def test_where_nothing_is_gained_a_lower_rate_is_tried_once(monkeypatch):
    split, generator = start()
    rates, weights = [], []

    def step(self, rate):
        rates.append(rate)
        weights.append(self.generator.cell.core.weight_hh_l0[0, 0].item())
        with torch.no_grad():
            self.generator.cell.core.weight_hh_l0 += 0.1
        return 0.0

    monkeypatch.setattr(likelihood.Learner, "step", step)
    monkeypatch.setattr(likelihood, "measure", lambda *arguments: -1.0)
    best = fit_likelihood(generator, split, replace(HOW, steps=1000), np.random.SeedSequence(0), History())
    one = likelihood.PATIENCE * likelihood.CHECK
    assert (best.step, best.taken) == (0, 2 * one)
    assert max(rates[:one]) == HOW.rate
    assert rates[one:] == [pytest.approx(likelihood.LOWER_RATE * HOW.rate)] * one
    assert weights[one] == weights[0]  # from the best weights


def test_all_rows_are_learned_from_gently(monkeypatch):
    split, generator = start()
    rates = []
    monkeypatch.setattr(likelihood.Learner, "step", lambda self, rate: rates.append(rate) or 0.0)
    refit(generator, split, HOW, likelihood.Best(0.0, {}, 200, 0.0), np.random.SeedSequence(0))
    assert len(rates) == 200 * likelihood.REFIT_STEPS
    assert rates[0] < max(rates) == pytest.approx(0.3 * HOW.rate)


def test_rows_without_a_likelihood_are_refused_by_the_name_of_their_column():
    panel = threshold(600)
    split, generator = start(panel)
    panel.values[split.held_starts[0]] = 1e300
    with pytest.raises(
        TrainingError, match=r"column 'x' has rows without a finite likelihood before training.*exclude="
    ):
        fit_likelihood(generator, split, HOW, np.random.SeedSequence(0), History())


def test_polishing_that_is_interrupted_leaves_the_generator_as_it_was(monkeypatch):
    split, generator = start()
    best = fit_likelihood(generator, split, replace(HOW, steps=50), np.random.SeedSequence(0), History())
    before = [part.clone() for part in generator.parameters()]
    taken = []

    def stop(*given):
        taken.append(given)
        if len(taken) == 5:
            raise KeyboardInterrupt
        return follow(*given)

    monkeypatch.setattr(likelihood, "follow", stop)
    with pytest.raises(KeyboardInterrupt):
        refit(generator, split, HOW, replace(best, step=50), np.random.SeedSequence(1))
    assert all(torch.equal(one, two) for one, two in zip(before, generator.parameters(), strict=True))
    assert not generator.training


@pytest.mark.slow
def test_the_rows_that_were_held_back_are_learned_at_last():
    split, generator = start()
    best = fit_likelihood(generator, split, HOW, np.random.SeedSequence(0), History())
    walks = split.walks(True, generator.lookback, np.random.default_rng(5))
    before = measure(generator, walks, 0)
    refit(generator, split, HOW, best, np.random.SeedSequence(1))
    assert measure(generator, walks, 0) > before
    assert not split.whole().held.any()
    assert likelihood.REFIT_STEPS < 1
