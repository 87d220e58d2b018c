"""What the pictures show, where it is computed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.report.pictures import bins, closeness, frames, maps, marginal, paths, rhythms, transitions


def table(weather: str, count: int = 1) -> pd.DataFrame:
    frame = pd.DataFrame({"weather": list(weather) * count, "id": np.repeat(np.arange(count), len(weather))})
    return frame.assign(wind=np.arange(len(frame)) % 3.0)


def test_transitions_stay_within_a_sequence() -> None:
    case = prepare(table("aab", 20), table("aba", 20), entity="id")
    picture = transitions(case, case.columns[0])
    assert "mean chance of 2 levels to stay as they are is 0.25 and 0.00" in picture.alt
    assert ">0.50<" in picture.svg
    assert picture.caption == "weather"


def test_transitions_of_many_levels_show_the_most_frequent() -> None:
    text = "abcdefghijkl" + "abcdefghij" * 3
    case = prepare(table(text), table(text))
    picture = transitions(case, case.columns[0])
    assert picture.caption == "weather (its 10 most frequent levels)"


def test_transitions_of_booleans_leave_missing_values_out() -> None:
    open_ = pd.array([True, True, None, False, False, False] * 10, dtype="boolean")
    frame = pd.DataFrame({"open": open_})
    case = prepare(frame, frame)
    assert "is 0.84 and 0.84" in transitions(case, case.columns[0]).alt


def test_lengths_and_gaps_are_drawn_where_they_vary() -> None:
    even = pd.DataFrame({"id": np.repeat([0, 1, 2], 4), "t": np.tile(np.arange(4), 3), "x": np.arange(12.0)})
    uneven = even.assign(t=np.tile([0, 1, 3, 9], 3)).iloc[:-1]
    same = prepare(even, even, entity="id", time="t")
    assert frames(same) == []
    lengths, gaps = frames(prepare(even, uneven, entity="id", time="t"))
    assert "length of a sequence (steps), real and synthetic; the medians are 4 and 4" in lengths.alt
    assert "gap to the row before" in gaps.alt
    assert "the medians are 1 and 2" in gaps.alt
    assert frames(prepare(even[["x"]], even[["x"]])) == []


def test_missing_values_are_not_drawn_as_the_mean() -> None:
    x = np.array([0.0, np.nan, 1.0, np.nan, 10.0] * 12)
    frame = pd.DataFrame({"x": x})
    case = prepare(frame, frame)
    drawn = marginal(case, case.columns[0], "")
    full = prepare(frame.dropna(), frame.dropna())
    assert drawn.svg == marginal(full, full.columns[0], "").svg
    assert "stretches of" in paths(case, case.columns[0]).alt


def test_rhythm_says_how_slow_it_is() -> None:
    steps = np.arange(400)
    slow, fast = (pd.DataFrame({"x": np.sin(2 * np.pi * steps / period)}) for period in (24, 3))
    case = prepare(slow, fast, window=24)
    (picture,) = rhythms(case, list(case.columns))
    assert "100% and 0% of their power is in the slowest quarter" in picture.alt


def test_maps_of_constant_windows_are_left_out() -> None:
    constant = np.ones((60, 2))
    assert maps(prepare(constant, constant)) == []
    rng = np.random.default_rng(0)
    case = prepare(rng.normal(size=(60, 2)), rng.normal(size=(60, 2)))
    assert len(maps(case, near=False)) == 1
    assert len(maps(case)) == 2


@pytest.mark.parametrize(
    ("real", "edges"),
    [([1.0, 2.0, 3.0], [0.5, 1.5, 2.5, 3.5]), ([2.0, 2.0], list(np.linspace(1, 3, 12)))],
)
def test_bins_hold_one_value_each_where_there_are_few(real, edges) -> None:
    assert bins(np.array(real), np.array([5.0])) == pytest.approx(np.array(edges))


@pytest.mark.parametrize("seen", [True, False])
def test_copies_lie_at_distance_nought(make_panel, seen) -> None:
    real, holdout = make_panel(0, 60), make_panel(1, 60) if seen else None
    (copied,) = closeness(prepare(real, real, holdout))
    (fresh,) = closeness(prepare(real, make_panel(2, 60), holdout))
    assert copied.caption.startswith("100% of the synthetic records are closer than all but 5 %")
    assert int(fresh.caption.split("%")[0]) < 25
    assert ("holdout records" in fresh.alt) == seen
    assert ("real records to each other" in fresh.alt) != seen
