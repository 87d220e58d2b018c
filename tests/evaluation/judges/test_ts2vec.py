"""The TS2Vec encoder: its losses against plain loops, its shapes, its seeds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsgan.evaluation.judges.ts2vec import Encoder, contrast, hierarchical_loss, represent, train


def plain_contrast(one: torch.Tensor, two: torch.Tensor) -> float:
    """The readable twin: for every item of either view, its partner against all others."""
    losses = []
    for a, b in zip(one, two, strict=True):
        both = torch.cat([a, b])
        for i in range(len(both)):
            partner = (i + len(a)) % len(both)
            others = torch.stack([both[i] @ both[j] for j in range(len(both)) if j != i])
            losses.append(torch.logsumexp(others, 0) - both[i] @ both[partner])
    return float(torch.stack(losses).mean())


def test_contrast_equals_the_readable_twin() -> None:
    one, two = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    assert float(contrast(one, two)) == pytest.approx(plain_contrast(one, two), rel=1e-5)
    assert float(contrast(one[:, :1], two[:, :1])) == 0


def test_the_hierarchy_halves_the_steps() -> None:
    one, two = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    scales, want = (one, two), []
    for steps in (4, 2, 1):
        assert scales[0].shape[1] == steps
        instance = contrast(*(side.transpose(0, 1) for side in scales))
        want.append((instance + contrast(*scales)) / 2)
        scales = tuple(
            side[:, : steps // 2 * 2].unflatten(1, (-1, 2)).amax(2) if steps > 1 else side for side in scales
        )
    assert float(hierarchical_loss(one, two)) == pytest.approx(float(sum(want)) / 3, rel=1e-5)


def test_training_is_seeded_leaves_the_global_state_and_lowers_the_loss() -> None:
    rng = np.random.default_rng(0)
    windows = np.sin(np.arange(12)[:, None] + rng.uniform(0, 6, (60, 1, 2))).astype(np.float32)
    state = torch.get_rng_state()
    first, again, other = (represent(train(windows, seed, 15), windows) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(first, again)
    assert first.shape == (60, 320)
    assert np.abs(first - other).max() > 0.01

    def loss(encoder: Encoder) -> float:
        generator = torch.Generator().manual_seed(5)
        with torch.no_grad():
            views = [encoder(torch.from_numpy(windows), generator) for _ in range(2)]
        return float(hierarchical_loss(*views))

    untrained = Encoder(2, torch.Generator().manual_seed(0))
    assert loss(train(windows, 0, 40)) < loss(untrained)


@pytest.mark.parametrize("shape", [(2, 2, 1), (5, 7, 3)])
def test_small_tables_can_be_trained_on(shape: tuple[int, int, int]) -> None:
    windows = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert np.isfinite(represent(train(windows, 0, 3), windows)).all()
