"""The judges of `tsgan.evaluation.judges`, written plainly: slow readable twins."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tsgan.arrays import Reals
from tsgan.evaluation.judges.papers import BATCH, _batches, _pairs, _split


class PlainJudge(torch.nn.Module):
    """The readable twin of one model of `StackedGRU`: PyTorch's GRU and a linear output.

    Parameters
    ----------
    inputs, hidden : int
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(inputs, hidden, batch_first=True)
        self.out = torch.nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, T, D)` to the output after each step, `(B, T)`."""
        output: Tensor = self.out(self.gru(x)[0])
        return output.squeeze(-1)

    def draw(self, rng: np.random.Generator) -> PlainJudge:
        """Draw all weights uniformly within +-1 / sqrt(hidden)."""
        bound = 1 / np.sqrt(self.gru.hidden_size)
        with torch.no_grad():
            for weights in self.parameters():
                weights.copy_(torch.from_numpy(rng.uniform(-bound, bound, tuple(weights.shape))))
        return self


def plain_discriminative(real: Reals, synthetic: Reals, *, iterations: int = 2000, random_state: int = 0) -> float:
    """One repeat of `discriminative_score`, written plainly."""
    rng = np.random.default_rng(random_state)
    ((chosen, others),) = _pairs(len(real), len(synthetic), 1, [rng], False)
    windows = torch.from_numpy(np.concatenate([real, synthetic]).astype(np.float32))
    (train, test), (train_s, test_s) = _split(chosen, rng), _split(others, rng)
    judge = PlainJudge(real.shape[2], max(real.shape[2] // 2, 1)).draw(rng)
    adam = torch.optim.Adam(judge.parameters(), lr=1e-3)
    labels = torch.cat([torch.ones(BATCH), torch.zeros(BATCH)])
    for a, b in zip(_batches(train, iterations, rng), _batches(train_s, iterations, rng), strict=True):
        logits = judge(windows[np.concatenate([a, b])])[:, -1]
        adam.zero_grad()
        torch.autograd.backward(torch.nn.functional.binary_cross_entropy_with_logits(logits, labels))
        adam.step()
    with torch.no_grad():
        right = [(judge(windows[test])[:, -1] > 0), (judge(windows[test_s])[:, -1] < 0)]
    return abs(float(torch.cat(right).double().mean()) - 0.5)


def plain_predictive(real: Reals, synthetic: Reals, *, iterations: int = 5000, random_state: int = 0) -> float:
    """One repeat of `predictive_score`, written plainly."""
    rng = np.random.default_rng(random_state)
    ((test, train),) = _pairs(len(real), len(synthetic), 1, [rng], False)
    windows = torch.from_numpy(np.concatenate([real, synthetic]).astype(np.float32))
    inputs = max(real.shape[2] - 1, 1)
    judge = PlainJudge(inputs, max(real.shape[2] // 2, 1)).draw(rng)
    adam = torch.optim.Adam(judge.parameters(), lr=1e-3)
    for index in _batches(train, iterations, rng):
        batch = windows[index]
        error = (torch.sigmoid(judge(batch[:, :-1, :inputs])) - batch[:, 1:, -1]).abs().mean()
        adam.zero_grad()
        torch.autograd.backward(error)
        adam.step()
    with torch.no_grad():
        batch = windows[test]
        return float((torch.sigmoid(judge(batch[:, :-1, :inputs])) - batch[:, 1:, -1]).abs().mean())
