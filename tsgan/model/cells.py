"""Recurrent cells: what stood before in, a hidden state out, step by step.

Every cell is smooth (sigmoid and tanh gates), which the first-order gradient penalty needs. A cell runs two ways: whole
sequences through torch's fused kernels, to learn; and one step at a time over many sequences, to draw. Add one as a
`RecurrentCell` and a line in `CELLS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]  # each of shape (layers, B, hidden); the first is the hidden state


class RecurrentCell(nn.Module, ABC):
    """Stacked recurrent layers; so many `inputs` per step, and a `hidden` state of so many numbers, in each."""

    parts: ClassVar[int] = 1  # tensors that a state is made of
    core: nn.RNNBase

    def __init__(self, inputs: int, hidden: int, layers: int = 1) -> None:
        super().__init__()
        self.inputs, self.hidden, self.layers = inputs, hidden, layers
        self.core = self.make()

    @abstractmethod
    def make(self) -> nn.RNNBase:
        """Return the torch module that runs the recurrence."""

    @abstractmethod
    def advance(self, x: Tensor, state: State, weights: Sequence[Tensor]) -> State:
        """Take one step of one layer, given inputs `(B, inputs)` and its state, `(B, hidden)` each.

        Weights are those of the input `(gates * hidden, inputs)` and of the state `(gates * hidden, hidden)`, then
        their two biases.
        """

    def start(self, batch: int) -> State:
        """Return the state before the first step, all zero, of so many sequences."""
        weight = next(self.core.parameters())
        return tuple(weight.new_zeros(self.layers, batch, self.hidden) for _ in range(self.parts))

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run over sequences `(B, T, inputs)` from a state on, zero if not given.

        Returns the top layer's hidden state at each step, `(B, T, hidden)`, and the state after the last.
        """
        before = tuple(part.contiguous() for part in (self.start(len(x)) if state is None else state))
        # cuDNN has a gradient in training alone; the layers leave nothing out, so that it is all the same to them
        self.core.training |= x.device.type != "cpu"
        outputs, after = self.core(x, before if self.parts > 1 else before[0])
        return outputs, after if self.parts > 1 else (after,)

    @torch.no_grad()
    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Take one step, as `forward` does, without a gradient: quicker where thousands of sequences are drawn.

        Of inputs `(B, inputs)` and a state; returns the output `(B, hidden)` and the new state.
        """
        after: list[State] = []
        for layer, weights in enumerate(self.core.all_weights):
            after.append(self.advance(x, tuple(part[layer] for part in state), weights))
            x = after[-1][0]
        if self.layers == 1:  # a view: a stack would copy
            return x, tuple(part[None] for part in after[0])
        return x, tuple(torch.stack(parts) for parts in zip(*after, strict=True))


class LSTM(RecurrentCell):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735).

    `c = f * c + i * g`, `h = o * tanh(c)`, gates `i, f, o` sigmoid and `g` tanh of input and hidden state.
    """

    parts = 2

    def make(self) -> nn.RNNBase:
        """Return `torch.nn.LSTM`."""
        return nn.LSTM(self.inputs, self.hidden, self.layers, batch_first=True)

    def advance(self, x: Tensor, state: State, weights: Sequence[Tensor]) -> State:
        """Return the hidden state and the memory."""
        w, u, b, c = weights
        i, f, g, o = torch.addmm(b + c, x, w.t()).addmm_(state[0], u.t()).chunk(4, dim=-1)
        memory = f.sigmoid_() * state[1]
        memory.addcmul_(i.sigmoid_(), g.tanh_())
        return o.sigmoid_() * torch.tanh(memory), memory


class GRU(RecurrentCell):
    """Gated recurrent unit (Cho et al., 2014, https://arxiv.org/abs/1406.1078).

    `h = (1 - z) * n + z * h`, with update gate z, reset gate r and candidate `n = tanh(W x + r * U h)`.
    """

    def make(self) -> nn.RNNBase:
        """Return `torch.nn.GRU`."""
        return nn.GRU(self.inputs, self.hidden, self.layers, batch_first=True)

    def advance(self, x: Tensor, state: State, weights: Sequence[Tensor]) -> State:
        """Return the hidden state."""
        (w, u, b, c), two = weights, 2 * self.hidden
        into, back = torch.addmm(b, x, w.t()), torch.addmm(c, state[0], u.t())
        reset, update = into[:, :two].add_(back[:, :two]).sigmoid_().chunk(2, dim=-1)
        new = into[:, two:].addcmul_(reset, back[:, two:]).tanh_()
        return (torch.lerp(new, state[0], update),)


class RNN(RecurrentCell):
    """The plain recurrent cell (Elman, 1990, https://doi.org/10.1207/s15516709cog1402_1).

    `h = tanh(W x + U h + b)`.
    """

    def make(self) -> nn.RNNBase:
        """Return `torch.nn.RNN` with tanh."""
        return nn.RNN(self.inputs, self.hidden, self.layers, nonlinearity="tanh", batch_first=True)

    def advance(self, x: Tensor, state: State, weights: Sequence[Tensor]) -> State:
        """Return the hidden state."""
        w, u, b, c = weights
        return (torch.addmm(b + c, x, w.t()).addmm_(state[0], u.t()).tanh_(),)


CELLS: dict[str, Callable[..., RecurrentCell]] = {"lstm": LSTM, "gru": GRU, "rnn": RNN}


def take(state: State, index: Tensor) -> State:
    """Return the state of the chosen sequences, in that order and as often as they are named; `index` is int64."""
    return tuple(part.index_select(1, index) for part in state)


def detach(state: State) -> State:
    """Return the state as a constant: where a chunk goes on from the one before without a gradient into it."""
    return tuple(part.detach() for part in state)
