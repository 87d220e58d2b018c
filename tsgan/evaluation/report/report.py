"""What the judge found, to print, to compute with, to keep and to show: of one synthetic table, or of several side by
side.
"""

from __future__ import annotations

import importlib.metadata
import json
import textwrap
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from ...errors import InputError, ParameterError, SchemaError, choose
from ..case import Case
from ..metrics.base import GRADES, SECTIONS, TONES, Result, Section, number
from ..reading import Table
from .findings import Finding, by_section, find, section_of, summarise, unmeasured

FORMAT = 2
FIGURES = ("value", "spread", "low", "high", "real_against_real", "worst")


class Report:
    """The judge's findings about one pair of tables.

    Parameters
    ----------
    results : tuple of Result
        One per metric.
    case : Case
        What was judged; the pictures are drawn from it.
    repeats : int
    again : callable, optional
        Judges another synthetic table against the same real one, in the same way.
    """

    def __init__(
        self, results: tuple[Result, ...], case: Case, repeats: int, again: Callable[[Table], Report] | None = None
    ) -> None:
        self.results, self.case, self.repeats, self.again = results, case, repeats, again

    def __getitem__(self, name: str) -> Result:
        """Return one metric's result.

        Raises
        ------
        ParameterError
            If this report does not hold that metric.
        """
        by_name = {result.name: result for result in self.results}
        return by_name[choose("metric", name, by_name)]

    @property
    def findings(self) -> tuple[Finding, Finding, Finding]:
        """What is faithful, what is not, and what is given away."""
        return find(self.results, self.case.holdout is not None)

    @property
    def summary(self) -> str:
        """The findings in a few sentences, a leak before all else."""
        return summarise(self.findings)

    def as_frame(self) -> pd.DataFrame:
        """Return one row per metric.

        Returns
        -------
        DataFrame
            Indexed by metric: section, value, spread, low and high (95 % bootstrap interval, where one applies),
            real_against_real, worst, better, grade, verdict. A figure that could not be computed is missing, and its
            verdict says why.
        """
        rows = [{"section": section_of(r), **_figures(r), **_words(r)} for r in self.results]
        index = pd.Index([r.name for r in self.results], name="metric")
        frame = pd.DataFrame(rows, index, ["section", *FIGURES, "better", "grade", "verdict"])
        return frame.astype(dict.fromkeys(FIGURES, "float64"))

    def compare(self, tables: Mapping[str, Table]) -> Comparison:
        """Judge more synthetic tables against the same real one, in the same way.

        Parameters
        ----------
        tables : mapping of str to DataFrame, Series or array
            Tables by name; this report's own is called "this".

        Raises
        ------
        ParameterError
            If `tables` is no mapping, is empty or has a name that is not allowed, or this report was not made by
            `evaluate`.
        """
        check_tables(tables)
        if "this" in tables:
            raise ParameterError('the name "this" is taken by the report\'s own table; choose another')
        if self.again is None:
            raise ParameterError("this report was not made by evaluate, so it cannot judge another table")
        return Comparison({"this": self, **judge_each(tables, self.again)})

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the pictures as JSON-ready values.

        Returns
        -------
        dict
            - `format`: 2, raised when a key changes its meaning or goes. `tsgan`: the version that wrote it.
            - `settings`: repeats, random_state, window, target, sensitive.
            - `data`: columns (name, kind, static), and sequences and windows of each side (null without holdout), and
              notes: what was left out on the way.
            - `summary`: text. `findings`: three mappings of about ("faithful", "different", "disclosure"), title,
              text, tone ("good", "fair", "unsure", "warn", "bad", "none"), more, and items (pairs of text).
            - `scores`: a mapping per metric: name, section, value, spread, interval ([low, high] or null),
              real_against_real, worst, better ("lower" or "higher"), grade, tone, verdict, and detail with `columns`
              and `parts` (a list of mappings each) where the metric has them. A figure that could not be computed is
              null.
        """
        case = self.case
        sides = {"real": case.real, "synthetic": case.synthetic, "holdout": case.holdout}
        scores = [
            {
                "name": r.name,
                "section": section_of(r),
                **{key: value for key, value in _figures(r).items() if key not in ("low", "high")},
                "interval": r.interval,
                **_words(r),
                "tone": TONES[r.grade],
                "detail": dict(r.detail),
            }
            for r in self.results
        ]
        plain: dict[str, Any] = _plain(
            {
                "format": FORMAT,
                "tsgan": _version(),
                "settings": {
                    "repeats": self.repeats,
                    "random_state": case.random_state,
                    "window": case.window,
                    "target": case.target and case.target.name,
                    "sensitive": case.sensitive and case.sensitive.name,
                },
                "data": {
                    "columns": [{"name": c.name, "kind": c.kind, "static": c.static} for c in case.columns],
                    **{f"{side}_sequences": part and len(part.panel) for side, part in sides.items()},
                    **{f"{side}_windows": part and len(part) for side, part in sides.items()},
                    "notes": case.notes,
                },
                "summary": self.summary,
                "findings": [vars(finding) for finding in self.findings],
                "scores": scores,
            }
        )
        return plain

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Return everything but the pictures as JSON (strictly: a missing figure is null), and write it to `path`."""
        return dump(self.to_dict(), path)

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """Return the whole report with pictures as one self-contained page, and write it to `path`.

        Raises
        ------
        ImportError
            If matplotlib or jinja2 is not installed: ``pip install tsgan[report]``.
        """
        return show("report", self, path)

    def __str__(self) -> str:
        measured = [r for r in self.results if r.value is not None]
        texts = [self.summary]
        for section, members in by_section(measured).items():
            texts += [r_verdict for r in members for r_verdict in _told(section, r)]
        texts += [f"not available: {reason} ({titles})" for titles, reason in unmeasured(self.results)]
        texts += [f"note: {note}" for note in self.case.notes]
        folded = [textwrap.fill(text, WIDTH, subsequent_indent="  ") for text in texts]
        return "\n".join([*_table(measured), *folded])

    def __repr__(self) -> str:
        return f"Report({', '.join(f'{r.name}={number(r.value)}' for r in self.results)})"

    def _repr_html_(self) -> str:
        return str(self.as_frame().to_html(float_format=lambda value: f"{value:.4g}"))


