"""Columns that say what another says, and columns that count: taken out before learning, put back afterwards.

A column is an *alias* if it equals another column, the entity's key or the time stamp on every row, after a change of
dtype or of how a moment is written, or if it is a one-to-one renaming of another category. It is a *counter* if it is
`offset + step * n` where `n` numbers the steps of a sequence, the sequences in order of appearance, or the rows of the
table. One whose offset is each sequence's own (the row numbers of a table that was cut, the age at each visit) is
learned as this offset, a static number. A *difference* is the time between two dates of its row (see `differences`).
Neither aliases nor counters can be learned as well as they can be restored,
and an identifier among them would be learned by heart.

Chance also makes columns equal where there are few rows, so evidence is asked for. Two unrelated columns agree on a
row with the chance that two rows of one column agree, `c`, the sum of its squared shares. A row says something new only
where the value changes. So `changes * -log2(c)` must reach 40 bits; for a renaming the first row of each level says
nothing and is not counted. Two flags need about 40 changes, two columns of distinct numbers 12 rows. A counter needs 10
rows on which it moves. A missing value equals a missing value. Of what moments compute (see `clocks.parts`) the values
themselves are foretold, which counts as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import permutations
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ..arrays import Ints, first_rows, steps_within
from ..bundle import saved
from ..errors import TsganError
from ..holders import Holders, Sharing, without_levels
from ..tables.dtypes import (
    INT64_MAX,
    Name,
    Token,
    distances,
    dump,
    from_distances,
    load,
    plain,
    temporal,
    whole_numbers,
)
from ..tables.text import read_text
from .clocks.parts import Computed, bits_of, moments_of
from .differences import Difference, dated, forms, lasts, near
from .restoring import Alias, moments_or_none, read_moments, restore

MIN_BITS = 40.0  # of evidence against equality by chance
MIN_MOVES = 10  # rows on which a counter moves
MAX_PAIRS = 200  # of a renaming
HEAD = 16  # rows that are compared first
MAX_COUNTER_BITS = 7  # of where a counter starts and its step, up to which it is simpler than a part of the time


@saved
@dataclass(frozen=True)
class Aliases:
    """All columns of a table that are restored rather than learned."""

    found: tuple[Alias, ...] = ()

    @classmethod
    def fit(
        cls,
        parts: Mapping[Name, pd.Series[Any]],
        keys: pd.Index[Any] | None,
        stamps: pd.Index[Any] | None,
        lengths: Ints,
        *,
        static: Collection[Name] = (),
        order: NDArray[np.integer] | None = None,
        keep: Collection[Name] = (),
        read: Collection[Name] = (),
        sharing: Sharing | None = None,
    ) -> Self:
        """Find them.

        Parameters
        ----------
        parts : mapping of name to Series
            Value columns with one row per step in sequence and time order, static ones with one row per sequence.
        keys, stamps : Index or None
            The key of each sequence, the time stamp of each row.
        lengths : int64 array of shape (sequences,)
        static : collection of names
        order : int array of shape (rows,), optional
            Place of each row in the table as it came; by default they came in this order.
        keep : collection of names
            Columns that are learned in any case, for instance as a constraint changes them.
        read : collection of names
            Columns that constraints read: they are restored where the time alone says what they are.
        sharing : Sharing, optional
            Who holds the rows: levels that too few have are not told.
        """
        table = _Sources(keys, stamps, lengths)
        places = np.arange(table.rows) if order is None else np.asarray(order)
        seen: dict[tuple[bool, bytes], list[Name]] = {}
        found: list[Alias] = []
        for name in sorted(parts, key=lambda one: one not in static):
            series, fixed = parts[name].reset_index(drop=True), name in static
            codes = pd.factorize(series)[0]
            alias = None
            if name not in keep and codes.max(initial=0) > 0:
                alias = table.repeated(name, series, fixed, codes) or _simpler(
                    _counter(name, series, fixed, table, places), table.part(name, series, fixed, codes)
                )
                for other in seen.get((fixed, codes.tobytes()), []):
                    alias = alias or table.same(name, series, fixed, codes, other)
                if name in read and alias is not None and alias.of != "time":
                    alias = None
            if alias is not None:
                found.append(alias)
                continue
            table.columns[name] = series, fixed
            seen.setdefault((fixed, codes.tobytes()), []).append(name)
            if fixed:
                wide = pd.factorize(series.take(table.sequence))[0]
                seen.setdefault((False, wide.tobytes()), []).append(name)
        held = {*keep, *read}
        numbers = [name for name, (one, _) in table.columns.items() if name not in held and lasts(one)]
        between = [one for name in numbers if (one := table.difference(name)) is not None]
        computed = table.parts({*held, *(one.name for one in between)})
        sharing = Sharing(lengths, 0) if sharing is None else sharing
        found = [_told(one, parts[one.name], sharing.sequences if one.static else sharing.rows) for one in found]
        return cls((*computed, *between, *found))  # dates come before what lies between them, and copies last

    @property
    def names(self) -> tuple[Name, ...]:
        """The columns that are taken out."""
        return tuple(alias.name for alias in self.found)

    def __getitem__(self, name: Name) -> Alias:
        return next(alias for alias in self.found if alias.name == name)

    @property
    def starts(self) -> frozenset[Name]:
        """The counters of which the start of each sequence is learned, a static number."""
        return frozenset(alias.name for alias in self.found if alias.of == "start")

    def forward(self, parts: Mapping[Name, pd.Series[Any]], lengths: Ints) -> dict[Name, pd.Series[Any]]:
        """Return the columns that are learned; of `starts` one value per sequence."""
        found = {name: series for name, series in parts.items() if name not in self.names}
        for alias in (one for one in self.found if one.of == "start"):
            found[alias.name] = _starts(parts[alias.name].reset_index(drop=True), alias.step, lengths)
        return {name: found[name] for name in parts if name in found}

    def fill_sources(self, values: pd.DataFrame, stamps: pd.Index[Any] | None = None) -> pd.DataFrame:
        """Return a table with what is missing in a column, but known by one that repeats, renames or measures it."""
        values = values.copy()
        for alias in self.found:
            later = None if alias.between is None else alias.between.later
            if alias.between is not None and later is not None:
                name, own = alias.between.earlier, values[alias.name]
                earlier = pd.Series(
                    read_moments(pd.Series(stamps) if name is None else values[name]), index=values.index
                )
                known = values[later].isna() & own.notna() & earlier.notna()
                if known.any():
                    made = alias.between.added(earlier[known], own[known]).astype(values[later].dtype)
                    values[later] = values[later].where(~known, made)
            if not alias.two_ways:
                continue
            source, own = values[alias.source], values[alias.name]
            gaps = (source.isna() & own.notna()).to_numpy(dtype=bool)
            if gaps.any():
                known = own[gaps]
                if alias.pairs is not None:
                    known = known.astype(object).map({b: a for a, b in alias.pairs})
                values[alias.source] = source.mask(gaps, known.astype(source.dtype))
        return values

    def timed(self, stamps: pd.Index[Any], lengths: Ints) -> dict[Name, pd.Series[Any]]:
        """Return the columns that the stamps alone restore, one value per row."""
        table = _Sources(None, stamps, lengths)
        return {one.name: restore(one, table.times) for one in self.found if one.of == "time" and not one.static}

    def inverse(
        self,
        decoded: Mapping[Name, Any],
        keys: pd.Index[Any] | None,
        stamps: pd.Index[Any] | None,
        lengths: Ints,
        *,
        rows_before: int = 0,
        sequences_before: int = 0,
    ) -> dict[Name, Any]:
        """Return decoded columns, shaped as in `fit`, with the restored ones.

        `rows_before` and `sequences_before` count what was given back before, where a table is made in parts.
        """
        table = _Sources(keys, stamps, lengths)
        table.columns = {
            name: (pd.Series(array, dtype=array.dtype).reset_index(drop=True), len(array) == len(lengths) < table.rows)
            for name, array in decoded.items()
        }
        made = dict(decoded)
        for alias in self.found:
            if alias.between is not None:
                series = table.measured(alias, load(alias.dtype))
                made[alias.name], table.columns[alias.name] = series.array, (series, alias.static)
                continue
            if alias.of in ("entity", "time", "column"):
                series = restore(alias, table.of(alias))
                table.columns[alias.name] = series, alias.static
                made[alias.name] = series.array
                continue
            if alias.of == "start":
                first = pd.Series(decoded[alias.name])
                counted = alias.step * table.count("step", False)
                if types.is_integer_dtype(first.dtype):
                    numbers = whole_numbers(first)[table.sequence]
                    numbers = from_distances(counted, 0, numbers.dtype.kind == "u") + numbers
                else:
                    numbers = np.rint(first.to_numpy(dtype=np.float64)[table.sequence] + counted).astype(np.int64)
            else:
                before = {"row": rows_before, "sequence": sequences_before}.get(alias.of, 0)
                counted = alias.step * (table.count(alias.of, alias.static) + before)
                numbers = from_distances(counted, alias.offset, alias.offset > INT64_MAX)
            made[alias.name] = pd.Series(numbers).astype(load(alias.dtype)).array
        return made


class _Sources:
    """What a column may repeat: the key of each sequence, the stamp of each row, other columns."""

    def __init__(self, keys: pd.Index[Any] | None, stamps: pd.Index[Any] | None, lengths: Ints) -> None:
        self.keys, self.stamps, self.lengths = keys, stamps, lengths
        self.rows = int(lengths.sum())
        self.sequence = np.repeat(np.arange(len(lengths)), lengths)
        self.columns: dict[Name, tuple[pd.Series[Any], bool]] = {}
        self._read: dict[tuple[Name | None, bool], pd.Series[Any]] = {}  # moments are read once, and asked for by pairs
        self.computed: dict[tuple[Name | None, bool], Computed | None] = {}

    def of(self, alias: Alias) -> pd.Series[Any]:
        """Return the values that `alias` repeats, one per sequence or per row as it is."""
        if alias.of == "time":
            return self.times.take(first_rows(self.lengths)).reset_index(drop=True) if alias.static else self.times
        series, fixed = (pd.Series(self.keys), True) if alias.source is None else self.columns[alias.source]
        return series.take(self.sequence).reset_index(drop=True) if fixed and not alias.static else series

    def moments(self, name: Name | None, static: bool) -> pd.Series[Any]:
        """Return dates, one per sequence or per row; those of the clock without a name."""
        if (name, static) not in self._read:
            series, fixed = (pd.Series(self.stamps), False) if name is None else self.columns[name]
            series = series.take(self.sequence).reset_index(drop=True) if fixed and not static else series
            self._read[name, static] = pd.Series(read_moments(series))
        return self._read[name, static]

    def measured(self, alias: Alias, dtype: Any) -> pd.Series[Any]:
        """Return the difference of dates that an alias is."""
        assert alias.between is not None
        earlier, later = (self.moments(name, alias.static) for name in (alias.between.earlier, alias.between.later))
        return alias.between.compute(earlier, later, dtype)

    @cached_property
    def dates(self) -> list[tuple[Name, bool]]:
        """The columns of dates, and whether they are static, of all that are there when it is first asked for."""
        return [(name, static) for name, (own, static) in self.columns.items() if dated(own)]

    def difference(self, name: Name) -> Alias | None:
        """Return the difference of two dates that a column is, if it is one."""
        series, fixed = self.columns[name]
        dates: list[Name | None] = [one for one, static in self.dates if static >= fixed]
        dates += [None] if self.stamps is not None and not fixed and _clocked(self.stamps) else []
        if len(dates) < 2 or self.evidence(pd.factorize(series)[0], fixed) < MIN_BITS:
            return None
        span = types.is_timedelta64_dtype(temporal(series.iloc[:0]).dtype)
        for earlier, later in permutations(dates, 2):
            try:
                ends = self.moments(earlier, fixed), self.moments(later, fixed)
                for form in [()] if span else forms(series, *ends):
                    between = Difference(earlier, later, *form)
                    one = Alias(name, fixed, dump(series.dtype), "difference", between=between)
                    if near(between.compute(*ends, series.dtype), series):
                        return one
            except (TypeError, ValueError, OverflowError, TsganError):
                continue
        return None

    @cached_property
    def times(self) -> pd.Series[Any]:
        """The stamp of each row."""
        return pd.Series(self.stamps).reset_index(drop=True)

    def part(
        self, name: Name, series: pd.Series[Any], fixed: bool, codes: NDArray[np.intp], source: Name | None = None
    ) -> Alias | None:
        """Return the alias of what the stamps, or the moments of another column, compute, if the column is such."""
        alias = Alias(name, fixed, _token(series.dtype, name), "time" if source is None else "column", source)
        if (source is None and self.stamps is None) or (series.dtype != object and alias.dtype == "object"):
            return None
        key = source, fixed
        if key not in self.computed:
            moments = moments_or_none(self.of(alias))
            self.computed[key] = None if moments is None else Computed(moments)
        computed = self.computed[key]
        if computed is None or not np.array_equal(series.isna().to_numpy(dtype=bool), computed.gone):
            return None
        levels, moves = pd.Series(series.dropna().unique()), max(int((codes[1:] != codes[:-1]).sum()), 1)
        where = moves * float(np.log2(max(len(codes) / moves, 1.0)))  # bits that say on which rows it changes
        for part in computed.tries(series):
            bits = self.evidence(codes, fixed, renamed=part.kind == "lookup") + bits_of(levels, part)
            bits += 0.0 if part.kind == "lookup" else where
            if bits >= MIN_BITS and _same(series, partial(part.compute, computed.moments, series.dtype)):
                return replace(alias, part=part)
        return None

    def parts(self, keep: Collection[Name]) -> list[Alias]:
        """Return the aliases of columns that moments of other columns compute."""
        found: list[Alias] = []
        sources = [name for name, (series, _) in self.columns.items() if moments_of(series.head(2)) is not None]
        for name in [name for name in self.columns if name not in keep and sources]:
            series, fixed = self.columns[name]
            codes = pd.factorize(series)[0]
            for source in sources:
                if source == name or (fixed and not self.columns[source][1]) or codes.max(initial=0) < 1:
                    continue
                alias = self.part(name, series, fixed, codes, source)
                if alias is not None:
                    found.append(alias)
                    sources = [other for other in sources if other != name]
                    break
        return [one for one in found if one.source in sources]

    def count(self, of: str, static: bool) -> Ints:
        """Return the number of each row's step, sequence or row, or of each sequence."""
        if of == "sequence":
            return np.arange(len(self.lengths)) if static else self.sequence
        return np.arange(self.rows) if of == "row" else steps_within(self.lengths)

    def repeated(self, name: Name, series: pd.Series[Any], fixed: bool, codes: NDArray[np.intp]) -> Alias | None:
        """Return the alias of the key or the stamp, if the column is one."""
        tries: list[Alias] = []
        if self.keys is not None:
            tries.append(Alias(name, fixed, _token(series.dtype, name), "entity"))
        if self.stamps is not None and not fixed:
            tries += _ways(Alias(name, fixed, _token(series.dtype, name), "time"), series)
        enough = tries and self.evidence(codes, fixed) >= MIN_BITS
        return next((one for one in tries if enough and _equal(one, self.of(one), series)), None)

    def same(
        self, name: Name, series: pd.Series[Any], fixed: bool, codes: NDArray[np.intp], other: Name
    ) -> Alias | None:
        """Return the alias of a column that has its equal values on the same rows as this one, if it is one."""
        copy = Alias(name, fixed, _token(series.dtype, name), "column", other)
        source = self.of(copy)
        if not _unlike(source, series) and self.evidence(codes, fixed) >= MIN_BITS:
            for one in _ways(copy, series):
                if _equal(one, source, series):
                    return one
        if not (_nominal(series) and _nominal(source)) or self.evidence(codes, fixed, renamed=True) < MIN_BITS:
            return None
        known = np.flatnonzero(codes >= 0)
        at = known[np.unique(codes[known], return_index=True)[1]]
        pairs = [[plain(a), plain(b)] for a, b in zip(source.iloc[at], series.iloc[at], strict=True)]
        renaming = replace(copy, pairs=pairs)
        return renaming if len(pairs) <= MAX_PAIRS and _equal(renaming, source, series) else None

    def evidence(self, codes: NDArray[np.intp], fixed: bool, *, renamed: bool = False) -> float:
        """Return how many bits speak against equality by chance."""
        changed = np.ones(len(codes), dtype=bool)
        changed[1:] = codes[1:] != codes[:-1]
        if not fixed:
            changed[first_rows(self.lengths)[self.lengths > 0]] = True
        share = np.unique(codes, return_counts=True)[1] / len(codes)
        rows = int(changed.sum()) - (len(share) if renamed else 0)
        return float(-np.log2((share**2).sum()) * rows)


