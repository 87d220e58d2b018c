"""Fit, sample and judge hostile tables: each ends as a table of the same form, or in an error of tsgan's own.

`python benchmarks/hostile.py --tables 500` makes as many tables of what pandas, polars and Arrow can hold (values,
clocks, keys, names, forms; see the tables below), takes each through `fit`, `save`, `load`, `sample` and `evaluate`, a
share of them by command, and prints what came of them by kind; raw errors, warnings that are not tsgan's, and other
forms with the recipe of the table. `--only 17` does one of them, with its traceback.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import datetime
import decimal
import io
import tempfile
import traceback
import uuid
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tsgan import RecurrentGAN, evaluate
from tsgan.cli.commands import main
from tsgan.errors import CorruptModelError, TsganError, TsganWarning

Rng = np.random.Generator
ARGUMENTS: dict[str, Any] = {"steps": 0, "verbose": False, "random_state": 0}
METRICS = "quick"
WIDE = 150  # columns of a wide table
COMMANDS = 0.3  # share of tables that are taken through the commands, too


def some(values: list[Any], rng: Rng, n: int, dtype: Any = object) -> pd.Series[Any]:
    """Return a column of `n` draws from a list, whatever it holds."""
    drawn = np.empty(n, dtype=object)
    drawn[:] = [values[i] for i in rng.integers(len(values), size=n)]
    return pd.Series(drawn, dtype=dtype)


def holed(column: pd.Series[Any], rng: Rng) -> pd.Series[Any]:
    """Return a column with a third of its values missing."""
    return column.mask(rng.random(len(column)) < 0.3)


def numbers(rng: Rng, n: int, dtype: str = "float64") -> pd.Series[Any]:
    """Return a plain column."""
    return pd.Series(rng.normal(size=n).cumsum()).astype(dtype)


def _stamps(rng: Rng, n: int, start: str, step: str) -> pd.Series[Any]:
    return pd.Series(np.datetime64(start) + np.timedelta64(1, step) * rng.integers(0, 90, n).cumsum())


TEXTS = [
    *("a\nb", "nul\0", "é\u0301😀", 'quo"te', "it's", ",;\t|", "\ufeff", " ", "", "=1+1", "-2", "nan", "\u202eabc"),
    "x" * 999,
]
ORDERED = pd.CategoricalDtype(["low", "mid", "high"], ordered=True)
# Columns, by what is odd about them.
VALUES: dict[str, Callable[[Rng, int], Any]] = {
    "infinite": lambda rng, n: numbers(rng, n).where(rng.random(n) < 0.9, np.inf),
    "all missing": lambda rng, n: pd.Series(np.full(n, np.nan)),
    "all None": lambda rng, n: pd.Series([None] * n, dtype=object),
    "all NA": lambda rng, n: pd.Series([pd.NA] * n, dtype="Int64"),
    "all NaT": lambda rng, n: pd.Series([pd.NaT] * n, dtype="datetime64[ns]"),
    "one value known": lambda rng, n: pd.Series(np.where(np.arange(n) == n // 2, 1.5, np.nan)),
    "constant": lambda rng, n: pd.Series(np.full(n, 1e9 + 0.1)),
    "1e308": lambda rng, n: numbers(rng, n) * 1e307,
    "1e149": lambda rng, n: numbers(rng, n) * 1e148,
    "subnormal": lambda rng, n: numbers(rng, n) * 5e-320,
    "1e-149": lambda rng, n: numbers(rng, n) * 1e-149,
    "of all sizes": lambda rng, n: pd.Series(10.0 ** rng.uniform(-140, 140, n) * rng.choice([-1, 1], n)),
    "float16": lambda rng, n: numbers(rng, n, "float16"),
    "float32 to its end": lambda rng, n: pd.Series(rng.uniform(-3.4e38, 3.4e38, n).astype("float32")),
    "longdouble": lambda rng, n: pd.Series(rng.normal(size=n).astype(np.longdouble)),
    "Float64 with holes": lambda rng, n: holed(numbers(rng, n, "Float64"), rng),
    "complex": lambda rng, n: pd.Series(rng.normal(size=n) + 1j),
    "int64 to its end": lambda rng, n: pd.Series(rng.integers(-(2**63), 2**63 - 1, n)),
    "uint64 to its end": lambda rng, n: pd.Series(rng.integers(0, 2**64 - 1, n, dtype=np.uint64)),
    "integers beyond 64 bits": lambda rng, n: some([10**30, -(10**25), 7], rng, n),
    "big-endian": lambda rng, n: pd.Series(rng.normal(size=n).astype(">f8")),
    "big-endian integers": lambda rng, n: pd.Series(rng.integers(0, 9, n).astype(">i4")),
    "int8": lambda rng, n: pd.Series(rng.integers(-128, 127, n).astype("int8")),
    "Int64 with holes": lambda rng, n: holed(pd.Series(rng.integers(0, 2**60, n), dtype="Int64"), rng),
    "UInt8 with holes": lambda rng, n: holed(pd.Series(rng.integers(0, 255, n), dtype="UInt8"), rng),
    "bool": lambda rng, n: pd.Series(rng.random(n) < 0.5),
    "boolean with holes": lambda rng, n: holed(pd.Series(rng.random(n) < 0.5, dtype="boolean"), rng),
    "bools and None": lambda rng, n: some([True, False, None], rng, n),
    "bools and numbers": lambda rng, n: some([True, 2, 0.5], rng, n),
    "mixed": lambda rng, n: some([1, "one", 2.5, None, (1,)], rng, n),
    "numbers as objects": lambda rng, n: some([1, 2.5, None, np.float32(3), np.int8(4)], rng, n),
    "lists": lambda rng, n: some([[1], [1, 2], []], rng, n),
    "dicts": lambda rng, n: some([{"a": 1}, {}], rng, n),
    "sets": lambda rng, n: some([{1}, {2}], rng, n),
    "tuples": lambda rng, n: some([(1, 2), (3,)], rng, n),
    "arrays": lambda rng, n: some([np.ones(2), np.zeros(3)], rng, n),
    "frames": lambda rng, n: some([pd.DataFrame({"a": [1]}), pd.Series([1])], rng, n),
    "bytes": lambda rng, n: some([b"a", b"\xff\x00"], rng, n),
    "functions": lambda rng, n: some([len, str], rng, n),
    "classes": lambda rng, n: some([object(), object()], rng, n),
    "sparse": lambda rng, n: pd.Series(pd.arrays.SparseArray(rng.integers(0, 2, n).astype(float))),
    "sparse NaN": lambda rng, n: pd.Series(pd.arrays.SparseArray(np.where(rng.random(n) < 0.8, np.nan, 1.0))),
    "odd text": lambda rng, n: some(TEXTS, rng, n, "str"),
    "odd text of objects": lambda rng, n: some([*TEXTS, None], rng, n),
    "surrogates": lambda rng, n: some(["\ud800", "a", "\udcff"], rng, n),
    "string dtype with NA": lambda rng, n: some(["a", "b", pd.NA], rng, n, "string"),
    "np.str_": lambda rng, n: some([np.str_("a"), "b"], rng, n),
    "unique text": lambda rng, n: pd.Series([f"id {i} {rng.random()}" for i in range(n)]),
    "unused categories": lambda rng, n: pd.Series(pd.Categorical(rng.choice(["a", "b"], n), ["z", "a", "b", ""])),
    "no category at all": lambda rng, n: pd.Series(pd.Categorical([None] * n, [])),
    "categories with NaN": lambda rng, n: pd.Series(pd.Categorical(some(["a", None], rng, n))),
    "mixed categories": lambda rng, n: some([1, "1", 2.5], rng, n).astype("category"),
    "tuples as categories": lambda rng, n: some([(1, "a"), (2, "b")], rng, n).astype("category"),
    "dates as categories": lambda rng, n: _stamps(rng, n, "2020-01-01", "D").astype("category"),
    "intervals as categories": lambda rng, n: pd.Series(pd.cut(rng.normal(size=n), [-9, -1, 1, 9])),
    "ordered categories": lambda rng, n: some([*ORDERED.categories, None], rng, n, ORDERED),
    "bool categories": lambda rng, n: some([True, False], rng, n).astype("category"),
    "intervals": lambda rng, n: pd.Series(pd.arrays.IntervalArray.from_breaks(np.arange(n + 1.0) ** 1.5)),
    "intervals of time": lambda rng, n: pd.Series(pd.interval_range(pd.Timestamp("2020"), periods=n, freq="D")),
    "intervals with holes": lambda rng, n: holed(pd.Series(pd.arrays.IntervalArray.from_breaks(np.arange(n + 1))), rng),
    "periods": lambda rng, n: pd.Series(pd.period_range("1800-01", periods=n, freq="M")),
    "periods of several sizes": lambda rng, n: some([pd.Period("2020", "Y"), pd.Period("2020-01", "M")], rng, n),
    "durations": lambda rng, n: pd.Series(pd.to_timedelta(rng.integers(0, 10**15, n))),
    "durations to their end": lambda rng, n: pd.Series(pd.to_timedelta(rng.integers(-(2**62), 2**62, n))),
    "dates with holes": lambda rng, n: holed(_stamps(rng, n, "1999-01-01", "D"), rng),
    "dates of 1600 years": lambda rng, n: pd.Series(
        (np.datetime64("0500-01-01") + rng.integers(0, 600_000, n)).astype("M8[s]")
    ),
    "dates beyond the calendar": lambda rng, n: pd.Series(
        (np.datetime64("-9000-01-01") + rng.integers(0, 9_000_000, n)).astype("M8[s]")
    ),
    "date objects": lambda rng, n: some([datetime.date(2020, 1, 1), datetime.date(1, 1, 1), None], rng, n),
    "time objects": lambda rng, n: some([datetime.time(1, 2), datetime.time(23, 59, 59, 9)], rng, n),
    "dates of several zones": lambda rng, n: some(
        [pd.Timestamp("2020", tz="Asia/Tokyo"), pd.Timestamp("2021", tz="UTC"), pd.Timestamp("2022")], rng, n
    ),
    "dates with a zone": lambda rng, n: _stamps(rng, n, "2024-03-30", "h").dt.tz_localize("UTC").dt.tz_convert("CET"),
    "decimals": lambda rng, n: some([decimal.Decimal("1.10"), decimal.Decimal("NaN"), decimal.Decimal("-3")], rng, n),
    "infinite decimals": lambda rng, n: some([decimal.Decimal("Infinity"), decimal.Decimal(1)], rng, n),
    "uuids": lambda rng, n: some([uuid.UUID(int=1), uuid.UUID(int=2)], rng, n),
    "negative zeros": lambda rng, n: some([0.0, -0.0, 1.0], rng, n, float),
    "an index of its own": lambda rng, n: pd.Series(range(n)),
    "arrow": lambda rng, n: numbers(rng, n).astype("float64[pyarrow]"),
    "arrow lists": lambda rng, n: _arrow([[1, 2], None], rng, n),
    "arrow structs": lambda rng, n: _arrow([{"a": 1}, {"a": None}], rng, n),
    "arrow bytes": lambda rng, n: _arrow([b"\xff", None], rng, n),
    "arrow decimals": lambda rng, n: _arrow([decimal.Decimal("1.25"), None, decimal.Decimal("9.75")], rng, n),
    "arrow times": lambda rng, n: _arrow([datetime.time(3), None, datetime.time(5)], rng, n),
    "arrow null": lambda rng, n: _arrow([None], rng, n),
    "arrow dictionary": lambda rng, n: _arrow(["a", "b", None], rng, n, dictionary=True),
}


def _arrow(values: list[Any], rng: Rng, n: int, *, dictionary: bool = False) -> pd.Series[Any]:
    import pyarrow

    made = pyarrow.array(some(values, rng, n).tolist())
    made = made.dictionary_encode() if dictionary else made
    return pd.Series(pd.arrays.ArrowExtensionArray(pyarrow.chunked_array([made])))


def _swapped(values: Any, rng: Rng) -> Any:
    return values[rng.permutation(len(values))]


def _hours(n: int, **more: Any) -> pd.DatetimeIndex:
    return pd.date_range("2024-03-30", periods=n, freq="h", **more)


def _zoned(zones: list[Any], n: int) -> pd.Index[Any]:
    return pd.Index([pd.Timestamp(i, unit="h", tz=zones[i % len(zones)]) for i in range(n)], dtype=object)


# Clocks of one sequence, by what is odd about them.
CLOCKS: dict[str, Callable[[Rng, int], Any]] = {
    "over 292 years": lambda rng, n: pd.DatetimeIndex(
        np.arange(n) * np.timedelta64(40_000, "D") + np.datetime64("1000", "s")
    ),
    "over 292 years, irregular": lambda rng, n: pd.DatetimeIndex(
        np.datetime64("0001-01-01", "s") + np.sort(rng.integers(0, 3 * 10**11, n)).astype("m8[s]")
    ),
    "beyond the calendar": lambda rng, n: pd.DatetimeIndex(
        np.datetime64("-20000-01-01", "s") + np.sort(rng.integers(0, 10**12, n)).astype("m8[s]")
    ),
    "duplicated": lambda rng, n: _hours(n).repeat(2)[:n],
    "all the same": lambda rng, n: _hours(1).repeat(n),
    "not in order": lambda rng, n: _swapped(_hours(n), rng),
    "backwards": lambda rng, n: _hours(n)[::-1],
    "missing": lambda rng, n: _hours(n).where(np.arange(n) != n // 2),
    "all missing": lambda rng, n: pd.DatetimeIndex([pd.NaT] * n),
    "irregular": lambda rng, n: pd.DatetimeIndex(np.sort(rng.integers(0, 10**18, n))),
    "nanoseconds": lambda rng, n: pd.DatetimeIndex(np.arange(n) + 10**18),
    "with a zone": lambda rng, n: _hours(n, tz="Europe/Berlin"),
    "a zone without a name": lambda rng, n: _hours(n, tz=datetime.timezone(datetime.timedelta(minutes=17))),
    "several zones": lambda rng, n: _zoned(["UTC", "CET"], n),
    "zone on some": lambda rng, n: _zoned(["UTC", None], n),
    "months": lambda rng, n: pd.date_range("2000-01-31", periods=n, freq="ME"),
    "business days": lambda rng, n: pd.bdate_range("2000-01-03", periods=n),
    "periods": lambda rng, n: pd.period_range("0005", periods=n, freq="Q"),
    "durations": lambda rng, n: pd.timedelta_range("1D", periods=n, freq="7min"),
    "durations to their end": lambda rng, n: pd.TimedeltaIndex(np.sort(rng.integers(-(2**62), 2**62, n))),
    "infinite": lambda rng, n: pd.Index(np.where(np.arange(n) == n - 1, np.inf, np.arange(n, dtype=float))),
    "minus infinity": lambda rng, n: pd.Index(np.where(np.arange(n) == 0, -np.inf, np.arange(n, dtype=float))),
    "NaN": lambda rng, n: pd.Index(np.where(np.arange(n) == 0, np.nan, np.arange(n, dtype=float))),
    "1e300": lambda rng, n: pd.Index(np.linspace(-1e300, 1e300, n)),
    "1e308 both ways": lambda rng, n: pd.Index(np.linspace(-0.85, 0.85, n) * 1e308 * 1.5),
    "subnormal": lambda rng, n: pd.Index(np.arange(n) * 5e-324),
    "int64 to its end": lambda rng, n: pd.Index(np.sort(rng.integers(-(2**63), 2**63 - 1, n))),
    "int64 at its end": lambda rng, n: pd.Index(2**63 - n + np.arange(n)),
    "uint64 to its end": lambda rng, n: pd.Index(np.sort(rng.integers(0, 2**64 - 1, n, dtype=np.uint64))),
    "int8 at its end": lambda rng, n: pd.Index((127 - n + np.arange(n)).astype("int8")),
    "float32": lambda rng, n: pd.Index((np.arange(n) * 0.1).astype("float32")),
    "Int64": lambda rng, n: pd.Index(np.arange(n), dtype="Int64"),
    "bool": lambda rng, n: pd.Index(np.arange(n) % 2 == 0),
    "complex": lambda rng, n: pd.Index(np.arange(n) + 0j),
    "text": lambda rng, n: _hours(n).astype(str),
    "text that is no date": lambda rng, n: pd.Index([f"step {i}" for i in range(n)]),
    "text, some no dates": lambda rng, n: pd.Index([*_hours(n - 1).astype(str), "soon"] if n else []),
    "dates as categories": lambda rng, n: pd.CategoricalIndex(_hours(n)),
    "mixed": lambda rng, n: pd.Index([i if i % 2 else str(i) for i in range(n)], dtype=object),
    "tuples": lambda rng, n: pd.Index([(i, i) for i in range(n)], tupleize_cols=False),
    "intervals": lambda rng, n: pd.interval_range(0, n),
    "date objects": lambda rng, n: pd.Index([datetime.date(2020, 1, 1) + datetime.timedelta(i) for i in range(n)]),
    "arrow": lambda rng, n: pd.Index(_hours(n).astype("timestamp[us][pyarrow]")),
}
# Keys of sequences.
KEYS: dict[str, list[Any]] = {
    "missing": ["a", None, "c"],
    "NaN": [1.0, np.nan, 3.0],
    "mixed": [1, "1", 2.5],
    "numbers as text": ["007", "7", "07"],
    "tuples": [(1, 2), (3, 4), (5, 6)],
    "lists": [[1], [2], [3]],
    "infinite": [np.inf, 1.0, 2.0],
    "dates": [pd.Timestamp("2020"), pd.Timestamp("2021"), pd.Timestamp("2022")],
    "bools": [True, False, True],
    "huge": [10**30, 10**31, 5],
    "odd text": ["", "\n", "\0"],
    "surrogates": ["\ud800", "b", "c"],
    "bytes": [b"a", b"b", b"c"],
    "one": ["only"] * 3,
    "int64 at its end": [2**63 - 1, 2**63 - 2, 0],
    "uuids": [uuid.UUID(int=i) for i in range(3)],
}
NAMES: list[Any] = [
    *(("a", 1), None, float("nan"), "", " ", "sequence", "step", "time", "index", "level_0", "future", 0, -3, 2.5),
    *(True, b"b", "q\"u'o", "new\nline", "nul\0", "\0gap", "\0start", "$is", "x" * 5000, "é😀", "\ud800", "a,b", "0"),
    *("x0", "=1+1", "__class__", pd.Timestamp("2020"), "who", "when", "{}", "%s", "\\", "low <= high"),
]


def _two_levels(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_axis(pd.MultiIndex.from_tuples([("top", str(name)) for name in frame.columns]), axis=1)


def _read_only(frame: pd.DataFrame) -> pd.DataFrame:
    def fixed(column: pd.Series[Any]) -> Any:
        values = column.to_numpy()
        values.setflags(write=False)
        return values

    return pd.DataFrame({name: fixed(column) for name, column in frame.items()}, index=frame.index, copy=False)


def _polars(frame: pd.DataFrame) -> Any:
    import polars

    return polars.from_pandas(frame.rename(columns=str))


def _wide(frame: pd.DataFrame) -> pd.DataFrame:
    more = np.random.default_rng(0).normal(size=(len(frame), WIDE))
    return pd.concat([frame, pd.DataFrame(more, index=frame.index).add_prefix("w")], axis=1).head(6)


def _arrow_table(frame: pd.DataFrame) -> Any:
    import pyarrow

    return pyarrow.Table.from_pandas(frame.rename(columns=str), preserve_index=False)


# Whole tables.
FORMS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "no rows": lambda frame: frame.head(0),
    "one row": lambda frame: frame.head(1),
    "two rows": lambda frame: frame.head(2),
    "three rows": lambda frame: frame.head(3),
    "no columns": lambda frame: frame.iloc[:, :0],
    "names twice": lambda frame: pd.concat([frame, frame.iloc[:, -1:]], axis=1),
    "two levels of names": _two_levels,
    "an outer index": lambda frame: pd.concat({"a": frame, "b": frame}, names=["sequence", None]),
    "three levels of index": lambda frame: pd.concat({("a", 1): frame, ("b", 2): frame}),
    "numbered rows": lambda frame: frame.set_axis(np.arange(len(frame))[::-1] * 3, axis=0),
    "an index of text": lambda frame: frame.set_axis([f"row {i}" for i in range(len(frame))], axis=0),
    "an index of a column's name": lambda frame: frame.rename_axis(index=frame.columns[-1]),
    "names of categories": lambda frame: frame.set_axis(pd.CategoricalIndex(frame.columns), axis=1),
    "an axis with a name": lambda frame: frame.rename_axis(columns="kinds"),
    "numbers as names": lambda frame: frame.set_axis(range(5, 5 + len(frame.columns)), axis=1),
    "rows twice": lambda frame: pd.concat([frame, frame]),
    "read-only": _read_only,
    "attrs": lambda frame: frame.attrs.update(note={"of": np.arange(3)}) or frame,
    "no double labels": lambda frame: frame.set_flags(allows_duplicate_labels=False),
    "wide and short": _wide,
    "polars": _polars,
    "lazy polars": lambda frame: _polars(frame).lazy(),
    "arrow table": _arrow_table,
    "arrow-backed": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "objects": lambda frame: frame.astype(object),
    "one column": lambda frame: frame.iloc[:, -1],
    "array of objects": lambda frame: frame.to_numpy(dtype=object),
    "list of rows": lambda frame: frame.to_numpy(dtype=object).tolist(),
    "dict of columns": lambda frame: frame.to_dict("list"),
}
ARRAYS: dict[str, Callable[[Rng], Any]] = {
    "3-D": lambda rng: rng.normal(size=(6, 9, 2)),
    "3-D of one step": lambda rng: rng.normal(size=(9, 1, 2)),
    "no sequences": lambda rng: np.empty((0, 9, 2)),
    "no steps": lambda rng: np.empty((9, 0, 2)),
    "no features": lambda rng: np.empty((9, 0)),
    "one axis": lambda rng: rng.normal(size=9),
    "no axis": lambda rng: np.array(3.0),
    "four axes": lambda rng: np.ones((2, 2, 2, 2)),
    "complex": lambda rng: rng.normal(size=(9, 2)) * 1j,
    "text": lambda rng: rng.choice(["a", "b"], (30, 2)),
    "dates": lambda rng: np.arange(60).reshape(30, 2).astype("M8[D]"),
    "structured": lambda rng: np.zeros(9, dtype=[("a", float), ("b", int)]),
    "float16": lambda rng: rng.normal(size=(30, 2)).astype("float16"),
    "longdouble": lambda rng: rng.normal(size=(30, 2)).astype(np.longdouble),
    "bool": lambda rng: rng.random((30, 2)) < 0.5,
    "uint64": lambda rng: rng.integers(0, 2**64 - 1, (30, 2), dtype=np.uint64),
    "big-endian": lambda rng: rng.normal(size=(30, 2)).astype(">f8"),
    "of Fortran's order": lambda rng: np.asfortranarray(rng.normal(size=(30, 2))),
    "with a mask": lambda rng: np.ma.masked_greater(rng.normal(size=(30, 2)), 1),
    "matrix of NaN": lambda rng: np.full((30, 2), np.nan),
    "infinite": lambda rng: np.full((30, 2), np.inf),
    "list of lengths": lambda rng: [rng.normal(size=(k, 2)) for k in (3, 9, 1)],
    "list of widths": lambda rng: [rng.normal(size=(9, k)) for k in (3, 2)],
    "empty list": lambda rng: [],
    "None": lambda rng: None,
    "text alone": lambda rng: "table.csv",
    "number alone": lambda rng: 7,
    "iterator of nothing": lambda rng: iter([]),
}


@dataclass(frozen=True)
class Hostile:
    """A table, the arguments it is fitted with, and what was done to it."""

    number: int
    data: Any
    roles: dict[str, Any]
    recipe: str


def _pick(table: Any, rng: Rng) -> Any:
    names = list(table)
    return names[rng.integers(len(names))]


def table(number: int, seed: int = 0) -> Hostile:
    """Return the hostile table of a number."""
    rng = np.random.default_rng([seed, number])
    if rng.random() < 0.06:
        name = _pick(ARRAYS, rng)
        return Hostile(number, ARRAYS[name](rng), {}, f"array {name}")
    n, panel = int(rng.integers(24, 60)), bool(rng.random() < 0.5)
    frame, roles, done = pd.DataFrame({"x": rng.normal(size=n).cumsum()}), {}, []
    frame["c"] = rng.choice(["red", "green", "blue"], n)
    for place in range(int(rng.integers(0, 3))):
        name = _pick(VALUES, rng)
        done.append(f"values {name}")
        frame[f"v{place}"] = VALUES[name](rng, n)
    clock = _pick(CLOCKS, rng) if rng.random() < 0.4 else None
    if clock is not None:
        done.append(f"clock {clock}")
    made = _hours(n) if clock is None else CLOCKS[clock](rng, n)
    if panel:
        who = np.sort(rng.integers(0, 3, n)) if rng.random() < 0.8 else np.arange(n) * 3 // n
        if rng.random() < 0.15:
            who = np.arange(n)
            done.append("one row each")
        keys = KEYS[name := _pick(KEYS, rng)] if rng.random() < 0.4 else ["ann", "bob", "cyd"]
        done += [f"keys {name}"] if keys[0] != "ann" else []
        frame["who"] = pd.Series(
            [keys[i] if i < 3 else f"more {i}" for i in who], dtype=object if keys[0] != "ann" else None
        )
        roles["entity"] = "who"
        if rng.random() < 0.3:
            sex = rng.choice(["f", "m"], n) if rng.random() < 0.2 else np.array(["f", "m"])[who % 2]
            done.append("static that varies" if len(set(sex[who == 0])) > 1 else "static")
            frame["sex"], roles["static"] = sex, ["sex"]
    if clock is not None or rng.random() < 0.6:
        if panel or rng.random() < 0.5:
            frame["when"], roles["time"] = made, "when"
        else:
            frame.index = made
    if rng.random() < 0.2:
        odd, old = NAMES[rng.integers(len(NAMES))], frame.columns[rng.integers(len(frame.columns))]
        done.append(f"name {str(odd)[:20]!r} for {old}")
        renamed: list[Any] = [odd if name == old else name for name in frame.columns]
        text = all(isinstance(name, str) for name in renamed) and odd != "\ud800"  # which Arrow's text cannot hold
        frame.columns = pd.Index(renamed, dtype=None if text else object, tupleize_cols=False)
        roles = {role: odd if name == old else [odd] if name == [old] else name for role, name in roles.items()}
    data: Any = frame
    if rng.random() < 0.25:
        form = _pick(FORMS, rng)
        done.append(f"form {form}")
        try:
            data = FORMS[form](frame)
        except Exception:  # a library cannot hold this frame
            done[-1] += " (cannot be)"
    return Hostile(number, data, roles, ", ".join(done) or "plain")


def form_of(data: Any) -> list[tuple[str, Any]]:
    """Return the names and types of the columns of a frame, the type of an array."""
    if isinstance(data, pd.DataFrame):
        kinds = [kind.newbyteorder("=") if isinstance(kind, np.dtype) else kind for kind in data.dtypes]
        for i, kind in enumerate(kinds):  # levels that too few hold are not told
            if isinstance(kind, pd.CategoricalDtype):
                kinds[i] = f"category of {kind.categories.dtype}{', ordered' if kind.ordered else ''}"
        return list(zip(map(repr, data.columns), kinds, strict=True))
    if hasattr(data, "collect_schema"):
        return [(name, str(kind)) for name, kind in data.collect_schema().items()]
    if hasattr(data, "schema"):
        return [(field.name, str(field.type)) for field in data.schema]
    return [("array", str(data.dtype.newbyteorder("=")))] if isinstance(data, np.ndarray) else []


@contextlib.contextmanager
def _heard() -> Iterator[None]:
    """Let warnings be errors, but for tsgan's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", TsganWarning)
        yield


