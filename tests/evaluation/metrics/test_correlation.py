"""Correlation, cross-correlation and association: how the columns belong together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.correlation import (
    Association,
    Correlation,
    CrossCorrelation,
    associations,
    correlation_ratio,
    correlational_score,
    cross_correlation,
    pearson,
    spearman,
)
from tsgan.evaluation.metrics.dependence import Autocorrelation
from tsgan.evaluation.metrics.marginals import Marginals

NUMBERS = (Correlation(), CrossCorrelation())
EVERY = pytest.mark.parametrize("metric", NUMBERS, ids=lambda metric: metric.name)


def six(seed: int, count: int = 400, steps: int = 12) -> np.ndarray:
    """`(count, steps, 6)`: persistent columns that share a common part."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(count, steps, 6)) + 1.5 * rng.normal(size=(count, steps, 1))
    for t in range(1, steps):
        noise[:, t] = 0.8 * noise[:, t - 1] + 0.6 * noise[:, t]
    return noise


def leading(seed: int, count: int = 400, steps: int = 12) -> np.ndarray:
    """`(count, steps, 2)`: the second column repeats the first two steps later."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(count, steps + 2))
    return np.stack([first[:, 2:], first[:, :-2] + 0.3 * rng.normal(size=(count, steps))], axis=2)


def clinic(seed: int, count: int = 250) -> pd.DataFrame:
    """A static category, a number and a level that depend on it, a boolean, and a category tied to nothing."""
    rng = np.random.default_rng(seed)
    site = np.repeat(rng.integers(3, size=count), 8)
    height = site + rng.normal(size=len(site))
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(count), 8),
            "site": np.array(["north", "south", "west"])[site],
            "height": np.where(rng.random(len(site)) < 0.1, np.nan, height),
            "level": pd.Categorical.from_codes(np.clip(np.round(height), 0, 2).astype(int), ["low", "mid", "high"]),
            "open": height > 1,
            "free": rng.choice(list("abcd"), len(site)),
        }
    )


def moved(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Give each sequence another one's values of a column."""
    values = table[column].to_numpy().reshape(-1, 8)[np.random.default_rng(0).permutation(len(table) // 8)]
    return table.assign(**{column: values.ravel()})


def test_pearson_and_spearman_are_the_library_ones() -> None:
    values = np.random.default_rng(0).normal(size=(50, 3)).cumsum(axis=1).round(1)
    assert pearson(values) == pytest.approx(np.corrcoef(values.T))
    assert spearman(values) == pytest.approx(stats.spearmanr(values).statistic)


def test_pairs_are_compared_where_both_are_present() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(80, 3)).cumsum(axis=1)
    present = rng.random((80, 3)) < 0.7
    frame = pd.DataFrame(np.where(present, values, np.nan))
    filled = np.where(present, values, 99.0)
    assert pearson(filled, present) == pytest.approx(frame.corr().to_numpy())
    assert spearman(filled, present) == pytest.approx(frame.rank().corr().to_numpy())


def test_nothing_varies_or_nothing_is_present() -> None:
    values = np.stack([np.arange(9.0), np.full(9, 5.0), np.arange(9.0)], axis=1)
    present = np.ones((9, 3), dtype=bool)
    present[:, 2] = False
    expected = np.diag([1.0, 0, 0])
    assert pearson(values, present) == pytest.approx(expected)
    assert spearman(values, present) == pytest.approx(expected)


def test_correlational_score_is_that_of_the_papers() -> None:
    """Mean products of values standardised by all windows and steps, at lag 0, for every i >= j, summed and / 10."""
    real, other = np.random.default_rng(0).normal(size=(2, 30, 8, 4)).cumsum(axis=3)

    def products(windows: np.ndarray) -> list[float]:
        scaled = (windows - windows.mean(axis=(0, 1))) / windows.std(axis=(0, 1), ddof=1)
        return [(scaled[:, :, i] * scaled[:, :, j]).mean(axis=1).mean() for i in range(4) for j in range(i + 1)]

    expected = sum(abs(a - b) for a, b in zip(products(real), products(other), strict=True)) / 10
    assert correlational_score(real, other) == pytest.approx(expected)


def test_correlational_score_stands_beside_real_against_real() -> None:
    good, bad = (
        Correlation().measure(prepare(six(0), table), 2).detail
        for table in (six(1), np.random.default_rng(1).permuted(six(1), axis=0))
    )
    assert good["correlational_score"] < 3 * good["correlational_score_real_against_real"]
    assert bad["correlational_score"] == pytest.approx(15 * 0.69 / 10, abs=0.1)
    assert len(bad["pairs"]) == 10
    assert set(bad["pairs"][0]) == {"pair", "real", "synthetic"}


def test_cross_correlation_is_that_of_its_readable_twin() -> None:
    windows = six(0, 30, 6).astype(np.float32)
    scaled = (windows - windows.mean(axis=(0, 1))) / windows.std(axis=(0, 1))
    found = cross_correlation(windows, [0, 2])
    for place, lag in enumerate((0, 2)):
        for i in range(6):
            for j in range(6):
                expected = (scaled[:, : 6 - lag, i] * scaled[:, lag:, j]).mean()
                assert found[place, i, j] == pytest.approx(expected, abs=1e-4)


@EVERY
def test_sees_two_of_six_columns_torn_apart_and_single_columns_do_not(metric) -> None:
    synthetic = six(1)
    synthetic[:, :, 1] = synthetic[np.random.default_rng(0).permutation(400), :, 1]
    case = prepare(six(0), synthetic)
    result = metric.measure(case, 2)
    assert result.grade in ("visible", "far")
    assert "Furthest: x1 with the others" in result.verdict
    assert Marginals().measure(case, 2).grade == "faithful"
    assert Autocorrelation().measure(case, 2).grade == "faithful"


def test_only_lags_see_the_leader_reversed() -> None:
    case = prepare(leading(0), leading(1)[:, ::-1])
    result = CrossCorrelation().measure(case, 2)
    assert result.grade in ("visible", "far")
    assert result.detail["lags"] == [0, 1, 2, 4, 8]
    gaps = dict(zip(result.detail["lags"], result.detail["by_lag"], strict=True))
    assert gaps.pop(2) > 0.8
    assert max(gaps.values()) < 0.1
    assert max(result.detail["by_lag_real_against_real"]) < 0.1
    assert Correlation().measure(case, 2).grade == "faithful"
    assert CrossCorrelation().measure(prepare(leading(0), leading(1)), 2).grade == "faithful"


def test_correlation_does_not_see_time_shuffled() -> None:
    order = np.argsort(np.random.default_rng(9).random((400, 12)), axis=1)
    case = prepare(six(0), np.take_along_axis(six(1), order[:, :, None], axis=1))
    assert Correlation().measure(case, 2).grade == "faithful"
    assert CrossCorrelation().measure(case, 2).grade in ("close", "visible", "far")


def test_spearman_does_not_care_for_the_scale() -> None:
    result = Correlation().measure(prepare(six(0), np.exp(six(1))), 2)
    values, ranks = (row["grade"] for row in result.detail["parts"])
    assert values in ("visible", "far")
    assert ranks == "faithful"


@EVERY
def test_real_against_real_passes(metric) -> None:
    for seed in range(8):
        tables = [six(2 * seed + i, 150) for i in range(2)]
        assert metric.measure(prepare(*tables, random_state=seed), 2).grade in ("faithful", "unclear")


def test_many_levels_cost_no_more_channels() -> None:
    rng = np.random.default_rng(0)
    tables = [pd.DataFrame(rng.integers(30, size=(800, 8))).astype(str) for _ in range(2)]
    assert CrossCorrelation().measure(prepare(*tables), 2).grade in ("faithful", "unclear")


def test_association_by_hand() -> None:
    table = pd.DataFrame({"a": list("xxyyxxyy"), "b": list("pqrspqrs"), "n": [0.0, 2, 4, 6, 0, 2, 4, 6]})
    case = prepare(table, table, window=2)
    found = associations(case.real.panel.values, case.columns)
    assert found[0, 1] == pytest.approx(1)  # b tells a
    assert found[1, 0] == pytest.approx(0.5)  # a tells one of the two bits of b
    assert found[0, 2] == found[2, 0] == pytest.approx(np.sqrt(16 / 20))
    assert found[1, 2] == pytest.approx(1)
    assert (np.diag(found) == 0).all()


def test_correlation_ratio_leaves_out_what_is_missing() -> None:
    levels = np.eye(2)[[0, 0, 1, 1, 1]]
    centred, shown = np.array([[-3.0], [-1], [1], [3], [0]]), np.array([[1.0], [1], [1], [1], [0]])
    assert correlation_ratio(levels, centred, shown) == pytest.approx(np.sqrt(16 / 20))
    assert correlation_ratio(levels, np.zeros((5, 1)), shown) == 0
    table = pd.DataFrame({"word": list("aabbb"), "n": [1.0, 3, 5, 7, np.nan]})
    case = prepare(table, table, window=2)
    assert associations(case.real.panel.values, case.columns)[0, 1] == pytest.approx(np.sqrt(16 / 20))


@pytest.mark.parametrize("column", ["level", "site", "open", "height"])
def test_association_sees_a_tie_broken(column: str) -> None:
    result = Association().measure(prepare(clinic(0), moved(clinic(1), column), entity="id", static=["site"]), 2)
    assert result.grade in ("close", "visible", "far")
    graded = {row["column"]: row["grade"] for row in result.detail["columns"]}
    assert graded[column] in ("visible", "far")
    assert graded["free"] == "faithful"


def test_association_passes_fresh_data() -> None:
    for seed in range(6):
        tables = clinic(2 * seed), clinic(2 * seed + 1)
        case = prepare(*tables, entity="id", static=["site"], random_state=seed)
        assert Association().measure(case, 2).grade in ("faithful", "unclear")


def test_a_missing_boolean_is_a_level() -> None:
    rng = np.random.default_rng(0)
    open_, words = rng.random(400) < 0.5, rng.choice(list("ab"), 400)
    table = pd.DataFrame({"open": pd.array(open_, dtype="boolean"), "word": words})
    table.loc[words == "a", "open"] = pd.NA
    case = prepare(table, table, window=4)
    found = associations(case.real.panel.values, case.columns)
    assert found[1, 0] == pytest.approx(1)


def test_constant_columns() -> None:
    real, synthetic = (np.concatenate([six(seed), np.full((400, 12, 1), 7.0)], axis=2) for seed in range(2))
    for metric in NUMBERS:
        assert metric.measure(prepare(real, synthetic), 2).grade == "faithful"
    words = pd.DataFrame({"word": ["a"] * 200, "n": np.random.default_rng(0).normal(size=200)})
    assert Association().measure(prepare(words, words, window=4), 2).value == pytest.approx(0)


def test_says_why_it_is_not_available() -> None:
    values = np.random.default_rng(0).normal(size=(40, 6, 2))
    one = prepare(values[:, :, :1], values[:, :, :1])
    assert CrossCorrelation().measure(one, 2).verdict == (
        "not available: it needs at least 2 columns, and there is one"
    )
    assert Correlation().measure(one, 2).verdict == (
        "not available: it needs at least 2 columns of numbers, and there is 1"
    )
    assert Association().measure(prepare(values, values), 2).verdict == (
        "not available: no column holds categories or booleans; it needs at least one"
    )
    words = pd.DataFrame({"word": list("abcd") * 20})
    case = prepare(words, words, window=4)
    assert Association().measure(case, 2).verdict == "not available: it needs at least 2 columns, and there is one"
    assert "at least 2 columns of numbers, and there is none" in Correlation().measure(case, 2).verdict
