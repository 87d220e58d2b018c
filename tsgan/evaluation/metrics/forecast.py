"""Whether a forecaster taught on synthetic windows foretells real ones: every column, several steps ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from ..columns import Column
from ..prepare import Case
from ..ridge import ridge
from ..splits import CannotMeasureError, parts
from .base import Doubles, Reference, Result, Table
from .draws import CONTROLS, Floats, Ints, useless
from .grading import RANK, Grade
from .resampling import thinned
from .taught import Taught, between_twins

HORIZONS = (1, 2, 4, 8)
LAGS = (1, 2, 3, 4, 6, 8, 12)
MOST = 1500
FOLDS = 3
FURTHEST, FLOOR, CUT = 8.0, 0.02, 2.0

Examples = tuple[Doubles, Doubles]


class Forecast(Taught):
    """Skill on real windows of a linear forecaster taught on synthetic ones, beside one taught on real ones."""

    name = "forecast"
    section = "use"
    title = "Forecasts"
    question = "Does a forecaster taught on synthetic data foretell real data, every column and several steps ahead?"
    definition = (
        "A ridge regression foretells every column that moves 1, 2, 4 and 8 steps ahead (up to half a window) from all "
        "columns 1, 2, 3, 4, 6, 8 and 12 steps back (as far as the window goes). Taught on synthetic windows, it is "
        "tested on real ones, of sequences or time blocks that its twin, taught on as many real windows, did not see "
        "either. The figure is its skill: 1 less the mean squared error over that of always foretelling the real mean, "
        "averaged over columns and horizons, each at least -1. 1 is foresight without error, 0 is as good as the mean. "
        "The useless end is a forecaster taught on uniform noise; where even real data teach hardly anything, a loss "
        "of 0.2. Chance is how far two twins taught on separate real parts differ on a third. At most 1500 windows "
        "teach, and as many test."
    )
    references = (
        Reference(
            "Real-valued (Medical) Time Series Generation with Recurrent Conditional GANs (Esteban, Hyland & Ratsch, "
            "2017): train on synthetic, test on real",
            "https://arxiv.org/abs/1706.02633",
        ),
    )
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "A forecaster taught on synthetic data foretells real data as well as one taught on real data.",
        "close": "A forecaster taught on synthetic data foretells real data nearly as well as one taught on real data.",
        "visible": "A forecaster taught on synthetic data foretells real data clearly worse than one taught on real.",
        "far": "What a forecaster learns on synthetic data hardly helps it on real data.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Teach on synthetic, on two real parts and on noise; test all on a third real part."""
        moving = [
            one for one in case.columns if not one.static and np.ptp(case.real.panel.values[:, one.values], 0).any()
        ]
        if not moving:
            raise CannotMeasureError("no column varies in time, so there is nothing to foretell")
        rng = case.rng(self.name)
        real, synthetic = (thinned(side, 4 * MOST, rng) for side in (case.real, case.synthetic))
        lens = _Lens(real.values(), moving, case.window)
        shown, made = lens.examples(real.values()), lens.examples(synthetic.values())
        noise = lens.examples(useless(case, MOST, rng))
        known = lens.known(real.values())
        found = []
        for repeat in range(max(repeats, CONTROLS)):
            rng = case.rng(self.name, repeat)
            one, two, three = parts(real, 3, rng)
            other = parts(synthetic, 3, rng)[0]
            size = min(len(one), len(two), len(other), MOST)
            one, two, other = (np.sort(rng.choice(of, size, replace=False)) for of in (one, two, other))
            three = np.sort(rng.choice(three, min(len(three), MOST), replace=False))
            taught = [_at(shown, one), _at(shown, two), _at(made, other), _at(noise, np.arange(size))]
            test, centre = _at(shown, three), shown[1][np.r_[one, two]].mean(axis=0)
            found.append([lens.errors(one, test, centre, known[three]) for one in taught])
        skill = 1 - np.minimum(np.array(found), CUT)
        return self._result(skill, [column.name for column in moving], lens.horizons)

    def _result(self, skill: Doubles, names: Sequence[str], horizons: Sequence[int]) -> Result:
        """Put together skills of shape (draws, taught, columns, horizons)."""
        by_column, by_horizon = skill.mean(axis=3), skill.mean(axis=(0, 2))
        table: Table = []
        for i, name in enumerate(names):
            one, two, synthetic, worst = by_column[:, :, i].T
            noise, control = between_twins(one, two), (one + two) / 2
            row = {"column": name, "value": float(synthetic.mean()), "real_against_real": float(control.mean())}
            seen = self.judge(list(synthetic), list(control), float(worst.mean()), len(names), noise)
            table.append({**row, "worst": float(worst.mean()), "grade": seen})
        one, two, synthetic, worst = by_column.mean(axis=2).T
        detail = {
            "columns": table,
            "horizons": [
                {"steps": steps, "value": float(by_horizon[2, i]), "real_against_real": float(by_horizon[:2, i].mean())}
                for i, steps in enumerate(horizons)
            ],
        }
        control = list((one + two) / 2)
        return self.result(
            list(synthetic), control, float(worst.mean()), detail, _furthest(table), noise=between_twins(one, two)
        )