def _table(measured: list[Result]) -> list[str]:
    """The figures as lines of text, under the questions they answer."""
    if not measured:
        return []
    rows: list[tuple[str, ...]] = [("score", "value", "spread", "real/real", "worst", "verdict")]
    questions = {}
    for section, members in by_section(measured).items():
        questions[len(rows)] = SECTIONS[section]
        rows += [
            (f"  {r.name}", *map(number, (r.value, r.spread, r.real_against_real, r.worst)), GRADES[r.grade])
            for r in members
        ]
    lines: list[str] = []
    for i, line in enumerate(aligned(rows)):
        lines += [questions[i], line] if i in questions else [line]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:], ""]


def _told(section: str, result: Result) -> list[str]:
    """The verdict of a score that needs words: those that are not good, every judge's and attack's, and of rules."""
    needed = section in ("apart", "disclosure") or TONES[result.grade] != "good" or result.name == "violations"
    return [f"{result.name}: {result.verdict}"] if needed else []


def _figures(result: Result) -> dict[str, float | None]:
    low, high = result.interval or (None, None)
    return {
        "value": result.value,
        "spread": result.spread,
        "low": low,
        "high": high,
        "real_against_real": result.real_against_real,
        "worst": result.worst,
    }


def _words(result: Result) -> dict[str, str]:
    return {"better": result.better, "grade": result.grade, "verdict": result.verdict}


def _version() -> str | None:
    try:
        return importlib.metadata.version("tsgan")
    except importlib.metadata.PackageNotFoundError:
        return None


