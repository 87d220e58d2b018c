"""What is learned of a panel: the law of its statics, and the law of its steps given these; learned, drawn, scored."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ..arrays import Bools, Doubles, Ints
from ..bundle import saved
from ..layout import Layout
from ..panel import Given, Panel
from .adversary import AdversarialResult, AdversarialSettings, fit_adversarial
from .base import Base, fit_base
from .callbacks import History
from .checkpoints import UNKEPT, Checkpoint, Keeper
from .chunks import ChunkSource, Lookback
from .generator import Generator, Sizes
from .likelihood import MEASURED, Best, LikelihoodSettings, Split, fit_likelihood, refit
from .particles import complete
from .periods import find_periods
from .rollout import Rollout, free_run, free_runs
from .runtime import CPU, cores, isolated, on, pick_device, seeded, to_array, to_tensor

SWEPT_STEPS = 64  # rows of a chunk of one long series that moments are taken of
MEDIUM, LARGE = 2_000, 10_000  # rows from which networks are of medium size, and large
HIDDEN, UNITS = (96, 128, 192), (128, 256, 512)  # of small, medium and large ones: larger ones with more dropout win
STEP_ROWS = 4096  # of a training step, whatever the window
MIN_BATCH, MAX_BATCH = 16, 128  # windows of a step: bounds of a gradient's noise and of its cost
SCORED_ROWS, SCORED_STEPS = 8192, 256  # rows that are scored at once, and steps of a chunk of them
MAX_CHANCE_ROWS = 16  # that say how likely levels are under some statics: each costs a step of a rollout
STATICS_SHARE = 8  # of the time, one part in so many is the statics'
FIRST_SHARE = 0.6  # of the time that there is, for the first stage
ADVERSARIAL_PART = 4  # of the first stage's steps, one in so many at most in the second
MANY_BLOCKS = 8  # that an accelerator draws at once: a row takes it as long for many sequences as for few
MAX_ADVERSARIAL = 75  # steps of the second stage: more brought little more


@dataclass(frozen=True)
class Options:
    """How a model is made and taught; None is derived from the data."""

    cell: str = "lstm"
    hidden: int | None = None
    layers: int = 1
    units: int | None = None
    mixture: int = 6
    batch: int | None = None  # windows of a training step, in both stages
    first: LikelihoodSettings = field(default_factory=LikelihoodSettings)
    adversarial_steps: int | None = None  # at most; 0 leaves the second stage out
    second: AdversarialSettings = field(default_factory=AdversarialSettings)
    refit: bool = True  # whether what was held back is learned too, at the end; not where models are only compared

    def sizes(self, rows: int) -> Sizes:
        """Return the sizes of the networks for so many rows; as small as can be where they are not taught."""
        if not self.first.steps:
            return Sizes(self.cell, 1, 1, 1, self.mixture)
        place = (rows >= MEDIUM) + (rows >= LARGE)
        hidden = HIDDEN[place] if self.hidden is None else self.hidden
        units = UNITS[place] if self.units is None else self.units
        return Sizes(self.cell, hidden, self.layers, units, self.mixture)

    def windows(self, window: int, rows: int = STEP_ROWS) -> int:
        """Return the windows of a step: as many as make so many rows."""
        return self.batch or min(max(rows // window, MIN_BATCH), MAX_BATCH)

    def teaching(self, window: int, deadline: float, rows: int = STEP_ROWS) -> LikelihoodSettings:
        """Return how the first stage goes, which takes a share of the time if there is a second."""
        if self.adversarial_steps != 0 and math.isfinite(deadline):
            now = time.monotonic()
            deadline = now + FIRST_SHARE * max(deadline - now, 0.0)
        return replace(self.first, batch=self.windows(window, rows), deadline=deadline)


@dataclass(frozen=True)
class Training:
    """How teaching ended."""

    first: Best
    second: AdversarialResult | None  # None where there was no second stage
    interrupted: bool


@dataclass
class Model:
    """The laws of a panel."""

    layout: Layout
    steps: Generator | None  # None where no cell changes from step to step
    statics: Generator | None  # None where there are no statics; each is the one row of a sequence to it
    # how teaching `steps` ended (or the statics, if that was interrupted); None where nothing was taught, or not now
    training: Training | None = None
    device: torch.device = CPU  # where the networks are

    @classmethod
    def learn(
        cls,
        panel: Panel,
        layout: Layout,
        window: int,
        starts: Ints,
        options: Options,
        seed: np.random.SeedSequence,
        history: History,
        deadline: float = math.inf,
        checkpoint: Checkpoint | None = None,
        device: str = "cpu",
    ) -> Model:
        """Learn a panel.

        Parameters
        ----------
        panel : Panel
        layout : Layout
        window : int
            Steps that are learned at a time.
        starts : int64 array
            Rows at which windows of one long series begin.
        options : Options
        seed : numpy.random.SeedSequence
        history : History
        deadline : float
            Of `time.monotonic()`, for all of it.
        checkpoint : Checkpoint, optional
            Of the whole fit, from which it is gone on with.
        device : str
            Where the networks are taught, and draw; the base is fitted on the CPU.

        Raises
        ------
        TrainingError
            See `likelihood.fit_likelihood`.
        """
        first, second = seed.spawn(2)
        place = pick_device(device)
        keeper = UNKEPT if checkpoint is None else Keeper(checkpoint)
        statics, training = None, None
        if layout.statics:
            rows = Panel.from_dense(panel.statics[:, None, :])
            own = Layout(layout.statics)
            soon = min(deadline, time.monotonic() + max(deadline - time.monotonic(), 0) / STATICS_SHARE)
            alone = replace(options, adversarial_steps=0)
            statics, training = _fit(
                rows, own, 1, np.zeros(0, np.int64), alone, first, History(), keeper.at("statics"), soon, place
            )
            if training is not None and training.interrupted:  # what is learned until then is the statics
                options = replace(options, first=replace(options.first, steps=0))
        steps = None
        if layout.cells:
            kept = keeper.at("steps")
            steps, how = _fit(panel, layout, window, starts, options, second, history, kept, deadline, place)
            training = training if training is not None and training.interrupted else how
        return cls(layout, steps, statics, training, place)

    def draw_statics(self, n: int, rng: np.random.Generator) -> Doubles:
        """Return statics `(n, S)` drawn as learned."""
        if self.statics is None:
            return np.zeros((n, 0))
        none = np.zeros((n, 1, 0), dtype=np.float32)
        with on(self.device):
            return free_run(self.statics, np.zeros((n, 0)), none, seeded(rng))[:, 0]

    def draw_statics_given(
        self, known: Doubles, allowed: tuple[Bools | None, ...], rng: np.random.Generator, *, filled: bool = False
    ) -> Doubles:
        """Return statics `(n, S)` drawn given what is known of them.

        Parameters
        ----------
        known : float64 array of shape (n, S)
            NaN where it is not known.
        allowed : tuple of (bool array of shape (n, levels) or None)
            By static: levels that may come; may be empty.
        rng : numpy.random.Generator
        filled : bool
            Whether none is drawn as missing.
        """
        if self.statics is None:
            return known
        n = len(known)
        asked = {j: some for j, some in enumerate(allowed) if some is not None}
        every = np.hstack([np.ones((n, 1), dtype=bool), *asked.values()])
        kinds, kind = np.unique(every, axis=0, return_inverse=True)
        out = np.empty_like(known)
        for number in range(len(kinds)):
            rows = np.flatnonzero(kind.ravel() == number)
            levels: list[Bools | None] = [None] * known.shape[1]
            for j, some in asked.items():
                levels[j] = None if some[rows[0]].all() else some[rows[0]]
            own = known[rows][:, None]
            none = np.zeros((len(rows), 1, 0), dtype=np.float32)
            given = Given(np.zeros((len(rows), 0)), none, None, own, ~np.isnan(own), tuple(levels), filled)
            with on(self.device):
                out[rows] = complete(self.statics, given, rng)[:, 0]
        return out

    @property
    def at_once(self) -> int:
        """How many blocks `draw` is best asked for at once."""
        return 1 if self.device.type == "cpu" else MANY_BLOCKS

    def draw(self, *blocks: tuple[Given, np.random.Generator]) -> list[Doubles]:
        """Return rows `(n, T, C)` of each block, drawn given what is known and with its own stream."""
        if self.steps is None:
            return [np.zeros((*given.shape, 0)) for given, _ in blocks]
        with on(self.device):
            first = blocks[0][0]
            if first.known is not None or any(some is not None for some in first.allowed):
                return [complete(self.steps, given, rng) for given, rng in blocks]
            return free_runs(self.steps, [(given.statics, given.covariates, seeded(rng)) for given, rng in blocks])

    def chance(self, given: Given, rng: np.random.Generator) -> Doubles:
        """Return the log-probability `(n,)` of the levels that are asked of the first rows, by one run of each."""
        total = np.zeros(given.shape[0])
        if self.steps is None:
            return total
        lengths = np.full(given.shape[0], given.shape[1]) if given.lengths is None else given.lengths
        with on(self.device), cores():
            rollout = Rollout(self.steps, to_tensor(given.statics), seeded(rng))
            levels = tuple(None if some is None else to_tensor(some) for some in given.allowed)
            for t in range(min(given.shape[1], MAX_CHANCE_ROWS)):
                _, weight = rollout.step(to_tensor(given.covariates[:, t]), allowed=levels)
                total += np.where(t < lengths, to_array(weight.double()), 0.0)
        return total

    def score(self, panel: Panel) -> NDArray[np.float64]:
        """Return the log-likelihood of each cell given all before it, `(rows, C)`, in nats of the scaled values."""
        out = np.zeros(panel.values.shape)
        if self.steps is None:
            return out
        source, generator = ChunkSource(panel), self.steps
        generator.eval()
        order = np.argsort(-panel.lengths, kind="stable")
        rows = generator.heads.rows(SCORED_ROWS, MEASURED)
        at = 0
        while at < len(order):
            length = int(panel.lengths[order[at]])
            steps = min(length, SCORED_STEPS)
            some = order[at : at + max(1, rows // steps)]
            at += len(some)
            state = None
            for step in range(0, length, steps):
                start = source.offsets[some] + step
                with on(self.device), torch.no_grad(), cores():
                    chunk = source.cut(start, some, False, steps, generator.lookback)
                    log_prob, state = generator(chunk, state)
                inside = to_array(chunk.inside)
                out[(start[:, None] + np.arange(steps))[inside]] = to_array(log_prob)[inside]
        return out

    def at(self, device: str) -> Model:
        """Return the model with its networks on a device.

        Raises
        ------
        ParameterError
            If the device cannot be used.
        """
        place = pick_device(device)
        if place == self.device:
            return self
        return replace(Model.of(self.networks(), self.layout, place), training=self.training)

    def networks(self) -> dict[str, Network | None]:
        """Return what has to be known to build the networks again."""
        made = {"steps": self.steps, "statics": self.statics}
        return {name: None if one is None else Network.of(one) for name, one in made.items()}

    @classmethod
    def of(cls, networks: Mapping[str, Network | None], layout: Layout, device: torch.device = CPU) -> Model:
        """Return the model of `networks`, on a device.

        Raises
        ------
        KeyError, ValueError, TypeError, RuntimeError
            If they do not fit one another.
        """
        layouts = {"steps": layout, "statics": Layout(layout.statics)}
        made: dict[str, Generator | None] = {}
        for name, own in layouts.items():
            one = networks[name]
            if (one is None) is bool(own.cells):
                raise ValueError(f"model.{name}: {len(own.cells)} cells need {'a' if own.cells else 'no'} network")
            try:
                with on(device):
                    made[name] = None if one is None else one.generator(own)
            except (ValueError, RuntimeError) as error:
                raise ValueError(f"model.{name}: {error}") from error
        return cls(layout, made["steps"], made["statics"], device=device)


@saved
@dataclass(frozen=True)
class Network:
    """A generator as it is saved."""

    lookback: Lookback
    sizes: Sizes
    numbers: dict[str, NDArray[Any]]  # all that was learned, by PyTorch's names

    @classmethod
    def of(cls, generator: Generator) -> Self:
        """Return what is saved of a generator."""
        numbers = {key: to_array(part) for key, part in generator.state_dict().items()}
        return cls(generator.lookback, generator.sizes, numbers)

    def generator(self, layout: Layout) -> Generator:
        """Return the generator, on the device in use.

        Raises
        ------
        ValueError
            If the tensors are not those of such a network, naming the first; it is compared before it is built.
        """
        self._check(layout)
        with on(CPU):
            made = Generator(layout, Base.blank(layout, self.lookback, self.sizes.mixture), self.sizes)
            made.load_state_dict({key: to_tensor(array) for key, array in self.numbers.items()})
        return made.eval().moved()

    def _check(self, layout: Layout) -> None:
        # what is larger than any tensor is refused at once: many layers take long even where they take no memory
        most = max((len(self.numbers), *(size for array in self.numbers.values() for size in array.shape)))
        for name in ("hidden", "layers", "units", "mixture"):
            if (size := getattr(self.sizes, name)) > most:
                raise ValueError(f"sizes.{name}={size}, and no tensor has more than {most}")
        with on(CPU), torch.device("meta"):
            wanted = Generator(layout, Base.blank(layout, self.lookback, self.sizes.mixture), self.sizes).state_dict()
        if odd := sorted(wanted.keys() ^ self.numbers.keys()):
            raise ValueError(f"numbers.{odd[0]} is {'missing' if odd[0] in wanted else 'not of this network'}")
        for key, array in self.numbers.items():
            shape, dtype = tuple(wanted[key].shape), str(wanted[key].dtype).removeprefix("torch.")
            if array.shape != shape or str(array.dtype) != dtype:
                raise ValueError(f"numbers.{key} must be {dtype} of shape {shape}, not {array.dtype} of {array.shape}")
            if not np.isfinite(array).all():
                raise ValueError(f"numbers.{key} must be finite")


def _fit(
    panel: Panel,
    layout: Layout,
    window: int,
    starts: Ints,
    options: Options,
    seed: np.random.SeedSequence,
    history: History,
    keeper: Keeper,
    deadline: float,
    device: torch.device,
) -> tuple[Generator, Training | None]:
    """Fit the base and teach the network on top of it; return how that ended, None if there was too little to."""
    rng = np.random.default_rng(seed.spawn(1)[0])
    source, sizes = ChunkSource(panel), options.sizes(len(panel.values))
    swept = SWEPT_STEPS if layout.stretches else window
    periods = find_periods(panel, layout)
    base = fit_base(layout, lambda seen: source.sweep(swept, seen, window), sizes.mixture, rng, periods, window > 1)
    with isolated(seed.spawn(1)[0]):
        generator = Generator(layout, base, sizes).eval()
    split = Split.of(source, starts, window, layout.stretches)
    with on(device):
        return generator, _teach(generator.moved(), split, options, seed, history, keeper, deadline)


def _teach(
    generator: Generator,
    split: Split,
    options: Options,
    seed: np.random.SeedSequence,
    history: History,
    keeper: Keeper,
    deadline: float,
) -> Training | None:
    """Teach the network in both stages; return how that ended, None if there was too little to."""
    window = split.window
    how = options.teaching(window, deadline, generator.heads.rows(STEP_ROWS))
    if not split.possible or not how.steps:
        return None
    second = None
    best = fit_likelihood(generator, split, how, seed.spawn(1)[0], history, keeper.at("likelihood"))
    interrupted, steps = best.interrupted, options.adversarial_steps
    if steps is None:
        steps = min(MAX_ADVERSARIAL, best.taken // ADVERSARIAL_PART)
        if not best.step or steps < options.second.check:  # nothing is learned, or too few to be measured once
            steps = 0
    try:
        if steps and not interrupted and window > 1:
            against = replace(options.second, batch=how.batch)
            own = seed.spawn(1)[0]
            place = keeper.at("adversarial")
            second = fit_adversarial(generator, split, against, steps, own, history, deadline, FIRST_SHARE, place)
        if options.refit and best.step and not interrupted and (second is None or not second.kept):
            own = seed.spawn(1)[0]
            refit(generator, split, replace(how, deadline=deadline), best, own, keeper.at("refit"))
    except KeyboardInterrupt:
        interrupted = True
    return Training(best, second, interrupted)
