"""Devices, cores and seeds: the only place that knows where torch runs and how its randomness is kept apart.

A batch is halved, whatever the machine, and each half has noise of its own: so that the halves may be computed side by
side on two cores, or one after the other on one, with the same bits. On an accelerator they are computed at once, with
the noise of both.

All that is random is drawn on the CPU and then moved, and networks begin with weights drawn there. So an accelerator
learns and draws what the CPU does, but for rounding: sums are taken in another order, and where a draw lies within
rounding of the border between two outcomes it falls on the other side.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ParameterError

MIN_HALF = 8  # sequences below which a half is not worth a thread
CPU = torch.device("cpu")
REFUSED = {  # kinds of devices that torch may know, and why they do not do
    "mps": "Apple's MPS has no numbers of 64 bits, in which the closed form and the values are",
    "meta": "it computes nothing",
}

Found = TypeVar("Found")


@dataclass(frozen=True)
class Joined:
    """The noise of parts of a batch that are computed at once: each part has its own, as if it were alone."""

    generators: tuple[torch.Generator, ...]
    ends: tuple[int, ...]  # by part: the row of the batch before which it ends


Noise = torch.Generator | Joined
Half = tuple[slice, torch.Generator]  # which sequences, and the noise of their own


def pick_device(device: str) -> torch.device:
    """Return the device named; "auto" takes CUDA if there is one, else the CPU.

    Raises
    ------
    ParameterError
        If the device does not exist here, or cannot compute all that is needed.
    """
    if not isinstance(device, str):
        raise ParameterError(f"device={device!r} is no name of one; choose 'cpu', 'cuda' or 'auto'")
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if (why := REFUSED.get(str(device).split(":")[0])) is not None:
        raise ParameterError(f"device={device!r} cannot be used: {why}; choose 'cpu', 'cuda' or 'auto'")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        raise ParameterError(
            f"device={device!r} cannot be used on this machine; choose 'cpu', 'auto', or an accelerator that torch "
            f"finds here ({str(error).splitlines()[0]})"
        ) from error
    return torch.device(device)


@contextmanager
def on(device: torch.device) -> Iterator[None]:
    """Let tensors be made on a device, and computed there; where that is so already nothing is done.

    Recurrent layers compute with all bits of a float32 there too: cuDNN's TF32 would round to ten.
    """
    before, device = _OWN.device, CPU if device.type == "cpu" else device
    if device == before:
        yield
        return
    cudnn, _OWN.device = torch.backends.cudnn, device
    try:
        with (
            device,
            cudnn.flags(
                enabled=cudnn.enabled, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False
            ),
        ):
            yield
    finally:
        _OWN.device = before


def in_use() -> torch.device:
    """Return the device that is computed on."""
    return _OWN.device


def to_tensor(array: NDArray[Any]) -> Tensor:
    """Return an array as a tensor on the device in use; on the CPU they share their memory."""
    return moved(torch.from_numpy(array))


def to_array(tensor: Tensor) -> NDArray[Any]:
    """Return a tensor as an array; of the CPU they share their memory."""
    found: NDArray[Any] = tensor.cpu().numpy()
    return found


def moved(tensor: Tensor) -> Tensor:
    """Return a tensor of the CPU on the device in use; what that device has to do before is not waited for."""
    return tensor if _OWN.device is CPU else tensor.to(_OWN.device, non_blocking=True)


def places(numbers: Iterable[int]) -> Tensor:
    """Return places as an index on the device in use, never to be changed.

    It is kept: an index of Python numbers would be moved each time, and the CPU would wait for that.
    """
    return _places(tuple(numbers), _OWN.device)


@lru_cache(maxsize=4096)
def _places(numbers: tuple[int, ...], device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # what is kept must do for training too
        return torch.tensor(numbers, dtype=torch.int64, device=device)


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
    """Give torch's own initialisers this seed, and its global generator back as it was; a layer may be empty.

    They draw on the CPU, whatever the device in use: what they made is to be moved.
    """
    with on(CPU), torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")
        torch.set_rng_state(seeded(np.random.default_rng(seed)).get_state())
        yield


def seeded(rng: np.random.Generator) -> torch.Generator:
    """Return a generator of torch's own, seeded from a numpy one."""
    return generator_of(int(rng.integers(2**62)))


