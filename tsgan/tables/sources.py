"""Where the parts of a table come from: a folder of parquet files, a list of files, frames, or an iterator of frames.

All of them become bounded frames that can be read as often as needed, with the same columns in the same order. An
iterator that can be read once only is written to a temporary folder first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import InputError, SchemaError
from . import files as tables

ROWS = 65_536  # of one bounded frame
Named = Iterator[tuple[str, pd.DataFrame]]


def in_parts(data: Any) -> bool:
    """Return whether `data` is a table in parts: a path, several paths, several frames, or an iterator."""
    if isinstance(data, str | os.PathLike | Iterator):
        return True
    several = isinstance(data, list | tuple) and len(data) > 0
    return several and (
        all(isinstance(item, str | os.PathLike) for item in data)
        or all(isinstance(item, pd.DataFrame) for item in data)
    )


def frames_of(source: Any, folder: Callable[[], Path]) -> Callable[[], Named]:
    """Return a function that reads the source from its beginning: names of parts, and frames of at most `ROWS` rows.

    Parameters
    ----------
    source : path, list of paths, iterable of DataFrames
        A folder stands for its parquet files, in the order of their names (numbers in names count as numbers).
    folder : callable
        Gives a temporary folder, asked for only if an iterator has to be written down.

    Raises
    ------
    InputError
        If there is no part, or one is neither a frame nor a parquet file.
    SchemaError
        If the columns, or their types, differ between parts.
    """
    if isinstance(source, str | os.PathLike):
        source = [Path(source)] if Path(source).is_file() else _files(Path(source))
    if isinstance(source, list | tuple) and source and all(isinstance(item, str | os.PathLike) for item in source):
        return _read_files([Path(item) for item in source])
    if not isinstance(source, Iterable):
        raise InputError(f"a table in parts is a path, paths or frames; got {type(source).__name__}")
    if iter(source) is source:
        return _written_down(source, folder())
    _check_frames(_numbered(source))
    return lambda: ((name, frame.iloc[a : a + ROWS]) for name, frame in _numbered(source) for a in _cuts(frame))


def _cuts(frame: pd.DataFrame) -> range:
    return range(0, len(frame), ROWS)


def _files(folder: Path) -> list[Path]:
    if not folder.exists():
        raise InputError(f"{folder}: no such file or folder")
    if any(folder.glob("*/*.parquet")):
        raise InputError(f"{folder}: holds folders of parquet files; pass their paths as a list, in order")
    found = [path for path in folder.glob("*.parquet") if not path.name.startswith((".", "_"))]
    if not found:
        raise InputError(f"{folder}: the folder holds no .parquet file")
    return sorted(found, key=lambda path: [int(t) if t.isdecimal() else t for t in re.split(r"(\d+)", path.name)])


def _read_files(paths: list[Path]) -> Callable[[], Named]:
    for path in paths:
        if path.suffix.lower() != ".parquet":
            raise InputError(f"{path}: the parts of a table must be parquet files")
    first = {name: kind for name, kind in tables.fields(paths[0]).items() if kind != "null"}
    columns = list(tables.fields(paths[0]))
    whose = dict.fromkeys(first, paths[0])
    for path in paths[1:]:
        kinds = tables.fields(path)
        _same_columns(str(path), list(kinds), str(paths[0]), columns)
        for name, kind in kinds.items():
            if kind != "null" and first.setdefault(name, kind) != kind:
                _other_type(str(path), name, kind, str(whose.get(name, paths[0])), first[name])
            if kind != "null":
                whose.setdefault(name, path)

    def read() -> Named:
        order: list[Any] | None = None
        for path in paths:
            for frame in tables.batches(path, ROWS):
                order = frame.columns.tolist() if order is None else order
                yield str(path), frame if frame.columns.tolist() == order else frame[order]

    return read


def _numbered(source: Iterable[Any]) -> Named:
    for number, frame in enumerate(source, 1):
        if not isinstance(frame, pd.DataFrame):
            raise InputError(f"part {number} is a {type(frame).__name__}; every part must be a pandas DataFrame")
        yield f"part {number}", frame


def _check_frames(frames: Named) -> None:
    """Go through frames and compare their columns and types with those of the first."""
    first: tuple[str, list[Any]] | None = None
    kinds: dict[Any, tuple[str, str]] = {}
    for name, frame in frames:
        first = (name, frame.columns.tolist()) if first is None else first
        _compare(name, frame, first, kinds)
    if first is None:
        raise InputError("there are no parts: the iterator gave no frame")


def _compare(name: str, frame: pd.DataFrame, first: tuple[str, list[Any]], kinds: dict[Any, tuple[str, str]]) -> None:
    _same_columns(name, frame.columns.tolist(), *first)
    if frame.columns.tolist() != first[1]:
        raise SchemaError(f"{name}: the columns are in another order than in {first[0]}; pass {first[1]}")
    levels = [(level, frame.index.get_level_values(at).dtype) for at, level in enumerate(frame.index.names)]
    for column, kind in [*frame.dtypes.items(), *[((level, "index"), kind) for level, kind in levels]]:
        words = _words(kind)
        if words == "object" and not isinstance(column, tuple) and not frame[column].notna().any():
            continue
        known = kinds.setdefault(column, (name, words))
        if known[1] != words:
            shown = column[0] if isinstance(column, tuple) and column[0] is not None else column
            _other_type(name, shown, words, *known)


def _words(kind: Any) -> str:
    if isinstance(kind, pd.CategoricalDtype):
        ordered = f", ordered {kind.categories.tolist()[:10]}" if kind.ordered else ""
        return f"category of {kind.categories.dtype}{ordered}"
    return str(kind)


def _same_columns(name: str, columns: list[Any], first: str, known: list[Any]) -> None:
    missing = [column for column in known if column not in columns]
    extra = [column for column in columns if column not in known]
    if missing or extra:
        told = [f"missing {missing}"] * bool(missing) + [f"not known {extra}"] * bool(extra)
        raise SchemaError(f"{name}: the columns are not those of {first}: {', '.join(told)}")


def _other_type(name: str, column: Any, kind: str, first: str, known: str) -> None:
    raise SchemaError(
        f"{name}: column {column!r} is {kind}, in {first} it is {known}; give all parts the same type, by astype()"
    )


def _written_down(frames: Iterator[Any], folder: Path) -> Callable[[], Named]:
    """Write frames that can be read once only to parquet, with their types beside them."""
    notes: list[tuple[str, Path, dict[Any, Any]]] = []
    kinds: dict[Any, tuple[str, str]] = {}
    first: tuple[str, list[Any]] | None = None
    for name, frame in _numbered(frames):
        first = (name, frame.columns.tolist()) if first is None else first
        _compare(name, frame, first, kinds)
        if len(frame):
            path = folder / f"part-{len(notes)}.parquet"
            tables.write(frame, path)
            notes.append((name, path, dict(frame.dtypes.items())))
    if not notes:
        raise InputError("there are no parts: the iterator gave no frame with rows")

    def read() -> Named:
        for name, path, dtypes in notes:
            for frame in tables.batches(path, ROWS):
                frame.columns = pd.Index(list(dtypes))
                yield name, frame.astype({c: kind for c, kind in dtypes.items() if frame[c].dtype != kind})

    return read
