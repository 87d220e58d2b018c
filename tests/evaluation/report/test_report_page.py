"""The report and the comparison as pages: self-contained, legible, with words for every picture."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.evaluate import compare, evaluate
from tsgan.evaluation.metrics import METRICS
from tsgan.evaluation.report import page as pages
from tsgan.evaluation.report.report import Comparison, Report

QUICK = ["two_sample", "marginals", "autocorrelation", "cross_correlation"]


@pytest.fixture(scope="module")
def report(make_mixed, roles) -> Report:
    return evaluate(make_mixed(0, 100), make_mixed(1, 100), **roles, metrics=QUICK, repeats=2)


@pytest.fixture(scope="module")
def page(report) -> str:
    return report.to_html()


@pytest.fixture(scope="module")
def side_by_side(make_panel) -> Comparison:
    noise = np.random.default_rng(0).normal(size=(200, 8, 2))
    tables = {"good": make_panel(1, 200), "<noise>": noise}
    return compare(make_panel(0, 200), tables, metrics=["marginals", "autocorrelation"], repeats=2)


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
        self.headings: list[int] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attributes) -> None:
        given = dict(attributes)
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
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


def test_page_needs_nothing_else(page) -> None:
    found = parsed(page)
    assert "script" not in found.tags
    assert all(target.startswith(("#", "data:image/png;base64,")) for target in found.loads), found.loads
    assert not re.search(r"@import|url\((?!#)", page)
    assert all(link.startswith("https://") or f'id="{link[1:]}"' in page for link in found.links)
    assert len(page) < 1_500_000


def test_page_has_alt_texts_modes_and_words(page, report) -> None:
    found = parsed(page)
    assert len(found.figures) == 5 + 6 + (5 + 2) + 3 + 2
    assert all(text and len(text) > 30 for text in found.figures)
    assert found.tags.count("svg") == len(found.figures)
    for needed in ("prefers-color-scheme: dark", "@media print", 'name="viewport"', '<html lang="en">'):
        assert needed in page
    words = " ".join("".join(found.text).split())
    for finding in report.findings:
        assert finding.text in words or all(part in words for item in finding.items for part in item)
        assert finding.more in words
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
    monkeypatch.setattr(pages, "MAX_COLUMNS", 2)
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(200, 5)), rng.normal(size=(200, 5))
    synthetic[:, 4] += 3
    page = evaluate(real, synthetic, metrics=["marginals"], repeats=1, window=6).to_html()
    assert "Drawn are at most 2 of 5 columns, those furthest from the real data" in " ".join(page.split())
    assert "of column x4" in page


def test_headings_go_down_one_level_at_a_time(page, side_by_side) -> None:
    for text in (page, side_by_side.to_html()):
        levels = parsed(text).headings
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_each_question_has_its_scores_table_and_pictures(page) -> None:
    words = " ".join("".join(parsed(page).text).split())
    order = [
        "Can it be told apart?",
        "right on synthetic",
        "Paths",
        "Is each column right?",
        "Column by column: 6 columns, 1 score",
        "Values of each column",
        "Does time pass as it should?",
        "Memory and rhythm",
        "From level to level",
        "Do the columns belong together?",
        "Correlations",
        "Is the whole variety there?",
        "Maps of windows",
        "How to read it",
        "Definitions",
    ]
    place = words.index("What was judged.")
    for text in order:
        assert text in words[place:], text
        place = words.index(text, place)
    assert "95 % interval" in words
    assert "above 20 in 100,000" in words
    assert "at most 15 % of the way" in words
    assert "below 0.5 % of the scale" in words


def test_what_is_collapsed_prints_open(page) -> None:
    assert "<details>" in page
    printed = page[page.index("@media print") :]
    assert re.search(r"details::details-content \{ content-visibility: visible; display: block", printed)


def test_notes_are_said_with_their_names_as_they_are(make_panel) -> None:
    real = [*make_panel(0, 60), np.zeros((3, 2))]
    text = evaluate(real, make_panel(1, 60), metrics=["marginals"], repeats=1, window=8).to_html()
    assert "1 of 61 real sequences are shorter than 8 steps and were left out." in " ".join(text.split())


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(page, mode) -> None:
    light, dark = re.findall(r":root \{(.*?)\}", page, re.DOTALL)[:2]
    colours = dict(re.findall(r"--(\w+): (#\w{6})", light))
    if mode == "dark":
        colours |= dict(re.findall(r"--(\w+): (#\w{6})", dark))
    for tone in ("ink", "soft", "good", "fair", "unsure", "warn", "bad", "none"):
        for behind in ("paper", "card"):
            assert contrast(colours[tone], colours[behind]) >= 4.5, (tone, behind)
    for tone in ("ink", "soft", "bad"):
        assert contrast(colours[tone], colours["alarm"]) >= 4.5, tone


def contrast(one: str, two: str) -> float:
    """Contrast ratio of two colours (WCAG 2.1)."""

    def light(colour: str) -> float:
        parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        return float(
            np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
        )

    high, low = sorted((light(one), light(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_fifty_columns_fit_into_three_megabytes() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(400, 50)), rng.normal(size=(400, 50))
    text = evaluate(real, synthetic, metrics=["marginals", "cross_correlation"], repeats=1, window=6).to_html()
    assert len(text.encode()) < 3_000_000


def test_tables_side_by_side(side_by_side, tmp_path) -> None:
    text = side_by_side.to_html(tmp_path / "both.html")
    assert (tmp_path / "both.html").read_text(encoding="utf-8") == text
    found = parsed(text)
    assert "script" not in found.tags
    assert all(target.startswith(("#", "data:image/png;base64,")) for target in found.loads)
    assert "<noise>" not in text
    words = " ".join("".join(found.text).split())
    assert "Which synthetic table is closest to the real one" in words
    assert "Does time pass as it should?" in words
    for name, report in side_by_side.reports.items():
        assert f"{report['autocorrelation'].value:.3f}"[:4] in words
        assert f"{name}: Principal components of the real windows" in words
    assert text.count('aria-label="best"') == sum(len(side_by_side.best(m)) for m in side_by_side.metrics) == 1
