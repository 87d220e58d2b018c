"""Discriminative and predictive score of the default RecurrentGAN on the field's standard series.

    python benchmarks/fidelity.py sines stocks etth1 energy fmri --seeds 3

Protocol of the papers (Yoon et al., 2019, and the code of its successors): the whole series, min-max scaled per column
by the real data, windows of 24 steps with stride 1; as many synthetic as real windows; the classic judges of
`tsgan.evaluation.judges.papers`. Each generator seed is a whole new fit with the default arguments (`--budget` bounds
it); its cost is in CPU seconds of the whole `fit`. Beside it stand the same without protection, the first stage alone,
the closed form (`steps=0`), real against real (two random halves), the score of a perfect generator by chance, and
published rows (given by their authors or re-run in papers).

`AUC` is the strong judge of `tsgan.evaluation.judges.rocket` with a split by time blocks: 0.5 is "cannot be told
apart".
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FILES = {
    "stocks": "stock_data.csv",
    "etth1": "ETTh1.csv.gz",
    "energy": "energy_data.csv.gz",
    "fmri": "fmri.csv.gz",
    "hospital": "hospital_log.csv.gz",  # for `tables.py`
}
NAMES = ("sines", "stocks", "etth1", "energy", "fmri")
TITLES = {"sines": "Sines", "stocks": "Stocks", "etth1": "ETTh1", "energy": "Energy", "fmri": "fMRI"}
STEPS = 24
PUBLISHED = {  # discriminative score, windows of 24 steps
    "TimeGAN (2019)": (0.011, 0.102, 0.114, 0.236, 0.484),
    "TimeVAE (2021)": (0.041, 0.145, 0.209, 0.499, 0.476),
    "COT-GAN (2020)": (0.254, 0.230, 0.325, 0.498, 0.492),
    "Diffusion-TS (2024)": (0.006, 0.067, 0.061, 0.122, 0.167),
    "PaD-TS (2025)": (0.013, 0.055, None, 0.078, None),
    "FM-TS (2024)": (0.005, 0.019, 0.011, 0.053, 0.106),
    "ST-Diff / SDFlow (2025-26)": (0.004, 0.003, 0.005, 0.007, 0.021),
}


def path(name: str) -> Path:
    """Return where the file of a series lies."""
    found = Path(os.environ.get("TSGAN_DATA", "../shared/data")) / FILES[name]
    if not found.exists():
        raise SystemExit(f"{found} is missing; set TSGAN_DATA to the folder that holds {FILES[name]}")
    return found


def load(name: str) -> np.ndarray:
    """Return one series `(time, columns)`, or windows `(n, time, columns)` for sines."""
    if name == "sines":
        from tsgan import datasets

        return datasets.sines(n=10_000, length=STEPS, columns=5, random_state=0)
    return pd.read_csv(path(name)).select_dtypes("number").to_numpy(float)


def windows(series: np.ndarray) -> np.ndarray:
    """Return all windows, stride 1."""
    if series.ndim == 3:
        return series
    return np.lib.stride_tricks.sliding_window_view(series, STEPS, axis=0).transpose(0, 2, 1)


def scaled(name: str, real: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Scale windows by the real data's minimum and maximum; the papers leave sines, made within [0, 1], as they are."""
    if name == "sines":
        return other.astype(np.float32)
    low, high = real.min((0, 1)), real.max((0, 1))
    return ((other - low) / (high - low)).astype(np.float32)


def strong(series: np.ndarray, synthetic: np.ndarray, seed: int) -> float:
    """Return the strong judge's AUC, with the real series split by time blocks."""
    from tsgan import evaluate

    report = evaluate(series, synthetic, window=STEPS, metrics=["two_sample"], repeats=1, random_state=seed)
    return float(report["two_sample"].value)


def further(series: np.ndarray, synthetic: np.ndarray, seed: int) -> dict[str, Any]:
    """Return Context-FID with its real against real, and the grade of copies."""
    from tsgan import evaluate

    report = evaluate(series, synthetic, window=STEPS, metrics=["context_fid", "copies"], repeats=1, random_state=seed)
    near, copies = report["context_fid"], report["copies"]
    return {"context_fid": [near.value, near.real_against_real], "copies": copies.grade}


KINDS: dict[str, dict[str, Any]] = {
    "closed form (steps=0)": {"steps": 0},
    "first stage alone": {"adversarial_steps": 0},
    "RecurrentGAN": {},
    "without protection": {"protect": 0},
}


