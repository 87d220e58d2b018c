"""Places in the calendar as numbers: sines and cosines of the hour of the day, the day of the week and of the year.

A smooth function of the place in a cycle is a short Fourier series ("Forecasting at Scale", Taylor & Letham, 2018,
https://doi.org/10.1080/00031305.2017.1380080); three harmonics of seven days are every function of the weekday.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...panel import Doubles, Floats

DAY = 86_400.0
SHORT = 0.005  # Two years of days end a little before the second cycle does.


@dataclass(frozen=True)
class Season:
    """A cycle of the calendar.

    Attributes
    ----------
    name, title : str
        As asked for, and as told.
    days : float
        Length of the cycle.
    most : int
        Harmonics that are tried at most.
    least : int
        Cycles that the data must span.
    """

    name: str
    title: str
    days: float
    most: int
    least: int


SEASONS = {
    season.name: season
    for season in (
        Season("season", "season of the year", 365.2425, 4, 2),
        Season("weekday", "day of the week", 7.0, 3, 4),
        Season("hour", "hour of the day", 1.0, 6, 4),
    )
}


def phase(season: Season, moments: pd.DatetimeIndex) -> Doubles:
    """Return the place in the cycle of wall-clock moments, from 0 to 1."""
    seconds = moments.as_unit("s").asi8 % int(DAY) / DAY
    if season.name == "hour":
        return np.asarray(seconds, dtype=np.float64)
    if season.name == "weekday":
        return np.asarray(moments.day_of_week, dtype=np.float64) / 7
    length = np.where(moments.is_leap_year, 366.0, 365.0)
    return np.asarray((moments.day_of_year - 1 + seconds) / length, dtype=np.float64)


def waves(season: Season, moments: pd.DatetimeIndex, harmonics: int) -> Doubles:
    """Return `(rows, 2 * harmonics)` sines and cosines of variance about 1."""
    angle = 2 * np.pi * phase(season, moments)[:, None] * np.arange(1, harmonics + 1)
    pairs = np.sqrt(2) * np.stack([np.sin(angle), np.cos(angle)], axis=2)
    return np.asarray(pairs.reshape(len(moments), 2 * harmonics), dtype=np.float64)


def harmonics_of(season: Season, moments: pd.DatetimeIndex) -> int:
    """Return how many harmonics the places that occur can tell apart, 0 if none or if the data are too short."""
    span = (moments.max() - moments.min()) / pd.Timedelta(season.days, "D")
    if span < season.least - SHORT:
        return 0
    places = len(np.unique(np.round(phase(season, moments) * (96 if season.name == "hour" else 52))))
    return int(min(season.most, places // 2))


def blocks_of(season: Season, moments: pd.DatetimeIndex, most: int = 12) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the block of time of each row: at most `most` stretches of whole cycles."""
    cycles = (moments - moments.min()) / pd.Timedelta(season.days, "D")
    whole = max(season.least, round(float(cycles.max())))
    size = -(-whole // most)
    return np.asarray(np.minimum(np.asarray(cycles) // size, max(whole // size - 1, 0)), dtype=np.int64)


def gather(parts: list[Doubles], rows: int) -> Floats:
    """Put covariates side by side as float32."""
    return np.concatenate([np.empty((rows, 0)), *parts], axis=1).astype(np.float32)
