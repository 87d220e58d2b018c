"""Which pictures stand under which question, and the words above them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..case import Case
from ..columns import Column
from ..metrics.base import RANK, Result, Section
from .by_column import marginal, paths, rhythms, transitions
from .by_table import closeness, correlations, frames, maps
from .findings import section_of
from .pictures import Picture

MAX_COLUMNS = 12


@dataclass(frozen=True)
class Gallery:
    """Pictures of one kind, with the words above them."""

    title: str
    text: str
    pictures: list[Picture]
    key: bool = True
    cut: bool = False
    names: tuple[str, str] = ("real", "synthetic")


def furthest(results: Sequence[Result], case: Case) -> list[Column]:
    """Return the columns to draw: all, or those that the scores find furthest off, in the order of the tables."""
    columns = case.columns
    if len(columns) <= MAX_COLUMNS:
        return list(columns)
    far = dict.fromkeys((column.name for column in columns), 0.0)
    for result in results:
        for row in result.detail.get("columns", ()):
            if row["column"] in far and row.get("grade") in RANK:
                scale = abs(row.get("worst") or 0.0) + 1e-9
                beyond = min(max((row["value"] - row["real_against_real"]) / scale, 0.0), 1.0)
                far[row["column"]] += RANK[row["grade"]] + beyond
    kept = sorted(columns, key=lambda column: -far[column.name])[:MAX_COLUMNS]
    return [column for column in columns if column in kept]


def galleries(results: Sequence[Result], case: Case, columns: list[Column]) -> dict[Section, list[Gallery]]:
    """Return all pictures, by the question they belong to."""
    rows = {
        row["column"]: row
        for result in results
        if result.name == "marginals"
        for row in result.detail.get("columns", ())
    }

    def distance(name: str) -> str:
        row = rows.get(name)
        return "" if row is None else f"Distance {row['value']:.3f} (real against real {row['real_against_real']:.3f})."

    def each(draw: Callable[[Case, Column], Picture], some: list[Column]) -> list[Picture]:
        return [draw(case, column) for column in some]

    moving = [column for column in columns if not column.static]
    levels = [column for column in moving if column.discrete and (len(column.levels) > 1 or column.kind == "boolean")]
    single = [marginal(case, column, distance(column.name)) for column in columns]
    matrices = correlations(case) if case.channels > 1 else []
    known = any(section_of(result) == "disclosure" and result.value is not None for result in results)
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
        "coverage": [Gallery("Maps of windows", MAPS, maps(case))],
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
MAPS = (
    "Each dot is one window. Where the real and the synthetic dots mix, windows resemble each other; a region of one "
    "colour is something that only one side does."
)
_CLOSE = (
    "How far each record is from the closest real one. A peak at the left, where only the synthetic records are, is "
    "what copies look like."
)
