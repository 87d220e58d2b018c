"""Bootstrap over whole sequences or time blocks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.draws import areas, clusters, redrawn


def test_areas_equal_scikit_learns_for_any_weights_and_ties() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 8, 40) / 8, rng.integers(2, 10, 30) / 8
    weights = rng.integers(0, 3, (5, 40)).astype(float), rng.integers(0, 3, (5, 30)).astype(float)
    got = areas(one, two, *weights)
    truth = np.repeat([0, 1], [40, 30])
    for draw in range(5):
        both = np.concatenate([weights[0][draw], weights[1][draw]])
        want = roc_auc_score(truth, np.concatenate([one, two]), sample_weight=both)
        assert got[draw] == pytest.approx(want)


def test_areas_without_weight_are_a_half() -> None:
    assert areas(np.zeros(2), np.ones(2), np.zeros((1, 2)), np.ones((1, 2)))[0] == 0.5


def test_many_sequences_are_clusters_and_few_are_cut_in_blocks() -> None:
    rng = np.random.default_rng(0)
    panel = prepare(rng.normal(size=(30, 20, 1)), rng.normal(size=(30, 20, 1)), window=5).real
    assert (clusters(panel) == panel.sequences).all()
    series = prepare(rng.normal(size=(1000, 1)), rng.normal(size=(1000, 1)), window=5).real
    assert (clusters(series) == series.starts // 33).all()
    few = prepare(rng.normal(size=(3, 60, 1)), rng.normal(size=(3, 60, 1)), window=5).real
    assert len(np.unique(clusters(few))) == 9
    assert len(np.unique(np.stack([clusters(few), few.sequences]), axis=1).T) == 9


def test_as_many_clusters_are_drawn_as_there_are() -> None:
    drawn = redrawn(12, np.random.default_rng(0), draws=50)
    assert drawn.shape == (50, 12)
    assert (drawn.sum(axis=1) == 12).all()
