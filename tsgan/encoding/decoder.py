"""From panels back to tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..arrays import Bools
from ..errors import NotFittedError
from ..panel import Panel
from ..tables.dtypes import Name
from ..tables.frames import give_back
from .clocks.clock import GAP
from .compose import Rows, compose
from .conditions import Condition
from .stages import Stages


class Decoder:
    """The way back of an `Encoder`: the stages that it fitted, in reverse."""

    _stages: Stages | None = None

    @property
    def stages(self) -> Stages:
        """What was fitted.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        if self._stages is None:
            raise NotFittedError("this Encoder is not fitted yet; call fit(data) first")
        return self._stages

    def decode(
        self, panel: Panel, *, start: Any = None, squeeze: bool = False, rng: np.random.Generator | None = None
    ) -> Any:
        """Return a panel as rows of the kind that was fitted: DataFrame or array.

        Parameters
        ----------
        panel : Panel
            Cells as `layout` says; its `lengths` rule, a length among the statics is ignored.
        start : Timestamp, str, number or "like-real", optional
            First time stamp of each sequence; by default as `Clock.first_ticks` says.
        squeeze : bool
            Leave out the outer index level (or array axis) `sequence` if there is one sequence.
        rng : numpy.random.Generator, optional
            Chooses what the cells do not say: levels that are not kept, starts.

        Raises
        ------
        ParameterError
            If `start` is no stamp of the fitted clock, or is given where there is no clock.
        """
        rng = np.random.default_rng(0) if rng is None else rng
        starts = self.stages.starts(panel.statics, panel.lengths, start, rng)
        return self.compose([self.rows(panel, starts, rng)], squeeze=squeeze)

    def rows(
        self,
        panel: Panel,
        starts: NDArray[Any],
        rng: np.random.Generator,
        *,
        drawn: bool | Bools = False,
        condition: Condition | None = None,
    ) -> Rows:
        """Return the rows of a panel.

        Parameters
        ----------
        panel : Panel
        starts : array of shape (sequences,)
            As `starts` returned them.
        rng : numpy.random.Generator
        drawn : bool, or bool array of shape (rows,) or (rows, cells)
            What a generator drew: all of it, so that its marginals are carried to the observed ones, or some beside
            known values, where they are not.
        condition : Condition, optional
            Of these sequences, which then holds literally.
        """
        if condition is not None:
            panel = condition.held(panel, self.stages.cells, rng)
        decoded = self._decoded(panel, rng, drawn)
        gaps = decoded.pop(GAP, None)
        if condition is not None:
            condition.put(decoded)
        if self.stages.constraints:
            parts = {n: pd.Series(a, copy=False) for n, a in decoded.items()}
            back = self.stages.chain.inverse(parts, panel.lengths)
            decoded = {name: series.array for name, series in back.items()}
        stamps = None
        clock = self.stages.clock
        if self.stages.stamped and (clock.kind != "rows" or (starts != clock.start).any()):
            stamps = clock.stamps_for(starts, panel.lengths, gaps)
        return Rows(decoded, panel.lengths, stamps)

    def _decoded(self, panel: Panel, rng: np.random.Generator, drawn: bool | Bools) -> dict[Name, Any]:
        """Return the decoded parts of a panel, gaps of the clock among them."""
        got = panel.values.shape[1], panel.statics.shape[1]
        wanted = len(self.stages.layout.cells), len(self.stages.layout.statics)
        if got != wanted:
            raise ValueError(f"got {got} cells; the layout has {wanted}")
        return self.stages.cells.decode(panel, rng, drawn is True)

    def compose(
        self,
        parts: Sequence[Rows],
        *,
        squeeze: bool = False,
        before: tuple[int, int] = (0, 0),
        keys: pd.Index[Any] | None = None,
    ) -> Any:
        """Return rows as a table of the kind that was fitted.

        Parameters
        ----------
        parts : sequence of Rows
        squeeze : bool
            Leave out the outer index level (or array axis) `sequence` if there is one sequence.
        before : tuple of int
            Sequences and rows that came in earlier pieces.
        keys : Index, optional
            Of the sequences; new ones if not given.
        """
        return give_back(self.frame(parts, squeeze=squeeze, before=before, keys=keys), self.stages.frame)

    def frame(
        self,
        parts: Sequence[Rows],
        *,
        squeeze: bool = False,
        before: tuple[int, int] = (0, 0),
        keys: pd.Index[Any] | None = None,
    ) -> Any:
        """Return what `compose` does, as a pandas table or an array."""
        rows = Rows.join(parts)
        if keys is None and self.stages.keys is not None:
            keys = self.stages.keys.make(len(rows.lengths), before[0])
        values = self.stages.restored(rows, keys, before)
        return compose(values, rows.lengths, self.stages.form, rows.stamps, keys, squeeze=squeeze, before=before)

    def settle(self, drawn: Iterable[tuple[Panel, NDArray[Any], np.random.Generator]]) -> None:
        """Learn what carries the marginals of drawn panels to the observed ones."""
        panels = list(drawn)
        values, lengths = zip(*((panel.values, panel.lengths) for panel, _, _ in panels), strict=True)
        length = np.concatenate(lengths)
        self.stages.cells.settle(np.concatenate(values), np.cumsum(length) - length)
