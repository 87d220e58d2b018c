"""Whether a generator got better: the distance of its free runs to real windows, and held-back likelihood.

None of what judges a table afterwards is used here: no classifier, no random convolutions.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from ..layout import Layout, Number
from ..panel import Doubles, Ints
from .freeruns import Runs
from .generator import Generator
from .heads import Outcomes, code
from .likelihood import Split, measure
from .pieces import Piece

DRAWS = 4  # free runs by which the verdict is reached, and the noise of the distance known
LAGS = 8  # of the autocovariances that are compared
WIDE = 48  # features of one kind that are compared; more are mixed into as many
SHOWN = 12  # levels of a category that are compared one by one
ROWS, QUANTILES = 50_000, 500  # of a column: rows that are looked at, and quantiles that stand for them
FARTHEST = 8.0  # standard deviations at which features are cut off
STILL = 0.02  # mean distance of two values, scaled, that one hardly moves below: of a level that seldom comes
MOST, RUNS = 1024, 2048  # real windows of each side, and free runs, that are compared


class Distance:
    """How far windows are from real ones: about 0 if they are alike.

    The sum, over kinds of features, of the energy distance ("Energy statistics", Szekely & Rizzo, 2013,
    https://doi.org/10.1016/j.jspi.2013.03.018) in units of the distance between two real windows. Kinds are: rows,
    differences, the last row, mean and spread of the window, autocovariances, covariances of columns, and how often
    what was done; many features of a kind are mixed at random into `WIDE`. Values and differences of each column are
    compared by themselves as well.

    Parameters
    ----------
    layout : Layout
    values : float64 Tensor of shape (B, T, C)
        NaN where missing.
    inside : bool Tensor of shape (B, T)
    seed : int
        Of the mixing.
    """

    def __init__(self, layout: Layout, values: Tensor, inside: Tensor, seed: int) -> None:
        self.layout, self.seed = layout, seed
        joint, single = self._features(values, inside)
        self.mean = [part.mean(0) for part in joint]
        self.size = [part.std(0).clamp_min(1e-6) for part in joint]
        self.real = self._scaled(joint)
        self.unit = [_within(part).clamp_min(1e-6) for part in self.real]
        self.ranks = [[_thinned(column) for column in part] for part in single]

    def __call__(self, values: Tensor, inside: Tensor) -> float:
        """Return the distance of windows."""
        joint, single = self._features(values, inside)
        found = [
            float((2 * torch.cdist(ours, real).mean() - _within(ours) - own) / own)
            for ours, real, own in zip(self._scaled(joint), self.real, self.unit, strict=True)
        ]
        for ours, real in zip(single, self.ranks, strict=True):
            if real:
                found.append(float(np.mean([_cramer(_thinned(a), b) for a, b in zip(ours, real, strict=True)])))
        return sum(found)

    def _scaled(self, raw: list[Tensor]) -> list[Tensor]:
        return [
            ((part - mean) / size).clamp(-FARTHEST, FARTHEST) @ self._mix(part.shape[1])
            for part, mean, size in zip(raw, self.mean, self.size, strict=True)
        ]

    def _mix(self, width: int) -> Tensor:
        if width <= WIDE:
            return torch.eye(width)
        gen = torch.Generator().manual_seed(self.seed)
        return torch.randn((width, WIDE), generator=gen) / math.sqrt(WIDE)

    def _features(self, values: Tensor, inside: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Return what windows are compared by together, `(B, ...)` each, and column by column, `(rows,)` each."""
        age = torch.arange(values.shape[1]).expand(len(values), -1)
        coded = code(values, age, self.layout.cells)
        columns, done = [], []
        for j, cell in enumerate(self.layout.cells):
            own = Outcomes.of(cell)
            flags = nn.functional.one_hot(coded.outcome[:, :, j], own.count)[:, :, :SHOWN].float()
            if isinstance(cell, Number):
                columns.append(coded.x[:, :, j, None].float())
                done.append(flags[:, :, 1:])
            else:
                columns.append(flags)
        there = inside[:, :, None].float()
        x = torch.cat(columns, 2) * there
        rows = there.sum(1).clamp_min(1)
        step = torch.diff(x, dim=1) * there[:, 1:]
        mean = x.sum(1) / rows
        centred = (x - mean[:, None]) * there
        spread = (centred.square().sum(1) / rows).sqrt()
        unit = centred / (spread[:, None] + 1e-3)
        lags = [
            (unit[:, lag:] * unit[:, :-lag]).sum(1) / (rows - lag).clamp_min(1)
            for lag in range(1, min(LAGS, x.shape[1] - 1) + 1)
        ]
        cross = torch.einsum("btc,btd->bcd", unit, unit) / rows[:, :, None]
        above = torch.triu_indices(x.shape[2], x.shape[2], 1)
        last = x[torch.arange(len(x)), inside.sum(1) - 1]
        parts = [x.flatten(1), last, torch.cat([mean, (spread + 1e-3).log()], 1)]
        if lags:
            parts += [step.flatten(1), torch.cat(lags, 1)]
        if above.shape[1]:
            parts.append(cross[:, above[0], above[1]])
        if done:
            did = torch.cat(done, 2) * there
            if did.shape[2]:
                parts.append(did.sum(1) / rows)
        moves = inside[:, 1:] & inside[:, :-1]
        single = [
            [x[:, :, j][inside] for j in range(x.shape[2])],
            [step[:, :, j][moves] for j in range(x.shape[2])] if lags else [],
        ]
        return parts, single


def _thinned(x: Tensor) -> Tensor:
    """Return a sample's quantiles."""
    return torch.quantile(x[:: -(-len(x) // ROWS)], torch.linspace(0, 1, QUANTILES))


def _cramer(a: Tensor, b: Tensor) -> float:
    """Return the energy distance of two samples of as many numbers, in units of the spread of the second."""
    own = (b[:, None] - b).abs().mean()
    found = 2 * (a[:, None] - b).abs().mean() - (a[:, None] - a).abs().mean() - own
    return float(found / own.clamp_min(STILL))


def _within(x: Tensor) -> Tensor:
    """Return the mean distance of two of some points."""
    return torch.cdist(x, x).sum() / (len(x) * (len(x) - 1))


def whole_windows(split: Split, held: bool) -> tuple[Ints, Ints]:
    """Return where windows start, and in which sequence, all of whose rows are held back, or none."""
    starts, sequences = (split.held_starts, split.held_sequences) if held else (split.starts, split.sequences)
    count = np.concatenate([[0], np.cumsum(split.held)])
    end = np.minimum(starts + split.window, split.source.offsets[sequences + 1])
    good = count[end] - count[starts] == (end - starts if held else 0)
    return starts[good], sequences[good]


class Belief:
    """What tells whether a generator got better: free runs beside real windows, and held-back likelihood.

    Windows that were held back are few, and not like those that were learned from, so that free runs may be nearer to
    either by chance. Hence the distance is to both, the mean of the two; and it may not rise to either.

    Parameters
    ----------
    generator : Generator
    split : Split
    seed : numpy.random.SeedSequence
    """

    def __init__(self, generator: Generator, split: Split, seed: np.random.SeedSequence) -> None:
        rng = np.random.default_rng(seed)
        self.seed, self.before = int(rng.integers(2**31)), generator.before
        self.walks = split.walks(True, generator.before, rng)
        self.sides = [self._cut(split, held, rng) for held in (True, False)]
        windows = [(side.values[:, self.before :], side.inside) for side in self.sides]
        self.distances = [Distance(generator.layout, *both, self.seed) for both in windows]
        self.floor = self.distances[0](*windows[1])
        self.start = self.likelihood(generator)
        self.draws = np.array([self(generator, draw) for draw in range(DRAWS)])

    def _cut(self, split: Split, held: bool, rng: np.random.Generator) -> Piece:
        starts, sequences = whole_windows(split, held)
        some = np.sort(rng.permutation(len(starts))[:MOST])
        fresh = np.full(len(some), split.stretches)
        return split.source.cut(starts[some], sequences[some], fresh, split.window, self.before)

    def likelihood(self, generator: Generator) -> float:
        """Return the held-back log-likelihood, in nats a row."""
        return measure(generator, self.walks, self.seed)

    def __call__(self, generator: Generator, draw: int) -> Doubles:
        """Return the distances of free runs to held-back and to other windows; `draw` is the number of the draw."""
        rng = np.random.default_rng([self.seed, draw])
        like = self.sides[1]
        some = torch.from_numpy(np.resize(rng.permutation(len(like.inside)), RUNS))
        parts = (like.values, like.age, like.known, like.statics, like.inside)
        noise = torch.Generator().manual_seed(self.seed + draw)
        runs = Runs.draw(generator, Piece(*(part[some] for part in parts)), noise)
        return np.array([distance(runs.values, runs.piece.inside) for distance in self.distances])
