"""Where the parts of a table come from: a folder of parquet files, files, frames, an iterator of frames, an engine.

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
from .engines import engine_of
from .strings import is_text

ROWS = 65_536  # of one bounded frame
Named = Iterator[tuple[str, pd.DataFrame]]


def in_parts(data: Any) -> bool:
    """Return whether `data` is a table in parts: a path, paths, frames, an iterator, or a table of an engine."""
    if is_text(data):
        return False
    if isinstance(data, str | os.PathLike | Iterator) or engine_of(data):
        return True
    return _all(pd.DataFrame, data) or _all(str | os.PathLike, data)


def _all(kind: Any, data: Any) -> bool:
    return isinstance(data, list | tuple) and len(data) > 0 and all(isinstance(item, kind) for item in data)


def frames_of(source: Any, folder: Callable[[], Path]) -> Callable[[], Named]:
    """Return a function that reads the source from its beginning: names of parts, and frames of at most `ROWS` rows.

    A folder stands for its parquet files, in the order of their names (numbers in names count as numbers). `folder`
    gives a temporary folder, asked for only if an iterator has to be written down. InputError if there is no part, or
    one is neither a frame nor a parquet file; SchemaError if the columns, or their types, differ between parts.
    """
    if isinstance(source, str | os.PathLike):
        source = [Path(source)] if Path(source).is_file() else _files(Path(source))
    if _all(str | os.PathLike, source):
        return _read_files([Path(item) for item in source])
    if not isinstance(source, Iterable):
        raise InputError(f"a table in parts is a path, paths or frames; got {type(source).__name__}")
    if iter(source) is source:
        return _written_down(source, folder())
    for _ in _checked(source):
        pass
    return lambda: (
        (name, frame.iloc[at : at + ROWS]) for name, frame in _numbered(source) for at in range(0, len(frame), ROWS)
    )


def _files(folder: Path) -> list[Path]:
    if not folder.exists():
        hint = "" if folder.suffix else "; a text is passed as a list, or with a line break in it"
        raise InputError(f"{folder}: no such file or folder{hint}")
    if any(folder.glob("*/*.parquet")):
        raise InputError(f"{folder}: holds folders of parquet files; pass their paths as a list, in order")
    found = [path for path in folder.glob("*.parquet") if not path.name.startswith((".", "_"))]
    if not found:
        raise InputError(f"{folder}: the folder holds no .parquet file")
    return sorted(found, key=lambda path: [int(t) if t.isdecimal() else t for t in re.split(r"(\d+)", path.name)])


class _Types:
    """The columns of the first part, and the type of each where it first came, with which all parts are compared."""

    def __init__(self) -> None:
        self.first: tuple[str, list[Any]] | None = None
        self._kinds: dict[Any, tuple[str, str]] = {}

    def check(self, part: str, columns: list[Any], kinds: Iterable[tuple[Any, str]], *, ordered: bool = False) -> None:
        """Compare a part; an index level is named by a tuple, so that it is no column."""
        first, known = self.first = self.first or (part, columns)
        missing = [column for column in known if column not in columns]
        extra = [column for column in columns if column not in known]
        if missing or extra:
            found = [f"missing {missing}"] if missing else []
            found += [f"not known {extra}"] if extra else []
            raise SchemaError(f"{part}: the columns are not those of {first}: {', '.join(found)}")
        if ordered and columns != known:
            raise SchemaError(f"{part}: the columns are in another order than in {first}; pass {known}")
        for column, kind in kinds:
            whose, other = self._kinds.setdefault(column, (part, kind))
            if kind != other:
                shown = column[0] if isinstance(column, tuple) and column[0] is not None else column
                raise SchemaError(
                    f"{part}: column {shown!r} is {kind}, in {whose} it is {other}; give all parts the same type, by "
                    "astype()"
                )


def _read_files(paths: list[Path]) -> Callable[[], Named]:
    for path in paths:
        if path.suffix.lower() != ".parquet":
            raise InputError(f"{path}: the parts of a table must be parquet files")
    types = _Types()
    for path in paths:
        kinds = tables.fields(path)
        types.check(str(path), list(kinds), [(name, kind) for name, kind in kinds.items() if kind != "null"])

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


def _checked(source: Iterable[Any]) -> Named:
    """Yield the frames of a source, compared in columns and types with those before."""
    types = _Types()
    for name, frame in _numbered(source):
        kinds = [(column, _words(kind)) for column, kind in frame.dtypes.items()]
        kinds = [(column, kind) for column, kind in kinds if kind != "object" or frame[column].notna().any()]
        levels = enumerate(frame.index.names)
        kinds += [((level, "index"), _words(frame.index.get_level_values(at).dtype)) for at, level in levels]
        types.check(name, frame.columns.tolist(), kinds, ordered=True)
        yield name, frame
    if types.first is None:
        raise InputError("there are no parts: the iterator gave no frame")


def _words(kind: Any) -> str:
    if isinstance(kind, pd.CategoricalDtype):
        ordered = f", ordered {kind.categories.tolist()[:10]}" if kind.ordered else ""
        return f"category of {kind.categories.dtype}{ordered}"
    return str(kind)


def _written_down(frames: Iterator[Any], folder: Path) -> Callable[[], Named]:
    """Write frames that can be read once only to parquet, with their types beside them."""
    notes: list[tuple[str, Path, dict[Any, Any]]] = []
    for name, frame in _checked(frames):
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
