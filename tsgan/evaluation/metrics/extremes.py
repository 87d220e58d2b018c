"""The outermost values of each column; zeros, values that come up again and again, and values that stay."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...arrays import Bools, Doubles, Floats, Ints
from ..case import Case
from ..columns import Column
from ..splits import CannotMeasureError
from .base import Grade, Metric, Reference, Result
from .figures import MIN_WORST, NORMAL, Figure, Grid, Row, difference, result_of_rows, rows_of, total_variation
from .units import DEALS, Pair, Sample

TAIL = 0.01  # rarer values are too few to compare in tables of usual size
# levels of the knots of one tail: close about the quantile that is compared
TAIL_LEVELS = np.array(
    [0.0002, 0.0005, 0.001, 0.002, 0.004, 0.006, 0.008, TAIL, 0.012, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25]
)
REACH = np.array([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0])  # of knots beyond the extremes, in 90 % widths
MIN_WORST_RATIO = 0.5  # of the relative difference of two shares


class Tails(Metric):
    """Distance of the 1 % and 99 % quantiles, and of the shares of values beyond the real ones."""

    name = "tails"
    section = "columns"
    title = "Rare values"
    question = "Do the smallest and the largest values come out as far, and as often, as they should?"
    definition = (
        "For each column of numbers or dates, the distance between the real and the synthetic 1 % quantile, and "
        "between the 99 % quantiles, over the width of the middle 90 % of the real values; the score is their mean "
        "over both tails and all columns. The table by columns adds the share of synthetic values beyond the real 1 % "
        "and 99 % quantiles and grades by it too: the difference between the shares over the larger of them (at least "
        "1 %). The useless table has no tails: it is uniform over the middle half of the real values. Missing values "
        "are left out."
    )
    references = (
        Reference("A Note on Quantiles in Large Samples (Bahadur, 1966)", "https://doi.org/10.1214/aoms/1177699450"),
        Reference(
            "Tail-GAN: Learning to Simulate Tail Risk Scenarios (Cont, Cucuringu, Xu & Zhang, 2022)",
            "https://arxiv.org/abs/2203.01664",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "The rarest values lie as far out, and are as rare, as in the real data.",
        "close": "The rarest values lie almost where they do in the real data.",
        "visible": "In some columns the rarest values lie too far out, or not far enough.",
        "far": "The synthetic data do not have the real data's rare values.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare column by column, on all rows."""
        numbers = [column for column in case.columns if not column.discrete]
        if not numbers:
            raise CannotMeasureError("no column holds numbers or dates; tails are those of numbers")
        rows = rows_of(case, self.name, numbers, _row)
        if not rows:
            raise CannotMeasureError("every column of numbers is missing throughout one of the tables")
        return result_of_rows(self, rows, repeats)


def _row(column: Column, pair: Pair, where: tuple[Bools, Bools]) -> Row:
    sides = pair.real.values[:, column.start], pair.other.values[:, column.start]
    grid, middle = _grid(sides[0][where[0]])
    found = pair.shares(grid.codes(sides[0]), grid.codes(sides[1]), grid.outcomes, where)
    width = NORMAL * grid.spread
    ends = quantiles(grid, found.real)
    bare = np.array([middle[0] + TAIL * (middle[1] - middle[0]), middle[1] - TAIL * (middle[1] - middle[0])])

    def apart(shares: Doubles) -> Doubles:
        return np.asarray(np.abs(quantiles(grid, shares) - ends).mean(axis=-1) / width)

    outside = beyond(grid, found.real)

    def ratio(shares: Doubles) -> Doubles:
        share = beyond(grid, shares)
        return np.asarray((np.abs(share - outside) / np.maximum(np.maximum(share, outside), TAIL)).mean(axis=-1))

    flat = float(np.abs(bare - ends).mean() / width)
    none = float((outside / np.maximum(outside, TAIL)).mean())
    figures = {
        "quantiles": Figure.of(apart, found, max(flat, MIN_WORST)),
        "shares": Figure.of(ratio, found, max(none, MIN_WORST_RATIO)),
    }
    low, high = map(float, beyond(grid, found.other))
    moved = (quantiles(grid, found.other) - ends) / width
    remarks = {"low": float(moved[0]), "high": float(moved[1]), "share_below": low, "share_above": high}
    return Row(column.name, figures, remarks)


