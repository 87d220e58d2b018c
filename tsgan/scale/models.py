"""A folder of models, one for each group of a table: one of them, or rows of all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..arrays import Ints
from ..errors import ParameterError, TsganError, number
from ..tables.form import OUTER, free_name
from .index import Group, Index, read_index

if TYPE_CHECKING:
    from ..estimator.base import RandomState
    from ..estimator.recurrent_gan import RecurrentGAN

LISTED = 20  # values that an error names


class Models:
    """The models of a table's groups: `models[value]` is one, `sample` draws from all.

    Models are read from the folder when they are needed, one at a time.

    Parameters
    ----------
    folder : path-like
    index : Index
    device : str, optional
        Where the networks run; as when saved if not given.
    """

    def __init__(self, folder: str | os.PathLike[str], index: Index, device: str | None = None) -> None:
        self._folder, self._index, self._device = Path(folder), index, device
        self._groups = {group.key: group for group in index.groups}

    @classmethod
    def load(cls, folder: str | os.PathLike[str], device: str | None = None) -> Models:
        """Return the models of a folder that `fit_each` wrote.

        Raises
        ------
        NotAModelError, CorruptModelError
            If the folder holds something else, or a fit that has not come to its end; or a damaged index.
        """
        return cls(folder, read_index(folder), device)

    @property
    def by(self) -> list[Any]:
        """The columns that tell groups apart."""
        return list(self._index.shape.by)

    @property
    def groups(self) -> pd.DataFrame:
        """One row per group: the columns of `by`, rows and sequences that were fitted, the model's folder."""
        shape = self._index.shape
        columns = zip(
            shape.by, shape.dtypes, zip(*(group.values for group in self._index.groups), strict=True), strict=True
        )
        made = {name: pd.Series(list(values), dtype=dtype) for name, dtype, values in columns}
        for name in ("rows", "sequences", "folder"):
            made[free_name(name, made)] = pd.Series([getattr(group, name) for group in self._index.groups])
        return pd.DataFrame(made)

    def __len__(self) -> int:
        return len(self._groups)

    def __iter__(self) -> Iterator[Any]:
        """Yield the values that tell groups apart, tuples where there are several columns."""
        return iter(self._groups)

    def __contains__(self, value: object) -> bool:
        return value in self._groups

    def __getitem__(self, value: Any) -> RecurrentGAN:
        """Return the model of one group; with several columns, `value` is a tuple.

        Raises
        ------
        ParameterError
            If there is no such group.
        ModelFileError
            If its model cannot be read.
        """
        from ..estimator.recurrent_gan import RecurrentGAN

        if value not in self._groups:
            raise ParameterError(f"there is no group {_by(self.by)}={value!r}; {_listed(self._groups)}")
        return RecurrentGAN.load(self._folder / self._groups[value].folder, self._device)

    def __repr__(self) -> str:
        return f"Models of {len(self)} groups by {_by(self.by)}"

    def pick(self, where: Mapping[Any, Any] | None) -> tuple[Models, dict[Any, Any]]:
        """Return the models of the groups that fulfil conditions on the columns of `by`, and the other conditions.

        Raises
        ------
        ParameterError
            If no group has such a value.
        """
        rest, groups = dict(where or {}), self._index.groups
        for name in [name for name in self.by if name in rest]:
            asked, place = rest.pop(name), self.by.index(name)
            wanted = list(asked) if isinstance(asked, list | tuple | set | frozenset) else [asked]
            known = dict.fromkeys(_part(group, place) for group in self._index.groups)
            if strange := [value for value in wanted if value not in known]:
                raise ParameterError(f"where: there is no group {name}={strange[0]!r}; {_listed(known)}")
            groups = tuple(group for group in groups if _part(group, place) in wanted)
        if not groups:
            raise ParameterError(f"where={dict(where or {})!r}: no group has all of these values; see Models.groups")
        return Models(self._folder, replace(self._index, groups=groups), self._device), rest

    def sample(
        self,
        n: int | None = None,
        length: int | None = None,
        *,
        start: Any = None,
        where: Mapping[Any, Any] | None = None,
        random_state: RandomState = None,
    ) -> pd.DataFrame:
        """Draw synthetic sequences of all groups, in the form of the fitted table.

        Parameters
        ----------
        n : int, optional
            Number of sequences in all. Each group gets its share of them by the sequences that it was fitted to, up to
            one more or less, which is drawn. By default each group gets as many as it was fitted to: one for each long
            series. For another mix draw from each: `models[value].sample(n)`.
        length, start
            As in `RecurrentGAN.sample`.
        where : mapping of column to value, optional
            As in `RecurrentGAN.sample`; values of the columns of `by` (or lists of them) choose groups.
        random_state : int, Generator or None
            The same int gives the same table each time; what a group's rows are does not depend on the other groups but
            by the number of its sequences. None takes what each model was fitted with.

        Returns
        -------
        DataFrame
            The fitted columns in their order, those of `by` among them, group after group. New keys of an entity come
            once in the whole table. Where each group is one long series and several sequences of one were drawn, the
            index gets an outer level `sequence`, whose numbers go on from group to group.

        Raises
        ------
        ParameterError
            If an argument has a value that is not allowed; it names the group.
        ModelFileError
            If a model cannot be read.
        """
        total = int(self.pick(where)[0].groups["sequences"].sum()) if n is None else n
        pieces = self.sample_iter(n, max(total, 1), length, start=start, where=where, random_state=random_state)
        return next(pieces)

    def sample_iter(
        self,
        n: int | None = None,
        chunk: int = 10_000,
        length: int | None = None,
        *,
        start: Any = None,
        where: Mapping[Any, Any] | None = None,
        random_state: RandomState = None,
    ) -> Iterator[pd.DataFrame]:
        """Draw what `sample` draws, in pieces of about `chunk` sequences: one of them and one model are in memory.

        Parameters
        ----------
        n, length, start, where, random_state
            As in `sample`; the pieces put together are what it returns.
        chunk : int
            Sequences of a piece at most (pieces end where a group, or a block of its random numbers, does).

        Yields
        ------
        DataFrame
        """
        from ..model.runtime import streams

        number("n", n, 1, whole=True, none=True)
        number("chunk", chunk, 1, whole=True)
        picked, rest = self.pick(where)
        entropy = None if random_state is None else streams(random_state).entropy
        counts = picked._counts(n, entropy)
        return picked._pieces(counts, int(chunk), entropy, {"length": length, "start": start, "where": rest or None})

    def _counts(self, n: int | None, entropy: Any) -> Ints:
        """Return how many sequences each group gives: its share of `n`, the rounding by one draw for all."""
        fitted = np.array([group.sequences for group in self._index.groups], dtype=np.int64)
        if n is None:
            return fitted
        seeds = [group.seed for group in self._index.groups] if entropy is None else [entropy]
        rng = np.random.default_rng(None if None in seeds else [int(str(seed)) for seed in seeds])
        edges = np.cumsum(fitted) * int(n) / fitted.sum()
        edges[-1] = n
        counts: Ints = np.diff(np.floor(edges + rng.random()), prepend=0.0).astype(np.int64)
        return counts

    def _pieces(self, counts: Ints, chunk: int, entropy: Any, asked: dict[str, Any]) -> Iterator[pd.DataFrame]:
        nested = self._index.shape.entity is None and counts.sum() > 1 and counts.max() > 1
        held: list[pd.DataFrame] = []
        sequences = before = rows = 0
        for group, count in zip(self._index.groups, counts.tolist(), strict=True):
            for frame, size in self._drawn(group, count, chunk, before, entropy, asked, nested):
                if held and sequences + size > chunk:
                    yield self._joined(held, rows)
                    rows += sum(map(len, held))
                    held, sequences = [], 0
                held.append(frame)
                sequences += size
                before += size
        yield self._joined(held, rows)

    def _drawn(
        self, group: Group, count: int, chunk: int, before: int, entropy: Any, asked: dict[str, Any], nested: bool
    ) -> Iterator[tuple[pd.DataFrame, int]]:
        """Yield a group's pieces with the columns of `by` in their places, and how many sequences each has."""
        if not count:
            return
        seed = None if entropy is None else group.seed_of(entropy)
        at = 0
        try:
            model = self[group.key]
            for frame in model.sample_iter(count, chunk, before=before, random_state=seed, **asked):
                if nested and count == 1:
                    frame = pd.concat({before: frame}, names=[free_name(OUTER, frame.columns)])
                shape = self._index.shape
                size = self._sizes(frame, nested)
                for name, dtype, place, value in sorted(
                    zip(shape.by, shape.dtypes, shape.places, group.values, strict=True), key=lambda one: one[2]
                ):
                    frame.insert(place, name, pd.Series([value], dtype=dtype).repeat(len(frame)).array)
                yield frame.astype(self._index.levels), size
                at += size
        except TsganError as error:
            raise type(error)(f"group {group.name}: {error}") from error

    def _sizes(self, frame: pd.DataFrame, nested: bool) -> int:
        entity = self._index.shape.entity
        if entity is None:
            return int(frame.index.get_level_values(0).nunique()) if nested else 1
        return int((frame[entity] if entity in frame.columns else frame.index.get_level_values(entity)).nunique())

    def _joined(self, frames: list[pd.DataFrame], rows: int) -> pd.DataFrame:
        """Return pieces as one; rows that are counted go on after those before."""
        shape, entity = self._index.shape, self._index.shape.entity
        ordered = None
        if entity in frames[0].columns and isinstance(kind := frames[0][entity].dtype, pd.CategoricalDtype):
            ordered = kind.ordered  # whose new keys differ from piece to piece
            frames = [frame.astype({entity: frame[entity].cat.categories.dtype}) for frame in frames]
        made = pd.concat(frames)
        if ordered is not None:
            made[entity] = pd.Categorical(made[entity], categories=made[entity].unique(), ordered=ordered)
        if shape.counted and made.index.nlevels == 1:
            made.index = pd.RangeIndex(rows, rows + len(made))
        return made


def _part(group: Group, place: int) -> Any:
    return group.key[place] if len(group.values) > 1 else group.key


def _by(names: list[Any]) -> str:
    return ", ".join(map(str, names))


def _listed(values: Any) -> str:
    known = list(values)
    return f"there are {known[:LISTED]}" + (f" and {len(known) - LISTED} more" if len(known) > LISTED else "")
