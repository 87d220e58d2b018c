"""The critic, the "discriminator" of a Wasserstein GAN: it scores how real a window looks.

It sees each step as numbers: values, differences to the step before on their own scale (the small steps of a persistent
series are invisible beside its level), what each cell did (see `heads`), and what is known of the step. Only values
bend; what cells did is held constant, so that the gradient of a score runs through values and differences, and the
penalty moves in their space.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..layout import Category, Cell, Layout, Number
from .cells import LSTM, RecurrentCell
from .heads import Outcomes, code
from .losses import Batch

MAX_ONE_HOT = 16  # levels of a category up to which each has a place of its own; more share as many numbers
MAX_SCALE = 100.0  # of a difference: a smaller step is as good as none


class Features(nn.Module):
    """Cells as numbers, `size` a row, that a network reads and that may lie between those of two rows.

    `scale` `(cells,)` is what differences between steps are multiplied by; None leaves them out.
    """

    numbers: Tensor
    missing: Tensor
    flagged: Tensor
    plain: Tensor
    starts: Tensor
    wide: Tensor
    rows: Tensor
    scale: Tensor | None

    def __init__(self, cells: tuple[Cell, ...], scale: Tensor | None = None) -> None:
        super().__init__()
        self.cells, counts = cells, [Outcomes.of(cell).count for cell in cells]
        numbers = [j for j, cell in enumerate(cells) if isinstance(cell, Number)]
        wide = [j for j, cell in enumerate(cells) if isinstance(cell, Category) and cell.levels > MAX_ONE_HOT]
        flagged = [j for j in range(len(cells)) if j not in set(wide)]
        plain = [int(isinstance(cells[j], Number)) for j in flagged]  # outcomes that are no flag: "continuous", first
        widths = [counts[j] - skipped for j, skipped in zip(flagged, plain, strict=True)]
        starts = [sum(widths[:k]) - skipped for k, skipped in enumerate(plain)]
        levels = [counts[j] for j in wide]
        self.flags = sum(widths)
        for name, held in {
            "numbers": numbers,
            "missing": [Outcomes.of(cells[j]).missing for j in numbers],
            "flagged": flagged,
            "plain": plain,
            "starts": starts,
            "wide": wide,
            "rows": [sum(levels[:k]) for k in range(len(wide))],
        }.items():
            self.register_buffer(name, torch.tensor(held, dtype=torch.int64), persistent=False)
        self.register_buffer("scale", None if scale is None else scale[numbers].clone())
        self.codes = nn.Parameter(torch.randn(sum(levels), MAX_ONE_HOT)) if wide else None
        self.size = len(numbers) * (1 if scale is None else 2) + self.flags + len(wide) * MAX_ONE_HOT

    def code(self, values: Tensor) -> Tensor:
        """Return what each cell of windows did, by its outcomes' numbers; `values` is (B, T, cells), NaN missing."""
        age = torch.arange(values.shape[1]).expand(len(values), -1)
        return code(values.detach(), age, self.cells).outcome

    def forward(self, values: Tensor, outcome: Tensor) -> Tensor:
        """Return the features of rows `(B, T, size)` by values and outcomes `(B, T, cells)`, anything where missing."""
        there = outcome[..., self.numbers] != self.missing
        x = torch.where(there, values[..., self.numbers], 0.0)
        parts = [x]
        if self.scale is not None:
            both = there[:, 1:] & there[:, :-1]
            step = torch.where(both, torch.diff(x, dim=1), 0.0) * self.scale.to(x)
            parts.append(nn.functional.pad(step, (0, 0, 1, 0)))
        did = outcome[..., self.flagged]
        at = torch.where(did < self.plain, self.flags, self.starts + did)  # one place too many, for no flag
        parts.append(x.new_zeros(*outcome.shape[:-1], self.flags + 1).scatter_(-1, at, 1.0)[..., : self.flags])
        if self.codes is not None:
            # of length 1: the penalty holds the critic's slope in this space, which must not stretch in its stead
            table = nn.functional.normalize(self.codes, dim=-1)
            parts.append(nn.functional.embedding(self.rows + outcome[..., self.wide], table).flatten(-2).to(x))
        return torch.cat(parts, dim=-1)


