"""What commands are given, in words, and what they write: conditions, rules, sizes of pieces."""

from __future__ import annotations

import argparse
import inspect
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import ParameterError, nearest_name

NO_JSON = ("constraints", "metadata", "verbose", "callbacks")  # arguments that no file of JSON can give: flags do
PIECE = 100_000  # rows that are drawn and written at once
WIDE = 4_000_000  # values, at most
PACKED = 0.2  # of the size as text: what csv.gz and parquet take at the least, but for tables of few different values


def check_file(path: str | None) -> None:
    """Check that a file can be written, before the work that it is to hold; None and - are none.

    Raises
    ------
    OSError
        If its folder does not exist or cannot be written to, or a folder is in its place.
    """
    if path in (None, "-"):
        return
    target = Path(str(path))
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder; name a file")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target}: the folder {target.parent} does not exist; make it first")
    if not os.access(target if target.exists() else target.parent, os.W_OK):
        raise PermissionError(f"{target} cannot be written to; choose another place")


def check_picture(flag: str, path: str | None) -> None:
    """Check that a picture can be drawn and written, before what it is to show; None is none.

    Raises
    ------
    ParameterError, ImportError, OSError
        If its name has another ending, matplotlib is not installed, or its folder cannot be written to.
    """
    if path is not None:
        from ..evaluation.report.training import check_picture

        check_file(path)
        check_picture(flag, path)


def params_of(path: str) -> dict[str, Any]:
    """Return arguments of RecurrentGAN from a JSON file.

    Raises
    ------
    FileNotFoundError
        If it does not exist.
    ParameterError
        If it is no JSON object, names something twice, or something that is no argument.
    """
    from ..estimator.recurrent_gan import RecurrentGAN

    allowed = [name for name in inspect.signature(RecurrentGAN).parameters if name not in NO_JSON]

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise ParameterError(f"--params {path} names {twice[0]!r} twice; an argument has one value")
        return dict(pairs)

    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=once)
    except FileNotFoundError:
        raise FileNotFoundError(f"--params {path}: no such file; tsgan tune -o {path} writes one") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(
            f"--params {path} is not JSON ({error}); tsgan tune -o {path} writes such a file"
        ) from None
    if not isinstance(found, dict):
        raise ParameterError(f'--params {path} holds no JSON object; write arguments by name, like {{"hidden": 96}}')
    for name in found:
        if name not in allowed:
            near = nearest_name(name, allowed)
            raise ParameterError(f"--params {path}: {name!r} is no argument of RecurrentGAN that a file can give{near}")
    return found


