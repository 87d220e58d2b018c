"""The rhythm of time stamps: on which grid they lie, and in steps of how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.frequencies import to_offset

from .grids import Grid, Ints, Space, business_of, grid_of, months_of
from .stamps import PER_DAY, Stamps

COMMON = 0.25
ENOUGH = 10
LONGEST = 100_000
MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_PREFIX = {"start": ("", "S"), "end": ("", "E"), "bstart": ("B", "S"), "bend": ("B", "E")}


@dataclass(frozen=True)
class Rhythm:
    """Steps of `unit` elapsed ticks, ticks of the wall clock, or positions of a calendar grid; `freq` is its name."""

    space: Space
    grid: Grid | None
    unit: int
    freq: str | None = None


def positions(stamps: Stamps, space: Space, grid: Grid | None, ticks: Ints) -> Ints:
    """Return where ticks lie, in the units of the space."""
    if space == "ticks":
        return ticks
    wall = stamps.local(ticks)
    return wall if grid is None else grid.positions(wall)


def ticks_at(stamps: Stamps, space: Space, grid: Grid | None, places: Ints) -> Ints:
    """Return the ticks at `positions`."""
    if space == "ticks":
        return places
    return stamps.universal(places if grid is None else grid.ticks(places))


def fits(stamps: Stamps, space: Space, grid: Grid | None, ticks: Ints) -> bool:
    """Return whether all ticks lie on the grid exactly."""
    return bool((ticks_at(stamps, space, grid, positions(stamps, space, grid, ticks)) == ticks).all())


def gcd(steps: Ints) -> int:
    """Return the largest number that divides all steps, 0 if there is none but 0."""
    return int(np.gcd.reduce(steps)) if len(steps) else 0


def declared(stamps: Stamps, ticks: Ints, freq: Any) -> Rhythm | None:
    """Return the rhythm of an index that carries its frequency; None where that cannot be named or does not fit."""
    unit = str(stamps.unit)
    if stamps.kind == "timedelta":
        span = int(pd.Timedelta(to_offset(freq)) // pd.Timedelta(1, unit))  # type: ignore[arg-type]
        return Rhythm("ticks", None, span, str(freq.freqstr))
    found = grid_of(freq, int(stamps.local(ticks[:1])[0]), unit)
    if found is None or not fits(stamps, *found[:2], ticks):
        return None
    if not (np.diff(positions(stamps, *found[:2], ticks)) == found[2]).all():
        return None
    return Rhythm(*found, str(freq.freqstr))


def find(stamps: Stamps, ticks: Ints, within: NDArray[np.bool_]) -> Rhythm:
    """Return the rhythm of stamps in sequence and time order.

    Parameters
    ----------
    ticks : int64 array of shape (rows,)
    within : bool array of shape (rows,)
        Whether a row follows the row before it.
    """
    steps = np.diff(ticks)[within[1:]]
    if stamps.kind != "datetime":
        size = gcd(steps) or (PER_DAY[stamps.unit] if stamps.unit else stamps.scale)
        return Rhythm("ticks", None, size, _span(size, stamps.unit) if stamps.unit and _common(steps, size) else None)
    unit, day = str(stamps.unit), PER_DAY[str(stamps.unit)]
    if not len(steps):
        return Rhythm("wall" if fits(stamps, "wall", None, ticks) else "ticks", None, day, "D")
    wall = stamps.local(ticks)
    days = np.diff(wall)[within[1:]]
    if (days % day == 0).all() and fits(stamps, "wall", None, ticks):
        return _calendar(stamps, ticks, wall, days, within)
    step = gcd(steps) or 1
    if (steps == step).all():
        return Rhythm("ticks", None, step, _span(step, unit))
    return _inferred(stamps, ticks, wall, within) or Rhythm(
        "ticks", None, step, _span(step, unit) if _common(steps, step) else None
    )


def _calendar(stamps: Stamps, ticks: Ints, wall: Ints, days: Ints, within: NDArray[np.bool_]) -> Rhythm:
    """Return the rhythm of stamps whose distances are whole days on the wall."""
    unit, day = str(stamps.unit), PER_DAY[str(stamps.unit)]
    months = months_of(wall, unit) if days.min() >= 28 * day else None
    if months is not None and fits(stamps, "grid", months, ticks):
        step = gcd(np.diff(months.positions(wall))[within[1:]]) or 1
        return Rhythm("grid", months, step, _month_name(months.rule, step, (months.month + _first(months, wall)) % 12))
    step = gcd(days) or day
    even = bool((days == step).all())
    if not even:
        other = _inferred(stamps, ticks, wall, within)
        if other is not None:
            return other
    business = business_of(wall, unit) if step == day and len(ticks) >= ENOUGH and not even else None
    if business is not None and fits(stamps, "grid", business, ticks):
        gaps = np.diff(business.positions(wall))[within[1:]]
        if _common(gaps, gcd(gaps)):
            return Rhythm("grid", business, gcd(gaps), "B" if gcd(gaps) == 1 else f"{gcd(gaps)}B")
    name = _day_name(step // day, wall, day) if _common(days, step) else None
    return Rhythm("wall", None, step, name)


def _first(months: Any, wall: Ints) -> int:
    return int(months.positions(wall[:1])[0])


def _inferred(stamps: Stamps, ticks: Ints, wall: Ints, within: NDArray[np.bool_]) -> Rhythm | None:
    """Return the rhythm that pandas finds in the longest sequence, if all stamps have it without a gap."""
    edges = np.flatnonzero(np.append(~within, True))
    longest = int(np.diff(edges).argmax())
    piece = wall[edges[longest] : min(edges[longest + 1], edges[longest] + LONGEST)]
    if len(piece) < 4:
        return None
    seen: pd.DatetimeIndex = pd.DatetimeIndex(piece.view(f"M8[{stamps.unit}]"))
    name = pd.DatetimeIndex(seen, freq="infer").freqstr
    guesses = ["SMS-15", "SME-15"] if len(seen.day.unique()) <= 5 else []
    if len(seen.day_of_week.unique()) == 1:
        guesses.append(f"LWOM-{seen.day_name()[0][:3].upper()}")
    guesses += [] if name is None else [name]
    for freq in guesses:
        found = grid_of(freq, int(wall[0]), str(stamps.unit))
        if found is None or found[0] != "grid" or not fits(stamps, *found[:2], ticks):
            continue
        if (np.diff(positions(stamps, *found[:2], ticks))[within[1:]] == found[2]).all():
            return Rhythm(*found, freq)
    return None


def _common(steps: Ints, unit: int) -> bool:
    """Return whether a frequency may be named: at least a quarter of the steps are one unit."""
    return not len(steps) or float(np.mean(steps == unit)) >= COMMON


def _span(step: int, unit: Any) -> str:
    return str(to_offset(pd.Timedelta(step, unit)).freqstr)


def _day_name(days: int, wall: Ints, day: int) -> str:
    weeks, rest = divmod(days, 7)
    if rest:
        return "D" if days == 1 else f"{days}D"
    weekday = pd.DatetimeIndex((wall[:1] // day).view("M8[D]")).day_name()[0][:3].upper()
    return f"{'' if weeks == 1 else weeks}W-{weekday}"


def _month_name(rule: str, step: int, month: int) -> str:
    before, after = _PREFIX[rule]
    for length, letter in ((12, "Y"), (3, "Q")):
        if step % length == 0:
            many = "" if step == length else str(step // length)
            return f"{many}{before}{letter}{after}-{MONTH_NAMES[month]}"
    return f"{'' if step == 1 else step}{before}M{after}"
