"""The index of a folder of models, one for each group of a table: what is known of each group, and what they share."""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .. import bundle, unfinished
from ..errors import CorruptModelError, InputError, ModelFileError, NotAModelError, SchemaError, TsganWarning, choose

INDEX, NOTE = bundle.INDEX, "group.json"  # of all groups; in the folder of each, written after its model
FOLDER = re.compile(r"[\w.=,-]+-[0-9a-f]{8}")  # of a group
SHOWN = 10  # groups that an error lists


@bundle.saved
@dataclass(frozen=True)
class Shape:
    """What the groups of a table have in common.

    Attributes
    ----------
    by : tuple
        The columns that tell groups apart.
    dtypes : tuple of dtype
        Of these columns.
    places : tuple of int
        Where they stand among the columns that come back.
    counted : bool
        Whether the index only counts the rows.
    entity
        Column or level that tells sequences apart, None if each group is one long series.
    """

    by: tuple[Any, ...]
    dtypes: tuple[Any, ...]
    places: tuple[int, ...]
    counted: bool
    entity: Any


@bundle.saved
@dataclass(frozen=True)
class Group:
    """A group of a table and its model; JSON-ready by `text`, so that any engine can carry it.

    Attributes
    ----------
    shape : Shape
    values : tuple
        Of the columns of `by`, as JSON holds them.
    folder : str
        Name of the model's folder within that of all models.
    rows, sequences : int
        Fitted; none of a group that has no model.
    seed : int or None
        The model's `random_state`.
    mark : str
        Of the rows and the arguments that the model was fitted to.
    levels : dict of name to (dtype, tuple of int)
        Of columns of categories: as the model gives them back, and where its levels stand among those of the table.
    few : bool
        Whether it has no model because it has too few rows.
    wrong : str
        Why it has no model otherwise, "" if it has.
    told : tuple of str
        What the fit warned of.
    """

    shape: Shape
    values: tuple[bool | int | float | str, ...]
    folder: str
    rows: int
    sequences: int = 0
    seed: int | None = None
    mark: str = ""
    levels: Mapping[Any, Any] | None = None
    few: bool = False
    wrong: str = ""
    told: tuple[str, ...] = ()

    @property
    def key(self) -> Any:
        """The value that tells the group apart, a tuple where `by` names several columns."""
        pairs = zip(self.values, self.shape.dtypes, strict=True)
        made = tuple(pd.Series([value], dtype=dtype).tolist()[0] for value, dtype in pairs)
        return made if len(made) > 1 else made[0]

    @property
    def name(self) -> str:
        """The group in words."""
        return ", ".join(f"{column}={value}" for column, value in zip(self.shape.by, self.values, strict=True))

    @property
    def digest(self) -> bytes:
        """A hash of the value."""
        pairs = [[str(column), value] for column, value in zip(self.shape.by, self.values, strict=True)]
        return hashlib.sha256(json.dumps(pairs).encode()).digest()

    def seed_of(self, entropy: Any) -> int:
        """Return the group's own seed for one of all groups."""
        words = np.frombuffer(self.digest[:16], dtype="<u4").tolist()
        return int(np.random.SeedSequence([int(entropy), *words]).generate_state(1)[0])

    def text(self) -> str:
        """Return the group as JSON."""
        return json.dumps(bundle.pack(self)[0], indent=1)

    @classmethod
    def read(cls, text: str) -> Group:
        """Return the group that `text` wrote.

        Raises
        ------
        ValueError
            If it is none.
        """
        made: Group = bundle.unpack(json.loads(text), {}, cls)
        return made


@bundle.saved
@dataclass(frozen=True)
class Index:
    """What `index.json` holds: what the groups share, and each."""

    shape: Shape
    levels: Mapping[Any, Any]  # dtype of each column of categories, over all groups
    groups: tuple[Group, ...]


def finish(folder: str | os.PathLike[str], groups: Iterable[Group], *, few: str = "refuse") -> None:
    """Write the index of the groups that were fitted, which makes a folder of models whole.

    Parameters
    ----------
    folder : path-like
    groups : iterable of Group
        What `fit_group` returned, in any order.
    few : {"refuse", "skip"}
        What becomes of groups with too few rows.

    Raises
    ------
    InputError
        If groups have too few rows and are refused, or could not be learned; or if none is left.
    ModelFileError
        If the folder holds models of other groups, or cannot be written to.

    Warns
    -----
    TsganWarning
        Of groups that are left out, and of what the fits warned of.
    """
    choose("few", few, ("refuse", "skip"))
    every = sorted(groups, key=lambda group: group.folder)
    refuse_few(every, few)
    if wrong := [group for group in every if group.wrong]:
        listed = "; ".join(f"{group.name}: {group.wrong}" for group in wrong[:SHOWN])
        raise InputError(
            f"{len(wrong)} of {len(every)} groups could not be learned: {listed}{_more(wrong)}. Mend these rows or "
            f"leave them out, and fit again: what is whole in {folder} is taken"
        )
    whole = _in_order([group for group in every if not group.few])
    home = Path(folder)
    if strange := {path.name for path in home.iterdir() if path.is_dir()} - {group.folder for group in whole}:
        raise ModelFileError(
            f"{home} holds models of groups that this table does not have ({sorted(strange)[0]}); remove them and fit "
            "again: what is whole is taken"
        )
    shapes = [group.shape for group in whole]
    if other := next((group for group in whole if group.shape != shapes[0]), None):
        raise SchemaError(
            f"the groups are not of one table: {whole[0].name} has other columns, dtypes or index than {other.name}; "
            "give all the same, by astype()"
        )
    index = Index(shapes[0], _common_levels(whole), tuple(replace(group, told=()) for group in whole))
    try:
        unfinished.write_text(home / INDEX, json.dumps(bundle.pack(index)[0], indent=1))
        unfinished.sweep(home)
    except OSError as error:
        raise ModelFileError(f"the index could not be written to {home}: {error}") from error
    for group in whole:
        for text in group.told:
            warnings.warn(f"group {group.name}: {text}", TsganWarning, stacklevel=3)


