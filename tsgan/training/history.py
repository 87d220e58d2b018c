"""What happened during training, a row at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One entry of the history.

    Attributes
    ----------
    step : int
        Generator steps taken so far.
    epoch : float
        Passes over the training windows so far.
    seconds : float
        Wall-clock time since training began.
    critic, generator, penalty, correction : float
        Means since the last row: the critic's loss without the penalty, the generator's loss without the transport
        cost, the gradient penalty, and the root mean square of the learned correction.
    separation : float or None
        The held-back statistic of the averaged generator, where it was measured; 0 means "cannot be told apart".
    """

    step: int
    epoch: float
    seconds: float
    critic: float
    generator: float
    penalty: float
    correction: float
    separation: float | None = None


@dataclass
class History:
    """The rows of a training run; iterate over it or turn it into a frame with `pandas.DataFrame(history.rows())`."""

    entries: list[Row] = field(default_factory=list)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def rows(self) -> list[dict[str, Any]]:
        """Return the entries as plain dictionaries."""
        return [asdict(entry) for entry in self.entries]
