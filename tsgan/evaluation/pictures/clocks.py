"""The frame of time: how long sequences are, and how far apart their rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ...panel import Panel
from ..case import Case
from .base import Doubles, Picture, bins, draw, overlay


def frames(case: Case) -> list[Picture]:
    """Histograms of lengths and of gaps between time stamps, where they vary in some table."""
    found = []
    panels = case.real.panel, case.synthetic.panel
    lengths = [panel.lengths.astype(np.float64) for panel in panels]
    if min(map(len, lengths)) > 1 and len(np.unique(np.concatenate(lengths))) > 1:
        found.append(_histogram(lengths, "length of a sequence (steps)", "sequences"))
    clocks = case.clocks or {}
    if "real" in clocks and "synthetic" in clocks:
        gaps = [_gaps(clocks[side], panel) for side, panel in zip(("real", "synthetic"), panels, strict=True)]
        if all(map(len, gaps)) and not np.allclose(np.concatenate(gaps), gaps[0][0]):
            found.append(_histogram(gaps, "gap to the row before (days, or the clock's unit)", "gaps"))
    return found


def _gaps(clock: Doubles, panel: Panel) -> Doubles:
    within = np.ones(len(clock), dtype=bool)
    within[panel.offsets[:-1][panel.lengths > 0]] = False
    return np.diff(clock, prepend=clock[:1])[within]


def _histogram(sides: list[Doubles], title: str, what: str) -> Picture:
    def plot(figure: Figure) -> None:
        axis: Any = figure.subplots()
        overlay(axis, sides, bins(*sides))
        axis.set(xlabel=title, ylabel=f"share of {what}")

    middles = " and ".join(f"{np.median(side):.4g}" for side in sides)
    alt = f"Overlaid histograms of the {title}, real and synthetic; the medians are {middles}."
    return Picture(draw(plot, 3.2, 1.9), alt, f"{title[0].upper()}{title[1:]}; medians {middles}")
