"""One contract for every member of METRICS."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from tsgan import datasets
from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics import METRICS
from tsgan.evaluation.metrics.base import SECTIONS, CannotMeasureError

EVERY = pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
QUICKLY = pytest.mark.usefixtures("quick_judges")
REPEATS = 2


GOOD, SEEN = {"faithful", "unclear", "none found"}, {"close", "visible", "far", "suspicious", "leak"}
LEAKS = [name for name, metric in METRICS.items() if metric.section == "disclosure"]
CLINIC = {"entity": "patient", "time": "when", "static": ["sex"], "target": "stage", "sensitive": "sex"}


def check(result) -> None:
    """What holds for every result: figures, or words that say why there are none."""
    figures = (result.value, result.spread, result.real_against_real, result.worst)
    if result.value is None:
        assert figures == (None,) * 4
        assert result.grade == "not available"
        assert result.verdict.startswith("not available: ")
        assert len(result.verdict) > 30
    else:
        assert all(isinstance(figure, float) and math.isfinite(figure) for figure in figures)
        assert result.grade in GOOD | SEEN
        assert result.verdict.endswith(".")
        for row in (*result.detail.get("columns", ()), *result.detail.get("parts", ())):
            assert {"value", "real_against_real", "worst", "grade"} <= set(row)
    if result.interval is not None:
        assert result.interval[0] <= result.interval[1]
    json.dumps(dict(result.detail), allow_nan=False)


@pytest.fixture(scope="module")
def clinic():
    """Real, fresh and holdout tables of a simulated clinic, the real one copied, and noise in its place."""
    real, fresh, holdout = (datasets.visits(250, random_state=seed).drop(columns="mode") for seed in range(3))
    rng = np.random.default_rng(9)
    noise = fresh.copy()
    for name in ("wave", "load", "pulse", "cost", "lab"):
        noise[name] = rng.uniform(real[name].min(), real[name].max(), len(noise))
    noise["cost"] -= 5
    noise.loc[rng.random(len(noise)) < 0.5, "lab"] = np.nan
    noise["stage"] = rng.choice(["rest", "peak", "elsewhere"], len(noise))
    noise["when"] = fresh.groupby("patient")["when"].transform("first") + pd.to_timedelta(
        fresh.groupby("patient").cumcount() ** 2, unit="h"
    )
    noise = noise[noise.groupby("patient").cumcount() < 25]
    return {"real": real, "fresh": fresh, "holdout": holdout, "noise": noise}


@EVERY
def test_says_what_it_is(metric) -> None:
    assert METRICS[metric.name] is metric
    assert metric.section in SECTIONS
    assert metric.title
    assert metric.question.endswith("?")
    assert len(metric.definition) > 100
    usual = {"faithful", "close", "visible", "far"}
    assert set(metric.words) == ({"none found", "suspicious", "leak"} if metric.name in LEAKS else usual)
    for reference in metric.references:
        assert reference.url.startswith("https://")
        assert any(str(year) in reference.text for year in range(1900, 2030))


@EVERY
@QUICKLY
def test_fresh_data_pass_and_noise_and_copies_do_not(metric, clinic) -> None:
    sides = clinic["real"], clinic["fresh"], clinic["holdout"]
    good = metric.measure(prepare(*sides, **CLINIC), REPEATS)
    check(good)
    assert good.grade in GOOD
    other = clinic["real"] if metric.name in LEAKS else clinic["noise"]
    bad = metric.measure(prepare(clinic["real"], other, clinic["holdout"], **CLINIC), REPEATS)
    check(bad)
    assert bad.grade in {"leak"} if metric.name in LEAKS else bad.grade in SEEN
    sign = 1 if metric.better == "lower" else -1
    assert (bad.value - good.value) * sign > 0
    if metric.name not in LEAKS:
        assert (bad.worst - bad.real_against_real) * sign > 0
        copy = metric.measure(prepare(clinic["real"], clinic["real"], clinic["holdout"], **CLINIC), REPEATS)
        assert copy.grade in GOOD


@EVERY
@QUICKLY
def test_one_column(metric, make_panel) -> None:
    check(metric.measure(prepare(make_panel(0)[:, :, :1], make_panel(1)[:, :, :1]), REPEATS))


@EVERY
@QUICKLY
def test_constant_column(metric, make_panel) -> None:
    real, synthetic = (np.concatenate([make_panel(i), np.full((300, 8, 1), 7.0)], axis=2) for i in range(2))
    check(metric.measure(prepare(real, synthetic, real[:50] + 0, target="x2", sensitive="x2"), REPEATS))


@EVERY
@QUICKLY
def test_nothing_varies(metric) -> None:
    case = prepare(*[np.full((40, 6, 2), 3.0)] * 3, target="x0", sensitive="x1")
    check(metric.measure(case, REPEATS))


@EVERY
@QUICKLY
def test_a_column_missing_throughout(metric, make_mixed, roles) -> None:
    real, synthetic = (make_mixed(seed, 80).assign(follows=np.nan) for seed in range(2))
    check(metric.measure(prepare(real, synthetic, **roles), REPEATS))


@EVERY
@QUICKLY
def test_categories_dates_booleans_statics(metric, make_mixed, roles) -> None:
    tables = [make_mixed(seed, 200) for seed in range(3)]
    result = metric.measure(prepare(*tables, **roles, target="weather", sensitive="site"), REPEATS)
    check(result)
    assert result.grade in {*GOOD, "not available"}


@EVERY
@QUICKLY
def test_same_seed_same_result_and_global_state_untouched(metric, make_panel) -> None:
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    case = prepare(make_panel(0, 60), make_panel(1, 60), make_panel(2, 60), target="x0", sensitive="x1")
    first, again = metric.measure(case, REPEATS), metric.measure(case, REPEATS)
    assert first == again
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


@EVERY
@QUICKLY
def test_too_little_data_is_said_in_words(metric) -> None:
    rng = np.random.default_rng(0)
    check(metric.measure(prepare(rng.normal(size=(12, 2)), rng.normal(size=(12, 2)), window=10), REPEATS))


@EVERY
@QUICKLY
def test_three_sequences(metric) -> None:
    rng = np.random.default_rng(0)
    tables = rng.normal(size=(3, 3, 30, 2))
    check(metric.measure(prepare(*tables, target="x0", sensitive="x1"), REPEATS))


def test_what_cannot_be_done_without_a_named_column_says_so(make_panel) -> None:
    case = prepare(make_panel(0), make_panel(1))
    for metric in METRICS.values():
        for argument in metric.needs:
            assert f"needs a column to be named: {argument}=" in metric.measure(case, 1).verdict


def test_one_long_series(make_panel) -> None:
    rng = np.random.default_rng(0)
    walk = pd.DataFrame(np.sin(np.arange(1200)[:, None] / 7 + [0, 1]) + 0.1 * rng.normal(size=(1200, 2)))
    other = pd.DataFrame(np.sin(np.arange(900)[:, None] / 7 + [0, 1]) + 0.1 * rng.normal(size=(900, 2)))
    case = prepare(walk, other, window=12)
    for name in ("two_sample", "marginals", "autocorrelation", "cross_correlation"):
        result = METRICS[name].measure(case, REPEATS)
        check(result)
        assert result.grade in ("faithful", "close"), name


def test_marginals_name_the_column_that_moved(make_panel) -> None:
    synthetic = make_panel(1)
    synthetic[:, :, 1] += 1
    result = METRICS["marginals"].measure(prepare(make_panel(0), synthetic), REPEATS)
    assert "Furthest: x1" in result.verdict
    first, second = result.detail["columns"]
    assert second["value"] > 5 * first["value"]
    assert second["wasserstein"] == pytest.approx(1, abs=0.1)


def test_strong_judge_sees_time_shuffled_within_windows(make_panel) -> None:
    shuffled = np.random.default_rng(0).permuted(make_panel(1), axis=1)
    assert METRICS["two_sample"].measure(prepare(make_panel(0), shuffled), REPEATS).grade == "far"


def test_one_column_far_off_is_not_hidden_by_many_good_ones() -> None:
    real, synthetic = (np.random.default_rng(seed).normal(size=(200, 6, 20)) for seed in range(2))
    synthetic[:, :, 7] += 4
    result = METRICS["marginals"].measure(prepare(real, synthetic), REPEATS)
    assert result.grade == "visible"
    assert "Furthest: x7 (0.9" in result.verdict
    assert result.verdict.endswith(" 1 of 20 columns are far by themselves.")


def test_autocorrelation_sees_time_lost_and_marginals_do_not(make_panel) -> None:
    shuffled = np.random.default_rng(0).permutation(make_panel(1).reshape(-1, 2)).reshape(300, 8, 2)
    case = prepare(make_panel(0), shuffled)
    assert METRICS["autocorrelation"].measure(case, REPEATS).grade == "far"
    assert METRICS["marginals"].measure(case, REPEATS).grade in ("faithful", "close")


def test_cross_correlation_sees_columns_torn_apart(make_panel) -> None:
    torn = make_panel(1)
    torn[:, :, 1] = torn[np.random.default_rng(0).permutation(300), :, 1]
    case = prepare(make_panel(0), torn)
    assert METRICS["cross_correlation"].measure(case, REPEATS).grade == "far"
    assert METRICS["autocorrelation"].measure(case, REPEATS).grade in ("faithful", "close")


def test_strong_judge_sees_a_broken_copy_of_a_column(make_panel) -> None:
    real, synthetic = (np.concatenate([x, x[:, :, :1]], axis=2) for x in (make_panel(0), make_panel(1)))
    synthetic[:, :, 2] += 1e-3 * np.random.default_rng(0).normal(size=(300, 8))
    assert METRICS["two_sample"].measure(prepare(real, synthetic), REPEATS).value > 0.95


def test_unavailable_carries_its_reason() -> None:
    class Refuses(type(METRICS["marginals"])):
        def compute(self, case, repeats):
            raise CannotMeasureError("the moon is full")

    assert Refuses().measure(SimpleNamespace(window=24), 1).verdict == "not available: the moon is full"
