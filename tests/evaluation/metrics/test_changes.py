"""Increments and volatility: how a column moves from step to step, and how large steps follow one another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.changes import Increments, Volatility, step_correlations

METRICS = (Increments(), Volatility())
EVERY = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)


def walks(seed: int, count: int = 300, steps: int = 20) -> np.ndarray:
    """`(count, steps, 2)`: normal random walks that start anywhere."""
    rng = np.random.default_rng(seed)
    return 5 * rng.normal(size=(count, 1, 2)) + np.cumsum(rng.normal(size=(count, steps, 2)), axis=1)


def sawtooth(seed: int, count: int = 300, steps: int = 20) -> np.ndarray:
    """`(count, steps, 1)`: slow rises and quick falls."""
    rng = np.random.default_rng(seed)
    phase = np.arange(steps) / rng.uniform(6, 10, (count, 1)) + rng.random((count, 1))
    return (phase % 1 + 0.03 * rng.normal(size=phase.shape))[:, :, None]


def storms(seed: int, count: int = 300, steps: int = 20, clustered: bool = True) -> np.ndarray:
    """`(count, steps, 1)`: a walk whose steps are large in storms of about ten steps, else small."""
    rng = np.random.default_rng(seed)
    stormy = np.cumsum(rng.random((count, steps)) < 0.1, axis=1) % 2 == rng.integers(2, size=(count, 1))
    moved = rng.normal(size=(count, steps)) * np.where(stormy, 3.0, 0.5)
    return np.cumsum(moved if clustered else rng.permutation(moved.ravel()).reshape(count, steps), axis=1)[:, :, None]


def test_figures_by_hand() -> None:
    real = np.array([[0.0, 1, 2, 3, 0], [0, 1, 2, 3, 0]])[:, :, None]
    case = prepare(np.repeat(real, 10, axis=0), np.repeat(real[:, ::-1] / 2, 10, axis=0))
    (row,) = Increments().measure(case, 1).detail["columns"]
    # real steps 1 1 1 -3: mean size 1.5, mean square 3; synthetic ones 1.5 -.5 -.5 -.5
    assert row["size"] == pytest.approx(0.5)
    assert row["tails"] == pytest.approx(0, abs=1e-6)
    assert row["rises"] == pytest.approx(0.5)
    assert row["large_rises"] == pytest.approx(0.5)
    assert row["value"] == pytest.approx(3 / 8)


def test_reversed_time_turns_both_signs() -> None:
    real = np.repeat(np.array([[0.0, 1, 2, 3, 0]]), 20, axis=0)[:, :, None]
    (row,) = Increments().measure(prepare(real, real[:, ::-1]), 1).detail["columns"]
    assert row["size"] == row["tails"] == pytest.approx(0)
    assert row["rises"] == pytest.approx(0.5)
    assert row["large_rises"] == pytest.approx((9 - 3) / 12)


def test_step_correlations_are_those_of_their_readable_twin() -> None:
    windows = walks(0, 60, 9)
    frame = pd.DataFrame(windows.reshape(-1, 2), columns=["a", "b"]).assign(id=np.repeat(np.arange(60), 9))
    frame.loc[np.random.default_rng(0).random(len(frame)) < 0.2, "a"] = np.nan
    case = prepare(frame, frame, entity="id")
    found = step_correlations(case.real.values(), case.columns, lags=3)
    for i, name in enumerate("ab"):
        steps = np.diff(frame[name].to_numpy().reshape(60, 9), axis=1)
        steps = np.clip(steps / np.nanmean(np.abs(steps)), -5, 5)
        size, moved = ((x - np.nanmean(x)) / np.nanstd(x) for x in (np.abs(steps), steps))
        for lag in range(1, 4):
            for j, (early, late) in enumerate(((size, size), (moved, size), (size, moved))):
                expected = np.nanmean(early[:, :-lag] * late[:, lag:])
                assert found[j, i, lag - 1] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("factor", [1.3, 1 / 1.3])
def test_increments_see_steps_too_rough_or_too_smooth(factor: float) -> None:
    real, fresh = walks(0), walks(1)
    start = fresh[:, :1]
    result = Increments().measure(prepare(real, start + factor * (fresh - start)), 2)
    parts = {row["part"]: row["grade"] for row in result.detail["parts"]}
    assert result.grade in ("close", "visible", "far")
    assert parts.pop("size of the steps") in ("visible", "far")
    assert set(parts.values()) == {"faithful"}
    assert Increments().measure(prepare(real, fresh), 2).grade == "faithful"


def test_increments_see_normal_steps_in_place_of_heavy_tails() -> None:
    rng = np.random.default_rng(0)
    heavy = [np.cumsum(rng.standard_t(3, size=(1000, 20, 1)), axis=1) for _ in range(2)]
    size = np.abs(np.diff(heavy[0], axis=1)).mean() / np.sqrt(2 / np.pi)
    result = Increments().measure(prepare(heavy[0], size * walks(1, 1000)[:, :, :1]), 2)
    tails = result.detail["parts"][1]
    assert tails["part"] == "heavy tails of the steps"
    assert tails["grade"] in ("visible", "far")
    assert Increments().measure(prepare(*heavy), 2).grade in ("faithful", "unclear")


@EVERY
def test_sees_a_sawtooth_reversed(metric) -> None:
    assert metric.measure(prepare(sawtooth(0), sawtooth(1)[:, ::-1]), 2).grade in ("visible", "far")
    assert metric.measure(prepare(sawtooth(0), sawtooth(1)), 2).grade == "faithful"


def test_volatility_sees_storms_scattered_and_increments_do_not() -> None:
    real, fresh, scattered = storms(0), storms(1), storms(1, clustered=False)
    assert Volatility().measure(prepare(real, scattered), 2).grade == "far"
    assert Volatility().measure(prepare(real, fresh), 2).grade == "faithful"
    assert Increments().measure(prepare(real, scattered), 2).grade == "faithful"


def test_volatility_sees_storms_that_no_longer_follow_falls() -> None:
    def table(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        steps = [rng.normal(size=2000)]
        for _ in range(16):
            steps.append(rng.normal(size=2000) * np.where(steps[-1] < 0, 2.0, 0.7))
        return np.cumsum(np.stack(steps, axis=1), axis=1)[:, :, None]

    result = Volatility().measure(prepare(table(0), -table(1)), 2)
    assert result.detail["parts"][1]["part"] == "large steps after falls"
    assert result.detail["parts"][1]["grade"] == "far"
    assert Volatility().measure(prepare(table(0), table(1)), 2).grade == "faithful"


@EVERY
def test_sees_time_shuffled_within_windows(metric) -> None:
    order = np.argsort(np.random.default_rng(9).random((300, 20)), axis=1)
    shuffled = np.take_along_axis(walks(1), order[:, :, None], axis=1)
    assert metric.measure(prepare(walks(0), shuffled), 2).grade == "far"


@EVERY
def test_does_not_see_columns_torn_apart(metric) -> None:
    synthetic = walks(1)
    synthetic[:, :, 1] = synthetic[np.random.default_rng(0).permutation(300), :, 1]
    assert metric.measure(prepare(walks(0), synthetic), 2).grade == "faithful"


@EVERY
def test_real_against_real_passes(metric) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        tables = [np.cumsum(rng.standard_t(3, size=(200, 16, 2)), axis=1) for _ in range(2)]
        assert metric.measure(prepare(*tables, random_state=seed), 2).grade in ("faithful", "unclear")


@EVERY
def test_steps_into_missing_values_are_left_out(metric) -> None:
    tables = []
    for seed, share in ((0, 0.0), (1, 0.4)):
        frame = pd.DataFrame(walks(seed).reshape(-1, 2), columns=["a", "b"]).assign(id=np.repeat(np.arange(300), 20))
        frame.loc[np.random.default_rng(seed).random(len(frame)) < share, "a"] = np.nan
        tables.append(frame)
    assert metric.measure(prepare(*tables, entity="id"), 2).grade == "faithful"


@EVERY
def test_constant_column(metric) -> None:
    real, synthetic = (np.concatenate([walks(seed), np.full((300, 20, 1), 7.0)], axis=2) for seed in range(2))
    result = metric.measure(prepare(real, synthetic), 2)
    assert result.grade == "faithful"
    assert result.detail["columns"][2]["value"] == 0


@EVERY
def test_says_why_it_is_not_available(metric) -> None:
    words = pd.DataFrame({"id": np.repeat(np.arange(40), 4), "word": list("abca") * 40})
    result = metric.measure(prepare(words, words, entity="id"), 2)
    assert result.verdict == (
        "not available: no column holds numbers that change from step to step; it needs at least one"
    )
    flat = np.full((40, 6, 2), 3.0)
    text = "not available: no column of numbers of the real table varies; it needs at least one that does"
    assert metric.measure(prepare(flat, flat), 2).verdict == text


def test_volatility_needs_three_steps() -> None:
    values = np.random.default_rng(0).normal(size=(40, 2, 1))
    text = "not available: windows of 2 steps hold one difference each; it needs windows of 3 steps or more"
    assert Volatility().measure(prepare(values, values), 2).verdict == text
    assert Volatility().measure(prepare(*np.random.default_rng(0).normal(size=(2, 90, 3, 1))), 2).value is not None
