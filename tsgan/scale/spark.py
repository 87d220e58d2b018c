"""Samples by Spark (https://spark.apache.org): each task draws a partition, block by block.

Tables go to Spark as Arrow's, since it does not know the pandas of today (`mapInArrow`, not `mapInPandas`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError
from ..tables.flat import schema_of, text_table, to_arrow
from .apart import Job
from .groups import FEWEST
from .models import Models
from .plan import Plan, missing

try:
    from pyspark.sql.pandas.types import from_arrow_schema
except ImportError as error:
    raise missing("spark", error) from error

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from ..estimator.base import RandomState


def sample(
    spark: SparkSession,
    model: str | os.PathLike[str],
    n: int,
    partitions: int | None = None,
    length: int | None = None,
    *,
    start: Any = None,
    where: Mapping[str, Any] | None = None,
    random_state: RandomState = None,
) -> DataFrame:
    """Draw synthetic sequences as a Spark DataFrame: the rows of `RecurrentGAN.sample`, in its order.

    Nothing is drawn before an action asks for it, and each action draws it again, the same. A task that a worker lost
    is run again alone and draws the same rows.

    Parameters
    ----------
    spark : SparkSession
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
    pyspark.sql.DataFrame
        With the columns of the fitted table in the nearest types that Spark has: categories as their values, moments in
        microseconds, unsigned numbers in wider signed ones. Levels of an index that has names, moments or several
        levels are its first columns.

    Raises
    ------
    ModelFileError
        If the model cannot be read, here or by a worker.
    ParameterError
        If an argument has a value that is not allowed.
    """
    if not hasattr(spark, "sparkContext") and not hasattr(spark, "createDataFrame"):
        raise ParameterError(
            f"spark is a {type(spark).__name__}; it must be a SparkSession, for instance "
            "SparkSession.builder.getOrCreate()"
        )
    plan = Plan.of(model, n, partitions, length, start, where, random_state)
    schema = schema_of(plan.example(), spark=True)

    def draw(numbers: Iterator[Any]) -> Iterator[Any]:
        for batch in numbers:
            for number in batch.column(0).to_pylist():
                for frame in plan.pieces(number):
                    yield from to_arrow(frame, schema).to_batches()

    numbers = spark.range(0, plan.partitions, numPartitions=plan.partitions)
    return numbers.mapInArrow(draw, from_arrow_schema(schema))


def fit_each(
    df: DataFrame,
    by: Any,
    folder: str | os.PathLike[str],
    *,
    few: str = "refuse",
    least: int = FEWEST,
    **params: Any,
) -> Models:
    """Fit one `RecurrentGAN` to each group of a table of Spark, and save all in one folder; see `tsgan.fit_each`.

    A group's rows come to one worker, in any order, and are sorted by entity and time; its model is that which
    `tsgan.fit_each` learns of the table sorted so. Arguments are those of `tsgan.fit_each`, but that `time` must name a
    column, and the folder be at a place that this machine and all workers see at this path. Groups with too few rows
    are an error after the others are saved.

    Raises
    ------
    InputError, SchemaError, ParameterError, ModelFileError
        As `tsgan.fit_each`; also if workers saved their models where this machine does not see them.
    """

    def distinct(name: Any) -> Any:
        return df.select(name).distinct().toArrow().column(0).to_pandas()

    job = Job.of(df.limit(0).toArrow().to_pandas(date_as_object=False), by, folder, few, least, params, distinct)

    def fit(rows: Any) -> Any:
        return text_table([job.fit(rows.to_pandas(date_as_object=False))])

    done = df.groupBy(*job.by).applyInArrow(fit, "text string")
    return job.end((row[0] for row in done.collect()), few)
