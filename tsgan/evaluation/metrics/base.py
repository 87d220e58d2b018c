"""What every metric is, what it returns, and how a figure becomes a verdict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..prepare import Case
from ..splits import CannotMeasureError, parts

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Grade = Literal["faithful", "close", "unclear", "visible", "far", "not available"]
GRADES: dict[Grade, str] = {
    "faithful": "faithful",
    "close": "close",
    "unclear": "unclear",
    "visible": "visible difference",
    "far": "far",
    "not available": "not available",
}

UNCLEAR = "Too few data to say: it differs, but one part of the real data may differ as much from another by chance."
Table = list[dict[str, Any]]

MAX_COMPARED = 4000


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
        The same figure for a useless table (independent uniform noise within each column's range).
    better : {"lower", "higher"}
    grade : {"faithful", "close", "unclear", "visible", "far", "not available"}
    verdict : str
        The grade in plain words, or why there is none.
    detail : mapping
        What lies behind the figure: `columns` (one mapping per column), values of each repeat, curves.
    """

    name: str
    value: float | None
    spread: float | None
    real_against_real: float | None
    worst: float | None
    better: Literal["lower", "higher"]
    grade: Grade
    verdict: str
    detail: Mapping[str, Any] = field(default_factory=dict)


class Metric(ABC):
    """One way to compare two tables.

    A member sets the class attributes and implements `compute`. `zero_is_perfect` marks distances: between two
    samples of one source they are never zero, and vary by about a third of their mean. It must not read or change
    global random state, and raises `CannotMeasureError` with the reason where the data do not allow it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    definition: ClassVar[str]
    references: ClassVar[tuple[Reference, ...]]
    words: ClassVar[Mapping[Grade, str]]
    better: ClassVar[Literal["lower", "higher"]] = "lower"
    zero_is_perfect: ClassVar[bool] = True

    @abstractmethod
    def compute(self, case: Case, repeats: int) -> Result:
        """Compare the two tables of a case, `repeats` times."""

    def measure(self, case: Case, repeats: int) -> Result:
        """`compute`, or a result that says why there is none."""
        try:
            return self.compute(case, repeats)
        except CannotMeasureError as reason:
            text = f"not available: {reason}"
            return Result(self.name, None, None, None, None, self.better, "not available", text)

    def result(
        self,
        values: Sequence[float],
        controls: Sequence[float],
        worst: float,
        detail: Mapping[str, Any],
        note: str = "",
    ) -> Result:
        """Put a result together from the values of each repeat, for synthetic and for real against real.

        A column in `detail["columns"]` that is "far" by itself makes the whole at least "visible": a mean over many
        columns must not hide it.
        """
        judged = self.judge(values, controls, worst)
        apart = [row["column"] for row in detail.get("columns", ()) if row["grade"] == "far"]
        if apart and judged in ("faithful", "close", "unclear"):
            judged = "visible"
        detail = {**detail, "values": list(values), "real_against_real": list(controls)}
        verdict = f"{UNCLEAR if judged == 'unclear' else self.words[judged]} {note}".strip()
        value, spread, control = float(np.mean(values)), float(np.std(values)), float(np.mean(controls))
        return Result(self.name, value, spread, control, worst, self.better, judged, verdict, detail)

    def judge(self, values: Sequence[float], controls: Sequence[float], worst: float) -> Grade:
        """Grade the values of each repeat against those of real against real and the useless end."""
        control, noise = float(np.mean(controls)), float(np.std(controls))
        if self.zero_is_perfect:
            noise = max(noise, 0.3 * control)
        chance = float(np.hypot(noise, np.std(values) / np.sqrt(len(values))))
        return grade(float(np.mean(values)), control, worst, chance, len(values), self.better)

    def by_column(self, names: Sequence[str], synthetic: Doubles, control: Doubles, worst: Doubles) -> Table:
        """Return a mapping per column: its value, real against real, useless end and grade.

        Parameters
        ----------
        names : sequence of str
        synthetic, control, worst : arrays of shape (repeats, columns)
        """
        return [
            {
                "column": name,
                "value": float(synthetic[:, i].mean()),
                "real_against_real": float(control[:, i].mean()),
                "worst": float(worst[:, i].mean()),
                "grade": self.judge(list(synthetic[:, i]), list(control[:, i]), float(worst[:, i].mean())),
            }
            for i, name in enumerate(names)
        ]


def furthest(table: Table, text: str = "") -> str:
    """Name the column that is furthest from the real data, where there are several."""
    if len(table) < 2:
        return ""
    most = max(table, key=lambda row: float(row["value"] - row["real_against_real"]))
    apart = sum(row["grade"] == "far" for row in table)
    count = f" {apart} of {len(table)} columns are far by themselves." if apart else ""
    return f"Furthest: {most['column']}{text} ({most['value']:.3f}).{count}"


def grade(
    value: float,
    control: float,
    worst: float,
    chance: float,
    repeats: int,
    better: Literal["lower", "higher"] = "lower",
) -> Grade:
    """Place a value between its two ends.

    Parameters
    ----------
    value, control, worst : float
        Of the synthetic table, of real against real, of a useless table.
    chance : float
        Standard deviation that chance gives `value - control`. A synthetic table is a single draw, so the control's
        spread counts in full, while that of the value, which is the mean of its repeats, counts less.
    repeats : int
    better : {"lower", "higher"}

    Returns
    -------
    {"faithful", "close", "unclear", "visible", "far"}
        "faithful" within two standard deviations and 2 % of the scale (5 % where nothing was repeated) of the
        control, up to 15 % of the way to the useless end "close", up to half of it "visible", beyond that "far".
        What lies within chance, but so far along the scale that chance explains too much, is "unclear". Where the
        useless table is hardly worse than real against real the scale says nothing: beyond chance it is "visible",
        and "far" beyond twice the control and twice as much as chance allows.
    """
    sign = 1 if better == "lower" else -1
    beyond, scale = sign * (value - control), max(sign * (worst - control), 0.0)
    telling = scale > 0.5 * abs(control)
    share = beyond / scale if scale else 0.0
    if beyond <= 2 * chance + (0.02 if repeats > 1 else 0.05) * scale:
        return "unclear" if telling and share >= 0.15 else "faithful"
    if not telling or scale <= 2 * chance:
        return "far" if beyond > max(abs(control), 4 * chance) else "visible"
    return "close" if share < 0.15 else "visible" if share < 0.5 else "far"


@dataclass(frozen=True)
class Draw:
    """Equally many windows `(n, W, D)`: two separate parts of the real data, the synthetic data, and noise."""

    real: Floats
    other: Floats
    synthetic: Floats
    useless: Floats


def draw(case: Case, purpose: str, repeat: int) -> Draw:
    """Draw what a distance is computed on, the same number of windows for each of its four sides."""
    rng = case.rng(purpose, repeat)
    one, two = parts(case.real, 2, rng)
    size = min(len(one), len(two), len(case.synthetic), MAX_COMPARED)
    one, two, drawn = (
        rng.choice(index, size, replace=False) for index in (one, two, np.arange(len(case.synthetic), dtype=np.int64))
    )
    return Draw(case.real.values(one), case.real.values(two), case.synthetic.values(drawn), useless(case, size, rng))


def useless(case: Case, count: int, rng: np.random.Generator) -> Floats:
    """Windows of a generator that learned nothing: independent and uniform within each column's range."""
    noise = rng.random((count, case.window, case.channels), dtype=np.float32)
    for column in case.columns:
        if column.discrete:
            levels = max(len(column.levels), 2)
            picked = rng.integers(levels, size=(count, case.window))
            noise[:, :, column.channels] = np.eye(levels, dtype=np.float32)[picked][..., -max(len(column.levels), 1) :]
    return noise


def distances(
    case: Case, purpose: str, repeats: int, per_column: Callable[[Floats, Floats], Doubles]
) -> tuple[Doubles, Doubles, Doubles]:
    """Apply a distance to synthetic, real and useless windows against real ones.

    Parameters
    ----------
    case : Case
    purpose : str
        Seeds the draws.
    repeats : int
    per_column : callable
        Maps two arrays `(n, W, D)` to any array of distances.

    Returns
    -------
    Three arrays of shape (repeats, ...)
        Synthetic, other real and useless windows against real ones.
    """
    found: tuple[list[Doubles], list[Doubles], list[Doubles]] = ([], [], [])
    for repeat in range(repeats):
        sides = draw(case, purpose, repeat)
        for into, other in zip(found, (sides.synthetic, sides.other, sides.useless), strict=True):
            into.append(per_column(sides.real, other))
    return np.stack(found[0]), np.stack(found[1]), np.stack(found[2])


def number(value: float | None) -> str:
    """Write a figure with three digits that matter, or a dash."""
    if value is None:
        return "-"
    return f"{value:.4f}" if abs(value) < 0.1 else f"{value:.3f}" if abs(value) < 100 else f"{value:.4g}"
