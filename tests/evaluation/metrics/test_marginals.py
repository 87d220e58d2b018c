"""Single columns: what must be seen of them, and what must not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.marginals import Marginals

SEEN = ("close", "visible", "far")
GOOD = ("faithful", "unclear")


def panel(seed: int, count: int = 2000, steps: int = 24, tie: float = 0.7) -> np.ndarray:
    """`(count, steps, 2)` of persistent steps."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, steps, 2))
    for t in range(1, steps):
        x[:, t] = tie * x[:, t - 1] + np.sqrt(1 - tie**2) * x[:, t]
    return x


def measure(real, synthetic, **roles):
    return Marginals().measure(prepare(real, synthetic, **roles), 5)


def by_name(result) -> dict:
    return {row["column"]: row for row in result.detail["columns"]}


def test_a_mean_moved_by_a_tenth_of_a_spread_is_seen() -> None:
    moved = panel(1)
    moved[..., 1] += 0.1
    result = measure(panel(0), moved)
    rows = by_name(result)
    assert result.grade == "close"
    assert rows["x1"]["grade"] == "visible"
    assert rows["x0"]["grade"] == "faithful"
    assert rows["x1"]["wasserstein"] == pytest.approx(0.1, abs=0.04)
    assert "Furthest: x1" in result.verdict


def test_a_narrower_column_is_seen() -> None:
    narrow = panel(1) * [1, 0.93]
    assert by_name(measure(panel(0), narrow))["x1"]["grade"] in SEEN


def test_a_normal_in_the_place_of_a_skewed_marginal_is_seen() -> None:
    real = np.exp(0.6 * panel(0, 600))
    normal = panel(1, 600) * real.std(axis=(0, 1)) + real.mean(axis=(0, 1))
    assert measure(real, normal).grade in SEEN


@pytest.mark.parametrize("seed", range(5))
def test_another_sample_of_the_source_passes(seed: int) -> None:
    assert measure(panel(seed, 300), panel(seed + 100, 300)).grade in GOOD


def test_one_outlier_says_nothing() -> None:
    synthetic = panel(1, 600)
    synthetic[0, 0, 0] = 1e7
    assert measure(panel(0, 600), synthetic).grade in GOOD


def test_figures_of_each_kind() -> None:
    frames = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        one = pd.DataFrame(
            {"n": rng.normal(size=3000), "b": rng.random(3000) < 0.3, "c": rng.choice(list("xyz"), 3000)}
        )
        frames.append(one.assign(who=np.arange(3000) // 5))
    frames[1]["b"] ^= True
    rows = by_name(measure(*frames, entity="who"))
    assert rows["n"]["tv"] is None
    assert rows["b"]["ks"] is rows["b"]["wasserstein"] is None
    assert rows["b"]["tv"] == pytest.approx(0.4, abs=0.04)
    assert (rows["b"]["grade"], rows["c"]["grade"]) == ("far", "faithful")
    assert rows["b"]["measure"] == "total variation"


def test_missing_values_are_left_out() -> None:
    real, synthetic = panel(0, 300), panel(1, 300)
    synthetic[np.random.default_rng(0).random((300, 24)) < 0.6, 1] = np.nan
    rows = by_name(measure(real, synthetic))
    assert rows["x1"]["grade"] == "faithful"
    assert rows["x1"]["ks"] < 0.06


def test_a_static_column_counts_once_per_sequence() -> None:
    rng = np.random.default_rng(0)
    tables = []
    for _ in range(2):
        # the longer a sequence, the likelier "a": by rows "a" would have a far larger share
        lengths = rng.integers(4, 30, 200)
        site = np.where(rng.random(200) < 0.5, "a", "b")
        who = np.repeat(np.arange(200), lengths)
        tables.append(pd.DataFrame({"who": who, "site": site[who], "v": rng.normal(size=len(who))}))
    row = by_name(measure(*tables, entity="who", static=["site"]))["site"]
    firsts = [(table.groupby("who")["site"].first() == "a").mean() for table in tables]
    assert row["tv"] == pytest.approx(abs(firsts[0] - firsts[1]))


def test_constant_columns() -> None:
    real, same, other = panel(0, 60), panel(1, 60), panel(2, 60)
    real[..., 1] = same[..., 1] = 7
    other[..., 1] = 8
    assert by_name(measure(real, same))["x1"]["grade"] == "faithful"
    assert by_name(measure(real, other))["x1"]["grade"] == "far"


def test_nothing_but_gaps_is_said_in_words() -> None:
    real = np.full((20, 6, 1), np.nan)
    assert "every column is missing throughout one of the tables" in measure(real, real).verdict
