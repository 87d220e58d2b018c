"""Several synthetic tables side by side, against one real table."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from ..errors import InputError, ParameterError, SchemaError, choose
from .findings import by_section, unmeasured
from .metrics.base import GRADES, SECTIONS, TONES, Result, Section, number
from .reading import Table
from .writing import WIDTH, aligned, dump, show

if TYPE_CHECKING:
    from .report import Report

FORMAT = 1
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
            "format": FORMAT,
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
