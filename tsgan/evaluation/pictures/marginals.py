"""Single columns: both distributions, one over the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ...panel import Windows
from ..case import Case
from ..columns import Column
from .base import REAL, SYNTHETIC, Doubles, Picture, bins, both_sides, draw, levels_of, overlay, short


def marginal(case: Case, column: Column, distance: str) -> Picture:
    """Both distributions of one column, one over the other; a missing value counts in categories only."""
    sides = [_rows(side, column) for side in both_sides(case)]

    def plot(figure: Figure) -> None:
        axis: Any = figure.subplots()
        if column.discrete:
            _bars(axis, sides, column)
        else:
            overlay(axis, sides, bins(*sides))
        axis.set_ylabel("share of rows")

    kind = "bars of the levels' shares" if column.discrete else "histograms"
    unit = " (days since the first)" if column.kind == "datetime" else ""
    alt = f"Overlaid {kind} of column {column.name}, real and synthetic. {distance}"
    return Picture(draw(plot, 3.2, 1.9), alt, f"{column.name}{unit}. {distance}")


def _rows(side: Windows, column: Column) -> Doubles:
    """All rows of a column in its own unit; one row per sequence of a static one."""
    panel = side.panel
    rows = panel.values[panel.offsets[:-1][panel.lengths > 0] if column.static else slice(None)]
    if column.kind != "category" and column.present(rows).any():
        rows = rows[column.present(rows)]
    return column.units(rows[:, column.channels])


def _bars(axis: Any, sides: list[Doubles], column: Column) -> None:
    levels = levels_of(column)
    count = len(levels)
    for side, colour, shift in zip(sides, (REAL, SYNTHETIC), (-0.2, 0.2), strict=True):
        share = np.bincount(side.astype(int), minlength=count) / len(side)
        axis.bar(np.arange(count) + shift, share, 0.4, color=colour)
    shown = range(count) if count <= 12 else range(0, count, count // 8)
    names = [short(levels[i]) for i in shown]
    axis.set_xticks(list(shown), names, parse_math=False, rotation=90 if count > 4 else 0)
