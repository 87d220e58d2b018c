"""One model per group of a table, in one folder: what a worker does with a group's rows, and the index at the end.

The way of a fit, by whatever engine::

    begin(folder)                                               # where the work starts: the folder can be used
    group = fit_group(rows, by, folder, keys=keys, **params)    # in each worker: a model in a folder of its own
    models = finish(folder, groups, few="skip")                 # where the work ends: the index

A group's folder holds its model and, written after it, `group.json`; what has both is whole. `index.json` is written
last, beside and renamed: a folder without it is unfinished, and a second run takes the groups that are whole and were
fitted to the same rows with the same arguments. Nothing that was saved is replaced: other rows or arguments, and a
finished folder, are refused.

What a group's model is depends on its rows, its value and the arguments alone: its seed is made of `random_state` and
the value.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .. import bundle, unfinished
from ..errors import (
    CorruptModelError,
    InputError,
    ModelFileError,
    ParameterError,
    SchemaError,
    TsganError,
    TsganWarning,
    choose,
    number,
)
from ..tables.dtypes import plain
from ..tables.form import OUTER, free_name
from ..tables.formats.frame import NIXTLA, MultiIndex
from ..tables.keys import Keys
from ..tables.scan import values_of
from ..version import __version__
from .index import FOLDER, INDEX, NOTE, Group, Shape

FEWEST = 10  # rows of a group: fewer show hardly anything of what follows what
APART = ("verbose", "callbacks", "device")  # arguments that leave a model as it is


def columns_of(frame: Any, by: Any, params: Mapping[str, Any]) -> list[Any]:
    """Return the columns that `by` names, checked.

    Raises
    ------
    InputError
        If `frame` is no DataFrame of pandas.
    SchemaError
        If `by` names no column.
    ParameterError
        If `by` names no columns, or one that has another role.
    """
    if not isinstance(frame, pd.DataFrame):
        raise InputError(
            f"groups are told apart in a pandas DataFrame, got {type(frame).__name__}; read the table first, or turn "
            "it into one, for instance by to_pandas()"
        )
    if doubled := frame.columns[frame.columns.duplicated()].tolist():
        raise SchemaError(f"several columns are named {doubled[0]!r}; give each its own name")
    several = isinstance(by, list | tuple) and not (isinstance(by, tuple) and by in frame.columns)
    names = list(by) if several else [by]
    if not names or len(set(names)) < len(names):
        raise ParameterError(f"by={by!r} must name at least one column, and each once")
    for name in names:
        if name not in frame.columns:
            at = f"; it is a level of the index: make it a column by reset_index({name!r})"
            raise SchemaError(
                f"by={name!r} is not a column{at if name in frame.index.names else ''}; the table has "
                f"{list(frame.columns)}"
            )
        for role in ("entity", "time", "static", "exclude"):
            given = params.get(role)
            if name == given or (isinstance(given, list | tuple) and name in given):
                raise ParameterError(
                    f"by={name!r} is also named by {role}=; it is constant in each group and comes back by itself: "
                    f"leave it out of {role}="
                )
        if gone := int(frame[name].isna().sum()):
            raise InputError(f"the column {name!r} of by= is missing in {gone} rows; fill or drop them")
    return names


def prepared(
    df: Any, by: Any, folder: str | os.PathLike[str], few: str, least: int, params: Mapping[str, Any]
) -> tuple[list[Any], Path, dict[str, Any]]:
    """Check what `fit_each` was given; return the columns of `by`, the folder, and the arguments for workers.

    Raises
    ------
    InputError, SchemaError, ParameterError, ModelFileError
        If something cannot be used.
    """
    from ..estimator.recurrent_gan import RecurrentGAN, check_training
    from ..model.runtime import pick_device, streams

    choose("few", few, ("refuse", "skip"))
    number("least", least, 2, whole=True)
    model = RecurrentGAN(**params)
    if model.checkpoint is not None:
        raise ParameterError(
            f"checkpoint={model.checkpoint!r} is for one model; leave it out: what was fitted of the groups is taken "
            "up by a second run"
        )
    check_training(model.get_params(deep=False))
    pick_device(model.device)
    names = columns_of(df, by, params)
    if model.entity is None and model.time is None and set(df.columns) >= NIXTLA:
        params = {**params, "entity": "unique_id", "time": "ds"}
    seed = None if model.random_state is None else int(str(streams(model.random_state).entropy))
    return names, begin(folder), {**params, "random_state": seed, "verbose": False}


def begin(folder: str | os.PathLike[str]) -> Path:
    """Check that models of groups can be saved in a folder: new, empty, or one that a fit has left unfinished.

    Raises
    ------
    ModelFileError
        If it holds a whole set of models, or other things, or cannot be written to.
    """
    home = Path(folder)
    if home.exists() and not home.is_dir():
        raise ModelFileError(f"{home} is a file; models are saved in a folder: choose another path")
    if (home / INDEX).exists():
        raise ModelFileError(
            f"{home} holds a whole set of models, which is not replaced; choose another folder, or remove this one"
        )
    bundle.check(home / "group")
    strange = [path.name for path in home.iterdir() if not _ours(path)] if home.is_dir() else []
    if strange:
        raise ModelFileError(f"{home} holds other things ({sorted(strange)[0]}); choose a new or an empty folder")
    return home


def _ours(path: Path) -> bool:
    return bool(FOLDER.fullmatch(path.name) and path.is_dir()) or bool(unfinished.NAME.fullmatch(path.name))


def fit_group(
    rows: pd.DataFrame,
    by: Any,
    folder: str | os.PathLike[str],
    *,
    keys: Keys | None = None,
    least: int = FEWEST,
    **params: Any,
) -> Group:
    """Fit a group's model and save it, unless that is done already.

    Parameters
    ----------
    rows : DataFrame
        All rows of one group, the columns of `by` among them.
    by : str or list of str
    folder : path-like
        Of all models.
    keys : Keys, optional
        `Keys.fit` of the distinct entities of the whole table, if there is an entity: new ones are then none of them,
        and `Models` gives each but once.
    least : int
        Rows that a group must have.
    **params
        Arguments of `RecurrentGAN`; `random_state` is an int or None, and that of all groups.

    Returns
    -------
    Group
        That of a group that cannot be learned says why (`few`, `wrong`), and `finish` refuses it.

    Raises
    ------
    InputError, SchemaError, ParameterError
        If `by` does not fit the table, or the rows are of several groups.
    KeyboardInterrupt
        If training was interrupted: what is not learned to its end is not saved.
    """
    from ..estimator.recurrent_gan import RecurrentGAN

    group = described(rows, by, params, least)
    if group.few:
        return group
    try:
        if (whole := whole_group(folder, group)) is not None:
            return whole
        model = RecurrentGAN(**{**params, "random_state": group.seed})
        frame = _fitted_part(rows, group.shape)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", TsganWarning)
            model.fit(frame)
        if model.interrupted_:
            raise KeyboardInterrupt
        if keys is not None:
            model.take_keys(keys)
        drawn = model.sample(2, 2, random_state=0)
        categories = {name: kind for name, kind in drawn.dtypes.items() if name != group.shape.entity}
        categories = {name: kind for name, kind in categories.items() if isinstance(kind, pd.CategoricalDtype)}
        group = replace(
            group,
            sequences=_sequences(frame, group.shape),
            levels={name: (kind, _places(kind, frame[name].dtype)) for name, kind in categories.items()},
            told=tuple(dict.fromkeys(str(one.message) for one in caught)),
        )
        home = Path(folder) / group.folder
        model.save(home)
        unfinished.write_text(home / NOTE, group.text())
    except TsganError as error:
        return replace(group, wrong=str(error))
    except Exception as error:
        error.add_note(f"this came of the group {group.name}")
        raise
    return group


def described(rows: pd.DataFrame, by: Any, params: Mapping[str, Any], least: int = FEWEST) -> Group:
    """Return what is known of a group before it is learned; arguments and errors are those of `fit_group`."""
    from ..model.runtime import streams

    names = columns_of(rows, by, params)
    values = tuple(_plainly(rows[name]) for name in names)
    left_out = [*names, *(params.get("exclude") or ())]
    kept = [name for name in rows.columns if name not in left_out or name in names]
    entity = params.get("entity")
    if entity is None and (rows.index.names[0] == free_name(OUTER, rows.columns) or MultiIndex.fits(rows)):
        entity = rows.index.names[0] if rows.index.nlevels > 1 else None
    shape = Shape(
        tuple(names),
        tuple(rows[name].dtype for name in names),
        tuple(kept.index(name) for name in names),
        rows.index.nlevels == 1 and rows.index.name is None and pd.api.types.is_integer_dtype(rows.index.dtype),
        entity,
    )
    group = Group(shape, values, "", len(rows))
    seed = params.get("random_state")
    slug = re.sub(r"[^\w.=,-]+", "_", group.name.replace(", ", ","), flags=re.ASCII)[:60].lstrip(".")
    folder = f"{slug}-{group.digest.hex()[:8]}"
    seed = None if seed is None else group.seed_of(streams(seed).entropy)
    mark = _mark(_fitted_part(rows, shape), {**params, "random_state": seed})
    return replace(group, folder=folder, seed=seed, mark=mark, few=len(rows) < least)


def _sequences(frame: pd.DataFrame, shape: Shape) -> int:
    """Return how many sequences there are."""
    return 1 if shape.entity is None else int(values_of(frame, shape.entity).nunique())


def _plainly(column: pd.Series[Any]) -> bool | int | float | str:
    """Return the one value of a column as JSON can hold it."""
    first = column.iloc[:1]
    value = plain(first.tolist()[0])
    if (column != value).any():
        raise InputError(f"the rows of one group have several values in the column {column.name!r} of by=; pass one")
    made: bool | int | float | str = value if isinstance(value, bool | int | float | str) else str(value)
    try:
        back = pd.Series([made], dtype=column.dtype).tolist()[0]
    except (ValueError, TypeError):
        back = None
    if back != value:
        raise SchemaError(
            f"the column {column.name!r} of by= holds {type(value).__name__} values, which no index of models holds; "
            "turn them into text, for instance by .astype(str)"
        )
    return made


def _fitted_part(rows: pd.DataFrame, shape: Shape) -> pd.DataFrame:
    """Return what a group's model learns: without what is constant, and rows counted from 0."""
    frame = rows.drop(columns=list(shape.by))
    return frame.reset_index(drop=True) if shape.counted else frame


