"""Categories given the numbers: what ties a level to them, how long it lasts, and what may follow what."""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsgan.encoding.windows import cut
from tsgan.laws.conditionals import Conditional, features_of
from tsgan.laws.process import LinearGaussianProcess, to_channels
from tsgan.layout import Block, Layout
from tsgan.panel import Given, Panel

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
    assert found.shape == (1, 4, 9)
    np.testing.assert_array_equal(found[0, :, :2], values[0][:, [0, 2]])
    np.testing.assert_array_equal(found[0, 1:, 2:4], values[0][:-1, [0, 2]])
    np.testing.assert_array_equal(found[0, 0, 2:4], values[0, 0, [0, 2]])
    np.testing.assert_array_equal(found[0, :-1, 4:6], values[0][1:, [0, 2]])
    np.testing.assert_array_equal(found[0, -1, 4:6], values[0, -1, [0, 2]])
    assert (found[0, :, 6] == 7).all()
    np.testing.assert_array_equal(found[0, :, 7:], other[0])


def test_features_do_not_reach_into_another_sequence():
    values = np.arange(5, dtype=np.float32).reshape(1, 5, 1)
    follows = np.array([[False, True, False, True, True]])
    found = features_of(values, np.zeros((1, 0), np.float32), np.array([True]), [], follows)[0]
    np.testing.assert_array_equal(found[:, 1], [0, 0, 2, 2, 3])
    np.testing.assert_array_equal(found[:, 2], [1, 1, 3, 4, 4])


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
    known = Given(np.zeros((2000, 0), np.float32), np.zeros((2000, length, 0), np.float32))
    drawn = process.draw(known, _rng(1))
    made = to_channels(drawn.reshape(-1, 2), layout.blocks)[:, 1:].argmax(1).reshape(2000, length)
    np.testing.assert_allclose(_shares(made, 2), 0.5, atol=0.05)
    assert (made[:, 1:] == (np.diff(drawn[:, :, 0]) > 0)).mean() > 0.95


def _walk(chain, n, seed=0, start=0):
    """Return one path of a Markov chain."""
    draws, levels = _rng(seed).random(n), np.full(n, start, dtype=np.int64)
    ladder = np.cumsum(chain, axis=1)
    for at in range(1, n):
        levels[at] = min((draws[at] > ladder[levels[at - 1]]).sum(), len(chain) - 1)
    return levels


def _nothing(n, length=None):
    return np.zeros((n, 0) if length is None else (n, length, 0), np.float32)


class TestForbidden:
    CHAIN = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5]])

    def test_transitions_that_never_came_never_come(self):
        """Even where the features, noise, never agree with the law's."""
        levels = _walk(self.CHAIN, 3000)
        features = _rng(1).normal(size=(3000, 3)).astype(np.float32)
        law = Conditional.fit(features, levels, 3, _follows(3000))
        made = law.draw(20 * _rng(2).normal(size=(500, 40, 3)).astype(np.float32), _rng())
        pairs = np.bincount((made[:, :-1] * 3 + made[:, 1:]).ravel(), minlength=9).reshape(3, 3)
        assert np.array_equal(pairs > 0, self.CHAIN > 0)

    def test_a_rare_level_may_be_followed_by_any(self):
        """Level 2 was left twice only, each time to 0; levels 0 and 1 took turns often."""
        levels = np.array([0, 1] * 50 + [2, 0, 1, 2, 0, 1])
        law = Conditional.fit(_nothing(len(levels)), levels, 4, _follows(len(levels)))
        assert np.array_equal(law.allowed[2], [True, True, True, False])
        assert np.array_equal(law.allowed[0], [False, True, False, False])

    def test_first_and_last_levels(self):
        """Sequences begin with 0 or 1 and end with 3, which leads nowhere; lengths are kept all the same."""
        rng, rows, follows = _rng(), [], []
        for _ in range(200):
            middle = [2] * int(rng.integers(1, 6))
            rows += [int(rng.integers(2)), *middle, 3]
            follows += [False, *[True] * (len(middle) + 1)]
        law = Conditional.fit(_nothing(len(rows)), np.array(rows), 4, np.array(follows))
        lengths = rng.integers(3, 9, size=300)
        made = law.draw(_nothing(300, 8), rng, lengths=lengths)
        assert set(made[:, 0]) == {0, 1}
        inside = np.arange(8) < lengths[:, None]
        assert (made[np.arange(300), lengths - 1] == 3).all()
        assert (made[inside] == 3).sum() == 300

    def test_few_sequences_may_begin_anyhow(self):
        law = Conditional.fit(_nothing(20), np.arange(20) % 2, 2, np.arange(20) % 10 > 0)
        assert set(law.draw(_nothing(100, 1), _rng())[:, 0]) == {0, 1}

    def test_ways_are_looked_ahead_to(self):
        """Levels go round in a circle; a prescribed one three steps on leaves one way, with no number to tell it."""
        law = Conditional.fit(_nothing(999), np.arange(999) % 3, 3, _follows(999))
        fixed = np.full((50, 7), -1)
        fixed[:, 3] = 1
        assert (law.draw(_nothing(50, 7), _rng(), fixed) == [1, 2, 0, 1, 2, 0, 1]).all()

    @pytest.mark.parametrize("count", [12, 80])
    def test_with_many_levels_too(self, count):
        law = Conditional.fit(_nothing(1600), np.arange(1600) % count, count, _follows(1600))
        fixed = np.full((9, 5), -1)
        fixed[:, 4] = 7
        assert (law.draw(_nothing(9, 5), _rng(), fixed) == [3, 4, 5, 6, 7]).all()

    def test_what_is_prescribed_comes_even_where_it_never_did(self):
        law = Conditional.fit(_nothing(999), np.arange(999) % 3, 3, _follows(999))
        fixed = np.array([[0, 2, -1, -1]])
        assert (law.draw(_nothing(1, 4), _rng(), fixed) == [0, 2, 0, 1]).all()


