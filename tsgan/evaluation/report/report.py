"""What the judge found, to print, to compute with, to keep and to show: of one synthetic table, or of several side by
side.
"""

from __future__ import annotations

import json
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ...errors import InputError, ParameterError, SchemaError, choose
from ...printing import aligned
from ...unfinished import write_text
from ...version import __version__
from ..case import Case
from ..excerpts import Judged
from ..metrics.base import GRADES, SECTIONS, TONES, Result, Section, number
from .findings import Finding, by_section, find, section_of, summarise, unmeasured

REPORT_FORMAT, COMPARISON_FORMAT = 2, 1
FIGURES = ("value", "spread", "low", "high", "real_against_real", "worst")
WIDTH = 100  # characters of a printed line
CHANCE_OF_BETTER = 0.01  # a table beats another where chance brings such a difference less often
GROWTH_OF_NOISE = 0.1  # by which share of the distance from real against real chance grows


class Document(ABC):
    """What the judge found, in each form in which it leaves."""

    @abstractmethod
    def as_frame(self) -> pd.DataFrame:
        """Return one row per metric."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return everything but the pictures as JSON-ready values."""

    @abstractmethod
    def _page(self) -> str: ...

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Return everything but the pictures as JSON (strictly: a missing figure is null), and write it to `path`."""
        text = json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False)
        if path is not None:
            write_text(Path(path), text + "\n")
        return text

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """Return everything with pictures as one self-contained page, and write it to `path`.

        Raises
        ------
        ImportError
            If matplotlib or jinja2 is not installed: ``pip install tsgan[report]``.
        """
        try:
            text = self._page()
        except ImportError as error:
            raise ImportError(
                f"the report's pictures need {error.name}; install it with: pip install tsgan[report]"
            ) from error
        if path is not None:
            write_text(Path(path), text)
        return text

    def _repr_html_(self) -> str:
        return str(self.as_frame().to_html(float_format=lambda value: f"{value:.4g}"))


class Report(Document):
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
        self, results: tuple[Result, ...], case: Case, repeats: int, again: Callable[[Judged], Report] | None = None
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
        names = ("section", *FIGURES, "better", "grade", "verdict")
        rows = []
        for result in self.results:
            low, high = result.interval or (None, None)
            known = {**vars(result), "section": section_of(result), "low": low, "high": high}
            rows.append([known[name] for name in names])
        index = pd.Index([result.name for result in self.results], name="metric")
        return pd.DataFrame(rows, index, names).astype(dict.fromkeys(FIGURES, "float64"))

    def compare(self, tables: Mapping[str, Judged]) -> Comparison:
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
              notes: what was left out on the way, and drawn: of each table in parquet files, by side, rows and
              sequences that were judged, `of_rows` and `of_sequences` of the table, and whether they are blocks.
            - `summary`: text. `findings`: three mappings of about ("faithful", "different", "disclosure"), title,
              text, tone ("good", "fair", "unsure", "warn", "bad", "none"), more, and items (pairs of text).
            - `scores`: a mapping per metric: name, section, value, spread, interval ([low, high] or null),
              real_against_real, worst, better ("lower" or "higher"), grade, tone, verdict, and detail with `columns`
              and `parts` (a list of mappings each) where the metric has them. A figure that could not be computed is
              null.
        """
        case = self.case
        sides = {"real": case.real, "synthetic": case.synthetic, "holdout": case.holdout}
        plain: dict[str, Any] = _plain(
            {
                "format": REPORT_FORMAT,
                "tsgan": __version__,
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
                    "drawn": {side: part.told for side, part in case.drawn.items()},
                },
                "summary": self.summary,
                "findings": [vars(finding) for finding in self.findings],
                "scores": [
                    {
                        "name": r.name,
                        "section": section_of(r),
                        "value": r.value,
                        "spread": r.spread,
                        "real_against_real": r.real_against_real,
                        "worst": r.worst,
                        "interval": r.interval,
                        "better": r.better,
                        "grade": r.grade,
                        "verdict": r.verdict,
                        "tone": TONES[r.grade],
                        "detail": r.detail,
                    }
                    for r in self.results
                ],
            }
        )
        return plain

    def _page(self) -> str:
        from .page import report_page

        return report_page(self)

    def __str__(self) -> str:
        measured = by_section(result for result in self.results if result.value is not None)
        rows = {
            section: [
                (r.name, *map(number, (r.value, r.spread, r.real_against_real, r.worst)), GRADES[r.grade])
                for r in results
            ]
            for section, results in measured.items()
        }
        head = ("score", "value", "spread", "real/real", "worst", "verdict")
        lines = _under_questions(head, rows, range(1, 5)) if rows else []
        texts = [self.summary]
        for section, results in measured.items():
            always = section in ("apart", "disclosure")
            texts += [
                f"{r.name}: {r.verdict}"
                for r in results
                if always or TONES[r.grade] != "good" or r.name == "violations"
            ]
        texts += [f"not available: {reason} ({titles})" for titles, reason in unmeasured(self.results)]
        texts += [f"note: {note}" for note in self.case.notes]
        return "\n".join([*lines, *_folded(texts)])

    def __repr__(self) -> str:
        return f"Report({', '.join(f'{r.name}={number(r.value)}' for r in self.results)})"


