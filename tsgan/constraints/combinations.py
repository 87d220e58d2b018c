"""Rows with the same values in several columns, numbered alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from .rows import Ints


def combine(columns: Sequence[pd.Series[Any]]) -> Ints:
    """Return the number of each row's combination of values, in order of appearance."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        codes = pd.factorize(codes * (len(codes) + 1) + pd.factorize(column, use_na_sentinel=False)[0])[0]
    return codes.astype(np.int64)
