"""Rows drawn one after the other: what a generator does when it runs freely, or around cells that are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..arrays import Doubles, Floats
from ..layout import Bound, Category, Number
from .cells import take
from .generator import MAX_RESIDUAL, MAX_VALUE, Generator, age_features
from .heads import CLOSE, LOG_SIGMA, NEVER, mixture_log_prob
from .runtime import Half, Noise, among, cores, halves, normal, places, side_by_side, to_array, to_tensor, uniform
from .spells import next_durations

MIN_HALF = 512  # sequences below which a half is not worth a thread: a row is many small operations
MAX_REDRAWS = 6  # times that a number is drawn which lies outside its bounds, or where another outcome has its place

KnownCells = tuple[Tensor, Tensor]  # of one cell of all sequences: where it is known, bool; its value, NaN for missing


@dataclass
class Row:
    """The row in the making, of B sequences."""

    x: Tensor  # (B, C) float64; behind a missing value stands the last that was known
    outcome: Tensor  # (B, C) int64
    gone: Tensor  # (B, C) bool, missing
    terms: Tensor  # (B, terms) float64, see `regression.Terms`
    change: Tensor  # (B, terms), numbers as their change
    features: Tensor  # (B, features) float32
    weight: Tensor  # (B,) float32, log-probability of what was known


class Rollout:
    """Sequences in the making, given their statics `(B, S)`; all are at the same step."""

    _BY_SEQUENCE = (
        "static_features",
        "static_terms",
        "x",
        "x_before",
        "outcome",
        "states",
        "durations",
        "gone",
        "gone_before",
        "lags",
        "features",
    )
    row: Row

    def __init__(self, generator: Generator, statics: Tensor, noise: Noise) -> None:
        self.g, self.noise, self.size = generator, noise, len(statics)
        layout, vector = generator.layout, generator.linear.vector
        self.static_features, self.static_terms = generator.features_of(statics), vector.static_terms(statics)
        self.age = 0
        self.state = generator.cell.start(self.size)
        cells = len(layout.cells)
        self.x = torch.zeros((self.size, cells), dtype=torch.float64)
        self.x_before = torch.zeros_like(self.x)
        self.outcome = torch.zeros((self.size, cells), dtype=torch.int64)
        # the state of what was not known yet
        self.never = torch.tensor([own.states - 1 if own.states > own.count else -1 for own in generator.heads.own])
        self.states = self.never.clamp_min(0).expand(self.size, -1)
        self.durations = torch.zeros((self.size, cells), dtype=torch.int64)
        self.gone = torch.ones((self.size, cells), dtype=torch.bool)
        self.gone_before = self.gone.clone()
        order = max(generator.lookback.order, 1)
        self.lags = torch.zeros((self.size, order, vector.terms.size), dtype=torch.float64)
        self.seasonal: list[Tensor] = []  # numbers of as many rows as a season is long, the last one first
        self.features = torch.zeros((self.size, generator.features.size))
        self.context = _ContextLogits(generator)
        # what the earlier cells of a row allow: levels that go together, and numbers that are not crossed
        self.meets = [
            [(i, to_tensor(met)) for i, met in cell.meets] if isinstance(cell, Category) else []
            for cell in layout.cells
        ]
        self.edges = [
            [_tensors(bounds) for bounds in (cell.floors, cell.ceilings)] if isinstance(cell, Number) else []
            for cell in layout.cells
        ]

    def take(self, index: Tensor) -> None:
        """Keep some sequences, in that order and as often as they are named."""
        for name in self._BY_SEQUENCE:
            setattr(self, name, getattr(self, name)[index])
        self.seasonal = [row[index] for row in self.seasonal]
        self.state, self.size = take(self.state, index), len(index)

    @torch.no_grad()
    def step(
        self,
        covariates: Tensor,
        known: Tensor | None = None,
        values: Tensor | None = None,
        allowed: tuple[Tensor | None, ...] = (),
    ) -> tuple[Tensor, Tensor]:
        """Draw one row.

        Given covariates `(B, K)` float32, which cells are known `(B, C)` and their values (NaN for known to be
        missing), and by category the levels that may come, `(levels,)` or `(B, levels)`. Returns values `(B, C)`
        float64, and the log-probability `(B,)` of what was known.
        """
        g, linear = self.g, self.g.linear
        k = g.lookback.stage(self.age)
        stage, order = linear.stage(k), min(k, g.lookback.order)
        inputs = torch.cat([covariates, self.static_features], 1)
        ages = age_features(torch.full((), self.age), g.lookback).expand(self.size, -1)
        spells = g.spell_features(self.durations) * (self.age > 0)
        out, self.state = g.cell.step(torch.cat([self.features, spells, inputs, ages], 1), self.state)
        first = torch.cat([inputs, inputs.new_ones((self.size, 1))], 1)
        chain = g.chain.start_row(out) if self.age else g.first.start_row(first)
        before = torch.cat([covariates.double(), self.static_terms], 1)
        ago = [self.seasonal[lag - 1] for lag in g.lookback.lags_at(k)]
        outer = torch.cat([before, self.lags[:, :order].flatten(1), *ago], 1)
        expected = outer @ stage.outer.T + stage.constant
        terms = self.x.new_zeros((self.size, linear.vector.terms.size))
        row = self.row = Row(
            torch.empty_like(self.x),
            torch.zeros_like(self.outcome),
            torch.zeros_like(self.gone),
            terms,
            torch.zeros_like(terms),
            torch.zeros_like(self.features),
            torch.zeros(self.size),
        )
        self.context.start_row(before, self.outcome if self.age else None)
        for j, cell in enumerate(g.layout.cells):
            params, given = chain.head(j), None
            if known is not None and values is not None and bool(known[:, j].any()):
                given = known[:, j], values[:, j]
            if isinstance(cell, Category):
                o = self._level(j, params, allowed[j] if allowed else None, given)
                self._add_level(j, o)
            else:
                i, at = g.heads.place[j], int(linear.vector.terms.at[j])
                change = expected[:, i] + row.change[:, :at] @ stage.inner[i, :at]
                centre = self.x[:, j] + change if self.age else change
                drawn, o, log_p = self.number(j, cell, params, centre, stage.spread[i], given)
                row.weight += log_p
                self._add_number(j, drawn, o, change, stage.spread[i])
            self.context.add(j, o)
            chain.add(j, row.features[:, g.features.ends[j] : g.features.ends[j + 1]])
        self._end_row()
        return torch.where(row.gone, math.nan, row.x), row.weight

    def _add_level(self, j: int, o: Tensor) -> None:
        """Put the level of cell j in its place in the row."""
        g, row, own, at = self.g, self.row, self.g.heads.own[j], self.g.linear.vector.terms.at
        row.outcome[:, j], row.gone[:, j] = o, o == own.missing
        row.x[:, j] = torch.where(row.gone[:, j], self.x[:, j], o.double())
        if at[j + 1] > at[j]:
            for part in (row.change, row.terms):
                part[:, int(at[j]) :].scatter_(1, o[:, None], 1.0)
        features = row.features[:, g.features.ends[j] : g.features.ends[j + 1]]
        if j in g.features.table:
            features.copy_(g.features.tables[g.features.table[j]](o))
        else:
            features.scatter_(1, o[:, None], 1.0)

    def _add_number(self, j: int, drawn: Tensor, o: Tensor, expected: Tensor, spread: Tensor) -> None:
        """Put the number of cell j, of which a change was expected, in its place in the row."""
        g, row, own, at = self.g, self.row, self.g.heads.own[j], int(self.g.linear.vector.terms.at[j])
        row.x[:, j], row.outcome[:, j], row.gone[:, j] = drawn, o, o == own.missing
        change = drawn - self.x[:, j] if self.age else drawn
        row.change[:, at], row.terms[:, at] = change, drawn
        if own.missing >= 0:
            row.change[:, at + 1] = row.terms[:, at + 1] = row.gone[:, j].double()
        features = row.features[:, g.features.ends[j] : g.features.ends[j + 1]]
        features[:, 0] = drawn.clamp(-MAX_VALUE, MAX_VALUE).float()
        features[:, 1] = ((change - expected) / spread).clamp(-MAX_RESIDUAL, MAX_RESIDUAL).float()
        jump = g.jumps[g.heads.place[j]]
        features[:, 2] = (change / jump).clamp(-MAX_RESIDUAL, MAX_RESIDUAL).float()
        if own.count > 1:
            features[:, 3:].scatter_(1, o[:, None], 1.0)

    def _end_row(self) -> None:
        """Make the row the one before."""
        g, row = self.g, self.row
        never = row.gone & (self.states == self.never)
        states = torch.where(never, self.states, row.outcome)
        if g.lookback.spells:
            same = states == self.states
            self.durations = next_durations(self.durations, same, self.age, g.lookback.spells, g.layout.stretches)
        self.x_before, self.x, self.outcome, self.states = self.x, row.x, row.outcome, states
        self.gone_before, self.gone = self.gone, row.gone
        self.features, self.age = row.features, self.age + 1
        self.lags = torch.cat([row.terms[:, None], self.lags[:, :-1]], 1)
        if g.lookback.lags:
            self.seasonal = [row.x[:, places(g.heads.numbers)], *self.seasonal[: g.lookback.lags[-1] - 1]]

    def logits(self, j: int, params: Tensor) -> Tensor:
        """Return the logits of a cell's outcomes, `(B, outcomes)`."""
        g, row, cell, own = self.g, self.row, self.g.layout.cells[j], self.g.heads.own[j]
        start = torch.full((self.size,), self.age == 0)
        logits: Tensor = params[:, : own.count] + g.outcomes(j)(self.states[:, j], self.durations[:, j], start)
        if j in self.context.places:
            logits = logits + self.context.of(j)
        if own.stay > 0:
            never = self.gone[:, j] | (self.age < 1)
            for atom in own.atoms:
                never |= self.outcome[:, j] == atom
            logits[:, own.stay].masked_fill_(never, NEVER)
        for number in own.starts if self.age else ():
            logits[:, number] = NEVER
        if own.straight > 0:
            never = self.gone[:, j] | self.gone_before[:, j] | (self.age < 2)
            logits[:, own.straight].masked_fill_(never, NEVER)
        for i, met in self.meets[j]:
            fits = met[row.x[:, i].long().clamp(0, len(met) - 1)] | row.gone[:, i, None]
            some = logits[:, : met.shape[1]]
            logits = torch.cat([some.masked_fill(~fits, NEVER), logits[:, met.shape[1] :]], 1)
        if cell.together >= 0:
            lead = row.gone[:, cell.together]
            logits = torch.where(lead[:, None], NEVER, logits)
            logits[:, own.missing] = torch.where(lead, 0.0, NEVER)
        return logits

    def _level(self, j: int, params: Tensor, allowed: Tensor | None, given: KnownCells | None) -> Tensor:
        """Draw the outcome of a category; what is asked and what is known of it weigh."""
        own, logits, weight = self.g.heads.own[j], self.logits(j, params), self.row.weight
        if allowed is not None:
            mask = torch.zeros((*allowed.shape[:-1], own.count), dtype=torch.bool)
            mask[..., : allowed.shape[-1]] = allowed
            kept = logits.masked_fill(~mask, -math.inf)
            weight += torch.logsumexp(kept, 1) - torch.logsumexp(logits, 1)
            logits = kept
        o = self._choose(logits)
        if given is not None:
            known, values = given
            level = torch.where(values.isnan(), own.missing, values.nan_to_num().long())
            log_p = torch.log_softmax(logits, 1).gather(1, level.clamp_min(0)[:, None])[:, 0]
            weight += torch.where(known, log_p, 0.0)
            o = torch.where(known, level, o)
        return o

    def _choose(self, logits: Tensor) -> Tensor:
        """Draw outcomes by their logits `(B, n)`."""
        if logits.shape[1] == 1:
            return torch.zeros(len(logits), dtype=torch.int64)
        share = torch.softmax(logits, 1).cumsum(1)
        u = uniform((len(logits), 1), self.noise) * share[:, -1:]
        return (share < u).sum(1).clamp_max(logits.shape[1] - 1)

    def number(
        self, j: int, cell: Number, params: Tensor, centre: Tensor, spread: Tensor, given: KnownCells | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a number; return it (the last known where it is missing), its outcome, log weight of what is known."""
        own, weight = self.g.heads.own[j], torch.zeros(self.size)
        o = torch.zeros(self.size, dtype=torch.int64)
        every = given is not None and bool(given[0].all())  # then nothing is drawn
        logits = self.logits(j, params) if own.count > 1 else None
        if logits is not None and not every:
            o = self._choose(logits)
        w, mean, log_sigma = self._mixture(j, params).unbind(1)
        log_sigma = log_sigma.clamp(*LOG_SIGMA)
        if given is not None:
            known, values = given
            real = torch.where(known, values, math.nan)
            o_known = self._outcome_of(j, cell, real)
            if logits is not None:
                log_p = torch.log_softmax(logits, 1).gather(1, o_known[:, None])[:, 0]
                weight += torch.where(known, log_p, 0.0)
            density = mixture_log_prob(((real - centre) / spread).float(), w, mean, log_sigma) - spread.log().float()
            weight += torch.where(known & (o_known == 0), density.nan_to_num(), 0.0)
            o = torch.where(known, o_known, o)
            if every:
                return torch.where(real.isnan(), self.x[:, j], real), o, weight
        ends = self._ends(j, cell)
        drawn = self._continuous(j, cell, (w, mean, log_sigma), centre, spread, ends, o if own.count > 1 else None)
        if own.straight > 0:
            drawn = torch.where(o == own.straight, self._straight_on(j, cell), drawn)
        for number, place in own.places(cell).items():
            drawn = torch.where(o == number, place, drawn)
        drawn = torch.minimum(torch.maximum(drawn, ends[0]), ends[1])
        if given is not None:
            drawn = torch.where(known & ~values.isnan(), values, drawn)
        return drawn, o, weight

    def _mixture(self, j: int, params: Tensor) -> Tensor:
        """Return logits of weights, means and log sigmas of a number, `(B, 3, K)`."""
        own, i = self.g.heads.own[j], self.g.heads.place[j]
        raw = params[:, own.count if own.count > 1 else 0 :].reshape(self.size, 3, -1)
        return raw + self.g.bias[min(self.age, 1), i]

    def _straight_on(self, j: int, cell: Number) -> Tensor:
        """Return where a number comes if it goes on by the step before: through points of the grid, or between them."""
        on = 2 * self.x[:, j] - self.x_before[:, j]
        there = self.g.grids.snap(j, on)
        return torch.where((there - on).abs() <= cell.straight, there, on).clamp(cell.low, cell.high)

    def _outcome_of(self, j: int, cell: Number, real: Tensor) -> Tensor:
        """Return what known values did."""
        own = self.g.heads.own[j]
        o = torch.zeros(self.size, dtype=torch.int64)
        if own.straight > 0 and self.age >= 2:
            bend = (real - 2 * self.x[:, j] + self.x_before[:, j]).abs()
            o.masked_fill_((bend <= cell.straight) & ~self.gone[:, j] & ~self.gone_before[:, j], own.straight)
        if own.stay > 0 and self.age >= 1:
            o.masked_fill_(((real - self.x[:, j]).abs() <= CLOSE) & ~self.gone[:, j], own.stay)
        places = own.places(cell)
        for number in own.atoms if self.age else places:
            o.masked_fill_((real - places[number]).abs() <= CLOSE, number)
        if own.missing >= 0:
            o.masked_fill_(real.isnan(), own.missing)
        return o

    def _ends(self, j: int, cell: Number) -> tuple[Tensor, Tensor]:
        """Return where a number ends: its own bounds, and those that earlier numbers of the row set."""
        low, high = (torch.full((), end, dtype=torch.float64) for end in (cell.low, cell.high))
        for bounds, floor in zip(self.edges[j], (True, False), strict=True):
            for i, there, here in bounds:
                z, gone = self.row.x[:, i], self.row.gone[:, i]
                place = torch.bucketize(z.contiguous(), there).clamp(1, len(there) - 1)
                share = ((z - there[place - 1]) / (there[place] - there[place - 1])).clamp(0, 1)
                edge = torch.lerp(here[place - 1], here[place], share)
                if floor:
                    low = torch.maximum(torch.where(gone, -math.inf, edge), low)
                else:
                    high = torch.minimum(torch.where(gone, math.inf, edge), high)
        return low, high

    def _continuous(
        self,
        j: int,
        cell: Number,
        mixture: tuple[Tensor, Tensor, Tensor],
        centre: Tensor,
        spread: Tensor,
        ends: tuple[Tensor, Tensor],
        o: Tensor | None,
    ) -> Tensor:
        """Draw numbers of the mixture until they lie within the bounds, and on no place that an outcome has.

        What is not continuous by its outcome o stays as it was. A smooth density spills over an edge at which values
        pile up, and lacks inside what lies outside: where earlier numbers of the row set such an edge, what lies
        outside is mirrored at it, as at the edges of kernel density estimates (Schuster 1985, Communications in
        Statistics 14).
        """
        rows = None if o is None else torch.nonzero(o == 0)[:, 0]  # which are drawn; all if None
        out = self.x[:, j].clone()
        if rows is not None and not len(rows):
            return out
        share = torch.softmax(mixture[0], 1).cumsum(1)
        low, high = (end.expand(self.size) for end in ends)
        bounded = math.isfinite(cell.low) or math.isfinite(cell.high) or bool(cell.floors or cell.ceilings)
        for _ in range(MAX_REDRAWS):
            parts = share, *mixture[1:], centre
            edges, mu, sigma, middle = parts if rows is None else (part[rows] for part in parts)
            noise = self.noise if rows is None else among(self.noise, rows)
            u = uniform((len(middle), 1), noise) * edges[:, -1:]
            k = (edges < u).sum(1, keepdim=True).clamp_max(edges.shape[1] - 1)
            e = normal((len(middle),), noise) * sigma.gather(1, k)[:, 0].exp()
            z = middle + (mu.gather(1, k)[:, 0] + e) * spread
            outside = None
            if bounded:
                least, most = (low, high) if rows is None else (low[rows], high[rows])
                if cell.piled[0]:
                    z = torch.where(z < least, 2 * least - z, z)
                if cell.piled[1]:
                    z = torch.where(z > most, 2 * most - z, z)
                outside = (z < least) | (z > most)
            z = self.g.grids.snap(j, z)
            out = z if rows is None else out.index_copy_(0, rows, z)
            wrong = self._taken(j, cell, z, rows, outside)
            if wrong is None:
                break
            rows = torch.nonzero(wrong)[:, 0] if rows is None else rows[wrong]
            if not len(rows):
                break
        return out

    def _taken(self, j: int, cell: Number, z: Tensor, rows: Tensor | None, wrong: Tensor | None) -> Tensor | None:
        """Return which numbers lie where another outcome has its place, or are `wrong` already; None for none."""
        own = self.g.heads.own[j]
        if own.stay > 0 and self.age:
            old, gone = self.x[:, j], self.gone[:, j]
            old, gone = (old, gone) if rows is None else (old[rows], gone[rows])
            same = ((z - old).abs() <= CLOSE) & ~gone
            wrong = same if wrong is None else wrong | same
        for place in cell.atoms if self.age else own.places(cell).values():
            on = (z - place).abs() <= CLOSE
            wrong = on if wrong is None else wrong | on
        return wrong


class _ContextLogits:
    """What the context adds to the logits of cells, gathered as the cells of a row are drawn."""

    def __init__(self, generator: Generator) -> None:
        self.context, own, cells = generator.linear.vector.context, generator.heads.own, generator.with_context
        ends = np.cumsum([0, *(own[j].count for j in cells)])
        self.places = {j: slice(int(a), int(b)) for j, a, b in zip(cells, ends[:-1], ends[1:], strict=True)}
        self.sides = []  # for first rows, for others: weights, offset, what each cell adds by its outcome
        for side in range(2) if cells else ():
            weights = torch.cat([generator.outcomes(j).get_buffer("weights")[side] for j in cells], 1)
            offset = torch.cat([generator.outcomes(j).get_buffer("offset")[side] for j in cells])
            tables = {j: self.context.by_outcome(j, own[j].count, weights) for j in range(cells[-1])}
            self.sides.append((weights, offset, {j: table for j, table in tables.items() if bool(table.any())}))

    def start_row(self, known: Tensor, old: Tensor | None) -> None:
        """Start a row, given what is known of it `(B, known)` and what cells did in the row before `(B, C)`."""
        if not self.sides:
            return
        weights, offset, self.tables = self.sides[0 if old is None else 1]
        u = known[:, self.context.known].float()
        if old is not None and len(self.context.cells):
            did = (old[:, self.context.cells] == self.context.numbers).float()
            u, weights = torch.cat([u, did], 1), torch.cat([weights[: u.shape[1]], weights[-did.shape[1] :]])
        self.sum = torch.addmm(offset, u, weights[: u.shape[1]])

    def add(self, j: int, outcome: Tensor) -> None:
        """Take in what cell j does, `(B,)`."""
        if self.sides and j in self.tables:
            self.sum += self.tables[j][outcome]

    def of(self, j: int) -> Tensor:
        """Return what is added to the logits of cell j, `(B, outcomes)`."""
        return self.sum[:, self.places[j]]


def _tensors(bounds: tuple[Bound, ...]) -> list[tuple[int, Tensor, Tensor]]:
    """Return the cell that each bound follows, and its knots there and here."""
    kind = torch.float64
    return [(one.cell, torch.tensor(one.there, dtype=kind), torch.tensor(one.here, dtype=kind)) for one in bounds]


def free_run(generator: Generator, statics: Doubles, covariates: Floats, noise: torch.Generator) -> Doubles:
    """Return rows `(B, T, C)` drawn freely, NaN where missing."""
    return free_runs(generator, [(statics, covariates, noise)])[0]


def free_runs(generator: Generator, blocks: Sequence[tuple[Doubles, Floats, torch.Generator]]) -> list[Doubles]:
    """Return what `free_run` does of each block; an accelerator draws all at once."""
    parts: list[Half] = []
    ends = np.cumsum([0, *(len(statics) for statics, _, _ in blocks)]).tolist()
    most = max(covariates.shape[1] for _, covariates, _ in blocks)
    for at, (statics, _, noise) in zip(ends, blocks, strict=False):
        own = halves(len(statics), noise, MIN_HALF)
        parts += [(slice(at + some.start, at + some.stop), half) for some, half in own]
    given = to_tensor(np.concatenate([statics for statics, _, _ in blocks]))
    longest = [np.pad(part, ((0, 0), (0, most - part.shape[1]), (0, 0))) for _, part, _ in blocks]
    known = to_tensor(np.concatenate(longest))

    def run(some: slice, noise: Noise) -> Tensor:
        rollout = Rollout(generator, given[some], noise)
        return torch.stack([rollout.step(known[some, t])[0] for t in range(known.shape[1])], 1)

    with cores():
        rows = to_array(torch.cat(side_by_side(run, parts)))
    return [rows[at:end, : part.shape[1]] for at, end, (_, part, _) in zip(ends, ends[1:], blocks, strict=False)]