def _grid(real: NDArray[np.floating]) -> tuple[Grid, tuple[float, float]]:
    """Knots that lie close in the tails and reach far beyond, and the quartiles."""
    usual = Grid.of(real)
    values = np.sort(real)
    levels = np.r_[TAIL_LEVELS, 0.5, 1 - TAIL_LEVELS[::-1]]
    inside = values[np.floor(levels * (len(values) - 1)).astype(np.int64)].astype(np.float64)
    reach = REACH * NORMAL * usual.spread
    knots = np.unique(np.r_[values[0] - reach, inside, values[[0, -1]].astype(np.float64), values[-1] + reach])
    at = int(np.searchsorted(TAIL_LEVELS, TAIL))
    bulk = float(inside[at]), float(inside[-1 - at])
    return Grid(knots, bulk, usual.spread), (float(inside[len(TAIL_LEVELS) - 1]), float(inside[-len(TAIL_LEVELS)]))


def quantiles(grid: Grid, shares: Doubles) -> Doubles:
    """The 1 % and the 99 % quantile, straight between knots, `(..., 2)`."""
    upto = np.maximum.accumulate(np.cumsum(shares, axis=-1)[..., 1::2], axis=-1)
    found = []
    for level in (TAIL, 1 - TAIL):
        after = np.minimum((upto < level - 1e-12).sum(axis=-1), len(grid.knots) - 1)
        before = np.maximum(after - 1, 0)
        low, high = (np.take_along_axis(upto, k[..., None], axis=-1)[..., 0] for k in (before, after))
        part = np.clip((level - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
        found.append(grid.knots[before] + part * (grid.knots[after] - grid.knots[before]))
    return np.stack(found, axis=-1)


def beyond(grid: Grid, shares: Doubles) -> Doubles:
    """Share below the real 1 % quantile, and above the real 99 % quantile, `(..., 2)`."""
    upto = np.cumsum(shares, axis=-1)
    low, high = np.searchsorted(grid.knots, grid.bulk)
    outside = np.stack([upto[..., 2 * low], 1 - upto[..., 2 * high + 1]], axis=-1)
    return np.where(outside > 1e-12, outside, 0.0)


MIN_SHARE, MAX_READ = 0.01, 20_000  # of the rows for a frequent value; values looked at for that
MAX_ATOMS = 32
MIN_NEW_SHARE, MIN_NEW_UNITS = 0.02, 5  # for a value that only the synthetic table repeats: one sequence is no atom
MIN_SHARED = 0.5  # of the real values, for a column of rounded ones
MIN_WORST_ATOMS = 0.05  # shares of single values are smaller than others
FIGURES = ("zeros", "atoms", "known", "repeats")


class Atoms(Metric):
    """Largest difference of the shares of exact zeros, of frequent values, of known values and of repetitions."""

    name = "atoms"
    section = "columns"
    title = "Zeros and repeated values"
    question = "Are exact zeros, rounded values and values that stay as frequent as they should be?"
    definition = (
        "For each column of numbers or dates four shares are compared, to the last digit: rows that are exactly zero; "
        "rows at each single value that fills at least 1 % of a table (at most 32 of them; half the sum of the "
        "differences); where most real values occur in several sequences, as whole or rounded numbers do, rows whose "
        "value occurs in the real table (of the real one: in another sequence), and only too few of them count; steps "
        "at which the value stays as it was. A column's figure is the largest of the four differences, between 0 and "
        "1; the score is their mean over columns. The useless table is continuous: it has no zeros and repeats nothing."
    )
    references = (
        Reference(
            "Synthesizing Mixed-type Electronic Health Records using Diffusion Models (Ceritli et al., 2023)",
            "https://arxiv.org/abs/2302.14679",
        ),
        Reference(
            "Modeling Tabular Data using Conditional GAN (Xu, Skoularidou, Cuesta-Infante & Veeramachaneni, 2019)",
            "https://arxiv.org/abs/1907.00503",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "Zeros, rounded values and values that stay are as frequent as in the real data.",
        "close": "Zeros, rounded values and values that stay are almost as frequent as in the real data.",
        "visible": "In some columns zeros, rounded values or values that stay are too frequent, or too rare.",
        "far": "Zeros, rounded values and values that stay are not those of the real data.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Compare column by column, on all rows."""
        numbers = [column for column in case.columns if not column.discrete]
        if not numbers:
            raise CannotMeasureError("no column holds numbers or dates; the levels of categories are always the same")
        found = rows_of(case, self.name, numbers, _atom_row)
        if max((share for _, shares in found for share in shares), default=0.0) < MIN_SHARE:
            raise CannotMeasureError(
                "in neither table does a column of numbers hold zeros, a value that fills 1 % of the rows, or values "
                "that stay"
            )
        return result_of_rows(self, [row for row, _ in found], repeats)


def _atom_row(column: Column, pair: Pair, where: tuple[Bools, Bools]) -> tuple[Row, list[float]]:
    """Return the column's figures and the shares they compare."""
    sides = pair.real.values[:, column.start], pair.other.values[:, column.start]
    figures: dict[str, Figure] = {}
    shares: list[float] = []

    def compare(name: str, codes: tuple[Ints | Bools, Ints | Bools], size: int, rows: tuple[Bools, Bools]) -> None:
        found = pair.shares(codes[0], codes[1], size, rows)
        if min(found.counted) > 0:
            worst = max(float(total_variation(np.eye(size)[0], found.real)), MIN_WORST_ATOMS)
            if size == 2:
                # known values beyond those of the real data are copies, and disclosure's to find
                marked = min(found.other[1], found.real[1]) if name == "known" else found.other[1]
                figures[name] = difference(float(marked), float(found.real[1]), found.chance[..., 1], worst)
            else:
                figures[name] = Figure.of(partial(total_variation, two=found.real), found, worst)
            shares.extend([1 - float(found.real[0]), 1 - float(found.other[0])])

    if column.kind == "numeric":
        zero = np.float32(-column.low / column.span)
        compare("zeros", (sides[0] == zero, sides[1] == zero), 2, where)
    atoms = _frequent((pair.real, pair.other), sides, where)
    if len(atoms):
        compare("atoms", (_place(atoms, sides[0]), _place(atoms, sides[1])), len(atoms) + 1, where)
    known = _known(pair.real, sides, where)
    if known is not None:
        compare("known", known, 2, where)
    if not column.static:
        steps = pair.real.steps(where[0]), pair.other.steps(where[1])
        stays = [np.r_[False, np.diff(values) == 0] for values in sides]
        compare("repeats", (stays[0], stays[1]), 2, steps)
    found = list(figures.values())
    lead = Figure(
        max((one.value for one in found), default=0.0),
        np.max([np.zeros((2, DEALS)), *(one.control for one in found)], axis=0),
        max((one.worst for one in found), default=MIN_WORST_ATOMS),
        again=np.max([np.zeros(DEALS), *(one.again for one in found if one.again is not None)], axis=0),
    )
    return Row(
        column.name, {"largest": lead} | figures, {name: None for name in FIGURES if name not in figures}
    ), shares


def _frequent(samples: tuple[Sample, Sample], sides: tuple[Floats, Floats], where: tuple[Bools, Bools]) -> Floats:
    """Values that fill at least 1 % of the real table, or that only the synthetic one repeats, increasing."""
    found, counts = _counted(sides[0][where[0]])
    share = counts / counts.sum()
    atoms = found[np.argsort(-share)[:MAX_ATOMS]][np.sort(share)[::-1][:MAX_ATOMS] >= MIN_SHARE]
    others, counts = _counted(sides[1][where[1]])
    for value in others[counts >= MIN_NEW_SHARE * counts.sum()]:
        here = (sides[1] == value) & where[1]
        rare = (sides[0][where[0]] == value).mean() < here.sum() / where[1].sum() / 2
        if rare and len(np.unique(samples[1].units[here])) >= MIN_NEW_UNITS:
            atoms = np.append(atoms, value)
    return np.unique(atoms)[: 2 * MAX_ATOMS]


def _counted(values: Floats) -> tuple[Floats, Ints]:
    found, counts = np.unique(values[:: max(len(values) // MAX_READ, 1)], return_counts=True)
    return found, counts


def _place(atoms: Floats, values: Floats) -> Ints:
    """Number of the atom that a value is, from 1, else 0."""
    place = np.minimum(np.searchsorted(atoms, values), len(atoms) - 1)
    return np.where(atoms[place] == values, place + 1, 0)


def _known(real: Sample, sides: tuple[Floats, Floats], where: tuple[Bools, Bools]) -> tuple[Bools, Bools] | None:
    """Whether each value occurs in another real unit (real) or in the real table (synthetic).

    None where fewer than half of the real values occur elsewhere: the column is continuous, or nearly.
    """
    seen = sides[0][where[0]]
    counts = _counted(seen)[1]
    if counts[counts > 1].sum() < MIN_SHARED / 4 * counts.sum():
        return None
    order = np.argsort(seen, kind="stable")
    values, units = seen[order], real.units[where[0]][order]
    starts = np.flatnonzero(np.r_[True, np.diff(values) > 0])
    ends = np.r_[starts[1:], len(values)] - 1
    shared = np.repeat(units[starts] != units[ends], ends - starts + 1)
    if shared.mean() < MIN_SHARED:
        return None
    known = np.zeros(len(sides[0]), dtype=np.bool_)
    known[np.flatnonzero(where[0])[order]] = shared
    levels = values[starts]
    place = np.minimum(np.searchsorted(levels, sides[1]), len(levels) - 1)
    return known, levels[place] == sides[1]
