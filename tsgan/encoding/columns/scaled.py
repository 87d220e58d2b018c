"""What columns of numbers share: a scaler, an observed range, bounds, and what their values do."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError
from ...layout import Number
from ...tables.dtypes import Name, Token, blank, marker
from ..lattice import Lattice
from ..scalers import SCALERS
from ..scalers.auto import choose_scaler
from ..scalers.base import AffineScaler, Doubles, Scaler, State
from ..schema import Role
from .base import Bounds, Column, Request
from .habits import Habits

MOST_POINTS = 16_384  # of a grid that is listed


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

    def __init__(
        self,
        name: Name,
        role: Role,
        dtype: Token,
        grain: dict[str, Any],
        observed: tuple[float, float],
        bounds: Bounds,
        scaler: Scaler,
        unit: tuple[float, float],
        reason: str,
        lattice: Lattice | None,
        habits: Habits,
        missing: bool,
        marker: str,
    ) -> None:
        self.name, self.role, self.dtype, self.grain = name, role, dtype, grain
        self.observed, self.bounds, self.scaler, self.unit, self.reason = observed, bounds, scaler, unit, reason
        self.lattice, self.habits, self.missing, self.marker = lattice, habits, missing, marker

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
        ends = [-np.inf if low is None or (self._positive and low <= 0) else low, np.inf if high is None else high]
        return tuple(float(self.scaled(np.array([end]))[0]) if np.isfinite(end) else end for end in ends)  # type: ignore

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

    def state(self) -> State:
        """Return the learned values, and the scaler's arrays."""
        learned, arrays = self.scaler.state()
        data = {
            "name": self.name,
            "role": self.role,
            "dtype": self.dtype,
            "grain": self.grain,
            "observed": list(self.observed),
            "bounds": list(self.bounds),
            "scaler": {"name": self.scaler.name, **learned},
            "unit": list(self.unit),
            "reason": self.reason,
            "lattice": None if self.lattice is None else self.lattice.to_dict(),
            "habits": self.habits.to_dict(),
            "missing": self.missing,
            "marker": self.marker,
        }
        return data, arrays

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild from `state`."""
        made: dict[str, Any] = dict(data)
        made.pop("kind", None)
        made["scaler"] = SCALERS[data["scaler"]["name"]].from_state(data["scaler"], arrays)
        made["lattice"] = None if data["lattice"] is None else Lattice.from_dict(data["lattice"])
        made["habits"] = Habits.from_dict(data["habits"])
        return cls(**made | {key: tuple(data[key]) for key in ("observed", "bounds", "unit")})
