"""Autocorrelation, partial autocorrelation and spectrum: the memory and the rhythms of a column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import signal

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.dependence import (
    Autocorrelation,
    Channels,
    PartialAutocorrelation,
    Spectrum,
    autocorrelation,
    partial_correlations,
    second_moments,
    spectrum,
)

METRICS = (Autocorrelation(), PartialAutocorrelation(), Spectrum())
EVERY = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)


def autoregressive(seed: int, weights: tuple[float, ...], count: int = 300, steps: int = 16) -> np.ndarray:
    """`(count, steps, 2)`: stationary autoregressions driven by noise that both columns share in part."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(count, steps + 60, 1)) + rng.normal(size=(count, steps + 60, 2))
    found = signal.lfilter([1.0], [1.0, *(-weight for weight in weights)], noise, axis=1)
    return found[:, 60:]


def shuffled(windows: np.ndarray) -> np.ndarray:
    """The same steps of each window in another order, alike for all columns."""
    order = np.argsort(np.random.default_rng(9).random(windows.shape[:2]), axis=1)
    return np.take_along_axis(windows, order[:, :, None], axis=1)


def test_autocorrelation_is_that_of_its_readable_twin() -> None:
    windows = autoregressive(0, (0.5,), count=20, steps=7).astype(np.float32)
    centred = windows - windows.mean(axis=(0, 1))
    for channel in range(2):
        x = centred[:, :, channel]
        for lag in range(7):
            expected = (x[:, : 7 - lag] * x[:, lag:]).mean() / (x * x).mean()
            assert autocorrelation(windows)[channel, lag] == pytest.approx(expected, abs=1e-5)


def test_partial_autocorrelation_is_that_of_regressions_on_the_steps_between() -> None:
    windows = autoregressive(0, (0.5, 0.3), count=4000, steps=12).astype(np.float32)
    found = partial_correlations(second_moments(windows), lags=4)
    assert found.shape == (2, 5)
    x = windows[:, :, 0] - windows[:, :, 0].mean()
    for lag in range(1, 5):
        runs = np.lib.stride_tricks.sliding_window_view(x, lag + 1, axis=1).reshape(-1, lag + 1)
        between = runs[:, 1:-1]
        first, last = (
            end - between @ np.linalg.lstsq(between, end, rcond=None)[0] if lag > 1 else end
            for end in (runs[:, 0], runs[:, -1])
        )
        assert found[0, lag] == pytest.approx((first * last).mean() / (first.std() * last.std()), abs=2e-3)
    assert found[:, 2] == pytest.approx(0.3, abs=0.02)
    assert found[:, 3:] == pytest.approx(0, abs=0.02)


def test_partial_autocorrelation_of_perfectly_smooth_curves_is_finite() -> None:
    rng = np.random.default_rng(0)
    waves = np.sin(rng.uniform(0.1, 0.3, (50, 1, 1)) * np.arange(24)[:, None] + rng.uniform(0, 6, (50, 1, 2)))
    found = partial_correlations(second_moments(waves.astype(np.float32)))
    assert np.abs(found).max() <= 1


def test_spectrum_finds_a_rhythm_and_noise_is_flat() -> None:
    rng = np.random.default_rng(0)
    wave = np.sin(2 * np.pi * (np.arange(24) / 6 + rng.random((2000, 1))))
    windows = np.stack([wave, rng.normal(size=wave.shape), np.full(wave.shape, 3.3)], axis=2).astype(np.float32)
    frequencies, power = spectrum(windows)
    assert frequencies == pytest.approx(np.arange(1, 13) / 24)
    assert frequencies[power[0].argmax()] == pytest.approx(1 / 6)
    assert power[0, 2:5].sum() > 0.99
    assert power[1, 1:-1] == pytest.approx(1 / 11.5, abs=0.015)
    assert power.sum(axis=1) == pytest.approx([1, 1, 0])


@EVERY
def test_sees_time_shuffled_within_windows(metric) -> None:
    real, fresh = (autoregressive(seed, (0.9,)) for seed in range(2))
    assert metric.measure(prepare(real, shuffled(fresh)), 2).grade == "far"
    assert metric.measure(prepare(real, fresh), 2).grade == "faithful"


