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
    looks: ClassVar[str] = "an array (instances, channels, time), or a list of arrays (channels, time)"
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
            raise SchemaError(f"numpy3D is {cls.looks}; got {shape}")
        agreeing("channels", [len(one) for one in arrays], "instance")
        agreeing("dtype", [str(one.dtype) for one in arrays], "instance")
        if arrays[0].dtype.kind not in "biuf":
            raise SchemaError(
                f"numpy3D holds real numbers; got {arrays[0].dtype}: give real and imaginary parts a channel each, and "
                "text as codes"
            )
        lengths = np.array([one.shape[1] for one in arrays], dtype=np.int64)
        levels = [np.repeat(np.arange(len(lengths)), lengths), steps_within(lengths)]
        frame = pd.DataFrame(np.concatenate([one.T for one in arrays]))
        frame.index = pd.MultiIndex.from_arrays(levels, names=LEVELS)
        return frame, cls(listed=listed, dtype=str(arrays[0].dtype))

    @classmethod
    def of(cls, table: pd.DataFrame, entity: Name, time: Name, static: Any) -> Self:
        """Take the dtype that holds all channels."""
        made = cls(entity, time, tuple(static))
        dtypes = [_plain(name, table[name]) for name in made.values(table)]
        if not dtypes:
            raise SchemaError("the table has no column beside entity, time and static ones; numpy3D holds channels")
        return cls(entity, time, tuple(static), dtype=str(np.result_type(*dtypes)))

    def write(self, table: pd.DataFrame) -> Any:
        """Return an array; a list of arrays where it was one, or where lengths differ."""
        names = self.values(table)
        gaps: dict[str, Any] = {"na_value": np.nan} if np.dtype(self.dtype).kind == "f" else {}
        arrays = [part[names].to_numpy(dtype=self.dtype, **gaps).T for _, part in self.sequences(table)]
        even = len({one.shape for one in arrays}) == 1
        return np.stack([np.ascontiguousarray(one) for one in arrays]) if even and not self.listed else arrays


def _plain(name: Name, column: pd.Series[Any]) -> np.dtype[Any]:
    """Return the dtype of numpy that holds a column, or refuse one that does not hold numbers."""
    kind: Any = getattr(column.dtype, "numpy_dtype", column.dtype)
    if not isinstance(kind, np.dtype) or kind.kind not in "biuf":
        raise SchemaError(
            f"the column {name!r} is of {column.dtype}; numpy3D holds numbers: drop it, or write levels as codes "
            "(.astype('category').cat.codes)"
        )
    return kind if kind.kind == "f" or not column.hasnans else np.dtype("float64")
