"""What may look on while training runs: a callable gets each new row of the history."""

from __future__ import annotations

from collections.abc import Callable

from tqdm.auto import tqdm

from .history import Row

Callback = Callable[[Row], bool | None]  # returns True to stop training and keep what has been learned


class Progress:
    """A progress bar over the share of the budget (steps or time) that is used, with losses and rate.

    Parameters
    ----------
    shown : bool
        Draw it, or stay silent.
    """

    def __init__(self, shown: bool) -> None:
        self.bar = tqdm(
            total=100,
            disable=not shown,
            unit="%",
            bar_format="training |{bar:24}| {n:3.0f} % [{elapsed}<{remaining}]{postfix}",
        )

    def update(self, share: float, row: Row | None) -> None:
        """Move the bar to `share` (0 to 1) and show the newest row."""
        self.bar.n = min(100.0, 100 * share)
        if row is not None:
            rate = row.step / max(row.seconds, 1e-9)
            held = "" if row.separation is None else f", apart {row.separation:.2f}"
            text = f"critic {row.critic:.3f}, generator {row.generator:.3f}{held}, {rate:.0f} steps/s"
            self.bar.set_postfix_str(text, refresh=False)
        self.bar.refresh()

    def close(self) -> None:
        """Leave the bar as it stands."""
        self.bar.close()
