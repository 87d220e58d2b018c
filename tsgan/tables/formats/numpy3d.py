"""numpy3D of sktime and aeon: an array `(instances, channels, time)`, and a list of arrays `(channels, time)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ...arrays import steps_within
from ...bundle import saved
from ...errors import SchemaError
from ..dtypes import Name
from .base import Format, agreeing

LEVELS = ("instance", "step")


@saved
@dataclass(frozen=True)
class Numpy3D(Format):
    """Arrays whose channels come before the time. Never told from an array alone: tsgan's own have the time first.

    https://www.aeon-toolkit.org/en/latest/api_reference/data_format.html
    """

    name: ClassVar[str] = "numpy3D"
    entity: Name = LEVELS[0]
    time: Name = LEVELS[1]
    listed: bool = False  # whether they came as a list, whose arrays may be of different lengths
    dtype: str = "float64"

    @property
    def numbered(self) -> bool:
        """Sequences have a place only."""
        return True

    @classmethod
    def may_be(cls, data: Any) -> bool:
        """Return whether it is an array, or a list."""
        return isinstance(data, np.ndarray | list)

    @classmethod
    def read(cls, data: Any, entity: Name | None = None, time: Name | None = None) -> tuple[pd.DataFrame, Self]:
        """Return a frame of a column for each channel."""
        listed = isinstance(data, list)
        arrays = [np.asarray(one) for one in data] if listed else np.asarray(data)
        if not len(arrays) or any(one.ndim != 2 for one in arrays):
            shape = f"a list with shapes {[one.shape for one in arrays][:3]}" if listed else f"shape {np.shape(arrays)}"
            raise SchemaError(
                f"numpy3D is an array (instances, channels, time), or a list of arrays (channels, time); got {shape}"
            )
        agreeing("channels", [len(one) for one in arrays], "instance")
        agreeing("dtype", [str(one.dtype) for one in arrays], "instance")
        lengths = np.array([one.shape[1] for one in arrays], dtype=np.int64)
        levels = [np.repeat(np.arange(len(lengths)), lengths), steps_within(lengths)]
        frame = pd.DataFrame(np.concatenate([one.T for one in arrays]))
        frame.index = pd.MultiIndex.from_arrays(levels, names=LEVELS)
        return frame, cls(listed=listed, dtype=str(arrays[0].dtype))

    @classmethod
    def of(cls, table: pd.DataFrame, entity: Name, time: Name, static: Any) -> Self:
        """Take the dtype that holds all channels."""
        made = cls(entity, time, tuple(static))
        return cls(entity, time, tuple(static), dtype=str(np.result_type(*table[made.values(table)].dtypes)))

    def write(self, table: pd.DataFrame) -> Any:
        """Return an array; a list of arrays where it was one, or where lengths differ."""
        names = self.values(table)
        arrays = [part[names].to_numpy(dtype=self.dtype).T for _, part in self.sequences(table)]
        even = len({one.shape for one in arrays}) == 1
        return np.stack([np.ascontiguousarray(one) for one in arrays]) if even and not self.listed else arrays