class Critic(nn.Module):
    """A recurrent critic; `scale` `(cells,)` is what differences are multiplied by, see `difference_scale`."""

    def __init__(
        self,
        layout: Layout,
        scale: Tensor,
        hidden: int = 64,
        layers: int = 1,
        cell: Callable[[int, int, int], RecurrentCell] = LSTM,
    ) -> None:
        super().__init__()
        self.steps, self.fixed = Features(layout.cells, scale), Features(layout.statics)
        self.cell = cell(self.steps.size + layout.covariates + self.fixed.size, hidden, layers)
        self.head = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.SiLU(), nn.Linear(hidden, 1))

    def batch(
        self, values: Tensor, statics: Tensor, covariates: Tensor, lengths: Tensor, drawn: Tensor | None = None
    ) -> Batch:
        """Return windows as the critic sees them, differentiable in the numbers of `values` and `statics`.

        Parameters
        ----------
        values : Tensor of shape (B, T, cells)
            Best float64, as in a panel: scaled numbers and codes of levels, NaN where missing.
        statics : Tensor of shape (B, statics)
        covariates : Tensor of shape (B, T, covariates)
        lengths : int64 Tensor of shape (B,)
            Steps that count.
        drawn : Tensor of shape (B, T, cells), optional
            The values as they were drawn, which say what cells did; `values` if not given.
        """
        kind = next(self.parameters()).dtype
        cells = self.steps(values, self.steps.code(values if drawn is None else drawn)).to(kind)
        fixed = self.fixed(statics[:, None], self.fixed.code(statics[:, None]))[:, 0].to(kind)
        return Batch(torch.cat([cells, covariates.to(kind)], dim=-1), fixed, lengths)

    def score(self, batch: Batch) -> Tensor:
        """Return the scores `(B,)` of windows."""
        scores: Tensor = self(batch.x, batch.statics, batch.lengths)
        return scores

    def forward(self, x: Tensor, statics: Tensor, lengths: Tensor) -> Tensor:
        """Score windows `(B, T, features)` by the hidden state at their last step and the mean of those up to it.

        Statics stand beside every step; what comes after the lengths does not touch the score.
        """
        time = torch.arange(1, x.shape[1] + 1)
        hidden, _ = self.cell(torch.cat([x, statics[:, None].expand(-1, x.shape[1], -1)], dim=-1))
        inside = (time <= lengths[:, None]).to(x.dtype)[:, :, None]
        mean = (hidden * inside).sum(1) / lengths[:, None].to(x.dtype)
        last = hidden[torch.arange(len(x)), lengths - 1]
        scores: Tensor = self.head(torch.cat([last, mean], dim=-1)).squeeze(-1)
        return scores


def difference_scale(values: Tensor, lengths: Tensor) -> Tensor:
    """Return 1 over the standard deviation of each cell's differences between steps, at most `MAX_SCALE`.

    Of real windows `(B, T, cells)`, NaN where missing; 1 for a cell that never moves, of no meaning for a category.
    """
    step = torch.diff(values.double(), dim=1)
    inside = torch.arange(1, values.shape[1]) < lengths[:, None]
    there = inside[:, :, None] & ~step.isnan()
    step = torch.where(there, step, 0.0)
    count = there.sum((0, 1)).clamp_min(1)
    mean = step.sum((0, 1)) / count
    spread = torch.sqrt((torch.where(there, step - mean, 0.0).square().sum((0, 1))) / count)
    return torch.where(spread > 0, (1 / spread).clamp_max(MAX_SCALE), 1.0).float()
