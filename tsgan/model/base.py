r"""The base: the closed form that the network corrects, and the model where nothing is taught.

Numbers are predicted by linear `regression`; outcomes by how often each follows each, after how long (`spells`), and by
what is known beside them (`context`). The order p, the seasons and the ridge (a share of each variance) are those with
the largest held-back likelihood. What the residuals are like is a mixture of normals for each number, by
expectation-maximisation ("Maximum likelihood from incomplete data via the EM algorithm", Dempster, Laird & Rubin, 1977,
https://doi.org/10.1111/j.2517-6161.1977.tb01600.x).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from ..arrays import Doubles
from ..layout import Cell, Layout, Number
from .chunks import MAX_ORDER, Chunk, Lookback
from .context import ContextRows, ContextWeights, fit_context
from .heads import CLOSE, Coded, Outcomes, mixture_log_prob
from .regression import MIN_SPREAD, Linear, Moments, Regressions, Vector
from .runtime import to_array, to_tensor
from .spells import MAX_DURATIONS, SpellCounts, durations, spell_cells

Chunks = Callable[[Lookback], Iterator[tuple[Chunk, Tensor]]]
Sides = tuple[Moments, Moments]  # of rows that are learned from, of rows that are held back
ORDERS = tuple(range(1, MAX_ORDER + 1))  # rows before a row that are tried
RIDGES = (1e-4, 1e-2, 1e-1, 1.0)  # from next to none to so much that a wide table of few rows is held
FINE_RIDGE, FINE_GAIN = 1e-6, 0.1  # a ridge for smooth paths, and nats a number that it has to gain
MAX_WIDTH = (
    1500  # numbers in `v`, beyond which the order stays at 1, and seasons are not looked at: work is cubic in it
)
SEASON_GAIN = 5e-3  # nats a number that a season has to gain: it is dear to carry
ORDER_GAIN = 1e-3  # nats a number that a row more has to gain
EM_ROWS, EM_TURNS = 8_000, 30  # rows and turns of the mixtures: a start, which the network corrects


@dataclass
class OutcomeShares:
    """Log shares of one cell's outcomes."""

    first: Doubles  # (outcomes,) on first rows
    marginal: Doubles  # (outcomes,) on others
    after: Doubles  # (states, outcomes) after each state; of very many outcomes "the same again" beyond chance, (1,)
    durations: Doubles | None = None  # (states, lengths, outcomes) after states that had lasted so long, see `spells`
    context: ContextWeights | None = None  # what the context adds


@dataclass
class Base:
    """The closed form."""

    lookback: Lookback
    regressions: tuple[Regressions, ...]  # by stage
    bias: Doubles  # (2, numbers, 3, K), mixtures of the residuals: of first rows, of others
    shares: list[OutcomeShares]  # by cell
    jumps: Doubles  # (numbers,) standard deviation of a number's change from row to row

    @classmethod
    def blank(cls, layout: Layout, lookback: Lookback, components: int) -> Base:
        """Return a base of which nothing is known but its shape."""
        vector = Vector(layout, lookback)
        own, numbers = [Outcomes.of(cell) for cell in layout.cells], len(vector.terms.numbers)
        shares = [
            OutcomeShares(np.zeros(o.count), np.zeros(o.count), np.zeros((o.states, o.count) if o.has_table else 1))
            for o in own
        ]
        for j in spell_cells(layout.cells) if lookback.spells else ():
            shares[j].durations = np.zeros((own[j].states, lookback.spells + 1, own[j].count))
        for j in vector.context.cells_with([o.count for o in own]):
            shares[j].context = ContextWeights.none(vector.context.size, own[j].count)
        regressions = (Regressions.blank(numbers, vector.size(k)) for k in range(lookback.last + 1))
        return cls(lookback, tuple(regressions), np.zeros((2, numbers, 3, components)), shares, np.ones(numbers))