def job(name: str, kind: str, seed: int, budget: float | None, repeats: int) -> dict[str, Any]:
    """Fit one generator, draw from it, judge it."""
    import torch

    from tsgan import RecurrentGAN
    from tsgan.evaluation.judges.papers import discriminative_score, predictive_score

    torch.set_num_threads(1)
    series = load(name)
    real = windows(series)
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = RecurrentGAN(random_state=seed, max_time=budget, verbose=False, **KINDS[kind]).fit(series)
    seconds = time.process_time() - began
    began = time.perf_counter()
    synthetic = np.asarray(model.sample(len(real), STEPS, random_state=seed))
    drawn = time.perf_counter() - began
    both = scaled(name, real, real), scaled(name, real, synthetic)
    first = "steps" in KINDS[kind] and seed == 0
    told = discriminative_score(*both, repeats=repeats, control=first, random_state=1000 + seed)
    foretold = predictive_score(*both, repeats=repeats, control=first, random_state=1000 + seed)
    row = {
        "name": name,
        "kind": kind,
        "seed": seed,
        "discriminative": told.mean,
        "judges": told.std,
        "predictive": foretold.mean,
        "auc": strong(series, synthetic, 1000 + seed),
        "seconds": seconds,
        "drawing": drawn,
        "trained": model.trained_,
        "second": model.finished_,
        "history": model.history_,
        "windows": len(real),
    }
    if kind == "RecurrentGAN" and seed == 0:
        row |= further(series, synthetic, 1000 + seed)
    if told.control is not None and foretold.control is not None:
        row["control"] = [told.control.mean, told.control.std, foretold.control.mean]
    return row


def chance(count: int) -> float:
    """Return the mean of |accuracy - 1/2| for a generator that cannot be told apart, on 20 % of both sides."""
    return 0.5 / math.sqrt(2 * 0.2 * count) * math.sqrt(2 / math.pi)


def table(rows: list[dict[str, Any]], names: list[str]) -> str:
    """Return the results as a Markdown table."""
    lines = ["| | " + " | ".join(TITLES[n] for n in names) + " |", "|---" * (len(names) + 1) + "|"]

    def line(title: str, cells: list[str]) -> None:
        lines.append(f"| {title} | " + " | ".join(cells) + " |")

    def spread(name: str, kind: str, key: str, digits: int = 3) -> str:
        found = [row[key] for row in rows if (row["name"], row["kind"]) == (name, kind)]
        return f"{np.mean(found):.{digits}f} ± {np.std(found):.{digits}f}" if found else ""

    counts = {row["name"]: row["windows"] for row in rows}
    control = {row["name"]: row["control"] for row in rows if "control" in row}
    for key, title in (
        ("discriminative", "discriminative"),
        ("predictive", "predictive"),
        ("auc", "strong judge, AUC"),
    ):
        for kind in [kind for kind in reversed(KINDS) if any(row["kind"] == kind for row in rows)]:
            line(f"{title}: {kind}", [spread(n, kind, key) for n in names])
        if key == "discriminative":
            line("real against real", [f"{control[n][0]:.3f}" if n in control else "" for n in names])
            line("chance (a perfect generator)", [f"{chance(counts[n]):.3f}" if n in counts else "" for n in names])
            for title, values in PUBLISHED.items():
                own = dict(zip(NAMES, values, strict=True))
                line(f"{title}, published", ["" if own[n] is None else f"{own[n]:.3f}" for n in names])
        if key == "predictive":
            line("real against real", [f"{control[n][2]:.3f}" if n in control else "" for n in names])
    more = {row["name"]: row for row in rows if "copies" in row}
    near = [more[n]["context_fid"] if n in more else None for n in names]
    line("Context-FID: RecurrentGAN, seed 0", ["" if pair is None else f"{pair[0]:.3f}" for pair in near])
    line("Context-FID: real against real", ["" if pair is None else f"{pair[1]:.3f}" for pair in near])
    line("copies: RecurrentGAN, seed 0", [more[n]["copies"] if n in more else "" for n in names])
    last = [[row["second"] for row in rows if row["name"] == n and row["kind"] == "RecurrentGAN"] for n in names]
    line("seeds whose second stage was believed", [f"{sum(map(bool, k))} of {len(k)}" for k in last])
    kept = [[row["trained"] for row in rows if row["name"] == n and row["kind"] == "RecurrentGAN"] for n in names]
    line("seeds whose trained network was kept", [f"{sum(map(bool, k))} of {len(k)}" for k in kept])
    line("CPU seconds to fit, RecurrentGAN", [spread(n, "RecurrentGAN", "seconds", 0) for n in names])
    line("seconds to draw as many windows", [spread(n, "RecurrentGAN", "drawing", 1) for n in names])
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", default=list(NAMES), choices=[*NAMES, []], help="series (default: all)")
    parser.add_argument("--budget", type=float, default=None, help="seconds of each fit at most")
    parser.add_argument("--seeds", type=int, default=3, help="generator seeds")
    parser.add_argument("--repeats", type=int, default=5, help="judges for each score")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS), help="models (default: all)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="fits at a time, one thread each")
    parser.add_argument("--json", type=Path, help="write all rows there too")
    args = parser.parse_args()
    names = list(args.names) or list(NAMES)
    tasks = [(n, kind, s) for n in names for kind in args.kinds for s in range(args.seeds)]
    rows = []
    with ProcessPoolExecutor(args.jobs) as pool:
        futures = [pool.submit(job, *task, args.budget, args.repeats) for task in tasks]
        for future in futures:
            row = future.result()
            rows.append(row)
            shown = f"{row['name']:8s} {row['kind']:21s} seed {row['seed']}: discriminative {row['discriminative']:.4f}"
            print(
                f"{shown}, predictive {row['predictive']:.4f}, AUC {row['auc']:.3f}, {row['seconds']:.0f} s", flush=True
            )
            if args.json:
                args.json.write_text(json.dumps(rows, indent=1))
    print()
    print(table(rows, names))


if __name__ == "__main__":
    main()
