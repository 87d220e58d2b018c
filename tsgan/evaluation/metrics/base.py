"""What every metric is, what it returns, and how a figure becomes a verdict.

A figure stands between two ends: the same figure for one part of the real data against another (the control: nothing
better can be expected), and for a useless table. Whether it is worse than the control by more than chance is a test:
a distance between two samples of one source is about gamma distributed ("A Fast, Consistent Kernel Two-Sample Test",
Gretton, Fukumizu, Harchaoui & Sriperumbudur, 2009, https://papers.nips.cc/paper/3738), so a gamma distribution with
the controls' mean and spread gives the chance that another sample of the real source comes out as high. Figures
that chance puts on both sides of the control, as an area under a curve, are held against a normal distribution.
How much worse it is, is said by its share of the way from the control to the useless end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from scipy import stats

from ...arrays import Doubles
from ..case import Case
from ..splits import CannotMeasureError, Reason

Table = list[dict[str, Any]]
Interval = tuple[float, float]
Section = Literal["apart", "columns", "time", "joint", "coverage", "use", "disclosure"]

SECTIONS: dict[Section, str] = {
    "apart": "Can it be told apart?",
    "columns": "Is each column right?",
    "time": "Does time pass as it should?",
    "joint": "Do the columns belong together?",
    "coverage": "Is the whole variety there?",
    "use": "Is it useful?",
    "disclosure": "What does it give away?",
}
Grade = Literal["faithful", "close", "unclear", "visible", "far", "none found", "suspicious", "leak", "not available"]
Better = Literal["lower", "higher"]
Tone = Literal["good", "fair", "unsure", "warn", "bad", "none"]

GRADES: dict[Grade, str] = {grade: grade for grade in get_args(Grade)} | {"visible": "visible difference"}
TONES: dict[Grade, Tone] = {
    "faithful": "good",
    "none found": "good",
    "close": "fair",
    "unclear": "unsure",
    "visible": "warn",
    "suspicious": "warn",
    "far": "bad",
    "leak": "bad",
    "not available": "none",
}
RANK: dict[Grade, int] = {"faithful": 0, "unclear": 1, "close": 2, "visible": 3, "far": 4}
UNCLEAR = "Too few data to say: it differs, but one part of the real data may differ as much from another by chance."


@dataclass(frozen=True)
class Reference:
    """Where a metric comes from."""

    text: str
    url: str


@dataclass(frozen=True)
class Result:
    """One line of the report.

    Attributes
    ----------
    name : str
        The metric's name in `METRICS`.
    value, spread : float or None
        Mean and standard deviation over repeats; None where the score could not be computed.
    real_against_real : float or None
        The same figure for one part of the real data against another: as good as a synthetic table can be.
    worst : float or None
        The same figure for a useless table (or, under "disclosure", for a copy of the real one).
    better : {"lower", "higher"}
    grade : str
        One of `GRADES`.
    verdict : str
        The grade in plain words, or why there is none.
    detail : mapping
        What lies behind the figure: `columns` (one mapping per column), `parts` (one mapping per further figure),
        values of each repeat, curves.
    interval : (float, float) or None
        95 % bootstrap interval of the value, where one applies.
    reason : {"", "data", "holdout", "argument"}
        Why there is no value: the data do not allow it, or what was not given.
    """

    name: str
    value: float | None
    spread: float | None
    real_against_real: float | None
    worst: float | None
    better: Better
    grade: Grade
    verdict: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    interval: Interval | None = None
    reason: Reason = ""


@dataclass(frozen=True)
class Scores:
    """What a grade is made of: a figure and its two ends.

    Attributes
    ----------
    values, controls : sequence of float
        Of each repeat: the synthetic table against the real one, and one part of the real data against another.
    worst : float
        Of a useless table.
    noise : float
        Least standard deviation to reckon with, where the metric knows it.
    tests : int
        How many such figures are looked at together (the columns, say): the more, the less is left to chance.
    """

    values: Sequence[float] | Doubles
    controls: Sequence[float] | Doubles
    worst: float
    noise: float = 0.0
    tests: int = 1

    @property
    def value(self) -> float:
        """Mean over repeats."""
        return float(np.mean(self.values))

    @property
    def control(self) -> float:
        """Mean of the controls."""
        return float(np.mean(self.controls))


class Metric(ABC):
    """One way to compare two tables.

    A member sets the class attributes and implements `compute`. `zero_is_perfect` marks distances. `default` tells
    whether it is measured where no metrics are named, and `needs` which arguments of `evaluate` it cannot do without
    ("target", "sensitive"): it then belongs to the default set only where they are given. It must not read or change
    global random state, and raises `CannotMeasureError` with the reason where the data do not allow it. `quick` tells
    whether it takes seconds at any width and teaches nothing, and `weight` about how long it takes beside others.
    Windows must have `least_steps`.
    """

    name: ClassVar[str]
    section: ClassVar[Section]
    title: ClassVar[str]
    question: ClassVar[str]
    definition: ClassVar[str]
    references: ClassVar[tuple[Reference, ...]]
    words: ClassVar[Mapping[Grade, str]]
    better: ClassVar[Better] = "lower"
    zero_is_perfect: ClassVar[bool] = True
    default: ClassVar[bool] = True
    quick: ClassVar[bool] = True
    weight: ClassVar[int] = 1
    least_steps: ClassVar[int] = 1
    needs: ClassVar[tuple[Literal["target", "sensitive"], ...]] = ()
    unclear: ClassVar[str] = UNCLEAR

    @abstractmethod
    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the two tables of a case, `repeats` times."""

    def in_full(self) -> Metric:
        """The same without limits to its cost, where it has any: what is measured where the metric is named."""
        return self

    def measure(self, case: Case, repeats: int) -> Result:
        """`compute`, or a result that says why there is none."""
        try:
            for argument in self.needs:
                if getattr(case, argument) is None:
                    raise CannotMeasureError(f"it needs a column to be named: {argument}=...", "argument")
            if case.window < self.least_steps:
                raise CannotMeasureError(
                    "the tables are judged row by row, and it looks at several steps of a sequence; it needs sequences "
                    "of 2 rows or more"
                )
            return self.compute(case, repeats)
        except CannotMeasureError as error:
            text = f"not available: {error}"
            return Result(self.name, None, None, None, None, self.better, "not available", text, reason=error.reason)

    def result(
        self,
        scores: Scores,
        detail: Mapping[str, Any],
        note: str = "",
        interval: Interval | None = None,
        grade: Grade | None = None,
    ) -> Result:
        """Put a result together: the only place where a measured one is made.

        The grade is that of the scores, unless one is given. A row of `detail["columns"]` or `detail["parts"]` that is
        "far" makes the whole at least "visible", a "visible" or "close" one at least "close": a mean over many columns
        must not hide it.
        """
        found = self._overall(scores, detail) if grade is None else grade
        each = {"values": list(map(float, scores.values)), "real_against_real": list(map(float, scores.controls))}
        verdict = f"{self.unclear if found == 'unclear' else self.words[found]} {note}".strip()
        ends = scores.value, float(np.std(scores.values)), scores.control, float(scores.worst)
        return Result(self.name, *ends, self.better, found, verdict, {**detail, **each}, interval)

    def _overall(self, scores: Scores, detail: Mapping[str, Any]) -> Grade:
        """Grade of the scores, or what the rows ask for at least."""
        rows = [row["grade"] for key in ("columns", "parts") for row in detail.get(key, ())]
        milder: dict[Grade, Grade] = {"far": "visible", "visible": "close", "close": "close"}
        return max([self.judge(scores), *(milder[row] for row in rows if row in milder)], key=lambda one: RANK[one])

    def judge(self, scores: Scores) -> Grade:
        """Grade the scores; a metric with a law of chance of its own overrides this."""
        chance = chance_of(scores.values, scores.controls, self.better, self.zero_is_perfect, scores.noise)
        return grade(scores.value, scores.control, scores.worst, chance, self.better, scores.tests)

    def by_column(
        self,
        names: Sequence[str],
        synthetic: Doubles,
        control: Doubles,
        worst: Doubles,
        key: str = "column",
        noise: Sequence[float] | None = None,
    ) -> Table:
        """Return a mapping per column (or per part): its value, real against real, useless end and grade.

        The sides are of shape (repeats, columns), their numbers of repeats may differ; `noise` is of each column.
        """
        table = []
        for i, name in enumerate(names):
            least = 0.0 if noise is None else noise[i]
            scores = Scores(synthetic[:, i], control[:, i], float(worst[:, i].mean()), least, len(names))
            row = {key: name, "value": scores.value, "real_against_real": scores.control, "worst": scores.worst}
            table.append({**row, "grade": self.judge(scores)})
        return table


