"""What a record is, and nearest records against a slow twin that loops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation import records as module
from tsgan.evaluation.case import prepare
from tsgan.evaluation.records import chosen, join, nearest, nearest_windows, record_index, records, remembered


def ragged(seed: int, count: int, low: int = 6, high: int = 15) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(low, high, count)
    return pd.DataFrame(rng.normal(size=(lengths.sum(), 2)), columns=["x", "y"]).assign(
        who=np.repeat(np.arange(count), lengths)
    )


def ragged_case(count: int = 40):
    return prepare(ragged(0, count), ragged(1, 25), ragged(2, 35), entity="who", window=6)


def series_case():
    return prepare(*(np.random.default_rng(seed).normal(size=(90 + seed, 2)) for seed in range(3)), window=5)


def distances(queries, references) -> np.ndarray:
    """`(query windows, reference windows)`, one at a time."""
    return np.array([[np.linalg.norm(np.float64(a) - b) for b in references.points] for a in queries.points])


def slow_nearest(queries, references, itself: bool):
    """The same as `nearest`, in loops."""
    table = distances(queries, references)
    found = []
    for record in range(len(queries)):
        mine = np.flatnonzero(queries.owner == record)
        best: dict[int, float] = {}
        for window in mine:
            for other in range(len(references.owner)):
                name = references.names[references.owner[other]]
                if itself and references.blocks and abs(queries.starts[window] - references.starts[other]) < 5:
                    continue
                if itself and not references.blocks and name == queries.names[record]:
                    continue
                key = other if references.blocks else name
                best[key] = min(best.get(key, np.inf), table[window, other])
        first = min(best, key=best.__getitem__)
        rest = best
        if references.blocks:
            rest = {k: v for k, v in best.items() if abs(references.starts[k] - references.starts[first]) >= 5}
            name = references.names[references.owner[first]]
        else:
            rest = {k: v for k, v in best.items() if k != first}
            name = first
        found.append((best[first], min(rest.values()), name))
    return np.array(found)


@pytest.mark.parametrize("make", [ragged_case, series_case])
@pytest.mark.parametrize("itself", [False, True])
def test_nearest_is_what_loops_find(make, itself: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 900)  # several blocks
    case = make()
    asked = records(case, "real" if itself else "synthetic", apart=True)
    searched = records(case, "real")
    fast, slow = nearest(asked, searched, itself), slow_nearest(asked, searched, itself)
    np.testing.assert_allclose(fast.distance, slow[:, :2], rtol=1e-6)
    assert (fast.name[:, 0] == slow[:, 2]).all()


def test_a_record_is_a_sequence_and_its_windows_are_its_own() -> None:
    case = ragged_case()
    everyone, found = record_index(case, "real"), records(case, "real")
    assert not everyone.blocks
    assert everyone.word == "sequences"
    assert len(everyone) == 40
    assert (np.bincount(found.owner) == case.real.panel.lengths - 5).all()
    apart = records(case, "real", apart=True)
    assert (np.bincount(apart.owner) == -(-(case.real.panel.lengths - 5) // 6)).all()
    assert len(set(everyone.cluster)) == 40


def test_sequences_too_short_for_a_window_are_no_records() -> None:
    case = prepare(ragged(0, 60, 2, 12), ragged(1, 60, 2, 12), entity="who", window=6)
    assert len(record_index(case, "real")) == (case.real.panel.lengths >= 6).sum()


def test_a_long_series_has_stretches_in_clusters() -> None:
    case = series_case()
    everyone = record_index(case, "real")
    assert everyone.blocks
    assert everyone.word == "stretches of 5 steps"
    assert len(everyone) == 18
    assert (everyone.first == np.arange(0, 90, 5)).all()
    assert (everyone.count == [*[5] * 17, 1]).all()
    assert (np.bincount(everyone.cluster) == [4, 4, 4, 4, 2]).all()


def test_few_long_sequences_are_clusters_of_stretches() -> None:
    tables = [np.random.default_rng(seed).normal(size=(12, 40, 1)) for seed in range(3)]
    everyone = record_index(prepare(*tables, window=5), "real")
    assert everyone.blocks
    assert (np.bincount(everyone.cluster) == 8).all()
    assert len(np.bincount(everyone.cluster)) == 12


def test_blocks_that_are_longer_in_training_than_in_holdout_are_no_persons() -> None:
    tables = [np.random.default_rng(seed).normal(size=(40, steps, 1)) for seed, steps in enumerate((40, 40, 20))]
    assert record_index(prepare(*tables, window=5), "real").blocks
    assert not record_index(prepare(tables[0], tables[1], tables[0] + 1, window=5), "real").blocks


def test_a_long_synthetic_series_beside_a_panel_is_cut_in_stretches() -> None:
    real = np.random.default_rng(0).normal(size=(40, 6, 1))
    case = prepare(real, np.random.default_rng(1).normal(size=(100, 1)), window=6)
    assert not record_index(case, "real").blocks
    assert len(record_index(case, "synthetic")) == 16


def test_every_column_weighs_about_the_same() -> None:
    rng = np.random.default_rng(0)
    count, steps = 200, 4
    table = pd.DataFrame(
        {
            "who": np.repeat(np.arange(count), steps),
            "big": 1e6 * rng.normal(size=count * steps) + 1e9,
            "tailed": rng.standard_t(2, size=count * steps),
            "level": rng.choice(list("abcd"), count * steps),
            "flag": rng.random(count * steps) < 0.3,
            "static": np.repeat(rng.choice(["n", "s"], count), steps),
        }
    )
    case = prepare(table, table, entity="who", static=["static"])
    found = records(case, "real")
    assert found.points.shape == (count, 4 * (1 + 1 + 4 + 1) + 2)
    cuts = np.cumsum([4, 4, 16, 4, 2])
    weights = [part.var(0).sum() for part in np.split(found.points, cuts[:-1], axis=1)]
    assert np.allclose(weights[2:], 4, rtol=0.1)
    assert 1.5 < min(weights[:2]) < max(weights[:2]) < 6
    without = records(case, "real", without=case.columns[2])
    assert without.points.shape[1] == found.points.shape[1] - 16


def test_constant_and_missing_columns_have_a_scale() -> None:
    rng = np.random.default_rng(0)
    real = np.stack([rng.normal(size=(40, 5)), np.full((40, 5), 3.0), np.full((40, 5), np.nan)], axis=2)
    real[rng.random((40, 5)) < 0.2, 0] = np.nan
    found = records(prepare(real, real), "real")
    assert np.isfinite(found.points).all()
    assert found.points.shape[1] == 5 * (2 + 1 + 2)


def test_many_are_drawn_and_long_ones_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REFERENCES", 60)
    case = ragged_case()
    found = records(case, "real")
    assert len(found) == 40
    assert len(found.owner) <= 60
    assert (np.bincount(found.owner) >= 1).all()
    some = chosen(case, "real", 10)
    assert len(some) == 10
    assert (np.diff(some) > 0).all()
    assert (some == chosen(case, "real", 10)).all()


def test_two_tables_joined_keep_their_records_apart() -> None:
    case = ragged_case()
    one, two = records(case, "real"), records(case, "holdout")
    both = join(one, two)
    assert len(both) == 75
    found = nearest(both, both, itself=True)
    rows = np.minimum(nearest(one, one, itself=True).distance[:, 0], nearest(one, two).distance[:, 0])
    np.testing.assert_allclose(found.distance[:40, 0], rows)


def test_nearest_windows_and_what_is_remembered() -> None:
    case = ragged_case()
    asked, searched = records(case, "synthetic"), records(case, "real")
    assert (nearest_windows(asked, searched) == distances(asked, searched).argmin(1)).all()
    first = remembered(case, "a list", lambda: [1])
    assert remembered(case, "a list", lambda: [2]) is first
    assert remembered(ragged_case(), "a list", lambda: [2]) == [2]


def test_equal_windows_are_exactly_0_apart() -> None:
    real = 1e4 + np.random.default_rng(0).normal(size=(50, 24, 3))
    case = prepare(real, real[::-1].copy())
    assert (nearest(records(case, "synthetic"), records(case, "real")).distance[:, 0] == 0).all()
