"""Pictures of single columns: distributions, levels in time, paths, rhythm, and the fan of what may come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from ...arrays import Doubles
from ...panel import Windows
from ..case import Case
from ..columns import Column
from ..metrics.dependence import autocorrelation, spectrum
from .pictures import INK, REAL, STYLE, SYNTHETIC, Picture, bins, both_sides, draw, levels_of, overlay, short, some


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


WINDOWS = 4000


def rhythms(case: Case, columns: list[Column]) -> list[Picture]:
    """Autocorrelation by lag and power by frequency of each column, side by side."""
    sides = [some(side, case, WINDOWS) for side in both_sides(case)]
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
