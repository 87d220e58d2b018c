"""Adversarial losses: add one as a file with a `Loss` and a line here."""

from __future__ import annotations

from collections.abc import Callable

from .base import Loss
from .gan import Original
from .hinge import Hinge
from .relativistic import Relativistic
from .wgan_gp import WassersteinGP
from .wgan_lp import WassersteinLP

LOSSES: dict[str, Callable[..., Loss]] = {
    "wgan-gp": WassersteinGP,
    "wgan-lp": WassersteinLP,
    "gan": Original,
    "hinge": Hinge,
    "relativistic": Relativistic,
}
