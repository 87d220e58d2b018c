"""xarray: a `Dataset` or `DataArray` over the time, and perhaps one more dimension, whose places are the sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ... import bundle
from ...bundle import saved
from ...errors import SchemaError, nearest_name
from ..dtypes import Name
from ..form import OUTER, free_name
from .base import Format, missing_library

COUNTS = ("time", "step", "t", "date")  # names of a dimension of time whose places are only counted


@saved
@dataclass(frozen=True)
class Xarray(Format):
    """Variables over (sequences, time) or, of one series, over the time; those without the time are static.

    Where a sequence has no value before a step or after one, and others do, its rows end there: so unequal lengths are
    held in one array. https://docs.xarray.dev/en/stable/user-guide/data-structures.html
    """

    name: ClassVar[str] = "xarray"
    looks: ClassVar[str] = "a Dataset or DataArray of xarray"
    single: bool = False  # whether there was no dimension of sequences
    array: bool = False  # whether it was a DataArray
    label: Any = None  # and its name
    counted: tuple[Name, ...] = ()  # dimensions without coordinates
    texts: bool = False  # whether the coordinates of the sequences are fixed-width text, as xarray makes of str
    # Of each variable its dimensions in their order, its dtype, and whether it is a coordinate.
    variables: dict[Name, tuple[tuple[Name, ...], str, bool]] = field(default_factory=dict)
    scalars: dict[Name, tuple[Any, bool]] = field(default_factory=dict)  # variables without a dimension
    attrs: dict[str, dict[str, Any]] = field(default_factory=dict)  # of variables, and of the whole under ""

    @property
    def numbered(self) -> bool:
        """Whether sequences have no coordinates."""
        return self.single or self.entity in self.counted

    @classmethod
    def fits(cls, data: Any) -> bool:
        """Return whether it is of xarray."""
        return type(data).__module__.split(".")[0] == "xarray" and type(data).__name__ in ("Dataset", "DataArray")

    @classmethod
    def read(cls, data: Any, entity: Name | None = None, time: Name | None = None) -> tuple[pd.DataFrame, Self]:
        """Return a frame of the dimensions and the variables as columns."""
        array = type(data).__name__ == "DataArray"
        label = data.name if array else None
        held = data.to_dataset(name="value" if label is None else label) if array else data
        when, who = _dimensions(held, entity, time)
        inner = who if who is not None else free_name(OUTER, [*held.variables, when])
        if entity is not None and entity != inner:
            raise SchemaError(
                f"entity={entity!r} cannot tell sequences apart: "
                + (f"{when!r} is the time" if entity == when else f"the data have no dimension beside {when!r}")
                + "; leave it out"
                + (f", or name another dimension as the time, by time={who!r}" if who is not None else "")
            )
        dims = (when,) if who is None else (who, when)
        stamps = held.indexes[when] if when in held.indexes else pd.RangeIndex(held.sizes[when])
        if stamps.dtype == object:
            raise SchemaError(
                f"the dimension {when!r} holds {type(stamps[0]).__name__} objects; convert it to datetime64, by "
                "convert_calendar('standard', use_cftime=False)"
            )
        keys = held.indexes[who] if who in held.indexes else pd.RangeIndex(1 if who is None else held.sizes[who])
        count, steps = len(keys), len(stamps)
        columns: dict[Any, Any] = {inner: keys.repeat(steps), when: stamps[np.tile(np.arange(steps), count)]}
        variables: dict[Name, tuple[tuple[Name, ...], str, bool]] = {}
        scalars: dict[Name, tuple[Any, bool]] = {}
        seen = np.zeros((count, steps), dtype=bool)
        for name, one in held.variables.items():
            if name in dims:
                continue
            coordinate = name in held.coords
            if not one.dims:
                scalars[name] = (one.values.item() if one.dtype.kind in "biufUSO" else str(one.values), coordinate)
            elif set(one.dims) == set(dims):
                values = one.transpose(*dims).to_numpy().reshape(count, steps)
                seen |= ~pd.isna(values)
                columns[name] = values.ravel()
            elif one.dims == (who,):
                columns[name] = np.repeat(one.to_numpy(), steps)
            else:
                over = f"over {one.dims}, and sequences are over {dims}"
                do = "every sequence would have to be drawn alike: drop it, or give each its own by .broadcast_like()"
                other = next((dim for dim in one.dims if dim not in dims), "")
                spread = f"make one variable of each place by .to_dataset({other!r})"
                raise SchemaError(f"the variable {name!r} is {over}; {do if one.dims == (when,) else spread}")
            if one.dims:
                variables[name] = (tuple(one.dims), str(one.dtype), coordinate)
        notes = {"": held.attrs, **{str(name): one.attrs for name, one in held.variables.items()}}
        attrs = {name: _lasting(name, own) for name, own in notes.items() if own}
        if seen.any() and not seen.any(axis=1).all():
            empty = keys[int(np.argmin(seen.any(axis=1)))]
            raise SchemaError(
                f"{who}={empty!r} has no value at any time; drop such places by .dropna({who!r}, how='all')"
            )
        keep = _within(seen) if who is not None else np.ones(seen.shape, dtype=bool)
        frame = pd.DataFrame(columns)[keep.ravel()].reset_index(drop=True)
        static = tuple(name for name, (over, *_) in variables.items() if over == (who,))
        counted = tuple(dim for dim in dims if dim not in held.indexes)
        texts = who in held.indexes and held[who].dtype.kind == "U"
        return frame, cls(inner, when, static, who is None, array, label, counted, texts, variables, scalars, attrs)

    @classmethod
    def of(cls, table: pd.DataFrame, entity: Name, time: Name, static: Sequence[Name]) -> Self:
        """Take entity and time as the dimensions."""
        made = cls(entity, time, tuple(static))
        variables: dict[Name, tuple[tuple[Name, ...], str, bool]] = {name: ((entity,), "", False) for name in static}
        variables |= {name: ((entity, time), "", False) for name in made.values(table)}
        return cls(entity, time, tuple(static), variables=variables)

    def agree(self, entity: Name | None, time: Name | None) -> None:
        """Accept all: `read` has looked for dimensions of these names."""

    def write(self, table: pd.DataFrame) -> Any:
        """Return a Dataset or DataArray: missing where a sequence has no row."""
        try:
            import xarray
        except ImportError as error:
            raise missing_library("xarray", "tsgan[xarray]", error) from error
        roles = [name for name in (self.entity, self.time) if name not in table.columns]
        table = table.reset_index(level=roles) if roles else table
        keys, times = pd.Index(table[self.entity].unique()), pd.Index(table[self.time].unique()).sort_values()
        each = table.drop_duplicates(self.entity)
        grid = table.set_index([self.entity, self.time]).reindex(pd.MultiIndex.from_product([keys, times]))
        alone = self.single and len(keys) == 1
        made: dict[Any, Any] = {}
        for name, (over, dtype, _) in self.variables.items():
            fixed = over == (self.entity,)
            held = each[name].to_numpy() if fixed else grid[name].to_numpy().reshape(len(keys), len(times))
            if dtype and not pd.isna(held).any():
                held = held.astype("str" if dtype.startswith("<U") else dtype)
            one = xarray.Variable(over if fixed else (self.entity, self.time), held, self.attrs.get(str(name)))
            made[name] = one.isel({self.entity: 0}) if alone else one if self.single else one.transpose(*over)
        places: Any = np.arange(len(keys)) if self.single else np.asarray(keys, dtype=str) if self.texts else keys
        axes = {self.entity: places, self.time: times}
        coords = {
            name: (name, axis, self.attrs.get(str(name))) for name, axis in axes.items() if name not in self.counted
        }
        if alone:
            coords.pop(self.entity, None)
        coords |= {name: made.pop(name) for name, (*_, coordinate) in self.variables.items() if coordinate}
        for name, (value, coordinate) in self.scalars.items():
            where = coords if coordinate else made
            where[name] = xarray.Variable((), value, self.attrs.get(str(name)))
        whole = xarray.Dataset(made, coords, self.attrs.get(""))
        if not self.array:
            return whole
        found = whole["value" if self.label is None else self.label]
        return found.rename(self.label)


def _dimensions(data: Any, entity: Name | None, time: Name | None) -> tuple[Any, Any]:
    """Return the dimension of the time, and that of the sequences or None."""
    dims = list(data.sizes)
    for role, asked in (("entity", entity), ("time", time)):
        if asked is not None and asked not in dims and not (role == "entity" and len(dims) == 1):
            raise SchemaError(f"{role}={asked!r} is not a dimension{nearest_name(asked, dims)}")
    moving = [
        dim
        for dim in dims
        if dim in data.indexes and isinstance(data.indexes[dim], pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex)
    ]
    named = [dim for dim in dims if dim in COUNTS]
    rest = [dim for dim in dims if dim != entity]
    when = time if time is not None else next((found[0] for found in (moving, named, rest) if len(found) == 1), None)
    if when is None:
        raise SchemaError(f"which of the dimensions {dims} is the time? name it, by time=")
    others = [dim for dim in dims if dim != when]
    if len(others) > 1:
        raise SchemaError(
            f"beside the time {when!r} there are the dimensions {others}; one may tell sequences apart: join them by "
            f".stack(place={tuple(others)!r}).reset_index('place')"
        )
    if others and isinstance(data.indexes.get(others[0]), pd.MultiIndex):
        raise SchemaError(
            f"the dimension {others[0]!r} has an index of several levels; drop it by .reset_index({others[0]!r})"
        )
    return when, others[0] if others else None


def _within(seen: Any) -> Any:
    """Return which rows lie between the first and the last value of their sequence, or at a time that nobody has."""
    begun = np.maximum.accumulate(seen, axis=1)
    going = np.maximum.accumulate(seen[:, ::-1], axis=1)[:, ::-1]
    return (begun & going) | ~seen.any(axis=0)


def _lasting(name: str, attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Return attributes as a model can hold them."""
    for key, value in attrs.items():
        try:
            bundle.pack(value)
        except TypeError as error:
            where = f"of the variable {name!r}" if name else "of the data set"
            raise SchemaError(
                f"the attribute {key!r} {where} cannot be kept ({error}); make it text, or drop it"
            ) from error
    return dict(attrs)
