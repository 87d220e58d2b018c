"""A fitted encoder as JSON-ready values and arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..constraints.chain import Chain
from ..tables.dtypes import dump, load
from ..tables.form import Form
from ..tables.frames import FrameKind
from ..tables.keys import Keys
from .aliases import Aliases
from .cells import Cells
from .clocks.timing import Timing
from .columns.base import limits_of
from .missing import Missing

if TYPE_CHECKING:
    from .encoder import Encoder


E = TypeVar("E", bound="Encoder")


def state_of(encoder: Encoder) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return all that was asked and learned: JSON-ready values, and arrays by name.

    Raises
    ------
    ConstraintError
        If a constraint holds a function, which no file can.
    """
    cells, arrays = encoder._cells.state()
    timing, own = encoder._timing.state()
    arrays = {f"cells.{key}": array for key, array in arrays.items()}
    arrays |= {f"timing.{key}": array for key, array in own.items()} | {"lengths": encoder.lengths}
    data = {
        "entity": encoder._entity,
        "time": encoder._time,
        "static": list(encoder._static),
        "exclude": list(encoder._exclude),
        "calendar": list(encoder._calendar) if isinstance(encoder._calendar, tuple | list) else encoder._calendar,
        "requested": encoder._requested,
        "stride": encoder._stride,
        "scaler": [list(item) for item in encoder._scaler.items()]
        if isinstance(encoder._scaler, Mapping)
        else encoder._scaler,
        "bounds": [[name, list(limits_of(name, pair))] for name, pair in encoder._bounds.items()]
        if isinstance(encoder._bounds, Mapping)
        else encoder._bounds,
        "window": encoder.window,
        "form": asdict(encoder._form),
        "frame": encoder._frame.to_dict(),
        "keys": None if encoder._keys is None else encoder._keys.to_dict(),
        "aliases": encoder._aliases.to_dict(),
        "chain": encoder._chain.to_dict(dump),
        "missing": encoder._missing.to_dict(),
        "timing": timing,
        "cells": cells,
    }
    return data, arrays


def restore(cls: type[E], data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> E:
    """Rebuild a fitted encoder from `state`; it decodes to the same rows."""
    options: dict[str, Any] = {
        key: {name: tuple(v) if isinstance(v, list) else v for name, v in data[key]}
        if isinstance(data[key], list)
        else data[key]
        for key in ("scaler", "bounds")
    }
    chain = Chain.from_dict(data["chain"], load)
    made = cls(
        entity=data["entity"],
        time=data["time"],
        static=data["static"],
        exclude=data["exclude"],
        constraints=chain.constraints,
        calendar=data["calendar"],
        window=data["requested"],
        stride=data["stride"],
        **options,
    )

    def under(prefix: str) -> dict[str, NDArray[Any]]:
        return {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}

    made._form = form_of(data["form"])
    made._frame = FrameKind.from_dict(data["frame"])
    made._keys = None if data["keys"] is None else Keys.from_dict(data["keys"])
    made._aliases, made._chain = Aliases.from_dict(data["aliases"]), chain
    made._missing = Missing.from_dict(data["missing"])
    made._timing = Timing.from_state(data["timing"], under("timing."))
    made.window, made.lengths = int(data["window"]), np.asarray(arrays["lengths"], dtype=np.int64)
    made._cells = Cells.from_state(data["cells"], under("cells."), made.lengths)
    made._finish()
    return made


def form_of(data: Mapping[str, Any]) -> Form:
    """Return a form that was written as JSON, which knows no tuples."""
    plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
    return Form(**plain)
