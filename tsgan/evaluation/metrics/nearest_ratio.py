"""Nearest-neighbour distance ratio: whether a synthetic record points at one training record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..prepare import Case
from ..records import Neighbours, records
from .base import Reference, Result
from .closest_record import count, towards
from .disclosing import Disclosing, chance_of_excess, gravest, sides, told
from .grading import Grade

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

LOW, TESTS = 0.05, 2


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
            chances.append(TESTS * chance_of_excess(*votes, *clusters))
            beyond = (votes[0].mean() - votes[1].mean()) * len(seen) / len(near.name)
            grades.append(self.accuse(float(beyond), chances[-1]))
        detail = {
            "chance": min(1.0, *chances),
            "limit": limit,
            "median_ratio": {"synthetic": _median(near.distance), "holdout": _median(away.distance)},
        }
        note = told(real, holdout, synthetic)
        return self.finding([share] * repeats, [usual] * repeats, gravest(grades), detail, note)


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
