"""The report's pictures, each one small SVG that fits a phone and takes its ink from the page (light or dark)."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from ..panel import Windows
from .columns import Column
from .metrics.autocorrelation import autocorrelation
from .metrics.cross_correlation import cross_correlation
from .prepare import Case

REAL, SYNTHETIC = "#2f7fc1", "#e0702f"
INK = "#010203"  # replaced by the page's own text colour
SERIES = 5
STRETCH = 120
MAPPED = 500
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


def paths(case: Case, column: Column) -> Picture:
    """A few real sequences beside a few synthetic ones, on the same axes."""
    longest = [int(side.panel.lengths.max()) for side in (case.real, case.synthetic)]
    steps = max(min(*longest, STRETCH), case.window)
    sides = [
        _stretches(side, column, steps, case.rng(f"paths {side is case.real}")) for side in (case.real, case.synthetic)
    ]

    def plot(figure: Figure) -> None:
        axes: Any = figure.subplots(1, 2, sharex=True, sharey=True)
        for axis, lines, colour, title in zip(axes, sides, (REAL, SYNTHETIC), ("real", "synthetic"), strict=True):
            axis.set_title(title, fontsize=8, color=colour)
            axis.set_xlabel("step")
            if column.discrete:
                _strips(axis, lines, max(len(column.levels), 2))
            else:
                axis.plot(lines.T, color=colour, alpha=0.75)
        if column.discrete:
            _name_levels(figure.colorbar(axes[1].images[0], ax=axes, aspect=12), column, "bar")

    count = " and ".join(f"{len(side)} {name}" for side, name in zip(sides, ("real", "synthetic"), strict=True))
    alt = f"{count} stretches of {steps} steps of column {column.name}, side by side on the same axes."
    return Picture(_draw(plot, 3.7, 1.75), alt, column.name)


def marginal(case: Case, column: Column, distance: str) -> Picture:
    """Both distributions of one column, one over the other."""
    sides = [_units(side, column) for side in (case.real, case.synthetic)]

    def plot(figure: Figure) -> None:
        axis: Any = figure.subplots()
        if column.discrete:
            count = max(len(column.levels), 2)
            shares = [np.bincount(side.astype(int), minlength=count) / len(side) for side in sides]
            for share, colour, shift in zip(shares, (REAL, SYNTHETIC), (-0.2, 0.2), strict=True):
                axis.bar(np.arange(count) + shift, share, 0.4, color=colour)
            _name_levels(axis, column, "x")
        else:
            edges = _edges(*sides)
            for side, colour, fill in zip(sides, (REAL, SYNTHETIC), (True, False), strict=True):
                share = np.histogram(np.clip(side, edges[0], edges[-1]), edges)[0] / len(side)
                axis.stairs(share, edges, color=colour, fill=fill, alpha=0.45 if fill else 1, linewidth=1.2)
        axis.set_ylabel("share of rows")

    kind = "bars of the levels' shares" if column.discrete else "histograms"
    unit = " (days since the first)" if column.kind == "datetime" else ""
    alt = f"Overlaid {kind} of column {column.name}, real and synthetic. {distance}"
    return Picture(_draw(plot, 3.2, 1.9), alt, f"{column.name}{unit}. {distance}")


def memory(case: Case, column: Column) -> Picture:
    """Autocorrelation of one column by lag."""
    curves = [
        autocorrelation(_some(side, case, 4000)[:, :, column.channels]).mean(axis=0)
        for side in (case.real, case.synthetic)
    ]

    def plot(figure: Figure) -> None:
        axis: Any = figure.subplots()
        axis.axhline(0, color=INK, linewidth=0.4)
        axis.plot(curves[0], color=REAL, linewidth=1.6)
        axis.plot(curves[1], color=SYNTHETIC, linewidth=1.6, linestyle=(0, (4, 1.5)))
        axis.set(
            xlabel="lag (steps)", ylabel="autocorrelation", ylim=(min(-0.1, *(c.min() for c in curves)) - 0.02, 1.04)
        )

    ends = " and ".join(f"{curve[1]:.2f}" for curve in curves)
    alt = f"Autocorrelation of column {column.name} by lag; at lag 1 real and synthetic have {ends}."
    return Picture(_draw(plot, 3.2, 1.9), alt, column.name)


def correlations(case: Case) -> list[Picture]:
    """Return correlation matrices of real and of synthetic data and their difference."""
    one, two = (cross_correlation(_some(side, case, 4000), [0])[0] for side in (case.real, case.synthetic))
    names = [
        f"{c.name}={level}" if level else c.name
        for c in case.columns
        for level in (c.levels or ("", "missing")[: 1 + c.gaps])
    ]
    found = []
    for matrix, title in ((one, "real"), (two, "synthetic"), (two - one, "synthetic less real")):

        def plot(figure: Figure, matrix: NDArray[np.float64] = matrix) -> None:
            axis: Any = figure.subplots()
            image = axis.imshow(matrix, vmin=-1, vmax=1, cmap="RdBu_r", interpolation="nearest")
            figure.colorbar(image, shrink=0.8).outline.set_linewidth(0.4)
            if len(names) <= 20:
                size = 7 if len(names) <= 10 else 5
                axis.set_xticks(
                    range(len(names)), [_short(n) for n in names], rotation=90, fontsize=size, parse_math=False
                )
                axis.set_yticks(range(len(names)), [_short(n) for n in names], fontsize=size, parse_math=False)

        alt = f"Correlation matrix of {len(names)} channels: {title}. Mean absolute value {np.abs(matrix).mean():.2f}."
        found.append(Picture(_draw(plot, 3.2, 2.8), alt, title))
    return found


def maps(case: Case) -> list[Picture]:
    """Return flat maps of windows: principal components, and t-SNE."""
    sides = [_some(side, case, MAPPED) for side in (case.real, case.synthetic)]
    flat = [side.reshape(len(side), -1).astype(np.float64) for side in sides]
    scale = flat[0].std(axis=0)
    flat = [(side - flat[0].mean(axis=0)) / np.where(scale > 1e-9, scale, 1) for side in flat]
    both, count = np.concatenate(flat), len(flat[0])
    found = []
    if np.ptp(flat[0], axis=0).any() and min(len(flat[0]), both.shape[1]) >= 2:
        plane = PCA(min(20, *flat[0].shape), svd_solver="full").fit(flat[0])
        share = plane.explained_variance_ratio_[:2].sum()
        spots = plane.transform(both)
        title = f"Principal components of the real windows ({share:.0%} of their variance)"
        found.append(_scatter(spots[:, :2], count, title))
        if len(both) >= 20:
            nearby = min(30.0, (len(both) - 1) / 4)
            seed = case.random_state % 2**32
            flat_map = TSNE(2, perplexity=nearby, init="pca", random_state=seed, n_jobs=1).fit_transform(spots)
            found.append(_scatter(flat_map, count, "t-SNE: windows that resemble each other lie together"))
    return found


def _scatter(spots: NDArray[np.floating], count: int, title: str) -> Picture:
    def plot(figure: Figure) -> None:
        axis: Any = figure.subplots()
        order = np.random.default_rng(0).permutation(len(spots))
        colours = np.where(order < count, REAL, SYNTHETIC)
        axis.scatter(*spots[order].T, s=5, c=colours, alpha=0.65, linewidths=0)
        axis.set_axis_off()

    alt = f"Map of {count} real and {len(spots) - count} synthetic windows. {title}."
    return Picture(_draw(plot, 3.6, 3.0), alt, title)


def _draw(plot: Callable[[Figure], None], width: float, height: float) -> str:
    """Draw on a figure of its own and return its bare SVG element."""
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


def _some(side: Windows, case: Case, most: int) -> NDArray[np.float32]:
    """At most so many windows, at random."""
    picked = case.rng(f"pictures {side is case.real}").permutation(len(side))[:most]
    return side.values(picked)


def _units(side: Windows, column: Column) -> NDArray[np.float64]:
    """All rows of a column in its own unit; one row per sequence of a static one."""
    panel = side.panel
    rows = panel.offsets[:-1][panel.lengths > 0] if column.static else slice(None)
    return column.units(panel.values[rows, column.channels])


def _stretches(side: Windows, column: Column, steps: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A few stretches of sequences, `(series, steps)`, with gaps where a sequence is shorter."""
    panel = side.panel
    starts = rng.permutation(panel.lengths.sum())[: 200 * SERIES]
    sequence = np.searchsorted(panel.offsets, starts, side="right") - 1
    room = panel.offsets[sequence + 1] - starts
    starts = starts[np.argsort(-np.minimum(room, steps), kind="stable")][:SERIES]
    rows = starts[:, None] + np.arange(steps)
    sequence = np.searchsorted(panel.offsets, starts, side="right") - 1
    inside = rows < panel.offsets[sequence + 1][:, None]
    values = column.units(panel.values[np.where(inside, rows, 0)][:, :, column.channels])
    return np.where(inside, values, np.nan)


