"""Samples by Ray (https://docs.ray.io): each read task of a Dataset draws a partition, block by block."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..tables.flat import schema_of, to_arrow
from .apart import Job
from .groups import FEWEST
from .models import Models
from .plan import Plan, missing

try:
    import ray.data
    from ray.data import Datasource, ReadTask
    from ray.data.block import BlockMetadata
except ImportError as error:
    raise missing("ray", error) from error

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
) -> ray.data.Dataset:
    """Draw synthetic sequences as a Ray Dataset: the rows of `RecurrentGAN.sample`, in its order.

    Nothing is drawn before it is consumed, and what has been consumed need not stay: memory is that of some blocks. A
    partition that a worker lost is drawn again alone and has the same rows.

    Parameters
    ----------
    model : path-like
        The folder of a saved model, which all workers see at this path. Each process loads it once, onto the CPU.
    n : int
        Number of sequences.
    partitions : int, optional
        Tasks; by default they draw about half a million rows each. They are cut where blocks of random numbers end (of
        at most 4096 sequences), so there are no more than blocks.
    length, start, where, random_state
        As in `RecurrentGAN.sample`. None for `random_state` is drawn here, once.

    Returns
    -------
    ray.data.Dataset
        Of Arrow tables with the columns of the fitted table, categories as their values. Levels of an index that has
        names, moments or several levels are its first columns.

    Raises
    ------
    ModelFileError
        If the model cannot be read, here or by a worker.
    ParameterError
        If an argument has a value that is not allowed.
    """
    plan = Plan.of(model, n, partitions, length, start, where, random_state)
    dataset = ray.data.read_datasource(_Drawn(plan), override_num_blocks=plan.partitions)
    dataset.context.execution_options.preserve_order = True  # tasks end in any order
    return dataset


def fit_each(
    df: ray.data.Dataset,
    by: Any,
    folder: str | os.PathLike[str],
    *,
    few: str = "refuse",
    least: int = FEWEST,
    **params: Any,
) -> Models:
    """Fit one `RecurrentGAN` to each group of a table of Ray, and save all in one folder; see `tsgan.fit_each`.

    A group's rows come to one worker, in any order, and are sorted by entity and time; its model is that which
    `tsgan.fit_each` learns of the table sorted so. Arguments are those of `tsgan.fit_each`, but that `time` must name a
    column, and the folder be at a place that this machine and all workers see at this path. Groups with too few rows
    are an error after the others are saved.

    Raises
    ------
    InputError, SchemaError, ParameterError, ModelFileError
        As `tsgan.fit_each`; also if workers saved their models where this machine does not see them.
    """
    (head, *_) = ray.get(df.limit(1).to_arrow_refs())
    job = Job.of(head.to_pandas(date_as_object=False), by, folder, few, least, params, df.unique)

    def fit(rows: Any) -> dict[str, list[str]]:
        return {"group": [job.fit(rows.to_pandas(date_as_object=False))]}

    done = df.groupby(job.by).map_groups(fit, batch_format="pyarrow")
    return job.end((row["group"] for row in done.take_all()), few)


class _Drawn(Datasource):  # type: ignore[misc]  # Ray's types are not read
    """What Ray reads: a plan, one task for each of its partitions."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        example = plan.example()
        self._plan, self._schema = plan, schema_of(example)
        self._bytes = int(plan.rows * to_arrow(example, self._schema).nbytes / len(example))

    def get_name(self) -> str:
        """Return what Ray calls it."""
        return "TsganSample"

    def estimate_inmemory_data_size(self) -> int:
        """Return bytes, at most."""
        return self._bytes * self._plan.partitions

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
        """Return a task for each partition, however many are asked for."""
        size = BlockMetadata(num_rows=None, size_bytes=self._bytes, exec_stats=None)
        return [ReadTask(self._task(at), size, schema=self._schema) for at in range(self._plan.partitions)]

    def _task(self, partition: int) -> Callable[[], Iterator[Any]]:
        plan, schema = self._plan, self._schema
        return lambda: (to_arrow(frame, schema) for frame in plan.pieces(partition))
