"""Decoded rows that are not yet a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..panel import Ints
from ..tables.dtypes import Name


@dataclass(frozen=True)
class Rows:
    """Decoded rows.

    Attributes
    ----------
    values : dict of name to array
        One value per row, of static columns one per sequence.
    lengths : int64 array of shape (sequences,)
    stamps : Index or None
        One per row.
    """

    values: dict[Name, Any]
    lengths: Ints
    stamps: pd.Index[Any] | None

    @classmethod
    def join(cls, parts: Sequence[Rows]) -> Rows:
        """Put the rows of several parts one after the other."""
        if len(parts) == 1:
            return parts[0]
        values = {
            name: pd.concat([pd.Series(part.values[name], copy=False) for part in parts], ignore_index=True).array
            for name in parts[0].values
        }
        stamps = [part.stamps for part in parts if part.stamps is not None]
        joined = stamps[0].append(stamps[1:]) if stamps else None
        return cls(values, np.concatenate([part.lengths for part in parts]), joined)