def _at(examples: Examples, index: Ints) -> Examples:
    return examples[0][index], examples[1][index]


def _furthest(table: Table) -> str:
    """Name the column that suffers most, where that is more than chance."""
    most = max(table, key=lambda row: (RANK[row["grade"]], row["real_against_real"] - row["value"]))
    if len(table) < 2 or RANK[most["grade"]] < RANK["close"]:
        return ""
    return f"Worst for {most['column']} ({most['value']:.3f} instead of {most['real_against_real']:.3f})."


class _Lens:
    """How windows become examples: scaled pasts, and what follows of each moving column.

    Parameters
    ----------
    real : array of shape (n, W, D)
    moving : sequence of Column
    size : int
        Steps of a window.
    """

    def __init__(self, real: Floats, moving: Sequence[Column], size: int) -> None:
        self.horizons = [steps for steps in HORIZONS if steps <= max(size // 2, 1)]
        self._last = size - self.horizons[-1]
        self._lags = [lag for lag in LAGS if lag <= self._last]
        flat = real.reshape(-1, real.shape[2]).astype(np.float64)
        self._mean, std = flat.mean(axis=0), flat.std(axis=0)
        self._scale = 1 / np.where(std > 1e-6, std, 1)
        flat = (flat - self._mean) * self._scale
        spectrum, directions = np.linalg.eigh(flat.T @ flat / len(flat))
        self._axes = directions / np.sqrt(np.maximum(spectrum, 0) + FLOOR)
        self._channels = np.concatenate([np.arange(one.values.start, one.values.stop) for one in moving])
        self._starts = np.cumsum([0] + [one.values.stop - one.values.start for one in moving])[:-1]
        self._moving = moving

    def examples(self, windows: Floats) -> Examples:
        """Return pasts `(n, lags D)` and futures `(n, horizons channels)`."""
        values = np.clip((windows - self._mean) * self._scale, -FURTHEST, FURTHEST)
        past = values[:, [self._last - lag for lag in self._lags]] @ self._axes
        future = values[:, [self._last + steps - 1 for steps in self.horizons]][:, :, self._channels]
        return past.reshape(len(windows), -1), future.reshape(len(windows), -1)

    def known(self, windows: Floats) -> Doubles:
        """1 where a moving column's value to foretell is not missing, `(n, horizons, columns)`."""
        future = windows[:, [self._last + steps - 1 for steps in self.horizons]]
        return np.stack(
            [one.present(future) if one.kind != "category" else np.ones(future.shape[:2]) for one in self._moving],
            axis=2,
        )

    def errors(self, taught: Examples, test: Examples, centre: Doubles, known: Doubles) -> Doubles:
        """Squared error over that of the mean, `(columns, horizons)`; 1 where there is nothing to foretell."""
        folds = np.arange(len(taught[0])) * FOLDS // len(taught[0])
        weights, intercept = ridge(taught[0], taught[1], folds)
        missed = [(test[1] - guess) ** 2 for guess in (test[0] @ weights + intercept, centre)]
        shape = len(test[1]), len(self.horizons), len(self._channels)
        sums = [(np.add.reduceat(one.reshape(shape), self._starts, axis=2) * known).sum(axis=0) for one in missed]
        return np.asarray(np.where(sums[1] > 1e-9, sums[0] / np.where(sums[1] > 1e-9, sums[1], 1), 1.0)).T
