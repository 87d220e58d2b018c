"""Tables to try things on: simulators whose truth is known, and the small real tables that tsgan ships.

- `sines`: the sines of the papers, from "Time-series Generative Adversarial Networks" (Yoon, Jarrett & van der Schaar,
  2019), https://papers.nips.cc/paper/8789-time-series-generative-adversarial-networks
- `ar2`: one long autoregressive series, "On a Method of Investigating Periodicities in Disturbed Series, with Special
  Reference to Wolfer's Sunspot Numbers" (Yule, 1927), https://doi.org/10.1098/rsta.1927.0007
- `regimes`: a panel of entities that switch between regimes, "A New Approach to the Economic Analysis of Nonstationary
  Time Series and the Business Cycle" (Hamilton, 1989), https://doi.org/10.2307/1912559
- `visits`: a simulated clinic, patients at irregular times, with everything that a judge should notice. Each patient
  has a course of one of three modes, drawn as a sawtooth with a period, a height and a level of the patient's own: it
  falls slowly and rises at once, so that time has a direction. Beside it: an AR(1) column with bursts of noise, a
  second that follows it with a delay, a heavy-tailed cost that is zero most days, a stage that goes round in one
  direction, values that go missing in runs, and visits at irregular times.
- `load`: a shipped table; `names` lists them, `datasets/README.md` tells where each is from.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .arrays import Bools, Doubles
from .errors import InputError, ParameterError, choose

Seed = int | np.random.Generator | None

_FILES: dict[str, tuple[str, list[str]]] = {  # the file of each table, and its columns of dates
    "seattle_weather": ("seattle_weather.csv", ["date"]),
    "japanese_vowels": ("japanese_vowels.csv.gz", []),
    "regime_panel": ("regime_panel.csv", ["day"]),
    "alice": ("alice.csv.gz", []),
}


def names() -> list[str]:
    """Return the names that `load` knows."""
    return list(_FILES)


def load(name: str) -> pd.DataFrame:
    """Return a shipped table.

    Parameters
    ----------
    name : {"seattle_weather", "japanese_vowels", "regime_panel", "alice"}
        - `seattle_weather`: one long series, 1461 days; columns date (datetime), precipitation, temp_max, temp_min,
          wind, weather (text).
        - `japanese_vowels`: 640 utterances of 7 to 29 steps, long format; columns utterance, step, speaker (one of 9
          per utterance), c1 to c12.
        - `regime_panel`: what `regimes()` returns.
        - `alice`: Alice's Adventures in Wonderland, 790 paragraphs in order; columns chapter (1 to 12), text.

    Raises
    ------
    ParameterError
        If there is no such table; lists the names.
    InputError
        If the installation lacks the file.
    """
    file, dates = _FILES[choose("name", name, _FILES)]
    return pd.read_csv(_find(file), parse_dates=dates)


def _find(file: str) -> Path:
    """Return the path of a shipped file: beside the package in a checkout, else where the installer recorded it."""
    beside = Path(__file__).parents[1] / "datasets" / file
    if beside.is_file():
        return beside
    for one in importlib.metadata.distributions(name="tsgan"):  # a checkout may lie in the way of what is installed
        wanted = (entry for entry in one.files or [] if entry.as_posix().endswith(f"share/tsgan/datasets/{file}"))
        for path in (Path(str(entry.locate())) for entry in wanted):
            if path.is_file():
                return path
    raise InputError(f"the data file {file!r} is not part of this installation of tsgan; install it again with pip")


def _check_sizes(**sizes: int) -> None:
    for name, value in sizes.items():
        if value < 1:
            raise ParameterError(f"{name}={value!r} is too small; it must be at least 1")


def _persist(shock: Doubles, persistence: float) -> Doubles:
    """The AR(1) processes that shocks drive, `(steps, n)`; in place."""
    for step in range(1, len(shock)):
        shock[step] += persistence * shock[step - 1]
    return shock


def sines(n: int = 10_000, length: int = 24, columns: int = 5, random_state: Seed = 0) -> Doubles:
    """Return the papers' sines: `(sin(f t + p) + 1) / 2`, with frequency and phase from U(0, 0.1).

    Every sequence and column has its own frequency `f` and phase `p`; `t` is 0, 1, ..., `length` - 1.

    Parameters
    ----------
    n : int
        Number of sequences.
    length : int
        Steps of each.
    columns : int
        Numbers per step.
    random_state : int, numpy.random.Generator or None

    Returns
    -------
    array of shape (n, length, columns)
        Values in [0, 1].

    Raises
    ------
    ParameterError
        If a size is below 1.
    """
    _check_sizes(n=n, length=length, columns=columns)
    rng = np.random.default_rng(random_state)
    frequency, phase = rng.uniform(0.0, 0.1, size=(2, n, 1, columns))
    values: Doubles = (np.sin(frequency * np.arange(length)[:, None] + phase) + 1.0) / 2.0
    return values


def ar2(
    length: int = 2000,
    columns: int = 1,
    *,
    coefficients: tuple[float, float] = (1.5, -0.75),
    noise: float = 1.0,
    start: str = "2000-01-01",
    freq: str = "D",
    random_state: Seed = 0,
) -> pd.DataFrame:
    """Return one long stationary series `x_t = a_1 x_{t-1} + a_2 x_{t-2} + e_t`, `e_t ~ N(0, noise^2)`.

    The default coefficients make a cycle of 12 steps. Columns are independent of one another.

    Parameters
    ----------
    length : int
        Number of steps.
    columns : int
        Number of columns `x1`, `x2`, ...
    coefficients : tuple of two floats
        `a_1` and `a_2`.
    noise : float
        Standard deviation of `e_t`.
    start, freq : str
        First moment and frequency of the index.
    random_state : int, numpy.random.Generator or None

    Returns
    -------
    DataFrame of `length` rows
        With a DatetimeIndex.

    Raises
    ------
    ParameterError
        If a size is below 1, or the coefficients make the series explode.
    """
    _check_sizes(length=length, columns=columns)
    roots = np.roots([1.0, -coefficients[0], -coefficients[1]])
    radius = float(np.abs(roots).max(initial=0.0))
    if radius > 0.999:
        raise ParameterError(
            f"coefficients={coefficients!r} are not stationary (largest root {radius:.3f}, allowed below 0.999); "
            "choose smaller ones"
        )
    # The series is its innovations filtered by psi_k = sum_j r_1^j r_2^(k-j); beyond `memory` steps psi is rounding.
    memory = 2 if radius < 1e-8 else max(2, int(np.ceil(-42.0 / np.log(radius))))
    powers = roots[:, None] ** np.arange(memory)
    psi = np.convolve(powers[0], powers[1])[:memory].real
    innovations = noise * np.random.default_rng(random_state).standard_normal((columns, length + memory - 1))
    data = {f"x{i + 1}": np.convolve(row, psi, mode="valid") for i, row in enumerate(innovations)}
    return pd.DataFrame(data, index=pd.date_range(start, periods=length, freq=freq))


@dataclass(frozen=True)
class Regimes:
    """The truth behind `regimes`: every number the panel is drawn from.

    Attributes
    ----------
    states : tuple of str
        Names of the K regimes.
    transition : tuple of K tuples of K floats
        `transition[i][j]` is the probability of going from regime i to j in one step. The first regime of an entity
        is drawn from the chain's stationary distribution.
    level, spread : tuple of K floats
        `value` is `level[regime] + shift[site] + a_t`, with `a_t = persistence * a_{t-1} + spread[regime] * e_t`,
        `a_0 = spread[regime] * e_0` and standard normal `e_t`.
    persistence : float
    rate : tuple of K floats
        `events` is Poisson with mean `rate[regime]`.
    alarm : tuple of K floats
        `alarm` is true with this probability.
    sites : tuple of S str
    site_share, shift : tuple of S floats
        Probability of a site, and what it adds to `value`.
    age : tuple of two ints
        Ages are uniform from the first to the second, both included.
    lengths : tuple of two ints
        Lengths are uniform from the first to the second, both included.
    """

    states: tuple[str, ...] = ("calm", "busy", "storm")
    transition: tuple[tuple[float, ...], ...] = field(default=((0.9, 0.08, 0.02), (0.15, 0.75, 0.1), (0.1, 0.3, 0.6)))
    level: tuple[float, ...] = (10.0, 14.0, 22.0)
    spread: tuple[float, ...] = (0.5, 1.0, 2.5)
    persistence: float = 0.7
    rate: tuple[float, ...] = (0.2, 2.0, 6.0)
    alarm: tuple[float, ...] = (0.01, 0.1, 0.8)
    sites: tuple[str, ...] = ("north", "south")
    site_share: tuple[float, ...] = (0.65, 0.35)
    shift: tuple[float, ...] = (0.0, 3.0)
    age: tuple[int, int] = (20, 79)
    lengths: tuple[int, int] = (12, 40)

    @property
    def stationary(self) -> Doubles:
        """Long-run share of each regime, shape (K,): the left eigenvector of `transition` for the eigenvalue 1."""
        size = len(self.states)
        system = np.vstack([np.asarray(self.transition).T - np.eye(size), np.ones(size)])
        solution: Doubles = np.linalg.lstsq(system, np.append(np.zeros(size), 1.0), rcond=None)[0]
        return solution


def regimes(n: int = 150, truth: Regimes | None = None, random_state: Seed = 0) -> pd.DataFrame:
    """Return a panel of `n` entities that switch between regimes, in long format.

    Parameters
    ----------
    n : int
        Number of entities.
    truth : Regimes or None
        What to draw from; None is `Regimes()`.
    random_state : int, numpy.random.Generator or None

    Returns
    -------
    DataFrame
        Columns unit (text, the entity), day (datetime, the time), site (text) and age (integer), one per unit; then
        regime (text), value (float with two decimals), events (integer), alarm (boolean).

    Raises
    ------
    ParameterError
        If `n` is below 1.
    """
    _check_sizes(n=n)
    truth = truth or Regimes()
    rng = np.random.default_rng(random_state)
    lengths = rng.integers(truth.lengths[0], truth.lengths[1], size=n, endpoint=True)
    site = rng.choice(len(truth.sites), size=n, p=truth.site_share)
    age = rng.integers(truth.age[0], truth.age[1], size=n, endpoint=True)
    first_day = rng.integers(0, 365, size=n)

    steps = int(lengths.max())
    state = _chain(truth, rng.uniform(size=(steps, n)))
    shock = _persist(np.asarray(truth.spread)[state] * rng.standard_normal((steps, n)), truth.persistence)
    value = np.asarray(truth.level)[state] + np.asarray(truth.shift)[site] + shock
    events = rng.poisson(np.asarray(truth.rate)[state])
    alarm = rng.uniform(size=(steps, n)) < np.asarray(truth.alarm)[state]

    unit, step_of = np.nonzero(np.arange(steps) < lengths[:, None])
    return pd.DataFrame(
        {
            "unit": _labels(unit, [f"u{i + 1:0{len(str(n))}d}" for i in range(n)]),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(first_day[unit] + step_of, unit="D"),
            "site": _labels(site[unit], truth.sites),
            "age": age[unit],
            "regime": _labels(state[step_of, unit], truth.states),
            "value": value[step_of, unit].round(2),
            "events": events[step_of, unit],
            "alarm": alarm[step_of, unit],
        }
    )


def _chain(truth: Regimes, uniform: Doubles) -> NDArray[np.intp]:
    """Return the regimes that uniform numbers lead to, both `(steps, n)`, by inverting distribution functions."""
    cumulative = np.cumsum(truth.transition, axis=1)[:, :-1]
    state = np.empty(uniform.shape, dtype=np.intp)
    state[0] = (uniform[0][:, None] > np.cumsum(truth.stationary)[:-1]).sum(axis=1)
    for step in range(1, len(uniform)):
        state[step] = (uniform[step][:, None] > cumulative[state[step - 1]]).sum(axis=1)
    return state


def _labels(codes: NDArray[np.integer], labels: Sequence[str]) -> NDArray[np.object_]:
    named: NDArray[np.object_] = np.asarray(labels, dtype=object)[codes]
    return named


MODES = ("slow", "quick", "flat")
STAGES = ("rest", "rise", "peak", "fall")
PERIOD = {"slow": (9.0, 14.0), "quick": (4.0, 6.0), "flat": (6.0, 10.0)}
HEIGHT = {"slow": (3.0, 5.0), "quick": (3.0, 5.0), "flat": (0.0, 0.5)}
PERSISTENCE = 0.8  # of load from visit to visit
WARM_UP = 50  # visits before the first one that is kept, so that all begin in the long run's distribution


def visits(n: int = 1000, random_state: Seed = 0, lengths: tuple[int, int] = (24, 40)) -> pd.DataFrame:
    """Return a panel of `n` patients in long format.

    Parameters
    ----------
    n : int
        Number of patients.
    random_state : int, numpy.random.Generator or None
    lengths : tuple of two ints
        Visits of a patient are uniform from the first to the second, both included.

    Returns
    -------
    DataFrame
        Columns patient (text, the entity), when (datetime, the time; gaps are log-normal about one day), mode and sex
        (text, one per patient; mode is the truth that a judge should not be shown), wave, load, pulse (floats), cost
        (float, 70 % zeros), stage (text) and lab (float, missing in runs).

    Raises
    ------
    ParameterError
        If `n` is below 1, or the lengths are not two increasing whole numbers of at least 1.
    """
    if n < 1:
        raise ParameterError(f"n={n!r} is not allowed; it must be at least 1")
    if not 1 <= lengths[0] <= lengths[1]:
        raise ParameterError(f"lengths={lengths!r} are not allowed; pass the least and the most visits, from 1 up")
    rng = np.random.default_rng(random_state)
    size = rng.integers(lengths[0], lengths[1], size=n, endpoint=True)
    steps = int(size.max())
    mode = rng.choice(len(MODES), size=n, p=[0.4, 0.35, 0.25])

    period, height = (rng.uniform(*np.array([table[name] for name in MODES])[mode].T) for table in (PERIOD, HEIGHT))
    phase = (np.arange(steps)[:, None] / period + rng.random(n)) % 1
    wave = 5 + rng.normal(0, 0.7, n) + height * (0.5 - phase) + 0.25 * rng.standard_normal((steps, n))

    burst = _on_and_off(rng, steps + WARM_UP, n, stay=(0.93, 0.8))
    load = _persist(np.where(burst, 1.6, 0.5) * rng.standard_normal((steps + WARM_UP, n)), PERSISTENCE)
    pulse = 60 + 4 * np.roll(load, 2, axis=0)[WARM_UP:] + 3 * rng.standard_normal((steps, n))
    load = load[WARM_UP:]

    spent = rng.random((steps, n)) < np.where(burst[WARM_UP:], 0.6, 0.2)
    cost = np.where(spent, np.exp(3 + 0.9 * rng.standard_normal((steps, n)) + 0.2 * load), 0.0)
    stage = (rng.integers(4, size=n) + np.cumsum(rng.random((steps, n)) < 0.35, axis=0)) % 4
    lost = _on_and_off(rng, steps + WARM_UP, n, stay=(0.96, 0.7))[WARM_UP:]
    lab = np.where(lost, np.nan, 100 + 10 * (stage == 2) + 5 * rng.standard_normal((steps, n)))
    gap = np.exp(0.6 * rng.standard_normal((steps, n)) - 0.18)
    when = rng.uniform(0, 365, n) + np.cumsum(gap, axis=0)

    who, at = np.nonzero(np.arange(steps) < size[:, None])
    columns = {"wave": wave, "load": load, "pulse": pulse, "cost": cost, "lab": lab}
    return pd.DataFrame(
        {
            "patient": _labels(who, [f"p{i + 1:0{len(str(n))}d}" for i in range(n)]),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(when[at, who] * 86_400 // 60, unit="min"),
            "mode": _labels(mode[who], MODES),
            "sex": _labels((rng.random(n) < 0.45).astype(int)[who], ("f", "m")),
            **{name: values[at, who].round(2 if name != "load" else 4) for name, values in columns.items()},
            "stage": _labels(stage[at, who], STAGES),
        }
    )


def _on_and_off(rng: np.random.Generator, steps: int, n: int, stay: tuple[float, float]) -> Bools:
    """Return `(steps, n)` states of chains that stay in False and in True with these probabilities."""
    state = np.zeros((steps, n), dtype=np.bool_)
    uniform = rng.random((steps, n))
    for step in range(1, steps):
        state[step] = np.where(state[step - 1], uniform[step] < stay[1], uniform[step] > stay[0])
    return state
