"""The worst that a score may be, for pipelines that stop where a synthetic table is not good enough.

A threshold is written ``METRIC=VALUE``, ``METRIC=GRADE`` or, for one row of a metric's table by columns or parts,
``METRIC:ROW=VALUE``. It names the worst that still passes: ``two_sample=0.6`` fails above 0.6 (where higher is better:
below), ``marginals=close`` fails where the grade is "visible" or "far", ``copies=suspicious`` where it is "leak". What
could not be measured fails, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import ParameterError, choose
from ..metrics import METRICS
from ..metrics.base import GRADES, RANK, Result, number
from ..metrics.disclosing import ORDER

EXAMPLES = "write METRIC=VALUE, METRIC=GRADE or METRIC:ROW=VALUE, such as two_sample=0.7 or marginals=close"


@dataclass(frozen=True)
class Threshold:
    """The worst that one score may be."""

    metric: str
    row: str | None  # of the metric's table by columns or parts
    worst: float | str  # a value or a grade

    @classmethod
    def read(cls, text: str) -> Threshold:
        """Read one from text.

        Raises
        ------
        ParameterError
            If the text is none, or the metric, the value or the grade is not known.
        """
        name, equals, wanted = text.rpartition("=")
        if not equals or not name or not wanted.strip():
            raise ParameterError(f"{text!r} is no threshold; {EXAMPLES}")
        metric, colon, row = name.strip().partition(":")
        choose("metric", metric, METRICS)
        scale = _scale(metric)
        worst: float | str = wanted.strip().lower().replace("-", " ").replace("_", " ")
        if worst not in scale:
            try:
                worst = float(wanted)
            except ValueError:
                raise ParameterError(
                    f"{text!r} is no threshold: {wanted.strip()!r} is neither a number nor a grade of {metric}: "
                    f"{', '.join(scale)}"
                ) from None
            if not math.isfinite(worst):
                raise ParameterError(f"{text!r} is no threshold: the value must be finite")
        return cls(metric, row if colon else None, worst)

    def failure(self, results: Sequence[Result]) -> str | None:
        """Return why this threshold is not met by the results of a report, or None where it is."""
        result = next((result for result in results if result.name == self.metric), None)
        if result is None:
            return f"{self.metric} was not measured"
        if result.value is None:
            return f"{self.metric} is {result.verdict}"
        shown, value, grade, better = self.metric, result.value, result.grade, result.better
        if self.row is not None:
            rows = [row for key in ("columns", "parts") for row in result.detail.get(key, ())]
            by_name = {str(row.get("column", row.get("part"))): row for row in rows}
            if self.row not in by_name:
                known = f"its rows are {list(by_name)}" if rows else "it has none"
                return f"{self.metric} has no row {self.row!r}; {known}"
            row = by_name[self.row]
            shown, value = f"{self.metric}:{self.row}", row["value"]
            grade, better = row.get("grade") or grade, row.get("better", better)
        if isinstance(self.worst, str):
            scale = _scale(self.metric)
            if scale.index(grade) <= scale.index(self.worst):
                return None
            return f"{shown} is {GRADES[grade]}, worse than {self.worst!r}"
        beyond = value - self.worst if better == "lower" else self.worst - value
        if beyond <= 0:
            return None
        return f"{shown} is {number(value)}, worse than {self.worst:g} ({better} is better)"


def _scale(metric: str) -> tuple[str, ...]:
    """Grades of a metric from the best to the worst."""
    return ORDER if METRICS[metric].section == "disclosure" else tuple(RANK)
