"""At which speeds each column swings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from scipy import signal

from ..prepare import Case
from ..splits import CannotMeasureError
from .autocorrelation import channels_of, moving, pooled, some
from .base import Doubles, Metric, Reference, Result, furthest
from .draws import Floats, contrasts, far_end
from .grading import Grade

LEAST_STEPS = 4
FAR = 0.2


class Spectrum(Metric):
    """Mean over columns and frequencies of the relative difference in power."""

    name = "spectrum"
    section = "time"
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
        channels, members = channels_of(case, columns)
        if case.window < LEAST_STEPS:
            raise CannotMeasureError(
                f"windows of {case.window} steps are too short for a spectrum; it needs {LEAST_STEPS} or more"
            )

        def shares(windows: Floats) -> Doubles:
            return _shares(pooled(_power(some(windows)[:, :, channels]), members))

        found = contrasts(case, self.name, repeats, shares, _relative)
        found = found[0], found[1], far_end(found[2], found[1], FAR)
        table = self.by_column([column.name for column in columns], *found)
        values = [list(map(float, side.mean(axis=1))) for side in found]
        return self.result(values[0], values[1], float(np.mean(values[2])), {"columns": table}, furthest(table))


def spectrum(windows: Floats) -> tuple[Doubles, Doubles]:
    """Return the mean power spectrum of each channel over windows, as shares.

    Parameters
    ----------
    windows : array of shape (n, W, D)

    Returns
    -------
    frequencies : array of shape (W // 2,)
        In cycles per step, above 0 and at most 0.5.
    power : array of shape (D, W // 2)
        Adds up to 1; zero for a channel that does not vary within windows.
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


def _relative(real: Doubles, other: Doubles) -> Doubles:
    """Mean over frequencies of the difference over the sum, `(columns,)`."""
    both = real + other
    gaps = np.divide(np.abs(real - other), both, out=np.zeros_like(both), where=both > 0)
    return np.asarray(gaps.mean(axis=1))
