"""Write a fit as scalars that TensorBoard shows."""

from __future__ import annotations

import os
from typing import Any

from ..model.callbacks import Row, measured

try:
    from tensorboard.summary import Writer
except ImportError as error:
    raise ImportError(
        "TensorBoardCallback needs tensorboard; install it with: pip install 'tsgan[tensorboard]'"
    ) from error


class TensorBoardCallback:
    """Writes what is measured, by stage and step: `likelihood/held_back`, `adversarial/distance` and so on.

    Parameters
    ----------
    folder : str or path
        A folder of its own for each fit, in the one that ``tensorboard --logdir`` shows; it is made.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = folder

    def begin(self, gan: Any) -> None:
        """Begin a file of events."""
        self._writer = Writer(os.fspath(self.folder))

    def __call__(self, row: Row) -> None:
        """Write a row at once, so that a fit that is killed has left what it measured."""
        for name, value in measured(row).items():
            self._writer.add_scalar(name, value, row["step"])
        self._writer.flush()

    def end(self, gan: Any) -> None:
        """Close the file."""
        self._writer.close()
