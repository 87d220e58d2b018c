"""The categories of a panel, drawn after its numbers and given them, one after the other (`conditionals.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layout import Block, Layout, middles
from ..panel import Bools, Floats, Given, Ints, Panel
from .conditionals import Conditional, features_of

MOST = 100  # levels of all categories together, up to which those beside a step are told
EXPECTED, BAR = 10.0, 30.0  # times by chance, for what never comes to be barred, and by how much
ENOUGH = 50  # rows for each of them, for it


@dataclass(frozen=True)
class Categories:
    """The laws of the categories that change from step to step, in the order of the layout.

    Attributes
    ----------
    layout : Layout
    laws : list of Conditional
    beside : bool
        Whether a category is told the levels of those before it one step before and after, too.
    order : tuple of int
        In which they are drawn, that of the largest entropy first, which can say most about the others. A category
        that changes rarely does so when another says so (a state at the end of a treatment, a mask at a visit).
    """

    layout: Layout
    laws: list[Conditional]
    beside: bool = False
    order: tuple[int, ...] = ()

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
        levels_in_all = sum(block.size for block in layout.blocks if block.kind == "softmax")
        self = cls(layout, [], levels_in_all <= MOST and len(panel.values) >= ENOUGH * levels_in_all)
        follows = np.ones(len(panel.values), dtype=bool)
        follows[panel.offsets[:-1][panel.lengths > 0]] = False
        others = [np.repeat(panel.statics, panel.lengths, axis=0)[None], panel.covariates[None]]
        joined = follows[None]
        levels_of_rows = levels_of(panel, self.blocks)
        entropies = [_entropy(levels) for levels in levels_of_rows.T]
        order = tuple(int(number) for number in np.argsort(-np.array(entropies), kind="stable"))
        laws: dict[int, Conditional] = {}
        for number in order:
            block, known = self.blocks[number][2], levels_of_rows[:, number] >= 0
            features = features_of(latents[None], latents[:1, :0], self.numbers, others, joined)[0]
            levels = np.where(known, levels_of_rows[:, number], 0)
            law = Conditional.fit(features, levels, block.size, follows, known)
            laws[number] = _barred(law, features[known], levels[known])
            others.append(self._told(_nearest(levels, known, panel.offsets)[None], block.size, joined))
        return replace(self, laws=[laws[number] for number in range(len(laws))], order=order)

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
        for number in self.order:
            (latent, _, block), law = self.blocks[number], self.laws[number]
            fixed: Ints | None = None if given.levels is None else given.levels[:, :, number]
            features = features_of(values, given.statics[:, :0], self.numbers, others, _joined(given))
            level = law.draw(features, rng, fixed, given.lengths, given.several(number))
            values[:, :, latent] = middles(block)[level]
            others.append(self._told(level, block.size, _joined(given)))

    def calibrated(self, values: Floats, given: Given, rng: np.random.Generator) -> Categories:
        """Return laws whose transitions, drawn on drawn numbers `(n, T, D)`, come as often as in the data."""
        made, others = replace(self, laws=list(self.laws)), self._known(given)
        for number in self.order:
            block, law = self.blocks[number][2], self.laws[number]
            features = features_of(values, given.statics[:, :0], self.numbers, others, _joined(given))
            better = law.calibrate(features, rng, given.lengths)
            made.laws[number] = better
            level = better.draw(features, rng, None, given.lengths)
            others.append(self._told(level, block.size, _joined(given)))
        return made

    def _told(self, levels: Ints, count: int, joined: Bools) -> Floats:
        """Return what later categories are told of levels `(n, T)`, `(n, T, K)` or `(n, T, 3 * K + 2)`.

        The level of the step; and those of the steps before and after (of the step itself where there is none), and
        whether they are others.
        """
        eye = np.eye(count, dtype=np.float32)
        if not self.beside:
            return eye[levels]
        before, after = levels.copy(), levels.copy()
        before[:, 1:] = np.where(joined[:, 1:], levels[:, :-1], levels[:, 1:])
        after[:, :-1] = np.where(joined[:, 1:], levels[:, 1:], levels[:, :-1])
        changed = np.stack([before != levels, after != levels], axis=2).astype(np.float32)
        return np.concatenate([eye[levels], eye[before], eye[after], changed], axis=2)

    def _known(self, given: Given) -> list[Floats]:
        """Return what is known of each step before its categories, statics and covariates."""
        n, length = given.shape
        return [np.broadcast_to(given.statics[:, None], (n, length, given.statics.shape[1])), given.covariates]

    def log_likelihood(self, values: Floats, given: Given, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the log-probability `(n, T)` of the levels prescribed at each step given latents `(n, T, D)`.

        Categories that nothing prescribes are drawn where a later one depends on them.
        """
        total = np.zeros(given.shape)
        if given.levels is None:
            return total
        told: Bools = np.asarray((given.levels >= 0).any(axis=(0, 1)))
        last = max((place for place, number in enumerate(self.order) if told[number]), default=-1)
        others = self._known(given)
        for place, number in enumerate(self.order[: last + 1]):
            block, law = self.blocks[number][2], self.laws[number]
            features = features_of(values, given.statics[:, :0], self.numbers, others, _joined(given))
            fixed = given.levels[:, :, number]
            if (fixed >= 0).any():
                total += law.log_likelihood(features, fixed, given.several(number))
            if place < last:
                level = law.draw(features, rng, fixed, several=given.several(number))
                others.append(self._told(level, block.size, _joined(given)))
        return total

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what was learned as named arrays."""
        named = {f"{i}.{name}": array for i, law in enumerate(self.laws) for name, array in law.arrays().items()}
        return named | {"beside": np.array([self.beside], np.int64), "order": np.array(self.order, np.int64)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], layout: Layout) -> Categories:
        """Rebuild from `arrays` and the layout."""
        self = cls(layout, [], bool(arrays["beside"][0]), tuple(int(i) for i in arrays["order"]))
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


def _entropy(levels: Ints) -> float:
    """Return the entropy of the known levels, in nats."""
    share = np.bincount(levels[levels >= 0]) / max(int((levels >= 0).sum()), 1)
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())


def _barred(law: Conditional, features: Floats, levels: Ints) -> Conditional:
    """Return a law that hardly ever draws what the data never show: a level beside something that is or is not so.

    Such are levels of other categories on the row and beside it. What would come at least `EXPECTED` times by chance,
    and never does, cannot be.
    """
    if law.count > MOST or not len(levels):
        return law
    binary = np.flatnonzero(((features == 0) | (features == 1)).all(axis=0))
    code = np.eye(law.count, dtype=np.float32)[levels]
    seen = features[:, binary]
    by_chance = np.outer(seen.sum(axis=0), code.sum(axis=0)) / len(levels)
    never: Bools = (seen.T @ code == 0) & (by_chance >= EXPECTED)
    weights, first = law.weights.copy(), law.first.copy()
    for own in (weights, first):
        own[1 + binary] -= BAR * never
    return replace(law, weights=weights, first=first)


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