def _plain(value: Any) -> Any:
    """Turn NumPy values, tuples and mappings into what JSON knows; a number that is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value


COMPARISON_FORMAT = 1
CHANCE = 0.01
GROWTH = 0.1


class Comparison:
    """Reports on several synthetic tables, judged against one real table in the same way.

    Parameters
    ----------
    reports : mapping of str to Report
        By the table's name; all with the same metrics.

    Attributes
    ----------
    reports : dict of str to Report
    """

    def __init__(self, reports: Mapping[str, Report]) -> None:
        self.reports = dict(reports)

    def __getitem__(self, name: str) -> Report:
        """Return one table's report.

        Raises
        ------
        ParameterError
            If no table has that name.
        """
        return self.reports[choose("table", name, self.reports)]

    @property
    def metrics(self) -> dict[str, Section]:
        """Names of the metrics with the question each belongs to, in the questions' order."""
        first = next(iter(self.reports.values()))
        sections = by_section(first.results)
        return {result.name: section for section, members in sections.items() for result in members}

    def best(self, metric: str) -> list[str]:
        """Return the tables that no other one beats beyond chance.

        Nothing is returned where that says nothing: where it holds for all tables that could be measured. A table
        that only chance tells from the real data is never beaten. Of two others the better one beats the other where
        chance brings a difference as large as theirs less than once in 100 times, reckoned with the spread of real
        against real and of the repeats, the bootstrap interval where there is one, and a tenth of the distance from
        real against real.
        """
        found = {name: report[metric] for name, report in self.reports.items()}
        found = {name: result for name, result in found.items() if result.value is not None}
        kept = [name for name, result in found.items() if not any(_beats(other, result) for other in found.values())]
        return kept if len(kept) < len(found) else []

    def as_frame(self) -> pd.DataFrame:
        """Return one row per metric, and for each of ("value", "grade", "best") one column per table.

        `frame["value"]` is a table of metrics by synthetic tables; a figure that could not be computed is missing.
        """
        columns: dict[tuple[str, str], pd.Series] = {}
        index = pd.Index(list(self.metrics), name="metric")
        for name, report in self.reports.items():
            results = [report[metric] for metric in self.metrics]
            columns["value", name] = pd.Series([r.value for r in results], index, "float64")
            columns["grade", name] = pd.Series([r.grade for r in results], index)
            columns["best", name] = pd.Series([name in self.best(m) for m in self.metrics], index)
        frame = pd.DataFrame(columns, index=index)
        return frame[["value", "grade", "best"]]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the pictures as JSON-ready values.

        Returns
        -------
        dict
            `format`: 1, raised when a key changes its meaning or goes. `best`: a mapping of metric to the names of the
            tables that no other one beats beyond chance (empty where that tells none from another). `tables`: a mapping
            of name to what `Report.to_dict` returns.
        """
        return {
            "format": COMPARISON_FORMAT,
            "best": {metric: self.best(metric) for metric in self.metrics},
            "tables": {name: report.to_dict() for name, report in self.reports.items()},
        }

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Return everything but the pictures as strict JSON, and write it to `path`."""
        return dump(self.to_dict(), path)

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """Return the tables side by side as one self-contained page, and write it to `path`.

        Raises
        ------
        ImportError
            If matplotlib or jinja2 is not installed: ``pip install tsgan[report]``.
        """
        return show("comparison", self, path)

    def __str__(self) -> str:
        names = list(self.reports)
        rows: list[tuple[str, ...]] = [("score", "real/real", *names)]
        questions: dict[int, str] = {}
        for metric, section in self.metrics.items():
            results = [report[metric] for report in self.reports.values()]
            if all(result.value is None for result in results):
                continue
            if SECTIONS[section] not in questions.values():
                questions[len(rows)] = SECTIONS[section]
            best = self.best(metric)
            control = next(result.real_against_real for result in results if result.value is not None)
            cells = (_cell(result, name in best) for name, result in zip(names, results, strict=True))
            rows.append((f"  {metric}", number(control), *cells))
        lines: list[str] = []
        for i, line in enumerate(aligned(rows, last_left=False)):
            lines += [questions[i], line] if i in questions else [line]
        texts = ["* no other table is better beyond chance"] if any(map(self.best, self.metrics)) else []
        texts += [f"{name}: {report.summary}" for name, report in self.reports.items()]
        texts += [f"not available: {reason} ({titles})" for titles, reason in self.unmeasured()]
        folded = [textwrap.fill(text, WIDTH, subsequent_indent="  ") for text in texts]
        return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:], "", *folded])

    def unmeasured(self) -> list[tuple[str, str]]:
        """Return what could not be measured for some table, with the reason, each once."""
        return list(dict.fromkeys(item for report in self.reports.values() for item in unmeasured(report.results)))

    def __repr__(self) -> str:
        return f"Comparison of {list(self.reports)} by {len(self.metrics)} metrics"

    def _repr_html_(self) -> str:
        return str(self.as_frame().to_html(float_format=lambda value: f"{value:.4g}"))


