"""The pictures of a report: small SVGs that fit a phone and take their ink from the page (light or dark)."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from ...arrays import Bools, Doubles, Floats, Ints, Reals
from ...panel import Panel, Windows
from ..case import Case
from ..columns import Column
from ..metrics.correlation import cross_correlation
from ..metrics.dependence import autocorrelation, spectrum
from ..records import chosen, nearest, record_index, records, remembered

REAL, SYNTHETIC = "#2f7fc1", "#d9622b"
SIDES = ((REAL, "real"), (SYNTHETIC, "synthetic"))
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

MAX_BARS_NAMED = 12  # levels whose names fit below an axis; of more, about eight are named
MAX_LEVELS_CROSSED = 10  # levels of a transition matrix that can still be read
MAX_CURVE_WINDOWS = 4000  # windows for curves and correlations, which more would not change visibly
MAX_MAPPED_WINDOWS = 500  # dots of a map; t-SNE takes seconds with more
PATHS, MAX_PATH_STEPS = 5, 120  # stretches of each side that are drawn, and steps that can be told apart
CLOSE = 0.05  # share of the other real records that are closer than the dotted line


@dataclass(frozen=True)
class Picture:
    """An SVG with the words that stand for it (`alt`) and those below it (`caption`)."""

    svg: str
    alt: str
    caption: str


def draw_on_white(plot: Callable[[Figure], None], width: float, height: float, path: Path | None) -> Figure | None:
    """Draw on a figure of its own, so many inches wide and high; write it to `path` or return it."""
    with mpl.rc_context({**STYLE, "figure.facecolor": "white", "axes.facecolor": "white"}):
        figure = Figure(figsize=(width, height), layout="constrained")
        plot(figure)
        if path is None:
            return figure
        figure.savefig(path, dpi=160)
        return None


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


def short(name: str, most: int = 14) -> str:
    """Cut a name so that it fits beside an axis."""
    return name if len(name) <= most else name[: most - 1] + "…"


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


def _both(case: Case) -> tuple[Windows, Windows]:
    """Real and synthetic windows, in the order of `SIDES`."""
    return case.real, case.synthetic


def _some(side: Windows, case: Case, most: int) -> Floats:
    """At most so many windows, at random."""
    picked = case.rng(f"pictures {side is case.real}").permutation(len(side))[:most]
    return side.values(picked)


def _followed(panel: Panel) -> Bools:
    """Which rows but the last are followed by one of the same sequence, `(rows - 1,)`."""
    sequence = np.repeat(np.arange(len(panel)), panel.lengths)
    return np.asarray(sequence[1:] == sequence[:-1])


def _overlay(axis: Any, sides: list[Doubles], edges: Doubles) -> None:
    """Two histograms over one another, as shares; what lies beyond the edges is counted in the outermost bars."""
    for side, (colour, _), fill in zip(sides, SIDES, (True, False), strict=True):
        share = np.histogram(np.clip(side, edges[0], edges[-1]), edges)[0] / max(len(side), 1)
        axis.stairs(share, edges, color=colour, fill=fill, alpha=0.45 if fill else 1, linewidth=1.2)


def _levels(column: Column) -> tuple[str, ...]:
    return column.levels or ("no", "yes")


def _named_levels(column: Column) -> tuple[list[int], list[str]]:
    """Which levels have room for their names, and the names."""
    levels = _levels(column)
    step = 1 if len(levels) <= MAX_BARS_NAMED else len(levels) // 8
    return list(range(0, len(levels), step)), [short(level) for level in levels[::step]]


def marginal(case: Case, column: Column, distance: str) -> Picture:
    """Both distributions of one column, one over the other; a missing value counts in categories only."""
    sides = [_rows(side, column) for side in _both(case)]

    def plot(figure: Figure) -> None:
        axis: Any = figure.subplots()
        if column.discrete:
            _bars(axis, sides, column)
        else:
            _overlay(axis, sides, bins(*sides))
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
    count = len(_levels(column))
    for side, (colour, _), shift in zip(sides, SIDES, (-0.2, 0.2), strict=True):
        share = np.bincount(side.astype(int), minlength=count) / len(side)
        axis.bar(np.arange(count) + shift, share, 0.4, color=colour)
    axis.set_xticks(*_named_levels(column), parse_math=False, rotation=90 if count > 4 else 0)


def transitions(case: Case, column: Column) -> Picture:
    """Matrices of the chance that one level is followed by another, of the most frequent levels."""
    names = _levels(column)
    counts = [_counts(side, column, len(names)) for side in _both(case)]
    common = np.sort(np.argsort(-counts[0].sum(axis=1), kind="stable")[:MAX_LEVELS_CROSSED])
    sides = [_shares(pairs)[np.ix_(common, common)] for pairs in counts]
    labels = [short(names[i], 10) for i in common]

    def plot(figure: Figure) -> None:
        axes: Any = figure.subplots(1, 2, sharey=True)
        for axis, matrix, (_, title) in zip(axes, sides, SIDES, strict=True):
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


def _counts(side: Windows, column: Column, levels: int) -> Ints:
    """How often each level is followed by each other one in a sequence, `(levels, levels)`."""
    values = side.panel.values
    codes = column.units(values[:, column.channels]).astype(np.int64)
    followed = _followed(side.panel)
    if column.kind != "category":
        known = column.present(values)
        followed &= known[:-1] & known[1:]
    pairs = (codes[:-1] * levels + codes[1:])[followed]
    return np.bincount(pairs, minlength=levels**2).reshape(levels, levels)


def _shares(counts: Ints) -> Doubles:
    """Share of each next level after each level; not a number for a level that is never left."""
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), np.nan)


def paths(case: Case, column: Column) -> Picture:
    """A few real sequences beside a few synthetic ones, on the same axes."""
    longest = [int(side.panel.lengths.max()) for side in _both(case)]
    steps = max(min(*longest, MAX_PATH_STEPS), case.window)
    sides = [_stretches(side, column, steps, case.rng(f"paths {side is case.real}")) for side in _both(case)]

    def plot(figure: Figure) -> None:
        axes: Any = figure.subplots(1, 2, sharex=True, sharey=True)
        for axis, lines, (colour, title) in zip(axes, sides, SIDES, strict=True):
            axis.set_title(title, fontsize=8)
            axis.set_xlabel("step")
            if column.discrete:
                _strips(axis, lines, max(len(column.levels), 2))
            else:
                axis.plot(lines.T, color=colour, alpha=0.75)
        if column.discrete:
            bar: Any = figure.colorbar(axes[1].images[0], ax=axes, aspect=12)
            places, names = _named_levels(column)
            bar.set_ticks(places, labels=names, parse_math=False)
            bar.outline.set_visible(False)

    count = " and ".join(f"{len(side)} {name}" for side, (_, name) in zip(sides, SIDES, strict=True))
    alt = f"{count} stretches of {steps} steps of column {column.name}, side by side on the same axes."
    return Picture(draw(plot, 3.7, 1.75), alt, column.name)


def _stretches(side: Windows, column: Column, steps: int, rng: np.random.Generator) -> Doubles:
    """A few stretches of sequences, `(series, steps)`, with gaps where a sequence is shorter or a value missing."""
    panel = side.panel
    starts = rng.permutation(panel.lengths.sum())[: 200 * PATHS]
    ends = panel.offsets[np.searchsorted(panel.offsets, starts, side="right")]
    longest = np.argsort(-np.minimum(ends - starts, steps), kind="stable")[:PATHS]
    rows = starts[longest, None] + np.arange(steps)
    inside = rows < ends[longest, None]
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


def rhythms(case: Case, columns: list[Column]) -> list[Picture]:
    """Autocorrelation by lag and power by frequency of each column, side by side."""
    sides = [_some(side, case, MAX_CURVE_WINDOWS) for side in _both(case)]
    memory = [autocorrelation(side) for side in sides]
    frequencies = spectrum(sides[0][:1])[0]
    power = [spectrum(side)[1] for side in sides]
    found = []
    for column in columns:
        curves = [side[column.values].mean(axis=0) for side in memory]
        spectra = [side[column.values].mean(axis=0) for side in power]

        def plot(figure: Figure, curves: Any = curves, spectra: Any = spectra) -> None:
            left, right = figure.subplots(1, 2)
            left.axhline(0, color=INK, linewidth=0.4)
            for axis, pair, at in ((left, curves, range(case.window)), (right, spectra, frequencies)):
                axis.plot(at, pair[0], color=REAL, linewidth=1.6)
                axis.plot(at, pair[1], color=SYNTHETIC, linewidth=1.6, linestyle=(0, (4, 1.5)))
            low = min(-0.1, *(curve.min() for curve in curves)) - 0.02
            left.set(xlabel="lag (steps)", title="autocorrelation", ylim=(low, 1.04))
            right.set(xlabel="cycles per step", title="share of power")
            if all((side > 0).all() for side in spectra):
                wide = max(side.max() for side in spectra) > 100 * min(side.min() for side in spectra)
                right.set_yscale("log")
                right.yaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
                right.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
                right.yaxis.set_minor_locator(NullLocator())
            for axis in (left, right):
                axis.title.set_fontsize(8)

        ends = " and ".join(f"{curve[1]:.2f}" for curve in curves)
        slow = " and ".join(f"{side[: max(len(side) // 4, 1)].sum():.0%}" for side in spectra)
        alt = (
            f"Autocorrelation by lag and power spectrum of column {column.name}; at lag 1 real and synthetic have "
            f"{ends}, and {slow} of their power is in the slowest quarter of the frequencies."
        )
        found.append(Picture(draw(plot, 3.7, 1.8), alt, column.name))
    return found


def maps(case: Case, near: bool = True) -> list[Picture]:
    """Return flat maps of windows: principal components, and (with `near`) t-SNE."""
    sides = [_some(side, case, MAX_MAPPED_WINDOWS) for side in _both(case)]
    flat = [side.reshape(len(side), -1).astype(np.float64) for side in sides]
    scale = flat[0].std(axis=0)
    flat = [(side - flat[0].mean(axis=0)) / np.where(scale > 1e-9, scale, 1) for side in flat]
    both, count = np.concatenate(flat), len(flat[0])
    if not np.ptp(flat[0], axis=0).any() or min(count, both.shape[1]) < 2:
        return []
    plane = PCA(min(20, *flat[0].shape), svd_solver="full").fit(flat[0])
    share = plane.explained_variance_ratio_[:2].sum()
    spots = plane.transform(both)
    # the few dots that are far from the real bulk are moved to the edge, so that the rest can be seen
    low, high = np.quantile(spots[:count, :2], [0.005, 0.995], axis=0)
    room = high - low + 1e-9
    within = np.clip(spots[:, :2], low - room, high + room)
    found = [_scatter(within, count, f"Principal components of the real windows ({share:.0%} of their variance)")]
    if near and len(both) >= 20:
        perplexity = min(30.0, (len(both) - 1) / 4)
        seed = case.random_state % 2**32
        similar = TSNE(2, perplexity=perplexity, init="pca", max_iter=500, random_state=seed, n_jobs=1)
        title = "t-SNE: windows that resemble each other lie together"
        found.append(_scatter(similar.fit_transform(spots), count, title))
    return found


def _scatter(spots: Reals, count: int, title: str) -> Picture:
    def plot(figure: Figure) -> None:
        axis: Any = figure.subplots()
        order = np.random.default_rng(0).permutation(len(spots))
        colours = np.where(order < count, REAL, SYNTHETIC)
        axis.scatter(*spots[order].T, s=5, c=colours, alpha=0.65, linewidths=0)
        axis.set_axis_off()

    alt = f"Map of {count} real and {len(spots) - count} synthetic windows. {title}."
    return Picture(draw(plot, 3.6, 3.0), alt, title)


def frames(case: Case) -> list[Picture]:
    """Histograms of lengths and of gaps between time stamps, where they vary in some table."""
    found = []
    panels = case.real.panel, case.synthetic.panel
    lengths = [panel.lengths.astype(np.float64) for panel in panels]
    if min(map(len, lengths)) > 1 and len(np.unique(np.concatenate(lengths))) > 1:
        found.append(_histogram(lengths, "length of a sequence (steps)", "sequences"))
    clocks = case.clocks
    if "real" in clocks and "synthetic" in clocks:
        gaps = [np.diff(clocks[name])[_followed(panel)] for panel, (_, name) in zip(panels, SIDES, strict=True)]
        if all(map(len, gaps)) and not np.allclose(np.concatenate(gaps), gaps[0][0]):
            found.append(_histogram(gaps, "gap to the row before (days, or the clock's unit)", "gaps"))
    return found


def _histogram(sides: list[Doubles], title: str, what: str) -> Picture:
    def plot(figure: Figure) -> None:
        axis: Any = figure.subplots()
        _overlay(axis, sides, bins(*sides))
        axis.set(xlabel=title, ylabel=f"share of {what}")

    middles = " and ".join(f"{np.median(side):.4g}" for side in sides)
    alt = f"Overlaid histograms of the {title}, real and synthetic; the medians are {middles}."
    return Picture(draw(plot, 3.2, 1.9), alt, f"{title[0].upper()}{title[1:]}; medians {middles}")


def correlations(case: Case) -> list[Picture]:
    """Return correlation matrices of real and of synthetic data and their difference."""
    one, two = (cross_correlation(_some(side, case, MAX_CURVE_WINDOWS), [0])[0] for side in _both(case))
    names = [
        f"{c.name}={level}" if level else c.name
        for c in case.columns
        for level in (c.levels or ("", "missing")[: 1 + c.gaps])
    ]
    labels = [short(name) for name in names]
    found = []
    for matrix, title in ((one, "real"), (two, "synthetic"), (two - one, "synthetic less real")):

        def plot(figure: Figure, matrix: Doubles = matrix) -> None:
            axis: Any = figure.subplots()
            image = axis.imshow(matrix, vmin=-1, vmax=1, cmap="RdBu_r", interpolation="nearest")
            figure.colorbar(image, shrink=0.8).outline.set_linewidth(0.4)
            if len(names) <= 20:
                size = 7 if len(names) <= 10 else 5
                axis.set_xticks(range(len(names)), labels, rotation=90, fontsize=size, parse_math=False)
                axis.set_yticks(range(len(names)), labels, fontsize=size, parse_math=False)

        alt = f"Correlation matrix of {len(names)} channels: {title}. Mean absolute value {np.abs(matrix).mean():.2f}."
        found.append(Picture(draw(plot, 3.2, 2.8), alt, title))
    return found


def closeness(case: Case) -> list[Picture]:
    """Distances to the closest real record: of synthetic records, and of holdout (or of the other real) ones."""
    other = "real" if case.holdout is None else "holdout"
    sides = [_distances(case, side) for side in (other, "synthetic")]
    if not all(map(len, sides)):
        return []
    limit = float(np.quantile(sides[0], CLOSE))
    top = max(float(np.quantile(side, 0.99)) for side in sides) or 1.0
    share = float((sides[1] < limit).mean())

    def plot(figure: Figure) -> None:
        axis: Any = figure.subplots()
        _overlay(axis, sides, np.linspace(0, top, 41))
        axis.axvline(limit, color=INK, linewidth=0.8, linestyle=":")
        axis.set(xlabel="distance to the closest real record", ylabel="share of records")

    what = "holdout records" if other == "holdout" else "real records to each other"
    caption = f"{share:.0%} of the synthetic records are closer than all but 5 % of the {what} (dotted line)"
    alt = (
        f"Overlaid histograms of the distance to the closest real record, {what} and synthetic records "
        f"({record_index(case, 'synthetic').word}). {caption}."
    )
    return [Picture(draw(plot, 3.4, 2.0), alt, caption)]


def _distances(case: Case, side: str) -> Doubles:
    """Distance of a side's records to their closest (other) real one, `(records,)`; as the metrics reckon it."""
    asked = records(case, side, chosen(case, side), apart=True)
    found = remembered(case, f"{side} to real", lambda: nearest(asked, records(case, "real"), itself=side == "real"))
    closest = found.distance[:, 0]
    return np.asarray(closest[np.isfinite(closest)], dtype=np.float64)
