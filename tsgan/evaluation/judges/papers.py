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

from ...arrays import Ints, Reals
from ...errors import InputError
from .gru import StackedGRU

Pair = tuple[Ints, Ints]

BATCH = 128


@dataclass(frozen=True)
class Repeats:
    """One figure per repeat; `values` is a tuple of float."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over repeats."""
        return float(np.mean(self.values))

    @property
    def std(self) -> float:
        """Standard deviation over repeats (over judges, not over generators)."""
        return float(np.std(self.values))


@dataclass(frozen=True)
class DiscriminativeScore(Repeats):
    """Outcome of the discriminative score: one entry of each tuple per repeat.

    Attributes
    ----------
    values : tuple of float
        `|accuracy - 1/2|` on the held-out windows; 0 is best, 0.5 is "always caught".
    accuracy_real, accuracy_synthetic : tuple of float
        Share of held-out real (synthetic) windows that the judge named rightly.
    control : DiscriminativeScore or None
        The same for one half of the real windows against the other.
    """

    accuracy_real: tuple[float, ...]
    accuracy_synthetic: tuple[float, ...]
    control: DiscriminativeScore | None = None


@dataclass(frozen=True)
class PredictiveScore(Repeats):
    """Outcome of the predictive score: one entry per repeat.

    Attributes
    ----------
    values : tuple of float
        Mean absolute error on real windows, in units of the scaled column.
    control : PredictiveScore or None
        The same, taught on one half of the real windows and tested on the other.
    """

    control: PredictiveScore | None = None


def discriminative_score(
    real: Reals,
    synthetic: Reals,
    *,
    repeats: int = 5,
    iterations: int = 2000,
    control: bool | Sequence[Pair] = False,
    random_state: int | None = 0,
) -> DiscriminativeScore:
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
    net = _network(rngs, width - 1, max((width - 1) // 2, 1), steps, 2 * BATCH)
    labels = torch.cat([torch.ones(BATCH), torch.zeros(BATCH)])
    plans = [
        np.concatenate([_batches(a, iterations, rng), _batches(b, iterations, rng)], axis=1)
        for ((a, _), (b, _)), rng in zip(splits, rngs, strict=True)
    ]
    for index in torch.from_numpy(np.stack(plans, axis=1)):
        net.classify(pool.index_select(1, index.view(-1)).view(steps, net.models, net.batch, width), labels)
        net.update()

    def right(side: int, sign: int) -> list[float]:
        tests = [split[side][1] for split in splits]
        logits = _in_chunks(net, pool, tests, lambda x: torch.bmm(net.w_out, net.forward(x)[-1])[:, 0])
        return [float((sign * row > 0).double().mean()) for row in logits]

    on_real, on_synthetic = right(0, 1), right(1, -1)

    def result(part: slice, beside: DiscriminativeScore | None) -> DiscriminativeScore:
        a, b = on_real[part], on_synthetic[part]
        scores = tuple(abs((x + y) / 2 - 0.5) for x, y in zip(a, b, strict=True))
        return DiscriminativeScore(scores, tuple(a), tuple(b), beside)

    return result(slice(0, repeats), result(slice(repeats, None), None) if control else None)


def predictive_score(
    real: Reals,
    synthetic: Reals,
    *,
    repeats: int = 5,
    iterations: int = 5000,
    control: bool | Sequence[Pair] = False,
    random_state: int | None = 0,
) -> PredictiveScore:
    """Teach a small GRU on synthetic windows to foretell the last column; return its error on real ones.

    Inputs are all columns but the last at step t (with one column: itself), the target is the last column at t + 1.

    Parameters
    ----------
    real, synthetic : arrays of shape (windows, T, D)
        Already scaled to [0, 1] by the real data's minimum and maximum, T at least 2. The larger is sub-sampled to
        the smaller.
    repeats, iterations, control, random_state
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
    steps, width = pool.shape[0] - 1, inputs + 2
    net = _network(rngs, inputs, max(columns // 2, 1), steps, BATCH)
    plans = [_batches(train, iterations, rng) for (_, train), rng in zip(pairs, rngs, strict=True)]
    for index in torch.from_numpy(np.stack(plans, axis=1)):
        batch = pool.index_select(1, index.view(-1)).view(steps + 1, net.models, BATCH, width)
        net.regress(batch[:-1, :, :, :-1], batch[1:, :, :, -1])
        net.update()
    tests = [test for test, _ in pairs]
    errors = _in_chunks(
        net, pool, tests, lambda x: (net.predict(x[:-1, :, :, :-1]) - x[1:, :, :, -1]).abs_().mean(dim=0)
    )
    values = tuple(float(row.double().mean()) for row in errors)
    return PredictiveScore(values[:repeats], PredictiveScore(values[repeats:]) if control else None)


def _generators(random_state: int | None, repeats: int, control: bool | Sequence[Pair]) -> list[np.random.Generator]:
    """One generator per judge, so that no judge depends on which others are trained beside it."""
    seeds = np.random.SeedSequence(random_state).spawn(2 * repeats if control else repeats)
    return [np.random.default_rng(seed) for seed in seeds]


def _pairs(
    real: int, synthetic: int, repeats: int, rngs: list[np.random.Generator], control: bool | Sequence[Pair]
) -> list[Pair]:
    """Window numbers of the two sides for each judge; synthetic windows are counted on from the real ones."""
    size, half = min(real, synthetic), real // 2
    given = [] if isinstance(control, bool) else list(control)
    if size < 5 or (len(rngs) > repeats and min([half, *(len(side) for pair in given for side in pair)]) < 5):
        raise InputError(
            f"the classic scores need at least 5 windows of each kind (10 real ones to set real against real); "
            f"there are {real} real and {synthetic} synthetic"
        )
    pairs = [(rng.permutation(real)[:size], real + rng.permutation(synthetic)[:size]) for rng in rngs[:repeats]]
    if given:
        sizes = [min(map(len, pair)) for pair in given]
        return pairs + [
            (rng.permutation(one)[:least], rng.permutation(two)[:least])
            for rng, (one, two), least in zip(rngs[repeats:], given, sizes, strict=True)
        ]
    shuffled = [rng.permutation(real) for rng in rngs[repeats:]]
    return pairs + [(order[:half], order[half : 2 * half]) for order in shuffled]


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


def _network(rngs: list[np.random.Generator], inputs: int, hidden: int, steps: int, batch: int) -> StackedGRU:
    net = StackedGRU(len(rngs), inputs, hidden, steps, batch, torch.float32)
    for model, rng in enumerate(rngs):
        net.initialise(model, rng)
    return net


def _in_chunks(net: StackedGRU, pool: Tensor, tests: list[Ints], apply: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """Apply each model to its own windows, in batches of the network's size; one row of results per model."""
    longest = max(len(test) for test in tests)
    padded = torch.from_numpy(np.stack([np.resize(test, -(-longest // net.batch) * net.batch) for test in tests]))
    results = []
    for start in range(0, padded.shape[1], net.batch):
        index = padded[:, start : start + net.batch].reshape(-1)
        results.append(apply(pool.index_select(1, index).view(len(pool), net.models, net.batch, -1)))
    joined = torch.cat(results, dim=1)
    return [row[: len(test)] for row, test in zip(joined, tests, strict=True)]
