"""Gated recurrent unit (Cho et al., 2014, https://arxiv.org/abs/1406.1078)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .base import Cell


class GRU(Cell):
    """`h = (1 - z) * n + z * h`, with update gate z, reset gate r and candidate `n = tanh(W x + r * U h)`."""

    def make(self) -> nn.RNNBase:
        """Return `torch.nn.GRU`."""
        return nn.GRU(self.inputs, self.hidden, self.layers, batch_first=True)

    def equations(self, x: Tensor, start: Tensor) -> Tensor:
        """Compute the recurrence step by step."""
        for layer in range(self.layers):
            hidden, outputs = start[layer], []
            for step in x.unbind(1):
                into, back = self.gates(step, hidden, layer)
                (ri, zi, ni), (rh, zh, nh) = into.chunk(3, dim=-1), back.chunk(3, dim=-1)
                update = torch.sigmoid(zi + zh)
                hidden = (1 - update) * torch.tanh(ni + torch.sigmoid(ri + rh) * nh) + update * hidden
                outputs.append(hidden)
            x = torch.stack(outputs, dim=1)
        return x
