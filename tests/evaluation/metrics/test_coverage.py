"""Precision, recall, density, coverage and variety: collapse must show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics import coverage
from tsgan.evaluation.metrics.coverage import Coverage

METRIC = Coverage()


def modes(seed: int, count: int = 400, which: tuple[int, ...] = (0, 1, 2)) -> np.ndarray:
    """`(count, 12, 2)`: waves of one of three periods in the first column, noise in the second."""
    rng = np.random.default_rng(seed)
    period = np.array([3, 6, 12])[rng.choice(which, count)]
    wave = np.sin(2 * np.pi * (np.arange(12) / period[:, None] + rng.random((count, 1))))
    return np.stack([wave + 0.2 * rng.normal(size=wave.shape), rng.normal(size=wave.shape)], axis=2)


def look(real, synthetic, **roles):
    result = METRIC.measure(prepare(real, synthetic, **roles), 2)
    return result, {row["part"]: row for row in result.detail.get("parts", ())}


def plain(real: np.ndarray, other: np.ndarray, k: int) -> list[float]:
    """The readable twin: figures as the papers define them, and variety, for windows that each stand alone."""

    def distance(a, b):
        return np.linalg.norm(a[:, None] - b[None], axis=2)

    def sorted_within(a):
        return np.sort(distance(a, a) + np.diag([np.inf] * len(a)), axis=1)

    own, others = sorted_within(real), sorted_within(other)
    inside = distance(real, other) <= own[:, [k - 1]]
    return [
        inside.any(axis=1).mean(),
        (distance(real, other) <= others[:, k - 1]).any(axis=1).mean(),
        (others[:, 0] >= np.quantile(own[:, 0], 0.05)).mean(),
        inside.sum() / k / len(other),
        inside.any(axis=0).mean(),
    ]


def test_figures_equal_the_readable_twin() -> None:
    rng = np.random.default_rng(0)
    real, other = rng.normal(size=(80, 3)).astype(np.float32), 1.3 * rng.normal(size=(80, 3)).astype(np.float32)
    got = coverage._figures(real, coverage._within(real, 1), other, 1)
    np.testing.assert_allclose(got, plain(real, other, 5), atol=0.02)


def test_neighbours_are_sought_in_other_groups() -> None:
    places = np.array([[0.0], [0.1], [5.0], [5.1], [20.0], [20.1]], dtype=np.float32)
    nearest, _ = coverage._within(places, 2)
    np.testing.assert_allclose(np.sqrt(nearest), [5, 4.9, 4.9, 5, 14.9, 15], atol=0.01)


def test_even_draws_take_as_many_of_each_group() -> None:
    groups = np.repeat([3, 5, 9], [10, 2, 7])
    drawn = coverage._even(groups, 3, 4, np.random.default_rng(0)).reshape(3, 4)
    assert sorted(groups[drawn][:, 0]) == [3, 5, 9]
    assert (np.ptp(groups[drawn], axis=1) == 0).all()
    for row in drawn:
        assert len(set(row)) == (2 if groups[row[0]] == 5 else 4)


def test_another_sample_is_covered() -> None:
    result, parts = look(modes(0), modes(1))
    assert result.grade == "faithful"
    assert set(parts) == {"coverage", "recall", "variety", "density", "precision"}
    assert result.value > 0.95


def test_a_missing_mode_shows() -> None:
    result, parts = look(modes(0), modes(1, which=(0, 1)))
    assert result.grade in ("visible", "far")
    assert parts["recall"]["grade"] in ("visible", "far")
    assert parts["precision"]["grade"] == "faithful"
    assert "Furthest by itself: x0" in result.verdict


def test_a_mode_that_one_of_many_columns_lacks_shows() -> None:
    many = [np.random.default_rng(9 + i).normal(size=(400, 12, 8)) for i in range(2)]
    real, other = (
        np.concatenate([x, y], axis=2) for x, y in zip((modes(0), modes(1, which=(0, 1))), many, strict=True)
    )
    result, _ = look(real, other)
    assert result.grade in ("close", "visible")
    assert result.detail["columns"][0]["grade"] in ("visible", "far")


def test_a_table_that_repeats_fifty_windows_shows_even_where_they_are_good() -> None:
    result, parts = look(modes(0), np.tile(modes(1, 50), (8, 1, 1)))
    assert result.grade in ("visible", "far")
    assert parts["variety"]["value"] < 0.2
    assert parts["variety"]["grade"] == "far"


def test_sequences_drawn_from_half_of_the_entities_show() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(120, 1, 2)) * 2 + rng.normal(size=(120, 30, 2)) / 2
    drawn = real[rng.integers(60, size=120)]
    result, parts = look(real, drawn, window=10)
    assert parts["variety"]["grade"] in ("visible", "far")
    assert result.grade in ("close", "visible")


def test_copies_do_not_make_it_better_than_real_ones() -> None:
    result, _ = look(modes(0), modes(0))
    assert result.grade == "faithful"
    assert result.value <= 1


def test_one_long_series_is_compared_by_stretches_of_time() -> None:
    rng = np.random.default_rng(0)
    series = [np.convolve(rng.normal(size=2003), np.ones(4) / 2, "valid")[:, None] for _ in range(2)]
    result, _ = look(*series, window=8)
    assert result.grade == "faithful"
    assert "columns" not in result.detail


def test_missing_values_and_categories() -> None:
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(2):
        level = rng.normal(size=1200)
        frame = pd.DataFrame({"id": np.repeat(np.arange(100), 12), "a": level, "b": np.where(level > 0, "up", "down")})
        frame.loc[rng.random(1200) < 0.1, "a"] = np.nan
        frames.append(frame)
    result, _ = look(*frames, entity="id")
    assert result.grade == "faithful"
    assert [row["column"] for row in result.detail["columns"]] == ["a", "b"]


def test_too_few_sequences_are_said_in_words() -> None:
    result, _ = look(modes(0, 19), modes(1))
    assert "at least 10 are needed in either half of the real table and in the synthetic one" in result.verdict
    assert result.verdict.startswith("not available: only 9 sequences, or separate stretches of 12 steps, can be set")


@pytest.mark.parametrize("count", [12, 60])
def test_nothing_varies(count: int) -> None:
    result, _ = look(np.ones((40, 6, 2)), np.ones((count, 6, 2)))
    assert result.grade == "faithful"
    assert result.value == 1
