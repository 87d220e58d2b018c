"""A simulated clinic whose truth is known: everything that a judge of synthetic tables should notice, in one panel.

Each patient has a course of one of three modes, drawn as a sawtooth with a period, a height and a level of the
patient's own: it falls slowly and rises at once, so that time has a direction. Beside it: an AR(1) column with
bursts of noise, a second that follows it with a delay, a heavy-tailed cost that is zero most days, a stage that goes
round in one direction, values that go missing in runs, and visits at irregular times.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import ParameterError

Doubles = NDArray[np.float64]

MODES = ("slow", "quick", "flat")
STAGES = ("rest", "rise", "peak", "fall")
PERIOD = {"slow": (9.0, 14.0), "quick": (4.0, 6.0), "flat": (6.0, 10.0)}
HEIGHT = {"slow": (3.0, 5.0), "quick": (3.0, 5.0), "flat": (0.0, 0.5)}
PERSISTENCE, WARM_UP = 0.8, 50


def visits(
    n: int = 1000, random_state: int | np.random.Generator | None = 0, lengths: tuple[int, int] = (24, 40)
) -> pd.DataFrame:
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

    burst = _chain(rng, steps + WARM_UP, n, stay=(0.93, 0.8))
    shock = np.where(burst, 1.6, 0.5) * rng.standard_normal((steps + WARM_UP, n))
    load = shock.copy()
    for step in range(1, len(load)):
        load[step] += PERSISTENCE * load[step - 1]
    pulse = 60 + 4 * np.roll(load, 2, axis=0)[WARM_UP:] + 3 * rng.standard_normal((steps, n))
    load = load[WARM_UP:]

    spent = rng.random((steps, n)) < np.where(burst[WARM_UP:], 0.6, 0.2)
    cost = np.where(spent, np.exp(3 + 0.9 * rng.standard_normal((steps, n)) + 0.2 * load), 0.0)
    stage = (rng.integers(4, size=n) + np.cumsum(rng.random((steps, n)) < 0.35, axis=0)) % 4
    lost = _chain(rng, steps + WARM_UP, n, stay=(0.96, 0.7))[WARM_UP:]
    lab = np.where(lost, np.nan, 100 + 10 * (stage == 2) + 5 * rng.standard_normal((steps, n)))
    gap = np.exp(0.6 * rng.standard_normal((steps, n)) - 0.18)
    when = rng.uniform(0, 365, n) + np.cumsum(gap, axis=0)

    who, at = np.nonzero(np.arange(steps) < size[:, None])
    columns = {"wave": wave, "load": load, "pulse": pulse, "cost": cost, "lab": lab}
    return pd.DataFrame(
        {
            "patient": np.array([f"p{i + 1:0{len(str(n))}d}" for i in range(n)], dtype=object)[who],
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(when[at, who] * 86_400 // 60, unit="min"),
            "mode": np.array(MODES, dtype=object)[mode[who]],
            "sex": np.array(["f", "m"], dtype=object)[(rng.random(n) < 0.45).astype(int)[who]],
            **{name: values[at, who].round(2 if name != "load" else 4) for name, values in columns.items()},
            "stage": np.array(STAGES, dtype=object)[stage[at, who]],
        }
    )


def _chain(rng: np.random.Generator, steps: int, n: int, stay: tuple[float, float]) -> NDArray[np.bool_]:
    """Return `(steps, n)` states of chains that stay in False and in True with these probabilities."""
    state = np.zeros((steps, n), dtype=np.bool_)
    uniform = rng.random((steps, n))
    for step in range(1, steps):
        state[step] = np.where(state[step - 1], uniform[step] < stay[1], uniform[step] > stay[0])
    return state
