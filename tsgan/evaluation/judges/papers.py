"""The two scores of the field, as its papers compute them.

*Discriminative score*: `|accuracy - 1/2|` of a small GRU taught to tell real from synthetic windows. *Predictive
score*: mean absolute error on real windows of a small GRU taught on synthetic ones to foretell the last column one
step ahead ("Time-series Generative Adversarial Networks", Yoon, Jarrett & van der Schaar, 2019,
https://papers.nips.cc/paper/8789-time-series-generative-adversarial-networks).

Both are known to be weak: the judge has `D // 2` units, its test windows overlap its training windows, and a judge
that always says the same scores 0. They are here because every paper prints them.

`discriminative_score` and `predictive_score` train all repeats side by side (`gru`); slow readable
twins of both are in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ...arrays import Ints, Reals
from ...errors import InputError
from .gru import StackedGRU

Pair = tuple[Ints, Ints]

BATCH = 128
DISCRIMINATIVE_STEPS, PREDICTIVE_STEPS = 2000, 5000  # of Adam, in the papers
TOLD_EVERY = 20  # steps: often enough for a bar


def published_units(columns: int) -> int:
    """Hidden units of a judge of so many columns, in the papers."""
    return max(columns // 2, 1)


@dataclass(frozen=True)
class Score:
    """Outcome of a score; one entry of each tuple per repeat.

    Attributes
    ----------
    values : tuple of float
        Discriminative: `|accuracy - 1/2|` on the held-out windows; 0 is best, 0.5 is "always caught". Predictive:
        mean absolute error on real windows, in units of the scaled column.
    control : Score or None
        The same for one half of the real windows against the other.
    accuracy_real, accuracy_synthetic : tuple of float
        Share of held-out real (synthetic) windows that a discriminative judge named rightly.
    """

    values: tuple[float, ...]
    control: Score | None = None
    accuracy_real: tuple[float, ...] = ()
    accuracy_synthetic: tuple[float, ...] = ()

    @property
    def mean(self) -> float:
        """Mean over repeats."""
        return float(np.mean(self.values))

    @property
    def std(self) -> float:
        """Standard deviation over repeats (over judges, not over generators)."""
        return float(np.std(self.values))


def discriminative_score(
    real: Reals,
    synthetic: Reals,
    *,
    repeats: int = 5,
    iterations: int = DISCRIMINATIVE_STEPS,
    control: bool | Sequence[Sequence[Ints]] = False,
    random_state: int | None = 0,
    units: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Score:
    """Score how well a small GRU tells synthetic from real windows.

    Parameters
    ----------
    real, synthetic : arrays of shape (windows, T, D)
        Already scaled to [0, 1] by the real data's minimum and maximum. The larger is sub-sampled to the smaller.
    repeats : int
        Judges, each with its own weights, split and batches.
    iterations : int
        Steps of Adam, each on 128 real and 128 synthetic windows.
    control : bool or sequence of pairs of int arrays
        Whether to set real against real too, with as many judges: random halves of the real windows (True), or for
        each repeat the numbers of the real windows on either side.
    random_state : int or None
        Seed; None draws a fresh one.
    units : int, optional
        Hidden units of each judge; by default half as many as there are columns, as in the papers.
    progress : callable, optional
        Is told, now and then, the share of the training that is done.

    Raises
    ------
    InputError
        If there are fewer than 5 windows of either kind (10 real ones with `control`).
    """
    rngs = _generators(random_state, repeats, control)
    pairs = _pairs(len(real), len(synthetic), repeats, rngs, control)
    splits = [(_split(a, rng), _split(b, rng)) for (a, b), rng in zip(pairs, rngs, strict=True)]
    pool = _pool(np.concatenate([real, synthetic]))
    steps, _, width = pool.shape
    net = StackedGRU(rngs, width - 1, units or published_units(width - 1), steps, 2 * BATCH)
    labels = torch.cat([torch.ones(BATCH), torch.zeros(BATCH)]).expand(net.models, -1)
    plans = [
        np.concatenate([_batches(a, iterations, rng), _batches(b, iterations, rng)], axis=1)
        for ((a, _), (b, _)), rng in zip(splits, rngs, strict=True)
    ]

    def loss(batch: Tensor) -> Tensor:
        return binary_cross_entropy_with_logits(net.last(batch), labels, reduction="sum") / net.batch

    _train(net, pool, plans, loss, progress)

    right = []
    for side, sign in enumerate((1, -1)):
        logits = _in_chunks(net, pool, [split[side][1] for split in splits], net.last)
        right.append([float((sign * row > 0).double().mean()) for row in logits])

    def score(judges: slice, beside: Score | None = None) -> Score:
        real, synthetic = (tuple(shares[judges]) for shares in right)
        values = tuple(abs((x + y) / 2 - 0.5) for x, y in zip(real, synthetic, strict=True))
        return Score(values, beside, real, synthetic)

    return score(slice(repeats), score(slice(repeats, None)) if control else None)


def predictive_score(
    real: Reals,
    synthetic: Reals,
    *,
    repeats: int = 5,
    iterations: int = PREDICTIVE_STEPS,
    control: bool | Sequence[Sequence[Ints]] = False,
    random_state: int | None = 0,
    units: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Score:
    """Teach a small GRU on synthetic windows to foretell the last column; return its error on real ones.

    Inputs are all columns but the last at step t (with one column: itself), the target is the last column at t + 1.

    Parameters
    ----------
    real, synthetic : arrays of shape (windows, T, D)
        Already scaled to [0, 1] by the real data's minimum and maximum, T at least 2. The larger is sub-sampled to
        the smaller.
    repeats, iterations, control, random_state, units, progress
        As in `discriminative_score`; an iteration takes 128 windows.

    Raises
    ------
    InputError
        If windows have a single step, or there are fewer than 5 of either kind (10 real ones with `control`).
    """
    if real.shape[1] < 2:
        raise InputError("the predictive score needs windows of at least 2 steps; these have 1")
    rngs = _generators(random_state, repeats, control)
    pairs = _pairs(len(real), len(synthetic), repeats, rngs, control)
    windows = np.concatenate([real, synthetic])
    columns = windows.shape[2]
    inputs = max(columns - 1, 1)
    pool = torch.cat([_pool(windows[:, :, :inputs]), _pool(windows[:, :, -1:])[:, :, :1]], dim=2)
    net = StackedGRU(rngs, inputs, units or published_units(columns), len(pool) - 1, BATCH)
    plans = [_batches(train, iterations, rng) for (_, train), rng in zip(pairs, rngs, strict=True)]

    def error(batch: Tensor) -> Tensor:
        return (net.every(batch[:-1, :, :, :-1]).sigmoid() - batch[1:, :, :, -1]).abs().mean(dim=0)

    _train(net, pool, plans, lambda batch: error(batch).mean(dim=1).sum(), progress)
    errors = _in_chunks(net, pool, [test for test, _ in pairs], error)
    values = tuple(float(row.double().mean()) for row in errors)
    return Score(values[:repeats], Score(values[repeats:]) if control else None)


def _generators(
    random_state: int | None, repeats: int, control: bool | Sequence[Sequence[Ints]]
) -> list[np.random.Generator]:
    """One generator per judge, so that no judge depends on which others are trained beside it."""
    seeds = np.random.SeedSequence(random_state).spawn(2 * repeats if control else repeats)
    return [np.random.default_rng(seed) for seed in seeds]


def _pairs(
    real: int, synthetic: int, repeats: int, rngs: list[np.random.Generator], control: bool | Sequence[Sequence[Ints]]
) -> list[Pair]:
    """Window numbers of the two sides for each judge; synthetic windows are counted on from the real ones."""
    given = [] if isinstance(control, bool) else control
    size, half = min(real, synthetic), real // 2
    if size < 5 or (len(rngs) > repeats and min([half, *(len(side) for pair in given for side in pair)]) < 5):
        raise InputError(
            f"the classic scores need at least 5 windows of each kind (10 real ones to set real against real); "
            f"there are {real} real and {synthetic} synthetic"
        )
    pairs = [(rng.permutation(real)[:size], real + rng.permutation(synthetic)[:size]) for rng in rngs[:repeats]]
    if not given:
        shuffled = [rng.permutation(real) for rng in rngs[repeats:]]
        return pairs + [(order[:half], order[half : 2 * half]) for order in shuffled]
    for rng, (one, two) in zip(rngs[repeats:], given, strict=True):
        least = min(len(one), len(two))
        pairs.append((rng.permutation(one)[:least], rng.permutation(two)[:least]))
    return pairs


def _split(index: Ints, rng: np.random.Generator) -> Pair:
    """Cut at random into 80 % to learn from and 20 % to be tested on."""
    order = rng.permutation(index)
    test = max(len(order) // 5, 1)
    return order[test:], order[:test]


def _batches(index: Ints, iterations: int, rng: np.random.Generator) -> Ints:
    """Draw `(iterations, 128)` window numbers, each batch without repeats where there are enough windows."""
    if len(index) < BATCH:
        return rng.choice(index, (iterations, BATCH))
    draws = [rng.choice(len(index), BATCH, replace=False, shuffle=False) for _ in range(iterations)]
    return index[np.stack(draws)]


def _pool(windows: Reals) -> Tensor:
    """Lay windows out as `(T, N, D + 1)` with a last column of ones: a batch is then one gather of short rows."""
    count, steps, columns = windows.shape
    pool = torch.ones(steps, count, columns + 1)
    pool[:, :, :columns] = torch.from_numpy(np.ascontiguousarray(windows, dtype=np.float32)).transpose(0, 1)
    return pool


def _train(
    net: StackedGRU,
    pool: Tensor,
    plans: list[Ints],
    loss: Callable[[Tensor], Tensor],
    progress: Callable[[float], None] | None,
) -> None:
    """Take a step of Adam on each batch; `plans` has the numbers of its windows, one array per model."""
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, foreach=False)
    batches = torch.from_numpy(np.stack(plans, axis=1))
    for step, index in enumerate(batches):
        adam.zero_grad()
        torch.autograd.backward(loss(_gathered(net, pool, index)))
        adam.step()
        if progress is not None and step % TOLD_EVERY == 0:
            progress(step / len(batches))


def _gathered(net: StackedGRU, pool: Tensor, index: Tensor) -> Tensor:
    """Windows `(T, R, B, D + 1)` by their numbers, `(R, B)`."""
    return pool.index_select(1, index.reshape(-1)).view(len(pool), net.models, net.batch, -1)


def _in_chunks(net: StackedGRU, pool: Tensor, tests: list[Ints], apply: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """Apply each model to its own windows, in batches of the network's size; one row of results per model."""
    longest = max(len(test) for test in tests)
    padded = torch.from_numpy(np.stack([np.resize(test, -(-longest // net.batch) * net.batch) for test in tests]))
    with torch.no_grad():
        results = [apply(_gathered(net, pool, index)) for index in torch.split(padded, net.batch, dim=1)]
    joined = torch.cat(results, dim=1)
    return [row[: len(test)] for row, test in zip(joined, tests, strict=True)]
