"""Tables of Dask, Spark and Ray as frames of pandas, one after the other: a partition, or less, is in memory.

They are known by their names and methods; no engine is imported. Rows come to this machine through the engine, which
reaches it in any case: a temporary folder here would not be seen by workers elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

METHODS = {
    "dask": ("partitions", "npartitions"),
    "pyspark": ("mapInArrow", "toLocalIterator"),
    "ray": ("iter_batches",),
}
BATCH = 65_536  # rows


def engine_of(data: Any) -> str:
    """Return the engine that a table is of, "" if none."""
    name = type(data).__module__.split(".")[0]
    return name if name in METHODS and all(hasattr(data, method) for method in METHODS[name]) else ""


def frames_of_engine(data: Any, entity: Any, time: Any) -> Iterator[pd.DataFrame]:
    """Yield the rows of an engine's table, once.

    Those of Spark have no order of their own and are sorted by entity and time, as far as these are columns. Dates are
    moments at midnight.
    """
    engine = engine_of(data)
    if engine == "dask":
        return (part.compute() for part in data.partitions)
    if engine == "ray":
        return (
            batch.to_pandas(date_as_object=False)
            for batch in data.iter_batches(batch_size=BATCH, batch_format="pyarrow")
        )
    names = [name for name in (entity, time) if name in data.columns]
    return _of_spark(data.orderBy(*names) if names else data)


def _of_spark(data: Any) -> Iterator[pd.DataFrame]:
    """Yield batches of Arrow, each of which has travelled as one value: rows of Spark's own are slow and lose types."""
    import pyarrow as pa

    def packed(batches: Iterable[Any]) -> Iterator[Any]:  # inside, so that workers need no tsgan
        import pyarrow as pa

        for batch in batches:
            stream = pa.BufferOutputStream()
            with pa.ipc.new_stream(stream, batch.schema) as writer:
                writer.write_batch(batch)
            yield pa.RecordBatch.from_arrays([pa.array([stream.getvalue().to_pybytes()], pa.binary())], names=["rows"])

    for row in data.mapInArrow(packed, "rows binary").toLocalIterator(prefetchPartitions=True):
        frame: pd.DataFrame = pa.ipc.open_stream(row[0]).read_all().to_pandas(date_as_object=False)
        if len(frame):
            yield frame
