"""One model per group of a table, side by side in processes of this machine (joblib, which scikit-learn brings)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from ..errors import number
from ..tables.form import told_apart
from ..tables.keys import Keys
from ..tables.scan import values_of
from .groups import FEWEST, described, fit_group, prepared, whole_group
from .index import Group, finish, refuse_few
from .models import Models


def fit_each(
    df: pd.DataFrame,
    by: Any,
    folder: str | os.PathLike[str],
    *,
    n_jobs: int = 1,
    few: str = "refuse",
    least: int = FEWEST,
    told: Callable[[Group], None] | None = None,
    **params: Any,
) -> Models:
    """Fit one `RecurrentGAN` to each group of a table, and save all in one folder.

    A group's model depends on its rows and its value, not on `n_jobs`, the order of the groups or the other groups;
    only new keys of an entity are made as for the whole table. A fit that was stopped goes on where it was if it is
    called again with the same rows and arguments (and an int, or None, as `random_state`).

    Parameters
    ----------
    df : DataFrame
        Of pandas.
    by : str or list of str
        Columns that tell groups apart. The models do not learn them; they come back with their values and dtypes.
    folder : path-like
        New, empty, or left unfinished. The values of `by` stand in it as they are.
    n_jobs : int
        Processes that fit side by side; -1 for as many as there are cores.
    few : {"refuse", "skip"}
        What becomes of groups with too few rows: an error that lists them, before anything is fitted, or a warning.
    least : int
        Rows that a group must have.
    told : callable, optional
        Is called with each group that is done.
    **params
        Arguments of `RecurrentGAN`, the same for all groups; `random_state` seeds each by its value.

    Returns
    -------
    Models
        What `Models.load(folder)` returns.

    Raises
    ------
    InputError, SchemaError, ParameterError
        If the table, `by` or an argument cannot be used; if groups have too few rows, or cannot be learned: the text
        names them. The others stay in the folder for the next call.
    ModelFileError
        If the folder holds a whole set of models, models of other rows or arguments, or other things.

    Warns
    -----
    TsganWarning
        Of groups that are left out, and of what the fit of a group warns of.
    """
    from joblib import Parallel, delayed

    if n_jobs != -1:
        number("n_jobs", n_jobs, 1, whole=True)
    names, home, params = prepared(df, by, folder, few, least, params)
    parts = [rows for _, rows in df.groupby(names, observed=True, sort=True)]
    groups = [described(rows, names, params, int(least)) for rows in parts]
    if few == "refuse":
        refuse_few(groups, few)
    done = [group if group.few else whole_group(home, group) for group in groups]
    left = [rows for rows, group in zip(parts, done, strict=True) if group is None]
    settings = {"keys": _keys(df, groups), "least": int(least), **params}
    # Without memory maps, whose arrays are read-only: a group's rows are no larger than what learns them.
    side_by_side = Parallel(n_jobs, return_as="generator_unordered", max_nbytes=None)
    found = [group for group in done if group is not None]
    for group in side_by_side(delayed(fit_group)(rows, names, home, **settings) for rows in left):
        found.append(group)
        if told is not None:
            told(group)
    finish(home, found, few=few)
    return Models.load(home)


def _keys(df: pd.DataFrame, groups: Sequence[Group]) -> Keys | None:
    """Return how new keys of the whole table are made, None where no entity has one."""
    entity = groups[0].shape.entity if groups else None
    if entity is None or not (entity in df.columns or entity in df.index.names):
        return None  # of a strange entity each group's fit tells
    keys = told_apart(values_of(df, entity), entity)[1]
    return Keys.fit(pd.Index(keys))
