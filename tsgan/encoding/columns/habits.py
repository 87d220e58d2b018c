"""What the values of a number do: which hold many rows by themselves, whether they stay, whether they go straight on.

These are outcomes that a smooth density would smear: zeros of a rain gauge, a reading that is repeated until the next
one comes, a level that falls by the same amount step after step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ...arrays import Bools, Doubles
from ...bundle import saved
from .lattice import NEIGHBOURS, find_atoms

SHARE = 0.03  # of the rows that an atom holds at least
LARGE, TALL = 0.05, 3.0  # or this share, and as many times the rows of its neighbours on average
MOST_ATOMS = 6
FEW, REPEATED = 24, 8  # distinct values, and rows for each: then every value is an atom
STAYS, PAIRS = 0.02, 3  # share of steps without a change, and how many there must be to believe it
STRAIGHT, COARSE = 0.3, 100  # share of steps that go straight on, and distinct values of a coarse grid at most
PASSED = 0.5  # share of the arrivals at a value that go straight on, from which it is no atom
DIGITS, PRECISE = (
    2.0,
    1e-5,
)  # tolerance in last digits, and as a share of the largest: six digits are often all there is


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
    def learn(cls, x: Doubles, follows: Bools, decimals: int | None) -> Self:
        """Learn from a column.

        Parameters
        ----------
        x : float64 array of shape (rows,)
            Values in sequence and time order, NaN where they are missing.
        follows : bool array of shape (rows,)
            Whether a row is the next step of the row before it.
        decimals : int or None
            Of the values; None where they are not rounded.
        """
        values, counts = np.unique(x[~np.isnan(x)], return_counts=True)
        if len(values) <= FEW and counts.sum() >= REPEATED * len(values):
            return cls(tuple(values.tolist()))
        atoms = values[_atoms(counts)]
        straight = _straight(x, follows, atoms, len(values), decimals)
        on_the_way = np.array([straight > 0 and _on_the_way(x, follows, atom, straight) for atom in atoms], dtype=bool)
        atoms, starts = atoms[~on_the_way], atoms[on_the_way]
        pairs = _pairs(x, follows, atoms)
        still = x[pairs] == x[pairs - 1]
        stays = bool(still.sum() >= max(PAIRS, STAYS * len(pairs)))
        return cls(tuple(atoms.tolist()), stays, straight, tuple(starts.tolist()))


def _pairs(x: Doubles, follows: Bools, atoms: Doubles) -> NDArray[np.intp]:
    """Return the rows that follow a known row and are known, both no atoms."""
    free = ~np.isnan(x) & ~np.isin(x, atoms)
    return np.flatnonzero(follows & free & np.append(False, free[:-1]))


def _straight(x: Doubles, follows: Bools, atoms: Doubles, levels: int, decimals: int | None) -> float:
    """Return the second difference up to which rows go straight on; 0 if they do not."""
    pairs = _pairs(x, follows, atoms)
    triples = pairs[np.isin(pairs - 1, pairs)]
    moved = triples[(x[triples] != x[triples - 1]) | (x[triples - 1] != x[triples - 2])]
    if levels <= COARSE or len(moved) < PAIRS:
        return 0.0
    digit = 0.0 if decimals is None else DIGITS * 10.0**-decimals
    tolerance = max(PRECISE * float(np.nanmax(np.abs(x))), digit)
    bend = np.abs(x[moved] - 2 * x[moved - 1] + x[moved - 2])
    return tolerance if (bend <= tolerance * (1 + 1e-6)).mean() >= STRAIGHT else 0.0


def _on_the_way(x: Doubles, follows: Bools, atom: float, straight: float) -> bool:
    """Return whether a value is mostly come to by going straight on, and so is no state of its own."""
    pairs = _pairs(x, follows, np.empty(0))
    triples = pairs[np.isin(pairs - 1, pairs)]
    come = triples[(x[triples] == atom) & (x[triples - 1] != atom)]
    bend = np.abs(x[come] - 2 * x[come - 1] + x[come - 2])
    return len(come) >= PAIRS and bool((bend <= straight * (1 + 1e-6)).mean() >= PASSED)


def _atoms(counts: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the positions of the atoms among distinct values that hold `counts` rows, at most six."""
    if len(counts) <= 2 * NEIGHBOURS:
        return np.empty(0, dtype=np.intp)
    rows = counts.sum()
    found = np.zeros(len(counts), dtype=bool)
    found[find_atoms(counts)] = True
    rest = np.where(found, 0, counts)
    padded, there = np.pad(rest, NEIGHBOURS), np.pad((~found).astype(np.int64), NEIGHBOURS)
    around = [i for i in range(2 * NEIGHBOURS + 1) if i != NEIGHBOURS]
    beside = sum(padded[i : i + len(counts)] for i in around)
    near = sum(there[i : i + len(counts)] for i in around)
    large = (counts >= np.maximum(LARGE * rows, PAIRS)) & (counts * np.maximum(near, 1) >= TALL * beside)
    chosen = np.flatnonzero((found & (counts >= SHARE * rows)) | large)
    return np.sort(chosen[np.argsort(-counts[chosen], kind="stable")[:MOST_ATOMS]])
