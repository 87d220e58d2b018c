"""What the values of a number do: which hold many rows by themselves, whether they stay, whether they go straight on.

These are outcomes that a smooth density would smear: zeros of a rain gauge, a reading that is repeated until the next
one comes, a level that falls by the same amount step after step.

Atoms are single values that hold far more rows than the values around them: zeros of a rain gauge, a detection limit, a
cap, round prices in a shop. A value is an atom if it holds at least half a percent of the rows (and 5 of them), and 3
times as many as the most frequent of its two neighbours on either side, atoms already found aside; or 10 times as many
as the second of them, so that two atoms may stand side by side. A rounded column, whose values all hold a few percent,
has none. Those that hold 3 % of the rows are outcomes of their own; and so is a value that holds 5 %, and 3 times as
many as its neighbours on average.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ...arrays import Bools, Doubles
from ...bundle import saved
from ...holders import Holders

MIN_SHARE, MIN_ROWS = 0.005, 5  # of an atom
TALLER, MUCH_TALLER = 3.0, 10.0  # than its tallest neighbour, and than the second
NEIGHBOURS = 2  # on either side
MAX_ROUNDS = 3  # of looking again with the atoms found put aside
OUTCOME_SHARE = 0.03  # of the rows that an atom holds at least to be an outcome of its own
LARGE_SHARE = 0.05  # or this share, where it is as much taller than its neighbours on average
MAX_ATOMS = 6
FEW_VALUES, FEW_VALUES_ROWS = 24, 8  # distinct values, and rows for each: then every value is an atom
STAYS, MIN_PAIRS = 0.02, 3  # share of steps without a change, and how many there must be to believe it
STRAIGHT, COARSE_VALUES = 0.3, 100  # share of steps that go straight on, and distinct values of a coarse grid at most
PASSED = 0.5  # share of the arrivals at a value that go straight on, from which it is no atom
LAST_DIGITS, PRECISION = 2.0, 1e-5  # tolerance in last digits, and of the largest: six digits are often all there is


@saved
@dataclass(frozen=True)
class Habits:
    """What the values of a column do.

    Attributes
    ----------
    atoms : tuple of float
        Values that hold many rows, increasing; all there are, where they are few.
    stays : bool
        Whether a value that is no atom often equals the one before.
    straight : float
        Largest second difference at which a value counts as going straight on; 0 where values do not.
    starts : tuple of float
        Values that hold many rows and are mostly come to going straight on, increasing.
    """

    atoms: tuple[float, ...] = ()
    stays: bool = False
    straight: float = 0.0
    starts: tuple[float, ...] = ()

    @classmethod
    def fit(cls, x: Doubles, follows: Bools, decimals: int | None, holders: Holders) -> Self:
        """Learn from a column.

        Parameters
        ----------
        x : float64 array of shape (rows,)
            Values in sequence and time order, NaN where they are missing.
        follows : bool array of shape (rows,)
            Whether a row is the next step of the row before it.
        decimals : int or None
            Of the values; None where they are not rounded.
        holders : Holders
            Of the rows; what too few have is no atom.
        """
        known = ~np.isnan(x)
        values, counts = np.unique(x[known], return_counts=True)
        shared = holders.at(known).share(values, x[known])
        if _few(values, counts) and shared.any():
            return cls(tuple(values[shared].tolist()))
        found = _outcomes(counts)
        atoms = values[found[shared[found]]]
        straight = 0.0 if len(values) <= COARSE_VALUES else _straight(x, _pairs(x, follows, atoms), decimals)
        every = _pairs(x, follows, np.empty(0))
        on_the_way = np.array([straight > 0 and _on_the_way(x, every, atom, straight) for atom in atoms], dtype=bool)
        atoms, starts = atoms[~on_the_way], atoms[on_the_way]
        pairs = _pairs(x, follows, atoms)
        still = x[pairs] == x[pairs - 1]
        stays = bool(still.sum() >= max(MIN_PAIRS, STAYS * len(pairs)))
        return cls(tuple(atoms.tolist()), stays, straight, tuple(starts.tolist()))


def _few(values: Doubles, counts: NDArray[np.int64]) -> bool:
    return len(values) <= FEW_VALUES and counts.sum() >= FEW_VALUES_ROWS * len(values)


def few_shared(x: Doubles, holders: Holders) -> Doubles:
    """Return the values of a column of few values that enough holders have; none of any other, or if all are such."""
    values, counts = np.unique(x, return_counts=True)
    shared = holders.share(values, x)
    return values[shared] if _few(values, counts) and not shared.all() else values[:0]


def nearest(values: Doubles, x: Doubles) -> Doubles:
    """Return the nearest of increasing values to each number."""
    return values[np.searchsorted((values[1:] + values[:-1]) / 2, x)]


def _pairs(x: Doubles, follows: Bools, atoms: Doubles) -> NDArray[np.intp]:
    """Return the rows that follow a known row and are known, both no atoms."""
    free = ~np.isnan(x) & ~np.isin(x, atoms)
    return np.flatnonzero(follows & free & np.append(False, free[:-1]))


def _straight(x: Doubles, pairs: NDArray[np.intp], decimals: int | None) -> float:
    """Return the second difference up to which rows go straight on; 0 if they do not."""
    triples = pairs[np.isin(pairs - 1, pairs)]
    moved = triples[(x[triples] != x[triples - 1]) | (x[triples - 1] != x[triples - 2])]
    digit = 0.0 if decimals is None else LAST_DIGITS * 10.0**-decimals
    tolerance = max(PRECISION * float(np.nanmax(np.abs(x))), digit)
    return tolerance if len(moved) >= MIN_PAIRS and _unbent(x, moved, tolerance) >= STRAIGHT else 0.0


def _on_the_way(x: Doubles, pairs: NDArray[np.intp], atom: float, straight: float) -> bool:
    """Return whether a value is mostly come to by going straight on, and so is no state of its own."""
    triples = pairs[np.isin(pairs - 1, pairs)]
    come = triples[(x[triples] == atom) & (x[triples - 1] != atom)]
    return len(come) >= MIN_PAIRS and _unbent(x, come, straight) >= PASSED


def _unbent(x: Doubles, rows: NDArray[np.intp], tolerance: float) -> float:
    """Return the share of rows that lie on a line with the two rows before."""
    return float((np.abs(x[rows] - 2 * x[rows - 1] + x[rows - 2]) <= tolerance * (1 + 1e-6)).mean())


def _outcomes(counts: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the positions of the atoms that are outcomes of their own, at most six, the largest."""
    if len(counts) <= 2 * NEIGHBOURS:
        return np.empty(0, dtype=np.intp)
    found = np.zeros(len(counts), dtype=bool)
    found[find_atoms(counts)] = True
    beside, near = _around(np.where(found, 0, counts)).sum(axis=0), _around((~found).astype(np.int64)).sum(axis=0)
    large = counts >= np.maximum(LARGE_SHARE * counts.sum(), MIN_PAIRS)
    large &= counts * np.maximum(near, 1) >= TALLER * beside
    chosen = np.flatnonzero((found & (counts >= OUTCOME_SHARE * counts.sum())) | large)
    return np.sort(chosen[np.argsort(-counts[chosen], kind="stable")[:MAX_ATOMS]])


