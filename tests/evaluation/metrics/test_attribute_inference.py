"""Attribute inference: right guesses by hand, for numbers, levels and missing values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics import METRICS

GUESS = METRICS["attribute_inference"]


def people(seed: int, count: int, known: bool = False) -> pd.DataFrame:
    """A path each, and an illness: of the path where `known`, else drawn for each."""
    rng = np.random.default_rng(seed)
    path = rng.normal(size=(count, 6)).cumsum(1)
    ill = path[:, -1] > 0.5 if known else rng.random(count) < 0.3
    return pd.DataFrame(
        {
            "who": np.repeat(np.arange(count), 6),
            "x": path.ravel(),
            "ill": np.repeat(np.where(ill, "yes", "no"), 6),
            "dose": np.repeat(rng.normal(size=count), 6),
        }
    )


def measure(real, synthetic, held, sensitive: str):
    case = prepare(real, synthetic, held, entity="who", static=["ill", "dose"], sensitive=sensitive)
    return GUESS.measure(case, 2)


@pytest.mark.parametrize("sensitive", ["ill", "dose", "x"])
def test_a_copy_betrays_all(sensitive: str) -> None:
    result = measure(real := people(0, 200), real, people(1, 120), sensitive)
    assert result.value > 0.95
    assert result.grade == "leak"
    assert result.real_against_real < 0.8
    assert result.detail["excess"] == pytest.approx(result.value - result.real_against_real)
    assert result.interval[0] <= result.value <= result.interval[1]


def test_what_can_be_guessed_of_anyone_is_no_disclosure() -> None:
    result = measure(people(0, 300, known=True), people(1, 300, known=True), people(2, 200, known=True), "ill")
    assert result.grade == "none found"
    assert result.value > result.detail["commonest_value"] + 0.1
    assert result.verdict.startswith(
        "The sensitive column is guessed no better for records the generator saw than for unseen ones. Guessed right: "
    )


def test_guessing_the_commonest_value_by_hand() -> None:
    real, held = people(0, 200), people(1, 100)
    result = measure(real, people(2, 200), held, "ill")
    both = pd.concat([real, held])
    assert result.detail["commonest_value"] == pytest.approx((both["ill"] == "no").mean())
    dose = measure(real, people(2, 200), held, "dose").detail
    low, middle, high = real["dose"].quantile([0.25, 0.5, 0.75])
    assert dose["within"] == pytest.approx(0.25 * (high - low) / 1.349, rel=1e-4)
    assert dose["commonest_value"] == pytest.approx(((both["dose"] - middle).abs() <= dose["within"]).mean(), abs=0.01)


def test_missing_values_are_not_to_be_guessed() -> None:
    real, held = people(0, 200), people(1, 120)
    real.loc[real["who"] % 4 == 0, "dose"] = np.nan
    result = measure(real, real, held, "dose")
    assert result.value > 0.95
    gone = measure(real.assign(dose=[1.0, 2.0, *[np.nan] * 1198]), real, held, "dose")
    assert gone.verdict == ("not available: column 'dose' is missing nearly throughout; there is nothing to guess")


def test_why_it_cannot_be_measured() -> None:
    real, held = people(0, 60), people(1, 60)
    alone = [table[["who", "dose"]] for table in (real, real, held)]
    result = GUESS.measure(prepare(*alone, entity="who", sensitive="dose"), 1)
    assert result.verdict == (
        "not available: there is no other column by which an attacker could find someone's record"
    )
    result = measure(real.assign(ill="no"), real, held, "ill")
    assert result.verdict == "not available: column 'ill' has one value throughout; there is nothing to guess"
    result = GUESS.measure(prepare(real, real, held, entity="who"), 1)
    assert "it needs a column to be named: sensitive=" in result.verdict