def _told(alias: Alias, series: pd.Series[Any], holders: Holders) -> Alias:
    """Return an alias without the levels that too few have."""
    dtype = series.dtype
    if alias.pairs is None and not (isinstance(dtype, pd.CategoricalDtype) and alias.of in ("entity", "column")):
        return alias
    codes, levels = pd.factorize(series)
    hidden = pd.Index(levels)[holders.count(codes, len(levels)) < holders.least]
    if alias.pairs is not None:
        names = {plain(level) for level in hidden}
        alias = replace(alias, pairs=[pair for pair in alias.pairs if pair[1] not in names])
    return replace(alias, dtype=_token(without_levels(dtype, hidden), alias.name))


def _unlike(source: pd.Series[Any], series: pd.Series[Any]) -> bool:
    """Return whether two columns of plain numbers differ in one of their first rows, which is quickly seen."""
    if not all(isinstance(one.dtype, np.dtype) and one.dtype.kind in "iuf" for one in (source, series)):
        return False
    return not np.array_equal(source.to_numpy()[:HEAD], series.to_numpy()[:HEAD], equal_nan=True)


def _equal(alias: Alias, source: pd.Series[Any], series: pd.Series[Any]) -> bool:
    """Return whether restoring gives back the column."""
    return _same(series, partial(restore, alias, source))


