"""From process latents and a learned correction to channels.

A continuous channel is its latent plus the correction. A category's K logits favour the level in whose interval its
latent lies, the correction is added to them, and the largest wins; gradients pass straight through to the softmax
("Estimating or Propagating Gradients Through Stochastic Neurons", Bengio et al., 2013, https://arxiv.org/abs/1308.3432).
All that is random lies in the latents.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..layout import Block

TRUST = 5.0  # log-odds by which a category keeps its base level where nothing is learned
TEMPERATURE = 2.0


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
                self.register_buffer(f"cuts{number}", torch.tensor(block.cuts), persistent=False)

    @property
    def channels(self) -> int:
        """Number of channels that come out, and of corrections that go in."""
        return sum(block.size for block in self.blocks)

    def forward(self, latents: Tensor, correction: Tensor) -> Tensor:
        """Return channels.

        Parameters
        ----------
        latents : Tensor of shape (..., latents)
        correction : Tensor of shape (..., channels)

        Returns
        -------
        Tensor of shape (..., channels)
        """
        parts, latent, channel = [], 0, 0
        for number, block in enumerate(self.blocks):
            part = correction[..., channel : channel + block.size]
            base = latents[..., latent : latent + block.latents]
            if block.kind == "softmax":
                parts.append(_straight_through(part + self._logits(base, getattr(self, f"cuts{number}"))))
            else:
                parts.append(base + part)
            latent, channel = latent + block.latents, channel + block.size
        return torch.cat(parts, dim=-1) if parts else correction

    def _logits(self, latent: Tensor, cuts: Tensor) -> Tensor:
        """Return logits `(..., K)` that favour the level whose interval holds the latent `(..., 1)`."""
        levels = len(cuts) + 1
        level = torch.searchsorted(cuts, latent[..., 0].contiguous())
        return (TRUST + math.log(max(levels - 1, 1))) * torch.nn.functional.one_hot(level, levels).to(latent.dtype)


def _straight_through(logits: Tensor) -> Tensor:
    """Return the one-hot code of the largest logit, with the softmax's gradient."""
    soft = torch.softmax(logits / TEMPERATURE, dim=-1)
    hard = torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).to(soft.dtype)
    return hard + soft - soft.detach()
