"""What all estimators share (encode, sample, save, load, score), and the closed form as an estimator by itself.

They compose the rooms below and compute nothing themselves; torch is imported when it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator

from . import __version__
from .errors import CorruptModelError, NotFittedError, ParameterError, number

if TYPE_CHECKING:
    from sklearn.utils import Tags

    from .encoding.encoder import Encoder
    from .encoding.schema import Schema
    from .panel import Panel, Windows
    from .process import LinearGaussianProcess

Bounds = Mapping[str, tuple[float | None, float | None]]
RandomState = int | np.random.Generator | np.random.RandomState | None


class Synthesizer(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What all estimators share: a table is encoded, a law is learned, sequences are drawn and decoded."""

    schema_: Schema
    n_features_in_: int
    _encoder: Encoder
    _process: LinearGaussianProcess | None
    _seed: np.random.SeedSequence

    def _encode(self, X: Any) -> Windows:
        """Fit the encoder and cut the panel into windows."""
        from .encoding.encoder import Encoder
        from .runtime import streams

        names = ("entity", "time", "static", "window", "stride", "scaler", "bounds")
        self.__dict__.pop("schema_", None)  # the mark of a finished fit
        self._seed = streams(self.random_state)
        self._encoder = Encoder(**{name: getattr(self, name) for name in names}).fit(X)
        columns = list(getattr(X, "columns", ()))
        self.n_features_in_ = len(columns) or int(np.shape(X[0] if isinstance(X, list) else X)[-1])
        self.__dict__.pop("feature_names_in_", None)
        if columns and all(isinstance(name, str) for name in columns):
            self.feature_names_in_ = np.array(columns, dtype=object)
        return self._encoder.windows(self._encoder.encode(X))

    def _finish(self) -> None:
        """Make the learned public; from now on the estimator counts as fitted."""
        self.schema_ = self._encoder.schema

    def sample(
        self, n: int = 1, length: int | None = None, *, start: Any = None, random_state: RandomState = None
    ) -> Any:
        """Draw synthetic sequences, in the form of the fitted table.

        Parameters
        ----------
        n : int
            Number of sequences.
        length : int, optional
            Steps of each. By default lengths are drawn as learned; for one long series they are those of a window.
        start : Timestamp, str or number, optional
            First time stamp of each sequence; by default the first observed one.
        random_state : int, Generator or None
            The same int gives the same table each time, whatever ran before. None takes the estimator's own
            `random_state` (so that a second call gives the same table again), or fresh entropy where that is None.

        Returns
        -------
        DataFrame or array
            A DataFrame has the fitted columns, dtypes and kind of index. With an entity column, sequences have new
            keys in it; without one, the index gets an outer level `sequence`, left out for `n=1`. A 2-D array comes
            back as `(length, features)` for `n=1`, else `(n, length, features)`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ParameterError
            If an argument has a value that is not allowed.
        """
        self._check_fitted()
        number("n", n, 1, whole=True)
        number("length", length, 1, whole=True, none=True)
        from .panel import Panel
        from .runtime import streams

        asked = self.random_state if random_state is None else random_state
        panel = Panel.join(list(self._draw(int(n), length, streams(asked, 1))))
        return self._encoder.decode(panel, start=start, squeeze=n == 1)

    def _draw(self, n: int, length: int | None, seed: np.random.SeedSequence) -> Iterator[Panel]:
        from .sampling import draw

        layout, lengths, window = self._encoder.layout, self._encoder.lengths, self._encoder.window
        learned = length is None and layout.length_block is not None
        several = length is None and not learned and len(lengths) > 1
        longest = length or int(lengths.max() if learned or several else window)

        def make(count: int, steps: int, rng: np.random.Generator) -> Panel:
            from .panel import Panel

            own = np.full(count, steps, dtype=np.int64)
            if several:
                own = rng.choice(lengths, size=count)
            values, statics = self._channels(count, int(own.max()), rng)
            if learned:
                own = layout.lengths_of(statics)
            return Panel.from_dense(values, own, statics)

        return draw(make, n, longest, layout.channels + 32, seed)

    def _channels(self, count: int, steps: int, rng: np.random.Generator) -> tuple[Any, Any]:
        """Draw channels `(count, steps, C)` and statics `(count, S)` of the closed form."""
        from .process import to_channels

        assert self._process is not None
        layout = self._encoder.layout
        latents, statics = self._process.draw(count, steps, rng)
        flat = to_channels(latents.reshape(count * steps, -1), layout.blocks)
        return flat.reshape(count, steps, -1), to_channels(statics, layout.statics)

    def score(self, X: Any, y: object = None) -> float:
        """Return how hard synthetic sequences are to tell from `X`; 1 is best, 0 is "always told apart".

        It is `2 (1 - AUC)` of the strong judge (`evaluate`'s `two_sample`), at most 1, against a fresh sample of the
        size of `X`: higher is better, for use in a grid search. `X` need not be the fitted table.

        Parameters
        ----------
        X : DataFrame or array
            A table with the fitted columns.
        y : object
            Ignored.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError, SchemaError
            If `X` has other columns, values that were never seen, or too few rows to be cut in two.
        """
        from .evaluation.closeness import closeness  # the one place where an estimator calls the judge

        self._check_fitted()
        panel = self._encoder.encode(X)
        single = len(panel) == 1
        made = self.sample(1 if single else len(panel), len(panel.values) if single else None, random_state=0)
        return closeness(X, made, entity=self.entity, time=self.time, static=self.static)

    def _check_fitted(self) -> None:
        if not hasattr(self, "schema_"):
            name = type(self).__name__
            raise NotFittedError(f"this {name} is not fitted yet; call fit(df) first, or {name}.load(path)")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "schema_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        tags.input_tags.three_d_array = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

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
        parts: dict[str, bundle.Arrays] = {"encoder": arrays}
        if self._process is not None:
            parts["process"] = self._process.arrays()
        parts |= self._learned()
        document = {
            "class": type(self).__name__,
            "params": params,
            "features": self.n_features_in_,
            "names": list(getattr(self, "feature_names_in_", [])),
            "seed": [str(self._seed.entropy), list(self._seed.spawn_key)],
            "encoder": encoder,
            "schema": self.schema_.to_dict(),
            "history": getattr(self, "history_", []),
            "trained": getattr(self, "trained_", False),
        }
        bundle.write(path, document, parts, __version__)

    def _learned(self) -> dict[str, dict[str, Any]]:
        return {}

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
        from .process import LinearGaussianProcess

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
            found = parts.get("process")
            self._process = None if found is None else LinearGaussianProcess.from_arrays(found, self._encoder.layout)
            self._restore(document, parts, str(path))
            self._finish()
        except ParameterError:
            raise  # the device that was asked for
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
            raise CorruptModelError(f"{path}: model.json does not describe a whole model ({error!r})") from error
        return self

    def _restore(self, document: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]], where: str) -> None:
        """Rebuild what `_learned` gave."""


