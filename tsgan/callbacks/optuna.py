"""Report a fit to a trial of Optuna, and end it where it is hopeless."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from ..model.callbacks import Row

try:
    import optuna
    from optuna import Trial, TrialPruned
except ImportError as error:
    raise ImportError("tuning and OptunaCallback need optuna; install it with: pip install 'tsgan[tune]'") from error

__all__ = ["OptunaCallback", "Trial", "TrialPruned", "maximising", "tell"]


class OptunaCallback:
    """Reports the best held-back likelihood yet of the first stage, and prunes.

    It may fall for a while and rise above where it was, so that the newest one would say little. What the second stage
    does for a table does not show in the likelihood, so that it is not reported.

    Parameters
    ----------
    trial : optuna.Trial
        Of a study that maximises. Where its pruner says so, `optuna.TrialPruned` comes out of `fit`, and
        ``study.optimize`` goes on with the next trial.

    Examples
    --------
    >>> def objective(trial):
    ...     hidden = trial.suggest_int("hidden", 32, 256, log=True)
    ...     gan = RecurrentGAN(hidden=hidden, adversarial_steps=0, callbacks=[OptunaCallback(trial)]).fit(df)
    ...     return max(row["held_back"] for row in gan.history_)
    """

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.best = -math.inf

    def __call__(self, row: Row) -> None:
        """Report a row.

        Raises
        ------
        optuna.TrialPruned
            If the trial is to end.
        """
        if row["stage"] != "likelihood" or row["held_back"] is None:
            return
        if row["held_back"] > self.best:  # NaN is not
            self.best = row["held_back"]
        self.trial.report(self.best, row["step"])
        if self.trial.should_prune():
            raise TrialPruned(f"held-back likelihood {self.best:.3f} after {row['step']} steps")


@contextmanager
def maximising(seed: int, at_random: int, unpruned: int) -> Iterator[optuna.Study]:
    """Give a study that maximises, in memory and without messages; the same seed asks for the same trials.

    Parameters
    ----------
    seed : int
    at_random : int
        Trials before the sampler follows what was found, and before the pruner ends any.
    unpruned : int
        Steps before a trial may be ended.
    """
    usual = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(n_startup_trials=at_random, seed=seed % 2**32),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=at_random, n_warmup_steps=unpruned),
        )
    finally:
        optuna.logging.set_verbosity(usual)


def tell(study: optuna.Study, trial: Trial, value: float | None) -> None:
    """Tell a study what came of a trial, None of one that was pruned."""
    study.tell(trial, value, state=None if value is not None else optuna.trial.TrialState.PRUNED)
