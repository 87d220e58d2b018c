"""What the judge found, to print, to compute with, to keep and to show."""

from __future__ import annotations

import importlib.metadata
import textwrap
from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ParameterError, choose
from .case import Case
from .comparison import Comparison, check_tables, judge_each
from .findings import Finding, by_section, find, section_of, summarise, unmeasured
from .metrics.base import GRADES, SECTIONS, TONES, Result, number
from .reading import Table
from .writing import WIDTH, aligned, dump, show

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
