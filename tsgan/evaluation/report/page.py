"""A report, or a comparison of several, as one page of HTML that needs nothing else: no script, no font, no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jinja2
import markupsafe
import numpy as np

from ...version import __version__
from ..case import Case
from ..columns import Column
from ..metrics import METRICS
from ..metrics.base import (
    ALPHA,
    GRADES,
    LARGE,
    NEGLIGIBLE,
    RANK,
    SECTIONS,
    SMALL,
    TONES,
    Result,
    Section,
    number,
)
from ..metrics.draws import MAX_COMPARED
from .findings import Finding, by_section, section_of, unmeasured
from .pictures import (
    REAL,
    SYNTHETIC,
    Picture,
    closeness,
    correlations,
    frames,
    maps,
    marginal,
    paths,
    rhythms,
    transitions,
)

TEMPLATES = Path(__file__).with_name("pages")
MAX_COLUMNS = 12  # of which pictures are drawn; with more a page grows beyond a few megabytes


class Judged(Protocol):
    """What a page shows of a report."""

    results: tuple[Result, ...]
    case: Case
    repeats: int

    @property
    def findings(self) -> tuple[Finding, Finding, Finding]:
        """What is faithful, what is not, and what is given away."""


@dataclass(frozen=True)
class Card:
    """One score as the page shows it."""

    result: Result
    place: float | None  # percent of the way from real against real to useless; None where there is no such place
    band: tuple[float, float] | None  # percent at which the interval (or else the spread) begins, and how wide it is
    right: tuple[float, ...]  # shares of real and of synthetic windows that a judge was right on, if any


@dataclass(frozen=True)
class Gallery:
    """Pictures of one kind, with the words above them."""

    title: str
    text: str
    pictures: list[Picture]
    key: bool = True  # whether to say which colour is which side
    cut: bool = False  # whether it shows some columns only, where there are many
    names: tuple[str, str] = ("real", "synthetic")


@dataclass(frozen=True)
class Chapter:
    """One question: its scores, its table by columns, and its pictures."""

    section: Section
    cards: list[Card]
    heads: list[str]
    rows: list[tuple[str, list[dict[str, Any] | None]]]
    galleries: list[Gallery]


def report_page(report: Judged) -> str:
    """Return the page of a report."""
    case = report.case
    shown = furthest(report.results, case)
    drawn = _galleries(report.results, case, shown)
    measured = by_section(result for result in report.results if result.value is not None)
    chapters = []
    for section in SECTIONS:
        results = measured.get(section, [])
        pictures = [gallery for gallery in drawn.get(section, ()) if gallery.pictures]
        if results or pictures:
            heads, rows = _by_column(results, case)
            chapters.append(Chapter(section, [_card(result) for result in results], heads, rows, pictures))
    return _fill(
        "report.html",
        case=case,
        repeats=report.repeats,
        chapters=chapters,
        findings=_leak_first(report),
        unmeasured=unmeasured(report.results),
        left_out=len(case.columns) - len(shown),
        definitions=by_section(report.results),
    )


def comparison_page(reports: Mapping[str, Judged], best: Mapping[str, list[str]]) -> str:
    """Return the page of several reports side by side; `best` names the tables to mark, by metric."""
    first = next(iter(reports.values()))
    definitions = by_section(first.results)
    cards = [{result.name: _card(result) for result in report.results} for report in reports.values()]
    chapters: dict[Section, list[tuple[str, list[Card]]]] = {}
    for section, members in definitions.items():
        for name in (result.name for result in members):
            row = [table[name] for table in cards]
            if any(card.result.value is not None for card in row):
                chapters.setdefault(section, []).append((name, row))
    pictures = [
        Picture(picture.svg, f"Table {name}. {picture.alt}", f"{name}: {picture.caption}")
        for name, report in reports.items()
        for picture in maps(report.case, near=False)
    ]
    return _fill(
        "comparison.html",
        names=list(reports),
        case=first.case,
        chapters=chapters,
        best=best,
        findings={name: _leak_first(report) for name, report in reports.items()},
        notes=list(dict.fromkeys(note for report in reports.values() for note in report.case.notes)),
        unmeasured=list(dict.fromkeys(item for report in reports.values() for item in unmeasured(report.results))),
        galleries=[Gallery("Maps of windows", MAPS, pictures)] if pictures else [],
        definitions=definitions,
    )


def _fill(template: str, **context: Any) -> str:
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return pages.get_template(template).render(
        **context,
        version=__version__,
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


def _leak_first(report: Judged) -> list[Finding]:
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
    accuracies = [result.detail[name] for name in ("accuracy_real", "accuracy_synthetic") if name in result.detail]
    return Card(result, place, band, tuple(float(np.mean(accuracy)) for accuracy in accuracies))


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


def furthest(results: Sequence[Result], case: Case) -> list[Column]:
    """Return the columns to draw: all, or those that the scores find furthest off, in the order of the tables."""
    far = dict.fromkeys((column.name for column in case.columns), 0.0)
    for result in results:
        for row in result.detail.get("columns", ()):
            if row["column"] in far and row.get("grade") in RANK:
                scale = abs(row.get("worst") or 0.0) + 1e-9
                beyond = min(max((row["value"] - row["real_against_real"]) / scale, 0.0), 1.0)
                far[row["column"]] += RANK[row["grade"]] + beyond
    kept = sorted(case.columns, key=lambda column: -far[column.name])[:MAX_COLUMNS]
    return [column for column in case.columns if column in kept]


MAPS = (
    "Each dot is one window. Where the real and the synthetic dots mix, windows resemble each other; a region of one "
    "colour is something that only one side does."
)


def _galleries(results: Sequence[Result], case: Case, columns: list[Column]) -> dict[Section, list[Gallery]]:
    """Which pictures stand under which question."""
    moving = [column for column in columns if not column.static and case.window > 1]
    levels = [column for column in moving if column.discrete and (len(column.levels) > 1 or column.kind == "boolean")]
    rows = {
        row["column"]: f"Distance {row['value']:.3f} (real against real {row['real_against_real']:.3f})."
        for result in results
        if result.name == "marginals"
        for row in result.detail.get("columns", ())
    }
    known = any(section_of(result) == "disclosure" and result.value is not None for result in results)
    return {
        "apart": [
            Gallery(
                "Paths",
                "A few stretches of each side, drawn at random, on the same axes. Look for level, roughness, jumps and "
                "rhythm.",
                [paths(case, column) for column in moving],
                cut=True,
            )
        ],
        "columns": [
            Gallery(
                "Values of each column",
                "How often each value occurs, whatever the order in time. The two should cover each other; what lies "
                "beyond the axis is counted in its outermost bars.",
                [marginal(case, column, rows.get(column.name, "")) for column in columns],
                cut=True,
            )
        ],
        "time": [
            Gallery(
                "Memory and rhythm",
                "Left: how strongly a value is tied to the value some steps before. Right: how much of the movement is "
                "slow (left) and fast (right). The two curves should lie together.",
                rhythms(case, moving),
                cut=True,
            ),
            Gallery(
                "From level to level",
                "How likely each level (row) is followed by each other one (column). The two should look alike.",
                [transitions(case, column) for column in levels],
                key=False,
                cut=True,
            ),
            Gallery(
                "Lengths and gaps",
                "How long sequences are and how far apart their rows. The two should cover each other.",
                frames(case),
            ),
        ],
        "joint": [
            Gallery(
                "Correlations",
                "How the columns move together: red together, blue against each other. The third picture should be "
                "pale.",
                correlations(case) if case.channels > 1 else [],
                key=False,
            )
        ],
        "coverage": [Gallery("Maps of windows", MAPS, maps(case))],
        "disclosure": [
            Gallery(
                "Closeness",
                "How far each record is from the closest real one. A peak at the left, where only the synthetic "
                "records are, is what copies look like.",
                closeness(case) if known else [],
                names=("real" if case.holdout is None else "holdout", "synthetic"),
            )
        ],
    }
