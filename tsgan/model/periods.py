"""Which seasons a panel may have: how many rows lie between steps that are alike."""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from ..arrays import Doubles
from ..layout import Layout, Number
from ..panel import Panel

MIN_PERIOD, MAX_PERIOD = 4, 1500  # rows: shorter ones the last rows say, of longer ones few are seen
MAX_ROWS, MAX_NUMBERS = 100_000, 4_000_000  # that are looked at: bound its time
MAX_PERIODS = 6  # seasons that may be
MIN_CORRELATION = 0.1  # of changes so many rows apart
AS_PLAIN = 0.9  # share of the plainest that counts as much
BESIDE = 2  # rows around a peak that are lower


def find_periods(panel: Panel, layout: Layout) -> tuple[int, ...]:
    """Return the rows between steps that are alike, the plainest first: peaks of the autocorrelation of changes.

    Half of the rows have so many rows before them at least.
    """
    numbers = [j for j, cell in enumerate(layout.cells) if isinstance(cell, Number)]
    longest = _longest(panel)
    if not numbers or longest < MIN_PERIOD:
        return ()
    total, rows = np.zeros((longest + BESIDE + 1, len(numbers))), 0
    most = max(min(MAX_ROWS, MAX_NUMBERS // len(numbers)), 2 * longest)
    for i in np.argsort(-panel.lengths, kind="stable"):
        start = int(panel.offsets[i])
        length = min(int(panel.lengths[i]), most - rows)
        if length <= longest:
            break
        total += _autocovariance(np.asarray(panel.values[start : start + length])[:, numbers], len(total))
        rows += length
    if not rows:
        return ()
    alike = (total / np.where(total[:1] > 0, total[:1], 1.0)).max(1)
    least = max(MIN_CORRELATION, 4 / np.sqrt(rows))
    places = range(MIN_PERIOD, longest + 1)
    peaks = [k for k in places if alike[k] >= max(least, alike[k - BESIDE : k + BESIDE + 1].max())]
    out: list[int] = []
    while peaks and len(out) < MAX_PERIODS:  # a season and its multiples are about as plain: the shortest of them
        plainest = max(alike[k] for k in peaks)
        out.append(next(k for k in peaks if alike[k] >= AS_PLAIN * plainest))
        peaks.remove(out[-1])
    return tuple(out)


def _longest(panel: Panel) -> int:
    """Return how many rows half of the rows have before them."""
    lengths = np.sort(panel.lengths)
    low, high = 0, min(MAX_PERIOD, int(lengths[-1]) - 1)
    while low < high:
        middle = (low + high + 1) // 2
        enough = np.maximum(lengths - middle, 0).sum() >= len(panel.values) / 2
        low, high = (middle, high) if enough else (low, middle - 1)
    return low


def _autocovariance(values: Doubles, lags: int) -> Doubles:
    """Return sums of products of changes so many rows apart, `(lags, columns)`."""
    change = np.diff(values, axis=0)
    known = np.isfinite(change)
    change = np.where(known, change, 0.0)
    change -= np.where(known, change.sum(0) / np.maximum(known.sum(0), 1), 0.0)
    size = next_fast_len(len(change) + lags, real=True)
    power = np.abs(rfft(change, size, axis=0)) ** 2
    return np.asarray(irfft(power, size, axis=0)[:lags])
