r"""Second stage: the generator meets a critic of its free runs (WGAN-GP), and likelihood holds it where it is.

.. math:: \min_\theta \; -\tfrac1T \log p_\theta(\text{real}) + w \, L(C(\text{free run}_\theta)), \qquad
    \max_C \; E[C(\text{real})] - E[C(\text{free run})] - \text{penalty}.

Nothing is learned through the rollout, which is long. A free run is drawn as sampling draws it, without a gradient;
then the network reads the drawn rows in one pass, and a number e that was drawn from a mixture with distribution
function F and density f moves with its parameters by

.. math:: \delta e = -\delta F(e) / f(e)

("Implicit reparameterization gradients", Figurnov et al., 2018, https://arxiv.org/abs/1805.08498). What moves one
number moves all that come after it: exactly through the base, which is linear, and through the network as often as
it is asked to read the moved rows anew (`hops`; with as many as there are numbers in a window the gradient is exact).
Outcomes do not bend: a value that stayed moves with the one before, an atom not at all. Their own gradient is that of
their log-probability, weighted by the critic's score ("Simple statistical gradient-following algorithms", Williams,
1992, https://doi.org/10.1007/BF00992696), where `outcome_weight` asks for it.

What came of it is believed only if free runs came nearer to windows that were held back (`Judge`) by more than chance,
and held-back likelihood did not fall; else the generator of the first stage comes back.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from ..layout import Layout, Number
from ..panel import Ints
from .base import Expected
from .callbacks import History
from .cells import CELLS, detach
from .critic import Critic, difference_scale
from .generator import Generator
from .heads import Coded, Outcomes, code
from .likelihood import Split, Streams, follow, measure
from .losses import LOSSES, Batch, Loss
from .pieces import Piece
from .rollout import free_run

THIN = 0.01  # density of a residual below which it is taken to be this: a gap between normals would throw it far
CLIP = 5.0  # largest norm of the generator's gradient
GIVE = 0.005  # nats per cell that held-back likelihood may fall by: its noise
SURE = 2.0  # standard errors by which the held-back statistic has to fall
DRAWS = 4  # free runs by which the verdict is reached, and the noise of the statistic known
LAGS = 8  # of the autocovariances that are compared
WIDE = 48  # features of one kind that are compared; more are mixed into as many
SHOWN = 12  # levels of a category that are compared one by one
FARTHEST = 8.0  # standard deviations at which features are cut off
MOST, RUNS = 1024, 1024  # windows that are held back, and free runs, that are compared
FEW = 8  # windows on either side below which the stage is left out
HUGE = 1e6  # loss of a critic that has exploded
LOWER = 0.3  # share to which rates fall after a divergence
RETRIES = 2  # divergences after which the stage ends


@dataclass(frozen=True)
class Settings:
    """How the second stage is run.

    Attributes
    ----------
    loss : Loss
    weight : float
        Of the adversarial loss beside the negative log-likelihood of real rows, in nats a row.
    outcome_weight : float
        Of the outcomes' share of the adversarial gradient; 0 for none.
    hops : int
        Times that the gradient runs through the network.
    hidden : int
        Of the critic.
    batch, critic_steps, penalty_every, warm : int
        Windows of a step; steps of the critic per step of the generator; how often the penalty is taken (with as many
        times its weight); steps of the critic before the first of the generator.
    rate, critic_rate : float
        Of Adam with betas (.5, .9).
    average : float
        Decay of the moving average of the generator's weights, which is what is measured and kept.
    check : int
        Steps of the generator from one measurement to the next.
    """

    loss: Loss = field(default_factory=lambda: LOSSES["wgan-gp"]())
    weight: float = 0.1
    outcome_weight: float = 0.0
    hops: int = 1
    hidden: int = 64
    batch: int = 128
    critic_steps: int = 3
    penalty_every: int = 4
    warm: int = 50
    rate: float = 2e-4
    critic_rate: float = 1e-3
    average: float = 0.98
    check: int = 25


@dataclass(frozen=True)
class Verdict:
    """What came of the second stage.

    Attributes
    ----------
    kept : bool
        Whether the generator is the finished one; else it is as it was.
    diverged : bool
        Whether training diverged on the way and went back, with a lower rate.
    steps : int
        Steps that the generator took.
    before, after, noise : float
        The statistic of free runs at the start and of the best generator, and the standard error of their difference.
    floor : float
        The statistic of real windows that were learned from.
    """

    kept: bool
    diverged: bool
    steps: int
    before: float
    after: float
    noise: float
    floor: float


@dataclass(frozen=True)
class Runs:
    """Free runs, and what they were given.

    Attributes
    ----------
    values : float64 Tensor of shape (B, T, C)
        NaN where missing.
    piece : Piece
        The same, as the network reads them.
    """

    values: Tensor
    piece: Piece

    @classmethod
    def draw(cls, generator: Generator, like: Piece, noise: torch.Generator) -> Runs:
        """Draw free runs with the statics, covariates and lengths of some pieces."""
        was = generator.training
        generator.eval()
        values = torch.from_numpy(free_run(generator, like.statics.numpy(), like.known.numpy(), noise))
        generator.train(was)
        return cls(values, _as_piece(values, like, generator.before))

    def __getitem__(self, some: slice) -> Runs:
        piece = self.piece
        parts = (piece.values, piece.age, piece.known, piece.statics, piece.inside)
        return Runs(self.values[some], Piece(*(part[some] for part in parts)))


def _as_piece(values: Tensor, like: Piece, before: int) -> Piece:
    """Return windows as the first rows of stretches."""
    blank = values.new_zeros((len(values), before, values.shape[2]))
    age = torch.arange(-before, values.shape[1]).clamp_min(-1).expand(len(values), -1)
    return Piece(torch.cat([blank, values], 1), age, like.known, like.statics, like.inside)


def implicit_shift(e: Tensor, weight: Tensor, mean: Tensor, log_sigma: Tensor) -> Tensor:
    """Return how draws of a mixture of normals move with its parameters: zero, with the gradient.

    Parameters
    ----------
    e : Tensor of shape (...)
        What was drawn.
    weight, mean, log_sigma : Tensor of shape (..., K)
        Logits of the weights, means, logarithms of the standard deviations.
    """
    share, u = torch.softmax(weight, -1), (e.detach()[..., None] - mean) * torch.exp(-log_sigma)
    below = (share * torch.special.ndtr(u)).sum(-1)
    density = (share * torch.exp(-0.5 * u.square() - log_sigma)).sum(-1).detach() / math.sqrt(2 * math.pi)
    return (below.detach() - below) / density.clamp_min(THIN)


class Spreading:
    """How a shift of residuals spreads over the numbers after them, through the base; linear, and exact.

    Parameters
    ----------
    generator : Generator
    """

    def __init__(self, generator: Generator) -> None:
        linear, self.order = generator.linear, generator.order
        terms = linear.vector.terms
        self.own = [generator.heads.own[j] for j in terms.numbers]
        self.numbers, at, known = terms.numbers, torch.from_numpy(terms.of_numbers), linear.vector.known
        self.inner, self.lags, self.spread, self.inverse = [], [], [], []
        self.free = all(own.count == 1 for own in self.own)
        for k in range(self.order + 1):
            inner, outer = linear.part("inner", k)[:, at], linear.part("outer", k)
            self.inner.append(inner.float())
            lags = [outer[:, known + i * terms.size + at] for i in range(k)]
            self.lags.append(torch.cat(lags, 1).float() if k else None)
            self.spread.append(linear.part("spread", k).float())
            self.inverse.append(torch.linalg.inv(torch.eye(len(at), dtype=inner.dtype) - inner).float())
        self.unit = torch.eye(len(at))

    def __call__(self, shift: Tensor, outcome: Tensor) -> Tensor:
        """Return how values move.

        Parameters
        ----------
        shift : float32 Tensor of shape (B, T, numbers)
            Of the residuals; counts where a number was continuous.
        outcome : int64 Tensor of shape (B, T, numbers)

        Returns
        -------
        float32 Tensor of shape (B, T, numbers)
        """
        drawn = (outcome == 0).float()
        straight, fixed = torch.zeros_like(drawn), torch.zeros_like(drawn)
        for i, own in enumerate(self.own):
            if own.straight > 0:
                straight[:, :, i] = outcome[:, :, i] == own.straight
            for atom in own.atoms:
                fixed[:, :, i] += outcome[:, :, i] == atom
        rows: list[Tensor] = []
        for t in range(shift.shape[1]):
            k = min(t, self.order)
            change = self.spread[k] * shift[:, t]
            if k:
                change = change + torch.cat([rows[t - 1 - i] for i in range(k)], 1) @ self.lags[k].T
            if self.free:
                change = change @ self.inverse[k].T
            else:
                change = drawn[:, t] * change
                if t:
                    change = change - fixed[:, t] * rows[t - 1]
                if t > 1:
                    change = change + straight[:, t] * (rows[t - 1] - rows[t - 2])
                factor = self.unit - drawn[:, t, :, None] * self.inner[k]
                change = torch.linalg.solve_triangular(factor, change[..., None], upper=False, unitriangular=True)[..., 0]
            rows.append(rows[t - 1] + change if t else change)
        return torch.stack(rows, 1)


def _read(g: Generator, coded: Coded, piece: Piece) -> tuple[Expected, Tensor, Tensor]:
    """Return what the base says of rows and of the one before, the heads' parameters, and which rows start."""
    steps = piece.known.shape[1]
    wide = replace(
        piece,
        known=torch.cat([piece.known[:, :1], piece.known], 1),
        inside=torch.cat([piece.inside[:, :1], piece.inside], 1),
    )
    age = piece.age[:, -steps - 1 :]
    told = g.linear(coded, wide, age)
    features = g.features(coded.x[:, -steps - 1 :], coded.outcome[:, -steps - 1 :], told.e, told.change / g.jumps)
    known = g.known(piece)
    out, _ = g.run(features[:, :-1], known, age[:, 1:], None)
    params = g.chain(g.drop(out), features[:, 1:])
    starts = age[:, 1:] == 0
    b, t = torch.nonzero(starts, as_tuple=True)
    first = g.first(torch.cat([known[b, t], known.new_ones((len(b), 1))], 1), features[:, 1:][b, t])
    return told, params.index_put((b, t), first), starts


