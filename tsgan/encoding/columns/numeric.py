"""Columns of numbers: a scaler, an observed range, bounds, a lattice, and what their values do.

Decoded values have the decimals, the dtype and the range of the real ones.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from pandas.api import types

from ...arrays import Doubles
from ...bundle import saved
from ...constraints.numbers import decimals_of, observed_ends
from ...errors import InputError, SchemaError
from ...holders import Holders
from ...layout import Number
from ...tables.dtypes import (
    INT64_MAX,
    Name,
    Token,
    blank,
    distances,
    dump,
    from_distances,
    load,
    marker,
    whole_numbers,
    without_minus_zero,
)
from ..schema import ColumnSchema, Kind, Role
from .base import Bounds, Column, Request
from .choose import SCALERS, choose_scaler
from .habits import Habits, describe_atoms, few_shared, find_atoms, nearest
from .lattice import Lattice
from .scalers import AffineScaler, Scaler

MAX_POINTS = 16_384  # of a grid that is listed
MAX_DECIMALS = 8  # that may be told of a column in which few values have more
SHORT_DECIMALS = {4: 6, 2: 3}  # that a float of so many bytes can show


@dataclass(eq=False)
class ScaledColumn(Column):
    """A column that is a number to the scaler; members say how it becomes one and comes back.

    Attributes
    ----------
    grain : dict
        What is needed to make numbers of values and values of numbers, JSON-ready.
    observed : tuple of float
        The smallest and the largest number that enough have, see `Holders.ends`.
    unit : tuple of float
        Mean and standard deviation of what the scaler gives, which are taken out.
    lattice : Lattice or None
        The numbers that there are within the bounds; None where any may come.
    withheld : int
        Rows whose value is not told, as too few have one so far out, or the same.
    """

    name: Name
    role: Role
    dtype: Token
    grain: dict[str, Any]
    observed: tuple[float, float]
    bounds: Bounds
    scaler: Scaler
    unit: tuple[float, float]
    reason: str
    lattice: Lattice | None
    habits: Habits
    missing: bool
    marker: str
    withheld: int = 0

    @classmethod
    def fit(cls, series: pd.Series[Any], request: Request) -> Self:
        """Choose and learn the scaler, the lattice, the range and the habits.

        Missing values are left out; a step counts where both its ends are observed.
        """
        seen = series.notna().to_numpy()
        written, series, holders = marker(series), series[seen], request.holders.at(seen)
        grain = cls.learn_grain(series, holders)
        every = np.full(len(seen), np.nan)
        every[seen] = x = cls.to_numbers(series, grain)
        observed = holders.ends(x)
        inside = (x >= observed[0]) & (x <= observed[1])
        lattice, stands_out = cls.learn_lattice(x[inside], grain, holders.at(inside))
        shared = few_shared(x, holders)
        if len(shared):  # the others count as the nearest of these
            lattice = Lattice(grain.get("decimals", 0), values=tuple(shared.tolist()))
        if lattice is not None and holders.least > 1:
            free = lattice if lattice.step or len(shared) else Lattice.of(lattice.decimals)
            observed = observed if free is None else free.inside(*observed)
            lattice = lattice if lattice.step or len(shared) else lattice.reaching(*observed)
        told = np.clip(x if not len(shared) else nearest(shared, x), *observed)
        every[seen] = told
        habits = Habits.fit(every, request.follows, grain.get("decimals", 0), request.holders)
        habits = replace(habits, atoms=tuple(sorted({*habits.atoms, *cls.outcomes(grain)})))
        name, reason = request.scaler, "asked for"
        if name == "auto":
            own = np.flatnonzero(seen)[told == x]
            follows = request.follows[own] & np.append(False, np.diff(own) == 1)
            name, reason = choose_scaler(x[told == x], follows)
            if habits.straight and not issubclass(SCALERS[name], AffineScaler):
                name, reason = "standard", "goes straight on from step to step"
        asked, bounds = request.bounds, observed_ends(x, request.way, observed)
        withheld, x = int((told != x).sum()), told
        scaler = SCALERS[name].learn(x, holders)
        if not isinstance(scaler, AffineScaler):
            habits = replace(habits, straight=0.0)
        if reason in stands_out or (" % at " in stands_out and " % at " in reason):  # the atoms are told once
            reason = stands_out
        elif stands_out:
            reason = f"{stands_out}; {reason}"
        if not isinstance(asked, str):
            bounds = cls.to_bounds(asked or (None, None), grain)
        if lattice is not None and not lattice.step and bounds != observed and request.way:
            bounds = observed  # no value is known beyond those that are listed
        if request.way and bounds != observed and request.bounds == "observed":
            reason += "; goes on above its range" if request.way > 0 else "; goes on below its range"
        lattice = None if lattice is None else lattice.within(*bounds)
        z = scaler.forward(x)
        unit = (0.0, 1.0) if name == "standard" else (float(z.mean()), float(z.std()) or 1.0)
        head = request.name, request.role, dump(series.dtype), grain, observed, bounds, scaler, unit
        return cls(*head, reason, lattice, habits, not seen.all(), written, withheld)

    @classmethod
    @abstractmethod
    def learn_grain(cls, series: pd.Series[Any], holders: Holders) -> dict[str, Any]:
        """Return what is needed to make numbers of values and values of numbers, JSON-ready."""

    @classmethod
    def learn_lattice(cls, x: Doubles, grain: Mapping[str, Any], holders: Holders) -> tuple[Lattice | None, str]:
        """Return which numbers there are, by default the whole ones, and what stands out in a few words."""
        return Lattice.of(0), ""

    @classmethod
    def outcomes(cls, grain: Mapping[str, Any]) -> tuple[float, ...]:
        """Return numbers that are atoms whatever share of the rows they hold, by default none."""
        return ()

    @classmethod
    @abstractmethod
    def to_numbers(cls, series: pd.Series[Any], grain: Mapping[str, Any]) -> Doubles:
        """Return the values as float64."""

    @classmethod
    def to_bounds(cls, asked: Bounds, grain: Mapping[str, Any]) -> Bounds:
        """Return the numbers of bounds that are given as values."""
        low, high = (None if end is None else float(end) for end in asked)
        return low, high

    @abstractmethod
    def to_values(self, x: Doubles, rng: np.random.Generator | None = None) -> Any:
        """Return numbers of the lattice as values of the dtype; `rng` chooses what numbers do not tell."""

    def scaled(self, x: Doubles) -> Doubles:
        """Return numbers as they are in the cell, of about unit variance."""
        return np.asarray((self.scaler.forward(x) - self.unit[0]) / self.unit[1])

    def unscaled(self, z: Doubles) -> Doubles:
        """Return the numbers that the cell stands for."""
        return self.scaler.inverse(z * self.unit[1] + self.unit[0])

    def cell(self) -> Number:
        """Return the cell: where its values end, and what they do."""
        low, high = self.bounds
        low = None if self.positive and low is not None and low <= 0 else low
        scale = self.scaler.scale * self.unit[1] if isinstance(self.scaler, AffineScaler) else 1.0
        return Number(
            str(self.name),
            -np.inf if low is None else float(self.scaled(np.array([low]))[0]),
            np.inf if high is None else float(self.scaled(np.array([high]))[0]),
            tuple(self.scaled(np.array(self.habits.atoms)).tolist()),
            self._grid(),
            self.habits.stays,
            self.habits.straight / scale,
            self.missing,
            tuple(self.scaled(np.array(self.habits.starts)).tolist()),
        )

    @property
    def positive(self) -> bool:
        """Whether the scaler may have no image of numbers that are not positive."""
        return self.observed[0] > 0 and not isinstance(self.scaler, AffineScaler)

    def reach(self, times: float) -> tuple[float, float]:
        """Return where values end: beyond an open bound, so many times their range more."""
        (low, high), (least, most) = self.observed, self.bounds
        more = times * (high - low)
        return min(low, low - more if least is None else least), max(high, high + more if most is None else most)

    def _grid(self) -> Doubles:
        """Return the scaled numbers that exist, where they can be listed: beyond an open bound, up to a range more."""
        for ends in dict.fromkeys([self.reach(1), self.observed]):
            points = np.empty(0) if self.lattice is None else self.lattice.points(*ends, MAX_POINTS)
            if len(points):
                return np.unique(self.scaled(points[points > 0] if self.positive else points))
        return np.empty(0)

    def learned(self, series: pd.Series[Any]) -> Doubles:
        """Return scaled numbers without what is not told: within what was observed, of known values the nearest."""
        values = self.encode(series)
        if not self.withheld:
            return values
        x = self.unscaled(values)
        if self.lattice is not None and not self.lattice.step:
            x = self.lattice.snap(x)
        low, high = (end if end == seen else None for end, seen in zip(self.bounds, self.observed, strict=True))
        return np.where(np.isnan(values), np.nan, self.scaled(np.clip(x, low, high)) if low is not high else values)

    def encode(self, series: pd.Series[Any]) -> Doubles:
        """Return the scaled numbers, `(rows,)`; NaN where the value is missing.

        Raises
        ------
        InputError
            Naming the column, if the values are no numbers or outside what the scaler can map.
        """
        seen = series.notna().to_numpy()
        values = np.full(len(series), np.nan)
        try:
            values[seen] = self.scaled(self.to_numbers(series[seen], self.grain))
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"column {self.name!r} ({self.kind}, {series.dtype} given): {error}") from error
        return values

    def decode(self, values: Doubles, rng: np.random.Generator | None = None) -> Any:
        """Return scaled numbers `(rows,)` as values, on the lattice and within the bounds."""
        gone = np.isnan(values)
        x = np.full(len(values), self.observed[0])
        x[~gone] = self.unscaled(values[~gone])
        low, high = self.bounds
        if self.lattice is not None:
            x = self.lattice.hold(x, low, high)
        elif low is not None or high is not None:
            x = np.clip(x, low, high)
        return blank(self.to_values(x, rng), gone, self.marker)

    def spread(self, z: Doubles, share: Doubles) -> Doubles:
        """Return the scaled numbers `share` of the way (0 to 1) through all that decodes to the same values as `z`.

        With `share` uniform this fills the gaps that atoms, lattices and decimals leave in the scaled numbers, without
        changing a single decoded value.
        """
        mean, size = self.unit
        inner = z * size + mean
        x = self.scaler.inverse(inner)
        low, high = (x, x) if self.lattice is None else self.lattice.ends(x)
        if self.observed[0] > 0:  # a scaler of positive numbers has no image for the lower half of the smallest cell
            low = np.maximum(low, x / 2)
        return np.asarray((self.scaler.spread(inner, (low, high), share) - mean) / size)

    def observed_values(self) -> tuple[Any, Any]:
        """Return the smallest and the largest observed value, as a schema shows them."""
        return self.observed

    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""
        low, high = self.observed_values()
        decimals, reason = self.grain.get("decimals"), self.reason
        if self.withheld:
            reason += f"; {self.withheld} rows of few holders count as the nearest that is told"
        ends = zip((low, high), self.observed, self.bounds, strict=True)
        plainly = self.kind in ("float", "integer") and "first" not in self.grain
        kept = tuple(shown if end == seen else end if plainly else None for shown, seen, end in ends)
        details: dict[str, Any] = {"decimals": decimals, "low": low, "high": high, "kept": kept}
        return self.line(scaler=self.scaler.name, reason=reason, **details)


@saved
class FloatColumn(ScaledColumn):
    """A column of real numbers."""

    kind: ClassVar[Kind] = "float"

    @classmethod
    def learn_grain(cls, series: pd.Series[Any], holders: Holders) -> dict[str, Any]:
        """Count the decimals; single precision carries about six digits."""
        size = 8 if series.dtype == object else int(getattr(series.dtype, "itemsize", 8))
        if size >= 8:
            decimals, x = decimals_of(series), cls.to_numbers(series, {})
            tries = range(MAX_DECIMALS if decimals is None else decimals - 1, -1, -1) if holders.least > 1 else ()
            for fewer in tries:  # as many as enough holders show
                finer = np.abs(np.round(x, fewer) - x) > 0.05 * 10.0 ** -(fewer + 1)
                if len(np.unique(holders.of[finer])) >= holders.least:
                    break
                decimals = fewer
            return {"decimals": decimals}
        # A float32 .1 is not the float64 .1: compare what both look like in single precision.
        x = cls.to_numbers(series, {})
        short = x.astype(f"f{size}")
        tries = range(SHORT_DECIMALS.get(size, 6) + 1)
        return {"decimals": next((d for d in tries if (np.round(x, d).astype(short.dtype) == short).all()), None)}

    @classmethod
    def to_numbers(cls, series: pd.Series[Any], grain: Mapping[str, Any]) -> Doubles:
        """Return the values as float64, rounded to the decimals that are known of the column."""
        x = np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
        decimals = grain.get("decimals")
        return x if decimals is None else np.round(x, decimals)

    @classmethod
    def learn_lattice(cls, x: Doubles, grain: Mapping[str, Any], holders: Holders) -> tuple[Lattice | None, str]:
        """Return the lattice of the values, and it and the atoms in a few words."""
        values, counts = np.unique(x, return_counts=True)
        shared = holders.share(values, x)
        lattice, atoms = Lattice.fit(values, counts, grain["decimals"], shared), find_atoms(counts)
        atoms = atoms[shared[atoms]]
        texts = describe_atoms(values, counts, atoms), "" if lattice is None else lattice.describe()
        return lattice, "; ".join(text for text in texts if text)

    @property
    def counting(self) -> tuple[int, int]:
        """From which value the numbers count, and in which steps: `value = first + step * number`."""
        return self.grain.get("first", 0), self.grain.get("step", 1) << self.grain.get("drawn", 0)

    def to_values(self, x: Doubles, rng: np.random.Generator | None = None) -> Any:
        """Return numbers as the dtype; an integer dtype clips at its own limits instead of wrapping around."""
        dtype = load(self.dtype)
        name = str(getattr(dtype, "numpy_dtype", dtype))
        if name.startswith(("int", "uint")):
            limits = np.iinfo(name)
            high = float(limits.max)
            x = np.clip(x, float(limits.min), np.nextafter(high, 0) if high > limits.max else high).astype(name)
        else:
            x = without_minus_zero(x)
        return x.astype(dtype, copy=False) if isinstance(dtype, np.dtype) else pd.array(x, dtype=dtype)


EXACT_BITS = 50  # of a number that scaling there and back as float64 leaves as it is


@saved
class IntegerColumn(FloatColumn):
    """A column of whole numbers of an integer dtype.

    Those beyond 2**50 (ids, nanoseconds since 1970) are counted from the middle of their range, in the largest step
    that all distances are multiples of, before anything becomes float64. The range may still be wider than 2**50 steps:
    then the last bits say nothing that can be learned, and are drawn.
    """

    kind = "integer"

    @classmethod
    def learn_grain(cls, series: pd.Series[Any], holders: Holders) -> dict[str, Any]:
        """Return zero decimals and, of large numbers, from where and in which steps they are counted."""
        try:
            numbers = whole_numbers(series)
        except OverflowError as error:
            raise SchemaError(
                f"column {series.name!r} holds whole numbers of which {error}; if they name things, convert them by "
                ".astype(str), otherwise by .astype('float64')"
            ) from None
        low, high = int(numbers.min()), int(numbers.max())
        if max(-low, high) <= 2**EXACT_BITS:
            return {"decimals": 0}
        step = max(1, int(np.gcd.reduce(numbers.astype(np.uint64) - np.uint64(low % 2**64))))
        if holders.least > 1:
            ends = holders.ends(distances(numbers, low) / step)
            low, high = low + int(np.ceil(ends[0])) * step, low + int(np.floor(ends[1])) * step
        count = (high - low) // step
        drawn = max(0, count.bit_length() - EXACT_BITS)
        return {"decimals": 0, "ends": [low, high], "first": low + -(-count // 2) * step, "step": step, "drawn": drawn}

    @classmethod
    def learn_lattice(cls, x: Doubles, grain: Mapping[str, Any], holders: Holders) -> tuple[Lattice | None, str]:
        """Return the lattice of the values, and it, the atoms and where large numbers are counted from, in words."""
        lattice, words = super().learn_lattice(x, grain, holders)
        if "first" not in grain:
            return lattice, words
        steps = f" in steps of {grain['step']}" if grain["step"] > 1 else ""
        drawn = f", the last {grain['drawn']} bits drawn" if grain["drawn"] else ""
        return lattice, "; ".join([f"counted from {grain['first']}{steps}{drawn}", *([words] if words else [])])

    @classmethod
    def to_numbers(cls, series: pd.Series[Any], grain: Mapping[str, Any]) -> Doubles:
        """Return the values, or how many steps they lie from the middle, as float64."""
        if "first" not in grain:
            return super().to_numbers(series, grain)
        steps, rest = np.divmod(distances(whole_numbers(series), grain["first"]), grain["step"])
        if grain["drawn"]:
            return np.asarray((steps >> grain["drawn"]).astype(np.float64))
        return np.asarray(steps + rest / grain["step"])  # a rest: of rows that are not of the fitted table

    @classmethod
    def to_bounds(cls, asked: Bounds, grain: Mapping[str, Any]) -> Bounds:
        """Return bounds in steps from the middle."""
        if "first" not in grain:
            return super().to_bounds(asked, grain)
        size = grain["step"] << grain["drawn"]
        low, high = (None if end is None else (int(end) - grain["first"]) / size for end in asked)
        if grain["drawn"]:  # so that what is drawn below a step stays within them
            return None if low is None else float(np.ceil(low)), None if high is None else float(np.floor(high)) - 1
        return low, high

    def to_values(self, x: Doubles, rng: np.random.Generator | None = None) -> Any:
        """Return numbers as the dtype, large ones by their steps from the middle."""
        if "first" not in self.grain:
            made = super().to_values(x, rng)
            return made.astype(np.int64).astype(object) if types.is_object_dtype(made.dtype) else made
        first, step, drawn = (self.grain[name] for name in ("first", "step", "drawn"))
        dtype = load(self.dtype)
        unsigned = "uint" in str(dtype).lower() or (types.is_object_dtype(dtype) and self.grain["ends"][1] > INT64_MAX)
        limits = np.iinfo(np.uint64 if unsigned else np.int64)
        low, high = self.grain["ends"] if self.bounds == self.observed else (limits.min, limits.max)
        least, most = max(-((first - low) // step), -(2**63)), min((high - first) // step, INT64_MAX)
        ends = max(float(least >> drawn), -(2.0**62)), min(float(most >> drawn), 2.0**62)
        counted = np.rint(np.clip(x, ends[0], ends[1])).astype(np.int64)
        if drawn:
            rng = np.random.default_rng(0) if rng is None else rng
            counted = (counted << drawn) + rng.integers(0, 2**drawn, len(counted))
        values = from_distances(counted.clip(least, most) * step, first, unsigned)
        return values.astype(dtype) if isinstance(dtype, np.dtype) else pd.array(values, dtype=dtype)

    def observed_values(self) -> tuple[Any, Any]:
        """Return the smallest and the largest observed value as whole numbers."""
        low, high = self.grain.get("ends", self.observed)
        return int(low), int(high)
