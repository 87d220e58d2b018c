"""From a figure and its two ends to a verdict."""

from __future__ import annotations

import numpy as np
import pytest

from tsgan.evaluation.metrics.base import ALPHA, GRADES, TONES, chance_of, grade


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "faithful"), (0.1, "faithful"), (0.104, "faithful"), (0.2, "close"), (0.4, "visible"), (0.8, "far")],
)
def test_beyond_chance(value: float, expected: str) -> None:
    assert grade(value, control=0.1, worst=1.0, chance=1e-9) == expected


def test_within_chance() -> None:
    assert grade(0.15, control=0.1, worst=1.0, chance=0.3) == "faithful"
    assert grade(0.3, control=0.1, worst=1.0, chance=0.3) == "unclear"


def test_more_tests_leave_less_to_chance() -> None:
    assert grade(0.15, 0.1, 1.0, chance=ALPHA / 5, tests=1) == "close"
    assert grade(0.15, 0.1, 1.0, chance=ALPHA / 5, tests=10) == "faithful"


def test_where_the_useless_table_is_no_worse() -> None:
    assert grade(0.1, control=0.2, worst=0.15, chance=1e-9) == "faithful"
    assert grade(0.3, control=0.2, worst=0.15, chance=1e-9) == "visible"
    assert grade(0.9, control=0.2, worst=0.15, chance=1e-9) == "far"
    assert grade(0.9, control=0.2, worst=0.15, chance=0.1) == "unclear"
    assert grade(0.3, control=0.2, worst=0.15, chance=0.1) == "faithful"


def test_where_higher_is_better() -> None:
    assert grade(0.94, control=0.95, worst=0.0, chance=0.4, better="higher") == "faithful"
    assert grade(0.2, control=0.95, worst=0.0, chance=1e-9, better="higher") == "far"


def test_every_grade_has_words_and_a_tone() -> None:
    assert set(GRADES) == set(TONES)


@pytest.mark.parametrize("power", [1, 2])
def test_chance_of_distances_is_about_right(power: int) -> None:
    """Absolute and squared differences of two means: the gamma tail is not far below the true one."""
    rng = np.random.default_rng(power)
    false = 0
    for _ in range(2000):
        controls = np.abs(rng.normal(size=16)) ** power
        false += chance_of([float(np.abs(rng.normal()) ** power)], controls) < 0.01
    assert false / 2000 < 0.03  # sixteen controls know their own spread only roughly
    assert chance_of([8.0**power], np.abs(rng.normal(size=16)) ** power) < 1e-3


def test_chance_of_areas() -> None:
    controls = [0.48, 0.52, 0.5, 0.51, 0.49]
    assert chance_of([0.5] * 5, controls, zero_is_perfect=False) == pytest.approx(0.5, abs=0.05)
    assert chance_of([0.6] * 5, controls, zero_is_perfect=False) < 1e-6
    assert chance_of([0.6] * 5, controls, zero_is_perfect=False, noise=0.1) > 0.1


def test_chance_where_controls_do_not_vary() -> None:
    assert chance_of([0.0], [0.0] * 3) == 1.0
    assert chance_of([0.1], [0.0] * 3) == 0.0
    assert chance_of([0.9], [1.0] * 3, better="higher", zero_is_perfect=False) == 0.0
    assert chance_of([1.0], [1.0] * 3, better="higher", zero_is_perfect=False) == 1.0