def _mark(frame: pd.DataFrame, params: Mapping[str, Any]) -> str:
    """Return a hash of rows and arguments."""
    told = {name: repr(value) for name, value in params.items() if name not in APART}
    kinds = [(repr(name), repr(kind)) for name, kind in frame.dtypes.items()]
    made = hashlib.sha256(json.dumps([__version__, kinds, told], sort_keys=True).encode())
    made.update(np.asarray(pd.util.hash_pandas_object(frame, categorize=False)).tobytes())
    return made.hexdigest()


def _places(kind: Any, among: Any) -> tuple[int, ...]:
    """Return where the levels that a model gives back stand among those of the table, others after them."""
    known = {level: place for place, level in enumerate(getattr(among, "categories", ()))}
    return tuple(known.get(level, len(known) + at) for at, level in enumerate(kind.categories))


def whole_group(folder: str | os.PathLike[str], group: Group) -> Group | None:
    """Return the group whose whole model lies in its folder, None if there is none.

    Raises
    ------
    ModelFileError
        If the model there was fitted to other rows or with other arguments.
    """
    home = Path(folder) / group.folder
    if not ((home / NOTE).is_file() and (home / bundle.NAME).is_file()):
        return None
    found = _read_note(home)
    if found.mark != group.mark:
        raise ModelFileError(
            f"{home} holds a model of other rows or arguments, which is not replaced; remove it, or choose another "
            "folder"
        )
    return found


def _read_note(home: Path) -> Group:
    try:
        return Group.read((home / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorruptModelError(
            f"{home / NOTE} cannot be read ({error}); remove {home} and fit the group again"
        ) from error
