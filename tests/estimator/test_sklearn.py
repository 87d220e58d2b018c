"""scikit-learn's contract: its own checks, and the tools that users put around an estimator."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from tsgan import RecurrentGAN
from tsgan.errors import ParameterError

QUICK = {"hidden": 4, "units": 8, "adversarial_steps": 1, "verbose": False}
CLOSED = RecurrentGAN(**QUICK, steps=0, random_state=0)
TRAINED = RecurrentGAN(**QUICK, steps=2, random_state=0)
pytestmark = pytest.mark.filterwarnings(
    "ignore:(too few rows|every column is|training did not):tsgan.errors.TsganWarning"
)


# Rows of a series follow one another: how likely one is hangs on those before it.
IN_ORDER = dict.fromkeys(
    ("check_methods_sample_order_invariance", "check_methods_subset_invariance"), "score_samples reads the past"
)


@parametrize_with_checks([CLOSED, RecurrentGAN(**QUICK, steps=2)], expected_failed_checks=lambda model: IN_ORDER)
def test_scikit_learn_agrees(estimator, check):
    check(estimator)


def waves(rows: int = 240, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    turn = 2 * np.pi * np.arange(rows) / 12 + rng.normal(size=rows).cumsum() / 10
    noise = rng.normal(size=(rows, 2)) / 5
    return pd.DataFrame(
        np.stack([np.sin(turn), np.cos(turn)], axis=1) + noise,
        index=pd.date_range("2024-01-01", periods=rows, freq="h"),
        columns=["sin", "cos"],
    )


def panel(count: int = 40, steps: int = 10, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, steps, 2)).cumsum(axis=1)


class TestParameters:
    def test_the_constructor_is_the_configuration(self):
        names = list(inspect.signature(RecurrentGAN).parameters)
        assert sorted(CLOSED.get_params()) == sorted(names)
        assert {"entity", "time", "static", "window", "random_state"} <= set(names)
        assert not any(name.endswith("_") for name in vars(RecurrentGAN()))

    def test_clone(self):
        fitted = clone(CLOSED).set_params(bounds={"sin": (-1.0, 1.0)}, static=[], window=12).fit(waves())
        copy = clone(fitted)
        assert copy.get_params() == fitted.get_params()
        with pytest.raises(NotFittedError):
            copy.sample(1)
        pd.testing.assert_frame_equal(copy.fit(waves()).sample(1), fitted.sample(1))

    def test_set_params(self):
        made = clone(CLOSED)
        assert made.set_params(window=6, random_state=3) is made
        assert made.fit(waves()).sample(1).shape == (6, 2)
        with pytest.raises(ValueError, match=r"Invalid parameter 'widow' for estimator"):
            made.set_params(widow=6)

    def test_is_fitted(self):
        fresh = clone(CLOSED)
        with pytest.raises(NotFittedError):
            check_is_fitted(fresh)
        check_is_fitted(fresh.fit(waves()))
        assert not is_classifier(fresh)
        assert not is_regressor(fresh)

    def test_repr(self):
        assert repr(clone(CLOSED).set_params(window=6)).startswith("RecurrentGAN(")
        assert "window=6" in repr(clone(CLOSED).set_params(window=6))
        page = clone(CLOSED).fit(waves())._repr_html_()
        assert "RecurrentGAN" in page
        assert "fitted" in page

    def test_pickled_in_memory(self):
        fitted = clone(CLOSED).fit(waves())
        again = pickle.loads(pickle.dumps(fitted))
        pd.testing.assert_frame_equal(again.sample(3), fitted.sample(3))

    def test_a_pipeline_is_no_parameter(self):
        with pytest.raises(ParameterError, match=r"scaler=FunctionTransformer\(\) is not known; choose one of"):
            clone(CLOSED).set_params(scaler=FunctionTransformer()).fit(waves())


class TestPipeline:
    def test_last_step(self):
        pipe = Pipeline([("double", FunctionTransformer(lambda df: 2 * df)), ("model", clone(CLOSED))])
        made = pipe.fit(waves())[-1].sample(1, length=50)
        assert made.shape == (50, 2)
        assert made.abs().max().max() > waves().abs().max().max()
        assert list(made.columns) == ["sin", "cos"]
        assert isinstance(made.index, pd.DatetimeIndex)
        assert pipe.score(waves()) == pipe[-1].score(2 * waves())

    def test_nested_parameters(self):
        pipe = make_pipeline(FunctionTransformer(), clone(CLOSED))
        pipe.set_params(**{"recurrentgan__window": 8})
        assert pipe.fit(waves())[-1].sample(1).shape == (8, 2)


class TestSearch:
    def test_time_series_split(self):
        grid = {"window": [6, 12]}
        search = GridSearchCV(clone(CLOSED), grid, cv=TimeSeriesSplit(3), error_score="raise")
        search.fit(waves())
        scores = search.cv_results_["mean_test_score"]
        assert scores.min() >= 0
        assert scores.max() <= 1
        assert search.best_estimator_.sample(1).shape[1] == 2

    def test_sequences(self):
        search = GridSearchCV(
            clone(TRAINED), {"hidden": np.array([2, 4]), "cell": ["lstm", "gru"]}, cv=3, error_score="raise"
        )
        search.fit(panel(30, 6))
        assert search.best_params_["hidden"] in (2, 4)
        assert search.best_estimator_.sample(2).shape == (2, 6, 2)

    def test_groups_of_rows(self):
        values = panel()
        table = pd.DataFrame(values.reshape(-1, 2), columns=["x", "y"])
        table.insert(0, "who", np.repeat(np.arange(40), 10))
        table.insert(1, "step", np.tile(np.arange(10), 40))
        model = clone(CLOSED).set_params(entity="who", time="step")
        rows = cross_val_score(model, table, groups=table["who"], cv=GroupKFold(4), error_score="raise")
        whole = cross_val_score(clone(CLOSED), values, cv=KFold(4), error_score="raise")
        assert rows.shape == whole.shape == (4,)
        assert rows.mean() > 0.5
        assert whole.mean() > 0.5

    def test_levels_that_a_fold_has_not_seen_are_scored(self):
        table = pd.DataFrame(panel(20, 6).reshape(-1, 2), columns=["x", "y"])
        table["who"], table["site"] = np.repeat(np.arange(20), 6), np.repeat(["a", "b"], 60)
        search = GridSearchCV(
            clone(CLOSED).set_params(entity="who"),
            {"bounds": ["observed", None]},
            cv=GroupKFold(2),
            error_score="raise",
        )
        scores = search.fit(table, groups=table["site"]).cv_results_["mean_test_score"]
        assert ((scores >= 0) & (scores < 0.2)).all()

    def test_the_better_model_wins(self):
        narrow = {column: (-0.1, 0.1) for column in (0, 1)}
        grid = {"bounds": [narrow, "observed"]}
        search = GridSearchCV(clone(CLOSED), grid, cv=3, error_score="raise").fit(panel(90))
        assert search.best_params_["bounds"] == "observed"
        assert search.cv_results_["mean_test_score"][0] < 0.1 < 0.5 < search.best_score_

    @pytest.mark.parametrize("count", [2, 3, 4])
    def test_small_folds_of_sequences(self, count):
        model = clone(CLOSED).fit(panel())
        assert 0 <= model.score(panel(count, seed=1)) <= 1
        assert model.score(100 + panel(count, seed=1)) < 0.1

    @pytest.mark.parametrize("rows", [16, 30, 60])
    def test_small_folds_of_a_series(self, rows):
        model = clone(CLOSED).fit(waves())
        assert 0 <= model.score(waves(rows, seed=1)) <= 1
        assert model.score(waves(rows, seed=1) + 100) < 0.1
