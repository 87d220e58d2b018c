"""A report, or a comparison of several, as one page of HTML that needs nothing else: no script, no font, no file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jinja2
import markupsafe

from ..case import Case
from ..metrics import METRICS
from ..metrics.base import (
    ALPHA,
    GRADES,
    LARGE,
    NEGLIGIBLE,
    SECTIONS,
    SMALL,
    TONES,
    Metric,
    Result,
    Section,
    Tone,
    number,
)
from ..metrics.draws import MAX_COMPARED
from .by_table import maps
from .findings import Finding, by_section, unmeasured
from .galleries import MAPS, Gallery, furthest, galleries
from .pictures import REAL, SYNTHETIC, Picture


class Judged(Protocol):
    """What a page shows of a report."""

    results: Sequence[Result]
    case: Case
    findings: Sequence[Finding]

    def __getitem__(self, name: str) -> Result:
        """Return the result of a metric."""

    def to_dict(self) -> dict[str, Any]:
        """Return all as JSON-ready values."""


class Compared(Protocol):
    """What a page shows of a comparison."""

    reports: Mapping[str, Judged]
    metrics: Mapping[str, Section]

    def best(self, name: str) -> list[str]:
        """Return the tables that are best by a metric."""

    def unmeasured(self) -> Any:
        """Return what could not be measured."""


TEMPLATES = Path(__file__).with_name("pages")


@dataclass(frozen=True)
class Card:
    """One score as the page shows it.

    Attributes
    ----------
    metric : Metric
    result : Result
    tone : str
    place : float or None
        Percent of the way from real against real to useless; None where a value has no such place.
    band : (float, float) or None
        Percent at which the interval begins, and how wide it is; the spread where there is no interval.
    right : (float, float) or None
        Shares of real and of synthetic windows that a judge was right on.
    parts : list of mapping
    """

    metric: Metric
    result: Result
    tone: Tone
    place: float | None
    band: tuple[float, float] | None
    right: tuple[float, float] | None
    parts: list[dict[str, Any]]

    @property
    def ends(self) -> tuple[str, str]:
        """Names of the two ends of the scale."""
        return "real against real", "a copy" if self.metric.section == "disclosure" else "useless"


@dataclass(frozen=True)
class Chapter:
    """One question: its scores, its table by columns, and its pictures."""

    section: Section
    question: str
    cards: list[Card]
    heads: list[str]
    rows: list[tuple[str, list[dict[str, Any] | None]]]
    galleries: list[Gallery]


def render(report: Judged) -> str:
    """Return the page of a report."""
    case = report.case
    shown = furthest(report.results, case)
    drawn = galleries(report.results, case, shown)
    measured = by_section(result for result in report.results if result.value is not None)
    chapters = []
    for section, question in SECTIONS.items():
        results = measured.get(section, [])
        if results or any(gallery.pictures for gallery in drawn.get(section, ())):
            heads, rows = _by_column(results, case)
            pictures = [gallery for gallery in drawn.get(section, ()) if gallery.pictures]
            chapters.append(Chapter(section, question, [_card(result) for result in results], heads, rows, pictures))
    return _fill(
        "report.html",
        report=report,
        case=case,
        chapters=chapters,
        findings=_leak_first(report),
        unmeasured=unmeasured(report.results),
        left_out=len(case.columns) - len(shown),
        definitions=by_section(report.results),
        version=report.to_dict()["tsgan"] or "",
    )


def render_comparison(comparison: Compared) -> str:
    """Return the page of several reports side by side."""
    reports = comparison.reports
    first = next(iter(reports.values()))
    chapters: dict[str, list[tuple[Metric, list[Card], list[str]]]] = {}
    for name, section in comparison.metrics.items():
        cards = [_card(report[name]) for report in reports.values()]
        if any(card.result.value is not None for card in cards):
            chapters.setdefault(SECTIONS[section], []).append((METRICS[name], cards, comparison.best(name)))
    pictures = [
        Picture(picture.svg, f"Table {name}. {picture.alt}", f"{name}: {picture.caption}")
        for name, report in reports.items()
        for picture in maps(report.case, near=False)
    ]
    return _fill(
        "comparison.html",
        comparison=comparison,
        names=list(reports),
        case=first.case,
        report=first,
        chapters=chapters,
        findings={name: _leak_first(report) for name, report in reports.items()},
        notes=list(dict.fromkeys(note for report in reports.values() for note in report.case.notes)),
        unmeasured=comparison.unmeasured(),
        galleries=[Gallery("Maps of windows", MAPS, pictures)] if pictures else [],
        definitions=by_section(first.results),
        version=first.to_dict()["tsgan"] or "",
    )


def _fill(template: str, **context: Any) -> str:
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return pages.get_template(template).render(
        **context,
        metrics=METRICS,
        sections=SECTIONS,
        words=GRADES,
        tones=TONES,
        number=number,
        svg=markupsafe.Markup,
        colours=(REAL, SYNTHETIC),
        rule={"alpha": ALPHA, "negligible": NEGLIGIBLE, "small": SMALL, "large": LARGE},
        compared=MAX_COMPARED,
    )


def _leak_first(report: Judged) -> list[Any]:
    """The three findings; what is given away comes first where it is red."""
    faithful, different, disclosed = report.findings
    return [disclosed, faithful, different] if disclosed.tone == "bad" else [faithful, different, disclosed]


def _card(result: Result) -> Card:
    place, band = None, None
    if result.value is not None and result.real_against_real is not None and result.worst is not None:
        control, scale = result.real_against_real, result.worst - result.real_against_real

        def percent(value: float) -> float:
            return round(min(max((value - control) / scale, 0.0), 1.0) * 100, 1)

        if scale:
            place = percent(result.value)
            reach = result.spread or 0.0
            low, high = sorted(map(percent, result.interval or (result.value - reach, result.value + reach)))
            band = (low, round(high - low, 1))
    right = [result.detail.get(f"accuracy_{side}") for side in ("real", "synthetic")]
    means = [_mean(share) for share in right if share is not None]
    return Card(
        METRICS[result.name],
        result,
        TONES[result.grade],
        place,
        band,
        (means[0], means[1]) if len(means) == 2 else None,
        list(result.detail.get("parts", ())),
    )


def _mean(value: float | Sequence[float]) -> float:
    values = [value] if isinstance(value, int | float) else list(value)
    return sum(values) / max(len(values), 1)


def _by_column(
    results: Sequence[Result], case: Case
) -> tuple[list[str], list[tuple[str, list[dict[str, Any] | None]]]]:
    """Tables by column of several metrics as one: the metrics' titles, and a row per column."""
    tables = {
        METRICS[result.name].title: {row["column"]: row for row in result.detail["columns"]}
        for result in results
        if result.detail.get("columns")
    }
    names = [column.name for column in case.columns if any(column.name in table for table in tables.values())]
    return list(tables), [(name, [table.get(name) for table in tables.values()]) for name in names]


PAGES: dict[str, Callable[[Any], str]] = {"report": render, "comparison": render_comparison}