def furthest(table: Table, text: str = "") -> str:
    """Name the column that is furthest from the real data, where there are several."""
    if len(table) < 2:
        return ""
    most = max(table, key=lambda row: (RANK[row["grade"]], float(row["value"] - row["real_against_real"])))
    apart = sum(row["grade"] == "far" for row in table)
    count = f" {apart} of {len(table)} columns are far by themselves." if apart else ""
    return f"Furthest: {most.get('column', most.get('part'))}{text} ({most['value']:.3f}).{count}"


def number(value: float | None) -> str:
    """Write a figure with three digits that matter, or a dash."""
    if value is None:
        return "-"
    return f"{value:.4f}" if abs(value) < 0.1 else f"{value:.3f}" if abs(value) < 100 else f"{value:.4g}"


ALPHA = 2e-4  # of 30 metrics of a fresh sample, one in 170 reports then holds a false alarm
NEGLIGIBLE, SMALL, LARGE = 0.005, 0.15, 0.5  # of the way to the useless end
MIN_SPREAD = 0.3  # of a distance's mean: few controls may lie closer together by chance


def chance_of(
    values: Sequence[float] | Doubles,
    controls: Sequence[float] | Doubles,
    better: Better = "lower",
    zero_is_perfect: bool = True,
    noise: float = 0.0,
) -> float:
    """Return the chance that another sample of the real source comes out at least as bad as the mean of `values`.

    Few `controls` say little about their own spread, which is then taken to be larger, and to be at least `noise`.
    What `zero_is_perfect` of is a distance, which is gamma distributed; other figures are normally.
    """
    value, mean = float(np.mean(values)), float(np.mean(controls))
    distance = zero_is_perfect and better == "lower"
    spread = max(float(np.std(controls)) * (1 + 2 / len(controls)), noise, MIN_SPREAD * mean if distance else 0.0)
    spread = float(np.hypot(spread, np.std(values) / np.sqrt(len(values))))
    beyond = (value - mean) if better == "lower" else (mean - value)
    if spread <= 0 or (distance and mean <= 0):
        return 1.0 if beyond <= 1e-9 else 0.0
    if distance:
        return float(stats.gamma.sf(max(value, 0.0), (mean / spread) ** 2, scale=spread**2 / mean))
    return float(stats.norm.sf(beyond / spread))