def differentiable(
    generator: Generator, spreading: Spreading, runs: Runs, hops: int, noise: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return free runs with the gradient of their numbers, and the log-probability of their outcomes.

    Parameters
    ----------
    generator : Generator
        In `eval` mode, as it was when it drew: dropout would be another law.
    spreading : Spreading
    runs : Runs
    hops : int
        Times that the gradient runs through the network.
    noise : torch.Generator
        Says where in its cell of the grid a number was before it was rounded.

    Returns
    -------
    values : float64 Tensor of shape (B, T, C)
        As drawn, 0 where missing.
    log_prob : float32 Tensor of shape (B, T)
        Of the outcomes of each row.
    """
    piece, steps = runs.piece, runs.piece.known.shape[1]
    coded = piece.coded(generator.layout)
    numbers = generator.heads.numbers
    jitter = generator.grids.noise(coded.x[:, -steps:], noise)[:, :, numbers]
    outcome = coded.outcome[:, -steps:]
    x, at_rest = coded.x, coded
    for _ in range(hops):
        told, params, starts = _read(generator, at_rest, piece)
        e = (told.e[:, 1:].detach() + jitter / told.spread[:, 1:]).float()
        shift = implicit_shift(e, *generator.mixture(params, starts))
        moved = spreading(shift, outcome[:, :, numbers])
        moves = torch.zeros_like(x).index_put(
            (torch.arange(len(x))[:, None, None], torch.arange(x.shape[1] - steps, x.shape[1])[:, None], torch.tensor(numbers)),
            moved.to(x.dtype),
        )
        at_rest = Coded(x + moves, coded.outcome)
    log_prob = torch.zeros(outcome.shape[:2])
    for (mine, _), part in zip(
        generator.heads.groups, generator.outcome_logits(coded, piece, params), strict=True
    ):
        log_prob = log_prob + torch.log_softmax(part, -1).gather(3, outcome[:, :, mine][..., None])[..., 0].sum(2)
    return at_rest.x[:, -steps:], log_prob


class Distance:
    """How far windows are from windows that were held back: 0 if they are alike.

    The sum, over kinds of features, of the energy distance ("Energy statistics", Szekely & Rizzo, 2013,
    https://doi.org/10.1016/j.jspi.2013.03.018) in units of the distance between two held-back windows. Kinds are: rows,
    differences, the last row, mean and spread of the window, autocovariances, covariances of columns, and how often what
    was done. Many features of a kind are mixed at random into `WIDE`.

    Parameters
    ----------
    layout : Layout
    values : float64 Tensor of shape (B, T, C)
        NaN where missing.
    inside : bool Tensor of shape (B, T)
    rng : numpy.random.Generator
    """

    def __init__(self, layout: Layout, values: Tensor, inside: Tensor, rng: np.random.Generator) -> None:
        self.layout = layout
        self.seed = int(rng.integers(2**62))
        self.mixing: dict[int, Tensor] = {}
        raw = self._features(values, inside)
        self.mean = [part.mean(0) for part in raw]
        self.size = [part.std(0).clamp_min(1e-6) for part in raw]
        self.real = self._scaled(raw)
        self.unit = [_within(part).clamp_min(1e-6) for part in self.real]

    def __call__(self, values: Tensor, inside: Tensor) -> float:
        """Return the distance of windows."""
        parts = self._scaled(self._features(values, inside))
        found = [
            (2 * torch.cdist(ours, real).mean() - _within(ours) - own) / own
            for ours, real, own in zip(parts, self.real, self.unit, strict=True)
        ]
        return float(sum(found))

    def _scaled(self, raw: list[Tensor]) -> list[Tensor]:
        return [
            ((part - mean) / size).clamp(-FARTHEST, FARTHEST) @ self._mix(part.shape[1])
            for part, mean, size in zip(raw, self.mean, self.size, strict=True)
        ]

    def _mix(self, width: int) -> Tensor:
        if width not in self.mixing:
            gen = torch.Generator().manual_seed(self.seed)
            mix = torch.randn((width, WIDE), generator=gen) / math.sqrt(WIDE)
            self.mixing[width] = torch.eye(width) if width <= WIDE else mix
        return self.mixing[width]

    def _features(self, values: Tensor, inside: Tensor) -> list[Tensor]:
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
            (unit[:, lag:] * unit[:, :-lag]).sum(1) / (rows - lag).clamp_min(1) for lag in range(1, min(LAGS, x.shape[1] - 1) + 1)
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
        return parts


def _within(x: Tensor) -> Tensor:
    """Return the mean distance of two of some points."""
    return torch.cdist(x, x).sum() / (len(x) * (len(x) - 1))


class _Contest:
    """A generator, its critic, and the steps that they take."""

    def __init__(self, generator: Generator, split: Split, how: Settings, seed: np.random.SeedSequence) -> None:
        self.g, self.how, self.split = generator, how, split
        self.rng = np.random.default_rng(seed)
        self.noise = torch.Generator().manual_seed(int(self.rng.integers(2**62)))
        self.starts = whole_windows(split, False)
        self.streams = Streams(split, generator.before, how.batch, self.rng)
        self.state = generator.cell.start(how.batch)
        self.spreading = Spreading(generator)
        some = self.real(4 * how.batch)
        scale = difference_scale(some.values[:, generator.before :], some.inside.sum(1))
        torch_seed = int(self.rng.integers(2**62))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(torch_seed)
            self.critic = Critic(generator.layout, scale, how.hidden, cell=CELLS[generator.sizes.cell])
        self.begun = copy.deepcopy(self.critic.state_dict())
        self.restart(1.0)
        self.taken = 0
        self.penalty = 0.0

    def restart(self, share: float) -> None:
        """Start the critic and the optimisers anew, at a share of their rates."""
        self.critic.load_state_dict(self.begun)
        how, adam = self.how, torch.optim.Adam
        self.makers = adam(self.g.parameters(), lr=how.rate * share, betas=(0.5, 0.9))
        self.critics = adam(self.critic.parameters(), lr=how.critic_rate * share, betas=(0.5, 0.9))
        self.state = self.g.cell.start(how.batch)

    def real(self, count: int) -> Piece:
        """Return real windows."""
        starts, sequences = self.starts
        some = self.rng.integers(len(starts), size=count)
        fresh = np.full(count, self.split.stretches)
        return self.split.source.cut(starts[some], sequences[some], fresh, self.split.window, self.g.before)

    def seen(self, piece: Piece, values: Tensor, drawn: Tensor) -> Batch:
        """Return windows as the critic sees them: `values` have the gradient, `drawn` says what cells did."""
        lengths = piece.inside.sum(1)
        return self.critic.dense(values, piece.statics, self.critic.discrete(drawn, piece.statics, piece.known, lengths))

    def runs(self) -> Runs:
        """Return free runs enough for a step of the generator and those of the critic before it."""
        return Runs.draw(self.g, self.real((self.how.critic_steps + 1) * self.how.batch), self.noise)

    def judge(self, runs: Runs) -> float:
        """Take a step of the critic; return its loss."""
        real = self.real(self.how.batch)
        theirs = real.values[:, self.g.before :]
        true, fake = self.seen(real, theirs, theirs), self.seen(runs.piece, runs.values, runs.values)
        loss = self.how.loss.critic(self.critic.score(true), self.critic.score(fake))
        total = loss
        if self.how.loss.weight and self.taken % self.how.penalty_every == 0:
            share = torch.rand(self.how.batch, generator=self.noise)
            penalty = self.how.loss.penalty(self.critic.score, true, fake, share)
            total = total + self.how.penalty_every * penalty
            self.penalty = float(penalty.detach())
        self.taken += 1
        self.critics.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.critic.parameters(), 10 * CLIP)
        self.critics.step()
        return float(loss.detach())

    def make(self, runs: Runs) -> float:
        """Take a step of the generator; return minus the log-likelihood of real rows, and the adversarial loss."""
        g, how = self.g, self.how
        g.train()
        piece, goes_on = self.streams.next()
        self.state = tuple(part * goes_on[None, :, None] for part in detach(self.state))
        log_prob, self.state = g(piece, self.state, self.noise)
        loss = -log_prob.sum() / piece.inside.sum().clamp_min(1)
        g.eval()
        self.critic.requires_grad_(False)
        values, did = differentiable(g, self.spreading, runs, how.hops, self.noise)
        score = self.critic.score(self.seen(runs.piece, values, runs.values))
        rival = score.detach()
        if how.loss.relativistic:
            real = self.real(how.batch)
            theirs = real.values[:, g.before :]
            rival = self.critic.score(self.seen(real, theirs, theirs)).detach()
        total = loss + how.weight * how.loss.generator(rival, score)
        if how.outcome_weight and g.heads.groups:
            advantage = (score - score.mean()).detach()
            told = (did * runs.piece.inside).sum(1)
            total = total - how.weight * how.outcome_weight * (advantage * told).mean()
        self.critic.requires_grad_(True)
        self.makers.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(g.parameters(), CLIP)
        self.makers.step()
        return float(loss.detach())


def whole_windows(split: Split, held: bool) -> tuple[Ints, Ints]:
    """Return where windows start, and in which sequence, all of whose rows are held back, or none."""
    starts, sequences = (split.held_starts, split.held_sequences) if held else (split.starts, split.sequences)
    count = np.concatenate([[0], np.cumsum(split.held)])
    end = np.minimum(starts + split.window, split.source.offsets[sequences + 1])
    good = count[end] - count[starts] == (end - starts if held else 0)
    return starts[good], sequences[good]


class Belief:
    """What tells whether a generator got better: free runs beside held-back windows, and held-back likelihood.

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
        self.like = self._cut(split, True, rng)
        self.distance = Distance(generator.layout, self.like.values[:, self.before :], self.like.inside, rng)
        learned = self._cut(split, False, rng)
        self.floor = self.distance(learned.values[:, self.before :], learned.inside)
        self.start = self.likelihood(generator)
        self.draws = [self(generator, draw) for draw in range(DRAWS)]
        self.noise = float(np.std(self.draws, ddof=1))

    def _cut(self, split: Split, held: bool, rng: np.random.Generator) -> Piece:
        starts, sequences = whole_windows(split, held)
        some = np.sort(rng.permutation(len(starts))[:MOST])
        fresh = np.full(len(some), split.stretches)
        return split.source.cut(starts[some], sequences[some], fresh, split.window, self.before)

    def likelihood(self, generator: Generator) -> float:
        """Return the held-back log-likelihood, in nats a row."""
        return measure(generator, self.walks, self.seed)

    def __call__(self, generator: Generator, draw: int) -> float:
        """Return the distance of free runs; `draw` is the number of the draw."""
        rng = np.random.default_rng([self.seed, draw])
        some = torch.from_numpy(rng.permutation(np.resize(np.arange(len(self.like.inside)), RUNS)))
        parts = (self.like.values, self.like.age, self.like.known, self.like.statics, self.like.inside)
        runs = Runs.draw(generator, Piece(*(part[some] for part in parts)), torch.Generator().manual_seed(self.seed + draw))
        return self.distance(runs.values, runs.piece.inside)


def finish(
    generator: Generator,
    split: Split,
    how: Settings,
    steps: int,
    seed: np.random.SeedSequence,
    history: History,
    deadline: float = math.inf,
    since: float = 0.0,
) -> Verdict:
    """Finish a generator against a critic; it ends with the weights that are believed.

    Parameters
    ----------
    generator : Generator
        Taught by likelihood.
    split : Split
    how : Settings
    steps : int
        Steps of the generator, at most.
    seed : numpy.random.SeedSequence
    history : History
        Gets a row at each measurement.
    deadline : float
        Of `time.monotonic()`.
    since : float
        Share of the whole budget that was used before, for the progress bar.

    Returns
    -------
    Verdict
    """
    if not (len(whole_windows(split, True)[0]) >= FEW and len(whole_windows(split, False)[0]) >= FEW and steps > 0):
        return Verdict(False, False, 0, math.nan, math.nan, math.nan, math.nan)
    began = time.monotonic()
    ours, theirs = seed.spawn(2)
    belief = Belief(generator, split, theirs)
    verdict_takes = time.monotonic() - began
    first = copy.deepcopy(generator.state_dict())
    at_start = float(np.mean(belief.draws))
    best, best_step, best_state = math.inf, 0, first
    contest, average = _Contest(generator, split, how, ours), copy.deepcopy(generator)
    lowest = belief.start - GIVE * max(len(generator.layout.cells), 1)
    diverged, taken, share, since_back = 0, 0, 1.0, 0
    history.add("adversarial", 0, since, held_back=belief.start, distance=at_start, kept=False)
    sums, counted, critic, slowest = np.zeros(2), 0, 0.0, 0.0

    def late() -> bool:
        return time.monotonic() + verdict_takes + slowest >= deadline

    try:
        runs = None
        for step in range(how.warm):
            if late():
                break
            number = step % (how.critic_steps + 1)
            if runs is None or number == 0:
                runs = contest.runs()
            critic = contest.judge(runs[number * how.batch : (number + 1) * how.batch])
        while taken < steps and not late():
            tick = time.monotonic()
            runs = contest.runs()
            for k in range(how.critic_steps):
                critic = contest.judge(runs[k * how.batch : (k + 1) * how.batch])
            loss = contest.make(runs[how.critic_steps * how.batch :])
            taken, since_back = taken + 1, since_back + 1
            follow(average, generator, min(how.average, (1 + since_back) / (10 + since_back)))
            sums, counted = sums + (loss, critic), counted + 1
            sound = math.isfinite(loss) and math.isfinite(critic) and abs(critic) < HUGE
            slowest = max(slowest, time.monotonic() - tick)
            if sound and taken % how.check and taken < steps and not late():
                continue
            mean, counted, sums = sums / counted, 0, np.zeros(2)
            held_back, distance = belief.likelihood(average), belief(average, 0) if sound else math.inf
            better = sound and held_back >= lowest and distance < min(best, belief.draws[0])
            if better:
                best, best_step, best_state = distance, taken, copy.deepcopy(average.state_dict())
            stop = history.add(
                "adversarial",
                taken,
                since + (1 - since) * taken / steps,
                loss=float(mean[0]),
                held_back=held_back,
                critic=float(mean[1]),
                penalty=contest.penalty,
                distance=distance,
                kept=better,
            )
            if not sound:
                diverged, share, since_back = diverged + 1, share * LOWER, 0
                for module in (generator, average):
                    module.load_state_dict(best_state)
                contest.restart(share)
            if stop or diverged > RETRIES:
                break
    finally:
        generator.load_state_dict(first)
        generator.eval()
    generator.load_state_dict(best_state)
    after = [belief(generator, DRAWS + draw) for draw in range(DRAWS)] if best_step else belief.draws
    noise = belief.noise * math.sqrt(2 / DRAWS)
    kept = best_step > 0 and at_start - float(np.mean(after)) > SURE * noise
    if not kept:
        generator.load_state_dict(first)
    return Verdict(kept, diverged > 0, taken, at_start, float(np.mean(after)), noise, belief.floor)
