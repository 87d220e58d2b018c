r"""Spells: for how long a cell has been in its state, and what that says of the outcome to come.

A value that is repeated or interpolated from a coarser clock changes every so many rows; a machine's cycle, a shift, a
course of treatment has a length of its own. So the base's table of which outcome follows which state may tell spells
apart by how long they have lasted (a semi-Markov chain: "Hidden semi-Markov models", Yu, 2010,
https://doi.org/10.1016/j.artint.2009.11.011). With `n` rows seen of a state that has lasted so long, the shares are

.. math:: p(o \mid s, l) = \frac{n_{slo} + \kappa \, p(o \mid s)}{n_{sl} + \kappa}.

Whether that is done for a cell, up to which length, and the weight :math:`\kappa` are what held-back rows like best.
Where a stretch of a long series begins within a spell nobody knows how long it has lasted: there it does not count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..arrays import Doubles
from ..layout import Cell
from .heads import Outcomes
from .runtime import to_array

MAX_DURATIONS = (8, 16, 32)  # rows from which spells count as equally long; the shortest that gains is taken
MAX_OUTCOMES = 16  # of a cell whose spells are told apart: each has a table of outcomes by states by lengths
WEIGHTS = (4.0, 16.0, 64.0)  # rows that the shares without a length count as
MIN_GAIN, MIN_ROW_GAIN = 3.0, 5e-4  # nats that it has to gain: in all, and a row
ALL_GAIN = 0.95  # share of the best gain with which a shorter length is as good
MIN_AGE = 3  # rows of a stretch from which a change of state can be seen


def spell_cells(cells: tuple[Cell, ...]) -> list[int]:
    """Return the cells whose spells may be told apart."""
    return [j for j, own in enumerate(map(Outcomes.of, cells)) if 1 < own.count <= MAX_OUTCOMES]


def durations(state: Tensor, age: Tensor, longest: int, stretches: bool) -> Tensor:
    """Return for how many rows each state has lasted, its own among them, at most `longest`; 0 if nobody knows.

    Of states and ages as in `heads.Coded` and `Chunk`, with `longest` + 1 rows of context. What the first of these did
    is not known. With `stretches` a start may lie within a spell.
    """
    begun = torch.zeros_like(state, dtype=torch.bool)
    sure = (age >= MIN_AGE) if stretches else (age >= 1)
    begun[:, MIN_AGE:] = (state[:, MIN_AGE:] != state[:, MIN_AGE - 1 : -1]) & sure[:, MIN_AGE:, None]
    if not stretches:
        begun |= (age == 0)[:, :, None]
    place = torch.arange(state.shape[1])[None, :, None].expand_as(state)
    last = torch.where(begun, place, -1).cummax(1).values
    old = torch.where(age >= longest + MIN_AGE - 1, longest, 0)[:, :, None]
    return torch.where(last >= 0, (place - last + 1).clamp_max(longest), old)


def next_durations(before: Tensor, same: Tensor, age: int, longest: int, stretches: bool) -> Tensor:
    """Return what `durations` does of one row more, `(B, C)`; `same` says where the state is that of the row before."""
    if age == 0:
        return torch.full_like(before, 0 if stretches else 1)
    fresh = 1 if age >= MIN_AGE or not stretches else 0
    unknown = longest if age >= longest + MIN_AGE - 1 else 0
    more = torch.where(before > 0, (before + 1).clamp_max(longest), unknown)
    return torch.where(same, more, fresh if fresh else more)


class SpellCounts:
    """How often outcomes come after spells of some length; learned and held-back rows apart."""

    def __init__(self, cells: tuple[Cell, ...]) -> None:
        own = [Outcomes.of(cell) for cell in cells]
        self.counts = {j: np.zeros((2, own[j].states, MAX_DURATIONS[-1] + 1, own[j].count)) for j in spell_cells(cells)}

    def add(self, old: Tensor, length: Tensor, now: Tensor, held: Tensor) -> None:
        """Take in rows: states before, for how long these had lasted, outcomes `(rows, C)`, whether held back."""
        for j, counts in self.counts.items():
            _, states, lengths, n = counts.shape
            place = ((held.long() * states + old[:, j]) * lengths + length[:, j]) * n + now[:, j]
            counts += np.bincount(to_array(place), minlength=counts.size).reshape(counts.shape)

    def learn(self, after: Sequence[Doubles]) -> tuple[int, dict[int, Doubles]]:
        """Return the length from which spells are as long, 0 if none are told apart, and log shares by cell.

        Those are of all `spell_cells`, `(states, longest + 1, outcomes)`, where length 0 is that nobody knows it;
        `after` are log shares without a length, `(states, outcomes)`.
        """
        found = {j: best for j, counts in self.counts.items() if (best := _best(counts)) is not None}
        if not found:
            return 0, {}
        longest = max(length for length, _ in found.values())
        tables = {}
        for j, counts in self.counts.items():
            plain = np.repeat(np.exp(after[j])[:, None], longest + 1, 1)
            if j in found:
                n, weight = _cut(counts.sum(0), longest), found[j][1]
                plain[:, 1:] = ((n + weight * plain) / (n.sum(2, keepdims=True) + weight))[:, 1:]
            tables[j] = np.log(plain)
        return longest, tables


def _cut(counts: Doubles, longest: int) -> Doubles:
    """Return counts `(states, lengths, outcomes)` with all long spells together."""
    return np.concatenate([counts[:, :longest], counts[:, longest:].sum(1, keepdims=True)], 1)


def _best(counts: Doubles) -> tuple[int, float] | None:
    """Return the length and the weight that held-back rows like best; None where they like neither."""
    learned, held = counts[:, :, 1:]
    share = learned.sum(1)
    plain = (share + 0.5 / share.shape[1]) / (share.sum(1, keepdims=True) + 0.5)
    gains: dict[int, tuple[float, float]] = {}
    for longest in MAX_DURATIONS:
        n, kept = (_cut(side, longest - 1) for side in (learned, held))
        tried = []
        for weight in WEIGHTS:
            p = (n + weight * plain[:, None]) / (n.sum(2, keepdims=True) + weight)
            tried.append((float((kept * np.log(p / plain[:, None])).sum()), weight))
        gains[longest] = max(tried)
    most = max(gain for gain, _ in gains.values())
    if most <= max(MIN_GAIN, MIN_ROW_GAIN * held.sum()):
        return None
    length = next(length for length, (gain, _) in gains.items() if gain >= ALL_GAIN * most)
    return length, gains[length][1]
