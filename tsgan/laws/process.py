r"""The linear-Gaussian part of a panel: what covariance says, without training.

The latents of a window, flattened over steps behind what its statics say, are taken as jointly normal; where the data
ask for it, as a mixture of regimes with a mean and a covariance each (`regimes.py`). Sequences are drawn given their
statics. One regime is the plain process: its covariance is that of the windows, shrunk a little towards the one of a
vector autoregression. The number of regimes is chosen by the likelihood of held-back windows. What is known of a step
beforehand moves its mean. Marginals that normal laws miss are mapped to the observed ones, and categories are drawn
after the numbers, given them (`categories.py`).

Windows of more than about `FULL_LIMIT` numbers are left to the autoregression. A series longer than the window grows
by half windows, each drawn given the half before it. Behind rank-gaussian scalers the process with one regime is a
Gaussian copula process ("Copula Processes", Wilson & Ghahramani, 2010, https://arxiv.org/abs/1006.1350).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.special import ndtr, ndtri

from ..errors import choose, number
from ..layout import Layout, static_features, to_channels, to_latents
from ..panel import Floats, Given, Ints, Panel, Windows
from .autoregression import Autoregression, Doubles
from .categories import Categories, levels_of
from .prescribed import numbers_given_levels
from .regimes import Regimes

FULL_LIMIT = 1300  # numbers in a window, for its covariance to be estimated in full
MOST, THIN = 20_000, 5_000  # windows that the law is fitted to, and those that the number of regimes is tried on
REGIMES = (1, 2, 4, 8, 16, 32)
SPARE = 12  # windows without common rows that each regime should have at least
SLACK = 0.5  # share of the gain in likelihood that more regimes may give back
KNOTS = ndtr(np.linspace(-3.2, 3.2, 129))  # probabilities at which marginals are compared
ENOUGH = 20  # rows for each covariate, for its effect to be estimated
BALANCE = 60_000  # steps on which transitions are compared
COMPLETE = 100_000  # steps whose unknown levels are drawn at a time
VISIBLE = 0.03  # difference between marginals, in standard deviations, that is worth a correction


def check_regimes(regimes: object) -> None:
    """Check the argument `regimes`.

    Raises
    ------
    ParameterError
        If it is neither "auto" nor a whole number of at least 1.
    """
    if isinstance(regimes, str):
        choose("regimes", regimes, ("auto",))
    else:
        number("regimes", regimes, 1, whole=True)


class LinearGaussianProcess:
    """A linear-Gaussian process of latents (or a mixture of them), drawn at any length.

    Attributes
    ----------
    mean : float64 array of shape (window, D)
        Mean of the latents at each step of a window.
    drift : float64 array of shape (K + 1, D)
        What the covariates add to the mean; the constant comes first.
    static_mean : float64 array of shape (S,)
        Of what the statics say (`layout.static_features`).
    autoregression : Autoregression
    regimes : Regimes or None
        The law of a window; None where it is left to the autoregression.
    aligned : bool
        Whether windows are whole sequences, so that a step has its own mean.
    calibration : dict of int to float64 array of shape (2, knots)
        Per latent whose marginal the normal laws miss: quantiles as drawn, and what to add.
    categories : Categories
    """

    mean: Doubles
    drift: Doubles
    static_mean: Doubles
    autoregression: Autoregression
    regimes: Regimes | None
    aligned: bool
    calibration: dict[int, Doubles]
    layout: Layout
    categories: Categories

    @classmethod
    def fit(
        cls, windows: Windows, layout: Layout, rng: np.random.Generator, regimes: int | Literal["auto"] = "auto"
    ) -> LinearGaussianProcess:
        """Estimate the process of the windows' latents.

        Parameters
        ----------
        windows : Windows
            Over the encoded panel (not its latents).
        layout : Layout
        rng : numpy.random.Generator
            Starts the regimes, and continues short sequences to the end of the window.
        regimes : int or "auto"
            Number of regimes, or chosen by held-back windows.
        """
        encoded = windows.panel
        said = static_features(encoded.statics, layout.statics)
        panel = Panel(to_latents(encoded.values, layout.blocks), encoded.lengths, said, encoded.covariates)
        windows = Windows(panel, windows.starts, windows.lengths, windows.sequences, windows.size)
        self = cls()
        self.layout = layout
        self.aligned = len(windows) == len(panel) > 1 and bool((windows.starts == panel.offsets[:-1]).all())
        self.static_mean = panel.statics.mean(axis=0, dtype=np.float64)
        self.mean = _step_means(windows, self.aligned)
        self.drift, rows = _centre(windows, self.mean, self.static_mean)
        train, held = windows.split()
        statics = panel.statics.shape[1]
        self.autoregression = Autoregression.fit(rows, panel.lengths, statics, _cover(windows, held))
        self.regimes = None
        size = windows.size * panel.values.shape[1] + statics
        if 0 < size <= FULL_LIMIT:
            self.regimes = self._window_law(windows, rows, train, held, regimes, rng)
        self.calibration, self.categories = {}, Categories(layout, [])
        self.calibration = self._calibrate(windows, encoded, rng)
        self.categories = Categories.fit(encoded, panel.values, layout)
        if self.categories.laws:
            self.categories = self._balanced(windows, encoded, rng)
        return cls.from_arrays(self.arrays(), layout)  # in the memory order of a loaded one, so that both draw the same

    def _balanced(self, windows: Windows, encoded: Panel, rng: np.random.Generator) -> Categories:
        """Return the categories' laws with the observed transitions on numbers as this process draws them."""
        index = np.linspace(0, len(windows) - 1, min(len(windows), BALANCE // windows.size + 1)).astype(np.int64)
        ends = windows.lengths[index] if self.aligned else None
        given = Given(encoded.statics[windows.sequences[index]], windows.covariates(index), lengths=ends)
        return self.categories.calibrated(self._numbers(given, rng), given, rng)

    def _calibrate(self, windows: Windows, encoded: Panel, rng: np.random.Generator) -> dict[int, Doubles]:
        """Compare marginals as drawn with those wanted: of discrete latents normal, of the others as in the data."""
        index = np.linspace(0, len(windows) - 1, max(512, 100_000 // windows.size)).astype(np.int64)
        drawn = self._numbers(Given(encoded.statics[windows.sequences[index]], windows.covariates(index)), rng)
        kinds = [block.kind for block in self.layout.blocks for _ in range(block.latents)]
        found = {}
        for latent, kind in enumerate(kinds):
            if kind == "continuous" and windows.ragged:
                continue
            quantiles = np.quantile(drawn[:, :, latent].astype(np.float64), KNOTS)
            wanted = ndtri(KNOTS)
            if kind == "continuous":
                wanted = np.quantile(windows.panel.values[:, latent].astype(np.float64), KNOTS)
            if np.abs(wanted - quantiles).max() > VISIBLE:
                found[latent] = np.stack([quantiles, wanted - quantiles])
        return found

    def _window_law(
        self, windows: Windows, rows: Doubles, train: Ints, held: Ints, regimes: int | str, rng: np.random.Generator
    ) -> Regimes:
        index = np.linspace(0, len(windows) - 1, min(len(windows), MOST)).astype(np.int64)
        flat = self._flat(windows, rows, index, rng)
        weight = 1 / (1 + (len(flat) / flat.shape[1]) ** 2)
        covariance = (1 - weight) * (flat.T @ flat / len(flat)) + weight * self.autoregression.implied(windows.size)
        variance, vectors = eigh(covariance)
        axes = (vectors * np.sqrt(np.maximum(variance, 1e-9 * variance[-1])))[:, ::-1]
        if regimes != "auto":
            return Regimes.fit(flat, axes, min(int(regimes), len(flat)), rng)
        apart = int((windows.panel.lengths // windows.size).clip(1).sum())
        counts = [k for k in REGIMES if k <= max(1, apart // SPARE)]
        if len(counts) > 1 and len(held):
            marks = np.zeros(len(windows), dtype=np.int8)
            marks[train], marks[held] = 1, 2
            mark = marks[index]
            known, tested = flat[mark == 1], flat[mark == 2]
            thin = max(1, len(known) // THIN)
            scores = [Regimes.fit(known[::thin], axes, count, rng).likelihood(tested) for count in counts]
            enough = max(scores) - SLACK * (max(scores) - scores[0])
            return Regimes.fit(flat, axes, max(k for k, s in zip(counts, scores, strict=True) if s >= enough), rng)
        return Regimes.fit(flat, axes, 1, rng)

    def _flat(self, windows: Windows, rows: Doubles, index: Ints, rng: np.random.Generator) -> Doubles:
        """Return centred windows flattened, statics first; a short one is continued by the autoregression."""
        statics, dims = len(self.static_mean), self.mean.shape[1]
        step = np.arange(windows.size)
        short = windows.lengths[index]
        at = windows.starts[index][:, None] + np.minimum(step, short[:, None] - 1)
        values, fixed = rows[at][:, :, statics:], rows[windows.starts[index], :statics]
        for length in np.unique(short[short < windows.size]):
            which = short == length
            known = values[which, :length].astype(np.float32)
            lack = max(self.autoregression.order - length, 0)
            known = np.concatenate([np.repeat(known[:, :1], lack, axis=1), known], axis=1)
            full = self.autoregression.extend(known, fixed[which].astype(np.float32), windows.size + lack, rng)
            values[which] = full[:, lack:]
        return np.concatenate([fixed, values.reshape(len(index), windows.size * dims)], axis=1)

    def draw(self, given: Given, rng: np.random.Generator) -> Floats:
        """Draw the latents `(n, T, D)` of the sequences of which `given` is known."""
        told = given.levels is not None and bool((given.levels >= 0).any())
        values = numbers_given_levels(self, given, rng) if told else self._numbers(given, rng)
        self.categories.draw(values, given, rng)
        return values

    def chance(self, given: Given, rng: np.random.Generator) -> Doubles:
        """Return the logarithm of how likely the prescribed levels are on numbers drawn without regard to them, `(n,)`.

        It is the mean probability of a step: what is a little wrong in the law of a step would, over many of them,
        decide alone.
        """
        steps = self.categories.log_likelihood(self._numbers(given, rng), given, rng)
        if given.lengths is not None:
            steps[np.arange(steps.shape[1]) >= given.lengths[:, None]] = -np.inf
        top = steps.max(axis=1)
        chance: Doubles = np.log(np.exp(steps - top[:, None]).sum(axis=1)) + top
        return chance

    def _numbers(self, given: Given, rng: np.random.Generator) -> Floats:
        """Draw the latents `(n, T, D)`, categories not yet tied to the numbers."""
        (n, length), (size, dims) = given.shape, self.mean.shape
        fixed = self.said(given.statics)
        if self.regimes is None:
            steps = self.autoregression.first(fixed, length, rng)
        else:
            flat = self.regimes.follow(fixed, rng) if fixed.shape[1] else self.regimes.draw(n, rng)
            steps = flat.reshape(n, size, dims)
            if length > size:
                steps = self._grow(steps, fixed, length, rng)
        return self.coloured(steps[:, :length], given.covariates)

    def said(self, statics: Floats) -> Floats:
        """Return what static channels say, centred, `(n, S)`."""
        centred: Floats = static_features(statics, self.layout.statics) - self.static_mean.astype(np.float32)
        return centred

    def coloured(self, steps: Floats, covariates: Floats, start: int = 0) -> Floats:
        """Return centred steps `(n, T, D)`, the first of them step `start`, with their mean and their marginals."""
        place = np.arange(start, start + steps.shape[1])
        mean = self.mean[np.minimum(place, len(self.mean) - 1)] + self.drift[0]
        values: Floats = steps + mean.astype(np.float32) + covariates @ self.drift[1:].astype(np.float32)
        for latent, (quantiles, shift) in self.calibration.items():
            values[:, :, latent] += np.interp(values[:, :, latent], quantiles, shift).astype(np.float32)
        return values

    def centred(self, values: Floats, covariates: Floats) -> Floats:
        """Return latents `(n, T, D)` without their mean and with normal marginals: the inverse of `coloured`."""
        values = values.copy()
        for latent, (quantiles, shift) in self.calibration.items():
            if not self.categories.numbers[latent]:
                continue  # levels stand in the middle of their intervals, as they did when the law was fitted
            column = values[:, :, latent]
            moved = np.interp(column, quantiles + shift, quantiles)
            out = column - np.interp(column, (quantiles + shift)[[0, -1]], shift[[0, -1]])
            outside = (column < quantiles[0] + shift[0]) | (column > quantiles[-1] + shift[-1])
            values[:, :, latent] = np.where(outside, out, moved)
        mean = self.mean[np.minimum(np.arange(values.shape[1]), len(self.mean) - 1)] + self.drift[0]
        centred: Floats = values - mean.astype(np.float32) - covariates @ self.drift[1:].astype(np.float32)
        return centred

    def complete(self, panel: Panel, rng: np.random.Generator) -> Panel:
        """Return a panel whose unknown levels (NaN) are drawn given the numbers and the levels beside them."""
        if not np.isnan(panel.values).any():
            return panel
        blocks = self.categories.blocks
        values = panel.values.copy()
        longest, offsets = max(1, COMPLETE // max(int(panel.lengths.max()), 1)), panel.offsets
        for at in range(0, len(panel), longest):
            some = slice(at, at + longest)
            rows = slice(offsets[at], offsets[min(at + longest, len(panel))])
            part = Panel(values[rows], panel.lengths[some], panel.statics[some], panel.covariates[rows])
            keep = np.arange(int(part.lengths.max())) < part.lengths[:, None]
            padded = [
                np.zeros((*keep.shape, width), dtype)
                for width, dtype in (
                    (self.mean.shape[1], np.float32),
                    (part.covariates.shape[1], np.float32),
                    (len(blocks), np.int64),
                )
            ]
            latents, covariates, levels = padded
            latents[keep] = to_latents(part.values, self.layout.blocks)
            covariates[keep], levels[keep] = part.covariates, levels_of(part, blocks)
            self.categories.draw(latents, Given(part.statics, covariates, levels), rng)
            values[rows] = to_channels(latents[keep], self.layout.blocks)
        return Panel(
            np.where(np.isnan(panel.values), values, panel.values), panel.lengths, panel.statics, panel.covariates
        )

    def _grow(self, steps: Floats, fixed: Floats, length: int, rng: np.random.Generator) -> Floats:
        """Carry windows on to `length` steps."""
        n, size, dims = steps.shape
        if self.regimes is None or self.aligned or size < 2 or not dims:
            lack = max(self.autoregression.order - size, 0)
            steps = np.concatenate([np.repeat(steps[:, :1], lack, axis=1), steps], axis=1)
            return self.autoregression.extend(steps, fixed, length + lack, rng)[:, lack:]
        fresh = size // 2
        kept = size - fresh
        out = np.empty((n, size + -(-(length - size) // fresh) * fresh, dims), dtype=np.float32)
        out[:, :size] = steps
        for at in range(size, length, fresh):
            past = np.concatenate([fixed, out[:, at - kept : at].reshape(n, -1)], axis=1)
            out[:, at : at + fresh] = self.regimes.follow(past, rng).reshape(n, fresh, dims)
        return out

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what was learned as named arrays."""
        named: dict[str, NDArray[Any]] = {"mean": self.mean, "drift": self.drift, "static_mean": self.static_mean}
        named["aligned"] = np.array([self.aligned], dtype=np.int64)
        for name in ("coefficients", "innovation", "start"):
            named[f"autoregression.{name}"] = getattr(self.autoregression, name)
        for latent, knots in self.calibration.items():
            named[f"calibration.{latent}"] = knots
        named |= {f"categories.{name}": array for name, array in self.categories.arrays().items()}
        if self.regimes is not None:
            for name in ("axes", "weights", "means", "factors", "scales"):
                named[f"regimes.{name}"] = getattr(self.regimes, name)
        return named

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], layout: Layout) -> LinearGaussianProcess:
        """Rebuild a process from `arrays` and the layout that it was fitted with."""

        def under(prefix: str) -> dict[str, NDArray[Any]]:
            return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}

        def double(array: NDArray[Any]) -> Doubles:
            return np.ascontiguousarray(array, dtype=np.float64)

        self = cls()
        self.mean, self.drift, self.static_mean = (double(arrays[name]) for name in ("mean", "drift", "static_mean"))
        self.aligned = bool(arrays["aligned"][0])
        own = under("autoregression.")
        parts = (double(own[name]) for name in ("coefficients", "innovation", "start"))
        self.autoregression = Autoregression(len(self.static_mean), *parts)
        marks = under("calibration.")
        self.calibration = {int(mark): double(marks[mark]) for mark in sorted(marks, key=int)}
        self.layout, self.categories = layout, Categories.from_arrays(under("categories."), layout)
        own = under("regimes.")
        names = ("axes", "weights", "means", "factors", "scales")
        self.regimes = Regimes(*(double(own[name]) for name in names)) if own else None
        return self


def _step_means(windows: Windows, aligned: bool) -> Doubles:
    """Return the mean latent of each step, shrunk towards the mean of all; one mean for windows of a long series."""
    overall = windows.panel.values.mean(axis=0, dtype=np.float64)
    if not aligned:
        return np.tile(overall, (windows.size, 1))
    counts = (windows.lengths[:, None] > np.arange(windows.size)).sum(axis=0)
    sums = np.zeros((windows.size, len(overall)))
    for at in range(0, len(windows), 4096):
        sums += windows.values(slice(at, at + 4096)).sum(axis=0, dtype=np.float64)
    pseudo = 10.0
    means: Doubles = (sums + pseudo * overall) / (counts + pseudo)[:, None]
    return means


def _centre(windows: Windows, mean: Doubles, static_mean: Doubles) -> tuple[Doubles, Doubles]:
    """Return what covariates add to the mean, and the centred rows `(rows, S + D)`, statics repeated on each row."""
    panel = windows.panel
    step = np.arange(len(panel.values)) - np.repeat(panel.offsets[:-1], panel.lengths)
    values = panel.values - mean[np.minimum(step, len(mean) - 1)]
    known = panel.covariates.astype(np.float64)
    drift = np.zeros((known.shape[1] + 1, values.shape[1]))
    if len(known) > ENOUGH * known.shape[1] > 0:
        centre = known.mean(axis=0)
        gram = (known - centre).T @ (known - centre) / len(known)
        gram += 1e-4 * max(float(np.trace(gram)) / len(gram), 1e-12) * np.eye(len(gram))
        drift[1:] = np.linalg.solve(gram, (known - centre).T @ (values - values.mean(axis=0)) / len(known))
        drift[0] = -centre @ drift[1:]
        values = values - drift[0] - known @ drift[1:]
    return drift, np.concatenate([np.repeat(panel.statics - static_mean, panel.lengths, axis=0), values], axis=1)


def _cover(windows: Windows, index: Ints) -> NDArray[np.bool_]:
    """Return which rows of the panel the chosen windows cover."""
    marks = np.zeros(len(windows.panel.values) + 1, dtype=np.int64)
    np.add.at(marks, windows.starts[index], 1)
    np.add.at(marks, windows.starts[index] + windows.lengths[index], -1)
    return np.cumsum(marks[:-1]) > 0
