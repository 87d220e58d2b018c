"""Entity keys: new ones in the form of the real ones, and never one of them.

Only the form is kept (a prefix and a number), not the keys: a saved model holds no real key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from .dtypes import Token, dump, load

DIGITS = 6


@dataclass(frozen=True)
class Keys:
    """How new keys are made.

    Attributes
    ----------
    dtype : str or dict
        Of the real keys.
    prefix : str or None
        What text keys begin with; None for numbers.
    first : int
        The first new number.
    digits : int
        Text keys: to how many digits the number is filled with zeros.
    real : int
        How many real keys there were.
    """

    dtype: Token
    prefix: str | None
    first: int
    digits: int
    real: int

    @classmethod
    def fit(cls, keys: pd.Index[Any]) -> Keys:
        """Learn the form from the distinct real keys."""
        categorical = isinstance(keys.dtype, pd.CategoricalDtype)
        dtype: Token = "category" if categorical else dump(keys.dtype)
        if categorical:
            keys = pd.Index(keys.astype(object)).infer_objects()
        if types.is_numeric_dtype(keys.dtype) and not types.is_bool_dtype(keys.dtype):
            return cls(dtype, None, int(np.floor(keys.max())) + 1, 0, len(keys))
        text = [str(key) for key in keys]
        parts = [re.fullmatch(r"(.*?)(\d+)", key, flags=re.DOTALL | re.ASCII) for key in text]
        found = [part for part in parts if part is not None]
        if len(found) == len(text) and len({part[1] for part in found}) == 1:
            numbers = [part[2] for part in found]
            width = len(numbers[0]) if len({len(number) for number in numbers}) == 1 else 1
            return cls(_text(dtype), found[0][1], max(int(number) for number in numbers) + 1, width, len(keys))
        prefix = "synthetic_"
        while any(key.startswith(prefix) for key in text):
            prefix += "_"
        return cls(_text(dtype), prefix, 1, DIGITS, len(keys))

    def make(self, count: int) -> pd.Index[Any]:
        """Return `count` new keys, in the dtype of the real ones (integers that do not fit it become int64)."""
        numbers = np.arange(self.first, self.first + count)
        if self.prefix is not None:
            made = pd.Index([f"{self.prefix}{number:0{self.digits}d}" for number in numbers], dtype=object)
        else:
            made = pd.Index(numbers)
        if self.dtype == "category":
            return pd.CategoricalIndex(made, categories=made if self.prefix is None else made.infer_objects())
        dtype = load(self.dtype)
        name = str(getattr(dtype, "numpy_dtype", dtype)).lower()
        if name.startswith(("int", "uint")) and self.first + count - 1 > np.iinfo(name).max:
            return made
        keys: pd.Index[Any] = made.astype(dtype)
        return keys

    def to_dict(self) -> dict[str, Any]:
        """Return the form as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Keys:
        """Rebuild the form from `to_dict`."""
        return cls(**data)


def _text(dtype: Token) -> Token:
    """Return the dtype of text keys; keys that were neither numbers nor text come back as text objects."""
    return dtype if isinstance(dtype, dict) or dtype in ("category", "object", "str") else "object"