def by_call(hostile: Hostile, home: Path) -> str:
    """Return what comes of a table that is fitted, saved, loaded, drawn from and judged."""
    stage = "fit"
    try:
        with _heard():
            gan = RecurrentGAN(**ARGUMENTS, **hostile.roles).fit(hostile.data)
            stage = "save"
            gan.save(home / "model")
            stage = "load"
            gan = RecurrentGAN.load(home / "model")
            stage = "sample"
            made = gan.sample(3, length=8, random_state=0)
            wanted, got = form_of(hostile.data), form_of(made)
            if wanted and got[-len(wanted) :] != wanted:  # other libraries get the number of the sequence as a column
                return f"another form: {got}, not {wanted}"
            stage = "evaluate"
            evaluate(hostile.data, made, **hostile.roles, metrics=METRICS, repeats=1, random_state=0, verbose=False)
    except CorruptModelError as error:
        return raw(stage, error)
    except TsganError:
        return f"typed at {stage}"
    except Exception as error:
        return raw(stage, error)
    return "drawn and judged"


def by_command(hostile: Hostile, home: Path) -> str:
    """Return what comes of a table that the commands take from a file, or "cannot be written"."""
    ending = (".csv", ".parquet", ".csv.gz")[hostile.number % 3]
    real, made, model = home / f"real{ending}", home / f"made{ending}", home / "by_command"
    if not isinstance(hostile.data, pd.DataFrame):
        return "no frame"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            hostile.data.to_parquet(real) if ending == ".parquet" else hostile.data.to_csv(real, index=False)
    except Exception:
        return "no file can hold it"
    roles = [f"--{role}={name[0] if isinstance(name, list) else name}" for role, name in hostile.roles.items()]
    lines = (
        ["fit", str(real), "-o", str(model), "--steps", "0", "--seed", "0", *roles],
        ["sample", str(model), "-n", "3", "--length", "8", "--seed", "0", "-o", str(made)],
        ["evaluate", str(real), str(made), "--metrics", METRICS, "--repeats", "1", *roles],
    )
    for line in lines:
        said = io.StringIO()
        try:
            with _heard(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
                code = main([*line, "-q"])
        except SystemExit as error:
            code = int(str(error.code))
        except Exception as error:
            return raw(f"tsgan {line[0]}", error)
        if code == 1 and "does not describe a whole model" not in said.getvalue():
            return f"typed at tsgan {line[0]}"
        if code:
            return f"raw at tsgan {line[0]}: exit code {code}: {said.getvalue()[-200:]}"
    return "drawn and judged by command"


def raw(stage: str, error: Exception) -> str:
    """Return the line on an error that nobody raised on purpose."""
    ours = [at for at in traceback.extract_tb(error.__traceback__) if "/tsgan/" in at.filename]
    place = f"{ours[-1].filename.split('/tsgan/')[-1]}:{ours[-1].lineno}" if ours else "?"
    return f"raw at {stage}: {type(error).__name__} in {place}: {' '.join(str(error).split())[:160]}"


def kind_of(found: str) -> str:
    """Return the kind that an outcome is counted by."""
    return found.split(": ")[0] if found.startswith(("raw", "another")) else found


def run(numbers: range, seed: int, say: Callable[[str], None] = print) -> collections.Counter[str]:
    """Return how many of the tables of these numbers came to what."""
    counts: collections.Counter[str] = collections.Counter()
    for number in numbers:
        hostile = table(number, seed)
        with tempfile.TemporaryDirectory() as folder:
            found = [by_call(hostile, Path(folder))]
            if np.random.default_rng([seed, number, 1]).random() < COMMANDS:
                found.append(by_command(hostile, Path(folder)))
        for one in found:
            counts[kind_of(one)] += 1
            if one.startswith(("raw", "another")):
                say(f"{number}: {hostile.recipe}: {one}")
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of one table, to see what happens")
    args = parser.parse_args()
    if args.only is not None:
        one = table(args.only, args.seed)
        print(one.recipe, one.roles)
        gan = RecurrentGAN(**ARGUMENTS, **one.roles).fit(one.data)
        drawn = gan.sample(3, length=8, random_state=0)
        print(drawn)
        print(evaluate(one.data, drawn, **one.roles, metrics=METRICS, repeats=1, random_state=0, verbose=False))
    else:
        for kind, count in run(range(args.first, args.first + args.tables), args.seed).most_common():
            print(f"{count:6,}  {kind}")