def refuse_few(groups: Sequence[Group], few: str) -> None:
    """Refuse groups with too few rows, or say that they are left out.

    Raises
    ------
    InputError
        If there are any and `few` is "refuse", or if all are.
    """
    small = [group for group in groups if group.few]
    listed = ", ".join(f"{group.name} ({group.rows})" for group in small[:SHOWN]) + _more(small)
    if len(small) == len(groups):
        raise InputError(f"no group has enough rows to be learned: {listed or 'there are none'}")
    if small and few == "refuse":
        raise InputError(
            f"{len(small)} of {len(groups)} groups have too few rows to be learned: {listed}; leave them out by "
            "few='skip' (--few skip), or give them one value together"
        )
    if small:
        warnings.warn(f"{len(small)} groups have too few rows and are left out: {listed}", TsganWarning, stacklevel=4)


def _more(groups: Sequence[Group]) -> str:
    return f" and {len(groups) - SHOWN} more" if len(groups) > SHOWN else ""


def _in_order(groups: list[Group]) -> list[Group]:
    """Return groups sorted by their values."""
    columns = [pd.Series(list(part)) for part in zip(*(group.values for group in groups), strict=True)]
    kinds = groups[0].shape.dtypes
    codes = [pd.factorize(column.astype(kind), sort=True)[0] for column, kind in zip(columns, kinds, strict=True)]
    return [groups[at] for at in np.lexsort(codes[::-1])]


def _common_levels(groups: Sequence[Group]) -> dict[Any, Any]:
    """Return the dtype of each column of categories that holds the levels of all groups, in the table's order."""
    found: dict[Any, dict[Any, int]] = {}
    kinds: dict[Any, Any] = {}
    for group in groups:
        for name, (kind, places) in (group.levels or {}).items():
            kinds.setdefault(name, kind)
            for level, place in zip(kind.categories, places, strict=True):
                found.setdefault(name, {}).setdefault(level, place)
    made = {}
    for name, levels in found.items():
        index = pd.Index(sorted(levels, key=levels.__getitem__), dtype=kinds[name].categories.dtype)
        made[name] = pd.CategoricalDtype(index, ordered=kinds[name].ordered)
    return made


def read_index(folder: str | os.PathLike[str]) -> Index:
    """Return the index of a folder of models.

    Raises
    ------
    NotAModelError
        If the folder has none: it holds something else, or its fit has not come to its end.
    CorruptModelError
        If it cannot be read, or names what is not there.
    """
    home = Path(folder)
    if not (home / INDEX).is_file():
        if (home / bundle.NAME).is_file():
            raise NotAModelError(f"{home} holds one model, not one for each group; load it with RecurrentGAN.load")
        if home.is_dir() and any((path / NOTE).is_file() for path in home.iterdir()):
            raise NotAModelError(
                f"{home} holds models of groups but no {INDEX}: their fit has not come to its end; run it again, and "
                "what is whole is taken"
            )
        what = f"has no {INDEX}" if home.exists() else "does not exist"
        raise NotAModelError(f"{home} is no folder of models: it {what}; pass the folder that fit_each() was given")
    try:
        index: Index = bundle.unpack(json.loads((home / INDEX).read_text(encoding="utf-8")), {}, Index)
        for group in index.groups:
            if not FOLDER.fullmatch(group.folder) or group.shape != index.shape or not group.sequences:
                raise ValueError(f"the group {group.name} does not fit the others")
        if not index.groups:
            raise ValueError("there are no groups")
    except (OSError, ValueError, RecursionError) as error:
        raise CorruptModelError(f"{home / INDEX} cannot be read ({error}); fit the groups again") from error
    if gone := next((group for group in index.groups if not (home / group.folder / bundle.NAME).is_file()), None):
        raise CorruptModelError(f"{home}: the model of the group {gone.name} ({gone.folder}) is missing")
    return index
