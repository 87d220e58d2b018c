"""The field's two scores: fast form against plain twin, both ends of the scale, errors, determinism."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from plain_judges import plain_discriminative, plain_predictive

from tsgan.errors import InputError
from tsgan.evaluation.judges.papers import discriminative_score, predictive_score


def walks(seed: int, count: int = 400, noise: float = 0.0) -> np.ndarray:
    """Smooth positive waves in [0, 1], six columns, each a delayed first."""
    rng = np.random.default_rng(seed)
    phase, pace = rng.uniform(0, 6, (count, 1, 1)), rng.uniform(0.3, 0.6, (count, 1, 1))
    waves = 0.4 * np.sin(np.arange(12)[:, None] * pace + phase - 0.5 * np.arange(6)) + 0.5
    return waves + noise * rng.normal(size=waves.shape)


def test_discriminative_agrees_with_its_twin() -> None:
    real, fake = walks(0), np.clip(walks(1) + 0.1, 0, 1)
    fast = discriminative_score(real, fake, repeats=4, iterations=600)
    plain = [plain_discriminative(real, fake, iterations=600, random_state=seed) for seed in range(2)]
    assert fast.mean > 0.1
    assert abs(fast.mean - np.mean(plain)) < 0.08


def test_predictive_agrees_with_its_twin() -> None:
    real, fake = walks(0), walks(1, noise=0.05)
    fast = predictive_score(real, fake, repeats=4, iterations=600)
    plain = [plain_predictive(real, fake, iterations=600, random_state=seed) for seed in range(2)]
    assert abs(fast.mean - np.mean(plain)) < 0.1 * np.mean(plain)


def test_both_ends_of_the_discriminative_scale() -> None:
    good = discriminative_score(walks(0), walks(1), repeats=3, iterations=300, control=True)
    bad = discriminative_score(walks(0), np.random.default_rng(0).uniform(size=(400, 12, 6)), repeats=3, iterations=900)
    assert good.mean < 0.1
    assert good.control is not None
    assert good.control.mean < 0.1
    assert bad.mean > 0.4
    assert min(bad.accuracy_real) > 0.8
    assert min(bad.accuracy_synthetic) > 0.8


def test_predictive_prefers_synthetic_that_moves_like_real() -> None:
    good = predictive_score(walks(0), walks(1), repeats=2, iterations=800, control=True)
    shuffled = np.random.default_rng(0).permuted(walks(1), axis=1)
    bad = predictive_score(walks(0), shuffled, repeats=2, iterations=800)
    assert good.control is not None
    assert good.mean < 0.7 * bad.mean
    assert abs(good.mean - good.control.mean) < 0.3 * good.mean


def test_a_judge_does_not_depend_on_its_neighbours() -> None:
    alone = discriminative_score(walks(0), walks(1), repeats=1, iterations=30)
    among = discriminative_score(walks(0), walks(1), repeats=2, iterations=30, control=True)
    assert among.values[0] == pytest.approx(alone.values[0], abs=0.02)


def test_same_seed_same_score_and_global_state_untouched() -> None:
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    first = discriminative_score(walks(0), walks(1), repeats=2, iterations=20, random_state=3)
    again = discriminative_score(walks(0), walks(1), repeats=2, iterations=20, random_state=3)
    other = predictive_score(walks(0), walks(1), repeats=2, iterations=20, random_state=3)
    assert first == again
    assert other == predictive_score(walks(0), walks(1), repeats=2, iterations=20, random_state=3)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_one_column_and_unequal_sizes() -> None:
    real, fake = walks(0)[:, :, :1], walks(1, 60)[:, :, :1]
    assert 0 <= discriminative_score(real, fake, repeats=1, iterations=10).mean <= 0.5
    assert predictive_score(real, fake, repeats=1, iterations=10).mean > 0


def test_too_few_windows_or_steps() -> None:
    with pytest.raises(InputError, match=r"at least 5 windows of each kind .* 4 real and 400 synthetic"):
        discriminative_score(walks(0, 4), walks(1))
    with pytest.raises(InputError, match="at least 2 steps; these have 1"):
        predictive_score(walks(0)[:, :1], walks(1)[:, :1])
