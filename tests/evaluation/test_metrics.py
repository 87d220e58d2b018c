"""One contract for every member of METRICS."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch

from tsgan.evaluation.metrics import METRICS
from tsgan.evaluation.metrics.base import CannotMeasureError
from tsgan.evaluation.prepare import prepare

EVERY = pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
QUICKLY = pytest.mark.usefixtures("quick_judges")
REPEATS = 2


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
        assert result.grade in ("faithful", "close", "unclear", "visible", "far")
        assert len(result.detail["values"]) == len(result.detail["real_against_real"]) == REPEATS
        assert result.verdict.endswith(".")
    json.dumps(dict(result.detail), allow_nan=False)


@EVERY
def test_says_what_it_is(metric) -> None:
    assert METRICS[metric.name] is metric
    assert metric.title
    assert metric.question.endswith("?")
    assert len(metric.definition) > 100
    assert set(metric.words) == {"faithful", "close", "visible", "far"}
    for reference in metric.references:
        assert reference.url.startswith("https://")
        assert any(str(year) in reference.text for year in range(1930, 2030))


@EVERY
def test_good_near_real_against_real_and_noise_near_worst(metric, make_panel) -> None:
    real = make_panel(0)
    good = metric.measure(prepare(real, make_panel(1)), REPEATS)
    noise = np.random.default_rng(2).uniform(real.min((0, 1)), real.max((0, 1)), real.shape)
    bad = metric.measure(prepare(real, noise), REPEATS)
    check(good)
    check(bad)
    assert good.grade in ("faithful", "close", "unclear")
    assert bad.grade in ("visible", "far")
    sign = 1 if metric.better == "lower" else -1
    scale = (bad.worst - bad.real_against_real) * sign
    assert scale > 0
    assert (bad.value - good.value) * sign > 0.5 * scale


@EVERY
@QUICKLY
def test_one_column(metric, make_panel) -> None:
    result = metric.measure(prepare(make_panel(0)[:, :, :1], make_panel(1)[:, :, :1]), REPEATS)
    check(result)
    assert (result.value is None) == (metric.name == "cross_correlation")


@EVERY
@QUICKLY
def test_constant_column(metric, make_panel) -> None:
    real, synthetic = (np.concatenate([make_panel(i), np.full((300, 8, 1), 7.0)], axis=2) for i in range(2))
    check(metric.measure(prepare(real, synthetic), REPEATS))


@EVERY
@QUICKLY
def test_nothing_varies(metric) -> None:
    check(metric.measure(prepare(np.full((40, 6, 2), 3.0), np.full((40, 6, 2), 3.0)), REPEATS))


@EVERY
@QUICKLY
def test_categories_dates_booleans_statics(metric, make_mixed, roles) -> None:
    result = metric.measure(prepare(make_mixed(0, 200), make_mixed(1, 200), **roles), REPEATS)
    check(result)
    assert result.grade in ("faithful", "close")


@EVERY
@QUICKLY
def test_same_seed_same_result_and_global_state_untouched(metric, make_panel) -> None:
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    case = prepare(make_panel(0, 60), make_panel(1, 60))
    first, again = metric.measure(case, REPEATS), metric.measure(case, REPEATS)
    assert first == again
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


@EVERY
@QUICKLY
def test_too_little_data_is_said_in_words(metric) -> None:
    rng = np.random.default_rng(0)
    result = metric.measure(prepare(rng.normal(size=(12, 2)), rng.normal(size=(12, 2)), window=10), REPEATS)
    check(result)
    assert result.value is None


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

    assert Refuses().measure(None, 1).verdict == "not available: the moon is full"
