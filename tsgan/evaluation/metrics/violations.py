"""SequenceTable that break what every real row holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ...arrays import Bools
from ...constraints.base import Constraint, SequenceTable
from ...constraints.checking import broken
from ...constraints.numbers import kind_of
from ...constraints.suggesting import suggest
from ..case import Case
from ..splits import CannotMeasureError
from .base import RANK, Grade, Metric, Reference, Result, Scores
from .figures import Figure, Row, graded
from .units import Pair, chance_of_extremes

MIN_WORST_BROKEN = 1e-3  # of the rows, where even the useless table breaks none
MIN_SEQUENCES_TO_HALVE = 8  # fewer are halved by rows


class Violations(Metric):
    """Share of rows that break a constraint."""

    name = "violations"
    section = "joint"
    title = "Broken rules"
    question = "Do the rules that every real row holds hold in every row?"
    definition = (
        "The share of synthetic rows that break any of the constraints given to evaluate: orders of columns, sums, "
        "ranges, meters that never fall, combinations of categories, computed columns. Where none are given, those "
        "that hold exactly in the real table are looked for, and graded if one half of the table suggests them, too, "
        "and the other half (and the holdout) confirms them; the others are only listed. Chance is told for found ones "
        "by counting sequences: if both tables have one source, those that break a rule are as likely to be real. The "
        "useless table draws each number from a normal law with its column's mean and spread, and each other value "
        "from its column, all by themselves."
    )
    references = (
        Reference(
            "The Synthetic Data Vault (Patki, Wedge & Veeramachaneni, 2016), which introduced constraints on rows",
            "https://doi.org/10.1109/DSAA.2016.49",
        ),
        Reference(
            "How Realistic Is Your Synthetic Data? Constraining Deep Generative Models for Tabular Data (Stoian, "
            "Dyrmishi, Cordy, Lukasiewicz & Giunchiglia, 2024)",
            "https://arxiv.org/abs/2402.04823",
        ),
    )
    zero_is_perfect = False
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "The rules of the real data hold.",
        "close": "A few rows break rules of the real data.",
        "visible": "Many rows break rules of the real data.",
        "far": "The rules of the real data do not hold.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Count the rows that break each constraint, and any."""
        real, other = _rows(case, "real"), _rows(case, "synthetic")
        declared = case.constraints is not None
        if case.constraints is None:
            confirmed, listed = _found(case, real)
        elif case.constraints:
            confirmed, listed = list(case.constraints), []
        else:
            raise CannotMeasureError("the list of constraints is empty")
        if not confirmed:
            raise CannotMeasureError(
                "no constraint is given, and none that says something holds exactly in both halves of the real table; "
                "pass constraints=[...]"
            )
        useless = _useless(case, real)
        found_rows = []
        any_broken = [np.zeros(rows.size(False), dtype=bool) for rows in (real, other, useless)]
        for one in confirmed:
            found = [broken(one, rows, real) for rows in (real, other, useless)]
            any_broken = [before | now for before, now in zip(any_broken, found, strict=True)]
            shares = [float(now.mean()) for now in found]
            chance = float(shares[1] <= shares[0]) if declared else _chance(case, found[1])
            figure = Figure.counted(shares[1], shares[0], max(shares[2], MIN_WORST_BROKEN), chance)
            found_rows.append(Row(one.text, {"share": figure}, {"rows": int(found[1].sum()), "declared": declared}))
        share, control, worst = (float(found.mean()) for found in (any_broken[1], any_broken[0], any_broken[2]))
        rows = graded(found_rows, "part")
        worst_grade: Grade = max((row["grade"] for row in rows), key=lambda grade: RANK[grade])
        parts = rows + [_listed(one, broken(one, other, real)) for one in listed]
        made = self.result(
            Scores([share], [control], max(worst, MIN_WORST_BROKEN)), {"parts": parts}, grade=worst_grade
        )
        count, total = int(any_broken[1].sum()), other.size(False)
        several = len(confirmed) > 1
        rules = f"{len(confirmed)} constraints" if several else "1 constraint"
        if not declared:
            rules += " that hold in the real table" if several else " that holds in the real table"
        most = max(rows, key=lambda row: row["rows"])
        note = f" Most often: {most['part']} ({most['rows']} rows)." if count and several else ""
        verdict = f"{count} of {total} rows break any of {rules}.{note}"
        each = {"values": [share] * repeats, "real_against_real": [control] * repeats}
        return replace(made, verdict=verdict, detail={**made.detail, **each, "rows": count})