class TestPrescribed:
    CHAIN = np.array([[0.9, 0.1, 0.0], [0.2, 0.6, 0.2], [0.0, 0.3, 0.7]])

    def _law(self):
        levels = _walk(self.CHAIN, 8000)
        return Conditional.fit(_nothing(8000), levels, 3, _follows(8000))

    def test_free_levels_are_drawn_given_both_sides(self):
        """Shares of all paths between two prescribed levels, as worked out path by path."""
        law, fixed = self._law(), np.full((60_000, 5), -1)
        fixed[:, 0], fixed[:, 4] = 0, 2
        made = law.draw(_nothing(60_000, 5), _rng(), fixed)
        assert np.array_equal(made[:, [0, 4]], fixed[:, [0, 4]])
        told = np.exp(law._transitions(_nothing(1))[0])
        paths = list(product(range(3), repeat=3))
        odds = np.array([told[0, a] * told[a, b] * told[b, c] * told[c, 2] for a, b, c in paths])
        shares = np.bincount(made[:, 1] * 9 + made[:, 2] * 3 + made[:, 3], minlength=27) / len(made)
        np.testing.assert_allclose(shares, odds / odds.sum(), atol=0.01)

    def test_piece_by_piece(self, monkeypatch):
        """What does not fit in memory at once gives the same."""
        law, fixed = self._law(), np.full((50, 6), -1)
        fixed[:, 5] = _rng().integers(3, size=50)
        lengths = np.full(50, 6)
        whole = law.draw(_nothing(50, 6), _rng(), fixed, lengths), law.log_likelihood(_nothing(50, 6), fixed)
        monkeypatch.setattr("tsgan.laws.conditionals.CELLS", 63)
        parts = law.draw(_nothing(50, 6), _rng(), fixed, lengths), law.log_likelihood(_nothing(50, 6), fixed)
        assert np.array_equal(whole[0], parts[0])
        np.testing.assert_allclose(whole[1], parts[1])

    def test_likelihood(self):
        """Of every pattern of free levels, the sum over all paths."""
        law = self._law()
        told, first = (
            np.exp(law._transitions(_nothing(1))[0]),
            np.exp(law.log_likelihood(_nothing(3, 1), np.arange(3)[:, None])[:, 0]),
        )
        assert first.sum() == pytest.approx(1, abs=1e-4)
        patterns = np.array(list(product([-1, 0, 1, 2], repeat=3)))
        found = np.exp(law.log_likelihood(_nothing(len(patterns), 3), patterns).sum(axis=1))
        for pattern, one in zip(patterns, found, strict=True):
            ways = [[level] if level >= 0 else range(3) for level in pattern]
            assert one == pytest.approx(sum(first[a] * told[a, b] * told[b, c] for a, b, c in product(*ways)), abs=1e-5)


