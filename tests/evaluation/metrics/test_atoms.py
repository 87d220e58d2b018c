"""Zeros, rounded values, values that stay."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.extremes import Atoms

GOOD = ("faithful", "unclear")


def meter(seed: int, count: int = 300) -> np.ndarray:
    """`(count, 12, 3)`: rain with many zeros, a price in tenths, a level that stays in half of the steps."""
    rng = np.random.default_rng(seed)
    rain = np.maximum(rng.normal(size=(count, 12)), 0)
    price = rng.normal(20, 3, size=(count, 12)).round(1)
    level = rng.normal(size=(count, 12))
    for t in range(1, 12):
        level[:, t] = np.where(rng.random(count) < 0.5, level[:, t - 1], level[:, t])
    return np.stack([rain, price, level], axis=2)


def measure(real, synthetic, **roles):
    return Atoms().measure(prepare(real, synthetic, **roles), 5)


@pytest.mark.parametrize("seed", range(5))
def test_another_sample_of_the_source_passes(seed: int) -> None:
    result = measure(meter(seed), meter(seed + 100))
    assert result.grade in GOOD
    _, price, level = result.detail["columns"]
    assert level["known"] is level["atoms"] is None
    assert price["known"] is not None


def blurred(column: int) -> np.ndarray:
    found = meter(1)
    found[..., column] += 1e-3 * np.random.default_rng(0).normal(size=(300, 12))
    return found


@pytest.mark.parametrize(("column", "part"), [(0, "zeros"), (1, "known"), (2, "repeats")])
def test_what_is_blurred_is_seen_in_its_column(column: int, part: str) -> None:
    rows = measure(meter(0), blurred(column)).detail["columns"]
    assert rows[column]["grade"] == "far"
    assert rows[column][part] == pytest.approx(0.5 if part != "known" else 1, abs=0.08)
    assert all(row["grade"] in GOOD for i, row in enumerate(rows) if i != column)


def test_a_value_that_only_the_synthetic_table_repeats_is_seen() -> None:
    synthetic = meter(1)
    synthetic[..., 2] = np.minimum(synthetic[..., 2], 1.0)
    row = measure(meter(0), synthetic).detail["columns"][2]
    assert row["atoms"] == pytest.approx(0.16, abs=0.03)
    assert row["grade"] in ("visible", "far")


def test_copied_values_are_not_its_business() -> None:
    real = meter(0)
    assert measure(real, real).grade == "faithful"


def test_zero_is_that_of_the_raw_numbers() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = (np.where(rng.random((200, 6)) < 0.3, 0.0, rng.uniform(-7, 11, (200, 6))) for _ in range(2))
    row = measure(real[..., None], synthetic[..., None]).detail["columns"][0]
    share = [(side == 0).mean() for side in (real, synthetic)]
    assert row["zeros"] == pytest.approx(abs(share[0] - share[1]))
    assert row["worst"] == pytest.approx(share[0])


def test_missing_values_do_not_repeat() -> None:
    tables = [meter(seed)[..., [2]] for seed in range(2)]
    tables[1][np.random.default_rng(0).random((300, 12)) < 0.4] = np.nan
    assert measure(*tables).grade in GOOD


def test_not_available_in_words() -> None:
    rng = np.random.default_rng(0)
    continuous = rng.normal(size=(2, 40, 6, 1))
    assert "in neither table does a column of numbers hold zeros" in measure(*continuous).verdict
    table = pd.DataFrame({"c": ["a", "b"] * 60})
    assert "no column holds numbers or dates" in measure(table, table).verdict
