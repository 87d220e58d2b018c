"""Equal draws, and summaries that are computed once."""

from __future__ import annotations

import numpy as np

from tsgan.evaluation.case import prepare
from tsgan.evaluation.metrics.draws import CONTROLS, contrasts, draw, far_end


def test_real_sides_are_the_same_without_the_others(make_panel) -> None:
    case = prepare(make_panel(0), make_panel(1))
    whole, half = draw(case, "test", 3), draw(case, "test", 3, real_only=True)
    assert (whole.real == half.real).all()
    assert (whole.other == half.other).all()
    assert len(whole.real) == len(whole.useless) == len(whole.synthetic) == 150
    assert len(half.useless) == len(half.synthetic) == len(half.synthetic_index) == 0


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
    assert np.allclose(far_end(useless, control, 0.05), [[0.5, 0.18, 0.05]])
