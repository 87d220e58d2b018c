"""Maps of windows: principal components, and t-SNE."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from ..case import Case
from .base import REAL, SYNTHETIC, Picture, both_sides, draw, some

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
