"""Metrics that teach one model on synthetic and its twins on real windows, and test all of them on the same others.

"Train on synthetic, test on real" is of a model that foretells one named column; `forecast` of one that foretells every
column, several steps ahead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from scipy import stats

from ...arrays import Bools, Doubles, Floats, Ints
from ...panel import Windows
from ..case import Case
from ..columns import MISSING, UNSEEN, Column
from ..judges.embedding import Embedding
from ..judges.rocket import FOLDS, folds_in_order, principal, ridge
from ..splits import CannotMeasureError, parts
from .base import RANK, Grade, Metric, Reference, Result, Scores, Table, grade
from .draws import CONTROLS, areas, clusters, redrawn, some_columns, thinned, useless

MIN_NOISE = 0.002  # of a skill: less is not known from two draws
MIN_SCALE = 0.2  # of a skill, from real to far: where even real data teach hardly anything


class Taught(Metric):
    """A metric whose figure is a skill: the share of what can be known that a model knows."""

    least_steps = 2
    quick = False
    better = "higher"
    zero_is_perfect = False

    def judge(self, scores: Scores) -> Grade:
        """Grade by the noise between twins tested alike, which is less than that between tests.

        Where even real data teach hardly anything, a loss is held against a fifth.
        """
        value, control = scores.value, scores.control
        chance = float(stats.norm.sf((control - value) / max(scores.noise, MIN_NOISE)))
        return grade(value, control, min(scores.worst, control - MIN_SCALE), chance, "higher", scores.tests)


def between_twins(one: Doubles, two: Doubles) -> float:
    """Spread of a model's skill over what it is taught on, by twins taught on separate parts and tested on a third."""
    return float(np.sqrt(np.mean((one - two) ** 2) / 2))


def _lesson(
    real: Windows, synthetic: Windows, known: tuple[Bools, Bools], most: int, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints, Ints]:
    """Draw windows whose truth is known: two real parts and synthetic ones to teach on, and a third real part to test.

    At most so many to teach on, and equally many of each.
    """
    one, two, test = (part[known[0][part]] for part in parts(real, 3, rng))
    other = parts(synthetic, 3, rng)[0]
    other = other[known[1][other]]
    size = min(len(one), len(two), len(other), most)
    one, two, other = (np.sort(rng.choice(of, size, replace=False)) for of in (one, two, other))
    return one, two, other, test


MAX_TAUGHT, KERNELS = 1000, 50  # windows and random convolutions: more change no grade
RECENT = 4  # steps that are seen plainly
MIN_IN_CLASS = 5  # test windows: an area under fewer says nothing
MAX_SPREADS, MIN_R2 = 8.0, -1.0  # one wild number must not decide
MIN_LEARNABLE = 0.05  # above useless: less is said to be hardly anything


