"""Rhythm: how long a column remembers, and at which frequencies it moves."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ..case import Case
from ..columns import Column
from ..metrics.dependence import autocorrelation, spectrum
from .base import INK, REAL, SYNTHETIC, Picture, both_sides, draw, some

WINDOWS = 4000


def rhythms(case: Case, columns: list[Column]) -> list[Picture]:
    """Autocorrelation by lag and power by frequency of each column, side by side."""
    sides = [some(side, case, WINDOWS) for side in both_sides(case)]
    memory = [autocorrelation(side) for side in sides]
    frequencies = spectrum(sides[0][:1])[0]
    power = [spectrum(side)[1] for side in sides]
    found = []
    for column in columns:
        curves = [side[column.values].mean(axis=0) for side in memory]
        spectra = [side[column.values].mean(axis=0) for side in power]

        def plot(figure: Figure, curves: Any = curves, spectra: Any = spectra) -> None:
            left, right = figure.subplots(1, 2)
            left.axhline(0, color=INK, linewidth=0.4)
            for axis, pair, at in ((left, curves, range(case.window)), (right, spectra, frequencies)):
                axis.plot(at, pair[0], color=REAL, linewidth=1.6)
                axis.plot(at, pair[1], color=SYNTHETIC, linewidth=1.6, linestyle=(0, (4, 1.5)))
            low = min(-0.1, *(curve.min() for curve in curves)) - 0.02
            left.set(xlabel="lag (steps)", title="autocorrelation", ylim=(low, 1.04))
            right.set(xlabel="cycles per step", title="share of power")
            if all((side > 0).all() for side in spectra):
                wide = max(side.max() for side in spectra) > 100 * min(side.min() for side in spectra)
                right.set_yscale("log")
                right.yaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
                right.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
                right.yaxis.set_minor_locator(NullLocator())
            for axis in (left, right):
                axis.title.set_fontsize(8)

        ends = " and ".join(f"{curve[1]:.2f}" for curve in curves)
        slow = " and ".join(f"{side[: max(len(side) // 4, 1)].sum():.0%}" for side in spectra)
        alt = (
            f"Autocorrelation by lag and power spectrum of column {column.name}; at lag 1 real and synthetic have "
            f"{ends}, and {slow} of their power is in the slowest quarter of the frequencies."
        )
        found.append(Picture(draw(plot, 3.7, 1.8), alt, column.name))
    return found