def generator_of(seed: int) -> torch.Generator:
    """Return a generator of torch's own, on the CPU."""
    return torch.Generator("cpu").manual_seed(seed)


def uniform(shape: Sequence[int], noise: Noise, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return numbers drawn from 0 to 1, on the device in use; the first axis is that of sequences."""
    return _drawn(lambda size, own: torch.rand(size, generator=own, dtype=dtype, device=CPU), shape, noise)


def normal(shape: Sequence[int], noise: Noise, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return standard normal numbers, as `uniform` does."""
    return _drawn(lambda size, own: torch.randn(size, generator=own, dtype=dtype, device=CPU), shape, noise)


def some_bytes(shape: Sequence[int], noise: Noise) -> Tensor:
    """Return bytes, each of the 256 as likely, as `uniform` does: eight at the price of one number."""

    def draw(size: Sequence[int], own: torch.Generator) -> Tensor:
        count = math.prod(size)
        bits = torch.empty(-(-count // 8), dtype=torch.int64, device=CPU).random_(-(2**63), None, generator=own)
        return bits.view(torch.uint8)[:count].view(size)

    return _drawn(draw, shape, noise)


def _drawn(draw: Callable[[Sequence[int], torch.Generator], Tensor], shape: Sequence[int], noise: Noise) -> Tensor:
    """Return what is drawn, part by part where there are several."""
    if isinstance(noise, torch.Generator):
        return moved(draw(shape, noise))
    begins = (0, *noise.ends[:-1])
    parts = zip(begins, noise.ends, noise.generators, strict=True)
    return moved(torch.cat([draw((end - begin, *shape[1:]), own) for begin, end, own in parts]))


def among(noise: Noise, rows: Tensor) -> Noise:
    """Return the noise of some rows, in their order and of the same parts; `rows` int64 are sorted."""
    if isinstance(noise, torch.Generator):
        return noise
    ends = torch.searchsorted(rows, moved(torch.tensor(noise.ends, device=CPU)))
    return Joined(noise.generators, tuple(ends.tolist()))


class _Own(threading.local):
    """What is a thread's own: the device in use, and the second core if it asked for one."""

    device = CPU
    pool: ThreadPoolExecutor | None = None
    inside = False


_OWN = _Own()


@contextmanager
def cores(most: int = 2) -> Iterator[None]:
    """Let `side_by_side` use two cores if torch may, one thread in each: quicker for small networks than two in one.

    The bits are those of one core. With `most` 1 one is used: by a worker of many. An accelerator needs none.
    """
    if _OWN.inside or _OWN.device is not CPU:
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
    seeds = torch.randint(2**62, (len(ends) - 1,), generator=noise, device=CPU).tolist()
    parts = zip(ends[:-1], ends[1:], seeds, strict=True)
    return [(slice(begin, end), generator_of(seed)) for begin, end, seed in parts]


def side_by_side(work: Callable[[slice, Noise], Found], parts: list[Half]) -> list[Found]:
    """Return what comes of each part; within `cores` of two at once, and of all of them on an accelerator."""
    if _OWN.device is not CPU and len(parts) > 1:
        noise = Joined(tuple(own for _, own in parts), tuple(some.stop for some, _ in parts))
        return [work(slice(parts[0][0].start, parts[-1][0].stop), noise)]
    if _OWN.pool is None or len(parts) == 1:
        return [work(*part) for part in parts]
    others = [_OWN.pool.submit(_again, torch.is_grad_enabled(), work, part) for part in parts[1:]]
    try:
        first = work(*parts[0])
    finally:  # also if interrupted: what works on would read weights that are being put back
        wait(others)
    return [first, *(other.result() for other in others)]


def _again(grad: bool, work: Callable[[slice, Noise], Found], part: Half) -> Found:
    """Work in another thread, where torch knows nothing of what the first one asked for."""
    with torch.set_grad_enabled(grad):
        return work(*part)
