"""Samples by Spark (https://spark.apache.org): each task draws a partition, block by block.

Tables go to Spark as Arrow's, since it does not know the pandas of today (`mapInArrow`, not `mapInPandas`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError
from ..tables.flat import schema_of, to_arrow
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
