"""Training that goes on where it was killed: what it needs is written to a folder while it runs.

A checkpoint is taken between two steps: weights and their average, optimisers, recurrent state, random streams, the
best weights yet and what decides when training ends. All that comes before training (encoding, the base, what is held
back) is computed again, with the same bits, from the same table and seed. So a fit that was killed at any moment and is
started again ends in the same model as one that never was, unless `max_time` ends it.

The folder is written as a model is (`bundle`): JSON and safetensors, beside and renamed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import signal
import threading
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from .. import bundle
from ..errors import CorruptModelError, ModelFileError, ParameterError, TsganWarning
from ..layout import Layout
from ..panel import Panel
from ..version import __version__
from .callbacks import History, Row
from .runtime import CPU, to_array, to_tensor

WHAT = "checkpoint"  # a folder of it holds checkpoint.json
MISSING = object()  # of what there is in one fit alone
HASHED_ROWS = 100_000  # of a table that are hashed at once

HELD = nn.Module, torch.optim.Optimizer, torch.Generator, np.random.Generator  # have a state of their own
# what changes while a stage runs: these, dataclasses, and objects that name in `KEPT` what changes in them
Parts = Mapping[str, Any]


class Checkpoint:
    """What is kept of a fit under way; without a folder nothing is.

    Used as a context, it lets Ctrl-C and SIGTERM wait until the step is done and written.

    Parameters
    ----------
    folder : path-like or None
    every : float
        Seconds from one to the next.

    Raises
    ------
    ModelFileError
        If the folder holds something else, cannot be written, or its checkpoint is damaged or of another tsgan.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, every: float = 60.0) -> None:
        # absolute: the process may go elsewhere
        self.folder = None if folder is None else Path(os.path.abspath(folder))
        self.every = every
        self.found: dict[str, Any] = {}
        self.identity: dict[str, Any] = {}
        self.history: History | None = None
        self.stages: dict[str, Any] = {}
        self._began = self._written = time.monotonic()
        self._asked: list[int] = []
        self._usual: dict[int, Any] = {}
        self._warned = False
        if self.folder is not None and (bundle.check(self.folder, WHAT) / f"{WHAT}.json").is_file():
            self.found = read(self.folder)

    @property
    def spent(self) -> float:
        """Seconds that went into the fit before this process."""
        return float(self.found.get("spent", 0.0))

    @property
    def finished(self) -> bool:
        """Whether the checkpoint that was found is of a training that ended."""
        return bool(self.found.get("finished"))

    def forget(self) -> None:
        """Begin anew where what was found is finished, and not what this fit would come to."""
        if self.finished:
            self.found = {}

    @property
    def cut(self) -> bool:
        """Whether what was found is finished because time ran out, or because a callback may have asked for it."""
        return bool(self.found.get("cut"))

    @property
    def seed(self) -> np.random.SeedSequence | None:
        """The seed of the fit that is gone on with."""
        if not self.found:
            return None
        entropy, key = self.found["identity"]["random_state"]
        return np.random.SeedSequence(int(entropy), spawn_key=tuple(key))

    def go_on(self, panel: Panel, layout: Layout) -> None:
        """Take what was found, if it is of the same table; see `compare`."""
        if self.folder is not None:
            self.compare("data", fingerprint(panel, layout))
            self.stages = dict(self.found.get("stages", {}))

    def compare(self, name: str, now: Any) -> None:
        """Look whether what was found is of the same arguments, random state or table.

        Raises
        ------
        ParameterError
            If it is of a fit under way of something else; the difference is named. What is finished is replaced.
        """
        self.identity[name] = now
        if not self.found or (before := self.found["identity"][name]) == now:
            return
        if self.finished:
            self.found = {}
            return
        if name == "random_state":
            told = f"random_state was {before[0]}, and is {now[0]}"
        else:
            names = [key for key in {**before, **now} if before.get(key, MISSING) != now.get(key, MISSING)]
            each = (_difference(key, before.get(key, MISSING), now.get(key, MISSING)) for key in names[:5])
            told = f"{name}: " + "; ".join(each)
        raise ParameterError(
            f"checkpoint={str(self.folder)!r} holds that of another fit under way, it cannot be gone on "
            f"with ({told}); pass what it was begun with, name another folder, or remove it to begin anew"
        )

    def watch(self, history: History) -> None:
        """Keep a history too; it goes on with the rows that were found."""
        self.history = history
        if self.found:
            history.go_on(self.found["history"])

    def __enter__(self) -> Self:
        if self.folder is not None and threading.current_thread() is threading.main_thread():
            heard = (number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN)
            self._usual = {number: signal.signal(number, self._ask) for number in heard}
        return self

    def __exit__(self, *raised: object) -> None:
        self._hand_back()
        if self._asked and raised[0] is None:
            signal.raise_signal(self._asked.pop())

    def _ask(self, number: int, frame: FrameType | None) -> None:
        """Wait for the end of the step; whoever asks twice does not want to wait."""
        self._asked.append(number)
        if len(self._asked) > 1:
            self.heed()

    def _hand_back(self) -> None:
        for number, handler in self._usual.items():
            signal.signal(number, handler)
        self._usual = {}

    def heed(self) -> None:
        """Pass on a signal that was asked to wait."""
        if self._asked:
            self._hand_back()
            number = self._asked[0]
            self._asked = []
            signal.raise_signal(number)

    @property
    def asked(self) -> bool:
        """Whether to stop was asked for."""
        return bool(self._asked)

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return self.folder is not None and (self.asked or time.monotonic() - self._written >= self.every)

    def write(self, finished: bool = False, cut: bool = False) -> None:
        """Write what is kept; where that fails, training goes on and says so once."""
        if self.folder is None or not self.stages:
            return
        packed, parts = {}, {}
        for name, state in self.stages.items():
            packed[name], parts[name] = bundle.pack(state)
        document = {
            "identity": self.identity,
            "spent": self.spent + time.monotonic() - self._began,
            "finished": finished,
            "cut": cut,
            "history": [] if self.history is None else bundle.pack(self.history.rows)[0],
            "stages": packed,
        }
        try:
            bundle.write(self.folder, document, parts, __version__, WHAT)
        except ModelFileError as error:
            if not self._warned:
                warnings.warn(f"{error}; training goes on without a new checkpoint", TsganWarning, stacklevel=2)
            self._warned = True
        self._written = time.monotonic()


