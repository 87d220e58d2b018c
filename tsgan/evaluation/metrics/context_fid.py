"""Context-FID, as the papers compute it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ..prepare import Case
from ..splits import CannotMeasureError
from ..ts2vec import represent, train
from .base import Metric, Reference, Result
from .draws import CONTROLS, useless
from .frechet import frechet
from .grading import Grade
from .resampling import thinned

MOST = 10_000
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
        real, synthetic = (thinned(side, MOST, rng).values() for side in (case.real, case.synthetic))
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
        return self.result(values, controls, frechet(ours[:size], noise), {"windows": size})
