"""When things happen: stamps become gaps between rows and starts of sequences, and stamps again.

A regular clock needs no cell: its stamps follow from where a sequence starts and how long it is, so that they are
known before any value is drawn. A clock with gaps, or without a frequency, has a value part `GAP`, the time since the
row before; sequences that start at different moments have a static part `START`, the time since the earliest start.
Both are counted in the largest unit that divides them all, so that new stamps fall on the same grid as the real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...arrays import Ints
from ...bundle import saved
from ...errors import ParameterError
from ...tables.dtypes import Name
from .clock import Clock
from .stamps import Ticks

GAP = "\0gap"
START = "\0start"
LIKE_REAL = "like-real"
KEPT = 4096


@saved
@dataclass(frozen=True)
class Timing:
    """How the stamps of a table are made.

    Attributes
    ----------
    clock : Clock
    sequences, rows : int
        Of the fitted table.
    seen : array of shape (at most 4096,)
        Ticks of the rows of one long series, evenly thinned, among which new series start; empty otherwise.
    """

    clock: Clock
    sequences: int
    rows: int
    seen: Ticks

    @classmethod
    def fit(cls, clock: Clock, stamps: pd.Index[Any] | None, lengths: Ints) -> Timing:
        """Learn from stamps in sequence and time order.

        Parameters
        ----------
        clock : Clock
            Fitted to the same stamps.
        stamps : Index of length `lengths.sum()` or None
            None where rows are counted.
        lengths : int64 array of shape (sequences,)
        """
        rows, one = int(lengths.sum()), len(lengths) == 1
        seen: Ticks = np.empty(0, dtype=np.int64)
        if stamps is not None and one:
            ticks = clock.ticks(stamps)
            seen = ticks[np.unique(np.linspace(0, rows - 1, min(rows, KEPT)).astype(np.int64))]
        return cls(clock, len(lengths), rows, seen)

    @property
    def gapped(self) -> bool:
        """Whether there is a value part `GAP`."""
        return self.clock.kind != "rows" and not self.clock.regular

    @property
    def apart(self) -> bool:
        """Whether there is a static part `START`."""
        return bool(self.clock.apart)

    @property
    def known(self) -> bool:
        """Whether stamps follow from starts and lengths alone."""
        return not self.gapped

    def forward(self, stamps: pd.Index[Any] | None, lengths: Ints) -> dict[Name, pd.Series[Any]]:
        """Return the parts that stand for the stamps.

        Returns
        -------
        dict
            `GAP`, one value per row, missing in the first row of each sequence, where the clock is not regular;
            `START`, one value per sequence, where sequences start at different moments. Integers (Int64, int64) in
            the clock's units, floats for a clock of floats.

        Raises
        ------
        SchemaError
            If they are no stamps.
        """
        if stamps is None or not (self.gapped or self.apart):
            return {}
        ticks = self.clock.ticks(stamps)
        first = np.cumsum(lengths) - lengths
        parts: dict[Name, pd.Series[Any]] = {}
        if self.gapped:
            gaps = self.clock.gaps(ticks)
            none = np.zeros(len(ticks), dtype=bool)
            none[first] = True
            whole = gaps.dtype.kind == "i"
            parts[GAP] = pd.Series(gaps, dtype="Int64" if whole else "float64").mask(none)
        if self.apart:
            parts[START] = pd.Series(self.clock.apart_of(ticks[first]))
        return parts

    def first_stamps(
        self, lengths: Ints, start: Any = None, rng: np.random.Generator | None = None, drawn: Any = None
    ) -> Ticks:
        """Return the tick at which each sequence starts.

        Parameters
        ----------
        lengths : int64 array of shape (sequences,)
            Of the new sequences.
        start : stamp, "like-real" or None
            A stamp for all; or as in the data: `drawn` where sequences started at different moments, a random row of
            one long series that has enough rows after it. None is "like-real" where more than one sequence is asked
            for or real ones started at different moments, else the first observed start.
        rng : Generator
            For random rows.
        drawn : array of shape (sequences,), optional
            The decoded part `START`.

        Raises
        ------
        ParameterError
            If `start` is no stamp of the clock.
        """
        count, clock = len(lengths), self.clock
        whole = clock.stamps is None or clock.stamps.whole
        dtype: Any = np.int64 if whole else np.float64
        real = isinstance(start, str) and start == LIKE_REAL
        if start is not None and not real:
            with clock.told(int(lengths.max(initial=0)), start):
                return np.full(count, clock.tick(start), dtype=dtype)
        if self.apart and drawn is not None:
            with clock.told(int(lengths.max(initial=0)), None):
                return clock.starts_at(_filled(drawn, 0))
        if len(self.seen) and (real or count > 1):
            if rng is None:
                raise ParameterError("starts as in the data are drawn; pass a random generator")
            last = np.maximum(self.rows - lengths, 0) / max(self.rows - 1, 1) * (len(self.seen) - 1)
            return np.asarray(self.seen[np.floor(rng.random(count) * (np.floor(last) + 1)).astype(np.int64)])
        return np.full(count, clock.start, dtype=dtype)

    def ticks_for(self, starts: Ticks, lengths: Ints, gaps: Any = None, start: Any = None) -> Ticks:
        """Return the tick of each row; see `stamps_for`."""
        lengths = np.asarray(lengths, dtype=np.int64)
        steps = None
        if gaps is not None and self.gapped:
            steps = self._gaps(gaps)
        with self.clock.told(int(lengths.max(initial=0)), start):
            return self.clock.walk(starts, lengths, steps)

    def stamps_for(self, starts: Ticks, lengths: Ints, gaps: Any = None, start: Any = None) -> pd.Index[Any]:
        """Return the stamp of each row of sequences.

        Parameters
        ----------
        starts : array of shape (sequences,)
            Ticks, see `first_stamps`.
        lengths : int64 array of shape (sequences,)
        gaps : array of shape (rows,), optional
            The decoded part `GAP`; without it, every step is the usual one.
        start : object
            As the user gave it, for messages.

        Raises
        ------
        ParameterError
            If the stamps pass what their dtype can hold.
        """
        if self.clock.kind == "rows" and len(lengths) == 1:
            step, first = int(self.clock.step), int(starts[0])
            return pd.RangeIndex(first, first + int(lengths[0]) * step, step)
        ticks = self.ticks_for(starts, lengths, gaps, start)
        with self.clock.told(int(np.max(lengths, initial=0)), start):
            return self.clock.write(ticks, carry=len(lengths) == 1)

    def inverse(
        self,
        decoded: Mapping[str, Any],
        lengths: Ints,
        start: Any = None,
        rng: np.random.Generator | None = None,
    ) -> pd.Index[Any]:
        """Return one stamp for each row of new sequences.

        Within a sequence they increase strictly, by at least the smallest gap that was seen.

        Parameters
        ----------
        decoded : mapping
            `GAP` and `START`, as far as `forward` gave them.
        lengths, start, rng
            See `first_stamps`.

        Raises
        ------
        ParameterError
            If `start` is no stamp of the clock, or the stamps pass what their dtype can hold.
        """
        lengths = np.asarray(lengths, dtype=np.int64)
        starts = self.first_stamps(lengths, start, rng, decoded.get(START))
        return self.stamps_for(starts, lengths, decoded.get(GAP), start)

    def moments(self, ticks: Ticks) -> pd.DatetimeIndex | None:
        """Return what the clock on the wall shows at `ticks`, None where stamps have no dates."""
        return self.clock.moments(ticks)

    def _gaps(self, decoded: Any) -> Ticks:
        clock = self.clock
        gaps = np.maximum(_filled(decoded, clock.least), clock.least)
        return gaps if clock.stamps is not None and not clock.stamps.whole else np.round(gaps).astype(np.int64)


def _filled(decoded: Any, missing: float) -> Ticks:
    """Return a decoded part as int64 where it holds integers, else float64."""
    series = pd.Series(decoded)
    if pd.api.types.is_integer_dtype(series.dtype):
        return series.to_numpy(dtype=np.int64, na_value=int(missing))
    return series.to_numpy(dtype=np.float64, na_value=float(missing))