def check_tables(tables: Mapping[str, Table]) -> None:
    """Refuse what is no mapping of names to tables.

    Raises
    ------
    ParameterError
    """
    example = 'pass a mapping of names to tables, such as {"a": df_a, "b": df_b}'
    if not isinstance(tables, Mapping):
        raise ParameterError(f"tables must be a mapping, got {type(tables).__name__}; {example}")
    if not tables:
        raise ParameterError(f"tables is empty; {example}")
    for name in tables:
        if not isinstance(name, str) or not name.strip():
            raise ParameterError(f"{name!r} is no name for a table: it must be text that is not blank; {example}")


def judge_each(tables: Mapping[str, Table], judge: Callable[[Table], Report]) -> dict[str, Report]:
    """Judge each table; an error names the table it is about."""
    reports = {}
    for name, table in tables.items():
        try:
            reports[name] = judge(table)
        except (InputError, SchemaError) as error:
            raise type(error)(f"judging table {name!r}: {error}") from error
    return reports


def _cell(result: Result, best: bool) -> str:
    if result.value is None:
        return "-"
    return f"{number(result.value)} {GRADES[result.grade]}{' *' if best else '  '}"


def _beats(one: Result, two: Result) -> bool:
    """Whether the first is better than the second beyond chance."""
    if one is two or TONES[two.grade] == "good" or one.value is None or two.value is None:
        return False
    gained = (two.value - one.value) * (1 if one.better == "lower" else -1)
    noise = float(np.hypot(_noise(one), _noise(two)))
    return gained > 0 and bool(stats.norm.sf(gained / max(noise, 1e-9)) < CHANCE)


def _noise(result: Result) -> float:
    """Standard deviation of a value from one sample of tables to another, as far as it is known.

    That of real against real holds near it only; with the distance from it chance grows, by about a tenth.
    """
    controls, values = (list(result.detail.get(key, ())) for key in ("real_against_real", "values"))
    drawn = float(np.std(values)) / np.sqrt(max(len(values), 1)) if values else result.spread or 0.0
    kept = (result.interval[1] - result.interval[0]) / (2 * 1.96) if result.interval else 0.0
    near = max(float(np.std(controls)) if controls else 0.0, kept)
    far = GROWTH * abs((result.value or 0.0) - (result.real_against_real or 0.0))
    return float(np.sqrt(near**2 + drawn**2 + far**2))


WIDTH = 100


def dump(document: Mapping[str, Any], path: str | PathLike[str] | None) -> str:
    """Return a document as strict JSON, and write it to `path`."""
    text = json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False)
    if path is not None:
        Path(path).write_text(text + "\n", encoding="utf-8")
    return text


def show(kind: Literal["report", "comparison"], judged: Any, path: str | PathLike[str] | None) -> str:
    """Return a report or a comparison as a page, and write it to `path`.

    Raises
    ------
    ImportError
        If matplotlib or jinja2 is not installed.
    """
    try:
        from .page import PAGES
    except ImportError as error:
        raise ImportError(
            f"the report's pictures need {error.name}; install it with: pip install tsgan[report]"
        ) from error
    text = PAGES[kind](judged)
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


def aligned(rows: list[tuple[str, ...]], last_left: bool = True) -> list[str]:
    """Columns of text as lines: names and words to the left, figures to the right."""
    last = len(rows[0]) - 1
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        left = (0, last) if last_left else (0,)
        cells = [
            text.ljust(w) if i in left else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
