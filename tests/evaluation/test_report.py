"""evaluate and its Report: to print, to compute with, to keep and to show."""

from __future__ import annotations

import json
import math
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from tsgan.errors import ParameterError
from tsgan.evaluation import report_page
from tsgan.evaluation.judge import evaluate
from tsgan.evaluation.metrics import METRICS
from tsgan.evaluation.report import Report

QUICK = ["marginals", "autocorrelation", "cross_correlation", "two_sample"]


@pytest.fixture(scope="module")
def report(make_mixed, roles):
    return evaluate(make_mixed(0, 100), make_mixed(1, 100), **roles, metrics=QUICK, repeats=2)


@pytest.fixture(scope="module")
def page(report) -> str:
    return report.to_html()


class Page(HTMLParser):
    """Collects what a page loads, links to, and says of its pictures."""

    VOID = frozenset({"meta", "br", "link", "img", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.figures: list[str | None] = []
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attributes) -> None:
        given = dict(attributes)
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name in ("src", "href", "xlink:href", "srcset", "data"):
            if name in given:
                (self.links if tag == "a" else self.loads).append(given[name])
        if tag == "figure":
            assert given.get("role") == "img"
            self.figures.append(given.get("aria-label"))

    def handle_startendtag(self, tag, attributes) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.text.append(data)


def parsed(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


@pytest.mark.usefixtures("quick_judges")
def test_every_metric_by_default(make_panel) -> None:
    report = evaluate(make_panel(0, 60), make_panel(1, 60), repeats=1)
    assert [result.name for result in report.results] == list(METRICS)
    assert all(result.value is not None for result in report.results)


def test_frame(report) -> None:
    frame = report.as_frame()
    assert list(frame.index) == QUICK
    assert list(frame.columns) == ["value", "spread", "real_against_real", "worst", "better", "grade", "verdict"]
    assert (frame.dtypes.iloc[:4] == "float64").all()
    assert frame.loc["marginals", "value"] == report["marginals"].value


def test_json_is_strict_versioned_and_complete(report, tmp_path) -> None:
    text = report.to_json(tmp_path / "report.json")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    data = json.loads(text, parse_constant=refuse)
    assert data["format"] == 1
    assert data["settings"] == {"repeats": 2, "random_state": 0, "window": 12}
    assert data["data"]["real_sequences"] == 100
    assert [score["name"] for score in data["scores"]] == QUICK
    assert json.loads((tmp_path / "report.json").read_text()) == data
    assert [row["column"] for row in data["scores"][0]["detail"]["columns"]][:2] == ["level", "follows"]


def test_what_cannot_be_computed_is_said_everywhere() -> None:
    rng = np.random.default_rng(0)
    report = evaluate(rng.normal(size=60), rng.normal(size=60), metrics=["cross_correlation"], repeats=1)
    assert "not available: it needs at least 2 columns" in str(report)
    assert report.as_frame()["value"].isna().all()
    score = json.loads(report.to_json())["scores"][0]
    assert score["value"] is None
    assert score["verdict"].startswith("not available: it needs")
    assert "not available: it needs at least 2 columns" in report.to_html()
    assert report.summary.startswith("Nothing could be measured")


def test_text_is_a_readable_table(report) -> None:
    lines = str(report).splitlines()
    assert re.match(r"score +value +spread +real/real +useless +verdict", lines[0])
    assert re.match(r"marginals +\d\.\d+ +\d\.\d+ +\d\.\d+ +\d\.\d+ +\w+", lines[2])
    assert max(map(len, lines)) <= 100
    assert "a copy would pass them" in " ".join(lines)
    assert repr(report).startswith("Report(marginals=0.")


def test_page_needs_nothing_else(page) -> None:
    found = parsed(page)
    assert "script" not in found.tags
    assert all(target.startswith(("#", "data:image/png;base64,")) for target in found.loads), found.loads
    assert not re.search(r"@import|url\((?!#)", page)
    assert all(link.startswith("https://") for link in found.links)
    assert len(page) < 1_500_000


def test_page_has_alt_texts_modes_and_words(page, report) -> None:
    found = parsed(page)
    assert len(found.figures) == 5 + 6 + 5 + 3 + 2
    assert all(text and len(text) > 30 for text in found.figures)
    assert found.tags.count("svg") == len(found.figures)
    for needed in ("prefers-color-scheme: dark", "@media print", 'name="viewport"', '<html lang="en">'):
        assert needed in page
    words = " ".join("".join(found.text).split())
    assert report.summary in words
    for result in report.results:
        assert result.verdict in words
        assert METRICS[result.name].references[0].text in words


def test_page_is_the_same_each_time_and_written_to_a_file(report, page, tmp_path) -> None:
    again = report.to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == again
    assert again == page


def test_names_are_escaped_and_dollars_are_no_formula() -> None:
    rng = np.random.default_rng(0)
    names = ["<b>$x$", "価格 & more"]
    tables = [pd.DataFrame(rng.normal(size=(120, 2)), columns=names) for _ in range(2)]
    for table in tables:
        table["c"] = np.where(table["<b>$x$"] > 0, "$a_{", "<i>")
    page = evaluate(*tables, metrics=["marginals"], repeats=1, window=6).to_html()
    parsed(page)
    assert "<b>$x$" not in page
    assert "&lt;b&gt;$x$" in page


def test_many_columns_show_the_furthest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_page, "MAX_COLUMNS", 2)
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(200, 5)), rng.normal(size=(200, 5))
    synthetic[:, 4] += 3
    page = evaluate(real, synthetic, metrics=["marginals"], repeats=1, window=6).to_html()
    assert "Shown are 2 of 5 columns, those furthest from the real data" in " ".join(page.split())
    assert "of column x4" in page


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
    assert "Faithful or close: single columns. Visibly different: memory of the past, columns tog" in noise.summary


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
    good = report["autocorrelation"]
    unclear = METRICS["two_sample"].result([0.6, 0.7], [0.3, 0.7], 1.0, {})
    both, alone = Report((good, unclear), report.case, 2), Report((unclear,), report.case, 2)
    assert both.summary.startswith("Faithful or close: memory of the past. Too few data to say: strong judge.")
    assert alone.summary.startswith("Too few data to say: strong judge.")
    assert "two_sample: Too few data to say: it differs, but" in str(both)
    assert '<span class="grade unclear">unclear</span>' in alone.to_html()


def test_a_metric_that_was_not_measured_is_named(report) -> None:
    with pytest.raises(ParameterError, match="metric='predictive' is not known; choose one of"):
        report["predictive"]


def test_without_the_picture_packages_the_error_says_what_to_install(report, monkeypatch) -> None:
    for name in [name for name in sys.modules if name.startswith("tsgan.evaluation.report_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"need jinja2; install it with: pip install tsgan\[report\]"):
        report.to_html()
    assert math.isfinite(report["marginals"].value)
