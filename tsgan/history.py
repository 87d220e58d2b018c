"""Series of which some steps are known: what follows them, and what lies between them.

The known steps are taken back to the noise that makes them: a generator adds a correction to its latents, y = b + r(b),
so b is found by the iteration b <- y - r(b), which settles as long as r changes less than its input. The process draws
the unknown noise given the known (`continuation.py`), and the generator makes steps of all of it: its
recurrent state then has seen the past ("Generative Visual Manipulation on the Natural Image Manifold", Zhu et al.,
2016, https://arxiv.org/abs/1609.03552, where images are taken back to noise).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .categories import levels_of
from .continuation import complete
from .layout import Layout, to_channels, to_latents
from .panel import Bools, Floats, Given, Panel
from .process import LinearGaussianProcess

ROUNDS = 4  # of taking the known steps back to their noise; each sees the unknown ones better

Correct = Callable[[Floats, Given], Floats]


def draw_unknown(
    process: LinearGaussianProcess,
    layout: Layout,
    panel: Panel,
    unknown: Bools,
    correct: Correct | None,
    seed: np.random.SeedSequence,
) -> Panel:
    """Return a panel whose unknown steps are drawn given the known ones.

    Parameters
    ----------
    process : LinearGaussianProcess
    layout : Layout
    panel : Panel
        Channels; levels that are unknown are NaN, the numbers of unknown steps do not matter.
    unknown : bool array of shape (rows,)
    correct : callable or None
        Makes channels `(n, T, C)` of latents `(n, T, D)` under what is given, with the same noise each time; None
        where the latents are all.
    seed : numpy.random.SeedSequence

    Returns
    -------
    Panel
        Known values as they were.
    """
    blocks = process.categories.blocks
    inside = np.arange(int(panel.lengths.max())) < panel.lengths[:, None]
    shape, dims = inside.shape, process.mean.shape[1]
    levels = np.full((*shape, len(blocks)), -1, dtype=np.int64)
    levels[inside] = levels_of(panel, blocks)
    covariates = np.zeros((*shape, panel.covariates.shape[1]), dtype=np.float32)
    covariates[inside] = panel.covariates
    given = Given(panel.statics, covariates, levels)
    fixed = process.said(panel.statics)
    real = np.zeros((*shape, dims), dtype=np.float32)
    real[inside] = np.where(unknown[:, None], 0, to_latents(panel.values, layout.blocks))
    holes = np.zeros(shape, dtype=bool)
    holes[inside] = unknown
    latents = real
    for turn in range(ROUNDS if correct is not None else 1):
        rng = np.random.default_rng(seed)  # the same noise in each round, which then only settles
        if turn:
            assert correct is not None
            moved = to_latents_of(correct(latents, given), layout) - latents
            latents = np.where(process.categories.numbers, real - moved, real)
        centred = process.centred(latents, covariates)
        centred[holes] = np.nan
        steps = complete(process, centred, fixed, rng)
        drawn = process.coloured(steps, covariates)
        latents = np.where(holes[:, :, None], drawn, latents)
        process.categories.draw(latents, given, rng)
    made = correct(latents, given) if correct is not None else None
    flat = to_channels(latents[inside], layout.blocks) if made is None else made[inside]
    numbers = np.array([b.kind != "softmax" for b in layout.blocks for _ in range(b.size)], dtype=bool)
    keep = ~np.isnan(panel.values) & ~(unknown[:, None] & numbers)
    return Panel(np.where(keep, panel.values, flat), panel.lengths, panel.statics, panel.covariates)


def to_latents_of(channels: Floats, layout: Layout) -> Floats:
    """Return channels `(n, T, C)` as latents `(n, T, D)`."""
    flat = to_latents(channels.reshape(-1, channels.shape[2]), layout.blocks)
    return flat.reshape(*channels.shape[:2], -1)
