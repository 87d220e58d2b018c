"""Rows drawn one after the other: what a generator does when it runs freely, or around cells that are known."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..arrays import Doubles, Floats
from ..layout import Bound, Category, Number
from .cells import take
from .generator import FAR, FARTHER, LOG_SIGMA, SHOWN, Generator, marks
from .heads import CLOSE, NEVER, mixture_log_prob
from .spells import go_on
from .vector import static_terms

AGAIN = 6  # times that a number is drawn anew that lies outside its bounds, or where another outcome has its place


class Rollout:
    """Sequences in the making; all are at the same step.

    Parameters
    ----------
    generator : Generator
    statics : float64 Tensor of shape (B, statics)
    noise : torch.Generator
    """

    def __init__(self, generator: Generator, statics: Tensor, noise: torch.Generator) -> None:
        self.g, self.noise, self.size = generator, noise, len(statics)
        layout = generator.layout
        self.fixed = generator.fixed_features(statics)
        self.fixed_terms = generator.linear.vector.fixed
        self.base_fixed = (
            static_terms(statics, self.fixed_terms) if self.fixed_terms.size else statics.new_zeros((self.size, 0))
        )
        self.age = 0
        self.state = generator.cell.start(self.size)
        cells, terms = len(layout.cells), generator.linear.vector.terms.size
        self.x = torch.zeros((self.size, cells), dtype=torch.float64)
        self.x_before = torch.zeros_like(self.x)
        self.outcome = torch.zeros((self.size, cells), dtype=torch.int64)
        states = [own.states - 1 if own.states > own.count else -1 for own in generator.heads.own]
        self.never = torch.tensor(states)  # the state of what was not known yet
        self.stands = self.never.clamp_min(0).expand(self.size, -1)
        self.lasted = torch.zeros((self.size, cells), dtype=torch.int64)
        self.gone = torch.ones((self.size, cells), dtype=torch.bool)
        self.gone_before = self.gone.clone()
        self.lags = torch.zeros((self.size, max(generator.reach.order, 1), terms), dtype=torch.float64)
        self.seasonal: list[Tensor] = []  # numbers of as many rows as a season is long, the last one first
        self.features = torch.zeros((self.size, generator.features.size))
        self.now = self.x, self.gone  # the row in the making
        self.lifts = _Lifts(generator)
        # what the earlier cells of a row allow: levels that go together, and numbers that are not crossed
        self.met = [
            [(i, torch.from_numpy(met)) for i, met in cell.meets] if isinstance(cell, Category) else []
            for cell in layout.cells
        ]
        self.edges = [
            [_tensors(bounds) for bounds in (cell.floors, cell.ceilings)] if isinstance(cell, Number) else []
            for cell in layout.cells
        ]

    def take(self, index: Tensor) -> None:
        """Keep some sequences, in that order and as often as they are named."""
        for name in (
            "fixed",
            "base_fixed",
            "x",
            "x_before",
            "outcome",
            "stands",
            "lasted",
            "gone",
            "gone_before",
            "lags",
            "features",
        ):
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

        Parameters
        ----------
        covariates : float32 Tensor of shape (B, K)
        known : bool Tensor of shape (B, C), optional
        values : float64 Tensor of shape (B, C), optional
            What is known, NaN for known to be missing.
        allowed : tuple of bool Tensor of shape (levels,) or (B, levels), or None
            Levels of each category that may come.

        Returns
        -------
        values : float64 Tensor of shape (B, C)
        weight : float32 Tensor of shape (B,)
            Log-probability of what was known.
        """
        g, layout = self.g, self.g.layout
        linear, heads = g.linear, g.heads
        terms_of = linear.vector.terms
        k = g.reach.stage(self.age)
        context = torch.cat([covariates, self.fixed], 1)
        young = marks(torch.tensor(self.age), g.reach).expand(self.size, -1)
        spells = g.spells(self.lasted) * (self.age > 0)
        out, self.state = g.cell.step(torch.cat([self.features, spells, context, young], 1), self.state)
        walk = (
            g.chain.begin(out) if self.age else g.first.begin(torch.cat([context, context.new_ones((self.size, 1))], 1))
        )
        before = torch.cat([covariates.double(), self.base_fixed], 1)
        order = min(k, g.reach.order)
        ago = [self.seasonal[lag - 1] for lag in g.reach.lags[: 2 * (k - order)]]
        outer = torch.cat([before, self.lags[:, :order].flatten(1), *ago], 1)
        lagged = outer @ linear.part("outer", k).T + linear.part("constant", k)
        inner_weights, spreads = linear.part("inner", k), linear.part("spread", k)
        inner = torch.zeros((self.size, terms_of.size), dtype=torch.float64)
        terms = torch.zeros_like(inner)
        x, outcome = torch.empty_like(self.x), torch.zeros_like(self.outcome)
        gone = torch.zeros_like(self.gone)
        self.now = x, gone
        self.lifts.begin(before, self.outcome if self.age else None)
        features = torch.zeros_like(self.features)
        weight = torch.zeros(self.size)
        number = 0
        for j, cell in enumerate(layout.cells):
            own = heads.own[j]
            params = walk.head(j)
            told = None if known is None or not bool(known[:, j].any()) else known[:, j]
            if isinstance(cell, Category):
                logits = self.logits(j, params, gone)
                some = allowed[j] if allowed else None
                if some is not None:
                    logits, log_share = self._only(logits, some, own.count)
                    weight += log_share
                o = self._choose(logits)
                if told is not None and values is not None:
                    given = torch.where(values[:, j].isnan(), own.missing, values[:, j].nan_to_num().long())
                    log_p = torch.log_softmax(logits, 1).gather(1, given.clamp_min(0)[:, None])[:, 0]
                    weight += torch.where(told, log_p, 0.0)
                    o = torch.where(told, given, o)
                gone[:, j] = o == own.missing
                x[:, j], outcome[:, j] = o.double(), o
                if own.missing >= 0:
                    x[:, j] = torch.where(gone[:, j], self.x[:, j], x[:, j])
                at = int(terms_of.at[j])
                if int(terms_of.at[j + 1]) > at:
                    inner[:, at:].scatter_(1, o[:, None], 1.0)
                    terms[:, at:].scatter_(1, o[:, None], 1.0)
                width = g.features.widths[j]
                start = g.features.ends[j]
                if own.count <= SHOWN:
                    features[:, start : start + width].scatter_(1, o[:, None], 1.0)
                else:
                    table = g.features.tables[g.features.table[j]]
                    features[:, start : start + width] = table(o)
            else:
                at = int(terms_of.at[j])
                expected = lagged[:, number] + inner[:, :at] @ inner_weights[number, :at]
                spread = spreads[number]
                centre = self.x[:, j] + expected if self.age else expected
                drawn, o, lost, log_p = self.number(
                    j, cell, params, centre, spread, gone, told, None if values is None else values[:, j]
                )
                weight += log_p
                x[:, j], outcome[:, j], gone[:, j] = drawn, o, lost
                change = drawn - self.x[:, j] if self.age else drawn
                inner[:, at], terms[:, at] = change, drawn
                if own.missing >= 0:
                    inner[:, at + 1] = terms[:, at + 1] = lost.double()
                start = g.features.ends[j]
                features[:, start] = drawn.clamp(-FAR, FAR).float()
                features[:, start + 1] = ((change - expected) / spread).clamp(-FARTHER, FARTHER).float()
                features[:, start + 2] = (change / g.jumps[number]).clamp(-FARTHER, FARTHER).float()
                if own.count > 1:
                    features[:, start + 3 : start + 3 + own.count].scatter_(1, o[:, None], 1.0)
                number += 1
            self.lifts.tell(j, o)
            walk.tell(j, features[:, g.features.ends[j] : g.features.ends[j + 1]])
        never = gone & (self.stands == self.never)
        self.x_before, self.x, self.outcome = self.x, x, outcome
        stands = torch.where(never, self.stands, outcome)
        if g.reach.spells:
            same = stands == self.stands
            self.lasted = go_on(self.lasted, same, self.age, g.reach.spells, layout.stretches)
        self.stands = stands
        self.gone_before, self.gone = self.gone, gone
        self.features, self.age = features, self.age + 1
        self.lags = torch.cat([terms[:, None], self.lags[:, :-1]], 1)
        if g.reach.lags:
            self.seasonal = [x[:, terms_of.numbers], *self.seasonal[: g.reach.lags[-1] - 1]]
        return torch.where(gone, math.nan, x), weight

    def logits(self, j: int, params: Tensor, gone: Tensor) -> Tensor:
        """Return the logits of a cell's outcomes, `(B, outcomes)`."""
        g, cell, own = self.g, self.g.layout.cells[j], self.g.heads.own[j]
        start = torch.full((self.size,), self.age == 0)
        logits = params[:, : own.count] + g.base_logits(j, self.stands[:, j], self.lasted[:, j], start)
        if j in g.lifted:
            logits = logits + self.lifts.of(j)
        if own.stay > 0:
            settled = self.gone[:, j].clone()
            for atom in own.atoms:
                settled |= self.outcome[:, j] == atom
            settled |= torch.tensor(self.age < 1)
            logits[:, own.stay].masked_fill_(settled, NEVER)
        for number in own.starts if self.age else ():
            logits[:, number] = NEVER
        if own.straight > 0:
            no = self.gone[:, j] | self.gone_before[:, j] | torch.tensor(self.age < 2)
            logits[:, own.straight].masked_fill_(no, NEVER)
        x, lost = self.now
        for i, met in self.met[j]:
            fits = met[x[:, i].long().clamp(0, len(met) - 1)] | lost[:, i, None]
            some = logits[:, : met.shape[1]]
            logits = torch.cat([some.masked_fill(~fits, NEVER), logits[:, met.shape[1] :]], 1)
        if cell.together >= 0:
            lead = gone[:, cell.together]
            logits = torch.where(lead[:, None], NEVER, logits)
            logits[:, own.missing] = torch.where(lead, 0.0, NEVER)
        return logits

    @staticmethod
    def _only(logits: Tensor, allowed: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Return the logits of allowed levels, and the log share that they have."""
        mask = torch.zeros((*allowed.shape[:-1], count), dtype=torch.bool)
        mask[..., : allowed.shape[-1]] = allowed
        kept = logits.masked_fill(~mask, -math.inf)
        return kept, torch.logsumexp(kept, 1) - torch.logsumexp(logits, 1)

    def _choose(self, logits: Tensor) -> Tensor:
        """Draw outcomes by their logits `(B, n)`."""
        if logits.shape[1] == 1:
            return torch.zeros(len(logits), dtype=torch.int64)
        share = torch.softmax(logits, 1).cumsum(1)
        u = torch.rand((len(logits), 1), generator=self.noise) * share[:, -1:]
        return (share < u).sum(1).clamp_max(logits.shape[1] - 1)

    def number(
        self,
        j: int,
        cell: Number,
        params: Tensor,
        centre: Tensor,
        spread: Tensor,
        gone: Tensor,
        told: Tensor | None,
        values: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw a number; return it (the last known where it is missing), outcome, whether missing, log weight."""
        g, own = self.g, self.g.heads.own[j]
        o = torch.zeros(self.size, dtype=torch.int64)
        weight = torch.zeros(self.size)
        whole = told is not None and bool(told.all())  # then nothing is drawn
        at = 0
        logits = None
        if own.count > 1:
            logits = self.logits(j, params, gone)
            o = o if whole else self._choose(logits)
            at = own.count
        raw = params[:, at:].reshape(self.size, 3, -1) + g.bias[min(self.age, 1), g.heads.place[j]]
        w, mean, log_sigma = raw.unbind(1)
        log_sigma = log_sigma.clamp(*LOG_SIGMA)
        if told is not None and values is not None:
            real = torch.where(told, values, math.nan)
            o_told = self._outcome_of(j, cell, real)
            if logits is not None:
                log_p = torch.log_softmax(logits, 1).gather(1, o_told[:, None])[:, 0]
                weight += torch.where(told, log_p, 0.0)
            density = mixture_log_prob(((real - centre) / spread).float(), w, mean, log_sigma) - spread.log().float()
            weight += torch.where(told & (o_told == 0), density.nan_to_num(), 0.0)
            o = torch.where(told, o_told, o)
            if whole:
                return torch.where(real.isnan(), self.x[:, j], real), o, o == own.missing, weight
        drawn = self.x[:, j].clone()  # stays, or is missing
        some = torch.nonzero(o == 0)[:, 0] if own.count > 1 else None
        if some is None or len(some):
            parts = (
                (w, mean, log_sigma, centre) if some is None else (w[some], mean[some], log_sigma[some], centre[some])
            )
            free = self._continuous(j, cell, *parts, spread, some)
            drawn = free if some is None else drawn.index_copy(0, some, free)
        if own.straight > 0:
            drawn = torch.where(o == own.straight, self._straight_on(j, cell), drawn)
        for number, place in own.places(cell).items():
            drawn = torch.where(o == number, place, drawn)
        low, high = self._ends(j, cell, None)
        drawn = torch.minimum(torch.maximum(drawn, torch.as_tensor(low)), torch.as_tensor(high))
        if told is not None and values is not None:
            drawn = torch.where(told & ~values.isnan(), values, drawn)
        return drawn, o, o == own.missing, weight

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

    def _ends(self, j: int, cell: Number, some: Tensor | None) -> tuple[Tensor | float, Tensor | float]:
        """Return where a number ends: its own bounds, and those that earlier numbers of the row set."""
        low: Tensor | float = cell.low
        high: Tensor | float = cell.high
        for bounds, floor in zip(self.edges[j], (True, False), strict=True):
            for i, there, here in bounds:
                z, gone = (part[:, i] if some is None else part[some, i] for part in self.now)
                place = torch.bucketize(z.contiguous(), there).clamp(1, len(there) - 1)
                share = ((z - there[place - 1]) / (there[place] - there[place - 1])).clamp(0, 1)
                edge = torch.lerp(here[place - 1], here[place], share)
                if floor:
                    low = torch.maximum(torch.where(gone, -math.inf, edge), torch.as_tensor(low))
                else:
                    high = torch.minimum(torch.where(gone, math.inf, edge), torch.as_tensor(high))
        return low, high

    def _continuous(
        self,
        j: int,
        cell: Number,
        w: Tensor,
        mean: Tensor,
        log_sigma: Tensor,
        centre: Tensor,
        spread: Tensor,
        some: Tensor | None,
    ) -> Tensor:
        """Draw numbers of the mixture until they lie within the bounds, and on no place that an outcome has.

        A smooth density spills over an edge at which values pile up, and lacks inside what lies outside: where earlier
        numbers of the row set such an edge, what lies outside is mirrored at it, as at the edges of kernel density
        estimates (Schuster 1985, Communications in Statistics 14).
        """
        own = self.g.heads.own[j]
        share = torch.softmax(w, 1).cumsum(1)
        old = self.x[:, j] if some is None else self.x[some, j]
        gone = self.gone[:, j] if some is None else self.gone[some, j]
        out, left = torch.empty_like(centre), torch.arange(len(centre))
        bounded = math.isfinite(cell.low) or math.isfinite(cell.high) or bool(cell.floors or cell.ceilings)
        low, high = (torch.as_tensor(end).expand(len(centre)) for end in self._ends(j, cell, some))
        for turn in range(AGAIN):
            everything = turn == 0
            parts = (share, mean, log_sigma, centre)
            reach, mu, sigma, middle = parts if everything else (part[left] for part in parts)
            u = torch.rand((len(middle), 1), generator=self.noise) * reach[:, -1:]
            k = (reach < u).sum(1, keepdim=True).clamp_max(reach.shape[1] - 1)
            e = torch.randn(len(middle), generator=self.noise) * sigma.gather(1, k)[:, 0].exp()
            z = middle + (mu.gather(1, k)[:, 0] + e) * spread
            wrong = None
            if bounded:
                least, most = (low, high) if everything else (low[left], high[left])
                if cell.piled[0]:
                    z = torch.where(z < least, 2 * least - z, z)
                if cell.piled[1]:
                    z = torch.where(z > most, 2 * most - z, z)
                wrong = (z < least) | (z > most)
            z = self.g.grids.snap(j, z)
            if own.stay > 0 and self.age:
                same = ((z - (old if everything else old[left])).abs() <= CLOSE) & ~(gone if everything else gone[left])
                wrong = same if wrong is None else wrong | same
            for place in cell.atoms if self.age else own.places(cell).values():
                on = (z - place).abs() <= CLOSE
                wrong = on if wrong is None else wrong | on
            if everything:
                out = z
            else:
                out[left] = z
            if wrong is None:
                break
            left = left[wrong] if not everything else torch.nonzero(wrong)[:, 0]
            if not len(left):
                break
        return torch.minimum(torch.maximum(out, low), high) if bounded else out


class _Lifts:
    """What the context adds to the logits of cells, gathered as the cells of a row are drawn.

    Parameters
    ----------
    generator : Generator
    """

    def __init__(self, generator: Generator) -> None:
        self.context, own = generator.linear.vector.context, generator.heads.own
        cells = sorted(generator.lifted)
        ends = np.cumsum([0, *(own[j].count for j in cells)])
        self.places = {j: slice(int(a), int(b)) for j, a, b in zip(cells, ends[:-1], ends[1:], strict=True)}
        self.sides = []
        for side in range(2) if cells else ():
            weights = torch.cat([generator.get_buffer(f"lift{j}")[side] for j in cells], 1)
            offset = torch.cat([generator.get_buffer(f"offset{j}")[side] for j in cells])
            tables = {j: self.context.by_outcome(j, own[j].count, weights) for j in range(cells[-1])}
            tables = {j: table for j, table in tables.items() if bool(table.any())}
            self.sides.append((weights, offset, tables))

    def begin(self, known: Tensor, old: Tensor | None) -> None:
        """Start a row, given what is known of it `(B, known)` and what cells did in the row before `(B, C)`."""
        if not self.sides:
            return
        weights, offset, self.tables = self.sides[0 if old is None else 1]
        u = known[:, self.context.known].float()
        if old is not None and len(self.context.cells):
            did = (old[:, self.context.cells] == self.context.numbers).float()
            u, weights = torch.cat([u, did], 1), torch.cat([weights[: u.shape[1]], weights[-did.shape[1] :]])
        self.sum = torch.addmm(offset, u, weights[: u.shape[1]])

    def tell(self, j: int, outcome: Tensor) -> None:
        """Say what cell j does, `(B,)`."""
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
    rollout = Rollout(generator, torch.from_numpy(statics), noise)
    known = torch.from_numpy(covariates)
    rows = [rollout.step(known[:, t])[0] for t in range(covariates.shape[1])]
    return np.asarray(torch.stack(rows, 1).numpy())
