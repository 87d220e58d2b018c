"""What the metrics of disclosure share: their grades, and a test that knows which records belong together.

All of them ask whether training records are treated otherwise than holdout records. Without disclosure the two are
exchangeable: which real records the generator saw then says nothing about its output. So each training and holdout
record gets a number (how near the synthetic table comes to it, say), and the test is whether the training ones' mean
is higher than relabelling would make it. A generator that is merely poor treats both alike and is not accused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
from scipy import stats

from ...arrays import Doubles, Ints
from ..case import Case
from ..records import MAX_QUERIES, MAX_REFERENCES, RecordIndex, record_index
from ..splits import CannotMeasureError
from .base import ALPHA, Grade, Interval, Metric

MIN_RECORDS = 8  # of a table: with fewer, chance does anything
MIN_CLUSTERS_POOLED, MIN_CLUSTERS_FINE = 60, 20  # for one variance of both sides; to see more than a coarse leak
RESAMPLES = 400  # of a bootstrap: its quantiles are then good to a tenth of the interval
DOUBTFUL = 10 * ALPHA  # chance below which a finding is at least suspicious
MIN_LEAK = 0.05  # excess from which on a certain finding is a leak
UNCLEAR_EXCESS, UNCLEAR_CHANCE = 0.15, 0.02  # an excess so large, and by chance so rarely, is not nothing
UNCLEAR = "Too few records to say: what was found may be chance, and a leak may hide behind it."


class Disclosing(Metric):
    """A metric of what a synthetic table gives away. The bad end is a copy of the real table."""

    section = "disclosure"
    better = "lower"
    zero_is_perfect = False
    unclear = UNCLEAR
    least: ClassVar[float] = MIN_LEAK

    def accuse(self, excess: float, chance: float) -> Grade:
        """Grade by the share given away beyond what is expected without disclosure, and the chance of as much."""
        if chance <= ALPHA and excess >= self.least:
            return "leak"
        if chance <= DOUBTFUL:
            return "suspicious"
        return "unclear" if excess >= UNCLEAR_EXCESS and chance <= UNCLEAR_CHANCE else "none found"


ORDER: tuple[Grade, ...] = ("none found", "unclear", "suspicious", "leak")


def gravest(grades: Sequence[Grade]) -> Grade:
    """Return the worst of several grades."""
    return max(grades, key=ORDER.index)


def sides(case: Case, unknown: str) -> tuple[RecordIndex, RecordIndex, RecordIndex]:
    """Return the records of training, holdout and synthetic table; `unknown` is what nobody can know without a holdout.

    Raises
    ------
    CannotMeasureError
        If there is no holdout table, or a table has too few records.
    """
    if case.holdout is None:
        raise CannotMeasureError(
            f"without real records that the generator has not seen, nobody can know {unknown}; split the real table "
            f"with train_holdout_split before fitting, fit on the first part and pass the second as holdout=",
            "holdout",
        )
    found = record_index(case, "real"), record_index(case, "holdout"), record_index(case, "synthetic")
    for one, side in zip(found, ("real", "holdout", "synthetic"), strict=True):
        require_records(one, side)
    return found


def require_records(records: RecordIndex, side: str) -> None:
    """Refuse a table with too few records, as a score that cannot be measured."""
    if len(records) < MIN_RECORDS:
        raise CannotMeasureError(
            f"the {side} table holds only {len(records)} {records.word}; at least {MIN_RECORDS} are needed to "
            f"speak of chance"
        )


def note_on_records(real: RecordIndex, *others: RecordIndex, drawn: bool = True) -> str:
    """Say what a record is where it is no entity, that few show little, and how many were drawn of many, if any."""
    words = [f"Records are {real.word}; those of one sequence are not taken to be independent."] if real.blocks else []
    if min(len(np.unique(one.cluster)) for one in (real, *others)) < MIN_CLUSTERS_FINE:
        words.append("With so few independent records only a coarse leak would show.")
    if drawn and max(map(len, (real, *others))) > MAX_QUERIES:
        words.append(f"At most {MAX_QUERIES} records, drawn at random, were compared with at most {MAX_REFERENCES}.")
    return " ".join(words)


def chance_of_excess(train: Doubles, held: Doubles, train_cluster: Ints, held_cluster: Ints) -> float:
    """Return the chance that training records score as much higher than holdout ones if nothing is disclosed.

    Clusters of records, not records, are taken to be independent. With at least 60 of them the variance is that of
    relabelled clusters; with fewer each side has its own ("The generalization of 'Student's' problem when several
    different population variances are involved", Welch, 1947, https://doi.org/10.2307/2332510).
    """
    difference = float(train.mean() - held.mean())
    if difference <= 0:
        return 1.0
    count = len(np.unique(train_cluster)), len(np.unique(held_cluster))
    if sum(count) >= MIN_CLUSTERS_POOLED:
        middle = float(np.concatenate([train, held]).mean())
        sums = np.concatenate([_sums(train - middle, train_cluster), _sums(held - middle, held_cluster)])
        each = float((sums**2).sum()) / (len(sums) - 1)
        variance = each * (count[0] / len(train) ** 2 + count[1] / len(held) ** 2)
        return float(stats.norm.sf(difference / np.sqrt(variance))) if variance > 0 else 1.0
    parts = [
        float((_sums(x - x.mean(), cluster) ** 2).sum()) / len(x) ** 2 * number / (number - 1) if number > 1 else np.inf
        for x, cluster, number in zip((train, held), (train_cluster, held_cluster), count, strict=True)
    ]
    if not np.isfinite(sum(parts)):
        return 1.0
    if sum(parts) == 0:
        return 0.0
    freedom = sum(parts) ** 2 / sum(part**2 / (number - 1) for part, number in zip(parts, count, strict=True))
    return float(stats.t.sf(difference / np.sqrt(sum(parts)), freedom))


def _sums(x: Doubles, cluster: Ints) -> Doubles:
    place = np.unique(cluster, return_inverse=True)[1]
    return np.bincount(place, weights=x).astype(np.float64)


def bootstrap(
    statistic: Callable[[Ints, Ints], float], train_cluster: Ints, held_cluster: Ints, rng: np.random.Generator
) -> Interval:
    """Return the 95 % interval of a statistic of numbers of training and holdout records, drawn anew by clusters."""
    found = [statistic(_resample(train_cluster, rng), _resample(held_cluster, rng)) for _ in range(RESAMPLES)]
    low, high = np.nanquantile(found, [0.025, 0.975])
    return float(low), float(high)


def _resample(cluster: Ints, rng: np.random.Generator) -> Ints:
    place = np.unique(cluster, return_inverse=True)[1]
    drawn = np.bincount(rng.integers(place.max() + 1, size=place.max() + 1), minlength=place.max() + 1)
    return np.repeat(np.arange(len(cluster)), drawn[place])