def sequences_of(model: Any, n: int, length: int | None, rows: int | None, path: str) -> int:
    """Return how many sequences make a piece: as many as have about `rows` rows; check that a disk has room for all.

    Raises
    ------
    OSError
        If the disk of `path` (- is none) has less room than `n` sequences such as a few that are drawn will take.
    """
    from ..tables.flat import as_frame

    some = max(1, min(n, 8))
    piece, form = model.sample(some, length and min(length, 8), random_state=0), getattr(model, "format_", None)
    few = as_frame(piece, 0, single=False, format=form)[0]
    steps = length or max(len(few) // some, 1)
    if path != "-":
        packed = 1.0 if path.lower().endswith(".csv") else PACKED
        need = packed * n * steps * len(few.to_csv()) / max(len(few), 1)
        free = shutil.disk_usage(Path(path).parent).free
        if need > free:
            raise OSError(
                f"{path}: {n} sequences of about {steps} rows need about {need / 2**20:,.0f} MiB, and "
                f"{free / 2**20:,.0f} are free; draw fewer, or write to another disk"
            )
    if rows is None:
        rows = min(PIECE, WIDE // max(len(few.columns), 1))
    return max(1, rows // steps)


def where_of(conditions: Sequence[tuple[str, str]], schema: Any) -> dict[str, Any]:
    """Return conditions as values of the kind that their columns hold; unknown columns are left to `sample`.

    Raises
    ------
    ParameterError
        If a column is named twice, or its value is no number where it holds numbers.
    """
    found: dict[str, Any] = {}
    kinds = {str(column.name): (column.name, _kind(column)) for column in schema}
    for text, value in conditions:
        name, kind = kinds.get(text, (text, ""))
        if name in found:
            raise ParameterError(f"--where names the column {text!r} twice; a column has one value")
        found[name] = _value(text, value, kind)
    return found


def groups_of(models: Any, conditions: Sequence[tuple[str, str]]) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
    """Return the conditions that choose groups of models, their values as the groups have them, and the others."""
    chosen: dict[Any, Any] = {}
    rest, names = [], {str(name): name for name in models.by}
    for text, value in conditions:
        if text in names:
            known = {str(one): one for one in models.groups[names[text]]}
            chosen.setdefault(names[text], []).append(known.get(value, value))
        else:
            rest.append((text, value))
    return chosen, rest


def _kind(column: Any) -> str:
    """Return the kind of a column's values, of a constant by its dtype."""
    if column.kind != "constant":
        return str(column.kind)
    dtype = str(column.dtype).lower()
    starts = {"bool": "boolean", "int": "integer", "uint": "integer", "float": "float", "double": "float"}
    return next((kind for start, kind in starts.items() if dtype.startswith(start)), "")


def _value(column: str, text: str, kind: str) -> Any:
    try:
        if kind in ("integer", "float"):
            return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
        if kind == "boolean":
            return {"true": True, "false": False}[text.lower()]
    except (ValueError, KeyError):
        allowed = "true or false" if kind == "boolean" else "a number"
        raise ParameterError(f"--where {column}={text}: the column holds {kind} values; give {allowed}") from None
    return text


def rules_of(texts: Sequence[str]) -> Any:
    """Return constraints written as text, or "suggest" by itself."""
    from ..constraints.text import read_rule

    return "suggest" if list(texts) == ["suggest"] else [read_rule(text) for text in texts]


def calendar_of(asked: Any) -> Any:
    """Return what `--calendar` says: auto, none (or false), or a list of parts."""
    words = [asked] if isinstance(asked, str | bool | None) else list(asked)
    if len(words) == 1 and str(words[0]).lower() in ("none", "false"):
        return False
    return "auto" if words == ["auto"] else words


def as_condition(text: str) -> tuple[str, str]:
    """Return the column and the value of `COLUMN=VALUE`."""
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise argparse.ArgumentTypeError(f"{text!r} is no condition; write COLUMN=VALUE, for instance sex=f")
    return name, value


def as_count(text: str) -> int:
    """Return a whole number above 0."""
    if not re.fullmatch(r"[0-9_]*[1-9][0-9_]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def as_moment(text: str) -> Any:
    """Return a moment, or a whole number."""
    import pandas as pd

    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    try:
        return pd.Timestamp(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a moment (2024-01-31) nor a whole number") from None


def check_resume(resume: bool, folder: str | None, model: str) -> None:
    """Check that a fit under way is gone on with only if that was asked for, and is kept apart from the model.

    Raises
    ------
    ParameterError
        If `folder` holds a checkpoint of one and `resume` was not given, or the other way round.
    """
    from ..model.checkpoints import Checkpoint

    if folder is None:
        if resume:
            raise ParameterError("--resume goes on with a checkpoint; name its folder with --checkpoint")
        return
    kept, saved = Path(folder).resolve(), Path(model).resolve()
    if kept.is_relative_to(saved) or saved.is_relative_to(kept):
        raise ParameterError(f"--checkpoint {folder} and -o {model} are in one another; name two folders")
    checkpoint = Checkpoint(folder)
    if checkpoint.found and not checkpoint.finished and not resume:
        raise ParameterError(
            f"--checkpoint {folder} holds that of a fit under way; pass --resume to go on with it, name another "
            "folder, or remove it to begin anew"
        )
