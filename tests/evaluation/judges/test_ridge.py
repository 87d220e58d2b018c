"""Ridge regression with folds that are left out whole."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from tsgan.evaluation.judges.rocket import ridge


def plain(features: np.ndarray, target: np.ndarray, folds: np.ndarray) -> tuple[np.ndarray, float]:
    """The readable twin, with scikit-learn's ridge."""
    strengths = np.logspace(-3, 2, 7) * features.var(axis=0).mean() * len(features)
    errors = [
        sum(
            (
                (
                    Ridge(s).fit(features[folds != f], target[folds != f]).predict(features[folds == f])
                    - target[folds == f]
                )
                ** 2
            ).sum()
            for f in range(folds.max() + 1)
        )
        for s in strengths
    ]
    best = Ridge(strengths[np.argmin(errors)]).fit(features, target)
    return best.coef_, best.intercept_


@pytest.mark.parametrize("width", [5, 80, 150], ids=["tall", "nearly square", "wide"])
def test_equals_the_readable_twin(width: int) -> None:
    rng = np.random.default_rng(width)
    x = 2 + rng.normal(size=(90, width))
    y = x[:, 0] - x[:, 1] + rng.normal(size=90)
    folds = np.arange(90) // 30
    weights, intercept = ridge(x, y, folds)
    want = plain(x, y, folds)
    np.testing.assert_allclose(weights, want[0], atol=1e-8)
    assert intercept == pytest.approx(want[1])


def test_several_targets_are_each_as_alone() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 12))
    y = np.stack([x[:, 0], rng.normal(size=90), 3 + x[:, 1] + rng.normal(size=90)], axis=1)
    folds = np.arange(90) // 30
    weights, intercept = ridge(x, y, folds)
    assert weights.shape == (12, 3)
    for k in range(3):
        alone = ridge(x, y[:, k], folds)
        np.testing.assert_allclose(weights[:, k], alone[0], atol=1e-9)
        assert intercept[k] == pytest.approx(float(alone[1]))


def test_ridge_finds_the_line_and_shrinks_noise() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 5))
    folds = np.arange(300) // 100
    weights, intercept = ridge(x, x @ [1, 2, 0, 0, -1] + 3, folds)
    np.testing.assert_allclose(weights, [1, 2, 0, 0, -1], atol=0.01)
    wide = np.concatenate([x, rng.normal(size=(300, 400)) / 100], axis=1)
    np.testing.assert_allclose(ridge(wide, x @ [1, 2, 0, 0, -1] + 3, folds)[0][:5], [1, 2, 0, 0, -1], atol=0.02)
    assert abs(intercept - 3) < 0.01
    assert np.abs(ridge(x, rng.normal(size=300), folds)[0]).max() < 0.1
