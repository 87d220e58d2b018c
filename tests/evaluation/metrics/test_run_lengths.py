"""How long levels stay."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.states import RunLengths, runs
from tsgan.evaluation.metrics.states import runs_distance as distance

GOOD = ("faithful", "unclear")


def stays(seed: int, share: float = 0.8, count: int = 200, steps: int = 12) -> pd.DataFrame:
    """A category and a boolean that are drawn afresh in `1 - share` of the steps."""
    rng = np.random.default_rng(seed)
    level = rng.integers(3, size=(count, steps))
    for t in range(1, steps):
        level[:, t] = np.where(rng.random(count) < share, level[:, t - 1], level[:, t])
    flat = level.ravel()
    return pd.DataFrame({"who": np.arange(len(flat)) // steps, "kind": np.array(list("abc"))[flat], "flag": flat == 1})


def measure(real, synthetic, **roles):
    return RunLengths().measure(prepare(real, synthetic, **{"entity": "who", **roles}), 5)


def test_runs() -> None:
    assert runs(np.array([[1, 1, 2, 2, 2], [2, 0, 0, 1, 1]])).tolist() == [[2, 2, 3, 3, 3], [1, 2, 2, 2, 2]]


def test_distance_by_hand() -> None:
    real = np.array([0.2, 0.2, 0.6, 0.0])  # of two levels, steps in runs of 1 and of 2
    other = np.array([0.4, 0.0, 0.5, 0.1])
    # runs of 1 step: of the first level .2 of .3 against all, of the second all against .5 of .55
    assert distance(other, real, 2) == pytest.approx((0.3 * (1 / 3) + 0.6 * (0.05 / 0.55)) / 0.9)
    assert distance(np.array([1.0, 0, 0, 0]), np.array([0, 0, 1.0, 0]), 2) == 0


@pytest.mark.parametrize("seed", range(5))
def test_another_sample_of_the_source_passes(seed: int) -> None:
    assert measure(stays(seed), stays(seed + 100)).grade in GOOD


def test_shorter_runs_are_seen() -> None:
    result = measure(stays(0), stays(1, 0.7))
    assert result.grade in ("close", "visible", "far")
    row = result.detail["columns"][0]
    assert row["mean_synthetic"] < row["mean_real"]


def test_mean_length_by_a_plain_loop() -> None:
    real = stays(0)
    found = []
    for _, one in real.groupby("who"):
        kinds = list(one["kind"])
        changes = [0, *[i for i in range(1, 12) if kinds[i] != kinds[i - 1]], 12]
        found += list(np.diff(changes))
    row = measure(real, stays(1)).detail["columns"][0]
    assert row["mean_real"] == pytest.approx(np.mean(found))


def test_turning_time_round_changes_nothing() -> None:
    turned = stays(1)
    turned = turned.iloc[np.lexsort((-np.arange(len(turned)), turned["who"]))]
    assert measure(stays(0), turned).grade in GOOD


def test_a_long_series_and_many_short_ones_are_cut_alike() -> None:
    long = stays(0, count=1, steps=3000)[["kind"]]
    short = stays(1, count=60, steps=24)
    short = short.set_index(pd.MultiIndex.from_arrays([short["who"], np.arange(len(short))], names=["sequence", None]))
    result = RunLengths().measure(prepare(long, short[["kind"]], window=12), 5)
    assert result.grade in GOOD


def test_pieces_with_gaps_in_a_boolean_are_left_out() -> None:
    tables = []
    for seed in range(2):
        frame = stays(seed).astype({"flag": "boolean"})
        frame.loc[np.random.default_rng(seed).random(len(frame)) < 0.05, "flag"] = None
        tables.append(frame)
    assert measure(*tables).grade in GOOD
    tables[1].loc[::12, "flag"] = None
    only = [frame[["who", "flag"]] for frame in tables]
    assert "no boolean has 12 steps in a row without a gap in both tables" in measure(*only).verdict


def test_not_available_in_words() -> None:
    numbers = np.random.default_rng(0).normal(size=(40, 6, 1))
    result = RunLengths().measure(prepare(numbers, numbers), 2)
    assert result.verdict == "not available: no column holds categories or booleans that change in time"
