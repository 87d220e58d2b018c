"""Formats that are DataFrames: Nixtla's long one, and sktime's and aeon's with levels (instance, time)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pandas as pd
from pandas.api import types

from ...bundle import saved
from ...errors import SchemaError
from ..dtypes import Name, temporal
from ..form import OUTER, free_name
from .base import Format, moments

NIXTLA = {"unique_id", "ds", "y"}


@saved
@dataclass(frozen=True)
class Nixtla(Format):
    """Columns `unique_id`, `ds`, `y` and perhaps more; static features beside it as a frame of one row for each id.

    https://nixtlaverse.nixtla.io/statsforecast/docs/getting-started/getting_started_short.html
    """

    name: ClassVar[str] = "nixtla"
    looks: ClassVar[str] = (
        "a DataFrame of pandas with the columns unique_id, ds and y, or a tuple of it and one of static features with "
        "the column unique_id"
    )
    framed: ClassVar[bool] = True
    entity: Name = "unique_id"
    time: Name = "ds"
    apart: bool = False  # whether static features are a frame of their own

    @classmethod
    def fits(cls, data: Any) -> bool:
        """Return whether a frame has these three columns."""
        return isinstance(data, pd.DataFrame) and set(data.columns) >= NIXTLA

    @classmethod
    def may_be(cls, data: Any) -> bool:
        """Return whether it is the frame, or a pair of frames."""
        if not isinstance(data, tuple) or len(data) != 2:
            return cls.fits(data)
        return cls.fits(data[0]) and isinstance(data[1], pd.DataFrame) and "unique_id" in data[1].columns

    @classmethod
    def read(cls, data: Any, entity: Name | None = None, time: Name | None = None) -> tuple[pd.DataFrame, Self]:
        """Return the frame; of a pair of frames, the first with the static features of the second on each row."""
        if not isinstance(data, tuple):
            return data, cls()
        table, features = data
        static = [name for name in features.columns if name != "unique_id"]
        if double := [name for name in static if name in table.columns]:
            raise SchemaError(
                f"the static features {double} are columns of the table, too; drop them in one of the two"
            )
        if features["unique_id"].duplicated().any():
            twice = features["unique_id"][features["unique_id"].duplicated()].iloc[0]
            raise SchemaError(f"the static features have more than one row of unique_id {twice!r}")
        for one, other, what in ((table, features, "has no static features"), (features, table, "is not in the table")):
            if lost := set(one["unique_id"]) - set(other["unique_id"]):
                raise SchemaError(
                    f"unique_id {sorted(lost, key=str)[0]!r} {what} ({len(lost)} in all); give one row for each"
                )
        return table.merge(features, on="unique_id", how="left"), cls(static=tuple(static), apart=True)

    @classmethod
    def of(cls, table: pd.DataFrame, entity: Name, time: Name, static: Any) -> Self:
        """Take static columns apart, if there are any."""
        return cls(entity, time, tuple(static), bool(static))

    def write(self, table: pd.DataFrame) -> Any:
        """Return the frame, or the pair of frames."""
        if inner := [name for name in (self.entity, self.time) if name not in table.columns]:
            table = table.reset_index(inner)
        if (self.entity, self.time) != ("unique_id", "ds"):
            own = {self.entity: "unique_id", self.time: "ds"}
            values = self.values(table)
            own |= {values[0]: "y"} if len(values) == 1 else {"target": "y"} if "target" in values else {}
            table = table.assign(**{str(self.time): moments(table[self.time])})
            table = table.rename(columns=own)[[*own.values(), *(name for name in table.columns if name not in own)]]
            if "y" not in table:
                raise SchemaError(f"Nixtla's tables have a column 'y'; rename that of {values} which is the target")
        if not self.apart:
            return table
        features = table[["unique_id", *self.static]].drop_duplicates("unique_id").reset_index(drop=True)
        return table.drop(columns=list(self.static)), features


@saved
@dataclass(frozen=True)
class MultiIndex(Format):
    """A frame whose index has two levels, the instance and the time: "pd-multiindex" of sktime and aeon.

    https://www.sktime.net/en/stable/examples/AA_datatypes_and_datasets.html
    """

    name: ClassVar[str] = "pd-multiindex"
    looks: ClassVar[str] = "a DataFrame or Series of pandas whose index has two levels, the instance and the time"
    framed: ClassVar[bool] = True
    levels: tuple[Any, ...] = ()  # the names of the levels as they came

    @classmethod
    def fits(cls, data: Any) -> bool:
        """Return whether an index has a level of instances, and one of moments or whole numbers within them."""
        if not isinstance(data, pd.DataFrame | pd.Series) or data.index.nlevels != 2:
            return False
        if data.index.names[0] == free_name(OUTER, getattr(data, "columns", ())):  # tsgan's own
            return False
        first, second = (temporal(data.index.get_level_values(at)) for at in (0, 1))
        clock = pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex
        taken = [name for name in data.index.names if name is not None]
        own = isinstance(data, pd.Series) or not set(taken) & set(data.columns)
        counts = isinstance(second, clock) or types.is_integer_dtype(second.dtype)
        return counts and not isinstance(first, clock) and own and len(set(taken)) == len(taken)

    @classmethod
    def may_be(cls, data: Any) -> bool:
        """Return whether an index has two levels."""
        return isinstance(data, pd.DataFrame | pd.Series) and data.index.nlevels == 2

    @classmethod
    def read(cls, data: Any, entity: Name | None = None, time: Name | None = None) -> tuple[Any, Self]:
        """Return the frame, its levels with names."""
        names = tuple(data.index.names)
        first, second = (free if one is None else one for one, free in zip(names, ("instance", "time"), strict=True))
        made = cls(first, second, levels=names)
        return (data if None not in names else data.set_axis(data.index.set_names([first, second]))), made

    @classmethod
    def of(cls, table: pd.DataFrame, entity: Name, time: Name, static: Any) -> Self:
        """Keep the names of the roles as those of the levels."""
        return cls(entity, time, tuple(static), (entity, time))

    def write(self, table: pd.DataFrame) -> Any:
        """Return a frame with the levels as they were named; outer ones stay."""
        if inner := [name for name in (self.entity, self.time) if name in getattr(table, "columns", ())]:
            table = table.set_index(inner, append=len(inner) < 2)
        return table.set_axis(table.index.set_names([*table.index.names[:-2], *self.levels]))
