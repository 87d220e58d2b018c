"""Train on synthetic, test on real: what a model that foretells one named column learns from the synthetic table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ..columns import MISSING, UNSEEN, Column
from ..embedding import Embedding
from ..prepare import Case
from ..ridge import ridge
from ..splits import CannotMeasureError, parts
from .base import Doubles, Reference, Result
from .draws import CONTROLS, Floats
from .grading import Grade
from .resampling import areas, clusters, redrawn, thinned
from .taught import Taught, between_twins

MOST, KERNELS = 1000, 50
RECENT = 4
FOLDS, FEWEST = 3, 5
FURTHEST, FLOOR = 8.0, -1.0
LITTLE = 0.05


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
        real, synthetic = (thinned(side, 4 * MOST, rng) for side in (case.real, case.synthetic))
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
        known, other_known = (target.present(side[:, -1]) for side in (windows, made))
        if np.ptp(truth[known], axis=0).max(initial=0) == 0:
            raise CannotMeasureError(f"the target {target.name!r} has a single value in the real table")
        number, found, drawn = clusters(real), [], []
        redraws = redrawn(int(number.max()) + 1, case.rng(self.name + " redrawn"))[:, number]
        for repeat in range(max(repeats, CONTROLS)):
            rng = case.rng(self.name, repeat)
            one, two, three = (part[known[part]] for part in parts(real, 3, rng))
            other = parts(synthetic, 3, rng)[0]
            other = other[other_known[other]]
            size = min(len(one), len(two), len(other), MOST)
            if min(size, len(three)) < 2 * FOLDS:
                raise CannotMeasureError(
                    f"the target {target.name!r} is known in too few windows: {size} to teach on and {len(three)} to "
                    f"test on, and at least {2 * FOLDS} are needed of each"
                )
            one, two, other = (np.sort(rng.choice(of, size, replace=False)) for of in (one, two, other))
            taught = [(inputs[one], truth[one]), (inputs[two], truth[two]), (other_inputs[other], other_truth[other])]
            guesses = [_guess(*of, inputs[three]) for of in taught]
            plain = np.ones((1, len(three)))
            scores = [_score(guess, truth[three], plain, target) for guess in guesses]
            if not np.isnan(scores[0]).any():
                found.append(np.concatenate(scores))
                if repeat < repeats:
                    drawn.append(_score(guesses[2], truth[three], redraws[:, three], target))
        if not drawn:
            raise CannotMeasureError(
                f"no class of the target {target.name!r}, against the others, is found in {FEWEST} windows of the part "
                f"that is left to test on"
            )
        one_skill, two_skill, skill = np.array(found).T
        means = np.nanmean(drawn, axis=0)
        low, high = np.quantile(means + skill.mean() - means.mean(), [0.025, 0.975])
        figure = "area under the ROC curve" if target.discrete else "R2"
        detail = {"target": target.name, "figure": figure, "own_past": not still}
        worst = 0.5 if target.discrete else 0.0
        control = (one_skill + two_skill) / 2
        note = f"{target.name}: {figure} {skill.mean():.3f}, taught on real data {control.mean():.3f}."
        if control.mean() < worst + LITTLE:
            note += " Even real data teach hardly anything about it."
        return self.result(
            list(skill),
            list(control),
            worst,
            detail,
            note,
            (float(low), float(high)),
            between_twins(one_skill, two_skill),
        )


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
    goal = np.clip((truth - mean) / spread, -FURTHEST, FURTHEST)
    weights, intercept = ridge(inputs, goal, np.arange(len(inputs)) * FOLDS // len(inputs))
    return np.asarray((test @ weights + intercept) * spread + mean)


def _score(guess: Doubles, truth: Doubles, weights: Doubles, target: Column) -> Doubles:
    """Area under the ROC curve or R2 under each weighting, `(draws,)`; NaN where no class is found often enough."""
    if target.discrete:
        names = target.levels or ("no", "yes")
        found = []
        for level, name in enumerate(names):
            mine = truth[:, level] > 0.5
            if min(mine.sum(), (~mine).sum()) >= FEWEST and name not in (MISSING, UNSEEN):
                found.append(areas(guess[~mine, level], guess[mine, level], weights[:, ~mine], weights[:, mine]))
        return np.asarray(np.mean(found, axis=0)) if found else np.full(len(weights), np.nan)
    total = np.maximum(weights.sum(axis=1), 1e-9)
    mean = weights @ truth[:, 0] / total
    variance = weights @ truth[:, 0] ** 2 / total - mean**2
    missed = weights @ (guess[:, 0] - truth[:, 0]) ** 2 / total
    return np.asarray(np.where(variance > 1e-12, np.maximum(1 - missed / np.maximum(variance, 1e-12), FLOOR), np.nan))
