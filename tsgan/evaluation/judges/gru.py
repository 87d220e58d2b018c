"""Many small recurrent networks trained side by side, with the gradient written out by hand.

The judges of the field are one-layer GRUs with a handful of hidden units. One of them alone leaves a processor idle
between thousands of tiny operations; `R` of them as one batched model cost little more than one. The state of
all models is one tensor `(R, H, B)`, with the batch innermost so that every operation runs over long rows.

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

import numpy as np
import torch
from torch import Tensor


class StackedGRU:
    """`models` one-layer GRUs, each with a linear output of one number, and Adam on all their parameters.

    Parameters
    ----------
    models : int
        How many networks, `R`.
    inputs : int
        Input columns, `D`. Batches have one column more, which is always one.
    hidden : int
        Units of each network, `H`.
    steps : int
        Time steps, `T`.
    batch : int
        Examples of each network in a batch, `B`.
    dtype : torch.dtype
        float32 to work, float64 to check.
    """

    def __init__(self, models: int, inputs: int, hidden: int, steps: int, batch: int, dtype: torch.dtype) -> None:
        self.models, self.inputs, self.hidden, self.steps, self.batch = models, inputs, hidden, steps, batch
        shapes = [(models, 3 * hidden, inputs + 1), (models, 3 * hidden, hidden + 1), (models, 1, hidden + 1)]
        sizes = [int(np.prod(shape)) for shape in shapes]
        self.parameters = torch.zeros(sum(sizes), dtype=dtype)
        self.gradient = torch.zeros_like(self.parameters)
        self._mean, self._square, self._scratch = (torch.zeros_like(self.parameters) for _ in range(3))
        self._updates = 0
        self.w_in, self.w_state, self.w_out = self._views(self.parameters, shapes)
        self._g_in, self._g_state, self._g_out = self._views(self.gradient, shapes)
        self._allocate(batch)

    @staticmethod
    def _views(flat: Tensor, shapes: list[tuple[int, int, int]]) -> list[Tensor]:
        ends = np.cumsum([0] + [int(np.prod(shape)) for shape in shapes])
        return [flat[ends[i] : ends[i + 1]].view(shape) for i, shape in enumerate(shapes)]

    def _allocate(self, batch: int) -> None:
        steps, models, hidden = self.steps, self.models, self.hidden

        def empty(*shape: int) -> Tensor:
            return torch.empty(shape, dtype=self.parameters.dtype)

        self._gates = empty(steps, models, 3 * hidden, batch)  # n, z, r
        self._recurrent = empty(steps, models, 3 * hidden, batch)  # z, r, n
        self._states = empty(steps + 1, models, hidden + 1, batch)
        self._states[0].zero_()
        self._states[:, :, hidden] = 1
        self._factors = empty(steps, models, 4, hidden, batch)
        self._deltas = empty(steps, models, 4, hidden, batch)  # dn, dz, dr, dm
        self._d_states = empty(steps, models, hidden, batch)

    def initialise(self, model: int, rng: np.random.Generator) -> None:
        """Draw one model's weights as PyTorch does, uniform within +-1 / sqrt(hidden)."""
        bound = 1 / np.sqrt(self.hidden)
        for weights in (self.w_in, self.w_state, self.w_out):
            draw = rng.uniform(-bound, bound, tuple(weights[model].shape))
            weights[model] = torch.from_numpy(draw).to(weights.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Run over a batch from the state zero.

        Parameters
        ----------
        x : Tensor of shape (T, R, B, D + 1)
            The last column is one.

        Returns
        -------
        Tensor of shape (T + 1, R, H + 1, B)
            The state before each step and after the last; its last row is one. It is overwritten by the next call.
        """
        hidden, models = self.hidden, self.models
        rows = self.steps * models
        weights = self.w_in.expand(self.steps, *self.w_in.shape).reshape(rows, 3 * hidden, self.inputs + 1)
        columns = x.reshape(rows, self.batch, -1).transpose(1, 2)
        torch.bmm(weights, columns, out=self._gates.view(rows, 3 * hidden, self.batch))
        w_state, states = self.w_state, self._states
        parts = zip(
            self._gates[:, :, :hidden].unbind(),
            self._gates[:, :, hidden:].unbind(),
            self._gates[:, :, hidden : 2 * hidden].unbind(),
            self._gates[:, :, 2 * hidden :].unbind(),
            self._recurrent.unbind(),
            self._recurrent[:, :, : 2 * hidden].unbind(),
            self._recurrent[:, :, 2 * hidden :].unbind(),
            states.unbind(),
            states[:-1, :, :hidden].unbind(),
            states[1:, :, :hidden].unbind(),
            strict=False,
        )
        for n, zr, z, r, recurrent, recurrent_zr, m, state, old, new in parts:
            torch.bmm(w_state, state, out=recurrent)
            zr.add_(recurrent_zr).sigmoid_()
            n.addcmul_(r, m).tanh_()
            torch.lerp(n, old, z, out=new)
        return states

    def backward(self, x: Tensor, d_states: Tensor | None, d_last: Tensor) -> None:
        """Put the gradient of the recurrent weights into `gradient`.

        Parameters
        ----------
        x : Tensor of shape (T, R, B, D + 1)
            What `forward` was given last.
        d_states : Tensor of shape (T, R, H, B) or None
            The loss's gradient in the state after each step but the last (its last entry is not read);
            None where only the last state enters the loss. It is overwritten.
        d_last : Tensor of shape (R, H, B)
            The loss's gradient in the last state.
        """
        hidden, models, rows = self.hidden, self.models, self.steps * self.models
        n, z, r = self._gates.view(self.steps, models, 3, hidden, self.batch).unbind(2)
        m = self._recurrent[:, :, 2 * hidden :]
        old = self._states[:-1, :, :hidden]
        by_n, by_z, by_r, by_m = self._factors.unbind(2)
        torch.mul(n, n, out=by_m)
        torch.sub(1, z, out=by_r)
        torch.addcmul(by_r, by_r, by_m, value=-1, out=by_n)
        torch.sub(old, n, out=by_z)
        by_z.mul_(z).mul_(by_r)
        torch.addcmul(r, r, r, value=-1, out=by_r)
        by_r.mul_(m)
        by_m.copy_(r)

        transposed = self.w_state[:, :, :hidden].transpose(1, 2)
        deltas = self._deltas
        flat = deltas.view(self.steps, models, 4 * hidden, self.batch)
        before = self._d_states if d_states is None else d_states
        d = d_last
        for t in range(self.steps - 1, -1, -1):
            delta, factor = deltas[t], self._factors[t]
            torch.mul(d.unsqueeze(1), factor[:, :2], out=delta[:, :2])
            torch.mul(delta[:, :1], factor[:, 2:], out=delta[:, 2:])
            if t:
                d_old = before[t - 1]
                if d_states is None:
                    torch.mul(d, z[t], out=d_old)
                else:
                    d_old.addcmul_(d, z[t])
                d = d_old.baddbmm_(transposed, flat[t, :, hidden:])
        flat = flat.view(rows, 4 * hidden, self.batch)
        columns = x.reshape(rows, self.batch, -1)
        torch.sum(torch.bmm(flat[:, : 3 * hidden], columns).view(self.steps, *self.w_in.shape), 0, out=self._g_in)
        states = self._states[:-1].reshape(rows, hidden + 1, self.batch).transpose(1, 2)
        torch.sum(torch.bmm(flat[:, hidden:], states).view(self.steps, *self.w_state.shape), 0, out=self._g_state)

    def classify(self, x: Tensor, labels: Tensor) -> Tensor:
        """Gradient of the mean binary cross-entropy of the last state's logit.

        Parameters
        ----------
        x : Tensor of shape (T, R, B, D + 1)
        labels : Tensor of shape (B,)

        Returns
        -------
        Tensor of shape (R, 1, B)
            The logits.
        """
        last = self.forward(x)[-1]
        logits = torch.bmm(self.w_out, last)
        slope = torch.sigmoid(logits).sub_(labels).div_(self.batch)
        torch.bmm(slope, last.transpose(1, 2), out=self._g_out)
        self.backward(x, None, self.w_out[:, 0, : self.hidden, None] * slope)
        return logits

    def predict(self, x: Tensor) -> Tensor:
        """Return sigmoid(linear(state)) after each step, `(T, R, B)`."""
        states = self.forward(x)[1:]
        return torch.matmul(self.w_out, states).squeeze(2).sigmoid_()

    def regress(self, x: Tensor, targets: Tensor) -> Tensor:
        """Gradient of the mean absolute error of `predict`.

        Parameters
        ----------
        x : Tensor of shape (T, R, B, D + 1)
        targets : Tensor of shape (T, R, B)

        Returns
        -------
        Tensor of shape (T, R, B)
            The predictions.
        """
        y = self.predict(x)
        slope = torch.sign(y - targets).mul_(y).mul_(1 - y).div_(self.steps * self.batch).unsqueeze_(2)
        states = self._states[1:].transpose(2, 3)
        torch.sum(torch.matmul(slope, states), 0, out=self._g_out)
        torch.mul(self.w_out[:, 0, : self.hidden, None], slope, out=self._d_states)
        self.backward(x, self._d_states, self._d_states[-1])
        return y

    def update(self, rate: float = 1e-3) -> None:
        """Take a step of Adam ("Adam", Kingma & Ba, 2014, https://arxiv.org/abs/1412.6980) with its usual constants."""
        self._updates += 1
        self._mean.lerp_(self.gradient, 0.1)
        self._square.mul_(0.999).addcmul_(self.gradient, self.gradient, value=0.001)
        torch.sqrt(self._square, out=self._scratch)
        self._scratch.div_((1 - 0.999**self._updates) ** 0.5).add_(1e-8)
        self.parameters.addcdiv_(self._mean, self._scratch, value=-rate / (1 - 0.9**self._updates))