def _rows(case: Case, side: str) -> SequenceTable:
    """Return a table's columns as they came, all with one value per row; declared rules read the clock, too."""
    part = {"real": case.real, "synthetic": case.synthetic, "holdout": case.holdout}[side]
    if case.frames is None or part is None:
        raise CannotMeasureError("the tables are not at hand")
    frame = case.frames[side]
    columns: dict[Any, pd.Series[Any]] = {name: frame[name].reset_index(drop=True) for name in frame.columns}
    clock = None if case.constraints is None else case.stamps.get(side)
    given: dict[Any, pd.Series[Any]] = {} if clock is None or clock.name in columns else {clock.name: clock}
    return SequenceTable({**columns, **given}, frozenset(), part.panel.lengths, frozenset(given))


def _found(case: Case, real: SequenceTable) -> tuple[list[Constraint], list[Constraint]]:
    """Return what holds in the real table: what is confirmed, and what one half alone would not have suggested."""
    static = frozenset(name for name in real.columns if any(c.static and c.name == str(name) for c in case.columns))
    half = np.arange(real.size(False)) < real.size(False) // 2
    if len(real.lengths) >= MIN_SEQUENCES_TO_HALVE:
        half = real.sequence < len(real.lengths) // 2
    first, second = _part(real, half), _part(real, ~half)
    tests = [second, *([] if case.holdout is None else [_rows(case, "holdout")])]
    likely = list(suggest(first.with_statics(static)))
    confirmed: list[Constraint] = []
    listed: list[Constraint] = []
    for one in suggest(real.with_statics(static)):
        good = one in likely and not any(broken(one, rows, first).any() for rows in tests)
        (confirmed if good else listed).append(one)
    return confirmed, listed


def _part(rows: SequenceTable, where: Bools) -> SequenceTable:
    lengths = np.bincount(rows.sequence[where])
    columns = {name: series[where].reset_index(drop=True) for name, series in rows.columns.items()}
    return SequenceTable(columns, frozenset(), lengths[lengths > 0].astype(np.int64))


def _useless(case: Case, real: SequenceTable) -> SequenceTable:
    """Return the useless table."""
    rng = case.rng("violations")
    columns = {}
    for name, series in real.columns.items():
        if name in real.given:
            columns[name] = series
            continue
        if kind_of(series) not in ("whole", "real") or series.isna().all():
            columns[name] = series.take(rng.permutation(len(series))).reset_index(drop=True)
            continue
        x = series.to_numpy(dtype=np.float64, na_value=np.nan)
        drawn = rng.normal(np.nanmean(x), np.nanstd(x), len(x))
        drawn = np.round(drawn) if kind_of(series) == "whole" else drawn
        columns[name] = pd.Series(np.where(np.isnan(x), np.nan, drawn))
    return replace(real, columns=columns)


def _chance(case: Case, found: Bools) -> float:
    """Return the chance that as many sequences (or blocks) of another sample of the source break a rule."""
    if not found.any():
        return 1.0
    try:
        pair = Pair.of(case, "violations")
    except CannotMeasureError:
        return chance_of_extremes(int(found.sum()), len(case.real.panel.values), len(found))
    brought = len(np.unique(pair.other.units[found[pair.other.rows]]))
    return chance_of_extremes(brought, pair.real.count, pair.other.count)


def _listed(one: Constraint, found: Bools) -> dict[str, Any]:
    """Return the row of a constraint that holds in the real table, but may do so by chance."""
    figures = {"value": float(found.mean()), "share": float(found.mean()), "rows": int(found.sum())}
    return {"part": f"{one.text} (suggested)", **figures, "real_against_real": 0.0, "worst": 1.0, "grade": None}
