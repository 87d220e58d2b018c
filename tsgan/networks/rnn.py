"""The plain recurrent cell (Elman, 1990, https://doi.org/10.1207/s15516709cog1402_1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .base import Cell


class RNN(Cell):
    """`h_t = tanh(W_h h_{t-1} + W_x x_t + b)`."""

    def make(self) -> nn.RNNBase:
        """Return `torch.nn.RNN` with tanh."""
        return nn.RNN(self.inputs, self.hidden, self.layers, nonlinearity="tanh", batch_first=True)

    def equations(self, x: Tensor, start: Tensor) -> Tensor:
        """Compute the recurrence step by step."""
        for layer in range(self.layers):
            hidden, outputs = start[layer], []
            for step in x.unbind(1):
                into, back = self.gates(step, hidden, layer)
                hidden = torch.tanh(into + back)
                outputs.append(hidden)
            x = torch.stack(outputs, dim=1)
        return x
