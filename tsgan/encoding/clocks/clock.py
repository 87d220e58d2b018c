"""The clock: what is learned about time stamps, and new ones with the same rhythm.

A clock counts rows, is *regular* (every step of every sequence is one unit), a grid with *gaps* (steps of 1, 2, 5 ..
units of a frequency), or *irregular* (steps are numbers, in the largest unit that divides them all). A unit is so many
elapsed ticks, ticks of the wall clock (so that days stay days when clocks change) or moments of a calendar grid.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.frequencies import to_offset

from ...arrays import Ints
from ...bundle import saved
from ...errors import ParameterError, TsganWarning
from ...tables.dtypes import Token, label, plain
from .grids import Business, Grid, Listed, Rhythm, Space, declared, find, fits, gcd, positions, ticks_at
from .stamps import PER_DAY, Stamps, Ticks

EVEN = 1e-9


@saved
@dataclass(frozen=True)
class Clock:
    """What is known about the time stamps of a table.

    Attributes
    ----------
    kind : {"rows", "number", "datetime", "timedelta", "period"}
        "rows": there are no stamps.
    rhythm : {"regular", "gapped", "irregular"}
    start : int or float
        Tick of the earliest sequence start.
    step : int or float
        Between counted rows; else the median gap, in units.
    least : int or float
        The smallest gap, in units.
    unit : int or float
        Of gaps: ticks or positions, by `space`. 1.0 where ticks are floating.
    space : {"ticks", "wall", "grid"}
    grid : Grid or None
        Where `space` is "grid".
    freq : str or None
        A pandas frequency that names the unit.
    apart : int or float
        Unit of the distances between starts; 0 where all sequences start at the same moment.
    starts : {"ticks", "wall", "grid"}
        Space of `apart`.
    declared : bool
        Whether the index carried its frequency, so that the new one does too.
    stamps : Stamps or None
        How they were given.
    """

    kind: Literal["rows", "number", "datetime", "timedelta", "period"]
    rhythm: Literal["regular", "gapped", "irregular"] = "regular"
    start: int | float = 0
    step: int | float = 1
    least: int | float = 1
    unit: int | float = 1
    space: Space = "ticks"
    grid: Grid | None = None
    freq: str | None = None
    apart: int | float = 0
    starts: Space = "ticks"
    declared: bool = False
    stamps: Stamps | None = None

    @classmethod
    def rows(cls, index: pd.Index[Any]) -> Clock:
        """Return the clock that counts rows, as `index` does if that is a range."""
        return cls("rows", start=index.start, step=index.step) if isinstance(index, pd.RangeIndex) else cls("rows")

    @classmethod
    def fit(cls, stamps: pd.Index[Any], lengths: Ints, name: Hashable) -> Clock:
        """Learn from stamps in sequence and time order.

        Parameters
        ----------
        stamps : Index of length `lengths.sum()`
        lengths : int64 array of shape (sequences,)
        name : str or int
            Of the column or index level, for messages.

        Raises
        ------
        SchemaError
            If they are no stamps; see `stamps.parse`.

        Warns
        -----
        TsganWarning
            If the index carries a frequency that cannot be stored.
        """
        form, read = Stamps.read(stamps, name)
        first = np.cumsum(lengths) - lengths
        within = np.ones(len(read), dtype=bool)
        within[first] = False
        start = plain(read[first].min())
        if not form.whole:
            return cls._floating(form, read, first, within, start)
        ticks: Ints = read.astype(np.int64)
        carried = getattr(stamps, "freq", None) if form.kind in ("datetime", "timedelta") else None
        told = None if carried is None or len(lengths) > 1 else declared(form, ticks, carried)
        if carried is not None and told is None and len(lengths) == 1:
            warnings.warn(
                f"the frequency {carried!r} of the time {name!r} cannot be stored; synthetic stamps carry none",
                TsganWarning,
                stacklevel=2,
            )
        found = told or find(form, ticks, within)
        gaps = np.diff(positions(form, found.space, found.grid, ticks))[within[1:]] // found.unit
        rhythm: Any = "regular" if (gaps == 1).all() else "gapped" if found.freq or _often(gaps) else "irregular"
        starts, apart = _apart(form, found, ticks[first])
        return cls(
            form.kind,
            rhythm,
            start,
            max(1, round(float(np.median(gaps)))) if len(gaps) else 1,
            int(gaps.min(initial=gaps.max(initial=1))),
            found.unit,
            found.space,
            found.grid,
            found.freq,
            apart,
            starts,
            told is not None,
            form,
        )

    @classmethod
    def _floating(cls, form: Stamps, ticks: Ticks, first: Ints, within: NDArray[np.bool_], start: float) -> Clock:
        gaps = np.diff(ticks)[within[1:]]
        even = bool(len(gaps) == 0 or np.ptp(gaps) <= EVEN * np.abs(gaps).max())
        step = 1.0 if not len(gaps) else float(gaps.mean()) if even else float(np.median(gaps))
        least = float(gaps.min()) if len(gaps) else 1.0
        apart = float(np.ptp(ticks[first]) > 0)
        return cls("number", "regular" if even else "irregular", start, step, least, 1.0, apart=apart, stamps=form)

    @property
    def regular(self) -> bool:
        """Whether all steps are alike."""
        return self.rhythm == "regular"

    @property
    def dtype(self) -> Token:
        """Of the stamps as they came (also for text)."""
        return "int64" if self.stamps is None else self.stamps.dtype

    @property
    def usual(self) -> int | float:
        """The step taken where none is drawn, in units."""
        if self.stamps is not None and self.stamps.whole and self.rhythm != "irregular":
            return 1
        return self.step

    def ticks(self, stamps: pd.Index[Any], name: Hashable = None) -> Ticks:
        """Return the ticks of further stamps of the fitted table.

        Raises
        ------
        SchemaError
            If they are no stamps.
        """
        form, ticks = Stamps.read(stamps, name)
        mine = self.stamps
        if mine is None or form.scale == mine.scale:
            return ticks
        numbers = ticks / form.scale if form.whole else ticks
        return np.round(numbers * mine.scale).astype(np.int64) if mine.whole else np.asarray(numbers, dtype=np.float64)

    def gaps(self, ticks: Ticks) -> Ticks:
        """Return the distance of each row from the row before it, in units; the first row's means nothing."""
        if self.stamps is None or not self.stamps.whole:
            return np.diff(ticks, prepend=ticks[:1])
        places = positions(self.stamps, self.space, self.grid, np.asarray(ticks, dtype=np.int64))
        return np.asarray(np.diff(places, prepend=places[:1]) // int(self.unit))

    def apart_of(self, ticks: Ticks) -> Ticks:
        """Return how long after the earliest start each tick is, in units of `apart`."""
        if self.stamps is None or not self.stamps.whole:
            return np.asarray(ticks - self.start)
        grid = self.grid if self.starts == "grid" else None
        both = np.append(np.int64(self.start), np.asarray(ticks, dtype=np.int64))
        places = positions(self.stamps, self.starts, grid, both)
        return np.asarray((places[1:] - places[0]) // max(1, int(self.apart)))

    def starts_at(self, apart: NDArray[np.floating] | Ints) -> Ticks:
        """Return the ticks of starts so many units of `apart` after the earliest."""
        if self.stamps is None or not self.stamps.whole:
            return np.asarray(self.start + np.asarray(apart, dtype=np.float64))
        grid = self.grid if self.starts == "grid" else None
        origin = positions(self.stamps, self.starts, grid, np.array([self.start], dtype=np.int64))
        moves = np.round(np.asarray(apart))
        self._check(float(self.start), float(moves.max(initial=0)), self.apart, grid)
        return ticks_at(self.stamps, self.starts, grid, origin + moves.astype(np.int64) * int(self.apart))

    def walk(self, starts: Ticks, lengths: Ints, gaps: Ticks | None = None) -> Ticks:
        """Return the ticks of sequences from their starts on.

        Parameters
        ----------
        starts : array of shape (sequences,)
            Ticks.
        lengths : int64 array of shape (sequences,)
        gaps : array of shape (rows,), optional
            In units, the first of each sequence unused. Default: the usual step throughout.

        Raises
        ------
        OverflowError
            If they pass what the stamps can hold.
        """
        first = np.cumsum(lengths) - lengths
        first = first[lengths > 0]
        row = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        floating = self.stamps is not None and not self.stamps.whole
        moves: Any
        if gaps is None:
            moves = row * self.usual
        elif floating:
            codes = np.repeat(np.arange(len(lengths)), lengths)
            steps = np.where(row == 0, 0.0, np.asarray(gaps, dtype=np.float64))
            moves = pd.Series(steps).groupby(codes).cumsum().to_numpy()
        else:
            # Sums over all sequences may wrap around 2**64; the difference within one sequence wraps back.
            steps = np.where(row == 0, 0, np.asarray(gaps))
            if float(np.abs(steps).max(initial=0)) * float(lengths.max(initial=0)) * float(self.unit) > 2.0**62:
                codes = np.repeat(np.arange(len(lengths)), lengths)
                total = pd.Series(steps.astype(np.float64)).groupby(codes).sum()
                self._check(float(starts.max()), float(total.max()), self.unit, self.grid)
            moves = np.cumsum(steps.astype(np.int64))
            moves = moves - np.repeat(moves[first], lengths[lengths > 0])
        if floating or self.stamps is None:
            return np.asarray(np.repeat(starts, lengths) + moves)
        if len(moves):
            self._check(float(starts.max()), float(moves.max()), self.unit, self.grid)
        ticks = self._stepped(np.asarray(starts, dtype=np.int64), lengths, moves * int(self.unit))
        if self.space != "grid" and len(ticks):
            ticks[first] = starts[lengths > 0]
        return ticks

    def _stepped(self, starts: Ints, lengths: Ints, moves: Ints) -> Ints:
        form = self.stamps
        assert form is not None
        if self.space == "ticks":
            return np.asarray(np.repeat(starts, lengths) + moves)
        wall = form.local(starts)
        if self.grid is None:
            return form.universal(np.repeat(wall, lengths) + moves)
        # A start at another time of day keeps it; one between two moments of the grid waits for the next.
        later = np.zeros_like(wall)
        if not isinstance(self.grid, Listed):
            later = (wall - self.grid.ticks(np.zeros(1, dtype=np.int64))[0]) % PER_DAY[str(form.unit)]
        places = self.grid.positions(wall - later)
        places += self.grid.ticks(places) < wall - later
        return form.universal(self.grid.ticks(np.repeat(places, lengths) + moves) + np.repeat(later, lengths))

    def _check(self, start: float, moves: float, unit: float, grid: Grid | None) -> None:
        form = self.stamps
        if form is not None:
            span = 1.0 if grid is None else float(np.diff(grid.ticks(np.array([0, 1])))[0])
            form.check(start, start + float(moves) * float(unit) * span)

    def write(self, ticks: Ticks, *, carry: bool = False) -> pd.Index[Any]:
        """Return the stamps of `ticks`; with `carry` (one sequence) they carry the frequency if the real ones did."""
        if self.stamps is None:
            return pd.Index(np.asarray(ticks, dtype=np.int64))
        made: Any = self.stamps.write(ticks)
        if carry and self.declared and isinstance(made, pd.DatetimeIndex | pd.TimedeltaIndex):
            try:
                made = type(made)(made, freq=self._offset())
            except ValueError:
                made = type(made)(made, freq=None)
        index: pd.Index[Any] = made
        return index

    def _offset(self) -> Any:
        if isinstance(self.grid, Business) and str(self.freq).endswith("C"):
            holidays = [np.datetime64(day, "D") for day in self.grid.holidays]
            return pd.offsets.CustomBusinessDay(int(self.unit), weekmask=self.grid.week, holidays=holidays)
        return to_offset(self.freq)

    def moments(self, ticks: Ticks) -> pd.DatetimeIndex | None:
        """Return what the clock on the wall shows at `ticks`; None where stamps have no dates."""
        return None if self.stamps is None else self.stamps.moments(ticks)

    def tick(self, start: Any) -> int | float:
        """Return the tick of a start that a user gives; TypeError or ValueError if it is none."""
        if self.stamps is not None:
            return self.stamps.tick(start)
        return Stamps("number", "int64").tick(start)

    @contextmanager
    def told(self, steps: int, start: Any) -> Iterator[None]:
        """Turn what goes wrong inside into errors that name `start`.

        Raises
        ------
        ParameterError
            If `start` is no such stamp, or the stamps would pass the last moment that can be written.
        """
        try:
            yield
        except ParameterError:
            raise
        except (OverflowError, pd.errors.OutOfBoundsDatetime) as error:
            raise ParameterError(
                f"{steps} steps from {'the first observed start' if start is None else repr(start)} on go beyond what "
                f"{label(self.dtype)} can hold ({error}); choose an earlier start or fewer steps"
            ) from error
        except (TypeError, ValueError) as error:
            raise ParameterError(
                f"start={start!r} does not fit the time stamps, which are {label(self.dtype)}: {error}"
            ) from error

    def make(self, steps: int, start: Any = None) -> pd.Index[Any]:
        """Return `steps` regular increasing stamps from `start` on (default: the first observed start).

        Raises
        ------
        ParameterError
            See `told`.
        """
        with self.told(steps, start):
            first = self.start if start is None else self.tick(start)
            if self.kind == "rows":
                return pd.RangeIndex(int(first), int(first + steps * self.step), int(self.step))
            return self.write(self.walk(np.array([first]), np.array([steps])), carry=True)

    def describe(self) -> str:
        """Return the rhythm in a few words."""
        if self.kind == "rows":
            return "rows are counted"
        step = f"{self.freq}"
        form = self.stamps
        if self.freq is None and form is not None:
            size = float(self.step) * float(self.unit) / max(1, form.scale)
            unit: Any = form.unit
            step = f"{size:g}" if unit is None else str(pd.Timedelta(int(size), unit))
            if form.kind == "period":
                base = to_offset(form.period, is_period=True)
                many = size / (1 if base is None else base.n)
                step = f"{'' if many == 1 else f'{many:g} x '}{form.period}"
        return (
            f"every {step}"
            + {"regular": "", "gapped": " (with gaps)", "irregular": " (median, irregular)"}[self.rhythm]
        )


def _often(gaps: Ints) -> bool:
    return float(np.mean(gaps == 1)) >= 0.25


def _apart(form: Stamps, found: Rhythm, starts: Ints) -> tuple[Space, int]:
    """Return the space and the unit of the distances between starts, 0 where there are none."""
    if np.ptp(starts) == 0:
        return "ticks", 0
    if found.space == "grid":
        places = positions(form, "grid", found.grid, starts)
        return "grid", gcd(places - places.min())
    elapsed = gcd(starts - starts.min())
    if form.zone is not None and fits(form, "wall", None, starts):
        wall = form.local(starts)
        days = gcd(wall - wall.min())
        if days > elapsed and days % PER_DAY[str(form.unit)] == 0:
            return "wall", days
    return "ticks", elapsed