class Usefulness(Taught):
    """Skill on real windows of a model taught on synthetic ones to foretell the target."""

    name = "usefulness"
    section = "use"
    title = "Usefulness"
    question = "Is a model of the named column, taught on synthetic data, as good on real data?"
    definition = (
        "A ridge model on random convolutions, on the window and on its last four steps tells the target: at a "
        "window's last step, from the other columns and its own past, or from the whole window where the target does "
        "not change within sequences. Taught on synthetic windows (TSTR), it is tested on real ones, of sequences or "
        "time blocks that its twin, taught on as many real windows (TRTR), did not see either. Classes: area under the "
        "ROC curve, averaged over the classes, each against the others; 0.5 is useless. Numbers: R2, the share of "
        "variance explained; 0 is useless. Chance is how far two twins taught on separate real parts differ on a "
        "third. At most 1000 windows teach."
    )
    references = (
        Reference(
            "Real-valued (Medical) Time Series Generation with Recurrent Conditional GANs (Esteban, Hyland & Ratsch, "
            "2017): train on synthetic, test on real",
            "https://arxiv.org/abs/1706.02633",
        ),
        Reference(
            "ROCKET: exceptionally fast and accurate time series classification using random convolutional kernels "
            "(Dempster, Petitjean & Webb, 2020)",
            "https://arxiv.org/abs/1910.13051",
        ),
    )
    needs = ("target",)
    words: ClassVar[Mapping[Grade, str]] = {
        "faithful": "A model taught on synthetic data is as good on real data as one taught on real data.",
        "close": "A model taught on synthetic data is nearly as good on real data as one taught on real data.",
        "visible": "A model taught on synthetic data is clearly worse on real data than one taught on real data.",
        "far": "A model learns little about real data from the synthetic table.",
    }

    def compute(self, case: Case, repeats: int) -> Result:
        """Teach on synthetic and on two real parts; test all on a third real part."""
        assert case.target is not None
        target, rng = case.target, case.rng(self.name)
        real, synthetic = (thinned(side, 4 * MAX_TAUGHT, rng) for side in (case.real, case.synthetic))
        windows, made = real.values(), synthetic.values()
        still = target.static or not np.ptp(windows[:, :, target.values], axis=1).any()
        kept = [i for i in range(case.channels) if not still or not target.start <= i < target.channels.stop]
        if not kept:
            raise CannotMeasureError(
                f"there is no column beside the target {target.name!r}, and it does not change within sequences, so "
                f"that nothing could foretell it"
            )
        shown, hidden = (_masked(side, target, still)[:, :, kept] for side in (windows, made))
        embedding = Embedding(shown, KERNELS)
        inputs, other_inputs = (_features(embedding, side) for side in (shown, hidden))
        truth, other_truth = (_truth(side, target) for side in (windows, made))
        known = target.present(windows[:, -1]), target.present(made[:, -1])
        if np.ptp(truth[known[0]], axis=0).max(initial=0) == 0:
            raise CannotMeasureError(f"the target {target.name!r} has a single value in the real table")
        number, found, drawn = clusters(real), [], []
        redraws = redrawn(int(number.max()) + 1, case.rng(self.name + " redrawn"))[:, number]
        for repeat in range(max(repeats, CONTROLS)):
            one, two, other, test = _lesson(real, synthetic, known, MAX_TAUGHT, case.rng(self.name, repeat))
            size = len(one)
            if min(size, len(test)) < 2 * FOLDS:
                raise CannotMeasureError(
                    f"the target {target.name!r} is known in too few windows: {size} to teach on and {len(test)} to "
                    f"test on, and at least {2 * FOLDS} are needed of each"
                )
            guesses = [_guess(inputs[part], truth[part], inputs[test]) for part in (one, two)]
            guesses.append(_guess(other_inputs[other], other_truth[other], inputs[test]))
            scores = [_score(guess, truth[test], np.ones((1, len(test))), target) for guess in guesses]
            if not np.isnan(scores[0]).any():
                found.append(np.concatenate(scores))
                if repeat < repeats:
                    drawn.append(_score(guesses[2], truth[test], redraws[:, test], target))
        if not drawn:
            raise CannotMeasureError(
                f"no class of the target {target.name!r}, against the others, is found in {MIN_IN_CLASS} windows of "
                f"the part that is left to test on"
            )
        one_skill, two_skill, skill = np.array(found).T
        means = np.nanmean(drawn, axis=0)
        low, high = np.quantile(means + skill.mean() - means.mean(), [0.025, 0.975])
        figure = "area under the ROC curve" if target.discrete else "R2"
        detail = {"target": target.name, "figure": figure, "own_past": not still}
        worst = 0.5 if target.discrete else 0.0
        control = (one_skill + two_skill) / 2
        note = f"{target.name}: {figure} {skill.mean():.3f}, taught on real data {control.mean():.3f}."
        if control.mean() < worst + MIN_LEARNABLE:
            note += " Even real data teach hardly anything about it."
        whole = Scores(skill, control, worst, between_twins(one_skill, two_skill))
        return self.result(whole, detail, note, (float(low), float(high)))


def _masked(windows: Floats, target: Column, still: bool) -> Floats:
    """Hide the target's last value behind the one before."""
    if not still:
        windows = windows.copy()
        windows[:, -1, target.channels] = windows[:, -2, target.channels]
    return windows


def _features(embedding: Embedding, windows: Floats) -> Doubles:
    """What the model sees: the embedding, and the last steps plainly, of unit weight each."""
    last = embedding.scaled(windows[:, -RECENT:]).reshape(len(windows), -1)
    return np.concatenate([embedding.apply(windows), last / np.sqrt(last.shape[1])], axis=1)


def _truth(windows: Floats, target: Column) -> Doubles:
    """The target at the last step: one 0/1 per class, or the number, `(n, k)`."""
    last = windows[:, -1, target.values].astype(np.float64)
    return np.concatenate([1 - last, last], axis=1) if target.kind == "boolean" else last


def _guess(inputs: Doubles, truth: Doubles, test: Doubles) -> Doubles:
    """Teach a ridge model and let it guess, `(n, k)`."""
    mean, spread = truth.mean(axis=0), truth.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1)
    goal = np.clip((truth - mean) / spread, -MAX_SPREADS, MAX_SPREADS)
    weights, intercept = ridge(inputs, goal, folds_in_order(len(inputs)))
    return np.asarray((test @ weights + intercept) * spread + mean)


def _score(guess: Doubles, truth: Doubles, weights: Doubles, target: Column) -> Doubles:
    """Area under the ROC curve or R2 under each weighting, `(draws,)`; NaN where no class is found often enough."""
    if target.discrete:
        names = target.levels or ("no", "yes")
        found = []
        for level, name in enumerate(names):
            mine = truth[:, level] > 0.5
            if min(mine.sum(), (~mine).sum()) >= MIN_IN_CLASS and name not in (MISSING, UNSEEN):
                found.append(areas(guess[~mine, level], guess[mine, level], weights[:, ~mine], weights[:, mine]))
        return np.asarray(np.mean(found, axis=0)) if found else np.full(len(weights), np.nan)
    total = np.maximum(weights.sum(axis=1), 1e-9)
    mean = weights @ truth[:, 0] / total
    variance = weights @ truth[:, 0] ** 2 / total - mean**2
    missed = weights @ (guess[:, 0] - truth[:, 0]) ** 2 / total
    return np.asarray(np.where(variance > 1e-12, np.maximum(1 - missed / np.maximum(variance, 1e-12), MIN_R2), np.nan))