@dataclasses.dataclass
class Keeper:
    """Keeps one stage of training."""

    whole: Checkpoint
    name: str = ""

    def at(self, name: str) -> Keeper:
        """Return the keeper of a part of it."""
        return Keeper(self.whole, f"{self.name}.{name}".lstrip("."))

    def resume(self, parts: Parts) -> bool:
        """Put what was kept back into its parts; return whether there was anything.

        Raises
        ------
        CorruptModelError
            If it does not fit.
        """
        state = self.whole.stages.get(self.name)
        if state is None:
            return False
        try:
            for name, found in state.items():
                put_back(parts[name], found)
        except Exception as error:  # a file may hold anything
            folder = self.whole.folder
            raise CorruptModelError(f"{folder}: {self.name} cannot be gone on with ({error!r}); remove it") from error
        return True

    def offer(self, parts: Parts) -> None:
        """Write all if it is time to; to be called between two steps.

        Raises
        ------
        KeyboardInterrupt
            If that was asked for meanwhile, after it is written.
        """
        if self.whole.due:
            self.done(parts)
            self.whole.write()
        self.whole.heed()

    def pause(self) -> None:
        """Stop if that was asked for, where nothing can be taken: what was kept before is written.

        Raises
        ------
        KeyboardInterrupt
            If that was asked for.
        """
        if self.whole.asked:
            self.whole.write()
        self.whole.heed()

    def done(self, parts: Parts) -> None:
        """Keep the parts as they are now, to be written with what comes."""
        if self.whole.folder is not None:
            self.whole.stages[self.name] = {name: taken(part) for name, part in parts.items()}


UNKEPT = Keeper(Checkpoint(None))  # keeps nothing


