"""Models of groups that an engine brings together: what is checked at the start, done in a worker, done at the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd

from .. import bundle
from ..errors import ModelFileError, ParameterError
from ..tables.keys import Keys
from .groups import fit_group, prepared
from .index import Group, finish
from .models import Models


@dataclass(frozen=True)
class Job:
    """What workers need to learn groups.

    Attributes
    ----------
    by : list
        Columns that tell groups apart.
    home : str
        The folder of all models.
    least : int
        Rows that a group must have.
    order : list
        The columns that rows are sorted by: engines bring the rows of a group in any order.
    keys : Keys or None
        How new keys of the whole table are made.
    params : dict
        Arguments of `RecurrentGAN`.
    """

    by: list[Any]
    home: str
    least: int
    order: list[Any]
    keys: Keys | None
    params: dict[str, Any]

    @classmethod
    def of(
        cls,
        head: pd.DataFrame,
        by: Any,
        folder: str | os.PathLike[str],
        few: str,
        least: int,
        params: dict[str, Any],
        distinct: Callable[[Any], Any],
    ) -> Self:
        """Return the job, checked.

        Parameters
        ----------
        head : DataFrame
            The columns and dtypes of the table.
        by, folder, few, least, params
            See `local.fit_each`.
        distinct : callable
            Returns the distinct values of a column.

        Raises
        ------
        InputError, SchemaError, ParameterError, ModelFileError
            As `local.fit_each`; also if no column orders the rows.
        """
        names, home, given = prepared(head, by, folder, few, least, params)
        time, entity = params.get("time"), params.get("entity")
        if time not in head.columns:
            raise ParameterError(
                f"time={time!r} is not allowed; engines bring the rows of a group in any order, so time= must name the "
                f"column that orders them; the table has {list(head.columns)}"
            )
        keys, order = None, [time]
        if entity in head.columns:
            keys, order = (
                Keys.fit(pd.Index(pd.Series(distinct(entity), dtype=head[entity].dtype).sort_values())),
                [entity, time],
            )
        return cls(names, str(home.resolve()), int(least), order, keys, given)

    def fit(self, rows: pd.DataFrame) -> str:
        """Learn one group in a worker; return `Group.text`."""
        rows = rows.sort_values(self.order, kind="stable", ignore_index=True)
        return fit_group(rows, self.by, self.home, keys=self.keys, least=self.least, **self.params).text()

    def fit_all(self, rows: pd.DataFrame) -> list[str]:
        """Learn all groups of rows that a worker has."""
        return [self.fit(group) for _, group in rows.groupby(self.by, observed=True, dropna=False)]

    def end(self, texts: Iterable[str], few: str) -> Models:
        """Write the index.

        Raises
        ------
        ModelFileError
            If workers have saved their models elsewhere.
        InputError, SchemaError
            As `finish`.
        """
        groups = [Group.read(text) for text in texts]
        saved = [group for group in groups if not group.few and not group.wrong]
        if lost := [group for group in saved if not (Path(self.home) / group.folder / bundle.NAME).is_file()]:
            raise ModelFileError(
                f"{self.home}: workers have saved {len(lost)} models that are not here, as that of {lost[0].name}; "
                "name a folder that all workers and this machine see at the same path"
            )
        finish(self.home, groups, few=few)
        return Models.load(self.home)
