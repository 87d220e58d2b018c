"""From process latents and a learned correction to channels.

A continuous channel is its latent plus the correction. A category's K logits are those of an ordered probit around its
latent, plus the correction; a level is then drawn by Gumbel noise, and gradients pass straight through ("Categorical
Reparameterization with Gumbel-Softmax", Jang et al., 2017, https://arxiv.org/abs/1611.01144).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..layout import Block

SPREAD = 0.2  # of a category's latent around its threshold, in standard deviations
TEMPERATURE = 0.7


class Heads(nn.Module):
    """The output heads of a run of blocks.

    Parameters
    ----------
    blocks : tuple of Block
    """

    def __init__(self, blocks: tuple[Block, ...]) -> None:
        super().__init__()
        self.blocks = blocks
        for number, block in enumerate(blocks):
            if block.kind == "softmax":
                cuts = torch.tensor([-math.inf, *block.cuts, math.inf]) * math.sqrt(1 + SPREAD**2)
                self.register_buffer(f"cuts{number}", cuts, persistent=False)

    @property
    def channels(self) -> int:
        """Number of channels that come out, and of corrections that go in."""
        return sum(block.size for block in self.blocks)

    @property
    def noises(self) -> int:
        """Number of uniform random numbers that `forward` needs per row."""
        return sum(block.size for block in self.blocks if block.kind == "softmax")

    def forward(self, latents: Tensor, correction: Tensor, uniform: Tensor) -> Tensor:
        """Return channels.

        Parameters
        ----------
        latents : Tensor of shape (..., latents)
        correction : Tensor of shape (..., channels)
        uniform : Tensor of shape (..., noises)
            Uniform random numbers in (0, 1).

        Returns
        -------
        Tensor of shape (..., channels)
        """
        parts, latent, channel, noise = [], 0, 0, 0
        for number, block in enumerate(self.blocks):
            part = correction[..., channel : channel + block.size]
            base = latents[..., latent : latent + block.latents]
            if block.kind == "softmax":
                logits = part + self._logits(base, getattr(self, f"cuts{number}"))
                gumbel = -torch.log(-torch.log(uniform[..., noise : noise + block.size].clamp(1e-6, 1 - 1e-6)))
                parts.append(_straight_through(logits + gumbel))
                noise += block.size
            else:
                parts.append(base + part)
            latent, channel = latent + block.latents, channel + block.size
        return torch.cat(parts, dim=-1) if parts else correction

    def _logits(self, latent: Tensor, cuts: Tensor) -> Tensor:
        """Return the log-probabilities of the levels around a latent `(..., 1)`; `(..., K)`."""
        below = torch.special.ndtr((cuts[1:] - latent) / SPREAD) - torch.special.ndtr((cuts[:-1] - latent) / SPREAD)
        return torch.log(below.clamp_min(1e-4))


def _straight_through(logits: Tensor) -> Tensor:
    """Return the one-hot code of the largest logit, with the softmax's gradient."""
    soft = torch.softmax(logits / TEMPERATURE, dim=-1)
    hard = torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).to(soft.dtype)
    return hard + soft - soft.detach()
