r"""Gradient penalties at first order.

A penalty is :math:`P = \frac1B \sum_i \phi(|g_i|)` with :math:`g_i = \nabla_x C(x_i)`. It depends on the critic's
parameters only through g, so with :math:`v_i = g_i / |g_i|` and :math:`w_i = \phi'(|g_i|) / B` held constant,

.. math::
    \nabla_\theta P = \sum_i w_i \nabla_\theta \langle v_i, \nabla_x C(x_i) \rangle
    = \sum_i w_i \nabla_\theta \frac{C(x_i + \epsilon v_i) - C(x_i - \epsilon v_i)}{2 \epsilon} + O(\epsilon^2):

one pass for g and one ordinary forward and backward on 2B windows, instead of double backward. It needs a smooth
critic. The penalty itself is that of "Improved Training of Wasserstein GANs" (Gulrajani et al., 2017,
https://arxiv.org/abs/1704.00028) and its kin.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Critic = Callable[..., Tensor]
Shape = Callable[[Tensor], Tensor]

STEP = {torch.float32: 1e-2, torch.float64: 1e-4}


def gradient_penalty(critic: Critic, inputs: tuple[Tensor, ...], shape: Shape, *, exact: bool = False) -> Tensor:
    """Return the penalty, with the gradient that a training step needs.

    Parameters
    ----------
    critic : callable
        Takes tensors like `inputs`, with any multiple of their batch size, and returns scores `(B,)`.
    inputs : tuple of Tensor
        Where to take the gradient; the batch comes first in each.
    shape : callable
        The function of the gradient's norm `(B,)` that is averaged over the batch.
    exact : bool
        Use double backward: slow, the twin to check by.
    """
    points = tuple(part.detach().requires_grad_() for part in inputs)
    if exact:
        return shape(_norm(torch.autograd.grad(critic(*points).sum(), points, create_graph=True))).mean()
    gradient = torch.autograd.grad(critic(*points).sum(), points)
    norm = _norm(gradient).detach().requires_grad_()
    value = shape(norm).mean()
    (weight,) = torch.autograd.grad(value, norm)
    step = STEP.get(points[0].dtype, 1e-2)
    pairs = []
    for part, slope in zip(points, gradient, strict=True):
        by = step * slope / norm.detach().view(-1, *[1] * (slope.ndim - 1))
        pairs.append((part.detach() + by, part.detach() - by))
    if points[0].device.type == "cpu":  # where a recurrent layer takes more than twice as long for twice the batch
        ahead, behind = (critic(*side) for side in zip(*pairs, strict=True))
    else:
        ahead, behind = critic(*map(torch.cat, pairs)).chunk(2)
    surrogate = (weight * (ahead - behind)).sum() / (2 * step)
    return surrogate + (value - surrogate).detach()


def _norm(gradient: tuple[Tensor, ...]) -> Tensor:
    """Return the length of each sample's gradient over all inputs, `(B,)`."""
    square = sum(part.flatten(1).square().sum(1) for part in gradient)
    return torch.sqrt(torch.as_tensor(square) + 1e-12)