class TestAdditions:
    """Each comes where the data ask for it, and only there."""

    def test_noise_asks_for_none(self):
        features = _rng(1).normal(size=(5000, 3)).astype(np.float32)
        law = Conditional.fit(features, _walk(TestPrescribed.CHAIN, 5000), 3, _follows(5000))
        assert not len(law.hinges)
        assert not law.second.any()
        assert len(law.deltas) == 1

    def test_two_steps_back(self):
        """A level repeats the one before last nine times in ten."""
        rng, levels = _rng(), np.zeros(6000, dtype=np.int64)
        for at in range(2, 6000):
            levels[at] = levels[at - 2] if rng.random() < 0.9 else rng.integers(3)
        made = Conditional.fit(_nothing(6000), levels, 3, _follows(6000)).draw(_nothing(500, 40), rng)
        wanted = (levels[2:] == levels[:-2]).mean()
        assert (made[:, 2:] == made[:, :-2]).mean() == pytest.approx(wanted, abs=0.02)

    def test_a_level_of_the_middle(self):
        """A level that comes where a number is neither high nor low: no line through it tells."""
        features = _rng().normal(size=(6000, 1)).astype(np.float32)
        levels = (np.abs(features[:, 0]) < 0.5).astype(np.int64)
        law = Conditional.fit(features, levels, 2, _follows(6000))
        at = np.tile(np.array([-1.5, 0.0, 1.5], np.float32)[:, None, None], (1, 300, 1))
        np.testing.assert_allclose(law.draw(at, _rng(1)).mean(1), [0, 1, 0], atol=0.1)

    def test_a_number_that_says_another_thing_after_each_level(self):
        rng = _rng()
        features = rng.normal(size=(8000, 1)).astype(np.float32)
        levels = np.zeros(8000, dtype=np.int64)
        for at in range(1, 8000):
            slope = 4 if levels[at - 1] else -4
            levels[at] = rng.random() < 1 / (1 + np.exp(-slope * features[at, 0]))
        law = Conditional.fit(features, levels, 2, _follows(8000))
        high = np.full((4000, 2, 1), 1.0, np.float32)
        fixed = np.column_stack([np.repeat([0, 1], 2000), np.full(4000, -1)])
        made = law.draw(high, _rng(1), fixed)[:, 1]
        assert made[:2000].mean() == pytest.approx(1 / (1 + np.exp(4)), abs=0.04)
        assert made[2000:].mean() == pytest.approx(1 / (1 + np.exp(-4)), abs=0.04)


def test_unknown_levels_are_not_learned_from():
    """Level 2 stands for unknown; it splits no pair and begins nothing."""
    levels = _walk(np.array([[0.9, 0.1], [0.2, 0.8]]), 6000)
    known = _rng(1).random(6000) < 0.7
    law = Conditional.fit(_nothing(6000), np.where(known, levels, 2), 3, _follows(6000), known)
    made = law.draw(_nothing(2000, 30), _rng())
    assert set(made.ravel()) == {0, 1}
    assert (made[:, 1:] == made[:, :-1]).mean() == pytest.approx((levels[1:] == levels[:-1]).mean(), abs=0.02)
    assert law.pairs.sum() == (known[1:] & known[:-1]).sum()


def test_nothing_known():
    law = Conditional.fit(_nothing(9), np.zeros(9, np.int64), 3, _follows(9), np.zeros(9, dtype=bool))
    assert law.draw(_nothing(4, 3), _rng()).shape == (4, 3)


def _runs(levels):
    """Return the mean length of runs of rows `(n, T)`."""
    return levels.size / (len(levels) + (levels[:, 1:] != levels[:, :-1]).sum())


def test_runs_are_as_long_as_they_were():
    """A level that stays nineteen times in twenty, told by a number that blurs it."""
    chain = np.full((4, 4), 0.05 / 3) + np.eye(4) * (0.95 - 0.05 / 3)
    levels = _walk(chain, 20_000)
    numbers = np.column_stack([levels + _rng(1).normal(size=20_000), _rng(2).normal(size=20_000)])[None]
    features = features_of(numbers.astype(np.float32), np.zeros((1, 0), np.float32), np.ones(2, dtype=bool), [])
    law = Conditional.fit(features[0], levels, 4, _follows(20_000))
    at = features.reshape(20, 1000, -1)
    made = law.calibrate(at, _rng(4)).draw(at, _rng(3))
    assert _runs(made) == pytest.approx(_runs(levels.reshape(20, 1000)), rel=0.05)
    plain = Conditional.fit(_nothing(20_000), levels, 4, _follows(20_000)).draw(_nothing(40, 1000), _rng(3))
    assert _runs(plain) == pytest.approx(_runs(levels.reshape(20, 1000)), rel=0.05)


