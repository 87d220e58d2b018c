"""Spells: their length is told where it says what comes, the same row by row as in one pass."""

import numpy as np
import pytest
import torch
from rich_panels import made

from tsgan.layout import Category, Layout, Number
from tsgan.model.base import fit_base
from tsgan.model.chunks import ChunkSource
from tsgan.model.likelihood import measure
from tsgan.model.rollout import free_run
from tsgan.model.spells import MAX_DURATIONS, MAX_OUTCOMES, SpellCounts, durations, next_durations, spell_cells
from tsgan.panel import Panel


def states(rows, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(np.repeat(rng.integers(0, 2, (3, rows, 2)), rng.integers(1, 9, rows), axis=1)[:, :rows])


@pytest.mark.parametrize("stretches", [True, False])
@pytest.mark.parametrize("begin", [0, 10, 50])
def test_row_by_row_is_as_one_pass(stretches, begin):
    """A stretch that begins somewhere in the chunk; what stands before it does not count."""
    longest, state = 6, states(60)
    age = (torch.arange(60) - begin).clamp_min(-1).expand(3, -1)
    found = durations(state, age, longest, stretches)
    now = torch.zeros_like(state[:, 0])
    for t in range(begin, 60):
        same = state[:, t] == state[:, t - 1] if t else torch.zeros_like(now, dtype=torch.bool)
        now = next_durations(now, same, t - begin, longest, stretches)
        if t > longest:
            assert torch.equal(found[:, t], now), t


def test_nobody_knows_how_long_the_first_spell_of_a_stretch_has_lasted():
    state = torch.tensor([[0] * 5 + [1] * 4 + [0] * 20])[:, :, None]
    age = torch.arange(29)[None]
    assert durations(state, age, 4, True)[0, :, 0].tolist()[:11] == [0, 0, 0, 0, 0, 1, 2, 3, 4, 1, 2]
    assert durations(state, age, 4, False)[0, :, 0].tolist()[:11] == [1, 2, 3, 4, 4, 1, 2, 3, 4, 1, 2]
    never = durations(torch.zeros((1, 20, 1), dtype=torch.int64), torch.arange(20)[None], 4, True)
    assert never[0, :, 0].tolist() == [0] * 6 + [4] * 14


def test_only_cells_with_few_outcomes_are_told():
    assert spell_cells(
        (Number("x"), Category("c", MAX_OUTCOMES), Category("d", MAX_OUTCOMES + 1), Number("y", stays=True))
    ) == [1, 3]


def repeated(rows=6000, every=6, seed=0):
    """Return a walk of which only every sixth row is measured, the others repeat it."""
    rng = np.random.default_rng(seed)
    x = np.repeat(np.cumsum(rng.normal(size=rows // every + 1)), every)[:rows]
    return Panel((x / x.std())[:, None], np.array([rows]), np.zeros((1, 0)))


LAYOUT = Layout((Number("x", stays=True),), stretches=True)


def test_a_value_that_is_repeated_six_times_changes_every_six_rows():
    generator = made(repeated(), LAYOUT, jitter=0.0)
    assert generator.lookback.spells == MAX_DURATIONS[0]
    drawn = free_run(generator, np.zeros((40, 0)), np.zeros((40, 80, 0), np.float32), torch.Generator().manual_seed(0))
    gaps = np.concatenate([np.diff(np.flatnonzero(np.diff(x)))[1:] for x in drawn[:, :, 0]])
    assert (gaps == 6).mean() > 0.97


def test_states_of_a_sequence_know_when_they_began():
    """A machine that runs for 10 rows and rests for 3, from its first row on."""
    cycle = np.tile(np.repeat([0.0, 1.0], [10, 3]), 4)[:40]
    values = np.tile(cycle, 30)[:, None]
    generator = made(Panel(values, np.full(30, 40), np.zeros((30, 0))), Layout((Category("on", 2),)), jitter=0.0)
    drawn = free_run(generator, np.zeros((50, 0)), np.zeros((50, 40, 0), np.float32), torch.Generator().manual_seed(0))
    assert (drawn[:, :, 0] == cycle).mean() > 0.8


def test_none_are_told_where_states_have_no_memory():
    rng = np.random.default_rng(0)
    chain = [0]
    for _ in range(5999):
        chain.append(chain[-1] if rng.random() < 0.8 else int(rng.integers(0, 3)))
    source = ChunkSource(Panel(np.array(chain, float)[:, None], np.array([6000]), np.zeros((1, 0))))
    layout = Layout((Category("c", 3),), stretches=True)
    base = fit_base(layout, lambda seen: source.sweep(64, seen, 24), 2, np.random.default_rng(0))
    assert base.lookback.spells == 0
    assert base.shares[0].durations is None


def test_without_rows_held_back_none_are_told():
    spells = SpellCounts(LAYOUT.cells)
    assert spells.learn([np.log(np.full((2, 2), 0.5))]) == (0, {})


def test_shares_lie_between_those_of_the_spell_and_those_of_the_state():
    spells = SpellCounts(LAYOUT.cells)
    old, now = torch.ones((400, 1), dtype=torch.int64), torch.ones((400, 1), dtype=torch.int64)
    length = torch.arange(400)[:, None] % 4 + 1
    now[length[:, 0] == 4] = 0
    spells.add(old, length, now, torch.arange(400) % 5 == 2)
    longest, tables = spells.learn([np.log(np.array([[0.5, 0.5], [0.25, 0.75]]))])
    share = np.exp(tables[0])
    assert longest == MAX_DURATIONS[0]
    np.testing.assert_allclose(share.sum(2), 1)
    np.testing.assert_allclose(share[:, 0], [[0.5, 0.5], [0.25, 0.75]])  # nobody knows
    assert share[1, 3, 1] == pytest.approx((100 + 4 * 0.75) / 104)
    assert share[1, 4, 0] == pytest.approx((100 + 4 * 0.25) / 104)
    assert share[1, 8].tolist() == pytest.approx([0.25, 0.75])  # none was so long


def test_held_back_rows_gain():
    panel = repeated()
    with_spells, without = made(panel, LAYOUT, jitter=0.0), made(panel, LAYOUT, jitter=0.0)
    without.outcomes(0).durations = None
    source = ChunkSource(panel)
    chunk = source.cut(np.array([3000]), np.array([0]), np.array([False]), 600, with_spells.lookback)
    assert measure(with_spells, [[chunk]], 0) > measure(without, [[chunk]], 0) + 0.3
