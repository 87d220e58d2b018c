"""Rows that break what every real row holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.constraints import Fixed, Inequality, Range
from tsgan.errors import ConstraintError
from tsgan.evaluation.evaluate import evaluate


def table(seed: int, count: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    low = rng.normal(size=count * 10).round(2)
    return pd.DataFrame(
        {
            "who": np.arange(count * 10) // 10,
            "low": low,
            "high": (low + rng.exponential(size=count * 10)).round(2),
            "kind": rng.choice(list("abc"), count * 10),
        }
    )


def judge(real, other, **options):
    report = evaluate(real, other, entity="who", metrics=["violations"], **options)
    return report["violations"], str(report)


@pytest.mark.parametrize("seed", range(6))
def test_another_sample_of_the_source_passes(seed):
    found, text = judge(table(seed), table(seed + 50))
    assert found.grade == "faithful"
    assert found.value == 0
    assert "violations: 0 of 600 rows break any of 1 constraint that holds in the real table." in text


def test_broken_rows_are_counted():
    other = table(1)
    other.loc[::10, "low"] += 10
    found, text = judge(table(0), other)
    assert found.value == pytest.approx(0.1)
    assert found.grade in ("close", "visible")
    assert "violations: 60 of 600 rows break any of 1 constraint" in text
    assert found.detail["parts"][0]["part"] == "low <= high"
    assert found.detail["parts"][0]["rows"] == 60


def test_rows_of_few_sequences_may_be_chance():
    other = table(1)
    other.loc[:19, "low"] += 10
    found, _ = judge(table(0), other)
    assert found.detail["rows"] == 20
    assert found.grade == "faithful"


def test_what_only_one_half_suggests_is_listed_but_not_graded():
    real = table(0)
    real["late"] = np.where(real["who"] < 30, real["high"] - 1e6, real["high"] + 0.01)
    other = table(1).assign(late=-2e6)
    found, _ = judge(real, other)
    rows = {row["part"]: row for row in found.detail["parts"]}
    assert found.value == 0
    assert all(row["grade"] is None for name, row in rows.items() if name.endswith("(suggested)"))


def test_a_holdout_that_breaks_it_refutes_it():
    held = table(2)
    held.loc[5, "low"] = 99
    found, text = judge(table(0), table(1), holdout=held)
    assert found.value is None
    assert "none that says something holds exactly in both halves" in found.verdict
    assert "broken rules" in text


def test_declared_constraints():
    other = table(1)
    other.loc[:5, "kind"] = "d"
    rules = [Inequality("low", "high"), Range("high", high=100), Fixed("kind", "who_is")]
    real = table(0).assign(who_is="x")
    found, text = judge(real, other.assign(who_is="x"), constraints=rules)
    assert found.detail["rows"] == 6
    assert "violations: 6 of 600 rows break any of 3 constraints. Most often: only known combinations" in text
    with pytest.raises(ConstraintError, match="names 'lwo', which is not a column"):
        judge(real, real, constraints=[Range("lwo", 0)])


def test_an_empty_list_of_constraints():
    assert judge(table(0), table(1), constraints=[])[0].verdict == "not available: the list of constraints is empty"
