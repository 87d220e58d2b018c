"""Saving and loading: a directory of JSON and safetensors, no code (`bundle.py`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from . import __version__
from .errors import CorruptModelError, NotFittedError, ParameterError

if TYPE_CHECKING:
    from .encoding.encoder import Encoder
    from .encoding.schema import Schema
    from .model.model import Model


class Persistent(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator that can be saved when it is fitted, and loaded."""

    schema_: Schema
    n_features_in_: int
    history_: list[dict[str, Any]]
    trained_: bool
    finished_: bool
    _encoder: Encoder
    _model: Model
    _seed: np.random.SeedSequence

    def _finish(self) -> None:
        """Make the learned public; from now on the estimator counts as fitted."""
        self.schema_ = self._encoder.schema

    def _check_fitted(self) -> None:
        if not hasattr(self, "schema_"):
            name = type(self).__name__
            raise NotFittedError(f"this {name} is not fitted yet; call fit(df) first, or {name}.load(path)")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "schema_")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the fitted estimator as a directory: `model.json` and safetensors files, no code.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ModelFileError
            If the directory cannot be written, or holds something else.
        """
        self._check_fitted()
        from . import bundle

        params = {name: _plain(name, value) for name, value in self.get_params(deep=False).items()}
        encoder, arrays = self._encoder.state()
        parts: dict[str, bundle.Arrays] = {"encoder": arrays, "model": self._model.arrays()}
        document = {
            "class": type(self).__name__,
            "params": params,
            "features": self.n_features_in_,
            "names": list(getattr(self, "feature_names_in_", [])),
            "seed": [str(self._seed.entropy), list(self._seed.spawn_key)],
            "encoder": encoder,
            "model": self._model.to_dict(),
            "schema": self.schema_.to_dict(),
            "history": [{name: _plain(name, value) for name, value in row.items()} for row in self.history_],
            "trained": self.trained_,
            "finished": self.finished_,
        }
        bundle.write(path, document, parts, __version__)

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: str | None = None) -> Self:
        """Load what `save` wrote.

        Parameters
        ----------
        path : path-like
            The directory.
        device : str, optional
            Where the networks run from now on; as when saved if not given.

        Raises
        ------
        NotAModelError, NewerFormatError, CorruptModelError
            If the path holds no model, one of a newer tsgan, or a damaged one.
        """
        from . import bundle
        from .encoding.encoder import Encoder
        from .model.model import Model
        from .model.runtime import pick_device

        document, parts = bundle.read(path)
        try:
            kind = str(document["class"])
            if kind != cls.__name__:
                raise CorruptModelError(f"{path} holds a {kind}; load it with {kind}.load")
            self = cls(**_given(document["params"]))
            if device is not None and "device" in document["params"]:
                self.set_params(device=device)
            self._seed = np.random.SeedSequence(int(document["seed"][0]), spawn_key=tuple(document["seed"][1]))
            self._encoder = Encoder.from_state(document["encoder"], parts["encoder"])
            self.n_features_in_ = int(document["features"])
            if document["names"]:
                self.feature_names_in_ = np.array(document["names"], dtype=object)
            pick_device(getattr(self, "device", "cpu"))
            self._model = Model.from_dict(document["model"], parts["model"], self._encoder.layout)
            self.history_, self.trained_ = list(document["history"]), bool(document["trained"])
            self.finished_ = bool(document["finished"])
            self._finish()
        except ParameterError:
            raise  # the device that was asked for
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
            raise CorruptModelError(f"{path}: model.json does not describe a whole model ({error!r})") from error
        return self


def _plain(name: str, value: Any) -> Any:
    """Return a parameter as JSON can hold it; what cannot be saved (callbacks, generators) becomes None."""
    if name == "callbacks" or isinstance(value, np.random.Generator | np.random.RandomState):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    from .constraints.base import Constraint

    if isinstance(value, Constraint):
        return {"constraint": value.to_dict()}
    if isinstance(value, Mapping):
        return {"by column": [[_plain(name, key), _plain(name, item)] for key, item in value.items()]}
    if isinstance(value, tuple | list | np.ndarray):
        return [_plain(name, item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value  # an infinite bound is none


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as they were before `_plain`."""
    from .constraints.chain import read_constraint

    def read(value: Any) -> Any:
        if isinstance(value, dict) and "constraint" in value:
            return read_constraint(value["constraint"])
        if isinstance(value, dict):
            return {key: tuple(item) if isinstance(item, list) else item for key, item in value["by column"]}
        return [read(item) for item in value] if isinstance(value, list) else value

    return {name: read(value) for name, value in params.items()}
