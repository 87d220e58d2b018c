"""Damage saved models in many ways, load them and draw from them: an error of tsgan's own, or the same rows.

`python benchmarks/fuzz.py --mutants 10000` prints what came of as many damaged folders, by kind. With `--unchecked`
they are loaded with `check=False`, as somebody does who edited `model.json` on purpose; with `--resigned` the checksums
are those of what was changed, tensors among it, as of somebody who writes a model. Other rows are then allowed, but no
raw error, no more than 20 seconds and no more than 2 GiB.
"""

from __future__ import annotations

import argparse
import collections
import copy
import hashlib
import json
import os
import resource
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
from safetensors.numpy import load, save

from tsgan import Derived, Fixed, FixedSum, Inequality, Monotone, RecurrentGAN, datasets
from tsgan.errors import TsganError

LIMIT, MEMORY = 20, 2**31  # seconds after which a model hangs, and bytes that it may take
ODD = (None, True, -1, 0, 3, 20_000, 10**7, 10**9, 10**30, 1e308, -1e308, float("nan"), float("inf"), "", "\0", "é")
ODDER = ([], {}, [[]], {"$is": "Cells"}, {"$tuple": []}, {"$float": "inf"}, {"$array": ""})


class Hangs(BaseException):
    """It took too long; no error that anybody catches."""


