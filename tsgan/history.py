"""Series of which some steps are known: what follows them, and what lies between them.

There is one mechanism. The known steps are taken back to the noise that makes them: a generator adds a correction to
its latents, y = b + r(b), and b is found by Anderson's iteration ("Iterative Procedures for Nonlinear Integral
Equations", Anderson, 1965, https://doi.org/10.1145/321296.321305; "Generative Visual Manipulation on the Natural Image
Manifold", Zhu et al., 2016, https://arxiv.org/abs/1609.03552, takes images back to noise). The process draws the
unknown noise given the known (`continuation.py`), and the generator makes steps of all of it: its recurrent state then
has seen the past, which needs no encoder of its own. Where unknown steps lie before known ones, the two take turns.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np

from .errors import TsganWarning
from .laws.categories import levels_of
from .laws.continuation import complete
from .laws.process import LinearGaussianProcess
from .layout import Layout, to_channels, to_latents
from .panel import Bools, Floats, Given, Ints, Panel

ROUNDS = 3  # of drawing the unknown and taking back the known, where either depends on the other
TURNS = 40  # of the iteration that takes steps back
DEPTH = 5  # earlier turns that each looks back on
NEAR = 1e-3  # standard deviations that known steps may be missed by at most
FAR = 0.1  # the same, on average, from which on a warning says so
VALUES = 2_000_000  # numbers that are worked on at a time

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
        Steps whose numbers are unknown.
    correct : callable or None
        Makes channels `(n, T, C)` of latents `(n, T, D)` under what is given, with the same noise each time; None
        where the latents are all.
    seed : numpy.random.SeedSequence

    Returns
    -------
    Panel
        Known values as they were.

    Warns
    -----
    TsganWarning
        If no noise was found that makes the known steps.
    """
    if not unknown.any() and not np.isnan(panel.values).any():
        return panel
    numbers = np.array([b.kind != "softmax" for b in layout.blocks for _ in range(b.size)], dtype=bool)
    keep = ~np.isnan(panel.values) & ~(unknown[:, None] & numbers)
    values = panel.values.copy()
    missed = []
    for number, some in enumerate(_batches(panel.lengths, layout)):
        rng = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, number))
        rows = _rows(panel, some)
        part = Panel(panel.values[rows], panel.lengths[some], panel.statics[some], panel.covariates[rows])
        values[rows], off = _drawn(process, layout, part, unknown[rows], correct, rng)
        missed.append(off)
    error = float(np.concatenate(missed).mean()) if missed else 0.0
    if error > FAR:
        warnings.warn(
            f"what the generator makes of the noise found for the known rows differs from them by {error:.2g} standard "
            "deviations on average; what is drawn beside them may not join smoothly. Fit with a larger transport= to "
            "keep the generator closer to its noise",
            TsganWarning,
            stacklevel=4,
        )
    return Panel(np.where(keep, panel.values, values), panel.lengths, panel.statics, panel.covariates)


