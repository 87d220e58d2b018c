"""Findings as lines of text, as strict JSON and as a page: what reports and comparisons share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal

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
        from .report_page import PAGES
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
