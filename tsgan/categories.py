"""The categories of a panel, drawn after its numbers and given them, one after the other (`conditionals.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .conditionals import Conditional, features_of
from .layout import Block, Layout, middles
from .panel import Bools, Floats, Given, Ints, Panel


@dataclass(frozen=True)
class Categories:
    """The laws of the categories that change from step to step, in the order of the layout.

    Attributes
    ----------
    layout : Layout
    laws : list of Conditional
    """

    layout: Layout
    laws: list[Conditional]

    @classmethod
    def fit(cls, panel: Panel, latents: Floats, layout: Layout) -> Categories:
        """Fit each category given the numbers of its step, what is known beforehand, and the categories before it.

        Parameters
        ----------
        panel : Panel
            Channels; a level that is unknown is NaN.
        latents : float32 array of shape (rows, D)
            Of the panel's values.
        layout : Layout
        """
        self = cls(layout, [])
        follows = np.ones(len(panel.values), dtype=bool)
        follows[panel.offsets[:-1][panel.lengths > 0]] = False
        others = [np.repeat(panel.statics, panel.lengths, axis=0)[None], panel.covariates[None]]
        joined = follows[None]
        for _, channels, block in self.blocks:
            code = panel.values[:, channels]
            known = ~np.isnan(code[:, 0])
            features = features_of(latents[None], latents[:1, :0], self.numbers, others, joined)[0]
            levels = np.where(known, code.argmax(axis=1), 0)
            self.laws.append(Conditional.fit(features, levels, block.size, follows, known))
            others.append(np.eye(block.size, dtype=np.float32)[_nearest(levels, known, panel.offsets)][None])
        return self

    @property
    def blocks(self) -> list[tuple[int, slice, Block]]:
        """The latent, the channels and the block of each category."""
        found, latent, channel = [], 0, 0
        for block in self.layout.blocks:
            if block.kind == "softmax":
                found.append((latent, slice(channel, channel + block.size), block))
            latent, channel = latent + block.latents, channel + block.size
        return found

    @property
    def numbers(self) -> NDArray[np.bool_]:
        """Which latents of a step are numbers."""
        return np.array([b.kind != "softmax" for b in self.layout.blocks for _ in range(b.latents)], dtype=bool)

    def draw(self, values: Floats, given: Given, rng: np.random.Generator) -> None:
        """Set the categories' latents in `values` `(n, T, D)`, in place."""
        others = self._known(given)
        for number, ((latent, _, block), law) in enumerate(zip(self.blocks, self.laws, strict=True)):
            fixed: Ints | None = None if given.levels is None else given.levels[:, :, number]
            features = features_of(values, given.statics[:, :0], self.numbers, others, _joined(given))
            level = law.draw(features, rng, fixed, given.lengths)
            values[:, :, latent] = middles(block)[level]
            others.append(np.eye(block.size, dtype=np.float32)[level])

    def calibrated(self, values: Floats, given: Given, rng: np.random.Generator) -> Categories:
        """Return laws whose transitions, drawn on drawn numbers `(n, T, D)`, come as often as in the data."""
        made, others = Categories(self.layout, []), self._known(given)
        for (_, _, block), law in zip(self.blocks, self.laws, strict=True):
            features = features_of(values, given.statics[:, :0], self.numbers, others, _joined(given))
            better = law.calibrate(features, rng, given.lengths)
            made.laws.append(better)
            level = better.draw(features, rng, None, given.lengths)
            others.append(np.eye(block.size, dtype=np.float32)[level])
        return made

    def _known(self, given: Given) -> list[Floats]:
        """Return what is known of each step before its categories, statics and covariates."""
        n, length = given.shape
        return [np.broadcast_to(given.statics[:, None], (n, length, given.statics.shape[1])), given.covariates]

    def log_likelihood(self, values: Floats, given: Given, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the log-probability `(n,)` of the prescribed levels given latents `(n, T, D)`.

        Categories that nothing prescribes are drawn where a later one depends on them.
        """
        total = np.zeros(given.shape[0])
        if given.levels is None:
            return total
        last = int(np.flatnonzero((given.levels >= 0).any(axis=(0, 1))).max(initial=-1))
        others = self._known(given)
        for number, ((_, _, block), law) in enumerate(zip(self.blocks[: last + 1], self.laws, strict=False)):
            features = features_of(values, given.statics[:, :0], self.numbers, others, _joined(given))
            fixed = given.levels[:, :, number]
            if (fixed >= 0).any():
                total += law.log_likelihood(features, fixed)
            if number < last:
                level = law.draw(features, rng, fixed)
                others.append(np.eye(block.size, dtype=np.float32)[level])
        return total

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what was learned as named arrays."""
        return {f"{i}.{name}": array for i, law in enumerate(self.laws) for name, array in law.arrays().items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], layout: Layout) -> Categories:
        """Rebuild from `arrays` and the layout."""
        self = cls(layout, [])
        for number in range(len(self.blocks)):
            mark = f"{number}."
            own = {name.removeprefix(mark): array for name, array in arrays.items() if name.startswith(mark)}
            self.laws.append(Conditional.from_arrays(own))
        return self


def levels_of(panel: Panel, blocks: Sequence[tuple[int, slice, Block]]) -> Ints:
    """Return the level of each category on each row, `(rows, categories)`; -1 where it is unknown."""
    out = np.empty((len(panel.values), len(blocks)), dtype=np.int64)
    for number, (_, channels, _) in enumerate(blocks):
        code = panel.values[:, channels]
        out[:, number] = np.where(np.isnan(code[:, 0]), -1, code.argmax(axis=1))
    return out


def _joined(given: Given) -> Bools:
    """Return which steps of sequences `(n, T)` come next after the step before."""
    n, length = given.shape
    lengths = np.full(n, length) if given.lengths is None else given.lengths
    step = np.arange(length)
    return (step > 0) & (step < lengths[:, None])


def _nearest(levels: Ints, known: Bools, offsets: Ints) -> Ints:
    """Return levels `(rows,)`, unknown ones as the last known before in the sequence, else the next, else any in turn.

    A level that stood for "unknown" would give away that a later mask is set.
    """
    if known.all() or not known.any():
        return levels
    rows = np.arange(len(levels))
    first = np.repeat(offsets[:-1], np.diff(offsets))
    last = np.repeat(offsets[1:], np.diff(offsets)) - 1
    before = np.maximum.accumulate(np.where(known, rows, -1))
    after = np.minimum.accumulate(np.where(known, rows, len(rows))[::-1])[::-1]
    anyone = np.flatnonzero(known)[rows % known.sum()]
    source = np.where(before >= first, before, np.where(after <= last, after, anyone))
    return levels[source]
