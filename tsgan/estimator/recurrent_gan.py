"""`RecurrentGAN`: its arguments, the checks of them, and its fit."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from ..errors import ConstraintError, ParameterError, TsganWarning, choose, folder, functions, nearest_name, number
from ..metadata import Metadata, read
from .base import Bounds, RandomState, Synthesizer

if TYPE_CHECKING:
    from ..constraints.base import Constraint
    from ..model.callbacks import Row
    from ..model.model import Options

LEARNING, CARRYING = 0.9, 0.98  # shares of `max_time` after which nothing more is learned, or drawn to carry marginals
# what does not change the model that comes of the same time
PASSING = {"verbose", "callbacks", "checkpoint", "checkpoint_every", "device", "max_time", "random_state"}
LARGEST = 100_000  # sizes below it: beyond, memory ends in an error that names no argument


class RecurrentGAN(Synthesizer):
    """A recurrent Wasserstein GAN that learns a table of time series and draws synthetic ones.

    A recurrent generator gives, step by step and column by column, a distribution of what comes next. Its untrained
    start is a vector autoregression, fitted in closed form; the network on top of it is taught by likelihood on the
    real past, and finished against a recurrent critic (a "discriminator" without a sigmoid) on its own free runs. What
    does not raise the likelihood of rows that were held back is not returned.

    Few tables need more than the arguments under "Parameters". Under "Other Parameters" stand the advanced ones: of the
    table's columns and windows, of the networks, of the first stage, of the second.

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
    bounds : "observed", None or mapping
        Range of decoded numbers: as observed, free (None), or `(low, high)` by column. A column that rises or falls
        with time goes on beyond what was observed, unless its values pile up there; `schema_` says so.
    protect : int
        How many entities have to share what is told of single values: levels, the ends of columns, values that repeat,
        starts, lengths, combinations of levels. What fewer have counts as the nearest that is told; `schema_` says how
        much that is. Of one long series, or of fewer entities than twice as many, stretches of rows are counted
        instead, and what a sequence has one of (statics, starts, lengths) is told. With 0 all of it is told: an extreme
        of one person, a town of one, and the model folder then holds such values. This is no differential privacy.
    max_time : float, optional
        Seconds of the whole fit at most; the closed form and the marginals take what they take (hundreds of columns).
    steps : int, optional
        Steps of the first stage (likelihood) at most: 1000; the held-back likelihood ends it earlier where data are
        few. 0 leaves the closed form.
    random_state : int, Generator or None
        Seed of everything random.
    verbose : bool
        Show a progress bar.
    checkpoint : path-like, optional
        Folder in which to keep what a fit needs to go on: started again with the same arguments and table after it was
        killed, it ends in the same bits as one that was not, and takes what is left of `max_time`. One that is finished
        stays until `save`, and gives the same model at once; it is replaced where another table, other arguments, or no
        `random_state` are given, and where `max_time` or callbacks may have ended it. For one fit at a time, not for
        those of a search. It is as private as the table.
    checkpoint_every : float
        Seconds from one checkpoint to the next.
    device : str
        Where networks are taught and draw: "cpu" (on two cores where torch may use them), a GPU as "cuda" or
        "cuda:1", or "auto" for a GPU if there is one. The closed form is fitted on the CPU, and all that is random is
        drawn there, so that a seed gives the same on either, but for rounding, which many steps of training amplify.
        A GPU pays for large networks and batches. Apple's "mps" has no numbers of 64 bits, and is refused.

    Other Parameters
    ----------------
    calendar : "auto", False or list of str
        Parts of the calendar that are known of each step ("hour", "weekday", "season"); auto:
        those that explain it. Name them where you know that they matter and the schema shows none.
    scaler : str or mapping
        A scaler for all columns or by column: "auto", "standard", "minmax", "robust", "power", "log" or "quantile".
        Name one where the schema shows that a column was not taken for what it is.
    kinds : mapping, optional
        "category" or "number" by column of numbers, where the schema shows that one was not taken for what it is:
        ``{"code": "category"}``. Whole numbers that name things (codes of places, states) are categories by themselves
        where a text goes with them, or where they are few, uneven, and act on other columns in no order; a column that
        `scaler`, `bounds` or a rule other than `Fixed` names is a number.
    other : str, optional
        What text levels that `protect` withholds come back as; by default as levels that are kept, by their shares.
    metadata : Metadata, optional
        What `from_metadata` has read, with which `fit` compares the table.
    window : int, optional
        Steps that are modelled together; 24 for a long series, whole sequences up to 64 steps. Raise it where what
        matters lies farther apart than that; a state is carried on beyond it in any case.
    stride : int
        Steps between the starts of windows. Raise it to make few windows of a long series.
    cell : str
        "lstm", "gru" or "rnn", in generator and critic alike.
    hidden : int, optional
        Size of the recurrent state; by default 96, 128 or 192 by the number of rows. Lower it to sample faster, raise
        it where the held-back likelihood in `history_` still rises with it.
    layers : int
        Number of recurrent layers. More than one seldom pays.
    units : int, optional
        Hidden units of the chain over the columns of a row; by default 128, 256 or 512 by the number of rows. As
        `hidden`, for how columns depend on one another within a row. Of more columns than units, the columns of a block
        (columns / units of them) are drawn independently of one another, given all blocks before: 784 pixels of a frame
        take 256 units in blocks of 3. A row costs as many small steps as it has columns, for all sequences at once.
    mixture : int
        Normal laws that the distribution of a number is mixed of. Raise it for numbers with many modes.
    dropout : float, optional
        Share of units left out in training; by default it follows the distance between learned and held-back rows.
    batch_size : int, optional
        Windows of a step of the first stage; by default 128, fewer where windows are longer than 32 steps: as
        many as make 4,096 rows. Raise it on an accelerator.
    rate : float
        Learning rate of the first stage; it falls where the held-back likelihood does not rise any more. Lower it when
        training diverges.
    decay : float
        Weight decay.
    average : float
        Decay of the moving average of the weights, which is what is kept; 0 for none.
    clip : float, optional
        Largest norm of the gradient in the first stage; None for any.
    adversarial_steps : int, optional
        Steps of the second stage (a critic on free runs) at most; by default a quarter of the first stage's,
        and 75; none where the first stage learned nothing. 0 leaves the first stage alone, in about two thirds of the
        time.
    loss : str
        Of the critic: "wgan-gp", "wgan-lp", "gan", "hinge" or "relativistic".
    adversarial : float
        Length of the adversarial gradient, as a share of that of the likelihood beside it. Lower it when the held-back
        likelihood falls in the second stage.
    critic_steps : int
        Critic steps per generator step. Raise it when the generator outruns the critic.
    penalty : float, optional
        Weight of the gradient penalty; the loss's own default if not given. Raise it when critic scores explode.
    penalty_every : int
        Critic steps between penalties, each weighted as many times. 1 is the paper's way, and slower.
    exact_penalty : bool
        Take the penalty by double backward: slow, to check by.
    generator_rate : float
        Learning rate of the generator in the second stage.
    critic_rate : float
        Learning rate of the critic. Lower it when the critic wins too early (its loss runs away).
    callbacks : list of callable, optional
        Called with each new row of the history (`tsgan.model.callbacks.Row` says what is in it); returning True stops
        training. One that has methods ``begin(gan)`` and ``end(gan)`` is told when training begins and when the model
        is fitted. Ready-made: `tsgan.callbacks`.

    Attributes
    ----------
    schema_ : Schema
        What was learned about each column; print it.
    history_ : list of Row
        Losses and held-back likelihood by stage over training: `pandas.DataFrame(gan.history_)`, `plot_history()`.
    trained_ : bool
        Whether the trained network was kept, and not the closed form alone.
    finished_ : bool
        Whether the second stage was believed, and its generator kept.
    n_features_in_ : int
    feature_names_in_ : array of str
        Where all columns have text names.

    References
    ----------
    "Improved Training of Wasserstein GANs" (Gulrajani et al., 2017), https://arxiv.org/abs/1704.00028

    Examples
    --------
    >>> from tsgan import RecurrentGAN, datasets
    >>> df = datasets.load("seattle_weather")
    >>> gan = RecurrentGAN(time="date", steps=50, verbose=False, random_state=0).fit(df)  # doctest: +SKIP
    >>> gan.sample(1, length=7).shape  # doctest: +SKIP
    (7, 6)
    """

    history_: list[Row]
    trained_: bool
    finished_: bool

    def __init__(
        self,
        *,
        entity: str | None = None,
        time: str | None = None,
        static: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        constraints: Sequence[Constraint] | Literal["suggest"] | None = None,
        bounds: Literal["observed"] | Bounds | None = "observed",
        protect: int = 5,
        max_time: float | None = None,
        steps: int | None = None,
        random_state: RandomState = None,
        verbose: bool = True,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float = 60.0,
        device: str = "cpu",
        calendar: Literal["auto", False] | Sequence[str] = "auto",
        scaler: str | Mapping[str, str] = "auto",
        kinds: Mapping[str, str] | None = None,
        other: str | None = None,
        metadata: Metadata | None = None,
        window: int | None = None,
        stride: int = 1,
        cell: str = "lstm",
        hidden: int | None = None,
        layers: int = 1,
        units: int | None = None,
        mixture: int = 6,
        dropout: float | None = None,
        batch_size: int | None = None,
        rate: float = 4e-3,
        decay: float = 0.1,
        average: float = 0.99,
        clip: float | None = 5.0,
        adversarial_steps: int | None = None,
        loss: str = "wgan-gp",
        adversarial: float = 1.0,
        critic_steps: int = 8,
        penalty: float | None = None,
        penalty_every: int = 4,
        exact_penalty: bool = False,
        generator_rate: float = 2e-4,
        critic_rate: float = 2e-3,
        callbacks: Sequence[Callable[[Row], bool | None]] | None = None,
    ) -> None:
        self.entity = entity
        self.time = time
        self.static = static
        self.exclude = exclude
        self.constraints = constraints
        self.bounds = bounds
        self.protect = protect
        self.max_time = max_time
        self.steps = steps
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.device = device
        self.calendar = calendar
        self.scaler = scaler
        self.kinds = kinds
        self.other = other
        self.metadata = metadata
        self.window = window
        self.stride = stride
        self.cell = cell
        self.hidden = hidden
        self.layers = layers
        self.units = units
        self.mixture = mixture
        self.dropout = dropout
        self.batch_size = batch_size
        self.rate = rate
        self.decay = decay
        self.average = average
        self.clip = clip
        self.adversarial_steps = adversarial_steps
        self.loss = loss
        self.adversarial = adversarial
        self.critic_steps = critic_steps
        self.penalty = penalty
        self.penalty_every = penalty_every
        self.exact_penalty = exact_penalty
        self.generator_rate = generator_rate
        self.critic_rate = critic_rate
        self.callbacks = callbacks

    @classmethod
    def from_metadata(cls, metadata: Any, **params: Any) -> Self:
        """Take roles, kinds and ranges from what is written down of a table; `fit` then refuses one that differs.

        Parameters
        ----------
        metadata : path, dict, or object
            SDV's metadata (of one table), a Frictionless table schema, or a pandera schema: as a file, its content or
            the object; see `tsgan.metadata` for what becomes of what. Identifiers and personal columns are left out.
        **params
            Arguments of the constructor, which win over the metadata; `static`, which none of them knows, is one.

        Raises
        ------
        InputError
            If the metadata cannot be read.
        ParameterError
            If an argument is not known.

        Examples
        --------
        >>> from tsgan import RecurrentGAN
        >>> columns = {"day": {"sdtype": "datetime"}, "load": {"sdtype": "numerical"}, "meter": {"sdtype": "id"}}
        >>> sdv = {"columns": columns, "sequence_key": "meter", "sequence_index": "day"}
        >>> gan = RecurrentGAN.from_metadata(sdv, steps=0)
        >>> gan.entity, gan.time, gan.kinds
        ('meter', 'day', {'load': 'number'})
        """
        given = {**read(metadata).arguments(params), **params}
        known = cls().get_params(deep=False)
        for name in params:
            if name not in known:
                raise ParameterError(f"{name}={params[name]!r} is no argument{nearest_name(name, known)}")
        return cls(**given)

    def fit(self, X: Any, y: object = None) -> Self:
        """Learn a table.

        Parameters
        ----------
        X : DataFrame, array, text, path or iterable of DataFrames, or data of one of `tsgan.formats`
            A DataFrame (of pandas, polars, Arrow ...), an array `(time, features)` of one series, or `(sequences,
            time, features)`; or what Nixtla, sktime, aeon, GluonTS, Darts or xarray hold, with roles of its own,
            which comes back in kind (`tsgan.formats`); text, a string with a line break or more than 255 characters
            (any other is a path) or a list of strings, whose characters are the steps, and which comes back as text;
            or, of a table larger than memory, a folder of parquet files, a list of such files, or an iterable of
            frames, or a table of Dask, Spark or Ray (which comes by way of a temporary folder; rows of Spark are sorted
            by entity and time), whose windows are then drawn from disk.
        y : object
            Ignored.

        Raises
        ------
        InputError, SchemaError
            If the table cannot be used; the message names the column, entity or value and what to do.
        ParameterError
            If an argument has a value that is not allowed.
        TrainingError
            If training diverges.

        Warns
        -----
        TsganWarning
            If training did not improve on the untrained start, which is then kept; or if it was interrupted.
        """
        from ..model.runtime import pick_device

        self._check_arguments()
        pick_device(self.device)
        self._tell("begin")
        try:
            told = self._learn(X, time.monotonic())
        finally:
            self._release()
        self._finish()
        self._tell("end")
        if told:
            warnings.warn(told, TsganWarning, stacklevel=2)
        return self

    def _tell(self, what: Literal["begin", "end"]) -> None:
        """Tell the callbacks that want to know that training begins, or that the model is fitted."""
        for callback in self.callbacks or ():
            getattr(callback, what, lambda gan: None)(self)

    def _check_arguments(self) -> None:
        check_training(self.get_params(deep=False))

    def _learn(self, X: Any, began: float) -> str:
        """Learn the model within `max_time` of a moment; return what there is to warn of."""
        from ..model.callbacks import History
        from ..model.checkpoints import Checkpoint
        from ..model.model import FIRST_SHARE, Model
        from ..model.runtime import cores, streams

        checkpoint = Checkpoint(self.checkpoint, self.checkpoint_every)
        if self.random_state is None or checkpoint.cut:
            checkpoint.forget()
        self._seed = checkpoint.seed if checkpoint.seed and self.random_state is None else streams(self.random_state)
        checkpoint.compare("random_state", [str(self._seed.entropy), list(self._seed.spawn_key)])
        checkpoint.compare("arguments", {} if self.checkpoint is None else self._identity())
        windows = self._encode(X)
        seed = self._seed.spawn(1)[0]
        self.fitted_ = {"rows": len(windows.panel.values), "sequences": len(windows.panel)}
        layout, window = self._encoder.stages.layout, self._encoder.stages.window
        checkpoint.go_on(windows.panel, layout)
        began -= checkpoint.spent
        seconds = math.inf if self.max_time is None else self.max_time
        deadline = began + LEARNING * seconds
        first, left = 1.0 if self.adversarial_steps == 0 else FIRST_SHARE, max(deadline - time.monotonic(), 1e-9)
        with cores(), History(self.callbacks or (), self.verbose and self.steps != 0, first, left) as history:
            checkpoint.watch(history)
            with checkpoint:
                learned = windows.panel, layout, window, windows.starts, self._options(), seed
                self._model = Model.learn(*learned, history, deadline, checkpoint, self.device)
            self.history_ = history.rows
            self._calibrate(windows, began + CARRYING * seconds)
        training = self._model.training
        if training is not None and not training.interrupted:
            checkpoint.write(finished=True, cut=self.max_time is not None or bool(self.callbacks))
            self._checkpoint = checkpoint.folder
        second = None if training is None else training.second
        self.interrupted_ = training is not None and training.interrupted
        self.trained_ = training is not None and (training.first.step > 0 or (second is not None and second.kept))
        self.finished_ = second is not None and second.kept
        if training is None and self.steps != 0:
            few = f"too few rows ({len(windows.panel.values)}) to hold some back and prove that training helps"
            why = few if layout.cells else "every column is constant, there is nothing to train"
            return f"{why}; the untrained start is kept"
        if training is not None and training.interrupted:
            kept = "; what was learned until then is kept" if self.trained_ else "; the untrained start is kept"
            kept += "" if checkpoint.folder is None else f"; the same fit goes on from {checkpoint.folder}"
            return f"training was interrupted after {training.first.taken} steps{kept}"
        if training is not None and not self.trained_:
            held = [row["held_back"] for row in self.history_ if row["held_back"] is not None]
            start, last = held[0], held[-1]
            return (
                "training did not improve on the untrained start (log-likelihood of held-back rows "
                f"{start:.2f} at the start, {last:.2f} at the end); the untrained start is kept"
            )
        if second is not None and second.diverged:
            return "the second stage diverged; it went back to the best generator and on with a lower rate"
        return ""

    def _identity(self) -> dict[str, Any]:
        """Return the arguments that a fit cannot be gone on with if they are others."""
        from .. import bundle
        from .saving import lasting

        given = {name: value for name, value in self.get_params(deep=False).items() if name not in PASSING}
        try:
            return {name: bundle.pack(lasting(value))[0] for name, value in given.items()}
        except (TypeError, ConstraintError) as error:
            raise ParameterError(f"checkpoint= cannot be used here: {error}") from error

    def _options(self) -> Options:
        from ..model.adversary import AdversarialSettings
        from ..model.likelihood import LikelihoodSettings
        from ..model.losses import LOSSES
        from ..model.model import Options

        def given(**options: Any) -> dict[str, Any]:
            """Return what is not None, numpy's whole numbers as Python's."""
            return {
                name: int(value) if isinstance(value, np.integer) else value
                for name, value in options.items()
                if value is not None
            }

        first = given(steps=self.steps, rate=self.rate, decay=self.decay, average=self.average)
        second = given(
            loss=LOSSES[self.loss](self.penalty, self.exact_penalty),
            weight=self.adversarial,
            critic_steps=self.critic_steps,
            penalty_every=self.penalty_every,
            rate=self.generator_rate,
            critic_rate=self.critic_rate,
        )
        sizes = given(hidden=self.hidden, layers=self.layers, units=self.units, mixture=self.mixture)
        sizes |= given(batch=self.batch_size)
        return Options(
            cell=self.cell,
            first=LikelihoodSettings(**first, clip=self.clip or 0.0, dropout=self.dropout),
            second=AdversarialSettings(**second),
            **given(adversarial_steps=self.adversarial_steps),
            **sizes,
        )


def check_training(given: Mapping[str, Any]) -> None:
    """Check every argument of training.

    Parameters
    ----------
    given : mapping
        The estimator's arguments by name.

    Raises
    ------
    ParameterError
        Naming the argument, its value, what is allowed and, for a name, the nearest.
    """
    from ..model.cells import CELLS
    from ..model.losses import LOSSES

    if not isinstance(given["metadata"], Metadata | None):
        raise ParameterError(
            "metadata= takes what from_metadata reads; write RecurrentGAN.from_metadata(metadata, ...)"
        )
    choose("cell", given["cell"], CELLS)
    choose("loss", given["loss"], LOSSES)
    for name in ("layers", "mixture", "critic_steps", "penalty_every"):
        number(name, given[name], 1, whole=True)
    for name in ("hidden", "units", "batch_size"):
        number(name, given[name], 1, LARGEST, whole=True, none=True)
    for name in ("steps", "adversarial_steps"):
        number(name, given[name], 0, whole=True, none=True)
    for name in ("decay", "adversarial"):
        number(name, given[name], 0)
    number("penalty", given["penalty"], 0, none=True)
    number("average", given["average"], 0, 1)
    number("dropout", given["dropout"], 0, 1, none=True)
    for name in ("rate", "generator_rate", "critic_rate"):
        number(name, given[name], 0, open_end=True)
    folder("checkpoint", given["checkpoint"])
    number("checkpoint_every", given["checkpoint_every"], 0)
    for name in ("max_time", "clip"):
        number(name, given[name], 0, open_end=True, none=True)
    functions("callbacks", given["callbacks"])
