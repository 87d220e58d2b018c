"""GluonTS: an iterable of dicts, one for each series, with the keys of `gluonts.dataset.field_names.FieldName`.

https://ts.gluon.ai/stable/getting_started/concepts.html
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ...bundle import saved
from ...errors import InputError, SchemaError, nearest_name
from ..dtypes import Name
from .base import Format, agreeing

FIXED = ("feat_static_cat", "feat_static_real")
DYNAMIC = ("target", "feat_dynamic_cat", "feat_dynamic_real", "past_feat_dynamic_real", "past_feat_dynamic_cat")
ASIDE = ("source", "info")  # where an item came from


@saved
@dataclass(frozen=True)
class GluonTS(Format):
    """Dicts with `start` (a Period), `target` `(time,)` or `(dimensions, time)`, and perhaps `item_id` and features."""

    name: ClassVar[str] = "gluonts"
    looks: ClassVar[str] = "a list of dicts with 'target' and 'start', or a data set of GluonTS"
    entity: Name = "item_id"
    time: Name = "timestamp"
    parts: dict[str, tuple[Name, ...]] = field(default_factory=dict)  # the columns of each key
    dtypes: dict[str, str] = field(default_factory=dict)
    flat: bool = True  # whether the target has the time as its only axis
    named: bool = True  # whether items have an id

    @property
    def numbered(self) -> bool:
        """Whether items have no id."""
        return not self.named

    @classmethod
    def fits(cls, data: Any) -> bool:
        """Return whether it holds a dict, or is a data set of GluonTS; `read` says what such data lack."""
        if isinstance(data, list | tuple):
            return any(map(_dict, data))
        if _dict(data):
            return not {"start", "target"}.isdisjoint(data.keys())  # a sparse matrix may be a dict of its places
        return type(data).__module__.startswith("gluonts.") and hasattr(type(data), "__iter__")

    @classmethod
    def may_be(cls, data: Any) -> bool:
        """Return whether it looks so, or gives its items one by one."""
        return cls.fits(data) or isinstance(data, Iterator)

    @classmethod
    def read(cls, data: Any, entity: Name | None = None, time: Name | None = None) -> tuple[pd.DataFrame, Self]:
        """Return a frame of columns `item_id`, `timestamp` (periods), and one for each row of each array."""
        items = _items(data, cls.looks)
        keys = agreeing("keys", [sorted(one) for one in items], "item")
        known = ("start", "item_id", *FIXED, *DYNAMIC)
        if strange := [key for key in keys if key not in known]:
            raise SchemaError(
                f"item 0 has a key {strange[0]!r} that is not learned; drop it{nearest_name(strange[0], known)}"
            )
        starts = [_start(one["start"], number) for number, one in enumerate(items)]
        agreeing("frequency", [one.freqstr for one in starts], "item")
        flat = agreeing("axes of the target", [np.ndim(one["target"]) for one in items], "item") == 1
        lengths = np.array([np.shape(one["target"])[-1] for one in items], dtype=np.int64)
        who = [one.get("item_id", number) for number, one in enumerate(items)]
        with _business_days():
            times = pd.PeriodIndex(
                [start + step for start, many in zip(starts, lengths, strict=True) for step in range(many)]
            )
        columns: dict[Any, Any] = {"item_id": pd.Index(who).repeat(lengths), "timestamp": times}
        if twice := [one for one in who if who.count(one) > 1]:
            raise SchemaError(f"item_id {twice[0]!r} is there {who.count(twice[0])} times; ids tell items apart")
        parts: dict[str, tuple[Name, ...]] = {}
        dtypes = {}
        for key in (key for key in (*FIXED, *DYNAMIC) if key in keys):
            arrays = [np.asarray(one[key]) for one in items]
            shaped = [one if key in FIXED else np.atleast_2d(one) for one in arrays]
            wide = agreeing(f"rows of {key}", [len(one) for one in shaped], "item")
            for number, one in enumerate(shaped):
                if key not in FIXED and one.shape[-1] != lengths[number]:
                    raise SchemaError(
                        f"item {number} has {key} of {one.shape[-1]} steps, and a target of {lengths[number]}; cut it "
                        "to those of the target"
                    )
            dtypes[key] = str(np.result_type(*arrays))
            parts[key] = tuple(key if flat and key == "target" else f"{key}_{place}" for place in range(wide))
            for place, name in enumerate(parts[key]):
                joined = (
                    np.repeat([one[place] for one in shaped], lengths)
                    if key in FIXED
                    else np.concatenate([one[place] for one in shaped])
                )
                columns[name] = pd.Categorical(joined.astype(np.int64)) if key.endswith("_cat") else joined
        static = tuple(name for key in FIXED for name in parts.get(key, ()))
        return pd.DataFrame(columns), cls(static=static, parts=parts, dtypes=dtypes, flat=flat, named="item_id" in keys)

    @classmethod
    def of(cls, table: pd.DataFrame, entity: Name, time: Name, static: Sequence[Name]) -> Self:
        """Make all columns that are not static targets, static numbers with decimals real, other static ones levels."""
        real = tuple(name for name in static if pd.api.types.is_float_dtype(table[name].dtype))
        level = tuple(name for name in static if name not in real)
        made = cls(entity, time, tuple(static))
        parts = {"feat_static_cat": level, "feat_static_real": real, "target": tuple(made.values(table))}
        parts = {key: names for key, names in parts.items() if names}
        dtypes = {"feat_static_cat": "int32", "feat_static_real": "float32", "target": "float32"}
        return cls(entity, time, tuple(static), parts, dtypes, len(parts["target"]) == 1)

    def write(self, table: pd.DataFrame) -> list[dict[str, Any]]:
        """Return a list of dicts, of NaN where a series skips steps."""
        items = []
        for key, part in self.sequences(table):
            with _business_days():
                times = pd.Index(part[self.time])
                if not isinstance(times, pd.PeriodIndex):
                    times = _periods(times, key)
                item: dict[str, Any] = {"start": times.min()}
            # Ordinals count single units: those of "30min" are minutes.
            unit: Any = times.freq
            at, rest = np.divmod((times.asi8 - times.asi8.min()).astype(np.int64), unit.n)
            if rest.any():
                raise SchemaError(
                    f"item {key!r} has a period {times[rest.argmax()]} between two steps of {times.freqstr!r}; give "
                    f"the column a frequency that all steps fit, such as {unit.base.freqstr!r}"
                )
            if self.named:
                item["item_id"] = key
            for what, names in self.parts.items():
                if what in FIXED:
                    rows = np.array([part[name].iloc[0] for name in names])
                else:
                    values = part[list(names)].astype("float64" if len(at) <= at.max() else object).to_numpy()
                    rows = np.full((len(names), int(at.max()) + 1), np.nan, dtype=values.dtype)
                    rows[:, at] = values.T
                    rows = rows[0] if what == "target" and self.flat else rows
                try:
                    item[what] = rows.astype(self.dtypes[what])
                except (TypeError, ValueError) as error:
                    raise SchemaError(
                        f"item {key!r}: the columns {list(names)} cannot be {what} of {self.dtypes[what]} ({error}); "
                        "GluonTS holds numbers, and levels as codes (.cat.codes)"
                    ) from error
            items.append(item)
        return items


def _dict(one: Any) -> bool:
    return isinstance(one, Mapping) and type(one).__module__.split(".")[0] != "xarray"


def _items(data: Any, looks: str) -> list[dict[str, Any]]:
    """Return the items without what is not learned, each with a target of one or two axes that holds steps.

    Raises
    ------
    InputError
        If it is no list, or a list of other things than dicts.
    SchemaError
        Naming the item.
    """
    if isinstance(data, Mapping | tuple):
        do = "[data]" if isinstance(data, Mapping) else "list(data)"
        raise InputError(f"data of GluonTS are {looks}; got a {type(data).__name__}: pass {do}")
    items = []
    for number, one in enumerate(data):
        if not _dict(one):
            raise InputError(f"data of GluonTS are {looks}; item {number} is a {type(one).__name__}")
        which = f"item {one.get('item_id', number)!r}"
        if lost := [key for key in ("target", "start") if key not in one]:
            raise SchemaError(
                f"{which} has no {' and no '.join(map(repr, lost))}; items of GluonTS need 'target' and 'start' (of "
                "records of a table make a pd.DataFrame)"
            )
        try:
            target = np.asarray(one["target"])
        except ValueError as error:
            raise SchemaError(f"{which} has a target of rows of unequal lengths ({error}); make them equal") from error
        if target.ndim not in (1, 2):
            raise SchemaError(
                f"{which} has a target of shape {target.shape}; it has one axis (time) or two (dimensions, time)"
            )
        if not target.size:
            raise SchemaError(f"{which} has an empty target; drop the item")
        if target.dtype.kind not in "biufO":
            raise SchemaError(f"{which} has a target of {target.dtype}; GluonTS holds real numbers")
        items.append({key: value for key, value in one.items() if key not in ASIDE})
    if not items:
        raise InputError(f"data of GluonTS are {looks}; got no item")
    return items


@contextmanager
def _business_days() -> Iterator[None]:
    """Keep quiet on periods of business days: pandas is to drop them, and GluonTS has no other way to count these."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Period(Dtype\[B\]| with BDay freq) is deprecated", FutureWarning)
        yield


def _start(start: Any, number: int) -> pd.Period:
    if not isinstance(start, pd.Period):
        raise SchemaError(
            f"item {number} starts at {start!r}, which has no frequency; make it a period, such as "
            f"pd.Period({str(start)!r}, freq='D')"
        )
    return start


def _periods(times: pd.Index[Any], key: Any) -> pd.PeriodIndex:
    even = pd.DatetimeIndex(times, freq="infer") if isinstance(times, pd.DatetimeIndex) and len(times) > 2 else None
    if even is None or even.freq is None:
        raise SchemaError(
            f"item {key!r} has times without a frequency; GluonTS counts periods: convert the column, by "
            ".dt.to_period('D') for days"
        )
    return even.to_period()
