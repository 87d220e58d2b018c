"""Levels and values outside what the real table holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.marginals import Unseen

GOOD = ("faithful", "unclear")


def table(seed: int, count: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size = count * 10
    return pd.DataFrame(
        {
            "who": np.arange(size) // 10,
            "amount": rng.lognormal(0, 1.5, size),
            "kind": rng.choice(list("abc"), size),
            "flag": rng.random(size) < 0.5,
        }
    )


def measure(real, synthetic):
    return Unseen().measure(prepare(real, synthetic, entity="who"), 5)


def row(result, name: str) -> dict:
    return next(row for row in result.detail["columns"] if row["column"] == name)


@pytest.mark.parametrize("seed", range(8))
def test_another_sample_of_the_source_passes(seed: int) -> None:
    assert measure(table(seed), table(seed + 100)).grade == "faithful"


def test_rare_levels_of_another_sample_pass() -> None:
    real, synthetic = table(0), table(1)
    for seed, frame in enumerate((real, synthetic)):
        rng = np.random.default_rng(seed)
        frame["kind"] = np.where(rng.random(2000) < 0.01, rng.integers(200, size=2000).astype(str), frame["kind"])
    assert measure(real, synthetic).grade == "faithful"


def test_a_new_level_is_seen() -> None:
    synthetic = table(1)
    synthetic.loc[np.random.default_rng(0).random(2000) < 0.05, "kind"] = "z"
    result = measure(table(0), synthetic)
    found = row(result, "kind")
    assert found["value"] == pytest.approx((synthetic["kind"] == "z").mean())
    assert found["worst"] == pytest.approx(1 / 4)
    assert found["grade"] == "visible"
    assert row(result, "amount")["grade"] == "faithful"


def test_values_below_the_real_range_are_seen_with_how_far() -> None:
    synthetic = table(1)
    synthetic["amount"] -= 0.3
    result = measure(table(0), synthetic)
    assert result.grade in ("close", "visible")
    outside = ~synthetic["amount"].between(table(0)["amount"].min(), table(0)["amount"].max())
    assert row(result, "amount")["value"] == pytest.approx(outside.mean(), abs=1e-3)
    assert row(result, "amount")["furthest"] > 0


def test_real_against_real_counts_what_one_sequence_alone_holds() -> None:
    real = table(0, 20)
    real["kind"] = "a"
    real.loc[[3, 4], "kind"] = "b"
    result = measure(real, table(1, 20).assign(kind="a"))
    assert row(result, "kind")["real_against_real"] == pytest.approx(0.01)
    assert row(result, "kind")["value"] == 0
    tops = real.groupby("who")["amount"].max().sort_values()
    lows = real.groupby("who")["amount"].min().sort_values()
    alone = (real["amount"] > tops.iloc[-2]).mean() + (real["amount"] < lows.iloc[1]).mean()
    assert row(result, "amount")["real_against_real"] == pytest.approx(alone)


def test_a_boolean_that_is_neither() -> None:
    synthetic = table(1)
    synthetic["flag"] = synthetic["flag"] * 0.7
    assert row(measure(table(0), synthetic), "flag")["grade"] == "far"


def test_not_available_in_words() -> None:
    gone = table(0)[["who"]].assign(v=np.nan)
    assert "every column is missing throughout one of the tables" in measure(gone, gone).verdict
