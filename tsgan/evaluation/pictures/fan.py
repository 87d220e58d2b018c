"""A fan: what was, the middle of what may come, and bands that hold half and nine tenths of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .base import REAL, STYLE, SYNTHETIC, Doubles, draw, short

BANDS = ((0.05, 0.95, 0.18), (0.25, 0.75, 0.32))
PATHS = 4
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<body style="max-width:60rem;margin:1rem auto;padding:0 1rem;background:canvas;color:canvastext">{svg}</body></html>
"""


@dataclass(frozen=True)
class Fan:
    """What one fan shows.

    Attributes
    ----------
    title : str
        Of one among several.
    past : tuple of array of shape (steps,), float64 array of shape (steps,)
        When, and what.
    when : array of shape (horizon,)
    futures : float64 array of shape (futures, horizon)
    truth : tuple as `past`, or None
    """

    title: str
    past: tuple[NDArray[Any], Doubles]
    when: NDArray[Any]
    futures: Doubles
    truth: tuple[NDArray[Any], Doubles] | None


def paint(fans: list[Fan], column: str, axis_name: str, path: Path | None) -> Figure | None:
    """Draw fans one below the other; write them to `path`, by its ending, or return the figure."""

    def plot(figure: Figure) -> None:
        axes: Any = figure.subplots(len(fans), 1, squeeze=False)[:, 0]
        for place, (axis, fan) in enumerate(zip(axes, fans, strict=True)):
            _fan(axis, fan)
            axis.set_ylabel(short(column, 24))
            if fan.title:
                axis.set_title(fan.title, fontsize=8, loc="left")
            if place == 0:
                axis.legend(
                    frameon=False,
                    fontsize=7,
                    ncols=5,
                    loc="lower left",
                    bbox_to_anchor=(0, 1.0 + 0.08 * bool(fan.title)),
                )
        axes[-1].set_xlabel(axis_name)

    width, height = 6.4, 0.5 + 2.3 * len(fans)
    ending = None if path is None else path.suffix.lower()
    if path is not None and ending in (".svg", ".html"):
        svg = draw(plot, width, height)
        path.write_text(svg if ending == ".svg" else PAGE.format(title=short(column, 60), svg=svg), encoding="utf-8")
        return None
    with mpl.rc_context({**STYLE, "figure.facecolor": "white", "axes.facecolor": "white"}):
        figure = Figure(figsize=(width, height), layout="constrained")
        plot(figure)
        if path is not None:
            figure.savefig(path, dpi=160)
            return None
        return figure


def _fan(axis: Any, fan: Fan) -> None:
    when, told = fan.past
    axis.plot(when, told, color=REAL, label="past")
    joined = np.concatenate([when[-1:], fan.when])
    start = np.full((len(fan.futures), min(len(told), 1)), told[-1] if len(told) else np.nan)
    whole = np.hstack([start, fan.futures])
    for low, high, ink in BANDS:
        edges = np.nanquantile(whole, [low, high], axis=0)
        label = f"{round(100 * (high - low))} %"
        axis.fill_between(joined, *edges, color=SYNTHETIC, alpha=ink, linewidth=0, label=label)
    picked = np.linspace(0, len(whole) - 1, min(PATHS, len(whole))).astype(int)
    axis.plot(joined, whole[picked].T, color=SYNTHETIC, alpha=0.5, linewidth=0.5)
    axis.plot(joined, np.nanmedian(whole, axis=0), color=SYNTHETIC, label="median")
    if fan.truth is not None:
        axis.plot(*fan.truth, color=REAL, linestyle=(0, (3, 1.5)), label="what came")
    axis.margins(x=0.01)
