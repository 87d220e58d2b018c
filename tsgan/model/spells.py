r"""Spells: for how long a cell has been in its state, and what that says of the outcome to come.

A value that is repeated or interpolated from a coarser clock changes every so many rows; a machine's cycle, a shift, a
course of treatment has a length of its own. So the base's table of which outcome follows which state may tell spells
apart by how long they have lasted (a semi-Markov chain: "Hidden semi-Markov models", Yu, 2010,
https://doi.org/10.1016/j.artint.2009.11.011). With `n` rows seen of a state that has lasted so long, the shares are

.. math:: p(o \mid s, l) = \frac{n_{slo} + \kappa \, p(o \mid s)}{n_{sl} + \kappa}.

Whether it is so told of a cell, up to which length, and the weight :math:`\kappa` are what held-back rows like best.
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

LONGEST = (8, 16, 32)  # rows from which all spells are as long
EVENTS = 16  # outcomes of a cell at most
WEIGHTS = (4.0, 16.0, 64.0)
ENOUGH, GAIN = 3.0, 5e-4  # nats that it has to gain: in all, and a row
NEARLY = 0.95  # share of the best gain with which a shorter length is as good
SURE = 3  # rows of a stretch from which a change of state can be seen


def timed(cells: tuple[Cell, ...]) -> list[int]:
    """Return the cells whose spells may be told apart."""
    return [j for j, own in enumerate(map(Outcomes.of, cells)) if 1 < own.count <= EVENTS]


def lasted(state: Tensor, age: Tensor, longest: int, stretches: bool) -> Tensor:
    """Return for how many rows each state has lasted, its own among them, at most `longest`; 0 if nobody knows.

    Parameters
    ----------
    state : int64 Tensor of shape (B, R, C)
        See `heads.Coded`. What the first rows did is not known, so that `longest` + 1 rows before are needed.
    age : int64 Tensor of shape (B, R)
    longest : int
    stretches : bool
        Whether a start may lie within a spell.
    """
    begun = torch.zeros_like(state, dtype=torch.bool)
    sure = (age >= SURE) if stretches else (age >= 1)
    begun[:, SURE:] = (state[:, SURE:] != state[:, SURE - 1 : -1]) & sure[:, SURE:, None]
    if not stretches:
        begun |= (age == 0)[:, :, None]
    place = torch.arange(state.shape[1], device=state.device)[None, :, None].expand_as(state)
    last = torch.where(begun, place, -1).cummax(1).values
    old = torch.where(age >= longest + SURE - 1, longest, 0)[:, :, None]
    return torch.where(last >= 0, (place - last + 1).clamp_max(longest), old)


def go_on(before: Tensor, same: Tensor, age: int, longest: int, stretches: bool) -> Tensor:
    """Return what `lasted` does of one row more, `(B, C)`; `same` says where the state is that of the row before."""
    if age == 0:
        return torch.full_like(before, 0 if stretches else 1)
    fresh = 1 if age >= SURE or not stretches else 0
    unknown = longest if age >= longest + SURE - 1 else 0
    more = torch.where(before > 0, (before + 1).clamp_max(longest), unknown)
    return torch.where(same, more, fresh if fresh else more)


class Spells:
    """How often outcomes come after spells of some length; learned and held-back rows apart.

    Parameters
    ----------
    cells : tuple of Cell
    """

    def __init__(self, cells: tuple[Cell, ...]) -> None:
        own = [Outcomes.of(cell) for cell in cells]
        self.counts = {j: np.zeros((2, own[j].states, LONGEST[-1] + 1, own[j].count)) for j in timed(cells)}

    def add(self, old: Tensor, length: Tensor, now: Tensor, held: Tensor) -> None:
        """Take in rows: states before, for how long these had lasted, outcomes `(rows, C)`, whether held back."""
        for j, counts in self.counts.items():
            _, states, lengths, n = counts.shape
            place = ((held.long() * states + old[:, j]) * lengths + length[:, j]) * n + now[:, j]
            counts += np.bincount(place.numpy(), minlength=counts.size).reshape(counts.shape)

    def learn(self, after: Sequence[Doubles]) -> tuple[int, dict[int, Doubles]]:
        """Return the length from which spells are as long, 0 if none is told apart, and the log shares by cell.

        Parameters
        ----------
        after : sequence of float64 arrays of shape (states, outcomes)
            Log shares of each cell's outcomes after each state.

        Returns
        -------
        int
        dict of int to float64 array of shape (states, longest + 1, outcomes)
            Of all cells that are `timed`; length 0 is that nobody knows it.
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
    for longest in LONGEST:
        n, kept = (_cut(side, longest - 1) for side in (learned, held))
        tried = []
        for weight in WEIGHTS:
            p = (n + weight * plain[:, None]) / (n.sum(2, keepdims=True) + weight)
            tried.append((float((kept * np.log(p / plain[:, None])).sum()), weight))
        gains[longest] = max(tried)
    most = max(gain for gain, _ in gains.values())
    if most <= max(ENOUGH, GAIN * held.sum()):
        return None
    length = next(length for length, (gain, _) in gains.items() if gain >= NEARLY * most)
    return length, gains[length][1]
