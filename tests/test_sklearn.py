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

from tsgan import GaussianCopulaProcess, RecurrentGAN
from tsgan.errors import ParameterError

QUICK = {"steps": 2, "checks": 1, "hidden": 4, "matching": 0.0, "verbose": False}
BOTH = [RecurrentGAN(**QUICK, noise="white", random_state=0), GaussianCopulaProcess(random_state=0)]
both = pytest.mark.parametrize("model", BOTH, ids=["RecurrentGAN", "GaussianCopulaProcess"])
pytestmark = pytest.mark.filterwarnings(
    "ignore:(too few windows|every column is|training did not):tsgan.errors.TsganWarning"
)


@parametrize_with_checks([*BOTH, RecurrentGAN(**QUICK), GaussianCopulaProcess()])
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
    @both
    def test_the_constructor_is_the_configuration(self, model):
        names = list(inspect.signature(type(model)).parameters)
        assert sorted(model.get_params()) == sorted(names)
        assert {"entity", "time", "static", "window", "random_state"} <= set(names)
        assert not any(name.endswith("_") for name in vars(type(model)()))

    @both
    def test_clone(self, model):
        fitted = clone(model).set_params(bounds={"sin": (-1.0, 1.0)}, static=[], window=12).fit(waves())
        copy = clone(fitted)
        assert copy.get_params() == fitted.get_params()
        with pytest.raises(NotFittedError):
            copy.sample(1)
        pd.testing.assert_frame_equal(copy.fit(waves()).sample(1), fitted.sample(1))

    @both
    def test_set_params(self, model):
        made = clone(model)
        assert made.set_params(window=6, random_state=3) is made
        assert made.fit(waves()).sample(1).shape == (6, 2)
        with pytest.raises(ValueError, match=r"Invalid parameter 'widow' for estimator"):
            made.set_params(widow=6)

    @both
    def test_is_fitted(self, model):
        fresh = clone(model)
        with pytest.raises(NotFittedError):
            check_is_fitted(fresh)
        check_is_fitted(fresh.fit(waves()))
        assert not is_classifier(fresh)
        assert not is_regressor(fresh)

    @both
    def test_repr(self, model):
        assert repr(clone(model).set_params(window=6)).startswith(f"{type(model).__name__}(")
        assert "window=6" in repr(clone(model).set_params(window=6))
        page = clone(model).fit(waves())._repr_html_()
        assert type(model).__name__ in page
        assert "fitted" in page

    @both
    def test_pickled_in_memory(self, model):
        fitted = clone(model).fit(waves())
        again = pickle.loads(pickle.dumps(fitted))
        pd.testing.assert_frame_equal(again.sample(3), fitted.sample(3))

    @both
    def test_a_pipeline_is_no_parameter(self, model):
        with pytest.raises(ParameterError, match=r"scaler=FunctionTransformer\(\) is not known; choose one of"):
            clone(model).set_params(scaler=FunctionTransformer()).fit(waves())


class TestPipeline:
    @both
    def test_last_step(self, model):
        pipe = Pipeline([("double", FunctionTransformer(lambda df: 2 * df)), ("model", clone(model))])
        made = pipe.fit(waves())[-1].sample(1, length=50)
        assert made.shape == (50, 2)
        assert made.abs().max().max() > waves().abs().max().max()
        assert list(made.columns) == ["sin", "cos"]
        assert isinstance(made.index, pd.DatetimeIndex)
        assert pipe.score(waves()) == pipe[-1].score(2 * waves())

    @both
    def test_nested_parameters(self, model):
        pipe = make_pipeline(FunctionTransformer(), clone(model))
        pipe.set_params(**{f"{type(model).__name__.lower()}__window": 8})
        assert pipe.fit(waves())[-1].sample(1).shape == (8, 2)


class TestSearch:
    def test_time_series_split(self):
        grid = {"regimes": [1, 2], "window": [6, 12]}
        search = GridSearchCV(GaussianCopulaProcess(random_state=0), grid, cv=TimeSeriesSplit(3), error_score="raise")
        search.fit(waves())
        scores = search.cv_results_["mean_test_score"]
        assert scores.min() >= 0
        assert scores.max() <= 1
        assert search.best_estimator_.sample(1).shape[1] == 2

    def test_sequences(self):
        model = RecurrentGAN(**QUICK, noise="white", random_state=0)
        search = GridSearchCV(model, {"hidden": np.array([2, 4]), "cell": ["lstm", "gru"]}, cv=3, error_score="raise")
        search.fit(panel())
        assert search.best_params_["hidden"] in (2, 4)
        assert search.best_estimator_.sample(2).shape == (2, 10, 2)

    def test_groups_of_rows(self):
        values = panel()
        table = pd.DataFrame(values.reshape(-1, 2), columns=["x", "y"])
        table.insert(0, "who", np.repeat(np.arange(40), 10))
        table.insert(1, "step", np.tile(np.arange(10), 40))
        model = GaussianCopulaProcess(entity="who", time="step", random_state=0)
        rows = cross_val_score(model, table, groups=table["who"], cv=GroupKFold(4), error_score="raise")
        whole = cross_val_score(GaussianCopulaProcess(random_state=0), values, cv=KFold(4), error_score="raise")
        assert rows.shape == whole.shape == (4,)
        assert rows.mean() > 0.5
        assert whole.mean() > 0.5

    def test_the_better_model_wins(self):
        narrow = {column: (-0.1, 0.1) for column in (0, 1)}
        grid = {"bounds": [narrow, "observed"]}
        search = GridSearchCV(GaussianCopulaProcess(random_state=0), grid, cv=3, error_score="raise").fit(panel(90))
        assert search.best_params_["bounds"] == "observed"
        assert search.cv_results_["mean_test_score"][0] < 0.1 < 0.5 < search.best_score_

    @pytest.mark.parametrize("count", [2, 3, 4])
    def test_small_folds_of_sequences(self, count):
        model = GaussianCopulaProcess(random_state=0).fit(panel())
        assert 0 <= model.score(panel(count, seed=1)) <= 1
        assert model.score(100 + panel(count, seed=1)) < 0.1

    @pytest.mark.parametrize("rows", [16, 30, 60])
    def test_small_folds_of_a_series(self, rows):
        model = GaussianCopulaProcess(random_state=0).fit(waves())
        assert 0 <= model.score(waves(rows, seed=1)) <= 1
        assert model.score(waves(rows, seed=1) + 100) < 0.1
