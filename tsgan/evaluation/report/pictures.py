"""What every picture shares: a small SVG that fits a phone and takes its ink from the page (light or dark)."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from ...arrays import Doubles, Floats
from ...panel import Windows
from ..case import Case
from ..columns import Column

REAL, SYNTHETIC = "#2f7fc1", "#d9622b"
INK = "#010203"  # replaced by the page's own text colour
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tsgan",
    "font.size": 8,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.limits": (-4, 5),
    "axes.formatter.useoffset": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "lines.linewidth": 1.0,
}


@dataclass(frozen=True)
class Picture:
    """An SVG with the words that stand for it (`alt`) and those below it (`caption`)."""

    svg: str
    alt: str
    caption: str


def draw(plot: Callable[[Figure], None], width: float, height: float) -> str:
    """Draw on a figure of its own, so many inches wide and high, and return its bare SVG element."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(width, height), layout="constrained")
        plot(figure)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r' id="([a-z0-9_]+_|i)\d+"', "", svg)
    svg = re.sub(
        r"<[^>]+>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]) if "href" not in tag[0] else tag[0], svg
    )
    return svg.replace(INK, "currentColor")


def both_sides(case: Case) -> tuple[Windows, Windows]:
    """Real and synthetic windows, in the order in which all pictures show them."""
    return case.real, case.synthetic


def some(side: Windows, case: Case, most: int) -> Floats:
    """At most so many windows, at random."""
    picked = case.rng(f"pictures {side is case.real}").permutation(len(side))[:most]
    return side.values(picked)


def overlay(axis: Any, sides: list[Doubles], edges: Doubles) -> None:
    """Two histograms over one another, as shares; what lies beyond the edges is counted in the outermost bars."""
    for side, colour, fill in zip(sides, (REAL, SYNTHETIC), (True, False), strict=True):
        share = np.histogram(np.clip(side, edges[0], edges[-1]), edges)[0] / max(len(side), 1)
        axis.stairs(share, edges, color=colour, fill=fill, alpha=0.45 if fill else 1, linewidth=1.2)


def bins(real: Doubles, synthetic: Doubles) -> Doubles:
    """Bins over the real bulk and a margin, one per value where there are few different ones."""
    values = np.unique(real)
    if len(values) == 1:
        reach = max(abs(float(values[0])), 1.0) * 0.5
        return np.linspace(values[0] - reach, values[0] + reach, 12)
    if len(values) <= 25 and np.allclose(np.diff(values), np.diff(values)[0]):
        step = np.diff(values)[0]
        return np.append(values - step / 2, values[-1] + step / 2)
    low, high = np.quantile(real, [0.001, 0.999])
    margin = (high - low) / 4 or 1.0
    low = min(low, max(np.quantile(synthetic, 0.001), low - margin))
    high = max(high, min(np.quantile(synthetic, 0.999), high + margin))
    return np.linspace(low, high, 41) if high > low else np.linspace(low - margin, high + margin, 41)


def levels_of(column: Column) -> tuple[str, ...]:
    """Names of a discrete column's levels."""
    return column.levels or ("no", "yes")


def short(name: str, most: int = 14) -> str:
    """Cut a name so that it fits beside an axis."""
    return name if len(name) <= most else name[: most - 1] + "…"
