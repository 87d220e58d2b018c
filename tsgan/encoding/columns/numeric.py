"""Columns of numbers: a scaler, an observed range, bounds, and what their values do.

Decoded values have the decimals, the dtype and the range of the real ones.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ...arrays import Doubles
from ...bundle import saved
from ...errors import InputError
from ...layout import Number
from ...tables.dtypes import Name, Token, blank, dump, label, load, marker
from ..schema import ColumnSchema, Kind, Role
from .base import Bounds, Column, Request
from .choose import SCALERS, choose_scaler
from .habits import Habits
from .lattice import Lattice, decimal_points, find_atoms, tell
from .scalers import AffineScaler, Scaler

MOST_POINTS = 16_384  # of a grid that is listed


@dataclass(eq=False)
class ScaledColumn(Column):
    """A column that is a number to the scaler; members say how it becomes one and comes back.

    Attributes
    ----------
    grain : dict
        What is needed to make numbers of values and to round them again, JSON-ready.
    observed : tuple of float
        The smallest and the largest number.
    unit : tuple of float
        Mean and standard deviation of what the scaler gives, which are taken out.
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

    @classmethod
    def fit(cls, series: pd.Series[Any], request: Request) -> Self:
        """Choose and learn the scaler, the grain (what decoded values are rounded to), the range and the habits.

        Missing values are left out; a step counts where both its ends are observed.
        """
        seen = series.notna().to_numpy()
        written, series = marker(series), series[seen]
        grain = cls.learn_grain(series)
        every = np.full(len(seen), np.nan)
        every[seen] = x = cls.to_numbers(series, grain)
        observed = float(x.min()), float(x.max())
        lattice, told = cls.learn_lattice(x, grain)
        habits = Habits.learn(every, request.follows, grain.get("decimals", 0))
        name, reason = request.scaler, "asked for"
        if name == "auto":
            name, reason = choose_scaler(x, (request.follows & seen & np.append(False, seen[:-1]))[seen])
            if habits.straight and not issubclass(SCALERS[name], AffineScaler):
                name, reason = "standard", "goes straight on from step to step"
        scaler = SCALERS[name].fit(x)
        if not isinstance(scaler, AffineScaler):
            habits = replace(habits, straight=0.0)
        reason = reason if reason in told else "; ".join([told] * bool(told) + [reason])
        if " % at " in told and " % at " in reason.removeprefix(told):
            reason = told
        bounds = observed if request.bounds == "observed" else request.bounds or (None, None)
        assert not isinstance(bounds, str)
        z = scaler.forward(x)
        unit = (0.0, 1.0) if name == "standard" else (float(z.mean()), float(z.std()) or 1.0)
        head = request.name, request.role, cls.token(series), grain, observed, bounds, scaler, unit
        return cls(*head, reason, lattice, habits, not seen.all(), written)

    @classmethod
    @abstractmethod
    def token(cls, series: pd.Series[Any]) -> Token:
        """Return the dtype that comes back."""

    @classmethod
    @abstractmethod
    def learn_grain(cls, series: pd.Series[Any]) -> dict[str, Any]:
        """Return what is needed to make numbers of values and to round them again, JSON-ready."""

    @classmethod
    def learn_lattice(cls, x: Doubles, grain: Mapping[str, Any]) -> tuple[Lattice | None, str]:
        """Return which values there are, None if the grain says it all, and what stands out in a few words."""
        return None, ""

    @classmethod
    @abstractmethod
    def to_numbers(cls, series: pd.Series[Any], grain: Mapping[str, Any]) -> Doubles:
        """Return the values as float64."""

    @abstractmethod
    def to_values(self, x: Doubles) -> Any:
        """Return float64 numbers, not yet rounded or clipped, as values of the dtype."""

    @abstractmethod
    def points(self, low: float, high: float) -> Doubles:
        """Return all numbers from `low` to `high` that there are, increasing; none where they are too many to list."""

    def clip(self, x: Doubles) -> Doubles:
        """Return `x` within the bounds."""
        low, high = self.bounds
        return x if low is None and high is None else np.clip(x, low, high)

    def scaled(self, x: Doubles) -> Doubles:
        """Return numbers as they are in the cell, of about unit variance."""
        return np.asarray((self.scaler.forward(x) - self.unit[0]) / self.unit[1])

    def unscaled(self, z: Doubles) -> Doubles:
        """Return the numbers that the cell stands for."""
        return self.scaler.inverse(z * self.unit[1] + self.unit[0])

    def cell(self) -> Number:
        """Return the cell: where its values end, and what they do."""
        low, high = self._limits()
        scale = self.scaler.scale * self.unit[1] if isinstance(self.scaler, AffineScaler) else 1.0
        return Number(
            str(self.name),
            low,
            high,
            tuple(self.scaled(np.array(self.habits.atoms)).tolist()),
            self._grid(),
            self.habits.stays,
            self.habits.straight / scale,
            self.missing,
            tuple(self.scaled(np.array(self.habits.starts)).tolist()),
        )

    @property
    def _positive(self) -> bool:
        """Whether the scaler may have no image of numbers that are not positive."""
        return self.observed[0] > 0 and not isinstance(self.scaler, AffineScaler)

    def _limits(self) -> tuple[float, float]:
        low, high = self.bounds
        low = None if self._positive and low is not None and low <= 0 else low
        return (
            -np.inf if low is None else float(self.scaled(np.array([low]))[0]),
            np.inf if high is None else float(self.scaled(np.array([high]))[0]),
        )

    def _grid(self) -> Doubles:
        """Return the scaled numbers that exist, where they can be listed: beyond an open bound, up to a range more."""
        (low, high), (least, most) = self.observed, self.bounds
        wide = (
            min(low, 2 * low - high if least is None else least),
            max(high, 2 * high - low if most is None else most),
        )
        for ends in dict.fromkeys([wide, self.observed]):
            points = self.points(*ends)
            if len(points):
                return np.unique(self.scaled(points[points > 0] if self._positive else points))
        return np.empty(0)

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
        except (TypeError, ValueError) as error:
            raise InputError(f"column {self.name!r} ({self.kind}, {series.dtype} given): {error}") from error
        return values

    def decode(self, values: Doubles, rng: np.random.Generator | None = None) -> Any:
        """Return scaled numbers `(rows,)` as values."""
        gone = np.isnan(values)
        x = np.full(len(values), self.observed[0])
        x[~gone] = self.unscaled(values[~gone])
        return blank(self.to_values(x), gone, self.marker)

    def ends(self, x: Doubles) -> tuple[Doubles, Doubles]:
        """Return the ends, in numbers, of what is rounded to the same values as `x`."""
        return x, x

    def spread(self, z: Doubles, share: Doubles) -> Doubles:
        """Return the scaled numbers `share` of the way (0 to 1) through all that decodes to the same values as `z`.

        With `share` uniform this fills the gaps that atoms, lattices and decimals leave in the scaled numbers, without
        changing a single decoded value.
        """
        mean, size = self.unit
        inner = z * size + mean
        return np.asarray((self.scaler.spread(inner, self.ends(self.scaler.inverse(inner)), share) - mean) / size)


