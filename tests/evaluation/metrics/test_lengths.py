"""How long the sequences are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.timing import Lengths

GOOD = ("faithful", "unclear")


def table(lengths: np.ndarray) -> pd.DataFrame:
    who = np.repeat(np.arange(len(lengths)), lengths)
    return pd.DataFrame({"who": who, "v": np.arange(len(who)) % 7 / 7})


def drawn(seed: int, count: int = 300) -> np.ndarray:
    return np.random.default_rng(seed).poisson(20, count) + 2


def measure(real: np.ndarray, synthetic: np.ndarray, **roles):
    return Lengths().measure(prepare(table(real), table(synthetic), entity="who", **roles), 5)


@pytest.mark.parametrize("seed", range(8))
def test_another_sample_of_the_source_passes(seed: int) -> None:
    assert measure(drawn(seed), drawn(seed + 100)).grade in GOOD


def test_truncation_is_seen() -> None:
    result = measure(drawn(0), np.minimum(drawn(1), 24))
    assert result.grade in ("close", "visible", "far")
    part = result.detail["parts"][0]
    assert part["longest_synthetic"] == 24
    assert part["value"] == pytest.approx((drawn(0) > 24).mean(), abs=0.03)


def test_sequences_shorter_than_a_window_count_too() -> None:
    lengths = np.where(np.arange(300) % 3 == 0, 3, drawn(1))
    result = measure(drawn(0), lengths, window=10)
    assert result.value == pytest.approx(1 / 3, abs=0.02)
    assert result.grade in ("visible", "far")


def test_all_of_one_length() -> None:
    even = np.full(40, 12)
    assert measure(even, even).value == 0
    assert measure(even, even).grade == "faithful"
    assert measure(even, np.full(40, 11)).grade == "far"


def test_few_sequences_prove_little() -> None:
    assert measure(drawn(0, 3), drawn(1, 3)).grade in GOOD


def test_not_available_in_words() -> None:
    rng = np.random.default_rng(0)
    result = Lengths().measure(prepare(rng.normal(size=(90, 1)), rng.normal(size=(40, 20, 1))), 2)
    assert "the real table is one sequence of 90 steps; it needs at least 2 sequences in each table" in result.verdict
    result = Lengths().measure(prepare(rng.normal(size=(40, 20, 1)), rng.normal(size=(90, 1))), 2)
    assert "the synthetic table is one sequence of 90 steps" in result.verdict
