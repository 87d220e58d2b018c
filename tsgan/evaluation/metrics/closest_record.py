"""Whether synthetic records are nearer to training records than to others (distance to the closest record), and whether
they point at one of them (ratio of the distances to the nearest two).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ...arrays import Doubles, Ints
from ..case import Case
from ..records import Neighbours, Records, chosen, nearest, records, remembered
from .base import Grade, Reference, Result, Scores
from .disclosing import Disclosing, bootstrap, chance_of_excess, gravest, sides, told

CLOSE, TESTS = 0.05, 3


class ClosestRecord(Disclosing):
    """How much likelier a synthetic record's closest real record is a training than a holdout record."""

    name = "closest_record"
    title = "Closest records"
    question = "Are synthetic records closer to the records the generator saw than to others?"
    definition = (
        "For each synthetic record the closest among all training and holdout records is found (equal distances count "
        "half). With t the number found per training record and h the number found per holdout record, the figure is "
        "t / (t + h): the share closer to training that equally many of both would give. 0.5: the generator treats "
        "both alike; 1: a copy of the training table. Beside it the share of synthetic records that come closer to a "
        "training record than all but 5 % of the holdout records do. The test relabels training and holdout records, "
        "so that a generator is not accused of being merely poor."
    )
    references = (
        Reference(
            "Holdout-Based Empirical Assessment of Mixed-Type Synthetic Data (Platzer & Reutterer, 2021)",
            "https://arxiv.org/abs/2104.00635",
        ),
        Reference(
            "CTAB-GAN: Effective Table Data Synthesizing (Zhao, Kunar, Birke & Chen, 2021)",
            "https://arxiv.org/abs/2102.08369",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "none found": "Synthetic records come no closer to the records the generator saw than to unseen ones.",
        "suspicious": "Synthetic records come a little closer to the records the generator saw than to unseen ones.",
        "leak": "Synthetic records cling to the records the generator saw: it repeats what it should have learned.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the way to the closest training record with that to the closest holdout record."""
        real, holdout, synthetic = sides(case, "whether synthetic records cling to those the generator saw")
        seen, others = records(case, "real"), records(case, "holdout")
        near, far = towards(case, "synthetic", seen, others)
        away, own = towards(case, "holdout", seen, others)
        clusters = real.cluster[seen.names], holdout.cluster[others.names]
        limit = float(np.quantile(away.distance[:, 0], CLOSE))
        ballot = votes(near, far, seen, others)
        value = share(*ballot)
        grades = [self.accuse(value - 0.5, TESTS * (chances := [chance_of_excess(*ballot, *clusters)])[0])]
        # the nearer, the fewer come there by chance: half the limit finds few copies among many fresh records
        for within in (limit, limit / 2):
            few = votes(near, far, seen, others, within)
            beyond = (few[0].mean() - few[1].mean()) * len(seen) / len(near.name)
            chances.append(chance_of_excess(*few, *clusters))
            grades.append(self.accuse(float(beyond), TESTS * chances[-1]))
        part: dict[str, Any] = {
            "part": "very close to a training record",
            "value": float((near.distance[:, 0] < limit).mean()),
            "real_against_real": float((away.distance[:, 0] < limit).mean()),
            "worst": 1.0,
            "grade": gravest(grades[1:]),
        }
        interval = bootstrap(
            lambda one, two: share(ballot[0][one], ballot[1][two]), *clusters, case.rng("closest record interval")
        )
        control = share(*votes(away, own, seen, others))
        detail = {"parts": [part], "chance": min(1.0, TESTS * min(chances)), "limit": limit}
        note = told(real, holdout, synthetic)
        return self.result(
            Scores([value] * repeats, [control] * repeats, 1.0), detail, note, interval, grade=gravest(grades)
        )


def towards(case: Case, side: str, seen: Records, others: Records) -> tuple[Neighbours, Neighbours]:
    """Return the nearest training and the nearest holdout records of a side's records."""
    asked = records(case, side, chosen(case, side), apart=True)
    return (
        remembered(case, f"{side} to real", lambda: nearest(asked, seen)),
        remembered(case, f"{side} to holdout", lambda: nearest(asked, others, itself=side == "holdout")),
    )


def votes(
    near: Neighbours, far: Neighbours, seen: Records, others: Records, limit: float = np.inf
) -> tuple[Doubles, Doubles]:
    """Count for each training and holdout record those that are closest to it of all, and closer than `limit`.

    Returns
    -------
    training, holdout : float64 arrays of shape (records,)
    """
    one, two = near.distance[:, 0], far.distance[:, 0]
    close = np.minimum(one, two) < limit
    win = np.where(one < two, 1.0, np.where(one == two, 0.5, 0.0))
    return count(near.name[:, 0], seen, win * close), count(far.name[:, 0], others, (1 - win) * close)


def count(names: Ints, everyone: Records, weights: Doubles) -> Doubles:
    """Add up the weights of each record's mentions, `(records,)`."""
    place = np.searchsorted(everyone.names, names)
    return np.bincount(place, weights=weights, minlength=len(everyone)).astype(np.float64)


def share(training: Doubles, holdout: Doubles) -> float:
    """Share of votes that training records would get if there were equally many of both; 0.5 where there are none."""
    one, two = float(training.mean()), float(holdout.mean())
    return one / (one + two) if one + two else 0.5


LOW, TESTS_NEAREST_RATIO = 0.05, 2


class NearestRatio(Disclosing):
    """Share of synthetic records that are much nearer to one training record than to the next."""

    name = "nearest_ratio"
    title = "Nearest of two records"
    question = "Do synthetic records point at single records?"
    definition = (
        "The nearest-neighbour distance ratio of a record is its distance to the nearest training record divided by "
        "that to the second nearest; near 0 it points at one person, near 1 at nobody. The figure is the share of "
        "synthetic records whose ratio is below the 5 % quantile of the holdout records' ratios: 0.05 is as good as "
        "unseen real records, 1 is a copy. The test asks whether those pointed at are training rather than holdout "
        "records, both searched together, more often than relabelling them would give."
    )
    references = (
        Reference(
            "Distinctive Image Features from Scale-Invariant Keypoints (Lowe, 2004), which introduced the ratio",
            "https://doi.org/10.1023/B:VISI.0000029664.99615.94",
        ),
        Reference(
            "CTAB-GAN: Effective Table Data Synthesizing (Zhao, Kunar, Birke & Chen, 2021)",
            "https://arxiv.org/abs/2102.08369",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "none found": "Synthetic records point at the records the generator saw no more than unseen records do.",
        "suspicious": "Some synthetic records point at single records that the generator saw.",
        "leak": "Many synthetic records point at single records that the generator saw.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the ratios of synthetic and of holdout records."""
        real, holdout, synthetic = sides(case, "whether synthetic records point at those the generator saw")
        seen, others = records(case, "real"), records(case, "holdout")
        near, far = towards(case, "synthetic", seen, others)
        away = towards(case, "holdout", seen, others)[0]
        clusters = real.cluster[seen.names], holdout.cluster[others.names]
        limit = float(np.quantile(ratio(away.distance), LOW))
        share, usual = (float((ratio(found.distance) < limit).mean()) for found in (near, away))
        grades, chances = [], []
        # the lower, the fewer come there by chance: half the limit finds few copies among many fresh records
        for below in (limit, limit / 2):
            train, held = _pointed_at(near, far, below)
            votes = count(train, seen, np.ones(len(train))), count(held, others, np.ones(len(held)))
            chances.append(TESTS_NEAREST_RATIO * chance_of_excess(*votes, *clusters))
            beyond = (votes[0].mean() - votes[1].mean()) * len(seen) / len(near.name)
            grades.append(self.accuse(float(beyond), chances[-1]))
        detail = {
            "chance": min(1.0, *chances),
            "limit": limit,
            "median_ratio": {"synthetic": _median(near.distance), "holdout": _median(away.distance)},
        }
        note = told(real, holdout, synthetic)
        return self.result(Scores([share] * repeats, [usual] * repeats, 1.0), detail, note, grade=gravest(grades))


def ratio(distance: Doubles) -> Doubles:
    """Nearest by second nearest, `(n, 2)` to `(n,)`; 1 where both are 0 or there is no second."""
    second = np.where(np.isfinite(distance[:, 1]) & (distance[:, 1] > 0), distance[:, 1], np.nan)
    return np.nan_to_num(distance[:, 0] / second, nan=1.0)


def _median(distance: Doubles) -> float:
    return float(np.median(ratio(distance)))


def _pointed_at(near: Neighbours, far: Neighbours, limit: float) -> tuple[Ints, Ints]:
    """Training and holdout records that are pointed at among all of both, once for each synthetic record."""
    both = np.sort(np.concatenate([near.distance, far.distance], axis=1), axis=1)[:, :2]
    points = ratio(both) < limit
    train = near.distance[:, 0] < far.distance[:, 0]
    return near.name[points & train, 0], far.name[points & ~train, 0]
