"""Which level follows which."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import numpy as np

from ..columns import Column
from ..prepare import Case
from ..splits import CannotMeasureError
from .base import Metric, Reference, Result
from .figures import Figure, Row, result
from .grading import Grade
from .novelty import chance_of_news, singles
from .units import DEALS, Doubles, Pair
from .values import levels_of, names_of

LEAST_WORST = 0.1
SHOWN = 12


class Transitions(Metric):
    """Difference of the transition matrices of categories and booleans."""

    name = "transitions"
    section = "time"
    title = "What follows what"
    question = "Does each level of a category pass to the next as it should?"
    definition = (
        "For each category or boolean that changes in time, the matrix of the shares with which a level is followed "
        "by each other, or by itself, one step later. The figure is half the sum of the absolute differences along a "
        "row of the matrix, averaged over rows in the shares of the real levels: the share of steps that would have "
        "to lead elsewhere, between 0 and 1. The score is the mean over columns. A column is also graded by the share "
        "of synthetic steps that no real sequence takes (real against real: that no other sequence takes). The "
        "useless table passes from any level to any other alike; where that is near the real one, 0.1 counts as "
        "useless. A missing value is a level of its own in a category, and breaks the sequence in a boolean."
    )
    references = (
        Reference(
            "Statistical Inference about Markov Chains (Anderson & Goodman, 1957)",
            "https://doi.org/10.1214/aoms/1177707039",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Levels follow one another as in the real data.",
        "close": "Levels follow one another almost as in the real data.",
        "visible": "Some levels are followed by others too often, or too rarely.",
        "far": "Which level follows which has little to do with the real data.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the matrices column by column."""
        columns = [column for column in case.columns if column.discrete and not column.static]
        if not columns:
            raise CannotMeasureError("no column holds categories or booleans that change in time")
        pair = Pair.of(case, self.name)
        rows = [row for column in columns if (row := _row(column, pair)) is not None]
        if not rows:
            raise CannotMeasureError("no category or boolean has two steps in a row without a gap in both tables")
        return result(self, rows, repeats)


def _row(column: Column, pair: Pair) -> Row | None:
    """Return what was found of a column; None where it has no steps in one of the tables."""
    names = names_of(column)
    size = len(names)
    steps, codes = [], []
    for sample in (pair.real, pair.other):
        levels = levels_of(column, sample.values)
        codes.append(np.r_[0, levels[:-1]] * size + levels)
        known = np.ones(len(levels), dtype=np.bool_) if column.kind == "category" else column.present(sample.values)
        steps.append(sample.steps(known))
    if not (steps[0].any() and steps[1].any()):
        return None
    found = pair.shares(codes[0], codes[1], size**2, (steps[0], steps[1]))
    alike = np.full(size**2, 1 / size**2)
    worst = max(float(distance(alike, found.real, size)), LEAST_WORST)
    figures = {"moved": Figure.of(partial(distance, real=found.real, size=size), found, worst)}
    alone, holders = singles(codes[0], pair.real.units, steps[0], size**2)
    never = found.real[codes[1]] == 0
    new = never & steps[1]
    share, control = float(found.other[found.real == 0].sum()), float(found.real[alone].sum())
    chance = chance_of_news(len(np.unique(pair.other.units[new])), holders, pair.real.count, pair.other.count)
    worst = max(float((found.real == 0).mean()), LEAST_WORST)
    figures["new"] = Figure(share, np.full((2, DEALS), control), worst, chance)
    matrices = {
        name: matrix(shares, size).round(4).tolist()
        for name, shares in (("real", found.real), ("synthetic", found.other))
    }
    return Row(column.name, figures, {"levels": list(names), "matrices": matrices} if size <= SHOWN else {})


def matrix(shares: Doubles, size: int) -> Doubles:
    """Shares of pairs `(..., size ** 2)` to transition probabilities `(..., size, size)`; an absent level has zeros."""
    square = np.clip(shares, 0, None).reshape(*shares.shape[:-1], size, size)
    total = square.sum(axis=-1, keepdims=True)
    return np.asarray(square / np.where(total > 0, total, 1.0))


def distance(shares: Doubles, real: Doubles, size: int) -> Doubles:
    """Share of steps that would have to lead elsewhere, starting from the real levels, `(...)`.

    From a level that the other table lacks nothing is known; `marginals` sees it, and here it counts as right.
    """
    other, truth = matrix(shares, size), matrix(real, size)
    weights = real.reshape(size, size).sum(axis=1)
    apart = np.abs(other - truth).sum(axis=-1) / 2
    return np.asarray(np.where(other.sum(axis=-1) > 0, apart, 0.0) @ weights)
