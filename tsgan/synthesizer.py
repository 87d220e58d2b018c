"""What all estimators share: encode, sample, continue, fill, score.

They compose the rooms below and compute nothing themselves; torch is imported when it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ParameterError, number
from .persistence import Persistent

if TYPE_CHECKING:
    from sklearn.utils import Tags

    from .drawing import Drawer, Order
    from .history import Correct
    from .laws.process import LinearGaussianProcess
    from .panel import Floats, Given, Panel, Windows

Bounds = Mapping[str, tuple[float | None, float | None]]
EXCERPT = 400_000  # rows that the columns and the law of a larger table are learned from
SETTLE = 100_000  # rows that marginals are compared on
RandomState = int | np.random.Generator | np.random.RandomState | None


class Synthesizer(Persistent):
    """What all estimators share: a table is encoded, a law is learned, sequences are drawn and decoded."""

    def _encode(self, X: Any) -> Windows:
        """Fit the encoder and the law of the statics, and cut the panel into windows."""
        from .encoding.encoder import Encoder
        from .laws.statics import StaticLaw
        from .parts.sources import in_parts
        from .runtime import streams

        roles = ("entity", "time", "static", "exclude")
        names = (*roles, "constraints", "calendar", "window", "stride", "scaler", "bounds")
        self.__dict__.pop("schema_", None)  # the mark of a finished fit
        self._seed = streams(self.random_state)
        rng = np.random.default_rng(self._seed.spawn(1)[0])
        self._encoder = Encoder(**{name: getattr(self, name) for name in names})
        panel = self._spool(X, rng) if in_parts(X) else self._encoder.fit(X).encode(X)
        columns = self._encoder.columns
        self.n_features_in_ = len(columns)
        self.__dict__.pop("feature_names_in_", None)
        if all(isinstance(name, str) for name in columns):
            self.feature_names_in_ = np.array(columns, dtype=object)
        self._statics = StaticLaw.fit(panel.statics, self._encoder.layout.statics, rng)
        return self._encoder.windows(panel)

    def _spool(self, source: Any, rng: np.random.Generator) -> Panel:
        """Fit the encoder to an excerpt of a table in parts; return all of it on disk."""
        from .drawing import at_random
        from .parts.excerpt import sample_of
        from .parts.spool import spool
        from .parts.table import Parts

        self._parts = Parts.open(source, self.entity, self.time)
        excerpt = sample_of(self._parts, EXCERPT, rng)
        pieces = None if excerpt.whole else excerpt.lengths
        encoder = self._encoder.fit(excerpt.frame, pieces=pieces, whole=self._parts.lengths)
        return spool(self._parts, lambda frame: at_random(encoder.encode(frame, rng), encoder.layout, rng))

    def _release(self) -> None:
        """Remove what a table in parts left on disk."""
        parts = self.__dict__.pop("_parts", None)
        if parts is not None:
            parts.close()

    @property
    def _drawer(self) -> Drawer:
        from .drawing import Drawer

        return Drawer(self._encoder, self._statics, self._channels, self._process)

    def _channels(self, given: Given, rng: np.random.Generator) -> Floats:
        """Draw channels `(n, T, C)`."""
        raise AssertionError("each estimator draws in its own way")

    def _settle(self, windows: Windows) -> None:
        """Learn what carries drawn marginals to the observed ones, from a draw as large as worthwhile."""
        from .drawing import Order

        drawer = self._drawer
        steps = int(windows.lengths.mean().round()) if len(windows.panel) == 1 else int(windows.panel.lengths.mean())
        order = Order(max(2, SETTLE // max(steps, 1)), start="like-real" if self._encoder.stamped else None)
        self._encoder.settle(drawer.panels(order, self._seed.spawn(1)[0]))

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
            back as `(length, features)` for `n=1`, else `(n, length, features)`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ParameterError
            If an argument has a value that is not allowed; a condition that does not exist lists what does.
        """
        from .runtime import streams

        order = self._order(n, length, start, where, static)
        seed = streams(self.random_state if random_state is None else random_state, 1)
        return self._encoder.compose(list(self._drawer.rows(order, seed)), squeeze=order.n == 1)

    def sample_iter(
        self,
        n: int,
        chunk: int = 10_000,
        length: int | None = None,
        *,
        start: Any = None,
        where: Mapping[str, Any] | None = None,
        static: Any = None,
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

        Yields
        ------
        DataFrame or array
            Keys, and numbers of the level `sequence`, go on from piece to piece.
        """
        from .runtime import streams

        order = self._order(n, length, start, where, static)
        number("chunk", chunk, 1, whole=True)
        seed = streams(self.random_state if random_state is None else random_state, 1)
        return self._pieces(order, int(chunk), seed)

    def _pieces(self, order: Order, chunk: int, seed: np.random.SeedSequence) -> Iterator[Any]:
        held: list[Any] = []
        before, count = (0, 0), 0
        for rows in self._drawer.rows(order, seed):
            if held and count + len(rows.lengths) > chunk:
                yield self._encoder.compose(held, squeeze=order.n == 1, before=before)
                before = before[0] + count, before[1] + sum(int(part.lengths.sum()) for part in held)
                held, count = [], 0
            held.append(rows)
            count += len(rows.lengths)
        yield self._encoder.compose(held, squeeze=order.n == 1, before=before)

    def continue_from(self, past: Any, steps: int, n: int = 1, *, random_state: RandomState = None) -> Any:
        """Draw what may come after a given past: `n` futures of `steps` steps for each of its sequences.

        The past is taken back to the noise that makes it, the noise is carried on, and the generator, its state set
        by the past, makes steps of it (`history.py`).

        Parameters
        ----------
        past : DataFrame or array
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
            index gets an outer level `future`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError, SchemaError
            If the past is not in the fitted form.
        ParameterError
            If an argument has a value that is not allowed, or noise is white, which has no memory.
        """
        from .drawing import futures

        self._check_fitted()
        number("steps", steps, 1, whole=True)
        number("n", n, 1, whole=True)
        return futures(self._encoder, self._memory(), past, int(steps), int(n), *self._noise(random_state))

    def fill(self, X: Any, *, random_state: RandomState = None) -> Any:
        """Draw what is missing in a table, given what is there on both sides.

        Steps of which nothing is known are drawn from the same law, by the same mechanism as futures; in a row that
        is known in part, missing numbers are drawn given the others and the rows beside it.

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
        ParameterError
            If noise is white, which has no memory.
        """
        from .drawing import filled

        self._check_fitted()
        return filled(self._encoder, self._memory(), X, *self._noise(random_state))

    def _memory(self) -> LinearGaussianProcess:
        if self._process is None:
            raise ParameterError("noise='white' has no memory to continue from; fit with noise='coloured'")
        return self._process

    def _noise(self, random_state: RandomState) -> tuple[np.random.SeedSequence, Correct | None]:
        from .runtime import streams

        seed = streams(self.random_state if random_state is None else random_state, 2)
        return seed, self._corrector(seed.spawn(1)[0])

    def _corrector(self, seed: np.random.SeedSequence) -> Correct | None:
        """Return what makes channels of latents, with the same noise each time; None where latents are all."""
        return None

    def _order(self, n: int | None, length: int | None, start: Any, where: Any, static: Any) -> Order:
        """Check and translate what is asked for."""
        from .drawing import Order

        self._check_fitted()
        condition = self._encoder.condition(where, static, self._statics.meets)
        if static is not None and n is not None and n != len(static):
            raise ParameterError(f"n={n} and static= with {len(static)} rows do not agree; leave n out")
        n = n if n is not None else 1 if static is None else len(static)
        number("n", n, 1, whole=True)
        number("length", length, 1, whole=True, none=True)
        return Order(int(n), None if length is None else int(length), start, condition)

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

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        tags.input_tags.three_d_array = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags
