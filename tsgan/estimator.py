"""RecurrentGAN: composes the rooms below and computes nothing itself. torch is imported when it is needed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from .arguments import check_training
from .errors import TsganWarning
from .synthesizer import EXCERPT, Bounds, RandomState, Synthesizer

if TYPE_CHECKING:
    from .constraints.base import Constraint
    from .history import Correct
    from .networks.generator import Generator
    from .panel import Floats, Given, Windows
    from .sampling import NoiseSource
    from .training.history import Row
    from .training.trainer import Trainer

FEW = 20  # windows on either side of the split that the held-back statistic needs


class RecurrentGAN(Synthesizer):
    """A recurrent Wasserstein GAN that learns a table of time series and draws synthetic ones.

    A linear-Gaussian process in closed form gives the noise the data's covariance over columns and time; an LSTM
    generator, trained against an LSTM critic (a "discriminator" without a sigmoid), learns what is left. What does not
    beat the closed form on held-back windows is not returned.

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
    noise : "auto", "coloured" or "white"
        Noise with the data's covariance, or plain; auto is coloured unless rows are too few to estimate it.
    regimes : int or "auto"
        Number of normal laws that coloured noise mixes; auto lets held-back windows choose.
    loss : str
        "wgan-gp", "wgan-lp", "gan", "hinge" or "relativistic".
    cell : str
        "lstm", "gru" or "rnn", in generator and critic alike.
    hidden : int
        Size of the recurrent state.
    layers : int
        Number of recurrent layers.
    noise_sequence : int
        Random numbers per sequence.
    noise_step : int, optional
        Random numbers per step; none with coloured noise, which brings its own, else 8.
    steps : int, optional
        Generator steps of training: 2000, or as many as `max_time` allows.
    epochs : float, optional
        Passes over the windows; whichever of the limits comes first ends training.
    max_time : float, optional
        Seconds of training at most; the learning rates fall in time for it.
    batch_size : int
        Windows of each kind in a critic step; the generator takes four times as many.
    critic_steps : int
        Critic steps per generator step. Raise it when the generator outruns the critic.
    penalty : float, optional
        Weight of the gradient penalty; the loss's own default if not given. Raise it when critic scores explode.
    penalty_every : int
        Critic steps between penalties, each weighted as many times.
    exact_penalty : bool
        Take the penalty by double backward: slow, to check by.
    transport : float
        Weight of the price on the generator's correction of coloured noise. Raise it when training makes things worse.
    matching : float
        Weight of feature matching beside the critic; 0 leaves the critic alone.
    adversarial : float
        Weight of the critic's part in the generator's loss.
    generator_rate : float
        Learning rate of the generator.
    critic_rate : float
        Learning rate of the critic. Lower it when the critic wins too early (its loss runs away).
    average : float
        Decay of the moving average of the generator, which is what is kept; 0 for none.
    input_noise : float
        Noise on the critic's inputs, falling to 0. Try 0.1 when the critic tells all apart from the start.
    clip : float, optional
        Largest norm of the generator's gradient (and of an unpenalised critic's). Try 1.0 when training diverges.
    checks : int
        Times that the held-back statistic is measured on the way.
    callbacks : list of callable, optional
        Called with each new row of the history; returning True stops training.
    device : str
        "cpu", "cuda", "mps", or "auto" for an accelerator if there is one.
    verbose : bool
        Show a progress bar.
    random_state : int, Generator or None
        Seed of everything random.

    Attributes
    ----------
    schema_ : Schema
        What was learned about each column; print it.
    history_ : list of dict
        Losses and the held-back statistic over training; `pandas.DataFrame(gan.history_)`.
    trained_ : bool
        Whether the trained generator was kept, and not the untrained start.
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

    history_: list[dict[str, Any]]
    trained_: bool

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
        scaler: str | Mapping[str, str] = "auto",
        bounds: Literal["observed"] | Bounds | None = "observed",
        noise: Literal["auto", "coloured", "white"] = "auto",
        regimes: int | Literal["auto"] = "auto",
        loss: str = "wgan-gp",
        cell: str = "lstm",
        hidden: int = 64,
        layers: int = 1,
        noise_sequence: int = 16,
        noise_step: int | None = None,
        steps: int | None = None,
        epochs: float | None = None,
        max_time: float | None = None,
        batch_size: int = 64,
        critic_steps: int = 3,
        penalty: float | None = None,
        penalty_every: int = 4,
        exact_penalty: bool = False,
        transport: float = 0.3,
        matching: float = 1.0,
        adversarial: float = 0.1,
        generator_rate: float = 5e-4,
        critic_rate: float = 1e-3,
        average: float = 0.999,
        input_noise: float = 0.0,
        clip: float | None = None,
        checks: int = 8,
        callbacks: Sequence[Callable[[Row], bool | None]] | None = None,
        device: str = "cpu",
        verbose: bool = True,
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
        self.noise = noise
        self.regimes = regimes
        self.loss = loss
        self.cell = cell
        self.hidden = hidden
        self.layers = layers
        self.noise_sequence = noise_sequence
        self.noise_step = noise_step
        self.steps = steps
        self.epochs = epochs
        self.max_time = max_time
        self.batch_size = batch_size
        self.critic_steps = critic_steps
        self.penalty = penalty
        self.penalty_every = penalty_every
        self.exact_penalty = exact_penalty
        self.transport = transport
        self.matching = matching
        self.adversarial = adversarial
        self.generator_rate = generator_rate
        self.critic_rate = critic_rate
        self.average = average
        self.input_noise = input_noise
        self.clip = clip
        self.checks = checks
        self.callbacks = callbacks
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: object = None) -> Self:
        """Learn a table.

        Parameters
        ----------
        X : DataFrame, array, path or iterable of DataFrames
            A DataFrame (of pandas, polars, Arrow ...), an array `(time, features)` of one series, or `(sequences,
            time, features)`; or, of a table larger than memory, a folder of parquet files, a list of such files, or
            an iterable of frames, whose windows are then drawn from disk.
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
        check_training(self.get_params(deep=False))
        try:
            trainer, told = self._learn(X)
        finally:
            self._release()
        self._finish()
        if trainer is None:
            self._tell(told)
            return self
        if trainer.interrupted:
            kept = "; what was learned until then is kept" * self.trained_
            self._tell(f"training was interrupted after {trainer.taken} steps{kept}", 0)
        if not self.trained_:
            self._tell(
                f"training did not improve on the untrained start (separation from held-back windows "
                f"{trainer.start_value:.2f} at the start, {trainer.last_value:.2f} at the end)"
            )
        return self

    def _learn(self, X: Any) -> tuple[Trainer | None, str]:
        """Learn the law and train; return the trainer, or None and why there was nothing to train."""
        from .runtime import one_thread
        from .trainers import make_trainer

        windows = self._encode(X)
        streams = [np.random.default_rng(seed) for seed in self._seed.spawn(6)]
        self._process = self._fit_process(windows.excerpt(EXCERPT, streams[0]), streams[0])
        windows = self._complete(windows, streams[0])
        self._build(self._seed.spawn(1)[0])
        train, held = windows.split()
        known = min(len(train), len(held)) >= FEW
        constant = not self._encoder.layout.channels
        if constant or (not known and self._process is not None):
            self.history_, self.trained_ = [], False
            self._settle(windows)
            few = f"too few windows ({len(windows)}) to hold some back and prove that training helps"
            return None, "every column is constant, there is nothing to train" if constant else few
        with one_thread():
            split = (train, held) if known else None
            trainer = make_trainer(self, windows, split, self._seed.spawn(1)[0], streams[1:])
            self._generator.load_state_dict(trainer.run().state_dict())
        self.history_, self.trained_ = trainer.history.rows(), not known or trainer.kept_step > 0
        self._settle(windows)
        return trainer, ""

    def _complete(self, windows: Windows, rng: np.random.Generator) -> Windows:
        """Return the windows with levels drawn where they are unknown, for training; a mask beside hides them."""
        from .drawing import at_random

        panel = windows.panel
        full = (
            at_random(panel, self._encoder.layout, rng) if self._process is None else self._process.complete(panel, rng)
        )
        return replace(windows, panel=full)

    def _tell(self, what: str, kept: int = 1) -> None:
        text = f"{what}; the untrained start is kept" if kept else what
        warnings.warn(text, TsganWarning, stacklevel=3)

    def _fit_process(self, windows: Windows, rng: np.random.Generator) -> Any:
        from .laws.process import LinearGaussianProcess

        layout = self._encoder.layout
        white = self.noise == "auto" and len(windows.panel.values) < 2 * layout.latents
        if layout.channels and (white or self.noise == "white"):
            return None
        return LinearGaussianProcess.fit(windows, layout, rng, self.regimes)

    def _build(self, seed: np.random.SeedSequence) -> None:
        """Make the untrained generator."""
        from .networks import CELLS
        from .networks.generator import Generator
        from .runtime import isolated, pick_device
        from .sampling import NoiseSource

        layout, process = self._encoder.layout, self._process
        per_step = self.noise_step if self.noise_step is not None else 8 if process is None else 0
        self._device = pick_device(self.device)
        self._source: NoiseSource = NoiseSource(process, layout, self.noise_sequence, per_step, self._encoder.window)
        sizes = (int(self.hidden), int(self.layers), int(self.noise_sequence), int(per_step))  # numpy's, too
        with isolated(seed):
            made = Generator(CELLS[self.cell], layout, *sizes, coloured=process is not None)
        self._generator: Generator = made.to(self._device)

    def _channels(self, given: Given, rng: np.random.Generator) -> Floats:
        from .runtime import one_thread
        from .sampling import generate

        with one_thread():
            return generate(self._generator, self._source, given, rng, self._device)

    def _corrector(self, seed: np.random.SeedSequence) -> Correct | None:
        from .sampling import generate

        def correct(latents: Floats, given: Given) -> Floats:
            with one_thread():
                rng = np.random.default_rng(seed)
                return generate(self._generator, self._source, given, rng, self._device, latents)

        from .runtime import one_thread

        return correct

    def _learned(self) -> dict[str, dict[str, Any]]:
        state = self._generator.state_dict()
        return {"generator": {name: tensor.cpu().numpy() for name, tensor in state.items()}}

    def _restore(self, document: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]], where: str) -> None:
        import torch

        from .bundle import check

        self._build(self._seed)
        wanted = {name: tuple(tensor.shape) for name, tensor in self._generator.state_dict().items()}
        found = parts["generator"]
        check({name: array.shape for name, array in found.items()}, wanted, f"{where}, generator")
        self._generator.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in found.items()})
        self.history_, self.trained_ = list(document["history"]), bool(document["trained"])