def _around(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the counts of the neighbours of each value, `(2 * NEIGHBOURS, levels)`; 0 beyond the ends."""
    padded = np.pad(counts, NEIGHBOURS)
    return np.stack([padded[i : i + len(counts)] for i in range(2 * NEIGHBOURS + 1) if i != NEIGHBOURS])


def find_atoms(counts: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the positions of the atoms among distinct values.

    Parameters
    ----------
    counts : int64 array of shape (levels,)
        Rows that hold each distinct value, in increasing order of the values.
    """
    large = counts >= max(MIN_ROWS, MIN_SHARE * counts.sum())
    found = np.zeros(len(counts), dtype=bool)
    for _ in range(MAX_ROUNDS):
        rest = np.flatnonzero(~found)
        if len(rest) <= 2 * NEIGHBOURS:
            break
        around = np.sort(_around(counts[rest]), axis=0)
        tall = (counts[rest] >= TALLER * around[-1]) | (counts[rest] >= MUCH_TALLER * around[-2])
        more = rest[large[rest] & tall]
        if not len(more):
            break
        found[more] = True
    return np.flatnonzero(found)


def describe_atoms(values: Doubles, counts: NDArray[np.int64], atoms: NDArray[np.intp], shown: int = 3) -> str:
    """Return the atoms in a few words, the largest first: "54 % at 0, 3 % at 100"."""
    order = atoms[np.argsort(-counts[atoms], kind="stable")]
    shares = counts / counts.sum()
    text = [f"{100 * shares[i]:.{0 if shares[i] >= 0.01 else 1}f} % at {values[i]:g}" for i in order[:shown]]
    return ", ".join(text + ([f"{len(order) - shown} more atoms"] if len(order) > shown else []))
