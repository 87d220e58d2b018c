"""Columns together: correlation matrices side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..case import Case
from ..metrics.correlation import cross_correlation
from .base import Doubles, Picture, both_sides, draw, short, some

WINDOWS = 4000


def correlations(case: Case) -> list[Picture]:
    """Return correlation matrices of real and of synthetic data and their difference."""
    one, two = (cross_correlation(some(side, case, WINDOWS), [0])[0] for side in both_sides(case))
    names = [
        f"{c.name}={level}" if level else c.name
        for c in case.columns
        for level in (c.levels or ("", "missing")[: 1 + c.gaps])
    ]
    found = []
    for matrix, title in ((one, "real"), (two, "synthetic"), (two - one, "synthetic less real")):

        def plot(figure: Figure, matrix: Doubles = matrix) -> None:
            axis: Any = figure.subplots()
            image = axis.imshow(matrix, vmin=-1, vmax=1, cmap="RdBu_r", interpolation="nearest")
            figure.colorbar(image, shrink=0.8).outline.set_linewidth(0.4)
            if len(names) <= 20:
                size = 7 if len(names) <= 10 else 5
                axis.set_xticks(
                    range(len(names)), [short(n) for n in names], rotation=90, fontsize=size, parse_math=False
                )
                axis.set_yticks(range(len(names)), [short(n) for n in names], fontsize=size, parse_math=False)

        alt = f"Correlation matrix of {len(names)} channels: {title}. Mean absolute value {np.abs(matrix).mean():.2f}."
        found.append(Picture(draw(plot, 3.2, 2.8), alt, title))
    return found
