"""MLflow, Optuna and TensorBoard watch a fit: each with the real library, on this machine alone."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN
from tsgan.errors import NotFittedError, ParameterError
from tsgan.model.callbacks import History

QUICK = {"window": 4, "hidden": 8, "units": 16, "verbose": False, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore:training did not improve:tsgan.errors.TsganWarning")


@pytest.fixture(scope="module")
def series():
    turn = np.arange(160) / 3
    noise = np.random.default_rng(0).normal(size=(160, 2)) / 20
    sky = np.where(np.sin(turn) > 0, "clear", "rain")
    return pd.DataFrame(np.stack([np.sin(turn), np.cos(turn)], axis=1) + noise, columns=["x", "y"]).assign(sky=sky)


def fitted(callbacks, series, steps=50, adversarial_steps=0):
    return RecurrentGAN(**QUICK, steps=steps, adversarial_steps=adversarial_steps, callbacks=callbacks).fit(series)


@pytest.mark.parametrize(("file", "extra"), [("mlflow", "mlflow"), ("optuna", "tune"), ("tensorboard", "tensorboard")])
def test_what_is_not_installed_says_where_it_is_to_be_had(file, extra):
    code = f"import sys\nsys.modules[{file!r}] = None\nimport tsgan.callbacks.{file}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f" {file}; install it with: pip install 'tsgan[{extra}]'" in done.stderr


class TestOptuna:
    @pytest.fixture
    def optuna(self):
        optuna = pytest.importorskip("optuna", reason="pip install 'tsgan[tune]'")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        return optuna

    def test_reports_and_prunes(self, optuna, series):
        from tsgan.callbacks.optuna import OptunaCallback

        class Worse(optuna.pruners.BasePruner):
            def prune(self, study, trial):
                return trial.number == 1

        left = []

        def objective(trial):
            gan = RecurrentGAN(**QUICK, steps=50, adversarial_steps=0, callbacks=[OptunaCallback(trial)])
            left.append(gan)
            gan.fit(series)
            return max(row["held_back"] for row in gan.history_)

        study = optuna.create_study(direction="maximize", pruner=Worse())
        study.optimize(objective, 3)
        assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED", "COMPLETE"]
        rows = left[0].history_
        held = np.maximum.accumulate([row["held_back"] for row in rows])
        assert study.trials[0].intermediate_values == {row["step"]: best for row, best in zip(rows, held, strict=True)}
        assert list(study.trials[1].intermediate_values) == [0]
        with pytest.raises(NotFittedError):
            left[1].sample(1)

    def test_the_second_stage_is_not_reported(self, optuna):
        from tsgan.callbacks.optuna import OptunaCallback

        trial = optuna.create_study(direction="maximize").ask()
        history = History([OptunaCallback(trial)])
        history.add("likelihood", 50, 0.5, held_back=1.0)
        history.add("likelihood", 100, 0.5, held_back=math.nan)
        history.add("adversarial", 150, 0.9, held_back=2.0)
        assert trial.study.trials[0].intermediate_values == {50: 1.0, 100: 1.0}


class TestTensorBoard:
    def test_scalars_by_stage(self, series, tmp_path):
        pytest.importorskip("tensorboard", reason="pip install 'tsgan[tensorboard]'")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        from tsgan.callbacks.tensorboard import TensorBoardCallback

        gan = fitted([TensorBoardCallback(tmp_path / "one")], series, steps=100, adversarial_steps=25)
        found = EventAccumulator(str(tmp_path / "one"))
        found.Reload()
        tags = found.Tags()["tensors"]
        assert {"likelihood/held_back", "likelihood/loss", "adversarial/distance", "adversarial/critic"} <= set(tags)
        assert "likelihood/distance" not in tags
        rows = [row for row in gan.history_ if row["stage"] == "likelihood"]
        told = found.Tensors("likelihood/held_back")
        assert [one.step for one in told] == [row["step"] for row in rows]
        values = [one.tensor_proto.float_val[0] for one in told]
        np.testing.assert_allclose(values, [row["held_back"] for row in rows], rtol=1e-6)

    def test_what_was_measured_is_there_where_a_fit_fails(self, series, tmp_path):
        pytest.importorskip("tensorboard", reason="pip install 'tsgan[tensorboard]'")
        from tsgan.callbacks.tensorboard import TensorBoardCallback

        with pytest.raises(ZeroDivisionError):
            fitted([TensorBoardCallback(tmp_path), lambda row: 1 / 0], series)
        (events,) = tmp_path.iterdir()
        assert b"likelihood/held_back" in events.read_bytes()


@pytest.mark.filterwarnings("ignore")  # MLflow's own, and of what it uses
class TestMLflow:
    @pytest.fixture
    def mlflow(self, tmp_path, monkeypatch):
        mlflow = pytest.importorskip("mlflow", reason="pip install 'tsgan[mlflow]'")
        pytest.importorskip("sqlalchemy", reason="MLflow needs sqlalchemy to log to a file")
        monkeypatch.chdir(tmp_path)
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
        yield mlflow
        mlflow.set_tracking_uri(before)

    def test_a_run_has_params_metrics_and_a_model_to_draw_from(self, mlflow, series, tmp_path):
        from tsgan.callbacks.mlflow import MLflowCallback

        watch = MLflowCallback()
        with mlflow.start_run() as run:
            gan = fitted([watch], series)
        data = mlflow.get_run(run.info.run_id).data
        assert data.params["hidden"] == "8"
        assert data.params["cell"] == "lstm"
        assert "callbacks" not in data.params
        assert "entity" not in data.params
        assert data.tags["tsgan.trained"] == str(gan.trained_)
        told = mlflow.MlflowClient().get_metric_history(run.info.run_id, "likelihood/held_back")
        assert [(one.step, one.value) for one in told] == [(row["step"], row["held_back"]) for row in gan.history_]

        folder = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="tsgan")
        pd.testing.assert_frame_equal(
            RecurrentGAN.load(folder).sample(2, random_state=1), gan.sample(2, random_state=1)
        )

        model = mlflow.pyfunc.load_model(watch.uri)
        asked = pd.DataFrame({"n": [3], "length": [5], "random_state": [1]})
        pd.testing.assert_frame_equal(model.predict(asked), gan.sample(3, 5, random_state=1))
        rain = model.predict(pd.DataFrame({"n": [2], "where": ['{"sky": "rain"}']}))
        assert set(rain["sky"]) == {"rain"}
        for bad, text in (
            ({"n": [1, 2]}, "a draw is asked for by one row of .*, not by 2 rows"),
            ({"where": ["sky=rain"]}, "where='sky=rain' is no JSON object; write it like"),
        ):
            with pytest.raises(ParameterError, match=text):
                model.predict(pd.DataFrame(bad))

        logged = mlflow.artifacts.download_artifacts(watch.uri)
        names = {path.name for path in type(tmp_path)(logged).rglob("*") if path.is_file()}
        assert "draw.py" in names
        assert not [name for name in names if name.endswith((".pkl", ".pickle"))]

    def test_a_row_that_is_not_finite_and_no_model(self, mlflow):
        from tsgan.callbacks.mlflow import MLflowCallback

        watch = MLflowCallback(model=None)
        gan = RecurrentGAN(**QUICK)
        gan.trained_ = gan.finished_ = False
        with mlflow.start_run() as run:
            History([watch]).add("likelihood", 50, 0.5, loss=math.nan, held_back=-1.5, kept=False)
            watch.end(gan)
        assert mlflow.get_run(run.info.run_id).data.metrics["likelihood/held_back"] == -1.5
        assert not hasattr(watch, "uri")
