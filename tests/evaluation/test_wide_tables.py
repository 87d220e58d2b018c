"""What the judge costs: bounded by stated limits, shown by a bar, and little where it is asked to be quick."""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsgan import compare, evaluate
from tsgan.errors import ParameterError
from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics import METRICS, draws, papers, usefulness
from tsgan.evaluation.metrics.papers import BUDGET, LEAST_STEPS, LEAST_UNITS, OF_A_COLUMN, Recipe

PUBLISHED = st.tuples(st.integers(1, 400), st.sampled_from([800, 2000, 5000]))


def table(seed: int, columns: int, rows: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    days = pd.date_range("2024-01-01", periods=rows)
    return pd.DataFrame(rng.normal(size=(rows, columns)), index=days).rename(columns="x{}".format)


@given(PUBLISHED, st.integers(128, 256 * 256), st.integers(1, 800))
def test_a_recipe_is_cut_to_the_budget_and_no_further_than_needed(published, rows: int, columns: int) -> None:
    whole, cut = Recipe(*published), Recipe.within(BUDGET, Recipe(*published), rows, columns)

    def cost(one: Recipe) -> float:
        return rows * (one.units + OF_A_COLUMN * columns) * one.steps

    assert 1 <= cut.units <= whole.units
    assert cut.steps <= whole.steps
    if cost(whole) <= BUDGET:
        assert cut == whole
    at_least = cut.units <= LEAST_UNITS and cut.steps <= LEAST_STEPS
    assert cost(cut) <= BUDGET or at_least
    assert cut.units >= min(LEAST_UNITS, whole.units)
    assert cut.steps >= min(LEAST_STEPS, whole.steps)


def test_classic_scores_say_what_was_cut_and_are_whole_where_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(papers, "BUDGET", 100_000)
    monkeypatch.setattr(papers.Discriminative, "steps", 400)
    monkeypatch.setattr(papers.Predictive, "steps", 500)
    real, other = table(0, 12), table(1, 12)
    case = prepare(real, other, window=6)
    for name, steps in (("discriminative", 400), ("predictive", 500)):
        cut = METRICS[name].measure(case, 1)
        assert (cut.detail["units"], cut.detail["steps"]) == (LEAST_UNITS, LEAST_STEPS)
        assert (cut.detail["published_units"], cut.detail["published_steps"]) == (6, steps)
        assert f"the judge had 4 of 6 units and 300 of {steps} steps; name it in metrics=" in cut.verdict
        assert "limited" in METRICS[name].definition
    report = evaluate(real, other, metrics=["use", "discriminative"], window=6, repeats=1)
    for one in (report, report.compare({"again": other})["again"]):
        assert (one["discriminative"].detail["units"], one["discriminative"].detail["steps"]) == (6, 400)
        assert "cost" not in one["discriminative"].verdict
        assert one["predictive"].detail["steps"] == LEAST_STEPS


def test_quick_takes_seconds_at_any_width_and_teaches_nothing() -> None:
    real, other = table(0, 110, 60), table(1, 110, 60)
    began = time.process_time()
    report = evaluate(real, other, metrics="quick", repeats=2)
    assert time.process_time() - began < 20
    names = {result.name for result in report.results}
    assert {"marginals", "autocorrelation", "correlation", "cross_correlation", "coverage", "copies"} <= names
    assert not names & {"two_sample", "discriminative", "predictive", "frechet", "forecast", "usefulness"}
    assert all(METRICS[name].quick and METRICS[name].default for name in names)
    more = evaluate(real.iloc[:, :2], other.iloc[:, :2], metrics=["quick", "two_sample"], repeats=1)
    assert {result.name for result in more.results} == names | {"two_sample"}
    with pytest.raises(ParameterError, match="quick"):
        evaluate(real, other, metrics="quik")


def test_metrics_of_pairs_look_at_some_columns_of_wide_tables_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usefulness, "MAX_CHANNELS", 20)
    monkeypatch.setattr(draws.some_columns, "__defaults__", (20, *draws.some_columns.__defaults__[1:]))
    sides = []
    for seed in range(2):
        one = table(seed, 36)
        one[["x3", "x7"]] = np.where(one[["x3", "x7"]] > 0, "high", "low")
        sides.append(one)
    case = prepare(*sides, window=6)
    for name, few in (("correlation", 20), ("cross_correlation", 20), ("association", 20), ("forecast", None)):
        result, again = METRICS[name].measure(case, 1), METRICS[name].measure(case, 1)
        assert result == again
        looked_at = [row["column"] for row in result.detail["columns"]]
        assert looked_at == [column.name for column in case.columns if column.name in looked_at]
        assert len(looked_at) == few or (few is None and 10 < len(looked_at) <= 20)
        assert f"columns, {len(looked_at)} drawn at random were looked at." in result.verdict
        assert result.grade in ("faithful", "unclear"), name


def bar(capsys: pytest.CaptureFixture[str], **arguments: object) -> str:
    evaluate(table(0, 2), table(1, 2), metrics=["marginals", "correlation"], repeats=1, **arguments)
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_a_bar_says_what_is_measured_where_asked_or_on_a_terminal(capsys, monkeypatch) -> None:
    shown = bar(capsys, verbose=True)
    assert "measuring" in shown
    assert METRICS["marginals"].title.lower() in shown
    assert METRICS["correlation"].title.lower() in shown
    assert "100 %" in shown
    assert bar(capsys) == ""
    assert bar(capsys, verbose=False) == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert "measuring" in bar(capsys)
    assert bar(capsys, verbose=False) == ""
    compare(table(0, 2), {"a": table(1, 2)}, metrics=["marginals"], repeats=1, verbose=True)
    assert "measuring" in capsys.readouterr().err


def test_the_bar_moves_while_a_judge_is_taught(capsys, monkeypatch) -> None:
    told: list[float] = []
    monkeypatch.setattr(papers.Discriminative, "steps", 100)
    case = prepare(table(0, 2), table(1, 2), window=6)
    object.__setattr__(case, "progress", told.append)
    METRICS["discriminative"].measure(case, 1)
    assert len(told) > 2
    assert told == sorted(told)
    assert 0 <= told[0] <= told[-1] <= 1
