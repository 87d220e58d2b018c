"""What the judge costs: the classic scores against their plain loop, each metric by itself, and how cost grows.

    python benchmarks/judge.py [PART ...] [--threads 2]

`classic`: the discriminative and the predictive score, five repeats of the papers' 2000 and 5000 steps, trained side by
side and one after the other, in one run. `stocks` and `energy`: seconds of each metric on the real series against
itself with a little noise (their windows of 24 steps; all of them), the default set and everything. `wide`: the same on
20,000 simulated windows of 24 x 28. `rows`: the default set on ever more simulated rows, beside the smallest.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FILES = {"stocks": "stock_data.csv", "energy": "energy_data.csv.gz"}


def series(name: str) -> np.ndarray | None:
    """Return a benchmark series `(time, columns)`, or None with a word about where it is looked for."""
    path = Path(os.environ.get("TSGAN_DATA", "../shared/data")) / FILES[name]
    if not path.exists():
        print(f"{name}: skipped, {path} is missing; set TSGAN_DATA to the folder that holds {FILES[name]}")
        return None
    return pd.read_csv(path).select_dtypes("number").to_numpy(float)


def walk(rows: int, columns: int) -> np.ndarray:
    """Return random walks that are pulled back to zero."""
    from scipy.signal import lfilter

    noise: np.ndarray = lfilter([1.0], [1.0, -0.95], np.random.default_rng(0).normal(size=(rows, columns)), axis=0)
    return noise


def shaken(real: np.ndarray) -> np.ndarray:
    """Return a synthetic table: the real one with noise of a tenth of each column's spread."""
    return real + 0.1 * real.std(axis=0) * np.random.default_rng(1).normal(size=real.shape)


def classic() -> None:
    """Five repeats side by side, and one after the other."""
    from tsgan.evaluation.judges.papers import discriminative_score, predictive_score

    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "evaluation" / "judges"))
    from plain_judges import plain_discriminative, plain_predictive

    stocks = series("stocks")
    real = walk(3685, 6) if stocks is None else stocks
    tables = []
    for table in (real, shaken(real)):
        scaled = (table - real.min(axis=0)) / np.ptp(real, axis=0)
        tables.append(
            np.lib.stride_tricks.sliding_window_view(scaled, 24, axis=0).transpose(0, 2, 1).astype(np.float32)
        )
    print(f"classic scores, {len(tables[0])} windows of 24 x 6, 5 repeats")
    spent = []
    for name, batched, plain in (
        ("discriminative", discriminative_score, plain_discriminative),
        ("predictive", predictive_score, plain_predictive),
    ):
        began = time.perf_counter()
        ours = batched(*tables, repeats=5).mean
        middle = time.perf_counter()
        theirs = float(np.mean([plain(*tables, random_state=seed) for seed in range(5)]))
        seconds = middle - began, time.perf_counter() - middle
        spent.append(seconds)
        print(
            f"  {name:<16} side by side {seconds[0]:6.1f} s ({ours:.4f})   one after the other {seconds[1]:6.1f} s "
            f"({theirs:.4f})   {seconds[1] / seconds[0]:.1f} times as fast",
            flush=True,
        )
    ours, theirs = (sum(column) for column in zip(*spent, strict=True))
    print(f"  the pair: {theirs / ours:.1f} times as fast")


def metrics(name: str, real: np.ndarray) -> None:
    """Seconds of each metric by itself, of the default set and of everything."""
    from tsgan.evaluation.case import prepare
    from tsgan.evaluation.metrics import METRICS

    rest = len(real) * 3 // 4
    case = prepare(real, shaken(real), real[rest:], window=24, target="x0", sensitive="x0")
    print(f"{name}: {len(case.real)} windows of 24 x {case.channels} a side")
    total = {True: 0.0, False: 0.0}
    for metric in METRICS.values():
        began = time.perf_counter()
        result = metric.measure(case, 5)
        seconds = time.perf_counter() - began
        total[metric.default and not metric.needs] += seconds
        print(f"  {metric.name:<24} {seconds:7.1f} s   {result.grade}", flush=True)
    print(f"  default set {total[True]:.1f} s, everything {sum(total.values()):.1f} s", flush=True)


def rows() -> None:
    """The default set on more and more rows."""
    from tsgan import evaluate

    first = None
    for count in (4_000, 8_000, 16_000, 32_000, 64_000):
        real = walk(count, 6)
        began = time.perf_counter()
        report: Any = evaluate(real, shaken(real), window=24)
        seconds = time.perf_counter() - began
        first = first or seconds
        print(f"rows: {count:>6} rows {seconds:7.1f} s   {seconds / first:5.2f} times   {'; '.join(report.case.notes)}")


def main() -> None:
    """Run the parts that were asked for."""
    parts = ("classic", "stocks", "energy", "wide", "rows")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"which of {', '.join(parts)} (default: all)")
    parser.add_argument("--threads", type=int, default=2, help="threads that torch and numpy may use (default: 2)")
    args = parser.parse_args()
    if unknown := sorted(set(args.parts) - set(parts)):
        parser.error(f"unknown part {unknown[0]!r}; choose from {', '.join(parts)}")
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(args.threads)
    with threadpool_limits(args.threads):
        for name in args.parts or parts:
            if name == "classic":
                classic()
            elif name == "rows":
                rows()
            elif name == "wide":
                metrics(name, walk(20_023, 28))
            elif (real := series(name)) is not None:
                metrics(name, real)


if __name__ == "__main__":
    main()
