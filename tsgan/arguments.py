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
    from .model.cells import CELLS
    from .model.losses import LOSSES
    from .model.runtime import pick_device

    choose("cell", given["cell"], CELLS)
    choose("loss", given["loss"], LOSSES)
    for name in ("layers", "mixture", "batch_size", "critic_steps", "penalty_every"):
        number(name, given[name], 1, whole=True)
    for name in ("hidden", "units"):
        number(name, given[name], 1, whole=True, none=True)
    for name in ("steps", "adversarial_steps"):
        number(name, given[name], 0, whole=True, none=True)
    for name in ("decay", "adversarial"):
        number(name, given[name], 0)
    number("penalty", given["penalty"], 0, none=True)
    number("average", given["average"], 0, 1)
    number("dropout", given["dropout"], 0, 1, none=True)
    for name in ("rate", "generator_rate", "critic_rate"):
        number(name, given[name], 0, open_end=True)
    for name in ("max_time", "clip"):
        number(name, given[name], 0, open_end=True, none=True)
    functions("callbacks", given["callbacks"])
    pick_device(given["device"])
