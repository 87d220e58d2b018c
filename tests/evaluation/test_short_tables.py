"""Panels whose entities have one row: what can be judged of rows is, and the rest says why not."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsgan import compare, evaluate
from tsgan.errors import InputError
from tsgan.evaluation.evaluate import closeness

ROLES = {"entity": "id", "time": "t"}
OF_ROWS = ["marginals", "unseen", "correlation", "association", "coverage", "copies"]
WITH_HOLDOUT = ["closest_record", "nearest_ratio", "membership", "singled_out"]
OF_STEPS = ["two_sample", "discriminative", "frechet", "predictive", "forecast", "autocorrelation", "increments"]
OF_STEPS += ["cross_correlation", "transitions", "run_lengths", "gaps"]


def table(seed: int, lengths: list[int]) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=sum(lengths))
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(len(lengths)) + 10_000 * seed, lengths),
            "t": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(x)), unit="h"),
            "x": x,
            "y": x + rng.normal(size=len(x)),
            "state": np.where(x > 0.3, "up", "down"),
        }
    )


def test_one_row_entities_are_judged_by_what_rows_show_and_the_rest_says_why() -> None:
    sides = [table(seed, [1] * 120) for seed in range(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = evaluate(*sides, **ROLES, repeats=2, verbose=False)
    assert report.case.window == 1
    for name in [*OF_ROWS, *WITH_HOLDOUT]:
        assert report[name].grade in ("faithful", "none found", "unclear"), name
    for name in OF_STEPS:
        assert report[name].verdict.startswith("not available: "), name
        assert report[name].value is None
    assert "needs sequences of 2 rows or more" in report["two_sample"].verdict
    assert "rows are judged one by one" in str(report)
    assert report.to_html().startswith("<!doctype html>")


def test_one_row_entities_that_are_wrong_or_copied_are_seen() -> None:
    real, other = table(0, [1] * 400), table(1, [1] * 400)
    wrong = other.assign(y=other["y"].sample(frac=1, random_state=0).to_numpy() + 3)
    reports = compare(real, {"wrong": wrong, "copied": real}, **ROLES, metrics="quick", repeats=1)
    assert reports["wrong"]["marginals"].grade in ("visible", "far")
    assert reports["wrong"]["correlation"].grade in ("visible", "far")
    assert reports["wrong"]["copies"].grade == "none found"
    assert reports["copied"]["copies"].grade == "leak"
    assert closeness(real, other, **ROLES) > closeness(real, wrong, **ROLES)


@settings(max_examples=6)
@given(st.integers(0, 99), st.sampled_from([1, 2]), st.integers(0, 14), st.booleans())
def test_few_rows_an_entity_and_mixed_lengths_are_judged(seed: int, least: int, long: int, odd: bool) -> None:
    rng = np.random.default_rng(seed)
    lengths = [least] * 60 + list(rng.integers(2, 30, long))
    real = table(1, list(rng.permutation(lengths)))
    other = table(2, [1] * 60 if odd else lengths)
    report = evaluate(real, other, **ROLES, metrics=["marginals", "correlation", "lengths", "copies"], repeats=1)
    assert all(result.value is not None for result in report.results)


def test_long_sequences_among_single_rows_are_still_judged_in_time() -> None:
    real, other = (table(seed, [1] * 60 + [40] * 15) for seed in range(2))
    report = evaluate(real, other, **ROLES, metrics=["autocorrelation", "two_sample", "marginals"], repeats=1)
    assert report.case.window == 2
    assert all(result.value is not None for result in report.results)
    assert "60 of 75 real sequences are shorter than 2 steps and were left out" in report.case.notes


@pytest.mark.parametrize("roles", [{}, ROLES])
def test_a_table_of_one_row_is_refused_in_words(roles: dict[str, str]) -> None:
    real = table(0, [1] * 20)
    text = (
        "synthetic table is too short: its longest sequence has 1 step and a window needs 2; pass longer sequences, or"
    )
    with pytest.raises(InputError, match=text):
        evaluate(real, real.iloc[:1], **roles)
