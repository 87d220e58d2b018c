"""The numbers of a panel: sequences of different lengths, as plain arrays.

A panel holds the encoded rows of all sequences one after the other, so that nothing is padded until a batch is cut.
Shapes are written `(B, T, C)`: batch, time, cell (see `layout`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Values = NDArray[Any]  # float64 as the encoder makes them; the judge has float32
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
STRETCHES = 40  # at least, that an excerpt of long sequences is made of


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

    @classmethod
    def join(cls, panels: Sequence[Panel]) -> Panel:
        """Put the sequences of several panels one after the other."""
        parts = ([getattr(panel, name) for panel in panels] for name in ("values", "lengths", "statics", "covariates"))
        return cls(*(np.concatenate(part) for part in parts))

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

    @property
    def ragged(self) -> bool:
        """Whether some window is shorter than `size`."""
        return bool((self.lengths < self.size).any())

    def values(self, index: NDArray[np.integer] | slice = slice(None)) -> Values:
        """Return the chosen windows as `(B, T, C)`, zero after the end of a short one."""
        return self._cut(self.panel.values, index)

    def covariates(self, index: NDArray[np.integer] | slice = slice(None)) -> Floats:
        """Return the covariates of the chosen windows as `(B, T, K)`, zero after the end of a short one."""
        return self._cut(self.panel.covariates, index)

    def _cut(self, rows_of: NDArray[Any], index: NDArray[np.integer] | slice) -> NDArray[Any]:
        step = np.arange(self.size)
        inside = step < self.lengths[index][:, None]
        rows = self.starts[index][:, None] + np.where(inside, step, 0)
        return np.where(inside[:, :, None], rows_of[rows], rows_of.dtype.type(0))

    def statics(self, index: NDArray[np.integer] | slice = slice(None)) -> Values:
        """Return the statics of the chosen windows' sequences, `(B, S)`."""
        return self.panel.statics[self.sequences[index]]

    def subset(self, index: NDArray[np.integer]) -> Windows:
        """Return only the chosen windows (of the same panel)."""
        return Windows(self.panel, self.starts[index], self.lengths[index], self.sequences[index], self.size)

    def excerpt(self, rows: int, rng: np.random.Generator) -> Windows:
        """Return windows of a panel of about `rows` rows in memory: sequences by chance, or stretches of long ones.

        Parameters
        ----------
        rows : int
            A panel that has no more is left as it is.
        rng : numpy.random.Generator
        """
        panel = self.panel
        if len(panel.values) <= rows:
            return self
        most = max(rows // STRETCHES, self.size)
        starts, lengths = panel.offsets[:-1], np.minimum(panel.lengths, most)
        if len(panel) < STRETCHES:
            count = max(1, STRETCHES // len(panel))
            ends = np.linspace(0, 1, count)
            starts = (starts[:, None] + (panel.lengths - lengths)[:, None] * ends).astype(np.int64).ravel()
            lengths = np.repeat(lengths, count)
        owner = np.repeat(np.arange(len(panel)), len(starts) // len(panel))
        order = rng.permutation(len(starts))
        chosen = np.sort(order[: max(1, int((np.cumsum(lengths[order]) <= rows).sum()))])
        parts = [slice(a, a + n) for a, n in zip(starts[chosen], lengths[chosen], strict=True)]
        small = Panel(
            np.concatenate([panel.values[part] for part in parts]),
            lengths[chosen],
            panel.statics[owner[chosen]],
            np.concatenate([panel.covariates[part] for part in parts]),
        )
        last = np.maximum(small.lengths - self.size, 0)
        near = np.diff(self.starts)[np.diff(self.sequences) == 0]
        stride = int(near[0]) if len(near) else 1
        count_of = 1 + last // stride
        sequences = np.repeat(np.arange(len(small), dtype=np.int64), count_of)
        step = np.arange(len(sequences)) - np.repeat(np.cumsum(count_of) - count_of, count_of)
        begin = small.offsets[:-1][sequences] + np.minimum(step * stride, last[sequences])
        return Windows(small, begin, np.minimum(small.lengths, self.size)[sequences], sequences, self.size)

    def split(self) -> tuple[Ints, Ints]:
        """Split into about 80 % and 20 % that share no row: by sequence, or by alternating short blocks of time.

        Returns
        -------
        train, held : int64 arrays
            Indices of windows. Windows that straddle the edge of a block are in neither.
        """
        if len(self.panel) >= 10:
            rank = self.sequences % 5 == 2
            return np.flatnonzero(~rank), np.flatnonzero(rank)
        block = min(3 * self.size, max(len(self.panel.values) // 10, 1))
        at, end = self.starts // block % 5, (self.starts + self.lengths - 1) // block % 5
        whole = (self.starts // block == (self.starts + self.lengths - 1) // block) | ((at != 2) & (end != 2))
        return np.flatnonzero(whole & (at != 2)), np.flatnonzero(whole & (at == 2))


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
