"""Categories given the numbers: what ties a level to them, and how long it lasts."""

import numpy as np
import pytest

from tsgan.conditionals import Conditional, features_of
from tsgan.encoding.windows import cut
from tsgan.layout import Block, Layout
from tsgan.panel import Panel
from tsgan.process import LinearGaussianProcess, to_channels

ROWS = 12_000


def _rng(seed=0):
    return np.random.default_rng(seed)


def _follows(n=ROWS):
    follows = np.ones(n, dtype=bool)
    follows[0] = False
    return follows


def _shares(levels, count):
    return np.bincount(np.ravel(levels), minlength=count) / np.size(levels)


@pytest.mark.parametrize("count", [2, 3])
def test_a_level_follows_its_number(count):
    """Levels drawn by a known logit of one feature come back with its probabilities."""
    features = _rng().normal(size=(ROWS, 2)).astype(np.float32)
    slopes = np.array([0.0, 2.0, -1.0])[:count]
    odds = np.exp(features[:, :1] * slopes + [0.0, 0.5, 1.0][:count])
    wanted = odds / odds.sum(1, keepdims=True)
    levels = (_rng(1).random((ROWS, 1)) > wanted.cumsum(1)).sum(1)
    law = Conditional.fit(features, levels, count, _follows())
    for value in (-1.0, 0.0, 1.5):
        at = np.tile(np.array([value, 0.0], np.float32), (4000, 3, 1))
        told = np.exp(value * slopes + [0.0, 0.5, 1.0][:count])
        for step in (0, 2):
            np.testing.assert_allclose(
                _shares(law.draw(at, _rng(2))[:, step], count), told / told.sum(), atol=0.04, err_msg=f"{value} {step}"
            )


@pytest.mark.parametrize("width", [0, 1])
def test_a_level_lasts_as_long_as_it_did(width):
    chain = np.array([[0.95, 0.05, 0.0], [0.0, 0.8, 0.2], [0.3, 0.0, 0.7]])
    draws, levels = _rng().random(ROWS), np.zeros(ROWS, dtype=np.int64)
    for at in range(1, ROWS):
        levels[at] = (draws[at] > chain[levels[at - 1]].cumsum()).sum()
    features = _rng(3).normal(size=(ROWS, width)).astype(np.float32)
    law = Conditional.fit(features, levels, 3, _follows())
    made = law.draw(np.zeros((3000, 40, width), np.float32), _rng(1))
    np.testing.assert_allclose(_shares(made[:, 0], 3), _shares(levels, 3), atol=0.04)
    np.testing.assert_allclose(_shares(made[:, -1], 3), _shares(levels, 3), atol=0.04)
    for level in range(3):
        after = made[:, 1:][made[:, :-1] == level]
        np.testing.assert_allclose(_shares(after, 3), chain[level], atol=0.04)


def test_sequences_do_not_run_into_one_another():
    """Each pair of rows is one sequence: within it the level stays, between two it is drawn anew."""
    levels = np.repeat(_rng().integers(2, size=ROWS // 2), 2)
    follows = np.arange(ROWS) % 2 == 1
    made = Conditional.fit(np.zeros((ROWS, 1), np.float32), levels, 2, follows).draw(
        np.zeros((2000, 2, 1), np.float32), _rng()
    )
    assert (made[:, 0] == made[:, 1]).mean() > 0.98
    np.testing.assert_allclose(_shares(made, 2), 0.5, atol=0.05)


@pytest.mark.parametrize("width", [0, 2])
@pytest.mark.parametrize("levels", [[1, 1, 1, 1], [1], [0, 2], [0, 2, 2, 0]])
def test_levels_that_were_not_seen_are_not_drawn(levels, width):
    levels = np.array(levels)
    law = Conditional.fit(np.ones((len(levels), width), np.float32), levels, 4, _follows(len(levels)))
    made = law.draw(np.ones((300, 5, width), np.float32), _rng())
    assert set(made.ravel()) <= set(levels)


def test_the_stream_decides():
    levels = _rng().integers(3, size=500)
    law = Conditional.fit(_rng().normal(size=(500, 2)).astype(np.float32), levels, 3, _follows(500))
    at = np.zeros((20, 5, 2), np.float32)
    assert np.array_equal(law.draw(at, _rng(1)), law.draw(at, _rng(1)))
    assert not np.array_equal(law.draw(at, _rng(1)), law.draw(at, _rng(2)))


def test_features():
    values = np.arange(12, dtype=np.float32).reshape(1, 4, 3)
    other = np.eye(2, dtype=np.float32)[[0, 1, 1, 0]][None]
    found = features_of(values, np.array([[7.0]], np.float32), np.array([True, False, True]), [other])
    assert found.shape == (1, 4, 7)
    np.testing.assert_array_equal(found[0, :, :2], values[0][:, [0, 2]])
    np.testing.assert_array_equal(found[0, 1:, 2:4], values[0][:-1, [0, 2]])
    np.testing.assert_array_equal(found[0, 0, 2:4], values[0, 0, [0, 2]])
    assert (found[0, :, 4] == 7).all()
    np.testing.assert_array_equal(found[0, :, 5:], other[0])


@pytest.mark.parametrize("length", [8, 40])
def test_a_process_keeps_what_ties_a_category_to_its_number(length):
    """A flag that says exactly when the number rises says so in what is drawn, at any length."""
    rng, x = _rng(), np.zeros(6000)
    for at in range(1, 6000):
        x[at] = 0.8 * x[at - 1] + 0.6 * rng.normal()
    rises = (np.diff(x, prepend=0.0) > 0).astype(int)
    layout = Layout((Block("x", "continuous", 1), Block("rises", "softmax", 2, (0.0,))))
    channels = np.column_stack([x, np.eye(2)[rises]]).astype(np.float32)
    panel = Panel(channels, np.array([6000]), np.zeros((1, 0), np.float32))
    process = LinearGaussianProcess.fit(cut(panel, 8, 1), layout, rng, 1)
    drawn, _ = process.draw(2000, length, _rng(1))
    made = to_channels(drawn.reshape(-1, 2), layout.blocks)[:, 1:].argmax(1).reshape(2000, length)
    np.testing.assert_allclose(_shares(made, 2), 0.5, atol=0.05)
    assert (made[:, 1:] == (np.diff(drawn[:, :, 0]) > 0)).mean() > 0.95
