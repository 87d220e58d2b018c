"""Many models, and many workers: the same fit and sample, elsewhere. Each engine has its own file."""

from __future__ import annotations

import importlib
from typing import Any

_ENGINES = ("dask", "ray", "spark")


def __getattr__(name: str) -> Any:
    """Import an engine's file when it is first used: it imports the engine."""
    if name not in _ENGINES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return sorted(_ENGINES)
