"""The scalers by name. `auto.choose_scaler` picks one per column."""

from __future__ import annotations

from .base import Scaler
from .log import Log
from .minmax import MinMax
from .power import Power
from .quantile import Quantile
from .robust import Robust
from .standard import Standard

SCALERS: dict[str, type[Scaler]] = {
    "standard": Standard,
    "minmax": MinMax,
    "robust": Robust,
    "log": Log,
    "power": Power,
    "quantile": Quantile,
}