def _same(series: pd.Series[Any], restored: Callable[[], pd.Series[Any]]) -> bool:
    try:
        made = restored()
    except (TypeError, ValueError, OverflowError, NotImplementedError, TsganError):
        return False
    if isinstance(series.dtype, pd.CategoricalDtype):
        made, series = made.astype(object), series.astype(object)
    gone = series.isna().to_numpy(dtype=bool)
    if not np.array_equal(made.isna().to_numpy(dtype=bool), gone):
        return False
    return bool((made[~gone] == series[~gone]).to_numpy(dtype=bool).all())


def _clocked(stamps: pd.Index[Any]) -> bool:
    try:
        return len(read_moments(pd.Series(stamps[:1]))) > 0
    except (TypeError, ValueError, TsganError):
        return False


def _counter(
    name: Name, series: pd.Series[Any], fixed: bool, table: _Sources, places: NDArray[np.integer]
) -> Alias | None:
    """Return the counter that a column of whole numbers is, if it is one."""
    if not types.is_numeric_dtype(series.dtype) or types.is_bool_dtype(series.dtype) or bool(series.isna().any()):
        return None
    if types.is_complex_dtype(series.dtype):
        return None
    if types.is_integer_dtype(series.dtype):
        x = whole_numbers(series)
        x, zero_of = distances(x, int(x[0])), int(x[0])
    else:
        floats = series.to_numpy(dtype=np.float64)
        if np.abs(floats).max() > 2**53 or (floats != np.rint(floats)).any():
            return None
        x, zero_of = floats.astype(np.int64), 0
    tries: list[tuple[Any, NDArray[np.integer]]] = [("sequence", table.count("sequence", fixed))]
    if not fixed:
        tries = [("step", table.count("step", False)), *tries, ("row", np.arange(table.rows)), ("row", places)]
    token = _token(series.dtype, name)
    for of, numbers in tries:
        moved = np.flatnonzero(numbers)
        if len(np.unique(numbers)) < (2 if of == "step" else MIN_MOVES) or len(moved) < MIN_MOVES:
            continue
        zero = x[np.flatnonzero(numbers == 0)[0]]
        step, rest = divmod(int(x[moved[0]] - zero), int(numbers[moved[0]]))
        if step != 0 and not rest and np.array_equal(step * numbers, x - zero):
            return Alias(name, fixed, token, of, offset=zero_of + int(zero), step=step)
    inner = np.flatnonzero(table.sequence[1:] == table.sequence[:-1])
    if fixed or len(inner) < MIN_MOVES or len(table.lengths) < 2:
        return None
    steps = np.diff(x)[inner]
    if steps[0] != 0 and (steps == steps[0]).all():
        return Alias(name, fixed, token, "start", step=int(steps[0]))
    return None


