"""evaluate and its Report: to print, to compute with, to keep and to show."""

from __future__ import annotations

import json
import math
import re
import sys

import numpy as np
import pytest

from tsgan.errors import ParameterError
from tsgan.evaluation.evaluate import _chosen, evaluate
from tsgan.evaluation.metrics import METRICS
from tsgan.evaluation.metrics.base import SECTIONS, Metric, Reference, Result
from tsgan.evaluation.report.findings import find, unmeasured
from tsgan.evaluation.report.report import Report

QUICK = ["two_sample", "marginals", "autocorrelation", "cross_correlation"]


@pytest.fixture(scope="module")
def report(make_mixed, roles):
    return evaluate(make_mixed(0, 100), make_mixed(1, 100), **roles, metrics=QUICK, repeats=2)


def result(name: str, grade: str, value: float = 0.3, **more) -> Result:
    """A result of a metric that is in the table."""
    verdict = f"It is {grade}."
    return Result(name, value, 0.01, 0.1, 0.9, METRICS[name].better, grade, verdict, more)


def unmeasurable(name: str, text: str, reason: str = "data") -> Result:
    return Result(
        name, None, None, None, None, METRICS[name].better, "not available", f"not available: {text}", reason=reason
    )


class Attack(Metric):
    """A stand-in for a test of what is given away."""

    section = "disclosure"
    question = "Does it copy?"
    definition = "Whether it copies."
    references = (Reference("Copies (Nobody, 2020)", "https://example.org"),)

    def __init__(self, name: str) -> None:
        self.name, self.title = name, name.capitalize()

    def compute(self, case, repeats):
        raise NotImplementedError


@pytest.fixture
def attacks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("copies", "membership"):
        monkeypatch.setitem(METRICS, name, Attack(name))


def chosen(metrics, **given) -> list[str]:
    return _chosen(metrics, {"target": None, "sensitive": None} | given)


def test_metrics_by_name_by_question_and_by_default() -> None:
    usual = [name for name, metric in METRICS.items() if metric.default and not metric.needs]
    assert chosen(["default"]) == usual
    assert chosen(["all"]) == list(METRICS)
    assert chosen(["marginals", "apart"])[:2] == ["two_sample", "discriminative"]
    assert chosen(["marginals", "apart"])[-1] == "marginals"
    assert set(chosen(["default"], target="x")) >= set(usual)


def test_frame(report) -> None:
    frame = report.as_frame()
    assert list(frame.index) == QUICK
    figures = ["value", "spread", "low", "high", "real_against_real", "worst"]
    assert list(frame.columns) == ["section", *figures, "better", "grade", "verdict"]
    assert (frame[figures].dtypes == "float64").all()
    assert frame.loc["marginals", "section"] == "columns"
    for found in report.results:
        low, high = found.interval or (np.nan, np.nan)
        np.testing.assert_equal(frame.loc[found.name, ["low", "high"]].tolist(), [low, high])
    assert Report((), report.case, 1).as_frame().empty
    assert frame.loc["marginals", "value"] == report["marginals"].value


def test_json_is_strict_versioned_and_complete(report, tmp_path) -> None:
    text = report.to_json(tmp_path / "report.json")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    data = json.loads(text, parse_constant=refuse)
    assert data["format"] == 2
    named = {"target": None, "sensitive": None}
    assert data["settings"] == {"repeats": 2, "random_state": 0, "window": 12, **named}
    assert data["data"]["real_sequences"] == 100
    assert data["data"]["holdout_sequences"] is None
    assert data["data"]["holdout_windows"] is None
    assert [finding["about"] for finding in data["findings"]] == ["faithful", "different", "disclosure"]
    keys = ["name", "section", "value", "spread", "real_against_real", "worst", "interval", "better", "grade"]
    assert all(list(score) == [*keys, "verdict", "tone", "detail"] for score in data["scores"])
    given = [None if found.interval is None else list(found.interval) for found in report.results]
    assert [score["interval"] for score in data["scores"]] == given
    assert given[0] is not None
    assert [score["name"] for score in data["scores"]] == QUICK
    assert json.loads((tmp_path / "report.json").read_text()) == data
    assert [row["column"] for row in data["scores"][1]["detail"]["columns"]][:2] == ["level", "follows"]


