"""What a GPU brings, beside one CPU core of the same machine, at three sizes of network.

    python benchmarks/gpu.py [--batch 128] [--hidden 64 256 1024] [--seconds 3]

Steps of training a second in the first stage (likelihood) and the second (eight steps of the critic, one of the
generator, a share of the free runs), and windows drawn a second; all of 24 steps and 6 columns, units of the chain as
many as the recurrent state has. The CPU draws one block of 512 windows, a GPU as many blocks of 4096 at once as
`sample` asks of it. Seconds are the clock's, so that the machine must be idle. Without a GPU only the CPU's column is
printed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from speed import table

from tsgan.layout import Layout, Number
from tsgan.model.adversary import AdversarialSettings, AdversarialSteps
from tsgan.model.base import fit_base
from tsgan.model.chunks import ChunkSource
from tsgan.model.generator import Generator, Sizes
from tsgan.model.likelihood import Learner, LikelihoodSettings, Split
from tsgan.model.model import MANY_BLOCKS
from tsgan.model.rollout import free_runs
from tsgan.model.runtime import generator_of, in_use, isolated, on, pick_device
from tsgan.panel import Panel

WINDOW, COLUMNS, ROWS = 24, 6, 6000
BLOCK, FEW = 4096, 512  # windows of a block of `sample`, and windows that one core is asked for
ROW = "{:>6}  {:<34} {:>14} {:>14} {:>8}"


def rate(call: Callable[[], Any], seconds: float) -> float:
    """Return how often a call is done in a second, after one to warm up; twice at least."""
    call()
    wait()
    began, done = time.perf_counter(), 0
    while done < 2 or time.perf_counter() - began < seconds:
        call()
        done += 1
    wait()
    return done / (time.perf_counter() - began)


def wait() -> None:
    """Wait for what is queued on the device in use."""
    if in_use().type == "cuda":
        torch.cuda.synchronize()


def measured(hidden: int, batch: int, seconds: float) -> dict[str, float]:
    """Return what is done in a second on the device in use."""
    layout = Layout(tuple(Number(f"x{j}") for j in range(COLUMNS)), stretches=True)
    source = ChunkSource(Panel.from_dense(table(ROWS)[None]))
    rng = np.random.default_rng(0)
    with isolated(np.random.SeedSequence(0)):
        base = fit_base(layout, lambda seen: source.sweep(64, seen, WINDOW), 6, rng)
        generator = Generator(layout, base, Sizes(hidden=hidden, units=hidden))
    generator.moved().set_dropout(0.3)
    split = Split.of(source, np.arange(ROWS - WINDOW + 1), WINDOW, True)
    learner = Learner(generator.train(), split, LikelihoodSettings(batch=batch), rng)
    found = {f"steps/s, first stage, {batch} windows": rate(lambda: learner.step(1e-4), seconds)}
    players = AdversarialSteps(generator.eval(), split, AdversarialSettings(batch=batch), np.random.SeedSequence(1))
    taken = iter(range(10**9))
    found[f"steps/s, second stage, {batch} windows"] = rate(lambda: players.step(next(taken)), seconds)
    sizes = [FEW] if in_use().type == "cpu" else [BLOCK] * MANY_BLOCKS
    nothing = [(np.zeros((n, 0)), np.zeros((n, WINDOW, 0), dtype=np.float32)) for n in sizes]
    generator.eval()
    draws = rate(lambda: free_runs(generator, [(*given, generator_of(0)) for given in nothing]), seconds)
    found["windows/s, drawn"] = draws * sum(sizes)
    return found


def main() -> None:
    """Measure each size on one core, and on a GPU if there is one."""
    parser = argparse.ArgumentParser(description="What a GPU brings, beside one CPU core of the same machine.")
    parser.add_argument("--batch", type=int, default=128, help="windows of a step of training (default: 128)")
    parser.add_argument("--hidden", type=int, nargs="+", default=[64, 256, 1024], help="sizes of the recurrent state")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement at least (default: 3)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    device = pick_device("auto")
    gpu = device.type == "cuda"
    print(torch.cuda.get_device_name(device) if gpu else "no GPU that torch can use is here: the CPU's column alone")
    print(ROW.format("hidden", "", "one CPU core", "GPU" if gpu else "", "ratio" if gpu else ""), flush=True)
    for hidden in args.hidden:
        core = measured(hidden, args.batch, args.seconds)
        there: dict[str, float] = {}
        if gpu:
            with on(device):
                there = measured(hidden, args.batch, args.seconds)
        for what, count in core.items():
            other = there.get(what)
            beside = ("", "") if other is None else (f"{other:,.2f}", f"{other / count:.1f}")
            print(ROW.format(hidden, what, f"{count:,.2f}", *beside), flush=True)


if __name__ == "__main__":
    main()
