"""Hinges, and who is held back to try additions on."""

import numpy as np

from tsgan.laws.interactions import FEW, HINGES, Learner, _better, _offer, _thin, widen


def _rng(seed=0):
    return np.random.default_rng(seed)


def test_widen():
    features = np.array([[[1.0, -2.0]], [[0.0, 3.0]]], np.float32)
    found = widen(features, np.array([[0, 0.5], [1, 1.0]], np.float32))
    np.testing.assert_allclose(found[:, 0], [[1, -2, 0.5, 0], [0, 3, 0, 2]])
    assert widen(features, np.zeros((0, 2), np.float32)) is features


def test_hinges_are_offered_where_something_is_left_to_tell():
    """Of many features, one that bends; a flag has no knot, a count one at each value within its range."""
    features = np.column_stack([_rng().normal(size=(3000, 30)), _rng(1).integers(2, size=3000)]).astype(np.float32)
    rest = np.abs(features[:, 4:5]) - 0.8
    offered = _offer(features, np.column_stack([rest, -rest]))
    assert len(offered) == HINGES
    assert (offered[:, 0] == 4).sum() == 4
    assert 30 not in offered[:, 0]
    count = _rng(2).integers(FEW, size=(3000, 1)).astype(np.float32)
    assert sorted(_offer(count, np.column_stack([count, -count]))[:, 1]) == list(range(1, FEW - 1))
    assert not len(_offer(np.ones((9, 2), np.float32), np.zeros((9, 2))))


def test_whole_sequences_are_held_back():
    follows = np.arange(200) % 10 > 0
    learner = Learner(np.zeros((200, 0), np.float32), np.arange(200) % 2, 2, follows)
    assert 0.1 < learner.held.mean() < 0.3
    assert (learner.held.reshape(20, 10).std(axis=1) == 0).all()


def test_a_level_before_is_of_the_same_sequence_and_known():
    levels = np.array([0, 1, -1, 1, 0, 1])
    follows = np.array([False, True, True, True, False, True])
    learner = Learner(np.zeros((6, 0), np.float32), levels, 2, follows)
    assert learner.past.tolist() == [-1, 0, 1, -1, -1, 0]
    assert learner.older.tolist() == [-1, -1, 0, -1, -1, -1]


def test_only_more_than_chance_is_a_gain():
    noise = _rng().normal(size=400)
    assert not _better(noise - noise.mean() + 0.01, np.zeros(400))
    assert _better(noise + 0.5, np.zeros(400))


def test_thin():
    assert _thin(np.arange(10), 3).tolist() == [0, 4, 9]
    assert _thin(np.arange(3), 10).tolist() == [0, 1, 2]
    assert not len(_thin(np.zeros(0, np.int64), 5))
