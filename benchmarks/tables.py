"""The default RecurrentGAN on tables of every form: what the strong judge tells, and what the report finds.

    python benchmarks/tables.py weather vowels visits regimes hospital rules --seeds 3
    python benchmarks/tables.py year length wide --seeds 1

One line for each table and seed: the strong judge's AUC (0.5 is best) beside real against real, every other score that
is graded as different, CPU seconds of the whole `fit`. `hospital` adds how its activities follow one another, `rules`
is Stocks with its four order rules beside Stocks without, `year` one year of ETTh1 drawn as one series (how far
autocorrelations are off, mean and worst column, beside the worse of the first and the last real year), `length` the
discriminative score of ETTh1 in windows of 64, 128 and 256 steps, `wide` a table of 300 columns.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import fidelity
import numpy as np
import pandas as pd

from tsgan import Inequality, RecurrentGAN, datasets, evaluate

HOSPITAL = {"entity": "case:concept:name", "time": "time"}
PUBLISHED = {64: 0.10, 128: 0.14, 256: 0.06}  # Diffusion-TS on ETTh1


def fitted(table: Any, seed: int, **options: Any) -> tuple[RecurrentGAN, float]:
    """Return a default model and the CPU seconds that it took."""
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = RecurrentGAN(random_state=seed, verbose=False, **options).fit(table)
    return model, time.process_time() - began


def say(name: str, seed: int, model: RecurrentGAN, seconds: float, told: str) -> None:
    """Print one line."""
    stages = f"trained {model.trained_}, second stage kept {model.finished_}"
    print(f"{name:8s} seed {seed}: {told}; {seconds:.0f} CPU s; {stages}", flush=True)


def judged(real: pd.DataFrame, synthetic: pd.DataFrame, seed: int, **roles: Any) -> str:
    """Return the strong judge's word, and which scores are graded as different or as leaks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = evaluate(real, synthetic, random_state=1000 + seed, **roles)
    told = report["two_sample"]
    frame = report.as_frame()
    bad = frame[frame["grade"].isin(["visible", "far", "suspicious", "leak"])]
    worst = ", ".join(f"{name} {row['value']:.3f} ({row['grade']})" for name, row in bad.iterrows()) or "none"
    control = frame.loc["two_sample", "real_against_real"]
    return f"AUC {told.value:.3f} ± {told.spread:.3f} (real against real {control:.3f}); different: {worst}"


def panel(name: str, real: pd.DataFrame, seed: int, **roles: Any) -> pd.DataFrame:
    """Fit, draw as many entities, judge, and return what was drawn."""
    model, seconds = fitted(real, seed, **roles)
    synthetic = model.sample(real[roles["entity"]].nunique() if "entity" in roles else len(real))
    say(name, seed, model, seconds, judged(real, synthetic, seed, **roles))
    return synthetic


def weather(seed: int) -> None:
    """One long series with a calendar."""
    panel("weather", datasets.load("seattle_weather"), seed, time="date")


def vowels(seed: int) -> None:
    """640 utterances of differing lengths."""
    panel("vowels", datasets.load("japanese_vowels"), seed, entity="utterance", time="step", static=["speaker"])


def visits(seed: int) -> None:
    """A simulated clinic."""
    roles = {"entity": "patient", "time": "when", "static": ["mode", "sex"]}
    panel("visits", datasets.visits(1000, random_state=0), seed, **roles)


def regimes(seed: int) -> None:
    """Units that switch between regimes."""
    panel("regimes", datasets.load("regime_panel"), seed, entity="unit", time="day", static=["site", "age"])


def hospital(seed: int) -> None:
    """A log of activities: 10,000 cases, irregular times."""
    log = pd.read_csv(fidelity.path("hospital"))
    static = [name for name in log if name.startswith("case:") and name != HOSPITAL["entity"]]
    made = panel("hospital", log, seed, **HOSPITAL, static=static)
    follows = [
        pd.crosstab(table.groupby(HOSPITAL["entity"], sort=False)["activity"].shift(), table["activity"])
        for table in (log, made)
    ]
    follows[1] = follows[1].reindex(index=follows[0].index, columns=follows[0].columns, fill_value=0)
    rates = [counts.div(counts.sum(axis=1), axis=0).fillna(0).to_numpy() for counts in follows]
    off = np.abs(rates[0] - rates[1])
    never = follows[1].to_numpy()[follows[0].to_numpy() == 0].sum() / follows[1].to_numpy().sum()
    print(f"         transitions off by {off.mean():.4f} on average, {off.max():.3f} at most; impossible {never:.4%}")


