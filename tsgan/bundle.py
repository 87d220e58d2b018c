"""A saved model: a directory with `model.json` and safetensors files. Nothing in it can run code.

`pack` takes what was learned apart into JSON-ready values and arrays, `unpack` puts it together. Classes take part by
`saved`: of dataclasses the fields are kept, of others the arguments that `packed` returns. What is no class of ours (a
dtype, a column) comes in by `foreign`. `unpack` makes only such classes, and looks whether fields are what their
annotations say: their types, what containers hold, and the ranges and shapes that `Held` declares.

::

    None, bool, int, float, str, list, dict of str     as they are
    tuple, set, other dicts, infinite floats           {"$tuple": [..]}, {"$set": [..]}, {"$map": [[key, value], ..]}
    array                                              {"$array": its path}
    a class                                            {"$is": name, field: value, ..}

`model.json` names each file of tensors with its SHA-256, and holds one of itself (a checkpoint is written alike, as
`checkpoint.json`). Tensor files are written first, named
by their content; then `model.json` is replaced in one step, and only then the tensor files that it named before go. A
crash at any moment leaves either the old model or the new one whole; of two that save at once one whole model remains,
and who reads meanwhile gets the old one or the new. The tensor format is safetensors (Hugging Face, 2022,
https://github.com/huggingface/safetensors).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import re
import shutil
import stat
import time
import types
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from . import unfinished
from .errors import CorruptModelError, ModelFileError, NewerFormatError, NotAModelError

FORMAT = 5  # 1 was of linear-Gaussian laws, 2 packed each class its own way, 3 knew no interrupts, 4 no counts
NAME = "model.json"
INDEX = "index.json"  # of a folder of models, one for each group of a table (`scale.groups`)
OURS = re.compile(rf".+-[0-9a-f]{{12}}\.safetensors|{unfinished.NAME.pattern}")  # what `write` makes
ROOM = 2**25  # bytes that must be free: more than networks of the usual sizes take
STALE = 3600.0  # seconds after which a whole file that no model names is of a process that was killed
LARGEST = 2**26  # bytes of `model.json`: what is read is some ten times as large
WAITS = (0.02, 0.1, 0.5)  # seconds after which a reader looks again for a file that another process just replaced

Arrays = dict[str, NDArray[Any]]
Class = TypeVar("Class", bound=type)
Foreign = tuple[Callable[[Any], bool], Callable[[Any], Any], Callable[[Any], Any]]

SAVED: dict[str, type] = {}
FOREIGN: dict[str, Foreign] = {}


@dataclasses.dataclass(frozen=True)
class Held:
    """What the numbers of a field are, in `Annotated`: all finite, within a range, in an order, of a shape.

    Attributes
    ----------
    low, high : float
    order : {"", "rising", "increasing"}
        Whether numbers do not decrease, or increase.
    shape : tuple of str
        Names of an array's sizes; a name stands for the same size in all fields of a class.
    least : int
        How many there are at least.
    """

    low: float = -math.inf
    high: float = math.inf
    order: Literal["", "rising", "increasing"] = ""
    shape: tuple[str, ...] = ()
    least: int = 0

    def wrong(self, value: Any, sizes: dict[str, int]) -> str:
        """Return what is wrong with a value, "" if nothing; `sizes` are those seen so far."""
        numbers = np.asarray(list(value.values()) if isinstance(value, Mapping) else value)
        if self.shape and len(self.shape) != numbers.ndim:
            return f"must have {len(self.shape)} axes, not {numbers.ndim}"
        for name, size in zip(self.shape, numbers.shape, strict=False):
            if sizes.setdefault(name, size) != size:
                return f"must have {sizes[name]} {name}, not {size}"
        if numbers.size < self.least:
            return f"must have {self.least} numbers at least, not {numbers.size}"
        if numbers.dtype.kind not in "biuf" or not np.isfinite(numbers).all():
            return "must be finite"
        if numbers.size and numbers.min() < self.low:
            return f"must be {self.low:g} at least, not {numbers.min():g}"
        if numbers.size and numbers.max() > self.high:
            return f"must be {self.high:g} at most, not {numbers.max():g}"
        steps = np.diff(numbers) if self.order else np.ones(0)
        wrong = (steps <= 0) if self.order == "increasing" else (steps < 0)
        return f"must be {self.order}" if wrong.any() else ""


PLACES = Held(-(10**4), 10**4)  # that numbers are rounded to: of many more, what is computed takes forever


def saved(cls: Class) -> Class:
    """Let instances of a class be packed: a dataclass by its fields, any other by the arguments `packed` returns."""
    assert SAVED.setdefault(cls.__name__, cls) is cls, f"two classes are called {cls.__name__}"
    return cls


def foreign(name: str, of: Callable[[Any], bool], pack: Callable[[Any], Any], unpack: Callable[[Any], Any]) -> None:
    """Let values of which `of` is true be packed as what `pack` makes of them, which `unpack` undoes."""
    FOREIGN[name] = of, pack, unpack


def pack(value: Any) -> tuple[Any, Arrays]:
    """Return JSON-ready values, and arrays by their path in them.

    Raises
    ------
    TypeError
        If something can neither be written as JSON nor is of a class that is `saved`.
    """
    arrays: Arrays = {}
    return _pack(value, "", arrays), arrays


def _pack(value: Any, path: str, arrays: Arrays) -> Any:
    def inner(part: Any, key: object) -> Any:
        return _pack(part, f"{path}.{key}" if path else str(key), arrays)

    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": str(value)}
    if isinstance(value, list):
        return [inner(part, i) for i, part in enumerate(value)]
    if isinstance(value, tuple):
        return {"$tuple": [inner(part, i) for i, part in enumerate(value)]}
    if isinstance(value, frozenset | set):
        return {"$set": [inner(part, i) for i, part in enumerate(sorted(value, key=repr))]}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: inner(part, key) for key, part in value.items()}
        return {"$map": [[inner(key, i), inner(part, i)] for i, (key, part) in enumerate(value.items())]}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        arrays[path] = value
        return {"$array": path}
    cls = type(value)
    if SAVED.get(cls.__name__) is cls:
        if hasattr(value, "packed"):
            places, names = value.packed()
            return {"$is": cls.__name__, "$with": inner([list(places), names], "with")}
        fields = [field.name for field in dataclasses.fields(value) if field.init]
        return {"$is": cls.__name__} | {name: inner(getattr(value, name), name) for name in fields}
    for name, (of, packed, _) in FOREIGN.items():
        if of(value):
            return {f"${name}": inner(packed(value), name)}
    raise TypeError(f"{path or 'this'} is a {cls.__name__}, which cannot be saved")


def unpack(data: Any, arrays: Mapping[str, NDArray[Any]], kind: Any = Any) -> Any:
    """Return what `pack` took apart; `kind` is what it should be, as an annotation says it.

    Raises
    ------
    ValueError
        If something is missing, of an unknown class, or a field is not what its class says; it names the field.
    """
    try:
        made = _unpack(data, arrays)
        if wrong := _unlike(made, kind):
            raise ValueError(f"it{wrong}")
        return made
    except ValueError:
        raise
    except Exception as error:  # a file may hold anything
        raise ValueError(_told(error)) from error


def _unpack(data: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if isinstance(data, list):
        return [_unpack(part, arrays) for part in data]
    if not isinstance(data, dict):
        return data
    tag = next((key for key in data if key.startswith("$")), None)
    if tag is None:
        return {key: _unpack(part, arrays) for key, part in data.items()}
    if tag == "$is":
        return _made(data, arrays)
    if tag == "$array":
        return np.array(arrays[data[tag]])
    if tag == "$float":
        return float(data[tag])
    inside = _unpack(data[tag], arrays)
    if tag == "$map":
        return {key: part for key, part in inside}
    plain = {"$tuple": tuple, "$set": frozenset}
    return plain[tag](inside) if tag in plain else FOREIGN[tag[1:]][2](inside)


def _made(data: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Any:
    cls = SAVED[data["$is"]]
    who = f"{cls.__name__}({data['name']!r})" if isinstance(data.get("name"), str) else cls.__name__
    fields: dict[str, Any] = {}
    for name, part in data.items():
        if name != "$is":
            try:
                fields[name] = _unpack(part, arrays)
            except Exception as error:
                raise ValueError(f"{who}.{name}: {_told(error)}") from error
    sizes: dict[str, int] = {}
    for name, hint in _hints(cls).items():
        if name in fields and (wrong := _misfit(fields[name], hint, sizes)):
            raise ValueError(f"{who}.{name}{wrong}")
    try:
        if "$with" in fields:
            places, names = fields["$with"]
            return cls(*places, **names)
        return cls(**fields)
    except Exception as error:
        raise ValueError(f"{who}: {_told(error)}") from error


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


def _misfit(value: Any, hint: Any, sizes: dict[str, int]) -> str:
    """Return what is wrong with the value of a field, "" if nothing."""
    if wrong := _unlike(value, hint):
        return wrong
    rules = getattr(hint, "__metadata__", ())
    found = (rule.wrong(value, sizes) for rule in rules if isinstance(rule, Held) and value is not None)
    return next((f" {wrong}" for wrong in found if wrong), "")


def _unlike(value: Any, hint: Any) -> str:
    """Return where a value, or what it holds, is not what an annotation says, and what is there; "" if nowhere."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _unlike(value, inner[0])
    if origin in (Union, types.UnionType):
        each = [_unlike(value, one) for one in inner]
        return "" if "" in each else max(each, key=lambda text: text.startswith("["))
    kind = type(None) if hint is None else origin or hint
    fits = True
    if origin is Literal:
        fits = any(value == one and type(value) is type(one) for one in inner)
    elif kind in (int, float):
        fits = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
    elif isinstance(kind, type) and kind is not Any:
        fits = isinstance(value, kind)
    if fits and kind is np.ndarray and inner:
        (dtype,) = get_args(inner[1])
        fits = dtype is Any or np.issubdtype(value.dtype, dtype)
    several: list[tuple[object, Any, Any]] = []
    if kind is tuple and inner and inner[-1] is not Ellipsis:
        fits = fits and len(value) == len(inner)
        several = list(zip(range(len(inner)), value, inner, strict=True)) if fits else []
    elif fits and isinstance(value, Mapping) and len(inner) == 2:
        several = [(key, part, inner[1]) for key, part in value.items()]
        fits = not any(_unlike(key, inner[0]) for key in value)
    elif fits and inner and isinstance(value, Sequence | Set) and not isinstance(value, str):
        several = [(i, part, inner[0]) for i, part in enumerate(value)]
    if not fits:
        return f" cannot be {_short(value)}"
    return next((f"[{key!r}]{wrong}" for key, part, one in several if (wrong := _unlike(part, one))), "")


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def check(path: str | os.PathLike[str], what: str = "model") -> Path:
    """Check that a model, or `what` it is, can be saved at a path, before it is learned.

    Raises
    ------
    ModelFileError
        If the path is a file, or a directory that holds other things; or if it cannot be written, or the disk is full.
    """
    home = Path(path)
    try:
        home.exists()
    except OSError as error:  # a name that is too long
        raise ModelFileError(f"the {what} could not be written to {home}: {error}") from error
    if home.exists() and not home.is_dir():
        raise ModelFileError(f"{home} is a file; a {what} is saved as a directory: choose another path")
    if (home / INDEX).is_file():
        raise ModelFileError(f"{home} holds one model for each group of a table; choose a new or an empty directory")
    try:
        if (
            home.is_dir()
            and not (home / f"{what}.json").is_file()
            and not all(OURS.fullmatch(at.name) for at in home.iterdir())
        ):
            raise ModelFileError(f"{home} exists and holds no {what}; choose a new or an empty directory")
        there = next(place for place in (home, *home.absolute().parents) if place.exists())
        if not there.is_dir() or not os.access(there, os.W_OK):
            raise ModelFileError(f"the {what} could not be written to {home}: {there} is no folder to write to")
        if (free := shutil.disk_usage(there).free) < ROOM:
            raise ModelFileError(
                f"the {what} could not be written to {home}: {free / 2**20:.0f} MiB are free, and it may need "
                f"{ROOM / 2**20:.0f}"
            )
    except PermissionError as error:
        raise ModelFileError(f"the {what} could not be written to {home}: {error}") from error
    return home


