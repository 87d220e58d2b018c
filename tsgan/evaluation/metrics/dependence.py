"""How strongly a column's value depends on its own past: autocorrelation, partial autocorrelation, spectrum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import signal

from ...arrays import Doubles, Floats, Ints
from ..case import Case
from ..columns import Column
from ..splits import CannotMeasureError
from .base import Grade, Metric, Reference, Result
from .draws import MIN_FAR_CORRELATION, contrasts, result_of_draws

BOX_JENKINS = Reference(
    "Time Series Analysis: Forecasting and Control (Box & Jenkins, 1970)",
    "https://doi.org/10.1002/9781118619193",
)
MAX_ROWS = 200_000  # of a side
MAX_CHANNELS = 64  # of all columns together: matrices of channels grow with their square
PARTS = ("around the column's mean", "around each window's own mean")


class Autocorrelation(Metric):
    """Mean over columns of the difference in autocorrelation, as its root mean square over lags."""

    name = "autocorrelation"
    section = "time"
    least_steps = 2
    title = "Memory of the past"
    question = "Does each column depend on its own past as it should?"
    definition = (
        "For every lag up to the window's length less one, the correlation between a column's value and its value so "
        "many steps later, over all windows: once of the distances from the column's mean, and once of the distances "
        "from each window's own mean, which shows what happens inside a window where levels differ widely. The score "
        "is the root mean square over lags of the difference between real and synthetic, averaged over both ways and "
        "columns (a category stands for the 0/1 indicators of its levels taken together: of the most frequent ones "
        "where all columns have more than 64). Above 200,000 rows a side windows are drawn. The far end of the scale "
        "is that of the useless table, 0.05 or six times real against real, whichever is most."
    )
    references = (BOX_JENKINS,)
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Each column remembers its past as in the real data.",
        "close": "Each column remembers its past almost as in the real data.",
        "visible": "Some columns remember their past more, or less, than in the real data.",
        "far": "The columns' memory of their past is not that of the real data.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the curves of all columns that vary in time."""
        columns = moving(case)
        channels = Channels.of(case, columns)

        def curves(windows: Floats) -> Doubles:
            products = second_moments(channels.values(windows))
            both = products, _around_window_means(products)
            return np.stack([correlations(channels.pooled(part)) for part in both])

        def gap(real: Doubles, other: Doubles) -> Doubles:
            return np.asarray(np.sqrt(np.square(real - other)[:, :, 1:].mean(axis=2)))

        found = contrasts(case, self.name, repeats, curves, gap).far_from(MIN_FAR_CORRELATION)
        return result_of_draws(self, columns, found.mean(1), parts=(PARTS, found.mean(2)))


def autocorrelation(windows: Floats) -> Doubles:
    """Windows `(n, W, D)` to the autocorrelation of each channel at lags 0 to W - 1, pooled over windows, `(D, W)`."""
    return correlations(second_moments(windows))


def moving(case: Case) -> list[Column]:
    """Columns that may change from step to step, of which one must in the real table."""
    columns = [column for column in case.columns if not column.static]
    if not columns:
        raise CannotMeasureError("every column is static; it needs one that changes from step to step")
    if not any(np.ptp(case.real.panel.values[:, column.values], axis=0).any() for column in columns):
        raise CannotMeasureError("no column of the real table varies; it needs one that changes from step to step")
    return columns


