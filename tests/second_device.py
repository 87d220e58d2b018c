"""A second device for a build of torch that knows the CPU alone: what forgets to move a tensor fails on it.

Within `standing_in()` there is a device "lazy" (a name of torch's own that no backend of the wheel uses). Its tensors
are `Away`: wrappers that say they are elsewhere, and hold a CPU tensor in which each value is really computed. What a
GPU refuses is refused: tensors of two devices in one operation (but for a number without an axis among pointwise ones),
`.numpy()`, a CPU generator for a draw on the device, double backward through a fused recurrent layer, and backward
through one that is in `eval` mode. Drawing on it is refused altogether: its stream would not be that of the CPU.

`Device.copies` counts what came from the CPU as a copy, and `Device.waits` how often the CPU asked for a value and so
would have waited for all that was queued.

Why it works: a tensor of a wrapper subclass comes to `__torch_dispatch__` below autograd, so that gradients are torch's
own; factory functions with a device have no tensor, and come to a mode. `torch.tensor` and an index of Python numbers
copy where no mode sees it, and are caught one floor higher, as functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

KIND = "lazy"
aten = torch.ops.aten
MADE_OF_NUMBERS = {torch.tensor, torch.as_tensor, torch.asarray}
RECURRENT = {torch.lstm, torch.gru, torch.rnn_tanh}
MOVES = {aten._to_copy.default, aten.copy_.default}
WAITS = {aten._local_scalar_dense.default, aten.nonzero.default, aten.equal.default}  # whose result the CPU needs
WAITS |= {aten.masked_select.default, aten.bincount.default}
CPU_INDEX = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default, aten._index_put_impl_.default}


class Away(torch.Tensor):
    """A tensor on the second device; `held` is where its values are."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> Away:
        kind = {"dtype": held.dtype, "device": torch.device(KIND), "strides": held.stride()}
        made = torch.Tensor._make_wrapper_subclass(cls, held.size(), storage_offset=held.storage_offset(), **kind)
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{func} of a tensor that is away, outside of standing_in()")


class Device(TorchDispatchMode):
    """Computes what is asked of the second device, and counts what a real one would be slow at."""

    def __init__(self) -> None:
        super().__init__()
        self.copies = self.waits = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        parts = [*_tensors(args), *_tensors(kwargs.values())]
        away = [isinstance(one, Away) for one in parts]
        target = kwargs.get("device")
        if not any(away) and not _is_second(target):
            return func(*args, **kwargs)
        self._refuse(func, parts, kwargs)
        self.waits += func in WAITS or (func in CPU_INDEX and any(one.dtype == torch.bool for one in parts))
        home = target is not None and not _is_second(target)  # the result is to be on the CPU
        if func in MOVES:
            to_cpu = home if func is aten._to_copy.default else not away[0]
            crosses = home if func is aten._to_copy.default and away[0] else not all(away)
            self.copies += crosses and not to_cpu
            self.waits += crosses and to_cpu
        if target is not None:
            kwargs["device"] = torch.device("cpu")
        out = func(*_inside(args), **{name: _inside(one) for name, one in kwargs.items()})
        if home or func is aten._local_scalar_dense.default:
            return out
        if torch.Tag.inplace_view in func.tags:  # shape and strides are the wrapper's, too
            return return_and_correct_aliasing(func, args, kwargs, _outside(out))
        return args[0] if func._schema.is_mutable else _outside(out)

    @staticmethod
    def _refuse(func: Any, parts: list[torch.Tensor], kwargs: Any) -> None:
        """Raise what a GPU would."""
        if kwargs.get("generator") is not None or torch.Tag.nondeterministic_seeded in func.tags:
            raise RuntimeError(f"{func}: Expected a '{KIND}' device type for generator but found 'cpu'")
        if func in MOVES:
            return
        for one in parts:
            lone = one.ndim == 0 and (torch.Tag.pointwise in func.tags or func in CPU_INDEX)
            if not isinstance(one, Away) and not lone:
                raise RuntimeError(
                    f"{func}: Expected all tensors to be on the same device, but found at least two devices, {KIND} "
                    f"and cpu! ({tuple(one.shape)} {one.dtype})"
                )


class _Functions(TorchFunctionMode):
    """What has to be seen before torch takes it apart."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in MADE_OF_NUMBERS and _is_second(kwargs.get("device")):
            if isinstance(args[0], Away):
                return args[0] if func is not torch.tensor else args[0].detach().clone()
            return func(*args, **{**kwargs, "device": "cpu"}).to(KIND)
        if func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__) and isinstance(args[0], Away):
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            args = args[0], tuple(_as_index(one) for one in index), *args[2:]
        if func is torch.Tensor.tolist and isinstance(args[0], Away):
            return args[0].cpu().tolist()
        if func in RECURRENT and isinstance(args[0], Away) and torch.backends.cudnn.enabled:
            train = args[6]
            out = func(*args, **kwargs)
            return tuple(_Fused.apply(one, bool(train)) for one in out)
        return func(*args, **kwargs)


class _Fused(torch.autograd.Function):
    """As it is; its gradient is that of cuDNN's recurrent layers: in training alone, and once."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, train: bool) -> torch.Tensor:
        ctx.train = train
        return x.view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[torch.Tensor, None]:
        if not ctx.train:
            raise RuntimeError("cudnn RNN backward can only be called in training mode")
        return slope, None


def _is_second(device: Any) -> bool:
    return device is not None and torch.device(device).type == KIND


def _tensors(several: Iterable[Any]) -> Iterator[torch.Tensor]:
    for one in several:
        if isinstance(one, torch.Tensor):
            yield one
        elif isinstance(one, list | tuple):
            yield from _tensors(one)


def _inside(one: Any) -> Any:
    """Return what is held by tensors that are away, by those in lists too."""
    if isinstance(one, list | tuple):
        return type(one)(_inside(part) for part in one)
    return one.held if isinstance(one, Away) else one


def _outside(one: Any) -> Any:
    """Return tensors as such that are away."""
    if isinstance(one, list | tuple):
        return type(one)(_outside(part) for part in one)
    return Away(one) if isinstance(one, torch.Tensor) else one


def _as_index(one: Any) -> Any:
    if not isinstance(one, list | np.ndarray):
        return one
    return torch.as_tensor(one, dtype=None if len(one) else torch.int64).to(KIND)


@contextmanager
def standing_in() -> Iterator[Device]:
    """Have a second device, "lazy", for a while."""
    device = Device()
    with _Functions(), device:
        yield device
