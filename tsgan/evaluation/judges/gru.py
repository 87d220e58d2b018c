"""Many small recurrent networks trained side by side, with the gradient of the recurrence written out by hand.

The judges of the field are one-layer GRUs with a handful of hidden units. One of them alone leaves a processor idle
between thousands of tiny operations; `R` of them as one batched model cost little more than one. The state of
all models is one tensor `(R, H, B)`, with the batch innermost so that every operation runs over long rows. PyTorch's
own way back through the steps takes twice as long; the output, the loss and Adam are left to it.

PyTorch's equations (https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html; "Learning Phrase
Representations using RNN Encoder-Decoder", Cho et al., 2014, https://arxiv.org/abs/1406.1078)::

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)        n = tanh(W_in x + b_in + r * (W_hn h + b_hn))
    z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)        h' = n + z * (h - n)

Going back, with `d` the loss's gradient in `h'` and `m = W_hn h + b_hn`::

    dn = d (1 - z)(1 - n^2)    dz = d (h - n) z (1 - z)    dr = dn m r (1 - r)    dm = dn r
    gradient in h = d z + W_h' [dz, dr, dm]

All factors of `d` are known before the way back begins and are computed for all steps at once, which leaves six
operations a step on the way there and four on the way back. Biases are the weights of an extra input that is
always one. Internally the gates of `W_i` stand in the order n, z, r and those of `W_h` in the order z, r, n, so that
what is needed together lies together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


class StackedGRU(torch.nn.Module):
    """One-layer GRUs side by side, each with a linear output of one number.

    A batch is `(T, R, B, D + 1)`, and its last column is one. What a call returns must be used up, its gradient too,
    before the next call: the memory for the steps is kept and written anew.

    Parameters
    ----------
    rngs : sequence of Generator
        One for each of the `R` networks: draws its weights as PyTorch does, uniform within +-1 / sqrt(hidden).
    inputs, hidden : int
        Input columns, `D`, and units of each network, `H`.
    steps, batch : int
        Time steps, `T`, and examples of each network in a batch, `B`.
    dtype : torch.dtype
        float32 to work, float64 to check.
    """

    def __init__(
        self,
        rngs: Sequence[np.random.Generator],
        inputs: int,
        hidden: int,
        steps: int,
        batch: int,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.models, self.hidden, self.steps, self.batch = len(rngs), hidden, steps, batch
        bound, shapes = 1 / np.sqrt(hidden), ((3 * hidden, inputs + 1), (3 * hidden, hidden + 1), (1, hidden + 1))
        drawn = [[rng.uniform(-bound, bound, shape) for shape in shapes] for rng in rngs]
        self.w_in, self.w_state, self.w_out = (
            torch.nn.Parameter(torch.from_numpy(np.stack(weights)).to(dtype)) for weights in zip(*drawn, strict=True)
        )

        def memory(steps: int, *rows: int) -> Tensor:
            return torch.zeros(steps, len(rngs), *rows, batch, dtype=dtype)

        self._gates = memory(steps, 3, hidden)  # n, z, r
        self._recurrent = memory(steps, 3, hidden)  # z, r, n
        self._states = memory(steps + 1, hidden + 1)
        self._states[:, :, hidden] = 1
        self._factors = memory(steps, 4, hidden)
        self._deltas = memory(steps, 4, hidden)  # dn, dz, dr, dm
        self._d_states = memory(steps + 1, hidden)
        # what each step works on is looked up once, since looking it up takes as long as the work
        gates, recurrent, states, d_states = self._gates, self._recurrent, self._states, self._d_states
        there = [gates[:, :, 0], gates[:, :, 1:], gates[:, :, 1], gates[:, :, 2]]
        there += [recurrent.flatten(2, 3), recurrent[:, :, :2], recurrent[:, :, 2]]
        there += [states[:-1], states[:-1, :, :hidden], states[1:, :, :hidden]]
        back = [self._deltas[:, :, :2], self._deltas[:, :, :1], self._deltas[:, :, 2:]]
        back += [self._deltas[:, :, 1:].flatten(2, 3), self._factors[:, :, :2], self._factors[:, :, 2:]]
        back += [gates[:, :, 1], d_states[1:], d_states[1:].unsqueeze(2), d_states[:-1]]
        self._there = list(zip(*(part.unbind() for part in there), strict=True))
        self._back = list(zip(*(part.unbind() for part in back), strict=True))[::-1]

    def last(self, x: Tensor) -> Tensor:
        """Return the output after the last step, `(R, B)`."""
        return _outputs(self, x, 1, *self.parameters())[0]

    def every(self, x: Tensor) -> Tensor:
        """Return the output after each step, `(T, R, B)`."""
        return _outputs(self, x, self.steps, *self.parameters())

    def run(self, x: Tensor) -> Tensor:
        """Return the state, and a row of ones, before each step and after the last, `(T + 1, R, H + 1, B)`."""
        weights = self.w_in.expand(self.steps, *self.w_in.shape).flatten(0, 1)
        torch.bmm(weights, x.flatten(0, 1).transpose(1, 2), out=self._gates.flatten(2, 3).flatten(0, 1))
        for n, zr, z, r, all_recurrent, zr_recurrent, m, state, old, new in self._there:
            torch.bmm(self.w_state, state, out=all_recurrent)
            zr.add_(zr_recurrent).sigmoid_()
            n.addcmul_(r, m).tanh_()
            torch.lerp(n, old, z, out=new)
        return self._states

    def gradients(self, x: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients in all weights after `run`, from those in the outputs of the last steps, `(t, R, B)`."""
        hidden, shown, slopes = self.hidden, len(slopes), slopes.unsqueeze(2)
        of_output = torch.matmul(slopes, self._states[-shown:].transpose(2, 3)).sum(0)
        self._d_states.zero_()
        torch.mul(self.w_out[:, 0, :hidden, None], slopes, out=self._d_states[-shown:])

        n, z, r = self._gates.unbind(2)
        by_n, by_z, by_r, by_m = self._factors.unbind(2)
        torch.mul(n, n, out=by_m)
        torch.sub(1, z, out=by_r)
        torch.addcmul(by_r, by_r, by_m, value=-1, out=by_n)
        torch.sub(self._states[:-1, :, :hidden], n, out=by_z)
        by_z.mul_(z).mul_(by_r)
        torch.addcmul(r, r, r, value=-1, out=by_r)
        by_r.mul_(self._recurrent[:, :, 2])
        by_m.copy_(r)
        into_state = self.w_state[:, :, :hidden].transpose(1, 2)
        for d_nz, d_n, d_rm, d_zrm, by_nz, by_rm, z, d, d_row, before in self._back:
            torch.mul(d_row, by_nz, out=d_nz)
            torch.mul(d_n, by_rm, out=d_rm)
            before.addcmul_(d, z).baddbmm_(into_state, d_zrm)

        rows = self._deltas.flatten(2, 3).flatten(0, 1)
        of_input = torch.bmm(rows[:, : 3 * hidden], x.flatten(0, 1))
        of_state = torch.bmm(rows[:, hidden:], self._states[:-1].flatten(0, 1).transpose(1, 2))
        of_input, of_state = (
            part.view(self.steps, self.models, *part.shape[1:]).sum(0) for part in (of_input, of_state)
        )
        return of_input, of_state, of_output


class _Gradient(torch.autograd.Function):
    """What autograd needs to know of `StackedGRU`: the outputs of the last `shown` steps, and their gradient."""

    @staticmethod
    def forward(ctx: Any, net: StackedGRU, x: Tensor, shown: int, *weights: Tensor) -> Tensor:
        ctx.net, ctx.x = net, x
        return torch.matmul(net.w_out, net.run(x)[-shown:]).squeeze(2)

    @staticmethod
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, None, *ctx.net.gradients(ctx.x, slopes)


_outputs: Callable[..., Tensor] = _Gradient.apply
