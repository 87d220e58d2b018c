"""Thresholds: what they name, and when they fail."""

from __future__ import annotations

import pytest

from tsgan.errors import ParameterError
from tsgan.evaluation.metrics.base import Result
from tsgan.evaluation.report.thresholds import Threshold


def result(grade: str = "close", value: float | None = 0.3, better: str = "lower", name: str = "marginals") -> Result:
    detail = {
        "columns": [{"column": "rain=1", "value": 0.7, "grade": "far"}],
        "parts": [{"part": "tails", "value": 0.2, "grade": "faithful"}],
    }
    verdict = "not available: no numbers" if value is None else "It is so."
    return Result(name, value, None, None, None, better, grade, verdict, detail)


@pytest.mark.parametrize(
    ("text", "found", "failure"),
    [
        ("marginals=0.3", result(), None),
        ("marginals=0.29", result(), "marginals is 0.300, worse than 0.29 (lower is better)"),
        ("marginals=.3", result(better="higher"), None),
        ("marginals=0.31", result(better="higher"), "marginals is 0.300, worse than 0.31 (higher is better)"),
        ("marginals=close", result(), None),
        ("marginals=close", result("unclear"), None),
        ("marginals=faithful", result("unclear"), "marginals is unclear, worse than 'faithful'"),
        ("marginals=Close", result("visible"), "marginals is visible difference, worse than 'close'"),
        ("marginals:rain=1=0.7", result(), None),
        ("marginals:rain=1=0.6", result(), "marginals:rain=1 is 0.700, worse than 0.6 (lower is better)"),
        ("marginals:rain=1=visible", result(), "marginals:rain=1 is far, worse than 'visible'"),
        ("marginals:tails=faithful", result(), None),
        ("marginals:snow=1", result(), "marginals has no row 'snow'; its rows are ['rain=1', 'tails']"),
        ("marginals=1", result("not available", None), "marginals is not available: no numbers"),
        ("marginals=1", result(name="spectrum"), "marginals was not measured"),
    ],
)
def test_a_threshold_names_the_worst_that_passes(text, found, failure) -> None:
    assert Threshold.read(text).failure([found]) == failure


def test_grades_of_disclosure() -> None:
    leak, none = result("leak", name="copies"), result("none found", name="copies")
    assert Threshold.read("copies=suspicious").failure([leak]) == "copies is leak, worse than 'suspicious'"
    assert Threshold.read("copies=suspicious").failure([none]) is None
    assert Threshold.read("copies=none-found").failure([none]) is None
    few = result("unclear", name="copies")
    assert Threshold.read("copies=none_found").failure([few]) == "copies is unclear, worse than 'none found'"
    with pytest.raises(ParameterError, match="'far' is neither a number nor a grade of copies: none found, unclear"):
        Threshold.read("copies=far")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("marginals", "'marginals' is no threshold; write METRIC=VALUE, METRIC=GRADE or METRIC:ROW=VALUE"),
        ("marginals=", "'marginals=' is no threshold; write"),
        ("=1", "'=1' is no threshold; write"),
        ("marginal=1", "metric='marginal' is not known; choose one of .* Did you mean 'marginals'"),
        (
            "marginals=good",
            "'good' is neither a number nor a grade of marginals: faithful, unclear, close, visible, far",
        ),
        ("marginals=nan", "the value must be finite"),
    ],
)
def test_what_is_no_threshold_is_refused(text, reason) -> None:
    with pytest.raises(ParameterError, match=reason):
        Threshold.read(text)
