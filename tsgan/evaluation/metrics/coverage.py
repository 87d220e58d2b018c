"""Whether the whole variety of the real data is there: precision, recall, density, coverage, and repetition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...arrays import Doubles, Floats, Ints
from ..case import Case
from ..judges.embedding import Axes, Embedding
from ..splits import CannotMeasureError, parts
from .base import RANK, Grade, Metric, Reference, Result, Scores, Table
from .draws import CONTROLS, stretches, thinned, useless

MOST, MOST_BY_COLUMN = 1000, 400
KERNELS_BY_COLUMN = 50
AXES = 16
NEIGHBOURS = 5
CLOSE = 0.05
PARTS = ("coverage", "recall", "variety", "density", "precision")
FEWEST = 10


class Coverage(Metric):
    """Share of real windows in whose neighbourhood there is a synthetic one."""

    name = "coverage"
    section = "coverage"
    title = "Coverage"
    question = "Is every kind of real window also found in the synthetic table, and in its true variety?"
    definition = (
        "Windows are placed on at most 16 leading axes of what random convolutions, and the windows themselves, show "
        "of the real ones. A window's neighbourhood reaches to the nearest window of the 5th nearest other sequence "
        "(or stretch of time) of its own table. Coverage: the share of real neighbourhoods that hold a synthetic "
        "window; also for each column by itself. Recall: the share of real windows within some synthetic "
        "neighbourhood. Precision: the share of synthetic windows within some real neighbourhood. Density: how many "
        "synthetic sequences a real neighbourhood holds, over 5. Variety: the share of synthetic windows that are no "
        "closer to another synthetic sequence than the closest 5 % of real windows are to another real one; it falls "
        "where a generator repeats itself. As many sequences, and as many windows of each, are drawn from either "
        "side, up to 1000 windows. Useless is uniform noise; for recall and variety, a table that repeats one window."
    )
    references = (
        Reference(
            "Improved Precision and Recall Metric for Assessing Generative Models (Kynkaanniemi, Karras, Laine, "
            "Lehtinen & Aila, 2019)",
            "https://arxiv.org/abs/1904.06991",
        ),
        Reference(
            "Reliable Fidelity and Diversity Metrics for Generative Models (Naeem, Oh, Uh, Choi & Yoo, 2020)",
            "https://arxiv.org/abs/2002.09797",
        ),
    )
    better = "higher"
    zero_is_perfect = False
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Every kind of real window is also found in the synthetic table.",
        "close": "Nearly every kind of real window is also found in the synthetic table.",
        "visible": "Some kinds of real windows are missing, or some synthetic ones repeat others.",
        "far": "Many kinds of real windows are missing from the synthetic table.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare equal draws of one real part with the other, with the synthetic table, and with noise."""
        looked = _Looked.at(case, repeats, MOST)
        embedding = Embedding(looked.sides[0])
        placed = [embedding.apply(side) for side in looked.sides]
        values, controls, worst = _measured(placed, looked.draws, repeats, _figures, anew=True)
        worst = worst * [1, 0, 0, 1, 1]
        table = self._columns(case, repeats)
        detail = {"parts": self.by_column(PARTS, values, controls, worst, key="part"), "neighbours": NEIGHBOURS}
        if len(table) > 1:
            detail["columns"] = table
        note = f"{values[:, 2].mean():.0%} of the synthetic windows keep the distance that real ones keep."
        note += _lacking(table) if len(table) > 1 else ""
        return self.result(Scores(values[:, 0], controls[:, 0], float(worst[:, 0].mean())), detail, note)

    def _columns(self, case: Case, repeats: int) -> Table:
        """Coverage of each column that moves, by itself: a mode that one column lacks is lost among many others."""
        looked = _Looked.at(case, repeats, MOST_BY_COLUMN)
        names, found = [], []
        for column in case.columns:
            shown = [side[:, :, column.channels] for side in looked.sides]
            if not column.static and np.ptp(shown[0], axis=(0, 1)).any():
                embedding = Embedding(shown[0], KERNELS_BY_COLUMN)
                features = [embedding.apply(side) for side in shown]
                axes = Axes.of(features[0], looked.axes)
                places = [axes.apply(side) for side in features]
                names.append(column.name)
                found.append(_measured(places, looked.draws, repeats, _covered, anew=False))
        if not found:
            return []
        values, controls, worst = (np.stack([one[i] for one in found], axis=1) for i in range(3))
        return self.by_column(names, values, controls, worst)


def _lacking(table: Table) -> str:
    """Name the column whose own coverage is worst, where that is more than chance."""
    least = max(table, key=lambda row: (RANK[row["grade"]], -row["value"]), default=None)
    if least is None or RANK[least["grade"]] < RANK["close"]:
        return ""
    return f" Furthest by itself: {least['column']} ({least['value']:.3f} covered)."


@dataclass(frozen=True)
class _Draw:
    """Window numbers of two real parts and the synthetic table, group by group, `each` windows of a group."""

    one: Ints
    two: Ints
    other: Ints
    each: int


