"""The generator: coloured noise in, real-looking windows out.

The process's latents b already have the data's covariance. A recurrent network adds the learned correction,

    y = heads(b, r),    r = W LSTM([b, e, z, s, k]) + V [b, e],

with noise e fresh at each step, z one draw per sequence, the sequence's statics s and what is known of each step k
(calendar, position). The statics and the draw set the initial state too. W and V start at zero where there are latents
to start from, so that the untrained generator is the process itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..layout import Layout
from .base import Cell
from .heads import Heads

LOGIT = 5.0  # a correction of a logit by this much costs as much as one of a number by a standard deviation


@dataclass(frozen=True)
class Noise:
    """What a generator turns into windows; B sequences of T steps.

    Attributes
    ----------
    latents : Tensor of shape (B, T, latents)
        Coloured noise (zeros where the noise is white).
    statics : Tensor of shape (B, static_channels)
        Known: they are drawn before the sequence.
    covariates : Tensor of shape (B, T, covariates)
        Known of each step.
    step : Tensor of shape (B, T, noise_step)
    sequence : Tensor of shape (B, T, noise_sequence)
        The noise per sequence, repeated over a window (slowly turning over a longer series).
    """

    latents: Tensor
    statics: Tensor
    covariates: Tensor
    step: Tensor
    sequence: Tensor


class Generator(nn.Module):
    """A recurrent generator.

    Parameters
    ----------
    cell : callable
        Makes a cell from its inputs, hidden size and layers; a member of CELLS.
    layout : Layout
        The meaning of the channels that it makes.
    hidden, layers : int
        Size of the recurrent state, number of layers.
    noise_sequence, noise_step : int
        Sizes of the noise per sequence and per step.
    coloured : bool
        Whether the latents carry a process; the correction then starts at zero.
    """

    price: Tensor

    def __init__(
        self,
        cell: Callable[[int, int, int], Cell],
        layout: Layout,
        hidden: int,
        layers: int,
        noise_sequence: int,
        noise_step: int,
        coloured: bool,
    ) -> None:
        super().__init__()
        self.noise_sequence, self.noise_step = noise_sequence, noise_step
        self.heads = Heads(layout.blocks)
        price = [1 / LOGIT if block.kind == "softmax" else 1.0 for block in layout.blocks for _ in range(block.size)]
        self.register_buffer("price", torch.tensor(price), persistent=False)
        direct = layout.latents + noise_step
        given = noise_sequence + layout.static_channels
        self.start = nn.Linear(given, layers * hidden) if given else None
        self.cell = cell(direct + given + layout.covariates, hidden, layers)
        self.out = nn.Linear(hidden, layout.channels)
        self.skip = nn.Linear(direct, layout.channels, bias=False)
        if coloured:
            for layer in (self.out, self.skip):
                for parameter in layer.parameters():
                    nn.init.zeros_(parameter)

    def forward(self, noise: Noise) -> tuple[Tensor, Tensor]:
        """Make windows.

        Returns
        -------
        x : Tensor of shape (B, T, channels)
        correction : Tensor of shape (B, T, channels)
            What was added to the process, for the transport cost; to logits, in units of `LOGIT`.
        """
        length = noise.latents.shape[1]
        given = torch.cat([noise.sequence, noise.statics[:, None].expand(-1, length, -1)], dim=-1)
        direct = torch.cat([noise.latents, noise.step], dim=-1)
        start = None
        if self.start is not None:
            start = self.start(given[:, 0]).unflatten(-1, (self.cell.layers, self.cell.hidden)).transpose(0, 1)
        state = self.cell(torch.cat([direct, given, noise.covariates], dim=-1), start)
        correction = self.out(state) + self.skip(direct)
        return self.heads(noise.latents, correction), correction * self.price
