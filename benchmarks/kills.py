"""Kill processes that write, and let two save to one folder: what is there is whole, and what is left goes.

`python benchmarks/kills.py` kills 200 processes at random moments, by SIGKILL and SIGTERM in turn, that fit by command,
save over a model again and again, or sample to csv, csv.gz and parquet over a table; then two processes save to one
folder while a third reads it, 200 times; then fits with a checkpoint are killed five times each and gone on with. It
prints how many models and tables were the old or the new one, exit codes, and the files that were left, also after the
next run into that folder (of models, an hour later). Needs `os.fork`.
"""

from __future__ import annotations

import argparse
import collections
import os
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from tsgan import RecurrentGAN
from tsgan.bundle import STALE
from tsgan.cli.commands import main
from tsgan.errors import ModelFileError
from tsgan.tables import files

TABLES = ("out.csv", "out.csv.gz", "out.parquet")
SEQUENCES = 4000  # of a sampled table
SAVES = 5  # of each saver in a round
KILLS_EACH = 5  # of a fit that is gone on with


def models() -> tuple[RecurrentGAN, RecurrentGAN]:
    """Return an old and a new model."""
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = [
            RecurrentGAN(steps=0, verbose=False, random_state=0).fit(
                pd.DataFrame(rng.normal(size=(80, 2)), columns=names)
            )
            for names in (["a", "b"], ["c", "d"])
        ]
    return made[0], made[1]


def started(work: Callable[[], int | None]) -> int:
    """Run work in a process of its own; return its number."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        code = work() or 0
    finally:
        os._exit(code)


def ended(child: int) -> str:
    """Return how a process ended, in a word."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return f"exit {code}" if code >= 0 else signal.Signals(-code).name


def hidden(home: Path, named: set[str]) -> int:
    """Return how many files are in a folder beyond those that belong there."""
    return sum(path.name not in named for path in home.iterdir())


class Kills:
    """The three kinds of work, each with what must be true after it was killed."""

    def __init__(self, home: Path, rng: np.random.Generator) -> None:
        self.home, self.rng = home, rng
        self.counts: collections.Counter[str] = collections.Counter()
        self.old, self.new = models()
        self.columns = {str(list(model.sample(1, length=3, random_state=0).columns)) for model in (self.old, self.new)}
        self.usual: dict[str, float] = {}

    def kill(self, name: str, work: Callable[[], int | None], number: int) -> None:
        """Kill work at a random moment of the time that it usually takes."""
        if name not in self.usual:
            times = [time.perf_counter()]
            for _ in range(2):  # the first takes longer: it reads the files of the libraries
                ended(started(work))
                times.append(time.perf_counter())
            self.usual[name] = times[2] - times[1]
        child = started(work)
        time.sleep(float(self.rng.uniform(0, 1.1 * self.usual[name])))
        os.kill(child, number)
        self.counts[f"{name}: {signal.Signals(number).name}: {ended(child)}"] += 1

    def whole(self, name: str, place: Path) -> None:
        """Count whether the model in a folder is one of the two, whole."""
        try:
            drawn = RecurrentGAN.load(place).sample(1, length=3, random_state=0)
            found = "a whole model" if str(list(drawn.columns)) in self.columns else "ANOTHER MODEL"
        except ModelFileError as error:
            found = "a whole model" if not place.exists() else f"NO WHOLE MODEL ({error})"
        self.counts[f"{name}: {found}"] += 1

    def left(self, name: str, number: int, place: Path) -> None:
        """Count the files that a killed save left, and those that the next one leaves an hour later."""
        saved = place / "model.json"
        kept = {path.name for path in place.glob("*.safetensors")} | {saved.name}
        self.counts[f"{name}: hidden files left by {signal.Signals(number).name}"] += hidden(place, kept)
        for path in place.iterdir():
            os.utime(path, (time.time() - 2 * STALE,) * 2)
        self.old.save(place)
        self.counts[f"{name}: files left after the next save, an hour later"] += hidden(place, set(self._names(place)))

    def _names(self, place: Path) -> list[str]:
        import json

        named = json.loads((place / "model.json").read_text())["files"].values()
        return ["model.json", *(entry["file"] for entry in named)]

    def fit(self, number: int) -> None:
        """Kill `tsgan fit` over a model."""
        place, table = self.home / "fitted", self.home / "table.csv"
        if not place.exists():
            self.old.save(place)
            pd.DataFrame(np.random.default_rng(1).normal(size=(80, 2)), columns=["c", "d"]).to_csv(table, index=False)
        self.kill(
            "fit", lambda: main(["fit", str(table), "-o", str(place), "--max-time", "1", "--hidden", "4"]), number
        )
        self.whole("fit", place)
        self.left("fit", number, place)

    def save(self, number: int) -> None:
        """Kill a process that saves two models over each other."""
        place = self.home / "saved"

        def work() -> None:
            for _ in range(20):
                self.old.save(place)
                self.new.save(place)

        self.old.save(place)
        self.kill("save", work, number)
        self.whole("save", place)
        self.left("save", number, place)

    def sample(self, number: int) -> None:
        """Kill `tsgan sample` over a table."""
        model, folder = self.home / "drawn_from", self.home / "tables"
        folder.mkdir(exist_ok=True)
        if not model.exists():
            self.old.save(model)
        name = TABLES[int(self.rng.integers(len(TABLES)))]
        path, old = folder / name, pd.DataFrame({"old": [1.0, 2.0]})
        files.write(old, path)

        def work(n: int = SEQUENCES) -> int:
            words = ["sample", str(model), "-n", str(n), "--length", "10", "--chunk", "2000", "--seed", "0"]
            return main([*words, "-o", str(path), "-q"])

        self.kill(f"sample to {name}", work, number)
        found = files.read(path)
        whole = len(found) == (2 if "old" in found else 10 * SEQUENCES)
        self.counts[f"sample: {'the old or the new table, whole' if whole else 'HALF A TABLE'}"] += 1
        self.counts[f"sample: hidden files left by {signal.Signals(number).name}"] += hidden(folder, set(TABLES))
        ended(started(lambda: work(1)))
        self.counts["sample: hidden files left after the next run"] += hidden(folder, set(TABLES))


