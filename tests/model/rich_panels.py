"""Panels with everything that a cell can do, and small generators of them."""

from __future__ import annotations

import numpy as np
import torch

from tsgan.layout import Category, Layout, Number
from tsgan.model.base import fit_base
from tsgan.model.chunks import ChunkSource
from tsgan.model.generator import Generator, Sizes
from tsgan.panel import Panel

SMALL = Sizes(hidden=8, units=16, mixture=3)


def rich_layout(stretches=False):
    """Return a layout with every outcome: stay, straight, atoms, grid, missing, together, few and many levels."""
    grid = np.round(np.arange(-40, 41) * 0.1, 10)
    cells = (
        Number("free"),
        Number("stays", stays=True, grid=grid, low=-4.0, high=4.0),
        Category("small", 3, missing=True),
        Number("line", straight=1e-6, stays=True, starts=(0.0, 1.0)),
        Number("atoms", atoms=(0.0, 1.5), missing=True),
        Number("gone", missing=True, together=4),
        Category("large", 40),
    )
    statics = (Category("sex", 2), Number("age"))
    return Layout(cells, () if stretches else statics, 2, stretches=stretches)


def rich_panel(sequences=30, length=20, seed=0, stretches=False):
    """Return a panel of the rich layout."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, length + 1, sequences) if sequences > 1 else np.array([length])
    rows = []
    for n in lengths:
        x = np.zeros((n, 7))
        x[:, 0] = np.cumsum(rng.normal(size=n)) * 0.3
        x[:, 1] = np.round(np.cumsum(np.where(rng.random(n) < 0.5, 0, rng.normal(size=n))) * 0.3, 1).clip(-4, 4)
        x[:, 2] = np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 3, n))
        knots = rng.normal(size=n // 4 + 2)
        knots[rng.random(len(knots)) < 0.5] = rng.choice([0.0, 1.0])
        x[:, 3] = np.interp(np.arange(n) / 4, np.arange(len(knots)), knots)
        x[:, 4] = rng.choice([0.0, 1.5, np.nan, 9.0], n, p=[0.3, 0.2, 0.2, 0.3])
        x[:, 4] = np.where(x[:, 4] == 9.0, rng.normal(size=n), x[:, 4])
        x[:, 5] = np.where(np.isnan(x[:, 4]), np.nan, x[:, 0] + rng.normal(size=n) * 0.1)
        x[:, 6] = rng.integers(0, 40, n)
        rows.append(x)
    statics = np.column_stack([rng.integers(0, 2, len(lengths)), rng.normal(size=len(lengths))])
    covariates = rng.normal(size=(int(lengths.sum()), 2)).astype(np.float32)
    return Panel(np.concatenate(rows), lengths.astype(np.int64), statics[:, :0] if stretches else statics, covariates)


def made(panel, layout, sizes=SMALL, seed=0, jitter=0.3, periods=()):
    """Return a generator whose base is fitted and whose network is not zero."""
    source = ChunkSource(panel)
    rng = np.random.default_rng(seed)
    base = fit_base(layout, lambda seen: source.sweep(16, seen, 8), sizes.mixture, rng, periods)
    torch.manual_seed(seed)
    generator = Generator(layout, base, sizes).eval()
    if jitter:
        with torch.no_grad():
            for part in generator.parameters():
                part.add_(jitter * torch.randn_like(part) / max(part.shape[-1], 1) ** 0.5)
    return generator
