r"""The contract of a recurrent cell: inputs `(B, T, C)` and a start in, hidden states `(B, T, H)` out.

Every cell is smooth (sigmoid and tanh gates), which the first-order gradient penalty needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Cell(nn.Module, ABC):
    """Stacked recurrent layers.

    Parameters
    ----------
    inputs : int
        Channels of the input.
    hidden : int
        Size of the hidden state.
    layers : int
        Number of stacked layers.
    """

    core: nn.RNNBase

    def __init__(self, inputs: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.inputs, self.hidden, self.layers = inputs, hidden, layers
        self.core = self.make()

    @abstractmethod
    def make(self) -> nn.RNNBase:
        """Return the torch module that runs the recurrence."""

    @abstractmethod
    def equations(self, x: Tensor, start: Tensor) -> Tensor:
        """Compute what `forward` does, one written-out step after the other: the readable twin, for tests."""

    def start(self, start: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return the initial state in the form that `core` takes; `start` is `(layers, B, H)`."""
        return start

    def forward(self, x: Tensor, start: Tensor | None = None) -> Tensor:
        """Return the top layer's hidden state at each step.

        Parameters
        ----------
        x : Tensor of shape (B, T, inputs)
        start : Tensor of shape (layers, B, hidden), optional
            The initial hidden state; zero if not given.

        Returns
        -------
        Tensor of shape (B, T, hidden)
        """
        if start is None:
            start = x.new_zeros(self.layers, len(x), self.hidden)
        output: Tensor = self.core(x, self.start(start.contiguous()))[0]
        return output

    def gates(self, x: Tensor, hidden: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """Return the input's and the state's affine maps of one layer, gates side by side."""
        core = self.core
        into = torch.nn.functional.linear(x, getattr(core, f"weight_ih_l{layer}"), getattr(core, f"bias_ih_l{layer}"))
        back = torch.nn.functional.linear(
            hidden, getattr(core, f"weight_hh_l{layer}"), getattr(core, f"bias_hh_l{layer}")
        )
        return into, back
