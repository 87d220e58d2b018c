"""What `tsgan fit --log json` writes for machines: a JSON object a line on standard output.

``{"event": "row", ...}`` for each row of the history, with the keys of `tsgan.model.callbacks.Row`, then one
``{"event": "end", "outcome": "done", ...}``, or "interrupted", or "failed" with the error. What was not measured, or is
not finite, is null.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class JsonLog:
    """A callback that prints each row; `ending` prints how it ended."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Print a row."""
        self._print("row", row)

    @contextmanager
    def ending(self, model: Any, path: str, stopped: list[int]) -> Iterator[None]:
        """Print the outcome of what is done inside: what was kept of the model at `path`, or the error."""
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            outcome = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            self._end(outcome, error=" ".join(str(error).split()) or type(error).__name__)
            raise
        stage = "adversarial" if model.finished_ else "likelihood"
        kept = [row for row in model.history_ if row["stage"] == stage and row["kept"]]
        self._end(
            "interrupted" if stopped else "done",
            model=path,
            trained=model.trained_,
            finished=model.finished_,
            held_back=kept[-1]["held_back"] if kept else None,
        )

    def _end(self, outcome: str, **more: Any) -> None:
        self._print("end", {"outcome": outcome, "seconds": time.monotonic() - self.began, **more})

    @staticmethod
    def _print(event: str, values: Mapping[str, Any]) -> None:
        finite = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in values.items()
        }
        print(json.dumps({"event": event, **finite}), flush=True)