@EVERY
def test_sees_time_shuffled_where_levels_differ_widely(metric) -> None:
    real, fresh = (autoregressive(seed, (0.9,)) for seed in range(2))
    for seed, windows in enumerate((real, fresh)):
        windows += 50 * np.random.default_rng(seed).normal(size=(len(windows), 1, 2))
    assert metric.measure(prepare(real, shuffled(fresh)), 2).grade in ("visible", "far")
    assert metric.measure(prepare(real, fresh), 2).grade in ("faithful", "unclear")


@EVERY
def test_names_the_column_that_forgets(metric) -> None:
    real, synthetic = (autoregressive(seed, (0.9,)) for seed in range(2))
    synthetic[:, :, 1] = shuffled(synthetic)[:, :, 1]
    result = metric.measure(prepare(real, synthetic), 2)
    assert [row["grade"] for row in result.detail["columns"]] == ["faithful", "far"]
    assert "Furthest: x1" in result.verdict


@EVERY
def test_does_not_see_columns_torn_apart_or_time_reversed(metric) -> None:
    real, synthetic = (autoregressive(seed, (0.9,)) for seed in range(2))
    synthetic[:, :, 1] = synthetic[np.random.default_rng(0).permutation(300), ::-1, 1]
    assert metric.measure(prepare(real, synthetic), 2).grade == "faithful"


@EVERY
def test_real_against_real_passes(metric) -> None:
    for seed in range(8):
        real, fresh = (autoregressive(2 * seed + i, (0.8,), count=150) for i in range(2))
        assert metric.measure(prepare(real, fresh, random_state=seed), 2).grade in ("faithful", "unclear")


@EVERY
def test_sees_a_category_that_no_longer_stays(metric) -> None:
    def table(seed: int, stay: float) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        kept = rng.random((400, 10)) < stay
        drawn = rng.integers(40, size=(400, 10))
        last = np.maximum.accumulate(np.where(kept & (np.arange(10) > 0), 0, np.arange(10)), axis=1)
        levels = np.take_along_axis(drawn, last, axis=1).ravel()
        return pd.DataFrame({"id": np.repeat(np.arange(400), 10), "level": [f"level {i}" for i in levels]})

    real = table(0, 0.8)
    assert metric.measure(prepare(real, table(1, 0.1), entity="id"), 2).grade == "far"
    case = prepare(real, table(1, 0.8), entity="id")
    assert metric.measure(case, 2).grade == "faithful"
    channels = Channels.of(case, case.columns)
    assert len(channels.chosen) == channels.members.sum() <= 64


@EVERY
def test_missing_and_constant_columns(metric) -> None:
    tables = []
    for seed in range(2):
        values = autoregressive(seed, (0.9,)).reshape(-1, 2)
        frame = pd.DataFrame(values, columns=["a", "b"]).assign(id=np.repeat(np.arange(300), 16), flat=1.0)
        tables.append(frame.mask(np.random.default_rng(seed).random(frame.shape) < [[0.2, 0, 0, 0]]))
    result = metric.measure(prepare(*tables, entity="id"), 2)
    assert result.grade == "faithful"
    assert [row["value"] for row in result.detail["columns"]][2] == 0


@EVERY
def test_says_why_it_is_not_available(metric) -> None:
    still = pd.DataFrame({"id": np.repeat(np.arange(20), 4), "sex": np.repeat(list("mf"), 40)})
    result = metric.measure(prepare(still, still, entity="id", static=["sex"]), 2)
    assert result.verdict == "not available: every column is static; it needs one that changes from step to step"
    flat = np.full((40, 6, 2), 3.0)
    assert "no column of the real table varies" in metric.measure(prepare(flat, flat), 2).verdict


def test_spectrum_needs_four_steps() -> None:
    values = np.random.default_rng(0).normal(size=(40, 3, 1))
    text = "not available: windows of 3 steps are too short for a spectrum; it needs 4 or more"
    assert Spectrum().measure(prepare(values, values), 2).verdict == text


def test_spectrum_sees_faint_noise_upon_smooth_curves() -> None:
    real, fresh = (np.cumsum(np.cumsum(autoregressive(seed, (0.5,)), axis=1), axis=1) for seed in range(2))
    noisy = fresh + 0.1 * fresh.std() * np.random.default_rng(2).normal(size=fresh.shape)
    assert Spectrum().measure(prepare(real, noisy), 2).grade == "far"
    assert Spectrum().measure(prepare(real, fresh), 2).grade == "faithful"