def _batches(lengths: Ints, layout: Layout) -> Iterator[Ints]:
    """Yield sequences of about the same length, so many that their steps take a bounded amount of memory."""
    order = np.argsort(lengths, kind="stable")[::-1]
    at = 0
    while at < len(order):
        width = int(lengths[order[at]]) * (layout.channels + layout.latents + 32)
        size = max(1, VALUES // max(width, 1))
        yield order[at : at + size]
        at += size


def _rows(panel: Panel, some: Ints) -> Ints:
    """Return the rows of some sequences, one after the other."""
    lengths = panel.lengths[some]
    step = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(panel.offsets[some], lengths) + step


def _drawn(
    process: LinearGaussianProcess,
    layout: Layout,
    panel: Panel,
    unknown: Bools,
    correct: Correct | None,
    seed: np.random.SeedSequence,
) -> tuple[Floats, Floats]:
    """Return channels `(rows, C)` of all steps, and by how much each sequence's known steps were missed."""
    inside = np.arange(int(panel.lengths.max())) < panel.lengths[:, None]
    categories = process.categories

    def padded(rows: np.ndarray[tuple[int, ...], np.dtype[np.generic]], dtype: type, rest: float = 0) -> Floats:
        out: Floats = np.full((*inside.shape, *rows.shape[1:]), rest, dtype=dtype)
        out[inside] = rows
        return out

    levels = padded(levels_of(panel, categories.blocks), np.int64, -1)
    given = Given(panel.statics, padded(panel.covariates, np.float32), levels)  # type: ignore[arg-type]
    fixed = process.said(panel.statics)
    real = padded(to_latents(panel.values, layout.blocks), np.float32)
    holes, known = padded(unknown, bool).astype(bool), padded(~unknown, bool).astype(bool)
    lack = holes[:, :, None] & categories.numbers
    for number, (latent, _, _) in enumerate(categories.blocks):
        lack[:, :, latent] = levels[:, :, number] < 0
    lack |= ~inside[:, :, None]
    latents, missed = np.where(lack, np.float32(0), real), np.zeros(len(panel), dtype=np.float32)

    def fill(latents: Floats) -> Floats:
        rng = np.random.default_rng(seed)  # the same noise in each round, which then only settles
        centred = process.centred(latents, given.covariates)
        centred[lack] = np.nan
        steps = complete(process, centred, holes, fixed, rng)
        drawn = process.coloured(np.nan_to_num(steps), given.covariates)
        latents = np.where(lack, drawn, latents)
        if lack[:, :, ~categories.numbers].any(where=inside[:, :, None]):
            categories.draw(latents, given, rng)
        return latents

    if correct is None:
        return to_channels(fill(latents)[inside], layout.blocks), missed
    ahead = bool((known[:, 1:] & holes[:, :-1]).any())  # whether known steps follow unknown ones
    drawn = fill(latents) if ahead or (lack & known[:, :, None] & ~categories.numbers).any() else latents
    for _ in range(ROUNDS if ahead else 1):
        drawn, missed = _taken_back(correct, layout, real, drawn, known[:, :, None] & categories.numbers, given)
        drawn = fill(drawn)
    return correct(drawn, given)[inside], missed


def _taken_back(
    correct: Correct, layout: Layout, real: Floats, latents: Floats, known: Bools, given: Given
) -> tuple[Floats, Floats]:
    """Return latents of which known ones make the real numbers, and by how much each sequence's miss them on average.

    Each sequence has an iteration of its own, and keeps the best that it came by.
    """
    count = np.maximum(known.sum(axis=(1, 2)), 1)
    at = best = latents
    least = np.full(len(latents), np.inf, dtype=np.float32)
    path: list[Floats] = []
    lacks: list[Floats] = []
    for _ in range(TURNS):
        made = correct(at, given)
        flat = to_latents(made.reshape(-1, made.shape[2]), layout.blocks)
        off = np.where(known, real - flat.reshape(real.shape), np.float32(0))
        missed = np.abs(off).sum(axis=(1, 2)) / count
        better = missed < least
        best, least = np.where(better[:, None, None], at, best), np.where(better, missed, least)
        if np.abs(off).max(initial=0) < NEAR:
            break
        path, lacks = [*path[-DEPTH:], at], [*lacks[-DEPTH:], off]
        at = at + _step(path, lacks)
    return best, least


def _step(path: list[Floats], lacks: list[Floats]) -> Floats:
    """Return where to go from the last of some points, by what each lacked."""
    off = lacks[-1]
    if len(path) == 1:
        return off
    shape = (len(off), len(path) - 1, -1)
    turns = np.stack([lacks[i + 1] - lacks[i] for i in range(len(lacks) - 1)], axis=1).reshape(shape)
    moves = np.stack([path[i + 1] - path[i] for i in range(len(path) - 1)], axis=1).reshape(shape)
    gram = (turns @ turns.transpose(0, 2, 1)).astype(np.float64)
    size = np.trace(gram, axis1=1, axis2=2)[:, None, None]
    gram += (1e-8 * size + 1e-12) * np.eye(gram.shape[1])
    share = np.linalg.solve(gram, (turns @ off.reshape(len(off), -1, 1)).astype(np.float64))
    moved: Floats = ((moves + turns) * share).sum(axis=1).astype(np.float32).reshape(off.shape)
    return off - moved
