"""Equal records, found by hashing: every window of every record, none left out.

A window that two real records hold, or in which nothing changes, is nobody's: short categorical sequences and pauses
repeat by nature, and finding them again gives nothing away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .prepare import Case
from .records import Census, census

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]

RARE = 1e-3
SEED = 20260601  # of the hash's multipliers: the same bits for the same table, whatever the case's seed


@dataclass(frozen=True)
class Twins:
    """Which records equal a real one over a whole window.

    Attributes
    ----------
    synthetic : bool array of shape (synthetic records,)
        Whether it holds a window of exactly one real record.
    real : bool array of shape (real records,)
        Whether it holds a window of exactly one other real record: how often chance does the same.
    copied : int
        How many real records have a window in the synthetic table.
    singular : bool
        Whether hardly any row is held by two real records, so that chance cannot repeat a whole window.
    """

    synthetic: Bools
    real: Bools
    copied: int
    singular: bool


def twins(case: Case) -> Twins:
    """Find synthetic records that equal a real one over a whole window."""
    real, synthetic = census(case, "real"), census(case, "synthetic")
    rows = {side: _mix_rows(one) for side, one in (("real", real), ("synthetic", synthetic))}
    hashes, owner = _windows(real, rows["real"])
    others, whose = _windows(synthetic, rows["synthetic"])
    order = np.lexsort((owner, hashes))
    hashes, owner = hashes[order], owner[order]
    first = np.ones(len(hashes), dtype=bool)
    first[1:] = (hashes[1:] != hashes[:-1]) | (owner[1:] != owner[:-1])
    hashes, owner = hashes[first], owner[first]
    known, at, holders = np.unique(hashes, return_index=True, return_counts=True)
    found = np.isin(others, known[holders == 1])
    copies, control = np.zeros(len(synthetic), dtype=bool), np.zeros(len(real), dtype=bool)
    copies[whose[found]] = True
    control[owner[np.isin(hashes, known[holders == 2])]] = True
    held = np.isin(known, others[found]) & (holders == 1)
    return Twins(copies, control, len(np.unique(owner[at[held]])), _singular(real, rows["real"]))


def _mix_rows(one: Census) -> Hashes:
    """One 64-bit hash per row of the panel."""
    bits = (one.panel.values + np.float32(0)).view(np.uint32).astype(np.uint64)
    odd = np.random.default_rng(SEED).integers(2**63, size=(1, bits.shape[1]), dtype=np.uint64)[0]
    total = np.zeros(len(bits), dtype=np.uint64)
    for channel in range(bits.shape[1]):
        total += _mix(bits[:, channel] ^ odd[channel])
    return total


def _mix(x: Hashes) -> Hashes:
    """Let every bit depend on every other (the finaliser of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)), dtype=np.uint64)


def _windows(one: Census, rows: Hashes) -> tuple[Hashes, Ints]:
    """Hash and record of every window in which something changes."""
    last = len(rows) - one.size + 1
    total = np.zeros(last, dtype=np.uint64)
    odd = np.random.default_rng(SEED + 1).integers(2**63, size=one.size, dtype=np.uint64)
    for step in range(one.size):
        total += _mix(rows[step : step + last] ^ odd[step])
    changes = np.concatenate([[0], np.cumsum(rows[1:] != rows[:-1])])
    alike = changes[one.size - 1 :] == changes[:last]
    starts, owner = one.windows(np.arange(len(one)), int(one.count.sum()) * len(one))
    keep = ~alike[starts]
    return total[starts[keep]], owner[keep]


def _singular(real: Census, rows: Hashes) -> bool:
    """Whether less than one row in a thousand is held by two real records."""
    edges = np.searchsorted(real.first, np.arange(len(rows)), side="right") - 1
    order = np.lexsort((edges, rows))
    rows, edges = np.asarray(rows[order]), edges[order]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (rows[1:] != rows[:-1]) | (edges[1:] != edges[:-1])
    held = np.unique(rows[new], return_counts=True)[1]
    return bool(held[held > 1].sum() < RARE * held.sum())
