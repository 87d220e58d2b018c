r"""The chain: one hidden layer in which column j sees the columns before it ("MADE", Germain et al., 2015,
https://arxiv.org/abs/1502.03509).

Hidden units are sorted by degree; a unit of degree d sees the recurrent state and the features of columns below d,
and the head of column j sees the state and units of degree at most j. So a row is learned in one pass, and drawn at the
price of one: each column adds its features to the units after it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from .runtime import Noise, some_bytes, to_tensor


def leave_out(x: Tensor, share: float, noise: Noise | None) -> Tensor:
    """Set a share of numbers, to the nearest 1/256, to zero, and the rest up by as much (dropout); without noise none.

    A byte decides on each: torch's own dropout draws a float, which took a seventh of the time of training.
    """
    kept = round(256 * (1 - share))
    if kept == 256 or noise is None:
        return x
    keep = some_bytes(x.shape, noise) < kept
    return x * keep.to(x.dtype).mul_(256 / kept)


def degrees(units: int, columns: int) -> NDArray[np.int64]:
    """Return how many columns each hidden unit sees, rising.

    Of more columns than units the units are spread over all: what a column sees of the row ends where the last block of
    `columns / units` columns did, so that those of a block are drawn independently of one another, given all before it.
    """
    number = np.arange(units, dtype=np.int64)
    return np.sort(number % max(columns, 1)) if units >= columns else number * columns // units


class Chain(nn.Module):
    """Masked perceptron from a state and the features of a row's columns to the parameters of their heads.

    Columns have so many `features` and head parameters (`outputs`) each; `order` is that in which `forward` gives
    outputs, column by column if not given. `dropout` is the share of hidden units that is left out in training.
    """

    sees: Tensor
    seen_by: Tensor
    order: Tensor

    def __init__(
        self, state: int, features: list[int], outputs: list[int], units: int, order: list[int] | None = None
    ) -> None:
        super().__init__()
        columns = len(features)
        degree = degrees(units, columns)
        owner = np.repeat(np.arange(columns), features)
        target = np.repeat(np.arange(columns), outputs)
        self.feature_ends = np.concatenate([[0], np.cumsum(features)]).astype(int).tolist()
        self.output_ends = np.concatenate([[0], np.cumsum(outputs)]).astype(int).tolist()
        self.unit_ends = np.searchsorted(degree, np.arange(columns + 1)).astype(int).tolist()
        self.enter = nn.Linear(state, units)
        self.features = nn.Parameter(torch.empty(units, len(owner)))
        self.direct = nn.Linear(state, len(target))
        self.out = nn.Parameter(torch.zeros(len(target), units))
        for name, part in {
            "sees": to_tensor((owner[None, :] < degree[:, None]).astype(np.float32)),
            "seen_by": to_tensor((degree[None, :] <= target[:, None]).astype(np.float32)),
            "order": torch.tensor([*range(len(target))] if order is None else order, dtype=torch.int64),
        }.items():
            self.register_buffer(name, part, persistent=False)
        self.dropout = 0.0
        fan = self.sees.sum(1, keepdim=True).clamp_min(1)
        with torch.no_grad():
            self.features.normal_().mul_(self.sees / fan.sqrt() * 0.7)
            self.direct.weight.zero_()
            self.direct.bias.zero_()

    def forward(self, state: Tensor, features: Tensor, noise: Noise | None = None) -> Tensor:
        """Return head parameters `(..., outputs)` of a state `(..., S)` and a row's features `(..., F)`.

        With `noise` some hidden units are left out.
        """
        order = self.order  # rows of the weights are put in order: they are fewer than those that come out
        hidden = self.enter(state) + functional.linear(features, self.features * self.sees)
        hidden = leave_out(functional.silu(hidden), self.dropout, noise)
        weight, bias = self.direct.weight.index_select(0, order), self.direct.bias.index_select(0, order)
        out = (self.out * self.seen_by).index_select(0, order)
        return functional.linear(state, weight, bias) + functional.linear(hidden, out)

    @torch.no_grad()
    def start_row(self, state: Tensor) -> ChainRow:
        """Start drawing a row given a state `(B, S)`."""
        return ChainRow(self, state)


class ChainRow:
    """A row in the making: column by column a head is asked for, and the column's features are added."""

    def __init__(self, chain: Chain, state: Tensor) -> None:
        self.chain = chain
        self.hidden = chain.enter(state)
        self.active = torch.empty_like(self.hidden)
        self.direct = chain.direct(state)

    def head(self, j: int) -> Tensor:
        """Return the head's parameters of column j, `(B, outputs)`."""
        chain = self.chain
        a, b = chain.unit_ends[j], chain.unit_ends[j + 1]
        if b > a:
            self.active[:, a:b] = functional.silu(self.hidden[:, a:b])
        some = slice(chain.output_ends[j], chain.output_ends[j + 1])
        return torch.addmm(self.direct[:, some], self.active[:, :b], chain.out[some, :b].T)

    def add(self, j: int, features: Tensor) -> None:
        """Take in the features of column j, `(B, F)`."""
        chain = self.chain
        b = chain.unit_ends[j + 1]
        if b < self.hidden.shape[1]:
            some = slice(chain.feature_ends[j], chain.feature_ends[j + 1])
            self.hidden[:, b:].addmm_(features, chain.features[b:, some].T)
