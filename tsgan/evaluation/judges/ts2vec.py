"""The encoder behind Context-FID: "TS2Vec: Towards Universal Representation of Time Series" (Yue et al., 2022).

https://arxiv.org/abs/2106.10466. A linear layer, random masking of steps, ten residual blocks of dilated convolutions
and one that widens to the representation. Two overlapping crops of each window must agree where they overlap: a
step's representation in one crop should be closer to itself in the other crop than to other steps of the window
(temporal loss) and than to the same step of other windows (instance loss), at every scale of a hierarchy of max-pooled
representations. The weights are averaged over all updates. A window's representation is the largest over its steps.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...arrays import Doubles, Floats

# all but the last are the paper's
DEPTH, WIDTH, OUTPUT = 10, 64, 320  # blocks, channels within, channels of a representation
MASKED, DROPPED = 0.5, 0.1  # shares of steps and of outputs that are hidden in training
BATCH, RATE = 8, 1e-3
MAX_SMALL, UPDATES_SMALL, UPDATES = 100_000, 200, 600  # numbers of a small data set, and its steps of training; steps
CHUNK = 256  # windows that are represented at once


class _Block(torch.nn.Module):
    """Two dilated convolutions over three steps, each after GELU, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.first = torch.nn.Conv1d(inputs, outputs, 3, padding=dilation, dilation=dilation)
        self.second = torch.nn.Conv1d(outputs, outputs, 3, padding=dilation, dilation=dilation)
        self.shortcut = None if inputs == outputs else torch.nn.Conv1d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, inputs, T)` to `(B, outputs, T)`."""
        beside = x if self.shortcut is None else self.shortcut(x)
        found: Tensor = self.second(functional.gelu(self.first(functional.gelu(x)))) + beside
        return found


class Encoder(torch.nn.Module):
    """Represents every step of a window in its context.

    Parameters
    ----------
    channels : int
    generator : torch.Generator
        Draws the weights, each uniform within one over the root of the inputs of its neuron; then masks and dropout.
    """

    def __init__(self, channels: int, generator: torch.Generator) -> None:
        super().__init__()
        with torch.device("meta"):  # so that nothing is drawn from the global random state
            self.inlet = torch.nn.Linear(channels, WIDTH)
            blocks = [_Block(WIDTH, WIDTH if i < DEPTH else OUTPUT, 2**i) for i in range(DEPTH + 1)]
            self.blocks = torch.nn.Sequential(*blocks)
        self.to_empty(device="cpu")
        with torch.no_grad():
            for layer in self.modules():
                if isinstance(layer, torch.nn.Linear | torch.nn.Conv1d):
                    bound = layer.weight[0].numel() ** -0.5
                    assert layer.bias is not None
                    for weights in (layer.weight, layer.bias):
                        weights.uniform_(-bound, bound, generator=generator)

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map `(B, T, D)` to `(B, T, 320)`; with a generator, steps are masked and outputs dropped as in training."""
        h = self.inlet(x)
        if generator is not None:
            h = h * (torch.rand(h.shape[:2], generator=generator) < MASKED)[:, :, None]
        out: Tensor = self.blocks(h.transpose(1, 2)).transpose(1, 2)
        if generator is not None:
            out = out * (torch.rand(out.shape, generator=generator) >= DROPPED) / (1 - DROPPED)
        return out


def train(windows: Floats, seed: int, updates: int | None = None) -> Encoder:
    """Train an encoder.

    Parameters
    ----------
    windows : array of shape (n, T, D), n and T at least 2
    seed : int
    updates : int, optional
        Steps of AdamW on batches of 8. By default the paper's 200, or 600 where there are over 100,000 numbers.

    Returns
    -------
    Encoder
        With the mean of the weights after every update.
    """
    if updates is None:
        updates = UPDATES_SMALL if windows.size <= MAX_SMALL else UPDATES
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    encoder = Encoder(windows.shape[2], generator)
    averaged = copy.deepcopy(encoder)
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=RATE)
    data, size, order = torch.from_numpy(windows), min(BATCH, len(windows)), np.zeros(0, dtype=np.int64)
    for update in range(updates):
        if len(order) < size:
            order = rng.permutation(len(windows))
        batch, order = data[order[:size]], order[size:]
        loss = hierarchical_loss(*_crops(encoder, batch, rng, generator))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        with torch.no_grad():
            for mean, weights in zip(averaged.parameters(), encoder.parameters(), strict=True):
                mean.lerp_(weights, 1 / (update + 1))
    return averaged


def represent(encoder: Encoder, windows: Floats) -> Doubles:
    """Return the largest representation over the steps of each window, `(n, 320)`."""
    with torch.no_grad():
        found = [encoder(chunk).amax(dim=1) for chunk in torch.split(torch.from_numpy(windows), CHUNK)]
    return torch.cat(found).numpy().astype(np.float64)


def _crops(
    encoder: Encoder, batch: Tensor, rng: np.random.Generator, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Represent two overlapping crops, each window's shifted by its own offset, and return both on the overlap."""
    count, steps, _ = batch.shape
    common = int(rng.integers(2, steps + 1))
    left = int(rng.integers(steps - common + 1))
    right = left + common
    start, end = int(rng.integers(left + 1)), int(rng.integers(right, steps + 1))
    shift = rng.integers(-start, steps - end + 1, size=count)
    rows = torch.arange(count)[:, None]
    first, second = (
        batch[rows, torch.from_numpy(shift[:, None] + np.arange(a, b))] for a, b in ((start, right), (left, end))
    )
    return encoder(first, generator)[:, -common:], encoder(second, generator)[:, :common]


def hierarchical_loss(one: Tensor, two: Tensor) -> Tensor:
    """Mean over scales of half the instance and half the temporal loss of two views `(B, T, C)`."""
    losses = []
    while one.shape[1] > 1:
        losses.append((contrast(one.transpose(0, 1), two.transpose(0, 1)) + contrast(one, two)) / 2)
        one, two = (functional.max_pool1d(side.transpose(1, 2), 2).transpose(1, 2) for side in (one, two))
    losses.append(contrast(one.transpose(0, 1), two.transpose(0, 1)) / 2)
    return torch.stack(losses).mean()


def contrast(one: Tensor, two: Tensor) -> Tensor:
    """Cross-entropy of finding each item's other view among all other items of both views, `(groups, items, C)`."""
    items = one.shape[1]
    if items == 1:
        return one.new_zeros(())
    both = torch.cat([one, two], dim=1)
    likeness = both @ both.transpose(1, 2)
    likeness = likeness.masked_fill(torch.eye(2 * items, dtype=torch.bool), -torch.inf)
    partner = torch.arange(2 * items).roll(items).expand(len(both), -1)
    return functional.cross_entropy(likeness.flatten(0, 1), partner.flatten())
