"""From panels back to tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..arrays import Bools, Doubles, Floats, Ints
from ..constraints.base import Constraint
from ..constraints.chain import Chain
from ..errors import NotFittedError, ParameterError
from ..layout import Layout
from ..panel import Panel
from ..tables.dtypes import Name
from ..tables.form import Form
from ..tables.frames import FrameKind, give_back
from ..tables.keys import Keys
from .aliases import Aliases
from .cells import Cells
from .clocks.timing import GAP, START, Timing
from .columns.numeric import FloatColumn
from .compose import Rows, compose
from .conditions import Condition
from .missing import Missing
from .schema import Schema


class Decoder:
    """The way back of an `Encoder`: the stages that it fitted, in reverse."""

    schema: Schema
    layout: Layout
    window: int
    lengths: Ints
    _form: Form
    _frame: FrameKind
    _keys: Keys | None
    _timing: Timing
    _aliases: Aliases
    _constraints: tuple[Constraint, ...]
    _chain: Chain
    _missing: Missing
    _cells: Cells

    def _check_fitted(self) -> None:
        if not hasattr(self, "layout"):
            raise NotFittedError("this Encoder is not fitted yet; call fit(data) first")

    @property
    def stamped(self) -> bool:
        """Whether rows carry time stamps."""
        return self._form.kind == "frame" and (self._timing.clock.kind != "rows" or self._form.entity is None)

    def decode(
        self, panel: Panel, *, start: Any = None, squeeze: bool = False, rng: np.random.Generator | None = None
    ) -> Any:
        """Return a panel as rows of the kind that was fitted: DataFrame or array.

        Parameters
        ----------
        panel : Panel
            Cells as `layout` says; its `lengths` rule, a length among the statics is ignored.
        start : Timestamp, str, number or "like-real", optional
            First time stamp of each sequence; by default as `timing.Timing.starts` says.
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
        starts = self.starts(panel.statics, panel.lengths, start, rng)
        return self.compose([self.rows(panel, starts, rng)], squeeze=squeeze)

    def starts(self, statics: Doubles, lengths: Ints, start: Any, rng: np.random.Generator) -> NDArray[Any]:
        """Return where the clock of each sequence starts, see `timing.Timing.first_stamps`."""
        self._check_fitted()
        if start is not None and not self.stamped:
            raise ParameterError(f"start={start!r} needs time stamps, and the fitted data had none")
        return self._timing.first_stamps(lengths, start, rng, self._cells.early(statics, START))

    def covariates(self, lengths: Ints, starts: Any, drawn: Panel | None = None) -> Floats:
        """Return what is known of each row before it is drawn, `(rows, covariates)`.

        Parameters
        ----------
        lengths : int64 array of shape (sequences,)
        starts : array of shape (sequences,)
        drawn : Panel, optional
            A first draw, whose gaps a clock with gaps ticks by; without it, it ticks evenly.
        """
        cells = self._cells
        if not cells.timed:
            return cells.covariates(lengths, None, None)
        ticks = self._timing.ticks_for(starts, lengths, None if drawn is None else cells.gaps(drawn))
        return cells.covariates(lengths, self._timing.moments(ticks), ticks)

    @property
    def wandering(self) -> bool:
        """Whether what is known of a row (its season, the trend) depends on gaps that are themselves drawn."""
        return self._cells.timed and self._timing.gapped

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
            panel = condition.held(panel, self._cells, rng)
        decoded = self._decoded(panel, rng, drawn)
        gaps = decoded.pop(GAP, None)
        if condition is not None:
            condition.put(decoded)
        if self._constraints:
            rows = drawn if isinstance(drawn, bool) or drawn.ndim == 1 else np.asarray(drawn.any(axis=1))
            parts = {n: pd.Series(a, copy=False) for n, a in decoded.items()}
            back = self._chain.inverse(parts, panel.lengths, rows, self._snaps)
            decoded = {name: series.array for name, series in back.items()}
        stamps = None
        clock = self._timing.clock
        if self.stamped and (clock.kind != "rows" or (starts != clock.start).any()):
            stamps = self._timing.stamps_for(starts, panel.lengths, gaps)
        return Rows(decoded, panel.lengths, stamps)

    def _decoded(self, panel: Panel, rng: np.random.Generator, drawn: bool | Bools) -> dict[Name, Any]:
        """Return the decoded parts of a panel, gaps of the clock among them."""
        self._check_fitted()
        got = panel.values.shape[1], panel.statics.shape[1]
        wanted = len(self.layout.cells), len(self.layout.statics)
        if got != wanted:
            raise ValueError(f"got {got} cells; the layout has {wanted}")
        return self._cells.decode(panel, rng, drawn is True)

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
        return give_back(self.frame(parts, squeeze=squeeze, before=before, keys=keys), self._frame)

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
        if keys is None and self._keys is not None:
            keys = self._keys.make(len(rows.lengths), before[0])
        values = self.restored(rows, keys, before)
        return compose(values, rows.lengths, self._form, rows.stamps, keys, squeeze=squeeze, before=before)

    def restored(self, rows: Rows, keys: pd.Index[Any] | None, before: tuple[int, int] = (0, 0)) -> dict[Name, Any]:
        """Return all columns, one value per row, with those that repeat others."""
        values: dict[Name, Any] = self._aliases.inverse(
            rows.values, keys, rows.stamps, rows.lengths, sequences_before=before[0], rows_before=before[1]
        )
        sequence = np.repeat(np.arange(len(rows.lengths)), rows.lengths)
        return values | {name: values[name].take(sequence) for name in self._form.static}

    def settle(self, drawn: Iterable[tuple[Panel, NDArray[Any], np.random.Generator]]) -> None:
        """Learn what carries the marginals of drawn panels to the observed ones."""
        panels = list(drawn)
        values, lengths = zip(*((panel.values, panel.lengths) for panel, _, _ in panels), strict=True)
        length = np.concatenate(lengths)
        self._cells.settle(np.concatenate(values), np.cumsum(length) - length)
        if self._chain.carries:
            self._settle_order(panels)

    def _settle_order(self, panels: Sequence[tuple[Panel, NDArray[Any], np.random.Generator]]) -> None:
        """Learn what brings drawn columns into their order, once their marginals are carried."""
        parts = []
        for panel, _, rng in panels:
            decoded = self._decoded(panel, rng, True)
            decoded.pop(GAP, None)
            parts.append({name: pd.Series(array, copy=False) for name, array in decoded.items()})
        joined = {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}
        self._chain.settle(joined, np.concatenate([panel.lengths for panel, _, _ in panels]), self._snaps)

    @property
    def _snaps(self) -> dict[Name, Any]:
        """What moves numbers to the values that their column can take."""
        return {column.name: column.snap for column in self._cells.columns if isinstance(column, FloatColumn)}
