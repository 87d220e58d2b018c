"""Levels in time: how likely a category is followed by each other one."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ...panel import Windows
from ..case import Case
from ..columns import Column
from .base import Doubles, Picture, both_sides, draw, levels_of, short

MOST = 10


def transitions(case: Case, column: Column) -> Picture:
    """Matrices of the chance that one level is followed by another, of the most frequent levels."""
    names = levels_of(column)
    counts = [_counts(side, column, len(names)) for side in both_sides(case)]
    common = np.sort(np.argsort(-counts[0].sum(axis=1), kind="stable")[:MOST])
    sides = [_shares(pairs)[np.ix_(common, common)] for pairs in counts]
    labels = [short(names[i], 10) for i in common]

    def plot(figure: Figure) -> None:
        axes: Any = figure.subplots(1, 2, sharey=True)
        for axis, matrix, title in zip(axes, sides, ("real", "synthetic"), strict=True):
            image = axis.imshow(matrix, vmin=0, vmax=1, cmap="Blues", interpolation="nearest")
            axis.set_title(title, fontsize=8)
            axis.set_xlabel("next")
            axis.set_xticks(range(len(labels)), labels, parse_math=False, rotation=90, fontsize=7)
            if len(labels) <= 5:
                for (row, place), share in np.ndenumerate(np.nan_to_num(matrix)):
                    ink = "white" if share > 0.55 else "#1d2430"
                    axis.text(place, row, f"{share:.2f}", ha="center", va="center", fontsize=6.5, color=ink)
        axes[0].set_ylabel("now")
        axes[0].set_yticks(range(len(labels)), labels, parse_math=False, fontsize=7)
        if len(labels) > 5:
            figure.colorbar(image, ax=axes, shrink=0.7).outline.set_linewidth(0.4)

    stays = " and ".join(f"{np.nan_to_num(np.diag(matrix)).mean():.2f}" for matrix in sides)
    alt = (
        f"Transition matrices of column {column.name}, real and synthetic: the mean chance of {len(labels)} levels to "
        f"stay as they are is {stays}."
    )
    left_out = f" (its {len(labels)} most frequent levels)" if len(labels) < len(names) else ""
    return Picture(draw(plot, 3.7, 2.3), alt, f"{column.name}{left_out}")


def _counts(side: Windows, column: Column, levels: int) -> Doubles:
    """How often each level is followed by each other one in a sequence, `(levels, levels)`."""
    values = side.panel.values
    codes = column.units(values[:, column.channels]).astype(np.int64)
    within = np.ones(len(codes), dtype=bool)
    within[np.maximum(side.panel.offsets[1:] - 1, 0)] = False
    if column.kind != "category":
        known = column.present(values)
        within &= known & np.roll(known, -1)
    now = np.flatnonzero(within)
    return np.bincount(codes[now] * levels + codes[now + 1], minlength=levels**2).reshape(levels, levels).astype(float)


def _shares(counts: Doubles) -> Doubles:
    """Share of each next level after each level; not a number for a level that is never left."""
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0))
