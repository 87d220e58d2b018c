"""Samples by Dask (https://docs.dask.org): each partition of a DataFrame is drawn where it is computed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from .apart import Job
from .groups import FEWEST
from .models import Models
from .plan import Plan, missing

try:
    import dask.dataframe as dd
    from dask.dataframe.dispatch import make_meta
    from dask.dataframe.utils import clear_known_categories
except ImportError as error:
    raise missing("dask", error) from error

if TYPE_CHECKING:
    from ..estimator.base import RandomState


def sample(
    model: str | os.PathLike[str],
    n: int,
    partitions: int | None = None,
    length: int | None = None,
    *,
    start: Any = None,
    where: Mapping[str, Any] | None = None,
    random_state: RandomState = None,
) -> dd.DataFrame:
    """Draw synthetic sequences as a Dask DataFrame: the rows of `RecurrentGAN.sample`, in its order.

    Nothing is drawn before it is computed. A partition is in memory as a whole; one that a worker lost is computed
    again alone and has the same rows.

    Parameters
    ----------
    model : path-like
        The folder of a saved model, which all workers see at this path. Each process loads it once, onto the CPU.
    n : int
        Number of sequences.
    partitions : int, optional
        How many there are; by default they have about half a million rows each. They are cut where blocks of random
        numbers end (of at most 4096 sequences), so there are no more than blocks.
    length, start, where, random_state
        As in `RecurrentGAN.sample`. None for `random_state` is drawn here, once.

    Returns
    -------
    dask DataFrame
        Columns and dtypes of the fitted table (text as `dataframe.convert-string` of Dask's configuration says). Levels
        of an index that has names, moments or several levels are its first columns; rows are counted within each
        partition. Categories are unknown until computed.

    Raises
    ------
    ModelFileError
        If the model cannot be read, here or by a worker.
    ParameterError
        If an argument has a value that is not allowed.
    """
    plan = Plan.of(model, n, partitions, length, start, where, random_state)
    meta = clear_known_categories(plan.example().head(0))
    return dd.from_map(_partition, range(plan.partitions), args=(plan,), meta=meta, label="tsgan-sample")


def _partition(number: int, plan: Plan) -> pd.DataFrame:
    (frame,) = plan.pieces(number, whole=True)
    return frame


def fit_each(
    df: dd.DataFrame,
    by: Any,
    folder: str | os.PathLike[str],
    *,
    few: str = "refuse",
    least: int = FEWEST,
    **params: Any,
) -> Models:
    """Fit one `RecurrentGAN` to each group of a table of Dask, and save all in one folder; see `tsgan.fit_each`.

    A group's rows come to one worker, in any order, and are sorted by entity and time; its model is that which
    `tsgan.fit_each` learns of the table sorted so. Arguments are those of `tsgan.fit_each`, but that `time` must name a
    column, and the folder be at a place that this machine and all workers see at this path. Groups with too few rows
    are an error after the others are saved.

    Raises
    ------
    InputError, SchemaError, ParameterError, ModelFileError
        As `tsgan.fit_each`; also if workers saved their models where this machine does not see them.
    """
    job = Job.of(make_meta(df), by, folder, few, least, params, lambda name: df[name].drop_duplicates().compute())
    texts = df.shuffle(on=job.by).map_partitions(
        lambda rows: pd.Series(job.fit_all(rows), dtype=object), meta=(None, object)
    )
    return job.end(texts.compute(), few)
