"""Damage saved models in many ways, load them and draw from them: an error of tsgan's own, or the same rows.

`python benchmarks/fuzz.py --mutants 10000` prints what came of as many damaged folders, by kind. With `--unchecked`
they are loaded with `check=False`, as somebody does who edited `model.json` on purpose: other rows are then allowed.
"""

from __future__ import annotations

import argparse
import collections
import copy
import json
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tsgan import Inequality, RecurrentGAN, datasets
from tsgan.errors import TsganError

LIMIT = 20  # seconds after which a model hangs
ODD = (None, True, -1, 0, 3, 10**30, 1e308, float("nan"), float("inf"), "", "\0", "é", [], {}, [[]], {"$is": "Cells"})


def models(home: Path) -> list[Path]:
    """Save small models of several kinds of tables."""
    rng = np.random.default_rng(0)
    hours = pd.DataFrame(rng.normal(size=(300, 2)).cumsum(axis=0), columns=["a", "b"])
    hours["c"], hours["state"] = hours.max(axis=1) + rng.random(300), rng.choice(["on", "off"], 300)
    hours.index = pd.date_range("2024-01-01", periods=300, freq="h")
    visits = datasets.visits(60, random_state=0)
    tables: list[tuple[Any, dict[str, Any]]] = [
        (rng.normal(size=(200, 2)), {"steps": 0}),
        (hours, {"steps": 5, "hidden": 8, "units": 8, "constraints": [Inequality("a", "c")]}),
        (visits, {"steps": 5, "hidden": 8, "units": 8, "entity": "patient", "time": "when", "static": ["mode", "sex"]}),
    ]
    made = []
    for i, (table, arguments) in enumerate(tables):
        made.append(home / f"model{i}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            RecurrentGAN(**arguments, verbose=False, random_state=0).fit(table).save(made[-1])
    return made


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield (*path, key)
        yield from places(part, (*path, key))


def edited(document: Any, rng: np.random.Generator) -> Any:
    """Return a document with one place changed, removed, reversed, nested or taken from elsewhere."""
    document = copy.deepcopy(document)
    everywhere = list(places(document))
    path, other = (everywhere[i] for i in rng.integers(len(everywhere), size=2))
    above = document
    for key in path[:-1]:
        above = above[key]
    old = above[path[-1]]
    way = rng.integers(6)
    if way == 0:
        del above[path[-1]]
    elif way == 1 and isinstance(old, list | str):
        above[path[-1]] = old[::-1]
    elif way == 2 and isinstance(old, int | float):
        above[path[-1]] = old + (1 if rng.random() < 0.5 else -1) * 10 ** int(rng.integers(0, 6))
    elif way == 3:
        found = document
        for key in other:
            found = found[key] if isinstance(found, dict | list) else found
        above[path[-1]] = copy.deepcopy(found)
    elif way == 4:
        deep: Any = old
        for _ in range(int(rng.integers(1, 400))):
            deep = [deep]
        above[path[-1]] = deep
    else:
        above[path[-1]] = ODD[rng.integers(len(ODD))]
    return document


def damage(home: Path, rng: np.random.Generator) -> str:
    """Damage one file of a model; return how."""
    files = sorted(home.iterdir())
    file = files[rng.integers(len(files))] if rng.random() < 0.3 else home / "model.json"
    if file.suffix == ".json" and rng.random() < 0.8:
        file.write_text(json.dumps(edited(json.loads(file.read_text()), rng)))
        return "a value"
    data, way = bytearray(file.read_bytes()), rng.integers(6)
    if way == 0:
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    elif way == 1:
        del data[rng.integers(len(data)) :]
    elif way == 2:
        data.insert(int(rng.integers(len(data))), int(rng.integers(256)))
    elif way == 3:
        data = bytearray(files[rng.integers(len(files))].read_bytes())
    file.unlink()
    if way == 4:
        return "no file"
    if way == 5:
        os.mkfifo(file) if hasattr(os, "mkfifo") and rng.random() < 0.5 else file.mkdir()
        return "no plain file"
    file.write_bytes(data)
    return "bytes"


@contextmanager
def limited() -> Iterator[None]:
    """Raise TimeoutError after `LIMIT` seconds."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError

    usual = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, usual)


def drawn(home: Path, check: bool) -> str:
    """Return what a model draws, as text."""
    made = RecurrentGAN.load(home, check=check).sample(3, random_state=0)
    return str(made.tolist()) if isinstance(made, np.ndarray) else str(made.to_csv())


def outcome(home: Path, check: bool, wanted: str) -> str:
    """Return what comes of a damaged model: "typed", "same", "different", "hangs" or the raw error."""
    try:
        with limited(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return "same" if drawn(home, check) == wanted else "different"
    except TimeoutError:
        return "hangs"
    except TsganError:
        return "typed"
    except Exception as error:
        where = "load" if "load" in _functions(error) else "sample"
        return f"raw at {where}: {type(error).__name__}: {str(error)[:80]}"


def _functions(error: BaseException) -> set[str]:
    found, trace = set(), error.__traceback__
    while trace is not None:
        found.add(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    return found


def fuzz(mutants: int, seed: int, check: bool, say: Callable[[str], None] = print) -> collections.Counter[str]:
    """Return how many of as many damaged models came to what."""
    rng = np.random.default_rng(seed)
    counts: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        whole = models(Path(folder))
        wanted = [drawn(home, True) for home in whole]
        for _ in range(mutants):
            which, place = int(rng.integers(len(whole))), Path(folder) / "mutant"
            shutil.copytree(whole[which], place)
            how = damage(place, rng)
            found = outcome(place, check, wanted[which])
            counts[found] += 1
            if found not in ("typed", "same", *(["different"] if not check else [])):
                say(f"{how}: {found}")
            shutil.rmtree(place)
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--unchecked", action="store_true")
    args = parser.parse_args()
    for kind, count in fuzz(args.mutants, args.seed, not args.unchecked).most_common():
        print(f"{count:7,}  {kind}")
