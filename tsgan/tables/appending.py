"""Appending frames to a table that is being written: as csv or as parquet, in types that hold all of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import pandas as pd

from ..errors import InputError


class Pieces(Protocol):
    """Where the pieces of one table go, one after the other."""

    def write(self, frame: pd.DataFrame, index: bool) -> None:
        """Append the rows of a frame, with or without its index."""


class CsvPieces:
    """Appends frames to a text; the first brings the header."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._finest: dict[int, pd.Series[Any]] | None = None

    def write(self, frame: pd.DataFrame, index: bool) -> None:
        """Append rows; moments with as many digits as the finest so far needs."""
        frame = frame.copy(deep=False)
        header = self._finest is None
        finest = self._finest = self._finest or {}
        for place, kind in enumerate(frame.dtypes):
            if not (isinstance(kind, pd.DatetimeTZDtype) or (isinstance(kind, np.dtype) and kind.kind in "mM")):
                continue
            column = frame.iloc[:, place]
            if place in finest:  # pandas writes as many digits as a column needs: let it see what came before
                both = pd.concat([finest[place], column])
                frame.isetitem(place, both.astype(str).where(both.notna()).iloc[len(finest[place]) :])
                column = both
            finest[place] = _finest(column)
        frame.to_csv(self._text, index=index, header=header, lineterminator="\n")


def _finest(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return the one row of a column of moments or durations that needs the most digits; none if all are missing."""
    known = column.dropna()
    second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[str(known.dt.unit)]
    ticks = known.astype("int64").to_numpy()
    steps = [step for step in (86_400 * second, second, second // 1000, second // 10**6) if step > 1]
    digits = np.zeros(len(ticks), dtype=int)
    for step in steps:
        digits += ticks % step != 0
    return known.iloc[[int(digits.argmax())]] if len(known) else known


class ParquetPieces:
    """Appends frames to a parquet file as row groups; `name` is the file's name in messages."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._writer: Any = None
        self._schema: Any = None
        self._levels: dict[Any, list[Any]] = {}

    def write(self, frame: pd.DataFrame, index: bool) -> None:
        """Append rows.

        Raises
        ------
        InputError
            If a column has no type that parquet knows, or a type, or an ordered category levels, that do not fit
            those of the rows before.
        """
        import pyarrow

        for name, kind in frame.dtypes.items():
            if isinstance(kind, pd.CategoricalDtype) and kind.ordered:
                levels = kind.categories.tolist()
                if self._levels.setdefault(name, levels) != levels:
                    raise InputError(
                        f"{self._name}: column {name!r} is an ordered category with the levels {levels[:10]}, in the "
                        f"pieces before {self._levels[name][:10]}; give all pieces the same"
                    )
        try:
            table = pyarrow.Table.from_pandas(frame, preserve_index=index)
        except pyarrow.ArrowException as error:
            raise InputError(f"{self._name}: cannot be written as parquet: {' '.join(str(error).split())}") from error
        table = table.cast(_wide_codes(table.schema))
        if self._writer is None:
            self._open(table.schema)
        elif not table.schema.equals(self._schema):
            self._widen(table.schema)
        self._writer.write_table(table.cast(self._schema))

    def _open(self, schema: Any) -> None:
        from pyarrow import parquet

        self._schema = schema
        self._writer = parquet.ParquetWriter(self._path, schema)

    def _widen(self, schema: Any) -> None:
        """Copy what has been written into types that hold the new piece, too."""
        import pyarrow
        from pyarrow import parquet

        try:
            wider = pyarrow.unify_schemas([self._schema, schema], promote_options="permissive")
        except pyarrow.ArrowException as error:
            raise InputError(
                f"{self._name}: a piece does not fit those before it: {' '.join(str(error).split())}"
            ) from error
        if wider.equals(self._schema):
            return
        own, new = (json.loads(known.metadata[b"pandas"]) for known in (self._schema, schema))
        new_notes = {note["field_name"]: note for note in new["columns"]}
        own["columns"] = [
            new_notes[note["field_name"]] if wider.field(at).type == schema.field(at).type else note
            for at, note in enumerate(own["columns"])
        ]
        self.close()
        before = self._path.with_name(f"{self._path.name}.before")
        os.replace(self._path, before)
        try:
            self._open(wider.with_metadata({b"pandas": json.dumps(own).encode()}))
            with parquet.ParquetFile(before) as file:
                for group in range(file.num_row_groups):
                    self._writer.write_table(file.read_row_group(group).cast(self._schema))
        finally:
            before.unlink()

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _wide_codes(schema: Any) -> Any:
    """Return a schema whose categories have codes of 32 bits, so that later pieces may bring more levels."""
    import pyarrow

    for at, field in enumerate(schema):
        if pyarrow.types.is_dictionary(field.type):
            kind = pyarrow.dictionary(pyarrow.int32(), field.type.value_type, field.type.ordered)
            schema = schema.set(at, field.with_type(kind))
    return schema