def test_what_cannot_be_computed_is_said_everywhere() -> None:
    rng = np.random.default_rng(0)
    report = evaluate(rng.normal(size=60), rng.normal(size=60), metrics=["cross_correlation"], repeats=1)
    assert "not available: it needs at least 2 columns, and there is one (columns" in " ".join(str(report).split())
    assert report.as_frame()["value"].isna().all()
    score = json.loads(report.to_json())["scores"][0]
    assert score["value"] is None
    assert score["verdict"].startswith("not available: it needs")
    page = " ".join(report.to_html().split())
    assert "it needs at least 2 columns, and there is one" in page
    assert 'class="card"' not in page
    assert report.summary.startswith("Nothing could be measured")


def test_text_is_a_readable_table_under_the_questions(report) -> None:
    lines = str(report).splitlines()
    assert re.match(r"score +value +spread +real/real +worst +verdict", lines[0])
    assert lines[2] == "Can it be told apart?"
    assert re.match(r"  two_sample +\d\.\d+ +\d\.\d+ +\d\.\d+ +\d\.\d+ +\w+", lines[3])
    assert [line for line in lines if line.endswith("?")] == [
        SECTIONS[s] for s in ("apart", "columns", "time", "joint")
    ]
    assert max(map(len, lines)) <= 100
    words = " ".join(" ".join(lines).split())
    assert "a copy of the real records would pass them" in words
    assert re.search(r"two_sample: .* right on \d+% of the real and \d+% of the synthetic", words)
    assert repr(report).startswith("Report(two_sample=0.")


def test_text_says_words_only_where_they_are_needed(report) -> None:
    results = (result("marginals", "faithful"), result("spectrum", "far"), unmeasurable("association", "no category"))
    text = str(Report((*results, unmeasurable("correlation", "no category")), report.case, 2))
    assert "marginals: It is faithful." not in text
    assert "spectrum: It is far." in text
    titles = [METRICS[name].title.lower() for name in ("association", "correlation")]
    assert f"not available: no category ({titles[0]} and {titles[1]})" in text


@pytest.mark.usefixtures("attacks")
def test_perfect_fidelity_never_hides_a_leak(report) -> None:
    perfect = [result(name, "faithful") for name in QUICK]
    leak = Report((*perfect, result("copies", "leak"), result("membership", "none found")), report.case, 2)
    assert leak.summary.startswith("Gives away: real records leak. It is leak. Found by copies.")
    assert "By every score here the synthetic table is as close" in leak.summary
    page = leak.to_html()
    assert page.index(">Leak</h2>") < page.index(">Faithful</h2>")
    assert '<section class="tile bad disclosure">' in page
    assert str(leak).index("real records leak") < str(leak).index("By every score")


@pytest.mark.usefixtures("attacks")
def test_what_cannot_be_known_without_holdout_is_said(report) -> None:
    results = [result("copies", "none found"), unmeasurable("membership", "holdout=... is needed", "holdout")]
    alone = find(results, holdout=False)[2]
    assert (alone.tone, alone.text) == ("unsure", "no leak was found by copies.")
    assert alone.more.startswith("Without real data that the generator has not seen (holdout) nobody can know")
    assert "membership" not in alone.more
    assert unmeasured(results)[0][1].startswith("holdout data are needed: split the real table")
    results[1] = unmeasurable("membership", "only 3 records")
    assert find(results, holdout=True)[2].more == "Not measured: membership."
    results[1] = result("membership", "unclear")
    few = find(results, holdout=True)[2]
    assert (few.tone, few.more) == ("unsure", "Too few records to say: membership.")
    assert find(results[1:], holdout=True)[2].text == "nothing can be said."
    results[1] = result("membership", "suspicious")
    assert find(results, holdout=True)[2].tone == "warn"
    results[1] = result("membership", "none found")
    both = find(results, holdout=True)[2]
    assert (both.tone, both.text, both.more) == ("good", "no leak was found by copies and membership.", "")
    assert "a copy of the real records would pass" in find([], holdout=True)[2].text


