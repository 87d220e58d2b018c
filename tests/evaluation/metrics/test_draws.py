"""Equal draws, and summaries that are computed once."""

from __future__ import annotations

import numpy as np

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.draws import CONTROLS, Distances, contrasts


def test_real_against_real_is_the_same_for_any_number_of_repeats(make_panel) -> None:
    case = prepare(make_panel(0), make_panel(1))
    drawn = []

    def describe(windows):
        drawn.append(len(windows))
        return windows.mean((0, 1))

    few, many = (contrasts(case, "test", repeats, describe, lambda real, other: real - other) for repeats in (1, 3))
    assert (few.control == many.control).all()
    assert (few.synthetic == many.synthetic[:1]).all()
    assert set(drawn) == {150}


def test_a_distance_of_summaries_is_the_distance(make_panel) -> None:
    case = prepare(make_panel(0), make_panel(1))

    def apart(real, other):
        return np.abs(real.mean((0, 1)) - other.mean((0, 1)))

    whole = contrasts(case, "test", 2, lambda windows: windows, apart)
    parts = contrasts(case, "test", 2, lambda windows: windows.mean((0, 1)), lambda real, other: np.abs(real - other))
    for one, two in zip(whole, parts, strict=True):
        assert (one == two).all()
    assert [len(side) for side in parts] == [2, CONTROLS, 2]


def test_far_is_the_useless_table_or_well_beyond_chance() -> None:
    useless, control = np.array([[0.5, 0.01, 0.01]]), np.array([[0.02, 0.02, 0.001], [0.04, 0.04, 0.003]])
    found = Distances(useless, control, useless).far_from(0.05)
    assert np.allclose(found.useless, [[0.5, 0.18, 0.05]])