def test_calibrated_transitions_come_as_often_as_they_did():
    """Numbers that wander otherwise than the data's make a level switch too often, until it is calibrated."""
    levels = _walk(np.array([[0.9, 0.1, 0.0], [0.15, 0.75, 0.1], [0.1, 0.3, 0.6]]), 8000)
    features = (1.2 * levels + 0.7 * _rng(1).normal(size=8000)).astype(np.float32)[:, None]
    law = Conditional.fit(features, levels, 3, _follows(8000))
    wandering = (1.2 * _rng(2).permutation(levels)[:6000] + 0.9 * _rng(3).normal(size=6000)).astype(np.float32)
    wandering = wandering.reshape(200, 30, 1)
    better = law.calibrate(wandering, _rng(4), np.full(200, 30))

    def rates(pairs):
        return pairs / pairs.sum(1, keepdims=True)

    def off(one):
        made = one.draw(wandering, _rng(5))
        pairs = np.bincount((made[:, :-1] * 3 + made[:, 1:]).ravel(), minlength=9).reshape(3, 3)
        return np.abs(rates(pairs) - rates(law.pairs)).max()

    assert off(law) > 0.1
    assert off(better) < 0.05
    assert np.array_equal(law.allowed, better.allowed)


def test_arrays_round_trip():
    features = _rng().normal(size=(2000, 2)).astype(np.float32)
    levels = (np.abs(features[:, 0]) < 0.5).astype(np.int64) + (features[:, 1] > 1)
    law = Conditional.fit(features, levels, 3, _follows(2000))
    again = Conditional.from_arrays(law.arrays())
    at = _rng(1).normal(size=(10, 12, 2)).astype(np.float32)
    assert np.array_equal(law.draw(at, _rng(2)), again.draw(at, _rng(2)))


HOSPITAL = Path(__file__).parents[2] / "shared" / "data" / "hospital_log.csv.gz"


@pytest.mark.skipif(not HOSPITAL.exists(), reason="needs the hospital log")
def test_the_hospital_log():
    """Activity given statics and position, then resource given activity: the transitions of 10,000 real cases."""
    df = pd.read_csv(HOSPITAL)
    case = df["case:concept:name"].to_numpy()
    follows = np.append(False, case[1:] == case[:-1])
    lengths = np.diff(np.flatnonzero(np.append(~follows, True)))
    starts = np.cumsum(lengths) - lengths
    step = np.arange(len(df)) - np.repeat(starts, lengths)
    left = np.repeat(lengths, lengths) - 1 - step
    flags = [c for c in df.columns if c.startswith("case:") and df[c].dtype == bool]
    known = np.column_stack([*(df[c] for c in flags), df["case:age"] / 20, np.log1p(step), np.log1p(left), left == 0])
    features = known.astype(np.float32)
    at = starts[:, None] + np.minimum(np.arange(lengths.max()), lengths[:, None] - 1)
    both = (np.arange(lengths.max()) < lengths[:, None])[:, 1:]
    drawn, rng = features[at], _rng()
    for name in ("activity", "resource"):
        levels, names = pd.factorize(df[name])
        law = Conditional.fit(features, levels, len(names), follows)
        made = law.draw(drawn, rng, lengths=lengths)
        pairs = np.stack(
            [
                np.bincount((x[:, :-1] * len(names) + x[:, 1:])[both], minlength=len(names) ** 2)
                for x in (levels[at], made)
            ]
        ).reshape(2, len(names), len(names))
        rates = pairs / np.maximum(pairs.sum(2, keepdims=True), 1)
        assert np.abs(rates[0] - rates[1]).mean() < 0.02
        assert not pairs[1][pairs[0] == 0].any()
        features = np.column_stack([features, np.eye(len(names), dtype=np.float32)[levels]])
        drawn = np.concatenate([drawn, np.eye(len(names), dtype=np.float32)[made]], axis=2)
