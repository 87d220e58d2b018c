"""What the gaps of a table are like, and whether another table has gaps only where the fitted one had some."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..arrays import Bools, Ints, first_rows, steps_within
from ..bundle import saved
from ..errors import InputError
from ..holders import Holders, Sharing
from ..tables.dtypes import Name


@saved
@dataclass(frozen=True)
class Gaps:
    """What the gaps of one column are like.

    Attributes
    ----------
    share : float
        Of the rows (for a static column: of the sequences) without a value.
    longest : int
        Rows of the longest run of gaps within a sequence; 1 for a static column with gaps.
    throughout : int
        Number of sequences without any value.
    together : tuple of str or int
        Other columns with the same gaps.
    """

    share: float
    longest: int
    throughout: int
    together: tuple[Name, ...] = ()

    def __str__(self) -> str:
        if self.share == 1:
            return "always missing"
        text = f"{100 * self.share:.3g} % missing"
        if self.longest > 1:
            text += f", runs of up to {self.longest}"
        if self.throughout and self.longest > 1:
            text += f", throughout in {self.throughout} sequences"
        return text + ("" if not self.together else ", together with " + ", ".join(map(repr, self.together)))


@saved
@dataclass(frozen=True)
class Missing:
    """The gaps of a table.

    Attributes
    ----------
    empty : tuple of str or int
        Columns without any value.
    gaps : dict
        By column, for all columns with gaps; `str()` of one is a text for a schema.
    """

    empty: tuple[Name, ...]
    gaps: dict[Name, Gaps]

    @classmethod
    def fit(
        cls, parts: Mapping[Name, pd.Series[Any]], statics: Collection[Name], lengths: Ints, sharing: Sharing
    ) -> Missing:
        """Learn which columns have gaps, and which share them; static parts have one row per sequence."""
        masks = {name: _mask(series) for name, series in parts.items()}
        patterns: dict[tuple[bool, bytes], list[Name]] = {}
        for name, mask in masks.items():
            if mask.any():
                patterns.setdefault((name in statics, np.packbits(mask).tobytes()), []).append(name)
        gaps: dict[Name, Gaps] = {}
        for (static, _), names in patterns.items():
            mask = masks[names[0]]
            whole = mask if static else np.add.reduceat(mask, first_rows(lengths), dtype=np.int64) == lengths
            longest = 1 if static else _longest_run(mask, lengths, sharing.rows)
            for name in names:
                others = tuple(other for other in names if other != name)
                gaps[name] = Gaps(float(mask.mean()), longest, int(whole.sum()), others)
        empty = tuple(name for name, mask in masks.items() if len(mask) and mask.all())
        return cls(empty, {name: gaps[name] for name in masks if name in gaps})

    def check(self, parts: Mapping[Name, pd.Series[Any]]) -> None:
        """Refuse gaps in columns that had none, and values in columns that had none, naming column and row."""
        for name, series in parts.items():
            mask = _mask(series)
            if name not in self.gaps and mask.any():
                raise InputError(
                    f"column {name!r} is missing in {int(mask.sum())} of {len(mask)} rows, first in row "
                    f"{int(mask.argmax())}, but had no gaps when fitted; fill it (interpolate(), ffill()), or fit a "
                    "table with such gaps"
                )
            if name in self.empty and not mask.all():
                raise InputError(
                    f"column {name!r} has a value in row {int(mask.argmin())}, but had none at all when fitted; "
                    "set it to missing, or fit a table with such values"
                )


def _mask(series: pd.Series[Any]) -> Bools:
    return np.asarray(series.isna().to_numpy(dtype=bool))


def _longest_run(mask: Bools, lengths: Ints, holders: Holders) -> int:
    """Return the length of the longest runs of True within sequences, as it is told."""
    starts = np.flatnonzero(mask & ~((steps_within(lengths) > 0) & np.r_[False, mask[:-1]]))
    return int(holders.at(starts).ends(np.add.reduceat(mask, starts, dtype=np.int64).astype(np.float64))[1])
