"""A fitted estimator as a folder, and back: JSON and safetensors (`bundle`), looked at part by part, then tried."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from .. import bundle
from ..encoding.stages import Stages
from ..errors import CorruptModelError, InputError, TsganWarning
from ..model.model import Network
from ..version import __version__
from .card import NAME, card, write_card

if TYPE_CHECKING:
    from ..evaluation.report.report import Report

HELD = {  # what is saved
    "params": dict[str, Any],
    "features": int,
    "names": list[str],
    "seed": list[Any],
    "fitted": dict[str, int],
    "history": list[dict[str, Any]],
    "trained": bool,
    "finished": bool,
    "interrupted": bool,
    "encoder": Stages,
    "model": dict[str, Network | None],
}


def write(
    path: str | os.PathLike[str],
    gan: BaseEstimator,
    learned: Mapping[str, Any],
    report: Report | Mapping[str, Any] | None,
) -> None:
    """Write what an estimator has learned, and its card; see `Synthesizer.save`."""
    told: Any = getattr(report, "to_dict", lambda: report)()
    if told is not None and not isinstance(told, Mapping):
        raise InputError(f"report={report!r} is no report; pass what evaluate returns, or its to_dict()")
    text = card(gan, Path(path), told)  # what is wrong with a report is said before anything is written
    document: dict[str, Any] = {"class": type(gan).__name__}
    parts: dict[str, bundle.Arrays] = {}
    for name, value in learned.items():
        document[name], arrays = bundle.pack(value)
        parts |= {name: arrays} if arrays else {}
    bundle.write(path, document, parts, __version__)
    if not write_card(Path(path), text):
        wrong = f"{Path(path) / NAME} is no card of tsgan's and is left as it is; move it away to get one"
        warnings.warn(wrong, TsganWarning, stacklevel=3)


@contextmanager
def reading(path: str | os.PathLike[str], kind: str, check: bool) -> Iterator[dict[str, Any]]:
    """Give what `write` wrote; what goes wrong inside is said to be the folder's fault.

    Raises
    ------
    CorruptModelError
        If it is of another kind, or if what it holds does not go together.
    """
    document, parts = bundle.read(path, check=check)
    try:
        if (found := str(document["class"])) != kind:
            raise CorruptModelError(f"{path} holds a {found}; load it with {found}.load")
        read: dict[str, Any] = {}
        for name, one in HELD.items():
            try:
                read[name] = bundle.unpack(document[name], parts.get(name, {}), one)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        if read["fitted"].keys() != {"rows", "sequences"}:
            raise ValueError(f"fitted: it must count rows and sequences, not {sorted(read['fitted'])}")
        yield read
    except CorruptModelError:
        raise
    except Exception as error:  # a file may hold anything
        raise CorruptModelError(f"{path}: {bundle.NAME} does not describe a whole model ({error!r})") from error


def lasting(value: Any) -> Any:
    """Return a parameter as it can be saved; callbacks and generators become None."""
    if isinstance(value, np.random.Generator | np.random.RandomState):
        return None
    if isinstance(value, list | tuple) and any(callable(one) for one in value):
        return None
    return value.tolist() if isinstance(value, np.ndarray) else value