def test_findings_by_question() -> None:
    grades = {"two_sample": "far", "marginals": "faithful", "autocorrelation": "close", "spectrum": "visible"}
    faithful, different, _ = find([result(*item) for item in grades.items()], holdout=True)
    assert faithful.text == "single columns and the course of time in part (1 of 2 scores)."
    assert faithful.more == "Nearly so: memory of the past."
    assert different.items == (
        ("windows as a whole", "far: strong judge"),
        ("the course of time", f"visible: {METRICS['spectrum'].title.lower()}"),
    )
    assert different.tone == "bad"
    split = find([result("two_sample", "far"), result("discriminative", "faithful")], holdout=True)
    assert split[0].text == "1 of 2 scores, but no question as a whole."
    good = find([result("marginals", "faithful")], holdout=True)
    assert (good[1].tone, good[1].text) == ("good", "nothing that was measured differs visibly.")
    unclear = find([result("marginals", "unclear")], holdout=True)
    assert unclear[0].text == "none of what was measured."
    assert unclear[1].more == "Too few data to say: single columns."


def test_same_seed_same_report(make_panel) -> None:
    tables = make_panel(0, 60), make_panel(1, 60)
    options = {"metrics": ["two_sample", "marginals"], "repeats": 2}
    first, again, other = (evaluate(*tables, **options, random_state=seed) for seed in (3, 3, 4))
    assert first.to_json() == again.to_json()
    assert first["two_sample"].value != other["two_sample"].value
    fresh = evaluate(*tables, **options, random_state=None)
    kept = evaluate(*tables, **options, random_state=fresh.case.random_state)
    assert fresh.to_json() == kept.to_json()


def test_a_copy_is_faithful_and_noise_is_not(make_panel) -> None:
    real = make_panel(0)
    copy = evaluate(real, real, metrics=QUICK, repeats=3)
    assert set(copy.as_frame()["grade"]) == {"faithful"}
    assert "as close to the real one as real data are to themselves" in copy.summary
    noise = evaluate(real, np.random.default_rng(0).normal(size=real.shape), metrics=QUICK, repeats=2)
    assert "Not faithful: windows as a whole (far: strong judge); the course of time (far: memory of" in noise.summary


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"metrics": ["marginal"]}, r"metrics='marginal' is not known; choose one of .* Did you mean 'marginals'"),
        ({"repeats": 0}, "repeats=0 is not allowed; it must be a whole number of at least 1"),
        ({"repeats": True}, "repeats=True is not allowed"),
        ({"random_state": -1}, "random_state=-1 is not allowed; it must be a whole number of at least 0"),
    ],
)
def test_refused_arguments(make_panel, options, text) -> None:
    with pytest.raises(ParameterError, match=text):
        evaluate(make_panel(0, 20), make_panel(1, 20), **options)


def test_too_few_data_are_called_so(report) -> None:
    both = Report((result("marginals", "faithful"), result("two_sample", "unclear")), report.case, 2)
    assert both.summary.startswith("Faithful: single columns. Not faithful: nothing that was measured differs visibly.")
    assert "Too few data to say: strong judge." in both.summary
    assert '<span class="pill unsure">unclear</span>' in both.to_html()


def test_a_metric_that_was_not_measured_is_named(report) -> None:
    with pytest.raises(ParameterError, match="metric='predictive' is not known; choose one of"):
        report["predictive"]


def test_without_the_picture_packages_the_error_says_what_to_install(report, monkeypatch) -> None:
    for name in [name for name in sys.modules if name.startswith("tsgan.evaluation.report.page")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"need jinja2; install it with: pip install tsgan\[report\]"):
        report.to_html()
    assert math.isfinite(report["marginals"].value)
