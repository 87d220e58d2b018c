"""Which level follows which."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.states import Transitions, distance, matrix

GOOD = ("faithful", "unclear")
ROUND = np.array([[0.6, 0.4, 0.0], [0.0, 0.6, 0.4], [0.4, 0.0, 0.6]])


def chain(seed: int, steps_to: np.ndarray = ROUND, count: int = 200, steps: int = 15) -> pd.DataFrame:
    """A category that goes round and a boolean that is true at one of its levels."""
    rng = np.random.default_rng(seed)
    level = np.zeros((count, steps), dtype=int)
    level[:, 0] = rng.integers(3, size=count)
    for t in range(1, steps):
        level[:, t] = (rng.random((count, 1)) > np.cumsum(steps_to, axis=1)[level[:, t - 1]]).sum(axis=1)
    flat = level.ravel()
    return pd.DataFrame({"who": np.arange(len(flat)) // steps, "kind": np.array(list("abc"))[flat], "flag": flat == 1})


def measure(real, synthetic, **roles):
    return Transitions().measure(prepare(real, synthetic, entity="who", **roles), 5)


@pytest.mark.parametrize("seed", range(5))
def test_another_sample_of_the_source_passes(seed: int) -> None:
    assert measure(chain(seed), chain(seed + 100)).grade in GOOD


def test_matrices_by_a_plain_loop() -> None:
    real, synthetic = chain(0), chain(1, np.full((3, 3), 1 / 3))
    row = measure(real, synthetic).detail["columns"][0]
    counts = np.zeros((2, 3, 3))
    for side, frame in enumerate((real, synthetic)):
        for _, one in frame.groupby("who"):
            codes = ["abc".index(kind) for kind in one["kind"]]
            for i, j in pairwise(codes):
                counts[side, i, j] += 1
    found = counts / counts.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(row["matrices"]["real"], found[0], atol=1e-4)
    np.testing.assert_allclose(row["matrices"]["synthetic"], found[1], atol=1e-4)
    weights = counts[0].sum(axis=1) / counts[0].sum()
    assert row["moved"] == pytest.approx(weights @ np.abs(found[0] - found[1]).sum(axis=1) / 2)
    never = counts[0] == 0
    assert row["new"] == pytest.approx(counts[1][never].sum() / counts[1].sum())
    assert row["levels"] == ["a", "b", "c"]


def test_the_other_way_round_is_seen() -> None:
    result = measure(chain(0), chain(1, ROUND.T))
    assert result.grade == "far"
    kind, flag = result.detail["columns"]
    assert kind["new"] == pytest.approx(0.4, abs=0.03)
    assert flag["grade"] in GOOD


def test_other_shares_of_levels_alone_are_not_seen() -> None:
    real = chain(0)
    fewer = chain(1)
    keep = fewer.groupby("who")["kind"].transform("first") == "a"
    assert measure(real, fewer[keep | (fewer["who"] % 2 == 0)]).grade in GOOD


def test_a_rare_impossible_step_is_seen() -> None:
    rare = ROUND.copy()
    rare[0] = [0.58, 0.4, 0.02]
    row = measure(chain(0), chain(1, rare)).detail["columns"][0]
    assert row["moved"] < 0.05
    assert row["grade"] in ("close", "visible")


def test_absent_levels_and_gaps_count_as_right() -> None:
    shares = np.array([0.5, 0.0, 0.0, 0.5])
    assert distance(np.array([1.0, 0, 0, 0]), shares, 2) == 0
    assert distance(np.array([0.5, 0.5, 0, 0]), shares, 2) == pytest.approx(0.25)
    assert matrix(np.zeros(4), 2).tolist() == [[0, 0], [0, 0]]


def test_missing_values_break_a_boolean_and_are_a_level_of_a_category() -> None:
    tables = []
    for seed in range(2):
        frame = chain(seed).astype({"flag": "boolean"})
        frame.loc[np.random.default_rng(seed).random(len(frame)) < 0.2, ["flag", "kind"]] = None
        tables.append(frame)
    result = measure(*tables)
    assert result.grade in GOOD
    assert result.detail["columns"][0]["levels"] == ["a", "b", "c", "(missing)"]
    lone = tables[1].copy()
    lone.loc[lone.index % 2 == 0, "flag"] = None
    only = [frame[["who", "flag"]] for frame in (tables[0], lone)]
    assert "two steps in a row without a gap" in measure(*only).verdict


def test_not_available_in_words() -> None:
    numbers = np.random.default_rng(0).normal(size=(40, 6, 1))
    result = Transitions().measure(prepare(numbers, numbers), 2)
    assert result.verdict == "not available: no column holds categories or booleans that change in time"
