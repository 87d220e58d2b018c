"""The clock: time stamps become gaps between rows and starts of sequences, and stamps again.

A clock counts rows, is *regular* (every step of every sequence is one unit), a grid with *gaps* (steps of 1, 2, 5 ..
units of a frequency), or *irregular* (steps are numbers, in the largest unit that divides them all). A unit is so many
elapsed ticks, ticks of the wall clock (so that days stay days when clocks change) or moments of a calendar grid.

A regular clock needs no cell: its stamps follow from where a sequence starts and how long it is, so that they are
known before any value is drawn. Any other has a value part `GAP`, the time since the row before; sequences that start
at different moments have a static part `START`, the time since the earliest start. Both are counted in the largest unit
that divides them all, so that new stamps fall on the same grid as the real ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from ...arrays import Ints
from ...bundle import saved
from ...errors import ParameterError, TsganWarning
from ...holders import Holders, Sharing
from ...tables.dtypes import Name, Token, label, plain
from .grids import Business, Listed, Spacing, common, declared, find
from .stamps import PER_DAY, Stamps, Ticks

GAP = "\0gap"
START = "\0start"
LIKE_REAL = "like-real"
EVEN = 1e-9  # relative difference of steps that floating numbers may have and still be alike
MAX_KEPT = 4096  # rows of one series that are kept as starts of new ones


@saved
@dataclass(frozen=True)
class Clock:
    """What is known about the time stamps of a table."""

    kind: Literal["rows", "number", "datetime", "timedelta", "period"]  # "rows": there are no stamps
    stamps: Stamps  # how they were given
    spacing: Spacing  # of gaps
    regularity: Literal["regular", "gapped", "irregular"]
    start: int | float  # tick of the earliest sequence start
    step: int | float  # the median gap between different stamps, in units
    least: int | float  # the smallest gap, in units
    starts: Spacing | None  # of starts; None where all sequences start at the same moment, or there is one only
    declared: bool  # whether the index carried its frequency, so that the new one does too
    rows: int  # of the fitted table
    seen: Ticks  # of the rows of one long series, evenly thinned, among which new series start; else empty

    @classmethod
    def counting(cls, index: pd.Index[Any]) -> Clock:
        """Return the clock that counts rows, as `index` does if that is a range."""
        start, step = (index.start, index.step) if isinstance(index, pd.RangeIndex) else (0, 1)
        form, none = Stamps("number", "int64"), np.empty(0, dtype=np.int64)
        return cls("rows", form, Spacing(unit=step), "regular", start, 1, 1, None, False, len(index), none)

    @classmethod
    def fit(
        cls,
        stamps: pd.Index[Any],
        lengths: Ints,
        name: Hashable,
        *,
        single: bool | None = None,
        sharing: Sharing | None = None,
    ) -> Clock:
        """Learn from stamps in sequence and time order, `lengths.sum()` of a column or index level `name`.

        `single` says whether lengths are those of stretches of one long series; by default, if there is one. What too
        few share, as `sharing` says, is not told: the earliest start, the smallest gap, when rows of one series came.
        SchemaError if they are no stamps, see `Stamps.read`; a warning if the index carries a frequency that cannot be
        stored.
        """
        form, ticks = Stamps.read(stamps, name)
        sharing = Sharing(lengths, 0) if sharing is None else sharing
        single = len(lengths) == 1 if single is None else single
        first = np.cumsum(lengths) - lengths
        within = np.ones(len(ticks), dtype=bool)
        within[first] = False
        carried = None
        regularity: Any
        step: int | float
        least: int | float
        if form.whole:
            ticks = ticks.astype(np.int64)
            carried = _carried(form, ticks, stamps, name) if len(lengths) == 1 else None
            spacing = carried or find(form, ticks, within)
            gaps = spacing.units(np.diff(spacing.positions(form, ticks))[within[1:]])
            named = spacing.freq is not None or common(gaps, 1)
            regularity = "regular" if (gaps == 1).all() else "gapped" if named else "irregular"
            step = max(1, round(float(np.median(gaps[gaps > 0])))) if gaps.any() else 1
            least = int(np.ceil(_least(gaps, sharing.rows.at(within)))) if len(gaps) else 1
            starts = _starts(form, spacing, ticks[first], sharing.sequences)
        else:
            spacing, gaps = Spacing(unit=1.0), np.diff(ticks)[within[1:]]
            even = bool(len(gaps) == 0 or np.ptp(gaps) <= EVEN * np.abs(gaps).max())
            regularity = "regular" if even else "irregular"
            step = 1.0 if not gaps.any() else float(gaps.mean() if even else np.median(gaps[gaps > 0]))
            least = _least(gaps, sharing.rows.at(within)) if len(gaps) else 1.0
            starts = Spacing(unit=1.0) if np.ptp(ticks[first]) > 0 else None
        count = min(len(ticks), MAX_KEPT)
        if sharing.rows.least > 1 and regularity != "regular":
            count = max(1, min(count, len(ticks) // sharing.rows.least))
        kept = np.unique(np.linspace(0, len(ticks) - 1, count).astype(np.int64))
        seen = ticks[kept if single else kept[:0]]
        if sharing.rows.least > 1 and regularity != "regular":
            seen = _between(seen, spacing)
        start = ticks[first].min()
        if starts is not None and not single:
            start = _earliest(form, starts, ticks[first], sharing)
        return cls(
            form.kind,
            form,
            spacing,
            regularity,
            plain(start),
            step,
            least,
            None if single else starts,
            carried is not None,
            len(ticks),
            seen,
        )

    @property
    def regular(self) -> bool:
        """Whether all steps are alike, so that stamps follow from starts and lengths alone."""
        return self.regularity == "regular"

    @property
    def tied(self) -> bool:
        """Whether rows of a sequence may share a stamp."""
        return not self.regular and self.least == 0

    def ticks(self, stamps: pd.Index[Any]) -> Ticks:
        """Return the ticks of further stamps of the fitted table; SchemaError if they are no stamps."""
        form, ticks = Stamps.read(stamps, None)
        mine = self.stamps
        if form.scale == mine.scale:
            return ticks
        numbers = ticks / form.scale if form.whole else ticks
        return np.round(numbers * mine.scale).astype(np.int64) if mine.whole else np.asarray(numbers, dtype=np.float64)

    def encode(self, stamps: pd.Index[Any] | None, lengths: Ints) -> dict[Name, pd.Series[Any]]:
        """Return the parts that stand for the stamps.

        `GAP`, one value per row, missing in the first row of each sequence, where the clock is not regular; `START`,
        one value per sequence, where sequences start at different moments. Integers (Int64, int64) in the clock's
        units, floats for a clock of floats.
        """
        parts: dict[Name, pd.Series[Any]] = {}
        if stamps is None or (self.regular and self.starts is None):
            return parts
        ticks: Any = self.ticks(stamps)
        first = np.cumsum(lengths) - lengths
        if not self.regular:
            places = self.spacing.positions(self.stamps, ticks)
            gaps = self.spacing.units(np.diff(places, prepend=places[:1]))
            none = np.zeros(len(ticks), dtype=bool)
            none[first] = True
            parts[GAP] = pd.Series(gaps, dtype="Int64" if self.stamps.whole else "float64").mask(none)
        if self.starts is not None:
            places = self.starts.positions(self.stamps, np.append(self.start, ticks[first]))
            parts[START] = pd.Series(self.starts.units(places[1:] - places[0]))
        return parts

    def first_ticks(
        self, lengths: Ints, start: Any = None, rng: np.random.Generator | None = None, drawn: Any = None
    ) -> Ticks:
        """Return the tick at which each of the new sequences of these lengths starts.

        `start` is a stamp for all; or "like-real", as in the data: `drawn`, the decoded part `START`, where sequences
        started at different moments, a random row of one long series that has enough rows after it. None is "like-real"
        where more than one sequence is asked for or real ones started at different moments, else the first observed
        start. ParameterError if `start` is no stamp of the clock.
        """
        count, steps = len(lengths), int(lengths.max(initial=0))
        real = isinstance(start, str) and start == LIKE_REAL
        if start is not None and not real:
            with self._naming(steps, start):
                return np.full(count, self.stamps.tick(start), dtype=self.stamps.kept_as)
        if self.starts is not None and drawn is not None:
            with self._naming(steps, None):
                return self._ticks_since(self.starts, _filled(drawn, 0))
        if len(self.seen) and (real or count > 1):
            if rng is None:
                raise ParameterError("starts as in the data are drawn; pass a random generator")
            last = np.maximum(self.rows - lengths, 0) / max(self.rows - 1, 1) * (len(self.seen) - 1)
            return np.asarray(self.seen[np.floor(rng.random(count) * (np.floor(last) + 1)).astype(np.int64)])
        return np.full(count, self.start, dtype=self.stamps.kept_as)

    def _ticks_since(self, starts: Spacing, since: Ticks) -> Ticks:
        """Return the ticks of starts so many units after the earliest."""
        moves = np.round(since) if self.stamps.whole else since
        self._check(float(self.start), float(moves.max(initial=0)), starts)
        origin = starts.positions(self.stamps, np.array([self.start]))
        ticks: Ticks = starts.ticks(self.stamps, origin + moves.astype(self.stamps.kept_as) * starts.unit)
        return ticks

    def ticks_for(self, starts: Ticks, lengths: Ints, gaps: Any = None, start: Any = None) -> Ticks:
        """Return the tick of each row of sequences from their first ticks on.

        Within a sequence they increase by at least the smallest gap that was seen, which is 0 where rows share a stamp.
        `gaps` is the decoded part `GAP`, `(rows,)`, the first of each sequence unused; without it, every step is the
        usual one. ParameterError, naming `start`, if the stamps pass what their dtype can hold.
        """
        lengths = np.asarray(lengths, dtype=np.int64)
        steps = None
        if gaps is not None and not self.regular:
            steps = np.maximum(_filled(gaps, self.least), self.least)
            steps = np.round(steps) if self.stamps.whole else steps
        with self._naming(int(lengths.max(initial=0)), start):
            return self._walk(starts, lengths, steps)

    def stamps_for(self, starts: Ticks, lengths: Ints, gaps: Any = None, start: Any = None) -> pd.Index[Any]:
        """Return the stamp of each row of sequences; see `ticks_for`. Those of one carry the frequency of real ones."""
        if self.kind == "rows" and len(lengths) == 1:
            step, first = int(self.spacing.unit), int(starts[0])
            return pd.RangeIndex(first, first + int(lengths[0]) * step, step)
        ticks = self.ticks_for(starts, lengths, gaps, start)
        with self._naming(int(np.max(lengths, initial=0)), start):
            index = self.stamps.write(ticks)
        if len(lengths) == 1 and self.declared and isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex):
            kind: Any = type(index)
            with suppress(ValueError):  # from a start at another time of day, it has not the frequency
                index = kind(index, freq=self._offset())
        return index

    def _walk(self, starts: Ticks, lengths: Ints, gaps: Ticks | None) -> Ticks:
        row = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        if gaps is None:
            usual = 1 if self.stamps.whole and self.regularity != "irregular" else self.step
            moves, furthest = row * usual, row.max(initial=0) * float(usual)
        else:
            sequence = np.repeat(np.arange(len(lengths)), lengths)
            steps = np.where(row == 0, 0, gaps).astype(self.stamps.kept_as, copy=False)
            moves = pd.Series(steps, copy=False).groupby(sequence).cumsum().to_numpy()
            furthest = np.bincount(sequence, weights=steps).max(initial=0.0)  # floats, which do not wrap around
        if len(moves):
            self._check(float(starts.max()), furthest, self.spacing)
        ticks = self._stepped(np.asarray(starts, dtype=self.stamps.kept_as), lengths, moves * self.spacing.unit)
        if self.spacing.space != "grid":
            ticks[row == 0] = starts[lengths > 0]
        return ticks

    def _stepped(self, starts: Any, lengths: Ints, moves: Any) -> Ticks:
        """Return the ticks of rows so many positions after the starts of their sequences."""
        form, grid = self.stamps, self.spacing.grid
        if self.spacing.space == "ticks":
            return np.asarray(np.repeat(starts, lengths) + moves)
        wall = form.local(starts)
        if grid is None:
            return form.universal(np.repeat(wall, lengths) + moves)
        # A start at another time of day keeps it; one between two moments of the grid waits for the next.
        later = np.zeros_like(wall)
        if not isinstance(grid, Listed):
            later = (wall - grid.ticks(np.zeros(1, dtype=np.int64))[0]) % PER_DAY[str(form.unit)]
        places = grid.positions(wall - later)
        places += grid.ticks(places) < wall - later
        return form.universal(grid.ticks(np.repeat(places, lengths) + moves) + np.repeat(later, lengths))

    def _check(self, start: float, moves: float, spacing: Spacing) -> None:
        """Raise an OverflowError if the stamps cannot hold so many units after a tick."""
        span = 1.0 if spacing.grid is None else float(np.diff(spacing.grid.ticks(np.array([0, 1])))[0])
        self.stamps.check(start, start + moves * float(spacing.unit) * span)

    def _offset(self) -> Any:
        grid = self.spacing.grid
        if isinstance(grid, Business) and str(self.spacing.freq).endswith("C"):
            holidays = [np.datetime64(day, "D") for day in grid.holidays]
            return pd.offsets.CustomBusinessDay(int(self.spacing.unit), weekmask=grid.week, holidays=holidays)
        return to_offset(self.spacing.freq)

    @contextmanager
    def _naming(self, steps: int, start: Any) -> Iterator[None]:
        """Turn what goes wrong inside into a ParameterError that names `start`."""
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

    @property
    def dtype(self) -> Token:
        """Of the stamps as they came (also for text)."""
        return self.stamps.dtype

    def describe(self) -> str:
        """Return what the steps are, in a few words."""
        if self.kind == "rows":
            return "rows are counted"
        form, step = self.stamps, f"{self.spacing.freq}"
        if self.spacing.freq is None:
            size = float(self.step) * float(self.spacing.unit) / max(1, form.scale)
            unit: Any = form.unit
            step = f"{size:g}" if unit is None else str(pd.Timedelta(int(size), unit))
            if form.kind == "period":
                base = to_offset(form.period, is_period=True)
                many = size / (1 if base is None else base.n)
                step = f"{'' if many == 1 else f'{many:g} x '}{form.period}"
        ends = {"regular": "", "gapped": " (with gaps)", "irregular": " (median, irregular)"}
        return f"every {step}{ends[self.regularity]}{'; some rows share a stamp' if self.tied else ''}"


def _carried(form: Stamps, ticks: Ints, stamps: pd.Index[Any], name: Hashable) -> Spacing | None:
    """Return the spacing of the frequency that an index carries, None if it carries none."""
    freq = getattr(stamps, "freq", None) if form.kind in ("datetime", "timedelta") else None
    found = None if freq is None else declared(form, ticks, freq)
    if freq is not None and found is None:
        warnings.warn(
            f"the frequency {freq!r} of the time {name!r} cannot be stored; synthetic stamps carry none",
            TsganWarning,
            stacklevel=3,
        )
    return found


def _least(gaps: Ticks, holders: Holders) -> float:
    return holders.ends(np.asarray(gaps, dtype=np.float64))[0]


def _earliest(form: Stamps, starts: Spacing, ticks: Ticks, sharing: Sharing) -> Any:
    """Return the tick from which starts are counted: the earliest that enough sequences share."""
    places = starts.positions(form, ticks)
    origin = sharing.sequences.grid(places)[0] if form.whole else places.min()
    since = starts.units(places - origin)
    end = sharing.sequences.ends(np.asarray(since, dtype=np.float64))[0]
    moved = np.ceil(end) if form.whole else end
    return starts.ticks(form, origin + np.array([moved]).astype(form.kept_as) * starts.unit)[0]


def _between(seen: Ticks, spacing: Spacing) -> Ticks:
    """Return moments between the rows of one series that are kept, on the steps of its clock."""
    middle = (seen[1:] - seen[:-1]) / 2
    if spacing.space != "grid" and seen.dtype.kind == "i":
        middle = np.floor(middle / spacing.unit) * spacing.unit
    between: Any = seen[:-1] + middle.astype(seen.dtype)
    return between if len(seen) > 1 else seen


def _starts(form: Stamps, spacing: Spacing, starts: Ints, holders: Holders) -> Spacing | None:
    """Return the spacing of starts; None where they are the same."""
    if np.ptp(starts) == 0:
        return None
    if spacing.space == "grid":
        places = spacing.positions(form, starts)
        unit = holders.grid(places)[1]
        return Spacing("grid", unit, spacing.grid) if unit else None
    elapsed = holders.grid(starts)[1]
    if form.zone is not None and Spacing("wall").fits(form, starts):
        wall = form.local(starts)
        days = holders.grid(wall)[1]
        if days > elapsed and days % PER_DAY[str(form.unit)] == 0:
            return Spacing("wall", days)
    return Spacing("ticks", elapsed)


def _filled(decoded: Any, missing: float) -> Ticks:
    """Return a decoded part as int64 where it holds integers, else float64."""
    series = pd.Series(decoded)
    if pd.api.types.is_integer_dtype(series.dtype):
        return series.to_numpy(dtype=np.int64, na_value=int(missing))
    return series.to_numpy(dtype=np.float64, na_value=float(missing))
