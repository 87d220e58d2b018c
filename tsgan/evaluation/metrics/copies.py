"""Copies: synthetic records that are real ones, to the bit or nearly.

Equal records are found by hashing: every window of every record, none left out. A window that two real records hold, or
in which nothing changes, is nobody's: short categorical sequences and pauses repeat by nature, and finding them again
gives nothing away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...arrays import Bools, Doubles, Ints
from ..case import Case
from ..records import Neighbours, RecordIndex, chosen, nearest, record_index, records, remembered
from ..splits import CannotMeasureError
from .base import Grade, Reference, Result, Scores
from .disclosing import Disclosing, chance_of_excess, note_on_records, require_records

RARE = 0.01  # share of real records that come closer to another than the limit
HALF = 0.5  # of that limit: nearer than chance brings two real records


class Copies(Disclosing):
    """Share of synthetic records that are exact or near copies of a real one."""

    name = "copies"
    title = "Copies of real records"
    question = "Are there real records among the synthetic ones?"
    definition = (
        "Share of synthetic records that equal a real one over a whole window (exact copies, found by hashing all "
        "windows), or lie against it (near copies). With d the distance to the nearest real record and d' that real "
        "record's own distance to its nearest other real record, a near copy has d / d' below half of the 1 % "
        "quantile of the same ratio among real records. Windows that two real records hold, or in which nothing "
        "changes, are nobody's and do not count. It needs no holdout: how often real records copy each other is the "
        "other end of its scale."
    )
    references = (
        Reference(
            "Data Synthesis based on Generative Adversarial Networks (Park, Mohammadi, Gorde, Jajodia, Park & Kim, "
            "2018), which introduced distances to the closest record",
            "https://arxiv.org/abs/1806.03384",
        ),
        Reference(
            "On the Inadequacy of Similarity-based Privacy Metrics (Ganev & De Cristofaro, 2023)",
            "https://arxiv.org/abs/2312.05114",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "none found": "No more synthetic records copy a real one than real records copy each other.",
        "suspicious": "Some synthetic records copy real ones; look at them before you share the table.",
        "leak": "The synthetic table holds copies of real records: do not share it.",
    }
    least = 0.01

    def compute(self, case: Case, repeats: int) -> Result:
        """Count exact and near copies, and the same among real records."""
        real, synthetic = record_index(case, "real"), record_index(case, "synthetic")
        require_records(real, "real")
        require_records(synthetic, "synthetic")
        equal = remembered(case, "twins", lambda: twins(case))
        mine, others = chosen(case, "synthetic"), chosen(case, "real")
        closeness, control = _ratios(case)
        telling = control[np.isfinite(control)]
        if not len(telling) and not equal.real.any():
            raise CannotMeasureError("all real records are alike, so that a copy cannot be told from any other")
        limit = HALF * min(float(np.quantile(telling, RARE)), 1.0) if len(telling) else 0.0
        exact, near = equal.synthetic[mine], closeness < limit
        copied, natural = exact | near, equal.real[others] | (control < limit)
        share, usual = float(copied.mean()), float(natural.mean())
        chance = chance_of_excess(
            copied.astype(np.float64), natural.astype(np.float64), synthetic.cluster[mine], real.cluster[others]
        )
        found = self.accuse(share - usual, chance)
        if equal.singular and equal.synthetic.any() and found != "leak":
            found = "leak" if equal.synthetic.mean() >= self.least else "suspicious"
        count = int(equal.synthetic.sum())
        detail = {
            "parts": [
                _part("exact copies", equal.synthetic.mean(), equal.real.mean()),
                _part("near copies", (near & ~exact).mean(), ((control < limit) & ~equal.real[others]).mean()),
            ],
            "chance": chance,
            "synthetic_records": len(synthetic),
            "exact_copies": count,
            "real_records_copied": equal.copied,
            "near_if_ratio_below": limit,
        }
        note = note_on_records(real, synthetic)
        if count:
            note = f"{count} of {len(equal.synthetic)} are exact copies, of {equal.copied} real ones. {note}".strip()
        return self.result(Scores([share] * repeats, [usual] * repeats, 1.0), detail, note, grade=found)


def _part(name: str, value: float, control: float) -> dict[str, object]:
    return {"part": name, "value": float(value), "real_against_real": float(control), "worst": 1.0, "grade": None}


def _ratios(case: Case) -> tuple[Doubles, Doubles]:
    """How near each synthetic, and each real record comes to its nearest real one, over how near that one's own is.

    Infinite where that real record has an equal, and so tells nothing.
    """
    searched = remembered(case, "real searched", lambda: records(case, "real"))
    asked = {side: records(case, side, chosen(case, side), apart=True) for side in ("synthetic", "real")}
    outside = remembered(case, "synthetic to real", lambda: nearest(asked["synthetic"], searched))
    inside = remembered(case, "real to real", lambda: nearest(asked["real"], searched, itself=True))
    known = np.unique(np.concatenate([outside.name[:, 0], inside.name[:, 0]]))
    around = inside
    names = asked["real"].names
    if not np.isin(known, names).all():
        around, names = nearest(records(case, "real", known, apart=True), searched, itself=True), known
    return _ratio(outside, around, names, None), _ratio(inside, around, names, asked["real"].names)


def _ratio(found: Neighbours, around: Neighbours, names: Ints, own: Ints | None) -> Doubles:
    place = np.searchsorted(names, found.name[:, 0])
    apart = around.distance[place, 0]
    if own is not None:  # a real record is not its neighbour's neighbour when that one is asked how alone it is
        apart = np.where(around.name[place, 0] == own, around.distance[place, 1], apart)
    tells = (apart > 0) & np.isfinite(apart)
    return np.where(tells, found.distance[:, 0] / np.where(tells, apart, 1.0), np.inf)


Hashes = NDArray[np.uint64]

MAX_SHARED_ROWS = 1e-3  # share of rows that two real records hold where chance cannot repeat a whole window
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
    real, synthetic = record_index(case, "real"), record_index(case, "synthetic")
    rows = {side: _mix_rows(one) for side, one in (("real", real), ("synthetic", synthetic))}
    hashes, owner = _windows(real, rows["real"])
    others, whose = _windows(synthetic, rows["synthetic"])
    hashes, owner = _once(hashes, owner)
    known, at, holders = np.unique(hashes, return_index=True, return_counts=True)
    found = np.isin(others, known[holders == 1])
    copies, control = np.zeros(len(synthetic), dtype=bool), np.zeros(len(real), dtype=bool)
    copies[whose[found]] = True
    control[owner[np.isin(hashes, known[holders == 2])]] = True
    held = np.isin(known, others[found]) & (holders == 1)
    return Twins(copies, control, len(np.unique(owner[at[held]])), _singular(real, rows["real"]))


def _once(hashes: Hashes, owner: Ints) -> tuple[Hashes, Ints]:
    """Sort hashes, and name each record that holds one once."""
    order = np.lexsort((owner, hashes))
    hashes, owner = hashes[order], owner[order]
    first = np.ones(len(hashes), dtype=bool)
    first[1:] = (hashes[1:] != hashes[:-1]) | (owner[1:] != owner[:-1])
    return hashes[first], owner[first]


def _mix_rows(one: RecordIndex) -> Hashes:
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


def _windows(one: RecordIndex, rows: Hashes) -> tuple[Hashes, Ints]:
    """Hash and record of every window in which something changes."""
    last = len(rows) - one.size + 1
    total = np.zeros(last, dtype=np.uint64)
    odd = np.random.default_rng(SEED + 1).integers(2**63, size=one.size, dtype=np.uint64)
    for step in range(one.size):
        total += _mix(rows[step : step + last] ^ odd[step])
    changes = np.concatenate([[0], np.cumsum(rows[1:] != rows[:-1])])
    alike = changes[one.size - 1 :] == changes[:last]
    starts, owner = one.windows(np.arange(len(one)), int(one.count.sum()) * len(one))
    keep = ~alike[starts] | (one.size == 1)  # a single row has no step to be the same
    return total[starts[keep]], owner[keep]


def _singular(real: RecordIndex, rows: Hashes) -> bool:
    """Whether less than one row in a thousand is held by two real records."""
    edges = np.searchsorted(real.first, np.arange(len(rows)), side="right") - 1
    held = np.unique(_once(rows, edges)[0], return_counts=True)[1]
    return bool(held[held > 1].sum() < MAX_SHARED_ROWS * held.sum())
