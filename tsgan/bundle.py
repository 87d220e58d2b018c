"""A saved model: a directory with `model.json` and safetensors files. Nothing in it can run code.

`model.json` names each file of tensors with its SHA-256. Tensor files are written first, under names of their own; then
`model.json` is replaced in one step, and only then the old tensor files go. A crash at any moment leaves either the old
model or the new one whole. The tensor format is safetensors (Hugging Face, 2022,
https://github.com/huggingface/safetensors).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import CorruptModelError, ModelFileError, NewerFormatError, NotAModelError

FORMAT = 2  # 1 was that of the linear-Gaussian laws
NAME = "model.json"
OURS = re.compile(r"\.?.+-[0-9a-f]{12}\.safetensors(\.\d+\.tmp)?|\.model\.json\.\d+\.tmp")  # what `write` makes

Arrays = dict[str, NDArray[Any]]


def write(path: str | os.PathLike[str], document: Mapping[str, Any], parts: Mapping[str, Arrays], version: str) -> None:
    """Save a model.

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

    home = Path(path)
    if home.is_file():
        raise ModelFileError(f"{home} is a file; a model is saved as a directory: choose another path")
    if home.is_dir() and not (home / NAME).is_file() and not all(OURS.fullmatch(path.name) for path in home.iterdir()):
        raise ModelFileError(f"{home} exists and holds no model; choose a new or an empty directory")
    try:
        home.mkdir(parents=True, exist_ok=True)
        files = {}
        for name, arrays in parts.items():
            data = save({key: np.ascontiguousarray(array) for key, array in arrays.items()})
            digest = hashlib.sha256(data).hexdigest()
            files[name] = {"file": f"{name}-{digest[:12]}.safetensors", "sha256": digest}
            _replace(home / files[name]["file"], data)
        text = json.dumps({"format": FORMAT, "tsgan": version, "files": files, **document}, indent=1, allow_nan=False)
        _replace(home / NAME, text.encode())
        kept = {entry["file"] for entry in files.values()}
        for old in home.iterdir():
            if OURS.fullmatch(old.name) and old.name not in kept:
                old.unlink()
    except OSError as error:
        raise ModelFileError(f"the model could not be written to {home}: {error}") from error


def _replace(path: Path, data: bytes) -> None:
    """Write beside and rename, so that `path` is never half there."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Arrays]]:
    """Load what `write` saved: the document and the parts.

    Raises
    ------
    NotAModelError
        If the path is no directory with a model.
    NewerFormatError
        If it was saved by a newer tsgan than this one can read.
    ModelFileError
        If it was saved by an older tsgan, of another model.
    CorruptModelError
        If `model.json` or a file of tensors is damaged or missing.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    home = Path(path)
    if not (home / NAME).is_file():
        what = "does not exist" if not home.exists() else f"has no {NAME}"
        raise NotAModelError(f"{home} is no saved model: it {what}; pass the directory that save() was given")
    try:
        document = json.loads((home / NAME).read_text(encoding="utf-8"))
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
        files = {name: (str(entry["file"]), entry["sha256"]) for name, entry in document["files"].items()}
    except ModelFileError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptModelError(f"{home / NAME} cannot be read ({error!r}); save the model again") from error
    parts = {}
    for name, (file, digest) in files.items():
        place = home / Path(file).name
        try:
            data = place.read_bytes()
        except OSError as error:
            raise CorruptModelError(f"{home}: the file {file} is missing or unreadable ({error})") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise CorruptModelError(f"{home}: the file {file} is damaged (its checksum differs); save the model again")
        try:
            parts[name] = load(data)
        except SafetensorError as error:
            raise CorruptModelError(f"{home}: the file {file} is no safetensors file ({error})") from error
    return document, parts
