"""Periods: found where steps are alike, whatever their form; none in noise."""

import numpy as np
import pytest

from tsgan.layout import Category, Layout, Number
from tsgan.model.periods import MAX_PERIODS, find_periods
from tsgan.panel import Panel

LAYOUT = Layout((Category("c", 2), Number("x", missing=True)))


def panel(series):
    values = np.concatenate([np.column_stack([np.zeros(len(x)), x]) for x in series])
    return Panel(values, np.array([len(x) for x in series]), np.zeros((len(series), 0)))


def wave(rows, period, seed=0):
    rng = np.random.default_rng(seed)
    shape = np.cumsum(rng.normal(size=period))
    return np.tile(shape, rows // period + 1)[:rows] + 0.5 * rng.normal(size=rows)


@pytest.mark.parametrize("period", [4, 7, 24, 168])
def test_periods_and_their_multiples(period):
    found = find_periods(panel([wave(6000, period)]), LAYOUT)
    assert found[0] == period
    assert all(one % period == 0 for one in found)
    assert len(found) <= MAX_PERIODS


def test_of_many_sequences_and_with_holes():
    series = [wave(200, 12) for _ in range(20)]
    for x in series:
        x[np.random.default_rng(len(x)).random(len(x)) < 0.2] = np.nan
    assert 12 in find_periods(panel([*series, np.zeros(3)]), LAYOUT)


@pytest.mark.parametrize("rows", [1, 2, 50, 5000])
def test_none_in_noise_or_where_rows_are_few(rows):
    assert find_periods(panel([np.random.default_rng(0).normal(size=rows)]), LAYOUT) == ()


def test_none_without_numbers_or_where_nothing_changes_or_is_known():
    assert find_periods(panel([np.zeros(500)]), LAYOUT) == ()
    assert find_periods(panel([np.full(500, np.nan)]), LAYOUT) == ()
    assert find_periods(Panel(np.zeros((500, 1)), np.array([500]), np.zeros((1, 0))), Layout((Category("c", 2),))) == ()


def test_none_longer_than_what_half_of_the_rows_have_before_them():
    series = [wave(40, 24, seed=0) for _ in range(50)]
    assert find_periods(panel(series), LAYOUT) == ()