HORIZONS = (1, 2, 4, 8)  # steps ahead
LAGS = (1, 2, 3, 4, 6, 8, 12)  # steps back
MAX_TAUGHT_FORECAST = 1500  # windows: more change no grade
MAX_CHANNELS = 256  # of what is seen: solving for the weights costs the cube of them
MIN_VARIANCE = 0.02  # of an axis, of unit variance in all: a smaller one is not known well enough to be blown up
MAX_ERROR = 2.0  # of that of the mean: one column gone wild must not decide

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
        "teach, and as many test. Of tables with more than 256 channels (one of a number, one per level of a category) "
        "so many columns are drawn at random to be seen and foretold."
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
        seen, note = list(case.columns), ""
        if case.channels > MAX_CHANNELS:
            drawn = case.rng("forecast columns")
            seen, note = some_columns(moving, drawn, MAX_CHANNELS, lambda one: one.channels.stop - one.start)
            moving = seen
        place = np.concatenate([np.arange(one.start, one.channels.stop) for one in seen])
        moving = [replace(one, start=int(np.searchsorted(place, one.start))) for one in moving]
        rng = case.rng(self.name)
        real, synthetic = (thinned(side, 4 * MAX_TAUGHT_FORECAST, rng) for side in (case.real, case.synthetic))

        def at_place(windows: Floats) -> Floats:
            return windows if len(place) == case.channels else np.take(windows, place, axis=2)

        windows = at_place(real.values())
        lens = _Lens(windows, moving, case.window)
        shown, made = lens.examples(windows), lens.examples(at_place(synthetic.values()))
        noise = lens.examples(at_place(useless(case, MAX_TAUGHT_FORECAST, rng)))
        known = lens.known(windows)
        everywhere = np.ones(len(real), dtype=bool), np.ones(len(synthetic), dtype=bool)
        found = []
        for repeat in range(max(repeats, CONTROLS)):
            rng = case.rng(self.name, repeat)
            one, two, other, test = _lesson(real, synthetic, everywhere, MAX_TAUGHT_FORECAST, rng)
            test = np.sort(rng.choice(test, min(len(test), MAX_TAUGHT_FORECAST), replace=False))
            taught = [_at(shown, one), _at(shown, two), _at(made, other), _at(noise, np.arange(len(one)))]
            centre = shown[1][np.r_[one, two]].mean(axis=0)
            found.append([lens.errors(one, _at(shown, test), centre, known[test]) for one in taught])
        skill = 1 - np.minimum(np.array(found), MAX_ERROR)
        return self._result(skill, [column.name for column in moving], lens.horizons, note)

    def _result(self, skill: Doubles, names: Sequence[str], horizons: Sequence[int], note: str) -> Result:
        """Put together skills of shape (draws, taught, columns, horizons)."""
        by_column, by_horizon = skill.mean(axis=3), skill.mean(axis=(0, 2))
        one, two, synthetic, worst = by_column.transpose(1, 0, 2)
        noise = [between_twins(*twins) for twins in zip(one.T, two.T, strict=True)]
        table = self.by_column(names, synthetic, (one + two) / 2, worst, noise=noise)
        one, two, synthetic, worst = by_column.mean(axis=2).T
        detail = {
            "columns": table,
            "horizons": [
                {"steps": steps, "value": float(by_horizon[2, i]), "real_against_real": float(by_horizon[:2, i].mean())}
                for i, steps in enumerate(horizons)
            ],
        }
        scores = Scores(synthetic, (one + two) / 2, float(worst.mean()), between_twins(one, two))
        return self.result(scores, detail, f"{_furthest(table)} {note}".strip())


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
        self._mean, self._scale, variance, directions = principal(real, least=1e-6)
        self._axes = directions / np.sqrt(variance + MIN_VARIANCE)
        self._channels = np.concatenate([np.arange(one.values.start, one.values.stop) for one in moving])
        self._starts = np.cumsum([0] + [one.values.stop - one.values.start for one in moving])[:-1]
        self._moving = moving

    def examples(self, windows: Floats) -> Examples:
        """Return pasts `(n, lags D)` and futures `(n, horizons channels)`."""
        values = np.clip((windows - self._mean) * self._scale, -MAX_SPREADS, MAX_SPREADS)
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
        weights, intercept = ridge(*taught, folds_in_order(len(taught[0])))
        missed = [(test[1] - guess) ** 2 for guess in (test[0] @ weights + intercept, centre)]
        shape = len(test[1]), len(self.horizons), len(self._channels)
        sums = [(np.add.reduceat(one.reshape(shape), self._starts, axis=2) * known).sum(axis=0) for one in missed]
        return np.asarray(np.where(sums[1] > 1e-9, sums[0] / np.where(sums[1] > 1e-9, sums[1], 1), 1.0)).T
