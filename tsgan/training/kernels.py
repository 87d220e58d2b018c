"""Random convolution kernels over values and differences: features in which windows can be compared.

Kernels, dilations and biases are drawn as in "ROCKET" (Dempster et al., 2020, https://arxiv.org/abs/1910.13051); the
share of positive responses is smoothed by a sigmoid, so that the features have gradients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..losses.base import Batch

SIZES = (1, 3, 5, 9)
SHARPNESS = 8.0


@dataclass(frozen=True)
class Kernels:
    """Random convolutions, in groups of equal length and dilation.

    Attributes
    ----------
    weights : list of Tensor of shape (kernels, 2 * channels, length)
    dilations : list of int
    biases : list of Tensor of shape (kernels,)
    spreads : list of Tensor of shape (kernels,)
        Standard deviation of each kernel's responses on real windows.
    scale : Tensor of shape (channels,)
        What differences are multiplied by.
    """

    weights: list[Tensor]
    dilations: list[int]
    biases: list[Tensor]
    spreads: list[Tensor]
    scale: Tensor

    @classmethod
    def random(cls, batch: Batch, scale: Tensor, count: int, rng: np.random.Generator) -> Kernels:
        """Draw `count` kernels for windows like these; biases are quantiles of their responses to them."""
        time, channels = batch.x.shape[1], 2 * batch.x.shape[2]
        made = cls([], [], [], [], scale)
        choices = [(size, 2**e) for size in SIZES for e in range(8) if (size - 1) * 2**e < time and (size > 1 or not e)]
        picks = rng.integers(len(choices), size=count)
        view = _view(batch, scale)
        for number, (size, dilation) in enumerate(choices):
            kernels = int((picks == number).sum())
            if not kernels:
                continue
            weight = rng.standard_normal((kernels, channels, size))
            some = rng.integers(1, min(channels, 6) + 1, (kernels, 1))
            used = rng.random((kernels, channels)).argsort(axis=1).argsort(axis=1) < some
            weight = np.where(used[:, :, None], weight - (weight.mean(2, keepdims=True) if size > 1 else 0.0), 0.0)
            made.weights.append(torch.as_tensor(weight).to(view))
            made.dilations.append(dilation)
            flat = _convolve(view, made.weights[-1], dilation).transpose(0, 1).flatten(1)
            flat = flat[:, :: max(1, flat.shape[1] // 20_000)].sort(dim=1).values
            level = torch.as_tensor(rng.random((kernels, 1))).to(flat)
            made.biases.append(flat.gather(1, (level * (flat.shape[1] - 1)).long())[:, 0])
            made.spreads.append(flat.std(dim=1).clamp_min(1e-6))
        return made

    def features(self, batch: Batch) -> Tensor:
        """Return per kernel the share of positive, the largest and the mean square response, then the statics.

        Returns
        -------
        Tensor of shape (B, 3 * kernels + statics)
        """
        view, columns = _view(batch, self.scale), [batch.statics]
        groups = zip(self.weights, self.dilations, self.biases, self.spreads, strict=True)
        for weight, dilation, bias, spread in groups:
            response = (_convolve(view, weight, dilation) - bias[:, None]) / spread[:, None]
            positive = torch.sigmoid(SHARPNESS * response)
            columns += [positive.mean(2), response.amax(2), response.square().mean(2)]
        return torch.cat(columns, dim=1)


def _view(batch: Batch, scale: Tensor) -> Tensor:
    """Return values and scaled differences, channels first, zero after the end; `(B, 2 * channels, T)`."""
    step = torch.diff(batch.x, dim=1, prepend=batch.x[:, :1]) * scale
    inside = torch.arange(batch.x.shape[1], device=batch.x.device) < batch.lengths[:, None]
    return (torch.cat([batch.x, step], dim=2) * inside[:, :, None]).transpose(1, 2).contiguous()


def _convolve(view: Tensor, weight: Tensor, dilation: int) -> Tensor:
    return torch.nn.functional.conv1d(view, weight, dilation=dilation)
