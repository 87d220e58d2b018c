"""Log a fit to MLflow: its arguments, what is measured, and the model, as files and to draw from.

The model is logged "from code": MLflow keeps a line of Python that makes a `Drawer` and the folder that `save` wrote
(JSON and safetensors) beside it, nothing is pickled.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import ParameterError
from ..model.callbacks import Row, measured
from ..version import __version__

try:
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
except ImportError as error:
    raise ImportError(f"MLflowCallback needs {error.name}; install it with: pip install 'tsgan[mlflow]'") from error

CODE = "import mlflow\nfrom tsgan.callbacks.mlflow import Drawer\n\nmlflow.models.set_model(Drawer())\n"
# what `Drawer` takes of what `sample` does, by MLflow's types
ASKED = {"n": "long", "length": "long", "start": "string", "where": "string", "random_state": "long"}


class MLflowCallback:
    """Logs to the active run of MLflow; where there is none MLflow begins one.

    Parameters are the estimator's arguments; metrics are named by stage, `likelihood/held_back`, over its steps. Where
    the model is fitted its folder is logged as artifact `tsgan`, and as a model that is drawn from by
    ``mlflow.pyfunc.load_model(uri).predict(pd.DataFrame({"n": [10]}))``, see `Drawer`.

    Parameters
    ----------
    model : str or None
        Name that the model is logged by; None logs no model.

    Attributes
    ----------
    uri : str
        Of the logged model, after `fit`.

    Examples
    --------
    >>> with mlflow.start_run():
    ...     watch = MLflowCallback()
    ...     RecurrentGAN(time="date", callbacks=[watch]).fit(df)
    >>> mlflow.pyfunc.load_model(watch.uri).predict(pd.DataFrame({"n": [10]}))
    """

    uri: str

    def __init__(self, model: str | None = "model") -> None:
        self.model = model

    def begin(self, gan: Any) -> None:
        """Log the arguments that are given a value."""
        params = gan.get_params(deep=False)
        mlflow.log_params({name: value for name, value in params.items() if name != "callbacks" and value is not None})

    def __call__(self, row: Row) -> None:
        """Log a row."""
        mlflow.log_metrics(measured(row), step=row["step"])

    def end(self, gan: Any) -> None:
        """Log what was kept, and the model."""
        mlflow.set_tags({"tsgan.trained": gan.trained_, "tsgan.finished": gan.finished_})
        if self.model is None:
            return
        with tempfile.TemporaryDirectory() as folder:
            home, code = Path(folder, "model"), Path(folder, "draw.py")
            gan.save(home)
            code.write_text(CODE, encoding="utf-8")
            mlflow.log_artifacts(str(home), "tsgan")
            logged = mlflow.pyfunc.log_model(
                name=self.model,
                python_model=str(code),
                artifacts={"model": str(home)},
                signature=ModelSignature(Schema([ColSpec(kind, name, required=False) for name, kind in ASKED.items()])),
                input_example=pd.DataFrame({"n": [1]}),
                pip_requirements=[f"tsgan=={__version__}"],
            )
        self.uri = logged.model_uri


class Drawer(mlflow.pyfunc.PythonModel):
    """What MLflow loads: a saved model that is drawn from."""

    def load_context(self, context: Any) -> None:
        """Load the model's folder."""
        from ..estimator.recurrent_gan import RecurrentGAN

        self.gan = RecurrentGAN.load(context.artifacts["model"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        """Draw a table.

        Parameters
        ----------
        context : object
            MLflow's own.
        model_input : DataFrame
            One row, of arguments of `RecurrentGAN.sample`: columns `n`, `length`, `start`, `where` (text, an object of
            JSON with conditions) and `random_state`, each of which may be left out.
        params : object
            Not used.

        Raises
        ------
        ParameterError
            If it has more rows than one, or `where` is no JSON object.
        """
        if len(model_input) != 1:
            raise ParameterError(f"a draw is asked for by one row of {list(ASKED)}, not by {len(model_input)} rows")
        asked = {str(name): values.iloc[0] for name, values in model_input.items()}
        given: dict[str, Any] = {name: value for name, value in asked.items() if not pd.isna(value)}
        if "where" in given:
            try:
                given["where"] = dict(json.loads(given["where"]))
            except (ValueError, TypeError) as error:
                raise ParameterError(
                    f'where={given["where"]!r} is no JSON object; write it like {{"site": "north"}}'
                ) from error
        whole: dict[str, Any] = {name: int(value) for name, value in given.items() if ASKED[name] == "long"}
        return self.gan.sample(**{**given, **whole})