@dataclass(frozen=True)
class _Looked:
    """Windows `(n, W, D)` of the real and the synthetic table and of noise, and the draws that are compared."""

    sides: tuple[Floats, Floats, Floats]
    draws: list[_Draw]

    @classmethod
    def at(cls, case: Case, repeats: int, most: int) -> _Looked:
        """Look at three times as many windows as are drawn at once."""
        rng = case.rng(f"coverage of {most}")
        real, synthetic = (thinned(windows, 3 * most, rng) for windows in (case.real, case.synthetic))
        groups = stretches(real), stretches(synthetic)
        draws = [_draw(groups, parts(real, 2, rng), most, case.window, rng) for _ in range(max(repeats, CONTROLS))]
        return cls((real.values(), synthetic.values(), useless(case, most, rng)), draws)

    @property
    def axes(self) -> int:
        """How many axes can be found without learning the sequences by heart."""
        draw = self.draws[0]
        return int(np.clip(len(draw.one) // draw.each // 8, 2, AXES))


def _draw(groups: tuple[Ints, Ints], halves: list[Ints], most: int, steps: int, rng: np.random.Generator) -> _Draw:
    """Draw the same number of groups, and of windows of each, from every side."""
    one, two = halves
    sides = groups[0][one], groups[0][two], groups[1]
    count = min(*(len(np.unique(side)) for side in sides), most)
    if count < FEWEST:
        raise CannotMeasureError(
            f"only {count} sequences, or separate stretches of {steps} steps, can be set against as many others; at "
            f"least {FEWEST} are needed in either half of the real table and in the synthetic one"
        )
    typical = min(float(np.median(np.unique(side, return_counts=True)[1])) for side in sides)
    each = int(np.clip(most // count, 1, max(typical, 1)))
    first, second, other = (_even(side, count, each, rng) for side in sides)
    return _Draw(one[first], two[second], other, each)


def _measured(
    placed: list[Doubles], draws: list[_Draw], repeats: int, figures: Callable[..., Doubles], anew: bool
) -> tuple[Doubles, Doubles, Doubles]:
    """Figures of synthetic windows, of real against real, and of noise, `(draws, ...)` each.

    Parameters
    ----------
    placed : three arrays of shape (n, p)
        Features of real and synthetic windows and of noise.
    draws : list of _Draw
    repeats : int
    figures : callable
        `_figures` or `_covered`.
    anew : bool
        Whether to find axes in each draw's first part, so that neither of those compared with it had a say in them.
    """
    found: tuple[list[Doubles], list[Doubles], list[Doubles]] = ([], [], [])
    for repeat, draw in enumerate(draws):
        sides = [placed[0][draw.one], placed[0][draw.two]]
        if repeat < repeats:
            sides += [placed[1][draw.other], placed[2][: len(draw.one)]]
        if anew:
            axes = Axes.of(sides[0], int(np.clip(len(draw.one) // draw.each // 8, 2, AXES)))
            sides = [axes.apply(side) for side in sides]
        one, *others = (side.astype(np.float32) for side in sides)
        own = _within(one, draw.each)
        for other, where in zip(others, (1, 0, 2), strict=False):
            found[where].append(figures(one, own, other, draw.each))
    return np.stack(found[0]), np.stack(found[1]), np.stack(found[2])


def _even(groups: Ints, count: int, each: int, rng: np.random.Generator) -> Ints:
    """Draw `each` windows of each of `count` groups, group by group; a smaller group gives some of them again."""
    order = np.lexsort((rng.random(len(groups)), groups))
    _, first, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    chosen = rng.choice(len(first), count, replace=False)
    return np.asarray(order[first[chosen, None] + np.arange(each) % sizes[chosen, None]].ravel(), dtype=np.int64)


def _nearest(one: Floats, two: Floats, each: int) -> Floats:
    """Squared distance of each window to the nearest of each of the other's groups, `(n, groups)`."""
    squares = (one**2).sum(axis=1)[:, None] + (two**2).sum(axis=1) - 2 * one @ two.T
    scale = float((one**2).sum(axis=1).mean()) or 1.0
    np.maximum(squares - np.float32(1e-5 * scale), 0, out=squares)
    return np.asarray(squares if each == 1 else squares.reshape(len(one), -1, each).min(axis=2))


def _within(places: Floats, each: int) -> tuple[Floats, Floats]:
    """Squared distance of each window to the nearest other group, and to the k-th nearest."""
    distances = _nearest(places, places, each)
    rows = np.arange(len(places))
    distances[rows, rows // each] = np.inf
    kth = min(NEIGHBOURS, distances.shape[1] - 1)
    return distances.min(axis=1), np.partition(distances, kth - 1, axis=1)[:, kth - 1]


def _figures(real: Floats, own: tuple[Floats, Floats], other: Floats, each: int) -> Doubles:
    """Coverage, recall, variety, density and precision of `other`.

    Parameters
    ----------
    real, other : arrays of shape (n, k)
        Places of windows, group by group.
    own : two arrays of shape (n,)
        `_within` of the real windows.
    each : int
        Windows of a group.
    """
    nearest, reach = _within(other, each)
    close = np.quantile(own[0], CLOSE)
    apart = _nearest(real, other, each)
    inside = apart <= own[1][:, None]
    whole = _nearest(real, other, 1) if each > 1 else apart
    return np.array(
        [
            inside.any(axis=1).mean(),
            (whole <= reach).any(axis=1).mean(),
            (nearest >= close).mean(),
            inside.sum(axis=1).mean() / NEIGHBOURS,
            (whole <= own[1][:, None]).any(axis=0).mean(),
        ]
    )


def _covered(real: Floats, own: tuple[Floats, Floats], other: Floats, each: int) -> Doubles:
    """Coverage alone."""
    return np.array((_nearest(real, other, each).min(axis=1) <= own[1]).mean())
