"""Attribute inference: what the synthetic table betrays of someone whose other columns are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..columns import Column
from ..prepare import Case
from ..records import Records, chosen, nearest_windows, records
from ..splits import CannotMeasureError
from .base import Reference, Result
from .disclosing import Disclosing, bootstrap, chance_of_excess, sides, told
from .grading import Grade

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

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
        return self.finding([share] * repeats, [usual] * repeats, found, detail, note, interval)


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
