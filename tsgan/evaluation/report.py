"""What the judge found, to print, to compute with, to keep and to show."""

from __future__ import annotations

import importlib.metadata
import json
import textwrap
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import choose
from .metrics import METRICS
from .metrics.base import Result, number
from .metrics.grading import GRADES
from .prepare import Case
from .reading import Table

FORMAT = 1
FIGURES = ("value", "spread", "real_against_real", "worst")


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
    def summary(self) -> str:
        """The findings in a sentence or two."""
        found = [result for result in self.results if result.value is not None]
        if not found:
            return "Nothing could be measured; the table says why."
        groups = {
            grade: [METRICS[result.name].title.lower() for result in found if result.grade == grade] for grade in GRADES
        }
        bad, good = groups["far"] + groups["visible"], groups["faithful"] + groups["close"]
        unclear = groups["unclear"]
        parts = []
        if good and not bad and not unclear:
            nearly = f", or nearly so ({_listed(groups['close'])})" if groups["close"] else ""
            parts.append(
                "By every score here the synthetic table is as close to the real one as real data are to themselves"
            )
            parts[0] += f"{nearly}."
        elif bad and not good and not unclear:
            parts.append(
                f"The synthetic table differs visibly from the real one in all that was measured: {_listed(bad)}."
            )
        else:
            for words, names in (
                ("Faithful or close", good),
                ("Visibly different", bad),
                ("Too few data to say", unclear),
            ):
                if names:
                    parts.append(f"{words}: {_listed(names)}.")
        parts.append(
            "These scores say how close it is, not whether it gives away real records: a copy would pass them."
        )
        return " ".join(parts)

    def as_frame(self) -> pd.DataFrame:
        """Return one row per metric: value, spread, real against real, worst, better, grade, verdict.

        A figure that could not be computed is missing, and its verdict says why.
        """
        rows = [
            {**{key: getattr(r, key) for key in (*FIGURES, "better", "grade", "verdict")}, "metric": r.name}
            for r in self.results
        ]
        return pd.DataFrame(rows).set_index("metric").astype(dict.fromkeys(FIGURES, "float64"))

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the pictures as JSON-ready values."""
        case = self.case
        scores = [
            {
                **{key: getattr(r, key) for key in ("name", *FIGURES, "better", "grade", "verdict")},
                "detail": dict(r.detail),
            }
            for r in self.results
        ]
        plain: dict[str, Any] = _plain(
            {
                "format": FORMAT,
                "tsgan": _version(),
                "settings": {"repeats": self.repeats, "random_state": case.random_state, "window": case.window},
                "data": {
                    "columns": [{"name": c.name, "kind": c.kind, "static": c.static} for c in case.columns],
                    "real_sequences": len(case.real.panel),
                    "synthetic_sequences": len(case.synthetic.panel),
                    "real_windows": len(case.real),
                    "synthetic_windows": len(case.synthetic),
                    "notes": case.notes,
                },
                "summary": self.summary,
                "scores": scores,
            }
        )
        return plain

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Return everything but the pictures as JSON (strictly: a missing figure is null), and write it to `path`."""
        text = json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """Return the whole report with pictures as one self-contained page, and write it to `path`.

        Raises
        ------
        ImportError
            If matplotlib or jinja2 is not installed: ``pip install tsgan[report]``.
        """
        try:
            from .report_page import render
        except ImportError as error:
            raise ImportError(
                f"the report's pictures need {error.name}; install it with: pip install tsgan[report]"
            ) from error
        text = render(self)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def __str__(self) -> str:
        heads = ("score", "value", "spread", "real/real", "useless", "verdict")
        rows = [heads] + [
            (r.name, *(number(getattr(r, key)) for key in FIGURES), GRADES[r.grade]) for r in self.results
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
        lines = ["  ".join(_padded(row, widths)).rstrip() for row in rows]
        lines.insert(1, "-" * max(map(len, lines)))
        words = [f"{r.name}: {r.verdict}" for r in self.results] + [f"note: {note}" for note in self.case.notes]
        folded = [textwrap.fill(text, 100, subsequent_indent="  ") for text in [*words, self.summary]]
        return "\n".join([*lines, "", *folded])

    def __repr__(self) -> str:
        return f"Report({', '.join(f'{r.name}={number(r.value)}' for r in self.results)})"

    def _repr_html_(self) -> str:
        return str(self.as_frame().to_html(float_format=lambda value: f"{value:.4g}"))


def _padded(row: tuple[str, ...], widths: list[int]) -> list[str]:
    """Names and words to the left, figures to the right."""
    last = len(row) - 1
    return [
        text.ljust(width) if i in (0, last) else text.rjust(width)
        for i, (text, width) in enumerate(zip(row, widths, strict=True))
    ]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


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