def fit_base(
    layout: Layout,
    chunks: Chunks,
    components: int,
    rng: np.random.Generator,
    periods: tuple[int, ...] = (),
    spells: bool = True,
) -> Base:
    """Learn the base.

    `chunks` returns, of a lookback, all rows once, chunk by chunk, each with a bool `(B, T)` of the rows held back.
    `components` are normals in each mixture, `periods` seasons that may be (`periods.find_periods`); `spells` says
    whether it is looked at for how long states last.
    """
    vector = Vector(layout, _widest(layout, periods, spells))
    moments, counts, lengths = _first_sweep(layout, vector, chunks)
    order = _best_order(vector, moments)
    shares = counts.shares()
    longest, tables = lengths.learn([one.after for one in shares])
    for j, table in tables.items():
        shares[j].durations = table
    lookback = Lookback(order, _best_seasons(vector, moments, order), longest)
    regressions = []
    for k in range(lookback.last + 1):
        seen = Lookback(min(k, order), lookback.seasons[: max(k - order, 0)])
        regressions.append(_refitted(vector, moments, seen))
    jumps = _jumps(vector, moments)
    base = Base(lookback, tuple(regressions), np.zeros((2, len(jumps), 3, components)), shares, jumps)
    if lookback.seasons:
        short = replace(base, lookback=replace(lookback, seasons=()), regressions=base.regressions[: order + 1])
        base = base if _season_pays(layout, base, short, chunks, components, rng) else short
    rows = [max(float(seen[0].sum()), 1.0) for seen in (counts.first, counts.marginal)]
    enough = vector.context.rows(counts.sizes)
    residuals, samples = _second_sweep(layout, base, chunks, [min(1.0, enough / n) for n in rows], rng)
    base.bias = np.stack([_mixtures(e, components, rng) for e in residuals])
    for j in vector.context.cells_with(counts.sizes):
        one = shares[j]
        after = one.after[:, None] if one.durations is None else one.durations
        one.context = fit_context(vector.context, j, counts.sizes[j], samples, (one.first, after))
    return base


