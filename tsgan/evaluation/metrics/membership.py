"""Membership: whether an attacker can tell whose records the generator was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..prepare import Case
from ..records import Records, chosen, join, nearest, records
from .base import Interval, Reference, Result
from .disclosing import Disclosing, bootstrap, chance_of_excess, gravest, sides, told
from .grading import Grade

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

SUSPECTS, TESTS, DENSE = 0.05, 4, 4000


class Membership(Disclosing):
    """AUC of an attack that takes records near to the synthetic table for training records."""

    name = "membership"
    title = "Membership attack"
    question = "Can an attacker tell whose records the generator was trained on?"
    definition = (
        "The attacker holds real records and the synthetic table, and suspects those with a near synthetic record: a "
        "record's score is its distance to the closest synthetic record divided by that to the closest other real "
        "one, so that records in dense places are not suspected for that alone. The figure is the area under the ROC "
        "curve, the chance that a training record is suspected rather than a holdout record: 0.5 is guessing, 1 "
        "certainty. Beside it the same by plain distance, and how many of the 5 % most suspected are training records."
    )
    references = (
        Reference(
            "Membership Inference Attacks Against Machine Learning Models (Shokri, Stronati, Song & Shmatikov, 2017)",
            "https://arxiv.org/abs/1610.05820",
        ),
        Reference(
            "GAN-Leaks: A Taxonomy of Membership Inference Attacks against Generative Models (Chen, Yu, Zhang & "
            "Fritz, 2020)",
            "https://arxiv.org/abs/1909.03935",
        ),
        Reference(
            "Membership Inference Attacks against Synthetic Data through Overfitting Detection (van Breugel, Sun, Qian "
            "& van der Schaar, 2023)",
            "https://arxiv.org/abs/2302.12580",
        ),
        Reference(
            "Membership Inference Attacks From First Principles (Carlini, Chien, Nasr, Song, Terzis & Tramer, 2022), "
            "why the most suspected count",
            "https://arxiv.org/abs/2112.03570",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "none found": "An attacker cannot tell records the generator saw from unseen ones.",
        "suspicious": "An attacker tells records the generator saw from unseen ones a little better than by guessing.",
        "leak": "An attacker can tell of records that the generator saw them.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Attack training and holdout records."""
        real, holdout, synthetic = sides(case, "whether an attacker can tell whose records the generator saw")
        names = chosen(case, "real"), chosen(case, "holdout")
        clusters = real.cluster[names[0]], holdout.cluster[names[1]]
        plain, relative, cut = _scores(case, *names)
        grades: list[Grade] = []
        parts: list[dict[str, Any]] = []
        for name, score in (("relative distance", relative), ("plain distance", plain)):
            suspicion = stats.rankdata(-score) / len(score)
            first = _first(score, SUSPECTS * len(score))
            for auc, x in ((True, suspicion), (False, first)):
                train, held = np.split(x, [cut])
                value = area(score[:cut], score[cut:]) if auc else float(train.mean())
                usual = 0.5 if auc else float(held.mean())
                chance = chance_of_excess(train, held, *clusters)
                grades.append(self.accuse(value - usual, TESTS * chance))
                parts.append(
                    {
                        "part": f"AUC by {name}" if auc else f"among the 5 % most suspected by {name}",
                        "value": value,
                        "real_against_real": usual,
                        "worst": 1.0 if auc else min(float(first.sum()) / cut, 1.0),
                        "grade": grades[-1],
                        "chance": chance,
                    }
                )
        rng = case.rng("membership interval")
        interval = _interval(relative, cut, clusters, rng)
        value = parts[0]["value"]
        controls = [_halves(relative[cut:], case.rng("membership control", repeat)) for repeat in range(repeats)]
        note = told(real, holdout, synthetic)
        return self.finding([value] * repeats, controls, gravest(grades), {"parts": parts}, note, interval)


def _first(score: Doubles, count: float) -> Doubles:
    """How much of each record is among the `count` lowest scores: 1 or 0, and a share where equal scores tie."""
    below, upto = stats.rankdata(score, "min") - 1, stats.rankdata(score, "max")
    return np.asarray(np.clip((count - below) / (upto - below), 0, 1), dtype=np.float64)


def area(train: Doubles, held: Doubles) -> float:
    """Return the chance that a training record's score is below a holdout record's; equal ones count half."""
    ordered = np.sort(held)
    below = np.searchsorted(ordered, train, side="left") + np.searchsorted(ordered, train, side="right")
    return float(1 - below.mean() / (2 * len(held)))


def _scores(case: Case, train: Ints, held: Ints) -> tuple[Doubles, Doubles, int]:
    """Distances of training, then holdout records to the synthetic table: plain, relative; where the latter begin."""
    table = records(case, "synthetic")
    asked = [records(case, side, names, apart=True) for side, names in (("real", train), ("holdout", held))]
    dense = asked
    if len(table.owner) <= DENSE:  # a short piece of a long record may have been copied from anywhere in it
        dense = [records(case, side, names) for side, names in (("real", train), ("holdout", held))]
    plain = np.concatenate([nearest(one, table).distance[:, 0] for one in dense])
    pool = _pool(case, train, held)
    around = nearest(join(*asked), pool, itself=True).distance[:, 0]
    tiny = 1e-3 * float(np.median(around)) or 1e-9
    around = np.where(np.isfinite(around), around, tiny)
    return plain, np.log(plain + tiny) - np.log(around + tiny), len(train)


def _pool(case: Case, train: Ints, held: Ints) -> Records:
    """All records that are attacked, as what the attacker knows of real records."""
    return join(records(case, "real", train), records(case, "holdout", held))


def _interval(score: Doubles, cut: int, clusters: tuple[Ints, Ints], rng: np.random.Generator) -> Interval:
    train, held = score[:cut], score[cut:]
    return bootstrap(lambda one, two: area(train[one], held[two]), *clusters, rng)


def _halves(held: Doubles, rng: np.random.Generator) -> float:
    """The attack on two halves of the holdout, neither of which the generator saw."""
    order = rng.permutation(len(held))
    return area(held[order[::2]], held[order[1::2]])
