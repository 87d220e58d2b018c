r"""The generator: a recurrent network over rows, a chain over the columns of a row, a head for each column.

.. math:: p(x_1 \dots x_T) = \prod_t \prod_j p(x_{tj} \mid x_{t1} \dots x_{t,j-1}, \; h_t), \quad
    h_t = \mathrm{cell}(x_{t-1}, \; c_t, \; h_{t-1}).

The base (`base`) is part of every head: the network gives what is to be added to the base's outcome logits and to the
mixture of its residuals, and gives nothing before training. So the untrained generator is the closed form. First rows
have a chain of their own, which sees no row before. The statics of a sequence are drawn by a generator of their own, as
the one row of a sequence.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import torch
from torch import Tensor, nn

from ..bundle import Held, saved
from ..layout import Category, Cell, Layout, Number
from .base import Base, OutcomeLogits
from .cells import CELLS, State
from .chain import Chain, leave_out
from .chunks import Chunk, Lookback
from .heads import LOG_SIGMA, NEVER, Coded, Grids, Heads, Outcomes, code, mixture_log_prob
from .regression import Linear, Residuals, Vector, VectorRows
from .runtime import Noise, among, in_use, normal, places, to_tensor, uniform
from .spells import durations, spell_cells

MAX_ONE_HOT = 16  # levels up to which the network sees a category as they are; more are embedded in as many numbers
MAX_VALUE, MAX_RESIDUAL = 6.0, 8.0  # where inputs are cut off: values; residuals and changes, whose tails are longer
AGES = 3  # first rows of which the network sees which they are: as many as the largest order
SMOOTH = 0.1  # of a number's changes: residuals below it are of a path that is known before it comes
NOISY_SHARE, NOISE_SIZES = 0.8, (0.1, 1.0)  # share of the chunks whose past gets noise, and how much, in residuals


@saved
@dataclass(frozen=True)
class Sizes:
    """How large the networks are: recurrent cell, its hidden size and layers, units of the chain, normals a number."""

    cell: str = "lstm"
    hidden: Annotated[int, Held(1)] = 128
    layers: Annotated[int, Held(1)] = 1
    units: Annotated[int, Held(1)] = 128
    mixture: Annotated[int, Held(1)] = 6


class Features(nn.Module):
    """What the networks see of the cells of a row, cell after cell.

    A number is its value, its residual, its change, and its outcome one-hot if it has several; a category is one-hot or
    embedded.
    """

    shown_at: Tensor

    def __init__(self, cells: tuple[Cell, ...]) -> None:
        super().__init__()
        self.cells = [j for j, cell in enumerate(cells) if isinstance(cell, Number)]
        self.widths: list[int] = []
        self.shown_cells: list[int] = []  # of which the outcome is one-hot
        self.embedded: list[tuple[int, int]] = []  # other categories, and where their features begin
        self.tables = nn.ModuleList()
        shown_at: list[int] = []
        at = 0
        for j, (cell, count) in enumerate((cell, Outcomes.of(cell).count) for cell in cells):
            width = 3 if isinstance(cell, Number) else 0
            if isinstance(cell, Category) and count > MAX_ONE_HOT:
                self.embedded.append((j, at))
                self.tables.append(nn.Embedding(count, MAX_ONE_HOT))
                width = MAX_ONE_HOT
            elif isinstance(cell, Category) or count > 1:
                self.shown_cells.append(j)
                shown_at.append(at + width)
                width += count
            self.widths.append(width)
            at += width
        self.size = at
        self.ends = np.concatenate([[0], np.cumsum(self.widths)]).astype(int).tolist()
        self.numbers = [self.ends[j] for j in self.cells]
        self.table = {j: number for number, (j, _) in enumerate(self.embedded)}
        self.register_buffer("shown_at", torch.tensor(shown_at, dtype=torch.int64), persistent=False)

    def forward(self, x: Tensor, outcome: Tensor, e: Tensor, change: Tensor) -> Tensor:
        """Return features `(B, T, size)` float32 of values and outcomes `(B, T, C)`, residuals and changes."""
        out = torch.zeros((*x.shape[:2], self.size), dtype=torch.float32)
        if self.numbers:
            at = places(self.numbers)
            out[:, :, at] = x[:, :, places(self.cells)].clamp(-MAX_VALUE, MAX_VALUE).float()
            out[:, :, at + 1] = e.clamp(-MAX_RESIDUAL, MAX_RESIDUAL).float()
            out[:, :, at + 2] = change.clamp(-MAX_RESIDUAL, MAX_RESIDUAL).float()
        if self.shown_cells:
            out.scatter_(2, outcome[:, :, places(self.shown_cells)] + self.shown_at, 1.0)
        for (j, begin), table in zip(self.embedded, self.tables, strict=True):
            out[:, :, begin : begin + MAX_ONE_HOT] = table(outcome[:, :, j])
        return out


def age_features(age: Tensor, lookback: Lookback) -> Tensor:
    """Return what the network sees of the age of rows, `(..., features)` float32: first rows, and which seasons are."""
    seen = [age == k for k in range(AGES)] + [age > season for season in lookback.seasons]
    return torch.stack(seen, -1).float()


@dataclass(frozen=True)
class Outputs:
    """What the base and the network say of T rows of each of B sequences."""

    vector: VectorRows  # of the rows and of the one before them
    base: Residuals  # of these, too
    params: Tensor  # (B, T, outputs) float32, of the heads, in the order of `Heads`
    starts: Tensor  # (B, T) bool, which rows start a stretch
    durations: Tensor  # (B, T, C) int64, for how long the state before each row had lasted; 0 where it does not count


class Generator(nn.Module):
    """The law of sequences of rows; the statics of a layout count as known."""

    bias: Tensor
    jumps: Tensor

    def __init__(self, layout: Layout, base: Base, sizes: Sizes) -> None:
        super().__init__()
        self.layout, self.sizes, self.lookback = layout, sizes, base.lookback
        self.linear = Linear(layout, base.lookback, base.regressions)
        self.heads = Heads(layout.cells, sizes.mixture)
        self.features, self.static_features = Features(layout.cells), Features(layout.statics)
        self.grids = Grids(layout.cells)
        known = layout.covariates + self.static_features.size
        self.spell_cells = spell_cells(layout.cells) if self.lookback.spells else []
        more = AGES + len(self.lookback.seasons) + 2 * len(self.spell_cells)
        self.cell = CELLS[sizes.cell](self.features.size + known + more, sizes.hidden, sizes.layers)
        shape = self.features.widths, self.heads.widths, sizes.units, self.heads.order
        self.chain, self.first = Chain(sizes.hidden, *shape), Chain(known + 1, *shape)
        self.dropout = 0.0
        spread = base.regressions[self.lookback.order].spread
        self.smooth = [i for i in range(len(self.heads.numbers)) if spread[i] < SMOOTH * base.jumps[i]]
        self.register_buffer("bias", to_tensor(base.bias).float())
        self.register_buffer("jumps", to_tensor(base.jumps))
        self._outcomes = nn.ModuleList(OutcomeLogits(shares) for shares in base.shares)
        self.with_context = [j for j, shares in enumerate(base.shares) if shares.context is not None]

    def copied(self) -> Generator:
        """Return a copy, of which the recurrent weights lie in one piece again, as cuDNN wants them."""
        made = copy.deepcopy(self)
        made.cell.core.flatten_parameters()
        return made

    def moved(self) -> Generator:
        """Move to the device in use, with what is no parameter; return the generator."""
        if self.bias.device.type != in_use().type:
            self.to(in_use())
            self.grids, self.linear.vector = Grids(self.layout.cells), Vector(self.layout, self.lookback)
        return self

    def outcomes(self, j: int) -> OutcomeLogits:
        """Return the base's logits of cell j."""
        found = self._outcomes[j]
        assert isinstance(found, OutcomeLogits)
        return found

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of all that is learned."""
        return {name: part.detach().clone() for name, part in self.state_dict().items()}

    def set_dropout(self, share: float) -> None:
        """Let so many recurrent outputs and units of the chains be left out in training."""
        self.dropout = self.chain.dropout = self.first.dropout = share

    def features_of(self, statics: Tensor) -> Tensor:
        """Return the features of statics `(B, S)`."""
        if not self.static_features.size:
            return statics.new_zeros((len(statics), 0), dtype=torch.float32)
        coded = code(statics[:, None], torch.zeros((len(statics), 1), dtype=torch.int64), self.layout.statics)
        z = coded.x[:, :, places(self.static_features.cells)]
        found: Tensor = self.static_features(coded.x, coded.outcome, z, z)
        return found[:, 0]

    def forward(self, chunk: Chunk, state: State | None = None, noise: Noise | None = None) -> tuple[Tensor, State]:
        """Return the log-probability of each cell, `(B, T, C)` float32, and the state at the end.

        A state is that of the recurrent cell, and what was last known of each cell before the next chunk's context.
        `noise` dequantises values on a grid, and in training perturbs smooth paths and leaves units out; without it
        values are taken as they are.
        """
        coded = chunk.coded(self.layout, None if state is None else state[-1][0])
        log_prob, inner = self._log_prob(coded, chunk, None if state is None else state[:-1], noise)
        return log_prob, (*inner, coded.x[:, chunk.steps - 1][None])

    def start(self, batch: int) -> State:
        """Return the state before the first row, of so many sequences."""
        return (*self.cell.start(batch), torch.zeros((1, batch, len(self.layout.cells)), dtype=torch.float64))

    def read(
        self, coded: Coded, chunk: Chunk, state: State | None, noise: Noise | None = None
    ) -> tuple[Outputs, State]:
        """Read rows that are coded, with `noise` with dropout; return what is said of them, and the recurrent state."""
        # the row before the first is read as well: what it did is the network's first input
        wide = replace(
            chunk, known=torch.cat([chunk.known[:, :1] if chunk.last is None else chunk.last[:, None], chunk.known], 1)
        )
        age, rows = wide.own_age, coded.last(wide.steps)
        vector = self.linear.vector.rows(coded, wide, wide.steps)
        base: Residuals = self.linear(vector, age)
        features = self.features(rows.x, rows.outcome, base.e, base.change / self.jumps)
        statics = self.features_of(chunk.statics)[:, None].expand(-1, chunk.steps, -1)
        known = torch.cat([chunk.known, statics], 2)
        length = torch.zeros_like(rows.state[:, :-1])
        if self.spell_cells:
            length = durations(coded.state, chunk.age, self.lookback.spells, self.layout.stretches)
            length = length[:, -chunk.steps - 1 : -1]
        # a start sees nothing of the rows before
        before = torch.cat([features[:, :-1], self.spell_features(length)], 2) * (age[:, 1:] > 0)[:, :, None]
        inputs = torch.cat([before, known, age_features(age[:, 1:], self.lookback)], 2)
        out, state = self.cell(inputs, state)
        params = self.chain(leave_out(out, self.dropout, noise), features[:, 1:], noise)
        starts = age[:, 1:] == 0
        b, t = torch.nonzero(starts, as_tuple=True)
        if len(b):
            outer = torch.cat([known[b, t], known.new_ones((len(b), 1))], 1)
            own = None if noise is None else among(noise, b)
            params = params.index_put((b, t), self.first(outer, features[:, 1:][b, t], own))
        return Outputs(vector, base, params, starts, length), state

    def _log_prob(self, coded: Coded, chunk: Chunk, state: State | None, noise: Noise | None) -> tuple[Tensor, State]:
        """Return what `forward` does of rows that are coded; the state is the recurrent cell's."""
        rows = coded.last(chunk.steps)
        noisy = self.perturbed(coded, noise) if self.training and self.smooth and noise is not None else coded
        outputs, state = self.read(noisy, chunk, state, noise if self.training else None)
        e, spread = outputs.base.e[:, 1:], outputs.base.spread[:, 1:]
        numbers = places(self.heads.numbers)
        if noisy is not coded:  # what comes next is the true value
            e = e + (rows.x - noisy.last(chunk.steps).x)[:, :, numbers] / spread
        if noise is not None and self.grids.points:
            e = e + self.grids.noise(rows.x, noise)[:, :, numbers] / spread
        logits = self.outcome_logits(noisy, chunk, outputs)
        log_prob = torch.zeros(rows.outcome.shape, dtype=torch.float32)
        for (mine, _), part in zip(self.heads.groups, logits, strict=True):
            at = places(mine)
            log_prob[:, :, at] = torch.log_softmax(part, -1).gather(3, rows.outcome[:, :, at][..., None])[..., 0]
        if self.heads.numbers:
            density = mixture_log_prob(e.float(), *self.mixture(outputs)) - spread.log().float()
            continuous = rows.outcome[:, :, numbers] == 0
            some = torch.zeros_like(log_prob)
            some[:, :, numbers] = torch.where(continuous, density, 0.0)
            log_prob = log_prob + some
        return log_prob * chunk.inside[:, :, None], state

    def perturbed(self, coded: Coded, noise: Noise) -> Coded:
        """Return rows with noise on the numbers of smooth paths, as the network will find them when it runs freely.

        Taught exact paths alone, it makes of each small error of its own a larger one ("Training with noise is
        equivalent to Tikhonov regularization", Bishop, 1995, https://doi.org/10.1162/neco.1995.7.1.108). Where numbers
        have noise of their own, their paths hold enough of it.
        """
        cells = places(self.heads.numbers[i] for i in self.smooth)
        shape, (low, high) = (len(coded.x), 1, len(cells)), NOISE_SIZES
        size = low * (high / low) ** uniform(shape, noise, torch.float64)
        size = size * (uniform((len(coded.x), 1, 1), noise) < NOISY_SHARE)
        size = size * self.linear.stage(self.lookback.order).spread[places(self.smooth)]
        x = coded.x.clone()
        x[:, :, cells] += size * normal((*x.shape[:2], len(cells)), noise, torch.float64)
        return replace(coded, x=x)

    def spell_features(self, length: Tensor) -> Tensor:
        """Return what the network sees of durations `(..., C)`, float32."""
        own = length[..., places(self.spell_cells)].float()
        return torch.cat([(own == 0).float(), own / max(self.lookback.spells, 1)], -1)

    def mixture(self, outputs: Outputs) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits of weights, means and log sigmas, `(B, T, numbers, K)`."""
        raw = torch.unflatten(
            outputs.params[..., self.heads.logits :], -1, (3, len(self.heads.numbers), self.sizes.mixture)
        )
        bias = self.bias.transpose(1, 2)
        weight, mean, log_sigma = (raw + torch.where(outputs.starts[:, :, None, None, None], bias[0], bias[1])).unbind(
            2
        )
        return weight, mean, log_sigma.clamp(*LOG_SIGMA)

    def outcome_logits(self, coded: Coded, chunk: Chunk, outputs: Outputs) -> list[Tensor]:
        """Return the logits of the outcomes, a group of cells with as many outcomes each time, `(B, T, cells, n)`."""
        steps, age = chunk.steps, chunk.own_age
        old, length, start = coded.last(steps, 1).state, outputs.durations, outputs.starts
        u = outputs.params[..., :0]
        if self.with_context:
            known, terms = outputs.vector.known[:, 1:], outputs.vector.terms[:, 1:]
            now, before = coded.last(steps).outcome, coded.outcome_before(age)
            u = self.linear.vector.context(known, terms, now, before).float()
            first = torch.nonzero(start, as_tuple=True)
        out = []
        for mine, place in self.heads.groups:
            logits = torch.unflatten(outputs.params[..., place], -1, (len(mine), -1))
            base = torch.stack([self.outcomes(j)(old[:, :, j], length[:, :, j], start) for j in mine], 2)
            some = [i for i, j in enumerate(mine) if j in self.with_context]
            if some:
                base[:, :, places(some)] += self.context_logits([mine[i] for i in some], first, u)
            for i, j in enumerate(mine):
                if j in self.heads.masked:
                    base[:, :, i].masked_fill_(self._impossible(j, coded, age), NEVER)
            out.append(torch.where(base <= NEVER, torch.full_like(base, NEVER), logits + base))
        return out

    def context_logits(self, cells: list[int], first: tuple[Tensor, ...], u: Tensor) -> Tensor:
        """Return what the context u `(B, T, K)` adds to the logits of cells of n outcomes, `(B, T, cells, n)`.

        `first` are the places of rows that start a stretch.
        """
        weights = torch.cat([self.outcomes(j).get_buffer("weights") for j in cells], 2)
        offset = torch.cat([self.outcomes(j).get_buffer("offset") for j in cells], 1)
        out = u @ weights[1] + offset[1]
        out[first] = u[first] @ weights[0] + offset[0]
        return torch.unflatten(out, -1, (len(cells), -1))

    def _impossible(self, j: int, coded: Coded, age: Tensor) -> Tensor:
        """Return which outcomes of cell j cannot be, `(B, T, outcomes)`."""
        own, cell = self.heads.own[j], self.layout.cells[j]
        now, old, older = (coded.last(age.shape[1], lag).outcome for lag in range(3))
        out = torch.zeros((*age.shape, own.count), dtype=torch.bool)
        gone = old[:, :, j] == own.missing
        if own.stay > 0:
            on_atom = torch.zeros_like(gone)
            for atom in own.atoms:
                on_atom |= old[:, :, j] == atom
            out[:, :, own.stay] = (age < 1) | gone | on_atom
        for start in own.starts:
            out[:, :, start] = age >= 1
        if own.straight > 0:
            out[:, :, own.straight] = (age < 2) | gone | (older[:, :, j] == own.missing)
        if cell.together >= 0:
            lead = now[:, :, cell.together] == self.heads.own[cell.together].missing
            out |= lead[:, :, None]
            out[:, :, own.missing] = ~lead
        return out.scatter_(2, now[:, :, j, None], torch.zeros_like(now[:, :, j, None], dtype=torch.bool))
