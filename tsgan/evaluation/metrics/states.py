"""Which level of a category or boolean follows which, and how long it stays at one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import numpy as np

from ...arrays import Bools, Doubles, Ints, steps_within
from ..case import Case
from ..columns import Column
from ..splits import CannotMeasureError
from .base import Grade, Metric, Reference, Result
from .figures import MIN_WORST, Figure, Row, difference, levels_known, levels_of, names_of, result_of_rows
from .units import DEALS, Pair, Sample, chance_of_new, in_one_unit

MAX_LEVELS_SHOWN = 12  # larger matrices do not fit the page


class Transitions(Metric):
    """Difference of the transition matrices of categories and booleans."""

    name = "transitions"
    section = "time"
    least_steps = 2
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
        columns = _moving_levels(case)
        pair = Pair.of(case, self.name)
        rows = [row for column in columns if (row := _row(column, pair)) is not None]
        if not rows:
            raise CannotMeasureError("no category or boolean has two steps in a row without a gap in both tables")
        return result_of_rows(self, rows, repeats)


def _moving_levels(case: Case) -> list[Column]:
    """Categories and booleans that may change from step to step."""
    columns = [column for column in case.columns if column.discrete and not column.static]
    if not columns:
        raise CannotMeasureError("no column holds categories or booleans that change in time")
    return columns


def _row(column: Column, pair: Pair) -> Row | None:
    """Return what was found of a column; None where it has no steps in one of the tables."""
    names = names_of(column)
    size = len(names)
    steps, codes = [], []
    for sample in (pair.real, pair.other):
        levels = levels_of(column, sample.values)
        codes.append(np.r_[0, levels[:-1]] * size + levels)
        steps.append(sample.steps(levels_known(column, sample.values)))
    if not (steps[0].any() and steps[1].any()):
        return None
    found = pair.shares(codes[0], codes[1], size**2, (steps[0], steps[1]))
    alike = np.full(size**2, 1 / size**2)
    worst = max(float(distance(alike, found.real, size)), MIN_WORST)
    figures = {"moved": Figure.of(partial(distance, real=found.real, size=size), found, worst)}
    alone, holders = in_one_unit(codes[0], pair.real.units, steps[0], size**2)
    never = found.real[codes[1]] == 0
    new = never & steps[1]
    share, control = float(found.other[found.real == 0].sum()), float(found.real[alone].sum())
    chance = chance_of_new(len(np.unique(pair.other.units[new])), holders, pair.real.count, pair.other.count)
    worst = max(float((found.real == 0).mean()), MIN_WORST)
    figures["new"] = Figure(share, np.full((2, DEALS), control), worst, chance)
    matrices = {
        name: matrix(shares, size).round(4).tolist()
        for name, shares in (("real", found.real), ("synthetic", found.other))
    }
    return Row(column.name, figures, {"levels": list(names), "matrices": matrices} if size <= MAX_LEVELS_SHOWN else {})


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


USELESS_STEPS = 2000


class RunLengths(Metric):
    """Difference of the distributions of run lengths of categories and booleans."""

    name = "run_lengths"
    section = "time"
    least_steps = 2
    title = "How long a level stays"
    question = "Does each level of a category last as long as it should?"
    definition = (
        "Sequences of both tables are cut alike, into pieces of one window without overlap (what is left at the end "
        "of a sequence is not used), and within a piece steps at one level in a row are a run. For each category or "
        "boolean that changes in time and each of its levels: the share of its runs of at most so many steps, and the "
        "largest difference between real and synthetic over all lengths; averaged over levels by their real runs. The "
        "score, between 0 and 1, is the mean over columns. A column is also graded by the number of runs per step. "
        "The useless table draws each step's level afresh, any level alike; where that is near the real one, 0.1 "
        "counts as useless. A missing value is a level of its own in a category; in a boolean its pieces are left out."
    )
    references = (
        Reference(
            "The Distribution Theory of Runs (Mood, 1940)",
            "https://doi.org/10.1214/aoms/1177731825",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Levels last as long as in the real data.",
        "close": "Levels last almost as long as in the real data.",
        "visible": "Some levels last too long, or not long enough.",
        "far": "How long levels last has little to do with the real data.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare column by column, within pieces of one window."""
        columns = _moving_levels(case)
        pair = Pair.of(case, self.name)
        pieces = [_pieces(sample, case.window) for sample in (pair.real, pair.other)]
        rng = case.rng(f"{self.name} useless")
        rows = [row for column in columns if (row := _runs_row(column, pair, pieces, rng)) is not None]
        if not rows:
            raise CannotMeasureError(f"no boolean has {case.window} steps in a row without a gap in both tables")
        return result_of_rows(self, rows, repeats)


