"""The strong judge's parts: whitening and kernels."""

from __future__ import annotations

import numpy as np
import torch

from tsgan.evaluation.judges.rocket import Kernels, Whitening


def test_whitened_channels_are_uncorrelated_with_unit_variance() -> None:
    rng = np.random.default_rng(0)
    windows = (rng.normal(size=(200, 12, 3)) @ rng.normal(size=(3, 3))).astype(np.float32)
    x = Whitening.fit(windows).apply(windows).numpy()
    flat = x[:, :3].transpose(0, 2, 1).reshape(-1, 3)
    np.testing.assert_allclose(flat.T @ flat / len(flat), np.eye(3), atol=1e-4)
    np.testing.assert_allclose(x[:, 3:, 1:].std(axis=(0, 2)), 1, atol=1e-3)


def test_constant_columns_do_no_harm() -> None:
    windows = np.full((20, 8, 2), 0.5, dtype=np.float32)
    assert torch.isfinite(Whitening.fit(windows).apply(windows)).all()


def test_kernel_features_equal_a_plain_convolution() -> None:
    rng = np.random.default_rng(0)
    kernels = Kernels(20, 3, 24, rng)
    x = torch.from_numpy(rng.normal(size=(4, 3, 24)).astype(np.float32))
    got, column = kernels.features(x), 0
    assert got.shape == (4, 40)
    for weights, bias, dilation, padding in kernels.groups:
        members, _, length = weights.shape
        padded = np.pad(x.numpy(), ((0, 0), (0, 0), (padding, padding)))
        steps = padded.shape[2] - dilation * (length - 1)
        for k in range(members):
            answer = sum(
                (padded[:, :, j * dilation : j * dilation + steps] * weights[k, :, j].numpy()[:, None]).sum(axis=1)
                for j in range(length)
            ) + float(bias[k])
            np.testing.assert_allclose(got[:, column + k], (answer > 0).mean(axis=1), atol=1e-6)
            np.testing.assert_allclose(got[:, column + members + k], answer.max(axis=1), atol=1e-4)
        column += 2 * members


def test_short_windows_have_kernels() -> None:
    x = torch.zeros(3, 2, 2)
    assert Kernels(10, 2, 2, np.random.default_rng(0)).features(x).shape == (3, 20)