def rules(seed: int) -> None:
    """Stocks with and without the order of its prices."""
    table = pd.read_csv(fidelity.path("stocks"))
    low, high = "Low", "High"
    order = [Inequality(low, name) for name in ("Open", "Close")] + [
        Inequality(name, high) for name in ("Open", "Close")
    ]
    for name, constraints in (("without", []), ("with", order)):
        model, seconds = fitted(table, seed, constraints=constraints)
        made = model.sample(len(table) - 23, 24, random_state=seed)
        real = table.to_numpy(float)
        auc = fidelity.strong(real, made.to_numpy(float).reshape(-1, 24, real.shape[1]), 1000 + seed)
        say("rules", seed, model, seconds, f"{name} four inequalities AUC {auc:.3f}")


def year(seed: int) -> None:
    """One year of ETTh1 in one run: memory and spread."""
    table = pd.read_csv(fidelity.path("etth1"), parse_dates=["date"])
    model, seconds = fitted(table, seed, time="date")
    made = model.sample(1, length=8760, random_state=seed).drop(columns="date")
    real = table.drop(columns="date")
    ends = real.iloc[:8760], real.iloc[-8760:]
    told = []
    for k in (1, 24, 48, 168):
        apart, years = _apart(real, made, k), np.max([_apart(real, end, k) for end in ends], axis=0)
        beside = f"(real {years.mean():.2f}, {years.max():.2f})"
        told.append(f"lag {k} off by {apart.mean():.2f}, worst {apart.max():.2f} {beside}")
    tenths = [np.array([part.std(0) for part in np.array_split(frame.to_numpy(float), 10)]) for frame in (*ends, made)]
    both = np.vstack(tenths[:2])
    inside = (tenths[2] >= both.min(0)) & (tenths[2] <= both.max(0))
    say("year", seed, model, seconds, f"{'; '.join(told)}; spread of a tenth inside {inside.mean():.0%}")


def _apart(real: pd.DataFrame, other: pd.DataFrame, lag: int) -> Any:
    """Return how far the autocorrelations of two tables lie apart, by column."""
    return np.array([abs(real[name].autocorr(lag) - other[name].autocorr(lag)) for name in real])


def length(seed: int) -> None:
    """Longer windows of ETTh1."""
    from tsgan.evaluation.judges.papers import discriminative_score

    series = fidelity.load("etth1")
    for steps, published in PUBLISHED.items():
        real = np.lib.stride_tricks.sliding_window_view(series, steps, axis=0).transpose(0, 2, 1)
        model, seconds = fitted(series, seed, window=steps)
        made = np.asarray(model.sample(len(real), steps, random_state=seed))
        both = fidelity.scaled("etth1", real, real), fidelity.scaled("etth1", real, made)
        told = discriminative_score(*both, repeats=2, control=False, random_state=1000 + seed)
        say(
            "length", seed, model, seconds, f"{steps} steps, discriminative {told.mean:.3f} (published {published:.2f})"
        )


def wide(seed: int) -> None:
    """300 columns of a factor model with atoms, levels and holes."""
    rng = np.random.default_rng(seed)
    rows, columns = 2000, 300
    factors = np.cumsum(rng.normal(size=(rows, 5)), 0) * 0.1
    table = pd.DataFrame(factors @ rng.normal(size=(5, columns)) + 0.3 * rng.normal(size=(rows, columns)))
    table.columns = [f"c{j}" for j in range(columns)]
    for j in range(0, columns, 10):
        table[f"c{j}"] = np.where(table[f"c{j}"] > 0, "on", "off")
        table.loc[rng.random(rows) < 0.1, f"c{j + 1}"] = np.nan
        table[f"c{j + 2}"] = table[f"c{j + 2}"].clip(lower=0)
    model, seconds = fitted(table, seed)
    began = time.process_time()
    made = model.sample(1, length=rows, random_state=seed)
    drawn = time.process_time() - began
    say("wide", seed, model, seconds, f"300 columns, {len(made)} rows drawn in {drawn:.0f} s")


PARTS: dict[str, Callable[[int], None]] = {
    part.__name__: part for part in (weather, vowels, visits, regimes, hospital, rules, year, length, wide)
}


def main() -> None:
    """Run what is asked for."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("parts", nargs="*", default=list(PARTS), choices=[*PARTS, []], help="tables (default: all)")
    parser.add_argument("--seeds", type=int, default=1, help="generator seeds")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.parts or PARTS:
        for seed in range(args.seeds):
            PARTS[name](seed)


if __name__ == "__main__":
    main()
