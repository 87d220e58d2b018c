"""How fast tsgan is, as ratios within one run.

    python benchmarks/speed.py [--quick] [--threads 1]

What is compared is run in turn, again and again, and the medians are set against each other: a busy machine slows both.
Seconds are the process's own (with one thread: what an idle machine would take), those of whole processes the wall
clock's. The last column says what stands beside tsgan's figure; a ratio above 1 means that tsgan is the faster one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

SIZES = ((64, 24, 5, 64), (128, 24, 28, 96), (128, 96, 7, 128))  # windows, steps, columns, hidden
ROW = "{:<64} {:>10} {:>12} {:>6}  {}"


def medians(repeats: int, *calls: Callable[[], Any], clock: Callable[[], float] = time.process_time) -> list[float]:
    """Return the median seconds of each call, all called in turn, after one round to warm up."""
    spent: list[list[float]] = [[] for _ in calls]
    for turn in range(repeats + 1):
        for call, seconds in zip(calls, spent, strict=True):
            began = clock()
            call()
            if turn:
                seconds.append(clock() - began)
    return [statistics.median(seconds) for seconds in spent]


def show(what: str, ours: str, beside: str, ratio: float | None, meaning: str) -> None:
    """Print one line of the table."""
    print(ROW.format(what, ours, beside, "" if ratio is None else f"{ratio:.2f}", meaning), flush=True)


def table(rows: int = 1500) -> Any:
    """Return one series of six columns, which go between two levels at a pace of their own: there is much to learn."""
    import numpy as np

    rng = np.random.default_rng(0)
    turn = np.arange(rows)[:, None] / np.arange(3, 9) + 0.05 * rng.normal(size=(rows, 6)).cumsum(axis=0)
    return np.tanh(5 * np.sin(turn)) + 0.05 * rng.normal(size=(rows, 6))


def penalty(quick: bool) -> None:
    """One step of the gradient penalty at first order, against exact double backward."""
    import torch

    from tsgan.layout import Layout, Number
    from tsgan.model.critic import Critic
    from tsgan.model.losses import LOSSES, Batch

    for batch, steps, columns, hidden in SIZES:
        draw = torch.Generator().manual_seed(0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            layout = Layout(tuple(Number(f"x{j}") for j in range(columns)))
            critic = Critic(layout, torch.full((columns,), 3.0), hidden)

        def windows(count: int = batch, shape: tuple[int, int] = (steps, 2 * columns), draw: Any = draw) -> Batch:
            x = torch.randn(count, *shape, generator=draw)
            return Batch(x, x.new_zeros(count, 0), torch.full((count,), shape[0]))

        real, fake, share = windows(), windows(), torch.rand(batch, generator=draw)

        def gradient(
            exact: bool, critic: Any = critic, double: bool = False, points: Any = (real, fake, share)
        ) -> torch.Tensor:
            kind = torch.float64 if double else torch.float32
            critic = critic.to(kind)
            one, two = (Batch(p.x.to(kind), p.statics.to(kind), p.lengths) for p in points[:2])
            critic.zero_grad(set_to_none=True)
            price = LOSSES["wgan-gp"](None, exact).penalty(
                lambda b: critic(b.x, b.statics, b.lengths), one, two, points[2].to(kind)
            )
            price.backward()
            grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in critic.parameters()]
            return torch.cat([grad.flatten() for grad in grads]).double()

        truth = gradient(True, double=True)
        error = float((gradient(False) - truth).norm() / truth.norm())

        def without_onednn(gradient: Any = gradient) -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch warns of a setting that it reads on the way
                with torch.backends.mkldnn.flags(enabled=False):
                    gradient(True)

        calls = (lambda g=gradient: g(False), lambda g=gradient: g(True), without_onednn)
        ours, exact, bare = medians(3 if quick else 15, *calls)
        size = f"{batch} windows, {steps} steps, {columns} columns, hidden {hidden}"
        show(f"penalty: {size}", f"{1e3 * ours:.1f} ms", f"{1e3 * exact:.1f} ms", exact / ours, "exact double backward")
        show("    the same, double backward without oneDNN", "", f"{1e3 * bare:.1f} ms", bare / ours, "")
        show("    relative error of its gradient", f"{error:.1e}", "", None, "double backward in float64")


def training(quick: bool) -> None:
    """Windows that each stage sees per second; the second with the first-order and with the exact penalty."""
    from tsgan import RecurrentGAN

    spent: dict[tuple[str, bool], list[float]] = {}
    steps = 5 if quick else 20
    for exact in (False, True) * (1 if quick else 3):
        seen: dict[str, list[tuple[int, float]]] = {}

        def note(row: Any, seen: dict[str, list[tuple[int, float]]] = seen) -> None:
            seen.setdefault(row["stage"], []).append((row["step"], time.process_time()))

        options: dict[str, Any] = {
            "steps": 100,
            "adversarial_steps": steps,
            "verbose": False,
            "random_state": 0,
            "batch_size": 128,
        }
        gan = RecurrentGAN(**options, exact_penalty=exact, callbacks=[note]).fit(table())
        for stage, rows in seen.items():
            (first, began), (last, ended) = rows[0], rows[-1]
            spent.setdefault((stage, exact), []).append((ended - began) / ((last - first) * gan.batch_size))
    first, ours, exact_penalty = (
        statistics.median(spent[key]) for key in (("likelihood", False), ("adversarial", False), ("adversarial", True))
    )
    show("training: windows of 24 x 6, first stage", f"{1 / first:,.0f} /s", "", None, "")
    what = "training: windows of 24 x 6 to the generator, second stage"
    show(what, f"{1 / ours:,.0f} /s", f"{1 / exact_penalty:,.0f} /s", exact_penalty / ours, "with exact_penalty=True")


def sampling(quick: bool) -> None:
    """Windows per second, beside plain normal numbers of the same count."""
    import numpy as np

    from tsgan import RecurrentGAN

    n = 10_000 if quick else 100_000
    options: dict[str, Any] = {"adversarial_steps": 0, "verbose": False, "random_state": 0}
    gan = RecurrentGAN(steps=100, **options).fit(table())
    closed = RecurrentGAN(steps=0, **options).fit(table())
    learned, drawn, plain = medians(
        1 if quick else 3,
        lambda: gan.sample(n),
        lambda: closed.sample(n),
        lambda: np.random.default_rng(0).standard_normal((n, 24, 6)),
    )
    for name, seconds in ((f"trained (kept: {gan.trained_})", learned), ("closed form", drawn)):
        what = f"sampling: {name}, {n:,} windows of 24 x 6"
        show(what, f"{n / seconds:,.0f} /s", f"{n / plain:,.0f} /s", plain / seconds, "as many plain normal numbers")
        show("    seconds for all of them", f"{seconds:.2f} s", f"{plain:.2f} s", None, "")
    began = time.process_time()
    gan.sample(1, length=1000)
    show("sampling: trained, one series", f"{1000 / (time.process_time() - began):,.0f} rows/s", "", None, "")


def starting(quick: bool) -> None:
    """Start of fresh processes."""
    commands = {
        "import tsgan": [sys.executable, "-c", "import tsgan"],
        "tsgan --help": [sys.executable, "-m", "tsgan", "--help"],
        "import numpy": [sys.executable, "-c", "import numpy"],
    }
    calls = [lambda c=c: subprocess.run(c, check=True, stdout=subprocess.DEVNULL) for c in commands.values()]
    *ours, numpy = medians(3 if quick else 9, *calls, clock=time.perf_counter)
    for what, seconds in zip(commands, ours, strict=False):
        show(
            f"start: {what}",
            f"{1e3 * seconds:.0f} ms",
            f"{1e3 * numpy:.0f} ms",
            numpy / seconds,
            "import numpy, nothing else",
        )


def two_cores(quick: bool) -> None:
    """A whole fit with the defaults at hidden 128, and drawing, on one core and on two."""
    import torch

    from tsgan import RecurrentGAN

    more = {"steps": 50, "adversarial_steps": 25} if quick else {}
    rows = table(6000)
    fitted: list[Any] = []

    def fit(threads: int) -> None:
        torch.set_num_threads(threads)
        fitted.append(RecurrentGAN(hidden=128, verbose=False, random_state=0, **more).fit(rows))

    def draw(threads: int) -> None:
        torch.set_num_threads(threads)
        fitted[-1].sample(20_000, random_state=0)

    before = torch.get_num_threads()
    for what, work in (("fit at hidden 128", fit), ("sampling 20,000 windows of 24 x 6", draw)):
        one, two = medians(1, lambda work=work: work(1), lambda work=work: work(2), clock=time.perf_counter)
        show(f"cores: {what}, on two", f"{two:.1f} s", f"{one:.1f} s", one / two, "the same bits on one core")
    torch.set_num_threads(before)


PARTS = {"penalty": penalty, "training": training, "sampling": sampling, "cores": two_cores, "start": starting}


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description="How fast tsgan is, as ratios within one run.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"which of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer repeats: a minute, and rougher figures")
    parser.add_argument("--threads", type=int, default=1, help="threads that torch and numpy may use (default: 1)")
    args = parser.parse_args()
    unknown = sorted(set(args.parts) - set(PARTS))
    if unknown:
        parser.error(f"unknown part {unknown[0]!r}; choose from {', '.join(PARTS)}")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(args.threads)  # before numpy and torch come in
    import torch

    from tsgan.errors import TsganWarning

    torch.set_num_threads(args.threads)
    warnings.simplefilter("ignore", TsganWarning)  # a few steps of training need not improve on the start
    print(f"torch {torch.__version__}, {args.threads} thread(s), medians\n")
    print(ROW.format("what", "tsgan", "beside", "ratio", "beside it"))
    for name in args.parts or PARTS:
        PARTS[name](args.quick)


if __name__ == "__main__":
    main()
