"""Darts: a `TimeSeries`, or a list of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pandas as pd

from ...bundle import saved
from ...errors import SchemaError
from ..dtypes import Name
from ..form import free_name
from .base import Format, agreeing, distinct, missing_library, moments

SHARED = "global_components"  # how Darts names the row of covariates that all components share


@saved
@dataclass(frozen=True)
class Darts(Format):
    """Series of components over time, with static covariates: one row for all components, or one for each.

    https://unit8co.github.io/darts/generated_api/darts.timeseries.html
    """

    name: ClassVar[str] = "darts"
    looks: ClassVar[str] = "a TimeSeries of Darts, or a list of them"
    listed: bool = True  # whether they came as a list
    freq: Any = None  # as text, or a whole number of a counted index
    label: Any = None  # name of the time index as it came
    dtype: str = "float64"
    covariates: tuple[Any, ...] = ()  # the names of the static covariates
    rows: tuple[str, ...] = ()  # and of their rows
    hierarchy: Any = None  # of the components, as Darts holds it

    @property
    def numbered(self) -> bool:
        """Sequences have a place only."""
        return True

    @classmethod
    def fits(cls, data: Any) -> bool:
        """Return whether it is a series of Darts, or a list of them."""
        some = data if isinstance(data, list | tuple) and len(data) else [data]
        return all(type(one).__name__ == "TimeSeries" and type(one).__module__.split(".")[0] == "darts" for one in some)

    @classmethod
    def read(cls, data: Any, entity: Name | None = None, time: Name | None = None) -> tuple[pd.DataFrame, Self]:
        """Return a frame of the number of the series, its time, its components, and a column for each covariate."""
        listed = isinstance(data, list | tuple)
        series = list(data) if listed else [data]
        for number, one in enumerate(series):
            if one.n_samples > 1:
                raise SchemaError(
                    f"series {number} is stochastic ({one.n_samples} samples); pass one of them, or each as a series, "
                    "by TimeSeries.from_times_and_values(s.time_index, s.all_values()[:, :, i])"
                )
        components = agreeing("components", [list(one.components) for one in series], "series")
        freq = agreeing(
            "frequency",
            [one.freq_str if isinstance(one.time_index, pd.DatetimeIndex) else int(one.freq) for one in series],
            "series",
        )
        hierarchy = agreeing("hierarchy", [one.hierarchy for one in series], "series")
        statics = [pd.DataFrame() if one.static_covariates is None else one.static_covariates for one in series]
        names = agreeing("static covariates", [list(one.columns) for one in statics], "series")
        rows = (
            agreeing("rows of static covariates", [list(map(str, one.index)) for one in statics], "series")
            if names
            else []
        )
        label = series[0].time_index.name
        when = free_name(label or "time", components)
        who = free_name("series", [*components, when])
        static = [f"{name}.{row}" if len(rows) > 1 else name for row in rows for name in names]
        distinct([who, when, *components, *static], "a Darts series")
        frames = []
        for number, (one, fixed) in enumerate(zip(series, statics, strict=True)):
            frame = pd.DataFrame(one.values(copy=False), columns=components)
            held = [fixed[name].iloc[place] for place in range(len(rows)) for name in names]
            frames.append(
                pd.concat([pd.DataFrame({who: number, when: one.time_index}), frame], axis=1).assign(
                    **dict(zip(static, held, strict=True))
                )
            )
        more = (listed, freq, label, str(series[0].dtype), tuple(names), tuple(rows), hierarchy)
        return pd.concat(frames, ignore_index=True), cls(who, when, tuple(static), *more)

    @classmethod
    def of(cls, table: pd.DataFrame, entity: Name, time: Name, static: Sequence[Name]) -> Self:
        """Make static columns covariates of all components."""
        return cls(entity, time, tuple(static), covariates=tuple(static), rows=(SHARED,) if static else (), label=time)

    def write(self, table: pd.DataFrame) -> Any:
        """Return a series for each sequence, alone where one came alone; NaN where it skips steps."""
        try:
            from darts import TimeSeries
        except ImportError as error:
            raise missing_library("darts", "tsgan[darts]", error) from error
        made, components = [], self.values(table)
        for _, part in self.sequences(table):
            fixed = [part[name].iloc[0] for name in self.static]
            wide = len(self.covariates)
            statics = {name: fixed[place::wide] for place, name in enumerate(self.covariates)}
            times = moments(part[self.time])
            kind: Any = pd.Index if pd.api.types.is_integer_dtype(times.dtype) else pd.DatetimeIndex
            index = kind(times, name=self.label)
            made.append(
                TimeSeries.from_times_and_values(
                    index,
                    part[components].to_numpy(dtype=self.dtype),
                    fill_missing_dates=len(part) > 1,
                    freq=self.freq,
                    columns=components,
                    static_covariates=pd.DataFrame(statics, index=list(self.rows)) if statics else None,
                    hierarchy=self.hierarchy,
                )
            )
        return made if self.listed or len(made) > 1 else made[0]
