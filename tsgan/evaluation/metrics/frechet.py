"""A Fréchet distance that needs no training: between normal laws in a fixed embedding; and Context-FID, the papers' in
a learned one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import numpy as np

from ...arrays import Doubles
from ..case import Case
from ..judges.embedding import Axes, Embedding, embedded_columns
from ..judges.ts2vec import represent, train
from ..splits import CannotMeasureError, parts
from .base import Grade, Metric, Reference, Result, Scores, chance_of, furthest, grade
from .draws import CONTROLS, Distances, Draw, compared, stretches, thinned, useless

MAX_WINDOWS, MAX_WINDOWS_BY_COLUMN = 1600, 800  # of a side in a draw: more are slow and show little more
MAX_AXES, MAX_AXES_BY_COLUMN = 32, 8  # a covariance of more is not known from so many windows
GROUPS_PER_AXIS = 8  # sequences, or stretches of time, that an axis needs not to be theirs alone


class Frechet(Metric):
    """Distance of means and covariances of what fixed random convolutions see."""

    name = "frechet"
    section = "apart"
    least_steps = 2
    quick = False
    weight = 3
    title = "Distance of what is seen"
    question = "Do synthetic windows, on the whole, look like real ones?"
    definition = (
        "Fréchet distance between normal laws: the square root of |m - m'|^2 + trace(S + S' - 2 (S S')^(1/2)) over the "
        "number of axes, where m and S are the mean and the covariance of windows along at most 32 leading axes of "
        "what 150 fixed random convolutions, and the windows themselves, show of real ones, each axis in its real "
        "standard deviations; for each column by itself, at most 8 axes. It reads as standard deviations apart along "
        "a typical axis. 0 where both are the same. It needs no training, so that figures of several synthetic tables "
        "compare. Up to 1600 windows a side are drawn."
    )
    references = (
        Reference(
            "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium (Heusel, Ramsauer, "
            "Unterthiner, Nessler & Hochreiter, 2017)",
            "https://arxiv.org/abs/1706.08500",
        ),
        Reference(
            "ROCKET: exceptionally fast and accurate time series classification using random convolutional kernels "
            "(Dempster, Petitjean & Webb, 2020)",
            "https://arxiv.org/abs/1910.13051",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "On the whole, synthetic windows look like real ones.",
        "close": "On the whole, synthetic windows look much like real ones.",
        "visible": "On the whole, synthetic windows look different from real ones.",
        "far": "On the whole, synthetic windows look nothing like real ones.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare equal draws of one real part with the other, with the synthetic table, and with noise."""
        rng = case.rng(self.name)
        real, synthetic = (thinned(side, 2 * MAX_WINDOWS, rng) for side in (case.real, case.synthetic))
        sides = real.values(), synthetic.values(), useless(case, MAX_WINDOWS, rng)
        groups, draws = stretches(real), []
        for _ in range(max(repeats, CONTROLS)):
            one, two = parts(real, 2, rng)
            size = min(len(one), len(two), len(synthetic), MAX_WINDOWS)
            others = np.arange(len(synthetic), dtype=np.int64)
            one, two, others = (rng.choice(index, size, replace=False) for index in (one, two, others))
            draws.append(Draw(one, two, others))
        axes = int(np.clip(len(np.unique(groups[draws[0].one])) // GROUPS_PER_AXIS, 1, MAX_AXES))
        embedding = Embedding(sides[0])
        values, controls, worst = compared(
            [embedding.apply(side) for side in sides], draws, repeats, partial(_distances, axes)
        )
        scores = Scores(values, controls, float(worst.mean()))
        few = slice(MAX_WINDOWS_BY_COLUMN)
        short = [Draw(draw.one[few], draw.two[few], draw.synthetic[few]) for draw in draws]
        by_column = {
            name: compared(placed, short, repeats, partial(_distances, min(axes, MAX_AXES_BY_COLUMN)))
            for name, placed in embedded_columns(case.columns, sides)
        }
        if len(by_column) < 2:
            return self.result(scores, {})
        table = self.by_column(list(by_column), *Distances.stacked(by_column.values()))
        return self.result(scores, {"columns": table}, furthest(table))

    def judge(self, scores: Scores) -> Grade:
        """Let squares, which are about gamma distributed, tell what chance explains; their roots how much it is."""
        chance = chance_of([scores.value**2], [control**2 for control in scores.controls])
        return grade(scores.value, scores.control, scores.worst, chance, tests=scores.tests)


def _distances(most: int, real: Doubles, others: list[Doubles], each: int) -> list[float]:
    """Distance of each other side from the real one, along at most `most` axes of that."""
    axes = Axes.of(real, most)
    one, *rest = (axes.apply(side) / axes.spread for side in (real, *others))
    return [float(np.sqrt(frechet(one, side) / max(one.shape[1], 1))) for side in rest]


def frechet(one: Doubles, two: Doubles) -> float:
    """Squared Fréchet distance between the normal laws with the means and covariances of `(n, k)` and `(m, k)`.

    The trace of the root of a product of covariances is the sum of the singular values of the product of their roots,
    and those may be any: `S = A' A` with the centred rows A.
    """
    centred = [side - side.mean(axis=0) for side in (one, two)]
    roots = [np.linalg.qr(side, mode="r") / np.sqrt(max(len(side) - 1, 1)) for side in centred]
    overlap = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    spread = sum(float((root**2).sum()) for root in roots)
    gap = float(((one.mean(axis=0) - two.mean(axis=0)) ** 2).sum())
    return max(gap + spread - 2 * float(overlap), 0.0)


MAX_CONTEXT_FID = 10_000  # of a side; the papers' series have no more
MIN_WINDOWS = 20  # of a side: a covariance of fewer says nothing
UPDATES: int | None = None  # those of the papers


class ContextFID(Metric):
    """Fréchet distance of the representations of an encoder trained on the real windows."""

    name = "context_fid"
    section = "apart"
    least_steps = 2
    quick = False
    weight = 30
    title = "Context-FID"
    question = "Do synthetic windows look like real ones to an encoder trained on the real data?"
    definition = (
        "|m - m'|^2 + trace(S + S' - 2 (S S')^(1/2)), where m and S are the mean and the covariance of the 320 numbers "
        "in which a TS2Vec encoder sums up each window. The encoder is trained once, on all real windows, with the "
        "papers' settings (10 blocks, batches of 8, learning rate 0.001, 200 updates, or 600 where there are over "
        "100,000 numbers). Real against real is one random half of the real windows against the other, so that windows "
        "overlap, as in the papers. Figures depend on the encoder's training and on the number of windows: use it to "
        "compare with published ones. Up to 10,000 windows a side are looked at."
    )
    references = (
        Reference(
            "PSA-GAN: Progressive Self Attention GANs for Synthetic Time Series (Jeha, Bohlke-Schneider, Mercado, "
            "Kapoor, Nirwan, Flunkert, Gasthaus & Januschowski, 2022)",
            "https://arxiv.org/abs/2108.00981",
        ),
        Reference(
            "TS2Vec: Towards Universal Representation of Time Series (Yue, Wang, Duan, Yang, Huang, Tong & Xu, 2022)",
            "https://arxiv.org/abs/2106.10466",
        ),
        Reference(
            "Diffusion-TS: Interpretable Diffusion for General Time Series Generation (Yuan & Qiao, 2024)",
            "https://arxiv.org/abs/2403.01742",
        ),
    )
    default = False
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "To an encoder trained on them, real windows look no different from synthetic ones.",
        "close": "To an encoder trained on real windows, synthetic ones look much like them.",
        "visible": "To an encoder trained on real windows, synthetic ones look different.",
        "far": "To an encoder trained on real windows, synthetic ones look nothing like them.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Train the encoder once; compare draws of equal size."""
        rng = case.rng(self.name)
        real, synthetic = (thinned(side, MAX_CONTEXT_FID, rng).values() for side in (case.real, case.synthetic))
        size, half = min(len(real), len(synthetic)), len(real) // 2
        if min(size, half) < MIN_WINDOWS:
            raise CannotMeasureError(
                f"it needs at least {MIN_WINDOWS} synthetic and {2 * MIN_WINDOWS} real windows; there are "
                f"{len(synthetic)} and {len(real)}"
            )
        encoder = train(real, int(rng.integers(2**31)), UPDATES)
        noise = represent(encoder, useless(case, size, rng))
        ours, theirs = represent(encoder, real), represent(encoder, synthetic)
        values, controls = [], []
        for repeat in range(max(repeats, CONTROLS)):
            rng = case.rng(self.name, repeat)
            order = rng.permutation(len(real))
            controls.append(frechet(ours[order[:half]], ours[order[half : 2 * half]]))
            if repeat < repeats:
                values.append(frechet(ours[order[:size]], theirs[rng.permutation(len(theirs))[:size]]))
        return self.result(Scores(values, controls, frechet(ours[:size], noise)), {"windows": size})
