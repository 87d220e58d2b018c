"""Tables larger than memory: the judge draws whole sequences of them, or blocks of time, and says of how many.

Sequences are drawn by chance alone, each table's by itself and all up to the same number of rows; of one long series,
and of sequences so long that hardly any fit, blocks are drawn. What is measured is then of the rows that were drawn:
shares and distributions are those of the whole but for chance, while a copy of a real sequence is seen only if both
were drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError, SchemaError
from ..tables.form import OUTER, free_name
from ..tables.parts import Parts, draw_excerpt
from ..tables.sources import in_parts
from .reading import TableLike

ROWS = 200_000  # of each table: ten times the windows that are looked at, and a few hundred MiB


@dataclass(frozen=True)
class Drawn:
    """What is judged of a table in parts.

    Attributes
    ----------
    frame : DataFrame
    rows, sequences : int
        How many it has; of a long series, its blocks.
    of_rows, of_sequences : int
        How many the table has.
    blocks : bool
        Whether sequences are not whole.
    """

    frame: pd.DataFrame
    rows: int
    sequences: int
    of_rows: int
    of_sequences: int
    blocks: bool

    @property
    def told(self) -> dict[str, Any]:
        """All but the rows, JSON-ready."""
        return {name: value for name, value in vars(self).items() if name != "frame"}

    def note(self, side: str) -> str:
        """Say what was drawn."""
        what = f"{self.sequences:,} of {self.of_sequences:,} sequences"
        if self.blocks:
            what = f"{self.sequences:,} blocks of time"
        return f"of the {side} table {self.rows:,} of {self.of_rows:,} rows were judged: {what}, drawn by chance"


InParts = str | PathLike[str] | list[str] | list[PathLike[str]] | list[pd.DataFrame] | Iterator[pd.DataFrame]
Judged = TableLike | InParts | Drawn


def drawn(table: Any, side: str, rows: int, entity: str | None, time: str | None, seed: int) -> Any:
    """Return a table in parts as what is judged of it, at most about `rows` rows; any other table as it is.

    Parameters
    ----------
    table
        In parts: a folder of parquet files, such a file, a list of files or frames, an iterator of frames.
    side : str
        "real", "synthetic" or "holdout"; errors name it.
    rows : int
    entity, time : str or None
    seed : int

    Raises
    ------
    InputError, SchemaError
        If the parts cannot be read, or make no table; see `Parts`.
    """
    if not in_parts(table):
        return table
    rng = np.random.default_rng([seed, *side.encode()])
    try:
        with Parts(table, entity, time) as parts:
            excerpt = draw_excerpt(parts, rows, rng, by_chance=True)
            frame, lengths = excerpt.frame, excerpt.lengths
            if parts.entity is None and not excerpt.whole:
                outer = free_name(OUTER, frame.columns)
                block = np.repeat(np.arange(len(lengths)), lengths)
                frame.index = pd.MultiIndex.from_arrays([block, frame.index], names=[outer, frame.index.name])
            return Drawn(frame, len(frame), len(lengths), parts.rows, len(parts.lengths), not excerpt.whole)
    except (InputError, SchemaError) as error:
        raise type(error)(f"the {side} table: {error}") from error


def notes_of(found: Mapping[str, Drawn]) -> list[str]:
    """Say what was drawn of tables, and what that means, where it was not all."""
    notes = [part.note(side) for side, part in found.items() if part.rows < part.of_rows]
    if notes:
        notes.append(
            "what is counted, copies and single ones that come back too, is counted among the rows that were drawn: a "
            "copy of a real sequence is seen only if both were drawn (more of them by rows=)"
        )
    return notes


def frames_of(tables: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Drawn]]:
    """Return tables, and what was drawn of those in parts."""
    found = {side: table for side, table in tables.items() if isinstance(table, Drawn)}
    return {side: found[side].frame if side in found else table for side, table in tables.items()}, found