class Comparison(Document):
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

    def _page(self) -> str:
        from .page import comparison_page

        return comparison_page(self.reports, {metric: self.best(metric) for metric in self.metrics})

    def __str__(self) -> str:
        rows: dict[Section, list[tuple[str, ...]]] = {}
        for metric, section in self.metrics.items():
            results = {name: report[metric] for name, report in self.reports.items()}
            controls = [result.real_against_real for result in results.values() if result.value is not None]
            if controls:
                best = self.best(metric)
                cells = (_cell(result, name in best) for name, result in results.items())
                rows.setdefault(section, []).append((metric, number(controls[0]), *cells))
        lines = _under_questions(("score", "real/real", *self.reports), rows, range(1, 2 + len(self.reports)))
        texts = ["* no other table is better beyond chance"] if any(map(self.best, self.metrics)) else []
        texts += [f"{name}: {report.summary}" for name, report in self.reports.items()]
        reasons = dict.fromkeys(reason for report in self.reports.values() for reason in unmeasured(report.results))
        texts += [f"not available: {reason} ({titles})" for titles, reason in reasons]
        return "\n".join([*lines, *_folded(texts)])

    def __repr__(self) -> str:
        return f"Comparison of {list(self.reports)} by {len(self.metrics)} metrics"


def check_tables(tables: Mapping[str, Judged]) -> None:
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


def judge_each(tables: Mapping[str, Judged], judge: Callable[[Judged], Report]) -> dict[str, Report]:
    """Judge each table; an error names the table it is about."""
    reports = {}
    for name, table in tables.items():
        try:
            reports[name] = judge(table)
        except (InputError, SchemaError) as error:
            raise type(error)(f"judging table {name!r}: {error}") from error
    return reports


def _plain(value: Any) -> Any:
    """Turn NumPy values, tuples and mappings into what JSON knows; a number that is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _under_questions(
    head: Sequence[str], rows: Mapping[Section, list[tuple[str, ...]]], right: Sequence[int]
) -> list[str]:
    """A table as lines of text, its rows indented under the questions they answer, and an empty line after it."""
    indented = [("  " + name, *cells) for members in rows.values() for name, *cells in members]
    first, _, *rest = aligned([head, *indented], right)
    lines: list[str] = []
    for section, members in rows.items():
        lines += [SECTIONS[section], *rest[: len(members)]]
        rest = rest[len(members) :]
    return [first, "-" * max(map(len, [first, *lines])), *lines, ""]


def _folded(texts: Sequence[str]) -> list[str]:
    return [textwrap.fill(text, WIDTH, subsequent_indent="  ") for text in texts]


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
    return gained > 0 and bool(stats.norm.sf(gained / max(noise, 1e-9)) < CHANCE_OF_BETTER)


def _noise(result: Result) -> float:
    """Standard deviation of a value from one sample of tables to another, as far as it is known.

    That of real against real holds near it only; with the distance from it chance grows, by about a tenth.
    """
    controls, values = (list(result.detail.get(key, ())) for key in ("real_against_real", "values"))
    drawn = float(np.std(values)) / np.sqrt(max(len(values), 1)) if values else result.spread or 0.0
    kept = (result.interval[1] - result.interval[0]) / (2 * 1.96) if result.interval else 0.0
    near = max(float(np.std(controls)) if controls else 0.0, kept)
    far = GROWTH_OF_NOISE * abs((result.value or 0.0) - (result.real_against_real or 0.0))
    return float(np.sqrt(near**2 + drawn**2 + far**2))
