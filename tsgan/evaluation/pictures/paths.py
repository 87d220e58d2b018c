"""Paths: a few stretches of each side on the same axes."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from ...panel import Windows
from ..case import Case
from ..columns import Column
from .base import REAL, SYNTHETIC, Doubles, Picture, both_sides, draw, levels_of, short

SERIES = 5
STRETCH = 120


def paths(case: Case, column: Column) -> Picture:
    """A few real sequences beside a few synthetic ones, on the same axes."""
    longest = [int(side.panel.lengths.max()) for side in both_sides(case)]
    steps = max(min(*longest, STRETCH), case.window)
    sides = [_stretches(side, column, steps, case.rng(f"paths {side is case.real}")) for side in both_sides(case)]

    def plot(figure: Figure) -> None:
        axes: Any = figure.subplots(1, 2, sharex=True, sharey=True)
        for axis, lines, colour, title in zip(axes, sides, (REAL, SYNTHETIC), ("real", "synthetic"), strict=True):
            axis.set_title(title, fontsize=8)
            axis.set_xlabel("step")
            if column.discrete:
                _strips(axis, lines, max(len(column.levels), 2))
            else:
                axis.plot(lines.T, color=colour, alpha=0.75)
        if column.discrete:
            _key(figure.colorbar(axes[1].images[0], ax=axes, aspect=12), column)

    count = " and ".join(f"{len(side)} {name}" for side, name in zip(sides, ("real", "synthetic"), strict=True))
    alt = f"{count} stretches of {steps} steps of column {column.name}, side by side on the same axes."
    return Picture(draw(plot, 3.7, 1.75), alt, column.name)


def _stretches(side: Windows, column: Column, steps: int, rng: np.random.Generator) -> Doubles:
    """A few stretches of sequences, `(series, steps)`, with gaps where a sequence is shorter or a value missing."""
    panel = side.panel
    starts = rng.permutation(panel.lengths.sum())[: 200 * SERIES]
    sequence = np.searchsorted(panel.offsets, starts, side="right") - 1
    room = panel.offsets[sequence + 1] - starts
    starts = starts[np.argsort(-np.minimum(room, steps), kind="stable")][:SERIES]
    rows = starts[:, None] + np.arange(steps)
    sequence = np.searchsorted(panel.offsets, starts, side="right") - 1
    inside = rows < panel.offsets[sequence + 1][:, None]
    found = panel.values[np.where(inside, rows, 0)]
    shown = inside if column.discrete else inside & column.present(found)
    return np.where(shown, column.units(found[:, :, column.channels]), np.nan)


def _strips(axis: Any, lines: Doubles, levels: int) -> None:
    """One strip per sequence, its colour the level; one row more of nothing between them."""
    rows = np.full((2 * len(lines) - 1, lines.shape[1]), np.nan)
    rows[::2] = lines
    palette: Any = mpl.colormaps["Set2" if levels <= 8 else "tab20" if levels <= 20 else "viridis"]
    colours = ListedColormap(palette.colors[:levels]) if levels <= 20 else palette.resampled(levels)
    axis.imshow(rows, vmin=-0.5, vmax=levels - 0.5, cmap=colours, aspect="auto", interpolation="nearest")
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)


def _key(bar: Any, column: Column) -> None:
    levels = levels_of(column)
    shown = range(len(levels)) if len(levels) <= 12 else range(0, len(levels), len(levels) // 8)
    bar.set_ticks(list(shown), labels=[short(levels[i]) for i in shown], parse_math=False)
    bar.outline.set_visible(False)
