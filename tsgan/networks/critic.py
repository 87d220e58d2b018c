"""The critic, the "discriminator" of a Wasserstein GAN: it scores how real a window looks.

It sees the values and, on their own scale, the differences between steps, since the small steps of a persistent series
are invisible beside its level. Its features at step t are the hidden state and the mean of the hidden states so far.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .base import Cell


class Critic(nn.Module):
    """A recurrent critic.

    Parameters
    ----------
    cell : callable
        Makes a cell from its inputs, hidden size and layers; a member of CELLS.
    channels, statics : int
        Channels per step and per sequence.
    scale : Tensor of shape (channels,)
        What differences are multiplied by; `difference_scale` measures it on real windows.
    hidden, layers : int
        Size of the recurrent state, number of layers.
    """

    scale: Tensor

    def __init__(
        self,
        cell: Callable[[int, int, int], Cell],
        channels: int,
        statics: int,
        scale: Tensor,
        hidden: int,
        layers: int,
    ) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.cell = cell(2 * channels, hidden, layers)
        self.head = nn.Sequential(nn.Linear(2 * hidden + statics, hidden), nn.SiLU(), nn.Linear(hidden, 1))

    def forward(self, x: Tensor, statics: Tensor, lengths: Tensor, per_step: bool = False) -> Tensor:
        """Score windows.

        Parameters
        ----------
        x : Tensor of shape (B, T, channels)
        statics : Tensor of shape (B, statics)
        lengths : int64 Tensor of shape (B,)
            Steps that count; what comes after does not touch the score.
        per_step : bool
            Return the score of each beginning of the window instead.

        Returns
        -------
        Tensor of shape (B,), or (B, T) with `per_step`
        """
        time = torch.arange(1, x.shape[1] + 1, device=x.device)
        step = torch.diff(x, dim=1, prepend=x[:, :1]) * self.scale
        hidden = self.cell(torch.cat([x, step], dim=-1))
        if per_step:
            mean = hidden.cumsum(1) / time[:, None]
            fixed = statics[:, None].expand(-1, x.shape[1], -1)
            scores: Tensor = self.head(torch.cat([hidden, mean, fixed], dim=-1)).squeeze(-1)
            return scores
        inside = (time <= lengths[:, None]).to(x.dtype)[:, :, None]
        mean = (hidden * inside).sum(1) / lengths[:, None].to(x.dtype)
        last = hidden[torch.arange(len(x), device=x.device), lengths - 1]
        score: Tensor = self.head(torch.cat([last, mean, statics], dim=-1)).squeeze(-1)
        return score


def difference_scale(x: Tensor, lengths: Tensor) -> Tensor:
    """Return `std(x) / std(difference of x)` per channel, between 1 and 100; `(channels,)`."""
    time = torch.arange(x.shape[1], device=x.device)
    inside = time < lengths[:, None]
    pairs = inside[:, 1:]
    level = x[inside].std(0, correction=0)
    if not bool(pairs.any()):
        return torch.ones_like(level)
    step = torch.diff(x, dim=1)[pairs].std(0, correction=0)
    return (level / step.clamp_min(1e-6)).clamp(1.0, 100.0)
