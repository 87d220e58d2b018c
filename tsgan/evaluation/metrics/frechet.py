"""A Fréchet distance that needs no training: between normal laws in a fixed embedding; and Context-FID, the papers' in
a learned one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ...arrays import Doubles, Ints
from ..case import Case
from ..judges.embedding import Axes, Embedding
from ..judges.ts2vec import represent, train
from ..splits import CannotMeasureError, parts
from .base import Grade, Metric, Reference, Result, Scores, chance_of, furthest, grade
from .draws import CONTROLS, stretches, thinned, useless

MOST, MOST_BY_COLUMN = 1600, 800
AXES, AXES_BY_COLUMN, PER_AXIS = 32, 8, 8
KERNELS_BY_COLUMN = 50


class Frechet(Metric):
    """Distance of means and covariances of what fixed random convolutions see."""

    name = "frechet"
    section = "apart"
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
        real, synthetic = (thinned(side, 2 * MOST, rng) for side in (case.real, case.synthetic))
        sides = real.values(), synthetic.values(), useless(case, MOST, rng)
        groups, draws = stretches(real), []
        for _ in range(max(repeats, CONTROLS)):
            one, two = parts(real, 2, rng)
            size = min(len(one), len(two), len(synthetic), MOST)
            others = np.arange(len(synthetic), dtype=np.int64)
            draws.append(tuple(rng.choice(index, size, replace=False) for index in (one, two, others)))
        most = int(np.clip(len(np.unique(groups[draws[0][0]])) // PER_AXIS, 1, AXES))
        embedding = Embedding(sides[0])
        values, controls, worst = _measured([embedding.apply(side) for side in sides], draws, repeats, most)
        names, found = [], []
        for column in case.columns:
            shown = [side[:, :, column.channels] for side in sides]
            if np.ptp(shown[0], axis=(0, 1)).any() and not column.static:
                embedding = Embedding(shown[0][:MOST], KERNELS_BY_COLUMN)
                placed = [embedding.apply(side) for side in shown]
                short = [tuple(index[:MOST_BY_COLUMN] for index in draw) for draw in draws]
                names.append(column.name)
                found.append(_measured(placed, short, repeats, min(most, AXES_BY_COLUMN)))
        scores = Scores(values, controls, float(worst.mean()))
        if len(found) < 2:
            return self.result(scores, {})
        by = [np.stack([one[i] for one in found], axis=1) for i in range(3)]
        table = self.by_column(names, by[0], by[1], by[2])
        return self.result(scores, {"columns": table}, furthest(table))

    def judge(self, scores: Scores) -> Grade:
        """Let squares, which are about gamma distributed, tell what chance explains; their roots how much it is."""
        chance = chance_of([scores.value**2], [control**2 for control in scores.controls])
        return grade(scores.value, scores.control, scores.worst, chance, tests=scores.tests)


def _measured(
    placed: list[Doubles], draws: list[tuple[Ints, ...]], repeats: int, most: int
) -> tuple[Doubles, Doubles, Doubles]:
    """Distances of synthetic windows, of real against real and of noise, one per draw, along at most `most` axes."""
    found: tuple[list[float], list[float], list[float]] = ([], [], [])
    for repeat, (one, two, other) in enumerate(draws):
        axes = Axes.of(placed[0][one], most)
        sides = [placed[0][one], placed[0][two]]
        if repeat < repeats:
            sides += [placed[1][other], placed[2][: len(one)]]
        first, *others = (axes.apply(side) / axes.spread for side in sides)
        for side, where in zip(others, (1, 0, 2), strict=False):
            found[where].append(float(np.sqrt(frechet(first, side) / max(first.shape[1], 1))))
    return np.array(found[0]), np.array(found[1]), np.array(found[2])


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


MOST_CONTEXT_FID = 10_000
FEWEST = 20
UPDATES: int | None = None


class ContextFID(Metric):
    """Fréchet distance of the representations of an encoder trained on the real windows."""

    name = "context_fid"
    section = "apart"
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
        real, synthetic = (thinned(side, MOST_CONTEXT_FID, rng).values() for side in (case.real, case.synthetic))
        size, half = min(len(real), len(synthetic)), len(real) // 2
        if min(size, half) < FEWEST:
            raise CannotMeasureError(
                f"it needs at least {FEWEST} synthetic and {2 * FEWEST} real windows; there are {len(synthetic)} and "
                f"{len(real)}"
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
