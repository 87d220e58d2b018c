r"""The linear-Gaussian part of a panel: what covariance says, without training.

The latents of a window, flattened over steps (statics first), are taken as jointly normal; where the data ask for it,
as a mixture of regimes with a mean and a covariance each (`regimes.py`). One regime is the plain process: its
covariance is that of the windows, shrunk a little towards the one of a vector autoregression. The number of regimes is
chosen by the likelihood of held-back windows. Marginals that normal laws miss are mapped to the observed ones, and
categories are drawn after the numbers, given them (`conditionals.py`).

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

from .autoregression import Autoregression, Doubles
from .conditionals import Conditional, features_of
from .errors import choose, number
from .layout import Block, Layout
from .panel import Floats, Ints, Panel, Windows
from .regimes import Regimes

FULL_LIMIT = 1300  # numbers in a window, for its covariance to be estimated in full
MOST, THIN = 20_000, 5_000  # windows that the law is fitted to, and those that the number of regimes is tried on
REGIMES = (1, 2, 4, 8, 16, 32)
SPARE = 12  # windows without common rows that each regime should have at least
SLACK = 0.5  # share of the gain in likelihood that more regimes may give back
KNOTS = ndtr(np.linspace(-3.2, 3.2, 129))  # probabilities at which marginals are compared
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


def middles(block: Block) -> Floats:
    """Return the latent that stands for each level of a softmax block: the middle, by probability, of its interval."""
    edges = ndtr(np.concatenate([[-np.inf], block.cuts, [np.inf]]))
    return ndtri((edges[1:] + edges[:-1]) / 2).astype(np.float32)


def to_latents(values: Floats, blocks: tuple[Block, ...]) -> Floats:
    """Turn channels into process latents, `(rows, channels)` to `(rows, latents)`.

    A softmax block becomes one number per row, in the middle (by probability) of its level's interval.
    """
    parts, at = [], 0
    for block in blocks:
        part = values[:, at : at + block.size]
        if block.kind == "softmax":
            part = middles(block)[part.argmax(axis=1)][:, None]
        parts.append(part)
        at += block.size
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(values), 0), dtype=np.float32)


def to_channels(latents: Floats, blocks: tuple[Block, ...]) -> Floats:
    """Turn process latents into channels, `(rows, latents)` to `(rows, channels)`: the inverse of `to_latents`."""
    parts, at = [], 0
    for block in blocks:
        part = latents[:, at : at + block.latents]
        if block.kind == "softmax":
            part = np.eye(block.size, dtype=np.float32)[np.searchsorted(block.cuts, part[:, 0])]
        parts.append(part)
        at += block.latents
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(latents), 0), dtype=np.float32)


class LinearGaussianProcess:
    """A linear-Gaussian process of latents (or a mixture of them), drawn at any length.

    Attributes
    ----------
    mean : float64 array of shape (window, D)
        Mean of the latents at each step of a window.
    static_mean : float64 array of shape (S,)
    autoregression : Autoregression
    regimes : Regimes or None
        The law of a window; None where it is left to the autoregression.
    aligned : bool
        Whether windows are whole sequences, so that a step has its own mean.
    calibration : dict of int to float64 array of shape (2, knots)
        Per latent (steps first, then statics) whose marginal the normal laws miss: quantiles as drawn, and what to add.
    """

    mean: Doubles
    static_mean: Doubles
    autoregression: Autoregression
    regimes: Regimes | None
    aligned: bool
    calibration: dict[int, Doubles]
    layout: Layout
    conditionals: list[Conditional]

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
        panel = windows.panel
        panel = Panel(to_latents(panel.values, layout.blocks), panel.lengths, to_latents(panel.statics, layout.statics))
        windows = Windows(panel, windows.starts, windows.lengths, windows.sequences, windows.size)
        self = cls()
        self.aligned = len(windows) == len(panel) > 1 and bool((windows.starts == panel.offsets[:-1]).all())
        self.static_mean = panel.statics.mean(axis=0, dtype=np.float64)
        self.mean = _step_means(windows, self.aligned)
        train, held = windows.split()
        rows = _centre(windows, self.mean, self.static_mean)
        statics = panel.statics.shape[1]
        self.autoregression = Autoregression.fit(rows, panel.lengths, statics, _cover(windows, held))
        self.regimes = None
        size = windows.size * panel.values.shape[1] + statics
        if 0 < size <= FULL_LIMIT:
            self.regimes = self._window_law(windows, rows, train, held, regimes, rng)
        self.layout, self.conditionals, self.calibration = layout, [], {}
        self.calibration = self._calibrate(windows, layout, rng)
        self.conditionals = self._condition(panel)
        return cls.from_arrays(self.arrays(), layout)  # in the memory order of a loaded one, so that both draw the same

    def _condition(self, panel: Panel) -> list[Conditional]:
        """Fit each category's law given the numbers; one long row of sequences serves, edges left out."""
        found: list[Conditional] = []
        known: list[Floats] = []
        follows = np.ones(len(panel.values), dtype=bool)
        follows[panel.offsets[:-1][panel.lengths > 0]] = False
        statics = np.repeat(panel.statics, panel.lengths, axis=0)
        for at, block in self._discrete():
            level = np.searchsorted(block.cuts, panel.values[:, at])
            fixed = [statics[None], *known]
            features = features_of(panel.values[None], panel.statics[:1, :0], self._continuous(), fixed)[0]
            found.append(Conditional.fit(features, level, block.size, follows))
            known.append(np.eye(block.size, dtype=np.float32)[level][None])
        once = np.zeros(len(panel), dtype=bool)
        features = self._of_sequence(panel.values[np.minimum(panel.offsets[:-1], len(panel.values) - 1)], panel.statics)
        for at, block in _discrete(self.layout.statics):
            level = np.searchsorted(block.cuts, panel.statics[:, at])
            found.append(Conditional.fit(features, level, block.size, once))
        return found

    def _discrete(self) -> list[tuple[int, Block]]:
        """Return the latent and block of each category that changes from step to step."""
        return _discrete(self.layout.blocks)

    def _of_sequence(self, first: Floats, statics: Floats) -> Floats:
        """Return what a static category depends on: the numbers of the first step, and the statics that are numbers."""
        numbers = [b.kind != "softmax" for b in self.layout.statics for _ in range(b.latents)]
        return np.concatenate([first[:, self._continuous()], statics[:, np.array(numbers, dtype=bool)]], axis=1)

    def _continuous(self) -> NDArray[np.bool_]:
        """Return which latents of a step are numbers."""
        return np.array(
            [block.kind != "softmax" for block in self.layout.blocks for _ in range(block.latents)], dtype=bool
        )

    def _calibrate(self, windows: Windows, layout: Layout, rng: np.random.Generator) -> dict[int, Doubles]:
        """Compare marginals as drawn with those wanted: of discrete latents normal, of the others as in the data."""
        drawn, statics = self.draw(max(512, 100_000 // windows.size), windows.size, rng)
        made = [*drawn.transpose(2, 0, 1), *statics.T]
        real = [*windows.panel.values.T, *windows.panel.statics.T]
        kinds = [block.kind for block in (*layout.blocks, *layout.statics) for _ in range(block.latents)]
        found = {}
        for latent, (own, theirs, kind) in enumerate(zip(made, real, kinds, strict=True)):
            if kind == "continuous" and windows.ragged:
                continue
            quantiles = np.quantile(own.astype(np.float64), KNOTS)
            wanted = np.quantile(theirs.astype(np.float64), KNOTS) if kind == "continuous" else ndtri(KNOTS)
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

    def draw(self, n: int, length: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw `n` sequences of `length` steps.

        Returns
        -------
        values : float32 array of shape (n, length, D)
        statics : float32 array of shape (n, S)
        """
        statics, (size, dims) = len(self.static_mean), self.mean.shape
        if self.regimes is None:
            steps, fixed = self.autoregression.first(n, length, rng)
        else:
            flat = self.regimes.draw(n, rng)
            fixed, steps = flat[:, :statics], flat[:, statics:].reshape(n, size, dims)
            if length > size:
                steps = self._grow(steps, fixed, length, rng)
        mean = self.mean[np.minimum(np.arange(length), size - 1)].astype(np.float32)
        values, statics_out = steps[:, :length] + mean, fixed + self.static_mean.astype(np.float32)
        for latent, (quantiles, shift) in self.calibration.items():
            column = values[:, :, latent] if latent < dims else statics_out[:, latent - dims]
            column += np.interp(column, quantiles, shift).astype(np.float32)
        known: list[Floats] = []
        fixed_laws = self.conditionals[len(self._discrete()) :]
        features = self._of_sequence(values[:, 0], statics_out)[:, None]
        for (at, block), law in zip(_discrete(self.layout.statics), fixed_laws, strict=False):
            statics_out[:, at] = middles(block)[law.draw(features, rng)[:, 0]]
        for (at, block), law in zip(self._discrete(), self.conditionals, strict=False):
            level = law.draw(features_of(values, statics_out, self._continuous(), known), rng)
            values[:, :, at] = middles(block)[level]
            known.append(np.eye(block.size, dtype=np.float32)[level])
        return values, statics_out

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
        named: dict[str, NDArray[Any]] = {"mean": self.mean, "static_mean": self.static_mean}
        named["aligned"] = np.array([self.aligned], dtype=np.int64)
        for name in ("coefficients", "innovation", "start"):
            named[f"autoregression.{name}"] = getattr(self.autoregression, name)
        for latent, knots in self.calibration.items():
            named[f"calibration.{latent}"] = knots
        for index, law in enumerate(self.conditionals):
            for name in ("weights", "before", "first"):
                named[f"conditional.{index}.{name}"] = getattr(law, name)
        if self.regimes is not None:
            for name in ("axes", "weights", "means", "factors", "scales"):
                named[f"regimes.{name}"] = getattr(self.regimes, name)
        return named

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], layout: Layout) -> LinearGaussianProcess:
        """Rebuild a process from `arrays` and the layout that it was fitted with."""
        double = {name: np.ascontiguousarray(array, dtype=np.float64) for name, array in arrays.items()}
        self = cls()
        self.mean, self.static_mean = double["mean"], double["static_mean"]
        self.aligned = bool(arrays["aligned"][0])
        parts = (double[f"autoregression.{name}"] for name in ("coefficients", "innovation", "start"))
        self.autoregression = Autoregression(len(self.static_mean), *parts)
        marks = [name.removeprefix("calibration.") for name in double if name.startswith("calibration.")]
        self.calibration = {int(mark): double[f"calibration.{mark}"] for mark in sorted(marks, key=int)}
        self.layout = layout
        self.conditionals = [
            Conditional(*(np.asarray(arrays[f"conditional.{i}.{name}"]) for name in ("weights", "before", "first")))
            for i in range(len(self._discrete()) + len(_discrete(layout.statics)))
        ]
        self.regimes = None
        if "regimes.axes" in double:
            names = ("axes", "weights", "means", "factors", "scales")
            self.regimes = Regimes(*(double[f"regimes.{name}"] for name in names))
        return self


def _discrete(blocks: tuple[Block, ...]) -> list[tuple[int, Block]]:
    """Return the latent and block of each category."""
    ends = np.cumsum([block.latents for block in blocks])
    return [(int(end) - 1, block) for end, block in zip(ends, blocks, strict=True) if block.kind == "softmax"]


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


def _centre(windows: Windows, mean: Doubles, static_mean: Doubles) -> Doubles:
    """Return the centred rows of the panel: float64 `(rows, S + D)`, statics repeated on each row."""
    panel = windows.panel
    step = np.arange(len(panel.values)) - np.repeat(panel.offsets[:-1], panel.lengths)
    values = panel.values - mean[np.minimum(step, len(mean) - 1)]
    return np.concatenate([np.repeat(panel.statics - static_mean, panel.lengths, axis=0), values], axis=1)


def _cover(windows: Windows, index: Ints) -> NDArray[np.bool_]:
    """Return which rows of the panel the chosen windows cover."""
    marks = np.zeros(len(windows.panel.values) + 1, dtype=np.int64)
    np.add.at(marks, windows.starts[index], 1)
    np.add.at(marks, windows.starts[index] + windows.lengths[index], -1)
    return np.cumsum(marks[:-1]) > 0
