"""Choose the sizes of the networks, dropout and the learning rate by held-back likelihood, within a limit of time.

Every trial teaches another network on the same encoded table, with the same rows held back and the same seed, for the
same number of steps at most: the first stage alone, which is what the held-back likelihood ends and judges. Trial 0 is
the defaults. Optuna's TPE ("Algorithms for Hyper-Parameter Optimization" (Bergstra et al., 2011),
https://papers.nips.cc/paper/4443) proposes the others, and its median pruner ends what does worse than half of the
trials before it did at the same step.
"""

from __future__ import annotations

import inspect
import json
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .errors import InputError, ParameterError, TsganWarning, nearest_name, number
from .estimator.base import RandomState
from .estimator.recurrent_gan import LEARNING, RecurrentGAN
from .unfinished import write_text

if TYPE_CHECKING:
    from .callbacks.optuna import Trial
    from .encoding.encoder import Encoder
    from .model.callbacks import Row
    from .model.model import Options
    from .panel import Windows

STEPS = 300  # of a trial at most: beyond, few tables of some thousand rows gain
AT_RANDOM = 5  # trials before what was found is followed, and before any is pruned
UNPRUNED_STEPS = 100  # the held-back likelihood may fall before it rises
BOUNDS = {"hidden": (32, 256), "layers": (1, 2), "units": (64, 512), "dropout": (0.0, 0.6), "rate": (1e-3, 2e-2)}
# of the estimator, which a trial sets itself, or has none of
OURS = ("adversarial_steps", "verbose", "callbacks", "checkpoint", "checkpoint_every")


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Attributes
    ----------
    params : dict
        The best arguments: ``RecurrentGAN(**params)``. The defaults, where nothing was better.
    trials : DataFrame
        A row for each trial, the best first: number, held-back log-likelihood (nats a row; of a pruned one what it
        reached), state, steps, seconds and arguments. Trial 0 is the defaults; `dropout` is missing where it follows
        the held-back rows.
    """

    params: dict[str, Any]
    trials: pd.DataFrame

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the best arguments, for ``tsgan fit --params``."""
        write_text(Path(path), json.dumps(self.params, indent=2) + "\n")

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draw the trials, see `evaluation.report.training.plot_trials`."""
        from .evaluation.report.training import plot_trials

        return plot_trials(self.trials, path)

    def __str__(self) -> str:
        words: dict[str, Callable[[float], str]] = {
            "held_back": "{:.4f}".format,
            "seconds": "{:.1f}".format,
            "dropout": lambda value: "follows" if pd.isna(value) else f"{value:.2f}",
            "rate": "{:.2g}".format,
        }
        shown = self.trials.assign(
            **{name: self.trials[name].map(word) for name, word in words.items() if name in self.trials}
        )
        held = self.trials.set_index("trial")["held_back"]
        best = int(self.trials["trial"].iloc[0])
        gain = f"{held[best] - held[0]:.4f} nats a row above the defaults" if best else "nothing was better"
        text = f"best: trial {best}{', the defaults' * (not best)} ({held[best]:.4f}; {gain})"
        return f"{shown.to_string(index=False)}\n\n{text}"


def tune(
    X: Any,
    *,
    trials: int = 20,
    max_time: float | None = None,
    steps: int = STEPS,
    random_state: RandomState = None,
    verbose: bool = True,
    **arguments: Any,
) -> Tuned:
    """Choose `hidden`, `layers`, `units`, `dropout` and `rate` of `RecurrentGAN` by held-back likelihood.

    Parameters
    ----------
    X : DataFrame or array
        A table, as for `RecurrentGAN.fit`.
    trials : int
        How many at most, the defaults among them.
    max_time : float, optional
        Seconds of all of it at most; the trial under way then ends, and counts by what it reached.
    steps : int
        Steps of a trial at most, the same for all; each ends earlier where its held-back likelihood does not rise.
    random_state : int, Generator or None
        Seed of the search and of each fit: the same rows are held back in all.
    verbose : bool
        Show a progress bar.
    **arguments
        Of `RecurrentGAN`, for all trials (roles, rules, `window`, ...); one that is tuned is fixed by naming it.

    Returns
    -------
    Tuned
        The best arguments, and the table of trials. The best of many is partly luck on the rows that it is chosen by.

    Raises
    ------
    ParameterError
        If an argument is not known, or not allowed, or nothing is left to tune.
    InputError, SchemaError
        If the table cannot be used, or has too few rows to hold some back.
    ImportError
        If optuna is not installed: ``pip install 'tsgan[tune]'``.

    Examples
    --------
    >>> from tsgan import RecurrentGAN, datasets, tune
    >>> df = datasets.load("seattle_weather")
    >>> best = tune(df, time="date", trials=20, max_time=600, random_state=0)  # doctest: +SKIP
    >>> gan = RecurrentGAN(time="date", random_state=0, **best.params).fit(df)  # doctest: +SKIP
    """
    began = time.monotonic()
    number("trials", trials, 1, whole=True)
    number("max_time", max_time, 0, open_end=True, none=True)
    number("steps", steps, 1, whole=True)
    allowed = [name for name in inspect.signature(RecurrentGAN).parameters if name not in OURS]
    for name in arguments:
        if name not in allowed:
            raise ParameterError(f"{name!r} is no argument that trials can share{nearest_name(name, allowed)}")
    space = [name for name in BOUNDS if name not in arguments]
    if not space:
        raise ParameterError(
            f"all of {list(BOUNDS)} are given, so that nothing is left to tune; leave some of them out"
        )
    from .callbacks.optuna import OptunaCallback, TrialPruned, maximising, tell
    from .model.callbacks import Progress
    from .model.likelihood import CHECK
    from .model.runtime import streams

    seed = streams(random_state).entropy
    assert isinstance(seed, int)
    common = {**arguments, "steps": steps, "random_state": seed, "adversarial_steps": 0, "verbose": False}
    deadline = math.inf if max_time is None else began + max_time
    rows: list[dict[str, Any]] = []
    bar, interrupted = Progress(verbose, "tuning"), False

    def show(row: Row) -> None:
        share = (len(rows) + row["step"] / steps) / trials
        used = (time.monotonic() - began) / max_time if max_time is not None else 0.0
        held = [one["held_back"] for one in rows]
        words = [f"best {max(held):.3f}", f"defaults {held[0]:.3f}"] if held else []
        bar.update(min(max(share, used), 1.0), "tuning", f"trial {len(rows) + 1} of {trials}", *words)

    with _Trial(**common).encoded(X) as (encoded, usual), maximising(seed, AT_RANDOM, UNPRUNED_STEPS) as study:
        study.enqueue_trial({name: value for name, value in usual.items() if name in space} | {"follows": True})
        try:
            while len(rows) < trials and not interrupted and (not rows or time.monotonic() < deadline):
                trial, tick = study.ask(), time.monotonic()
                seen: list[Row] = []
                chosen = _chosen(trial, space)
                left = None if max_time is None else max(deadline - tick, 1e-3) / LEARNING
                gan = _Trial(**common, **chosen, max_time=left, callbacks=[seen.append, show, OptunaCallback(trial)])
                state = "done"
                try:
                    interrupted = gan.learn(encoded)
                except TrialPruned:
                    state = "pruned"
                if not seen:
                    raise InputError(
                        "too few rows to hold some back, by which trials are compared; pass a longer table"
                    )
                last = seen[-1]["step"]
                if interrupted:
                    state = "interrupted"
                elif state == "done" and (time.monotonic() >= deadline or (max_time and last % CHECK and last < steps)):
                    state = "out of time"  # nothing else ends between two measurements
                held = max(row["held_back"] for row in seen if row["held_back"] is not None and row["kept"])
                tell(study, trial, None if state == "pruned" else held)
                rows.append(
                    {"trial": len(rows), "held_back": held, "state": state, "steps": last}
                    | {"seconds": time.monotonic() - tick, **chosen}
                )
        except KeyboardInterrupt:
            if not rows:
                raise
            interrupted = True
        finally:
            bar.close()
    if interrupted:
        warnings.warn(f"the search was interrupted after {len(rows)} trials", TsganWarning, stacklevel=2)
    table = pd.DataFrame(rows).sort_values("held_back", ascending=False, kind="stable", ignore_index=True)
    best = max(rows, key=lambda row: float(row["held_back"]))
    return Tuned({name: best[name] for name in space}, table)


def _chosen(trial: Trial, space: list[str]) -> dict[str, Any]:
    """Return what a trial is to try; None lets dropout follow the held-back rows."""
    chosen: dict[str, Any] = {}
    for name in space:
        low, high = BOUNDS[name]
        if name in ("hidden", "layers", "units"):
            chosen[name] = trial.suggest_int(name, int(low), int(high), log=name != "layers")
        elif name == "dropout" and trial.suggest_categorical("follows", [True, False]):
            chosen[name] = None
        else:
            chosen[name] = float(f"{trial.suggest_float(name, low, high, log=name == 'rate'):.3g}")
    return chosen


class _Trial(RecurrentGAN):
    """A network alone, on a table that is encoded already: marginals are not carried, held-back rows not learned."""

    @contextmanager
    def encoded(self, X: Any) -> Iterator[tuple[tuple[Encoder, Windows], dict[str, Any]]]:
        """Encode a table; give what trials share, and what the defaults are for as many rows."""
        from .model.runtime import streams

        self._check_arguments()
        self._seed = streams(self.random_state)
        try:
            windows = super()._encode(X)
            sizes = super()._options().sizes(len(windows.panel.values))
            usual = {"hidden": sizes.hidden, "layers": sizes.layers, "units": sizes.units, "rate": self.rate}
            yield (self._encoder, windows), usual
        finally:
            self._release()

    def learn(self, encoded: tuple[Encoder, Windows]) -> bool:
        """Learn, and return whether that was interrupted."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TsganWarning)  # of what was not better than the closed form
            self.fit(encoded)
        return self._model.training is not None and self._model.training.interrupted

    def _encode(self, X: tuple[Encoder, Windows]) -> Windows:
        self._encoder, windows = X
        self._seed.spawn(1)  # as where it is encoded: a trial is what `fit` does with the same seed
        return windows

    def _calibrate(self, windows: Windows, deadline: float) -> None: ...

    def _options(self) -> Options:
        return replace(super()._options(), refit=False)