def savers(rounds: int, home: Path) -> collections.Counter[str]:
    """Let two processes save to one folder while another reads it."""
    old, new = models()
    counts: collections.Counter[str] = collections.Counter()
    for at in range(rounds):
        place = home / f"round{at}"
        old.save(place)

        def saves(model: RecurrentGAN, place: Path = place) -> None:
            for _ in range(SAVES):
                model.save(place)

        def reads(place: Path = place) -> None:
            for _ in range(2 * SAVES):
                RecurrentGAN.load(place)

        children = {started(work): name for work, name in (
            (lambda: saves(old), "saver"), (lambda: saves(new), "saver"), (lambda: reads(), "reader")
        )}  # fmt: skip
        for child, name in children.items():
            counts[f"savers: {name}: {ended(child)}"] += 1
        try:
            RecurrentGAN.load(place)
            counts["savers: a whole model"] += 1
        except ModelFileError as error:
            counts[f"savers: NO WHOLE MODEL ({error})"] += 1
        counts["savers: hidden files left"] += sum(path.name.startswith(".") for path in place.iterdir())
    return counts


def resumed(fits: int, home: Path, rng: np.random.Generator) -> collections.Counter[str]:
    """Kill each fit five times, at a random moment after it has begun to keep checkpoints; the model is the same."""
    counts: collections.Counter[str] = collections.Counter()
    x = np.sin(np.arange(3000) / 5) + 0.3 * rng.normal(size=3000)
    pd.DataFrame({"x": x, "up": np.where(x > 0, "yes", "no"), "y": x**2}).to_csv(home / "long.csv", index=False)
    for at in range(fits):
        kept, drawn = home / f"kept{at}", [home / f"{at}.{name}.csv" for name in ("whole", "killed")]

        def fit(model: str, *more: str, at: int = at) -> int:
            sizes = ["--steps", "300", "--adversarial-steps", "12", "--hidden", "16", "--units", "16"]
            child = ["fit", str(home / "long.csv"), "-o", str(home / f"{at}.{model}"), *sizes, "--seed", str(at), *more]
            return started(lambda: main(child))

        def go_on(kept: Path = kept, fit: Callable[..., int] = fit) -> int:
            return fit("killed", "--checkpoint", str(kept), "--checkpoint-every", "0.5", "--resume")

        began = time.monotonic()
        ended(fit("whole"))
        seconds = time.monotonic() - began
        for _ in range(KILLS_EACH):
            child, limit = go_on(), time.monotonic() + seconds
            while not (kept / "checkpoint.json").exists() and time.monotonic() < limit:
                time.sleep(0.05)
            time.sleep(rng.uniform(0, seconds / 3))
            os.kill(child, signal.SIGKILL)
            counts[f"resumed: {ended(child)}"] += 1
        counts[f"resumed: {ended(go_on())}"] += 1
        for path in drawn:
            words = ["sample", str(path.with_suffix("")), "--seed", "0", "-o", str(path)]
            ended(started(lambda words=words: main(words)))
        same = drawn[0].read_bytes() == drawn[1].read_bytes()
        counts[f"resumed: {'the model of a fit left alone' if same else 'ANOTHER MODEL'}"] += 1
        counts["resumed: checkpoints left after the model was saved"] += kept.exists()
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--fits", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kills = Kills(Path(folder), np.random.default_rng(args.seed))
        for at in range(args.kills):
            number = (signal.SIGKILL, signal.SIGTERM)[at % 2]
            (kills.fit, kills.save, kills.sample)[at // 2 % 3](number)
        home, rng = Path(folder), np.random.default_rng(args.seed)
        for counts in (kills.counts, savers(args.rounds, home), resumed(args.fits, home, rng)):
            for kind, count in sorted(counts.items()):
                print(f"{count:6,}  {kind}")
    sys.exit(0)
