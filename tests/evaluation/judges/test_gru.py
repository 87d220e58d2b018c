"""The batched GRU and its hand-written gradient against PyTorch's GRU and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from plain_judges import PlainJudge
from torch.nn.functional import binary_cross_entropy_with_logits

from tsgan.evaluation.judges.gru import StackedGRU

STEPS, BATCH, INPUTS, HIDDEN, MODELS = 7, 9, 4, 3, 2


@pytest.fixture
def stacked() -> StackedGRU:
    rngs = [np.random.default_rng(model) for model in range(MODELS)]
    return StackedGRU(rngs, INPUTS, HIDDEN, STEPS, BATCH, torch.float64)


@pytest.fixture
def batch() -> torch.Tensor:
    x = torch.from_numpy(np.random.default_rng(5).normal(size=(STEPS, MODELS, BATCH, INPUTS + 1)))
    x[..., -1] = 1
    return x


def reorder(weights: torch.Tensor, order: list[int]) -> torch.Tensor:
    return weights.view(3, HIDDEN, -1)[order].reshape(3 * HIDDEN, -1)


def twin(net: StackedGRU, model: int) -> PlainJudge:
    """PyTorch's order of the gates is r, z, n; ours is n, z, r for inputs and z, r, n for states."""
    plain = PlainJudge(INPUTS, HIDDEN).double()
    w_in, w_state = reorder(net.w_in[model], [2, 1, 0]), reorder(net.w_state[model], [1, 0, 2])
    with torch.no_grad():
        plain.gru.weight_ih_l0.copy_(w_in[:, :-1])
        plain.gru.bias_ih_l0.copy_(w_in[:, -1])
        plain.gru.weight_hh_l0.copy_(w_state[:, :-1])
        plain.gru.bias_hh_l0.copy_(w_state[:, -1])
        plain.out.weight.copy_(net.w_out[model, :, :-1])
        plain.out.bias.copy_(net.w_out[model, :, -1])
    return plain


def gradients(plain: PlainJudge) -> list[torch.Tensor]:
    gru = plain.gru
    w_in = torch.cat([gru.weight_ih_l0.grad, gru.bias_ih_l0.grad[:, None]], dim=1)
    w_state = torch.cat([gru.weight_hh_l0.grad, gru.bias_hh_l0.grad[:, None]], dim=1)
    w_out = torch.cat([plain.out.weight.grad, plain.out.bias.grad[:, None]], dim=1)
    return [reorder(w_in, [2, 1, 0]), reorder(w_state, [1, 0, 2]), w_out]


def mine(net: StackedGRU, model: int) -> list[torch.Tensor]:
    return [weights.grad[model] for weights in (net.w_in, net.w_state, net.w_out)]


def classify(net: StackedGRU, batch: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Gradient of the sum over models of the mean cross-entropy; returns the logits."""
    logits = net.last(batch)
    (binary_cross_entropy_with_logits(logits, labels.expand_as(logits), reduction="sum") / BATCH).backward()
    return logits.detach()


@pytest.mark.parametrize("model", range(MODELS))
def test_classifier_equals_autograd(stacked: StackedGRU, batch: torch.Tensor, model: int) -> None:
    labels = (torch.arange(BATCH) % 2).double()
    logits = classify(stacked, batch, labels)[model]
    plain = twin(stacked, model)
    expected = plain(batch[:, model, :, :-1].transpose(0, 1))[:, -1]
    binary_cross_entropy_with_logits(expected, labels).backward()
    torch.testing.assert_close(logits, expected.detach(), atol=1e-10, rtol=0)
    for got, want in zip(mine(stacked, model), gradients(plain), strict=True):
        assert want.abs().max() > 1e-3
        torch.testing.assert_close(got, want, atol=1e-10, rtol=0)


@pytest.mark.parametrize("model", range(MODELS))
def test_regressor_equals_autograd(stacked: StackedGRU, batch: torch.Tensor, model: int) -> None:
    targets = torch.from_numpy(np.random.default_rng(6).uniform(size=(STEPS, MODELS, BATCH)))
    outputs = stacked.every(batch).sigmoid()
    (MODELS * (outputs - targets).abs().mean()).backward()
    y = outputs[:, model].detach()
    plain = twin(stacked, model)
    expected = torch.sigmoid(plain(batch[:, model, :, :-1].transpose(0, 1)))
    (expected - targets[:, model].T).abs().mean().backward()
    torch.testing.assert_close(y.T, expected.detach(), atol=1e-10, rtol=0)
    for got, want in zip(mine(stacked, model), gradients(plain), strict=True):
        assert want.abs().max() > 1e-4
        torch.testing.assert_close(got, want, atol=1e-10, rtol=0)


def test_training_equals_autograd_after_several_steps(stacked: StackedGRU, batch: torch.Tensor) -> None:
    labels = (torch.arange(BATCH) % 2).double()
    plain = twin(stacked, 0)
    adam, others = (torch.optim.Adam(net.parameters(), lr=1e-3) for net in (plain, stacked))
    for _ in range(5):
        others.zero_grad()
        classify(stacked, batch, labels)
        others.step()
        adam.zero_grad()
        logits = plain(batch[:, 0, :, :-1].transpose(0, 1))[:, -1]
        binary_cross_entropy_with_logits(logits, labels).backward()
        adam.step()
    torch.testing.assert_close(twin(stacked, 0).gru.weight_hh_l0, plain.gru.weight_hh_l0, atol=1e-9, rtol=0)