DIGITS = {4: 6, 2: 3}


def count_decimals(x: Doubles, digits: int = 12) -> int | None:
    """Return the smallest number of decimals that all of `x` have, None if they take more than `digits` digits."""
    largest = float(np.abs(x).max())
    whole = math.floor(math.log10(largest)) + 1 if largest > 0 else 1
    eps = 4 * np.finfo(np.float64).eps * np.abs(x)
    few = slice(0, 256)
    for decimals in range(max(0, min(digits - whole, 18)) + 1):
        if (np.abs(np.round(x[few], decimals) - x[few]) <= eps[few]).all() and (
            np.abs(np.round(x, decimals) - x) <= eps
        ).all():
            return decimals
    return None


@saved
class FloatColumn(ScaledColumn):
    """A column of real numbers."""

    kind: ClassVar[Kind] = "float"

    @classmethod
    def token(cls, series: pd.Series[Any]) -> Token:
        """Return the column's own dtype."""
        return dump(series.dtype)

    @classmethod
    def learn_grain(cls, series: pd.Series[Any]) -> dict[str, Any]:
        """Count the decimals; single precision carries about six digits."""
        x = cls.to_numbers(series, {})
        size = int(getattr(series.dtype, "itemsize", 8)) if series.dtype != object else 8
        if size < 8:
            # A float32 .1 is not the float64 .1: compare what both look like in single precision.
            short = x.astype(f"f{size}")
            for decimals in range(DIGITS.get(size, 6) + 1):
                if (np.round(x, decimals).astype(short.dtype) == short).all():
                    return {"decimals": decimals}
            return {"decimals": None}
        return {"decimals": count_decimals(x)}

    @classmethod
    def to_numbers(cls, series: pd.Series[Any], grain: Mapping[str, Any]) -> Doubles:
        """Return the values as float64, rounded to the decimals that are known of the column."""
        x = np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
        decimals = grain.get("decimals")
        return x if decimals is None else np.round(x, decimals)

    @classmethod
    def learn_lattice(cls, x: Doubles, grain: Mapping[str, Any]) -> tuple[Lattice | None, str]:
        """Return the lattice of the values, and it and the atoms in a few words."""
        values, counts = np.unique(x, return_counts=True)
        lattice, atoms = Lattice.fit(values, counts, grain["decimals"]), find_atoms(counts)
        told = [tell(values, counts, atoms)] * bool(len(atoms)) + ([lattice.describe()] if lattice else [])
        return lattice, "; ".join(told)

    def to_values(self, x: Doubles) -> Any:
        """Put on the lattice or round, clip and cast."""
        return cast(self.snap(x), load(self.dtype))

    def snap(self, x: Doubles) -> Doubles:
        """Return numbers put on the lattice or rounded, and clipped."""
        lattice = None if self.lattice is None else self.lattice.within(*self.bounds)
        if lattice is not None:
            x = lattice.hold(x, *self.bounds)
        elif self.grain["decimals"] is not None:
            x = np.round(x, self.grain["decimals"])
        return self.clip(x)

    def points(self, low: float, high: float) -> Doubles:
        """Return all numbers from `low` to `high` on the lattice or with the decimals; none where they are too many."""
        decimals = self.grain["decimals"]
        if self.lattice is not None:
            return self.lattice.points(low, high, MOST_POINTS)
        return np.empty(0) if decimals is None else decimal_points(low, high, decimals, MOST_POINTS)

    def ends(self, x: Doubles) -> tuple[Doubles, Doubles]:
        """Return the ends of what is rounded, or put on the lattice, to the same values as `x`."""
        if self.lattice is not None:
            low, high = self.lattice.ends(x)
        elif self.grain["decimals"] is not None:
            half = 0.5 * 10.0 ** -self.grain["decimals"]
            low, high = x - half, x + half
        else:
            return x, x
        # A scaler of positive numbers has no image for the lower half of the cell of the smallest.
        return (np.maximum(low, x / 2) if self.observed[0] > 0 else low), high

    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""
        low, high = self.observed
        return ColumnSchema(
            self.name,
            self.role,
            self.kind,
            label(self.dtype),
            decimals=self.grain["decimals"],
            low=low,
            high=high,
            scaler=self.scaler.name,
            reason=self.reason,
        )


@saved
class IntegerColumn(FloatColumn):
    """A column of whole numbers of an integer dtype."""

    kind = "integer"

    @classmethod
    def learn_grain(cls, series: pd.Series[Any]) -> dict[str, Any]:
        """Return zero decimals."""
        return {"decimals": 0}

    def describe(self) -> ColumnSchema:
        """Return the column's line of the schema."""
        low, high = (int(v) for v in self.observed)
        line = super().describe()
        return ColumnSchema(**{**line.__dict__, "low": low, "high": high})


def cast(x: Doubles, dtype: Any) -> Any:
    """Return `x` as `dtype`; an integer dtype clips at its own limits instead of wrapping around."""
    name = str(getattr(dtype, "numpy_dtype", dtype))
    if name.startswith(("int", "uint")):
        limits = np.iinfo(name)
        high = float(limits.max)
        x = np.clip(x, float(limits.min), np.nextafter(high, 0) if high > limits.max else high).astype(name)
    if isinstance(dtype, np.dtype):
        return x.astype(dtype, copy=False)
    return pd.array(x, dtype=dtype)