def _simpler(counter: Alias | None, computed: Alias | None) -> Alias | None:
    """Return the one that takes less to say: a counter by small numbers rather than a part that has another name."""
    if counter is None or computed is None or computed.part is None:
        return counter or computed
    sizes = sum(max(abs(number), 1).bit_length() for number in (counter.offset, counter.step))
    natural = counter.of != "start" and sizes <= MAX_COUNTER_BITS
    named = str(computed.part.name) == str(computed.name).lower()
    beaten = computed.part.plus != 0 and counter.of != "start"
    return counter if (natural and not named) or beaten else computed


def _starts(series: pd.Series[Any], step: int, lengths: Ints) -> pd.Series[Any]:
    """Return where each sequence's counter starts, told by its first row that is known."""
    if not series.hasnans:
        return series.take(first_rows(lengths)).reset_index(drop=True)
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    return (series - step * steps_within(lengths)).groupby(sequence).first().reset_index(drop=True)


def _token(dtype: Any, name: Name) -> Token:
    """Return the dtype; of a category whose levels JSON cannot hold, that of objects, which no source equals."""
    try:
        return dump(dtype, name)
    except TsganError:
        return "object"


def _nominal(series: pd.Series[Any]) -> bool:
    """Return whether a column names things: text, categories, truth values, whole numbers."""
    dtype = series.dtype
    named = isinstance(dtype, pd.CategoricalDtype) or types.is_string_dtype(dtype) or types.is_bool_dtype(dtype)
    return named or types.is_integer_dtype(dtype)


def _ways(alias: Alias, series: pd.Series[Any]) -> list[Alias]:
    """Return a repetition as it is, and, for a column of text that writes moments, one that writes them so."""
    if not types.is_string_dtype(series.dtype) or isinstance(series.dtype, pd.CategoricalDtype) or series.hasnans:
        return [alias]
    try:
        found = read_text(pd.Index(series), None)
    except (TsganError, ValueError, TypeError):
        return [alias]
    if found is None:
        return [alias]
    moments, text = found[:2]
    return [alias, replace(alias, text=text, zone=None if moments.tz is None else str(moments.tz))]