def grade(value: float, control: float, worst: float, chance: float, better: Better = "lower", tests: int = 1) -> Grade:
    """Place a value between its two ends, of real against real and of a useless table, by the `chance` of `chance_of`.

    "faithful" where chance explains the difference (it is above 2 in 10,000 over all `tests` that are looked at
    together), or it is below half a percent of the scale; "close" up to 15 % of the way to the useless end, "visible"
    up to half of it, beyond that "far". What chance explains, but so far along the scale that it explains too much, is
    "unclear". Where the useless table is hardly worse than real against real the scale says nothing: beyond chance it
    is "visible", and "far" beyond twice the control; within chance, but beyond twice the control, "unclear".
    """
    sign = 1 if better == "lower" else -1
    beyond, scale = sign * (value - control), max(sign * (worst - control), 0.0)
    telling = scale > 0.5 * abs(control) or (better == "higher" and scale > 0.1)
    share = beyond / scale if scale else 0.0
    if chance > ALPHA / tests or beyond <= NEGLIGIBLE * scale:
        doubtful = share >= SMALL if telling else beyond > abs(control) > 0
        return "unclear" if doubtful else "faithful"
    if not telling:
        return "far" if beyond > abs(control) else "visible"
    return "close" if share < SMALL else "visible" if share < LARGE else "far"
