"""Numbers of sequences whose levels are prescribed.

Categories follow numbers, so that numbers behind prescribed levels have a posterior: their law times the likelihood of
the levels. Of several draws from the law, one is taken with a probability proportional to its likelihood
("The Calculation of Posterior Distributions by Data Augmentation", Tanner & Wong, 1987, comment by Rubin, pages
543-546, https://doi.org/10.1080/01621459.1987.10478458: sampling, importance resampling), block by block, since long
sequences leave no draw that is likely as a whole.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .panel import Floats, Given

TRIES = 96  # draws that one is taken of
MOST = 400_000  # numbers of candidates that are held at a time


def numbers_given_levels(
    draw: Callable[[Given, np.random.Generator], Floats],
    log_likelihood: Callable[[Floats, Given, np.random.Generator], NDArray[np.float64]],
    given: Given,
    first: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Return latents `(n, T, D)` whose prescribed levels are likely.

    Parameters
    ----------
    draw : callable
        Draws latents under what is given, levels left out of account.
    log_likelihood : callable
        Of the prescribed levels, `(n,)`.
    given : Given
    first : float32 array of shape (n, T, D)
        The first draw.
    rng : numpy.random.Generator
    """
    best = first
    top = log_likelihood(first, given, rng) + rng.gumbel(size=len(first))
    for _ in range(TRIES - 1):
        other = draw(given, rng)
        score = log_likelihood(other, given, rng) + rng.gumbel(size=len(other))
        better = score > top
        top = np.where(better, score, top)
        best = np.where(better[:, None, None], other, best)
    return best
