"""Encoding a table in parts onto disk, as a panel that is mapped into memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError
from ..panel import Doubles, Ints, Panel
from .table import Parts


def spool(parts: Parts, encode: Callable[[pd.DataFrame], Panel], folder: Path | None = None) -> Panel:
    """Encode all parts into files; the panel reads them where windows are cut, so it is never whole in memory.

    Parameters
    ----------
    parts : Parts
    encode : callable
        Makes a panel of a frame: with an entity, of whole sequences, which come back in the order of their first rows;
        of one long series, of a stretch with up to `MARGIN` rows of context at each side, whose cells are dropped.
    folder : Path, optional
        Where the files lie; by default `parts.folder`, so that the panel lives as long as `parts` is open.

    Returns
    -------
    Panel
        `values` (float64) and `covariates` (float32) are read-only memory maps; lengths and statics are in memory. The
        statics of one long series are those of its first stretch.

    Raises
    ------
    InputError
        If the folder has no room left.
    """
    folder = parts.folder if folder is None else folder
    lengths: list[Ints] = []
    statics: list[Doubles] = []
    values = _File(folder / "values.npy", parts.rows, "<f8")
    covariates = _File(folder / "covariates.npy", parts.rows, "<f4")
    with values, covariates:
        for piece in parts.pieces():
            panel = encode(piece.frame)
            if len(panel.values) != len(piece.frame):
                raise ValueError(f"encoding {len(piece.frame)} rows gave {len(panel.values)}")
            kept = slice(piece.before, len(piece.frame) - piece.after)
            values.append(panel.values[kept])
            covariates.append(panel.covariates[kept])
            lengths.append(panel.lengths)
            statics.append(panel.statics)
    if parts.entity is None:
        return Panel(values.mapped(), parts.lengths, statics[0], covariates.mapped())
    return Panel(values.mapped(), np.concatenate(lengths), np.concatenate(statics), covariates.mapped())


class _File:
    """A `.npy` file of rows that is appended to, and then mapped into memory.

    It is written as a stream, since pages of a map that is written to count as memory of the process.
    """

    def __init__(self, path: Path, rows: int, kind: str) -> None:
        self._path, self._rows, self._shape, self._kind = path, rows, (rows, 0), np.dtype(kind)
        self._file: BinaryIO | None = None

    def append(self, values: NDArray[Any]) -> None:
        try:
            if self._file is None:
                self._file = self._path.open("wb")
                self._shape = (self._rows, values.shape[1])
                head = {"descr": self._kind.str, "fortran_order": False, "shape": self._shape}
                np.lib.format.write_array_header_1_0(self._file, head)
            np.ascontiguousarray(values, dtype=self._kind).tofile(self._file)
        except OSError as error:
            raise InputError(
                f"{self._path.parent}: the encoded table cannot be written: {error.strerror or error}; "
                "let TMPDIR name a folder with more room"
            ) from error

    def mapped(self) -> NDArray[Any]:
        if 0 in self._shape:
            return np.zeros(self._shape, dtype=self._kind)
        loaded: NDArray[Any] = np.load(self._path, mmap_mode="r")
        return loaded

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()
