r"""The generator: a recurrent network over rows, a chain over the columns of a row, a head for each column.

.. math:: p(x_1 \dots x_T) = \prod_t \prod_j p(x_{tj} \mid x_{t1} \dots x_{t,j-1}, \; h_t), \quad
    h_t = \mathrm{cell}(x_{t-1}, \; c_t, \; h_{t-1}).

The base (`base`) is part of every head: the network gives what is to be added to the base's outcome logits and to the
mixture of its residuals, and gives nothing before training. So the untrained generator is the closed form. First rows
have a chain of their own, which sees no row before. The statics of a sequence are drawn by a generator of their own, as
the one row of a sequence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from ..bundle import saved
from ..layout import Cell, Layout, Number
from .base import Base, Expected, Linear
from .cells import CELLS, State
from .chain import Chain, leave_out
from .heads import NEVER, Coded, Grids, Outcomes, code, mixture_log_prob
from .pieces import Piece, Reach
from .spells import lasted, timed

SHOWN = 16  # levels up to which the network sees a category as they are; more are embedded in as many numbers
FAR, FARTHER = 6.0, 8.0  # where inputs are cut off: values, residuals and changes
YOUNG = 3  # rows at a start whose age the network is told
LOG_SIGMA = (-7.0, 3.0)  # of the normals, in units of the base's residual
SMOOTH = 0.1  # of a number's changes: residuals below it are of a path that is known before it comes
SHAKEN, SHAKES = 0.8, (0.1, 1.0)  # share of the pieces of which the past is shaken, and how much, in residuals


@saved
@dataclass(frozen=True)
class Sizes:
    """How large the networks are.

    Attributes
    ----------
    cell : str
    hidden, layers : int
        Of the recurrent network.
    units : int
        Of the chain.
    mixture : int
        Normals for each number.
    """

    cell: str = "lstm"
    hidden: int = 128
    layers: int = 1
    units: int = 128
    mixture: int = 6


class Features(nn.Module):
    """What the networks see of the cells of a row, cell after cell.

    A number is its value, its residual, its change, and its outcome one-hot if it has several; a category is one-hot or
    embedded.
    """

    shown_at: Tensor

    def __init__(self, cells: tuple[Cell, ...]) -> None:
        super().__init__()
        own = [Outcomes.of(cell) for cell in cells]
        self.widths: list[int] = []
        shown: list[tuple[int, int]] = []
        numbers: list[int] = []
        self.embedded: list[tuple[int, int]] = []
        self.tables = nn.ModuleList()
        at = 0
        for j, (cell, o) in enumerate(zip(cells, own, strict=True)):
            width = 3 if isinstance(cell, Number) else 0
            if isinstance(cell, Number):
                numbers.append(at)
            if isinstance(cell, Number) and o.count == 1:
                pass
            elif o.count <= SHOWN or isinstance(cell, Number):
                shown.append((j, at + width))
                width += o.count
            else:
                self.embedded.append((j, at))
                self.tables.append(nn.Embedding(o.count, SHOWN))
                width = SHOWN
            self.widths.append(width)
            at += width
        self.size = at
        self.ends = np.concatenate([[0], np.cumsum(self.widths)]).astype(int).tolist()
        self.numbers = numbers
        self.cells = [j for j, cell in enumerate(cells) if isinstance(cell, Number)]
        self.table = {j: number for number, (j, _) in enumerate(self.embedded)}
        self.shown_cells = [j for j, _ in shown]
        self.register_buffer("shown_at", torch.tensor([at for _, at in shown], dtype=torch.int64), persistent=False)

    def forward(self, x: Tensor, outcome: Tensor, e: Tensor, change: Tensor) -> Tensor:
        """Return features `(B, T, size)` float32 of values and outcomes `(B, T, C)`, residuals and changes."""
        out = torch.zeros((*x.shape[:2], self.size), dtype=torch.float32, device=x.device)
        if self.numbers:
            at = torch.tensor(self.numbers)
            out[:, :, at] = x[:, :, self.cells].clamp(-FAR, FAR).float()
            out[:, :, at + 1] = e.clamp(-FARTHER, FARTHER).float()
            out[:, :, at + 2] = change.clamp(-FARTHER, FARTHER).float()
        if self.shown_cells:
            out.scatter_(2, outcome[:, :, self.shown_cells] + self.shown_at, 1.0)
        for (j, begin), table in zip(self.embedded, self.tables, strict=True):
            out[:, :, begin : begin + SHOWN] = table(outcome[:, :, j])
        return out


def marks(age: Tensor, reach: Reach) -> Tensor:
    """Return what the network is told of the age of rows, `(..., marks)` float32: young ones, and which seasons are."""
    seen = [age == k for k in range(YOUNG)] + [age > season for season in reach.seasons]
    return torch.stack(seen, -1).float()


class Heads:
    """Where in the chain's output each head's parameters lie, and how they become log-probabilities."""

    def __init__(self, cells: tuple[Cell, ...], mixture: int) -> None:
        self.own = [Outcomes.of(cell) for cell in cells]
        self.widths = [
            (o.count if o.count > 1 else 0) + (3 * mixture if isinstance(cell, Number) else 0)
            for cell, o in zip(cells, self.own, strict=True)
        ]
        ends = np.concatenate([[0], np.cumsum(self.widths)]).astype(int)
        self.several = [j for j, o in enumerate(self.own) if o.count > 1]
        self.numbers = [j for j, cell in enumerate(cells) if isinstance(cell, Number)]
        self.place = {j: number for number, j in enumerate(self.numbers)}
        # networks give logits first, of cells with as many outcomes together, then weights, means and sigmas
        self.groups: list[tuple[list[int], slice]] = []
        order: list[int] = []
        for count in sorted({self.own[j].count for j in self.several}):
            mine = [j for j in self.several if self.own[j].count == count]
            self.groups.append((mine, slice(len(order), len(order) + len(mine) * count)))
            order += [int(ends[j]) + k for j in mine for k in range(count)]
        self.logits = len(order)
        skipped = [int(ends[j]) + (self.own[j].count if self.own[j].count > 1 else 0) for j in self.numbers]
        order += [at + part * mixture + k for part in range(3) for at in skipped for k in range(mixture)]
        self.order = order
        self.masked = [
            j
            for j, (cell, o) in enumerate(zip(cells, self.own, strict=True))
            if o.stay > 0 or o.straight > 0 or o.starts or cell.together >= 0
        ]


@dataclass(frozen=True)
class Read:
    """What the network says of T rows of each of B sequences.

    Attributes
    ----------
    told : Expected
        What the base says of the rows and of the one before them.
    params : float32 Tensor of shape (B, T, outputs)
        What the heads are given, in the order of `Heads`.
    starts : bool Tensor of shape (B, T)
        Which rows start a stretch.
    lasted : int64 Tensor of shape (B, T, C)
        For how long the state before each row had lasted; 0 where spells are not told.
    """

    told: Expected
    params: Tensor
    starts: Tensor
    lasted: Tensor


class Generator(nn.Module):
    """The law of sequences of rows.

    Parameters
    ----------
    layout : Layout
        Its statics count as known.
    base : Base
    sizes : Sizes
    """

    bias: Tensor
    jumps: Tensor

    def __init__(self, layout: Layout, base: Base, sizes: Sizes) -> None:
        super().__init__()
        self.layout, self.sizes, self.reach = layout, sizes, base.reach
        self.linear = Linear(layout, base)
        self.heads = Heads(layout.cells, sizes.mixture)
        self.features, self.fixed = Features(layout.cells), Features(layout.statics)
        self.grids = Grids(layout.cells)
        known = layout.covariates + self.fixed.size
        self.timed = timed(layout.cells) if self.reach.spells else []
        more = YOUNG + len(self.reach.seasons) + 2 * len(self.timed)
        self.cell = CELLS[sizes.cell](self.features.size + known + more, sizes.hidden, sizes.layers)
        shape = self.features.widths, self.heads.widths, sizes.units, self.heads.order
        self.chain, self.first = Chain(sizes.hidden, *shape), Chain(known + 1, *shape)
        self.dropout = 0.0
        spread = base.regressions[self.reach.order].spread
        self.smooth = [i for i in range(len(self.heads.numbers)) if spread[i] < SMOOTH * base.jumps[i]]
        self.register_buffer("bias", torch.from_numpy(base.bias).float())
        self.register_buffer("jumps", torch.from_numpy(base.jumps))
        for j in self.heads.several:
            for name in ("first", "marginal", "after"):
                self.register_buffer(f"{name}{j}", torch.from_numpy(getattr(base, name)[j]).float())
        for j, table in base.lasting.items():
            self.register_buffer(f"lasting{j}", torch.from_numpy(table).float())
        self.lasting, self.lifted = frozenset(base.lasting), frozenset(base.lifts)
        for j, lift in base.lifts.items():
            self.register_buffer(f"lift{j}", torch.from_numpy(lift.weights).float())
            self.register_buffer(f"offset{j}", torch.from_numpy(lift.offset).float())

    def set_dropout(self, share: float) -> None:
        """Let so many recurrent outputs and units of the chains be left out in training."""
        self.dropout = self.chain.dropout = self.first.dropout = share

    def known(self, piece: Piece) -> Tensor:
        """Return what the network sees of covariates and statics, `(B, T, ...)`."""
        fixed = self.fixed_features(piece.statics)
        return torch.cat([piece.known, fixed[:, None].expand(-1, piece.known.shape[1], -1)], 2)

    def fixed_features(self, statics: Tensor) -> Tensor:
        """Return the features of statics `(B, S)`."""
        if not self.fixed.size:
            return statics.new_zeros((len(statics), 0), dtype=torch.float32)
        coded = code(statics[:, None], torch.zeros((len(statics), 1), dtype=torch.int64), self.layout.statics)
        z = coded.x[:, :, self.fixed.cells]
        found: Tensor = self.fixed(coded.x, coded.outcome, z, z)
        return found[:, 0]

    def forward(
        self, piece: Piece, state: State | None = None, noise: torch.Generator | None = None
    ) -> tuple[Tensor, State]:
        """Return the log-probability of each cell, `(B, T, C)` float32, and the state at the end.

        A state is that of the recurrent cell, and what was last known of each cell before the next piece's context.

        Parameters
        ----------
        piece : Piece
            With `reach.rows` rows of context.
        state : recurrent state at the start, optional
        noise : torch.Generator, optional
            Dequantises values on a grid, and in training shakes smooth paths; without it values are taken as they are.
        """
        coded = piece.coded(self.layout, None if state is None else state[-1][0])
        behind = coded.x[:, piece.known.shape[1] - 1]
        log_prob, inner = self.log_prob(coded, piece, None if state is None else state[:-1], noise)
        return log_prob, (*inner, behind[None])

    def start(self, batch: int) -> State:
        """Return the state before the first row, of so many sequences."""
        return (*self.cell.start(batch), torch.zeros((1, batch, len(self.layout.cells)), dtype=torch.float64))

    def read(self, coded: Coded, piece: Piece, state: State | None) -> tuple[Read, State]:
        """Read rows that are coded; return what is said of them, and the recurrent state."""
        steps = piece.known.shape[1]
        # the row before the first is read as well: what it did is the network's first input
        wide = replace(
            piece,
            known=torch.cat([piece.known[:, :1] if piece.last is None else piece.last[:, None], piece.known], 1),
            inside=torch.cat([piece.inside[:, :1], piece.inside], 1),
        )
        age = piece.age[:, -steps - 1 :]
        told = self.linear(coded, wide, age)
        features = self.features(
            coded.x[:, -steps - 1 :], coded.outcome[:, -steps - 1 :], told.e, told.change / self.jumps
        )
        known = self.known(piece)
        length = self.lengths(coded, piece)
        spells = self.spells(length)
        out, state = self.run(torch.cat([features[:, :-1], spells], 2), known, age[:, 1:], state)
        params = self.chain(leave_out(out, self.dropout, self.training), features[:, 1:])
        starts = age[:, 1:] == 0
        b, t = torch.nonzero(starts, as_tuple=True)
        if len(b):
            outer = torch.cat([known[b, t], known.new_ones((len(b), 1))], 1)
            params = params.index_put((b, t), self.first(outer, features[:, 1:][b, t]))
        return Read(told, params, starts, length), state

    def log_prob(
        self, coded: Coded, piece: Piece, state: State | None, noise: torch.Generator | None
    ) -> tuple[Tensor, State]:
        """Return what `forward` does of rows that are coded; the state is the recurrent cell's."""
        steps = piece.known.shape[1]
        x, outcome = coded.x[:, -steps:], coded.outcome[:, -steps:]
        shaken = self.shaken(coded, noise) if self.training and self.smooth and noise is not None else coded
        read, state = self.read(shaken, piece, state)
        told = read.told
        e = told.e[:, 1:]
        if shaken is not coded:
            e = e + (x - shaken.x[:, -steps:])[:, :, self.heads.numbers] / told.spread[:, 1:]
        if noise is not None and self.grids.points:
            e = e + self.grids.noise(x, noise)[:, :, self.heads.numbers] / told.spread[:, 1:]
        logits = self.outcome_logits(shaken, piece, read)
        log_prob = torch.zeros(outcome.shape, dtype=torch.float32)
        for (mine, _), part in zip(self.heads.groups, logits, strict=True):
            log_prob[:, :, mine] = torch.log_softmax(part, -1).gather(3, outcome[:, :, mine][..., None])[..., 0]
        if self.heads.numbers:
            weight, mean, log_sigma = self.mixture(read)
            density = mixture_log_prob(e.float(), weight, mean, log_sigma) - told.spread[:, 1:].log().float()
            continuous = outcome[:, :, self.heads.numbers] == 0
            some = torch.zeros_like(log_prob)
            some[:, :, self.heads.numbers] = torch.where(continuous, density, 0.0)
            log_prob = log_prob + some
        return log_prob * piece.inside[:, :, None], state

    def shaken(self, coded: Coded, noise: torch.Generator) -> Coded:
        """Return rows with noise on the numbers of smooth paths, as the network will find them when it runs freely.

        Told only exact paths, it makes of each small error of its own a larger one ("Training with noise is equivalent
        to Tikhonov regularization", Bishop, 1995, https://doi.org/10.1162/neco.1995.7.1.108). Where numbers have noise
        of their own, their paths hold enough of it.
        """
        cells = [self.heads.numbers[i] for i in self.smooth]
        shape, (low, high) = (len(coded.x), 1, len(cells)), SHAKES
        size = low * (high / low) ** torch.rand(shape, generator=noise, dtype=torch.float64)
        size = size * (torch.rand((len(coded.x), 1, 1), generator=noise) < SHAKEN)
        size = size * self.linear.part("spread", self.reach.order)[self.smooth]
        x = coded.x.clone()
        x[:, :, cells] += size * torch.randn((*x.shape[:2], len(cells)), generator=noise, dtype=torch.float64)
        return replace(coded, x=x)

    def lengths(self, coded: Coded, piece: Piece) -> Tensor:
        """Return for how long the state before each row had lasted, `(B, T, C)`; 0 where spells are not told."""
        before = slice(-piece.known.shape[1] - 1, -1)
        if not self.timed:
            return torch.zeros_like(coded.state[:, before])
        return lasted(coded.state, piece.age, self.reach.spells, self.layout.stretches)[:, before]

    def spells(self, length: Tensor) -> Tensor:
        """Return what the network sees of lengths `(..., C)`, float32."""
        own = length[..., self.timed].float()
        return torch.cat([(own == 0).float(), own / max(self.reach.spells, 1)], -1)

    def run(self, features: Tensor, known: Tensor, age: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return recurrent outputs `(B, T, H)` given the features of the rows before; a start sees none."""
        features = features * (age > 0)[:, :, None]
        young = marks(age, self.reach)
        out: tuple[Tensor, State] = self.cell(torch.cat([features, known, young], 2), state)
        return out

    def mixture(self, read: Read) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits of weights, means and log sigmas, `(B, T, numbers, K)`."""
        raw = torch.unflatten(
            read.params[..., self.heads.logits :], -1, (3, len(self.heads.numbers), self.sizes.mixture)
        )
        bias = self.bias.transpose(1, 2)
        weight, mean, log_sigma = (raw + torch.where(read.starts[:, :, None, None, None], bias[0], bias[1])).unbind(2)
        return weight, mean, log_sigma.clamp(*LOG_SIGMA)

    def outcome_logits(self, coded: Coded, piece: Piece, read: Read) -> list[Tensor]:
        """Return the logits of the outcomes, a group of cells with as many outcomes each time, `(B, T, cells, n)`."""
        steps = piece.known.shape[1]
        age = piece.age[:, -steps:]
        old = coded.state[:, -steps - 1 : -1]
        vector = self.linear.vector
        u, length = read.params[..., :0], read.lasted
        if self.lifted:
            known, terms = vector.before(piece), vector.terms(coded)[:, -steps:]
            u = vector.context(known, terms, coded.outcome[:, -steps:], coded.before(age)).float()
        out = []
        for mine, place in self.heads.groups:
            logits = torch.unflatten(read.params[..., place], -1, (len(mine), -1))
            parts = []
            for j in mine:
                parts.append(self.base_logits(j, old[:, :, j], length[:, :, j], age == 0))
            base = torch.stack(parts, 2)
            lifted = [i for i, j in enumerate(mine) if j in self.lifted]
            if lifted:
                base[:, :, lifted] += self.lift([mine[i] for i in lifted], age == 0, u)
            masks = [self.mask(j, coded, age) if j in self.heads.masked else None for j in mine]
            for i, mask in enumerate(masks):
                if mask is not None:
                    base[:, :, i] = base[:, :, i].masked_fill(mask, NEVER)
            never = base <= NEVER
            out.append(torch.where(never, torch.full_like(base, NEVER), logits + base))
        return out

    def base_logits(self, j: int, old: Tensor, length: Tensor, start: Tensor) -> Tensor:
        """Return the base's logits of cell j, `(..., outcomes)`, without what the context adds.

        Parameters
        ----------
        j : int
        old : int64 Tensor of shape (...)
            The state before, see `heads.Outcomes`.
        length : int64 Tensor of shape (...)
            For how long it had lasted, see `spells`.
        start : bool Tensor of shape (...)
            Where there is none.
        """
        after: Tensor = getattr(self, f"after{j}")
        first: Tensor = getattr(self, f"first{j}")
        if j in self.lasting:
            table: Tensor = getattr(self, f"lasting{j}")
            logits = torch.where(start[..., None], first, table[old, length])
        elif after.ndim == 2:
            logits = torch.where(start[..., None], first, after[old])
        else:
            same = torch.nn.functional.one_hot(old, self.heads.own[j].count)
            marginal: Tensor = getattr(self, f"marginal{j}")
            # log(share + odds) where it is the same again
            again = torch.where(same.bool(), torch.logaddexp(marginal, after), marginal)
            logits = torch.where(start[..., None], first, again)
        return logits

    def lift(self, cells: list[int], start: Tensor, u: Tensor) -> Tensor:
        """Return what the context u `(B, T, K)` adds to the logits of cells of n outcomes, `(B, T, cells, n)`."""
        weights = torch.cat([self.get_buffer(f"lift{j}") for j in cells], 2)
        offset = torch.cat([self.get_buffer(f"offset{j}") for j in cells], 1)
        out = u @ weights[1] + offset[1]
        out[start] = u[start] @ weights[0] + offset[0]
        return torch.unflatten(out, -1, (len(cells), -1))

    def mask(self, j: int, coded: Coded, age: Tensor) -> Tensor:
        """Return which outcomes of cell j cannot be, `(B, T, outcomes)`."""
        own, cell = self.heads.own[j], self.layout.cells[j]
        steps = age.shape[1]
        now, old = coded.outcome[:, -steps:, j], coded.outcome[:, -steps - 1 : -1, j]
        older = coded.outcome[:, -steps - 2 : -2, j]
        out = torch.zeros((*age.shape, own.count), dtype=torch.bool)
        gone = old == own.missing
        if own.stay > 0:
            settled = torch.zeros_like(gone)
            for atom in own.atoms:
                settled |= old == atom
            out[:, :, own.stay] = (age < 1) | gone | settled
        for start in own.starts:
            out[:, :, start] = age >= 1
        if own.straight > 0:
            out[:, :, own.straight] = (age < 2) | gone | (older == own.missing)
        if cell.together >= 0:
            lead = coded.outcome[:, -steps:, cell.together] == self.heads.own[cell.together].missing
            out |= lead[:, :, None]
            out[:, :, own.missing] = ~lead
        out.scatter_(2, now[..., None], torch.zeros_like(now[..., None], dtype=torch.bool))
        return out
