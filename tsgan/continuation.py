"""The one mechanism behind long series, futures of a given past, and filled holes.

What is known of a series is taken back to the process: its centred latents. The unknown steps are drawn from the law of
a window given all that is known in it, before and after, and the window moves on by half its length, so that each
window overlaps the one before ("Gaussian Processes for Machine Learning", Rasmussen & Williams, 2006, section 2.2,
http://gaussianprocess.org/gpml/). Where windows are too large for a law of their own, the autoregression's law of a
shorter stretch takes its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .autoregression import Autoregression
from .panel import Floats
from .regimes import Regimes

if TYPE_CHECKING:
    from .process import LinearGaussianProcess

STRETCH = 600  # numbers in a stretch that stands in for a window


def complete(process: LinearGaussianProcess, steps: Floats, fixed: Floats, rng: np.random.Generator) -> Floats:
    """Draw the unknown steps of series.

    Parameters
    ----------
    process : LinearGaussianProcess
    steps : float32 array of shape (n, T, D)
        Centred latents (`LinearGaussianProcess.centred`); NaN on every latent of an unknown step.
    fixed : float32 array of shape (n, S)
        What the statics say, centred.
    rng : numpy.random.Generator

    Returns
    -------
    float32 array of shape (n, T, D)
        The known steps as they were.
    """
    out = steps.copy()
    length, dims = steps.shape[1:]
    if not dims or not np.isnan(out).any():
        return out
    law, size = _law(process.regimes, process.autoregression, len(process.mean), dims)
    if process.aligned and process.regimes is not None:
        out[:, :size] = _window(law, out[:, :size], fixed, size, rng)
        if length > size:
            out = _beyond(process.autoregression, out, fixed, size, rng)
        return out
    fresh = max(size // 2, 1)
    for at in range(0, max(length - size, 0) + fresh, fresh):
        at = max(min(at, length - size), 0)
        out[:, at : at + size] = _window(law, out[:, at : at + size], fixed, size, rng)
    return out


def _law(regimes: Regimes | None, autoregression: Autoregression, size: int, dims: int) -> tuple[Regimes, int]:
    """Return the law of a window and its number of steps."""
    if regimes is not None:
        return regimes, size
    size = max(2 * autoregression.order + 1, STRETCH // dims)
    return Regimes.normal(autoregression.implied(size)), size


def _window(law: Regimes, part: Floats, fixed: Floats, size: int, rng: np.random.Generator) -> Floats:
    """Return the first steps of windows with the unknown ones drawn; series that lack none are left alone."""
    length = part.shape[1]
    out = part.copy()
    holes = np.isnan(part[:, :, 0]).any(axis=1)
    if not holes.any():
        return out
    full = np.full((int(holes.sum()), size, part.shape[2]), np.nan, dtype=np.float32)
    full[:, :length] = part[holes]
    flat = np.concatenate([fixed[holes], full.reshape(len(full), -1)], axis=1)
    made = law.given(flat, rng)[:, fixed.shape[1] :].reshape(full.shape)[:, :length]
    out[holes] = np.where(np.isnan(part[holes]), made, part[holes])
    return out


def _beyond(
    autoregression: Autoregression, steps: Floats, fixed: Floats, size: int, rng: np.random.Generator
) -> Floats:
    """Carry whole sequences on past the longest that was seen."""
    order, out = autoregression.order, steps.copy()
    for at in range(size, steps.shape[1]):
        unknown: NDArray[np.bool_] = np.isnan(out[:, at, 0])
        if unknown.any():
            past = out[unknown, max(at - order, 0) : at]
            lack = order - past.shape[1]
            past = np.concatenate([np.repeat(past[:, :1], lack, axis=1), past], axis=1)
            out[unknown, at] = autoregression.extend(past, fixed[unknown], order + 1, rng)[:, -1]
    return out