def _widest(layout: Layout, periods: tuple[int, ...], spells: bool) -> Lookback:
    """Return the longest lookback that is looked at: as much as `MAX_WIDTH` leaves room for."""
    row = Vector(layout, Lookback(0))
    order = max(k for k in ORDERS if k == 1 or row.known + (k + 1) * row.terms.size <= MAX_WIDTH)
    spare = MAX_WIDTH - row.known - (order + 1) * row.terms.size
    room = max(spare // max(2 * len(row.terms.numbers), 1), 0)
    longest = MAX_DURATIONS[-1] if spells and spell_cells(layout.cells) else 0
    return Lookback(order, tuple(sorted(periods[:room])), longest)


def _first_sweep(
    layout: Layout, vector: Vector, chunks: Chunks
) -> tuple[dict[int, Sides], _OutcomeCounts, SpellCounts]:
    """Return moments of `v` by stage (seasons all at once; none if there are no numbers), and counts of outcomes."""
    order, last, longest = vector.lookback.order, vector.lookback.last, vector.lookback.spells
    counts, lengths = _OutcomeCounts(layout.cells), SpellCounts(layout.cells if longest else ())
    stages = sorted({*range(order + 1), last}) if vector.terms.numbers else []
    moments = {k: (Moments.none(vector.size(k)), Moments.none(vector.size(k))) for k in stages}
    for chunk, held in chunks(vector.lookback):
        coded, steps, age = chunk.coded(layout), chunk.steps, chunk.own_age
        counts.add(coded, _first_outcomes(layout, coded), age, chunk.inside, layout.stretches)
        if longest:
            length = durations(coded.state, chunk.age, longest, layout.stretches)[:, -steps - 1 : -1]
            use = chunk.inside & (age >= 1)
            lengths.add(coded.last(steps, 1).state[use], length[use], coded.last(steps).outcome[use], held[use])
        rows, stage = vector.rows(coded, chunk, steps), vector.lookback.stages(age)
        for k in stages:
            if k == 0:
                use = chunk.inside & (torch.ones_like(age, dtype=torch.bool) if layout.stretches else age == 0)
                v = torch.cat([rows.known, rows.terms], 2)
            else:
                use = chunk.inside & (stage >= k)
                v = torch.cat([rows.outer[:, :, : vector.width(k)], rows.change], 2)
            for side, some in zip(moments[k], (use & ~held, use & held), strict=True):
                if bool(some.any()):
                    side.add(to_array(v[some]))
    return moments, counts, lengths


def _best_order(vector: Vector, moments: dict[int, Sides]) -> int:
    """Return the order with the largest held-back likelihood, by the rows that have all rows before."""
    most, order, best = vector.lookback.order, 1, np.inf
    if not moments or sum(side.rows for side in moments[most]) < 4 * vector.size(most):
        return order
    for k in range(1, most + 1):
        loss = _best_fit(vector, moments[most], Lookback(k), most)[1]
        if loss < best - ORDER_GAIN * len(vector.terms.numbers):
            order, best = k, loss
    return order


def _best_seasons(vector: Vector, moments: dict[int, Sides], order: int) -> tuple[int, ...]:
    """Return the seasons that add to the held-back likelihood, each the one that adds most."""
    chosen: tuple[int, ...] = ()
    last = vector.lookback.last
    if not moments:
        return chosen
    sides = moments[last]
    if sides[0].rows + sides[1].rows < 4 * vector.size(last) or not sides[1].rows:
        return chosen
    best = _best_fit(vector, sides, Lookback(order), last)[1]
    while left := [season for season in vector.lookback.seasons if season not in chosen]:
        tried = [tuple(sorted((*chosen, season))) for season in left]
        losses = [_best_fit(vector, sides, Lookback(order, seasons), last)[1] for seasons in tried]
        first = int(np.argmin(losses))
        if losses[first] > best - SEASON_GAIN * len(vector.terms.numbers):
            break
        chosen, best = tried[first], losses[first]
    return chosen


def _best_fit(vector: Vector, sides: Sides, seen: Lookback, stage: int) -> tuple[Regressions, float]:
    """Return the regressions of a lookback with the best ridge, and minus their held-back log-likelihood a row.

    `sides` are moments of the stage; the ridge is the one with the largest held-back likelihood.
    """
    keep, targets = vector.places(seen, stage)
    train, held = (side.part(keep) for side in sides)
    fits = {ridge: Regressions.fit(train, held, targets, ridge) for ridge in (FINE_RIDGE, *RIDGES)}
    best = min((fits[ridge] for ridge in RIDGES), key=lambda fit: fit[1])
    fine = fits[FINE_RIDGE]
    return fine if fine[1] < best[1] - FINE_GAIN * len(targets) else best


def _refitted(vector: Vector, moments: dict[int, Sides], seen: Lookback) -> Regressions:
    """Return the regressions of a lookback on all rows, with the ridge and the spread that held-back rows say."""
    stage = vector.lookback.last if seen.seasons else seen.order
    if not moments:
        return Regressions.blank(0, vector.size(stage))
    tried, _ = _best_fit(vector, moments[stage], seen, stage)
    keep, targets = vector.places(seen, stage)
    train, held = (side.part(keep) for side in moments[stage])
    whole, _ = Regressions.fit(train + held, Moments.none(len(keep)), targets, tried.ridge)
    return replace(whole, spread=tried.spread)


def _jumps(vector: Vector, moments: dict[int, Sides]) -> Doubles:
    """Return the standard deviation of each number's change from row to row, 1 where it never changes."""
    if not moments:
        return np.zeros(0)
    moved = moments[1][0] + moments[1][1]
    jumps = np.sqrt(np.maximum(np.diag(moved.squares)[vector.targets(1)] / max(moved.rows, 1.0), 0))
    return np.where(jumps > MIN_SPREAD, jumps, 1.0)


def _season_pays(
    layout: Layout, base: Base, short: Base, chunks: Chunks, components: int, rng: np.random.Generator
) -> bool:
    """Return whether the seasons of a base also add to the held-back likelihood of mixtures.

    What falls slowly and rises at once has steps of two kinds; a season that is not always as long mixes them.
    """
    laws = [Linear(layout, one.lookback, one.regressions) for one in (base, short)]
    numbers = laws[0].vector.terms.numbers
    residuals: tuple[list[Tensor], list[Tensor]] = [], []
    held: list[Tensor] = []
    continuous: list[Tensor] = []
    taken = 0
    for chunk, outside in chunks(base.lookback):
        coded, steps, age = chunk.coded(layout), chunk.steps, chunk.own_age
        use = chunk.inside & (base.lookback.stages(age) == base.lookback.last)
        continuous.append(coded.last(steps).outcome[:, :, numbers][use] == 0)
        held.append(outside[use])
        for side, law in zip(residuals, laws, strict=True):
            found = law(law.vector.rows(coded, chunk, steps), age)
            side.append((found.e * found.spread)[use])
        taken += int(use.sum())
        if taken > 2 * EM_ROWS:
            break
    gain = 0.0
    for i, free in enumerate(torch.cat(continuous).T):
        out = to_array(torch.cat(held)[free])
        if out.all() or not out.any():
            continue
        each = []
        for side in residuals:
            e = to_array(torch.cat(side)[free, i])
            size = max(float(np.sqrt(np.mean(e[~out] ** 2))), MIN_SPREAD)
            mixture = to_tensor(fit_mixture(e[~out] / size, components, rng))
            each.append(float(mixture_log_prob(to_tensor(e[out] / size), *mixture).mean()) - np.log(size))
        gain += each[0] - each[1]
    return gain >= SEASON_GAIN * len(numbers)


def _second_sweep(
    layout: Layout, base: Base, chunks: Chunks, shares: list[float], rng: np.random.Generator
) -> tuple[list[list[Doubles]], list[ContextRows | None]]:
    """Return residuals of each number where it is continuous, and contexts: of first rows, and of others.

    Of first rows and of others only a share is looked at for the context.
    """
    law = Linear(layout, base.lookback, base.regressions)
    numbers, context = law.vector.terms.numbers, law.vector.context
    residuals: list[list[tuple[Tensor, Tensor]]] = [[], []]
    seen: list[list[tuple[Tensor, ...]]] = [[], []]
    taken = [0, 0]
    for chunk, held in chunks(base.lookback):
        coded, steps, age = chunk.coded(layout), chunk.steps, chunk.own_age
        rows, old = law.vector.rows(coded, chunk, steps), coded.last(steps, 1)
        length = durations(coded.state, chunk.age, base.lookback.spells, layout.stretches)[:, -steps - 1 : -1]
        for side in range(2):
            if side == 0:  # as first rows: of one long series any row may be one
                young = torch.zeros_like(age) if layout.stretches else age
                use, now = chunk.inside & (young == 0), _first_outcomes(layout, coded)[:, -steps:]
                before = torch.zeros_like(now)
            else:
                young, use, now = age, chunk.inside & (age >= 1), coded.last(steps).outcome
                before = coded.outcome_before(age)
            if taken[side] <= 2 * EM_ROWS:
                taken[side] += int(use.sum())
                residuals[side].append((law(rows, young).e[use], now[:, :, numbers][use] == 0))
            if context.size:
                some = use & to_tensor(rng.random(use.shape) < shares[side])
                u = context(rows.known, rows.terms, now, before)
                seen[side].append(tuple(part[some] for part in (u, now, old.state, length, held)))
    found = []
    for parts in residuals:
        e, continuous = (torch.cat(part) for part in zip(*parts, strict=True))
        found.append([to_array(e[continuous[:, i], i]) for i in range(len(numbers))])
    samples = [
        ContextRows(*(to_array(torch.cat(part)) for part in zip(*parts, strict=True))) if parts else None
        for parts in seen
    ]
    return found, samples


def fit_mixture(sample: Doubles, components: int, rng: np.random.Generator) -> Doubles:
    """Fit a mixture of normals: logits of the weights, means, logarithms of the standard deviations, `(3, K)`."""
    x = sample if len(sample) <= EM_ROWS else rng.choice(sample, EM_ROWS, replace=False)
    if len(x) < 4 * components:
        size = float(np.sqrt(np.mean(x**2))) if len(x) else 1.0
        log_sigma = np.full(components, np.log(max(size, 1e-3)))
        return np.stack([np.zeros(components), np.linspace(-0.5, 0.5, components) * size, log_sigma])
    mean = np.quantile(x, (np.arange(components) + 0.5) / components)
    sigma = np.full(components, max(x.std() / 2, 1e-4))
    sigma[components // 2] = max(np.subtract(*np.quantile(x, [0.75, 0.25])) / 4, 1e-4)
    weight = np.full(components, 1 / components)
    for _ in range(EM_TURNS):
        u = (x[:, None] - mean) / sigma
        logs = np.log(weight) - 0.5 * u**2 - np.log(sigma)
        logs -= logs.max(1, keepdims=True)
        r = np.exp(logs)
        r /= r.sum(1, keepdims=True)
        total = r.sum(0) + 1e-3
        weight = total / total.sum()
        mean = (r * x[:, None]).sum(0) / total
        sigma = np.sqrt(((r * (x[:, None] - mean) ** 2).sum(0) + 1e-3 * sigma**2) / total)
        sigma = np.maximum(sigma, 1e-3)
    return np.stack([np.log(weight), mean, np.log(sigma)])


def _mixtures(samples: list[Doubles], components: int, rng: np.random.Generator) -> Doubles:
    found = [fit_mixture(sample, components, rng) for sample in samples]
    return np.array(found).reshape(-1, 3, components)


def _first_outcomes(layout: Layout, coded: Coded) -> Tensor:
    """Return outcomes `(B, R, C)` as they would be on first rows, where nothing stays as it was."""
    out = coded.outcome.clone()
    for j, cell in enumerate(layout.cells):
        own = Outcomes.of(cell)
        for number in (own.stay, own.straight):
            if number > 0:
                out[:, :, j].masked_fill_(coded.outcome[:, :, j] == number, 0)
        if isinstance(cell, Number):
            there = coded.outcome[:, :, j] != own.missing
            for number, start in zip(own.starts, cell.starts, strict=True):
                out[:, :, j].masked_fill_(there & ((coded.x[:, :, j] - start).abs() <= CLOSE), number)
    return out


class _OutcomeCounts:
    """How often outcomes come, and which follows which."""

    def __init__(self, cells: tuple[Cell, ...]) -> None:
        self.own = [Outcomes.of(cell) for cell in cells]
        self.sizes = [o.count for o in self.own]
        self.first = [np.zeros(n) for n in self.sizes]
        self.marginal = [np.zeros(n) for n in self.sizes]
        self.after = [np.zeros((o.states, o.count)) if o.has_table else np.zeros((2, 1)) for o in self.own]

    def add(self, coded: Coded, begun: Tensor, age: Tensor, inside: Tensor, stretches: bool) -> None:
        """Take in a chunk, and its outcomes as of first rows, `(B, R, C)`: each is one if stretches begin anywhere."""
        steps = age.shape[1]
        starts, goes_on = inside if stretches else inside & (age == 0), inside & (age >= 1)
        fresh = to_array(begun[:, -steps:][starts])
        old, now = (to_array(part[goes_on]) for part in (coded.last(steps, 1).state, coded.last(steps).outcome))
        for j, own in enumerate(self.own):
            self.first[j] += np.bincount(fresh[:, j], minlength=own.count)
            a, b = old[:, j], now[:, j]
            self.marginal[j] += np.bincount(b, minlength=own.count)
            if own.has_table:
                place = a * own.count + b
                self.after[j] += np.bincount(place, minlength=self.after[j].size).reshape(-1, own.count)
            else:
                self.after[j] += np.array([[(a == b).sum()], [len(a)]])

    def shares(self) -> list[OutcomeShares]:
        """Return log shares, cell by cell; half a row is spread over all outcomes, one row over those after a state."""
        return [self._shares(j, own) for j, own in enumerate(self.own)]

    def _shares(self, j: int, own: Outcomes) -> OutcomeShares:
        seen = self.marginal[j] if self.marginal[j].any() else self.first[j]
        share = (seen + 0.5 / own.count) / (seen.sum() + 0.5)
        first = np.log((self.first[j] + share) / (self.first[j].sum() + 1))
        if own.has_table:
            after = np.log((self.after[j] + share) / (self.after[j].sum(1, keepdims=True) + 1))
        else:
            same, rows = self.after[j][:, 0]
            again, chance = (same + 1) / (rows + 2), float((share**2).sum())
            after = np.array([np.log(max((again - chance) / max(1 - again, 1e-6), 1e-6))])
        return OutcomeShares(first, np.log(share), after)


class OutcomeLogits(nn.Module):
    """The shares of one cell's outcomes as tensors."""

    first: Tensor
    marginal: Tensor
    after: Tensor
    durations: Tensor | None
    weights: Tensor | None
    offset: Tensor | None

    def __init__(self, shares: OutcomeShares) -> None:
        super().__init__()
        context = shares.context
        for name, part in {
            "first": shares.first,
            "marginal": shares.marginal,
            "after": shares.after,
            "durations": shares.durations,
            "weights": None if context is None else context.weights,
            "offset": None if context is None else context.offset,
        }.items():
            self.register_buffer(name, None if part is None else to_tensor(part).float())

    def forward(self, old: Tensor, length: Tensor, start: Tensor) -> Tensor:
        """Return logits `(..., outcomes)`, without what the context adds.

        `old` is the state before, `length` for how long it had lasted, `start` where there is none; `(...)` each.
        """
        if self.durations is not None:
            usual = self.durations[old, length]
        elif self.after.ndim == 2:
            usual = self.after[old]
        else:
            again = torch.logaddexp(self.marginal, self.after)[old]  # log(share + odds) where it is the same again
            usual = self.marginal.expand(*old.shape, -1).scatter(-1, old[..., None], again[..., None])
        return torch.where(start[..., None], self.first, usual)
