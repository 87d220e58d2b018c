"""What another sample of one source would bring that the first does not hold, by chance."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from tsgan.evaluation.metrics.units import chance_of_extremes, chance_of_new, in_one_unit


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_records_by_all_orders(count: int) -> None:
    real, other = 4, 3
    orders = list(combinations(range(real + other), other))  # ranks of the other table's units, 0 the outermost
    beyond = sum(set(range(count)) <= set(ranks) for ranks in orders)
    assert chance_of_extremes(count, real, other) == pytest.approx(beyond / len(orders))


def test_records_cannot_outnumber_the_units() -> None:
    assert chance_of_extremes(9, 4, 3) == pytest.approx(chance_of_extremes(3, 4, 3))


def test_news() -> None:
    assert chance_of_new(0, 0, 100, 100) == 1
    assert chance_of_new(1, 0, 100, 100) == pytest.approx(1 - np.exp(-1))
    assert chance_of_new(30, 0, 100, 100) < 1e-9
    assert chance_of_new(30, 30, 100, 100) > 0.3


def test_singles_by_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    codes, units, where = rng.integers(12, size=60), np.sort(rng.integers(20, size=60)), rng.random(60) < 0.7
    holders = {code: {u for c, u, w in zip(codes, units, where, strict=True) if w and c == code} for code in range(12)}
    alone, count = in_one_unit(codes, units, where, 12)
    assert alone.tolist() == [len(holders[code]) == 1 for code in range(12)]
    assert count == len(set().union(*[h for h in holders.values() if len(h) == 1]))
