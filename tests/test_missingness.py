"""Gaps come back as they fell: as many, in runs as long, in the same columns and throughout as many entities."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from tsgan import RecurrentGAN, datasets

APART, RUNS = 0.02, 0.2


def sensors(n=600, random_state=0):
    """Return machines with six sensors.

    a and b fail together in runs, c fails often when they do and sometimes else, d misses single readings, e is not
    installed in every fifth machine and fails in runs in the others, f never fails. The plan of a machine (a static) is
    not known for every tenth; the state (text) is missing in runs.
    """
    rng = np.random.default_rng(random_state)
    lengths = rng.integers(20, 40, size=n, endpoint=True)
    steps = int(lengths.max())
    x = rng.normal(size=(steps, n, 6))
    for step in range(1, steps):
        x[step] = 0.8 * x[step - 1] + 0.6 * x[step]
    both = failures(rng, steps, n, stay=0.8, share=0.15)
    gone = np.zeros(x.shape, dtype=bool)
    gone[..., 0] = gone[..., 1] = both
    gone[..., 2] = failures(rng, steps, n, stay=0.7, share=0.1) | (both & (rng.random(both.shape) < 0.5))
    gone[..., 3] = rng.random(both.shape) < 0.1
    gone[..., 4] = failures(rng, steps, n, stay=0.85, share=0.1) | (rng.random(n) < 0.2)
    x[gone] = np.nan
    state = np.where(x[..., 5] > 0, "on", "off").astype(object)
    state[failures(rng, steps, n, stay=0.6, share=0.2)] = None
    plan = np.where(rng.random(n) < 0.1, None, rng.choice(["north", "south"], n).astype(object))
    who, at = np.nonzero(np.arange(steps) < lengths[:, None])
    columns = {name: x[at, who, i] for i, name in enumerate("abcdef")}
    return pd.DataFrame({"machine": who, "step": at, "plan": plan[who], "state": state[at, who], **columns})


def failures(rng, steps, n, stay, share):
    """Return `(steps, n)` states of stationary chains that are failing a share of the time and stay so."""
    back = share * (1 - stay) / (1 - share)
    out, u = np.zeros((steps, n), dtype=bool), rng.random((steps, n))
    out[0] = u[0] < share
    for step in range(1, steps):
        out[step] = u[step] < np.where(out[step - 1], stay, back)
    return out


def gaps(frame, entity):
    """Return by column share, mean run and share of entities without any value, and by pair the share of both."""
    who = pd.factorize(frame[entity])[0]
    first = np.r_[True, who[1:] != who[:-1]]
    missing = {name: frame[name].isna().to_numpy() for name in frame}
    alone = {}
    for name, mask in missing.items():
        runs = (mask & (first | ~np.r_[False, mask[:-1]])).sum()
        whole = pd.Series(mask).groupby(who).all().mean()
        alone[name] = (mask.mean(), mask.sum() / max(runs, 1), whole)
    return alone, {pair: (missing[pair[0]] & missing[pair[1]]).mean() for pair in combinations(missing, 2)}


def compare(real, made, entity):
    (alone, pairs), (made_alone, made_pairs) = gaps(real, entity), gaps(made, entity)
    for name, (share, run, whole) in alone.items():
        made_share, made_run, made_whole = made_alone[name]
        assert abs(made_share - share) < APART, f"{name}: share {made_share:.3f} instead of {share:.3f}"
        assert abs(made_run - run) <= RUNS * run, f"{name}: mean run {made_run:.2f} instead of {run:.2f}"
        assert abs(made_whole - whole) < APART, f"{name}: {made_whole:.3f} of entities instead of {whole:.3f}"
        assert (made_share == 0) == (share == 0), name
    for pair, share in pairs.items():
        assert abs(made_pairs[pair] - share) < APART, f"{pair}: both {made_pairs[pair]:.3f} instead of {share:.3f}"


@pytest.mark.slow
def test_sensors_that_fail_together_in_runs_and_throughout():
    real = sensors()
    model = RecurrentGAN(
        entity="machine",
        time="step",
        static=["plan"],
        steps=150,
        adversarial_steps=0,
        hidden=32,
        units=64,
        verbose=False,
        random_state=0,
    ).fit(real)
    made = model.sample(1500, random_state=1)
    compare(real, made, "machine")
    assert (made["a"].isna() == made["b"].isna()).all()
    assert made.groupby("machine")["plan"].nunique(dropna=False).max() == 1
    pd.testing.assert_series_equal(made.dtypes, real.dtypes)


def test_visits_of_a_clinic():
    real = datasets.visits(400, random_state=0)
    model = RecurrentGAN(steps=0, entity="patient", time="when", static=["mode", "sex"]).fit(real)
    compare(real, model.sample(800, random_state=1), "patient")


def test_a_comparison_notices_gaps_that_fell_elsewhere():
    real = sensors(300)
    moved = real.copy()
    moved["a"] = real["a"].sample(frac=1, random_state=0).to_numpy()
    with pytest.raises(AssertionError, match="a: mean run"):
        compare(real, moved, "machine")
    alone = real.copy()
    alone["b"] = np.roll(real["b"], 300)
    with pytest.raises(AssertionError, match="both"):
        compare(real, alone, "machine")


def test_one_series_with_gaps_and_a_column_without_values():
    rng = np.random.default_rng(0)
    index = pd.date_range("2024-01-01", periods=1500, freq="h")
    real = pd.DataFrame({"x": rng.normal(size=1500).cumsum() * 0.01, "y": rng.normal(size=1500)}, index=index)
    real.loc[failures(rng, 1500, 1, stay=0.8, share=0.2)[:, 0], "x"] = np.nan
    real["never"] = np.nan
    made = RecurrentGAN(steps=0).fit(real).sample(1, length=5000, random_state=1)
    assert list(made) == list(real)
    assert made["never"].isna().all()
    assert abs(made["x"].isna().mean() - real["x"].isna().mean()) < 2 * APART
    assert made["y"].notna().all()
