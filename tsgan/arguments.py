"""Checks of `RecurrentGAN`'s arguments, before anything is learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import choose, functions, number


def check_training(given: Mapping[str, Any]) -> None:
    """Check every argument of training.

    Parameters
    ----------
    given : mapping
        The estimator's arguments by name.

    Raises
    ------
    ParameterError
        Naming the argument, its value, what is allowed and, for a name, the nearest.
    """
    from .laws.process import check_regimes
    from .losses import LOSSES
    from .networks import CELLS
    from .runtime import pick_device

    choose("noise", given["noise"], ("auto", "coloured", "white"))
    choose("loss", given["loss"], LOSSES)
    choose("cell", given["cell"], CELLS)
    check_regimes(given["regimes"])
    for name in ("hidden", "layers", "batch_size", "critic_steps", "penalty_every", "checks"):
        number(name, given[name], 1, whole=True)
    number("noise_sequence", given["noise_sequence"], 0, whole=True)
    number("noise_step", given["noise_step"], 0, whole=True, none=True)
    number("steps", given["steps"], 1, whole=True, none=True)
    for name in ("transport", "matching", "adversarial", "average", "input_noise"):
        number(name, given[name], 0)
    for name in ("generator_rate", "critic_rate"):
        number(name, given[name], 0, open_end=True)
    for name in ("epochs", "max_time", "clip"):
        number(name, given[name], 0, open_end=True, none=True)
    number("penalty", given["penalty"], 0, none=True)
    functions("callbacks", given["callbacks"])
    pick_device(given["device"])