def read(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a checkpoint holds.

    Raises
    ------
    ModelFileError
        If it is damaged, or of another version of tsgan.
    """
    try:
        document, parts = bundle.read(folder, WHAT)
    except CorruptModelError as error:
        raise CorruptModelError(f"{str(error).split(';')[0]}; remove the folder to begin anew") from error
    if document.get("tsgan") != __version__:
        raise ModelFileError(
            f"{os.fspath(folder)} holds a checkpoint of tsgan {document.get('tsgan')}, this is {__version__}: go on "
            "with that version, or remove the folder to begin anew"
        )
    try:
        stages = {name: bundle.unpack(state, parts.get(name, {})) for name, state in document["stages"].items()}
        history = bundle.unpack(document["history"], {}, list[dict[str, Any]])
        entropy, key = document["identity"]["random_state"]
        np.random.SeedSequence(int(entropy), spawn_key=tuple(key))
        if not all(isinstance(document["identity"][name], dict) for name in ("arguments", "data")):
            raise ValueError("identity")
        spent = float(document["spent"])
        return {**document, "spent": spent, "stages": stages, "history": [_row(row) for row in history]}
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise CorruptModelError(f"{os.fspath(folder)}: {WHAT}.json cannot be read ({error!r}); remove it") from error


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a history, if it is one."""
    if row.keys() != Row.__annotations__.keys():
        raise ValueError(f"a row of the history holds {sorted(row)}")
    float(row["seconds"])
    return row


def taken(part: Any) -> Any:
    """Return the state of something: what `bundle` can pack, copied."""
    if isinstance(part, nn.Module):
        return taken(part.state_dict())
    if isinstance(part, torch.optim.Optimizer):
        held = part.state_dict()["state"].items()  # parameters without a gradient have none
        return {str(number): {name: _array(value) for name, value in one.items()} for number, one in held}
    if isinstance(part, torch.Generator):
        return to_array(part.get_state())
    if isinstance(part, np.random.Generator):
        return dict(part.bit_generator.state)
    if isinstance(part, Tensor):
        return {"tensor": _array(part)}
    if isinstance(part, np.ndarray):
        return part.copy()
    if names := _names(part):
        return {name: taken(getattr(part, name)) for name in names}
    if isinstance(part, Mapping):
        return {name: taken(one) for name, one in part.items()}
    if isinstance(part, list | tuple):
        return type(part)(taken(one) for one in part)
    return part


def _array(tensor: Tensor) -> np.ndarray[Any, Any]:
    return to_array(tensor.detach()).copy()


def put_back(part: Any, state: Any) -> None:
    """Give something the state that `taken` took of it."""
    if isinstance(part, nn.Module):
        part.load_state_dict(_made(state))
    elif isinstance(part, torch.optim.Optimizer):
        # what counts steps has no axis, which an array in a file must have; it stays on the CPU, the rest is moved
        made: dict[int, dict[str, Tensor]] = {}
        for number, one in state.items():
            held = {name: torch.as_tensor(array, device=CPU) for name, array in one.items()}
            made[int(number)] = {name: part.reshape(()) if name == "step" else part for name, part in held.items()}
        part.load_state_dict({"state": made, "param_groups": part.state_dict()["param_groups"]})
    elif isinstance(part, torch.Generator):
        part.set_state(torch.as_tensor(state, device=CPU))
    elif isinstance(part, np.random.Generator):
        part.bit_generator.state = state
    elif names := _names(part):
        for name in names:
            inside = getattr(part, name)
            if isinstance(inside, HELD) or _names(inside):
                put_back(inside, state[name])
            else:
                setattr(part, name, _made(state[name]))
    else:
        raise TypeError(f"a {type(part).__name__} has no state")


def _names(part: Any) -> tuple[str, ...]:
    """Return the names of what changes in an object: those that its class says, all fields of a dataclass."""
    if dataclasses.is_dataclass(part):
        return tuple(field.name for field in dataclasses.fields(part))
    return getattr(part, "KEPT", ())


def _made(state: Any) -> Any:
    """Return values as they were, tensors as tensors."""
    if isinstance(state, dict):
        if state.keys() == {"tensor"}:
            return to_tensor(state["tensor"])
        return {name: _made(one) for name, one in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_made(one) for one in state)
    return state


def fingerprint(panel: Panel, layout: Layout) -> dict[str, Any]:
    """Return what tells a table from another: counts, and a hash of each column."""
    digest = hashlib.sha256
    tables = {"": (layout.cells, panel.values), "static ": (layout.statics, panel.statics)}
    hashes = {f"{kind}column {cell.name!r}": digest() for kind, (cells, _) in tables.items() for cell in cells}
    for kind, (cells, values) in tables.items():
        for at in range(0, len(values), HASHED_ROWS):
            block = np.asarray(values[at : at + HASHED_ROWS])
            for j, cell in enumerate(cells):
                hashes[f"{kind}column {cell.name!r}"].update(np.ascontiguousarray(block[:, j]).tobytes())
    return {
        "rows": len(panel.values),
        "sequences": len(panel),
        "lengths": digest(np.asarray(panel.lengths).tobytes()).hexdigest(),
        **{name: found.hexdigest() for name, found in hashes.items()},
    }


def _difference(name: str, before: Any, now: Any) -> str:
    if before is MISSING or now is MISSING:
        return f"{name} is {'new' if before is MISSING else 'gone'}"
    if isinstance(before, str) and len(before) == 64:
        return f"{name} differs"
    return f"{name} was {before!r}, and is {now!r}"


def remove(folder: str | os.PathLike[str]) -> None:
    """Remove the checkpoint of a fit that is finished; one under way stays."""
    with contextlib.suppress(ModelFileError):
        if bundle.read(folder, WHAT)[0].get("finished"):
            bundle.remove(folder, WHAT)
