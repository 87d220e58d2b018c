"""How fast samples are drawn by engines, that memory stays flat, and that the rows are those of one process.

    python benchmarks/scale.py [dask] [ray] [spark] [--rows 2_000_000] [--workers 1 2]
    python benchmarks/scale.py --check [dask] [ray] [spark] [--rows 1_000_000]
    python benchmarks/scale.py --parquet [--rows 10_000_000 100_000_000] [--folder DIR]

The first prints rows a second of workers that have started and loaded the model, beside one process that draws the same
rows piece by piece; figures of one run compare. `--check` compares hashes of rows, block by block and in
their order, with those of one process. `--parquet` writes by Dask on two workers, and prints the most that each has
held. Each figure is of processes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ENGINES = ("dask", "ray", "spark")
LENGTH = 100  # steps of each sequence
HASHED = 100_000  # rows under one hash


def fitted(path: str) -> None:
    """Save a model: units with a static category and an age, three numbers, a state, days."""
    from tsgan import RecurrentGAN, datasets

    roles: Any = {"entity": "unit", "time": "day", "static": ["site", "age"]}
    RecurrentGAN(steps=0, random_state=0, **roles).fit(datasets.load("regime_panel")).save(path)


def plain(path: str, rows: int, workers: int) -> float:
    """Draw in this process; return seconds."""
    from tsgan import RecurrentGAN

    model = RecurrentGAN.load(path)
    began = time.perf_counter()
    for _ in model.sample_iter(rows // LENGTH, 1, LENGTH, random_state=0):
        pass
    return time.perf_counter() - began


def dask(path: str, rows: int, workers: int) -> float:
    """Draw by processes of Dask."""
    from distributed import Client, LocalCluster

    from tsgan import scale

    def draw(rows: int, parts: int | None) -> None:
        drawn = scale.dask.sample(path, rows // LENGTH, parts, LENGTH, random_state=0)
        client.gather(client.compute(drawn.map_partitions(len, meta=(None, object)).to_delayed()))

    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        return timed(draw, rows, workers)


def ray(path: str, rows: int, workers: int) -> float:
    """Draw by processes of Ray."""
    import ray as engine

    from tsgan import scale

    def draw(rows: int, parts: int | None) -> None:
        drawn = scale.ray.sample(path, rows // LENGTH, parts, LENGTH, random_state=0)
        drawn.map_batches(lambda table: table.slice(0, 0), batch_format="pyarrow", batch_size=None).materialize()

    engine.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    engine.data.DataContext.get_current().enable_progress_bars = False
    return timed(draw, rows, workers)


def spark(path: str, rows: int, workers: int) -> float:
    """Draw by processes of Spark."""
    from tsgan import scale

    def draw(rows: int, parts: int | None) -> None:
        drawn = scale.spark.sample(session, path, rows // LENGTH, parts, LENGTH, random_state=0)
        drawn.mapInArrow(lambda batches: (batch.slice(0, 0) for batch in batches), drawn.schema).collect()

    session = _session(workers)
    return timed(draw, rows, workers)


def timed(draw: Callable[[int, int | None], None], rows: int, workers: int) -> float:
    """Return the seconds of a draw by workers that have loaded the model."""
    draw(200_000, 4 * workers)
    began = time.perf_counter()
    draw(rows, None)
    return time.perf_counter() - began


def _session(workers: int) -> Any:
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(f"local[{workers}]").config("spark.ui.enabled", "false")
    session = builder.config("spark.driver.memory", "4g").getOrCreate()  # through which `--check` reads partitions
    session.sparkContext.setLogLevel("OFF")
    return session


def hashes(engine: str, path: str, rows: int) -> list[int]:
    """Return a hash of every `HASHED` rows, in the order in which the engine gives them."""
    import numpy as np
    import pandas as pd

    from tsgan import RecurrentGAN, scale

    options: Any = {"length": LENGTH, "random_state": 0}
    n = rows // LENGTH
    frames: Iterable[Any]
    if engine == "plain":
        frames = RecurrentGAN.load(path).sample_iter(n, 1, **options)
    elif engine == "dask":
        from distributed import Client, LocalCluster

        cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
        client, drawn = Client(cluster), scale.dask.sample(path, n, **options)
        frames = (client.compute(part).result() for part in drawn.to_delayed())
    elif engine == "ray":
        import ray as it

        it.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        it.data.DataContext.get_current().enable_progress_bars = False
        frames = scale.ray.sample(path, n, **options).iter_batches(batch_size=None, batch_format="pandas")
    else:
        from tsgan.tables.engines import frames_of_engine

        frames = frames_of_engine(scale.spark.sample(_session(2), path, n, **options), None, None)
    found: list[int] = []
    at = 0
    for frame in frames:
        row = pd.util.hash_pandas_object(_plainly(frame), index=False).to_numpy()
        place = np.arange(at, at + len(row), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # the order counts
        for block in range(at // HASHED, (at + len(row) - 1) // HASHED + 1):
            here = slice(max(block * HASHED - at, 0), max((block + 1) * HASHED - at, 0))
            found += [0] * (block + 1 - len(found))
            found[block] = (found[block] + int((row[here] ^ place[here]).sum())) % 2**64
        at += len(row)
    assert at == n * LENGTH, at
    return found


def _plainly(frame: Any) -> Any:
    """Return a table in plain dtypes: engines hold text and whole numbers in dtypes of their own."""
    from pandas.api import types

    def plain(column: Any) -> Any:
        if types.is_datetime64_any_dtype(column.dtype):
            return column.astype("datetime64[us]")
        if types.is_integer_dtype(column.dtype):
            return column.astype("int64")
        return column.astype("float64" if types.is_float_dtype(column.dtype) else object)

    return frame.apply(plain)


def parquet(path: str, rows: int, folder: str) -> dict[str, float]:
    """Write Parquet by Dask on two workers; return seconds, and MiB that a worker and this process held at most."""
    import resource

    from distributed import Client, LocalCluster

    from tsgan import scale

    def held() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        began = time.perf_counter()
        drawn = scale.dask.sample(path, rows // LENGTH, length=LENGTH, random_state=0)
        drawn.to_parquet(folder, write_index=False)
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "worker": max(client.run(held).values()), "here": held()}


def child(*call: Any) -> Any:
    """Run a function of this file in a process of its own."""
    words = [sys.executable, __file__, "--child", json.dumps(call)]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode:
        raise SystemExit(f"{call}: {done.stderr.strip()[-2000:] or done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help="dask, ray, spark (default: all)")
    parser.add_argument("--rows", nargs="+", type=int)
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--check", action="store_true", help="whether the rows are those of one process")
    parser.add_argument("--parquet", action="store_true", help="write by Dask on two workers, and measure memory")
    parser.add_argument("--folder", help="where to write (default: a temporary folder)")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        name, *rest = json.loads(args.child)
        print(json.dumps(globals()[name](*rest)))
        return
    engines = args.engines or list(ENGINES)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = f"{folder}/model"
        child("fitted", path)
        if args.check:
            rows = (args.rows or [1_000_000])[0]
            whole = child("hashes", "plain", path, rows)
            print("| engine | rows | hashes | same |\n|---|---|---|---|")
            same = []
            for engine in engines:
                found = child("hashes", engine, path, rows)
                same.append(found == whole)
                print(f"| {engine} | {rows:,} | {len(whole)} | {'yes' if same[-1] else 'NO'} |", flush=True)
            raise SystemExit(not all(same))
        if args.parquet:
            print("| rows | seconds | rows/s | peak MiB of a worker | of the driver | MiB |\n|---|---|---|---|---|---|")
            for rows in args.rows or [2_000_000, 10_000_000]:
                found = child("parquet", path, rows, out := f"{folder}/{rows}")
                size = sum(file.stat().st_size for file in Path(out).iterdir()) / 2**20
                seconds, worker, here = (found[name] for name in ("seconds", "worker", "here"))
                print(f"| {rows:,} | {seconds:.0f} | {rows / seconds:,.0f} | {worker:.0f} | {here:.0f} | {size:.0f} |")
            return
        rows = (args.rows or [2_000_000])[0]
        alone = child("plain", path, rows, 1)
        print("| engine | workers | rows/s | times one process |\n|---|---|---|---|")
        print(f"| one process | 1 | {rows / alone:,.0f} | 1.0 |", flush=True)
        for engine in engines:
            for workers in args.workers:
                seconds = child(engine, path, rows, workers)
                print(f"| {engine} | {workers} | {rows / seconds:,.0f} | {alone / seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
