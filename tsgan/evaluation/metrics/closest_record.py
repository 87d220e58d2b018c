"""Whether synthetic records are nearer to training records than to others (distance to the closest record), and whether
they point at one of them (ratio of the distances to the nearest two).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ...arrays import Bools, Doubles, Ints
from ..case import Case
from ..records import Neighbours, Records, chosen, nearest, records, remembered
from .base import Grade, Reference, Result, Scores
from .disclosing import Disclosing, bootstrap, chance_of_excess, gravest, note_on_records, sides

CLOSE = 0.05  # share of holdout records that come closer to a training record than the limit


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
        search, control = (_Search.of(case, side) for side in ("synthetic", "holdout"))
        clusters = real.cluster[search.train.names], holdout.cluster[search.held.names]
        limit = float(np.quantile(control.near.distance[:, 0], CLOSE))
        train, held = search.votes()
        value, usual = share(train, held), share(*control.votes())
        excesses = [(value - 0.5, chance_of_excess(train, held, *clusters))]
        # the nearer, the fewer come there by chance: half the limit finds few copies among many fresh records
        excesses += [search.excess(clusters, *search.votes(within)) for within in (limit, limit / 2)]
        grades = [self.accuse(excess, len(excesses) * chance) for excess, chance in excesses]
        part: dict[str, Any] = {
            "part": "very close to a training record",
            "value": float((search.near.distance[:, 0] < limit).mean()),
            "real_against_real": float((control.near.distance[:, 0] < limit).mean()),
            "worst": 1.0,
            "grade": gravest(grades[1:]),
        }
        rng = case.rng("closest record interval")
        interval = bootstrap(lambda one, two: share(train[one], held[two]), *clusters, rng)
        least = min(chance for _, chance in excesses)
        detail = {"parts": [part], "chance": min(1.0, len(excesses) * least), "limit": limit}
        scores, note = Scores([value] * repeats, [usual] * repeats, 1.0), note_on_records(real, holdout, synthetic)
        return self.result(scores, detail, note, interval, grade=gravest(grades))


@dataclass(frozen=True)
class _Search:
    """All training and holdout records, and the nearest of both of each record of one side."""

    train: Records
    held: Records
    near: Neighbours
    far: Neighbours

    @classmethod
    def of(cls, case: Case, side: str) -> _Search:
        train, held = (remembered(case, f"{one} searched", partial(records, case, one)) for one in ("real", "holdout"))
        asked = records(case, side, chosen(case, side), apart=True)
        near = remembered(case, f"{side} to real", partial(nearest, asked, train))
        far = remembered(case, f"{side} to holdout", partial(nearest, asked, held, itself=side == "holdout"))
        return cls(train, held, near, far)

    def votes(self, limit: float = np.inf) -> tuple[Doubles, Doubles]:
        """Count for each training and each holdout record those to which it is the closest of all, within `limit`."""
        one, two = self.near.distance[:, 0], self.far.distance[:, 0]
        close = np.minimum(one, two) < limit
        win = np.where(one < two, 1.0, np.where(one == two, 0.5, 0.0))
        return self._count(win * close, (1 - win) * close)

    def pointed_at(self, limit: float) -> tuple[Doubles, Doubles]:
        """Count how often each training and each holdout record is pointed at among all of both."""
        both = np.sort(np.concatenate([self.near.distance, self.far.distance], axis=1), axis=1)[:, :2]
        points, train = ratio(both) < limit, self.near.distance[:, 0] < self.far.distance[:, 0]
        return self._count(points & train, points & ~train)

    def excess(self, clusters: tuple[Ints, Ints], train: Doubles, held: Doubles) -> tuple[float, float]:
        """Share of those who searched that count for training records beyond holdout ones; and the chance of it."""
        beyond = (train.mean() - held.mean()) * len(self.train) / len(self.near.name)
        return float(beyond), chance_of_excess(train, held, *clusters)

    def _count(self, train: Doubles | Bools, held: Doubles | Bools) -> tuple[Doubles, Doubles]:
        """Add up the weights with which each training and each holdout record is the nearest."""
        found = []
        for names, everyone, weights in ((self.near.name, self.train, train), (self.far.name, self.held, held)):
            place = np.searchsorted(everyone.names, names[:, 0])
            found.append(np.bincount(place, weights=weights, minlength=len(everyone)).astype(np.float64))
        return found[0], found[1]


def share(training: Doubles, holdout: Doubles) -> float:
    """Share of votes that training records would get if there were equally many of both; 0.5 where there are none."""
    one, two = float(training.mean()), float(holdout.mean())
    return one / (one + two) if one + two else 0.5


LOW = 0.05  # share of holdout records whose ratio is below the limit


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
        search, control = (_Search.of(case, side) for side in ("synthetic", "holdout"))
        clusters = real.cluster[search.train.names], holdout.cluster[search.held.names]
        ratios, usual_ratios = ratio(search.near.distance), ratio(control.near.distance)
        limit = float(np.quantile(usual_ratios, LOW))
        value, usual = float((ratios < limit).mean()), float((usual_ratios < limit).mean())
        # the lower, the fewer come there by chance: half the limit finds few copies among many fresh records
        excesses = [search.excess(clusters, *search.pointed_at(below)) for below in (limit, limit / 2)]
        grades = [self.accuse(excess, len(excesses) * chance) for excess, chance in excesses]
        detail = {
            "chance": min(1.0, len(excesses) * min(chance for _, chance in excesses)),
            "limit": limit,
            "median_ratio": {"synthetic": float(np.median(ratios)), "holdout": float(np.median(usual_ratios))},
        }
        scores, note = Scores([value] * repeats, [usual] * repeats, 1.0), note_on_records(real, holdout, synthetic)
        return self.result(scores, detail, note, grade=gravest(grades))


def ratio(distance: Doubles) -> Doubles:
    """Nearest by second nearest, `(n, 2)` to `(n,)`; 1 where both are 0 or there is no second."""
    second = np.where(np.isfinite(distance[:, 1]) & (distance[:, 1] > 0), distance[:, 1], np.nan)
    return np.nan_to_num(distance[:, 0] / second, nan=1.0)