class GaussianCopulaProcess(Synthesizer):
    """The closed form: rank-gaussian columns on a linear-Gaussian process, fitted in seconds without training.

    It is the baseline that a trained model has to beat, and what `RecurrentGAN` starts from ("Copula Processes",
    Wilson & Ghahramani, 2010, https://arxiv.org/abs/1006.1350; on vector autoregressive noise for long windows).

    Parameters
    ----------
    entity : str, optional
        Column that tells sequences apart; without it, and without an outer index level named ``sequence``, the table
        is one long series.
    time : str, optional
        Column that orders the steps; a DatetimeIndex needs no naming.
    static : list of str, optional
        Columns with one value per entity.
    window : int, optional
        Steps that are modelled together; 24 for a long series, whole sequences up to 64 steps.
    stride : int
        Steps between the starts of windows.
    scaler : str or mapping
        A scaler for all columns or by column: "auto", "standard", "minmax", "robust", "power" or "quantile".
    bounds : "observed", None or mapping
        Range of decoded numbers: as observed, free, or `(low, high)` by column.
    regimes : int or "auto"
        Number of normal laws that are mixed; 1 is the plain Gaussian copula process.
    random_state : int, Generator or None
        Seed of everything random.

    Attributes
    ----------
    schema_ : Schema
        What was learned about each column; print it.
    n_features_in_ : int
    feature_names_in_ : array of str
        Where all columns have text names.

    Examples
    --------
    >>> from tsgan import GaussianCopulaProcess, datasets
    >>> df = datasets.load("seattle_weather")
    >>> GaussianCopulaProcess(time="date", random_state=0).fit(df).sample(1, length=7).shape
    (7, 6)
    """

    def __init__(
        self,
        *,
        entity: str | None = None,
        time: str | None = None,
        static: Sequence[str] | None = None,
        window: int | None = None,
        stride: int = 1,
        scaler: str | Mapping[str, str] = "quantile",
        bounds: Literal["observed"] | Bounds | None = "observed",
        regimes: int | Literal["auto"] = 1,
        random_state: RandomState = None,
    ) -> None:
        self.entity = entity
        self.time = time
        self.static = static
        self.window = window
        self.stride = stride
        self.scaler = scaler
        self.bounds = bounds
        self.regimes = regimes
        self.random_state = random_state

    def fit(self, X: Any, y: object = None) -> Self:
        """Learn a table.

        Parameters
        ----------
        X : DataFrame or array
            A DataFrame, an array `(time, features)` of one series, or `(sequences, time, features)`.
        y : object
            Ignored.

        Raises
        ------
        InputError, SchemaError
            If the table cannot be used; the message names the column, entity or value and what to do.
        ParameterError
            If an argument has a value that is not allowed.
        """
        from .process import LinearGaussianProcess, check_regimes

        check_regimes(self.regimes)
        windows = self._encode(X)
        rng = np.random.default_rng(self._seed.spawn(1)[0])
        self._process = LinearGaussianProcess.fit(windows, self._encoder.layout, rng, self.regimes)
        self._finish()
        return self


def _plain(name: str, value: Any) -> Any:
    """Return a parameter as JSON can hold it; what cannot be saved (callbacks, generators) becomes None."""
    if name == "callbacks" or isinstance(value, np.random.Generator | np.random.RandomState):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {"by column": [[_plain(name, key), _plain(name, item)] for key, item in value.items()]}
    if isinstance(value, tuple | list | np.ndarray):
        return [_plain(name, item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value  # an infinite bound is none


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as they were before `_plain`."""
    return {
        name: {key: tuple(item) if isinstance(item, list) else item for key, item in value["by column"]}
        if isinstance(value, dict)
        else value
        for name, value in params.items()
    }
