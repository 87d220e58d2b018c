"""A report, or a comparison of several, as one page of HTML that needs nothing else: no script, no font, no file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import markupsafe

from .columns import Column
from .findings import by_section, section_of, unmeasured
from .metrics import METRICS
from .metrics.base import SECTIONS, Metric, Result, Section, number
from .metrics.draws import MAX_COMPARED
from .metrics.grading import ALPHA, GRADES, LARGE, NEGLIGIBLE, RANK, SMALL, TONES, Tone
from .pictures.base import REAL, SYNTHETIC, Picture
from .pictures.clocks import frames
from .pictures.correlation import correlations
from .pictures.levels import transitions
from .pictures.maps import maps
from .pictures.marginals import marginal
from .pictures.nearest import closeness
from .pictures.paths import paths
from .pictures.rhythm import rhythms
from .prepare import Case

if TYPE_CHECKING:
    from .compare import Comparison
    from .report import Report

MAX_COLUMNS = 12
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
class Gallery:
    """Pictures of one kind, with the words above them."""

    title: str
    text: str
    pictures: list[Picture]
    key: bool = True
    cut: bool = False
    names: tuple[str, str] = ("real", "synthetic")


@dataclass(frozen=True)
class Chapter:
    """One question: its scores, its table by columns, and its pictures."""

    section: Section
    question: str
    cards: list[Card]
    heads: list[str]
    rows: list[tuple[str, list[dict[str, Any] | None]]]
    galleries: list[Gallery]


def render(report: Report) -> str:
    """Return the page of a report."""
    case = report.case
    shown = _shown(report)
    galleries = _galleries(report, shown)
    measured = by_section(result for result in report.results if result.value is not None)
    chapters = []
    for section, question in SECTIONS.items():
        results = measured.get(section, [])
        if results or any(gallery.pictures for gallery in galleries.get(section, ())):
            heads, rows = _by_column(results, case)
            pictures = [gallery for gallery in galleries.get(section, ()) if gallery.pictures]
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


def render_comparison(comparison: Comparison) -> str:
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
        galleries=[Gallery("Maps of windows", _MAPS, pictures)] if pictures else [],
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


def _leak_first(report: Report) -> list[Any]:
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


def _shown(report: Report) -> list[Column]:
    """Columns to draw: all, or those that the scores find furthest from the real ones, in the tables' order."""
    columns = report.case.columns
    if len(columns) <= MAX_COLUMNS:
        return list(columns)
    far = dict.fromkeys((column.name for column in columns), 0.0)
    for result in report.results:
        for row in result.detail.get("columns", ()):
            if row["column"] in far and row.get("grade") in RANK:
                scale = abs(row.get("worst") or 0.0) + 1e-9
                beyond = min(max((row["value"] - row["real_against_real"]) / scale, 0.0), 1.0)
                far[row["column"]] += RANK[row["grade"]] + beyond
    kept = sorted(columns, key=lambda column: -far[column.name])[:MAX_COLUMNS]
    return [column for column in columns if column in kept]


def _galleries(report: Report, shown: list[Column]) -> dict[Section, list[Gallery]]:
    """All pictures, by the question they belong to."""
    case = report.case
    rows = {
        row["column"]: row
        for result in report.results
        if result.name == "marginals"
        for row in result.detail.get("columns", ())
    }

    def distance(name: str) -> str:
        row = rows.get(name)
        return "" if row is None else f"Distance {row['value']:.3f} (real against real {row['real_against_real']:.3f})."

    def each(draw: Callable[[Case, Column], Picture], columns: list[Column]) -> list[Picture]:
        return [draw(case, column) for column in columns]

    moving = [column for column in shown if not column.static]
    levels = [column for column in moving if column.discrete and (len(column.levels) > 1 or column.kind == "boolean")]
    single = [marginal(case, column, distance(column.name)) for column in shown]
    matrices = correlations(case) if case.channels > 1 else []
    known = any(section_of(result) == "disclosure" and result.value is not None for result in report.results)
    others = "real" if case.holdout is None else "holdout"
    return {
        "apart": [Gallery("Paths", _PATHS, each(paths, moving), cut=True)],
        "columns": [Gallery("Values of each column", _SINGLE, single, cut=True)],
        "time": [
            Gallery("Memory and rhythm", _RHYTHM, rhythms(case, moving), cut=True),
            Gallery("From level to level", _LEVELS, each(transitions, levels), key=False, cut=True),
            Gallery("Lengths and gaps", _FRAMES, frames(case)),
        ],
        "joint": [Gallery("Correlations", _TOGETHER, matrices, key=False)],
        "coverage": [Gallery("Maps of windows", _MAPS, maps(case))],
        "disclosure": [Gallery("Closeness", _CLOSE, closeness(case) if known else [], names=(others, "synthetic"))],
    }


_PATHS = "A few stretches of each side, drawn at random, on the same axes. Look for level, roughness, jumps and rhythm."
_SINGLE = (
    "How often each value occurs, whatever the order in time. The two should cover each other; what lies beyond the "
    "axis is counted in its outermost bars."
)
_RHYTHM = (
    "Left: how strongly a value is tied to the value some steps before. Right: how much of the movement is slow (left) "
    "and fast (right). The two curves should lie together."
)
_LEVELS = "How likely each level (row) is followed by each other one (column). The two should look alike."
_FRAMES = "How long sequences are and how far apart their rows. The two should cover each other."
_TOGETHER = "How the columns move together: red together, blue against each other. The third picture should be pale."
_MAPS = (
    "Each dot is one window. Where the real and the synthetic dots mix, windows resemble each other; a region of one "
    "colour is something that only one side does."
)
_CLOSE = (
    "How far each record is from the closest real one. A peak at the left, where only the synthetic records are, is "
    "what copies look like."
)

PAGES: dict[str, Callable[[Any], str]] = {"report": render, "comparison": render_comparison}
