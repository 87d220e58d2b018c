"""Whether a generator got better: how well its free runs are told from real windows, and held-back likelihood.

None of what judges a table afterwards is used here: no recurrent classifier, no random convolutions.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from ..arrays import Doubles
from ..layout import Layout, Number
from .chunks import Chunk
from .freeruns import Runs
from .generator import Generator
from .heads import Outcomes, code
from .likelihood import MAX_HELD_ROWS, MEASURED, Split, measure
from .runtime import generator_of, normal, to_tensor

MIN_ERRORS = 2.0  # standard errors by which free runs have to be told less well
DRAWS = 4  # free runs by which the verdict is reached, and the noise of the distance known
MAX_LAGS = 8  # of the autocovariances that are looked at
MAX_FEATURES = 64  # of one kind that are looked at; more are mixed into as many
MAX_LEVELS = 12  # of a category that are looked at one by one
BINS = 8  # of values and of differences, as many real ones in each
MAX_FEATURE = 4.0  # standard deviations at which features are cut off: no single window decides
RIDGE = 0.1  # of the discriminant, as a share of the mean variance
MAX_WINDOWS, RUNS = 1024, 2048  # real windows of each side, and free runs, that are looked at
MAX_DRAWN = 2**24  # values of free runs that are drawn at once: 128 MiB
MAX_BINNED = 50_000  # rows by which the bins are chosen
GROUPS = 4  # of real windows on each side; held-back ones one after the other in time or by entity


class Distance:
    """How well a linear discriminant tells free runs from real windows: 0 not at all, 1 always.

    What it sees of a window: rows, differences, the last row, mean and spread, autocovariances, covariances of columns,
    how often what was done, how many values and differences lie where an eighth of the real ones does; and the squares
    of all these. Many features of a kind are mixed at random into `MAX_FEATURES`. It learns on half of the free runs
    and on the windows that were learned from, and is tried on the other half and on windows that it has not seen: those
    that were held back, and each group of the others in turn. The distance is that of the area under its curve from one
    half, doubled: a classifier two-sample test ("Revisiting classifier two-sample tests", Lopez-Paz & Oquab, 2017,
    https://arxiv.org/abs/1610.06545).

    `learned` and `held` are windows `(B, T, C)`, NaN where a value is missing, and which rows are inside, `(B, T)`; the
    `seed` is that of the mixing.
    """

    def __init__(self, layout: Layout, learned: tuple[Tensor, Tensor], held: tuple[Tensor, Tensor], seed: int) -> None:
        self.layout, self.seed = layout, seed
        self.edges = self._edges(*learned)
        raw = self._features(*learned)
        self.mean = [part.mean(0) for part in raw]
        self.size = [part.std(0).clamp_min(1e-6) for part in raw]
        seen = self._seen(*learned)
        self.learned = [seen[k::GROUPS] for k in range(GROUPS)]  # of all times: a time left out would tell itself
        self.held = list(self._seen(*held).tensor_split(GROUPS))
        self.sums = [_sums(part) for part in self.learned]

    def __call__(self, values: Tensor, inside: Tensor) -> Doubles:
        """Return the distances of windows from groups of held-back windows, then from groups of those learned from."""
        ours = self._seen(values, inside)
        known, asked = ours[::2], ours[1::2]
        fake, whole = _sums(known), [sum(parts) for parts in zip(*self.sums, strict=True)]
        way = _discriminant(fake, whole)
        found = [_apart(group @ way, asked @ way) for group in self.held]
        for group, own in zip(self.learned, self.sums, strict=True):
            way = _discriminant(fake, [a - b for a, b in zip(whole, own, strict=True)])
            found.append(_apart(group @ way, asked @ way))
        return np.array(found)

    def _seen(self, values: Tensor, inside: Tensor) -> Tensor:
        """Return what is seen of windows, and its squares, `(B, features)` float64."""
        parts = [
            ((part - mean) / size).clamp(-MAX_FEATURE, MAX_FEATURE) @ self._mix(part.shape[1])
            for part, mean, size in zip(self._features(values, inside), self.mean, self.size, strict=True)
        ]
        x = torch.cat(parts, 1).double()
        return torch.cat([x, x.square()], 1)

    def _mix(self, width: int) -> Tensor:
        if width <= MAX_FEATURES:
            return torch.eye(width)
        return normal((width, MAX_FEATURES), generator_of(self.seed)) / math.sqrt(MAX_FEATURES)

    def _edges(self, values: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
        """Return the edges of the bins of each column's values and differences, `(C, BINS - 1)` each."""
        x = code(values, torch.arange(values.shape[1]).expand(len(values), -1), self.layout.cells).x.float()
        share = torch.linspace(0, 1, BINS + 1)[1:-1]
        moves = inside[:, 1:] & inside[:, :-1]
        step = torch.diff(x, dim=1)[moves] if bool(moves.any()) else x[inside][:1]
        bins = [torch.quantile(part[:: -(-len(part) // MAX_BINNED)], share, 0).T for part in (x[inside], step)]
        return bins[0].contiguous(), bins[1].contiguous()

    def _features(self, values: Tensor, inside: Tensor) -> list[Tensor]:
        """Return what is looked at in windows, kind by kind, `(B, ...)` each."""
        age = torch.arange(values.shape[1]).expand(len(values), -1)
        coded = code(values, age, self.layout.cells)
        columns, done = [], []
        for j, cell in enumerate(self.layout.cells):
            own = Outcomes.of(cell)
            flags = nn.functional.one_hot(coded.outcome[:, :, j], own.count)[:, :, :MAX_LEVELS].float()
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
            for lag in range(1, min(MAX_LAGS, x.shape[1] - 1) + 1)
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
        numbers = [j for j, cell in enumerate(self.layout.cells) if isinstance(cell, Number)]
        for x, edges, there in (
            (coded.x, self.edges[0], inside),
            (torch.diff(coded.x, dim=1), self.edges[1], inside[:, 1:] & inside[:, :-1]),
        ):
            if numbers and x.shape[1]:
                bins = [torch.bucketize(x[:, :, j].float().contiguous(), edges[j]) for j in numbers]
                flags = nn.functional.one_hot(torch.stack(bins, 2), BINS)[..., 1:] * there[:, :, None, None]
                parts.append(flags.sum(1).flatten(1) / there.sum(1).clamp_min(1)[:, None])
        return parts


def _sums(x: Tensor) -> list[Tensor]:
    """Return how many rows, their sum, and that of their products."""
    return [torch.tensor(float(len(x)), dtype=x.dtype), x.sum(0), x.T @ x]


def _discriminant(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    """Return the direction in which free runs are larger than real windows."""
    means = [sums / rows for rows, sums, _ in (fake, real)]
    within = sum(
        squares / rows - torch.outer(mean, mean) for (rows, _, squares), mean in zip((fake, real), means, strict=True)
    )
    assert isinstance(within, Tensor)
    ridge = RIDGE * within.diagonal().mean().clamp_min(1e-9) * torch.eye(len(within), dtype=within.dtype)
    found: Tensor = torch.linalg.solve(within + ridge, means[0] - means[1])
    return found


def _apart(real: Tensor, fake: Tensor) -> float:
    """Return twice the area under the curve, from one half: 0 if scores of the two are alike."""
    order = fake.sort().values
    below = torch.searchsorted(order, real.contiguous()) + torch.searchsorted(order, real.contiguous(), right=True)
    return float(1 - (below.double() / len(fake)).mean())


class Validation:
    """What tells whether a generator got better: free runs beside real windows, and held-back likelihood.

    Windows that were held back are few, and not like those that were learned from. Hence the distance is to both, group
    by group: what differs from group to group is chance.
    """

    def __init__(self, generator: Generator, split: Split, seed: np.random.SeedSequence) -> None:
        rng = np.random.default_rng(seed)
        self.seed, lookback = int(rng.integers(2**31)), generator.lookback
        self.walks = split.walks(True, lookback, rng, generator.heads.rows(MAX_HELD_ROWS, MEASURED))
        sides: list[Chunk] = []
        for side in (True, False):
            starts, sequences = split.windows(side)
            some = np.sort(rng.permutation(len(starts))[:MAX_WINDOWS])
            sides.append(split.cut(starts[some], sequences[some], lookback))
        held, self.like = sides
        learned, unseen = ((side.own_values, side.inside) for side in (self.like, held))
        self.distance = Distance(generator.layout, learned, unseen, self.seed)
        self.start = self.likelihood(generator)
        self.draws = self(generator, DRAWS)

    def likelihood(self, generator: Generator) -> float:
        """Return the held-back log-likelihood, in nats a row."""
        return measure(generator, self.walks, self.seed)

    def __call__(self, generator: Generator, draws: int, since: int = 0) -> Doubles:
        """Return distances `(draws, groups)` of free runs from groups of held-back windows, then of others.

        Each draw has a number, from `since` on; many are drawn at once: rows of many sequences cost little more than
        those of few.
        """
        at_once = min(max(1, MAX_DRAWN // max(RUNS * self.like.values[0].numel(), 1)), draws)
        found = []
        for number in range(since, since + draws, at_once):
            count = min(at_once, since + draws - number)
            rng = np.random.default_rng([self.seed, number])
            some = to_tensor(np.resize(rng.permutation(len(self.like.inside)), count * RUNS))
            noise = generator_of(self.seed + number)
            runs = Runs.draw(generator, self.like[some], noise)
            for part in range(count):
                own = runs[slice(part * RUNS, (part + 1) * RUNS)]
                found.append(self.distance(own.values, own.chunk.inside))
        return np.array(found)


def improved(before: Doubles, after: Doubles) -> tuple[bool, float]:
    """Return whether free runs came nearer, by distances of two generators `(draws, groups)`; the error of the mean.

    They must be nearer on the mean of all groups, by more than what differs from draw to draw; and not farther from
    those that were held back, the first ones, as far as these can tell.
    """
    noise = math.sqrt(sum(np.var(draws.mean(1), ddof=1) / len(draws) for draws in (before, after)))
    gains = before.mean(0) - after.mean(0)
    held = gains[:GROUPS]
    spared = bool(held.mean() >= -held.std(ddof=1) / math.sqrt(GROUPS))
    return bool(gains.mean() > MIN_ERRORS * noise) and spared, noise
