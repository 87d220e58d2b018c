"""The time between rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.timing import Gaps

GOOD = ("faithful", "unclear")


def table(seed: int, gaps: np.ndarray) -> pd.DataFrame:
    """Rows at the ends of the gaps `(sequences, steps)`."""
    when = np.cumsum(gaps, axis=1).ravel()
    values = np.random.default_rng(seed).normal(size=len(when))
    return pd.DataFrame({"who": np.repeat(np.arange(len(gaps)), gaps.shape[1]), "t": when, "v": values})


def drawn(seed: int, heavy: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(0, heavy, (200, 10))


def measure(real, synthetic, **roles):
    return Gaps().measure(prepare(real, synthetic, **{"entity": "who", "time": "t", **roles}), 5)


@pytest.mark.parametrize("heavy", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_another_sample_of_the_source_passes(seed: int, heavy: float) -> None:
    result = measure(table(0, drawn(seed, heavy)), table(1, drawn(seed + 100, heavy)))
    assert result.grade in GOOD
    assert result.detail["parts"][0]["logarithms"] == (heavy == 3.0)


@pytest.mark.parametrize("heavy", [0.5, 3.0])
def test_wider_gaps_are_seen(heavy: float) -> None:
    result = measure(table(0, drawn(0, heavy)), table(1, drawn(1, 1.5 * heavy)))
    assert result.grade in ("close", "visible", "far")


def test_a_regular_clock() -> None:
    even = np.full((60, 10), 0.1)
    assert measure(table(0, even), table(1, even)).value == 0
    assert measure(table(0, even), table(1, even)).grade == "faithful"
    assert measure(table(0, even), table(1, 1.01 * even)).grade == "far"
    jitter = even + 1e-4 * np.random.default_rng(0).normal(size=even.shape)
    assert measure(table(0, even), table(1, jitter)).grade == "far"


def test_dates_of_an_index_are_a_clock() -> None:
    rng = np.random.default_rng(0)
    days = [pd.date_range("2024", periods=600), pd.bdate_range("2024", periods=600)]
    frames = [pd.DataFrame({"v": rng.normal(size=600)}, index=index) for index in days]
    assert Gaps().measure(prepare(frames[0], frames[0]), 2).grade == "faithful"
    result = Gaps().measure(prepare(*frames), 2)
    assert result.value == pytest.approx(0.2, abs=0.01)
    assert result.grade in ("visible", "far")


def test_stamps_that_stand_still_are_seen() -> None:
    gaps = drawn(1)
    gaps[np.random.default_rng(0).random(gaps.shape) < 0.03] = 0
    part = measure(table(0, drawn(0)), table(1, gaps)).detail["parts"][0]
    assert part["still"] == pytest.approx(0.03, abs=0.01)
    assert part["grade"] in ("close", "visible", "far")


def test_not_available_in_words() -> None:
    frame = table(0, drawn(0)).drop(columns="t")
    both = Gaps().measure(prepare(frame, frame, entity="who"), 2).verdict
    assert "the real and the synthetic table have no clock; name its column (time=...)" in both
    dated = frame.drop(columns="who").set_index(pd.date_range("2024", periods=len(frame)))
    one = Gaps().measure(prepare(dated, dated.reset_index(drop=True)), 2).verdict
    assert "the synthetic table has no clock" in one