def _edges(real: NDArray[np.float64], synthetic: NDArray[np.float64]) -> NDArray[np.float64]:
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


def _strips(axis: Any, lines: NDArray[np.float64], levels: int) -> None:
    """One strip per sequence, its colour the level; one row more of nothing between them."""
    rows = np.full((2 * len(lines) - 1, lines.shape[1]), np.nan)
    rows[::2] = lines
    palette: Any = mpl.colormaps["Set2" if levels <= 8 else "tab20" if levels <= 20 else "viridis"]
    colours = ListedColormap(palette.colors[:levels]) if levels <= 20 else palette.resampled(levels)
    axis.imshow(rows, vmin=-0.5, vmax=levels - 0.5, cmap=colours, aspect="auto", interpolation="nearest")
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)


def _name_levels(axis: Any, column: Column, which: str) -> None:
    levels = column.levels or ("no", "yes")
    shown = range(len(levels)) if len(levels) <= 12 else range(0, len(levels), len(levels) // 8)
    names = [_short(levels[i]) for i in shown]
    if which == "bar":
        axis.set_ticks(list(shown), labels=names, parse_math=False)
        axis.outline.set_visible(False)
    else:
        axis.set_xticks(list(shown), names, parse_math=False, rotation=90 if len(levels) > 4 else 0)


def _short(name: str) -> str:
    return name if len(name) <= 14 else name[:13] + "…"
