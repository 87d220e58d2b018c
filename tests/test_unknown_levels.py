"""Categories of a step: tied to one another and to the numbers, and not to whether a level is known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtri
from tsgan.laws.categories import Categories, levels_of
from tsgan.laws.process import LinearGaussianProcess

from tsgan.encoding.windows import cut
from tsgan.layout import Block, Layout, to_channels, to_latents
from tsgan.panel import Given, Panel

KIND = Block("kind", "softmax", 3, tuple(ndtri([0.5, 0.8])))
GONE = Block("kind is missing", "softmax", 2, tuple(ndtri([0.7])))
X = Block("x", "continuous", 1)
LAYOUT = Layout((X, KIND, GONE))


def _panel(sequences=60, steps=50, hidden=True):
    """Return sticky levels that follow a number, and a mask with no regard to them; masked levels are unknown."""
    rng = np.random.default_rng(0)
    rows = sequences * steps
    x, states = rng.normal(size=(sequences, steps)), np.empty((sequences, steps), dtype=int)
    for at in range(steps):
        scores = x[:, at, None] * [1.0, 0.0, -1.0] + rng.gumbel(size=(sequences, 3))
        if at:
            scores += 1.5 * np.eye(3)[states[:, at - 1]]
        states[:, at] = scores.argmax(axis=1)
    x, level = x.reshape(rows, 1), states.ravel()
    gone = (rng.random(rows) < 0.3).astype(int)
    code = np.eye(3)[level]
    if hidden:
        code[gone == 1] = np.nan
    values = np.hstack([x, code, np.eye(2)[gone]]).astype(np.float32)
    return Panel(values, np.full(sequences, steps), np.zeros((sequences, 0), np.float32)), level, gone


@pytest.fixture(scope="module")
def fitted():
    panel, level, gone = _panel()
    laws = Categories.fit(panel, to_latents(panel.values, LAYOUT.blocks), LAYOUT)
    rng = np.random.default_rng(1)
    given = Given(np.zeros((400, 0), np.float32), np.zeros((400, 50, 0), np.float32))
    return laws.calibrated(rng.normal(size=(400, 50, 3)).astype(np.float32), given, rng), level, gone


def _draw(laws, n=200, steps=50, levels=None, seed=0):
    """Return numbers and levels `(n, steps)` of both categories."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, steps, 3)).astype(np.float32)
    laws.draw(values, Given(np.zeros((n, 0), np.float32), np.zeros((n, steps, 0), np.float32), levels), rng)
    channels = to_channels(values.reshape(-1, 3), LAYOUT.blocks)
    return values[:, :, 0], channels[:, 1:4].argmax(1).reshape(n, steps), channels[:, 4:].argmax(1).reshape(n, steps)


def test_unknown_levels_are_marked():
    panel, level, gone = _panel()
    found = levels_of(panel, Categories(LAYOUT, []).blocks)
    assert np.array_equal(found[:, 0], np.where(gone == 1, -1, level))
    assert np.array_equal(found[:, 1], gone)


def test_unknown_levels_do_not_leak_into_the_mask(fitted):
    laws, _, gone = fitted
    _, level, mask = _draw(laws)
    assert mask.mean() == pytest.approx(gone.mean(), abs=0.02)
    for number in range(3):
        assert mask[level == number].mean() == pytest.approx(gone.mean(), abs=0.04), number


def test_nor_the_mask_into_the_levels(fitted):
    """What stands behind a mask is drawn like what stands beside it."""
    laws, level, _ = fitted
    _, made, mask = _draw(laws)
    shares = np.bincount(level, minlength=3) / len(level)
    for where in (mask == 1, mask == 0):
        np.testing.assert_allclose(np.bincount(made[where], minlength=3) / where.sum(), shares, atol=0.04)


def test_levels_follow_the_numbers_and_one_another(fitted):
    laws, level, _ = fitted
    x, made, _ = _draw(laws)
    panel, _, _ = _panel()
    for high in (True, False):
        at = (panel.values[:, 0] > 0) == high
        share = np.bincount(made[(x > 0) == high], minlength=3) / ((x > 0) == high).sum()
        np.testing.assert_allclose(share, np.bincount(level[at], minlength=3) / at.sum(), atol=0.05)
    real = level.reshape(60, 50)
    assert (made[:, 1:] == made[:, :-1]).mean() == pytest.approx((real[:, 1:] == real[:, :-1]).mean(), abs=0.04)


def test_prescribed_levels_are_kept(fitted):
    levels = np.full((20, 50, 2), -1)
    levels[:, 10:20, 0], levels[5, :, 1] = 2, 1
    _, made, mask = _draw(fitted[0], 20, levels=levels)
    assert (made[:, 10:20] == 2).all()
    assert (mask[5] == 1).all()
    assert set(made[:, 30:].ravel()) == {0, 1, 2}


def test_what_never_meets_does_not():
    panel, level, _ = _panel(hidden=False)
    other = np.where(level == 2, 1, np.random.default_rng(1).integers(2, size=len(level)))  # 2 only ever with 1
    values = panel.values.copy()
    values[:, 4:] = np.eye(2)[other]
    laws = Categories.fit(replace(panel, values=values), to_latents(values, LAYOUT.blocks), LAYOUT)
    _, made, mask = _draw(laws)
    assert (made == 2).mean() == pytest.approx((level == 2).mean(), abs=0.03)
    assert ((made == 2) & (mask == 0)).mean() < 0.002


def test_arrays_round_trip(fitted):
    laws = fitted[0]
    again = Categories.from_arrays(laws.arrays(), LAYOUT)
    for one, other in zip(_draw(laws, 9), _draw(again, 9), strict=True):
        assert np.array_equal(one, other)


def test_completing_a_panel_draws_unknown_levels_only():
    panel, _, gone = _panel()
    process = LinearGaussianProcess.fit(cut(panel, 10, 1), LAYOUT, np.random.default_rng(0), 1)
    full = process.complete(panel, np.random.default_rng(0))
    known = ~np.isnan(panel.values)
    assert np.array_equal(full.values[known], panel.values[known])
    drawn = full.values[gone == 1, 1:4]
    assert (np.sort(drawn, axis=1) == [0, 0, 1]).all()
    assert (drawn.mean(0) > 0).all()
    assert process.complete(full, np.random.default_rng(0)) is full
