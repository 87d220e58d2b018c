"""First stage: the generator is taught by likelihood, told the real past at each step.

Streams walk along the sequences, a piece of a window's length at a time; the recurrent state is carried from piece to
piece, so that what is learned is not cut off at the window. In one long series a stream begins anywhere and goes on
with probability one half after each piece.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..panel import Bools, Ints
from .cells import detach, take
from .generator import Generator
from .pieces import Piece, Source

GOES_ON = 0.5
MOST_HELD = 768  # windows that the held-back likelihood is measured on


class Streams:
    """Batches of pieces that go on where the last ones ended.

    Parameters
    ----------
    source : Source
    starts, sequences : int64 arrays of shape (candidates,)
        Where a stream may begin: rows of the panel, and the sequence of each.
    ends : int64 array of shape (rows of the panel,)
        For each row the row at which what may be learned from ends.
    steps, before, batch : int
        T, P and B.
    rng : numpy.random.Generator
    stretches : bool
    """

    def __init__(
        self,
        source: Source,
        starts: Ints,
        sequences: Ints,
        steps: int,
        before: int,
        batch: int,
        rng: np.random.Generator,
        stretches: bool,
        allowed: Callable[[Ints, Ints], Bools],
    ) -> None:
        self.source, self.starts, self.sequences = source, starts, sequences
        self.steps, self.before, self.rng, self.stretches = steps, before, rng, stretches
        self.batch, self.allowed = batch, allowed
        self.at = np.full(batch, -1)
        self.sequence = np.zeros(batch, dtype=np.int64)
        self.order, self.used = rng.permutation(len(starts)), 0

    def next(self) -> tuple[Piece, Tensor]:
        """Return the next pieces, and which of them go on from the piece before."""
        ahead = self.at + self.steps
        end = self.source.offsets[self.sequence + 1]
        goes_on = (self.at >= 0) & (ahead < end)
        if self.stretches:
            goes_on &= (self.rng.random(self.batch) < GOES_ON) & (ahead + self.steps <= end)
            goes_on[goes_on] &= self.allowed(ahead[goes_on], ahead[goes_on] + self.steps - 1)
        fresh = np.flatnonzero(~goes_on)
        chosen = self._draw(len(fresh))
        self.at = np.where(goes_on, ahead, 0)
        self.at[fresh], self.sequence[fresh] = self.starts[chosen], self.sequences[chosen]
        begins = ~goes_on if self.stretches else np.zeros(self.batch, dtype=bool)
        piece = self.source.cut(self.at, self.sequence, begins, self.steps, self.before)
        return piece, torch.from_numpy(goes_on)

    def _draw(self, count: int) -> Ints:
        out = []
        while count:
            some = self.order[self.used : self.used + count]
            out.append(some)
            count -= len(some)
            self.used += len(some)
            if self.used >= len(self.order):
                self.order, self.used = self.rng.permutation(len(self.starts)), 0
        return np.concatenate(out) if out else np.zeros(0, dtype=np.int64)


def measure(generator: Generator, pieces: list[Piece], noise: int) -> float:
    """Return minus the log-likelihood of pieces, in nats a row."""
    generator.eval()
    total, rows = 0.0, 0
    gen = torch.Generator().manual_seed(noise)
    with torch.no_grad():
        for piece in pieces:
            log_prob, _ = generator(piece, None, gen)
            total -= float(log_prob.sum())
            rows += int(piece.inside.sum())
    generator.train()
    return total / max(rows, 1)