def models(home: Path) -> list[Path]:
    """Save small models of several kinds of tables."""
    rng = np.random.default_rng(0)
    hours = pd.DataFrame(rng.normal(size=(300, 2)).cumsum(axis=0), columns=["a", "b"])
    hours["c"], hours["state"] = hours.max(axis=1) + rng.random(300), rng.choice(["on", "off"], 300)
    hours.index = pd.date_range("2024-01-01", periods=300, freq="h")
    visits = datasets.visits(60, random_state=0)
    shifts = pd.DataFrame({"shift": np.repeat([f"S-{i:03}" for i in range(40)], 6)})
    shifts["day"] = pd.period_range("2024-01", periods=240, freq="M")
    shifts["made"], shifts["lost"] = rng.integers(20, 90, 240), rng.integers(0, 9, 240)
    shifts["all"], shifts["cost"] = shifts["made"] + shifts["lost"], shifts["made"] * 2.5
    shifts["count"] = shifts.groupby("shift")["made"].cumsum()
    shifts["site"], shifts["crew"] = rng.choice(["x", "y"], 240), pd.Categorical(rng.choice(["i", "ii"], 240))
    shifts["done"] = shifts["day"].dt.to_timestamp() + pd.to_timedelta(rng.integers(1, 90, 240), unit="D")
    rules = [FixedSum("all", ["made", "lost"]), Monotone("count"), Fixed("site", "crew"), Derived("cost", "made * 2.5")]
    tables: list[tuple[Any, dict[str, Any]]] = [
        (rng.normal(size=(200, 2)), {"steps": 0}),
        (hours, {"steps": 5, "hidden": 8, "units": 8, "constraints": [Inequality("a", "c")]}),
        (shifts, {"steps": 0, "entity": "shift", "time": "day", "constraints": rules}),
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
    way = rng.integers(8)
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
    elif way == 5 and isinstance(old, list) and old:
        above[path[-1]] = old[:-1] if rng.random() < 0.5 else [*old, old[-1]]
    else:
        odd = (*ODD, *ODDER)
        above[path[-1]] = odd[rng.integers(len(odd))]
    return document


def bent(arrays: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return tensors of which one, or two, are not what they were."""
    arrays, keys = dict(arrays), sorted(arrays)
    key, other = (keys[i] for i in rng.integers(len(keys), size=2))
    array, way = arrays[key], rng.integers(10)
    if way == 0:
        del arrays[key]
    elif way == 1:
        arrays[key + "x"] = array
    elif way == 2:
        arrays[key], arrays[other] = arrays[other], arrays[key]
    elif way == 3:
        arrays[key] = array.T
    elif way == 4:
        arrays[key] = array[:-1] if array.ndim else array[None]
    elif way == 5:
        arrays[key] = np.concatenate([array, array[-1:]]) if array.ndim else array[None]
    elif way == 6:
        arrays[key] = array.astype(["float16", "float64", "int64", "bool", "uint8"][rng.integers(5)])
    elif way == 7:
        arrays[key] = array[..., None]
    elif way == 8:
        arrays[key] = array[::-1] if array.ndim else -array
    else:
        odd = [np.nan, np.inf, -np.inf, 1e300, -1e30, 0, -1, 10**9][rng.integers(8)]
        flat = array.astype(np.float64).ravel()
        flat[rng.integers(max(len(flat), 1)) :][: int(rng.integers(1, 9))] = odd
        with np.errstate(all="ignore"):
            arrays[key] = flat.reshape(array.shape).astype(array.dtype)
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def resign(home: Path, document: dict[str, Any]) -> None:
    """Write a document, with the checksums that its files and it itself have now."""
    for entry in document["files"].values():
        entry["sha256"] = hashlib.sha256((home / entry["file"]).read_bytes()).hexdigest()
    rest = {key: value for key, value in document.items() if key != "sha256"}
    rest["sha256"] = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
    (home / "model.json").write_text(json.dumps(rest))


def rewritten(home: Path, rng: np.random.Generator) -> str:
    """Change a value, tensors or the header of their file, and sign it; return which."""
    document = json.loads((home / "model.json").read_text())
    files = sorted(entry["file"] for entry in document["files"].values())
    file, way = home / files[rng.integers(len(files))], rng.random()
    if way < 0.45:
        data = save(bent(load(file.read_bytes()), rng))
    elif way < 0.55:
        old = file.read_bytes()
        size = int.from_bytes(old[:8], "little")
        header = json.dumps(edited(json.loads(old[8 : 8 + size]), rng)).encode()
        data = len(header).to_bytes(8, "little") + header + old[8 + size :]
    else:
        names = sorted(document.keys() - {"files", "sha256"})
        some = names[rng.integers(len(names))] if rng.random() < 0.3 else ("encoder", "model")[rng.integers(2)]
        resign(home, document | edited({some: document[some]}, rng))
        return "a signed value"
    file.write_bytes(data)
    resign(home, document)
    return "a signed tensor"


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
        (os.mkfifo, Path.mkdir, lambda at: at.symlink_to("/dev/zero"))[rng.integers(3)](file)
        return "no plain file"
    file.write_bytes(data)
    return "bytes"


@contextmanager
def limited() -> Iterator[None]:
    """Raise `Hangs` after `LIMIT` seconds, and MemoryError beyond `MEMORY`."""

    def stop(number: int, frame: object) -> None:
        raise Hangs

    usual, most = signal.signal(signal.SIGALRM, stop), resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, most[1]))
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, most)
        signal.signal(signal.SIGALRM, usual)


def drawn(home: Path, check: bool) -> str:
    """Return what a model draws, as text."""
    gan = RecurrentGAN.load(home, check=check)
    made = gan.sample(3, random_state=0), gan.sample(1, 50, random_state=0)
    return "".join(str(one.tolist()) if isinstance(one, np.ndarray) else str(one.to_csv()) for one in made)


def outcome(home: Path, check: bool, wanted: str) -> str:
    """Return what comes of a damaged model: "typed", "same", "different", "hangs", "too large" or the raw error."""
    try:
        with limited(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return "same" if drawn(home, check) == wanted else "different"
    except Hangs:
        return "hangs"
    except TsganError as error:
        return (
            "too large"
            if any("memory" in str(one) or "Unable to allocate" in str(one) for one in _causes(error))
            else "typed"
        )
    except Exception as error:
        where = "load" if "load" in _functions(error) else "sample"
        return f"raw at {where}: {type(error).__name__}: {str(error)[:80]}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _functions(error: BaseException) -> set[str]:
    found, trace = set(), error.__traceback__
    while trace is not None:
        found.add(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    return found


def fuzz(
    whole: list[Path], mutants: int, seed: int, way: str, say: Callable[[str], None] = print
) -> collections.Counter[str]:
    """Return how many of as many damaged models came to what; ways are "checked", "unchecked" and "resigned"."""
    rng = np.random.default_rng(seed)
    counts: collections.Counter[str] = collections.Counter()
    wanted = [drawn(home, True) for home in whole]
    for _ in range(mutants):
        which, place = int(rng.integers(len(whole))), whole[0].with_name("mutant")
        shutil.copytree(whole[which], place)
        how = rewritten(place, rng) if way == "resigned" else damage(place, rng)
        found = outcome(place, way != "unchecked", wanted[which])
        counts[found] += 1
        if found not in ("typed", "same", *(["different"] if way != "checked" else [])):
            say(f"{how}: {found}")
        shutil.rmtree(place)
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--unchecked", dest="way", action="store_const", const="unchecked", default="checked")
    ways.add_argument("--resigned", dest="way", action="store_const", const="resigned")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for kind, count in fuzz(models(Path(folder)), args.mutants, args.seed, args.way).most_common():
            print(f"{count:7,}  {kind}")
