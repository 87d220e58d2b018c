"""What the judge sees and what it does not: faults planted in a table whose truth is known.

    python benchmarks/judge_power.py                 # all faults, and ten pairs of real samples: 15-25 minutes
    python benchmarks/judge_power.py --patients 600 --faults shuffled reversed --seeds 2
    python benchmarks/judge_power.py --full          # every metric, not only those that see something

Real, holdout and fresh tables are independent draws of `datasets.visits`, a simulated clinic. A fault is planted in the
fresh one. `!` marks what must be seen and is not, or must not be seen and is; then the exit code is 1. A real table
against a fresh one without a fault must pass every metric.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import pandas as pd

from tsgan import datasets, evaluate
from tsgan.evaluation.metrics.base import Result

ROLES = {"entity": "patient", "time": "when", "static": ["sex"], "target": "stage", "sensitive": "sex"}
NUMBERS, CATEGORIES = ["wave", "load", "pulse", "cost", "lab"], ["stage"]
MOVING = NUMBERS + CATEGORIES
MARKS = {"far": "far", "visible": "visible", "close": "small", "leak": "leak", "suspicious": "suspicious"}
LEAKS = ("copies", "closest_record", "nearest_ratio", "membership", "singled_out")
TIME = ("autocorrelation", "partial_autocorrelation", "spectrum", "increments", "transitions")

Plant = Callable[[pd.DataFrame, pd.DataFrame, np.random.Generator], pd.DataFrame]


@dataclass(frozen=True)
class Fault:
    """A fault, how it is planted, and which metrics must and must not see it."""

    what: str
    plant: Plant
    must: tuple[str, ...]
    must_not: tuple[str, ...]


def sequences(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each row's patient, and the lengths (rows stand patient by patient)."""
    codes = pd.factorize(frame["patient"])[0]
    return codes, np.bincount(codes)


def within(frame: pd.DataFrame, order: np.ndarray) -> pd.DataFrame:
    """Rearrange what moves within each patient by a key; patients and times stay."""
    rows = np.lexsort((order, sequences(frame)[0]))
    return frame.assign(**{name: frame[name].to_numpy()[rows] for name in MOVING})


