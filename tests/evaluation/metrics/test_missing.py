"""Missing values: shares, runs, and what is missing together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.missing import Missing, correlation

GOOD = ("faithful", "unclear")


def table(seed: int, count: int = 200, steps: int = 15) -> pd.DataFrame:
    """Columns a and b are missing together, in runs; c is always there."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(count, steps))
    for t in range(1, steps):
        z[:, t] = 0.8 * z[:, t - 1] + 0.6 * z[:, t]
    out = z.ravel() > 1
    values = pd.DataFrame(rng.normal(size=(count * steps, 3)), columns=list("abc")).assign(
        who=np.arange(len(out)) // steps
    )
    values.loc[out, ["a", "b"]] = np.nan
    values["kind"] = np.where(rng.random(len(out)) < 0.1, None, "x")
    return values


def measure(real, synthetic, **roles):
    return Missing().measure(prepare(real, synthetic, entity="who", **roles), 5)


def rows(result) -> dict:
    return {row["column"]: row for row in result.detail["columns"]}


@pytest.mark.parametrize("seed", range(5))
def test_another_sample_of_the_source_passes(seed: int) -> None:
    result = measure(table(seed), table(seed + 100))
    assert result.grade in GOOD
    assert set(rows(result)) == {"a", "b", "kind"}


def test_shares() -> None:
    real, synthetic = table(0), table(1)
    synthetic.loc[np.random.default_rng(0).random(len(synthetic)) < 0.2, "a"] = np.nan
    found = rows(measure(real, synthetic))
    assert found["a"]["share"] == pytest.approx(synthetic["a"].isna().mean() - real["a"].isna().mean())
    assert found["a"]["grade"] == "visible" or found["a"]["grade"] == "far"
    assert found["kind"]["grade"] in GOOD


def test_runs_broken_up_are_seen_though_as_much_is_missing() -> None:
    synthetic = table(1)
    order = np.random.default_rng(0).permutation(len(synthetic))
    synthetic[["a", "b"]] = synthetic[["a", "b"]].to_numpy()[order]
    found = rows(measure(table(0), synthetic))["a"]
    assert found["share"] < 0.02
    assert found["runs"] > 0.3
    assert found["together"] < 0.02
    assert found["grade"] == "far"


def test_gaps_no_longer_together_are_seen() -> None:
    synthetic = table(1)
    synthetic["b"] = table(2)["b"]
    found = rows(measure(table(0), synthetic))["b"]
    assert found["share"] < 0.03
    assert found["runs"] < 0.06
    assert found["together"] > 0.4
    assert found["grade"] == "far"


def test_gaps_only_in_the_synthetic_table() -> None:
    real = table(0)[["who", "c"]]
    synthetic = real.assign(c=real["c"].where(np.random.default_rng(0).random(len(real)) < 0.9))
    found = rows(measure(real, synthetic))["c"]
    assert found["share"] == pytest.approx(0.1, abs=0.02)
    assert found["grade"] in ("visible", "far")
    assert found["runs"] is None


def test_a_static_column() -> None:
    real, synthetic = table(0), table(1)
    for frame, share in ((real, 0.2), (synthetic, 0.7)):
        lost = np.random.default_rng(0).random(200) < share
        frame["born"] = np.where(lost[frame["who"]], np.nan, 1950.0)
    found = rows(measure(real, synthetic, static=["born"]))["born"]
    assert found["share"] == pytest.approx(0.5, abs=0.1)
    assert found["runs"] is None
    assert found["grade"] == "far"


def test_correlation_of_marks() -> None:
    rng = np.random.default_rng(0)
    one = rng.random(500) < 0.4
    two = np.where(rng.random(500) < 0.5, one, rng.random(500) < 0.2)
    shares = np.bincount(2 * one + two, minlength=4) / 500
    assert correlation(shares) == pytest.approx(np.corrcoef(one, two)[0, 1])
    assert correlation(np.array([1.0, 0, 0, 0])) == 0


def test_not_available_in_words() -> None:
    full = table(0)[["who", "c"]]
    assert measure(full, full).verdict == "not available: no value is missing in either table"