def _runs_row(column: Column, pair: Pair, pieces: list[Ints], rng: np.random.Generator) -> Row | None:
    """Return what was found of a column; None where it has no whole piece in one of the tables."""
    window, size = pieces[0].shape[1], len(names_of(column))
    one, two = (_runs_of(column, *side) for side in zip((pair.real, pair.other), pieces, strict=True))
    if not (one[1].any() and two[1].any()):
        return None
    found = pair.shares(one[0], two[0], size * window, (one[1], two[1]))
    noise = np.resize(rng.integers(size, size=USELESS_STEPS), (max(USELESS_STEPS // window, 1), window))
    random = np.bincount((noise * window + runs(noise) - 1).ravel(), minlength=size * window) / noise.size

    def apart(shares: Doubles) -> Doubles:
        return runs_distance(shares, found.real, window)

    def rate(shares: Doubles) -> Doubles:
        return np.asarray((shares / np.tile(np.arange(1, window + 1), size)).sum(axis=-1))

    means = float(rate(found.real)), float(rate(found.other))
    worst = max(abs(float(rate(random)) - means[0]), MIN_WORST)
    figures = {
        "apart": Figure.of(apart, found, max(float(apart(random)), MIN_WORST)),
        "rate": difference(means[1], means[0], rate(found.chance), worst),
    }
    return Row(column.name, figures, {"mean_real": 1 / means[0], "mean_synthetic": 1 / means[1]})


def _pieces(sample: Sample, window: int) -> Ints:
    """Rows of each whole piece, `(pieces, window)`: those of a sequence follow each other without overlap."""
    starts = np.flatnonzero(~sample.follows)
    lengths = np.diff(np.r_[starts, len(sample.follows)])
    counts = lengths // window
    first = np.repeat(starts, counts)
    return np.asarray((first + steps_within(counts) * window)[:, None] + np.arange(window))


def _runs_of(column: Column, sample: Sample, pieces: Ints) -> tuple[Ints, Bools]:
    """Number of each row's level and run length, and whether it counts: those of pieces without a gap do."""
    whole = pieces[levels_known(column, sample.values)[pieces].all(axis=1)]
    levels = levels_of(column, sample.values)
    codes, kept = np.zeros(len(levels), dtype=np.int64), np.zeros(len(levels), dtype=np.bool_)
    codes[whole] = levels[whole] * pieces.shape[1] + runs(levels[whole]) - 1
    kept[whole] = True
    return codes, kept


def runs(levels: Ints) -> Ints:
    """Length of the run that each step lies in, `(pieces, window)` of levels to the same shape."""
    new = np.ones(levels.shape, dtype=np.bool_)
    new[:, 1:] = levels[:, 1:] != levels[:, :-1]
    number = np.cumsum(new.ravel()) - 1
    return np.asarray(np.bincount(number)[number].reshape(levels.shape) if levels.size else levels)


def runs_distance(shares: Doubles, real: Doubles, window: int) -> Doubles:
    """Mean over real levels of the largest difference in the share of runs up to any length, `(...)`.

    Shares are of steps, `(..., levels * window)`: a run of k steps counts k times, and is here counted once. A level
    that the other table lacks lasts for no time that could be compared: it counts as right.
    """
    lengths = np.arange(1, window + 1)
    sides = [np.clip(side, 0, None).reshape(*side.shape[:-1], -1, window) / lengths for side in (shares, real)]
    sums = [side.sum(axis=-1, keepdims=True) for side in sides]
    other, truth = (
        np.cumsum(side / np.where(total > 0, total, 1), -1) for side, total in zip(sides, sums, strict=True)
    )
    apart = np.abs(other - truth).max(axis=-1)
    return np.asarray(np.where(sums[0][..., 0] > 0, apart, 0.0) @ sums[1][..., 0] / sums[1].sum())
