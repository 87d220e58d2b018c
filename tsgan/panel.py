"""The numbers of a panel: sequences of different lengths, as plain arrays.

A panel holds the encoded rows of all sequences one after the other, so that nothing is padded until a batch is cut.
Shapes are written `(B, T, C)`: batch, time, cell (see `layout`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Bools, Doubles, Floats, Ints

Values = NDArray[Any]  # float64 as the encoder makes them; the judge has float32


def _nothing() -> Floats:
    return np.zeros((0, 0), dtype=np.float32)


@dataclass(frozen=True)
class Panel:
    """Sequences of different lengths.

    Attributes
    ----------
    values : float64 array of shape (rows, cells)
        The steps of every sequence, sequence after sequence, in time order: scaled numbers and codes of levels, NaN
        where a value is missing.
    lengths : int64 array of shape (sequences,)
        Steps of each sequence; they add up to `rows`.
    statics : float64 array of shape (sequences, statics)
        Cells that hold one value per sequence.
    covariates : float32 array of shape (rows, covariates)
        What is known of every step before its values are (calendar, position); none by default.
    """

    values: Values
    lengths: Ints
    statics: Values
    covariates: Floats = field(default_factory=_nothing)

    def __post_init__(self) -> None:
        if self.covariates.size == 0 and self.covariates.ndim == 2:
            object.__setattr__(self, "covariates", np.zeros((len(self.values), 0), dtype=np.float32))
        if self.covariates.ndim != 2 or len(self.covariates) != len(self.values):
            raise ValueError("the covariates of a panel must hold one row per row of values")
        if self.values.ndim != 2 or self.statics.ndim != 2 or self.lengths.ndim != 1:
            raise ValueError("a panel needs values (rows, cells), lengths (sequences,), statics (sequences, cells)")
        if int(self.lengths.sum()) != len(self.values) or len(self.statics) != len(self.lengths):
            raise ValueError("the lengths of a panel must add up to its rows, and statics hold one row per sequence")

    @classmethod
    def from_dense(
        cls,
        values: NDArray[np.floating],
        lengths: Ints | None = None,
        statics: Values | None = None,
        covariates: Floats | None = None,
    ) -> Panel:
        """Make a panel of `(B, T, C)` values and `(B, T, K)` covariates; `lengths` cuts each sequence short."""
        batch, time, cells = values.shape
        if lengths is None:
            lengths = np.full(batch, time, dtype=np.int64)
        keep = np.arange(time) < lengths[:, None]
        flat = np.ascontiguousarray(values[keep], dtype=np.float64).reshape(int(keep.sum()), cells)
        known = _nothing() if covariates is None else np.ascontiguousarray(covariates[keep], dtype=np.float32)
        fixed = np.zeros((batch, 0)) if statics is None else statics
        return cls(flat, lengths.astype(np.int64), fixed, known)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def offsets(self) -> Ints:
        """First row of each sequence, and the number of rows at the end; shape (sequences + 1,)."""
        return np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)

    def __iter__(self) -> Iterator[Values]:
        offsets = self.offsets
        return (self.values[offsets[i] : offsets[i + 1]] for i in range(len(self)))


@dataclass(frozen=True)
class Windows:
    """Windows into a panel: pieces of at most `size` consecutive steps of one sequence, cut when asked for.

    Attributes
    ----------
    panel : Panel
    starts : int64 array of shape (windows,)
        First row of each window in `panel.values`.
    lengths : int64 array of shape (windows,)
        Steps of each window, from 1 to `size`.
    sequences : int64 array of shape (windows,)
        Which sequence each window belongs to.
    size : int
        The length that windows are padded to.
    """

    panel: Panel
    starts: Ints
    lengths: Ints
    sequences: Ints
    size: int

    def __len__(self) -> int:
        return len(self.starts)

    def values(self, index: NDArray[np.integer] | slice = slice(None)) -> Values:
        """Return the chosen windows as `(B, T, C)`, zero after the end of a short one."""
        step = np.arange(self.size)
        inside = step < self.lengths[index][:, None]
        rows = self.panel.values[self.starts[index][:, None] + np.where(inside, step, 0)]
        return np.where(inside[:, :, None], rows, rows.dtype.type(0))

    def subset(self, index: NDArray[np.integer]) -> Windows:
        """Return only the chosen windows (of the same panel)."""
        return Windows(self.panel, self.starts[index], self.lengths[index], self.sequences[index], self.size)


@dataclass(frozen=True)
class Given:
    """What is known of sequences before their steps are drawn; n sequences of T steps.

    Attributes
    ----------
    statics : float64 array of shape (n, statics)
    covariates : float32 array of shape (n, T, covariates)
        May hold no covariate, but its shape says how many steps are wanted.
    lengths : int64 array of shape (n,) or None
        Where the sequences end; None where all have T steps.
    values : float64 array of shape (n, T, cells) or None
        Cells that are known; None where none is.
    known : bool array of shape (n, T, cells) or None
        Which cells `values` tells.
    allowed : tuple of (bool array of shape (levels,) or None)
        By cell: the levels of a category that may come, on every row; None where all may, and for numbers. May be empty
        where nothing is asked. A category of which levels are asked is never missing.
    filled : bool
        Whether what is unknown has a value, and is not drawn as missing.
    """

    statics: Doubles
    covariates: Floats
    lengths: Ints | None = None
    values: Doubles | None = None
    known: Bools | None = None
    allowed: tuple[Bools | None, ...] = ()
    filled: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Number of sequences and of steps."""
        return self.covariates.shape[0], self.covariates.shape[1]
