"""A sample as work for an engine: which blocks of random numbers make a partition, and what a worker does with one.

A sample is drawn in blocks of sequences, each with a random stream of its own (`estimator.drawing`). A partition is a
run of whole blocks, so that its rows are the same wherever, whenever and however often it is drawn, and all of them, in
order, are what `RecurrentGAN.sample` returns. What random_state=None draws is drawn once, when the plan is made.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from .. import bundle
from ..errors import ModelFileError, ParameterError, number
from ..tables.flat import as_frame, named

if TYPE_CHECKING:
    from ..estimator.base import RandomState
    from ..estimator.drawing import Blocks
    from ..estimator.recurrent_gan import RecurrentGAN

ROWS = 500_000  # of a partition, about: some tens of MiB
SHOWN = 8, 32  # sequences and steps that types are told from


@dataclass(frozen=True)
class Plan:
    """What is to be drawn, from which model, and where partitions begin; small, so that it goes to each worker.

    Attributes
    ----------
    path : str
        Of the model's folder.
    checksum : str
        Of the model that was there when the plan was made.
    n, length, start, where
        See `RecurrentGAN.sample`.
    entropy : int
        The `random_state`, or what was drawn for None.
    edges : tuple of int
        The first block of each partition, and how many blocks there are.
    before : tuple of int
        Rows before each partition, where a column counts them; else 0.
    rows : int
        The most that a partition has.
    """

    path: str
    checksum: str
    n: int
    length: int | None
    start: Any
    where: Mapping[str, Any] | None
    entropy: int
    edges: tuple[int, ...]
    before: tuple[int, ...]
    rows: int

    @classmethod
    def of(
        cls,
        model: str | os.PathLike[str],
        n: int,
        partitions: int | None,
        length: int | None,
        start: Any,
        where: Mapping[str, Any] | None,
        random_state: RandomState,
    ) -> Self:
        """Return a plan; the arguments are those of each engine's `sample`.

        Raises
        ------
        ModelFileError
            If there is no model, or it cannot be read.
        ParameterError
            If an argument has a value that is not allowed.
        """
        if not isinstance(model, str | os.PathLike):
            raise ParameterError(
                f"model is a {type(model).__name__}; it must be the folder of a saved model, which workers read: call "
                "save(folder) and pass the folder"
            )
        number("n", n, 1, whole=True)
        number("partitions", partitions, 1, whole=True, none=True)
        path = str(Path(model).resolve())
        bundle.read(path)
        checksum = _checksum(path)
        gan = _loaded(path, checksum)
        blocks = gan.blocks(n, length, start=start, where=where, random_state=random_state)
        most = blocks.size * blocks.longest
        count = min(partitions or -(-len(blocks) // max(ROWS // most, 1)), len(blocks))
        edges = [len(blocks) * at // count for at in range(count + 1)]
        rows = [blocks.rows(range(*pair)) if blocks.counted else 0 for pair in pairwise(edges[:-1])]
        return cls(
            path,
            checksum,
            int(n),
            blocks.order.length,
            start,
            where,
            int(str(blocks.seed.entropy)),
            tuple(edges),
            (0, *accumulate(rows)),
            most * max(np.diff(edges).tolist()),
        )

    @property
    def partitions(self) -> int:
        """How many there are: no more than blocks."""
        return len(self.edges) - 1

    def example(self) -> pd.DataFrame:
        """Return a few rows in the form and types of all."""
        blocks = self._blocks(min(self.n, SHOWN[0]), min(self.length or SHOWN[1], SHOWN[1]))
        (piece,) = blocks.pieces()
        return self._flat(piece, 0)[0]

    def pieces(self, partition: int, *, whole: bool = False) -> Iterator[pd.DataFrame]:
        """Draw a partition, a block at a time or at once; index levels that say something are columns.

        Raises
        ------
        ModelFileError
            If the worker cannot read the model, or finds another one.
        MemoryError
            If it has too little memory, saying what to do.
        """
        from ..model.runtime import cores

        blocks = self._blocks(self.n, self.length)
        first, stop = self.edges[partition : partition + 2]
        sequences = first * blocks.size
        drawn = blocks.pieces(None if whole else 1, range(first, stop), rows=self.before[partition])
        while True:
            try:
                with cores(most=1):  # an engine keeps each core busy by itself
                    piece = next(drawn, None)
            except MemoryError as error:
                raise MemoryError(
                    f"a worker on {platform.node()} ran out of memory while it drew partition {partition} of "
                    f"{self.partitions}, of at most {self.rows:,} rows; ask for more partitions, or give workers more "
                    f"memory ({error})"
                ) from error
            if piece is None:
                return
            frame, sequences = self._flat(piece, sequences)
            yield frame

    def _blocks(self, n: int, length: int | None) -> Blocks:
        gan = _loaded(self.path, self.checksum)
        return gan.blocks(n, length, start=self.start, where=self.where, random_state=self.entropy)

    def _flat(self, piece: Any, sequences: int) -> tuple[pd.DataFrame, int]:
        form = _loaded(self.path, self.checksum).format_
        frame, sequences = as_frame(piece, sequences, single=self.n == 1, format=form)
        return named(frame).reset_index(drop=True), sequences


@lru_cache(maxsize=4)  # a process loads a model once
def _loaded(path: str, checksum: str) -> RecurrentGAN:
    from ..estimator.recurrent_gan import RecurrentGAN

    if _checksum(path) != checksum:
        raise ModelFileError(f"{path}: the model was replaced after the sample was asked for; ask for it again")
    return RecurrentGAN.load(path, device="cpu")


def _checksum(path: str) -> str:
    """Return that of `model.json`, which holds those of all other files."""
    try:
        return hashlib.sha256((Path(path) / bundle.NAME).read_bytes()).hexdigest()
    except OSError as error:
        raise ModelFileError(
            f"{path}: the worker on {platform.node()} cannot read the model ({error.strerror or error}); put it in a "
            "folder that all workers see at this path"
        ) from error


def missing(engine: str, error: ImportError) -> ImportError:
    """Return the error that says how an engine is installed."""
    return ImportError(f"tsgan.scale.{engine} needs {error.name}; install it with: pip install 'tsgan[{engine}]'")
