"""Devices, cores and seeds: the only place that knows where torch runs and how its randomness is kept apart.

A batch is halved, whatever the machine, and each half has noise of its own: so that the halves may be computed side by
side on two cores, or one after the other on one, with the same bits.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch

from ..errors import ParameterError

MIN_HALF = 8  # sequences below which a half is not worth a thread

Found = TypeVar("Found")
Half = tuple[slice, torch.Generator]  # which sequences, and the noise of their own


def pick_device(device: str) -> torch.device:
    """Return the device named; "auto" takes CUDA or Apple's MPS if there is one, else the CPU.

    Raises
    ------
    ParameterError
        If the device does not exist here.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        raise ParameterError(
            f"device={device!r} cannot be used on this machine; choose 'cpu', 'auto', or an accelerator that torch "
            f"finds here ({str(error).splitlines()[0]})"
        ) from error
    return torch.device(device)


def streams(
    random_state: int | np.random.Generator | np.random.RandomState | None, *keys: int
) -> np.random.SeedSequence:
    """Return the root of the random streams for a `random_state`, the same bits for the same int."""
    if isinstance(random_state, np.random.Generator):
        entropy = int(random_state.integers(2**63))
    elif isinstance(random_state, np.random.RandomState):
        entropy = int(random_state.randint(2**31 - 1))
    elif random_state is None:
        return np.random.SeedSequence(spawn_key=keys)
    elif isinstance(random_state, int | np.integer) and random_state >= 0:
        entropy = int(random_state)
    else:
        raise ParameterError(
            f"random_state={random_state!r} cannot seed anything; pass a non-negative int, a numpy Generator or None"
        )
    return np.random.SeedSequence(entropy, spawn_key=keys)


@contextmanager
def isolated(seed: np.random.SeedSequence) -> Iterator[None]:
    """Give torch's own initialisers this seed, and its global generator back as it was; a layer may be empty."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")
        torch.set_rng_state(seeded(np.random.default_rng(seed)).get_state())
        yield


def seeded(rng: np.random.Generator) -> torch.Generator:
    """Return a generator of torch's own, seeded from a numpy one (on the CPU)."""
    generator = torch.Generator()
    generator.manual_seed(int(rng.integers(2**62)))
    return generator


class _Own(threading.local):
    """The second core of the thread that asked for it."""

    pool: ThreadPoolExecutor | None = None
    inside = False


_OWN = _Own()


@contextmanager
def cores(most: int = 2) -> Iterator[None]:
    """Let `side_by_side` use two cores if torch may, one thread in each: quicker for small networks than two in one.

    The bits are those of one core. With `most` 1 one is used: by a worker of many.
    """
    if _OWN.inside:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    _OWN.inside, _OWN.pool = True, ThreadPoolExecutor(1) if min(before, most) > 1 else None
    try:
        yield
    finally:
        if _OWN.pool is not None:
            _OWN.pool.shutdown()
        _OWN.inside, _OWN.pool = False, None
        torch.set_num_threads(before)


def halves(count: int, noise: torch.Generator, least: int = MIN_HALF) -> list[Half]:
    """Return the halves of so many sequences, with noise of their own; one where a half would be less than `least`."""
    middle = (count + 1) // 2
    ends = (0, middle, count) if count >= 2 * least else (0, count)
    seeds = torch.randint(2**62, (len(ends) - 1,), generator=noise).tolist()
    parts = zip(ends[:-1], ends[1:], seeds, strict=True)
    return [(slice(begin, end), torch.Generator().manual_seed(seed)) for begin, end, seed in parts]


def side_by_side(work: Callable[[slice, torch.Generator], Found], parts: list[Half]) -> list[Found]:
    """Return what comes of each part; within `cores` of two at once."""
    if _OWN.pool is None or len(parts) == 1:
        return [work(*part) for part in parts]
    others = [_OWN.pool.submit(_again, torch.is_grad_enabled(), work, part) for part in parts[1:]]
    try:
        first = work(*parts[0])
    finally:  # also if interrupted: what works on would read weights that are being put back
        wait(others)
    return [first, *(other.result() for other in others)]


def _again(grad: bool, work: Callable[[slice, torch.Generator], Found], part: Half) -> Found:
    """Work in another thread, where torch knows nothing of what the first one asked for."""
    with torch.set_grad_enabled(grad):
        return work(*part)