@dataclass(frozen=True)
class Channels:
    """The channels that stand for columns: all, or of categories with many levels the most frequent ones.

    Attributes
    ----------
    chosen : int64 array of shape (K,)
        About 64 at most, and at least one of each column.
    members : float64 array of shape (columns, K)
        1 where the channel is the column's.
    """

    chosen: Ints
    members: Doubles

    @classmethod
    def of(cls, case: Case, columns: Sequence[Column]) -> Channels:
        """Choose by the real table."""
        most = max(MAX_CHANNELS // len(columns), 1)
        chosen = []
        for column in columns:
            shares = case.real.panel.values[:, column.values].mean(axis=0, dtype=np.float64)
            chosen.append(column.start + np.sort(np.argsort(-shares, kind="stable")[:most]))
        owner = np.repeat(np.arange(len(columns)), [len(part) for part in chosen])
        return cls(np.concatenate(chosen).astype(np.int64), np.eye(len(columns))[:, owner])

    def values(self, windows: Floats) -> Floats:
        """Of so many windows `(n, W, D)` as are looked at: the chosen channels."""
        return capped(windows)[:, :, self.chosen]

    def pooled(self, moments: Doubles) -> Doubles:
        """Add up the moments of each column's channels, `(K, ...)` to `(columns, ...)`."""
        return np.asarray(np.tensordot(self.members, moments, axes=1))


def capped(windows: Floats) -> Floats:
    """Keep as many of the windows, which stand in random order, as have `MAX_ROWS` rows together, but at least 2."""
    return windows[: max(MAX_ROWS // windows.shape[1], 2)]


def second_moments(windows: Floats) -> Doubles:
    """Return the mean product of each channel's distances from its mean at any two steps, `(D, W, W)`."""
    centred = windows - windows.mean(axis=(0, 1), dtype=np.float64)
    by_channel = np.ascontiguousarray(centred.transpose(2, 1, 0))
    return np.asarray(by_channel @ by_channel.transpose(0, 2, 1) / len(windows))


def correlations(products: Doubles) -> Doubles:
    """Second moments `(D, W, W)` to autocorrelations `(D, W)`; zero where nothing varies."""
    steps = products.shape[1]
    covariance = np.stack([np.trace(products, lag, axis1=1, axis2=2) / (steps - lag) for lag in range(steps)], axis=1)
    variance = covariance[:, :1]
    varies = variance > 1e-12
    return np.where(varies, covariance / np.where(varies, variance, 1), 0.0)


def _around_window_means(products: Doubles) -> Doubles:
    """Second moments of distances from each window's own mean."""
    steps = products.shape[1]
    centring = np.eye(steps) - 1 / steps
    return np.asarray(centring @ products @ centring)


MAX_LAG = 10  # enough to tell orders apart, and early enough for short windows
NOISE = 1e-4  # of the variance: the square of a hundredth of a standard deviation


class PartialAutocorrelation(Metric):
    """Mean over columns and lags of the difference in partial autocorrelation."""

    name = "partial_autocorrelation"
    section = "time"
    least_steps = 2
    title = "Direct memory"
    question = "How many steps back does each column look, and how hard?"
    definition = (
        "The correlation between a column's value and its value some steps later that is left when the steps in "
        "between are known, for lags up to 10: by least squares over all windows, with a noise of one hundredth of a "
        "standard deviation added to each column so that perfectly smooth curves have a finite answer. The score is "
        "the absolute difference between real and synthetic, averaged over lags and columns (categories as for the "
        "memory of the past). The far end of the scale is that of the useless table, 0.05 or six times real against "
        "real, whichever is most."
    )
    references = (
        Reference("The fitting of time-series models (Durbin, 1960)", "https://doi.org/10.2307/1401322"),
        BOX_JENKINS,
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Each column builds on its last steps as in the real data.",
        "close": "Each column builds on its last steps almost as in the real data.",
        "visible": "Some columns build on their last steps differently from the real data.",
        "far": "What the columns make of their last steps is not what the real ones do.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the curves of all columns that vary in time."""
        columns = moving(case)
        channels = Channels.of(case, columns)

        def curves(windows: Floats) -> Doubles:
            return partial_correlations(channels.pooled(second_moments(channels.values(windows))))

        def gap(real: Doubles, other: Doubles) -> Doubles:
            return np.asarray(np.abs(real - other)[:, 1:].mean(axis=1))

        found = contrasts(case, self.name, repeats, curves, gap).far_from(MIN_FAR_CORRELATION)
        return result_of_draws(self, columns, found)


def partial_correlations(moments: Doubles, lags: int = MAX_LAG) -> Doubles:
    """Second moments `(D, W, W)` to partial autocorrelations `(D, min(lags, W - 1) + 1)`.

    The moments of all runs of lag + 1 steps are averaged; in the inverse of their matrix stands how the first and the
    last step go together when those between are known. Moments of runs, unlike separate autocorrelations, always have
    an inverse that makes sense. 1 at lag 0; zero for a channel that does not vary.
    """
    steps = moments.shape[1]
    lags = min(lags, steps - 1)
    variance = np.trace(moments, axis1=1, axis2=2) / steps
    varies = variance > 1e-12
    scaled = moments / np.where(varies, variance, 1)[:, None, None]
    found = np.zeros((len(moments), lags + 1))
    found[:, 0] = varies
    for lag in range(1, lags + 1):
        at = np.arange(steps - lag)[:, None] + np.arange(lag + 1)
        runs = scaled[:, at[:, :, None], at[:, None, :]].mean(axis=1)
        inverse = np.linalg.inv(runs[varies] + NOISE * np.eye(lag + 1))
        found[varies, lag] = -inverse[:, 0, lag] / np.sqrt(inverse[:, 0, 0] * inverse[:, lag, lag])
    return found


MIN_STEPS = 4  # fewer hold at most one frequency
MIN_FAR_SHARE = 0.2  # of a relative difference, which chance alone makes larger than one of correlations


class Spectrum(Metric):
    """Mean over columns and frequencies of the relative difference in power."""

    name = "spectrum"
    section = "time"
    least_steps = 2
    title = "Rhythms"
    question = "Does each column swing at the right speeds, from slow to fast?"
    definition = (
        "The share of each frequency in a column's variance within windows: the mean over windows of the squared "
        "Fourier coefficients of the window less its mean, tapered by a Hann window. For every frequency the "
        "difference between the real and the synthetic share is divided by their sum, which runs from 0 (the same) to "
        "1 (one has none of it); the score is the mean over frequencies and columns (categories as for the memory of "
        "the past). Faint rhythms thus count as much as strong ones. The far end of the scale is that of the useless "
        "table, 0.2 or six times real against real, whichever is most."
    )
    references = (
        Reference(
            "The use of fast Fourier transform for the estimation of power spectra (Welch, 1967)",
            "https://doi.org/10.1109/TAU.1967.1161901",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Slow and fast swings have the shares they have in the real data.",
        "close": "Slow and fast swings have almost the shares they have in the real data.",
        "visible": "Some columns swing faster, or slower, than in the real data.",
        "far": "The columns' rhythms are not those of the real data.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the spectra of all columns that vary in time."""
        columns = moving(case)
        channels = Channels.of(case, columns)
        if case.window < MIN_STEPS:
            raise CannotMeasureError(
                f"windows of {case.window} steps are too short for a spectrum; it needs {MIN_STEPS} or more"
            )

        def shares(windows: Floats) -> Doubles:
            return _shares(channels.pooled(_power(channels.values(windows))))

        def gap(real: Doubles, other: Doubles) -> Doubles:
            both = real + other
            relative = np.divide(np.abs(real - other), both, out=np.zeros_like(both), where=both > 0)
            return np.asarray(relative.mean(axis=1))

        found = contrasts(case, self.name, repeats, shares, gap).far_from(MIN_FAR_SHARE)
        return result_of_draws(self, columns, found)


def spectrum(windows: Floats) -> tuple[Doubles, Doubles]:
    """Mean power spectrum of each channel over windows `(n, W, D)`, as shares that add up to 1.

    Returns frequencies `(W // 2,)` in cycles per step, above 0 and at most 0.5, and the power `(D, W // 2)`; zero for
    a channel that does not vary within windows.
    """
    return np.asarray(np.fft.rfftfreq(windows.shape[1])[1:], dtype=np.float64), _shares(_power(windows))


def _power(windows: Floats) -> Doubles:
    """Mean squared Fourier coefficients, `(D, W // 2)`."""
    _, power = signal.periodogram(windows, window="hann", detrend="constant", axis=1)
    return np.asarray(power[:, 1:].mean(axis=0, dtype=np.float64).T)


def _shares(power: Doubles) -> Doubles:
    """Divide by the sum over frequencies; what rounding leaves of a constant is no power."""
    total = power.sum(axis=1, keepdims=True)
    varies = total > 1e-11
    return np.where(varies, power / np.where(varies, total, 1), 0.0)
