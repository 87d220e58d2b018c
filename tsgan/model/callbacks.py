"""What may look on while training runs: the history, a row at a time, a progress bar, and the user's callables."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Literal, TypedDict

Stage = Literal["likelihood", "adversarial"]

MIN_PAUSE = 0.2  # seconds between two drawings of the bar: more would be seen by nobody
# "{bar}" as it is: the bar of a notebook puts itself in its place, and would not find one of a given width
FORMAT = "{desc} {n:3.0f} %|{bar}| {elapsed}<{remaining}{postfix}"


class Row(TypedDict):
    """One measurement on the way: a row of the history, and what callbacks get. None: not measured in this stage.

    Attributes
    ----------
    stage : "likelihood" or "adversarial"
    step : int
        Steps of the generator taken so far in this stage; the row of step 0 is what it starts from.
    seconds : float
        Wall-clock time since training began.
    loss : float or None
        What the generator minimises, the mean since the last row: minus the log-likelihood of learned rows, in nats a
        row.
    held_back : float or None
        Log-likelihood of rows that are held back, in nats a row: what ends the first stage. Higher is better.
    critic : float or None
        The critic's loss without the gradient penalty, the mean since the last row, in units of its score.
    penalty : float or None
        The gradient penalty, of the last step that took one.
    distance : float or None
        How far free runs are from held-back windows by the validation's classifiers: what the second stage is kept by.
        Lower is better.
    kept : bool or None
        Whether this is the best of its stage yet, and kept for the time being.
    """

    stage: Stage
    step: int
    seconds: float
    loss: float | None
    held_back: float | None
    critic: float | None
    penalty: float | None
    distance: float | None
    kept: bool | None


def measured(row: Row) -> dict[str, float]:
    """Return what a row measured, by names such as "likelihood/held_back": no two stages share a curve."""
    values = {name: value for name, value in row.items() if name not in ("stage", "step") and value is not None}
    return {f"{row['stage']}/{name}": float(value) for name, value in values.items()}  # type: ignore[arg-type]


Callback = Callable[[Row], bool | None]  # returns True to stop training and keep what has been learned


class Progress:
    """A bar over the share of the work that is done, drawn on standard error, or in a notebook."""

    def __init__(self, shown: bool, stage: str) -> None:
        if shown:
            from tqdm.auto import tqdm
        else:  # the one for notebooks warns where widgets are missing
            from tqdm import tqdm
        self.shown = shown
        self.bar = tqdm(total=100, disable=not shown, desc=stage, dynamic_ncols=True, bar_format=FORMAT)
        self._drawn = 0.0

    def update(self, share: float, stage: str, *words: str) -> None:
        """Move the bar to `share` (0 to 1), and show the stage before and some words after it."""
        now = time.perf_counter()
        if not self.shown or (now - self._drawn < MIN_PAUSE and share < 1):
            return
        self._drawn = now
        self.bar.n = min(100.0, 100 * share)
        self.bar.set_description_str(stage, refresh=False)
        self.bar.set_postfix_str(", ".join(words), refresh=False)
        self.bar.refresh()

    def close(self) -> None:
        """Leave the bar as it stands."""
        self.bar.close()


class History:
    """What happened during training; the clock starts when it is made. Used as a context, it closes the bar at its end.

    Each callback is called with a copy of each new row. Rows are for `pandas.DataFrame`: every one has the same keys,
    in the order of `Row`.

    Parameters
    ----------
    callbacks : sequence of callable
    progress : bool
        Whether to show a bar.
    first : float
        Share of the work that is the first stage's, for the bar; 1 where there is no second.
    limit : float
        Seconds that training may take: the bar follows the time where that is used up before the steps are.
    """

    def __init__(
        self, callbacks: Sequence[Callback] = (), progress: bool = False, first: float = 1.0, limit: float = math.inf
    ) -> None:
        self.rows: list[Row] = []
        self._callbacks, self._progress = tuple(callbacks), Progress(progress, "likelihood")
        self._first, self._limit = first, limit
        self._began = time.perf_counter()
        self._stage: Stage = "likelihood"
        self._since, self._at = 0.0, 0  # when the stage began to take steps, and after which one
        self._words: tuple[str, ...] = ()  # the newest measurements

    def __enter__(self) -> History:
        return self

    def __exit__(self, *raised: object) -> None:
        self._progress.close()

    def go_on(self, rows: Sequence[Row]) -> None:
        """Begin with rows that another process added, at the time of the last."""
        self.rows = [*rows]
        self._began -= rows[-1]["seconds"] if rows else 0.0

    @property
    def seconds(self) -> float:
        """Wall-clock time since training began."""
        return time.perf_counter() - self._began

    def move(self, stage: Stage, step: int, share: float) -> None:
        """Move the bar, without a row: after `step` steps of the stage, at the share (0 to 1) of its budget.

        The second stage's share goes on where the first one's ends: it is of the whole.
        """
        seconds = self.seconds
        if stage != self._stage or not step:
            self._stage, self._since, self._at = stage, seconds, step
        rate = (step - self._at) / max(seconds - self._since, 1e-9)  # of the stage
        speed = (f"{rate:.{0 if rate >= 10 else 1}f} steps/s",) if step > self._at else ()
        share = max(share * self._first if stage == "likelihood" else share, min(seconds / self._limit, 1.0))
        self._progress.update(share, stage, *speed, *self._words)

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
        """Add a row, see `Row`, and show it to all who look on; return whether a callback asks to stop.

        `share` is where the bar stands, see `move`.
        """
        row = Row(
            stage=stage,
            step=step,
            seconds=self.seconds,
            loss=loss,
            held_back=held_back,
            critic=critic,
            penalty=penalty,
            distance=distance,
            kept=kept,
        )
        self.rows.append(row)
        shown = {"held back": held_back, "distance": distance}
        self._words = tuple(f"{word} {value:.3f}" for word, value in shown.items() if value is not None)
        self.move(stage, step, share)
        # every callback sees every row, also one after another that asks to stop
        return any([callback(row.copy()) for callback in self._callbacks])
