"""Long short-term memory (Hochreiter & Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .base import Cell


class LSTM(Cell):
    """`c = f * c + i * g`, `h = o * tanh(c)`, gates `i, f, o` sigmoid and `g` tanh of input and hidden state."""

    def make(self) -> nn.RNNBase:
        """Return `torch.nn.LSTM`."""
        return nn.LSTM(self.inputs, self.hidden, self.layers, batch_first=True)

    def start(self, start: Tensor) -> tuple[Tensor, Tensor]:
        """Return the hidden state and a zero cell state."""
        return start, torch.zeros_like(start)

    def equations(self, x: Tensor, start: Tensor) -> Tensor:
        """Compute the recurrence step by step."""
        for layer in range(self.layers):
            hidden, cell, outputs = start[layer], torch.zeros_like(start[layer]), []
            for step in x.unbind(1):
                into, back = self.gates(step, hidden, layer)
                i, f, g, o = (into + back).chunk(4, dim=-1)
                cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
                hidden = torch.sigmoid(o) * torch.tanh(cell)
                outputs.append(hidden)
            x = torch.stack(outputs, dim=1)
        return x
