"""What is given away: how far each record is from the closest real one."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..case import Case
from ..records import census, chosen, nearest, records, remembered
from .base import INK, Doubles, Picture, draw, overlay

CLOSE = 0.05


def closeness(case: Case) -> list[Picture]:
    """Distances to the closest real record: of synthetic records, and of holdout (or of the other real) ones."""
    other = "real" if case.holdout is None else "holdout"
    sides = [_distances(case, side) for side in (other, "synthetic")]
    if not all(map(len, sides)):
        return []
    limit = float(np.quantile(sides[0], CLOSE))
    top = max(float(np.quantile(side, 0.99)) for side in sides) or 1.0
    share = float((sides[1] < limit).mean())

    def plot(figure: Figure) -> None:
        axis: Any = figure.subplots()
        overlay(axis, sides, np.linspace(0, top, 41))
        axis.axvline(limit, color=INK, linewidth=0.8, linestyle=":")
        axis.set(xlabel="distance to the closest real record", ylabel="share of records")

    what = "holdout records" if other == "holdout" else "real records to each other"
    said = f"{share:.0%} of the synthetic records are closer than all but 5 % of the {what} (dotted line)"
    alt = (
        f"Overlaid histograms of the distance to the closest real record, {what} and synthetic records "
        f"({census(case, 'synthetic').word}). {said}."
    )
    return [Picture(draw(plot, 3.4, 2.0), alt, said)]


def _distances(case: Case, side: str) -> Doubles:
    """Distance of a side's records to their closest (other) real one, `(records,)`; as the metrics reckon it."""
    asked = records(case, side, chosen(case, side), apart=True)
    found = remembered(case, f"{side} to real", lambda: nearest(asked, records(case, "real"), itself=side == "real"))
    closest = found.distance[:, 0]
    return np.asarray(closest[np.isfinite(closest)], dtype=np.float64)
