"""What an estimator does that is fitted: encode, sample, continue, fill, score; save and load.

It composes the rooms below and computes nothing itself; torch is imported when it is needed. A model is saved as a
directory of JSON and safetensors, without code (`bundle`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from ..errors import NotFittedError, ParameterError, number

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.utils import Tags

    from ..encoding.encoder import Encoder
    from ..encoding.schema import Schema
    from ..evaluation.report.report import Report
    from ..model.callbacks import Row
    from ..model.model import Model
    from ..panel import Panel, Windows
    from ..tables.formats.base import Format
    from ..tables.keys import Keys
    from .drawing import Blocks, Drawer, Order


Bounds = Mapping[str, tuple[float | None, float | None]]
EXCERPT = 400_000  # rows that the columns and the law of a larger table are learned from
TRIED_ROWS = 32  # of each sequence that a loaded model draws at most, to see whether it can
CALIBRATION_ROWS, CALIBRATION_CELLS = 50_000, 5_000_000  # rows that marginals are compared on, and cells of wide ones
RandomState = int | np.random.Generator | np.random.RandomState | None


class Synthesizer(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What a fitted estimator does: tables are encoded, sequences drawn and decoded; it is saved, and loaded."""

    schema_: Schema
    format_: Format | None  # of the table, where it was of one of `tsgan.formats`
    n_features_in_: int
    fitted_: dict[str, int]  # how many rows and sequences
    history_: list[Row]
    trained_: bool
    finished_: bool
    interrupted_: bool  # whether training was stopped from outside
    _encoder: Encoder
    _model: Model
    _seed: np.random.SeedSequence

    def _check_arguments(self) -> None:
        """Check what the constructor got."""

    def _finish(self) -> None:
        """Make the learned public; from now on the estimator counts as fitted."""
        self.schema_ = self._encoder.stages.schema
        self.format_ = self._encoder.stages.frame.format

    def _check_fitted(self) -> None:
        if not hasattr(self, "schema_"):
            name = type(self).__name__
            raise NotFittedError(f"this {name} is not fitted yet; call fit(df) first, or {name}.load(path)")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "schema_")

    def save(self, path: str | os.PathLike[str], report: Report | Mapping[str, Any] | None = None) -> None:
        """Save the fitted estimator as a directory: `model.json`, safetensors files and a card, no code.

        The card, `README.md`, says what the model was fitted on and how; one that is there keeps what is written below
        its mark. The checkpoint of the fit, if it has one and was not interrupted, is removed.

        Parameters
        ----------
        path : path-like
            The directory: new, empty, or one that holds a model, which is then replaced.
        report : Report or dict, optional
            What `evaluate` found of a table that it drew, or its `to_dict()`: scores for the card.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ModelFileError
            If the directory cannot be written, or holds something else.
        InputError
            If the report is none, or judges columns that are not drawn.

        Warns
        -----
        TsganWarning
            If there is a `README.md` that is no card of tsgan's: it is left as it is.
        """
        self._check_fitted()
        from ..model import checkpoints
        from .saving import lasting, write

        params = {**self.get_params(deep=False), "checkpoint": None}  # a folder of this machine's
        learned = {
            "params": {name: lasting(value) for name, value in params.items()},
            "features": self.n_features_in_,
            "names": list(getattr(self, "feature_names_in_", [])),
            "seed": [str(self._seed.entropy), list(self._seed.spawn_key)],
            "fitted": self.fitted_,
            "history": self.history_,
            "trained": self.trained_,
            "finished": self.finished_,
            "interrupted": self.interrupted_,
            "encoder": self._encoder.stages,
            "model": self._model.networks(),
        }
        write(path, self, learned, report)
        if (done := self.__dict__.pop("_checkpoint", None)) is not None:
            checkpoints.remove(done)

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: str | None = None, *, check: bool = True) -> Self:
        """Load what `save` wrote.

        Parameters
        ----------
        path : path-like
            The directory.
        device : str, optional
            Where the networks draw from now on, wherever they were taught; the `device` of the fit if not given.
        check : bool
            Whether `model.json` must be as it was saved; False reads one that was edited on purpose.

        Raises
        ------
        NotAModelError, NewerFormatError, CorruptModelError
            If the path holds no model, one of a newer tsgan, or a damaged one.
        ParameterError
            If the device cannot be used here.
        """
        from ..encoding.encoder import Encoder
        from ..model.model import Model
        from ..model.runtime import pick_device
        from .saving import reading

        if device is not None:
            pick_device(device)
        with reading(path, cls.__name__, check) as read:
            self = cls(**read["params"])
            if device is not None and "device" in read["params"]:
                self.set_params(device=device)
            self._check_arguments()
            self._seed = np.random.SeedSequence(int(read["seed"][0]), spawn_key=tuple(read["seed"][1]))
            self._encoder = Encoder.of(read["encoder"])
            self._name_features()
            if read["features"] != self.n_features_in_ or read["names"] != list(getattr(self, "feature_names_in_", [])):
                raise ValueError("features and names are not those of the encoder")
            self._model = Model.of(read["model"], self._encoder.stages.layout)
            self.history_, self.trained_, self.finished_ = read["history"], read["trained"], read["finished"]
            self.interrupted_, self.fitted_ = read["interrupted"], read["fitted"]
            self._finish()
            self._try()
        self._model = self._model.at(getattr(self, "device", "cpu"))
        return self

    def _try(self) -> None:
        """Draw a few rows: what is checked part by part also has to go together."""
        length = None if self._drawer.longest(None) <= TRIED_ROWS else TRIED_ROWS
        try:
            self.sample(2, length, random_state=0)
        except Exception as error:
            raise ValueError(f"no rows can be drawn, parts of it do not go together: {error!r}") from error

    def _encode(self, X: Any) -> Windows:
        """Fit the encoder, and cut the panel into windows."""
        from ..encoding.encoder import Encoder
        from ..tables.sources import in_parts

        roles = ("entity", "time", "static", "exclude", "metadata")
        names = (*roles, "constraints", "calendar", "window", "stride", "scaler", "bounds", "kinds", "protect", "other")
        self.__dict__.pop("schema_", None)  # the mark of a finished fit
        rng = np.random.default_rng(self._seed.spawn(1)[0])
        self._encoder = Encoder(**{name: getattr(self, name) for name in names})
        panel = self._encode_to_disk(X, rng) if in_parts(X) else self._encoder.fit(X).learn(X)
        self._name_features()
        return self._encoder.windows(panel)

    def _name_features(self) -> None:
        """Say which columns there are, as scikit-learn does."""
        columns = self._encoder.columns
        self.n_features_in_ = len(columns)
        self.__dict__.pop("feature_names_in_", None)
        if all(isinstance(name, str) for name in columns):
            self.feature_names_in_ = np.array(columns, dtype=object)

    def _encode_to_disk(self, source: Any, rng: np.random.Generator) -> Panel:
        """Fit the encoder to an excerpt of a table in parts; return all of it on disk."""
        from ..tables.parts import Parts, draw_excerpt, encode_to_disk

        self._parts = Parts(source, self.entity, self.time)
        excerpt = draw_excerpt(self._parts, EXCERPT, rng)
        stretches = None if excerpt.whole else excerpt.lengths
        encoder = self._encoder.fit(excerpt.frame, stretches=stretches, whole=self._parts.lengths)
        return encode_to_disk(self._parts, encoder.learn)

    def _release(self) -> None:
        """Remove what a table in parts left on disk."""
        parts = self.__dict__.pop("_parts", None)
        if parts is not None:
            parts.close()

    @property
    def _drawer(self) -> Drawer:
        from .drawing import Drawer

        return Drawer(self._encoder, self._model)

    def _calibrate(self, windows: Windows, deadline: float) -> None:
        """Learn what carries drawn marginals to the observed ones, from a draw as large as worthwhile, in time."""
        from .drawing import Order

        steps = int(windows.lengths.mean().round()) if len(windows.panel) == 1 else int(windows.panel.lengths.mean())
        start = "like-real" if self._encoder.stages.stamped else None
        rows = min(CALIBRATION_ROWS, CALIBRATION_CELLS // max(len(self._encoder.stages.layout.cells), 1))
        order = Order(max(2, rows // max(steps, 1)), start=start)
        drawn = []
        for panel, _, _ in self._drawer.panels(order, self._seed.spawn(1)[0]):
            drawn.append(panel)
            if time.monotonic() >= deadline:
                break
        self._encoder.calibrate(drawn)

    def sample(
        self,
        n: int | None = None,
        length: int | None = None,
        *,
        start: Any = None,
        where: Mapping[str, Any] | None = None,
        static: Any = None,
        random_state: RandomState = None,
    ) -> Any:
        """Draw synthetic sequences, in the form of the fitted table.

        Parameters
        ----------
        n : int, optional
            Number of sequences; 1, or as many as `static` has rows.
        length : int, optional
            Steps of each. By default lengths are drawn as learned; for one long series they are those of a window.
        start : Timestamp, str, number or "like-real", optional
            First time stamp of each sequence; "like-real" draws it as in the data. By default it is drawn where real
            sequences start at different moments or several stretches of one long series are asked for, else the first
            observed one.
        where : mapping of column to value, optional
            What the sequences fulfil: values of static columns, and levels of categories, which then hold on every
            row; a list of levels means any of them. What is left open is drawn as learned, given the condition.
        static : DataFrame, optional
            One sequence is drawn for each of its rows, with these values in the static columns; static columns that
            it does not have, or that are missing in a row, are drawn as learned. A column of the entity is left out
            of account: keys are new.
        random_state : int, Generator or None
            The same int gives the same table each time, whatever ran before. None takes the estimator's own
            `random_state` (so that a second call gives the same table again), or fresh entropy where that is None.

        Returns
        -------
        DataFrame or array
            A DataFrame has the fitted columns, dtypes and kind of index. With an entity column, sequences have new
            keys in it; without one, the index gets an outer level `sequence`, left out for `n=1`. A 2-D array comes
            back as `(length, features)` for `n=1`, else `(n, length, features)`; text as a string, or a list of them.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ParameterError
            If an argument has a value that is not allowed; a condition that does not exist lists what does.
        """
        drawn = self.blocks(n, length, start=start, where=where, static=static, random_state=random_state)
        (table,) = drawn.pieces()
        return table

    def sample_iter(
        self,
        n: int,
        chunk: int = 10_000,
        length: int | None = None,
        *,
        start: Any = None,
        where: Mapping[str, Any] | None = None,
        static: Any = None,
        before: int = 0,
        random_state: RandomState = None,
    ) -> Iterator[Any]:
        """Draw what `sample` draws, in pieces of about `chunk` sequences: only one of them is held in memory.

        Parameters
        ----------
        n : int
            Number of sequences in all.
        chunk : int
            Sequences of a piece at most (pieces end where a block of random numbers does, so they may be smaller).
        length, start, where, static, random_state
            As in `sample`; the pieces put together are what it returns for the same seed.
        before : int
            Sequences that were drawn before these: keys, and numbers of the level `sequence`, go on after them.

        Yields
        ------
        DataFrame or array
            Keys, and numbers of the level `sequence`, go on from piece to piece.
        """
        drawn = self.blocks(n, length, start=start, where=where, static=static, random_state=random_state)
        number("chunk", chunk, 1, whole=True)
        number("before", before, 0, whole=True)
        return drawn.pieces(int(chunk), sequences=int(before))

    def blocks(
        self,
        n: int | None = None,
        length: int | None = None,
        *,
        start: Any = None,
        where: Mapping[str, Any] | None = None,
        static: Any = None,
        random_state: RandomState = None,
    ) -> Blocks:
        """Ask for what `sample` draws, and draw nothing yet: blocks of it can be drawn apart (`tsgan.scale`).

        Parameters
        ----------
        n, length, start, where, static, random_state
            As in `sample`.

        Returns
        -------
        Blocks

        Raises
        ------
        NotFittedError, ParameterError
            As in `sample`.
        """
        from ..model.runtime import streams
        from .drawing import Blocks

        order = self._order(n, length, start, where, static)
        return Blocks(self._drawer, order, streams(self.random_state if random_state is None else random_state, 1))

    def take_keys(self, keys: Keys) -> Self:
        """Make new keys of the entity as of a larger table, of which the fitted one was a part.

        Parameters
        ----------
        keys : Keys
            `Keys.fit` of the larger table's entities.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        self._check_fitted()
        self._encoder.take_keys(keys)
        return self

    def continue_from(self, past: Any, steps: int, n: int = 1, *, random_state: RandomState = None) -> Any:
        """Draw what may come after a given past: `n` futures of `steps` steps for each of its sequences.

        The generator reads the past, row by row, and then runs on.

        Parameters
        ----------
        past : DataFrame, array or text
            The last rows of one or several sequences, in the fitted form; as many as a window, or more, say all that
            matters.
        steps : int
        n : int
            Futures of each sequence.
        random_state : int, Generator or None
            As in `sample`.

        Returns
        -------
        DataFrame or array
            Only the new rows. Time goes on where the past ended, keys are those of the past; with `n` above 1 the
            index gets an outer level `future`, and of data that are no frame (`tsgan.formats`) there is a list of `n`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError, SchemaError
            If the past is not in the fitted form.
        ParameterError
            If an argument has a value that is not allowed.
        """
        from ..model.runtime import streams
        from .drawing import futures

        self._check_fitted()
        number("steps", steps, 1, whole=True)
        number("n", n, 1, whole=True)
        seed = streams(self.random_state if random_state is None else random_state, 2)
        return futures(self._encoder, self._model, past, int(steps), int(n), seed)

    def fill(self, X: Any, *, random_state: RandomState = None) -> Any:
        """Draw what is missing in a table, given what is there before, beside and after it.

        Known cells are put in their place in the model's chain; particles that are weighted by how likely they make
        what is known carry the rest ("particle smoothing", `model.particles`).

        Parameters
        ----------
        X : DataFrame or array
            In the fitted form, with missing values.
        random_state : int, Generator or None
            As in `sample`.

        Returns
        -------
        DataFrame or array
            `X` with its missing values drawn, all other values untouched; columns without any value stay missing.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError, SchemaError
            If `X` is not in the fitted form.
        """
        from ..model.runtime import streams
        from .drawing import filled

        self._check_fitted()
        seed = streams(self.random_state if random_state is None else random_state, 2)
        return filled(self._encoder, self._model, X, seed)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return how likely each row is, given the rows of its sequence before it.

        Parameters
        ----------
        X : DataFrame or array
            In the fitted form; values may be missing.

        Returns
        -------
        float64 array of shape (rows,), in the order of the rows of `X`; (sequences, time) for a 3-D array
            Log-likelihood in nats. It is of a mixed measure: the density of the scaled numbers that are continuous, the
            probability of all that is not (levels, atoms, "stays as it was", missing). Compare rows of one table with
            one another; what is low is unusual.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError, SchemaError
            If `X` is not in the fitted form, or holds a level that was never seen.
        """
        self._check_fitted()
        panel, place = self._encoder.placed(X)
        out = np.empty(len(panel.values))
        out[place] = self._model.score(panel).sum(axis=1)
        return out.reshape(X.shape[:2]) if isinstance(X, np.ndarray) and X.ndim == 3 else out

    def _order(self, n: int | None, length: int | None, start: Any, where: Any, static: Any) -> Order:
        """Check and translate what is asked for."""
        from .drawing import Order

        self._check_fitted()
        condition = self._encoder.condition(where, static)
        if static is not None and n is not None and n != len(static):
            raise ParameterError(f"n={n} and static= with {len(static)} rows do not agree; leave n out")
        n = n if n is not None else 1 if static is None else len(static)
        number("n", n, 1, whole=True)
        number("length", length, 1, whole=True, none=True)
        return Order(int(n), None if length is None else int(length), start, condition)

    def score(self, X: Any, y: object = None) -> float:
        """Return how hard synthetic sequences are to tell from `X`; 1 is best, 0 is "always told apart".

        It is `2 (1 - AUC)` of the strong judge (`evaluate`'s `two_sample`), at most 1, against a fresh sample of the
        size of `X`: higher is better, for use in a grid search. `X` need not be the fitted table: levels that were
        never seen, or values that are missing where none were, lower the score as all that is never drawn does.

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
            If `X` has other columns, or too few rows to be cut in two.
        """
        from ..evaluation.evaluate import closeness  # the one place where an estimator calls the judge
        from ..tables.frames import read_frame

        self._check_fitted()
        _, _, lengths = self._encoder.stages.take_apart(X)
        single = len(lengths) == 1
        made = self.sample(1 if single else len(lengths), int(lengths[0]) if single else None, random_state=0)
        stages = self._encoder.stages
        options: Any = stages.options
        X, made = (read_frame(table, stages.frame)[0] for table in (X, made))
        return closeness(X, made, entity=options.entity, time=options.time, static=list(options.static))

    def plot_history(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw `history_`: losses and held-back likelihood over the steps of each stage, and what was kept.

        Parameters
        ----------
        path : str or path, optional
            Where to write it: a name that ends in .png, .svg or .pdf.

        Returns
        -------
        matplotlib.figure.Figure or None
            None where it was written to `path`. The figure is shown by notebooks, and by nothing else.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            If nothing was trained.
        ParameterError
            If `path` has another ending.
        ImportError
            If matplotlib is not installed: ``pip install tsgan[report]``.
        """
        from ..evaluation.report.training import plot_history

        self._check_fitted()
        return plot_history(self.history_, self.finished_, path)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        tags.input_tags.three_d_array = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags
