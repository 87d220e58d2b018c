"""How much memory tsgan holds: sampling tables, fitting and judging folders, that are larger than memory; many levels.

    python benchmarks/memory.py [sample] [parts] [fit] [evaluate] [words] [--rows 1_000_000] [--full] [--folder DIR]

Every figure is of a process of its own: what it holds once its libraries (and model) are loaded, and the most it held
until it was done, both as the system counts them (resident pages, those of mapped files among them). Memory is flat if
ten times the rows leave the second where it was. 100 million rows are told from the others, unless `--full` makes them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROW = "{:<44} {:>12} {:>9} {:>10} {:>10} {:>10} {:>10}"
HEAD = ("what", "rows", "seconds", "rows/s", "base MiB", "peak MiB", "above base")
MODELS = ("closed form", "gan")
TABLES = {
    "seattle_weather": {"time": "date"},
    "regime_panel": {"entity": "unit", "time": "day", "static": ["site", "age"]},
}
LENGTH = 100  # steps of each sampled sequence
WORDS, LEVELS, SECONDS = 60_000, (500, 5000), 60  # of a text, of its vocabularies, of each fit


def held() -> float:
    """Return the most MiB that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def table(rows: int, first: int, of: int = 100) -> Any:
    """Return sequences of `of` steps: a key, an hour, five autocorrelated numbers, a category, a static."""
    import numpy as np
    import pandas as pd

    count = rows // of
    rng = np.random.default_rng(first)
    x = rng.standard_normal((count, of, 5)).cumsum(axis=1) * 0.1 + rng.standard_normal((count, of, 5))
    frame = pd.DataFrame(x.reshape(-1, 5).round(3), columns=[f"x{i}" for i in range(5)])
    frame.insert(0, "unit", np.repeat(np.arange(first, first + count), of))
    hours = pd.to_timedelta(np.tile(np.arange(of), count), unit="h")
    frame.insert(1, "time", pd.Timestamp("2024-01-01") + hours)
    frame["state"] = np.where(frame["x0"] > 0, "up", "down")
    frame["site"] = np.repeat(rng.choice(["a", "b", "c"], count), of)
    return frame


def build(folder: str, rows: int, first: int = 0, part: int = 250_000) -> None:
    """Write a folder of parquet files, whose keys and seeds begin with a number."""
    from tsgan.tables import files as tables

    Path(folder).mkdir()
    for number, at in enumerate(range(0, rows, part)):
        tables.write(table(min(part, rows - at), first + at), Path(folder) / f"part-{number}.parquet")


def fitted(path: str, model: str, name: str) -> None:
    """Save a model of a table that tsgan ships."""
    from tsgan import RecurrentGAN, datasets

    roles: Any = TABLES[name]
    steps = {"steps": 150, "adversarial_steps": 1} if model == "gan" else {"steps": 0}
    RecurrentGAN(random_state=0, verbose=False, **steps, **roles).fit(datasets.load(name)).save(path)


def sample(path: str, rows: int, output: str) -> float:
    """Write `rows` rows of a saved model by the command line; return what was held before."""
    import pandas as pd  # noqa: F401  # what is loaded in any case counts to the base
    import pyarrow.parquet  # noqa: F401

    from tsgan.cli import commands as cli

    words = ["sample", path, "--length", str(LENGTH), "--seed", "0", "-q", "-o", output]
    assert cli.main([*words, "-n", "1"]) == 0
    base = held()
    assert cli.main([*words, "-n", str(rows // LENGTH)]) == 0
    return base


def parts(folder: str) -> float:
    """Check a folder, take an excerpt and encode its numbers to disk; return what was held before."""
    import numpy as np
    import pyarrow.parquet  # noqa: F401

    from tsgan.panel import Panel
    from tsgan.tables.parts import Parts, draw_excerpt, encode_to_disk

    def encode(frame: Any) -> Panel:
        values = frame[[f"x{i}" for i in range(5)]].to_numpy(np.float32)
        lengths = np.bincount(frame["unit"].factorize()[0]).astype(np.int64)
        return Panel(values, lengths, np.zeros((len(lengths), 0), np.float32))

    base = held()
    with Parts(folder, "unit", "time") as source:
        draw_excerpt(source, 500_000, np.random.default_rng(0))
        encode_to_disk(source, encode)
    return base


def fit(folder: str, model: str) -> float:
    """Fit a folder; return what was held before."""
    import pyarrow.parquet  # noqa: F401

    from tsgan import RecurrentGAN

    roles: Any = {"entity": "unit", "time": "time", "static": ["site"], "window": 24, "random_state": 0}
    steps: Any = {"steps": 50, "adversarial_steps": 2} if model == "gan" else {"steps": 0}
    one = RecurrentGAN(verbose=False, **steps, **roles)
    RecurrentGAN(**one.get_params()).fit(table(1000, 0))
    base = held()
    one.fit(Path(folder))
    return base


def evaluate(folder: str, synthetic: str) -> float:
    """Judge a folder against another; return what was held before."""
    import pyarrow.parquet  # noqa: F401

    import tsgan

    roles: Any = {"entity": "unit", "time": "time", "static": ["site"]}
    tsgan.evaluate(table(20_000, 0), table(20_000, 1), **roles, repeats=1, verbose=False)
    base = held()
    tsgan.evaluate(folder, synthetic, **roles, repeats=1, verbose=False)
    return base


def words(levels: int) -> float:
    """Fit a text of so many different words, and draw and score it; return what was held before."""
    import numpy as np
    import pandas as pd

    from tsgan import RecurrentGAN

    rng, share = np.random.default_rng(0), 1 / np.arange(1, levels + 1)
    word = np.concatenate(
        [np.tile(np.arange(levels), 6), rng.choice(levels, WORDS - 6 * levels, p=share / share.sum())]
    )
    text = pd.DataFrame({"word": [f"w{number}" for number in rng.permutation(word)]})
    one = RecurrentGAN(protect=0, max_time=SECONDS, random_state=0, verbose=False)
    RecurrentGAN(**{**one.get_params(), "steps": 50}).fit(pd.DataFrame({"word": list("abcdefghij" * 50)}))
    base = held()
    one.fit(text).sample(100, length=100)
    one.score_samples(text)
    return base


def child(*call: Any) -> dict[str, float]:
    """Run a function of this file in a process of its own; return what it held and how long it took."""
    # This process loads no library, since what it holds would count as the child's.
    words = [sys.executable, __file__, "--child", json.dumps(call)]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode:
        raise SystemExit(f"{call}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(call: list[Any]) -> None:
    """Be the child."""
    began = time.perf_counter()
    base = globals()[call[0]](*call[1:])
    print(json.dumps({"base": base, "peak": held(), "seconds": time.perf_counter() - began}))


def show(what: str, rows: int, found: dict[str, float], told: bool = False) -> None:
    """Print one line of the table; one that is told from others is marked by ~."""
    mark = "~" if told else ""
    figures = (found["base"], found["peak"], found["peak"] - found["base"])
    cells = [f"{mark}{found['seconds']:.0f}", f"{rows / found['seconds']:,.0f}", *(f"{mark}{x:.0f}" for x in figures)]
    print(ROW.format(what, f"{rows:,}", *cells), flush=True)


def extrapolate(rows: list[int], found: list[dict[str, float]], to: int = 100_000_000) -> dict[str, float]:
    """Carry seconds and memory on along the line through the last two figures."""
    (a, b), (one, two) = rows[-2:], found[-2:]
    return {key: two[key] + max(two[key] - one[key], 0) * (to - b) / (b - a) for key in ("base", "peak", "seconds")}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="PART", help="sample, parts, fit, evaluate, words (default: all)")
    parser.add_argument("--rows", nargs="+", type=int, default=[1_000_000, 10_000_000])
    parser.add_argument("--full", action="store_true", help="make 100 million rows, too")
    parser.add_argument("--folder", help="where to write (default: a temporary folder)")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        run(json.loads(args.child))
        return
    sizes = sorted(args.rows) + [100_000_000] * args.full
    wanted = args.what or ["sample", "parts", "fit", "evaluate", "words"]
    print(ROW.format(*HEAD))
    for levels in LEVELS * ("words" in wanted):
        show(f"fit, draw, score: a text of {levels:,} words", WORDS, child("words", levels))
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        lines: list[tuple[str, Any]] = []
        if "sample" in wanted:
            for name in TABLES:
                for model in MODELS:
                    path = f"{folder}/{model} of {name}"
                    child("fitted", path, model, name)
                    lines.append((f"sample: {model}, {name}", ("sample", path)))
        lines += [("parts: check, excerpt, encode to disk", ("parts",))] * ("parts" in wanted)
        lines += [(f"fit: {model}, folder", ("fit", model)) for model in MODELS if "fit" in wanted]
        lines += [("evaluate: two folders, 200,000 rows of each", ("evaluate",))] * ("evaluate" in wanted)
        for rows in sizes * any(call[0] != "sample" for _, call in lines):
            child("build", f"{folder}/{rows}", rows)
        for rows in sizes * ("evaluate" in wanted):
            child("build", f"{folder}/{rows} synthetic", rows, 10**9)
        for what, call in lines:
            found = []
            for rows in sizes:
                asked = {
                    "sample": (*call, rows, f"{folder}/out.parquet"),
                    "parts": (*call, f"{folder}/{rows}"),
                    "fit": ("fit", f"{folder}/{rows}", call[-1]),
                    "evaluate": ("evaluate", f"{folder}/{rows}", f"{folder}/{rows} synthetic"),
                }
                found.append(child(*asked[call[0]]))
                show(what, rows, found[-1])
            if len(sizes) > 1 and not args.full:
                show(what, 100_000_000, extrapolate(sizes, found), told=True)


if __name__ == "__main__":
    main()