def noise(fresh: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Every number uniform in the real range, every level as likely."""
    codes, lengths = sequences(fresh)
    new = {name: rng.uniform(real[name].min(), real[name].max(), len(fresh)).round(2) for name in NUMBERS}
    new["lab"] = np.where(rng.random(len(fresh)) < 0.5, np.nan, new["lab"])
    new |= {name: rng.choice(real[name].unique(), len(fresh)) for name in CATEGORIES}
    return fresh.assign(**new, sex=rng.choice(["f", "m"], len(lengths))[codes])


def shifted(fresh: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """`load` a tenth of its standard deviation higher."""
    return fresh.assign(load=(fresh["load"] + 0.1 * real["load"].std()).round(4))


def normal(fresh: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """`load`, which has heavy tails, made normal rank by rank, with its mean and standard deviation."""
    from scipy.stats import norm

    scores = norm.ppf((fresh["load"].rank(method="first") - 0.5) / len(fresh))
    return fresh.assign(load=(real["load"].mean() + real["load"].std() * scores).round(4))


def shuffled(fresh: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The visits of each patient in random order."""
    return within(fresh, rng.random(len(fresh)))


def turned(fresh: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The visits of each patient in reverse order."""
    return within(fresh, -np.arange(len(fresh)))


def rough(fresh: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """White noise in `load`, scaled back: steps 1.3 times as large, the same spread."""
    codes, _ = sequences(fresh)
    x = fresh["load"].to_numpy()
    ratio = np.diff(x)[np.diff(codes) == 0].var() / x.var()
    share = ratio * (1.3**2 - 1) / (2 - ratio * 1.3**2)
    rougher = x + np.sqrt(share) * x.std() * rng.standard_normal(len(x))
    return fresh.assign(load=(x.mean() + (rougher - x.mean()) / np.sqrt(1 + share)).round(4))


def torn(fresh: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """`pulse` taken from the patient with the next longer record, so that it no longer follows `load`."""
    codes, lengths = sequences(fresh)
    starts = np.cumsum(lengths) - lengths
    order = np.argsort(lengths + rng.random(len(lengths)))
    donor = np.empty(len(lengths), dtype=np.int64)
    donor[order] = np.append(order[1:], order[-2])
    at = np.arange(len(fresh)) - starts[codes]
    rows = starts[donor[codes]] + np.minimum(at, lengths[donor[codes]] - 1)
    return fresh.assign(pulse=fresh["pulse"].to_numpy()[rows])


def mode_missing(fresh: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """No patient of the mode "quick" (a third of them)."""
    n = fresh["patient"].nunique()
    more = datasets.visits(3 * n, rng)
    more = more[more["mode"] != "quick"]
    return more[pd.factorize(more["patient"])[0] < n]


def copied(share: float) -> Plant:
    """Return a fault that puts real patients, under new names, in the place of a share of the fresh ones."""

    def plant(fresh: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        (a, n), (b, _) = ((codes, len(lengths)) for codes, lengths in (sequences(fresh), sequences(real)))
        some = rng.permutation(n) < round(share * n)
        both = [fresh[~some[a]], real[some[b]].assign(patient="c" + real["patient"])]
        return pd.concat(both, ignore_index=True)

    return plant


def stage_off(fresh: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """A fifth of the rows in stage "fall" say "rest": both are off by five points."""
    change = (fresh["stage"] == "fall") & (rng.random(len(fresh)) < 0.2)
    return fresh.assign(stage=fresh["stage"].where(~change, "rest"))


def truncated(fresh: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """No patient has more than 32 visits."""
    return fresh[fresh.groupby("patient").cumcount() < 32]


def jittered(fresh: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Half a day of noise on every time stamp (in order again)."""
    when = fresh["when"] + pd.to_timedelta((0.5 * 1440 * rng.standard_normal(len(fresh))).round(), unit="min")
    rows = np.lexsort((when.to_numpy(), sequences(fresh)[0]))
    return fresh.assign(when=when.to_numpy()[rows])


def told(fresh: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The highest real `load`, which one patient has, in one visit each of 30 patients."""
    codes, lengths = sequences(fresh)
    chosen = (np.cumsum(lengths) - lengths)[rng.choice(len(lengths), 30, replace=False)]
    return fresh.assign(load=fresh["load"].where(~np.isin(np.arange(len(codes)), chosen), real["load"].max()))


def half(fresh: pd.DataFrame, real: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """As many patients, all drawn from one half of the real ones."""
    _, lengths = sequences(real)
    starts = np.cumsum(lengths) - lengths
    drawn = rng.integers(len(lengths) // 2, size=len(lengths))
    rows = np.concatenate([np.arange(starts[i], starts[i] + lengths[i]) for i in drawn])
    new = np.repeat([f"h{i}" for i in range(len(drawn))], lengths[drawn])
    return real.iloc[rows].assign(patient=new).reset_index(drop=True)


FAULTS = {
    "noise": Fault(
        "independent noise",
        noise,
        (
            "discriminative",
            "two_sample",
            "frechet",
            "coverage",
            "marginals",
            "atoms",
            "missing",
            "association",
            "forecast",
            "usefulness",
            "correlation",
            "cross_correlation",
            *TIME,
        ),
        ("lengths", "gaps", *LEAKS),
    ),
    "shifted": Fault(
        "one column's mean .1 sd higher",
        shifted,
        ("marginals",),
        ("spectrum", "increments", "transitions", "correlation", "lengths", "gaps", "missing", *LEAKS),
    ),
    "normal": Fault(
        "a marginal swapped for a normal one",
        normal,
        ("marginals", "tails"),
        ("transitions", "lengths", "gaps", "missing", *LEAKS),
    ),
    "shuffled": Fault(
        "time shuffled within sequences",
        shuffled,
        ("two_sample", "frechet", *TIME, "run_lengths", "cross_correlation", "forecast"),
        ("marginals", "tails", "correlation", "association", "lengths", "gaps", *LEAKS),
    ),
    "reversed": Fault(
        "time reversed",
        turned,
        ("two_sample", "increments", "cross_correlation", "transitions"),
        ("marginals", "tails", "autocorrelation", "spectrum", "correlation", "run_lengths", "lengths", "gaps", *LEAKS),
    ),
    "rough": Fault(
        "increments 1.3 times too rough",
        rough,
        ("two_sample", "increments", "spectrum"),
        ("transitions", "run_lengths", "lengths", "gaps", "missing", *LEAKS),
    ),
    "torn": Fault(
        "correlation of two columns broken",
        torn,
        ("two_sample", "correlation", "cross_correlation"),
        ("marginals", "tails", "atoms", "autocorrelation", "spectrum", "transitions", "lengths", "gaps", *LEAKS),
    ),
    "mode": Fault(
        "one of three modes missing",
        mode_missing,
        ("two_sample", "frechet", "coverage", "marginals"),
        ("transitions", "lengths", "gaps", "missing", *LEAKS),
    ),
    "copied_10": Fault(
        "10 % of records copied",
        copied(0.1),
        ("copies",),
        ("two_sample", "marginals", *TIME, "correlation", "coverage", "lengths", "gaps"),
    ),
    "copied": Fault(
        "all records copied",
        copied(1.0),
        (*LEAKS, "attribute_inference"),
        ("two_sample", "frechet", "marginals", *TIME, "correlation", "cross_correlation", "lengths", "gaps"),
    ),
    "category": Fault(
        "a category's share off by 5 points",
        stage_off,
        ("marginals",),
        ("tails", "autocorrelation", "correlation", "lengths", "gaps", "missing", *LEAKS),
    ),
    "truncated": Fault(
        "lengths truncated",
        truncated,
        ("lengths",),
        ("two_sample", "marginals", *TIME, "correlation", "gaps", "missing", *LEAKS),
    ),
    "jittered": Fault(
        "time stamps jittered",
        jittered,
        ("gaps",),
        ("two_sample", "marginals", *TIME, "correlation", "lengths", "missing", *LEAKS),
    ),
    "told": Fault(
        "one patient's highest load told of 30 others",
        told,
        ("singled_out",),
        ("two_sample", *TIME, "lengths", "gaps", "copies", "closest_record", "nearest_ratio", "membership"),
    ),
    "half": Fault(
        "windows drawn from half of the entities",
        half,
        ("copies", "membership", "closest_record", "coverage"),
        ("lengths", "gaps", "transitions"),
    ),
}


def judge(patients: int, seed: int, fault: str | None, metrics: list[str] | None, repeats: int) -> list[Result]:
    """Draw the tables, plant a fault (or none) and judge."""
    real, fresh, holdout = (datasets.visits(patients, np.random.default_rng([seed, i])) for i in range(3))
    synthetic = fresh
    if fault is not None:
        synthetic = FAULTS[fault].plant(fresh, real, np.random.default_rng([seed, 3]))
    tables = [frame.drop(columns="mode") for frame in (real, synthetic, holdout)]
    report = evaluate(*tables, **ROLES, metrics=metrics, repeats=repeats, random_state=seed)
    return list(report.results)


def wrong(fault: str | None, results: list[Result]) -> list[str]:
    """Return the metrics that miss what they must see, or see what they must not."""
    seen = {result.name: result.grade in MARKS for result in results}
    if fault is None:
        return [name for name, found in seen.items() if found]
    planted = FAULTS[fault]
    missed = [name for name in planted.must if not seen.get(name, True)]
    return missed + [name for name in planted.must_not if seen.get(name, False)]


def seen_by(results: list[Result], errors: list[str], full: bool) -> str:
    """Return the metrics by how much they see, the wrong ones marked."""
    by_grade: dict[str, list[str]] = {}
    for result in results:
        mark = MARKS.get(result.grade, result.grade if full else "")
        if mark or result.name in errors:
            text = result.name + ("**!**" if result.name in errors else "")
            by_grade.setdefault(mark or "not seen", []).append(text)
    order = [*dict.fromkeys(MARKS.values()), *by_grade]
    return "; ".join(f"{mark}: {', '.join(by_grade.pop(mark))}" for mark in order if mark in by_grade) or "nothing"


def figures(name: str, results: list[list[Result]]) -> str:
    """Return a metric's value and grade, or the range of values over several reports."""
    found = [one for report in results for one in report if one.name == name and one.value is not None]
    values = sorted(one.value for one in found if one.value is not None)
    if len(values) < 2:
        return "".join(f"{one.value:.3f} {one.grade}" for one in found)
    return f"{values[0]:.3f} to {values[-1]:.3f}"


def rows(jobs: list[tuple[int, str | None]], found: list[list[Result]], full: bool) -> tuple[list[str], int]:
    """Return the table's lines, and how many findings are wrong; all pairs without a fault share a line."""
    lines = ["| planted fault | seen by | classic judge | strong judge (AUC) |", "|---|---|---|---|"]
    total, clean = 0, []
    for (_, fault), results in zip(jobs, found, strict=True):
        errors = wrong(fault, results)
        total += len(errors)
        if fault is None:
            clean.append((results, errors))
            continue
        ends = [figures(name, [results]) for name in ("discriminative", "two_sample")]
        lines.append(f"| {FAULTS[fault].what} | {seen_by(results, errors, full)} | {' | '.join(ends)} |")
    if clean:
        seen = "; ".join(seen_by(results, errors, False) for results, errors in clean if errors) or "nothing"
        ends = [figures(name, [results for results, _ in clean]) for name in ("discriminative", "two_sample")]
        lines.append(f"| none, {len(clean)} pairs of real samples | {seen} | {' | '.join(ends)} |")
    return lines, total


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=10, help="pairs of real samples without a fault")
    parser.add_argument("--faults", nargs="*", default=list(FAULTS), choices=list(FAULTS))
    parser.add_argument("--metrics", nargs="*", default=None)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--full", action="store_true")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes to come: one core each
    jobs: list[tuple[int, str | None]] = [(args.seed, fault) for fault in args.faults]
    jobs += [(args.seed + 1 + i, None) for i in range(args.seeds)]
    with ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(judge, args.patients, seed, fault, args.metrics, args.repeats) for seed, fault in jobs]
        found = [task.result() for task in tasks]
    lines, total = rows(jobs, found, args.full)
    print("\n".join(lines))
    print(f"\n{total} findings are wrong (marked !)" if total else "\nall that must be seen is, and nothing else")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
