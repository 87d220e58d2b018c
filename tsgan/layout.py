"""What each cell of a row means: the contract between the half that knows columns and the half that knows tensors.

A panel has one float64 column per cell. A `Number` holds a scaled number, a `Category` the code of a level (0 to
levels - 1); NaN is a missing value in either. What a number does (stay as it was, go straight on, sit on an atom) can
be read from its values and from the cell's description, so that a panel carries values alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .arrays import Doubles


def _none() -> Doubles:
    return np.empty(0)


@dataclass(frozen=True)
class Bound:
    """What the value of an earlier number of the row says of where this one ends.

    Attributes
    ----------
    cell : int
    there, here : tuple of float
        Knots of a monotone map from the other's scaled values to this one's.
    """

    cell: int
    there: tuple[float, ...]
    here: tuple[float, ...]


@dataclass(frozen=True)
class Number:
    """A cell that holds a scaled number, of about unit variance.

    Attributes
    ----------
    name : str
        The column behind it, for messages.
    low, high : float
        Where values end, scaled; infinite where they do not.
    atoms : tuple of float
        Scaled values that hold a share of the rows by themselves, increasing.
    grid : float64 array of shape (points,)
        The scaled values that exist, increasing; empty where any number may come, or where points are too many to list.
    stays : bool
        Whether a value often equals the one of the row before (other than on an atom).
    straight : float
        Largest `|x_t - 2 x_(t-1) + x_(t-2)|`, scaled, at which a value counts as going straight on; 0 where values
        do not.
    missing : bool
        Whether a value may be missing.
    starts : tuple of float
        Scaled values that hold a share of the first rows by themselves, increasing; later rows come to them going
        straight on.
    together : int
        The earlier cell that is missing where this one is, and only there; -1 for none.
    floors, ceilings : tuple of Bound
        Earlier numbers of the row that this one is never below, or never above.
    piled : (bool, bool)
        Whether values are as frequent at the edge that floors, and that ceilings, set as a little away from it.
    """

    name: str
    low: float = -np.inf
    high: float = np.inf
    atoms: tuple[float, ...] = ()
    grid: Doubles = field(default_factory=_none, compare=False, repr=False)
    stays: bool = False
    straight: float = 0.0
    missing: bool = False
    starts: tuple[float, ...] = ()
    together: int = -1
    floors: tuple[Bound, ...] = ()
    ceilings: tuple[Bound, ...] = ()
    piled: tuple[bool, bool] = (False, False)


@dataclass(frozen=True)
class Category:
    """A cell that holds one of several levels.

    Attributes
    ----------
    name : str
    levels : int
        At least 2; codes are 0 to `levels - 1`.
    missing : bool
    together : int
        As for a `Number`.
    meets : tuple of (int, bool array of shape (levels of the other, levels))
        Earlier categories of the row, and which of their levels and of this one's come together at all.
    """

    name: str
    levels: int
    missing: bool = False
    together: int = -1
    meets: tuple[tuple[int, NDArray[np.bool_]], ...] = field(default=(), compare=False, repr=False)


Cell = Number | Category


@dataclass(frozen=True)
class Layout:
    """The cells of a panel, per step and per sequence (static), in order.

    Attributes
    ----------
    cells, statics : tuple of Cell
    covariates : int
        Numbers that are known of every step beforehand (calendar, position, trend).
    lengths : tuple of int
        The numbers of steps that sequences have, increasing, where they differ; then the last static is a `Number`
        whose `grid` stands for these, one by one. Else empty.
    stretches : bool
        Whether the table is one long series, so that a sequence is a stretch of it that may begin anywhere.
    places : int
        How many covariates, the last ones, say where in its sequence a row stands.
    """

    cells: tuple[Cell, ...]
    statics: tuple[Cell, ...] = ()
    covariates: int = 0
    lengths: tuple[int, ...] = ()
    stretches: bool = False
    places: int = 0

    def lengths_of(self, statics: Doubles) -> NDArray[np.int64]:
        """Return the lengths that statics `(sequences, S)` stand for.

        Raises
        ------
        ValueError
            If lengths do not differ in this layout.
        """
        if not self.lengths:
            raise ValueError("this layout has no length among its statics")
        number = self.statics[-1]
        assert isinstance(number, Number)
        return np.asarray(self.lengths, dtype=np.int64)[snap_places(number.grid, statics[:, -1])]


def snap_places(grid: Doubles, z: Doubles) -> NDArray[np.intp]:
    """Return which point of an increasing grid is nearest to each number."""
    return np.searchsorted((grid[1:] + grid[:-1]) / 2, z)


def snap(grid: Doubles, z: Doubles) -> Doubles:
    """Return the nearest point of an increasing grid; numbers as they are where the grid is empty."""
    return grid[snap_places(grid, z)] if len(grid) else z
