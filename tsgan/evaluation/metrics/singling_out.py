"""What a synthetic table tells of single ones: values that one training sequence alone holds, found in it again.

A model without a trace of anyone still comes upon such values, as another sample of the source does. How often, the
real sequences tell: a training sequence, left out, meets what exactly one other holds, and a holdout sequence meets
what exactly one training sequence holds, as often as a new one would. This is the rule of Good and Turing ("The
Population Frequencies of Species and the Estimation of Population Parameters", Good, 1953,
https://doi.org/10.1093/biomet/40.3-4.237). Such meetings are few, so that their rate is known as a gamma law knows it,
and the number of further ones has a negative binomial law. A generator that is merely poor (numbers drawn evenly over a
range meet its ends) comes as often upon what one holdout sequence alone holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from ...arrays import Bools, Ints
from ..case import Case
from ..columns import Column, days
from ..records import RecordIndex
from .base import Grade, Reference, Result, Scores
from .disclosing import Disclosing, bootstrap, note_on_records, sides
from .draws import some_columns

SIDES = ("real", "holdout", "synthetic")
FEW = 5  # sequences that must reach as far for a number to be no extreme: the k of k-anonymity that is usual
OUTER = 0.75  # quantile of the distinct numbers, beyond which they lie as thinly as extremes, or less so
MAX_STATICS = 8  # that are combined: 92 sets of up to three
MAX_NAMED = 4  # columns in the verdict


class SingledOut(Disclosing):
    """Share of training sequences of which a value that they alone hold comes back."""

    name = "singled_out"
    title = "Singled out"
    question = "Do values that belong to one real sequence alone come back?"
    definition = (
        "The share of training sequences of which at least one rare value is in the synthetic table. Rare is what one "
        "training sequence alone holds: a level; an exact number (to seven digits) beyond what all but fewer than five "
        "sequences reach; an exact date, or the time at which it starts; a combination of up to three statics. Real "
        "against real is the share that as many unseen real sequences as there are synthetic ones would single out, by "
        "what the holdout does; the far end, what a copy would. Chance is told for each column by how often real "
        "sequences share such values, and how often what one holdout sequence alone holds comes back. It is small "
        "where one value comes back in many sequences, or many values, or many digits. What comes back once and may "
        "be chance (one of a few towns, an age) is counted, but not accused. Of one long series the sequences are "
        "stretches, and when it begins is no secret."
    )
    references = (
        Reference(
            "k-Anonymity: A Model for Protecting Privacy (Sweeney, 2002)", "https://doi.org/10.1142/S0218488502001648"
        ),
        Reference(
            "Opinion 05/2014 on Anonymisation Techniques (Article 29 Data Protection Working Party, WP216, 2014), on "
            "singling out",
            "https://ec.europa.eu/justice/article-29/documentation/opinion-recommendation/files/2014/wp216_en.pdf",
        ),
        Reference(
            "A Unified Framework for Quantifying Privacy Risk in Synthetic Data (Giomi, Boenisch, Wehmeyer & Tasnadi, "
            "2023)",
            "https://arxiv.org/abs/2211.10459",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "none found": "What single real records alone hold comes back no more often than chance can explain.",
        "suspicious": "Some of what single real records alone hold comes back more often than chance can explain.",
        "leak": "The synthetic table tells what single real records alone hold: do not share it.",
    }
    least = 0.0  # one person is too many

    def compute(self, case: Case, repeats: int) -> Result:
        """Look for the rare values of each training sequence in the synthetic and in the holdout table."""
        indices = sides(case, "whether rare values come back by chance or because the generator saw them")
        tables = [_Owners.of(index) for index in indices]
        frame = case.frames["real"]
        columns = [one for one, name in zip(case.columns, frame, strict=True) if frame[name].notna().any()]
        statics = [column for column in columns if column.static]
        kept, remark = some_columns(statics, case.rng("statics combined"), MAX_STATICS)
        found = [one for column in columns if column.kind != "boolean" for one in _in_column(case, tables, column)]
        if set(SIDES) <= set(case.clocks) and not any(index.blocks for index in indices):
            starts = _codes([case.clocks[side][table.firsts] for side, table in zip(SIDES, tables, strict=True)])[0]
            found.append(_Found.of("dates", "", [_Sharing.of(tables, starts, None, static=True)]))
        found += _combined(case, tables, kept)
        real, word = tables[0].count, indices[0].word
        whole = self._row({}, found, real, len(found))
        kinds = {kind: [one for one in found if one.kind == kind] for kind in dict.fromkeys(one.kind for one in found)}
        parts = [self._row({"part": kind}, members, real, len(found)) for kind, members in kinds.items()]
        rows = [
            self._row({"column": name}, [one for one in found if one.column == name], real, len(found))
            for name in dict.fromkeys(one.column for one in found if one.column)
        ]
        told = np.isin(np.arange(real), _union([one.told for one in found])).astype(np.float64)
        cluster = indices[0].cluster if indices[0].blocks else np.arange(real)
        rng = case.rng("singled out interval")
        interval = bootstrap(lambda one, _: float(told[one].mean()), cluster, np.arange(1), rng)
        by = ", ".join(f"{part['part']} {part['singled_out']}" for part in parts if part["singled_out"])
        accused = [row for row in sorted(rows, key=lambda row: row["chance"]) if row["grade"] in ("suspicious", "leak")]
        note = (
            f"Of {real} real {word} {whole['rare']} hold what no other does; {whole['singled_out']} come back by it"
            f"{f' ({by})' if by else ''}, and about {real * whole['real_against_real']:.1f} would by chance."
            f"{' Look at: ' if accused else ''}{', '.join(row['column'] for row in accused[:MAX_NAMED])}"
            f"{'.' if accused else ''} {remark} {note_on_records(*indices, drawn=False)}"
        )
        scores = Scores([whole["value"]] * repeats, [whole["real_against_real"]] * repeats, whole["worst"])
        counts = {key: whole[key] for key in ("rare", "singled_out", "chance")}
        detail = {"columns": rows, "parts": parts, **counts}
        return self.result(scores, detail, " ".join(note.split()), interval, grade=whole["grade"])

    def _row(self, names: Mapping[str, str], found: Sequence[_Found], real: int, tests: int) -> dict[str, Any]:
        """Shares of all training sequences, counts, and the chance of as much in any of so many tests."""
        rare, told = _union([one.rare for one in found]), _union([one.told for one in found])
        met = len(_union([one.met for one in found]))
        # more unseen sequences, as many as are synthetic, multiply the odds of being met: rates differ geometrically
        more = found[0].ratio * met if found else 0.0
        usual = len(rare) * more / max(len(rare) - met + more, 1.0)
        chance = min([1.0, *(tests * one.chance for one in found)])
        shares = {"value": len(told) / real, "real_against_real": usual / real, "worst": len(rare) / real}
        counts = {"rare": len(rare), "singled_out": len(told), "chance": chance}
        return {**names, **shares, "grade": self.accuse(shares["value"], chance), **counts}


def _union(several: Sequence[Ints]) -> Ints:
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *several]))


@dataclass(frozen=True)
class _Owners:
    """Whose the rows of one table are: sequences, short ones too, or the stretches of a long series."""

    of_row: Ints  # (rows,): -1 where a row is in no stretch
    firsts: Ints  # (sequences,): first rows
    count: int

    @classmethod
    def of(cls, index: RecordIndex) -> _Owners:
        panel = index.panel
        sequence, firsts = np.repeat(np.arange(len(panel)), panel.lengths), panel.offsets[:-1]
        if not index.blocks:
            return cls(sequence, firsts, len(panel))
        stretch = np.searchsorted(index.first, np.arange(len(sequence)), side="right") - 1
        inside = (stretch >= 0) & (sequence[index.first[stretch]] == sequence)
        return cls(np.where(inside, stretch, -1), firsts, len(index))


class _Sharing(NamedTuple):
    """Who shares values with whom. Pairs of sequences count once, as one number, whatever they share."""

    rare: Ints  # the training sequence of each of their rare values
    told: Ints  # pairs of a training sequence and a synthetic one that holds a rare value of it
    met: Ints  # pairs of a training sequence and a holdout one, likewise
    known: Ints  # the same of all that one training sequence alone holds, be it far out or not
    twins: Ints  # pairs of training sequences that alone hold something
    strange: Ints  # pairs of a holdout sequence and a synthetic one that holds a rare value of it
    finds: int  # meetings among the real sequences from which the rate is told
    rate: float  # meetings with rare values expected of a new sequence
    values: tuple[int, int]  # rare ones of training and of holdout sequences
    sizes: tuple[int, ...]  # sequences of the real, the holdout and the synthetic table

    @classmethod
    def of(cls, tables: Sequence[_Owners], codes: Sequence[Ints], out: Ints | None, static: bool) -> _Sharing:
        """Compare the values of three tables, given as numbers from 0; below it none.

        `out` says of each value how far out it lies: 2 if it may be rare, 1 in the part that tells how often such
        values are met, 0 elsewhere.
        """
        sizes = tuple(table.count for table in tables)
        edges, total = np.cumsum(sizes), sum(sizes)
        whose = [table.of_row[table.firsts] if static else table.of_row for table in tables]
        held = [
            code[(code >= 0) & (one >= 0)] * total + one[(code >= 0) & (one >= 0)] + edge - size
            for code, one, edge, size in zip(codes, whose, edges, sizes, strict=True)
        ]
        value, unit = np.divmod(_union(held), total)
        side, outcomes = np.searchsorted(edges, unit, side="right"), int(value.max(initial=-1)) + 1
        holders = [np.bincount(value[side == one], minlength=outcomes) for one in range(3)]
        out = np.full(outcomes, 2) if out is None else out[:outcomes]
        far, part = out == 2, out >= 1

        def pairs(keys: Bools, one: int, other: int) -> Ints:
            owner = np.zeros(outcomes, dtype=np.int64)
            owner[value[side == one]] = unit[side == one]
            where = (side == other) & keys[value]
            return np.unique(owner[value[where]] * total + unit[where])

        own, twice = holders[0] == 1, (holders[0] == 2)[value] & (side == 0)
        alone = (holders[1] == 1) & (holders[0] == 0) & far
        two = unit[twice].reshape(-1, 2)
        known, twins = pairs(own, 0, 1), np.unique(two[:, 0] * total + two[:, 1])
        finds, rate = len(known) + len(twins), _rate(len(known), len(twins), sizes)
        if not far.all():
            part |= not finds  # where none meet at all, each value says so, wherever it lies
            found, both = int(holders[1][own & part].sum()), int((part & (holders[0] == 2)).sum())
            finds = min(finds, found + both)
            rate = _rate(found, both, sizes) * float((own & far).sum() / max((own & part).sum(), 1))
        rare = unit[(side == 0) & (own & far)[value]]
        met, told, strange = pairs(own & far, 0, 1), pairs(own & far, 0, 2), pairs(alone, 1, 2)
        values = int((own & far).sum()), int(alone.sum())
        return cls(rare, told, met, known, twins, strange, finds, rate, values, sizes)


@dataclass(frozen=True)
class _Found:
    """What came of looking for the rare values of one kind.

    Attributes
    ----------
    rare, told, met : int64 arrays
        Training sequences that have one; of which one is in the synthetic table; in the holdout.
    chance : float
        That as many or more synthetic sequences come upon rare values if nothing is disclosed.
    ratio : float
        Synthetic sequences per holdout sequence.
    """

    kind: str
    column: str
    rare: Ints
    told: Ints
    met: Ints
    chance: float
    ratio: float

    @classmethod
    def of(cls, kind: str, column: str, several: Sequence[_Sharing]) -> _Found:
        """Put together who shares one of several kinds of values."""
        sizes = several[0].sizes
        real, holdout, synthetic = sizes
        rare, count = np.unique(np.concatenate([one.rare for one in several]), return_counts=True)
        told, met, known, twins, strange = (
            _union([getattr(one, name) for one in several]) for name in ("told", "met", "known", "twins", "strange")
        )
        finds, rate = len(known) + len(twins), _rate(len(known), len(twins), sizes)
        if len(several) == 1:
            finds, rate = several[0].finds, several[0].rate
        expected = synthetic * rate
        values = np.sum([one.values for one in several], axis=0)
        if values[1]:
            expected = max(expected, len(strange) * values[0] / values[1])
        total = sum(sizes)
        each = np.bincount(np.searchsorted(rare, told // total), minlength=len(rare))
        # a mean over many values hides that some are likelier: at least as likely as in a log-series law (Fisher, 1943)
        usual = np.maximum(expected * count / max(count.sum(), 1), synthetic / real if finds else 0)
        one = _at_least(each, usual, min(finds + 0.5, 1.0))
        chances = [max(len(rare), 1) * one.min(initial=1.0)]  # one of them may be told over and over
        if len(rare) > 1 and len(told):
            # meetings of one sequence come together, and count as so many fewer
            heap = sum((times**2).sum() / len(told) for times in (each, np.bincount(told % total))) - 1
            chances.append(_at_least(len(told) / heap, expected / heap, min(finds / heap + 0.5, len(rare))))
        chance = float(min(1.0, len(chances) * min(chances)))
        return cls(kind, column, rare, np.unique(told // total), np.unique(met // total), chance, synthetic / holdout)


def _rate(met: int, both: int, sizes: Sequence[int]) -> float:
    """Meetings of a new sequence, told from those of holdout ones and of training ones that are left out in turn."""
    return max((met + 2 * both + 1) / (sizes[0] + sizes[1]), met / sizes[1])


def _at_least(found: Any, expected: Any, shape: float) -> Any:
    """Chance of so many or more, of a number with a negative binomial law."""
    return stats.nbinom.sf(found - 1, shape, shape / (shape + expected))


def _codes(several: Sequence[NDArray[Any]]) -> tuple[list[Ints], NDArray[Any]]:
    """Number the values of several tables alike, missing ones -1; and what each number stands for."""
    codes, values = pd.factorize(np.concatenate(several))
    return np.split(codes.astype(np.int64), np.cumsum([len(one) for one in several])[:-1]), np.asarray(values)


def _values(case: Case, column: Column, firsts: Sequence[Ints | slice]) -> list[NDArray[Any]]:
    """Return what stands in a column of each table, exactly, in some of its rows."""
    name = case.frames["real"].columns[case.columns.index(column)]
    found: list[NDArray[Any]] = []
    for side, rows in zip(SIDES, firsts, strict=True):
        series = case.frames[side][name].iloc[rows]
        known = series[series.notna()]
        values: NDArray[Any] = np.full(len(series), np.nan, dtype=object if column.kind == "category" else np.float64)
        values[series.notna().to_numpy()] = (
            known.astype(str)
            if column.kind == "category"
            else days(known)
            if column.kind == "datetime"
            else np.asarray(known, dtype=np.float64)
        )
        if column.kind == "numeric":
            with np.errstate(over="ignore"):  # too large for seven digits is one value
                values = values.astype(np.float32)
        found.append(values)
    return found


def _in_column(case: Case, tables: Sequence[_Owners], column: Column) -> list[_Found]:
    """Look for rare levels or dates of one column, or small and large numbers."""
    kinds = {"category": "levels", "numeric": "extremes", "datetime": "dates"}
    values = _values(case, column, [table.firsts if column.static else slice(None) for table in tables])
    codes, what = _codes(values)
    several: list[Ints | None] = [None]
    if column.kind == "numeric":
        owner = tables[0].of_row[tables[0].firsts] if column.static else tables[0].of_row
        reached = pd.Series(values[0][owner >= 0]).groupby(owner[owner >= 0])
        several = []
        for sign in (-1, 1):
            tops = np.sort((reached.max() if sign > 0 else -reached.min()).dropna())
            far = (sign * what > tops[-FEW:].min()).astype(np.int64)
            several.append(np.where(sign * what > np.quantile(sign * what, OUTER), far + 1, 0))
    sharing = [_Sharing.of(tables, codes, out, column.static) for out in several]
    return [_Found.of(kinds[column.kind], column.name, [one]) for one in sharing]


def _combined(case: Case, tables: Sequence[_Owners], statics: Sequence[Column]) -> list[_Found]:
    """Look for rare combinations of two or three statics."""
    codes = [np.concatenate(_codes(_values(case, one, [table.firsts for table in tables]))[0]) + 1 for one in statics]
    several = []
    for count in (2, 3):
        for members in combinations(codes, count):
            whole = members[0]
            for code in members[1:]:
                whole = pd.factorize(whole * (int(code.max(initial=0)) + 1) + code)[0].astype(np.int64)
            split = np.split(whole, np.cumsum([len(table.firsts) for table in tables])[:-1])
            several.append(_Sharing.of(tables, split, None, static=True))
    return [_Found.of("combinations of statics", "", several)] if several else []
