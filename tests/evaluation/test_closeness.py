"""One number for a search: sound at the ends, on small folds, and in every form a table comes in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.errors import InputError
from tsgan.evaluation.evaluate import closeness


def test_both_ends(make_panel):
    assert closeness(make_panel(0), make_panel(1)) > 0.85
    assert closeness(make_panel(0), np.random.default_rng(0).normal(size=(300, 8, 2))) < 0.05


def test_the_same_call_gives_the_same_number(make_panel):
    assert closeness(make_panel(0, 20), make_panel(1, 20)) == closeness(make_panel(0, 20), make_panel(1, 20))


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_few_sequences_are_scored_by_shorter_windows(make_panel, count):
    real, other = (make_panel(seed, count, 24) for seed in (0, 1))
    assert 0 <= closeness(real, other) <= 1
    assert closeness(real, other + 30) < 0.1


@pytest.mark.parametrize("rows", [12, 30, 60])
def test_a_short_series_is_scored(rows):
    rng = np.random.default_rng(0)
    real, other = rng.normal(size=(2, rows, 3))
    assert closeness(real, other + 30) < 0.1
    assert 0 <= closeness(real, other) <= 1


def test_too_short_for_any_window():
    with pytest.raises(InputError, match=r"the table is too short to be scored: .*windows of 2 steps; pass more rows"):
        closeness(np.arange(6.0).reshape(3, 2), np.arange(6.0).reshape(3, 2))


def test_sequences_of_different_lengths_and_keys_in_the_index(make_panel):
    lengths = np.random.default_rng(0).integers(4, 9, 60)
    real, other = ([s[:n] for s, n in zip(make_panel(seed, 60), lengths, strict=True)] for seed in (0, 1))

    def table(sequences):
        parts = [pd.DataFrame(s, columns=["x0", "x1"]) for s in sequences]
        return pd.concat(parts, keys=range(len(parts)), names=["who", "step"])

    assert closeness(real, other) == closeness(table(real), table(other), entity="who")
