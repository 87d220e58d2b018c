"""What may look on while training runs: the history, a row at a time, a progress bar, and the user's callables."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from tqdm.auto import tqdm

Row = dict[str, Any]
Callback = Callable[[Row], bool | None]  # returns True to stop training and keep what has been learned
Stage = Literal["likelihood", "adversarial"]

MIN_PAUSE = 0.2  # seconds between two drawings of the bar: more would be seen by nobody
LABELS = {"loss": "loss", "held_back": "held back", "critic": "critic", "penalty": "penalty", "distance": "distance"}


class Progress:
    """A progress bar over the share of the budget (steps or time) that is used, with losses and rate."""

    def __init__(self, shown: bool) -> None:
        self.shown = shown
        self.bar = tqdm(
            total=100,
            disable=not shown,
            unit="%",
            bar_format="training |{bar:24}| {n:3.0f} % [{elapsed}<{remaining}]{postfix}",
        )
        self._drawn = 0.0

    def update(self, share: float, row: Row, rate: float) -> None:
        """Move the bar to `share` (0 to 1) and show the newest row and the steps per second."""
        now = time.perf_counter()
        if not self.shown or (now - self._drawn < MIN_PAUSE and share < 1):
            return
        self._drawn = now
        self.bar.n = min(100.0, 100 * share)
        losses = [f"{word} {row[key]:.3f}" for key, word in LABELS.items() if row[key] is not None]
        self.bar.set_postfix_str(", ".join([row["stage"], *losses, f"{rate:.0f} steps/s"]), refresh=False)
        self.bar.refresh()

    def close(self) -> None:
        """Leave the bar as it stands."""
        self.bar.close()


class History:
    """What happened during training; the clock starts when it is made. Used as a context, it closes the bar at its end.

    Each callback is called with a copy of each new row. Rows are for `pandas.DataFrame`: every one has the same keys,
    in the order of `add`.
    """

    def __init__(self, callbacks: Sequence[Callback] = (), progress: bool = False) -> None:
        self.rows: list[Row] = []
        self._callbacks, self._progress = tuple(callbacks), Progress(progress)
        self._began = time.perf_counter()
        self._since = 0.0  # when the stage of the last row began

    def __enter__(self) -> History:
        return self

    def __exit__(self, *raised: object) -> None:
        self._progress.close()

    @property
    def seconds(self) -> float:
        """Wall-clock time since training began."""
        return time.perf_counter() - self._began

    def add(
        self,
        stage: Stage,
        step: int,
        share: float,
        *,
        loss: float | None = None,
        held_back: float | None = None,
        critic: float | None = None,
        penalty: float | None = None,
        distance: float | None = None,
        kept: bool | None = None,
    ) -> bool:
        """Add a row and show it to all who look on; return whether a callback asks to stop.

        Parameters
        ----------
        stage : "likelihood" or "adversarial"
        step : int
            Steps of the generator taken so far in this stage.
        share : float
            Of the whole budget that is used, 0 to 1: where the bar stands.
        loss : float, optional
            Mean since the last row of what the generator minimises, and so for the other losses.
        held_back : float, optional
            Log-likelihood per row of held-back windows.
        critic, penalty : float, optional
            The critic's loss without the gradient penalty, and the penalty.
        distance : float, optional
            The held-back statistic of free runs.
        kept : bool, optional
            Whether what is learned so far is the best yet, and kept.
        """
        seconds = self.seconds
        if self.rows and self.rows[-1]["stage"] != stage:
            self._since = self.rows[-1]["seconds"]
        row: Row = {
            "stage": stage,
            "step": step,
            "seconds": seconds,
            "loss": loss,
            "held_back": held_back,
            "critic": critic,
            "penalty": penalty,
            "distance": distance,
            "kept": kept,
        }
        self.rows.append(row)
        self._progress.update(share, row, step / max(seconds - self._since, 1e-9))
        # every callback sees every row, also one after another that asks to stop
        return any([callback(dict(row)) for callback in self._callbacks])
