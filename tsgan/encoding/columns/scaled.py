"""What columns of numbers share: a scaler, an observed range, bounds."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError
from ..dtypes import Name, Token
from ..lattice import Lattice
from ..scalers import SCALERS
from ..scalers.auto import choose_scaler
from ..scalers.base import Doubles, Scaler, State
from ..schema import Role
from .base import Bounds, Column, Request


class ScaledColumn(Column):
    """A column that is a number to the scaler; members say how it becomes one and comes back."""

    continuous: ClassVar[bool] = True

    def __init__(
        self,
        name: Name,
        role: Role,
        dtype: Token,
        grain: dict[str, Any],
        observed: tuple[float, float],
        bounds: Bounds,
        scaler: Scaler,
        reason: str,
        lattice: Lattice | None = None,
    ) -> None:
        self.name, self.role, self.dtype, self.grain = name, role, dtype, grain
        self.observed, self.bounds, self.scaler, self.reason = observed, bounds, scaler, reason
        self.lattice = lattice

    @classmethod
    def fit(cls, series: pd.Series[Any], request: Request) -> Self:
        """Choose and learn the scaler, the grain (what decoded values are rounded to) and the range.

        Missing values are left out; a step counts where both its ends are observed.
        """
        seen = series.notna().to_numpy()
        series, steps = series[seen], request.follows & seen & np.append(False, seen[:-1])
        grain = cls.learn_grain(series)
        x = cls.to_numbers(series, grain)
        observed = float(x.min()), float(x.max())
        lattice, told = cls.learn_lattice(x, grain)
        name, reason = request.scaler, "asked for"
        if name == "auto":
            name, reason = choose_scaler(x, steps[seen])
        reason = reason if reason in told else "; ".join([told] * bool(told) + [reason])
        if " % at " in told and " % at " in reason.removeprefix(told):
            reason = told
        bounds = observed if request.bounds == "observed" else request.bounds or (None, None)
        assert not isinstance(bounds, str)
        token = cls.token(series)
        return cls(request.name, request.role, token, grain, observed, bounds, SCALERS[name].fit(x), reason, lattice)

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

    @property
    def width(self) -> int:
        """One channel."""
        return 1

    def clip(self, x: Doubles) -> Doubles:
        """Return `x` within the bounds."""
        low, high = self.bounds
        return x if low is None and high is None else np.clip(x, low, high)

    def encode(self, series: pd.Series[Any]) -> Doubles:
        """Return the scaled numbers, `(rows, 1)`; NaN where the value is missing.

        Raises
        ------
        InputError
            Naming the column, if the values are no numbers or outside what the scaler can map.
        """
        seen = series.notna().to_numpy()
        channels = np.full((len(series), 1), np.nan)
        try:
            channels[seen, 0] = self.scaler.forward(self.to_numbers(series[seen], self.grain))
        except (TypeError, ValueError) as error:
            raise InputError(f"column {self.name!r} ({self.kind}, {series.dtype} given): {error}") from error
        return channels

    def cell(self, x: Doubles) -> tuple[Doubles, Doubles]:
        """Return the ends, in numbers, of what is rounded to the same values as `x`."""
        return x, x

    def spread(self, z: Doubles, share: Doubles) -> Doubles:
        """Return the scaled numbers `share` of the way (0 to 1) through all that decodes to the same values as `z`.

        With `share` uniform this fills the gaps that atoms, lattices and decimals leave in the scaled numbers, without
        changing a single decoded value.
        """
        return self.scaler.spread(z, self.cell(self.scaler.inverse(z)), share)

    def decode(self, channels: NDArray[np.floating], rng: np.random.Generator | None = None) -> Any:
        """Return scaled numbers `(rows, 1)` as values."""
        return self.to_values(self.scaler.inverse(np.asarray(channels[:, 0], dtype=np.float64)))

    def state(self) -> State:
        """Return the learned values, the scaler's arrays under `scaler.`."""
        learned, arrays = self.scaler.state()
        data = {
            "name": self.name,
            "role": self.role,
            "dtype": self.dtype,
            "grain": self.grain,
            "observed": list(self.observed),
            "bounds": list(self.bounds),
            "scaler": {"name": self.scaler.name, **learned},
            "reason": self.reason,
            "lattice": None if self.lattice is None else self.lattice.to_dict(),
        }
        return data, arrays

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild from `state`."""
        scaler = SCALERS[data["scaler"]["name"]].from_state(data["scaler"], arrays)
        observed, bounds = tuple(data["observed"]), tuple(data["bounds"])
        lattice = None if data["lattice"] is None else Lattice.from_dict(data["lattice"])
        head = data["name"], data["role"], data["dtype"], data["grain"]
        return cls(*head, observed, bounds, scaler, data["reason"], lattice)
