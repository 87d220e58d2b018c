"""Figures with their law of chance, put together to a result."""

from __future__ import annotations

import numpy as np
import pytest

from tsgan.evaluation.metrics.figures import Figure, Row, difference, result_of_rows
from tsgan.evaluation.metrics.marginals import Marginals

RNG = np.random.default_rng(0)
SMALL = np.abs(RNG.normal(0, 0.01, (2, 100)))


def test_both_laws_of_chance_must_be_passed() -> None:
    wide = np.stack([SMALL[0], 10 * SMALL[1]])
    assert Figure(0.09, SMALL, 1.0).likely < 1e-6
    assert Figure(0.09, wide, 1.0).likely > 0.05
    assert Figure(0.09, SMALL, 1.0, chance=0.5).likely == 0.5


def test_single_numbers_by_students_t() -> None:
    draws = 0.3 + RNG.normal(0, 0.01, (2, 100))
    figure = difference(0.35, 0.3, draws, 0.5)
    assert figure.value == pytest.approx(0.05)
    assert 1e-7 < figure.likely < 1e-4
    assert difference(0.3, 0.3, draws, 0.5).likely == 1
    still = np.full((2, 100), 0.3)
    assert difference(0.3, 0.3, still, 0.5).likely == 1
    assert difference(0.31, 0.3, still, 0.5).likely == 0


def test_a_row_is_graded_by_what_shows_most() -> None:
    quiet, loud = Figure(0.01, SMALL, 1.0), Figure(0.7, SMALL, 1.0)
    rows = [Row("a", {"one": quiet, "two": loud}, {"more": 3}), Row("b", {"one": quiet}, {"two": None})]
    found = result_of_rows(Marginals(), rows, 3)
    first, second = found.detail["columns"]
    assert (first["grade"], second["grade"]) == ("far", "faithful")
    assert (first["value"], first["one"], first["two"], first["more"]) == (0.01, 0.01, 0.7, 3)
    assert found.value == pytest.approx(0.01)
    assert found.grade == "visible"
    assert found.detail["values"] == pytest.approx([0.01] * 3)
    assert found.interval is None
    assert "Furthest: a" in found.verdict


def test_interval() -> None:
    again = 0.2 + RNG.normal(0, 0.02, 100)
    rows = [Row("a", {"one": Figure(0.2, SMALL, 1.0, again=again)}, {})]
    low, high = result_of_rows(Marginals(), rows, 1).interval
    assert (low, high) == pytest.approx((0.2 - 1.96 * again.std(), 0.2 + 1.96 * again.std()))
