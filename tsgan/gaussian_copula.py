"""The closed form as an estimator by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from .synthesizer import EXCERPT, Bounds, RandomState, Synthesizer

if TYPE_CHECKING:
    from .constraints.base import Constraint
    from .panel import Floats, Given


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
    exclude : list of str, optional
        Columns to leave out: identifiers, free text.
    constraints : list of Constraint or "suggest", optional
        What every row keeps to: `Inequality`, `FixedSum`, `Monotone`, `Fixed`, `Derived`, `Range`.
    calendar : "auto", False or list of str
        Parts of the calendar that are known of each step ("hour", "weekday", "season"); auto: those that explain it.
    window : int, optional
        Steps that are modelled together; 24 for a long series, whole sequences up to 64 steps.
    stride : int
        Steps between the starts of windows.
    scaler : str or mapping
        A scaler for all columns or by column: "auto", "standard", "minmax", "robust", "power", "log" or "quantile".
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
        exclude: Sequence[str] | None = None,
        constraints: Sequence[Constraint] | Literal["suggest"] | None = None,
        calendar: Literal["auto", False] | Sequence[str] = "auto",
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
        self.exclude = exclude
        self.constraints = constraints
        self.calendar = calendar
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
        X : DataFrame, array, path or iterable of DataFrames
            A DataFrame (of pandas, polars, Arrow ...), an array `(time, features)` of one series, or `(sequences,
            time, features)`; or, of a table larger than memory, a folder of parquet files, a list of such files, or
            an iterable of frames.
        y : object
            Ignored.

        Raises
        ------
        InputError, SchemaError
            If the table cannot be used; the message names the column, entity or value and what to do.
        ParameterError
            If an argument has a value that is not allowed.
        """
        from .laws.process import LinearGaussianProcess, check_regimes

        check_regimes(self.regimes)
        try:
            windows = self._encode(X)
            rng = np.random.default_rng(self._seed.spawn(1)[0])
            some = windows.excerpt(EXCERPT, rng)
            self._process = LinearGaussianProcess.fit(some, self._encoder.layout, rng, self.regimes)
            self._settle(windows)
        finally:
            self._release()
        self._finish()
        return self

    def _channels(self, given: Given, rng: np.random.Generator) -> Floats:
        """Draw channels `(n, T, C)`."""
        from .layout import to_channels

        assert self._process is not None
        latents = self._process.draw(given, rng)
        rows, size = latents.shape[0] * latents.shape[1], latents.shape[2]
        flat = to_channels(latents.reshape(rows, size), self._encoder.layout.blocks)
        return flat.reshape(*given.shape, flat.shape[1])
