"""A `TimeSeries` with what `tables.formats.darts` uses of Darts, for where Darts is not installed."""

import sys
from types import ModuleType

import numpy as np
import pandas as pd


class TimeSeries:
    """As of Darts 0.48: times, values `(time, component)`, static covariates."""

    def __init__(self, times, values, columns, freq, static_covariates, hierarchy, samples=1):
        self.time_index = times.rename(times.name or "time")
        self._values, self.components = np.asarray(values), pd.Index(columns)
        self.freq = freq if isinstance(freq, int) else pd.tseries.frequencies.to_offset(freq)
        self.freq_str = str(freq) if isinstance(freq, int) else self.freq.freqstr
        self.static_covariates, self.hierarchy, self.n_samples = static_covariates, hierarchy, samples

    @classmethod
    def from_times_and_values(
        cls, times, values, fill_missing_dates=False, freq=None, columns=None, static_covariates=None, hierarchy=None
    ):
        if isinstance(times, pd.DatetimeIndex):
            freq = freq or pd.DatetimeIndex(times, freq="infer").freqstr
            whole = pd.date_range(times[0], times[-1], freq=freq, name=times.name)
        else:
            freq = freq or int(times[1] - times[0])
            whole = pd.RangeIndex(times[0], times[-1] + freq, freq, name=times.name)
        frame = pd.DataFrame(values, index=times)
        frame = frame.reindex(whole) if fill_missing_dates else frame
        if static_covariates is not None and len(static_covariates) == 1:
            static_covariates = static_covariates.set_axis(["global_components"])
        elif static_covariates is not None:
            static_covariates = static_covariates.set_axis(list(columns))
        return cls(whole, frame.to_numpy(), columns, freq, static_covariates, hierarchy)

    dtype = property(lambda self: self._values.dtype)

    def values(self, copy=True):
        return self._values

    def __len__(self):
        return len(self._values)

    def __eq__(self, other):
        return self.time_index.equals(other.time_index) and np.array_equal(self._values, other._values, equal_nan=True)

    __hash__ = None


TimeSeries.__module__ = "darts.timeseries"


def install(monkeypatch):
    """Let ``from darts import TimeSeries`` find it."""
    module = ModuleType("darts")
    module.TimeSeries = TimeSeries
    monkeypatch.setitem(sys.modules, "darts", module)
    return TimeSeries
