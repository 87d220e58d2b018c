"""Devices and seeds: the only place that knows where torch runs and how its randomness is kept apart."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from ..errors import ParameterError


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


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread: quicker for small recurrent networks, and the same bits on any number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
