"""Pictures of whole tables: maps of windows, the frame of time, correlations, and what is given away."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from ...arrays import Doubles
from ...panel import Panel
from ..case import Case
from ..metrics.correlation import cross_correlation
from ..records import census, chosen, nearest, records, remembered
from .pictures import INK, REAL, SYNTHETIC, Picture, bins, both_sides, draw, overlay, short, some

MAPPED = 500


def maps(case: Case, near: bool = True) -> list[Picture]:
    """Return flat maps of windows: principal components, and (with `near`) t-SNE."""
    sides = [some(side, case, MAPPED) for side in both_sides(case)]
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
        found.append(_scatter(_within(spots[:, :2], count), count, title))
        if near and len(both) >= 20:
            nearby = min(30.0, (len(both) - 1) / 4)
            seed = case.random_state % 2**32
            flat_map = TSNE(2, perplexity=nearby, init="pca", max_iter=500, random_state=seed, n_jobs=1).fit_transform(
                spots
            )
            found.append(_scatter(flat_map, count, "t-SNE: windows that resemble each other lie together"))
    return found


def _within(spots: NDArray[np.floating], count: int) -> NDArray[np.floating]:
    """Move the few dots that are far from the real bulk to the edge of the map, so that the rest can be seen."""
    low, high = np.quantile(spots[:count], [0.005, 0.995], axis=0)
    room = high - low + 1e-9
    return np.asarray(np.clip(spots, low - room, high + room))


def _scatter(spots: NDArray[np.floating], count: int, title: str) -> Picture:
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


CLOSE = 0.05


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
        overlay(axis, sides, np.linspace(0, top, 41))
        axis.axvline(limit, color=INK, linewidth=0.8, linestyle=":")
        axis.set(xlabel="distance to the closest real record", ylabel="share of records")

    what = "holdout records" if other == "holdout" else "real records to each other"
    said = f"{share:.0%} of the synthetic records are closer than all but 5 % of the {what} (dotted line)"
    alt = (
        f"Overlaid histograms of the distance to the closest real record, {what} and synthetic records "
        f"({census(case, 'synthetic').word}). {said}."
    )
    return [Picture(draw(plot, 3.4, 2.0), alt, said)]


def _distances(case: Case, side: str) -> Doubles:
    """Distance of a side's records to their closest (other) real one, `(records,)`; as the metrics reckon it."""
    asked = records(case, side, chosen(case, side), apart=True)
    found = remembered(case, f"{side} to real", lambda: nearest(asked, records(case, "real"), itself=side == "real"))
    closest = found.distance[:, 0]
    return np.asarray(closest[np.isfinite(closest)], dtype=np.float64)
