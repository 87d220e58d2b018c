"""Attacks: whether one can tell whose records the generator was trained on (membership), and what the synthetic table
betrays of someone whose other columns are known (attribute inference).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ...arrays import Doubles, Ints
from ..case import Case
from ..columns import Column
from ..records import Records, chosen, join, nearest, nearest_windows, records
from ..splits import CannotMeasureError
from .base import Grade, Interval, Reference, Result, Scores
from .disclosing import Disclosing, bootstrap, chance_of_excess, gravest, sides, told

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
        return self.result(
            Scores([value] * repeats, controls, 1.0), {"parts": parts}, note, interval, grade=gravest(grades)
        )


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


NEAR = 0.25


class AttributeInference(Disclosing):
    """Share of right guesses of the sensitive column of training records, beside holdout records."""

    name = "attribute_inference"
    title = "Attribute inference"
    question = "Does it betray the sensitive column of someone whose other columns are known?"
    definition = (
        "The attacker knows all columns of a record but the sensitive one, finds the synthetic window nearest to each "
        "of its windows by them, and guesses what stands there, step by step. A guess is right if the level is the "
        "same, or the number within a quarter of a standard deviation (robust, of the real table). The figure is the "
        "share of right guesses for training records, against that for holdout records: what can be guessed of "
        "anyone is knowledge of the population, and only the excess comes from having been in the training table. "
        "Beside it the share that always guessing the commonest value gets right."
    )
    references = (
        Reference(
            "A Unified Framework for Quantifying Privacy Risk in Synthetic Data (Giomi, Boenisch, Wehmeyer & Tasnadi, "
            "2023)",
            "https://arxiv.org/abs/2211.10459",
        ),
        Reference(
            "Privacy Risk in Machine Learning: Analyzing the Connection to Overfitting (Yeom, Giacomelli, Fredrikson & "
            "Jha, 2018)",
            "https://arxiv.org/abs/1709.01604",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "none found": "The sensitive column is guessed no better for records the generator saw than for unseen ones.",
        "suspicious": "The sensitive column is guessed a little better for records the generator saw.",
        "leak": "The sensitive column of records the generator saw can be read off the synthetic table.",
    }
    needs = ("sensitive",)

    def compute(self, case: Case, repeats: int) -> Result:
        """Guess the sensitive column of training and holdout records."""
        real, holdout, synthetic = sides(case, "whether having been in the training table betrays the sensitive column")
        column = case.sensitive
        if column is None or len(case.columns) < 2:
            raise CannotMeasureError("there is no other column by which an attacker could find someone's record")
        tolerance = _tolerance(case, column)
        table = records(case, "synthetic", without=column)
        guesses = _channels(case, "synthetic", table, column)
        common = _common(case, column)
        success, lazy, names = [], [], []
        for side in ("real", "holdout"):
            asked = records(case, side, chosen(case, side), apart=True, without=column)
            truth = _channels(case, side, asked, column)
            guessed = guesses[nearest_windows(asked, table)]
            scores = [_right(truth, guess, column, tolerance, asked) for guess in (guessed, common)]
            known = np.isfinite(scores[0])
            success.append(scores[0][known])
            lazy.append(scores[1][known])
            names.append(asked.names[known])
        if min(map(len, success)) < 2:
            raise CannotMeasureError(f"column {column.name!r} is missing nearly throughout; there is nothing to guess")
        clusters = real.cluster[names[0]], holdout.cluster[names[1]]
        chance = chance_of_excess(success[0], success[1], *clusters)
        share, usual = float(success[0].mean()), float(success[1].mean())
        guess = float(np.concatenate(lazy).mean())
        detail = {
            "column": column.name,
            "excess": share - usual,
            "commonest_value": guess,
            "chance": chance,
            "within": None if column.discrete else tolerance * column.span,
        }
        note = f"Guessed right: {share:.0%} against {usual:.0%} of unseen ones; the commonest value would be right "
        note += f"in {guess:.0%}. {told(real, holdout, synthetic)}".rstrip()
        interval = bootstrap(
            lambda one, _: float(success[0][one].mean()), *clusters, case.rng("attribute inference interval")
        )
        found = self.accuse(share - usual, chance)
        return self.result(Scores([share] * repeats, [usual] * repeats, 1.0), detail, note, interval, grade=found)


def _channels(case: Case, side: str, found: Records, column: Column) -> NDArray[np.float32]:
    """All channels of the sensitive column in each window, `(windows, steps, channels)`."""
    values: NDArray[np.float32] = getattr(case, side).panel.values[:, column.channels]
    return np.asarray(values[found.starts[:, None] + np.arange(case.window)])


def _known(values: NDArray[np.float32], column: Column) -> NDArray[np.bool_]:
    """Where the value is not missing."""
    if column.missing is None:
        return np.ones(values.shape[:-1], dtype=bool)
    return np.asarray(values[..., column.missing - column.start] < 0.5)


def _tolerance(case: Case, column: Column) -> float:
    """How far a right guess of a number may be off, in the judge's scale.

    Raises
    ------
    CannotMeasureError
        If the column never changes.
    """
    values = case.real.panel.values[:, column.channels]
    values = values[_known(values, column)].astype(np.float64)
    if not len(values) or (values == values[0]).all():
        raise CannotMeasureError(f"column {column.name!r} has one value throughout; there is nothing to guess")
    low, high = np.quantile(values[:, 0], [0.25, 0.75])
    return NEAR * ((high - low) / 1.349 or float(values[:, 0].std()))


def _common(case: Case, column: Column) -> NDArray[np.float32]:
    """The commonest level, or the median, as channels `(1, 1, channels)`."""
    values = case.real.panel.values[:, column.channels]
    known = values[_known(values, column)]
    guess = np.zeros(values.shape[1], dtype=np.float32)
    if column.kind == "category":
        guess[int(known.sum(0).argmax())] = 1
    else:
        guess[0] = np.median(known[:, 0])
    return guess[None, None]


def _right(
    truth: NDArray[np.float32], guess: NDArray[np.float32], column: Column, tolerance: float, asked: Records
) -> Doubles:
    """Share of each record's steps that are guessed right; NaN where the truth is missing throughout."""
    if column.kind == "category":
        right = truth.argmax(-1) == guess.argmax(-1)
    else:
        within = 0.5 if column.discrete else tolerance
        right = (np.abs(truth[..., 0] - guess[..., 0]) <= within) & _known(guess, column)
    known = _known(truth, column)
    total = np.bincount(asked.owner, weights=known.sum(1), minlength=len(asked))
    hits = np.bincount(asked.owner, weights=(right & known).sum(1), minlength=len(asked))
    return np.where(total > 0, hits / np.maximum(total, 1), np.nan)