def write(
    path: str | os.PathLike[str],
    document: Mapping[str, Any],
    parts: Mapping[str, Arrays],
    version: str,
    what: str = "model",
) -> None:
    """Save a model, or `what` it is.

    Parameters
    ----------
    path : path-like
        A directory: new, empty, or one that holds a model, which is then replaced.
    document : mapping
        JSON-ready values.
    parts : mapping of str to dict of arrays
        Each becomes one file of tensors.
    version : str
        Of tsgan.

    Raises
    ------
    ModelFileError
        If the path is a file, or a directory that holds other things; or if it cannot be written.
    """
    from safetensors.numpy import save

    home, name = check(path, what), f"{what}.json"
    tensors: dict[str, bytes] = {}
    files = {}
    for part, arrays in parts.items():
        data = save({key: np.ascontiguousarray(array) for key, array in arrays.items()})
        digest = hashlib.sha256(data).hexdigest()
        files[part] = {"file": f"{part}-{digest[:12]}.safetensors", "sha256": digest}
        tensors[files[part]["file"]] = data
    whole = {"format": FORMAT, "tsgan": version, "files": files, **document}
    text = json.dumps({**whole, "sha256": _digest(whole)}, indent=1, allow_nan=False).encode()
    if len(text) > LARGEST:
        raise ModelFileError(
            f"the {what} could not be written to {home}: {name} would have {len(text) / 2**20:.0f} MiB, more than the "
            f"{LARGEST / 2**20:.0f} that are read; leave out text columns of very many levels (exclude=[...])"
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
        before = _named(home / name)
        for file, data in tensors.items():
            _replace(home / file, data)
        _replace(home / name, text)
        for file, data in tensors.items():
            if not (home / file).exists():  # another process took it for its own old one
                _replace(home / file, data)
        _sweep(home / name, before - tensors.keys())
    except OSError as error:
        raise ModelFileError(f"the {what} could not be written to {home}: {error}") from error


def _digest(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a document but for its own, whatever the order of keys and the white space."""
    rest = {key: value for key, value in document.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _named(document: Path) -> set[str]:
    """Return the files that a document names."""
    try:
        return {str(entry["file"]) for entry in json.loads(document.read_text())["files"].values()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return set()


def remove(path: str | os.PathLike[str], what: str) -> None:
    """Remove a saved model, or `what` it is: all that `write` made, and the folder if nothing else is in it."""
    home = Path(path)
    (home / f"{what}.json").unlink(missing_ok=True)
    for file in home.iterdir():
        if OURS.fullmatch(file.name):
            file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # something else is in it
        home.rmdir()


def _sweep(document: Path, replaced: Collection[str]) -> None:
    """Remove the files that a replaced document named, and those that killed processes left."""
    home = document.parent
    unfinished.sweep(home)
    for old in home.iterdir():
        if old.suffix != ".safetensors" or not OURS.fullmatch(old.name) or old.name in _named(document):
            continue
        with contextlib.suppress(FileNotFoundError):  # another process swept it
            if old.name in replaced or old.stat().st_mtime < time.time() - STALE:
                aside = _beside(old)
                old.replace(aside)
                if old.name in _named(document):  # another process has just saved that very model
                    aside.replace(old)
                aside.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return unfinished.beside(path.with_name(f"{path.name}.{uuid.uuid4().hex}"))


def _replace(path: Path, data: bytes) -> None:
    """Write beside and rename, so that `path` is never half there."""
    beside = _beside(path)
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read(
    path: str | os.PathLike[str], what: str = "model", *, check: bool = True
) -> tuple[dict[str, Any], dict[str, Arrays]]:
    """Load what `write` saved: the document and the parts.

    Parameters
    ----------
    path : path-like
    what : str
        "model", or what was written.
    check : bool
        Whether the document must be as it was saved.

    Raises
    ------
    NotAModelError
        If the path is no directory with a model.
    NewerFormatError
        If it was saved by a newer tsgan than this one can read.
    ModelFileError
        If it was saved by an older tsgan, of another model.
    CorruptModelError
        If `model.json` or a file of tensors is damaged, changed or missing.
    """
    for wait in (*WAITS, None):
        try:
            return _read(Path(path), check, what)
        except CorruptModelError as error:  # another process may be saving a model here
            if wait is None or not isinstance(error.__cause__, FileNotFoundError):
                raise
            time.sleep(wait)
    raise AssertionError


def _read(home: Path, check: bool, what: str) -> tuple[dict[str, Any], dict[str, Arrays]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    name = f"{what}.json"
    if not (home / name).is_file():
        if (home / INDEX).is_file():
            raise NotAModelError(
                f"{home} holds one model for each group of a table; load all with tsgan.Models.load, or pass the "
                "folder of one of them"
            )
        wrong = "does not exist" if not home.exists() else f"has no {name}"
        if (home / name).exists():
            wrong = f"has a {name} that is no plain file"
        raise NotAModelError(f"{home} is no saved {what}: it {wrong}; pass the directory that save() was given")
    try:
        if (size := (home / name).stat().st_size) > LARGEST:
            raise ValueError(f"it has {size / 2**20:.0f} MiB, more than {LARGEST / 2**20:.0f}")
        document = json.loads((home / name).read_text(encoding="utf-8"))
        found = int(document["format"])
        if found > FORMAT:
            raise NewerFormatError(
                f"{home} has format {found}, saved by tsgan {document.get('tsgan')}; this tsgan reads up to format "
                f"{FORMAT}: upgrade tsgan"
            )
        if found < FORMAT:
            raise ModelFileError(
                f"{home} has format {found}, saved by tsgan {document.get('tsgan')}; this tsgan has another model and "
                "cannot read it: fit it again"
            )
        files = {part: (str(entry["file"]), entry["sha256"]) for part, entry in document["files"].items()}
        changed = check and _digest(document) != document.get("sha256")
    except ModelFileError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise CorruptModelError(f"{home / name} cannot be read ({error!r}); save the {what} again") from error
    if changed:
        raise CorruptModelError(
            f"{home / name} is not as it was saved (its checksum differs); save the {what} again, or, if you changed "
            "it on purpose, load it with check=False"
        )
    parts = {}
    for part, (file, digest) in files.items():
        place = home / Path(file).name
        try:
            if not stat.S_ISREG(place.stat().st_mode):
                raise OSError(f"{place.name} is no plain file")
            data = place.read_bytes()
        except (OSError, ValueError) as error:
            raise CorruptModelError(f"{home}: the file {file} is missing or unreadable ({error})") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise CorruptModelError(f"{home}: the file {file} is damaged (its checksum differs); save the {what} again")
        try:
            parts[part] = load(data)
        except (SafetensorError, LookupError, TypeError, ValueError, ImportError) as error:  # types that numpy lacks
            raise CorruptModelError(f"{home}: the file {file} is no safetensors file ({error})") from error
    return document, parts
