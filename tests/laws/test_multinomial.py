"""Multinomial logistic regression with offsets, and its cheap twin."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from tsgan.laws.multinomial import RARE, choose, independent, log_softmax, one_hot, regress


def _plant(n=4000, count=3, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 2)) * [1.0, 3.0] + [0.0, 5.0]
    weights = rng.normal(size=(3, count))
    share = softmax(features @ weights[1:] + weights[0], axis=1)
    return features, choose(np.log(share), 1 - rng.random(n)), share


@pytest.mark.parametrize("count", [2, 3])
def test_as_scikit_learn_has_it(count):
    features, levels, _ = _plant(count=count)
    weights, _ = regress(features, levels, count, ridge=1e-3)
    own = softmax(features @ weights[1:] + weights[0], axis=1)
    theirs = LogisticRegression(C=1e3, max_iter=1000, tol=1e-8).fit(features, levels).predict_proba(features)
    np.testing.assert_allclose(own, theirs, atol=5e-3)


def test_sparse_features_are_features():
    features, levels, _ = _plant()
    groups = np.random.default_rng(1).integers(4, size=len(levels))
    levels = np.where(groups == 3, 0, levels)
    weights, extra = regress(features, levels, 3, one_hot(groups, 4))
    share = softmax(features @ weights[1:] + weights[0] + extra[groups], axis=1)
    assert share[groups == 3, 0].mean() > 0.97  # slopes are shared, so some rows stay in doubt
    assert share[groups == 1].mean(0) == pytest.approx(np.bincount(levels[groups == 1]) / (groups == 1).sum(), abs=0.02)


def test_an_offset_is_not_learned_again():
    features, levels, share = _plant()
    weights, _ = regress(features, levels, 3, offset=np.log(share), ridge=30.0, constants=False)
    assert np.abs(weights).max() < 0.1


def test_levels_that_are_not_there():
    features, levels, _ = _plant()
    weights, _ = regress(features, levels + 1, 5)
    assert (weights[0, [0, 4]] == RARE).all()
    assert not weights[1:, [0, 4]].any()


def test_independent_of_one_another():
    """Bayes' rule with what each says alone."""
    rng, n = np.random.default_rng(0), 200_000
    level = rng.integers(3, size=n)
    other = (rng.random(n) < np.array([0.1, 0.5, 0.9])[level]).astype(int)
    x = np.array([-1.0, 0.0, 2.0])[level] + rng.normal(size=n)
    weights = independent(np.eye(2, dtype=np.float32)[other], x[:, None], level, 3)
    found = softmax(np.array([1.0, 0.0, 1.0, 0.5]) @ weights)
    odds = np.array([0.1, 0.5, 0.9]) * np.exp(-0.5 * (0.5 - np.array([-1.0, 0.0, 2.0])) ** 2)
    np.testing.assert_allclose(found, odds / odds.sum(), atol=0.01)


def test_one_hot_of_the_unknown():
    assert np.array_equal(one_hot(np.array([1, -1, 0]), 2).toarray(), [[0, 1], [0, 0], [1, 0]])


def test_choose():
    scores = np.log(np.array([[0.2, 0.0, 0.8]]) + 1e-300).repeat(5000, axis=0)
    made = choose(scores, 1 - np.random.default_rng(0).random(5000))
    np.testing.assert_allclose(np.bincount(made, minlength=3) / 5000, [0.2, 0, 0.8], atol=0.02)
    assert choose(scores[:2], np.array([1.0, 1e-12])).tolist() == [2, 0]
    np.testing.assert_allclose(np.exp(log_softmax(scores[:1])), [[0.2, 0, 0.8]], atol=1e-9)
